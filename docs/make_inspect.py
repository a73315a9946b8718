"""Puts into docs/inspect.md what ``charrnn inspect`` really shows, and draws its pictures: ``make docs``.

The words of the page are written there by hand; behind each command stands what it answers, which is put
there anew. A view that the page does not have yet gets a section with its help and its answer. A test
compares, but for views of the default corpus, which varies with the version of Python.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from charrnn.cli import run
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection import VIEWS, View

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "inspect.md"

SESSION = re.compile(r"```console\n\$ (?P<command>charrnn [^\n]*)\n(?P<answer>(?s:(?!```).)*)```\n")
COLOURED = re.compile(SESSION.pattern + r"\nThe same in colours:\n\n!\[[^]]*\]\((?P<file>[^)]+)\)")
ON_THE_CORPUS = ("--neurons", "--gradients", "--ngrams", "--weights", "--embedding")
"""Views that read the default corpus unless --on is given, or show last digits that may differ."""

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


def varies(command: str) -> bool:
    """Whether the answer is not the same everywhere."""
    return "--on" not in command and any(view in command for view in ON_THE_CORPUS)


def answer(command: str) -> str:
    """What a command writes to standard output."""
    with redirect_stdout(StringIO()) as output:
        assert run(shlex.split(command)[1:]) == 0
    return output.getvalue()


def section(view: View) -> str:
    """A view that nobody has written of yet."""
    return (
        f"\n## {view.section or view.flag}\n\n`{view.flag}`: {view.help}\n\n"
        f"```console\n$ charrnn inspect checkpoints/demo.npz {view.flag}\n```\n"
    )


def page(text: str) -> str:
    """The page with today's answers."""
    text += "".join(section(view) for view in VIEWS if view.flag and view.flag not in text)
    return SESSION.sub(
        lambda found: f"```console\n$ {found['command']}\n{answer(found['command'])}```\n", text
    )


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
    with at_home():
        whole = page(TARGET.read_text(encoding="utf-8"))
        TARGET.write_text(whole, encoding="utf-8", newline="\n")
        for found in COLOURED.finditer(whole):
            svg = picture(found["command"])
            TARGET.with_name(found["file"]).write_text(svg, encoding="utf-8", newline="\n")
