"""The weights themselves: what the recurrent matrices stretch, how numbers are spread, the last update.

The largest singular value of a recurrent matrix bounds by how much one step can stretch a gradient,
its spectral radius tells what many steps do to it where the activation's slope is 1 (Pascanu, Mikolov,
Bengio, arXiv 1211.5063, section 2.1; *Deep Learning*, section 8.2.5). In a gated cell this holds for each
gate's own way through time; what the cell keeps goes past the matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charrnn.errors import InputError
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Array, Parameters
from charrnn.training.optimizer import last_direction
from charrnn.training.run import Checkpoint

BINS = 21


@dataclass(frozen=True)
class Recurrence:
    """A gate's block ``(H, H)`` of a layer's recurrent matrix.

    Attributes:
        layer: From 0.
        gate: Its name.
        singular_values: ``(H,)``, the largest first.
        spectral_radius: Largest absolute eigenvalue.
    """

    layer: int
    gate: str
    singular_values: Array
    spectral_radius: float


@dataclass(frozen=True)
class Spread:
    """How an array's numbers are spread.

    Attributes:
        name: The array.
        mean: Mean.
        deviation: Standard deviation.
        largest: Largest absolute value.
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
        name: The array.
        step: Root mean square of the update, in shares of that of the array itself.
        direction: Root mean square of the update by its rate. For Adam that is m / sqrt(v): near 1
            where gradients agreed from step to step, near 0.23 where they were noise.
    """

    name: str
    step: float
    direction: float


def recurrences(network: LanguageModel, params: Parameters) -> list[Recurrence]:
    """Each block of each layer's recurrent matrix."""
    found = []
    for number, layer in enumerate(network.stack.layers):
        H = layer.cell.hidden_size
        blocks = params[f"{layer.name}/W"].reshape(-1, H, H).astype(np.float64)
        for gate, block in zip(layer.cell.rows, blocks, strict=True):
            found.append(
                Recurrence(
                    number,
                    gate,
                    np.linalg.svd(block, compute_uv=False),
                    float(np.abs(np.linalg.eigvals(block)).max()),
                )
            )
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


def _rms(array: Array) -> float:
    return float(np.sqrt(np.square(array, dtype=np.float64).mean()))
