"""What a checkpoint from a stranger gets to see of the files of the one who looks into it: nothing."""

from __future__ import annotations

import json
import os
import random
import re
import time
from dataclasses import replace
from pathlib import Path
from random import Random as Generator

import numpy as np
import pytest
from conftest import Run
from samples import USED

from charrnn.config import ModelConfig, TextConfig
from charrnn.files.checkpoint import load_checkpoint, save_checkpoint
from charrnn.inspection import examples, learnt
from charrnn.models.character_model import CharacterModel
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.examples import Examples
from charrnn.text.lines import Line
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo

SECRET = "correct horse battery staple\nis the word that nobody may know\n" * 4
LETTERS = "\n abcdefghijklmnopqrstuvwxyz"
WATCHING = (("--neurons",), ("--unit", "0:0"), ("--gates",), ("--gradients",), ("--embedding",))


def _saved(
    sources: tuple[str, ...],
    learnt_text: str = "x" * len(SECRET),
    text: TextConfig = TextConfig(),  # noqa: B008 (frozen)
) -> Path:
    """A model that says it learnt a text from those sources."""
    vocabulary = Vocabulary(LETTERS, text)
    model = CharacterModel.fresh(ModelConfig("gru", 4), vocabulary, np.random.default_rng(3))
    corpus = Corpus.from_text(learnt_text, vocabulary=vocabulary)
    info = CorpusInfo(sources, len(corpus), len(corpus), corpus.sha256)
    save_checkpoint(Checkpoint(model, USED, info), "a.npz")
    return Path("a.npz")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:  # noqa: ARG001 (changes the folder)
    monkeypatch.setattr("charrnn.inspection.look.OWN", 40)
    Path("secret.txt").write_text(SECRET, encoding="utf-8")


def _source(run: Run, path: Path) -> str:
    outcome = run("inspect", path, "--unit", "0:0", "--json")
    assert outcome.code == 0, outcome.err
    return str(json.loads(outcome.out)["source"])


def test_no_word_of_a_secret_file(run: Run) -> None:
    """A file of the recorded name and length, but with another text, is in no view and on no page."""
    path = _saved(("secret.txt",))
    shown = "".join(
        run("inspect", path, *view, *form).out for view in WATCHING for form in ((), ("--json",))
    )
    assert run("inspect", path, "--html", "page.html").code == 0
    shown += re.sub("<[^>]*>", "", Path("page.html").read_text(encoding="utf-8"))
    assert "its corpus has changed; --on names another" in shown
    for word in ("horse", "battery", "staple", "nobody"):
        assert word not in shown


def test_the_text_itself_is_used(run: Run) -> None:
    """All sources together have to be it, as the model read them."""
    assert _source(run, _saved(("secret.txt",), SECRET)) == "secret.txt"
    Path("more.txt").write_bytes(b"\xef\xbb\xbfand more\r\n")
    path = _saved(("secret.txt", "more.txt"), SECRET + "and more\n")
    outcome = run("inspect", path, "--unit", "0:0", "--json")
    found = json.loads(outcome.out)
    assert (found["source"], found["text"]) == ("secret.txt and 1 more", SECRET + "and more\n")
    Path("more.txt").write_text("and less\n", encoding="utf-8")
    assert "has changed" in _source(run, path)


def test_records_and_composed_text() -> None:
    """Ends that files lack, and decomposed characters, do not make it another text."""
    config = TextConfig(records=True)
    Path("a.txt").write_text("a\nb c\nd", encoding="utf-8")
    Path("b.txt").write_text("e e\u0301\n" * 9, encoding="utf-8")
    corpus = load_corpus(("a.txt", "b.txt"), config=config)
    vocabulary = corpus.vocabulary
    model = CharacterModel.fresh(ModelConfig("gru", 4), vocabulary, np.random.default_rng(3))
    info = CorpusInfo(("a.txt", "b.txt"), len(corpus), len(corpus), corpus.sha256)
    checkpoint = Checkpoint(model, USED, info)
    assert learnt.learnt_text(checkpoint, 100) == "a\nb c\nd\n" + "e é\n" * 9
    assert learnt.learnt_text(checkpoint, 2) == "a\nb"


def test_nothing_but_files_is_opened(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pipe, no device, no folder, no standard input, no name beyond measure, not one file of a thousand."""
    Path("folder").mkdir()
    Path("-").write_text(SECRET, encoding="utf-8")
    Path("empty.txt").write_text("", encoding="utf-8")
    names: list[tuple[str, ...]] = [
        ("folder",), (".",), ("-",), ("no such",), ("a\0b",), ("x" * 5000,), ("secret.txt",) * 1001,
    ]  # fmt: skip
    if os.name == "posix":
        os.mkfifo("pipe")
        names += [("pipe",), ("/dev/zero",), ("/dev/stdin",), ("secret.txt", "/dev/zero")]

    def opened(*_: object) -> None:
        raise AssertionError("a source was opened")

    monkeypatch.setattr("charrnn.text.source.Source.__init__", opened)
    monkeypatch.setattr("sys.stdin", None)
    start = time.perf_counter()
    for sources in names:
        assert "its corpus is not at hand" in _source(run, _saved(sources, SECRET))
    # Too small, too large and seemingly endless is told by the size.
    assert "has changed" in _source(run, _saved(("secret.txt",), SECRET + "a"))
    assert "has changed" in _source(run, _saved(("secret.txt",), SECRET[:16]))
    assert "has changed" in _source(run, _saved(("empty.txt",), SECRET))
    monkeypatch.setattr(learnt, "MOST_BYTES", 100)
    assert "is too large to be checked" in _source(run, _saved(("secret.txt",), SECRET))
    assert time.perf_counter() - start < 30


def test_reading_ends_where_the_text_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that grows while it is read, or has more characters than recorded, is let go."""
    monkeypatch.setattr("charrnn.text.source.BLOCK", 8)
    checkpoint = load_checkpoint(_saved(("secret.txt",), SECRET[:100]))
    read = []
    monkeypatch.setattr(
        "charrnn.text.source.Reader._advance", lambda _self, count: read.append(count)
    )
    with pytest.raises(learnt.NotAtHandError, match="has changed"):
        learnt.learnt_text(checkpoint, 50)
    assert 100 < sum(read) < 120


SECRETS = "".join(f"{word}\t{word[0].upper()}\n" for word in SECRET.split())


def _table(sources: tuple[str, ...], learnt_lines: str = "") -> Checkpoint:
    """Of a model that says that it learnt labels from those sources."""
    lines = learnt_lines or "".join(
        f"{'x' * len(line[:-3])}\t{line[-2]}\n" for line in SECRETS.splitlines(keepends=True)
    )
    alphabet = Vocabulary(LETTERS[1:], TextConfig())
    table = Examples.from_lines(lines.splitlines(), "classify", vocabulary=alphabet)
    config = ModelConfig("gru", 4, task="classify")
    rng = np.random.default_rng(3)
    model = CharacterModel.fresh(config, alphabet, rng, table.labels)
    info = CorpusInfo(sources, len(table), len(table), table.sha256)
    return Checkpoint(model, USED, info)


def test_no_word_of_a_secret_table(run: Run) -> None:
    """As of a text: of a table of the recorded length, but with other texts, nothing is shown."""
    Path("secret.tsv").write_text(SECRETS, encoding="utf-8")
    save_checkpoint(_table(("secret.tsv",)), "a.npz")
    shown = ""
    for view in WATCHING:
        for form in ((), ("--json",)):
            outcome = run("inspect", "a.npz", *view, *form)
            assert outcome.code == 2
            shown += outcome.out + outcome.err
    assert run("inspect", "a.npz", "--html", "page.html").code == 0
    shown += re.sub("<[^>]*>", "", Path("page.html").read_text(encoding="utf-8"))
    assert "what it learnt from has changed" in shown
    for word in ("horse", "battery", "staple", "nobody"):
        assert word not in shown


def test_the_table_itself_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """All files together have to be it; of many lines some are drawn from all over it, the same each time."""
    Path("a.tsv").write_text(SECRETS[:50].rpartition("\n")[0] + "\n", encoding="utf-8")
    rest = SECRETS[len(Path("a.tsv").read_text(encoding="utf-8")) :]
    Path("b.tsv").write_bytes(b"\xef\xbb\xbf" + rest.replace("\n", "\r\n").encode())
    Path("empty.tsv").write_text("", encoding="utf-8")
    checkpoint = _table(("a.tsv", "b.tsv", "empty.tsv"), SECRETS)
    found = examples.learnt_examples(checkpoint)
    lines = [f"{line.text}\t{line.answer}" for line in found]
    assert sorted(lines) == sorted(SECRETS.splitlines())
    monkeypatch.setattr(examples, "SOME", 7)
    some = examples.learnt_examples(checkpoint)
    assert len(some) == 7
    assert some == examples.learnt_examples(checkpoint)
    assert {line.where for line in some} < {line.where for line in found}
    with Path("b.tsv").open("a", encoding="utf-8") as file:
        file.write("staple\tS\n")
    with pytest.raises(learnt.NotAtHandError, match="has changed"):
        examples.learnt_examples(checkpoint)


def test_each_line_is_drawn_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first as the last."""
    monkeypatch.setattr(examples, "SOME", 5)
    counts = np.zeros(20)
    for seed in range(2000):
        monkeypatch.setattr(random, "Random", lambda _, seed=seed: Generator(seed))
        for line in examples.drawn(Line(f"{n}", "", "") for n in range(20)):
            counts[int(line.text)] += 1
    assert counts.sum() == 10_000
    assert np.abs(counts / 2000 - 0.25).max() < 0.04  # four standard deviations


def test_a_table_that_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but files is opened; one that grows while it is read is let go."""
    sources: list[tuple[str, ...]] = [("no such",), (".",), ("-",), ("secret.txt",) * 1001]
    if os.name == "posix":
        os.mkfifo("pipe")
        sources += [("pipe",), ("/dev/zero",), ("secret.txt", "/dev/stdin")]
    for names in sources:
        with pytest.raises(learnt.NotAtHandError, match="is not at hand"):
            examples.learnt_examples(_table(names))
    Path("secret.tsv").write_text(SECRETS, encoding="utf-8")
    monkeypatch.setattr("charrnn.text.source.BLOCK", 8)
    monkeypatch.setattr(
        "charrnn.inspection.examples.at_hand", lambda corpus: [(corpus.sources[0], 100)]
    )
    short = _table(("secret.tsv",), SECRETS[:60].rpartition("\n")[0])
    with pytest.raises(learnt.NotAtHandError, match="has changed"):
        examples.learnt_examples(short)


def test_a_network_path_is_not_even_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows would send a proof of the password to the host that a stranger names."""
    checkpoint = load_checkpoint(_saved((r"\\host\share\text.txt",), SECRET))
    monkeypatch.setattr("charrnn.text.recorded.ON_WINDOWS", True)
    monkeypatch.setattr("charrnn.text.recorded.os.stat", pytest.fail)
    for name in (r"\\host\share\text.txt", "//host/share/text.txt", r"\\?\UNC\host\share\a"):
        corpus = replace(checkpoint.corpus, sources=(name,))
        with pytest.raises(learnt.NotAtHandError, match="not at hand"):
            learnt.learnt_text(replace(checkpoint, corpus=corpus), 50)


def test_a_page_says_what_it_holds(run: Run) -> None:
    """How much of which text goes along with it, or that none does."""
    path = _saved(("secret.txt",), SECRET)
    run("inspect", path, "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert f"This page holds the first {len(SECRET)} characters of secret.txt" in page
    Path("secret.txt").unlink()
    run("inspect", path, "--html", "page.html")
    page = Path("page.html").read_text(encoding="utf-8")
    assert "This page holds the first 40 characters of a text that the model wrote itself" in page


@pytest.mark.parametrize("on", [(), ("--on", SECRET)], ids=["corpus", "on"])
def test_a_page_without_the_text(run: Run, on: tuple[str, ...]) -> None:
    """Neither to be seen nor in the script's data; figures that come from it stay."""
    path = _saved(("secret.txt",), SECRET)
    assert run("inspect", path, *on, "--html", "page.html", "--no-text").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    words = re.sub("<[^>]*>", "", page)
    assert not [
        word for word in ("correct", "horse", "battery", "staple", "nobody") if word in words
    ]
    data = json.loads(_script(page, "data"))
    assert data["passages"] == {}
    (following,) = data["distributions"].values()
    before = [each["before"] for each in following["distributions"]]
    assert before == ["nothing: the beginning of a text"]
    source = "the text given" if on else "secret.txt"
    held = f"This page holds none of the text that was read, only figures from {source}."
    assert held in words
    assert "There is nothing to see here: the text is left out (--no-text)." in words
    assert "One unit at work" not in words
    assert "Where the model gains most" not in words
    for name in ("neurons", "gates", "gradients", "ngrams", "embedding"):
        section = page[page.index(f'<section id="{name}"') :].partition("</section>")[0]
        assert "<table>" in section
        assert "nothing to see" not in section


def _script(page: str, name: str) -> str:
    """What a script block holds."""
    found = re.search(f'<script[^>]*id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found
    return found[1]


def test_no_text_is_for_pages(run: Run) -> None:
    outcome = run("inspect", _saved(("secret.txt",)), "--gates", "--no-text")
    assert (outcome.code, outcome.err) == (2, "charrnn: --no-text goes with --html\n")
