"""``charrnn train``, each time as a user starts it: what it took, what it chose, and what it learnt."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from measuring import Peak, Worker, commit, environment

CHARRNN = str(Path(sys.executable).with_name("charrnn"))
NAT = math.log(2)  # nats in a bit

Results = dict[str, Any]


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [CHARRNN, *arguments], capture_output=True, text=True, env=environment(), encoding="utf-8"
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done


def train(
    corpus: Path, minutes: float, seed: int, folder: Path, *options: str
) -> tuple[Path, Results]:
    """One run: its model, and what is known of it.

    Args:
        folder: Of the model, which takes the place of the one before.
        options: Further ones; where they tell a length in steps or epochs, it is not the clock's.
    """
    model = folder / "model.npz"
    model.unlink(missing_ok=True)
    timed = () if {"--steps", "--epochs"} & {*options} else ("--minutes", str(minutes))
    flags = ("--seed", str(seed), *options, "--sample-every", "0", "-o", str(model))
    started = time.perf_counter()
    done = call("train", str(corpus), *timed, *flags)
    wall = time.perf_counter() - started
    told = json.loads(call("inspect", str(model), "--json").stdout)
    repeat = re.search(r"^repeat: (.*)$", done.stderr, re.MULTILINE)
    return model, {
        "minutes": minutes,
        "seed": seed,
        "wall_seconds": wall,
        "validation_loss": NAT * told["validation_bits_per_char"],
        "parameters": told["parameters"],
        "config": told["config"],
        "history": [
            {
                "epoch": entry["epoch"],
                "seconds": entry["seconds"],
                "validation_loss": NAT * entry["validation_bits_per_char"],
            }
            for entry in told["history"]
        ],
        "repeat": repeat[1].replace(str(corpus), corpus.name) if repeat else "",
    }


def warm_up(corpus: Path, folder: Path, *options: str) -> None:
    """What is compiled once is compiled here."""
    flags = "--steps", "2", "--quiet", "-o", str(folder / "warm.npz")
    call("train", str(corpus), *flags, *options)


def score(model: Path, text: Path, *options: str) -> float:
    """Bits for each character; one that the model has not seen is read as one that is like it."""
    told = call("score", str(model), str(text), "--unknown", "replace", "--json", *options).stdout
    return float(json.loads(told)["bits_per_char"])


def machine(peak: Peak) -> Results:
    with Worker("charrnn training", cell="lstm", shape=[8, 1, 2, 2]) as worker:
        versions = worker.describe()["versions"]
    return {
        "peak_flops": peak.best,
        "blas": peak.blas,
        "charrnn": f"{versions['charrnn']} ({commit()})",
        "numpy": versions["numpy"],
        "date": date.today().isoformat(),
    }


def groups(runs: Iterable[Results]) -> dict[float, list[Results]]:
    """Runs by their budgets, the shortest first."""
    grouped: dict[float, list[Results]] = {}
    for run in sorted(runs, key=lambda run: (run["minutes"], run["seed"])):
        grouped.setdefault(run["minutes"], []).append(run)
    return grouped


def spoken(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 5 else f"{minutes:g} min"


def threads_of(run: Results) -> int:
    """How many a run had, also where that was left to charrnn: all that there were."""
    return int(run["config"]["training"]["threads"])


def replaced(runs: list[Results], run: Results, same: Callable[[Results], Any]) -> list[Results]:
    """Runs with a further one, which takes the place of the one of which that is the same."""
    return [old for old in runs if same(old) != same(run)] + [run]
