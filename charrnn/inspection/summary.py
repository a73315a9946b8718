"""The facts of a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from charrnn.fields import checks
from charrnn.nn.loss import known_bits
from charrnn.text.symbols import FEATURE
from charrnn.training.fit import fit_of
from charrnn.training.run import Checkpoint


@checks
def summarize(checkpoint: Checkpoint) -> dict[str, Any]:
    """Everything that a checkpoint says of itself, ready for JSON.

    Losses are in bits for each character (or byte), and those of the kept weights; they are None where
    nothing was kept for validation or no evaluation has been made.
    """
    model = checkpoint.model
    symbol = model.config.per
    labels: dict[str, Any] = {}
    if len(model.labels):
        labels["labels"] = list(model.labels.names)
    if model.config.reads_whole:
        figures = checkpoint.figures
        labels["accuracy"] = None if figures is None else figures.accuracy
        labels["f1"] = None if figures is None else figures.f1
    return {
        "parameters": int(model.parameters.flat.size),
        "arrays": {name: list(array.shape) for name, array in model.parameters.items()},
        "vocabulary_size": len(model.vocabulary),
        "vocabulary": model.vocabulary.characters,
        **(
            {"symbols": [word.removeprefix(FEATURE) for word in model.vocabulary.words]}
            if model.vocabulary.words
            else {}
        ),
        **labels,
        f"validation_bits_per_{symbol}": known_bits(checkpoint.validation_loss),
        "config": {
            "model": asdict(model.config),
            "text": asdict(model.vocabulary.config),
            "training": asdict(checkpoint.training),
        },
        "corpus": asdict(checkpoint.corpus),
        "history": [evaluation.in_bits(symbol) for evaluation in checkpoint.history],
        "fit": asdict(fit_of(checkpoint)),
        "resumable": checkpoint.resumable,
    }
