"""How a model reads: chunk after chunk, with the state carried; a whole text, its parts side by side; whole texts, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CheckpointError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.dropout import NO_DROPOUT
from charrnn.nn.functions import Ids
from charrnn.nn.lengths import Lengths
from charrnn.nn.parallel import warm_up
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.batches import PLACES
from charrnn.text.chunks import ALL, SHORT_WARM_UP, Chunks, Segments
from charrnn.text.records import Records, Spans

STEPS = 256  # characters of one text that are read at once; bounds the memory
COLUMNS, COLUMN_STEPS = 64, 100  # of a long text that is read side by side


class ChunkReader:
    """Reads ``B`` texts side by side, a chunk of each at a time, from their beginning on.

    Args:
        texts: Their number, *B*.
        state: To go on from; without it the first chunk is of beginnings.
        workspace: Memory to work in; new memory without it.
        checked: Whether a prediction that is not finite is an error; else it is a value like others.

    Raises:
        InputError: The network reads whole texts only.

    Attributes:
        state: As the network has it, after what was read so far.
        workspace: Holds what the layers kept of the last chunk.
    """

    def __init__(
        self,
        network: Network,
        params: Parameters,
        texts: int,
        *,
        state: Array | None = None,
        workspace: Workspace | None = None,
        checked: bool = True,
    ) -> None:
        if network.reads_whole:
            raise InputError(
                f"a model for {network.config.task} reads whole texts and answers them (charrnn predict); it neither writes nor scores"
            )
        self._network, self._params, self._checked = network, params, checked
        self._begun = state is not None
        self.state = network.zero_state(texts, params.flat.dtype) if state is None else state
        self.workspace = workspace or Workspace(params.flat.dtype)

    def read(
        self,
        inputs: Ids,
        *,
        fresh: NDArray[np.bool_] | None = None,
        counted: NDArray[np.bool_] | None = None,
        labels: Ids | None = None,
    ) -> Array:
        """Read on.

        Args:
            inputs: ``(T, B)`` ids.
            fresh: ``(B,)``, texts that begin here; none without it.
            counted: ``(T, B)``, predictions that matter, of which others are not checked; all
                without it.
            labels: ``(B,)``, of texts that begin here, where a model writes for labels and none was chosen.

        Returns:
            ``(K, T, B)``: scores of what could follow. The next chunk overwrites the array.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        if fresh is None and not self._begun:
            fresh = np.ones(inputs.shape[1], np.bool_)
        state, self._begun = self.state, True
        if fresh is not None and fresh.any():
            begin = self._network.begin(self._params, inputs.shape[1], labels)
            state = np.where(fresh, begin, state)
        with np.errstate(all="ignore"):
            logits, self.state = self._network.logits(self._params, inputs, state, self.workspace)
            if self._checked:
                spread = np.ptp(logits, axis=0)
                require_finite(spread if counted is None else spread[counted])
        return logits


def require_finite(numbers: Array) -> Array:
    """Numbers that a model came to, as they are.

    Raises:
        CheckpointError: They overflow.
    """
    if not np.isfinite(numbers).all():
        raise CheckpointError("the model cannot be read with: its numbers overflow")
    return numbers


def read_prime(
    model: CharacterModel, prime: str, *, workspace: Workspace | None = None, checked: bool = True
) -> tuple[Array, Array]:
    """Read the beginning of a text; arguments and errors as those of :class:`ChunkReader`.

    Returns:
        ``(K, 1)``, the scores of what could follow, and the state ``(L, states, H, 1)``.

    Raises:
        UnknownCharacterError: The prime has a character that the model does not know.
    """
    ids = model.vocabulary.encode(model.beginning(prime))[:, None]
    reader = ChunkReader(model.network, model.parameters, 1, workspace=workspace, checked=checked)
    for start in range(0, len(ids), STEPS):
        logits = reader.read(ids[start : start + STEPS])
    return logits[:, -1].copy(), reader.state


@dataclass(frozen=True)
class Passage:
    """Parts of a text side by side, as they have just been read.

    Attributes:
        places: ``(T, B)``, of the characters in the text that are predicted here; of whole texts, those that are read.
        counted: ``(T, B)`` booleans: over all passages each place once; the others are read twice,
            or not of the text.
        logits: ``(K, T, B)``, the scores that predict them.
        workspace: Holds what the layers kept.
    """

    places: NDArray[np.intp]
    counted: NDArray[np.bool_]
    logits: Array
    workspace: Workspace


def read_text(
    model: CharacterModel,
    text: str,
    *,
    most: int = COLUMNS,
    answers: Sequence[str] | None = None,
) -> Iterator[Passage]:
    """Read a text as in training: after its :meth:`~CharacterModel.beginning`, records apart, and whole texts each by itself.

    Args:
        text: One character at least; to a model with labels or tags each of its lines is a text.
        most: Parts that are read side by side, at most. Those of a running text each have
            ``SHORT_WARM_UP`` characters before them: much quicker than in one piece, and
            hardly another mean. With 1 it is exact.
        answers: The label of each line, of interest to a model that writes for labels.

    Raises:
        InputError: A model writes for labels, and none is told.
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    if model.config.reads_whole:
        yield from _read_lines(model, text, most)
        return
    ids = model.vocabulary.encode(model.beginning() + text)
    places, starts = np.arange(len(ids)), starts_in(model, ids)
    steps = STEPS if most == 1 else COLUMN_STEPS
    chunks: Chunks
    if model.vocabulary.config.end:
        spans = Spans(starts, np.diff(starts, append=len(text)))
        labels = None if answers is None else model.labels.encode(answers)
        chunks = Records(places, spans, min(most, len(spans)), steps, 0, labels)
    else:
        chunks = Segments(places, overlap=SHORT_WARM_UP, most=most, steps=steps)
    yield from read_places(model, ids, chunks)


def read_places(
    model: CharacterModel,
    ids: Ids,
    chunks: Chunks,
    columns: slice = ALL,
    workspace: Workspace | None = None,
) -> Iterator[Passage]:
    """Read some columns of ``chunks`` of places in a text.

    Args:
        ids: The text, ``(N + 1,)``.
        chunks: Of the numbers from 0 to *N*.
        workspace: As for :class:`ChunkReader`, also for errors.
    """
    width = len(range(chunks.columns)[columns])
    if not width:
        return
    warm_up()
    reader = ChunkReader(model.network, model.parameters, width, workspace=workspace)
    for index in range(len(chunks)):
        chunk = chunks.chunk(index, columns)
        counted = np.ones(chunk.inputs.shape, np.bool_) if chunk.counted is None else chunk.counted
        inputs, labels = ids[chunk.inputs], chunk.labels
        logits = reader.read(inputs, fresh=chunk.fresh, counted=counted, labels=labels)
        yield Passage(chunk.inputs, counted, logits, reader.workspace)


def starts_in(model: CharacterModel, ids: Ids) -> NDArray[np.int64]:
    """The places from which a text is read from the zero state: its first, or each record's.

    Args:
        ids: ``(N + 1,)``, the text after its beginning; what follows the last one is not read.
    """
    end = model.vocabulary.config.end
    return np.flatnonzero(ids[:-1] == model.vocabulary.encode(end)) if end else np.zeros(1, np.intp)


def _read_lines(model: CharacterModel, text: str, most: int) -> Iterator[Passage]:
    """Read the lines of a text that have characters, each as a whole text."""
    lines = [(start, line) for start, line in lines_of(text) if line]
    first = np.array([start for start, _ in lines])
    ids = [model.vocabulary.encode(line) for _, line in lines]
    workspace = Workspace(model.parameters.flat.dtype)
    warm_up()
    for batch in batches(np.array(list(map(len, ids))), most):
        x, lengths = side_by_side([ids[number] for number in batch])
        step = np.arange(len(x))[:, None]
        with np.errstate(all="ignore"):
            logits, _ = read_whole(model, x, lengths, workspace)
            spread = np.ptp(logits, axis=0)
        inside = step < lengths
        require_finite(spread[inside[: len(spread)]])
        yield Passage(first[batch] + np.minimum(step, lengths - 1), inside, logits, workspace)


def lines_of(text: str) -> list[tuple[int, str]]:
    """The lines of a text without their ends, each with the place where it begins."""
    found, start = list[tuple[int, str]](), 0
    for line in text.removesuffix("\n").split("\n"):
        found.append((start, line))
        start += len(line) + 1
    return found


def batches(lengths: NDArray[np.intp], most: int) -> list[list[int]]:
    """Numbers of texts that are read together, each time ``most`` of about one length at most; the longest come first."""
    order = np.argsort(lengths, kind="stable").tolist()
    found: list[list[int]] = []
    while order:
        count = max(1, min(most, PLACES // max(1, int(lengths[order[-1]]))))
        found.append(order[-count:])
        del order[-count:]
    return found


def side_by_side(texts: Sequence[Ids]) -> tuple[Ids, NDArray[np.intp]]:
    """``(T, B)``, texts with padding after them, and their ``(B,)`` lengths."""
    lengths = np.array([len(ids) for ids in texts])
    x = np.zeros((max(1, lengths.max()), len(texts)), np.intp)
    for column, ids in enumerate(texts):
        x[: len(ids), column] = ids
    return x, lengths


def read_whole(
    model: CharacterModel, x: Ids, lengths: Lengths, workspace: Workspace
) -> tuple[Array, Array]:
    """Read whole texts.

    Args:
        x: ``(T, B)``, ids.

    Returns:
        ``(K, 1, B)``, scores of labels, or ``(K, T, B)`` of tags; and ``(H, B)``, what is held of each text after it was read.
    """
    network, params = model.network, model.parameters
    zero = network.zero_state(len(lengths), params.flat.dtype)
    h, state = network.hidden(params, x, zero, workspace, NO_DROPOUT, lengths)
    scores = network.scores(params, h, state, workspace, lengths=lengths)
    return scores, network.ends(h, state, lengths)
