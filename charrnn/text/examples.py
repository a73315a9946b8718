"""Texts with labels, one for each, with tags, one for each of its characters, or with other texts, as numbers; how they stand in files tells
:mod:`charrnn.text.lines`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import LABELLED_TASKS, MAX_LABELS, SYMBOLS, TextConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.fields import OneOf, checks
from charrnn.text.embedded import DEFAULTS
from charrnn.text.labels import LONGEST, NO_LABELS, Labels
from charrnn.text.lines import (
    Form,
    Line,
    between_symbols,
    between_tags,
    checked_columns,
    files_of,
    symbols_of,
    tags_of,
)
from charrnn.text.records import Spans
from charrnn.text.source import STANDARD_INPUT, OnRead, Paths, Reader, in_words, several
from charrnn.text.symbols import MOST_WORDS, character_of, words_of
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.words import listed

Task = Annotated[str, OneOf(LABELLED_TASKS)]


@dataclass(frozen=True, repr=False)
class Examples:
    """Encoded texts with their answers. The hash, the vocabulary and the labels tell whether two have the same numbers.

    Attributes:
        ids: The characters' numbers, text after text.
        spans: Where each text lies.
        answers: Numbers of labels: one for each text, or for each of ``ids``; of symbols, target after target.
        vocabulary, labels: What the numbers mean.
        sources: Where the examples came from: paths, ``-``, or a description.
        sha256: Hash of all texts and answers, as they were read.
        notices: What should be known of them, in words.
        parts: Characters to train on, and of the file for validation alone; none where there is no such file.
        apart: Examples at the end that are for validation alone.
        task: What they are for. With ``conditional`` the texts lie as records do, each between two line feeds, and are as long as its
            predictions: a text with its end.
        columns: Of what is read and what is given, and of features, if they did not stand as usual.
        targets: Where each target lies in ``answers``, where there are targets.
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
    targets: Spans | None = field(default=None, compare=False)

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
        config = usual_config(task, vocabulary.config if vocabulary else config)
        form = Form(task, config, columns)
        if config.unit == "byte":  # of a str its bytes in UTF-8, as everywhere
            lines = [line.encode("utf-8", "surrogateescape").decode("latin-1") for line in lines]
        found = [form.line(line, f"line {n}") for n, line in enumerate(lines, 1)]
        examples = _encoded(found, 0, task, config, ("lines",), (), vocabulary=vocabulary, **how)
        return replace(examples, columns=tuple(columns or ()))

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
        one_each = self.task in ("classify", "conditional")
        classes = self.answers if one_each else np.zeros(count, np.intp)
        order = order[np.argsort(classes[order], kind="stable")]  # class by class
        sizes = np.bincount(classes)
        # Where a part of a text would have to be taken, chance takes all of it or nothing.
        kept = np.floor(sizes * val_fraction + rng.random(len(sizes))).astype(np.intp)
        kept = np.minimum(kept, np.maximum(sizes - 1, 0))
        place = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # in its class
        taken = place < np.repeat(kept, sizes)
        return np.sort(order[~taken]), np.sort(order[taken])

    def sample(self, characters: int) -> Examples:
        """Some of its texts, from all over it, of so many characters or a little more: to measure with."""
        order = np.random.default_rng(0).permutation(len(self.spans) - self.apart)
        enough = np.searchsorted(np.cumsum(self.spans.length[order]), characters) + 1
        some = np.sort(order[: int(enough)])
        if self.task in ("classify", "conditional"):
            answers, targets = self.answers[some], None
        else:
            answers, targets = self.answers, self.targets and self.targets[some]
        spans = self.spans[some]
        return replace(self, spans=spans, answers=answers, targets=targets, parts=(), apart=0)


def usual_config(task: str, config: TextConfig | None = None) -> TextConfig:
    """How texts are read, unless something else is said: tags belong to characters as they were written.

    Raises:
        InputError: Tags are for characters, not for bytes; records are for text that is gone on with; features for what is made of a text.
    """
    config = config or TextConfig()
    if task != "seq2seq" and config.has_words:
        raise InputError(f"--{'features' if config.features else 'source-symbols'} is for seq2seq")
    if task == "conditional":  # where a text ends is learnt
        return replace(config, records=True)
    if task == "seq2seq" and config.unit == "byte":
        raise InputError("--bytes is not for seq2seq, which makes text of text")
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
    source_symbols: Annotated[str, OneOf(SYMBOLS)] | None = None,
    target_symbols: Annotated[str, OneOf(SYMBOLS)] | None = None,
    progress: OnRead | None = None,
) -> Examples:
    """Read files of examples, one after the other.

    Args:
        paths: A file or several; ``-`` is standard input; none at all is the task's embedded example.
        task: ``classify``, ``tag``, ``conditional`` or ``seq2seq``.
        config: How texts are read; a given vocabulary has its own way.
        columns: Of what is read and what is given, and of features, counted from 1, where there are more than these or they stand otherwise.
        val_file: Another one, which is for validation; its characters and labels are known, too.
        vocabulary, labels: Those of an existing model, instead of the examples' own.
        extend_vocabulary: Add to ``vocabulary`` what the texts have beyond it.
        source_symbols, target_symbols: Of what sources and targets are made: ``character``, or ``token``, with blanks between; without it
            they tell.
        progress: Called for each piece.

    Raises:
        InputError: A file is missing, a directory, not UTF-8, or has a line that is no example; there are too few examples, or all have
            the same label.
        UnknownCharacterError: The vocabulary lacks characters of the texts.
    """
    config = usual_config(task, vocabulary.config if vocabulary else config)
    names = several(paths) or [DEFAULTS[task]]
    if not several(paths) and task == "conditional":
        columns = columns or (2, 1)  # of the example that classify has
    said = checked_columns(columns, config) or ()
    apart = [] if val_file is None else several(val_file)
    if STANDARD_INPUT in names and STANDARD_INPUT in apart:
        raise InputError("standard input is read once; name a file to train on or to validate on")
    raw = replace(config, normalize="none", records=False)
    found, kept = list[Line](), 0
    with ExitStack() as stack:
        reader = Reader([*names, *apart], raw, stack, progress=progress)
        for part in files_of(reader, task, config, said):
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
        source_symbols=source_symbols,
        target_symbols=target_symbols,
    )
    return replace(examples, columns=said)


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
    source_symbols: str | None = None,
    target_symbols: str | None = None,
) -> Examples:
    """The examples of some lines, of which the last ``apart`` are for validation alone."""
    learnt, where = lines[: len(lines) - apart], in_words(sources)
    if len(learnt) < 2:
        raise InputError(
            f"{where}: {'only one example' if learnt else 'no example'}; training needs some hundreds"
        )
    told = list(notices)
    between, tags = "", None
    if task == "tag":
        between = labels.between if len(labels) else between_tags(lines)
        tags = tags_of(lines, between)
    elif task == "seq2seq":
        now = [" " if vocabulary.config.tokens else ""] if vocabulary else []
        pairs = [line.text.partition("\t")[0] for line in learnt], [line.answer for line in learnt]
        blanks = _made_of("source", pairs[0], source_symbols, now, told)
        config = replace(config, tokens=bool(blanks))
        now = [labels.between] if len(labels) else []
        between = _made_of("target", pairs[1], target_symbols, now, told)
        tags = symbols_of(lines, between)
    if tags is None:
        names: Iterable[str] = (line.answer for line in lines)
        learnt_names = {line.answer for line in learnt}
    else:
        names = (tag for each in tags for tag in each)
        learnt_names = {tag for each in tags[: len(learnt)] for tag in each}
    known = set(names)
    if not len(labels):
        labels = Labels(sorted(known), between)
        if len(labels) > MAX_LABELS:
            raise InputError(
                f"{where}: {len(labels):,} labels, of {MAX_LABELS:,} at most; are they texts?"
            )
        if len(labels) < 2 and task != "seq2seq":
            raise InputError(
                f"{where}: all have the same {'tag' if tags else 'label'}; there is nothing to tell apart"
            )
    elif unknown := known.difference(labels.names):
        kind = "symbols" if task == "seq2seq" else "labels"
        raise InputError(f"{where}: {kind} that the model does not have: {listed(sorted(unknown))}")
    if tags is None:
        told += _doubts(labels, len(learnt), task)
    if missing := known - learnt_names:
        told.append(
            f"the examples to train on lack {'symbols' if task == 'seq2seq' else 'labels'} of those to validate on: {listed(sorted(missing))}"
        )
    texts = [line.text for line in lines]
    if config.has_words:
        texts, vocabulary = _spelled(lines, config, vocabulary, extend_vocabulary)
    end = config.end
    text = end + "".join(one + end for one in texts)
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
    length = np.array([len(one) + len(end) for one in texts], np.int64)
    spans = Spans(np.cumsum(length) - length, length)
    digest = hashlib.sha256()
    for _ in hashed(lines, digest):
        pass
    ids = np.append(vocabulary.encode(text), np.uint8(0))  # where an empty text at the end lies
    flat = (
        [line.answer for line in lines] if tags is None else [tag for each in tags for tag in each]
    )
    answers = labels.encode(flat)
    targets = None
    if task == "seq2seq":
        each = np.array([len(tag) for tag in tags or ()], np.int64)
        targets = Spans(np.cumsum(each) - each, each)
    elif tags is not None:
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
        targets=targets,
    )


def _made_of(
    kind: str, texts: Sequence[str], asked: str | None, now: Sequence[str], told: list[str]
) -> str:
    """What stands between the symbols of sources or targets.

    Args:
        asked: What they are, if it is said.
        now: How it is with an existing model, if there is one.
        told: Is told what the texts told.
    """
    between = now[0] if now else between_symbols(texts, asked)
    made = "tokens" if between else "characters"
    if asked and between_symbols((), asked) != between:
        raise InputError(f"that model's {kind}s are made of {made}, and stay so (--{kind}-symbols)")
    if between and asked is None and not now:
        told.append(f"{kind}s are read as tokens with blanks between (--{kind}-symbols)")
    return between


def _spelled(
    lines: Sequence[Line], config: TextConfig, vocabulary: Vocabulary | None, extend: bool
) -> tuple[list[str], Vocabulary]:
    """Sources in characters, one for each of their symbols, and the vocabulary with all of them."""
    found = {word: line.where for line in lines for word in words_of([line.text], config)}
    known = vocabulary.words if vocabulary else ()
    new = sorted(found.keys() - {*known}) if extend or vocabulary is None else []
    if len(known) + len(new) > MOST_WORDS:
        raise InputError(f"{len(known) + len(new):,} different symbols, of {MOST_WORDS:,} at most")
    for word in new:
        if len(word) > LONGEST:
            raise InputError(f"{found[word]}: a symbol of {len(word):,} characters; is it a text?")
    words = (*known, *new)
    private = "".join(map(character_of, range(len(words))))
    whole = Vocabulary(private or "\n", config, words)
    texts = [whole.spelled(line.text, where=line.where) for line in lines]
    for line, text in zip(lines, texts, strict=True):
        if not text:
            raise InputError(f"{line.where}: has no source")
    if vocabulary is None:
        return texts, Vocabulary.of(private + "".join(texts), config, words)
    return texts, vocabulary.extended_by(private, new)


def hashed(lines: Iterable[Line], digest: hashlib._Hash) -> Iterator[Line]:
    """The same lines; those that have been taken are in the hash."""
    for line in lines:
        digest.update(f"{line.text}\t{line.answer}\n".encode())
        yield line


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
