"""Small things that several commands say."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from charrnn.text.source import DEFAULT_SOURCE


def duration(seconds: float) -> str:
    """``1:23`` or ``4:05:06``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def counted(number: int, noun: str) -> str:
    """``1 step``, ``2,000 steps``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def quoted(path: str | Path) -> str:
    """A path as a shell reads it, but for what a terminal could take for a command."""
    return printable(shlex.quote(str(path)))


def corpus_words(sources: Sequence[str]) -> str:
    """A corpus as arguments of ``charrnn train``, each with a space after it."""
    return "" if tuple(sources) == (DEFAULT_SOURCE,) else "".join(f"{quoted(s)} " for s in sources)


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
