"""Texts as clients are told them: whatever the pieces were, without what ended them and in whole characters."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from served import byte_model, record_model, text_model

from charrnn.config import SamplingConfig
from charrnn.models.character_model import CharacterModel
from charrnn.serving.telling import Telling, together
from charrnn.writing.ending import Ending
from charrnn.writing.likelihoods import Likelihoods
from charrnn.writing.writer import Piece, Prompt

TEXT, RECORDS, BYTES = text_model(), record_model(), byte_model()


def _told(
    model: CharacterModel, text: str, cuts: list[int], **settings: Any
) -> list[dict[str, Any]]:
    """What is told of a text that comes in pieces of these sizes, as far as it is written."""
    config = SamplingConfig(**{"length": len(text), **settings})
    ending = Ending(config, model.vocabulary.config.end)
    telling = Telling(model.vocabulary, 0, Prompt("", 7, config, alternatives=1))
    parts, cuts = [], [*cuts]
    while not ending.reached:
        size = cuts.pop(0) if cuts else len(text)
        piece, text = ending.cut(text[:size]), text[size:]
        n = len(piece)
        likely = Likelihoods(np.full(n, -0.5), np.zeros((n, 1), np.intp), np.full((n, 1), -0.1))
        parts.append(telling.add(Piece(0, piece, 0.0, ending.reached, likely=likely)))
    return parts


cuts = st.lists(st.integers(1, 5), max_size=20)
stops = st.lists(st.text("abc", min_size=1, max_size=4), max_size=3).map(tuple)


@given(st.text("abc", min_size=1, max_size=40), cuts, stops)
def test_stop_strings_never_leak(text: str, cuts: list[int], stops: tuple[str, ...]) -> None:
    """Together the parts are all before the first string that ends; what was told is never taken back."""
    ends = [(text.find(s) + len(s), -len(s)) for s in stops if s in text]
    end, length = min(ends, default=(len(text), 0))
    parts = _told(TEXT, text, cuts, stop=stops)
    whole = together(parts)
    assert whole["text"] == text[: end + length]
    assert whole["finish_reason"] == ("stop" if ends else "length")
    assert [part["finish_reason"] for part in parts[:-1]] == [None] * (len(parts) - 1)
    told = whole["logprobs"]
    assert told["tokens"] == [*whole["text"]]
    assert told["text_offset"] == [*range(len(whole["text"]))]
    assert told["token_logprobs"] == [-0.5] * len(whole["text"])
    assert all(
        best[token] == -0.5
        for token, best in zip(told["tokens"], told["top_logprobs"], strict=True)
    )


@given(st.text("ab\n", max_size=20).map(lambda text: text + "\n"), cuts)
def test_a_record_ends_by_itself(text: str, cuts: list[int]) -> None:
    whole = together(_told(RECORDS, text, cuts))
    assert (whole["text"], whole["finish_reason"]) == (text[: text.find("\n")], "stop")


def test_lines_that_are_counted_are_told() -> None:
    whole = together(_told(TEXT, "a\nb\nc\n", [1, 2], until_lines=2))
    assert (whole["text"], whole["finish_reason"]) == ("a\nb\n", "stop")


@given(st.text("aé€😀", max_size=9), st.binary(max_size=5), cuts)
def test_bytes_become_whole_characters(text: str, rest: bytes, cuts: list[int]) -> None:
    """However they come; what is no UTF-8 is U+FFFD, and no part has half a character."""
    raw = text.encode() + rest
    if not raw:
        return
    parts = _told(BYTES, raw.decode("latin-1"), cuts)
    whole = together(parts)
    assert whole["text"] == raw.decode("utf-8", "replace")
    assert len(whole["logprobs"]["tokens"]) == len(raw)
    offsets = [len(raw[:n].decode("utf-8", "ignore")) for n in range(len(text.encode()))]
    assert whole["logprobs"]["text_offset"][: len(offsets)] == offsets
    tokens = [chr(byte) if byte < 128 else rf"bytes:\x{byte:02x}" for byte in raw]
    assert whole["logprobs"]["tokens"] == tokens
