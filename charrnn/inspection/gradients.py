"""``--gradients``: how far back a loss reaches: the gradient of one step's loss by what was held k steps before (:mod:`charrnn.inspection.flow`)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.flow import FORGOTTEN, LOSSES, GradientFlow, fresh_flows, gradient_flow
from charrnn.inspection.look import Look

MOST = 5000  # characters that are read
LOWEST, HIGHEST = 1e-8, 1e8  # shares of the gradient at k = 0 that are drawn
SHOWN = (1, 10, 50, 100)  # steps back that the table tells


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """The models that were named, a single one beside others that have learnt nothing."""
    watched = look.watched(MOST)
    text, source, answers = watched.text, watched.source, watched.answers
    learns = look.subjects[0].checkpoint.model.config.learns
    losses = look.scaled(LOSSES, 4)
    flows: dict[str, GradientFlow] = {}
    for subject in look.subjects:
        model, stem = subject.checkpoint.model, subject.path.stem
        read, cell = look.known_lines(model, text, source), model.config.cell
        name = first = stem if stem == cell else f"{stem}, {cell}"
        number = 1
        while name in flows:
            number += 1
            name = f"{first} ({number})"
        try:
            flows[name] = gradient_flow(model, read, answers, losses=losses)
        except InputError as why:
            raise InputError(f"{subject.name}: {why}") from None
    trained, beside = len(flows), ""
    if trained == 1:
        fresh = fresh_flows(model, text, answers, losses=losses)
        flows |= {f"fresh {cell}": flow for cell, flow in fresh}
        beside = "; the others are models of the same size that have learnt nothing"
    if not any(flow.rms.any() for flow in flows.values()):
        raise InputError("all gradients are zero: of one character alone there is nothing to learn")
    configs = [subject.checkpoint.model.config for subject in look.subjects]
    sizes = {f"{config.num_layers} × {config.hidden_size} units" for config in configs}
    size = sizes.pop() if len(sizes) == 1 else "several sizes"
    seq_length = max(subject.checkpoint.training.seq_length for subject in look.subjects)
    chart = _chart(flows, trained, size, f"a {learns.label}'s loss" if learns.finds else "a loss")
    title = f"{chart.title}: the norm of ∂loss(t)/∂state(t-k)"
    lead = f"{title}, on {source}{beside}"
    explanation = (
        f"Memory: the steps after which the gradient stays below {FORGOTTEN:.0%} of that at k=0; what happened "
        "before has next to no say in what is learnt."
    )
    if learns.finds:
        read = "after the whole text" if learns.one_each else "at its character"
        explanation += (
            f" There is one loss, {read}; k counts steps before that in the direction in which a layer reads"
            f"{', and both directions are taken together' if any(c.bidirectional for c in configs) else ''}."
        )
    else:
        explanation += (
            f" In training, gradients went back {seq_length} steps at most (--seq-length)."
        )
    found = [
        {
            "name": name,
            "trained": number < trained,
            "memory": flow.memory,
            "factor": flow.factor,
            "rms": flow.rms,
            "low": flow.quantile(0.1),
            "high": flow.quantile(0.9),
            "layers": flow.parts,
        }
        for number, (name, flow) in enumerate(flows.items())
    ]
    return fig.Figure(
        title,
        (fig.Words(lead), chart, _table(flows, size), fig.Words(explanation)),
        {"source": source, "seq_length": seq_length, "gradients": found},
        chart.description,
        [chart],
    )


def _chart(flows: Mapping[str, GradientFlow], trained: int, size: str, loss: str) -> fig.Chart:
    """A curve for each model, of trained ones with what lies around it."""
    lines = [_line(name, flow, n < trained) for n, (name, flow) in enumerate(flows.items())]
    heights = [y for line in lines for y in line.y]
    low, high = 10.0 ** math.floor(math.log10(min(heights))), 2 * max(heights)
    last = max(line.x[-1] for line in lines)
    forgotten = f"{FORGOTTEN:.0%}"
    told = "; ".join(f"{line.name} {line.told}" for line in lines)
    return fig.Chart(
        "gradients",
        f"How far back {loss} reaches",
        fig.Axis("steps back, k"),
        fig.Axis("share of k=0", log=True, low=low, high=high),
        "Norm of the gradient of a loss by the state of k steps before, against k, on a logarithmic axis. "
        f"Steps until it stays below {forgotten} of that at k = 0: {told}.",
        lines,
        [fig.Rule((0, FORGOTTEN), (last, FORGOTTEN), forgotten)],
        f"{size}:\nsteps until below {forgotten}",
        height=14,
    )


def _line(name: str, flow: GradientFlow, trained: bool) -> fig.Line:
    """The part of a curve between the bounds of the chart."""
    shares, start = flow.shares, flow.rms[0] or 1
    inside = (shares >= LOWEST) & (shares <= HIGHEST)
    stop = len(shares) if inside.all() else max(1, int(np.argmin(inside)))
    low, high = flow.quantile(0.1) / start, flow.quantile(0.9) / start
    cut = [np.clip(values[:stop], LOWEST, HIGHEST).tolist() for values in (shares, low, high)]
    band = (cut[1], cut[2]) if trained else None
    return fig.Line(name, range(stop), cut[0], band, trained, flow.memory_in_words)


def _table(flows: Mapping[str, GradientFlow], size: str) -> fig.Table:
    steps = [k for k in SHOWN if k < max(len(flow.norms) for flow in flows.values())]
    rows = []
    for name, flow in flows.items():
        factor = f"× {flow.factor:.3f}" if np.isfinite(flow.factor) else "-"
        shares = (_share(flow.shares[k]) if k < len(flow.norms) else "" for k in steps)
        rows.append((name, f"{flow.memory_in_words} steps", factor, *shares))
    heads = fig.figures("memory", "each step", *(f"k={k}" for k in steps))
    return fig.Table((fig.Column(size), *heads), rows)


def _share(value: float) -> str:
    if not np.isfinite(value):
        return "overflow"
    return f"{value:.3f}" if 0.001 <= value < 1000 else f"{value:.0e}"
