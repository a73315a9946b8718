"""How well a model predicts a text that it was not trained on."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from charrnn.models.language_model import LanguageModel
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunks

Number = TypeVar("Number", float, Array)


def evaluate(network: LanguageModel, params: Parameters, text: Chunks, shards: Shards) -> float:
    """Mean negative log-likelihood in nats for each character, read from left to right."""

    def score(_index: int, columns: slice, workspace: Workspace) -> float:
        state = network.zero_state(columns.stop - columns.start)
        total = 0.0
        for index in range(len(text)) if columns.start < columns.stop else ():
            chunk = text.chunk(index, columns)
            state[..., chunk.fresh] = 0
            nll, state = network.loss(params, chunk.inputs, chunk.targets, state, workspace)
            counted = True if chunk.counted is None else chunk.counted
            total += float(nll.sum(where=counted, dtype=np.float64))
        return total

    return sum(shards.map(score, text.columns)) / text.characters


def bits(nats: Number) -> Number:
    """Bits, from nats; of one number or an array."""
    return nats / math.log(2)
