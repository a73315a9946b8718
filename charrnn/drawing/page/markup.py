"""HTML and SVG as text, safe by default: what is not marked as markup is escaped."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from typing import Any

from charrnn.words import printable, valid

VOID = {"input", "line", "path", "rect"}  # elements that never hold anything here


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def clean(text: str) -> str:
    """Text that a page can hold: what is no character, and what turns the direction of all that follows, is told."""
    return valid(printable(text, keep="\n\t"))


def escaped(text: object) -> Markup:
    """Markup as it is, anything else as text."""
    return text if isinstance(text, Markup) else Markup(html.escape(clean(str(text))))


def joined(parts: Iterable[object]) -> Markup:
    """Parts one after the other."""
    return Markup("".join(map(escaped, parts)))


def element(name: str, *parts: object, **attributes: object) -> Markup:
    """An element.

    Args:
        parts: What it holds; escaped unless it is markup.
        attributes: ``class_`` is class, an underscore elsewhere a hyphen. None leaves one out, True
            gives one without a value. Numbers are rounded to a tenth.
    """
    words = [name]
    for key, value in attributes.items():
        label = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(label)
        elif value is not None:
            words.append(f'{label}="{escaped(_number(value))}"')
    if name in VOID:
        return Markup(f"<{' '.join(words)}/>")
    return Markup(f"<{' '.join(words)}>{joined(parts)}</{name}>")


def _number(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def data_block(name: str, values: Mapping[str, Any]) -> Markup:
    """JSON for the page's script, in ASCII and with nothing in it that could end the block."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{name}">{text}</script>')
