"""What all models have in common: characters as vectors, a stack of layers, and a readout of what it makes of them.

x = E e(id), or one-hot;  h = stack(x),  o = V h + c,  p = softmax(o)
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from charrnn.config import ModelConfig
from charrnn.nn.attention import Attention, Bridge
from charrnn.nn.compiled import compile_stack
from charrnn.nn.context import ContextStack
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.embedding import Embedding
from charrnn.nn.functions import Ids
from charrnn.nn.lengths import Lengths, Places
from charrnn.nn.lm_loss import LMLoss
from charrnn.nn.loss import PLAIN, Objective
from charrnn.nn.monotonic import Monotonic
from charrnn.nn.ngrams import Ngrams
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk

Model = TypeVar("Model", bound="Network")
Part = Embedding | Stack | Readout | Attention | Monotonic | Bridge | Ngrams


class Network:
    """The mathematics of a model that predicts something at each step; its numbers are in a :class:`Parameters`, given to each call.

    Arrays: ids ``(T, B)``; a state ``(L, states, H, B)``, or what else the stack has one of; scores ``(K, T, B)`` of *K*
    outputs.

    Args:
        vocabulary_size: Of the characters that it reads.
        outputs: Number of things that it chooses among, *K*.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, outputs: int) -> None:
        K, H, D = vocabulary_size, config.hidden_size, config.embedding_size
        self.config, self.vocabulary_size, self.outputs = config, K, outputs
        self.embedding = Embedding(K, D) if D else None  # else characters are one-hot
        layers = config.kind, D or K, H, config.num_layers
        self.stack: Stack = (
            Stack(*layers, one_hot=not D, bidirectional=bool(config.bidirectional))
            if config.context is None
            else ContextStack(*layers, one_hot=True, context=config.context)
        )
        self.readout = Readout(self.stack.output_size, outputs)
        self.lm_loss = (
            LMLoss(
                H,
                K,
                config.lm_loss,
                mean=config.per == "text",
                bidirectional=self.stack.bidirectional,
            )
            if config.lm_loss
            else None
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return self._shape == other._shape

    @property
    def _shape(self) -> tuple[object, ...]:
        return self.config, self.vocabulary_size, self.outputs

    @property
    def reads_whole(self) -> bool:
        """Whether a chunk is of whole texts, each from the zero state to its length, and no state goes on from one to the next."""
        return self.config.reads_whole

    def compiled(self: Model, on_start: Callable[[], object] | None = None) -> Model:  # noqa: PYI019 (typing.Self is younger than Python 3.10)
        """The same model with its stack's quick twin, where there is one, as :func:`compile_stack` has it."""
        quick = copy.copy(self)
        quick.stack = compile_stack(self.stack, on_start)
        return quick

    @property
    def _parts(self) -> tuple[Part, ...]:
        """Those that answer."""
        below = (self.embedding,) if self.embedding else ()
        return (*below, self.stack, self.readout)

    @property
    def learning(self) -> tuple[Part | LMLoss, ...]:
        """Those that have something to learn, the ones that answer nothing last."""
        return (*self._parts, *([self.lm_loss] if self.lm_loss else []))

    @property
    def multiplications(self) -> int:
        """Of the matrix products, for each character that is read."""
        return sum(part.multiplications for part in self._parts)

    @property
    def learning_multiplications(self) -> int:
        """The same of what is learnt from."""
        return sum(part.multiplications for part in self.learning)

    @property
    def read_by(self) -> str:
        """The array that has a column for each character, as it is read; of a context, for the current one."""
        return next(iter((self.embedding or self.stack).parameter_shapes()))

    def embedded(self, params: Parameters) -> Array | None:
        """``(D, K)``, the embedding; None where characters are one-hot."""
        return params[self.read_by] if self.embedding else None

    @property
    def predicted_by(self) -> str:
        """The array that has a row for each output, as it is predicted."""
        return next(iter(self.readout.parameter_shapes()))

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, in the order in which they lie in the flat vector."""
        return dict(pair for part in self.learning for pair in part.parameter_shapes().items())

    def initialize(self, rng: np.random.Generator) -> Parameters:
        """Fresh float32 parameters."""
        params = Parameters(self.parameter_shapes())
        for part in self.learning:
            part.initialize(params, rng)
        return params

    def zero_state(self, batch: int, dtype: np.dtype[np.floating] | type = np.float32) -> Array:
        """The state before any text: zeros."""
        return np.zeros(self.stack.state_shape(batch), dtype)

    def begin(self, params: Parameters, batch: int, labels: Ids | None = None) -> Array:  # noqa: ARG002
        """The state that texts begin with.

        Args:
            labels: ``(B,)``, what they are to be, where a model writes for labels.
        """
        return self.zero_state(batch, params.flat.dtype)

    def carried_shape(self, batch: int) -> tuple[int, ...]:
        """Shape of the state that goes on from chunk to chunk: of no texts, where each chunk is of whole ones."""
        return self.stack.state_shape(0 if self.reads_whole else batch)

    def ends(self, h: Array, state: Array, lengths: Lengths | None = None) -> Array:
        """``(H, B)``, or ``(2H, B)`` of two directions: what the top level holds of each text after it was read.

        Of a net without memory that is what it makes of the last character and those before it.

        Args:
            h: ``(H, T, B)``, what the top level made of each character.
            state: After each text.
            lengths: ``(B,)``, where they do not all have T characters; of a text without any nothing is held.
        """
        if not self.config.is_recurrent:
            last = self.last(h, lengths)
            return np.asarray(h[:, last, np.arange(len(last))] * (last >= 0))
        top = state[list(self.stack.levels[-1]), 0]
        return np.asarray(top.reshape(self.stack.output_size, state.shape[-1]))

    @staticmethod
    def last(h: Array, lengths: Lengths | None) -> Places:
        """``(B,)``: the last step of each text; -1 of one without characters."""
        _, T, B = h.shape
        return np.full(B, T - 1) if lengths is None else lengths.astype(np.intp) - 1

    def dropout(self, rng: np.random.Generator | None) -> Dropout:
        """What is dropped, where there is something to draw it with."""
        rates = self.config.dropout, self.config.weight_drop
        return NO_DROPOUT if rng is None else Dropout(rng, *rates)

    def hidden(
        self,
        params: Parameters,
        ids: Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout,
        lengths: Lengths | None,
    ) -> tuple[Array, Array]:
        """What the stack makes of each character, ``(H, T, B)``, and the new state."""
        x = ids
        workspace.remember(ids=ids)
        if self.embedding:
            x = self.embedding.forward(params, ids, workspace.child("embedding"))
        return self.stack.forward(params, x, state, workspace, dropout, lengths)

    def logits(
        self,
        params: Parameters,
        ids: Ids,
        state: Array,
        workspace: Workspace,
        rng: np.random.Generator | None = None,
        lengths: Lengths | None = None,
    ) -> tuple[Array, Array]:
        """Scores of every output, as :meth:`scores` has them, and the new state.

        Args:
            rng: Draws the dropout masks; without it nothing is dropped.
            lengths: ``(B,)``, of whole texts, where they do not all have T characters.
        """
        dropout = self.dropout(rng)
        h, state = self.hidden(params, ids, state, workspace, dropout, lengths)
        return self.scores(params, h, state, workspace, dropout, lengths), state

    def scores(
        self,
        params: Parameters,
        h: Array,
        state: Array,  # noqa: ARG002
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,  # noqa: ARG002
        lengths: Lengths | None = None,  # noqa: ARG002
    ) -> Array:
        """Scores of what the stack made of some texts, and of the state after each: of every character, ``(K, T, B)``."""
        return self.readout.forward(params, h, workspace.child("readout"))

    def loss_and_gradients(
        self,
        params: Parameters,
        gradients: Parameters,
        chunk: Chunk,
        state: Array,
        workspace: Workspace,
        *,
        scale: float = 1.0,
        rng: np.random.Generator | None = None,
        objective: Objective = PLAIN,
    ) -> tuple[float, Array]:
        """Summed loss of a chunk in nats, and the state that goes on; ``gradients`` are added to.

        The gradient is that of ``scale`` times the summed loss, each prediction times its weight if there are any, truncated at the
        chunk's first step; and of the auxiliary loss beside it, if there is one, see :class:`charrnn.nn.lm_loss.LMLoss`, which the loss
        that is returned is without.

        Args:
            state: What goes on from the chunk before; with ``reads_whole`` nothing does, and it is returned as it is.
            objective: What is learnt; the loss that is returned is without it.
        """
        B, before = chunk.inputs.shape[1], state
        if self.reads_whole:
            before = self.begin(params, B)
        elif chunk.fresh.any():
            before = np.where(chunk.fresh, self.begin(params, B, chunk.labels), state)
        lengths = chunk.lengths if self.reads_whole else None
        logits, after = self.logits(params, chunk.inputs, before, workspace, rng, lengths)
        nll = objective.loss_(logits, chunk.targets)
        logits *= scale
        if chunk.weights is not None:
            logits *= chunk.weights
        if chunk.counted is not None:
            logits *= chunk.counted
            nll *= chunk.counted
        beside = None
        if self.lm_loss:
            h, own, known = workspace["causal"], workspace.child("lm"), chunk.known_lengths
            beside = self.lm_loss.learn(params, gradients, h, chunk.inputs, known, scale, own)
        nothing = np.zeros_like(before)
        dstate = self.backward(params, gradients, logits, nothing, workspace, beside)
        self.back_to_beginning(gradients, chunk, dstate, workspace)
        return float(nll.sum(dtype=np.float64)), state if self.reads_whole else after

    def back_to_beginning(
        self, gradients: Parameters, chunk: Chunk, dstate: Array, workspace: Workspace
    ) -> None:
        """Add the gradient of what a text begins with, where that is learnt: zeros are not."""

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dlogits: Array,
        dstate: Array,
        workspace: Workspace,
        beside: Array | None = None,
    ) -> Array:
        """Back through the last ``logits`` on this workspace; returns the gradient by its state.

        Args:
            beside: Of another loss, as :meth:`charrnn.nn.stack.Stack.backward` has it.
        """
        dh = self.readout.backward(params, gradients, dlogits, workspace.child("readout"))
        return self.back_from(params, gradients, dh, dstate, workspace, beside)

    def back_from(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
        beside: Array | None = None,
    ) -> Array:
        """Back from what the stack made of each character, and from the state after it."""
        dx, dstate = self.stack.backward(params, gradients, dh, dstate, workspace, beside)
        if self.embedding and dx is not None:
            self.embedding.backward(params, gradients, dx, workspace.child("embedding"))
        return dstate
