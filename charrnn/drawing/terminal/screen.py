"""Where figures are drawn: the terminal's width and abilities, colours, bars, and words that are safe there.

Colours carry a meaning only beside something else that does, so that nothing is lost where there
are none. They are backgrounds with a foreground of their own: readable on dark and light terminals.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass

from rich.color import Color
from rich.console import Console, RenderableType
from rich.style import Style
from rich.text import Text

from charrnn.drawing import signs
from charrnn.drawing.colours import (
    AMOUNT,
    BLACK,
    COLD,
    RGB,
    WARM,
    WHITE,
    blend,
    contrast,
    of_series,
)
from charrnn.drawing.figure import Phrase, Strong, Symbols, parts
from charrnn.words import printable

EIGHTHS = " ▏▎▍▌▋▊▉█"

# For a terminal that shows ASCII alone; what is not here becomes a question mark.
ASCII = str.maketrans(
    dict.fromkeys("│┃", "|") | dict.fromkeys("─━═", "-") | dict.fromkeys("┌┐└┘├┤┬┴┼┏┓┗┛┡┩╇┳┻┠┨", "+")
    | {mark: str(level) for level, mark in enumerate(signs.HEIGHTS) if level}
    | {"·": "-", "×": "x", "∂": "d", "…": "...", "⏎": "$", "→": ">", "␣": "_"}
)  # fmt: skip


@dataclass(frozen=True)
class Screen:
    """A console, and what can be shown there.

    Attributes:
        colour: Whether shades of colours are shown; if not, marks have to tell what they would.
        unicode: Whether block and braille characters are; if not, ASCII has to do.
        encoding: That of the model's text.
        key_width: Columns of the names of facts and commands.
    """

    console: Console
    colour: bool
    unicode: bool
    encoding: str = "utf-8"
    key_width: int = 0

    @classmethod
    def standard(cls) -> Screen:
        """Standard output."""
        console = Console(highlight=False, emoji=False, markup=False)
        # Of sixteen colours nobody knows how they look, nor whether text on them can be read.
        colour = console.color_system in ("256", "truecolor") and not console.no_color
        encodings = [console.encoding]
        # What is written is UTF-8 whatever the locale says, but a terminal of another one shows
        # ASCII alone. (Python writes to a Windows console by another way, which knows Unicode.)
        if os.name != "nt":
            with suppress(OSError, ValueError):  # a stream without a file
                encodings.append(os.device_encoding(sys.stdout.fileno()) or "utf-8")
        return cls(console, colour, all(name.lower().startswith("utf") for name in encodings))

    @property
    def width(self) -> int:
        """Columns."""
        return max(20, self.console.width)

    def put(self, *parts: RenderableType, whole: bool = False) -> None:
        """Print, each part on lines of its own, words kept whole where they fit.

        Args:
            whole: Print lines as they are, however long: what is to be copied must not be wrapped.
        """
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

    def words(self, phrase: Phrase, style: str = "") -> Text:
        """A phrase on one line."""
        words = Text(style=style)
        for part in parts(phrase):
            if isinstance(part, Symbols):
                words.append_text(self._symbols(part))
            elif isinstance(part, Strong):
                colour = "" if part.series is None else of_series(part.series)
                words.append(printable(part.text), f"bold {colour}")
            else:
                words.append(printable(part if isinstance(part, str) else part.text))
        return words

    def _symbols(self, symbols: Symbols) -> Text:
        sign = signs.named if symbols.alone else signs.shown
        text = "".join(sign(c, self.encoding, unicode=self.unicode) for c in symbols.text)
        if symbols.amount is None:
            return Text(text, "bold" if symbols.strong else "")
        return Text(text, amount(symbols.amount)) if self.colour else Text(f"[{text}]")

    def bar(self, share: float, width: int) -> str:
        """A bar that fills a share, 0 to 1, of ``width`` columns."""
        share = min(max(share, 0.0), 1.0)
        if not self.unicode:
            return "#" * round(share * width)
        whole, rest = divmod(round(share * width * 8), 8)
        return "█" * whole + EIGHTHS[rest].strip()

    def height(self, share: float) -> str:
        """One character that is filled from below; a digit where there are no blocks."""
        if self.unicode:
            return signs.height(share)
        return " 123456789"[round(min(max(share, 0.0), 1.0) * 9)]


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
