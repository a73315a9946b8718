"""Optimisers against their textbook formulas, sums and clipping, and the learning rate's schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from forms import without_numba
from numpy.typing import NDArray

from charrnn.config import OPTIMIZERS, SCHEDULES, TrainingConfig
from charrnn.nn.blocks import BLOCK, Blocks
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Array, Parameters
from charrnn.training.optimizer import Optimizer, compiled_blocks, fresh_slots, slot_names
from charrnn.training.plan import Plan

Vector = NDArray[np.float64]
Rule = Callable[[Vector, list[Vector], list[float]], Vector]

SHAPES = {"W": (5, 4), "b": (6,), "V": (3, 2)}
MATRICES = np.array([1.0] * 20 + [0.0] * 6 + [1.0] * 6)
"""1 where the flat vector holds a number of a matrix, 0 where of a bias."""

RATES = [0.01, 0.02, 0.005, 0.01, 0.03, 0.001]


@pytest.fixture(params=["numpy", "compiled"])
def blocks(request: pytest.FixtureRequest) -> Blocks:
    """Both forms of the work."""
    if request.param == "numpy":
        return Blocks()
    pytest.importorskip("numba")
    from charrnn.nn.compiled.blocks import CompiledBlocks

    return CompiledBlocks()


def _params(rng: np.random.Generator) -> Parameters:
    params = Parameters(SHAPES, dtype=np.float64)
    params.flat[...] = rng.standard_normal(params.flat.size)
    return params


def _after(
    config: TrainingConfig,
    start: Parameters,
    gradients: list[Vector],
    rates: list[float],
    blocks: Blocks,
    *,
    norm: float | None = None,
    threads: int = 1,
) -> tuple[Array, Optimizer]:
    """The parameters after a step for each gradient, by the optimiser under test."""
    params, shards = start.copy(), Shards(threads, start.flat.dtype)
    optimizer = Optimizer(config, fresh_slots(config, params.flat), blocks=blocks)
    for gradient, rate in zip(gradients, rates, strict=True):
        given = Parameters(start.shapes, gradient.astype(start.flat.dtype))
        optimizer.step(params, given, rate, shards, norm)
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
def test_follows_its_formula(optimizer: str, blocks: Blocks) -> None:
    """Several steps of changing rates agree with the formula written out in full."""
    rng = np.random.default_rng(1)
    start = _params(rng)
    gradients = [rng.standard_normal(start.flat.size) for _ in RATES]
    found, made = _after(_config(optimizer), start, gradients, RATES, blocks)
    np.testing.assert_allclose(found, RULES[optimizer](start.flat, gradients, RATES), rtol=1e-10)
    assert made.steps == len(RATES)
    assert tuple(made.slots) == slot_names(_config(optimizer))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weight_decay(optimizer: str, blocks: Blocks) -> None:
    """Decoupled for AdamW, part of the gradient for the others; biases are never pulled."""
    rng = np.random.default_rng(2)
    start = _params(rng)
    gradient = rng.standard_normal(start.flat.size)
    found, _ = _after(_config(optimizer, weight_decay=0.3), start, [gradient], [0.01], blocks)
    if optimizer == "adamw":
        shrunk = start.flat * (1 - 0.01 * 0.3 * MATRICES)
        expected = _adam(shrunk, [gradient], [0.01])
    else:
        pulled = gradient + 0.3 * start.flat * MATRICES
        expected = RULES[optimizer](start.flat, [pulled], [0.01])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    plain, _ = _after(_config(optimizer), start, [gradient], [0.01], blocks)
    np.testing.assert_array_equal(found[MATRICES == 0], plain[MATRICES == 0])
    # A first step of Adam's kind has the size of the rate, whatever the gradient: only a changed
    # sign would show there, so the running averages are compared as well.
    _, decayed = _after(_config(optimizer, weight_decay=0.3), start, [gradient], [0.01], blocks)
    _, without = _after(_config(optimizer), start, [gradient], [0.01], blocks)
    differ = [
        not np.allclose(decayed.slots[n], without.slots[n])
        for n in slot_names(_config(optimizer, ema=0.0))
    ]
    assert differ == [optimizer != "adamw"] * len(differ)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_every_block_is_updated(optimizer: str, size: int, blocks: Blocks) -> None:
    """However long the vector, each number moves as it would in a short one."""
    shapes = {"b": (size,)}
    params = Parameters(shapes, np.ones(size))
    gradients = [np.linspace(0.5, 2.0, size), np.linspace(-1.0, -0.1, size)]
    found, _ = _after(_config(optimizer), params, gradients, [0.01, 0.02], blocks)
    expected = RULES[optimizer](params.flat, gradients, [0.01, 0.02])
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert (found != 1).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [1, BLOCK, 2 * BLOCK + 3])
def test_averaged_weights(optimizer: str, size: int, blocks: Blocks) -> None:
    """Each step moves the average a share of the way to the weights, at first a large one."""
    rng = np.random.default_rng(4)
    params = Parameters({"b": (size,)}, rng.standard_normal(size))
    config = _config(optimizer, ema=0.3)
    optimizer_ = Optimizer(config, fresh_slots(config, params.flat), blocks=blocks)
    expected = params.flat.copy()
    for rate, share in zip(RATES, [9 / 10, 9 / 11, 9 / 12, 0.7, 0.7, 0.7], strict=True):
        gradients = Parameters(params.shapes, rng.standard_normal(size))
        optimizer_.step(params, gradients, rate, Shards(2, params.flat.dtype))
        expected += share * (params.flat - expected)
    np.testing.assert_allclose(optimizer_.slots["average"], expected, rtol=1e-10)
    assert np.abs(expected - params.flat).max() > 1e-5
    assert tuple(optimizer_.slots) == slot_names(optimizer_.config)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_zero_gradient_moves_nothing(optimizer: str, blocks: Blocks) -> None:
    """An unused parameter stays, and nothing is divided by zero."""
    start = _params(np.random.default_rng(3))
    found, _ = _after(
        _config(optimizer), start, [np.zeros(start.flat.size)] * 2, [0.1, 0.1], blocks
    )
    np.testing.assert_array_equal(found, start.flat)


def test_float32_stays_float32(blocks: Blocks) -> None:
    """Nothing widens the numbers on the way."""
    params = Parameters(SHAPES)
    config = TrainingConfig()
    optimizer = Optimizer(config, fresh_slots(config, params.flat), blocks=blocks)
    gradients = params.zeros()
    gradients.flat[...] = 1
    optimizer.step(params, gradients, 0.5, Shards(1, params.flat.dtype))
    assert params.flat.dtype == np.float32
    assert {slot.dtype for slot in optimizer.slots.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(params.flat, -0.5, rtol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("ema", [0.0, 0.99])
def test_the_forms_agree(optimizer: str, ema: float) -> None:
    """To rounding in float32, with clipping and decay; and each is the same on any number of threads."""
    pytest.importorskip("numba")
    from charrnn.nn.compiled.blocks import CompiledBlocks

    rng = np.random.default_rng(7)
    shapes = {"W": (BLOCK, 1), "b": (9,), "U": (1, BLOCK + 5), "V": (3, 5), "c": (2,)}
    start = Parameters(shapes)
    start.flat[...] = rng.standard_normal(start.flat.size)
    gradients = [rng.standard_normal(start.flat.size) for _ in RATES]
    config = _config(optimizer, ema=ema, weight_decay=0.1, clip=100.0)
    found = []
    for blocks in (Blocks(), CompiledBlocks()):
        results = []
        for threads in (1, 2, 3):
            weights, rule = _after(
                config, start, gradients, RATES, blocks, norm=150.0, threads=threads
            )
            results.append(np.array([weights, *rule.slots.values()]))
        for other in results[1:]:
            np.testing.assert_array_equal(results[0], other)
        found.append(results[0])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)


def test_decay_ends_where_a_matrix_does(blocks: Blocks) -> None:
    """However blocks, matrices and biases lie."""
    shapes = {"b": (3,), "W": (2, BLOCK), "c": (BLOCK + 1,), "V": (1, 1), "U": (2, 2), "d": (1,)}
    start = Parameters(shapes, dtype=np.float64)
    start.flat.fill(1)
    found, _ = _after(_config("adamw", weight_decay=0.5), start, [0 * start.flat], [0.1], blocks)
    for array in Parameters(shapes, found).values():
        np.testing.assert_allclose(array, 0.95 if array.ndim == 2 else 1.0)


def _sum_by_tree(parts: list[Array]) -> Array:
    """Neighbours are added, then neighbours of these sums, and so on; one without a neighbour waits."""
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


@pytest.mark.parametrize("count", range(1, 10))
def test_the_sum_of_the_parts_is_a_tree(count: int, blocks: Blocks) -> None:
    """To the last bit, and on any number of threads; so is its norm."""
    rng = np.random.default_rng(count)
    size = 2 * BLOCK + 1027
    parts = (rng.standard_normal((count, size)) * 10.0 ** rng.integers(-4, 5, (count, 1))).astype(
        np.float32
    )
    expected = _sum_by_tree(list(parts))
    optimizer, norms = Optimizer(TrainingConfig(), {}, blocks=blocks), set()
    for threads in (1, 2, 3, 5):
        given = parts.copy()
        norms.add(optimizer.gather(given, Shards(threads)))
        np.testing.assert_array_equal(given[0], expected)
    (norm,) = norms
    assert norm == pytest.approx(np.linalg.norm(expected.astype(np.float64)), rel=1e-6)


@pytest.mark.parametrize("size", [1, 1023, 1025, BLOCK, BLOCK + 1])
def test_the_norm_of_any_length(size: int, blocks: Blocks) -> None:
    parts = np.ones((1, size))
    assert Optimizer(TrainingConfig(), {}, blocks=blocks).gather(
        parts, Shards(2, np.float64)
    ) == pytest.approx(math.sqrt(size), rel=1e-12)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 1500, BLOCK + 2])
def test_the_norm_tells_what_is_not_finite(wrong: float, at: int, blocks: Blocks) -> None:
    """In whichever part, wherever."""
    for part in range(3):
        parts = np.zeros((3, BLOCK + 3), np.float32)
        parts[part, at] = wrong
        norm = Optimizer(TrainingConfig(), {}, blocks=blocks).gather(parts, Shards(2))
        assert not math.isfinite(norm)


def _clipped(blocks: Blocks, gradient: list[float], **config: Any) -> Vector:
    """The gradient as plain descent takes it."""
    start = Parameters({"W": (1, len(gradient))}, dtype=np.float64)
    given = np.array(gradient)
    norm = Optimizer(TrainingConfig(), {}, blocks=blocks).gather(
        given.reshape(1, -1), Shards(1, np.float64)
    )
    assert norm == pytest.approx(np.linalg.norm(gradient))
    found, _ = _after(_config("sgd", **config), start, [given], [1.0], blocks, norm=norm)
    return -found


def test_clip_by_norm(blocks: Blocks) -> None:
    """A long gradient is scaled to the limit, a short one is left alone."""
    np.testing.assert_allclose(_clipped(blocks, [3.0, -4.0], clip=1.0), [0.6, -0.8], rtol=1e-12)
    np.testing.assert_array_equal(_clipped(blocks, [0.3, -0.4], clip=1.0), [0.3, -0.4])


def test_clip_by_value(blocks: Blocks) -> None:
    """Each number is cut on its own."""
    found = _clipped(blocks, [3.0, -4.0, 0.0, 0.5], clip=1.0, clip_mode="value")
    np.testing.assert_array_equal(found, [1.0, -1.0, 0.0, 0.5])


@pytest.mark.parametrize("mode", ["norm", "value"])
def test_clip_zero_is_off(mode: str, blocks: Blocks) -> None:
    """A limit of 0 does not flatten the gradient."""
    found = _clipped(blocks, [300.0, -400.0], clip=0.0, clip_mode=mode)
    np.testing.assert_array_equal(found, [300.0, -400.0])


def test_what_pulls_is_not_clipped(blocks: Blocks) -> None:
    """L2 decay is added to the gradient when that is clipped."""
    start = Parameters({"W": (1, 2)}, np.array([100.0, 200.0]))
    config = _config("sgd", clip=1.0, weight_decay=0.1)
    found, _ = _after(config, start, [np.array([3.0, -4.0])], [1.0], blocks, norm=5.0)
    np.testing.assert_allclose(found, [100 - 0.6 - 10, 200 + 0.8 - 20])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("ema", [0.0, 0.99])
def test_nothing_is_compiled_after_the_start(optimizer: str, ema: float) -> None:
    """No first step that takes seconds, on however many threads."""
    pytest.importorskip("numba")
    from charrnn.nn.compiled import updates

    def known() -> list[int]:
        loops = (updates.sum_parts, updates.adam, updates.scaled, updates.momentum)
        return [len(loop.signatures) for loop in loops]

    config = TrainingConfig(optimizer=optimizer, ema=ema)
    blocks = compiled_blocks(config)
    assert type(blocks) is not Blocks
    before = known()
    for threads in (1, 3):
        params, shards = Parameters(SHAPES), Shards(threads)
        rule = Optimizer(config, fresh_slots(config, params.flat), blocks=blocks)
        parts = np.ones((threads, params.flat.size), np.float32)
        norm = rule.gather(parts, shards)
        rule.step(params, Parameters(SHAPES, parts[0]), 0.1, shards, norm)
    assert known() == before


def test_compiled_blocks_are_declined(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whom asks for NumPy, and where there is no Numba."""
    with monkeypatch.context() as patch:
        patch.setenv("CHARRNN_KERNELS", "numpy")
        assert type(compiled_blocks(TrainingConfig())) is Blocks
    pytest.importorskip("numba")
    without_numba(monkeypatch)
    assert type(compiled_blocks(TrainingConfig())) is Blocks


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
