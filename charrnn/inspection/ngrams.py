"""What memory is worth: the loss of a model beside that of n-grams, which know n - 1 characters and no more.

N-grams are counted in the part of a text that the model was trained on and scored on another one (on what they
counted they would always win), interpolated with modified Kneser-Ney smoothing (Chen & Goodman, "An empirical
study of smoothing techniques for language modeling", TR-10-98, 1998, section 3): of n symbols, the last one c
after a context h,

    p(c | h) = (max(0, count(hc) - D) + (sum of all D after h) p(c | h without its first symbol)) / count(h)

where D depends on whether count(hc) is 1, 2 or more. Below the highest order, ``count(hc)`` is how many
different symbols come before hc; below the lowest all symbols are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import TrainingConfig
from charrnn.drawing.figure import (
    Axis,
    Bar,
    Block,
    Cell,
    Chart,
    Column,
    Figure,
    Heading,
    Line,
    Phrase,
    Rule,
    Strong,
    Symbols,
    Table,
    Words,
    joined,
)
from charrnn.errors import InputError
from charrnn.inspection.learnt import NotAtHandError, learnt_text
from charrnn.inspection.look import Look
from charrnn.inspection.surprise import FULL, read_surprise
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.text.corpus import Corpus
from charrnn.text.records import Spans
from charrnn.text.source import Source
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.division import default_val_fraction
from charrnn.words import counted as number_of
from charrnn.words import percent, rejoined
from charrnn.writing.scoring import score_texts

ORDERS = 6
COUNTED = 2_000_000  # characters in which n-grams are counted, at most
LARGEST = 50_000_000  # characters of a text that is divided; bounds the memory
SCORED, FEWEST = 50_000, 1000  # characters that are scored; at least, of a large model
WINDOW, WARM = 3200, 400  # characters that are scored side by side, each after so many before them
PLACES, BEFORE, GUESSES = (
    5,
    40,
    2,
)  # that are told, characters before each, and what was expected there

FALLBACK = np.array([0, 0.5, 1.0, 1.5])
"""Discounts where there is too little to estimate them from (as KenLM has them, Heafield 2011)."""

Ids = NDArray[np.int64]


# ----------------------------------------------------------------------------------------- counting


@dataclass(frozen=True)
class _Order:
    """The n-grams of one order that were counted, by number; U of them, after V contexts.

    Attributes:
        keys: ``(U + 1,)`` increasing: the number of the context, times the symbols there are, plus the last
            symbol; and one that is no n-gram's.
        top, lower: How they are weighted as the highest order, and as one below it.
    """

    keys: Ids
    top: _Weights
    lower: _Weights


class _Weights:
    """Counts as the equation above has them. At the end stands what was never counted, which is number -1.

    Args:
        counts: ``(U,)``, count(hc).
        contexts: ``(U,)``, the number of each h.
        size: V.
    """

    def __init__(self, counts: NDArray[Any], contexts: Ids, size: int) -> None:
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        self._discounted = np.append(counts - discounts, 0)
        self._total = np.bincount(contexts, counts, size + 1)
        self._spared = np.bincount(contexts, discounts, size + 1)

    def interpolate(self, grams: Ids, contexts: Ids, lower: Array) -> Array:
        """The probability of n-grams, from that of the next lower order."""
        total = self._total[contexts]
        here = (self._discounted[grams] + self._spared[contexts] * lower) / np.where(
            total, total, 1
        )
        return np.where(total > 0, here, lower)


def _discounts(counts: NDArray[Any]) -> Array:
    """Of counts 0, 1, 2 and more, from how many counts are 1, 2, 3 and 4."""
    n = np.bincount(np.minimum(counts, 5), minlength=5)[:5].astype(float)
    if not n[1:].all():
        return FALLBACK
    k = np.arange(4)
    found: Array = k - (k + 1) * n[1] / (n[1] + 2 * n[2]) * n[1:] / np.maximum(n[:4], 1)
    found[0] = 0
    return found if (found[1:] > 0).all() and (found <= k).all() else FALLBACK


class NGrams:
    """N-grams of all orders up to a highest one.

    Args:
        ids: ``(N,)`` symbols in which they are counted.
        symbols: How many different ones there are, *K*.
        end: The symbol after which another text begins: contexts do not reach beyond it; -1 if there is none.
        orders: The highest *n*.
    """

    def __init__(
        self, ids: NDArray[Any], symbols: int, end: int = -1, orders: int = ORDERS
    ) -> None:
        self.symbols, self._end = symbols, end
        ids = ids.astype(np.int64)
        # Of each order the keys, the counts, and which n-grams begin a text; how many symbols precede each.
        found, before = list[tuple[Ids, Ids, NDArray[Any]]](), list[Ids]()
        shorter: Ids = np.zeros(
            len(ids), np.int64
        )  # the number of the n-gram that ends at each place
        for order in range(orders):
            contexts = self._contexts(shorter, ids, order)
            places = np.flatnonzero(contexts >= 0)
            keys, first, names, counts = np.unique(
                contexts[places] * symbols + ids[places],
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            if order:  # each is one symbol more before that of which it is the end
                before.append(np.bincount(shorter[places[first]], minlength=len(found[-1][0])))
            begins = ids[places[first] - order] == end if order else np.zeros(len(keys), bool)
            found.append((keys, counts, begins))
            shorter = np.full(len(ids), -1)
            shorter[places] = names
        before.append(found[-1][1])
        self._orders: list[_Order] = []
        size, none = 1, np.iinfo(np.int64).max
        for (keys, counts, begins), different in zip(found, before, strict=True):
            # Nothing comes before the beginning of a text.
            lower, contexts = np.where(begins, counts, different), keys // symbols
            top, below = (_Weights(one, contexts, size) for one in (counts, lower))
            self._orders.append(_Order(np.append(keys, none), top, below))
            size = len(keys)

    def probabilities(self, ids: NDArray[Any]) -> Array:
        """Of each symbol but the first, after all before it.

        Args:
            ids: ``(T, B)``, texts side by side.

        Returns:
            ``(orders, T - 1, B)``.
        """
        ids = ids.astype(np.int64)
        names, lower = np.zeros_like(ids), np.full(ids.shape, 1 / self.symbols)
        found = []
        for number, order in enumerate(self._orders):
            contexts = self._contexts(names, ids, number)
            keys = contexts * self.symbols + ids
            names = np.searchsorted(order.keys, keys)
            names = np.where(order.keys[names] == keys, names, -1)
            found.append(order.top.interpolate(names, contexts, lower)[1:])
            lower = order.lower.interpolate(names, contexts, lower)
        return np.array(found)

    def costs(self, ids: NDArray[Any]) -> Array:
        """``(orders, N - 1)`` bits of each symbol of a text of ``(N,)`` but the first."""
        costs: Array = -np.log2(self.probabilities(ids[:, None])[:, :, 0])
        return costs

    def following(self, context: NDArray[Any], order: int) -> Array:
        """``(K,)``: the distribution of what follows a context of one symbol at least, by one order."""
        before = np.repeat(context[-len(self._orders) :, None], self.symbols, axis=1)
        ids = np.vstack([before, np.arange(self.symbols)])
        found: Array = self.probabilities(ids)[order - 1, -1]
        return found

    def _contexts(self, names: Ids, ids: Ids, length: int) -> Ids:
        """The context of each place, of some length, from the n-grams of that length that end at each place."""
        if not length:
            return names
        contexts = np.full_like(names, -1)
        contexts[1:] = names[:-1]
        if length > 1:
            contexts[1:][ids[:-1] == self._end] = -1
        return contexts


def model_costs(model: CharacterModel, text: str) -> Array:
    """``(N,)`` bits of each character of a text; a long one is read in several places at once.

    Raises:
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    if model.vocabulary.config.records:
        nats = score_texts(model, list(StringIO(text, newline="\n")))
    else:
        starts = range(0, len(text), WINDOW)
        read = score_texts(model, [text[max(0, n - WARM) : n + WINDOW] for n in starts])
        nats = [part[min(WARM, n) :] for n, part in zip(starts, read, strict=True)]
    costs: Array = bits(np.concatenate(nats))
    return costs


@dataclass(frozen=True)
class Comparison:
    """A model beside n-grams, on a text of N characters.

    Attributes:
        text: What both were scored on.
        ngrams: ``(orders, N)`` bits of each character.
        model: ``(N,)``.
    """

    text: str
    ngrams: Array
    model: Array

    @property
    def best(self) -> int:
        """The order that predicts best."""
        return int(self.ngrams.mean(axis=1).argmin()) + 1

    @property
    def gain(self) -> Array:
        """``(N,)`` bits by which the model was less surprised than the best n-grams."""
        gain: Array = self.ngrams[self.best - 1] - self.model
        return gain

    def most_gained(self, count: int) -> list[int]:
        """Places apart from each other where the model gains most, the best first."""
        gain, places = self.gain, list[int]()
        for place in np.argsort(-gain, kind="stable").tolist():
            if len(places) == count or gain[place] <= 0:
                break
            if all(abs(place - other) > BEFORE for other in places):
                places.append(place)
        return places


# ----------------------------------------------------------------------------------- what is to be seen

Guesses = list[tuple[Symbols, float]]


def view(look: Look) -> Figure:
    """The losses of n-grams and of the model, and where the model gains most."""
    model = look.subject.checkpoint.model
    vocabulary, kind = model.vocabulary, model.vocabulary.config
    corpus, name = _corpus(look)
    training, validation = _divided(corpus, look.subject.checkpoint.training)
    counted, most = training[-COUNTED:], look.scaled(SCORED, FEWEST)
    known = corpus.sha256 == look.subject.checkpoint.corpus.sha256
    if look.on is not None:
        text, source = look.text(most)
    elif validation:
        text = validation[:most]
        source = (
            f"the part of {name} that {'was kept for validation' if known else 'is not counted'}"
        )
        if len(validation) > most:
            source = f"the first {most:,} {kind.unit}s of {source}"
    else:
        raise InputError("nothing was kept for validation; --on names a text to score")
    ids = vocabulary.encode(model.beginning() + text)  # as the model reads it
    ngrams = NGrams(counted, len(vocabulary), _end(vocabulary))
    found = Comparison(text, ngrams.costs(ids), model_costs(model, text))
    places = found.most_gained(PLACES)
    guesses = [
        (
            _by_model(model, text, place),
            _by_ngrams(ngrams, ids[: place + 1], vocabulary, found.best),
        )
        for place in places
    ]
    losses = {f"{n + 1}-grams": float(cost) for n, cost in enumerate(found.ngrams.mean(axis=1))}
    own = float(found.model.mean())
    top, unit = max(own, *losses.values()) or 1.0, f"bits/{kind.symbol}"
    bars = Table(
        [Column(""), Column(f"{unit}, the fewer the better")],
        [
            (who, Bar(loss / top, f"{loss:.3f}"))
            for who, loss in (*losses.items(), ("the model", own))
        ],
    )
    gain, last = float(found.gain.mean()), "last " * (len(training) > COUNTED)
    description = (
        f"A line of {unit} over n, the fewer the better, and one for the model: "
        + ", ".join(f"{who} {loss:.3f}" for who, loss in losses.items())
        + f"; the model {own:.3f}."
    )
    blocks: list[Block] = [
        Words(Strong(f"read: {source}")),
        Words(
            f"N-grams were counted in the {last}{len(counted):,} {kind.unit}s of {name} to train on."
        ),
        bars,
        Words(
            f"The model needs {abs(gain):.3f} {unit} {'less' if gain > 0 else 'more'} than {found.best}-grams, "
            f"the best of them, which see {number_of(found.best - 1, kind.unit)} back: "
            + (
                "so much is what it remembers worth."
                if gain > 0
                else "what it remembers is not worth yet what they count."
            )
        ),
    ]
    if places:
        blocks += [Heading("Where the model gains most"), _table(found, places, guesses)]
    return Figure(
        "What memory is worth",
        blocks,
        {
            "source": source,
            "characters": len(text),
            "counted_source": name,
            "counted": len(counted),
            "orders": list(range(1, ORDERS + 1)),
            "bits": list(losses.values()),
            "model_bits": own,
            "places": [
                {
                    "at": place + 1,
                    "before": Symbols(text[max(0, place - BEFORE) : place]),
                    "character": Symbols(text[place]),
                    "model_bits": found.model[place],
                    "ngram_bits": found.ngrams[found.best - 1, place],
                    "model_guesses": _told(by_model),
                    "ngram_guesses": _told(by_ngrams),
                }
                for place, (by_model, by_ngrams) in zip(places, guesses, strict=True)
            ],
        },
        description,
        [_chart(list(losses.values()), own, unit, description)],
        encoding=kind.encoding,
    )


def _chart(losses: list[float], own: float, unit: str, description: str) -> Chart:
    orders = range(1, len(losses) + 1)
    return Chart(
        "ngrams",
        "Bits over what is seen",
        Axis("n"),
        Axis(unit),
        [Line("n-grams", orders, losses)],
        description,
        [Rule((1, own), (len(losses), own), "the model")],
    )


def _corpus(look: Look) -> tuple[Corpus, str]:
    """What the model learnt from, or what is to be counted instead, and what it is in words."""
    checkpoint = look.subject.checkpoint
    vocabulary = checkpoint.model.vocabulary
    if look.counts is not None:
        source = Source(look.counts)
        name, text = str(source), "".join(source.pieces(vocabulary.config))
        text = look.known(vocabulary, text, name, line=1)
        return Corpus.from_text(text, sources=[name], vocabulary=vocabulary), name
    if checkpoint.corpus.characters > LARGEST:
        raise InputError(
            "its corpus is too large to be divided here; --counts FILE names a part of it"
        )
    try:
        text = learnt_text(checkpoint, checkpoint.corpus.characters)
    except NotAtHandError as why:
        raise InputError(f"its corpus {why}; --counts FILE names a text to count") from None
    first, *others = map(rejoined, checkpoint.corpus.sources)
    name = f"{first} and {len(others)} more" if others else first
    corpus = Corpus.from_text(text, vocabulary=vocabulary)
    return (
        corpus,
        name if corpus.sha256 == checkpoint.corpus.sha256 else f"another version of {name}",
    )


def _divided(corpus: Corpus, config: TrainingConfig) -> tuple[NDArray[Any], str]:
    """The part to train on, and that for validation; records one after the other, from an end on."""
    fraction = config.val_fraction
    if fraction is None:
        fraction = default_val_fraction(len(corpus))
    end = corpus.vocabulary.config.end
    if not end:
        training, validation = corpus.split(fraction)
        return training, corpus.vocabulary.decode(validation)
    spans = Spans.of(corpus.ids, _end(corpus.vocabulary)).split(fraction, config.seed)
    training, validation = (_joined(corpus.ids, part) for part in spans)
    return np.append(corpus.vocabulary.encode(end), training), corpus.vocabulary.decode(validation)


def _joined(ids: NDArray[Any], spans: Spans) -> NDArray[Any]:
    """Records, each with its end."""
    before = np.cumsum(spans.length) - spans.length
    places = np.repeat(spans.first + 1 - before, spans.length) + np.arange(spans.characters)
    joined: NDArray[Any] = ids[places]
    return joined


def _end(vocabulary: Vocabulary) -> int:
    return int(vocabulary.encode(vocabulary.config.end)[0]) if vocabulary.config.end else -1


def _by_model(model: CharacterModel, text: str, place: int) -> Guesses:
    end = model.vocabulary.config.end
    start = text.rfind(end, 0, place) + 1 if end else max(0, place - WARM)
    surprise = read_surprise(model, text[start : place + 1], GUESSES)
    return _named(surprise.guesses[-1], surprise.probabilities[-1])


def _by_ngrams(
    ngrams: NGrams, context: NDArray[Any], vocabulary: Vocabulary, order: int
) -> Guesses:
    shares = ngrams.following(context, order)
    likeliest = np.argsort(-shares, kind="stable")[:GUESSES]
    return _named(vocabulary.decode(likeliest), shares[likeliest])


def _named(characters: str, shares: Array) -> Guesses:
    return [(Symbols(c, alone=True), p) for c, p in zip(characters, shares.tolist(), strict=True)]


def _told(guesses: Guesses) -> list[dict[str, Any]]:
    return [{"character": guess, "probability": share} for guess, share in guesses]


def _table(found: Comparison, places: list[int], guesses: list[tuple[Guesses, Guesses]]) -> Table:
    rows: list[list[Cell]] = []
    for place, expected in zip(places, guesses, strict=True):
        model, ngrams = found.model[place], found.ngrams[found.best - 1, place]
        here: Phrase = (
            Symbols(found.text[max(0, place - BEFORE) : place]),
            Symbols(found.text[place], amount=min(1.0, (ngrams - model) / FULL)),
        )
        words = [
            joined([(guess, f" {percent(share)}") for guess, share in one], "  ")
            for one in expected
        ]
        rows.append([f"{place + 1:,}", here, f"{model:.2f}", words[0], f"{ngrams:.2f}", words[1]])
    columns = [
        Column("at", figures=True),
        Column("here"),
        Column("model", figures=True),
        Column("expected"),
        Column(f"{found.best}-grams", figures=True),
        Column("expected"),
    ]
    return Table(columns, rows)
