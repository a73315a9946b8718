"""Texts in colours and distributions, with what their script needs to go through them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import signs
from charrnn.drawing.figure import Colouring, Distributions, Passage
from charrnn.drawing.page.document import packed
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.page.words import marked, plain, rows_of
from charrnn.nn.parameters import Array
from charrnn.words import decimals, percent

LEVELS = 9  # colours of a scale
FINEST = 255  # steps that values are rounded to


class Script:
    """What the page's script reads; the characters that the page speaks of are numbers there, each named once.

    Attributes:
        data: Passages and distributions by their names, and how each character is written where it stands alone.
    """

    def __init__(self) -> None:
        self.data: dict[str, Any] = {"passages": {}, "distributions": {}, "names": []}
        self._numbers: dict[tuple[str, str], int] = {}

    def packed(self, text: str, encoding: str) -> dict[str, str]:
        """The number of each character."""
        for character in dict.fromkeys(text):
            if (character, encoding) not in self._numbers:
                self._numbers[character, encoding] = len(self._numbers)
                self.data["names"].append(signs.named(character, encoding))
        return packed([self._numbers[character, encoding] for character in text], "u4")


def draw_passage(passage: Passage, encoding: str, script: Script) -> Markup:
    """A text, a colour for each character; its script tells of each, and colours it anew."""
    script.data["passages"][passage.name] = _passage_data(passage, encoding, script)
    first, name, unit = passage.colourings[0], passage.name, passage.unit
    several = len(passage.colourings) > 1
    steps, levels_of_steps = _steps(first)
    # With guesses the script knows bits and no steps; else it colours by them.
    levels = _levels(first, first.values) if passage.guesses else levels_of_steps[steps]
    spans = (
        element("span", signs.shown(c, encoding), "\n" * (c == "\n"), class_=f"{_letter(first)}{n}")
        for c, n in zip(passage.text, levels, strict=True)
    )
    choice = element("label", "coloured by ", element("select", id=f"{name}-choice"))
    slider = element(
        "input", id=f"{name}-place", type="range", min="1", max=len(passage.text), value="1"
    )
    legend = (element("span", words, class_=colour) for colour, words in _legend(first))
    return joined(
        (
            element("div", choice, class_="controls scripted", hidden=True) if several else "",
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
                aria_label=f"Text, coloured {unit} by {unit}; arrow keys go through it",
            ),
            element(
                "div", element("label", f"{unit} ", slider), class_="controls scripted", hidden=True
            ),
            element(
                "div", id=f"{name}-told", class_="told guesses-told" if passage.guesses else "told"
            ),
        )
    )


def _passage_data(passage: Passage, encoding: str, script: Script) -> dict[str, Any]:
    """What the script reads: bits in hundredths, chances in 65535ths, values in 255ths."""
    data: dict[str, Any] = {
        "unit": passage.unit,
        "first": passage.first,
        "characters": script.packed(passage.text, encoding),
        "colourings": [
            _colouring_data(colouring)
            for colouring in passage.colourings
            if passage.guesses is None or len(passage.colourings) > 1
        ],
    }
    if (guesses := passage.guesses) is not None:
        bits, entropy = (
            packed(np.clip(np.rint(100 * each), 0, 65535), "u2")
            for each in (guesses.bits, guesses.entropy)
        )
        data["guesses"] = {
            "bits": bits,
            "entropy": entropy,
            "symbols": script.packed("".join(guesses.symbols), encoding),
            "chances": packed(np.rint(65535 * guesses.shares).ravel(), "u2"),
        }
    return data


def _colouring_data(colouring: Colouring) -> dict[str, Any]:
    steps, levels = _steps(colouring)
    return {
        "name": colouring.name,
        "label": _label(colouring),
        "unit": colouring.unit,
        "legend": _legend(colouring),
        "letter": _letter(colouring),
        "levels": packed(levels, "u1"),
        "low": float(colouring.values.min()),
        "high": float(colouring.values.max()),
        "values": packed(steps, "u1"),
    }


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


def _steps(colouring: Colouring) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Values as the script gets them, 0 for the least, 255 for the largest; and the colour of each such step."""
    low, high = colouring.values.min(), colouring.values.max()
    shares = (colouring.values - low) / (float(high - low) or 1.0)
    steps = np.rint(FINEST * shares).astype(np.uint8)
    return steps, _levels(colouring, np.linspace(low, high, FINEST + 1))


def _legend(colouring: Colouring) -> list[tuple[str, str]]:
    """A few values of the scale, each after the class of its colour."""
    levels = (0, LEVELS // 2, LEVELS - 1) if colouring.signed else range(LEVELS)
    return [(f"{_letter(colouring)}{n}", colouring.written(n / (LEVELS - 1))) for n in levels]


def draw_distributions(found: Distributions, encoding: str, script: Script) -> Markup:
    """The first one as a table at each temperature; the script lets choose one, and its temperature."""
    name = found.name
    script.data["distributions"][name] = {
        "most": found.most,
        "symbols": script.packed(found.symbols, encoding),
        "distributions": [
            {"before": plain(one.before, encoding), "scores": packed(one.scores, "f4")}
            for one in found.distributions
        ],
    }
    choice = element("select", id=f"{name}-choice")
    slider = element(
        "input", id=f"{name}-temperature", type="range", min="0", max="2", step="0.05", value="1"
    )
    told = element("output", id=f"{name}-told", for_=f"{name}-temperature")
    temperatures = zip(found.temperatures, found.distributions[0].entropy, strict=True)
    head = ["next", *(f"temperature {t:g}: {decimals(bits, 2)} bits" for t, bits in temperatures)]
    rows = [(marked(symbols, encoding), *map(percent, shares)) for symbols, shares in found.rows()]
    controls = (element("label", "after ", choice), element("label", "temperature ", slider, told))
    return joined(
        (
            element("div", *controls, class_="controls scripted", hidden=True),
            rows_of(head, rows, [n > 0 for n in range(len(head))], name=f"{name}-table"),
        )
    )
