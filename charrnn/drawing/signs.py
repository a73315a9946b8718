"""Characters of a model's text as signs that take a place, can be seen, and that nothing takes for a command."""

from __future__ import annotations

import unicodedata

from charrnn.drawing.figure import Phrase, Symbols, parts
from charrnn.words import escaped, printable, valid

SIGNS = {"\n": "⏎", "\t": "→"}
SPACE = "␣"
UNSHOWN = "\N{REPLACEMENT CHARACTER}"
HEIGHTS = " ▁▂▃▄▅▆▇█"


def shown(character: str, encoding: str = "utf-8", *, unicode: bool = True) -> str:
    """A character within a text.

    Args:
        encoding: Of the model's text; a byte beyond ASCII is no character.
        unicode: Whether more than ASCII can be shown.
    """
    if not unicode:
        if character in SIGNS:
            return "\\n" if character == "\n" else "\\t"
        return character if character.isascii() and character.isprintable() else "?"
    if character in SIGNS:
        return SIGNS[character]
    if encoding == "latin-1" and not character.isascii():
        return UNSHOWN
    if unseen(character) and unicodedata.category(character) != "Zs":
        return escaped(character)
    combining = unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff"
    return f"\N{DOTTED CIRCLE}{character}" if combining else character


def unseen(character: str) -> bool:
    """Whether a character takes no place, looks like a space, or is none that could be shown."""
    joins = unicodedata.name(character, "").startswith("VARIATION SELECTOR")
    return joins or (character != " " and not character.isprintable())


def named(character: str, encoding: str = "utf-8", *, unicode: bool = True) -> str:
    """A character that stands alone: a space has to be seen, a byte and what is not seen told."""
    if character == " ":
        return SPACE if unicode else "' '"
    byte = encoding == "latin-1" and character not in SIGNS
    if byte and not (character.isascii() and character.isprintable()):
        return f"{ord(character):02x}h"
    if unseen(character) and character not in SIGNS:
        return f"U+{ord(character):04X}"
    return shown(character, encoding, unicode=unicode)


def in_words(phrase: Phrase, encoding: str = "utf-8") -> str:
    """A phrase as a line of plain text."""
    words: list[str] = []
    for part in parts(phrase):
        if isinstance(part, Symbols):
            sign = named if part.alone else shown
            words += [sign(character, encoding) for character in part.text]
        else:
            words.append(valid(printable(part if isinstance(part, str) else part.text)))
    return "".join(words)


def height(share: float) -> str:
    """A block that is filled from below, 0 to 1."""
    return HEIGHTS[round(min(max(float(share), 0.0), 1.0) * 8)]
