"""The pictures of the page, each from what its view has found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from charrnn.cli.views import embedding, gates, gradients, weights
from charrnn.cli.views.card import loss_curves
from charrnn.drawing.page.markup import Markup, joined
from charrnn.drawing.page.svg import Axis, Plot, grid
from charrnn.inspection.embedding import Likeness
from charrnn.inspection.gates import OPEN, SHUT
from charrnn.inspection.gradients import FORGOTTEN

SHORTEST, LONGEST = 0.1, 1000.0  # steps of memory that a histogram tells apart
LOWEST = 1e-8  # share of the gradient at k = 0 below which curves leave the picture

Naming = Callable[[str], str]
"""From a character to how it is written where it stands alone."""


def losses(history: Sequence[Any], symbol: str) -> Markup | None:
    """Train and validation loss over epochs; None before the first evaluation."""
    curves = loss_curves(list(history))
    if not curves:
        return None
    plot = Plot(
        Axis.around((x for curve in curves for x in curve.x), "epochs", 0),
        Axis.around((y for curve in curves for y in curve.y), f"nats/{symbol}"),
        scale=1.2,
    )
    for number, curve in enumerate(curves):
        plot.line(curve.x, curve.y, number, curve.name)
    words = "; ".join(f"{c.name} from {c.y[0]:.3f} to {c.y[-1]:.3f}" for c in curves)
    return plot.svg("losses", "Loss while it learnt", f"Curves over epochs: {words}.")


def gradient_curves(found: gradients.Found) -> Markup:
    """Shares of the gradient at k = 0 on a logarithmic axis; of the trained model with its spread."""
    shares = {name: flow.shares for name, flow in found.flows.items()}
    usable = [v for values in shares.values() for v in values if np.isfinite(v) and v > 0]
    steps = max(len(values) for values in shares.values()) - 1
    low, high = max(LOWEST, min(usable)), max(usable)
    plot = Plot(
        Axis(0, steps, "steps back, k"),
        Axis(10.0 ** math.floor(math.log10(low)), 2 * high, "share of k = 0", log=True),
        height=300,
        scale=1.2,
    )
    for number, (name, flow) in enumerate(found.flows.items()):
        within = range(_until(shares[name], plot.y.low))
        if number < found.trained:
            start = flow.rms[0] or 1
            band = flow.quantile(0.1) / start, flow.quantile(0.9) / start
            plot.band(range(len(flow.norms)), band[0].tolist(), band[1].tolist(), number)
        plot.line(within, shares[name][within].tolist(), number, name)
    plot.rule((0, FORGOTTEN), (steps, FORGOTTEN), f"{FORGOTTEN:.0%}")
    words = "; ".join(f"{name} {memory(flow)}" for name, flow in found.flows.items())
    return plot.svg(
        "gradient-curves",
        "How far back a loss reaches",
        "Norm of the gradient of a loss by the state of k steps before, against k. Steps until it "
        f"stays below {FORGOTTEN:.0%} of that at k = 0: {words}.",
    )


def _until(shares: Any, low: float) -> int:
    """How many points there are before the curve leaves the picture at the bottom."""
    below = np.flatnonzero(shares < low)
    return int(below[0]) if len(below) and below[0] > 0 else len(shares)


def memory(flow: Any) -> str:
    """A gradient's reach in steps."""
    return f"over {len(flow.norms) - 1}" if flow.memory is None else str(flow.memory)


def gate_planes(found: gates.Found) -> Markup:
    """For each layer and gate its units in the plane of open and shut, and how long units remember."""
    activity, rows = found.gates, []
    share = Axis(0, 1, f"open (> {OPEN:g})"), Axis(0, 1, f"shut (< {SHUT:g})")
    for layer, memories in enumerate(activity.memory):
        pictures = []
        for index, name in enumerate(activity.names):
            left, right = activity.left[layer, index], activity.right[layer, index]
            plot = Plot(*share, width=160, height=160)
            plot.rule((0, 1), (1, 0))
            plot.points(right.tolist(), left.tolist(), index)
            pictures.append(
                plot.svg(
                    f"gate-{layer}-{index}",
                    f"Layer {layer}, {name} gate",
                    f"A point for each of {len(left)} units. On average open in {right.mean():.0%} of "
                    f"the steps and shut in {left.mean():.0%}; the mean is "
                    f"{activity.mean[layer, index].mean():.2f}.",
                )
            )
        rows.append(grid([*pictures, _memories(layer, memories)]))
    return joined(rows)


def _memories(layer: int, memories: Any) -> Markup:
    edges = np.geomspace(SHORTEST, LONGEST, 25)
    counts, _ = np.histogram(np.clip(memories, SHORTEST, LONGEST), edges)
    plot = Plot(
        Axis(SHORTEST, LONGEST, "steps", log=True),
        Axis(0, counts.max(), "units"),
        width=160,
        height=160,
    )
    plot.bars(edges.tolist(), counts.tolist(), 3)
    words = f"A histogram; its median is {np.median(memories):.1f} steps."
    return plot.svg(f"memory-{layer}", f"Layer {layer}, memory of its units", words)


def singular_values(found: weights.Found) -> Markup:
    """Of each layer the singular values of its gates' recurrent matrices, in falling order."""
    top = max(float(recurrence.singular_values[0]) for recurrence in found.recurrences)
    layers = 1 + max(recurrence.layer for recurrence in found.recurrences)
    pictures = []
    for layer in range(layers):
        own = [recurrence for recurrence in found.recurrences if recurrence.layer == layer]
        size = len(own[0].singular_values)
        plot = Plot(Axis(0, size - 1, "rank"), Axis(0, top * 1.05 or 1), width=300, height=200)
        for number, recurrence in enumerate(own):
            plot.line(
                range(size), recurrence.singular_values.tolist(), number, f"{recurrence.gate}"
            )
        words = "; ".join(
            f"{r.gate} {r.singular_values[0]:.2f} to {r.singular_values[-1]:.3f}, spectral radius "
            f"{r.spectral_radius:.2f}"
            for r in own
        )
        title = f"Layer {layer}: singular values of W"
        pictures.append(
            plot.svg(f"singular-{layer}", title, f"From the first to the last: {words}.")
        )
    return grid(pictures)


def histograms(found: weights.Found) -> Markup:
    """Of each array how its numbers are spread."""
    pictures = []
    for number, spread in enumerate(found.spreads):
        largest = spread.largest or 1
        edges = np.linspace(-largest, largest, len(spread.counts) + 1)
        plot = Plot(
            Axis(-largest, largest),
            Axis(0, float(spread.counts.max())),
            width=150,
            height=70,
            bare=True,
        )
        plot.bars(edges.tolist(), spread.counts.tolist(), 0)
        words = (
            f"Mean {spread.mean:.3f}, standard deviation {spread.deviation:.3f}, largest absolute "
            f"value {spread.largest:.2f}."
        )
        pictures.append(plot.svg(f"spread-{number}", spread.name, words))
    return grid(pictures)


def character_maps(found: embedding.Found, named: Naming) -> Markup:
    """Two maps: characters as the model reads them, and as it predicts them."""
    return grid(
        [
            _character_map(found, "read", found.map.read, named),
            _character_map(found, "predicted", found.map.predicted, named),
        ]
    )


def _character_map(found: embedding.Found, how: str, likeness: Likeness, named: Naming) -> Markup:
    x, y = (
        Axis.around(likeness.places[:, axis], f"{likeness.explained[axis]:.0%} of the variance")
        for axis in (0, 1)
    )
    plot = Plot(x, y, width=420, height=340, bare=True)
    characters = found.map.characters
    pairs: list[str] = []
    for index, (character, (left, up)) in enumerate(
        zip(characters, likeness.places.tolist(), strict=True)
    ):
        near = ", ".join(
            f"{named(characters[n])} {likeness.cosines[index, n]:.2f}"
            for n in likeness.nearest(index, embedding.NEIGHBOURS)
        )
        kind = KINDS.index(kind_of(character))
        plot.word(left, up, named(character), kind, f"{named(character)}, most like {near}")
        first = likeness.nearest(index, 1)
        if len(pairs) < 8 and len(first):
            pairs.append(f"{named(character)} and {named(characters[first[0]])}")
    return plot.svg(
        f"map-{how}",
        f"Characters as they are {how} ({likeness.array})",
        f"Those that the model treats alike are near each other, as {'; '.join(pairs)}.",
    )


KINDS = ("small letters", "capitals", "digits", "spaces", "other")


def kind_of(character: str) -> str:
    """Of what kind a character is: one of ``KINDS``."""
    for kind, is_so in zip(
        KINDS, (str.islower, str.isupper, str.isdigit, str.isspace), strict=False
    ):
        if is_so(character):
            return kind
    return KINDS[-1]
