"""The characters that a model knows, and their numbers."""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import UNKNOWN, TextConfig
from charrnn.errors import InputError, UnknownCharacterError, describe_character
from charrnn.text.source import tidied
from charrnn.text.standins import StandIns
from charrnn.text.symbols import FEATURE, character_of, is_private, name_of, parted, shown, spelled
from charrnn.words import setting

VERBATIM = TextConfig(normalize="none")
"""Text that is taken as it stands."""

BYTES = "".join(map(chr, range(256)))


class Vocabulary:
    """The characters that a model knows; a character's number is its place in ``characters``.

    The characters of a byte model are U+0000 to U+00FF, one for each byte.

    Args:
        characters: Each character once.
        config: How text becomes such characters.
        words: Symbols that are no characters, each of which has a private one (:mod:`charrnn.text.symbols`).

    Raises:
        InputError: No character, one that occurs twice, or a configuration that they do not fit.
    """

    def __init__(
        self, characters: str, config: TextConfig = VERBATIM, words: Sequence[str] = ()
    ) -> None:
        if not characters or len(set(characters)) != len(characters):
            raise InputError("a vocabulary needs at least one character, and each just once")
        self.characters = characters
        self.config = config
        self._known = frozenset(characters)
        if self.config.unit == "byte" and characters != BYTES:
            raise InputError("the vocabulary of a byte model is the 256 bytes in order")
        if self.config.end and self.config.end not in self._known:
            raise InputError("the vocabulary of a model of records needs the line feed")
        self.words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(self.words)}
        if config.has_words or words:
            mine = {*map(character_of, range(len(self.words)))}
            if len(mine) != len(self._numbers) or mine != {*filter(is_private, characters)}:
                raise InputError("each symbol that is no character has one private character")
        self._codes = code_points(characters)
        # One place more than the largest code point stands for all that lie beyond it.
        self._table = np.zeros(int(self._codes.max()) + 2, np.min_scalar_type(len(characters) - 1))
        self._table[self._codes] = np.arange(len(characters))

    @classmethod
    def of(cls, text: str, config: TextConfig = VERBATIM, words: Sequence[str] = ()) -> Vocabulary:
        """The vocabulary of a text, in the order of the code points."""
        return cls("".join(sorted(set(text))), config, words)

    def __len__(self) -> int:
        return len(self.characters)

    def __repr__(self) -> str:
        return f"<Vocabulary: {len(self)} {self.config.unit}s>"

    def __contains__(self, character: str) -> bool:
        return character in self._known

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        own = self.characters, self.config, self.words
        return own == (other.characters, other.config, other.words)

    def __hash__(self) -> int:
        return hash(self.characters)

    def unknown_in(self, text: str) -> str:
        """The characters of ``text`` that are not known, each once, in order of appearance."""
        if self._known.issuperset(text):  # which is quick
            return ""
        return "".join(c for c in dict.fromkeys(text) if c not in self)

    def lacks(self, text: str) -> bool:
        """Whether a text as it stands in a file has symbols that are not known."""
        if self.config.has_words:
            words, text = parted(text, self.config)
            if any(word not in self._numbers for word in words) or any(map(is_private, text)):
                return True
        return bool(self.unknown_in(text))

    def extended_by(self, text: str, words: Sequence[str] = ()) -> Vocabulary:
        """This vocabulary, with the unknown characters of ``text`` added at its end.

        Args:
            words: Further symbols, whose private characters are in ``text``.
        """
        characters = self.characters + "".join(sorted(self.unknown_in(text)))
        return Vocabulary(characters, self.config, (*self.words, *words))

    def spelled(self, text: str, unknown: str = "error", where: str = "", advice: str = "") -> str:
        """A text as it stands in a file in characters, see :func:`charrnn.text.symbols.spelled`; it may still have unknown ones."""
        if not self.config.has_words:
            return text
        return spelled(text, self.config, self._numbers, unknown, where, advice)

    def shown(self, text: str) -> str:
        """A text in characters as it stands in a file."""
        return shown(text, self.config, self.words) if self.words else text

    def name_of(self, character: str) -> str:
        """What a character stands for."""
        return name_of(character, self.words).removeprefix(FEATURE) if self.words else character

    @property
    def feature_numbers(self) -> NDArray[np.intp]:
        """Numbers of the characters that stand for features."""
        names = enumerate(self.words)
        features = "".join(character_of(n) for n, word in names if word.startswith(FEATURE))
        return self.encode(features).astype(np.intp)

    def encode(self, text: str, *, check: bool = True) -> NDArray[Any]:
        """The characters' numbers, in the smallest unsigned type that holds them all.

        Without the check an unknown character gets any number.

        Raises:
            UnknownCharacterError: A character is not in the vocabulary.
        """
        codes = code_points(text)
        ids: NDArray[Any] = self._table.take(codes, mode="clip")
        if check and not np.array_equal(self._codes[ids], codes):
            raise UnknownCharacterError(self.unknown_in(text))
        return ids

    def decode(self, ids: NDArray[Any] | Sequence[int]) -> str:
        """The text that :meth:`encode` made ``ids`` of."""
        codes = self._codes[np.asarray(ids, dtype=np.intp)]
        return codes.astype("<u4").tobytes().decode("utf-32-le")

    def symbols(self, raw: str | bytes) -> str:
        """What somebody typed, in characters of the model's kind, whether it knows them or not.

        Raises:
            UnicodeError: A model of text was given what is not UTF-8.
        """
        # What cannot be a part of UTF-8 is a byte of its own, as in the arguments of a command.
        data = raw.encode("utf-8", "surrogateescape") if isinstance(raw, str) else raw
        text = data.decode(self.config.encoding)
        return unicodedata.normalize("NFC", text) if self.config.normalize == "nfc" else text

    def argument(self, value: str, option: str) -> str:
        """A command's argument, likewise: its bytes are read, whatever the locale made of them.

        Raises:
            InputError: They are not UTF-8, and the model is one of text.
        """
        posix = os.name == "posix"
        try:
            return self.symbols(
                os.fsencode(value) if posix else value.encode("utf-8", "surrogatepass")
            )
        except UnicodeError:
            raise InputError(f"{option}: not UTF-8 text") from None

    def read(self, text: str) -> str:
        """A text of Python's as a file of it is read: see :meth:`charrnn.text.source.Source.pieces`.

        To a model of bytes it is its bytes in UTF-8; U+DC80 to U+DCFF stand for bytes that are none, as
        ``raw.decode("utf-8", "surrogateescape")`` makes them.

        Raises:
            InputError: A lone surrogate, which no UTF-8 text can hold.
        """
        try:
            return tidied(self.symbols(text), self.config)
        except UnicodeError:
            code_points(text)
            raise

    @cached_property
    def stand_ins(self) -> StandIns:
        """What stands in for unknown characters."""
        return StandIns(self.characters)

    def known(
        self,
        text: str,
        unknown: str = "error",
        where: str = "",
        line: int = 0,
        *,
        aligned: bool = False,
    ) -> str:
        """A text as it stands in a file in characters that the vocabulary has, its tokens and features too.

        Arguments and errors as those of :meth:`fitted`; a token or feature that is not known is left out, or an error.
        """
        place = f"{where}{', ' * bool(where)}line {line}" if line else where
        advice = f"; {setting('unknown', 'skip')} leaves them out"
        spelled = self.spelled(text, unknown, place, advice)
        return self.fitted(spelled, unknown, where, line, aligned=aligned)

    def fitted(
        self,
        text: str,
        unknown: str = "error",
        where: str = "",
        line: int = 0,
        *,
        aligned: bool = False,
    ) -> str:
        """A text in characters, in those that the vocabulary has.

        Args:
            unknown: What becomes of others (see :data:`charrnn.config.UNKNOWN`): ``skip`` leaves them
                out, ``replace`` puts what is similar (see :class:`StandIns`).
            where: The text's source in words, for the error.
            line: The number of its first line there, for the error to name the first line that is
                wrong, and its characters alone; 0 does so only where the text has several.
            aligned: Whether there are to be as many characters as there were: any known one stands for one without a similar
                one, and none is left out.

        Raises:
            UnknownCharacterError: There are others, and ``unknown`` is ``error``.
            InputError: ``unknown`` is none of these, or ``skip`` where none is to be left out.
        """
        if unknown not in UNKNOWN:
            raise InputError(f"unknown must be one of {', '.join(UNKNOWN)}, not {unknown!r}")
        if aligned and unknown == "skip":
            raise InputError(
                f"{setting('unknown', 'skip')} is not for tags: each character has one; replace keeps their number"
            )
        others = self.unknown_in(text)
        if not others:
            return text
        if unknown == "skip":
            return "".join(c for c in text if c in self)
        if unknown == "replace":
            similar = {ord(c): self.stand_ins(c) for c in others}
            if aligned:
                similar = {code: (found or self.characters)[0] for code, found in similar.items()}
            return text.translate(similar)
        if line or "\n" in text:
            lines = enumerate(io.StringIO(text, newline="\n"), line or 1)
            line, others = next((n, o) for n, part in lines if (o := self.unknown_in(part)))
            where = f"{where}{', ' * bool(where)}line {line}"
        ways = [setting("unknown", way) for way in ("skip", "replace")[aligned:]]
        raise UnknownCharacterError(others, f"; add {' or '.join(ways)}", where)


def code_points(text: str) -> NDArray[Any]:
    """The text's code points as integers.

    Raises:
        InputError: A lone surrogate, which no UTF-8 text can hold.
    """
    try:
        if text.isascii():
            return np.frombuffer(text.encode(), "u1")
        return np.frombuffer(text.encode("utf-32-le"), "<u4")
    except UnicodeEncodeError as error:
        wrong = describe_character(text[error.start])
        raise InputError(f"the text is not valid Unicode: {wrong} stands alone") from None
