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
    """``z = U x + b``, then the cell, then dropout of what the layer above reads; ``U x`` where it is the cell that adds b.

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
        own = self.own(params)
        if self.cell.recurrent:
            own["W"] = dropout.drop_weights(own["W"], workspace)
        workspace.remember(x=x)
        remember_lengths(lengths, workspace)
        with workspace.scratch as scratch:
            h, state = self.run(own, x, state, workspace, scratch)
        return dropout.drop(h, workspace), state

    def run(
        self, own: Own, x: Array | Ids, state: Array, workspace: Workspace, scratch: Scratch
    ) -> tuple[Array, Array]:
        """``h`` and the state after each text, if ``workspace`` has ``lengths``, or after the last step."""
        of_cell, lengths = workspace.child("cell"), workspace.get("lengths")
        remember_lengths(lengths, of_cell)
        z = scratch.array(self.rows, *x.shape[-2:])
        self.read(own, x, z, scratch)
        h, state = self.cell.forward(own, z, state, of_cell)
        return h, state if lengths is None else self.cell.states_after(lengths, of_cell)

    def read(self, own: Own, x: Array | Ids, z: Array, scratch: Scratch) -> None:  # noqa: ARG002
        """Fill in ``z = U x + b``; ``U x``, where the cell adds b."""
        U, b = own["U"], None if self.cell.normalized else own["b"][:, None]
        if self.one_hot:
            gather_columns(U if b is None else U + b, x, out=z)
        else:
            np.matmul(U, columns(x), out=columns(z))
            if b is not None:
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
            dh: ``(H, T, B)``, of which :func:`columns` is a view; overwritten, by what is returned if it has the same
                shape.
        """
        x, lengths = workspace["x"], workspace.get("lengths")
        own, d_own = self.own(params), self.own(gradients)
        if "mask" in workspace:
            dh *= workspace["mask"]
        if "W_mask" in workspace:
            own["W"] = workspace["W_kept"]
        passing = None
        if lengths is not None:
            dstate, passing = join_ends(dh, dstate, lengths)
        with workspace.scratch as scratch:
            dz, dstate = self.run_back(own, d_own, dh, dstate, workspace, scratch)
            if passing is not None:
                dstate = dstate + passing
            if self.one_hot:
                return None, dstate
            dx = dh if x.shape == dh.shape else workspace.array("dx", *x.shape, like=x)
            self.give_down(own, dz, dx, scratch)
            return dx, dstate

    def run_back(
        self,
        own: Own,
        d_own: Own,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
        scratch: Scratch,
    ) -> tuple[Array, Array]:
        """Adds to the gradients; returns those by z and by the incoming state."""
        x, d_kept = workspace["x"], dict(d_own)
        dz = scratch.array(self.rows, *x.shape[-2:])
        if "W_mask" in workspace:
            d_kept["W"] = scratch.array(*d_own["W"].shape)
            d_kept["W"].fill(0)
        dstate = self.cell.backward(own, d_kept, dz, dh, dstate, workspace.child("cell"))
        if "W_mask" in workspace:
            d_own["W"][...] += np.multiply(d_kept["W"], workspace["W_mask"], out=d_kept["W"])
        if not self.cell.normalized:
            d_own["b"][...] += columns(dz).sum(axis=1)
        self.read_back(d_own, x, dz, scratch)
        return dz, dstate

    def give_down(self, own: Own, dz: Array, dx: Array, scratch: Scratch) -> None:  # noqa: ARG002
        """Fill in the gradient by a dense input."""
        np.matmul(own["U"].T, columns(dz), out=columns(dx))

    def read_back(self, d_own: Own, x: Array | Ids, dz: Array, scratch: Scratch) -> None:
        """Add to the gradient of what the input was multiplied with."""
        if self.one_hot:
            add_columns(d_own["U"], dz, x, scratch)
        else:
            add_product(d_own["U"], dz, x, scratch)
