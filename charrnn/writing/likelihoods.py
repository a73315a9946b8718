"""How likely characters were to the model, and which others were the likeliest: its own probabilities, at temperature 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import STEPS, ChunkReader
from charrnn.nn.functions import Ids
from charrnn.nn.loss import log_softmax
from charrnn.nn.parameters import Array


class Likelihoods(NamedTuple):
    """Of ``N`` characters in a row; logs are natural ones.

    Attributes:
        own: ``(N,)``, the log-probability of each.
        ids: ``(N, k)``, the likeliest ones in its place, the best first.
        best: ``(N, k)``, the log-probability of these.
    """

    own: NDArray[np.float64]
    ids: NDArray[np.intp]
    best: NDArray[np.float64]

    def cut(self, count: int) -> Likelihoods:
        """Those of the first characters."""
        return Likelihoods(self.own[:count], self.ids[:count], self.best[:count])

    def after(self, count: int) -> Likelihoods:
        """Those of all but the first characters."""
        return Likelihoods(self.own[count:], self.ids[count:], self.best[count:])

    def and_then(self, *further: Likelihoods) -> Likelihoods:
        """Those of what follows, too."""
        return Likelihoods(*map(np.concatenate, zip(self, *further, strict=True)))


def likelihoods(logits: Array, ids: Ids, alternatives: int) -> Likelihoods:
    """Those of ``(N,)`` characters, each of which ``(K, N)`` logits predict, with so many others."""
    scores = log_softmax(logits.astype(np.float64)).T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :alternatives]
    own = scores[np.arange(len(ids)), ids]
    return Likelihoods(own, order, np.take_along_axis(scores, order, axis=1))


def of_prime(
    model: CharacterModel,
    prime: str,
    alternatives: int,
    unwanted: Callable[[], bool] = lambda: False,
) -> Likelihoods:
    """Those of the characters of a prime, as it is read to be continued: nothing predicts the first one, unless a record's end does.

    Args:
        unwanted: Asked on the way; where nobody wants them any more, those of the first characters will do.

    Returns:
        Of ``len(prime)`` characters, or of all but the first one.

    Raises:
        UnknownCharacterError: The prime has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    ids = model.vocabulary.encode(model.beginning(prime) if prime else "").astype(np.intp)
    reader = ChunkReader(model.network, model.parameters, 1)
    found = [likelihoods(np.empty((len(model.vocabulary), 0)), ids[:0], alternatives)]
    for start in range(0, len(ids) - 1, STEPS):
        if unwanted():
            break
        part = slice(start, min(start + STEPS, len(ids) - 1))
        logits = reader.read(ids[part, None])[:, :, 0]
        found.append(likelihoods(logits, ids[1:][part], alternatives))
    return found[0].and_then(*found[1:])
