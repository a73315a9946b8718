"""Charts, points, histograms and maps as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from charrnn.drawing import figure
from charrnn.drawing.figure import Chart, Histogram, Map, Panel, Scatter
from charrnn.drawing.page.markup import Markup
from charrnn.drawing.page.phrase import plain
from charrnn.drawing.page.svg import Axis, Plot

ROW, MARGIN = 20, 20  # height of a chart: of a terminal's row, and beside them
SCALE = 1.2  # CSS pixels for a unit of a chart that stands alone
SQUARE, SMALL, PANEL, PLANE = (160, 160), (150, 70), (300, 200), (420, 340)


def drawn(panel: Panel, encoding: str, *, alone: bool) -> Markup:
    """A picture with its title and description; ``alone`` it is larger than among others."""
    if isinstance(panel, Chart):
        return _chart(panel, alone=alone)
    if isinstance(panel, Scatter):
        return _scatter(panel)
    if isinstance(panel, Histogram):
        return _histogram(panel)
    return _map(panel, encoding)


def _axis(axis: figure.Axis, values: Iterable[float], room: float = 0.05) -> Axis:
    """Around values, unless its ends are set; those of a logarithmic one only bound it."""
    finite = [value for value in values if math.isfinite(value)]
    if axis.log:
        usable = [value for value in finite if value > 0] or [1.0]
        low = max(min(usable), axis.low or 0)
        high = min(2 * max(usable), axis.high or math.inf)
        return Axis(10.0 ** math.floor(math.log10(low)), high, axis.label, log=True)
    around = Axis.around(finite, axis.label, room)
    low = around.low if axis.low is None else axis.low
    return Axis(low, around.high if axis.high is None else axis.high, axis.label)


def _chart(chart: Chart, *, alone: bool) -> Markup:
    lines = chart.lines
    x = _axis(chart.x, (x for line in lines for x in line.x), room=0)
    y = _axis(chart.y, (y for line in lines for y in line.y))
    width, height = (480, ROW * chart.height + MARGIN) if alone else PANEL
    plot = Plot(x, y, width, height, chart.y.bare, SCALE if alone else 1.0)
    for number, line in enumerate(lines):
        if line.band is not None:
            low, high = line.band
            plot.band(line.x, low, high, number)
        plot.line(line.x, line.y, number, line.name)
    _rules(plot, chart.rules)
    return plot.svg(chart.name, chart.title, chart.description)


def _scatter(scatter: Scatter) -> Markup:
    across, up = scatter.points
    plot = Plot(_axis(scatter.x, across), _axis(scatter.y, up), *SQUARE)
    _rules(plot, scatter.rules)
    plot.points(across, up, scatter.series)
    return plot.svg(scatter.name, scatter.title, scatter.description)


def _histogram(histogram: Histogram) -> Markup:
    edges, bare = histogram.edges, histogram.y.bare
    x = Axis(edges[0], edges[-1], histogram.x.label, histogram.x.log)
    y = Axis(0, float(max(histogram.counts)), histogram.y.label)
    plot = Plot(x, y, *(SMALL if bare else SQUARE), bare)
    plot.bars(edges, histogram.counts, histogram.series)
    return plot.svg(histogram.name, histogram.title, histogram.description)


def _map(found: Map, encoding: str) -> Markup:
    places = np.array([(place.x, place.y) for place in found.places])
    plot = Plot(_axis(found.x, places[:, 0]), _axis(found.y, places[:, 1]), *PLANE, bare=True)
    for place in found.places:
        word, told = plain(place.symbols, encoding), plain(place.told, encoding)
        plot.word(place.x, place.y, word, place.series, told)
    return plot.svg(found.name, found.title, plain(found.description, encoding))


def _rules(plot: Plot, rules: Sequence[figure.Rule]) -> None:
    for rule in rules:
        plot.rule(rule.start, rule.end, rule.name)
