"""A figure in a terminal: block by block, each by its own function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from rich.console import RenderableType
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
    Panels,
    Passage,
    Scatter,
    Table,
    Words,
    parts,
)
from charrnn.drawing.terminal.chart import draw_chart
from charrnn.drawing.terminal.panels import draw_histogram, draw_map, draw_panels, draw_scatter
from charrnn.drawing.terminal.passage import draw_passage
from charrnn.drawing.terminal.phrase import styled
from charrnn.drawing.terminal.screen import Screen
from charrnn.drawing.terminal.table import draw_distributions, draw_facts, draw_table
from charrnn.words import printable

TALLEST, LOWEST = 12, 5  # rows of a chart that gives way
PIPED = 24  # rows of a screen that has none
PROMPT = 1  # row of a screen that the next prompt takes


def draw(figure: Figure, screen: Screen) -> None:
    """Print a figure."""
    blocks = [block for block in figure.blocks if block.on != PAGE]
    if figure.one_screen:
        blocks = _fitted(blocks, screen, figure)
    before: Block | None = None
    for block in blocks:
        if before is not None and _apart(before, block):
            screen.put("")
        if isinstance(block, Words) and block.whole:
            screen.put_whole(styled(screen, block.phrase, figure.encoding))
        elif isinstance(block, Commands):
            width = _key_width(blocks)
            for name, command in block.rows:
                key = Text(f"{name:<{width}}  ", style="bold")
                screen.put_whole(key.append(printable(command), style="not bold"))
        else:
            screen.put(*_drawn(block, screen, figure.encoding, _key_width(blocks)))
        before = block


def _drawn(block: Block, screen: Screen, encoding: str, key_width: int) -> Iterable[RenderableType]:
    """The parts of a block, each on lines of its own."""
    if isinstance(block, Words):
        return [styled(screen, block.phrase, encoding)]
    if isinstance(block, Heading):
        return [Text(printable(block.text), style="bold")]
    if isinstance(block, Facts):
        return [draw_facts(screen, block, encoding, key_width)]
    if isinstance(block, Table):
        return [draw_table(screen, block, encoding)]
    if isinstance(block, Chart):
        return draw_chart(screen, block)
    if isinstance(block, Scatter):
        return draw_scatter(screen, block)
    if isinstance(block, Histogram):
        return [draw_histogram(screen, block)]
    if isinstance(block, Map):
        return draw_map(screen, block, encoding)
    if isinstance(block, Panels):
        return draw_panels(screen, block, encoding)
    if isinstance(block, Passage):
        return draw_passage(screen, block, encoding)
    if isinstance(block, Distributions):
        return draw_distributions(screen, block, encoding)
    raise TypeError(f"no way to draw {type(block).__name__}")


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


def _fitted(blocks: list[Block], screen: Screen, figure: Figure) -> list[Block]:
    """Charts as high as the rest of a screen allows; what is piped is made for the usual one."""
    rows = screen.console.height if screen.console.is_terminal else PIPED
    width = _key_width(blocks)
    taken = PROMPT + sum(_apart(a, b) for a, b in pairwise(blocks))
    for block in blocks:
        if isinstance(block, Commands):
            taken += len(block.rows)
            continue
        drawn = _drawn(block, screen, figure.encoding, width)
        taken += sum(len(screen.console.render_lines(part)) for part in drawn)
        if isinstance(block, Chart):
            taken -= block.height
    charts = sum(isinstance(block, Chart) for block in blocks) or 1
    height = min(TALLEST, max(LOWEST, (rows - taken) // charts))
    return [
        replace(block, height=height) if isinstance(block, Chart) else block for block in blocks
    ]
