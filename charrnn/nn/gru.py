"""Gated recurrent unit (Cho et al., arXiv 1406.1078), in the reset-after form.

    r, u = σ(U x_t + W h_{t-1} + b)                    reset and update gate
    n    = tanh(U x_t + b + r ∘ (W h_{t-1} + d))       the candidate
    h_t  = (1 - u) ∘ n + u ∘ h_{t-1}

The reset gate acts after the matrix product, as in cuDNN and PyTorch, so that one product serves all
gates of a step; this is why the candidate has a second bias, d. Rows are stacked in the order r, u, n.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from charrnn.nn.functions import add_product, sigmoid_
from charrnn.nn.initialization import orthogonal_blocks
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


class GRU:
    """The recurrence of a GRU layer; see :class:`charrnn.nn.cell.Cell` for the shapes."""

    gates: ClassVar[int] = 3
    states: ClassVar[int] = 1

    def __init__(self, hidden_size: int) -> None:
        self.hidden_size = hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (3 * self.hidden_size, self.hidden_size), "d": (self.hidden_size,)}

    def initialize(self, params: Parameters, prefix: str, rng: np.random.Generator) -> None:
        orthogonal_blocks(params[f"{prefix}/W"], rng)

    def forward(
        self, params: Parameters, prefix: str, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        W = params[f"{prefix}/W"]
        d = params[f"{prefix}/d"][:, None]
        gates = workspace.array("gates", T, 3 * H, B)
        recalled = workspace.array("recalled", T, H, B)  # W h + d of the candidate
        h = workspace.array("h", H, T + 1, B)
        h_t = workspace.array("h_t", H, B)
        Wh = workspace.array("Wh", 3 * H, B)
        h_t[...] = h[:, 0] = state[0]

        for t in range(T):
            r, u, n = gates[t].reshape(3, H, B)
            np.matmul(W, h_t, out=Wh)
            np.add(z[: 2 * H, t], Wh[: 2 * H], out=gates[t, : 2 * H])
            sigmoid_(gates[t, : 2 * H])
            np.add(Wh[2 * H :], d, out=recalled[t])
            np.multiply(r, recalled[t], out=n)
            n += z[2 * H :, t]
            np.tanh(n, out=n)

            h_t -= n  # h = n + u ∘ (h - n)
            h_t *= u
            h_t += n
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
        gates, recalled, h = (workspace[name] for name in ("gates", "recalled", "h"))
        WT = workspace.array("WT", H, 3 * H)  # a contiguous copy multiplies faster than a view
        WT[...] = params[f"{prefix}/W"].T
        # The candidate's row of dz is by U x + b; the product W h sees that row times r.
        drecalled = workspace.array("drecalled", H, T, B)
        da_t = workspace.array("da_t", 3 * H, B)
        dn = workspace.array("dn", H, B)
        dh_t = workspace.array("dh_t", H, B)
        dh_kept = workspace.array("dh_kept", H, B)
        slope = workspace.array("slope", 2 * H, B)
        dr, du, dm = da_t.reshape(3, H, B)
        dh_t[...] = dstate[0]

        for t in reversed(range(T)):
            r, u, n = gates[t].reshape(3, H, B)
            dh_t += dh[:, t]

            np.subtract(h[:, t], n, out=du)
            du *= dh_t
            np.multiply(dh_t, u, out=dh_kept)  # what passes straight to h_{t-1}
            np.subtract(dh_t, dh_kept, out=dn)
            np.multiply(n, n, out=dm)
            np.subtract(1, dm, out=dm)
            dn *= dm
            np.multiply(dn, recalled[t], out=dr)
            np.multiply(dn, r, out=dm)

            np.subtract(1, gates[t, : 2 * H], out=slope)
            slope *= gates[t, : 2 * H]
            da_t[: 2 * H] *= slope

            np.matmul(WT, da_t, out=dh_t)
            dh_t += dh_kept
            dz[: 2 * H, t] = da_t[: 2 * H]
            dz[2 * H :, t] = dn
            drecalled[:, t] = dm

        dW = gradients[f"{prefix}/W"]
        add_product(dW[: 2 * H], dz[: 2 * H], h[:, :T], workspace.child("gates"))
        add_product(dW[2 * H :], drecalled, h[:, :T], workspace.child("candidate"))
        gradients.add(f"{prefix}/d", drecalled.sum(axis=(1, 2)))
        return np.stack((dh_t,))
