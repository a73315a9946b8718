"""What views draw with: bars, colours, charts and passages, by what comes out."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from io import StringIO
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from charrnn.drawing import signs
from charrnn.drawing.colours import AMOUNT, BLACK, COLD, LINES, WARM, WHITE, blend, contrast
from charrnn.drawing.figure import Axis, Chart, Line
from charrnn.drawing.terminal.chart import _apart, draw_chart
from charrnn.drawing.terminal.passage import in_lines
from charrnn.drawing.terminal.screen import Screen, amount, on, signed
from charrnn.drawing.ticks import ticks
from charrnn.words import percent


def screen(width: int = 80, *, colour: bool = False, unicode: bool = True) -> Screen:
    console = Console(
        file=StringIO(),
        width=width,
        color_system="truecolor" if colour else None,
        force_terminal=colour,
        highlight=False,
        markup=False,
    )
    return Screen(console, colour, unicode)


def chart(on_screen: Screen, lines: list[Line], height: int = 10) -> list[Text]:
    axes = Axis("epochs"), Axis("nats/char")
    return draw_chart(on_screen, Chart("", "", *axes, "", lines, height=height))


def test_bars() -> None:
    block, ascii_only = screen(), screen(unicode=False)
    assert block.bar(0.5, 4) == "██"
    assert block.bar(5 / 16, 4) == "█▎"
    assert block.bar(2, 3) == "███"
    assert block.bar(-1, 3) == ""
    assert ascii_only.bar(0.5, 4) == "##"
    assert "".join(block.height(n / 8) for n in range(10)) == " ▁▂▃▄▅▆▇██"
    assert "".join(ascii_only.height(n / 9) for n in range(11)) == " 1234567899"


def test_percent() -> None:
    assert [percent(p) for p in (1, 0.634, 0.1, 0.0991, 0.001, 1e-9, 0)] == [
        "100 %", "63 %", "10 %", "9.9 %", "0.1 %", "<0.1 %", "0 %",
    ]  # fmt: skip


def test_colours_are_readable() -> None:
    """Text on each background (WCAG: 4.5), the backgrounds on black and white, the lines too (3)."""
    for stops in (AMOUNT, COLD, WARM):
        for step in range(21):
            colour = blend(stops, step / 20)
            assert max(contrast(colour, BLACK), contrast(colour, WHITE)) >= 4.5
            assert min(contrast(colour, BLACK), contrast(colour, WHITE)) >= 2.5
            front = on(colour).color
            assert front is not None and front.triplet is not None
            assert (
                contrast(colour, (front.triplet.red, front.triplet.green, front.triplet.blue))
                >= 4.5
            )
    for line in LINES:
        red, green, blue = bytes.fromhex(line[1:])
        assert min(contrast((red, green, blue), end) for end in (BLACK, WHITE)) >= 2.7


# Brettel-like simulation by Viénot, Brettel and Mollon (1999): linear RGB to what a protanope or a
# deuteranope sees.
PROTANOPE = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
DEUTERANOPE = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


@pytest.mark.parametrize("sight", [PROTANOPE, DEUTERANOPE])
def test_colours_for_the_colour_blind(sight: Any) -> None:
    """The ends of each scale, and its middle, stay well apart."""

    def seen(colour: tuple[int, int, int]) -> Any:
        linear = sight @ (np.array(colour) / 255) ** 2.2
        return 255 * np.clip(linear, 0, 1) ** (1 / 2.2)

    for pair in (*combinations((blend(AMOUNT, f) for f in (0, 0.5, 1)), 2), (COLD[-1], WARM[-1])):
        one, other = map(seen, pair)
        assert np.linalg.norm(one - other) > 50


def test_styles() -> None:
    assert amount(0.1) == signed(0.05) == signed(-0.05) == Style.null()
    assert amount(1.0) == amount(7.0) == signed(1.0) == on(AMOUNT[-1])
    assert signed(-1.0) == on(COLD[-1])
    assert blend(((0, 0, 0), (10, 20, 30)), 0.5) == (5, 10, 15)


def test_ticks() -> None:
    """Round numbers within a range, as many as there is room for."""
    assert list(ticks(0.94, 3.1, 4).values()) == ["1", "2", "3"]
    assert list(ticks(0, 0.05, 6).values()) == ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]
    assert list(ticks(0, 25_000, 4).values()) == ["0", "10,000", "20,000"]
    for low, high, most in ((0, 10, 5), (0.94, 3.1, 4), (-1e-3, 2e-3, 3), (5, 2e7, 6), (2, 2, 3)):
        found = ticks(low, high, most)
        assert 1 <= len(found) <= most
        for value, written in found.items():
            assert low <= value <= high or math.isclose(value, low) or math.isclose(value, high)
            assert float(written.replace(",", "")) == pytest.approx(value, rel=0.01, abs=1e-12)


def _plot(lines: list[Any]) -> list[str]:
    """The rows between the label above and the axis below, without the tick labels."""
    return [re.split("[│┤|+]", line.plain, maxsplit=1)[1] for line in lines[1:-2]]


def test_chart_draws_its_points() -> None:
    """In ASCII a straight line is a staircase of marks, and its name stands where it ends."""
    lines = chart(screen(27, unicode=False), [Line("up", [0, 1], [0, 9])], 10)
    rows = _plot(lines)
    marks = [
        [place for place, mark in enumerate(row.removesuffix(" *up")) if mark == "*"]
        for row in rows
    ]
    assert all(marks)
    assert all(max(below) <= min(above) for above, below in pairwise(marks))
    assert rows[0].endswith(" *up")
    assert [row.count("up") for row in rows] == [1] + [0] * 9


def test_chart_in_braille() -> None:
    """Each dot is one of eight; a falling line goes from the upper left to the lower right corner."""
    (line,) = _plot(chart(screen(24), [Line("a", [0, 1], [1, 0])], 1))
    dots = [ord(c) - 0x2800 for c in line if c >= "\u2800"]
    assert dots[0] & 0x01 and dots[-1] & 0x80
    heights = [min(n for n in range(4) if d & (0x09, 0x12, 0x24, 0xC0)[n]) for d in dots]
    assert heights == sorted(heights) and set(heights) == {0, 1, 2, 3}


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [20, 33, 80, 200])
def test_chart_fits(width: int, unicode: bool) -> None:
    """Whatever the curves: many points, one, none, equal ones, huge and tiny ones."""
    curves = [
        Line("train", list(range(500)), [1 / (n + 1) for n in range(500)]),
        Line("a very long name for a curve", [3.0], [0.5]),
        Line("none", [], []),
    ]
    for some in (curves, curves[1:], [Line("big", [0, 1e9], [1e300, 1e300])], curves[:1]):
        lines = chart(screen(width, unicode=unicode), some, 6)
        assert 9 <= len(lines) <= 9 + len(some)  # names below may take a line each
        assert max(cell_len(line.plain) for line in lines) <= width
        assert unicode or all(line.plain.isascii() for line in lines)


def test_chart_tells_curves_apart() -> None:
    """By colours; where there are none by dashes, in ASCII by marks; and by names in their order."""
    curves = [Line("high", [0, 1], [5, 5]), Line("low", [0, 1], [1, 1])]
    spans = {str(span.style) for line in chart(screen(colour=True), curves) for span in line.spans}
    assert spans == set(LINES[:2])
    rows = _plot(chart(screen(), curves, 5))
    assert set(rows[0].split()[0]) != set(rows[-1].split()[0])
    assert (rows[0].split()[-1], rows[-1].split()[-1]) == ("high", "low")
    rows = _plot(chart(screen(unicode=False), curves, 5))
    assert (rows[0][0], rows[-1][0]) == ("*", "+")
    together = _plot(chart(screen(), [Line(n, [0, 1], [0, 2]) for n in "abc"], 5))
    assert "".join(row[-1] for row in together) == "abc  "


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([(7.5, 1), (8.2, 1), (9.0, 1)], {7: 0, 8: 1, 9: 2}),  # at the bottom, where rows run out
        ([(0.0, 1), (0.4, 1), (5.0, 1)], {0: 0, 1: 1, 5: 2}),
        (
            [(4.0, 1), (4.0, 1), (4.2, 1)],
            {3: 0, 4: 1, 5: 2},
        ),  # apart from each other, to both sides
        ([(9.0, 9), (9.0, 3), (9.0, 6)], {7: 1, 8: 2, 9: 0}),  # the furthest ends beside its name
    ],
)
def test_names_keep_the_order_of_the_ends(
    ends: list[tuple[float, float]], expected: dict[int, int]
) -> None:
    """Without colours the place is all that tells whose name it is."""
    assert _apart(dict(enumerate(ends)), 10) == expected


def test_names_that_find_no_place_stand_below() -> None:
    """More curves than rows: all names stand below, each after its own dashes."""
    curves = [Line(f"run {n}", [0, 1], [n, n]) for n in range(5)]
    lines = [line.plain for line in chart(screen(40), curves, 4)]
    below = " ".join(lines[-2:])
    assert all(f" {curve.name}" in below for curve in curves)
    assert not any("run" in line for line in lines[:-2])
    keys = [word for word in below.split() if not word.isascii()]
    assert len(set(keys)) == 5


def test_passage() -> None:
    """Signs for what cannot be seen, marks below, lines that fit; colours instead of marks."""
    text = "ab\n\x1b[c\t漢e"
    marks = "123456789"
    lines = in_lines(screen(20), text, [Style.null()] * 9, marks)
    assert [line.plain for line in lines] == ["ab⏎", "123", r"\u001b[c→漢e", "444444567889"]
    coloured = in_lines(screen(20, colour=True), text, [on(WHITE)] * 9, marks)
    assert [line.plain for line in coloured] == ["ab⏎", r"\u001b[c→漢e"]
    ascii_only = in_lines(screen(20, unicode=False), text, [Style.null()] * 9, marks)
    assert ascii_only[2].plain == "?[c\\t?e"
    wrapped = in_lines(screen(20), "漢" * 15, [Style.null()] * 15, "1" * 15)
    assert [cell_len(line.plain) for line in wrapped] == [20, 20, 10, 10]
    (mark, _) = in_lines(screen(20), "\u0301", [Style.null()], "1")
    assert cell_len(mark.plain) == 1
    (shown, _) = in_lines(replace(screen(20), encoding="latin-1"), "aé", [Style.null()] * 2, "11")
    assert shown.plain == "a\ufffd"


def test_put() -> None:
    """In a pipe nothing fills lines up; where there is only ASCII, nothing else is written."""
    piped = screen(20)
    piped.put("a · b   ", Text("é │"))
    assert output(piped) == "a · b\né │\n"
    ascii_only = screen(20, unicode=False)
    ascii_only.put("2 × 3 … ▁█ é")
    ascii_only.put("a path that is longer than the screen", whole=True)
    assert output(ascii_only) == "2 x 3 ... 18 ?\na path that is longer than the screen\n"


def output(on_screen: Screen) -> str:
    assert isinstance(on_screen.console.file, StringIO)
    return on_screen.console.file.getvalue()


@pytest.mark.parametrize(
    ("character", "within", "alone"),
    [
        ("\u00a0", "\u00a0", "U+00A0"),
        ("\u202f", "\u202f", "U+202F"),
        ("\u3000", "\u3000", "U+3000"),
        ("\u200c", r"\u200c", "U+200C"),
        ("\u200d", r"\u200d", "U+200D"),
        ("\u00ad", r"\u00ad", "U+00AD"),
        ("\u200e", r"\u200e", "U+200E"),
        ("\ufe0f", r"\ufe0f", "U+FE0F"),
        ("\u202e", r"\u202e", "U+202E"),
        ("\u2028", r"\u2028", "U+2028"),
        ("\x1b", r"\u001b", "U+001B"),
        ("\ufffd", "\ufffd", "\ufffd"),
        ("\n", "⏎", "⏎"),
        (" ", " ", "␣"),
        ("é", "é", "é"),
    ],
)
def test_characters_that_are_not_seen(character: str, within: str, alone: str) -> None:
    """Spaces are spaces, and all else is told by its code: no two look alike, none like a broken encoding."""
    assert (signs.shown(character), signs.named(character)) == (within, alone)
