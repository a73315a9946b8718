"""``--log``: each report as a line of JSON, whatever becomes of the run."""

from __future__ import annotations

import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

import charrnn
from charrnn.cli import log
from charrnn.training.trainer import Training

TINY = ("--hidden-size", 4, "--num-layers", 1, "--sample-every", 0, "--eval-every", 5)
PLACE = {"event", "step", "epoch", "seconds"}
KEYS = {
    "start": {
        *("charrnn", "checkpoint", "total_steps", "steps_per_epoch", "parameters"),
        *("vocabulary_size", "corpus", "text", "model", "training"),
    },
    "step": {"bits_per_char", "rate", "gradient_norm", "characters"},
    "evaluation": {
        *("train_bits_per_char", "validation_bits_per_char", "files_bits_per_char", "rate"),
    },
    "recovery": {"failed_at", "rate_scale", "attempt"},
    "cooldown": {"total_steps"},
    "end": {"reason", "total_steps", "best_bits_per_char"},
}
KEYS["resume"] = KEYS["start"]
DOCUMENT = Path(__file__).parents[1] / "docs" / "training.md"


def _read(path: str | Path = "run.jsonl") -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = Path(path).read_text(encoding="utf-8")
    assert text.endswith("\n")
    lines = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
    for line in lines:
        assert line.keys() == PLACE | KEYS[line["event"]]
    return lines


def test_all_that_happens(run: Run) -> None:
    """A line for each report, in bits, and the same losses as in the checkpoint."""
    outcome = run(
        "train", "corpus.txt", *TINY, "--steps", 12, "-o", "a.npz", "--log", "run.jsonl", "-q"
    )
    assert outcome.code == 0, outcome.err
    lines = _read()
    assert [line["event"] for line in lines if line["event"] != "step"] == [
        *("start", "evaluation", "evaluation", "evaluation", "end")
    ]
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 13))
    checkpoint = charrnn.load_checkpoint("a.npz")
    told = [line for line in lines if line["event"] == "evaluation"]
    for entry, line in zip(checkpoint.history, told, strict=True):
        assert entry.validation_loss == pytest.approx(
            line["validation_bits_per_char"] * math.log(2), rel=1e-12
        )
    assert lines[-1]["reason"] == "finished"
    assert lines[-1]["best_bits_per_char"] == min(e["validation_bits_per_char"] for e in told)


def test_it_goes_on_with_the_run(run: Run) -> None:
    """Steps follow one another as if nothing had been; a line that was cut off goes."""
    flags = ("--log", "run.jsonl", "-q")
    assert run("train", "corpus.txt", *TINY, "--steps", 8, "-o", "a.npz", *flags).code == 0
    with open("run.jsonl", "a", encoding="utf-8") as file:
        file.write('{"event": "st')
    outcome = run("train", "--resume", "a.npz", "--steps", 12, *flags)
    assert outcome.code == 0, outcome.err
    lines = _read()
    assert [e["step"] for e in lines if e["event"] == "step"] == list(range(1, 13))
    assert [e["event"] for e in lines if e["event"] not in ("step", "evaluation")] == [
        *("start", "end", "resume", "end")
    ]


def test_it_goes_on_however_many_files_there_are(run: Run) -> None:
    """Its first line has all of their names, which may be more than a block of the file."""
    names = [f"{'folder' * 20}{number:04}.txt" for number in range(600)]
    for name in names:
        Path(name).write_text("aab\n" * 4, encoding="utf-8")
    flags = ("--log", "run.jsonl", "-q")
    assert run("train", *names, *TINY, "--steps", 3, "-o", "a.npz", *flags).code == 0
    assert len(Path("run.jsonl").read_bytes().splitlines()[0]) > 1 << 16
    outcome = run("train", "--resume", "a.npz", "--steps", 4, *flags)
    assert outcome.code == 0, outcome.err
    assert [e["step"] for e in _read() if e["event"] == "step"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "held", [b'{"event": "start", "step": 0', b'{"event": 1}\n', b'{"event": "\n', b"[" * 10**6]
)
def test_what_begins_as_a_log_is_none(run: Run, held: bytes) -> None:
    """Nothing of a file is cut off that has no whole line of a log."""
    assert run("train", "corpus.txt", *TINY, "--steps", 3, "-o", "a.npz", "-q").code == 0
    Path("run.jsonl").write_bytes(held)
    outcome = run("train", "--resume", "a.npz", "--steps", 4, "--log", "run.jsonl", "-q")
    assert outcome.code == 2
    assert "is not the log of a run; choose another --log" in outcome.err
    assert Path("run.jsonl").read_bytes() == held


def test_an_interrupted_run_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log holds all that was done, and that it was not all."""
    taken, step = [0], Training._step

    def stepping(training: Training) -> Any:
        taken[0] += 1
        if taken[0] == 7:
            signal.raise_signal(signal.SIGINT)
        return step(training)

    monkeypatch.setattr(Training, "_step", stepping)
    flags = ("--steps", 12, "-o", "a.npz", "--log", "run.jsonl", "-q")
    assert run("train", "corpus.txt", *TINY, *flags).code == 130
    lines = _read()
    assert [e["step"] for e in lines if e["event"] == "step"] == list(range(1, 8))
    assert (lines[-1]["event"], lines[-1]["reason"], lines[-1]["step"]) == ("end", "interrupted", 7)


def test_a_run_that_diverges(run: Run) -> None:
    """Each return to an earlier step has its line, and the end as well."""
    flags = ("--learning-rate", 900, "--optimizer", "sgd", "--clip", 0, "--cell", "rnn-relu")
    outcome = run(
        *(
            "train",
            "corpus.txt",
            *TINY,
            *flags,
            "--weight-decay",
            900,
            "--warmup",
            0,
            "--steps",
            90,
        ),
        *("-o", "a.npz", "--log", "run.jsonl", "-q"),
    )
    assert outcome.code == 1, outcome.err
    lines = _read()
    assert [e["attempt"] for e in lines if e["event"] == "recovery"] == [1, 2, 3]
    assert lines[-1]["reason"] == "diverged"


def test_no_number_that_json_lacks() -> None:
    """What is not finite is null, however deep."""
    value = {"a": [math.nan, {"b": -math.inf}], "c": (1.5, None, "NaN")}
    assert log._sound(value) == {"a": [None, {"b": None}], "c": [1.5, None, "NaN"]}


def test_other_files_are_left_alone(run: Run) -> None:
    """Neither a text, nor the checkpoint, nor the log of another run is written into."""
    before = Path("corpus.txt").read_bytes()
    for resume in ((), ("--resume", "a.npz")):
        given = ("train", *resume) if resume else ("train", "corpus.txt", *TINY, "-o", "a.npz")
        outcome = run(*given, "--steps", 6, "--log", "corpus.txt", "-q")
        assert outcome.code == 2
        assert "choose another --log" in outcome.err
        assert Path("corpus.txt").read_bytes() == before
        if not resume:
            assert not Path("a.npz").exists()
            outcome = run(*given, "--steps", 3, "--log", "./a.npz", "-q")
            assert "is the checkpoint" in outcome.err
            assert run(*given, "--steps", 3, "--log", "deep/run.jsonl", "-q").code == 0
    again = run("train", "corpus.txt", *TINY, "--steps", 3, "--log", "deep/run.jsonl", "-q")
    assert (again.code, "exists already" in again.err) == (2, True)
    for name in ("deep", "-"):
        assert run("train", "corpus.txt", *TINY, "--steps", 3, "--log", name, "-q").code == 2
    assert not Path("-").exists()


def test_one_of_two_runs_gets_a_new_log(tmp_path: Path) -> None:
    """Also where neither has written a line yet."""
    path = tmp_path / "run.jsonl"
    first = log.RunLog(path, resumed=False)
    with pytest.raises(charrnn.CharrnnError, match="exists already"):
        log.RunLog(path, resumed=False)
    first.close()


def test_a_full_disk_costs_the_log_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once, and the run goes on."""

    class Full:
        closed = False

        def write(self, _line: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            self.closed = True

    start = log.RunLog.start

    def starting(record: log.RunLog, *arguments: Any) -> None:
        record.close()
        record._file = Full()
        start(record, *arguments)

    monkeypatch.setattr(log.RunLog, "start", starting)
    outcome = run(
        "train", "corpus.txt", *TINY, "--steps", 6, "-o", "a.npz", "--log", "r.jsonl", "-q"
    )
    assert outcome.code == 0
    assert outcome.err.count("no more is logged") == 1


def test_the_document_names_every_key() -> None:
    """docs/training.md tells of each event and each of its keys."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for event, keys in KEYS.items():
        for word in (event, *keys):
            assert f"`{word}`" in text, word
