"""How well a model predicts a text that it was not trained on."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from charrnn.batches import Segments
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.parallel import Shards

Number = TypeVar("Number", float, Array)

STEPS = 100  # time steps computed at once; bounds the memory


def evaluate(
    network: LanguageModel, params: Parameters, segments: Segments, shards: Shards
) -> float:
    """Mean negative log-likelihood in nats for each character, read from left to right."""
    steps, count = segments.inputs.shape

    def score(_index: int, columns: slice, workspace: Workspace) -> float:
        state = network.zero_state(columns.stop - columns.start)
        total = 0.0
        start = 0
        while start < steps and columns.start < columns.stop:
            stop = min(start + STEPS, segments.overlap if start < segments.overlap else steps)
            if start == segments.overlap and columns.start == 0:
                state[..., 0] = 0
            part = slice(start, stop), columns
            nll, state = network.loss(
                params, segments.inputs[part], segments.targets[part], state, workspace
            )
            total += float(nll.sum(where=segments.counted[part], dtype=np.float64))
            start = stop
        return total

    return sum(shards.map(score, count)) / int(segments.counted.sum())


def bits(nats: Number) -> Number:
    """Bits, from nats; of one number or an array."""
    return nats / math.log(2)
