"""``--weights``: the recurrent matrices, the spread of each array, and how it was last updated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only, plain
from charrnn.drawing.terminal.screen import Screen
from charrnn.errors import InputError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.inspection.weights import (
    Recurrence,
    Spread,
    Update,
    last_updates,
    recurrences,
    spreads,
)
from charrnn.nn.parameters import Array

PROFILE = 24  # columns for the singular values


@dataclass(frozen=True)
class Found:
    """What is known of the weights.

    Attributes:
        updates: Empty if the last one is not known.
        unknown: Why it is not.
    """

    recurrences: list[Recurrence]
    spreads: list[Spread]
    updates: list[Update]
    unknown: str | None


def measure(subjects: list[Subject], _value: bool) -> Found:
    subject = only(subjects)
    checkpoint = subject.checkpoint
    model = checkpoint.model
    updates, unknown = list[Update](), None
    try:
        if checkpoint.resumable:
            checkpoint = load_checkpoint(subject.path, with_progress=True)
        updates = last_updates(checkpoint)
    except InputError as error:
        unknown = str(error)
    return Found(
        recurrences(model.network, model.parameters), spreads(model.parameters), updates, unknown
    )


def as_json(found: Found) -> Mapping[str, Any]:
    values: dict[str, Any] = plain(found)
    return values


def draw(found: Found, screen: Screen) -> None:
    screen.put(Text("The recurrent matrix W of each gate", style="bold"))
    screen.put(_recurrences(screen, found))
    screen.put(
        "",
        "The largest singular value bounds by how much a step can stretch a gradient on its way "
        "through W; the radius (largest absolute eigenvalue) is what many steps come to, where the "
        "activation's slope is 1. The profile shows the singular values from the first to the last.",
        "",
        Text("All weights", style="bold"),
        _spreads(screen, found),
        "",
    )
    screen.put(
        found.unknown.capitalize() + "."
        if found.unknown
        else "Update: the last one, in shares of the weights. Direction: its size before the rate; "
        "for Adam near 1 where gradients agreed, near 0.23 where they were noise."
    )


def _recurrences(screen: Screen, found: Found) -> Table:
    table = screen.table("layer", "gate", "largest", "median", "smallest", "radius", "profile")
    for column in (table.columns[1], table.columns[-1]):
        column.justify = "left"
    top = max(recurrence.singular_values[0] for recurrence in found.recurrences) or 1
    for recurrence in found.recurrences:
        values = recurrence.singular_values
        table.add_row(
            str(recurrence.layer),
            recurrence.gate,
            f"{values[0]:.2f}",
            f"{np.median(values):.2f}",
            f"{values[-1]:.3f}",
            f"{recurrence.spectral_radius:.2f}",
            _heights(screen, values[np.linspace(0, len(values) - 1, PROFILE).astype(int)] / top),
        )
    return table


def _spreads(screen: Screen, found: Found) -> Table:
    table = screen.table("array", "mean", "std", "largest", "from -largest to it")
    table.columns[-1].justify = "left"
    if found.updates:
        table.add_column("update", justify="right")
        table.add_column("direction", justify="right")
    for index, spread in enumerate(found.spreads):
        cells = [
            spread.name,
            f"{spread.mean:.3f}",
            f"{spread.deviation:.3f}",
            f"{spread.largest:.2f}",
            _heights(screen, spread.counts / spread.counts.max()),
        ]
        if found.updates:
            update = found.updates[index]
            cells += [f"{update.step:.1e}", f"{update.direction:.2g}"]
        table.add_row(*cells)
    return table


def _heights(screen: Screen, shares: Array) -> str:
    return "".join(screen.height(float(share)) for share in shares)
