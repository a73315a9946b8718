"""What programs ask for to be written, as values of JSON: lines of ``charrnn sample --jsonl``, requests to ``charrnn serve``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_origin

from charrnn.config import SamplingConfig
from charrnn.errors import InputError
from charrnn.fields import check_limits, unfolded
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.filters import Ban

SHOWN = 40  # characters of a value in a message

_KINDS = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
_STRINGS = "a string, or a list of some"


class WrongValueError(InputError):
    """A value cannot be what it is to be.

    Attributes:
        name: What is wrong.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def read_value(name: str, declaration: Any, value: Any) -> Any:
    """A value as it is declared: a number, true or false, a string, or a tuple of strings, of which one may stand alone.

    Raises:
        WrongValueError: It is of another type, or out of its limits.
    """
    kind, _, said = unfolded(declaration)
    found = value
    if kind is int and isinstance(value, float) and value.is_integer():
        found = int(value)  # a whole number may be written as 20.0
    elif get_origin(kind) is tuple and isinstance(value, str | list):
        found = (value,) if isinstance(value, str) else tuple(value)
    if not _is(kind, found):
        wanted = _KINDS.get(kind, _STRINGS)
        raise WrongValueError(f"{name} must be {wanted}, not {shown(value)}", name)
    try:
        check_limits(name, kind, said, found)
        return float(found) if kind is float else found  # an array takes no huge whole number
    except OverflowError:
        raise WrongValueError(f"{name} is too large: {shown(value)}", name) from None
    except InputError as error:
        raise WrongValueError(str(error), name) from None


def _is(kind: Any, value: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if kind in (int, float):
        types = int if kind is int else int | float
        return isinstance(value, types) and not isinstance(value, bool)
    return kind is Any or isinstance(value, kind)


def config_of(
    vocabulary: Vocabulary, default: SamplingConfig, settings: Mapping[str, Any]
) -> SamplingConfig:
    """How a text is to be written: as by default but for some settings, each of which :func:`read_value` has read.

    Raises:
        WrongValueError: A string is no text, or one that is empty is to end it, or nothing is left to write.
        InputError: Settings contradict each other.
    """
    said = {name: symbols_of(vocabulary, name, value) for name, value in settings.items()}
    if "" in said.get("stop", ()):
        raise WrongValueError("stop must be a string of at least one character", "stop")
    config = replace(default, **said)
    if "ban" in said:
        try:
            Ban(vocabulary, [config], [""])
        except InputError as error:
            raise WrongValueError(str(error), "ban") from None
    return config


def symbols_of(vocabulary: Vocabulary, name: str, value: Any) -> Any:
    """A value, its strings in characters of the model's kind.

    Raises:
        WrongValueError: A string is no text.
    """
    try:
        if isinstance(value, tuple):
            return tuple(map(vocabulary.symbols, value))
        return vocabulary.symbols(value) if isinstance(value, str) else value
    except UnicodeError:
        raise WrongValueError(f"{name} has half of a surrogate pair", name) from None


def shown(value: Any) -> str:
    """A value in the words of JSON, in short."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
