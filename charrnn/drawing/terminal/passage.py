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


def draw_passage(screen: Screen, passage: Passage, encoding: str) -> Iterator[Text | str]:
    """A passage in its one colouring, or excerpts of it in the first few."""
    if len(passage.colourings) == 1:
        (colouring,) = passage.colourings
        yield _legend(screen, colouring)
        yield ""
        yield from _coloured(screen, passage.text, colouring, encoding, passage.at)
        return
    for number, colouring in enumerate(passage.colourings[:EXCERPTS]):
        if number:
            yield ""
        told = f" ({printable(colouring.told)})" if colouring.told else ""
        yield Text.assemble(
            (printable(colouring.name), "bold"), f"{told}  ", _legend(screen, colouring)
        )
        # An excerpt stays on its lines.
        feed = signs.SIGNS["\n"] if screen.unicode else " "
        text = passage.text[colouring.excerpt].replace("\n", feed)
        yield from _coloured(screen, text, colouring, encoding)


def _coloured(
    screen: Screen, text: str, colouring: Colouring, encoding: str, at: int | None = None
) -> list[Text]:
    values = colouring.values[colouring.excerpt]
    low, high = colouring.low, colouring.high
    shares = np.clip((values - low) / ((high - low) or 1), 0, 1)
    styles = [_style(colouring, share) for share in shares]
    marks = [_mark(screen, colouring, share) for share in shares]
    if at is not None:
        styles[at] += Style(underline=True, bold=True)
        marks[at] = "^"
    return in_lines(screen, text, styles, "".join(marks), encoding)


def _style(colouring: Colouring, share: float) -> Style:
    return signed(2 * share - 1) if colouring.signed else amount(share)


def _mark(screen: Screen, colouring: Colouring, share: float) -> str:
    """A block or a digit; the low end of a signed scale is something, that of an amount is nothing."""
    return screen.height(1 / 8 + share * 7 / 8 if colouring.signed else share)


def _legend(screen: Screen, colouring: Colouring) -> Text:
    """What the colours, or the marks, mean."""
    words = Text(f"{printable(colouring.unit)} ")
    shares = (0, 0.5, 1) if colouring.signed else [step / 8 for step in range(1, 9)]
    for share in shares:
        value = colouring.low + share * (colouring.high - colouring.low)
        number = f"{round(value, 2) + 0.0:.2f}" if colouring.signed else f"{value:g}"  # no -0.00
        if share == 1 and not colouring.signed:
            number += "+"
        if screen.colour:
            words.append(f" {number} ", _style(colouring, share))
        else:
            words.append(f"{_mark(screen, colouring, share)} {number}  ")
    return words


def in_lines(
    screen: Screen, text: str, styles: Sequence[Style], marks: str, encoding: str = "utf-8"
) -> list[Text]:
    """Lines that fit the screen. A line feed shows its sign and ends one.

    Args:
        styles: Of each character.
        marks: For each character one that stands below it where there are no colours.
    """
    lines: list[Text] = []
    cells: list[tuple[str, Style, str]] = []
    used = 0

    def end_line() -> None:
        nonlocal used
        line = Text()
        for style, run in groupby(cells, key=lambda cell: cell[1]):
            line.append("".join(cell[0] for cell in run), style if screen.colour else None)
        lines.append(line)
        if not screen.colour:
            below = "".join(mark * cell_len(cell) for cell, _, mark in cells)
            lines.append(Text(below.rstrip()))
        cells.clear()
        used = 0

    for character, style, mark in zip(text, styles, marks, strict=True):
        cell = signs.shown(character, encoding, unicode=screen.unicode)
        if used + cell_len(cell) > screen.width:
            end_line()
        cells.append((cell, style, mark))
        used += cell_len(cell)
        if character == "\n":
            end_line()
    if cells:
        end_line()
    return lines
