"""What a unit could be following: properties of a text at each of its characters.

Each feature is a function from a text to one number for each character, told by that character and
those before it; only "in a tag", "last letter of a word" and "last of a line" look one character ahead, at what
a model has to foresee. The table at the end, ``FEATURES``, is all of them: a further one is a
function and a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from charrnn.nn.parameters import Array

OPENING, CLOSING = "([{", ")]}"


@dataclass(frozen=True)
class Feature:
    """A property with its name, and the function from a text of N characters to ``(N,)``."""

    name: str
    measure: Callable[[str], Array]


def _each(is_so: Callable[[str], bool]) -> Callable[[str], Array]:
    """1 where a character by itself is so, else 0."""

    def measure(text: str) -> Array:
        known = {character: is_so(character) for character in set(text)}
        return np.array([known[character] for character in text], float)

    return measure


def _fold(text: str, step: Callable[[float, str, str], float]) -> Array:
    """A number at each character, from that before it (0 at first), the character before, and this one."""
    number, numbers = 0.0, np.empty(len(text))
    for place, (before, character) in enumerate(zip(f" {text}", text, strict=False)):
        numbers[place] = number = step(number, before, character)
    return numbers


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
    here = indentation(text)
    return (np.diff(here, prepend=0) > 0).astype(float)


def word_length(text: str) -> Array:
    """Letters, digits and _ in a row, up to this one; 0 outside of a word."""
    return _fold(text, lambda length, _, character: length + 1 if _is_letter(character) else 0)


def in_capitalized(text: str) -> Array:
    """1 in a word whose first letter is a capital."""

    def step(inside: float, before: str, character: str) -> float:
        goes_on = _is_letter(before)
        return _is_letter(character) and (bool(inside) if goes_on else character.isupper())

    return _fold(text, step)


def after_capital(text: str) -> Array:
    """1 right after a capital."""
    upper = _each(str.isupper)(text)
    return np.concatenate([[0.0], upper[:-1]])


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
    letter = _each(_is_letter)(text)
    goes_on = np.concatenate([letter[1:], [1.0]])
    last: Array = np.maximum(letter - goes_on, 0.0)
    return last


def last_of_line(text: str) -> Array:
    """1 right before a line feed."""
    end = _each(lambda character: character == "\n")(text)
    return np.concatenate([end[1:], [0.0]])


FEATURES = (
    Feature("in quotes", in_quotes),
    Feature("in brackets", lambda text: (bracket_depth(text) > 0).astype(float)),
    Feature("depth of brackets", bracket_depth),
    Feature("in a tag", in_tag),
    Feature("in a comment", in_comment),
    Feature("place in the line", line_position),
    Feature("indentation", indentation),
    Feature("in the indentation", in_indentation),
    Feature("place in the sentence", sentence_position),
    Feature("in a word", _each(_is_letter)),
    Feature("place in the word", word_length),
    Feature("in a capitalised word", in_capitalized),
    Feature("last letter of a word", last_of_word),
    Feature("last of a line", last_of_line),
    Feature("after a capital", after_capital),
    Feature("capital", _each(str.isupper)),
    Feature("digit", _each(str.isdigit)),
    Feature("vowel", _each(lambda character: character in "aeiouyAEIOUY")),
    Feature("space", _each(lambda character: character == " ")),
    Feature("line feed", _each(lambda character: character == "\n")),
    Feature("punctuation", _each(lambda c: c.isprintable() and not _is_letter(c) and c != " ")),
)


def measure_features(text: str) -> tuple[tuple[str, ...], Array]:
    """The features that vary in a text.

    Returns:
        Their names, and ``(F, N)``.
    """
    found = {feature.name: feature.measure(text) for feature in FEATURES}
    varying = {name: values for name, values in found.items() if np.ptp(values) > 0}
    return tuple(varying), np.array(list(varying.values())).reshape(len(varying), len(text))
