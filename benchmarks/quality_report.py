"""QUALITY.md and quality.svg: what one text's validation loss is after some budgets."""

from __future__ import annotations

import statistics
from pathlib import Path

from measuring import table
from running import Results, groups, spoken

from charrnn.config import ModelConfig

NANOGPT = {"CPU recipe, 82 s on two Zen 5 cores": 1.8857, "GPU recipe, 3 min on an A100": 1.4697}
"""Validation losses of nanoGPT's character model of this text: an earlier run of its CPU recipe on
another machine, and what its README tells of its GPU recipe."""
SAMPLE = ("--length", "400", "--temp", "0.8", "--seed", "1", "--quiet")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


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
