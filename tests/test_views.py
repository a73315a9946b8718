"""Each view of ``charrnn inspect``, on each kind of model."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from rich.cells import cell_len
from samples import USED

from charrnn.config import ModelConfig, TextConfig
from charrnn.files.checkpoint import save_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.text.corpus import Corpus
from charrnn.text.embedded import DEFAULT_SOURCE, default_text
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation

VIEWS = (
    (),
    ("--details",),
    ("--text", "It was (the\tbest)\nof lines"),
    ("--text", "It was", "--at", "3"),
    ("--next", "It w"),
    ("--neurons",),
    ("--unit", "1:3"),
    ("--compare",),
)
ESCAPE = "\x1b["
LEARNT = "It was (the best)\nof lines\n" * 50


def _save(
    path: str,
    text: TextConfig,
    cell: str = "lstm",
    *,
    evaluations: int = 3,
    source: str = "learnt.txt",
) -> None:
    characters = BYTES if text.unit == "byte" else "\n\t ()Iabefhilnostw"
    model = CharacterModel.fresh(
        ModelConfig(cell, 6), Vocabulary(characters, text), np.random.default_rng(1)
    )
    history = tuple(
        Evaluation(10 * n, float(n), 3.0 / n, 3.5 / n, 0.01, 2.0 * n)
        for n in range(1, evaluations + 1)
    )
    loss = history[-1].validation_loss if history else None
    learnt = Corpus.from_text(LEARNT, vocabulary=model.vocabulary)
    corpus = CorpusInfo((source,), len(learnt), len(learnt) - 100, learnt.sha256)
    save_checkpoint(
        Checkpoint(model, replace(USED, epochs=3), corpus, history, loss),
        path,
    )


@pytest.fixture
def models(run: Run) -> list[str]:  # noqa: ARG001
    """One model of each kind, in the folder that ``run`` is in."""
    Path("learnt.txt").write_text(LEARNT, encoding="utf-8")
    _save("text.npz", TextConfig())
    _save("bytes.npz", TextConfig(unit="byte"), "gru")
    _save("records.npz", TextConfig(records=True), "rnn")
    _save("young.npz", TextConfig(), evaluations=0)
    return ["text.npz", "bytes.npz", "records.npz", "young.npz"]


def _of(view: tuple[Any, ...], model: str) -> tuple[Any, ...]:
    if model == "records.npz" and view[:1] == ("--text",):
        view = (view[0], "It was\n(the best)", *view[2:])
    return (
        ("inspect", model, *view)
        if view != ("--compare",)
        else ("inspect", model, "text.npz", *view)
    )


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_each_view_of_each_model(
    view: tuple[Any, ...], models: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fits a narrow screen and has no colours in a pipe; JSON is one object."""
    monkeypatch.setenv("COLUMNS", "40")
    for model in models[: 4 if view == () else 3]:
        found = json.loads(run(*_of(view, model), "--json").out)
        assert found.get("checkpoint") == model or found["checkpoints"] == [model, "text.npz"]
        outcome = run(*_of(view, model))
        assert (outcome.code, outcome.err) == (0, "")
        assert ESCAPE not in outcome.out
        lines = [line for line in outcome.out.splitlines() if "charrnn " not in line]
        assert lines
        assert max(map(cell_len, lines)) <= 40 or view == ("--details",)
        assert not re.search(r"-0(\.0*)?(?![\d.])", outcome.out)


@pytest.mark.skipif(os.name != "posix", reason="a Windows console always knows Unicode")
@pytest.mark.parametrize("view", VIEWS[::2], ids=str)
def test_ascii(
    view: tuple[Any, ...], models: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal of another encoding than UTF-8 is sent ASCII."""
    monkeypatch.setattr("os.device_encoding", lambda _: "iso8859-1")
    monkeypatch.setattr("sys.stdout.fileno", lambda: 1)
    out = run(*_of(view, models[0])).out
    assert out
    assert out.isascii()


def test_what_reads_bytes_has_figures_for_bytes(models: list[str], run: Run) -> None:
    """A list of several kinds says it of each; no view calls a byte a character."""
    rows = {line.split()[0]: line for line in run("list", *models).out.splitlines()}
    assert f"{3.5 / 3 / math.log(2):.3f} bits/char " in rows["text.npz"]
    assert f"{3.5 / 3 / math.log(2):.3f} bits/byte " in rows["bytes.npz"]
    told = json.loads(run("list", *models[:2], "--json").out)["models"]
    assert {model["checkpoint"]: model["unit"] for model in told} == {
        "text.npz": "character",
        "bytes.npz": "byte",
    }
    for view in (*VIEWS[:-1], ("--embedding",), ("--gradients",), ("--weights",), ("--ngrams",)):
        assert "character" not in run("inspect", "bytes.npz", *view).out.replace("a character ", "")


def test_card(models: list[str], run: Run) -> None:
    """On one screen of 80 × 24: what it is, how well, the curves, how to go on."""
    out = run("inspect", models[0]).out
    for model in (models[0], Path(__file__).parent.parent / "checkpoints" / "demo.npz"):
        assert len(run("inspect", model).out.splitlines()) == 23  # and the prompt
    loss = 3.5 / 3
    for expected in (
        "LSTM · 2 layers of 6 units",
        "learnt.txt: 1,350 characters (NFC), 18 different",
        f"{loss / math.log(2):.4f} bits/char · perplexity {math.exp(loss):.3g}",
        "train\n",
        "validation\n",
        "epochs",
        "charrnn sample text.npz",
        "--init-from text.npz",
    ):
        assert expected in out.replace(" \n", "\n")
    assert "no evaluation" in run("inspect", "young.npz").out


def test_text_sums_to_the_score(models: list[str], run: Run) -> None:
    Path("given.txt").write_text("It was (the best)\nof lines\n", encoding="utf-8")
    for model in models[:3]:
        score = float(run("score", model, "given.txt").out.split()[0])
        found = json.loads(run("inspect", model, "--text", "given.txt", "--json").out)
        assert sum(found["bits"]) / found["characters"] == pytest.approx(score, abs=1e-4)
        assert found["bits_per_char"] == pytest.approx(score, abs=1e-4)
        top = found["most_surprising"][0]
        assert top["bits"] == max(found["bits"]) == found["bits"][top["at"] - 1]


def test_next_sums_to_one(models: list[str], run: Run) -> None:
    for model in models[1:3]:
        found = json.loads(run("inspect", model, "--next", "It", "--temp", 0.7, "--json").out)
        assert found["temperatures"] == [0.7]
        (shares,) = found["probabilities"]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert shares == sorted(shares, reverse=True)


def test_sources_of_text(models: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus if it is there, else what the model writes; a file, standard input or words."""
    watch = ("inspect", models[0], "--unit", "0:1", "--json")
    found = json.loads(run(*watch).out)
    assert (found["source"], found["text"]) == (
        "the first 1,200 characters of learnt.txt",
        LEARNT[:1200],
    )
    Path("learnt.txt").unlink()
    assert "wrote itself (its corpus is not at hand;" in json.loads(run(*watch).out)["source"]
    for other in (LEARNT.replace("w", "l"), LEARNT + "\n", LEARNT[1:], "It", "é" * 1350):
        Path("learnt.txt").write_text(other, encoding="utf-8")
        assert "wrote itself (its corpus has changed;" in json.loads(run(*watch).out)["source"]
    Path("learnt.txt").write_bytes(LEARNT.replace("\n", "\r\n").encode("utf-8-sig"))  # on Windows
    assert json.loads(run(*watch).out)["text"] == LEARNT[:1200]
    assert json.loads(run(*watch, "--on", "It was").out)["text"] == "It was"
    _save("default.npz", TextConfig(unit="byte"), source=DEFAULT_SOURCE)
    found = json.loads(run("inspect", "default.npz", "--unit", "0:1", "--json").out)
    assert found["source"] == f"the first 1,200 bytes of {DEFAULT_SOURCE}"
    assert found["text"] == default_text()[:1200]  # which is ASCII so far
    monkeypatch.setattr("sys.stdin", type("", (), {"buffer": BytesIO(b"a (b)")}))
    found = json.loads(run(*watch, "--on", "-").out)
    assert (found["text"], found["source"], len(found["values"])) == ("a (b)", "standard input", 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--text", "a", "--next", "a"), "--text and --next are two views; ask for one"),
        (("--details", "--neurons"), "--details and --neurons are two views"),
        (("--at", 1), "--at goes with --text"),
        (("--next", "a", "--on", "b"), "--on goes with --neurons"),
        (("--text", "a", "--temp", 1), "--temp goes with --next"),
        (("--text", "ab", "--at", 3), "--at 3: the text has characters 1 to 2"),
        (("--text", ""), "the text given: is empty"),
        (("--text", "é"), "the text given: not in the model's vocabulary: 'é'"),
        (("--text", "a", "--unknown", "x"), "--unknown must be error, skip or replace"),
        (("--text", "é", "--unknown", "skip"), "the text given: is empty"),
        (("--next", "é"), "--next: not in the model's vocabulary"),
        (("--next", "a", "--temp", "nan"), "a temperature must be 0 or more, not nan"),
        (("--unit", "2:0"), "unit '2:0': must be LAYER:NUMBER, from 0:0 to 1:5"),
        (("--neurons", "--on", "é"), "the text given: not in the model's vocabulary"),
        (("records.npz",), "one checkpoint at a time; several side by side: --compare"),
        (("--compare",), "--compare takes 2 to 8 checkpoints, not 1"),
    ],
)
def test_bad_input(models: list[str], run: Run, arguments: tuple[Any, ...], message: str) -> None:
    outcome = run("inspect", models[0], *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert line.startswith(f"charrnn: {message}")


def test_compare(models: list[str], run: Run) -> None:
    """Only what differs is listed."""
    found = json.loads(run("inspect", "--compare", *models[:2], "--json").out)
    assert found["differences"]["cell"] == ["lstm", "gru"]
    assert "hidden-size" not in found["differences"]
    assert not found["same_text"]
    out = run("inspect", "--compare", models[0], "young.npz").out
    assert "All settings are the same" in out
    assert "unknown" in out


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names of files")
def test_nothing_acts_on_the_terminal(models: list[str], run: Run) -> None:
    """Control characters in a text, a path or a source are shown, never sent."""
    evil = "\x1b[2J\x07"
    for view in (("--text", evil), ("--next", evil), ("--unit", "0:0", "--on", evil)):
        outcome = run("inspect", models[1], *view)
        assert outcome.code == 0
        assert not {"\x1b", "\x07"} & set(outcome.out)
    checkpoint = models[0]
    Path(checkpoint).rename("a\x1b[2J.npz")
    for option in ([], ["--details"]):
        assert "\x1b" not in run("inspect", "a\x1b[2J.npz", *option).out


def test_colours_and_no_color(models: list[str], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours instead of marks; with NO_COLOR or with 16 colours it gets the marks."""
    view = ("inspect", models[0], "--text", "It was (the best)")
    plain_out = run(*view).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = run(*view).out
    assert "48;2;" in coloured and "█" not in coloured.split("most surprising")[0]
    few = {"COLORTERM": "", "TERM": "xterm"}
    for environment in ({"NO_COLOR": "1"}, few):
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            without = run(*view).out
        assert not re.search(r"\x1b\[[\d;]*4\d", without)  # no background
        lines = re.sub(r"\x1b\[[\d;]*m", "", without).splitlines()
        assert [line.rstrip() for line in lines] == plain_out.splitlines()


def test_a_narrow_list_says_why_a_file_cannot_be_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that says nothing else says this, however little room there is."""
    Path("cut.npz").write_bytes(b"no checkpoint")
    monkeypatch.setenv("COLUMNS", "40")
    assert "cannot be read: not a charrnn" in " ".join(run("list", "cut.npz").out.split())
