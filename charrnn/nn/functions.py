"""Element-wise functions and products that several layers share. A trailing ``_`` means in place.

Activations of a chunk are laid out ``(features, T, B)``: a matrix product over the whole chunk sees
them as ``(features, T*B)`` without a copy, see :func:`columns`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

Ids = NDArray[np.integer[Any]]
"""Character numbers, ``(T, B)``."""


def sigmoid_(x: Array) -> None:
    """``x = 1 / (1 + exp(-x))``, as ``tanh(x/2)/2 + 1/2``, which cannot overflow."""
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5


def columns(x: Array) -> Array:
    """View ``(features, T, B)`` as ``(features, T*B)``."""
    return x.reshape(x.shape[0], -1)


def add_product(gradient: Array, dz: Array, x: Array, workspace: Workspace) -> None:
    """``gradient += dz @ x.T``, summed over all time steps and streams in one product.

    Args:
        gradient: ``(M, N)``, added to.
        dz: ``(M, T, B)``.
        x: ``(N, T, B)``.
    """
    product = workspace.array("product", *gradient.shape)
    gradient += np.matmul(columns(dz), columns(x).T, out=product)


def gather_columns(table: Array, ids: Ids, out: Array) -> None:
    """``out[:, t, b] = table[:, ids[t, b]]``: the product with a one-hot vector, without it.

    Args:
        table: ``(M, K)``.
        ids: ``(T, B)``, each in ``0 .. K-1`` (not checked).
        out: ``(M, T, B)``.
    """
    np.take(table, ids, axis=1, out=out, mode="clip")


def sum_columns(d: Array, ids: Ids, num_columns: int) -> Array:
    """The gradient of :func:`gather_columns`: a table whose column *k* sums ``d`` where ``ids == k``.

    Sorts the positions by character once, then adds up each run.

    Args:
        d: ``(M, T, B)``.
        ids: ``(T, B)``.
        num_columns: *K*.

    Returns:
        ``(M, K)``.
    """
    flat = ids.ravel()
    order = np.argsort(flat, kind="stable")
    present, starts = np.unique(flat[order], return_index=True)
    table = np.zeros((d.shape[0], num_columns), d.dtype)
    table[:, present] = np.add.reduceat(np.take(columns(d), order, axis=1), starts, axis=1)
    return table
