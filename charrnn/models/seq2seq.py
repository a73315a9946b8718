"""From one text to another: many to many, of unequal length (Sutskever, Vinyals, Le, arXiv 1409.3215).

An encoder reads the source, by default from both ends. A decoder writes the target: it starts from an affine map of where the encoder ended, reads
what it has written, and looks back at all that the encoder made of the source (:mod:`charrnn.nn.attention`); while it learns it reads what it should
have written.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ModelConfig
from charrnn.models.network import Network, Part
from charrnn.nn.attention import Attention, Bridge, Looked
from charrnn.nn.compiled import compile_stack
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.embedding import Embedding
from charrnn.nn.functions import Ids
from charrnn.nn.lengths import Lengths
from charrnn.nn.loss import PLAIN, Objective, cross_entropy_
from charrnn.nn.monotonic import TINY, Monotonic, Places, Walks, forwards, of_symbols, posteriors
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk


@dataclass(frozen=True)
class Encoded:
    """What an encoder made of some texts.

    Attributes:
        memory: ``(M, T, B)``, what its top level made of each character.
        start: ``(L, states, H, B)``, the state that the decoder starts from.
        looked, places: What the attention makes of the memory, of the one kind or the other.
    """

    memory: Array
    start: Array
    looked: Looked | None = None
    places: Places | None = None

    def kept(self, columns: NDArray[np.intp] | slice) -> Encoded:
        """That of some of the texts."""
        looked = self.looked and Looked(*(x[columns] for x in self.looked))
        places = self.places and Places(*(x[columns] for x in self.places))
        return Encoded(self.memory[..., columns], self.start[..., columns], looked, places)


class Seq2Seq(Network):
    """It chooses among *K* symbols and, as the last of its outputs, the sign that a target ends, which also stands before each.

    Args:
        symbols: That targets are made of, *K*.
    """

    def __init__(self, config: ModelConfig, vocabulary_size: int, symbols: int) -> None:
        walks = config.attention == "monotonic"
        super().__init__(config, vocabulary_size + walks, symbols + 1)
        self.end, D, H = symbols, config.embedding_size, config.hidden_size
        self.stack = replace(self.stack, name="encoder/")
        if self.embedding:
            self.embedding = Embedding(self.vocabulary_size, D, "encoder/")
        self.written = Embedding(symbols + 1, D, "decoder/") if D else None
        size, levels = D or symbols + 1, config.num_layers
        self.decoder: Stack = Stack(
            self.stack.cell, size, H, levels, one_hot=not D, name="decoder/"
        )
        M, states = self.stack.output_size, len(self.stack.cell.states)
        self.bridge = Bridge(levels, states, M, H)
        self.attention = Attention(H, M) if config.attention == "general" else None
        self.monotonic = Monotonic(H, M) if walks else None
        self.readout = Readout(H, symbols + 1)

    @property
    def _parts(self) -> tuple[Part, ...]:
        parts = (
            self.embedding,
            self.stack,
            self.written,
            self.decoder,
            self.bridge,
            self.attention,
            self.monotonic,
            self.readout,
        )
        return tuple(part for part in parts if part is not None)

    def compiled(self, on_start: Callable[[], object] | None = None) -> Seq2Seq:
        quick = copy.copy(self)
        quick.stack = compile_stack(self.stack, on_start)
        quick.decoder = compile_stack(self.decoder, on_start)
        return quick

    def encode(
        self,
        params: Parameters,
        ids: Ids,
        lengths: Lengths,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
    ) -> Encoded:
        """Read some sources, ``(T, B)`` ids, each of one character at least."""
        ids, lengths = self.marked(ids, lengths)
        zero = self.zero_state(ids.shape[1], params.flat.dtype)
        memory, state = self.hidden(params, ids, zero, workspace, dropout, lengths)
        return self.encoded(params, memory, state, lengths, workspace)

    def marked(self, ids: Ids, lengths: Lengths) -> tuple[Ids, Lengths]:
        """Sources as the encoder reads them: for who walks with marks around them, number 0, so that the characters' are one more, also
        those that a model learns to know later."""
        if not self.monotonic:
            return ids, lengths
        T, B = ids.shape
        marked = np.zeros((T + 2, B), np.intp)
        step = np.arange(T)[:, None]
        marked[1:-1] = np.where(step < lengths, ids + 1, 0)
        return marked, lengths + 2

    def encoded(
        self,
        params: Parameters,
        memory: Array,
        state: Array,
        lengths: Lengths,
        workspace: Workspace,
    ) -> Encoded:
        """What follows from what the encoder made of each character, and ended with."""
        L, (_, states, _, B) = self.config.num_layers, state.shape
        # The layers of a level lie one after the other in the state, and together are what the decoder's level starts from.
        ends = state.reshape(L, -1, states, self.stack.hidden_size, B).swapaxes(1, 2)
        ends = ends.reshape(L, states, self.stack.output_size, B)
        return Encoded(
            memory,
            self.bridge.forward(params, ends, workspace.child("bridge")),
            self.attention.look(params, memory, lengths) if self.attention else None,
            self.monotonic.look(params, memory, lengths) if self.monotonic else None,
        )

    def decode(
        self,
        params: Parameters,
        written: Ids,
        encoded: Encoded,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
        lengths: Lengths | None = None,
    ) -> Array:
        """Scores of what follows each symbol, ``(K+1, S, B)``.

        Args:
            written: ``(S, B)``, what stands before each symbol.
            lengths: ``(B,)``, of the targets with their ends.
        """
        h = self.held(params, written, encoded, workspace, dropout, lengths)
        return self.read_out(params, h, encoded, workspace, dropout)

    def held(
        self,
        params: Parameters,
        written: Ids,
        encoded: Encoded,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
        lengths: Lengths | None = None,
    ) -> Array:
        """What the decoder holds after each of these symbols, ``(H, S, B)``; arguments as those of :meth:`decode`."""
        x: Array | Ids = written
        if self.written:
            x = self.written.forward(params, written, workspace.child("written"))
        own = workspace.child("decoder")
        h, _ = self.decoder.forward(params, x, encoded.start, own, dropout, lengths)
        return h

    def read_out(
        self,
        params: Parameters,
        h: Array,
        encoded: Encoded,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
    ) -> Array:
        """Scores, of what the decoder holds after each step, ``(H, S, B)``."""
        if self.attention:
            own = workspace.child("attention")
            assert encoded.looked is not None
            h = self.attention.forward(params, h, encoded.looked, own)
            h = dropout.drop(h, own)
        return self.readout.forward(params, h, workspace.child("readout"))

    def nats(self, params: Parameters, chunk: Chunk, workspace: Workspace) -> Array:
        """``(S, B)``: minus the log of the probability of each symbol of some targets, given those before it."""
        assert chunk.counted is not None
        encoded = self.encode(params, chunk.inputs, chunk.known_lengths, workspace)
        if self.monotonic is None:
            logits = self.decode(params, self.before(chunk.targets), encoded, workspace)
            return cross_entropy_(logits, chunk.targets)
        h = self.held(params, self.before(chunk.targets), encoded, workspace)
        walks = self.walks(params, h, encoded)
        written, ends = of_symbols(walks.p, chunk.targets), chunk.counted.sum(axis=0)
        _, likely = forwards(walks.moves, written, ends)
        return np.asarray(-np.log(likely).T)

    def walks(self, params: Parameters, h: Array, encoded: Encoded) -> Walks:
        """What each step could look at and write, of what the decoder holds after it, ``(H, S, B)``."""
        assert self.monotonic is not None
        assert encoded.places is not None
        return self.monotonic.walks(params, self.readout, h, encoded.places)

    def before(self, targets: Ids) -> Ids:
        """``(S, B)``, what stands before each symbol of some targets."""
        return np.concatenate([np.full_like(targets[:1], self.end), targets[:-1]])

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
        """As of any network; targets are ``(S, B)``, with their ends, and no state goes on."""
        assert chunk.counted is not None
        dropout, lengths = self.dropout(rng), chunk.counted.sum(axis=0)
        encoded = self.encode(params, chunk.inputs, chunk.known_lengths, workspace, dropout)
        h = self.held(params, self.before(chunk.targets), encoded, workspace, dropout, lengths)
        loss, dh, d_memory = self.graded(
            params,
            gradients,
            h,
            encoded,
            chunk.targets,
            chunk.counted,
            workspace,
            dropout,
            scale=scale,
            objective=objective,
        )
        dstate = self.back_to_source(params, gradients, dh, workspace)
        self.back_from(params, gradients, d_memory, dstate, workspace)
        return loss, state

    def graded(
        self,
        params: Parameters,
        gradients: Parameters,
        h: Array,
        encoded: Encoded,
        targets: Ids,
        counted: NDArray[np.bool_],
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
        *,
        scale: float = 1.0,
        objective: Objective = PLAIN,
    ) -> tuple[float, Array, Array]:
        """The summed loss of targets, and its gradients by what the decoder holds, ``(H, S, B)``, and by the memory, ``(M, T, B)``.

        Args:
            counted: ``(S, B)``, which symbols have a loss; of who walks the first ones of each target.
        """
        if self.monotonic:
            ends = counted.sum(axis=0)
            return self._walked(
                params, gradients, h, encoded, targets, ends, scale, objective.smoothing
            )
        logits = self.read_out(params, h, encoded, workspace, dropout)
        nll = objective.loss_(logits, targets)
        logits *= scale
        logits *= counted
        dh = self.readout.backward(params, gradients, logits, workspace.child("readout"))
        d_memory = np.zeros_like(encoded.memory)
        if self.attention:
            own = workspace.child("attention")
            if "mask" in own:
                dh *= own["mask"]
            dh, by_memory = self.attention.backward(params, gradients, dh, own)
            d_memory += by_memory
        return float((nll * counted).sum(dtype=np.float64)), dh, d_memory

    def _walked(
        self,
        params: Parameters,
        gradients: Parameters,
        h: Array,
        encoded: Encoded,
        targets: Ids,
        ends: Lengths,
        scale: float,
        smoothing: float,
    ) -> tuple[float, Array, Array]:
        """The summed loss of all walks, and the gradients by what the decoder holds and by the memory."""
        assert self.monotonic is not None
        assert encoded.places is not None
        walks, K = self.walks(params, h, encoded), self.outputs
        written = of_symbols(walks.p, targets)
        alpha, likely = forwards(walks.moves, written, ends)
        loss = -float(np.log(likely).sum(dtype=np.float64))
        if smoothing:  # what is told is without it
            every = np.log(np.maximum(walks.p, TINY)).mean(axis=3)
            own = np.log(np.maximum(written, TINY))
            written = np.exp((1 - smoothing) * own + smoothing * every)
            alpha, likely = forwards(walks.moves, written, ends)
        moved = posteriors(walks.moves, written, ends, alpha, likely)
        looked = moved.sum(axis=2)  # (B, S, T)
        d_moves = scale * (moved.sum(axis=3, keepdims=True) * walks.moves - moved)
        wanted = np.full_like(walks.p, smoothing / K)
        place = targets.T[:, :, None, None]
        np.put_along_axis(
            wanted,
            np.broadcast_to(place, (*walks.p.shape[:3], 1)),
            smoothing / K + 1 - smoothing,
            axis=3,
        )
        d_logits = scale * looked[..., None] * (walks.p - wanted)
        by = self.monotonic.backward(
            params, gradients, self.readout, h, encoded.places, walks, d_moves, d_logits
        )
        return loss, *by

    def back_to_source(
        self, params: Parameters, gradients: Parameters, dh: Array, workspace: Workspace
    ) -> Array:
        """Back through decoder and bridge, after the last :meth:`held`; the gradient by the state that the encoder ended with."""
        own = workspace.child("decoder")
        nothing = np.zeros(self.decoder.state_shape(dh.shape[-1]), dh.dtype)
        dx, d_start = self.decoder.backward(params, gradients, dh, nothing, own)
        if self.written and dx is not None:
            self.written.backward(params, gradients, dx, workspace.child("written"))
        d_ends = self.bridge.backward(params, gradients, d_start, workspace.child("bridge"))
        L, states, _, B = d_ends.shape
        split = d_ends.reshape(L, states, -1, self.stack.hidden_size, B).swapaxes(1, 2)
        return np.ascontiguousarray(split.reshape(self.stack.state_shape(B)))
