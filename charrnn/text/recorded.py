"""The files that a checkpoint names as its corpus, looked at before any of them is opened.

A checkpoint may come from a stranger, and its sources may name any file of the one who uses it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import PureWindowsPath

from charrnn.config import TextConfig

BYTE_ORDER_MARK = 3  # bytes
WIDEST = 12  # bytes that became one character: at most four of three bytes, composed
ON_WINDOWS = os.name == "nt"


def afar(name: str) -> bool:
    """Whether to ask for a path sends the user's name and a proof of the password to its host."""
    return ON_WINDOWS and PureWindowsPath(name).drive.startswith("\\\\")


def sizes(names: Iterable[str]) -> list[int] | None:
    """Bytes of each file; None if one is no regular file: it may never end, wait for ever, or do something."""
    names = list(names)
    try:
        if any(map(afar, names)) or not all(map(os.path.isfile, names)):
            return None
        return [os.stat(name).st_size for name in names]  # noqa: PTH116 (any name)
    except (OSError, ValueError):  # out of reach, too long for a name, or with a zero byte
        return None


def could_be(sizes: Sequence[int], characters: int, config: TextConfig) -> bool:
    """Whether files of so many bytes can hold a text of so many characters."""
    added = len(config.end) * (1 + len(sizes))  # ends of records, of which files may have none
    slack = BYTE_ORDER_MARK * len(sizes)
    return max(1, characters - added) <= sum(sizes) <= WIDEST * characters + slack
