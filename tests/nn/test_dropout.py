"""What is dropped, where, and how often."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from forms import Form
from kinds import every_recurrent
from stack_problem import random_parameters, random_problem

from charrnn.config import ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn.dropout import Dropout
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace

K = 6

assert_close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rate", [0.125, 0.25, 0.5, 0.9])
def test_dropout_scale_and_expectation(rate: float) -> None:
    """A share ``rate`` of the numbers is 0, the others are scaled by 1/(1-rate); the mean stays."""
    x = np.random.default_rng(0).uniform(1, 2, (50, 40, 30))
    workspace = Workspace(np.float64)
    y = Dropout(np.random.default_rng(1), rate).drop(x, workspace)
    mask = workspace["mask"]

    np.testing.assert_array_equal(y, x * mask)
    kept = mask[mask != 0]
    np.testing.assert_allclose(kept, 1 / (1 - rate), rtol=2e-4)
    five_sigma = 5 * np.sqrt(rate * (1 - rate) / x.size)
    assert kept.size / x.size == pytest.approx(1 - rate, abs=five_sigma)
    assert y.mean() == pytest.approx(x.mean(), rel=five_sigma / (1 - rate))


class EachOnce:
    """Draws all numbers of sixteen bits."""

    def integers(self, low: int, high: int, shape: tuple[int, ...], dtype: type) -> Array:
        return np.arange(low, high).reshape(shape).astype(dtype)


@pytest.mark.parametrize("rate", [1e-5, 0.3, 0.5, 0.9, 1 - 1e-9])
def test_dropout_scale_undoes_its_rounded_rate(rate: float) -> None:
    """The rate that is really used, of sixteen bits, has expectation one exactly."""
    rng: Any = EachOnce()
    y = Dropout(rng, rate).drop(np.ones((4, 128, 128)), Workspace(np.float64))
    assert y.mean() == pytest.approx(1, rel=1e-14)
    assert np.mean(y == 0) == min(round(rate * 65536), 65535) / 65536


def test_dropout_rate_zero_draws_nothing() -> None:
    """Without a rate the stack is the plain one and leaves the generator as it was."""
    problem = random_problem("gru")
    rng = np.random.default_rng(0)
    workspace = problem.workspace()
    h, _ = problem.stack.forward(problem.params, problem.x, problem.state, workspace, Dropout(rng))
    assert_close(h, problem.run().h)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_dropout_masks_differ() -> None:
    """Between layers, between steps, between units and streams, and from one call to the next."""
    problem = random_problem("gru", hidden_size=8, num_layers=3, length=8, batch=8, rate=0.5)
    workspace = problem.workspace()
    rng = np.random.default_rng(0)
    masks = []
    for _ in range(2):
        dropout = Dropout(rng, problem.rate)
        problem.stack.forward(problem.params, problem.x, problem.state, workspace, dropout)
        masks += [workspace.child(layer.name)["mask"].copy() for layer in problem.stack.layers]
    assert len(masks) == 6
    for one, other in combinations(masks, 2):
        assert 0.3 < np.mean(one != other) < 0.7
    for axis in range(3):
        assert 0.3 < np.mean(masks[0] != np.roll(masks[0], 1, axis)) < 0.7


@every_recurrent
def test_dropped_weights(cell: str, form: Form) -> None:
    """The stack is the one whose recurrent weights are multiplied by the masks."""
    problem = random_problem(cell, weight_rate=0.5, seed=2, form=form)
    workspace = problem.workspace()
    dropped = problem.run(workspace)
    params = problem.params.copy()
    for layer in problem.stack.layers:
        params[f"{layer.name}/W"][...] *= workspace.child(layer.name)["W_mask"]
    assert_close(dropped.h, replace(problem, params=params, weight_rate=0.0).run().h)
    assert np.abs(dropped.h - replace(problem, weight_rate=0.0).run().h).max() > 1e-3
    W_mask = workspace.child("layer0")["W_mask"]
    assert set(np.unique(W_mask)) == {0.0, 2.0}
    assert not dropped.gradients["layer0/W"][W_mask == 0].any()


@every_recurrent
def test_dropout_is_never_in_the_recurrence(cell: str, form: Form) -> None:
    """Only a layer's output upwards is dropped: the lowest state is that of a stack without."""
    problem = random_problem(cell, rate=0.5, form=form)
    plain = replace(problem, rate=0.0).run()
    dropped = problem.run()
    assert_close(dropped.final[0], plain.final[0])
    assert np.abs(dropped.final[1] - plain.final[1]).max() > 1e-3
    share = np.mean(dropped.h == 0)
    assert 0.2 < share < 0.8 if cell != "rnn-relu" else share > np.mean(plain.h == 0)


def test_evaluation_drops_nothing() -> None:
    """Without a generator a model with dropout is the model without it."""
    rng = np.random.default_rng(0)
    with_dropout = LanguageModel(ModelConfig("lstm", 4, 2, dropout=0.5, weight_drop=0.5), K)
    without = LanguageModel(ModelConfig("lstm", 4, 2, dropout=0.0), K)
    params = random_parameters(with_dropout.parameter_shapes(), rng)
    ids = rng.integers(K, size=(5, 3))
    state = rng.standard_normal(without.zero_state(3).shape)
    workspace = Workspace(np.float64)

    expected = without.logits(params, ids, state, Workspace(np.float64))[0]
    trained = with_dropout.logits(params, ids, state, workspace, rng)[0].copy()
    assert np.abs(trained - expected).max() > 1e-3
    assert_close(with_dropout.logits(params, ids, state, workspace)[0], expected)
