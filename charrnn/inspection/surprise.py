"""Where a text surprises a model, and what it would have expected there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import TextConfig
from charrnn.drawing.figure import (
    EVERYWHERE,
    PAGE,
    TERMINAL,
    Bar,
    Block,
    Cell,
    Colouring,
    Column,
    Figure,
    Guesses,
    Heading,
    Passage,
    Strong,
    Symbols,
    Table,
    Words,
    joined,
)
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.words import percent

FULL = 8.0  # bits that are drawn as the most there is: a chance of 1 in 256
MOST_READ = 100_000  # characters, unless a later one is asked for; for more there is `score`
SHOWN, ON_PAGE, FEWEST = (
    1500,
    3000,
    1000,
)  # characters that a terminal and a page show, a page at least
PICTURED = 960  # of them in a picture
PLACES = 5  # most surprising places that are told
BEFORE = 20  # characters of context before such a place
GUESSES, LISTED, PAGE_GUESSES = (
    8,
    4,
    5,
)  # that are noted, those of them in a table, and those on a page


@dataclass(frozen=True)
class Surprise:
    """A text of N characters as a model read it, each predicted from all before it.

    Attributes:
        text: The text.
        bits: ``(N,)``, -log2 of the probability of each character, as ``charrnn score`` has them.
        entropy: ``(N,)``, bits that the model expected to be surprised by: those of each
            prediction itself.
        guesses: For each character the likeliest ones in its place, ``guesses[n]`` as a string.
        probabilities: ``(N, G)``, of these guesses.
    """

    text: str
    bits: Array
    entropy: Array
    guesses: tuple[str, ...]
    probabilities: Array

    @property
    def bits_per_char(self) -> float:
        """The mean."""
        return float(self.bits.mean())

    def most_surprising(self, count: int) -> NDArray[np.intp]:
        """Places in the text, the most surprising first."""
        return np.argsort(-self.bits, kind="stable")[:count]


def read_surprise(model: CharacterModel, text: str, guesses: int = 8) -> Surprise:
    """Read a text and note at each character what was expected.

    The first character follows a line feed, as in :mod:`charrnn.writing.scoring`. A model of records reads
    each line from the zero state.

    Args:
        text: One character at least.
        guesses: Likeliest characters to note, *G* (fewer where the vocabulary is smaller).

    Raises:
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    vocabulary = model.vocabulary
    targets = vocabulary.encode(text)
    count = min(guesses, len(vocabulary))
    nats, entropy = np.empty(len(text)), np.empty(len(text))
    best, likely = np.empty((len(text), count), np.intp), np.empty((len(text), count))
    for passage in read_text(model, text, most=1):
        places, log_p = passage.places[:, 0], _log_softmax(passage.logits[:, :, 0])
        nats[places] = -np.take_along_axis(log_p, targets[None, places], axis=0)[0]
        entropy[places] = -(np.exp(log_p) * log_p).sum(axis=0)
        order = np.argpartition(-log_p, count - 1, axis=0)[:count]
        ranked = np.argsort(-np.take_along_axis(log_p, order, axis=0), axis=0, kind="stable")
        order = np.take_along_axis(order, ranked, axis=0)
        best[places], likely[places] = order.T, np.exp(np.take_along_axis(log_p, order, axis=0)).T
    named = vocabulary.decode(best.ravel())
    rows = tuple(named[start : start + count] for start in range(0, len(named), count))
    return Surprise(text, bits(nats), bits(entropy), rows, likely)


def _log_softmax(logits: NDArray[Any]) -> Array:
    """``(K, T)`` in float64: log of the probabilities, each column's by itself."""
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> Figure:
    """A text, coloured by how much each character surprises the model."""
    model = look.subject.checkpoint.model
    kind = model.vocabulary.config
    if look.value is None:
        text, source = look.text(look.scaled(ON_PAGE, FEWEST))
        return _figure(read_surprise(model, text, PAGE_GUESSES), source, kind, PAGE_GUESSES)
    text, source = look.given_text("--text")
    if look.at is not None and not 1 <= look.at <= len(text):
        raise InputError(f"--at {look.at}: the text has characters 1 to {len(text)}")
    most = max(MOST_READ, look.at or 0)
    if len(text) > most:
        source = f"the first {most:,} {kind.unit}s of {source}"
    return _figure(read_surprise(model, text[:most], GUESSES), source, kind, LISTED, look.at)


def _figure(
    surprise: Surprise, source: str, kind: TextConfig, listed: int, at: int | None = None
) -> Figure:
    """Of a text, with its most surprising places and the guesses that are listed of each, or one place."""
    mean, length = surprise.bits_per_char, len(surprise.text)
    shown = _passage(surprise, SHOWN, kind.unit, TERMINAL, at)
    pictured = _passage(surprise, PICTURED, kind.unit, at=at)
    head = (
        Strong(source),
        f": {length:,} {kind.unit}s, {mean:.4f} bits/{kind.symbol} · "
        f"perplexity {2 ** min(mean, 1000):.4g}",
    )
    explanation = (
        f"Each {kind.unit} of {source} is predicted from all before it. It costs −log₂ of the probability that "
        f"the model gave it; on average {mean:.3f} bits. Move over the text, or through it with the arrow keys."
    )
    blocks: list[Block] = [
        Words(head, on=TERMINAL),
        Words(explanation, on=PAGE),
        shown,
        _passage(surprise, length, kind.unit, PAGE),
    ]
    if length > SHOWN:
        part = f"{kind.unit}s {shown.first + 1:,} to {shown.first + SHOWN:,} of {length:,}"
        blocks.append(Words(f"{part}; --at N shows those around another place", on=TERMINAL))
    if at:
        blocks += _one_place(surprise, at - 1, kind.unit)
    else:
        blocks += [Heading("The most surprising places", on=PAGE), _places(surprise, listed)]
    places = [int(place) for place in surprise.most_surprising(PLACES)]
    worst = [
        (Symbols(surprise.text[n], alone=True), f" at {n + 1} ({surprise.bits[n]:.1f})")
        for n in places
    ]
    return Figure(
        f"Surprise: {mean:.3f} bits/{kind.symbol}",
        blocks,
        {
            "source": source,
            "characters": length,
            "bits_per_char": mean,
            "text": Symbols(surprise.text),
            "bits": surprise.bits,
            "entropy": surprise.entropy,
            "most_surprising": [_told(surprise, place) for place in places],
            "at": _told(surprise, at - 1) if at else None,
        },
        description=(
            f"{len(pictured.text):,} {kind.unit}s of {source}, from number {pictured.first + 1:,} on, each with a "
            "bar of as many bits as it surprised the model by. Most surprising: ",
            *joined(worst, ", "),
            ".",
        ),
        picture=[pictured],
        encoding=kind.encoding,
    )


def _passage(
    surprise: Surprise, most: int, unit: str, on: str = EVERYWHERE, at: int | None = None
) -> Passage:
    """The text, or as much of it around a place as is to be shown."""
    first = max(0, min(at - 1 - most // 2, len(surprise.text) - most)) if at else 0
    part = slice(first, first + most)
    cost, entropy = surprise.bits[part], surprise.entropy[part]
    return Passage(
        "surprise",
        surprise.text[part],
        [Colouring("surprise", cost, 0, FULL, unit=f"bits for each {unit}:")],
        unit,
        Guesses(cost, entropy, surprise.guesses[part], surprise.probabilities[part]),
        at - 1 - first if at else None,
        first,
        on,
    )


def _places(surprise: Surprise, listed: int) -> Table:
    """The most surprising places, and what was expected there."""
    rows: list[Sequence[Cell]] = []
    for place in map(int, surprise.most_surprising(PLACES)):
        cost = float(surprise.bits[place])
        before = Symbols(surprise.text[max(0, place - BEFORE) : place])
        here = Symbols(surprise.text[place], amount=cost / FULL)
        guesses = [(guess, f" {percent(share)}") for guess, share in _guesses(surprise, place)]
        rows.append(
            (f"{place + 1:,}", f"{cost:.2f}", (before, here), joined(guesses[:listed], "  "))
        )
    at, bits = Column("at", figures=True), Column("bits", figures=True)
    return Table(
        [at, bits, Column("most surprising", whole=True, ends=True), Column("expected")], rows
    )


def _one_place(surprise: Surprise, place: int, unit: str) -> list[Block]:
    """One place, and the guesses as bars; that which came is marked."""
    character, cost = surprise.text[place], float(surprise.bits[place])
    chance = percent(2.0**-cost) if cost < 10 else f"1 in {2.0 ** min(cost, 1000):.3g}"
    told = (
        f"{unit} {place + 1:,} is ",
        Symbols(character, alone=True),
        f": {cost:.2f} bits, a chance of {chance}. The model expected {surprise.entropy[place]:.2f} bits here:",
    )
    rows = [
        (replace(guess, strong=guess.text == character), Bar(share, percent(share)))
        for guess, share in _guesses(surprise, place)
    ]
    return [Words(told), Table([Column("", figures=True), Column("")], rows)]


def _guesses(surprise: Surprise, place: int) -> list[tuple[Symbols, float]]:
    shares = surprise.probabilities[place].tolist()
    return [
        (Symbols(c, alone=True), p) for c, p in zip(surprise.guesses[place], shares, strict=True)
    ]


def _told(surprise: Surprise, place: int) -> dict[str, Any]:
    return {
        "at": place + 1,
        "character": Symbols(surprise.text[place]),
        "bits": surprise.bits[place],
        "guesses": [
            {"character": guess, "probability": share} for guess, share in _guesses(surprise, place)
        ],
    }
