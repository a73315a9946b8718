"""What a line of ``sample --jsonl`` and a request to ``serve`` may set is read alike."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from served import byte_model, text_model

from charrnn.cli.jsonl import SETTINGS as OF_LINES
from charrnn.cli.jsonl import Asking
from charrnn.cli.prompts import Request
from charrnn.config import SamplingConfig
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.serving.asking import Bounds, RequestReader
from charrnn.serving.fields import SETTINGS
from charrnn.serving.refusing import RequestError
from charrnn.writing.values import WrongValueError, read_value

MODELS = {"text": text_model(), "bytes": byte_model()}
NUMBERS = [0, 1, 2.0, 20.5, -1, 1e300, 10**400, True, False]
OTHERS = ["", "a", "\n abcdefg", "é", "\ud800", [], ["a"], ["a", "é"], ["a", 3], [""], [["a"]], {}]


def _of_line(model: CharacterModel, given: dict[str, Any]) -> tuple[SamplingConfig, int] | str:
    default = Request("", 7, SamplingConfig(500))
    try:
        asked = Asking(model.vocabulary, default, {}, 10_000, pytest.fail).request(
            {"prime": "", **given}, 7, 1
        )
    except InputError as error:
        return str(RequestError(str(error)))  # which is not too long
    return asked.config, asked.seed


def _of_request(model: CharacterModel, given: dict[str, Any]) -> tuple[SamplingConfig, int] | str:
    try:
        asked = RequestReader(model, "m", Bounds()).read(json.dumps({"seed": 7, **given}).encode())
    except InputError as error:
        return str(error)
    (text,) = asked.texts
    assert isinstance(text.rng, int)
    return text.config, text.rng


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", ["seed", *SETTINGS])
def test_values_are_read_alike(name: str, kind: str) -> None:
    """The same settings come of the same values, or the same words of what is wrong with them."""
    for value in [*NUMBERS, *OTHERS]:
        given = {name: value}
        assert _of_line(MODELS[kind], given) == _of_request(MODELS[kind], given), value


def test_both_have_all_settings() -> None:
    """Those that only one has are by another name in the other, or of another kind there."""
    assert set(OF_LINES) - set(SETTINGS) == {"prime", "seed", "length", "best_of"}
    assert set(SETTINGS) <= set(OF_LINES)


@pytest.mark.parametrize(
    ("declaration", "value", "read"),
    [
        (int, 20.0, 20),
        (int, -0.0, 0),
        (float, 10**30, 1e30),
        (bool, True, True),
        (tuple[str, ...], "ab", ("ab",)),
        (tuple[str, ...], [], ()),
        (Any, [3], [3]),
    ],
)
def test_what_is_read(declaration: Any, value: object, read: object) -> None:
    found = read_value("a", declaration, value)
    assert (found, type(found)) == (read, type(read))


def test_an_error_knows_its_name() -> None:
    """Also a copy of it."""
    with pytest.raises(WrongValueError, match=r"^n must be a whole number, not false$") as refused:
        read_value("n", int, False)
    assert pickle.loads(pickle.dumps(refused.value)).name == "n"
