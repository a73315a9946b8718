"""A line chart in a terminal: braille dots, eight to a character, or ASCII marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from charrnn.drawing import figure
from charrnn.drawing.colours import LINES
from charrnn.drawing.terminal.screen import Screen
from charrnn.drawing.ticks import ticks
from charrnn.words import printable

# Which bit of U+2800 is which of a character's 4 × 2 dots.
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
LEAST = 1e-300  # what a logarithm is taken of
MARKS = "*+ox#"  # of the curves, in ASCII
# Of the curves where there are no colours: which of six columns of dots are drawn.
DASHES = ((0, 1, 2, 3, 4, 5), (0, 1, 3, 4), (0, 3), (0, 1, 2, 4), (0,))


def draw_chart(screen: Screen, found: figure.Chart) -> list[Text]:
    """The lines of a figure's chart, each up to where it leaves the axis; nothing if there are no points."""
    curves = [_curve(line, found.y) for line in found.lines]
    if not any(len(curve.x) for curve in curves):
        return []
    x, y = printable(found.x.label), printable(found.y.label)
    return chart(screen, curves, x, y, found.height, log=found.y.log)


def _curve(line: figure.Line, axis: figure.Axis) -> Curve:
    """The part of a line that lies within its axis, or its first point, at the edge."""
    y = np.asarray(line.y, float)
    low = -math.inf if axis.low is None else axis.low
    high = math.inf if axis.high is None else axis.high
    if axis.log:
        low = max(low, LEAST)
    inside = (y >= low) & (y <= high)
    stop = len(y) if inside.all() else max(1, int(np.argmin(inside)))
    kept = np.clip(y[:stop], low, high)
    known = np.isfinite(kept)
    kept = np.log10(kept[known]) if axis.log else kept[known]
    return Curve(printable(line.name), np.asarray(line.x)[:stop][known].tolist(), kept.tolist())


@dataclass(frozen=True)
class Curve:
    """A line of a chart; ``x`` increases. Without points it only keeps its place among the colours."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def chart(
    screen: Screen,
    curves: Sequence[Curve],
    x_label: str,
    y_label: str,
    height: int = 10,
    *,
    log: bool = False,
) -> list[Text]:
    """Curves with axes, and each one's name where it ends; the first is the topmost.

    Args:
        curves: One finite point at least.
        height: Rows of the plot; the axis and its labels take three more.
        log: The curves' y are logarithms (base 10) of what the axis is to tell.

    Returns:
        Lines, none wider than the screen.
    """
    drawn = [(number, curve) for number, curve in enumerate(curves) if len(curve.x)]
    left = min(curve.x[0] for _, curve in drawn)
    right = max(curve.x[-1] for _, curve in drawn)
    low, high = _padded([value for _, curve in drawn for value in curve.y])

    def row_of(value: float) -> float:
        return (high - value) / (high - low) * (height - 1)

    y_ticks = ticks(low, high, max(2, height * 2 // 3))
    if log:
        y_ticks = {y: f"1e{y:.0f}" if y == round(y) else f"{10**y:.2g}" for y in y_ticks}
    margin = max(map(len, y_ticks.values())) + 1
    longest = max(2 - screen.unicode + len(curve.name) for _, curve in drawn)
    # Names stand beside the curves where there is room, or else below.
    beside = longest <= screen.width // 4 and len(drawn) <= height
    labels = {number: _name(screen, number, curve.name, beside) for number, curve in drawn}
    width = max(4, screen.width - margin - 1 - longest * beside)

    cells = _Cells(screen, width, height)
    for number, curve in reversed(drawn):
        x = (np.asarray(curve.x, float) - left) / ((right - left) or 1)
        y = (high - np.asarray(curve.y, float)) / (high - low)
        cells.draw(number, x, y)

    ends = {number: (row_of(curve.y[-1]), float(curve.x[-1])) for number, curve in drawn}
    named = _apart(ends, height) if beside else {}
    written = {round(row_of(value)): tick for value, tick in y_ticks.items()}
    line, cross = "│┤" if screen.unicode else "|+"
    rows = []
    for row, plotted in enumerate(cells.lines()):
        edge = cross if row in written else line
        rows.append(Text(f"{written.get(row, ''):>{margin}}{edge}").append_text(plotted))
        if row in named:
            rows[-1].append_text(labels[named[row]])
    legend = [] if beside else _in_lines(labels.values(), screen.width)
    axis = _x_axis(screen, margin, width, left, right, x_label)
    return [Text(y_label[: screen.width]), *rows, *axis, *legend]


class _Cells:
    """The plot: for each curve which dots are set."""

    def __init__(self, screen: Screen, width: int, height: int) -> None:
        self._screen = screen
        self._dots = (4, 2) if screen.unicode else (1, 1)  # of a character: rows, columns
        self._shape = height * self._dots[0], width * self._dots[1]
        self._size = height, width
        self._characters = np.zeros(self._size, int)
        self._owner = np.full(self._size, -1)

    def draw(self, number: int, x: NDArray[Any], y: NDArray[Any]) -> None:
        """Join points; their coordinates are fractions of the plot, from its upper left corner."""
        rows, columns = self._shape
        places = np.arange(math.ceil(x[0] * (columns - 1)), int(x[-1] * (columns - 1)) + 1)
        if not len(places):
            places = np.array([round(x[0] * (columns - 1))])
        height = np.rint(np.interp(places / max(1, columns - 1), x, y) * (rows - 1)).astype(int)
        dots = np.zeros(self._shape, bool)
        dashes = DASHES[number % len(DASHES)]
        if self._screen.colour or not self._screen.unicode:
            dashes = DASHES[0]
        before = height[0]
        for place, row in zip(places, height, strict=True):
            # A steep line fills its column, from where it was in the column before.
            step = int(np.sign(row - before))
            if place % 6 in dashes:
                dots[min(row, before + step) : max(row, before + step) + 1, place] = True
            before = row
        cells = dots.reshape(self._size[0], self._dots[0], self._size[1], self._dots[1])
        if self._screen.unicode:
            self._characters |= np.einsum("arbc,rc->ab", cells, BRAILLE)
        self._owner[cells.any(axis=(1, 3))] = number

    def lines(self) -> list[Text]:
        """The rows."""
        rows = []
        for characters, owners in zip(self._characters, self._owner, strict=True):
            line = Text()
            for owner, run in groupby(zip(owners, characters, strict=True), lambda cell: cell[0]):
                dots = [int(character) for _, character in run]
                if owner < 0:
                    line.append(" " * len(dots))
                elif self._screen.unicode:
                    line.append("".join(chr(0x2800 + d) for d in dots), LINES[owner % len(LINES)])
                else:
                    line.append(MARKS[owner % len(MARKS)] * len(dots), LINES[owner % len(LINES)])
            rows.append(line)
        return rows


def _padded(values: Sequence[float]) -> tuple[float, float]:
    """The range of values, with something in it."""
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - (abs(low) / 10 or 1), high + (abs(high) / 10 or 1))


def _apart(ends: Mapping[int, tuple[float, float]], height: int) -> dict[int, int]:
    """A row for each curve's name, so that none stands above that of a curve that ends higher: from row to curve.

    Each is as near to its own end as the others let it (isotonic regression by pooling neighbours: Barlow et
    al. 1972). Of curves that end on one row, the one that goes furthest is the lowest: it ends beside its name.

    Args:
        ends: Of each curve the row, from the top, and how far to the right.
        height: Rows, at least as many as there are curves.
    """
    order = sorted(ends, key=lambda number: (round(ends[number][0]), ends[number][1]))
    pools: list[list[float]] = []  # where a pool's first name wants to be, in the mean
    for place, number in enumerate(order):
        pools.append([ends[number][0] - place])
        while len(pools) > 1 and fmean(pools[-2]) >= fmean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    first = [fmean(pool) for pool in pools for _ in pool]
    last = height - len(order)
    return {
        place + min(max(0, round(first[place])), last): number for place, number in enumerate(order)
    }


def _name(screen: Screen, number: int, name: str, beside: bool) -> Text:
    """A curve's name; away from the curve, after a piece of it."""
    mark = "" if screen.unicode else MARKS[number % len(MARKS)]
    if screen.unicode and not beside:
        dashes = DASHES[0] if screen.colour else DASHES[number % len(DASHES)]
        pairs = [(column in dashes, column + 1 in dashes) for column in (0, 2, 4)]
        mark = "".join(chr(0x2800 + 0x02 * left + 0x10 * right) for left, right in pairs) + " "
    return Text(f" {mark}{name}", style=LINES[number % len(LINES)])


def _in_lines(labels: Iterable[Text], width: int) -> list[Text]:
    """Names one after the other, on as many lines as it takes."""
    lines = [Text()]
    for label in labels:
        if lines[-1] and len(lines[-1]) + len(label) > width:
            lines.append(Text())
        lines[-1].append_text(label)
    for line in lines:
        line.truncate(width)
    return lines


def _x_axis(
    screen: Screen, margin: int, width: int, left: float, right: float, label: str
) -> list[Text]:
    """The axis, and below it the numbers, with the label at the end."""
    corner, flat, cross = ("└", "─", "┬") if screen.unicode else ("+", "-", "+")
    axis, numbers = [flat] * width, " " * width
    room = width - len(label) - 1
    for value, written in ticks(left, right, max(2, width // 12)).items():
        place = round((value - left) / ((right - left) or 1) * (width - 1))
        axis[place] = cross
        start = max(0, place - len(written) // 2)
        if numbers[max(0, start - 1) : start + len(written) + 1].strip() == "" and (
            start + len(written) <= room
        ):
            numbers = numbers[:start] + written + numbers[start + len(written) :]
    numbers = numbers[: max(0, width - len(label))] + label
    indent = " " * (margin + 1)
    lines = [Text(" " * margin + corner + "".join(axis)), Text(indent + numbers)]
    for line in lines:
        line.truncate(screen.width)
    return lines
