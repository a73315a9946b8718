"""Compiling: what is told of it, what it takes of a run's time, and what becomes of a run where it fails."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import Run

import charrnn
from charrnn.cli import budgeted, starting
from charrnn.errors import InputError
from charrnn.nn import compiled
from charrnn.signals import Held
from charrnn.training import learner, pace
from charrnn.training.learner import compile_ahead

pytest.importorskip("numba")

from numba.core.errors import LoweringError

from charrnn.nn.compiled import compiling
from charrnn.nn.compiled.vectors import BYTES

WORDS = "compiling the steps for this processor, once"
SMALL = ("--hidden-size", 4, "--batch-size", 2, "--steps", 4, "--sample-every", 0)


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not trained yet."""
    monkeypatch.setattr(compiled, "_failure", None)


# ------------------------------------------------------------------------- one small function

FUNCTION = """
from numba import njit
@njit(cache=True)
def twice(x):
    return 2 * x
"""


CompileOne = Callable[..., list[str]]


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompileOne:
    """Compile as in a process of its own, but one small function only; tells what was called on the way."""
    path = tmp_path / "small.py"
    path.write_text(FUNCTION)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path / "kept"))

    def compile_it(between: Callable[[], object] = lambda: None) -> list[str]:
        spec = importlib.util.spec_from_file_location("small", path)
        assert spec is not None and spec.loader is not None
        small: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(small)
        called: list[str] = []
        monkeypatch.setattr(compiling, "COMPILED", [small.twice])
        make = partial(call, small, called)
        assert compiling.compile_by(make, lambda: called.append("starts"), between) == "made"
        return called

    def call(small: Any, called: list[str]) -> str:
        called.append(f"{small.twice(4)}")
        return "made"

    return compile_it


def test_only_what_is_compiled_is_told(one: CompileOne) -> None:
    """Before it is done; not what is found on disk."""
    assert one() == ["starts", "8"]
    assert one() == ["8"]


@pytest.mark.parametrize("pattern", ["*.nbi", "*.nbc", "*.nb?"])
@pytest.mark.parametrize(
    "damage", [lambda data: bytes(len(data)), lambda data: data[:40], lambda _: b""]
)
def test_damage_on_disk_is_mended(
    one: CompileOne, tmp_path: Path, damage: Callable[[bytes], bytes], pattern: str
) -> None:
    """It is compiled anew, by the next process for the disk, too."""
    one()
    kept = [*(tmp_path / "kept").rglob(pattern)]
    assert kept
    for path in kept:
        path.write_bytes(damage(path.read_bytes()))
    assert one() == ["starts", "8"]
    assert one() == ["starts", "8"]
    assert one() == ["8"]


def test_a_full_disk(one: CompileOne, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be kept is compiled for this process."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_index", full)
    assert one() == ["starts", "8"]


def test_a_signal_waits_for_one_function_only(one: CompileOne) -> None:
    """What asks the process to end is acted upon before the next one; later all can be compiled."""
    held = Held()
    with pytest.raises(KeyboardInterrupt), held:
        signal.raise_signal(signal.SIGINT)
        one(held.act)
    assert one() == ["starts", "8"]


# ------------------------------------------------------------------------------------- a run


def test_train_tells_and_takes_no_time(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time begins after what was compiled; a run that is resumed for a time, too."""
    deadlines: list[float] = []

    def ahead(
        model: charrnn.ModelConfig,
        config: charrnn.TrainingConfig,
        on_start: Callable[[], object],
        **_: bool,
    ) -> float:
        assert (model.cell, config.optimizer) == ("gru", "sgd")
        on_start()
        return 1000.0

    def measured(*arguments: Any, **_: Any) -> None:
        (deadline,) = (thing for thing in arguments if isinstance(thing, float))
        deadlines.append(deadline - time.monotonic())
        raise InputError("enough")

    train = "train", "corpus.txt", "--cell", "gru", "--optimizer", "sgd", *SMALL, "-o", "run.npz"
    assert run(*train).code == 0
    monkeypatch.setattr(starting, "compile_ahead", ahead)
    monkeypatch.setattr(pace, "compile_ahead", ahead)
    monkeypatch.setattr(pace, "choose_here", measured)
    monkeypatch.setattr(budgeted, "extend_here", measured)
    for command in (
        ("train", "corpus.txt", "--cell", "gru", "--optimizer", "sgd"),
        ("train", "--resume", "run.npz"),
    ):
        told = run(*command, "--minutes", "9s").err
        assert told == f"{WORDS}\ncharrnn: enough\n"
        assert run(*command, "--minutes", "9s", "-q").err == "charrnn: enough\n"
    assert len(deadlines) == 4
    assert all(1000 < seconds < 1009 for seconds in deadlines)


def test_train_from_python_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(_corpus: object, deadline: float, *_: object, **__: object) -> None:
        raise InputError(f"{deadline - time.monotonic():.0f}")

    monkeypatch.setattr(
        pace, "compile_ahead", lambda model, *_, **__: 1000.0 * (model.cell == "gru")
    )
    monkeypatch.setattr(pace, "choose_here", measured)
    with pytest.raises(InputError, match=r"^10(59|60)$"):
        charrnn.train(charrnn.Corpus.from_text("a text " * 99), minutes=1, cell="gru")


def test_the_time_of_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of loading is in it, and it is none where all is found on disk."""
    now, told = [0.0], list[str]()
    run = charrnn.ModelConfig(), charrnn.TrainingConfig(), lambda: told.append("starts")

    def loads(*_: object) -> None:
        now[0] += 8

    def compiles(_make: object, on_start: Callable[[], object], _between: object) -> None:
        loads()
        on_start()
        now[0] += 1

    monkeypatch.setattr(learner, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(compiling, "compile_by", compiles)
    assert compile_ahead(*run) == 18  # the stack's and the optimiser's
    assert told == ["starts"]
    monkeypatch.setattr(compiling, "compile_by", loads)
    assert compile_ahead(*run) == 0
    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")
    monkeypatch.setattr(compiling, "compile_by", compiles)
    assert compile_ahead(*run) == 0


@pytest.mark.usefixtures("anew")
def test_writing_and_scoring_tell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is something to compile, once each; not of a cell that has no compiled form, nor a single text."""

    def compiles(make: Callable[[], object], on_start: Callable[[], object], _: object) -> object:
        on_start()
        return make()

    monkeypatch.setattr(compiling, "compile_by", compiles)
    monkeypatch.setattr("charrnn.models.stepper.WORTH_LOADING", 1)
    monkeypatch.setattr("charrnn.models.character_model.WORTH_LOADING", 1)
    for name in ("gru", "feedforward"):
        train = ("train", "corpus.txt", "--cell", name, *SMALL, "-o", f"{name}.npz", "-q")
        assert run(*train).code == 0
    several = ("--num-samples", 3, "-n", 5, "--seed", 1)
    seeded = "gru.npz: seed 1\n"
    assert run("sample", "gru.npz", *several).err == f"{seeded}{WORDS}\n"
    assert run("sample", "gru.npz", *several, "-q").err == ""
    assert run("sample", "gru.npz", *several[2:]).err == seeded
    assert run("sample", "feedforward.npz", *several).err == "feedforward.npz: seed 1\n"
    assert run("score", "gru.npz", "corpus.txt").err == f"{WORDS}\n"
    assert run("score", "gru.npz", "corpus.txt", "--exact").err == ""
    assert run("score", "feedforward.npz", "corpus.txt").err == ""
    lines = ("--records", "-o", "records.npz", "-q")
    assert run("train", "corpus.txt", *SMALL, *lines).code == 0
    Path("none.txt").write_text("nothing\n", encoding="utf-8")
    novel = run("sample", "records.npz", *several, "--novel-only", "none.txt").err
    assert novel == f"records.npz: seed 1\n{WORDS}\n"


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LoweringError(f"Failed in nopython mode pipeline (step: x)\n{'no ' * 99}\n\nmore"), "LoweringError: no no "),
        (OSError(28, "No space left"), "OSError: [Errno 28] No space left"),
        (ImportError("Numba needs NumPy 2.2 or less"), "Numba needs NumPy 2.2 or less"),
        (ModuleNotFoundError("No module named 'x'", name="x"), "No module named 'x'"),
        (AssertionError(), "AssertionError"),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_one_line(
    error: Exception, words: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And NumPy does it."""
    tries: list[object] = []

    def fail(make: object, *_: object) -> None:
        tries.append(make)
        raise error

    monkeypatch.setattr(compiling, "compile_by", fail)
    outcome = run("train", "corpus.txt", *SMALL, "-o", "run.npz")
    assert outcome.code == 0
    assert "steps by NumPy" in outcome.err
    (line,) = (line for line in outcome.err.splitlines() if "not compiled" in line)
    assert line.startswith(f"notice: steps are not compiled ({words}")
    assert line.endswith("); NumPy takes them")
    assert len(line) < 200
    assert "Traceback" not in outcome.err
    assert charrnn.load_checkpoint("run.npz").form == "numpy"
    assert run("train", "corpus.txt", *SMALL, "-q").err == ""
    assert len(tries) == 1


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize("name", ["numba", "llvmlite"])
def test_without_numba_nothing_is_told(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no failure."""

    def absent(*_: object) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(compiling, "compile_by", absent)
    err = run("train", "corpus.txt", *SMALL).err
    assert "steps by NumPy" in err
    assert "compiled" not in err


IN_A_PROCESS = """
import charrnn
training = charrnn.Training(charrnn.Corpus.from_text("a text " * 99), charrnn.ModelConfig("rnn", 4))
print(training.form, *training.notices[1:], sep="\\n")
"""


def _in_a_process(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_without_fused_multiply_add() -> None:
    """On a processor that no vectors are written for NumPy does it."""
    told = _in_a_process(IN_A_PROCESS, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    reason = "a processor without fused multiply-add"
    assert told == f"numpy\nsteps are not compiled ({reason}); NumPy takes them\n"


# -------------------------------------------------------------------------- the form in a record


def test_another_form_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line says that it is not the same bit by bit; none does where it is, or where nobody knows."""
    vectors = f"numba ({BYTES}-byte vectors)"
    assert run("train", "corpus.txt", *SMALL, "-o", "run.npz").code == 0
    assert charrnn.load_checkpoint("run.npz").form == vectors
    assert _noticed(run, 6) == []

    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")
    tail = "the run goes on, but not bit for bit as it would have"
    assert _noticed(run, 8) == [
        f"notice: the steps so far were taken by {vectors}, the next ones by numpy: {tail}"
    ]
    assert charrnn.load_checkpoint("run.npz").form == "numpy"
    assert _noticed(run, 10) == []

    monkeypatch.delenv("CHARRNN_KERNELS")
    assert _noticed(run, 12) == [
        f"notice: the steps so far were taken by numpy, the next ones by {vectors}: {tail}"
    ]

    old = charrnn.load_checkpoint("run.npz", with_progress=True)
    charrnn.save_checkpoint(replace(old, form=""), "run.npz")
    assert _noticed(run, 14) == []


def _noticed(run: Run, steps: int) -> list[str]:
    """Of forms, by a run that is resumed."""
    outcome = run("train", "--resume", "run.npz", "--steps", steps)
    assert outcome.code == 0, outcome.err
    return [line for line in outcome.err.splitlines() if "taken by" in line]


# What is kept nowhere is compiled for the process.
NO_FOLDER = """
from numba.core.caching import CacheImpl
CacheImpl._locator_classes = []
from charrnn.nn.compiled import recurrences
print(type(recurrences.rnn_forward._cache).__name__)
"""


def test_without_a_folder_to_keep_it_in() -> None:
    """Where neither the code's folder nor the user's can be written."""
    assert _in_a_process(NO_FOLDER) == "NullCache\n"
