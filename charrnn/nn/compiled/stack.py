"""The stack's quick twin: what it computes is the reference's, its arrays have a row for each step and stream.

Of a layer, one compiled call goes through a whole chunk, and one goes back (:mod:`charrnn.nn.compiled.recurrences`).
The products over the whole chunk, of the input and for the gradients, are large and NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.normalized import (
    NormalizedGRU,
    NormalizedLSTM,
    NormalizedReLURNN,
    NormalizedRNN,
)
from charrnn.nn.cells.rnn import RNN, ReLURNN
from charrnn.nn.compiled import normalized, recurrences
from charrnn.nn.compiled.products import pack_columns, pack_gates
from charrnn.nn.compiled.vectors import BYTES
from charrnn.nn.functions import Ids, columns
from charrnn.nn.layer import Layer
from charrnn.nn.lengths import Lengths
from charrnn.nn.parameters import Array, Own
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Scratch, Workspace


class Sizes(NamedTuple):
    """Of a layer's chunk.

    Attributes:
        padded: H, filled up to whole vectors.
        vector: Numbers in a vector, by which rows are longer than what is in them.
    """

    T: int
    B: int
    H: int
    padded: int
    vector: int

    @property
    def steps(self) -> int:
        """Rows of the matrices."""
        return self.T * self.B

    def rows(self, layer: Layer) -> int:
        """Of its U and W, with each gate's H filled up."""
        return len(layer.cell.rows) * self.padded

    def width(self, blocks: int = 1) -> int:
        """Of a matrix with so many blocks of H numbers in a row."""
        return blocks * self.padded + self.vector


class Input(NamedTuple):
    """What comes to ``W h`` from below: a row of ``table`` for each row of z, and what z is already.

    Attributes:
        table: ``(1, n*padded)``, the bias; of one-hot input ``(K, n*padded)``, U's columns with the bias. Going back it
            is their gradient.
        ids: ``(T*B,)``, which row.
        dense: Whether z is U x already.
    """

    table: Array
    ids: Ids
    dense: bool


class Recurrence(NamedTuple):
    """A cell's kernels. All are called with what they need in one order, of which a cell leaves out what it has not.

    Matrices are in the layer's workspace: the states under their names, with the incoming one in the first B rows, and z, which is U x, if
    that is dense, then the gates, then δz.

    Attributes:
        forward: ``(W, *below, rectified, *given, z, *beside, found, *states, *sizes)``: fills in the states.
        backward: ``(W, rectified, gain, z, *beside, found, last state, dh, *carried, *ends, *below, dd, d_gain, db, *sizes)``: makes z to δz
            and ``carried`` to the gradient by the incoming state; adds to the others.
        given: Parameters beside W that kernels read, and to whose gradients they add.
        beside: What is kept beside z, each with its blocks of H numbers in a row; and ``found``, where gates are normalised.
        rectified: Of a cell that may be, whether it is.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    given: tuple[str, ...] = ()
    beside: Mapping[str, int] = {}
    rectified: tuple[bool, ...] = ()


_RNN = Recurrence(recurrences.rnn_forward, recurrences.rnn_backward)
_NORMALIZED_RNN = Recurrence(normalized.rnn_forward, normalized.rnn_backward, ("gain", "b"))

RECURRENCES: dict[type[Cell], Recurrence] = {
    LSTM: Recurrence(recurrences.lstm_forward, recurrences.lstm_backward),
    GRU: Recurrence(recurrences.gru_forward, recurrences.gru_backward, ("d",), {"y": 3}),
    RNN: _RNN._replace(rectified=(False,)),
    ReLURNN: _RNN._replace(rectified=(True,)),
    NormalizedLSTM: Recurrence(
        normalized.lstm_forward, normalized.lstm_backward, ("gain", "b"), {"gates": 4}
    ),
    NormalizedGRU: Recurrence(
        normalized.gru_forward, normalized.gru_backward, ("gain", "b", "d"), {"y": 4}
    ),
    NormalizedRNN: _NORMALIZED_RNN._replace(rectified=(False,)),
    NormalizedReLURNN: _NORMALIZED_RNN._replace(rectified=(True,)),
}
"""The compiled form of each cell that has one."""


def filled_up(a: Array, s: Sizes, scratch: Scratch) -> Array:
    """``a`` with each of its blocks of H rows filled up with zeros to whole vectors."""
    if s.padded == s.H:
        return a
    blocks = a.reshape(-1, s.H, a[0].size)
    filled = scratch.array(len(blocks), s.padded, a[0].size)
    filled[:, s.H :] = 0
    filled[:, : s.H] = blocks
    return filled.reshape(-1, *a.shape[1:])


def row_of(a: Array, s: Sizes, scratch: Scratch) -> Array:
    """A vector, filled up, as a matrix of one row."""
    return filled_up(a, s, scratch).reshape(1, -1)


def zeros(rows: int, width: int, scratch: Scratch) -> Array:
    """To which gradients are added."""
    matrix = scratch.array(rows, width)
    matrix.fill(0)
    return matrix


def add_unfilled(gradient: Array, filled: Array, s: Sizes) -> None:
    """Add to the gradient of what was filled up."""
    blocks = gradient.reshape(-1, s.H, gradient[0].size)
    blocks += filled.reshape(len(blocks), s.padded, -1)[:, : s.H]


def packed_gates(W: Array, s: Sizes, scratch: Scratch) -> Array:
    """W as panels for products with rows of h."""
    P = scratch.array(1, len(W) // s.H * s.padded * s.H)
    pack_gates(W, s.H, s.padded, P)
    return P


def packed_transposed(W: Array, s: Sizes, scratch: Scratch) -> Array:
    """The same of a W of one block, in panels of as many vectors as can be."""
    WT, P = scratch.array(s.H, s.H), scratch.array(1, s.padded * s.H)
    WT[...] = W.T
    pack_columns(WT, s.H, s.H, P)
    return P


def ends_of(dc_t: Array, kept: Workspace, s: Sizes, scratch: Scratch) -> tuple[Array, Lengths]:
    """The gradient by c after each text's end, which is taken out of ``dc_t``, and where that is; nowhere, if all texts go on."""
    if "lengths" not in kept:
        return dc_t, np.zeros(s.B, np.intp)
    dc_end = scratch.array(*dc_t.shape)
    dc_end[...] = dc_t
    dc_t.fill(0)
    return dc_end, kept["lengths"]


def packed_back(W: Array, s: Sizes, scratch: Scratch) -> Array:
    """W as panels for products with rows of δy."""
    P = scratch.array(1, len(W) // s.H * s.padded * s.padded)
    pack_columns(W, s.H, s.padded, P)
    return P


class CompiledLayer(Layer):
    """Agrees with :class:`Layer` to rounding; *h*, as it is returned, has a row for each step and stream."""

    def _sizes(self, chunk: tuple[int, ...], dtype: np.dtype[np.generic]) -> Sizes:
        (T, B), H, vector = chunk, self.cell.hidden_size, BYTES // dtype.itemsize
        return Sizes(T, B, H, -(-H // vector) * vector, vector)

    def run(
        self, own: Own, x: Array | Ids, state: Array, workspace: Workspace, scratch: Scratch
    ) -> tuple[Array, Array]:
        if not own["b"].dtype == state.dtype == workspace.dtype:
            raise TypeError("parameters, state and workspace have not one type of numbers")
        s, lengths = self._sizes(x.shape[-2:], state.dtype), workspace.get("lengths")
        states = [workspace.array(name, s.steps + s.B, s.width()) for name in self.cell.states]
        for matrix, incoming in zip(states, state, strict=True):
            matrix[: s.B] = 0
            matrix[: s.B, : s.H] = incoming.T
        below, how = self._from_below(own, s, x, workspace, scratch), RECURRENCES[type(self.cell)]
        P = (packed_gates if len(self.cell.rows) > 1 else packed_transposed)(own["W"], s, scratch)
        given = [row_of(own[name], s, scratch) for name in how.given]
        beside = [workspace.array(name, s.steps, wide) for name, wide in self._beside(s).items()]
        how.forward(P, *below, *how.rectified, *given, workspace["z"], *beside, *states, *s[:4])
        after = slice(s.steps, None) if lengths is None else lengths * s.B + np.arange(s.B)
        h = states[0][s.B :, : s.H].T.reshape(s.H, s.T, s.B)
        return h, np.stack([matrix[after, : s.H].T for matrix in states])

    def _beside(self, s: Sizes) -> dict[str, int]:
        """What is kept beside z, with the numbers in a row of each."""
        blocks = RECURRENCES[type(self.cell)].beside
        found = {"found": 2 * len(self.cell.rows)} if self.cell.normalized else {}
        return {**{name: s.width(n) for name, n in blocks.items()}, **found}

    def _from_below(
        self, own: Own, s: Sizes, x: Array | Ids, kept: Workspace, scratch: Scratch
    ) -> Input:
        U, b = filled_up(own["U"], s, scratch), filled_up(own["b"], s, scratch)
        if self.cell.normalized:  # it adds b itself
            b = np.zeros_like(b)
        z = kept.array("z", s.steps, s.width(len(self.cell.rows)))
        if self.one_hot:
            ids = np.clip(x.reshape(-1), 0, len(U.T) - 1).astype(np.intp)
            table = np.add(U.T, b, out=scratch.array(*U.T.shape))
        else:
            ids, table = np.zeros(s.steps, np.intp), b.reshape(1, -1)
            np.matmul(columns(x).T, U.T, out=z[:, : len(U)])
        kept.remember(ids=ids)
        return Input(table, ids, not self.one_hot)

    def run_back(
        self,
        own: Own,
        d_own: Own,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
        scratch: Scratch,
    ) -> tuple[Array, Array]:
        s, kept = self._sizes(dh.shape[1:], dstate.dtype), workspace
        carried = [zeros(s.B, s.width(), scratch) for _ in self.cell.states]
        for matrix, final in zip(carried, dstate, strict=True):
            matrix[:, : s.H] = final.T
        table = zeros(self.input_size if self.one_hot else 1, s.rows(self), scratch)
        below, how = Input(table, kept["ids"], not self.one_hot), RECURRENCES[type(self.cell)]
        P = packed_back(own["W"], s, scratch)
        known = [kept[name] for name in ("z", *self._beside(s), self.cell.states[-1])]
        ends = ends_of(carried[1], kept, s, scratch) if len(carried) > 1 else ()
        back = self._rows(dh, s, scratch), *carried, *ends
        gradients = {n: zeros(1, len(own[n]) // s.H * s.padded, scratch) for n in how.given}
        added = [gradients[name] for name in ("d", "gain", "b") if name in gradients]
        if self.cell.normalized:
            gain = row_of(own["gain"], s, scratch)
            how.backward(P, *how.rectified, gain, *known, *back, *below, *added, *s[:4])
        else:  # they ask neither for H nor whether z was dense
            sizes = s.T, s.B, s.padded
            how.backward(P, *how.rectified, *known, *back, *below[:2], *added, *sizes)
        for name, gradient in gradients.items():
            add_unfilled(d_own[name], gradient, s)
        dz = self._add_products(d_own, s, table, kept, scratch)
        return dz, np.stack([matrix[:, : s.H].T for matrix in carried])

    def _add_products(
        self, d_own: Own, s: Sizes, table: Array, kept: Workspace, scratch: Scratch
    ) -> Array:
        """Add to the gradients of W, U and b what follows from δz, which is returned, and of a table's rows."""
        rows = s.rows(self)
        dz, dW = kept["z"][:, :rows].T, scratch.array(rows, s.H)
        dy = kept["y" if "y" in self._beside(s) else "z"]  # by W h
        np.matmul(dy[:, :rows].T, kept["h"][: s.steps, : s.H], out=dW)
        if "W_mask" in kept:
            blocks = dW.reshape(-1, s.padded, s.H)[:, : s.H]
            blocks *= kept["W_mask"].reshape(blocks.shape)
        add_unfilled(d_own["W"], dW, s)
        if not self.cell.normalized:
            add_unfilled(d_own["b"], table.sum(axis=0), s)
        if self.one_hot:
            dU = table.T
        else:
            dU = scratch.array(rows, self.input_size)
            np.matmul(dz, columns(kept["x"]).T, out=dU)
        add_unfilled(d_own["U"], dU, s)
        return dz

    def give_down(self, own: Own, dz: Array, dx: Array, scratch: Scratch) -> None:
        U = filled_up(own["U"], self._sizes(dx.shape[1:], dx.dtype), scratch)
        np.matmul(U.T, dz, out=columns(dx))

    @staticmethod
    def _rows(dh: Array, s: Sizes, scratch: Scratch) -> Array:
        """A row for each step and stream, filled up to whole vectors; the memory of ``dh`` where it is so."""
        rows = columns(dh).T
        if s.padded == s.H and rows.flags.c_contiguous:
            return rows
        filled = scratch.array(s.steps, s.width())
        filled[:, s.H :] = 0
        filled[:, : s.H] = rows
        return filled


class CompiledStack(Stack):
    """Agrees with :class:`Stack` to rounding: a stack of :class:`CompiledLayer`."""

    layer_class = CompiledLayer

    def kept(self, workspace: Workspace) -> Iterator[tuple[Cell, Workspace]]:  # noqa: ARG002
        raise TypeError("what a compiled stack keeps has no gates by name; take the reference")
