"""What a field of a dataclass may hold is read from its declaration: its type, its limits, what it is for.

    hidden_size: Annotated[int, Between(1, 1 << 14), "Units in each layer."] = 256

Configurations are checked by it when they are made, files when they are read, and the command line
makes its options of it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from numbers import Integral, Real
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from charrnn.errors import InputError


@dataclass(frozen=True)
class Between:
    """Numbers from ``low`` to ``high``, but not those of ``without``."""

    low: float
    high: float = math.inf
    without: tuple[float, ...] = ()

    def check(self, name: str, kind: type, value: Any) -> None:
        low, high = self.low, self.high
        if (
            _is(kind, value) and low <= value <= high and value not in self.without
        ):  # which no NaN is
            return
        if kind is int and high < math.inf:
            raise InputError(
                f"{name} must be a whole number from {low} to {high}, not {shortened(value)}"
            )
        bottom = f"{'above' if low in self.without else 'at least'} {low:g}"
        top = f" and {'below' if high in self.without else 'at most'} {high:g}"
        whole = "a whole number, " * (kind is int)
        limits = f"{whole}{bottom}{top if high < math.inf else ''}"
        raise InputError(f"{name} must be {limits}, not {shortened(value)}")


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
            many = f"{self.low} to {self.high}" if self.low < self.high else f"{self.low}"
            raise InputError(f"{name} must have {many} parts, not {len(value)}")
        if self.alphabet and not set(value) <= set(self.alphabet):
            raise InputError(f"{name} must be of the characters {self.alphabet}")


Count = Annotated[int, Between(0, (1 << 60) - 1)]
Amount = Annotated[float, Between(0, 1e300)]
"""A loss or a time; so large at most that sums of them do not overflow."""


P = ParamSpec("P")
R = TypeVar("R")

SEQUENCES = (list, tuple, Sequence)
_NUMBERS: dict[Any, type] = {int: Integral, float: Real}  # those of NumPy, too
_WORDS: dict[Any, str] = {
    **{bool: "true or false", str: "text", int: "a whole number", float: "a number"},
    **dict.fromkeys(SEQUENCES, "a list"),
}
_known: dict[Any, dict[str, Any]] = {}


def declared(kind: Any) -> dict[str, Any]:
    """The declaration of each field of a dataclass or a ``TypedDict``, of each argument of a function."""
    if kind not in _known:
        _known[kind] = get_type_hints(kind, include_extras=True)
    return _known[kind]


def unfolded(declaration: Any) -> tuple[Any, bool, tuple[Any, ...]]:
    """The type of a declaration, whether None may stand for it, and what else is said of it."""
    optional = NoneType in (parts := _parts(declaration))
    if optional:
        declaration = Union[tuple(part for part in parts if part is not NoneType)]  # noqa: UP007
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
    """Check a value, and what a list has in it, against what was declared.

    Raises:
        InputError: It is of another type, or out of its limits.
    """
    kind, optional, said = unfolded(declaration)
    if optional and value is None:
        return
    fitting = [part for part in _parts(kind) if _is(unfolded(part)[0], value)]
    if not fitting:
        if kind in _NUMBERS:
            check_limits(name, kind, said, value)  # says more
        raise InputError(f"{name} must be {_named(kind)}, not {shortened(value)}")
    check_limits(name, kind, said, value)
    if fitting != [kind]:
        check(name, fitting[0], value)
    elif get_origin(kind) in SEQUENCES and not isinstance(value, str):
        for item in value:
            check(name, get_args(kind)[0], item)


def check_limits(name: str, kind: Any, said: tuple[Any, ...], value: Any) -> None:
    """Check a value against the limits that were said of it alone.

    Raises:
        InputError: It is out of one.
    """
    for limits in said:
        if isinstance(limits, (Between, OneOf, Length)):
            limits.check(name, kind, value)


def checks(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function for everybody refuse arguments that are not as they are declared.

    Raises:
        InputError: On a call: one is not.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        hints = declared(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in hints:
                check(name, hints[name], value)
        return function(*args, **kwargs)

    return checked


def _parts(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _is(kind: Any, value: Any) -> bool:
    kind = get_origin(kind) or kind
    if kind in _NUMBERS:
        return isinstance(value, _NUMBERS[kind]) and not isinstance(value, bool)
    if kind in SEQUENCES:
        return isinstance(value, Sequence)
    return kind is Any or not isinstance(kind, type) or isinstance(value, kind)


def _named(kind: Any) -> str:
    names = (unfolded(part)[0] for part in _parts(kind))
    kinds = [get_origin(name) or name for name in names]
    *others, last = [_WORDS.get(one) or _article(one.__name__) for one in kinds]
    return f"{', '.join(others)} or {last}" if others else last


def _article(name: str) -> str:
    return f"a{'n' * (name[0] in 'AEIOU')} {name}"
