"""What stands on the command line is what the user meant, and what is printed can be typed again."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Run, Trained

TEXT = "The sheep saw a barn.\nA barn was red, or so they said.\n" * 40
TINY = ("--hidden-size", "4", "--num-layers", "1", "--steps", "2")

posix = pytest.mark.skipif(os.name != "posix", reason="other systems have no such files")


def _command(run: Run, label: str, *arguments: object) -> str:
    """A command that ``train`` advises."""
    err = run("train", *arguments, *TINY).err
    (line,) = [line for line in err.splitlines() if line.startswith(f"{label}:")]
    return line.partition(":")[2].strip()


@pytest.mark.parametrize("length", [300, 2000])
def test_01_a_long_text_as_an_argument(run: Run, trained: Trained, length: int) -> None:
    """--text and --on take the text itself, of any length."""
    model, text = trained(TEXT), TEXT[:length]
    outcome = run("inspect", model, "--text", text, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["text"] == text
    assert run("inspect", model, "--on", text, "--neurons").code == 0
    assert run("inspect", model, "--on", text, "--html", "page.html").code == 0


@posix
@pytest.mark.parametrize("options", [("--text",), ("--unit", "0:0", "--on")], ids=" ".join)
def test_02_a_pipe_is_read(run: Run, trained: Trained, options: tuple[str, ...]) -> None:
    """<(...) and /dev/stdin are read, as by every other command, and their names are no text."""
    reading, writing = os.pipe()
    os.write(writing, b"a red barn\n")
    os.close(writing)
    try:
        outcome = run("inspect", trained(TEXT), *options, f"/dev/fd/{reading}", "--json")
    finally:
        os.close(reading)
    assert outcome.code == 0
    assert json.loads(outcome.out)["text"] == "a red barn\n"


@posix
@pytest.mark.parametrize("name", ["shot\u202fPM.npz", "a\u00a0b.npz", "全\u3000角.npz"], ids=ascii)
def test_07_a_printed_command_keeps_unusual_spaces(run: Run, name: str) -> None:
    """What stands behind "write:" gives a shell the name of the checkpoint."""
    command = _command(run, "write", "corpus.txt", "-o", name)
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {command}"],
        capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout.decode()  # fmt: skip
    assert name in words.split("\n")


def test_07_an_error_names_the_file_that_was_asked_for(run: Run, trained: Trained) -> None:
    """With all its blanks, of which none becomes another one."""
    assert "three   blanks.txt: no such file" in run("train", "three   blanks.txt").err
    err = run("score", trained(TEXT), "no\u3000such.txt").err
    assert "no such.txt" not in err
    assert "no\u3000such.txt" in err or "u3000" in err


@pytest.mark.xfail(strict=True, raises=AssertionError, reason='"./" before a dash is lost')
def test_08_a_leading_dash(run: Run) -> None:
    """The path on standard output and the printed commands work when they are pasted."""
    Path("-verse.txt").write_text(TEXT, encoding="utf-8")
    outcome = run("train", "./-verse.txt", *TINY, "-q", "-o", "./-a.npz")
    assert run("sample", outcome.out.strip(), "-n", 3, "-q").code == 0
    command = _command(run, "write", "./-verse.txt", "-o", "./-b.npz")
    assert run(*shlex.split(command)[1:], "-n", 3, "-q").code == 0
    commands = re.findall(r"charrnn .*", run("inspect", "./-a.npz").out)
    assert commands
    assert not [c for c in commands if {"-a.npz", "-verse.txt"} & set(shlex.split(c))]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason='"./-" is taken for standard input')
def test_08_a_file_that_is_called_dash(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """./- is that file."""
    Path("-").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", None)
    outcome = run("train", "./-", *TINY, "-q")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (r"A barn\nA", "A barn\nA"),  # as in --stop, --ban and --separator
        (r"A\\nabla\\", "A\\nabla\\"),  # \\ is one backslash, also before n, t and 0
        (r"\alpha\begin\\", "\\alpha\\begin\\"),  # what is no escape stands for itself
        ("A\\", "A\\"),
        (r"\\\n\t\0", "\\\n\t\0"),
        ("A\n", "A\n"),  # a shell's own
    ],
)
def test_26_escapes_in_a_prime(run: Run, trained: Trained, typed: str, meant: str) -> None:
    """One rule for all that is typed; files of prompts are taken as they are."""
    model = trained(TEXT + "\\abegilnprt\t\0" * 9)
    out = run("sample", model, "--prime", typed, "-n", 3, "-q", "--json").out
    assert json.loads(out)["prime"] == meant
    told = json.loads(run("inspect", model, "--next", typed, "--json").out)
    assert told["prime"] == meant
    Path("primes.txt").write_text(r"A\nA", encoding="utf-8")
    out = run("sample", model, "--prime-file", "primes.txt", "-n", 3, "-q", "--json").out
    assert json.loads(out)["prime"] == r"A\nA"


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a file is always a prompt a line")
def test_36_a_whole_file_as_prime(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a way to continue a file with all its line feeds, or the help tells of one."""
    model = shutil.copy(trained(TEXT), "m.npz")
    letter = "A barn.\nThe sheep\n\n"
    Path("letter.txt").write_bytes(letter.encode())
    outcome = run("sample", model, "--prime-text", "letter.txt", "-n", 3, "-q", "--json")
    monkeypatch.setenv("COLUMNS", "300")
    told = "jq -Rs" in run("sample", "--help").out
    assert told or (outcome.code == 0 and json.loads(outcome.out)["prime"] == letter)
