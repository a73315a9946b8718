"""Encoded texts on disk, so that a corpus larger than memory can be trained on."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from charrnn.errors import CacheError

LEFT_BEHIND = 24 * 3600.0  # seconds after which nobody is still writing to a file


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


def stored(folder: Path, key: str, dtype: DTypeLike, size: int) -> NDArray[Any] | None:
    """A stored array ``(size,)``, memory-mapped and read-only; None if there is none of that size."""
    path = _path(folder, key)
    try:
        if path.stat().st_size != size * np.dtype(dtype).itemsize:
            return None
        # As a plain array: numpy.memmap makes every slice slow.
        return np.asarray(np.memmap(path, dtype, "r", shape=(size,)))
    except OSError:
        return None


def store(folder: Path, key: str, parts: Iterable[NDArray[Any]]) -> None:
    """Write an array under a key, whole or not at all.

    Each run writes to a file of its own and then gives it its name, so that runs that start at once
    do not meet, and a run that is killed leaves nothing that could be taken for the whole.

    Args:
        key: A hash of all that the array depends on; an array never has to be replaced.
        parts: The array, piece by piece.

    Raises:
        CacheError: The folder cannot be written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        descriptor, name = tempfile.mkstemp(".part", dir=folder)
        try:
            with open(descriptor, "wb") as file:
                for part in parts:
                    file.write(part.data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(_path(folder, key))
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        # Windows does not replace a file that another run has just made and reads.
        if not os.path.exists(_path(folder, key)):  # noqa: PTH110 (pathlib's may fail itself)
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


def _path(folder: Path, key: str) -> Path:
    return folder / f"{key}.ids"
