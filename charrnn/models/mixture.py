"""Several models that write one text together: their predictions are averaged at each character.

p(c) = Σᵢ wᵢ pᵢ(c), the linear interpolation of Jelinek and Mercer (Interpolated estimation of Markov
source parameters from sparse data, 1980). Each model has a vocabulary of its own, and these are
joined: to a character that it does not know a model gives no probability, and where one has been
written it reads what stands in for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.fields import check, checks
from charrnn.models.character_model import CharacterModel
from charrnn.models.continuing import Continuation, OneModel
from charrnn.models.network import Network
from charrnn.models.stepper import Begin, Stepper
from charrnn.models.versions import OneSource, Versions, shares
from charrnn.nn.functions import Ids
from charrnn.nn.loss import log_softmax
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Mixture:
    """Models that read the same kind of text, and the weight of each; see :meth:`of`.

    Attributes:
        weights: Positive, with a sum of 1.
        vocabulary: That of the first model, and after it what the others know beside it.
    """

    models: tuple[CharacterModel, ...]
    weights: tuple[float, ...]
    vocabulary: Vocabulary

    @classmethod
    @checks
    def of(cls, models: Iterable[CharacterModel], weights: Iterable[float] = ()) -> Mixture:
        """Join models.

        Args:
            weights: One for each, in proportion; all the same without them.

        Raises:
            InputError: There is no model, they read text in different ways, or the weights do not fit.
        """
        models, weights = tuple(models), tuple(weights)
        check("models", tuple[CharacterModel, ...], models)
        check("weights", tuple[float, ...], weights)
        if not models:
            raise InputError("a mixture needs a model")
        weights = shares(weights, len(models))
        kinds = list(dict.fromkeys(model.vocabulary.config for model in models))
        if len(kinds) > 1:
            raise InputError(
                f"one model writes {kinds[0]} and another {kinds[1]}; they cannot write together"
            )
        vocabulary = reduce(Vocabulary.extended_by, (m.vocabulary.characters for m in models[1:]),
                            models[0].vocabulary)  # fmt: skip
        return cls(models, weights, vocabulary)

    @property
    def networks(self) -> tuple[Network, ...]:
        return tuple(model.network for model in self.models)


Writable = CharacterModel | Mixture | Versions
"""What can write: it has a ``vocabulary`` and ``networks``, and :func:`continued` reads with it."""


def continued(model: Writable, primes: Sequence[str], begin: Begin = Stepper) -> Continuation:
    """Begin to continue texts.

    Args:
        primes: Of versions of a source they are empty.
        begin: Makes what reads on.

    Raises:
        UnknownCharacterError: A prime has a character that the model does not know.
    """
    if isinstance(model, Versions):
        if any(primes):
            raise InputError("what is made of a source has no prime")
        return OneSource(model, len(primes))
    if isinstance(model, Mixture):
        return Together(model, primes, begin)
    return OneModel(model, primes, begin)


class Together:
    """The :class:`Continuation` of primes by a mixture; ``logits`` are log p."""

    def __init__(self, mixture: Mixture, primes: Sequence[str], begin: Begin = Stepper) -> None:
        joined = mixture.vocabulary
        for prime in primes:
            joined.encode(prime)
        self._size = len(joined)
        self._parts = [
            OneModel(model, [model.vocabulary.known(prime, "replace") for prime in primes], begin)
            for model in mixture.models
        ]
        known = [model.vocabulary for model in mixture.models]
        self._rows = [joined.encode(vocabulary.characters) for vocabulary in known]
        self._read_as = [_read_as(joined, vocabulary) for vocabulary in known]
        self._log_weights = [math.log(weight) for weight in mixture.weights]
        self.logits = self._mixed()

    def step(self, ids: Ids) -> None:
        for part, read_as in zip(self._parts, self._read_as, strict=True):
            for read in read_as[:, ids]:
                reading = read >= 0
                if reading.all():
                    part.step(read)
                elif reading.any():
                    part.step_some(read, reading)
        self.logits = self._mixed()

    def keep(self, columns: NDArray[np.intp]) -> None:
        for part in self._parts:
            part.keep(columns)
        self.logits = self.logits[:, columns]

    def join(self, other: Together) -> None:
        for part, further in zip(self._parts, other._parts, strict=True):
            part.join(further)
        self.logits = np.concatenate([self.logits, other.logits], axis=1)

    def _mixed(self) -> Array:
        mixed = np.full((self._size, self._parts[0].logits.shape[1]), -np.inf, np.float32)
        for part, rows, log_weight in zip(self._parts, self._rows, self._log_weights, strict=True):
            mixed[rows] = np.logaddexp(mixed[rows], log_softmax(part.logits) + log_weight)
        return mixed


def _read_as(joined: Vocabulary, known: Vocabulary) -> NDArray[np.intp]:
    """``(longest, K)``: what a model reads for each joined character, then -1 where that is no more."""
    stand_ins = [known.encode(known.known(character, "replace")) for character in joined.characters]
    read = np.full((max(map(len, stand_ins)), len(joined)), -1, np.intp)
    for column, ids in enumerate(stand_ins):
        read[: len(ids), column] = ids
    return read
