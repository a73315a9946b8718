"""A model's answers to examples that it has not seen, graded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.models.answering import AT_ONCE, Answer, Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.models.rewriting import Rewriter
from charrnn.text.labels import Labels
from charrnn.text.lines import Line, read_examples, symbols_of, tags_of
from charrnn.text.source import Reader, in_words
from charrnn.text.tagging import Scheme
from charrnn.training.figures import Counting, Figures


@dataclass(frozen=True)
class Graded:
    """What came of some examples.

    Attributes:
        names: What the labels' numbers mean: those of the model, and after them others that occurred.
        unknown: Right answers that are none of the model's, or targets with symbols that are none.
        among: Of sources with targets: for how many a right one is among the best.
        replaced: Lines with characters or symbols that a model does not know.
    """

    figures: Figures
    names: tuple[str, ...]
    unknown: int = 0
    among: int = 0
    replaced: int = 0


def rewritten(
    rewriter: Rewriter,
    models: Sequence[CharacterModel],
    source: str,
    columns: Sequence[int] = (),
    unknown: str = "replace",
) -> Graded:
    """Grade the targets that are made of the sources in a file; of a source that stands there with several targets each is right.

    Arguments and errors are those of :func:`graded`.
    """
    lines = _lines(models[0], source, columns)
    wanted: dict[str, list[Sequence[str]]] = {}
    known: dict[str, str] = {}
    replaced = 0
    for line, symbols in zip(lines, symbols_of(lines, rewriter.labels.between), strict=True):
        known[line.text] = rewriter.known(line.text, unknown, line.where)
        replaced += rewriter.lacks(line.text)
        wanted.setdefault(line.text, []).append(symbols)
    names, sources = rewriter.labels.names, list(wanted)
    counting, among = Counting(), 0
    for start in range(0, len(sources), AT_ONCE):
        part = sources[start : start + AT_ONCE]
        for text, found in zip(part, rewriter([known[text] for text in part]), strict=True):
            made = [[names[number] for number in one.symbols] for one in found]
            right = [list(one) for one in wanted[text]]
            counting.rewritten(right, made[0] if made else [])
            among += any(one in right for one in made)
    missing = sum(
        any(name not in rewriter.labels for name in one) for each in wanted.values() for one in each
    )
    return Graded(counting.result(), names, missing, among, replaced)


def graded(
    answerer: Answerer,
    models: Sequence[CharacterModel],
    source: str,
    columns: Sequence[int] = (),
    unknown: str = "replace",
) -> Graded:
    """Grade the answers to a file of examples.

    Args:
        models: Those that answer.
        source: A path, or ``-``.
        columns: Of text and answer, where they are not as usual.
        unknown: What becomes of characters that a model does not know, see :meth:`Vocabulary.known`.

    Raises:
        InputError: The file cannot be read, has a line that is no example, or none at all.
    """
    lines = _lines(models[0], source, columns)
    wanted = (
        tags_of(lines, answerer.labels.between)
        if answerer.tags
        else [[line.answer] for line in lines]
    )
    others = {name for each in wanted for name in each if name not in answerer.labels}
    names = (*answerer.labels.names, *sorted(others))
    labels = Labels(names, answerer.labels.between)
    # The model's own tags say how they make spans, whatever else the file has.
    scheme = Scheme(names, Scheme(answerer.labels.names).iob) if answerer.tags else None
    counting, missing = Counting(scheme), 0
    for start in range(0, len(lines), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        right = [labels.encode(list(each)) for each in wanted[part]]
        answers = answerer([answerer.known(line.text, unknown, line.where) for line in lines[part]])
        missing += _count(counting, right, answers, len(answerer.labels))
    replaced = sum(answerer.lacks(line.text) for line in lines)
    return Graded(counting.result(), names, missing, replaced=replaced)


def _lines(model: CharacterModel, source: str, columns: Sequence[int]) -> list[Line]:
    """The examples of a file."""
    config, task = model.vocabulary.config, model.config.task
    with ExitStack() as stack:
        reader = Reader([source], replace(config, normalize="none"), stack)
        lines = list(read_examples(reader, task, config, columns))
    if not lines:
        raise InputError(f"{in_words(reader.names)}: holds no example")
    return lines


def _count(
    counting: Counting, right: Sequence[NDArray[np.intp]], answers: Sequence[Answer], known: int
) -> int:
    """Add some answers; how many right ones the model does not know."""
    best = [np.atleast_1d(answer.best) for answer in answers]
    if answers and answers[0].probabilities.ndim > 1:
        counting.tags(right, best)
    else:
        counting.labels(np.concatenate(right), np.concatenate(best))
    missing = 0
    for numbers, answer in zip(right, answers, strict=True):
        p = np.atleast_2d(answer.probabilities)
        inside = numbers < known
        missing += int((~inside).sum())
        (places,) = np.nonzero(inside)
        tiny = np.finfo(p.dtype).tiny  # so that a certain mistake costs much, and not all
        nats = -np.log(np.maximum(p[places, numbers[inside]].astype(np.float64), tiny))
        counting.losses(float(nats.sum()), len(places))
    return missing
