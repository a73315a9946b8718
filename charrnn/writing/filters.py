"""Filters: what is done to the scores of a next character before it is drawn.

They work in this order: banned characters go, loops are penalised, all but the ``top_k`` likeliest of
the rest go, then all of these that are not among the likeliest with together ``top_p`` of their
probability, then all below ``min_p`` of the likeliest one's. At least one is left. Of equal ones the
first in the vocabulary counts as the likelier, as at temperature 0.

The shares are of the probabilities at the given temperature, those that characters are drawn with: as in
the min-p paper's code (Transformers) and in vLLM, and so that ``top_p`` and ``min_p`` mean the same. (llama.cpp
cuts first, and heats what is left.)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.errors import InputError
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.choosing import COLDEST

Kind = TypeVar("Kind", bound="Filter")


class Filter(ABC):
    """Changes the logits of texts that are written side by side, each column by its own settings.

    Args:
        configs: Of each text, *B* of them.
        primes: What each of them continues.
    """

    @staticmethod
    @abstractmethod
    def wanted(config: SamplingConfig) -> bool:
        """Whether it does anything to a text with such settings."""

    @abstractmethod
    def __init__(
        self, vocabulary: Vocabulary, configs: Sequence[SamplingConfig], primes: Sequence[str]
    ) -> None: ...

    @abstractmethod
    def __call__(self, logits: Array, temperatures: Array) -> None:
        """Change ``(K, B)`` logits in place, at ``(B,)`` temperatures; minus infinity is never drawn."""

    def read(self, ids: Ids) -> None:  # noqa: B027 (most do not care)
        """Be told the ``(B,)`` characters that were drawn."""

    @abstractmethod
    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""

    @abstractmethod
    def join(self: Kind, other: Kind) -> None:
        """Go on with further texts, too, that another filter of the kind has worked on."""


class Ban(Filter):
    """Cuts banned characters off.

    Raises:
        InputError: All characters are banned.
    """

    @staticmethod
    def wanted(config: SamplingConfig) -> bool:
        return bool(config.ban)

    def __init__(
        self, vocabulary: Vocabulary, configs: Sequence[SamplingConfig], _primes: Sequence[str]
    ) -> None:
        self._banned = named_in([config.ban for config in configs], vocabulary)
        if self._banned.all(axis=0).any():
            raise InputError("ban leaves no character to write")

    def __call__(self, logits: Array, _temperatures: Array) -> None:
        np.copyto(logits, -np.inf, where=self._banned)

    def keep(self, columns: NDArray[np.intp]) -> None:
        self._banned = self._banned[:, columns]

    def join(self, other: Ban) -> None:
        self._banned = np.concatenate([self._banned, other._banned], axis=1)


def named_in(strings: Sequence[str], vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which characters stand in each of ``B`` strings, ``(K, B)``."""
    columns: dict[str, NDArray[np.bool_]] = {}
    for string in dict.fromkeys(strings):  # texts of one request have the same, maybe a long one
        named = frozenset(string)
        columns[string] = np.array([character in named for character in vocabulary.characters])
    return np.stack([columns[string] for string in strings], axis=1)


class Likeliest(Filter):
    """Leaves the ``top_k`` likeliest, and of these the nucleus with the share ``top_p``."""

    @staticmethod
    def wanted(config: SamplingConfig) -> bool:
        return config.top_k > 0 or config.top_p < 1

    def __init__(
        self, vocabulary: Vocabulary, configs: Sequence[SamplingConfig], _primes: Sequence[str]
    ) -> None:
        self._top_k = np.array([config.top_k or len(vocabulary) for config in configs])
        self._top_p = np.array([config.top_p for config in configs])
        self._rank = np.arange(len(vocabulary))[:, None]

    def __call__(self, logits: Array, temperatures: Array) -> None:
        order = np.argsort(-logits, axis=0, kind="stable")
        ranked = np.take_along_axis(logits, order, axis=0)
        cut = self._rank >= self._top_k
        with np.errstate(over="ignore"):  # a score of -inf is a probability of 0
            scores = (ranked - ranked[0]).astype(np.float64) / np.maximum(temperatures, COLDEST)
        probabilities = np.exp(np.where(cut, -np.inf, scores))
        before = probabilities.cumsum(axis=0) - probabilities
        # Rounding could cut at a top_p of 1 what is very unlikely, but possible.
        cut |= (self._top_p < 1) & (before >= self._top_p * probabilities.sum(axis=0))
        cut[0] = False
        np.put_along_axis(logits, order, np.where(cut, -np.inf, ranked), axis=0)

    def keep(self, columns: NDArray[np.intp]) -> None:
        self._top_k, self._top_p = self._top_k[columns], self._top_p[columns]

    def join(self, other: Likeliest) -> None:
        self._top_k = np.concatenate([self._top_k, other._top_k])
        self._top_p = np.concatenate([self._top_p, other._top_p])


class MinP(Filter):
    """Leaves what has at least a share ``min_p`` of the likeliest one's probability.

    p(c) ≥ min_p · p(best) is o(c) ≥ o(best) + temperature · log min_p: the logits need no softmax.
    """

    @staticmethod
    def wanted(config: SamplingConfig) -> bool:
        return config.min_p > 0

    def __init__(
        self, _vocabulary: Vocabulary, configs: Sequence[SamplingConfig], _primes: Sequence[str]
    ) -> None:
        shares = [config.min_p for config in configs]
        self._log = np.array([math.log(share) if share else -math.inf for share in shares])

    def __call__(self, logits: Array, temperatures: Array) -> None:
        lowest = logits.max(axis=0) + np.maximum(temperatures, COLDEST) * self._log
        np.putmask(logits, logits < lowest, -np.inf)

    def keep(self, columns: NDArray[np.intp]) -> None:
        self._log = self._log[columns]

    def join(self, other: MinP) -> None:
        self._log = np.concatenate([self._log, other._log])
