"""A figure's data as JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from charrnn.config import TextConfig
from charrnn.drawing.data import as_json, plain
from charrnn.drawing.figure import Figure, Symbols


def test_plain() -> None:
    """Any result: rounded, null where a number is not finite."""
    found = plain({"a": np.array([[1.23456789]]), "b": (math.inf, True), "c": TextConfig()})
    assert found["a"] == [[1.234568]]
    assert found["b"] == [None, True]
    assert found["c"] == {
        **{"unit": "character", "normalize": "nfc", "records": False},
        **{"tokens": False, "features": False},
    }


@pytest.mark.parametrize(("exact", "told"), [(False, 0.1234568), (True, 0.123456789012)])
def test_digits(exact: bool, told: float) -> None:
    figure = Figure("", (), {"a": 0.123456789012, "n": np.int64(3)}, exact=exact)
    assert as_json(figure) == {"a": told, "n": 3}


@pytest.mark.parametrize(
    ("encoding", "told"), [("utf-8", "Ã©\x80"), ("latin-1", "é\udc80")], ids=["text", "bytes"]
)
def test_characters(encoding: str, told: Any) -> None:
    """Bytes are UTF-8 where they are, and else each a lone surrogate; a word of ours stays as it is."""
    data = {"text": Symbols("Ã©\x80"), "source": "Ã©"}
    assert as_json(Figure("", (), data, encoding=encoding)) == {"text": told, "source": "Ã©"}
