"""``--details``: a checkpoint as tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only
from charrnn.cli.views.card import in_words
from charrnn.config import ModelConfig, TextConfig
from charrnn.drawing.terminal.screen import Screen
from charrnn.words import duration, printable

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """A line of blocks, the lowest value the lowest block; long series are averaged in groups."""
    if not values:
        return ""
    if len(values) > width:
        edges = [index * len(values) // width for index in range(width + 1)]
        values = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(values), max(values)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in values)


def measure(subjects: list[Subject], _value: bool) -> dict[str, Any]:
    return only(subjects).summary()


def as_json(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return found


def draw(summary: Mapping[str, Any], screen: Screen) -> None:
    screen.put_whole(Text(printable(summary["checkpoint"]), style="bold"))
    screen.put(_arrays_table(summary), _facts_table("Corpus", _corpus_facts(summary)))
    training = {
        key.replace("_", "-"): value for key, value in summary["config"]["training"].items()
    }
    screen.put(_facts_table("Training", training))
    history = summary["history"]
    if not history:
        screen.put("No evaluation yet.")
        return
    screen.put(_facts_table("Result", _result_facts(summary)), _history_table(history))


def _arrays_table(summary: Mapping[str, Any]) -> Table:
    model = summary["config"]["model"]
    table = Table(
        title=f"Model: {model['cell']}, {model['num_layers']} × {model['hidden_size']}",
        title_justify="left",
        caption=f"{ModelConfig(**model).dropped}; "
        + (
            f"characters embedded in {model['embedding_size']} numbers"
            if model["embedding_size"]
            else "one-hot characters"
        ),
        caption_justify="left",
        show_footer=True,
    )
    table.add_column("array", "all")
    table.add_column("shape")
    table.add_column("parameters", f"{summary['parameters']:,}", justify="right")
    for name, shape in summary["arrays"].items():
        table.add_row(name, " × ".join(map(str, shape)), f"{prod(shape):,}")
    return table


def _facts_table(title: str, facts: Mapping[str, Any]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in facts.items():
        table.add_row(
            key, Text(f"{value:g}" if isinstance(value, float) else printable(str(value)))
        )
    return table


def _corpus_facts(summary: Mapping[str, Any]) -> dict[str, str]:
    corpus, config = summary["corpus"], TextConfig(**summary["config"]["text"])
    return {
        "sources": ", ".join(corpus["sources"]),
        f"{config.unit}s": f"{corpus['characters']:,}",
        "to train on": f"{corpus['train_characters']:,}",
        "SHA-256": corpus["sha256"],
        "read as": str(config),
        f"vocabulary ({summary['vocabulary_size']})": json.dumps(
            summary["vocabulary"], ensure_ascii=False
        )[1:-1],
    }


def _result_facts(summary: Mapping[str, Any]) -> dict[str, str]:
    history = summary["history"]
    facts = {}
    loss, config = summary["validation_loss"], TextConfig(**summary["config"]["text"])
    if loss is not None:
        facts["validation loss"] = f"{loss:.4f} nats/{config.symbol} of the kept weights"
        facts[f"bits per {config.unit}"] = f"{summary['validation_bits_per_char']:.3f}"
    facts["trained for"] = (
        f"{history[-1]['step']:,} steps, {history[-1]['epoch']:.2f} epochs, "
        f"{duration(history[-1]['seconds'])}"
    )
    for name, key in (("train", "train_loss"), ("validation", "validation_loss")):
        values = [entry[key] for entry in history if entry[key] is not None]
        if values:
            facts[f"{name} curve"] = f"{sparkline(values, 40)}  {values[0]:.3f} → {values[-1]:.3f}"
    facts["fit"] = in_words(summary)
    return facts


def _history_table(history: Sequence[Mapping[str, Any]], most: int = 12) -> Table:
    """Evenly chosen evaluations, the first and the last among them."""
    table = Table(title="History", title_justify="left")
    for column in ("step", "epoch", "train", "validation", "rate", "time"):
        table.add_column(column, justify="right")
    count = min(most, len(history))
    chosen = sorted({round(i * (len(history) - 1) / max(1, count - 1)) for i in range(count)})
    for entry in (history[index] for index in chosen):
        loss = entry["validation_loss"]
        table.add_row(
            f"{entry['step']:,}",
            f"{entry['epoch']:.2f}",
            f"{entry['train_loss']:.4f}",
            "" if loss is None else f"{loss:.4f}",
            f"{entry['rate']:.2g}",
            duration(entry["seconds"]),
        )
    return table
