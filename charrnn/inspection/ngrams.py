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

from dataclasses import dataclass, replace
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import TrainingConfig
from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.learnt import NotAtHandError, learnt_text
from charrnn.inspection.look import Look
from charrnn.inspection.surprise import (
    FULL,
    Guess,
    apart,
    guesses_of,
    in_words,
    read_surprise,
)
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.text.chunks import WARM_UP
from charrnn.text.corpus import Corpus
from charrnn.text.records import Spans
from charrnn.text.source import Source
from charrnn.training.division import kept_fraction
from charrnn.words import counted as number_of
from charrnn.words import decimals, of_which, rejoined, shortened
from charrnn.writing.scoring import SegmentScorer, score_texts

ORDERS = 6
COUNTED = 2_000_000  # characters in which n-grams are counted, at most
LARGEST = 50_000_000  # characters of a text that is divided; bounds the memory
SCORED, FEWEST = 50_000, 1000  # characters that are scored; at least, of a large model
PLACES, BEFORE, GUESSES = 5, 40, 2  # that are told, what is before each, and what was expected

FALLBACK = np.array([0, 0.5, 1.0, 1.5])
"""Discounts where there is too little to estimate them from (as KenLM has them, Heafield 2011)."""

Ids = NDArray[np.int64]


# ----------------------------------------------------------------------------------------- counting


class _Weights:
    """Counts as the equation above has them. At the end stands what was never counted, which is number -1.

    Args:
        counts: ``(U,)``, count(hc) of the n-grams of one order.
        contexts: ``(U,)``, the number of each h.
        size: How many different contexts there can be.
    """

    def __init__(self, counts: NDArray[Any], contexts: Ids, size: int) -> None:
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        self._discounted = np.append(counts - discounts, 0)
        self._total = np.bincount(contexts, counts, size + 1)
        self._spared = np.bincount(contexts, discounts, size + 1)

    def interpolate(self, grams: Ids, contexts: Ids, lower: Array) -> Array:
        """The probability of n-grams, from that of the next lower order."""
        total, spared = self._total[contexts], self._spared[contexts]
        here = (self._discounted[grams] + spared * lower) / np.where(total, total, 1)
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
        # Of each order the keys (the number of the context, times the symbols there are, plus the last symbol),
        # the counts, and which n-grams begin a text; how many symbols precede each.
        found, before = list[tuple[Ids, Ids, NDArray[Any]]](), list[Ids]()
        shorter = np.zeros(len(ids), np.int64)  # the number of the n-gram that ends at each place
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
        # Of each order the keys and, at the end, one that is no n-gram's; its weights as the highest order, and
        # as one below it.
        self._orders: list[tuple[Ids, _Weights, _Weights]] = []
        size = 1
        for (keys, counts, begins), different in zip(found, before, strict=True):
            contexts = keys // symbols
            # Nothing comes before the beginning of a text.
            lower = _Weights(np.where(begins, counts, different), contexts, size)
            top = _Weights(counts, contexts, size)
            self._orders.append((np.append(keys, np.iinfo(np.int64).max), top, lower))
            size = len(keys)

    def probabilities(self, ids: NDArray[Any]) -> Array:
        """Of each symbol but the first, after all before it.

        Args:
            ids: ``(T, B)``, texts side by side.

        Returns:
            ``(orders, T - 1, B)``.
        """
        ids = ids.astype(np.int64)
        names, below = np.zeros_like(ids), np.full(ids.shape, 1 / self.symbols)
        found = []
        for order, (known, top, lower) in enumerate(self._orders):
            contexts = self._contexts(names, ids, order)
            keys = contexts * self.symbols + ids
            names = np.searchsorted(known, keys)
            names = np.where(known[names] == keys, names, -1)
            found.append(top.interpolate(names, contexts, below)[1:])
            below = lower.interpolate(names, contexts, below)
        return np.array(found)

    def costs(self, ids: NDArray[Any]) -> Array:
        """``(orders, N - 1)`` bits of each symbol of a text of ``(N,)`` but the first."""
        return -np.log2(self.probabilities(ids[:, None])[:, :, 0])

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

    Errors as :func:`charrnn.writing.scoring.score_texts`.
    """
    if model.vocabulary.config.records:
        nats = score_texts(model, list(StringIO(text, newline="\n")))
    else:
        nats = [SegmentScorer(model).read(model.vocabulary.encode(text))]
    return bits(np.concatenate(nats))


# ----------------------------------------------------------------------------------- what is to be seen


@dataclass(frozen=True)
class Place:
    """A character that the model predicts better than the best n-grams, counted from 1."""

    at: int
    before: fig.Symbols
    character: fig.Symbols
    model_bits: float
    ngram_bits: float
    model_guesses: list[Guess]
    ngram_guesses: list[Guess]


def view(look: Look) -> fig.Figure:
    """The losses of n-grams and of the model, and where the model gains most."""
    checkpoint = look.subject.checkpoint
    model, kind = checkpoint.model, checkpoint.model.vocabulary.config
    corpus, name = _corpus(look)
    run = checkpoint.training
    if checkpoint.corpus.val_file and not corpus.val_file:  # what it says is of that file
        run = replace(run, val_fraction=0.0)
    training, validation = _divided(corpus, run)
    most = look.scaled(SCORED, FEWEST)
    if look.on is not None:
        watched = look.watched(most)
        text, source = watched.text, watched.source
    elif validation:
        learnt = corpus.sha256 == checkpoint.corpus.sha256
        use = "was kept for validation" if learnt else "is not counted"
        source = f"the part of {name} that {use}"
        if corpus.val_file:  # then it is the run's own text
            source = of_which(run.val_fraction, shortened(rejoined(checkpoint.corpus.sources[-1])))
        text, source = look.head(validation, source, most)
    else:
        raise InputError("nothing was kept for validation; --on names a text to score")
    counted, last = training[-COUNTED:], "last " * (len(training) > COUNTED)
    end = int(model.vocabulary.encode(kind.end)[0]) if kind.end else -1
    ngrams = NGrams(counted, len(model.vocabulary), end)
    ids = model.vocabulary.encode(model.beginning() + text)  # as the model reads it
    costs, model_bits = ngrams.costs(ids), model_costs(model, text)
    losses, own = costs.mean(axis=1).tolist(), float(model_bits.mean())
    best = int(np.argmin(losses))
    gains = costs[best] - model_bits
    gain, order = float(gains.mean()), np.argsort(-gains, kind="stable")

    def place_at(index: int) -> Place:
        shares = ngrams.following(ids[: index + 1], best + 1)
        likeliest = np.argsort(-shares, kind="stable")[:GUESSES]
        start = text.rfind(kind.end, 0, index) + 1 if kind.end else max(0, index - WARM_UP)
        return Place(
            index + 1,
            fig.Symbols(text[max(0, index - BEFORE) : index]),
            fig.Symbols(text[index], amount=min(1.0, gains[index] / FULL)),
            model_bits[index],
            costs[best, index],
            read_surprise(model, text[start : index + 1], GUESSES).expected(-1),
            guesses_of(model.vocabulary.decode(likeliest), shares[likeliest]),
        )

    places = [place_at(n) for n in apart(order[gains[order] > 0].tolist(), BEFORE, PLACES)]
    unit, orders = f"bits/{kind.symbol}", range(1, ORDERS + 1)
    rivals = {f"{n}-grams": loss for n, loss in zip(orders, losses, strict=True)}
    rivals["the model"] = own
    top = max(rivals.values()) or 1.0
    bars = [(who, fig.Bar(loss / top, decimals(loss, 3))) for who, loss in rivals.items()]
    known = f"its {model.config.inputs}" if model.config.context else "what it remembers"
    less, worth = "less", f"so much is {known} worth"
    if gain <= 0:
        less, worth = "more", f"{known} is not worth yet what they count"
    blocks: list[fig.Block] = [
        fig.Words(fig.Strong(f"read: {source}")),
        fig.Words(
            f"N-grams were counted in the {last}{len(counted):,} {kind.unit}s of {name} to train on."
        ),
        fig.Table((fig.Column(""), fig.Column(f"{unit}, the fewer the better")), bars),
        fig.Words(
            f"The model needs {decimals(abs(gain), 3)} {unit} {less} than {best + 1}-grams, "
            f"the best of them, which see {number_of(best, kind.unit)} back: {worth}."
        ),
    ]
    if places:
        blocks += [fig.Heading("Where the model gains most"), _table(places, best + 1)]
    chart = fig.Chart(
        "ngrams",
        "Bits over what is seen",
        fig.Axis("n"),
        fig.Axis(unit),
        f"A line of {unit} over n, the fewer the better, and one for the model: "
        f"{', '.join(f'{who} {decimals(loss, 3)}' for who, loss in rivals.items())}.",
        [fig.Line("n-grams", orders, losses)],
        [fig.Rule((1, own), (ORDERS, own), "the model")],
    )
    return fig.Figure(
        "What memory is worth",
        blocks,
        {
            "source": source,
            "characters": len(text),
            "counted_source": name,
            "counted": len(counted),
            "orders": list(orders),
            "bits": losses,
            "model_bits": own,
            "places": places,
        },
        chart.description,
        [chart],
    )


def _corpus(look: Look) -> tuple[Corpus, str]:
    """What the model learnt from, or what is to be counted instead, and what it is in words."""
    checkpoint, name = look.subject.checkpoint, look.subject.source
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
    corpus = Corpus.from_text(text, vocabulary=vocabulary)
    divided = checkpoint.corpus
    if corpus.sha256 != divided.sha256:
        return corpus, f"another version of {name}"
    return replace(corpus, parts=divided.parts, val_file=divided.val_file), name


def _divided(corpus: Corpus, config: TrainingConfig) -> tuple[NDArray[Any], str]:
    """The part to train on, and that for validation; records one after the other, from an end on."""
    fraction = kept_fraction(corpus, config)
    if not corpus.vocabulary.config.end:
        training, validation = map(np.asarray, corpus.split(fraction))
        return training, corpus.vocabulary.decode(validation)

    def joined(spans: Spans) -> list[NDArray[Any]]:
        pairs = zip(spans.first + 1, spans.first + 1 + spans.length, strict=True)
        return [corpus.ids[start:stop] for start, stop in pairs]

    train, kept = corpus.split_records(fraction, config.seed)
    end, none = corpus.ids[:1], corpus.ids[:0]  # a corpus of records begins with an end
    validation = np.concatenate([none, *joined(kept)])
    return np.concatenate([end, *joined(train)]), corpus.vocabulary.decode(validation)


def _table(places: list[Place], order: int) -> fig.Table:
    rows: list[list[fig.Cell]] = [
        [
            f"{place.at:,}",
            (place.before, place.character),
            decimals(place.model_bits, 2),
            in_words(place.model_guesses),
            decimals(place.ngram_bits, 2),
            in_words(place.ngram_guesses),
        ]
        for place in places
    ]
    names = ("at", "here", "model", "expected", f"{order}-grams", "expected")
    return fig.Table([fig.Column(name, figures=n % 2 == 0) for n, name in enumerate(names)], rows)
