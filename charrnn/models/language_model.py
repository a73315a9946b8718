"""The character language model: a stack of layers that predicts the next character.

x = E e(id), or one-hot;  h = stack(x),  o = V h + c,  p = softmax(o)
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.nn.cells import cell_class
from charrnn.nn.compiled import compile_stack
from charrnn.nn.context import ContextStack
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.embedding import Embedding
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace


class LanguageModel:
    """The mathematics of the model; its numbers are in a :class:`Parameters`, given to each call.

    Arrays: ids and targets ``(T, B)``; a state ``(L, states, H, B)``, or what else the stack has one of; logits
    ``(K, T, B)``, for a vocabulary of *K* characters.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        K, H, D = vocabulary_size, config.hidden_size, config.embedding_size
        self.config, self.vocabulary_size = config, K
        self.embedding = Embedding(K, D) if D else None  # else characters are one-hot
        layers = cell_class(config.cell), D or K, H, config.num_layers
        self.stack: Stack = (
            Stack(*layers, one_hot=not D)
            if config.context is None
            else ContextStack(*layers, one_hot=True, context=config.context)
        )
        self.readout = Readout(H, K)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LanguageModel):
            return NotImplemented
        return (self.config, self.vocabulary_size) == (other.config, other.vocabulary_size)

    def compiled(self, on_start: Callable[[], object] | None = None) -> LanguageModel:
        """The same model with its stack's quick twin, where there is one, as :func:`compile_stack` has it."""
        quick = copy.copy(self)
        quick.stack = compile_stack(self.stack, on_start)
        return quick

    @property
    def _parts(self) -> tuple[Embedding | Stack | Readout, ...]:
        below = (self.embedding,) if self.embedding else ()
        return (*below, self.stack, self.readout)

    @property
    def multiplications(self) -> int:
        """Of the matrix products, for each character that is read."""
        return sum(part.multiplications for part in self._parts)

    @property
    def read_by(self) -> str:
        """The array that has a column for each character, as it is read; of a context, for the current one."""
        return next(iter((self.embedding or self.stack).parameter_shapes()))

    def embedded(self, params: Parameters) -> Array | None:
        """``(D, K)``, the embedding; None where characters are one-hot."""
        return params[self.read_by] if self.embedding else None

    @property
    def predicted_by(self) -> str:
        """The array that has a row for each character, as it is predicted."""
        return next(iter(self.readout.parameter_shapes()))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, in the order in which they lie in the flat vector."""
        return dict(pair for part in self._parts for pair in part.parameter_shapes().items())

    def initialize(self, rng: np.random.Generator) -> Parameters:
        """Fresh float32 parameters."""
        params = Parameters(self.parameter_shapes())
        for part in self._parts:
            part.initialize(params, rng)
        return params

    def zero_state(self, batch: int, dtype: np.dtype[np.floating] | type = np.float32) -> Array:
        """The state before any text: zeros."""
        return np.zeros(self.stack.state_shape(batch), dtype)

    def logits(
        self,
        params: Parameters,
        ids: Ids,
        state: Array,
        workspace: Workspace,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, Array]:
        """Scores of every next character, ``(K, T, B)``, and the new state.

        Args:
            rng: Draws the dropout masks; without it nothing is dropped.
        """
        rates = self.config.dropout, self.config.weight_drop
        dropout = NO_DROPOUT if rng is None else Dropout(rng, *rates)
        x = ids
        if self.embedding:
            x = self.embedding.forward(params, ids, workspace.child("embedding"))
        h, state = self.stack.forward(params, x, state, workspace, dropout)
        return self.readout.forward(params, h, workspace.child("readout")), state

    def loss_and_gradients(
        self,
        params: Parameters,
        gradients: Parameters,
        ids: Ids,
        targets: Ids,
        state: Array,
        workspace: Workspace,
        *,
        scale: float = 1.0,
        counted: NDArray[np.bool_] | None = None,
        rng: np.random.Generator | None = None,
    ) -> tuple[float, Array]:
        """Summed loss of a chunk in nats, and the new state; ``gradients`` are added to.

        The gradient is that of ``scale`` times the summed loss, truncated at the chunk's first step.

        Args:
            counted: ``(T, B)`` booleans, the targets that belong to the loss; all of them without it.
        """
        logits, new_state = self.logits(params, ids, state, workspace, rng)
        nll = cross_entropy_(logits, targets)
        logits *= scale
        if counted is not None:
            logits *= counted
            nll *= counted
        self.backward(params, gradients, logits, np.zeros_like(state), workspace)
        return float(nll.sum(dtype=np.float64)), new_state

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dlogits: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        """Back through the last ``logits`` on this workspace; returns the gradient by its state."""
        dh = self.readout.backward(params, gradients, dlogits, workspace.child("readout"))
        dx, dstate = self.stack.backward(params, gradients, dh, dstate, workspace)
        if self.embedding and dx is not None:
            self.embedding.backward(params, gradients, dx, workspace.child("embedding"))
        return dstate
