"""Text that comes in, from a file or a pipe: each part as soon as it is there."""

from __future__ import annotations

import codecs
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import cast

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text.source import STANDARD_INPUT
from charrnn.text.vocabulary import VERBATIM

BLOCK = 1 << 18  # bytes that are read at once, at most


def name_of(source: str) -> str:
    """A source in words."""
    return "standard input" if source == STANDARD_INPUT else source


def pieces(source: str, config: TextConfig = VERBATIM) -> Iterator[str]:
    """Text, in parts of any length, in the characters of a model of that kind.

    UTF-8 gets LF as line ends, loses a byte order mark and is composed if the model's text was.
    Bytes stay what they are.

    Args:
        source: A path; ``-`` is standard input.

    Raises:
        InputError: It cannot be read, or is not UTF-8.
    """
    if config.unit == "byte":
        with _opened(source) as file:
            while block := file.read1(BLOCK):
                yield block.decode(config.encoding)
        return
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
            border = _border(text, config) if block else len(text)
            text, held = text[:border].replace("\r\n", "\n"), text[border:]
            if text:
                yield unicodedata.normalize("NFC", text) if config.normalize == "nfc" else text
            if not block:
                return
            read, lines = read + len(block), lines + block.count(b"\n")


def _border(text: str, config: TextConfig) -> int:
    """Where what is there can be cut, whatever comes: a CR may belong to a LF, marks to a letter."""
    border = len(text) - text.endswith("\r")
    if config.normalize == "nfc" and not text.endswith("\n"):
        border = len(text) - 1
        while border > 0 and (not text[border].isascii() or text[border - 1] == "\r"):
            border -= 1
    return max(border, 0)


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
