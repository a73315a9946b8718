"""The optimiser: the equations of ``nn/blocks.py`` as loops over blocks of flat vectors, which LLVM turns into vectors by itself.

All numbers that are given have the arrays' type, so that nothing is widened on the way.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from charrnn.nn.compiled.vectors import compiled
from charrnn.nn.parameters import Array

_LANES = 1024  # sums of squares side by side, and how many numbers are taken through a tree at once


@compiled
def _add(total: Array, part: Array) -> None:
    for k in range(len(total)):
        total[k] += part[k]


@compiled
def _add_squares(total: Array, part: Array) -> None:
    for k in range(len(part)):
        total[k] += part[k] * part[k]


@compiled
def sum_parts(parts: Array, tree: Array, start: int, stop: int) -> Any:
    """Of columns from start to stop: add row ``tree[p, 1]`` to row ``tree[p, 0]`` for each p; row 0's sum of squares."""
    lanes = np.zeros(_LANES, parts.dtype)
    for left in range(start, stop, _LANES):
        right = min(left + _LANES, stop)
        for p in range(len(tree)):
            _add(parts[tree[p, 0], left:right], parts[tree[p, 1], left:right])
        _add_squares(lanes, parts[0, left:right])
    half = _LANES // 2
    while half:
        _add(lanes[:half], lanes[half : 2 * half])
        half //= 2
    return lanes[0]


@compiled
def _changed(g: Any, w: Any, factor: Any, limit: Any, pull: Any) -> Any:
    g *= factor
    if g > limit:
        g = limit
    if g < -limit:
        g = -limit
    return g + pull * w


@compiled
def adam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    average: Array | None,
    factor: Any,
    limit: Any,
    pull: Any,
    keep: Any,
    share: Any,
    alpha: Any,
    beta: Any,
    gamma: Any,
    correction: Any,
    epsilon: Any,
    rate: Any,
) -> None:
    for k in range(len(w)):
        g_k = _changed(g[k], w[k], factor, limit, pull)
        m_k = m[k] + alpha * (g_k - m[k])
        v_k = beta * v[k] + gamma * (g_k * g_k)
        w_k = keep * w[k] - rate * (m_k / (correction * math.sqrt(v_k) + epsilon))
        m[k], v[k], w[k] = m_k, v_k, w_k
        if average is not None:  # decided when it is compiled
            average[k] += share * (w_k - average[k])


@compiled
def scaled(
    w: Array,
    g: Array,
    v: Array,
    average: Array | None,
    factor: Any,
    limit: Any,
    pull: Any,
    keep: Any,
    share: Any,
    beta: Any,
    gamma: Any,
    epsilon: Any,
    rate: Any,
) -> None:
    for k in range(len(w)):
        g_k = _changed(g[k], w[k], factor, limit, pull)
        v_k = beta * v[k] + gamma * (g_k * g_k)
        w_k = keep * w[k] - rate * (g_k / (math.sqrt(v_k) + epsilon))
        v[k], w[k] = v_k, w_k
        if average is not None:
            average[k] += share * (w_k - average[k])


@compiled
def momentum(
    w: Array,
    g: Array,
    m: Array,
    average: Array | None,
    factor: Any,
    limit: Any,
    pull: Any,
    keep: Any,
    share: Any,
    mu: Any,
    rate: Any,
) -> None:
    for k in range(len(w)):
        m_k = mu * m[k] + _changed(g[k], w[k], factor, limit, pull)
        w_k = keep * w[k] - rate * m_k
        m[k], w[k] = m_k, w_k
        if average is not None:
            average[k] += share * (w_k - average[k])
