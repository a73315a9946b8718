"""Facts, tables and bars in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

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
from charrnn.words import percent

SPARE = 64  # columns from which on there is room for what can be done without
LONGEST, SHORTEST = 24, 4  # columns of a bar
GAP = 2  # columns between those of a table
LABEL, PERCENT, LEAST = 7, 9, 13  # columns: of a symbol, of a share beside a bar, of both at least
WIDEST = 40  # columns of a distribution's bars


def draw_facts(screen: Screen, facts: Facts, encoding: str, key_width: int) -> RenderableType:
    """Names and what is said of them; in a frame if they have a title."""
    table = (
        RichTable(title=facts.title, title_justify="left", show_header=False)
        if facts.title
        else RichTable.grid(padding=(0, GAP))
    )
    table.add_column(style="bold", no_wrap=True, min_width=None if facts.title else key_width)
    table.add_column(overflow="fold")
    for name, phrase in facts.rows:
        table.add_row(styled(screen, name, encoding), styled(screen, phrase, encoding, "not bold"))
    return table


def draw_table(screen: Screen, table: figure.Table, encoding: str) -> RenderableType:
    """A table; in a frame if it has a title."""
    kept = [n for n, c in enumerate(table.columns) if not c.spare or screen.width >= SPARE]
    columns = [table.columns[n] for n in kept]
    rows = [[row[n] for n in kept] for row in table.rows]
    drawn = RichTable(
        title=table.title or None,
        title_justify="left",
        caption=table.caption or None,
        caption_justify="left",
        box=box.HEAVY_HEAD if table.title else None,
        pad_edge=bool(table.title),
        padding=(0, 1) if table.title else (0, GAP, 0, 0),
        header_style="bold",
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
    width = _bar_width(screen, columns, rows, encoding)
    for row in rows:
        drawn.add_row(*(_cell(screen, cell, encoding, width) for cell in row))
    return drawn


def _cell(screen: Screen, cell: Cell, encoding: str, width: int) -> Text:
    if isinstance(cell, Profile):
        return Text("".join(screen.height(float(share)) for share in cell.shares))
    if isinstance(cell, Bar):
        style = "" if cell.negative is None else LINES[not cell.negative]
        return Text(f"{cell.label} ").append(screen.bar(cell.share, width).rstrip(), style)
    return styled(screen, cell, encoding, "not bold")


def _bar_width(
    screen: Screen,
    columns: Sequence[figure.Column],
    rows: Sequence[Sequence[Cell]],
    encoding: str,
) -> int:
    """What a full bar may take, so that the longest ones fill the room that the other columns leave."""
    taken, bars, longest = -GAP, 0, 0.0
    for number, column in enumerate(columns):
        cells = [row[number] for row in rows]
        labels = [f"{cell.label} " for cell in cells if isinstance(cell, Bar)]
        bars += bool(labels)
        longest = max([longest, *(cell.share for cell in cells if isinstance(cell, Bar))])
        others = [
            _cell(screen, cell, encoding, 0).plain for cell in cells if not isinstance(cell, Bar)
        ]
        taken += GAP + max(map(cell_len, (*labels, *others, column.name)), default=0)
    room = (screen.width - taken) // max(1, bars)
    return min(LONGEST, max(SHORTEST, int(room / (longest or 1))))


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
