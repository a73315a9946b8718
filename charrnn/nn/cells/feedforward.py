"""The layer without memory: what it holds is forgotten at the next step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.lengths import Lengths
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class Feedforward(Cell):
    """Rumelhart, Hinton, Williams 1986; *Deep Learning*, chapter 6; ∘ is element by element.

        z_t = U x_t + b
        h_t = tanh(z_t)

    Going back, δz_t = δh_t ∘ (1 - h_t²). There is no W and no state; what a net of such layers knows of
    the past is what its lowest layer reads (:mod:`charrnn.nn.context`).
    """

    title = "feedforward (tanh)"
    rows = ("U",)
    recurrent = False

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {}

    def initialize(self, params: Own, rng: np.random.Generator) -> None:
        pass

    def kept_states(self, workspace: Workspace) -> Array:
        return workspace["h"].transpose(1, 2, 0)[:, :, None]

    def states_after(self, lengths: Lengths, workspace: Workspace) -> Array:
        return np.empty((0, self.hidden_size, len(lengths)), workspace.dtype)

    def forward(
        self,
        params: Own,  # noqa: ARG002
        z: Array,
        state: Array,
        workspace: Workspace,
    ) -> tuple[Array, Array]:
        h = workspace.array("h", *z.shape)
        np.tanh(z, out=h)
        return h, state

    def backward(
        self,
        params: Own,  # noqa: ARG002
        gradients: Own,  # noqa: ARG002
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        h = workspace["h"]
        np.multiply(h, h, out=dz)
        np.subtract(1, dz, out=dz)
        dz *= dh
        return dstate

    def stepper(
        self,
        params: Own,  # noqa: ARG002
        z: Array,
        Wh: Array,  # noqa: ARG002
        state: Array,
    ) -> Callable[[], None]:
        (h,) = state

        def step() -> None:
            np.tanh(z, out=h)

        return step
