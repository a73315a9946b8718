"""``charrnn play``: a page in a browser, or a prompt in a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from conftest import Once, Run
from samples import TINY
from talking import CHARRNN

import charrnn

SEED = ("--seed", 4, "--length", 30, "--terminal")


class _Browser:
    """One that notes what it is to show."""

    def __init__(self, *, opens: bool = True) -> None:
        self.opens, self.shown = opens, list[str]()

    def open(self, address: str) -> bool:
        self.shown.append(address)
        return self.opens


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Browser:
    """A screen, with a browser; pages that are written for it go where they are removed again."""
    found = _Browser()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "get", lambda: found)
    return found


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No screen."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


def _continued(path: Path, prime: str, length: int, seed: int = 4, temperature: float = 0.8) -> str:
    model = charrnn.load(path)
    return "".join(
        charrnn.generate(model, prime=prime, length=length, rng=seed, temperature=temperature)
    )


def test_a_page(run: Run, model: Path, screen: _Browser, tmp_path: Path) -> None:
    """It is written to a place of its own, told, and opened."""
    outcome = run("play")
    assert outcome.code == 0, outcome.err
    page = Path(outcome.out.strip())
    assert screen.shown == [page.as_uri()]
    assert page.name == f"{model.stem}.html" and page.parent.parent == tmp_path
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    if os.name == "posix":
        assert page.parent.stat().st_mode & 0o077 == 0


def test_settings_of_the_prompt(run: Run, model: Path, screen: _Browser) -> None:
    """It is told that a page does not take them."""
    assert "--terminal" not in run("play", model).err
    for setting in (("--temp", 0.8), ("--seed", 1), ("--length", 300), ("--label", "x")):
        outcome = run("play", model, *setting)
        assert outcome.code == 0 and f"{setting[0]} is for --terminal" in outcome.err
    assert len(screen.shown) == 5


def test_a_prompt(piped: Any, model: Path) -> None:
    """What is typed is the prime; an empty line goes on with the same seed, as one long text."""
    outcome = piped("It was\n\n", "play", model, *SEED)
    assert outcome.code == 0, outcome.err
    whole = _continued(model, "It was", 60)
    assert outcome.out == f"It was{whole[:30]}\n{whole[30:]}\n"


def test_the_usual_temperature(piped: Any) -> None:
    """Of a model that has learnt enough for it to matter."""
    demo = Path(__file__).parents[1] / "checkpoints" / "demo.npz"
    outcome = piped("The \n", "play", demo, *SEED)
    assert outcome.out == f"The {_continued(demo, 'The ', 30)}\n"
    assert _continued(demo, "The ", 30) != _continued(demo, "The ", 30, temperature=1.0)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a screen")
@pytest.mark.usefixtures("bare")
def test_without_a_browser(piped: Any, model: Path) -> None:
    """It says so, and is at the prompt."""
    outcome = piped("", "play", model, *SEED[:-1])
    assert (outcome.code, outcome.out) == (0, "")
    assert "there is no browser here" in outcome.err


def test_a_browser_that_does_not_open(
    piped: Any, model: Path, screen: _Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    screen.opens = False
    outcome = piped("It\n", "play", model, *SEED[:-1])
    assert outcome.code == 0
    assert outcome.out.splitlines()[1:] == f"It{_continued(model, 'It', 30)}".splitlines()


def test_commands(piped: Any, model: Path) -> None:
    """Settings, what is taken back, what is saved; what is wrong is one line, and nothing ends."""
    said = (
        ":temp 0\n:length 20\nIt was\n:seed 9\n:temp 1\n\n:undo\n:save text.txt\n:save text.txt\n"
        ":temp x\n:length 0\n:length -3\n:top-p 7\n:nothing\n:label x\n:seed -1\n:undo\n:undo\n:undo\n:help\n"
        ":save missing/a.txt\n"
    )
    outcome = piped(said, "play", model, *SEED)
    assert outcome.code == 0, outcome.err
    cold = _continued(model, "It was", 20, temperature=0)
    warm = _continued(model, f"It was{cold}", 20, seed=9, temperature=1)
    assert outcome.out == f"It was{cold}\n{warm}\n"
    assert Path("text.txt").read_text(encoding="utf-8") == f"It was{cold}"
    for words in (
        "text.txt: 26 characters",
        "text.txt: exists already",
        ":temp takes a number, as in :temp 0.7, not 'x'",
        ":length is at least 1",
        "top-p",
        ":nothing is nothing that is known",
        "writes for no labels",
        ":seed must be at least 0",
        "nothing to take back",
        "Ctrl-D ends",
        "missing",
    ):
        assert words in outcome.err
    assert "Traceback" not in outcome.err


def test_unknown_characters(piped: Any, model: Path) -> None:
    """They are told and replaced; a colon can be written."""
    outcome = piped("Å☃ wäs\n::a\n", "play", model, *SEED)
    assert outcome.code == 0
    assert "the model does not know ☃" in outcome.err
    assert "ä: a stands in for it" in outcome.err
    known = charrnn.load(model).vocabulary.known
    first, second = (f"{known(typed, 'replace')}" for typed in ("Å☃ wäs", ":a"))
    assert outcome.out == "".join(
        f"{each}{_continued(model, each, 30)}\n" for each in (first, second)
    )
    assert first.startswith("Å") and first.endswith("was")


def test_records(run: Run, piped: Any, once: Once) -> None:
    """For a label; each line goes on with the seed after that of the line before."""
    Path("names.tsv").write_text("x\tanna\ny\tbert\n" * 30, encoding="utf-8")
    path = once(run, "c.npz", "names.tsv", "--task", "conditional", *TINY)
    options = ("play", path, "--seed", 4, "--length", 100, "--terminal")
    assert piped("", *options).code == 2
    outcome = piped("\n\n:label y\n\n:label\n", *options, "--label", "x")
    assert outcome.code == 0, outcome.err
    model = charrnn.load(path)

    def first(label: str, count: int) -> list[str]:
        records = charrnn.generate_records(
            model.writing({label: 1.0}), rng=4, length=100, temperature=0.8
        )
        return [next(records) for _ in range(count)]

    assert outcome.out.splitlines() == [*first("x", 2), *first("y", 1)]
    assert "x, y" in outcome.err


def test_bytes(run: Run, once: Once) -> None:
    """Any byte may come and go, and a text is gone on with whatever it ends in."""
    Path("b.bin").write_bytes(bytes(range(256)) * 8)
    path = once(run, "b.npz", "b.bin", "--bytes", *TINY)
    said = "é\n\n:temp 2\n\n:save out.bin\n".encode() + b"\xff\xfe\n"
    command = [*CHARRNN, "play", str(path), *map(str, SEED)]
    done = subprocess.run(command, input=said, capture_output=True, check=True)
    written = Path("out.bin").read_bytes()
    assert len(written) == 2 + 90 and written.startswith("é".encode())
    assert done.stdout.startswith(written[:32] + b"\n" + written[32:62] + b"\n")
    assert b"\xff\xfe" in done.stdout


def test_no_text(model: Path) -> None:
    """What is not UTF-8 is told in a line, and the next one is answered."""
    command = [*CHARRNN, "play", str(model), *map(str, SEED)]
    done = subprocess.run(command, input=b"\xff\nIt\n", capture_output=True, check=True)
    assert done.stderr == b"charrnn: the text: not UTF-8 text\n"
    assert done.stdout.decode() == f"It{_continued(model, 'It', 30)}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_at_a_terminal(model: Path) -> None:
    """It is asked for a line, and Ctrl-D ends."""
    import pty

    parent, child = pty.openpty()
    command = [*CHARRNN, "play", str(model), *map(str, SEED)]
    with subprocess.Popen(command, stdin=child, stdout=child, stderr=child) as process:
        os.close(child)
        line = f"It was{_continued(model, 'It was', 30)}".splitlines()[0].encode()
        told = b""

        def answer(asked: int, said: bytes) -> None:
            nonlocal told
            while told.count(b"> ") < asked:
                ready, _, _ = select.select([parent], [], [], 60)
                assert ready, told
                told += os.read(parent, 4096)
            os.write(parent, said)

        answer(1, b"It was\n")
        answer(2, b"\x04")
        assert process.wait(timeout=60) == 0
    os.close(parent)
    assert b"Ctrl-D ends" in told
    assert line in told


REWRITING = ("--task", "seq2seq", "--features", *TINY)


def _readers(run: Run, once: Once) -> dict[str, Path]:
    """A model for each task of those that answer."""
    pairs = [("anna", "x"), ("bert", "y"), ("carl", "z")]
    Path("names.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs * 20), encoding="utf-8")
    Path("tags.tsv").write_text("anna\tABBA\nbert\tABAA\n" * 20, encoding="utf-8")
    Path("forms.tsv").write_text("anna\tannas\tN;PL\nbert\tbert\tN;SG\n" * 20, encoding="utf-8")
    return {
        "classify": once(run, "labels.npz", "names.tsv", "--task", "classify", *TINY),
        "tag": once(run, "tags.npz", "tags.tsv", "--task", "tag", *TINY),
        "seq2seq": once(run, "forms.npz", "forms.tsv", *REWRITING),
    }


def test_who_answers(run: Run, piped: Any, once: Once) -> None:
    """Each line has the answer that ``charrnn predict`` has for it; how is said with a colon."""
    models = _readers(run, once)

    def predicted(name: str, line: str, *options: object) -> list[str]:
        Path("line.txt").write_text(f"{line}\n", encoding="utf-8")
        return run("predict", models[name], "line.txt", *options).out.rstrip("\n").split("\t")

    def listed(cells: list[str]) -> str:
        return "".join(f"{a}\t{b}\n" for a, b in zip(cells[::2], cells[1::2], strict=True))

    outcome = piped(
        "anna\n:top 1\nb\u2603rt\n:top 0\n:beam 2\n", "play", models["classify"], "--terminal"
    )
    expected = predicted("classify", "anna", "--top", 3) + predicted(
        "classify", "b\u2603rt", "--top", 1
    )
    assert (outcome.code, outcome.out) == (0, listed(expected))
    for words in (
        "not known to the model, which reads: b",
        "top must be",
        ":beam is nothing that is",
    ):
        assert words in outcome.err

    refused = run("play", models["tag"], "--terminal", "--temp", 0.8)
    assert refused.code == 2 and "--temp is for a model that writes" in refused.err

    outcome = piped("anna\n:top 1\n:help\n", "play", models["tag"], "--terminal")
    assert (outcome.code, outcome.out) == (0, "\t".join(predicted("tag", "anna")) + "\n")
    assert ":top is nothing that is known" in outcome.err and "Ctrl-D ends" in outcome.err

    said = (
        "anna\\tN;SG\nanna\n:top 2\n:beam 1\nanna\tN;PL\n:length-penalty 1\n:beam x\nanna\tN;PL\n"
    )
    outcome = piped(said, "play", models["seq2seq"], "--terminal")
    expected = predicted("seq2seq", "anna\tN;SG", "--top", 3)
    for more in ((), ("--length-penalty", 1)):
        expected += predicted("seq2seq", "anna\tN;PL", "--top", 1, "--beam", 1, *more)
    assert (outcome.code, outcome.out) == (0, listed(expected))
    assert "a line is a source, a TAB and its features" in outcome.err
    assert ":beam takes a number" in outcome.err and "Traceback" not in outcome.err


def test_pages_of_who_answers(
    run: Run, once: Once, screen: _Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They open, too."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for path in _readers(run, once).values():
        outcome = run("play", path)
        assert outcome.code == 0, outcome.err
        assert screen.shown[-1] == Path(outcome.out.strip()).as_uri()


def test_refused(run: Run, model: Path, screen: _Browser) -> None:
    """Several models, settings that make no sense: one line each."""
    for arguments in (
        (model, model),
        (model, "x"),
        (model, "--seed", -1),
        (model, "--length", 0),
        (model, "--temp", -1),
    ):
        outcome = run("play", *arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert len(outcome.err.splitlines()) == 1
    assert screen.shown == []
