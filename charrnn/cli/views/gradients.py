"""``--gradients``: how far back a loss reaches, beside models that have learnt nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table

from charrnn.cli.views import Subject, plain
from charrnn.cli.views.source import known_text, text_to_read
from charrnn.drawing.terminal.chart import Curve, chart
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection.gradients import FORGOTTEN, GradientFlow, fresh_flows, gradient_flow
from charrnn.words import printable

MOST = 5000  # characters that are read
LOWEST, HIGHEST = 1e-8, 1e8  # shares of the gradient at k = 0 that are drawn
SHOWN = (1, 10, 50, 100)  # steps back that the table tells


@dataclass(frozen=True)
class Found:
    """Of each curve its name and measurement; the trained models come first.

    Attributes:
        trained: How many they are.
        size: Layers and units, in words.
        source: What was read, in words.
        seq_length: Steps that gradients went back in training.
    """

    flows: dict[str, GradientFlow]
    trained: int
    size: str
    source: str
    seq_length: int


def measure(
    subjects: list[Subject], _value: bool, *, on: str | None = None, unknown: str | None = None
) -> Found:
    text, source = text_to_read(subjects[0], on, unknown, MOST)
    flows: dict[str, GradientFlow] = {}
    for subject in subjects:
        model, stem = subject.checkpoint.model, subject.path.stem
        read = known_text(model.vocabulary, text, source, unknown or "error")
        cell = model.config.cell
        name = _free(stem if stem == cell else f"{stem}, {cell}", flows)
        flows[name] = gradient_flow(model, read)
    if len(subjects) == 1:
        for cell, flow in fresh_flows(model, text):
            flows[f"fresh {cell}"] = flow
    sizes = {
        f"{config.num_layers} × {config.hidden_size} units"
        for config in (subject.checkpoint.model.config for subject in subjects)
    }
    size = sizes.pop() if len(sizes) == 1 else "several sizes"
    lengths = [subject.checkpoint.training.seq_length for subject in subjects]
    return Found(flows, len(subjects), size, source, max(lengths))


def _free(name: str, taken: Mapping[str, Any]) -> str:
    """The name, or another one that is not taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def as_json(found: Found) -> Mapping[str, Any]:
    return {
        "source": found.source,
        "seq_length": found.seq_length,
        "gradients": [
            {
                "name": name,
                "trained": number < found.trained,
                "memory": flow.memory,
                "factor": plain(flow.factor),
                "rms": plain(flow.rms),
                "low": plain(flow.quantile(0.1)),
                "high": plain(flow.quantile(0.9)),
                "layers": plain(flow.parts),
            }
            for number, (name, flow) in enumerate(found.flows.items())
        ],
    }


def draw(found: Found, screen: Screen) -> None:
    by = "∂loss(t)/∂state(t-k)" if screen.unicode else "d loss(t) / d state(t-k)"
    screen.put(f"How far back a loss reaches: the norm of {by}, on {printable(found.source)}")
    screen.put("")
    curves = [_curve(name, flow) for name, flow in found.flows.items()]
    lines = chart(screen, curves, "steps back, k", "share of k=0", height=14, log=True)
    screen.put(*lines)
    screen.put("")
    screen.put(_table(found, screen), "", _words(found))


def _curve(name: str, flow: GradientFlow) -> Curve:
    """Its part between the bounds of the chart."""
    shares = flow.shares
    inside = (shares >= LOWEST) & (shares <= HIGHEST)
    stop = len(shares) if inside.all() else max(1, int(np.argmin(inside)))
    inside_shares = np.clip(shares[:stop], LOWEST, HIGHEST)
    return Curve(name, list(range(stop)), np.log10(inside_shares).tolist())


def _table(found: Found, screen: Screen) -> Table:
    times = "×" if screen.unicode else "x"
    table = screen.table(found.size.replace("×", times), "memory", "each step")
    steps = [k for k in SHOWN if k < max(len(flow.norms) for flow in found.flows.values())]
    for k in steps:
        table.add_column(f"k={k}", justify="right")
    for name, flow in found.flows.items():
        last, shares = len(flow.norms) - 1, flow.shares
        table.add_row(
            printable(name),
            f"{flow.memory} steps" if flow.memory is not None else f"over {last}",
            f"{times} {flow.factor:.3f}" if np.isfinite(flow.factor) else "-",
            *(_share(shares[k]) if k <= last else "" for k in steps),
        )
    return table


def _share(value: float) -> str:
    if not np.isfinite(value):
        return "overflow"
    return f"{value:.3f}" if 0.001 <= value < 1000 else f"{value:.0e}"


def _words(found: Found) -> str:
    return (
        f"Memory: the steps after which the gradient stays below {FORGOTTEN:.0%} of that at k=0; what "
        f"happened before has next to no say in what is learnt. In training, gradients went back "
        f"{found.seq_length} steps at most (--seq-length)."
    )
