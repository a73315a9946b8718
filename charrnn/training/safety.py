"""The safety net of a run: where it goes back to when its loss or its weights are not finite."""

from __future__ import annotations

from charrnn.config import TrainingConfig
from charrnn.errors import DivergenceError
from charrnn.training.learner import Learner
from charrnn.training.reports import Recovery
from charrnn.training.run import Progress

MAX_RECOVERIES = 3
SNAPSHOT_STEPS = 100
"""A loss that is not finite takes a run back by at most so many steps."""


class SafetyNet:
    """Holds the last good state of a learner.

    Args:
        learner: Whose state now is good.
    """

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self._good = learner.snapshot()

    def hold(self, here: Progress) -> None:
        """Go back to here from now on; what it shares with the learner is copied."""
        self._good.become(here)

    def catch(self, failed_at: int, config: TrainingConfig) -> Recovery:
        """Go back to the last good state, with half the rate.

        Args:
            failed_at: The step that failed.

        Raises:
            DivergenceError: That has happened too often.
        """
        progress = self._learner.progress
        recoveries, rate_scale = progress.recoveries + 1, progress.rate_scale / 2
        self._learner.go_back(self._good)
        progress.recoveries = min(recoveries, MAX_RECOVERIES)
        progress.rate_scale = rate_scale
        if recoveries > MAX_RECOVERIES:
            raise DivergenceError(
                f"the loss is not finite at step {failed_at}, also after "
                f"{MAX_RECOVERIES} restarts at half the rate; try --learning-rate "
                f"{config.learning_rate / 10:.1g}, a smaller --clip, or another --cell"
            )
        return Recovery(failed_at, progress.step, rate_scale, recoveries)

    def sound(self) -> Progress:
        """A snapshot of where the run stands, or the last good one if the weights just blew up."""
        return self._learner.snapshot() if self._learner.is_finite() else self._good.copy()
