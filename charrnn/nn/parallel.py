"""Shards: a batch split over Python threads, each with a workspace of its own.

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
from typing import TypeVar

import numpy as np
from numpy.typing import DTypeLike
from threadpoolctl import LibController, ThreadpoolController

from charrnn.nn.workspace import Workspace
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


def default_shards(batch_size: int) -> int:
    """As many shards as there are processors, unless the batch is too small for that."""
    return max(1, min(available_processors(), batch_size // MIN_STREAMS))


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
        count: Number of parts. It decides how sums are split, so results depend on it in their last
            bits; they do not depend on how many of the threads run at once.
        dtype: Type of the workspaces' arrays.
    """

    def __init__(self, count: int, dtype: DTypeLike = np.float32) -> None:
        self.count = count
        self.workspaces = [Workspace(dtype) for _ in range(count)]
        self._threads = ThreadPoolExecutor(count, "shard") if count > 1 else None

    def map(self, work: Callable[[int, slice, Workspace], Result], batch: int) -> list[Result]:
        """``work(index, columns, workspace)`` for each part of ``batch`` columns, in order."""

        def guarded(index: int) -> Result:
            columns = slice(batch * index // self.count, batch * (index + 1) // self.count)
            # A thread has error settings of its own; the caller looks for numbers that are not finite.
            with np.errstate(all="ignore"):
                return work(index, columns, self.workspaces[index])

        if self._threads is None:
            return [guarded(0)]
        working: list[Future[Result]] = []
        try:
            working.extend(self._threads.submit(guarded, index) for index in range(self.count))
            return [future.result() for future in working]
        finally:
            wait(working)  # after an error, too: the next call takes the same workspaces
