"""Where the time of a training step goes: on one thread, and on as many as there are processors.

    python benchmarks/profile_step.py lstm 128 2 50 50

NumPy is replaced by a stand-in that times each call, in the modules of the numeric core. What it
does not see (in-place operators, Python itself, waiting for the interpreter's lock) is the rest.
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

import charrnn.models.language_model
import charrnn.nn.functions
import charrnn.nn.gru
import charrnn.nn.layer
import charrnn.nn.loss
import charrnn.nn.lstm
import charrnn.nn.rnn
import charrnn.optim

MODULES = (
    charrnn.models.language_model,
    charrnn.nn.functions,
    charrnn.nn.gru,
    charrnn.nn.layer,
    charrnn.nn.loss,
    charrnn.nn.lstm,
    charrnn.nn.rnn,
    charrnn.optim,
)
KINDS = {
    "matmul": "matrix products",
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

        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments, **options)
            taken = time.perf_counter() - start
            with self._lock:
                self.seconds[kind] += taken
            return result

        return timed


def profile(cell: str, shape: list[int], threads: int) -> None:
    """Print the shares of the threads' time."""
    step = charrnn_training(cell, shape, threads)
    step()
    watch = Stopwatch()
    for module in MODULES:
        if hasattr(module, "np"):
            module.np = watch
    steps, start = 0, time.perf_counter()
    while steps < 3 or time.perf_counter() - start < 5:
        step()
        steps += 1
    wall = time.perf_counter() - start
    for module in MODULES:
        if hasattr(module, "np"):
            module.np = np
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
