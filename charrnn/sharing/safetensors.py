"""The format safetensors: named arrays, and strings beside them (https://huggingface.co/docs/safetensors).

Eight bytes with the length of a header, the header as JSON, and the numbers, little-endian, one tensor after the other. As here
it is written, the same arrays and strings are the same bytes. A reader trusts nothing: of what a header says all has to fit
the file's length before memory is asked for.
"""

from __future__ import annotations

import json
import math
import os
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from charrnn.errors import CheckpointError, InputError
from charrnn.files.codec import parse
from charrnn.files.npz import one_line
from charrnn.files.whole import write_whole
from charrnn.nn.parameters import Array

LENGTH = struct.Struct("<Q")
MOST_HEADER = 1 << 23  # bytes; read as JSON it takes some thirty times as much
MOST_TENSORS = 1000  # of 64 layers that read from both ends there are 515
ALIGNMENT = 8  # of the first number, in bytes
TYPES = {"F32": "<f4", "F64": "<f8", "F16": "<f2", "BF16": "<u2"}
"""Those that are read, and what NumPy reads them as: it has no bfloat16, the upper half of a float32."""


def write_tensors(
    path: str | Path, tensors: Mapping[str, Array], metadata: Mapping[str, str]
) -> None:
    """Write float32 tensors, whole or not at all.

    Raises:
        CheckpointError: As :func:`charrnn.files.whole.write_whole`, or there are too many strings.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + 4 * tensor.size
        header[name] = {"dtype": "F32", "shape": [*tensor.shape], "data_offsets": [begin, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    if len(text) > MOST_HEADER:
        raise CheckpointError(
            f"{path}: cannot be written: its vocabulary and history are too long for the format; a .npz holds them"
        )

    def write(file: BinaryIO) -> None:
        file.write(LENGTH.pack(len(text)) + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor, "<f4").data)

    write_whole(path, write)


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors of a file as float32, and its strings.

    Raises:
        InputError: There is no such file.
        CheckpointError: It is not one of this format, damaged, or has numbers of another type or that are not finite.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # opened, it may wait or have no end
            raise InputError(f"{path}: is no file; name one that ends in .safetensors")
        with open(path, "rb") as file:
            return _read(file)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(f"{path}: cannot be read: {reason}") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _read(file: BinaryIO) -> tuple[dict[str, Array], dict[str, str]]:
    size = os.fstat(file.fileno()).st_size
    beginning = file.read(LENGTH.size)
    length = LENGTH.unpack(beginning)[0] if len(beginning) == LENGTH.size else size
    size -= LENGTH.size + length
    if size < 0 or length > MOST_HEADER:
        raise CheckpointError("not a safetensors file, or cut off")
    try:
        header = parse(file.read(length))
        metadata = _strings(header.pop("__metadata__", {}))
        if len(header) > MOST_TENSORS:
            raise CheckpointError(f"has {len(header):,} tensors, far more than a model")
        places = sorted((_place(name, said), name) for name, said in header.items())
        end = 0
        for ((begin, stop), _, _), name in places:
            if begin != end:
                raise ValueError(f"tensor {name[:100]!r} does not begin where the one before ends")
            end = stop
        if end != size:
            raise ValueError(f"its tensors take {end:,} bytes, and it has {size:,}")
    except CheckpointError:
        raise
    except (MemoryError, OSError):
        raise
    except Exception as error:  # JSON of any shape raises errors of any kind
        raise CheckpointError(f"damaged: {one_line(error)}") from None
    tensors = {}
    for ((begin, stop), kind, shape), name in places:
        tensors[name] = _numbers(name, file.read(stop - begin), kind).reshape(shape)
    return {name: tensors[name] for name in header}, metadata


def _strings(found: Any) -> dict[str, str]:
    if type(found) is not dict or not all(type(value) is str for value in found.values()):
        raise ValueError("__metadata__ must be an object of strings")
    return found


def _place(name: str, said: Any) -> tuple[tuple[int, int], str, tuple[int, ...]]:
    """Where a tensor's bytes are, its type and its shape."""
    named = f"tensor {name[:100]!r}"
    if type(said) is not dict or said.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{named} must have dtype, shape and data_offsets")
    kind, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if type(kind) is not str or kind not in TYPES:
        raise CheckpointError(
            f"{named} is of {str(kind)[:20]!r}; what can be read is {', '.join(TYPES)}"
        )
    for numbers in (shape, offsets):
        if type(numbers) is not list or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"{named} must have whole numbers in shape and data_offsets")
    begin, end = offsets
    if len(shape) > 8 or end - begin != math.prod(shape) * np.dtype(TYPES[kind]).itemsize:
        raise ValueError(f"{named} has not as many bytes as its shape asks for")
    return (begin, end), kind, tuple(shape)


def _numbers(name: str, data: bytes, kind: str) -> Array:
    """A tensor's bytes as float32, flat."""
    found = np.frombuffer(data, TYPES[kind])
    if kind == "BF16":
        found = (found.astype("<u4") << 16).view("<f4")
    with np.errstate(over="ignore", invalid="ignore"):  # what is too large is told below
        numbers = found.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise CheckpointError(f"not all numbers of tensor {name[:100]!r} are finite in float32")
    return numbers
