"""Texts in colours and distributions, with what their script needs to go through them."""

from __future__ import annotations

from typing import Any

import numpy as np

from charrnn.drawing.figure import Colouring, Distributions, Passage, Symbols
from charrnn.drawing.page.document import packed
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.page.phrase import marked, named, plain, shown
from charrnn.drawing.page.table import rows_of
from charrnn.words import percent

LEVELS = 9  # colours of a scale
FINEST = 255  # steps that values are rounded to


class Alphabet:
    """The characters that a page speaks of, each once: a script gets numbers for them, and their names.

    Attributes:
        names: How each is written where it stands alone.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[tuple[str, str], int] = {}

    def numbers(self, text: str, encoding: str) -> list[int]:
        """That of each character."""
        for character in dict.fromkeys(text):
            if (character, encoding) not in self._numbers:
                self._numbers[character, encoding] = len(self.names)
                self.names.append(named(character, encoding))
        return [self._numbers[character, encoding] for character in text]


def draw_passage(passage: Passage, encoding: str) -> Markup:
    """A text, a colour for each character; its script tells of each, and colours it anew."""
    first, name = passage.colourings[0], passage.name
    several = len(passage.colourings) > 1
    letter = _letter(first)
    spans = (
        element(
            "span",
            shown(character, encoding) + "\n" * (character == "\n"),
            class_=f"{letter}{level}",
        )
        for character, level in zip(passage.text, _levels(first), strict=True)
    )
    choice = element("label", "coloured by ", element("select", id=f"{name}-choice"))
    slider = element(
        "input", id=f"{name}-place", type="range", min="1", max=str(len(passage.text)), step="1",
        value="1",
    )  # fmt: skip
    told = f"{first.name} ({first.told})" if first.told else first.name
    return joined(
        (
            element("div", choice, class_="controls", hidden=True) if several else "",
            element(
                "p",
                *((element("b", told, id=f"{name}-name"), " ") if several else ()),
                element("span", first.unit, id=f"{name}-unit"),
                " ",
                element("span", *_legend(first), id=f"{name}-legend", class_="legend"),
            ),
            element(
                "div",
                *spans,
                id=f"{name}-text",
                class_="passage",
                tabindex=0,
                role="group",
                aria_label=f"Text, coloured {passage.unit} by {passage.unit}; arrow keys go through it",
            ),
            element(
                "div", element("label", f"{passage.unit} ", slider), class_="controls", hidden=True
            ),
            element(
                "div", id=f"{name}-told", class_="told" if passage.guesses else "told value-told"
            ),
        )
    )


def _letter(colouring: Colouring) -> str:
    """Of the classes of a scale: u goes from blue to orange, s from nothing to orange."""
    return "u" if colouring.signed else "s"


def _levels(colouring: Colouring) -> list[int]:
    """The level of each value, as the script computes it of what it has been given."""
    values = colouring.values
    if colouring.signed:
        low, span = float(values.min()), float(np.ptp(values)) or 1.0
        values = low + np.rint((values - low) / span * FINEST) / FINEST * span
    share = (values - colouring.low) / (colouring.high - colouring.low)
    steps = LEVELS if colouring.signed else LEVELS - 1  # the last one is for all beyond the scale
    levels: list[int] = np.clip(np.floor(steps * share), 0, LEVELS - 1).astype(int).tolist()
    return levels


def _legend(colouring: Colouring) -> list[Markup]:
    """A few values of the scale, in their colours."""
    low, span, letter = colouring.low, colouring.high - colouring.low, _letter(colouring)
    levels = (0, 4, 8) if colouring.signed else range(LEVELS)
    found = []
    for level in levels:
        value = low + level / (LEVELS - 1) * span
        words = f"{value:g}{'+' * (level == LEVELS - 1)}"
        words = f"{round(value, 2) + 0.0:.2f}" if colouring.signed else words
        found.append(element("span", words, class_=f"{letter}{level}"))
    return found


def passage_data(passage: Passage, encoding: str, alphabet: Alphabet) -> dict[str, Any]:
    """What the script reads: bits in hundredths, chances in 65535ths, values in 255ths."""
    data: dict[str, Any] = {
        "unit": passage.unit,
        "first": passage.first,
        "characters": packed(alphabet.numbers(passage.text, encoding), "u4"),
        "colourings": [
            {
                "name": colouring.name,
                "told": colouring.told,
                "unit": colouring.unit,
                "letter": _letter(colouring),
                "from": colouring.low,
                "to": colouring.high,
                "low": float(colouring.values.min()),
                "high": float(colouring.values.max()),
                "values": packed(_quantised(colouring), "u1"),
            }
            for colouring in passage.colourings
            if passage.guesses is None or len(passage.colourings) > 1
        ],
    }
    if (guesses := passage.guesses) is not None:
        bits, entropy = (
            np.clip(np.rint(100 * values), 0, 65535) for values in (guesses.bits, guesses.entropy)
        )
        data["guesses"] = {
            "bits": packed(bits, "u2"),
            "entropy": packed(entropy, "u2"),
            "symbols": packed(alphabet.numbers("".join(guesses.symbols), encoding), "u4"),
            "chances": packed(np.rint(65535 * guesses.shares).ravel(), "u2"),
        }
    return data


def _quantised(colouring: Colouring) -> Any:
    values = colouring.values
    return np.rint((values - values.min()) / (float(np.ptp(values)) or 1.0) * FINEST)


def draw_distributions(found: Distributions, encoding: str) -> Markup:
    """The first one as a table at each temperature; the script lets choose one, and its temperature."""
    name, first = found.name, found.distributions[0]
    choice = element("select", id=f"{name}-choice")
    slider = element(
        "input", id=f"{name}-temperature", type="range", min="0", max="2", step="0.05", value="1"
    )
    told = element("output", id=f"{name}-told", for_=f"{name}-temperature")
    head = ["next"]
    for temperature, bits in zip(found.temperatures, first.entropy, strict=True):
        head.append(f"temperature {temperature:g}: {bits:.2f} bits")
    order = first.order()
    rows = [(Symbols(found.symbols[place], alone=True), [place]) for place in order[: found.most]]
    body = [
        (marked(symbols, encoding), *map(percent, first.shares[:, places].sum(axis=1)))
        for symbols, places in rows
    ]
    if rest := order[found.most :]:
        body.append((Markup("other"), *map(percent, first.shares[:, rest].sum(axis=1))))
    return joined(
        (
            element(
                "div",
                element("label", "after ", choice),
                element("label", "temperature ", slider, told),
                class_="controls",
                hidden=True,
            ),
            rows_of(head, body, id=f"{name}-table"),
        )
    )


def distributions_data(found: Distributions, encoding: str, alphabet: Alphabet) -> dict[str, Any]:
    """What the script reads."""
    return {
        "most": found.most,
        "symbols": packed(alphabet.numbers(found.symbols, encoding), "u4"),
        "distributions": [
            {"before": plain(one.before, encoding), "scores": packed(one.scores, "f4")}
            for one in found.distributions
        ],
    }
