"""How well a model predicts a text that it was not trained on, and whether it learns another by heart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.models.language_model import LanguageModel
from charrnn.models.reading import ChunkReader
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunks
from charrnn.training.run import Evaluation

OVERFITTED = 1.02  # times the best validation loss; a lower training loss is then learnt by heart


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


def is_overfitted(evaluation: Evaluation, history: Sequence[Evaluation]) -> bool:
    """Whether it is clearly worse than the best one before, but better on what was trained on."""
    validated = [(e.validation_loss, e) for e in history if e.validation_loss is not None]
    if not validated or evaluation.validation_loss is None:
        return False
    least, best = min(validated, key=lambda pair: pair[0])
    worse = evaluation.validation_loss > OVERFITTED * least
    return worse and evaluation.train_loss < best.train_loss
