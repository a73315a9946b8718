"""The best model for a text, a machine and a time: a few rules, and nothing that runs.

A character costs about six operations for each weight that it is multiplied with, so time and speed
give what can be afforded. It is best spent in equal parts on more weights and on more characters
(Hoffmann et al., arXiv 2203.15556): the model is the largest one whose every weight sees
``CHARACTERS_PER_WEIGHT`` characters, which makes the weights grow as the square root of the time.
What a text is too short for is not spent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from charrnn.config import MOST_TAIL, ModelConfig, TrainingConfig
from charrnn.errors import InputError
from charrnn.models.network_for import network_for
from charrnn.nn.cells import cell_class
from charrnn.nn.ngrams import BUCKETS
from charrnn.text.chunks import READING_SHARE, fit_sizes
from charrnn.text.records import fit_batch
from charrnn.training.division import default_val_fraction

CHARACTERS_PER_WEIGHT = 12.0  # are read in a run that has the right size for its time
UNDROPPED_EPOCHS, MOST_WEIGHT_DROP = 1.0, 0.6
"""Of recurrent weights some are dropped, for each time more that a character is seen: against
over-fitting they do more than dropout, and need none beside them."""
FORGIVEN_EPOCHS, MOST_DROPOUT, DROPOUT_PER_EPOCH = 7.0, 0.5, 0.0165
"""A net without memory has none: of it outputs are dropped, from where it sees a character more often than that."""
NORMALIZED_EPOCHS = 20.0
"""Passes over a text, as they count for dropped weights, from which on a language model is not normalised any more."""
HIGHEST_RATE = 0.02
DECAY_STEPS, MOST_WEIGHT_DECAY = 900.0, 0.5
"""Over how many steps AdamW lets weights decay, 1 / (rate * weight decay) (Wang, Aitchison, arXiv 2405.13698), of a text that is read often: so
many, however large the model, the text and the run are, up to the most decay."""
FEW_EPOCHS, RAISED_RATE = 5.0, 1.5
"""What is read less often than this, as passes count for dropped weights, is over-fitted less: weights decay less, by the square of how
much less often, and normalised cells learn running text at a higher rate, up to so many times."""
TUNED_RATE, TUNED_EPOCHS, TUNED_DROPOUT, TUNED_DROPOUT_PER_EPOCH = 0.3, 5.0, 0.3, 0.075
"""Of a language model that goes on with another text: its rate, as a part of that of a new one which reads often, passes after which more
bring little, and what it drops, for each pass more: outputs, since without recurrent weights that it is used to it would first be worse."""
SEQ_LENGTH = 50
SMALLEST_BATCH, LARGEST_BATCH, ENOUGH_STEPS = 32, 64, 4000
"""Streams are few where steps are: a wide batch is quicker, but takes fewer steps."""
MOST_STREAMS = 256  # for the sake of many processors
SHORTEST_RUN = (
    200  # steps that a text gets at least, however short it is, unless its task asks for more
)
EVALUATIONS, FEWEST_EVALUATIONS, EVALUATION_SHARE = 20, 3, 0.08
"""How often a run is evaluated, unless that would take more than this part of its time."""
EVALUATIONS_APART = (
    4  # at least, on a text for validation alone: as many as it takes to judge a run
)
SPARE = 1.1  # times the steps that were planned: so many bring no further evaluation of a text for validation alone
ROUNDED = 0.15  # of an evaluation may be lacking where a part of a text is told in two digits
MOST_NGRAM_WEIGHTS = 1 << 23
"""Of n-grams beside a net: more labels than make so many of them are told apart by the net alone."""
PATIENCE = 4  # evaluations that are clearly over-fitted, until the rate falls
SIZES = (*range(16, 128, 16), *range(128, 512, 32), *range(512, 2049, 64))  # hidden ones


@dataclass(frozen=True)
class Rules:
    """What is another thing to learn, so that other choices are good.

    A text tells a language model something at each character, and a classifier one label: what that has to know is less, and is learnt
    by heart sooner.
    """

    weights_per_character: float = 20.0  # of a text at most: more only learn it by heart sooner
    most_epochs: float = 50.0  # after which more bring little, however much is dropped
    rate_times_hidden_size: float = 2.5
    """The best rate of Adam goes down as a layer gets wider (Yang et al., arXiv 2203.03466)."""
    weight_drop: float = 0.0165  # of recurrent weights, for each unit of pressure
    weight_drop_of_records: float = 0.0165  # the same, of a text of records
    dropout: float = 0.0  # of outputs, for each unit of pressure, beside recurrent weights
    usual: Mapping[str, Any] = field(default_factory=dict)  # settings of a model
    fewest_steps: int = SHORTEST_RUN  # that a text gets, however short it is
    least_hidden_size: int = SIZES[0]
    normalized_epochs: float = 0.0
    """Up to how many passes a cell's gates are normalised: much is learnt from the first few, more of it by heart from many."""
    ngrams: int = 0  # characters of the longest ones beside the net, where labels are not too many
    training: Mapping[str, Any] = field(default_factory=dict)  # settings of a run
    decays: bool = False
    """Whether a net with memory lets its weights decay, over ``DECAY_STEPS`` or more, so that fewer have to be dropped."""


RULES = {
    "lm": Rules(
        normalized_epochs=NORMALIZED_EPOCHS,
        weight_drop=0.0125,
        weight_drop_of_records=0.006,
        decays=True,
    ),
    "classify": Rules(
        weights_per_character=2.0,
        most_epochs=8.0,
        rate_times_hidden_size=0.5,
        dropout=0.05,
        usual={"cell": "gru", "num_layers": 1, "lm_loss": 0.5},
        ngrams=4,
        training={"rare_labels": 0.3},
    ),
    "tag": Rules(rate_times_hidden_size=1.25),
    "conditional": Rules(),
    "seq2seq": Rules(
        most_epochs=60.0,
        rate_times_hidden_size=0.3,
        fewest_steps=3000,  # some hundred pairs are learnt by going over them again and again
        least_hidden_size=64,
        dropout=0.05,
        usual={"num_layers": 1},
        training={"label_smoothing": 0.1},
    ),
}
"""Of each task."""


def with_usual(model: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a model, with what is always chosen for its task."""
    return {**RULES[model.get("task", ModelConfig.task)].usual, **model}


def staying(model: ModelConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a model to start from that are not to be chosen: of a language model all but what is dropped, which is of its training."""
    free = {"dropout", "weight_drop"} - given.keys() if model.task == "lm" else set()
    return {name: value for name, value in vars(model).items() if name not in free}


def may_normalize(model: Mapping[str, Any]) -> bool:
    """Whether it is to be chosen if the gates of such a model are normalised, by how often its text is read."""
    if "layer_norm" in model or not RULES[model.get("task", ModelConfig.task)].normalized_epochs:
        return False
    return cell_class(model.get("cell", ModelConfig.cell)).recurrent


@dataclass(frozen=True)
class Cost:
    """What a training step costs for each character."""

    operations: float
    """Multiplications and additions of the matrix products: two for each weight going forward, four
    going back. The first layer's input is looked up and costs none."""
    units: float  # numbers that a gate or the softmax is computed for
    aside: float = 0.0  # of the operations those that answer nothing

    @property
    def weights(self) -> float:
        """That a character is multiplied with on its way to an answer."""
        return (self.operations - self.aside) / 6

    @classmethod
    def of(cls, model: ModelConfig, vocabulary_size: int, labels: int = 0) -> Cost:
        """That of a model, which may choose among some labels."""
        network = network_for(model, vocabulary_size, labels)
        biases = [shape for shape in network.parameter_shapes().values() if len(shape) == 1]
        learnt, read = 6.0 * network.learning_multiplications, 6.0 * network.multiplications
        return cls(learnt, sum(size for (size,) in biases), learnt - read)


@dataclass(frozen=True)
class Speed:
    """How quickly a machine trains."""

    per_operation: float  # seconds, of the matrix products
    per_unit: float = 0.0  # seconds
    streams: int = SMALLEST_BATCH  # that keep all processors busy: a step of fewer takes as long
    filled: float = 1.0  # of a step's places hold characters; records leave some empty

    @classmethod
    def fit(cls, measured: Sequence[tuple[Cost, float]], streams: int, filled: float) -> Speed:
        """From costs and their seconds for a character: of two models, the larger one last, or of one."""
        if len(measured) == 1:
            ((cost, took),) = measured
            return cls(took / cost.operations, 0.0, streams, filled)
        costs = np.array([(cost.operations, cost.units) for cost, _ in measured])
        seconds = np.array([s for _, s in measured])
        per_operation, per_unit = np.linalg.solve(costs, seconds)
        if per_unit < 0:  # noise; then all is put down to the products, or nothing
            per_operation, per_unit = seconds[-1] / costs[-1, 0], 0.0
        elif per_operation <= 0:
            per_operation, per_unit = 0.0, seconds[-1] / costs[-1, 1]
        return cls(float(per_operation), float(per_unit), streams, filled)

    def seconds(self, cost: Cost) -> float:
        """Of training, for each character."""
        return self.per_operation * cost.operations + self.per_unit * cost.units


@dataclass(frozen=True)
class Choice:
    """A run that fits a budget."""

    model: ModelConfig
    training: TrainingConfig  # ``steps`` is an estimate, to be corrected as the run goes
    most_steps: int  # that the text is good for, however much time there is
    characters: float  # read in all
    epochs: float
    seconds_per_character: float  # of training


def choose(
    characters: int,
    vocabulary_size: int,
    speed: Speed,
    seconds: float,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    records: int = 0,
    validation: int = 0,
    labels: int = 0,
    *,
    tuned: bool = False,
) -> Choice:
    """The run that makes the best of a budget.

    Args:
        characters: Length of the text, without one for validation alone.
        speed: Of models that are normalised, where it is to be chosen whether this one is.
        seconds: The budget, evaluations included.
        model, training: Settings that are not to be chosen.
        records: How many there are in the text; 0 where it runs on.
        validation: Characters of a text for validation alone; 0 keeps a part of the text.
        labels: Among which a model chooses that is no language model.
        tuned: Whether the model has learnt another text before.

    Raises:
        InputError: A setting is out of its range.
    """
    rules = RULES[(model or {}).get("task", ModelConfig.task)]
    tuned = tuned and rules is RULES["lm"]
    if tuned:
        rules = replace(rules, most_epochs=TUNED_EPOCHS)
    text = _Text(characters, vocabulary_size, records, validation, labels)
    budget = _Budget(text, speed, seconds * (1 - EVALUATION_SHARE), rules, tuned, training or {})
    kept = with_usual(model or {})
    if not may_normalize(kept):
        return budget.choice(kept)
    choice = budget.choice({**kept, "layer_norm": True})
    cost = text.cost(choice.model)
    if _pressure(choice.epochs, choice.characters, cost) < rules.normalized_epochs:
        return choice
    return budget.choice({**kept, "layer_norm": False})


@dataclass(frozen=True)
class _Text:
    """What is learnt from; its fields are arguments of :func:`choose`."""

    characters: int
    vocabulary_size: int
    records: int
    validation: int
    labels: int

    def cost(self, model: ModelConfig) -> Cost:
        """That of a model that reads it."""
        return Cost.of(model, self.vocabulary_size, self.labels)

    def short_tail(self, affordable: float) -> float | None:
        """What part is kept for validation, or read of the text for it alone, where evaluations on the usual one would take too long.

        Args:
            affordable: Characters that there is time to learn from.
        """
        longest = EVALUATION_SHARE * affordable / READING_SHARE
        if self.validation:
            most = max(2, longest / EVALUATIONS_APART) / self.validation
            return _digits(min(most, MOST_TAIL)) if most < 1 else None
        most = longest / FEWEST_EVALUATIONS / max(1, self.characters)
        return _digits(most) if most < default_val_fraction(self.characters) else None

    def divided(self, fraction: float | None) -> tuple[float, float]:
        """What part of it is not learnt, and how many characters an evaluation reads.

        Args:
            fraction: What part is kept, or read of the text for validation alone; None where the usual one is.
        """
        if self.validation:
            return 0.0, self.validation * (fraction or 1.0)
        if fraction is None:
            fraction = default_val_fraction(self.characters)
        return fraction, self.characters * fraction


@dataclass(frozen=True)
class _Reading:
    """How a run reads its text.

    Attributes:
        learnt: Characters of the text that it learns from.
        validated: Characters that an evaluation reads.
        per_step: Characters that a step reads.
        most: Characters in all that the text is good for.
        read: Those that it reads.
        pressure: How often it sees each, as far as that makes the model over-fit, see :func:`_pressure`.
    """

    learnt: int
    validated: float
    per_step: float
    most: float
    read: float
    pressure: float

    @property
    def epochs(self) -> float:
        return self.read / self.learnt

    @property
    def steps(self) -> int:
        return max(1, round(self.read / self.per_step))

    @property
    def most_steps(self) -> int:
        return max(1, round(self.most / self.per_step))


@dataclass(frozen=True)
class _Budget:
    """What is to be made the best of.

    Attributes:
        seconds: Of the budget, without evaluations.
        rules: Those of what is learnt.
        training: Settings of the run that are not to be chosen.
    """

    text: _Text
    speed: Speed
    seconds: float
    rules: Rules
    tuned: bool
    training: Mapping[str, Any]

    def choice(self, kept: Mapping[str, Any]) -> Choice:
        """The run that makes the best of it.

        Args:
            kept: Settings of the model that are not to be chosen. Whether it is normalised is none of those that are.
        """
        kept = self._sized(kept)
        net, settings = ModelConfig(**kept), self._usual_training()
        seconds = self.speed.seconds(self.text.cost(net))
        affordable = self.seconds / seconds
        if settings.get("val_fraction") is None:
            settings["val_fraction"] = self.text.short_tail(affordable)
        fraction, validated = self.text.divided(settings["val_fraction"])
        learnt = max(2, round(self.text.characters * (1 - fraction)))
        batch = self._batch(settings, affordable, learnt, fraction)
        settings = {**batch, **settings}
        reading = self._reading(net, affordable, learnt, validated, batch)
        if (cooldown := settings.get("cooldown", 0)) >= reading.steps:
            raise InputError(
                f"cooldown {cooldown} is longer than the run, of some {reading.steps} steps"
            )
        rate = _digits(self._rate(net, reading, batch["batch_size"]))
        usual = {"learning_rate": rate, "schedule": "trapezoid", "patience": PATIENCE}
        settings = {**usual, **settings}
        if self._chooses_decay(net):
            often = min(1.0, reading.pressure / FEW_EPOCHS)
            decay = often**2 / (DECAY_STEPS * settings["learning_rate"])
            decay = round(_digits(min(decay, MOST_WEIGHT_DECAY)), 4)
            settings.setdefault("weight_decay", decay)
        if not settings.get("eval_every"):
            settings["eval_every"] = self._eval_every(reading)
        return Choice(
            ModelConfig(**{"dropout": 0.0, **kept, **self._dropped(net, kept, reading)}),
            TrainingConfig(**{**settings, "steps": reading.steps}),
            reading.most_steps,
            reading.read,
            reading.epochs,
            seconds,
        )

    def _sized(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of a model with its hidden size, and with n-grams beside it where they are of use."""
        text, rules = self.text, self.rules
        kept = dict(kept)
        if rules.ngrams and text.labels * BUCKETS <= MOST_NGRAM_WEIGHTS:
            kept.setdefault("ngrams", rules.ngrams)
        if "hidden_size" not in kept:
            kept["hidden_size"] = self._largest(kept)
        return kept

    def _largest(self, kept: Mapping[str, Any]) -> int:
        """The hidden size of the largest model that the text and the time are enough for."""
        text, rules = self.text, self.rules
        best = rules.least_hidden_size
        for size in (size for size in SIZES if size > best):
            cost = text.cost(ModelConfig(**{**kept, "hidden_size": size}))
            affordable = self.seconds / self.speed.seconds(cost)
            enough_time = affordable >= CHARACTERS_PER_WEIGHT * cost.weights
            if not enough_time or cost.weights > rules.weights_per_character * text.characters:
                break
            best = size
        return best

    def _usual_training(self) -> dict[str, Any]:
        """The settings of the run that are given, with those of what is learnt."""
        given = self.training
        favouring = given.get("class_weights", "none") != "none"  # already
        usual = self.rules.training.items()
        return {**{n: v for n, v in usual if not (favouring and n == "rare_labels")}, **given}

    def _batch(
        self, settings: Mapping[str, Any], affordable: float, learnt: int, fraction: float
    ) -> dict[str, int]:
        """Sizes that the text can fill."""
        wanted = min(affordable, self.rules.most_epochs * learnt)
        batch_size = settings.get("batch_size", _batch_size(wanted, self.speed))
        seq_length = settings.get("seq_length", SEQ_LENGTH)
        if records := self.text.records:
            batch_size = fit_batch(records - int(records * fraction), batch_size)
        else:
            batch_size, seq_length = fit_sizes(learnt, batch_size, seq_length)
        return {"batch_size": batch_size, "seq_length": seq_length}

    def _reading(
        self,
        net: ModelConfig,
        affordable: float,
        learnt: int,
        validated: float,
        batch: Mapping[str, int],
    ) -> _Reading:
        """As far as there is time for it, and the text is good for."""
        text, rules = self.text, self.rules
        per_step = batch["batch_size"] * batch["seq_length"] * self.speed.filled
        most = max(rules.most_epochs * learnt, rules.fewest_steps * per_step)
        read = min(affordable, most)
        pressure = _pressure(read / learnt, read, text.cost(net))
        return _Reading(learnt, validated, per_step, most, read, pressure)

    def _chooses_decay(self, net: ModelConfig) -> bool:
        """Whether it is to be chosen how much weights decay."""
        decoupled = self.training.get("optimizer", TrainingConfig.optimizer) == "adamw"
        return self.rules.decays and decoupled and net.is_recurrent and not self.tuned

    def _rate(self, net: ModelConfig, reading: _Reading, batch_size: int) -> float:
        """The highest one of the schedule."""
        rate = self.rules.rate_times_hidden_size / net.hidden_size
        if self._chooses_decay(net) and net.layer_norm and not self.text.records:
            often = min(1.0, reading.pressure / FEW_EPOCHS)
            rate /= max(often, 1 / RAISED_RATE)
        rate = min(HIGHEST_RATE, rate) * (TUNED_RATE if self.tuned else 1.0)
        # A wide batch, for the sake of many processors, is less noisy: by the root of how much wider it is, for Adam
        # (Malladi et al., arXiv 2205.10287; docs/machines.md has what was measured).
        return rate * math.sqrt(max(1.0, batch_size / LARGEST_BATCH))

    def _eval_every(self, reading: _Reading) -> int:
        """Steps between evaluations, so that they take their share of the time at most."""
        steps, evaluation = reading.steps, READING_SHARE * reading.validated / reading.per_step
        every = max(steps / EVALUATIONS, evaluation / EVALUATION_SHARE)
        fitting = (
            int(EVALUATION_SHARE * steps / evaluation + ROUNDED) if evaluation else EVALUATIONS
        )
        if (
            self.text.validation and fitting < EVALUATIONS
        ):  # as many, also if there are a few steps more
            every = max(every, SPARE * steps / max(1, fitting))
        return math.ceil(every)

    def _dropped(
        self, net: ModelConfig, kept: Mapping[str, Any], reading: _Reading
    ) -> dict[str, float]:
        """What is dropped, and how much of it; nothing that is said already."""
        rules, pressure = self.rules, reading.pressure
        if {"dropout", "weight_drop"} & kept.keys():
            return {}
        if self.tuned:
            return {"dropout": _share(reading.epochs - 1, TUNED_DROPOUT, TUNED_DROPOUT_PER_EPOCH)}
        if net.is_recurrent:
            each = rules.weight_drop_of_records if self.text.records else rules.weight_drop
            dropped = {"weight_drop": _share(pressure - UNDROPPED_EPOCHS, MOST_WEIGHT_DROP, each)}
            if rules.dropout:
                dropped["dropout"] = _share(pressure, MOST_DROPOUT, rules.dropout)
            return dropped
        # Where there are fewer contexts than characters, each has several things after it: none is learnt by heart.
        if (net.context or 0) * math.log(self.text.vocabulary_size) < math.log(reading.learnt):
            return {"dropout": 0.0}
        return {"dropout": _share(pressure - FORGIVEN_EPOCHS, MOST_DROPOUT, DROPOUT_PER_EPOCH)}


def fitting_size(model: ModelConfig, weights: float, read: float) -> int:
    """The hidden size of a model like this one that has the right size for the time that it took to read so much.

    A smaller one reads more meanwhile: both weights and what they read go by the square of the size.

    Args:
        weights: That a character is multiplied with in this one.
        read: Characters in all.
    """
    smallest = RULES[model.task].least_hidden_size
    right = model.hidden_size * (read / (CHARACTERS_PER_WEIGHT * weights)) ** 0.25
    return max((size for size in SIZES if smallest <= size <= right), default=smallest)


def _batch_size(read: float, speed: Speed) -> int:
    """A multiple of 16: narrow where a wider one would leave too few steps."""
    enough = 16 * round(read / (SEQ_LENGTH * speed.filled * ENOUGH_STEPS * 16))
    return max(speed.streams, min(enough, LARGEST_BATCH))


def _pressure(epochs: float, read: float, cost: Cost) -> float:
    """What makes a model over-fit: both how often it sees a character, and how much of the text it could hold.

    That is the geometric mean of how often it does and of how often it would in a run that has the right size for its time.

    Args:
        read: Characters in all.
    """
    return epochs * math.sqrt(CHARACTERS_PER_WEIGHT * cost.weights / max(1.0, read))


def _share(pressure: float, most: float, each: float) -> float:
    return min(most, round(20 * each * max(0.0, pressure)) / 20)


def _digits(value: float) -> float:
    """Two digits of a number: what is chosen should be easy to say."""
    return float(f"{value:.2g}")
