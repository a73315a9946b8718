"""One way from files to text: the same for every command, read again and again or as it comes."""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import Once, Run

import charrnn
from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text.source import Source
from charrnn.text.vocabulary import VERBATIM

TEXT = "été et hiver\n"
NAME = "named.txt"
COMMANDS: dict[str, tuple[object, ...]] = {
    "train": ("train", NAME, "--hidden-size", 4, "--steps", 1, "-q", "-o", "new.npz"),
    "init-from": ("train", NAME, "--init-from", "text.npz", "--steps", 1, "-q", "-o", "new.npz"),
    "score": ("score", "text.npz", NAME, "--per-char"),
    "score lines": ("score", "text.npz", NAME, "--per-line", "--independent-lines"),
    "prompts": ("sample", "text.npz", "--prime-file", NAME, "-n", 3, "-q", "--seed", 1),
    "novelty": ("sample", "text.npz", "--novelty", NAME, "-n", 30, "--seed", 1),
    "novel-only": ("sample", "records.npz", "--novel-only", NAME, "--seed", 1, "-q"),
    "text": ("inspect", "text.npz", "--text", NAME, "--json"),
    "on": ("inspect", "text.npz", "--on", NAME, "--gates", "--json"),
}
CP1252 = "convert it first (for instance iconv -f cp1252 -t utf-8)"
REFUSED: dict[str, tuple[bytes | None, str]] = {
    "UTF-16": (
        TEXT.encode("utf-16-le"),
        "is UTF-16, not UTF-8; convert it (iconv -f utf-16 -t utf-8)",
    ),
    "UTF-32": (
        TEXT.encode("utf-32-be"),
        "is UTF-32, not UTF-8; convert it (iconv -f utf-32 -t utf-8)",
    ),
    "bytes": (
        b"\xef\xbb\xbf" + TEXT.encode() + b"et \xe9t\xe9\n" * 9,
        f"not UTF-8 at byte 21 (line 2): 0xe9; {CP1252}",
    ),
    "missing": (None, "no such file"),
    "directory": (None, "is a directory; name the text files in it"),
}
posix = pytest.mark.skipif(os.name != "posix", reason="needs named pipes")


@pytest.fixture
def models(run: Run, once: Once) -> Run:
    """A folder with a model of text and one of records."""
    Path("learnt.txt").write_text(TEXT * 30, encoding="utf-8")
    for name, options in (("text.npz", ()), ("records.npz", ("--records",))):
        once(run, name, "learnt.txt", "--hidden-size", 4, "--steps", 2, *options)
    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tidies_alike(models: Run, command: str) -> None:
    """A mark, Windows line ends and decomposed letters make no difference to any of them."""
    told = []
    windows = "\ufeff" + (TEXT * 9).replace("é", "e\u0301").replace("\n", "\r\n")
    for content in (TEXT * 9, windows):
        Path(NAME).write_bytes(content.encode())
        outcome = models(*COMMANDS[command])
        assert outcome.code == 0, outcome.err
        if outcome.out == "new.npz\n":
            told.append(charrnn.load_checkpoint("new.npz").corpus.sha256)
            Path("new.npz").unlink()
        else:
            assert outcome.out
            told.append(outcome.out + outcome.err)
    assert told[0] == told[1]


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_alike(models: Run, command: str, kind: str) -> None:
    """What is no text is refused in the same words; only a new model could learn bytes instead."""
    content, said = REFUSED[kind]
    if content is not None:
        mark = {"UTF-16": b"\xff\xfe", "UTF-32": b"\0\0\xfe\xff"}.get(kind, b"")
        Path(NAME).write_bytes(mark + content)
    elif kind == "directory":
        Path(NAME).mkdir()
    elif command in ("text", "on"):
        assert "no such file; read as a text" in models(*COMMANDS[command]).err
        return
    outcome = models(*COMMANDS[command])
    if (command, kind) == ("train", "bytes"):
        said += ", or learn its bytes as they are with --bytes"
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"charrnn: {NAME}: {said}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_standard_input(
    models: Run, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``-`` is read by each of them; what is wrong has its name; a closed one is no crash."""
    arguments = ["-" if argument == NAME else argument for argument in COMMANDS[command]]
    raw = io.BytesIO(TEXT.encode() + b"et \xe9t\xe9\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
    outcome = models(*arguments)
    assert outcome.code == 2
    last = outcome.err.splitlines()[-1]
    assert last.startswith("charrnn: standard input: not UTF-8 at byte 18 (line 2): 0xe9")
    monkeypatch.setattr(sys, "stdin", None)
    closed = models(*arguments)
    assert closed.code == 2
    assert closed.err == "charrnn: standard input is closed; name a text file\n"


@pytest.mark.parametrize("command", ["text", "on"])
def test_a_long_text_is_no_name(models: Run, command: str) -> None:
    """An argument that may be a text or a file is a text where no file could have that name."""
    text = TEXT * 50
    outcome = models(*(text if argument == NAME else argument for argument in COMMANDS[command]))
    assert outcome.code == 0, outcome.err
    assert "the text given" in outcome.out


@posix
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_a_named_pipe(models: Run, command: str) -> None:
    os.mkfifo(NAME)
    writer = threading.Thread(target=Path(NAME).write_bytes, args=(TEXT.encode() * 9,))
    writer.start()
    outcome = models(*COMMANDS[command])
    writer.join()
    assert outcome.code == 0, outcome.err
    assert outcome.out


@pytest.mark.parametrize("command", ["score", "score lines", "prompts", "text", "on"])
def test_unknown_characters_have_a_line(models: Run, command: str) -> None:
    """The first line that has any is named, and those of others are not put on it."""
    Path(NAME).write_text(f"{TEXT}☃ et ♥\nété\n☂\n", encoding="utf-8")
    outcome = models(*COMMANDS[command])
    assert outcome.code == 2
    assert outcome.err == (
        f"charrnn: {NAME}, line 2: not in the model's vocabulary: '☃' (U+2603), '♥' (U+2665); "
        "add --unknown skip or --unknown replace\n"
    )
    assert models(*COMMANDS[command], "--unknown", "skip").code == 0
    outcome = models(*COMMANDS[command], "--unknown", "leave")
    assert outcome.err == "charrnn: --unknown must be error, skip or replace, not 'leave'\n"


@pytest.mark.parametrize("config", [VERBATIM, TextConfig(), TextConfig("byte")], ids=str)
def test_kept_or_as_it_comes(tmp_path: Path, config: TextConfig) -> None:
    """A text is the same either way, and again."""
    path = tmp_path / "text"
    path.write_bytes("\ufeffe\u0301\r\n☃\r\r\n𝄞 e\u0301".encode())
    with ExitStack() as stack:
        kept = Source(str(path), stack)
        assert kept.size == path.stat().st_size
        texts = ["".join(source.pieces(config)) for source in (Source(str(path)), kept, kept)]
    assert texts[0] == texts[1] == texts[2]
    changes = set() if config.unit == "byte" else {"\r\n"}
    assert kept.changes == changes | ({"NFC"} if config.normalize == "nfc" else set())


def test_pieces_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Characters, line ends and the byte order mark may be cut by a block, wherever it ends."""
    path = tmp_path / "text"
    path.write_bytes("\ufeffaé☃\r\n\r\r\n𝄞\n\r".encode())
    for block in range(1, 30):
        monkeypatch.setattr("charrnn.text.source.INCOMING", block)
        assert "".join(Source(str(path)).pieces(VERBATIM)) == "aé☃\n\r\n𝄞\n\r"
        lines = [line for group in Source(str(path)).line_groups(VERBATIM) for line in group]
        assert lines == ["aé☃\n", "\r\n", "𝄞\n", "\r"]
    path.write_bytes(b"one\ntwo\xe9 three")
    for block in (1, 3, 7, 8, 99):
        monkeypatch.setattr("charrnn.text.source.INCOMING", block)
        with pytest.raises(InputError, match=r"not UTF-8 at byte 7 \(line 2\): 0xe9"):
            list(Source(str(path)).pieces(VERBATIM))


def test_pieces_of_other_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is composed across any border, if its model's was; bytes stay what they are."""
    path = tmp_path / "text"
    raw = "e\u0301 a\u0323\u0302\r\n\u1112\u1161\u11ab\n\u0301e".encode()
    path.write_bytes(raw)
    composed = TextConfig()
    for block in range(1, 30):
        monkeypatch.setattr("charrnn.text.source.INCOMING", block)
        assert "".join(Source(str(path)).pieces(composed)) == "é ậ\n한\n\u0301e"
        assert "".join(Source(str(path)).pieces(TextConfig("byte"))).encode("latin-1") == raw
