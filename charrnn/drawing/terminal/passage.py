"""Text with a colour for each character, or with a mark below each where there are no colours."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from charrnn.drawing.terminal.screen import Screen

SIGNS = {"\n": "⏎", "\t": "→"}
UNSHOWN = "\N{REPLACEMENT CHARACTER}"


def shown(character: str, screen: Screen, encoding: str = "utf-8") -> str:
    """A character as something that takes a place, and that no terminal takes for a command.

    Args:
        encoding: Of the model's text; a byte beyond ASCII is no character.
    """
    if not screen.unicode:
        if character in SIGNS:
            return "\\n" if character == "\n" else "\\t"
        return character if character.isascii() and character.isprintable() else "?"
    if character in SIGNS:
        return SIGNS[character]
    if not character.isprintable() or (encoding == "latin-1" and not character.isascii()):
        return UNSHOWN
    return character if cell_len(character) else f"\N{DOTTED CIRCLE}{character}"


def passage(
    screen: Screen,
    text: str,
    styles: Sequence[Style],
    marks: str,
    encoding: str = "utf-8",
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
        cell = shown(character, screen, encoding)
        if used + cell_len(cell) > screen.width:
            end_line()
        cells.append((cell, style, mark))
        used += cell_len(cell)
        if character == "\n":
            end_line()
    if cells:
        end_line()
    return lines


def named(character: str, screen: Screen, encoding: str) -> str:
    """A character where it stands alone: a space has to be seen."""
    if character == " ":
        return "␣" if screen.unicode else "' '"
    if encoding == "latin-1" and not (character.isascii() and character.isprintable()):
        return f"{ord(character):02x}h" if character not in "\n\t" else shown(character, screen)
    return shown(character, screen, encoding)


def percent(probability: float) -> str:
    """``63 %``, ``0.4 %`` or ``<0.1 %``."""
    if 0 < probability < 0.001:
        return "<0.1 %"
    return f"{100 * probability:.{0 if probability >= 0.1 or not probability else 1}f} %"
