"""Protocol buffers, as much of them as it takes to write an ONNX file (https://protobuf.dev/programming-guides/encoding/).

A message is its fields, one after the other: each a number with the way it is written, and its value. Which number means what in
ONNX is in onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from charrnn.nn.parameters import Array

Value = int | str | bytes | Iterable["Value"]
FLOAT, INT32, INT64 = 1, 6, 7  # TensorProto.DataType
TYPES = {"float32": FLOAT, "int32": INT32, "int64": INT64}


def message(fields: Mapping[int, Value]) -> bytes:
    """A message: integers, strings, and messages that have been made of theirs; of several a field has each."""
    return b"".join(_field(number, value) for number, value in fields.items())


def _field(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return b"".join(_field(number, one) for one in value)


def _varint(number: int) -> bytes:
    """Seven bits in each byte, the lowest first; the eighth says that there are more."""
    number &= (1 << 64) - 1  # negative ones as two's complement
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


# What ONNX makes of it.


def tensor(name: str, array: Array) -> bytes:
    """TensorProto: an array with its name."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return message({1: array.shape, 2: TYPES[array.dtype.name], 8: name, 9: little.tobytes()})


def value(name: str, kind: int, shape: Iterable[int | str]) -> bytes:
    """ValueInfoProto: what goes in or comes out; a size that may differ has a name."""
    sizes = [message({2 if isinstance(size, str) else 1: size}) for size in shape]
    return message({1: name, 2: message({1: message({1: kind, 2: message({1: sizes})})})})


def node(
    kind: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    **attributes: int | str | list[int] | list[str],
) -> bytes:
    """NodeProto: an operator, what it reads and makes, and its attributes."""
    found = [_attribute(name, one) for name, one in attributes.items()]
    return message({1: inputs, 2: outputs, 4: kind, 5: found})


def _attribute(name: str, given: int | str | list[int] | list[str]) -> bytes:
    """AttributeProto: of each type of value the field it is in, and what the type is called."""
    if isinstance(given, int):
        return message({1: name, 3: given, 20: 2})
    if isinstance(given, str):
        return message({1: name, 4: given, 20: 3})
    if all(isinstance(one, int) for one in given):
        return message({1: name, 8: given, 20: 7})
    return message({1: name, 9: given, 20: 8})
