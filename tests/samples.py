"""Texts to test with."""

from __future__ import annotations

LINES = (
    "It was the best of lines, it was the worst of lines.\n",
    "Nobody expects the 3rd sentence to differ much, but it does!\n",
    "Ångström wrote naïve code; so did we.\n",
)


def make_text(repeats: int) -> str:
    """A text with some structure and a few characters beyond ASCII."""
    return "".join(LINES[n % 3] + f"Line {n}.\n" for n in range(repeats))
