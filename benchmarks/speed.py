"""Speed and memory of charrnn beside PyTorch, in one run; writes RESULTS.md and growth.svg.

    make bench

Contestants live in processes of their own and take turns, so that a machine whose speed drifts
drifts for both. Each figure is a median, each ratio the median of the ratios of the turns.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from contestants import THREADS, VOCABULARY

HERE = Path(__file__).parent
TURNS = 3
SECONDS = 1.0
TRAINING_SHAPES = (
    (128, 1, 50, 50),
    (128, 2, 50, 50),
    (256, 2, 50, 64),
    (512, 1, 100, 64),
    (512, 2, 100, 64),
    (512, 3, 100, 100),
)
SAMPLING_SHAPES = ((128, 1), (128, 2), (256, 2), (512, 2))
MANY = 64
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
GOALS = {"lstm": 1.25, "gru": 2.0, "rnn": 2.0}


def environment() -> dict[str, str]:
    """This process's environment without what would choose another BLAS kernel than a user's."""
    unwanted = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    return {name: value for name, value in os.environ.items() if name not in unwanted}


class Worker:
    """A process with one contestant; use it as a context manager."""

    def __init__(self, contestant: str, **arguments: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._ask({"make": contestant, "arguments": arguments})

    def __enter__(self) -> Worker:  # noqa: PYI034 (typing.Self is younger than Python 3.10)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, command: dict[str, Any]) -> Any:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def seconds(self, seconds: float = SECONDS) -> float:
        """Median time of a call, over about so many seconds."""
        return statistics.median(self._ask({"seconds": seconds}))

    def describe(self) -> dict[str, Any]:
        return self._ask({"describe": True})


class Peak:
    """The best rate that large products reached in this run, in FLOP/s."""

    size = 2048

    def __init__(self) -> None:
        self.best = 0.0
        with Worker("matrix product", size=self.size) as worker:
            self.libraries = worker.describe()["libraries"]
        self.measure()

    def measure(self) -> None:
        with Worker("matrix product", size=self.size) as worker:
            self.best = max(self.best, 2 * self.size**3 / worker.seconds(1.0))


def turns(ours: Worker, theirs: Worker) -> tuple[float, float, float]:
    """Median times of both, and the median of their ratios theirs / ours, in turns."""
    pairs = [(ours.seconds(), theirs.seconds()) for _ in range(TURNS)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b / a for a, b in pairs),
    )


def flops(cell: str, hidden_size: int, num_layers: int) -> int:
    """Arithmetic of a training step for each character: two for each multiply-add, three products
    for each weight (forward, and two backward). The first layer's input is looked up, not multiplied.
    """
    weights = (2 * num_layers - 1) * GATES[cell] * hidden_size**2 + VOCABULARY * hidden_size
    return 6 * weights


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, ratios)))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def training(peak: Peak) -> str:
    parts = []
    measured = []
    for cell in GATES:
        for shape in TRAINING_SHAPES:
            arguments = {"cell": cell, "shape": list(shape)}
            with (
                Worker("charrnn training", **arguments) as ours,
                Worker("torch training", **arguments) as theirs,
            ):
                measured.append((cell, shape, *turns(ours, theirs)))
            peak.measure()
            say(f"{cell} {shape}: ratio {measured[-1][-1]:.2f}")
    for cell in GATES:
        rows, ratios = [], []
        for _, (H, L, T, B), a, b, ratio in (m for m in measured if m[0] == cell):
            work = flops(cell, H, L) * T * B
            ratios.append(ratio)
            rows.append(
                [
                    f"{H}, {L}, {T}, {B}",
                    f"{T * B / a:,.0f}",
                    f"{T * B / b:,.0f}",
                    f"**{ratio:.2f}**",
                    f"{work / a / peak.best:.0%}",
                    f"{work / b / peak.best:.0%}",
                    f"{peak.best * b / work:.2f}",
                ]
            )
        header = [
            "H, L, T, B",
            "charrnn, chars/s",
            "PyTorch, chars/s",
            "ratio",
            "charrnn's share of peak",
            "PyTorch's share",
            "largest ratio possible",
        ]
        parts.append(
            f"### {cell.upper()}\n\n{table(header, rows)}\nGeometric mean of the ratios: "
            f"**{geometric_mean(ratios):.2f}**, smallest {min(ratios):.2f} (goal: {GOALS[cell]})\n"
        )
    return "\n".join(parts)


def sampling() -> str:
    rows = []
    runs = [(cell, shape, 1) for cell in GATES for shape in SAMPLING_SHAPES]
    runs += [("lstm", shape, MANY) for shape in SAMPLING_SHAPES]
    for cell, (H, L), texts in runs:
        arguments = {"cell": cell, "shape": [H, L, texts]}
        with (
            Worker("charrnn sampling", **arguments) as ours,
            Worker("torch sampling", **arguments) as theirs,
        ):
            a, b, ratio = turns(ours, theirs)
        speeds = f"{texts / a:,.0f}", f"{texts / b:,.0f}"
        rows.append([cell.upper(), f"{H}, {L}", str(texts), *speeds, f"**{ratio:.1f}**"])
        say(f"sampling {cell} {H}, {L}, {texts}: ratio {ratio:.1f}")
    return table(["cell", "H, L", "texts", "charrnn, chars/s", "PyTorch, chars/s", "ratio"], rows)


def start_up() -> str:
    program = Path(sys.executable).with_name("charrnn")
    model = HERE.parent / "checkpoints" / "demo.npz"
    commands = {
        "charrnn --help": [program, "--help"],
        "charrnn sample --length 200": [program, "sample", model, "--length", "200", "--quiet"],
        "import torch": [sys.executable, "-c", "import torch"],
        "import numpy": [sys.executable, "-c", "import numpy"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(TURNS + 2):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
            if turn:  # the first one reads from the disk
                times[name].append(time.perf_counter() - started)
    reference = times["import torch"]
    return table(
        ["whole process", "seconds", "of `import torch`"],
        [
            [
                f"`{name}`",
                f"{statistics.median(own):.2f}",
                f"{statistics.median(a / b for a, b in zip(own, reference, strict=True)):.2f}",
            ]
            for name, own in times.items()
        ],
    )


def memory() -> str:
    arguments = {"cell": "lstm", "shape": [512, 2, 100, 64]}
    peaks = {}
    for name in ("charrnn training", "torch training"):
        with Worker(name, **arguments) as worker:
            worker.seconds()
            peaks[name] = worker.describe()["peak_bytes"] / 1e6
    ours, theirs = peaks.values()
    return table(
        ["training an LSTM, (512, 2, 100, 64)", "peak MB", "ratio"],
        [
            ["charrnn", f"{ours:,.0f}", f"**{ours / theirs:.2f}**"],
            ["PyTorch", f"{theirs:,.0f}", "1"],
        ],
    )


def growth() -> None:
    """How speed and memory depend on each size, from an LSTM (128, 2, 50, 64) on; as a plot."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "charrnn"
    from matplotlib import pyplot

    base = {"H": 128, "L": 2, "T": 50, "B": 64, "threads": THREADS}
    sweeps = {
        "H": (32, 64, 128, 256, 512),
        "T": (12, 25, 50, 100, 200),
        "B": (8, 16, 32, 64, 128),
        "threads": tuple(range(1, THREADS + 1)),
    }
    figure, axes = pyplot.subplots(
        2, len(sweeps), figsize=(12, 5.5), sharey="row", layout="constrained"
    )
    for column, (name, values) in enumerate(sweeps.items()):
        speeds, peaks = [], []
        for value in values:
            sizes = {**base, name: value}
            shape = [sizes[key] for key in "HLTB"]
            with Worker(
                "charrnn training", cell="lstm", shape=shape, threads=sizes["threads"]
            ) as worker:
                speeds.append(sizes["T"] * sizes["B"] / worker.seconds())
                peaks.append(worker.describe()["peak_bytes"] / 1e6)
        for row, (figures, label) in enumerate(
            ((speeds, "characters a second"), (peaks, "peak memory, MB"))
        ):
            panel = axes[row][column]
            panel.plot(values, figures, marker="o", color="#0072b2")
            panel.set_xscale("log", base=2)
            panel.set_xticks(values, [str(value) for value in values])
            panel.grid(alpha=0.3)
            if row == 0:
                panel.set_yscale("log")
                panel.set_title(name)
            if column == 0:
                panel.set_ylabel(label)
    figure.suptitle("LSTM, from (H, L, T, B) = (128, 2, 50, 64): one size at a time")
    figure.savefig(HERE / "growth.svg", metadata={"Date": None})


def machine(peak: Peak) -> str:
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        names = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    with Worker("torch training", cell="lstm", shape=[8, 1, 2, 2]) as worker:
        torch = worker.describe()["versions"]["torch"]
    with Worker("charrnn training", cell="lstm", shape=[8, 1, 2, 2]) as worker:
        versions = worker.describe()["versions"]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True
    ).stdout.strip()
    blas = next((lib for lib in peak.libraries if lib["user_api"] == "blas"), {})
    facts = {
        "machine": f"{model}, {THREADS} processors, {platform.system()}",
        "BLAS": f"{blas.get('internal_api')} {blas.get('version')}, kernel {blas.get('architecture')}",
        "versions": f"charrnn {versions['charrnn']} ({commit}), NumPy {versions['numpy']}, "
        f"PyTorch {torch}, Python {platform.python_version()}",
        "matrix product": f"{peak.best / 1e9:.0f} GFLOP/s (float32, {peak.size} × {peak.size}, {THREADS} threads, the best of the run)",
        "date": date.today().isoformat(),
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    output = parser.parse_args().output
    peak = Peak()
    trained = training(peak)
    written = sampling()
    started, used = start_up(), memory()
    growth()
    output.write_text(
        f"""# Speed and memory beside PyTorch

Written by `make bench`; medians of {TURNS} turns each, the contestants in turn, every ratio larger than 1
in charrnn's favour. `{Path(__file__).name}` and `contestants.py` say what exactly is timed.

{machine(peak)}

## Training step

Forward, loss, backward, clipping and Adam; a vocabulary of {VOCABULARY}. The share of peak is the arithmetic of
the step over what large matrix products reach; the largest ratio possible is that of a program that
does nothing but those products, at that rate.

{trained}
## Sampling

{written}
## Start-up

{started}
## Memory

{used}
## How cost grows

![Speed and memory against hidden size, chunk length, batch and threads](growth.svg)
""",
        encoding="utf-8",
    )
    print(output)


if __name__ == "__main__":
    main()
