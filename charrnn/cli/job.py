"""``mpirun -n 4 charrnn train``: what the ranks of a job do together, and which of them speaks.

All run the same command. The first one reads, writes and speaks; whatever depends on a clock or a signal is decided by all
at once. A rank that fails alone says why and ends all; where all fail alike the first one does, a moment before the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from charrnn.cli import terminal
from charrnn.config import TrainingConfig
from charrnn.errors import RankError
from charrnn.launcher import announced_size
from charrnn.nn.world import ALONE, World
from charrnn.text.cache import default_folder
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.examples import Examples
from charrnn.training.reports import Report, Step
from charrnn.training.trainer import Training

T = TypeVar("T")
_NOTHING: Any = None
Data = Corpus | Examples

UNEVEN = 1.5  # times the quickest rank's seconds: then it is worth knowing that it waits
WORTH_TELLING = 2e-3  # seconds of a step; of shorter ones chance decides
COMPARED = 50  # steps by which ranks are compared


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


def made_by_first(world: World, make: Callable[[], T]) -> T:
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


def read_by_first(
    world: World, cache_folder: Path | None, read: Callable[[], tuple[T, Data, TrainingConfig]]
) -> tuple[T, Data, TrainingConfig]:
    """What a run starts from, its text and its settings, as the first rank reads them.

    A text too large to be sent comes from a file, which each machine has or makes.
    """
    if not world.is_first:
        start, config, text, length = world.from_first(_NOTHING)
        if length:
            text = in_turn(world, lambda: _opened(text, length, cache_folder or default_folder()))
        return start, text, config
    start, text, config = read()
    large = isinstance(text, Corpus) and text.stored is not None
    header = text.without_numbers() if isinstance(text, Corpus) and large else text
    world.from_first((start, config, header, len(text) if large else 0))
    return start, in_turn(world, lambda: text) if large else text, config


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

    def __init__(self, training: Training, warn: Callable[[str], None]) -> None:
        self._training, self._warn = training, warn
        self._seconds = list[float]()

    def after(self, report: Report) -> None:
        """Follow a run's reports."""
        world = self._training.world
        if world.size == 1 or not isinstance(report, Step) or len(self._seconds) == COMPARED:
            return
        self._seconds.append(self._training.busy)
        if len(self._seconds) < COMPARED:
            return
        busy = world.numbers([median(self._seconds)])[:, 0]
        places = world.gather(world.place)
        slowest, ratio = int(busy.argmax()), float(busy.max() / max(busy.min(), 1e-9))
        if ratio > UNEVEN and busy.max() - busy.min() > WORTH_TELLING:
            self._warn(
                f"notice: rank {slowest} ({places[slowest]}) takes {ratio:.1f} times as long for its part as the quickest one, "
                "and all wait for it; see what else its machine does, or leave that out"
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
