"""A line chart in a terminal: braille dots, eight to a character, or ASCII marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import groupby
from statistics import fmean
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from charrnn.drawing.colours import of_series
from charrnn.drawing.figure import Axis, Chart, Line
from charrnn.drawing.terminal.screen import Screen
from charrnn.drawing.ticks import ticks
from charrnn.words import printable

# Which bit of U+2800 is which of a character's 4 × 2 dots.
BLANK = 0x2800
BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
LEAST = 1e-300  # what a logarithm is taken of
MARKS = "*+ox#"  # of the curves, in ASCII
# Of the curves where there are no colours: which of six columns of dots are drawn.
DASHES = ((0, 1, 2, 3, 4, 5), (0, 1, 3, 4), (0, 3), (0, 1, 2, 4), (0,))

Points = tuple[NDArray[Any], NDArray[Any]]


def draw_chart(screen: Screen, chart: Chart) -> list[Text]:
    """Lines with axes, and each one's name where it ends, the first being the topmost; nothing without points.

    The axis and its labels take three rows beside the chart's height. No row is wider than the screen.
    """
    height, names = chart.height, [printable(line.name) for line in chart.lines]
    curves = {number: _points(line, chart.y) for number, line in enumerate(chart.lines)}
    curves = {number: points for number, points in curves.items() if len(points[0])}
    if not curves:
        return []
    left, right = min(x[0] for x, _ in curves.values()), max(x[-1] for x, _ in curves.values())
    low, high = _padded(np.concatenate([y for _, y in curves.values()]).tolist())

    y_ticks = ticks(low, high, max(2, height * 2 // 3))
    if chart.y.log:
        y_ticks = {y: f"1e{y:.0f}" if y == round(y) else f"{10**y:.2g}" for y in y_ticks}
    margin = max(map(len, y_ticks.values())) + 1
    longest = max(2 - screen.unicode + len(names[number]) for number in curves)
    # Names stand beside the curves where there is room, or else below.
    beside = longest <= screen.width // 4 and len(curves) <= height
    labels = {number: _name(screen, number, names[number], beside) for number in curves}
    width = max(4, screen.width - margin - 1 - longest * beside)
    span, fall = (right - left) or 1, high - low
    curves = {n: ((x - left) / span, (high - y) / fall) for n, (x, y) in curves.items()}
    ends = {n: (float(y[-1]) * (height - 1), float(x[-1])) for n, (x, y) in curves.items()}
    named = _apart(ends, height) if beside else {}
    written = {round((high - y) / fall * (height - 1)): tick for y, tick in y_ticks.items()}
    line, cross = "│┤" if screen.unicode else "|+"
    rows = [Text(line) for line in wrap(printable(chart.y.label), screen.width) or [""]]
    for row, plotted in enumerate(_plot(screen, curves, width, height)):
        edge = cross if row in written else line
        rows.append(Text(f"{written.get(row, ''):>{margin}}{edge}").append_text(plotted))
        if row in named:
            rows[-1].append_text(labels[named[row]])
    rows += _x_axis(screen, margin, width, left, right, printable(chart.x.label))
    return rows if beside else rows + _in_lines(labels.values(), screen.width)


def _points(line: Line, axis: Axis) -> Points:
    """Those of a line up to where it leaves its axis, or its first one, at the edge; logarithms if the axis has them."""
    x, y = np.asarray(line.x, float), np.asarray(line.y, float)
    low = -math.inf if axis.low is None else axis.low
    high = math.inf if axis.high is None else axis.high
    if axis.log:
        low = max(low, LEAST)
    inside = (y >= low) & (y <= high)
    stop = len(y) if inside.all() else max(1, int(np.argmin(inside)))
    known = np.isfinite(y[:stop])
    x, y = x[:stop][known], np.clip(y[:stop], low, high)[known]
    return x, np.log10(y) if axis.log else y


def _plot(screen: Screen, curves: dict[int, Points], width: int, height: int) -> list[Text]:
    """Rows of curves; coordinates are fractions of the plot, from its upper left corner."""
    down, across = (4, 2) if screen.unicode else (1, 1)  # dots of a character
    characters, owners = np.full((height, width), BLANK), np.full((height, width), -1)
    for number, (x, y) in reversed(curves.items()):
        dashes = DASHES[0] if screen.colour or not screen.unicode else DASHES[number % len(DASHES)]
        dots = _dots(x, y, height * down, width * across, dashes)
        dots = dots.reshape(height, down, width, across)
        drawn = dots.any(axis=(1, 3))
        owners[drawn] = number
        if screen.unicode:
            characters |= np.einsum("arbc,rc->ab", dots, BRAILLE)
        else:
            characters[drawn] = ord(MARKS[number % len(MARKS)])
    rows = []
    for cells in zip(owners.tolist(), characters.tolist(), strict=True):
        row = Text()
        for owner, run in groupby(zip(*cells, strict=True), lambda cell: cell[0]):
            text = "".join(chr(character) for _, character in run)
            row.append(
                " " * len(text) if owner < 0 else text, of_series(owner) if owner >= 0 else ""
            )
        rows.append(row)
    return rows


def _dots(
    x: NDArray[Any], y: NDArray[Any], rows: int, columns: int, dashes: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Which dots join points."""
    places = np.arange(math.ceil(x[0] * (columns - 1)), int(x[-1] * (columns - 1)) + 1)
    if not len(places):
        places = np.array([round(x[0] * (columns - 1))])
    heights = np.rint(np.interp(places / max(1, columns - 1), x, y) * (rows - 1)).astype(int)
    dots = np.zeros((rows, columns), bool)
    before = heights[0]
    for place, row in zip(places, heights, strict=True):
        # A steep line fills its column, from where it was in the column before.
        step = int(np.sign(row - before))
        if place % 6 in dashes:
            dots[min(row, before + step) : max(row, before + step) + 1, place] = True
        before = row
    return dots


def _padded(values: list[float]) -> tuple[float, float]:
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
        mark = "".join(chr(BLANK + 0x02 * left + 0x10 * right) for left, right in pairs) + " "
    return Text(f" {mark}{name}", style=of_series(number))


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
    corner, flat, cross = "└─┬" if screen.unicode else "+-+"
    axis, numbers = [flat] * width, " " * width
    room = width - len(label) - 1
    for value, written in ticks(left, right, max(2, width // 12)).items():
        place = round((value - left) / ((right - left) or 1) * (width - 1))
        axis[place] = cross
        start = max(0, place - len(written) // 2)
        end = start + len(written)
        if not numbers[max(0, start - 1) : end + 1].strip() and end <= room:
            numbers = numbers[:start] + written + numbers[end:]
    below = numbers[: max(0, width - len(label))] + label
    lines = " " * margin + corner + "".join(axis), " " * (margin + 1) + below
    return [Text(line[: screen.width]) for line in lines]
