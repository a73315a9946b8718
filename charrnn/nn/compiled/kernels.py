"""Whole chunks of a layer's recurrence, forwards and backwards, each one compiled call that holds no lock.

A recurrence's products are small, and a BLAS packs the same weights anew at each time step. Here they are
packed once a chunk into *panels*, the columns that a :func:`tile` multiplies at once, and what follows
a product, the gates and states of those units, is computed while the panel's results are in the cache.

Arrays are matrices with a row for each step and stream, ``(T*B, width)``: vectors run along hidden units, so
any batch fills them. H is padded to whole vectors in the weights; the rows are longer still by a vector,
because lengths that are a power of two make cache lines collide. Of *h* and *c* there is a step more,
the first being the incoming state. Of a row of *n* gates, each has its H numbers side by side, as in W.

All compiled code is in this file: Numba's cache on disk looks only at the time stamp of the file in which a function is.
Vectors and the tile are LLVM's own, written through Numba's ``intrinsic``. A tile sums over k in
order, so neither its size nor how rows are split changes a bit.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, overload, register_model

from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array

# A product and a sum may be rounded once instead of twice, which changes nothing from run to run. No
# other liberty is taken, so NaN stays NaN.
_compile = njit(nogil=True, cache=True, error_model="numpy")
_FLAGS = ("contract",)

intrinsic: Any = (
    numba_intrinsic  # who calls one leaves out its first argument, which mypy cannot know
)


def _vectors() -> tuple[int, int]:
    """Bytes of a vector, and how many vectors the processor holds, by the features Numba compiles for."""
    triple, _, listed = cpu_target.target_context.codegen().magic_tuple()
    features = listed.split(",")
    if "+avx512f" in features:
        return 64, 32
    if "+fma" in features and "+avx2" in features:
        return 32, 16
    if triple.startswith(("aarch64", "arm64")):
        return 16, 32
    raise ImportError("a processor without fused multiply-add")


BYTES, _REGISTERS = _vectors()
MOST_VECTORS = 4  # of a tile, side by side: the gates of an LSTM
MOST_ROWS = (
    6 if _REGISTERS == 32 else 3
)  # so that 4 vectors of sums for each leave room for operands


# Vectors of numbers, as a type of compiled code.


class Vector(types.Type):
    """As many numbers of one type as the processor takes at a time."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


def _llvm_type(dtype: Any) -> ir.VectorType:
    number, size = (ir.FloatType(), 4) if dtype == types.float32 else (ir.DoubleType(), 8)
    return ir.VectorType(number, BYTES // size)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, _llvm_type(vector.dtype))


def _address(context: Any, builder: Any, array_type: Any, array: Any, row: Any, column: Any) -> Any:
    """Where ``array[row, column]`` is, of a C-contiguous matrix."""
    made = context.make_array(array_type)(context, builder, array)
    _, width = cgutils.unpack_tuple(builder, made.shape)
    return builder.gep(made.data, [builder.add(builder.mul(row, width), column)])


def _spread(builder: Any, number: Any, kind: ir.VectorType) -> Any:
    """A vector of one number, over and over."""
    undefined, zero = ir.Constant(kind, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(undefined, number, zero)
    mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(one, undefined, mask)


@intrinsic
def width(_typing: Any, array: Any) -> Any:
    """How many of the array's numbers a vector has; compiled code knows it as a constant."""

    def codegen(_context: Any, _builder: Any, signature: Any, _arguments: Any) -> Any:
        return ir.Constant(ir.IntType(64), _llvm_type(signature.args[0].dtype).count)

    return types.intp(array), codegen


@intrinsic
def load(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """The vector that begins at ``array[row, column]``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, kind = signature.args[0], _llvm_type(signature.args[0].dtype)
        address = _address(context, builder, array_type, *arguments)
        number = array_type.dtype.bitwidth // 8
        return builder.load(builder.bitcast(address, kind.as_pointer()), align=number)

    return Vector(array.dtype)(array, types.intp, types.intp), codegen


@intrinsic
def store(_typing: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """Put a vector there."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, kind = signature.args[0], _llvm_type(signature.args[0].dtype)
        address = _address(context, builder, array_type, *arguments[:3])
        number = array_type.dtype.bitwidth // 8
        builder.store(arguments[3], builder.bitcast(address, kind.as_pointer()), align=number)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, vector), codegen


def _operation(function: Any, name: str) -> None:
    """``+ - * /`` of two vectors, or of a vector and a number."""

    @intrinsic
    def compute(_typing: Any, x: Any, y: Any) -> Any:
        vector = x if isinstance(x, Vector) else y

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = _llvm_type(vector.dtype)
            x, y = (
                value
                if isinstance(given, Vector)
                else _spread(builder, context.cast(builder, value, given, vector.dtype), kind)
                for given, value in zip(signature.args, arguments, strict=True)
            )
            return getattr(builder, name)(x, y, flags=_FLAGS)

        return vector(x, y), codegen

    @overload(function)
    def typed(x: Any, y: Any) -> Callable[[Any, Any], Any] | None:
        def operate(x: Any, y: Any) -> Any:
            return compute(x, y)

        operate.__qualname__ = name  # see _make_panel_product
        return operate if isinstance(x, Vector) or isinstance(y, Vector) else None


for _function, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operation(_function, _name)


@intrinsic
def where_below(_typing: Any, x: Any, limit: Any, yes: Any, no: Any) -> Any:
    """``yes`` where ``x < limit``, else ``no``: so where x is no number."""

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, limit, yes, no = arguments
        return builder.select(builder.fcmp_ordered("<", x, limit), yes, no)

    return x(x, x, x, x), codegen


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


@intrinsic
def like(_typing: Any, x: Any, number: Any) -> Any:
    """A vector like x, of one number over and over."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(builder, arguments[1], signature.args[1], x.dtype)
        return _spread(builder, number, _llvm_type(x.dtype))

    return x(x, number), codegen


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


@_compile
def _clamped(x: Any, limit: Any) -> Any:
    """Within ± the limit, except what is no number."""
    high, low = like(x, limit), like(x, -limit)
    x = where_below(x, low, low, x)
    return where_below(high, x, high, x)


@_compile
def _tanh_fraction(x: Any) -> tuple[Any, Any]:
    """Numerator and denominator."""
    x = _clamped(x, _NINE)
    y = x * x
    P = (((_P4 * y + _P3) * y + _P2) * y + _P1) * y + _P0
    return x * P, (((_Q4 * y + _Q3) * y + _Q2) * y + _Q1) * y + _ONE


@_compile
def _sigmoid_fraction(x: Any) -> tuple[Any, Any]:
    """Numerator and denominator of σ(x) - 1/2."""
    x = _clamped(x, _EIGHTEEN)
    y = x * x
    P = (((_R4 * y + _R3) * y + _R2) * y + _R1) * y + _R0
    return x * P, (((_S4 * y + _S3) * y + _S2) * y + _S1) * y + _ONE


def tanh(x: Any) -> Any:
    """tanh of a vector: a name for compiled code, to which Numba gives the body for the type."""
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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


# Products.


def _make_tile(rows: int, vectors: int) -> Any:
    """``C[c + r, column + v * step …] (+)= Σ_k A[a + r, k] P[p + k, v]`` for so many rows and vectors.

    All sums are in registers. Meanwhile the panel that is needed next, at ``ahead``, is on its way from the
    outer cache, a cache line for each k.
    """

    @intrinsic
    def tile(
        _typing: Any, A: Any, a: Any, P: Any, p: Any, ahead: Any, C: Any, c: Any, column: Any,
        step: Any, K: Any, add: Any,
    ) -> Any:  # fmt: skip
        size = types.intp

        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            A, a, P, p, ahead, C, c, column, step, K, add = arguments
            a_type, p_type, c_type = (signature.args[n] for n in (0, 2, 5))
            kind, align = _llvm_type(a_type.dtype), a_type.dtype.bitwidth // 8
            int8, int32, int64 = (ir.IntType(bits) for bits in (8, 32, 64))
            zero, V = ir.Constant(int64, 0), ir.Constant(int64, kind.count)
            add_, mul = builder.add, builder.mul

            def at(array_type: Any, array: Any, row: Any, column: Any) -> Any:
                address = _address(context, builder, array_type, array, row, column)
                return builder.bitcast(address, kind.as_pointer())

            def declared(result: Any, parameters: list[Any], name: str) -> Any:
                signature = ir.FunctionType(result, parameters)
                return cgutils.get_or_insert_function(builder.module, signature, name)

            fma = declared(kind, [kind] * 3, f"llvm.fma.v{kind.count}f{8 * align}")
            prefetch = declared(
                ir.VoidType(), [int8.as_pointer(), int32, int32, int32], "llvm.prefetch.p0"
            )
            reading, outer, data = (ir.Constant(int32, n) for n in (0, 2, 1))

            numbers = [ir.Constant(int64, n) for n in range(max(rows, vectors))]
            out = [
                at(c_type, C, add_(c, r), add_(column, mul(step, v)))
                for r in numbers[:rows]
                for v in numbers[:vectors]
            ]
            nothing = ir.Constant(kind, [0.0] * kind.count)
            sums = [cgutils.alloca_once_value(builder, nothing) for _ in out]  # LLVM's registers
            with builder.if_then(add):
                for total, place in zip(sums, out, strict=True):
                    builder.store(builder.load(place, align=align), total)
            with cgutils.for_range(builder, K) as loop:
                k = loop.index
                soon = at(p_type, P, zero, add_(ahead, mul(k, V)))
                line = builder.bitcast(soon, int8.as_pointer())
                builder.call(prefetch, [line, reading, outer, data])
                first = add_(p, mul(k, ir.Constant(int64, vectors * kind.count)))
                factors = [
                    builder.load(at(p_type, P, zero, add_(first, mul(v, V))), align=align)
                    for v in numbers[:vectors]
                ]
                totals = iter(sums)
                for r in numbers[:rows]:
                    number = builder.load(_address(context, builder, a_type, A, add_(a, r), k))
                    x = _spread(builder, number, kind)
                    for factor in factors:
                        total = next(totals)
                        builder.store(builder.call(fma, [x, factor, builder.load(total)]), total)
            for total, place in zip(sums, out, strict=True):
                builder.store(builder.load(total), place, align=align)
            return context.get_dummy_value()

        return types.void(A, size, P, size, size, C, size, size, size, size, types.boolean), codegen

    return tile


def _make_panel_product(vectors: int) -> Any:
    """The tiles of all heights, for panels of one width, by the height."""
    t1, t2, t3, t4, t5, t6 = (_make_tile(min(r, MOST_ROWS), vectors) for r in range(1, 7))

    def panel(
        A: Array,
        a: int,
        rows: int,
        P: Array,
        p: int,
        ahead: int,
        C: Array,
        c: int,
        column: int,
        step: int,
        K: int,
        add: bool,
    ) -> None:
        pieces = (rows + MOST_ROWS - 1) // MOST_ROWS
        for piece in range(pieces):
            first = piece * rows // pieces
            height = (piece + 1) * rows // pieces - first
            x, y, far = a + first, c + first, ahead + piece * K * width(A)
            if height == 6:
                t6(A, x, P, p, far, C, y, column, step, K, add)
            elif height == 5:
                t5(A, x, P, p, far, C, y, column, step, K, add)
            elif height == 4:
                t4(A, x, P, p, far, C, y, column, step, K, add)
            elif height == 3:
                t3(A, x, P, p, far, C, y, column, step, K, add)
            elif height == 2:
                t2(A, x, P, p, far, C, y, column, step, K, add)
            else:
                t1(A, x, P, p, far, C, y, column, step, K, add)

    # Compiled code is linked by this name and its order in the process that compiled it: of functions with one
    # name, in files from different processes, one would be taken for the other.
    panel.__qualname__ = f"panel_of_{vectors}"
    return _compile(panel)


_panel1, _panel2, _panel3, _panel4 = (_make_panel_product(v) for v in range(1, 5))


@_compile
def _panel(
    vectors: int,
    A: Array,
    a: int,
    rows: int,
    P: Array,
    p: int,
    ahead: int,
    C: Array,
    c: int,
    column: int,
    step: int,
    K: int,
    add: bool,
) -> None:
    """``C[c + r, column + v * step …] (+)= A[a + r, :K] P`` for all rows r and the panel's vectors v."""
    if vectors == 4:
        _panel4(A, a, rows, P, p, ahead, C, c, column, step, K, add)
    elif vectors == 3:
        _panel3(A, a, rows, P, p, ahead, C, c, column, step, K, add)
    elif vectors == 2:
        _panel2(A, a, rows, P, p, ahead, C, c, column, step, K, add)
    else:
        _panel1(A, a, rows, P, p, ahead, C, c, column, step, K, add)


@_compile
def pack_gates(W: Array, H: int, padded: int, P: Array) -> None:
    """W as panels for ``W h``: one vector of units each, all gates side by side.

    Args:
        W: ``(n*H, H)``.
        P: ``(1, n * padded * H)``, to fill.
    """
    n, V = W.shape[0] // H, width(W)
    at = 0
    for first in range(0, padded, V):
        for k in range(H):
            for gate in range(n):
                for v in range(V):
                    P[0, at + v] = W[gate * H + first + v, k] if first + v < H else 0
                at += V


@_compile
def pack_columns(M: Array, rows: int, padded: int, P: Array) -> None:
    """A matrix as panels of up to four vectors of its columns.

    Args:
        M: ``(n*rows, columns)``.
        padded: To how many rows each of the n blocks is filled up with zeros.
        P: ``(1, n * padded * columns)``, with as many columns as fill vectors.
    """
    V, columns = width(M), M.shape[1]
    at = 0
    for first in range(0, columns, 4 * V):
        inside = min(4 * V, columns - first)
        wide = (inside + V - 1) // V * V
        for block in range(M.shape[0] // rows):
            for k in range(padded):
                some = inside if k < rows else 0
                for v in range(some):
                    P[0, at + v] = M[block * rows + k, first + v]
                for v in range(some, wide):
                    P[0, at + v] = 0
                at += wide


@_compile
def _add_row(table: Array, row: int, column: int, vector: Any) -> None:
    store(table, row, column, load(table, row, column) + vector)


@_compile
def lstm_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    z: Array,
    h: Array,
    c: Array,
    tanh_c: Array,
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
            _panel4(h, first, B, P, j * 4 * H, ahead, z, first, j, padded, H, dense)
            for r in range(first, first + B):
                i, f, o, g = lstm_gates(
                    load(z, r, j) + load(x, ids[r], j),
                    load(z, r, padded + j) + load(x, ids[r], padded + j),
                    load(z, r, 2 * padded + j) + load(x, ids[r], 2 * padded + j),
                    load(z, r, 3 * padded + j) + load(x, ids[r], 3 * padded + j),
                )
                c_t = f * load(c, r, j) + i * g
                tanh_c_t = tanh(c_t)
                store(z, r, j, i)
                store(z, r, padded + j, f)
                store(z, r, 2 * padded + j, o)
                store(z, r, 3 * padded + j, g)
                store(c, r + B, j, c_t)
                store(tanh_c, r, j, tanh_c_t)
                store(h, r + B, j, o * tanh_c_t)


@_compile
def lstm_backward(
    P: Array,
    z: Array,
    c: Array,
    tanh_c: Array,
    dh: Array,
    dh_t: Array,
    dc_t: Array,
    dx: Array,
    ids: Array,
    T: int,
    B: int,
    padded: int,
) -> None:
    """From the gates in ``z`` to δz in their place."""
    V, K = width(z), 4 * padded
    for t in range(T - 1, -2, -1):
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            if t < T - 1:
                ahead = right % padded * K
                later = (t + 1) * B
                _panel(
                    (right - left) // V, z, later, B, P, left * K, ahead, dh_t, 0, left, V, K, False
                )
            if t < 0:
                continue
            for j in range(left, right, V):
                for q in range(B):
                    r = t * B + q
                    i, f = load(z, r, j), load(z, r, padded + j)
                    o, g = load(z, r, 2 * padded + j), load(z, r, 3 * padded + j)
                    tanh_c_t = load(tanh_c, r, j)
                    dh_q = load(dh_t, q, j) + load(dh, r, j)
                    dc_q = load(dc_t, q, j) + dh_q * o * (_ONE - tanh_c_t * tanh_c_t)
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


@_compile
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
            _panel3(h, first, B, P, j * 3 * H, ahead, y, first, j, padded, H, False)
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


@_compile
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
                _panel(
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


@_compile
def rnn_forward(
    P: Array,
    x: Array,
    ids: Array,
    dense: bool,
    relu: bool,
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
            _panel(
                (right - left) // V, h, first, B, P, left * H, ahead, z, first, left, V, H, dense
            )
            for j in range(left, right, V):
                for r in range(first, first + B):
                    z_t = load(z, r, j) + load(x, ids[r], j)
                    if relu:
                        store(h, r + B, j, where_below(z_t, like(z_t, 0), like(z_t, 0), z_t))
                    else:
                        store(h, r + B, j, tanh(z_t))


@_compile
def rnn_backward(
    P: Array,
    relu: bool,
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
                _panel(
                    (right - left) // V, z, later, B, P, left * K, ahead, dh_t, 0, left, V, K, False
                )
            if t < 0:
                continue
            for j in range(left, right, V):
                for q in range(B):
                    r = t * B + q
                    h_t, dh_q = load(h, r + B, j), load(dh_t, q, j) + load(dh, r, j)
                    if relu:
                        dz_t = where_below(like(h_t, 0), h_t, dh_q, like(h_t, 0))
                    else:
                        dz_t = dh_q * (_ONE - h_t * h_t)
                    store(z, r, j, dz_t)
                    _add_row(dx, ids[r], j, dz_t)


# The optimiser: the equations of nn/blocks.py as loops over blocks of flat vectors, which LLVM turns into vectors by
# itself. All numbers that are given have the arrays' type, so that nothing is widened on the way.

_LANES = 1024  # sums of squares side by side, and how many numbers are taken through a tree at once


@_compile
def _add(total: Array, part: Array) -> None:
    for k in range(len(total)):
        total[k] += part[k]


@_compile
def _add_squares(total: Array, part: Array) -> None:
    for k in range(len(part)):
        total[k] += part[k] * part[k]


@_compile
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


@_compile
def _changed(g: Any, w: Any, factor: Any, limit: Any, pull: Any) -> Any:
    g *= factor
    if g > limit:
        g = limit
    if g < -limit:
        g = -limit
    return g + pull * w


@_compile
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


@_compile
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


@_compile
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


# Writing: one step of all layers and the readout, for texts side by side. The products' left side is h of
# all layers in one row, [h_0 | h_1 | …], so that of each layer [x | h] lie side by side as they are. What a
# layer makes of it takes h's place when none of the layer's panels needs that any more. The panels of all
# products lie one after the other, in the order in which they are taken.

# Rows of a panel that stay in the innermost cache while all texts are multiplied with them.
_INNER = (1 << 15) // (MOST_VECTORS * BYTES)


@_compile
def _from_column(h: Array, column: int, B: int) -> Array:
    """B rows of h as they are from a column on; their ends are the beginnings of the next ones."""
    row = h.shape[1]
    rows: Array = h.reshape(h.size)[column : column + B * row].reshape((B, row))
    return rows


@_compile
def _multiply(
    vectors: int, h: Array, column: int, B: int, K: int, P: Array, p: int, C: Array, place: int
) -> int:
    """``C[:, place …] = h[:, column : column + K] P`` for so many vectors; returns where the next panel begins."""
    for k in range(0, K, _INNER):
        part = min(_INNER, K - k)
        ahead = p + part * vectors * width(h)
        x = _from_column(h, column + k, B)
        _panel(vectors, x, 0, B, P, p, ahead, C, 0, place, width(h), part, k > 0)
        p = ahead
    return p


@_compile
def _beside(ids: Ids, r: int, layer: int, table: Array, L: int) -> int:
    """The row of the table that goes to text r: its character's, and further up the layer's own."""
    characters = table.shape[0] - L + 1
    row: int = min(max(ids[r], 0), characters - 1) if layer == 0 else characters + layer - 1
    return row


@_compile
def _take_place(new: Array, h: Array, column: int, padded: int, B: int) -> None:
    for r in range(B):
        for j in range(0, padded, width(h)):
            store(h, r, column + j, load(new, r, j))


@_compile
def _read_out(
    P: Array, p: int, c: Array, h: Array, column: int, logits: Array, padded: int, B: int
) -> None:
    V = width(h)
    for left in range(0, c.shape[1], 4 * V):
        right = min(left + 4 * V, c.shape[1])
        p = _multiply((right - left) // V, h, column, B, padded, P, p, logits, left)
        for j in range(left, right, V):
            for r in range(B):
                store(logits, r, j, load(logits, r, j) + load(c, 0, j))


@_compile
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
            p = _multiply(4, h, below, B, own - below + padded, P, p, z, 0)
            for r in range(B):
                row = _beside(ids, r, layer, table, L)
                i, f, o, g = lstm_gates(
                    load(z, r, 0) + load(table, row, j),
                    load(z, r, V) + load(table, row, padded + j),
                    load(z, r, 2 * V) + load(table, row, 2 * padded + j),
                    load(z, r, 3 * V) + load(table, row, 3 * padded + j),
                )
                c_t = f * load(cells, r, own + j) + i * g
                store(cells, r, own + j, c_t)
                store(new, r, j, o * tanh(c_t))
        _take_place(new, h, own, padded, B)
    _read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@_compile
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
                p = _multiply(3, h, own - padded, B, padded, P, p, z, 3 * V)
            p = _multiply(3, h, own, B, padded, P, p, z, 0)
            for text in range(B):
                row = _beside(ids, text, layer, table, L)
                z_r, z_u = load(table, row, j), load(table, row, padded + j)
                z_n = load(table, row, 2 * padded + j)
                if layer:
                    z_r, z_u = z_r + load(z, text, 3 * V), z_u + load(z, text, 4 * V)
                    z_n = z_n + load(z, text, 5 * V)
                r, u = sigmoids(z_r + load(z, text, 0), z_u + load(z, text, V))
                n = tanh(z_n + r * (load(z, text, 2 * V) + load(table, row, 3 * padded + j)))
                store(new, text, j, n + u * (load(h, text, own + j) - n))
        _take_place(new, h, own, padded, B)
    _read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@_compile
def _step_rnn(
    relu: bool,
    P: Array,
    table: Array,
    ids: Ids,
    h: Array,
    new: Array,
    c: Array,
    logits: Array,
    L: int,
    padded: int,
) -> None:
    B, V, p = ids.size, width(h), 0
    for layer in range(L):
        below, own = max(layer - 1, 0) * padded, layer * padded
        for left in range(0, padded, 4 * V):
            right = min(left + 4 * V, padded)
            p = _multiply((right - left) // V, h, below, B, own - below + padded, P, p, new, left)
            for j in range(left, right, V):
                for r in range(B):
                    z_t = load(new, r, j) + load(table, _beside(ids, r, layer, table, L), j)
                    if relu:
                        store(new, r, j, where_below(z_t, like(z_t, 0), like(z_t, 0), z_t))
                    else:
                        store(new, r, j, tanh(z_t))
        _take_place(new, h, own, padded, B)
    _read_out(P, p, c, h, (L - 1) * padded, logits, padded, B)


@_compile
def step_rnn(
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
    """The same."""
    _step_rnn(False, P, table, ids, h, new, c, logits, L, padded)


@_compile
def step_relu_rnn(
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
    """The same."""
    _step_rnn(True, P, table, ids, h, new, c, logits, L, padded)
