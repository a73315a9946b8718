"""What a model expects next, at several temperatures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.nn.parameters import Array
from charrnn.writing.choosing import COLDEST, HOTTEST


@dataclass(frozen=True)
class Following:
    """The distributions of the character after a prime.

    Attributes:
        prime: What was read.
        characters: The vocabulary, K characters.
        temperatures: Of each distribution.
        probabilities: ``(n, K)``, softmax(logits / temperature); at temperature 0 all of it is on
            the likeliest character.
    """

    prime: str
    characters: str
    temperatures: tuple[float, ...]
    probabilities: Array

    @property
    def entropy(self) -> Array:
        """``(n,)`` bits: how undecided each distribution is."""
        p = self.probabilities
        entropy: Array = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=1)
        return np.abs(entropy)  # no -0


def read_following(
    model: CharacterModel, prime: str, temperatures: Sequence[float] = (0.5, 1.0, 1.5)
) -> Following:
    """Read a prime as ``charrnn sample`` does, and tell what could follow.

    Raises:
        InputError: A temperature is not a number of 0 or more.
        UnknownCharacterError: The prime has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    for temperature in temperatures:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise InputError(f"a temperature must be 0 or more, not {temperature:g}")
    logits, _ = read_prime(model, prime)
    scores = logits[:, 0].astype(np.float64)
    divisors = np.clip(np.array(temperatures, np.float64), COLDEST, HOTTEST)
    with np.errstate(over="ignore"):  # exp(-inf) is the right 0
        weights = np.exp((scores - scores.max()) / divisors[:, None])
    return Following(
        prime,
        model.vocabulary.characters,
        tuple(temperatures),
        weights / weights.sum(axis=1, keepdims=True),
    )
