"""What terminals are sent, and what they say of themselves."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from conftest import Run, Trained
from rich.cells import cell_len

from charrnn.cli import COMMANDS

TEXT = "One goat ran up a hill.\nA hill ran up one goat.\n" * 40
ACTING = "\x07\x0e\x9b\x9d"  # a bell, another alphabet, and the C1 forms of ESC [ and ESC ]
STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_05_nothing_acts_on_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's text, its corpus' name and its own are shown while it learns, and are no commands."""
    name = "a\x07.txt" if os.name == "posix" else "a.txt"
    Path(name).write_text("".join(f"a{c}b {c}" for c in ACTING) * 100, encoding="utf-8")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    outcome = run("train", name, "--hidden-size", 4, "--steps", 4, "--eval-every", 2, "-o", "m.npz")
    assert outcome.code == 0
    assert "so far" in outcome.err
    assert not set(ACTING) & set(outcome.err)


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


@pytest.mark.parametrize(
    "command",
    [
        ("sample", "-n", 300, "--seed", 1),
        ("sample", "-n", 300, "--seed", 1, "--json"),
        ("score", "a.txt", "--per-line"),
        ("score", "a.txt", "--per-char"),
        ("score", "a.txt", "--per-line", "--json"),
        ("inspect", "--text", "a.txt"),
        ("inspect", "--next", "a"),
        ("inspect", "--json"),
        ("inspect", "--details"),
        ("score", "no\x9bsuch.txt"),
        ("inspect", "--text", "no\x9b.txt"),
        ("sample", "--frob\x9b"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("kind", [(), ("--bytes",)], ids="".join)
def test_05_nothing_that_is_written_or_read_acts_on_it(
    run: Run,
    trained: Trained,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    kind: tuple[str, ...],
) -> None:
    """A pipe gets what was written, a terminal what it can show."""
    text = "".join(f"a{c}b{c}é " for c in ACTING) * 60
    Path("a.txt").write_text(text, encoding="utf-8")
    first, *others = command
    model = trained(text, *kind)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, name), "isatty", lambda: True, raising=False)
    outcome = run(first, model, *others)
    written = STYLE.sub("", outcome.out + outcome.err)
    assert len(written) > 30
    assert not set(ACTING + "\x1b") & set(written)


def test_05_bytes_are_letters_on_a_terminal(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one letter come one by one."""
    model = trained("é" * 400, "--bytes", "--steps", "200", "--learning-rate", "0.05")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    out = run("sample", model, "--prime", "né", "-n", 40, "-t", 0, "-q").out
    assert out.startswith("néééé")


WIDTHS = (20, 25, 30, 40, 50, 64, 79, 80, 120)


@pytest.mark.parametrize("command", ["", "train", "sample", "score", "inspect"])
def test_12_help_fits(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """The names of options and commands are whole, words too, and no line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", "400")
    options = set(re.findall(r"--[a-z][a-z-]+", run(*command.split(), "--help").out))
    for width in WIDTHS:
        monkeypatch.setenv("COLUMNS", str(width))
        told = run(*command.split(), "--help").out
        assert options <= set(re.findall(r"--[a-z][a-z-]+", told)), width
        assert not re.search(r"\w…", told), width
        assert max(map(len, told.splitlines())) <= max(width, 22)  # --install-completion
        assert command or set(COMMANDS) <= set(told.split()), width


@pytest.mark.parametrize("said", ["0", "", "-3", "00", "wide", "²"])
def test_12_sizes_that_say_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The width is then that of a terminal of which nothing is known."""
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, said)
    told = run("score", "--help").out
    assert max(map(len, told.splitlines())) == 80


VIEWS = (
    "",
    "--details",
    "--neurons",
    "--gates",
    "--ngrams",
    "--weights",
    "--embedding",
    "--gradients",
)


@pytest.mark.parametrize("view", [*VIEWS, "--compare"])
def test_12_views_fit(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    """No word is broken and no figure lost where a terminal is narrow: rows of a table become lists."""
    models = [trained(TEXT), trained(TEXT, "--cell", "gru", "--embedding-size", "4")]
    arguments: tuple[object, ...] = ("inspect", *models[: 1 + (view == "--compare")], *view.split())
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    if not view:  # the card names the corpus, here by a path that is short
        made = run("train", "a.txt", "--hidden-size", 4, "--steps", 9, "-q", "-o", "m.npz")
        arguments = ("inspect", made.out.strip())
    elif view == "--ngrams":
        arguments += ("--counts", "a.txt")
    elif view in ("--neurons", "--gates", "--embedding", "--gradients"):
        arguments += ("--on", "a.txt")

    def told(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        return run(*arguments).out.splitlines()

    def words(lines: list[str]) -> set[str]:
        found = re.findall(r"(?<![\w.⏎/-])[a-z][a-z-]{3,11}(?![\w⏎/-]|\.\w)", "\n".join(lines))
        return set(found) - set(TEXT.lower().split()) - {"next", "best"}  # a column to spare

    # Names that are long, commands to be copied, and text in colours are no words of ours.
    foreign = re.compile(r"/|…| charrnn ")
    expected = words([line for line in told(60) if not foreign.search(line)])
    for width in (20, 25, 30, 40, 50):
        lines = told(width)
        assert expected <= words(lines), width
        assert max(cell_len(line) for line in lines if not foreign.search(line)) <= width
