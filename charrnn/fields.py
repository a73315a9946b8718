"""What a field of a dataclass may hold is read from its declaration: its type, its limits, what it is for.

    hidden_size: Annotated[int, Between(1, 1 << 14), "Units in each layer."] = 256

Configurations are checked by it when they are made, files when they are read, and the command line
makes its options of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from charrnn.errors import InputError


@dataclass(frozen=True)
class Between:
    """Numbers from ``low`` to ``high``, which may be excluded themselves."""

    low: float
    high: float = math.inf
    above_low: bool = False
    below_high: bool = False


@dataclass(frozen=True)
class OneOf:
    """Names to choose from."""

    names: tuple[str, ...]


Count = Annotated[int, Between(0, (1 << 60) - 1)]
Amount = Annotated[float, Between(0, 1e300)]
"""A loss or a time; so large at most that sums of them do not overflow."""


_known: dict[type, dict[str, Any]] = {}


def declared(kind: type) -> dict[str, Any]:
    """The declaration of each field of a dataclass or a ``TypedDict``."""
    if kind not in _known:
        _known[kind] = get_type_hints(kind, include_extras=True)
    return _known[kind]


def unfolded(declaration: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """The type of a declaration, whether None may stand for it, and what else is said of it."""
    optional = False
    if get_origin(declaration) in (Union, UnionType):
        (declaration,) = (part for part in get_args(declaration) if part is not NoneType)
        optional = True
    if get_origin(declaration) is Annotated:
        declaration, *said = get_args(declaration)
        return declaration, optional, tuple(said)
    return declaration, optional, ()


def check_fields(record: Any) -> None:
    """Check each field that holds a number, a name or a truth.

    Raises:
        InputError: One is of another type than was declared, or out of its limits.
    """
    for field in fields(record):
        flag = field.name.replace("_", "-")
        check(flag, declared(type(record))[field.name], getattr(record, field.name))


def check(name: str, declaration: Any, value: Any) -> None:
    """Check a number, a name or a truth against what was declared; anything else passes.

    Raises:
        InputError: It is of another type, or out of its limits.
    """
    kind, optional, said = unfolded(declaration)
    if optional and value is None:
        return
    limits = next((part for part in said if isinstance(part, (Between, OneOf))), None)
    if isinstance(limits, OneOf) and value not in limits.names:
        raise InputError(f"{name} must be one of {', '.join(limits.names)}, not {value!r}")
    if kind is bool and not isinstance(value, bool):
        raise InputError(f"{name} must be true or false, not {value!r}")
    if kind is str and not isinstance(value, str):
        raise InputError(f"{name} must be text, not {value!r}")
    if kind in (int, float):
        _check_number(name, kind, limits or Between(-math.inf), value)


def _check_number(name: str, kind: type, limits: Any, value: Any) -> None:
    low, high = limits.low, limits.high
    number = isinstance(value, (int, kind)) and not isinstance(value, bool)
    inside = number and low <= value <= high  # which no NaN is
    if (
        inside
        and not (limits.above_low and value == low)
        and not (limits.below_high and value == high)
    ):
        return
    if kind is int:
        raise InputError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    bottom = f"above {low:g}" if limits.above_low else f"at least {low:g}"
    top = f"below {high:g}" if limits.below_high else f"at most {high:g}"
    words = bottom if math.isinf(high) else f"{bottom} and {top}"
    raise InputError(f"{name} must be {words}, not {value!r}")
