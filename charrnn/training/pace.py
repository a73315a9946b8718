"""A run that ends on time: how quickly this machine trains, and what that means as the run goes.

``chosen_run`` measures, chooses and makes a run; ``Pace`` looks at the clock after each report. While the rate is
constant it corrects how many steps the run has; once the rate falls it is fixed, so that the same
run can be made again without a clock, by its steps alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

from charrnn.config import ModelConfig, TrainingConfig, only
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parallel import MIN_STREAMS, processors_each
from charrnn.nn.world import ALONE, World
from charrnn.tasks import TASKS
from charrnn.text.chunks import READING_SHARE
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.training.budget import Choice, choose
from charrnn.training.cost import Cost, Speed
from charrnn.training.division import COOLDOWN, divide
from charrnn.training.learner import compile_ahead
from charrnn.training.monotony import attention_for
from charrnn.training.reports import Cooldown, Report, Step
from charrnn.training.rules import (
    MOST_DROPOUT,
    MOST_STREAMS,
    RULES,
    SEQ_LENGTH,
    SMALLEST_BATCH,
    may_normalize,
    staying,
    with_usual,
)
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training

AIM = 0.985  # of the budget is planned: something slows a machine down more often than up
LATE = 0.02  # of its time a run may be late before it does without evaluations
MEASURED_SIZES = (128, 256)  # two tell what products and what the rest of a step costs
MEASURING_SHARE, MEASURING_SECONDS = 0.015, 0.7
"""How long each size is measured: a part of the budget, but no longer than that."""
MEASURED_APART = (
    8  # steps between two meetings of ranks, at most: longer ones would take the time of a run
)
SAMPLED = 1 << 18  # characters of the text to measure on
UNBOUNDED = (
    1 << 40
)  # steps: whoever asks for more of a run gets it, however often it has read its text
CORRECTIONS = 100  # of the number of steps, in the time of a run

Clock = Callable[[], float]


def compile_chosen(
    start: ModelConfig | CharacterModel,
    given: Mapping[str, Any],
    tell: Callable[[], None] | None = None,
) -> float:
    """Compile the steps of a run that is yet to be chosen, before anything is measured; the seconds that it took.

    Args:
        start, given: As for :func:`chosen_run`.
        tell: Called where there is something to wait for.
    """
    config = TrainingConfig(**only(TrainingConfig, given))
    if isinstance(start, CharacterModel):
        return compile_ahead(start.config, config, tell)
    shape = with_usual(only(ModelConfig, given))
    return compile_ahead(ModelConfig(**shape), config, tell, either=may_normalize(shape))


def chosen_run(
    corpus: Corpus | Examples,
    start: ModelConfig | CharacterModel,
    deadline: float,
    given: Mapping[str, Any],
    clock: Clock = time.monotonic,
    world: World = ALONE,
) -> tuple[Training, Choice]:
    """A run that is over at ``deadline``, and what was chosen for it; errors and arguments as those of :func:`choose_here`.

    Args:
        start: A model to start from; a configuration says nothing that is not ``given``.
        given: Settings of the model and of the run that are not to be chosen.
    """
    tuned, shape = isinstance(start, CharacterModel), only(ModelConfig, given)
    if isinstance(start, CharacterModel):
        shape = staying(start.config, given)
    known = corpus, deadline, shape, only(TrainingConfig, given), clock, world
    choice = world.from_first(choose_here(*known, tuned=tuned))
    model = start.dropping(choice.model) if isinstance(start, CharacterModel) else choice.model
    training = Training(corpus, model, choice.training, world)
    training.origin = replace(training.origin, most_steps=choice.most_steps)
    return training, choice


def choose_here(
    corpus: Corpus | Examples,
    deadline: float,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    clock: Clock = time.monotonic,
    world: World = ALONE,
    *,
    tuned: bool = False,
) -> Choice:
    """Measure this machine, or all ranks of a job together, and choose a run that is over at ``deadline``.

    Args:
        deadline: When the run should end, on ``clock``.
        model, training: Settings that are not to be chosen.
        clock: One that tells all ranks the same, see :meth:`World.agreed`.
        tuned: Whether the model has learnt another text before.

    Raises:
        InputError: A setting is out of its range.
    """
    limit = min(MEASURING_SECONDS, MEASURING_SHARE * (deadline - clock()))
    rules = RULES[model.get("task", ModelConfig.task)]
    model = with_usual(model)
    if isinstance(corpus, Examples) and TASKS[corpus.task].rewrites and not model.get("attention"):
        model = {**model, "attention": attention_for(corpus)}
    streams = MIN_STREAMS * (training.get("threads") or world.size * processors_each(world))
    streams = min(max(SMALLEST_BATCH, streams), MOST_STREAMS)
    kept, records = corpus.val_characters, 0
    if isinstance(corpus, Examples):
        records = len(corpus.spans) - corpus.apart
    elif corpus.vocabulary.config.records:
        records = len(corpus.split_records(0.0, seed=0)[0])
    settings = {"batch_size": streams, "seq_length": SEQ_LENGTH, **training}
    sizes = [model["hidden_size"]] if "hidden_size" in model else MEASURED_SIZES
    while True:
        # Dropout as in a choice: its masks take time.
        usual = {"dropout": MOST_DROPOUT if rules.dropout or tuned else 0.0}
        usual["layer_norm"] = may_normalize(model)
        models = [ModelConfig(**{**usual, **model, "hidden_size": size}) for size in sizes]
        measured, filled = [], 1.0
        for one in models:
            seconds, filled = _measure(corpus, one, settings, limit, world)
            measured.append((Cost.of(one, len(corpus.vocabulary), len(corpus.labels)), seconds))
        speed = Speed.fit(measured, streams, filled)
        left = max(0.0, deadline - clock())
        known = len(corpus) - kept, len(corpus.vocabulary), speed, left, model
        choice = choose(*known, training, records, kept, len(corpus.labels), tuned=tuned)
        size = choice.model.hidden_size
        far = 4 * size < sizes[0]
        same = choice.model.layer_norm == models[0].layer_norm
        if choice.training.batch_size == settings["batch_size"] and same and not far:
            return choice
        model = {**model, "layer_norm": choice.model.layer_norm}
        if far:  # a small model's steps take what any step takes, which a large one's do not tell
            sizes = [size]
        # Another batch has another speed, too, and so have cells of another form.
        training = {**training, "batch_size": choice.training.batch_size}
        settings.update(training)


def extend_here(
    training: Training, deadline: float, cooldown: int = 0, clock: Clock = time.monotonic
) -> Choice:
    """Measure this machine and let a run go on, from where it stands, to ``deadline``.

    Args:
        cooldown: Steps over which the rate falls, if they are not to be chosen.
    """
    limit = min(MEASURING_SECONDS, MEASURING_SHARE * (deadline - clock()))
    model, config, corpus = training.network.config, training.config, training.corpus
    settings = {**vars(config), "cooldown": 0, "rewarm": 0}
    seconds, _ = _measure(corpus, model, settings, limit, training.world)
    info = training.corpus_info
    per_step = info.train_characters / training.steps_per_epoch
    evaluation = READING_SHARE * training.validated
    affordable = max(0.0, deadline - clock()) / seconds - evaluation  # characters
    steps = max(1, int(affordable / (per_step + evaluation / config.eval_every)))
    training.extend(training.step + steps)
    return Choice(
        model,
        replace(training.config, cooldown=cooldown),
        UNBOUNDED,
        steps * per_step,
        steps / training.steps_per_epoch,
        seconds,
    )


def _measure(
    corpus: Corpus | Examples,
    model: ModelConfig,
    settings: Mapping[str, Any],
    seconds: float,
    world: World = ALONE,
) -> tuple[float, float]:
    """Seconds of training for each character, and what part of a step's places hold one."""
    endless = {"epochs": 0, "steps": UNBOUNDED, "eval_every": UNBOUNDED, "val_fraction": 0.0}
    endless["reduce_every"] = min(settings.get("reduce_every", 1), MEASURED_APART)
    config = TrainingConfig(**{**settings, **endless})
    part = corpus.sample(SAMPLED)
    try:
        training = Training(part, model, config, world)
    except InputError:  # no record ends so soon
        training = Training(corpus, model, config, world)
    reports, times = iter(training), list[float]()
    next(reports)  # which also allocates
    first, clock = training.step, world.agreed(time.perf_counter)
    started = last = clock()
    for report in reports:
        now = clock()
        if isinstance(report, Step):
            times.append(now - last)
        last = now
        if times and now - started > seconds:
            break
    # Steps of records differ in length and in what they leave empty, which a few do not tell. So what was
    # measured is the time of a step's places, and how many there are for each character is counted.
    chunks = divide(training.corpus, training.config).training
    taken = map(chunks.chunk, range(first, training.step))
    # Of pairs the longer side, as their places are counted.
    measured = sum(max(chunk.inputs.size, chunk.targets.size) for chunk in taken)
    filled = chunks.characters / chunks.places
    if model.reads_whole:  # of long texts a part may have other batches than all
        chunks = divide(corpus, config).training
    asked = settings["seq_length"] if model.reads_whole else training.config.seq_length
    most = len(chunks) * training.config.batch_size * asked
    return sum(times) / measured / max(filled, 1e-9), chunks.characters / most


class Pace:
    """Keeps a run to its time; call :meth:`after` with each of its reports.

    Args:
        training: A run of what was chosen, new or to be gone on with.
        deadline: When the run should end, on ``clock``.
    """

    def __init__(
        self, training: Training, choice: Choice, deadline: float, clock: Clock = time.monotonic
    ) -> None:
        self._training, self._deadline, self._clock = training, deadline, clock
        self._most_steps = choice.most_steps
        self._cooldown = choice.training.cooldown  # where the user has set it; else 0
        self._steps: list[float] = []  # seconds that each took, saving and drawing included
        # In seconds; a guess until there has been one.
        self._evaluation = READING_SHARE * training.validated * choice.seconds_per_character
        self._last = self._corrected = clock()
        self._step_before = training.step
        self._every = (deadline - self._last) / CORRECTIONS
        self._fall = deadline - COOLDOWN * (deadline - self._last)  # when the rate begins to fall
        self._latest = deadline + LATE * (deadline - self._last)
        self._fixed = training.config.schedule == "cosine"  # whose every rate depends on the end

    def after(self, report: Report) -> None:
        """Correct the plan by what the report took."""
        training, now = self._training, self._clock()
        took, self._last = now - self._last, now
        if isinstance(report, Step):
            self._steps.append(took / max(1, training.step - self._step_before))
        elif isinstance(report, Evaluation):
            self._evaluation = took
        self._step_before = training.step
        self._fixed |= training.plan.is_falling_at(training.step) or isinstance(report, Cooldown)
        if now - self._corrected < self._every or not self._steps:
            return
        self._corrected = now
        if self._fixed:
            rest = (training.total_steps - training.step) * self._step()
            training.plan.in_haste = now + rest + 2 * self._evaluation > self._latest
        else:
            self._correct(now)

    def _correct(self, now: float) -> None:
        training = self._training
        steps = min(self._reached(self._deadline - self._evaluation, now), self._most_steps)
        if training.config.schedule != "trapezoid":
            training.plan.change(max(1, steps), 0)
            return
        if self._cooldown:
            fall = steps - self._cooldown
        else:
            fall = min(self._reached(self._fall, now), round((1 - COOLDOWN) * self._most_steps))
        if fall <= training.step:
            fall, self._fixed = training.step, True
        cooldown = max(1, min(self._cooldown or steps, steps - fall))
        training.plan.change(fall + cooldown, cooldown)

    def _reached(self, then: float, now: float) -> int:
        """The step that the run will be at, with the evaluations on the way to it made, but none that is due there."""
        training, each = self._training, self._step()
        every = training.config.eval_every
        since = training.step % every
        time_left = max(0.0, then - now) + since * each  # since the last mark
        marks, rest = divmod(time_left, every * each + self._evaluation)
        reached = training.step - since + int(marks) * every + min(every, int(rest / each))
        return max(training.step, reached)

    def _step(self) -> float:
        """Seconds of a step, as it has been lately; a clock may be too coarse to see any."""
        return max(1e-9, fmean(self._steps[-(1 + len(self._steps) // 4) :]))
