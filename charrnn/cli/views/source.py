"""The text that a view looks at."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from charrnn.cli.views import Subject
from charrnn.cli.views.learnt import NotAtHandError, learnt_text
from charrnn.cli.words import printable
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.text.source import STANDARD_INPUT, Source
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.sampling import generate, generate_records

OWN = 4000  # characters that a model writes to be watched on
OWN_NAME = "a text that the model wrote itself (its corpus {why}; --on names another)"


def given_text(vocabulary: Vocabulary, value: str, option: str, unknown: str) -> tuple[str, str]:
    """A text in a model's characters, and where it came from in words.

    Args:
        value: ``-`` for standard input, the path of a file, or else the text itself.
        unknown: What becomes of characters that the model lacks: error, skip or replace.

    Raises:
        InputError: It cannot be read, is empty, or has unknown characters.
    """
    # A text too long for a name, which pathlib stumbles over, is no error here.
    if value == STANDARD_INPUT or os.path.exists(value):  # noqa: PTH110
        source = Source(value)
        text, name, line = "".join(source.pieces(vocabulary.config)), str(source), 1
    else:
        text, name, line = vocabulary.argument(value, option), "the text given", 0
        if len(value.split()) == 1 and Path(value).suffix:
            print(f"{printable(value)}: no such file; read as a text", file=sys.stderr)
    return known_text(vocabulary, text, name, unknown, line), name


def text_to_read(
    subject: Subject, value: str | None, unknown: str | None, most: int
) -> tuple[str, str]:
    """A text to watch a model on, ``most`` characters of it at most, and what it is in words.

    Args:
        value: What was asked for, as in :func:`given_text`; by default what the model learnt from,
            or, where that is not at hand or has changed, what the model writes itself.

    Raises:
        InputError: As :func:`given_text`.
    """
    model = subject.checkpoint.model
    vocabulary = model.vocabulary
    if value is not None:
        text, name = given_text(vocabulary, value, "--on", unknown or "error")
    else:
        try:
            text = learnt_text(subject.checkpoint, most)
            first, *others = subject.checkpoint.corpus.sources
            name = f"{first} and {len(others)} more" if others else first
        except NotAtHandError as why:
            text, name = _own_text(model, min(most, OWN)), OWN_NAME.format(why=why)
    if len(text) > most:
        text, name = text[:most], f"the first {most:,} {vocabulary.config.unit}s of {name}"
    return text, name


def _own_text(model: CharacterModel, length: int) -> str:
    if not model.vocabulary.config.records:
        return "".join(generate(model, length=length, temperature=0.8, rng=0))
    text = ""
    for record in generate_records(model, temperature=0.8, rng=0):
        text += record + model.vocabulary.config.end
        if len(text) > length:
            return text
    raise AssertionError("records never run out")


def known_text(vocabulary: Vocabulary, text: str, name: str, unknown: str, line: int = 0) -> str:
    """As :meth:`Vocabulary.known`, of a text that is not empty; errors as :func:`given_text`."""
    text = vocabulary.known(text, unknown, name, line)
    if not text:
        raise InputError(f"{name}: is empty")
    return text
