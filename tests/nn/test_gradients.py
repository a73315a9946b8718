"""The gradients against central differences, in float64, from a random state and a random loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from forms import Form
from kinds import KINDS, class_of, configured, every_model, random_state
from samples import chunk_of
from stack_problem import random_parameters, random_problem

from charrnn.models.language_model import LanguageModel
from charrnn.nn.functions import Ids, add_columns, add_product, gather_columns
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Scratch, Workspace

STEP = 2e-5
TOLERANCE = 1e-7
DIRECTIONS = 2  # along which an array of more numbers is moved

K, T, B = 5, 4, 3


def central_differences(loss: Callable[[], float], array: Array) -> Array:
    """Gradient of ``loss`` by each number of ``array``, moved to both sides and put back.

    Once and twice as far, so that what is left is of the fourth order: where a sum is divided by a small deviation, losses are
    far from straight.
    """
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value, slopes = array[index], list[float]()
        for step in (STEP, 2 * STEP):
            array[index] = value + step
            above = loss()
            array[index] = value - step
            slopes.append((above - loss()) / (2 * step))
        array[index] = value
        gradient[index] = (4 * slopes[0] - slopes[1]) / 3
    return gradient


def assert_gradient(gradient: Array, loss: Callable[[], float], array: Array, name: str) -> None:
    """``gradient`` is that of ``loss`` by ``array``, relative to its largest number.

    Of an array of many numbers that is seen along two random directions, all numbers moved at once, each by another amount: what
    is wrong is wrong along either of them, as errors of several numbers would cancel by chance alone.
    """
    largest = np.abs(gradient).max()
    assert largest > 1e-3, f"{name}: too small a gradient to check anything"
    if array.size <= DIRECTIONS:
        error = np.abs(gradient - central_differences(loss, array)).max()
    else:
        start, rng = array.copy(), np.random.default_rng(array.size)
        errors = []
        for _ in range(DIRECTIONS):
            direction, along = rng.uniform(-1, 1, array.shape), np.zeros(1)

            def moved(direction: Array = direction, along: Array = along) -> float:
                array[...] = start + along[0] * direction
                return loss()

            errors.append(central_differences(moved, along)[0] - (gradient * direction).sum())
        array[...] = start
        error = np.abs(errors).max()
    assert error / largest < TOLERANCE, f"{name}: relative error {error / largest:.1e}"


def assert_parameter_gradients(
    gradients: Parameters, loss: Callable[[], float], params: Parameters
) -> None:
    for name, array in params.items():
        assert_gradient(gradients[name], loss, array, name)


def noise_like(params: Parameters, rng: np.random.Generator) -> Parameters:
    """A place for gradients where something lies already."""
    return Parameters(params.shapes, rng.standard_normal(params.flat.shape))


# The recurrent stack.


@pytest.mark.parametrize(
    ("one_hot", "num_layers", "rate"),  # each two of them in all ways
    [(True, 1, 0.0), (True, 2, 0.4), (True, 3, 0.0), (False, 1, 0.4), (False, 2, 0.0), (False, 3, 0.4)],
)  # fmt: skip
@pytest.mark.parametrize("cell", KINDS)
def test_stack(cell: str, one_hot: bool, num_layers: int, rate: float, form: Form) -> None:
    """Every cell, input and depth: gradients by parameters, by a dense input and by the state.

    With dropout a stack of more than one layer drops weights, too.
    """
    problem = random_problem(
        cell,
        hidden_size=3,
        num_layers=num_layers,
        length=T,
        batch=2,
        one_hot=one_hot,
        rate=rate,
        weight_rate=rate if num_layers > 1 else 0.0,
        seed=KINDS.index(cell),
        form=form,
    )
    workspace = problem.workspace()
    before = noise_like(problem.params, np.random.default_rng(1))
    gradients = before.copy()

    problem.forward(workspace)
    for layer in problem.stack.layers:
        own = workspace.child(layer.name)
        assert ("mask" in own) == (rate > 0)
        assert ("W_mask" in own) == (rate > 0 and num_layers > 1 and layer.cell.recurrent)
    dx, dstate = problem.backward(workspace, gradients)
    gradients.flat -= before.flat

    def loss() -> float:
        return problem.loss(scratch)

    scratch = problem.workspace()
    assert_parameter_gradients(gradients, loss, problem.params)
    if problem.stack.cell.recurrent:
        assert_gradient(dstate, loss, problem.state, "initial state")
    assert (dx is None) == one_hot
    if dx is not None:
        assert_gradient(dx, loss, problem.x, "input")


@pytest.mark.parametrize(
    ("num_layers", "one_hot", "rate"),
    [(1, True, 0.0), (2, False, 0.4)],
    ids=["one layer", "two layers, dropped"],
)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forwards", "both-ways"])
@pytest.mark.parametrize("cell", KINDS)
def test_texts_of_several_lengths(
    cell: str, bidirectional: bool, one_hot: bool, num_layers: int, rate: float, form: Form
) -> None:
    """The same with padding, an empty text and both directions; the loss sees the state after each text."""
    problem = random_problem(
        cell,
        hidden_size=3,
        num_layers=num_layers,
        length=T,
        lengths=(2, T, 0, 1, 3),
        one_hot=one_hot,
        rate=rate,
        weight_rate=rate,
        bidirectional=bidirectional,
        seed=KINDS.index(cell),
        form=form,
    )
    workspace, scratch, gradients = problem.workspace(), problem.workspace(), problem.params.zeros()
    problem.forward(workspace)
    dx, dstate = problem.backward(workspace, gradients)

    def loss() -> float:
        return problem.loss(scratch)

    assert_parameter_gradients(gradients, loss, problem.params)
    if problem.stack.cell.recurrent:
        assert_gradient(dstate, loss, problem.state, "initial state")
    assert (dx is None) == one_hot
    if dx is not None:
        assert_gradient(dx, loss, problem.x, "input")


@pytest.mark.parametrize("cell", KINDS)
def test_stack_backward_adds(cell: str, form: Form) -> None:
    """Passed through twice, a chunk leaves twice the gradient: nothing is assigned."""
    problem = random_problem(cell, rate=0.25, weight_rate=0.25, form=form)
    workspace = problem.workspace()
    once = problem.run().gradients

    twice = problem.params.zeros()
    problem.forward(workspace)
    problem.backward(workspace, twice)
    problem.forward(workspace)
    problem.backward(workspace, twice)

    assert all(np.any(gradient) for gradient in once.values())
    np.testing.assert_allclose(twice.flat, 2 * once.flat, rtol=1e-12)


# The language model.


def random_model(
    cell: str, embedding_size: int = 0, dropout: float = 0.0, **dropping: Any
) -> tuple[LanguageModel, Parameters, Ids, Ids, Array]:
    """A model of two layers with its parameters, ids, targets and state."""
    rng = np.random.default_rng(len(cell) + cell.startswith("normalized"))
    config = configured(cell, 3, 2, embedding_size, dropout, **dropping)
    model = LanguageModel(config, K)
    params = random_parameters(model.parameter_shapes(), rng)
    ids, targets = rng.integers(K, size=(2, T, B))
    ids.flat[:K] = np.arange(K)  # each character is there: none of its columns lies idle
    state = random_state(model.stack, B, rng)
    return model, params, ids, targets, state


@pytest.mark.parametrize("dropped", [False, True], ids=["whole", "dropped"])
@every_model
def test_language_model(cell: str, embedding_size: int, dropped: bool, form: Form) -> None:
    """From the logits and the final state back to every parameter and the initial state."""
    dropping = {"dropout": 0.4} if dropped else {}
    if dropped and class_of(cell).recurrent:
        dropping["weight_drop"] = 0.3
    model, params, ids, _, state = random_model(cell, embedding_size, **dropping)
    model = form(model)
    rng = np.random.default_rng(2)
    dlogits = rng.standard_normal((K, T, B))
    dfinal = rng.standard_normal(state.shape)
    before = noise_like(params, rng)
    gradients = before.copy()
    workspace = Workspace(np.float64)

    def loss() -> float:
        logits, final = model.logits(params, ids, state, workspace, np.random.default_rng(3))
        return float(np.sum(dlogits * logits) + np.sum(dfinal * final))

    loss()
    dstate = model.backward(params, gradients, dlogits, dfinal, workspace)
    gradients.flat -= before.flat

    assert_parameter_gradients(gradients, loss, params)
    if model.stack.cell.recurrent:
        assert_gradient(dstate, loss, state, "initial state")
    else:
        assert not dstate.any()  # of characters there is no gradient


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@every_model
def test_loss_and_gradients(cell: str, embedding_size: int, dropout: float, form: Form) -> None:
    """The gradient is that of ``scale`` times the summed loss, added; the loss is not scaled."""
    model, params, ids, targets, state = random_model(cell, embedding_size, dropout)
    model = form(model)
    scale = 0.37
    before = noise_like(params, np.random.default_rng(2))
    gradients = before.copy()
    workspace = Workspace(np.float64)

    def loss_and_gradients(target: Parameters) -> float:
        total, _ = model.loss_and_gradients(
            params,
            target,
            chunk_of(ids, targets),
            state,
            workspace,
            scale=scale,
            rng=np.random.default_rng(3),
        )
        return total

    def loss() -> float:
        logits, _ = model.logits(params, ids, state, workspace, np.random.default_rng(3))
        return float(cross_entropy_(logits, targets).sum())

    total = loss_and_gradients(gradients)
    gradients.flat -= before.flat
    assert total == pytest.approx(loss(), rel=1e-13)
    # That the gradient is not computed anew for each number takes half of the time.
    assert_parameter_gradients(gradients, lambda: scale * loss(), params)


@pytest.mark.parametrize("embedding_size", [0, 2], ids=["one-hot", "embedded"])
def test_language_model_backward_adds(embedding_size: int) -> None:
    """Two backward passes leave twice the gradient, by E, V and c too."""
    model, params, ids, _, state = random_model("gru", embedding_size, 0.4)
    workspace = Workspace(np.float64)
    logits, final = model.logits(params, ids, state, workspace, np.random.default_rng(3))
    dlogits = logits.copy()

    once, twice = params.zeros(), params.zeros()
    model.backward(params, once, dlogits, final, workspace)
    model.backward(params, twice, dlogits, final, workspace)
    model.backward(params, twice, dlogits, final, workspace)

    assert all(np.any(gradient) for gradient in once.values())
    np.testing.assert_allclose(twice.flat, 2 * once.flat, rtol=1e-12)


# The parts.


def test_cross_entropy() -> None:
    """Softmax minus one-hot is the gradient of the summed loss by the logits."""
    rng = np.random.default_rng(4)
    logits = 3 * rng.standard_normal((K, 7))
    targets = rng.integers(K, size=7)
    gradient = logits.copy()
    cross_entropy_(gradient, targets)
    assert_gradient(
        gradient, lambda: float(cross_entropy_(logits.copy(), targets).sum()), logits, "logits"
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64])
def test_add_columns(dtype: type[np.integer]) -> None:
    """The sorted sum equals a plain loop: for ids that repeat, and for ids that are absent."""
    rng = np.random.default_rng(5)
    ids = rng.choice(np.array([1, 2, 200, 255], dtype), size=(6, 4))
    d = rng.standard_normal((3, 6, 4))
    gradient = rng.standard_normal((3, 256))
    expected = gradient.copy()
    for t, b in np.ndindex(ids.shape):
        expected[:, ids[t, b]] += d[:, t, b]
    add_columns(gradient, d, ids, Scratch(np.float64))
    np.testing.assert_allclose(gradient, expected, rtol=1e-13, atol=1e-14)


def test_add_columns_is_the_transpose_of_gather_columns() -> None:
    """⟨d, gather(table)⟩ = ⟨added(d), table⟩: what a gradient of a linear map is."""
    rng = np.random.default_rng(6)
    table, ids, d = rng.standard_normal((3, K)), rng.integers(K, size=(T, B)), np.empty((3, T, B))
    gathered = np.empty_like(d)
    gather_columns(table, ids, out=gathered)
    d[...] = rng.standard_normal(d.shape)
    added = np.zeros_like(table)
    add_columns(added, d, ids, Scratch(np.float64))
    assert np.sum(d * gathered) == pytest.approx(np.sum(added * table), rel=1e-12)


def test_add_product() -> None:
    """The single product equals the sum over steps and streams, added to what was there.

    ``x`` is a slice of a longer buffer, as the cells' h is.
    """
    rng = np.random.default_rng(7)
    dz = rng.standard_normal((4, T, B))
    x = rng.standard_normal((3, T + 1, B))[:, :T]
    gradient = rng.standard_normal((4, 3))
    expected = gradient.copy()
    for t, b in np.ndindex(T, B):
        expected += np.outer(dz[:, t, b], x[:, t, b])
    add_product(gradient, dz, x, Scratch(np.float64))
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)
