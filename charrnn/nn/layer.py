"""One recurrent layer: the input's part for the whole chunk at once, then the cell's recurrence."""

from __future__ import annotations

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN
from charrnn.nn.dropout import Dropout
from charrnn.nn.functions import Ids, add_columns, add_product, columns, gather_columns
from charrnn.nn.initialization import scaled_uniform
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


def make_cell(kind: str, hidden_size: int) -> Cell:
    """The cell that a configuration names: ``lstm``, ``gru``, ``rnn`` or ``rnn-relu``."""
    if kind == "lstm":
        return LSTM(hidden_size)
    if kind == "gru":
        return GRU(hidden_size)
    return RNN(hidden_size, relu=kind == "rnn-relu")


class Layer:
    """``z = U x + b``, then the recurrence.

    The input is either dense, ``(input_size, T, B)``, or one-hot, given as the ids ``(T, B)`` of the
    ones: their product with U is a gather of its columns.

    Args:
        cell: The recurrence.
        input_size: Rows of a dense input, or the number of ids.
        name: Prefix of the layer's parameters.
        one_hot: Whether the input comes as ids.
    """

    def __init__(self, cell: Cell, input_size: int, name: str, *, one_hot: bool) -> None:
        self.cell = cell
        self.input_size = input_size
        self.name = name
        self.one_hot = one_hot
        rows = cell.gates * cell.hidden_size
        self._shapes = {"U": (rows, input_size), **cell.parameter_shapes(), "b": (rows,)}

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"{self.name}/{key}": shape for key, shape in self._shapes.items()}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        fan_in = 1 if self.one_hot else self.input_size  # only one of the one-hot inputs is a one
        own = self.own(params)
        scaled_uniform(own["U"], fan_in, rng)
        own["b"][...] = 0
        self.cell.initialize(own, rng)

    def own(self, arrays: Parameters) -> dict[str, Array]:
        """The layer's part of the model's parameters or gradients."""
        return {key: arrays[f"{self.name}/{key}"] for key in self._shapes}

    def forward(
        self,
        params: Parameters,
        x: Array | Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout | None = None,
    ) -> tuple[Array, Array]:
        """Returns ``h`` ``(H, T, B)``, valid until the next call, and the new state.

        Of ``dropout`` only that of the recurrent weights is done here.
        """
        own = self.own(params)
        if dropout and dropout.weight_rate:
            own["W"] = dropout.drop_weights(own["W"], workspace)
        else:
            workspace.forget("W_mask")
        U, b = own["U"], own["b"][:, None]
        z = workspace.scratch.array("z", U.shape[0], *x.shape[-2:])
        workspace.remember(x=x)
        if self.one_hot:
            gather_columns(U + b, x, out=z)
        else:
            np.matmul(U, columns(x), out=columns(z))
            columns(z)[...] += b
        return self.cell.forward(own, z, state, workspace)

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> tuple[Array | None, Array]:
        """Adds to ``gradients``; returns the gradient by a dense ``x`` and by the incoming state."""
        x = workspace["x"]
        own, d_own = self.own(params), self.own(gradients)
        U, dU, dW, db = own["U"], d_own["U"], d_own["W"], d_own["b"]
        if "W_mask" in workspace:
            own["W"] = workspace["W_kept"]
            d_own["W"] = workspace.scratch.array("dW_kept", *dW.shape)
            d_own["W"].fill(0)
        dz = workspace.scratch.array("z", U.shape[0], *x.shape[-2:])  # z itself is long used up
        dstate = self.cell.backward(own, d_own, dz, dh, dstate, workspace)
        if "W_mask" in workspace:
            dW += np.multiply(d_own["W"], workspace["W_mask"], out=d_own["W"])
        db += columns(dz).sum(axis=1)
        if self.one_hot:
            add_columns(dU, dz, x, workspace.scratch)
            return None, dstate
        add_product(dU, dz, x, workspace.scratch)
        dx = workspace.scratch.array("dx", *x.shape)  # dh, if it lay there, is used up
        np.matmul(U.T, columns(dz), out=columns(dx))
        return dx, dstate
