"""What sections are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charrnn.drawing.page.markup import Markup, element


@dataclass(frozen=True)
class Section:
    """A part of the page, under its heading."""

    name: str
    title: str
    body: tuple[Markup, ...]


def paragraph(*parts: object, **attributes: object) -> Markup:
    """Words."""
    return element("p", *parts, **attributes)


def nothing(why: str) -> tuple[Markup, ...]:
    """Instead of a view."""
    return (paragraph(f"There is nothing to see here: {why}."),)


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], numbers: int, **more: object
) -> Markup:
    """A table whose first column names its rows and whose next ``numbers`` columns are figures."""
    kinds = ["number" if 0 < n <= numbers else None for n in range(len(head))]
    top = [
        element("th", name, scope="col", class_=kind)
        for name, kind in zip(head, kinds, strict=True)
    ]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(
                cell
                if isinstance(cell, Markup) and cell.startswith("<td")
                else element("td", cell, class_=kind)
                for cell, kind in zip(row[1:], kinds[1:], strict=True)
            ),
        )
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *top)), element("tbody", *body), **more)
    return element("div", whole, class_="wide")


def bar(share: float) -> Markup:
    """A cell with a bar."""
    filled = element("span", class_="bar", style=f"width:{100 * min(abs(share), 1):.1f}%")
    return element("td", filled, class_="room")


def slider(name: str, low: float, high: float, step: float, value: float) -> Markup:
    """A range that a number is chosen from."""
    return element(
        "input",
        id=name,
        type="range",
        min=f"{low:g}",
        max=str(high),
        step=f"{step:g}",
        value=f"{value:g}",
    )
