"""What a run is made of: which chunks of a corpus it learns from and which it is validated on, and all
that its configuration leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from charrnn.config import TrainingConfig
from charrnn.errors import InputError
from charrnn.nn.parallel import default_shards
from charrnn.text.chunks import (
    READING_SHARE,
    Chunks,
    Segments,
    Streams,
    default_epochs,
    default_eval_every,
    fit_sizes,
)
from charrnn.text.corpus import Corpus
from charrnn.text.records import Records, fit_batch

VALIDATION_COLUMNS, VALIDATION_STEPS = 64, 100
VALIDATION_FRACTION, VALIDATION_CHARACTERS = 0.1, 1_000_000

WARMUP = 100
"""Steps over which the rate rises where nothing else is said, or a tenth of a shorter run."""

COOLDOWN = 0.4
"""Part of a run over which the rate of ``trapezoid`` falls, where nothing else is said."""


@dataclass(frozen=True)
class Division:
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

    def notices(self, asked: TrainingConfig) -> list[str]:
        """What is other than a configuration asks for, in words."""
        notices = [
            f"{name} {wanted} does not fit {self.extent}; using {used}"
            for name, wanted, used in (
                ("batch size", asked.batch_size, self.batch_size),
                ("sequence length", asked.seq_length, self.seq_length),
            )
            if used != wanted
        ]
        if self.val_fraction and self.validation is None:
            notices.append("the text is too short to keep a part of it for validation")
        return notices


def default_val_fraction(characters: int) -> float:
    """A tenth of a text; of a long one, as much as tells a loss to three digits."""
    return min(VALIDATION_FRACTION, VALIDATION_CHARACTERS / characters)


def divide(corpus: Corpus, config: TrainingConfig) -> Division:
    """Divide a corpus as a configuration has it.

    Raises:
        InputError: A corpus of records has none.
    """
    fraction = config.val_fraction
    if fraction is None:
        fraction = default_val_fraction(len(corpus))
    kind = _records if corpus.vocabulary.config.records else _running_text
    return kind(corpus, config, fraction)


def settle(config: TrainingConfig, division: Division) -> TrainingConfig:
    """A configuration with all decided that it leaves open, and the sizes that the text can fill.

    Raises:
        InputError: The cooldown is longer than the run.
    """
    steps_per_epoch = len(division.training)
    epochs = config.epochs or (0 if config.steps else default_epochs(steps_per_epoch))
    total_steps = config.steps or steps_per_epoch * epochs
    warmup, cooldown = config.warmup, config.cooldown
    if warmup is None:
        warmup = min(WARMUP, total_steps // 10)
    if config.schedule == "trapezoid":
        if cooldown > total_steps:
            raise InputError(f"cooldown {cooldown} is longer than the run of {total_steps} steps")
        cooldown = cooldown or max(1, round(COOLDOWN * total_steps))
    validated = division.validation.characters if division.validation else 0
    epochs_read = READING_SHARE * validated / division.training.characters  # by an evaluation
    return replace(
        config,
        batch_size=division.batch_size,
        seq_length=division.seq_length,
        val_fraction=division.val_fraction,
        epochs=epochs,
        warmup=warmup,
        cooldown=cooldown,
        eval_every=config.eval_every
        or default_eval_every(steps_per_epoch, epochs_read * steps_per_epoch),
        threads=min(config.threads or default_shards(division.batch_size), division.batch_size),
    )


def _running_text(corpus: Corpus, config: TrainingConfig, val_fraction: float) -> Division:
    train, validation = corpus.split(val_fraction)
    batch_size, seq_length = fit_sizes(len(train), config.batch_size, config.seq_length)
    return Division(
        Streams(train, batch_size, seq_length),
        Segments(validation) if len(validation) else None,
        len(train),
        batch_size,
        seq_length,
        val_fraction,
        f"{len(train):,} {corpus.vocabulary.config.unit}s of training text",
    )


def _records(corpus: Corpus, config: TrainingConfig, val_fraction: float) -> Division:
    ids, seed = corpus.ids, config.seed
    spans = corpus.records()
    if not len(spans):
        raise InputError(f"{', '.join(corpus.sources)}: has no records, only empty lines")
    train, validation = spans.split(val_fraction, seed)
    batch_size = fit_batch(len(train), config.batch_size)
    return Division(
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
