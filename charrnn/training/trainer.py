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
from dataclasses import replace

import numpy as np

from charrnn.config import ANNEALING, ModelConfig, TrainingConfig
from charrnn.errors import DivergenceError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parallel import Shards, single_threaded_blas
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.corpus import Corpus
from charrnn.training.division import COOLDOWN, divide, settle
from charrnn.training.evaluation import evaluate
from charrnn.training.optimizer import AVERAGE, Optimizer, clip_, learning_rate
from charrnn.training.reports import Cooldown, Recovery, Report, Step
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation, Progress

FIXED = ("batch_size", "seq_length", "val_fraction", "optimizer", "ema", "seed", "threads")
"""What a run is made of, and cannot change when it is resumed."""

FITTED = ("batch_size", "seq_length", "threads")
"""What is made smaller where the text is short, when a run starts."""

OVERFITTED = 1.02
"""Times the best validation loss, from which on a lower training loss is learnt by heart."""

MAX_RECOVERIES = 3
SNAPSHOT_STEPS = 100  # a loss that is not finite takes a run back by at most so many steps


class Training:
    """A run: iterate over it for its reports, as often as it takes.

    Args:
        corpus: The text.
        model: What to train: a configuration, or a model to start from, whose vocabulary must be
            the corpus'.
        config: How. Sizes that the text cannot fill are made smaller, see ``notices``.

    Attributes:
        config: The configuration in use.
        notices: What was changed to fit the text, in words.
        history: The evaluations so far.
        compiled: Whether time steps are compiled ones, see :func:`charrnn.nn.compiled.compile_stack`.
        stopped_early: Whether ``patience`` ended the run.
        skip_evaluations: Set it where time is short: then only the last evaluation is made.

    Raises:
        InputError: The model's vocabulary is not the corpus', the corpus has no records though it
            should, or the cooldown is longer than the run.
    """

    def __init__(
        self,
        corpus: Corpus,
        model: ModelConfig | CharacterModel | None = None,
        config: TrainingConfig | None = None,
    ) -> None:
        config = config or TrainingConfig()
        root = np.random.default_rng(config.seed)
        (model_rng,) = root.spawn(1)
        if not isinstance(model, CharacterModel):
            model = CharacterModel.fresh(model or ModelConfig(), corpus.vocabulary, model_rng)
        elif model.vocabulary != corpus.vocabulary:
            raise InputError("the model's vocabulary is not that of the corpus")
        self._set_up(corpus, model, config)
        self._rngs = root.spawn(self.config.threads)
        self.history: list[Evaluation] = []
        self._best: Parameters | None = None
        optimizer = Optimizer(self.config, model.parameters)
        self._progress = Progress(
            weights=model.parameters.flat.copy(),
            slots=optimizer.slots,
            state=self.network.zero_state(self.config.batch_size),
            generators=[],
        )
        self._connect(optimizer)

    @classmethod
    def resume(
        cls, corpus: Corpus, checkpoint: Checkpoint, config: TrainingConfig | None = None
    ) -> Training:
        """Go on with a saved run.

        Args:
            corpus: The same text as the run's.
            config: A changed configuration, say with more epochs; the run's own by default.

        Raises:
            InputError: The checkpoint has no training state, or the corpus is another one.
        """
        if checkpoint.progress is None:
            raise InputError("this checkpoint holds a finished model only, without training state")
        if corpus.sha256 != checkpoint.corpus.sha256:
            raise InputError("the corpus is not the one that this run was trained on")
        if corpus.vocabulary != checkpoint.model.vocabulary:
            raise InputError("the corpus is not in the vocabulary of this run")
        config = config or checkpoint.training
        for name in FIXED:
            if (old := getattr(checkpoint.training, name)) != getattr(config, name):
                raise InputError(
                    f"{name.replace('_', '-')} is {old} in this run and cannot change when it is "
                    "resumed; start a new run from its weights with --init-from"
                )
        training = cls.__new__(cls)
        training._set_up(corpus, checkpoint.model, config)
        if any(getattr(training.config, name) != getattr(config, name) for name in FITTED):
            raise InputError("the run's batches do not fit its corpus; no run can have saved this")
        training.history = list(checkpoint.history)
        # Before the first evaluation the file's model is just the weights in training.
        training._best = checkpoint.model.parameters.copy() if checkpoint.history else None
        training._progress = checkpoint.progress.copy()
        if config.learning_rate != checkpoint.training.learning_rate:
            training._progress.recoveries = 0  # a new rate gets its own three chances
        training._rngs = []
        for state in training._progress.generators:
            rng = np.random.Generator(np.random.PCG64())
            rng.bit_generator.state = state
            training._rngs.append(rng)
        optimizer = Optimizer(training.config, checkpoint.model.parameters)
        optimizer.steps = training._progress.step
        training._connect(optimizer)
        return training

    def _set_up(self, corpus: Corpus, model: CharacterModel, config: TrainingConfig) -> None:
        """All that follows from the corpus and the configuration."""
        division = divide(corpus, config)
        self.notices = division.notices(config)
        self.config = settle(config, division)
        self._chunks, self._validation = division.training, division.validation
        self.steps_per_epoch = len(division.training)
        self.skip_evaluations = False
        self._reference = model.network
        self.network = model.network.compiled()
        self.corpus = corpus
        self.corpus_info = CorpusInfo(
            corpus.sources, len(corpus), division.train_characters, corpus.sha256
        )
        self._shards = Shards(self.config.threads)

    def _connect(self, optimizer: Optimizer) -> None:
        """Let parameters and optimiser work on the arrays of ``self._progress``."""
        self._params = Parameters(self.network.parameter_shapes(), self._progress.weights)
        self._optimizer = optimizer
        optimizer.slots = slots = self._progress.slots
        # What is evaluated, kept and written with.
        self._averaged = Parameters(self._params.shapes, slots.get(AVERAGE, self._params.flat))
        self._gradients = [self._params.zeros() for _ in range(self.config.threads)]
        self._good = self._snapshot()

    # ------------------------------------------------------------------------------------ reports

    def __iter__(self) -> Iterator[Report]:
        """Train from where the run stands to its end.

        Raises:
            DivergenceError: The loss was not finite again after ``MAX_RECOVERIES`` restarts.
        """
        while True:
            if self._evaluation_is_due():
                yield self._evaluate()
            if self._overfits and self._can_fall:  # also just after a resume or a recovery
                yield self._fall_early()
            if self.finished:
                return
            yield self._step()

    @property
    def step(self) -> int:
        """Updates made so far."""
        return self._progress.step

    @property
    def total_steps(self) -> int:
        """Steps of the whole run."""
        return self.config.steps or self.steps_per_epoch * self.config.epochs

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
        return round(self._chunks.characters * steps / self.steps_per_epoch)

    @property
    def compiled(self) -> bool:
        """Whether Numba takes the time steps, instead of NumPy."""
        return self.network.stack is not self._reference.stack

    @property
    def stopped_early(self) -> bool:
        """Whether ``patience`` evaluations that brought nothing better ended the run."""
        return self._overfits and not self._can_fall and self.step < self.total_steps

    @property
    def _overfits(self) -> bool:
        patience = self.config.patience
        return bool(patience) and self._progress.stale_evaluations >= patience

    @property
    def falling(self) -> bool:
        """Whether the last part of ``trapezoid`` has begun, after which no step count changes."""
        trapezoid = self.config.schedule == "trapezoid"
        return trapezoid and self.step > self.total_steps - self.config.cooldown

    @property
    def _can_fall(self) -> bool:
        return self.config.schedule == "trapezoid" and not self.falling

    def replan(self, steps: int, cooldown: int) -> None:
        """Change how many steps the run has, as long as the rate so far did not depend on it.

        Args:
            steps: Of the whole run.
            cooldown: Those over which the rate of ``trapezoid`` falls; 0 with another schedule.
        """
        self.config = replace(self.config, epochs=0, steps=steps, cooldown=cooldown)

    def _fall_early(self) -> Cooldown:
        """Let the rate fall, over as large a part of the run as is usual at most."""
        usual = math.ceil(self.step * COOLDOWN / (1 - COOLDOWN))
        cooldown = min(self.config.cooldown, usual)
        self.replan(self.step + cooldown, cooldown)
        self._progress.stale_evaluations = 0
        return Cooldown(self.step, self.total_steps)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.step >= self.total_steps or self.stopped_early

    def _evaluation_is_due(self) -> bool:
        at_mark = self.step % self.config.eval_every == 0 and not self.skip_evaluations
        return (
            at_mark or self.step >= self.total_steps
        ) and self.step > self._progress.evaluated_at

    def _evaluate(self) -> Evaluation | Recovery:
        progress = self._progress
        loss = None
        if self._validation is not None:
            with single_threaded_blas():
                loss = evaluate(self.network, self._averaged, self._validation, self._shards)
        if not (self._weights_are_finite() and math.isfinite(loss or 0)):
            return self._recover(self.step)
        evaluation = Evaluation(
            step=self.step,
            epoch=self.step / self.steps_per_epoch,
            train_loss=progress.loss_sum / max(1, progress.loss_count),
            validation_loss=loss,
            rate=self._rate(self.step - 1),
            seconds=progress.seconds,
        )
        self.history.append(evaluation)
        progress.evaluated_at = self.step
        progress.loss_sum, progress.loss_count = 0.0, 0
        if loss is None or progress.best_loss is None or loss < progress.best_loss:
            self._best = self._averaged.copy()
            progress.best_loss = loss
            progress.stale_evaluations = 0
        elif self.config.schedule not in ANNEALING or self._is_overfitted(evaluation):
            progress.stale_evaluations += 1
        self._good.become(self._here())  # a restart never goes back past an evaluation
        return evaluation

    def _is_overfitted(self, evaluation: Evaluation) -> bool:
        """Whether it is clearly worse than the best one, but better on what was trained on."""
        losses = [entry.validation_loss or math.inf for entry in self.history]
        best = self.history[losses.index(min(losses))]
        worse = (evaluation.validation_loss or 0.0) > OVERFITTED * min(losses)
        return worse and evaluation.train_loss < best.train_loss

    # --------------------------------------------------------------------------------------- steps

    def _step(self) -> Step | Recovery:
        started = time.perf_counter()
        before = self._here() if self.step % SNAPSHOT_STEPS == 0 else None
        chunk = self._chunks.chunk(self.step)
        if chunk.fresh.any():  # as at the beginning of an epoch
            self._progress.state[..., chunk.fresh] = 0

        # What overflows shows as a loss or a gradient that is not finite, just below.
        with single_threaded_blas(), np.errstate(all="ignore"):
            loss = self._forward_backward(chunk)
            gradient = self._gradients[0]
            norm = clip_(gradient.flat, self.config.clip, self.config.clip_mode)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                return self._recover(self.step + 1)
            if before:
                self._good.become(before)
            rate = self._rate(self.step)
            self._optimizer.step(self._params, gradient, rate, self._shards)

        progress, characters = self._progress, chunk.characters
        progress.step += 1
        progress.loss_sum += loss
        progress.loss_count += characters
        progress.seconds += time.perf_counter() - started
        return Step(progress.step, loss / characters, rate, norm, characters)

    def _forward_backward(self, chunk: Chunk) -> float:
        """Summed loss of a chunk; leaves the gradient of its mean in ``self._gradients[0]``."""
        state, characters = self._progress.state, chunk.characters

        def work(index: int, columns: slice, workspace: Workspace) -> float:
            gradients = self._gradients[index]
            gradients.flat.fill(0)
            loss, state[..., columns] = self.network.loss_and_gradients(
                self._params,
                gradients,
                chunk.inputs[:, columns],
                chunk.targets[:, columns],
                state[..., columns],
                workspace,
                scale=1 / characters,
                counted=None if chunk.counted is None else chunk.counted[:, columns],
                rng=self._rngs[index],
            )
            return loss

        loss = sum(self._shards.map(work, self._chunks.columns))
        for other in self._gradients[1:]:
            self._gradients[0].flat += other.flat
        return loss

    def _rate(self, step: int) -> float:
        rate = learning_rate(self.config, step, self.total_steps, self.steps_per_epoch)
        return rate * self._progress.rate_scale

    # ----------------------------------------------------------------------------- going back

    def _here(self) -> Progress:
        """Where the run stands; the arrays that only an optimiser's step changes are those in use."""
        generators = [dict(rng.bit_generator.state) for rng in self._rngs]
        state = self._progress.state.copy()
        return replace(self._progress, state=state, generators=generators)

    def _snapshot(self) -> Progress:
        return self._here().copy()

    def _weights_are_finite(self) -> bool:
        return bool(np.isfinite(self._params.flat).all())

    def _recover(self, failed_at: int) -> Recovery:
        """Go back to the last good state, with half the rate."""
        progress, recoveries = self._progress, self._progress.recoveries + 1
        rate_scale = progress.rate_scale / 2
        progress.become(self._good)  # in the same arrays, which parameters and optimiser view
        progress.recoveries = min(recoveries, MAX_RECOVERIES)
        progress.rate_scale = rate_scale
        for rng, state in zip(self._rngs, progress.generators, strict=True):
            rng.bit_generator.state = state
        self._optimizer.steps = progress.step
        if recoveries > MAX_RECOVERIES:
            raise DivergenceError(
                f"the loss is not finite at step {failed_at}, also after "
                f"{MAX_RECOVERIES} restarts at half the rate; try --learning-rate "
                f"{self.config.learning_rate / 10:.1g}, a smaller --clip, or another --cell"
            )
        return Recovery(failed_at, progress.step, rate_scale, recoveries)

    # -------------------------------------------------------------------------------------- results

    @property
    def seconds(self) -> float:
        """Time spent on steps so far."""
        return self._progress.seconds

    @property
    def validation_loss(self) -> float | None:
        """That of the kept weights, in nats for each character."""
        return self._progress.best_loss

    def model(self) -> CharacterModel:
        """The kept weights, those of the best evaluation; before the first one, those in training."""
        if self._best is None:
            return self.current_model()
        return CharacterModel(self._reference, self._best.copy(), self.corpus.vocabulary)

    def current_model(self) -> CharacterModel:
        """The weights in training as they are now, averaged if the configuration says so."""
        progress = self._sound_progress()
        weights = progress.slots.get(AVERAGE, progress.weights)
        params = Parameters(self._params.shapes, weights)
        return CharacterModel(self._reference, params, self.corpus.vocabulary)

    def checkpoint(self, *, with_progress: bool = True) -> Checkpoint:
        """A snapshot of the run, to be saved.

        Args:
            with_progress: Include what resuming needs; without it the file is a quarter as large or less.
        """
        return Checkpoint(
            self.model(),
            self.config,
            self.corpus_info,
            tuple(self.history),
            self.validation_loss,
            self._sound_progress() if with_progress else None,
            resumable=with_progress,
        )

    def _sound_progress(self) -> Progress:
        """A snapshot of where the run stands, or the last good one if the weights just blew up."""
        return self._snapshot() if self._weights_are_finite() else self._good.copy()
