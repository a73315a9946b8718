"""Prompts as JSON: what is none is refused, what is asked for is done or named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Outcome, Run, Trained

TEXT = "The cow ate hay.\nHay ate a cow, the hen said.\n" * 40


def _asked(run: Run, trained: Trained, line: str, *options: object) -> Outcome:
    Path("asked.jsonl").write_text(f"{line}\n", encoding="utf-8")
    asked = ("--jsonl", "--prime-file", "asked.jsonl", "--seed", 1, "-q")
    return run("sample", trained(TEXT), *asked, "-n", 60, *options)


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def _texts(outcome: Outcome) -> list[str]:
    return [json.loads(line)["text"] for line in outcome.out.splitlines()]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_11_what_is_no_json(run: Run, trained: Trained, word: str) -> None:
    """Refused, as everything else that is none."""
    outcome = _asked(run, trained, f'{{"prime": "The", "rows": [{word}]}}', "--strict")
    assert (outcome.code, outcome.out) == (2, "")
    assert f"line 1: not JSON: {word}" in outcome.err


@pytest.mark.parametrize("number", ["2e500", "-1e400"])
def test_11_a_large_number_stays_one(run: Run, trained: Trained, number: str) -> None:
    """It comes out as a number, or is refused as too large."""
    outcome = _asked(run, trained, f'{{"prime": "The", "row": {number}}}')
    assert outcome.code == 2 or json.loads(outcome.out, parse_constant=_refuse)


def test_11_an_endless_temperature(run: Run, trained: Trained) -> None:
    """It is refused."""
    outcome = _asked(run, trained, '{"prime": "The", "temperature": 1e700}', "--strict")
    assert (outcome.code, outcome.out) == (2, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temp", 0), ("t", 0), ("top_k", 1), ("top-p", 0.01), ("stop", "a"), ("ban", "ahe "),
        ("until_lines", 1), ("num_samples", 2), ("max_length", 3), ("n", 3),
    ],
)  # fmt: skip
def test_18_settings_are_applied_or_named(
    run: Run, trained: Trained, name: str, value: Any
) -> None:
    """An option of sample, or nearly its name, is not passed on as if it meant nothing."""
    plain = _asked(run, trained, '{"prime": "The"}')
    outcome = _asked(run, trained, json.dumps({"prime": "The", name: value}))
    said = outcome.err.replace(",", " ").replace(":", " ").replace('"', " ").split()
    assert name in said or _texts(outcome) != _texts(plain)


@pytest.mark.parametrize("key", ["text", "bits_per_char"])
def test_18_nothing_that_was_given_is_lost(run: Run, trained: Trained, key: str) -> None:
    """A key that the output needs itself is refused, or kept under another name."""
    outcome = _asked(run, trained, json.dumps({"prime": "The", key: "what a cow should say"}))
    assert outcome.code == 2 or "what a cow should say" in outcome.out


@pytest.mark.parametrize("name", ["length", "seed", "temperature"])
def test_19_null_is_the_default(run: Run, trained: Trained, name: str) -> None:
    """As other programs write a cell that is empty."""
    plain = _asked(run, trained, '{"prime": "The"}')
    outcome = _asked(run, trained, f'{{"prime": "The", "{name}": null}}')
    assert outcome.code == 0
    assert _texts(outcome) == _texts(plain)


def test_19_false_is_no_number(run: Run, trained: Trained) -> None:
    """It is refused, in the words of JSON."""
    outcome = _asked(run, trained, '{"prime": "The", "length": false}', "--stop", ".", "--strict")
    assert (outcome.code, outcome.out) == (2, "")
    assert "not false" in outcome.err
    err = _asked(run, trained, '{"prime": "The", "seed": true}').err
    assert "true" in err
    assert "True" not in err
