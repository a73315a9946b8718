"""Text in, numbers out: files, the vocabulary, and corpora."""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError, UnknownCharacterError, describe_character

MIN_CHARACTERS = 16
"""The shortest text that can be trained on."""

STANDARD_INPUT = "-"
DEFAULT_SOURCE = "the Python language reference (pydoc_data.topics)"


class Vocabulary:
    """The characters that a model knows; a character's number is its place in ``characters``.

    Args:
        characters: Each character once.

    Raises:
        InputError: No character, or one that occurs twice.
    """

    def __init__(self, characters: str) -> None:
        if not characters or len(set(characters)) != len(characters):
            raise InputError("a vocabulary needs at least one character, and each just once")
        self.characters = characters
        self._known = frozenset(characters)
        self._codes = _code_points(characters)
        self._order = np.argsort(self._codes)
        self._sorted = self._codes[self._order]

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The vocabulary of a text, in the order of the code points."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        return len(self.characters)

    def __contains__(self, character: str) -> bool:
        return character in self._known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def unknown_in(self, text: str) -> str:
        """The characters of ``text`` that are not known, each once, in order of appearance."""
        return "".join(c for c in dict.fromkeys(text) if c not in self)

    def extended_by(self, text: str) -> Vocabulary:
        """This vocabulary, with the unknown characters of ``text`` added at its end."""
        return Vocabulary(self.characters + "".join(sorted(self.unknown_in(text))))

    def encode(self, text: str) -> NDArray[Any]:
        """The characters' numbers, in the smallest unsigned type that holds them all.

        Raises:
            UnknownCharacterError: A character is not in the vocabulary.
        """
        codes = _code_points(text)
        places = np.searchsorted(self._sorted, codes)
        places[places == len(self)] = 0
        if not np.array_equal(self._sorted[places], codes):
            raise UnknownCharacterError(self.unknown_in(text))
        return self._order.astype(np.min_scalar_type(len(self) - 1))[places]

    def decode(self, ids: NDArray[Any] | Sequence[int]) -> str:
        """The text that :meth:`encode` made ``ids`` of."""
        codes = self._codes[np.asarray(ids, dtype=np.intp)]
        return codes.astype("<u4").tobytes().decode("utf-32-le")

    def closest(self, character: str) -> str:
        """The known character that stands in best for an unknown one.

        Its letter without the accents, the other case of either, else the usual replacements.
        """
        plain = unicodedata.normalize("NFKD", character)[:1]
        candidates = (plain, character.swapcase(), plain.swapcase(), "\ufffd", "?", " ")
        return next((c for c in candidates if len(c) == 1 and c in self), self.characters[0])

    def resolve(self, text: str, unknown: str) -> str:
        """``text`` without characters that the vocabulary lacks.

        Args:
            unknown: ``skip`` leaves them out, ``replace`` puts the closest known one.
        """
        if unknown == "skip":
            return "".join(c for c in text if c in self)
        return "".join(c if c in self else self.closest(c) for c in text)


@dataclass(frozen=True)
class Corpus:
    """An encoded text.

    Attributes:
        ids: The characters' numbers.
        vocabulary: What the numbers mean.
        sources: Where the text came from: paths, ``-``, or a description.
        sha256: Hash of the text as UTF-8, which tells whether a resumed run has the same text.
        notices: What was done to the text on reading it, in words.
    """

    ids: NDArray[Any]
    vocabulary: Vocabulary
    sources: tuple[str, ...]
    sha256: str
    notices: tuple[str, ...] = field(default=())

    @classmethod
    def from_text(
        cls,
        text: str,
        *,
        sources: Sequence[str] = ("text",),
        vocabulary: Vocabulary | None = None,
        notices: Sequence[str] = (),
    ) -> Corpus:
        """Encode a text with ``vocabulary``, or with its own.

        Raises:
            InputError: There are fewer than ``MIN_CHARACTERS`` characters.
            UnknownCharacterError: The given vocabulary lacks a character.
        """
        if len(text) < MIN_CHARACTERS:
            count = "no text" if not text else f"only {len(text)} characters"
            raise InputError(
                f"{', '.join(sources)}: {count}; training needs at least {MIN_CHARACTERS}, "
                "and some 100,000 for readable results"
            )
        vocabulary = vocabulary or Vocabulary.of(text)
        return cls(
            vocabulary.encode(text),
            vocabulary,
            tuple(sources),
            hashlib.sha256(text.encode()).hexdigest(),
            tuple(notices),
        )

    def __len__(self) -> int:
        return len(self.ids)

    def split(self, val_fraction: float) -> tuple[NDArray[Any], NDArray[Any]]:
        """The text to train on, and its contiguous tail for validation (empty if too short)."""
        tail = int(len(self) * val_fraction)
        if tail < 2 or len(self) - tail < 2:
            tail = 0
        return self.ids[: len(self) - tail], self.ids[len(self) - tail :]


def load_corpus(
    paths: Sequence[str | Path] = (),
    *,
    vocabulary: Vocabulary | None = None,
    extend_vocabulary: bool = False,
) -> Corpus:
    """Read UTF-8 files, one after the other, as one text.

    Args:
        paths: Files; ``-`` is standard input; none at all is the embedded default corpus.
        vocabulary: Characters of an existing model, instead of the text's own.
        extend_vocabulary: Add to ``vocabulary`` what the text has beyond it.

    Raises:
        InputError: A file is missing, a directory, not UTF-8, or the text too short.
        UnknownCharacterError: The vocabulary lacks characters of the text.
    """
    if paths:
        sources = [str(path) for path in paths]
        raw = [_read(source) for source in sources]
        text = "".join(_decode(data, source) for data, source in zip(raw, sources, strict=True))
    else:
        sources = [DEFAULT_SOURCE]
        text = default_text()
    notices = []
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
        notices.append("Windows line ends (CR LF) were read as LF")
    if vocabulary is not None and extend_vocabulary:
        vocabulary = vocabulary.extended_by(text)
    return Corpus.from_text(text, sources=sources, vocabulary=vocabulary, notices=notices)


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


def _read(source: str) -> bytes:
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("standard input is closed; name a text file")
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{source}: no such file") from None
    except IsADirectoryError:
        raise InputError(f"{source}: is a directory; name the text files in it") from None
    except (OSError, ValueError) as error:
        reason = "is a directory" if Path(source).is_dir() else _reason(error)
        raise InputError(f"{source}: cannot be read: {reason}") from None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _decode(data: bytes, source: str) -> str:
    name = "standard input" if source == STANDARD_INPUT else source
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise InputError(f"{name}: is UTF-16, not UTF-8; convert it (iconv -f utf-16 -t utf-8)")
    try:
        return data.decode("utf-8-sig")  # a byte order mark is not part of the text
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name}: not UTF-8 at byte {error.start} (line {line}): 0x{data[error.start]:02x}; "
            "convert it first (for instance iconv -f latin1 -t utf-8)"
        ) from None


def _code_points(text: str) -> NDArray[Any]:
    """The text's code points as integers.

    Raises:
        InputError: A lone surrogate, which no UTF-8 text can hold.
    """
    try:
        return np.frombuffer(text.encode("utf-32-le"), "<u4")
    except UnicodeEncodeError as error:
        wrong = describe_character(text[error.start])
        raise InputError(f"the text is not valid Unicode: {wrong} stands alone") from None
