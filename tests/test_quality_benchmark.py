"""``benchmarks/quality.py --split``: what a text is cut into, what is scored, and what the table says of it."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Run
from samples import make_text

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).resolve().parents[1] / "benchmarks")
    protocol: Any = importlib.import_module("protocol")
    splitting: Any = importlib.import_module("splitting")
    texts: Any = importlib.import_module("texts")
    texts_report: Any = importlib.import_module("texts_report")
    running: Any = importlib.import_module("running")
    quality: Any = importlib.import_module("quality")

LINES = [b"%03d %s\n" % (n, b"x" * (n % 17)) for n in range(1000)]


def test_running_text_is_cut_in_its_order() -> None:
    """Of whole lines, nothing lost, and about as long as was asked for."""
    text = b"".join(LINES)
    parts = splitting.split(text, (80, 15, 5))
    assert b"".join(parts) == text
    assert all(part.endswith(b"\n") for part in parts)
    for part, share in zip(parts, (80, 15, 5), strict=True):
        assert len(part) / len(text) == pytest.approx(share / 100, abs=0.002)
    without_end = splitting.split(text[:-1], (80, 15, 5))
    assert b"".join(without_end) == text[:-1]


def test_records_are_shuffled_always_alike() -> None:
    """Each part has some of all places, whole, also where the last line has no end."""
    text = b"".join(LINES)
    parts = splitting.split(text[:-1], (90, 5, 5), records=True)
    assert parts == splitting.split(text, (90, 5, 5), records=True)
    assert sorted(b"".join(parts).splitlines(keepends=True)) == LINES
    for part in parts:
        places = [int(line[:3]) for line in part.splitlines()]
        assert min(places) < 150 and max(places) > 850
        assert places != sorted(places)


@pytest.mark.parametrize("words", ["90/5", "90/5/6", "95/5/0", "9o/5/5", "-90/95/95"])
def test_wrong_shares(words: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"shares|whole numbers"):
        splitting.shares(words)
    assert splitting.shares("90/5/5") == (90, 5, 5)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--test --hand-only", "for a text that is --split: --test, --hand-only"),
        ("--split 90/5/5 --nanogpt clone", "--nanogpt is for a text that is not --split"),
        ("--split 90/5/5 --hand-only", "--hand-only needs a --hand"),
    ],
)
def test_options_that_do_not_go_together(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """None is passed over in silence: what is measured takes hours."""
    monkeypatch.setattr("sys.argv", ["quality.py", "corpus.txt", *words.split()])
    with pytest.raises(SystemExit):
        quality.main()
    assert told in capsys.readouterr().err


def test_a_text_of_one_line_has_no_parts(tmp_path: Path) -> None:
    corpus = tmp_path / "one.txt"
    corpus.write_bytes(b"one line")
    with pytest.raises(ValueError, match="too few lines"):
        splitting.write_parts(corpus, (90, 5, 5), tmp_path, records=False)


@pytest.fixture
def benchmark(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """``charrnn`` in this process, and what it was asked for."""
    asked = []

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        asked.append(arguments)
        done = run(*arguments)
        assert done.code == 0, done.err
        return subprocess.CompletedProcess(arguments, done.code, done.out, done.err)

    monkeypatch.setattr(running, "call", call)
    monkeypatch.setattr(protocol, "Peak", lambda: None)
    facts = {"peak_flops": 2e11, "charrnn": "0 (abc)", "date": "2026-01-01"}
    monkeypatch.setattr(protocol, "machine", lambda _: facts)
    (tmp_path / "kind.txt").write_text(make_text(200), encoding="utf-8")
    return asked


def test_a_text_by_the_protocol(benchmark: list[tuple[str, ...]], tmp_path: Path) -> None:
    """Learnt from one part, validated on another, and each kept model scores the third once and only that."""
    tiny = "--steps 2 --hidden-size 4 --num-layers 1"
    configurations = ["", tiny, f"{tiny} --learning-rate 0.01"]
    how = protocol.How((80, 10, 10), True, False, False, 1)
    corpus, output = tmp_path / "kind.txt", tmp_path / "TEXTS.md"
    protocol.measure(corpus, how, [0.005], [0], configurations, output)
    results = json.loads((tmp_path / "texts" / "kind.json").read_text(encoding="utf-8"))
    assert [run["options"] for run in results["runs"]] == configurations
    learning = [words for words in benchmark if words[0] == "train" and "--quiet" not in words]
    assert [("--minutes" in words, "--steps" in words) for words in learning] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    for words in learning:
        assert Path(words[1]).name == "train.txt"
        assert Path(words[words.index("--val-file") + 1]).name == "validation.txt"
    scored = [words for words in benchmark if words[0] == "score"]
    assert [Path(words[2]).name for words in scored] == ["test.txt"] * 3
    assert results["runs"][1]["config"]["model"]["hidden_size"] == 4
    assert all(run["test_bits"] > 0 for run in results["runs"])
    assert str(tmp_path) not in json.dumps(results)
    # A run again takes the old one's place; a further one is added; another text does not mix.
    protocol.measure(corpus, how, [0.005], [1], configurations[1:2], output)
    protocol.measure(corpus, how, [0.005], [1], configurations[1:2], output)
    results = json.loads((tmp_path / "texts" / "kind.json").read_text(encoding="utf-8"))
    assert len(results["runs"]) == 4
    assert "| learning rate 0.01 " not in output.read_text(encoding="utf-8")
    corpus.write_text(make_text(100), encoding="utf-8")
    with pytest.raises(SystemExit, match="another text"):
        protocol.measure(corpus, how, [0.005], [0], [], output)


def test_a_text_as_bytes(benchmark: list[tuple[str, ...]], tmp_path: Path) -> None:
    """Its results are of bytes, and are not mixed with those of characters."""
    corpus, output = tmp_path / "kind.txt", tmp_path / "TEXTS.md"
    corpus.write_bytes(b"\xff\xfe no text\r\n" * 500)
    tiny = "--steps 2 --hidden-size 4 --num-layers 1"
    how = protocol.How((80, 10, 10), True, False, False, 1)
    protocol.measure(corpus, replace(how, as_bytes=True), [0.005], [0], [tiny], output)
    assert ["--bytes" in words for words in benchmark if words[0] == "train"] == [True, True]
    with pytest.raises(SystemExit, match="another text"):
        protocol.measure(corpus, how, [0.005], [0], [tiny], output)


def _run(
    options: str, seed: int, validation: float, test: float, threads: int = 1
) -> dict[str, Any]:
    model = {"cell": "lstm", "num_layers": 2, "hidden_size": 64, "layer_norm": True}
    training = {
        "learning_rate": 0.01 if options else 0.02,
        "steps": len(options),
        "threads": threads,
    }
    return {
        "minutes": 1.0,
        "seed": seed,
        "options": options,
        "validation_bits": validation,
        "test_bits": test,
        "epochs": 2.0,
        "config": {"model": model, "training": training},
        "threads": threads,
        "machine": {"peak_flops": 1e11, "charrnn": "0 (abc)"},
    }


def test_share_of_the_best_by_hand() -> None:
    """The best one is chosen by the validation, judged by the test, and compared over the same seeds."""
    runs = [
        _run("", 0, 2.0, 2.2),
        _run("", 1, 2.0, 9.0),  # of this seed there is none by hand
        _run("--learning-rate 0.01", 0, 1.9, 2.09),
        _run("--learning-rate 0.03", 0, 1.95, 1.0),
    ]
    assert texts_report.share(runs) == pytest.approx(2.09 / 2.2)
    assert texts_report.share(runs[:2]) is None
    text = {"corpus": "code", "bytes": 1000, "sha256": "ab" * 32, "split": [90, 5, 5]}
    told = texts_report.report([text | {"runs": runs}])
    assert "| 95.0% | 2 | 1 |" in told
    assert "5.600 ± 4.808" in told
    assert "| code | 60 s | learning rate 0.01 | 2.0 | 1.900 | 2.090 | 1 | 1 |" in told
    assert "Python's library" in told


def test_runs_with_other_numbers_of_threads_are_others() -> None:
    """None takes another one's place, or is compared with it; one that was left all that there were is known by how many."""
    runs: list[dict[str, Any]] = []
    left = _run("", 0, 1.5, 1.6, threads=8) | {"threads": None}
    for run in (_run("", 0, 2.0, 2.2), _run("--learning-rate 0.01", 0, 1.9, 2.09), left):
        runs = running.replaced(runs, run, protocol.what_it_is)
    assert len(runs) == 3
    again = _run("", 0, 1.4, 1.55, threads=8)
    runs = running.replaced(runs, again, protocol.what_it_is)
    assert runs[2:] == [again]
    text = {"corpus": "code", "bytes": 1000, "sha256": "ab" * 32, "split": [90, 5, 5]}
    told = texts_report.report([text | {"runs": runs}])
    assert "| 2.000 | 2.200 |  | 2.090 | 95.0% | 1 | 1 |" in told
    assert "| 1.400 | 1.550 |  |  |  | 1 | 8 |" in told
    assert "2.0 | 1.900 | 2.090 | 1 | 1 |" in told


def test_the_report_is_of_what_is_kept() -> None:
    """All rows that there are, of whatever time, have their place in it."""
    here = Path(protocol.__file__).parent
    told = texts_report.report(protocol.read_all(here / "texts"))
    assert told == (here / "TEXTS.md").read_text(encoding="utf-8")


def test_texts_follow_from_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in order, indices left out, sayings apart, ASCII where it is asked for."""
    folder = tmp_path / "usr/share/games/fortunes"
    folder.mkdir(parents=True)
    for name, text in {
        "b": "Two’s\n%\nthree\n%\n",
        "a": "One\n%\n",
        "a.dat": "0",
        "z": "é",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    listed = "\n".join(map(str, [folder, *folder.iterdir()]))
    monkeypatch.setattr(texts, "told", lambda *_: listed)
    monkeypatch.setattr(texts, "COLLECTIONS", f"{folder}")
    assert texts.sayings(["p"], but=["*/z"]) == "One\n\nTwo’s\n\nthree\n\n"
    assert texts.plain(texts.sayings(["p"], "[bz]")) == "Two's\n\nthree\n\ne"
    assert all(f"{name} " in texts.listed() for name in texts.TEXTS)


def test_sentences_of_known_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """One a line, the short ones left out, numbers alike, and words that are rare unknown."""
    essay = "The cat’s 12.5 mats, the cat. Oh no!\n\nThe cat and\na dog: $3"
    monkeypatch.setattr(texts, "essays", lambda: essay)
    assert texts.words() == "the cat's N mats the cat\nthe cat and a dog $ N\n"
    monkeypatch.setattr(texts, "WORDS", 3)
    assert texts.words() == "the <unk> N <unk> the cat\nthe cat <unk> <unk> <unk> <unk> N\n"


def test_novels_have_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "told", lambda *_: "Anne Elliot\n" * 10**6)
    assert texts.novels() == "Anne Elliot\r\n" * 250_000
    monkeypatch.setattr(texts, "told", lambda *_: "Captain Wentworth\n" * 10**6)
    assert texts.novels() == "Captain Wentworth\r\n" * 166_666
