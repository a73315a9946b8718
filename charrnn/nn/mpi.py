"""The ranks of a job that MPI started: ``mpirun -n 4``, or Slurm's ``srun``. The only file that knows mpi4py.

Nothing here is imported unless a launcher says that there are several ranks. All waiting is done by asking again and again
(:meth:`MpiWorld._finish`) and not inside the library, so that a second Ctrl-C ends it, and a neighbour that has died is noticed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError, RankError
from charrnn.launcher import announced_size
from charrnn.nn.parameters import Array
from charrnn.nn.world import World
from charrnn.signals import HandledBy, act_on_held

T = TypeVar("T")

SPINS = 2000  # times that are asked without a pause: a neighbour is seldom far behind
PAUSE = 2e-4  # seconds between further ones, in which a core is free for whoever is waited for
LOOK = 1.0  # seconds between looks at whether the neighbours are still there
HEARD = 0.2  # seconds in which a launcher passes on what was said, before all ends
PIECE = 1 << 30  # bytes of one message at most: counts are C's int in older libraries


def join_world() -> World:
    """Join the job that a launcher has started.

    Raises:
        InputError: mpi4py is not there, or it is built for another MPI than the launcher.
    """
    asked = announced_size()
    try:
        MPI = _initialized()
    except (ImportError, RuntimeError) as error:
        why = "" if isinstance(error, ModuleNotFoundError) else f" ({' '.join(str(error).split())})"
        raise InputError(
            f"a launcher has started {asked} ranks, for which mpi4py is needed{why}: install charrnn's extra mpi, or on a cluster "
            "mpi4py for its own MPI (pip install --no-binary mpi4py mpi4py)"
        ) from None
    if MPI.COMM_WORLD.Get_size() != asked:
        library = " ".join(MPI.Get_library_version().partition("\n")[0].split())
        raise InputError(
            f"a launcher has started {asked} ranks, but mpi4py sees {MPI.COMM_WORLD.Get_size()}: it belongs to another MPI "
            f"({library}); take the mpirun of that one, or build mpi4py with the launcher's"
        )
    return MpiWorld(MPI)


def _initialized() -> Any:
    """The library, where all ranks have begun with it: until then they wait, in C."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that an environment looks odd is an error of ours
        import mpi4py

        mpi4py.rc.initialize = False
        mpi4py.rc.finalize = True
        from mpi4py import MPI
    if not MPI.Is_initialized():
        with HandledBy(signal.SIG_DFL):  # to C no signal comes through Python
            MPI.Init_thread(MPI.THREAD_FUNNELED)
    return MPI


def abort(code: int) -> None:
    """End all ranks at once, also where this one has not joined them yet: they would wait for it."""
    MPI = _initialized()
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(HEARD)
    # What the library would say of it is said already, in one line.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    MPI.COMM_WORLD.Abort(code)


class MpiWorld(World):
    """All ranks of MPI's ``COMM_WORLD``."""

    def __init__(self, mpi: Any) -> None:
        self._mpi, self._comm = mpi, mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._comm.Get_rank(), self._comm.Get_size()
        self.place = mpi.Get_processor_name()
        self._looked = time.monotonic()
        self._neighbours: dict[int, int] = {}
        known = self.gather((self.place, os.getpid()))
        self._neighbours = {
            rank: pid
            for rank, (place, pid) in enumerate(known)
            # One that is not to be seen is of another container, whose numbers mean nothing here.
            if place == self.place and rank != self.rank and sys.platform != "win32" and _lives(pid)
        }

    def _packed(self, value: object) -> NDArray[np.uint8]:
        return np.frombuffer(self._mpi.pickle.dumps(value), np.uint8)

    def gather(self, value: T) -> list[T]:
        data = self._packed(value)
        sizes = self.numbers([len(data)])[:, 0].astype(np.intp).tolist()
        if sum(sizes) >= PIECE:  # one after the other, in pieces
            found = [self._from(rank, value) for rank in range(self.size)]
        else:
            whole = np.empty(sum(sizes), np.uint8)
            self._finish(self._comm.Iallgatherv(data, [whole, sizes, None, self._mpi.BYTE]))
            stops = np.cumsum(sizes).tolist()
            found = [
                self._mpi.pickle.loads(whole[a - n : a]) for a, n in zip(stops, sizes, strict=True)
            ]
        return found

    def numbers(self, row: Sequence[float]) -> NDArray[np.float64]:
        found = np.empty((self.size, len(row)), np.float64)
        self._finish(self._comm.Iallgather(np.array(row, np.float64), found))
        return found

    def from_first(self, value: T) -> T:
        return self._from(0, value)

    def _from(self, root: int, value: T) -> T:
        mine = self.rank == root
        data = self._packed(value if mine else None)
        size = np.array([len(data)], np.int64)
        self._finish(self._comm.Ibcast(size, root))
        whole = data if mine else np.empty(int(size[0]), np.uint8)
        self._spread(whole, root)
        return value if mine else self._mpi.pickle.loads(whole.data)

    def to_first(self, value: T) -> list[T]:
        data = self._packed(value)
        sizes = self.numbers([len(data)])[:, 0].astype(np.intp).tolist()
        if not self.is_first:
            self.send(0, data)
            return []
        found = [value]
        for rank in range(1, self.size):
            taken = np.empty(sizes[rank], np.uint8)
            self.receive(rank, taken)
            found.append(self._mpi.pickle.loads(taken.data))
        return found

    def spread(self, vector: Array) -> None:
        self._spread(vector.view(np.uint8), 0)

    def _spread(self, data: NDArray[np.uint8], root: int) -> None:
        for piece in _messages(data):
            self._finish(self._comm.Ibcast(piece, root))

    def swap(self, other: int, given: Array, taken: Array) -> None:
        receiving = [self._comm.Irecv(piece, other) for piece in _messages(taken)]
        sending = [self._comm.Isend(piece, other) for piece in _messages(given)]
        self._finish(*receiving, *sending)

    def send(self, other: int, given: Array) -> None:
        self._finish(*(self._comm.Isend(piece, other) for piece in _messages(given)))

    def receive(self, other: int, taken: Array) -> None:
        self._finish(*(self._comm.Irecv(piece, other) for piece in _messages(taken)))

    def abort(self, code: int) -> None:
        abort(code)

    def agreed(self, clock: Callable[[], float]) -> Callable[[], float]:
        return lambda: float(self.numbers([clock()])[0, 0])

    def _finish(self, *requests: Any) -> None:
        """Wait until all are done.

        Raises:
            RankError: Another rank has gone.
        """
        began, spins = time.perf_counter(), 0
        while not self._are_done(requests):
            spins += 1
            if spins > SPINS:
                time.sleep(PAUSE)
                if time.monotonic() - self._looked > LOOK:
                    self._look()
                    act_on_held()
        self.waited += time.perf_counter() - began

    def _are_done(self, requests: Sequence[Any]) -> bool:
        try:
            return bool(self._mpi.Request.Testall(requests))
        except self._mpi.Exception as error:  # as libraries tell that a connection has broken
            self._look()
            raise RankError(
                f"another rank has ended, or is out of reach (MPI: {' '.join(str(error).split())})"
            ) from None

    def _look(self) -> None:
        """See whether the ranks on this machine are still there: one that was killed says nothing."""
        self._looked = time.monotonic()
        for rank, pid in self._neighbours.items():
            if not _lives(pid):
                raise RankError(f"rank {rank} (process {pid} on {self.place}) has ended")


def _messages(vector: Array) -> list[Array]:
    """A vector in pieces of which each can be sent."""
    data = vector.view(np.uint8)
    return [data[start : start + PIECE] for start in range(0, max(1, len(data)), PIECE)]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's, who may have the number now
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # a dead one that nobody has asked about yet
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True
