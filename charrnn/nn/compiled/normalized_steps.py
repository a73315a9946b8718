"""Writing with normalised cells: as :mod:`charrnn.nn.compiled.steps`, but that all products of a layer come before what follows from them.

``gain`` and ``bias`` have a row for each layer, and ``found`` one for each text, as in :mod:`charrnn.nn.compiled.normalized`.
"""

from __future__ import annotations

from charrnn.nn.compiled.activations import lstm_gates, relu, sigmoids, tanh
from charrnn.nn.compiled.normalized import add_beside, find, scaled
from charrnn.nn.compiled.steps import beside, multiply, read_out, take_place
from charrnn.nn.compiled.vectors import compiled, load, store, width
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array


@compiled
def step_lstm(
    H: int,
    gain: Array,
    bias: Array,
    found: Array,
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
            p = multiply(4, h, below, B, own - below + padded, P, p, z, j, padded)
        for r in range(B):
            add_beside(z, r, table, beside(ids, r, layer, table, L), 4 * padded)
            for gate in range(4):
                find(z, r, gate * padded, H, padded, found, r, gate, 4)
            for j in range(0, padded, V):
                i, f, o, g = lstm_gates(
                    scaled(z, r, j, found, r, 0, 4, gain, bias, layer),
                    scaled(z, r, padded + j, found, r, 1, 4, gain, bias, layer),
                    scaled(z, r, 2 * padded + j, found, r, 2, 4, gain, bias, layer),
                    scaled(z, r, 3 * padded + j, found, r, 3, 4, gain, bias, layer),
                )
                c_t = f * load(cells, r, own + j) + i * g
                store(cells, r, own + j, c_t)
                store(new, r, j, o * tanh(c_t))
        take_place(new, h, own, padded, B)
    read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@compiled
def step_gru(
    H: int,
    gain: Array,
    bias: Array,
    found: Array,
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
    """The same; the table's fourth block is d, U x is in the last three blocks of z, and u is in ``new`` for a while."""
    B, V, p = ids.size, width(h), 0
    for layer in range(L):
        own = layer * padded
        for j in range(0, padded, V):
            if layer:
                p = multiply(3, h, own - padded, B, padded, P, p, z, 3 * padded + j, padded)
            p = multiply(3, h, own, B, padded, P, p, z, j, padded)
        for text in range(B):
            row = beside(ids, text, layer, table, L)
            for j in range(0, padded, V):
                m = load(z, text, 2 * padded + j) + load(table, row, 3 * padded + j)
                store(z, text, 2 * padded + j, m)
            add_beside(z, text, table, row, 2 * padded)
            if layer:
                for j in range(0, 2 * padded, V):
                    store(z, text, j, load(z, text, j) + load(z, text, 3 * padded + j))
            find(z, text, 0, H, padded, found, text, 0, 3)
            find(z, text, padded, H, padded, found, text, 1, 3)
            for j in range(0, padded, V):
                r, u = sigmoids(
                    scaled(z, text, j, found, text, 0, 3, gain, bias, layer),
                    scaled(z, text, padded + j, found, text, 1, 3, gain, bias, layer),
                )
                z_n = load(table, row, 2 * padded + j)
                if layer:
                    z_n = z_n + load(z, text, 5 * padded + j)
                store(new, text, j, u)
                store(z, text, 2 * padded + j, z_n + r * load(z, text, 2 * padded + j))
            find(z, text, 2 * padded, H, padded, found, text, 2, 3)
            for j in range(0, padded, V):
                u, n = load(new, text, j), scaled(z, text, 2 * padded + j, found, text, 2, 3, gain, bias, layer)  # fmt: skip
                n = tanh(n)
                store(new, text, j, n + u * (load(h, text, own + j) - n))
        take_place(new, h, own, padded, B)
    read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@compiled
def step_rnn(
    rectified: bool,
    H: int,
    gain: Array,
    bias: Array,
    found: Array,
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
            vectors = (min(left + 4 * V, padded) - left) // V
            p = multiply(vectors, h, below, B, own - below + padded, P, p, new, left, V)
        for r in range(B):
            add_beside(new, r, table, beside(ids, r, layer, table, L), padded)
            find(new, r, 0, H, padded, found, r, 0, 1)
            for j in range(0, padded, V):
                a = scaled(new, r, j, found, r, 0, 1, gain, bias, layer)
                if rectified:
                    store(new, r, j, relu(a))
                else:
                    store(new, r, j, tanh(a))
        take_place(new, h, own, padded, B)
    read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)
