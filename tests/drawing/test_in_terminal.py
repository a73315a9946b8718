"""Figures in terminals of every kind: what fits, what is told without colours, and nothing that acts."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest
from figures import figure
from rich.cells import cell_len
from rich.console import Console

from charrnn.drawing.figure import (
    PAGE,
    TERMINAL,
    Bar,
    Block,
    Cell,
    Chart,
    Column,
    Commands,
    Facts,
    Figure,
    Heading,
    Passage,
    Strong,
    Symbols,
    Table,
    Words,
)
from charrnn.drawing.terminal import draw
from charrnn.drawing.terminal.screen import Screen

STYLE = re.compile(r"\x1b\[[0-9;]*m")
ROUND = 3 + 1 + 6  # lines of a chart's axes and legend, and of what stands above and below it
WHOLE = 2  # lines of the figure that are to be copied: a path and a command


def _drawn(
    found: Figure,
    width: int = 80,
    *,
    colour: bool = False,
    unicode: bool = True,
    height: int | None = None,
) -> str:
    console = Console(
        file=StringIO(),
        width=width,
        height=height,
        color_system="truecolor" if colour else None,
        force_terminal=colour or height is not None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    draw(found, Screen(console, colour, unicode))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def _of(*blocks: Block) -> Figure:
    return Figure("", blocks, {})


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("unicode", [False, True])
@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_every_block(width: int, unicode: bool, colour: bool, encoding: str) -> None:
    """It fits, and nothing of it is a command to the terminal."""
    text = _drawn(figure(encoding), width, colour=colour, unicode=unicode)
    text = STYLE.sub("", text) if colour else text
    lines = text.split("\n")
    assert len(lines) > 100
    if unicode:  # in ASCII some of it becomes wider
        assert sum(cell_len(line.rstrip()) > width for line in lines) <= WHOLE
    # Half of a surrogate pair stands for a byte of a path, and goes out as it came in.
    assert all(line.replace("\ud800", "").isprintable() for line in lines)
    if not unicode:  # but for what is to be copied as it is
        assert sum(not line.isascii() for line in lines) == WHOLE


def test_a_block_is_where_it_belongs() -> None:
    found = _of(Words("both"), Words("here", on=TERMINAL), Words("there", on=PAGE))
    assert _drawn(found) == "both\nhere\n"


def test_characters_are_told_apart_from_words() -> None:
    """Brackets tell in a pipe what a colour does elsewhere; a space that stands alone is seen."""
    line = Words(("a b", Symbols("a b\n"), Symbols(" ", alone=True), Symbols("c", amount=0.5)))
    assert _drawn(_of(line)) == "a ba b⏎␣[c]\n"
    assert _drawn(_of(line), unicode=False) == "a ba b\\n' '[c]\n"
    assert "[c]" not in _drawn(_of(line), colour=True)
    strong = Words((Symbols("a", strong=True), Strong("b")))
    assert _drawn(_of(strong), colour=True).count("\x1b[1m") == 2


def test_what_is_bold() -> None:
    """Heads, names and totals; a name of a chart's line has its colour as well."""
    bold = "\x1b[1m"
    table = Table([Column("head")], [["cell"]], title="title", total=["total"])
    text = _drawn(_of(table, Facts([("name", "said")]), Words(Strong("letter", 1))), colour=True)
    for word in ("head", "total", "name"):
        assert f"{bold}{word}" in text
    for word in ("cell", "said"):
        assert f"{bold}{word}" not in text
    assert "\x1b[1;38;2;213;94;0mletter" in text


def test_bytes_are_told_as_numbers() -> None:
    found = replace(_of(Words((Symbols("é", alone=True), Symbols("é")))), encoding="latin-1")
    assert _drawn(found) == "e9h\ufffd\n"


def test_blocks_stand_apart() -> None:
    """But what leads in, what says more, and what has a frame or a heading of its own."""
    facts, table = Facts([("a", "b")]), Table([Column("")], [["c"]])
    assert _drawn(_of(facts, table)) == "a  b\n\nc\n"
    assert _drawn(_of(Words("so:"), table)) == "so:\nc\n"
    assert _drawn(_of(Words("so."), table)) == "so.\n\nc\n"
    assert _drawn(_of(Words("so."), Words("and so."))) == "so.\nand so.\n"
    assert _drawn(_of(Heading("so"), table)) == "so\nc\n"
    assert _drawn(_of(table, replace(facts, title="t"))).startswith("c\nt\n")


def test_names_and_commands_share_a_column() -> None:
    found = _of(Facts([("a long name", "b")]), Commands([("go", "x" * 90)]))
    assert _drawn(found) == f"a long name  b\n\ngo           {'x' * 90}\n"


def _lengths(text: str) -> list[int]:
    return [line.count("█") for line in text.splitlines()]


def test_bars() -> None:
    """As long as the room allows: beside other cells less, and the longest one fills it."""
    rows: list[list[Cell]] = [
        ["a", Bar(1, "100 %")],
        ["bc", Bar(0.5, "50 %")],
        ["d", Bar(0, "0 %")],
    ]
    alone = Table([Column(""), Column("")], rows)
    assert _drawn(_of(alone)).splitlines()[1].startswith("bc   50 % █")
    assert _lengths(_drawn(_of(alone))) == [50, 25, 0]
    assert _lengths(_drawn(_of(alone), 40)) == [30, 15, 0]
    beside = Table([Column(""), Column("r"), Column("more")], [(*row, "x") for row in rows])
    assert _lengths(_drawn(_of(beside))) == [0, 24, 12, 0]
    half = Table([Column(""), Column("")], rows[1:])
    assert _lengths(_drawn(_of(half), 20)) == [11, 0]


def test_what_a_narrow_table_leaves_out() -> None:
    """What can be done without, and the beginnings of what matters at its end."""
    table = Table(
        [Column("place", whole=True, ends=True), Column("more", spare=True)],
        [[(Symbols("abcdefghijklmnopqrstuvw"), Symbols("x", amount=1)), "yes"]],
    )
    assert _drawn(_of(table), 40) == "place          more\nnopqrstuvw[x]  yes\n"
    assert _drawn(_of(table), 20) == "place     more\nstuvw[x]  yes\n"
    assert "abcdefghijklmnopqrstuvw[x]" in _drawn(_of(table), 120)
    assert "yes" in _drawn(_of(table), 64)
    assert "more\nabcdef" not in _drawn(_of(table), 64)  # no list


@pytest.mark.parametrize(("width", "kept"), [(80, 3), (38, 3), (37, 2), (25, 2), (24, 1)])
def test_what_can_be_done_without_goes_as_far_as_it_has_to(width: int, kept: int) -> None:
    """The last first, at any width: beside long names there is less room, and a list is the last resort."""
    spare = [Column(name, whole=True, spare=True) for name in ("size", "kind")]
    table = Table(
        [Column("model", whole=True), *spare], [["a/longer/name/of/it", "12 MB", "lstm 2 × 256"]]
    )
    first, second = _drawn(_of(table), width).splitlines()[:2]
    assert first.split() == ["model", "size", "kind"][:kept]
    assert second.startswith("a/longer/name/of/it")


def test_a_figure_of_one_screen() -> None:
    """The chart takes what the rest leaves, and a line for the prompt: no more than the screen."""
    chart = next(block for block in figure().blocks if isinstance(block, Chart))
    chart = replace(
        chart, lines=[replace(line, name="a name of over a quarter") for line in chart.lines]
    )
    found = replace(_of(Facts([("a", "b")] * 3), chart, Commands([("c", "d")])), one_screen=True)
    assert len(_drawn(found, height=16).splitlines()) == 15
    assert len(_drawn(found, height=60).splitlines()) == 12 + ROUND  # no higher than it need be
    assert len(_drawn(found).splitlines()) == 12 + ROUND  # a pipe is made for 24 rows
    assert len(_drawn(found, height=8).splitlines()) == 5 + ROUND  # nor lower


def test_a_passage_that_points() -> None:
    """At one character: a mark below it where there are no colours, else a line under it."""
    passage = next(block for block in figure().blocks if isinstance(block, Passage))
    signs, marks = _drawn(_of(passage)).splitlines()[2:4]
    assert signs[marks.index("^") : marks.rindex("^") + 1] == r"\u009b"
    assert "\x1b[1;4" in _drawn(_of(passage), colour=True)
