"""How truncated back-propagation and validation read a text: streams side by side, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.text.stretches import Lookup

ALL = slice(None)

READING_SHARE = 0.4
"""What reading a character costs, forwards only, of what learning from it does: a third of the
products, and more of the rest."""

WARM_UP = 400
"""Characters that are read from the zero state before what is read next counts as if all before it had been read.

After 100 of them a character's bits can be off by 0.8 in a model that has learnt well, after 200 by
0.06, after 400 by 0.0004 (the demo model, over 99 places)."""

SHORT_WARM_UP = 100
"""The same for views, which tell only what is so on average, and soon.

In parts of 800 characters a few single ones are off by as much as is said above, or twice that, but the mean bits of a character by
0.00003 and gates' shares by 0.0003; norms of gradients by 3 %, of 32 losses (the demo model, over 52,000 characters)."""

MIN_CHUNKS = 8
"""Chunks that a stream should have at least, before the batch is made smaller."""


def fit_sizes(length: int, batch_size: int, seq_length: int) -> tuple[int, int]:
    """Batch size and sequence length that a text of ``length`` ids can fill.

    A small text gets fewer streams first, so that each stays several chunks long, and then a
    shorter sequence.
    """
    predictions = length - 1
    batch_size = min(batch_size, max(1, predictions // (MIN_CHUNKS * seq_length)))
    return batch_size, min(seq_length, predictions)


def default_epochs(steps_per_epoch: int, enough: int = 4000) -> int:
    """Passes over a text that make ``enough`` steps, at least one."""
    return -(-enough // steps_per_epoch)


def default_eval_every(steps_per_epoch: int, eval_cost: float) -> int:
    """Steps between evaluations, each of which costs ``eval_cost`` steps: an epoch's, within bounds.

    A short epoch is no reason to evaluate all the time, nor a long one to be left in the dark; but
    evaluating should not take more than a tenth of the time.
    """
    enough = round(10 * eval_cost)
    longest = max(1000, enough)
    if steps_per_epoch > longest:
        return longest
    return steps_per_epoch * -(-max(100, enough) // steps_per_epoch)


class Extent(NamedTuple):
    """How large a chunk is, all of its columns together: known without reading them."""

    columns: int
    predictions: int  # that are counted


@dataclass(frozen=True)
class Chunk:
    """Some time steps of several columns of text, which a network reads at once.

    Attributes:
        inputs: ``(T, B)`` ids.
        targets: ``(T, B)``, those that follow them, or each one's tag; of labels for whole columns ``(1, B)``.
        fresh: ``(B,)`` booleans: columns that begin here; the others go on.
        counted: As ``targets``, booleans: predictions that belong to the loss; None if all do.
        lengths: ``(B,)`` integers from 0 to *T*: a column's steps beyond its length are padding, and
            do not count; None where there is no padding.
        labels: ``(B,)``, what each column is to be, where a model writes for labels.
        weights: As ``targets``: how much each prediction counts in what is learnt; None if all do alike.
    """

    inputs: NDArray[np.intp]
    targets: NDArray[np.intp]
    fresh: NDArray[np.bool_]
    counted: NDArray[np.bool_] | None = None
    lengths: NDArray[np.intp] | None = None
    weights: NDArray[np.float32] | None = None
    labels: NDArray[np.intp] | None = None

    @property
    def predictions(self) -> int:
        """Number of counted predictions."""
        return self.targets.size if self.counted is None else int(self.counted.sum())

    @property
    def extent(self) -> Extent:
        """Its own."""
        return Extent(len(self.fresh), self.predictions)

    @property
    def known_lengths(self) -> NDArray[np.intp]:
        """The length of each column, also where all have as many steps as there are."""
        steps, columns = self.inputs.shape
        return np.full(columns, steps, np.intp) if self.lengths is None else self.lengths

    def part(self, columns: slice) -> Chunk:
        """Some of its columns."""
        arrays = {
            name: array[..., columns] for name, array in vars(self).items() if array is not None
        }
        return Chunk(**arrays)


class Chunks(Protocol):
    """A text as chunks, each made when it is asked for: only that part of the text is read.

    A rank of a job asks for some columns of each chunk, and reads no others.
    """

    columns: int
    characters: int  # predictions that one pass over all chunks counts
    places: int  # of one pass that are computed, steps times columns, padding too

    def __len__(self) -> int: ...

    def chunk(self, index: int, columns: slice = ALL) -> Chunk:
        """The chunk of this index, or some columns of it; after the last one the text begins again."""

    def extent(self, index: int) -> Extent:
        """How large that chunk is."""


class Watched:
    """Chunks of a text in a file: before each one ``require_unchanged`` looks whether that is still whole."""

    def __init__(self, chunks: Chunks, require_unchanged: Callable[[], None]) -> None:
        self.columns, self.characters = chunks.columns, chunks.characters
        self.places = chunks.places
        self._chunks, self._require_unchanged = chunks, require_unchanged

    def __len__(self) -> int:
        return len(self._chunks)

    def chunk(self, index: int, columns: slice = ALL) -> Chunk:
        self._require_unchanged()
        return self._chunks.chunk(index, columns)

    def extent(self, index: int) -> Extent:
        return self._chunks.extent(index)


class Streams:
    """A text as ``batch_size`` contiguous streams of equal length, cut into chunks of time.

    Stream *b*'s chunk *i + 1* goes on where its chunk *i* ended, so a recurrent state can be carried
    along. Chunks differ in length by one at most; up to ``batch_size - 1`` ids at the end of the text
    are left over. ``seq_length`` is the longest chunk's, *T*.
    """

    def __init__(self, ids: Lookup, batch_size: int, seq_length: int) -> None:
        length = (len(ids) - 1) // batch_size
        if length < 1:
            raise ValueError(f"{len(ids)} ids cannot fill {batch_size} streams")
        self.columns, self.characters = batch_size, length * batch_size
        self.places = length * batch_size
        self._ids, self._first = ids, np.arange(batch_size) * length
        self._length, self._count = length, -(-length // seq_length)

    def __len__(self) -> int:
        return self._count

    def _steps(self, index: int) -> tuple[int, int]:
        """Where in each stream a chunk begins and ends."""
        index %= self._count
        # Rounded up: the first chunk is a longest one, so that buffers have their size at once.
        return -(-index * self._length // self._count), -(
            -(index + 1) * self._length // self._count
        )

    def extent(self, index: int) -> Extent:
        start, stop = self._steps(index)
        return Extent(self.columns, (stop - start) * self.columns)

    def chunk(self, index: int, columns: slice = ALL) -> Chunk:
        start, stop = self._steps(index)
        position = np.arange(start, stop)[:, None] + self._first[columns]
        return Chunk(
            self._ids[position].astype(np.intp),
            self._ids[position + 1].astype(np.intp),
            np.full(position.shape[1], index % self._count == 0),
        )


class Segments:
    """A text to be *scored* from left to right, split so that its parts can be read side by side.

    One stream would be exact, but slow: it leaves no products of matrices. Each segment but the
    first therefore reads ``overlap`` ids before its own start, uncounted, from a zero state; what a
    recurrent state still holds of anything earlier is very little. The first segment has no text
    before it and starts after the overlap. A short text stays in one piece.

    Args:
        ids: The text.
        overlap: Ids read before a segment's start. A segment is at least eight times as long.
        most: Largest number of segments.
        steps: Time steps of a chunk.
    """

    def __init__(
        self, ids: Lookup, *, overlap: int = WARM_UP, most: int = 64, steps: int = 100
    ) -> None:
        self._ids, self.characters = ids, len(ids) - 1
        self.columns = max(1, min(most, self.characters // (8 * overlap)))
        self.overlap = overlap if self.columns > 1 else 0
        self.length = -(-self.characters // self.columns)
        # A chunk ends where the overlap does: the first segment starts there.
        self._before = range(0, self.overlap, steps)
        self._own = range(self.overlap, self.overlap + self.length, steps)
        self.places = (self.overlap + self.length) * self.columns

    def __len__(self) -> int:
        return len(self._before) + len(self._own)

    def _places(
        self, index: int, columns: slice
    ) -> tuple[int, NDArray[np.intp], NDArray[np.bool_]]:
        """The first step of a chunk; ``(T, B)``, where in the text its steps are, and which are counted."""
        if index < len(self._before):
            part, start = self._before, self._before[index]
        else:
            part, start = self._own, self._own[index - len(self._before)]
        step = np.arange(start, min(start + part.step, part.stop))[:, None]
        position = step - self.overlap + np.arange(self.columns)[columns] * self.length
        return start, position, (step >= self.overlap) & (position < self.characters)

    def extent(self, index: int) -> Extent:
        *_, counted = self._places(index % len(self), ALL)
        return Extent(self.columns, int(counted.sum()))

    def chunk(self, index: int, columns: slice = ALL) -> Chunk:
        index %= len(self)
        start, position, counted = self._places(index, columns)
        segment = np.arange(self.columns)[columns]
        position = np.clip(position, 0, self.characters - 1)
        return Chunk(
            self._ids[position].astype(np.intp),
            self._ids[position + 1].astype(np.intp),
            (index == 0) | ((segment == 0) & (start == self.overlap)),
            counted,
        )
