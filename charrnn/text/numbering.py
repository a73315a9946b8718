"""Lines of examples as numbers: which characters and symbols there are, which labels, and what each line is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import MAX_LABELS, TextConfig
from charrnn.errors import InputError, UnknownCharacterError, UnknownLabelError
from charrnn.tasks import Task
from charrnn.text.labels import LONGEST, NO_LABELS, Labels
from charrnn.text.lines import Line, between_symbols, between_tags, symbols_of, tags_of
from charrnn.text.records import Spans
from charrnn.text.symbols import FEATURE, MOST_WORDS, character_of, words_of
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.words import listed


class Numbered(NamedTuple):
    """What the fields of :class:`charrnn.text.examples.Examples` of these names are; ``notices`` are further ones."""

    ids: NDArray[Any]
    spans: Spans
    answers: NDArray[Any]
    vocabulary: Vocabulary
    labels: Labels
    targets: Spans | None
    sha256: str
    notices: tuple[str, ...]


def numbered(
    lines: Sequence[Line],
    learnt: int,
    task: Task,
    config: TextConfig,
    where: str,
    *,
    vocabulary: Vocabulary | None = None,
    labels: Labels = NO_LABELS,
    extend_vocabulary: bool = False,
    source_symbols: str | None = None,
    target_symbols: str | None = None,
) -> Numbered:
    """The numbers of some lines, of which the first ``learnt`` are to train on, the others to validate.

    Args:
        where: They came from, in words. All else as for :func:`charrnn.text.examples.load_examples`.
    """
    if learnt < 2:
        raise InputError(
            f"{where}: {'only one example' if learnt else 'no example'}; training needs some hundreds"
        )
    told = list[str]()
    if task.rewrites:
        now = [" " if vocabulary.config.tokens else ""] if vocabulary else []
        sources = [line.text.partition("\t")[0] for line in lines[:learnt]]
        tokens = _made_of("source", sources, source_symbols, now, told) != ""
        config = replace(config, tokens=tokens)
    each, between = _divided(lines, learnt, task, labels, target_symbols, told)
    labels = _labels(each, learnt, task, where, labels, between, told)
    texts, vocabulary = _texts(lines, config, vocabulary, extend_vocabulary)
    end = config.end
    text = end + "".join(one + end for one in texts)
    if vocabulary is None:
        bytes_ = config.unit == "byte"
        vocabulary = Vocabulary(BYTES, config) if bytes_ else Vocabulary.of(text or "\n", config)
    elif extend_vocabulary:
        vocabulary = vocabulary.extended_by(text)
    elif others := vocabulary.unknown_in(text):
        raise UnknownCharacterError(others)
    ids = np.append(vocabulary.encode(text), np.uint8(0))  # where an empty text at the end lies
    answers = labels.encode([name for names in each for name in names])
    targets = None
    if task.rewrites:
        targets = Spans.after_another([len(names) for names in each])
    elif task.aligned:
        answers = np.append(answers, 0)
    digest = hashlib.sha256()
    for _ in hashed(lines, digest):
        pass
    spans = Spans.after_another([len(one) + len(end) for one in texts])
    return Numbered(
        ids, spans, answers, vocabulary, labels, targets, digest.hexdigest(), tuple(told)
    )


def _divided(
    lines: Sequence[Line],
    learnt: int,
    task: Task,
    labels: Labels,
    target_symbols: str | None,
    told: list[str],
) -> tuple[Sequence[Sequence[str]], str]:
    """The label of each line, its tags, or its target's symbols, and what stands between them."""
    known = len(labels) > 0
    if task.aligned:
        between = labels.between if known else between_tags(lines)
        return tags_of(lines, between), between
    if task.rewrites:
        targets = [line.answer for line in lines[:learnt]]
        now = [labels.between] if known else []
        between = _made_of("target", targets, target_symbols, now, told)
        return symbols_of(lines, between), between
    return [(line.answer,) for line in lines], ""


def _labels(
    each: Sequence[Sequence[str]],
    learnt: int,
    task: Task,
    where: str,
    labels: Labels,
    between: str,
    told: list[str],
) -> Labels:
    """Those of an existing model, or of these lines."""
    known = {name for names in each for name in names}
    kind = "symbols of targets" if task.rewrites else "labels"
    if not len(labels):
        labels = Labels(sorted(known), between)
        if len(labels) > MAX_LABELS:
            raise InputError(
                f"{where}: {len(labels):,} labels, of {MAX_LABELS:,} at most; are they texts?"
            )
        if task.rewrites and len(labels) > MOST_WORDS:
            raise InputError(
                f"{where}: targets of {len(labels):,} different symbols, of {MOST_WORDS:,} at most"
            )
        if len(labels) < task.fewest:
            raise InputError(
                f"{where}: all have the same {task.label}; there is nothing to tell apart"
            )
    elif unknown := known.difference(labels.names):
        names = listed(sorted(unknown))
        raise UnknownLabelError(f"{where}: {kind} that the model does not have: {names}")
    if task.one_each:
        told += _doubts(labels, learnt, task)
    if missing := known.difference(name for names in each[:learnt] for name in names):
        told.append(
            f"the examples to train on lack {kind} of those to validate on: {listed(sorted(missing))}"
        )
    return labels


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


def _texts(
    lines: Sequence[Line], config: TextConfig, vocabulary: Vocabulary | None, extend: bool
) -> tuple[list[str], Vocabulary | None]:
    """Texts in characters, one for each of their symbols, and the vocabulary with all symbols that are no characters."""
    if not config.has_words:
        return [line.text for line in lines], vocabulary
    found = {word: line.where for line in lines for word in words_of([line.text], config)}
    known = vocabulary.words if vocabulary else ()
    new = sorted(found.keys() - {*known}) if extend or vocabulary is None else []
    if len(known) + len(new) > MOST_WORDS:
        raise InputError(f"{len(known) + len(new):,} different symbols, of {MOST_WORDS:,} at most")
    for word in new:
        if len(word) > LONGEST:
            raise InputError(
                f"{found[word]}: a symbol of {len(word.removeprefix(FEATURE)):,} characters; is it a text?"
            )
    advice = "; add them to the model with --extend-vocab"
    words = (*known, *new)
    private = "".join(map(character_of, range(len(words))))
    whole = Vocabulary(private or "\n", config, words)
    texts = [whole.spelled(line.text, where=line.where, advice=advice) for line in lines]
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


def _doubts(labels: Labels, examples: int, task: Task) -> Iterator[str]:
    """What may well be a mistake, though it can be learnt."""
    if examples > 20 and 2 * len(labels) > examples:
        turned = "--columns 2,1" if task.for_labels else "--columns"
        yield f"{len(labels):,} labels in {examples:,} examples: are these the right columns ({turned})?"
    plain: dict[str, str] = {}
    for name in labels.names:
        first = plain.setdefault(" ".join(name.split()), name)
        if first != name:
            yield f"the labels {first!r} and {name!r} differ in blanks alone"
            return
