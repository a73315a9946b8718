"""Texts that a model continues side by side, a character of each at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.models.stepper import Begin, Stepper
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

Kind = TypeVar("Kind", bound="Continuation")


class Continuation(Protocol):
    """``B`` texts, as far as they have been read.

    Attributes:
        logits: ``(K, B)``, scores of what could follow. The next step overwrites the array.
    """

    logits: Array

    def step(self, ids: Ids) -> None:
        """Read ``(B,)`` ids, one more character of each text."""

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""

    def join(self: Kind, other: Kind) -> None:  # noqa: PYI019 (typing.Self is younger than Python 3.10)
        """Go on with further texts, too, of another one of the kind by the same numbers."""


class OneModel:
    """The :class:`Continuation` of primes by one model; errors as those of :func:`read_prime`."""

    def __init__(
        self, model: CharacterModel, primes: Sequence[str], begin: Begin = Stepper
    ) -> None:
        workspace = Workspace()
        read = {  # equal ones once
            prime: read_prime(model, prime, workspace=workspace, checked=False)
            for prime in dict.fromkeys(primes)
        }
        logits, states = zip(*(read[prime] for prime in primes), strict=True)
        self.logits = np.concatenate(logits, axis=-1)
        self._stepper = begin(model.network, model.parameters, np.concatenate(states, axis=-1))

    def step(self, ids: Ids) -> None:
        self.logits = self._stepper.step(ids)

    def step_some(self, ids: Ids, reading: NDArray[np.bool_]) -> None:
        """As :meth:`step`, but only the texts that are ``reading``, ``(B,)``, have a further character."""
        logits, state = self.logits[:, ~reading], self._stepper.state[..., ~reading]
        self.step(ids)
        self.logits[:, ~reading], self._stepper.state[..., ~reading] = logits, state

    def keep(self, columns: NDArray[np.intp]) -> None:
        self.logits = self.logits[:, columns]
        self._stepper = self._stepper.going_on(self._stepper.state[..., columns])

    def join(self, other: OneModel) -> None:
        self.logits = np.concatenate([self.logits, other.logits], axis=1)
        states = [one._stepper.state for one in (self, other)]
        self._stepper = self._stepper.going_on(np.concatenate(states, axis=-1))
