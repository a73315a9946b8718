"""Nets without memory: a stack whose lowest layer reads the last N characters, and knows of no others.

    h_t = tanh(Σ_{k=0}^{N-1} U_k e(x_{t-k}) + b)

A table U_k for each place: its columns are what a character means there, k characters back (Bengio,
Ducharme, Vincent, Jauvin, "A neural probabilistic language model", JMLR 2003, whose words have one embedding
in all places and a matrix for each; of one-hot characters both are one table). With N = 1 it is a bigram model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, add_columns, gather_columns
from charrnn.nn.layer import Layer
from charrnn.nn.lengths import Lengths, checked
from charrnn.nn.parameters import Array, Own, Parameters, scaled_uniform
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Scratch, Workspace


class ContextLayer(Layer):
    """``z_t = Σ_k U_k e(x_{t-k}) + b``; the ids are ``(N, T, B)``, of which those in place k are k steps older."""

    def __init__(self, cell: Cell, input_size: int, name: str, context: int) -> None:
        self.tables = tuple(f"U{place}" for place in range(context))
        super().__init__(cell, input_size, name, one_hot=True)

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(self.tables, (self.rows, self.input_size))

    def initialize_input(self, own: Own, rng: np.random.Generator) -> None:
        for table in self.tables:
            scaled_uniform(own[table], len(self.tables), rng)

    def read(self, own: Own, x: Ids, z: Array, scratch: Scratch) -> None:
        newest, *older = self.tables
        gather_columns(own[newest] + own["b"][:, None], x[0], out=z)
        with scratch:
            further = scratch.array(*z.shape)
            for table, ids in zip(older, x[1:], strict=True):
                gather_columns(own[table], ids, out=further)
                z += further

    def read_back(self, d_own: Own, x: Ids, dz: Array, scratch: Scratch) -> None:
        for table, ids in zip(self.tables, x, strict=True):
            add_columns(d_own[table], dz, ids, scratch)


@dataclass(frozen=True)
class ContextStack(Stack):
    """A stack of a cell that is not recurrent, whose memory is what it reads: one-hot characters, the last N.

    Its state, ``(1, 1, N-1, B)``, is the N-1 characters before a chunk, the newest first: each as its id + 1, which a
    float holds exactly, and 0 where nothing has been read yet. There the first character that is read stands, which
    is a text's beginning. No gradient flows into it. It looks back alone: of two directions the other one would need one ahead.

    Args:
        context: The characters that it reads at a time, *N*.

    Raises:
        ValueError: The cell is recurrent, the input dense, or two directions are asked for.
    """

    context: int = 1

    def __post_init__(self) -> None:
        if self.cell.recurrent or self.bidirectional or not self.one_hot:
            raise ValueError(
                "a context is for one-hot ids, one direction, and a cell without a recurrence"
            )

    def lowest(self, cell: Cell, name: str) -> Layer:
        return ContextLayer(cell, self.input_size, name, self.context)

    def state_shape(self, batch: int) -> tuple[int, int, int, int]:
        """``(1, 1, N-1, B)``."""
        return 1, 1, self.context - 1, batch

    def is_state(self, state: Array) -> bool:
        characters = np.isin(state, np.arange(self.input_size + 1)).all()
        begun = state > 0
        return bool(characters and (begun == begun[..., :1, :]).all())

    def forward(
        self,
        params: Parameters,
        x: Array | Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
        lengths: Lengths | None = None,
    ) -> tuple[Array, Array]:
        """As that of :class:`Stack`, of ids ``(T, B)``."""
        (T, B), N = x.shape, self.context
        lengths = checked(lengths, T, B)
        before = state[0, 0, ::-1]
        before = np.where(before == 0, x[:1], before - 1).astype(x.dtype)
        read = np.concatenate((before, x))
        places = np.stack([read[N - 1 - place :][:T] for place in range(N)])
        nothing = np.empty(super().state_shape(B), state.dtype)
        h, _ = super().forward(params, places, nothing, workspace, dropout, lengths)
        first = np.full(B, T) if lengths is None else lengths
        last = read[first + np.arange(N - 1)[:, None], np.arange(B)]
        after = (last[::-1].astype(state.dtype) + 1)[None, None]
        return h, np.where(first > 0, after, state)

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
        beside: Array | None = None,
    ) -> tuple[Array | None, Array]:
        nothing = np.empty(super().state_shape(dh.shape[-1]), dstate.dtype)
        super().backward(params, gradients, dh, nothing, workspace, beside)
        return None, np.zeros_like(dstate)

    def stepper(
        self,
        params: Parameters,
        state: Array,
        E: Array | None = None,  # noqa: ARG002 (its characters are one-hot)
    ) -> tuple[Callable[[Ids], None], Array]:
        lowest, N, K = self.layers[0].own(params), self.context, self.input_size
        # The tables one below the other, with a row for each character.
        table = np.concatenate([lowest[f"U{place}"] for place in range(N)], axis=1).T.copy()
        table[:K] += lowest["b"]
        first = K * np.arange(N)[:, None]
        before, places = state[0, 0], np.empty((N, state.shape[-1]), state.dtype)
        newest, older, kept = places[0], places[1:], places[:-1]
        unread, rows = np.empty(older.shape, np.bool_), np.empty(places.shape, np.intp)
        looked_up = np.empty((*rows.shape, self.layers[0].rows), table.dtype)
        z = np.empty(looked_up.shape[1:], table.dtype)
        steps, h = self._steps(params, z.T, state)

        def step(ids: Ids) -> None:
            newest[...] = ids
            np.subtract(before, 1, out=older)
            np.less(older, 0, out=unread)
            np.copyto(older, newest, where=unread)
            np.add(kept, 1, out=before)
            np.add(places, first, out=rows, casting="unsafe")
            table.take(rows, axis=0, out=looked_up, mode="clip")
            np.add.reduce(looked_up, axis=0, out=z)
            for one in steps:
                one()

        return step, h
