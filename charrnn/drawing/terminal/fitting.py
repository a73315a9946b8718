"""What fits into columns: their widths, words that stay together, and lists where there is no room for a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from charrnn.drawing.figure import Column
from charrnn.drawing.terminal.screen import Screen
from charrnn.words import printable

GAP = 2  # columns between those of a table
LONG = 13  # columns of a word that can be broken


def column_widths(
    columns: Sequence[Column], cells: Sequence[Sequence[Text]], room: int
) -> list[int] | None:
    """Of each column, whose head and cells are given: the widest give way. None if there is no room for words."""
    widths = [max(cell.cell_len for cell in column) for column in cells]
    least = [
        width if column.whole else max(map(least_width, texts))
        for column, width, texts in zip(columns, widths, cells, strict=True)
    ]
    if sum(least) > room:
        return None
    while (over := sum(widths) - room) > 0:
        spare = [width - needed for width, needed in zip(widths, least, strict=True)]
        widest = max(range(len(widths)), key=lambda n: (spare[n] > 0, widths[n]))
        widths[widest] -= max(1, min(over // len(widths), spare[widest]))
    return widths


def titled(title: str) -> list[Text]:
    """A title, if there is one."""
    return [Text(printable(title), "bold")] if title else []


def listed(screen: Screen, name: Text, said: Text, indent: int = 0) -> Iterator[RenderableType]:
    """A name, if there is one, and what is said of it: on its line where there is room, else below."""
    name = name.copy()
    name.stylize("bold")
    taken = indent + (name.cell_len + GAP if name else 0)
    if name and taken + said.cell_len > screen.width:
        yield Padding(name, (0, 0, 0, indent))
        yield Padding(said, (0, 0, 0, indent + GAP))
    else:
        yield Padding(name.append(" " * GAP).append_text(said) if name else said, (0, 0, 0, indent))


def least_width(words: Text) -> int:
    """The columns that words take which are not broken, unless they are no words but long names.

    Two blanks part groups of words, such as a character and its share, that stay together as well.
    """
    parts = words.plain.split("  " if "  " in words.plain.strip() else None)
    return min(LONG, max(map(cell_len, parts), default=0))


def grouped(words: Text, width: int) -> Text:
    """Groups of words on as few lines as can be; as they are where they fit, or where one is too long."""
    groups = list(words.split("  "))
    if words.cell_len <= width or max(group.cell_len for group in groups) > width:
        return words
    lines = groups[:1]
    for group in groups[1:]:
        if lines[-1].cell_len + GAP + group.cell_len <= width:
            lines[-1] = Text("  ").join((lines[-1], group))
        else:
            lines.append(group)
    return Text("\n").join(lines)
