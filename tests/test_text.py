"""Text in, numbers out: vocabularies, files of every sort, and what is said of them."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import threading
import unicodedata
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import TextConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.text.corpus import MIN_CHARACTERS, Corpus, Scan, load_corpus
from charrnn.text.embedded import DEFAULT_SOURCE
from charrnn.text.vocabulary import BYTES, VERBATIM, Vocabulary

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
LINE = "The quick brown fox jumps over the lazy dog.\n"


@given(TEXTS)
def test_decode_encode(text: str) -> None:
    """Any text comes back as it was."""
    vocabulary = Vocabulary.of(text)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode(ids.tolist()) == text
    assert vocabulary.characters == "".join(sorted(set(text)))
    assert [vocabulary.characters[number] for number in ids] == list(text)


@given(TEXTS, TEXTS)
def test_extended_vocabulary(text: str, more: str) -> None:
    """Old characters keep their numbers, new ones follow, and both texts can be encoded."""
    old = Vocabulary.of(text)
    new = old.extended_by(more)
    assert new.characters.startswith(old.characters)
    assert set(new.characters) == set(text) | set(more)
    np.testing.assert_array_equal(new.encode(text), old.encode(text))
    assert new.decode(new.encode(more + text)) == more + text
    assert new.extended_by(text + more) == new


@given(TEXTS, TEXTS)
def test_unknown_characters(text: str, other: str) -> None:
    """Either all is known and comes back, or the error names just what is not."""
    vocabulary = Vocabulary.of(text)
    unknown = [c for c in dict.fromkeys(other) if c not in text]
    assert vocabulary.unknown_in(other) == "".join(unknown)
    if unknown:
        with pytest.raises(UnknownCharacterError) as caught:
            vocabulary.encode(other)
        assert caught.value.characters == "".join(unknown)
        assert f"U+{ord(unknown[0]):04X}" in str(caught.value)
        assert "\n" not in str(caught.value)
    else:
        assert vocabulary.decode(vocabulary.encode(other)) == other
    assert vocabulary.known(other, "skip") == "".join(c for c in other if c in text)
    replaced = vocabulary.known(other, "replace")
    assert vocabulary.unknown_in(replaced) == ""
    assert replaced.count("\n") == (other.count("\n") if "\n" in text else 0)


def test_many_unknown_characters() -> None:
    """The message stays short; the error has them all."""
    with pytest.raises(UnknownCharacterError, match=r"'a' .*'h' \(U\+0068\) and 3 more$") as caught:
        Vocabulary("z").encode("abcdefghijkz")
    assert caught.value.characters == "abcdefghijk"


@pytest.mark.parametrize(
    ("size", "dtype"), [(1, "u1"), (256, "u1"), (257, "u2"), (0x10000, "u2"), (0x10001, "u4")]
)
def test_smallest_type(size: int, dtype: str) -> None:
    """Numbers take no more room than they need, and the largest one still fits."""
    surrogates = range(0xD800, 0xE000)
    every = (chr(code) for code in range(0x110000) if code not in surrogates)
    characters = "".join(character for character, _ in zip(every, range(size), strict=False))
    vocabulary = Vocabulary(characters)
    ids = vocabulary.encode(characters[-1] + characters[0])
    assert ids.dtype == np.dtype(dtype)
    assert ids.tolist() == [size - 1, 0]


def test_order_is_kept() -> None:
    """A vocabulary in any order numbers its characters in that order."""
    vocabulary = Vocabulary("zéa\n☃")
    assert vocabulary.encode("az☃\né").tolist() == [2, 0, 4, 3, 1]
    assert vocabulary.encode("").tolist() == []
    assert vocabulary.decode([]) == ""
    assert len(vocabulary) == 5
    assert "é" in vocabulary
    assert "e" not in vocabulary
    assert vocabulary == Vocabulary("zéa\n☃")
    assert hash(vocabulary) == hash(Vocabulary("zéa\n☃"))
    assert vocabulary != Vocabulary("aéz\n☃")


@pytest.mark.parametrize("characters", ["", "aa", "aba"])
def test_no_vocabulary(characters: str) -> None:
    with pytest.raises(InputError, match="each just once"):
        Vocabulary(characters)


def test_lone_surrogates() -> None:
    """They are refused by name wherever they turn up."""
    for attempt in (Vocabulary, Vocabulary("ab").encode):
        with pytest.raises(InputError, match=r"U\+DC80 stands alone"):
            attempt("a\udc80")


@given(st.integers(MIN_CHARACTERS, 300), st.floats(0, 0.5))
def test_split(length: int, fraction: float) -> None:
    """Head and tail are the text, and neither is too short to predict anything."""
    corpus = Corpus.from_text(("abc" * length)[:length])
    train, validation = corpus.split(fraction)
    np.testing.assert_array_equal(np.concatenate([train, validation]), corpus.ids)
    assert len(train) >= 2
    tail = int(length * fraction)
    assert len(validation) == (tail if tail >= 2 else 0)


COMPOSED = st.text("ab é☃🎉\n", min_size=MIN_CHARACTERS)  # which no normalisation changes


@given(COMPOSED, TEXTS)
def test_corpus_is_its_text(text: str, more: str) -> None:
    """A corpus is its text in numbers, in its own characters or in those of a larger model."""
    corpus = Corpus.from_text(text)
    assert _text(corpus) == text
    assert len(corpus) == len(text)
    assert set(corpus.ids.tolist()) == set(range(len(corpus.vocabulary)))
    assert corpus.sha256 == hashlib.sha256(text.encode()).hexdigest()
    wider = Corpus.from_text(text, vocabulary=Vocabulary.of(more + text))
    assert _text(wider) == text
    assert wider.sha256 == corpus.sha256


@given(COMPOSED, st.data())
def test_a_text_in_parts_is_the_same(text: str, data: st.DataObject) -> None:
    """However a text is cut into files, they are one corpus, and the same one."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
    parts = [text[start:stop] for start, stop in pairwise([0, *cuts, len(text)])]
    with TemporaryDirectory() as folder:
        paths = [_file(Path(folder), part.encode(), str(n)) for n, part in enumerate(parts)]
        corpus = load_corpus(paths)
    assert _text(corpus) == text
    assert corpus.sha256 == Corpus.from_text(text).sha256


# ------------------------------------------------------------------------------------------- bytes

BYTE_CONFIG = TextConfig(unit="byte")


def test_byte_vocabulary() -> None:
    """All 256 bytes in order, whatever a text has of them; what is typed becomes UTF-8."""
    vocabulary = Vocabulary(BYTES, BYTE_CONFIG)
    assert vocabulary.symbols("é\n").encode("latin-1") == b"\xc3\xa9\n"
    assert vocabulary.symbols(b"\xff\x00") == "\xff\0"
    assert vocabulary.encode("\xff\0").tolist() == [255, 0]
    assert vocabulary.encode(BYTES).dtype == np.uint8
    with pytest.raises(InputError, match="256 bytes"):
        Vocabulary("ab", BYTE_CONFIG)
    with pytest.raises(UnknownCharacterError):
        vocabulary.encode("Ā")


@given(st.binary(min_size=MIN_CHARACTERS, max_size=200), st.integers(1, 50))
def test_byte_corpus(content: bytes, block: int) -> None:
    """Any file is learnt byte by byte as it is: no mark, line end or encoding is touched."""
    with TemporaryDirectory() as folder, mock.patch("charrnn.text.source.BLOCK", block):
        corpus = load_corpus([_file(Path(folder), content)], config=BYTE_CONFIG)
    assert corpus.ids.tobytes() == content
    assert corpus.sha256 == hashlib.sha256(content).hexdigest()
    assert corpus.vocabulary == Vocabulary(BYTES, BYTE_CONFIG)
    assert corpus.notices == ()


# ----------------------------------------------------------------------------------- normalisation

COMBINING = st.text(st.sampled_from("eéo\u0301\u0308\u0327\u1100\u1161\u11a8\uac00\r\n \u212b한"))


@given(COMBINING, st.integers(1, 20), st.sampled_from(["nfc", "none"]))
def test_pieces_are_the_whole(text: str, block: int, normalize: str) -> None:
    """Wherever the blocks end, the text is that of the file read at once."""
    text = "0123456789abcdef" + text
    by_cr = "\n" not in text and (text.count("\r") > 1 or text.endswith("\r"))
    expected = text.replace("\r" if by_cr else "\r\n", "\n")
    composed = unicodedata.normalize("NFC", expected)
    with TemporaryDirectory() as folder, mock.patch("charrnn.text.source.BLOCK", block):
        path = _file(Path(folder), b"\xef\xbb\xbf" + text.encode())
        corpus = load_corpus([path], config=TextConfig(normalize=normalize))
    assert _text(corpus) == (composed if normalize == "nfc" else expected)
    told = [notice for notice in corpus.notices if "NFC" in notice]
    assert len(told) == (normalize == "nfc" and composed != expected)


def test_normalisation_of_what_is_typed() -> None:
    """A prime is composed like the text, or left as it is like the text."""
    assert Vocabulary("é", TextConfig()).symbols("e\u0301") == "é"
    assert Vocabulary("é", VERBATIM).symbols("e\u0301") == "e\u0301"


# ------------------------------------------------------------------------------------------- files


def _file(folder: Path, content: bytes, name: str = "text.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _text(corpus: Corpus) -> str:
    return corpus.vocabulary.decode(corpus.ids)


def _refusal(*paths: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        load_corpus(paths)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_files_are_joined_in_order(tmp_path: Path) -> None:
    """Several files are one text, with nothing between them."""
    parts = ("second é\n" * 3, "first ☃\n" * 3, "x")
    paths = [_file(tmp_path, part.encode(), f"{n}.txt") for n, part in enumerate(parts)]
    corpus = load_corpus(paths)
    assert _text(corpus) == "".join(parts)
    assert corpus.sources == tuple(map(str, paths))
    assert corpus.sha256 == hashlib.sha256("".join(parts).encode()).hexdigest()
    assert corpus.notices == ()
    assert len(corpus) == len("".join(parts))
    assert _text(load_corpus(paths[::-1])) == "".join(parts[::-1])


def test_byte_order_marks(tmp_path: Path) -> None:
    """None of the files' marks gets into the text."""
    paths = [_file(tmp_path, b"\xef\xbb\xbf" + LINE.encode(), name) for name in ("a", "b")]
    assert _text(load_corpus(paths)) == LINE * 2


def test_windows_line_ends(tmp_path: Path) -> None:
    """CR LF becomes LF, which is told; a lone CR is text."""
    path = _file(tmp_path, b"one line\r\nanother line\r\na lone \r here")
    corpus = load_corpus([path])
    assert _text(corpus) == "one line\nanother line\na lone \r here"
    assert len(corpus.notices) == 1
    assert "CR LF" in corpus.notices[0]
    assert load_corpus([_file(tmp_path, b"a lone \r in one line")]).notices == ()


def test_not_utf8(tmp_path: Path) -> None:
    """The message has the file, the byte and the line."""
    path = _file(tmp_path, b"first line\nsecond line\nthe caf\xe9 here\n")
    message = _refusal(_file(tmp_path, LINE.encode(), "good.txt"), path)
    assert message.startswith(f"{path}: not UTF-8 at byte 30 (line 3): 0xe9")
    assert "iconv -f cp1252" in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf16(encoding: str, tmp_path: Path) -> None:
    """It is recognised by its mark, in either byte order."""
    path = _file(tmp_path, ("\ufeff" * (encoding != "utf-16") + LINE).encode(encoding))
    message = _refusal(path)
    assert message.startswith(f"{path}: is UTF-16")
    assert "iconv -f utf-16" in message


def test_too_short(tmp_path: Path) -> None:
    """Nothing, a mark alone, and one character too few are refused; one more is enough."""
    assert "no text" in _refusal(_file(tmp_path, b""))
    assert "no text" in _refusal(_file(tmp_path, b"\xef\xbb\xbf"))
    shortest = "é" * MIN_CHARACTERS
    assert "only 15 characters" in _refusal(_file(tmp_path, shortest[1:].encode()))
    assert _text(load_corpus([_file(tmp_path, shortest.encode())])) == shortest


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_place_of_what_is_not_utf8(mark: bytes, block: int, tmp_path: Path) -> None:
    """Byte and line are those of the file, however it is read and whatever comes before."""
    path = _file(tmp_path, mark + "é\nö\r\nsome é \n".encode() + b"and \xc3 alone\n" * 3)
    with mock.patch("charrnn.text.source.BLOCK", block):
        message = _refusal(path)
    assert f"byte {len(mark) + 20} (line 4): 0xc3" in message


def test_changed_while_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is written to between the passes is refused, with new characters or without."""
    path = _file(tmp_path, LINE.encode())

    for more in ("☃", LINE):

        def scan_and_write(pieces: Any, encoding: str, more: str = more) -> Scan:
            scan = Scan(pieces, encoding)
            with path.open("a", encoding="utf-8") as file:
                file.write(more)
            return scan

        monkeypatch.setattr("charrnn.text.corpus.Scan", scan_and_write)
        assert "changed while being read" in _refusal(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_named_pipe(tmp_path: Path) -> None:
    """What can be read only once is kept for the second pass."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(LINE * 3,))
    writer.start()
    assert _text(load_corpus([path])) == LINE * 3
    writer.join()


def test_no_file(tmp_path: Path) -> None:
    """Missing files and directories are named."""
    assert _refusal(tmp_path / "none.txt") == f"{tmp_path / 'none.txt'}: no such file"
    assert _refusal(tmp_path).startswith(f"{tmp_path}: is a directory")
    assert "cannot be read" in _refusal("a\0b")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` reads it; errors call it by its name; a closed one is no crash."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LINE.encode())))
    corpus = load_corpus(["-"])
    assert _text(corpus) == LINE
    assert corpus.sources == ("-",)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\xff\xff")))
    assert _refusal("-").startswith("standard input: not UTF-8 at byte 0 (line 1)")
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in _refusal("-")


def test_given_vocabulary(tmp_path: Path) -> None:
    """A model's own characters are used; what is beyond them is refused, or added at the end."""
    path = _file(tmp_path, "zebra crossing ☃ zebra".encode())
    vocabulary = Vocabulary("zyx" + "abcdefghijklmnopqrstuvw")
    with pytest.raises(UnknownCharacterError) as caught:
        load_corpus([path], vocabulary=vocabulary)
    assert caught.value.characters == " ☃"
    corpus = load_corpus([path], vocabulary=vocabulary, extend_vocabulary=True)
    assert corpus.vocabulary.characters == vocabulary.characters + " ☃"
    assert _text(corpus) == "zebra crossing ☃ zebra"
    whole = load_corpus([path], vocabulary=corpus.vocabulary)
    assert whole.vocabulary is corpus.vocabulary


def test_default_corpus() -> None:
    """It is there without a file, large enough, and always the same."""
    one, two = load_corpus(), load_corpus()
    assert len(one) > 100_000
    assert one.sources == (DEFAULT_SOURCE,)
    assert one.sha256 == two.sha256
    np.testing.assert_array_equal(one.ids, two.ids)
    assert "yield" in _text(one)


def test_without_the_default_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that lacks it says so, and what to do."""
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    assert "name a text file" in _refusal()
