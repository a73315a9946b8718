"""``--gates``: what the gates do while a model reads: how often they are shut or open, and how long units remember.

A gate is left-saturated where it is below 0.1 and right-saturated where it is above 0.9; a unit's place
in the plane of both shares tells what it does (Karpathy, Johnson, Fei-Fei, arXiv 1506.02078, figure 3).

What a unit keeps from one step to the next is decided by one gate, which multiplies what was there: the
forget gate of an LSTM (c_t = f ∘ c_{t-1} + …), the update gate of a GRU (h_t = u ∘ h_{t-1} + …). After n
steps the product of n such factors is left of a number, f̄ⁿ with their geometric mean f̄, and 1/e of it
after

    n = -1 / log f̄

steps: the unit's memory. What the other units write back by way of W is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.cells import CELLS, cell_class
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array

SHUT, OPEN = 0.1, 0.9
ZERO = np.finfo(np.float32).eps  # what float32 computes of a gate below this is rounding

MOST, FEWEST = 20_000, 1000  # characters that are read
CLASSES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, np.inf)  # of memory, in steps
SHORTEST, LONGEST = 0.1, 1000.0  # steps of memory that a histogram tells apart
NAMED = 5  # units of each layer that remember longest


@dataclass(frozen=True)
class GateActivity:
    """How the gates stood at each step of a text.

    Attributes:
        names: The *G* gates.
        keeps: Which of them keeps what a unit held.
        layers: Their *L* names; ``0r`` is the layer of level 0 that reads backwards.
        left, right: ``(L, G, H)``, the share of steps at which each unit's gate was below 0.1, above 0.9.
        mean: The same, its mean.
        memory: ``(L, H)``, steps after which 1/e is left of what a unit held; infinity if nothing
            is ever lost.
    """

    names: tuple[str, ...]
    keeps: str
    layers: tuple[str, ...]
    steps: int
    left: Array
    right: Array
    mean: Array
    memory: Array


@single_threaded_blas()
def gate_activity(
    model: CharacterModel, text: str, answers: Sequence[str] | None = None
) -> GateActivity:
    """Read a text as it was read in training, and watch the gates.

    Args:
        text: To a model with labels or tags each of its lines is a text.
        answers: The label of each line, of interest to a model that writes for labels.

    Raises:
        InputError: The model's cells have no gates, or there is no text.
        UnknownCharacterError: It has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    stack = model.network.stack
    cell = stack.cell
    names, keeps = cell.gates, cell.keeps
    if keeps is None:
        gated = " and ".join(sorted(name for name in CELLS if cell_class(name).keeps))
        own = model.config.cell
        raise InputError(f"a model of {own} cells has no gates; those of {gated} have")
    shape = (len(stack.layers), len(names), stack.hidden_size)
    left, right, total = (np.zeros(shape) for _ in range(3))
    logs = np.zeros((shape[0], shape[2]))
    if end := model.vocabulary.config.end:  # as in training: whole records, and none that is empty
        text = "".join(record + end for record in text.split(end) if record)
    if not text.strip("\n" * model.config.reads_whole):
        raise InputError("there is no text to read")
    steps = 0
    for passage in read_text(model, text, answers=answers):
        steps += int(passage.counted.sum())
        counted = passage.counted[:, None, None]
        for index, (layer_cell, kept) in enumerate(model.network.stack.kept(passage.workspace)):
            gates = layer_cell.kept_gates(kept)
            left[index] += (gates < SHUT).sum((0, 3), where=counted)
            right[index] += (gates > OPEN).sum((0, 3), where=counted)
            total[index] += gates.sum((0, 3), np.float64, where=counted)
            log = np.log(np.maximum(gates[:, [names.index(keeps)]], ZERO))
            logs[index] += log.sum((0, 1, 3), np.float64, where=counted)
    with np.errstate(divide="ignore"):
        memory = steps / np.abs(logs)
    left, right, mean = (each / steps for each in (left, right, total))
    return GateActivity(names, keeps, stack.layer_names, steps, left, right, mean, memory)


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """Each layer's units in the plane of both shares, and their memory."""
    watched = look.watched(look.scaled(MOST, FEWEST))
    source, model = watched.source, look.subject.checkpoint.model
    found = gate_activity(model, watched.text, watched.answers)
    layers = range(len(found.memory))
    planes = [list(_planes(found, layer)) for layer in layers]
    memories = [_memories(found, layer) for layer in layers]
    blocks: list[fig.Block] = [
        fig.Words(
            f"How often each unit's gates are open (above {OPEN:g}, to the right) and shut (below {SHUT:g}, "
            f"upwards), on {source}. There is a point for each unit: at the left edge are gates that are never "
            "open, at the bottom those that are never shut."
        )
    ]
    pictures: list[fig.Panel] = []
    for layer in layers:
        panels = fig.Panels(planes[layer], 3)
        name = found.layers[layer]
        blocks += [fig.Heading(f"Layer {name}"), panels, _summary(found, layer)]
        pictures += [replace(one, title=f"layer {name}, {one.title}") for one in planes[layer]]
        pictures.append(replace(memories[layer], title=f"layer {name}, memory"))
    blocks += [
        fig.Words(
            f"Memory: the steps after which 1/e is left of what a unit held, if the {found.keeps} gate "
            "has its way; how many units have which."
        ),
        _classes(found),
        fig.Panels(memories, on=fig.PAGE),
        *(_longest(*pair) for pair in zip(found.layers, found.memory, strict=True)),
    ]
    medians = ", ".join(f"{median:.1f}" for median in np.median(found.memory, axis=1))
    return fig.Figure(
        f"Gates on {source}",
        blocks,
        {"source": source, **vars(found)},
        "For each layer and gate a point for each unit: across, the share of steps at which it is "
        f"above {OPEN:g}; upwards, that at which it is below {SHUT:g}. Beside them histograms of the units' "
        f"memory; its median is {medians} steps in layers {found.layers[0]} to {found.layers[-1]}.",
        [fig.Panels(pictures, len(found.names) + 1)],
    )


def _planes(found: GateActivity, layer: int) -> Iterator[fig.Scatter]:
    """Of each gate: units lie below the diagonal, where the shares make 1."""
    x = fig.Axis(f"open (> {OPEN:g})", low=0, high=1)
    y = fig.Axis(f"shut (< {SHUT:g})", low=0, high=1)
    gates = zip(found.names, found.left[layer], found.right[layer], found.mean[layer], strict=True)
    for index, (name, left, right, mean) in enumerate(gates):
        points, rules = (right.tolist(), left.tolist()), [fig.Rule((0, 1), (1, 0))]
        told = (
            f"A point for each of {len(left)} units of layer {found.layers[layer]}. On average open in {right.mean():.0%} of the "
            f"steps and shut in {left.mean():.0%}; the mean is {mean.mean():.2f}."
        )
        yield fig.Scatter(f"gate-{layer}-{index}", name, x, y, told, points, rules, index)


def _summary(found: GateActivity, layer: int) -> fig.Table:
    gates = zip(found.names, found.left[layer], found.right[layer], found.mean[layer], strict=True)
    rows = [
        (
            name,
            f"{mean.mean():.2f}",
            *(f"{share.mean():.0%}" for share in (left, right)),
            *(f"{(share >= 0.9).sum()}" for share in (left, right)),
        )
        for name, left, right, mean in gates
    ]
    heads = fig.figures("mean", "shut", "open", "units shut for 90%", "open for 90%")
    return fig.Table([fig.Column("gate"), *heads], rows)


def _classes(found: GateActivity) -> fig.Table:
    counts = np.array([np.histogram(memory, CLASSES)[0] for memory in found.memory])
    rows: list[list[fig.Cell]] = []
    for (low, high), row in zip(pairwise(CLASSES), counts.T, strict=True):
        steps = f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}"
        rows.append([steps, *(fig.Bar(count / counts.max(), f"{count:4}") for count in row)])
    layers = [fig.Column(f"layer {layer}") for layer in found.layers]
    return fig.Table([fig.Column("steps"), *layers], rows, on=fig.TERMINAL)


def _memories(found: GateActivity, layer: int) -> fig.Histogram:
    memory, edges = found.memory[layer], np.geomspace(SHORTEST, LONGEST, 25)
    counts, _ = np.histogram(np.clip(memory, SHORTEST, LONGEST), edges)
    title = f"Layer {found.layers[layer]}, memory of its units"
    x, y = fig.Axis("steps", log=True), fig.Axis("units")
    told, name = f"A histogram; its median is {np.median(memory):.1f} steps.", f"memory-{layer}"
    return fig.Histogram(name, title, x, y, told, edges.tolist(), counts.tolist(), series=3)


def _longest(layer: str, memory: Array) -> fig.Words:
    longest = np.argsort(-memory, kind="stable")[:NAMED]
    named = ", ".join(f"{unit} ({_steps(memory[unit])})" for unit in longest)
    return fig.Words(f"Layer {layer} remembers longest in units {named}.")


def _steps(memory: float) -> str:
    if not np.isfinite(memory):
        return "for ever"
    return f"{memory:,.0f}" if memory >= 10 else f"{memory:.1f}"
