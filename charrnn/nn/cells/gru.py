"""Gated recurrent unit (Cho et al., arXiv 1406.1078), in the reset-after form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.functions import add_product, blocks, sigmoid_
from charrnn.nn.normalization import KeptNormalization, Normalize
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class GRU(Cell):
    """The reset gate acts after the product with W, so that one product serves all rows of a step.

        r, u = σ(U x_t + W h_{t-1} + b)            reset and update gate
        m    = W h_{t-1} + d                       what is recalled: the candidate's rows of W
        n    = tanh(U x_t + b + r ∘ m)             the candidate
        h_t  = (1 - u) ∘ n + u ∘ h_{t-1}

    This is the form of cuDNN and PyTorch, and why the candidate has a second bias, d. Going back, z is
    U x + b and y is W h_{t-1}; what the candidate's rows of the two get differs by r:

        δh_t   = δh_t from above + δh_{t+1} ∘ u_{t+1} + Wᵀ δy_{t+1}
        δz_n   = δh_t ∘ (1 - u) ∘ (1 - n²)
        δm     = δz_n ∘ r                          = δy_n
        δz_r   = δz_n ∘ m ∘ r (1 - r)              = δy_r
        δz_u   = δh_t ∘ (h_{t-1} - n) ∘ u (1 - u)  = δy_u
        δW     = Σ_t δy_t h_{t-1}ᵀ,  δd = Σ_t δm
    """

    title = "GRU"
    rows = ("reset", "update", "candidate")
    gates = rows[:2]
    keeps = "update"

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {**super().parameter_shapes(), "d": (self.hidden_size,)}

    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H, (_, T, B) = self.hidden_size, z.shape
        W, d = params["W"], params["d"]
        gates = workspace.array("gates", T, 3, H, B)
        recalled = workspace.array("recalled", T, H, B)
        h = workspace.array("h", H, T + 1, B)  # h[:, t + 1] is that after step t
        Wh = workspace.scratch.array(3 * H, B)
        normalization = self.kept_normalization(params, workspace, T, B)
        h[:, 0] = state[0]
        for t in range(T):
            np.matmul(W, h[:, t], out=Wh)
            self.step(t, z, Wh, d, gates, recalled, h, normalization)
        return h[:, 1:], np.stack((h[:, T],))

    def backward(
        self, params: Own, gradients: Own, dz: Array, dh: Array, dstate: Array, workspace: Workspace
    ) -> Array:
        H, (_, T, B) = self.hidden_size, dz.shape
        scratch, h = workspace.scratch, workspace["h"]
        WT = scratch.array(H, 3 * H)  # a contiguous copy multiplies faster than a view
        WT[...] = params["W"].T
        drecalled, dstate = scratch.array(H, T, B), dstate.copy()
        normalization = self.kept_normalization(params, workspace, T, B)
        back = partial(self.through_time, WT, dz, drecalled, dh, dstate[0], workspace)
        back(normalization, gradients)
        dW, dd = gradients["W"], gradients["d"]
        add_product(dW[: 2 * H], dz[: 2 * H], h[:, :T], scratch)
        add_product(dW[2 * H :], drecalled, h[:, :T], scratch)
        dd += drecalled.sum(axis=(1, 2))
        return dstate

    @staticmethod
    def step(
        t: int,
        z: Array,
        Wh: Array,
        d: Array,
        gates: Array,
        recalled: Array,
        h: Array,
        normalization: KeptNormalization | None = None,
    ) -> None:
        """One time step of a chunk."""
        ru, n = slice(2 * len(d)), slice(2 * len(d), None)
        z_t, Wh_ru, Wh_n, d = z[:, t], Wh[ru], Wh[n], d[:, None]
        a, (before, after) = gates[t, :2].reshape(Wh_ru.shape), (h[:, t], h[:, t + 1])
        normalize = normalization and partial(normalization.forward, t)
        from_below = z_t[ru], z_t[n], Wh_ru, Wh_n, d
        _step(*from_below, a, gates[t], recalled[t], Wh_n, before, after, normalize)

    @staticmethod
    def through_time(
        WT: Array,
        dz: Array,
        drecalled: Array,
        dh: Array,
        dh_t: Array,
        workspace: Workspace,
        normalization: KeptNormalization | None,  # noqa: ARG004
        gradients: Own,  # noqa: ARG004
    ) -> None:
        """From the last step to the first: fills ``dz`` and ``drecalled``, δm of all steps.

        Args:
            dh_t: ``(H, B)``, δh_{t+1} ∘ u_{t+1} + Wᵀ δy_{t+1}; becomes that of the first step.
            normalization, gradients: Of the normalised form, :class:`charrnn.nn.cells.normalized.NormalizedGRU`.
        """
        scratch, gates, (H, T, B) = workspace.scratch, workspace["gates"], drecalled.shape
        dWh, through_W = scratch.array(3 * H, B), scratch.array(H, B)
        for block in reversed(blocks(T, H * B)):
            with scratch:
                Wh_slopes = scratch.array(block.stop - block.start, 3, H, B)
                n_slopes = scratch.array(block.stop - block.start, H, B)
                _slopes(workspace, block, Wh_slopes, n_slopes)
                for t in reversed(range(block.start, block.stop)):
                    n, u = t - block.start, gates[t, 1]
                    dh_t += dh[:, t]  # δh_t
                    np.multiply(dh_t, Wh_slopes[n], out=dWh.reshape(3, H, B))  # δy_t
                    dz[: 2 * H, t] = dWh[: 2 * H]  # δz_r, δz_u
                    np.multiply(dh_t, n_slopes[n], out=dz[2 * H :, t])  # δz_n
                    drecalled[:, t] = dWh[2 * H :]  # δm
                    dh_t *= u
                    dh_t += np.matmul(WT, dWh, out=through_W)

    def stepper(self, params: Own, z: Array, Wh: Array, state: Array) -> Callable[[], None]:
        H, (h,) = self.hidden_size, state
        d = np.repeat(params["d"][:, None], h.shape[1], axis=1)
        ru, n = Wh[: 2 * H], Wh[2 * H :]
        r, u = ru.reshape(2, *h.shape)
        normalize = self.normalization(params)
        return partial(
            _step, z[: 2 * H], z[2 * H :], ru, n, d, ru, (r, u, n), n, h, h, h, normalize
        )


def _step(
    z_ru: Array,
    z_n: Array,
    Wh_ru: Array,
    Wh_n: Array,
    d: Array,
    ru: Array,
    gates: Iterable[Array],
    recalled: Array,
    kept: Array,
    h_before: Array,
    h: Array,
    normalize: Normalize | None,
) -> None:
    """One time step, by the equations; ``ru`` is the two gates on top of each other.

    The last argument of each call is where a result goes: to name it ``out`` takes time in each of these small calls.
    """
    r, u, n = gates
    np.add(z_ru, Wh_ru, ru)
    if normalize:
        normalize(ru, 0)
    sigmoid_(ru)
    np.add(Wh_n, d, recalled)
    np.multiply(r, recalled, n)
    np.add(n, z_n, n)
    if normalize:
        normalize(n, 2)
    np.tanh(n, n)
    np.subtract(h_before, n, kept)  # h_t = n + u ∘ (h_{t-1} - n)
    np.multiply(u, kept, kept)
    np.add(n, kept, h)


def _slopes(workspace: Workspace, block: slice, Wh_slopes: Array, n_slopes: Array) -> None:
    """What the gradients are multiplied with; nothing of it depends on one, so many steps at once.

    Args:
        Wh_slopes: ``(n, 3, H, B)``, becomes ∂h_t by the three rows of W h, for each step.
        n_slopes: ``(n, H, B)``, becomes ∂h_t by the candidate's row of z.
    """
    gates, recalled = workspace["gates"][block], workspace["recalled"][block]
    h_before = workspace["h"][:, block].swapaxes(0, 1)
    r, u, n = gates.swapaxes(0, 1)
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
    with workspace.scratch as scratch:
        by_u *= np.subtract(h_before, n, out=scratch.array(*n.shape))
