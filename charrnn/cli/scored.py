"""What ``charrnn score`` has read and scored: a line after the other, or a part of a long one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.text.source import Source
from charrnn.writing.scoring import Scorer, score_texts


@dataclass(frozen=True)
class Span:
    """A line, or a part of a long one."""

    text: str  # as it stands in the file, with the line's end
    known: str  # its characters that were scored, or what stands for them
    bits: Array  # (len(known),), how unexpected each is


def as_one(model: CharacterModel, source: Source, unknown: str) -> Iterator[Span]:
    """A text, each character predicted from all before it.

    Args:
        unknown: See :meth:`charrnn.text.vocabulary.Vocabulary.known`.

    Raises:
        InputError: The text cannot be read, or has unknown characters.
        CheckpointError: The model's numbers overflow.
    """
    scorer, known_lines = Scorer(model), _KnownLines(model, source, unknown)
    for piece in source.pieces(model.vocabulary.config):
        *whole, last = piece.split("\n")
        texts = [f"{line}\n" for line in whole] + [last] * bool(last)
        known = known_lines.of(texts)
        nats = scorer.read(model.vocabulary.encode("".join(known))[:, None])[:, 0]
        ends = np.cumsum([len(part) for part in known])[:-1]
        yield from map(Span, texts, known, np.split(bits(nats), ends))


def as_lines(model: CharacterModel, source: Source, unknown: str) -> Iterator[Span]:
    """The lines of a text, each predicted as if it were the first one; otherwise as :func:`as_one`."""
    known_lines = _KnownLines(model, source, unknown)
    for lines in source.line_groups(model.vocabulary.config):
        known = known_lines.of(lines)
        yield from map(Span, lines, known, map(bits, score_texts(model, known)))


def require_any(spans: Iterable[Span], source: Source) -> Iterator[Span]:
    """The same spans; an InputError at their end if not one character was scored."""
    read = scored = False
    for span in spans:
        read, scored = True, scored or bool(span.known)
        yield span
    if not scored:
        why = ": the model knows none of its characters" if read else ""
        raise InputError(f"{source}: nothing to score{why}")


class _KnownLines:
    """Lines of a source in characters that a model knows."""

    def __init__(self, model: CharacterModel, source: Source, unknown: str) -> None:
        self._vocabulary, self._unknown = model.vocabulary, unknown
        self._name, self._line = str(source), 1

    def of(self, texts: list[str]) -> list[str]:
        """The next lines, or parts of them."""
        known = []
        for text in texts:
            known.append(self._vocabulary.known(text, self._unknown, self._name, self._line))
            self._line += text.endswith("\n")
        return known
