"""DRY, "don't repeat yourself": a penalty for going on with what stands in the text already.

By Philipp Emanuel Weidmann (p-e-w), text-generation-webui, pull request 5677, 2024. If the last ``n``
characters stand somewhere before, and there a character follows, then that one loses

    dry * dry_base ** (n - dry_length)        where n >= dry_length

of its logit; with several such places the longest ``n`` counts. A loop becomes the dearer the longer
it goes on, until it is left where another character is not much less likely: mostly at the start
of a word. Short repetitions, which are what language is made of, cost nothing.

The defaults are for characters. A token of the language models that DRY was made for has about four, so
the base of 1.75 there is 1.15 = 1.75^(1/4) here; and the usual words in a row, "in the case of", which
no one takes for a loop, are up to 16 characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.filters import Filter, named_in

WINDOW = 4096  # characters that are looked back; a longer loop is not seen
LARGEST = 1e30  # penalty: of no logit is anything left, and nothing overflows


class Dry(Filter):
    """Penalises loops.

    A repetition is known by its lag, how far back the same characters stand: for each lag it is counted for
    how many characters the text has been the same as that far back. One more character makes each
    count one larger, or 0. So a character costs a few operations on ``(B, WINDOW)`` numbers, however
    long the text and its repetitions are.
    """

    @staticmethod
    def wanted(config: SamplingConfig) -> bool:
        return config.dry > 0

    def __init__(
        self, vocabulary: Vocabulary, configs: Sequence[SamplingConfig], primes: Sequence[str]
    ) -> None:
        self._strengths = np.array([config.dry for config in configs])
        self._bases = np.array([config.dry_base for config in configs])
        self._lengths = np.array([config.dry_length for config in configs])[:, None]
        self._breakers = named_in([config.dry_breakers for config in configs], vocabulary).T
        self._texts = np.arange(len(configs))
        # The last half of this or more is what was written; -1 stands before a text.
        self._written = np.full((len(configs), 2 * WINDOW), -1, np.int32)
        self._end = WINDOW
        self._runs = np.zeros((len(configs), WINDOW), np.int32)
        read = [vocabulary.encode(prime[-2 * WINDOW :]) for prime in primes]
        for place in range(-max(map(len, read)), 0):
            self.read(
                np.array([ids[place] if len(ids) >= -place else -1 for ids in read], np.int32)
            )

    @property
    def _past(self) -> NDArray[np.int32]:
        """``(B, WINDOW)``: in its last column what was written last, at a lag of one character."""
        return self._written[:, self._end - WINDOW : self._end]

    def read(self, ids: Ids) -> None:
        ids = ids.astype(np.int32)
        self._runs += 1
        self._runs *= self._past == ids[:, None]
        self._runs[self._breakers[self._texts, ids]] = 0
        if self._end == 2 * WINDOW:
            self._written[:, :WINDOW] = self._written[:, WINDOW:]
            self._end = WINDOW
        self._written[:, self._end] = ids
        self._end += 1

    def __call__(self, logits: Array, _temperatures: Array) -> None:
        if (self._runs.max(axis=1) < self._lengths[:, 0]).all():
            return
        # To look for them in two dimensions takes ten times as long.
        places = np.flatnonzero(self._runs >= self._lengths)
        texts, places = np.divmod(places, WINDOW)
        ids, lengths = self._past[texts, places], self._runs[texts, places]
        with np.errstate(over="ignore"):
            steepness = self._bases[texts] ** (lengths - self._lengths[texts, 0])
            penalties = np.minimum(self._strengths[texts] * steepness, LARGEST)
        penalties[(ids < 0) | self._breakers[texts, ids]] = 0
        largest = np.zeros(logits.shape, logits.dtype)
        np.maximum.at(largest, (ids, texts), penalties.astype(logits.dtype))
        logits -= largest

    def keep(self, columns: NDArray[np.intp]) -> None:
        self._strengths, self._bases = self._strengths[columns], self._bases[columns]
        self._lengths, self._breakers = self._lengths[columns], self._breakers[columns]
        self._texts = np.arange(len(columns))
        self._written, self._runs = self._written[columns], self._runs[columns]

    def join(self, other: Dry) -> None:
        # Each has its own place in what was written; the window before it is all that matters.
        pasts = np.concatenate([self._past, other._past])
        self._written, self._end = np.full((len(pasts), 2 * WINDOW), -1, np.int32), WINDOW
        self._written[:, :WINDOW] = pasts
        self._runs = np.concatenate([self._runs, other._runs])
        self._strengths = np.concatenate([self._strengths, other._strengths])
        self._bases = np.concatenate([self._bases, other._bases])
        self._lengths = np.concatenate([self._lengths, other._lengths])
        self._breakers = np.concatenate([self._breakers, other._breakers])
        self._texts = np.arange(len(pasts))
