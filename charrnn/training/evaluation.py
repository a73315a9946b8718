"""How well a model predicts a text that it was not trained on."""

from __future__ import annotations

import numpy as np

from charrnn.models.language_model import LanguageModel
from charrnn.models.reading import ChunkReader
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunks


def evaluate(network: LanguageModel, params: Parameters, text: Chunks, shards: Shards) -> float:
    """Mean negative log-likelihood in nats for each character, read from left to right.

    Numbers that are not finite make it infinite or NaN: whoever trains goes back then.
    """

    def score(_index: int, columns: slice, workspace: Workspace) -> float:
        width, total = columns.stop - columns.start, 0.0
        reader = ChunkReader(network, params, width, workspace=workspace, checked=False)
        for index in range(len(text)) if width else ():
            chunk = text.chunk(index, columns)
            nats = cross_entropy_(reader.read(chunk.inputs, fresh=chunk.fresh), chunk.targets)
            counted = True if chunk.counted is None else chunk.counted
            total += float(nats.sum(where=counted, dtype=np.float64))
        return total

    return sum(shards.map(score, text.columns)) / text.characters
