"""Products of few rows, through a tile of fused multiply-adds; and the packing of what is on their right.

A recurrence's products are small, and a BLAS packs the same weights anew at each time step. Here they are
packed once into *panels*, up to four vectors of columns that lie together; a tile multiplies all of them at once, or with
AVX2 half of four. It sums over k in order, so neither its size nor how
rows are split changes a bit.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

from charrnn.nn.compiled.vectors import (
    REGISTERS,
    address_of,
    compiled,
    intrinsic,
    llvm_type,
    load,
    spread,
    store,
    width,
)
from charrnn.nn.parameters import Array

MOST_VECTORS = 4  # of a panel, side by side: the gates of an LSTM
MOST_ROWS = (6, 6, 6, 6) if REGISTERS == 32 else (6, 6, 4)
"""Of a tile of one vector, of two, and so on: the sums leave registers for the operands."""


def make_tile(rows: int, vectors: int, panel: int) -> Any:
    """``C[c + r, column + v * step …] (+)= Σ_k A[a + r, k] P[p + k, v]`` for so many rows and vectors.

    The vectors lie side by side in a panel of so many.

    All sums are in registers. Meanwhile what is needed next, at ``ahead``, is on its way from the outer cache, a vector
    for each k.
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
            kind, align = llvm_type(a_type.dtype), a_type.dtype.bitwidth // 8
            int8, int32, int64 = (ir.IntType(bits) for bits in (8, 32, 64))
            zero, V = ir.Constant(int64, 0), ir.Constant(int64, kind.count)
            add_, mul = builder.add, builder.mul

            def at(array_type: Any, array: Any, row: Any, column: Any) -> Any:
                address = address_of(context, builder, array_type, array, row, column)
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
                first = add_(p, mul(k, ir.Constant(int64, panel * kind.count)))
                factors = [
                    builder.load(at(p_type, P, zero, add_(first, mul(v, V))), align=align)
                    for v in numbers[:vectors]
                ]
                totals = iter(sums)
                for r in numbers[:rows]:
                    number = builder.load(address_of(context, builder, a_type, A, add_(a, r), k))
                    x = spread(builder, number, kind)
                    for factor in factors:
                        total = next(totals)
                        builder.store(builder.call(fma, [x, factor, builder.load(total)]), total)
            for total, place in zip(sums, out, strict=True):
                builder.store(builder.load(total), place, align=align)
            return context.get_dummy_value()

        return types.void(A, size, P, size, size, C, size, size, size, size, types.boolean), codegen

    return tile


def _panel_product_of(vectors: int) -> Any:
    """The tiles of all heights, for panels of one width, by the height."""
    across = vectors if vectors <= len(MOST_ROWS) else vectors // 2
    most = MOST_ROWS[across - 1]
    t1, t2, t3, t4, t5, t6 = (make_tile(min(r, most), across, vectors) for r in range(1, 7))

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
        V = width(A)
        pieces = (rows + most - 1) // most
        for piece in range(pieces):
            first = piece * rows // pieces
            height = (piece + 1) * rows // pieces - first
            x, y = a + first, c + first
            for left in range(0, vectors, across):
                q, place = p + left * V, column + left * step
                far = ahead + (piece * (vectors // across) + left // across) * K * V
                if height == 6:
                    t6(A, x, P, q, far, C, y, place, step, K, add)
                elif height == 5:
                    t5(A, x, P, q, far, C, y, place, step, K, add)
                elif height == 4:
                    t4(A, x, P, q, far, C, y, place, step, K, add)
                elif height == 3:
                    t3(A, x, P, q, far, C, y, place, step, K, add)
                elif height == 2:
                    t2(A, x, P, q, far, C, y, place, step, K, add)
                else:
                    t1(A, x, P, q, far, C, y, place, step, K, add)

    # Compiled code is linked by this name and its order in the process that compiled it: of functions with one
    # name, in files from different processes, one would be taken for the other.
    panel.__qualname__ = f"panel_of_{vectors}"
    return compiled(panel, kept=False)


panel_product1, panel_product2, panel_product3, panel_product4 = (
    _panel_product_of(v) for v in range(1, 5)
)


@partial(compiled, kept=False)
def panel_product(
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
        panel_product4(A, a, rows, P, p, ahead, C, c, column, step, K, add)
    elif vectors == 3:
        panel_product3(A, a, rows, P, p, ahead, C, c, column, step, K, add)
    elif vectors == 2:
        panel_product2(A, a, rows, P, p, ahead, C, c, column, step, K, add)
    else:
        panel_product1(A, a, rows, P, p, ahead, C, c, column, step, K, add)


@compiled
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


@compiled
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
        whole, wide = inside // V * V, (inside + V - 1) // V * V
        for block in range(M.shape[0] // rows):
            for k in range(block * rows, (block + 1) * rows):
                for v in range(0, whole, V):
                    store(P, 0, at + v, load(M, k, first + v))
                for v in range(whole, wide):
                    P[0, at + v] = M[k, first + v] if v < inside else 0
                at += wide
            for _ in range((padded - rows) * wide):
                P[0, at] = 0
                at += 1
