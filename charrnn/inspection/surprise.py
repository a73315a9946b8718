"""Where a text surprises a model, and what it would have expected there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array


@dataclass(frozen=True)
class Surprise:
    """A text of N characters as a model read it, each predicted from all before it.

    Attributes:
        text: The text.
        bits: ``(N,)``, -log2 of the probability of each character, as ``charrnn score`` has them.
        entropy: ``(N,)``, bits that the model expected to be surprised by: those of each
            prediction itself.
        guesses: For each character the likeliest ones in its place, ``guesses[n]`` as a string.
        probabilities: ``(N, G)``, of these guesses.
    """

    text: str
    bits: Array
    entropy: Array
    guesses: tuple[str, ...]
    probabilities: Array

    @property
    def bits_per_char(self) -> float:
        """The mean."""
        return float(self.bits.mean())

    def most_surprising(self, count: int) -> NDArray[np.intp]:
        """Places in the text, the most surprising first."""
        return np.argsort(-self.bits, kind="stable")[:count]


def read_surprise(model: CharacterModel, text: str, guesses: int = 8) -> Surprise:
    """Read a text and note at each character what was expected.

    The first character follows a line feed, as in :mod:`charrnn.writing.scoring`. A model of records reads
    each line from the zero state.

    Args:
        text: One character at least.
        guesses: Likeliest characters to note, *G* (fewer where the vocabulary is smaller).

    Raises:
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    vocabulary = model.vocabulary
    targets = vocabulary.encode(text)
    count = min(guesses, len(vocabulary))
    nats, entropy = np.empty(len(text)), np.empty(len(text))
    best, likely = np.empty((len(text), count), np.intp), np.empty((len(text), count))
    for passage in read_text(model, text, most=1):
        places, log_p = passage.places[:, 0], _log_softmax(passage.logits[:, :, 0])
        nats[places] = -np.take_along_axis(log_p, targets[None, places], axis=0)[0]
        entropy[places] = -(np.exp(log_p) * log_p).sum(axis=0)
        order = np.argpartition(-log_p, count - 1, axis=0)[:count]
        ranked = np.argsort(-np.take_along_axis(log_p, order, axis=0), axis=0, kind="stable")
        order = np.take_along_axis(order, ranked, axis=0)
        best[places], likely[places] = order.T, np.exp(np.take_along_axis(log_p, order, axis=0)).T
    named = vocabulary.decode(best.ravel())
    rows = tuple(named[start : start + count] for start in range(0, len(named), count))
    return Surprise(text, bits(nats), bits(entropy), rows, likely)


def _log_softmax(logits: NDArray[Any]) -> Array:
    """``(K, T)`` in float64: log of the probabilities, each column's by itself."""
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores
