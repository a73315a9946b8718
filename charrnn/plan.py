"""How a corpus is divided: what is trained on and what is validated on, in which chunks."""

from __future__ import annotations

from dataclasses import dataclass

from charrnn.batches import Chunks, Segments, Streams, fit_sizes
from charrnn.config import TrainingConfig
from charrnn.errors import InputError
from charrnn.records import Records, Spans, fit_batch
from charrnn.text import Corpus

VALIDATION_COLUMNS, VALIDATION_STEPS = 64, 100
VALIDATION_FRACTION, VALIDATION_CHARACTERS = 0.1, 1_000_000


@dataclass(frozen=True)
class Plan:
    """A divided corpus.

    Attributes:
        training: Chunks of the part to train on.
        validation: Chunks of the other part; None if there is none.
        train_characters: Size of the part to train on.
        batch_size: Columns of a chunk, as many as were asked for or as that part can fill.
        seq_length: Longest chunk, likewise.
        val_fraction: Part kept for validation.
        extent: That part in words.
    """

    training: Chunks
    validation: Chunks | None
    train_characters: int
    batch_size: int
    seq_length: int
    val_fraction: float
    extent: str


def default_val_fraction(characters: int) -> float:
    """A tenth of a text; of a long one, as much as tells a loss to three digits."""
    return min(VALIDATION_FRACTION, VALIDATION_CHARACTERS / characters)


def divide(corpus: Corpus, config: TrainingConfig) -> Plan:
    """Divide a corpus as a configuration has it.

    Raises:
        InputError: A corpus of records has none.
    """
    fraction = config.val_fraction
    if fraction is None:
        fraction = default_val_fraction(len(corpus))
    kind = _records if corpus.vocabulary.config.records else _running_text
    return kind(corpus, config, fraction)


def _running_text(corpus: Corpus, config: TrainingConfig, val_fraction: float) -> Plan:
    train, validation = corpus.split(val_fraction)
    batch_size, seq_length = fit_sizes(len(train), config.batch_size, config.seq_length)
    return Plan(
        Streams(train, batch_size, seq_length),
        Segments(validation) if len(validation) else None,
        len(train),
        batch_size,
        seq_length,
        val_fraction,
        f"{len(train):,} {corpus.vocabulary.config.unit}s of training text",
    )


def _records(corpus: Corpus, config: TrainingConfig, val_fraction: float) -> Plan:
    ids, seed = corpus.ids, config.seed
    (end,) = corpus.vocabulary.encode(corpus.vocabulary.config.end)
    spans = Spans.of(ids, end)
    if not len(spans):
        raise InputError(f"{', '.join(corpus.sources)}: has no records, only empty lines")
    train, validation = spans.split(val_fraction, seed)
    batch_size = fit_batch(train, config.batch_size)
    return Plan(
        Records(ids, train, batch_size, config.seq_length, seed),
        Records(ids, validation, VALIDATION_COLUMNS, VALIDATION_STEPS, seed)
        if len(validation)
        else None,
        train.characters,
        batch_size,
        config.seq_length,
        val_fraction,
        f"{len(train):,} records to train on",
    )
