"""How well a model predicts a text that it was not trained on."""

from __future__ import annotations

from functools import partial

import numpy as np

from charrnn.models.language_model import LanguageModel
from charrnn.models.reading import ChunkReader
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk, Chunks


def evaluate(network: LanguageModel, params: Parameters, text: Chunks, shards: Shards) -> float:
    """Mean negative log-likelihood in nats for each character, read from left to right.

    Numbers that are not finite make it infinite or NaN: whoever trains goes back then.
    """
    readers: dict[int, ChunkReader] = {}
    totals = [0.0] * shards.count

    def score(chunk: Chunk, index: int, columns: slice, workspace: Workspace) -> None:
        if columns.start == columns.stop:
            return
        if index not in readers:
            width = columns.stop - columns.start
            readers[index] = ChunkReader(network, params, width, workspace=workspace, checked=False)
        inputs, targets = chunk.inputs[:, columns], chunk.targets[:, columns]
        nats = readers[index].nats(inputs, targets, fresh=chunk.fresh[columns])
        counted = True if chunk.counted is None else chunk.counted[:, columns]
        totals[index] += float(nats.sum(where=counted, dtype=np.float64))

    for index in range(len(text)):  # each is made once, whatever the number of shards
        shards.map(partial(score, text.chunk(index)), text.columns)
    return sum(totals) / text.characters
