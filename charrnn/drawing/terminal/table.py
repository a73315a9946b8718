"""Facts, tables and bars in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from charrnn.drawing import figure
from charrnn.drawing.colours import LINES
from charrnn.drawing.figure import Bar, Cell, Distributions, Facts, Part, Profile, Symbols
from charrnn.drawing.terminal.phrase import styled
from charrnn.drawing.terminal.screen import Screen
from charrnn.words import percent, printable

SPARE = 64  # columns from which on there is room for what can be done without
LONGEST, FREE, SHORTEST = 24, 50, 4  # columns of a bar, of one that nothing stands beside, at least
GAP = 2  # columns between those of a table
LABEL, PERCENT, LEAST = 7, 9, 13  # columns: of a symbol, of a share beside a bar, of both at least
WIDEST = 40  # columns of a distribution's bars
ENDS = 3  # columns that a cell has beyond a quarter of the screen if its end matters


def draw_facts(screen: Screen, facts: Facts, encoding: str, key_width: int) -> RenderableType:
    """Names and what is said of them; in a frame if they have a title."""
    table = (
        RichTable(title=printable(facts.title), title_justify="left", show_header=False)
        if facts.title
        else RichTable.grid(padding=(0, GAP))
    )
    table.add_column(style="bold", no_wrap=True, min_width=None if facts.title else key_width)
    table.add_column(overflow="fold")
    for name, phrase in facts.rows:
        table.add_row(styled(screen, name, encoding), styled(screen, phrase, encoding))
    return table


def draw_table(screen: Screen, table: figure.Table, encoding: str) -> RenderableType:
    """A table; in a frame if it has a title."""
    kept = [n for n, c in enumerate(table.columns) if not c.spare or screen.width >= SPARE]
    columns = [table.columns[n] for n in kept]
    rows = [[row[n] for n in kept] for row in table.rows]
    drawn = RichTable(
        title=printable(table.title) or None,
        title_justify="left",
        caption=printable(table.caption) or None,
        caption_justify="left",
        box=box.HEAVY_HEAD if table.title else None,
        pad_edge=bool(table.title),
        padding=(0, 1) if table.title else (0, GAP, 0, 0),
        header_style="bold",
        show_header=any(column.name for column in columns),
        show_footer=table.total is not None,
    )
    total: Sequence[Cell] = [table.total[n] for n in kept] if table.total else [""] * len(kept)
    for column, foot in zip(columns, total, strict=True):
        head = "" if column.series is None else f" {LINES[column.series % len(LINES)]}"
        drawn.add_column(
            styled(screen, column.name, encoding),
            _cell(screen, foot, encoding, 0),
            justify="right" if column.figures else "left",
            no_wrap=column.whole,
            overflow="ellipsis" if column.whole else "fold",
            header_style=f"bold{head}",
        )
    rows = [list(row) for row in zip(*map(_aligned, zip(*rows, strict=True)), strict=True)]
    width = _bar_width(screen, columns, rows, encoding)
    for row in rows:
        cells = [_cell(screen, cell, encoding, width) for cell in row]
        most = ENDS + screen.width // 4
        drawn.add_row(
            *(
                _end(cell, most) if column.ends else cell
                for column, cell in zip(columns, cells, strict=True)
            )
        )
    return drawn


def _end(text: Text, most: int) -> Text:
    """As much of the end of a text as so many columns hold."""
    while text.cell_len > most:
        text = text[1:]
    return text


def _aligned(column: Sequence[Cell]) -> list[Cell]:
    """A column whose figures beside bars end in one line."""
    width = max((cell_len(cell.label) for cell in column if isinstance(cell, Bar)), default=0)
    return [
        replace(cell, label=f"{cell.label:>{width}}") if isinstance(cell, Bar) else cell
        for cell in column
    ]


def _cell(screen: Screen, cell: Cell, encoding: str, width: int) -> Text:
    if isinstance(cell, Profile):
        return Text("".join(screen.height(float(share)) for share in cell.shares))
    if isinstance(cell, Bar):
        style = "" if cell.negative is None else LINES[not cell.negative]
        return Text(f"{printable(cell.label)} ").append(
            screen.bar(cell.share, width).rstrip(), style
        )
    return styled(screen, cell, encoding)


def _bar_width(
    screen: Screen,
    columns: Sequence[figure.Column],
    rows: Sequence[Sequence[Cell]],
    encoding: str,
) -> int:
    """What a full bar may take, so that the longest ones fill the room that the other columns leave."""
    shares = [[cell.share for cell in row if isinstance(cell, Bar)] for row in rows]
    bars = max(map(len, shares), default=0)
    longest = max((share for row in shares for share in row), default=0) or 1
    taken = sum(
        GAP + max(_cell(screen, cell, encoding, 0).cell_len for cell in (column.name, *cells))
        for column, *cells in zip(columns, *rows, strict=True)
    )
    room = (screen.width - taken + GAP) // max(1, bars)
    free = bars == 1 and all(isinstance(row[-1], Bar) for row in rows)
    return min(FREE if free else LONGEST, max(SHORTEST, int(room / longest)))


def draw_distributions(screen: Screen, found: Distributions, encoding: str) -> list[RenderableType]:
    """Bars of what could follow; on a narrow screen some temperatures stand below the others."""
    at_once = max(1, (screen.width - LABEL) // LEAST)
    drawn: list[RenderableType] = []
    for first in range(0, len(found.temperatures), at_once):
        temperatures = list(range(len(found.temperatures)))[first : first + at_once]
        drawn += [*[""] * bool(drawn), _distribution(screen, found, encoding, temperatures)]
    return drawn


def _distribution(
    screen: Screen, found: Distributions, encoding: str, temperatures: Sequence[int]
) -> RichTable:
    shown = found.distributions[0]
    width = min(WIDEST, (screen.width - LABEL) // len(temperatures) - PERCENT)
    table = RichTable(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    table.add_column("next", justify="right", no_wrap=True)
    for n in temperatures:
        title = f"temp {found.temperatures[n]:g}"
        if width >= LEAST:
            title += f": {shown.entropy[n]:.2f} bits"
        table.add_column(title, no_wrap=True)
    order = shown.order()
    rows: list[tuple[Part, list[int]]] = [
        (Symbols(found.symbols[place], alone=True), [place]) for place in order[: found.most]
    ]
    for name, places in [*rows, ("other", order[found.most :])]:
        if places:
            shares = shown.shares[:, places].sum(axis=1)[temperatures]
            bars = (f"{percent(s):>6} {screen.bar(s, width).rstrip()}" for s in shares)
            table.add_row(styled(screen, name, encoding), *bars)
    return table
