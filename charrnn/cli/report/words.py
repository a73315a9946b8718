"""Characters and units in words, as the page has them."""

from __future__ import annotations

import numpy as np

from charrnn.cli.report.measured import FINEST, Watched
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.terminal import passage
from charrnn.drawing.terminal.screen import Screen
from charrnn.errors import describe_character

LEVELS = 9  # colours of a unit's scale
MOST_BITS = 8  # of the scale of surprise
PRIME = 40  # characters of a prime that are shown

# A page shows what the best of terminals does.
SCREEN = Screen.best()


def shown(character: str, encoding: str) -> str:
    """A character in a text."""
    return passage.shown(character, SCREEN, encoding)


def named(character: str, encoding: str) -> str:
    """A character where it stands alone: a space has to be seen, a control character told."""
    name = passage.named(character, SCREEN, encoding)
    return describe_character(character) if name == passage.UNSHOWN else name


def prime_in_words(prime: str, encoding: str) -> str:
    """The end of a beginning."""
    if not prime:
        return "nothing: the beginning of a text"
    return "…" * (len(prime) > PRIME) + "".join(shown(c, encoding) for c in prime[-PRIME:])


def features_in_words(watched: Watched) -> str:
    """What a unit follows, with r."""
    return ", ".join(f"{name} r {r:+.2f}" for name, r in watched.features)


def coloured(text: str, classes: list[str], encoding: str) -> Markup:
    """A text, each character an element with a class."""
    return joined(
        element(
            "span", shown(character, encoding) + "\n" * (character == "\n"), class_=class_ or None
        )
        for character, class_ in zip(text, classes, strict=True)
    )


def surprise_level(bits: float) -> str:
    """The class of a colour: s0 for less than a bit, s8 for 8 and more."""
    return f"s{min(int(bits), MOST_BITS)}"


def unit_levels(watched: Watched) -> list[str]:
    """The classes of a unit's values, from u0, low, to u8, high; computed as the script does."""
    here = watched.low + watched.values / FINEST * (watched.high - watched.low)
    share = (here - watched.scale.low) / (watched.scale.high - watched.scale.low)
    levels = np.clip(np.floor(LEVELS * share), 0, LEVELS - 1).astype(int)
    return [f"u{level}" for level in levels]
