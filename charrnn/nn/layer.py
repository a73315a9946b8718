"""One layer: the input's part for the whole chunk at once, then what its cell makes of it."""

from __future__ import annotations

from math import prod

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, add_columns, add_product, columns, gather_columns
from charrnn.nn.lengths import Lengths, join_ends, remember_lengths
from charrnn.nn.parameters import Array, Own, Parameters, Part, scaled_uniform
from charrnn.nn.workspace import Scratch, Workspace


class Layer(Part):
    """``z = U x + b``, then the cell, then dropout of what the layer above reads.

    The input is either dense, ``(input_size, T, B)``, or one-hot, given as the ids ``(T, B)`` of the
    ones: their product with U is a gather of its columns.

    Args:
        input_size: Rows of a dense input, or the number of ids.
        name: Of the layer in its model: its parameters are ``name/U``, ``name/W`` and so on.
    """

    def __init__(self, cell: Cell, input_size: int, name: str, *, one_hot: bool) -> None:
        self.cell, self.name = cell, name
        self.one_hot, self.input_size = one_hot, input_size
        self.rows = len(cell.rows) * cell.hidden_size
        recurrence = cell.parameter_shapes()
        super().__init__(f"{name}/", {**self.input_shapes(), **recurrence, "b": (self.rows,)})
        dense = 0 if one_hot else self.rows * input_size
        self.multiplications = dense + prod(recurrence.get("W", (0,)))

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of what the input is multiplied with, or looked up in."""
        return {"U": (self.rows, self.input_size)}

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        own = self.own(params)
        for array in own.values():  # a cell may have biases of its own
            array[...] = 0
        self.initialize_input(own, rng)
        self.cell.initialize(own, rng)

    def initialize_input(self, own: Own, rng: np.random.Generator) -> None:
        fan_in = 1 if self.one_hot else self.input_size  # only one of the one-hot inputs is a one
        scaled_uniform(own["U"], fan_in, rng)

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
        if self.cell.recurrent:
            own["W"] = dropout.drop_weights(own["W"], workspace)
        workspace.remember(x=x)
        remember_lengths(lengths, of_cell)
        with workspace.scratch as scratch:
            z = scratch.array(self.rows, *x.shape[-2:])
            self.read(own, x, z, scratch)
            h, state = self.cell.forward(own, z, state, of_cell)
        if lengths is not None:
            state = self.cell.states_after(lengths, of_cell)
        return dropout.drop(h, workspace), state

    def read(self, own: Own, x: Array | Ids, z: Array, scratch: Scratch) -> None:  # noqa: ARG002
        """Fill in ``z = U x + b``."""
        U, b = own["U"], own["b"][:, None]
        if self.one_hot:
            gather_columns(U + b, x, out=z)
        else:
            np.matmul(U, columns(x), out=columns(z))
            columns(z)[...] += b

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
        if "mask" in workspace:
            dh *= workspace["mask"]
        passing: Array | float = 0.0
        if "lengths" in of_cell:
            dstate, passing = join_ends(dh, dstate, of_cell["lengths"])
        with workspace.scratch as scratch:
            dz = scratch.array(self.rows, *x.shape[-2:])
            if "W_mask" in workspace:
                own["W"], dW = workspace["W_kept"], d_own["W"]
                d_own["W"] = scratch.array(*dW.shape)
                d_own["W"].fill(0)
            dstate = self.cell.backward(own, d_own, dz, dh, dstate, of_cell)
            dstate += passing
            if "W_mask" in workspace:
                dW += np.multiply(d_own["W"], workspace["W_mask"], out=d_own["W"])
            d_own["b"][...] += columns(dz).sum(axis=1)
            self.read_back(d_own, x, dz, scratch)
            if self.one_hot:
                return None, dstate
            dx = dh if x.shape == dh.shape else workspace.array("dx", *x.shape)
            np.matmul(own["U"].T, columns(dz), out=columns(dx))
            return dx, dstate

    def read_back(self, d_own: Own, x: Array | Ids, dz: Array, scratch: Scratch) -> None:
        """Add to the gradient of what the input was multiplied with."""
        if self.one_hot:
            add_columns(d_own["U"], dz, x, scratch)
        else:
            add_product(d_own["U"], dz, x, scratch)
