"""Labels and tags for texts: read in batches of about one length, on all processors, in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import batches, read_whole, require_finite, side_by_side
from charrnn.nn.functions import columns
from charrnn.nn.long import forward_in_chunks
from charrnn.nn.loss import softmax_
from charrnn.nn.parallel import Shards, available_processors, single_threaded_blas
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.batches import PLACES
from charrnn.text.labels import Labels

TOGETHER = 160  # texts that are read side by side, at most
AT_ONCE = (
    1 << 13
)  # that whoever has many should ask for, so that batches are full and memory is bounded
STEPS = 2048  # of a long text, of which so many characters are held at once


class Answering(Protocol):
    """Whoever has an answer for each text: an :class:`Answerer` labels or tags, a ``Rewriter`` targets."""

    def known(self, text: str, unknown: str, where: str = "", line: int = 0) -> str:
        """A text in characters that each model knows, see :meth:`Vocabulary.known`."""

    def lacks(self, text: str) -> bool:
        """Whether some of a text as it was given is not known to some model."""

    def __call__(self, texts: Sequence[str]) -> Sequence[object]:
        """An answer for each of such texts, in their order."""


class Answer(NamedTuple):
    """What one text is.

    Attributes:
        probabilities: ``(K,)``, of each label; of tags ``(T, K)``, for each character.
        vector: What the model holds of the text after it was read, its features.
    """

    probabilities: Array
    vector: Array

    @property
    def best(self) -> NDArray[np.intp]:
        """The number of the likeliest label; of tags one for each character."""
        return np.asarray(self.probabilities.argmax(axis=-1))


class Answerer:
    """Finds labels or tags.

    Args:
        models: Of several, the mean of their probabilities is taken, and their vectors stand one after the other.
        characters: How many will be read, if that is known: to be compiled for many.

    Raises:
        InputError: A model has no labels, or they have others.
    """

    def __init__(self, models: Sequence[CharacterModel], characters: int = 0) -> None:
        first = models[0]
        for model in models:
            if not model.config.learns.finds:
                raise InputError(f"a model for {model.config.task} finds no labels")
            if model.vocabulary.config != first.vocabulary.config:
                raise InputError(
                    "models that answer together all read characters, or all bytes, in the same way"
                )
            alike = model.config.task == first.config.task
            if not alike or {*model.labels.names} != {*first.labels.names}:
                raise InputError(
                    "models that answer together are for the same task, with the same labels"
                )
        self.labels: Labels = first.labels
        self.tags = first.config.learns.aligned
        self._models = [model.to_read(characters) for model in models]
        # Of each model, where the first one's labels are.
        self._places = [model.labels.encode(first.labels.names) for model in models]
        self._shards, self._quick = Shards(available_processors()), False

    def known(self, text: str, unknown: str, where: str = "", line: int = 0) -> str:
        """A text in characters that each model knows, see :meth:`Vocabulary.known`; for tags as many as there were.

        Raises:
            InputError: ``unknown`` is ``skip``, and each character has a tag.
            UnknownCharacterError: There are unknown characters, and ``unknown`` is ``error``.
        """
        for model in self._models:
            text = model.vocabulary.known(text, unknown, where, line, aligned=self.tags)
        return text

    def lacks(self, text: str) -> bool:
        """Whether some of a text as it was given is not known to some model."""
        return any(model.vocabulary.lacks(text) for model in self._models)

    def __call__(self, texts: Sequence[str]) -> list[Answer]:
        """An answer for each text, in characters that each model knows.

        Raises:
            CheckpointError: A model's numbers overflow.
        """
        if not self._quick and max(map(len, texts), default=0) > PLACES:
            # A step of one text is all overhead, but in the compiled form.
            self._models = [replace(m, network=m.network.compiled()) for m in self._models]
            self._quick = True
        each = [self._read(model, texts) for model in self._models]
        if len(each) == 1:
            return each[0]
        return [self._mean(answers) for answers in zip(*each, strict=True)]

    def _mean(self, answers: Sequence[Answer]) -> Answer:
        placed = [a.probabilities[..., p] for a, p in zip(answers, self._places, strict=True)]
        return Answer(np.mean(placed, axis=0), np.concatenate([a.vector for a in answers]))

    def _read(self, model: CharacterModel, texts: Sequence[str]) -> list[Answer]:
        """The answers of one of the models."""
        lengths = np.array([len(text) for text in texts], np.intp)
        whole = model.vocabulary.encode("".join(texts))  # all at once, which is quicker
        encoded = np.split(whole, np.cumsum(lengths)[:-1])
        together = batches(lengths, TOGETHER)
        found: list[Answer | None] = [None] * len(texts)

        def work(shard: int, _columns: slice, workspace: Workspace) -> None:
            for batch in together[shard :: self._shards.count]:
                ids = [encoded[number] for number in batch]
                answers = _long(model, ids[0], workspace) if len(ids[0]) > PLACES else None
                for number, answer in zip(
                    batch, answers or _short(model, ids, workspace), strict=True
                ):
                    found[number] = answer

        with single_threaded_blas(), np.errstate(all="ignore"):
            self._shards.map(work, self._shards.count)
        return [answer for answer in found if answer is not None]


def _short(
    model: CharacterModel, texts: Sequence[NDArray[np.integer]], workspace: Workspace
) -> list[Answer]:
    """Texts side by side."""
    x, lengths = side_by_side(texts)
    return _answers(model, *read_whole(model, x, lengths, workspace), lengths)


def _long(model: CharacterModel, ids: NDArray[np.integer], workspace: Workspace) -> list[Answer]:
    """One text, in chunks."""
    network, params = model.network, model.parameters
    x: Array = ids[:, None].astype(np.intp)
    workspace.remember(ids=x)
    if network.embedding:
        x = network.embedding.forward(params, x, workspace.child("embedding"))
    h, state = forward_in_chunks(network.stack, params, x, STEPS, workspace)
    scores = network.scores(params, h, state, workspace)
    return _answers(model, scores, network.ends(h, state), np.array([len(ids)]))


def _answers(
    model: CharacterModel, scores: Array, vectors: Array, lengths: NDArray[np.intp]
) -> list[Answer]:
    """What follows from the scores of some texts."""
    tags = model.config.learns.aligned
    probabilities = _probabilities(scores, lengths if tags else None)
    if tags:
        each = [probabilities[:, :n, column].T.copy() for column, n in enumerate(lengths)]
    else:
        each = [*probabilities[:, 0].T.copy()]
    return [Answer(p, v) for p, v in zip(each, vectors.T.copy(), strict=True)]


def _probabilities(scores: Array, lengths: NDArray[np.intp] | None) -> Array:
    """Of scores, in place; padding is not looked at."""
    flat = columns(scores)
    softmax_(flat)
    total = flat.sum(axis=0).reshape(scores.shape[1:])
    require_finite(total if lengths is None else total[np.arange(len(total))[:, None] < lengths])
    return scores
