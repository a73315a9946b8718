"""Training: resumed equals uninterrupted, the kept weights are the best, divergence is survived."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import make_text

import charrnn
import charrnn.config
import charrnn.nn.workspace
from charrnn.batches import Segments
from charrnn.config import OPTIMIZERS, SCHEDULES
from charrnn.errors import DivergenceError, InputError
from charrnn.evaluation import evaluate
from charrnn.parallel import Shards
from charrnn.training import MAX_RECOVERIES, Recovery, Step, Training

CORPUS = charrnn.Corpus.from_text(make_text(40))
SMALL = charrnn.ModelConfig(hidden_size=12, dropout=0.3)
QUICK = charrnn.TrainingConfig(epochs=3, batch_size=6, seq_length=20, threads=2, warmup=5)


def _finish(training: Training) -> Training:
    for _ in training:
        pass
    return training


def _losses(training: Training) -> list[tuple[int, float, float | None]]:
    return [(e.step, e.train_loss, e.validation_loss) for e in training.history]


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
    for reports in (1, per_epoch - 3, per_epoch, whole.config.eval_every, 2 * per_epoch + 2):
        _assert_same(whole, _resumed_after(reports, tmp_path / "run.npz", model, QUICK))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
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


def test_kept_weights_are_the_best() -> None:
    """Evaluating the kept weights again gives the loss that is told of them: the least of all."""
    config = replace(QUICK, epochs=6, eval_every=5, learning_rate=0.05, schedule="constant")
    training = _finish(Training(CORPUS, SMALL, config))
    losses = [entry.validation_loss for entry in training.history]
    assert training.validation_loss == min(loss for loss in losses if loss is not None)
    _, tail = CORPUS.split(config.val_fraction)
    model = training.model()
    again = evaluate(model.network, model.parameters, Segments.of(tail), Shards(2))
    assert again == training.validation_loss


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


def test_without_validation() -> None:
    """With nothing kept for validation the last weights are kept."""
    training = _finish(Training(CORPUS, SMALL, replace(QUICK, val_fraction=0.0)))
    assert training.validation_loss is None
    np.testing.assert_array_equal(
        training.model().parameters.flat, training.current_model().parameters.flat
    )


def _break_loss(training: Training, calls: set[int]) -> None:
    """Let the loss be NaN at these calls, counted from 1."""
    network: Any = training.network
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
    assert (recovery.step, recovery.resumed_at, recovery.rate_scale) == (9, 0, 0.5)
    steps = [report for report in reports if isinstance(report, Step)]
    assert steps[-1].step == training.total_steps
    assert steps[-1].rate == QUICK.learning_rate / 2
    assert [step.loss for step in steps[:1]] == [steps[8].loss]  # the first step, taken again


def test_gives_up_after_three_recoveries() -> None:
    """A run that keeps diverging ends with advice, and its last good state can be saved."""
    training = Training(CORPUS, SMALL, replace(QUICK, threads=1))
    _break_loss(training, set(range(5, 1000)))
    recoveries = 0
    with pytest.raises(DivergenceError, match="--learning-rate"):
        for report in training:
            recoveries += isinstance(report, Recovery)
    assert recoveries == MAX_RECOVERIES
    assert np.isfinite(training.checkpoint().model.parameters.flat).all()


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
