"""Texts written side by side, a character of each at a time."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError
from charrnn.models.mixture import Writable, continued
from charrnn.models.stepper import Begin, Stepper
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import warm_up
from charrnn.nn.parameters import Array
from charrnn.writing.choosing import GumbelNoise, Temperatures, choose
from charrnn.writing.ending import Ending
from charrnn.writing.filters import Ban, Filter, Likeliest, MinP
from charrnn.writing.likelihoods import Likelihoods, likelihoods
from charrnn.writing.repetition import Dry

STEPS = 16  # characters that are written in each text before they are shown
FILTERS: tuple[type[Filter], ...] = (Ban, Dry, Likeliest, MinP)  # in the order in which they work


@dataclass(frozen=True)
class Prompt:
    """What a text is asked for with: text to continue, a generator or a seed for one, and how to write.

    Attributes:
        alternatives: Tell how likely each character is, and so many of the likeliest in its place; None tells nothing.
    """

    prime: str = ""
    rng: np.random.Generator | int | None = None
    config: SamplingConfig = field(default=SamplingConfig())
    alternatives: int | None = None


class Piece(NamedTuple):
    """Some more of a text.

    Attributes:
        number: Which text of the batch, from 0.
        text: Its next characters; a record's end is the last one of them.
        nats: How unexpected they are to the model, in sum: -log of their probability as it was
            before temperature and filters; 0 if that was not asked for.
        last: Whether the text ends here.
        candidate: Which of ``best_of`` texts it was: the one with the seed of the prompt and so many more.
        likely: How likely each character was, where that was asked for.
    """

    number: int
    text: str
    nats: float
    last: bool
    candidate: int = 0
    likely: Likelihoods | None = None


class OverflowingError(CheckpointError):
    """Texts cannot be written on; the others of the batch can, once these are left out.

    Attributes:
        numbers: Of these texts.
    """

    def __init__(self, numbers: Collection[int]) -> None:
        super().__init__("the model cannot be written with: its numbers overflow")
        self.numbers = numbers


class _Text(NamedTuple):
    """One of the texts."""

    number: int
    ending: Ending
    prompt: Prompt


class Writer:
    """Writes a text for each prompt; they have ``numbers`` in the batch.

    Texts may leave it and others join them, between two calls of :meth:`write`: each goes on as it would alone.

    Args:
        scored: Tell how unexpected the characters are.
        begin: Makes what takes the steps.

    Raises:
        InputError: ``ban`` leaves nothing to write.
        UnknownCharacterError: A prime has a character that the model does not know.
    """

    def __init__(
        self,
        model: Writable,
        numbers: Sequence[int],
        prompts: Sequence[Prompt],
        *,
        scored: bool,
        begin: Begin = Stepper,
    ) -> None:
        warm_up()
        configs, primes = [p.config for p in prompts], [p.prime for p in prompts]
        self._vocabulary, self._scored = model.vocabulary, scored
        ends = [Ending(config, self._vocabulary.config.end) for config in configs]
        self._texts = list(map(_Text, numbers, ends, prompts))
        self._continuation = continued(model, primes, begin)
        self._filters = {
            kind: kind(self._vocabulary, configs, primes)
            for kind in FILTERS
            if any(map(kind.wanted, configs))
        }
        rngs = [np.random.default_rng(prompt.rng) for prompt in prompts]
        self._noise = GumbelNoise(rngs, len(self._vocabulary), Temperatures(configs))
        self._written = np.zeros(len(prompts), np.intp)  # characters of each text
        self._chosen: Ids | None = None

    @property
    def going_on(self) -> list[int]:
        """Columns of the texts that have not ended."""
        return [column for column, text in enumerate(self._texts) if not text.ending.reached]

    def keep_only(self, numbers: Container[int]) -> None:
        """Write no more of the texts that have other numbers."""
        for text in self._texts:
            if text.number not in numbers:
                text.ending.reached = True

    def joined_by(self, other: Writer) -> Writer:
        """Who goes on with the texts of both, by the same parameters; neither of them is to be used any more."""
        if not (self.going_on and other.going_on):
            return self if self.going_on else other
        for one in (self, other):
            one._keep(np.array(one.going_on, np.intp))
            if one._chosen is not None:  # which is still to be read
                one._continuation.step(one._chosen)
                one._chosen = None
        kinds = {*self._filters, *other._filters}
        both = [one._all_filters(kinds) for one in (self, other)]
        for ours, theirs in zip(*both, strict=True):
            ours.join(theirs)
        self._filters = dict(zip([kind for kind in FILTERS if kind in kinds], both[0], strict=True))
        self._texts += other._texts
        self._written = np.concatenate([self._written, other._written])
        self._noise.join(other._noise)
        self._continuation.join(other._continuation)
        return self

    def _all_filters(self, kinds: Collection[type[Filter]]) -> list[Filter]:
        """Those of such kinds, in order; one that no text wants does nothing to any."""
        configs = [text.prompt.config for text in self._texts]
        nothing = [""] * len(configs)
        return [
            self._filters.get(kind) or kind(self._vocabulary, configs, nothing)
            for kind in FILTERS
            if kind in kinds
        ]

    def write(self) -> list[Piece]:
        """The next characters of the texts that have not ended.

        Raises:
            OverflowingError: The model's numbers overflow.
        """
        going_on = self.going_on
        if not going_on:
            return []
        if 2 * len(going_on) <= len(self._texts):
            self._keep(np.array(going_on))
        told = [
            column
            for column in self.going_on
            if self._texts[column].prompt.alternatives is not None
        ]
        written, nats, logits = self._write(told)
        decoded = self._vocabulary.decode(written.T.ravel())
        pieces = []
        for column, (number, ending, prompt) in enumerate(self._texts):
            if not ending.reached:
                text = ending.cut(decoded[column * STEPS : (column + 1) * STEPS])
                cost = float(nats[: len(text), column].sum()) if nats is not None else 0.0
                likely = None
                if prompt.alternatives is not None:
                    predicted = logits[: len(text), :, told.index(column)].T
                    likely = likelihoods(
                        predicted, written[: len(text), column], prompt.alternatives
                    )
                pieces.append(Piece(number, text, cost, ending.reached, likely=likely))
        return pieces

    def _write(self, told: list[int]) -> tuple[Ids, NDArray[np.float64] | None, Array]:
        """``(STEPS, B)`` more characters, how unexpected they are, and ``(STEPS, K, …)`` logits of some columns."""
        continuation, filters = self._continuation, list(self._filters.values())
        nats = np.zeros((STEPS, len(self._texts))) if self._scored else None
        predicted = np.empty((STEPS, len(self._vocabulary), len(told)), np.float32)
        temperatures = self._noise.temperatures.at(self._written, STEPS) if filters else ()
        chosen = []
        for step in range(STEPS):
            if self._chosen is not None:
                continuation.step(self._chosen)
                self._chosen = None
            logits = continuation.logits
            if step == 0:
                self._require_finite(logits)
            if filters:
                logits = logits.copy()
                for change in filters:
                    change(logits, temperatures[step])
            self._chosen = choose(logits, self._noise.row())
            chosen.append(self._chosen)
            for reader in filters:
                reader.read(self._chosen)
            if nats is not None:
                nats[step] = cross_entropy_(continuation.logits.copy(), self._chosen)
            if told:
                predicted[step] = continuation.logits[:, told]
        self._written += STEPS
        return np.stack(chosen), nats, predicted

    def _require_finite(self, logits: Array) -> None:
        finite = np.isfinite(logits)
        if finite.all():
            return
        bad = [column for column in self.going_on if not finite[:, column].all()]
        if found := {self._texts[column].number for column in bad}:
            raise OverflowingError(found)

    def _keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""
        if len(columns) == len(self._texts):
            return
        self._texts = [self._texts[column] for column in columns]
        self._written = self._written[columns]
        self._noise.keep(columns)
        configs = [text.prompt.config for text in self._texts]
        self._filters = {
            kind: one for kind, one in self._filters.items() if any(map(kind.wanted, configs))
        }
        for kept in self._filters.values():
            kept.keep(columns)
        self._continuation.keep(columns)
        if self._chosen is not None:
            self._chosen = self._chosen[columns]
