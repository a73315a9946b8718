"""The text that ``charrnn score`` reads: encoded and scored, a part after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.cli.incoming import line_groups, name_of, pieces
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.writing.scoring import Scorer, score_texts


@dataclass(frozen=True)
class Span:
    """A line, or a part of a long one.

    Attributes:
        text: As it stands in the file, with the line's end.
        known: Its characters that were scored, or what stands for them.
        bits: ``(len(known),)``, how unexpected each is.
    """

    text: str
    known: str
    bits: Array


class Reading:
    """A text, and the model that reads it.

    Args:
        source: A path; ``-`` is standard input.
        unknown: What becomes of characters that the model lacks: error, skip or replace.

    Raises:
        InputError: On the way: the text cannot be read, or has unknown characters.
        CheckpointError: On the way: the model's numbers overflow.
    """

    def __init__(self, model: CharacterModel, source: str, unknown: str) -> None:
        self._model, self._source, self._unknown = model, source, unknown
        self._lines = 0  # that have been read

    def as_one(self) -> Iterator[Span]:
        """The text, each character predicted from all before it."""
        scorer = Scorer(self._model)
        for piece in pieces(self._source, self._model.vocabulary.config):
            *whole, last = piece.split("\n")
            texts = [f"{line}\n" for line in whole] + [last] * bool(last)
            known = self._known(texts)
            nats = scorer.read(self._model.vocabulary.encode("".join(known))[:, None])[:, 0]
            ends = np.cumsum([len(part) for part in known])[:-1]
            yield from self._spans(texts, known, np.split(nats, ends))

    def as_lines(self) -> Iterator[Span]:
        """The lines, each predicted as if it were the first one."""
        for lines in line_groups(pieces(self._source, self._model.vocabulary.config)):
            known = self._known(lines)
            yield from self._spans(lines, known, score_texts(self._model, known))

    def _spans(
        self, texts: Sequence[str], known: Sequence[str], nats: Sequence[Array]
    ) -> Iterator[Span]:
        for text, part, costs in zip(texts, known, nats, strict=True):
            yield Span(text, part, bits(costs))

    def _known(self, texts: Sequence[str]) -> list[str]:
        """The texts in characters that the model knows."""
        vocabulary = self._model.vocabulary
        if unknown := vocabulary.unknown_in("".join(texts)):
            if self._unknown == "error":
                before = next(n for n, text in enumerate(texts) if vocabulary.unknown_in(text))
                error = UnknownCharacterError(unknown, "; add --unknown skip or --unknown replace")
                line = self._lines + before + 1
                raise InputError(f"{name_of(self._source)}, line {line}: {error}")
            return [vocabulary.resolve(text, self._unknown) for text in texts]
        self._lines += sum(text.endswith("\n") for text in texts)
        return list(texts)
