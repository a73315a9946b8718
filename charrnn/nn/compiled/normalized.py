"""The recurrences of :mod:`charrnn.nn.compiled.recurrences` with layer normalisation: the equations of :mod:`charrnn.nn.normalization`.

A gate's sum has to be known of all units before that of one can be normalised. So the products of a step come first, for all its texts,
and then what follows from them, text by text, going over the numbers of a gate more than once: they are in the cache.

Arrays are as there. ``z`` keeps the sums, and going back it becomes δz; the gates have an array of their own. A row of ``found`` has the
mean of each gate's sum, and then 1/s of each. ``gain`` and ``bias`` are matrices, with a row for a layer, whose numbers are in the order of z's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from charrnn.nn.compiled.activations import lstm_gates, relu, sigmoids, tanh
from charrnn.nn.compiled.products import panel_product, panel_product3, panel_product4
from charrnn.nn.compiled.vectors import (
    compiled,
    leading,
    like,
    load,
    store,
    total,
    where_below,
    width,
)
from charrnn.nn.lengths import Lengths
from charrnn.nn.normalization import EPSILON
from charrnn.nn.parameters import Array

_ONE = np.float32(1)


@compiled
def find(
    z: Array, row: int, first: int, H: int, padded: int, found: Array, place: int, at: int, n: int
) -> None:
    """Find mean and 1/s of a gate's sums, which begin at ``z[row, first]``; what fills them up is 0.

    Args:
        found: Takes them at ``found[place, at]`` and n numbers further.
    """
    V, last = width(z), first + padded - width(z)
    sums = load(z, row, last)
    for j in range(first, last, V):
        sums = sums + load(z, row, j)
    found[place, at] = total(sums) / H
    mean = found[place, at]  # as precise as it will be told
    off = leading(load(z, row, last) - mean, H - (padded - V))
    squares = off * off
    for j in range(first, last, V):
        off = load(z, row, j) - mean
        squares = squares + off * off
    found[place, at + n] = 1 / math.sqrt(total(squares) / H + EPSILON)


@compiled
def add_beside(z: Array, row: int, x: Array, below: int, size: int) -> None:
    """Add to so many numbers of a row what comes from below."""
    for j in range(0, size, width(z)):
        store(z, row, j, load(z, row, j) + load(x, below, j))


@compiled
def scaled(
    z: Array, row: int, column: int, found: Array, place: int, at: int, n: int, gain: Array, bias: Array, layer: int
) -> Any:  # fmt: skip
    """p of a vector of units."""
    normal = (load(z, row, column) - found[place, at]) * found[place, at + n]
    return load(gain, layer, column) * normal + load(bias, layer, column)


@compiled
def _add_row(table: Array, row: int, column: int, vector: Any) -> None:
    store(table, row, column, load(table, row, column) + vector)


@compiled
def go_back(
    dp: Array,
    place: int,
    column: int,
    z: Array,
    row: int,
    first: int,
    found: Array,
    at: int,
    n: int,
    gain: Array,
    d_gain: Array,
    d_bias: Array,
    H: int,
    padded: int,
) -> None:
    """From a gate's sums, which begin at ``z[row, first]``, to δz in their place; adds to the gradients by γ and b.

    Args:
        dp: Has δp, beginning at ``dp[place, column]``.
    """
    V, mean, inverse = width(z), found[row, at], found[row, at + n]
    sums = like(load(z, row, first), 0)
    along = sums
    for j in range(0, padded, V):
        normal, d = (load(z, row, first + j) - mean) * inverse, load(dp, place, column + j)
        _add_row(d_bias, 0, first + j, d)
        _add_row(d_gain, 0, first + j, d * normal)
        d = d * load(gain, 0, first + j)
        sums = sums + d
        along = along + d * normal
    by_mean, by_spread = total(sums) / H, total(along) / H
    for j in range(0, padded, V):
        normal = (load(z, row, first + j) - mean) * inverse
        d = load(dp, place, column + j) * load(gain, 0, first + j)
        store(z, row, first + j, (d - by_mean - normal * by_spread) * inverse)


@compiled
def lstm_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    gain: Array,
    bias: Array,
    z: Array,
    gates: Array,
    found: Array,
    h: Array,
    c: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """Fills ``gates``, and the states."""
    V = width(z)
    for t in range(T):
        first = t * B
        for j in range(0, padded, V):
            ahead = (j + V) % padded * 4 * H
            panel_product4(h, first, B, P, j * 4 * H, ahead, z, first, j, padded, H, dense)
        for r in range(first, first + B):
            if not dense:
                add_beside(z, r, x, ids[r], 4 * padded)
            for gate in range(4):
                find(z, r, gate * padded, H, padded, found, r, gate, 4)
            for j in range(0, padded, V):
                i, f, o, g = lstm_gates(
                    scaled(z, r, j, found, r, 0, 4, gain, bias, 0),
                    scaled(z, r, padded + j, found, r, 1, 4, gain, bias, 0),
                    scaled(z, r, 2 * padded + j, found, r, 2, 4, gain, bias, 0),
                    scaled(z, r, 3 * padded + j, found, r, 3, 4, gain, bias, 0),
                )
                c_t = f * load(c, r, j) + i * g
                store(gates, r, j, i)
                store(gates, r, padded + j, f)
                store(gates, r, 2 * padded + j, o)
                store(gates, r, 3 * padded + j, g)
                store(c, r + B, j, c_t)
                store(h, r + B, j, o * tanh(c_t))


@compiled
def lstm_backward(
    P: Array,
    gain: Array,
    z: Array,
    gates: Array,
    found: Array,
    c: Array,
    dh: Array,
    dh_t: Array,
    dc_t: Array,
    dc_end: Array,
    lengths: Lengths,
    dx: Array,
    ids: Array,
    dense: bool,
    d_gain: Array,
    d_bias: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """From the sums in ``z`` to δz; ``gates`` become δp. Else as without normalisation, but that dense input needs no ``dx``."""
    V, K = width(z), 4 * padded
    for t in range(T - 1, -2, -1):
        if t < T - 1:
            _back_through(z, (t + 1) * B, B, P, dh_t, K, padded, False)
        if t < 0:
            continue
        for q in range(B):
            r = t * B + q
            for j in range(0, padded, V):
                i, f = load(gates, r, j), load(gates, r, padded + j)
                o, g = load(gates, r, 2 * padded + j), load(gates, r, 3 * padded + j)
                tanh_c_t = tanh(load(c, r + B, j))  # as quick as to keep it
                dh_q = load(dh_t, q, j) + load(dh, r, j)
                dc_q = load(dc_t, q, j)
                if t + 1 == lengths[q]:
                    dc_q = dc_q + load(dc_end, q, j)
                dc_q = dc_q + dh_q * o * (_ONE - tanh_c_t * tanh_c_t)
                store(dc_t, q, j, dc_q * f)
                store(gates, r, j, dc_q * g * i * (_ONE - i))
                store(gates, r, padded + j, dc_q * load(c, r, j) * f * (_ONE - f))
                store(gates, r, 2 * padded + j, dh_q * tanh_c_t * o * (_ONE - o))
                store(gates, r, 3 * padded + j, dc_q * i * (_ONE - g * g))
            for gate in range(4):
                at = gate * padded
                go_back(gates, r, at, z, r, at, found, gate, 4, gain, d_gain, d_bias, H, padded)
            if not dense:
                add_beside(dx, ids[r], z, r, K)


@compiled
def _back_through(
    dy: Array, first: int, B: int, P: Array, dh_t: Array, K: int, padded: int, add: bool
) -> None:
    """``dh_t (+)= Wᵀ δy`` of the step whose rows begin there."""
    V = width(dy)
    for left in range(0, padded, 4 * V):
        right = min(left + 4 * V, padded)
        vectors, ahead = (right - left) // V, right % padded * K
        panel_product(vectors, dy, first, B, P, left * K, ahead, dh_t, 0, left, V, K, add)


@compiled
def gru_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    gain: Array,
    bias: Array,
    d: Array,
    z: Array,
    y: Array,
    found: Array,
    h: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """Fills h, and into ``y`` both gates, what is recalled, and the candidate."""
    V = width(z)
    for t in range(T):
        first = t * B
        for j in range(0, padded, V):
            ahead = (j + V) % padded * 3 * H
            panel_product3(h, first, B, P, j * 3 * H, ahead, y, first, j, padded, H, False)
        for row in range(first, first + B):
            for j in range(0, 2 * padded, V):
                a = load(y, row, j) + load(x, ids[row], j)
                if dense:
                    a = a + load(z, row, j)
                store(z, row, j, a)
            find(z, row, 0, H, padded, found, row, 0, 3)
            find(z, row, padded, H, padded, found, row, 1, 3)
            for j in range(0, padded, V):
                r, u = sigmoids(
                    scaled(z, row, j, found, row, 0, 3, gain, bias, 0),
                    scaled(z, row, padded + j, found, row, 1, 3, gain, bias, 0),
                )
                m = load(y, row, 2 * padded + j) + load(d, 0, j)
                a = load(x, ids[row], 2 * padded + j) + r * m
                if dense:
                    a = a + load(z, row, 2 * padded + j)
                store(z, row, 2 * padded + j, a)
                store(y, row, j, r)
                store(y, row, padded + j, u)
                store(y, row, 2 * padded + j, m)
            find(z, row, 2 * padded, H, padded, found, row, 2, 3)
            for j in range(0, padded, V):
                n = tanh(scaled(z, row, 2 * padded + j, found, row, 2, 3, gain, bias, 0))
                store(y, row, 3 * padded + j, n)
                store(h, row + B, j, n + load(y, row, padded + j) * (load(h, row, j) - n))


@compiled
def gru_backward(
    P: Array,
    gain: Array,
    z: Array,
    y: Array,
    found: Array,
    h: Array,
    dh: Array,
    dh_t: Array,
    dx: Array,
    ids: Array,
    dense: bool,
    dd: Array,
    d_gain: Array,
    d_bias: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """From the sums in ``z`` to δz, and to δy in ``y``."""
    V, K = width(z), 3 * padded
    for t in range(T - 1, -2, -1):
        if t < T - 1:
            _back_through(y, (t + 1) * B, B, P, dh_t, K, padded, True)
        if t < 0:
            continue
        for q in range(B):
            row = t * B + q
            for j in range(0, padded, V):
                u, n = load(y, row, padded + j), load(y, row, 3 * padded + j)
                dh_q = load(dh_t, q, j) + load(dh, row, j)
                store(dh_t, q, j, dh_q * u)
                store(y, row, padded + j, dh_q * (load(h, row, j) - n) * u * (_ONE - u))
                store(y, row, 3 * padded + j, dh_q * (_ONE - u) * (_ONE - n * n))
            go_back(
                y, row, 3 * padded, z, row, 2 * padded, found, 2, 3, gain, d_gain, d_bias, H, padded
            )
            for j in range(0, padded, V):
                r, m = load(y, row, j), load(y, row, 2 * padded + j)
                dm = load(z, row, 2 * padded + j) * r
                store(y, row, j, dm * m * (_ONE - r))
                store(y, row, 2 * padded + j, dm)
                _add_row(dd, 0, j, dm)
            for gate in range(2):
                at = gate * padded
                go_back(y, row, at, z, row, at, found, gate, 3, gain, d_gain, d_bias, H, padded)
            for j in range(0, 2 * padded, V):
                store(y, row, j, load(z, row, j))
            if not dense:
                add_beside(dx, ids[row], z, row, K)


@compiled
def rnn_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    rectified: bool,
    gain: Array,
    bias: Array,
    z: Array,
    found: Array,
    h: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """Fills h."""
    V = width(z)
    for t in range(T):
        first = t * B
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            vectors, ahead = (right - left) // V, right % padded * H
            panel_product(vectors, h, first, B, P, left * H, ahead, z, first, left, V, H, dense)
        for r in range(first, first + B):
            if not dense:
                add_beside(z, r, x, ids[r], padded)
            find(z, r, 0, H, padded, found, r, 0, 1)
            for j in range(0, padded, V):
                p = scaled(z, r, j, found, r, 0, 1, gain, bias, 0)
                if rectified:
                    store(h, r + B, j, relu(p))
                else:
                    store(h, r + B, j, tanh(p))


@compiled
def rnn_backward(
    P: Array,
    rectified: bool,
    gain: Array,
    z: Array,
    found: Array,
    h: Array,
    dh: Array,
    dh_t: Array,
    dx: Array,
    ids: Array,
    dense: bool,
    d_gain: Array,
    d_bias: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """From the sums in ``z`` to δz."""
    V, K = width(z), padded
    for t in range(T - 1, -2, -1):
        if t < T - 1:
            _back_through(z, (t + 1) * B, B, P, dh_t, K, padded, False)
        if t < 0:
            continue
        for q in range(B):
            r = t * B + q
            for j in range(0, padded, V):
                h_t, dh_q = load(h, r + B, j), load(dh_t, q, j) + load(dh, r, j)
                if rectified:
                    store(dh_t, q, j, where_below(like(h_t, 0), h_t, dh_q, like(h_t, 0)))
                else:
                    store(dh_t, q, j, dh_q * (_ONE - h_t * h_t))
            go_back(dh_t, q, 0, z, r, 0, found, 0, 1, gain, d_gain, d_bias, H, padded)
            if not dense:
                add_beside(dx, ids[r], z, r, K)
