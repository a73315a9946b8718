"""The command line: what it prints where, its exit codes, and real processes in real pipes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import RULES, TINY
from talking import CHARRNN

import charrnn
from charrnn.cli.files import newest_checkpoints
from charrnn.cli.train import CHOSEN

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell or signals")


def _meta(run: Run, path: object) -> dict[str, Any]:
    outcome = run("inspect", path, "--json")
    assert outcome.code == 0
    values: dict[str, Any] = json.loads(outcome.out)
    return values


# ---------------------------------------------------------------------------------------- sample


def test_sample(run: Run, model: Path) -> None:
    """Just the text on standard output, of the length asked for; the seed repeats it."""
    first = run("sample", "--length", 70, "--prime", "It was ")
    assert len(first.out) == 77
    assert first.out.startswith("It was ")
    seed = first.err.split()[-1]
    assert first.err == f"{model}: seed {seed}\n"
    again = run("sample", model, "-n", 70, "-p", "It was ", "--seed", seed, "--no-echo", "-q")
    assert again.out == first.out[7:]
    assert again.err == ""


def test_greedy(run: Run, model: Path) -> None:
    """Temperature 0 leaves nothing to chance."""
    texts = {run("sample", model, "-t", 0, "--seed", seed).out for seed in (1, 2)}
    assert len(texts) == 1


def test_num_samples(run: Run, model: Path) -> None:
    """Several texts differ and are separated; the first is what a single one would be."""
    one = run("sample", model, "--seed", 1, "-n", 30).out
    three = run("sample", model, "--seed", 1, "-n", 30, "--num-samples", 3).out.split("\n---\n")
    assert three[0] == one
    assert len(set(three)) == 3
    zero = run("sample", model, "--num-samples", 2, "--separator", r"\0", "-n", 5).out
    assert zero[5] == "\0"


def test_unknown_characters(run: Run, model: Path) -> None:
    """A prime's unknown character is named, skipped, or replaced by a similar one."""
    refused = run("sample", model, "--prime", "Was é ☃")
    assert refused.code == 2
    assert refused.out == ""
    assert "'é' (U+00E9)" in refused.err
    assert "'☃' (U+2603)" in refused.err
    skipped = run("sample", model, "--prime", "a☃b", "--unknown", "skip", "-n", 1)
    assert skipped.out[:2] == "ab"
    replaced = run("sample", model, "--prime", "é", "--unknown", "replace", "-n", 1)
    assert replaced.out[0] == "e"


@posix
def test_utf8_in_any_locale(run: Run, model: Path) -> None:
    """Bytes in and out are UTF-8 under the C locale too."""
    assert run("inspect", model).code == 0
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*CHARRNN, "sample", "--prime", "Ångström", "-n", "1"],
        env=environment,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode()[:-1] == "Ångström"


@posix
def test_closed_pipe(run: Run, model: Path) -> None:
    """The sampler stops quietly when nobody reads on."""
    assert run("inspect", model).code == 0
    command = " ".join(CHARRNN)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{command} sample -q --length 1000000 | head -c 50; echo ${{PIPESTATUS[0]}}",
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout[50:] == b"0\n"
    assert done.stderr == b""


@posix
@pytest.mark.usefixtures("by_numpy")
def test_pipeline(run: Run) -> None:
    """The whole road in one pipe."""
    assert run("--version").out == f"charrnn {charrnn.__version__}\n"
    command = " ".join(CHARRNN)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"set -o pipefail; cat corpus.txt corpus.txt | {command} train - --quiet --epochs 1 "
            f"--hidden-size 8 | xargs {command} sample --length 200 --temp 0.8 | head -c 100",
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert len(done.stdout) == 100


# --------------------------------------------------------------------------------------- inspect


def test_inspect(run: Run, model: Path) -> None:
    """Tables and JSON tell the checkpoint's own numbers."""
    checkpoint = charrnn.load_checkpoint(model)
    values = _meta(run, model)
    assert values["parameters"] == checkpoint.model.parameters.flat.size
    assert values["vocabulary_size"] == len(checkpoint.model.vocabulary)
    assert checkpoint.validation_loss is not None
    assert values["validation_bits_per_char"] == checkpoint.validation_loss / np.log(2)
    assert len(values["history"]) == len(checkpoint.history) == 1
    tables = run("inspect", model, "--details").out
    for expected in (f"{values['parameters']:,}", "layer1/W", "adamw", "corpus.txt", "▁"):
        assert expected in tables


def test_newest_checkpoints(run: Run, model: Path) -> None:
    """The model written last is the default; an empty file does not count."""
    os.utime(model, (1, 1))
    run("train", "corpus.txt", *TINY, "--quiet")
    Path("checkpoints/empty.npz").touch()
    assert newest_checkpoints()[0].name == "corpus-2.npz"


# ------------------------------------------------------------------------------------- bad input


@pytest.fixture
def bad_files(run: Run) -> Run:
    """A folder with files that cannot be used."""
    Path("empty.txt").touch()
    Path("short.txt").write_text("five!")
    Path("latin1.txt").write_bytes(b"first line\nsecond l\xefne\n" * 9)
    Path("utf16.txt").write_bytes("some text".encode("utf-16"))
    Path("folder").mkdir()
    Path("taken.npz").write_text("something")
    return run


BAD: list[tuple[int, str, tuple[object, ...]]] = [
    (2, "no such file", ("train", "missing.txt")),
    (2, "is a directory", ("train", "folder")),
    (2, "no text (empty)", ("train", "empty.txt")),
    (2, "no text (empty)", ("train", "empty.txt", "--records")),
    (2, "only 5 characters", ("train", "short.txt")),
    (2, "byte 19 (line 2): 0xef", ("train", "latin1.txt")),
    (2, "UTF-16", ("train", "utf16.txt")),
    (2, "hidden-size must be a whole number from 1", ("train", "corpus.txt", "--hidden-size", 0)),
    (2, "--num-layers", ("train", "corpus.txt", "--num-layers", "two")),
    (2, "dropout must be at least 0 and below 1", ("train", "corpus.txt", "--dropout", 1)),
    (2, "cell must be one of", ("train", "corpus.txt", "--cell", "transformer")),
    (2, "learning-rate must be above 0", ("train", "corpus.txt", "--learning-rate", 0)),
    (2, "learning-rate must be", ("train", "corpus.txt", "--learning-rate", "nan")),
    (2, "normalize must be one of nfc, none", ("train", "corpus.txt", "--normalize", "nfkd")),
    (2, "leave it out with --bytes", ("train", "corpus.txt", "--bytes", "--normalize", "nfc")),
    (2, "learn its bytes as they are with --bytes", ("train", "latin1.txt")),
    (2, "seed must be", ("train", "corpus.txt", "--seed", -1)),
    (2, "--minutes must be above 0", ("train", "corpus.txt", "--minutes", 0)),
    (2, "--minutes must be above 0", ("train", "corpus.txt", "--minutes", "nan")),
    (2, "leave it out with --epochs", ("train", "corpus.txt", "--minutes", 1, "--epochs", 2)),
    (2, "leave it out with --steps", ("train", "corpus.txt", "--minutes", 1, "--steps", 2)),
    (2, "give one of them", ("train", "corpus.txt", "--epochs", 1, "--steps", 2)),
    (2, "cooldown must be a whole number", ("train", "corpus.txt", "--cooldown", -1)),
    (2, "--sample-every", ("train", "corpus.txt", "--sample-every", -1)),
    (2, "exists already", ("train", "corpus.txt", "-o", "taken.npz")),
    (1, "not a folder", ("train", "corpus.txt", "-o", "taken.npz/x.npz")),
    (2, "--init-from", ("train", "corpus.txt", "--extend-vocab")),
    (2, "no such checkpoint", ("train", "corpus.txt", "--resume", "missing.npz")),
    (2, "No such option", ("train", "--nonsense")),
    (2, "No such command", ("nonsense",)),
    (2, "no checkpoint in checkpoints", ("sample",)),
    (2, "no such checkpoint", ("sample", "missing.npz")),
    (2, "is a directory", ("inspect", "folder")),
    (2, "--output names a file", ("train", "corpus.txt", "-o", "folder")),
    (1, "not a charrnn checkpoint", ("sample", "taken.npz")),
    (1, "not a charrnn checkpoint", ("inspect", "corpus.txt")),
    (2, "temperature must be at least 0", ("sample", "--temp", -1)),
    (2, "temperature must be at least 0", ("sample", "--temp", "nan")),
    (2, "length must be", ("sample", "--length", -1)),
    (2, "top-p must be above 0", ("sample", "--top-p", 0)),
    (2, "stop must be", ("sample", "--stop", "")),
    (2, "length 0 is for one text", ("sample", "--length", 0, "--num-samples", 2)),
    (2, "length 0 is for one text", ("sample", "--length", 0, "--json")),
    (2, "model.npz: no such checkpoint", ("sample", "model.npz", "primes.txt")),
    (2, "not from both", ("sample", "-", "--prime-file", "corpus.txt")),
    (2, "leave it out where prompts are read", ("sample", "-", "--prime", "a")),
    (2, "--jsonl needs prompts", ("sample", "--jsonl")),
    (2, "--unknown must be", ("score", "--unknown", "guess")),
    (2, "do not go together", ("score", "--per-line", "--per-char")),
    (2, "no checkpoint in checkpoints", ("score", "corpus.txt")),
    (2, "--num-samples must be at least 1", ("sample", "--num-samples", 0)),
    (2, "--seed must be at least 0", ("sample", "--seed", -3)),
    (2, "--unknown must be", ("sample", "--unknown", "guess")),
]


@pytest.mark.parametrize(
    ("code", "said", "arguments"), BAD, ids=[" ".join(map(str, case[2])) for case in BAD]
)
def test_bad_input(bad_files: Run, code: int, said: str, arguments: tuple[object, ...]) -> None:
    """One line that says what is wrong, the right exit code, and nothing left behind."""
    outcome = bad_files(*arguments)
    assert outcome.code == code
    (line,) = outcome.err.splitlines()
    assert line.startswith("charrnn: ")
    assert said in line
    assert outcome.out == ""
    assert not list(Path().glob("checkpoints/*"))


# ------------------------------------------------------------------------------------------ help


@pytest.mark.parametrize("command", [(), ("train",), ("sample",), ("score",), ("inspect",)])
def test_help(run: Run, command: tuple[str, ...]) -> None:
    """Help goes to standard output, and ``charrnn`` alone is help too."""
    outcome = run(*command, "--help")
    assert outcome.code == 0
    assert "Usage: charrnn" in outcome.out
    if not command:
        assert run().out == outcome.out


def test_help_shows_every_default(run: Run) -> None:
    """The defaults of the configuration stand in the help text."""
    text = " ".join(run("train", "--help").out.replace("│", " ").split())
    for config in (charrnn.ModelConfig(), charrnn.TrainingConfig(epochs=1)):
        for name, value in vars(config).items():
            if name == "rewarm":  # which no option sets
                continue
            after = text.partition(f"--{name.replace('_', '-')}")[2]
            assert "default:" in after[:160], name
            if name not in RULES:
                shown = "not" if value is False else value
                said = f"chosen; {shown} with" if name in CHOSEN else f"({value})"
                assert said in after[:200], name


def test_help_is_grouped(run: Run) -> None:
    """Options stand in panels, by what they are about."""
    for command, panels in {
        "train": ("Text", "Model", "Training", "Run"),
        "sample": ("Text", "Choice of characters", "Several texts", "Output"),
    }.items():
        shown = run(command, "--help").out
        for panel in panels:
            assert re.search(rf"─ {panel} ─|^ *{panel}$", shown, re.MULTILINE), panel


@posix
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("tr", "train"),
        ("sample --until", "--until-lines"),
        ("train --cell ", "lstm gru rnn rnn-relu feedforward"),
        ("train --schedule tra", "trapezoid"),
        ("score --unknown ", "error skip replace"),
        ("inspect --unknown r", "replace"),
    ],
)
def test_completion(typed: str, offered: str) -> None:
    """A shell that asks is told commands, options and what an option may be."""
    words = f"charrnn {typed}"
    asked = {
        "_CHARRNN_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        CHARRNN, env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == offered.split()


@posix
@pytest.mark.parametrize("colour", [True, False])
def test_no_color(colour: bool) -> None:
    """On a terminal help has colours, unless NO_COLOR is set."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    settings = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    settings |= {"TERM": "xterm-256color"} | ({} if colour else {"NO_COLOR": "1"})
    process = subprocess.Popen([*CHARRNN, "--help"], stdout=theirs, env=settings)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end was closed
        while piece := os.read(ours, 4096):
            shown += piece
    os.close(ours)
    assert process.wait() == 0
    assert b"Usage" in shown
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-9][0-9;]*m", shown)) is colour


def test_help_needs_no_numpy() -> None:
    """Help and version come without loading what only work needs."""
    code = "import sys; from charrnn.cli import run; run(['--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
