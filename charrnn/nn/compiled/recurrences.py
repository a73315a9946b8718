"""Whole chunks of a layer's recurrence, forwards and backwards, each one compiled call that holds no lock.

What follows a product, the gates and states of those units, is computed while the product's results are in the cache.

Arrays are matrices with a row for each step and stream, ``(T*B, width)``: vectors run along hidden units, so
any batch fills them. H is padded to whole vectors in the weights; the rows are longer still by a vector,
because lengths that are a power of two make cache lines collide. Of *h* and *c* there is a step more,
the first being the incoming state. Of a row of *n* gates, each has its padded H numbers side by side, in W's order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.nn.compiled.activations import lstm_gates, relu, sigmoids, tanh
from charrnn.nn.compiled.products import (
    panel_product,
    panel_product3,
    panel_product4,
)
from charrnn.nn.compiled.vectors import compiled, like, load, store, where_below, width
from charrnn.nn.lengths import Lengths
from charrnn.nn.parameters import Array

_ONE = np.float32(1)


@compiled
def _add_row(table: Array, row: int, column: int, vector: Any) -> None:
    store(table, row, column, load(table, row, column) + vector)


@compiled
def lstm_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    z: Array,
    h: Array,
    c: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """Fills the gates into ``z``, and the states."""
    V = width(z)
    for t in range(T):
        first = t * B
        for j in range(0, padded, V):
            ahead = (j + V) % padded * 4 * H
            panel_product4(h, first, B, P, j * 4 * H, ahead, z, first, j, padded, H, dense)
            for r in range(first, first + B):
                i, f, o, g = lstm_gates(
                    load(z, r, j) + load(x, ids[r], j),
                    load(z, r, padded + j) + load(x, ids[r], padded + j),
                    load(z, r, 2 * padded + j) + load(x, ids[r], 2 * padded + j),
                    load(z, r, 3 * padded + j) + load(x, ids[r], 3 * padded + j),
                )
                c_t = f * load(c, r, j) + i * g
                store(z, r, j, i)
                store(z, r, padded + j, f)
                store(z, r, 2 * padded + j, o)
                store(z, r, 3 * padded + j, g)
                store(c, r + B, j, c_t)
                store(h, r + B, j, o * tanh(c_t))


@compiled
def lstm_backward(
    P: Array,
    z: Array,
    c: Array,
    dh: Array,
    dh_t: Array,
    dc_t: Array,
    dc_end: Array,
    lengths: Lengths,
    dx: Array,
    ids: Array,
    T: int,
    B: int,
    padded: int,
) -> None:
    """From the gates in ``z`` to δz in their place.

    Args:
        dc_end: Gradient by c after a text's last step, added to ``dc_t`` there.
        lengths: Of the texts; with 0 nothing is added.
    """
    V, K = width(z), 4 * padded
    for t in range(T - 1, -2, -1):
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            if t < T - 1:
                ahead = right % padded * K
                later = (t + 1) * B
                panel_product(
                    (right - left) // V, z, later, B, P, left * K, ahead, dh_t, 0, left, V, K, False
                )
            if t < 0:
                continue
            for j in range(left, right, V):
                for q in range(B):
                    r = t * B + q
                    i, f = load(z, r, j), load(z, r, padded + j)
                    o, g = load(z, r, 2 * padded + j), load(z, r, 3 * padded + j)
                    tanh_c_t = tanh(load(c, r + B, j))  # as quick as to keep it
                    dh_q = load(dh_t, q, j) + load(dh, r, j)
                    dc_q = load(dc_t, q, j)
                    if t + 1 == lengths[q]:
                        dc_q = dc_q + load(dc_end, q, j)
                    dc_q = dc_q + dh_q * o * (_ONE - tanh_c_t * tanh_c_t)
                    dz_i = dc_q * g * i * (_ONE - i)
                    dz_f = dc_q * load(c, r, j) * f * (_ONE - f)
                    dz_o = dh_q * tanh_c_t * o * (_ONE - o)
                    dz_g = dc_q * i * (_ONE - g * g)
                    store(dc_t, q, j, dc_q * f)
                    store(z, r, j, dz_i)
                    store(z, r, padded + j, dz_f)
                    store(z, r, 2 * padded + j, dz_o)
                    store(z, r, 3 * padded + j, dz_g)
                    _add_row(dx, ids[r], j, dz_i)
                    _add_row(dx, ids[r], padded + j, dz_f)
                    _add_row(dx, ids[r], 2 * padded + j, dz_o)
                    _add_row(dx, ids[r], 3 * padded + j, dz_g)


@compiled
def gru_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    d: Array,
    z: Array,
    y: Array,
    h: Array,
    T: int,
    B: int,
    H: int,
    padded: int,
) -> None:
    """Fills the gates into ``z``, h, and W h into ``y``, the last third of which becomes what is recalled."""
    V = width(z)
    for t in range(T):
        first = t * B
        for j in range(0, padded, V):
            ahead = (j + V) % padded * 3 * H
            panel_product3(h, first, B, P, j * 3 * H, ahead, y, first, j, padded, H, False)
            d_j = load(d, 0, j)
            for row in range(first, first + B):
                z_r, z_u = load(x, ids[row], j), load(x, ids[row], padded + j)
                z_n = load(x, ids[row], 2 * padded + j)
                if dense:
                    z_r, z_u = z_r + load(z, row, j), z_u + load(z, row, padded + j)
                    z_n = z_n + load(z, row, 2 * padded + j)
                r, u = sigmoids(z_r + load(y, row, j), z_u + load(y, row, padded + j))
                m = load(y, row, 2 * padded + j) + d_j
                n = tanh(z_n + r * m)
                store(z, row, j, r)
                store(z, row, padded + j, u)
                store(z, row, 2 * padded + j, n)
                store(y, row, 2 * padded + j, m)
                store(h, row + B, j, n + u * (load(h, row, j) - n))


@compiled
def gru_backward(
    P: Array,
    z: Array,
    y: Array,
    h: Array,
    dh: Array,
    dh_t: Array,
    dx: Array,
    ids: Array,
    dd: Array,
    T: int,
    B: int,
    padded: int,
) -> None:
    """From the gates in ``z`` to δz in their place, and to δy in ``y``."""
    V, K = width(z), 3 * padded
    for t in range(T - 1, -2, -1):
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            if t < T - 1:
                ahead = right % padded * K
                later = (t + 1) * B
                panel_product(
                    (right - left) // V, y, later, B, P, left * K, ahead, dh_t, 0, left, V, K, True
                )
            if t < 0:
                continue
            for j in range(left, right, V):
                for q in range(B):
                    row = t * B + q
                    r, u = load(z, row, j), load(z, row, padded + j)
                    n, m = load(z, row, 2 * padded + j), load(y, row, 2 * padded + j)
                    dh_q = load(dh_t, q, j) + load(dh, row, j)
                    dz_n = dh_q * (_ONE - u) * (_ONE - n * n)
                    dm = dz_n * r
                    dz_r = dm * m * (_ONE - r)
                    dz_u = dh_q * (load(h, row, j) - n) * u * (_ONE - u)
                    store(dh_t, q, j, dh_q * u)
                    store(z, row, j, dz_r)
                    store(z, row, padded + j, dz_u)
                    store(z, row, 2 * padded + j, dz_n)
                    store(y, row, j, dz_r)
                    store(y, row, padded + j, dz_u)
                    store(y, row, 2 * padded + j, dm)
                    _add_row(dx, ids[row], j, dz_r)
                    _add_row(dx, ids[row], padded + j, dz_u)
                    _add_row(dx, ids[row], 2 * padded + j, dz_n)
                    _add_row(dd, 0, j, dm)


@compiled
def rnn_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    rectified: bool,
    z: Array,
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
            ahead = right % padded * H
            panel_product(
                (right - left) // V, h, first, B, P, left * H, ahead, z, first, left, V, H, dense
            )
            for j in range(left, right, V):
                for r in range(first, first + B):
                    z_t = load(z, r, j) + load(x, ids[r], j)
                    if rectified:
                        store(h, r + B, j, relu(z_t))
                    else:
                        store(h, r + B, j, tanh(z_t))


@compiled
def rnn_backward(
    P: Array,
    rectified: bool,
    z: Array,
    h: Array,
    dh: Array,
    dh_t: Array,
    dx: Array,
    ids: Array,
    T: int,
    B: int,
    padded: int,
) -> None:
    """Makes δz in ``z``."""
    V, K = width(z), padded
    for t in range(T - 1, -2, -1):
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            if t < T - 1:
                ahead = right % padded * K
                later = (t + 1) * B
                panel_product(
                    (right - left) // V, z, later, B, P, left * K, ahead, dh_t, 0, left, V, K, False
                )
            if t < 0:
                continue
            for j in range(left, right, V):
                for q in range(B):
                    r = t * B + q
                    h_t, dh_q = load(h, r + B, j), load(dh_t, q, j) + load(dh, r, j)
                    if rectified:
                        dz_t = where_below(like(h_t, 0), h_t, dh_q, like(h_t, 0))
                    else:
                        dz_t = dh_q * (_ONE - h_t * h_t)
                    store(z, r, j, dz_t)
                    _add_row(dx, ids[r], j, dz_t)
