"""Element-wise functions and products that several layers share. A trailing ``_`` means in place.

Activations of a chunk are laid out ``(features, T, B)``: a matrix product over the whole chunk sees
them as ``(features, T*B)`` without a copy, see :func:`columns`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.lengths import Places
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Scratch, units_together

Ids = NDArray[np.integer[Any]]
"""Character numbers, ``(T, B)``."""


def _tanh_is_quick() -> bool:
    """Whether NumPy's float32 tanh is the better start of a sigmoid: not where it looks up tables with AVX2.

    With AVX-512 it is twice as quick as exp, with AVX2 half as quick. The choice follows from the
    processor, never from a measurement, so that the same machine always gives the same bits.

    Where a tanh is wanted it is NumPy's: 1 - 2 / (1 + exp(2x)) is somewhat quicker with AVX2, but has no
    digits left near 0, and what keeps them takes longer.
    """
    try:
        from numpy.lib.introspect import opt_func_info
    except ImportError:  # NumPy before 2.1
        return True
    kernel = opt_func_info("^tanh$", "float32").get("tanh", {}).get("ff", {}).get("current", "")
    return not any(name in kernel for name in ("X86_V3", "AVX2"))


_TANH_IS_QUICK = _tanh_is_quick()
_BLOCK = 16384  # numbers: 64 kB of float32
_FEW = 2048  # below so many numbers the calls cost more than what they compute: tanh is one call

# A call with a Python number takes twice as long to start as one with an array.
_HALF, _ONE = (np.array(number, np.float32) for number in (0.5, 1))


def sigmoid_(x: Array) -> None:
    """``x = 1 / (1 + exp(-x))``; where tanh is quicker, ``tanh(x/2)/2 + 1/2``."""
    if _TANH_IS_QUICK or x.size < _FEW:
        x *= _HALF
        np.tanh(x, out=x)
        x *= _HALF
        x += _HALF
    else:
        np.negative(x, out=x)
        with np.errstate(over="ignore"):  # the reciprocal of infinity is the right 0
            np.exp(x, out=x)
        x += _ONE
        np.reciprocal(x, out=x)


def gates_(a: Array, num_sigmoids: int) -> None:
    """Sigmoid of the first rows of ``a`` and tanh of the others, in as few passes as can be."""
    sigmoids, tanhs = a[:num_sigmoids], a[num_sigmoids:]
    if _TANH_IS_QUICK or a.size < _FEW:
        sigmoids *= _HALF
        np.tanh(a, out=a)
        sigmoids *= _HALF
        sigmoids += _HALF
    else:
        sigmoid_(sigmoids)
        np.tanh(tanhs, out=tanhs)


def blocks(steps: int, size: int) -> list[slice]:
    """Steps of ``size`` numbers each, in runs that are worth a call and still fit into the cache."""
    length = max(1, _BLOCK // max(1, size))
    return [slice(start, min(start + length, steps)) for start in range(0, steps, length)]


def columns(x: Array) -> Array:
    """View ``(features, T, B)`` as ``(features, T*B)``."""
    return x.reshape(x.shape[0], -1)


def turned(x: Array) -> Array:
    """``(H, S, B)`` as ``(B, S, H)``, where the products are of each text by itself, and back."""
    return np.ascontiguousarray(x.transpose(2, 1, 0))


def take_columns(x: Array, places: Places, out: Array) -> None:
    """``out[:, n] = x[:, places[n]]``, of matrices whose memory lies alike."""
    if units_together(x):
        out.T[...] = x.T[places]
    else:
        np.take(x, places, axis=1, out=out, mode="clip")


def add_product(gradient: Array, dz: Array, x: Array, scratch: Scratch) -> None:
    """``gradient += Σ dz xᵀ`` over all steps and streams, in one product.

    Shapes: ``(M, N)`` from ``(M, T, B)`` and ``(N, T, B)``.
    """
    with scratch:
        product = scratch.array(*gradient.shape)
        gradient += np.matmul(columns(dz), columns(x).T, out=product)


def gather_columns(table: Array, ids: Ids, out: Array) -> None:
    """``out[:, t, b] = table[:, ids[t, b]]``: the product with a one-hot vector, without it.

    Shapes: ``(M, T, B)`` from ``(M, K)`` and ``(T, B)``; ids are not checked to be in ``0 .. K-1``.
    """
    np.take(table, ids, axis=1, out=out, mode="clip")


def add_columns(gradient: Array, d: Array, ids: Ids, scratch: Scratch) -> None:
    """The gradient of :func:`gather_columns`: add each of ``d``'s columns to that of its character.

    Sorts the positions by character once, then adds up each run.
    """
    if not ids.size:
        return
    flat = ids.ravel()
    order = np.argsort(flat, kind="stable")
    present, starts = np.unique(flat[order], return_index=True)
    for rows in blocks(len(d), flat.size):
        part = columns(d[rows])
        with scratch:
            by_character = scratch.array(*part.shape)
            np.take(part, order, axis=1, out=by_character, mode="clip")
            gradient[rows, present] += np.add.reduceat(by_character, starts, axis=1)


def product(weights: Array, h: Array, out: Array) -> Callable[[], None]:
    """``out = weights @ h``, as a function to be called at each step."""
    if h.shape[1] == 1:
        # One text: a matrix times a vector is as quick as memory is, and columns are read in a row.
        weights = np.asfortranarray(weights)
    return partial(np.matmul, weights, h, out)


def affine(weights: Array, h: Array, bias: Array, out: Array) -> Callable[[], None]:
    """``out = weights @ h + bias``, as a function to be called at each step."""
    multiply, column = product(weights, h, out), np.repeat(bias[:, None], h.shape[1], axis=1)

    def step() -> None:
        multiply()
        np.add(out, column, out)

    return step
