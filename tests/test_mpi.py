"""Training under a real ``mpirun``: what it saves, what it says, and how it ends whatever happens to a rank."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from samples import content, make_text
from talking import CHARRNN

import charrnn
from charrnn.errors import RankError
from charrnn.nn.mpi import MpiWorld, _lives

LAUNCHER = Path(sys.executable).with_name("mpirun")
"""That of the environment's own MPI; another one would not know it."""


def _reason() -> str:
    """Why there are no ranks here; nothing where there are."""
    if not LAUNCHER.exists():
        return "no mpirun in this environment: it lacks the extra mpi"
    program = "from mpi4py import MPI; print(MPI.COMM_WORLD.Get_size())"
    try:
        told = subprocess.run(
            [LAUNCHER, "-n", "2", sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"mpirun does not run: {error}"
    if told.stdout.split() != ["2", "2"]:
        return f"mpirun does not work: {(told.stderr or told.stdout)[-200:]!r}"
    return ""


REASON = _reason()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

SMALL = ("--hidden-size", "8", "--batch-size", "8", "--sample-every", "0")
ENDLESS = (*SMALL, "--steps", "1000000", "--eval-every", "40", "--save-every", "20", "--val-fraction", "0.02")  # fmt: skip
SECONDS = 40.0  # in which a job has ended that ends at all, also on a busy machine


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder with a text, and steps that need not be compiled."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")
    Path("corpus.txt").write_text(make_text(60), encoding="utf-8")


def _command(ranks: int, *arguments: str) -> list[str]:
    launcher = [str(LAUNCHER), "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, *CHARRNN, *arguments]


def _train(ranks: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = _command(ranks, "train", *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def _ranks_of(pid: int, count: int) -> list[int]:
    """The processes of a job's ranks, in their order, once all are there."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = dict[int, int]()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().split(b"\0")
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            rank = [entry for entry in environment if entry.startswith(b"PMI_RANK=")]
            own = f"JOB={pid}".encode() in environment
            if own and rank and command[:1] == [sys.executable.encode()]:
                found[int(rank[0].partition(b"=")[2])] = int(folder.name)
        if len(found) == count:
            return [found[rank] for rank in range(count)]
        time.sleep(0.02)
    raise AssertionError("the ranks did not start")


class _Job:
    """A job that would go on for ever, in its own group of processes."""

    def __init__(self, ranks: int, *arguments: str) -> None:
        name = random.randrange(10**9)
        environment = {**os.environ, "JOB": str(name)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            _command(ranks, "train", *arguments),
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.ranks = _ranks_of(name, ranks)

    def ended(self) -> tuple[int, str, str]:
        """Its exit code and what it said, once it has ended of itself."""
        try:
            out, err = self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            pytest.fail("the job hangs")
        return self.process.returncode, out, err

    def wait_for(self, path: Path) -> None:
        """Wait until it has saved."""
        deadline = time.monotonic() + SECONDS
        while not path.exists():
            assert self.process.poll() is None, self.ended()
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize(("ranks", "threads"), [(2, 2), (4, 1)])
def test_a_job_is_a_process_to_the_last_bit(ranks: int, threads: int) -> None:
    """The file is the same; standard output is its path, once, and what is said is said once."""
    run = ("corpus.txt", *SMALL, "--steps", "12", "--eval-every", "5", "--dropout", "0.1")
    alone = _train(1, *run, "--threads", str(ranks * threads), "-o", "one.npz")
    job = _train(ranks, *run, "--threads", str(threads), "-o", "job.npz")
    assert (alone.returncode, job.returncode) == (0, 0), job.stderr
    assert job.stdout == "job.npz\n"
    assert content("one.npz") == content("job.npz")
    said = _lines(job.stderr)
    assert len([line for line in said if line.startswith("step ")]) == 3
    assert f"{ranks} ranks of {charrnn.words.counted(threads, 'thread')}" in job.stderr
    assert len(said) == len({*said})


def test_a_run_goes_on_with_other_ranks() -> None:
    """Bit for bit, there and back; of another number of parts it says so."""
    run = ("corpus.txt", *SMALL, "--eval-every", "5")
    assert _train(1, *run, "--threads", "2", "--steps", "12", "-qo", "whole.npz").returncode == 0
    job = _Job(2, *run, "--steps", "12", "-qo", "job.npz", "--save-every", "1")
    job.wait_for(Path("job.npz"))
    os.kill(job.ranks[0], signal.SIGTERM)
    job.ended()
    first = _train(1, "--resume", "job.npz", "--steps", "12", "-q")
    assert first.returncode == 0, first.stderr
    assert content("whole.npz")["arrays"] == content("job.npz")["arrays"]
    other = _train(2, "--resume", "job.npz", "--steps", "14", "--threads", "2")
    assert other.returncode == 0, other.stderr
    assert "in 4 parts now, and were in 2" in other.stderr


def test_a_timed_job() -> None:
    """All ranks choose the same, are measured together, and end in time; the command that repeats it names the ranks."""
    began = time.monotonic()
    job = _train(2, "corpus.txt", "--minutes", "2s", "--sample-every", "0", "-o", "job.npz")
    assert job.returncode == 0, job.stderr
    assert time.monotonic() - began < SECONDS / 2
    assert "2 ranks together train" in job.stderr
    assert re.search(
        r"^repeat: mpirun -n 2 charrnn train corpus.txt .*--threads \d", job.stderr, re.M
    )


def test_ranks_that_learn_apart() -> None:
    """``--reduce-every`` is kept, and does nothing in a process alone, which says so."""
    run = ("corpus.txt", *SMALL, "--steps", "12", "--eval-every", "6", "--reduce-every", "4")
    job = _train(2, *run, "-o", "job.npz")
    assert job.returncode == 0, job.stderr
    assert "2 ranks of 1 thread that meet every 4 steps" in job.stderr
    assert content("job.npz")["training"]["reduce_every"] == 4
    alone = _train(1, *run, "-o", "one.npz")
    assert "--reduce-every does nothing without several processes" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("absent.txt", "--steps", "5"), "absent.txt: no such file"),
        (("corpus.txt", "--hidden-size", "x"), "Invalid value for '--hidden-size'"),
        (("corpus.txt", "--hidden-size", "0"), "hidden-size must be a whole number"),
        (("corpus.txt", "--batch-size", "1", "--steps", "5"), "which 2 ranks cannot share"),
        (("--resume", "absent.npz"), "absent.npz: no such checkpoint"),
        (("corpus.txt", "--steps", "5", "-o", "corpus.txt"), "corpus.txt: exists already"),
    ],
)
def test_an_error_is_told_once(arguments: tuple[str, ...], told: str) -> None:
    """In one line, with its exit code."""
    job = _train(2, *arguments)
    (line,) = _lines(job.stderr)
    assert line.startswith("charrnn: ")
    assert told in line
    assert job.returncode == 2


def test_a_launcher_of_another_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its processes would train alone, all into one file."""
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    monkeypatch.setenv("SLURM_PROCID", "0")
    refused = _train(1, "corpus.txt", "--steps", "5")
    (line,) = _lines(refused.stderr)
    assert line.startswith("charrnn: a launcher has started 4 ranks, but mpi4py sees 1")
    assert refused.returncode == 2
    monkeypatch.setenv("SLURM_PROCID", "2")
    monkeypatch.setenv("SLURM_LOCALID", "2")
    assert _lines(_train(1, "corpus.txt", "--steps", "5").stderr) == []
    assert not Path("checkpoints").exists()


def test_without_mpi4py(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is said, where ranks are asked for, and nowhere else is it loaded."""
    Path("mpi4py.py").write_text("raise ModuleNotFoundError('no such thing', name='mpi4py')")
    monkeypatch.setenv("PYTHONPATH", ".")
    assert _train(1, "corpus.txt", *SMALL, "--steps", "3", "-q").returncode == 0
    refused = _train(2, "corpus.txt", "--steps", "3")
    (line,) = _lines(refused.stderr)
    assert "install charrnn's extra mpi" in line
    assert refused.returncode == 2


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the ranks in /proc")
class TestEnds:
    """Whatever happens to a rank, the job ends, and what was saved is whole."""

    def _sound(self, path: str, resumed: Sequence[str] = ()) -> None:
        """It loads, and goes on in a process alone."""
        step = charrnn.load_checkpoint(path, with_progress=True).progress
        assert step is not None
        more = _train(1, "--resume", path, "--steps", str(step.step + 2), "-q", *resumed)
        assert more.returncode == 0, more.stderr

    def _planted(self, program: str) -> subprocess.CompletedProcess[str]:
        """An endless job of two ranks, in each of which this program runs first."""
        Path("sitecustomize.py").write_text(program)
        environment = {**os.environ, "PYTHONPATH": "."}
        command = _command(2, "train", "corpus.txt", *ENDLESS, "-qo", "m.npz")
        return subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, env=environment, check=False
        )

    def test_a_signal_to_one_rank_at_any_moment(self) -> None:
        """Eight times: to the first or to another one, at once or later, while it steps, evaluates or saves."""
        draw = random.Random(0)
        codes = set[int]()
        for n in range(8):
            path = Path(f"{n}.npz")
            job = _Job(2, "corpus.txt", *ENDLESS, "-qo", str(path))
            if begun := draw.random() < 0.8:
                job.wait_for(path)
            # The steps between two evaluations take a tenth of a second or two, and what comes before the first half a one.
            time.sleep(draw.random() * (0.2 if begun else 0.5))
            number = draw.choice([signal.SIGTERM, signal.SIGINT])
            os.kill(draw.choice(job.ranks), number)
            code, out, err = job.ended()
            codes.add(code)
            assert code
            if path.exists():
                assert (code, out) == (128 + number, f"{path}\n"), err
                saved = charrnn.load_checkpoint(path, with_progress=True).progress
                assert saved is not None
                whole = path
            # Python's own words, where it had just begun and the command line was still to be loaded.
            began = not path.exists() and _lines(err)[-1:] == ["KeyboardInterrupt"]
            assert len(_lines(err)) <= 1 or (began and "charrnn/cli" not in err), err
        assert codes >= {130, 143}  # or the launcher's own, where Python itself had just begun
        self._sound(str(whole))

    def test_a_signal_to_all_at_once(self) -> None:
        """As Ctrl-C in a terminal, and a scheduler's SIGTERM: one stop, and one save."""
        job = _Job(2, "corpus.txt", *ENDLESS, "-o", "m.npz")
        job.wait_for(Path("m.npz"))
        for pid in job.ranks:
            os.kill(pid, signal.SIGINT)
        code, out, err = job.ended()
        assert (code, out) == (130, "m.npz\n"), err
        assert len([line for line in _lines(err) if line.startswith("interrupted at step")]) == 1
        self._sound("m.npz")

    @pytest.mark.parametrize("victim", [0, 1])
    def test_a_rank_that_dies(self, victim: int) -> None:
        """The launcher ends the others within seconds."""
        job = _Job(2, "corpus.txt", *ENDLESS, "-qo", "m.npz")
        job.wait_for(Path("m.npz"))
        os.kill(job.ranks[victim], signal.SIGKILL)
        began = time.monotonic()
        code, *_ = job.ended()
        assert code != 0
        assert time.monotonic() - began < 10
        self._sound("m.npz")

    def test_a_neighbour_that_has_gone_is_noticed(self) -> None:
        """Where a launcher does not mind, as Slurm's by default: also one that nobody has asked about yet."""
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
            world = MpiWorld.__new__(MpiWorld)
            world.place, world._neighbours = "here", {1: other.pid}
            world._look()
            assert _lives(other.pid)
            other.kill()
            deadline = time.monotonic() + SECONDS
            while _lives(other.pid):  # it has not been waited for: a zombie
                assert time.monotonic() < deadline
            with pytest.raises(RankError, match=rf"rank 1 \(process {other.pid} on here\) has en"):
                world._look()
        assert not _lives(other.pid)

    def test_a_connection_that_breaks_is_one_line(self) -> None:
        """As libraries tell that another rank has gone."""

        class BrokenError(Exception):
            """What MPI raises."""

        class Library:
            Exception = BrokenError

            class Request:
                @staticmethod
                def Testall(_requests: object) -> bool:  # noqa: N802
                    raise BrokenError("Connection\nlost")

        world = MpiWorld.__new__(MpiWorld)
        world._mpi, world._neighbours = Library, {}
        with pytest.raises(RankError, match=r"out of reach \(MPI: Connection lost\)$"):
            world._finish(None)

    def test_a_signal_that_comes_twice_is_one(self) -> None:
        """To mpirun, which passes it on, and to the ranks, at the same time: as from a scheduler that asks all processes to end."""
        job = _Job(2, "corpus.txt", *ENDLESS[:-6], "--eval-every", "1000000", "-o", "m.npz")
        job.wait_for(Path("m.npz"))
        time.sleep(0.5)
        for pid in (job.process.pid, *job.ranks):
            os.kill(pid, signal.SIGTERM)
        code, out, err = job.ended()
        assert (code, out) == (143, "m.npz\n"), err
        saved = charrnn.load_checkpoint("m.npz", with_progress=True).progress
        assert saved is not None
        assert saved.step > 0

    def test_a_signal_is_heard_between_steps_apart(self) -> None:
        """Long before the ranks would meet."""
        run = (*SMALL, "--steps", "1000000", "--eval-every", "1000000", "--reduce-every", "1000")
        job = _Job(2, "corpus.txt", *run, "--learning-rate", "1e-4", "-qo", "m.npz")
        job.wait_for(Path("m.npz"))
        time.sleep(0.5)
        os.kill(job.ranks[1], signal.SIGTERM)
        assert job.ended()[0] == 143
        saved = charrnn.load_checkpoint("m.npz", with_progress=True).progress
        assert saved is not None
        assert saved.step % 16 == 0

    def test_a_second_signal_ends_what_waits_for_ever(self) -> None:
        """The first asks to end after a step; that never comes where another rank has stopped."""
        job = _Job(2, "corpus.txt", *ENDLESS, "-qo", "m.npz")
        job.wait_for(Path("m.npz"))
        os.kill(job.ranks[1], signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(job.ranks[0], signal.SIGINT)
        time.sleep(3.0)  # what comes within PASSED_ON is taken for the same signal
        assert job.process.poll() is None
        os.kill(job.ranks[0], signal.SIGINT)
        code, *_ = job.ended()
        assert code == 130
        self._sound("m.npz")

    def test_a_rank_elsewhere_without_mpi4py(self) -> None:
        """On another machine than the first: it says so, and the job does not wait for it."""
        job = self._planted(
            "import os, sys\n"
            "if os.environ.get('PMI_RANK') == '1':\n"
            "    os.environ['MPI_LOCALRANKID'] = '0'\n"
            "    sys.modules['mpi4py'] = None\n"
        )
        (line,) = [line for line in _lines(job.stderr) if line.startswith("charrnn: ")]
        assert re.match(
            r"charrnn: rank 1 on .*: a launcher has started 2 ranks, for which mpi4py", line
        )
        assert job.returncode

    def test_an_error_that_nobody_foresaw(self) -> None:
        """On one rank: it is shown, and all end."""
        job = self._planted(
            "import os\n"
            "if os.environ.get('PMI_RANK') == '1':\n"
            "    from charrnn.training import learner\n"
            "    def look(*_, **__): raise ZeroDivisionError('planted')\n"
            "    learner.Learner.look = look\n"
        )
        assert job.returncode == 1
        assert job.stderr.count("ZeroDivisionError: planted") == 1
        assert len(_lines(job.stderr)) > 1

    def test_a_full_disk_on_one(self) -> None:
        """It says so; whose disk it is, is told."""
        job = self._planted(
            "import os\n"
            "if os.environ.get('PMI_RANK') == '1':\n"
            "    from charrnn.errors import CacheError\n"
            "    from charrnn.training import trainer\n"
            "    def full(*_, **__): raise CacheError('/cache: no space left on device')\n"
            "    trainer.Training.__init__ = full\n"
        )
        (line,) = _lines(job.stderr)
        assert re.fullmatch(r"charrnn: rank 1 on .*: /cache: no space left on device", line)
        assert job.returncode == 1
