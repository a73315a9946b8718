"""``charrnn inspect``: gates, gradients, weights and characters, of every kind of model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from kinds import RECURRENT
from rich.console import Console
from samples import SHA256, USED

from charrnn.config import ModelConfig, TextConfig
from charrnn.drawing.terminal.screen import Screen
from charrnn.files.checkpoint import save_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo

VIEWS = ("--gates", "--gradients", "--weights", "--embedding")
KINDS = (
    "lstm",
    "rnn",
    "feedforward",
    "bytes",
    "records",
)  # the last ones of GRU and RNN (ReLU) cells
TEXT = "abc\ndefé fed\n" * 2


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.inspection.look.OWN", 24)
    monkeypatch.setattr("charrnn.inspection.flow.SHORT_WARM_UP", 5)


def _saved(kind: str) -> Path:
    """A small model that has learnt nothing, in a file."""
    path = Path(f"{kind}.npz")
    text = TextConfig("byte") if kind == "bytes" else TextConfig(records=kind == "records")
    characters = BYTES if kind == "bytes" else "\n abcdefé"
    cell = {"bytes": "gru", "records": "rnn-relu"}.get(kind, kind)
    config = ModelConfig(cell, 4, 2, 3 if kind == "records" else 0)
    model = CharacterModel.fresh(config, Vocabulary(characters, text), np.random.default_rng(2))
    save_checkpoint(
        Checkpoint(model, USED, CorpusInfo(("t",), 9, 9, SHA256)),
        path,
    )
    return path


def _json(run: Run, *arguments: object) -> Any:
    outcome = run("inspect", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out, parse_constant=pytest.fail)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_model(run: Run, view: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn in a narrow terminal without a line that is wider, and as JSON; or one line says why not."""
    monkeypatch.setenv("COLUMNS", "60")
    path = _saved(kind)
    outcome = run("inspect", path, view)
    if view == "--gradients" and kind == "feedforward":
        assert outcome.code == 2
        assert outcome.err == (
            "charrnn: feedforward.npz: no gradient goes back through time in a net without memory: "
            "it predicts from 3 characters and nothing before\n"
        )
        return
    if view == "--gates" and kind in ("rnn", "feedforward", "records"):
        assert outcome.code == 2
        kind = "rnn-relu" if kind == "records" else kind
        assert (
            outcome.err
            == f"charrnn: a model of {kind} cells has no gates; those of gru and lstm have\n"
        )
        return
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert len(lines) > 10
    assert max(map(len, lines)) <= 60
    assert "\x1b" not in outcome.out
    if kind in ("bytes", "records"):
        _json(run, path, view)


@pytest.mark.parametrize("view", VIEWS)
def test_ascii(run: Run, view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the terminal knows nothing else; the model's own characters too."""
    plain = Screen(Console(width=80), colour=False, unicode=False)
    monkeypatch.setattr("charrnn.drawing.terminal.screen.Screen.standard", lambda: plain)
    outcome = run("inspect", _saved("gru"), view)
    assert outcome.code == 0
    assert outcome.out.isascii()
    assert view == "--embedding" or "?" not in outcome.out


def test_gates(run: Run) -> None:
    """A forget gate that always stands at 1/2: neither shut nor open, and a memory of 1/log 2."""
    path = _saved("lstm")
    found = _json(run, path, "--gates", "--on", TEXT)
    assert found["names"] == ["input", "forget", "output"]
    assert found["steps"] == len(TEXT)
    assert found["source"] == "the text given"
    assert np.shape(found["memory"]) == (2, 4)
    out = run("inspect", path, "--gates", "--on", TEXT).out
    unit = int(np.argmax(found["memory"][1]))
    assert f"Layer 1 remembers longest in units {unit} ({found['memory'][1][unit]:.1f})" in out


def test_gradients(run: Run) -> None:
    """One model stands beside fresh ones of each cell, several beside each other."""
    Path("text.txt").write_text(TEXT, encoding="utf-8")
    gru, rnn = _saved("gru"), _saved("rnn")
    alone = _json(run, gru, "--gradients", "--on", "text.txt")["gradients"]
    assert [one["name"] for one in alone] == ["gru", *(f"fresh {cell}" for cell in RECURRENT)]
    assert [one["trained"] for one in alone] == [True, False, False, False, False]
    assert len(alone[0]["rms"]) == len(TEXT) + 1
    assert np.shape(alone[1]["layers"]) == (len(TEXT) + 1, 2, 2)
    both = _json(run, gru, rnn, gru, "--gradients", "--on", "text.txt")["gradients"]
    assert [one["name"] for one in both] == ["gru", "rnn", "gru (2)"]
    assert both[0] == alone[0] == {**both[2], "name": "gru"}
    low, rms, high = (np.array(alone[0][name]) for name in ("low", "rms", "high"))
    assert (low <= high).all()
    assert (low[1:-1] < rms[1:-1]).all()
    assert 0 < rms[-1] < 1e-4 * rms[0]  # what vanishes keeps its digits


def test_weights(run: Run) -> None:
    """The last update is told where the checkpoint has it."""
    found = _json(run, _saved("gru"), "--weights")
    assert found["updates"] == []
    assert "no optimiser state" in found["unknown"]
    assert [r["gate"] for r in found["recurrences"]] == ["reset", "update", "candidate"] * 2
    Path("text.txt").write_text(TEXT * 4, encoding="utf-8")
    options = ("--hidden-size", 4, "--num-layers", 1, "--epochs", 1, "--sample-every", 0, "--quiet")
    trained = run("train", "text.txt", *options).out.strip()
    found = _json(run, trained, "--weights")
    assert found["unknown"] is None
    assert [update["name"] for update in found["updates"]] == [
        spread["name"] for spread in found["spreads"]
    ]
    assert all(0 < update["direction"] < 10 for update in found["updates"])
    assert "Update: the last one" in run("inspect", trained, "--weights").out


def test_embedding(run: Run) -> None:
    """Each character once, none over another; what cannot be seen has a sign."""
    path = _saved("gru")
    found = _json(run, path, "--embedding", "--on", TEXT)
    assert sorted(found["characters"]) == sorted(set(TEXT))
    assert found["counts"] == sorted(found["counts"], reverse=True)
    assert found["read"]["array"] == "layer0/U"
    assert all(
        own not in near
        for own, near in zip(found["characters"], found["read"]["nearest"], strict=True)
    )
    out = run("inspect", path, "--embedding", "--on", TEXT).out
    plane = out.split("As they are read")[1].split("As they are predicted")[0].partition("\n")[2]
    assert sorted(plane.split()) == sorted("abcdefé␣⏎")


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("--gates and --weights are two views", ("--gates", "--weights")),
        ("--on goes with --neurons", ("--weights", "--on", "abc")),
        ("'Z' (U+005A)", ("--gates", "--on", "abZ")),
        ("is empty", ("--gradients", "--on", "")),
        ("--unknown must be", ("--embedding", "--on", "ab", "--unknown", "what")),
        ("two different characters", ("--embedding", "--on", "aa")),
        ("one checkpoint at a time", ("gru.npz", "--gates")),
        ("nothing.npz", ("nothing.npz", "--gradients")),
    ],
)
def test_bad_input(run: Run, said: str, arguments: tuple[object, ...]) -> None:
    outcome = run("inspect", _saved("gru"), *arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
