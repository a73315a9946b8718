"""Where views draw: the terminal's width and abilities, colours, bars.

Colours carry a meaning only beside something else that does, so that nothing is lost where there
are none. They are backgrounds with a foreground of their own: readable on dark and light terminals.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.color import Color
from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from charrnn.drawing.colours import AMOUNT, BLACK, COLD, RGB, WARM, WHITE, blend, contrast
from charrnn.drawing.signs import HEIGHTS

EIGHTHS = " ▏▎▍▌▋▊▉█"

# For a terminal that shows ASCII alone; what is not here becomes a question mark.
ASCII = str.maketrans(
    dict.fromkeys("│┃", "|") | dict.fromkeys("─━═", "-") | dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛┡┩╇┳┻┠┨", "+")
    | {mark: str(level) for level, mark in enumerate(HEIGHTS) if level}
    | {"·": "-", "×": "x", "∂": "d", "…": "...", "⏎": "$", "→": ">", "␣": "_"}
)  # fmt: skip


@dataclass(frozen=True)
class Screen:
    """A console, and what can be shown there.

    Attributes:
        colour: Whether shades of colours are shown; if not, marks have to tell what they would.
        unicode: Whether block and braille characters are; if not, ASCII has to do.
    """

    console: Console
    colour: bool
    unicode: bool

    @classmethod
    def of(cls, console: Console) -> Screen:
        """The abilities that a console tells."""
        # Of sixteen colours nobody knows how they look, nor whether text on them can be read.
        colour = console.color_system in ("256", "truecolor") and not console.no_color
        return cls(console, colour, console.encoding.lower().startswith("utf"))

    @classmethod
    def standard(cls) -> Screen:
        """Standard output."""
        screen = cls.of(Console(highlight=False, emoji=False, markup=False))
        encoding = None
        with suppress(OSError, ValueError):  # a stream without a file
            encoding = os.device_encoding(sys.stdout.fileno())
        # What is written is UTF-8 whatever the locale says, but a terminal of another one shows
        # ASCII alone. (Python writes to a Windows console by another way, which knows Unicode.)
        knows = encoding is None or os.name == "nt" or encoding.lower().startswith("utf")
        return cls(screen.console, screen.colour, screen.unicode and knows)

    @classmethod
    def best(cls) -> Screen:
        """What the best of terminals can show; nothing is written there."""
        return cls(Console(file=io.StringIO()), colour=True, unicode=True)

    @property
    def width(self) -> int:
        """Columns."""
        return max(20, self.console.width)

    @property
    def rule(self) -> str:
        """What joins words of one line."""
        return " · " if self.unicode else ", "

    def put(self, *parts: RenderableType) -> None:
        """Print, each part on lines of its own, words kept whole where they fit."""
        self._print(parts)

    def put_whole(self, line: str | Text) -> None:
        """Print a line as it is, however long: what is to be copied must not be wrapped."""
        self._print([line], whole=True)

    def _print(self, parts: Sequence[RenderableType], *, whole: bool = False) -> None:
        if self.console.is_terminal and self.unicode:
            self.console.print(*parts, sep="\n", soft_wrap=whole)
            return
        with self.console.capture() as held:
            self.console.print(*parts, sep="\n", soft_wrap=whole)
        # What fills lines up is of no use in a pipe.
        text = "\n".join(line.rstrip() for line in held.get().split("\n"))
        if not self.unicode:
            text = text.translate(ASCII)
            text = text if whole else text.encode("ascii", "replace").decode()
        self.console.file.write(text)

    def table(self, *columns: str) -> Table:
        """A table without borders; its first column is words, the others are figures."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for number, column in enumerate(columns):
            table.add_column(column, justify="right" if number else "left")
        return table

    def bar(self, fraction: float, width: int) -> str:
        """A bar of ``width`` columns, filled from the left."""
        fraction = min(max(fraction, 0.0), 1.0)
        if not self.unicode:
            return ("#" * round(fraction * width)).ljust(width)
        whole, rest = divmod(round(fraction * width * 8), 8)
        return ("█" * whole + EIGHTHS[rest].strip()).ljust(width)

    def height(self, fraction: float) -> str:
        """One character that is filled from below; a digit where there are no blocks."""
        fraction = min(max(fraction, 0.0), 1.0)
        if not self.unicode:
            return " 123456789"[round(fraction * 9)]
        return HEIGHTS[round(fraction * 8)]


def on(background: RGB) -> Style:
    """A background, with black or white on it, whichever is read better."""
    front = max(BLACK, WHITE, key=lambda colour: contrast(colour, background))
    return Style(color=Color.from_rgb(*front), bgcolor=Color.from_rgb(*background))


def amount(fraction: float, least: float = 0.15) -> Style:
    """The style for how much of something there is, 0 to 1; none below ``least``."""
    return on(blend(AMOUNT, fraction)) if fraction >= least else Style.null()


def signed(value: float, least: float = 0.1) -> Style:
    """The style for a number from -1 (blue) to 1 (orange); none near 0."""
    if abs(value) < least:
        return Style.null()
    return on(blend(WARM if value > 0 else COLD, abs(value)))
