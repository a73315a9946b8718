"""Pictures of what the theory speaks of: gradients, gates, weights, characters."""

from __future__ import annotations

from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from charrnn.cli.plots import FORMS, Picture, sign, words
from charrnn.cli.views import embedding as embedding_view
from charrnn.cli.views import gates as gates_view
from charrnn.cli.views import gradients as gradients_view
from charrnn.cli.views import weights as weights_view
from charrnn.drawing.colours import LINES
from charrnn.inspection.embedding import Likeness
from charrnn.inspection.gradients import FORGOTTEN

LOWEST = 1e-8  # share of the gradient at k = 0 below which curves leave the picture


def gradients(found: gradients_view.Found) -> Picture:
    """Curves over the steps back, on a logarithmic axis; of trained models with their spread."""
    figure = Figure(figsize=(8, 4))
    axes = figure.add_subplot()
    lowest = highest = 1.0
    for number, (name, flow) in enumerate(found.flows.items()):
        shares = flow.shares
        finite = np.isfinite(shares) & (shares > 0)
        steps = np.flatnonzero(finite)
        trained = number < found.trained
        (line,) = axes.plot(
            steps,
            shares[finite],
            linestyle=FORMS[number % len(FORMS)],
            linewidth=2.2 if trained else 1.4,
            label=f"{words(name)}: {_memory(flow.memory, len(flow.norms) - 1)}",
        )
        if trained:
            start = flow.rms[0] or 1
            band = flow.quantile(0.1) / start, flow.quantile(0.9) / start
            axes.fill_between(
                range(len(shares)), *band, color=line.get_color(), alpha=0.12, linewidth=0
            )
        lowest = min(lowest, shares[finite].min(initial=1))
        highest = max(highest, shares[finite].max(initial=1))
    axes.axhline(FORGOTTEN, color="black", linewidth=0.8, linestyle=(0, (1, 3)))
    axes.annotate("1 %", (0, FORGOTTEN), (4, 2), textcoords="offset points")
    axes.set_yscale("log")
    axes.set_ylim(max(lowest, LOWEST), 3 * highest)
    axes.set_xlim(0)
    axes.set_xlabel("steps back, k")
    axes.set_ylabel("‖∂loss(t)/∂state(t−k)‖, share of k = 0")
    figure.legend(loc="outside right center", title=f"{found.size}:\nsteps until below 1 %")
    title = "How far back a loss reaches"
    axes.set_title(title)
    memories = "; ".join(
        f"{name} {_memory(flow.memory, len(flow.norms) - 1)}" for name, flow in found.flows.items()
    )
    return Picture(
        figure,
        title,
        "Norm of the gradient of a loss by the state of k steps before, against k, on a logarithmic "
        f"axis. Steps until it is below 1 % of its value at k = 0: {memories}.",
    )


def _memory(memory: int | None, most: int) -> str:
    return f"over {most}" if memory is None else str(memory)


def gates(found: gates_view.Found) -> Picture:
    """Saturation plots, a row for each layer, and the memory of its units."""
    activity = found.gates
    layers, kinds = len(activity.memory), len(activity.names)
    figure = Figure(figsize=(2.4 * (kinds + 1), 2.5 * layers + 0.3))
    grid = figure.subplots(layers, kinds + 1, squeeze=False)
    for layer, row in enumerate(grid):
        for index, (axes, name) in enumerate(zip(row[:-1], activity.names, strict=True)):
            axes.scatter(
                activity.right[layer, index],
                activity.left[layer, index],
                s=14,
                alpha=0.5,
                linewidth=0,
                color=LINES[index],
            )
            axes.plot((0, 1), (1, 0), color="black", linewidth=0.6, linestyle=":")
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
            axes.set_title(f"layer {layer}, {name}")
            axes.set_xlabel("open (> 0.9)")
            axes.set_ylabel("shut (< 0.1)")
        finite = np.clip(activity.memory[layer], 0.1, 1000)
        row[-1].hist(finite, np.geomspace(0.1, 1000, 25), color=LINES[3])
        row[-1].set_xscale("log")
        row[-1].set_title(f"layer {layer}, memory")
        row[-1].set_xlabel("steps")
        row[-1].set_ylabel("units")
    title = f"Gates on {found.source}"
    figure.suptitle(words(title))
    return Picture(
        figure,
        title,
        "For each layer and gate a point for each unit: across, the share of steps at which it is "
        "above 0.9; upwards, that at which it is below 0.1. Beside them histograms of the units' "
        f"memory; its median is {', '.join(f'{m:.1f}' for m in np.median(activity.memory, axis=1))} "
        "steps in layers 0 to " + f"{layers - 1}.",
    )


def weights(found: weights_view.Found) -> Picture:
    """Singular values of the recurrent matrices, and a histogram of each array."""
    layers = 1 + max(recurrence.layer for recurrence in found.recurrences)
    rows = -(-len(found.spreads) // 4)
    figure = Figure(figsize=(8, 2.6 + 1.5 * rows))
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.6, 1.5 * rows))
    above, below = parts[:, 0]
    tops = above.subplots(1, layers, squeeze=False, sharey=True)[0]
    for layer, axes in enumerate(tops):
        own = [recurrence for recurrence in found.recurrences if recurrence.layer == layer]
        for recurrence, form in zip(own, cycle(FORMS)):
            axes.plot(
                recurrence.singular_values,
                linestyle=form,
                label=f"{recurrence.gate}: radius {recurrence.spectral_radius:.2f}",
            )
        axes.set_title(f"layer {layer}: singular values of W")
        axes.legend(fontsize="small")
    panels = below.subplots(rows, 4, squeeze=False).ravel()
    for axes, spread in zip(panels, found.spreads):  # noqa: B905 (the last panels may stay empty)
        edges = np.linspace(-spread.largest, spread.largest, len(spread.counts) + 1)
        axes.stairs(spread.counts, edges if spread.largest else None, fill=True)
        axes.set_title(spread.name, fontsize="small")
        axes.set_yticks([])
    for axes in panels[len(found.spreads) :]:
        axes.set_axis_off()
    largest = max(recurrence.singular_values[0] for recurrence in found.recurrences)
    return Picture(
        figure,
        "Weights",
        "Singular values of each gate's recurrent matrix in falling order, the largest being "
        f"{largest:.2f}, and a histogram of each array's numbers.",
    )


def embedding(found: embedding_view.Found) -> Picture:
    """Two maps of the characters: as they are read and as they are predicted."""
    figure = Figure(figsize=(9, 4.5))
    titles = ("read", "predicted")
    for axes, title, likeness in zip(
        figure.subplots(1, 2), titles, (found.map.read, found.map.predicted), strict=True
    ):
        _map(axes, found, likeness)
        axes.set_title(f"as they are {title} ({likeness.array})")
    title = f"The {len(found.map.characters)} most frequent characters"
    figure.suptitle(title)
    pairs = ", ".join(
        f"{sign(character, found.encoding)} and "
        f"{sign(found.map.characters[found.map.predicted.nearest(index, 1)[0]], found.encoding)}"
        for index, character in enumerate(found.map.characters[:8])
    )
    return Picture(
        figure,
        title,
        "Two maps on which characters that the model treats alike are near each other. The most "
        f"frequent ones and which is predicted most like them: {pairs}.",
    )


def _map(axes: Axes, found: embedding_view.Found, likeness: Likeness) -> None:
    for character, (x, y) in zip(found.map.characters, likeness.places, strict=True):
        axes.annotate(
            sign(character, found.encoding),
            (x, y),
            color=embedding_view.colour_of(character),
            ha="center",
            va="center",
            parse_math=False,
        )
    low, high = likeness.places.min(axis=0), likeness.places.max(axis=0)
    room = 0.06 * np.maximum(high - low, 1e-9)
    axes.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))
    for number, name in enumerate(("x", "y")):
        axes.set(**{f"{name}label": f"{likeness.explained[number]:.0%} of the variance"})
