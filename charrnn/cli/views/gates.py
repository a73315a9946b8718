"""``--gates``: how often gates are shut and open, and how long the units remember."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, only, plain
from charrnn.cli.views.source import text_to_read
from charrnn.drawing.colours import LINES
from charrnn.drawing.terminal.screen import Screen
from charrnn.inspection.gates import OPEN, SHUT, GateActivity, gate_activity
from charrnn.nn.parameters import Array
from charrnn.words import printable

MOST = 20_000  # characters that are read
HEIGHT, WIDEST = 9, 24  # of a saturation plot
SHADES = (("░", "▒", "▓", "█"), (".", ":", "*", "#"))  # of 1, 2 or 3, 4 to 7, and more units
BOUNDS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, np.inf)  # of the classes of memory, in steps
LONGEST = 5  # units of each layer that are named


@dataclass(frozen=True)
class Found:
    """What the gates did, and what was read, in words."""

    gates: GateActivity
    source: str


def measure(
    subjects: list[Subject], _value: bool, *, on: str | None = None, unknown: str | None = None
) -> Found:
    subject = only(subjects)
    model = subject.checkpoint.model
    text, source = text_to_read(subject, on, unknown, MOST)
    return Found(gate_activity(model, text), source)


def as_json(found: Found) -> Mapping[str, Any]:
    return {"source": found.source, **plain(found.gates)}


def draw(found: Found, screen: Screen) -> None:
    gates = found.gates
    screen.put(
        f"How often each unit's gates are open (above {OPEN:g}, to the right) and shut (below "
        f"{SHUT:g}, upwards), on {printable(found.source)}"
    )
    for layer in range(len(gates.memory)):
        screen.put("", Text(f"Layer {layer}", style="bold"))
        plots = [
            _plot(screen, name, gates.left[layer, index], gates.right[layer, index])
            for index, name in enumerate(gates.names)
        ]
        screen.put(*_side_by_side(screen, plots))
        screen.put("", _summary(screen, gates, layer))
    screen.put("", *_memory(screen, gates))


def _plot(screen: Screen, name: str, left: Array, right: Array) -> list[Text]:
    """Units in the plane of both shares; they lie below the diagonal, where the shares make 1."""
    width = min(WIDEST, max(8, screen.width // 3 - 4))
    counts, _, _ = np.histogram2d(1 - left, right, (HEIGHT, width), ((0, 1), (0, 1)))
    shades = SHADES[0 if screen.unicode else 1]
    side, corner, flat, slope = "│└─╲" if screen.unicode else "|+-\\"
    lines = [Text(f" {name}".ljust(width + 2)[: width + 2], style="bold")]
    for row, cells in enumerate(counts):
        line = Text(f"{side}")
        diagonal = (2 * row + 1) * width // (2 * HEIGHT)
        for column, count in enumerate(cells):
            if count:
                shade = shades[min(int(np.log2(count)), len(shades) - 1)]
                line.append(shade, LINES[0])
            else:
                line.append(slope if column == diagonal else " ", "dim")
        lines.append(line.append(" "))
    lines.append(Text(corner + flat * width + " "))
    return lines


def _side_by_side(screen: Screen, plots: Sequence[list[Text]]) -> list[Text]:
    """Blocks of lines beside each other, as many as there is room for."""
    width = len(plots[0][0]) + 1
    beside = max(1, screen.width // width)
    lines: list[Text] = []
    for start in range(0, len(plots), beside):
        rows = zip(*plots[start : start + beside], strict=True)
        lines += [Text(" ").join(row) for row in rows]
    return lines


def _summary(screen: Screen, gates: GateActivity, layer: int) -> Table:
    table = screen.table("gate", "mean", "shut", "open", "units shut for 90%", "open for 90%")
    for index, name in enumerate(gates.names):
        left, right = gates.left[layer, index], gates.right[layer, index]
        table.add_row(
            name,
            f"{gates.mean[layer, index].mean():.2f}",
            f"{left.mean():.0%}",
            f"{right.mean():.0%}",
            str(int((left >= 0.9).sum())),
            str(int((right >= 0.9).sum())),
        )
    return table


def _memory(screen: Screen, gates: GateActivity) -> list[RenderableType]:
    """How many units remember how long, and those that do it longest."""
    layers = range(len(gates.memory))
    counts = np.array([np.histogram(memory, BOUNDS)[0] for memory in gates.memory])
    width = max(0, min(30, (screen.width - 16) // len(layers) - 8))
    table = screen.table("steps", *(f"layer {layer}" for layer in layers))
    for column in table.columns[1:]:
        column.justify = "left"
    for index, (low, high) in enumerate(pairwise(BOUNDS)):
        table.add_row(
            f"{low:g} to {high:g}" if np.isfinite(high) else f"over {low:g}",
            *(
                f"{count:4} {screen.bar(count / counts.max(), width)}".rstrip()
                for count in counts[:, index]
            ),
        )
    longest = []
    for layer, memory in enumerate(gates.memory):
        units = np.argsort(-memory, kind="stable")[:LONGEST]
        named = ", ".join(f"{unit} ({_steps(memory[unit])})" for unit in units)
        longest.append(f"Layer {layer} remembers longest in units {named}.")
    return [
        f"Memory: the steps after which 1/e is left of what a unit held, if the {gates.keeps} gate "
        "has its way; how many units have which.",
        "",
        table,
        "",
        *longest,
    ]


def _steps(memory: float) -> str:
    if not np.isfinite(memory):
        return "for ever"
    return f"{memory:,.0f}" if memory >= 10 else f"{memory:.1f}"
