"""Files in other encodings, with other line ends, or with nothing in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run, Trained

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
