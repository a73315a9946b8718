"""How a model reads: chunk after chunk, with the state carried; and a whole text, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import CheckpointError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.functions import Ids
from charrnn.nn.parallel import warm_up
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import ALL, Chunks, Segments
from charrnn.text.records import Records, Spans

STEPS = 256  # characters of one text that are read at once; bounds the memory
COLUMNS, COLUMN_STEPS, OVERLAP = 64, 100, 100  # of a long text that is read side by side


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
                sound = np.isfinite(np.ptp(logits, axis=0))
                if not (sound if counted is None else sound[counted]).all():
                    raise CheckpointError("the model cannot be read with: its numbers overflow")
        return logits


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
        places: ``(T, B)``, of the characters in the text that are predicted here.
        counted: ``(T, B)`` booleans: over all passages each place once; the others are read twice,
            or not of the text.
        logits: ``(K, T, B)``, the scores that predict them.
        workspace: Holds what the layers kept.
    """

    places: NDArray[np.intp]
    counted: NDArray[np.bool_]
    logits: Array
    workspace: Workspace


def read_text(model: CharacterModel, text: str, *, most: int = COLUMNS) -> Iterator[Passage]:
    """Read a text as in training: after its :meth:`~CharacterModel.beginning`, records apart.

    Args:
        text: One character at least.
        most: Parts that are read side by side, at most. Those of a running text each have
            ``OVERLAP`` characters before them to warm up: much quicker than in one piece, and
            hardly another result. With 1 it is exact.

    Raises:
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    ids = model.vocabulary.encode(model.beginning() + text)
    places, starts = np.arange(len(ids)), starts_in(model, ids)
    steps = STEPS if most == 1 else COLUMN_STEPS
    chunks: Chunks
    if model.vocabulary.config.end:
        spans = Spans(starts, np.diff(starts, append=len(text)))
        chunks = Records(places, spans, min(most, len(spans)), steps, seed=0)
    else:
        chunks = Segments(places, overlap=OVERLAP, most=most, steps=steps)
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
        logits = reader.read(ids[chunk.inputs], fresh=chunk.fresh, counted=counted)
        yield Passage(chunk.inputs, counted, logits, reader.workspace)


def starts_in(model: CharacterModel, ids: Ids) -> NDArray[np.int64]:
    """The places from which a text is read from the zero state: its first, or each record's.

    Args:
        ids: ``(N + 1,)``, the text after its beginning; what follows the last one is not read.
    """
    end = model.vocabulary.config.end
    return np.flatnonzero(ids[:-1] == model.vocabulary.encode(end)) if end else np.zeros(1, np.intp)
