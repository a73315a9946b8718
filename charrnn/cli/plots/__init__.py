"""Views as pictures, drawn by matplotlib (``charrnn[plot]``): a function for each, found by the view's file.

Each takes what its view has measured and returns a :class:`Picture`. What lines mean is told by their
form too, not by colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from charrnn.drawing.colours import LINES
from charrnn.drawing.terminal.passage import SIGNS, UNSHOWN
from charrnn.errors import InputError

try:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
except ImportError:
    raise InputError("pictures need matplotlib: pip install 'charrnn[plot]'") from None

STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.prop_cycle": f"cycler('color', {list(LINES)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "charrnn",  # the same picture, the same file
}
FORMS = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Of lines, beside their colours."""

DPI = 150


@dataclass(frozen=True)
class Picture:
    """A figure, and what it shows in words, for those who do not see it."""

    figure: Figure
    title: str
    description: str


Draw = Callable[[Any], Picture]


def sign(character: str, encoding: str) -> str:
    """A character that fonts have and eyes see."""
    if character in SIGNS or character == " ":
        return SIGNS.get(character, "␣")
    if encoding == "latin-1" and not (character.isascii() and character.isprintable()):
        return f"{ord(character):02x}h"
    return character if character.isprintable() else UNSHOWN


def words(text: str) -> str:
    """A name from outside as matplotlib draws it: no formula, and nothing that a file cannot hold."""
    return _readable(text).replace("$", r"\$")


def _readable(text: str) -> str:
    return "".join(c if c.isprintable() else UNSHOWN for c in text)


def drawing(view: str) -> Draw:
    """The function that draws a view.

    Raises:
        InputError: There is no picture of it.
    """
    from charrnn.cli.plots import reading, theory

    for module in (theory, reading):
        if draw := getattr(module, view, None):
            found: Draw = draw
            return found
    raise InputError("there is no picture of this view; leave --png and --svg out")


def save(draw: Draw, found: Any, path: Path, kind: str) -> None:
    """Write a picture.

    Args:
        found: What the view has measured.
        kind: ``png`` or ``svg``.
    """
    buffer = io.BytesIO()
    with rc_context(STYLE):
        picture = draw(found)
        metadata: dict[str, str | None] = {
            "Title": _readable(picture.title),
            "Description": _readable(picture.description),
        }
        metadata |= {"Date": None, "Creator": "charrnn"} if kind == "svg" else {}
        picture.figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    data = buffer.getvalue()
    path.write_bytes(_told(data, picture) if kind == "svg" else data)


def _told(svg: bytes, picture: Picture) -> bytes:
    """An SVG that says what it shows: matplotlib puts its title where it is read out, but no more."""
    description = f"</title>\n <desc>{escape(_readable(picture.description))}</desc>".encode()
    return svg.replace(b"<svg ", b'<svg role="img" ', 1).replace(b"</title>", description, 1)
