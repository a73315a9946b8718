"""Files of examples: what a line says, what is wrong with it, and what of it is learnt."""

from __future__ import annotations

import io
import math
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import TextConfig, TrainingConfig
from charrnn.errors import CharrnnError, InputError, UnknownCharacterError
from charrnn.text.embedded import CASES, TIME_ZONES
from charrnn.text.examples import Examples, load_examples
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.division import divide

BYTE = TextConfig(unit="byte")
TEXTS = st.text(st.sampled_from("ab \r\xe9e\u0301\u0436"), max_size=6)
NAMES = st.text(st.sampled_from("ab \xe9e\u0301\u0436"), min_size=1, max_size=3)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(data: str | bytes, name: str = "f.tsv") -> str:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return name


def _load(data: str | bytes, task: str = "classify", **how: Any) -> Examples:
    return load_examples(_write(data), task, **how)


def _texts(examples: Examples) -> list[str]:
    spans = zip(examples.spans.first.tolist(), examples.spans.length.tolist(), strict=True)
    return [examples.vocabulary.decode(examples.ids[a : a + n]) for a, n in spans]


def _answers(examples: Examples) -> list[Any]:
    """The label of each text, or its tags."""
    names = examples.labels.names
    if not examples.tagged:
        assert len(examples.answers) == len(examples.spans)
        return [names[number] for number in examples.answers]
    spans = zip(examples.spans.first.tolist(), examples.spans.length.tolist(), strict=True)
    return [[names[number] for number in examples.answers[a : a + n]] for a, n in spans]


def _pairs(examples: Examples) -> list[tuple[str, Any]]:
    return list(zip(_texts(examples), _answers(examples), strict=True))


# ------------------------------------------------------------------------------------ what is read


@given(st.lists(st.tuples(TEXTS, NAMES), min_size=2, max_size=12))
def test_texts_and_labels(pairs: list[tuple[str, str]]) -> None:
    """Texts are composed, labels are what was written, in the order of the lines."""
    if len({label for _, label in pairs}) < 2:
        pairs.append(("", pairs[0][1] + "!"))
    examples = Examples.from_lines([f"{text}\t{label}\n" for text, label in pairs], "classify")
    assert _pairs(examples) == [
        (unicodedata.normalize("NFC", text), label) for text, label in pairs
    ]
    assert list(examples.labels.names) == sorted({label for _, label in pairs})
    characters = "".join(sorted({*unicodedata.normalize("NFC", "\t".join(t for t, _ in pairs))}))
    assert {*examples.vocabulary.characters} in ({*characters} - {"\t"}, {"\n"})
    assert len(examples) == sum(map(len, _texts(examples)))


@given(
    st.sampled_from([("", ("N", "V", " ", "\u0301")), (" ", ("Noun", "V", "P.p"))]),
    st.lists(
        st.lists(st.tuples(st.sampled_from("ab\xe9e\u0301 \r"), st.integers(0, 3))), min_size=2
    ),
)
def test_texts_and_tags(
    kind: tuple[str, tuple[str, ...]], lines: list[list[tuple[str, int]]]
) -> None:
    """As many tags as characters, one of which may be a mark that would be composed."""
    between, names = kind
    pairs = [
        ("".join(c for c, _ in line), [names[n % len(names)] for _, n in line]) for line in lines
    ]
    pairs += [("abc", [*names[:3]])] * (
        1 + 3 * len(lines)
    )  # which leave no doubt of what stands between
    raw = [f"{text}\t{between.join(tags)}" for text, tags in pairs]
    examples = Examples.from_lines(raw, "tag")
    assert _pairs(examples) == pairs
    assert examples.labels == Labels(sorted({tag for _, tags in pairs for tag in tags}), between)
    assert examples.tagged


def test_a_file_is_its_lines() -> None:
    """Of a file and of its lines the same is made; what came last may lack its end."""
    lines = ["some text\tA\n", "\u0436\tb c\n", "\td"]
    loaded, made = _load("".join(lines)), Examples.from_lines(lines, "classify")
    assert _pairs(loaded) == _pairs(made) == [("some text", "A"), ("\u0436", "b c"), ("", "d")]
    assert loaded.sha256 == made.sha256
    assert (loaded.vocabulary, loaded.labels) == (made.vocabulary, made.labels)
    assert (loaded.sources, loaded.columns, loaded.notices, loaded.parts) == (
        ("f.tsv",),
        (),
        (),
        (),
    )
    assert repr(loaded) == "<Examples: 3 texts, 3 labels, from f.tsv>"
    assert not loaded.val_file
    assert loaded.val_characters == 0


def test_the_hash_tells_texts_and_answers_apart() -> None:
    """Another text, another label or another order is another hash."""
    files = ["a\tx\nb\ty\n", "a\tx\nb\tz\n", "b\ty\na\tx\n", "a\tx\nc\ty\n", "a\tx\nb\ty\nb\ty\n"]
    hashes = [_load(text).sha256 for text in files]
    assert len({*hashes}) == len(files)
    assert _load(files[0], columns=(1, 2)).sha256 == hashes[0]


def test_several_files() -> None:
    """One after the other; an empty one is told, and is no source."""
    names = [_write("a\tx\nb\ty", "a"), _write("", "none"), _write("c\tx\n", "b")]
    examples = load_examples(names)
    assert _pairs(examples) == [("a", "x"), ("b", "y"), ("c", "x")]
    assert examples.sources == ("a", "b")
    assert examples.notices == ("none is empty",)
    assert load_examples([Path("a"), Path("b")]).sha256 == examples.sha256


def test_an_empty_file_with_a_name() -> None:
    """That it is empty is told, whatever it is called."""
    names = [_write("a\tx\nb\ty"), _write("", "NFC.tsv")]
    assert load_examples(names).notices == ("NFC.tsv is empty",)


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_windows_files(task: str) -> None:
    """Neither CR LF nor a byte order mark is a part of a text or of an answer."""
    examples = _load(b"\xef\xbb\xbfab\tXY\r\nb\tX\r\n", task)
    assert _texts(examples) == ["ab", "b"]
    assert [*map("".join, _answers(examples))] == ["XY", "X"]
    assert examples.vocabulary.characters == "ab"
    assert examples.notices == ("Windows line ends (CR LF) were read as LF",)


def test_a_mark_before_fasttext() -> None:
    """The byte order mark hides no label."""
    assert _pairs(_load(b"\xef\xbb\xbf__label__x a b\r\n__label__y c\r\n")) == [
        ("a b", "x"),
        ("c", "y"),
    ]


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_a_lone_cr(task: str) -> None:
    """Within a line it is a character as others are."""
    examples = _load("a\rb\tXYX\nb\tX\n", task)
    assert _texts(examples) == ["a\rb", "b"]
    assert examples.notices == ()


def test_old_macintosh_files() -> None:
    """CR ends lines where nothing else does."""
    assert _pairs(_load("a\tx\rb\ty\r")) == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_what_is_composed(task: str) -> None:
    """A text that has a label; neither a label nor a text of which each character has a tag."""
    text = "e\u0301"
    examples = _load(f"{text}\t{text}\nb\tX\n", task)
    if task == "classify":
        assert _pairs(examples) == [("\xe9", text), ("b", "X")]
    else:
        assert _pairs(examples) == [(text, [*text]), ("b", ["X"])]
    assert examples.vocabulary.config.normalize == ("nfc" if task == "classify" else "none")


def test_texts_as_they_were_written() -> None:
    """Nothing is composed where that is asked for."""
    examples = _load("e\u0301\tx\nb\ty\n", config=TextConfig(normalize="none"))
    assert _texts(examples) == ["e\u0301", "b"]


def test_bytes() -> None:
    """Texts are the bytes as they are, labels are text."""
    raw = b"fran\xe7\xc3\xa9\t\xd0\xb6e\xcc\x81\r\n\xff\r\r\ty\r\n"
    examples = _load(raw, config=BYTE)
    assert _pairs(examples) == [("fran\xe7\xc3\xa9", "\u0436e\u0301"), ("\xff\r\r", "y")]
    assert examples.vocabulary == Vocabulary(BYTES, BYTE)
    assert len(examples) == 10


def test_fasttext() -> None:
    """The label stands first; a text may hold tabs, or be empty."""
    examples = _load("__label__x a\tb c\n__label__y\n__label__b\xe9 \tz\n__label__x\td\n")
    assert _pairs(examples) == [("a\tb c", "x"), ("", "y"), ("\tz", "b\xe9"), ("d", "x")]


def test_fasttext_or_not() -> None:
    """The first line of each file says which it is; columns and tags are always a table's."""
    names = [_write("__label__x a\n", "a"), _write("b\t__label__x\n__label__y\tc\n", "b")]
    pairs = [("a", "x"), ("b", "__label__x"), ("__label__y", "c")]
    assert _pairs(load_examples(names)) == pairs
    table = _load("__label__x a\ty\nb\tz\n", columns=(1, 2))
    assert _pairs(table) == [("__label__x a", "y"), ("b", "z")]
    (first, _) = _pairs(_load("__label__x\tabcdefghij\nb\ta\n", "tag"))
    assert first == ("__label__x", [*"abcdefghij"])


@pytest.mark.parametrize(
    ("columns", "pairs"),
    [((2, 1), [("A", "a"), ("B", "b")]), ((3, 1), [("1", "a"), ("2", "b")]), ([1, 3], None)],
)
def test_columns(columns: tuple[int, int], pairs: list[tuple[str, str]] | None) -> None:
    """Any two, in any order; the others are not looked at."""
    examples = _load("a\tA\t1\nb\tB\t2\t\n", columns=columns)
    assert _pairs(examples) == (pairs or [("a", "1"), ("b", "2")])
    assert examples.columns == tuple(columns)
    tags = _load("XY\tab\nX\tb", "tag", columns=(2, 1))
    assert _pairs(tags) == [("ab", ["X", "Y"]), ("b", ["X"])]


def test_columns_of_lines() -> None:
    """They are noted of lines as they are of files."""
    examples = Examples.from_lines(["A\ta", "B\tb"], "classify", columns=(2, 1))
    assert _pairs(examples) == [("a", "A"), ("b", "B")]
    assert examples.columns == (2, 1)


def test_tags_of_one_character() -> None:
    """A blank may be one of them, and so may what is no letter."""
    examples = _load("a b\tX Y\nab\tXX\n \t \n", "tag")
    assert _pairs(examples) == [("a b", ["X", " ", "Y"]), ("ab", ["X", "X"]), (" ", [" "])]
    assert examples.labels == Labels(" XY", "")


def test_tags_with_names() -> None:
    """Blanks stand between them; a text without characters has none."""
    examples = _load("ab\tNoun V\n\t\nb\tNoun\n", "tag")
    assert _pairs(examples) == [("ab", ["Noun", "V"]), ("", []), ("b", ["Noun"])]
    assert examples.labels == Labels(["Noun", "V"], " ")


def test_tags_of_a_model() -> None:
    """What stands between them is what stood there when it learnt, though single letters look like the other kind."""
    names = Labels(["N", "V"], " ")
    assert _pairs(_load("a\tN\nb\tV\n", "tag", labels=names))[0] == ("a", ["N"])
    assert _load("a\tN\nb\tV\n", "tag").labels == Labels("NV", "")
    assert _load("ab\tN V\nb\tV\n", "tag", labels=names).labels == names
    with pytest.raises(InputError, match="line 1: 3 tags of one character each, for 2 characters"):
        _load("ab\tN V\nb\tV\n", "tag", labels=Labels("NV"))


def test_embedded_examples() -> None:
    """Where no file is named each task has its own."""
    tags = load_examples(task="tag")
    assert (tags.sources, tags.labels.names) == ((CASES,), (".", "U"))
    from zoneinfo import available_timezones

    if available_timezones():
        assert load_examples().sources == (TIME_ZONES,)
        assert "Europe" in load_examples().labels


def test_progress() -> None:
    """It is told all bytes, of which there are so many."""
    names = [_write("a\tx\nb\ty", "a"), _write("\u0436\tx\n", "b")]
    told: list[tuple[int, int]] = []
    load_examples(names[0], val_file=names[1], progress=lambda n, of: told.append((n, of)))
    assert sum(n for n, _ in told) == 12
    assert {of for _, of in told} == {12}


# ----------------------------------------------------------------------------------- what is wrong

NO_TAB = "has no TAB; a line is a text, a TAB and its"
EMPTY = "is empty; a line is a text, a TAB and its"
EACH = "tags of one character each, for"


@pytest.mark.parametrize(
    ("task", "text", "line", "message"),
    [
        ("classify", "a\tx\nb\n", 2, f"{NO_TAB} label"),
        ("tag", "a\tx\nb\n", 2, f"{NO_TAB} tags"),
        ("classify", "good film __label__x\n", 1, f"{NO_TAB} label"),
        ("classify", "a\tx\n\nb\ty\n", 2, f"{EMPTY} label"),
        ("tag", "a\tx\nb\ty\n\n", 3, f"{EMPTY} tags"),
        ("classify", "\na\tx\n", 1, f"{EMPTY} label"),
        ("classify", "a\tx\r\nb\ty\r\n\r\n", 3, f"{EMPTY} label"),
        ("classify", "a\tx\n \n", 2, f"{NO_TAB} label"),
        (
            *("classify", "a\tx\nb\tc\ty\n", 2),
            "has 3 columns; say which two are text and label: --columns 1,3",
        ),
        (
            *("tag", "a\t\t\tx\n", 1),
            "has 4 columns; say which two are text and tags: --columns 1,4",
        ),
        ("classify", "a\tx\nb\t\n", 2, "has no label"),
        ("classify", f"a\tx\nb\t{'y' * 1001}\n", 2, "a label of 1,001 characters; is it a text?"),
        ("classify", "__label__x a\n__label__ b\n", 2, "has no label"),
        ("classify", "__label__x a\n__label__\n", 2, "has no label"),
        (
            *("classify", "__label__x a\n__label__y b\nc __label__x\n", 3),
            "does not begin with __label__, as the lines before it do",
        ),
        (
            *("classify", "__label__x a\n\n", 2),
            "does not begin with __label__, as the lines before it do",
        ),
        (
            *("classify", "__label__x a\n__label__x __label__y b\n", 2),
            "has several labels; charrnn learns one for each text",
        ),
        (
            *("classify", "__label__x\t__label__y\n", 1),
            "has several labels; charrnn learns one for each text",
        ),
        ("tag", "ab\tXY\nabc\tXY\n", 2, f"2 {EACH} 3 characters: 'abc'"),
        ("tag", "ab\tXY\na\tXY\n", 2, f"2 {EACH} 1 character: 'a'"),
        ("tag", "ab\tXY\na\t\n", 2, f"0 {EACH} 1 character: 'a'"),
        ("tag", "ab\tXY\n\tX\n", 2, f"1 {EACH} 0 characters: ''"),
        ("tag", f"ab\tXY\n{'abc' * 30}\tX\n", 2, f"1 {EACH} 90 characters: '{('abc' * 7)[:20]}…{('abc' * 7)[1:]}'"),
        ("tag", "ab\tNo V\nabc\tNo V\n", 2, "2 tags with blanks between them, for 3 characters: 'abc'"),
        ("tag", "ab\tNo V\na\tNo V\n", 2, "2 tags with blanks between them, for 1 character: 'a'"),
        ("tag", "ab\tNo V\na\t\n", 2, "0 tags with blanks between them, for 1 character: 'a'"),
        ("tag", "ab\tNo V\nab\tNo V \n", 2, "3 tags with blanks between them, for 2 characters: 'ab'"),
        ("tag", "ab\tNo V\nabc\tNo  V\n", 2, "two blanks between tags; there is one"),
        ("tag", "ab\tNo V\nabc\tNo V \n", 2, "two blanks between tags; there is one"),
    ],
)  # fmt: skip
def test_lines_that_are_no_examples(task: str, text: str, line: int, message: str) -> None:
    """The message says which line, and what is wrong with it, of a file and of lines in memory."""
    with pytest.raises(InputError) as error:
        _load(text, task)
    assert str(error.value) == f"f.tsv, line {line}: {message}"
    with pytest.raises(InputError) as error:
        Examples.from_lines(text.replace("\r", "").splitlines(keepends=True), task)
    assert str(error.value) == f"line {line}: {message}"


def test_several_labels_further_apart() -> None:
    """Several blanks between labels make them no text."""
    with pytest.raises(InputError, match=r"^f.tsv, line 2: has several labels"):
        _load("__label__x a\n__label__x  __label__y b\n")


def test_the_longest_label() -> None:
    """A label may be long."""
    assert _load(f"a\tx\nb\t{'y' * 1000}\n").labels.names == ("x", "y" * 1000)


def test_lines_of_each_file_are_counted() -> None:
    """The message names the file, and its own line; that for validation, too."""
    a, b = _write("a\tx\nb\ty\n", "a"), _write("a\tx\nb\n", "b")
    for how in ({"paths": [a, b]}, {"paths": a, "val_file": b}):
        with pytest.raises(InputError, match=rf"^b, line 2: {NO_TAB} label$"):
            load_examples(**how)


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("classify", "", "f.tsv: no example; training needs some hundreds"),
        ("tag", "", "f.tsv: no example; training needs some hundreds"),
        ("classify", "a\tx\n", "f.tsv: only one example; training needs some hundreds"),
        ("tag", "ab\tXY\n", "f.tsv: only one example; training needs some hundreds"),
        ("classify", "a\tx\nb\tx\n", "f.tsv: all have the same label; there is nothing to tell apart"),
        ("tag", "ab\tXX\nb\tX\n", "f.tsv: all have the same tag; there is nothing to tell apart"),
        ("classify", b"a\tx\nb\xe7\ty\n", "f.tsv: not UTF-8 at byte 5 (line 2): 0xe7; convert it first (for instance iconv -f cp1252 -t utf-8)"),
        ("tag", b"a\tx\nb\t\xe7\n", "f.tsv: not UTF-8 at byte 6 (line 2): 0xe7; convert it first (for instance iconv -f cp1252 -t utf-8)"),
    ],
)  # fmt: skip
def test_files_that_hold_too_little(task: str, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError) as error:
        _load(text, task)
    assert str(error.value) == message


@pytest.mark.parametrize("columns", [(1,), (1, 2, 3), (0, 1), (1, 0), (-1, 2), (2, 2)])
def test_columns_that_cannot_be(columns: tuple[int, ...]) -> None:
    """They are two, from 1 on, and not the same."""
    message = r"^columns are two different numbers, from 1 on: of the text and of its answer"
    with pytest.raises(InputError, match=message):
        _load("a\tx\nb\ty\n", columns=columns)
    with pytest.raises(InputError, match=message):
        Examples.from_lines(["a\tx", "b\ty"], "classify", columns=columns)


@pytest.mark.parametrize("columns", [(1, 3), (3, 1)])
@pytest.mark.parametrize("line", ["b\ty", "", "b"])
def test_columns_that_a_line_lacks(columns: tuple[int, int], line: str) -> None:
    count = len(line.split("\t"))
    with pytest.raises(
        InputError, match=rf"^f.tsv, line 2: has {count} column{'s' * (count != 1)}, and not 3$"
    ):
        _load(f"a\tx\ty\n{line}\n", columns=columns)


def test_files_that_are_none() -> None:
    Path("folder").mkdir()
    with pytest.raises(InputError, match=r"^missing: no such file$"):
        load_examples("missing")
    with pytest.raises(InputError, match=r"^folder: is a directory"):
        load_examples("folder")
    with pytest.raises(InputError, match=r"^missing: no such file$"):
        load_examples(_write("a\tx\nb\ty\n"), val_file="missing")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read, with its lines counted as those of a file, but not to train on and to validate on, too."""
    raw = b"a\tx\nb\ty\nc\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw[:8])))
    examples = load_examples("-")
    assert _pairs(examples) == [("a", "x"), ("b", "y")]
    assert examples.sources == ("-",)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    with pytest.raises(InputError, match=r"^standard input, line 3: has no TAB"):
        load_examples("-")
    message = r"^standard input is read once; name a file to train on or to validate on$"
    with pytest.raises(InputError, match=message):
        load_examples(["-", _write("a\tx\n")], val_file="-")


def test_what_tasks_do_not_have() -> None:
    """Tags are not for bytes, and records are not for texts that have answers."""
    name = _write("ab\tXY\nb\tX\n")
    with pytest.raises(InputError, match=r"^--bytes is not for tags: each is one of a character$"):
        load_examples(name, "tag", config=BYTE)
    for task in ("classify", "tag"):
        message = rf"^--records is for a language model; the texts of {task} end with their lines"
        with pytest.raises(InputError, match=message):
            load_examples(name, task, config=TextConfig(records=True))


def test_lines_are_read_as_files_are() -> None:
    """What holds for files holds for lines in memory."""
    lines = ["e\u0301\tXY", "b\tX", "bb\tXY"]
    examples = Examples.from_lines(lines, "tag", config=TextConfig())
    assert _pairs(examples)[0] == ("e\u0301", ["X", "Y"])
    assert examples.vocabulary.config.normalize == "none"


@pytest.mark.parametrize(
    ("task", "config", "message"),
    [
        ("tag", BYTE, "--bytes is not for tags"),
        ("classify", TextConfig(records=True), "--records is for a language model"),
    ],
)
def test_what_lines_do_not_have(task: str, config: TextConfig, message: str) -> None:
    """What is refused of files is refused of lines in memory."""
    with pytest.raises(InputError, match=message):
        Examples.from_lines(["ab\tXY", "b\tX"], task, config=config)


def test_lines_are_read_as_a_vocabulary_does() -> None:
    """A given vocabulary has its own way of reading texts."""
    vocabulary = Vocabulary("e\u0301b", TextConfig(normalize="none"))
    lines = ["e\u0301\tx", "b\ty"]
    loaded = _load("\n".join(lines), vocabulary=vocabulary)
    assert _texts(loaded) == ["e\u0301", "b"]
    assert _texts(Examples.from_lines(lines, "classify", vocabulary=vocabulary)) == _texts(loaded)


@pytest.mark.parametrize(
    ("line", "config"),
    [
        ("a\t\udc80", TextConfig()),
        ("\udc80\tx", TextConfig()),
        ("a\t\udc80", BYTE),
        ("a\t\x1b[1m", TextConfig()),
        ("a\tb\u2028c", TextConfig()),
    ],
)
def test_lines_that_no_file_holds(line: str, config: TextConfig) -> None:
    """They are refused as everything else is, wherever the character stands."""
    with pytest.raises(CharrnnError):
        Examples.from_lines([line, "b\ty"], "classify", config=config)


def test_bytes_of_lines_are_those_of_utf_8() -> None:
    """What a model of bytes reads is what a file of these lines would hold; labels stay text."""
    examples = Examples.from_lines(["ж\tя", "b\ty\r\n"], "classify", config=BYTE)
    assert _texts(examples) == ["\xd0\xb6", "b"]
    assert examples.labels.names == ("y", "я")


def test_labels_of_bytes_are_text() -> None:
    with pytest.raises(InputError, match=r"^f.tsv, line 2: the label is not UTF-8$"):
        _load(b"a\tx\nb\t\xe7\n", config=BYTE)


@pytest.mark.parametrize("task", ["lm", "sentiment", "tags"])
@pytest.mark.parametrize("paths", [(), "f.tsv"])
def test_no_such_task(task: str, paths: Any) -> None:
    """A task is one of the two that have examples."""
    _write("a\tx\nb\t\n")
    with pytest.raises(InputError, match="task"):
        load_examples(paths, task)


def test_too_many_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many labels are likely to be something else."""
    monkeypatch.setattr("charrnn.text.numbering.MAX_LABELS", 3)
    assert len(_load("".join(f"a\t{n}\n" for n in range(3))).labels) == 3
    message = r"^f.tsv: 4 labels, of 3 at most; are they texts[?]$"
    with pytest.raises(InputError, match=message):
        _load("".join(f"a\t{n}\n" for n in range(4)))


def test_labels_that_a_model_lacks() -> None:
    """Those of a model are kept as they are, in their order, also those that no example has."""
    labels = Labels(["z", "x", "y"])
    examples = _load("a\tx\nb\ty\nc\tx\n", labels=labels)
    assert examples.labels == labels
    assert examples.answers.tolist() == [1, 2, 1]
    assert _load("a\tx\nb\tx\n", labels=labels).answers.tolist() == [1, 1]
    message = r"^f.tsv: labels that the model does not have: v, w$"
    with pytest.raises(InputError, match=message):
        _load("a\tw\nb\tx\nb\tv\nb\tw\n", labels=labels)


def test_characters_that_a_model_lacks() -> None:
    """They are refused, or added at the end; what is known keeps its number."""
    vocabulary = Vocabulary("xba", TextConfig())
    text = "ab\tx\ncbd\ty\n"
    with pytest.raises(UnknownCharacterError) as error:
        _load(text, vocabulary=vocabulary)
    assert error.value.characters == "cd"
    extended = _load(text, vocabulary=vocabulary, extend_vocabulary=True)
    assert extended.vocabulary == Vocabulary("xbacd", TextConfig())
    assert _texts(extended) == ["ab", "cbd"]
    assert _load("ab\tq\nb\tr\n", vocabulary=vocabulary).vocabulary == vocabulary


# --------------------------------------------------------------------------- a file for validation


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_a_file_for_validation(task: str) -> None:
    """All of it is kept, nothing else is; its characters and labels are known, and told if only it has them."""
    train, kept = _write("ab\tXY\nba\tYX\nb\tXY\nb\tXY\n"[: 12 if task == "tag" else None]), "v.tsv"
    _write("bc\tYX\n\u0436d\tZX\n", kept)
    examples = load_examples(train, task, val_file=kept)
    count = 2 if task == "tag" else 4
    assert examples.val_file
    assert examples.apart == 2
    assert examples.sources == (train, kept)
    assert examples.vocabulary.characters == "abcd\u0436"
    assert examples.labels.names == (("X", "Y", "Z") if task == "tag" else ("XY", "YX", "ZX"))
    assert examples.notices == (
        f"the examples to train on lack labels of those to validate on: {'Z' if task == 'tag' else 'ZX'}",
    )
    assert _texts(examples)[count:] == ["bc", "\u0436d"]
    assert examples.parts == (4 if task == "tag" else 6, 4)
    assert examples.val_characters == 4
    learnt, validated = examples.split(0, 3)
    assert learnt.tolist() == [*range(count)]
    assert validated.tolist() == [count, count + 1]
    learnt, validated = examples.split(0.4, 3)  # of it a part is read
    assert learnt.tolist() == [*range(count)]
    assert len(validated) == 1
    assert validated[0] in (count, count + 1)


def test_nothing_new_to_validate_on() -> None:
    """Then there is nothing to tell, though it has only some of the labels."""
    name = _write("a\tx\nb\ty\n")
    assert load_examples(name, val_file=_write("a\ty\n", "v")).notices == ()


def test_a_file_for_validation_without_examples() -> None:
    with pytest.raises(InputError, match=r"^v: holds no example to validate on$"):
        load_examples(_write("a\tx\nb\ty\n"), val_file=_write("", "v"))


def test_too_few_beside_a_file_for_validation() -> None:
    """What is to be validated on is not learnt."""
    name = _write("a\tx\n")
    with pytest.raises(InputError, match="only one example; training needs some hundreds"):
        load_examples(name, val_file=_write("a\ty\nb\tx\n", "v"))


@pytest.mark.parametrize(("text", "many"), [("", "no example"), ("a\tx\n", "only one example")])
def test_which_file_has_too_few(text: str, many: str) -> None:
    """The message names those to train on."""
    name = _write(text)
    with pytest.raises(InputError) as error:
        load_examples(name, val_file=_write("a\ty\nb\tx\n", "v"))
    assert str(error.value) == f"f.tsv: {many}; training needs some hundreds"


# ------------------------------------------------------------------------------------------- split


def _classes(sizes: list[int]) -> Examples:
    """So many examples of each class, mixed up; at least two classes and examples."""
    sizes = [*sizes, *[1] * (2 - len(sizes))]
    labels = [number for number, size in enumerate(sizes) for _ in range(size)]
    order = np.random.default_rng(len(labels)).permutation(len(labels))
    return Examples.from_lines([f"{n}\t{labels[n]:06}" for n in order], "classify")


@given(
    st.lists(st.integers(1, 30), max_size=6),
    st.floats(0, 0.5),
    st.integers(0, (1 << 64) - 1),
)
def test_split(sizes: list[int], fraction: float, seed: int) -> None:
    """Each text is learnt or kept; of each class the part asked for is kept, up to one text, and one at least is learnt."""
    examples = _classes(sizes)
    learnt, kept = examples.split(fraction, seed)
    assert sorted([*learnt, *kept]) == [*range(len(examples.spans))]
    assert learnt.tolist() == sorted(learnt)
    assert kept.tolist() == sorted(kept)
    again = examples.split(fraction, seed)
    assert [part.tolist() for part in again] == [learnt.tolist(), kept.tolist()]
    have, validated = Counter(examples.answers.tolist()), Counter(examples.answers[kept].tolist())
    for label, size in have.items():
        asked = size * fraction
        assert validated[label] <= min(math.floor(asked) + 1, size - 1)
        assert validated[label] >= min(math.floor(asked), size - 1)
    if not fraction:
        assert not len(kept)


def test_a_split_is_drawn() -> None:
    """Another seed keeps others, each text as often as any other; parts of a text come out on the average."""
    examples = _classes([40, 25, 4])
    times, counts = np.zeros(len(examples.spans)), []
    for seed in range(400):
        _, kept = examples.split(0.1, seed)
        times[kept] += 1
        counts.append(len(kept))
    expected = 400 * 0.1
    assert abs(times - expected).max() < 5 * math.sqrt(expected)  # five standard deviations
    assert len({*counts}) > 1
    assert abs(np.mean(counts) - 6.9) < 0.15


def test_a_split_of_tags() -> None:
    """Texts are kept whatever tags they have, some of them by chance."""
    lines = [f"ab\t{'XY' if n % 3 else 'ZX'}" for n in range(95)]
    examples = Examples.from_lines(lines, "tag")
    counts = set()
    for seed in range(20):
        learnt, kept = examples.split(0.1, seed)
        assert sorted([*learnt, *kept]) == [*range(95)]
        counts.add(len(kept))
    assert counts == {9, 10}
    assert len(examples.split(0.0, 1)[1]) == 0


def test_ten_thousand_classes() -> None:
    """Of each that has one text it is learnt, of the others one of two may be kept."""
    lines = [f"{n}\tc{n % 10_000}" for n in range(15_000)]
    examples = Examples.from_lines(lines, "classify")
    assert len(examples.labels) == 10_000
    assert _answers(examples)[12_345] == "c2345"
    learnt, kept = examples.split(0.2, 0)
    assert {*examples.answers[learnt]} == {*range(10_000)}
    assert len({*examples.answers[kept]}) == len(kept)
    assert abs(len(kept) - 5000 * 2 * 0.2) < 5 * math.sqrt(5000 * 0.4 * 0.6)


# ------------------------------------------------------------------------------------ empty texts


@pytest.mark.parametrize("task", ["classify", "tag"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_text_without_characters(task: str, place: int) -> None:
    """It is an example as others are, also at the end."""
    lines = ["ab\tXY", "b\tX"]
    lines.insert(place, "\tX" if task == "classify" else "\t")
    examples = _load("\n".join(lines), task)
    assert _texts(examples)[place] == ""
    assert examples.spans.length[place] == 0
    assert _answers(examples)[place] == ("X" if task == "classify" else [])
    assert len(examples.ids) > examples.spans.first.max()
    if task == "tag":
        assert len(examples.answers) > examples.spans.first.max()


def test_no_text_has_characters() -> None:
    """Labels alone make examples."""
    examples = _load("\tx\n\ty\n\tx\n")
    assert _pairs(examples) == [("", "x"), ("", "y"), ("", "x")]
    assert len(examples) == 0
    assert examples.ids.tolist() == [0]
    assert _pairs(_load("\tx\n\ty\n", config=BYTE)) == [("", "x"), ("", "y")]


def test_a_model_of_characters_reads_none() -> None:
    """The same with the alphabet of an existing model."""
    examples = _load("\tx\n\ty\n", vocabulary=Vocabulary("ab"))
    assert _pairs(examples) == [("", "x"), ("", "y")]


@pytest.mark.parametrize("fraction", [None, 0.1, 0.0])
def test_texts_without_characters_are_divided(fraction: float | None) -> None:
    """They can be learnt from, and kept."""
    examples = Examples.from_lines(["\tx", "\ty", "\tx"] * 10, "classify")
    division = divide(examples, TrainingConfig(val_fraction=fraction, epochs=1))
    assert len(division.training) > 0


# ------------------------------------------------------------------------------------------ sample


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_a_sample(task: str) -> None:
    """Texts from all over it, whole, with their answers, of about as many characters as asked for; no file for validation."""
    lines = "".join(f"{n:03}\t{'XYZ' if n % 2 else 'YXX'}\n" for n in range(300))
    name, kept = _write(lines), _write("1\tX\n" if task == "tag" else "1\tXYZ\n", "v")
    for examples in (load_examples(name, task), load_examples(name, task, val_file=kept)):
        pairs = _pairs(examples)
        for characters in (1, 90, 100, 500, 899, 10_000):
            sample = examples.sample(characters)
            places = [pairs.index(pair) for pair in _pairs(sample)]
            assert places == sorted({*places})
            assert max(places) < 300
            assert not sample.val_file
            assert sample.parts == ()
            assert len(sample) >= min(characters, 900)
            assert len(sample) <= max(2 * characters, 3)
            assert max(places) >= 250 or characters < 90
            assert (sample.vocabulary, sample.labels) == (examples.vocabulary, examples.labels)
            learnt, validated = sample.split(0, 0)
            assert (len(learnt), len(validated)) == (len(places), 0)


@pytest.mark.parametrize("apart", [False, True])
def test_a_sample_of_what_is_uneven(apart: bool) -> None:
    """So many characters as asked for, or little more, also where texts are of many lengths, or validation's are most."""
    lines = [f"{'a' if n % 2 else 'a' * 99}\t{n % 3}\n" for n in range(1, 101)]
    if apart:
        lines = [f"{'a' * 10}\t{n % 3}\n" for n in range(100)]
        kept = _write(f"{'a' * 9000}\tx\n", "v")
        examples = load_examples(_write("".join(lines)), val_file=kept)
    else:
        examples = _load("".join(lines))
    assert 500 <= len(examples.sample(500)) <= 700
