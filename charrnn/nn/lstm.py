"""Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    i, f, o = σ(U x_t + W h_{t-1} + b)        input, forget and output gate
    g       = tanh(U x_t + W h_{t-1} + b)     what could be written
    c_t     = f ∘ c_{t-1} + i ∘ g
    h_t     = o ∘ tanh(c_t)

The rows of U, W and b are stacked in the order i, f, o, g: the three sigmoids lie side by side.
See Goodfellow, Bengio, Courville, *Deep Learning*, section 10.10.1.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from charrnn.nn.functions import add_product, sigmoid_
from charrnn.nn.initialization import orthogonal_blocks
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace


class LSTM:
    """The recurrence of an LSTM layer; see :class:`charrnn.nn.cell.Cell` for the shapes."""

    gates: ClassVar[int] = 4
    states: ClassVar[int] = 2

    def __init__(self, hidden_size: int) -> None:
        self.hidden_size = hidden_size

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (4 * self.hidden_size, self.hidden_size)}

    def initialize(self, params: Parameters, prefix: str, rng: np.random.Generator) -> None:
        orthogonal_blocks(params[f"{prefix}/W"], rng)
        # An open forget gate lets gradients reach far back from the first step on
        # (Jozefowicz, Zaremba, Sutskever, ICML 2015).
        params[f"{prefix}/b"].reshape(4, -1)[1] = 1

    def forward(
        self, params: Parameters, prefix: str, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H = self.hidden_size
        _, T, B = z.shape
        W = params[f"{prefix}/W"]
        gates = workspace.array("gates", T, 4 * H, B)
        h = workspace.array("h", H, T + 1, B)
        c = workspace.array("c", T + 1, H, B)
        tanh_c = workspace.array("tanh_c", T, H, B)
        Wh = workspace.array("Wh", 4 * H, B)
        written = workspace.array("written", H, B)
        h[:, 0], c[0] = state

        for t in range(T):
            np.matmul(W, h[:, t], out=Wh)
            np.add(z[:, t], Wh, out=gates[t])
            sigmoid_(gates[t, : 3 * H])
            np.tanh(gates[t, 3 * H :], out=gates[t, 3 * H :])
            i, f, o, g = gates[t].reshape(4, H, B)

            np.multiply(f, c[t], out=c[t + 1])
            np.multiply(i, g, out=written)
            c[t + 1] += written
            np.tanh(c[t + 1], out=tanh_c[t])
            np.multiply(o, tanh_c[t], out=h[:, t + 1])

        return h[:, 1:], np.stack((h[:, T], c[T]))

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
        gates, h, c, tanh_c = (workspace[name] for name in ("gates", "h", "c", "tanh_c"))
        WT = workspace.array("WT", H, 4 * H)  # a contiguous copy multiplies faster than a view
        WT[...] = params[f"{prefix}/W"].T
        dz_t = workspace.array("dz_t", 4 * H, B)
        dh_t = workspace.array("dh_t", H, B)
        dc_t = workspace.array("dc_t", H, B)
        slope = workspace.array("slope", 3 * H, B)
        tanh_slope = slope[:H]
        dh_t[...], dc_t[...] = dstate
        di, df, do, dg = dz_t.reshape(4, H, B)

        for t in reversed(range(T)):
            i, f, o, g = gates[t].reshape(4, H, B)

            # h_t reaches the loss from above and through step t+1; c_t through h_t and c_{t+1}.
            dh_t += dh[:, t]
            np.multiply(tanh_c[t], tanh_c[t], out=tanh_slope)
            np.subtract(1, tanh_slope, out=tanh_slope)
            tanh_slope *= o
            tanh_slope *= dh_t
            dc_t += tanh_slope

            np.multiply(dc_t, g, out=di)
            np.multiply(dc_t, c[t], out=df)
            np.multiply(dh_t, tanh_c[t], out=do)
            np.multiply(dc_t, i, out=dg)

            # Through the gates: σ' = σ (1 - σ), tanh' = 1 - tanh².
            np.subtract(1, gates[t, : 3 * H], out=slope)
            slope *= gates[t, : 3 * H]
            dz_t[: 3 * H] *= slope
            np.multiply(g, g, out=tanh_slope)
            np.subtract(1, tanh_slope, out=tanh_slope)
            dg *= tanh_slope

            dc_t *= f
            np.matmul(WT, dz_t, out=dh_t)
            dz[:, t] = dz_t

        add_product(gradients[f"{prefix}/W"], dz, h[:, :T], workspace)
        return np.stack((dh_t, dc_t))
