"""What terminals are sent, and what they say of themselves."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from conftest import Run, Trained

TEXT = "One goat ran up a hill.\nA hill ran up one goat.\n" * 40
ACTING = "\x07\x0e\x9b\x9d"  # a bell, another alphabet, and the C1 forms of ESC [ and ESC ]


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the panel is sent as the model wrote it"
)
def test_05_nothing_acts_on_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's text, its corpus' name and its own are shown while it learns, and are no commands."""
    name = "a\x07.txt" if os.name == "posix" else "a.txt"
    Path(name).write_text("".join(f"a{c}b {c}" for c in ACTING) * 100, encoding="utf-8")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    outcome = run("train", name, "--hidden-size", 4, "--steps", 4, "--eval-every", 2, "-o", "m.npz")
    assert outcome.code == 0
    assert "so far" in outcome.err
    assert not set(ACTING) & set(outcome.err)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a width of 0 is believed")
@pytest.mark.parametrize("view", [("--help",), ("inspect",), ("--text", "A goat")], ids="".join)
def test_12_no_columns(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch, view: tuple[str, ...]
) -> None:
    """COLUMNS=0, as in containers and CI jobs, says as much as no COLUMNS."""
    model = trained(TEXT)
    arguments = view if view == ("--help",) else ("inspect", model, *view[view == ("inspect",) :])
    monkeypatch.delenv("COLUMNS", raising=False)
    expected = run(*arguments).out
    monkeypatch.setenv("COLUMNS", "0")
    assert run(*arguments).out == expected
    assert len(expected) > 100
