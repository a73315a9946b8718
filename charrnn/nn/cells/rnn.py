"""The simple recurrent network (Elman 1990), with tanh or ReLU.

    h_t = tanh(U x_t + W h_{t-1} + b)

See Goodfellow, Bengio, Courville, *Deep Learning*, section 10.2. The ReLU form keeps gradients from
shrinking if W starts as a rotation (Le, Jaitly, Hinton, arXiv 1504.00941), and explodes the more easily.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from charrnn.nn.functions import add_product, blocks, tanh
from charrnn.nn.initialization import orthogonal_blocks
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class RNN:
    """The recurrence of a simple layer; see :class:`charrnn.nn.cells.cell.Cell` for the shapes."""

    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def __init__(self, hidden_size: int, *, relu: bool = False) -> None:
        self.hidden_size = hidden_size
        self.relu = relu

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (self.hidden_size, self.hidden_size)}

    def initialize(self, params: Own, rng: np.random.Generator) -> None:
        orthogonal_blocks(params["W"], rng)

    @np.errstate(over="ignore")  # see sigmoid_
    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        scratch, kernels = workspace.scratch, workspace.kernels
        W = params["W"]
        h = workspace.array("h", H, T + 1, B)
        a = scratch.array("a", H, B)
        h[:, 0] = state[0]

        for t in range(T):
            np.matmul(W, h[:, t], out=a)
            if kernels:
                kernels.rnn_forward(t, z, a, h, self.relu)
                continue
            a += z[:, t]
            if self.relu:
                np.maximum(a, 0, out=h[:, t + 1])
            else:
                tanh(a, out=a)
                h[:, t + 1] = a

        return h[:, 1:], np.stack((h[:, T],))

    def stepper(
        self,
        params: Own,  # noqa: ARG002
        z: Array,
        Wh: Array,
        state: Array,
    ) -> Callable[[], None]:
        (h,) = state

        def step() -> None:
            np.add(z, Wh, Wh)
            if self.relu:
                np.maximum(Wh, 0, out=h)
            else:
                tanh(Wh, out=h)

        return step

    def backward(
        self,
        params: Own,
        gradients: Own,
        dz: Array,
        dh: Array,
        dstate: Array,
        workspace: Workspace,
    ) -> Array:
        H = self.hidden_size
        _, T, B = dz.shape
        scratch, kernels = workspace.scratch, workspace.kernels
        h = workspace["h"]
        WT = scratch.array("WT", H, H)  # a contiguous copy multiplies faster than a view
        WT[...] = params["W"].T
        dh_t = scratch.array("dh_t", H, B)
        dh_t[...] = dstate[0]

        if kernels:
            dh = np.ascontiguousarray(dh)
            dz_t = scratch.array("dz_t", H, B)
            for t in reversed(range(T)):
                kernels.rnn_backward(t, dh, h, dh_t, dz_t, dz, self.relu)
                np.matmul(WT, dz_t, out=dh_t)
        else:
            for block in reversed(blocks(T, H * B)):
                slopes = self._slopes(workspace, block)
                for t in reversed(range(block.start, block.stop)):
                    dh_t += dh[:, t]
                    np.multiply(dh_t, slopes[t - block.start], out=dz[:, t])
                    np.matmul(WT, dz[:, t], out=dh_t)

        add_product(gradients["W"], dz, h[:, :T], scratch)
        return np.stack((dh_t,))

    def _slopes(self, workspace: Workspace, block: slice) -> Array:
        """∂h_t/∂z_t for each step of the block, ``(n, H, B)``: tanh' = 1 - tanh², or 0 and 1."""
        scratch = workspace.scratch
        h = workspace["h"][:, block.start + 1 : block.stop + 1].swapaxes(0, 1)
        slopes = scratch.array("slopes", *h.shape)
        if self.relu:
            np.greater(h, 0, out=slopes)
        else:
            np.multiply(h, h, out=slopes)
            np.subtract(1, slopes, out=slopes)
        return slopes
