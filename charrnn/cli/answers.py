"""Lines that are answered, and their answers in columns and in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from charrnn.cli.jsonl import Asking
from charrnn.errors import InputError
from charrnn.models.answering import AT_ONCE, Answer, Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.models.rewriting import Rewriter, Rewriting, alignment
from charrnn.nn.loss import bits
from charrnn.text.labels import Labels
from charrnn.text.lines import without_end
from charrnn.text.source import Source
from charrnn.text.tagging import Scheme
from charrnn.text.vocabulary import VERBATIM
from charrnn.words import NO_TEXT

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
    answerer: Answerer | Rewriter,
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
    raw: str, number: int, model: CharacterModel, answerer: Answerer | Rewriter, unknown: str
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


@dataclass(frozen=True)
class TargetForm:
    """What is told of the targets that were found for a source."""

    rewriter: Rewriter
    model: CharacterModel | None  # whose alignment is told, in JSON
    top: int

    def line(self, _line: Line, found: Sequence[Rewriting]) -> str:
        """In columns."""
        if self.top:
            pairs = (f"{bits(one.nats):.4f}\t{self.rewriter.text(one)}" for one in found)
            return "\t".join(pairs)
        return self.rewriter.text(found[0]) if found else ""

    def values(self, line: Line, found: Sequence[Rewriting]) -> dict[str, Any]:
        """For JSON."""
        each = [
            {
                "output": self.rewriter.text(one),
                "bits": round(bits(one.nats), 4),
                **({} if one.ended else {"ended": False}),
            }
            for one in found
        ]
        values: dict[str, Any] = dict(each[0]) if each else {"output": None, "bits": None}
        if self.top:
            values["top"] = each
        if self.model and found:
            weights = alignment(self.model, line.known, found[0].symbols)
            if weights is not None:
                values["alignment"] = [[round(float(a), 4) for a in row] for row in weights]
        return values


@dataclass(frozen=True)
class Form:
    """What is told of an answer."""

    labels: Labels
    top: int
    threshold: float
    spans: bool
    vectors: bool
    tags: bool

    def line(self, line: Line, answer: Answer) -> str:
        """In columns."""
        if self.vectors:
            return "\t".join(f"{number:.6g}" for number in answer.vector.tolist())
        if self.spans:
            named = len(self._scheme.kinds) > 1
            spans = self._spans(line.text, answer)
            cells = [cell for one in spans for cell in ([one["tag"]] * named + [one["text"]])]
            return "\t".join(cells)
        if self.tags:
            return self.labels.joined(answer.best.tolist())
        if not (self.top or self.threshold):
            return self.labels.names[int(answer.best)]
        pairs = self._pairs(answer)
        if self.top:
            return "\t".join(f"{p:.4f}\t{label}" for label, p in pairs)
        return pairs[0][0] if pairs else ""

    def values(self, line: Line, answer: Answer) -> dict[str, Any]:
        """For JSON."""
        if self.vectors:
            return {"vector": [float(f"{number:.6g}") for number in answer.vector.tolist()]}
        if self.spans:
            return {"spans": self._spans(line.text, answer)}
        if self.tags:
            return {"tags": [self.labels.names[number] for number in answer.best.tolist()]}
        pairs = self._pairs(answer)
        label, probability = pairs[0] if pairs else (None, None)
        found: dict[str, Any] = {"label": label, "probability": probability}
        if self.top:
            found["top"] = [{"label": name, "probability": p} for name, p in pairs]
        return found

    def _pairs(self, answer: Answer) -> list[tuple[str, float]]:
        """The likeliest labels that are probable enough."""
        p = answer.probabilities
        count = min(max(1, self.top), len(p))
        order = (-p).argsort(kind="stable")[:count] if count > 1 else [int(p.argmax())]
        pairs = [(self.labels.names[number], round(float(p[number]), 6)) for number in order]
        return [pair for pair in pairs if pair[1] >= self.threshold]

    @cached_property
    def _scheme(self) -> Scheme:
        return Scheme(self.labels.names)

    def _spans(self, text: str, answer: Answer) -> list[dict[str, Any]]:
        scheme = self._scheme
        return [
            {"start": start, "stop": stop, "tag": scheme.kinds[kind], "text": text[start:stop]}
            for start, stop, kind in scheme.spans(answer.best).tolist()
        ]
