"""Texts with labels, one for each, or with tags, one for each of its characters.

A file has an example on each line, what a model reads and what it gives: ``text TAB label``, ``text TAB tags``, and for the task ``conditional``
``label TAB text``. A tag is one character, or a name; names have blanks between
them. fastText's ``__label__X text`` is read as well.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import LABELLED_TASKS, MAX_LABELS, TextConfig
from charrnn.errors import InputError, UnknownCharacterError, describe_character
from charrnn.fields import OneOf, checks
from charrnn.text.embedded import DEFAULTS
from charrnn.text.labels import LONGEST, NO_LABELS, Labels
from charrnn.text.records import Spans
from charrnn.text.source import STANDARD_INPUT, OnRead, Paths, Reader, in_words, several
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.words import UNSAFE, counted, listed, shortened

Columns = tuple[int, int]
"""Of what is read and of what is given; the first of a line is 1."""

USUAL: Columns = (1, 2)
PAIRS = {"classify": ("text", "label"), "tag": ("text", "tags"), "conditional": ("label", "text")}
"""What stands in a line."""
Task = Annotated[str, OneOf(LABELLED_TASKS)]
_LOOKED_AT = 1000  # lines that tell how tags are written
FASTTEXT = "__label__"


@dataclass(frozen=True)
class Line:
    """A line of a file of examples: a text, and its label or tags."""

    text: str
    answer: str
    where: str  # its file and number, for errors


def without_end(raw: str, config: TextConfig) -> str:
    """A line without its end; in text line ends have been folded before."""
    raw = raw.removesuffix("\n")
    return raw.removesuffix("\r") if config.unit == "byte" else raw


class Form:
    """How the lines of a file are read; the first line tells what is not said.

    Args:
        task: ``classify``, ``tag`` or ``conditional``.
        config: How a text becomes characters; of answers nothing is changed, and of a text with a tag for each character neither.
        columns: Of what is read and what is given, if they do not stand as usual.
    """

    def __init__(self, task: str, config: TextConfig, columns: Columns | None) -> None:
        self._task, self._config, self._columns = task, config, columns
        self._as_fasttext: bool | None = None if task == "classify" and not columns else False
        self._of_tags = task == "tag"

    def line(self, raw: str, where: str) -> Line:
        """What stands in a line.

        Raises:
            InputError: It is no example.
        """
        raw = without_end(raw, self._config)
        if self._as_fasttext is None:
            self._as_fasttext = raw.startswith(FASTTEXT)
        text, answer = self._fasttext(raw, where) if self._as_fasttext else self._table(raw, where)
        if not answer and not self._of_tags:
            raise InputError(f"{where}: has no label")
        if len(answer) > LONGEST and not self._of_tags:
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
            kind = "tags have" if self._of_tags else "the label has"
            raise InputError(
                f"{where}: {kind} {describe_character(found[0])} in it, which would break a line, or act on a terminal"
            )
        return Line(self.read(text), answer, where)

    def read(self, text: str) -> str:
        """A text as the model reads it."""
        return unicodedata.normalize("NFC", text) if self._config.normalize == "nfc" else text

    def _table(self, raw: str, where: str) -> tuple[str, str]:
        cells = raw.split("\t")
        pair = PAIRS[self._task]
        if len(cells) == 1 and self._columns is None:
            empty = "is empty" if not raw else "has no TAB"
            raise InputError(f"{where}: {empty}; a line is a {pair[0]}, a TAB and its {pair[1]}")
        if len(cells) > len(USUAL) and self._columns is None:
            raise InputError(
                f"{where}: has {len(cells)} columns; say which two are {pair[0]} and {pair[1]}: --columns 1,{len(cells)}"
            )
        columns = self._columns or USUAL
        if len(cells) < max(columns):
            raise InputError(
                f"{where}: has {counted(len(cells), 'column')}, and not {max(columns)}"
            )
        read, given = (cells[number - 1] for number in columns)
        return (given, read) if self._task == "conditional" else (read, given)

    def _fasttext(self, raw: str, where: str) -> tuple[str, str]:
        label, *rest = re.split(r"[ \t]", raw, maxsplit=1)
        if not label.startswith(FASTTEXT):
            raise InputError(f"{where}: does not begin with {FASTTEXT}, as the lines before it do")
        text = rest[0] if rest else ""
        if text.lstrip(" \t").startswith(FASTTEXT):
            raise InputError(f"{where}: has several labels; charrnn learns one for each text")
        return text, label.removeprefix(FASTTEXT)


@dataclass(frozen=True, repr=False)
class Examples:
    """Encoded texts with their answers. The hash, the vocabulary and the labels tell whether two have the same numbers.

    Attributes:
        ids: The characters' numbers, text after text.
        spans: Where each text lies.
        answers: Numbers of labels: one for each text, or for each of ``ids``.
        vocabulary, labels: What the numbers mean.
        sources: Where the examples came from: paths, ``-``, or a description.
        sha256: Hash of all texts and answers, as they were read.
        notices: What should be known of them, in words.
        parts: Characters to train on, and of the file for validation alone; none where there is no such file.
        apart: Examples at the end that are for validation alone.
        task: What they are for. With ``conditional`` the texts lie as records do, each between two line feeds, and are as long as its
            predictions: a text with its end.
        columns: Of what is read and what is given, if they did not stand as usual.
    """

    ids: NDArray[Any] = field(compare=False)
    spans: Spans = field(compare=False)
    answers: NDArray[Any] = field(compare=False)
    vocabulary: Vocabulary
    labels: Labels
    sources: tuple[str, ...]
    sha256: str
    notices: tuple[str, ...] = ()
    parts: tuple[int, ...] = ()
    apart: int = 0
    task: Task = "classify"
    columns: tuple[int, ...] = ()

    @classmethod
    @checks
    def from_lines(
        cls,
        lines: Iterable[str],
        task: Task,
        *,
        config: TextConfig | None = None,
        columns: Sequence[int] | None = None,
        vocabulary: Vocabulary | None = None,
        **how: Any,
    ) -> Examples:
        """Examples that are in memory, in lines as a file has them; ``how`` as for :func:`load_examples`.

        Raises:
            InputError: A line is no example, or there are too few.
        """
        if isinstance(lines, str):
            raise InputError(
                "lines are a list, or something else that gives one after the other, not one text"
            )
        lines = [*lines]
        if any(not isinstance(line, str) for line in lines):
            raise InputError("lines are text: what a model reads, a TAB, and what it gives")
        config, two = usual_config(task, vocabulary.config if vocabulary else config), _two(columns)
        form = Form(task, config, two)
        if config.unit == "byte":  # of a str its bytes in UTF-8, as everywhere
            lines = [line.encode("utf-8", "surrogateescape").decode("latin-1") for line in lines]
        found = [form.line(line, f"line {n}") for n, line in enumerate(lines, 1)]
        examples = _encoded(found, 0, task, config, ("lines",), (), vocabulary=vocabulary, **how)
        return replace(examples, columns=two or ())

    @property
    def tagged(self) -> bool:
        """Whether each character has an answer."""
        return self.task == "tag"

    def __len__(self) -> int:
        """Characters of all texts."""
        return self.spans.characters

    def __repr__(self) -> str:
        many = f"{len(self.spans):,} texts, {len(self.labels)} labels"
        return f"<Examples: {many}, from {', '.join(self.sources)}>"

    @property
    def val_file(self) -> bool:
        """Whether the last source is for validation alone."""
        return bool(self.apart)

    @property
    def val_characters(self) -> int:
        """Those of the file for validation."""
        return self.parts[-1] if self.apart else 0

    def split(self, val_fraction: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of the texts to train on, and of those for validation, each in order.

        They are drawn from each class by itself; one text of it at least is learnt.
        """
        count = len(self.spans)
        if self.apart:
            return np.arange(count - self.apart), np.arange(count - self.apart, count)
        rng = np.random.default_rng(seed)
        order = rng.permutation(count)
        classes = np.zeros(count, np.intp) if self.tagged else self.answers
        order = order[np.argsort(classes[order], kind="stable")]  # class by class
        sizes = np.bincount(classes)
        # Where a part of a text would have to be taken, chance takes all of it or nothing.
        kept = np.floor(sizes * val_fraction + rng.random(len(sizes))).astype(np.intp)
        kept = np.minimum(kept, np.maximum(sizes - 1, 0)) if val_fraction else np.zeros_like(sizes)
        place = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its class
        taken = place < np.repeat(kept, sizes)
        return np.sort(order[~taken]), np.sort(order[taken])

    def sample(self, characters: int) -> Examples:
        """Some of its texts, from all over it, of so many characters or a little more: to measure with."""
        order = np.random.default_rng(0).permutation(len(self.spans) - self.apart)
        enough = np.searchsorted(np.cumsum(self.spans.length[order]), characters) + 1
        some = np.sort(order[: int(enough)])
        answers = self.answers if self.tagged else self.answers[some]
        return replace(self, spans=self.spans[some], answers=answers, parts=(), apart=0)


def usual_config(task: str, config: TextConfig | None = None) -> TextConfig:
    """How texts are read, unless something else is said: tags belong to characters as they were written.

    Raises:
        InputError: Tags are for characters, not for bytes; records are for text that is gone on with.
    """
    config = config or TextConfig()
    if task == "conditional":  # where a text ends is learnt
        return replace(config, records=True)
    if config.records:
        raise InputError(
            f"--records is for a language model; the texts of {task} end with their lines anyway"
        )
    if task != "tag":
        return config
    if config.unit == "byte":
        raise InputError("--bytes is not for tags: each is one of a character")
    return replace(config, normalize="none")


@checks
def load_examples(
    paths: Paths = (),
    task: Task = "classify",
    *,
    config: TextConfig | None = None,
    columns: Sequence[int] | None = None,
    val_file: str | Path | None = None,
    vocabulary: Vocabulary | None = None,
    labels: Labels = NO_LABELS,
    extend_vocabulary: bool = False,
    progress: OnRead | None = None,
) -> Examples:
    """Read files of examples, one after the other.

    Args:
        paths: A file or several; ``-`` is standard input; none at all is the task's embedded example.
        task: ``classify``, ``tag`` or ``conditional``.
        config: How texts are read; a given vocabulary has its own way.
        columns: Of what is read and what is given, counted from 1, where there are more than these two or they stand the other way round.
        val_file: Another one, which is for validation; its characters and labels are known, too.
        vocabulary, labels: Those of an existing model, instead of the examples' own.
        extend_vocabulary: Add to ``vocabulary`` what the texts have beyond it.
        progress: Called for each piece.

    Raises:
        InputError: A file is missing, a directory, not UTF-8, or has a line that is no example; there are too few examples, or all have
            the same label.
        UnknownCharacterError: The vocabulary lacks characters of the texts.
    """
    config = usual_config(task, vocabulary.config if vocabulary else config)
    names, two = several(paths) or [DEFAULTS[task]], _two(columns)
    if not several(paths) and task == "conditional":
        two = two or (2, 1)  # of the example that classify has
    apart = [] if val_file is None else several(val_file)
    if STANDARD_INPUT in names and STANDARD_INPUT in apart:
        raise InputError("standard input is read once; name a file to train on or to validate on")
    raw = replace(config, normalize="none", records=False)
    found, kept = list[Line](), 0
    with ExitStack() as stack:
        reader = Reader([*names, *apart], raw, stack, progress=progress)
        for part in _files(reader, task, config, two):
            found += part
            kept = len(part)
        sources, notices = reader.names, reader.notices
    if apart and not kept:
        raise InputError(f"{in_words(apart)}: holds no example to validate on")
    examples = _encoded(
        found,
        kept if apart else 0,
        task,
        config,
        names if apart and len(found) - kept < 2 else sources,  # who has too few
        notices,
        vocabulary=vocabulary,
        labels=labels,
        extend_vocabulary=extend_vocabulary,
    )
    return replace(examples, columns=two or ())


def read_examples(
    reader: Reader, task: str, config: TextConfig, columns: Sequence[int] = ()
) -> Iterator[Line]:
    """The examples of some files, one by one; arguments and errors as those of :func:`load_examples`.

    Args:
        reader: Of the files as they are, without normalisation.
    """
    for lines in _files(reader, task, config, _two(columns)):
        yield from lines


def _files(
    reader: Reader, task: str, config: TextConfig, columns: Columns | None
) -> Iterator[list[Line]]:
    for name, lines in reader.lines():
        form = Form(task, config, columns)
        yield [form.line(line, f"{name}, line {n}") for n, line in enumerate(lines, 1)]


def _two(columns: Sequence[int] | None) -> Columns | None:
    if not columns:
        return None
    if len(columns) != 2 or min(columns) < 1 or columns[0] == columns[1]:
        raise InputError(
            "columns are two different numbers, from 1 on: of the text and of its answer"
        )
    return columns[0], columns[1]


def _encoded(
    lines: Sequence[Line],
    apart: int,
    task: str,
    config: TextConfig,
    sources: Sequence[str],
    notices: Sequence[str],
    *,
    vocabulary: Vocabulary | None = None,
    labels: Labels = NO_LABELS,
    extend_vocabulary: bool = False,
) -> Examples:
    """The examples of some lines, of which the last ``apart`` are for validation alone."""
    learnt, where = lines[: len(lines) - apart], in_words(sources)
    if len(learnt) < 2:
        raise InputError(
            f"{where}: {'only one example' if learnt else 'no example'}; training needs some hundreds"
        )
    told = list(notices)
    tags = tags_of(lines, labels) if task == "tag" else None
    if tags is None:
        names: Iterable[str] = (line.answer for line in lines)
        learnt_names = {line.answer for line in learnt}
        between = ""
    else:
        names = (tag for each in tags for tag in each)
        learnt_names = {tag for each in tags[: len(learnt)] for tag in each}
        between = labels.between if len(labels) else _between(lines)
    known = set(names)
    if not len(labels):
        labels = Labels(sorted(known), between)
        if len(labels) > MAX_LABELS:
            raise InputError(
                f"{where}: {len(labels):,} labels, of {MAX_LABELS:,} at most; are they texts?"
            )
        if len(labels) < 2:
            raise InputError(
                f"{where}: all have the same {'tag' if tags else 'label'}; there is nothing to tell apart"
            )
    elif unknown := known.difference(labels.names):
        raise InputError(f"{where}: labels that the model does not have: {listed(sorted(unknown))}")
    if tags is None:
        told += _doubts(labels, len(learnt), task)
    if missing := known - learnt_names:
        told.append(
            f"the examples to train on lack labels of those to validate on: {listed(sorted(missing))}"
        )
    end = config.end
    text = end + "".join(line.text + end for line in lines)
    if vocabulary is None:
        vocabulary = (
            Vocabulary(BYTES, config)
            if config.unit == "byte"
            else Vocabulary.of(text or "\n", config)
        )
    elif extend_vocabulary:
        vocabulary = vocabulary.extended_by(text)
    elif others := vocabulary.unknown_in(text):
        raise UnknownCharacterError(others)
    length = np.array([len(line.text) + len(end) for line in lines], np.int64)
    spans = Spans(np.cumsum(length) - length, length)
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line.text}\t{line.answer}\n".encode())
    ids = np.append(vocabulary.encode(text), np.uint8(0))  # where an empty text at the end lies
    flat = (
        [line.answer for line in lines] if tags is None else [tag for each in tags for tag in each]
    )
    answers = labels.encode(flat)
    if tags is not None:
        answers = np.append(answers, 0)
    cut = int(length[len(learnt) :].sum())
    parts = (int(length.sum()) - cut, cut) if apart else ()
    return Examples(
        ids,
        spans,
        answers,
        vocabulary,
        labels,
        tuple(sources),
        digest.hexdigest(),
        tuple(told),
        parts,
        apart,
        task,
    )


def _doubts(labels: Labels, examples: int, task: str) -> Iterator[str]:
    """What may well be a mistake, though it can be learnt."""
    if examples > 20 and 2 * len(labels) > examples:
        turned = "--columns 2,1" if task == "conditional" else "--columns"
        yield f"{len(labels):,} labels in {examples:,} examples: are these the right columns ({turned})?"
    plain: dict[str, str] = {}
    for name in labels.names:
        first = plain.setdefault(" ".join(name.split()), name)
        if first != name:
            yield f"the labels {first!r} and {name!r} differ in blanks alone"
            return


def _between(lines: Sequence[Line]) -> str:
    """What stands between tags: nothing, where more lines have as many characters of them as of text than have so many with blanks between."""
    some = lines[:_LOOKED_AT]
    joined = sum(len(line.answer) == len(line.text) for line in some)
    apart = sum(len(line.answer.split(" ")) == len(line.text) for line in some)
    return "" if joined >= apart else " "


def tags_of(lines: Sequence[Line], labels: Labels) -> list[Sequence[str]]:
    """The tags of each line.

    Raises:
        InputError: A line has not as many of them as characters, or one that is empty.
    """
    between, found = labels.between if len(labels) else _between(lines), list[Sequence[str]]()
    for line in lines:
        tags = Labels(between=between).divided(line.answer)
        if len(tags) != len(line.text):
            kind = "tags with blanks between them" if between else "tags of one character each"
            raise InputError(
                f"{line.where}: {len(tags)} {kind}, for {counted(len(line.text), 'character')}: {shortened(line.text, 40)!r}"
            )
        if between and "" in tags:
            raise InputError(f"{line.where}: two blanks between tags; there is one")
        found.append(tags)
    return found
