"""The best model for a text, a machine and a time: a few rules, and nothing that runs.

A character costs about six operations for each weight that it is multiplied with, so time and speed
give what can be afforded. It is best spent in equal parts on more weights and on more characters
(Hoffmann et al., arXiv 2203.15556): the model is the largest one whose every weight sees
``CHARACTERS_PER_WEIGHT`` characters, which makes the weights grow as the square root of the time.
What a text is too short for is not spent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import InputError
from charrnn.nn.ngrams import BUCKETS
from charrnn.text.chunks import READING_SHARE, fit_sizes
from charrnn.text.records import fit_batch
from charrnn.training.cost import Cost, Speed
from charrnn.training.division import default_val_fraction
from charrnn.training.rules import (
    AVERAGED,
    CHARACTERS_PER_WEIGHT,
    DECAY_STEPS,
    DROPOUT_PER_EPOCH,
    ENOUGH_STEPS,
    EVALUATION_SHARE,
    EVALUATIONS,
    FEW_EPOCHS,
    FEWEST_EVALUATIONS,
    FORGIVEN_EPOCHS,
    HIGHEST_RATE,
    LARGEST_BATCH,
    MOST_DROPOUT,
    MOST_NGRAM_WEIGHTS,
    MOST_WEIGHT_DECAY,
    MOST_WEIGHT_DROP,
    PATIENCE,
    RAISED_RATE,
    ROUNDED,
    RULES,
    SEQ_LENGTH,
    SIZES,
    SPARE,
    TUNED_DROPOUT,
    TUNED_DROPOUT_PER_EPOCH,
    TUNED_EPOCHS,
    TUNED_RATE,
    UNDROPPED_EPOCHS,
    Rules,
    may_normalize,
    with_usual,
)


@dataclass(frozen=True)
class Choice:
    """A run that fits a budget."""

    model: ModelConfig
    training: TrainingConfig  # ``steps`` is an estimate, to be corrected as the run goes
    most_steps: int  # that the text is good for, however much time there is
    characters: float  # read in all
    epochs: float
    seconds_per_character: float  # of training
    short_tail: float | None = None
    """What part of the text is validated on, or of the file for it, where there is no time to read the usual one."""


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
            most = max(2, longest / FEWEST_EVALUATIONS) / self.validation
            return _digits(most) if most < 1 else None
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
    def often(self) -> float:
        """1 where a text is read often, and less where that is less than ``FEW_EPOCHS`` times."""
        return min(1.0, self.pressure / FEW_EPOCHS)

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
        tail = None
        if settings.get("val_fraction") is None:
            settings["val_fraction"] = tail = self.text.short_tail(affordable)
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
            decay = reading.often**2 / (DECAY_STEPS * settings["learning_rate"])
            decay = round(_digits(min(decay, MOST_WEIGHT_DECAY)), 4)
            settings.setdefault("weight_decay", decay)
            settings.setdefault("ema", self._ema(reading))
        if not settings.get("eval_every"):
            settings["eval_every"] = self._eval_every(reading)
        return Choice(
            ModelConfig(**{"dropout": 0.0, **kept, **self._dropped(net, kept, reading)}),
            TrainingConfig(**{**settings, "steps": reading.steps}),
            reading.most_steps,
            reading.read,
            reading.epochs,
            seconds,
            tail,
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
            rate /= max(reading.often, 1 / RAISED_RATE)
        rate = min(HIGHEST_RATE, rate) * (TUNED_RATE if self.tuned else 1.0)
        # A wide batch, for the sake of many processors, is less noisy: by the root of how much wider it is, for Adam
        # (Malladi et al., arXiv 2205.10287; docs/machines.md has what was measured).
        return rate * math.sqrt(max(1.0, batch_size / LARGEST_BATCH))

    def _ema(self, reading: _Reading) -> float:
        """How much of the averaged weights stays at a step."""
        if self.text.records:
            return TrainingConfig.ema
        averaged = AVERAGED * (1 - reading.often) * reading.steps
        return max(TrainingConfig.ema, 1 - _digits(1 / max(1.0, averaged)))

    def _eval_every(self, reading: _Reading) -> int:
        """Steps between evaluations, so that they take their share of the time at most."""
        steps, evaluation = reading.steps, READING_SHARE * reading.validated / reading.per_step
        every = max(steps / EVALUATIONS, evaluation / EVALUATION_SHARE)
        if self.text.validation and evaluation:
            fitting = int(EVALUATION_SHARE * steps / evaluation + ROUNDED)
            if fitting < EVALUATIONS:  # as many, also if there are a few steps more
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
