"""Small pictures in a terminal: points and symbols in a plane, and how numbers are spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.text import Text

from charrnn.drawing.colours import LINES, of_series
from charrnn.drawing.figure import Histogram, Map, Matrix, Scatter
from charrnn.drawing.terminal.screen import Screen
from charrnn.words import printable

HEIGHT, WIDEST = 9, 24  # of a plane with points
SHADES = (("░", "▒", "▓", "█"), (".", ":", "*", "#"))  # of 1, 2 or 3, 4 to 7, and more points
LONGEST_NAME, SHORTEST_NAME = 24, 5  # columns of a matrix' names
FAINT = 0.02  # share that is a dot
MAP_HEIGHT, MAP_WIDEST = 14, 76


def draw_histogram(screen: Screen, found: Histogram) -> list[Text]:
    """On one line."""
    top = max(found.counts) or 1
    heights = "".join(screen.height(count / top) for count in found.counts)
    ends = f"from {found.edges[0]:.3g} to {found.edges[-1]:.3g} {printable(found.x.label)}"
    return [Text.assemble((printable(found.title), "bold"), f"  {heights}  {ends.rstrip()}")]


def draw_scatter(screen: Screen, found: Scatter) -> list[Text]:
    """Points as shades; rules are slopes."""
    width = min(WIDEST, max(8, screen.width // 3 - 4))
    x, y = (np.asarray(values, float) for values in found.points)
    ranges = [
        (0 if axis.low is None else axis.low, 1 if axis.high is None else axis.high)
        for axis in (found.y, found.x)
    ]
    counts, _, _ = np.histogram2d(sum(ranges[0]) - y, x, (HEIGHT, width), ranges)
    shades = SHADES[0 if screen.unicode else 1]
    side, corner, flat, slope = "│└─╲" if screen.unicode else "|+-\\"
    title = Text(f" {printable(found.title)}", style="bold")
    title.truncate(width + 2, pad=True)
    lines = [title]
    for row, cells in enumerate(counts):
        line = Text(f"{side}")
        diagonal = (2 * row + 1) * width // (2 * HEIGHT)
        for column, count in enumerate(cells):
            if count:
                shade = shades[min(int(np.log2(count)), len(shades) - 1)]
                line.append(shade, LINES[0])
            else:
                line.append(slope if found.rules and column == diagonal else " ", "dim")
        lines.append(line.append(" "))
    lines.append(Text(corner + flat * width + " "))
    return lines


WIDEST_HEAD = 3  # of the name of a column


def draw_matrix(screen: Screen, found: Matrix) -> Iterator[Text]:
    """Rows with their names, and a number that a column has as well, if it has no name of its own; what is little is a dot, and nothing is nothing."""
    names = [screen.words(name).plain for name in found.names]
    numbered = found.across is None
    heads = [f"{n}" for n in range(1, len(names) + 1)]
    if found.across is not None:
        heads = [screen.words(name).plain[:WIDEST_HEAD] for name in found.across]
    figures = max(map(cell_len, heads), default=1)
    longest = max(map(cell_len, [*names, found.y.label]))
    room = screen.width - min(longest, LONGEST_NAME) - 3
    part = max(1, room // (figures + 1)) if not numbered else len(heads)
    left = screen.width - (figures + 3) - len(heads) * (figures + 1)
    wide = (
        min(LONGEST_NAME, max(SHORTEST_NAME, left), longest)
        if numbered
        else min(longest, LONGEST_NAME)
    )
    yield Text(printable(found.title), style="bold")
    for start in range(0, len(heads), part):  # what is too wide stands below each other
        yield from _matrix_part(screen, found, names, heads, wide, slice(start, start + part))


def _matrix_part(
    screen: Screen,
    found: Matrix,
    names: Sequence[str],
    heads: Sequence[str],
    wide: int,
    part: slice,
) -> Iterator[Text]:
    """Some of its columns."""
    numbered, figures = found.across is None, max(map(cell_len, heads), default=1)
    head = Text(
        f"{printable(found.y.label)[:wide]:<{wide}}  {'':>{figures * numbered}} ", style="dim"
    )
    for name in heads[part]:
        head.append(f"{' ' * (figures + 1 - cell_len(name))}{name}")
    yield head
    shades = SHADES[0 if screen.unicode else 1]
    dot = "·" if screen.unicode else "."
    for number, (name, shares) in enumerate(zip(names, found.shares, strict=True), 1):
        title = Text(name)
        title.truncate(wide, pad=True)
        line = Text.assemble(title, f"  {number:>{figures}} " if numbered else "   ")
        for share in shares[part]:
            shade = " " if not share else dot if share < FAINT else shades[min(3, int(4 * share))]
            line.append(" ").append(shade * figures, LINES[0])
        yield line


def draw_map(screen: Screen, found: Map) -> Iterator[Text]:
    """Each symbol at its place, or next to it where that is taken."""
    width = min(MAP_WIDEST, screen.width)
    places = np.array([(place.x, place.y) for place in found.places])
    low, high = places.min(axis=0), places.max(axis=0)
    shares = (places - low) / np.where(high > low, high - low, 1)
    taken = np.zeros((MAP_HEIGHT, width), bool)
    rows: list[dict[int, Text]] = [{} for _ in range(MAP_HEIGHT)]
    for place, (x, y) in zip(found.places, shares, strict=True):
        word = screen.words(place.word, of_series(place.series))
        size = max(1, cell_len(word.plain))
        free = _free(taken, (1 - y) * (MAP_HEIGHT - 1), x * (width - size), size)
        if free is not None:
            row, column = free
            taken[row, max(0, column - 1) : column + size + 1] = True
            rows[row][column] = word
    yield Text(printable(found.title), style="bold")
    for words in rows:
        line = Text()
        for column in sorted(words):
            line.append(" " * (column - line.cell_len)).append_text(words[column])
        yield line


def _free(taken: NDArray[np.bool_], row: float, column: float, size: int) -> tuple[int, int] | None:
    """The place nearest to that wanted where a word of that size still fits."""
    fits = ~np.lib.stride_tricks.sliding_window_view(taken, size, axis=1).any(axis=2)
    if not fits.any():
        return None
    down, along = np.indices(fits.shape)
    distance = (2 * (down - row)) ** 2 + (along - column) ** 2  # a cell is twice as high as wide
    place = int(np.where(fits, distance, np.inf).argmin())
    return place // fits.shape[1], place % fits.shape[1]
