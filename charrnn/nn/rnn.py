"""The simple recurrent network (Elman 1990), with tanh or ReLU.

    h_t = tanh(U x_t + W h_{t-1} + b)

See Goodfellow, Bengio, Courville, *Deep Learning*, section 10.2. The ReLU form keeps gradients from
shrinking if W starts as a rotation (Le, Jaitly, Hinton, arXiv 1504.00941), and explodes the more easily.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from charrnn.nn.functions import add_product
from charrnn.nn.initialization import orthogonal_blocks
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


class RNN:
    """The recurrence of a simple layer; see :class:`charrnn.nn.cell.Cell` for the shapes."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __init__(self, hidden_size: int, *, relu: bool = False) -> None:
        self.hidden_size = hidden_size
        self.relu = relu

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (self.hidden_size, self.hidden_size)}

    def initialize(self, params: Parameters, prefix: str, rng: np.random.Generator) -> None:
        orthogonal_blocks(params[f"{prefix}/W"], rng)

    def forward(
        self, params: Parameters, prefix: str, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        W = params[f"{prefix}/W"]
        h = workspace.array("h", H, T + 1, B)
        h_t = workspace.array("h_t", H, B)
        Wh = workspace.array("Wh", H, B)
        h_t[...] = h[:, 0] = state[0]

        for t in range(T):
            np.matmul(W, h_t, out=Wh)
            np.add(z[:, t], Wh, out=h_t)
            if self.relu:
                np.maximum(h_t, 0, out=h_t)
            else:
                np.tanh(h_t, out=h_t)
            h[:, t + 1] = h_t

        return h[:, 1:], np.stack((h_t,))

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        prefix: str,
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        H = self.hidden_size
        _, T, B = dz.shape
        h = workspace["h"]
        WT = workspace.array("WT", H, H)  # a contiguous copy multiplies faster than a view
        WT[...] = params[f"{prefix}/W"].T
        dh_t = workspace.array("dh_t", H, B)
        slope = workspace.array("slope", H, B)
        dh_t[...] = dstate[0]

        for t in reversed(range(T)):
            dh_t += dh[:, t]
            if self.relu:
                dh_t *= h[:, t + 1] > 0
            else:
                np.multiply(h[:, t + 1], h[:, t + 1], out=slope)  # tanh' = 1 - tanh²
                np.subtract(1, slope, out=slope)
                dh_t *= slope
            dz[:, t] = dh_t
            np.matmul(WT, dh_t, out=slope)
            dh_t[...] = slope

        add_product(gradients[f"{prefix}/W"], dz, h[:, :T], workspace)
        return np.stack((dh_t,))
