"""``--compare``: several checkpoints side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from rich.table import Table
from rich.text import Text

from charrnn.cli.views import Subject, plain
from charrnn.drawing.colours import LINES
from charrnn.drawing.terminal.chart import Curve, chart
from charrnn.drawing.terminal.screen import Screen
from charrnn.errors import InputError
from charrnn.inspection.comparison import Comparison, compare
from charrnn.words import duration, printable

MOST = 8  # checkpoints


@dataclass(frozen=True)
class Found:
    names: tuple[str, ...]
    comparison: Comparison


def measure(subjects: list[Subject], _value: bool) -> Found:
    if not 2 <= len(subjects) <= MOST:
        raise InputError(f"--compare takes 2 to {MOST} checkpoints, not {len(subjects)}")
    names = tuple(subject.name for subject in subjects)
    return Found(names, compare([subject.checkpoint for subject in subjects]))


def as_json(found: Found) -> Mapping[str, Any]:
    compared: dict[str, Any] = plain(found.comparison)
    return compared


def draw(found: Found, screen: Screen) -> None:
    comparison = found.comparison
    for letter, name, colour in _labels(found):
        screen.put_whole(Text(f"{letter}  ", f"bold {colour}").append(printable(name), "default"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", overflow="fold")
    for letter, _, colour in _labels(found):
        table.add_column(letter, justify="right", overflow="fold", header_style=f"bold {colour}")
    for name, values in comparison.differences.items():
        table.add_row(name, *(Text(printable(_shown(value))) for value in values))
    if comparison.differences:
        table.add_section()
    best = min((loss for loss in comparison.validation_loss if loss is not None), default=None)
    table.add_row("parameters", *(f"{count:,}" for count in comparison.parameters))
    table.add_row(
        "validation loss, nats",
        *(
            Text("unknown" if loss is None else f"{loss:.4f}", "bold" if loss == best else "")
            for loss in comparison.validation_loss
        ),
    )
    table.add_row(
        "bits", *("" if bits is None else f"{bits:.3f}" for bits in comparison.bits_per_char)
    )
    table.add_row("epochs trained", *(f"{epochs:.4g}" for epochs in comparison.epochs))
    table.add_row("steps", *(f"{steps:,}" for steps in comparison.steps))
    table.add_row("time", *map(duration, comparison.seconds))
    screen.put("", table, "")
    if not comparison.differences:
        screen.put("All settings are the same.", "")
    if not comparison.same_text:
        screen.put("They learnt from different texts: their losses do not tell which is better.")
    lines, x, y = curves(found)
    if any(line.x for line in lines):
        screen.put(*chart(screen, lines, x, y))


def _labels(found: Found) -> list[tuple[str, str, str]]:
    """For each checkpoint a letter, its name, and the colour of its curve."""
    return [
        (ascii_uppercase[number], name, LINES[number % len(LINES)])
        for number, name in enumerate(found.names)
    ]


def _validated(found: Found) -> bool:
    """Whether each has a curve of validation losses; if not, those of training are compared."""
    return all(
        any(entry.validation_loss is not None for entry in history)
        for history in found.comparison.histories
    )


def curves(found: Found) -> tuple[list[Curve], str, str]:
    """Losses over epochs of the same text, or over steps; and what both axes are."""
    comparison, validated, lines = found.comparison, _validated(found), []
    for (letter, _, _), history in zip(_labels(found), comparison.histories, strict=True):
        points = [
            (
                entry.epoch if comparison.same_text else float(entry.step),
                entry.validation_loss if validated else entry.train_loss,
            )
            for entry in history
        ]
        known = [(x, y) for x, y in points if y is not None]
        lines.append(Curve(letter, [x for x, _ in known], [y for _, y in known]))
    unit = "epochs" if comparison.same_text else "steps"
    return lines, unit, f"{'validation' if validated else 'train'} loss, nats"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
