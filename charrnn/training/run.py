"""A run's data: what it was made of, its evaluations, and where it stands.

Checkpoints keep all of it, field by field (:mod:`charrnn.files.codec`): a further field is kept as
soon as it stands here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, Any, TypedDict, cast

import numpy as np

from charrnn.config import MOST_TAIL, Factor, ModelConfig, TrainingConfig
from charrnn.errors import CheckpointError
from charrnn.fields import Amount, Between, Checked, Count, Length, OneOf
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.loss import bits, known_bits
from charrnn.nn.parameters import Array
from charrnn.text.symbols import MOST_WORDS
from charrnn.training.figures import Figures
from charrnn.training.optimizer import AVERAGE, fresh_slots, slot_names

Share = Annotated[float, Between(0, 1)]


@dataclass(frozen=True)
class Evaluation:
    """One line of a run's history. Losses are in nats for each character (or byte).

    ``train_loss`` is the mean over the steps since the evaluation before; ``validation_loss`` is
    None where nothing was kept for validation, and that of the averaged weights where there are any.
    ``seconds`` is the time trained so far. ``file_losses`` are the validation losses of the files, if
    there are several, each None where nothing of it is validated on. ``accuracy`` and ``f1`` are those of labels or tags, see
    :class:`charrnn.training.figures.Figures`; of them losses are in nats for each text or tag.
    """

    step: Count
    epoch: Amount
    train_loss: Amount
    validation_loss: Amount | None
    rate: Amount
    seconds: Amount
    file_losses: tuple[Amount | None, ...] = ()
    accuracy: Share | None = None
    f1: Share | None = None

    def in_bits(self, symbol: str = "char") -> dict[str, Any]:
        """The same ready for JSON, each loss in bits and called so.

        Args:
            symbol: What each loss is for: a character, a tag, a text.
        """
        losses = {
            f"train_bits_per_{symbol}": bits(self.train_loss),
            f"validation_bits_per_{symbol}": known_bits(self.validation_loss),
            f"files_bits_per_{symbol}": list(map(known_bits, self.file_losses)),
        }
        place = {"step": self.step, "epoch": self.epoch, "seconds": self.seconds}
        graded = {} if self.accuracy is None else {"accuracy": self.accuracy, "f1": self.f1}
        return {**place, **losses, **graded, "rate": self.rate}

    def falling(self, by: str) -> tuple[float, ...] | None:
        """What is less the better it is: the validation loss, or what a share of right answers lacks and, of equals, that loss."""
        loss = self.validation_loss
        if by == "loss" or loss is None:
            return None if loss is None else (loss,)
        share = self.accuracy if by == "accuracy" else self.f1
        return None if share is None else (1 - share, loss)


@dataclass(frozen=True)
class CorpusInfo(Checked):
    """What a model learnt from.

    ``parts`` and ``val_file`` tell how it was divided, as those of :class:`charrnn.text.corpus.Corpus` or :class:`charrnn.text.examples.Examples`;
    both are in ``characters`` and ``sha256``. ``columns`` are those of a text and its answer, where they are not as usual. No system has longer paths than Windows.
    """

    sources: Annotated[tuple[Annotated[str, Length(1, (1 << 15) - 1)], ...], Length(1, 1 << 20)]
    characters: Count
    train_characters: Count
    sha256: Annotated[str, Length(64, 64, "0123456789abcdef")]
    parts: tuple[Count, ...] = ()
    val_file: bool = False
    columns: Annotated[tuple[Annotated[int, Between(1, 1 << 20)], ...], Length(0, 3)] = ()

    @property
    def learnt(self) -> tuple[str, ...]:
        """The sources that it was trained on."""
        return self.sources[: len(self.sources) - self.val_file]

    @property
    def names(self) -> tuple[str, ...]:
        """What its parts are called."""
        if len(self.sources) == len(self.parts):
            return self.sources
        return tuple(f"part {number}" for number in range(1, len(self.parts) + 1))


@dataclass(frozen=True)
class Origin(Checked):
    """How a run came to be, as far as its settings do not tell.

    ``tuned`` is whether it began with a model that had learnt before. ``most_steps`` are those that its text is good for, as was
    found where it was chosen for a time; 0 where it was not.
    """

    tuned: bool = False
    most_steps: Count = 0


class GeneratorNumbers(TypedDict):
    """The two numbers of a PCG64 (O'Neill 2014)."""

    state: Annotated[int, Between(0, (1 << 128) - 1)]
    inc: Annotated[int, Between(0, (1 << 128) - 1)]


class GeneratorState(TypedDict):
    """Where one of NumPy's generators stands, as it tells it."""

    bit_generator: Annotated[str, OneOf(("PCG64",))]
    state: GeneratorNumbers
    has_uint32: Annotated[int, Between(0, 1)]
    uinteger: Annotated[int, Between(0, (1 << 32) - 1)]


def where_it_stands(rng: np.random.Generator) -> GeneratorState:
    """The state of a generator, one of PCG64."""
    return cast(GeneratorState, dict(rng.bit_generator.state))


@dataclass
class Progress:
    """Where a run stands: with the corpus and the configuration, all that the next step depends on.

    Arrays: ``weights`` and each of ``slots`` are flat parameter vectors, ``state`` is what the
    stack goes on from, ``(L, states, H, B)`` in a recurrent one. ``generators`` are the states of the shards' random generators.
    ``loss_sum`` nats over ``loss_count`` characters have been seen since the last evaluation, and
    ``stale_evaluations`` is what ``patience`` is compared with.
    """

    weights: Array
    state: Array
    slots: dict[str, Array]
    generators: list[GeneratorState]
    step: Count = 0
    evaluated_at: Count = 0
    best_loss: Amount | None = None
    stale_evaluations: Count = 0
    rate_scale: Factor = 1.0
    recoveries: Count = 0
    loss_sum: Amount = 0.0
    loss_count: Count = 0
    seconds: Amount = 0.0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Progress):
            return NotImplemented
        (own, numbers), (others, other_numbers) = self._divided(), other._divided()
        arrays = [
            np.array_equal(array, others[name]) for name, array in own.items() if name in others
        ]
        return numbers == other_numbers and own.keys() == others.keys() and all(arrays)

    def _divided(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Its arrays, and all else."""
        arrays = {"weights": self.weights, "state": self.state}
        numbers = {
            name: value for name, value in vars(self).items() if name not in (*arrays, "slots")
        }
        return {**arrays, **{f"slots/{name}": slot for name, slot in self.slots.items()}}, numbers

    @classmethod
    def fresh(
        cls, model: CharacterModel, config: TrainingConfig, rngs: Sequence[np.random.Generator]
    ) -> Progress:
        """That of a run that begins with this model."""
        weights = model.parameters.flat.copy()
        return cls(
            weights,
            np.zeros(model.network.carried_shape(config.batch_size), np.float32),
            fresh_slots(config, weights),
            [where_it_stands(rng) for rng in rngs],
        )

    @staticmethod
    def array_shapes(network: Network, config: TrainingConfig) -> dict[str, Any]:
        """The shape of each array, and of each slot."""
        size = (sum(math.prod(shape) for shape in network.parameter_shapes().values()),)
        return {
            "weights": size,
            "state": network.carried_shape(config.batch_size),
            "slots": dict.fromkeys(slot_names(config), size),
        }

    @property
    def kept(self) -> Array:
        """The weights to evaluate and to write with: the averaged ones, where there are any."""
        return self.slots.get(AVERAGE, self.weights)

    def become(self, other: Progress) -> None:
        """Take over all of ``other``, its numbers into the arrays that are already here."""
        own = self.weights, self.state, self.slots
        vars(self).update(vars(other))
        self.weights, self.state, self.slots = own
        self.weights[...] = other.weights
        self.state[...] = other.state
        for name, slot in self.slots.items():
            slot[...] = other.slots[name]

    def copy(self) -> Progress:
        """A snapshot that later steps do not change."""
        return deepcopy(self)

    def respawned(self, parts: int, seed: int) -> Progress:
        """The same for batches in so many parts, with new generators, which follow from the seed and the step."""
        rngs = np.random.default_rng((seed, self.step)).spawn(parts)
        return replace(self, generators=[where_it_stands(rng) for rng in rngs])


@dataclass(frozen=True, repr=False)
class Checkpoint:
    """A model as it was kept, that of the best evaluation, and the run that made it.

    ``progress`` is what it takes to go on with the run, None if it was not saved or not read, and
    ``resumable`` whether the file has it. ``validation_loss`` is in nats for each character. ``form`` is the one
    in which the last steps were computed, see :class:`charrnn.nn.compiled.Form`; nothing where it is not known.
    ``figures`` are those of the model's answers on what is kept for validation, if it answers; ``origin`` is how the run came to be.

    Raises:
        CheckpointError: No run can have come to this: its parts contradict each other.
    """

    model: CharacterModel
    training: TrainingConfig
    corpus: CorpusInfo
    history: tuple[Evaluation, ...] = ()
    validation_loss: float | None = None
    progress: Progress | None = None
    resumable: bool = False
    form: str = ""
    figures: Figures | None = None
    origin: Origin = Origin()

    def __repr__(self) -> str:
        step = f"{self.history[-1].step:,} steps" if self.history else "no evaluation"
        known = known_bits(self.validation_loss)
        loss = "" if known is None else f", {known:.4f} bits/{self.model.symbol}"
        return f"<Checkpoint: {self.model!r}, {step}{loss}>"

    def __post_init__(self) -> None:
        used = self.training
        numbers = (used.epochs or used.steps) and used.eval_every and used.threads
        decided = numbers and None not in (used.val_fraction, used.warmup)
        _require(decided, "one of its settings is left to be chosen")
        tail = (used.val_fraction or 0.0) <= MOST_TAIL
        _require(tail or self.corpus.val_file, "more was kept of its text than is learnt of one")
        learnt, in_all = self.corpus.train_characters, self.corpus.characters
        _require(learnt <= in_all, "it learnt from more text than there is")
        parts = self.corpus.parts
        _require(not parts or sum(parts) == in_all, "its files are not as long as its text")
        _require(len(parts) > 1 or not self.corpus.val_file, "its text is one for validation alone")
        each = {len(entry.file_losses) for entry in self.history}
        _require(each <= {0} or each == {len(parts)}, "not each of its files has its losses")
        _check_history(self.history)
        if self.history and used.rewarm:
            steps = steps_in_all(used, self.history[-1])
            _require(used.rewarm < steps, "it was made longer, by no step")
        _check_figures(self)
        if self.progress is not None:
            _check_progress(self.progress, self.history, self.model.config, self.training)
            by = keeping(self.model.config, self.training)
            _check_best(self.progress, self.history, by)
            state = self.model.network.stack.is_state(self.progress.state)
            _require(state, "its state is none of such a model")
            best = self.validation_loss == self.progress.best_loss
            _require(best, "its kept weights have not its best loss")


def steps_in_all(training: TrainingConfig, evaluation: Evaluation) -> int:
    """Of a whole run, made or not, by one of its evaluations."""
    each = min(evaluation.step / evaluation.epoch, 1 << 60)
    return training.steps or round(training.epochs * each)


def keeping(model: ModelConfig, training: TrainingConfig) -> str:
    """By what the kept weights are chosen: ``loss``, ``accuracy`` or ``f1``."""
    return training.keep_best or ("accuracy" if model.reads_whole else "loss")


def _check_history(history: Sequence[Evaluation]) -> None:
    """See to what is always so of a run's evaluations."""
    started = all(entry.step and entry.epoch for entry in history[:1])
    _require(started, "an evaluation before the first step")
    for a, b in pairwise(history):
        later = a.step < b.step and a.epoch < b.epoch and a.seconds <= b.seconds
        _require(later, "its evaluations are not in order")
        even = math.isclose(a.step / a.epoch, b.step / b.epoch)
        _require(even, "its epochs are not of one length")
        alike = (a.validation_loss is None) == (b.validation_loss is None)
        _require(alike, "not all of its evaluations have a validation loss")


def _check_progress(
    progress: Progress, history: Sequence[Evaluation], model: ModelConfig, config: TrainingConfig
) -> None:
    """See to what is always so of where a run stands."""
    last_step, last_seconds = (history[-1].step, history[-1].seconds) if history else (0, 0.0)
    _require(progress.evaluated_at == last_step, "its history ends at another evaluation")
    steps, seconds = progress.step - last_step, progress.seconds - last_seconds
    _require(steps >= 0, "its history is ahead of its step")
    in_time = seconds >= 0 if steps else seconds == 0
    _require(in_time, "its time is not that of its history")
    most: float = steps * config.batch_size * config.seq_length
    if steps and model.learns.rewrites:  # targets may be longer than all texts that are read
        most = math.inf
    read = steps <= progress.loss_count <= most
    _require(read, "its steps since the last evaluation did not read so many characters")
    _require(steps or not progress.loss_sum, "it has a loss of no step")

    halvings = -math.log2(progress.rate_scale)
    halved = halvings.is_integer() and halvings >= progress.recoveries
    _require(halved, "its rate is not halved for each time that it went back")
    _require(len(progress.generators) == config.threads, "not one random generator for each thread")
    squares = progress.slots.get("v", progress.weights[:0])
    _require((squares >= 0).all(), "a mean of squares is negative")


def _check_best(progress: Progress, history: Sequence[Evaluation], by: str) -> None:
    """See to what is always so of the best evaluation."""
    known = [(value, entry) for entry in history if (value := entry.falling(by)) is not None]
    values = [value[0] for value, _ in known]
    place = values.index(min(values)) if values else 0
    # Once the first of equals was kept, now it is the one of the lowest loss.
    best = {e.validation_loss for v, e in known if v[0] == values[place]} if known else {None}
    _require(progress.best_loss in best, "its best loss is not that of the best in its history")
    vain = len(known) - 1 - place if known else 0
    _require(progress.stale_evaluations <= vain, "not so many evaluations brought nothing better")


def _check_figures(checkpoint: Checkpoint) -> None:
    """See to what is always so of a model's answers."""
    model, figures = checkpoint.model, checkpoint.figures
    labels, learns = len(model.labels), model.config.learns
    fitting = labels >= learns.fewest and (labels > 0) == bool(learns.label)
    _require(fitting, f"a model for {learns.name} with {labels} labels")
    records = model.vocabulary.config.records
    _require(not records or not model.config.reads_whole, "whole texts that are records")
    _require(records or not learns.for_labels, "texts for labels that are no records")
    reads = model.vocabulary.config
    composed = reads.normalize != "none"
    _require(not (learns.aligned and composed), "tags of composed text")
    _require(learns.rewrites or not reads.has_words, "features or tokens, without targets")
    _require(not learns.rewrites or labels <= MOST_WORDS, "more symbols than there can be")
    if learns.aligned or learns.rewrites:
        fitting = all(
            " " not in n if model.labels.between else len(n) == 1 for n in model.labels.names
        )
        _require(fitting, "its tags or symbols cannot be told apart in a line")
    for entry in checkpoint.history:
        graded = entry.validation_loss is not None and model.config.reads_whole
        scored = graded and learns.finds
        told = entry.accuracy is not None, entry.f1 is not None
        _require(
            told == (graded, scored), "not each evaluation of a model with labels has its figures"
        )
    if figures is None:
        return
    _require(model.config.reads_whole, "figures of answers, of a model that gives none")
    _require(
        not learns.one_each or not (figures.texts or any(figures.spans)),
        "figures of tags, without tags",
    )
    _require(learns.rewrites == bool(figures.symbols), "figures of targets, without targets")
    pairs = [(a, b) for a, b, _ in figures.counts]
    known = all(a < labels and b < labels for a, b in pairs)
    _require(known, "its figures are of labels that it does not have")
    _require(pairs == sorted(set(pairs)), "its figures are not in order")
    wanted, answered, right = figures.spans
    _require(right <= min(wanted, answered), "more of its spans are right than there are")
    _require(figures.texts_right <= figures.texts, "more of its texts are right than there are")


def _require(holds: object, contradiction: str) -> None:
    if not holds:
        raise CheckpointError(f"no run comes to this: {contradiction}")
