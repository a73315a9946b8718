"""The text that a view looks at."""

from __future__ import annotations

from pathlib import Path

from charrnn.cli.incoming import name_of, pieces
from charrnn.cli.terminal import argument_symbols
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.reading import STANDARD_INPUT
from charrnn.text import Vocabulary


def given_text(vocabulary: Vocabulary, value: str, option: str, unknown: str) -> tuple[str, str]:
    """A text in a model's characters, and where it came from in words.

    Args:
        value: ``-`` for standard input, the path of a file, or else the text itself.
        unknown: What becomes of characters that the model lacks: error, skip or replace.

    Raises:
        InputError: It cannot be read, is empty, or has unknown characters.
    """
    if value == STANDARD_INPUT or _is_file(value):
        text, name = "".join(pieces(value, vocabulary.config)), name_of(value)
    else:
        text, name = argument_symbols(vocabulary, value, option), "the text given"
    return known_text(vocabulary, text, name, unknown), name


def known_text(vocabulary: Vocabulary, text: str, name: str, unknown: str) -> str:
    """A text that a model can read, and that is not empty; errors as :func:`given_text`."""
    if unknown not in ("error", "skip", "replace"):
        raise InputError(f"--unknown must be error, skip or replace, not {unknown!r}")
    if unknown != "error":
        text = vocabulary.resolve(text, unknown)
    elif characters := vocabulary.unknown_in(text):
        error = UnknownCharacterError(characters, "; add --unknown skip or --unknown replace")
        raise InputError(f"{name}: {error}")
    if not text:
        raise InputError(f"{name}: is empty")
    return text


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except (OSError, ValueError):  # too long for a name, or with a zero byte
        return False
