"""The choice of a next character: drawn by Gumbel noise, at a temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array

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


class Temperatures:
    """The temperature of each text at each of its characters; at most ``HOTTEST``."""

    def __init__(self, configs: Sequence[SamplingConfig]) -> None:
        first = [config.temperature for config in configs]
        last = [
            config.temperature if config.final_temperature is None else config.final_temperature
            for config in configs
        ]
        # Before they are an array, which takes no whole number of any size.
        self._first, self._last = (
            np.array([min(one, HOTTEST) for one in each], np.float64) for each in (first, last)
        )
        self._steps = np.array([max(2, config.length or 0) - 1.0 for config in configs])

    def at(self, start: int | NDArray[np.intp], count: int) -> Array:
        """Those of ``count`` characters, the first of which has the number ``start``, ``(B,)``; ``(count, B)``."""
        way = np.minimum((np.arange(count)[:, None] + start) / self._steps, 1)
        temperatures: Array = self._first + (self._last - self._first) * way
        return temperatures

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts."""
        self._first, self._last = self._first[columns], self._last[columns]
        self._steps = self._steps[columns]

    def join(self, other: Temperatures) -> None:
        """Go on with those of further texts, too."""
        self._first = np.concatenate([self._first, other._first])
        self._last = np.concatenate([self._last, other._last])
        self._steps = np.concatenate([self._steps, other._steps])


class GumbelNoise:
    """Endless float32 noise, an exponential draw's -log times the temperature.

    Each text's comes from its own generator, in an order that nothing else has a part in.
    """

    def __init__(
        self,
        rngs: Sequence[np.random.Generator],
        vocabulary_size: int,
        temperatures: Temperatures,
    ) -> None:
        self._rngs, self._vocabulary_size = list(rngs), vocabulary_size
        self.temperatures = temperatures
        self._steps = np.zeros(len(rngs), np.intp)  # of each text that were drawn for
        self._drawn = self._draw(0)  # and have not been taken yet, ``(count, B, K)``

    def row(self) -> Array:
        """That of the next character of each text, ``(K, B)``."""
        if not len(self._drawn):
            self._drawn = self._draw(max(1, 4096 // self._vocabulary_size))
        row: Array = self._drawn[0].T
        self._drawn = self._drawn[1:]
        return row

    def _draw(self, count: int) -> Array:
        # Each text's numbers side by side, for many steps at once: a text costs few calls, and small arrays.
        shape = count, self._vocabulary_size
        scales = -self.temperatures.at(self._steps, count)
        noise = np.empty((count, len(self._rngs), self._vocabulary_size), np.float32)
        for text, rng in enumerate(self._rngs):
            draws = rng.standard_exponential(shape)
            np.log(draws, out=draws)
            np.multiply(draws, scales[:, text, None], out=noise[:, text], casting="same_kind")
        self._steps += count
        return noise

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts, as if the others had never been there."""
        self._rngs = [self._rngs[column] for column in columns]
        self._steps = self._steps[columns]
        self.temperatures.keep(columns)
        self._drawn = self._drawn[:, columns]

    def join(self, other: GumbelNoise) -> None:
        """Go on with further texts, too, each where it is."""
        count = max(len(self._drawn), len(other._drawn))
        both = [
            np.concatenate([one._drawn, one._draw(count - len(one._drawn))])
            for one in (self, other)
        ]
        self._drawn = np.concatenate(both, axis=1)
        self._rngs += other._rngs
        self._steps = np.concatenate([self._steps, other._steps])
        self.temperatures.join(other.temperatures)
