"""The plan of a run: how many steps it has, the rate of each, and when it is evaluated."""

from __future__ import annotations

import math
from dataclasses import replace

from charrnn.config import ANNEALING, TrainingConfig
from charrnn.training.division import COOLDOWN, usual_cooldown
from charrnn.training.reports import Cooldown

REWARMING, REWARMING_SHARE = 100, 0.1
"""Steps over which the rate of a run that was made longer rises again, but no more than this part of the new ones."""
HIGHER = 1.01  # times the rate that was planned for a step


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

        Warm-up rises linearly over the first ``warmup`` steps, counted from ``rewarm``. The cosine then falls to zero at
        the last step (Loshchilov, Hutter, arXiv 1608.03983). The trapezoid stays where it is and
        falls over the last ``cooldown`` steps only (Hägele et al., arXiv 2405.18392), so that until
        then no rate depends on how many steps there are.
        """
        config, warmup = self.config, self.config.warmup or 0
        done = step - config.rewarm
        rise = max(0.0, (done + 1) / (warmup + 1))
        rate = config.learning_rate * min(1.0, rise)
        if config.schedule == "trapezoid":
            fall = (self.total_steps - step) / (config.cooldown + 1)
            return config.learning_rate * max(0.0, min(1.0, rise, fall))
        if config.schedule == "cosine":
            in_all = self.total_steps - config.rewarm
            progress = max(0, done - warmup) / max(1, in_all - warmup)
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

    def lengthen(self, before: Plan, step: int) -> bool:
        """Go on from a step of a shorter plan; returns whether the rate rises again.

        Where it had begun to fall it rises linearly, from what it was to its highest, and takes the
        schedule's course once more over the steps that are left, so that the end is annealed again
        (Ibrahim et al., "Simple and scalable strategies to continually pre-train large language
        models", arXiv 2403.08763). Where it had not, nothing changes but the end.
        """
        old, new = before.config, self.config
        longer = self.total_steps > before.total_steps
        if not longer or new.schedule not in ANNEALING:
            return False
        left = self.total_steps - step
        rewarm, warmup = old.rewarm, old.warmup or 0
        if rises := bool(step) and self.rate(step) > HIGHER * before.rate(step):
            warmup = min(REWARMING, int(REWARMING_SHARE * left))
            reached = min(1.0, before.rate(step) / new.learning_rate)
            rewarm = max(0, step - round(reached * (warmup + 1)))
        if new.warmup != old.warmup:  # it was asked for
            warmup = new.warmup or 0
        cooldown = new.cooldown
        if cooldown == old.cooldown:
            cooldown = before._share(self.total_steps - rewarm)
        self.config = replace(new, rewarm=rewarm, warmup=warmup, cooldown=cooldown)
        return rises

    def shortened(self, config: TrainingConfig) -> TrainingConfig:
        """A configuration of fewer steps, in which the rate falls over the same share of them as here."""
        steps, own = Plan(config, self.steps_per_epoch).total_steps, self.config.cooldown
        if steps >= self.total_steps or config.cooldown != own or config.schedule != "trapezoid":
            return config
        return replace(config, cooldown=self._share(steps - config.rewarm))

    def _share(self, course: int) -> int:
        """As large a part of another course, in steps, as the rate falls over in this one."""
        cooldown, own = self.config.cooldown, self.total_steps - self.config.rewarm
        if cooldown == usual_cooldown(own):
            return usual_cooldown(course)
        return -(-cooldown * course // own)

    def fall_from(self, step: int) -> Cooldown:
        """Let the rate fall now, over as large a part of the run as is usual at most."""
        usual = math.ceil(step * COOLDOWN / (1 - COOLDOWN))
        cooldown = min(self.config.cooldown, usual)
        self.change(step + cooldown, cooldown)
        return Cooldown(step, self.total_steps)
