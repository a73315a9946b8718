"""The plan of a run: how many steps it has, the rate of each, and when it is evaluated."""

from __future__ import annotations

import math
from dataclasses import replace

from charrnn.config import TrainingConfig
from charrnn.training.division import COOLDOWN
from charrnn.training.reports import Cooldown


class Plan:
    """What a configuration says of a run's course. Only its end can still change, and ``config`` with it."""

    def __init__(self, config: TrainingConfig, steps_per_epoch: int) -> None:
        self.config, self.steps_per_epoch = config, steps_per_epoch
        self.in_haste = False  # whether only the last evaluation is made; set where time is short

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.steps or self.steps_per_epoch * self.config.epochs

    def rate(self, step: int) -> float:
        """That of the step numbered ``step``, from 0.

        Warm-up rises linearly over the first ``warmup`` steps. The cosine then falls to zero at
        the last step (Loshchilov, Hutter, arXiv 1608.03983). The trapezoid stays where it is and
        falls over the last ``cooldown`` steps only (Hägele et al., arXiv 2405.18392), so that until
        then no rate depends on how many steps there are.
        """
        config, warmup = self.config, self.config.warmup or 0
        rise = (step + 1) / (warmup + 1)
        rate = config.learning_rate * min(1.0, rise)
        if config.schedule == "trapezoid":
            fall = (self.total_steps - step) / (config.cooldown + 1)
            return config.learning_rate * max(0.0, min(1.0, rise, fall))
        if config.schedule == "cosine":
            progress = max(0, step - warmup) / max(1, self.total_steps - warmup)
            return rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        if config.schedule == "exponential":
            return rate * float(config.decay ** (step // self.steps_per_epoch))
        return rate

    def is_evaluated_at(self, step: int) -> bool:
        """Whether there is an evaluation after so many steps."""
        at_mark = step % self.config.eval_every == 0 and not self.in_haste
        return at_mark or step >= self.total_steps

    def is_falling_at(self, step: int) -> bool:
        """Whether the last part of ``trapezoid`` has begun, after which no step count changes."""
        trapezoid = self.config.schedule == "trapezoid"
        return trapezoid and step > self.total_steps - self.config.cooldown

    def can_fall_at(self, step: int) -> bool:
        """Whether the rate of ``trapezoid`` could fall from here on."""
        return self.config.schedule == "trapezoid" and not self.is_falling_at(step)

    def change(self, steps: int, cooldown: int) -> None:
        """Change how many steps the whole run has, as long as the rate so far did not depend on it.

        Over ``cooldown`` of them the rate of ``trapezoid`` falls; it is 0 with another schedule.
        """
        self.config = replace(self.config, epochs=0, steps=steps, cooldown=cooldown)

    def fall_from(self, step: int) -> Cooldown:
        """Let the rate fall now, over as large a part of the run as is usual at most."""
        usual = math.ceil(step * COOLDOWN / (1 - COOLDOWN))
        cooldown = min(self.config.cooldown, usual)
        self.change(step + cooldown, cooldown)
        return Cooldown(step, self.total_steps)
