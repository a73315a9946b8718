"""Files that are found, written, kept and missed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Run, Trained

from charrnn.cli.overwriting import require_place
from charrnn.errors import InputError

TEXT = "A cat hid in a hat.\nThe hat hid, and the cat hid too.\n" * 40
TINY = ("--hidden-size", "4", "--num-layers", "1", "--steps", "2", "-q")


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


def test_29_output_into_a_folder(run: Run) -> None:
    """models/ is a folder: it gets the model, or the error says that a file has to be named."""
    outcome = run("train", "corpus.txt", *TINY, "-o", "models/")
    assert not Path("models").is_file()
    assert outcome.code == 2 or Path("models/corpus.npz").is_file()


def test_30_a_page_is_not_written_over_a_text(run: Run, trained: Trained) -> None:
    """Only over a page: "--html corpus.txt" reads like "of this file", and would lose it."""
    before = Path("corpus.txt").read_bytes()
    outcome = run("inspect", trained(TEXT), "--html", "corpus.txt")
    assert Path("corpus.txt").read_bytes() == before
    assert outcome.code == 2
    assert "corpus.txt: " in outcome.err
    Path("page.html").write_text(PAGE, encoding="utf-8")
    assert run("inspect", trained(TEXT), "--html", "page.html").code == 0


@pytest.mark.parametrize("kind", ["--png", "--svg"])
def test_30_nor_is_a_picture(run: Run, trained: Trained, kind: str) -> None:
    """The same for pictures."""
    pytest.importorskip("matplotlib")
    before = Path("corpus.txt").read_bytes()
    outcome = run("inspect", trained(TEXT), "--weights", kind, "corpus.txt")
    assert Path("corpus.txt").read_bytes() == before
    assert outcome.code == 2


def test_17_as_many_steps_are_no_fewer(run: Run, trained: Trained) -> None:
    """A script that asks again for what is done gets the same answer again."""
    path = shutil.copy(trained(TEXT), "m.npz")
    Path("learnt.txt").write_bytes(TEXT.encode())
    outcome = run("train", "learnt.txt", "--resume", path, "--steps", 20)
    assert outcome.code == 0
    assert "nothing is left to do" in outcome.err
    assert run("train", "learnt.txt", "--resume", path, "--steps", 21, "-q").code == 0


def test_27_another_text_has_its_length_told(run: Run) -> None:
    """A text of another name is another one, also where it has characters that the model lacks."""
    assert run("train", "corpus.txt", *TINY, "-o", "m.npz").code == 0
    Path("other.txt").write_text("☃ and more snow\n" * 20, encoding="utf-8")
    outcome = run("train", "other.txt", "--resume", "m.npz")
    assert outcome.code == 2
    assert "other.txt: not the text that m.npz was trained on (corpus.txt, " in outcome.err
    assert "here are 320)" in outcome.err
    Path("corpus.txt").write_text("☃ and more snow\n" * 20, encoding="utf-8")
    assert "trained on: it has changed since (" in run("train", "--resume", "m.npz").err


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such files")
def test_27_the_next_command_does_not_name_a_pipe_that_is_gone(run: Run) -> None:
    """It has a - where the text has to be given again."""
    reading, writing = os.pipe()
    os.write(writing, TEXT.encode())
    os.close(writing)
    assert run("train", f"/dev/fd/{reading}", *TINY, "-o", "m.npz").code == 0
    os.close(reading)
    assert "charrnn train - --resume m.npz" in run("inspect", "m.npz").out
    assert "give it again" in run("train", "--resume", "m.npz").err


def test_29_a_folder_gets_fresh_names(run: Run) -> None:
    """Whether it is there or not, as long as it is written as one."""
    for name in ("corpus.npz", "corpus-2.npz"):
        outcome = run("train", "corpus.txt", *TINY, "-o", "models/new/")
        assert Path(outcome.out.strip()) == Path("models/new") / name
    assert "names a file" in run("train", "corpus.txt", *TINY, "-o", "models").err
    Path("file").touch()
    assert "file: is not a folder" in run("train", "corpus.txt", *TINY, "-o", "file/").err


PAGE = '<!doctype html>\n<html lang="en">\n<meta name="generator" content="charrnn 0.0.1">\n'


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes.md", "<p>", "exists, and is not a page"),
        ("report.html", "a poem", "exists, and is not a page of charrnn's"),
        ("index.html", "<!doctype html>\n<title>My site</title>", "exists, and is not a page"),
        ("report", PAGE, ""),
        ("nothing.html", "", ""),
        ("page.html", "PK\x03\x04", "exists, and is not a page"),
        ("seen.html", PAGE, "is read here, or was learnt"),
        ("./learnt.html", "", "is read here, or was learnt"),
        ("linked.html", "", "is read here, or was learnt"),
    ],
)
def test_30_what_a_page_may_replace(run: Run, name: str, content: str, said: str) -> None:
    """A page of its own, whatever its name is; never what is looked into, read or was learnt."""
    Path("learnt.html").write_text(PAGE + TEXT, encoding="utf-8")
    Path("linked.html").hardlink_to("learnt.html")
    assert run("train", "learnt.html", *TINY, "-o", "m.npz").code == 0
    if content or not Path(name).exists():
        Path(name).write_text(content, encoding="utf-8")
    before = Path(name).read_bytes()
    on = ("--on", "seen.html") if name == "seen.html" else ()
    outcome = run("inspect", "m.npz", "--html", name, *on)
    if said:
        assert outcome.code == 2
        assert said in outcome.err
        assert Path(name).read_bytes() == before
    else:
        assert outcome.code == 0
        assert Path(name).read_bytes().lstrip().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("kind", "content", "may"),
    [
        ("png", b"\x89PNG\r\n\x1a\n old", True),
        ("png", b"<svg>", False),
        ("svg", b'<?xml version="1.0"?>\n<!-- made by -->\n<!DOCTYPE svg>\n<svg width="1">', True),
        ("svg", b"<?xml version='1.0'?>\n<letters>", False),
        ("svg", b"a poem\n", False),
        ("png", b"a poem\n", False),
        ("html", b"<svg>", False),
    ],
)
def test_30_pictures_are_known_by_their_beginning(
    tmp_path: Path, kind: str, content: bytes, may: bool
) -> None:
    path = tmp_path / f"file.{kind}"
    path.write_bytes(content)
    if may:
        require_place(path, (), kind=kind)
    else:
        with pytest.raises(InputError, match="exists, and is not"):
            require_place(path, (), kind=kind)


@pytest.mark.skipif(os.name != "posix", reason="elsewhere links need a privilege")
def test_30_a_link_with_the_right_name_is_no_page(tmp_path: Path) -> None:
    """What would be written over is the file behind it."""
    notes, link = tmp_path / "notes.txt", tmp_path / "page.html"
    notes.write_text("my notes\n")
    link.symlink_to(notes)
    with pytest.raises(InputError, match="exists, and is not a page"):
        require_place(link, (), kind="html")
    notes.write_text(PAGE)
    require_place(link, (), kind="html")


def test_a_model_is_no_text(run: Run, trained: Trained) -> None:
    """What was meant is named; its bytes are a text if they are asked for."""
    shutil.copy(trained(TEXT), "m.npz")
    shutil.copy("m.npz", "renamed.txt")
    for name in ("m.npz", "renamed.txt"):
        outcome = run("train", name, *TINY)
        assert outcome.code == 2
        assert f"--resume {name}" in outcome.err
        assert f"--init-from {name}" in outcome.err
    assert run("train", "m.npz", "--bytes", *TINY).code == 0


def test_a_list_tells_what_it_passed_over(run: Run, trained: Trained) -> None:
    """On standard error, also where nothing else is here."""
    Path("checkpoints").mkdir()
    Path("checkpoints/empty.npz").touch()
    outcome = run("list")
    assert "passed over: 1 .npz file with nothing in it\n" in outcome.err
    Path("checkpoints/folder.npz").mkdir()
    Path("checkpoints/.hidden.npz").touch()
    shutil.copy(trained(TEXT), "checkpoints/m.npz")
    outcome = run("list", "--json")
    assert [Path(model["checkpoint"]).name for model in json.loads(outcome.out)["models"]] == [
        "m.npz"
    ]
    assert outcome.err == "passed over: 2 .npz files with nothing in them\n"
    assert run("list", "checkpoints/m.npz").err == ""


def test_a_model_that_is_named_twice(run: Run, trained: Trained) -> None:
    """Of two keys that are one JSON would lose a figure; columns have room for both."""
    shutil.copy(trained(TEXT), "m.npz")
    outcome = run("score", "m.npz", "./m.npz", "corpus.txt", "--unknown", "skip", "--json")
    assert (outcome.code, outcome.out) == (2, "")
    assert "m.npz: is named twice" in outcome.err
    assert run("score", "m.npz", "./m.npz", "corpus.txt", "--unknown", "skip").code == 0
