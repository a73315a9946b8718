"""Writes docs/inspect.md with what ``charrnn inspect`` really shows, and pictures: ``make docs``.

A test compares the page, but for views of the default corpus, which varies with the version of Python.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from charrnn.cli import run
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection import VIEWS, Example

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "inspect.md"

DARK = TerminalTheme((16, 20, 24), (220, 220, 220), [(0, 0, 0)] * 8)
ROW = 24.4  # height of a line in rich's SVG
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-10 -10 996 HEIGHT">
<style>text {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px }}
{styles}</style>
<rect x="-10" y="-10" width="996" height="HEIGHT" rx="8" fill="#101418"/>
{backgrounds}
<g>{matrix}</g>
</svg>
"""

HEAD = """\
# Windows into a model

Made by `make docs` from what the program shows of the small model that a clone carries.

`charrnn inspect [CHECKPOINT]` opens one window at a time; without a checkpoint it takes the newest one in
`checkpoints/`. On a terminal texts are coloured, from blue to orange, which every kind of colour blindness tells
apart; in a pipe, with `NO_COLOR`, and below, there are marks instead. Where a terminal knows neither blocks nor
braille, all is drawn in ASCII. Each view has `--json`, one object for a pipe, and a function in
`charrnn.inspection` for a notebook.
"""


PICTURES = Example(
    "Pictures",
    """\
`--png FILE` and `--svg FILE` write a picture of any view but `--details`, with matplotlib
(`pip install 'charrnn[plot]'`). An SVG says in its title and description what it shows. `--json` may be given as well.

![Characters that the model treats alike](images/embedding.svg)""",
)
ONE_PAGE = Example(
    "All of it on one page",
    """\
`charrnn inspect --html report.html` writes every view into one file, to open in any browser, to keep or to send: it
needs no other file, and asks no network for anything. On the page

- each character tells its bits and what was expected, under the mouse or the arrow keys, or by the slider;
- a slider sets the temperature of what comes next, at several places of the text;
- a unit of the table recolours the text by what it holds.

It follows the system's dark or light colours, or the choice at its top; pictures are SVG with titles and descriptions;
without JavaScript the texts are still coloured, and tables and pictures are all there. `--on` chooses the text. The page
holds its first 3,000 characters, and says so at its top; with `--no-text` it holds none of it, only figures. Of a model of
more than a million weights less is read and shown, so that it does not take long, and gradients come from fewer losses.""",
)
VIEWED = [
    example
    for view in VIEWS
    for example in import_module(f"charrnn.inspection.{view.file}").EXAMPLES
]
EXAMPLES: list[Example] = [*VIEWED, PICTURES, ONE_PAGE]


def page() -> Iterator[str]:
    """The page, a part after the other."""
    yield HEAD
    with at_home():
        for example in EXAMPLES:
            if example.title:
                yield f"\n## {example.title}\n"
                title = example.title
            if example.before:
                yield f"\n{example.before}\n"
            if example.command:
                yield f"\n{session(example.command)}"
            if example.picture:
                yield f"\nThe same in colours:\n\n![{title}]({example.picture})\n"
            if example.after:
                yield f"\n{example.after}\n"


def session(command: str) -> str:
    """A command with its output, as a block."""
    with redirect_stdout(StringIO()) as output:
        assert run(shlex.split(command)[1:]) == 0
    return f"```console\n$ {command}\n{output.getvalue()}```\n"


def picture(command: str) -> str:
    """What a terminal with colours shows, as SVG."""
    console = Console(
        record=True, file=StringIO(), width=80, force_terminal=True, color_system="truecolor",
        no_color=False, highlight=False, emoji=False, markup=False,
    )  # fmt: skip
    screen = Screen(console, colour=True, unicode=True)
    with mock.patch.object(Screen, "standard", lambda: screen):
        assert run(shlex.split(command)[1:]) == 0
    lines = console.export_text(clear=False).count("\n")
    form = SVG.replace("HEIGHT", f"{lines * ROW + 20:.0f}")
    svg = console.export_svg(theme=DARK, code_format=form, unique_id="inspect")
    return re.sub(r' clip-path="[^"]*"', "", svg)


@contextmanager
def at_home() -> Iterator[None]:
    """In the folder of the repository, with a screen of 80 columns and no colours."""
    here = Path.cwd()
    os.chdir(ROOT)
    kept = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    with mock.patch.dict(os.environ, {**kept, "COLUMNS": "80", "NO_COLOR": "1"}, clear=True):
        try:
            yield
        finally:
            os.chdir(here)


if __name__ == "__main__":
    TARGET.write_text("".join(page()), encoding="utf-8", newline="\n")
    with at_home():
        for one in EXAMPLES:
            if one.picture:
                svg = picture(one.command)
                TARGET.with_name(one.picture).write_text(svg, encoding="utf-8", newline="\n")
