"""Several texts written side by side, on threads where there are many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.models.stepper import Stepper
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, default_shards, single_threaded_blas, warm_up
from charrnn.nn.workspace import Workspace
from charrnn.writing.choosing import Filter, GumbelNoise, choose
from charrnn.writing.ending import Ending

STEPS = 16  # characters that a thread writes in each of its texts before it reports


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
    """

    number: int
    text: str
    nats: float
    last: bool


def generate_batch(
    model: CharacterModel, prompts: Sequence[Prompt], *, scored: bool = False
) -> Iterator[Piece]:
    """Write several texts side by side, many times as fast as one after the other.

    Each text is the one that its prompt gives alone, up to the rounding of the scores; the others
    have no part in it. A model of records writes one record for each, up to its end.

    Args:
        scored: Tell how unexpected the characters are.

    Returns:
        Pieces of all texts in turn, until the last one has ended.

    Raises:
        InputError: ``ban`` leaves nothing to write.
        UnknownCharacterError: A prime has a character that the model does not know.
        CheckpointError: On the way: the model's numbers overflow.
    """
    if not prompts:
        return iter(())

    def begin(_index: int, columns: slice, _workspace: Workspace) -> _Writer:
        return _Writer(model, range(len(prompts))[columns], prompts[columns], scored=scored)

    def write(index: int, _columns: slice, _workspace: Workspace) -> list[Piece]:
        return writers[index].write()

    def written() -> Iterator[Piece]:
        while any(writer.going_on for writer in writers):
            with one_thread_each():
                found = shards.map(write, len(writers))
            for pieces in found:
                yield from pieces

    shards = Shards(default_shards(len(prompts)))
    # Asking the library takes as long as a tiny model takes for some characters.
    one_thread_each = single_threaded_blas if shards.count > 1 else nullcontext
    with one_thread_each():
        writers = shards.map(begin, len(prompts))
    return written()


class _Writer:
    """Writes the texts of one thread, which have ``numbers`` in the batch, a character of each at a time."""

    def __init__(
        self,
        model: CharacterModel,
        numbers: Sequence[int],
        prompts: Sequence[Prompt],
        *,
        scored: bool,
    ) -> None:
        warm_up()
        configs = [prompt.config for prompt in prompts]
        ends = [Ending(config, model.vocabulary.config.end) for config in configs]
        self._model, self._scored = model, scored
        self._texts = list(zip(numbers, ends, strict=True))
        self._cut = Filter.of(model.vocabulary, configs)
        self._noise = GumbelNoise(
            [np.random.default_rng(prompt.rng) for prompt in prompts],
            len(model.vocabulary),
            [config.temperature for config in configs],
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
        chosen, nats = [], np.zeros((STEPS, len(self._texts)))
        for step in range(STEPS):
            if self._chosen is not None:
                self._logits = self._stepper.step(self._chosen)
            if step == 0 and not np.isfinite(self._logits).all():
                raise CheckpointError("the model cannot be written with: its numbers overflow")
            logits = self._logits if self._cut is None else self._cut(self._logits)
            self._chosen = choose(logits, next(self._noise.rows))
            chosen.append(self._chosen)
            if self._scored:
                nats[step] = cross_entropy_(self._logits.copy(), self._chosen)
        pieces = []
        columns = zip(self._texts, np.stack(chosen, axis=1), nats.T, strict=True)
        for (number, ending), ids, costs in columns:
            if not ending.reached:
                text = ending.cut(self._model.vocabulary.decode(ids))
                cost = float(costs[: len(text)].sum())
                pieces.append(Piece(number, text, cost, ending.reached))
        return pieces

    def _keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""
        self._texts = [self._texts[column] for column in columns]
        self._noise.keep(columns)
        if self._cut is not None:
            self._cut.keep(columns)
        self._logits = self._logits[:, columns]
        if self._chosen is not None:
            self._chosen = self._chosen[columns]
        state = self._stepper.state[..., columns]
        self._stepper = Stepper(self._model.network, self._model.parameters, state)
