"""Writes docs/inspect.md with what ``charrnn inspect`` really shows, and pictures: ``make docs``.

A test compares the page, but for views of the default corpus, which varies with the version of Python.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from charrnn.cli import run
from charrnn.drawing.terminal.screen import Screen

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


@dataclass(frozen=True)
class Section:
    """A view: what it is for, the command, and how to read it."""

    title: str
    before: str
    command: str
    after: str
    picture: str = ""  # the name of one in colours, if there is to be one

    @property
    def varies(self) -> bool:
        """Whether it reads the default corpus, or shows last digits that may differ."""
        views = ("--neurons", "--unit", "--gradients", "--weights", "--embedding")
        return any(view in self.command for view in views) and "--on" not in self.command


SECTIONS = (
    Section(
        "A model on one screen",
        "What it is, what it learnt from, how well, how its loss went, and how to go on.",
        "charrnn inspect checkpoints/demo.npz",
        """\
Perplexity is 2 to the bits: among so many equally likely characters the model might as well choose. Where the
curves part, the model begins to learn its text by heart; the weights that are kept are those of the best evaluation.

`--json` has `parameters`, `vocabulary_size`, `validation_loss` (nats per character or byte, of the kept weights),
`validation_bits_per_char`, `config`, `corpus`, `history` and more; `charrnn.summarize` gives the same.""",
    ),
    Section(
        "Everything in tables",
        "Each array, the corpus with its vocabulary, the configuration, and the history.",
        "charrnn inspect checkpoints/demo.npz --details",
        "",
    ),
    Section(
        "What surprises it",
        """\
A text (a file, `-` for standard input, or the text itself), read from left to right: a character counts -log2 of the
probability that the model gave it after all before it. The mean is what `charrnn score` tells. An expected character
costs next to nothing, one that had a chance of 1 in 256 costs 8 bits.""",
        "charrnn inspect checkpoints/demo.npz --text "
        "'The class statement is used. The vqxj zkpw is qqz. If it is an object, it is called.'",
        """\
Surprise sits at the beginnings of words, where much is possible; inside of a word the rest soon follows. `--at N`
shows what was expected in the place of the Nth character:""",
        "inspect-text.svg",
    ),
    Section(
        "",
        "",
        "charrnn inspect checkpoints/demo.npz --text 'If it is an object, it is called.' --at 14",
        """\
The bits that the model expected are those of its own prediction, its entropy: a character that costs more than that
surprised it, one that costs less is among those that it had in mind. `--json` has `bits_per_char`, `bits` and `entropy` for each
character, and `most_surprising` places with their guesses; in Python it is
`charrnn.inspection.read_surprise(model, text)`. `--unknown skip` or `replace` reads texts with characters that the
model does not know.""",
    ),
    Section(
        "What comes next",
        """\
The distribution of the character after a beginning, as `charrnn sample --prime` draws from it, at several
temperatures (`--temp`, as often as you like).""",
        "charrnn inspect checkpoints/demo.npz --next 'The class'",
        """\
A temperature divides the scores before the softmax: below 1 the likely becomes likelier, above 1 the unlikely gets
its chance. The bits in the head are the entropy. `--json` has all `characters` with their `probabilities`; in Python,
`charrnn.inspection.read_following(model, prime, temperatures)`.""",
    ),
    Section(
        "What its units do",
        """\
Each number of the recurrent state, in every layer the output *h* and an LSTM's cell *c*, is correlated with features
of a text at each character: is it in quotes, how deep in brackets, how far into the line, the word, the sentence?
That is how Karpathy, Johnson and Fei-Fei looked for interpretable cells
([arXiv 1506.02078](https://arxiv.org/abs/1506.02078)), but found by a matrix product instead of by eye.
The text is that of `--on` (a file, `-`, or words), by default the beginning of what the model learnt from. A checkpoint
may come from somebody else and name any file of yours, so its files are used only while all of them together have the
SHA-256 that it recorded (and up to 256 MB); otherwise a view reads what the model writes itself, and says why.""",
        "charrnn inspect checkpoints/demo.npz --neurons",
        """\
`1:47` is *h* of unit 47 in layer 1, `1:96:c` its cell, both counted from 0 as the arrays are (`layer1/W`). The lines
below the table are where a feature comes and goes most. A negative r is as good as a positive one: the unit is low
where the feature is high. A high r is no proof that the model uses the unit so. A feature that hardly ever varies in
the text, as digits here, has a low one. The table of features is
[`charrnn/inspection/features.py`](../charrnn/inspection/features.py); a further one is a function and a line.
In Python, `charrnn.inspection.find_neurons(model, text)` gives all correlations as an array.""",
    ),
    Section(
        "One unit at work",
        "A text coloured by what one unit holds after each character.",
        "charrnn inspect checkpoints/demo.npz --unit 1:96:c --on "
        "'Assert statements are a convenient way to insert debugging assertions into a program: "
        'assert_stmt ::= "assert" expression ["," expression]\'',
        """\
This cell counts the letters of a word. `--json` has the `values`, and how closely they follow each feature; in
Python, `charrnn.inspection.activation(model, text, unit)`.""",
        "inspect-unit.svg",
    ),
    Section(
        "How far back a loss reaches",
        """\
The gradient of one step's loss by the state of *k* steps before, in the trained model and in fresh ones of each cell:
it vanishes, and in an LSTM last of all. [gradients.md](gradients.md) tells what to look at, with exercises.""",
        "charrnn inspect checkpoints/demo.npz --gradients",
        """\
Several checkpoints are drawn beside each other: `charrnn inspect rnn.npz lstm.npz --gradients`. `--json` has for each
`rms`, the tenth and ninetieth percentiles over the steps (`low`, `high`), and `layers`, by layer and state; in Python,
`charrnn.inspection.gradient_flow(model, text)`.""",
    ),
    Section(
        "What the gates do",
        """\
`charrnn inspect --gates` shows for each unit how often its gates are open and shut (the saturation plots of Karpathy,
Johnson and Fei-Fei), and for how long it remembers by its forget gate (a GRU's update gate): n = -1/log of the gate's
geometric mean, the steps after which 1/e is left of what it held. In Python it is
`charrnn.inspection.gate_activity(model, text)`.

![Saturation plots of each gate, and the units' memory](images/gates.svg)""",
        "",
        "",
    ),
    Section(
        "Characters that it treats alike",
        """\
The columns of the embedding (or of the first layer, where the input is one-hot) and the rows of V, compared by the
cosine of their angle after taking their mean away. As characters are read, a capital is like its small letter; as
they are predicted, vowels stand in for vowels.""",
        "charrnn inspect checkpoints/demo.npz --embedding",
        "In Python, `charrnn.inspection.character_map(model, text)`; the text tells which characters are frequent.",
    ),
    Section(
        "The weights",
        "",
        "charrnn inspect checkpoints/demo.npz --weights",
        """\
A checkpoint that can be resumed shows the last update of each array as well. In Python: `recurrences`, `spreads` and
`last_updates` in `charrnn.inspection`.""",
    ),
    Section(
        "Pictures",
        """\
`--png FILE` and `--svg FILE` write a picture of any view but `--unit` and `--details`, with matplotlib
(`pip install 'charrnn[plot]'`). An SVG says in its title and description what it shows. `--json` may be given as well.

![Characters that the model treats alike](images/embedding.svg)""",
        "",
        "",
    ),
    Section(
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
        "",
        "",
    ),
    Section(
        "Several models side by side",
        """\
`charrnn inspect --compare a.npz b.npz` lists the settings in which models differ, and nothing else; their sizes,
losses and times; and their validation losses in one chart. Where they learnt from different texts it says so: then
the losses do not tell which is better.""",
        "charrnn inspect --compare checkpoints/demo.npz tests/golden/format-2.npz",
        "",
    ),
)


def page() -> Iterator[str]:
    """The page, a part after the other."""
    yield HEAD
    with at_home():
        for section in SECTIONS:
            if section.title:
                yield f"\n## {section.title}\n"
            if section.before:
                yield f"\n{section.before}\n"
            if section.command:
                yield f"\n{session(section.command)}"
            if section.picture:
                yield f"\nThe same in colours:\n\n![{section.title}]({section.picture})\n"
            if section.after:
                yield f"\n{section.after}\n"


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
        for one in SECTIONS:
            if one.picture:
                svg = picture(one.command)
                TARGET.with_name(one.picture).write_text(svg, encoding="utf-8", newline="\n")
