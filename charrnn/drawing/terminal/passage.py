"""Text with a colour for each character, or with a mark below each where there are no colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from charrnn.drawing import signs
from charrnn.drawing.figure import Colouring, Passage
from charrnn.drawing.terminal.screen import Screen, amount, signed
from charrnn.words import printable

EXCERPTS = 3  # colourings that are shown where a passage has several


def draw_passage(screen: Screen, passage: Passage) -> Iterator[Text | str]:
    """A passage in its one colouring, or excerpts of it in the first few."""
    if len(passage.colourings) == 1:
        (colouring,) = passage.colourings
        yield _legend(screen, colouring)
        yield ""
        yield from _coloured(screen, passage.text, colouring, passage.at)
        return
    for number, colouring in enumerate(passage.colourings[:EXCERPTS]):
        if number:
            yield ""
        told = f" ({printable(colouring.told)})" if colouring.told else ""
        name = (printable(colouring.name), "bold")
        yield Text.assemble(name, f"{told}  ", _legend(screen, colouring))
        # An excerpt stays on its lines.
        feed = signs.SIGNS["\n"] if screen.unicode else " "
        text = passage.text[colouring.excerpt].replace("\n", feed)
        yield from _coloured(screen, text, colouring)


def _coloured(screen: Screen, text: str, colouring: Colouring, at: int | None = None) -> list[Text]:
    span = (colouring.high - colouring.low) or 1
    shares = np.clip((colouring.values[colouring.excerpt] - colouring.low) / span, 0, 1)
    styles = [_style(colouring, share) for share in shares]
    marks = [_mark(screen, colouring, share) for share in shares]
    if at is not None:
        styles[at] += Style(underline=True, bold=True)
        marks[at] = "^"
    return in_lines(screen, text, styles, "".join(marks))


def _style(colouring: Colouring, share: float) -> Style:
    return signed(2 * share - 1) if colouring.signed else amount(share)


def _mark(screen: Screen, colouring: Colouring, share: float) -> str:
    """A block or a digit; the low end of a signed scale is something, that of an amount is nothing."""
    return screen.height(1 / 8 + share * 7 / 8 if colouring.signed else share)


def _legend(screen: Screen, colouring: Colouring) -> Text:
    """What the colours, or the marks, mean."""
    words = Text(f"{printable(colouring.unit)} ")
    for share in (0, 0.5, 1) if colouring.signed else np.arange(1, 9) / 8:
        number = colouring.written(share)
        if screen.colour:
            words.append(f" {number} ", _style(colouring, share))
        else:
            words.append(f"{_mark(screen, colouring, share)} {number}  ")
    return words


def in_lines(screen: Screen, text: str, styles: Sequence[Style], marks: str) -> list[Text]:
    """Lines that fit the screen. A line feed shows its sign and ends one.

    Args:
        styles: Of each character.
        marks: For each character one that stands below it where there are no colours.
    """
    lines: list[list[tuple[str, Style, str]]] = [[]]
    room = screen.width
    for character, style, mark in zip(text, styles, marks, strict=True):
        sign = signs.shown(character, screen.encoding, unicode=screen.unicode)
        if cell_len(sign) > room:
            lines.append([])
            room = screen.width
        lines[-1].append((sign, style, mark))
        room = -1 if character == "\n" else room - cell_len(sign)
    drawn = []
    for line in filter(None, lines):
        words = Text()
        for style, run in groupby(line, key=lambda cell: cell[1]):
            words.append("".join(sign for sign, _, _ in run), style if screen.colour else None)
        drawn.append(words)
        if not screen.colour:
            below = "".join(mark * cell_len(sign) for sign, _, mark in line)
            drawn.append(Text(below.rstrip()))
    return drawn
