"""Where a text surprises a model, and what it would have expected there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CheckpointError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parallel import warm_up
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.training.evaluation import bits
from charrnn.writing.sampling import line_start
from charrnn.writing.scoring import STEPS


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
    warm_up()
    vocabulary, network = model.vocabulary, model.network
    targets = vocabulary.encode(text).astype(np.intp)
    inputs = np.concatenate([vocabulary.encode(line_start(model)), targets[:-1]]).astype(np.intp)
    count = min(guesses, len(vocabulary))
    nats, entropy = np.empty(len(text)), np.empty(len(text))
    best, likely = np.empty((len(text), count), np.intp), np.empty((len(text), count))

    workspace = Workspace()
    for record in _records(text, vocabulary.config.end):
        state = network.zero_state(1)
        for start in range(record.start, record.stop, STEPS):
            part = slice(start, min(start + STEPS, record.stop))
            with np.errstate(all="ignore"):
                logits, state = network.logits(
                    model.parameters, inputs[part, None], state, workspace
                )
                log_p = _log_softmax(logits[:, :, 0])
            if not np.isfinite(log_p).all():
                raise CheckpointError("the model cannot be read with: its numbers overflow")
            nats[part] = -np.take_along_axis(log_p, targets[None, part], axis=0)[0]
            entropy[part] = -(np.exp(log_p) * log_p).sum(axis=0)
            order = np.argpartition(-log_p, count - 1, axis=0)[:count]
            ranked = np.argsort(-np.take_along_axis(log_p, order, axis=0), axis=0, kind="stable")
            order = np.take_along_axis(order, ranked, axis=0)
            best[part], likely[part] = order.T, np.exp(np.take_along_axis(log_p, order, axis=0)).T
    named = vocabulary.decode(best.ravel())
    rows = tuple(named[start : start + count] for start in range(0, len(named), count))
    return Surprise(text, bits(nats), bits(entropy), rows, likely)


def _records(text: str, end: str) -> list[slice]:
    """The parts that are read from the zero state: all of a text, or each record with its end."""
    if not end:
        return [slice(0, len(text))]
    starts = [0, *(place + 1 for place, character in enumerate(text) if character == end)]
    stops = [*starts[1:], len(text)]
    return [slice(a, b) for a, b in zip(starts, stops, strict=True) if b > a]


def _log_softmax(logits: NDArray[Any]) -> Array:
    """``(K, T)`` in float64: log of the probabilities, each column's by itself."""
    scores = logits.astype(np.float64)
    scores -= scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores
