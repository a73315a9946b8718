"""Errors are whole wherever they go: copied, pickled, from another process."""

from __future__ import annotations

import copy
import inspect
import pickle
from concurrent.futures import ProcessPoolExecutor

import pytest

import charrnn.errors
from charrnn.errors import CharrnnError, UnknownCharacterError
from charrnn.text.vocabulary import Vocabulary

ERRORS: list[type[CharrnnError]] = [
    kind
    for _, kind in inspect.getmembers(charrnn.errors, inspect.isclass)
    if issubclass(kind, CharrnnError) and kind is not UnknownCharacterError
]


def _unknown() -> None:
    Vocabulary("abc").known("a\ncä", where="poem.txt", line=7)


@pytest.mark.parametrize(
    "error",
    [*(kind("it is so") for kind in ERRORS), UnknownCharacterError("äö", "; learn them", "here")],
    ids=lambda error: type(error).__name__,
)
def test_an_error_can_be_copied(error: CharrnnError) -> None:
    for other in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_an_error_of_another_process() -> None:
    """As a pool of processes hands it on."""
    with pytest.raises(UnknownCharacterError) as here:
        _unknown()
    with ProcessPoolExecutor(1) as pool, pytest.raises(UnknownCharacterError) as there:
        pool.submit(_unknown).result()
    assert str(there.value) == str(here.value)
    assert there.value.characters == here.value.characters == "\n"
