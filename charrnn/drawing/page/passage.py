"""Texts in colours and distributions, with what their script needs to go through them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing.figure import Colouring, Distributions, Passage, Symbols
from charrnn.drawing.page.document import packed
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.page.phrase import marked, named, plain, shown
from charrnn.drawing.page.table import rows_of
from charrnn.nn.parameters import Array
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
    steps = _levels(first, _values(first))[_steps(first)]  # as the script colours it
    levels = _levels(first, first.values) if passage.guesses else steps
    spans = (
        element("span", shown(c, encoding) + "\n" * (c == "\n"), class_=f"{_letter(first)}{level}")
        for c, level in zip(passage.text, levels, strict=True)
    )
    choice = element("label", "coloured by ", element("select", id=f"{name}-choice"))
    slider = element(
        "input", id=f"{name}-place", type="range", min="1", max=str(len(passage.text)), value="1"
    )
    legend = (element("span", words, class_=colour) for colour, words in _legend(first))
    parts = [
        element("div", choice, class_="controls", hidden=True) if several else "",
        element(
            "p",
            element("b", _label(first), " ", id=f"{name}-name") if several else "",
            element("span", first.unit, " ", id=f"{name}-unit"),
            element("span", *legend, id=f"{name}-legend", class_="legend"),
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
            "div", id=f"{name}-told", class_="told guesses-told" if passage.guesses else "told"
        ),
    ]
    return joined(parts)


def _letter(colouring: Colouring) -> str:
    """Of the classes of a scale: u goes from blue to orange, s from nothing to orange."""
    return "u" if colouring.signed else "s"


def _label(colouring: Colouring) -> str:
    return f"{colouring.name} ({colouring.told})" if colouring.told else colouring.name


def _levels(colouring: Colouring, values: Array) -> NDArray[np.uint8]:
    """The colour of each value."""
    share = (values - colouring.low) / (colouring.high - colouring.low)
    steps = LEVELS if colouring.signed else LEVELS - 1  # the last one is for all beyond the scale
    return np.clip(np.floor(steps * share), 0, LEVELS - 1).astype(np.uint8)


def _steps(colouring: Colouring) -> NDArray[np.intp]:
    """Values as the script gets them: 0 for the least, 255 for the largest."""
    values = colouring.values
    shares = (values - values.min()) / (float(np.ptp(values)) or 1.0)
    steps: NDArray[np.intp] = np.rint(FINEST * shares).astype(np.intp)
    return steps


def _values(colouring: Colouring) -> Array:
    """Of each step."""
    found: Array = np.linspace(colouring.values.min(), colouring.values.max(), FINEST + 1)
    return found


def _legend(colouring: Colouring) -> list[tuple[str, str]]:
    """A few values of the scale, each after the class of its colour."""
    levels = (0, LEVELS // 2, LEVELS - 1) if colouring.signed else range(LEVELS)
    found = []
    for level in levels:
        value = colouring.low + level / (LEVELS - 1) * (colouring.high - colouring.low)
        words = f"{value:g}{'+' * (level == LEVELS - 1)}"
        words = f"{round(value, 2) + 0.0:.2f}" if colouring.signed else words
        found.append((f"{_letter(colouring)}{level}", words))
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
                "label": _label(colouring),
                "unit": colouring.unit,
                "legend": _legend(colouring),
                "letter": _letter(colouring),
                "levels": packed(_levels(colouring, _values(colouring)), "u1"),
                "low": float(colouring.values.min()),
                "high": float(colouring.values.max()),
                "values": packed(_steps(colouring), "u1"),
            }
            for colouring in passage.colourings
            if passage.guesses is None or len(passage.colourings) > 1
        ],
    }
    if (guesses := passage.guesses) is not None:
        hundredths = (np.rint(100 * each) for each in (guesses.bits, guesses.entropy))
        bits, entropy = (packed(np.clip(each, 0, 65535), "u2") for each in hundredths)
        data["guesses"] = {
            "bits": bits,
            "entropy": entropy,
            "symbols": packed(alphabet.numbers("".join(guesses.symbols), encoding), "u4"),
            "chances": packed(np.rint(65535 * guesses.shares).ravel(), "u2"),
        }
    return data


def draw_distributions(found: Distributions, encoding: str) -> Markup:
    """The first one as a table at each temperature; the script lets choose one, and its temperature."""
    name, first = found.name, found.distributions[0]
    choice = element("select", id=f"{name}-choice")
    slider = element(
        "input", id=f"{name}-temperature", type="range", min="0", max="2", step="0.05", value="1"
    )
    told = element("output", id=f"{name}-told", for_=f"{name}-temperature")
    temperatures = zip(found.temperatures, first.entropy, strict=True)
    head = ["next", *(f"temperature {t:g}: {bits:.2f} bits" for t, bits in temperatures)]
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
