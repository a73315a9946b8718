"""What several test files share."""

from __future__ import annotations

import gc
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The products of tests are tiny: BLAS' own threads would wait for further ones in busy loops, which was a quarter of
# all that the tests took. The library reads these when NumPy is loaded; tests of its threads ask for two themselves.
os.environ.update(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", VECLIB_MAXIMUM_THREADS="1")

import hypothesis
import numpy as np
import pytest
from browser import Browser, find_browser
from forms import Form, make_form
from numpy.typing import DTypeLike, NDArray
from samples import TINY, make_text

from charrnn.nn import functions, workspace

# Of several workers of pytest-xdist each has a processor of its own, and with it the processes that it starts: what uses all that
# there are would get in the other's way. Tests of threads and ranks say how many they want.
if (worker := os.environ.get("PYTEST_XDIST_WORKER", "")) and hasattr(os, "sched_setaffinity"):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[int(worker.removeprefix("gw")) % len(processors)]})

# A busy machine is no fault of the code: how long an example takes is not tested.
hypothesis.settings.register_profile("charrnn", deadline=None)
hypothesis.settings.load_profile("charrnn")

# Users set neither: with the one a missing flush would go unnoticed, and with the other each process that tests start
# would compile the sources anew, a quarter of its time.
for name in ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
    os.environ.pop(name, None)
sys.dont_write_bytecode = False

# Shells start background jobs with these ignored, which processes that tests start would inherit.
# A handler that does nothing protects as well, and is not inherited.
for name in ("SIGINT", "SIGHUP"):
    number = getattr(signal, name, None)  # Windows has no SIGHUP
    if number is not None and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays, and need not be looked through for garbage meanwhile, nor ever again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _nothing_at_first() -> Iterator[None]:
    """What a workspace hands out holds NaN until it is written, so that whoever reads it too early is found."""
    aligned = workspace._aligned

    def undefined(size: int, dtype: DTypeLike) -> NDArray[Any]:
        memory = aligned(size, dtype)
        memory.fill(np.nan)
        return memory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "_aligned", undefined)
        yield


@dataclass(frozen=True)
class Outcome:
    """What one command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder that holds ``corpus.txt``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text(make_text(60), encoding="utf-8")

    def run_command(*arguments: object) -> Outcome:
        from charrnn.cli import run as run_cli

        capsys.readouterr()
        code = run_cli([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Numba is beside the point: loading it takes longer than all else that a small process does."""
    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if not program:
        pytest.skip("needs Chromium")
    found = Browser(program, tmp_path_factory.mktemp("browser") / "profile")
    yield found
    found.close()


@pytest.fixture
def browser(_chromium: Browser) -> Browser:
    """One for all tests, as if it were new to each, where there is one."""
    _chromium.renew()
    return _chromium


Node = Callable[..., Any]


ASKED = """
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { expression, given } = JSON.parse(line);
  let told;
  try { told = { value: eval(expression) }; } catch (error) { told = { error: error.stack }; }
  console.log(JSON.stringify(told));
});
"""


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The value of an expression in JavaScript, with the scripts of a page that compute, and with ``given``."""
    from charrnn.sharing.web.page import CORE, script_of

    program = shutil.which("node")
    if not program:
        pytest.skip("needs Node.js")
    # What a page's scripts hide is to be seen here: they are the same, without what is around them.
    core = script_of(CORE).removesuffix("})();\n").replace("(() => {\n", "", 1)
    with subprocess.Popen(
        [program, "-e", core + ASKED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        assert process.stdin and process.stdout
        asks, tells = process.stdin, process.stdout

        def run(expression: str, **given: object) -> Any:
            asks.write(json.dumps({"expression": expression, "given": given}) + "\n")
            asks.flush()
            told = json.loads(tells.readline())
            assert "error" not in told, told["error"]
            return told.get("value")

        yield run
        asks.close()


Once = Callable[..., Path]


@pytest.fixture(scope="module")
def once() -> Once:
    """Train as ``run`` does, but once for all tests of a file: each further one gets the same checkpoint anew."""
    made: dict[tuple[object, ...], bytes] = {}

    def train(run: Run, name: str, *arguments: object) -> Path:
        path, key = Path(name), (name, *arguments)
        if key in made:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(made[key])
        else:
            outcome = run("train", *arguments, "--quiet", "-o", name)
            assert outcome.code == 0, outcome.err
            made[key] = path.read_bytes()
        return path

    return train


@pytest.fixture
def model(run: Run, once: Once) -> Path:
    """A checkpoint in the working folder's ``checkpoints``."""
    return once(run, "checkpoints/corpus.npz", "corpus.txt", *TINY)


@pytest.fixture
def piped(run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command with bytes on its standard input."""

    def run_piped(data: str | bytes, *arguments: object) -> Any:
        raw = data.encode() if isinstance(data, str) else data
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return run(*arguments)

    return run_piped


Trained = Callable[..., Path]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Small models, each trained once: from a text and options of ``train`` to a checkpoint."""
    made: dict[tuple[str, ...], Path] = {}

    def train(text: str, *options: str) -> Path:
        from charrnn.cli import run as run_cli

        key = (text, *options)
        if key not in made:
            folder = tmp_path_factory.mktemp("trained")
            (folder / "learnt.txt").write_bytes(text.encode())
            path = folder / "m.npz"
            arguments = ["train", str(folder / "learnt.txt"), "-q", "-o", str(path)]
            size = ["--hidden-size", "8", "--num-layers", "1", "--steps", "20"]
            assert run_cli([*arguments, *size, *options]) == 0
            made[key] = path
        return made[key]

    return train


@pytest.fixture(params=["numpy", "compiled"])
def form(request: pytest.FixtureRequest) -> Form:
    """The reference form of a stack or a model, and its compiled twin."""
    return make_form(request.param)


@pytest.fixture(params=["tanh", "exp"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with a quick tanh; by exp, with few steps in a block."""
    monkeypatch.setattr(functions, "_TANH_IS_QUICK", request.param == "tanh")
    monkeypatch.setattr(functions, "_FEW", 0)
    if request.param == "exp":
        monkeypatch.setattr(functions, "_BLOCK", 25)


@pytest.fixture(params=["tanh", "exp", "compiled"])
def every_form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Form:
    """The reference form in either way, and the compiled twin."""
    monkeypatch.setattr(functions, "_TANH_IS_QUICK", request.param != "exp")
    monkeypatch.setattr(functions, "_FEW", 0)
    if request.param == "exp":
        monkeypatch.setattr(functions, "_BLOCK", 25)
    return make_form(request.param)
