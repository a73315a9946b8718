"""``--compare``: several checkpoints side by side: what was different, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from string import ascii_uppercase
from typing import Any

from charrnn.drawing.figure import (
    Axis,
    Block,
    Cell,
    Chart,
    Column,
    Figure,
    Line,
    Strong,
    Table,
    Words,
)
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.nn.loss import bits
from charrnn.training.run import Checkpoint, Evaluation
from charrnn.words import duration

MOST = 8  # checkpoints


@dataclass(frozen=True)
class Comparison:
    """Tuples hold one value for each checkpoint.

    Attributes:
        differences: Settings (as options are called, and ``corpus``) that are not all the same.
        parameters: Number of weights.
        validation_loss: Of the kept weights, nats for each character or byte; None if unknown.
        bits_per_char: The same in bits.
        epochs, steps, seconds: How long each was trained, up to its last evaluation.
        histories: Evaluations.
        same_text: Whether all learnt from the same text in the same units. If not, losses say little
            about which is the better model.
    """

    differences: dict[str, tuple[Any, ...]]
    parameters: tuple[int, ...]
    validation_loss: tuple[float | None, ...]
    bits_per_char: tuple[float | None, ...]
    epochs: tuple[float, ...]
    steps: tuple[int, ...]
    seconds: tuple[float, ...]
    histories: tuple[tuple[Evaluation, ...], ...]
    same_text: bool


def compare(checkpoints: Sequence[Checkpoint]) -> Comparison:
    """Put checkpoints side by side."""
    settings = [_settings(checkpoint) for checkpoint in checkpoints]
    rows = {name: tuple(own[name] for own in settings) for name in settings[0]}
    losses = tuple(checkpoint.validation_loss for checkpoint in checkpoints)
    last = [checkpoint.history[-1] if checkpoint.history else None for checkpoint in checkpoints]
    texts = {
        (checkpoint.corpus.sha256, checkpoint.model.vocabulary.config) for checkpoint in checkpoints
    }
    return Comparison(
        differences={name: row for name, row in rows.items() if len(set(row)) > 1},
        parameters=tuple(int(c.model.parameters.flat.size) for c in checkpoints),
        validation_loss=losses,
        bits_per_char=tuple(None if loss is None else bits(loss) for loss in losses),
        epochs=tuple(entry.epoch if entry else 0.0 for entry in last),
        steps=tuple(entry.step if entry else 0 for entry in last),
        seconds=tuple(entry.seconds if entry else 0.0 for entry in last),
        histories=tuple(checkpoint.history for checkpoint in checkpoints),
        same_text=len(texts) == 1,
    )


def _settings(checkpoint: Checkpoint) -> dict[str, Any]:
    """All that a run was asked for, under the names of the options."""
    corpus = checkpoint.corpus
    return {
        "corpus": ", ".join(corpus.sources),
        "characters": corpus.characters,
        "vocabulary": len(checkpoint.model.vocabulary),
        **{
            name.replace("_", "-"): value
            for config in (
                checkpoint.model.config,
                checkpoint.model.vocabulary.config,
                checkpoint.training,
            )
            for name, value in asdict(config).items()
        },
    }


def view(look: Look) -> Figure:
    """A column for each checkpoint, and its curve.

    Raises:
        InputError: There are too few or too many.
    """
    if not 2 <= len(look.subjects) <= MOST:
        raise InputError(f"--compare takes 2 to {MOST} checkpoints, not {len(look.subjects)}")
    names = [subject.name for subject in look.subjects]
    found = compare([subject.checkpoint for subject in look.subjects])
    blocks: list[Block] = [
        Words((Strong(letter, number), "  ", Strong(name)), whole=True)
        for number, (letter, name) in enumerate(zip(ascii_uppercase, names, strict=False))
    ]
    blocks.append(_table(found))
    if not found.differences:
        blocks.append(Words("All settings are the same."))
    if not found.same_text:
        blocks.append(
            Words("They learnt from different texts: their losses do not tell which is better.")
        )
    chart, picture = _chart(found, ascii_uppercase), _chart(found, names)
    ends = [line for line in picture.lines if line.x]
    if ends:
        blocks.append(chart)
    return Figure(
        picture.title,
        blocks,
        vars(found),
        picture.description,
        picture=(picture,) if ends else (),
        no_picture="there is no picture before the first evaluation",
    )


def _table(found: Comparison) -> Table:
    best = min((loss for loss in found.validation_loss if loss is not None), default=None)
    columns = [
        Column(letter, figures=True, series=number)
        for number, letter in enumerate(ascii_uppercase[: len(found.parameters)])
    ]
    losses: list[Cell] = [
        "unknown" if loss is None else Strong(f"{loss:.4f}") if loss == best else f"{loss:.4f}"
        for loss in found.validation_loss
    ]
    bits_of = ["" if bits is None else f"{bits:.3f}" for bits in found.bits_per_char]
    rows: list[Sequence[Cell]] = [
        *((name, *map(_shown, values)) for name, values in found.differences.items()),
        ("parameters", *(f"{count:,}" for count in found.parameters)),
        ("validation loss, nats", *losses),
        ("bits", *bits_of),
        ("epochs trained", *(f"{epochs:.4g}" for epochs in found.epochs)),
        ("steps", *(f"{steps:,}" for steps in found.steps)),
        ("time", *map(duration, found.seconds)),
    ]
    return Table((Column(""), *columns), rows)


def _chart(found: Comparison, names: Sequence[str]) -> Chart:
    """Losses over epochs of the same text, or over steps: those of training, unless all have others."""
    validated = all(
        any(entry.validation_loss is not None for entry in history) for history in found.histories
    )
    x, y = "epochs" if found.same_text else "steps", "validation" if validated else "train"
    lines = []
    for name, history in zip(names, found.histories, strict=False):
        points = [
            (getattr(entry, x.removesuffix("s")), getattr(entry, f"{y}_loss")) for entry in history
        ]
        known = [(float(at), loss) for at, loss in points if loss is not None]
        lines.append(Line(name, [at for at, _ in known], [loss for _, loss in known]))
    ends = "; ".join(f"{line.name} {line.y[-1]:.4f}" for line in lines if line.x)
    return Chart(
        "losses",
        "Runs side by side",
        Axis(x),
        Axis(f"{y} loss, nats"),
        lines,
        f"Curves of {y} loss, nats over {x}. Last values: {ends}.",
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
