"""Texts as numbers: a corpus, and how one is read from files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import MAX_VOCABULARY, TextConfig
from charrnn.errors import (
    CacheError,
    InputError,
    NotUnicodeError,
    UnknownCharacterError,
    describe_character,
)
from charrnn.fields import checks
from charrnn.text import cache
from charrnn.text.cache import Stored
from charrnn.text.embedded import DEFAULT_SOURCE
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.records import Spans
from charrnn.text.source import (
    IN_MEMORY,
    STANDARD_INPUT,
    OnRead,
    Paths,
    Reader,
    in_words,
    several,
)
from charrnn.text.stretches import Files, Stretches
from charrnn.text.vocabulary import BYTES, VERBATIM, Vocabulary, code_points
from charrnn.words import as_argument, counted

MIN_CHARACTERS = 16
"""The shortest text that can be trained on."""

MIN_VALIDATED = 2
"""The shortest that can be validated on: one character predicts the other."""


@dataclass(frozen=True, repr=False)
class Corpus:
    """An encoded text. The hash and the vocabulary tell whether two have the same numbers.

    Attributes:
        ids: The characters' numbers, in memory or in a file that is mapped into it.
        vocabulary: What the numbers mean.
        sources: Where the text came from: paths, ``-``, or a description.
        sha256: Hash of the text in its encoding (UTF-8, or the bytes themselves), which tells
            whether a resumed run has the same text.
        notices: What was done to the text on reading it, in words.
        parts: Characters of each of its files, of which each is divided; none where it is one.
        val_file: Whether the last of them is for validation; the others then are not divided.
        stored: The file that ``ids`` are mapped from, if they are.
    """

    ids: NDArray[Any] = field(compare=False)
    vocabulary: Vocabulary
    sources: tuple[str, ...]
    sha256: str
    notices: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    val_file: bool = False
    stored: Stored | None = field(default=None, repr=False, compare=False)

    @classmethod
    @checks
    def from_text(
        cls,
        text: str,
        *,
        sources: Sequence[str] = ("text",),
        config: TextConfig = VERBATIM,
        vocabulary: Vocabulary | None = None,
    ) -> Corpus:
        """Encode a text that is in memory, with ``vocabulary`` or with its own.

        It is taken as it stands; ``config`` says what it is, unless a vocabulary does.

        Raises:
            InputError: There are fewer than ``MIN_CHARACTERS`` characters.
            UnknownCharacterError: The given vocabulary lacks a character.
        """
        config = vocabulary.config if vocabulary else config
        empty = not text
        if config.end:  # as Reader.pieces does
            text = config.end + text + config.end * (not text.endswith(config.end))
        scan = Scan([text], config.encoding)
        require_enough(0 if empty else scan.length, sources)
        vocabulary = _vocabulary(scan, config, vocabulary)
        return cls(vocabulary.encode(text), vocabulary, tuple(sources), scan.sha256)

    def __len__(self) -> int:
        return len(self.ids)

    def without_numbers(self) -> Corpus:
        """All else that is known of it, to be sent elsewhere, see :meth:`reopened`."""
        return replace(self, ids=self.ids[:0].copy(), stored=None)

    def reopened(self, folder: Path, length: int) -> Corpus | None:
        """A corpus of so many characters that has come from elsewhere, with its numbers from here; None where they are not kept here."""
        stored = cache.stored(
            folder, _key(self.sha256, self.vocabulary), _dtype(self.vocabulary), length
        )
        return None if stored is None else replace(self, ids=stored.ids, stored=stored)

    def __repr__(self) -> str:
        unit, known = self.vocabulary.config.unit, len(self.vocabulary)
        return f"<Corpus: {len(self):,} {unit}s, {known} different ones, from {', '.join(self.sources)}>"

    @property
    def columns(self) -> tuple[int, ...]:
        """None: it is not a table."""
        return ()

    @property
    def labels(self) -> Labels:
        """None: what comes next is a character."""
        return NO_LABELS

    def sample(self, characters: int) -> Corpus:
        """Its beginning, as a text of its own: to measure with."""
        return replace(self, ids=self.ids[:characters], parts=(), val_file=False)

    def records(self) -> Spans:
        """Where its records lie, if it is one of records."""
        (end,) = self.vocabulary.encode(self.vocabulary.config.end)
        return Spans.of(self.ids, end)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Characters of each part, of one at least."""
        return self.parts or (len(self),)

    @property
    def val_characters(self) -> int:
        """Those of the file for validation."""
        return self.parts[-1] if self.val_file else 0

    @property
    def files(self) -> Files:
        """Which part each place is in."""
        return Files(self.lengths)

    def split(self, val_fraction: float) -> tuple[Stretches, Stretches]:
        """The text to train on, and the tails of its parts for validation (empty if too short).

        With a file for validation its tail, or all of it where the fraction is 0.
        """
        tails = [int(length * val_fraction) for length in self.lengths]
        if self.val_file:
            kept = max(MIN_VALIDATED, tails[-1]) if val_fraction else self.val_characters
            tails = [0] * (len(tails) - 1) + [kept]
        elif sum(tails) < MIN_VALIDATED or len(self) - sum(tails) < 2:
            tails = [0] * len(tails)
        stops = np.cumsum(self.lengths).tolist()
        borders = [stop - tail for stop, tail in zip(stops, tails, strict=True)]
        ends = [*borders[:-1], stops[-1] - self.parts[-1]] if self.val_file else borders
        heads = Stretches(self.ids, list(zip([0, *stops], ends, strict=False)))
        return heads, Stretches(self.ids, list(zip(borders, stops, strict=True)))

    def split_records(self, val_fraction: float, seed: int) -> tuple[Spans, Spans]:
        """The records to train on, and those of each part that are drawn for validation, see :meth:`split`."""
        spans, count = self.records(), len(self.lengths)
        file = self.files[spans.first + 1]  # where its first character is
        if self.val_file:
            apart = spans[file == count - 1]
            drawn = apart.split(val_fraction, seed, least=1)[1] if val_fraction else apart
            return spans[file < count - 1], drawn
        split = [spans[file == number].split(val_fraction, seed) for number in range(count)]
        heads, rests = zip(*split, strict=True)
        return Spans.joined(heads), Spans.joined(rests)


class Scan:
    """What a first look at a text, in pieces, finds.

    Its ``length`` in characters; the different ``characters``, in the order of the code points; and the
    ``sha256`` of the encoded text, in hexadecimal digits.
    """

    def __init__(self, pieces: Iterable[str], encoding: str) -> None:
        self.length = 0
        seen, digest = np.zeros(MAX_VOCABULARY, np.bool_), hashlib.sha256()
        for piece in pieces:
            self.length += len(piece)
            codes = code_points(piece)
            if not seen.take(codes, mode="clip").all():  # faster than to write each one
                seen[codes] = True
            digest.update(piece.encode(encoding))
        self.characters = "".join(map(chr, np.flatnonzero(seen)))
        self.sha256 = digest.hexdigest()


def require_enough(length: int, sources: Sequence[str]) -> None:
    """Raise an InputError if a text is too short to learn from."""
    if length < MIN_CHARACTERS:
        count = "only " + counted(length, "character") if length else "no text (empty)"
        raise InputError(
            f"{in_words(sources)}: {count}; training needs at least {MIN_CHARACTERS}, "
            "and some 100,000 for readable results"
        )


def _require_some(length: int, config: TextConfig, name: str) -> None:
    """Raise an InputError if there is too little to validate on; whether there are records is seen later."""
    if not length:
        raise InputError(f"{name}: holds no text to validate on")
    if length < MIN_VALIDATED and not config.records:
        raise InputError(
            f"{name}: only {counted(length, config.unit)}; to validate on it takes at least {MIN_VALIDATED}"
        )


@checks
def load_corpus(
    paths: Paths = (),
    *,
    config: TextConfig | None = None,
    val_file: str | Path | None = None,
    vocabulary: Vocabulary | None = None,
    extend_vocabulary: bool = False,
    cache_folder: Path | None = None,
    progress: OnRead | None = None,
) -> Corpus:
    """Read files, one after the other, as one text.

    The text is gone through twice, piece by piece: to see what is in it, and to encode it. The
    numbers of a text of more than ``IN_MEMORY`` bytes are kept in a file, which is mapped into
    memory and found again by the next run on the same text.

    Args:
        paths: A file or several; ``-`` is standard input; none at all is the embedded default corpus.
        config: How to read them; a given vocabulary has its own way.
        val_file: Another one, which is the text's end and for validation; its characters are learnt, too.
        vocabulary: Characters of an existing model, instead of the text's own.
        extend_vocabulary: Add to ``vocabulary`` what the text has beyond it.
        cache_folder: Where to keep numbers; by default the user's cache folder.
        progress: Called for each piece.

    Raises:
        InputError: A file is missing, a directory, not UTF-8, changing, or the text too short.
        UnknownCharacterError: The vocabulary lacks characters of the text.
        CacheError: The numbers of a large text cannot be kept.
    """
    config = vocabulary.config if vocabulary else config or TextConfig()
    if config.has_words:
        raise InputError("features and tokens are for seq2seq, not for a language model")
    names = several(paths) or [DEFAULT_SOURCE]
    apart = [] if val_file is None else several(val_file)
    if STANDARD_INPUT in names and STANDARD_INPUT in apart:
        raise InputError("standard input is read once; name a file to train on or to validate on")
    parts, new = list[int](), set[str]()  # what no text to train on has

    def pieces() -> Iterator[str]:
        for text in reader.texts():
            parts.append(0)
            for piece in text:
                parts[-1] += len(piece)
                if len(parts) <= len(names):
                    new.difference_update([c for c in new if c in piece])
                yield piece

    with ExitStack() as stack:
        reader = Reader([*names, *apart], config, stack, passes=2, progress=progress)
        try:
            if apart:
                new.update(Scan(reader.last(), config.encoding).characters)
            scan = Scan(pieces(), config.encoding)
        except NotUnicodeError as error:
            advice = "" if vocabulary else ", or learn its bytes as they are with --bytes"
            raise NotUnicodeError(f"{error}{advice}") from None
        length = sum(parts[: len(names)]) if reader.holds_text(len(names)) else 0
        require_enough(length, reader.names[: len(names)])
        notices = list(reader.notices)
        if apart:
            _require_some(parts[-1], config, str(val_file))
        if new and config.unit == "character":
            notices.append(f"the text to train on lacks what {val_file} has: {_shown(new)}")
        vocabulary = _vocabulary(scan, config, vocabulary, extend=extend_vocabulary)
        encoded = _encoded(reader, scan, vocabulary)
        if reader.size <= IN_MEMORY:
            ids, stored = np.concatenate(list(encoded)), None
        else:
            stored = _kept(cache_folder or cache.default_folder(), encoded, scan, vocabulary)
            ids = stored.ids
    lengths = tuple(parts) if len(parts) > 1 else ()
    told = tuple(notices)
    return Corpus(ids, vocabulary, reader.names, scan.sha256, told, lengths, bool(apart), stored)


def load_records(path: str | Path, config: TextConfig) -> frozenset[str]:
    """The different records of a file, each without its end.

    Raises:
        InputError: The file is missing, a directory, or not UTF-8.
    """
    with ExitStack() as stack:
        text = "".join(Reader([as_argument(path)], config, stack).pieces())
    return frozenset(text.split(config.end))


def _shown(characters: Iterable[str], most: int = 8) -> str:
    """Characters by name, the first ones."""
    found = sorted(characters)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(describe_character, found[:most])) + more


def _vocabulary(
    scan: Scan, config: TextConfig, known: Vocabulary | None, *, extend: bool = False
) -> Vocabulary:
    if config.unit == "byte":
        return Vocabulary(BYTES, config)
    if known is None:
        return Vocabulary(scan.characters, config)
    if extend:
        return known.extended_by(scan.characters)
    if unknown := known.unknown_in(scan.characters):
        raise UnknownCharacterError(unknown)
    return known


def _encoded(reader: Reader, scan: Scan, vocabulary: Vocabulary) -> Iterator[NDArray[Any]]:
    """The text's numbers, piece by piece; an InputError if it is not the text that was scanned."""
    digest = hashlib.sha256()
    for piece in reader.pieces():
        digest.update(piece.encode(vocabulary.config.encoding))
        yield vocabulary.encode(piece, check=False)
    if digest.hexdigest() != scan.sha256:
        raise InputError(f"{in_words(reader.names)}: changed while being read; try again")


def _kept(
    folder: Path, parts: Iterable[NDArray[Any]], scan: Scan, vocabulary: Vocabulary
) -> Stored:
    """The numbers from a file in ``folder``, which is made if it is not there."""
    key, dtype = _key(scan.sha256, vocabulary), _dtype(vocabulary)
    stored = cache.stored(folder, key, dtype, scan.length)
    if stored is None:
        cache.store(folder, key, parts)
        stored = cache.stored(folder, key, dtype, scan.length)
    if stored is None:
        raise CacheError(
            f"{folder}: the encoded corpus was changed or taken away at once; start again, "
            "or choose another folder with --cache-dir"
        )
    return stored


def _key(sha256: str, vocabulary: Vocabulary) -> str:
    """Under which a text's numbers are kept: a hash of all that they depend on."""
    return hashlib.sha256(f"{sha256} {vocabulary.characters}".encode()).hexdigest()


def _dtype(vocabulary: Vocabulary) -> np.dtype[Any]:
    """Of the numbers."""
    return vocabulary.encode(vocabulary.characters[0]).dtype
