"""Looking back: what each step of a decoder reads of all that an encoder made of a text.

    e_tj = h_tᵀ W m_j,   a_t = softmax_j(e_t),   c_t = Σ_j a_tj m_j,   o_t = tanh(C [c_t; h_t] + b)

That is the general form of Luong, Pham, Manning (arXiv 1508.04025, equations 5 to 8). Nothing of *o* goes back into the recurrence, so that all
steps of a text that is known are a few products.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.functions import turned
from charrnn.nn.lengths import Lengths, inside
from charrnn.nn.parameters import Array, Parameters, Part, scaled_uniform
from charrnn.nn.workspace import Workspace


class Looked(NamedTuple):
    """What is made of a memory once, for all steps.

    Attributes:
        m: ``(B, T, M)``, the memory.
        keys: ``(B, T, H)``, with which what asks is multiplied.
        outside: ``(B, 1, T)``: where it has ended.
    """

    m: Array
    keys: Array
    outside: NDArray[np.bool_]


class Attention(Part):
    """``h`` ``(H, S, B)`` and a memory ``(M, T, B)`` become ``(H, S, B)``.

    Args:
        hidden_size: *H*, rows of what asks and of what comes out.
        memory_size: *M*, rows of what is looked at.
    """

    def __init__(self, hidden_size: int, memory_size: int, prefix: str = "attention/") -> None:
        H, M = hidden_size, memory_size
        super().__init__(prefix, {"W": (H, M), "C": (H, M + H), "b": (H,)})
        self.multiplications = (
            2 * H * M + H * H
        )  # and as many as there are places, for each pair of them

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        W, C, b = self.own(params).values()
        scaled_uniform(W, W.shape[1], rng)
        scaled_uniform(C, C.shape[1], rng)
        b[...] = 0

    def look(self, params: Parameters, memory: Array, lengths: Lengths) -> Looked:
        """What all steps look at.

        Args:
            memory: ``(M, T, B)``.
            lengths: ``(B,)``, of the memory, from 1 on: beyond it nothing is looked at.
        """
        m = turned(memory)
        outside = ~inside(lengths, m.shape[1]).T[:, None]
        return Looked(m, m @ self.own(params)["W"].T, outside)

    def forward(self, params: Parameters, h: Array, looked: Looked, workspace: Workspace) -> Array:
        """Returns ``(H, S, B)``."""
        _, C, b = self.own(params).values()
        H, S, B = h.shape
        m, keys, outside = looked
        M = m.shape[2]
        joined = workspace.array("joined", B, S, M + H)
        joined[..., M:] = h.transpose(2, 1, 0)
        weights = joined[..., M:] @ keys.transpose(0, 2, 1)  # (B, S, T)
        weights[np.broadcast_to(outside, weights.shape)] = -np.inf
        weights -= weights.max(axis=2, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=2, keepdims=True)
        np.matmul(weights, m, out=joined[..., :M])
        o = np.tanh(joined.reshape(B * S, M + H) @ C.T + b)
        workspace.remember(m=m, keys=keys, weights=weights, o=o)
        return turned(o.reshape(B, S, H))

    @staticmethod
    def weights(workspace: Workspace) -> Array:
        """``(B, S, T)``: how much each step of the last ``forward`` looked at each place."""
        return workspace["weights"]

    def backward(
        self, params: Parameters, gradients: Parameters, do: Array, workspace: Workspace
    ) -> tuple[Array, Array]:
        """Adds to ``gradients``; returns those by ``h`` and by the memory, which mean nothing where that is padding."""
        W, C, _ = self.own(params).values()
        dW, dC, db = self.own(gradients).values()
        H, S, B = do.shape
        m, keys, weights, o = (workspace[name] for name in ("m", "keys", "weights", "o"))
        joined, M, T = workspace["joined"], m.shape[2], m.shape[1]
        dz = do.transpose(2, 1, 0).reshape(B * S, H) * (1 - o * o)
        dC += dz.T @ joined.reshape(B * S, M + H)
        db += dz.sum(axis=0)
        d_joined = (dz @ C).reshape(B, S, M + H)
        dc, dh = d_joined[..., :M], d_joined[..., M:]
        dm = weights.transpose(0, 2, 1) @ dc  # (B, T, M)
        de = dc @ m.transpose(0, 2, 1)  # by the weights, and then by the scores
        de -= (de * weights).sum(axis=2, keepdims=True)
        de *= weights
        dh = dh + de @ keys
        d_keys = (de.transpose(0, 2, 1) @ joined[..., M:]).reshape(B * T, H)
        dW += d_keys.T @ m.reshape(B * T, M)
        dm += (d_keys @ W).reshape(B, T, M)
        return turned(dh), turned(dm)


class Bridge(Part):
    """From where an encoder ends to where a decoder starts: an affine map for each level and each state.

    Args:
        levels: Of both.
        states: That a cell carries.
        ends_size: Rows of what the layers of one level hold at the end, together.
    """

    def __init__(
        self, levels: int, states: int, ends_size: int, hidden_size: int, prefix: str = "bridge/"
    ) -> None:
        self._places = [(level, state) for level in range(levels) for state in range(states)]
        shapes: dict[str, tuple[int, ...]] = {}
        for level, state in self._places:
            shapes[f"{level}/{state}/W"] = (hidden_size, ends_size)
            shapes[f"{level}/{state}/b"] = (hidden_size,)
        super().__init__(prefix, shapes)
        self.multiplications = 0  # for each text, not for each character

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        for array in self.own(params).values():
            if array.ndim == 2:
                scaled_uniform(array, array.shape[1], rng)
            else:
                array[...] = 0

    def forward(self, params: Parameters, ends: Array, workspace: Workspace) -> Array:
        """``(L, states, H, B)``, of ``(L, states, M, B)``: what all layers of a level hold."""
        own, (L, states, _, B) = self.own(params), ends.shape
        out = np.empty((L, states, len(own["0/0/b"]), B), ends.dtype)
        for level, state in self._places:
            W, b = own[f"{level}/{state}/W"], own[f"{level}/{state}/b"]
            np.matmul(W, ends[level, state], out=out[level, state])
            out[level, state] += b[:, None]
        workspace.remember(ends=ends)
        return out

    def backward(
        self, params: Parameters, gradients: Parameters, d: Array, workspace: Workspace
    ) -> Array:
        """Adds to ``gradients``; returns that by ``ends``."""
        own, d_own, ends = self.own(params), self.own(gradients), workspace["ends"]
        d_ends = np.empty_like(ends)
        for level, state in self._places:
            name = f"{level}/{state}"
            d_own[f"{name}/W"] += d[level, state] @ ends[level, state].T
            d_own[f"{name}/b"] += d[level, state].sum(axis=1)
            np.matmul(own[f"{name}/W"].T, d[level, state], out=d_ends[level, state])
        return d_ends
