"""Facts, tables and bars in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from charrnn.drawing.colours import LINES, of_series
from charrnn.drawing.figure import Bar, Cell, Column, Distributions, Facts, Profile, Table
from charrnn.drawing.terminal.fitting import (
    GAP,
    column_widths,
    grouped,
    least_width,
    listed,
    titled,
)
from charrnn.drawing.terminal.screen import Screen
from charrnn.words import decimals, percent, printable

LONGEST, FREE, SHORTEST = 24, 50, 4  # columns of a bar, of one that nothing stands beside, at least
LABEL, PERCENT, LEAST = 7, 9, 13  # columns: of a symbol, of a share beside a bar, of both at least
WIDEST = 40  # columns of a distribution's bars
FRAME, BORDER = 3, 1  # columns of a frame: for each column of a table, and once more
ENDS = 3  # columns that a cell has beyond a quarter of the screen if its end matters


def draw_facts(screen: Screen, facts: Facts) -> list[RenderableType]:
    """Names and what is said of them; in a frame if they have a title. Without room beside the names it stands below."""
    rows = [(screen.words(name), screen.words(said)) for name, said in facts.rows]
    names = max([screen.key_width, *(name.cell_len for name, _ in rows)])
    frame = 2 * FRAME + BORDER if facts.title else GAP
    if screen.width - names - frame < max((least_width(said) for _, said in rows), default=0):
        return [*titled(facts.title), *(line for row in rows for line in listed(screen, *row))]
    table = (
        RichTable(title=printable(facts.title), title_justify="left", show_header=False)
        if facts.title
        else RichTable.grid(padding=(0, GAP))
    )
    table.add_column(
        style="bold", no_wrap=True, min_width=None if facts.title else screen.key_width
    )
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return [table]


def draw_table(screen: Screen, table: Table) -> Iterator[RenderableType]:
    """A table; in a frame if it has a title. Where words would be broken, the columns that can be done without go,
    the last one first; where that does not help either, each row is a list."""
    spare = [n for n, column in enumerate(table.columns) if column.spare]
    for kept in range(len(spare), -1, -1):
        fitting = _without(table, spare[kept:])
        heads, *cells = _words(screen, fitting)
        if drawn := _grid(screen, fitting, heads, cells):
            yield drawn
            return
    yield from _lists(screen, table, heads, cells)


def _without(table: Table, left_out: Sequence[int]) -> Table:
    """The same without some columns."""

    def kept(row: Sequence[Any]) -> list[Any]:
        return [cell for n, cell in enumerate(row) if n not in left_out]

    total = kept(table.total) if table.total else None
    return replace(
        table, columns=kept(table.columns), rows=list(map(kept, table.rows)), total=total
    )


def _words(screen: Screen, table: Table) -> list[list[Text]]:
    """The heads of a table, and its cells row by row, those of the total last."""
    columns = table.columns
    aligned = [_aligned([row[n] for row in table.rows]) for n in range(len(columns))]
    rows = list(zip(*aligned, strict=True))
    bar, most = _bar_width(screen, columns, rows), ENDS + screen.width // 4
    cells = [[_cell(screen, cell, bar) for cell in row] for row in (*rows, table.total) if row]
    for row in cells:
        for n, column in enumerate(columns):
            while column.ends and row[n].cell_len > most:
                row[n] = row[n][1:]
    return [[screen.words(column.name) for column in columns], *cells]


def _grid(
    screen: Screen, table: Table, heads: list[Text], cells: list[list[Text]]
) -> RichTable | None:
    """The table in columns; None if they do not fit."""
    columns, found = table.columns, list(zip(heads, *cells, strict=True))
    for gap in (GAP, 1):
        frame = FRAME * len(columns) + BORDER if table.title else gap * (len(columns) - 1)
        if widths := column_widths(columns, found, screen.width - frame):
            break
    else:
        return None
    drawn = RichTable(
        title=printable(table.title) or None,
        title_justify="left",
        caption=printable(table.caption) or None,
        caption_justify="left",
        box=box.HEAVY_HEAD if table.title else None,
        pad_edge=bool(table.title),
        padding=(0, 1) if table.title else (0, gap, 0, 0),
        header_style="bold",
        show_header=any(column.name for column in columns),
        show_footer=table.total is not None,
    )
    last = cells.pop() if table.total else [Text()] * len(columns)
    for column, head, foot, width in zip(columns, heads, last, widths, strict=True):
        drawn.add_column(
            head,
            foot,
            justify="right" if column.figures else "left",
            width=width,
            no_wrap=column.whole,
            overflow="ellipsis" if column.whole else "fold",
            header_style="bold" if column.series is None else f"bold {of_series(column.series)}",
        )
    for row in cells:
        drawn.add_row(*map(grouped, row, widths))
    return drawn


def _lists(
    screen: Screen, table: Table, heads: Sequence[Text], rows: Sequence[Sequence[Text]]
) -> Iterator[RenderableType]:
    """Each row as a list: its first cell, and the others below it, each after its column's head."""
    yield from titled(table.title)
    for row in rows:
        for n, (head, cell) in enumerate(zip(heads, row, strict=True)):
            if cell.plain.strip():
                shown = grouped(cell, screen.width - 2 * GAP)
                yield from listed(screen, head, shown, indent=GAP * (n > 0))
    if table.caption:
        yield Text(printable(table.caption))


def _aligned(column: Sequence[Cell]) -> list[Cell]:
    """A column whose figures beside bars end in one line."""
    width = max((cell_len(cell.label) for cell in column if isinstance(cell, Bar)), default=0)
    return [
        replace(cell, label=f"{cell.label:>{width}}") if isinstance(cell, Bar) else cell
        for cell in column
    ]


def _cell(screen: Screen, cell: Cell, width: int) -> Text:
    if isinstance(cell, Profile):
        return Text("".join(map(screen.height, cell.shares)))
    if isinstance(cell, Bar):
        style = "" if cell.negative is None else LINES[not cell.negative]
        return Text(f"{printable(cell.label)} ").append(screen.bar(cell.share, width), style)
    return screen.words(cell)


def _bar_width(screen: Screen, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    """What a full bar may take, so that the longest ones fill the room that the other columns leave."""
    shares = [[cell.share for cell in row if isinstance(cell, Bar)] for row in rows]
    bars = max(map(len, shares), default=0)
    longest = max((share for row in shares for share in row), default=0) or 1
    taken = sum(
        GAP + max(_cell(screen, cell, 0).cell_len for cell in (column.name, *cells))
        for column, *cells in zip(columns, *rows, strict=True)
    )
    room = (screen.width - taken + GAP) // max(1, bars)
    free = bars == 1 and all(isinstance(row[-1], Bar) for row in rows)
    return min(FREE if free else LONGEST, max(SHORTEST, int(room / longest)))


def draw_distributions(screen: Screen, found: Distributions) -> Iterator[RenderableType]:
    """Bars of what could follow; on a narrow screen some temperatures stand below the others."""
    at_once = max(1, (screen.width - LABEL) // LEAST)
    temperatures = range(len(found.temperatures))
    for first in temperatures[::at_once]:
        if first:
            yield ""
        yield _distribution(screen, found, temperatures[first : first + at_once])


def _distribution(screen: Screen, found: Distributions, temperatures: Sequence[int]) -> RichTable:
    width = min(WIDEST, (screen.width - LABEL) // len(temperatures) - PERCENT)
    table = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    table.add_column("next", justify="right", no_wrap=True)
    for n in temperatures:
        title = f"temp {found.temperatures[n]:g}"
        if width >= LEAST:
            title += f": {decimals(found.distributions[0].entropy[n], 2)} bits"
        table.add_column(title, no_wrap=True)
    for name, shares in found.rows():
        bars = (f"{percent(s):>6} {screen.bar(s, width)}" for s in shares[temperatures])
        table.add_row(screen.words(name), *bars)
    return table
