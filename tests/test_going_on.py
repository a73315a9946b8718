"""A run that is made longer: its rate rises again and is annealed again, and who interrupts it changes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from itertools import islice, pairwise
from pathlib import Path

import pytest
from conftest import Run
from samples import content, make_text

import charrnn
from charrnn.training import pace
from charrnn.training.fit import RIGHT, UNDER, Fit, judge
from charrnn.training.plan import REWARMING_SHARE, Plan
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training

CORPUS = charrnn.Corpus.from_text(make_text(60))
SMALL = charrnn.ModelConfig(hidden_size=8, num_layers=1, dropout=0.2)
CONFIG = charrnn.TrainingConfig(
    steps=200, batch_size=4, seq_length=10, threads=1, eval_every=40, patience=0, learning_rate=0.01
)
TINY = ("--hidden-size", 4, "--num-layers", 1, "--sample-every", 0)


@cache  # a run goes on from a copy
def _left_at(step: int, config: charrnn.TrainingConfig) -> charrnn.Checkpoint:
    training = Training(CORPUS, SMALL, config)
    for _ in training:
        if training.step == step and step < config.steps:
            break
    return training.checkpoint()


def _longer(checkpoint: charrnn.Checkpoint, steps: int) -> Training:
    config = replace(checkpoint.training, steps=steps, epochs=0)
    return Training.resume(CORPUS, checkpoint, config)


@pytest.mark.parametrize("schedule", ["trapezoid", "cosine"])
@pytest.mark.parametrize("left", [150, 200])
@pytest.mark.parametrize("more", [40, 200])
def test_the_rate_rises_again(schedule: str, left: int, more: int) -> None:
    """From what it was, in small steps, to its highest, and then falls to nothing once more."""
    checkpoint = _left_at(left, replace(CONFIG, schedule=schedule))
    before = Plan(checkpoint.training, 1).rate(left - 1)
    longer = _longer(checkpoint, 200 + more)
    (notice,) = longer.notices
    assert f"from step {left} on the rate rises again, to 0.01 over" in notice
    rates = [before, *(longer.plan.rate(step) for step in range(left, 200 + more))]
    top = max(rates)
    assert top == pytest.approx(0.01, rel=0.01)
    rising = rates[: rates.index(top) + 1]
    assert rising == sorted(rising)
    assert len(rising) <= 2 + REWARMING_SHARE * (200 + more - left)
    highest_step = 0.01 / (longer.config.warmup or 0) + 0.01 * 0.02
    assert max(b - a for a, b in pairwise(rising)) <= highest_step
    assert rates[-1] < 0.1 * top
    falling = rates[rates.index(top) :]
    assert falling == sorted(falling, reverse=True)


def test_nothing_rises_where_nothing_fell() -> None:
    """On the plateau only the end moves: the run is the one that was meant to be longer at once."""
    config = replace(CONFIG, schedule="trapezoid", warmup=20)
    longer = _longer(_left_at(60, config), 300)
    assert not longer.notices
    at_once = Training(CORPUS, SMALL, replace(config, steps=300))
    assert longer.config == at_once.config
    for training in (longer, at_once):
        list(training)
    assert _weights(longer) == _weights(at_once)


def test_a_step_more_rises_at_once() -> None:
    """Over 0 steps, it said."""
    (notice,) = _longer(_left_at(200, replace(CONFIG, schedule="cosine")), 201).notices
    assert "rises again, to 0.01 at once, and then falls to zero" in notice


@pytest.mark.parametrize("before", [300, 13])
@pytest.mark.parametrize("after", [201, 12, 303, 40])
@pytest.mark.parametrize("left", [0, 5])
def test_another_end_before_the_fall_is_that_end_at_once(
    before: int, after: int, left: int
) -> None:
    """Sooner or later: the fall has its share of the course, to the step, and the weights are the same."""
    config = replace(CONFIG, schedule="trapezoid", warmup=2, steps=before)
    begun = Training(CORPUS, SMALL, config).checkpoint() if not left else _left_at(left, config)
    other = _longer(begun, after)
    at_once = _done(replace(config, steps=after))
    assert other.config == at_once.config
    list(other)
    assert _weights(other) == _weights(at_once)


@cache
def _done(config: charrnn.TrainingConfig) -> Training:
    """A run that was left alone."""
    training = Training(CORPUS, SMALL, config)
    list(training)
    return training


def test_a_set_fall_keeps_its_share_or_is_set_anew() -> None:
    config = replace(CONFIG, schedule="trapezoid", cooldown=20)
    checkpoint = _left_at(60, config)
    assert _longer(checkpoint, 400).config.cooldown == 40
    assert _longer(checkpoint, 100).config.cooldown == 10
    asked = replace(checkpoint.training, steps=400, cooldown=30)
    assert Training.resume(CORPUS, checkpoint, asked).config.cooldown == 30


@pytest.mark.parametrize("schedule", ["constant", "exponential"])
def test_a_rate_without_an_end_goes_on(schedule: str) -> None:
    checkpoint = _left_at(200, replace(CONFIG, schedule=schedule))
    longer = _longer(checkpoint, 400)
    assert (longer.notices, longer.config.rewarm) == ([], 0)


def _weights(training: Training) -> bytes:
    progress = training.checkpoint().progress
    assert progress is not None
    return progress.weights.tobytes()


@pytest.mark.parametrize("schedule", ["trapezoid", "cosine"])
@pytest.mark.parametrize("left", [1, 5, 41, 90])
def test_an_interrupted_longer_run_is_the_same(schedule: str, left: int, tmp_path: Path) -> None:
    """Wherever it is left, and whether the end is named again or not."""
    checkpoint = _left_at(200, replace(CONFIG, schedule=schedule))
    whole, part = _longer_and_done(schedule), _longer(checkpoint, 300)
    list(islice(part, left))
    charrnn.save_checkpoint(part.checkpoint(), tmp_path / "a.npz")
    loaded = charrnn.load_checkpoint(tmp_path / "a.npz", with_progress=True)
    for again in (Training.resume(CORPUS, loaded), _longer(loaded, 300)):
        assert not again.notices
        list(again)
        assert again.config == whole.config
        assert _weights(again) == _weights(whole)


@cache
def _longer_and_done(schedule: str) -> Training:
    """The same run, which was not interrupted."""
    longer = _longer(_left_at(200, replace(CONFIG, schedule=schedule)), 300)
    list(longer)
    return longer


def test_a_longer_run_can_be_made_longer() -> None:
    """Each time with a course of its own."""
    checkpoint = _left_at(200, replace(CONFIG, schedule="trapezoid"))
    longer = _longer(checkpoint, 300)
    list(longer)
    again = _longer(longer.checkpoint(), 500)
    assert (longer.config.rewarm, again.config.rewarm) == (200, 300)
    assert again.config.cooldown == 80
    list(again)
    assert again.finished


# ------------------------------------------------------------------------------------- the verdict


def _judged(gained: float, annealed: bool = True) -> Fit:
    """Of a trapezoid of 1,000 steps that was made twice as long."""
    config = replace(
        CONFIG, schedule="trapezoid", steps=2000, cooldown=400, rewarm=1000, warmup=100
    )
    history = []
    for step in range(100, 2001, 100):
        course = step if step <= 1000 else step - 1000
        fall = max(0, course - 600) / 400
        loss = 1.6 - 0.2 * fall - gained * (step > 1000) * fall
        rate = 0.01 * (1 - fall if annealed or step > 1000 else 1)
        history.append(Evaluation(step, step / 50, loss - 0.2, loss, rate, float(step)))
    return judge(history, SMALL, config)


def test_a_converged_longer_run_is_right() -> None:
    """What counts is what the added steps brought, not that each fall of the rate makes a loss fall."""
    assert _judged(0.005).verdict == RIGHT
    assert _judged(0.2).verdict == UNDER


def test_no_loss_falls_by_more_than_all_of_it() -> None:
    """What the added steps brought is told as a share of the loss that they began with."""
    assert "fell by 85.7% over the steps that were added" in _judged(1.2).reason


# ------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize("schedule", ["trapezoid", "cosine", "constant"])
def test_more_minutes(schedule: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--minutes`` with ``--resume`` is how much longer; it tells what it will do with them."""
    monkeypatch.setattr(pace, "MEASURING_SECONDS", 0.01)
    flags = (*TINY, "--schedule", schedule, "--steps", 30, "--eval-every", 10)
    assert run("train", "corpus.txt", *flags, "-o", "a.npz").code == 0
    outcome = run("train", "--resume", "a.npz", "--minutes", "1s", "--sample-every", 0)
    assert outcome.code == 0, outcome.err
    assert "budget: 0:01 more; this machine trains it at" in outcome.err
    assert "repeat:" not in outcome.err
    assert ("the rate rises again" in outcome.err) == (schedule != "constant")
    loaded = charrnn.load_checkpoint("a.npz", with_progress=True)
    assert loaded.progress is not None
    assert loaded.progress.step > 30
    assert loaded.progress.step == loaded.training.steps
    before = content("a.npz")
    assert run("train", "--resume", "a.npz", "-q").code == 0
    assert content("a.npz") == before


@pytest.mark.parametrize("minutes", [".02", "1.2s", "0.02m", "0.0004h"])
def test_minutes_have_units(minutes: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MEASURING_SECONDS", 0.01)
    outcome = run("train", "corpus.txt", *TINY, "--minutes", minutes, "-o", "a.npz")
    assert outcome.code == 0, outcome.err
    assert "budget: 0:01" in outcome.err


def test_what_a_clock_will_end_is_an_estimate(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run says at its start all that it is; of a given time how many steps, more or less, and what it has no time to validate on."""
    monkeypatch.setattr(pace, "MEASURING_SECONDS", 0.01)
    common = ("corpus.txt", *TINY, "--layer-norm", "--sample-every", 0)
    counted = run("train", *common, "--steps", 12, "-o", "a.npz").err
    assert "units, one-hot, layer normalisation, dropout 0.2:" in counted
    assert "\ntraining: 12 steps, " in counted
    Path("long.txt").write_text(Path("corpus.txt").read_text() * 2000)
    clocked = run("train", *common, "--val-file", "long.txt", "--minutes", "1s", "-o", "b.npz").err
    assert "\ntraining: some " in clocked
    assert re.search(
        r"\nreason: .*; there is time to validate on <?[\d.]+ % of long.txt\n", clocked
    )


@pytest.mark.parametrize("minutes", ["ten", "5x", "10 m", "", "1h30m", "-3m"])
def test_other_words_are_refused(minutes: str, run: Run) -> None:
    outcome = run("train", "corpus.txt", "--minutes", minutes)
    assert outcome.code == 2
    assert "--minutes must be a number of minutes, or a time such as 90s, 10m or 1h" in outcome.err


def test_help_says_what_is_absolute(run: Run) -> None:
    words = " ".join(run("train", "--help").out.replace("│", " ").split())
    assert "in all, also those before --resume" in words
    assert "with --resume how much longer" in words
