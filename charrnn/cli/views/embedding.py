"""``--embedding``: characters that the model treats alike, as maps and as lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only, plain
from charrnn.cli.views.source import text_to_read
from charrnn.drawing.colours import LINES
from charrnn.drawing.terminal.passage import named
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection.embedding import CharacterMap, Likeness, character_map
from charrnn.words import in_json, printable

MOST = 100_000  # characters that are counted
HEIGHT, WIDEST = 14, 76  # of a map
LISTED = 16  # characters whose neighbours are told
NEIGHBOURS = 4


@dataclass(frozen=True)
class Found:
    """The characters, the text that they are frequent in, in words, and its encoding."""

    map: CharacterMap
    source: str
    encoding: str


def measure(
    subjects: list[Subject], _value: bool, *, on: str | None = None, unknown: str | None = None
) -> Found:
    subject = only(subjects)
    model = subject.checkpoint.model
    text, source = text_to_read(subject, on, unknown, MOST)
    return Found(character_map(model, text), source, model.vocabulary.config.encoding)


def as_json(found: Found) -> Mapping[str, Any]:
    characters = [in_json(character, found.encoding) for character in found.map.characters]
    return {
        "source": found.source,
        "characters": characters,
        "counts": plain(found.map.counts),
        **{
            name: {
                "array": likeness.array,
                "places": plain(likeness.places),
                "explained": plain(likeness.explained),
                "nearest": [
                    [characters[n] for n in likeness.nearest(index, NEIGHBOURS)]
                    for index in range(len(characters))
                ],
                "cosines": plain(likeness.cosines),
            }
            for name, likeness in (("read", found.map.read), ("predicted", found.map.predicted))
        },
    }


def draw(found: Found, screen: Screen) -> None:
    count, source = len(found.map.characters), printable(found.source)
    screen.put(f"The {count} most frequent characters of {source}, near each other if alike")
    for title, likeness in (("read", found.map.read), ("predicted", found.map.predicted)):
        share = f"{likeness.explained.sum():.0%} of the variance"
        screen.put("", Text(f"As they are {title} ({likeness.array}; {share})", style="bold"))
        screen.put(*_map(screen, found, likeness))
    screen.put("", _neighbours(screen, found))


def _map(screen: Screen, found: Found, likeness: Likeness) -> list[Text]:
    """Each character at its place, or next to it where that is taken."""
    width = min(WIDEST, screen.width)
    low, high = likeness.places.min(axis=0), likeness.places.max(axis=0)
    shares = (likeness.places - low) / np.where(high > low, high - low, 1)
    taken = np.zeros((HEIGHT, width), bool)
    rows: list[dict[int, tuple[str, str]]] = [{} for _ in range(HEIGHT)]
    for character, (x, y) in zip(found.map.characters, shares, strict=True):
        word = named(character, screen, found.encoding)
        size = cell_len(word)
        place = _free(taken, (1 - y) * (HEIGHT - 1), x * (width - size), size)
        if place is not None:
            row, column = place
            taken[row, max(0, column - 1) : column + size + 1] = True
            rows[row][column] = word, colour_of(character)
    lines = []
    for words in rows:
        line = Text()
        for column in sorted(words):
            line.append(" " * (column - line.cell_len)).append(*words[column])
        lines.append(line)
    return lines


def _free(taken: Any, row: float, column: float, size: int) -> tuple[int, int] | None:
    """The place nearest to that wanted where a word of that size still fits."""
    height, width = taken.shape
    fits = np.ones((height, width - size + 1), bool)
    for offset in range(size):
        fits &= ~taken[:, offset : width - size + 1 + offset]
    if not fits.any():
        return None
    down, along = np.mgrid[:height, : width - size + 1]
    distance = (2 * (down - row)) ** 2 + (along - column) ** 2  # a cell is twice as high as wide
    place = int(np.where(fits, distance, np.inf).argmin())
    return place // fits.shape[1], place % fits.shape[1]


def colour_of(character: str) -> str:
    """Of its kind: letters, capitals, digits, spaces, all else."""
    kinds = (
        character.islower(),
        character.isupper(),
        character.isdigit(),
        character.isspace(),
        True,
    )
    return LINES[kinds.index(True)]


def _neighbours(screen: Screen, found: Found) -> Table:
    table = screen.table("", "count", "alike when read", "alike when predicted")
    for column in table.columns[2:]:
        column.justify = "left"
    characters = found.map.characters
    for index, character in enumerate(characters[:LISTED]):
        cells = [
            "  ".join(
                f"{named(characters[n], screen, found.encoding)} {likeness.cosines[index, n]:.2f}"
                for n in likeness.nearest(index, NEIGHBOURS)
            )
            for likeness in (found.map.read, found.map.predicted)
        ]
        word = named(character, screen, found.encoding)
        table.add_row(Text(word), f"{found.map.counts[index]:,}", *map(Text, cells))
    return table
