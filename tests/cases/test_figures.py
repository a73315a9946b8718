"""Figures of what is too simple, of nothing, and of records."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Run, Trained

TEXT = "A dog dug.\nThe dug dog dug it.\n" * 50
NAME = "abc\n" * 300
BY_HEART = ("--records", "--steps", "150", "--dropout", "0")


@pytest.mark.parametrize("character", ["z", "\n"], ids=["z", "line feed"])
def test_09_a_page_of_a_model_of_one_character(run: Run, trained: Trained, character: str) -> None:
    """A page whose gradients say that there are none, or one line that says what cannot be shown."""
    outcome = run("inspect", trained(character * 2000), "--html", "page.html")
    if outcome.code:
        assert outcome.code == 2
        assert len(outcome.err.splitlines()) == 1
    else:
        assert 'id="gradients"' in Path("page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "ωωω"], ids=["empty", "all unknown"])
def test_20_score_of_nothing(run: Run, trained: Trained, text: str) -> None:
    """An error, or a line on standard error: no model is best at what it cannot read."""
    Path("nothing.txt").write_text(text, encoding="utf-8")
    outcome = run("score", trained(TEXT), "nothing.txt", "--unknown", "skip")
    assert outcome.err
    assert outcome.code in (0, 2)


def test_31_a_known_record_is_a_copy(run: Run, trained: Trained) -> None:
    """A record that stands in the file as a whole is not new at 0.0 %."""
    Path("names.txt").write_text(NAME, encoding="utf-8")
    model = trained(NAME, *BY_HEART)
    outcome = run("sample", model, "--temp", 0, "-q", "--novelty", "names.txt")
    if outcome.out != "abc\n":
        pytest.fail("the model has not learnt the name")
    assert "0.0%" not in outcome.err


def test_31_each_figure_tells_of_which_record(run: Run, trained: Trained) -> None:
    """With --novel-only, too, each line of figures is of one record that can be told."""
    Path("names.txt").write_text(NAME, encoding="utf-8")
    novel = ("--novel-only", "names.txt", "--novelty", "names.txt", "--num-samples", 3)
    outcome = run("sample", trained(NAME, "--records"), *novel, "--seed", 1, "-q")
    lines = outcome.err.splitlines()
    assert len(lines) == 3
    assert len({line.partition(":")[0] for line in lines}) == 3


def test_31_new_records_may_be_equal(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not, or the help says that they may be."""
    Path("names.txt").write_text("otto\n" * 9, encoding="utf-8")
    model = trained(NAME, *BY_HEART)
    novel = ("--novel-only", "names.txt", "--num-samples", 3, "--temp", 0, "-q")
    lines = run("sample", model, *novel).out.splitlines()
    monkeypatch.setenv("COLUMNS", "300")
    assert len(set(lines)) == len(lines) or "equal" in run("sample", "--help").out


def test_31_a_seed_gives_its_record_again(run: Run, trained: Trained) -> None:
    """The seed of a figure is that of its record, also where others before it were known."""
    Path("names.txt").write_text("a\nb\nab\n", encoding="utf-8")
    options = ("sample", trained(NAME, "--records"), "-q", "--temp", 2)
    novel = ("--novel-only", "names.txt", "--novelty", "names.txt", "--num-samples", 6)
    outcome = run(*options, *novel, "--seed", 1)
    records = outcome.out.splitlines()
    assert len(set(records)) == len(records) == 6
    seeds = re.findall(r"novelty \(seed (\d+)\): the record as a whole is new;", outcome.err)
    assert len(seeds) == 6
    assert seeds != ["1", "2", "3", "4", "5", "6"]
    for record, seed in zip(records, seeds, strict=True):
        assert run(*options, "--seed", seed).out == f"{record}\n"


@pytest.mark.parametrize(
    ("known", "whole", "line"),
    [
        ("abc\n", True, 1),
        ("ab\nxabc\nabc", True, 3),
        ("\r\n\r\nabc\r\nabc", True, 3),
        ("abcd\nxabc\nab\n", False, 1),
        ("x\n" * 40_000 + "abc\n", True, 40_001),
    ],
    ids=["first", "last", "windows", "none", "far"],
)
@pytest.mark.parametrize("prime", ["", "ab"])
def test_31_a_whole_record(
    run: Run, trained: Trained, known: str, whole: bool, line: int, prime: str
) -> None:
    """It is told of the record with its prime, in words and in JSON; a longer one only holds it."""
    Path("names.txt").write_text(known, encoding="utf-8", newline="")
    asked = ("--temp", 0, "--prime", prime, "-q", "--novelty", "names.txt", "--seed", 1)
    outcome = run("sample", trained(NAME, *BY_HEART), *asked)
    said = "novelty (seed 1): the whole record is in names.txt, line "
    assert outcome.out == "abc\n"
    assert outcome.err.startswith(said) == whole
    found = json.loads(run("sample", trained(NAME, *BY_HEART), *asked, "--json").out)["novelty"]
    assert (found["whole"], found["line"]) == (whole, line)
    if whole:
        assert outcome.err == f"{said}{line:,}\n"
        assert found["copied"] == 1


def test_31_what_never_ends_is_not_asked_for(run: Run, trained: Trained) -> None:
    """A record whose end is banned would never be one."""
    asked = ("--novel-only", "corpus.txt", "--ban", "\n", "-n", 0)
    outcome = run("sample", trained(NAME, "--records"), *asked)
    assert (outcome.code, outcome.out) == (2, "")
