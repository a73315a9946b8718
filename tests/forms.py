"""Both forms of a recurrent stack: the reference, and its compiled twin."""

from __future__ import annotations

import sys
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


def without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be one in which nothing has been compiled, and no Numba is there."""
    import charrnn.nn.compiled

    monkeypatch.setattr("charrnn.nn.compiled._failure", None)
    room = "charrnn.nn.compiled."
    for module in [name for name in sys.modules if name.startswith(room)]:
        monkeypatch.delattr(charrnn.nn.compiled, module.removeprefix(room))
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "numba", None)
