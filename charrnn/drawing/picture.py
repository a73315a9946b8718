"""A figure as a picture, drawn by matplotlib (the extra ``plot``): the blocks of ``Figure.picture``, one below the other.

What lines and bars mean is told by their form too, not by colour alone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from charrnn.drawing.colours import LINES, of_series
from charrnn.drawing.figure import (
    Bar,
    Block,
    Chart,
    Distributions,
    Figure,
    Histogram,
    Map,
    Matrix,
    Panel,
    Panels,
    Passage,
    Profile,
    Rule,
    Scatter,
    Table,
)
from charrnn.drawing.signs import in_words, named
from charrnn.errors import InputError
from charrnn.words import decimals

try:
    from matplotlib import figure as canvas
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.ticker import PercentFormatter
except ImportError:
    raise InputError("pictures need matplotlib: pip install matplotlib") from None

STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.prop_cycle": f"cycler('color', {list(LINES)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "charrnn",  # the same picture, the same file
}
FORMS = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Of lines, beside their colours."""
HATCHES = ("", "//", "..", "xx", "\\\\")
"""Of bars."""

DPI = 150
ROW = 80  # characters of a passage beside each other
FEW = 40  # points of a line that are marked one by one
LONGEST = 24  # characters of a name
ROOM = 0.03  # share of an axis that is left free at its ends, so that no point is cut

Place = canvas.Figure | canvas.SubFigure


def render(figure: Figure, kind: str) -> bytes:
    """A file that holds the picture of a figure.

    Args:
        kind: ``png`` or ``svg``.

    Raises:
        InputError: It has none.
    """
    if not figure.picture:
        raise InputError(figure.no_picture)
    title, description = (in_words(p, figure.encoding) for p in (figure.title, figure.description))
    metadata: dict[str, str | None] = {"Title": title, "Description": description}
    metadata |= {"Date": None, "Creator": "charrnn"} if kind == "svg" else {}
    buffer = io.BytesIO()
    with rc_context(STYLE), catch_warnings():
        simplefilter("ignore")  # a character that the font lacks is a box, which is seen
        _picture(figure, title).savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    data = buffer.getvalue()
    return _told(data, description) if kind == "svg" else data


def _told(svg: bytes, description: str) -> bytes:
    """An SVG that says what it shows: matplotlib puts its title where it is read out, but no more."""
    told = f"</title>\n <desc>{escape(description)}</desc>".encode()
    return svg.replace(b"<svg ", b'<svg role="img" ', 1).replace(b"</title>", told, 1)


def _picture(figure: Figure, title: str) -> canvas.Figure:
    """All blocks, each as high as it needs."""
    sizes = [_size(block) for block in figure.picture]
    heights = [height for _, height in sizes]
    whole = canvas.Figure(figsize=(max(width for width, _ in sizes), 0.3 + sum(heights)))
    whole.suptitle(_safe(title), fontsize="medium")
    parts = whole.subfigures(len(sizes), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, block in zip(parts, figure.picture, strict=True):
        _draw(part, block, figure.encoding)
    return whole


def _size(block: Block) -> tuple[float, float]:
    """Inches, across and upwards."""
    if isinstance(block, Passage):
        return 11, 0.4 + 1.1 * -(-len(block.text) // ROW)
    if isinstance(block, Table):
        return 7, 0.5 + 0.3 * len(block.rows)
    if isinstance(block, Panels):
        columns, rows = _grid(block)
        one = (2, 1.5) if block.narrow else (2.4, 2.5) if columns > 2 else (4.2, 4)
        return columns * one[0], rows * one[1]
    if isinstance(block, Matrix):
        return 8, 3 + 0.22 * len(block.names)
    return 8, 4


def _grid(panels: Panels) -> tuple[int, int]:
    columns = min(panels.columns, len(panels.panels))
    return columns, -(-len(panels.panels) // columns)


def _draw(place: Place, block: Block, encoding: str) -> None:
    if isinstance(block, Panels):
        columns, rows = _grid(block)
        all_axes = place.subplots(rows, columns, squeeze=False).ravel()
        for axes in all_axes[len(block.panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(all_axes, block.panels, strict=False):
            axes.set_title(_safe(panel.title), fontsize="small" if block.narrow else "medium")
            _panel(axes, panel, encoding)
    elif isinstance(block, Panel):
        _panel(place.subplots(), block, encoding)
    elif isinstance(block, Passage):
        _passage(place, block, encoding)
    elif isinstance(block, Distributions):
        _distributions(place.subplots(), block, encoding)
    elif isinstance(block, Table):
        _bars(place.subplots(), block, encoding)
    else:
        raise TypeError(f"no way to draw {type(block).__name__}")


# -------------------------------------------------------------------------------- over two axes


def _panel(axes: Axes, panel: Panel, encoding: str) -> None:
    """What is drawn, what the axes mean, and where they end, with a little room beyond."""
    if isinstance(panel, Chart):
        _lines(axes, panel)
    elif isinstance(panel, Scatter):
        colour = of_series(panel.series)
        axes.scatter(*panel.points, s=14, alpha=0.5, linewidth=0, color=colour)
        axes.set_aspect("equal")
        _rules(axes, panel.rules)
    elif isinstance(panel, Histogram):
        axes.stairs(panel.counts, panel.edges, fill=True, color=of_series(panel.series))
    elif isinstance(panel, Map):
        _map(axes, panel, encoding)
    elif isinstance(panel, Matrix):
        _matrix(axes, panel, encoding)
    room = 0 if isinstance(panel, Chart) else ROOM
    for name, axis in (("x", panel.x), ("y", panel.y)):
        found: dict[str, Any] = {"label": _safe(axis.label)}
        if axis.log:
            found["scale"] = "log"
        if axis.low is not None and axis.high is not None:
            beyond = room * (axis.high - axis.low)
            found["lim"] = axis.low - beyond, axis.high + beyond
        if axis.bare:
            found["ticks"] = []
        axes.set(**{f"{name}{key}": value for key, value in found.items()})


def _lines(axes: Axes, chart: Chart) -> None:
    """Curves; the legend stands beside them if it has a title."""
    for number, line in enumerate(chart.lines):
        if not len(line.x):
            continue
        colour = of_series(number)
        axes.plot(
            line.x,
            line.y,
            color=colour,
            linestyle=FORMS[number % len(FORMS)],
            linewidth=2.2 if line.strong else 1.5,
            marker="o" if len(line.x) <= FEW else "",
            markersize=3,
            label=_safe(f"{line.name}: {line.told}" if line.told else line.name),
        )
        if line.band:
            axes.fill_between(line.x, *line.band, color=colour, alpha=0.12, linewidth=0)
    _rules(axes, chart.rules)
    if chart.legend:
        title = "\n".join(map(_safe, chart.legend.split("\n")))
        axes.figure.legend(loc="outside right center", title=title)
    else:
        axes.legend(fontsize="small")


def _rules(axes: Axes, rules: Sequence[Rule]) -> None:
    for rule in rules:
        ends = zip(rule.start, rule.end, strict=True)
        axes.plot(*ends, color="black", linewidth=0.8, linestyle=(0, (1, 3)))
        axes.annotate(_safe(rule.name), rule.start, (4, 2), textcoords="offset points")


def _matrix(axes: Axes, found: Matrix, encoding: str) -> None:
    """Squares as dark as their shares, with a scale beside."""
    names, columns = (
        [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in several]
        for several in (
            [_safe(in_words(name, encoding)) for name in names]
            for names in (found.names, found.columns)
        )
    )
    shown = axes.imshow(np.array(found.shares), cmap="Blues", vmin=0, vmax=1)
    turned = 90 if max(map(len, columns), default=0) > 2 else 0
    axes.set_xticks(range(len(columns)), columns, rotation=turned, fontsize="small")
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.grid(visible=False)
    axes.figure.colorbar(shown, ax=axes, format=PercentFormatter(1))


def _map(axes: Axes, found: Map, encoding: str) -> None:
    """Symbols at their places."""
    for place in found.places:
        axes.annotate(
            in_words(place.word, encoding),
            (place.x, place.y),
            color=of_series(place.series),
            ha="center",
            va="center",
            parse_math=False,
        )
    places = np.array([(place.x, place.y) for place in found.places])
    low, high = places.min(axis=0), places.max(axis=0)
    room = 2 * ROOM * np.maximum(high - low, 1e-9)
    (left, bottom), (right, top) = low - room, high + room
    axes.set(xlim=(left, right), ylim=(bottom, top))


# ---------------------------------------------------------------------------------- texts and bars


def _passage(place: Place, passage: Passage, encoding: str) -> None:
    """Rows of a text, above each character a bar of its first colouring's value."""
    colouring = passage.colourings[0]
    values = np.nan_to_num(colouring.values)
    rows = -(-len(passage.text) // ROW)
    for row, axes in enumerate(place.subplots(rows, 1, squeeze=False, sharey=True)[:, 0]):
        part = slice(row * ROW, (row + 1) * ROW)
        bars = axes.bar(range(len(values[part])), values[part], width=0.8)
        if passage.at is not None and passage.at // ROW == row:
            bars[passage.at % ROW].set(color=LINES[1], hatch=HATCHES[1])
        _under(axes, passage.text[part], encoding)
        axes.set_xlim(-1, ROW)
        axes.tick_params(axis="x", length=0)
    place.supylabel(_safe(colouring.unit.rstrip(":")), fontsize="small")


def _distributions(axes: Axes, found: Distributions, encoding: str) -> None:
    """Of the first one: a group of bars for each symbol, a bar for each temperature."""
    shown = found.distributions[0]
    order = shown.order()[: found.most]
    width = 0.8 / len(found.temperatures)
    for number, temperature in enumerate(found.temperatures):
        axes.bar(
            np.arange(len(order)) + (number + 0.5) * width - 0.4,
            shown.shares[number, order],
            width,
            hatch=HATCHES[number % len(HATCHES)],
            edgecolor="white",
            label=f"temperature {temperature:g}: {decimals(shown.entropy[number], 2)} bits",
        )
    _under(axes, "".join(found.symbols[n] for n in order), encoding)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()


def _under(axes: Axes, text: str, encoding: str) -> None:
    """A character under each bar."""
    signs = [named(character, encoding) for character in text]
    axes.set_xticks(range(len(signs)), signs, family="monospace", parse_math=False)
    axes.grid(axis="x", visible=False)


def _bars(axes: Axes, table: Table, encoding: str) -> None:
    """A table whose rows each have a bar, after words that name it."""
    names = []
    for number, row in enumerate(table.rows):
        place, bar = next((n, cell) for n, cell in enumerate(row) if isinstance(cell, Bar))
        before = (cell for cell in row[:place] if not isinstance(cell, Bar | Profile))
        names.append("  ".join(in_words(cell, encoding) for cell in before))
        hatch = HATCHES[bool(bar.negative)]
        axes.barh(number, bar.share, color=LINES[0], hatch=hatch, edgecolor="white")
        at = (bar.share, number)
        axes.annotate(_safe(bar.label), at, (4, 0), textcoords="offset points", va="center")
        name = table.columns[place].name
        axes.set_xlabel(_safe(name if bar.negative is None else f"|{name}|"))
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15)
    axes.grid(axis="y", visible=False)


def _safe(text: str) -> str:
    """Words as matplotlib draws them: no formula, and nothing that a file cannot hold."""
    return in_words(text).replace("$", r"\$")
