"""A text in three parts: one to learn, one to choose by, one that is looked at once, at the end."""

from __future__ import annotations

import argparse
import random
from itertools import accumulate
from pathlib import Path

NAMES = "train", "validation", "test"
Shares = tuple[int, int, int]


def shares(words: str) -> Shares:
    """As in ``90/5/5``, for an option."""
    numbers = words.split("/")
    if len(numbers) != len(NAMES) or not all(number.isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"three whole numbers as in 90/5/5, not {words!r}")
    first, second, third = map(int, numbers)
    if not (first and second and third and first + second + third == 100):
        raise argparse.ArgumentTypeError(f"shares of a hundred, none of them 0, not {words!r}")
    return first, second, third


def split(text: bytes, shares: Shares, *, records: bool = False) -> list[bytes]:
    """Parts of a text, of whole lines.

    Running text is cut where the shares of its bytes end, in its order: what follows is harder than what lies between what
    was learnt, and is what a text that goes on is like. Lines that are records have no order, or one that would put
    all that begin with z into the test, so they are shuffled first, always in the same way.
    """
    lines = text.splitlines(keepends=True)
    if records:
        if not text.endswith(b"\n"):
            lines[-1:] = [line + b"\n" for line in lines[-1:]]
        random.Random(0).shuffle(lines)
    whole, bounds, parts = len(b"".join(lines)), list(accumulate(shares)), [[], [], []]
    for line, end in zip(lines, accumulate(map(len, lines)), strict=True):
        middle = 100 * (end - len(line) / 2)
        parts[next(n for n, bound in enumerate(bounds) if middle < bound * whole)].append(line)
    return [b"".join(part) for part in parts]


def write_parts(corpus: Path, shares: Shares, folder: Path, *, records: bool) -> list[Path]:
    """The parts of a text as files, each called what it is for.

    Raises:
        ValueError: One of them would be empty.
    """
    paths = [folder / f"{name}.txt" for name in NAMES]
    for path, part in zip(paths, split(corpus.read_bytes(), shares, records=records), strict=True):
        if not part:
            raise ValueError(f"{corpus}: too few lines, {path.stem} would have none")
        path.write_bytes(part)
    return paths
