"""Words and characters of a model's text as markup."""

from __future__ import annotations

from charrnn.drawing import signs
from charrnn.drawing.figure import Phrase, Pick, Strong, Symbols, parts
from charrnn.drawing.page.markup import Markup, element, escaped, joined
from charrnn.errors import describe_character


def shown(text: str, encoding: str) -> str:
    """Characters within a text."""
    return "".join(signs.shown(character, encoding) for character in text)


def named(character: str, encoding: str) -> str:
    """A character that stands alone: what does not print is told."""
    name = signs.named(character, encoding)
    return describe_character(character) if name == signs.UNSHOWN else name


def plain(phrase: Phrase, encoding: str) -> str:
    """A phrase where there can be no markup."""
    return "".join(
        part
        if isinstance(part, str)
        else _signs(part, encoding)
        if isinstance(part, Symbols)
        else part.name
        if isinstance(part, Pick)
        else part.text
        for part in parts(phrase)
    )


def marked(phrase: Phrase, encoding: str) -> Markup:
    """A phrase with its markup."""
    return joined(_part(part, encoding) for part in parts(phrase))


def _part(part: str | Symbols | Strong | Pick, encoding: str) -> Markup:
    if isinstance(part, Symbols):
        text: object = _signs(part, encoding)
        text = text if part.amount is None else element("mark", text)
        return element("code", element("b", text) if part.strong else text)
    if isinstance(part, Strong):
        return element("b", part.text)
    if isinstance(part, Pick):
        return element("span", part.name, data_pick=part.name)
    return escaped(part)


def _signs(symbols: Symbols, encoding: str) -> str:
    if symbols.alone:
        return "".join(named(character, encoding) for character in symbols.text)
    return shown(symbols.text, encoding)
