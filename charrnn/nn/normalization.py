"""Layer normalisation of what a gate's nonlinearity is taken of (Ba, Kiros, Hinton, arXiv 1607.06450, equations 3 and 4).

Of a gate with H units, *a* is the sum that comes to it from the input and from the state, of one text at one step:

    μ = mean(a),   s = sqrt(mean((a - μ)²) + ε),   â = (a - μ) / s,   p = γ ∘ â + b

and σ or tanh is taken of p. Means go over the H units, and nothing else: not over texts, not over steps, and not over the
other gates. So a text is read as it would be alone, and what a gate is taken of neither grows nor shrinks with W and
U. There is no b before, since p has one. Going back,

    δâ = γ ∘ δp,   δa = (δâ - mean(δâ) - â ∘ mean(δâ ∘ â)) / s,   δγ = Σ δp ∘ â,   δb = Σ δp

with sums over all steps and texts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from charrnn.nn.parameters import Array, Own
from charrnn.nn.workspace import Workspace

Normalize = Callable[[Array, int], None]
"""Lets the sums of some gates become what σ and tanh are taken of, as a call of :class:`Normalization` does."""

EPSILON = 1e-5
"""Keeps a gate whose units all have one sum from dividing by zero."""


class Normalization:
    """That of all gates of a layer, or of some of them that lie one after the other.

    Args:
        own: The layer's parameters, with ``gain``, γ, and ``b``, each ``(n*H,)``.
    """

    def __init__(self, own: Own, hidden_size: int) -> None:
        self._gain = own["gain"].reshape(-1, hidden_size, 1)
        self._bias = own["b"].reshape(-1, hidden_size, 1)
        # A product with it is a mean, in fewer and quicker calls.
        self._mean = np.full((1, 1, hidden_size), 1 / hidden_size, self._gain.dtype)
        self._epsilon = np.array(EPSILON, self._gain.dtype)

    def __call__(self, a: Array, first: int) -> None:
        """Let a become p.

        Args:
            a: ``(m*H, B)``, of m gates; overwritten, and so C-contiguous.
            first: Which gate of the layer is the first of them.
        """
        a = self._by_gate(a)
        self._standardize_(a)
        self._scale_(a, first)

    def _by_gate(self, a: Array) -> Array:
        (_, H, _), (rows, B) = self._gain.shape, a.shape
        return a.reshape(rows // H, H, B)

    def _standardize_(self, a: Array) -> Array:
        """Let a, ``(m, H, B)``, become â; returns s, ``(m, 1, B)``."""
        np.subtract(a, np.matmul(self._mean, a), a)
        s: Array = np.matmul(self._mean, a * a)
        np.add(s, self._epsilon, s)
        np.sqrt(s, s)
        np.divide(a, s, a)
        return s

    def _scale_(self, a: Array, first: int) -> None:
        gates = slice(first, first + len(a))
        a *= self._gain[gates]
        a += self._bias[gates]


class KeptNormalization(Normalization):
    """That of a chunk, which is kept for the way back.

    Args:
        workspace: Has room for ``normal``, all â ``(T, n, H, B)``, and for ``deviation``, s ``(T, n, 1, B)``.
    """

    def __init__(
        self, own: Own, hidden_size: int, workspace: Workspace, steps: int, batch: int
    ) -> None:
        super().__init__(own, hidden_size)
        rows = len(self._gain)
        self._normal = workspace.array("normal", steps, rows, hidden_size, batch)
        self._deviation = workspace.array("deviation", steps, rows, 1, batch)

    def forward(self, t: int, a: Array, first: int) -> None:
        """The same as a call of :class:`Normalization`, at a step of the chunk."""
        a = self._by_gate(a)
        gates = slice(first, first + len(a))
        self._deviation[t, gates] = self._standardize_(a)
        self._normal[t, gates] = a
        self._scale_(a, first)

    def backward(self, t: int, d: Array, gradients: Own, first: int = 0) -> None:
        """Let δp become δa, and add to the gradients by γ and b.

        Args:
            d: ``(m, H, B)``, of m gates from the first one on; overwritten.
        """
        gates = slice(first, first + len(d))
        normal, gain = self._normal[t, gates], self._gain
        d_gain, d_bias = (gradients[name].reshape(gain.shape[:2])[gates] for name in ("gain", "b"))
        d_bias += d.sum(axis=2)
        d_gain += (d * normal).sum(axis=2)
        d *= gain[gates]
        along = (d * normal).mean(axis=1, keepdims=True)
        d -= d.mean(axis=1, keepdims=True)
        d -= normal * along
        d /= self._deviation[t, gates]
