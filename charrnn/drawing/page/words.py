"""Words, facts, commands and tables as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from charrnn.drawing import signs
from charrnn.drawing.figure import (
    Bar,
    Cell,
    Commands,
    Facts,
    Phrase,
    Pick,
    Profile,
    Strong,
    Symbols,
    Table,
    parts,
)
from charrnn.drawing.page.markup import Markup, element, joined


def plain(phrase: Phrase, encoding: str) -> str:
    """A phrase where there can be no markup."""
    return signs.in_words(phrase, encoding)


def marked(phrase: Phrase, encoding: str) -> Markup:
    """A phrase with its markup."""
    found: list[object] = []
    for part in parts(phrase):
        if isinstance(part, Symbols):
            text: object = plain(part, encoding)
            text = text if part.amount is None else element("mark", text)
            found.append(element("code", element("b", text) if part.strong else text))
        elif isinstance(part, Strong):
            found.append(element("b", part.text))
        elif isinstance(part, Pick):
            found.append(element("span", part.text, data_pick=part.text))
        else:
            found.append(part)
    return joined(found)


def draw_facts(facts: Facts, encoding: str) -> Markup:
    """Names and what is to be said of them."""
    rows = [(name, marked(phrase, encoding)) for name, phrase in facts.rows]
    return joined((element("h3", facts.title) if facts.title else "", _pairs(rows)))


def draw_commands(commands: Commands, _: str) -> Markup:
    """Commands to be copied."""
    return _pairs((name, element("code", command)) for name, command in commands.rows)


def _pairs(rows: Iterable[tuple[str, Markup]]) -> Markup:
    pairs = (joined((element("dt", name), element("dd", told))) for name, told in rows)
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
    figures: Sequence[bool],
    caption: str = "",
    name: str | None = None,
) -> Markup:
    """A table whose first column names its rows; ``figures`` says which hold figures."""
    kinds = ["number" if figure else None for figure in figures]
    top = (
        element("th", cell, scope="col", class_=kind)
        for cell, kind in zip(head, kinds, strict=True)
    )
    body = []
    for first, *others in rows:
        cells = (
            element("td", cell, class_=kind) for cell, kind in zip(others, kinds[1:], strict=True)
        )
        body.append(element("tr", element("th", first, scope="row", class_=kinds[0]), *cells))
    whole = element(
        "table",
        element("caption", caption) if caption else "",
        element("thead", element("tr", *top)),
        element("tbody", *body),
        id=name,
    )
    return element("div", whole, class_="wide")


def _cell(cell: Cell, encoding: str) -> Markup:
    if isinstance(cell, Bar):
        width = f"width:{100 * min(max(cell.share, 0), 1):.1f}%"
        bar = element("span", class_="bar below" if cell.negative else "bar", style=width)
        return element("span", cell.label, element("span", bar, class_="room"), class_="measure")
    if isinstance(cell, Profile):
        return element("span", *map(signs.height, cell.shares), class_="profile")
    return marked(cell, encoding)
