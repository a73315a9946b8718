"""Characters that stand in for others, are shown, named and banned."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Run, Trained

NAMES = "ada\nbert\ncleo\ndan\nella\nfred\n" * 30
GENES = "acgtta\nggcata\nttacga\n" * 60
QUOTING = (
    "'So', said the bold \"fox\" - a duck saw it.\nIs all of it lost? Sleep, or else...\n" * 30
)
WIDE = "«\u00a0Oui\u202f!\u00a0»\u3000名前\nمی\u200cخواهم co\u00adop a\u200db\u200e\n" * 40
MATHS = "\\nabla t + \\theta n = \\top\n" * 40


def test_03_no_line_feed_stands_in_for_a_character(run: Run, trained: Trained) -> None:
    """One prime gives one record, a scored line has one end; or it is refused."""
    model = trained(NAMES, "--records")
    outcome = run("sample", model, "--prime", "da1n", "--unknown", "replace", "-q", "--json")
    assert outcome.code == 2 or "\n" not in json.loads(outcome.out)["prime"]
    outcome = run("sample", model, "--prime", "da1n", "--unknown", "replace", "-q")
    assert outcome.code == 2 or outcome.out.count("\n") == 1
    Path("a.txt").write_text("el+la\n", encoding="utf-8")
    outcome = run("score", model, "a.txt", "--unknown", "replace", "--per-char")
    assert outcome.code == 2 or outcome.out.count("\t\\n") == 1


def test_03_not_in_running_text_either(run: Run, trained: Trained) -> None:
    """A vocabulary without a space and a question mark, such as that of genes."""
    outcome = run("inspect", trained(GENES), "--text", "acXgt", "--unknown", "replace", "--json")
    assert outcome.code == 2 or "\n" not in json.loads(outcome.out)["text"]


def test_04_similar_characters_stand_in(run: Run, trained: Trained) -> None:
    """Plain quotes, hyphens, spaces and letters for their finer forms."""
    fine = "\u2018So\u2019, \u201cfox\u201d \u2013 a\u2010duck \u2014\tb\u00f8ld so\u0142e stra\u00dfe \u00e6s\u2026"
    plain = "'So', \"fox\" - a-duck - bold sole strasse aes..."
    model = trained(QUOTING + "r\n")
    outcome = run("sample", model, "--unknown", "replace", "-n", 1, "-q", "--json", "--prime", fine)
    assert json.loads(outcome.out)["prime"] == plain
    Path("a.txt").write_text(f"{fine}\n", encoding="utf-8")
    out = run("score", model, "a.txt", "--unknown", "replace", "--per-char").out
    assert "?" not in out


@pytest.mark.parametrize(
    "view", [("--text", WIDE[:60]), ("--next", ""), ("--unit", "0:0")], ids="".join
)
def test_06_ordinary_characters_are_shown(
    run: Run, trained: Trained, view: tuple[str, ...]
) -> None:
    """No U+FFFD for spaces, joiners and soft hyphens of a language."""
    outcome = run("inspect", trained(WIDE), *view)
    assert outcome.code == 0
    assert "\ufffd" not in outcome.out


def test_06_ordinary_characters_on_a_page_and_in_a_log(run: Run, trained: Trained) -> None:
    """No sign of a broken encoding where nothing is broken."""
    Path("wide.txt").write_text(WIDE, encoding="utf-8")
    assert run("inspect", trained(WIDE), "--html", "page.html", "--on", "wide.txt").code == 0
    assert "\ufffd" not in Path("page.html").read_text(encoding="utf-8")
    err = run("train", "wide.txt", "--hidden-size", 4, "--steps", 4, "--eval-every", 2).err
    assert "sample: " in err
    assert "\ufffd" not in err


def test_14_a_backslash_can_be_named(run: Run, trained: Trained) -> None:
    r"""\\ is one backslash, also before n, t and 0; and the help says it."""
    model = trained(MATHS)
    two = ("-n", 3, "--num-samples", 2, "--seed", 1, "-q")
    assert r"\newpage" in run("sample", model, *two, "--separator", r"\\newpage").out
    outcome = run("sample", model, "-n", 400, "--seed", 1, "-q", "--ban", r"\\t")
    assert outcome.code == 0
    assert not {"\\", "t"} & set(outcome.out)
    assert "\\\\" in run("sample", "--help").out


def test_32_unknown_characters_of_other_lines(run: Run, trained: Trained) -> None:
    """An error about a line names what that line holds; more may be said of others."""
    Path("a.txt").write_text("ada\nbeXt\ncleo\ndYn\n", encoding="utf-8")
    outcome = run("score", trained(NAMES), "a.txt")
    assert outcome.code == 2
    assert outcome.err.startswith("charrnn: a.txt, line 2: ")
    here = re.split(r"\bmore\b|\bline 4\b", outcome.err)[0]
    assert "'X'" in here
    assert "'Y'" not in here
