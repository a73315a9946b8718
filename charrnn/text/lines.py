"""Lines of files of examples: what a model reads and what it gives, ``text TAB label``, ``text TAB tags``, for the task ``conditional``
``label TAB text``, for ``seq2seq`` ``source TAB target``, perhaps with features of the target in a third column.

A tag is one character, or a name; names have blanks between them. fastText's ``__label__X text`` is read as well.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from charrnn.config import TextConfig
from charrnn.errors import InputError, describe_character
from charrnn.tasks import TASKS
from charrnn.text.labels import LONGEST, Labels
from charrnn.text.source import Reader
from charrnn.words import UNSAFE, counted, shortened

LOOKED_AT = 1000  # lines that tell how tags are written, or of what symbols targets are made
BLANKS = 0.25  # share of the characters of targets: where there are more, a symbol is what stands between two of them
FASTTEXT = "__label__"
Columns = tuple[int, ...]
"""Of what is read and of what is given, and maybe of features; the first of a line is 1."""

USUAL: Columns = (1, 2)
WITH_FEATURES: Columns = (1, 2, 3)


@dataclass(frozen=True)
class Line:
    """A line of a file of examples: a text, and its label or tags, or the text that is made of it."""

    text: str  # with a TAB and its features behind it, if it has some
    answer: str
    where: str  # its file and number, for errors


def without_end(raw: str, config: TextConfig) -> str:
    """A line without its end; in text line ends have been folded before."""
    raw = raw.removesuffix("\n")
    return raw.removesuffix("\r") if config.unit == "byte" else raw


class Form:
    """How the lines of a file are read; the first line tells what is not said.

    Args:
        task: Other than ``lm``.
        config: How a text becomes characters; of answers nothing is changed, and of a text with a tag for each character neither.
        columns: Of what is read and what is given, and of features, if they do not stand as usual.

    Raises:
        InputError: There are as many columns as do not fit.
    """

    def __init__(self, task: str, config: TextConfig, columns: Sequence[int] | None) -> None:
        self._task, self._config = TASKS[task], config
        self._usual = WITH_FEATURES if config.features else USUAL
        self._columns = checked_columns(columns, config)
        self._as_fasttext: bool | None = None if task == "classify" and not columns else False

    def line(self, raw: str, where: str) -> Line:
        """What stands in a line.

        Raises:
            InputError: It is no example.
        """
        raw = without_end(raw, self._config)
        if self._as_fasttext is None:
            self._as_fasttext = raw.startswith(FASTTEXT)
        text, answer = self._fasttext(raw, where) if self._as_fasttext else self._table(raw, where)
        if self._task.rewrites:
            if not answer or not text or text[0] == "\t":
                raise InputError(f"{where}: has no {'source' if answer else 'target'}")
            answer = self.read(answer)
        elif not answer and not self._task.aligned:
            raise InputError(f"{where}: has no label")
        if len(answer) > LONGEST and self._task.one_each:
            raise InputError(
                f"{where}: a label of {len(answer):,} {self._config.unit}s; is it a text?"
            )
        try:
            if self._config.unit == "byte":
                answer = answer.encode("latin-1").decode()
            answer.encode()
        except UnicodeError:
            raise InputError(f"{where}: the label is not UTF-8") from None
        if found := UNSAFE.search(answer):
            kind = (
                "tags have"
                if self._task.aligned
                else "the target has"
                if self._task.rewrites
                else "the label has"
            )
            raise InputError(
                f"{where}: {kind} {describe_character(found[0])} in it, which would break a line, or act on a terminal"
            )
        return Line(self.read(text), answer, where)

    def read(self, text: str) -> str:
        """A text as the model reads it."""
        return unicodedata.normalize("NFC", text) if self._config.normalize == "nfc" else text

    def _table(self, raw: str, where: str) -> tuple[str, str]:
        cells = raw.split("\t")
        pair = self._task.pair
        if len(cells) == 1 and self._columns is None:
            empty = "is empty" if not raw else "has no TAB"
            more = ", a TAB and features" if self._config.features else ""
            raise InputError(
                f"{where}: {empty}; a line is a {pair[0]}, a TAB and its {pair[1]}{more}"
            )
        if len(cells) > len(self._usual) and self._columns is None:
            named = f"two are {pair[0]} and {pair[1]}: --columns 1,{len(cells)}"
            if self._config.features:
                named = "three are source, target and features, as in --columns 1,2,3"
            elif self._task.rewrites and len(cells) == len(WITH_FEATURES):
                named += "; or --features reads the third"
            raise InputError(f"{where}: has {len(cells)} columns; say which {named}")
        columns = self._columns or self._usual
        if len(cells) < max(columns):
            which = ": source, target and features" if self._config.features else ""
            raise InputError(
                f"{where}: has {counted(len(cells), 'column')}, and not {max(columns)}{which}"
            )
        read, given, *features = (cells[number - 1] for number in columns)
        read = "\t".join([read, *features])
        return (given, read) if self._task.for_labels else (read, given)

    def _fasttext(self, raw: str, where: str) -> tuple[str, str]:
        label, *rest = re.split(r"[ \t]", raw, maxsplit=1)
        if not label.startswith(FASTTEXT):
            raise InputError(f"{where}: does not begin with {FASTTEXT}, as the lines before it do")
        text = rest[0] if rest else ""
        if text.lstrip(" \t").startswith(FASTTEXT):
            raise InputError(f"{where}: has several labels; charrnn learns one for each text")
        return text, label.removeprefix(FASTTEXT)


def read_examples(
    reader: Reader, task: str, config: TextConfig, columns: Sequence[int] = ()
) -> Iterator[Line]:
    """The examples of some files, one by one; arguments and errors as those of :func:`load_examples`.

    Args:
        reader: Of the files as they are, without normalisation.
    """
    for lines in _each_file(reader, task, config, tuple(columns)):
        yield from lines


def files_of(
    reader: Reader, task: str, config: TextConfig, columns: Columns
) -> Iterator[list[Line]]:
    """The examples of each file."""
    return map(list, _each_file(reader, task, config, columns))


def _each_file(
    reader: Reader, task: str, config: TextConfig, columns: Columns
) -> Iterator[Iterator[Line]]:
    """The same as they come; those of a file are to be gone through before the next."""
    for name, lines in reader.lines():
        yield _of_file(name, lines, Form(task, config, columns))


def _of_file(name: str, lines: Iterator[str], form: Form) -> Iterator[Line]:
    return (form.line(line, f"{name}, line {n}") for n, line in enumerate(lines, 1))


def checked_columns(columns: Sequence[int] | None, config: TextConfig) -> Columns | None:
    """Numbers of columns, where they are said.

    Raises:
        InputError: They are not two different ones, from 1 on, or three where there are features.
    """
    if not columns:
        return None
    wanted = WITH_FEATURES if config.features else USUAL
    if len({*columns}) != len(columns) or len(columns) != len(wanted) or min(columns) < 1:
        raise InputError(
            "columns are three different numbers, from 1 on: of source, target and features"
            if config.features
            else "columns are two different numbers, from 1 on: of the text and of its answer (with features, --features, three)"
        )
    return tuple(columns)


def between_tags(lines: Sequence[Line]) -> str:
    """What stands between tags: nothing, where more lines have as many characters of them as of text than have so many with blanks between."""
    some = lines[:LOOKED_AT]
    joined = sum(len(line.answer) == len(line.text) for line in some)
    apart = sum(len(line.answer.split(" ")) == len(line.text) for line in some)
    return "" if joined >= apart else " "


def between_symbols(texts: Sequence[str], asked: str | None = None) -> str:
    """What stands between the symbols of sources or targets: nothing, or blanks, where there are so many that each symbol seems to have one.

    Args:
        texts: Those that tell, if it is not said.
        asked: ``character`` or ``token``, where it is.
    """
    if asked is not None:
        return " " if asked == "token" else ""
    some = texts[:LOOKED_AT]
    blanks = sum(text.count(" ") for text in some)
    return " " if blanks > BLANKS * sum(map(len, some)) else ""


def symbols_of(lines: Sequence[Line], between: str) -> list[Sequence[str]]:
    """The symbols of each line's target, between which there are any number of blanks, or nothing.

    Raises:
        InputError: A line has none.
    """
    found: list[Sequence[str]] = [line.answer.split() if between else line.answer for line in lines]
    for line, symbols in zip(lines, found, strict=True):
        if not symbols:
            raise InputError(f"{line.where}: has no target")
    return found


def tags_of(lines: Sequence[Line], between: str) -> list[Sequence[str]]:
    """The tags of each line, with a blank or nothing between them.

    Raises:
        InputError: A line has not as many of them as characters, or one that is empty.
    """
    written, found = Labels(between=between), list[Sequence[str]]()
    for line in lines:
        tags = written.divided(line.answer)
        if len(tags) != len(line.text):
            kind = "tags with blanks between them" if between else "tags of one character each"
            raise InputError(
                f"{line.where}: {len(tags)} {kind}, for {counted(len(line.text), 'character')}: {shortened(line.text, 40)!r}"
            )
        if between and "" in tags:
            raise InputError(f"{line.where}: two blanks between tags; there is one")
        found.append(tags)
    return found
