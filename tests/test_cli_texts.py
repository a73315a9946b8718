"""``charrnn sample`` as a part of a pipe, prompts in and texts out; and what it shares with ``score``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from talking import CHARRNN, conversation, objects

import charrnn
from charrnn.cli import prompts
from charrnn.config import SamplingConfig
from charrnn.models.reading import ChunkReader
from charrnn.nn.loss import cross_entropy_

pytestmark = pytest.mark.usefixtures("model")
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes and signals")


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
    found = objects(run(*options, "--seed", 5, "--num-samples", 3, "--json").out)
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
    found = objects(outcome.out)
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
        assert len(objects(outcome.out)) == 1
    skipped = piped("a☃b\n", "sample", "-", "--unknown", "skip", "-n", 1, "-q")
    assert skipped.out.startswith("ab")


@posix
def test_prompts_are_answered_as_they_come() -> None:
    """A second prompt may depend on the answer to the first one."""
    with conversation("sample", "-", "--jsonl", "-q", "-n", "10") as (say, answer):
        for number in range(3):
            say(json.dumps({"prime": "It", "number": number}) + "\n")
            assert json.loads(answer())["number"] == number


# ------------------------------------------------------------------------------ bytes and records


def test_bytes_in_json(run: Run, piped: Any) -> None:
    """A byte model's JSON is UTF-8: bytes that are not come as U+DC80 to U+DCFF, and go in so."""
    path = run(
        "train", "corpus.txt", "--bytes", "--hidden-size", 4, "--epochs", 1, "-q"
    ).out.strip()
    given = json.dumps({"prime": "é\udcff"})
    outcome = piped(given, "sample", path, "-", "--jsonl", "-n", 40, "--seed", 1, "-q")
    assert outcome.code == 0, outcome.err
    (found,) = objects(outcome.out)
    assert found["prime"] == "é\udcff"
    written = found["text"].encode("utf-8", "surrogateescape")
    assert len(written) == 40
    prime = "é".encode().decode("latin-1") + "\xff"
    text = "".join(
        charrnn.generate(charrnn.load_checkpoint(path).model, prime=prime, length=40, rng=1)
    )
    assert written == text.encode("latin-1")
    read = objects(piped(b"a\xff\r\n", "score", path, "--per-char", "--json").out)
    assert [entry["character"] for entry in read] == ["a", "\udcff", "\r", "\n"]
    assert objects(piped("é\n", "score", path, "--json").out)[0]["characters"] == 3
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
    assert objects(piped(r'{"prime": "e\u0301"}', *options, "--jsonl").out)[0]["prime"] == "é"
    assert piped("e\u0301te\u0301\n", "score", path).out == piped("été\n", "score", path).out


def test_records_in_a_pipe(run: Run, piped: Any) -> None:
    """Each is a line, or an object without its end; its seed gives it again; filters apply."""
    options = ("--records", "--hidden-size", 16, "--epochs", 3, "-q")
    path = run("train", "corpus.txt", *options).out.strip()
    sample = ("sample", path, "--seed", 3, "-q")
    plain = piped("a\nb\n", *sample, "-", "--num-samples", 2).out.splitlines()
    found = objects(piped("a\nb\n", *sample, "-", "--num-samples", 2, "--json").out)
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
    (entry,) = objects(run(*sample, "--prime", "a", "--json").out)
    scored = piped(f"a{entry['text']}\n", "score", path, "--per-char", "--json").out
    costs = [entry["bits"] for entry in objects(scored)][1:]
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
