"""Words, names from outside and characters of a model's text on a terminal: here all of it is made safe."""

from __future__ import annotations

from rich.text import Text

from charrnn.drawing import signs
from charrnn.drawing.colours import LINES
from charrnn.drawing.figure import Phrase, Pick, Strong, Symbols, parts
from charrnn.drawing.terminal.screen import Screen, amount
from charrnn.words import printable


def styled(screen: Screen, phrase: Phrase, encoding: str, style: str = "") -> Text:
    """A phrase on one line."""
    words = Text(style=style)
    for part in parts(phrase):
        if isinstance(part, Symbols):
            words.append_text(_symbols(screen, part, encoding))
        elif isinstance(part, Strong):
            colour = "" if part.series is None else LINES[part.series % len(LINES)]
            words.append(printable(part.text), f"bold {colour}")
        else:
            words.append(printable(part.name if isinstance(part, Pick) else part))
    return words


def _symbols(screen: Screen, symbols: Symbols, encoding: str) -> Text:
    sign = signs.named if symbols.alone else signs.shown
    text = "".join(sign(c, encoding, unicode=screen.unicode) for c in symbols.text)
    if symbols.amount is None:
        return Text(text, "bold" if symbols.strong else "")
    return Text(text, amount(symbols.amount)) if screen.colour else Text(f"[{text}]")
