"""What a unit could be following: properties of a text at each of its characters.

Each feature is a function from a text of N characters to ``(N,)`` numbers, each told by that character and
those before it; only "in a tag", "last letter of a word" and "last of a line" look one character ahead, at what
a model has to foresee. The table at the end, ``FEATURES``, is all of them: a further one is a
function and a line.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import accumulate

import numpy as np

from charrnn.nn.parameters import Array

OPENING, CLOSING = "([{", ")]}"


def _each(is_so: Callable[[str], bool]) -> Callable[[str], Array]:
    """1 where a character by itself is so, else 0."""

    known = cache(is_so)
    return lambda text: np.array([known(character) for character in text], float)


def _fold(text: str, step: Callable[[float, str, str], float]) -> Array:
    """A number at each character, from that before it (0 at first), the character before, and this one."""
    pairs = zip(f" {text}", text, strict=False)
    numbers = accumulate(pairs, lambda number, pair: step(number, *pair), initial=0.0)
    return np.fromiter(numbers, float)[1:]


def _is_letter(character: str) -> bool:
    return character.isalnum() or character == "_"


def in_quotes(text: str) -> Array:
    """1 from an opening quotation mark to the character before the closing one; an empty line ends it.

    A straight mark opens and closes in turn.
    """

    def step(inside: float, before: str, character: str) -> float:
        if character == '"':
            return not inside
        ends = character in "”»" or before + character == "\n\n"
        return character in "“„«" or bool(inside and not ends)

    return _fold(text, step)


def bracket_depth(text: str) -> Array:
    """Brackets that are open, of ( [ and {; an empty line closes all."""

    def step(depth: float, before: str, character: str) -> float:
        if before + character == "\n\n":
            return 0
        return max(0, depth + (character in OPENING) - (character in CLOSING))

    return _fold(text, step)


def in_tag(text: str) -> Array:
    """1 from a < that something follows without a space to the character before its >."""
    inside, found = False, np.empty(len(text))
    for place, character in enumerate(text):
        if character == "<":
            inside = text[place + 1 : place + 2].strip() not in ("", "=", "<")
        elif character in ">\n":
            inside = False
        found[place] = inside
    return found


def line_position(text: str) -> Array:
    """Characters since the last line feed; 0 at the line feed itself."""
    return _fold(text, lambda place, _, character: place + 1 if character != "\n" else 0)


def indentation(text: str) -> Array:
    """Spaces (a tab counts four) that begin the line, as far as it has been read."""
    width, still, widths = 0, True, np.empty(len(text))
    for place, character in enumerate(text):
        if character == "\n":
            width, still = 0, True
        elif still and character in " \t":
            width += 4 if character == "\t" else 1
        else:
            still = False
        widths[place] = width
    return widths


def in_indentation(text: str) -> Array:
    """1 at a blank that only blanks precede on its line."""
    return (np.diff(indentation(text), prepend=0) > 0).astype(float)


def word_length(text: str) -> Array:
    """Letters, digits and _ in a row, up to this one; 0 outside of a word."""
    return _fold(text, lambda length, _, character: length + 1 if _is_letter(character) else 0)


def in_capitalized(text: str) -> Array:
    """1 in a word whose first letter is a capital."""

    def step(inside: float, before: str, character: str) -> float:
        return _is_letter(character) and bool(inside if _is_letter(before) else character.isupper())

    return _fold(text, step)


def after_capital(text: str) -> Array:
    """1 right after a capital."""
    return _each(str.isupper)(f" {text}")[:-1]


def in_comment(text: str) -> Array:
    """1 from # or // (not in a URL) to the line's end, and from /* to */."""
    line = block = False
    found, before = np.empty(len(text)), "  "
    for place, character in enumerate(text):
        last = before[-1] + character
        if character == "\n":
            line = False
        elif not block and (character == "#" or (last == "//" and before[0] != ":")):
            line = True
        elif not line and last == "/*":
            block = True
        found[place] = line or block
        if block and last == "*/":
            block = False
        before = last
    return found


def sentence_position(text: str) -> Array:
    """Characters since a full stop, a question or an exclamation mark, or an empty line."""

    def step(place: float, before: str, character: str) -> float:
        return 0 if character in ".?!" or before + character == "\n\n" else place + 1

    return _fold(text, step)


def last_of_word(text: str) -> Array:
    """1 at a letter that none follows."""
    letter = _each(_is_letter)(f"{text}_")
    last: Array = np.maximum(letter[:-1] - letter[1:], 0.0)
    return last


def last_of_line(text: str) -> Array:
    """1 right before a line feed."""
    return _each(lambda character: character == "\n")(f"{text} ")[1:]


FEATURES: dict[str, Callable[[str], Array]] = {
    "in quotes": in_quotes,
    "in brackets": lambda text: (bracket_depth(text) > 0).astype(float),
    "depth of brackets": bracket_depth,
    "in a tag": in_tag,
    "in a comment": in_comment,
    "place in the line": line_position,
    "indentation": indentation,
    "in the indentation": in_indentation,
    "place in the sentence": sentence_position,
    "in a word": _each(_is_letter),
    "place in the word": word_length,
    "in a capitalised word": in_capitalized,
    "last letter of a word": last_of_word,
    "last of a line": last_of_line,
    "after a capital": after_capital,
    "capital": _each(str.isupper),
    "digit": _each(str.isdigit),
    "vowel": _each(lambda character: character in "aeiouyAEIOUY"),
    "space": _each(lambda character: character == " "),
    "line feed": _each(lambda character: character == "\n"),
    "punctuation": _each(lambda c: c.isprintable() and not _is_letter(c) and c != " "),
}


def measure_features(text: str) -> tuple[tuple[str, ...], Array]:
    """The names of the features that vary in a text, and ``(F, N)``."""
    found = {name: measure(text) for name, measure in FEATURES.items()}
    varying = {name: values for name, values in found.items() if np.ptp(values) > 0}
    return tuple(varying), np.array(list(varying.values())).reshape(len(varying), len(text))
