"""Learning from a text while it is read: dynamic evaluation (Krause, Kahembwe, Murray, Renals, ICML 2018, arXiv 1709.07432).

A text is read from left to right in chunks of ``CHUNK`` characters. Each is scored with the weights as they are before it; then
these take a step against the gradient *g* of its mean loss (truncated back-propagation), each weight in its own measure, and a step
back towards the weights θ₀ that the model came with. With the rate η, the decay λ and the damping d, all of it for each weight by itself:

    r = sqrt(E g²),  m = mean of r over all weights
    θ ← θ - η g / (r + d m) + min(λ r / m, 1) (θ₀ - θ)

g / (r + d m) is clipped so that the root of its mean square is ``LARGEST`` at most: what is like nothing that the model has
learnt, such as binary data, would lead it astray.

The paper takes E g² from the gradients of training. Here it is that of texts that the model writes itself, which makes it the diagonal of
Fisher's information matrix: a file need not hold anything of the run, and whatever optimiser it had is as good. Damping is relative, and
not small: weights of rare characters, which hardly occur in those texts, would else take steps as large as they are little known.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from charrnn.config import ADAPT_ONCE_RATE, ADAPT_RATE, AdaptRate, SamplingConfig
from charrnn.errors import CheckpointError
from charrnn.fields import checks
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import ChunkReader
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import single_threaded_blas, warm_up
from charrnn.nn.parameters import Array
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Prompt

CHUNK = 20  # characters that are scored with the same weights; a record's end ends a chunk, too
RATE_TIMES_HIDDEN_SIZE = 0.2
"""The rate η of 1: as in training the best one goes down as a layer gets wider (Yang et al., arXiv 2203.03466)."""
DECAY = 0.0005  # half of what was learnt is forgotten after some 28,000 characters
DAMPING = 0.1
LARGEST = 3.0  # times a typical gradient, to which the few that are larger are clipped
OWN_CHARACTERS, OWN_RECORDS, LONGEST_RECORD = 4000, 400, 100  # written to measure gradients


class _ChunkLearner(ABC):
    """Scores a text from its beginning, chunk by chunk, and has its use of each one's gradient.

    Args:
        model: Of running text, or of records, each of which begins anew. It stays as it is.

    Raises:
        InputError: The model reads whole texts only, or writes for a label, and none is chosen.
    """

    def __init__(self, model: CharacterModel) -> None:
        warm_up()
        vocabulary, self._network = model.vocabulary, model.network
        self._params, self._gradients = model.parameters.copy(), model.parameters.zeros()
        self._end = (
            int(vocabulary.encode(vocabulary.config.end)[0]) if vocabulary.config.end else -1
        )
        self._start = self._network.begin(self._params, 1)  # the state before the chunk
        self._reader = ChunkReader(self._network, self._params, 1, state=self._start)
        self._chunk = vocabulary.encode(model.beginning())  # and the character before it
        self._pieces = 0  # in which it was read

    def read(self, ids: Ids) -> Array:
        """How unexpected the next ``(N,)`` ids are: -log of their probabilities, float64.

        What is learnt depends on the text alone, not on the pieces in which it comes; the answers do so to rounding.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        nats, at = np.empty(ids.shape), 0
        with single_threaded_blas():
            while at < len(ids):
                part = ids[at : at + CHUNK + 1 - len(self._chunk)]
                part = part[: np.append(part == self._end, True).argmax() + 1]
                nats[at : at + len(part)] = self._scored(part)
                at += len(part)
                if len(self._chunk) > CHUNK or part[-1] == self._end:
                    self.finish()
        return nats

    def finish(self) -> None:
        """Learn from what has been read, though it may be less than a chunk; the next one begins here."""
        if self._pieces > 1:  # what the layers keep is of the last one alone
            whole, self._chunk, self._reader.state = self._chunk, self._chunk[:1], self._start
            self._scored(whole[1:])
        if len(self._chunk) > 1:
            self._gradients.flat.fill(0)
            self._dlogits *= 1 / CHUNK
            with np.errstate(all="ignore"):
                self._network.backward(
                    self._params,
                    self._gradients,
                    self._dlogits,
                    np.zeros_like(self._start),
                    self._reader.workspace,
                )
                self._use(self._gradients.flat)
        self._chunk, self._pieces = self._chunk[-1:], 0
        state = self._reader.state
        if self._chunk[0] == self._end or not np.isfinite(state).all():
            state = self._network.begin(self._params, 1)
        self._start = self._reader.state = state

    def _scored(self, part: Ids) -> Array:
        """Read on in a chunk."""
        logits = self._logits(np.append(self._chunk[-1:], part[:-1])[:, None])
        self._chunk, self._pieces = np.append(self._chunk, part), self._pieces + 1
        nats: Array = cross_entropy_(logits, part[:, None])[:, 0]
        self._dlogits = logits
        return nats

    def _logits(self, inputs: Ids) -> Array:
        return self._reader.read(inputs)

    @abstractmethod
    def _use(self, gradient: Array) -> None:
        """Make use of a chunk's gradient, ``(size,)``, which may be overwritten."""


class Adapter(_ChunkLearner):
    """Scores a text as :class:`~charrnn.writing.scoring.Scorer` does, and learns from what it has read.

    If numbers overflow on the way, it goes on with the weights that the model came with.

    Args:
        rate: How far a step goes, in times of what does for most; with 0 nothing is learnt.

    Raises:
        CheckpointError: The model's numbers overflow as they are.
    """

    def __init__(self, model: CharacterModel, rate: float = ADAPT_RATE) -> None:
        super().__init__(model)
        self._model, self._origin, self._moved = model, model.parameters.flat, False
        root = _typical_gradient(model) if rate else np.ones_like(self._origin)
        mean = root.mean() or 1.0  # of a model that learns nothing from anything
        self._rate = rate * RATE_TIMES_HIDDEN_SIZE / model.config.hidden_size
        self._measure = 1 / (root + DAMPING * mean)
        self._shares = np.minimum(DECAY / mean * root, 1)

    @property
    def model(self) -> CharacterModel:
        """The model as it has become; what is read later does not change it."""
        return replace(self._model, parameters=self._params.copy())

    def _use(self, gradient: Array) -> None:
        weights = self._params.flat
        back = self._origin - weights
        back *= self._shares
        gradient *= self._measure
        size = math.sqrt(np.dot(gradient, gradient) / gradient.size)
        gradient *= self._rate * min(1.0, LARGEST / size if size else 1.0)
        weights -= gradient
        weights += back
        self._moved = True
        if not np.isfinite(np.dot(weights, weights)):
            self._go_back()

    def _logits(self, inputs: Ids) -> Array:
        before = self._reader.state
        try:
            return super()._logits(inputs)
        except CheckpointError:
            if not self._moved:
                raise
            self._go_back()
            self._reader.state = before
            return super()._logits(inputs)

    def _go_back(self) -> None:
        self._params.flat[...] = self._origin
        self._moved = False


class _Measuring(_ChunkLearner):
    """Takes the mean of the squares of gradients."""

    def __init__(self, model: CharacterModel) -> None:
        super().__init__(model)
        self._sum, self._chunks = np.zeros_like(self._params.flat), 0

    def _use(self, gradient: Array) -> None:
        self._sum += gradient * gradient
        self._chunks += 1

    @property
    def root(self) -> Array:
        """Of that mean."""
        root: Array = np.sqrt(self._sum / self._chunks)
        return root


def _typical_gradient(model: CharacterModel) -> Array:
    """``(size,)``: the root of the mean square of each weight's gradient, over chunks of what the model writes; the same each time."""
    end = model.vocabulary.config.end
    length = LONGEST_RECORD if end else OWN_CHARACTERS
    config = SamplingConfig(length=length)
    texts = [""] * (OWN_RECORDS if end else 1)
    for piece in generate_batch(model, [Prompt("", n, config) for n in range(len(texts))]):
        texts[piece.number] += piece.text
    measuring = _Measuring(model)
    own = "".join(text.removesuffix(end) + end for text in texts)
    measuring.read(model.vocabulary.encode(own))
    measuring.finish()
    return measuring.root


def after_reading(model: CharacterModel, pieces: Iterable[str], rate: float) -> CharacterModel:
    """A model as it has become after it read a text that comes in pieces, of characters that it knows; the given one stays as it is."""
    adapter = Adapter(model, rate)
    for piece in pieces:
        adapter.read(model.vocabulary.encode(piece))
    adapter.finish()
    return adapter.model


@checks
def adapted(
    model: CharacterModel, text: str, *, rate: AdaptRate = ADAPT_ONCE_RATE, unknown: str = "error"
) -> CharacterModel:
    """A model that has read a text once and learnt from it on the way, to go on with it: dynamic evaluation (arXiv 1709.07432).

    Args:
        model: Stays as it is.
        text: Read as a file is; of a model of records each line is one.
        rate: How far it learns, in times of what :func:`charrnn.score` takes by itself; with 0 it does not.
        unknown: What becomes of characters that the model does not know: ``error``, ``skip`` or ``replace`` (by a similar one).

    Raises:
        InputError: The model reads whole texts only.
        UnknownCharacterError: There are unknown characters, and ``unknown`` is ``error``.
        CheckpointError: The model's numbers overflow.
    """
    known = model.vocabulary.known(model.vocabulary.read(text), unknown)
    learnt = after_reading(model.to_learn(), [known], rate)
    return replace(learnt, network=model.network)
