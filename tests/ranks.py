"""Ranks of a job that are threads of one process: the protocol without MPI."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Sequence
from queue import Queue
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.parameters import Array
from charrnn.nn.world import World

T = TypeVar("T")

STUCK_AFTER = (
    60.0  # seconds, after which ranks that wait for each other are taken to do so for ever
)


class Board:
    """Where such ranks leave what others take."""

    def __init__(self, size: int) -> None:
        self.size, self.slots = size, list[Any]([None] * size)
        self.barrier = threading.Barrier(size, timeout=STUCK_AFTER)
        self.ways: dict[tuple[int, int], Queue[Array]] = {
            (a, b): Queue() for a in range(size) for b in range(size)
        }
        self.sent = [0] * size  # numbers that each rank has given to others
        self.ended_with: int | None = None


class ThreadWorld(World):
    """The job as the thread ``rank`` sees it."""

    def __init__(self, board: Board, rank: int) -> None:
        self.board, self.rank, self.size, self.place = board, rank, board.size, f"machine-{rank}"

    def gather(self, value: T) -> list[T]:
        self.board.slots[self.rank] = value
        began = time.perf_counter()
        self.board.barrier.wait()
        self.waited += time.perf_counter() - began
        found = [
            value if rank == self.rank else pickle.loads(pickle.dumps(slot))  # as messages are
            for rank, slot in enumerate(self.board.slots)
        ]
        self.board.barrier.wait()
        return found

    def numbers(self, row: Sequence[float]) -> NDArray[np.float64]:
        return np.array(self.gather(tuple(row)), np.float64)

    def from_first(self, value: T) -> T:
        return self.gather(value)[0]

    def to_first(self, value: T) -> list[T]:
        found = self.gather(value)
        return found if self.is_first else []

    def spread(self, vector: Array) -> None:
        vector[...] = self.gather(vector)[0]

    def swap(self, other: int, given: Array, taken: Array) -> None:
        self.send(other, given)
        self.receive(other, taken)

    def send(self, other: int, given: Array) -> None:
        self.board.sent[self.rank] += given.size
        self.board.ways[self.rank, other].put(given.copy())

    def receive(self, other: int, taken: Array) -> None:
        began = time.perf_counter()
        taken[...] = self.board.ways[other, self.rank].get(timeout=STUCK_AFTER)
        self.waited += time.perf_counter() - began

    def abort(self, code: int) -> None:
        self.board.ended_with = code
        self.board.barrier.abort()

    def agreed(self, clock: Callable[[], float]) -> Callable[[], float]:
        return lambda: self.from_first(clock())


def on_ranks(size: int, work: Callable[[World], T], board: Board | None = None) -> list[T]:
    """What ``work(world)`` returns on each of so many ranks; the first error that is not of those that wait."""
    board = board or Board(size)
    found: list[Any] = [None] * size
    errors = list[BaseException]()

    def run(rank: int) -> None:
        try:
            found[rank] = work(ThreadWorld(board, rank))
        except BaseException as error:
            errors.append(error)
            board.barrier.abort()

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors.sort(key=lambda error: isinstance(error, threading.BrokenBarrierError))
    if errors:
        raise errors[0]
    return found
