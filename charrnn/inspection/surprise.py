"""Where a text surprises a model, and what it would have expected there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.loss import bits, log_softmax, perplexity
from charrnn.nn.parameters import Array
from charrnn.words import decimals, percent

FULL = 8.0  # bits that are drawn as the most there is: a chance of 1 in 256
MOST_READ = 100_000  # characters, unless a later one is asked for; for more there is `score`
SHOWN, ON_PAGE, FEWEST = 1500, 3000, 1000  # that a terminal and a page show, a page at least
PICTURED = 960  # of them in a picture
PLACES = 5  # most surprising places that are told
BEFORE = 20  # characters of context before such a place
GUESSES, LISTED, PAGE_GUESSES = 8, 4, 5  # that are noted, in a terminal's table, and on a page


@dataclass(frozen=True)
class Guess:
    """A character that could have come."""

    character: fig.Symbols
    probability: float


def guesses_of(characters: str, probabilities: Array) -> list[Guess]:
    pairs = zip(characters, probabilities.tolist(), strict=True)
    return [Guess(fig.Symbols(character, alone=True), share) for character, share in pairs]


def in_words(guesses: Iterable[Guess], between: str = "  ") -> tuple[fig.Part, ...]:
    return fig.joined(((g.character, f" {percent(g.probability)}") for g in guesses), between)


def apart(places: Iterable[int], distance: int, most: int) -> list[int]:
    """The first of some places, and those of the others that are further than ``distance`` from all before."""
    kept: list[int] = []
    for place in places:
        if len(kept) == most:
            break
        if all(abs(place - other) > distance for other in kept):
            kept.append(place)
    return kept


@dataclass(frozen=True)
class Surprise:
    """A text of N characters as a model read it, each predicted from all before it.

    Attributes:
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

    def expected(self, place: int) -> list[Guess]:
        """The guesses at a place."""
        return guesses_of(self.guesses[place], self.probabilities[place])


def read_surprise(model: CharacterModel, text: str, guesses: int = 8) -> Surprise:
    """Read a text and note at each character what was expected.

    The first character follows what :meth:`CharacterModel.beginning` says of no prime, as in
    :mod:`charrnn.writing.scoring`. A model of records reads
    each line from the zero state. Errors as :func:`charrnn.models.reading.read_text`.

    Args:
        text: One character at least.
        guesses: Likeliest characters to note, *G* (fewer where the vocabulary is smaller).
    """
    targets = model.vocabulary.encode(text)
    count = min(guesses, len(model.vocabulary))
    nats, entropy = np.empty(len(text)), np.empty(len(text))
    best, likely = np.empty((len(text), count), np.intp), np.empty((len(text), count))
    for passage in read_text(model, text, most=1):
        places, log_p = (
            passage.places[:, 0],
            log_softmax(passage.logits[:, :, 0].astype(np.float64)),
        )
        nats[places] = -np.take_along_axis(log_p, targets[None, places], axis=0)[0]
        entropy[places] = -(np.exp(log_p) * log_p).sum(axis=0)
        order = np.argpartition(-log_p, count - 1, axis=0)[:count]
        ranked = np.argsort(-np.take_along_axis(log_p, order, axis=0), axis=0, kind="stable")
        order = np.take_along_axis(order, ranked, axis=0)
        best[places], likely[places] = order.T, np.exp(np.take_along_axis(log_p, order, axis=0)).T
    named = model.vocabulary.decode(best.ravel())
    rows = tuple(named[start : start + count] for start in range(0, len(named), count))
    return Surprise(text, bits(nats), bits(entropy), rows, likely)


# ----------------------------------------------------------------------------------- what is to be seen


@dataclass(frozen=True)
class Place:
    """A character of a text, counted from 1, and what was expected in its stead."""

    at: int
    character: fig.Symbols
    bits: float
    guesses: list[Guess]


def view(look: Look) -> fig.Figure:
    """A text, coloured by how much each character surprises the model, with the most surprising places or one."""
    model, at = look.subject.checkpoint.model, look.at
    kind = model.vocabulary.config
    unit = kind.unit
    if look.value is None:
        watched = look.watched(look.scaled(ON_PAGE, FEWEST))
        text, source = watched.text, watched.source
        most, noted, listed = ON_PAGE, PAGE_GUESSES, PAGE_GUESSES
    else:
        text, source = look.read(look.value, "--text")
        if at is not None and not 1 <= at <= len(text):
            raise InputError(f"--at {at}: the text has characters 1 to {len(text)}")
        text, source = look.head(text, source, max(MOST_READ, at or 0))
        most, noted, listed = SHOWN, GUESSES, LISTED
    surprise = read_surprise(model, text, noted)
    mean, length = surprise.bits_per_char, len(text)
    shown, pictured = (_passage(surprise, part, unit, at) for part in (most, PICTURED))
    told = f"{decimals(mean, 4)} bits/{kind.symbol} · perplexity {perplexity(mean):.4g}"
    explanation = (
        f"Each {unit} is predicted from all before it, and costs −log₂ of the probability that the model gave "
        "it. Move over the text, or through it with the arrow keys."
    )
    blocks: list[fig.Block] = [
        fig.Words((fig.Strong(source), f": {length:,} {unit}s, {told}")),
        fig.Words(explanation, on=fig.PAGE),
        shown,
    ]
    if length > most:
        part = f"{unit}s {shown.first + 1:,} to {shown.first + most:,} of {length:,}"
        blocks.append(fig.Words(f"{part}; --at N shows those around another place"))
    worst = [_place(surprise, place) for place in surprise.most_surprising(PLACES).tolist()]
    here = _place(surprise, at - 1) if at else None
    if here:
        blocks += _one_place(here, surprise.entropy[here.at - 1], unit)
    else:
        heading = fig.Heading("The most surprising places", on=fig.PAGE)
        blocks += [heading, _places(text, worst, listed)]
    names = [(p.character, f" at {p.at} ({decimals(p.bits, 1)})") for p in worst]
    return fig.Figure(
        f"Surprise: {decimals(mean, 3)} bits/{kind.symbol}",
        blocks,
        {
            "source": source,
            "characters": length,
            "bits_per_char": mean,
            "text": fig.Symbols(text),
            "bits": surprise.bits,
            "entropy": surprise.entropy,
            "most_surprising": worst,
            "at": here,
        },
        (
            f"{len(pictured.text):,} {unit}s of {source}, from number {pictured.first + 1:,} on, each with a "
            "bar of as many bits as it surprised the model by. Most surprising: ",
            *fig.joined(names, ", "),
            ".",
        ),
        [pictured],
    )


def _place(surprise: Surprise, place: int) -> Place:
    character, cost = fig.Symbols(surprise.text[place], alone=True), float(surprise.bits[place])
    return Place(place + 1, character, cost, surprise.expected(place))


def _passage(surprise: Surprise, most: int, unit: str, at: int | None) -> fig.Passage:
    """The text, or as much of it around a place as is to be shown."""
    first = max(0, min(at - 1 - most // 2, len(surprise.text) - most)) if at else 0
    part = slice(first, first + most)
    cost, entropy = surprise.bits[part], surprise.entropy[part]
    guesses = fig.Guesses(cost, entropy, surprise.guesses[part], surprise.probabilities[part])
    colouring = fig.Colouring("surprise", cost, 0, FULL, unit=f"bits for each {unit}:")
    here = at - 1 - first if at else None
    return fig.Passage("surprise", surprise.text[part], [colouring], unit, guesses, here, first)


def _places(text: str, places: Sequence[Place], listed: int) -> fig.Table:
    rows: list[Sequence[fig.Cell]] = []
    for place in places:
        before = fig.Symbols(text[max(0, place.at - 1 - BEFORE) : place.at - 1])
        here = replace(place.character, alone=False, amount=place.bits / FULL)
        expected = in_words(place.guesses[:listed])
        rows.append((f"{place.at:,}", decimals(place.bits, 2), (before, here), expected))
    where = fig.Column("most surprising", whole=True, ends=True)
    return fig.Table([*fig.figures("at", "bits"), where, fig.Column("expected")], rows)


def _one_place(place: Place, entropy: float, unit: str) -> list[fig.Block]:
    """One place, and the guesses as bars; that which came is marked."""
    cost, came = place.bits, place.character.text
    chance = percent(2.0**-cost) if cost < 10 else f"1 in {2.0 ** min(cost, 1000):.3g}"
    told = f": {decimals(cost, 2)} bits, a chance of {chance}. The model expected {decimals(entropy, 2)} bits here:"
    rows = [
        (
            replace(guess.character, strong=guess.character.text == came),
            fig.Bar(guess.probability, percent(guess.probability)),
        )
        for guess in place.guesses
    ]
    bars = fig.Table([fig.Column("", figures=True), fig.Column("")], rows)
    return [fig.Words((f"{unit} {place.at:,} is ", place.character, told)), bars]
