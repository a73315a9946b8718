"""What one machine puts into the model of several (`machines.py`): a table on standard output.

    python benchmarks/node_speed.py     # on a quiet machine, some two minutes

Steps of one thread and of all processors with the same batch, and with few streams for each thread; how much the time of a step
jitters; and the bytes a second of an optimiser's passes.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import math
import statistics
import time
from collections.abc import Callable

import numpy as np
from contestants import THREADS, VOCABULARY, charrnn_training
from machines import SHARD_PASSES, UPDATE_PASSES
from measuring import table

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.training.cost import Cost
from charrnn.training.optimizer import Optimizer, compiled_blocks, fresh_slots

SHAPES = (
    (128, 1, 50, 64),
    (256, 2, 50, 64),
    (512, 2, 50, 64),
)  # hidden, layers, characters, streams
NARROW = (512, 2, 50)
STREAMS = (2, 4, 8, 16, 32, 64)  # of one thread
SECONDS = 3.0
VECTOR = 1 << 24  # numbers: no cache holds them


def times(
    call: Callable[[], object],
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Seconds of each call by a clock, for about so long."""
    call()
    taken, end = list[float](), time.perf_counter() + seconds
    while len(taken) < 3 or time.perf_counter() < end:
        start = clock()
        call()
        taken.append(clock() - start)
    return taken


def operations(hidden_size: int, num_layers: int) -> float:
    """For each character."""
    model = ModelConfig(hidden_size=hidden_size, num_layers=num_layers)
    return Cost.of(model, VOCABULARY).operations


def scaling() -> str:
    """The same batch on one thread and on all processors; the spread of the log of a step's time."""
    rows = []
    for shape in SHAPES:
        characters, work = shape[2] * shape[3], operations(*shape[:2])
        row, speeds = [", ".join(map(str, shape))], []
        for threads in (1, THREADS):
            taken = times(charrnn_training("lstm", list(shape), threads))
            speeds.append(characters / statistics.median(taken))
            spread = statistics.stdev(map(math.log, taken))
            row.append(f"{speeds[-1]:,.0f} ({speeds[-1] * work / 1e9:.0f}; {spread:.2f})")
        rows.append([*row, f"{speeds[1] / speeds[0]:.2f}"])
    told = "characters a second (GFLOP/s; spread)"
    return table(("H, L, T, B", f"1 thread: {told}", f"{THREADS} threads", "ratio"), rows)


def narrow() -> str:
    """What few streams make of one thread, by its processor's time, which others that want the processor hardly change."""
    speeds, rows = dict[int, float](), []
    for streams in STREAMS:
        call = charrnn_training("lstm", [*NARROW, streams], 1)
        taken = times(call, SECONDS, time.process_time)
        speeds[streams] = streams * NARROW[2] / statistics.median(taken)
    for streams, speed in speeds.items():
        flops = f"{speed * operations(*NARROW[:2]) / 1e9:.0f}"
        rows.append([f"{streams}", f"{speed:,.0f}", flops, f"{speed / max(speeds.values()):.0%}"])
    return table(("streams", "characters a second", "GFLOP/s", "of the most"), rows)


def passes() -> str:
    """Gigabytes a second of adding up threads' gradients and of the optimiser, on all processors."""
    config, shards = TrainingConfig(), Shards(THREADS)
    params = Parameters({"W": (VECTOR >> 10, 1 << 10)})
    slots = fresh_slots(config, params.flat)
    optimizer = Optimizer(config, slots, blocks=compiled_blocks(config))
    parts = np.full((THREADS, VECTOR), 1e-3, np.float32)
    gradient = Parameters(params.shapes, parts[0])

    def update() -> None:
        def clear(index: int, _columns: slice, _workspace: object) -> None:
            parts[index].fill(0)

        shards.map(clear, THREADS)
        norm = optimizer.gather(parts, shards)
        optimizer.step(params, gradient, 1e-3, shards, norm)

    def add() -> None:
        np.add(params.flat, parts[0], out=params.flat)

    # All but the adding to of a backward pass, which belongs to its products.
    size = params.flat.nbytes * (UPDATE_PASSES + (SHARD_PASSES - 1) * THREADS)
    rows = [
        ["update", f"{size / statistics.median(times(update)) / 1e9:.1f}"],
        [
            "adding, one thread",
            f"{3 * params.flat.nbytes / statistics.median(times(add)) / 1e9:.1f}",
        ],
    ]
    return table((f"{THREADS} processors", "GB/s"), rows)


def main() -> None:
    for part in (scaling, narrow, passes):
        print(part(), flush=True)


if __name__ == "__main__":
    main()
