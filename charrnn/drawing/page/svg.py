"""Small pictures with axes, as inline SVG. Colours and dashes are classes of ``page.css``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from charrnn.drawing.page.markup import Markup, element
from charrnn.drawing.ticks import ticks

SERIES = 5  # colours and dashes that page.css has, l0 to l4
TICK = 55  # room that a number at the x axis takes, and twice that at the y axis


@dataclass(frozen=True)
class Axis:
    """A range of numbers, its name, and whether it is logarithmic (both ends above 0, then)."""

    low: float
    high: float
    label: str = ""
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:  # one value, or none, needs a range around it
            object.__setattr__(self, "low", self.low / 2 if self.log else self.low - 0.5)
            object.__setattr__(self, "high", self.high * 2 if self.log else self.high + 0.5)

    @classmethod
    def around(cls, values: Iterable[float], label: str = "", room: float = 0.05) -> Axis:
        """A range with all values in it, and some room beside."""
        finite = [float(value) for value in values if math.isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        return cls(low - room * (high - low), high + room * (high - low), label)

    def share(self, value: float) -> float:
        """Where a number lies: 0 at the low end, 1 at the high one, and not beyond."""
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            value = math.log10(max(value, 5e-324))
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0)

    def ticks(self, room: float) -> Mapping[float, str]:
        """Round numbers, as they are written; not more than there is room for."""
        most = max(3, int(room / TICK))
        if not self.log:
            return ticks(self.low, self.high, most)
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        step = max(1, -(-(last - first + 1) // most))
        return {10.0**n: _power(n) for n in range(first, last + 1, step)}


def _power(n: int) -> str:
    return f"{10.0**n:,g}" if -3 <= n <= 3 else f"1e{n}"


@dataclass
class Plot:
    """A plane with two axes, into which things are drawn; ``svg`` is the whole.

    Attributes:
        width, height: Of the plane, in units of which a letter is some 12 high.
        bare: Without numbers at the y axis.
        scale: How many CSS pixels a unit is where there is room.
    """

    x: Axis
    y: Axis
    width: float = 480
    height: float = 260
    bare: bool = False
    scale: float = 1.0
    _parts: list[Markup] = field(default_factory=list)
    _legend: list[tuple[int, str]] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """A point of the plane."""
        return self.x.share(x) * self.width, (1 - self.y.share(y)) * self.height

    def line(self, xs: Sequence[float], ys: Sequence[float], series: int, name: str = "") -> None:
        """A line through points, broken where a number is not finite; its name is told beside the plot."""
        steps, pen = [], "M"
        for x, y in zip(xs, ys, strict=True):
            if not math.isfinite(y) or (self.y.log and y <= 0):
                pen = "M"
                continue
            steps.append(f"{pen}{_pair(*self.at(x, y))}")
            pen = "L"
        if steps:
            path = "".join(steps) + ("h0" if len(steps) == 1 else "")
            self._parts.append(element("path", d=path, class_=f"line l{series % SERIES}"))
        if name:
            self._legend.append((series, name))

    def band(
        self, xs: Sequence[float], low: Sequence[float], high: Sequence[float], series: int
    ) -> None:
        """What lies between two lines."""
        rows = [row for row in zip(xs, low, high, strict=True) if all(map(math.isfinite, row))]
        if rows:
            there = [self.at(x, b) for x, _, b in rows]
            back = [self.at(x, a) for x, a, _ in reversed(rows)]
            path = "M" + "L".join(_pair(*point) for point in there + back) + "Z"
            self._parts.append(element("path", d=path, class_=f"band f{series % SERIES}"))

    def points(self, xs: Iterable[float], ys: Iterable[float], series: int) -> None:
        """Dots; those at one place are drawn once."""
        places = sorted({self.at(x, y) for x, y in zip(xs, ys, strict=True)})
        path = "".join(f"M{_pair(*place)}h0" for place in places)
        self._parts.append(element("path", d=path, class_=f"dots l{series % SERIES}"))

    def bars(self, edges: Sequence[float], heights: Sequence[float], series: int) -> None:
        """A histogram, from the bottom of the plane."""
        for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
            (a, top), (b, _) = self.at(left, height), self.at(right, height)
            if top < self.height:
                self._parts.append(
                    element(
                        "rect",
                        x=a,
                        y=top,
                        width=max(0.5, b - a - 0.5),
                        height=self.height - top,
                        class_=f"f{series % SERIES}",
                    )
                )

    def rule(self, start: tuple[float, float], end: tuple[float, float], name: str = "") -> None:
        """A thin straight line, with a word at its end."""
        (x1, y1), (x2, y2) = self.at(*start), self.at(*end)
        self._parts.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="rule"))
        if name:
            self._parts.append(element("text", name, x=x2 - 4, y=y2 - 4, class_="end"))

    def word(self, x: float, y: float, text: str, kind: int, told: str) -> None:
        """A text at a point, and what is told of it where the mouse rests on it."""
        left, top = self.at(x, y)
        self._parts.append(
            element(
                "text",
                element("title", told),
                text,
                x=left,
                y=top + 4,
                class_=f"word w{kind % SERIES}",
            )
        )

    def svg(self, name: str, title: str, description: str) -> Markup:
        """The picture, with a title and a description for those who do not see it.

        Args:
            name: No other picture of the page has it.
        """
        left, below = (10 if self.bare else 52), (36 if self.x.label else 22)
        above = 38 if self.y.label and not self.bare else 24
        beside = 24 + 7 * max((len(name) for _, name in self._legend), default=-2)
        whole = left + self.width + beside, above + self.height + below
        return element(
            "svg",
            element("title", title, id=f"{name}-title"),
            element("desc", description, id=f"{name}-words"),
            element("text", title, x=float(left), y=14.0, class_="title"),
            element("g", *self._frame(), *self._parts, transform=f"translate({left},{above})"),
            element("g", *self._names(), transform=f"translate({left + self.width + 8:g},{above})"),
            role="img",
            aria_labelledby=f"{name}-title",
            aria_describedby=f"{name}-words",
            viewBox=f"0 0 {whole[0]:g} {whole[1]:g}",
            style=f"width:{whole[0] * self.scale:g}px",
        )

    def _frame(self) -> Iterable[Markup]:
        """Grid, numbers and labels."""
        bottom = float(self.height)
        for value, text in self.x.ticks(self.width).items():
            at = self.at(value, self.y.low)[0]
            yield element("line", x1=at, y1=0.0, x2=at, y2=bottom, class_="grid")
            yield element("text", text, x=at, y=bottom + 15, class_="middle")
        if not self.bare:
            for value, text in self.y.ticks(2 * self.height).items():
                at = self.at(self.x.low, value)[1]
                yield element("line", x1=0.0, y1=at, x2=float(self.width), y2=at, class_="grid")
                yield element("text", text, x=-6.0, y=at + 4, class_="end")
        axes = f"M0 0V{bottom:g}H{self.width:g}"
        yield element("path", d=axes, class_="axis")
        if self.x.label:
            yield element(
                "text", self.x.label, x=float(self.width), y=bottom + 31, class_="end label"
            )
        if self.y.label and not self.bare:
            yield element("text", self.y.label, x=-46.0, y=-10.0, class_="label")

    def _names(self) -> Iterable[Markup]:
        """The legend."""
        for row, (series, name) in enumerate(self._legend):
            y = 8.0 + 18 * row
            yield element("path", d=f"M0 {y:g}h22", class_=f"line l{series % SERIES}")
            yield element("text", name, x=27.0, y=y + 4)


def _pair(x: float, y: float) -> str:
    return f"{x:.1f} {y:.1f}".replace(".0", "")
