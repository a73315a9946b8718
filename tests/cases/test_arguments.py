"""What stands on the command line is what the user meant, and what is printed can be typed again."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Run, Trained

from charrnn.words import as_argument

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


def test_08_a_file_that_is_called_dash(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """./- is that file."""
    Path("-").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr("sys.stdin", None)
    outcome = run("train", "./-", *TINY, "-q")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        ("score", "MODEL", "./-"),
        ("score", "./-"),
        ("sample", "MODEL", "--prime-file", "./-", "-n", 3, "-q"),
        ("sample", "MODEL", "--prime-text", "./-", "-n", 3, "-q"),
        ("sample", "MODEL", "--novelty", "./-", "-n", 3),
        ("sample", "RECORDS", "--novel-only", "./-", "-n", 3),
        ("inspect", "MODEL", "--text", "./-"),
        ("inspect", "MODEL", "--gates", "--on", "./-"),
        ("inspect", "MODEL", "--ngrams", "--counts", "./-"),
    ],
    ids=lambda command: " ".join(map(str, command[:3])),
)
def test_08_every_command_reads_a_file_called_dash(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]
) -> None:
    """./- is that file wherever - is standard input."""
    Path("-").write_text(TEXT, encoding="utf-8")
    Path("checkpoints").mkdir()
    shutil.copy(trained(TEXT), "checkpoints/m.npz")
    monkeypatch.setattr("sys.stdin", None)
    words = {"MODEL": "checkpoints/m.npz", "RECORDS": trained(TEXT, "--records")}
    outcome = run(*(words.get(str(word), word) for word in command))
    assert outcome.code == 0, outcome.err


def test_08_after_two_dashes_all_are_files(run: Run) -> None:
    """What is recorded and printed is a name that works without them."""
    Path("-verse.txt").write_text(TEXT, encoding="utf-8")
    assert run("train", *TINY, "-o", "a.npz", "-q", "--", "-verse.txt").code == 0
    assert json.loads(run("inspect", "a.npz", "--json").out)["corpus"]["sources"] == [
        "./-verse.txt"
    ]
    shutil.copy("a.npz", "-a.npz")
    outcome = run("inspect", "--neurons", "--", "-a.npz")
    commands = re.findall(r"charrnn .*", outcome.out)
    assert all("./-a.npz" in command for command in commands)
    assert run("train", "--resume", "-a.npz", "--steps", 4, "-q").out == "./-a.npz\n"
    refused = run("train", "-verse.txt", *TINY)
    assert (refused.code, refused.out) == (2, "")
    assert "write ./-verse.txt, or -- before it" in refused.err
    assert "before it" not in run("train", "-none.txt", *TINY).err


def test_two_dashes_as_a_value(run: Run, trained: Trained) -> None:
    """Then they part nothing, and a model behind them is one."""
    shutil.copy(trained(TEXT), "m.npz")
    options = ("-n", 5, "--seed", 1, "--temp", 0, "-q", "--separator", "--", "--num-samples", 2)
    usual = run("sample", "m.npz", *options)
    assert "--" in usual.out
    assert run("sample", *options, "m.npz").out == usual.out
    assert run("sample", *options, "--", "m.npz").code == 2  # a file of prompts


def test_08_names_as_arguments() -> None:
    """A path is a file, whatever it is called; a string may be standard input."""
    assert [as_argument(name) for name in ("-", "a-b", "-x", "./-")] == ["-", "a-b", "./-x", "./-"]
    assert [as_argument(Path(name)) for name in ("-", "./-x", "a")] == ["./-", "./-x", "a"]


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


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n"], ids=ascii)
def test_36_a_prime_is_as_the_file_is(
    run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Of any length and from a pipe, too: only Windows line ends become line feeds."""
    if "\r" in end:  # it is read in parts, as a long one is
        monkeypatch.setattr("charrnn.text.source.INCOMING", 1000)
    model, letter = trained(TEXT), f"{TEXT}A barn.{end}"
    Path("letter.txt").write_bytes(letter.encode())
    options = ("sample", model, "-n", 3, "-q", "--seed", 1, "--json", "--prime-text")
    outcome = run(*options, "letter.txt")
    assert json.loads(outcome.out)["prime"] == letter.replace("\r", "")
    raw = io.BytesIO(letter.encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    assert run(*options, "-").out == outcome.out


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("void.txt: is empty", ("--prime-text", "void.txt")),
        ("no.txt: no such file", ("--prime-text", "no.txt")),
        ("letter.txt, line 2: not in the model's", ("--prime-text", "letter.txt")),
        ("leave one out", ("--prime-text", "letter.txt", "--prime", "A")),
        ("--prime-text is for one prompt", ("--prime-text", "letter.txt", "-")),
        ("holds the prime", ("--prime-text", "-", "--novelty", "-")),
        ("a record is one line", ("--prime-text", "sheep.txt", "RECORDS")),
    ],
)
def test_36_wrong_asks(
    run: Run, trained: Trained, said: str, arguments: tuple[object, ...]
) -> None:
    """One line, and nothing written."""
    Path("void.txt").touch()
    Path("letter.txt").write_text("A barn\n☃\n", encoding="utf-8")
    Path("sheep.txt").write_text("sheep\n", encoding="utf-8")
    records = "RECORDS" in arguments
    model = trained(TEXT, *["--records"] * records)
    outcome = run("sample", model, *[a for a in arguments if a != "RECORDS"], "-q")
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


@pytest.mark.parametrize(
    "arguments", [("score",), ("sample", "-q", "--prime-file"), ("train",)], ids=" ".join
)
def test_01_a_text_where_a_file_is_expected(
    run: Run, trained: Trained, arguments: tuple[str, ...]
) -> None:
    """An error quotes no more of it than can be read, and says what is wrong."""
    command, *options = arguments
    model = [] if command == "train" else [trained(TEXT)]
    outcome = run(command, *model, *options, TEXT.replace("\n", " ") * 9)
    assert outcome.code == 2
    assert outcome.err.startswith("charrnn: The sheep saw a barn. A barn")
    assert "cannot be read" in outcome.err
    assert len(outcome.err) < 700
