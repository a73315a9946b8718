"""Writing: characters drawn one after the other from the model's own predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import takewhile

import numpy as np

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.functions import Ids
from charrnn.nn.loss import softmax_
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

PRIME_STEPS = 256  # characters of a prime that are read at once; bounds the memory


def generate(
    model: CharacterModel,
    *,
    prime: str = "",
    length: int = 1000,
    temperature: float = 1.0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[str]:
    """Continue ``prime``, character by character.

    Args:
        model: Who writes.
        prime: Text that comes before; it is not part of what is yielded. Without one the model
            starts as at the beginning of a line.
        length: Characters to write.
        temperature: Logits are divided by it: below 1 the model is more cautious, above 1 more
            daring; 0 always takes the likeliest character.
        rng: A generator, or a seed for one.

    Raises:
        InputError: ``length`` or ``temperature`` is negative or not a number.
        UnknownCharacterError: ``prime`` has a character that the model does not know.
    """
    if length < 0:
        raise InputError(f"length must be at least 0, not {length}")
    if not temperature >= 0:
        raise InputError(f"temperature must be at least 0, not {temperature:g}")
    ids = model.vocabulary.encode(prime or _line_start(model))
    return _generate(model, ids, length, temperature, np.random.default_rng(rng))


def generate_records(
    model: CharacterModel,
    *,
    prime: str = "",
    length: int = 1000,
    temperature: float = 1.0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[str]:
    """Records of a model that was trained on records, one after the other, without end.

    Args:
        prime: How each record begins.
        length: Most characters to write after it; a record that is longer is cut.

    Raises:
        InputError: The model is not one of records, or as :func:`generate`.
        UnknownCharacterError: As :func:`generate`.
    """
    end = model.vocabulary.config.end
    if not end:
        raise InputError("the model was not trained on records")
    first = rng = np.random.default_rng(rng)
    while True:
        text = generate(model, prime=end + prime, length=length, temperature=temperature, rng=rng)
        yield prime + "".join(takewhile(lambda character: character != end, text))
        (rng,) = first.spawn(1)


def _generate(
    model: CharacterModel, ids: Ids, length: int, temperature: float, rng: np.random.Generator
) -> Iterator[str]:
    reader = Reader(model)
    logits = reader.read(ids)
    for written in range(length):
        chosen = choose(logits, temperature, rng.random())
        yield model.vocabulary.characters[chosen]
        if written < length - 1:
            logits = reader.read(np.array([chosen]))


class Reader:
    """A model in the middle of one text: it remembers what it read and scores what could follow."""

    def __init__(self, model: CharacterModel) -> None:
        self._network, self._params = model.network, model.parameters
        self._state = model.network.zero_state(1)
        self._workspace = Workspace()

    def read(self, ids: Ids) -> Array:
        """Read at least one more character; returns the logits ``(K,)`` of the next one."""
        for start in range(0, len(ids), PRIME_STEPS):
            part = ids[start : start + PRIME_STEPS, None]
            logits, self._state = self._network.logits(
                self._params, part, self._state, self._workspace
            )
        last: Array = logits[:, -1, 0]
        return last


def choose(logits: Array, temperature: float, draw: float) -> int:
    """Pick a character by inverting the cumulative distribution softmax(logits / temperature).

    Args:
        logits: ``(K,)``.
        temperature: 0 picks the largest logit.
        draw: Uniform in [0, 1).
    """
    if temperature == 0:
        return int(logits.argmax())
    scores = logits.astype(np.float64)
    scores -= scores.max()  # before the division, so that no temperature overflows
    if math.isfinite(temperature):
        with np.errstate(over="ignore"):  # a score of -inf is a probability of 0
            scores /= temperature
    else:
        scores[:] = 0
    softmax_(scores)
    cumulative = scores.cumsum()
    # The sum falls short of 1 or exceeds it by rounding: scale the draw rather than every number.
    return int(cumulative.searchsorted(draw * cumulative[-1], side="right"))


def _line_start(model: CharacterModel) -> str:
    """What an unprimed text is taken to follow."""
    characters = model.vocabulary.characters
    return "\n" if "\n" in model.vocabulary else characters[0]
