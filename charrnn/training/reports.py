"""What a training run tells, step by step: see :class:`charrnn.training.trainer.Training`."""

from __future__ import annotations

from dataclasses import dataclass

from charrnn.training.run import Evaluation


@dataclass(frozen=True)
class Step:
    """One update.

    Attributes:
        step: Its number, from 1 on.
        loss: Of the chunk before the update, in nats for each character.
        rate: The step size that was used.
        gradient_norm: Before clipping.
        characters: Predictions that the loss is the mean of.
    """

    step: int
    loss: float
    rate: float
    gradient_norm: float
    characters: int


@dataclass(frozen=True)
class Recovery:
    """The loss or its gradient was not finite: the run goes on from an earlier step, more slowly.

    Attributes:
        step: The update that failed.
        resumed_at: Updates that remain.
        rate_scale: Factor on all rates from here on.
        attempt: How many times this has happened, this time included.
    """

    step: int
    resumed_at: int
    rate_scale: float
    attempt: int


@dataclass(frozen=True)
class Cooldown:
    """The validation loss rises: the rate falls to zero from here on, and the run ends early."""

    step: int
    total_steps: int


Report = Step | Evaluation | Recovery | Cooldown
