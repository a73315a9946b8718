"""The ranks of a job: processes, perhaps on several machines, that train one model together.

Each computes the gradient of its parts of a batch, and all add them up; then each makes the same update. What a rank
knows of the others is its :class:`World`. Words are MPI's: *rank* is a process and its number, from 0, *size* how many
there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.nn.blocks import tree
from charrnn.nn.parameters import Array

T = TypeVar("T")


class World:
    """A job as one of its ranks sees it. This one is alone; :mod:`charrnn.nn.mpi` has the one of many.

    All ranks call its methods in the same order, with one exception: :meth:`abort`. An error of one rank alone is no matter for
    agreement: whoever catches it ends all by that.

    Attributes:
        rank: This process' number.
        size: How many there are.
        waited: Seconds that this rank has waited for others so far.
        place: The machine, by name.
    """

    rank, size = 0, 1
    waited = 0.0
    place = ""
    _taken: Array = np.empty(0, np.float32)

    def __repr__(self) -> str:
        return f"<rank {self.rank} of {self.size}>"

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes files, speaks, and looks at the clock."""
        return self.rank == 0

    def gather(self, value: T) -> list[T]:
        """What each rank has, in the order of the ranks."""
        return [value]

    def numbers(self, row: Sequence[float]) -> NDArray[np.float64]:
        """``(size, n)``, the numbers of each rank: a quick :meth:`gather`."""
        return np.array([row], np.float64)

    def from_first(self, value: T) -> T:
        """What the first rank has."""
        return value

    def to_first(self, value: T) -> list[T]:
        """On the first rank what each has, in their order; nothing elsewhere."""
        return [value]

    def spread(self, vector: Array) -> None:
        """Let a contiguous vector be, in place, what it is on the first rank."""

    def swap(self, other: int, given: Array, taken: Array) -> None:
        """Give another rank a contiguous vector, and take one of it."""
        raise NotImplementedError

    def send(self, other: int, given: Array) -> None:
        """Give another rank a contiguous vector."""
        raise NotImplementedError

    def receive(self, other: int, taken: Array) -> None:
        """Take one of it."""
        raise NotImplementedError

    def abort(self, code: int) -> None:
        """End all ranks at once, whatever they do; the job's exit code is ``code``."""

    def agreed(self, clock: Callable[[], float]) -> Callable[[], float]:
        """A clock that tells each rank what the first one's tells."""
        return clock

    def add_up(self, rows: Array) -> None:
        """Let row 0 be, on each rank, the sum of the rows of all ranks, the parts of a batch.

        The sum is the binary tree over the parts' numbers (:func:`charrnn.nn.blocks.tree`), part *p* being row
        ``p % t`` of rank ``p // t``: which rank computed a part changes no bit of it. Other rows change, too.

        Where both numbers are powers of two, the rows of a rank are a branch of that tree and so are its pairs of
        ranks: then each rank gives and takes 2 (size - 1) / size vectors (recursive halving and doubling; Thakur,
        Rabenseifner, Gropp, "Optimization of collective communication operations in MPICH", 2005, which for many
        ranks cannot send less). Else branches go to where they are needed, and the sum goes back from the first rank.

        Args:
            rows: ``(t, n)``, C-contiguous, with as many rows on each rank.
        """
        t = len(rows)
        if self.size & (self.size - 1) or t & (t - 1):
            self._by_branches(rows)
            return
        for i, j in tree(t).tolist():
            rows[i] += rows[j]
        if self.size > 1:
            self._by_halves(rows[0])

    def _by_halves(self, vector: Array) -> None:
        start, stop, bit = 0, len(vector), 1
        taken = self._room((len(vector) + 1) // 2, vector)
        halves = list[tuple[int, slice, slice]]()
        while bit < self.size:
            middle = (start + stop) // 2
            kept, given = slice(start, middle), slice(middle, stop)
            if self.rank & bit:
                kept, given = given, kept
            start, stop = kept.start, kept.stop
            self.swap(self.rank ^ bit, vector[given], taken[: stop - start])
            vector[kept] += taken[: stop - start]
            halves.append((self.rank ^ bit, kept, given))
            bit *= 2
        for other, kept, given in reversed(halves):
            self.swap(other, vector[kept], vector[given])

    def _by_branches(self, rows: Array) -> None:
        t = len(rows)
        taken = self._room(rows.shape[1], rows)
        for i, j in tree(t * self.size).tolist():
            to, of = i // t, j // t
            if to == of == self.rank:
                rows[i % t] += rows[j % t]
            elif self.rank == to:
                self.receive(of, taken)
                rows[i % t] += taken
            elif self.rank == of:
                self.send(to, rows[j % t])
        self.spread(rows[0])

    def _room(self, size: int, like: Array) -> Array:
        """Memory for what others send: the same each time."""
        if self._taken.size < size or self._taken.dtype != like.dtype:
            self._taken = np.empty(size, like.dtype)
        return self._taken[:size]

    def require_alike(self, what: str, value: str, advice: str) -> None:
        """Let all ranks have the same of something.

        Args:
            what: In words.
            value: This rank's.
            advice: What to do about it.

        Raises:
            InputError: They have not; each rank raises the same one.
        """
        values = self.gather(value)
        places = self.gather(self.place)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise InputError(
                    f"the ranks differ in {what}: {values[0]} on rank 0 ({places[0]}), "
                    f"{other} on rank {rank} ({places[rank]}); {advice}"
                )


ALONE = World()
"""A process of its own."""
