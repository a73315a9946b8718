"""``--unit``: a text, coloured by what one unit holds (as in arXiv 1506.02078)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.text import Text

from charrnn.cli.views import Subject, only, plain
from charrnn.cli.views.source import text_to_read
from charrnn.config import TextConfig
from charrnn.drawing.terminal.passage import passage
from charrnn.drawing.terminal.screen import Screen, signed
from charrnn.inspection.neurons import Unit, activation, follows
from charrnn.nn.parameters import Array
from charrnn.words import in_json, printable

MOST = 1200  # characters that are read and drawn
FOLLOWED = 3  # features that are told


@dataclass(frozen=True)
class Found:
    unit: Unit
    source: str
    kind: TextConfig
    text: str
    values: Array
    follows: list[tuple[str, float]]


def measure(
    subjects: list[Subject], value: str, *, on: str | None = None, unknown: str | None = None
) -> Found:
    subject = only(subjects)
    model = subject.checkpoint.model
    unit = Unit.parse(value, model)
    text, source = text_to_read(subject, on, unknown, MOST)
    values = activation(model, text, unit)
    return Found(unit, source, model.vocabulary.config, text, values, follows(text, values))


def as_json(found: Found) -> Mapping[str, Any]:
    return {
        "unit": str(found.unit),
        "source": found.source,
        "text": in_json(found.text, found.kind.encoding),
        "values": plain(found.values),
        "follows": [{"feature": name, "r": plain(r)} for name, r in found.follows],
    }


def draw(found: Found, screen: Screen) -> None:
    scale = Scale.of(found.values)
    screen.put(
        Text(f"unit {found.unit}", style="bold").append(
            printable(f", reading {found.source}"), style="not bold"
        ),
        scale.legend(screen),
        "",
        *scale.passage(screen, found.text, found.values, found.kind.encoding),
        "",
    )
    if found.follows:
        words = ", ".join(f"{name} (r {r:+.2f})" for name, r in found.follows[:FOLLOWED])
        screen.put(f"Here it follows most closely: {words}")
    else:
        screen.put("Nothing varies here: the text is too short, or the unit never moves.")


@dataclass(frozen=True)
class Scale:
    """From blue, or a low mark, for what a unit seldom falls below, to orange for the highest."""

    low: float
    high: float

    @classmethod
    def of(cls, values: Array) -> Scale:
        """That of all values but the very rare ones."""
        low, high = (float(edge) for edge in np.quantile(values, (0.01, 0.99)))
        return cls(low, high) if high > low else cls(low - 1, high + 1)

    def fractions(self, values: Array) -> Array:
        """From -1 at the low end to 1 at the high one."""
        return np.clip((2 * values - self.low - self.high) / (self.high - self.low), -1, 1)

    def legend(self, screen: Screen) -> Text:
        """What the colours, or the marks, mean."""
        words = Text("holds ")
        for fraction in (-1.0, 0.0, 1.0):
            here = (self.low + self.high + fraction * (self.high - self.low)) / 2
            number = f"{round(here, 2) + 0.0:.2f}"  # no -0.00
            if screen.colour:
                words.append(f" {number} ", signed(fraction))
            else:
                words.append(f"{_mark(screen, fraction)} {number}  ")
        return words

    def passage(self, screen: Screen, text: str, values: Array, encoding: str) -> list[Text]:
        """A text in the colours of what a unit held at each character."""
        fractions = self.fractions(values)
        return passage(
            screen,
            text,
            [signed(fraction) for fraction in fractions],
            "".join(_mark(screen, fraction) for fraction in fractions),
            encoding,
        )


def _mark(screen: Screen, fraction: float) -> str:
    """From the lowest block for -1 to the full one for 1; digits in ASCII."""
    return screen.height(1 / 8 + (fraction + 1) / 2 * 7 / 8)
