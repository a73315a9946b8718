"""The figures that ``charrnn score`` shows: of a whole text, of its lines, or of its characters.

Each form is a generator of lines of output, both as an object of JSON and in columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from charrnn.cli.scored import Span
from charrnn.words import in_json

ESCAPES = str.maketrans({"\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": r"\\"})

Row = tuple[dict[str, Any], str]


def total(spans: Iterable[Span], _encoding: str) -> Iterator[list[Row]]:
    """One line for all that was read."""
    bits, characters = 0.0, 0
    for span in spans:
        bits += float(span.bits.sum())
        characters += len(span.known)
    mean, perplexity, in_words = _means(bits, characters)
    yield [({"characters": characters, **in_words}, f"{mean:.4f}\t{perplexity:.4f}")]


def lines(spans: Iterable[Span], encoding: str) -> Iterator[list[Row]]:
    """A line for each line: its figure, and itself."""
    text, bits, characters = list[str](), 0.0, 0

    def row() -> Row:
        line = "".join(text).removesuffix("\n")
        mean, _, in_words = _means(bits, characters)
        values = {"line": in_json(line, encoding), "characters": characters, **in_words}
        return values, f"{mean:.4f}\t{line}"

    for span in spans:
        text.append(span.text)
        bits += float(span.bits.sum())
        characters += len(span.known)
        if span.text.endswith("\n"):
            yield [row()]
            text, bits, characters = [], 0.0, 0
    if text:
        yield [row()]


def characters(spans: Iterable[Span], encoding: str) -> Iterator[list[Row]]:
    """A line for each character: its figure, and itself."""
    for span in spans:
        yield [
            (
                {"character": in_json(character, encoding), "bits": round(float(bits), 6)},
                f"{bits:.4f}\t{character.translate(ESCAPES)}",
            )
            for character, bits in zip(span.known, span.bits, strict=True)
        ]


def _means(bits: float, characters: int) -> tuple[float, float, dict[str, float | None]]:
    """Bits per character and perplexity, as numbers and for JSON, which knows only finite ones."""
    mean = bits / characters if characters else math.nan
    perplexity = math.inf if mean > 1000 else 2**mean
    figures = {"bits_per_char": mean, "perplexity": perplexity}
    finite = {name: round(n, 6) if math.isfinite(n) else None for name, n in figures.items()}
    return mean, perplexity, finite
