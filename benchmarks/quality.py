"""What ``charrnn train --minutes`` makes of a text in a given time; writes QUALITY.md and quality.svg.

    make quality
    python benchmarks/quality.py CORPUS --budgets 1.37 --seeds 1    # a part, merged with the rest

Each run is a process of its own, as a user starts it. What it found is kept in quality.json, so that
a part can be measured anew; a run of the same budget and seed takes the place of the old one.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from measuring import HERE, Peak, Worker, commit, environment, say, table

from charrnn.config import ModelConfig

ROOT = HERE.parent
CHARRNN = str(Path(sys.executable).with_name("charrnn"))
BUDGETS = (82 / 60, 10.0, 30.0)
SEEDS = 3
NANOGPT = {"CPU recipe, 82 s on two Zen 5 cores": 1.8857, "GPU recipe, 3 min on an A100": 1.4697}
"""Validation losses of nanoGPT's character model of this text: an earlier run of its CPU recipe on
another machine, and what its README tells of its GPU recipe."""
NANOGPT_CPU = (
    "train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20 "
    "--log_interval=1 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 "
    "--max_iters=2000 --lr_decay_iters=2000 --dropout=0.0"
)
SAMPLE = ("--length", "400", "--temp", "0.8", "--seed", "1", "--quiet")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")

NAT = math.log(2)  # nats in a bit: the results are compared with others' in nats

Results = dict[str, Any]


def train(corpus: Path, minutes: float, seed: int, folder: Path) -> Results:
    """One run: what it took, what it chose, and what it learnt."""
    model = folder / "model.npz"
    model.unlink(missing_ok=True)
    # The tenth that others validate on, also where so much would be too long an evaluation.
    flags = ("--val-fraction", "0.1", "--sample-every", "0", "-o", str(model))
    started = time.perf_counter()
    done = _run("train", str(corpus), "--minutes", str(minutes), "--seed", str(seed), *flags)
    wall = time.perf_counter() - started
    told = json.loads(_run("inspect", str(model), "--json").stdout)
    repeat = re.search(r"^repeat: (.*)$", done.stderr, re.MULTILINE)
    return {
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
        "sample": _run("sample", str(model), *SAMPLE).stdout,
    }


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [CHARRNN, *arguments], capture_output=True, text=True, env=environment(), encoding="utf-8"
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done


def nanogpt(path: Path) -> Results:
    """nanoGPT's CPU recipe, in a clone that has PyTorch and its data prepared."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *NANOGPT_CPU.split()],
        cwd=path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"step (\d+): train loss [\d.]+, val loss ([\d.]+)", done.stdout)
    if done.returncode or not found:
        sys.exit(done.stderr)
    return {"validation_loss": float(found[-1][1]), "wall_seconds": time.perf_counter() - started}


def machine(peak: Peak) -> Results:
    with Worker("charrnn training", cell="lstm", shape=[8, 1, 2, 2]) as worker:
        versions = worker.describe()["versions"]
    blas = next((lib for lib in peak.libraries if lib["user_api"] == "blas"), {})
    return {
        "peak_flops": peak.best,
        "blas": f"{blas.get('internal_api')} {blas.get('version')}, kernel {blas.get('architecture')}",
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


def plot(results: Results, path: Path) -> None:
    """Validation loss against the time trained."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "charrnn"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    colours = {}
    for place, (minutes, runs) in enumerate(groups(results["runs"]).items()):
        colours[minutes] = COLOURS[place % len(COLOURS)]
        for run in runs:
            seconds, losses = zip(
                *((entry["seconds"], entry["validation_loss"]) for entry in run["history"]),
                strict=True,
            )
            label = f"charrnn, {spoken(minutes)}" if run is runs[0] else None
            axes.plot(seconds, losses, color=colours[minutes], linewidth=1, label=label)
    for (name, loss), style in zip(NANOGPT.items(), ("--", ":"), strict=True):
        axes.axhline(loss, color="black", linewidth=1, linestyle=style, label=f"nanoGPT, {name}")
    axes.set_xscale("log")
    axes.set_ylim(top=2.6)
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("validation loss, nats a character")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})


def spoken(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 5 else f"{minutes:g} min"


def report(results: Results) -> str:
    rows, samples = [], []
    for minutes, runs in groups(results["runs"]).items():
        losses = [run["validation_loss"] for run in runs]
        spread = f" ± {statistics.stdev(losses):.4f}" if len(losses) > 1 else ""
        walls = [run["wall_seconds"] for run in runs]
        model, training = runs[0]["config"]["model"], runs[0]["config"]["training"]
        epochs = statistics.fmean(run["history"][-1]["epoch"] for run in runs)
        worst = max(abs(wall / (60 * minutes) - 1) for wall in walls)
        rows.append(
            [
                spoken(minutes),
                f"**{statistics.fmean(losses):.4f}**{spread}",
                str(len(runs)),
                f"{statistics.fmean(walls):.1f} s (off by {worst:.1%} at most)",
                f"{model['cell']}, {model['num_layers']} × {model['hidden_size']}, "
                f"{ModelConfig(**model).dropped}, rate {training['learning_rate']:g}, "
                f"{training['batch_size']} × {training['seq_length']}",
                f"{runs[0]['parameters']:,}",
                f"{epochs:.1f}",
                f"{runs[0]['machine']['peak_flops'] / 1e9:.0f}",
                runs[0]["machine"]["charrnn"],
            ]
        )
        samples.append(
            f"### {spoken(minutes)}\n\n`{runs[0]['repeat']}`\n\n```text\n{runs[0]['sample'].strip()}\n```\n"
        )
    for name, loss in NANOGPT.items():
        rows.append([f"nanoGPT, {name}", f"{loss:.4f}", *[""] * 7])
    if measured := results.get("nanogpt"):
        wall = f"{measured['wall_seconds']:.1f} s"
        peak = f"{measured['machine']['peak_flops'] / 1e9:.0f}"
        loss = f"{measured['validation_loss']:.4f}"
        rows.append(["nanoGPT, CPU recipe, here", loss, "1", wall, *[""] * 3, peak, ""])
    header = [
        "budget",
        "validation loss, nats a character",
        "seeds",
        "wall time",
        "chosen (first seed)",
        "parameters",
        "epochs",
        "peak, GFLOP/s",
        "charrnn",
    ]
    last = max(results["runs"], key=lambda run: run["machine"]["date"])["machine"]
    return f"""# What is learnt in a given time

Written by `benchmarks/quality.py`: `charrnn train {results["corpus"]} --minutes …`, everything else left to charrnn.
The loss is that of the kept weights on the last tenth of the text, read once from left to right; the mean over
seeds, and its standard deviation. Wall time is that of the whole process. The peak is what large matrix
products reached on the machine just before: all else being equal, half of it is half of the budget.

- NumPy {last["numpy"]}, {last["blas"]}, {last["date"]}

{table(header, rows)}
![Validation loss against seconds of training](quality.svg)

## What it writes

From the first seed's model, `charrnn sample {" ".join(SAMPLE[:-1])}`.

{chr(10).join(samples)}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "corpus", type=Path, nargs="?", default=ROOT / "data" / "tinyshakespeare.txt"
    )
    parser.add_argument("--budgets", type=float, nargs="*", default=BUDGETS, help="in minutes")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="runs for each budget")
    parser.add_argument("--first-seed", type=int, default=0, help="go on from this one")
    parser.add_argument("--nanogpt", type=Path, help="a clone, to run its CPU recipe as well")
    parser.add_argument("--output", type=Path, default=HERE / "QUALITY.md")
    options = parser.parse_args()
    corpus, output = options.corpus.resolve(), options.output
    raw, picture = output.with_name("quality.json"), output.with_name("quality.svg")
    results = {"corpus": corpus.name, "runs": []}
    if raw.exists():
        results = json.loads(raw.read_text(encoding="utf-8"))
        if results["corpus"] != corpus.name:
            sys.exit(f"{raw} is about {results['corpus']}; choose another --output")

    def keep() -> None:
        raw.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if not results["runs"]:
            return
        output.write_text(report(results), encoding="utf-8")
        plot(results, picture)

    with tempfile.TemporaryDirectory() as folder:
        # Whatever is compiled once is compiled here.
        _run("train", str(corpus), "--steps", "2", "--quiet", "-o", str(Path(folder, "warm.npz")))
        for minutes in options.budgets:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                facts = machine(Peak())
                run = train(corpus, minutes, seed, Path(folder)) | {"machine": facts}
                say(f"{spoken(minutes)}, seed {seed}: {run['validation_loss']:.4f}")
                same = (minutes, seed)
                results["runs"] = [
                    old for old in results["runs"] if (old["minutes"], old["seed"]) != same
                ] + [run]
                keep()
        if options.nanogpt:
            facts = machine(Peak())
            results["nanogpt"] = nanogpt(options.nanogpt) | {"machine": facts}
            keep()
    print(output)


if __name__ == "__main__":
    main()
