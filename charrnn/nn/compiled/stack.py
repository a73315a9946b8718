"""The stack's quick twin: what it computes is the reference's, its arrays have a row for each step and stream.

Of a layer, one compiled call goes through a whole chunk, and one goes back (:mod:`charrnn.nn.compiled.recurrences`).
The products over the whole chunk, of the input and for the gradients, are large and NumPy's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

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


class Recurrence(Protocol):
    """A cell's kernels, with what they are called with.

    Matrices are in the layer's workspace: the states under their names, with the incoming one in the first
    B rows, and z, which is U x, if that is dense, then the gates, then δz.
    """

    @staticmethod
    def forward(own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        """Fill in the states."""

    @staticmethod
    def backward(
        own: Own,
        d_own: Own,
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        """Make z to δz and ``dstate`` to that by the incoming state; add to ``dx`` and to other gradients.

        Returns:
            The gradient by W h, for each row of z.
        """
        ...


class CompiledLSTM(Recurrence):
    @staticmethod
    def forward(own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        P = packed_gates(own["W"], s, scratch)
        recurrences.lstm_forward(P, *x, kept["z"], kept["h"], kept["c"], *s[:4])

    @staticmethod
    def backward(
        own: Own,
        d_own: Own,  # noqa: ARG004
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        P, z, (dh_t, dc_t) = packed_back(own["W"], s, scratch), kept["z"], dstate
        dc_end, lengths = ends_of(dc_t, kept, s, scratch)
        recurrences.lstm_backward(
            P, z, kept["c"], dh, dh_t, dc_t, dc_end, lengths, *dx[:2], s.T, s.B, s.padded
        )
        return z


class CompiledGRU(Recurrence):
    @staticmethod
    def forward(own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        P, d = packed_gates(own["W"], s, scratch), filled_up(own["d"], s, scratch)
        y = kept.array("y", s.steps, s.width(3))
        recurrences.gru_forward(P, *x, d.reshape(1, -1), kept["z"], y, kept["h"], *s[:4])

    @staticmethod
    def backward(
        own: Own,
        d_own: Own,
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        P, z, y = packed_back(own["W"], s, scratch), kept["z"], kept["y"]
        dd = scratch.array(1, s.padded)
        dd.fill(0)
        recurrences.gru_backward(P, z, y, kept["h"], dh, dstate[0], *dx[:2], dd, s.T, s.B, s.padded)
        add_unfilled(d_own["d"], dd, s)
        return y


class CompiledRNN(Recurrence):
    rectified = False

    @classmethod
    def forward(cls, own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        P = packed_transposed(own["W"], s, scratch)
        recurrences.rnn_forward(P, *x, cls.rectified, kept["z"], kept["h"], *s[:4])

    @classmethod
    def backward(
        cls,
        own: Own,
        d_own: Own,  # noqa: ARG003
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        P, z, h = packed_back(own["W"], s, scratch), kept["z"], kept["h"]
        recurrences.rnn_backward(P, cls.rectified, z, h, dh, dstate[0], *dx[:2], s.T, s.B, s.padded)
        return z


class CompiledReLURNN(CompiledRNN):
    rectified = True


class _Norm(NamedTuple):
    """What is given to kernels of a normalised layer, and taken from them, as matrices of one row."""

    gain: Array
    bias: Array


def _norm_of(own: Own, s: Sizes, scratch: Scratch) -> _Norm:
    return _Norm(*(filled_up(own[name], s, scratch).reshape(1, -1) for name in ("gain", "b")))


def _room_for(norm: _Norm, scratch: Scratch) -> _Norm:
    """Zeros, to which gradients are added."""
    room = _Norm(*(scratch.array(*row.shape) for row in norm))
    for row in room:
        row.fill(0)
    return room


def _add_norm(d_own: Own, d_norm: _Norm, s: Sizes) -> None:
    for name, gradient in zip(("gain", "b"), d_norm, strict=True):
        add_unfilled(d_own[name], gradient, s)


class CompiledNormalizedLSTM(Recurrence):
    @staticmethod
    def forward(own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        P, norm = packed_gates(own["W"], s, scratch), _norm_of(own, s, scratch)
        gates, found = kept.array("gates", s.steps, s.width(4)), kept.array("found", s.steps, 8)
        states = kept["h"], kept["c"]
        normalized.lstm_forward(P, *x, *norm, kept["z"], gates, found, *states, *s[:4])

    @staticmethod
    def backward(
        own: Own,
        d_own: Own,
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        P, z, (dh_t, dc_t) = packed_back(own["W"], s, scratch), kept["z"], dstate
        dc_end, lengths = ends_of(dc_t, kept, s, scratch)
        norm = _norm_of(own, s, scratch)
        d_norm = _room_for(norm, scratch)
        known = z, kept["gates"], kept["found"], kept["c"]
        normalized.lstm_backward(
            P, norm.gain, *known, dh, dh_t, dc_t, dc_end, lengths, *dx, *d_norm, *s[:4]
        )
        _add_norm(d_own, d_norm, s)
        return z


class CompiledNormalizedGRU(Recurrence):
    @staticmethod
    def forward(own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        P, norm = packed_gates(own["W"], s, scratch), _norm_of(own, s, scratch)
        d = filled_up(own["d"], s, scratch).reshape(1, -1)
        y, found = kept.array("y", s.steps, s.width(4)), kept.array("found", s.steps, 6)
        normalized.gru_forward(P, *x, *norm, d, kept["z"], y, found, kept["h"], *s[:4])

    @staticmethod
    def backward(
        own: Own,
        d_own: Own,
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        P, norm = packed_back(own["W"], s, scratch), _norm_of(own, s, scratch)
        d_norm, dd = _room_for(norm, scratch), scratch.array(1, s.padded)
        dd.fill(0)
        known = kept["z"], kept["y"], kept["found"], kept["h"]
        normalized.gru_backward(P, norm.gain, *known, dh, dstate[0], *dx, dd, *d_norm, *s[:4])
        add_unfilled(d_own["d"], dd, s)
        _add_norm(d_own, d_norm, s)
        return kept["y"]


class CompiledNormalizedRNN(Recurrence):
    rectified = False

    @classmethod
    def forward(cls, own: Own, s: Sizes, x: Input, kept: Workspace, scratch: Scratch) -> None:
        P, norm = packed_transposed(own["W"], s, scratch), _norm_of(own, s, scratch)
        found = kept.array("found", s.steps, 2)
        normalized.rnn_forward(P, *x, cls.rectified, *norm, kept["z"], found, kept["h"], *s[:4])

    @classmethod
    def backward(
        cls,
        own: Own,
        d_own: Own,
        s: Sizes,
        dx: Input,
        dh: Array,
        dstate: list[Array],
        kept: Workspace,
        scratch: Scratch,
    ) -> Array:
        P, norm = packed_back(own["W"], s, scratch), _norm_of(own, s, scratch)
        d_norm, known = _room_for(norm, scratch), (kept["z"], kept["found"], kept["h"])
        normalized.rnn_backward(
            P, cls.rectified, norm.gain, *known, dh, dstate[0], *dx, *d_norm, *s[:4]
        )
        _add_norm(d_own, d_norm, s)
        return kept["z"]


class CompiledNormalizedReLURNN(CompiledNormalizedRNN):
    rectified = True


RECURRENCES: dict[type[Cell], type[Recurrence]] = {
    LSTM: CompiledLSTM,
    GRU: CompiledGRU,
    RNN: CompiledRNN,
    ReLURNN: CompiledReLURNN,
    NormalizedLSTM: CompiledNormalizedLSTM,
    NormalizedGRU: CompiledNormalizedGRU,
    NormalizedRNN: CompiledNormalizedRNN,
    NormalizedReLURNN: CompiledNormalizedReLURNN,
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
        below = self._from_below(own, s, x, workspace, scratch)
        RECURRENCES[type(self.cell)].forward(own, s, below, workspace, scratch)
        after = slice(s.steps, None) if lengths is None else lengths * s.B + np.arange(s.B)
        h = states[0][s.B :, : s.H].T.reshape(s.H, s.T, s.B)
        return h, np.stack([matrix[after, : s.H].T for matrix in states])

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
        carried = [scratch.array(s.B, s.width()) for _ in self.cell.states]
        for matrix, final in zip(carried, dstate, strict=True):
            matrix.fill(0)
            matrix[:, : s.H] = final.T
        rows = s.rows(self)
        below = Input(
            scratch.array(self.input_size if self.one_hot else 1, rows),
            kept["ids"],
            not self.one_hot,
        )
        below.table.fill(0)
        d = self._rows(dh, s, scratch)
        dy = RECURRENCES[type(self.cell)].backward(own, d_own, s, below, d, carried, kept, scratch)
        dz, dW = kept["z"][:, :rows].T, scratch.array(rows, s.H)
        np.matmul(dy[:, :rows].T, kept["h"][: s.steps, : s.H], out=dW)
        if "W_mask" in kept:
            blocks = dW.reshape(-1, s.padded, s.H)[:, : s.H]
            blocks *= kept["W_mask"].reshape(blocks.shape)
        add_unfilled(d_own["W"], dW, s)
        if not self.cell.normalized:
            add_unfilled(d_own["b"], below.table.sum(axis=0), s)
        if self.one_hot:
            dU = below.table.T
        else:
            dU = scratch.array(rows, self.input_size)
            np.matmul(dz, columns(kept["x"]).T, out=dU)
        add_unfilled(d_own["U"], dU, s)
        return dz, np.stack([matrix[:, : s.H].T for matrix in carried])

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
