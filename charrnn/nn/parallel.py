"""Shards: a batch split over the ranks of a job and the Python threads of each, each with a workspace of its own.

NumPy lets go of Python's lock inside its loops and products, so shards really run side by side. The
BLAS library is held to one thread meanwhile: its own threads would compete with them, and the split
of the work, and with it the last bits of a result, would depend on the machine.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike
from threadpoolctl import LibController, ThreadpoolController

from charrnn.nn.workspace import Workspace
from charrnn.nn.world import ALONE, World
from charrnn.signals import Held

Result = TypeVar("Result")

MIN_STREAMS = 16  # for each shard, at least: products with fewer columns leave a core half idle


def available_processors(root: Path = Path("/")) -> int:
    """Processors that this process may use: by its affinity, and by the quota of its container."""
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    return max(1, math.ceil(min(processors, _quota(root))))


def _quota(root: Path) -> float:
    """Processors' time for each second that Linux' control groups allow; infinity without a limit.

    A group's limit holds for the groups in it. From inside a container its own group may be seen at the
    top, whatever its name is outside.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # another system
        return math.inf
    quota = math.inf
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" or "cpu" in controllers.split(","):
            top = root / "sys/fs/cgroup" / ("" if number == "0" else "cpu")
            group = Path(path.lstrip("/"))
            limits = (_limit(top / folder) for folder in (group, *group.parents))
            quota = min(quota, *limits)
    return quota


def _limit(group: Path) -> float:
    """That of one group: ``cpu.max`` is of version 2, the others of version 1."""
    try:
        if (both := group / "cpu.max").exists():
            quota, period = map(int, both.read_text().split())
        else:
            names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
            quota, period = (int((group / name).read_text()) for name in names)
        return quota / period if quota > 0 else math.inf
    except (OSError, ValueError):  # without a limit it is -1, or the word max
        return math.inf


def default_shards(batch_size: int, world: World = ALONE) -> int:
    """As many shards as there are processors, for each rank alike, unless the batch is too small for that."""
    each = min(processors_each(world), batch_size // MIN_STREAMS // world.size)
    return world.size * max(1, each)


class Sharing(NamedTuple):
    """What a rank has of its machine."""

    place: str  # the machine
    processors: int  # that it may use
    ranks: int  # that may use them, too, itself included


def sharing(world: World) -> list[Sharing]:
    """What each rank of a job has: a launcher binds each to processors of its own, or leaves them to share all."""
    may_use = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}
    ranks = world.gather((world.place, available_processors(), frozenset(may_use)))
    return [
        Sharing(
            place, own, sum(place == p and not mine.isdisjoint(theirs) for p, _, theirs in ranks)
        )
        for place, own, mine in ranks
    ]


def processors_each(world: World = ALONE) -> int:
    """Processors that each rank has for itself, the same number for all."""
    return min(max(1, one.processors // one.ranks) for one in sharing(world))


@cache
def _controller() -> ThreadpoolController:
    with Held():  # C calls Python to tell of a library, and an exception there would be lost
        return ThreadpoolController()  # finding the loaded ones takes a while: once is enough


@cache
def _blas() -> list[LibController]:
    return list(_controller().select(user_api="blas").lib_controllers)


class _OneThread:
    """Holds the BLAS library to one thread while anybody wants it so.

    The limit is the whole process's. Each user on their own would put back what they found, and of
    two that overlap the last one to leave would leave the other one's limit behind.
    """

    def __init__(self) -> None:
        self._lock, self._users, self._undone = Lock(), 0, ExitStack()

    def enter(self) -> None:
        with self._lock:
            # To set it takes as long as a tiny model takes for some characters; to ask is quick.
            if not self._users and any(library.num_threads != 1 for library in _blas()):
                self._undone.enter_context(_controller().limit(limits=1, user_api="blas"))
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._undone.close()


_one_thread = _OneThread()


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Hold matrix products to one thread each, on whatever threads it is asked for at once."""
    _one_thread.enter()
    try:
        yield
    finally:
        _one_thread.leave()


def warm_up() -> None:
    """Let this thread's BLAS buffer be touched from end to end.

    OpenBLAS's kernels prefetch beyond what they packed. As long as a thread has made small products
    only, that is memory without pages behind it, and on some machines each product then takes three
    times as long; a single wide product ends it.
    """
    np.ones((64, 64), np.float32) @ np.ones((64, 1024), np.float32)


class Shards:
    """Runs a function for each part of a batch.

    Args:
        count: Number of parts, of all ranks together, each of which has as many. It decides how sums are split, so
            results depend on it in their last bits; they do not depend on how many run at once, or where.
        dtype: Type of the workspaces' arrays.
        world: The ranks that share the parts, in their order.
    """

    def __init__(self, count: int, dtype: DTypeLike = np.float32, world: World = ALONE) -> None:
        self.count, self.world = count, world
        each = count // world.size
        self.own = range(world.rank * each, (world.rank + 1) * each)
        self.workspaces = [Workspace(dtype) for _ in self.own]
        self._threads = ThreadPoolExecutor(each, "shard") if each > 1 else None

    def columns(self, batch: int) -> slice:
        """This rank's of ``batch`` columns."""
        return slice(self._start(self.own.start, batch), self._start(self.own.stop, batch))

    def map(self, work: Callable[[int, slice, Workspace], Result], batch: int) -> list[Result]:
        """``work(index, columns, workspace)`` for each part of ``batch`` columns, in order: what other ranks found, too."""
        found = self.map_own(work, batch)
        return [result for results in self.world.gather(found) for result in results]

    def map_own(self, work: Callable[[int, slice, Workspace], Result], batch: int) -> list[Result]:
        """The same for this rank's parts alone."""

        def of_part(thread: int) -> Result:
            index = self.own[thread]
            columns = slice(self._start(index, batch), self._start(index + 1, batch))
            return work(index, columns, self.workspaces[thread])

        return self._run(of_part)

    def share(self, work: Callable[[slice, Workspace], Result], items: int) -> list[Result]:
        """``work(some, workspace)`` for all of ``items``, divided among this rank's threads: each rank does all of it."""
        each = len(self.own)

        def of_thread(thread: int) -> Result:
            some = slice(items * thread // each, items * (thread + 1) // each)
            return work(some, self.workspaces[thread])

        return self._run(of_thread)

    def _start(self, index: int, batch: int) -> int:
        return batch * index // self.count

    def _run(self, work: Callable[[int], Result]) -> list[Result]:
        """``work(thread)`` on each of this rank's threads."""

        def guarded(thread: int) -> Result:
            # A thread has error settings of its own; the caller looks for numbers that are not finite.
            with np.errstate(all="ignore"):
                return work(thread)

        if self._threads is None:
            return [guarded(0)]
        working: list[Future[Result]] = []
        try:
            working.extend(self._threads.submit(guarded, thread) for thread in range(len(self.own)))
            return [future.result() for future in working]
        finally:
            wait(working)  # after an error, too: the next call takes the same workspaces
