"""Files in, text out, piece by piece: never is more than a piece in memory."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from charrnn.config import TextConfig
from charrnn.errors import InputError

BLOCK = 1 << 16
"""Bytes that are read at once: what is made of them stays in a processor's cache."""

IN_MEMORY = 32 << 20
"""Bytes up to which a corpus stays in memory."""

STANDARD_INPUT = "-"
DEFAULT_SOURCE = "the Python language reference (pydoc_data.topics)"

Progress = Callable[[int, int], None]
"""Called with the bytes gone through just now, and with all those there are to go through."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Source:
    """A file that can be read again and again, even if it comes through a pipe.

    Args:
        name: A path, ``-`` for standard input, or ``DEFAULT_SOURCE``.
        stack: Closes what the source has to keep of a pipe.

    Raises:
        InputError: There is no such file, it is a directory, or it cannot be read.
    """

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.name = name
        self._spooled: IO[bytes] | None = None
        if name == DEFAULT_SOURCE:
            self._spooled = io.BytesIO(default_text().encode())
        elif name == STANDARD_INPUT:
            if sys.stdin is None:
                raise InputError("standard input is closed; name a text file")
            self._spooled = self._spool(sys.stdin.buffer, stack)
        elif not Path(name).is_file():
            with self.open() as pipe:
                self._spooled = self._spool(pipe, stack)
        self.size = self._size()

    def __str__(self) -> str:
        return "standard input" if self.name == STANDARD_INPUT else self.name

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The file, from its beginning. What goes wrong inside is reported by the source's name."""
        try:
            if self._spooled is not None:
                self._spooled.seek(0)
                yield self._spooled
            else:
                with open(self.name, "rb") as file:
                    yield file
        except FileNotFoundError:
            raise InputError(f"{self}: no such file") from None
        except IsADirectoryError:
            raise InputError(f"{self}: is a directory; name the text files in it") from None
        except (OSError, ValueError) as error:
            reason = "is a directory" if Path(self.name).is_dir() else _reason(error)
            raise InputError(f"{self}: cannot be read: {reason}") from None

    def blocks(self, config: TextConfig) -> Iterator[bytes]:
        """The content in parts that can each be decoded and normalised by itself."""
        with self.open() as file:
            held: list[bytes] = []
            while block := file.read(BLOCK):
                cut = len(block) if config.unit == "byte" else _last_border(block)
                if cut:
                    yield b"".join((*held, block[:cut]))
                    held.clear()
                held.append(block[cut:])
            yield b"".join(held)

    def pieces(self, config: TextConfig, advance: Callable[[int], None]) -> Iterator[str]:
        """The content as text, as it stands but for a byte order mark.

        Args:
            advance: Called for each piece with its number of bytes.

        Raises:
            InputError: It is not UTF-8.
        """
        start = 0
        for number, block in enumerate(self.blocks(config)):
            advance(len(block))
            if config.unit == "byte":
                yield block.decode(config.encoding)
                continue
            if number == 0 and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise InputError(
                    f"{self}: is UTF-16, not UTF-8; convert it (iconv -f utf-16 -t utf-8)"
                )
            marked = number == 0 and block.startswith(BYTE_ORDER_MARK)
            try:
                yield (block[len(BYTE_ORDER_MARK) :] if marked else block).decode()
            except UnicodeDecodeError as error:
                at = error.start + len(BYTE_ORDER_MARK) * marked
                place = f"byte {start + at} (line {self._line_of(start + at)})"
                raise InputError(
                    f"{self}: not UTF-8 at {place}: 0x{block[at]:02x}; "
                    "convert it first (for instance iconv -f latin1 -t utf-8), "
                    "or learn its bytes as they are with --bytes"
                ) from None
            start += len(block)

    def _line_of(self, place: int) -> int:
        """The line of the byte at ``place``, from 1."""
        line = 1
        with self.open() as file:
            while place > 0 and (block := file.read(min(BLOCK, place))):
                line += block.count(b"\n")
                place -= len(block)
        return line

    def _spool(self, pipe: IO[bytes], stack: ExitStack) -> IO[bytes]:
        spooled = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115, see next line
        stack.enter_context(spooled)
        try:
            shutil.copyfileobj(pipe, spooled, BLOCK)
        except OSError as error:
            raise InputError(f"{self}: cannot be read: {_reason(error)}") from None
        return spooled

    def _size(self) -> int:
        with self.open() as file:
            return file.seek(0, io.SEEK_END)


class Reader:
    """The text of some sources, one after the other.

    Args:
        names: See :class:`Source`; none at all is the embedded default corpus.
        config: How the text is read.
        stack: See :class:`Source`.
        passes: How often the text will be gone through.
        progress: Called for each piece.

    Attributes:
        names: The names of the sources.
        size: Bytes of all sources.
        notices: What was done to the text on reading it, in words.
    """

    def __init__(
        self,
        names: Sequence[str],
        config: TextConfig,
        stack: ExitStack,
        *,
        passes: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._sources = [Source(name, stack) for name in names or [DEFAULT_SOURCE]]
        self.names = tuple(source.name for source in self._sources)
        self.size = sum(source.size for source in self._sources)
        self._config = config
        self._passes = passes
        self._progress = progress
        self._sought = {"crlf"} | ({"composed"} if config.normalize == "nfc" else set())
        self._found: set[str] = set()

    @property
    def notices(self) -> list[str]:
        words = {
            "crlf": "Windows line ends (CR LF) were read as LF",
            "composed": "characters were composed (Unicode NFC); --normalize none leaves them",
        }
        return [said for key, said in words.items() if key in self._found]

    def pieces(self) -> Iterator[str]:
        """The text, from its beginning; line ends are LF, and records all end with one.

        Raises:
            InputError: A source cannot be read, or is not UTF-8.
        """
        # The state that a record's first character is predicted from has read the end of another.
        if self._config.end:
            yield self._config.end
        for source in self._sources:
            last = self._config.end
            for piece in map(self._tidied, source.pieces(self._config, self._advance)):
                yield piece
                last = piece[-1:] or last
            if last != self._config.end and self._config.end:
                yield self._config.end
        self._sought = self._found  # what is not in the text need not be looked for again

    def _advance(self, count: int) -> None:
        if self._progress is not None:
            self._progress(count, self._passes * self.size)

    def _tidied(self, piece: str) -> str:
        if self._config.unit == "byte":
            return piece
        if "crlf" in self._sought and "\r\n" in piece:
            self._found.add("crlf")
            piece = piece.replace("\r\n", "\n")
        if "composed" in self._sought and not unicodedata.is_normalized("NFC", piece):
            self._found.add("composed")
            piece = unicodedata.normalize("NFC", piece)
        return piece


def default_text() -> str:
    """The Python language reference that CPython carries for ``help()``; it varies by version.

    Raises:
        InputError: This Python comes without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise InputError(
            "this Python lacks the default corpus (pydoc_data.topics); name a text file to train on"
        ) from None
    return "\n".join(topics[name].strip() + "\n" for name in sorted(topics))


def _last_border(block: bytes) -> int:
    """The last place where UTF-8 text may be cut, 0 if there is none.

    That is before an ASCII character: it begins a character, and composes with none before it. Only
    the LF of CR LF has to stay with its CR. A text without ASCII is held until it ends.
    """
    place = len(block) - 1
    while place > 0 and (block[place] > 0x7F or block[place - 1 : place + 1] == b"\r\n"):
        place -= 1
    return place


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
