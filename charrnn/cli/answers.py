"""Lines that are answered, and their answers in columns and in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from charrnn.cli.jsonl import Asking
from charrnn.errors import InputError
from charrnn.models.answering import AT_ONCE, Answer, Answerer, Answering
from charrnn.models.character_model import CharacterModel
from charrnn.models.rewriting import Rewriter, Rewriting
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.text.lines import without_end
from charrnn.text.source import Source
from charrnn.text.tagging import Scheme
from charrnn.text.vocabulary import VERBATIM
from charrnn.words import NO_TEXT, decimals

TEXT = 'must be an object with a string "text"'


@dataclass(frozen=True)
class Line:
    """A line that is to be answered, or what is wrong with it."""

    number: int
    text: str
    known: str = ""  # in characters that all models know
    given: dict[str, Any] = field(default_factory=dict)  # the object that it was
    error: str | None = None
    replaced: bool = False  # whether something stands for what is not known


def read_lines(
    source: Source,
    models: Sequence[CharacterModel],
    answerer: Answering,
    unknown: str,
    *,
    jsonl: bool,
) -> Iterator[list[Line]]:
    """The lines of a text, in groups: each of those that are there.

    Raises:
        InputError: The text cannot be read, or has characters that a model does not know and ``unknown`` is ``error``.
    """
    config = VERBATIM if jsonl else models[0].vocabulary.config
    number, lines, name = 0, list[Line](), str(source)
    try:
        for group in source.line_groups(config, errors="surrogateescape"):
            for raw in group:
                number += 1
                line = without_end(raw, config)
                if jsonl and line.strip():
                    lines.append(_object(line, number, models[0], answerer, unknown))
                elif not jsonl:
                    if NO_TEXT.search(line):  # a byte that is no part of UTF-8
                        raise InputError(f"{name}, line {number}: not UTF-8")
                    known = answerer.known(line, unknown, name, number)
                    replaced = known != line and answerer.lacks(line)
                    lines.append(Line(number, line, known, replaced=replaced))
            for start in range(0, len(lines), AT_ONCE):
                yield lines[start : start + AT_ONCE]
            lines = []
    except InputError:
        if lines:  # what came before is answered
            yield lines
        raise


def _object(
    raw: str, number: int, model: CharacterModel, answerer: Answering, unknown: str
) -> Line:
    """A line that is an object of JSON, or should be."""
    given: dict[str, Any] = {}
    try:
        given = Asking.parse(raw, TEXT)
        text = given.get("text")
        if not isinstance(text, str):
            raise InputError(TEXT)
        read = model.vocabulary.read(text)
        known = answerer.known(read, unknown)
        return Line(number, read, known, given, replaced=known != read and answerer.lacks(read))
    except InputError as error:
        return Line(number, "", given=given, error=str(error))


class AnswerForm(Protocol):
    """Has lines answered, each of them sound, and says what is told of the answers, in order."""

    @property
    def answerer(self) -> Answering:
        """Who answers."""

    def lines(self, asked: Sequence[Line]) -> Iterator[str]:
        """In columns, without line ends."""

    def values(self, asked: Sequence[Line]) -> Iterator[dict[str, Any]]:
        """For JSON."""


@dataclass(frozen=True)
class TargetForm:
    """What is told of the targets that were found for sources.

    Attributes:
        top: That many of each, as far as there are; None tells the best alone.
    """

    answerer: Rewriter
    top: int | None = None

    def lines(self, asked: Sequence[Line]) -> Iterator[str]:
        return map(self._line, self.answerer([line.known for line in asked]))

    def values(self, asked: Sequence[Line]) -> Iterator[dict[str, Any]]:
        found = self.answerer([line.known for line in asked])
        some = [
            (line.known, each[0].symbols) for line, each in zip(asked, found, strict=True) if each
        ]
        looked = self.answerer.alignments(
            [text for text, _ in some], [target for _, target in some]
        )
        # One for each that has a target, a few at a time.
        return (self._values(each, next(looked) if each else None) for each in found)

    def _line(self, found: Sequence[Rewriting]) -> str:
        if self.top:
            pairs = (f"{decimals(bits(one.nats), 4)}\t{self.answerer.text(one)}" for one in found)
            return "\t".join(pairs)
        return self.answerer.text(found[0]) if found else ""

    def _values(self, found: Sequence[Rewriting], alignment: Array | None) -> dict[str, Any]:
        each = [
            {
                "output": self.answerer.text(one),
                "bits": round(bits(one.nats), 4),
                **({} if one.ended else {"ended": False}),
            }
            for one in found
        ]
        values: dict[str, Any] = dict(each[0]) if each else {"output": None, "bits": None}
        if self.top:
            values["top"] = each
        if alignment is not None:
            values["alignment"] = [[round(a, 4) for a in row] for row in alignment.tolist()]
        return values


@dataclass(frozen=True)
class LabelForm:
    """What is told of labels or tags.

    Attributes:
        top: The likeliest labels instead of one, so many.
        threshold: Labels that are less probable are not told.
        spans: Of tags: spans instead.
        vectors: What the model holds of a text instead.
    """

    answerer: Answerer
    top: int | None = None
    threshold: float = 0.0
    spans: bool = False
    vectors: bool = False

    def lines(self, asked: Sequence[Line]) -> Iterator[str]:
        return map(self._line, asked, self.answerer([line.known for line in asked]))

    def values(self, asked: Sequence[Line]) -> Iterator[dict[str, Any]]:
        return map(self._values, asked, self.answerer([line.known for line in asked]))

    def _line(self, line: Line, answer: Answer) -> str:
        labels = self.answerer.labels
        if self.vectors:
            return "\t".join(f"{number:.6g}" for number in answer.vector.tolist())
        if self.spans:
            named = len(self._scheme.kinds) > 1
            spans = self._spans(line.text, answer)
            cells = [cell for one in spans for cell in ([one["tag"]] * named + [one["text"]])]
            return "\t".join(cells)
        if self.answerer.tags:
            return labels.joined(answer.best.tolist())
        if not (self.top or self.threshold):
            return labels.names[int(answer.best)]
        pairs = self._pairs(answer)
        if self.top:
            return "\t".join(f"{p:.4f}\t{label}" for label, p in pairs)
        return pairs[0][0] if pairs else ""

    def _values(self, line: Line, answer: Answer) -> dict[str, Any]:
        if self.vectors:
            return {"vector": [float(f"{number:.6g}") for number in answer.vector.tolist()]}
        if self.spans:
            return {"spans": self._spans(line.text, answer)}
        if self.answerer.tags:
            names = self.answerer.labels.names
            return {"tags": [names[number] for number in answer.best.tolist()]}
        pairs = self._pairs(answer)
        label, probability = pairs[0] if pairs else (None, None)
        found: dict[str, Any] = {"label": label, "probability": probability}
        if self.top:
            found["top"] = [{"label": name, "probability": p} for name, p in pairs]
        return found

    def _pairs(self, answer: Answer) -> list[tuple[str, float]]:
        """The likeliest labels that are probable enough."""
        p = answer.probabilities
        count = min(self.top or 1, len(p))
        order = (-p).argsort(kind="stable")[:count] if count > 1 else [int(p.argmax())]
        names = self.answerer.labels.names
        pairs = [(names[number], round(float(p[number]), 6)) for number in order]
        return [pair for pair in pairs if pair[1] >= self.threshold]

    @cached_property
    def _scheme(self) -> Scheme:
        return Scheme(self.answerer.labels.names)

    def _spans(self, text: str, answer: Answer) -> list[dict[str, Any]]:
        scheme = self._scheme
        return [
            {"start": start, "stop": stop, "tag": scheme.kinds[kind], "text": text[start:stop]}
            for start, stop, kind in scheme.spans(answer.best).tolist()
        ]
