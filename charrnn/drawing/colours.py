"""Colours that tell something, as every kind of sight tells them apart."""

from __future__ import annotations

from collections.abc import Sequence

RGB = tuple[int, int, int]
# Blue against orange: the pair that every kind of colour blindness tells apart. All stops are of
# middling lightness, so that they stand out on black as on white.
ORANGE = (236, 130, 0)
AMOUNT: tuple[RGB, ...] = ((46, 104, 190), (150, 124, 132), ORANGE)
COLD: tuple[RGB, ...] = ((118, 124, 136), (0, 112, 200))
WARM: tuple[RGB, ...] = ((136, 124, 114), ORANGE)
# Of lines on the terminal's own background (Okabe and Ito's palette; contrast 3 on black and white).
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#999999")

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def blend(stops: Sequence[RGB], fraction: float) -> RGB:
    """The colour at a fraction of the way along a scale."""
    place = min(max(fraction, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(place), len(stops) - 2)
    part = place - index
    low, high = stops[index], stops[index + 1]
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.1)."""
    linear = (c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour)
    red, green, blue = linear
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: RGB, other: RGB) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.1)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
