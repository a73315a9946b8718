"""Several texts written side by side, on threads where there are many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from charrnn.models.character_model import CharacterModel
from charrnn.nn.parallel import Shards, default_shards, single_threaded_blas, warm_up
from charrnn.nn.workspace import Workspace
from charrnn.writing.ending import Ending
from charrnn.writing.writer import Prompt, Writer

STEPS = 16  # characters that a thread writes in each of its texts before it reports


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
        prompts: One for each text.
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

    def begin(_index: int, columns: slice, _workspace: Workspace) -> _Part:
        warm_up()
        numbers = range(len(prompts))[columns]
        return _Part(model, numbers, prompts[columns], scored=scored)

    shards = Shards(default_shards(len(prompts)))
    with single_threaded_blas():
        parts = shards.map(begin, len(prompts))
    return _written(shards, parts)


def _written(shards: Shards, parts: Sequence[_Part]) -> Iterator[Piece]:
    """The pieces of all parts, each part on a thread of its own."""

    def write(index: int, _columns: slice, _workspace: Workspace) -> list[Piece]:
        return parts[index].write()

    while any(part.going_on for part in parts):
        with single_threaded_blas():
            written = shards.map(write, len(parts))
        for pieces in written:
            yield from pieces


class _Part:
    """The texts of a batch that one thread writes: their numbers, and where they end.

    Attributes:
        going_on: Columns of the texts that have not ended.
    """

    def __init__(
        self,
        model: CharacterModel,
        numbers: Sequence[int],
        prompts: Sequence[Prompt],
        *,
        scored: bool,
    ) -> None:
        end = model.vocabulary.config.end
        self._vocabulary, self._scored = model.vocabulary, scored
        self._writer = Writer(model, prompts)
        self._texts = [
            (number, Ending(prompt.config, end))
            for number, prompt in zip(numbers, prompts, strict=True)
        ]

    @property
    def going_on(self) -> list[int]:
        return [column for column, (_, ending) in enumerate(self._texts) if not ending.reached]

    def write(self) -> list[Piece]:
        """The next characters of the texts that have not ended."""
        going_on = self.going_on
        if not going_on:
            return []
        if 2 * len(going_on) <= len(self._texts):
            self._texts = [self._texts[column] for column in going_on]
            self._writer.keep(np.array(going_on))
        steps, nats = [], np.zeros((STEPS, len(self._texts)))
        for step in range(STEPS):
            steps.append(self._writer.next())
            if self._scored:
                nats[step] = self._writer.nats()
        pieces = []
        columns = zip(self._texts, np.stack(steps, axis=1), nats.T, strict=True)
        for (number, ending), ids, costs in columns:
            if not ending.reached:
                text = ending.cut(self._vocabulary.decode(ids))
                cost = float(costs[: len(text)].sum())
                pieces.append(Piece(number, text, cost, ending.reached))
        return pieces
