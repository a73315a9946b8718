"""``charrnn sample`` and ``charrnn score`` as parts of a pipe: prompts in, texts and figures out."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

import charrnn
from charrnn.cli import prompts
from charrnn.config import SamplingConfig
from charrnn.models.reading import ChunkReader
from charrnn.nn.loss import cross_entropy_
from charrnn.writing.scoring import score_texts

CHARRNN = [sys.executable, "-m", "charrnn"]
pytestmark = pytest.mark.usefixtures("model")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes and signals")


@pytest.fixture
def model(run: Run) -> Path:
    """A checkpoint in the working folder's ``checkpoints``."""
    options = ("--hidden-size", 8, "--epochs", 1, "--sample-every", 0, "--quiet")
    assert run("train", "corpus.txt", *options).code == 0
    return Path("checkpoints/corpus.npz")


@pytest.fixture
def piped(run: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command with bytes on its standard input."""

    def run_piped(data: str | bytes, *arguments: object) -> Any:
        raw = data.encode() if isinstance(data, str) else data
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return run(*arguments)

    return run_piped


def _objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def _conversation(*arguments: str) -> Iterator[tuple[Callable[[str], None], Callable[[], str]]]:
    """A running command: say something to it, and read a line of its answer."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*CHARRNN, *arguments], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def say(text: str) -> None:
            print(text, end="", file=process.stdin, flush=True)

        yield say, process.stdout.readline
        process.stdin.close()
        assert process.wait(timeout=30) == 0


# ----------------------------------------------------------------------------------- sample: ends


def test_filters_and_ends(run: Run) -> None:
    """Each option reaches the text; stop strings and lines are still written."""
    text = run("sample", "-n", 400, "--seed", 3, "-q").out
    stop = text[90:92]
    end = text.index(stop) + 2
    options = ("sample", "--seed", 3, "-q")
    assert run(*options, "--stop", "zzz", "--stop", stop).out == text[:end]
    assert run(*options, "-n", 0, "--stop", stop).out == text[:end]
    assert run(*options, "-n", 0, "--stop", r"\n").out == text[: text.index("\n") + 1]
    two = "".join(text.splitlines(keepends=True)[:2])
    assert run(*options, "-n", 0, "--until-lines", 2).out == two
    banned = run(*options, "-n", 300, "--ban", r"es\n").out
    assert len(banned) == 300
    assert not set(banned) & set("es\n")
    greedy = run(*options, "-n", 60, "-t", 0).out
    assert run(*options, "-n", 60, "--top-k", 1).out == greedy
    assert run(*options, "-n", 60, "--top-p", 1e-9).out == greedy


@posix
def test_endless() -> None:
    """Without a length a text ends when its reader goes, or at Ctrl-C."""
    command = f"{' '.join(CHARRNN)} sample -q --length 0"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -c 5000 | wc -c; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == [b"5000", b"0"]
    assert done.stderr == b""
    process = subprocess.Popen(command.split(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert len(process.stdout.read(1000)) == 1000
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")


# -------------------------------------------------------------------------------- sample: several


def test_json(run: Run, model: Path) -> None:
    """Each object tells the seed that gives the text again, and how the model scores it."""
    options = ("sample", model, "--prime", "It was ", "-n", 40, "-q")
    found = _objects(run(*options, "--seed", 5, "--num-samples", 3, "--json").out)
    assert [list(values) for values in found] == [["prime", "text", "seed", "bits_per_char"]] * 3
    assert [values["seed"] for values in found] == [5, 6, 7]
    known = charrnn.load_checkpoint(model).model
    for values in found:
        assert values["prime"] == "It was "
        alone = run(*options, "--no-echo", "--seed", values["seed"]).out
        assert values["text"] == alone
        ids = known.vocabulary.encode("It was " + alone).astype(np.intp)[:, None]
        reader = ChunkReader(known.network, known.parameters, 1)
        nll = cross_entropy_(reader.read(ids[:-1]), ids[1:])
        assert values["bits_per_char"] == pytest.approx(nll[6:].mean() / np.log(2), abs=1e-4)


def test_many_samples_are_written_in_bounded_batches(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of one, two or many hold the same texts in the same order."""
    texts = []
    for most, held in ((64, 1 << 22), (2, 1 << 22), (64, 1)):
        monkeypatch.setattr(prompts, "MOST", most)
        monkeypatch.setattr(prompts, "HELD", held)
        texts.append(run("sample", "--num-samples", 5, "-n", 20, "--seed", 1, "-q").out)
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0].split("\n---\n")) >= 5


def test_batches_are_bounded() -> None:
    def sizes(length: int | None) -> list[int]:
        request = prompts.Request("", 0, SamplingConfig(length, stop=("x",)))
        batches = prompts.in_batches(request.times(150))
        return [len(batch) for batch in batches if isinstance(batch, list)]

    assert sizes(100) == [64, 64, 22]
    assert sizes(prompts.HELD // 10) == [11] * 13 + [7]
    assert sizes(None) == [1] * 150


# -------------------------------------------------------------------------------- sample: prompts


def test_prompts_from_standard_input(piped: Any, run: Run, model: Path) -> None:
    """One completion for each line, in order: what each would be alone, with the seed after."""
    lines = ["It was ", "", "Line 1", "Nobody"]
    options = ("-n", 30, "--seed", 4, "-q")
    alone = [
        run("sample", "-p", line, "-n", 30, "-q", "--seed", 4 + n).out
        for n, line in enumerate(lines)
    ]
    expected = "\n---\n".join(alone)
    data = "".join(f"{line}\n" for line in lines)
    assert piped(data, "sample", "-", *options).out == expected
    assert piped(data, "sample", model, "-", *options).out == expected
    windows = b"\xef\xbb\xbf" + data[:-1].encode().replace(b"\n", b"\r\n")
    assert piped(windows, "sample", "-", *options).out == expected
    Path("primes.txt").write_text(data, encoding="utf-8")
    assert run("sample", "--prime-file", "primes.txt", *options).out == expected
    assert piped("", "sample", "-", *options).out == ""


def test_jsonl(piped: Any, run: Run) -> None:
    """Objects may set what is theirs; what else they hold comes out again."""
    asked = [
        {"id": [1, None], "prime": "It was "},
        {"prime": "Line", "seed": 9, "length": 5, "note": "\ud800 ☃"},
        {"prime": "Line", "seed": 9, "temperature": 0},
    ]
    data = "\n\n".join(map(json.dumps, asked))
    outcome = piped(data, "sample", "-", "--jsonl", "-n", 20, "--seed", 1, "-q", "--num-samples", 2)
    found = _objects(outcome.out)
    assert [values["seed"] for values in found] == [1, 2, 9, 10, 9, 10]
    assert [values.get("id") for values in found] == [[1, None]] * 2 + [None] * 4
    assert found[2]["note"] == "\ud800 ☃"
    assert [len(values["text"]) for values in found] == [20, 20, 5, 5, 20, 20]
    assert found[4]["text"] == found[5]["text"]
    assert found[2]["text"] == run("sample", "-p", "Line", "-n", 5, "--seed", 9, "-q").out[4:]


def test_bad_prompts(piped: Any) -> None:
    """The line is named, and what came before it is written."""
    for line, said in (
        ("{", "line 2: not JSON"),
        ("[" * 100_000, "line 2: has lists and objects in each other, more than 100 deep"),
        ("[1]", 'line 2: must be an object with a string "prime"'),
        ('{"prime": 1}', "line 2: must be"),
        ('{"prime": "", "seed": -1}', "line 2: seed must be"),
        ('{"prime": "", "length": "9"}', "line 2: length must be"),
        ('{"prime": "", "length": 0}', "line 2: length 0"),
        ('{"prime": "", "temperature": NaN}', "line 2: not JSON: NaN"),
        ('{"prime": "☃"}', "line 2: not in the model's vocabulary: '☃'"),
    ):
        asked = ("sample", "-", "--jsonl", "-q", "-n", 3)
        outcome = piped('{"prime": ""}\n' + line, *asked, "--strict")
        (error,) = outcome.err.splitlines()
        assert outcome.code == 2
        assert error.startswith("charrnn: standard input, ")
        assert said in error
        assert len(_objects(outcome.out)) == 1
    skipped = piped("a☃b\n", "sample", "-", "--unknown", "skip", "-n", 1, "-q")
    assert skipped.out.startswith("ab")


@posix
def test_prompts_are_answered_as_they_come() -> None:
    """A second prompt may depend on the answer to the first one."""
    with _conversation("sample", "-", "--jsonl", "-q", "-n", "10") as (say, answer):
        for number in range(3):
            say(json.dumps({"prime": "It", "number": number}) + "\n")
            assert json.loads(answer())["number"] == number


# ----------------------------------------------------------------------------------------- score


def test_score(piped: Any, run: Run, model: Path) -> None:
    """Total, lines and characters are the same figures, from a file or a pipe."""
    text = "It was the best.\nNobody expects.\n\nLine 3"
    Path("text.txt").write_text(text, encoding="utf-8")
    (nats,) = score_texts(charrnn.load_checkpoint(model).model, [text])
    bits = nats / np.log(2)
    total = f"{bits.mean():.4f}\t{2 ** bits.mean():.4f}\n"
    for named in (["text.txt"], [model, "text.txt"]):
        assert run("score", *named).out == total
    for unnamed in ([], ["-"], [model], [model, "-"]):
        assert piped(text, "score", *unnamed).out == total
    assert json.loads(run("score", "text.txt", "--json").out) == {
        "characters": len(text),
        "bits_per_char": pytest.approx(bits.mean(), abs=1e-5),
        "perplexity": pytest.approx(2 ** bits.mean(), rel=1e-5),
    }
    rows = [row.split("\t", 1) for row in run("score", "text.txt", "--per-line").out.splitlines()]
    assert [row[1] for row in rows] == text.split("\n")
    lengths = [len(line) for line in text.splitlines(keepends=True)]
    means = [part.mean() for part in np.split(bits, np.cumsum(lengths)[:-1])]
    assert [float(row[0]) for row in rows] == pytest.approx(means, abs=1e-4)
    rows = [row.split("\t") for row in run("score", "text.txt", "--per-char").out.splitlines()]
    assert [float(row[0]) for row in rows] == pytest.approx(list(bits), abs=1e-4)
    assert "".join(row[1] for row in rows) == text.replace("\n", r"\n")


def test_exact_is_what_a_pipe_gives(piped: Any, run: Run, model: Path) -> None:
    """Character by character; without it a file is read in segments, to four digits."""
    text = "It was the best of times.\n" * 400
    Path("text.txt").write_text(text)
    for form in (["--per-char", "--json"], ["--per-line"], ["--json"]):
        told = piped(text, "score", model, *form).out
        assert run("score", model, "text.txt", "--exact", *form).out == told
    quick = json.loads(run("score", model, "text.txt", "--json").out)
    assert quick["characters"] == len(text)
    assert quick["bits_per_char"] == pytest.approx(json.loads(told)["bits_per_char"], abs=5e-5)


def test_score_of_several_models(run: Run, piped: Any, model: Path) -> None:
    """A column for each; the best is told by its name; how a model composes text is its own affair."""
    other = ["--hidden-size", 4, "--steps", 1, "--normalize", "none", "-q", "-o", "other.npz"]
    assert run("train", "corpus.txt", *other).code == 0
    text = "It was the best.\nNobody expects.\n"
    Path("text.txt").write_text(text, encoding="utf-8")
    alone = [run("score", name, "text.txt").out.split("\t")[0] for name in (model, "other.npz")]
    assert float(alone[0]) < float(alone[1])
    both = ("score", model, "other.npz")
    assert run(*both, "text.txt").out == "\t".join(alone) + "\n"
    assert piped(text, *both, "-", "--best").out == f"{model}\n"
    assert run("score", "other.npz", model, "text.txt", "--best").out == f"{model}\n"
    rows = run(*both, "text.txt", "--per-line").out.splitlines()
    for number, name in enumerate((model, "other.npz")):
        column = [row.split("\t")[number] for row in rows]
        lines = run("score", name, "text.txt", "--per-line").out.splitlines()
        assert column == [line.split("\t")[0] for line in lines]
    assert [row.split("\t")[2] for row in rows] == text.splitlines()
    values = json.loads(run(*both, "text.txt", "--json").out)
    assert values["best"] == str(model)
    assert values["models"]["other.npz"] == {
        **json.loads(run("score", "other.npz", "text.txt", "--json").out),
        "unknown": 0,
    }


def test_who_knows_no_letter_is_not_the_best(run: Run, model: Path) -> None:
    """What a model cannot read is not cheap, though spaces in its place may be."""
    Path("blank.txt").write_text(" " * 500 + "\n?", encoding="utf-8")
    options = ["--hidden-size", 8, "--epochs", 3, "--normalize", "none", "-q", "-o", "blank.npz"]
    assert run("train", "blank.txt", *options).code == 0
    Path("text.txt").write_text("Wo ist das Buch", encoding="utf-8")
    for unknown in ("replace", "skip"):
        both = ("score", "blank.npz", model, "text.txt", "--unknown", unknown)
        values = json.loads(run(*both, "--json").out)
        figures = [values["models"][str(name)]["bits_per_char"] for name in ("blank.npz", model)]
        assert figures[0] < figures[1]
        assert run(*both, "--best").out == f"{model}\n"
        assert values["models"]["blank.npz"]["unknown"] == 12


def test_a_decomposed_letter_is_not_lost(run: Run) -> None:
    """A model that composes what it reads knows it, beside one that does not."""
    Path("cafe.txt").write_text("café au lait et thé\n" * 60, encoding="utf-8")
    for form in ("nfc", "none"):
        options = ["--hidden-size", 4, "--steps", 1, "--normalize", form, "-q", "-o", f"{form}.npz"]
        assert run("train", "cafe.txt", *options).code == 0
    Path("text.txt").write_text("cafe\u0301", encoding="utf-8")
    for lines in ((), ("--independent-lines",)):
        both = ("score", "nfc.npz", "none.npz", "text.txt", "--unknown", "skip", "--json", *lines)
        models = json.loads(run(*both).out)["models"]
        assert (models["nfc.npz"]["unknown"], models["none.npz"]["unknown"]) == (0, 1)


def test_models_and_texts(run: Run, model: Path) -> None:
    """Models first, whatever their names are; then the text; after -- there are no models."""
    text = "It was the best.\n"
    Path("text.txt").write_text(text, encoding="utf-8")
    figures = run("score", model, "text.txt").out
    shutil.copy(model, "renamed.model")
    assert run("score", "renamed.model", "text.txt").out == figures
    Path("odd.npz").write_text(text, encoding="utf-8")
    assert run("score", model, "--", "odd.npz").out == figures
    assert run("score", "--", "odd.npz").out == figures
    assert run("--", "score", model, "text.txt").out == figures
    assert "not a charrnn checkpoint" in run("score", model, "odd.npz").err
    assert "models are named first" in run("score", "text.txt", model).err
    assert "one text at a time" in run("score", model, "text.txt", "text.txt").err
    assert "--best" in run("score", model, "text.txt", "--best").err
    assert "one model" in run("score", model, model.with_name("x.npz"), "--per-char").err
    assert run("score", "text.txt").err == f"model: {model}\n"


def test_newest_that_can_be_used(run: Run, model: Path) -> None:
    """A damaged file is in nobody's way, unless it is the only one."""
    Path("text.txt").write_text("It was the best.\n", encoding="utf-8")
    figures = run("score", model, "text.txt").out
    Path("checkpoints/later.npz").write_text("no model")
    assert run("score", "text.txt").out == figures
    for path in Path("checkpoints").glob("*.npz"):
        if path.name != "later.npz":
            path.unlink()
    assert "later.npz: not a charrnn checkpoint" in run("score", "text.txt").err


def test_independent_lines(run: Run) -> None:
    """Each line has the figure that it has alone, whatever the order."""
    lines = ["It was the best.\n", "Nobody expects.\n", "\n", "It was the best.\n"]
    Path("text.txt").write_text("".join(lines), encoding="utf-8")
    found = run("score", "text.txt", "--per-line", "--independent-lines", "--json").out
    values = _objects(found)
    for line, value in zip(lines, values, strict=True):
        Path("line.txt").write_text(line, encoding="utf-8")
        alone = json.loads(run("score", "line.txt", "--json").out)
        assert value["line"] == line[:-1]
        assert value["bits_per_char"] == pytest.approx(alone["bits_per_char"], abs=1e-4)
    assert values[0]["bits_per_char"] == pytest.approx(values[3]["bits_per_char"], abs=1e-5)
    mean = sum(v["bits_per_char"] * v["characters"] for v in values) / sum(map(len, lines))
    total = run("score", "text.txt", "--independent-lines").out
    assert float(total.split()[0]) == pytest.approx(mean, abs=1e-3)


def test_score_of_unknown_characters(run: Run) -> None:
    Path("text.txt").write_text("It was.\nIt ☃ was.\n☃", encoding="utf-8")
    for options in ((), ("--independent-lines",)):
        refused = run("score", "text.txt", *options)
        assert (refused.code, refused.out) == (2, "")
        assert "text.txt, line 2: not in the model's vocabulary: '☃'" in refused.err
        rows = _objects(
            run("score", "text.txt", "--unknown", "skip", "--per-line", "--json", *options).out
        )
        assert [row["line"] for row in rows] == ["It was.", "It ☃ was.", "☃"]
        assert [row["characters"] for row in rows] == [8, 9, 0]
        assert rows[2]["bits_per_char"] is None
    replaced = _objects(
        run("score", "text.txt", "--unknown", "replace", "--per-char", "--json").out
    )
    assert len(replaced) == 19
    assert "☃" not in {row["character"] for row in replaced}


def test_score_of_nothing(run: Run) -> None:
    Path("empty.txt").touch()
    Path("unknown.txt").write_text("☃", encoding="utf-8")
    for form in ((), ("--per-line",), ("--per-char",), ("--json",), ("--independent-lines",)):
        for name, why in (("empty.txt", ""), ("unknown.txt", ": the model knows none of")):
            outcome = run("score", name, "--unknown", "skip", *form)
            assert (outcome.code, outcome.out) == (2, "")
            assert outcome.err.splitlines()[1].startswith(f"charrnn: {name}: nothing to score{why}")
    Path("some.txt").write_text("It was.\n\n☃", encoding="utf-8")
    outcome = run("score", "some.txt", "--unknown", "skip", "--per-line")
    assert [row.split("\t")[1] for row in outcome.out.splitlines()] == ["It was.", "", "☃"]
    assert outcome.err.splitlines()[1:] == ["some.txt: 1 line with nothing to score"]


@posix
def test_lines_are_scored_as_they_come() -> None:
    """A growing log can be watched."""
    with _conversation("score", "--per-line", "-") as (say, answer):
        for line in ("It was.\n", "Line 2.\n"):
            say(line)
            assert answer().endswith(f"\t{line}")


@pytest.mark.parametrize("piped_in", [False, True])
def test_score_shows_progress(
    run: Run, piped: Any, model: Path, monkeypatch: pytest.MonkeyPatch, piped_in: bool
) -> None:
    """On a terminal a bar goes through the bytes of a text; how many there are is known of a file alone."""
    bars: list[dict[str, Any]] = []

    class Bar:
        def __init__(self, **settings: Any) -> None:
            bars.append({**settings, "seen": 0})

        def __enter__(self) -> Bar:  # noqa: PYI034
            return self

        def __exit__(self, *_: object) -> None: ...

        def update(self, number: int) -> None:
            bars[-1]["seen"] += number

    monkeypatch.setattr("charrnn.cli.display._bar", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    text = "It was the best.\n" * 40
    Path("text.txt").write_text(text)
    outcome = piped(text, "score", model) if piped_in else run("score", model, "text.txt")
    assert outcome.code == 0
    (bar,) = bars
    assert (bar["seen"], bar["total"]) == (len(text), None if piped_in else len(text))


def test_score_takes_flat_memory(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times as long a text, all on one line, costs no more."""
    monkeypatch.setattr("charrnn.text.source.INCOMING", 1000)
    monkeypatch.setattr("charrnn.cli.scored.BLOCK", 1000)
    peaks = []
    for repeats in (150, 1500, 6000):  # the first time loads what is needed
        Path("long.txt").write_text("It was the best " * repeats)
        tracemalloc.start()
        assert run("score", model, "long.txt").code == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 18_000  # the characters alone are 72,000 more


# ------------------------------------------------------------------------------ bytes and records


def test_bytes_in_json(run: Run, piped: Any) -> None:
    """A byte model's JSON is UTF-8: bytes that are not come as U+DC80 to U+DCFF, and go in so."""
    path = run(
        "train", "corpus.txt", "--bytes", "--hidden-size", 4, "--epochs", 1, "-q"
    ).out.strip()
    given = json.dumps({"prime": "é\udcff"})
    outcome = piped(given, "sample", path, "-", "--jsonl", "-n", 40, "--seed", 1, "-q")
    assert outcome.code == 0, outcome.err
    (found,) = _objects(outcome.out)
    assert found["prime"] == "é\udcff"
    written = found["text"].encode("utf-8", "surrogateescape")
    assert len(written) == 40
    prime = "é".encode().decode("latin-1") + "\xff"
    text = "".join(
        charrnn.generate(charrnn.load_checkpoint(path).model, prime=prime, length=40, rng=1)
    )
    assert written == text.encode("latin-1")
    read = _objects(piped(b"a\xff\r\n", "score", path, "--per-char", "--json").out)
    assert [entry["character"] for entry in read] == ["a", "\udcff", "\r", "\n"]
    assert _objects(piped("é\n", "score", path, "--json").out)[0]["characters"] == 3
    refused = piped(r'{"prime": "\ud800"}', "sample", path, "-", "--jsonl", "-q", "--strict")
    assert (refused.code, refused.err) == (
        2,
        "charrnn: standard input, line 1: prime has half of a surrogate pair\n",
    )


def test_composed(run: Run, piped: Any) -> None:
    """Prompts and what is scored become what the model's own text became."""
    Path("accents.txt").write_text("été et hiver\n" * 30, encoding="utf-8")
    path = run("train", "accents.txt", "--hidden-size", 4, "--epochs", 1, "-q").out.strip()
    options = ("sample", path, "-", "-n", 1, "-q")
    assert piped("e\u0301t\n", *options).out[:-1] == "ét"
    assert _objects(piped(r'{"prime": "e\u0301"}', *options, "--jsonl").out)[0]["prime"] == "é"
    assert piped("e\u0301te\u0301\n", "score", path).out == piped("été\n", "score", path).out


def test_records_in_a_pipe(run: Run, piped: Any) -> None:
    """Each is a line, or an object without its end; its seed gives it again; filters apply."""
    options = ("--records", "--hidden-size", 16, "--epochs", 3, "-q")
    path = run("train", "corpus.txt", *options).out.strip()
    sample = ("sample", path, "--seed", 3, "-q")
    plain = piped("a\nb\n", *sample, "-", "--num-samples", 2).out.splitlines()
    found = _objects(piped("a\nb\n", *sample, "-", "--num-samples", 2, "--json").out)
    assert [entry["prime"] + entry["text"] for entry in found] == plain
    assert [entry["seed"] for entry in found] == [3, 4, 5, 6]
    again = run("sample", path, "--seed", 5, "--prime", "b", "-q")
    assert again.out.splitlines() == plain[2:3]
    assert run("sample", path, "--seed", 5, "-q", "-n", 0, "--ban", "e").out.count("\n") == 1
    banned = run(*sample, "--ban", "e", "--num-samples", 20).out
    assert banned.count("\n") == 20
    assert "e" not in banned
    novel = run(*sample, "--ban", "e", "--num-samples", 3, "--novel-only", "corpus.txt").out
    assert novel.count("\n") == 3
    assert "e" not in novel
    refused = piped(r'{"prime": "a\nb"}', *sample, "-", "--jsonl", "--strict")
    assert refused.code == 2
    assert "line 1: a record is one line" in refused.err
    refused = run(*sample, "--json", "--novel-only", "corpus.txt")
    assert refused.code == 2
    assert "--novel-only" in refused.err
    # A record ends; what it costs to end is a part of what is told.
    (entry,) = _objects(run(*sample, "--prime", "a", "--json").out)
    scored = piped(f"a{entry['text']}\n", "score", path, "--per-char", "--json").out
    costs = [entry["bits"] for entry in _objects(scored)][1:]
    assert np.mean(costs) == pytest.approx(entry["bits_per_char"], abs=1e-4)
    lines = "one line\nand another\n"
    alone = piped(lines, "score", path, "--independent-lines").out
    assert piped(lines, "score", path).out == alone


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "checkpoints/corpus.npz", ""),
        ("score", "", "corpus.txt"),
        ("sample", ""),
        ("sample", "checkpoints/corpus.npz", ""),
        ("sample", "--prime-file", ""),
        ("sample", "--prime-text", ""),
        ("sample", "--novel-only", ""),
        ("sample", "--novelty", ""),
    ],
)
def test_empty_names(run: Run, arguments: tuple[str, ...]) -> None:
    """A shell's variable that is not set does not stand for standard input, or for nothing at all."""
    result = run(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert "the name of a file is empty" in result.err


def test_score_without_a_model(run: Run, model: Path) -> None:
    """What is wrong with the names is told, not that there is no model to take instead."""
    moved = model.rename("moved.npz")
    result = run("score", "corpus.txt", moved)
    assert result.code == 2
    assert "models are named first" in result.err
    assert "nosuch and corpus.txt" in run("score", "nosuch", "corpus.txt").err
