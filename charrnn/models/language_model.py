"""The character language model: a recurrent stack that predicts the next character.

h = stack(x),  o = V h + c,  p = softmax(o)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.nn.dropout import Dropout
from charrnn.nn.functions import Ids, add_columns, add_product, columns, gather_columns
from charrnn.nn.initialization import scaled_uniform
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace


class LanguageModel:
    """The mathematics of the model; its numbers are in a :class:`Parameters`, given to each call.

    Arrays: ids and targets ``(T, B)``; a state ``(L, states, H, B)``; logits ``(K, T, B)``.

    Args:
        config: Cell, sizes and dropout.
        vocabulary_size: Number of characters, *K*.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int) -> None:
        self.config = config
        self.vocabulary_size = vocabulary_size
        self.stack = Stack(
            config.cell,
            config.embedding_size or vocabulary_size,
            config.hidden_size,
            config.num_layers,
            one_hot=not config.embedding_size,
        )

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter. Columns of ``E`` (or ``layer0/U``) and rows of ``V`` are characters."""
        K, H, D = self.vocabulary_size, self.config.hidden_size, self.config.embedding_size
        embedding = {"E": (D, K)} if D else {}
        return {**embedding, **self.stack.parameter_shapes(), "V": (K, H), "c": (K,)}

    def initialize(self, rng: np.random.Generator) -> Parameters:
        """Fresh float32 parameters."""
        params = Parameters(self.parameter_shapes())
        if self.config.embedding_size:
            params["E"][...] = rng.standard_normal(params["E"].shape)
        self.stack.initialize(params, rng)
        scaled_uniform(params["V"], self.config.hidden_size, rng)
        return params

    def zero_state(self, batch: int, dtype: np.dtype[np.floating] | type = np.float32) -> Array:
        """The state before any text, ``(L, states, H, B)``."""
        return np.zeros(self.stack.state_shape(batch), dtype)

    def embed(self, params: Parameters, ids: Ids, workspace: Workspace) -> Array | Ids:
        """The stack's input: embedded characters ``(D, T, B)``, or the ids themselves."""
        if not self.config.embedding_size:
            return ids
        x = workspace.array("embedded", self.config.embedding_size, *ids.shape)
        gather_columns(params["E"], ids, out=x)
        return x

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
        dropout = None
        if rng is not None:
            dropout = Dropout(rng, self.config.dropout, self.config.weight_drop)
        x = self.embed(params, ids, workspace)
        h, state = self.stack.forward(params, x, state, workspace, dropout)
        logits = workspace.array("logits", self.vocabulary_size, *ids.shape)
        np.matmul(params["V"], columns(h), out=columns(logits))
        logits += params["c"][:, None, None]
        workspace.remember(ids=ids, h=h)
        return logits, state

    def loss(
        self, params: Parameters, ids: Ids, targets: Ids, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        """Negative log-likelihood in nats of each target, ``(T, B)``, and the new state."""
        logits, state = self.logits(params, ids, state, workspace)
        nll = cross_entropy_(columns(logits), targets.ravel())
        return nll.reshape(targets.shape), state

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
        nll = cross_entropy_(columns(logits), targets.ravel())
        logits *= scale
        if counted is not None:
            logits *= counted
            nll *= counted.ravel()
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
        ids, h = workspace["ids"], workspace["h"]
        add_product(gradients["V"], dlogits, h, workspace)
        gradients.add("c", columns(dlogits).sum(axis=1))
        dh = workspace.scratch.array("dx", *h.shape)  # where each layer's is found by the one below
        np.matmul(params["V"].T, columns(dlogits), out=columns(dh))
        dx, dstate = self.stack.backward(params, gradients, dh, dstate, workspace)
        if dx is not None:
            add_columns(gradients["E"], dx, ids, workspace)
        return dstate
