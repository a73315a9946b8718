"""What can be tried with a model after a run of it, in words; and the command that goes on with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from charrnn.config import MAX_HIDDEN_SIZE, ModelConfig, TrainingConfig
from charrnn.text.source import STANDARD_INPUT, is_passing
from charrnn.training.curves import Curves
from charrnn.training.run import Checkpoint, CorpusInfo, Origin, steps_in_all

MOST_DROPPED = 0.5
FURTHER = "a new run from it with --init-from"  # for a model without a run to go on with


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


def longer(training: TrainingConfig) -> dict[str, int]:
    """The settings of a run that is twice as long; one that was made for a time has steps."""
    name = "epochs" if training.epochs else "steps"
    return {name: 2 * getattr(training, name)}


def onward(checkpoint: Checkpoint) -> Mapping[str, int]:
    """The settings with which a run goes on that has been saved: twice as long if it was at its end, or with twice the patience if that had ended it."""
    training = checkpoint.training
    if not checkpoint.history:
        return {}
    last = checkpoint.history[-1]
    if last.step >= steps_in_all(training, last):
        return longer(training)
    if not (curves := Curves.of(checkpoint.history, checkpoint.model.config, training)):
        return {}
    # Evaluations are counted anew once the rate falls.
    begun = steps_in_all(training, last) - training.cooldown
    late = sum(training.schedule != "trapezoid" or step > begun for step in curves.steps)
    over_fitted = curves.out_of_patience and late >= training.patience
    return {"patience": 2 * training.patience} if over_fitted or curves.stopped_early else {}


def going_on(path: str, corpus: CorpusInfo, settings: Mapping[str, int]) -> list[str]:
    """The command that goes on with a run, word by word, for a shell still to be quoted.

    Args:
        corpus: It is found again by itself, unless it came through a pipe.
        settings: What is to be changed.
    """
    piped = [STANDARD_INPUT] if any(map(is_passing, corpus.sources)) else []
    if corpus.val_file and is_passing(corpus.sources[-1]):
        piped.insert(0, "--val-file")
    return ["charrnn", "train", *piped, "--resume", path, *options(settings)]


def options(settings: Mapping[str, int]) -> list[str]:
    """Settings as words of a command."""
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]
