"""Checkpoints in a table: what they are, how good, and whether they can go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from charrnn.config import TextConfig
from charrnn.drawing import figure as fig
from charrnn.errors import CharrnnError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.inspection.look import Subject
from charrnn.nn.loss import bits
from charrnn.words import age, decimals, rejoined, size


@dataclass(frozen=True)
class Listed:
    """A checkpoint in a list; what a file that cannot be read would have said is None."""

    checkpoint: str
    bytes: int
    seconds_old: float  # since it was written
    model: str | None = None  # in words
    corpus: str | None = None  # what it learnt from
    unit: str | None = None  # what the model reads: "character" or "byte"
    bits_per_char: float | None = (
        None  # or for each byte: of the kept weights, on the text kept for validation; of labels there are none
    )
    accuracy: float | None = None  # of labels or tags
    steps: int | None = None
    resumable: bool | None = None
    error: str | None = None


def listed(path: Path, now: float) -> Listed:
    """What a list tells of one file.

    Args:
        now: The time, in seconds since the epoch.
    """
    status = path.stat()
    name, old = rejoined(str(path)), max(0.0, now - status.st_mtime)
    try:
        checkpoint = load_checkpoint(path)
    except CharrnnError as error:
        return Listed(name, status.st_size, old, error=str(error).removeprefix(f"{path}: "))
    config, loss = checkpoint.model.config, checkpoint.validation_loss
    return Listed(
        name,
        status.st_size,
        old,
        f"{'' if config.task == 'lm' else f'{config.task}, '}{config.cell} {config.num_layers} × {config.hidden_size}",
        Subject(path, checkpoint).source,
        checkpoint.model.vocabulary.config.unit,
        None if loss is None or config.reads_whole else bits(loss),
        None if checkpoint.figures is None else checkpoint.figures.accuracy,
        checkpoint.history[-1].step if checkpoint.history else 0,
        checkpoint.resumable,
    )


def list_figure(models: Iterable[Listed]) -> fig.Figure:
    """A row for each of them."""
    models = list(models)
    columns = [
        fig.Column("model", whole=True),
        fig.Column("validation", figures=True, whole=True),
        fig.Column("size", figures=True, whole=True, spare=True),
        fig.Column("age", figures=True, whole=True),
        fig.Column("goes on", whole=True, spare=True),
        fig.Column("kind", whole=True, spare=True),
        fig.Column("text"),
    ]
    table = fig.Table(columns, [_row(model) for model in models])
    return fig.Figure("models", [table], {"models": models})


def _row(model: Listed) -> list[fig.Cell]:
    loss = ""
    if model.unit and model.bits_per_char is not None:
        loss = f"{decimals(model.bits_per_char, 3)} bits/{TextConfig(unit=model.unit).symbol}"
    if model.accuracy is not None:
        loss = f"{100 * model.accuracy:.1f}% right"
    goes_on = "" if model.resumable is None else "yes" if model.resumable else "no"
    told = model.corpus if model.error is None else f"cannot be read: {model.error}"
    return [
        *(model.checkpoint, loss, size(model.bytes), age(model.seconds_old)),
        *(goes_on, model.model or "", told or ""),
    ]
