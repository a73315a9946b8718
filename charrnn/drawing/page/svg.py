"""Panels as inline SVG. Colours and dashes are classes of ``page.css``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from charrnn.drawing import figure
from charrnn.drawing.figure import Chart, Histogram, Line, Map, Matrix, Panel, Rule, Scatter
from charrnn.drawing.page.markup import Markup, element
from charrnn.drawing.page.words import plain
from charrnn.drawing.ticks import ticks

SERIES = 5  # colours and dashes that page.css has, l0 to l4
TICK = 55  # room that a number at the x axis takes, and twice that at the y axis
ROW, MARGIN = 20, 20  # height of a chart: of a terminal's row, and beside them
SCALE = 1.2  # CSS pixels for a unit of a chart that stands alone
CELL, LONGEST_NAME = 18, 24  # of a matrix: size of a square, characters of a name
SQUARE, SMALL, PANEL, PLANE = (160, 160), (150, 70), (300, 200), (420, 340)


@dataclass(frozen=True)
class Axis:
    """A range of numbers, and whether it is logarithmic (both ends above 0, then)."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:  # one value, or none, needs a range around it
            object.__setattr__(self, "low", self.low / 2 if self.log else self.low - 0.5)
            object.__setattr__(self, "high", self.high * 2 if self.log else self.high + 0.5)

    @classmethod
    def of(cls, axis: figure.Axis, values: Iterable[float], room: float = 0.05) -> Axis:
        """Around values, with some room beside, unless its ends are set; those of a logarithmic one only bound it."""
        finite = [float(value) for value in values if math.isfinite(value)]
        if axis.log:
            usable = [value for value in finite if value > 0] or [1.0]
            low = max(min(usable), axis.low or 0)
            high = min(2 * max(usable), axis.high or math.inf)
            return cls(10.0 ** math.floor(math.log10(low)), high, log=True)
        low, high = min(finite, default=0.0), max(finite, default=0.0)
        room *= high - low
        return cls(
            low - room if axis.low is None else axis.low,
            high + room if axis.high is None else axis.high,
        )

    def share(self, value: float) -> float:
        """Where a number lies: 0 at the low end, 1 at the high one, and not beyond."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = (math.log10(max(each, 5e-324)) for each in (low, high, value))
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self, room: float) -> Mapping[float, str]:
        """Round numbers, as they are written; not more than there is room for."""
        most = max(3, int(room / TICK))
        if not self.log:
            return ticks(self.low, self.high, most)
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        step = max(1, -(-(last - first + 1) // most))
        return {
            10.0**n: f"{10.0**n:,g}" if -3 <= n <= 3 else f"1e{n}"
            for n in range(first, last + 1, step)
        }


@dataclass(frozen=True)
class Plane:
    """The room between two axes, in units of which a letter is some 12 high."""

    x: Axis
    y: Axis
    width: int
    height: int

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the plane."""
        return self.x.share(x) * self.width, (1 - self.y.share(y)) * self.height


def _pair(place: tuple[float, float]) -> str:
    """A point in a path."""
    return "{:.1f} {:.1f}".format(*place).replace(".0", "")


def draw_panel(panel: Panel, encoding: str, *, alone: bool) -> Markup:
    """A picture with a title and a description for those who do not see it; ``alone`` a chart is larger."""
    scale = 1.0
    names: list[str] = []
    if isinstance(panel, Chart):
        x = Axis.of(panel.x, (x for line in panel.lines for x in line.x), room=0)
        y = Axis.of(panel.y, (y for line in panel.lines for y in line.y))
        plane = Plane(x, y, *((480, ROW * panel.height + MARGIN) if alone else PANEL))
        names, scale = [line.name for line in panel.lines], SCALE if alone else 1.0
        parts = [*_lines(plane, panel.lines), *_rules(plane, panel.rules)]
    elif isinstance(panel, Scatter):
        x, y = map(Axis.of, (panel.x, panel.y), panel.points)
        plane = Plane(x, y, *SQUARE)
        parts = [*_rules(plane, panel.rules), _points(plane, panel)]
    elif isinstance(panel, Histogram):
        x, y = Axis(panel.edges[0], panel.edges[-1], panel.x.log), Axis(0, max(panel.counts))
        plane = Plane(x, y, *(SMALL if panel.y.bare else SQUARE))
        parts = list(_bars(plane, panel))
    elif isinstance(panel, Map):
        x = Axis.of(panel.x, (place.x for place in panel.places))
        y = Axis.of(panel.y, (place.y for place in panel.places))
        plane = Plane(x, y, *PLANE)
        parts = list(_places(plane, panel, encoding))
    elif isinstance(panel, Matrix):
        return _matrix(panel, encoding)
    else:
        raise TypeError(f"no way to draw {type(panel).__name__}")
    left, below = (10 if panel.y.bare else 52), (36 if panel.x.label else 22)
    above = 38 if panel.y.label and not panel.y.bare else 24
    beside = 24 + 7 * max(map(len, names), default=-2)
    whole = left + plane.width + beside, above + plane.height + below
    name, frame = panel.name, _frame(plane, panel.x, panel.y)
    return element(
        "svg",
        element("title", panel.title, id=f"{name}-title"),
        element("desc", plain(panel.description, encoding), id=f"{name}-words"),
        element("text", panel.title, x=left, y=14, class_="title"),
        element("g", *frame, *parts, transform=f"translate({left},{above})"),
        element("g", *_legend(names), transform=f"translate({left + plane.width + 8},{above})"),
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-words",
        viewBox=f"0 0 {whole[0]} {whole[1]}",
        style=f"width:{whole[0] * scale:g}px",
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _matrix(found: Matrix, encoding: str) -> Markup:
    """Squares as dark as their shares, each told where the mouse rests on it; names on the left and upright below."""
    names, columns = (
        [plain(name, encoding) for name in several] for several in (found.names, found.columns)
    )
    height, width = CELL * len(names), CELL * len(columns)
    room, below = (
        14 + 7 * min(LONGEST_NAME, max(map(len, several), default=0))
        for several in (names, columns)
    )
    parts = []
    for column, name in enumerate(columns):
        turned = f"translate({CELL * (column + 0.5) + 4},{height + 6}) rotate(-90)"
        parts.append(element("text", _short(name), class_="end", transform=turned))
    for row, (name, shares) in enumerate(zip(names, found.shares, strict=True)):
        parts.append(element("text", _short(name), x=-6, y=CELL * (row + 0.5) + 4, class_="end"))
        for column, share in enumerate(shares):
            if share:
                told = f"{name}: {share:.1%} {columns[column]}"
                parts.append(
                    element(
                        "rect",
                        element("title", told),
                        x=CELL * column,
                        y=CELL * row,
                        width=CELL - 1,
                        height=CELL - 1,
                        fill_opacity=round(max(0.06, share), 3),
                        class_="f0",
                    )
                )
    parts.append(element("path", d=f"M0 0V{height}H{width}", class_="axis"))
    whole = room + width + 20, 30 + height + below
    name = found.name
    return element(
        "svg",
        element("title", found.title, id=f"{name}-title"),
        element("desc", plain(found.description, "utf-8"), id=f"{name}-words"),
        element("text", found.title, x=0, y=14, class_="title"),
        element("g", *parts, transform=f"translate({room},26)"),
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-words",
        viewBox=f"0 0 {whole[0]} {whole[1]}",
        style=f"width:{whole[0] * SCALE:g}px",
    )


def _frame(plane: Plane, x: figure.Axis, y: figure.Axis) -> Iterator[Markup]:
    """Grid, numbers and labels."""
    right, bottom = plane.width, plane.height
    if not x.bare:
        for value, text in plane.x.ticks(right).items():
            at = plane.at(value, plane.y.low)[0]
            yield element("line", x1=at, y1=0, x2=at, y2=bottom, class_="grid")
            yield element("text", text, x=at, y=bottom + 15, class_="middle")
    if not y.bare:
        for value, text in plane.y.ticks(2 * bottom).items():
            at = plane.at(plane.x.low, value)[1]
            yield element("line", x1=0, y1=at, x2=right, y2=at, class_="grid")
            yield element("text", text, x=-6, y=at + 4, class_="end")
    yield element("path", d=f"M0 0V{bottom}H{right}", class_="axis")
    if x.label:
        yield element("text", x.label, x=right, y=bottom + 31, class_="end label")
    if y.label and not y.bare:
        yield element("text", y.label, x=-46, y=-10, class_="label")


def _legend(names: Sequence[str]) -> Iterator[Markup]:
    """The names of lines, beside the plane."""
    for number, name in enumerate(names):
        y = 8 + 18 * number
        yield element("path", d=f"M0 {y}h22", class_=f"line l{number % SERIES}")
        yield element("text", name, x=27, y=y + 4)


def _lines(plane: Plane, lines: Sequence[Line]) -> Iterator[Markup]:
    """Lines, each above its band, broken where a number is not finite."""
    for number, line in enumerate(lines):
        if line.band is not None:
            rows = zip(line.x, *line.band, strict=True)
            known = [row for row in rows if all(map(math.isfinite, row))]
            there = [_pair(plane.at(x, high)) for x, _, high in known]
            back = [_pair(plane.at(x, low)) for x, low, _ in reversed(known)]
            if known:
                path = "M" + "L".join(there + back) + "Z"
                yield element("path", d=path, class_=f"band f{number % SERIES}")
        steps, pen = [], "M"
        for x, y in zip(line.x, line.y, strict=True):
            if not math.isfinite(y) or (plane.y.log and y <= 0):
                pen = "M"
                continue
            steps.append(f"{pen}{_pair(plane.at(x, y))}")
            pen = "L"
        if steps:
            path = "".join(steps) + ("h0" if len(steps) == 1 else "")
            yield element("path", d=path, class_=f"line l{number % SERIES}")


def _rules(plane: Plane, rules: Sequence[Rule]) -> Iterator[Markup]:
    """Thin straight lines, with a word at the end."""
    for rule in rules:
        (x1, y1), (x2, y2) = plane.at(*rule.start), plane.at(*rule.end)
        yield element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="rule")
        if rule.name:
            yield element("text", rule.name, x=x2 - 4, y=y2 - 4, class_="end")


def _points(plane: Plane, scatter: Scatter) -> Markup:
    """Dots; those at one place are drawn once."""
    places = sorted({plane.at(x, y) for x, y in zip(*scatter.points, strict=True)})
    path = "".join(f"M{_pair(place)}h0" for place in places)
    return element("path", d=path, class_=f"dots l{scatter.series % SERIES}")


def _bars(plane: Plane, found: Histogram) -> Iterator[Markup]:
    """From the bottom of the plane."""
    for (left, right), count in zip(pairwise(found.edges), found.counts, strict=True):
        (a, top), (b, _) = plane.at(left, count), plane.at(right, count)
        if top < plane.height:
            yield element(
                "rect",
                x=a,
                y=top,
                width=max(0.5, b - a - 0.5),
                height=plane.height - top,
                class_=f"f{found.series % SERIES}",
            )


def _places(plane: Plane, found: Map, encoding: str) -> Iterator[Markup]:
    """Symbols, and what is told of each where the mouse rests on it."""
    for place in found.places:
        x, y = plane.at(place.x, place.y)
        yield element(
            "text",
            element("title", plain(place.told, encoding)),
            plain(place.word, encoding),
            x=x,
            y=y + 4,
            class_=f"word w{place.series % SERIES}",
        )
