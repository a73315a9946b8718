"""Both forms of a recurrent stack: the reference, and its compiled twin."""

from __future__ import annotations

from typing import Protocol, TypeVar

import pytest

from charrnn.models.language_model import LanguageModel
from charrnn.nn.compiled import compile_stack
from charrnn.nn.stack import Stack

Formed = TypeVar("Formed", Stack, LanguageModel)


class Form(Protocol):
    """Gives a stack, or a model, the form that is under test."""

    def __call__(self, thing: Formed) -> Formed: ...


def make_form(name: str) -> Form:
    """``compiled`` skips the test where there is no Numba; all other names are the reference."""
    if name != "compiled":
        return as_it_is
    pytest.importorskip("numba")
    return as_compiled


def as_it_is(thing: Formed) -> Formed:
    return thing


def as_compiled(thing: Formed) -> Formed:
    """The twin, which it asserts to be another object; a cell without a compiled form skips the test."""
    from charrnn.nn.compiled.stack import RECURRENCES

    if (thing if isinstance(thing, Stack) else thing.stack).cell not in RECURRENCES:
        pytest.skip("this cell has no compiled form")
    twin = compile_stack(thing) if isinstance(thing, Stack) else thing.compiled()
    assert twin is not thing
    assert twin != thing or isinstance(thing, LanguageModel)
    return twin
