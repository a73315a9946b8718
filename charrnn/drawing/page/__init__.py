"""Figures on one page for a browser, block by block; ``document`` puts it into a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.drawing.figure import (
    TERMINAL,
    Block,
    Commands,
    Distributions,
    Facts,
    Figure,
    Heading,
    Map,
    Panel,
    Panels,
    Passage,
    Table,
    Words,
)
from charrnn.drawing.page.document import Inset as Inset
from charrnn.drawing.page.document import document
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.page.passage import Script, draw_distributions, draw_passage
from charrnn.drawing.page.svg import draw_panel
from charrnn.drawing.page.words import draw_commands, draw_facts, draw_table, marked


@dataclass(frozen=True)
class Section:
    """A figure under its heading, or a sentence that says why there is nothing to see."""

    name: str
    heading: str
    content: Figure | str


def render(title: str, lead: str, sections: Sequence[Section], also: Sequence[Inset] = ()) -> str:
    """A page of figures, with what its script needs to go through passages and distributions; ``also`` comes after them."""
    script = Script()
    parts = [
        (section.name, section.heading, _content(section.content, script)) for section in sections
    ]
    return document(title, lead, parts, script.data, also)


def _content(content: Figure | str, script: Script) -> Markup:
    if isinstance(content, str):
        return element("p", f"There is nothing to see here: {content.rstrip('.')}.")
    return joined(_drawn(block, content.encoding, script) for block in shown(content))


def shown(figure: Figure) -> list[Block]:
    """The blocks that a page has."""
    return [block for block in figure.blocks if block.on != TERMINAL]


def _drawn(block: Block, encoding: str, script: Script) -> Markup:
    if isinstance(block, Passage):
        return draw_passage(block, encoding, script)
    if isinstance(block, Distributions):
        return draw_distributions(block, encoding, script)
    if isinstance(block, Panel):
        return _figure(draw_panel(block, encoding, alone=True), block)
    if isinstance(block, Panels):
        pictures = (draw_panel(panel, encoding, alone=False) for panel in block.panels)
        return _figure(element("div", *pictures, class_="grid-of-pictures"), block.panels[0])
    return DRAWERS[type(block)](block, encoding)


DRAWERS: dict[type[Block], Callable[[Any, str], Markup]] = {
    Words: lambda block, encoding: element("p", marked(block.phrase, encoding)),
    Heading: lambda block, _: element("h3", block.text),
    Facts: draw_facts,
    Commands: draw_commands,
    Table: draw_table,
}


def _figure(picture: Markup, first: Panel) -> Markup:
    """A picture, below which a map's colours are told."""
    if not isinstance(first, Map) or not first.legend:
        return element("figure", picture)
    words = (element("span", f"{kind} ", class_=f"w{n}") for n, kind in enumerate(first.legend))
    return element("figure", picture, element("figcaption", "Colours: ", *words))
