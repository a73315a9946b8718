"""Vectors of numbers in compiled code: LLVM's own, written through Numba's ``intrinsic``.

Loops over them say what a processor does, where plain loops say what a compiler may make of them.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, overload, register_model

# Who calls one leaves out its first argument, which mypy cannot know.
intrinsic: Any = numba_intrinsic

_SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()[:8]

COMPILED: list[Any] = []
"""All that :func:`compiled` has made."""


def compiled(function: Any, *, kept: bool = True) -> Any:
    """Compile a function when it is called for the first time, and keep that on disk where there is a folder for it.

    Numba looks at the time stamp of the file in which the function is, though code of other ones is a part of
    it; so its name tells what is in all of this folder. No liberty is taken with numbers, so NaN stays NaN.

    A constant in a call has a type of its own for Numba, and a product that is called here with 0 and there with k would be
    compiled anew for each, seconds every time, to the same code: so in calls from kernels there are numbers only.

    Args:
        kept: Not where a function is called from kernels alone, whose files have it in them, and holds what Numba
            would find another in each process: it would never be found, and kept again and again.
    """
    function.__qualname__ += f"_{_SOURCES}"
    made: Any = njit(nogil=True, error_model="numpy")(function)
    template = made.get_call_template
    made.get_call_template = lambda given, named: template(
        tuple(types.unliteral(kind) for kind in given),
        {name: types.unliteral(kind) for name, kind in named.items()},
    )
    with suppress(RuntimeError):  # no folder can be written
        if kept:
            made.enable_caching()
    COMPILED.append(made)
    return made


# Of vectors a product and a sum may be rounded once instead of twice, which changes nothing from run to run.
_FLAGS = ("contract",)


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


BYTES, REGISTERS = _vectors()


class Vector(types.Type):
    """As many numbers of one type as the processor takes at a time."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


def llvm_type(dtype: Any) -> ir.VectorType:
    numbers = {types.float32: (ir.FloatType(), 4), types.float64: (ir.DoubleType(), 8)}
    if dtype not in numbers:
        raise TypeError(f"float32 or float64 is wanted, not {dtype}")
    number, size = numbers[dtype]
    return ir.VectorType(number, BYTES // size)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, llvm_type(vector.dtype))


def address_of(
    context: Any, builder: Any, array_type: Any, array: Any, row: Any, column: Any
) -> Any:
    """Where ``array[row, column]`` is, of a C-contiguous matrix.

    Raises:
        TypeError: It is none.
    """
    if (array_type.ndim, array_type.layout) != (2, "C"):
        raise TypeError(f"a C-contiguous matrix is wanted, not {array_type}")
    made = context.make_array(array_type)(context, builder, array)
    _, width = cgutils.unpack_tuple(builder, made.shape)
    return builder.gep(made.data, [builder.add(builder.mul(row, width), column)])


def spread(builder: Any, number: Any, kind: ir.VectorType) -> Any:
    """A vector of one number, over and over."""
    undefined, zero = ir.Constant(kind, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(undefined, number, zero)
    mask = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(one, undefined, mask)


@intrinsic
def width(_typing: Any, array: Any) -> Any:
    """How many of the array's numbers a vector has; compiled code knows it as a constant."""

    def codegen(_context: Any, _builder: Any, signature: Any, _arguments: Any) -> Any:
        return ir.Constant(ir.IntType(64), llvm_type(signature.args[0].dtype).count)

    return types.intp(array), codegen


@intrinsic
def load(_typing: Any, array: Any, row: Any, column: Any) -> Any:
    """The vector that begins at ``array[row, column]``."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, kind = signature.args[0], llvm_type(signature.args[0].dtype)
        address = address_of(context, builder, array_type, *arguments)
        number = array_type.dtype.bitwidth // 8
        return builder.load(builder.bitcast(address, kind.as_pointer()), align=number)

    return Vector(array.dtype)(array, types.intp, types.intp), codegen


@intrinsic
def store(_typing: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """Put a vector there."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array_type, kind = signature.args[0], llvm_type(signature.args[0].dtype)
        address = address_of(context, builder, array_type, *arguments[:3])
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
            kind = llvm_type(vector.dtype)
            x, y = (
                value
                if isinstance(given, Vector)
                else spread(builder, context.cast(builder, value, given, vector.dtype), kind)
                for given, value in zip(signature.args, arguments, strict=True)
            )
            return getattr(builder, name)(x, y, flags=_FLAGS)

        return vector(x, y), codegen

    @overload(function)
    def typed(x: Any, y: Any) -> Callable[[Any, Any], Any] | None:
        def operate(x: Any, y: Any) -> Any:
            return compute(x, y)

        operate.__qualname__ = name  # as in products.py
        return operate if isinstance(x, Vector) or isinstance(y, Vector) else None


for _function, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operation(_function, _name)


@intrinsic
def leading(_typing: Any, x: Any, count: Any) -> Any:
    """The first ``count`` numbers of a vector, and zeros."""

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, count = arguments
        kind = ir.VectorType(count.type, x.type.count)
        places = ir.Constant(kind, [*range(x.type.count)])
        inside = builder.icmp_signed("<", places, spread(builder, count, kind))
        return builder.select(inside, x, ir.Constant(x.type, [0.0] * x.type.count))

    return x(x, types.intp), codegen


@intrinsic
def total(_typing: Any, x: Any) -> Any:
    """The sum of a vector's numbers: of its halves, of the halves of that, and so on."""

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        (rest,) = arguments
        while rest.type.count > 1:
            half = rest.type.count // 2
            kind = ir.VectorType(ir.IntType(32), half)
            low, high = (
                builder.shuffle_vector(rest, rest, ir.Constant(kind, [*range(at, at + half)]))
                for at in (0, half)
            )
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return x.dtype(x), codegen


@intrinsic
def where_below(_typing: Any, x: Any, limit: Any, yes: Any, no: Any) -> Any:
    """``yes`` where ``x < limit``, else ``no``: so where x is no number."""

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        x, limit, yes, no = arguments
        return builder.select(builder.fcmp_ordered("<", x, limit), yes, no)

    return x(x, x, x, x), codegen


@intrinsic
def like(_typing: Any, x: Any, number: Any) -> Any:
    """A vector like x, of one number over and over."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = context.cast(builder, arguments[1], signature.args[1], x.dtype)
        return spread(builder, number, llvm_type(x.dtype))

    return x(x, number), codegen
