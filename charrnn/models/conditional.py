"""A text for a label: one to many. The label is the state that a language model begins with.

A vector for each label, which is learnt, is the first state of all layers; from there on the net is a language model, which while it learns reads what
it should have written (teacher forcing; Williams, Zipser 1989).
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.models.language_model import LanguageModel
from charrnn.models.network import Part
from charrnn.nn.embedding import Embedding
from charrnn.nn.functions import Ids, add_columns
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk


class Conditional(LanguageModel):
    """A language model with ``begin/E`` ``(L states H, labels)``: a column for each label.

    Attributes:
        mixed: ``(labels,)``, the share of each label in the state that texts begin with; None before :meth:`mixing`, and then a
            chunk has to tell its labels.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, labels: int) -> None:
        super().__init__(config, vocabulary_size)
        layers, states, hidden_size, _ = self.stack.state_shape(1)
        self.labels, self.mixed = labels, None
        self.first = Embedding(labels, layers * states * hidden_size, "begin/")

    mixed: NDArray[np.floating] | None

    @property
    def _parts(self) -> tuple[Part, ...]:
        return (*super()._parts, self.first)

    @property
    def _shape(self) -> tuple[object, ...]:
        mixed = None if self.mixed is None else tuple(self.mixed.tolist())
        return (*super()._shape, self.labels, mixed)

    @property
    def begun_by(self) -> str:
        """The array that has a column for each label: what texts begin with."""
        return next(iter(self.first.parameter_shapes()))

    def mixing(self, shares: NDArray[np.floating]) -> Conditional:
        """The same model, whose texts all begin with this mixture of labels."""
        chosen = copy.copy(self)
        chosen.mixed = shares
        return chosen

    def initialize(self, rng: np.random.Generator) -> Parameters:
        params = super().initialize(rng)
        E = self.first.own(params)["E"]
        E *= 0.1  # small beside what a state comes to
        return params

    def begin(self, params: Parameters, batch: int, labels: Ids | None = None) -> Array:
        E = self.first.own(params)["E"]
        shape = self.stack.state_shape(batch)
        if labels is not None:
            return np.asarray(E[:, labels].reshape(shape))
        if self.mixed is None:
            raise InputError("the model writes for a label, and none is chosen; name one (--label)")
        mean = (E @ self.mixed.astype(E.dtype)).reshape(*shape[:-1], 1)
        return np.broadcast_to(mean, shape).copy()

    def back_to_beginning(
        self, gradients: Parameters, chunk: Chunk, dstate: Array, workspace: Workspace
    ) -> None:
        assert chunk.labels is not None
        dE = self.first.own(gradients)["E"]
        fresh = np.flatnonzero(chunk.fresh)
        if len(fresh):
            dbegin = np.ascontiguousarray(dstate[..., fresh]).reshape(len(dE), 1, -1)
            add_columns(dE, dbegin, chunk.labels[None, fresh], workspace.scratch)
