"""What is to be seen, as plain data: a view says it once, and terminal, picture, page and JSON follow from it.

A :class:`Figure` is a title and some blocks, one below the other: words, facts, tables, charts, passages of
text in colours. Blocks hold numbers and strings only. How wide a screen is, which colours or characters it
has, and what can be clicked, is for those who draw.

Characters of the model's text are never mixed with ours: they stand in a :class:`Symbols`, which each
drawer shows in its own safe way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from charrnn.nn.parameters import Array
from charrnn.words import decimals

EVERYWHERE, TERMINAL, PAGE = "", "terminal", "page"
"""Where a block is to be seen. Most are everywhere; the page has room for more pictures and words."""


# ------------------------------------------------------------------------------------------- words


@dataclass(frozen=True)
class Symbols:
    """Characters of a model's text, as the model has them."""

    text: str
    alone: bool = False  # where a space would not be seen
    amount: float | None = None  # of something, 0 to 1, as a colour behind them; None for no colour
    strong: bool = False  # to be noticed


@dataclass(frozen=True)
class Strong:
    """Words to be noticed; ``series`` is the line of a chart that they name, which gives them a colour."""

    text: str
    series: int | None = None


@dataclass(frozen=True)
class Pick:
    """The name of a colouring; where one can click, it chooses that one in the passage of the figure."""

    text: str


Part = str | Symbols | Strong | Pick
Phrase = Part | tuple[Part, ...]
"""A line of words."""


@dataclass(frozen=True)
class Bar:
    """A figure with a bar beside it."""

    share: float  # length of the bar, 0 to 1
    label: str  # the figure, as it is written
    negative: bool | None = None  # below 0, which the colour tells as well; None: it has no sign


@dataclass(frozen=True)
class Profile:
    """Heights beside each other, 0 to 1 each, in the room of a word."""

    shares: Sequence[float]


Cell = Phrase | Bar | Profile


# ------------------------------------------------------------------------------------------ blocks


@dataclass(frozen=True)
class Block:
    """A part of a figure, and where it is to be seen."""

    on: str = field(default=EVERYWHERE, kw_only=True)


@dataclass(frozen=True)
class Words(Block):
    """A paragraph; if ``whole``, one line that is never wrapped, such as a path."""

    phrase: Phrase
    whole: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Heading(Block):
    """A title within a figure."""

    text: str


@dataclass(frozen=True)
class Facts(Block):
    """Names and what is to be said of them; with a title they are a table with a frame."""

    rows: Sequence[tuple[str, Phrase]]
    title: str = ""


@dataclass(frozen=True)
class Commands(Block):
    """Commands to go on with, each with a word that says what for; never wrapped, so that they can be copied."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str  # its head
    figures: bool = False  # it holds figures, which are aligned to the right
    whole: bool = False  # its cells are never wrapped
    spare: bool = False  # it is left out where the columns do not fit
    ends: bool = False  # where there is little room its cells lose their beginnings, not their ends
    series: int | None = None  # the line of a chart that it belongs to, in whose colour its head is


def figures(*names: str) -> list[Column]:
    """Columns of figures."""
    return [Column(name, figures=True) for name in names]


@dataclass(frozen=True)
class Table(Block):
    """Rows of cells, in a frame if there is a title; ``total`` is a last row, set apart, ``caption`` words below it."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    total: Sequence[Cell] | None = None
    caption: str = ""


@dataclass(frozen=True)
class Axis:
    """What an axis means."""

    label: str = ""  # in words, with the unit
    log: bool = False
    low: float | None = None  # its ends; those of the data where they are None
    high: float | None = None
    bare: bool = False  # without numbers


@dataclass(frozen=True)
class Line:
    """A line of a chart; ``x`` increases. Points that are not finite break it."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    # Two lines between which most of what it is the mean of lies.
    band: tuple[Sequence[float], Sequence[float]] | None = None
    strong: bool = False  # it matters more than the others
    told: str = ""  # what the legend says of it beside its name


@dataclass(frozen=True)
class Rule:
    """A thin straight line between two points, with a word."""

    start: tuple[float, float]
    end: tuple[float, float]
    name: str = ""


@dataclass(frozen=True)
class Panel(Block):
    """A picture over two axes."""

    name: str  # a word that no other panel of the figure has, for references to it
    title: str
    x: Axis
    y: Axis
    description: Phrase  # what is to be seen, in words, for those who do not see it


@dataclass(frozen=True)
class Chart(Panel):
    """Lines; ``legend`` is the title of theirs, ``height`` counts rows of a terminal."""

    lines: Sequence[Line]
    rules: Sequence[Rule] = ()
    legend: str = ""
    height: int = 10


@dataclass(frozen=True)
class Scatter(Panel):
    """Points in a plane; ``series`` gives their colour."""

    points: tuple[Sequence[float], Sequence[float]]
    rules: Sequence[Rule] = ()
    series: int = 0


@dataclass(frozen=True)
class Histogram(Panel):
    """How many there are between each two ``edges``."""

    edges: Sequence[float]
    counts: Sequence[float]
    series: int = 0


@dataclass(frozen=True)
class Place:
    """A word at a point of a map; ``series`` gives its colour, ``told`` is told where a mouse rests on it."""

    word: Phrase
    x: float
    y: float
    series: int
    told: Phrase


@dataclass(frozen=True)
class Map(Panel):
    """Symbols in a plane, near each other if they are alike; ``legend`` names the series."""

    places: Sequence[Place]
    legend: Sequence[str] = ()


@dataclass(frozen=True)
class Matrix(Panel):
    """Shares from 0 to 1 as shades: a row for each name, from the top, and a column for each, or for each of ``across``."""

    names: Sequence[Phrase]
    shares: Sequence[Sequence[float]]
    across: Sequence[Phrase] | None = None

    @property
    def columns(self) -> Sequence[Phrase]:
        """The names of the columns."""
        return self.names if self.across is None else self.across


@dataclass(frozen=True)
class Panels(Block):
    """Panels beside each other, up to so many ``columns``; if ``narrow``, as small as can be."""

    panels: Sequence[Panel]
    columns: int = 2
    narrow: bool = False


# ----------------------------------------------------------------------------------- text in colours


@dataclass(frozen=True)
class Colouring:
    """A number for each character of a passage, as a colour or a mark."""

    name: str  # what the numbers are of
    values: Array  # (N,)
    low: float  # ends of the scale
    high: float
    signed: bool = False  # the scale goes from blue to orange; else from nothing to orange
    unit: str = ""  # how a legend begins: "bits for each character:", "holds"
    told: str = ""  # more about it, in words
    # The part of the passage that is worth a look, where there is no room for all.
    excerpt: slice = field(default_factory=lambda: slice(None))

    def written(self, share: float) -> str:
        """The number at a share of the scale, 0 to 1, as a legend has it; of amounts the last stands for all beyond."""
        value = self.low + share * (self.high - self.low)
        if self.signed:
            return decimals(value, 2)
        return f"{value:g}+" if share == 1 else f"{value:g}"


@dataclass(frozen=True)
class Guesses:
    """What was expected at each of N characters of a passage."""

    bits: Array  # (N,), what each character cost
    entropy: Array  # (N,), bits that were expected
    symbols: Sequence[str]  # N strings of the likeliest characters in its place
    shares: Array  # (N, G), their probabilities


@dataclass(frozen=True)
class Passage(Block):
    """A text in colours. With several colourings one is chosen where that can be; else the first few are shown."""

    name: str  # a word that no other passage of the figure has
    text: str  # N characters of the model's text
    colourings: Sequence[Colouring]  # at least one
    unit: str = "character"  # what a character is called
    guesses: Guesses | None = None  # what was expected at each of them, if that is known
    at: int | None = None  # a character that is pointed at, from 0
    first: int = 0  # the number of its first character in a longer text, from 0


@dataclass(frozen=True)
class Distribution:
    """What could follow something: one of K symbols, at n temperatures."""

    before: Phrase  # words for what it follows, or the end of it
    shares: Array  # (n, K), the probabilities at each temperature
    entropy: Array  # (n,) bits
    scores: Array  # (K,), logits up to a constant

    def order(self) -> list[int]:
        """All symbols, the likeliest first. (No temperature changes the order but 0.)"""
        return [int(place) for place in np.argsort(-self.scores, kind="stable")]


@dataclass(frozen=True)
class Distributions(Block):
    """Distributions over the same symbols; where that can be, one of them and its temperature are chosen."""

    name: str
    symbols: str  # K characters
    temperatures: Sequence[float]  # n of them
    distributions: Sequence[Distribution]  # at least one: the first where none can be chosen
    most: int = 12  # symbols that are drawn one by one; the others are summed up

    def rows(self) -> list[tuple[Part, Array]]:
        """Of the first one: its likeliest symbols, and the others together, with shares ``(n,)``."""
        first = self.distributions[0]
        order = first.order()
        rows: list[tuple[Part, Array]] = [
            (Symbols(self.symbols[place], alone=True), first.shares[:, place])
            for place in order[: self.most]
        ]
        others = order[self.most :]
        return [*rows, ("other", first.shares[:, others].sum(axis=1))] if others else rows


# ------------------------------------------------------------------------------------------ figures


@dataclass(frozen=True)
class Figure:
    """A view."""

    title: Phrase  # what it shows, as the title of a picture; a terminal draws the blocks alone
    blocks: Sequence[Block]  # from top to bottom
    data: Mapping[str, Any]  # what --json tells: numbers, strings, arrays and dataclasses
    description: Phrase = ""  # what its picture shows, in words
    picture: Sequence[Block] = ()  # the blocks that make its picture; none for the reason below
    no_picture: str = "there is no picture of this view; leave --png and --svg out"
    encoding: str = "utf-8"  # that of the model's text: a byte beyond ASCII is no character
    one_screen: bool = False  # charts give way, so that all of it fits on one screen
    exact: bool = False  # JSON has all digits of the numbers in data; if not, seven


def parts(phrase: Phrase) -> tuple[Part, ...]:
    """A phrase's parts."""
    return phrase if isinstance(phrase, tuple) else (phrase,)


def joined(phrases: Iterable[Phrase], between: str) -> tuple[Part, ...]:
    """Phrases as one, with words between them."""
    found: list[Part] = []
    for phrase in phrases:
        found += [between] * bool(found)
        found += parts(phrase)
    return tuple(found)
