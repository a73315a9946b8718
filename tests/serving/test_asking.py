"""What requests may ask for: any bytes make a request or a refusal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import byte_model, labelled_model, record_model, text_model

from charrnn.serving.asking import LENGTH, NAMED, STOP_LENGTH, STOPS, Asked, Bounds, RequestReader
from charrnn.serving.fields import FIELDS, MOST_LOGPROBS, REFUSED, SETTINGS
from charrnn.serving.refusing import RequestError, as_json

ASKING = RequestReader(text_model(), "tiny", Bounds(length=1000, texts=8))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=3,
)
sound: st.SearchStrategy[Any] = st.sampled_from(
    [
        0,
        1,
        2,
        0.5,
        1.0,
        True,
        False,
        "",
        "a",
        "ab",
        ["a"],
        ["a", "b"],
        None,
        {},
        "skip",
        10**400,
        -1,
    ]
)
requests = st.dictionaries(
    st.sampled_from(sorted({*FIELDS, *REFUSED})) | st.text(max_size=5), sound | anything, max_size=5
)


def _read(asking: RequestReader = ASKING, /, **asked: Any) -> Asked:
    return asking.read(json.dumps(asked).encode())


@given(requests)
@settings(max_examples=50)
def test_any_object(asked: dict[str, Any]) -> None:
    """It is a request within the bounds, or a refusal that can be told."""
    try:
        found = ASKING.read(json.dumps(asked).encode())
    except RequestError as error:
        assert error.status in (404, 422)
        json.dumps(as_json(error))
        return
    assert 1 <= len(found.texts) <= 8
    for text in found.texts:
        assert not ASKING._model.vocabulary.unknown_in(text.prime)
        assert 0 <= (text.config.length or 0) <= 1000


@given(st.binary(max_size=30) | st.text(max_size=30).map(str.encode))
def test_any_bytes(body: bytes) -> None:
    try:
        assert ASKING.read(body).texts
    except RequestError as error:
        assert error.status in (404, 422)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the request is not JSON"),
        (b"[1]", "must be an object"),
        (b'{"n": NaN}', "NaN is not a number"),
        (b'{"n": 1, "n": 2}', "there twice"),
        (b'{"prompt": "\xff"}', "not UTF-8"),
        (b"[" * 100_000, "too deep"),
        (b'{"temperature": %b1%b}' % (b"[" * 953, b"]" * 953), "too deep"),
        (b'{"temperature": 1e999}', "not a number of JSON"),
        (b'{"temperature": 1' + b"0" * 400 + b"}", "temperature is too large"),
    ],
)
def test_no_json(body: bytes, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        ASKING.read(body)


@pytest.mark.parametrize(
    ("asked", "param", "told"),
    [
        ({"promt": "a"}, "promt", "there is no field 'promt'"),
        ({"prompt": [1, 2]}, "prompt", "no numbers of tokens"),
        ({"prompt": [[1]]}, "prompt", "no numbers of tokens"),
        ({"prompt": []}, "prompt", "1 to 8 texts, not 0"),
        ({"prompt": ["a"] * 3, "n": 3}, "prompt", "1 to 8 texts, not 9"),
        ({"n": 9}, "n", "1 to 8 texts, not 9"),
        ({"n": 1.5}, "n", "n must be a whole number"),
        ({"n": True}, "n", "n must be a whole number"),
        ({"prompt": "ax"}, "prompt", r"not in the model's vocabulary: 'x' \(U\+0078\)"),
        ({"prompt": "\ud800"}, "prompt", "not valid Unicode"),
        ({"prompt": "a" * 1001}, "prompt", "1,001 characters of prompts are more than --max-length 1,000"),
        ({"prompt": ["a" * 501] * 2}, "prompt", "1,002 characters of prompts"),
        ({"max_tokens": 1001}, "max_tokens", "max_tokens 1,001 is more than --max-length 1,000"),
        ({"max_tokens": -1}, "max_tokens", "max_tokens must be a whole number, at least 0"),
        ({"temperature": -1}, "temperature", "temperature must be at least 0"),
        ({"temperature": "1"}, "temperature", 'temperature must be a number, not "1"'),
        ({"top_p": 0}, "top_p", "top_p must be above 0"),
        ({"seed": -1}, "seed", "seed must be a whole number from 0"),
        ({"stop": ""}, "stop", "at least one character"),
        ({"stop": ["a"] * 17}, "stop", "at most 16 strings"),
        ({"stop": "a" * 201}, "stop", "at most 200 characters"),
        ({"stop": 5}, "stop", "stop must be"),
        ({"stop": "\ud800"}, "stop", "half of a surrogate pair"),
        ({"ban": "\n abcdefg"}, "ban", "leaves no character"),
        ({"ban": "x" * 10_001}, "ban", "ban is at most 10,000 characters"),
        ({"dry_breakers": "x" * 10_001}, "dry_breakers", "dry_breakers is at most 10,000 characters"),
        ({"prompt": "\U00020000" * 1001, "unknown": "skip"}, "prompt", "1,001 characters of prompts"),
        ({"prompt": "æ" * 501, "unknown": "replace"}, "prompt", "1,002 characters of prompts"),
        ({"logprobs": 21}, "logprobs", "from 0 to 20"),
        ({"logprobs": True}, "logprobs", "logprobs must be"),
        ({"stream_options": {"include_usage": 1}}, "stream_options", "true or false"),
        ({"stream_options": []}, "stream_options", "is an object"),
        ({"suffix": "x"}, "suffix", "goes on with a text"),
        ({"best_of": 3, "n": 2}, "best_of", "ask for n texts"),
        ({"best_of": True}, "best_of", "ask for n texts"),
        ({"suffix": False}, "suffix", "does not fill one in"),
        ({"logit_bias": {"50": 1}}, "logit_bias", '"ban"'),
        ({"presence_penalty": 0.5}, "presence_penalty", '"dry"'),
        ({"label": "x"}, "label", "writes for no labels"),
        ({"unknown": "leave"}, "unknown", "one of error, skip, replace"),
        ({"model": "gpt"}, "model", "there is no model 'gpt' here; it is called 'tiny'"),
    ],
)  # fmt: skip
def test_refusals(asked: dict[str, Any], param: str, told: str) -> None:
    with pytest.raises(RequestError, match=told) as refused:
        _read(**asked)
    assert refused.value.param == param
    assert refused.value.status == (404 if param == "model" else 422)


@pytest.mark.parametrize(
    ("asked", "characters"),
    [
        ({"n": 2}, 2 * 40),
        ({"prompt": ["a" * 10, "bc"], "n": 2}, 4 * 40),
        ({"prompt": ["a" * 10, "bc"], "n": 2, "echo": True}, 4 * 40 + 2 * 12),
    ],
)
def test_how_many_logprobs(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], characters: int
) -> None:
    """All numbers of an answer together are bounded: it is held in memory, and told in one go."""
    asked |= {"max_tokens": 40, "logprobs": 3}
    monkeypatch.setattr("charrnn.serving.asking.LIKELIHOODS", 4 * characters)
    _read(**asked)
    monkeypatch.setattr("charrnn.serving.asking.LIKELIHOODS", 4 * characters - 1)
    _read(**{**asked, "logprobs": 2})
    with pytest.raises(RequestError, match=f"^{characters} characters, each with 4") as refused:
        _read(**asked)
    assert refused.value.param == "logprobs"


def test_what_says_nothing() -> None:
    """Null, and fields that are not supported at the value that asks for nothing."""
    nothing = dict.fromkeys((*FIELDS, *REFUSED))
    asked = _read(ASKING, **nothing)
    assert (len(asked.texts), asked.texts[0].prime, asked.texts[0].config.length) == (1, "", 500)
    neutral = {"suffix": "", "logit_bias": {}, "presence_penalty": 0, "frequency_penalty": 0.0}
    assert _read(ASKING, **neutral, best_of=2, n=2, user="me", seed=1) == _read(n=2, seed=1)


def test_settings_are_those_of_sample() -> None:
    """Each is read, none is forgotten."""
    strings = {"ban": "a", "dry_breakers": "b", "stop": "c"}
    values = dict.fromkeys(SETTINGS, 1) | {"dry_base": 2.0} | strings
    config = _read(ASKING, **values, max_tokens=7.0).texts[0].config
    assert {name: getattr(config, name) for name in SETTINGS} == {**values, "stop": ("c",)}
    assert config.length == 7


def test_the_page_has_every_field() -> None:
    """docs/serving.md tells of each, and of no other."""
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page.split("| field |")[1], re.M)
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(FIELDS)
    assert all(f"`{name}`" in page for name in REFUSED)
    bounds = Bounds()
    for number in (LENGTH, MOST_LOGPROBS, NAMED, STOPS, STOP_LENGTH, bounds.texts, bounds.length):
        assert re.search(rf"\b{number:,}\b", page)


def test_seeds_follow() -> None:
    """As with --num-samples of prompts: each text has the one after that of the text before."""
    asked = _read(prompt=["a", "b"], n=2, seed=2**64 - 2)
    assert [(t.prime, t.rng) for t in asked.texts] == [
        ("a", 2**64 - 2),
        ("a", 2**64 - 1),
        ("b", 0),
        ("b", 1),
    ]


def test_unknown_characters() -> None:
    assert _read(prompt="axé b", unknown="skip").texts[0].prime == "a b"
    replacing = RequestReader(text_model(), "tiny", Bounds(), "replace")
    assert _read(replacing, prompt="Ab\r\n").texts[0].prime == "ab\n"


def test_other_kinds_of_models() -> None:
    """Bytes are those of UTF-8, a record is one line, a label has to be named."""
    asking = RequestReader(byte_model(), "bytes", Bounds())
    asked = _read(asking, prompt="é", stop="€", ban="é")
    assert asked.texts[0].prime == "Ã©"
    assert asked.texts[0].config.stop == ("â\x82¬",)
    records = RequestReader(record_model(), "records", Bounds())
    with pytest.raises(RequestError, match="a record is one line"):
        _read(records, prompt="a\nb")
    labelled = RequestReader(labelled_model(), "names", Bounds())
    with pytest.raises(RequestError, match="name one of German, Italian"):
        _read(labelled)
    with pytest.raises(RequestError, match="Dutch"):
        _read(labelled, label="Dutch")
    both = [_read(labelled, label="Italian").model for _ in range(2)]
    assert both[0] is both[1]
