"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from charrnn.errors import CheckpointError
from charrnn.signals import Held

LONGEST = 200  # bytes of a name that more can be added to; systems take 255


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file such that at every moment the old one or the new one is there, whole.

    The new one has the mode of the old one and, where that is allowed, its owner and group.

    Args:
        write: Writes all of it into the open file.

    Raises:
        CheckpointError: The disk is full, the folder cannot be written, or what is there is read-only or no file.
    """
    old = replaceable(path)
    try:
        target = Path(os.path.realpath(path))
        # Nobody can foresee its name, and put something in its place.
        temporary = target.with_name(f"{beside(target)}{secrets.token_hex(4)}.tmp")
    except ValueError as error:
        raise _unwritable(path, error) from error
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=0o600 if old else 0o666)) as file:
            if old and sys.platform != "win32":
                with suppress(OSError):  # not of everybody's files
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
                with suppress(OSError):  # a file system without modes
                    os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode))
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with Held(), suppress(OSError):  # it is there only where something failed
            temporary.unlink()


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a page or a picture as :func:`write_whole`, and into a pipe or a device, which holds nothing that could be lost, as it is."""
    if os.path.isfile(path) or not os.path.exists(path):  # noqa: PTH110, PTH113 (any name)
        write_whole(path, lambda file: file.write(data))
        return
    try:
        with open(path, "wb") as file:
            file.write(data)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: str | Path, error: Exception) -> CheckpointError:
    reason = getattr(error, "strerror", None) or error
    return CheckpointError(f"{path}: cannot be written: {reason}")


def replaceable(path: str | Path) -> os.stat_result | None:
    """The state of a file that may be written anew; None where nothing has that name yet.

    Raises:
        CheckpointError: It is read-only, or a pipe, a device or such a thing, which would be gone.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 (any name)
    except (OSError, ValueError):  # what is wrong with a name, writing tells
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = "directory" if stat.S_ISDIR(found.st_mode) else "pipe or a device"
        raise CheckpointError(f"{path}: cannot be written: it is a {kind}; name a file")
    if not found.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise CheckpointError(
            f"{path}: cannot be written: it is read-only; see to its mode, or copy it"
        )
    return found


def beside(target: Path) -> str:
    """How the names of hidden files begin that belong to a file: as its own, or a hash of that where they would be too long."""
    name = os.fsencode(target.name)
    return f".{target.name if len(name) <= LONGEST else sha256(name).hexdigest()[:32]}."


def temporaries(path: str | Path) -> list[Path]:
    """What writers that were killed in the middle of a file have left beside it."""
    target = Path(os.path.realpath(path))
    of_this = re.compile(rf"{re.escape(beside(target))}\w+\.tmp")  # not of NAME.npz.OTHER.npz
    return [file for file in target.parent.iterdir() if of_this.fullmatch(file.name)]


def _sync_folder(folder: Path) -> None:
    """Make a rename outlast a power cut, where the system can do that for a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
