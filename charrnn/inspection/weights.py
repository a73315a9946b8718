"""``--weights``: the weights themselves: what the recurrent matrices stretch, how numbers are spread, the last update.

The largest singular value of a recurrent matrix bounds by how much one step can stretch a gradient,
its spectral radius tells what many steps do to it where the activation's slope is 1 (Pascanu, Mikolov,
Bengio, arXiv 1211.5063, section 2.1; *Deep Learning*, section 8.2.5). In a gated cell this holds for each
gate's own way through time; what the cell keeps goes past the matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.inspection.look import Look
from charrnn.models.network import Network
from charrnn.nn.parameters import Array, Parameters
from charrnn.training.optimizer import last_direction
from charrnn.training.run import Checkpoint
from charrnn.words import decimals

BINS = 21
PROFILE = 24  # singular values that a table's profile has room for


@dataclass(frozen=True)
class Recurrence:
    """A gate's block ``(H, H)`` of the recurrent matrix of a layer: its row in the state, and its name, ``0`` or ``0/reverse``.

    Attributes:
        singular_values: ``(H,)``, the largest first.
        spectral_radius: Largest absolute eigenvalue.
    """

    layer: int
    name: str
    gate: str
    singular_values: Array
    spectral_radius: float


@dataclass(frozen=True)
class Spread:
    """How an array's numbers are spread: mean, standard deviation, largest absolute value.

    Attributes:
        counts: ``(BINS,)``, a histogram from -largest to largest.
    """

    name: str
    mean: float
    deviation: float
    largest: float
    counts: Array


@dataclass(frozen=True)
class Update:
    """How an array was last updated.

    Attributes:
        step: Root mean square of the update, in shares of that of the array itself.
        direction: Root mean square of the update by its rate. For Adam that is m / sqrt(v): near 1
            where gradients agreed from step to step, near 0.23 where they were noise.
    """

    name: str
    step: float
    direction: float


def recurrences(network: Network, params: Parameters) -> list[Recurrence]:
    """Each block of each layer's recurrent matrix; none of a net without memory."""
    found: list[Recurrence] = []
    for number, layer in enumerate(network.stack.layers if network.config.is_recurrent else ()):
        H = layer.cell.hidden_size
        blocks = params[f"{layer.name}/W"].reshape(-1, H, H).astype(np.float64)
        for gate, block in zip(layer.cell.rows, blocks, strict=True):
            radius = float(np.abs(np.linalg.eigvals(block)).max())
            values = np.linalg.svd(block, compute_uv=False)
            name = layer.name.removeprefix("layer")
            found.append(Recurrence(number, name, gate, values, radius))
    return found


def spreads(params: Parameters) -> list[Spread]:
    """Of each array, in the order in which they lie in memory."""
    found = []
    for name, array in params.items():
        largest = float(np.abs(array).max())
        within = (-largest, largest) if largest else (-1, 1)
        counts, _ = np.histogram(array.astype(np.float64), BINS, within)
        mean, deviation = float(array.mean(dtype=np.float64)), float(array.std(dtype=np.float64))
        found.append(Spread(name, mean, deviation, largest, counts))
    return found


def last_updates(checkpoint: Checkpoint) -> list[Update]:
    """Of each array how the run last changed it.

    The rate is that of the last evaluation. Shares are those of the run's current weights, not of
    the kept ones.

    Raises:
        InputError: The checkpoint does not tell: it has no state of the optimiser, or of one
            that keeps no direction, or no step has been made.
    """
    progress, config = checkpoint.progress, checkpoint.training
    if progress is None:
        raise InputError("the checkpoint has no optimiser state, so the last update is unknown")
    with np.errstate(all="ignore"):  # a file may hold any numbers
        direction = last_direction(config, progress.slots, progress.step) if progress.step else None
    if direction is None or not checkpoint.history:
        why = f"{config.optimizer} keeps no direction" if progress.step else "there was no step"
        raise InputError(f"the last update is unknown: {why}")
    shapes = checkpoint.model.parameters.shapes
    weights, moved = Parameters(shapes, progress.weights), Parameters(shapes, direction)
    rate = checkpoint.history[-1].rate
    return [
        Update(name, rate * _rms(moved[name]) / (_rms(weights[name]) or 1), _rms(moved[name]))
        for name in shapes
    ]


# ----------------------------------------------------------------------------------- what is to be seen

STRETCH = (
    "The largest singular value bounds by how much a step can stretch a gradient on its way through W; the radius "
    "(largest absolute eigenvalue) is what many steps come to, where the activation's slope is 1. The profile "
    "shows the singular values from the first to the last."
)
UPDATE = (
    "Update: the last one, in shares of the weights. Direction: its size before the rate; for Adam near 1 where "
    "gradients agreed, near 0.23 where they were noise."
)


def view(look: Look) -> fig.Figure:
    """The recurrent matrices, the spread of each array, and how it was last updated, if that is known."""
    checkpoint, updates, unknown = look.subject.checkpoint, list[Update](), None
    model = checkpoint.model
    try:
        if checkpoint.resumable:
            checkpoint = load_checkpoint(look.subject.path, with_progress=True)
        updates = last_updates(checkpoint)
    except InputError as why:
        unknown = str(why)
    matrices, arrays = recurrences(model.network, model.parameters), spreads(model.parameters)
    top = max((float(one.singular_values[0]) for one in matrices), default=0.0) or 1.0
    layers = groupby(matrices, key=lambda one: one.layer)
    values = [_values(list(gates), top) for _, gates in layers]
    histograms = fig.Panels([_histogram(*item) for item in enumerate(arrays)], 4, narrow=True)
    stretched: tuple[fig.Block, ...] = (
        fig.Heading("The recurrent matrix W of each gate"),
        fig.Panels(values, on=fig.PAGE),
        _matrices(matrices, top),
        fig.Words(STRETCH),
    )
    return fig.Figure(
        "Weights",
        (
            *(stretched if matrices else ()),
            fig.Heading("All weights"),
            _table(arrays, updates),
            fig.Words(f"{unknown.capitalize()}." if unknown else UPDATE),
            replace(histograms, on=fig.PAGE),
        ),
        {"recurrences": matrices, "spreads": arrays, "updates": updates, "unknown": unknown},
        "Singular values of each gate's recurrent matrix in falling order, the largest being "
        f"{top:.2f}, and a histogram of each array's numbers."
        if matrices
        else "A histogram of each array's numbers.",
        (fig.Panels(values), histograms) if matrices else (histograms,),
    )


def _values(gates: Sequence[Recurrence], top: float) -> fig.Chart:
    """The singular values of a layer's gates."""
    lines, told = list[fig.Line](), list[str]()
    for one in gates:
        values, radius = one.singular_values.tolist(), f"radius {one.spectral_radius:.2f}"
        lines.append(fig.Line(one.gate, range(len(values)), values, told=radius))
        told.append(f"{one.gate} {values[0]:.2f} to {values[-1]:.3f}, spectral {radius}")
    layer, name = gates[0].layer, gates[0].name
    title = f"Layer {name}: singular values of W"
    x, y = fig.Axis("rank"), fig.Axis(low=0, high=1.05 * top)
    description = f"From the first to the last: {'; '.join(told)}."
    return fig.Chart(f"singular-{layer}", title, x, y, description, lines)


def _matrices(matrices: Sequence[Recurrence], top: float) -> fig.Table:
    rows: list[list[fig.Cell]] = []
    for one in matrices:
        values = one.singular_values
        profile = values[np.linspace(0, len(values) - 1, PROFILE).astype(int)] / top
        median, last = f"{np.median(values):.2f}", f"{values[-1]:.3f}"
        told = [f"{values[0]:.2f}", median, last, f"{one.spectral_radius:.2f}"]
        rows.append([one.name, one.gate, *told, fig.Profile(profile.tolist())])
    heads = [fig.Column("layer"), fig.Column("gate")]
    heads += fig.figures("largest", "median", "smallest", "radius")
    return fig.Table([*heads, fig.Column("profile", whole=True, spare=True)], rows)


def _table(arrays: Sequence[Spread], updates: Sequence[Update]) -> fig.Table:
    heads = [
        *fig.figures("mean", "std", "largest"),
        fig.Column("from -largest to it", whole=True, spare=True),
    ]
    rows: list[list[fig.Cell]] = []
    for one in arrays:
        told = decimals(one.mean, 3), f"{one.deviation:.3f}", f"{one.largest:.2f}"
        rows.append([one.name, *told, fig.Profile((one.counts / one.counts.max()).tolist())])
    for row, update in zip(rows, updates, strict=False):
        row += [f"{update.step:.1e}", f"{update.direction:.2g}"]
    heads += fig.figures("update", "direction") if updates else []
    return fig.Table([fig.Column("array"), *heads], rows)


def _histogram(number: int, one: Spread) -> fig.Histogram:
    largest, counts = one.largest or 1, one.counts.tolist()
    edges = np.linspace(-largest, largest, len(counts) + 1).tolist()
    told = f"Mean {decimals(one.mean, 3)}, standard deviation {one.deviation:.3f}, largest absolute value {one.largest:.2f}."
    x, y = fig.Axis(), fig.Axis(bare=True)
    return fig.Histogram(f"spread-{number}", one.name, x, y, told, edges, counts)


def _rms(array: Array) -> float:
    return float(np.sqrt(np.square(array, dtype=np.float64).mean()))
