"""A real process in a rough world: signals, lost readers, closed streams, bare environments."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
from conftest import Run
from samples import content
from talking import CHARRNN

import charrnn.cli

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and a shell")

TINY = ("--hidden-size", "4", "--num-layers", "1", "--epochs", "1")
NUMPY = {"CHARRNN_KERNELS": "numpy"}
"""Where Numba is beside the point: loading it takes longer than all else that such a process does."""
ENDLESS = ("train", "corpus.txt", *TINY[:4], "--epochs", "100000", "--patience", "0")


@pytest.fixture
def model(run: Run) -> None:
    """A checkpoint in the working folder's ``checkpoints``."""
    assert run("train", "corpus.txt", *TINY, "-q").code == 0


def _shell(script: str) -> tuple[str, str]:
    """What a script for bash writes; ``charrnn`` in it is this one."""
    function = f'charrnn() {{ "{sys.executable}" -m charrnn "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-c", function + script],
        env={**os.environ, **NUMPY},
        capture_output=True,
        timeout=60,
        check=True,
    )
    return done.stdout.decode(), done.stderr.decode()


# -------------------------------------------------------------------------------------- signals


def _start_training(*options: str) -> subprocess.Popen[str]:
    """A process in the middle of an endless run, which reports its evaluations."""
    process = subprocess.Popen(
        [*CHARRNN, *ENDLESS, "--eval-every", "1", "--sample-every", "0", *options],
        env={**os.environ, **NUMPY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any(line.startswith("step ") for line in process.stderr)
    return process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_saves(run: Run, number: signal.Signals, code: int) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the run after its step, saved and resumable."""
    process = _start_training("-o", "run.npz")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "run.npz\n")
    assert re.search(r"interrupted at step \d+ of [\d,]+ in \S+ of training; saved\n", err)
    assert "go on:  charrnn train --resume run.npz" in err
    step = content("run.npz")["progress"]["step"]
    assert step > 0
    resumed = run("train", "--resume", "run.npz", "--epochs", 1, "-q")
    assert resumed.code == 0, resumed.err
    assert not list(Path().glob(".*"))


SLOW_DISK = """
import os, sys, time
import charrnn.files.npz
from charrnn.cli import main
syncs = 0
def slow(descriptor):
    global syncs
    syncs += 1
    if syncs > 2:  # the first save's file and its folder
        print("saving", flush=True)
        time.sleep(60)
charrnn.files.npz.os.fsync = slow
main()
"""


def _in_a_slow_save() -> subprocess.Popen[str]:
    """A run that is in the middle of its second save."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_DISK, *ENDLESS, "-o", "run.npz", "--save-every", "5"],
        env={**os.environ, **NUMPY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "saving\n"
    return process


def test_second_interrupt(run: Run) -> None:
    """It ends a run at once, also in the middle of a save; the save before it stays."""
    process = _in_a_slow_save()
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    assert process.poll() is None  # the first one waits for the save
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 10
    assert process.returncode == 130
    assert "Traceback" not in err
    assert content("run.npz")["progress"]["step"] == 0
    assert sorted(p.name for p in Path().iterdir()) == ["corpus.txt", "run.npz"]
    assert run("train", "--resume", "run.npz", "--epochs", 1, "-q").code == 0


def test_impatience_leaves_nothing_behind(run: Run) -> None:
    """Neither a third Ctrl-C nor a tenth gets between the second one and the cleaning up."""
    process = _in_a_slow_save()
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in err
    assert sorted(p.name for p in Path().iterdir()) == ["corpus.txt", "run.npz"]
    assert run("sample", "run.npz", "-q").code == 0


HOLDING = """
import os, signal, sys, threading
from charrnn.cli import main
import charrnn.{module} as module
intact = module.{name}
def interrupted(*arguments):
    os.kill(os.getpid(), signal.{signal})
    print("came", flush=True)  # here it has been handled
    return intact(*arguments)
module.{name} = interrupted
main()
"""


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    ("module", "function"), [("nn.compiled", "_compiled"), ("nn.parallel", "ThreadpoolController")]
)
def test_signals_are_not_swallowed(name: str, module: str, function: str) -> None:
    """Where C calls Python, which cannot be interrupted, a signal waits; then the run ends, saved or not."""
    program = HOLDING.format(module=module, name=function, signal=name)
    done = subprocess.run(
        [sys.executable, "-c", program, *ENDLESS, "-o", "run.npz"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.startswith("came\n"), done.stderr
    assert done.returncode == 128 + getattr(signal, name)
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr
    assert {path.name for path in Path().iterdir()} <= {"corpus.txt", "run.npz"}


LOADING = """
import os, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder())
from charrnn.__main__ import main
main()
"""


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_loading(number: signal.Signals) -> None:
    """From the first moment of the program on it draws no traceback."""
    for module in ("charrnn.cli", "typer", "charrnn.cli.inspect", "numpy", "charrnn.files.npz"):
        program = LOADING.format(module=module, number=int(number))
        done = subprocess.run(
            [sys.executable, "-c", program, "inspect", "none.npz"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (128 + number, -number), (module, done.stderr)
        assert done.stderr == ""


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        SystemError("error return without exception set"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_short_of_memory(error: Exception, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one line, in whatever form it shows; another error of such a kind is not taken for it."""

    def fail(*_: object, **__: object) -> None:
        try:
            raise error
        except ImportError as reason:
            raise ImportError("IMPORTANT: PLEASE READ THIS\n\n") from reason  # as NumPy does

    monkeypatch.setattr("charrnn.files.checkpoint.ArrayFile", fail)
    refused = run("inspect", "checkpoints/corpus.npz")
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 1
    assert "memory" in refused.err
    other = RuntimeError("something else")
    monkeypatch.setattr("charrnn.files.checkpoint.ArrayFile", mock.Mock(side_effect=other))
    with pytest.raises(RuntimeError, match="something else"):
        run("inspect", "checkpoints/corpus.npz")


def test_nohup_is_respected() -> None:
    """A signal that was switched off for the process stays so."""
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from charrnn.cli.terminal import interruptible\n"
        "with interruptible() as interruption:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    print(interruption.number)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


# ------------------------------------------------------------------------------ pipes and streams


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        f"train corpus.txt {' '.join(TINY)} -q",
        "sample -q --length 100000",
        "sample -q --length 3",
        "inspect",
    ],
)
@pytest.mark.usefixtures("model")
def test_lost_reader(command: str) -> None:
    """Nobody reads standard output: no words, no error, however much there was to write."""
    out, err = _shell(f"charrnn {command} | true; echo ${{PIPESTATUS[0]}}")
    assert (out, err) == ("0\n", "")


@pytest.mark.parametrize("command", ["--version", "sample -q", "inspect --json"])
@pytest.mark.usefixtures("model")
def test_full_device(command: str) -> None:
    """A full disk behind standard output is one line and exit code 1."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    out, err = _shell(f"(charrnn {command} > /dev/full); echo $?")
    assert out == "1\n"
    assert err == "charrnn: input or output failed: No space left on device\n"


@pytest.mark.usefixtures("run")
def test_lost_log() -> None:
    """A run whose log nobody reads any more goes on to its end."""
    train = f"charrnn train corpus.txt {' '.join(TINY)} --eval-every 1"
    out, err = _shell(f"{train} 2> >(true)")
    assert (out, err) == ("checkpoints/corpus.npz\n", "")


@pytest.mark.usefixtures("run")
def test_closed_streams() -> None:
    """With any of the three streams closed, training works; what is said never changes streams."""
    train = f"charrnn train corpus.txt {' '.join(TINY)}"
    assert _shell(f"{train} 2>&-") == ("checkpoints/corpus.npz\n", "")
    assert _shell(f"{train} -q <&-") == ("checkpoints/corpus-2.npz\n", "")
    assert _shell(f"{train} -q >&-; echo $?") == ("0\n", "")
    assert _shell("charrnn sample -q -n 9 >&-; echo $?") == ("0\n", "")
    assert _shell("charrnn inspect >&-; echo $?") == ("0\n", "")
    out, err = _shell("charrnn train - <&-; echo $?")
    assert (out, err) == ("2\n", "charrnn: standard input is closed; name a text file\n")


# --------------------------------------------------------------------------------- environments


@pytest.mark.usefixtures("run")
def test_bare_environment() -> None:
    """No HOME, no TERM, no terminal, the C locale; spaces and emoji in every path."""
    folder = Path("a folder 🎉")
    folder.mkdir()
    corpus, path = folder / "ein Text ☃.txt", folder / "le modèle 🎉.npz"
    Path("corpus.txt").rename(corpus)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **NUMPY}
    commands = (
        ("train", corpus, *TINY, "-o", path),
        ("train", "--resume", path, "--epochs", "2"),
        ("sample", path, "-n", "5"),
        ("inspect", path),
        ("inspect", path, "--json"),
    )
    # Where Python itself makes UTF-8 of the C locale, one that reads and writes will do.
    for environment, asked in (
        ({"LANG": "C", **NUMPY}, (commands[0], commands[-1])),
        (ascii_only, commands),
    ):
        for arguments in asked:
            done = subprocess.run(
                [*CHARRNN, *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                start_new_session=True,
                check=False,
            )
            assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
            if arguments[0] == "train":
                assert done.stdout.decode() == f"{path}\n"
        assert json.loads(done.stdout)["checkpoint"] == str(path)
        path.unlink()


def _without_root_s_privilege() -> None:
    """Let the permissions of files hold for root as well, in the process that is started next."""
    PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
    if os.getuid() == 0 and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.mark.usefixtures("by_numpy")
def test_read_only_folder(run: Run, tmp_path: Path) -> None:
    """Where nothing can be written, training says so at once and what to do; all else works."""
    assert run("train", "corpus.txt", *TINY, "-q").code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            preexec_fn=_without_root_s_privilege,
            capture_output=True,
            text=True,
            check=False,
        )

    for folder in (tmp_path, tmp_path / "checkpoints"):
        folder.chmod(0o555)
    try:
        if call("-c", "open('x', 'w')").returncode == 0:
            pytest.skip("this user writes wherever it likes")
        refused = call("-m", "charrnn", "train", "corpus.txt", *TINY)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            "charrnn: checkpoints/corpus.npz: cannot be written: Permission denied; "
            "choose another place with --output\n"
        )
        resumed = call("-m", "charrnn", "train", "--resume", "checkpoints/corpus.npz")
        assert resumed.returncode == 1
        assert "cannot be written: Permission denied" in resumed.stderr
        path = elsewhere / "a.npz"
        trained = call("-m", "charrnn", "train", "corpus.txt", *TINY, "-q", "-o", path)
        assert (trained.returncode, trained.stdout) == (0, f"{path}\n"), trained.stderr
        assert call("-m", "charrnn", "sample", "-n", 5).returncode == 0
        assert call("-m", "charrnn", "inspect").returncode == 0
    finally:
        for folder in (tmp_path, tmp_path / "checkpoints"):
            folder.chmod(0o755)


# ----------------------------------------------------------------------------------- determinism


@pytest.mark.usefixtures("run")
def test_two_processes_agree() -> None:
    """One version, machine, seed and number of threads: the same model and the same text."""
    options = ("--hidden-size", "8", "--batch-size", "8", "--epochs", "1", "--threads", "2", "-q")
    texts = []
    for number in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": number}
        for arguments in (
            ("train", "corpus.txt", *options, "-o", f"{number}.npz"),
            ("sample", f"{number}.npz", "--seed", "7", "-q"),
        ):
            done = subprocess.run(
                [*CHARRNN, *arguments], env=environment, capture_output=True, check=True
            )
        texts.append(done.stdout)
    assert content("1.npz") == content("2.npz")
    assert texts[0] == texts[1]
    assert len(texts[0].decode()) == 500


def test_a_signal_while_a_class_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """As modules that are loaded make them: what is raised there comes as another error from Python before 3.12."""

    class Name:
        def __set_name__(self, owner: type, name: str) -> None:
            signal.raise_signal(signal.SIGINT)

    def load(_arguments: list[str]) -> int:
        type("Owner", (), {"name": Name()})
        return 0

    monkeypatch.setattr("charrnn.cli._run", load)
    assert charrnn.cli.run(["list"]) == 130
