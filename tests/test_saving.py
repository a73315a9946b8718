"""Nothing is lost: killed processes, full disks, and runs that get in each other's way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_long
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import content, make_text

import charrnn
import charrnn.files.checkpoint
from charrnn.cli import run as run_cli
from charrnn.cli.files import Claim, claim_new, claim_old
from charrnn.cli.saving import Interval, Saver, parse_interval
from charrnn.errors import CheckpointError, InputError
from charrnn.files.npz import write_arrays
from charrnn.files.whole import beside, temporaries

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and limits")

TINY = ("--hidden-size", 4, "--num-layers", 1, "--batch-size", 2, "--seq-length", 16, "-q")
SAVE_EVERY = 3

# ------------------------------------------------------------------------------------- kill -9


def _count_steps(reached: Any) -> None:
    """Let a process tell others how far it is, step by step."""
    kind: Any = Saver
    after = kind.after

    def counting(saver: Saver, report: Any) -> None:
        reached.value = saver._training.step
        after(saver, report)

    kind.after = counting


def _during_saves(first: int, hook: Any) -> None:
    """Have ``hook`` called at each call that the saves from the ``first`` on make."""
    module: Any = charrnn.files.checkpoint
    write, saves = module.write_arrays, 0

    def watched(path: Any, arrays: Any) -> None:
        nonlocal saves
        saves += 1
        if saves >= first:
            sys.setprofile(hook)
        try:
            write(path, arrays)
        finally:
            sys.setprofile(None)

    module.write_arrays = watched


def _train(arguments: list[str], reached: Any, deadly_call: int) -> None:
    """A process that trains; it kills itself at that call of its second save, if there is one."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == deadly_call:
            os.kill(os.getpid(), signal.SIGKILL)

    _count_steps(reached)
    if deadly_call:
        _during_saves(2, count)
    sys.exit(run_cli(arguments))


def _calls_of_a_save(folder: Path) -> int:
    """How many calls one save makes, of Python functions and of C ones."""
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    corpus = charrnn.Corpus.from_text(make_text(5))
    training = charrnn.Training(corpus, charrnn.ModelConfig(hidden_size=4, num_layers=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charrnn.files.checkpoint.write_arrays", write_arrays)
        _during_saves(1, count)
        charrnn.save_checkpoint(training.checkpoint(), folder / "counted.npz")
    return calls


@posix
@pytest.mark.usefixtures("by_numpy")
def test_killed_at_any_moment(run: Run, tmp_path: Path) -> None:
    """kill -9 costs at most --save-every; the end is that of a run that was left alone."""
    path = tmp_path / "run.npz"
    options = [*TINY, "--epochs", 8]  # far more steps than are taken before the last kill
    whole = run("train", "corpus.txt", *options, "-o", "whole.npz")
    assert whole.code == 0, whole.err

    # The server loads all modules once; a process that it starts is on its way in no time.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "charrnn.cli.display", "charrnn.cli.saving"])
    rng = np.random.default_rng()  # other moments each time; any of them has to do
    calls = _calls_of_a_save(tmp_path)
    in_a_save = [int(call) for call in np.linspace(1, calls - 5, 5)]
    left_behind = 0
    for moment in [*in_a_save, *[0] * 3]:
        start = ["--resume", path] if path.exists() else ["-o", path, *options]
        arguments = ["train", "corpus.txt", *start, "--save-every", SAVE_EVERY, "-q"]
        reached = context.RawValue(c_long, 0)
        process = context.Process(
            target=_train, args=([str(argument) for argument in arguments], reached, moment)
        )
        process.start()
        if not moment:
            more = rng.integers(30)  # steps, not seconds: a quick machine would be at the end
            last = None
            while last is None or reached.value < last:
                assert process.is_alive()
                if last is None and reached.value:  # the first step of this process
                    last = reached.value + more
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.005))
            process.kill()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
        left_behind += len(temporaries(path))
        if path.exists():  # killed before its first save, a run has lost nothing and left nothing
            progress = charrnn.load_checkpoint(path, with_progress=True).progress
            assert progress is not None
            assert progress.step >= reached.value - SAVE_EVERY
    assert left_behind >= 3  # or these were no moments in the middle of a save

    assert run("train", "--resume", path, "-q").code == 0
    assert content(path) == content("whole.npz")
    assert sorted(p.name for p in tmp_path.glob("*run.npz*")) == ["run.npz"]


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("60s", Interval(seconds=60)),
        ("0.5s", Interval(seconds=0.5)),
        ("5m", Interval(seconds=300)),
        ("2h", Interval(seconds=7200)),
        ("250", Interval(steps=250)),
    ],
)
def test_interval(text: str, interval: Interval) -> None:
    """A time with its unit, or a plain number of steps."""
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5 m", "5d", "1.5", "soon", "nan", "٣"])
def test_no_interval(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(InputError, match="such as 60s, 5m or 1h, or a number of steps"):
        parse_interval(text)


def _training() -> charrnn.Training:
    return charrnn.Training(
        charrnn.Corpus.from_text(make_text(20)),
        charrnn.ModelConfig(hidden_size=4, num_layers=1),
        charrnn.TrainingConfig(epochs=3, batch_size=2, seq_length=20, eval_every=1000, threads=1),
    )


@pytest.mark.parametrize("every", [Interval(seconds=3), Interval(steps=3)])
def test_saves_when_it_is_time(
    every: Interval, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of steps that take a second each, every third one is saved, and the evaluation."""
    training = _training()
    monkeypatch.setattr("charrnn.cli.saving.time.monotonic", lambda: float(training.step))
    path = tmp_path / "run.npz"
    saver = Saver(training, path, every, pytest.fail)
    saved = set()
    for report in training:
        saver.after(report)
        if path.exists():
            saved.add(training.step)
            path.unlink()
    assert saved == {*range(3, training.total_steps, 3), training.total_steps}


def test_a_state_that_no_run_comes_to_is_not_saved(tmp_path: Path) -> None:
    """It would be refused when it is read: the file stays, the run is told so and goes on."""
    training, told = _training(), list[str]()
    path = tmp_path / "run.npz"
    saver = Saver(training, path, Interval(steps=2), told.append)
    saver.save()
    before = path.read_bytes()
    for report in training:
        training._progress.rate_scale = 0.3  # which halving never gives
        saver.after(report)
        if training.step == 4:
            break
    assert len(told) == 2
    assert "its rate is not halved" in told[0]
    assert "it still holds step 0" in told[0]
    assert path.read_bytes() == before


# --------------------------------------------------------------------------------- a full disk


@contextmanager
def _small_files(size: int) -> Iterator[None]:
    """Let the system refuse to make files any larger, as a full disk does."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@posix
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99, 0.9999])
def test_write_fails_anywhere(share: float, tmp_path: Path) -> None:
    """Wherever the system stops writing, the old file is whole, and there is no other."""
    path = tmp_path / "run.npz"
    training = _training()
    charrnn.save_checkpoint(training.checkpoint(), path)
    before = path.read_bytes()
    next(iter(training))
    with (
        _small_files(int(len(before) * share)),
        pytest.raises(CheckpointError, match=r"run\.npz: cannot be written: File too large"),
    ):
        charrnn.save_checkpoint(training.checkpoint(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@posix
@pytest.mark.parametrize("name", [251 * "a" + ".npz", 62 * "ぁ" + "a.npz", 242 * "b"])
def test_any_name_that_the_system_has(run: Run, tmp_path: Path, name: str) -> None:
    """Hidden files lie beside a file while it is written, however long its name is."""
    run("train", "corpus.txt", *TINY, "--epochs", 1, "-o", name)
    assert {file.name for file in tmp_path.iterdir()} == {"corpus.txt", name}
    stale = tmp_path / f"{beside(tmp_path / name)}123.tmp"
    stale.write_bytes(b"half of a che")
    assert run("train", "--resume", name, "--epochs", 2, "-q").code == 0
    assert {file.name for file in tmp_path.iterdir()} == {"corpus.txt", name}


@pytest.mark.parametrize("name", ["a\0b.npz", "a\ud800.npz", 256 * "a", "no/such/folder.npz"])
def test_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """One line says so, whatever is wrong with it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as refused:
        charrnn.save_checkpoint(_training().checkpoint(), name)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{name}: cannot be written: ")
    assert not list(tmp_path.iterdir())


def _full(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def _fail_saves(monkeypatch: pytest.MonkeyPatch, failing: set[int]) -> None:
    """Let the disk be full at these saves, counted from 1."""
    tried = 0

    def save(checkpoint: charrnn.Checkpoint, path: Path) -> None:
        nonlocal tried
        tried += 1
        with pytest.MonkeyPatch.context() as patch:
            if tried in failing:
                patch.setattr("charrnn.files.whole.os.fsync", _full)
            charrnn.save_checkpoint(checkpoint, path)

    monkeypatch.setattr("charrnn.cli.saving.save_checkpoint", save)


RUN = ("train", "corpus.txt", *TINY, "--epochs", 1, "--save-every", 20)


def test_full_disk_for_a_while(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run tells of each save that failed, goes on, and ends as if nothing had been."""
    assert run(*RUN, "-o", "whole.npz").code == 0
    _fail_saves(monkeypatch, {3, 4})
    outcome = run(*RUN, "-o", "run.npz")
    assert (outcome.code, outcome.out) == (0, "run.npz\n")
    one, two = outcome.err.splitlines()
    assert one == two
    assert one == (
        "charrnn: run.npz: cannot be written: No space left on device; it still holds step 20; "
        "the run goes on, and the next save will try again"
    )
    assert content("run.npz") == content("whole.npz")
    assert not list(Path().glob(".*"))


def test_full_disk_at_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last save that failed is an error; what was saved before it can be gone on with."""
    assert run(*RUN, "-o", "whole.npz").code == 0
    _fail_saves(monkeypatch, set(range(4, 100)))
    outcome = run(*RUN, "-o", "run.npz")
    assert (outcome.code, outcome.out) == (1, "")
    last = outcome.err.splitlines()[-1]
    assert last.endswith("No space left on device; it still holds step 40")
    assert run("train", "--resume", "run.npz", "-q").code == 1  # the disk is full as before
    _fail_saves(monkeypatch, set())
    assert run("train", "--resume", "run.npz", "-q").code == 0
    assert content("run.npz") == content("whole.npz")


def test_full_disk_at_the_start(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that cannot be written is known at once, not after the first hour."""
    _fail_saves(monkeypatch, {1})
    outcome = run(*RUN, "-o", "run.npz")
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert line == "charrnn: run.npz: cannot be written: No space left on device"
    assert [p.name for p in Path().iterdir()] == ["corpus.txt"]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_mode(run: Run, mode: int) -> None:
    """Whoever could read the old one can read the new one, and nobody else, at no moment."""
    assert run(*RUN, "-o", "run.npz").code == 0
    Path("run.npz").chmod(mode)
    Path("link.npz").symlink_to("run.npz")
    checkpoint = charrnn.load_checkpoint("run.npz", with_progress=True)
    for name in ("run.npz", "link.npz"):
        charrnn.save_checkpoint(checkpoint, name)
        assert stat.S_IMODE(Path("run.npz").stat().st_mode) == mode
        assert Path("link.npz").is_symlink()
    assert run("train", "--resume", "run.npz", "--epochs", 5, "-q").code == 0
    assert stat.S_IMODE(Path("run.npz").stat().st_mode) == mode


@posix
def test_only_files_that_may_be_written_are_written_over(run: Run) -> None:
    """Neither a pipe, a device or a folder nor what is read-only; a run is told so at its start."""
    assert run(*RUN, "-o", "run.npz").code == 0
    checkpoint = charrnn.load_checkpoint("run.npz", with_progress=True)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for name, what in (("pipe", "it is a pipe or a device"), ("folder", "it is a directory")):
        with pytest.raises(CheckpointError, match=f"{name}: cannot be written: {what}"):
            charrnn.save_checkpoint(checkpoint, name)
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)
    before = content("run.npz")
    Path("run.npz").chmod(0o444)
    with pytest.raises(CheckpointError, match=r"run\.npz: cannot be written: it is read-only"):
        charrnn.save_checkpoint(checkpoint, "run.npz")
    refused = run("train", "--resume", "run.npz", "--epochs", 5, "-q")
    assert refused.code == 1
    assert refused.err.startswith("charrnn: run.npz: cannot be written: it is read-only")
    assert len(refused.err.splitlines()) == 1
    assert content("run.npz") == before
    assert stat.S_IMODE(Path("run.npz").stat().st_mode) == 0o444
    assert sorted(p.name for p in Path().iterdir()) == ["corpus.txt", "folder", "pipe", "run.npz"]


# ------------------------------------------------------------------------ two runs in one folder


@posix
def test_a_claim_is_one_run_s_alone(tmp_path: Path) -> None:
    """While a run writes to a checkpoint, no other one gets to; afterwards any may."""
    path = tmp_path / "a.npz"
    with claim_new(path, ["text"]):
        with pytest.raises(InputError, match="exists already"):
            claim_new(path, ["text"])
        path.touch()
        with pytest.raises(InputError, match="another run is writing to it"):
            claim_old(path)
        link = tmp_path / "link.npz"
        link.symlink_to(path)
        with pytest.raises(InputError, match="another run is writing to it"):
            claim_old(link)
    with pytest.raises(InputError, match="exists already"):
        claim_new(path, ["text"])
    with claim_old(path), claim_new(tmp_path / "b.npz", ["text"]):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "link.npz"]


def test_what_killed_runs_left_is_swept_up(tmp_path: Path) -> None:
    """Temporary files of a name go with the next run of that name; those of others stay."""
    stale, lock = tmp_path / ".[a].npz.123.tmp", tmp_path / ".[a].npz.lock"
    others = {tmp_path / f".{name}.123.tmp" for name in ("a.npz", "[a].npz.b.npz", "[a].npz.7")}
    for file in (stale, lock, *others):
        file.write_bytes(b"half of a che")
    with Claim(tmp_path / "[a].npz"):
        assert not stale.exists()
    assert set(tmp_path.iterdir()) == others


@posix
def test_planted_links(run: Run, tmp_path: Path) -> None:
    """What lies at the places of temporary files and locks leads a run to no other file."""
    assert run("train", "corpus.txt", *TINY, "--epochs", 1, "-o", "run.npz").code == 0
    victim = tmp_path / "victim.txt"
    victim.write_text("dear", encoding="utf-8")
    for process in range(os.getpid() - 50, os.getpid() + 50):
        (tmp_path / f".run.npz.{process}.tmp").symlink_to(victim)
    (tmp_path / ".run.npz.folder.tmp").mkdir()
    resumed = run("train", "--resume", "run.npz", "--epochs", 2, "-q")
    assert resumed.code == 0, resumed.err
    assert not Path("run.npz").is_symlink()
    assert victim.read_text(encoding="utf-8") == "dear"
    for place in (victim, tmp_path / "none.txt"):
        (tmp_path / ".run.npz.lock").symlink_to(place)
        refused = run("train", "--resume", "run.npz", "--epochs", 3, "-q")
        assert (refused.code, refused.out) == (1, "")
        assert ".run.npz.lock is a link; remove it" in refused.err
        assert not (tmp_path / "none.txt").exists()
        (tmp_path / ".run.npz.lock").unlink()
    os.mkfifo(".run.npz.lock")
    assert run("train", "--resume", "run.npz", "--epochs", 3, "-q").code == 0


@posix
def test_a_temporary_file_is_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where its name has been guessed."""
    monkeypatch.setattr("charrnn.files.whole.secrets.token_hex", lambda _: "guessed")
    (tmp_path / ".a.npz.guessed.tmp").symlink_to(tmp_path / "victim.txt")
    with pytest.raises(CheckpointError, match="cannot be written: File exists"):
        write_arrays(tmp_path / "a.npz", {"a": np.ones(3)})
    assert not (tmp_path / "victim.txt").exists()


def _race(commands: list[list[object]]) -> list[tuple[int, str, str]]:
    """Run commands side by side in real processes: (exit code, output, errors) of each."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "charrnn", *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    codes = [process.returncode for process in processes]
    return [(code, *output) for code, output in zip(codes, outputs, strict=True)]


@posix
@pytest.mark.usefixtures("by_numpy")
def test_races_for_names(run: Run) -> None:
    """Of runs that start at once, each gets a file of its own, or is told that it has none."""
    assert run(*RUN, "-o", "whole.npz").code == 0
    done = _race([[*RUN], [*RUN], [*RUN, "-o", "same.npz"], [*RUN, "-o", "same.npz"]])
    assert [code for code, _, _ in done[:2]] == [0, 0]
    assert sorted(out for _, out, _ in done[:2]) == [
        "checkpoints/corpus-2.npz\n",
        "checkpoints/corpus.npz\n",
    ]
    won, lost = sorted(done[2:])
    assert (won[0], won[1]) == (0, "same.npz\n")
    assert lost[0] == 2
    assert "same.npz: exists already" in lost[2]
    for path in ("same.npz", "checkpoints/corpus.npz", "checkpoints/corpus-2.npz"):
        assert content(path) == content("whole.npz")
    assert not list(Path().rglob(".*"))


# -------------------------------------------------------------------------------- another corpus


def test_changed_corpus(run: Run) -> None:
    """A text that was changed in place is noticed; one that only has another name is the same."""
    assert run(*RUN, "-o", "run.npz").code == 0
    before = Path("run.npz").read_bytes()
    text = Path("corpus.txt").read_text(encoding="utf-8")
    Path("corpus.txt").rename("moved.txt")
    Path("corpus.txt").write_text(text.replace("Line 30", "Line 3O"), encoding="utf-8")
    for arguments in ((), ("corpus.txt",)):
        outcome = run("train", *arguments, "--resume", "run.npz", "--epochs", 2, "-q")
        assert outcome.code == 2
        (line,) = outcome.err.splitlines()
        assert line.startswith("charrnn: corpus.txt: not the text that run.npz was trained on")
        assert line.endswith("to train on another text: --init-from run.npz")
    assert Path("run.npz").read_bytes() == before
    assert run("train", "moved.txt", "--resume", "run.npz", "--epochs", 2, "-q").code == 0
    options = ("--init-from", "run.npz", "--extend-vocab", "--epochs", 1, "-o", "new.npz", "-q")
    again = run("train", "corpus.txt", *options)
    assert again.code == 0, again.err
