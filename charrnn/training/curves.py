"""What the evaluations of a run look like: how far apart training and validation are, whether one rises, how fast it falls.

A training loss is measured with dropout on and a validation loss without, so the former is some
per cent higher than it would be: a healthy gap is small, and none at all means room to learn. A
cosine flattens every curve at its end, so flat alone is not taken for learnt; a cooldown makes every
curve fall, so the fall before it tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import ANNEALING, ModelConfig, TrainingConfig
from charrnn.nn.loss import bits
from charrnn.training.evaluation import best_evaluation, overfits_beside
from charrnn.training.run import Evaluation, keeping, steps_in_all

FEWEST = 4  # evaluations, so that the last third has a slope
NEARLY_DONE = 0.9  # of a run's steps
FALLING = 0.01  # of the validation loss, over the last third of a run
RISEN = 0.02  # of the best validation loss; a plateau's noise is less
TURNED = 0.001  # of it: where a run ends so far above its best it falls no more
WIDE = 0.3  # of the validation loss
NARROW = 0.03  # of the validation loss
ENDED = 0.1  # of the highest rate, from which on a rate has all but fallen


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
class Curves:
    """The losses of a run, in nats, at its evaluations.

    Attributes:
        measured: Evaluations that have a validation loss, one at least.
        by: What the kept weights are chosen by, see :func:`keeping`.
    """

    measured: Sequence[Evaluation]
    training: TrainingConfig
    by: str

    @classmethod
    def of(
        cls, history: Sequence[Evaluation], model: ModelConfig, training: TrainingConfig
    ) -> Curves | None:
        """Those of a run; None where nothing was kept for validation."""
        measured = [entry for entry in history if entry.validation_loss is not None]
        return cls(measured, training, keeping(model, training)) if measured else None

    @cached_property
    def steps(self) -> NDArray[np.float64]:
        return np.array([entry.step for entry in self.measured], float)

    @cached_property
    def train(self) -> NDArray[np.float64]:
        return np.array([entry.train_loss for entry in self.measured], float)

    @cached_property
    def validation(self) -> NDArray[np.float64]:
        return np.array([entry.validation_loss for entry in self.measured], float)

    @property
    def last(self) -> Evaluation:
        return self.measured[-1]

    @property
    def end(self) -> float:
        """The last validation loss, beside which differences are large or small."""
        return float(self.validation[-1])

    @property
    def best(self) -> int:
        """Which evaluation has the lowest validation loss."""
        return int(self.validation.argmin())

    @property
    def enough(self) -> bool:
        """Whether there are as many as it takes to see a slope."""
        return len(self.measured) >= FEWEST

    @property
    def in_all(self) -> int:
        """Steps of the whole run, made or not."""
        return steps_in_all(self.training, self.last)

    @property
    def stopped_early(self) -> bool:
        """Whether evaluations in vain ended it; under a rate that is to fall to zero a standstill means nothing."""
        kept = best_evaluation(self.measured, self.by)
        vain = len(self.measured) - self.measured.index(kept or self.last)
        return self.training.schedule not in ANNEALING and 0 < self.training.patience < vain

    @property
    def unfinished(self) -> bool:
        return self.last.step < NEARLY_DONE * self.in_all and not self.stopped_early

    @property
    def over_fitted(self) -> int:
        """How many evaluations since the best one over-fit, of which so many as ``patience`` end a run; 0 unless the last one does."""
        kept, before = best_evaluation(self.measured, self.by), self.measured[0]
        count, over = 0, False
        for evaluation in self.measured:
            over = overfits_beside(evaluation, before)
            count = 0 if evaluation is kept else count + over
            before = min(before, evaluation, key=lambda one: one.validation_loss or 0.0)
        return count if over else 0

    @property
    def out_of_patience(self) -> bool:
        """Whether as many over-fit since the best one as end a run."""
        return 0 < self.training.patience <= self.over_fitted

    @property
    def rose(self) -> bool:
        """Whether validation did, beyond noise."""
        return self.enough and _end(self.validation) > (1 + RISEN) * float(self.validation.min())

    @property
    def train_fell(self) -> bool:
        """Whether training did, from the best evaluation on."""
        return _end(self.train) < (1 - RISEN) * float(self.train[self.best])

    @property
    def train_rose(self) -> bool:
        """The same the other way."""
        return _end(self.train) > (1 + RISEN) * float(self.train[self.best])

    @property
    def gap(self) -> float:
        """How far validation is above training at the end."""
        return self.end - float(self.train[-1])

    @property
    def wide(self) -> bool:
        """Whether validation is far above training."""
        return self.gap > WIDE * self.end

    @property
    def narrow(self) -> bool:
        """Whether it is hardly above it."""
        return self.gap < NARROW * self.end

    @property
    def falls(self) -> bool:
        """Whether validation still fell when the run ended."""
        turned = self.end > (1 + TURNED) * float(self.validation.min())
        return self.fall[0].by > FALLING * self.end and not self.stopped_early and not turned

    @property
    def levelled_off(self) -> bool:
        """Whether validation fell no more in the last third, whatever the rate did."""
        return _late_fall(self.steps, self.validation).by <= FALLING * self.end

    @cached_property
    def fall(self) -> tuple[Fall, str]:
        """By how much a third of the run still made the validation loss fall, and which part of it tells."""
        steps, validation, training = self.steps, self.validation, self.training
        added = steps > training.rewarm
        if not added.all() and added.any():
            before = self.measured[int((~added).sum()) - 1]
            if before.rate < ENDED * training.learning_rate:
                # Annealed before and after: so much did the steps between bring.
                share = 1 - training.rewarm / float(steps[-1])
                fall = Fall.between(validation[~added], validation[added], share)
                return fall, "steps that were added"
        steady = added & (steps <= self.in_all - training.cooldown)
        if steady.sum() < FEWEST:
            return _late_fall(steps, validation), "last third"
        part = "last third" if steady.all() else "last third before the cooldown"
        return _late_fall(steps[steady], validation[steady]), part

    @property
    def ends(self) -> str:
        """The last losses, in words."""
        train, validation = bits(self.train[-1]), bits(self.end)
        return f"training {train:.3f}, validation {validation:.3f} bits"

    @property
    def rise(self) -> str:
        """What validation did since its best, in words."""
        lowest, end = bits(self.validation[self.best]), bits(self.end)
        return f"validation rose from {lowest:.3f} to {end:.3f} bits"

    @property
    def apart(self) -> str:
        """The same, and what training did meanwhile."""
        lowest, end = bits(self.train[self.best]), bits(_end(self.train))
        return f"{self.rise} while training fell from {lowest:.3f} to {end:.3f}"


def _end(losses: NDArray[Any]) -> float:
    """The least of the last quarter: a single evaluation may be an accident."""
    return float(losses[-max(1, len(losses) // 4) :].min())


def _late_fall(steps: NDArray[Any], losses: NDArray[Any]) -> Fall:
    """By how much the last third of a run beat all before it; noise alone hardly ever does."""
    progress = steps / max(1.0, steps.max())
    early = max(1, int((progress < 0.67).sum()))
    share = 1 - float(progress[early - 1])  # not a third where no evaluation was at 2/3
    return Fall.between(losses[:early], losses[early:], share)
