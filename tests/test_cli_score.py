"""``charrnn score`` as a part of a pipe: texts in, figures out."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from talking import conversation, objects

import charrnn
from charrnn.writing.scoring import score_texts

pytestmark = pytest.mark.usefixtures("model")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes and signals")


# ----------------------------------------------------------------------------------------- score


def test_score(piped: Any, run: Run, model: Path) -> None:
    """Total, lines and characters are the same figures, from a file or a pipe."""
    text = "It was the best.\nNobody expects.\n\nLine 3"
    Path("text.txt").write_text(text, encoding="utf-8")
    (nats,) = score_texts(charrnn.load_checkpoint(model).model, [text])
    bits = nats / np.log(2)
    total = f"{bits.mean():.4f}\t{2 ** bits.mean():.4f}\n"
    for named in (["text.txt"], [model, "text.txt"]):
        assert run("score", *named).out == total
    for unnamed in ([], ["-"], [model], [model, "-"]):
        assert piped(text, "score", *unnamed).out == total
    assert json.loads(run("score", "text.txt", "--json").out) == {
        "characters": len(text),
        "bits_per_char": pytest.approx(bits.mean(), abs=1e-5),
        "perplexity": pytest.approx(2 ** bits.mean(), rel=1e-5),
    }
    rows = [row.split("\t", 1) for row in run("score", "text.txt", "--per-line").out.splitlines()]
    assert [row[1] for row in rows] == text.split("\n")
    lengths = [len(line) for line in text.splitlines(keepends=True)]
    means = [part.mean() for part in np.split(bits, np.cumsum(lengths)[:-1])]
    assert [float(row[0]) for row in rows] == pytest.approx(means, abs=1e-4)
    rows = [row.split("\t") for row in run("score", "text.txt", "--per-char").out.splitlines()]
    assert [float(row[0]) for row in rows] == pytest.approx(list(bits), abs=1e-4)
    assert "".join(row[1] for row in rows) == text.replace("\n", r"\n")


@pytest.mark.parametrize(("bits", "told"), [(1010, "e+30"), (2000, "inf")])
def test_hardly_possible(run: Run, model: Path, bits: float, told: str) -> None:
    """A text may surprise a model without end: its perplexity is short, or infinite, everywhere alike."""
    checkpoint = charrnn.load_checkpoint(model)
    wrong = checkpoint.model
    wrong.parameters["c"][wrong.vocabulary.encode("e")] = -bits * np.log(2)
    charrnn.save_checkpoint(checkpoint, "wrong.npz")
    Path("text.txt").write_text("e" * 40, encoding="utf-8")
    total, perplexity = run("score", "wrong.npz", "text.txt").out.split()
    assert float(total) == pytest.approx(bits, rel=0.05)
    assert told in perplexity
    assert len(perplexity) < 12
    values = json.loads(run("score", "wrong.npz", "text.txt", "--json").out)
    assert (values["perplexity"] is None) == (told == "inf")
    scored = charrnn.score(wrong, "e" * 40)
    assert scored.perplexity == (values["perplexity"] or math.inf)
    shown = run("inspect", "wrong.npz", "--text", "text.txt").out.splitlines()[0]
    assert shown.endswith(f"perplexity {perplexity}")


def test_exact_is_what_a_pipe_gives(piped: Any, run: Run, model: Path) -> None:
    """Character by character; without it a file is read in segments, to four digits."""
    text = "It was the best of times.\n" * 400
    Path("text.txt").write_text(text)
    for form in (["--per-char", "--json"], ["--per-line"], ["--json"]):
        told = piped(text, "score", model, *form).out
        assert run("score", model, "text.txt", "--exact", *form).out == told
    quick = json.loads(run("score", model, "text.txt", "--json").out)
    assert quick["characters"] == len(text)
    assert quick["bits_per_char"] == pytest.approx(json.loads(told)["bits_per_char"], abs=5e-5)


def test_score_of_several_models(run: Run, piped: Any, model: Path) -> None:
    """A column for each; the best is told by its name; how a model composes text is its own affair."""
    other = ["--hidden-size", 4, "--steps", 1, "--normalize", "none", "-q", "-o", "other.npz"]
    assert run("train", "corpus.txt", *other).code == 0
    text = "It was the best.\nNobody expects.\n"
    Path("text.txt").write_text(text, encoding="utf-8")
    alone = [run("score", name, "text.txt").out.split("\t")[0] for name in (model, "other.npz")]
    assert float(alone[0]) < float(alone[1])
    both = ("score", model, "other.npz")
    assert run(*both, "text.txt").out == "\t".join(alone) + "\n"
    assert piped(text, *both, "-", "--best").out == f"{model}\n"
    assert run("score", "other.npz", model, "text.txt", "--best").out == f"{model}\n"
    rows = run(*both, "text.txt", "--per-line").out.splitlines()
    for number, name in enumerate((model, "other.npz")):
        column = [row.split("\t")[number] for row in rows]
        lines = run("score", name, "text.txt", "--per-line").out.splitlines()
        assert column == [line.split("\t")[0] for line in lines]
    assert [row.split("\t")[2] for row in rows] == text.splitlines()
    values = json.loads(run(*both, "text.txt", "--json").out)
    assert values["best"] == str(model)
    assert values["models"]["other.npz"] == {
        **json.loads(run("score", "other.npz", "text.txt", "--json").out),
        "unknown": 0,
    }


def test_who_knows_no_letter_is_not_the_best(run: Run, model: Path) -> None:
    """What a model cannot read is not cheap, though spaces in its place may be."""
    Path("blank.txt").write_text(" " * 500 + "\n?", encoding="utf-8")
    options = ["--hidden-size", 8, "--epochs", 3, "--normalize", "none", "-q", "-o", "blank.npz"]
    assert run("train", "blank.txt", *options).code == 0
    Path("text.txt").write_text("Wo ist das Buch", encoding="utf-8")
    for unknown in ("replace", "skip"):
        both = ("score", "blank.npz", model, "text.txt", "--unknown", unknown)
        values = json.loads(run(*both, "--json").out)
        figures = [values["models"][str(name)]["bits_per_char"] for name in ("blank.npz", model)]
        assert figures[0] < figures[1]
        assert run(*both, "--best").out == f"{model}\n"
        assert values["models"]["blank.npz"]["unknown"] == 12


def test_a_decomposed_letter_is_not_lost(run: Run) -> None:
    """A model that composes what it reads knows it, beside one that does not."""
    Path("cafe.txt").write_text("café au lait et thé\n" * 60, encoding="utf-8")
    for form in ("nfc", "none"):
        options = ["--hidden-size", 4, "--steps", 1, "--normalize", form, "-q", "-o", f"{form}.npz"]
        assert run("train", "cafe.txt", *options).code == 0
    Path("text.txt").write_text("cafe\u0301", encoding="utf-8")
    for lines in ((), ("--independent-lines",)):
        both = ("score", "nfc.npz", "none.npz", "text.txt", "--unknown", "skip", "--json", *lines)
        models = json.loads(run(*both).out)["models"]
        assert (models["nfc.npz"]["unknown"], models["none.npz"]["unknown"]) == (0, 1)


def test_models_and_texts(run: Run, model: Path) -> None:
    """Models first, whatever their names are; then the text; after -- there are no models."""
    text = "It was the best.\n"
    Path("text.txt").write_text(text, encoding="utf-8")
    figures = run("score", model, "text.txt").out
    shutil.copy(model, "renamed.model")
    assert run("score", "renamed.model", "text.txt").out == figures
    Path("odd.npz").write_text(text, encoding="utf-8")
    assert run("score", model, "--", "odd.npz").out == figures
    assert run("score", "--", "odd.npz").out == figures
    assert run("--", "score", model, "text.txt").out == figures
    assert "not a charrnn checkpoint" in run("score", model, "odd.npz").err
    assert "models are named first" in run("score", "text.txt", model).err
    assert "one text at a time" in run("score", model, "text.txt", "text.txt").err
    assert "--best" in run("score", model, "text.txt", "--best").err
    assert "one model" in run("score", model, model.with_name("x.npz"), "--per-char").err
    assert run("score", "text.txt").err == f"model: {model}\n"


def test_newest_that_can_be_used(run: Run, model: Path) -> None:
    """A damaged file is in nobody's way, unless it is the only one."""
    Path("text.txt").write_text("It was the best.\n", encoding="utf-8")
    figures = run("score", model, "text.txt").out
    Path("checkpoints/later.npz").write_text("no model")
    assert run("score", "text.txt").out == figures
    for path in Path("checkpoints").glob("*.npz"):
        if path.name != "later.npz":
            path.unlink()
    assert "later.npz: not a charrnn checkpoint" in run("score", "text.txt").err


def test_independent_lines(run: Run) -> None:
    """Each line has the figure that it has alone, whatever the order."""
    lines = ["It was the best.\n", "Nobody expects.\n", "\n", "It was the best.\n"]
    Path("text.txt").write_text("".join(lines), encoding="utf-8")
    found = run("score", "text.txt", "--per-line", "--independent-lines", "--json").out
    values = objects(found)
    for line, value in zip(lines, values, strict=True):
        Path("line.txt").write_text(line, encoding="utf-8")
        alone = json.loads(run("score", "line.txt", "--json").out)
        assert value["line"] == line[:-1]
        assert value["bits_per_char"] == pytest.approx(alone["bits_per_char"], abs=1e-4)
    assert values[0]["bits_per_char"] == pytest.approx(values[3]["bits_per_char"], abs=1e-5)
    mean = sum(v["bits_per_char"] * v["characters"] for v in values) / sum(map(len, lines))
    total = run("score", "text.txt", "--independent-lines").out
    assert float(total.split()[0]) == pytest.approx(mean, abs=1e-3)


def test_score_of_unknown_characters(run: Run) -> None:
    Path("text.txt").write_text("It was.\nIt ☃ was.\n☃", encoding="utf-8")
    for options in ((), ("--independent-lines",)):
        refused = run("score", "text.txt", *options)
        assert (refused.code, refused.out) == (2, "")
        assert "text.txt, line 2: not in the model's vocabulary: '☃'" in refused.err
        rows = objects(
            run("score", "text.txt", "--unknown", "skip", "--per-line", "--json", *options).out
        )
        assert [row["line"] for row in rows] == ["It was.", "It ☃ was.", "☃"]
        assert [row["characters"] for row in rows] == [8, 9, 0]
        assert rows[2]["bits_per_char"] is None
    replaced = objects(run("score", "text.txt", "--unknown", "replace", "--per-char", "--json").out)
    assert len(replaced) == 19
    assert "☃" not in {row["character"] for row in replaced}


def test_score_of_nothing(run: Run) -> None:
    Path("empty.txt").touch()
    Path("unknown.txt").write_text("☃", encoding="utf-8")
    for form in ((), ("--per-line",), ("--per-char",), ("--json",), ("--independent-lines",)):
        for name, why in (("empty.txt", ""), ("unknown.txt", ": the model knows none of")):
            outcome = run("score", name, "--unknown", "skip", *form)
            assert (outcome.code, outcome.out) == (2, "")
            assert outcome.err.splitlines()[1].startswith(f"charrnn: {name}: nothing to score{why}")
    Path("some.txt").write_text("It was.\n\n☃", encoding="utf-8")
    outcome = run("score", "some.txt", "--unknown", "skip", "--per-line")
    assert [row.split("\t")[1] for row in outcome.out.splitlines()] == ["It was.", "", "☃"]
    assert outcome.err.splitlines()[1:] == ["some.txt: 1 line with nothing to score"]


@posix
def test_lines_are_scored_as_they_come() -> None:
    """A growing log can be watched."""
    with conversation("score", "--per-line", "-") as (say, answer):
        for line in ("It was.\n", "Line 2.\n"):
            say(line)
            assert answer().endswith(f"\t{line}")


@pytest.mark.parametrize("piped_in", [False, True])
def test_score_shows_progress(
    run: Run, piped: Any, model: Path, monkeypatch: pytest.MonkeyPatch, piped_in: bool
) -> None:
    """On a terminal a bar goes through the bytes of a text; how many there are is known of a file alone."""
    bars: list[dict[str, Any]] = []

    class Bar:
        def __init__(self, **settings: Any) -> None:
            bars.append({**settings, "seen": 0})

        def __enter__(self) -> Bar:  # noqa: PYI034
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, number: int) -> None:
            bars[-1]["seen"] += number

    monkeypatch.setattr("charrnn.cli.display._bar", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    text = "It was the best.\n" * 40
    Path("text.txt").write_text(text)
    outcome = piped(text, "score", model) if piped_in else run("score", model, "text.txt")
    assert outcome.code == 0
    (bar,) = bars
    assert (bar["seen"], bar["total"]) == (len(text), None if piped_in else len(text))


def test_score_takes_flat_memory(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as long a text, all on one line, costs no more."""
    monkeypatch.setattr("charrnn.text.source.INCOMING", 1000)
    monkeypatch.setattr("charrnn.cli.scored.BLOCK", 1000)
    peaks = []
    for repeats in (100, 400, 1000):  # the first time loads what is needed
        Path("long.txt").write_text("It was the best " * repeats)
        tracemalloc.start()
        assert run("score", model, "long.txt").code == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 5_000  # the characters alone are 9,600 more
