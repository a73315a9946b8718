"""Optimisers against their textbook formulas, clipping, and the learning rate's schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from charrnn.config import OPTIMIZERS, SCHEDULES, TrainingConfig
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.training.optimizer import BLOCK, Optimizer, clip_, fresh_slots, slot_names
from charrnn.training.plan import Plan

Vector = NDArray[np.float64]
Rule = Callable[[Vector, list[Vector], list[float]], Vector]

SHAPES = {"W": (5, 4), "b": (6,), "V": (3, 2)}
MATRICES = np.array([1.0] * 20 + [0.0] * 6 + [1.0] * 6)
"""1 where the flat vector holds a number of a matrix, 0 where of a bias."""

RATES = [0.01, 0.02, 0.005, 0.01, 0.03, 0.001]


def _params(rng: np.random.Generator) -> Parameters:
    params = Parameters(SHAPES, dtype=np.float64)
    params.flat[...] = rng.standard_normal(params.flat.size)
    return params


def _after(
    config: TrainingConfig, start: Parameters, gradients: list[Vector], rates: list[float]
) -> tuple[Vector, Optimizer]:
    """The parameters after a step for each gradient, by the optimiser under test."""
    params = start.copy()
    optimizer = Optimizer(config, fresh_slots(config, params.flat))
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.step(
            params, Parameters(start.shapes, gradient.copy()), rate, Shards(1, params.flat.dtype)
        )
    return params.flat, optimizer


# Each rule as its paper writes it: whole sums over the past where the code keeps running averages.


def _adam(w: Vector, gradients: list[Vector], rates: list[float]) -> Vector:
    for t, rate in enumerate(rates, 1):
        past = gradients[:t]
        m_hat = sum(0.9 ** (t - 1 - i) * g for i, g in enumerate(past)) * 0.1 / (1 - 0.9**t)
        v_hat = sum(0.99 ** (t - 1 - i) * g**2 for i, g in enumerate(past)) * 0.01 / (1 - 0.99**t)
        w = w - rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    return w


def _rmsprop(w: Vector, gradients: list[Vector], rates: list[float]) -> Vector:
    for t, rate in enumerate(rates, 1):
        v = sum(0.05 * 0.95 ** (t - 1 - i) * g**2 for i, g in enumerate(gradients[:t]))
        w = w - rate * gradients[t - 1] / (np.sqrt(v) + 1e-8)
    return w


def _adagrad(w: Vector, gradients: list[Vector], rates: list[float]) -> Vector:
    for t, rate in enumerate(rates, 1):
        v = sum(g**2 for g in gradients[:t])
        w = w - rate * gradients[t - 1] / (np.sqrt(v) + 1e-8)
    return w


def _sgd(w: Vector, gradients: list[Vector], rates: list[float]) -> Vector:
    for t, rate in enumerate(rates, 1):
        w = w - rate * sum(0.8 ** (t - 1 - i) * g for i, g in enumerate(gradients[:t]))
    return w


RULES: dict[str, Rule] = {
    "adamw": _adam,
    "adam": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
    "sgd": _sgd,
}


def _config(optimizer: str, **changes: Any) -> TrainingConfig:
    return TrainingConfig(optimizer=optimizer, **{"weight_decay": 0.0, "momentum": 0.8, **changes})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_follows_its_formula(optimizer: str) -> None:
    """Several steps of changing rates agree with the formula written out in full."""
    rng = np.random.default_rng(1)
    start = _params(rng)
    gradients = [rng.standard_normal(start.flat.size) for _ in RATES]
    found, made = _after(_config(optimizer), start, gradients, RATES)
    np.testing.assert_allclose(found, RULES[optimizer](start.flat, gradients, RATES), rtol=1e-10)
    assert made.steps == len(RATES)
    assert tuple(made.slots) == slot_names(_config(optimizer))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weight_decay(optimizer: str) -> None:
    """Decoupled for AdamW, part of the gradient for the others; biases are never pulled."""
    rng = np.random.default_rng(2)
    start = _params(rng)
    gradient = rng.standard_normal(start.flat.size)
    found, _ = _after(_config(optimizer, weight_decay=0.3), start, [gradient], [0.01])
    if optimizer == "adamw":
        shrunk = start.flat * (1 - 0.01 * 0.3 * MATRICES)
        expected = _adam(shrunk, [gradient], [0.01])
    else:
        pulled = gradient + 0.3 * start.flat * MATRICES
        expected = RULES[optimizer](start.flat, [pulled], [0.01])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    plain, _ = _after(_config(optimizer), start, [gradient], [0.01])
    np.testing.assert_array_equal(found[MATRICES == 0], plain[MATRICES == 0])
    # A first step of Adam's kind has the size of the rate, whatever the gradient: only a changed
    # sign would show there, so the running averages are compared as well.
    _, decayed = _after(_config(optimizer, weight_decay=0.3), start, [gradient], [0.01])
    _, without = _after(_config(optimizer), start, [gradient], [0.01])
    differ = [
        not np.allclose(decayed.slots[n], without.slots[n])
        for n in slot_names(_config(optimizer, ema=0.0))
    ]
    assert differ == [optimizer != "adamw"] * len(differ)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_every_block_is_updated(optimizer: str, size: int) -> None:
    """However long the vector, each number moves as it would in a short one."""
    shapes = {"b": (size,)}
    params = Parameters(shapes, np.ones(size))
    gradients = [np.linspace(0.5, 2.0, size), np.linspace(-1.0, -0.1, size)]
    found, _ = _after(_config(optimizer), params, gradients, [0.01, 0.02])
    expected = RULES[optimizer](params.flat, gradients, [0.01, 0.02])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert (found != 1).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK + 3])
def test_averaged_weights(optimizer: str, size: int) -> None:
    """Each step moves the average a share of the way to the weights, at first a large one."""
    rng = np.random.default_rng(4)
    params = Parameters({"b": (size,)}, rng.standard_normal(size))
    optimizer_ = Optimizer(
        _config(optimizer, ema=0.3), fresh_slots(_config(optimizer, ema=0.3), params.flat)
    )
    expected = params.flat.copy()
    for rate, share in zip(RATES, [9 / 10, 9 / 11, 9 / 12, 0.7, 0.7, 0.7], strict=True):
        gradients = Parameters(params.shapes, rng.standard_normal(size))
        optimizer_.step(params, gradients, rate, Shards(2, params.flat.dtype))
        expected += share * (params.flat - expected)
    np.testing.assert_allclose(optimizer_.slots["average"], expected, rtol=1e-10)
    assert np.abs(expected - params.flat).max() > 1e-5
    assert tuple(optimizer_.slots) == slot_names(optimizer_.config)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_zero_gradient_moves_nothing(optimizer: str) -> None:
    """An unused parameter stays, and nothing is divided by zero."""
    start = _params(np.random.default_rng(3))
    found, _ = _after(_config(optimizer), start, [np.zeros(start.flat.size)] * 2, [0.1, 0.1])
    np.testing.assert_array_equal(found, start.flat)


def test_float32_stays_float32() -> None:
    """Nothing widens the numbers on the way."""
    params = Parameters(SHAPES)
    config = TrainingConfig()
    optimizer = Optimizer(config, fresh_slots(config, params.flat))
    gradients = params.zeros()
    gradients.flat[...] = 1
    optimizer.step(params, gradients, 0.5, Shards(1, params.flat.dtype))
    assert params.flat.dtype == np.float32
    assert {slot.dtype for slot in optimizer.slots.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(params.flat, -0.5, rtol=1e-5)


def test_clip_by_norm() -> None:
    """A long gradient is scaled to the limit, a short one is left alone."""
    gradient = np.array([3.0, -4.0])
    assert clip_(gradient, 1.0, "norm") == 5.0
    np.testing.assert_allclose(gradient, [0.6, -0.8], rtol=1e-12)
    short = np.array([0.3, -0.4])
    assert clip_(short, 1.0, "norm") == pytest.approx(0.5)
    np.testing.assert_array_equal(short, [0.3, -0.4])


def test_clip_by_value() -> None:
    """Each number is cut on its own; the norm told is that before."""
    gradient = np.array([3.0, -4.0, 0.0, 0.5])
    assert clip_(gradient, 1.0, "value") == pytest.approx(math.sqrt(25.25))
    np.testing.assert_array_equal(gradient, [1.0, -1.0, 0.0, 0.5])


@pytest.mark.parametrize("mode", ["norm", "value"])
def test_clip_zero_is_off(mode: str) -> None:
    """A limit of 0 does not flatten the gradient."""
    gradient = np.array([300.0, -400.0])
    assert clip_(gradient, 0.0, mode) == 500.0
    np.testing.assert_array_equal(gradient, [300.0, -400.0])


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("mode", ["norm", "value"])
def test_clip_tells_what_is_not_finite(wrong: float, mode: str) -> None:
    """Clipping never hides a broken gradient."""
    with np.errstate(invalid="ignore"):
        assert not math.isfinite(clip_(np.array([1.0, wrong]), 1.0, mode))


def _rates(total: int, per_epoch: int, **config: Any) -> list[float]:
    plan = Plan(TrainingConfig(learning_rate=2.0, steps=total, **config), per_epoch)
    return [plan.rate(step) for step in range(total)]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warmup(schedule: str) -> None:
    """The rate rises in equal steps, and is whole at the first step after."""
    rates = _rates(1000, 1000, schedule=schedule, warmup=4)
    np.testing.assert_allclose(rates[:5], [0.4, 0.8, 1.2, 1.6, 2.0])


def test_cosine() -> None:
    """Full at its start, half in its middle, zero where the run ends and after."""
    config = TrainingConfig(learning_rate=2.0, steps=110, schedule="cosine", warmup=10)
    found = [Plan(config, 11).rate(step) for step in (10, 60, 110, 500)]
    np.testing.assert_allclose(found, [2.0, 1.0, 0.0, 0.0], atol=1e-12)
    rates = _rates(110, 11, schedule="cosine", warmup=10)[10:]
    assert all(late < early for early, late in pairwise(rates))
    assert min(rates) > 0


@pytest.mark.parametrize("warmup", [None, 0, 4])
def test_trapezoid(warmup: int | None) -> None:
    """It rises, stays, and falls in equal steps that would end at zero one step after the last."""
    config = TrainingConfig(
        learning_rate=2.0, steps=20, schedule="trapezoid", warmup=warmup, cooldown=5
    )
    plan = Plan(config, 7)
    rise = [2 * (step + 1) / 5 for step in range(4)] if warmup else [2.0] * 4
    fall = [2 * step / 6 for step in (5, 4, 3, 2, 1)]
    found = [plan.rate(step) for step in range(20)]
    np.testing.assert_allclose(found, [*rise, *[2.0] * 11, *fall])
    assert [plan.rate(20), plan.rate(99)] == [0.0, 0.0]
    falling = [plan.is_falling_at(step) for step in range(21)]
    assert falling == [False] * 16 + [True] * 5
    assert [plan.can_fall_at(step) for step in range(21)] == [not falls for falls in falling]


@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name != "trapezoid"])
def test_no_other_schedule_falls(schedule: str) -> None:
    """At least not at its end alone, whatever the cooldown says that it does not have."""
    plan = Plan(TrainingConfig(steps=20, schedule=schedule, cooldown=5), 7)
    assert not any(plan.is_falling_at(step) or plan.can_fall_at(step) for step in range(21))


def test_a_changed_plan_is_of_steps() -> None:
    """However many epochs it was planned for."""
    config = TrainingConfig(epochs=3, schedule="trapezoid", cooldown=2)
    plan = Plan(config, 10)
    assert plan.total_steps == 30
    plan.change(12, 4)
    assert plan.total_steps == 12
    assert plan.config == replace(config, epochs=0, steps=12, cooldown=4)


def test_a_trapezoid_of_no_level_part() -> None:
    """The lower one of its two sides counts."""
    config = TrainingConfig(learning_rate=1.0, steps=4, schedule="trapezoid", warmup=4, cooldown=4)
    found = [Plan(config, 4).rate(step) for step in range(4)]
    np.testing.assert_allclose(found, [1 / 5, 2 / 5, 2 / 5, 1 / 5])


def test_exponential() -> None:
    """One factor for each epoch, at its first step."""
    rates = _rates(9, 3, schedule="exponential", warmup=0, decay=0.5)
    np.testing.assert_allclose(rates, [2.0] * 3 + [1.0] * 3 + [0.5] * 3)


def test_constant() -> None:
    assert _rates(9, 3, schedule="constant", warmup=0) == [2.0] * 9
