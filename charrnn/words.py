"""Numbers, paths and names as words."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path


def duration(seconds: float) -> str:
    """``1:23`` or ``4:05:06``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, noun: str) -> str:
    """``1 step``, ``2,000 steps``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def percent(share: float) -> str:
    """``63 %``, ``0.4 %`` or ``<0.1 %``."""
    if 0 < share < 0.001:
        return "<0.1 %"
    return f"{100 * share:.{0 if share >= 0.1 or not share else 1}f} %"


def shortened(name: str, most: int = 200) -> str:
    """A name, and of a very long one both ends."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-most // 2 :]}"


def listed(names: Sequence[str], between: str = ", ", most: int = 8) -> str:
    """Names one after the other: of very many the first few."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return between.join(map(shortened, names[:most])) + more


def quoted(path: str | Path) -> str:
    """A path as a shell reads it, but for what a terminal could take for a command."""
    return printable(shlex.quote(str(path)))


def rejoined(path: str) -> str:
    """A path in UTF-8, whatever the locale made of its bytes."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """Text on one line, with nothing in it that a terminal could take for a command.

    Half of a surrogate pair stays: it stands for a byte of a path and goes out as it came in.
    """
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Cs" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def in_json(text: str, encoding: str) -> str:
    """A model's characters as JSON has them: bytes as UTF-8, those that are none as U+DC80 to U+DCFF."""
    return text if encoding == "utf-8" else text.encode(encoding).decode("utf-8", "surrogateescape")
