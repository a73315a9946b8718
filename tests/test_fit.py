"""The verdict on a run, for curves of every kind: the method must not be fooled by noise or by a schedule."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st

import charrnn
from charrnn.training.fit import OVER, RIGHT, UNDER, UNKNOWN, Fit, judge
from charrnn.training.run import Evaluation

MODEL = charrnn.ModelConfig(hidden_size=256, dropout=0.2)
CONFIG = charrnn.TrainingConfig(epochs=12)
Curve = Callable[[float], float]


def _history(train: Curve, validation: Curve | None, epochs: Sequence[float]) -> list[Evaluation]:
    return [
        Evaluation(
            round(100 * e), e, train(e), None if validation is None else validation(e), 0.005, e
        )
        for e in epochs
    ]


def _verdict(
    train: Curve,
    validation: Curve | None,
    evaluations: int = 12,
    done: float = 1.0,
    config: charrnn.TrainingConfig = CONFIG,
    model: charrnn.ModelConfig = MODEL,
) -> Fit:
    """Of curves that are functions of the epoch, in a run of which a part is done."""
    config = replace(config, patience=0) if done == 1.0 else config
    in_all = config.epochs or config.steps / 100
    epochs = np.linspace(0, in_all * done, evaluations + 1)[1:]
    return judge(_history(train, validation, epochs.tolist()), model, config)


def _settled(e: float) -> float:
    return 1.4 + 0.5 / (1 + e) ** 2


def test_still_falling() -> None:
    """A loss that falls to the end wants more epochs; and a larger model, if training is no lower."""
    fit = _verdict(lambda e: 3 - 0.1 * e, lambda e: 3.01 - 0.1 * e)
    assert fit.verdict == UNDER
    assert fit.advice == ("--epochs 24", "--hidden-size 512")
    assert "fell by 18.1% over the last third (training 2.597, validation 2.611 bits)" in fit.reason
    fit = _verdict(lambda e: 3 - 0.1 * e, lambda e: 3.3 - 0.1 * e)
    assert (fit.verdict, fit.advice) == (UNDER, ("--epochs 24",))


@pytest.mark.parametrize("evaluations", [4, 5, 12, 40])
def test_an_annealed_end_is_not_learnt(evaluations: int) -> None:
    """A cosine ends flat after a short run too: what the last third brought shows it."""

    def annealed(e: float) -> float:
        return 1.5 + 0.05 * float(1 + np.cos(np.pi * e / 12))

    assert annealed(11) - annealed(12) < 0.002
    assert _verdict(lambda e: annealed(e) - 0.2, annealed, evaluations).verdict == UNDER


def test_no_gap_is_room_to_learn() -> None:
    """A flat end at which training is no lower: the model is too small, or held back."""
    fit = _verdict(_settled, _settled)
    assert (fit.verdict, fit.advice) == (UNDER, ("--hidden-size 512", "--dropout 0.1"))
    free = replace(MODEL, dropout=0.0)
    assert _verdict(_settled, _settled, model=free).advice == ("--hidden-size 512",)


@pytest.mark.parametrize("evaluations", [4, 12, 40])
def test_right(evaluations: int) -> None:
    """A flat end somewhat above training."""
    fit = _verdict(lambda e: _settled(e) - 0.2, _settled, evaluations)
    assert fit.verdict == RIGHT
    assert fit.advice == ("--hidden-size 512 with --dropout 0.4",)
    learnt = _verdict(lambda e: 0.01 + 1 / (1 + e) ** 3, lambda e: 0.03 + 1 / (1 + e) ** 3)
    assert learnt.verdict == RIGHT
    assert "next to nothing" in learnt.reason


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("evaluations", [4, 12, 40])
def test_noise_is_no_trend(seed: int, evaluations: int) -> None:
    """A plateau whose evaluations scatter by 0.2% neither rises nor falls."""
    rng = np.random.default_rng(seed)
    fit = _verdict(
        lambda e: (_settled(e) - 0.2) * (1 + 0.005 * rng.normal()),
        lambda e: _settled(e) * (1 + 0.002 * rng.normal()),
        evaluations,
    )
    assert fit.verdict == RIGHT


@pytest.mark.parametrize("evaluations", [4, 12, 40])
@pytest.mark.parametrize("done", [0.6, 1.0])
def test_rising_again(evaluations: int, done: float) -> None:
    """Validation rises while training falls: that shows in an interrupted run as well."""
    fit = _verdict(
        lambda e: 1.2 + 1 / (1 + e), lambda e: 1.5 + 0.02 * abs(e - 3), evaluations, done
    )
    assert fit.verdict == OVER
    assert fit.advice == ("--dropout 0.4", "more text")
    assert "while training fell from" in fit.reason


@pytest.mark.parametrize("schedule", ["trapezoid", "cosine"])
@pytest.mark.parametrize("patience", [1, 4])
def test_stopped_for_over_fitting(schedule: str, patience: int) -> None:
    """What ended a run is known, however short it was, and however little training still fell meanwhile."""
    config = replace(CONFIG, patience=patience, schedule=schedule)

    def train(e: float) -> float:
        return 1.5 - 0.001 * e

    def validation(e: float) -> float:
        return 2.0 if e <= 1 else 2.05

    epochs = [1 + 0.5 * n for n in range(1 + patience)]
    fit = judge(_history(train, validation, epochs), MODEL, config)
    assert fit.verdict == OVER
    assert fit.reason.startswith("validation rose from 2.885 to 2.958 bits while training fell")
    assert fit.advice == ("--dropout 0.4", "more text")
    sooner = judge(_history(train, validation, epochs[:-1]), MODEL, config)
    assert sooner.verdict == UNKNOWN


def test_learnt_by_heart() -> None:
    """A tiny text: validation is flat, and training far below it. Full dropout needs other advice."""
    fit = _verdict(lambda e: 2 / (1 + e), _settled)
    assert fit.verdict == OVER
    assert "(training 0.222, validation 2.024 bits)" in fit.reason
    assert fit.advice == ("--dropout 0.4", "more text")
    held_back = replace(MODEL, dropout=0.5)
    fit = _verdict(lambda e: 2 / (1 + e), _settled, model=held_back)
    assert fit.advice == ("more text",)


def test_far_below_but_still_better() -> None:
    """A training loss far below does no harm as long as validation falls."""
    fit = _verdict(lambda e: 2 / (1 + e), lambda e: 3 - 0.1 * e)
    assert (fit.verdict, fit.advice) == (UNDER, ("--epochs 24",))


def test_unstable() -> None:
    """Where both losses rise it is the rate, not the fit."""
    fit = _verdict(lambda e: 2 + (e - 4) ** 2 / 99, lambda e: 2.2 + (e - 4) ** 2 / 99)
    assert (fit.verdict, fit.advice) == (UNKNOWN, ("--learning-rate 0.002",))


def test_cannot_be_told() -> None:
    """No evaluation, no validation, too few evaluations, an early end."""
    assert judge([], MODEL, CONFIG).verdict == UNKNOWN
    assert _verdict(_settled, None).advice == ("more text",)
    untold = _verdict(_settled, None, config=replace(CONFIG, val_fraction=0.0))
    assert (untold.verdict, untold.advice) == (UNKNOWN, ("--val-fraction 0.1",))
    few = _verdict(lambda e: _settled(e) - 0.2, _settled, 3)
    assert (few.verdict, few.advice) == (UNKNOWN, ("--eval-every 120",))
    early = _verdict(lambda e: _settled(e) - 0.2, _settled, done=0.5)
    assert (early.verdict, early.advice) == (UNKNOWN, ())
    assert "600 of 1,200 steps" in early.reason


def test_the_fall_of_a_cooldown_is_not_one() -> None:
    """A run of steps is judged by what was before its rate fell, which makes every loss fall."""
    config = replace(CONFIG, epochs=0, steps=1200, schedule="trapezoid", cooldown=400)

    def cooled(epoch: float) -> float:
        return _settled(epoch) - 0.03 * max(0.0, epoch - 8)

    def train(epoch: float) -> float:
        return cooled(epoch) - 0.2

    assert _verdict(train, cooled, config=config).verdict == RIGHT
    assert _verdict(train, cooled, config=replace(config, cooldown=0)).verdict == UNDER

    falling = _verdict(lambda e: 1 + 2 / (1 + e), lambda e: 1.3 + 2 / (1 + e), config=config)
    assert (falling.verdict, falling.advice) == (UNDER, ("--steps 2400",))


def test_stopped_by_patience_is_done() -> None:
    """A plateau that ended the run is judged; nothing says that it still falls."""
    config = replace(CONFIG, patience=5, schedule="constant")
    levelled = _verdict(
        lambda e: _settled(e) - 0.2, lambda e: max(1.42, _settled(e)), 20, 0.8, config
    )
    assert levelled.verdict == RIGHT


figures = st.floats(0, 1e300)
epochs_read = st.floats(0, 1e300, exclude_min=True)  # no evaluation is before the first step


@settings(max_examples=50)
@given(
    st.lists(
        st.builds(
            Evaluation, st.integers(1, 1 << 59), epochs_read, figures, figures, figures, figures
        )
    ),
    st.integers(1, 40),
)
def test_any_history_is_judged(history: list[Evaluation], epochs: int) -> None:
    """Whatever a file says, the answer is one line."""
    fit = judge(history, MODEL, replace(CONFIG, epochs=epochs))
    assert fit.verdict in (UNDER, RIGHT, OVER, UNKNOWN)
    assert str(fit).isprintable()


def test_a_run_tells_its_fit(run: Run) -> None:
    """A model that learns noise by heart is told so, by ``train`` and by ``inspect``."""
    letters = np.random.default_rng(3).choice(list("abcdefgh"), 700)
    Path("noise.txt").write_text("".join(letters), encoding="utf-8")
    outcome = run(
        *("train", "noise.txt", "--cell", "gru", "--hidden-size", 24, "--num-layers", 1),
        *("--dropout", 0, "--learning-rate", 0.03, "--batch-size", 8, "--seq-length", 20),
        *("--eval-every", 20, "--epochs", 15, "--patience", 0, "--sample-every", 0),
    )
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("fit:")]
    assert "over-fitted: validation rose" in line
    assert "try --weight-drop 0.2, or more text" in line
    fit = json.loads(run("inspect", "--json").out)["fit"]
    assert fit["verdict"] == OVER
    assert str(Fit(**fit)) in line
    assert "over-fitted" in run("inspect").out
