"""The best weights of a run: a history of evaluations, and what it means for the run."""

from __future__ import annotations

from collections.abc import Sequence

from charrnn.config import ANNEALING, TrainingConfig
from charrnn.nn.parameters import Parameters
from charrnn.training.run import Evaluation, Progress

OVERFITTED = 1.02
"""Times the best validation loss, from which on a lower training loss is learnt by heart."""


class Best:
    """Keeps the weights of the best evaluation, and counts those that brought nothing better.

    Args:
        history: The evaluations so far.
        weights: Those of the best of them; None before the first one.
    """

    def __init__(self, history: Sequence[Evaluation], weights: Parameters | None) -> None:
        self.history, self.weights = list(history), weights

    def weigh(
        self,
        evaluation: Evaluation,
        weights: Parameters,
        progress: Progress,
        config: TrainingConfig,
    ) -> None:
        """Add an evaluation to the history, and keep a copy of its weights if none was better."""
        overfitted = is_overfitted(evaluation, self.history)
        self.history.append(evaluation)
        progress.evaluated_at = evaluation.step
        progress.loss_sum, progress.loss_count = 0.0, 0
        loss = evaluation.validation_loss
        if loss is None or progress.best_loss is None or loss < progress.best_loss:
            self.weights = weights.copy()
            progress.best_loss = loss
            progress.stale_evaluations = 0
        elif config.schedule not in ANNEALING or overfitted:
            progress.stale_evaluations += 1


def is_overfitted(evaluation: Evaluation, history: Sequence[Evaluation]) -> bool:
    """Whether it is clearly worse than the best one before, but better on what was trained on."""
    validated = [(e.validation_loss, e) for e in history if e.validation_loss is not None]
    if not validated or evaluation.validation_loss is None:
        return False
    least, best = min(validated, key=lambda pair: pair[0])
    worse = evaluation.validation_loss > OVERFITTED * least
    return worse and evaluation.train_loss < best.train_loss
