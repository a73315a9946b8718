"""What a run is made of: which chunks of a corpus it learns from and which it is validated on, and all
that its configuration leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from charrnn.config import MOST_TAIL, TrainingConfig
from charrnn.errors import InputError
from charrnn.models.rewriting import PER_CHARACTER, SPARE
from charrnn.nn.parallel import default_shards
from charrnn.nn.world import ALONE, World
from charrnn.tasks import TASKS
from charrnn.text.batches import PLACES, Batches, class_weights, log_frequencies
from charrnn.text.chunks import (
    READING_SHARE,
    Chunks,
    Segments,
    Streams,
    Watched,
    default_epochs,
    default_eval_every,
    fit_sizes,
)
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.text.records import Records, fit_batch
from charrnn.text.source import in_words
from charrnn.text.stretches import Stretches
from charrnn.words import counted

COOLDOWN = 0.4  # part of a run over which the rate of ``trapezoid`` falls, if nothing else is said


@dataclass(frozen=True)
class Division:
    """A divided corpus."""

    config: TrainingConfig  # with all decided that was left open, and sizes that the text can fill
    training: Chunks  # of the part to train on
    validation: Chunks | None  # of the other part, if there is one
    files: (
        Chunks | None
    )  # the same of the numbers of the files that it is from, if it is from several
    train_characters: int
    extent: str  # of the part to train on, in words
    graded: Batches | None = None  # examples kept for validation, if there are such
    told: tuple[str, ...] = ()  # what else should be known
    offsets: NDArray[np.float64] | None = None  # of labels' scores, while they are learnt

    @property
    def whole(self) -> bool:
        """Whether texts are read whole, however long they are."""
        return isinstance(self.training, Batches)

    @property
    def predictions(self) -> int:
        """Characters that an evaluation predicts; of running text one fewer than are kept for it."""
        kept = self.validation or self.graded
        return kept.characters if kept else 0

    def notices(self, asked: TrainingConfig) -> list[str]:
        """What is other than a configuration asks for, in words."""
        notices = [*self.told]
        notices += [
            f"{name} {wanted} does not fit {self.extent}; using {used}"
            for name, wanted, used in (
                ("batch size", asked.batch_size, self.config.batch_size),
                ("sequence length", asked.seq_length, self.config.seq_length),
            )
            if used != wanted and not (self.whole and name == "sequence length")
        ]
        if self.config.val_fraction and not (self.validation or self.graded):
            what = "text is too short to keep a part of it"
            if self.whole:
                what = "examples are too few to keep some of them"
            notices.append(f"the {what} for validation")
        return notices


def default_val_fraction(characters: int) -> float:
    """A tenth of a text; of a long one, as much as tells a loss to three digits."""
    return min(0.1, 1_000_000 / max(1, characters))


def usual_cooldown(steps: int) -> int:
    """Over how many of its steps the rate of ``trapezoid`` falls."""
    return max(1, round(COOLDOWN * steps))


def divide(corpus: Corpus | Examples, config: TrainingConfig, world: World = ALONE) -> Division:
    """Divide a corpus, or examples, as a configuration has it.

    Raises:
        InputError: A corpus of records has none, the cooldown is longer than the run, or the batches are narrower than
            there are ranks.
    """
    fraction = kept_fraction(corpus, config)
    if isinstance(corpus, Examples):
        kind_of = _conditional if TASKS[corpus.task].for_labels else _examples
        division = kind_of(corpus, replace(config, val_fraction=fraction), fraction)
        return replace(division, config=_settled(division, world))
    kind = _records if corpus.vocabulary.config.records else _running_text
    division = kind(corpus, replace(config, val_fraction=fraction), fraction)
    division = replace(division, config=_settled(division, world))
    if corpus.stored is None:
        return division
    look, validation = corpus.stored.require_unchanged, division.validation
    return replace(
        division,
        training=Watched(division.training, look),
        validation=Watched(validation, look) if validation else None,
    )


def kept_fraction(corpus: Corpus | Examples, config: TrainingConfig) -> float:
    """What part of each file is kept for validation; of a file for it what part is read, where 0 is all.

    Raises:
        InputError: So much is kept that too little would be learnt.
    """
    require_learnt(config, val_file=corpus.val_file)
    if config.val_fraction is None:
        return 0.0 if corpus.val_file else default_val_fraction(len(corpus))
    return config.val_fraction


def require_learnt(config: TrainingConfig, *, val_file: bool) -> None:
    """Raise an InputError if more than ``MOST_TAIL`` is kept of a text; of a file for validation nothing is learnt anyway."""
    kept = config.val_fraction or 0.0
    if kept > MOST_TAIL and not val_file:
        raise InputError(
            f"val-fraction must be at most {MOST_TAIL}, not {kept:g}: the rest of the text is learnt; "
            "of a file for validation alone, as --val-file names one, it is up to 1"
        )


def _settled(division: Division, world: World) -> TrainingConfig:
    """The configuration with the length of the run and what follows from it."""
    config, steps_per_epoch = division.config, len(division.training)
    epochs = config.epochs or (0 if config.steps else default_epochs(steps_per_epoch))
    total_steps = config.steps or steps_per_epoch * epochs
    warmup = min(100, total_steps // 10) if config.warmup is None else config.warmup
    cooldown = config.cooldown
    if config.schedule == "trapezoid":
        if cooldown > total_steps:
            raise InputError(f"cooldown {cooldown} is longer than the run of {total_steps} steps")
        cooldown = cooldown or usual_cooldown(total_steps)
    # By an evaluation.
    epochs_read = READING_SHARE * division.predictions / max(1, division.training.characters)
    usual = default_eval_every(steps_per_epoch, epochs_read * steps_per_epoch)
    return replace(
        config,
        epochs=epochs,
        warmup=warmup,
        cooldown=cooldown,
        eval_every=config.eval_every or usual,
        threads=_parts(config, division.extent, world),
    )


def _parts(config: TrainingConfig, extent: str, world: World) -> int:
    """In how many parts a batch is computed: as many on each rank, and none without a column."""
    columns, ranks = config.batch_size, world.size
    if columns < ranks:
        raise InputError(
            f"{extent} make batches of {counted(columns, 'stream')} (--batch-size), which {ranks} ranks cannot share; start {columns} at most"
        )
    asked = config.threads or default_shards(columns, world)
    return max(ranks, min(asked, columns) // ranks * ranks)


def _running_text(corpus: Corpus, config: TrainingConfig, val_fraction: float) -> Division:
    train, validation = corpus.split(val_fraction)
    several = sum(start < stop for start, stop in validation.bounds) > 1
    batch_size, seq_length = fit_sizes(len(train), config.batch_size, config.seq_length)
    return Division(
        replace(config, batch_size=batch_size, seq_length=seq_length),
        Streams(train, batch_size, seq_length),
        Segments(validation) if len(validation) else None,
        Segments(Stretches(corpus.files, validation.bounds)) if several else None,
        len(train),
        f"{len(train):,} {corpus.vocabulary.config.unit}s of training text",
    )


def _records(corpus: Corpus, config: TrainingConfig, val_fraction: float) -> Division:
    ids, seed = corpus.ids, config.seed
    train, rest = corpus.split_records(val_fraction, seed)
    names = corpus.sources[: len(corpus.sources) - corpus.val_file]
    if not len(train):
        raise InputError(f"{in_words(names)}: has no records, only empty lines")
    if corpus.val_file and not len(rest):
        raise InputError(f"{in_words(corpus.sources[-1:])}: has no records, only empty lines")
    batch_size = fit_batch(len(train), config.batch_size)
    kept = partial(Records, spans=rest, batch_size=64, seq_length=100, seed=seed)
    several = len(set(corpus.files[rest.first + 1].tolist())) > 1
    return Division(
        replace(config, batch_size=batch_size),
        Records(ids, train, batch_size, config.seq_length, seed),
        kept(ids) if len(rest) else None,
        kept(corpus.files) if several else None,
        train.characters,
        f"{len(train):,} records to train on",
    )


def _examples(examples: Examples, config: TrainingConfig, val_fraction: float) -> Division:
    train, rest = examples.split(val_fraction, config.seed)
    if examples.tagged:  # a text without characters has no tag to learn
        train, rest = (each[examples.spans.length[each] > 0] for each in (train, rest))
        if not len(train):
            raise InputError(f"{in_words(examples.sources)}: no text to train on has a character")
    batch_size = fit_batch(len(train), config.batch_size)
    balanced = config.class_weights == "balanced"
    weights = class_weights(examples, train) if balanced else None
    training = Batches(examples, train, batch_size, config.seed, weights)
    told: tuple[str, ...] = ()
    if training.cut:
        further = "as texts of their own" if examples.tagged else "no further"
        told = (
            f"{counted(training.cut, 'text')} of more than {PLACES:,} characters: what is beyond is learnt {further}",
        )
    if examples.targets:
        most = PER_CHARACTER * examples.spans.length + SPARE
        if beyond := int((examples.targets.length > most).sum()):
            told = (
                *told,
                f"{counted(beyond, 'target')} of more than {PER_CHARACTER} symbols for each character of the source, and {SPARE}: none is written that is so long",
            )
    return Division(
        replace(config, batch_size=batch_size, seq_length=training.longest),
        training,
        None,
        None,
        examples.spans[train].characters,
        f"{len(train):,} examples to train on",
        Batches(examples, rest, 64, config.seed) if len(rest) else None,
        told,
        log_frequencies(examples, train) * config.rare_labels if config.rare_labels else None,
    )


def _conditional(examples: Examples, config: TrainingConfig, val_fraction: float) -> Division:
    """Texts are read as records, each from what its label sets."""
    train, rest = examples.split(val_fraction, config.seed)
    batch_size = fit_batch(len(train), config.batch_size)

    def records(which: NDArray[np.intp], batch_size: int, seq_length: int) -> Records:
        spans, labels = examples.spans[which], examples.answers[which]
        return Records(examples.ids, spans, batch_size, seq_length, config.seed, labels)

    return Division(
        replace(config, batch_size=batch_size),
        records(train, batch_size, config.seq_length),
        records(rest, 64, 100) if len(rest) else None,
        None,
        examples.spans[train].characters,
        f"{len(train):,} examples to train on",
    )
