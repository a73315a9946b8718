"""Training: resumed equals uninterrupted, the kept weights are the best, divergence is survived."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count, cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from samples import make_text
from threadpoolctl import threadpool_info, threadpool_limits

import charrnn
import charrnn.config
import charrnn.nn.parameters
import charrnn.nn.workspace
import charrnn.text.vocabulary
from charrnn.config import OPTIMIZERS, SCHEDULES
from charrnn.errors import DivergenceError, InputError
from charrnn.nn.parallel import Shards
from charrnn.text.chunks import Segments
from charrnn.training.evaluation import evaluate
from charrnn.training.reports import Recovery, Step
from charrnn.training.requirements import FIXED
from charrnn.training.run import Evaluation
from charrnn.training.trainer import MAX_RECOVERIES, Training

CORPUS = charrnn.Corpus.from_text(make_text(40))
SMALL = charrnn.ModelConfig(hidden_size=12, dropout=0.3)
QUICK = charrnn.TrainingConfig(epochs=3, batch_size=6, seq_length=20, threads=2, warmup=5, ema=0.9)


def _finish(training: Training) -> Training:
    for _ in training:
        pass
    return training


def _losses(training: Training) -> list[tuple[int, float, float | None]]:
    return [(e.step, e.train_loss, e.validation_loss) for e in training.history]


def _in_training(training: Training) -> charrnn.nn.parameters.Array:
    progress = training.checkpoint().progress
    assert progress is not None
    return progress.weights


def _resumed_after(
    steps: int, path: Path, model: charrnn.ModelConfig, config: charrnn.TrainingConfig
) -> Training:
    """A run that was left after so many reports, saved, loaded, and taken to its end."""
    interrupted = Training(CORPUS, model, config)
    list(islice(interrupted, steps))
    charrnn.save_checkpoint(interrupted.checkpoint(), path)
    loaded = charrnn.load_checkpoint(path, with_progress=True)
    return _finish(Training.resume(CORPUS, loaded))


def _assert_same(one: Training, other: Training) -> None:
    for first, second in (
        (one.current_model(), other.current_model()),
        (one.model(), other.model()),
    ):
        np.testing.assert_array_equal(first.parameters.flat, second.parameters.flat)
    np.testing.assert_array_equal(_in_training(one), _in_training(other))
    assert _losses(one) == _losses(other)
    assert one.validation_loss == other.validation_loss


@pytest.mark.parametrize("cell", charrnn.config.CELLS)
def test_resume_is_exact(cell: str, tmp_path: Path) -> None:
    """Leaving in mid-epoch, before and after an evaluation changes no bit, with dropout on."""
    model = replace(SMALL, cell=cell, embedding_size=4 if cell == "gru" else 0)
    whole = _finish(Training(CORPUS, model, QUICK))
    per_epoch = whole.steps_per_epoch
    assert len(whole.history) == 1 + whole.total_steps // whole.config.eval_every - (
        whole.total_steps % whole.config.eval_every == 0
    )
    moments = [per_epoch - 3, whole.config.eval_every]
    if cell == "lstm":  # what moments are told apart by is none of a cell's business
        moments += [1, per_epoch, 2 * per_epoch + 2]
    for reports in moments:
        _assert_same(whole, _resumed_after(reports, tmp_path / "run.npz", model, QUICK))


# Neither knows of the other, so that each is there once at least.
@pytest.mark.parametrize(
    ("optimizer", "schedule"), [*zip(OPTIMIZERS, cycle(SCHEDULES), strict=False)]
)
def test_resume_with_each_optimizer(optimizer: str, schedule: str, tmp_path: Path) -> None:
    """Running averages and the rate are carried over as well."""
    config = replace(QUICK, optimizer=optimizer, schedule=schedule, epochs=1, eval_every=7)
    whole = _finish(Training(CORPUS, SMALL, config))
    _assert_same(whole, _resumed_after(10, tmp_path / "run.npz", SMALL, config))


def test_a_seed_gives_the_same_bits() -> None:
    """Two runs agree to the last bit; another seed gives another run."""
    config = replace(QUICK, epochs=1)
    one, two = (_finish(Training(CORPUS, SMALL, config)) for _ in range(2))
    _assert_same(one, two)
    other = _finish(Training(CORPUS, SMALL, replace(config, seed=1)))
    assert not np.array_equal(other.model().parameters.flat, one.model().parameters.flat)


def test_threads_agree_to_rounding() -> None:
    """However the batch is split, the first steps are the same but for rounding."""
    model = replace(SMALL, dropout=0.0)
    losses = []
    for threads in (1, 2, 5):
        training = Training(CORPUS, model, replace(QUICK, threads=threads))
        losses.append([report.loss for report in islice(training, 8) if isinstance(report, Step)])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-5)


def test_overfits_a_small_text() -> None:
    """A text of one repeated line is learnt to near nothing."""
    corpus = charrnn.Corpus.from_text("abcdefgh" * 60)
    config = charrnn.TrainingConfig(epochs=40, seq_length=16, learning_rate=0.02, warmup=0)
    training = _finish(Training(corpus, charrnn.ModelConfig(hidden_size=24, dropout=0.0), config))
    assert training.history[-1].train_loss < 0.02
    assert training.validation_loss is not None
    assert training.validation_loss < 0.02


def test_characters_read() -> None:
    """Those of all steps."""
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=2))
    assert training.characters_read == 0
    steps = [report for report in training if isinstance(report, Step)]
    read = sum(step.characters for step in steps)
    assert training.characters_read == training.total_characters == read


@pytest.mark.parametrize("size", [6, 1])
def test_what_an_evaluation_tells(size: int) -> None:
    """The mean loss of each character read since the one before, and the rate of the last step."""
    config = replace(QUICK, epochs=0, steps=9, eval_every=4, batch_size=size, threads=1)
    training = Training(CORPUS, SMALL, replace(config, seq_length=1 if size == 1 else 20))
    steps: list[Step] = []
    for report in training:
        if isinstance(report, Step):
            steps.append(report)
        elif isinstance(report, Evaluation):
            counts = [step.characters for step in steps]
            mean = np.average([step.loss for step in steps], weights=counts)
            assert report.train_loss == pytest.approx(mean, rel=1e-12)
            assert (report.step, report.rate) == (steps[-1].step, steps[-1].rate)
            assert report.epoch == report.step / training.steps_per_epoch
            steps.clear()
    assert [entry.step for entry in training.history] == [4, 8, 9]


def test_kept_weights_are_the_best() -> None:
    """Evaluating the kept weights again gives the loss that is told of them: the least of all."""
    config = replace(QUICK, epochs=6, eval_every=5, learning_rate=0.05, schedule="constant")
    training = _finish(Training(CORPUS, SMALL, config))
    losses = [entry.validation_loss for entry in training.history]
    assert training.validation_loss == min(loss for loss in losses if loss is not None)
    _, tail = CORPUS.split(training.config.val_fraction or 0)
    model = training.model()
    shards = Shards(2)
    again = evaluate(model.network.compiled(), model.parameters, Segments(tail), shards)
    assert again == training.validation_loss


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("left_after", [None, 12])
def test_kept_weights_stay(ema: float, left_after: int | None, tmp_path: Path) -> None:
    """A run that gets worse keeps the weights that its best evaluation found, in its file as well."""
    config = replace(
        QUICK, epochs=500, patience=3, eval_every=4, learning_rate=0.3, schedule="constant", ema=ema
    )
    run, path = Training(CORPUS, SMALL, config), tmp_path / "run.npz"
    at_evaluations: dict[float, Any] = {}
    while not run.finished:
        for report in islice(run, left_after):
            if isinstance(report, Evaluation):
                assert report.validation_loss is not None
                at_evaluations[report.validation_loss] = run.current_model().parameters.flat
        charrnn.save_checkpoint(run.checkpoint(), path)
        loaded = charrnn.load_checkpoint(path, with_progress=True)
        run = Training.resume(CORPUS, loaded) if left_after else run
    best = min(at_evaluations)
    assert best < run.history[-1].validation_loss  # type: ignore[operator]
    assert not np.array_equal(at_evaluations[best], run.current_model().parameters.flat)
    for model in (run.model(), run.checkpoint().model, charrnn.load_checkpoint(path).model):
        np.testing.assert_array_equal(model.parameters.flat, at_evaluations[best])


def test_averaged_weights_are_kept() -> None:
    """They change nothing in training, and are what is evaluated, kept and written with."""
    plain = _finish(Training(CORPUS, SMALL, replace(QUICK, ema=0.0)))
    training = _finish(Training(CORPUS, SMALL, QUICK))
    np.testing.assert_array_equal(_in_training(plain), _in_training(training))
    np.testing.assert_array_equal(_in_training(plain), plain.current_model().parameters.flat)
    progress = training.checkpoint().progress
    assert progress is not None
    average = progress.slots["average"]
    np.testing.assert_array_equal(average, training.current_model().parameters.flat)
    np.testing.assert_array_equal(average, training.model().parameters.flat)
    assert not np.array_equal(average, progress.weights)
    assert training.validation_loss != plain.validation_loss


def test_patience() -> None:
    """So many evaluations in vain end the run; the weights before them are kept."""
    config = replace(
        QUICK, epochs=500, patience=3, eval_every=4, learning_rate=0.3, schedule="constant"
    )
    training = _finish(Training(CORPUS, SMALL, config))
    assert training.stopped_early
    assert training.step < training.total_steps
    losses = [entry.validation_loss or 0 for entry in training.history]
    assert min(losses) == losses[-4]


def test_patience_at_the_very_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose last evaluation is the last in vain went its whole length, and did not stop early."""
    monkeypatch.setattr("charrnn.training.evaluation.evaluate", lambda *_: 2.0)
    config = replace(QUICK, epochs=0, steps=9, eval_every=3, schedule="constant")
    for patience, steps, early in [(1, 6, True), (2, 9, False), (3, 9, False)]:
        training = _finish(Training(CORPUS, SMALL, replace(config, patience=patience)))
        assert (training.step, training.stopped_early) == (steps, early)


def test_only_less_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of equal losses the first one's weights are kept; each later one was in vain."""
    monkeypatch.setattr("charrnn.training.evaluation.evaluate", lambda *_: 2.0)
    training = Training(
        CORPUS, SMALL, replace(QUICK, schedule="constant", patience=0, eval_every=5)
    )
    first = None
    for report in training:
        if isinstance(report, Evaluation) and first is None:
            first = training.model()
    evaluations = len(training.history)
    assert evaluations > 2
    assert training.model() == first != training.current_model()
    progress = training.checkpoint().progress
    assert progress is not None
    assert (progress.best_loss, progress.stale_evaluations) == (2.0, evaluations - 1)


def test_what_a_step_tells() -> None:
    """The mean loss of so many characters, which was that of a guess, and a gradient as it was."""
    first = next(iter(Training(CORPUS, SMALL, replace(QUICK, clip=1e-9))))
    assert isinstance(first, Step)
    assert first.characters == QUICK.batch_size * QUICK.seq_length
    assert first.loss == pytest.approx(np.log(len(CORPUS.vocabulary)), rel=0.1)
    assert 1e-3 < first.gradient_norm < 100


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_negative_weights_are_saved(optimizer: str) -> None:
    """Only a mean of squares cannot be negative."""
    model = Training(CORPUS, SMALL, QUICK).model()
    model.parameters.flat[...] = -0.01
    checkpoint = Training(CORPUS, model, replace(QUICK, optimizer=optimizer)).checkpoint()
    assert checkpoint.progress is not None


def test_without_validation() -> None:
    """With nothing kept for validation the last weights are kept."""
    training = _finish(Training(CORPUS, SMALL, replace(QUICK, val_fraction=0.0)))
    assert training.validation_loss is None
    np.testing.assert_array_equal(
        training.model().parameters.flat, training.current_model().parameters.flat
    )


def _break_loss(training: Training, calls: set[int]) -> None:
    """Let the loss be NaN at these calls, counted from 1."""
    network: Any = training._quick
    count = 0
    intact = network.loss_and_gradients

    def breaking(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        loss, state = intact(*args, **kwargs)
        return (float("nan") if count in calls else loss), state

    network.loss_and_gradients = breaking


def test_recovery_from_nan() -> None:
    """A loss that is not finite takes the run back with half the rate; then it completes."""
    training = Training(CORPUS, SMALL, replace(QUICK, threads=1, schedule="constant"))
    _break_loss(training, {9})
    reports = list(training)
    (recovery,) = [report for report in reports if isinstance(report, Recovery)]
    assert recovery == Recovery(step=9, resumed_at=0, rate_scale=0.5, attempt=1)
    steps = [report for report in reports if isinstance(report, Step)]
    assert steps[-1].step == training.total_steps
    assert steps[-1].rate == QUICK.learning_rate / 2
    assert [step.loss for step in steps[:1]] == [steps[8].loss]  # the first step, taken again


def test_gives_up_after_three_recoveries() -> None:
    """A run that keeps diverging ends with advice, and its last good state can be saved."""
    training = Training(CORPUS, SMALL, replace(QUICK, threads=1, learning_rate=0.01))
    _break_loss(training, set(range(5, 1000)))
    attempts: list[int] = []
    with pytest.raises(DivergenceError, match=r"at step 1, .* try --learning-rate 0\.001, "):
        attempts.extend(report.attempt for report in training if isinstance(report, Recovery))
    assert attempts == list(range(1, MAX_RECOVERIES + 1))
    assert np.isfinite(training.checkpoint().model.parameters.flat).all()


def test_what_just_blew_up_is_not_saved() -> None:
    """Weights that are not finite, before a step has noticed it, give way to the last good state."""
    training = Training(CORPUS, SMALL, QUICK)
    list(islice(training, 3))
    training._progress.weights[5] = np.nan
    progress = training.checkpoint().progress
    assert progress is not None
    assert progress.step == 0
    assert np.isfinite(progress.weights).all()
    np.testing.assert_array_equal(training.current_model().parameters.flat, progress.kept)


BROKEN: tuple[set[int], ...] = (set(), {5, 14, 23}, set(range(20, 999)))


@pytest.mark.parametrize(
    ("schedule", "val_fraction", "broken"),  # each two of them in all ways
    [
        (schedule, 0.2 * ((row + column) % 2), broken)
        for row, schedule in enumerate(SCHEDULES)
        for column, broken in enumerate(BROKEN)
    ],
)
def test_every_moment_can_be_saved(
    schedule: str, val_fraction: float, broken: set[int], tmp_path: Path
) -> None:
    """Whatever happens to a run, what it saves is read again: none of it contradicts the rest."""
    config = replace(
        QUICK, epochs=0, steps=30, eval_every=3, patience=2, learning_rate=0.3, threads=1,
        schedule=schedule, val_fraction=val_fraction,
    )  # fmt: skip
    run, path = Training(CORPUS, SMALL, config), tmp_path / "run.npz"
    _break_loss(run, broken)
    reports, halted = iter(run), False
    while not run.finished and not halted:
        charrnn.save_checkpoint(run.checkpoint(), path)
        loaded = charrnn.load_checkpoint(path, with_progress=True)
        again = Training.resume(CORPUS, loaded, replace(loaded.training, patience=9))
        assert (again.step, again.history) == (run.step, run.history)
        try:
            next(reports, None)
        except DivergenceError:
            halted = True
    charrnn.save_checkpoint(run.checkpoint(), path)
    assert charrnn.load_checkpoint(path, with_progress=True).history == tuple(run.history)


def test_resume_refuses() -> None:
    """Another text, a changed batch, or a file without training state cannot be gone on with."""
    training = Training(CORPUS, SMALL, QUICK)
    checkpoint = training.checkpoint()
    other = charrnn.Corpus.from_text(make_text(41))
    with pytest.raises(InputError, match="corpus is not the one"):
        Training.resume(other, checkpoint)
    with pytest.raises(InputError, match="batch-size is 6"):
        Training.resume(CORPUS, checkpoint, replace(checkpoint.training, batch_size=3))
    with pytest.raises(InputError, match="without training state"):
        Training.resume(CORPUS, training.checkpoint(with_progress=False))
    wider = CORPUS.vocabulary.extended_by("☃")
    with pytest.raises(InputError, match="not in the vocabulary of this run"):
        Training.resume(charrnn.Corpus.from_text(make_text(40), vocabulary=wider), checkpoint)


@pytest.mark.parametrize("size", [{"batch_size": 1000}, {"seq_length": 1000}])
def test_resume_refuses_what_no_run_has_saved(size: dict[str, Any]) -> None:
    """Sizes that the text cannot fill, and a run would have made smaller."""
    checkpoint = Training(CORPUS, SMALL, QUICK).checkpoint()
    assert checkpoint.progress is not None
    forged = replace(checkpoint, training=replace(checkpoint.training, **size))
    with pytest.raises(InputError, match="do not fit its corpus"):
        Training.resume(CORPUS, forged)


def test_defaults_of_a_run() -> None:
    """Model and configuration are those that are left as they are, but for what the text decides."""
    training, told = Training(CORPUS), charrnn.TrainingConfig()
    assert training.network.config == charrnn.ModelConfig()
    given = Training(CORPUS, charrnn.ModelConfig(), told)
    assert training.config == given.config
    assert training.model() == given.model()


def test_small_text_is_fitted() -> None:
    """Sizes that a text cannot fill are made smaller, with a notice for each."""
    corpus = charrnn.Corpus.from_text("a small text of few characters")
    training = Training(corpus, SMALL, charrnn.TrainingConfig(epochs=2, threads=2))
    assert (training.config.batch_size, training.config.seq_length) == (1, 26)
    assert training.config.threads == 1
    assert len(training.notices) == 2
    assert len(_finish(training).history) == 1


def test_extended_vocabulary_keeps_what_was_learnt() -> None:
    """New characters leave the scores of the old ones as they were."""
    training = _finish(Training(CORPUS, SMALL, replace(QUICK, epochs=1)))
    model = training.model()
    wider = model.extended_to(model.vocabulary.extended_by("¿?"), np.random.default_rng(0))
    ids = CORPUS.ids[:50, None].astype(np.intp)
    workspace = charrnn.nn.workspace.Workspace
    old, _ = model.network.logits(model.parameters, ids, model.network.zero_state(1), workspace())
    new, _ = wider.network.logits(wider.parameters, ids, wider.network.zero_state(1), workspace())
    assert len(new) == len(old) + 2
    np.testing.assert_allclose(new[: len(old)], old, rtol=1e-5, atol=1e-6)


# Mean loss of the first ten steps, in nats for each character. They start near ln 45, the loss of
# a guess; a change of these numbers is a change of what every seed gives.
GOLDEN = {
    "lstm": "3.787422 3.773362 3.763124 3.775646 3.765038 3.783111 3.767437 3.744689 3.700942 3.676284",
    "gru": "3.788414 3.830359 3.769725 3.757384 3.748964 3.772411 3.752546 3.750739 3.735807 3.680732",
    "rnn": "3.907247 3.925653 3.854325 3.694354 3.866646 3.805318 3.848598 3.757701 3.751645 3.721325",
    "rnn-relu": "3.81161 3.843525 3.798015 3.787108 3.822602 3.807718 3.772742 3.764271 3.752219 3.699372",
    "feedforward": "3.784593 3.780963 3.795107 3.729142 3.774667 3.773976 3.759365 3.768347 3.723319 3.684245",
}


@pytest.mark.parametrize("cell", charrnn.config.CELLS)
def test_golden_losses(cell: str) -> None:
    """The first ten steps of a fixed seed have the losses that they always had."""
    training = Training(CORPUS, replace(SMALL, cell=cell), replace(QUICK, threads=1))
    losses = [report.loss for report in islice(training, 10) if isinstance(report, Step)]
    expected = [float(number) for number in GOLDEN[cell].split()]
    np.testing.assert_allclose(losses, expected, atol=1e-4, rtol=0)


def test_recovery_leaves_nothing_behind() -> None:
    """Taken back to its start, a run is bit for bit the one that began with half the rate."""
    config = replace(QUICK, epochs=2, schedule="constant")
    broken = Training(CORPUS, SMALL, config)
    _break_loss(broken, {8, 9})  # in both shards, at different steps or the same
    recoveries = [report for report in broken if isinstance(report, Recovery)]
    scale = recoveries[-1].rate_scale
    assert scale == 0.5 ** len(recoveries)
    assert {recovery.resumed_at for recovery in recoveries} == {0}
    calm = replace(config, learning_rate=config.learning_rate * scale)
    _assert_same(broken, _finish(Training(CORPUS, SMALL, calm)))


def test_recovery_stops_at_an_evaluation() -> None:
    """What was evaluated is not gone through again, nor is it evaluated twice."""
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=1, threads=1, eval_every=4))
    _break_loss(training, {11})
    reports = list(training)
    (recovery,) = [report for report in reports if isinstance(report, Recovery)]
    assert (recovery.step, recovery.resumed_at) == (11, 8)
    steps = [entry.step for entry in training.history]
    assert steps == sorted({*range(4, training.total_steps + 1, 4), training.total_steps})


def test_recovery_stops_at_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is held in memory every so many steps, once the step from there on was taken well."""
    monkeypatch.setattr("charrnn.training.trainer.SNAPSHOT_STEPS", 5)
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=1, threads=1, eval_every=1000))
    _break_loss(training, {8, 10, 16})
    reports = list(training)
    recoveries = [report for report in reports if isinstance(report, Recovery)]
    told = [(recovery.step, recovery.resumed_at) for recovery in recoveries]
    assert told == [(8, 5), (7, 5), (11, 5)]
    again = [report.loss for report in reports if isinstance(report, Step) and report.step == 6]
    assert again == again[:1] * 4


def test_recovery_from_a_broken_gradient() -> None:
    """A finite loss whose gradient is not finite is noticed before it reaches the weights."""
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=1, threads=2, clip_mode="value"))
    network: Any = training._quick
    intact, calls = network.loss_and_gradients, 0

    def breaking(params: Any, gradients: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = intact(params, gradients, *args, **kwargs)
        if calls == 6:
            gradients.flat[3] = np.inf
        return result

    network.loss_and_gradients = breaking
    reports = list(training)
    (recovery,) = [report for report in reports if isinstance(report, Recovery)]
    assert recovery.step == 3
    assert np.isfinite(training.current_model().parameters.flat).all()
    assert training.finished


def test_recovery_from_broken_weights() -> None:
    """They are noticed where a run is evaluated, also if there is nothing to evaluate it on."""
    training = Training(CORPUS, SMALL, replace(QUICK, val_fraction=0.0, eval_every=4))
    reports = iter(training)
    list(islice(reports, 4))
    training._progress.weights[0] = np.inf
    recovery = next(reports)
    assert isinstance(recovery, Recovery)
    assert (recovery.step, recovery.resumed_at) == (4, 0)
    assert not training.history


def test_seconds_are_those_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of evaluations, nor of what others do meanwhile."""
    ticks = count()
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr("charrnn.training.trainer.time", clock)
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=1, eval_every=4))
    for _ in training:
        next(ticks)
    assert training.seconds == training.total_steps
    assert [entry.seconds for entry in training.history] == [e.step for e in training.history]


def test_products_take_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps and in evaluations, or the bits of a run would depend on the machine."""
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=1, eval_every=2))
    threads = []

    def seen(work: Callable[..., Any]) -> Callable[..., Any]:
        def seeing(*args: Any, **kwargs: Any) -> Any:
            threads.append(
                {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}
            )
            return work(*args, **kwargs)

        return seeing

    monkeypatch.setattr("charrnn.training.evaluation.evaluate", seen(evaluate))
    monkeypatch.setattr(training._learner, "look", seen(training._learner.look))
    with threadpool_limits(2, "blas"):
        list(islice(training, 3))
    assert len(threads) == 3
    assert set().union(*threads) <= {1}


def test_recovery_from_a_broken_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation loss that is not finite takes the run back too, and is not kept."""
    losses = iter([3.0, float("nan"), 2.5, 2.0])
    monkeypatch.setattr("charrnn.training.evaluation.evaluate", lambda *_: next(losses))
    config = replace(QUICK, epochs=1, eval_every=6)
    training = Training(CORPUS, SMALL, config)
    reports = [report for report in islice(training, 21) if not isinstance(report, Step)]
    assert isinstance(reports[1], Recovery)
    assert (reports[1].step, reports[1].resumed_at) == (12, 6)
    assert [entry.validation_loss for entry in training.history] == [3.0, 2.5]
    assert training.validation_loss == 2.5


def test_diverged_run_can_be_resumed(tmp_path: Path) -> None:
    """What is saved after a run was given up is its last good state, ready to go on."""
    wild = replace(
        QUICK, clip=0.0, optimizer="sgd", learning_rate=900.0, warmup=0, threads=1, seed=1
    )
    training = Training(CORPUS, replace(SMALL, cell="rnn-relu"), wild)
    with pytest.raises(DivergenceError):
        list(training)
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
    loaded = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
    calm = replace(loaded.training, learning_rate=1e-3)
    assert _finish(Training.resume(CORPUS, loaded, calm)).finished


@pytest.mark.parametrize("schedule", charrnn.config.SCHEDULES)
def test_warmup_of_a_short_run(schedule: str) -> None:
    """It takes no more than a tenth of the run as it began, however long it becomes."""
    config = replace(QUICK, schedule=schedule, warmup=None, epochs=0, steps=20)
    training = Training(CORPUS, SMALL, config)
    rates = [report.rate for report in islice(training, 2) if isinstance(report, Step)]
    np.testing.assert_allclose(rates, [config.learning_rate / 3, config.learning_rate * 2 / 3])
    longer = replace(training.config, steps=400)
    assert Training.resume(CORPUS, training.checkpoint(), longer).config.warmup == 2
    assert Training(CORPUS, SMALL, replace(config, warmup=7)).config.warmup == 7


def test_a_fall_longer_than_the_run() -> None:
    """It is refused: the rate would never reach what it should be."""
    config = replace(QUICK, schedule="trapezoid", epochs=0, steps=20, cooldown=21)
    with pytest.raises(InputError, match="cooldown 21 is longer than the run of 20 steps"):
        Training(CORPUS, SMALL, config)
    # Other schedules have no fall, so that none can be too long.
    assert Training(CORPUS, SMALL, replace(config, schedule="constant")).total_steps == 20


def test_resumed_before_the_first_evaluation() -> None:
    """Until there is a best, the weights in training are the model, in a resumed run as well."""
    training = Training(CORPUS, SMALL, QUICK)
    list(islice(training, 2))
    resumed = Training.resume(CORPUS, training.checkpoint())
    list(islice(resumed, 2))
    np.testing.assert_array_equal(
        resumed.model().parameters.flat, resumed.current_model().parameters.flat
    )


@pytest.mark.parametrize("name", FIXED)
def test_fixed_settings(name: str) -> None:
    """Each setting that a run is made of is refused by name when it is changed."""
    checkpoint = Training(CORPUS, SMALL, QUICK).checkpoint()
    changes: dict[str, Any] = {"optimizer": "sgd", "val_fraction": 0.2, "ema": 0.5}
    changed = replace(checkpoint.training, **{name: changes.get(name, 3)})
    with pytest.raises(InputError, match=f"{name.replace('_', '-')} is .* cannot change"):
        Training.resume(CORPUS, checkpoint, changed)


def test_resumed_for_longer() -> None:
    """A finished run can be given more epochs."""
    training = _finish(Training(CORPUS, SMALL, replace(QUICK, epochs=1)))
    checkpoint = training.checkpoint()
    longer = Training.resume(CORPUS, checkpoint, replace(checkpoint.training, epochs=2))
    assert not longer.finished
    _finish(longer)
    assert longer.step == 2 * training.step
    assert longer.history[: len(training.history)] == training.history


def test_a_resumed_run_stands_by_itself() -> None:
    """What is done to the checkpoint that it went on from is nothing to it."""
    left = Training(CORPUS, SMALL, replace(QUICK, epochs=1, eval_every=8))
    list(islice(left, 12))
    checkpoint = left.checkpoint()
    assert checkpoint.progress is not None
    resumed = Training.resume(CORPUS, checkpoint)
    for array in (
        checkpoint.model.parameters.flat,
        checkpoint.progress.weights,
        checkpoint.progress.state,
        *checkpoint.progress.slots.values(),
    ):
        array[...] = 0
    _assert_same(resumed, left)  # the kept weights, before there are better ones
    _assert_same(_finish(resumed), _finish(left))


def test_what_begins_anew_forgets() -> None:
    """Of the streams of a chunk those alone that are fresh, however few, start from nothing."""
    fresh, losses = np.arange(QUICK.batch_size) == 2, []
    for columns in (fresh, np.zeros_like(fresh)):
        training = Training(CORPUS, SMALL, QUICK)
        state = training._progress.state
        state[...] = np.random.default_rng(0).standard_normal(state.shape)
        if not columns.any():
            state[..., fresh] = 0
        chunk = replace(training._division.training.chunk(1), fresh=columns)
        losses.append(training._learner.look(chunk, chunk.extent))
    assert losses[0] == losses[1]


def test_models_of_a_run_are_copies() -> None:
    """What is done to them is nothing to the run, before it has a best one and after."""
    training = Training(CORPUS, SMALL, replace(QUICK, epochs=1))
    for _ in range(2):
        for model in (training.model, training.current_model):
            before = model().parameters.copy()
            model().parameters.flat[...] = 0
            assert model().parameters == before
        _finish(training)
    assert training.checkpoint().resumable
    assert not training.checkpoint(with_progress=False).resumable


@pytest.mark.parametrize(("rate", "attempt"), [(QUICK.learning_rate, 2), (1e-3, 1)])
def test_another_rate_has_chances_of_its_own(rate: float, attempt: int) -> None:
    """What the old one used up is forgotten, but for how far it was halved."""
    training = Training(CORPUS, SMALL, replace(QUICK, threads=1))
    _break_loss(training, {3})
    list(islice(training, 5))
    checkpoint = training.checkpoint()
    resumed = Training.resume(CORPUS, checkpoint, replace(checkpoint.training, learning_rate=rate))
    _break_loss(resumed, {1})
    (recovery,) = [report for report in islice(resumed, 2) if isinstance(report, Recovery)]
    assert (recovery.attempt, recovery.rate_scale) == (attempt, 0.25)


def test_another_vocabulary_is_refused() -> None:
    """A model can start a run only on a text of its own characters."""
    model = Training(CORPUS, SMALL, QUICK).model()
    other = charrnn.Corpus.from_text(make_text(5) + "☃")
    with pytest.raises(InputError, match="vocabulary is not that of the corpus"):
        Training(other, model, QUICK)
    with pytest.raises(ValueError, match="must begin with"):
        model.extended_to(charrnn.text.vocabulary.Vocabulary("☃"), np.random.default_rng(0))
