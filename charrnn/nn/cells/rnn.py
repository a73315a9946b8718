"""The simple recurrent network, with tanh or with ReLU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.functions import add_product, blocks
from charrnn.nn.normalization import KeptNormalization
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class RNN(Cell):
    """Elman 1990; Goodfellow, Bengio, Courville, *Deep Learning*, section 10.2; ∘ is element by element.

        z_t = U x_t + W h_{t-1} + b
        h_t = tanh(z_t)

    Going back, with tanh' = 1 - tanh²:

        δh_t = δh_t from above + Wᵀ δz_{t+1}
        δz_t = δh_t ∘ (1 - h_t²)
        δW   = Σ_t δz_t h_{t-1}ᵀ

    Where it is normalised, tanh is taken of p, which is made of z_t; δp is then δh_t ∘ (1 - h_t²), and δz_t
    follows from it (:mod:`charrnn.nn.normalization`).
    """

    title = "RNN (tanh)"
    rows = ("W",)

    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H, (_, T, B) = self.hidden_size, z.shape
        W = params["W"]
        h = workspace.array("h", H, T + 1, B)  # h[:, t + 1] is that after step t
        Wh = workspace.scratch.array(H, B)
        normalization = self.kept_normalization(params, workspace, T, B)
        h[:, 0] = state[0]
        for t in range(T):
            np.matmul(W, h[:, t], out=Wh)
            self.step(t, z, Wh, h, normalization)
        return h[:, 1:], np.stack((h[:, T],))

    def backward(
        self, params: Own, gradients: Own, dz: Array, dh: Array, dstate: Array, workspace: Workspace
    ) -> Array:
        H, (_, T, B) = self.hidden_size, dz.shape
        scratch, h = workspace.scratch, workspace["h"]
        WT = scratch.array(H, H)  # a contiguous copy multiplies faster than a view
        WT[...] = params["W"].T
        dstate = dstate.copy()
        normalization = self.kept_normalization(params, workspace, T, B)
        self.through_time(WT, dz, dh, dstate[0], workspace, normalization, gradients)
        add_product(gradients["W"], dz, h[:, :T], scratch)
        return dstate

    def step(
        self,
        t: int,
        z: Array,
        Wh: Array,
        h: Array,
        normalization: KeptNormalization | None = None,
    ) -> None:
        """One time step of a chunk."""
        Wh += z[:, t]
        if normalization:
            normalization.forward(t, Wh, 0)
        self.activation(Wh, out=Wh)
        h[:, t + 1] = Wh

    def through_time(
        self,
        WT: Array,
        dz: Array,
        dh: Array,
        dh_t: Array,
        workspace: Workspace,
        normalization: KeptNormalization | None,
        gradients: Own,
    ) -> None:
        """From the last step to the first: fills ``dz``, and adds to the gradients by what a normalisation has.

        Args:
            dh_t: ``(H, B)``, Wᵀ δz_{t+1}; becomes that of the first step.
        """
        scratch, h, (H, T, B) = workspace.scratch, workspace["h"], dz.shape
        for block in reversed(blocks(T, H * B)):
            with scratch:
                slopes = scratch.array(block.stop - block.start, H, B)
                self.slope(h[:, block.start + 1 : block.stop + 1].swapaxes(0, 1), out=slopes)
                for t in reversed(range(block.start, block.stop)):
                    dh_t += dh[:, t]  # δh_t
                    np.multiply(dh_t, slopes[t - block.start], out=dz[:, t])  # δz_t
                    if normalization:
                        normalization.backward(t, dz[None, :, t], gradients)
                    np.matmul(WT, dz[:, t], out=dh_t)

    def stepper(self, params: Own, z: Array, Wh: Array, state: Array) -> Callable[[], None]:
        (h,), normalize = state, self.normalization(params)

        def step() -> None:
            np.add(z, Wh, out=Wh)
            if normalize:
                normalize(Wh, 0)
            self.activation(Wh, out=h)

        return step

    @staticmethod
    def activation(z: Array, out: Array) -> None:
        """``h_t`` of ``z_t``."""
        np.tanh(z, out=out)

    @staticmethod
    def slope(h: Array, out: Array) -> None:
        """∂h_t/∂z_t, from ``h_t``: what the gradients are multiplied with, of many steps at once."""
        np.multiply(h, h, out=out)
        np.subtract(1, out, out=out)


class ReLURNN(RNN):
    """Le, Jaitly, Hinton, arXiv 1504.00941.

        z_t = U x_t + W h_{t-1} + b
        h_t = max(z_t, 0)

    A slope of 1 keeps gradients from shrinking if W starts as a rotation, and lets them explode the more
    easily. Going back, δz_t = δh_t where h_t > 0 and else 0; the rest is as with tanh.
    """

    title = "RNN (ReLU)"

    @staticmethod
    def activation(z: Array, out: Array) -> None:
        np.maximum(z, 0, out=out)

    @staticmethod
    def slope(h: Array, out: Array) -> None:
        np.greater(h, 0, out=out)
