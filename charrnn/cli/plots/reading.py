"""Pictures of a run and of a model that reads: losses, surprise, what could follow, units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from charrnn.cli.plots import FORMS, Picture, sign, words
from charrnn.cli.views import comparison as comparison_view
from charrnn.cli.views import following as following_view
from charrnn.cli.views import neurons as neurons_view
from charrnn.cli.views import surprise as surprise_view
from charrnn.cli.views.card import in_words, loss_curves
from charrnn.config import TextConfig
from charrnn.drawing.terminal.chart import Curve
from charrnn.errors import InputError

LINE = 80  # characters of a text in a row
ROWS = 12  # of them, at most


def card(found: Mapping[str, Any]) -> Picture:
    """The losses of a run."""
    kind, name = TextConfig(**found["config"]["text"]), Path(found["checkpoint"]).name
    curves = loss_curves(found["history"])
    return _losses(curves, "epochs", f"nats/{kind.symbol}", f"Loss of {name}", in_words(found))


def comparison(found: comparison_view.Found) -> Picture:
    """The losses of several runs."""
    curves, x, y = comparison_view.curves(found)
    names = dict(zip("ABCDEFGH", found.names, strict=False))
    curves = [Curve(names[curve.name], curve.x, curve.y) for curve in curves if curve.x]
    ends = "; ".join(f"{curve.name} {curve.y[-1]:.4f}" for curve in curves)
    return _losses(curves, x, y, "Runs side by side", f"Last values: {ends}.")


def _losses(curves: Sequence[Curve], x: str, y: str, title: str, told: str) -> Picture:
    if not curves:
        raise InputError("there is no picture before the first evaluation")
    figure = Figure(figsize=(7, 4))
    axes = figure.add_subplot()
    for number, curve in enumerate(curves):
        axes.plot(
            curve.x,
            curve.y,
            linestyle=FORMS[number % len(FORMS)],
            marker="o",
            markersize=3,
            label=words(curve.name),
        )
    axes.set(xlabel=x, ylabel=y, title=words(title))
    axes.legend()
    return Picture(figure, title, f"Curves of {y} over {x}. {told}")


def surprise(found: surprise_view.Found) -> Picture:
    """The head of a text, each character above a bar as high as its bits."""
    whole = found.surprise
    rows = min(ROWS, -(-len(whole.text) // LINE))
    figure = Figure(figsize=(11, 1.1 * rows + 0.8))
    for row, axes in enumerate(figure.subplots(rows, 1, squeeze=False, sharey=True)[:, 0]):
        part = slice(row * LINE, (row + 1) * LINE)
        axes.bar(range(len(whole.text[part])), whole.bits[part], width=0.8)
        axes.set_xticks(
            range(len(whole.text[part])),
            [sign(character, found.kind.encoding) for character in whole.text[part]],
            family="monospace",
            parse_math=False,
        )
        axes.set_xlim(-1, LINE)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("bits")
    title = f"Surprise: {whole.bits_per_char:.3f} bits/{found.kind.symbol}"
    figure.suptitle(title)
    places = ", ".join(
        f"{sign(whole.text[place], found.kind.encoding)} at {place + 1} ({whole.bits[place]:.1f})"
        for place in whole.most_surprising(5)
    )
    return Picture(
        figure,
        title,
        f"The first {min(len(whole.text), rows * LINE):,} {found.kind.unit}s of {found.source}, each "
        f"with a bar of as many bits as it surprised the model by. Most surprising: {places}.",
    )


def following(found: following_view.Found) -> Picture:
    """Bars of what could follow, a group for each character, a bar for each temperature."""
    whole = found.following
    order = following_view.likeliest(found.following)[: following_view.ROWS]
    names = [sign(whole.characters[place], found.kind.encoding) for place in order]
    figure = Figure(figsize=(8, 4))
    axes = figure.add_subplot()
    width = 0.8 / len(whole.temperatures)
    hatches = ("", "//", "..", "xx", "\\\\")
    for number, temperature in enumerate(whole.temperatures):
        axes.bar(
            np.arange(len(order)) + (number + 0.5) * width - 0.4,
            whole.probabilities[number, order],
            width,
            hatch=hatches[number % len(hatches)],
            edgecolor="white",
            label=f"temperature {temperature:g}: {whole.entropy[number]:.2f} bits",
        )
    axes.set_xticks(range(len(order)), names, family="monospace", parse_math=False)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(axis="x", visible=False)
    axes.legend()
    prime = "".join(sign(character, found.kind.encoding) for character in whole.prime[-40:])
    title = f"What could follow “{prime}”"
    axes.set_title(words(title))
    first = ", ".join(
        f"{name} {whole.probabilities[0, place]:.1%}"
        for name, place in zip(names[:3], order, strict=False)
    )
    return Picture(
        figure,
        title,
        f"Bars of the probabilities of the likeliest {len(order)} characters at each temperature. At "
        f"temperature {whole.temperatures[0]:g}: {first}.",
    )


def neurons(found: neurons_view.Found) -> Picture:
    """For each feature of the text the unit that follows it most closely."""
    whole = found.neurons
    if not whole.features:
        raise InputError("the text is too short: nothing in it varies")
    ranked = whole.ranked()[::-1]
    best = [whole.best(feature, 1)[0] for feature in ranked]
    names = [whole.features[feature] for feature in ranked]
    figure = Figure(figsize=(7, 0.3 * len(ranked) + 1))
    axes = figure.add_subplot()
    axes.barh(names, [abs(r) for _, r in best])
    for row, (unit, r) in enumerate(best):
        axes.annotate(
            f"{unit} ({r:+.2f})", (abs(r), row), (4, 0), textcoords="offset points", va="center"
        )
    axes.set_xlim(0, 1.15)
    axes.set_xlabel("|r| of a feature of the text and a unit's state")
    axes.grid(axis="y", visible=False)
    title = "The unit that follows each feature most closely"
    axes.set_title(title)
    told = "; ".join(
        f"{name}: unit {unit}, r {r:+.2f}"
        for name, (unit, r) in zip(names[::-1], best[::-1], strict=True)
    )
    return Picture(figure, title, f"Bars of correlations. {told}.")
