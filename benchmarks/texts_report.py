"""TEXTS.md: what the automatic choice makes of texts of some kinds, and what a choice by hand makes of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from measuring import table
from running import Results, groups, spoken, threads_of
from texts import TEXTS

from charrnn.config import ModelConfig

FOLLOWING = (
    "steps",
    "epochs",
    "cooldown",
    "warmup",
    "eval_every",
    "val_fraction",
    "threads",
    "seed",
)
"""Settings that follow from a length and from others: they make no configuration another one."""


def mean(runs: Sequence[Results], name: str) -> str:
    """Of a figure of these runs, with the deviation between seeds; empty where one lacks it."""
    if not runs or not all(name in run for run in runs):
        return ""
    values = [run[name] for run in runs]
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def differences(run: Results, automatic: Results) -> str:
    """What is set in another way than charrnn would have set it."""

    def settings(run: Results) -> dict[str, Any]:
        both = run["config"]["model"] | run["config"]["training"]
        return {name: value for name, value in both.items() if name not in FOLLOWING}

    own, chosen = settings(run), settings(automatic)
    changed = [name for name in own if own[name] != chosen.get(name)]
    return ", ".join(f"{name.replace('_', ' ')} {own[name]}" for name in changed) or "nothing"


def comparable(runs: Sequence[Results]) -> dict[tuple[float, int], list[Results]]:
    """Runs by their budgets and numbers of threads, the fewest first."""
    found: dict[tuple[float, int], list[Results]] = {}
    for minutes, some in groups(runs).items():
        for run in sorted(some, key=threads_of):
            found.setdefault((minutes, threads_of(run)), []).append(run)
    return found


def by_options(runs: Sequence[Results]) -> dict[str, list[Results]]:
    """Runs by what was set by hand, of one budget and so many threads; the automatic choice is that of no options."""
    found: dict[str, list[Results]] = {"": []}
    for run in runs:
        found.setdefault(run["options"], []).append(run)
    return found


def best_by_hand(runs: Sequence[Results]) -> list[Results]:
    """Those of the best configuration by hand, chosen by the validation part; none where there is none."""
    by_hand = {options: some for options, some in by_options(runs).items() if options}
    return min(by_hand.values(), key=lambda some: _mean(some, "validation_bits"), default=[])


def share(runs: Sequence[Results]) -> float | None:
    """Of what the best configuration by hand reaches, in bits of the test: over 1 where the automatic choice is better.

    Both are means over the seeds that both have.
    """
    hand = {run["seed"]: run for run in best_by_hand(runs)}
    automatic = {run["seed"]: run for run in by_options(runs)[""]}
    seeds = sorted(hand.keys() & automatic.keys())
    if not seeds or not all("test_bits" in run for run in (*hand.values(), *automatic.values())):
        return None
    best, own = ([some[seed] for seed in seeds] for some in (hand, automatic))
    return _mean(best, "test_bits") / _mean(own, "test_bits")


def _mean(runs: Sequence[Results], name: str) -> float:
    return statistics.fmean(run[name] for run in runs)


def chosen(run: Results) -> str:
    model, training = run["config"]["model"], run["config"]["training"]
    normalized = ", normalised" * model["layer_norm"]
    return (
        f"{model['cell']} {model['num_layers']} × {model['hidden_size']}{normalized}, "
        f"{ModelConfig(**model).dropped}, rate {training['learning_rate']:g}"
    )


def report(texts: Sequence[Results]) -> str:
    """All texts and budgets."""
    rows, hand_rows, about = [], [], []
    for text in texts:
        what = TEXTS.get(text["corpus"])
        packages = ", ".join(what.packages) if what else ""
        kept = f"{text['bytes']:,}", "/".join(map(str, text["split"])), f"`{text['sha256'][:16]}`"
        about.append([text["corpus"], what.what if what else "", packages, *kept])
        for (minutes, threads), runs in comparable(text["runs"]).items():
            automatic = by_options(runs)[""]
            if not automatic:
                continue
            first, best, reached = automatic[0], best_by_hand(runs), share(runs)
            rows.append(
                [
                    text["corpus"],
                    spoken(minutes),
                    chosen(first),
                    f"{statistics.fmean(run['epochs'] for run in automatic):.1f}",
                    mean(automatic, "validation_bits"),
                    mean(automatic, "test_bits"),
                    mean(automatic, "adapted_bits"),
                    mean(best, "test_bits"),
                    f"{reached:.1%}" if reached else "",
                    str(len(automatic)),
                    str(threads),
                    f"{first['machine']['peak_flops'] / 1e9:.0f}",
                    first["machine"]["charrnn"],
                ]
            )
            for options, some in by_options(runs).items():
                if options:
                    hand_rows.append(
                        [
                            text["corpus"],
                            spoken(minutes),
                            differences(some[0], first),
                            f"{statistics.fmean(run['epochs'] for run in some):.1f}",
                            mean(some, "validation_bits"),
                            mean(some, "test_bits"),
                            str(len(some)),
                            str(threads),
                        ]
                    )
    header = ["text", "budget", "chosen (first seed)", "epochs", "validation", "test"]
    header += ["test, `--adapt`", "best by hand", "share", "seeds", "threads"]
    header += ["peak, GFLOP/s", "charrnn"]
    described = ["text", "what it is", "packages", "bytes", "split", "SHA-256"]
    tried = ["text", "budget", "other than chosen", "epochs", "validation", "test", "seeds"]
    tried += ["threads"]
    return f"""# What is learnt of texts of some kinds

Written by `benchmarks/quality.py TEXT --split A/B/C --test`: `charrnn train … --val-file … --val-fraction 0 --minutes …` learns one part of a text, everything else left
to charrnn; the weights that its validation keeps score a third part, once. Bits for each character, of what is read as bytes for each byte, the mean over seeds
and its standard deviation. *Share* is the test's bits of the best configuration by hand, of those that were tried and by the validation, divided by those
of the automatic choice: below 100 % by hand it would be better. Peak is what large matrix products reached on the whole machine just before; rows
of as many threads on one machine are comparable with each other, and with nothing else.

{table(header, rows)}
## What was tried by hand

For as long, or for as many steps as are as much arithmetic.

{table(tried, hand_rows)}
## The texts

Put together by `benchmarks/texts.py` from packages of Debian; of running text the parts lie one after the other, of records each has lines of all places.

{table(described, about)}"""
