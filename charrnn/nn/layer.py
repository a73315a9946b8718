"""One recurrent layer: the input's part for the whole chunk at once, then the cell's recurrence."""

from __future__ import annotations

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, add_columns, add_product, columns, gather_columns
from charrnn.nn.lengths import Lengths, join_ends, remember_lengths
from charrnn.nn.parameters import Array, Parameters, Part, scaled_uniform
from charrnn.nn.workspace import Workspace


class Layer(Part):
    """``z = U x + b``, then the recurrence, then dropout of what the layer above reads.

    The input is either dense, ``(input_size, T, B)``, or one-hot, given as the ids ``(T, B)`` of the
    ones: their product with U is a gather of its columns.

    Args:
        input_size: Rows of a dense input, or the number of ids.
        name: Of the layer in its model: its parameters are ``name/U``, ``name/W`` and so on.
    """

    def __init__(self, cell: Cell, input_size: int, name: str, *, one_hot: bool) -> None:
        rows = len(cell.rows) * cell.hidden_size
        shapes = {"U": (rows, input_size), **cell.parameter_shapes(), "b": (rows,)}
        super().__init__(f"{name}/", shapes)
        self.cell, self.name = cell, name
        self.one_hot, self.input_size = one_hot, input_size
        self.multiplications = rows * (cell.hidden_size + (0 if one_hot else input_size))

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        fan_in = 1 if self.one_hot else self.input_size  # only one of the one-hot inputs is a one
        own = self.own(params)
        for array in own.values():  # a cell may have biases of its own
            array[...] = 0
        scaled_uniform(own["U"], fan_in, rng)
        self.cell.initialize(own, rng)

    def forward(
        self,
        params: Parameters,
        x: Array | Ids,
        state: Array,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
        lengths: Lengths | None = None,
    ) -> tuple[Array, Array]:
        """Returns ``h`` ``(H, T, B)``, dropped if it is to be, and the new state, which never is.

        Args:
            lengths: Of the texts; without it all have T steps.
        """
        own, of_cell = self.own(params), workspace.child("cell")
        own["W"] = dropout.drop_weights(own["W"], workspace)
        U, b = own["U"], own["b"][:, None]
        workspace.remember(x=x)
        remember_lengths(lengths, of_cell)
        with workspace.scratch as scratch:
            z = scratch.array(len(U), *x.shape[-2:])
            if self.one_hot:
                gather_columns(U + b, x, out=z)
            else:
                np.matmul(U, columns(x), out=columns(z))
                columns(z)[...] += b
            h, state = self.cell.forward(own, z, state, of_cell)
        if lengths is not None:
            state = self.cell.states_after(lengths, of_cell)
        return dropout.drop(h, workspace), state

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> tuple[Array | None, Array]:
        """Adds to ``gradients``; returns the gradient by a dense ``x`` and by the incoming state.

        Args:
            dh: ``(H, T, B)``, contiguous; overwritten, by what is returned if it has the same shape.
        """
        x, of_cell = workspace["x"], workspace.child("cell")
        own, d_own = self.own(params), self.own(gradients)
        U, dU, dW, db = own["U"], d_own["U"], d_own["W"], d_own["b"]
        if "mask" in workspace:
            dh *= workspace["mask"]
        passing: Array | float = 0.0
        if "lengths" in of_cell:
            dstate, passing = join_ends(dh, dstate, of_cell["lengths"])
        with workspace.scratch as scratch:
            dz = scratch.array(len(U), *x.shape[-2:])
            if "W_mask" in workspace:
                own["W"] = workspace["W_kept"]
                d_own["W"] = scratch.array(*dW.shape)
                d_own["W"].fill(0)
            dstate = self.cell.backward(own, d_own, dz, dh, dstate, of_cell)
            dstate += passing
            if "W_mask" in workspace:
                dW += np.multiply(d_own["W"], workspace["W_mask"], out=d_own["W"])
            db += columns(dz).sum(axis=1)
            if self.one_hot:
                add_columns(dU, dz, x, scratch)
                return None, dstate
            add_product(dU, dz, x, scratch)
            dx = dh if x.shape == dh.shape else workspace.array("dx", *x.shape)
            np.matmul(U.T, columns(dz), out=columns(dx))
            return dx, dstate
