"""A text to watch a model at: one that was given, or what it writes itself."""

from __future__ import annotations

from charrnn.cli.views.source import given_text
from charrnn.models.character_model import CharacterModel
from charrnn.sampling import generate, generate_records

LENGTH, SEED = 2000, 0


def text_to_read(model: CharacterModel, on: str | None, unknown: str | None) -> tuple[str, str]:
    """A text in the model's characters, and what it is in words.

    Args:
        on: ``--on``: a file, ``-`` for standard input, or the text itself; else the model's own.
        unknown: What becomes of characters that the model lacks: error (if None), skip or replace.

    Raises:
        InputError: It cannot be read, is empty, or has unknown characters.
        CheckpointError: The model cannot be written with.
    """
    config = model.vocabulary.config
    if on is not None:
        return given_text(model.vocabulary, on, "--on", unknown or "error")
    if config.records:
        text, records = "", generate_records(model, length=LENGTH, rng=SEED)
        while len(text) < LENGTH:
            text += next(records) + config.end
    else:
        text = "".join(generate(model, length=LENGTH, rng=SEED))
    return text, f"{len(text):,} {config.unit}s of its own"
