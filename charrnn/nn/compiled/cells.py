"""The cells with their time steps compiled: the same equations, kept arrays and products with W."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN
from charrnn.nn.cells.rnn_relu import ReLURNN
from charrnn.nn.compiled import kernels
from charrnn.nn.functions import add_product
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class CompiledLSTM(LSTM):
    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        gates = workspace.array("gates", T, 4, H, B)
        h = workspace.array("h", H, T + 1, B)
        c = workspace.array("c", T + 1, H, B)
        tanh_c = workspace.array("tanh_c", T, H, B)
        Wh = workspace.scratch.array(4 * H, B)
        h[:, 0], c[0] = state
        for t in range(T):
            np.matmul(params["W"], h[:, t], out=Wh)
            kernels.lstm_forward(t, z, Wh, gates, h, c, tanh_c)
        return h[:, 1:], np.stack((h[:, T], c[T]))

    def backward(
        self,
        params: Own,
        gradients: Own,
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        scratch, (_, T, B) = workspace.scratch, dz.shape
        gates, h, c, tanh_c = (workspace[name] for name in ("gates", "h", "c", "tanh_c"))
        WT = _transposed(params["W"], workspace)
        dh_t, dc_t = scratch.array(*dstate[0].shape), scratch.array(*dstate[1].shape)
        dz_t = scratch.array(len(dz), B)
        dh_t[...], dc_t[...] = dstate
        for t in reversed(range(T)):
            kernels.lstm_backward(t, dh, gates, c, tanh_c, dh_t, dc_t, dz_t, dz)
            np.matmul(WT, dz_t, out=dh_t)
        add_product(gradients["W"], dz, h[:, :T], scratch)
        return np.stack((dh_t, dc_t))


class CompiledGRU(GRU):
    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        gates = workspace.array("gates", T, 3, H, B)
        recalled = workspace.array("recalled", T, H, B)
        h = workspace.array("h", H, T + 1, B)
        Wh = workspace.scratch.array(3 * H, B)
        h[:, 0] = state[0]
        for t in range(T):
            np.matmul(params["W"], h[:, t], out=Wh)
            kernels.gru_forward(t, z, Wh, params["d"], gates, recalled, h)
        return h[:, 1:], np.stack((h[:, T],))

    def backward(
        self,
        params: Own,
        gradients: Own,
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        H, scratch, (_, T, B) = self.hidden_size, workspace.scratch, dz.shape
        gates, recalled, h = (workspace[name] for name in ("gates", "recalled", "h"))
        WT = _transposed(params["W"], workspace)
        drecalled, dWh = scratch.array(H, T, B), scratch.array(3 * H, B)
        dh_t, through_W = scratch.array(H, B), scratch.array(H, B)
        dh_t[...] = dstate[0]
        for t in reversed(range(T)):
            kernels.gru_backward(t, dh, gates, recalled, h, dh_t, dWh, dz, drecalled)
            np.matmul(WT, dWh, out=through_W)
            dh_t += through_W
        dW, dd = gradients["W"], gradients["d"]
        add_product(dW[: 2 * H], dz[: 2 * H], h[:, :T], scratch)
        add_product(dW[2 * H :], drecalled, h[:, :T], scratch)
        dd += drecalled.sum(axis=(1, 2))
        return np.stack((dh_t,))


class CompiledRNN(RNN):
    relu: ClassVar[bool] = False

    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H, T, B = z.shape
        h = workspace.array("h", H, T + 1, B)
        Wh = workspace.scratch.array(H, B)
        h[:, 0] = state[0]
        for t in range(T):
            np.matmul(params["W"], h[:, t], out=Wh)
            kernels.rnn_forward(t, z, Wh, h, self.relu)
        return h[:, 1:], np.stack((h[:, T],))

    def backward(
        self,
        params: Own,
        gradients: Own,
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        scratch, h, (H, T, B) = workspace.scratch, workspace["h"], dz.shape
        WT = _transposed(params["W"], workspace)
        dh_t, dz_t = scratch.array(H, B), scratch.array(H, B)
        dh_t[...] = dstate[0]
        for t in reversed(range(T)):
            kernels.rnn_backward(t, dh, h, dh_t, dz_t, dz, self.relu)
            np.matmul(WT, dz_t, out=dh_t)
        add_product(gradients["W"], dz, h[:, :T], scratch)
        return np.stack((dh_t,))


class CompiledReLURNN(CompiledRNN, ReLURNN):
    relu: ClassVar[bool] = True


TWINS: dict[type[Cell], type[Cell]] = {
    LSTM: CompiledLSTM,
    GRU: CompiledGRU,
    RNN: CompiledRNN,
    ReLURNN: CompiledReLURNN,
}
"""The compiled form of each cell that has one."""


def _transposed(W: Array, workspace: Workspace) -> Array:
    """A contiguous copy: it multiplies faster than a view."""
    WT = workspace.scratch.array(*W.T.shape)
    WT[...] = W.T
    return WT
