"""``--next``: what could follow a prime, as bars, at several temperatures side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from charrnn.cli.terminal import in_json
from charrnn.cli.views import Subject, only, plain
from charrnn.cli.views.source import known_text
from charrnn.config import TextConfig
from charrnn.drawing.terminal.passage import named, percent, shown
from charrnn.drawing.terminal.screen import Screen
from charrnn.errors import InputError
from charrnn.inspection.following import Following, read_following

ROWS = 12  # characters that are drawn, the likeliest; the others are summed up
LABEL, PERCENT, LEAST = 7, 9, 13  # columns: of a label, of a figure beside a bar, of both at least
TEMPERATURES = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Found:
    kind: TextConfig
    following: Following


def measure(
    subjects: list[Subject],
    value: str,
    *,
    temp: list[float] | None = None,
    unknown: str | None = None,
) -> Found:
    model = only(subjects).checkpoint.model
    kind = model.vocabulary.config
    prime = model.vocabulary.argument(value, "--next")
    if kind.records and "\n" in prime:
        raise InputError("a record is one line, and so is its beginning in --next")
    prime = prime and known_text(model.vocabulary, prime, "--next", unknown or "error")
    return Found(kind, read_following(model, prime, temp or TEMPERATURES))


def as_json(found: Found) -> Mapping[str, Any]:
    following, encoding = found.following, found.kind.encoding
    order = likeliest(following)
    return {
        "prime": in_json(following.prime, encoding),
        "temperatures": list(following.temperatures),
        "entropy": plain(following.entropy),
        "characters": [in_json(following.characters[place], encoding) for place in order],
        "probabilities": plain(following.probabilities[:, order]),
    }


def likeliest(following: Following) -> list[int]:
    """All characters, the likeliest first. (No temperature changes the order but 0.)"""
    order = np.argsort(-following.probabilities[np.argmax(following.temperatures)], kind="stable")
    return [int(place) for place in order]


def draw(found: Found, screen: Screen) -> None:
    following, encoding = found.following, found.kind.encoding
    order = likeliest(following)
    prime = "".join(shown(character, screen, encoding) for character in following.prime[-200:])
    screen.put(Text("after ").append(prime or "nothing: the beginning of a text", "bold"))
    # On a narrow screen some temperatures stand below the others.
    at_once = max(1, (screen.width - LABEL) // LEAST)
    for first in range(0, len(following.temperatures), at_once):
        columns = list(range(len(following.temperatures)))[first : first + at_once]
        screen.put("", _table(found, order, columns, screen))


def _table(found: Found, order: list[int], columns: list[int], screen: Screen) -> Table:
    """Bars for some of the temperatures."""
    following = found.following
    width = min(40, (screen.width - LABEL) // len(columns) - PERCENT)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("next", justify="right", no_wrap=True)
    for column in columns:
        title = f"temp {following.temperatures[column]:g}"
        if width >= 13:
            title += f": {following.entropy[column]:.2f} bits"
        table.add_column(title, no_wrap=True)
    characters = following.characters
    rows = [(named(characters[n], screen, found.kind.encoding), [n]) for n in order[:ROWS]]
    if rest := order[ROWS:]:
        rows.append(("other", rest))
    for name, places in rows:
        shares = following.probabilities[:, places].sum(axis=1)[columns]
        table.add_row(
            name, *(f"{percent(share):>6} {screen.bar(share, width).rstrip()}" for share in shares)
        )
    return table
