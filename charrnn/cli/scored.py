"""What ``charrnn score`` has read and scored: a line after the other, or a part of a long one."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.nn.parallel import Shards, available_processors
from charrnn.nn.parameters import Array
from charrnn.text.source import Source
from charrnn.writing.adapting import Adapter
from charrnn.writing.scoring import Scorer, SegmentScorer, score_texts

PART = 1 << 13  # characters of a text that are scored at once, in one stream
BLOCK = 1 << 19  # in segments: enough that their warming up is 5 %, few enough to wait for


@dataclass(frozen=True)
class Reading:
    """What one model made of a line, or of a part of one."""

    known: str  # its characters that were scored, or what stands for them
    bits: Array  # (len(known),), how unexpected each is
    lost: int  # characters of the text that it does not know, and nothing similar either


@dataclass(frozen=True)
class Span:
    """A line, or a part of a long one."""

    text: str  # as it stands in the file, with the line's end
    readings: tuple[Reading, ...]  # of each model


def as_one(
    models: Sequence[CharacterModel],
    source: Source,
    unknown: str,
    *,
    exact: bool,
    rate: float | None = None,
) -> Iterator[Span]:
    """A text, each character predicted from all before it; of records from those before it in its own.

    Args:
        models: All of characters or of bytes, of running text or of records.
        unknown: See :meth:`charrnn.text.vocabulary.Vocabulary.known`.
        exact: Read it in one stream, each part as soon as it is there, instead of segments side by side.
        rate: How far each model goes on learning from what it has read, see :class:`charrnn.writing.adapting.Adapter`; that takes
            one stream. None where it does not.

    Raises:
        InputError: The text cannot be read, or has unknown characters.
        CheckpointError: The model's numbers overflow.
    """
    readers = [_AsOne(model, source, unknown, exact=exact, rate=rate) for model in models]
    pieces = source.pieces(_common(models))
    for part in _parts(pieces) if exact else _blocks(pieces):
        *whole, last = part.split("\n")
        texts = [f"{line}\n" for line in whole] + [last] * bool(last)
        columns = [reader.read(texts) for reader in readers]
        yield from map(Span, texts, zip(*columns, strict=True))


def _parts(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in parts no longer than ``PART``."""
    for piece in pieces:
        for start in range(0, len(piece), PART):
            yield piece[start : start + PART]


def _blocks(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in blocks no shorter than ``BLOCK``, but the last."""
    block: list[str] = []
    for piece in pieces:
        block.append(piece)
        if sum(map(len, block)) >= BLOCK:
            yield "".join(block)
            block.clear()
    if block:
        yield "".join(block)


def as_lines(models: Sequence[CharacterModel], source: Source, unknown: str) -> Iterator[Span]:
    """The lines of a text, each predicted as if it were the first one; otherwise as :func:`as_one`."""
    readers = [_AsLines(model, source, unknown) for model in models]
    for lines in source.line_groups(_common(models)):
        columns = [reader.read(lines) for reader in readers]
        yield from map(Span, lines, zip(*columns, strict=True))


def _common(models: Sequence[CharacterModel]) -> TextConfig:
    """How all of them can read a text; who wants more composes what it gets.

    Raises:
        InputError: There is no such way.
    """
    config, *others = dict.fromkeys(model.vocabulary.config for model in models)
    for other in others:
        if (other.unit, other.records) != (config.unit, config.records):
            raise InputError(f"these models read differently: one {config}, another {other}")
        config = replace(config, normalize="none")
    return config


def require_any(spans: Iterable[Span], source: Source) -> Iterator[Span]:
    """The same spans; an InputError at their end if not one character was scored."""
    read = scored = False
    for span in spans:
        read, scored = True, scored or any(reading.known for reading in span.readings)
        yield span
    if not scored:
        why = ": the model knows none of its characters" if read else ""
        raise InputError(f"{source}: nothing to score{why}")


class _Reader(ABC):
    """Reads lines of a source, or parts of them, in characters that its model knows."""

    def __init__(self, model: CharacterModel, source: Source, unknown: str) -> None:
        self.model = model
        self._unknown, self._name, self._line = unknown, str(source), 1

    def read(self, texts: Iterable[str]) -> list[Reading]:
        """The next lines, or parts of them."""
        composed, known, lost = list(map(self._composed, texts)), [], []
        whole = "".join(composed)
        # As a rule there are none, and to look line by line takes a while.
        if not self.model.vocabulary.unknown_in(whole):
            self._line += whole.count("\n")
            return list(map(Reading, composed, self.bits(composed), [0] * len(composed)))
        for text in composed:
            known.append(self.model.vocabulary.known(text, self._unknown, self._name, self._line))
            lost.append(0 if known[-1] == text else self._lost(text))
            self._line += text.endswith("\n")
        return list(map(Reading, known, self.bits(known), lost))

    @abstractmethod
    def bits(self, known: Sequence[str]) -> Iterable[Array]:
        """How unexpected the characters of each are."""

    def _composed(self, text: str) -> str:
        nfc = self.model.vocabulary.config.normalize == "nfc"
        return unicodedata.normalize("NFC", text) if nfc else text

    def _lost(self, text: str) -> int:
        """How many characters the model was given nothing similar for."""
        vocabulary = self.model.vocabulary
        unknown = vocabulary.unknown_in(text)
        if self._unknown == "replace":
            unknown = "".join(c for c in unknown if vocabulary.stand_ins.similar(c) is None)
        return sum(map(text.count, unknown))


class _AsOne(_Reader):
    def __init__(
        self,
        model: CharacterModel,
        source: Source,
        unknown: str,
        *,
        exact: bool,
        rate: float | None,
    ) -> None:
        super().__init__(model, source, unknown)
        self._scorer: Adapter | Scorer | SegmentScorer
        if rate is not None:
            self._scorer = Adapter(model, rate)
        else:
            self._scorer = Scorer(model) if exact else SegmentScorer(model)

    def bits(self, known: Sequence[str]) -> Iterable[Array]:
        found = bits(self._scorer.read(self.model.vocabulary.encode("".join(known))))
        stops = accumulate(map(len, known))
        return [found[stop - len(part) : stop] for part, stop in zip(known, stops, strict=True)]


class _AsLines(_Reader):
    def __init__(self, model: CharacterModel, source: Source, unknown: str) -> None:
        super().__init__(model, source, unknown)
        self._shards = Shards(available_processors())

    def bits(self, known: Sequence[str]) -> Iterable[Array]:
        return map(bits, score_texts(self.model, known, self._shards))
