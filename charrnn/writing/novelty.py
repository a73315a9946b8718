"""Does it copy? What of a written text stands word for word in the texts that may have been learnt.

The written text is short and those texts are long, so it is the written one that is indexed: by a
fingerprint of each of its windows of some length. The others go by in blocks, a few vectorised
operations each; a window with a fingerprint of the index is then compared, character by character.

Two lengths are all that it takes. A character stands in a copied run of at least ``RUN`` characters
if and only if one of the windows of that length around it does. And a block matters for the longest
copy only if it has a window that is longer by one than the longest so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text.source import Reader

RUN = 31
"""Characters of the shortest run that counts as copied: over 30."""

BLOCK = 1 << 15  # characters looked at at once, at least: their fingerprints stay in a cache
VERIFIED = 1 << 14  # windows compared character by character at a time
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits without pattern
HALF = np.uint64(32)

Codes = NDArray[np.uint32]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Novelty:
    """How much of a text is copied.

    Attributes:
        characters: Length of the text.
        copied: How many of them stand in copied runs of at least ``RUN`` characters.
        span: The longest copied run, of any length; empty if not a single character is known.
        start: Where in the text it starts, from 0.
        source: In which file it stands first; None if there is none.
        line: On which line of that file it starts, from 1.
        whole: For a record, whether it stands there from end to end; all of it is then copied.
    """

    characters: int
    copied: int = 0
    span: str = ""
    start: int = 0
    source: str | None = None
    line: int = 0
    whole: bool = False

    @property
    def share(self) -> float:
        """The copied part of the text, from 0 to 1."""
        return self.copied / self.characters if self.characters else 0.0


class Originals:
    """Texts that may be copied from, each one for itself. They are read once to see that they can be.

    Args:
        names: Files, or ``-`` for standard input.
        config: How they are read: as the model reads that wrote.
        stack: Closes what is kept of a pipe.

    Attributes:
        empty: Those in which there is nothing.

    Raises:
        InputError: A file is missing, a directory, or not UTF-8, or all are empty.
    """

    def __init__(self, names: Sequence[str], config: TextConfig, stack: ExitStack) -> None:
        self._readers = [Reader([name], config, stack) for name in names]
        self._end = config.end
        self._first_line = 0 if config.end else 1  # a reader of records starts with an end
        # What is wrong should be told before anything is written.
        sizes = [sum(map(len, reader.pieces())) - len(config.end) for reader in self._readers]
        if not any(sizes):
            raise InputError(f"{', '.join(names)}: no text to compare with")
        self.empty = [name for name, size in zip(names, sizes, strict=True) if not size]

    def compare(self, text: str, prime: str = "") -> Novelty:
        """What of a text is copied. All others are read for it, and none is kept in memory.

        Args:
            prime: How the record that the text belongs to begins.
        """
        search = _Search(_codes(text))
        record = _codes(f"{self._end}{prime}{text}{self._end}" if self._end else text)
        whole = _Windows(record, len(record)) if self._end else None
        source, line = None, 0
        for reader in self._readers if text else ():
            for block, first_line in _blocks(reader, len(record), self._first_line):
                if whole and (copy := whole.first_copy(block, *whole.find(block))):
                    line = first_line + int((block[: copy[0] + 1] == ord("\n")).sum())
                    return Novelty(len(text), len(text), text, 0, reader.names[0], line, whole=True)
                place = search.read(block)
                if place is not None:
                    source = reader.names[0]
                    line = first_line + int((block[:place] == ord("\n")).sum())
        span = text[search.start : search.start + search.length]
        return Novelty(len(text), search.copied(), span, search.start, source, line)


def _blocks(reader: Reader, longest: int, line: int) -> Iterator[tuple[Codes, int]]:
    """A text in overlapping blocks, each with its first character's line.

    Any ``longest`` characters are whole in one of them.
    """
    parts: list[Codes] = []
    size = fresh = 0
    for piece in reader.pieces():
        parts.append(_codes(piece))
        size, fresh = size + len(piece), fresh + len(piece)
        if fresh >= max(BLOCK, longest):
            block = np.concatenate(parts)
            yield block, line
            gone = size - min(size, longest - 1)
            line += int((block[:gone] == ord("\n")).sum())
            parts = [block[gone:]]
            size, fresh = size - gone, 0
    if fresh:
        yield np.concatenate(parts), line


class _Search:
    """Finds copies of a written text in blocks of others."""

    def __init__(self, written: Codes) -> None:
        self._written = written
        # Windows of which no two different ones share a fingerprint: hardly ever takes a second try.
        trials = (_Windows(written, RUN, salt) for salt in count())
        self._runs = next(windows for windows in trials if windows.are_distinct())
        self._least = _Windows(written, 1)  # the shortest windows that would bring anything new
        self.length = self.start = 0  # of the longest copy so far, in the written text

    def read(self, block: Codes) -> int | None:
        """Look at one more block; returns where in it a longer copy than before starts."""
        places, firsts = self._least.find(block)
        if not len(places):
            return None
        if self._least is self._runs:
            self._runs.mark(block, places, firsts)
        found = self._longer(block, self._least.length + _longest_row(places) - 1)
        if found is not None and self._least is not self._runs:
            if self.length >= RUN:
                self._runs.mark(block, *self._runs.find(block))
            longer = self.length + 1
            self._least = self._runs if longer >= RUN else _Windows(self._written, longer)
        return found

    def _longer(self, block: Codes, most: int) -> int | None:
        """Find the longest copy in a block, if it is longer than those before; ``most`` bounds it.

        A copy shows as a row of shorter windows, so a row's length tells how long one can be.
        """
        found = None
        most = trial = min(most, len(self._written))
        while self.length < most:
            windows = _Windows(self._written, trial)
            places, firsts = windows.find(block)
            copy = windows.first_copy(block, places, firsts)
            if copy is None:
                most = trial - 1
            else:
                found, self.start = copy
                self.length = trial
                most = min(most, trial + _longest_row(places) - 1)
            trial = (self.length + most + 1) // 2
        return found

    def copied(self) -> int:
        """How many characters of the written text stand in copied runs."""
        starts = self._runs.marked()
        change = np.zeros(len(self._written) + 1, np.intp)
        change[starts] += 1
        change[starts + RUN] -= 1
        return int((change.cumsum() > 0).sum())


class _Windows:
    """All windows of one length of a text, to be found in blocks of others by their fingerprints."""

    def __init__(self, text: Codes, length: int, salt: int = 0) -> None:
        self.length = length
        self._text, self._salt = text, salt  # another salt gives other fingerprints
        prints = _fingerprints(text, length, salt)
        self._order = np.argsort(prints, kind="stable")
        self._prints = prints[self._order]
        self._found = np.zeros(len(prints), np.bool_)
        # Most windows of a block are done with by a look into a small table.
        bits = min(24, max(16, len(prints).bit_length() + 5))
        self._shift = np.uint64(64 - bits)
        self._table = np.zeros(1 << bits, np.bool_)
        self._table[self._prints >> self._shift] = True

    def find(self, block: Codes) -> tuple[Places, Places]:
        """Where a block has windows with a known fingerprint, and which is the first of those here."""
        prints = _fingerprints(block, self.length, self._salt)
        places = np.flatnonzero(self._table[(prints >> self._shift).view(np.int64)])
        prints = prints[places]
        firsts = np.searchsorted(self._prints, prints)
        known = self._prints[firsts % max(1, len(self._prints))] == prints
        return places[known], firsts[known]

    def first_copy(self, block: Codes, places: Places, firsts: Places) -> tuple[int, int] | None:
        """Of what was found, the first true copy: where in the block, and where in the text."""
        for place, first in zip(places.tolist(), firsts.tolist(), strict=True):
            stop = np.searchsorted(self._prints, self._prints[first], "right")
            for start in self._order[first:stop].tolist():
                window = self._text[start : start + self.length]
                if np.array_equal(block[place : place + self.length], window):
                    return place, start
        return None

    def mark(self, block: Codes, places: Places, firsts: Places) -> None:
        """Remember which windows have a true copy. No two different ones may share a fingerprint."""
        new = ~self._found[firsts]
        places, firsts = places[new], firsts[new]
        self._found[firsts[self._same(block, places, self._order[firsts])]] = True

    def marked(self) -> Places:
        """Where in the text the windows are that have a copy."""
        return self._order[self._found[np.searchsorted(self._prints, self._prints)]]

    def are_distinct(self) -> bool:
        """Whether windows with one fingerprint are equal."""
        firsts = np.searchsorted(self._prints, self._prints)
        return bool(self._same(self._text, self._order, self._order[firsts]).all())

    def _same(self, other: Codes, places: Places, starts: Places) -> NDArray[np.bool_]:
        """Whether windows of another text and of this one are equal, character by character."""
        same = np.ones(len(places), np.bool_)
        for begin in range(0, len(places), VERIFIED):
            part = slice(begin, begin + VERIFIED)
            theirs = sliding_window_view(other, self.length)[places[part]]
            ours = sliding_window_view(self._text, self.length)[starts[part]]
            same[part] = (theirs == ours).all(axis=1)
        return same


def _fingerprints(text: Codes, length: int, salt: int = 0) -> NDArray[np.uint64]:
    """A number for each window of a text, which depends on the window's characters alone.

    Made of the numbers of two shorter windows, one at its beginning and one at its end, which may
    overlap (Karp, Miller, Rosenberg, STOC 1972, with a hash in place of their names).
    """
    if length > len(text):
        return np.zeros(0, np.uint64)
    prints: NDArray[np.uint64] = (text.astype(np.uint64) + np.uint64(salt)) * MULTIPLIER
    size = 1
    while size < length:
        step = min(size, length - size)
        ends = prints[step:]
        prints = prints[:-step] * MULTIPLIER
        prints ^= prints >> HALF
        prints += ends
        size += step
    return prints


def _longest_row(places: Places) -> int:
    """The largest number of places that follow each other without a gap."""
    gaps = np.flatnonzero(np.diff(places) != 1)
    return int(np.diff(gaps, prepend=-1, append=len(places) - 1).max())


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
