"""The verdict on a run, for curves of every kind: the method must not be fooled by noise or by a schedule."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from hypothesis import given, settings
from hypothesis import strategies as st

import charrnn
from charrnn.training.budget import fitting_size
from charrnn.training.curves import FEWEST
from charrnn.training.fit import OVER, RIGHT, UNDER, UNKNOWN, Fit, judge
from charrnn.training.rules import CHARACTERS_PER_WEIGHT, FEWEST_EVALUATIONS, RULES
from charrnn.training.run import Evaluation, Origin

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
    **known: Any,
) -> Fit:
    """Of curves that are functions of the epoch, in a run of which a part is done."""
    config = replace(config, patience=0) if done == 1.0 else config
    in_all = config.epochs or config.steps / 100
    epochs = np.linspace(0, in_all * done, evaluations + 1)[1:]
    return judge(_history(train, validation, epochs.tolist()), model, config, **known)


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


def test_what_is_told_of_a_fall_was_compared() -> None:
    """The least of the last evaluations, as the very last one may be an accident."""
    fit = _verdict(lambda e: 5.0 if e > 11.5 else 2 - e / 12, lambda e: 1 + e / 12)
    assert fit.verdict == OVER
    assert fit.reason.endswith("while training fell from 2.765 to 1.563")


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


def test_a_text_that_has_been_read_often_enough() -> None:
    """Where a run ended because more would bring little, its verdict says so too, and asks for no more steps."""
    config = replace(CONFIG, epochs=0, steps=1200, schedule="trapezoid", cooldown=480)

    def train(e: float) -> float:
        return 1 + 2 / (1 + e)

    def validation(e: float) -> float:
        return 1.3 + 2 / (1 + e)

    for enough in (1200, 1300):
        fit = _verdict(train, validation, config=config, origin=Origin(most_steps=enough))
        assert (fit.verdict, fit.longer) == (RIGHT, {})
        assert fit.reason.startswith(
            "each character was seen 12 times, and more would bring little"
        )
        assert fit.advice == ("more text", "--init-from a model of more text")
        known = Origin(tuned=True, most_steps=enough)  # which may know little
        assert _verdict(train, validation, config=config, origin=known).verdict == UNDER
    longer = replace(config, rewarm=600)  # what more brought has been measured since
    fit = _verdict(train, validation, config=longer, origin=Origin(most_steps=1200))
    assert fit.verdict == UNDER
    for enough in (0, 2400):  # nobody knows, or time was what ended it
        fit = _verdict(train, validation, config=config, origin=Origin(most_steps=enough))
        assert (fit.verdict, fit.longer) == (UNDER, {"steps": 2400})


def test_a_net_that_is_too_large_for_its_time() -> None:
    """It is not evaluations that it lacks: a smaller one reads more in that time, and more for each weight."""
    large, few = replace(MODEL, hidden_size=1024), replace(CONFIG, epochs=0, steps=3)
    history = _history(lambda e: 6 - e, lambda e: 6.1 - e, [0.01, 0.02, 0.03])
    known: dict[str, Any] = {"weights": 12_000_000, "characters": 100_000}
    fit = judge(history, large, few, **known)
    assert (fit.verdict, fit.advice) == (UNDER, ("--hidden-size 64", "more time"))
    assert "so large a net has read too little, 0.0003 characters for each weight" in fit.reason
    assert judge(history, large, few).advice == ("more time",)  # nobody knows what it has read
    assert (
        " 0.0003 bytes for each weight" in judge(history, large, few, **known, unit="byte").reason
    )

    def falling(weights: int) -> Fit:
        return _verdict(
            lambda e: 3 - 0.1 * e, lambda e: 3.3 - 0.1 * e, weights=weights, characters=100_000
        )

    assert falling(100_000).advice == ("--epochs 24",)  # 12 characters for each
    assert falling(1_600_000).advice == ("--hidden-size 128", "--epochs 24")


def test_a_model_to_start_from_keeps_its_size() -> None:
    """Nothing is advised that ``--init-from`` refuses."""
    tuned = Origin(tuned=True)
    free = replace(MODEL, dropout=0.0)
    curves: list[tuple[Curve, Curve, charrnn.ModelConfig]] = [
        (lambda e: 3 - 0.1 * e, lambda e: 3.01 - 0.1 * e, MODEL),
        (_settled, _settled, MODEL),
        (_settled, _settled, free),
        (lambda e: _settled(e) - 0.2, _settled, MODEL),
        (lambda e: 2 / (1 + e), _settled, free),
    ]
    for train, validation, model in curves:
        fit = _verdict(train, validation, model=model, origin=tuned)
        new = _verdict(train, validation, model=model)
        assert (fit.verdict, fit.reason) == (new.verdict, new.reason)
        assert fit.advice
        assert "--hidden-size" not in str(fit)
        assert "--weight-drop" not in str(
            fit
        )  # outputs are dropped of what has learnt with all its weights


def test_what_has_turned_does_not_fall() -> None:
    """Validation that ends above its best is not told to go on, however much it fell before the rate did."""
    config = replace(CONFIG, epochs=0, steps=1200, schedule="trapezoid", cooldown=480)
    for end, verdict in ((1.46, UNDER), (1.48, RIGHT)):

        def validation(e: float, end: float = end) -> float:
            return 1.3 + 2 / (1 + e) if e < 12 else end

        turned = _verdict(lambda e: 1.2 + 2 / (1 + e), validation, config=config)
        assert turned.verdict == verdict


def test_learnt_by_heart() -> None:
    """A tiny text: validation is flat, and training far below it. Full dropout needs other advice."""
    fit = _verdict(lambda e: 2 / (1 + e), _settled)
    assert fit.verdict == OVER
    assert "(training 0.222, validation 2.024 bits)" in fit.reason
    assert fit.advice == ("--dropout 0.4", "more text")
    held_back = replace(MODEL, dropout=0.5)
    fit = _verdict(lambda e: 2 / (1 + e), _settled, model=held_back)
    assert fit.advice == ("more text", "--init-from a model of more text")


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
    one = _history(lambda _: 3.0, None, [0.01])  # of a budget that had time for one step
    hasty = judge(one, MODEL, CONFIG, Origin(most_steps=200))
    assert hasty.advice == ("a smaller --hidden-size, or more time",)
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


def test_what_is_validated_on_is_read_often_enough() -> None:
    """As often as a verdict takes, however long the text is."""
    assert FEWEST_EVALUATIONS >= FEWEST


def test_the_size_that_is_right() -> None:
    """It is the model's own where each weight has read what it should, and for another task never too small for it."""
    for size in (64, 256, 1024):
        model = replace(MODEL, hidden_size=size)
        assert fitting_size(model, 1e6, CHARACTERS_PER_WEIGHT * 1e6) == size
        assert fitting_size(model, 1e6, CHARACTERS_PER_WEIGHT * 1e6 / 16) == size // 2
    assert fitting_size(MODEL, 1e6, 0) == 16
    pairs = charrnn.ModelConfig(task="seq2seq", hidden_size=256)
    assert fitting_size(pairs, 1e6, 0) == 64


def test_a_short_text_is_told_one_story(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what was chosen, at the end, later by ``inspect``, and by a run that starts from that one."""
    monkeypatch.setattr("charrnn.training.pace.MEASURING_SECONDS", 0.01)
    monkeypatch.setitem(RULES, "lm", replace(RULES["lm"], most_epochs=3.0, fewest_steps=30))
    text = "".join(np.random.default_rng(1).choice(["to be ", "or ", "not "], 3000))
    Path("short.txt").write_text(text, encoding="utf-8")
    flags = ("--minutes", "20s", "--sample-every", 0)
    first = run("train", "short.txt", *flags, "--hidden-size", 16, "-o", "a.npz")
    tuned = run("train", "short.txt", *flags, "--init-from", "a.npz", "-o", "b.npz")
    little = "more would bring little to so short a text"
    enough = "which mostly is enough for a model that knows something"
    for outcome, name, why in ((first, "a.npz", little), (tuned, "b.npz", enough)):
        assert f"{why}, and the run ends before" in outcome.err
        (line,) = [line for line in outcome.err.splitlines() if line.startswith("fit:")]
        assert ("--steps" in line) == (name == "b.npz")
        checkpoint = charrnn.load_checkpoint(name)
        assert checkpoint.origin == Origin(name == "b.npz", checkpoint.training.steps)
        fit = json.loads(run("inspect", name, "--json").out)["fit"]
        assert line == f"fit:    {Fit(**fit)}"
        assert bool(fit["longer"]) == ("--steps" in line)
    assert "--hidden-size" not in line
