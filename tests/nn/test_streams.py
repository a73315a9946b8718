"""Chunks equal the whole, streams and steps do not see what they must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from forms import Form
from kinds import KINDS, class_of, configured, every_model, random_state
from samples import chunk_of
from stack_problem import Result, StackProblem, assert_same, random_parameters, random_problem

from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace

K = 6

assert_close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-14)

every_cell = pytest.mark.parametrize("cell", KINDS)
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


@every_input
@every_cell
def test_chunks_equal_the_whole(cell: str, one_hot: bool, form: Form) -> None:
    """Uneven chunks, the state carried forwards and its gradient backwards, are one sequence."""
    problem = random_problem(cell, one_hot=one_hot, length=11, form=form)
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


@every_input
@every_cell
def test_streams_are_independent(cell: str, one_hot: bool, form: Form) -> None:
    """Shards of the batch, in any order, give each stream the same and sum to the same gradient."""
    problem = random_problem(cell, one_hot=one_hot, batch=6, form=form)
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


@every_cell
def test_stream_does_not_see_another(cell: str, form: Form) -> None:
    """A NaN in one stream stays in it."""
    problem = random_problem(cell, batch=3, form=form)
    clean = problem.run()
    problem.x[..., 1] = np.nan
    dirty = problem.run()
    assert np.all(np.isnan(dirty.h[..., 1]))
    assert_close(dirty.h[..., ::2], clean.h[..., ::2])


@every_cell
def test_no_step_sees_the_future(cell: str, form: Form) -> None:
    """A change at one step changes that step and, where there is a memory, all later ones."""
    problem = random_problem(cell, length=6, form=form)
    before = problem.run().h
    problem.x[:, 3] += 1
    after = problem.run().h
    changed = np.arange(6) >= 3 if class_of(cell).recurrent else np.arange(6) == 3
    assert_close(after[:, ~changed], before[:, ~changed])
    assert np.all(np.abs(after - before)[:, changed].max(axis=(0, 2)) > 1e-3)


@every_model
def test_language_model_shards(cell: str, embedding_size: int, form: Form) -> None:
    """Shards' losses and gradients, each scaled by the whole batch, sum to the whole's."""
    model = form(LanguageModel(configured(cell, 4, 2, embedding_size), K))
    rng = np.random.default_rng(0)
    params = random_parameters(model.parameter_shapes(), rng)
    ids, targets = rng.integers(K, size=(2, 7, 5))
    state = random_state(model.stack, 5, rng)

    def run(streams: slice, gradients: Parameters) -> float:
        total, _ = model.loss_and_gradients(
            params,
            gradients,
            chunk_of(ids, targets).part(streams),
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


@every_model
def test_empty_shard(cell: str, embedding_size: int, form: Form) -> None:
    """A shard without a stream, of a batch smaller than the number of shards, adds nothing."""
    model = form(LanguageModel(configured(cell, 4, 2, embedding_size, 0.5), K))
    rng = np.random.default_rng(0)
    params = model.initialize(rng)
    gradients = params.zeros()
    ids = np.zeros((7, 0), np.uint8)
    total, final = model.loss_and_gradients(
        params, gradients, chunk_of(ids, ids), model.zero_state(0), Workspace(), rng=rng
    )
    assert total == 0
    assert final.shape == model.zero_state(0).shape
    assert not gradients.flat.any()
