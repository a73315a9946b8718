"""Figures on one page for a browser, block by block; ``document`` puts it into a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.drawing.figure import (
    TERMINAL,
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
)
from charrnn.drawing.page.charts import drawn
from charrnn.drawing.page.document import document
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.page.passage import (
    Alphabet,
    distributions_data,
    draw_distributions,
    draw_passage,
    passage_data,
)
from charrnn.drawing.page.phrase import marked
from charrnn.drawing.page.table import draw_commands, draw_facts, draw_table


@dataclass(frozen=True)
class Section:
    """A figure under its heading, or a sentence that says why there is nothing to see."""

    name: str
    heading: str
    content: Figure | str


def render(title: str, lead: str, sections: Sequence[Section]) -> str:
    """A page of figures, with what its script needs to go through passages and distributions."""
    alphabet = Alphabet()
    data: dict[str, Any] = {"passages": {}, "distributions": {}}
    for section in sections:
        if isinstance(figure := section.content, str):
            continue
        for block in shown(figure):
            if isinstance(block, Passage):
                data["passages"][block.name] = passage_data(block, figure.encoding, alphabet)
            elif isinstance(block, Distributions):
                found = distributions_data(block, figure.encoding, alphabet)
                data["distributions"][block.name] = found
    parts = [(section.name, section.heading, _content(section.content)) for section in sections]
    return document(title, lead, parts, {**data, "names": alphabet.names})


def _content(content: Figure | str) -> Markup:
    if isinstance(content, str):
        return element("p", f"There is nothing to see here: {content.rstrip('.')}.")
    return joined(_drawn(block, content.encoding) for block in shown(content))


def shown(figure: Figure) -> list[Block]:
    """The blocks that a page has."""
    return [block for block in figure.blocks if block.on != TERMINAL]


def _drawn(block: Block, encoding: str) -> Markup:
    if isinstance(block, Words):
        return element("p", marked(block.phrase, encoding))
    if isinstance(block, Heading):
        return element("h3", block.text)
    if isinstance(block, Facts):
        return draw_facts(block, encoding)
    if isinstance(block, Commands):
        return draw_commands(block)
    if isinstance(block, Table):
        return draw_table(block, encoding)
    if isinstance(block, Chart | Scatter | Histogram | Map):
        return element("figure", drawn(block, encoding, alone=True), *_legend(block))
    if isinstance(block, Panels):
        pictures = (drawn(panel, encoding, alone=False) for panel in block.panels)
        grid = element("div", *pictures, class_="grid-of-pictures")
        return element("figure", grid, *_legend(block.panels[0]))
    if isinstance(block, Passage):
        return draw_passage(block, encoding)
    if isinstance(block, Distributions):
        return draw_distributions(block, encoding)
    raise TypeError(f"no way to draw {type(block).__name__}")


def _legend(block: Block) -> list[Markup]:
    """What the colours of a map mean."""
    if not isinstance(block, Map) or not block.legend:
        return []
    words = (element("span", f"{kind} ", class_=f"w{n}") for n, kind in enumerate(block.legend))
    return [element("figcaption", "Colours: ", *words)]
