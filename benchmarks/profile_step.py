"""Where the time of a training step goes: on one thread, and on as many as there are processors.

    CHARRNN_KERNELS=numpy python benchmarks/profile_step.py lstm 128 2 50 50

NumPy is replaced by a stand-in that times each call, in the modules of the numeric core, and so are the
kernels. What it does not see (in-place operators, Python itself, waiting for the interpreter's
lock) is the rest.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from threading import Lock
from typing import Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from contestants import THREADS, charrnn_training

import charrnn.nn.cells.gru
import charrnn.nn.cells.lstm
import charrnn.nn.cells.rnn
import charrnn.nn.functions
import charrnn.nn.layer
import charrnn.nn.loss
import charrnn.nn.readout
import charrnn.training.optimizer
from charrnn.nn.blocks import Blocks

MODULES = (
    charrnn.nn.functions,
    charrnn.nn.cells.gru,
    charrnn.nn.cells.lstm,
    charrnn.nn.cells.rnn,
    charrnn.nn.layer,
    charrnn.nn.loss,
    charrnn.nn.readout,
    charrnn.training.optimizer,
)
KINDS = {
    "matmul": "products over the whole chunk",
    "exp": "exp and tanh",
    "tanh": "exp and tanh",
    "take": "first layer's look-ups",
    "argsort": "first layer's look-ups",
}


class Stopwatch:
    """Stands in for NumPy, and adds up the seconds of its functions by kind."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._lock = Lock()

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        if not isinstance(function, np.ufunc) and name not in KINDS:
            return function
        kind = KINDS.get(name, "other element-wise functions")

        return Timed(function, self, kind)

    def add_seconds(self, kind: str, seconds: float) -> None:
        with self._lock:
            self.seconds[kind] += seconds


class Timed:
    """A function whose calls are timed; its attributes, such as ``reduceat``, are not."""

    def __init__(self, function: Any, watch: Stopwatch, kind: str) -> None:
        self._function, self._watch, self._kind = function, watch, kind

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = self._function(*arguments, **options)
        self._watch.add_seconds(self._kind, time.perf_counter() - start)
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


def _method(timed: Timed) -> Any:
    """As a function, which a class makes a method of."""
    return lambda *arguments: timed(*arguments)


def time_kernels(watch: Stopwatch) -> list[tuple[Any, str, Any]]:
    """Let the compiled kernels be timed, where there are any; returns where they are, and them as they were."""
    stack = sys.modules.get("charrnn.nn.compiled.stack")
    timed: list[tuple[Any, str, Any]] = []
    blocks = sys.modules.get("charrnn.nn.compiled.blocks")
    work = blocks.CompiledBlocks if blocks else Blocks
    for name in ("sum_parts", "adam", "scaled", "momentum"):
        timed.append((work, name, getattr(work, name)))
        setattr(work, name, _method(Timed(getattr(work, name), watch, "optimiser")))
    if stack:
        for name in ("pack_gates", "pack_columns"):
            timed.append((stack, name, getattr(stack, name)))
            setattr(stack, name, Timed(getattr(stack, name), watch, "packing of weights"))
        timed.append((stack, "RECURRENCES", stack.RECURRENCES))
        stack.RECURRENCES = {
            cell: how._replace(
                forward=Timed(how.forward, watch, "recurrences"),
                backward=Timed(how.backward, watch, "recurrences"),
            )
            for cell, how in stack.RECURRENCES.items()
        }
    return timed


def profile(cell: str, shape: list[int], threads: int) -> None:
    """Print the shares of the threads' time."""
    step = charrnn_training(cell, shape, threads)
    step()
    watch = Stopwatch()
    stack = sys.modules.get("charrnn.nn.compiled.stack")
    modules = [module for module in (*MODULES, stack) if hasattr(module, "np")]
    for module in modules:
        module.np = watch
    compiled = time_kernels(watch)
    steps, start = 0, time.perf_counter()
    while steps < 3 or time.perf_counter() - start < 5:
        step()
        steps += 1
    wall = time.perf_counter() - start
    for module in modules:
        module.np = np
    for module, name, function in compiled:
        setattr(module, name, function)
    characters = steps * shape[2] * shape[3]
    print(
        f"{cell} {tuple(shape)}, {threads} thread(s): {characters / wall:,.0f} characters a second"
    )
    shares = dict(sorted(watch.seconds.items(), key=lambda item: -item[1]))
    shares["the rest"] = threads * wall - sum(shares.values())
    for kind, seconds in shares.items():
        microseconds = seconds / characters * 1e6
        print(f"  {kind:30}{seconds / wall / threads:6.1%}{microseconds:9.2f} µs a character")


def main() -> None:
    cell, *sizes = sys.argv[1:]
    hidden_size, num_layers, seq_length, batch_size = map(int, sizes)
    profile(cell, [hidden_size, num_layers, seq_length, batch_size // THREADS], 1)
    profile(cell, [hidden_size, num_layers, seq_length, batch_size], THREADS)


if __name__ == "__main__":
    main()
