"""How right a model's answers are: all figures follow from how often which label was given for which.

Precision of a label is which part of its answers are right, recall which part of its examples was found, F1 their harmonic mean. Macro-F1 is
the mean over labels, weighted F1 over examples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.fields import Amount, Checked, Count, Length
from charrnn.text.labels import Labels
from charrnn.text.tagging import Scheme
from charrnn.words import counted, printable, shortened

Times = Annotated[tuple[Count, ...], Length(3, 3)]


class Row(NamedTuple):
    """How well one label is found."""

    label: int
    precision: float
    recall: float
    f1: float
    support: int  # examples that have it


class Confusion(NamedTuple):
    """A label that was taken for another one."""

    label: int
    answer: int
    times: int


@dataclass(frozen=True)
class Figures(Checked):
    """What came of some examples.

    Attributes:
        counts: Of each label and answer that occurred together: both, and how often, in order.
        loss: Mean negative log-likelihood of the right answers, in nats; None if it is not finite, or the model knows none of them.
        texts: Of which each character has a tag, or of which other texts were made, and ``texts_right`` of them all right; 0 where texts have labels.
        spans: Of tags: how many there should be, how many were answered, and how many of these are right.
        symbols: Of the texts that should have been made, and the ``edits`` that it takes to make them of those that were; 0 of all else.
    """

    counts: tuple[Times, ...]
    loss: Amount | None = None
    texts: Count = 0
    texts_right: Count = 0
    spans: Times = (0, 0, 0)
    edits: Count = 0
    symbols: Count = 0

    @property
    def answers(self) -> int:
        """Number of them."""
        if self.symbols:
            return self.texts
        return sum(times for _, _, times in self.counts)

    @property
    def accuracy(self) -> float:
        """Which part of the answers is right."""
        if self.symbols:
            return self.text_accuracy
        return sum(n for a, b, n in self.counts if a == b) / max(1, self.answers)

    @property
    def rows(self) -> list[Row]:
        """Of each label that occurs or was answered."""
        if not self.counts:
            return []
        table = np.array(self.counts, np.int64)
        size = int(table[:, :2].max()) + 1
        support, answered, right = (
            np.bincount(numbers, times, size).astype(np.int64)
            for numbers, times in (
                (table[:, 0], table[:, 2]),
                (table[:, 1], table[:, 2]),
                (table[:, 0], table[:, 2] * (table[:, 0] == table[:, 1])),
            )
        )
        found = np.flatnonzero(support + answered)
        precision, recall = right / np.maximum(answered, 1), right / np.maximum(support, 1)
        f1 = 2 * right / np.maximum(support + answered, 1)
        return [
            Row(int(k), float(precision[k]), float(recall[k]), float(f1[k]), int(support[k]))
            for k in found
        ]

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the labels."""
        each = [row.f1 for row in self.rows]
        return sum(each) / max(1, len(each))

    @property
    def weighted_f1(self) -> float:
        """Mean F1 of the labels, each as often as it occurs."""
        return sum(row.f1 * row.support for row in self.rows) / max(1, self.answers)

    @property
    def span_f1(self) -> float:
        """F1 of spans of tags, where an answer is right that has both ends and the kind right."""
        wanted, answered, right = self.spans
        return 2 * right / max(1, wanted + answered)

    @property
    def edits_per_symbol(self) -> float:
        """Edits for each symbol that there should be."""
        return self.edits / max(1, self.symbols)

    @property
    def f1(self) -> float | None:
        """That by which models are compared: of spans, where there are tags, else the labels' mean; of texts that were made there is none."""
        if self.symbols:
            return None
        return self.span_f1 if self.texts else self.macro_f1

    @property
    def text_accuracy(self) -> float:
        """Which part of the texts has all tags right."""
        return self.texts_right / max(1, self.texts)

    def confusions(self, most: int) -> list[Confusion]:
        """The most frequent wrong answers, the most frequent first."""
        wrong = [Confusion(*times) for times in self.counts if times[0] != times[1]]
        return sorted(wrong, key=lambda each: -each.times)[:most]


class Counting:
    """Adds up answers as they come.

    Args:
        scheme: Of tags, which make spans; None where each text has a label.
    """

    def __init__(self, scheme: Scheme | None = None) -> None:
        self._scheme, self._times = scheme, dict[tuple[int, int], int]()
        self._nats, self._known, self._texts, self._right = 0.0, 0, 0, 0
        self._spans = np.zeros(3, np.int64)
        self._edits, self._symbols = 0, 0

    def rewritten(self, wanted: Sequence[Sequence[object]], answered: Sequence[object]) -> None:
        """Add a text that was made of another one: it is held against the nearest of those that would be right."""
        edits, best = min(
            ((edit_distance(one, answered), one) for one in wanted), key=lambda pair: pair[0]
        )
        self._texts, self._right = self._texts + 1, self._right + (edits == 0)
        self._edits, self._symbols = self._edits + edits, self._symbols + len(best)

    def labels(self, wanted: NDArray[np.intp], answered: NDArray[np.intp]) -> None:
        """Add answers to texts, or to characters."""
        size = 1 + int(max(wanted.max(initial=0), answered.max(initial=0)))
        pairs, times = np.unique(wanted * size + answered, return_counts=True)
        for pair, n in zip(pairs.tolist(), times.tolist(), strict=True):
            both = divmod(pair, size)
            self._times[both] = self._times.get(both, 0) + n

    def losses(self, nats: float, number: int) -> None:
        """Add the loss of so many answers."""
        self._nats, self._known = self._nats + nats, self._known + number

    def tags(
        self, wanted: Sequence[NDArray[np.intp]], answered: Sequence[NDArray[np.intp]]
    ) -> None:
        """Add the tags of some texts."""
        assert self._scheme is not None
        border = np.array([-1])
        both = [
            np.concatenate([part for text in texts for part in (text, border)])
            for texts in (wanted, answered)
        ]
        inside = both[0] >= 0
        self.labels(*(tags[inside] for tags in both))
        self._texts += len(wanted)
        self._right += sum(np.array_equal(a, b) for a, b in zip(wanted, answered, strict=True))
        # A span as one number: where it begins and ends, and its kind.
        sizes = 1 + len(inside), len(self._scheme.kinds)
        spans = [self._scheme.spans(tags) for tags in both]
        own, other = ((one[:, 0] * sizes[0] + one[:, 1]) * sizes[1] + one[:, 2] for one in spans)
        right = np.intersect1d(own, other, assume_unique=True)
        self._spans += len(own), len(other), len(right)

    def add(self, other: Counting) -> None:
        """Add what another one has counted."""
        for pair, times in other._times.items():
            self._times[pair] = self._times.get(pair, 0) + times
        self.losses(other._nats, other._known)
        self._texts, self._right = self._texts + other._texts, self._right + other._right
        self._spans += other._spans
        self._edits, self._symbols = self._edits + other._edits, self._symbols + other._symbols

    @property
    def loss(self) -> float | None:
        """Mean loss in nats, which need not be finite; None of no answer."""
        return self._nats / self._known if self._known else None

    def result(self) -> Figures:
        """What has come of all of them."""
        loss = self.loss
        return Figures(
            tuple((a, b, n) for (a, b), n in sorted(self._times.items())),
            loss if loss is not None and math.isfinite(loss) else None,
            self._texts,
            self._right,
            tuple(self._spans.tolist()),
            self._edits,
            self._symbols,
        )


def edit_distance(one: Sequence[object], other: Sequence[object]) -> int:
    """Symbols to be put in, taken out or changed, at least, to make one of the other (Levenshtein 1966)."""
    numbers: dict[object, int] = {}
    a, b = (
        np.array([numbers.setdefault(x, len(numbers)) for x in each], np.intp)
        for each in (one, other)
    )
    steps = np.arange(len(b) + 1)
    row = steps
    for number in a:
        changed = np.minimum(row[:-1] + (b != number), row[1:] + 1)
        row = np.concatenate([row[:1] + 1, changed])
        row = np.minimum.accumulate(row - steps) + steps  # what is put in
    return int(row[-1])


def in_words(figures: Figures) -> str:
    """The figures that tell most, on a line."""
    if figures.symbols:
        return f"{figures.accuracy:.4f} right, {figures.edits_per_symbol:.4f} edits for each symbol"
    if figures.texts:
        return f"accuracy {figures.accuracy:.4f} of tags, {figures.text_accuracy:.4f} of texts, F1 of spans {figures.span_f1:.4f}"
    return f"accuracy {figures.accuracy:.4f}, macro-F1 {figures.macro_f1:.4f}, weighted F1 {figures.weighted_f1:.4f}"


def confused(figures: Figures, labels: Labels, most: int = 3) -> str:
    """The most frequent wrong answers, on a line; nothing where there are none."""
    names = [printable(shortened(name, 40)) for name in labels.names]
    worst = figures.confusions(most)
    return ", ".join(
        f"{names[a]} taken for {names[b]} {counted(times, 'time')}" for a, b, times in worst
    )
