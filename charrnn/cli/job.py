"""``mpirun -n 4 charrnn train``: what the ranks of a job do together, and which of them speaks.

All run the same command. The first one reads, writes and speaks; whatever depends on a clock or a signal is decided by all
at once. A rank that fails alone says why and ends all; where all fail alike the first one does, a moment before the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from charrnn.cli import terminal
from charrnn.errors import RankError
from charrnn.launcher import announced_size
from charrnn.nn.world import ALONE, World
from charrnn.text.cache import default_folder
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.examples import Examples
from charrnn.training.reports import Report, Step

T = TypeVar("T")
Data = Corpus | Examples

UNEVEN = 1.3  # times the quickest rank's seconds: then it is worth knowing that it waits
MEASURED = 5, 25  # reports between which ranks are compared; at first memory is allocated


def join() -> World:
    """The job that this process was started for; errors are told as a job's from here on.

    Raises:
        InputError: MPI cannot be used, or is another one than the launcher's.
    """
    if announced_size() == 1:
        return ALONE
    from charrnn.nn.mpi import join_world

    terminal.job = world = join_world()
    return world


def from_first(world: World, make: Callable[[], T]) -> T:
    """What the first rank makes, on all of them."""
    return world.from_first(make() if world.is_first else None)  # type: ignore[return-value]


def in_turn(world: World, make: Callable[[], T]) -> T:
    """What each makes for itself: one on each machine first, so that the others find in its files what it found out."""
    places = world.gather(world.place)
    leads = places.index(world.place) == world.rank
    made = list[T]()
    for turn in (True, False):
        if leads is turn:
            made.append(make())
        world.gather(None)
    return made[0]


def text_of_first(world: World, text: Data, cache_folder: Path | None) -> Data:
    """The text that the first rank has read. One too large to be sent comes from a file, which each machine has or makes."""
    folder = cache_folder or default_folder()
    if isinstance(text, Corpus) and world.from_first(text.stored is not None):
        length = world.from_first(len(text) if world.is_first else 0)
        return in_turn(world, lambda: text if world.is_first else _opened(text, length, folder))
    return text


class Pulse:
    """The time and the signals, as all ranks see them: the first one's clock, anybody's signal."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.beat(0)

    def beat(self, signal: int) -> int:
        """Agree on what time it is, and on which signal has come, 0 being none; called between two reports."""
        found = self._world.numbers((time.monotonic(), signal))
        self._now = float(found[0, 0])
        return int(found[:, 1].max())

    def now(self) -> float:
        """Seconds on the monotonic clock, of several ranks as of the last beat."""
        return time.monotonic() if self._world.size == 1 else self._now


class Balance:
    """Looks after some steps whether the ranks are of one speed.

    Args:
        warn: Told where they are not.
    """

    def __init__(self, world: World, warn: Callable[[str], None]) -> None:
        self._world, self._warn = world, warn
        self._reports, self._since = 0, 0.0

    def _busy(self) -> float:
        """Seconds that were not spent on waiting for others."""
        return time.perf_counter() - self._world.waited

    def after(self, report: Report) -> None:
        """Follow a run's reports."""
        if self._world.size == 1 or not isinstance(report, Step):
            return
        self._reports += 1
        if self._reports == MEASURED[0]:
            self._since = self._busy()
        if self._reports != MEASURED[1]:
            return
        busy = self._world.numbers([self._busy() - self._since])[:, 0]
        places = self._world.gather(self._world.place)
        slowest, ratio = int(busy.argmax()), float(busy.max() / max(busy.min(), 1e-9))
        if ratio > UNEVEN:
            self._warn(
                f"notice: rank {slowest} ({places[slowest]}) takes {ratio:.1f} times as long for its part as the quickest one, "
                "and all wait for it; leave it out, or see what else its machine does"
            )


def _opened(text: Corpus, length: int, folder: Path) -> Corpus:
    """A large text of which all is known but the numbers."""
    if found := text.reopened(folder, length):  # of the same machine, or on a disk that both have
        return found
    names = text.sources
    own = load_corpus(
        names[: len(names) - text.val_file],
        val_file=names[-1] if text.val_file else None,
        vocabulary=text.vocabulary,
        extend_vocabulary=True,  # another text is told as such, when the ranks compare theirs
        cache_folder=folder,
    )
    if own.sha256 == text.sha256:
        return replace(text, ids=own.ids, stored=own.stored)
    raise RankError(
        f"{', '.join(names)}: not the text that rank 0 has; copy the same files to all machines"
    )
