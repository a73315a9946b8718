"""Files that are found, written, kept and missed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Run, Trained

TEXT = "A cat hid in a hat.\nThe hat hid, and the cat hid too.\n" * 40
TINY = ("--hidden-size", "4", "--num-layers", "1", "--steps", "2", "-q")


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="pathlib's * finds hidden files")
def test_10_hidden_files_are_no_checkpoints(run: Run, trained: Trained) -> None:
    """What macOS puts beside each file on a foreign disk is not the newest model."""
    Path("checkpoints").mkdir()
    shutil.copy(trained(TEXT), "checkpoints/cats.npz")
    Path("checkpoints/._cats.npz").write_bytes(b"\0\5\x16\7 of another system")
    os.utime("checkpoints/cats.npz", (1e9, 1e9))
    outcome = run("inspect", "--json")
    assert outcome.code == 0
    assert Path(json.loads(outcome.out)["checkpoint"]) == Path("checkpoints/cats.npz")
    assert run("sample", "-n", 3, "-q").code == 0


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="steps are stored before they are looked at"
)
@pytest.mark.parametrize("shorter", [("--steps", 5), ("--epochs", 1)], ids=["steps", "epochs"])
@pytest.mark.parametrize("quiet", [(), ("-q",)], ids=["loud", "quiet"])
def test_17_resume_with_fewer_steps(
    run: Run, trained: Trained, shorter: tuple[str, int], quiet: tuple[str, ...]
) -> None:
    """It is refused in one line that tells how far the run is, and the file stays as it is."""
    path = Path(shutil.copy(trained(TEXT), "m.npz"))
    before = path.read_bytes()
    Path("learnt.txt").write_bytes(TEXT.encode())
    outcome = run("train", "learnt.txt", "--resume", path, *shorter, *quiet)
    assert outcome.code == 2
    assert "20 steps are done" in outcome.err
    assert path.read_bytes() == before


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="only the missing file is named")
def test_27_resume_where_the_corpus_is_not(run: Run) -> None:
    """The error says that the run began with that file, and how to name it where it is now."""
    assert run("train", "corpus.txt", *TINY, "-o", "m.npz").code == 0
    Path("corpus.txt").rename("moved.txt")
    outcome = run("train", "--resume", "m.npz", "--steps", 4)
    assert outcome.code == 2
    assert "corpus.txt: no such file" in outcome.err
    assert "--resume m.npz" in outcome.err


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such files")
def test_27_resume_after_a_pipe(run: Run) -> None:
    """What is said of standard input: give it again."""
    reading, writing = os.pipe()
    os.write(writing, TEXT.encode())
    os.close(writing)
    try:
        assert run("train", f"/dev/fd/{reading}", *TINY, "-o", "m.npz").code == 0
        outcome = run("train", "--resume", "m.npz", "--steps", 4)
    finally:
        os.close(reading)
    assert outcome.code == 2
    assert "give it again" in outcome.err


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a text that has grown is another one"
)
def test_27_resume_after_the_text_has_grown(run: Run) -> None:
    """It has changed since: how long it was, and how long it is."""
    Path("corpus.txt").write_bytes(TEXT.encode())
    assert run("train", "corpus.txt", *TINY, "-o", "m.npz").code == 0
    Path("corpus.txt").write_bytes(f"{TEXT}The hat.\n".encode())
    outcome = run("train", "--resume", "m.npz", "--steps", 4)
    assert outcome.code == 2
    assert "changed" in outcome.err
    assert f"{len(TEXT):,}" in outcome.err
    assert f"{len(TEXT) + 9:,}" in outcome.err


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a final slash is lost")
def test_29_output_into_a_folder(run: Run) -> None:
    """models/ is a folder: it gets the model, or the error says that a file has to be named."""
    outcome = run("train", "corpus.txt", *TINY, "-o", "models/")
    assert not Path("models").is_file()
    assert outcome.code == 2 or Path("models/corpus.npz").is_file()


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a page is written over any file")
def test_30_a_page_is_not_written_over_a_text(run: Run, trained: Trained) -> None:
    """Only over a page: "--html corpus.txt" reads like "of this file", and would lose it."""
    before = Path("corpus.txt").read_bytes()
    outcome = run("inspect", trained(TEXT), "--html", "corpus.txt")
    assert Path("corpus.txt").read_bytes() == before
    assert outcome.code == 2
    assert "corpus.txt: " in outcome.err
    Path("page.html").write_text("<!doctype html>", encoding="utf-8")
    assert run("inspect", trained(TEXT), "--html", "page.html").code == 0


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a picture is written over any file")
@pytest.mark.parametrize("kind", ["--png", "--svg"])
def test_30_nor_is_a_picture(run: Run, trained: Trained, kind: str) -> None:
    """The same for pictures."""
    pytest.importorskip("matplotlib")
    before = Path("corpus.txt").read_bytes()
    outcome = run("inspect", trained(TEXT), "--weights", kind, "corpus.txt")
    assert Path("corpus.txt").read_bytes() == before
    assert outcome.code == 2
