"""Records as JSON and arrays, and back: dataclasses and ``TypedDict``s, field by field as they are declared.

A field of arrays goes to the file's arrays, each other one to its JSON. What comes back is of the
declared types and within the declared limits, or refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, TypeVar, get_args, get_origin, is_typeddict

from charrnn.fields import check, check_limits, declared, unfolded
from charrnn.nn.parameters import Array

Record = TypeVar("Record")
Older = Callable[[type, Mapping[str, Any]], Mapping[str, Any]]
"""Given the JSON of a record as an older format had it, that of today."""


def to_json(value: Any) -> Any:
    """A value as JSON has it, without the arrays."""
    if is_dataclass(value):
        names = [name for name, hint in declared(type(value)).items() if not _holds_arrays(hint)]
        return {name: to_json(getattr(value, name)) for name in names}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def arrays_of(record: Any) -> dict[str, Array]:
    """The arrays of a record by their names, those in a dictionary as ``field/key``."""
    found: dict[str, Array] = {}
    for name, hint in declared(type(record)).items():
        if _holds_arrays(hint):
            value = getattr(record, name)
            several = value.items() if isinstance(value, Mapping) else [("", value)]
            found |= {f"{name}/{key}".rstrip("/"): array for key, array in several}
    return found


def from_json(
    kind: type[Record],
    values: Any,
    older: Older | None = None,
) -> Record:
    """A record of what :func:`to_json` made of one.

    Args:
        older: What becomes of the entries of older formats.

    Raises:
        TypeError, ValueError, InputError: An entry is unknown, missing, of another type than was
            declared, or out of its limits.
    """
    return kind(**entries(kind, values, older))


def entries(kind: type, values: Any, older: Older | None = None) -> dict[str, Any]:
    """The fields of a record that JSON holds; errors are those of :func:`from_json`."""
    if type(values) is not dict:
        raise TypeError(f"{kind.__name__} must be an object of JSON")
    values = older(kind, values) if older else values
    hints = {name: hint for name, hint in declared(kind).items() if not _holds_arrays(hint)}
    if wrong := hints.keys() ^ values.keys():
        raise ValueError(
            f"{kind.__name__} has unknown or missing entries: {', '.join(sorted(wrong))}"
        )
    return {name: _from_json(name, hints[name], value, older) for name, value in values.items()}


def _from_json(name: str, hint: Any, value: Any, older: Older | None) -> Any:
    kind, optional, said = unfolded(hint)
    if optional and value is None:
        return None
    if is_dataclass(kind) or is_typeddict(kind):
        return from_json(kind, value, older)
    if get_origin(kind) in (list, tuple):
        if type(value) is not list:
            raise TypeError(f"{name} must be a list")
        check_limits(name, kind, said, value)
        item = get_args(kind)[0]
        return get_origin(kind)(_from_json(name, item, entry, older) for entry in value)
    check(name, hint, value)
    if kind is str:
        value.encode("utf-8", "surrogateescape")  # a path may have bytes that are not UTF-8
    return float(value) if kind is float else value


def _holds_arrays(hint: Any) -> bool:
    return hint == Array or Array in get_args(hint)


NESTED = 100  # lists and objects in each other, at most: what reads more of them may be unable to write them


def parse(text: bytes | str) -> Any:
    """JSON, as UTF-8 where it is bytes, that says each thing once and has no numbers beyond its own.

    Raises:
        ValueError: It is not.
        RecursionError: It has lists and objects in each other, more than ``NESTED`` deep.
    """

    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("an entry is there twice")
        return found

    def finite(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            raise ValueError(f"{digits} is not a number of JSON")
        return number

    decoded = text if isinstance(text, str) else text.decode()
    found = json.loads(
        decoded, object_pairs_hook=each_once, parse_float=finite, parse_constant=finite
    )
    if decoded.count("[") + decoded.count("{") > NESTED and _is_deep(found):
        raise RecursionError(f"lists and objects in each other, more than {NESTED} deep")
    return found


def _is_deep(value: Any) -> bool:
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(NESTED + 1):
        lists = (item.values() if isinstance(item, dict) else item for item in layer)
        layer = [child for items in lists for child in items if isinstance(child, dict | list)]
    return bool(layer)
