"""Facts, commands and tables as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charrnn.drawing.figure import Bar, Cell, Commands, Facts, Profile, Table
from charrnn.drawing.page.markup import Markup, element, joined
from charrnn.drawing.page.phrase import marked
from charrnn.drawing.signs import HEIGHTS


def draw_facts(facts: Facts, encoding: str) -> Markup:
    """Names and what is to be said of them."""
    pairs = (
        element(name, marked(phrase, encoding))
        for row in facts.rows
        for name, phrase in zip(("dt", "dd"), row, strict=True)
    )
    return joined((element("h3", facts.title) if facts.title else "", element("dl", *pairs)))


def draw_commands(commands: Commands) -> Markup:
    """Commands to be copied."""
    pairs = (
        joined((element("dt", name), element("dd", element("code", command))))
        for name, command in commands.rows
    )
    return element("dl", *pairs)


def draw_table(table: Table, encoding: str) -> Markup:
    """Rows of cells."""
    rows = [[_cell(cell, encoding) for cell in row] for row in (*table.rows, table.total or ())]
    body = rows_of(
        [column.name for column in table.columns],
        [row for row in rows if row],
        [column.figures for column in table.columns],
        caption=table.title,
    )
    return joined((body, element("p", table.caption, class_="note") if table.caption else ""))


def rows_of(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    figures: Sequence[bool] | None = None,
    caption: str = "",
    **more: object,
) -> Markup:
    """A table whose first column names its rows; the others hold figures where nothing else is said."""
    kinds = [
        "number" if figure else None for figure in figures or [n > 0 for n in range(len(head))]
    ]
    top = (
        element("th", name, scope="col", class_=kind)
        for name, kind in zip(head, kinds, strict=True)
    )
    body = (
        element(
            "tr",
            element("th", row[0], scope="row", class_=kinds[0]),
            *(
                element("td", cell, class_=kind)
                for cell, kind in zip(row[1:], kinds[1:], strict=True)
            ),
        )
        for row in rows
    )
    whole = element(
        "table",
        element("caption", caption) if caption else "",
        element("thead", element("tr", *top)),
        element("tbody", *body),
        **more,
    )
    return element("div", whole, class_="wide")


def _cell(cell: Cell, encoding: str) -> Markup:
    if isinstance(cell, Bar):
        width = f"width:{100 * min(max(cell.share, 0), 1):.1f}%"
        bar = element("span", class_="bar below" if cell.negative else "bar", style=width)
        return element("span", cell.label, element("span", bar, class_="room"), class_="measure")
    if isinstance(cell, Profile):
        heights = "".join(HEIGHTS[round(min(max(s, 0), 1) * 8)] for s in map(float, cell.shares))
        return element("span", heights, class_="profile")
    return marked(cell, encoding)
