"""Looking at one character at a time, from left to right: exact hard monotonic attention (Wu, Cotterell, arXiv 1905.06319).

Each symbol is written while the decoder looks at one character of the source, and what it looks at next is that one or a later one. Which they are
is never told; all walks are summed up, as in a hidden Markov model, by the forward algorithm (Rabiner 1989):

    a_t(j|i) = softmax over j ≥ i of  h_tᵀ W m_j + u_k + (U h_t)_k,      k = min(j - i, 4)
    p_t(y|j) = softmax(V z + c),  z = tanh(D h_t + G m_j + b)
    α_t(j)   = p_t(y_t|j) Σ_i α_{t-1}(i) a_t(j|i),      loss = -log Σ_j α_S(j)

A walk begins at the mark that stands before a source. The gradient needs how likely each step of a walk is, given the target: the posteriors ξ of
the backward algorithm. It is that of a softmax, once for each of these steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.functions import Ids, turned
from charrnn.nn.lengths import Lengths, inside
from charrnn.nn.parameters import Array, Parameters, Part, scaled_uniform
from charrnn.nn.readout import Readout

JUMPS = (
    0.0,
    0.5,
    -0.5,
    -1.0,
    -1.5,
)  # what staying, going one further and so on have at first; the last is for all that is beyond
TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Walks:
    """What each of S steps of B texts with T places could be.

    Attributes:
        moves: ``(B, S, T, T)``, a_t(j|i): *i* comes first.
        p: ``(B, S, T, K)``, p_t(y|j).
        z: ``(B, S, T, H)``.
    """

    moves: Array
    p: Array
    z: Array


class Places(NamedTuple):
    """What is made of a memory once, for all steps.

    Attributes:
        m: ``(B, T, M)``, the memory.
        keys: ``(B, T, H)``, ``W m``, with which what walks is multiplied.
        seen: ``(B, T, H)``, ``G m + b``, what is seen in each place.
        outside: ``(B, 1, T)``: where it has ended.
    """

    m: Array
    keys: Array
    seen: Array
    outside: NDArray[np.bool_]


class Monotonic(Part):
    """``h`` ``(H, S, B)`` and a memory ``(M, T, B)`` become probabilities of what is written.

    Args:
        hidden_size: *H*, rows of what walks.
        memory_size: *M*, rows of what is looked at.
    """

    def __init__(self, hidden_size: int, memory_size: int, prefix: str = "attention/") -> None:
        H, M, J = hidden_size, memory_size, len(JUMPS)
        shapes = {"W": (H, M), "u": (J,), "U": (J, H), "D": (H, H), "G": (H, M), "b": (H,)}
        super().__init__(prefix, shapes)
        self.multiplications = 2 * H * M + H * H

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:
        W, u, U, D, G, b = self.own(params).values()
        for matrix in (W, D, G):
            scaled_uniform(matrix, matrix.shape[1], rng)
        u[...], U[...], b[...] = JUMPS, 0, 0

    def look(self, params: Parameters, memory: Array, lengths: Lengths) -> Places:
        """What all steps look at.

        Args:
            memory: ``(M, T, B)``.
            lengths: ``(B,)``, places of the memory.
        """
        own, m = self.own(params), turned(memory)
        outside = ~inside(lengths, m.shape[1]).T[:, None]
        return Places(m, m @ own["W"].T, m @ own["G"].T + own["b"], outside)

    def walks(self, params: Parameters, readout: Readout, h: Array, places: Places) -> Walks:
        """Of what a decoder holds after each step, ``(H, S, B)``."""
        _, u, U, D, _, _ = self.own(params).values()
        V, c = readout.own(params).values()
        hb, (m, keys, seen, outside) = turned(h), places
        (B, S, H), T = hb.shape, m.shape[1]
        scores = hb @ keys.transpose(0, 2, 1)  # (B, S, T)
        scores[np.broadcast_to(outside, scores.shape)] = -np.inf
        jumps, backwards = _jumps(T)
        moves = (u + hb @ U.T)[:, :, jumps] + scores[:, :, None]
        moves[:, :, backwards] = -np.inf
        top = moves.max(axis=3, keepdims=True)
        np.exp(moves - np.where(np.isfinite(top), top, 0), out=moves)
        moves /= np.maximum(
            moves.sum(axis=3, keepdims=True), TINY
        )  # from beyond a text's end nothing goes on
        z = np.tanh((hb @ D.T)[:, :, None] + seen[:, None])
        p = (z.reshape(-1, H) @ V.T + c).reshape(B, S, T, len(c))
        p -= p.max(axis=3, keepdims=True)
        np.exp(p, out=p)
        p /= p.sum(axis=3, keepdims=True)
        return Walks(moves, p, z)

    def backward(
        self,
        params: Parameters,
        gradients: Parameters,
        readout: Readout,
        h: Array,
        places: Places,
        walks: Walks,
        d_moves: Array,
        d_logits: Array,
    ) -> tuple[Array, Array]:
        """Adds to ``gradients``; returns those by ``h`` and by the memory.

        Args:
            d_moves: ``(B, S, T, T)``, by what the softmax of the moves is taken of.
            d_logits: ``(B, S, T, K)``, by what that of the symbols is.
        """
        W, _, U, D, G, _ = self.own(params).values()
        dW, du, dU, dD, dG, db = self.own(gradients).values()
        V, _ = readout.own(params).values()
        dV, dc = readout.own(gradients).values()
        hb, (m, keys, _, _) = turned(h), places
        (B, S, H), T = hb.shape, m.shape[1]
        flat, z = d_logits.reshape(-1, len(V)), walks.z.reshape(-1, H)
        dV += flat.T @ z
        dc += flat.sum(axis=0)
        dz = ((flat @ V) * (1 - z * z)).reshape(B, S, T, H)
        by_step, by_place = dz.sum(axis=2), dz.sum(axis=1)  # (B, S, H), (B, T, H)
        dD += by_step.reshape(-1, H).T @ hb.reshape(-1, H)
        dG += by_place.reshape(-1, H).T @ m.reshape(B * T, -1)
        db += by_step.sum(axis=(0, 1))
        dh, dm = by_step @ D, by_place @ G
        d_scores = d_moves.sum(axis=2)  # (B, S, T)
        dh += d_scores @ keys
        d_keys = d_scores.transpose(0, 2, 1) @ hb
        dW += d_keys.reshape(-1, H).T @ m.reshape(B * T, -1)
        dm += d_keys @ W
        jumps, backwards = _jumps(T)
        ahead = ~backwards
        d_jumps = np.zeros((B, S, len(U)), h.dtype)
        for k in range(len(U)):
            d_jumps[..., k] = d_moves[:, :, ahead & (jumps == k)].sum(axis=2)
        du += d_jumps.sum(axis=(0, 1))
        dU += d_jumps.reshape(-1, len(U)).T @ hb.reshape(-1, H)
        dh += d_jumps @ U
        return turned(dh), turned(dm)


def _jumps(T: int) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """``(T, T)``: which jump leads from i to j, and where it would lead back."""
    ahead = np.arange(T) - np.arange(T)[:, None]
    return np.clip(ahead, 0, len(JUMPS) - 1), ahead < 0


def start(texts: int, places: int, dtype: np.dtype[np.floating]) -> Array:
    """``(B, T)``: where walks begin, at the first place."""
    alpha = np.zeros((texts, places), dtype)
    alpha[:, 0] = 1
    return alpha


def forwards(moves: Array, written: Array, ends: Lengths) -> tuple[Array, Array]:
    """The forward algorithm.

    Args:
        moves: ``(B, S, T, T)``.
        written: ``(B, S, T)``, the probability of the target's symbol at each place.
        ends: ``(B,)``, steps of each target.

    Returns:
        ``(B, S+1, T)``, where a walk is before each step and after the last, given what was written until then; and ``(B, S)``, the probability of
        each symbol given those before it, 1 beyond a target's end.
    """
    B, S, T, _ = moves.shape
    alpha, likely = np.empty((B, S + 1, T), moves.dtype), np.ones((B, S), moves.dtype)
    alpha[:, 0] = start(B, T, moves.dtype)
    for t in range(S):
        going = t < ends
        after = (alpha[:, t, None] @ moves[:, t])[:, 0] * written[:, t]
        total = np.maximum(after.sum(axis=1), TINY)
        likely[going, t] = total[going]
        alpha[:, t + 1] = np.where(going[:, None], after / total[:, None], alpha[:, t])
    return alpha, likely


def posteriors(moves: Array, written: Array, ends: Lengths, alpha: Array, likely: Array) -> Array:
    """``(B, S, T, T)``: how likely each move of each step is, given the whole target; 0 beyond its end (the backward algorithm)."""
    B, S, T, _ = moves.shape
    found, beta = np.zeros_like(moves), np.ones((B, T), moves.dtype)
    for t in reversed(range(S)):
        going = (t < ends)[:, None]
        onward = written[:, t] * beta / likely[:, t, None]
        found[:, t] = alpha[:, t, :, None] * moves[:, t] * onward[:, None] * going[..., None]
        beta = np.where(going, (moves[:, t] @ onward[..., None])[..., 0], beta)
    return found


def of_symbols(p: Array, targets: Ids) -> Array:
    """``(B, S, T)``: what ``(B, S, T, K)`` has of the symbols ``(S, B)`` of some targets."""
    return np.take_along_axis(p, targets.T[:, :, None, None], axis=3)[..., 0]
