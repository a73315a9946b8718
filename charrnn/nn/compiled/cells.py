"""The cells with their time steps compiled: what is kept, and the products with W, are the same."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN
from charrnn.nn.cells.rnn_relu import ReLURNN
from charrnn.nn.compiled import kernels
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace


class CompiledLSTM(LSTM):
    step = staticmethod(kernels.lstm_forward)

    @staticmethod
    def through_time(
        WT: Array, dz: Array, dh: Array, dh_t: Array, dc_t: Array, workspace: Workspace
    ) -> None:
        rows, T, B = dz.shape
        gates, c, tanh_c = (workspace[name] for name in ("gates", "c", "tanh_c"))
        dz_t = workspace.scratch.array(rows, B)
        for t in reversed(range(T)):
            kernels.lstm_backward(t, dh, gates, c, tanh_c, dh_t, dc_t, dz_t, dz)
            np.matmul(WT, dz_t, out=dh_t)


class CompiledGRU(GRU):
    step = staticmethod(kernels.gru_forward)

    @staticmethod
    def through_time(
        WT: Array, dz: Array, drecalled: Array, dh: Array, dh_t: Array, workspace: Workspace
    ) -> None:
        rows, T, B = dz.shape
        gates, recalled, h = (workspace[name] for name in ("gates", "recalled", "h"))
        dWh, through_W = workspace.scratch.array(rows, B), workspace.scratch.array(*dh_t.shape)
        for t in reversed(range(T)):
            kernels.gru_backward(t, dh, gates, recalled, h, dh_t, dWh, dz, drecalled)
            dh_t += np.matmul(WT, dWh, out=through_W)


class CompiledRNN(RNN):
    relu: ClassVar[bool] = False

    def step(self, t: int, z: Array, Wh: Array, h: Array) -> None:
        kernels.rnn_forward(t, z, Wh, h, self.relu)

    def through_time(
        self, WT: Array, dz: Array, dh: Array, dh_t: Array, workspace: Workspace
    ) -> None:
        H, T, B = dz.shape
        h, dz_t = workspace["h"], workspace.scratch.array(H, B)
        for t in reversed(range(T)):
            kernels.rnn_backward(t, dh, h, dh_t, dz_t, dz, self.relu)
            np.matmul(WT, dz_t, out=dh_t)


class CompiledReLURNN(CompiledRNN, ReLURNN):
    relu: ClassVar[bool] = True


TWINS: dict[type[Cell], type[Cell]] = {
    LSTM: CompiledLSTM,
    GRU: CompiledGRU,
    RNN: CompiledRNN,
    ReLURNN: CompiledReLURNN,
}
"""The compiled form of each cell that has one."""
