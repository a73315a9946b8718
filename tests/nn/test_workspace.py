"""What parts keep, and what they borrow for a moment."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from forms import Form
from kinds import KINDS, configured, every_model
from stack_problem import assert_same, random_problem
from test_cells import Echo

from charrnn.models.language_model import LanguageModel
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Scratch, Workspace

K = 6

every_cell = pytest.mark.parametrize("cell", KINDS)
every_input = pytest.mark.parametrize("one_hot", [True, False], ids=["one-hot", "dense"])


@every_input
@every_cell
def test_workspace_leaks_nothing(cell: str, one_hot: bool, form: Form) -> None:
    """One workspace through shrinking and growing T and B gives what a fresh one gives.

    Before each run a poisoned one of another shape leaves NaN in all that it touched.
    """
    workspace = Workspace(np.float64)
    shapes = [(7, 4), (3, 2), (1, 1), (9, 1), (2, 8), (7, 4)]
    for number, (length, batch) in enumerate(shapes):
        poison_length, poison_batch = shapes[number - 1]
        poison = random_problem(
            cell, one_hot=one_hot, length=poison_length, batch=poison_batch, form=form
        )
        for array in (poison.params.flat, poison.state, poison.dh, poison.dstate):
            array[...] = np.nan
        poisoned = poison.run(workspace)
        assert all(np.all(np.isnan(array)) for array in (poisoned.h, poisoned.dstate))

        problem = random_problem(cell, one_hot=one_hot, length=length, batch=batch, form=form)
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
    larger = workspace.array("x", 5, 7)
    assert larger.shape == (5, 7)
    assert np.shares_memory(workspace.array("x", 4, 6), larger)
    large = workspace["x"]
    assert not np.shares_memory(workspace.array("y", 4, 6), large)
    assert not np.shares_memory(workspace.child("part").array("x", 4, 6), large)
    assert workspace.child("part") is workspace.child("part")


@every_model
def test_float32_stays_float32(cell: str, embedding_size: int, form: Form) -> None:
    """No step of a float32 model makes float64 by accident."""
    model = form(LanguageModel(configured(cell, 4, 2, embedding_size, 0.3), K))
    rng = np.random.default_rng(0)
    params, workspace = model.initialize(rng), Workspace()
    ids, targets = rng.integers(K, size=(2, 5, 3))
    state = model.zero_state(3)
    logits, final = model.logits(params, ids, state, workspace, rng)
    dstate = model.backward(params, params.zeros(), logits, final, workspace)
    nll = cross_entropy_(logits, targets)
    assert {array.dtype for array in (logits, final, dstate, nll)} == {np.dtype(np.float32)}


def test_what_parts_keep_is_their_own() -> None:
    """A cell that keeps NaN under all names of the others, and in its scratch, changes nothing."""
    problem = random_problem("rnn", rate=0.3, weight_rate=0.3)
    echo = replace(problem, stack=replace(problem.stack, cell=Echo))
    assert_same(echo.run(), problem.run())


def test_scratch() -> None:
    """Arrays of a block are apart, those of one block after the other are not; it grows once."""
    scratch, firsts = Scratch(np.float64), []
    for _ in range(3):
        with scratch:
            first = scratch.array(3, 5)
            firsts.append(first)
            with scratch:
                inner = scratch.array(100)
            with scratch:
                again = scratch.array(10, 10)
            last = scratch.array(2)
    assert first.shape == (3, 5)
    assert first.dtype == np.float64
    assert np.shares_memory(inner, again)
    assert np.shares_memory(again, last)
    assert not np.shares_memory(first, again)
    assert not np.shares_memory(first, last)
    assert np.shares_memory(firsts[1], firsts[2])
    assert not np.shares_memory(firsts[0], firsts[1])  # nobody could know how much would be needed
    with pytest.raises(RuntimeError, match="with block"):
        scratch.array(1)


def test_scratch_grows_without_its_old_memory() -> None:
    """Both at once would be more than is ever needed."""
    scratch, size = Scratch(), 1 << 20
    tracemalloc.start()
    try:
        for needed in (size, size, 2 * size):
            with scratch:
                scratch.array(needed)
        tracemalloc.reset_peak()
        with scratch:
            large = scratch.array(2 * size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert large.nbytes == 8 * size
    assert peak < 9 * size
    with scratch:
        assert np.shares_memory(large, scratch.array(1))


def test_scratch_is_no_place_to_keep() -> None:
    """What is kept lies elsewhere, also that of the outermost workspace."""
    workspace = Workspace()
    workspace.array("h", 100)
    with workspace.scratch as scratch:
        assert not np.shares_memory(scratch.array(100), workspace["h"])
    with workspace.scratch as scratch:
        assert not np.shares_memory(scratch.array(100), workspace["h"])
        assert workspace.child("part").scratch is scratch


def test_two_stacks_in_one_model() -> None:
    """Each with a name, over one vector and one workspace, they are the stacks apart."""
    names = ("encoder/", "decoder/")
    problems = [random_problem("gru", seed=seed) for seed in (1, 2)]
    stacks = [
        replace(problem.stack, name=name) for problem, name in zip(problems, names, strict=True)
    ]
    shapes = {k: v for stack in stacks for k, v in stack.parameter_shapes().items()}
    params, workspace = Parameters(shapes, dtype=np.float64), Workspace(np.float64)
    assert all(name.startswith(names) for name in shapes)
    params.flat[...] = np.concatenate([problem.params.flat for problem in problems])
    for stack, problem in zip(stacks, problems, strict=True):
        stack.forward(params, problem.x, problem.state, workspace)
    gradients = params.zeros()
    for stack, problem in zip(stacks, problems, strict=True):
        stack.backward(params, gradients, problem.dh.copy(), problem.dstate, workspace)
    expected = np.concatenate([problem.run().gradients.flat for problem in problems])
    np.testing.assert_allclose(gradients.flat, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4, 4), (2, 3, 5), (3, 1, 1), (1, 2, 2)])
def test_an_array_lies_as_another(shape: tuple[int, ...]) -> None:
    """Whatever was asked for under its name before: what is written into its columns is in it."""
    workspace, features = Workspace(np.float64), shape[0]
    plain = np.zeros(shape)
    turned = np.moveaxis(np.zeros((*shape[1:], features)), -1, 0)
    for like in (plain, turned, turned, plain, turned):
        found = workspace.array("x", *shape, like=like)
        assert found.shape == shape
        if max(shape[1:]) > 1 < features:
            assert found.strides == like.strides
        found[...] = 0
        found.reshape(features, -1)[...] = 1
        assert found.all()
    assert workspace.array("x", *shape).flags.c_contiguous
