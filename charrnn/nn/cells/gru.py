"""Gated recurrent unit (Cho et al., arXiv 1406.1078), in the reset-after form.

    r, u = σ(U x_t + W h_{t-1} + b)                    reset and update gate
    n    = tanh(U x_t + b + r ∘ (W h_{t-1} + d))       the candidate
    h_t  = (1 - u) ∘ n + u ∘ h_{t-1}

The reset gate acts after the matrix product, as in cuDNN and PyTorch, so that one product serves all
gates of a step; this is why the candidate has a second bias, d. Rows are stacked in the order r, u, n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from charrnn.nn.functions import add_product, blocks, sigmoid_, tanh
from charrnn.nn.initialization import orthogonal_blocks
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class GRU:
    """The recurrence of a GRU layer; see :class:`charrnn.nn.cells.cell.Cell` for the shapes."""

    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1

    def __init__(self, hidden_size: int) -> None:
        self.hidden_size = hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (3 * self.hidden_size, self.hidden_size), "d": (self.hidden_size,)}

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
        d = params["d"][:, None]
        gates = workspace.array("gates", T, 3, H, B)
        recalled = workspace.array("recalled", T, H, B)  # W h + d of the candidate
        h = workspace.array("h", H, T + 1, B)
        Wh = scratch.array("Wh", 3 * H, B)
        kept = scratch.array("kept", H, B)
        h[:, 0] = state[0]

        for t in range(T):
            np.matmul(W, h[:, t], out=Wh)
            if kernels:
                kernels.gru_forward(t, z, Wh, d[:, 0], gates, recalled, h)
                continue
            ru = gates[t, :2].reshape(2 * H, B)
            r, u, n = gates[t]
            np.add(z[: 2 * H, t], Wh[: 2 * H], out=ru)
            sigmoid_(ru)
            np.add(Wh[2 * H :], d, out=recalled[t])
            np.multiply(r, recalled[t], out=n)
            n += z[2 * H :, t]
            tanh(n, out=n)

            np.subtract(h[:, t], n, out=kept)  # h_t = n + u ∘ (h_{t-1} - n)
            kept *= u
            np.add(n, kept, out=h[:, t + 1])

        return h[:, 1:], np.stack((h[:, T],))

    def stepper(self, params: Own, z: Array, Wh: Array, state: Array) -> Callable[[], None]:
        H, (h,) = self.hidden_size, state
        d = np.repeat(params["d"][:, None], h.shape[1], axis=1)
        ru, n = Wh[: 2 * H], Wh[2 * H :]
        r, u = ru.reshape(2, *h.shape)
        z_ru, z_n = z[: 2 * H], z[2 * H :]

        def step() -> None:
            np.add(z_ru, ru, ru)
            sigmoid_(ru)
            np.add(n, d, n)
            np.multiply(r, n, n)
            np.add(z_n, n, n)
            tanh(n, out=n)
            np.subtract(h, n, h)  # h_t = n + u ∘ (h_{t-1} - n)
            np.multiply(u, h, h)
            np.add(n, h, h)

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
        WT = scratch.array("WT", H, 3 * H)  # a contiguous copy multiplies faster than a view
        WT[...] = params["W"].T
        # The candidate's row of dz is by U x + b; the product W h sees that row times r.
        drecalled = scratch.array("drecalled", H, T, B)
        dWh = scratch.array("dWh", 3 * H, B)
        dh_t = scratch.array("dh_t", H, B)
        through_W = scratch.array("through_W", H, B)
        dh_t[...] = dstate[0]

        if kernels:
            recalled, dh = workspace["recalled"], np.ascontiguousarray(dh)
            for t in reversed(range(T)):
                kernels.gru_backward(t, dh, gates, recalled, h, dh_t, dWh, dz, drecalled)
                np.matmul(WT, dWh, out=through_W)
                dh_t += through_W
        else:
            for block in reversed(blocks(T, H * B)):
                Wh_slopes, n_slopes = self._slopes(workspace, block)
                for t in reversed(range(block.start, block.stop)):
                    dh_t += dh[:, t]
                    np.multiply(dh_t, Wh_slopes[t - block.start], out=dWh.reshape(3, H, B))
                    dz[: 2 * H, t] = dWh[: 2 * H]
                    np.multiply(dh_t, n_slopes[t - block.start], out=dz[2 * H :, t])
                    drecalled[:, t] = dWh[2 * H :]

                    np.matmul(WT, dWh, out=through_W)
                    dh_t *= gates[t, 1]  # what passes straight to h_{t-1}
                    dh_t += through_W

        dW = gradients["W"]
        add_product(dW[: 2 * H], dz[: 2 * H], h[:, :T], scratch)
        add_product(dW[2 * H :], drecalled, h[:, :T], scratch)
        dd = gradients["d"]
        dd += drecalled.sum(axis=(1, 2))
        return np.stack((dh_t,))

    def _slopes(self, workspace: Workspace, block: slice) -> tuple[Array, Array]:
        """What backward multiplies with; nothing of it depends on a gradient, so many steps at once.

        With σ' = σ (1 - σ) and tanh' = 1 - tanh², for each step of the block:

        Returns:
            ``(n, 3, H, B)``: ∂h_t by the three rows of W h.
            ``(n, H, B)``: ∂h_t by the candidate's row of z.
        """
        scratch = workspace.scratch
        gates, recalled = workspace["gates"][block], workspace["recalled"][block]
        h_before = workspace["h"][:, block].swapaxes(0, 1)
        r, u, n = gates.swapaxes(0, 1)
        Wh_slopes = scratch.array("Wh_slopes", *gates.shape)
        n_slopes = scratch.array("n_slopes", *n.shape)
        by_r, by_u, by_recalled = Wh_slopes.swapaxes(0, 1)

        np.multiply(n, n, out=by_recalled)
        np.subtract(1, by_recalled, out=by_recalled)
        np.subtract(1, u, out=n_slopes)
        n_slopes *= by_recalled
        np.multiply(n_slopes, r, out=by_recalled)

        np.subtract(1, gates[:, :2], out=Wh_slopes[:, :2])
        by_r *= by_recalled
        by_r *= recalled
        by_u *= u
        np.subtract(h_before, n, out=(difference := scratch.array("difference", *n.shape)))
        by_u *= difference
        return Wh_slopes, n_slopes
