"""What is copied is found exactly, wherever it stands, and in time that grows with the texts alone."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import charrnn
from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text import source as reading
from charrnn.training.trainer import Training
from charrnn.writing import novelty
from charrnn.writing.novelty import Novelty, Originals

AS_IT_IS = TextConfig(normalize="none")
SHORT_RUN = 4
FINGERPRINTS = novelty._fingerprints
CORPORA = st.lists(
    st.text("ab\n", max_size=80) | st.text("abcdé字\n", max_size=80), min_size=1, max_size=3
).filter(any)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("originals")


def _weak(text: novelty.Codes, length: int, salt: int = 0) -> NDArray[np.uint64]:
    """Fingerprints that nearly all windows share, unless there is salt."""
    prints = FINGERPRINTS(text, length, salt)
    return prints if salt else prints % np.uint64(3) << np.uint64(62)


@contextmanager
def _small(*, weak: bool) -> Iterator[None]:
    """Tiny blocks and runs, and maybe weak fingerprints."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(novelty, "BLOCK", 5)
        patch.setattr(novelty, "VERIFIED", 3)
        patch.setattr(novelty, "RUN", SHORT_RUN)
        patch.setattr(reading, "BLOCK", 7)
        if weak:
            patch.setattr(novelty, "_fingerprints", _weak)
        yield


def _write(folder: Path, corpora: list[str]) -> list[str]:
    names = [str(folder / f"{number}.txt") for number in range(len(corpora))]
    for name, corpus in zip(names, corpora, strict=True):
        Path(name).write_bytes(corpus.encode())
    return names


def _compare(text: str, names: list[str], config: TextConfig = AS_IT_IS) -> Novelty:
    with ExitStack() as stack:
        return Originals(names, config, stack).compare(text)


def _oracle(text: str, names: list[str], corpora: list[str], run: int) -> Novelty:
    """Every span of the text is looked for in every corpus."""
    size = len(text)
    spans = [(a, b) for a in range(size) for b in range(a + 1, size + 1)]
    known = [(a, b) for a, b in spans if any(text[a:b] in corpus for corpus in corpora)]
    copied = {place for a, b in known if b - a >= run for place in range(a, b)}
    longest = max((b - a for a, b in known), default=0)
    if not longest:
        return Novelty(size)
    candidates = [(a, b) for a, b in known if b - a == longest]
    number, place, start = min(
        (n, corpus.find(text[a:b]), a)
        for n, corpus in enumerate(corpora)
        for a, b in candidates
        if text[a:b] in corpus
    )
    line = 1 + corpora[number].count("\n", 0, place)
    return Novelty(size, len(copied), text[start : start + longest], start, names[number], line)


@st.composite
def _copies(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Corpora, and a text of parts of them and of others."""
    corpora = draw(CORPORA)
    whole = "".join(corpora)
    place = st.integers(0, len(whole))
    part = st.builds(lambda a, b: whole[min(a, b) : max(a, b)], place, place)
    parts = draw(st.lists(part | st.text("abz", max_size=4), max_size=4))
    return "".join(parts)[:60], corpora


@pytest.mark.parametrize("weak", [False, True])
@settings(max_examples=150)
@given(_copies())
@example(("a" * 50, ["a" * 30, "a" * 70]))
@example(("ab" * 25, ["a" + "ab" * 9 + "b" + "ab" * 20]))
def test_it_is_exact(folder: Path, weak: bool, case: tuple[str, list[str]]) -> None:
    """Length, place and share are those that trying out every span gives."""
    text, corpora = case
    names = _write(folder, corpora)
    with _small(weak=weak):
        found = _compare(text, names)
    assert found == _oracle(text, names, corpora, SHORT_RUN)


def _thue_morse(count: int) -> str:
    """Overlap-free, and where simple rolling hashes collide."""
    return "".join("ab"[number.bit_count() % 2] for number in range(count))


def _fibonacci(count: int) -> str:
    """A text with as few different windows as one without a period can have."""
    one, two = "a", "ab"
    while len(two) < count:
        one, two = two, two + one
    return two[:count]


def _random(count: int) -> str:
    return "".join(np.random.default_rng(1).choice(list("abcdefgh\n"), count))


@pytest.mark.parametrize(
    "make", [lambda n: "a" * n, lambda n: "ab" * (n // 2), _thue_morse, _fibonacci, _random]
)
@pytest.mark.parametrize("size", [1_000, 40_000])
def test_hard_texts(
    make: Callable[[int], str], size: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The corpus itself as the text is one copy; the work for each character hardly grows with it."""
    work = 0
    same = novelty._Windows._same

    def counted(text: novelty.Codes, length: int, salt: int = 0) -> NDArray[np.uint64]:
        nonlocal work
        work += len(text)
        return FINGERPRINTS(text, length, salt)

    def verified(self: Any, other: novelty.Codes, places: Any, starts: Any) -> Any:
        nonlocal work
        work += len(places)
        return same(self, other, places, starts)

    monkeypatch.setattr(novelty, "_fingerprints", counted)
    monkeypatch.setattr(novelty._Windows, "_same", verified)
    corpus = make(size)
    names = _write(folder, [corpus[: size // 2] + "#" + corpus[size // 2 :], corpus])
    found = _compare(corpus, names)
    assert (found.copied, found.span, found.start) == (size, corpus, 0)
    assert (found.source, found.line) == (names[1], 1)
    assert work < 120 * size


def test_runs(folder: Path) -> None:
    """30 characters are not a copied run, 31 are; overlapping runs count once."""
    corpus = _random(4000).replace("\n", "h")
    names = _write(folder, [corpus])
    assert _compare(corpus[100:130], names).copied == 0
    assert _compare(corpus[100:131], names).copied == 31
    assert _compare(f"##{corpus[100:131]}##{corpus[7:37]}#", names).copied == 31
    overlapping = corpus[200:240] + corpus[1000:1035]
    assert _compare(overlapping, names).copied == 75
    assert _compare(overlapping, names).share == 1.0
    assert _compare("", names) == Novelty(0)
    assert _compare("", names).share == 0.0
    assert _compare("#", names) == Novelty(1)


def test_where_it_stands(folder: Path) -> None:
    """The first file, by its name, and the line; nothing goes from one file over to the next."""
    names = _write(folder, ["one\r\ntwo\r\nthree four\r\n", "five\nthree four\ncafe\u0301\n"])
    found = _compare("\nthree four", names, TextConfig())
    assert (found.source, found.line) == (names[0], 2)
    found = _compare("e\nthree four\n", names, TextConfig())
    assert (found.source, found.line, len(found.span)) == (names[1], 1, 13)
    assert _compare("four\nfive", names, TextConfig()).span == "four\n"
    composed = _compare("caf\u00e9", names, TextConfig())
    assert (composed.span, composed.line) == ("caf\u00e9", 3)
    assert _compare("caf\u00e9", names, AS_IT_IS).span == "caf"
    record = _compare("five", names, TextConfig(records=True))
    assert (record.source, record.line) == (names[1], 1)
    raw = _compare("e\xcc\x81".encode("latin-1").decode("latin-1"), names, TextConfig(unit="byte"))
    assert (raw.span, raw.line) == ("e\xcc\x81", 3)


def test_originals_are_looked_at_first(folder: Path) -> None:
    """What is wrong with a file is told before a text is written."""
    (folder / "latin1.txt").write_bytes(b"caf\xe9\n")
    (folder / "empty.txt").write_bytes(b"")
    for name, message in (
        ("latin1.txt", "not UTF-8"),
        ("missing.txt", "no such file"),
        ("empty.txt", "no text to compare with"),
    ):
        for config in (TextConfig(), TextConfig(records=True)):
            with ExitStack() as stack, pytest.raises(InputError, match=message):
                Originals([str(folder / name)], config, stack)


# --------------------------------------------------------------------------- on the command line


@pytest.fixture
def model(run: Run) -> str:
    """A model that knows nothing, in the working folder."""
    assert run("--version").code == 0
    corpus = charrnn.load_corpus(["corpus.txt"])
    config = charrnn.ModelConfig(hidden_size=8, num_layers=1)
    charrnn.save_checkpoint(Training(corpus, config).checkpoint(), "model.npz")
    return "model.npz"


def test_told_on_standard_error(run: Run, model: str) -> None:
    """The text stays as it was; a file that holds it is found out, the prime apart."""
    options = ("sample", model, "--seed", 5, "-n", 200, "--prime", "It was ", "--quiet")
    plain = run(*options)
    assert plain.err == ""
    written = plain.out.removeprefix("It was ")
    Path("own.txt").write_text(f"no\nnot here\n{written}\n", encoding="utf-8")
    told = run(*options, "--novelty", "corpus.txt", "--novelty", "own.txt")
    assert (told.code, told.out) == (0, plain.out)
    shown = json.dumps(f"{written[:59]}…", ensure_ascii=False)
    assert told.err == (
        "novelty (seed 5): 100.0% of 200 characters are in copied runs of over 30; "
        f"the longest run, 200, is in own.txt, line 3: {shown}\n"
    )
    Path("digits.txt").write_text("0" * 50, encoding="utf-8")
    nothing = run("sample", model, "--ban", "0", "-n", 9, "--novelty", "digits.txt", "-q")
    assert nothing.err.endswith(
        "0.0% of 9 characters are in copied runs of over 30; not one is known\n"
    )


def test_each_text_is_told_of(run: Run, model: str) -> None:
    """Several texts: a line each, under its own seed."""
    told = run(
        *("sample", model, "--seed", 3, "--num-samples", 3, "-n", 40),
        *("--novelty", "corpus.txt"),
    )
    seeds = [line.split(":")[0] for line in told.err.splitlines() if line.startswith("novelty")]
    assert seeds == [f"novelty (seed {seed})" for seed in (3, 4, 5)]


def test_told_in_json(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object has the figures, and standard error is left alone."""
    options = ("--novelty", "corpus.txt", "--seed", 5, "-n", 80, "--quiet")
    outcome = run("sample", model, "--json", *options)
    values = json.loads(outcome.out)
    found = _compare(values["text"], ["corpus.txt"], TextConfig())
    assert values["novelty"] == {
        "copied": found.share,
        "longest": len(found.span),
        "span": found.span,
        "start": found.start,
        "file": "corpus.txt",
        "line": found.line,
    }
    assert found.span
    assert outcome.err == ""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"prime": "It", "id": 1}\n')))
    values = json.loads(run("sample", model, "-", "--jsonl", *options).out)
    assert (values["id"], values["novelty"]["file"]) == (1, "corpus.txt")
    corpus = Path("corpus.txt").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(corpus)))
    outcome = run("sample", model, "--json", "--novelty", "-", "-n", 80, "--seed", 5, "--quiet")
    assert json.loads(outcome.out)["novelty"]["file"] == "-"
    assert json.loads(outcome.out)["novelty"]["longest"] == len(found.span)


@pytest.mark.parametrize("kind", ["--records", "--bytes"])
def test_other_kinds(run: Run, kind: str) -> None:
    """Records and bytes are compared as their models read."""
    options = ("--hidden-size", 4, "--num-layers", 1, "--epochs", 1, "--quiet", "-o", "m.npz")
    assert run("train", "corpus.txt", kind, *options).code == 0
    outcome = run(
        *("sample", "m.npz", "--seed", 1, "-n", 30, "--json", "--num-samples", 2),
        *("--novelty", "corpus.txt"),
    )
    config = TextConfig(records=True) if kind == "--records" else TextConfig(unit="byte")
    for line in outcome.out.splitlines():
        values = json.loads(line)
        raw = values["text"].encode("utf-8", "surrogateescape").decode(config.encoding)
        found = _compare(raw, ["corpus.txt"], config)
        assert values["novelty"]["longest"] == len(found.span) > 0
        assert values["novelty"]["line"] == found.line >= 1


@pytest.mark.parametrize(
    ("message", "options"),
    [
        ("missing.txt: no such file", ("--novelty", "missing.txt")),
        ("latin1.txt: not UTF-8", ("--novelty", "latin1.txt")),
        ("never ends", ("--novelty", "corpus.txt", "--length", 0)),
        ("standard input holds the prompts", ("-", "--novelty", "-")),
    ],
)
def test_wrong_asks(run: Run, model: str, message: str, options: tuple[object, ...]) -> None:
    """One line, and nothing is written."""
    Path("latin1.txt").write_bytes(b"caf\xe9\n")
    outcome = run("sample", model, *options, "--quiet")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
