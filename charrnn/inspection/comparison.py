"""Several checkpoints side by side: what was different, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from charrnn.nn.loss import bits
from charrnn.training.run import Checkpoint, Evaluation


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
