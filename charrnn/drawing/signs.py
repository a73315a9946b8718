"""Characters of a model's text as signs that take a place, can be seen, and that nothing takes for a command."""

from __future__ import annotations

import unicodedata

from charrnn.drawing.figure import Part, Phrase, Pick, Strong, Symbols, parts

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
    if not character.isprintable() or (encoding == "latin-1" and not character.isascii()):
        return UNSHOWN
    combining = unicodedata.category(character) in ("Mn", "Me") or "\u1160" <= character <= "\u11ff"
    return f"\N{DOTTED CIRCLE}{character}" if combining else character


def named(character: str, encoding: str = "utf-8", *, unicode: bool = True) -> str:
    """A character that stands alone: a space has to be seen, and a byte told."""
    if character == " ":
        return SPACE if unicode else "' '"
    byte = encoding == "latin-1" and character not in SIGNS
    if byte and not (character.isascii() and character.isprintable()):
        return f"{ord(character):02x}h"
    return shown(character, encoding, unicode=unicode)


def in_words(phrase: Phrase, encoding: str = "utf-8") -> str:
    """A phrase as a line of plain text."""
    return "".join(_plain(part, encoding) for part in parts(phrase))


def _plain(part: Part, encoding: str) -> str:
    if isinstance(part, Symbols):
        sign = named if part.alone else shown
        return "".join(sign(character, encoding) for character in part.text)
    if isinstance(part, Strong):
        part = part.text
    elif isinstance(part, Pick):
        part = part.name
    return "".join(c if c.isprintable() else UNSHOWN for c in part)
