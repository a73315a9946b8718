"""Texts with labels, one for each, with tags, one for each of its characters, or with other texts, as numbers; how they stand in files tells
:mod:`charrnn.text.lines`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SYMBOLS, TextConfig
from charrnn.errors import InputError
from charrnn.fields import OneOf, checks
from charrnn.tasks import TASKS, those
from charrnn.text.embedded import DEFAULTS
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.lines import (
    Form,
    Line,
    checked_columns,
    files_of,
)
from charrnn.text.numbering import Numbered, numbered
from charrnn.text.records import Spans
from charrnn.text.source import STANDARD_INPUT, OnRead, Paths, Reader, in_words, several
from charrnn.text.vocabulary import Vocabulary

TaskName = Annotated[str, OneOf(those(lambda task: bool(task.pair)))]


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
    task: TaskName = "classify"
    columns: tuple[int, ...] = ()
    targets: Spans | None = field(default=None, compare=False)

    @classmethod
    @checks
    def from_lines(
        cls,
        lines: Iterable[str],
        task: TaskName,
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
        of_lines = numbered(
            found, len(found), TASKS[task], config, "lines", vocabulary=vocabulary, **how
        )
        return _examples(of_lines, ("lines",), (), 0, task, tuple(columns or ()))

    @property
    def tagged(self) -> bool:
        """Whether each character has an answer."""
        return TASKS[self.task].aligned

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

        They are drawn from each class by itself; one text of it at least is learnt. With a file for validation they are drawn from
        that alone, or are all of it where the fraction is 0.
        """
        count, rng = len(self.spans), np.random.default_rng(seed)
        if self.apart:
            learnt = count - self.apart
            drawn = rng.permutation(self.apart)[: max(1, int(self.apart * val_fraction))]
            kept = np.sort(drawn) if val_fraction else np.arange(self.apart)
            return np.arange(learnt), learnt + kept
        order = rng.permutation(count)
        classes = self.answers if TASKS[self.task].one_each else np.zeros(count, np.intp)
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
        if TASKS[self.task].one_each:
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
    config, learns = config or TextConfig(), TASKS[task]
    if not learns.rewrites and config.has_words:
        raise InputError(f"--{'features' if config.features else 'source-symbols'} is for seq2seq")
    if learns.for_labels:  # where a text ends is learnt
        return replace(config, records=True)
    if learns.rewrites and config.unit == "byte":
        raise InputError(f"--bytes is not for {task}, which makes text of text")
    if config.records:
        raise InputError(
            f"--records is for a language model; the texts of {task} end with their lines anyway"
        )
    if not learns.aligned:
        return config
    if config.unit == "byte":
        raise InputError("--bytes is not for tags: each is one of a character")
    return replace(config, normalize="none")


@checks
def load_examples(
    paths: Paths = (),
    task: TaskName = "classify",
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
    if not several(paths) and TASKS[task].for_labels:
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
    learnt = len(found) - kept if apart else len(found)
    of_lines = numbered(
        found,
        learnt,
        TASKS[task],
        config,
        in_words(names if apart and learnt < 2 else sources),  # who has too few
        vocabulary=vocabulary,
        labels=labels,
        extend_vocabulary=extend_vocabulary,
        source_symbols=source_symbols,
        target_symbols=target_symbols,
    )
    return _examples(of_lines, tuple(sources), notices, len(found) - learnt, task, said)


def _examples(
    of_lines: Numbered,
    sources: tuple[str, ...],
    notices: Sequence[str],
    apart: int,
    task: str,
    columns: tuple[int, ...],
) -> Examples:
    """Numbers of lines, of which the last ``apart`` are for validation alone, as examples."""
    length = of_lines.spans.length
    cut = int(length[len(length) - apart :].sum())
    return Examples(
        of_lines.ids,
        of_lines.spans,
        of_lines.answers,
        of_lines.vocabulary,
        of_lines.labels,
        sources,
        of_lines.sha256,
        (*notices, *of_lines.notices),
        (int(length.sum()) - cut, cut) if apart else (),
        apart,
        task,
        columns,
        of_lines.targets,
    )
