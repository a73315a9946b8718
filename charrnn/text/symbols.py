"""Symbols that are no characters: tokens with blanks between them, as phones are, and features that stand beside a text, ``V;PST``.

A model reads and writes one character after the other. A symbol of another kind has a character of its own, from U+F0000 on, which Unicode
keeps for private use: by it the symbol is known inside, while files and people have it as it is written. So whatever goes through characters
(alphabets, batches, searches) need not know of symbols.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from charrnn.config import TextConfig
from charrnn.errors import InputError, describe_character
from charrnn.words import counted, listed, printable, shortened

PRIVATE = 0xF0000
MOST_WORDS = 0x110000 - PRIVATE
FEATURE = "\t"
"""Stands before the name of a feature, which so is no token that is written alike."""

BETWEEN, ALTERNATIVE = ";|", ","
"""What stands between features, or blanks: as in ``V;PST`` (UniMorph), ``Case=Nom|PronType=Int,Rel`` (Universal Dependencies); commas only where nothing else does."""
OPENING, CLOSING = "([{", ")]}"


def character_of(number: int) -> str:
    """The character of a symbol."""
    return chr(PRIVATE + number)


def is_private(character: str) -> bool:
    return ord(character) >= PRIVATE


def parted(text: str, config: TextConfig, where: str = "") -> tuple[list[str], str]:
    """The symbols of a text that are no characters, and after them its characters.

    Args:
        text: As it stands in a file, with a TAB and its features after it, if there are to be any.
        where: For errors.

    Raises:
        InputError: There have to be features and are none, or there are several cells of them.
    """
    text, *cells = text.split("\t") if config.features else [text]
    if config.features and len(cells) != 1:
        place = f"{where}: " if where else ""
        raise InputError(
            f"{place}has {counted(len(cells), 'TAB')}; a line is a source, a TAB and its features"
        )
    features = [name for cell in cells for name in _features(cell)]
    words = [FEATURE + name for name in features]
    return (words + text.split(), "") if config.tokens else (words, text)


def _features(cell: str) -> list[str]:
    """The names of features; what is in brackets is not divided, as in ``NOM(1,SG)``."""
    names, depth, commas = [""], 0, list[int]()  # of the first name
    for character in cell:
        depth += (character in OPENING) - (character in CLOSING and depth > 0)
        outside = depth == 0 and character not in CLOSING
        if outside and (character in BETWEEN or character.isspace()):
            names.append("")
            continue
        if outside and character == ALTERNATIVE and len(names) == 1:
            commas.append(len(names[0]))
        names[-1] += character
    found = [name for name in names if name]
    if len(found) == 1 and commas:
        stops = [*commas, len(found[0])]
        starts = [0, *(place + 1 for place in commas)]
        parts = [found[0][a:b] for a, b in zip(starts, stops, strict=True)]
        if len({"=" in part for part in parts}) == 1:  # else it is one feature of several values
            found = parts
    return [name for name in found if name]


def words_of(texts: Iterable[str], config: TextConfig) -> set[str]:
    """All symbols of some texts that are no characters."""
    return {word for text in texts for word in parted(text, config)[0]}


def spelled(
    text: str,
    config: TextConfig,
    numbers: Mapping[str, int],
    unknown: str = "error",
    where: str = "",
    advice: str = "",
) -> str:
    """A text in characters, a private one for each symbol.

    Args:
        numbers: Of the symbols that are known.
        unknown: What becomes of others: ``error``, or they are left out.
        advice: What to do about it, for the error.

    Raises:
        InputError: There are others, and ``unknown`` is ``error``; else as :func:`parted`.
    """
    words, characters = parted(text, config, where)
    place = f"{where}: " if where else ""
    if kept := "".join(filter(is_private, characters)):
        if unknown == "error":
            raise InputError(
                f"{place}{describe_character(kept[0])} stands for symbols here, and cannot be in a text"
            )
        characters = "".join(c for c in characters if not is_private(c))
    others = [word for word in words if word not in numbers]
    if others and unknown == "error":
        names = listed([shortened(printable(name.removeprefix(FEATURE))) for name in others])
        raise InputError(f"{place}not among the model's symbols: {names}{advice}")
    return "".join(character_of(numbers[word]) for word in words if word in numbers) + characters


def shown(text: str, config: TextConfig, words: Sequence[str]) -> str:
    """A text in characters as it would stand in a file."""
    features, rest = list[str](), list[str]()
    for character in text:
        symbol = name_of(character, words)
        (features if symbol.startswith(FEATURE) else rest).append(symbol)
    written = (" " if config.tokens else "").join(rest)
    if not config.features:
        return written
    return f"{written}\t{';'.join(name.removeprefix(FEATURE) for name in features)}"


def name_of(character: str, words: Sequence[str]) -> str:
    """The symbol that a character stands for: mostly itself."""
    number = ord(character) - PRIVATE
    return words[number] if 0 <= number < len(words) else character
