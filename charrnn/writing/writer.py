"""Texts written side by side, one character of each at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.models.stepper import Stepper
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.writing.choosing import Filter, GumbelNoise, choose

CHECK_STEPS = 64  # between looks for numbers that are not finite


@dataclass(frozen=True)
class Prompt:
    """What a text is asked for with.

    Attributes:
        prime: Text to continue.
        rng: A generator, or a seed for one.
        config: How to write.
    """

    prime: str = ""
    rng: np.random.Generator | int | None = None
    config: SamplingConfig = field(default=SamplingConfig())


class Writer:
    """Writes ``B`` texts side by side, one character of each at a time.

    Args:
        prompts: One for each text. Lengths and other ends are not for the writer, who writes on.

    Raises:
        InputError: All characters are banned.
        UnknownCharacterError: A prime has a character that the model does not know.
    """

    def __init__(self, model: CharacterModel, prompts: Sequence[Prompt]) -> None:
        configs = [prompt.config for prompt in prompts]
        rngs = [np.random.default_rng(prompt.rng) for prompt in prompts]
        self._model = model
        self._cut = Filter.of(model.vocabulary, configs)
        self._noise = GumbelNoise(
            rngs, len(model.vocabulary), [config.temperature for config in configs]
        )
        workspace = Workspace()
        read = {  # equal ones once
            prime: read_prime(model, prime, workspace=workspace, checked=False)
            for prime in dict.fromkeys(prompt.prime for prompt in prompts)
        }
        logits, states = zip(*(read[prompt.prime] for prompt in prompts), strict=True)
        self._logits = np.concatenate(logits, axis=-1)
        self._stepper = Stepper(model.network, model.parameters, np.concatenate(states, axis=-1))
        self._chosen: Ids | None = None
        self._written = 0

    def next(self) -> Ids:
        """The next character of each text, ``(B,)``.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        if self._chosen is not None:
            self._logits = self._stepper.step(self._chosen)
        if self._written % CHECK_STEPS == 0 and not np.isfinite(self._logits).all():
            raise CheckpointError("the model cannot be written with: its numbers overflow")
        self._written += 1
        logits = self._logits if self._cut is None else self._cut(self._logits)
        self._chosen = choose(logits, next(self._noise.rows))
        return self._chosen

    def nats(self) -> Array:
        """How unexpected each of the characters just written is to the model, ``(B,)``."""
        assert self._chosen is not None  # something has been written
        return cross_entropy_(self._logits.copy(), self._chosen)

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""
        state = self._stepper.state[..., columns]
        self._stepper = Stepper(self._model.network, self._model.parameters, state)
        self._noise.keep(columns)
        if self._cut is not None:
            self._cut.keep(columns)
        if self._chosen is not None:
            self._chosen = self._chosen[columns]
        self._logits = self._logits[:, columns]
