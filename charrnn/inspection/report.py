"""Every view of a model on one page, which says how much of a text it gives away; :mod:`charrnn.drawing.page` draws it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from charrnn.drawing import figure as fig
from charrnn.drawing.page import Inset, Section, render, shown
from charrnn.errors import CharrnnError
from charrnn.inspection import VIEWS, View
from charrnn.inspection.look import Look
from charrnn.nn.parallel import single_threaded_blas
from charrnn.words import counted

MODERATE = 1_000_000  # weights up to which a page's views read as much as they do alone
LEFT_OUT = "the text is left out (--no-text)"


def page(look: Look, *, with_text: bool = True, also: Sequence[Inset] = ()) -> str:
    """All views that the page has, as one file in HTML; what a view cannot show, it says in a sentence.

    Args:
        with_text: Show what was read; else only figures come from it.
        also: What comes after the views.

    Raises:
        InputError: What was asked for is wrong: several models, a text that cannot be read, ``unknown``.
    """
    model = look.subject.checkpoint.model
    look = replace(look, share=min(1.0, MODERATE / model.parameters.flat.size))
    vocabulary = model.vocabulary
    vocabulary.fitted(vocabulary.characters, look.unknown or "error")  # whether that can be obeyed
    if look.on is not None and not model.config.learns.rewrites:
        look.watched(1)
    with single_threaded_blas():
        sections = [
            Section(view.file, view.section, _content(view, look, with_text=with_text))
            for view in VIEWS
            if view.section and model.config.task in view.tasks
        ]
    found = [s.content for s in sections if isinstance(s.content, fig.Figure)]
    lead = f"A model that reads {vocabulary.config}, through every view of charrnn inspect."
    return render(look.subject.path.name, f"{lead} {_held(look, found)}", sections, also)


def _content(view: View, look: Look, *, with_text: bool) -> fig.Figure | str:
    try:
        figure = view.figure(look)
    except CharrnnError as why:
        if look.counts is not None and "counts" in view.takes:
            raise  # nothing else needs what was asked for
        return str(why)
    return figure if with_text else without_text(figure)


def _held(look: Look, figures: Iterable[fig.Figure]) -> str:
    """How much of a text goes with the page to whoever gets it."""
    blocks = [block for figure in figures for block in shown(figure)]
    texts = [block.text for block in blocks if isinstance(block, fig.Passage)]
    longest = max(texts, key=len, default="")
    try:
        source = look.watched(sys.maxsize).source
    except CharrnnError:  # not even the model could write one
        return "This page holds no text."
    if not longest:
        return f"This page holds none of the text that was read, only figures from {source}."
    unit = look.subject.checkpoint.model.vocabulary.config.unit
    held = f"This page holds the first {counted(len(longest), unit)} of {source}"
    more = any(quote not in longest for block in blocks for quote in _quotes(block))
    return f"{held}; tables quote some other places, too." if more else f"{held}."


def without_text(figure: fig.Figure) -> fig.Figure | str:
    """A figure without what quotes the model's text; if only words are left, a sentence instead."""
    whole = shown(figure)
    blocks = [part for block in whole for part in _without_text(block)]
    if blocks == whole:
        return figure
    blocks = [
        block
        for block, below in zip(blocks, [*blocks[1:], None], strict=True)
        if not isinstance(block, fig.Heading) or not isinstance(below, fig.Heading | None)
    ]
    if all(isinstance(block, fig.Words) for block in blocks):
        return LEFT_OUT
    return replace(figure, blocks=[*blocks, fig.Words(f"{LEFT_OUT.capitalize()}.")])


def _without_text(block: fig.Block) -> list[fig.Block]:
    """The block, what is left of it, or nothing."""
    if isinstance(block, fig.Distributions):
        kept = [one for one in block.distributions if not any(_quotes(one))]
        if len(kept) == len(block.distributions):
            return [block]
        return [replace(block, distributions=kept)] if kept else []
    return [] if isinstance(block, fig.Passage) or any(_quotes(block)) else [block]


def _quotes(value: Any) -> Iterator[str]:
    """Pieces of the model's text in what is to be shown, but for characters that stand alone."""
    if isinstance(value, fig.Symbols):
        yield from [value.text] * (not value.alone)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _quotes(getattr(value, each.name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _quotes(item)
