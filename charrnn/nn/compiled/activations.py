"""tanh and σ of vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from charrnn.nn.compiled.vectors import compiled, intrinsic, like, where_below

# tanh(x) / x as P(x²) / Q(x²) for |x| ≤ 9, beyond which tanh rounds to 1: the best fit by relative
# error, 2.1e-8, found by least squares, reweighted until the error is level. In float32 a result is
# within 5e-7.
_P0, _P1, _P2, _P3, _P4 = (
    np.float32(p)
    for p in (9.99999980e-01, 1.33809811e-01, 3.49553450e-03, 2.06081842e-05, 1.33534124e-08)
)
_Q1, _Q2, _Q3, _Q4 = (
    np.float32(q) for q in (4.67142968e-01, 2.58767800e-02, 3.28554627e-04, 7.77604687e-07)
)
# The same for σ(x) - 1/2 = tanh(x/2) / 2: to multiply with powers of two rounds nothing.
_R0, _R1, _R2, _R3, _R4 = (
    p * np.float32(4.0**-k) for k, p in enumerate((_P0, _P1, _P2, _P3, _P4), 1)
)
_S1, _S2, _S3, _S4 = (q * np.float32(4.0**-k) for k, q in enumerate((_Q1, _Q2, _Q3, _Q4), 1))
_HALF, _ONE, _NINE, _EIGHTEEN = (np.float32(number) for number in (0.5, 1, 9, 18))


@compiled
def _clamped(x: Any, limit: Any) -> Any:
    """Within ± the limit, except what is no number."""
    high, low = like(x, limit), like(x, -limit)
    x = where_below(x, low, low, x)
    return where_below(high, x, high, x)


@compiled
def relu(x: Any) -> Any:
    """max(x, 0), except what is no number."""
    return where_below(x, like(x, 0), like(x, 0), x)


@compiled
def _tanh_fraction(x: Any) -> tuple[Any, Any]:
    """Numerator and denominator."""
    x = _clamped(x, _NINE)
    y = x * x
    P = (((_P4 * y + _P3) * y + _P2) * y + _P1) * y + _P0
    return x * P, (((_Q4 * y + _Q3) * y + _Q2) * y + _Q1) * y + _ONE


@compiled
def _sigmoid_fraction(x: Any) -> tuple[Any, Any]:
    """Numerator and denominator of σ(x) - 1/2."""
    x = _clamped(x, _EIGHTEEN)
    y = x * x
    P = (((_R4 * y + _R3) * y + _R2) * y + _R1) * y + _R0
    return x * P, (((_S4 * y + _S3) * y + _S2) * y + _S1) * y + _ONE


@intrinsic
def _library_tanh(_typing: Any, x: Any) -> Any:
    """The library's tanh, number by number."""

    def codegen(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one = types.float64(types.float64)
        (result,) = arguments
        for lane in range(result.type.count):
            place = ir.Constant(ir.IntType(32), lane)
            number = builder.extract_element(result, place)
            number = context.compile_internal(builder, lambda x: math.tanh(x), one, [number])
            result = builder.insert_element(result, number, place)
        return result

    return x(x), codegen


def tanh(x: Any) -> Any:
    """tanh of a vector: a name for compiled code, to which Numba gives the body for the type."""
    raise TypeError("compiled code alone can call it")


@overload(tanh)
def _tanh_by_type(x: Any) -> Callable[[Any], Any]:
    def quick(x: Any) -> Any:
        P, Q = _tanh_fraction(x)
        return P / Q

    def exact(x: Any) -> Any:
        return _library_tanh(x)

    return quick if x.dtype == types.float32 else exact


def sigmoids(x: Any, y: Any) -> Any:
    """Sigmoids of two vectors, at the cost of one division: a name, as :func:`tanh` is."""
    raise TypeError("compiled code alone can call it")


@overload(sigmoids)
def _sigmoids_by_type(x: Any, y: Any) -> Callable[[Any, Any], Any]:
    def quick(x: Any, y: Any) -> Any:
        (P, Q), (R, S) = _sigmoid_fraction(x), _sigmoid_fraction(y)
        one = _ONE / (Q * S)
        return _HALF + P * (one * S), _HALF + R * (one * Q)

    def exact(x: Any, y: Any) -> Any:
        return _HALF + _HALF * tanh(_HALF * x), _HALF + _HALF * tanh(_HALF * y)

    return quick if x.dtype == types.float32 else exact


def lstm_gates(i: Any, f: Any, o: Any, g: Any) -> Any:
    """Three sigmoids and a tanh, with one division."""
    raise TypeError("compiled code alone can call it")


@overload(lstm_gates)
def _lstm_gates_by_type(i: Any, f: Any, o: Any, g: Any) -> Callable[[Any, Any, Any, Any], Any]:
    def quick(i: Any, f: Any, o: Any, g: Any) -> Any:
        (Pi, Qi), (Pf, Qf) = _sigmoid_fraction(i), _sigmoid_fraction(f)
        (Po, Qo), (Pg, Qg) = _sigmoid_fraction(o), _tanh_fraction(g)
        Qif, Qog = Qi * Qf, Qo * Qg
        one = _ONE / (Qif * Qog)
        by_if, by_og = one * Qog, one * Qif
        i, f = _HALF + Pi * (by_if * Qf), _HALF + Pf * (by_if * Qi)
        return i, f, _HALF + Po * (by_og * Qg), Pg * (by_og * Qo)

    def exact(i: Any, f: Any, o: Any, g: Any) -> Any:
        i, f = sigmoids(i, f)
        o, _ = sigmoids(o, o)
        return i, f, o, tanh(g)

    return quick if i.dtype == types.float32 else exact
