"""The figures that ``charrnn score`` shows: of a whole text, of its lines, or of its characters.

Each form is a generator of lines of output, both as an object of JSON and in columns. With several models
there is a column for each, and in JSON an object for each under ``models``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.cli.scored import Reading, Span
from charrnn.nn.loss import perplexity
from charrnn.words import decimals, in_json

BEYOND = math.log2(0x110000)
"""Bits that tell which character of Unicode it is, for who knows nothing of it."""

PLAIN = 1e9  # perplexities below are told with all of their digits

ESCAPES = str.maketrans({"\n": r"\n", "\t": r"\t", "\r": r"\r", "\\": r"\\"})

Row = tuple[dict[str, Any], str]


@dataclass
class Sum:
    """What a model made of some text."""

    bits: float = 0.0
    characters: int = 0
    lost: int = 0

    def add(self, reading: Reading) -> None:
        self.bits += float(reading.bits.sum())
        self.characters += len(reading.known)
        self.lost += reading.lost

    @property
    def cost(self) -> float:
        """Bits of the whole text, in which models can be compared that do not know the same characters."""
        return self.bits + BEYOND * self.lost

    @property
    def mean(self) -> float:
        """Bits per character."""
        return self.bits / self.characters if self.characters else math.nan

    @property
    def perplexity(self) -> float:
        return perplexity(self.mean)

    @property
    def values(self) -> dict[str, Any]:
        """For JSON, which knows only finite numbers."""
        figures = {"bits_per_char": self.mean, "perplexity": self.perplexity}
        finite = {name: round(n, 6) if math.isfinite(n) else None for name, n in figures.items()}
        return {"characters": self.characters, **finite}


@dataclass(frozen=True)
class Form:
    """How figures are shown.

    Attributes:
        names: The models', in order.
        encoding: That of the text.
        best: Show the name of the model that predicts best instead of figures: that of the fewest bits for all
            of the text, ``BEYOND`` of them for each character that it knows nothing similar to.
    """

    names: Sequence[str]
    encoding: str
    best: bool = False

    def total(self, spans: Iterable[Span]) -> Iterator[list[Row]]:
        """One line for all that was read."""
        sums = self._sums()
        for span in spans:
            _add(sums, span)
        row = self._row({}, sums, "")
        if len(sums) == 1 and not self.best:
            told = sums[0].perplexity
            row = row[0], f"{row[1]}\t{told:{'.4f' if told < PLAIN else '.4g'}}"
        yield [row]

    def lines(self, spans: Iterable[Span]) -> Iterator[list[Row]]:
        """A line for each line: its figure, and itself."""
        text, sums = list[str](), self._sums()

        def row() -> Row:
            line = "".join(text).removesuffix("\n")
            return self._row({"line": in_json(line, self.encoding)}, sums, f"\t{line}")

        for span in spans:
            text.append(span.text)
            _add(sums, span)
            if span.text.endswith("\n"):
                yield [row()]
                text, sums = [], self._sums()
        if text:
            yield [row()]

    def characters(self, spans: Iterable[Span]) -> Iterator[list[Row]]:
        """A line for each character of the only model: its figure, and itself."""
        for span in spans:
            (reading,) = span.readings
            yield [
                (
                    {"character": in_json(character, self.encoding), "bits": round(float(bits), 6)},
                    f"{decimals(bits, 4)}\t{character.translate(ESCAPES)}",
                )
                for character, bits in zip(reading.known, reading.bits, strict=True)
            ]

    def _sums(self) -> list[Sum]:
        return [Sum() for _ in self.names]

    def _row(self, values: dict[str, Any], sums: Sequence[Sum], after: str) -> Row:
        if len(sums) == 1:
            return {**values, **sums[0].values}, f"{decimals(sums[0].mean, 4)}{after}"
        scored = [number for number, one in enumerate(sums) if one.characters]
        best = min(scored, key=lambda number: sums[number].cost, default=None)
        models = {
            name: {**one.values, "unknown": one.lost}
            for name, one in zip(self.names, sums, strict=True)
        }
        name = None if best is None else self.names[best]
        columns = "\t".join(decimals(one.mean, 4) for one in sums)
        return {
            **values,
            "models": models,
            "best": name,
        }, f"{(name or '') if self.best else columns}{after}"


def _add(sums: Iterable[Sum], span: Span) -> None:
    for one, reading in zip(sums, span.readings, strict=True):
        one.add(reading)
