"""The choice of a next character: cutting off the unwanted, and drawing by Gumbel noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.errors import InputError
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary

HOTTEST = 1e30  # hotter makes no difference, but could overflow
COLDEST = 1e-30


def choose(logits: Array, noise: Array) -> Ids:
    """The character of each text whose score with its noise is the largest.

    With noise of :class:`GumbelNoise` this draws from softmax(logits / temperature) (Gumbel 1954;
    Maddison, Tarlow, Minka, arXiv 1411.0030): two passes over the logits, no exponential, and at
    temperature 0 just the largest. Shapes: ``(B,)`` from ``(K, B)`` and ``(K, B)``.
    """
    chosen: Ids = np.add(logits, noise).argmax(axis=0)
    return chosen


class GumbelNoise:
    """Endless float32 noise ``(K, B)``: -log of an exponential draw, times the temperature.

    Each column comes from its own generator, in an order that nothing else has a part in. ``rows``
    iterates over it.
    """

    def __init__(
        self,
        rngs: Sequence[np.random.Generator],
        vocabulary_size: int,
        temperatures: Sequence[float],
    ) -> None:
        self._rngs, self._vocabulary_size = rngs, vocabulary_size
        self._scales = np.minimum(temperatures, HOTTEST)
        self._drawn: Iterator[Array] = iter(())
        self.rows: Iterator[Array] = self._draw()

    def _draw(self) -> Iterator[Array]:
        shape = max(1, 8192 // (self._vocabulary_size * len(self._rngs))), self._vocabulary_size
        while True:
            draws = np.stack([rng.standard_exponential(shape) for rng in self._rngs], axis=-1)
            self._drawn = iter((-self._scales * np.log(draws)).astype(np.float32))
            yield from self._drawn

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts, as if the others had never been there."""
        self._rngs = [self._rngs[column] for column in columns]
        self._scales = self._scales[columns]
        self._drawn = iter([noise[:, columns] for noise in self._drawn])
        self.rows = chain(self._drawn, self._draw())


class Filter:
    """Cuts characters off: their logits become minus infinity, which no draw chooses.

    First banned characters go, then all but the ``top_k`` likeliest of the rest, then all of these
    that are not among the likeliest with together ``top_p`` of their probability. At least one
    is left. Of equal ones the first in the vocabulary counts as the likelier, as at temperature 0.

    Raises:
        InputError: All characters are banned.
    """

    def __init__(self, vocabulary: Vocabulary, configs: Sequence[SamplingConfig]) -> None:
        size = len(vocabulary)
        self._banned = np.array(
            [[character in config.ban for config in configs] for character in vocabulary.characters]
        )
        if self._banned.all(axis=0).any():
            raise InputError("ban leaves no character to write")
        self._top_k = np.array([config.top_k or size for config in configs])
        self._top_p = np.array([config.top_p for config in configs])
        temperatures = [config.temperature for config in configs]
        self._temperatures = np.clip(temperatures, COLDEST, HOTTEST)
        self._rank = np.arange(size)[:, None]

    @classmethod
    def of(cls, vocabulary: Vocabulary, configs: Sequence[SamplingConfig]) -> Filter | None:
        """A filter, if anything is to be cut off."""
        needed = any(config.ban or config.top_k or config.top_p < 1 for config in configs)
        return cls(vocabulary, configs) if needed else None

    def __call__(self, logits: Array) -> Array:
        """New logits ``(K, B)``, from ``(K, B)``."""
        left = np.where(self._banned, -np.inf, logits)
        unranked = (self._top_k >= len(left)) & (self._top_p >= 1)
        if unranked.all():
            return left
        order = np.argsort(-left, axis=0, kind="stable")
        ranked = np.take_along_axis(left, order, axis=0)
        cut = self._rank >= self._top_k
        with np.errstate(over="ignore"):  # a score of -inf is a probability of 0
            scores = (ranked - ranked[0]).astype(np.float64) / self._temperatures
        probabilities = np.exp(np.where(cut, -np.inf, scores))
        before = probabilities.cumsum(axis=0) - probabilities
        # Rounding could cut at a top_p of 1 what is very unlikely, but possible.
        cut |= (self._top_p < 1) & (before >= self._top_p * probabilities.sum(axis=0))
        cut[0] = False
        np.put_along_axis(left, order, np.where(cut, -np.inf, ranked), axis=0)
        return left

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts."""
        self._banned = self._banned[:, columns]
        self._top_k, self._top_p = self._top_k[columns], self._top_p[columns]
        self._temperatures = self._temperatures[columns]
