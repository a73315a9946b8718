"""Did a run learn too little, too much, or about right? Told from its evaluations, in plain words.

A training loss is measured with dropout on and a validation loss without, so the former is some
per cent higher than it would be: a healthy gap is small, and none at all means room to learn. A
cosine flattens every curve at its end, so flat alone is not taken for learnt; a cooldown makes every
curve fall, so the fall before it tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ANNEALING, MAX_HIDDEN_SIZE, ModelConfig, TrainingConfig
from charrnn.nn.loss import bits
from charrnn.text.source import STANDARD_INPUT, is_passing
from charrnn.training.budget import fitting_size
from charrnn.training.evaluation import best_evaluation, overfits_beside
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation, Origin, keeping

UNDER, RIGHT, OVER, UNKNOWN = "under-fitted", "right", "over-fitted", "cannot be told"

FEWEST = 4  # evaluations, so that the last third has a slope
NEARLY_DONE = 0.9  # of a run's steps
FALLING = 0.01  # of the validation loss, over the last third of a run
RISEN = 0.02  # of the best validation loss; a plateau's noise is less
TURNED = 0.001  # of it: where a run ends so far above its best it falls no more
WIDE = 0.3  # of the validation loss
NARROW = 0.03  # of the validation loss
LEARNT = 0.1  # nats: nothing left to learn
TOO_LARGE = 2  # times the hidden size that is right for what was read
ALL_RIGHT = 0.95  # of targets, which are long: with little left of each symbol many may be wrong
MOST_DROPPED = 0.5
UNTOLD = Origin()
ENDED = 0.1  # of the highest rate, from which on a rate has all but fallen


@dataclass(frozen=True)
class Fit:
    """How well a model fits its text."""

    verdict: str  # UNDER, RIGHT, OVER or UNKNOWN
    reason: str  # with the figures (bits for each character or byte)
    advice: tuple[str, ...]  # what to try next, the best first; options have values
    longer: Mapping[str, int] = field(
        default_factory=dict
    )  # settings, where that is the best advice

    def __str__(self) -> str:
        advice = f"; try {', or '.join(self.advice)}" if self.advice else ""
        return f"{self.verdict}: {self.reason}{advice}"


class Fall(NamedTuple):
    """From which loss to which a part of a run led, and how many thirds of the run it is."""

    of: float
    to: float
    thirds: float

    @classmethod
    def between(cls, before: NDArray[Any], after: NDArray[Any], share: float) -> Fall:
        """The best before a part of a run, and in it; ``share`` is the part's of the run."""
        return cls(float(before.min()), float(after.min()), 3 * share or 1.0)

    @property
    def by(self) -> float:
        """By how much a third of the run would have made the loss fall at this pace."""
        return (self.of - self.to) / self.thirds


@dataclass(frozen=True)
class Remedies:
    """What can be tried with a model, in words: options have values. A model that a run starts from keeps its size."""

    model: ModelConfig
    origin: Origin

    @property
    def larger(self) -> str:
        """More units."""
        if self.origin.tuned:
            return "a larger model to start from"
        return f"--hidden-size {min(MAX_HIDDEN_SIZE, 2 * self.model.hidden_size)}"

    @property
    def both(self) -> tuple[str, ...]:
        """More units, and what keeps them from learning by heart."""
        if self.origin.tuned:
            return "more text", self.larger
        return (f"{self.larger} with {self._more_dropping}",)

    @property
    def more_text(self) -> tuple[str, ...]:
        """Of the same kind, or what another one has taught."""
        knows = self.origin.tuned or self.model.task != "lm"
        return ("more text",) if knows else ("more text", "--init-from a model of more text")

    @property
    def restraints(self) -> tuple[str, ...]:
        """What keeps a model from learning by heart; a smaller one only learns less."""
        more = (self._more_dropping,) if self._dropping[1] < MOST_DROPPED else ()
        return (*more, "more text") if more else self.more_text

    @property
    def less_dropping(self) -> tuple[str, ...]:
        """Half of it, if there is any."""
        flag, dropped = self._dropping
        return (f"{flag} {dropped / 2:.2g}",) if dropped else ()

    @property
    def _more_dropping(self) -> str:
        flag, dropped = self._dropping
        return f"{flag} {max(dropped, min(MOST_DROPPED, dropped + 0.2)):.2g}"

    @property
    def _dropping(self) -> tuple[str, float]:
        """The option by which its training drops something, and how much: of one that has learnt with all its weights rather outputs."""
        model = self.model
        whole = self.origin.tuned and not model.weight_drop
        if model.dropout or whole or not model.is_recurrent:
            return "--dropout", model.dropout
        return "--weight-drop", model.weight_drop


def fit_of(checkpoint: Checkpoint) -> Fit:
    """How well a run fits that has been saved."""
    network, learnt = checkpoint.model.network, checkpoint.corpus.train_characters
    run = checkpoint.history, network.config, checkpoint.training, checkpoint.origin
    unit = checkpoint.model.vocabulary.config.unit
    return judge(*run, weights=network.multiplications, characters=learnt, unit=unit)


def judge(
    history: Sequence[Evaluation],
    model: ModelConfig,
    training: TrainingConfig,
    origin: Origin = UNTOLD,
    *,
    weights: int = 0,
    characters: int = 0,
    unit: str = "character",
) -> Fit:
    """Judge a run by its evaluations.

    Over-fitted is a validation loss that rose while the training loss fell, or one that no longer
    falls, far above it.
    Under-fitted is a validation loss that still fell when the run ended, unless its text had been read as often as helps, or that is
    hardly higher than the training loss, or whose net was far too large for what it read.

    Args:
        origin: How it came to be: what can be tried depends on it.
        weights: That a character is multiplied with; 0 where it is not known, and neither whether they are too many.
        characters: Of the text that is learnt.
        unit: What these are, ``character`` or ``byte``.
    """
    remedies = Remedies(model, origin)
    measured = [entry for entry in history if entry.validation_loss is not None]
    if not history:
        return Fit(UNKNOWN, "no evaluation yet", ())
    if not measured:
        advice = "--val-fraction 0.1" if training.val_fraction == 0 else "more text"
        return Fit(UNKNOWN, "nothing was kept for validation", (advice,))
    steps, train, validation = np.array(
        [(e.step, e.train_loss, e.validation_loss) for e in measured], float
    ).T
    best, last = int(validation.argmin()), measured[-1]
    gap = validation[-1] - train[-1]
    figures = bits(np.stack([train, validation]))
    ends = f"training {figures[0, -1]:.3f}, validation {figures[1, -1]:.3f} bits"
    enough = len(measured) >= FEWEST
    wide = gap > WIDE * validation[-1]
    right = last.accuracy if model.learns.rewrites else None
    if validation[-1] < LEARNT and (right is None or right > ALL_RIGHT):
        return Fit(RIGHT, f"next to nothing is left to learn ({ends})", ())
    rise = f"validation rose from {figures[1, best]:.3f} to {figures[1, -1]:.3f} bits"
    apart = f"{rise} while training fell from {figures[0, best]:.3f} to {figures[0, -1]:.3f}"
    by = keeping(model, training)
    if 0 < training.patience <= _overfitted(measured, by):
        return Fit(OVER, apart, remedies.restraints)
    if enough and _end(validation) > (1 + RISEN) * validation[best]:
        if _end(train) < (1 - RISEN) * train[best]:
            return Fit(OVER, apart, remedies.restraints)
        if _end(train) > (1 + RISEN) * train[best] and not training.rewarm:
            slower = f"--learning-rate {training.learning_rate / 3:.1g}"
            return Fit(UNKNOWN, f"{rise}, and training rose as well", (slower,))
    if enough and wide and _late_fall(steps, validation).by <= FALLING * validation[-1]:
        return Fit(OVER, f"validation is far above training ({ends})", remedies.restraints)

    read = last.epoch * characters
    fitting = fitting_size(model, weights, read) if weights and not origin.tuned else 0
    smaller = f"--hidden-size {fitting}" if 0 < TOO_LARGE * fitting <= model.hidden_size else ""

    # Under a rate that is to fall to zero a standstill means nothing, and does not end a run.
    steady_rate = training.schedule not in ANNEALING
    kept = best_evaluation(measured, by)
    vain = len(measured) - measured.index(kept or last)
    stopped_early = steady_rate and 0 < training.patience < vain
    in_all = training.steps or round(training.epochs * min(last.step / last.epoch, 1 << 60))
    if last.step < NEARLY_DONE * in_all and not stopped_early:
        return Fit(UNKNOWN, f"only {last.step:,} of {in_all:,} steps are done", ())
    if not enough:
        if smaller and best == len(measured) - 1:
            each = f"{read / weights:.1g} {unit}s for each weight"
            reason = f"so large a net has read too little, {each} ({ends})"
            return Fit(UNDER, reason, (smaller, "more time"))
        reason = f"evaluated {len(measured)} of the {FEWEST} times that it takes"
        often = f"--eval-every {last.step // 10}" if last.step >= 10 else "more time"
        return Fit(UNKNOWN, reason, (often,))
    narrow = gap < NARROW * validation[-1]
    fall, part = _fall(measured, training, in_all)
    turned = validation[-1] > (1 + TURNED) * validation[best]
    falls = fall.by > FALLING * validation[-1] and not stopped_early and not turned
    # Where steps were added what more brought has been measured, and a model to start from may know little.
    unsure = training.rewarm > 0 or origin.tuned
    exhausted = 0 < NEARLY_DONE * origin.most_steps <= last.step and not unsure
    if exhausted and (falls or not narrow):
        seen = f"each {unit} was seen {last.epoch:.0f} times"
        reason = f"{seen}, and more would bring little to so short a text ({ends})"
        return Fit(RIGHT, reason, remedies.more_text)
    if falls:
        reason = f"validation still fell by {1 - fall.to / fall.of:.1%} over the {part} ({ends})"
        twice = longer(training)
        if smaller:
            return Fit(UNDER, reason, (smaller, " ".join(_options(twice))))
        larger = (remedies.larger,) if narrow else ()
        return Fit(UNDER, reason, (" ".join(_options(twice)), *larger), twice)
    if narrow:
        reason = f"validation levelled off hardly higher than training ({ends})"
        return Fit(UNDER, reason, (remedies.larger, *remedies.less_dropping))
    return Fit(RIGHT, f"validation levelled off ({ends})", remedies.both)


def _overfitted(measured: Sequence[Evaluation], by: str) -> int:
    """How many evaluations since the best one over-fit, of which so many as ``patience`` end a run; 0 unless the last one does."""
    kept, before, count, over = best_evaluation(measured, by), measured[0], 0, False
    for evaluation in measured:
        over = overfits_beside(evaluation, before)
        count = 0 if evaluation is kept else count + over
        before = min(before, evaluation, key=lambda one: one.validation_loss or 0.0)
    return count if over else 0


def _end(losses: NDArray[Any]) -> float:
    """The least of the last quarter: a single evaluation may be an accident."""
    return float(losses[-max(1, len(losses) // 4) :].min())


def _fall(
    measured: Sequence[Evaluation], training: TrainingConfig, in_all: int
) -> tuple[Fall, str]:
    """By how much a third of the run still made the validation loss fall, and which part of it tells."""
    steps, validation, rates = np.array(
        [(e.step, e.validation_loss, e.rate) for e in measured], float
    ).T
    added = steps > training.rewarm
    if not added.all() and added.any() and rates[~added][-1] < ENDED * training.learning_rate:
        # Annealed before and after: so much did the steps between bring.
        share = 1 - training.rewarm / float(steps[-1])
        return Fall.between(validation[~added], validation[added], share), "steps that were added"
    steady = added & (steps <= in_all - training.cooldown)
    if steady.sum() < FEWEST:
        return _late_fall(steps, validation), "last third"
    part = "last third" if steady.all() else "last third before the cooldown"
    return _late_fall(steps[steady], validation[steady]), part


def _late_fall(steps: NDArray[Any], losses: NDArray[Any]) -> Fall:
    """By how much the last third of a run beat all before it; noise alone hardly ever does."""
    progress = steps / max(1.0, steps.max())
    early = max(1, int((progress < 0.67).sum()))
    share = 1 - float(progress[early - 1])  # not a third where no evaluation was at 2/3
    return Fall.between(losses[:early], losses[early:], share)


def longer(training: TrainingConfig) -> dict[str, int]:
    """The settings of a run that is twice as long; one that was made for a time has steps."""
    name = "epochs" if training.epochs else "steps"
    return {name: 2 * getattr(training, name)}


def going_on(path: str, corpus: CorpusInfo, settings: Mapping[str, int]) -> list[str]:
    """The command that goes on with a run, word by word, for a shell still to be quoted.

    Args:
        corpus: It is found again by itself, unless it came through a pipe.
        settings: What is to be changed.
    """
    piped = [STANDARD_INPUT] if any(map(is_passing, corpus.sources)) else []
    if corpus.val_file and is_passing(corpus.sources[-1]):
        piped.insert(0, "--val-file")
    return ["charrnn", "train", *piped, "--resume", path, *_options(settings)]


def _options(settings: Mapping[str, int]) -> list[str]:
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]
