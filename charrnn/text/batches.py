"""Whole texts in batches: those of about one length stand side by side, each from its first character to its last."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.tasks import TASKS
from charrnn.text.chunks import ALL, Chunk, Extent
from charrnn.text.examples import Examples
from charrnn.text.records import Spans

PLACES = 1 << 14
"""Steps times texts of a batch, at most: what a net keeps of them until it goes back bounds the memory. Longer texts are cut."""


class Batches:
    """Examples in batches of ``batch_size`` texts at most, fewer where they are long; each batch is a chunk of its own.

    Each pass sorts by length, draws the order of equals, and then the order of the batches: as :class:`charrnn.text.records.Records`, it
    follows from the seed and the number of the pass alone, and all passes have as many chunks.

    Args:
        which: Numbers of the texts, at least one; with tags each has a character. Of a text that is longer than ``PLACES`` so many characters are read; one
            with a tag for each goes on as another text.
        weights: ``(K,)``, how much each label counts in what is learnt.
    """

    def __init__(
        self,
        examples: Examples,
        which: NDArray[np.intp],
        batch_size: int,
        seed: int,
        weights: NDArray[np.float32] | None = None,
    ) -> None:
        self._examples, self._seed, self._weights = examples, seed, weights
        one_each = TASKS[examples.task].one_each
        self._labels = examples.answers[which] if one_each else None
        self._targets = examples.targets and examples.targets[which]
        spans = examples.spans[which]
        self.cut = int((spans.length > PLACES).sum())
        if self.cut and examples.tagged:
            spans = _pieces(spans)
        self._spans = Spans(spans.first, np.minimum(spans.length, PLACES))
        self.columns, self.characters = batch_size, self._spans.characters
        self.predictions = self.characters if examples.tagged else len(spans)
        if self._targets:
            self.predictions += self._targets.characters  # and an end for each
        # Of a pair the longer one bounds how many stand side by side.
        self._sizes = self._spans.length
        if self._targets:
            self._sizes = np.maximum(self._sizes, self._targets.length + 1)
        lengths = np.maximum(np.sort(self._sizes), 1)
        self._stops = _stops(lengths, batch_size)
        self._longest = lengths[self._stops - 1]
        self.longest = max(1, int(self._spans.length.max()))
        sizes = np.diff(self._stops, prepend=0)
        self.places = int((self._longest * sizes).sum())
        self._pass, self._lock = -1, Lock()

    @property
    def rewrites(self) -> bool:
        """Whether other texts are to be made of these."""
        return self._targets is not None

    def __len__(self) -> int:
        return len(self._stops)

    def _members(self, index: int) -> NDArray[Any]:
        """The texts of a batch."""
        number, index = divmod(index, len(self))
        batches, texts = self._order(number)
        batch = batches[index]
        start = self._stops[batch - 1] if batch else 0
        return texts[start : self._stops[batch]]

    def extent(self, index: int) -> Extent:
        members = self._members(index)
        if self._targets:
            predictions = int(self._targets.length[members].sum()) + len(members)
        elif self._labels is None:
            predictions = int(self._spans.length[members].sum())
        else:
            predictions = len(members)
        return Extent(len(members), predictions)

    def chunk(self, index: int, columns: slice = ALL) -> Chunk:
        members = self._members(index)
        T = max(1, int(self._spans.length[members].max()))
        S = 1 + int(self._targets.length[members].max()) if self._targets else 0
        members = members[columns]
        length = self._spans.length[members]
        step = np.arange(T)[:, None]
        inside = np.clip(step, 0, np.maximum(length, 1) - 1)
        place = self._spans.first[members] + inside
        counted = None
        if self._targets:
            targets, counted = self._of_targets(members, S)
        elif self._labels is None:
            targets, counted = self._examples.answers[place].astype(np.intp), step < length
        else:
            targets = self._labels[members][None].astype(np.intp)
        return Chunk(
            self._examples.ids[place].astype(np.intp),
            targets,
            np.ones(len(members), np.bool_),
            counted,
            length.astype(np.intp),
            None if self._weights is None else self._weights[targets],
        )

    def sources(self, most: int) -> list[tuple[NDArray[Any], list[NDArray[Any]]]]:
        """Different sources from all over the examples, ``most`` of them at most, each with all targets that it has."""
        assert self._targets is not None
        ids, answers = self._examples.ids, self._examples.answers
        found: dict[bytes, tuple[NDArray[Any], list[NDArray[Any]]]] = {}
        each = zip(self._spans.first, self._spans.length, strict=True)
        targets = zip(self._targets.first, self._targets.length, strict=True)
        for (first, length), (start, size) in zip(each, targets, strict=True):
            source = ids[first : first + length]
            _, own = found.setdefault(source.tobytes(), (source, []))
            own.append(answers[start : start + size])
        some = np.unique(np.linspace(0, len(found) - 1, most).round().astype(np.intp))
        sources = list(found.values())
        return [sources[n] for n in some] if len(sources) > most else sources

    def _of_targets(
        self, members: NDArray[Any], S: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """``(S, B)``, the symbols of some targets, each with its end, and where they are."""
        assert self._targets is not None
        first, length = self._targets.first[members], self._targets.length[members]
        step = np.arange(S)[:, None]
        place = first + np.minimum(step, length - 1)
        end = len(self._examples.labels)
        symbols = np.where(step < length, self._examples.answers[place], end)
        return symbols.astype(np.intp), step <= length

    def _order(self, number: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of a pass: its batches, and the texts, a batch's side by side."""
        with self._lock:  # threads ask for it that read the same chunk
            if number != self._pass:
                rng = np.random.default_rng((self._seed, number))
                texts = np.lexsort((rng.random(len(self._spans)), self._sizes))
                self._drawn = rng.permutation(len(self._stops)), texts
                self._pass = number
            return self._drawn


def _pieces(spans: Spans) -> Spans:
    """Texts of ``PLACES`` characters at most, which together are these."""
    first, length = list[int](), list[int]()
    for start, whole in zip(spans.first.tolist(), spans.length.tolist(), strict=True):
        cuts = range(start, start + max(whole, 1), PLACES)
        first += cuts
        length += [min(PLACES, start + whole - cut) for cut in cuts]
    return Spans(np.array(first), np.array(length))


def _stops(lengths: NDArray[Any], batch_size: int) -> NDArray[np.intp]:
    """Where batches of sorted lengths end: the longest ones are full, the shortest one may not be."""
    stops, stop = list[int](), len(lengths)
    while stop > 0:
        stops.append(stop)
        stop -= max(1, min(batch_size, PLACES // int(lengths[stop - 1])))
    return np.array(stops[::-1])


def class_weights(examples: Examples, which: NDArray[np.intp]) -> NDArray[np.float32]:
    """``(K,)``: each class counts alike, however many examples it has: n / (K n_k), as is usual; those without an example count nothing."""
    counts = _counts(examples, which)
    present = max(1, np.count_nonzero(counts))
    weights = counts.sum() / (present * np.maximum(counts, 1)) * (counts > 0)
    return np.asarray(weights, np.float32)


def log_frequencies(examples: Examples, which: NDArray[np.intp]) -> NDArray[np.float64]:
    """``(K,)``, of each label among some of the examples; one without an example counts as if it had one."""
    counts = np.maximum(_counts(examples, which), 1)
    return np.asarray(np.log(counts / counts.sum()), np.float64)


def _counts(examples: Examples, which: NDArray[np.intp]) -> NDArray[np.intp]:
    """How often each label, or each tag, occurs."""
    if examples.tagged:
        spans = examples.spans[which]
        answers = np.concatenate(
            [examples.answers[a : a + n] for a, n in zip(spans.first, spans.length, strict=True)]
        )
    else:
        answers = examples.answers[which]
    return np.bincount(answers, minlength=len(examples.labels))
