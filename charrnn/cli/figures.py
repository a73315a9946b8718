"""The figures that ``charrnn score`` shows: of a whole text, of its lines, or of its characters."""

from __future__ import annotations

import math
from typing import Protocol

from charrnn.cli.scored import Span
from charrnn.cli.terminal import put, put_json
from charrnn.words import in_json

ESCAPES = str.maketrans({"\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": r"\\"})


class Figures(Protocol):
    """Is shown what was read, a span after the other."""

    def __init__(self, encoding: str, *, as_json: bool) -> None: ...
    def add(self, span: Span) -> None: ...
    def close(self) -> None: ...


class Total:
    """One line for all that was read."""

    def __init__(self, encoding: str, *, as_json: bool) -> None:
        self._encoding, self._as_json = encoding, as_json
        self._bits, self._characters = 0.0, 0

    def add(self, span: Span) -> None:
        self._bits += float(span.bits.sum())
        self._characters += len(span.known)

    def close(self) -> None:
        mean = _mean(self._bits, self._characters)
        if self._as_json:
            put_json({"characters": self._characters, **_in_words(mean)})
        else:
            put(f"{mean:.4f}\t{_perplexity(mean):.4f}\n")


class Lines:
    """A line for each line: its figure, and itself."""

    def __init__(self, encoding: str, *, as_json: bool) -> None:
        self._encoding, self._as_json = encoding, as_json
        self._begin()

    def _begin(self) -> None:
        self._text, self._bits, self._characters = list[str](), 0.0, 0

    def add(self, span: Span) -> None:
        self._text.append(span.text)
        self._bits += float(span.bits.sum())
        self._characters += len(span.known)
        if span.text.endswith("\n"):
            self._show()

    def _show(self) -> None:
        line = "".join(self._text).removesuffix("\n")
        mean = _mean(self._bits, self._characters)
        if self._as_json:
            put_json(
                {
                    "line": in_json(line, self._encoding),
                    "characters": self._characters,
                    **_in_words(mean),
                }
            )
        else:
            put(f"{mean:.4f}\t{line}\n", self._encoding)
        self._begin()

    def close(self) -> None:
        if self._text:
            self._show()


class Characters:
    """A line for each character: its figure, and itself."""

    def __init__(self, encoding: str, *, as_json: bool) -> None:
        self._encoding, self._as_json = encoding, as_json

    def add(self, span: Span) -> None:
        for character, bits in zip(span.known, span.bits, strict=True):
            if self._as_json:
                shown = in_json(character, self._encoding)
                put_json({"character": shown, "bits": round(float(bits), 6)})
            else:
                put(f"{bits:.4f}\t{character.translate(ESCAPES)}\n", self._encoding)

    def close(self) -> None:
        pass


def _mean(bits: float, characters: int) -> float:
    return bits / characters if characters else math.nan


def _perplexity(bits_per_char: float) -> float:
    return math.inf if bits_per_char > 1000 else 2**bits_per_char


def _in_words(mean: float) -> dict[str, float | None]:
    figures = {"bits_per_char": mean, "perplexity": _perplexity(mean)}
    return {
        name: round(value, 6) if math.isfinite(value) else None for name, value in figures.items()
    }
