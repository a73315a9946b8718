"""What a view is asked to look at: models, a text to watch them on, and the options that go with a view."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from charrnn.errors import InputError
from charrnn.inspection.examples import SOME, learnt_examples, named_examples
from charrnn.inspection.learnt import NotAtHandError, learnt_text
from charrnn.inspection.summary import summarize
from charrnn.models.character_model import CharacterModel
from charrnn.text.lines import Line
from charrnn.text.source import STANDARD_INPUT, Source, tidied
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.run import Checkpoint
from charrnn.words import counted, rejoined, shortened
from charrnn.writing.sampling import generate, generate_records

LONGEST = 100_000  # characters of a text that any view reads
OWN = 4000  # characters that a model writes to be watched on


@dataclass(frozen=True)
class Subject:
    """A checkpoint that is looked into, and the path that it was named by."""

    path: Path
    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """The path in words."""
        return rejoined(str(self.path))

    @property
    def source(self) -> str:
        """What it learnt from, in words."""
        first, *others = map(rejoined, self.checkpoint.corpus.learnt)
        return f"{shortened(first)} and {len(others)} more" if others else shortened(first)

    def summary(self) -> dict[str, Any]:
        """:func:`charrnn.inspection.summarize`, with the path first."""
        summary = summarize(self.checkpoint)
        summary["corpus"]["sources"] = list(map(rejoined, summary["corpus"]["sources"]))
        return {"checkpoint": self.name, **summary}


@dataclass(frozen=True)
class Watched:
    """What a model is watched on.

    Attributes:
        text: Running text, or records; of a model with labels or tags texts, a line each.
        source: What it is in words.
        answers: Of each line its label or tags, where they are known.
    """

    text: str
    source: str
    answers: tuple[str, ...] | None = None

    def head(self, most: int) -> Watched:
        """Its first ``most`` characters; of answers those of whole lines."""
        if self.answers is None:
            return replace(self, text=self.text[:most])
        lines = self.text[:most].count("\n") or 1
        text = "".join(line + "\n" for line in self.text.split("\n")[:lines])
        return replace(self, text=text, answers=self.answers[:lines])


@dataclass(frozen=True)
class Look:
    """What was asked for."""

    subjects: tuple[Subject, ...]  # the checkpoints that were named, at least one
    value: str | None = None  # that of the view's option; None where a page asks for the view
    # The options that go with some views, None where they are not given.
    at: int | None = None
    temp: tuple[float, ...] | None = None
    on: str | None = None
    counts: str | None = None
    unknown: str | None = None
    # Of what a view usually reads: less for the page of a large model, so that it does not take long.
    share: float = 1.0
    # Where a view puts what the user should be told beside the figure.
    notices: list[str] = field(default_factory=list)
    _own: dict[int, str] = field(default_factory=dict, init=False)

    @property
    def subject(self) -> Subject:
        """That of a view that shows one.

        Raises:
            InputError: Several were named.
        """
        if len(self.subjects) > 1:
            raise InputError("one checkpoint at a time; several side by side: --compare")
        return self.subjects[0]

    @property
    def names(self) -> list[str]:
        """Those of all subjects, in words."""
        return [subject.name for subject in self.subjects]

    @property
    def _model(self) -> CharacterModel:
        return self.subjects[0].checkpoint.model

    def scaled(self, number: int, least: int) -> int:
        """``share`` of a number, but not less than ``least``."""
        return max(least, int(self.share * number))

    def watched(self, most: int) -> Watched:
        """What to watch the model on, ``most`` characters of it at most.

        It is that of ``on``; by default what the model learnt from, or, where that is not at hand or has
        changed, what the model writes itself, if it writes. Errors as :meth:`read`.
        """
        if self._model.config.learns.pair:
            return self._lines(most)
        text, name = self._learnt if self.on is None else self._on
        if not text:
            name = f"a text that the model wrote itself ({name}; --on names another)"
            length = min(most, OWN)
            if length not in self._own:
                self._own[length] = _own_text(self._model, length)
            text = self._own[length]
        return Watched(*self.head(text, name, most))

    def _lines(self, most: int) -> Watched:
        """Some examples, or texts; of the first one its beginning, where it is longer than ``most``."""
        examples, name = self._examples
        taken, left, model = list[Line](), most, self._model
        for line in examples:
            if line.text and (len(line.text) <= left or not taken):
                taken.append(line)
                left -= len(line.text)
            if left <= 0:
                break
        if not taken:
            raise InputError(f"{name}: holds no text")
        texts = [line.text[:most] for line in taken]
        answers = [line.answer for line in taken]
        if model.config.learns.aligned and all(answers):
            tags = [model.labels.divided(answer)[:most] for answer in answers]
            answers = [model.labels.between.join(each) for each in tags]
        if len(taken) < len(examples) or len(examples) == SOME:
            name = f"{counted(len(taken), 'line')} of {name}"
        text = "".join(f"{text}\n" for text in texts)
        return Watched(text, name, tuple(answers) if all(answers) else None)

    def pairs(self, most: int, longest: int) -> tuple[list[Line], str]:
        """Some examples of a model for seq2seq, sources of so many characters at most, in its own, and what they are in words."""
        examples, name = self._examples
        taken = [line for line in examples if 0 < len(line.text) <= longest][:most]
        if not taken:
            raise InputError(f"{name}: holds no text of {longest} characters at most")
        return taken, name

    def named(self, value: str, option: str) -> tuple[list[Line], str]:
        """Lines of a table, or texts alone, of a file or as they are given to an option; see :func:`named_examples`."""
        return named_examples(value, self.subject.checkpoint, self.unknown or "error", option)

    def head(self, text: str, name: str, most: int) -> tuple[str, str]:
        """``most`` characters of a text at most, and what they are in words."""
        if len(text) <= most:
            return text, name
        return text[:most], f"the first {most:,} {self._model.vocabulary.config.unit}s of {name}"

    def read(self, value: str, option: str) -> tuple[str, str]:
        """A text in the model's characters, and where it came from in words.

        Args:
            value: ``-`` for standard input, the path of a file, or else the text itself.
            option: What it was given to.

        Raises:
            InputError: It cannot be read, is empty, or has unknown characters.
        """
        vocabulary = self._model.vocabulary
        # A text too long for a name, which pathlib stumbles over, is no error here.
        if value == STANDARD_INPUT or os.path.exists(value):  # noqa: PTH110
            source = Source(value)
            text, name, line = "".join(source.pieces(vocabulary.config)), str(source), 1
        else:
            text = tidied(vocabulary.argument(value, option), vocabulary.config)
            name, line = "the text given", 0
            if len(value.split()) == 1 and Path(value).suffix:
                self.notices.append(f"{value}: no such file; read as a text")
        if self._model.config.reads_whole:
            text = text.removesuffix("\n")
            if "\n" in text:
                raise InputError(
                    f"{name}: has several lines; {option} shows what becomes of one text"
                )
        return self.known(vocabulary, text, name, line), name

    def known(self, vocabulary: Vocabulary, text: str, name: str, line: int = 0) -> str:
        """A text that a model can read, with unknown characters as was asked for; errors as :meth:`read`.

        Args:
            line: See :meth:`Vocabulary.known`.
        """
        unknown = self.unknown or "error"
        text = vocabulary.known(text, unknown, name, line)
        if not text:
            raise InputError(f"{name}: is empty")
        return text

    def known_lines(self, model: CharacterModel, text: str, name: str) -> str:
        """A text, or texts, a line each, that another model can read, as :meth:`known` has it."""
        if not model.config.reads_whole:
            return self.known(model.vocabulary, text, name)
        vocabulary, aligned = model.vocabulary, model.config.learns.aligned
        lines = text.removesuffix("\n").split("\n")
        how = self.unknown or "error"
        known = (vocabulary.known(line, how, name, aligned=aligned) for line in lines)
        return "".join(f"{line}\n" for line in known)

    @cached_property
    def _examples(self) -> tuple[list[Line], str]:
        """Lines to watch a model with labels or tags on, and what they are in words."""
        subject = self.subjects[0]
        if self.on is not None:
            return named_examples(self.on, subject.checkpoint, self.unknown or "error")
        try:
            return learnt_examples(subject.checkpoint), subject.source
        except NotAtHandError as why:
            raise InputError(
                f"what it learnt from {why}; --on names examples, or texts alone"
            ) from None

    @cached_property
    def _on(self) -> tuple[str, str]:
        return self.read(self.on or "", "--on")

    @cached_property
    def _learnt(self) -> tuple[str, str]:
        """The head of what the model learnt from, and its name; or no text, and why."""
        subject = self.subjects[0]
        try:
            return learnt_text(subject.checkpoint, LONGEST), subject.source
        except NotAtHandError as why:
            return "", f"its corpus {why}"


def _own_text(model: CharacterModel, length: int) -> str:
    """What a model writes: so many characters, or the records that have as many."""
    if not model.vocabulary.config.records:
        return "".join(generate(model, length=length, temperature=0.8, rng=0))
    text, records = "", generate_records(model, temperature=0.8, rng=0)
    while len(text) <= length:
        text += next(records) + model.vocabulary.config.end
    return text
