"""Speed and memory of charrnn beside PyTorch, in one run; writes RESULTS.md and growth.svg.

    make bench

Contestants live in processes of their own and take turns, so that a machine whose speed drifts
drifts for both. Each figure is a median, each ratio the median of the ratios of the turns.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from contestants import SCORED, THREADS, VOCABULARY, WRITTEN
from measuring import (
    HERE,
    SECONDS,
    TURNS,
    Peak,
    Worker,
    commit,
    environment,
    geometric_mean,
    has_avx512,
    processor,
    say,
    table,
    turns,
)

TRAINING_SHAPES = (
    (128, 1, 50, 50),
    (128, 2, 50, 50),
    (256, 2, 50, 64),
    (512, 1, 100, 64),
    (512, 2, 100, 64),
    (512, 3, 100, 100),
)
SAMPLING_SHAPES = ((128, 1), (128, 2), (256, 2), (512, 2))
PROFILED = (
    ("lstm", (128, 2, 50, 50)),
    ("lstm", (512, 2, 100, 64)),
    ("gru", (512, 2, 100, 64)),
    ("rnn", (128, 2, 50, 50)),
    ("rnn", (512, 2, 100, 64)),
)
MANY = 64
SCORING_SHAPES = ((128, 1, 50, 50), (128, 2, 50, 50), (512, 2, 100, 64))
LINE = 64  # characters
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
GOALS = {"lstm": 1.5, "gru": 2.0, "rnn": 2.0}
OTHERWISE = ((128, 2, 50, 50), (512, 2, 100, 64))  # also compared with other ways to run PyTorch


def flops(cell: str, hidden_size: int, num_layers: int) -> int:
    """Arithmetic of a training step for each character: two for each multiply-add, three products
    for each weight (forward, and two backward). The first layer's input is looked up, not multiplied.
    """
    weights = (2 * num_layers - 1) * GATES[cell] * hidden_size**2 + VOCABULARY * hidden_size
    return 6 * weights


def training(peak: Peak) -> str:
    measured: dict[str, list[Any]] = {}
    for cell in GATES:
        measured[cell] = []
        for shape in TRAINING_SHAPES:
            arguments = {"cell": cell, "shape": list(shape)}
            with (
                Worker("charrnn training", **arguments) as compiled,
                Worker("charrnn training", kernels="numpy", **arguments) as plain,
                Worker("torch training", **arguments) as theirs,
            ):
                measured[cell].append(turns(compiled, plain, theirs))
            say(f"{cell} {shape}: " + ", ".join(f"{ratio:.2f}" for _, ratio in measured[cell][-1]))
        peak.measure()
    return "\n".join(_training_table(cell, figures, peak) for cell, figures in measured.items())


def _training_table(cell: str, figures: Sequence[Any], peak: Peak) -> str:
    rows = []
    for (H, L, T, B), results in zip(TRAINING_SHAPES, figures, strict=True):
        work = flops(cell, H, L) * T * B
        speeds = [f"{T * B / seconds:,.0f}" for seconds, _ in results]
        ratios = [f"**{ratio:.2f}**" for _, ratio in results[:2]]
        shares = [f"{work / seconds / peak.best:.0%}" for seconds, _ in results]
        bound = f"{peak.best * results[2][0] / work:.2f}"
        rows.append([f"{H}, {L}, {T}, {B}", *speeds, *ratios, *shares, bound])
    header = [
        "H, L, T, B",
        *(f"{name}, chars/s" for name in ("charrnn + Numba", "charrnn", "PyTorch")),
        "ratio of charrnn + Numba",
        "of charrnn",
        *(f"share of peak, {name}" for name in ("charrnn + Numba", "charrnn", "PyTorch")),
        "largest ratio possible",
    ]
    means = [
        f"{name} **{geometric_mean(ratios):.2f}** (smallest {min(ratios):.2f})"
        for name, ratios in zip(
            ("charrnn + Numba", "charrnn"),
            ([results[place][1] for results in figures] for place in (0, 1)),
            strict=True,
        )
    ]
    return f"### {cell.upper()}\n\n{table(header, rows)}\nGeometric means: {', '.join(means)}. Goal: {GOALS[cell]}.\n"


def held_to_avx2() -> str:
    """The same on a processor with narrower vectors, as most laptops have: this one, held to AVX2."""
    if not has_avx512():
        return "This processor has no wider vectors: see above.\n"
    rows = []
    for cell in GATES:
        ratios = []
        for shape in TRAINING_SHAPES:
            arguments: dict[str, Any] = {"cell": cell, "shape": list(shape), "avx2": True}
            with (
                Worker("charrnn training", **arguments) as ours,
                Worker("torch training", **arguments) as theirs,
            ):
                ratios.append(turns(ours, theirs)[0][1])
            say(f"{cell} {shape}, AVX2: {ratios[-1]:.2f}")
        figures = [*ratios, geometric_mean(ratios), min(ratios)]
        rows.append([cell.upper(), *(f"{ratio:.2f}" for ratio in figures)])
    shapes = (", ".join(map(str, shape)) for shape in TRAINING_SHAPES)
    return table(["charrnn + Numba / PyTorch", *shapes, "mean", "smallest"], rows)


def otherwise() -> str:
    """PyTorch as other people run it: on one thread, as on a busy laptop, and through its compiler."""
    rows = []
    for shape in OTHERWISE:
        for name, ours, theirs in (
            ("on one thread, both", {"threads": 1}, {"threads": 1}),
            ("`torch.compile`", {}, {"compiled": True}),
        ):
            arguments: dict[str, Any] = {"cell": "lstm", "shape": list(shape)}
            try:
                with Worker("torch training", **arguments, **theirs) as b:
                    b.seconds()
            except json.JSONDecodeError:  # it has ended: there is no compiler, say
                rows.append([", ".join(map(str, shape)), name, "", "", "does not work here"])
                continue
            with (
                Worker("charrnn training", **arguments, **ours) as a,
                Worker("torch training", **arguments, **theirs) as b,
            ):
                (seconds, ratio), (other, _) = turns(a, b)
            speeds = (f"{shape[2] * shape[3] / s:,.0f}" for s in (seconds, other))
            rows.append([", ".join(map(str, shape)), name, *speeds, f"**{ratio:.2f}**"])
            say(f"{shape} {name}: {ratio:.2f}")
    return table(["H, L, T, B", "PyTorch", "charrnn + Numba", "PyTorch, chars/s", "ratio"], rows)


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
            (a, ratio), (b, _) = turns(ours, theirs, seconds=SECONDS / 2)
        speeds = (f"{WRITTEN * texts / seconds:,.0f}" for seconds in (a, b))
        rows.append([cell.upper(), f"{H}, {L}", str(texts), *speeds, f"**{ratio:.1f}**"])
        say(f"sampling {cell} {H}, {L}, {texts}: ratio {ratio:.1f}")
    return table(["cell", "H, L", "texts", "charrnn, chars/s", "PyTorch, chars/s", "ratio"], rows)


def scoring() -> str:
    """A file's and lines' score beside training at equal size, characters a second of each."""
    rows = []
    for shape in SCORING_SHAPES:
        H, L, T, B = shape
        with (
            Worker("charrnn scoring", cell="lstm", shape=[H, L]) as text,
            Worker("charrnn scoring", cell="lstm", shape=[H, L], line=LINE) as lines,
            Worker("charrnn training", cell="lstm", shape=list(shape)) as trained,
        ):
            rounds = [[w.seconds() for w in (text, lines, trained)] for _ in range(TURNS)]
        speeds = [[SCORED / a, SCORED / b, T * B / c] for a, b, c in rounds]
        ratios = [statistics.median(own[n] / own[2] for own in speeds) for n in (0, 1)]
        cells = (f"{statistics.median(own):,.0f}" for own in zip(*speeds, strict=True))
        rows.append([", ".join(map(str, shape)), *cells, *(f"**{ratio:.2f}**" for ratio in ratios)])
        say(f"scoring {shape}: {ratios[0]:.2f}, {ratios[1]:.2f}")
    header = [
        "H, L, T, B",
        "a file",
        f"lines of {LINE}",
        "training",
        "file / training",
        "lines / training",
    ]
    return table(header, rows)


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
    for turn in range(TURNS + 3):
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
    contestants = {
        "charrnn + Numba": ("charrnn training", "compiled"),
        "charrnn": ("charrnn training", "numpy"),
        "PyTorch": ("torch training", "numpy"),
    }
    peaks = {}
    for name, (contestant, kernels) in contestants.items():
        with Worker(contestant, kernels, **arguments) as worker:
            worker.seconds()
            peaks[name] = worker.describe()["peak_bytes"] / 1e6
    return table(
        ["training an LSTM, (512, 2, 100, 64)", "peak MB", "ratio"],
        [
            [name, f"{peak:,.0f}", f"**{peak / peaks['PyTorch']:.2f}**"]
            for name, peak in peaks.items()
        ],
    )


def profiles() -> str:
    """Where the time of a training step goes, by profile_step.py."""
    told = []
    for cell, shape in PROFILED:
        command = [sys.executable, str(HERE / "profile_step.py"), cell, *map(str, shape)]
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
        told.append(run.stdout)
        say(f"profile of {cell} {shape}")
    return "\n".join(told)


def growth(peak: Peak) -> str:
    """How speed and memory depend on each size, from an LSTM (128, 2, 50, 64) on, as a plot; how good that is."""
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
            if sizes == base:
                reached = speeds[-1]
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
    share = flops("lstm", base["H"], base["L"]) * reached / peak.best
    return f"Where the curves meet, {reached:,.0f} characters a second, {share:.0%} of the peak."


def machine(peak: Peak) -> str:
    with Worker("torch training", cell="lstm", shape=[8, 1, 2, 2]) as worker:
        torch = worker.describe()["versions"]["torch"]
    with Worker("charrnn training", cell="lstm", shape=[8, 1, 2, 2]) as worker:
        versions = worker.describe()["versions"]
    facts = {
        "machine": f"{processor()}, {THREADS} processors, {platform.system()}",
        "BLAS": peak.blas,
        "versions": f"charrnn {versions['charrnn']} ({commit()}), NumPy {versions['numpy']}, "
        f"PyTorch {torch}, Python {platform.python_version()}",
        "peak": f"{peak.product / 1e9:.0f} GFLOP/s for products of {peak.size} × {peak.size} by the BLAS, "
        f"{peak.registers / 1e9:.0f} for multiply-adds in registers (float32, {THREADS} threads, the best of the run)",
        "date": date.today().isoformat(),
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    output = parser.parse_args().output
    peak = Peak()
    trained, narrow, others = training(peak), held_to_avx2(), otherwise()
    written, scored = sampling(), scoring()
    started, used = start_up(), memory()
    profiled = profiles()
    grown = growth(peak)
    output.write_text(
        f"""# Speed and memory beside PyTorch

Written by `make bench`; medians of {TURNS} turns each, the contestants in turn, every ratio larger than 1
in charrnn's favour. `{Path(__file__).name}` and `contestants.py` say what exactly is timed.

{machine(peak)}

## Training step

`charrnn + Numba` is charrnn with its optional extra `fast`, `charrnn` is NumPy alone. Forward, loss,
backward, clipping and Adam; a vocabulary of {VOCABULARY}. The share of peak is the arithmetic of
the step over the machine's peak, the larger of the two above; the largest ratio possible is that of a program that
does nothing but those products, at that rate.

{trained}
### Held to AVX2

{narrow}
### PyTorch otherwise, an LSTM

{others}
## Where a step's time goes

By `profile_step.py`, with Numba: shares of the threads' time, first half the batch on one thread, then the
batch on {THREADS}. On one thread nothing waits; what the same products take longer on {THREADS} is the price of shared caches and
memory, and what the rest grows by is waiting, for the interpreter's lock and for each other.

```text
{profiled}```

## Sampling

{written}
## Scoring

An LSTM, characters a second.

{scored}
## Start-up

{started}
## Memory

{used}
## How cost grows

![Speed and memory against hidden size, chunk length, batch and threads](growth.svg)

{grown}
""",
        encoding="utf-8",
    )
    print(output)


if __name__ == "__main__":
    main()
