"""Files in other encodings, with other line ends, or with nothing in them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from conftest import Run, Trained

from charrnn.text.encodings import wide_encoding

TEXT = "A hen sat in the sun.\nThe sun sat on a hen.\n" * 40
READING = {
    "train": ("train", "wide.txt", "-q"),
    "score": ("score", "MODEL", "wide.txt"),
    "prime-file": ("sample", "MODEL", "--prime-file", "wide.txt", "-q"),
    "novelty": ("sample", "MODEL", "--novelty", "wide.txt", "-n", "2", "-q"),
    "text": ("inspect", "MODEL", "--text", "wide.txt"),
    "on": ("inspect", "MODEL", "--neurons", "--on", "wide.txt"),
}


def _read(run: Run, trained: Trained, command: str) -> str:
    model = str(trained(TEXT))
    outcome = run(*(model if word == "MODEL" else word for word in READING[command]))
    assert outcome.code == 2
    return outcome.err


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("command", READING)
def test_13_utf_16_is_recognised(run: Run, trained: Trained, command: str, encoding: str) -> None:
    """Every command says what the file is, and how to convert it without zeros in it."""
    Path("wide.txt").write_bytes(f"\ufeff{TEXT}".encode(encoding))
    err = _read(run, trained, command)
    assert "wide.txt: is UTF-16" in err
    assert "iconv -f utf-16 -t utf-8" in err


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("command", READING)
def test_13_utf_32_is_recognised(run: Run, trained: Trained, command: str, encoding: str) -> None:
    """Not as UTF-16: that conversion would leave zeros in it."""
    Path("wide.txt").write_bytes(f"\ufeff{TEXT}".encode(encoding))
    err = _read(run, trained, command)
    assert "wide.txt: is UTF-32" in err
    assert "-f utf-16" not in err


@pytest.mark.parametrize("options", [(), ("--records",)], ids=["text", "records"])
def test_22_cr_line_ends(run: Run, options: tuple[str, ...]) -> None:
    """Old Macintosh line ends are read as LF, or at least there is a notice of them."""
    Path("old.txt").write_bytes(TEXT.replace("\n", "\r").encode())
    err = run("train", "old.txt", "--hidden-size", 4, "--steps", 2, *options).err
    notices = [line for line in err.splitlines() if line.startswith("notice")]
    assert [line for line in notices if "CR" in line and "CR LF" not in line]


@pytest.mark.parametrize("command", ["train", "score"])
def test_23_advice_for_windows_1252(run: Run, trained: Trained, command: str) -> None:
    """Bytes 80 to 9F are no Latin-1 text: the advice gives the quotes that were meant."""
    Path("wide.txt").write_bytes("The hen\u2019s \u201csun\u201d \u2013 a hen\n".encode("cp1252"))
    err = _read(run, trained, command)
    assert "iconv -f cp1252 -t utf-8" in err
    assert "latin1" not in err


def test_35_an_empty_file_among_others(run: Run) -> None:
    """There is a notice: a download or an export has failed."""
    Path("void.txt").touch()
    outcome = run("train", "void.txt", "corpus.txt", "--hidden-size", 4, "--steps", 2)
    assert outcome.code == 0
    assert "notice: void.txt is empty" in outcome.err


OTHERS = {
    **READING,
    "prime-text": ("sample", "MODEL", "--prime-text", "wide.txt", "-q"),
    "jsonl": ("sample", "MODEL", "--prime-file", "wide.txt", "--jsonl", "-q"),
    "counts": ("inspect", "MODEL", "--ngrams", "--counts", "wide.txt"),
}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("command", OTHERS)
def test_13_without_a_mark(run: Run, trained: Trained, command: str, encoding: str) -> None:
    """Zeros at one place of each unit tell it, and iconv is told the order of the bytes."""
    Path("wide.txt").write_bytes(TEXT.encode(encoding))
    model = str(trained(TEXT))
    outcome = run(*(model if word == "MODEL" else word for word in OTHERS[command]))
    assert (outcome.code, outcome.out) == (2, "")
    form, size, order = encoding.split("-")
    assert f"wide.txt: is UTF-{size}, not UTF-8" in outcome.err
    assert f"iconv -f {form}-{size}{order} -t utf-8" in outcome.err


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Не спи, не спи, художник.\nНе предавайся сну.\n", True),
        ("Τη γλώσσα μού έδωσαν ελληνική.\n", True),
        ("ein Vögelein, 12 Würmer\n" * 300 + "𝄞", True),
        ("one name\0another\0a third one\0and so on\0", False),
        ("\0" * 99, False),
        ("short", False),
    ],
)
def test_13_zeros_that_are_none(text: str, found: bool) -> None:
    """Of any alphabet with blanks; names that zeros separate, and zeros alone, are UTF-8."""
    for encoding in ("utf-16-le", "utf-16-be") if found else ("utf-8",):
        assert (wide_encoding(text.encode(encoding)) is not None) == found


@pytest.mark.parametrize(
    "command",
    [
        ("score", "MODEL", "NAME", "--per-line", "--independent-lines"),
        ("sample", "MODEL", "--prime-file", "NAME", "-n", 3, "-q", "--seed", 1),
        ("sample", "MODEL", "--prime-text", "NAME", "-n", 3, "-q", "--seed", 1),
        ("sample", "MODEL", "--novelty", "NAME", "-n", 30, "--seed", 1),
        ("sample", "RECORDS", "--novel-only", "NAME", "--seed", 1, "-q"),
        ("inspect", "MODEL", "--text", "NAME", "--json"),
    ],
    ids=lambda command: command[2],
)
def test_22_every_command_reads_cr_alike(
    run: Run, trained: Trained, command: tuple[object, ...]
) -> None:
    """As if each were LF: lines are lines, and known records are known."""
    words = {"MODEL": trained(TEXT), "RECORDS": trained(TEXT, "--records"), "NAME": "text.txt"}
    told = []
    for end in ("\n", "\r"):
        Path("text.txt").write_bytes(TEXT[:90].replace("\n", end).encode())
        told.append(run(*(words.get(str(word), word) for word in command)))
    assert told[0] == told[1]
    assert told[0].code == 0


def test_22_cr_in_a_pipe(run: Run, trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read as it comes is told by its first line ends."""
    for end in (b"\n", b"\r"):
        raw = io.BytesIO(b"A hen sat.\nThe sun.\n".replace(b"\n", end))
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
        outcome = run("score", trained(TEXT), "--per-line")
        assert [row.split("\t")[1] for row in outcome.out.splitlines()] == [
            "A hen sat.",
            "The sun.",
        ]


def test_22_cr_beside_lf_is_text(run: Run) -> None:
    """A progress bar in a log is no line end, and the line of an error is counted as it is read."""
    Path("log.txt").write_bytes(b"10 %\r20 %\rdone\nand on\n" * 9)
    outcome = run("train", "log.txt", "--hidden-size", 4, "--steps", 2)
    assert "notice: old" not in outcome.err
    assert ", 12 different" in outcome.err
    Path("old.txt").write_bytes(b"one line\ranother\rcaf\xe9\r")
    assert "byte 20 (line 3)" in run("train", "old.txt").err


@pytest.mark.parametrize("nothing", [b"", b"\xef\xbb\xbf"], ids=["zero bytes", "a mark"])
def test_35_a_run_is_not_named_after_nothing(run: Run, nothing: bytes) -> None:
    """It is no source of what was learnt, but all that are named are told where all are empty."""
    Path("void.txt").write_bytes(nothing)
    Path("too.txt").write_bytes(nothing)
    tiny = ("--hidden-size", 4, "--steps", 2)
    outcome = run("train", "void.txt", "corpus.txt", "too.txt", *tiny)
    assert Path(outcome.out.strip()) == Path("checkpoints/corpus.npz")
    notices = [line for line in outcome.err.splitlines() if line.startswith("notice: ")]
    assert notices[:2] == ["notice: void.txt is empty", "notice: too.txt is empty"]
    assert run("train", "--resume", outcome.out.strip(), "--steps", 4, "-q").code == 0
    assert "void.txt, too.txt: no text" in run("train", "void.txt", "too.txt").err


def test_35_nothing_to_compare_with_is_told(run: Run, trained: Trained) -> None:
    """A file that is empty by accident would let everything through as new."""
    Path("void.txt").touch()
    novelty = ("--novelty", "corpus.txt", "--novelty", "void.txt", "-n", 3, "-q")
    assert run("sample", trained(TEXT), *novelty).err.startswith("notice: void.txt is empty\n")
    novel = run("sample", trained(TEXT, "--records"), "--novel-only", "void.txt", "-q")
    assert (novel.code, novel.err) == (0, "notice: void.txt is empty\n")
