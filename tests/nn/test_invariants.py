"""What holds of the numeric core whatever its numbers: chunks, streams, reuse, dropout, tails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import prod

import numpy as np
import pytest
from stack_problem import Result, StackProblem, assert_same, random_parameters, random_problem

from charrnn.config import CELLS, ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn import functions
from charrnn.nn.dropout import Dropout
from charrnn.nn.functions import blocks, columns, gates_, gather_columns, sigmoid_, tanh
from charrnn.nn.initialization import orthogonal_blocks, scaled_uniform
from charrnn.nn.loss import cross_entropy_, softmax_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace

K = 6

assert_close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-14)

every_cell = pytest.mark.parametrize("cell", CELLS)
every_input = pytest.mark.parametrize("one_hot", [True, False], ids=["one-hot", "dense"])


def of_steps(problem: StackProblem, start: int, stop: int) -> StackProblem:
    """The problem of some of the time steps."""
    return replace(problem, x=problem.x[..., start:stop, :], dh=problem.dh[:, start:stop].copy())


def of_streams(problem: StackProblem, streams: Sequence[int]) -> StackProblem:
    """The problem of some of the batch's columns."""
    x, state, dh, dstate = (
        array[..., streams] for array in (problem.x, problem.state, problem.dh, problem.dstate)
    )
    return replace(problem, x=x, state=state, dh=dh, dstate=dstate)


# Chunks, columns and shards.


@pytest.mark.usefixtures("compiled_too")
@every_input
@every_cell
def test_chunks_equal_the_whole(cell: str, one_hot: bool) -> None:
    """Uneven chunks, the state carried forwards and its gradient backwards, are one sequence."""
    problem = random_problem(cell, one_hot=one_hot, length=11)
    whole = problem.run()

    outputs, state, tape = [], problem.state, []
    for start, stop in [(0, 1), (1, 5), (5, 11)]:
        chunk = replace(of_steps(problem, start, stop), state=state)
        workspace = chunk.workspace()
        h, state = chunk.forward(workspace)
        outputs.append(h.copy())
        tape.append((chunk, workspace))
    final, dstate, gradients, inputs = state, problem.dstate, problem.params.zeros(), list[Array]()
    for chunk, workspace in reversed(tape):
        dx, dstate = replace(chunk, dstate=dstate).backward(workspace, gradients)
        if dx is not None:
            inputs.insert(0, dx)

    dx = np.concatenate(inputs, axis=1) if inputs else None
    chunked = Result(np.concatenate(outputs, axis=1), final, gradients, dx, dstate)
    assert_same(chunked, whole)


@pytest.mark.usefixtures("compiled_too")
@every_input
@every_cell
def test_streams_are_independent(cell: str, one_hot: bool) -> None:
    """Shards of the batch, in any order, give each stream the same and sum to the same gradient."""
    problem = random_problem(cell, one_hot=one_hot, batch=6)
    whole = problem.run()
    gradients = problem.params.zeros()
    for streams in ([4], [0, 5, 2], [3, 1]):
        shard = of_streams(problem, streams).run()
        gradients.flat += shard.gradients.flat
        expected = Result(
            whole.h[..., streams],
            whole.final[..., streams],
            shard.gradients,
            None if whole.dx is None else whole.dx[..., streams],
            whole.dstate[..., streams],
        )
        assert_same(shard, expected)
    np.testing.assert_allclose(gradients.flat, whole.gradients.flat, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("compiled_too")
@every_cell
def test_stream_does_not_see_another(cell: str) -> None:
    """A NaN in one stream stays in it."""
    problem = random_problem(cell, batch=3)
    clean = problem.run()
    problem.x[:, 0, 1] = np.nan
    dirty = problem.run()
    assert np.all(np.isnan(dirty.h[..., 1]))
    assert_close(dirty.h[..., ::2], clean.h[..., ::2])


@pytest.mark.usefixtures("compiled_too")
@every_cell
def test_no_step_sees_the_future(cell: str) -> None:
    """A change at one step changes that step and later ones only."""
    problem = random_problem(cell, length=6)
    before = problem.run().h
    problem.x[:, 3] += 1
    after = problem.run().h
    assert_close(after[:, :3], before[:, :3])
    assert np.all(np.abs(after - before)[:, 3:].max(axis=(0, 2)) > 1e-3)


@pytest.mark.usefixtures("compiled_too")
@pytest.mark.parametrize("embedding_size", [0, 3], ids=["one-hot", "embedded"])
@every_cell
def test_language_model_shards(cell: str, embedding_size: int) -> None:
    """Shards' losses and gradients, each scaled by the whole batch, sum to the whole's."""
    model = LanguageModel(ModelConfig(cell, 4, 2, embedding_size), K)
    rng = np.random.default_rng(0)
    params = random_parameters(model.parameter_shapes(), rng)
    ids, targets = rng.integers(K, size=(2, 7, 5))
    state = rng.standard_normal(model.zero_state(5).shape)

    def run(streams: slice, gradients: Parameters) -> float:
        total, _ = model.loss_and_gradients(
            params,
            gradients,
            ids[:, streams],
            targets[:, streams],
            state[..., streams],
            Workspace(np.float64),
            scale=1 / ids.size,
        )
        return total

    whole, shards = params.zeros(), params.zeros()
    total = run(slice(None), whole)
    parts = [run(streams, shards) for streams in (slice(0, 1), slice(1, 3), slice(3, 5))]
    assert total == pytest.approx(sum(parts), rel=1e-12)
    np.testing.assert_allclose(shards.flat, whole.flat, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("compiled_too")
@pytest.mark.parametrize("embedding_size", [0, 3], ids=["one-hot", "embedded"])
@every_cell
def test_empty_shard(cell: str, embedding_size: int) -> None:
    """A shard without a stream, of a batch smaller than the number of shards, adds nothing."""
    model = LanguageModel(ModelConfig(cell, 4, 2, embedding_size, 0.5), K)
    rng = np.random.default_rng(0)
    params = model.initialize(rng)
    gradients = params.zeros()
    ids = np.zeros((7, 0), np.uint8)
    total, final = model.loss_and_gradients(
        params, gradients, ids, ids, model.zero_state(0), Workspace(), rng=rng
    )
    assert total == 0
    assert final.shape == model.zero_state(0).shape
    assert not gradients.flat.any()


# The workspace.


@pytest.mark.usefixtures("compiled_too")
@every_input
@every_cell
def test_workspace_leaks_nothing(cell: str, one_hot: bool) -> None:
    """One workspace through shrinking and growing T and B gives what a fresh one gives.

    Before each run a poisoned one of another shape leaves NaN in all that it touched.
    """
    workspace = Workspace(np.float64)
    shapes = [(7, 4), (3, 2), (1, 1), (9, 1), (2, 8), (7, 4)]
    for number, (length, batch) in enumerate(shapes):
        poison_length, poison_batch = shapes[number - 1]
        poison = random_problem(cell, one_hot=one_hot, length=poison_length, batch=poison_batch)
        for array in (poison.params.flat, poison.state, poison.dh, poison.dstate):
            array[...] = np.nan
        poisoned = poison.run(workspace)
        assert all(np.all(np.isnan(array)) for array in (poisoned.h, poisoned.dstate))

        problem = random_problem(cell, one_hot=one_hot, length=length, batch=batch)
        assert_same(problem.run(workspace), problem.run())


def test_workspace_forgets_the_mask() -> None:
    """A pass without dropout after one with it goes back without the old mask."""
    problem = random_problem("lstm", rate=0.5, weight_rate=0.5)
    workspace = problem.workspace()
    problem.run(workspace)
    plain = replace(problem, rate=0.0, weight_rate=0.0)
    assert_same(plain.run(workspace), plain.run())


def test_workspace_memory_is_kept() -> None:
    """The same shape is the same array, a smaller one lies in the same memory."""
    workspace = Workspace()
    large = workspace.array("x", 4, 6)
    small = workspace.array("x", 2, 3)
    assert large.dtype == np.float32
    assert small.flags.c_contiguous
    assert np.shares_memory(small, large)
    assert np.shares_memory(workspace.array("x", 4, 6), large)
    assert workspace["x"].shape == (4, 6)
    assert not np.shares_memory(workspace.array("y", 4, 6), large)
    assert not np.shares_memory(workspace.child("part").array("x", 4, 6), large)
    assert workspace.child("part") is workspace.child("part")


@pytest.mark.usefixtures("compiled_too")
@pytest.mark.parametrize("embedding_size", [0, 3], ids=["one-hot", "embedded"])
@every_cell
def test_float32_stays_float32(cell: str, embedding_size: int) -> None:
    """No step of a float32 model makes float64 by accident."""
    model = LanguageModel(ModelConfig(cell, 4, 2, embedding_size, 0.3), K)
    rng = np.random.default_rng(0)
    params, workspace = model.initialize(rng), Workspace()
    ids, targets = rng.integers(K, size=(2, 5, 3))
    state = model.zero_state(3)
    logits, final = model.logits(params, ids, state, workspace, rng)
    dstate = model.backward(params, params.zeros(), logits, final, workspace)
    nll, _ = model.loss(params, ids, targets, state, workspace)
    assert {array.dtype for array in (logits, final, dstate, nll)} == {np.dtype(np.float32)}


# Dropout.


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


def test_dropout_scale_undoes_its_rounded_rate() -> None:
    """The rate that is really used, of sixteen bits, has expectation one exactly."""
    workspace = Workspace(np.float64)
    Dropout(np.random.default_rng(0), 0.3).drop(np.ones((4, 4, 4)), workspace)
    chance = 1 - round(0.3 * 65536) / 65536
    assert workspace["mask"].max() * chance == pytest.approx(1, rel=1e-15)


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


@every_cell
def test_dropped_weights(cell: str) -> None:
    """The stack is the one whose recurrent weights are multiplied by the masks."""
    problem = random_problem(cell, weight_rate=0.5, seed=2)
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


@every_cell
def test_dropout_is_never_in_the_recurrence(cell: str) -> None:
    """Only a layer's output upwards is dropped: the lowest state is that of a stack without."""
    problem = random_problem(cell, rate=0.5)
    plain = replace(problem, rate=0.0).run()
    dropped = problem.run()
    assert_close(dropped.final[0], plain.final[0])
    assert np.abs(dropped.final[1] - plain.final[1]).max() > 1e-3
    share = np.mean(dropped.h == 0)
    assert 0.2 < share < 0.8 if cell != "rnn-relu" else share > np.mean(plain.h == 0)


def test_evaluation_drops_nothing() -> None:
    """Without a generator a model with dropout is the model without it, and so is its ``loss``."""
    rng = np.random.default_rng(0)
    with_dropout = LanguageModel(ModelConfig("lstm", 4, 2, dropout=0.5, weight_drop=0.5), K)
    without = LanguageModel(ModelConfig("lstm", 4, 2, dropout=0.0), K)
    params = random_parameters(with_dropout.parameter_shapes(), rng)
    ids, targets = rng.integers(K, size=(2, 5, 3))
    state = rng.standard_normal(without.zero_state(3).shape)
    workspace = Workspace(np.float64)

    expected = without.logits(params, ids, state, Workspace(np.float64))[0]
    trained = with_dropout.logits(params, ids, state, workspace, rng)[0].copy()
    assert np.abs(trained - expected).max() > 1e-3
    assert_close(with_dropout.logits(params, ids, state, workspace)[0], expected)
    nll = without.loss(params, ids, targets, state, Workspace(np.float64))[0]
    assert_close(with_dropout.loss(params, ids, targets, state, workspace)[0], nll)


# Tails and sums.


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations(dtype: type[np.floating]) -> None:
    """Right to rounding and finite however large the argument is, apart or as the rows of gates."""
    largest = float(np.finfo(dtype).max)
    extremes = [-np.inf, -largest, -1e4, -800.0, 800.0, 1e4, largest, np.inf]
    x = np.array([*extremes, *np.linspace(-30, 30, 241), 0.0], dtype)
    limits = np.repeat([0.0, 1.0], 4)
    sigmoid = np.concatenate((limits, 1 / (1 + np.exp(-x[8:].astype(np.float64)))))
    tanh_x = np.concatenate((2 * limits - 1, np.tanh(x[8:].astype(np.float64))))
    rounding = 2 * float(np.finfo(dtype).eps)

    with np.errstate(over="ignore", invalid="raise", divide="raise"):
        sigmoid_(in_place := x.copy())
        tanh(x, out=(out := np.empty_like(x)))
        gates_(gates := np.tile(x, (3, 1)), 2)
    expected_gates = np.stack((sigmoid, sigmoid, tanh_x))
    for found, expected in [(in_place, sigmoid), (out, tanh_x), (gates, expected_gates)]:
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=rounding)
    assert in_place[-1] == 0.5
    assert out[-1] == 0


@pytest.mark.parametrize(
    ("steps", "size"), [(1, 1), (7, 3), (50, 16384), (5, 10**6), (4, 0), (0, 5)]
)
def test_blocks(steps: int, size: int) -> None:
    """Each step once and in order, no block larger than the cache has room for, unless it is a step."""
    found = blocks(steps, size)
    assert [t for block in found for t in range(block.start, block.stop)] == list(range(steps))
    for block in found:
        length = block.stop - block.start
        assert length == 1 or length * size <= functions._BLOCK


def test_softmax() -> None:
    """Columns are distributions, whatever is added to a column; the return value is log Σ exp of the
    logits below the largest."""
    logits = np.random.default_rng(0).standard_normal((K, 9))
    p = logits.copy()
    log_total = softmax_(p)
    np.testing.assert_allclose(p, np.exp(logits) / np.exp(logits).sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(log_total, -np.log(p.max(axis=0)), rtol=1e-12)
    shifted = logits + np.linspace(-1e4, 1e4, 9)
    np.testing.assert_allclose(softmax_(shifted), log_total, rtol=1e-10)
    np.testing.assert_allclose(shifted, p, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_extreme_logits(dtype: type[np.floating]) -> None:
    """Logits of ±10⁴: no overflow, the loss is the distance to the top, the gradient is exact."""
    logits = np.array([[1e4, 1e4, 1e4, -1e4], [-1e4, -1e4, 1e4, -1e4], [0, 0, 0, -1e4]], dtype)
    targets = np.array([0, 1, 1, 2])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        nll = cross_entropy_(logits, targets)
    tolerance = 1e4 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(nll, [0, 2e4, np.log(2), np.log(3)], rtol=1e-6, atol=tolerance)
    third = 1 / 3
    expected = [[0, 1, 0.5, third], [0, -1, -0.5, third], [0, 0, 0, third - 1]]
    np.testing.assert_allclose(logits, expected, rtol=1e-6, atol=1e-12)


def test_cross_entropy_of_equal_logits_is_log_k() -> None:
    """Knowing nothing costs log K; a vocabulary of one character costs nothing."""
    np.testing.assert_allclose(cross_entropy_(np.full((K, 3), 7.0), np.arange(3)), np.log(K))
    alone = np.array([[3.0, -5.0]])
    np.testing.assert_array_equal(cross_entropy_(alone, np.zeros(2, int)), [0, 0])
    np.testing.assert_array_equal(alone, [[0, 0]])


def test_columns_is_a_view() -> None:
    """Also of the slices that the cells make of their T+1 rows: writing to it writes through."""
    h = np.zeros((3, 5, 2))
    for part in (h, h[:, 1:], h[:, :4], h[1:]):
        assert np.shares_memory(columns(part), h)
        assert columns(part).shape == (len(part), prod(part.shape[1:]))


def test_gather_columns() -> None:
    """Each position gets its character's column."""
    rng = np.random.default_rng(0)
    table, ids = rng.standard_normal((3, K)), rng.integers(K, size=(4, 2)).astype(np.uint8)
    out = np.empty((3, 4, 2))
    gather_columns(table, ids, out=out)
    for t, b in np.ndindex(ids.shape):
        np.testing.assert_array_equal(out[:, t, b], table[:, ids[t, b]])


# Where learning starts from.


@pytest.mark.parametrize("size", [1, 2, 7, 32])
def test_orthogonal_blocks(size: int) -> None:
    """Every block has orthonormal columns and differs from the others."""
    array = np.empty((4 * size, size))
    orthogonal_blocks(array, np.random.default_rng(0))
    blocks = array.reshape(4, size, size)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(size), atol=1e-13)
    if size > 1:
        assert all(np.abs(one - other).max() > 1e-3 for one, other in combinations(blocks, 2))


def test_orthogonal_blocks_are_drawn_uniformly() -> None:
    """The signs of R are folded in: a 1x1 block is its draw's sign, and the mean trace is zero."""
    signs = np.empty((200, 1))
    orthogonal_blocks(signs, np.random.default_rng(0))
    draws = np.random.default_rng(0).standard_normal((200, 1))
    np.testing.assert_array_equal(signs, np.sign(draws))

    blocks = np.empty((2000 * 3, 3))
    orthogonal_blocks(blocks, np.random.default_rng(0))
    traces = np.trace(blocks.reshape(-1, 3, 3), axis1=1, axis2=2)
    assert abs(traces.mean()) < 5 / np.sqrt(2000)  # a trace has variance one


@pytest.mark.parametrize("fan_in", [1, 4, 100])
def test_scaled_uniform(fan_in: int) -> None:
    """Within ±1/√fan_in, close to both ends, and centred."""
    array = np.empty((200, 50))
    scaled_uniform(array, fan_in, np.random.default_rng(0))
    bound = fan_in**-0.5
    assert -bound <= array.min() < -0.99 * bound
    assert 0.99 * bound < array.max() <= bound
    assert abs(array.mean()) < 5 * bound / np.sqrt(3 * array.size)


@pytest.mark.parametrize("embedding_size", [0, 25], ids=["one-hot", "embedded"])
@every_cell
def test_initial_parameters(cell: str, embedding_size: int) -> None:
    """W orthogonal by gate, U and V scaled, the forget gate open, all other biases zero."""
    H = 16
    model = LanguageModel(ModelConfig(cell, H, 2, embedding_size), 60)
    params = model.initialize(np.random.default_rng(0))
    assert params.flat.dtype == np.float32
    assert np.all(np.isfinite(params.flat))

    fan_in = {"layer0/U": embedding_size or 1, "layer1/U": H, "V": H}  # one-hot: a single one
    for name, array in params.items():
        kind = name.rpartition("/")[2]
        if kind in ("U", "V"):
            largest = np.abs(array).max() * np.sqrt(fan_in[name])
            assert 0.95 < largest < 1 + 1e-6, name
        elif kind == "W":
            for block in array.reshape(-1, H, H):
                np.testing.assert_allclose(block.T @ block, np.eye(H), atol=1e-5)
        elif kind == "E":
            assert 0.9 < array.std() < 1.1
        else:
            bias = array.copy()
            if cell == "lstm" and kind == "b":
                np.testing.assert_array_equal(bias[H : 2 * H], 1)
                bias[H : 2 * H] = 0
            assert kind in ("b", "c", "d")
            np.testing.assert_array_equal(bias, 0, err_msg=name)


def test_a_seed_gives_its_parameters() -> None:
    """The same twice, and other ones for another seed."""
    model = LanguageModel(ModelConfig("lstm", 8, 2, 3), K)
    one, again, other = (model.initialize(np.random.default_rng(seed)).flat for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert np.mean(one != other) > 0.5


@every_cell
def test_zero_state(cell: str) -> None:
    """One row of states for each layer; two for the LSTM."""
    model = LanguageModel(ModelConfig(cell, 4, 3), K)
    state = model.zero_state(5)
    assert state.shape == (3, 2 if cell == "lstm" else 1, 4, 5)
    assert state.dtype == np.float32
    assert not state.any()


# The flat vector and its views.

SHAPES = {"U": (2, 3), "layer0/b": (4,), "V": (3, 1, 2)}


def test_parameters_are_views_in_order() -> None:
    """Each name is its piece of ``flat``, in the order of the shapes; writing goes both ways."""
    flat = np.arange(16.0)
    params = Parameters(SHAPES, flat)
    assert params.flat is flat
    assert list(params) == list(SHAPES)
    assert len(params) == 3
    np.testing.assert_array_equal(params["U"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(params["layer0/b"], [6, 7, 8, 9])
    np.testing.assert_array_equal(params["V"].ravel(), np.arange(10, 16))
    assert {name: array.shape for name, array in params.items()} == SHAPES
    params["layer0/b"][...] = -1
    assert flat[6:10].tolist() == [-1] * 4
    flat[...] = 5
    assert all(np.all(array == 5) for array in params.values())


def test_parameters_have_no_item_assignment() -> None:
    """It would detach a view without a word."""
    params = Parameters(SHAPES)
    with pytest.raises(TypeError):
        params["U"] = np.ones((2, 3))  # type: ignore[index]
    assert not params.flat.any()
    assert np.shares_memory(params["U"], params.flat)


@pytest.mark.parametrize("flat", [np.zeros(15), np.zeros(17), np.zeros((16, 1)), np.zeros((1, 16))])
def test_parameters_of_the_wrong_size(flat: np.ndarray) -> None:
    with pytest.raises(ValueError, match="flat has shape"):
        Parameters(SHAPES, flat)


def test_parameters_of_an_unknown_name() -> None:
    params = Parameters(SHAPES)
    assert "W" not in params
    with pytest.raises(KeyError):
        params["W"]
    with pytest.raises(KeyError):
        params.add("W", np.ones(1))


def test_parameters_add() -> None:
    """In the place of the view, beside nothing else."""
    params = Parameters(SHAPES, np.ones(16))
    params.add("layer0/b", np.arange(4))
    np.testing.assert_array_equal(params.flat[6:10], [1, 2, 3, 4])
    assert params.flat.sum() == 16 + 6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_copy_and_zeros_are_detached(dtype: type[np.floating]) -> None:
    """Same names, shapes and type over memory of their own."""
    params = Parameters(SHAPES, dtype=dtype)
    assert params.flat.dtype == dtype
    assert not params.flat.any()
    params.flat[...] = 3
    copy, zeros = params.copy(), params.zeros()
    params.flat[...] = 4
    assert np.all(copy.flat == 3)
    assert not zeros.flat.any()
    for other in (copy, zeros):
        assert other.flat.dtype == dtype
        assert other.shapes == SHAPES
        assert not np.shares_memory(other.flat, params.flat)
        assert np.shares_memory(other["V"], other.flat)
