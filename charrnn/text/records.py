"""Records: lines that are each a text of their own, read side by side from the zero state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.text.chunks import ALL, MIN_CHUNKS, Chunk, Extent
from charrnn.text.stretches import Lookup

SCANNED = 1 << 24  # ids that are searched at once; bounds the memory


@dataclass(frozen=True)
class Spans:
    """Where records lie in a text.

    A record's inputs are the end of the record before it and its own characters, its targets those
    characters and its own end. (A corpus of records begins with an end.)

    Attributes:
        first: ``(N,)`` places of the first inputs.
        length: ``(N,)`` numbers of predictions, one more than a record has characters.
    """

    first: NDArray[np.int64]
    length: NDArray[np.int64]

    @classmethod
    def of(cls, ids: NDArray[Any], end: int) -> Spans:
        """The records between the ``end`` symbols of a text; empty lines are none."""
        starts = range(0, len(ids), SCANNED)
        found = [start + np.flatnonzero(ids[start : start + SCANNED] == end) for start in starts]
        ends = np.concatenate(found)
        first, length = ends[:-1], np.diff(ends)
        return cls(first[length > 1], length[length > 1])

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, places: NDArray[Any]) -> Spans:
        return Spans(self.first[places], self.length[places])

    @classmethod
    def after_another(cls, lengths: Sequence[int]) -> Spans:
        """Texts of these lengths, one after the other."""
        length = np.array(lengths, np.int64)
        return cls(np.cumsum(length) - length, length)

    @classmethod
    def joined(cls, several: Sequence[Spans]) -> Spans:
        """Those of several texts, in order."""
        first, length = zip(*((spans.first, spans.length) for spans in several), strict=True)
        return cls(np.concatenate(first), np.concatenate(length))

    @property
    def characters(self) -> int:
        """Predictions of all records."""
        return int(self.length.sum())

    def split(self, val_fraction: float, seed: int, least: int = 0) -> tuple[Spans, Spans]:
        """Records to train on, and others for validation (none if there are too few, or ``least``).

        They are drawn, since a list of records is often in an order that means something.
        """
        order = np.random.default_rng(seed).permutation(len(self))
        kept = max(least, int(len(self) * val_fraction))
        return self[np.sort(order[kept:])], self[np.sort(order[:kept])]


def fit_batch(records: int, batch_size: int) -> int:
    """Batch size that so many records can fill several times."""
    return min(batch_size, max(1, records // MIN_CHUNKS))


class Records:
    """Records in groups of ``batch_size``, each column of a group one whole record.

    All columns of a group start from the zero state. A group as long as its longest record is cut
    into chunks of time, over which the state is carried, so that there is no bound on a record's
    length. Steps after a column's end are not counted. Records of about the same length share a
    group, which leaves few such steps: each pass sorts by length, draws the order of equals, and
    then draws the order of the groups. That order follows from the seed and the number of the pass
    alone, and all passes have as many chunks.

    Args:
        ids: The text.
        spans: Its records, at least one.
        seq_length: Longest chunk, *T*.
        labels: ``(N,)``, what each record is, where that is known.
    """

    def __init__(
        self,
        ids: Lookup,
        spans: Spans,
        batch_size: int,
        seq_length: int,
        seed: int,
        labels: NDArray[np.intp] | None = None,
    ) -> None:
        self.columns, self.characters = batch_size, spans.characters
        self._ids, self._spans, self._seed, self._labels = ids, spans, seed, labels
        # The first group is filled up with records that have no predictions at all.
        self._missing = -len(spans) % batch_size
        lengths = np.pad(np.sort(spans.length), (self._missing, 0)).reshape(-1, batch_size)
        self._longest = lengths[:, -1]
        self.places = int(self._longest.sum()) * batch_size
        self._chunks = -(-self._longest // seq_length)
        self._pass, self._lock = -1, Lock()

    def __len__(self) -> int:
        return int(self._chunks.sum())

    def _cut(self, index: int) -> tuple[NDArray[Any], NDArray[Any], int, int, int]:
        """Of a chunk the records (-1 is none), their lengths, which part of them it is, and where that begins and ends."""
        number, index = divmod(index, len(self))
        groups, stops, records = self._order(number)
        place = int(np.searchsorted(stops, index, side="right"))
        group = groups[place]
        count, longest = int(self._chunks[group]), int(self._longest[group])
        part = index - int(stops[place]) + count
        members = records[group * self.columns : (group + 1) * self.columns]
        length = np.where(members < 0, 0, self._spans.length[members])
        return members, length, part, part * longest // count, (part + 1) * longest // count

    def extent(self, index: int) -> Extent:
        _, length, _, start, stop = self._cut(index)
        return Extent(self.columns, int(np.clip(length - start, 0, stop - start).sum()))

    def chunk(self, index: int, columns: slice = ALL) -> Chunk:
        members, length, part, start, stop = self._cut(index)
        members, length = members[columns], length[columns]
        step = np.arange(stop - start)[:, None]
        inside = np.clip(start + step, 0, np.maximum(length, 1) - 1)
        position = self._spans.first[members] + inside
        length = np.clip(length - start, 0, stop - start)
        return Chunk(
            self._ids[position].astype(np.intp),
            self._ids[position + 1].astype(np.intp),
            np.full(len(members), part == 0),
            step < length,
            length,
            labels=None if self._labels is None else self._labels[members],
        )

    def _order(self, number: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Of a pass: its groups, where their chunks end, and the records (-1 is none) in groups."""
        with self._lock:  # threads ask for it that read the same chunk
            if number != self._pass:
                rng = np.random.default_rng((self._seed, number))
                records = np.lexsort((rng.random(len(self._spans)), self._spans.length))
                groups = rng.permutation(len(self._chunks))
                self._drawn = (
                    groups,
                    np.cumsum(self._chunks[groups]),
                    np.pad(records, (self._missing, 0), constant_values=-1),
                )
                self._pass = number
            return self._drawn
