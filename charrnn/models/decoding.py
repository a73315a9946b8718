"""Targets as they are written, a symbol of each at a time: several beginnings of each, by one model for seq2seq."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import side_by_side
from charrnn.models.seq2seq import Encoded, Seq2Seq
from charrnn.nn.loss import softmax_
from charrnn.nn.monotonic import TINY, start
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import ALL


def shared_symbols(models: Sequence[CharacterModel]) -> list[NDArray[np.intp]]:
    """Where each model has the symbols of the first one, and the end.

    Raises:
        InputError: A model makes no texts of others, or they do not read and write the same.
    """
    first = models[0]
    for model in models:
        if not model.config.learns.rewrites:
            raise InputError(f"a model for {model.config.task} makes no text of another one")
        alike = {*model.labels.names} == {*first.labels.names}
        if not alike or model.labels.between != first.labels.between:
            raise InputError("models that write together write the same symbols")
        read, reads = model.vocabulary, first.vocabulary
        if (read.config, read.words) != (reads.config, reads.words):
            raise InputError("models that write together read texts in the same way")
    return [
        np.append(model.labels.encode(first.labels.names), len(first.labels)) for model in models
    ]


def known_source(
    models: Sequence[CharacterModel], text: str, unknown: str, where: str = "", line: int = 0
) -> str:
    """A source in characters that each model knows, its symbols too, see :meth:`Vocabulary.known`, also for errors."""
    text = models[0].vocabulary.known(text, unknown, where, line)
    for model in models[1:]:  # which have the same symbols
        text = model.vocabulary.fitted(text, unknown, where, line)
    return text


class Decoding:
    """``N`` beginnings of the target of each of ``B`` sources.

    Args:
        texts: The sources, in characters that the model knows, none empty.
    """

    def __init__(
        self, model: CharacterModel, texts: Sequence[str], N: int, workspace: Workspace
    ) -> None:
        network, params = model.network, model.parameters
        assert isinstance(network, Seq2Seq)
        x, lengths = side_by_side([model.vocabulary.encode(text) for text in texts])
        self._network, self._params, self._workspace = network, params, workspace
        self._encoded: Encoded = network.encode(params, x, lengths, workspace)
        self._both: Array | None = None  # ``(B, N, T, K+1)``: looking there, and writing that
        self._begin(np.concatenate([self._encoded.start] * N, axis=-1))

    def _begin(self, state: Array) -> None:
        """Go on from what the decoder holds of each beginning, ``(L, states, H, N·B)``."""
        network, params, self._state = self._network, self._params, state
        E = params["decoder/E"] if network.written else None
        self._step, self._h = network.decoder.stepper(params, state, E)

    def step(self, ids: NDArray[np.intp]) -> Array:
        """Probabilities of what follows, ``(K+1, N, B)``, after these symbols ``(N, B)``."""
        self._step(ids.ravel())
        h = np.ascontiguousarray(self._h).reshape(-1, *ids.shape)
        if self._network.monotonic:
            return self._walk(ids, h)
        logits = self._network.read_out(self._params, h, self._encoded, self._workspace)
        softmax_(logits.reshape(len(logits), -1))
        return logits.astype(np.float64)

    def _walk(self, ids: NDArray[np.intp], h: Array) -> Array:
        """The same of a model that walks: with each beginning goes where it may be looking."""
        walks, B = self._network.walks(self._params, h, self._encoded), ids.shape[1]
        if self._both is None:
            at = np.broadcast_to(start(B, walks.p.shape[2], h.dtype)[:, None], walks.p.shape[:3])
        else:  # given the symbol that was written there
            at = np.take_along_axis(self._both, ids.T[:, :, None, None], axis=3)[..., 0]
            at = at / np.maximum(at.sum(axis=2, keepdims=True), TINY)
        there = (at[:, :, None] @ walks.moves)[:, :, 0]  # (B, N, T)
        self._both = there[..., None] * walks.p
        return np.asarray(self._both.sum(axis=2, dtype=np.float64).transpose(2, 1, 0))

    def go_on(self, origin: NDArray[np.intp]) -> None:
        """Go on from these beginnings of each target, ``(N, B)``."""
        B = origin.shape[1]
        columns = (origin * B + np.arange(B)).ravel()
        self._state[...] = self._state[..., columns]
        if self._both is not None:
            self._both = self._both[np.arange(B)[:, None], origin.T]

    def kept(
        self,
        beginnings: NDArray[np.intp] | slice = ALL,
        sources: NDArray[np.intp] | slice = ALL,
    ) -> Decoding:
        """Another one, that goes on with some of the beginnings, and with some of the sources."""
        one, state, B = copy.copy(self), self._state, self._encoded.start.shape[-1]
        one._workspace = Workspace(state.dtype)
        one._encoded = self._encoded.kept(sources)
        state = state.reshape(*state.shape[:-1], -1, B)[..., beginnings, :][..., sources]
        one._begin(np.ascontiguousarray(state.reshape(*state.shape[:-2], -1)))
        if self._both is not None:
            one._both = self._both[sources][:, beginnings]
        return one
