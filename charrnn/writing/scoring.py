"""How unexpected given text is to a model, character by character.

The first character is predicted from what an unprimed text is taken to follow when it is written
(:meth:`~charrnn.models.character_model.CharacterModel.beginning`), read from the zero state. From there
on each is predicted from all before it. The probability is the model's own, at temperature 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import STEPS, ChunkReader
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, default_shards, single_threaded_blas, warm_up
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

MOST = 64  # texts that are read side by side, at most


class Scorer:
    """Reads ``texts`` texts, *B*, side by side, piece by piece, from their beginning."""

    def __init__(
        self, model: CharacterModel, texts: int = 1, workspace: Workspace | None = None
    ) -> None:
        warm_up()
        self._reader = ChunkReader(model.network, model.parameters, texts, workspace=workspace)
        self._before = np.repeat(model.vocabulary.encode(model.beginning())[None], texts, axis=1)

    def read(self, ids: Ids) -> Array:
        """How unexpected the next ``(T, B)`` ids are: -log of their probabilities, float64.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        nats = np.empty(ids.shape)
        read = np.concatenate([self._before, ids])
        for start in range(0, len(ids), STEPS):
            part = slice(start, start + STEPS)
            nats[part] = cross_entropy_(self._reader.read(read[:-1][part]), ids[part])
        self._before = read[-1:]
        return nats


def score_texts(
    model: CharacterModel, texts: Sequence[str], shards: Shards | None = None
) -> list[Array]:
    """Score texts that have nothing to do with each other, each from its beginning.

    Texts of about the same length are read side by side, on threads where there are many.

    Args:
        shards: Threads and their memory, for who calls this again and again.

    Returns:
        For each text how unexpected its characters are, in nats, ``(len(text),)``.

    Raises:
        UnknownCharacterError: A text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    ids = [model.vocabulary.encode(text) for text in texts]
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    groups = [order[start : start + MOST] for start in range(0, len(order), MOST)]
    shards = shards or Shards(min(default_shards(len(ids)), max(1, len(groups))))
    found: list[Array] = [np.empty(0)] * len(ids)

    def score(_index: int, part: slice, workspace: Workspace) -> None:
        for group in groups[part]:
            padded = np.zeros((len(ids[group[-1]]), len(group)), np.intp)
            for column, number in enumerate(group):
                padded[: len(ids[number]), column] = ids[number]
            nats = Scorer(model, len(group), workspace).read(padded)
            for column, number in enumerate(group):
                found[number] = nats[: len(ids[number]), column]

    with single_threaded_blas():
        shards.map(score, len(groups))
    return found
