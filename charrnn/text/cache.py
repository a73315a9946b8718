"""Encoded texts on disk, so that a corpus larger than memory can be trained on."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import time
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from charrnn.errors import CacheError
from charrnn.signals import Held

BLOCK = 1 << 20  # bytes that are checked at once
LEFT_BEHIND = 24 * 3600.0  # seconds after which nobody is still writing to a file
# Through no link, and not waiting for the other end of a pipe; Windows has neither.
_NOT_ELSEWHERE = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def default_folder() -> Path:
    """Where the system keeps what programs can make again."""
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "charrnn"


class Stored:
    """A stored array that proved to be what was written, and its file, which must stay so.

    Attributes:
        ids: ``(size,)``, memory-mapped and read-only.
    """

    def __init__(self, descriptor: int, path: Path, dtype: DTypeLike, size: int) -> None:
        self._descriptor, self._path = descriptor, path
        weakref.finalize(self, os.close, descriptor)
        self._state = self._now()
        with open(descriptor, "rb", closefd=False) as file:
            digest = hashlib.sha256()
            while block := file.read(BLOCK):
                digest.update(block)
            if not path.stem.endswith(digest.hexdigest()):
                raise ValueError("not what its name says")
            # As a plain array: numpy.memmap makes every slice slow.
            self.ids: NDArray[Any] = np.asarray(np.memmap(file, dtype, "r", shape=(size,)))

    def require_unchanged(self) -> None:
        """Raise a CacheError if the file was written to: to read beyond its end would kill the process."""
        if self._now() != self._state:
            raise CacheError(
                f"{self._path}: the encoded corpus was changed while it was in use; "
                "start again, or go on from the last save with --resume"
            )

    def _now(self) -> tuple[int, int]:
        state = os.fstat(self._descriptor)
        return state.st_size, state.st_mtime_ns


def stored(folder: Path, key: str, dtype: DTypeLike, size: int) -> Stored | None:
    """The array that was stored under a key; None if there is none that can be trusted.

    That is a file that nobody else can have written, of the right size, with the hash that its name
    gives. One that is damaged is removed.
    """
    for path in folder.glob(f"{key}-*.ids"):
        try:
            descriptor = os.open(path, os.O_RDONLY | _NOT_ELSEWHERE)
        except OSError:
            continue
        try:
            state = os.fstat(descriptor)
            own = os.name != "posix" or (state.st_uid == os.geteuid() and not state.st_mode & 0o022)
            if not own or not stat.S_ISREG(state.st_mode):
                raise ValueError("not ours")
            if state.st_size != size * np.dtype(dtype).itemsize:
                raise ValueError("cut off")
        except ValueError:
            os.close(descriptor)
        else:
            with suppress(OSError, ValueError):
                return Stored(descriptor, path, dtype, size)
        with suppress(OSError):
            path.unlink()
    return None


def store(folder: Path, key: str, parts: Iterable[NDArray[Any]]) -> None:
    """Write an array under a key, whole or not at all, such that nobody else can write to it.

    Each run writes to a file of its own and then gives it its name, with the hash of what is in it, so
    that runs that start at once do not meet, and a run that is killed leaves nothing that could be taken
    for the whole.

    Args:
        key: A hash of all that the array depends on; an array never has to be replaced.
        parts: The array, piece by piece.

    Raises:
        CacheError: The folder cannot be written, or the disk is full.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(folder)
        digest = hashlib.sha256()
        descriptor, name = tempfile.mkstemp(".part", dir=folder)
        try:
            with open(descriptor, "wb") as file:
                for part in parts:
                    digest.update(part.data)
                    file.write(part.data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(folder / f"{key}-{digest.hexdigest()}.ids")
        finally:
            with Held():
                Path(name).unlink(missing_ok=True)
    except OSError as error:
        # Windows does not replace a file that another run has just made and reads.
        with suppress(OSError):
            if any(folder.glob(f"{key}-*.ids")):
                return
        raise CacheError(
            f"{folder}: a corpus of this size is encoded on disk, which failed: "
            f"{error.strerror or error}; choose another folder with --cache-dir"
        ) from None


def _clear(folder: Path) -> None:
    """Remove what runs that were killed left behind."""
    for path in folder.glob("*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_BEHIND:
                path.unlink()
