"""Did a run learn too little, too much, or about right? Told from its evaluations, in plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.training.budget import fitting_size
from charrnn.training.curves import FEWEST, NEARLY_DONE, Curves
from charrnn.training.remedies import FURTHER, Remedies, longer, options
from charrnn.training.run import Checkpoint, Evaluation, Origin
from charrnn.words import counted

UNDER, RIGHT, OVER, UNKNOWN = "under-fitted", "right", "over-fitted", "cannot be told"

LEARNT = 0.1  # nats: nothing left to learn
TOO_LARGE = 2  # times the hidden size that is right for what was read
ALL_RIGHT = 0.95  # of targets, which are long: with little left of each symbol many may be wrong
UNTOLD = Origin()


@dataclass(frozen=True)
class Fit:
    """How well a model fits its text."""

    verdict: str  # UNDER, RIGHT, OVER or UNKNOWN
    reason: str  # with the figures (bits for each character or byte)
    advice: tuple[str, ...]  # what to try next, the best first; options have values
    longer: Mapping[str, int] = field(
        default_factory=dict
    )  # settings with which to go on, where that is the best advice

    def __str__(self) -> str:
        advice = f"; try {', or '.join(self.advice)}" if self.advice else ""
        return f"{self.verdict}: {self.reason}{advice}"


def fit_of(checkpoint: Checkpoint, *, resumable: bool | None = None) -> Fit:
    """How well a run fits that has been saved.

    Args:
        resumable: Whether it can be gone on with; by default where the checkpoint has what that takes.
    """
    network, learnt = checkpoint.model.network, checkpoint.corpus.train_characters
    run = checkpoint.history, network.config, checkpoint.training, checkpoint.origin
    return judge(
        *run,
        weights=network.multiplications,
        characters=learnt,
        unit=checkpoint.model.vocabulary.config.unit,
        resumable=checkpoint.resumable if resumable is None else resumable,
    )


def judge(
    history: Sequence[Evaluation],
    model: ModelConfig,
    training: TrainingConfig,
    origin: Origin = UNTOLD,
    *,
    weights: int = 0,
    characters: int = 0,
    unit: str = "character",
    resumable: bool = True,
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
        resumable: Whether it can be made longer; else more is learnt by a new run from its model.
    """
    if not history:
        return Fit(UNKNOWN, "no evaluation yet", ())
    if not (curves := Curves.of(history, model, training)):
        advice = "--val-fraction 0.1" if training.val_fraction == 0 else "more text"
        if origin.most_steps and history[-1].step < FEWEST:  # a budget had no time for so many
            advice = "a smaller --hidden-size, or more time"
        return Fit(UNKNOWN, "nothing was kept for validation", (advice,))
    run = _Run(curves, model, training, origin, weights, characters, unit, resumable)
    opinions = (opinion(run) for opinion in OPINIONS)
    levelled = Fit(RIGHT, f"validation levelled off ({curves.ends})", run.remedies.both)
    return next(filter(None, opinions), levelled)


@dataclass(frozen=True)
class _Run:
    """What is judged; its fields but ``curves`` are arguments of :func:`judge`."""

    curves: Curves
    model: ModelConfig
    training: TrainingConfig
    origin: Origin
    weights: int
    characters: int
    unit: str
    resumable: bool

    @property
    def remedies(self) -> Remedies:
        return Remedies(self.model, self.origin)

    @property
    def read(self) -> float:
        """Characters in all."""
        return self.curves.last.epoch * self.characters

    @property
    def smaller(self) -> str:
        """What makes a net that is far too large for what it has read a fitting one."""
        if not self.weights or self.origin.tuned:
            return ""
        fitting = fitting_size(self.model, self.weights, self.read)
        too_large = 0 < TOO_LARGE * fitting <= self.model.hidden_size
        return f"--hidden-size {fitting}" if too_large else ""


def _nothing_left(run: _Run) -> Fit | None:
    """As good as all is predicted."""
    curves = run.curves
    right = curves.last.accuracy if run.model.learns.rewrites else None
    if curves.end >= LEARNT or (right is not None and right <= ALL_RIGHT):
        return None
    return Fit(RIGHT, f"next to nothing is left to learn ({curves.ends})", ())


def _over_fitted(run: _Run) -> Fit | None:
    """The validation loss rose while the training loss fell, or falls no longer, far above it. Where both rose the rate was too high."""
    curves, restraints = run.curves, run.remedies.restraints
    if curves.out_of_patience or (curves.rose and curves.train_fell):
        return Fit(OVER, curves.apart, restraints)
    if curves.rose and curves.train_rose and not run.training.rewarm:
        slower = f"--learning-rate {run.training.learning_rate / 3:.1g}"
        return Fit(UNKNOWN, f"{curves.rise}, and training rose as well", (slower,))
    if curves.enough and curves.wide and curves.levelled_off:
        return Fit(OVER, f"validation is far above training ({curves.ends})", restraints)
    return None


def _too_early(run: _Run) -> Fit | None:
    """The run is not at its end, or was looked at too seldom; but a net that is far too large shows even so."""
    curves = run.curves
    step = curves.last.step
    if curves.unfinished:
        return Fit(UNKNOWN, f"only {step:,} of {curves.in_all:,} steps are done", ())
    if curves.enough:
        return None
    if run.smaller and curves.best == len(curves.measured) - 1:
        each = f"{run.read / run.weights:.1g} {run.unit}s for each weight"
        reason = f"so large a net has read too little, {each} ({curves.ends})"
        return Fit(UNDER, reason, (run.smaller, "more time"))
    reason = f"evaluated {len(curves.measured)} of the {FEWEST} times that it takes"
    return Fit(UNKNOWN, reason, (f"--eval-every {step // 10}" if step >= 10 else "more time",))


def _exhausted(run: _Run) -> Fit | None:
    """The text has been read as often as helps. Where steps were added what more brought has been measured, and a model to start from may know little."""
    curves, unsure = run.curves, run.training.rewarm > 0 or run.origin.tuned
    read_out = 0 < NEARLY_DONE * run.origin.most_steps <= curves.last.step
    if unsure or not read_out or (curves.narrow and not curves.falls):
        return None
    seen = f"each {run.unit} was seen {counted(round(curves.last.epoch), 'time')}"
    reason = f"{seen}, and more would bring little to so short a text ({curves.ends})"
    return Fit(RIGHT, reason, run.remedies.more_text)


def _under_fitted(run: _Run) -> Fit | None:
    """The validation loss still fell when the run ended, or is hardly higher than the training loss."""
    curves, remedies = run.curves, run.remedies
    if not curves.falls:
        if not curves.narrow:
            return None
        reason = f"validation levelled off hardly higher than training ({curves.ends})"
        return Fit(UNDER, reason, (remedies.larger, *remedies.less_dropping))
    fall, part = curves.fall
    reason = f"validation still fell by {1 - fall.to / fall.of:.1%} over the {part} ({curves.ends})"
    settings = longer(run.training) if run.resumable else {}
    more = " ".join(options(settings)) or FURTHER
    if run.smaller:
        return Fit(UNDER, reason, (run.smaller, more))
    larger = (remedies.larger,) if curves.narrow else ()
    return Fit(UNDER, reason, (more, *larger), settings)


OPINIONS: tuple[Callable[[_Run], Fit | None], ...] = (
    _nothing_left,
    _over_fitted,
    _too_early,
    _exhausted,
    _under_fitted,
)
"""Of a run, in the order in which they are asked for."""
