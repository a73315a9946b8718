"""What an optimiser does with a block of its flat vectors, a stretch that stays in a processor's cache.

A step takes two passes over memory: :meth:`Blocks.sum_parts`, after which the norm of the gradient is known, and an
update rule, which also clips, decays and averages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

BLOCK = 1 << 14  # numbers: a few such blocks of float32 fit into the L2 cache


@cache
def tree(count: int) -> NDArray[np.int64]:
    """How ``count`` parts become one sum: rows ``i, j`` that say, in order, to add part j to part i.

    It is a binary tree over the parts' numbers and depends on nothing else, so that where a part was computed changes
    no bit of the sum, which is part 0 in the end. Neighbours are added, 0 + 1, 2 + 3 and so on, then neighbours among
    these sums, and so on; one without a neighbour waits: ``((0 + 1) + (2 + 3)) + 4``.
    """
    pairs = []
    apart = 1
    while apart < count:
        pairs += [(i, i + apart) for i in range(0, count - apart, 2 * apart)]
        apart *= 2
    rows = np.array(pairs, np.int64).reshape(-1, 2)
    rows.flags.writeable = False  # all callers have the same one
    return rows


class Change(NamedTuple):
    """What comes before a rule, and after it.

    First ``g = clip(factor * g, ±limit) + pull * w`` and ``w *= keep``; in the end the averaged weights go this
    ``share`` of the way to the weights.
    """

    factor: float = 1.0
    limit: float = math.inf
    pull: float = 0.0
    keep: float = 1.0
    share: float = 0.0


class Blocks:
    """The work in NumPy. Its quick twin is :func:`charrnn.nn.compiled.compile_blocks`.

    All rules have the same arguments, of which the arrays are a block each: weights, gradient, the rule's running
    averages, averaged weights if there are any; all but the gradient are changed in place. A rule's ``numbers`` are
    named in its equations.
    """

    def sum_parts(self, parts: Array, block: slice) -> float:
        """Add up the parts' gradients, the rows of a matrix, by their :func:`tree`, into row 0; other rows change too.

        Returns:
            The sum's own sum of squares, not finite if one of its numbers is not.
        """
        rows = [part[block] for part in parts]
        for i, j in tree(len(parts)).tolist():
            rows[i] += rows[j]
        return float(np.dot(rows[0], rows[0]))

    def adam(
        self,
        w: Array,
        g: Array,
        slots: Sequence[Array],
        average: Array | None,
        change: Change,
        numbers: Sequence[float],
        workspace: Workspace,
    ) -> None:
        """``m += α (g - m)``, ``v = β v + γ g²``, ``w -= rate * m / (sqrt(v) * correction + ε)``."""
        (m, v), (alpha, beta, gamma, correction, epsilon, rate) = slots, numbers
        g, s, d = self._changed(w, g, change, workspace)
        m += np.multiply(np.subtract(g, m, out=s), alpha, out=s)
        v *= beta
        v += np.multiply(np.multiply(g, g, out=s), gamma, out=s)
        np.sqrt(v, out=d)
        d *= correction
        d += epsilon
        np.divide(m, d, out=s)
        s *= rate
        w -= s
        self._average(w, average, change, s)

    def scaled(
        self,
        w: Array,
        g: Array,
        slots: Sequence[Array],
        average: Array | None,
        change: Change,
        numbers: Sequence[float],
        workspace: Workspace,
    ) -> None:
        """``v = β v + γ g²``, ``w -= rate * g / (sqrt(v) + ε)``."""
        (v,), (beta, gamma, epsilon, rate) = slots, numbers
        g, s, d = self._changed(w, g, change, workspace)
        v *= beta
        v += np.multiply(np.multiply(g, g, out=s), gamma, out=s)
        np.sqrt(v, out=d)
        d += epsilon
        np.divide(g, d, out=s)
        s *= rate
        w -= s
        self._average(w, average, change, s)

    def momentum(
        self,
        w: Array,
        g: Array,
        slots: Sequence[Array],
        average: Array | None,
        change: Change,
        numbers: Sequence[float],
        workspace: Workspace,
    ) -> None:
        """``m = μ m + g``, ``w -= rate * m``."""
        (m,), (mu, rate) = slots, numbers
        g, s, _ = self._changed(w, g, change, workspace)
        m *= mu
        m += g
        w -= np.multiply(m, rate, out=s)
        self._average(w, average, change, s)

    @staticmethod
    def _changed(
        w: Array, g: Array, change: Change, workspace: Workspace
    ) -> tuple[Array, Array, Array]:
        """The gradient as the rule sees it, and room for two blocks."""
        changed, s, d = workspace.array("blocks", 3, BLOCK)[:, : w.size]
        if change.factor != 1:
            g = np.multiply(g, change.factor, out=changed)
        if change.limit < math.inf:
            g = np.clip(g, -change.limit, change.limit, out=changed)
        if change.pull:
            g = np.add(g, np.multiply(w, change.pull, out=s), out=changed)
        if change.keep != 1:
            w *= change.keep
        return g, s, d

    @staticmethod
    def _average(w: Array, average: Array | None, change: Change, s: Array) -> None:
        if average is not None:
            average += np.multiply(np.subtract(w, average, out=s), change.share, out=s)
