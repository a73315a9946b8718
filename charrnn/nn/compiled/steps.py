"""Writing: one step of all layers and the readout, for texts side by side.

The products' left side is h of all layers in one row, [h_0 | h_1 | …], so that of each layer [x | h] lie side by side as
they are. What a layer makes of it takes h's place when none of the layer's panels needs that any more. The panels of all
products lie one after the other, in the order in which they are taken.
"""

from __future__ import annotations

from charrnn.nn.compiled.activations import lstm_gates, relu, sigmoids, tanh
from charrnn.nn.compiled.products import MOST_VECTORS, panel_product
from charrnn.nn.compiled.vectors import BYTES, compiled, load, store, width
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array

# Rows of a panel that stay in the innermost cache while all texts are multiplied with them.
_INNER = (1 << 15) // (MOST_VECTORS * BYTES)


@compiled
def _from_column(h: Array, column: int, B: int) -> Array:
    """B rows of h as they are from a column on; their ends are the beginnings of the next ones."""
    row = h.shape[1]
    rows: Array = h.reshape(h.size)[column : column + B * row].reshape((B, row))
    return rows


@compiled
def multiply(
    vectors: int,
    h: Array,
    column: int,
    B: int,
    K: int,
    P: Array,
    p: int,
    C: Array,
    place: int,
    step: int,
) -> int:
    """``C[:, place + v * step …] = h[:, column : column + K] P`` for so many vectors v; returns where the next panel begins."""
    for k in range(0, K, _INNER):
        part = min(_INNER, K - k)
        ahead = p + part * vectors * width(h)
        x = _from_column(h, column + k, B)
        panel_product(vectors, x, 0, B, P, p, ahead, C, 0, place, step, part, k > 0)
        p = ahead
    return p


@compiled
def beside(ids: Ids, r: int, layer: int, table: Array, L: int) -> int:
    """The row of the table that goes to text r: its character's, and further up the layer's own."""
    characters = table.shape[0] - L + 1
    row: int = min(max(ids[r], 0), characters - 1) if layer == 0 else characters + layer - 1
    return row


@compiled
def take_place(new: Array, h: Array, column: int, padded: int, B: int) -> None:
    for r in range(B):
        for j in range(0, padded, width(h)):
            store(h, r, column + j, load(new, r, j))


@compiled
def read_out(
    P: Array, p: int, c: Array, h: Array, column: int, logits: Array, padded: int, B: int
) -> None:
    V = width(h)
    for left in range(0, c.shape[1], 4 * V):
        right = min(left + 4 * V, c.shape[1])
        p = multiply((right - left) // V, h, column, B, padded, P, p, logits, left, V)
        for j in range(left, right, V):
            for r in range(B):
                store(logits, r, j, load(logits, r, j) + load(c, 0, j))


@compiled
def step_lstm(
    P: Array,
    table: Array,
    ids: Ids,
    h: Array,
    cells: Array,
    z: Array,
    new: Array,
    c: Array,
    logits: Array,
    L: int,
    padded: int,
) -> None:
    """A step; see :class:`charrnn.nn.compiled.stepper.CompiledStepper` for the arrays."""
    B, V, p = ids.size, width(h), 0
    for layer in range(L):
        below, own = max(layer - 1, 0) * padded, layer * padded
        for j in range(0, padded, V):
            p = multiply(4, h, below, B, own - below + padded, P, p, z, 0, V)
            for r in range(B):
                row = beside(ids, r, layer, table, L)
                i, f, o, g = lstm_gates(
                    load(z, r, 0) + load(table, row, j),
                    load(z, r, V) + load(table, row, padded + j),
                    load(z, r, 2 * V) + load(table, row, 2 * padded + j),
                    load(z, r, 3 * V) + load(table, row, 3 * padded + j),
                )
                c_t = f * load(cells, r, own + j) + i * g
                store(cells, r, own + j, c_t)
                store(new, r, j, o * tanh(c_t))
        take_place(new, h, own, padded, B)
    read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@compiled
def step_gru(
    P: Array,
    table: Array,
    ids: Ids,
    h: Array,
    cells: Array,
    z: Array,
    new: Array,
    c: Array,
    logits: Array,
    L: int,
    padded: int,
) -> None:
    """The same; the table's fourth block is d, and U x is in the last three vectors of z."""
    B, V, p = ids.size, width(h), 0
    for layer in range(L):
        own = layer * padded
        for j in range(0, padded, V):
            if layer:
                p = multiply(3, h, own - padded, B, padded, P, p, z, 3 * V, V)
            p = multiply(3, h, own, B, padded, P, p, z, 0, V)
            for text in range(B):
                row = beside(ids, text, layer, table, L)
                z_r, z_u = load(table, row, j), load(table, row, padded + j)
                z_n = load(table, row, 2 * padded + j)
                if layer:
                    z_r, z_u = z_r + load(z, text, 3 * V), z_u + load(z, text, 4 * V)
                    z_n = z_n + load(z, text, 5 * V)
                r, u = sigmoids(z_r + load(z, text, 0), z_u + load(z, text, V))
                n = tanh(z_n + r * (load(z, text, 2 * V) + load(table, row, 3 * padded + j)))
                store(new, text, j, n + u * (load(h, text, own + j) - n))
        take_place(new, h, own, padded, B)
    read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@compiled
def step_rnn(
    rectified: bool,
    P: Array,
    table: Array,
    ids: Ids,
    h: Array,
    cells: Array,
    z: Array,
    new: Array,
    c: Array,
    logits: Array,
    L: int,
    padded: int,
) -> None:
    """The same, with tanh or ReLU; it has neither cells nor z."""
    B, V, p = ids.size, width(h), 0
    for layer in range(L):
        below, own = max(layer - 1, 0) * padded, layer * padded
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            p = multiply((right - left) // V, h, below, B, own - below + padded, P, p, new, left, V)
            for j in range(left, right, V):
                for r in range(B):
                    z_t = load(new, r, j) + load(table, beside(ids, r, layer, table, L), j)
                    if rectified:
                        store(new, r, j, relu(z_t))
                    else:
                        store(new, r, j, tanh(z_t))
        take_place(new, h, own, padded, B)
    read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)
