"""What a training run tells, step by step: see :class:`charrnn.training.trainer.Training`."""

from __future__ import annotations

from dataclasses import dataclass

from charrnn.training.run import Evaluation


@dataclass(frozen=True)
class Step:
    """One update."""

    step: int  # its number, from 1 on
    loss: float  # of the chunk before the update, in nats for each prediction: a character, a tag or a text
    rate: float  # the step size that was used
    gradient_norm: float  # before clipping
    characters: int  # predictions that the loss is the mean of


@dataclass(frozen=True)
class Recovery:
    """The loss or its gradient was not finite: the run goes on from an earlier step, more slowly."""

    step: int  # the update that failed
    resumed_at: int  # updates that remain
    rate_scale: float  # factor on all rates from here on
    attempt: int  # how many times this has happened, this time included


@dataclass(frozen=True)
class Cooldown:
    """The validation loss rises: the rate falls to zero from here on, and the run ends early."""

    step: int
    total_steps: int


Report = Step | Evaluation | Recovery | Cooldown
