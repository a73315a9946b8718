"""``charrnn sample``: options for how characters, and texts, are chosen."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Trained
from samples import make_text
from talking import objects

import charrnn

TEXT = make_text(20)
DEMO = Path(__file__).parents[1] / "checkpoints/demo.npz"


@pytest.fixture
def model(trained: Trained) -> Path:
    return trained(TEXT)


def _write(model: Any, seed: int, length: int = 60, **settings: Any) -> str:
    return "".join(charrnn.generate(model, length=length, rng=seed, **settings))


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (("--min-p", 0.2), {"min_p": 0.2}),
        (("--temp", "1.2:0.5"), {"temperature": 1.2, "final_temperature": 0.5}),
        (("--temp", 0, "--dry", 0.8), {"temperature": 0, "dry": 0.8}),
        (
            ("--temp", 0, "--dry", 2, "--dry-base", 1.5, "--dry-length", 3, "--dry-breakers", r"\n."),
            {"temperature": 0, "dry": 2, "dry_base": 1.5, "dry_length": 3, "dry_breakers": "\n."},
        ),
        (("--best-of", 5), {"best_of": 5}),
    ],
)  # fmt: skip
def test_options_are_settings(
    run: Run, options: tuple[object, ...], settings: dict[str, Any]
) -> None:
    """Each option is a setting of ``generate``, and changes something."""
    outcome = run("sample", DEMO, "-n", 400, "--seed", 4, "-q", *options)
    assert (outcome.code, outcome.err) == (0, "")
    loaded = charrnn.load_checkpoint(DEMO).model
    assert outcome.out == _write(loaded, 4, length=400, **settings)
    without = {"temperature": settings.get("temperature", 1.0)}
    assert outcome.out != _write(loaded, 4, length=400, **without)


def test_best_of_several(run: Run, model: Path) -> None:
    """Each text tells its own seed, the candidates of no two are the same, prompts have their turn."""
    options = ("-n", 60, "--json", "-q")
    every = objects(run("sample", model, "--seed", 7, "--num-samples", 12, *options).out)
    best = run("sample", model, "--seed", 7, "--num-samples", 3, "--best-of", 4, *options)
    groups = [every[start : start + 4] for start in (0, 4, 8)]
    expected = [min(group, key=lambda entry: entry["bits_per_char"]) for group in groups]
    assert objects(best.out) == expected
    again = run("sample", model, "--seed", expected[1]["seed"], *options).out
    assert objects(again) == expected[1:2]


def test_lines_have_settings(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a line says holds for it alone, and no two lines share a candidate's seed."""
    lines: list[dict[str, Any]] = [
        {"prime": "I", "best_of": 4},
        {"prime": "I", "seed": 50, "best_of": 2, "min_p": 0.2},
        {"prime": "I", "temperature": 1.2, "final_temperature": 0.5},
        {"prime": "I", "temperature": 0, "dry": 2, "dry_base": 1.5, "dry_length": 3},
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    outcome = run("sample", model, "-", "--jsonl", "-n", 60, "--seed", 10, "-q")
    loaded = charrnn.load_checkpoint(model).model
    seeds = (range(10, 14), range(50, 52), [16], [17])
    for line, found, among in zip(lines, objects(outcome.out), seeds, strict=True):
        start = {**line, "rng": among[0]}
        start.pop("seed", None)
        assert found["text"] == "".join(charrnn.generate(loaded, length=60, **start))
        assert found["seed"] in among


def test_models_write_together(run: Run, model: Path, trained: Trained) -> None:
    """Averaged over the joined vocabulary; what one of them does not know may be in a prime."""
    other = trained("été où ça, çà et là\n" * 40)
    options = ("-n", 60, "--seed", 3, "--json")
    outcome = run("sample", model, other, "--weights", "0.2,0.8", "--prime", "éI", *options)
    assert outcome.code == 0, outcome.err
    assert outcome.err == f"{model} + {other}: seed 3\n"
    one, two = (charrnn.load_checkpoint(path).model for path in (model, other))
    mixture = charrnn.Mixture.of([one, two], (0.2, 0.8))
    (entry,) = objects(outcome.out)
    assert entry["text"] == _write(mixture, 3, prime="éI")
    assert set(entry["text"]) - set(one.vocabulary.characters)
    equal = run("sample", model, other, "-n", 60, "--seed", 3, "-q").out
    assert equal == run("sample", model, other, "-n", 60, "--seed", 3, "-q", "--weights", "5,5").out
    assert equal == _write(charrnn.Mixture.of([one, two]), 3)
    together = run(
        "sample", model, other, "--num-samples", 3, "--best-of", 2, "--min-p", 0.1, *options
    )
    assert len(objects(together.out)) == 3


def test_records_write_together(run: Run, trained: Trained) -> None:
    one, other = (trained(text, "--records") for text in ("ab\nba\n" * 30, "cd\ndc\n" * 30))
    outcome = run("sample", one, other, "--num-samples", 20, "--seed", 1, "-q")
    assert outcome.out.count("\n") == 20
    assert set(outcome.out) == set("abcd\n")
    refused = run("sample", one, trained(TEXT))
    assert refused.code == 2
    assert (
        "one model writes records of characters (NFC) and another characters (NFC)" in refused.err
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--temp", "hot"), "--temp must be a number, or several with : between, not 'hot'"),
        (("--temp", "1:2:3"), "--temp is one number, or two as in 1.2:0.5, not 1:2:3"),
        (("--temp", "1:-2"), "final-temperature must be at least 0, not -2.0"),
        (("--temp", "1.2:0.5", "-n", 0), "its length; give one"),
        (("--temp", "nan"), "temperature must be at least 0, not nan"),
        (("--min-p", 1.5), "min-p must be at least 0 and at most 1, not 1.5"),
        (("--dry", -1), "dry must be at least 0"),
        (("--dry-base", 0.5), "dry-base must be at least 1"),
        (("--dry-length", 0), "dry-length must be a whole number from 1"),
        (("--best-of", 0), "best-of must be a whole number from 1 to 1000"),
        (("--best-of", 2, "-n", 0), "length 0 is for one text"),
        (("--weights", "1,2"), "weights must be positive numbers, one for each model"),
        (("--weights", "a"), "--weights must be a number, or several with , between, not 'a'"),
        (("missing.npz",), "missing.npz: no such checkpoint"),
        (("-", "-"), "one text at a time"),
    ],
)
def test_wrong_options(run: Run, model: Path, options: tuple[object, ...], message: str) -> None:
    outcome = run("sample", model, *options)
    assert outcome.code in (1, 2)
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal to type into")
def test_ctrl_c_ends_the_line(model: Path) -> None:
    """The shell's next prompt begins a line, and nothing else is said."""
    import pty

    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "charrnn",
        "sample",
        str(model),
        "-n",
        "0",
        "--ban",
        r"\n",
        "-q",
    ]
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        shown = b""
        while len(shown) < 1000:
            shown += os.read(ours, 1000)
        assert b"\n" not in shown
        process.send_signal(signal.SIGINT)
        try:
            while chunk := os.read(ours, 1 << 16):
                shown += chunk
        except OSError:  # Linux says so where the other side has closed
            pass
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 130
    assert shown.endswith(b"\r\n")
    assert shown.count(b"\n") == 1
    os.close(ours)
