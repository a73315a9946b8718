"""What a field of a dataclass may hold is read from its declaration: its type, its limits, what it is for.

    hidden_size: Annotated[int, Between(1, 1 << 14), "Units in each layer."] = 256

Configurations are checked by it when they are made, files when they are read, and the command line
makes its options of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from charrnn.errors import InputError


@dataclass(frozen=True)
class Between:
    """Numbers from ``low`` to ``high``, but not those of ``without``."""

    low: float
    high: float = math.inf
    without: tuple[float, ...] = ()

    def check(self, name: str, kind: type, value: Any) -> None:
        low, high = self.low, self.high
        number = isinstance(value, (int, kind)) and not isinstance(value, bool)
        if number and low <= value <= high and value not in self.without:  # which no NaN is
            return
        if kind is int:
            raise InputError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        bottom = f"{'above' if low in self.without else 'at least'} {low:g}"
        top = f" and {'below' if high in self.without else 'at most'} {high:g}"
        raise InputError(f"{name} must be {bottom}{top if high < math.inf else ''}, not {value!r}")


@dataclass(frozen=True)
class OneOf:
    """Names to choose from."""

    names: tuple[str, ...]

    def check(self, name: str, _kind: type, value: Any) -> None:
        if value not in self.names:
            raise InputError(f"{name} must be one of {', '.join(self.names)}, not {value!r}")


@dataclass(frozen=True)
class Length:
    """Text of ``low`` to ``high`` characters, each of the ``alphabet`` if there is one; a list of so many."""

    low: int
    high: int
    alphabet: str = ""

    def check(self, name: str, _kind: type, value: Any) -> None:
        if not self.low <= len(value) <= self.high:
            raise InputError(f"{name} must have {self.low} to {self.high} parts, not {len(value)}")
        if self.alphabet and not set(value) <= set(self.alphabet):
            raise InputError(f"{name} must be of the characters {self.alphabet}")


Count = Annotated[int, Between(0, (1 << 60) - 1)]
Amount = Annotated[float, Between(0, 1e300)]
"""A loss or a time; so large at most that sums of them do not overflow."""


_WORDS: dict[Any, str] = {bool: "true or false", str: "text"}
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


class Checked:
    """A dataclass whose fields are checked when it is made, see :func:`check`.

    Raises:
        InputError: A value is out of its range.
    """

    def __post_init__(self) -> None:
        for name, declaration in declared(type(self)).items():
            value = getattr(self, name)
            if hasattr(value, "dtype"):  # a number of NumPy's
                value = value.item()
                object.__setattr__(self, name, value)
            check(name.replace("_", "-"), declaration, value)


def check(name: str, declaration: Any, value: Any) -> None:
    """Check a number, a text, a truth or a list of such against what was declared; anything else passes.

    Raises:
        InputError: It is of another type, or out of its limits.
    """
    kind, optional, said = unfolded(declaration)
    if optional and value is None:
        return
    if kind in _WORDS and not isinstance(value, kind):
        raise InputError(f"{name} must be {_WORDS[kind]}, not {value!r}")
    for limits in said:
        if isinstance(limits, (Between, OneOf, Length)):
            limits.check(name, kind, value)
    if get_origin(kind) in (list, tuple):
        for item in value:
            check(name, get_args(kind)[0], item)
