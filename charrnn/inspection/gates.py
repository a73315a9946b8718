"""What the gates do while a model reads: how often they are shut or open, and how long units remember.

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

from dataclasses import dataclass

import numpy as np

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.cells import CELLS, cell_class
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array

SHUT, OPEN = 0.1, 0.9
ZERO = np.finfo(np.float32).eps  # what float32 computes of a gate below this is rounding


@dataclass(frozen=True)
class GateActivity:
    """How the gates stood at each step of a text.

    Attributes:
        names: The *G* gates.
        keeps: Which of them keeps what a unit held.
        steps: Characters that were read.
        left: ``(L, G, H)``, the share of steps at which each unit's gate was below 0.1.
        right: The same above 0.9.
        mean: The same, its mean.
        memory: ``(L, H)``, steps after which 1/e is left of what a unit held; infinity if nothing
            is ever lost.
    """

    names: tuple[str, ...]
    keeps: str
    steps: int
    left: Array
    right: Array
    mean: Array
    memory: Array


@single_threaded_blas()
def gate_activity(model: CharacterModel, text: str) -> GateActivity:
    """Read a text as it was read in training, and watch the gates.

    Raises:
        InputError: The model's cells have no gates, or there is no text.
        UnknownCharacterError: It has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    cell = model.network.stack.cell
    names, keeps = cell.gates, cell.keeps
    if keeps is None:
        gated = " and ".join(sorted(name for name in CELLS if cell_class(name).keeps))
        raise InputError(
            f"a model of {model.config.cell} cells has no gates; those of {gated} have"
        )
    shape = (model.config.num_layers, len(names), model.config.hidden_size)
    left, right, total = (np.zeros(shape) for _ in range(3))
    logs = np.zeros((shape[0], shape[2]))
    if end := model.vocabulary.config.end:  # as in training: whole records, and none that is empty
        text = "".join(record + end for record in text.split(end) if record)
    if not text:
        raise InputError("there is no text to read")
    for passage in read_text(model, text):
        counted = passage.counted[:, None, None]
        for index, (layer_cell, kept) in enumerate(model.network.stack.kept(passage.workspace)):
            gates = layer_cell.kept_gates(kept)
            left[index] += (gates < SHUT).sum((0, 3), where=counted)
            right[index] += (gates > OPEN).sum((0, 3), where=counted)
            total[index] += gates.sum((0, 3), np.float64, where=counted)
            keep = gates[:, [names.index(keeps)]]
            log = np.log(np.maximum(keep, ZERO))
            logs[index] += log.sum((0, 1, 3), np.float64, where=counted)
    steps = len(text)
    with np.errstate(divide="ignore"):
        memory = steps / np.abs(logs)
    return GateActivity(names, keeps, steps, left / steps, right / steps, total / steps, memory)
