"""Text that comes in, from a file or a pipe: each part as soon as it is there."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import cast

from charrnn.errors import InputError
from charrnn.text import STANDARD_INPUT

BLOCK = 1 << 18  # bytes that are read at once, at most


def name_of(source: str) -> str:
    """A source in words."""
    return "standard input" if source == STANDARD_INPUT else source


def pieces(source: str) -> Iterator[str]:
    """UTF-8 text, in parts of any length; line ends are LF and a byte order mark is dropped.

    Args:
        source: A path; ``-`` is standard input.

    Raises:
        InputError: It cannot be read, or is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    read, lines, held = 0, 1, ""
    with _opened(source) as file:
        while True:
            block = file.read1(BLOCK)
            begun = len(decoder.getstate()[0])  # bytes of a character that the last block cut
            try:
                text = held + decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                place = error.start - begun
                raise InputError(
                    f"{name_of(source)}: not UTF-8 at byte {read + place} (line "
                    f"{lines + block.count(bytes([10]), 0, max(place, 0))}): "
                    f"0x{error.object[error.start]:02x}; convert it first "
                    "(for instance iconv -f latin1 -t utf-8)"
                ) from None
            held = "\r" if block and text.endswith("\r") else ""  # a line feed may follow
            if text := text.removesuffix(held).replace("\r\n", "\n"):
                yield text
            if not block:
                return
            read, lines = read + len(block), lines + block.count(b"\n")


def line_groups(parts: Iterable[str]) -> Iterator[list[str]]:
    """The lines of a text with their ends, in groups: those that one part completes."""
    rest: list[str] = []
    for part in parts:
        rest.append(part)
        if "\n" in part:
            *lines, last = "".join(rest).split("\n")
            yield [f"{line}\n" for line in lines]
            rest = [last]
    if last := "".join(rest):
        yield [last]


@contextmanager
def _opened(source: str) -> Iterator[BufferedReader]:
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("standard input is closed; name a text file")
        yield cast(BufferedReader, sys.stdin.buffer)
        return
    try:
        file = open(source, "rb")  # noqa: SIM115 (what is read later has errors of its own)
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{source}: cannot be read: {reason}") from None
    with file:
        yield file
