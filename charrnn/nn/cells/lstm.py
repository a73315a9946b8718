"""Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = σ(U x_t + W h_{t-1} + b)        input, forget and output gate
    g       = tanh(U x_t + W h_{t-1} + b)     what could be written
    c_t     = f ∘ c_{t-1} + i ∘ g
    h_t     = o ∘ tanh(c_t)

The rows of U, W and b are stacked in the order i, f, o, g: the three sigmoids lie side by side.
See Goodfellow, Bengio, Courville, *Deep Learning*, section 10.10.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from charrnn.nn.functions import add_product, blocks, gates_, tanh
from charrnn.nn.initialization import orthogonal_blocks
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class LSTM:
    """The recurrence of an LSTM layer; see :class:`charrnn.nn.cells.cell.Cell` for the shapes."""

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def __init__(self, hidden_size: int) -> None:
        self.hidden_size = hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (4 * self.hidden_size, self.hidden_size)}

    def initialize(self, params: Own, rng: np.random.Generator) -> None:
        orthogonal_blocks(params["W"], rng)
        # An open forget gate lets gradients reach far back from the first step on
        # (Jozefowicz, Zaremba, Sutskever, ICML 2015).
        params["b"].reshape(4, -1)[1] = 1

    @np.errstate(over="ignore")  # see sigmoid_
    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        scratch, kernels = workspace.scratch, workspace.kernels
        W = params["W"]
        gates = workspace.array("gates", T, 4, H, B)
        h = workspace.array("h", H, T + 1, B)
        c = workspace.array("c", T + 1, H, B)
        tanh_c = workspace.array("tanh_c", T, H, B)
        Wh = scratch.array("Wh", 4 * H, B)
        written = scratch.array("written", H, B)
        h[:, 0], c[0] = state

        for t in range(T):
            np.matmul(W, h[:, t], out=Wh)
            if kernels:
                kernels.lstm_forward(t, z, Wh, gates, h, c, tanh_c)
                continue
            a = gates[t].reshape(4 * H, B)
            i, f, o, g = gates[t]
            np.add(z[:, t], Wh, out=a)
            gates_(a, 3 * H)

            np.multiply(i, g, out=written)
            np.multiply(f, c[t], out=c[t + 1])
            c[t + 1] += written
            tanh(c[t + 1], out=tanh_c[t])
            np.multiply(o, tanh_c[t], out=h[:, t + 1])

        return h[:, 1:], np.stack((h[:, T], c[T]))

    def stepper(
        self,
        params: Own,  # noqa: ARG002
        z: Array,
        Wh: Array,
        state: Array,
    ) -> Callable[[], None]:
        num_sigmoids = 3 * self.hidden_size
        i, f, o, g = Wh.reshape(4, *state.shape[1:])
        h, c = state

        def step() -> None:
            np.add(z, Wh, Wh)
            gates_(Wh, num_sigmoids)
            np.multiply(f, c, c)
            np.multiply(i, g, g)
            np.add(c, g, c)
            tanh(c, out=g)
            np.multiply(o, g, h)

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
        gates, h = workspace["gates"], workspace["h"]
        WT = scratch.array("WT", H, 4 * H)  # a contiguous copy multiplies faster than a view
        WT[...] = params["W"].T
        dh_t = scratch.array("dh_t", H, B)
        dc_t = scratch.array("dc_t", H, B)
        through_h = scratch.array("through_h", H, B)
        dgates = dz.reshape(4, H, T, B)
        dh_t[...], dc_t[...] = dstate

        if kernels:
            c, tanh_c = workspace["c"], workspace["tanh_c"]
            dh = np.ascontiguousarray(dh)
            dz_t = scratch.array("dz_t", 4 * H, B)
            for t in reversed(range(T)):
                kernels.lstm_backward(t, dh, gates, c, tanh_c, dh_t, dc_t, dz_t, dz)
                np.matmul(WT, dz_t, out=dh_t)
        else:
            for block in reversed(blocks(T, H * B)):
                dz_slopes, c_slopes = self._slopes(workspace, block)
                for t in reversed(range(block.start, block.stop)):
                    slopes, forget = dz_slopes[t - block.start], gates[t, 1]

                    # h_t reaches the loss from above and through step t+1;
                    # c_t through h_t and c_{t+1}.
                    dh_t += dh[:, t]
                    np.multiply(dh_t, c_slopes[t - block.start], out=through_h)
                    dc_t += through_h

                    np.multiply(dc_t, slopes, out=dgates[:, :, t])
                    # The output gate acts on h only.
                    np.multiply(dh_t, slopes[2], out=dgates[2, :, t])

                    dc_t *= forget
                    np.matmul(WT, dz[:, t], out=dh_t)

        add_product(gradients["W"], dz, h[:, :T], scratch)
        return np.stack((dh_t, dc_t))

    def _slopes(self, workspace: Workspace, block: slice) -> tuple[Array, Array]:
        """What backward multiplies with; nothing of it depends on a gradient, so many steps at once.

        With σ' = σ (1 - σ) and tanh' = 1 - tanh², for each step of the block:

        Returns:
            ``(n, 4, H, B)``: ∂c_t/∂z of i, f and g, and ∂h_t/∂z of o.
            ``(n, H, B)``: ∂h_t/∂c_t.
        """
        scratch = workspace.scratch
        gates, tanh_c = workspace["gates"][block], workspace["tanh_c"][block]
        c_before = workspace["c"][block]
        i, _, o, g = gates.swapaxes(0, 1)
        slopes = scratch.array("slopes", *gates.shape)
        di, df, do, dg = slopes.swapaxes(0, 1)

        np.subtract(1, gates[:, :3], out=slopes[:, :3])
        slopes[:, :3] *= gates[:, :3]
        di *= g
        df *= c_before
        do *= tanh_c
        np.multiply(g, g, out=dg)
        np.subtract(1, dg, out=dg)
        dg *= i

        c_slopes = scratch.array("c_slopes", *tanh_c.shape)
        np.multiply(tanh_c, tanh_c, out=c_slopes)
        np.subtract(1, c_slopes, out=c_slopes)
        c_slopes *= o
        return slopes, c_slopes
