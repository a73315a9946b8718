"""A figure in a terminal: block by block, each by its own function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from charrnn.drawing.figure import (
    PAGE,
    Block,
    Chart,
    Commands,
    Distributions,
    Facts,
    Figure,
    Heading,
    Histogram,
    Map,
    Matrix,
    Panels,
    Passage,
    Scatter,
    Strong,
    Table,
    Words,
    parts,
)
from charrnn.drawing.terminal.chart import draw_chart
from charrnn.drawing.terminal.panels import draw_histogram, draw_map, draw_matrix, draw_scatter
from charrnn.drawing.terminal.passage import draw_passage
from charrnn.drawing.terminal.screen import Screen
from charrnn.drawing.terminal.table import draw_distributions, draw_facts, draw_table
from charrnn.words import printable

TALLEST, LOWEST = 12, 5  # rows of a chart that gives way
PIPED = 24  # rows of a screen that has none
PROMPT = 1  # row of a screen that the next prompt takes


def draw(figure: Figure, screen: Screen) -> None:
    """Print a figure."""
    blocks = [block for block in figure.blocks if block.on != PAGE]
    screen = replace(screen, encoding=figure.encoding, key_width=_key_width(blocks))
    if figure.one_screen:
        blocks = _fitted(blocks, screen)
    for number, block in enumerate(blocks):
        if number and _apart(blocks[number - 1], block):
            screen.put("")
        whole = isinstance(block, Commands) or (isinstance(block, Words) and block.whole)
        screen.put(*DRAWERS[type(block)](screen, block), whole=whole)


def plain_text(figure: Figure, width: int) -> str:
    """A figure as it is in a pipe, so many columns wide."""
    file = StringIO()
    draw(figure, Screen(Console(file=file, width=width), colour=False, unicode=True))
    return file.getvalue()


def draw_panels(screen: Screen, found: Panels) -> Iterator[RenderableType]:
    """Planes of points beside each other, as many as there is room for; all else one below the other."""
    planes = [draw_scatter(screen, panel) for panel in found.panels if isinstance(panel, Scatter)]
    beside = max(1, screen.width // (len(planes[0][0]) + 1)) if planes else 1
    for start in range(0, len(planes), beside):
        for row in zip(*planes[start : start + beside], strict=True):
            yield Text(" ").join(row)
    for number, panel in enumerate(found.panels):
        if number and not isinstance(panel, Scatter | Histogram):
            yield Text()
        if not isinstance(panel, Scatter):
            yield from DRAWERS[type(panel)](screen, panel)


# The parts of a block, each on lines of its own.
DRAWERS: dict[type[Block], Callable[[Screen, Any], Iterable[RenderableType]]] = {
    Words: lambda screen, block: [screen.words(block.phrase)],
    Heading: lambda screen, block: [screen.words(Strong(block.text))],
    Facts: draw_facts,
    Commands: lambda screen, block: [
        Text.assemble((f"{name:<{screen.key_width}}  ", "bold"), printable(command))
        for name, command in block.rows
    ],
    Table: draw_table,
    Chart: draw_chart,
    Scatter: draw_scatter,
    Histogram: draw_histogram,
    Map: draw_map,
    Matrix: draw_matrix,
    Panels: draw_panels,
    Passage: draw_passage,
    Distributions: draw_distributions,
}


def _apart(before: Block, block: Block) -> bool:
    """Whether an empty line stands between two blocks."""
    if isinstance(before, Heading) or _framed(before) or _framed(block):
        return False
    if isinstance(before, Words):
        *_, last = parts(before.phrase)
        leads_in = isinstance(last, str) and last.endswith(":")
        return not (leads_in or isinstance(block, Words | Passage))
    return True


def _framed(block: Block) -> bool:
    return isinstance(block, Facts | Table) and bool(block.title)


def _key_width(blocks: Iterable[Block]) -> int:
    """That of the names of facts and commands: what they say begins in one column."""
    named = [
        block for block in blocks if isinstance(block, Facts | Commands) and not _framed(block)
    ]
    return max((len(name) for block in named for name, _ in block.rows), default=0)


def _fitted(blocks: list[Block], screen: Screen) -> list[Block]:
    """Charts as high as the rest of a screen allows; what is piped is made for the usual one."""
    rows = screen.console.height if screen.console.is_terminal else PIPED
    charts = [block.height for block in blocks if isinstance(block, Chart)]
    taken = PROMPT + sum(_apart(a, b) for a, b in pairwise(blocks)) - sum(charts)
    for block in blocks:
        for part in DRAWERS[type(block)](screen, block):
            wraps = not isinstance(block, Commands)
            taken += len(screen.console.render_lines(part)) if wraps else 1
    height = min(TALLEST, max(LOWEST, (rows - taken) // max(1, len(charts))))
    return [
        replace(block, height=height) if isinstance(block, Chart) else block for block in blocks
    ]
