"""Examples to watch a model with labels or tags on: some of those that it learnt from, or of a table that is named.

As of text (:mod:`charrnn.inspection.learnt`), nothing of a file that a checkpoint names is used before all have the recorded hash.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from charrnn.errors import InputError
from charrnn.inspection.learnt import NotAtHandError, at_hand, with_text
from charrnn.models.character_model import CharacterModel
from charrnn.text.embedded import DEFAULTS
from charrnn.text.lines import (
    FASTTEXT,
    Form,
    Line,
    read_examples,
    symbols_of,
    tags_of,
    without_end,
)
from charrnn.text.numbering import hashed
from charrnn.text.source import STANDARD_INPUT, OnRead, Reader, tidied
from charrnn.training.run import Checkpoint, CorpusInfo

SOME = 2000  # lines that are drawn from a table, at most


def learnt_examples(checkpoint: Checkpoint) -> list[Line]:
    """Some of the examples that a model learnt from, in no order.

    Raises:
        NotAtHandError: They are not where they were, are others, or are too many to be checked.
    """
    corpus, model = checkpoint.corpus, checkpoint.model
    try:
        if corpus.sources == (DEFAULTS[model.config.task],):
            # They are nobody's secret, and another Python may have another version of them.
            found = [
                line
                for line in drawn(_lines(corpus.sources, corpus, model))
                if all(tag in model.labels for tags in _divided([line], model) for tag in tags)
            ]
            found = _known(found, model, "replace")
        else:
            found = _proved(corpus, model)
            if any(model.vocabulary.lacks(line.text) for line in found):
                raise NotAtHandError("has changed")
            found = _known(found, model, "error")
    except InputError:
        raise NotAtHandError("is not at hand") from None
    if not found:
        raise NotAtHandError("has changed")
    return found


def _lines(
    names: Sequence[str],
    corpus: CorpusInfo,
    model: CharacterModel,
    progress: OnRead | None = None,
) -> Iterator[Line]:
    """The examples of some files, one by one."""
    with ExitStack() as stack:
        reader = _reader(names, model, stack, progress)
        yield from read_examples(reader, model.config.task, model.vocabulary.config, corpus.columns)


def _proved(corpus: CorpusInfo, model: CharacterModel) -> list[Line]:
    """Some of what the sources hold, if all of it has the recorded hash."""
    sources, config = at_hand(corpus), model.vocabulary.config
    most = sum(count for _, count in sources)
    if most < corpus.characters - len(config.end):  # which the last line may lack
        raise NotAtHandError("has changed")

    def advance(count: int, _all: int) -> None:
        nonlocal most
        most -= count
        if most < 0:  # it has grown
            raise NotAtHandError("has changed")

    digest = hashlib.sha256()
    found = drawn(hashed(_lines(with_text(sources), corpus, model, advance), digest))
    if digest.hexdigest() != corpus.sha256:
        raise NotAtHandError("has changed")
    return found


def named_examples(
    value: str, checkpoint: Checkpoint, unknown: str = "error", option: str = "--on"
) -> tuple[list[Line], str]:
    """Some examples of a table, or texts that are named without their answers; in no order, and what they are in words.

    Args:
        value: ``-`` for standard input, the path of a file, or else texts themselves, a line each.
        unknown: What becomes of characters that the model does not know, see :meth:`Vocabulary.known`.
        option: That it was given to.

    Raises:
        InputError: It cannot be read, has a line that is no example or no text at all, or a label that the model does not know.
    """
    model, columns = checkpoint.model, checkpoint.corpus.columns
    config, task = model.vocabulary.config, model.config.task
    with ExitStack() as stack:
        # A text too long for a name, which pathlib stumbles over, is no error here.
        if value == STANDARD_INPUT or os.path.exists(value):  # noqa: PTH110
            reader = _reader([value], model, stack)
            ((name, lines),) = reader.lines()
            first = next(lines, "")
            ((_, lines),) = reader.lines()
        else:
            name, typed = "the text given", tidied(model.vocabulary.argument(value, option), config)
            lines = iter(typed.split("\n"))
            first = value
        form = Form(task, config, columns)
        table = first.count("\t") > int(config.features)
        if table or first.startswith(FASTTEXT) or model.config.learns.for_labels:
            read = (form.line(line, f"{name}, line {n}") for n, line in enumerate(lines, 1))
        else:
            read = (
                Line(form.read(without_end(line, config)), "", f"{name}, line {n}")
                for n, line in enumerate(lines, 1)
            )
        found = drawn(read)
    if not found:
        raise InputError(f"{name}: holds no text")
    answered = [line for line in found if line.answer]
    for line, tags in zip(answered, _divided(answered, model), strict=True):
        _require_known(tags, line.where, model)
    known = [line for line in _known(found, model, unknown) if line.text]
    if not known:
        raise InputError(f"{name}: is empty")
    return known, name


def _known(lines: Sequence[Line], model: CharacterModel, unknown: str) -> list[Line]:
    """The same, with texts in characters that the model knows."""
    vocabulary, aligned = model.vocabulary, model.config.learns.aligned
    found = []
    for line in lines:
        text = vocabulary.known(line.text, unknown, line.where, aligned=aligned)
        found.append(replace(line, text=text))
    return found


def _require_known(tags: Sequence[str], where: str, model: CharacterModel) -> None:
    """Errors as those of :meth:`Labels.number`, with the line."""
    try:
        for tag in tags:
            model.labels.number(tag, model.config.learns.label)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _divided(lines: Sequence[Line], model: CharacterModel) -> list[Sequence[str]]:
    """The label of each line, its tags, or its target's symbols."""
    if model.config.learns.aligned:
        return tags_of(lines, model.labels.between)
    if model.config.learns.rewrites:
        return symbols_of(lines, model.labels.between)
    return [[line.answer] for line in lines]


def _reader(
    names: Sequence[str],
    model: CharacterModel,
    stack: ExitStack,
    progress: OnRead | None = None,
) -> Reader:
    """Of files as they are; how the text of a line is read says its form."""
    config = replace(model.vocabulary.config, normalize="none", records=False)
    return Reader(names, config, stack, progress=progress)


def drawn(lines: Iterable[Line]) -> list[Line]:
    """Some lines from all over a table, the same each time (reservoir sampling; Vitter 1985, algorithm R)."""
    rng, found = random.Random(0), list[Line]()
    for number, line in enumerate(line for line in lines if line.text):
        if number < SOME:
            found.append(line)
        elif (place := rng.randrange(number + 1)) < SOME:
            found[place] = line
    rng.shuffle(found)
    return found
