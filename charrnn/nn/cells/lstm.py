"""Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np

from charrnn.nn.cells.cell import Cell
from charrnn.nn.functions import add_product, blocks, gates_
from charrnn.nn.lengths import Columns, last_steps
from charrnn.nn.normalization import KeptNormalization, Normalize
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class LSTM(Cell):
    """Goodfellow, Bengio, Courville, *Deep Learning*, section 10.10.1; ∘ is element by element.

        i, f, o = σ(U x_t + W h_{t-1} + b)        input, forget and output gate
        g       = tanh(U x_t + W h_{t-1} + b)     the candidate: what could be written
        c_t     = f ∘ c_{t-1} + i ∘ g
        h_t     = o ∘ tanh(c_t)

    Going back, z_i, z_f, z_o and z_g are what σ and tanh are taken of, and σ' = σ (1 - σ),
    tanh' = 1 - tanh². The loss depends on h_t through what is above and through step t+1, on c_t
    through h_t and c_{t+1}:

        δh_t   = δh_t from above + Wᵀ δz_{t+1}
        δc_t   = δc_{t+1} ∘ f_{t+1} + δh_t ∘ o ∘ (1 - tanh²(c_t))
        δz_i   = δc_t ∘ g ∘ i (1 - i)
        δz_f   = δc_t ∘ c_{t-1} ∘ f (1 - f)
        δz_o   = δh_t ∘ tanh(c_t) ∘ o (1 - o)
        δz_g   = δc_t ∘ i ∘ (1 - g²)
        δW     = Σ_t δz_t h_{t-1}ᵀ

    Where it is normalised, σ and tanh are taken of p, which is made of each gate's sum; what is called δz above is δp then, and δz
    follows from it (:mod:`charrnn.nn.normalization`).
    """

    title = "LSTM"
    rows = ("input", "forget", "output", "candidate")
    gates = rows[:3]
    keeps = "forget"
    states = ("h", "c")

    def initialize(self, params: Own, rng: np.random.Generator) -> None:
        super().initialize(params, rng)
        # An open forget gate lets gradients reach far back from the first step on
        # (Jozefowicz, Zaremba, Sutskever, ICML 2015).
        params["b"].reshape(4, -1)[1] = 1

    def forward(
        self, params: Own, z: Array, state: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        H, (_, T, B) = self.hidden_size, z.shape
        W = params["W"]
        gates = workspace.array("gates", T, 4, H, B)
        h = workspace.array("h", H, T + 1, B)  # h[:, t + 1] is that after step t
        c = workspace.array("c", T + 1, H, B)
        Wh, tanh_c = workspace.scratch.array(4 * H, B), workspace.scratch.array(H, B)
        normalization = self.kept_normalization(params, workspace, T, B)
        h[:, 0], c[0] = state
        for t in range(T):
            np.matmul(W, h[:, t], out=Wh)
            self.step(t, z, Wh, gates, h, c, tanh_c, normalization)
        return h[:, 1:], np.stack((h[:, T], c[T]))

    def backward(
        self, params: Own, gradients: Own, dz: Array, dh: Array, dstate: Array, workspace: Workspace
    ) -> Array:
        H, (_, T, B) = self.hidden_size, dz.shape
        scratch, h = workspace.scratch, workspace["h"]
        WT = scratch.array(H, 4 * H)  # a contiguous copy multiplies faster than a view
        WT[...] = params["W"].T
        dh_t, dc_t = dstate = dstate.copy()
        ends = dict[int, tuple[Columns, Array]]()
        if "lengths" in workspace:
            lengths = workspace["lengths"]
            ends = {t: (some, dc_t[:, some]) for t, some in last_steps(lengths, T).items()}
            dc_t[:, lengths < T] = 0
        back = partial(self.through_time, WT, dz, dh, dh_t, dc_t, ends, workspace)
        back(self.kept_normalization(params, workspace, T, B), gradients)
        add_product(gradients["W"], dz, h[:, :T], scratch)
        return dstate

    @staticmethod
    def step(
        t: int,
        z: Array,
        Wh: Array,
        gates: Array,
        h: Array,
        c: Array,
        tanh_c: Array,
        normalization: KeptNormalization | None = None,
    ) -> None:
        """One time step of a chunk; ``tanh_c`` ``(H, B)`` is overwritten."""
        a = gates[t].reshape(Wh.shape)
        normalize = normalization and partial(normalization.forward, t)
        _step(z[:, t], Wh, a, gates[t], c[t], c[t + 1], tanh_c, h[:, t + 1], normalize)

    @staticmethod
    def through_time(
        WT: Array,
        dz: Array,
        dh: Array,
        dh_t: Array,
        dc_t: Array,
        ends: Mapping[int, tuple[Columns, Array]],
        workspace: Workspace,
        normalization: KeptNormalization | None,
        gradients: Own,
    ) -> None:
        """From the last step to the first: fills ``dz``, and adds to the gradients by what a normalisation has.

        Args:
            dh_t: ``(H, B)``, Wᵀ δz_{t+1}; becomes that of the first step.
            dc_t: ``(H, B)``, δc_{t+1} ∘ f_{t+1}; the same.
            ends: After which steps texts end, which, and the gradient by their last c.
        """
        scratch, gates, T, (H, B) = workspace.scratch, workspace["gates"], dz.shape[1], dh_t.shape
        dz_by_gate, through_h = dz.reshape(4, H, T, B), scratch.array(H, B)
        for block in reversed(blocks(T, H * B)):
            with scratch:
                slopes = scratch.array(block.stop - block.start, 4, H, B)
                tanh_c, h_by_c = scratch.array(2, block.stop - block.start, H, B)
                _slopes(workspace, block, slopes, tanh_c, h_by_c)
                for t in reversed(range(block.start, block.stop)):
                    n, f = t - block.start, gates[t, 1]
                    if t in ends:
                        texts, dc_end = ends[t]
                        dc_t[:, texts] += dc_end
                    dh_t += dh[:, t]  # δh_t
                    dc_t += np.multiply(dh_t, h_by_c[n], out=through_h)  # δc_t
                    np.multiply(dc_t, slopes[n], out=dz_by_gate[:, :, t])  # δz_i, δz_f, δz_g
                    np.multiply(dh_t, slopes[n, 2], out=dz_by_gate[2, :, t])  # δz_o
                    if normalization:
                        normalization.backward(t, dz_by_gate[:, :, t], gradients)
                    dc_t *= f
                    np.matmul(WT, dz[:, t], out=dh_t)

    def stepper(self, params: Own, z: Array, Wh: Array, state: Array) -> Callable[[], None]:
        h, c = state
        gates = tuple(Wh.reshape(4, *h.shape))
        normalize = self.normalization(params)
        return partial(
            _step, z, Wh, Wh, gates, c, c, gates[3], h, normalize
        )  # g has room for tanh(c)


def _step(
    z: Array,
    Wh: Array,
    a: Array,
    gates: Iterable[Array],
    c_before: Array,
    c: Array,
    tanh_c: Array,
    h: Array,
    normalize: Normalize | None,
) -> None:
    """One time step, by the equations; ``a`` is the gates on top of each other.

    The last argument of each call is where a result goes: to name it ``out`` takes time in each of these small calls.
    """
    i, f, o, g = gates
    np.add(z, Wh, a)
    if normalize:
        normalize(a, 0)
    gates_(a, 3 * len(h))
    np.multiply(i, g, tanh_c)  # for a moment
    np.multiply(f, c_before, c)
    np.add(c, tanh_c, c)
    np.tanh(c, tanh_c)
    np.multiply(o, tanh_c, h)


def _slopes(
    workspace: Workspace, block: slice, slopes: Array, tanh_c: Array, h_by_c: Array
) -> None:
    """What the gradients are multiplied with; nothing of it depends on one, so many steps at once.

    Args:
        slopes: ``(n, 4, H, B)``, becomes ∂c_t/∂z of i, f and g, and ∂h_t/∂z of o, for each step.
        tanh_c: ``(n, H, B)``, computed again: kept, it would be a seventh of what a chunk keeps.
        h_by_c: ``(n, H, B)``, becomes ∂h_t/∂c_t.
    """
    gates, c_before = workspace["gates"][block], workspace["c"][block]
    np.tanh(workspace["c"][1:][block], out=tanh_c)
    i, _, o, g = gates.swapaxes(0, 1)
    by_i, by_f, by_o, by_g = slopes.swapaxes(0, 1)

    np.subtract(1, gates[:, :3], out=slopes[:, :3])
    slopes[:, :3] *= gates[:, :3]
    by_i *= g
    by_f *= c_before
    by_o *= tanh_c
    np.multiply(g, g, out=by_g)
    np.subtract(1, by_g, out=by_g)
    by_g *= i

    np.multiply(tanh_c, tanh_c, out=h_by_c)
    np.subtract(1, h_by_c, out=h_by_c)
    h_by_c *= o
