"""Several versions of what a source is made into: drawn symbol by symbol, as a language model writes, instead of searched for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.decoding import Decoding, known_source, shared_symbols
from charrnn.models.network import Network
from charrnn.nn.functions import Ids
from charrnn.nn.monotonic import TINY
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.labels import Labels
from charrnn.text.symbols import character_of
from charrnn.text.vocabulary import Vocabulary


@dataclass(frozen=True)
class Versions:
    """Models for ``seq2seq`` that write targets of one source, as records: each ends with a line feed. See :meth:`of`.

    Attributes:
        source: In characters that each model knows.
        weights: Of the models, with a sum of 1.
        vocabulary: The symbols of targets, of which one that is no character has a private one, and the line feed, which ends them.
    """

    models: tuple[CharacterModel, ...]
    source: str
    weights: tuple[float, ...]
    vocabulary: Vocabulary

    networks: tuple[Network, ...] = ()
    """Compiled steps are for what has no attention."""

    @classmethod
    def of(
        cls,
        models: CharacterModel | Sequence[CharacterModel],
        source: str,
        *,
        weights: Sequence[float] = (),
        unknown: str = "replace",
        where: str = "",
    ) -> Versions:
        """Join models, and let them read a source.

        Args:
            models: Of several the weighted mean of their probabilities counts, at each symbol.
            source: As it stands in a file.
            weights: In proportion; all the same without them.
            unknown: What becomes of characters and symbols that a model does not know, see :meth:`Vocabulary.known`.
            where: What the source is, for errors.

        Raises:
            InputError: They are not for ``seq2seq``, do not read and write the same, or there is no source; the weights do not fit.
            UnknownCharacterError: There are unknown characters, and ``unknown`` is ``error``.
        """
        models = (models,) if isinstance(models, CharacterModel) else tuple(models)
        shared_symbols(models)
        read = known_source(models, models[0].vocabulary.read(source), unknown, where)
        if not read:
            place = f"{where}: " if where else ""
            raise InputError(f"{place}there is no text to make another one of")
        return cls(models, read, shares(weights, len(models)), target_vocabulary(models[0].labels))


def shares(weights: Sequence[float], count: int) -> tuple[float, ...]:
    """Weights of so many models, in proportion, with a sum of 1; all the same without them.

    Raises:
        InputError: They are not positive numbers, one for each, or one is nothing beside the others.
    """
    weights = weights or (1.0,) * count
    proper = all(0 < weight < math.inf for weight in weights)
    if not proper or len(weights) != count:
        raise InputError(
            f"weights must be positive numbers, one for each model, of which there are {count}"
        )
    if not math.isfinite(total := sum(weights)):  # beyond all numbers, which they are not
        largest = max(weights)
        weights = [weight / largest for weight in weights]
        total = sum(weights)
    parts = tuple(weight / total for weight in weights)
    if not all(parts):
        raise InputError(
            f"weights are too far apart: beside {max(weights):.3g}, {min(weights):.3g} is nothing; leave that model out"
        )
    return parts


def target_vocabulary(labels: Labels) -> Vocabulary:
    """Symbols in the order of their numbers, and the end."""
    config = TextConfig(normalize="none", records=True, tokens=bool(labels.between))
    if not labels.between:
        return Vocabulary("".join(labels.names) + config.end, config)
    private = "".join(map(character_of, range(len(labels))))
    return Vocabulary(private + config.end, config, labels.names)


class OneSource:
    """The :class:`charrnn.models.continuing.Continuation` of ``count`` versions; ``logits`` are log p."""

    def __init__(self, versions: Versions, count: int) -> None:
        self._weights, self._places = versions.weights, shared_symbols(versions.models)
        self._parts = [
            Decoding(model, [versions.source], count, Workspace()) for model in versions.models
        ]
        self.step(np.full(count, len(versions.vocabulary) - 1))  # which stands before a target, too

    def step(self, ids: Ids) -> None:
        p: Array | float = 0.0
        for part, places, weight in zip(self._parts, self._places, self._weights, strict=True):
            p = p + weight * part.step(places[ids][:, None])[places, :, 0]
        self.logits = np.log(np.maximum(p, TINY)).astype(np.float32)

    def keep(self, columns: NDArray[np.intp]) -> None:
        self.logits = self.logits[:, columns]
        self._parts = [part.kept(beginnings=columns) for part in self._parts]

    def join(self, _other: OneSource) -> None:
        raise NotImplementedError("versions of a source begin together")
