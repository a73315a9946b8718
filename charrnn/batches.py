"""How truncated back-propagation and validation read a text: streams side by side, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Steps between evaluations: an epoch's, within bounds.

    A short epoch is no reason to evaluate all the time, nor a long one to be left in the dark; but
    evaluating should not take more than a tenth of the time.

    Args:
        eval_cost: What an evaluation costs, in steps.
    """
    longest = max(1000, round(10 * eval_cost))
    if steps_per_epoch > longest:
        return longest
    return steps_per_epoch * -(-100 // steps_per_epoch)


class Streams:
    """A text as ``batch_size`` contiguous streams of equal length, cut into chunks of time.

    Stream *b*'s chunk *i + 1* goes on where its chunk *i* ended, so a recurrent state can be carried
    along. Chunks differ in length by one at most; up to ``batch_size - 1`` ids at the end of the text
    are left over.

    Args:
        ids: ``(N,)`` integers.
        batch_size: Number of streams, *B*.
        seq_length: Longest chunk, *T*.
    """

    def __init__(self, ids: NDArray[Any], batch_size: int, seq_length: int) -> None:
        length = (len(ids) - 1) // batch_size
        if length < 1:
            raise ValueError(f"{len(ids)} ids cannot fill {batch_size} streams")
        self._inputs = ids[: length * batch_size].reshape(batch_size, length)
        self._targets = ids[1 : length * batch_size + 1].reshape(batch_size, length)
        self._count = -(-length // seq_length)
        self._length = length

    def __len__(self) -> int:
        """Number of chunks."""
        return self._count

    @property
    def characters(self) -> int:
        """Characters that one pass over all chunks predicts."""
        return self._inputs.size

    def chunk(self, index: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Inputs and targets ``(T, B)`` of a chunk; a target is the id that follows its input."""
        start = index * self._length // self._count
        stop = (index + 1) * self._length // self._count
        return (
            np.ascontiguousarray(self._inputs[:, start:stop].T, dtype=np.intp),
            np.ascontiguousarray(self._targets[:, start:stop].T, dtype=np.intp),
        )


@dataclass(frozen=True)
class Segments:
    """A text to be *scored* from left to right, split so that its parts can be read side by side.

    One stream would be exact, but slow: it leaves no products of matrices. Each segment but the
    first therefore reads ``overlap`` ids before its own start, uncounted, from a zero state; what a
    recurrent state still holds of anything earlier is very little. A short text stays in one piece.

    Attributes:
        inputs: ``(steps, S)`` ids.
        targets: ``(steps, S)`` ids.
        counted: ``(steps, S)`` booleans: predictions that belong to the score, each of the text's
            ``N - 1`` predictions just once.
        overlap: Steps before the segments' own starts. The first segment has no text before it: its
            state has to be zero after these steps.
    """

    inputs: NDArray[np.intp]
    targets: NDArray[np.intp]
    counted: NDArray[np.bool_]
    overlap: int

    @classmethod
    def of(cls, ids: NDArray[Any], *, overlap: int = 400, most: int = 64) -> Segments:
        """Split ``ids`` into up to ``most`` segments, each at least eight times its overlap."""
        predictions = len(ids) - 1
        count = max(1, min(most, predictions // (8 * overlap)))
        overlap = overlap if count > 1 else 0
        length = -(-predictions // count)
        step = np.arange(overlap + length)[:, None]
        position = step - overlap + np.arange(count) * length
        counted = (step >= overlap) & (position < predictions)
        position = np.clip(position, 0, predictions - 1)
        inputs, targets = ids[position], ids[position + 1]
        return cls(inputs.astype(np.intp), targets.astype(np.intp), counted, overlap)
