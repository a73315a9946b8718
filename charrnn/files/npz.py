"""Named arrays in a ``.npz`` file, written so that nothing is lost and read so that nothing is trusted.

A reader never unpickles, and checks every declared size against the file's own before it asks for
memory. Arrays are stored plainly: uncompressed, C order, little-endian, as ``numpy.savez`` does.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import zipfile
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charrnn.errors import CheckpointError, InputError
from charrnn.files.whole import write_whole
from charrnn.nn.parameters import Array

_LOCAL = struct.Struct(
    "<26xHH"
)  # before each array: the lengths of its name and of what is beside it
_END = struct.Struct("<4s16xH")  # behind the directory: a mark, and the length of a comment
_MAGIC, _BEGINNING = b"\x93NUMPY\x01\x00", struct.Struct("<8sH")  # and the length of the header
_DATE = (1980, 1, 1, 0, 0, 0)  # a fixed date: the same arrays are the same bytes


def write_arrays(path: str | Path, arrays: Mapping[str, Array]) -> None:
    """Write a file as :func:`charrnn.files.whole.write_whole` does.

    Raises:
        CheckpointError: The disk is full, the folder cannot be written, or what is there is read-only or no file.
    """

    def write(file: BinaryIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                entry = zipfile.ZipInfo(f"{name}.npy", _DATE)
                with archive.open(entry, "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.ascontiguousarray(array), (1, 0))

    write_whole(path, write)


class ArrayFile:
    """An open ``.npz`` file of plainly stored arrays; use it as a context manager.

    Raises:
        InputError: There is no such file.
        CheckpointError: It cannot be read, or is not such a file.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            kind = stat.S_IFMT(Path(path).stat().st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFDIR):  # opened, it may wait or have no end
                raise CheckpointError("not a charrnn checkpoint (it is a pipe or a device)")
            self._file = open(path, "rb")  # noqa: SIM115 (closed by __exit__)
        except FileNotFoundError:
            raise InputError(f"{path}: no such checkpoint") from None
        except IsADirectoryError:
            raise InputError(f"{path}: is a directory; name a checkpoint (.npz) in it") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(f"cannot be read: {reason}") from None

    def __enter__(self) -> ArrayFile:  # noqa: PYI034 (typing.Self is younger than Python 3.10)
        try:
            self._archive = zipfile.ZipFile(self._file)
            members = self._archive.infolist()
        except Exception:  # whatever the standard library makes of bytes without sense
            self._file.close()
            raise CheckpointError("not a charrnn checkpoint, or cut off") from None
        self._members = {member.filename: member for member in members}
        plain = all(
            member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
            for member in members
        )
        if not plain or len(self._members) < len(members) or not self._without_gaps(members):
            self._file.close()
            raise CheckpointError("not a charrnn checkpoint (its arrays are not stored plainly)")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._members

    def require(self, names: AbstractSet[str]) -> None:
        """Raise a CheckpointError unless the file has these arrays, and nothing else."""
        wanted, found = {f"{name}.npy" for name in names}, self._members.keys()
        for wrong, what in ((wanted - found, "is missing"), (found - wanted, "has no place in it")):
            if wrong:
                raise CheckpointError(f"array {min(wrong)[:100].removesuffix('.npy')!r} {what}")

    def _without_gaps(self, members: Sequence[zipfile.ZipInfo]) -> bool:
        """Whether the file is its arrays, one after the other, and their directory: nothing else at all."""
        end = 0
        for member in sorted(members, key=lambda member: member.header_offset):
            self._file.seek(end)
            header = self._file.read(_LOCAL.size)
            if member.header_offset != end or len(header) < _LOCAL.size:
                return False
            name, extra = _LOCAL.unpack(header)
            end += _LOCAL.size + name + extra + member.file_size
        self._file.seek(-_END.size, os.SEEK_END)
        mark, comment = _END.unpack(self._file.read())
        return end == self._archive.start_dir and mark == b"PK\x05\x06" and not comment

    def read(
        self, name: str, shape: tuple[int, ...] | None, dtype: type[np.generic] = np.float32
    ) -> Array:
        """An array of a known type, and of a known shape unless that is None.

        Raises:
            CheckpointError: It is missing, damaged, or of another type, shape or size.
        """
        member = self._members.get(f"{name}.npy")
        if member is None:
            raise CheckpointError(f"array {name!r} is missing")
        try:
            with self._archive.open(member) as stream:
                magic, length = _BEGINNING.unpack(stream.read(_BEGINNING.size))
                size, item = member.file_size - _BEGINNING.size - length, np.dtype(dtype)
                shape = (size // item.itemsize,) if shape is None else shape
                # Nobody has to understand a header that can be but one.
                right = f"{{'descr': '{item.str}', 'fortran_order': False, 'shape': {shape}, }}"
                header = stream.read(length).decode("latin-1").rstrip()
                if magic != _MAGIC or header != right or size != math.prod(shape) * item.itemsize:
                    raise ValueError(f"its header or size does not fit {item} {shape}")
                data = bytearray(stream.read())  # to the end: there the checksum is compared
            return np.frombuffer(data, item).reshape(shape)
        except MemoryError:
            raise
        except Exception as error:  # NumPy and the standard library raise many kinds here
            raise CheckpointError(f"array {name!r} is damaged: {one_line(error)}") from None


def one_line(error: Exception) -> str:
    """An error's message on one line, of a bearable length."""
    return " ".join(str(error).split())[:200]
