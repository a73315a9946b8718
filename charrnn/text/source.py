"""Files in, text out, piece by piece: never is more than a piece in memory."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeAlias

from charrnn.config import TextConfig
from charrnn.errors import InputError, NotUnicodeError
from charrnn.text.embedded import DEFAULT_SOURCE, STEMS, embedded_text
from charrnn.text.encodings import ends_lines_by_cr, wide_encoding
from charrnn.words import as_argument, listed

BLOCK = 1 << 16  # bytes that are read at once: what is made of them stays in a processor's cache
# Of a text that is taken as it comes: as many lines as can well be scored at once.
INCOMING = 1 << 18
IN_MEMORY = 32 << 20  # bytes up to which a corpus stays in memory

STANDARD_INPUT = "-"

Paths: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One or several."""

OnRead = Callable[[int, int], None]
"""Called with the bytes gone through just now, and with all those there are to go through."""

NOTICES = {
    "\r\n": "Windows line ends (CR LF) were read as LF",
    "\r": "old Macintosh line ends (CR) were read as LF",
    "NFC": "characters were composed (Unicode NFC); --normalize none leaves them",
}
"""What may be done to a text on reading it, in words."""


def several(paths: Paths) -> list[str]:
    """The names of one path or of several."""
    named = [paths] if isinstance(paths, str | os.PathLike) else paths
    return [as_argument(path if isinstance(path, str) else Path(path)) for path in named]


class Source:
    """A file, a pipe or what is embedded, as text.

    Args:
        name: A path, ``-`` for standard input, or what is embedded (:mod:`charrnn.text.embedded`).
        stack: With it the text can be gone through again and again: it closes what has to be kept of a
            pipe. Without it the text is read once, each part as soon as it is there.

    Attributes:
        size: Bytes of a text that is kept.
        changes: What has been done to the text on reading it: keys of ``NOTICES``.
        empty: Whether there was nothing in it when it was gone through.

    Raises:
        InputError: A text that is to be kept is missing, a directory, or cannot be read.
    """

    def __init__(self, name: str, stack: ExitStack | None = None) -> None:
        self.name = name
        self.size, self.empty = 0, False
        self.changes: set[str] = set()
        self._may_change = set(NOTICES)
        self._kept = stack is not None
        self._by_cr: bool | None = None  # whether CR ends its lines, once that is known
        self._seen = 0  # CR before it is
        self._spooled: IO[bytes] | None = None
        self._at_once = BLOCK if stack else INCOMING
        if stack is not None:
            if name == STANDARD_INPUT or not os.path.isfile(name):  # noqa: PTH113
                spooled = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115, see next line
                stack.enter_context(spooled)
                for block in self._read():
                    spooled.write(block)
                self._spooled = spooled
            with self._opened() as file:
                self.size = file.seek(0, io.SEEK_END)

    def __str__(self) -> str:
        return in_words([self.name])

    def size_at_hand(self) -> int | None:
        """Its bytes, where their number can be known before they are read."""
        try:
            if self.name == STANDARD_INPUT:
                status = os.fstat(sys.stdin.fileno())
            else:
                status = os.stat(self.name)  # noqa: PTH116 (any name)
        except (OSError, ValueError, AttributeError):  # or a stream without a file
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def pieces(
        self,
        config: TextConfig,
        advance: Callable[[int], None] = lambda _: None,
        errors: str = "strict",
    ) -> Iterator[str]:
        """The text, from its beginning, in parts of any length.

        Bytes stay what they are. UTF-8 gets LF as line ends, loses a byte order mark, and is composed
        if ``config`` says so. CR alone is a line end where there is no LF; of a text that is read as it
        comes, its first line ends tell.

        Args:
            advance: Called for each piece with its number of bytes.
            errors: What becomes of bytes that are not UTF-8, as in :meth:`bytes.decode`.

        Raises:
            InputError: It cannot be read; of that a NotUnicodeError: it is not UTF-8.
        """
        read, line, empty = 0, 1, True
        if self._kept and self._by_cr is None and config.unit != "byte":
            self._by_cr = ends_lines_by_cr(self._read())
        for block in self._blocks(config):
            advance(len(block))
            if config.unit == "byte":
                empty = False
                yield block.decode(config.encoding)
                continue
            if not read and (wide := wide_encoding(block)):
                raise InputError(
                    f"{self}: is {wide[0]}, not UTF-8; convert it (iconv -f {wide[1]} -t utf-8)"
                )
            line_end = b"\r" if self._by_cr else b"\n"
            try:
                text = block.decode(errors=errors)
            except UnicodeDecodeError as error:
                at = error.start
                raise NotUnicodeError(
                    f"{self}: not UTF-8 at byte {read + at} (line {line + block.count(line_end, 0, at)}): "
                    f"0x{block[at]:02x}; convert it first (for instance iconv -f cp1252 -t utf-8)"
                ) from None
            if not read:
                text = text.removeprefix("\N{BYTE ORDER MARK}")
            read, line = read + len(block), line + block.count(line_end)
            empty &= not text
            yield self._tidied(text, config)
        self.empty = empty
        self._may_change &= self.changes  # what is not in the text need not be looked for again

    def line_groups(
        self,
        config: TextConfig,
        errors: str = "strict",
        advance: Callable[[int], None] = lambda _: None,
    ) -> Iterator[list[str]]:
        """The lines with their ends, in groups: those that one part of the text completes."""
        rest: list[str] = []
        for piece in self.pieces(config, advance, errors):
            rest.append(piece)
            if "\n" in piece:
                *lines, last = "".join(rest).split("\n")
                yield [f"{line}\n" for line in lines]
                rest = [last]
        if last := "".join(rest):
            yield [last]

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """The bytes, from their beginning. What goes wrong inside is reported by the source's name."""
        try:
            if self._spooled is not None:
                self._spooled.seek(0)
                yield self._spooled
            elif self.name in STEMS:
                yield io.BytesIO(embedded_text(self.name).encode())
            elif self.name != STANDARD_INPUT:
                with open(self.name, "rb") as file:
                    yield file
            elif sys.stdin is not None:
                yield sys.stdin.buffer
            else:
                raise InputError("standard input is closed; name a text file")
        except FileNotFoundError:
            raise InputError(f"{self}: no such file") from None
        except (OSError, ValueError) as error:
            if os.path.isdir(self.name):  # noqa: PTH112 (pathlib's fails where a name is too long)
                raise InputError(f"{self}: is a directory; name the text files in it") from None
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{self}: cannot be read: {reason}") from None

    def _read(self) -> Iterator[bytes]:
        """The bytes, each part as soon as it is there."""
        with self._opened() as file:
            read = getattr(file, "read1", file.read)  # which one spooled lacks in Python 3.10
            while block := read(self._at_once):
                yield block

    def _blocks(self, config: TextConfig) -> Iterator[bytes]:
        """The bytes in parts that can each be decoded and normalised by itself."""
        held: list[bytes] = []
        for block in self._read():
            self._look_for_line_ends(block)
            cut = len(block) if config.unit == "byte" else _last_border(block)
            if cut:
                yield b"".join((*held, block[:cut]))
                held.clear()
            held.append(block[cut:])
        if rest := b"".join(held):
            if self._by_cr is None:
                self._by_cr = ends_lines_by_cr([rest])
            yield rest

    def _look_for_line_ends(self, block: bytes) -> None:
        """Of a text that is read as it comes, the first two CR tell what it will be, or the first LF."""
        if self._by_cr is None:
            self._seen += block.count(b"\r")
            if b"\n" in block or self._seen > 1:
                self._by_cr = b"\n" not in block

    def _tidied(self, piece: str, config: TextConfig) -> str:
        may_change = self._may_change if self._by_cr else self._may_change - {"\r"}
        piece, changes = _tidied(piece, config, may_change)
        self.changes |= changes
        return piece


class Reader:
    """The text of some sources, one after the other, as often as it is asked for.

    Args:
        names: Of :class:`Source`; none at all is the embedded default corpus.
        stack: As there.
        passes: How often the text will be gone through, for ``progress``.
    """

    def __init__(
        self,
        names: Sequence[str],
        config: TextConfig,
        stack: ExitStack,
        *,
        passes: int = 1,
        progress: OnRead | None = None,
    ) -> None:
        self._sources = [Source(name, stack) for name in names or [DEFAULT_SOURCE]]
        self.size = sum(source.size for source in self._sources)  # in bytes
        self._config, self._passes, self._progress = config, passes, progress

    def holds_text(self, number: int) -> bool:
        """Whether there is something in one of the first so many sources, as far as they have been read."""
        return not all(source.empty for source in self._sources[:number])

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sources in which there is something, as far as they have been read; of all if none has."""
        found = tuple(source.name for source in self._sources if not source.empty)
        return found or tuple(source.name for source in self._sources)

    @property
    def notices(self) -> list[str]:
        """What was done to the text on reading it, and what is empty, in words."""
        changes = set().union(*(source.changes for source in self._sources))
        empty = [f"{source} is empty" for source in self._sources if source.empty]
        return empty + [said for change, said in NOTICES.items() if change in changes]

    def pieces(self) -> Iterator[str]:
        """The text, from its beginning; records all begin after an end, and end with one.

        Errors are those of :meth:`Source.pieces`.
        """
        for text in self.texts():
            yield from text

    def texts(self) -> Iterator[Iterator[str]]:
        """The same source by source; the text of each is to be gone through before the next."""
        for number, source in enumerate(self._sources):
            yield self._text(source, first=not number)

    def lines(self) -> Iterator[tuple[str, Iterator[str]]]:
        """The name of each source, and its lines with their ends, which are to be gone through before the next."""
        for source in self._sources:
            groups = source.line_groups(self._config, advance=self._advance)
            yield str(source), (line for group in groups for line in group)

    def last(self) -> Iterator[str]:
        """The text of the last source alone."""
        return self._text(self._sources[-1], first=False)

    def _text(self, source: Source, *, first: bool) -> Iterator[str]:
        end = last = self._config.end
        # The state that a record's first character is predicted from has read the end of another.
        if first and end:
            yield end
        for piece in source.pieces(self._config, self._advance):
            yield piece
            last = piece[-1:] or last
        if last != end and end:
            yield end

    def _advance(self, count: int) -> None:
        if self._progress is not None:
            self._progress(count, self._passes * self.size)


def is_passing(name: str) -> bool:
    """Whether a text came through a pipe, by the name of its source, and so is not there a second time."""
    return name == STANDARD_INPUT or name.startswith(("/dev/fd/", "/dev/stdin", "/proc/"))


def in_words(names: Sequence[str]) -> str:
    """Sources, as they are told."""
    return listed(["standard input" if name == STANDARD_INPUT else name for name in names])


def tidied(text: str, config: TextConfig) -> str:
    """What :meth:`Source.pieces` makes of a whole text, in characters of the model's kind."""
    if config.unit == "byte":
        return text
    by_cr = "\r" in text and ends_lines_by_cr([text.encode("utf-8", "surrogatepass")])
    may_change = NOTICES.keys() if by_cr else NOTICES.keys() - {"\r"}
    return _tidied(text.removeprefix("\N{BYTE ORDER MARK}"), config, may_change)[0]


def _tidied(piece: str, config: TextConfig, may_change: AbstractSet[str]) -> tuple[str, set[str]]:
    """A part of a text with LF as line ends, and composed; and what has been done to it.

    Args:
        may_change: What is looked for: keys of ``NOTICES``.
    """
    changes = set[str]()
    if "\r" in may_change and "\r" in piece:
        changes.add("\r")
        piece = piece.replace("\r", "\n")
    if "\r\n" in may_change and "\r\n" in piece:
        changes.add("\r\n")
        piece = piece.replace("\r\n", "\n")
    compose = config.normalize == "nfc" and "NFC" in may_change
    if compose and not unicodedata.is_normalized("NFC", piece):
        changes.add("NFC")
        piece = unicodedata.normalize("NFC", piece)
    return piece, changes


def _last_border(block: bytes) -> int:
    """The last place where UTF-8 text may be cut, whatever comes next; 0 if there is none.

    That is after a line, or else before an ASCII character: it begins a character, and composes with
    none before it. Only the LF of CR LF has to stay with its CR. A text without ASCII is held until it
    ends.
    """
    place = len(block)
    if block.endswith(b"\n"):
        return place
    place -= 1
    while place > 0 and (block[place] > 0x7F or block[place - 1 : place + 1] == b"\r\n"):
        place -= 1
    return place
