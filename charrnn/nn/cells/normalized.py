"""The recurrent cells with layer normalisation of what their gates are taken of (:mod:`charrnn.nn.normalization`)."""

from __future__ import annotations

import numpy as np

from charrnn.nn.cells.gru import GRU
from charrnn.nn.cells.lstm import LSTM
from charrnn.nn.cells.rnn import RNN, ReLURNN
from charrnn.nn.normalization import KeptNormalization
from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace


class NormalizedLSTM(LSTM):
    """Each gate's U x_t + W h_{t-1} is normalised over the gate's units; N(a) = γ ∘ (a - mean(a)) / s(a) + b.

        i, f, o = σ(N(U x_t + W h_{t-1}))
        g       = tanh(N(U x_t + W h_{t-1}))

    The rest is as in an LSTM. What the cell holds, c, is not normalised.
    """

    title = "LSTM, layer-normalised"
    normalized = True


class NormalizedRNN(RNN):
    """h_t = tanh(N(U x_t + W h_{t-1}))"""

    title = "RNN (tanh), layer-normalised"
    normalized = True


class NormalizedReLURNN(ReLURNN):
    """h_t = max(N(U x_t + W h_{t-1}), 0)"""

    title = "RNN (ReLU), layer-normalised"
    normalized = True


class NormalizedGRU(GRU):
    """Of the candidate it is the whole sum that is normalised, with what the reset gate lets through.

        r, u = σ(N(U x_t + W h_{t-1}))
        m    = W h_{t-1} + d
        n    = tanh(N(U x_t + r ∘ m))
        h_t  = (1 - u) ∘ n + u ∘ h_{t-1}

    So going back the candidate comes first, and what its sum gets is what r and m have theirs of:

        δp_n = δh_t ∘ (1 - u) ∘ (1 - n²),           from which δz_n
        δm   = δz_n ∘ r                             = δy_n
        δp_r = δz_n ∘ m ∘ r (1 - r)
        δp_u = δh_t ∘ (h_{t-1} - n) ∘ u (1 - u),    from both of which δz_r, δz_u = δy_r, δy_u
    """

    title = "GRU, layer-normalised"
    normalized = True

    @staticmethod
    def through_time(
        WT: Array,
        dz: Array,
        drecalled: Array,
        dh: Array,
        dh_t: Array,
        workspace: Workspace,
        normalization: KeptNormalization | None,
        gradients: Own,
    ) -> None:
        assert normalization is not None
        H, T, B = drecalled.shape
        gates, recalled, h = workspace["gates"], workspace["recalled"], workspace["h"]
        dWh, through_W = workspace.scratch.array(3 * H, B), workspace.scratch.array(H, B)
        dy = dWh.reshape(3, H, B)
        d_ru, d_n = dy[:2], workspace.scratch.array(1, H, B)
        for t in reversed(range(T)):
            r, u, n = gates[t]
            m = recalled[t]
            dh_t += dh[:, t]  # δh_t
            np.multiply(dh_t, (1 - u) * (1 - n * n), out=d_n[0])  # δp_n
            normalization.backward(t, d_n, gradients, 2)  # δz_n
            np.multiply(d_n[0], m * r * (1 - r), out=dy[0])  # δp_r
            np.multiply(dh_t, (h[:, t] - n) * u * (1 - u), out=dy[1])  # δp_u
            normalization.backward(t, d_ru, gradients)  # δz_r, δz_u
            np.multiply(d_n[0], r, out=dy[2])  # δm
            dz[: 2 * H, t] = dWh[: 2 * H]
            dz[2 * H :, t] = d_n[0]
            drecalled[:, t] = dy[2]
            dh_t *= u
            dh_t += np.matmul(WT, dWh, out=through_W)
