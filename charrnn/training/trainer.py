"""Training: a generator of reports. It computes; who calls it prints, saves, or stops.

    training = Training(corpus, ModelConfig(), TrainingConfig(epochs=5))
    for report in training:
        ...
    save_checkpoint(training.checkpoint(), "run.npz")

Leaving the loop at any report and saving loses nothing: all that the next step depends on is in
:class:`charrnn.training.run.Progress`, so that a resumed run takes the very same steps.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from charrnn.config import ANNEALING, ModelConfig, TrainingConfig
from charrnn.errors import DivergenceError, InputError
from charrnn.fields import checks
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.compiled import current_form
from charrnn.nn.loss import Objective
from charrnn.nn.parallel import Shards, single_threaded_blas
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.world import ALONE, World
from charrnn.signals import Held, is_held
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.training.alike import crowding, idleness, require_alike, require_one_model
from charrnn.training.division import divide
from charrnn.training.evaluation import best_evaluation, is_overfitted, validate
from charrnn.training.figures import Figures
from charrnn.training.learner import Learner, compile_ahead
from charrnn.training.plan import Plan
from charrnn.training.reports import Recovery, Report, Step
from charrnn.training.requirements import require_same_run, require_task
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation, Origin, Progress, keeping
from charrnn.words import counted

MAX_RECOVERIES = 3
HEARD_EVERY = 16  # steps apart after which ranks ask each other for signals
SNAPSHOT_STEPS = 100  # by which a loss that is not finite takes a run back at most


class Training:
    """A run: iterate over it for its reports, as often as it takes.

    Args:
        model: What to train: a configuration, or a model to start from, whose vocabulary must be
            the corpus'.
        config: How. Sizes that the text cannot fill are made smaller, see ``notices``.
        world: The ranks of the job that this process is one of, see :func:`charrnn.nn.mpi.join_world`. Each has the same
            arguments, calls the same methods in the same order, and gets the same reports, but for times and, of
            steps apart, the norm.

    Attributes:
        notices: What was changed to fit the text, and what else should be known, in words.
        plan: The steps, their rates and evaluations, with the configuration in use.
        history: The evaluations so far.
        origin: How it came to be, see :class:`charrnn.training.run.Origin`.
        compiled: Whether time steps are compiled ones, see :func:`charrnn.nn.compiled.compile_stack`.
        form: Who computes, for the run's record, see :class:`charrnn.nn.compiled.Form`.
        busy: Seconds that this rank took for the last step, without waiting for others.

    Raises:
        InputError: The model's vocabulary is not the corpus', the corpus has no records though it
            should, the cooldown is longer than the run, or the ranks do not fit together.
    """

    @checks
    def __init__(
        self,
        corpus: Corpus | Examples,
        model: ModelConfig | CharacterModel | None = None,
        config: TrainingConfig | None = None,
        world: World = ALONE,
    ) -> None:
        config = config or TrainingConfig()
        self.origin = Origin(tuned=isinstance(model, CharacterModel))
        root = np.random.default_rng(config.seed)
        (model_rng,) = root.spawn(1)
        if not isinstance(model, CharacterModel):
            model = model or ModelConfig()
            model = CharacterModel.fresh(model, corpus.vocabulary, model_rng, corpus.labels)
        elif model.vocabulary != corpus.vocabulary:
            raise InputError("the model's vocabulary is not that of the corpus")
        require_task(corpus, model, config)
        self.world = world
        self._division = division = divide(corpus, config, world)
        self.notices, self.steps_per_epoch = division.notices(config), len(division.training)
        self.plan = Plan(division.config, self.steps_per_epoch)
        self.network, self.labels, self.corpus = model.network, model.labels, corpus
        self.symbol, self.keeps = model.symbol, keeping(model.config, config)
        self.corpus_info = CorpusInfo(
            corpus.sources,
            len(corpus),
            division.train_characters,
            corpus.sha256,
            corpus.parts,
            corpus.val_file,
            corpus.columns,
        )
        self._shards = Shards(self.config.threads, world=world)
        compile_ahead(model.network.config, self.config)  # all of it, or else nothing is
        self._quick = model.network.compiled()
        self.compiled = self._quick.stack is not model.network.stack
        self.form, failure = current_form()
        if failure:
            self.notices.append(f"steps are not compiled ({failure}); NumPy takes them")
        require_alike(world, f"{self.form} ({failure})" if failure else self.form, corpus)
        each = len(self._shards.own)
        self.notices += crowding(world, each)
        if not config.threads:
            self.notices += idleness(world, each, self.config.batch_size)

        self.history: list[Evaluation] = []
        self.busy = 0.0
        self._best: Parameters | None = None  # the weights of the best evaluation
        self._figures: Figures | None = None  # of their answers
        self._progress = Progress.fresh(model, self.config, root.spawn(self.config.threads))
        objective = Objective(config.label_smoothing, division.offsets)
        self._learner = Learner(self._quick, self._progress, self.config, self._shards, objective)

    @classmethod
    @checks
    def resume(
        cls,
        corpus: Corpus | Examples,
        checkpoint: Checkpoint,
        config: TrainingConfig | None = None,
        world: World = ALONE,
    ) -> Training:
        """Go on with a saved run.

        Args:
            corpus: The same text as the run's.
            config: A changed configuration, say with more epochs; the run's own by default. With other ``threads`` the
                masks of dropout and the last bits are others.
            world: As for a new one; how many ranks there were before does not matter.

        Raises:
            InputError: The checkpoint has no training state, the corpus is another one, or more steps are
                done than the changed configuration has.
        """
        corpus, config = require_same_run(corpus, checkpoint, config)
        assert checkpoint.progress is not None
        training = cls(corpus, checkpoint.model, config, world)
        training.origin = checkpoint.origin
        if checkpoint.form not in ("", training.form):
            training.notices.append(
                f"the steps so far were taken by {checkpoint.form}, the next ones by {training.form}: "
                "the run goes on, but not bit for bit as it would have"
            )
        fitted = ("batch_size", "seq_length")  # made smaller where a text is short
        if any(getattr(training.config, name) != getattr(config, name) for name in fitted):
            raise InputError("the run's batches do not fit its corpus; no run can have saved this")
        progress, parts = checkpoint.progress, training.config.threads
        if parts != (before := len(progress.generators)):
            training.notices.append(
                f"batches are computed in {counted(parts, 'part')} now, and were in {before}: "
                "the run goes on, but not bit for bit as it would have"
            )
            progress = progress.respawned(parts, config.seed)
        if training.config.reduce_every > 1:
            training.notices.append(
                f"with --reduce-every {training.config.reduce_every} ranks learn apart, so that what is learnt from here on depends on "
                f"how many there are: {world.size} now"
            )
        training._learner.hold(progress)
        training._learner.go_back()
        training._go_on(Plan(checkpoint.training, training.steps_per_epoch))
        training.history += checkpoint.history
        if training.history:  # else the file's model is just the weights in training
            training._best = checkpoint.model.parameters.copy()
            training._figures = checkpoint.figures
        if config.learning_rate != checkpoint.training.learning_rate:
            training._progress.recoveries = 0  # a new rate gets its own three chances
        return training

    def __repr__(self) -> str:
        steps = f"step {self.step:,} of {self.total_steps:,}"
        return f"<Training: {self.current_model()!r}, {steps}, {self.corpus!r}>"

    def extend(self, steps: int) -> None:
        """Let the run have so many steps in all, see :meth:`Plan.lengthen`."""
        before = Plan(self.config, self.steps_per_epoch)
        self.plan.change(steps, self.config.cooldown)
        self._go_on(before)

    def _go_on(self, before: Plan) -> None:
        if self.plan.lengthen(before, self.step):
            config = self.config
            rising = config.rewarm + (config.warmup or 0) - self.step
            over = f"over {counted(rising, 'step')}" if rising > 0 else "at once"
            self.notices.append(
                f"made longer: from step {self.step:,} on the rate rises again, to "
                f"{config.learning_rate:g} {over}, and then falls to zero"
            )

    def __iter__(self) -> Iterator[Report]:
        """Train from where the run stands to its end.

        Ctrl-C waits for the end of a step, and leaves out an evaluation: the run is sound wherever it comes.

        Raises:
            DivergenceError: The loss was not finite again after ``MAX_RECOVERIES`` restarts.
        """
        report: Report
        while True:
            if self.plan.is_evaluated_at(self.step) and self.step > self._progress.evaluated_at:
                # Which may take long, and changes nothing.
                losses = validate(self._kept(), self._division, self._files, self._shards)
                with Held():
                    report = self._evaluate(*losses)
                yield report
            # Also just after a resume or a recovery.
            if self._overfits and self.plan.can_fall_at(self.step):
                with Held():
                    self._progress.stale_evaluations = 0
                    report = self.plan.fall_from(self.step)
                yield report
            if self.finished:
                return
            apart = self.world.size > 1 and self.config.reduce_every > 1
            with Held():
                report = self._steps_apart() if apart else self._step()
            yield report

    def _step(self) -> Step | Recovery:
        """One update, the same on all ranks."""
        started, learner = self._now(), self._learner
        before = learner.here() if self.step % SNAPSHOT_STEPS == 0 else None
        # What overflows shows as a loss or a gradient that is not finite, just below.
        with single_threaded_blas(), np.errstate(all="ignore"):
            loss, norm, count = self._look()
            if not (math.isfinite(loss) and math.isfinite(norm)):
                return self._recover(self.step + 1)
            if before:
                learner.hold(before)
            rate = self._rate(self.step)
            learner.move(rate)
        self._progress.step += 1
        return self._told(started, loss, count, rate, norm)

    def _steps_apart(self) -> Step | Recovery:
        """What each rank learns by itself until all meet, told as one step."""
        started, learner, every = self._now(), self._learner, self.config.reduce_every
        # A copy: whether it was sound is known when they meet.
        before = learner.here().copy() if self.step % SNAPSHOT_STEPS < every else None
        nats, count, sound = 0.0, 0, True
        with single_threaded_blas(), np.errstate(all="ignore"):
            while True:
                loss, norm, own = self._look(apart=True)
                sound = sound and math.isfinite(loss) and math.isfinite(norm)
                rate = self._rate(self.step)
                if sound:
                    learner.move(rate)
                    nats, count = nats + loss, count + own
                self._progress.step += 1
                if self._meets_at(self.step):
                    break
            found = self.world.numbers((nats, count, sound and learner.is_finite()))
            if not found[:, 2].all():
                return self._recover(self.step)
            if before:
                learner.hold(before)
            learner.meet()
        nats, count = sum(found[:, 0].tolist()), int(found[:, 1].sum())
        return self._told(started, nats, count, rate, norm)

    def _look(self, *, apart: bool = False) -> tuple[float, float, int]:
        """Let the learner look at the next chunk: its loss, the gradient's norm, and of how many predictions."""
        text = self._division.training
        extent = text.extent(self.step)
        chunk = text.chunk(self.step, self._shards.columns(extent.columns))
        loss, norm = self._learner.look(chunk, extent, apart=apart)
        return loss, norm, chunk.predictions if apart else extent.predictions

    def _now(self) -> tuple[float, float]:
        """The time, and how much of it this rank has waited for others."""
        return time.perf_counter(), self.world.waited

    def _told(
        self, started: tuple[float, float], nats: float, count: int, rate: float, norm: float
    ) -> Step:
        """The report of what has just been learnt, which is added up for the next evaluation."""
        progress = self._progress
        progress.loss_sum += nats
        progress.loss_count += count
        took, waited = (now - then for now, then in zip(self._now(), started, strict=True))
        progress.seconds += took
        self.busy = took - waited
        return Step(self.step, nats / count, rate, norm, count)

    def _meets_at(self, step: int) -> bool:
        """Whether ranks that learn apart become one after so many steps: whatever else is to be done asks for it, such as a signal."""
        if step % self.config.reduce_every == 0 or self.plan.is_evaluated_at(step):
            return True
        return step % HEARD_EVERY == 0 and bool(self.world.numbers([is_held()]).any())

    def _evaluate(
        self, loss: float | None, each: tuple[float | None, ...], figures: Figures | None
    ) -> Evaluation | Recovery:
        progress, learner = self._progress, self._learner
        require_one_model(self.world, (progress.weights, *progress.slots.values()), self.step)
        if not (learner.is_finite() and math.isfinite(loss or 0)):
            return self._recover(self.step)
        evaluation = Evaluation(
            step=self.step,
            epoch=self.step / self.steps_per_epoch,
            train_loss=progress.loss_sum / max(1, progress.loss_count),
            validation_loss=loss,
            rate=self._rate(self.step - 1),
            seconds=progress.seconds,
            file_losses=each,
            accuracy=None if figures is None else figures.accuracy,
            f1=None if figures is None else figures.f1,
        )
        overfitted = is_overfitted(evaluation, self.history)
        before = best_evaluation(self.history, self.keeps)
        best = None if before is None else before.falling(self.keeps)
        value = evaluation.falling(self.keeps)
        self.history.append(evaluation)
        progress.evaluated_at = evaluation.step
        progress.loss_sum, progress.loss_count = 0.0, 0
        if value is None or best is None or value < best:
            self._best, self._figures = learner.kept.copy(), figures
            progress.best_loss = loss
            progress.stale_evaluations = 0
        elif self.config.schedule not in ANNEALING or overfitted:
            progress.stale_evaluations += 1
        learner.hold(learner.here())  # a restart never goes back past an evaluation
        return evaluation

    def _recover(self, failed_at: int) -> Recovery:
        """Go back to the last good state, with half the rate."""
        progress = self._progress
        recoveries, rate_scale = progress.recoveries + 1, progress.rate_scale / 2
        self._learner.go_back()
        progress.recoveries = min(recoveries, MAX_RECOVERIES)
        progress.rate_scale = rate_scale
        if recoveries > MAX_RECOVERIES:
            raise DivergenceError(
                f"the loss is not finite at step {failed_at}, also after "
                f"{MAX_RECOVERIES} restarts at half the rate; try --learning-rate "
                f"{self.config.learning_rate / 10:.1g}, a smaller --clip, or another --cell"
            )
        return Recovery(failed_at, self.step, rate_scale, recoveries)

    def _rate(self, step: int) -> float:
        return self.plan.rate(step) * self._progress.rate_scale

    @property
    def config(self) -> TrainingConfig:
        """The configuration in use."""
        return self.plan.config

    @property
    def step(self) -> int:
        """Updates made so far."""
        return self._progress.step

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.plan.total_steps

    @property
    def total_characters(self) -> int:
        """Characters read in the whole run."""
        return self._characters(self.total_steps)

    @property
    def characters_read(self) -> int:
        """Characters read so far."""
        return self._characters(self.step)

    def _characters(self, steps: int) -> int:
        """Characters of so many steps; a stream's chunks differ in length by one at most."""
        return round(self._division.training.characters * steps / self.steps_per_epoch)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.step >= self.total_steps or self.stopped_early

    @property
    def stopped_early(self) -> bool:
        """Whether ``patience`` evaluations that brought nothing better ended the run."""
        can_fall = self.plan.can_fall_at(self.step)
        return self._overfits and not can_fall and self.step < self.total_steps

    @property
    def _overfits(self) -> bool:
        patience = self.config.patience
        return bool(patience) and self._progress.stale_evaluations >= patience

    @property
    def seconds(self) -> float:
        """Time spent on steps so far."""
        return self._progress.seconds

    @property
    def validated(self) -> int:
        """Characters kept for validation; of a part of a file for it those that are predicted, of running text one fewer."""
        if self.corpus.val_file and self.config.val_fraction:
            return self._division.predictions
        return self.corpus_info.characters - self.corpus_info.train_characters

    @property
    def figures(self) -> Figures | None:
        """Those of the kept weights, if they answer something."""
        return self._figures

    @property
    def validation_loss(self) -> float | None:
        """That of the kept weights, in nats for each character."""
        return self._progress.best_loss

    def model(self) -> CharacterModel:
        """The kept weights, those of the best evaluation; before the first one, those in training."""
        if self._best is None:
            return self.current_model()
        return self._model(self._best.flat.copy())

    def current_model(self) -> CharacterModel:
        """The weights in training as they are now, averaged if the configuration says so."""
        return self._model(self._learner.sound_weights())

    def _model(self, weights: Array) -> CharacterModel:
        params = Parameters(self.network.parameter_shapes(), weights)
        return self._of(self.network, params)

    def _of(self, network: Network, params: Parameters) -> CharacterModel:
        return CharacterModel(network, params, self.corpus.vocabulary, self.labels)

    def _kept(self) -> CharacterModel:
        """The weights in training as evaluations see them, in the quick form; no copy."""
        return self._of(self._quick, self._learner.kept)

    @property
    def _files(self) -> int:
        """How many files the corpus is from."""
        return len(self.corpus.lengths) if isinstance(self.corpus, Corpus) else 1

    def checkpoint(self, *, with_progress: bool = True) -> Checkpoint:
        """A snapshot of the run, to be saved. All ranks call it, and that of the first is whole.

        Args:
            with_progress: Include what resuming needs; without it the file is a quarter as large or less.

        Raises:
            CheckpointError: It would be refused when it is read; the file before is better then.
        """
        return Checkpoint(
            self.model(),
            self.config,
            self.corpus_info,
            tuple(self.history),
            self.validation_loss,
            self._learner.gathered(self._learner.sound()) if with_progress else None,
            resumable=with_progress,
            form=self.form,
            figures=self._figures,
            origin=self.origin,
        )
