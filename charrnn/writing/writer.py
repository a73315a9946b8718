"""Texts written side by side, a character of each at a time."""

from __future__ import annotations

from collections.abc import Sequence
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
from charrnn.writing.choosing import GumbelNoise, Temperatures, choose
from charrnn.writing.ending import Ending
from charrnn.writing.filters import Ban, Filter, Likeliest, MinP
from charrnn.writing.repetition import Dry

STEPS = 16  # characters that are written in each text before they are shown
FILTERS: tuple[type[Filter], ...] = (Ban, Dry, Likeliest, MinP)  # in the order in which they work


@dataclass(frozen=True)
class Prompt:
    """What a text is asked for with: text to continue, a generator or a seed for one, and how to write."""

    prime: str = ""
    rng: np.random.Generator | int | None = None
    config: SamplingConfig = field(default=SamplingConfig())


class Piece(NamedTuple):
    """Some more of a text.

    Attributes:
        number: Which text of the batch, from 0.
        text: Its next characters; a record's end is the last one of them.
        nats: How unexpected they are to the model, in sum: -log of their probability as it was
            before temperature and filters; 0 if that was not asked for.
        last: Whether the text ends here.
        candidate: Which of ``best_of`` texts it was: the one with the seed of the prompt and so many more.
    """

    number: int
    text: str
    nats: float
    last: bool
    candidate: int = 0


class Writer:
    """Writes a text for each prompt; they have ``numbers`` in the batch.

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
        self._texts = list(zip(numbers, ends, strict=True))
        self._continuation = continued(model, primes, begin)
        self._filters = [
            kind(self._vocabulary, configs, primes)
            for kind in FILTERS
            if any(map(kind.wanted, configs))
        ]
        rngs = [np.random.default_rng(prompt.rng) for prompt in prompts]
        self._noise = GumbelNoise(rngs, len(self._vocabulary), Temperatures(configs))
        self._written = 0  # characters of each text
        self._chosen: Ids | None = None

    @property
    def going_on(self) -> list[int]:
        """Columns of the texts that have not ended."""
        return [column for column, (_, ending) in enumerate(self._texts) if not ending.reached]

    def write(self) -> list[Piece]:
        """The next characters of the texts that have not ended.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        going_on = self.going_on
        if not going_on:
            return []
        if 2 * len(going_on) <= len(self._texts):
            self._keep(np.array(going_on))
        written, nats = self._write()
        decoded = self._vocabulary.decode(written.T.ravel())
        pieces = []
        for column, (number, ending) in enumerate(self._texts):
            if not ending.reached:
                text = ending.cut(decoded[column * STEPS : (column + 1) * STEPS])
                cost = float(nats[: len(text), column].sum()) if nats is not None else 0.0
                pieces.append(Piece(number, text, cost, ending.reached))
        return pieces

    def _write(self) -> tuple[Ids, NDArray[np.float64] | None]:
        """``(STEPS, B)`` more characters, and how unexpected they are."""
        continuation, filters = self._continuation, self._filters
        nats = np.zeros((STEPS, len(self._texts))) if self._scored else None
        temperatures = self._noise.temperatures.at(self._written, STEPS) if filters else ()
        chosen = []
        for step in range(STEPS):
            if self._chosen is not None:
                continuation.step(self._chosen)
            logits = continuation.logits
            if step == 0 and not np.isfinite(logits).all():
                raise CheckpointError("the model cannot be written with: its numbers overflow")
            if filters:
                logits = logits.copy()
                for change in filters:
                    change(logits, temperatures[step])
            self._chosen = choose(logits, next(self._noise.rows))
            chosen.append(self._chosen)
            for told in filters:
                told.read(self._chosen)
            if nats is not None:
                nats[step] = cross_entropy_(continuation.logits.copy(), self._chosen)
        self._written += STEPS
        return np.stack(chosen), nats

    def _keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""
        self._texts = [self._texts[column] for column in columns]
        self._noise.keep(columns)
        for kept in self._filters:
            kept.keep(columns)
        self._continuation.keep(columns)
        if self._chosen is not None:
            self._chosen = self._chosen[columns]
