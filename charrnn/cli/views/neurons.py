"""``--neurons``: for each feature of the text the units that follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only, plain
from charrnn.cli.views.source import text_to_read
from charrnn.cli.views.unit import Scale
from charrnn.drawing.colours import LINES
from charrnn.drawing.terminal.passage import SIGNS
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection.features import measure_features
from charrnn.inspection.neurons import Neurons, Unit, activation, find_neurons
from charrnn.models.character_model import CharacterModel
from charrnn.words import printable, quoted

MOST = 20_000  # characters that are read
EXCERPTS = 3  # units that are shown at work
WARM = 300  # characters that are read before such an excerpt


@dataclass(frozen=True)
class Found:
    subject: Subject
    source: str
    text: str
    neurons: Neurons


def measure(
    subjects: list[Subject], _value: bool, *, on: str | None = None, unknown: str | None = None
) -> Found:
    subject = only(subjects)
    text, source = text_to_read(subject, on, unknown, MOST)
    return Found(subject, source, text, find_neurons(subject.checkpoint.model, text))


def as_json(found: Found) -> Mapping[str, Any]:
    neurons = found.neurons
    return {
        "source": found.source,
        "characters": len(found.text),
        "features": [
            {
                "feature": neurons.features[feature],
                "units": [
                    {"unit": str(unit), "r": plain(r)} for unit, r in neurons.best(feature, 5)
                ],
            }
            for feature in neurons.ranked()
        ],
    }


def draw(found: Found, screen: Screen) -> None:
    neurons = found.neurons
    screen.put(Text(printable(f"read: {found.source}"), style="bold"))
    if not neurons.features:
        screen.put("The text is too short: nothing in it varies.")
        return
    screen.put(
        "r tells how closely a unit's state follows a feature: 1 or -1 exactly, 0 not at all.", ""
    )
    width = max(4, min(20, screen.width - 62))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("feature", overflow="fold")
    table.add_column("unit", no_wrap=True)
    table.add_column("r", no_wrap=True)
    if screen.width >= 64:
        table.add_column("next best", no_wrap=True)
    for feature in neurons.ranked():
        (unit, r), *others = neurons.best(feature)
        bar = Text(f"{r:+.2f} ").append(screen.bar(abs(r), width).rstrip(), LINES[int(r > 0)])
        row: list[RenderableType] = [neurons.features[feature], str(unit), bar]
        if screen.width >= 64:
            row.append("  ".join(f"{other} {r:+.2f}" for other, r in others))
        table.add_row(*row)
    screen.put(table, "")
    for feature in neurons.ranked()[:EXCERPTS]:
        (unit, r), *_ = neurons.best(feature, 1)
        _draw_excerpt(found, screen, neurons.features[feature], unit, r)
    (unit, _), *_ = neurons.best(neurons.ranked()[0], 1)
    screen.put_whole(
        Text("look  ", style="bold").append(
            f"charrnn inspect {quoted(found.subject.path)} --unit {unit}", style="not bold"
        )
    )


def _draw_excerpt(found: Found, screen: Screen, feature: str, unit: Unit, r: float) -> None:
    """A line of the text where the feature comes and goes, coloured by the unit."""
    model: CharacterModel = found.subject.checkpoint.model
    names, features = measure_features(found.text)
    start = _liveliest(features[names.index(feature)], screen.width)
    warm = max(0, start - WARM)
    part = found.text[warm : start + screen.width]
    values = activation(model, part, unit)
    text = part[start - warm :].replace("\n", SIGNS["\n"] if screen.unicode else " ")
    values = values[start - warm :]
    scale = Scale.of(values)
    screen.put(
        Text()
        .append(str(unit), "bold")
        .append(f" ({feature}, r {r:+.2f})  ")
        .append_text(scale.legend(screen)),
        *scale.passage(screen, text, values, model.vocabulary.config.encoding),
        "",
    )


def _liveliest(values: Any, width: int) -> int:
    """Where the window of that width begins in which values vary most."""
    if len(values) <= width:
        return 0
    total = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(values**2)])
    mean = (total[width:] - total[:-width]) / width
    return int(np.argmax((squares[width:] - squares[:-width]) / width - mean**2))
