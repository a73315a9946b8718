"""Ranks beside threads: python benchmarks/ranks.py

For each shape (hidden size, layers, steps, streams for each part) the same training steps are taken by one process of N
threads and by N ranks of one thread, in turns, each a fresh job under the `mpirun` of this environment. Shown are characters
a second, their ratio (the median over turns), what part of a step a rank spends adding gradients up, waiting for others
included, the gradient's size, and the memory of a process. With --alone the ranks add nothing up: that is what they could do
if exchanging cost nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from measuring import HERE, commit, environment, processor, say, table

SHAPES = ((128, 1, 50, 25), (128, 2, 50, 25), (256, 2, 50, 32), (512, 2, 100, 32))
TURNS = 5
SECONDS = 4.0
VOCABULARY = 65
WORD = "".join(map(chr, range(97, 97 + VOCABULARY)))


def work(shape: tuple[int, int, int, int], threads: int, seconds: float) -> None:
    """Take steps as one rank of a job, or alone; the first prints figures as JSON."""
    import resource  # not on Windows

    import numpy as np

    from charrnn.cli.job import join
    from charrnn.config import ModelConfig, TrainingConfig
    from charrnn.text.corpus import Corpus
    from charrnn.training.trainer import Training

    world = join()
    adding = 0.0
    hidden_size, layers, length, streams = shape
    parts = threads * world.size
    size = streams * parts * length * 40
    ids = np.random.default_rng(0).integers(0, VOCABULARY, size)
    corpus = Corpus.from_text("".join(WORD[i] for i in ids.tolist()))
    model = ModelConfig(hidden_size=hidden_size, num_layers=layers, dropout=0.0, weight_drop=0.1)
    config = TrainingConfig(
        steps=10**6, eval_every=10**6, val_fraction=0.0, threads=parts, batch_size=streams * parts, seq_length=length
    )  # fmt: skip
    training = Training(corpus, model, config, world)
    if world.size > 1:
        intact = world.add_up

        def add_up(rows: Any) -> None:
            nonlocal adding
            began = time.perf_counter()
            intact(rows)
            adding += time.perf_counter() - began

        world.add_up = add_up
    clock, steps, characters = world.agreed(time.perf_counter), 0, 0
    began = last = None
    for report in training:
        now = clock()
        if began is None and report.step == 10:
            began, waited, adding = now, world.waited, 0.0
        elif began is not None:
            steps += 1
            characters += report.characters
            last = now
            if now - began > seconds:
                break
    unit = 1 if sys.platform == "darwin" else 1024
    peaks = world.gather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)
    added = world.gather(adding / steps)
    if world.is_first:
        step = (last - began) / steps
        print(
            json.dumps(
                {
                    "characters": characters / (last - began),
                    "step": step,
                    "adding": statistics.fmean(added) / step,
                    "least adding": min(added),
                    "waited": (world.waited - waited) / (last - began),
                    "bytes": training.model().parameters.flat.nbytes,
                    "peak": max(peaks),
                }
            )
        )


def take(shape: tuple[int, ...], ranks: int, threads: int, launch: list[str]) -> dict[str, float]:
    """One job."""
    launcher = [str(Path(sys.executable).with_name("mpirun")), *launch, "-n", str(ranks)]
    command = [sys.executable, str(HERE / "ranks.py"), "--work", *map(str, shape), str(threads)]
    told = subprocess.run(
        [*(launcher if ranks > 1 else []), *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment(),
    )
    return json.loads(told.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--work", nargs=5, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--launch", default="", help="further options of mpirun, in one word")
    given = parser.parse_args()
    if given.work:
        *shape, threads = given.work
        work(tuple(shape), threads, SECONDS)
        return
    rows = []
    for shape in SHAPES:
        turns = list[tuple[dict[str, float], dict[str, float]]]()
        for turn in range(TURNS):
            say(f"{shape}, turn {turn + 1} of {TURNS}")
            each = [(1, given.ranks), (given.ranks, 1)]
            found = [
                take(shape, *one, given.launch.split()) for one in each[:: 1 if turn % 2 else -1]
            ]
            threads, ranks = found if turn % 2 else found[::-1]
            turns.append((threads, ranks))
        middle = lambda values: statistics.median(list(values))  # noqa: E731
        rows.append(
            [
                f"{shape}",
                f"{middle(a['characters'] for a, _ in turns):,.0f}",
                f"{middle(b['characters'] for _, b in turns):,.0f}",
                f"{middle(b['characters'] / a['characters'] for a, b in turns):.3f}",
                f"{1e3 * middle(b['step'] for _, b in turns):.1f} ms",
                f"{100 * middle(b['adding'] for _, b in turns):.1f} %",
                f"{turns[0][0]['bytes'] / 1e6:.2f} MB",
                f"{middle(a['peak'] for a, _ in turns):.0f}",
                f"{middle(b['peak'] for _, b in turns):.0f}",
            ]
        )
    header = [
        "H, L, T, B of a part",
        f"1 × {given.ranks} threads, characters/s",
        f"{given.ranks} × 1 thread, characters/s",
        "ratio",
        "step",
        "adding up",
        "gradient",
        "MB of the process",
        "MB of a rank",
    ]
    print(f"charrnn {commit()}, {processor()}, {os.cpu_count()} processors\n")
    print(table(header, rows))


if __name__ == "__main__":
    main()
