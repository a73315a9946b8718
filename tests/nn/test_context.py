"""The net without memory: against loops, against differences, and what it cannot see."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import oracle
import pytest
from stack_problem import random_parameters
from test_gradients import assert_parameter_gradients, noise_like

from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.models.language_model import LanguageModel
from charrnn.models.stepper import Stepper
from charrnn.nn import compile_stack
from charrnn.nn.cells.cell import Cell
from charrnn.nn.cells.feedforward import Feedforward
from charrnn.nn.cells.gru import GRU
from charrnn.nn.context import ContextStack
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace

K, H, T, B = 7, 4, 6, 3

assert_close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-13)

every_context = pytest.mark.parametrize("context", [1, 2, 3, 8])
every_depth = pytest.mark.parametrize("num_layers", [1, 2, 3])


def _network(context: int, num_layers: int = 2, dropout: float = 0.0) -> LanguageModel:
    return LanguageModel(ModelConfig("feedforward", H, num_layers, 0, dropout, context=context), K)


def _problem(
    context: int, num_layers: int = 2, dropout: float = 0.0
) -> tuple[LanguageModel, Parameters, Ids, Array]:
    """A network, its numbers, ids, and a state: one stream has read nothing yet, the others have."""
    rng = np.random.default_rng(context + 10 * num_layers)
    network = _network(context, num_layers, dropout)
    params = random_parameters(network.parameter_shapes(), rng)
    ids = rng.integers(K, size=(T, B))
    ids.flat[:K] = np.arange(K)
    state = rng.integers(1, K + 1, size=network.stack.state_shape(B)).astype(np.float64)
    state[..., 1] = 0
    return network, params, ids, state


def _before(state: Array, ids: Ids, stream: int) -> list[int]:
    """What a stream has read, the newest last: where that is nothing, its first character again and again."""
    column = state[0, 0, ::-1, stream]
    return [int(one) - 1 if one else int(ids[0, stream]) for one in column]


def _slowly(network: LanguageModel, params: Parameters, ids: Ids, state: Array) -> Array:
    """The logits ``(K, T, B)`` as the equation has them: one stream and step after the other."""
    context, layers = network.config.context, network.config.num_layers
    assert context is not None
    tables = [params[f"layer0/U{place}"] for place in range(context)]
    columns = []
    for stream in range(ids.shape[1]):
        read = _before(state, ids, stream) + ids[:, stream].tolist()
        windows = [
            [np.eye(K)[:, [read[t + context - 1 - place]]] for place in range(context)]
            for t in range(len(ids))
        ]
        hs = oracle.feedforward(tables, params["layer0/b"], windows)
        for n in range(1, layers):
            U, b = params[f"layer{n}/U"], params[f"layer{n}/b"]
            hs = oracle.feedforward([U], b, [[h] for h in hs])
        columns.append(np.hstack([params["V"] @ h + params["c"][:, None] for h in hs]))
    return np.stack(columns, axis=2)


@every_depth
@every_context
def test_equals_the_textbook(context: int, num_layers: int) -> None:
    """Logits and all gradients, from a state of characters and from none."""
    network, params, ids, state = _problem(context, num_layers)
    workspace, weights = Workspace(np.float64), np.random.default_rng(2).standard_normal((K, T, B))
    logits, _ = network.logits(params, ids, state, workspace)
    assert_close(logits, _slowly(network, params, ids, state))
    gradients = params.zeros()
    network.backward(params, gradients, weights, np.zeros_like(state), workspace)
    slow = Parameters(params.shapes, params.flat.astype(complex))

    def loss() -> Any:
        return np.sum(weights * _slowly(network, slow, ids, state))

    assert_close(gradients.flat, oracle.derivatives(loss, slow.flat), rtol=1e-10)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("context", [1, 3])
def test_gradients(context: int, num_layers: int, dropout: float) -> None:
    """Against central differences, added to what was there; none by the state."""
    network, params, ids, state = _problem(context, num_layers, dropout)
    dlogits = np.random.default_rng(2).standard_normal((K, T, B))
    before, workspace = noise_like(params, np.random.default_rng(4)), Workspace(np.float64)
    gradients = before.copy()

    def loss() -> float:
        logits, _ = network.logits(params, ids, state, workspace, np.random.default_rng(3))
        return float(np.sum(dlogits * logits))

    loss()
    dstate = network.backward(params, gradients, dlogits, np.ones_like(state), workspace)
    gradients.flat -= before.flat
    assert_parameter_gradients(gradients, loss, params)
    assert dstate.shape == state.shape
    assert not dstate.any()


@every_context
def test_chunks_equal_the_whole(context: int) -> None:
    """Of any lengths, shorter than the context too; the state is the characters before."""
    network, params, ids, state = _problem(context)
    ids = np.random.default_rng(3).integers(K, size=(15, B)).astype(np.uint8)
    whole, final = network.logits(params, ids, state, Workspace(np.float64))
    parts, carried = [], state
    for start, stop in [(0, 1), (1, 2), (2, 7), (7, 15)]:
        part, carried = network.logits(params, ids[start:stop], carried, Workspace(np.float64))
        parts.append(part.copy())
        assert network.stack.is_state(carried)
    assert_close(np.concatenate(parts, axis=1), whole)
    np.testing.assert_array_equal(carried, final)
    for stream in range(B):
        read = (_before(state, ids, stream) + ids[:, stream].tolist())[::-1]
        assert (final[0, 0, :, stream] - 1).tolist() == read[: context - 1]


@every_context
def test_how_far_it_sees(context: int) -> None:
    """N - 1 characters back and not N, of which a change changes nothing at all."""
    network, params, _, state = _problem(context)
    ids = np.zeros((20, 1), np.intp)
    before, _ = network.logits(params, ids, state[..., :1], Workspace(np.float64))
    ids[9] = 3
    after, _ = network.logits(params, ids, state[..., :1], Workspace(np.float64))
    changed = np.abs(after - before).max(axis=(0, 2)) > 1e-6
    assert np.flatnonzero(changed).tolist() == list(range(9, 9 + context))
    np.testing.assert_array_equal(after[:, ~changed], before[:, ~changed])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, B])
@every_depth
@every_context
def test_steps_are_the_chunk(
    context: int, num_layers: int, batch: int, dtype: type[np.floating]
) -> None:
    """Also from a state that has read nothing, with some of the texts alone, and of any type of ids."""
    network, wide, ids, state = _problem(context, num_layers)
    params = Parameters(wide.shapes, wide.flat.astype(dtype))
    ids, state = ids[:, -batch:].astype(np.uint8), state[..., -batch:].astype(dtype)
    logits, final = network.logits(params, ids, state, Workspace(dtype))
    stepper, given = Stepper(network, params, state), state.copy()
    for t in range(T):
        stepped = stepper.step(ids[t])
        np.testing.assert_allclose(stepped, logits[:, t], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(stepper.state, final)
    np.testing.assert_array_equal(state, given)
    left = np.arange(batch)[::2]
    alone = stepper.going_on(stepper.state[..., left])
    further = stepper.step(ids[0])
    np.testing.assert_allclose(alone.step(ids[0][left]), further[:, left], rtol=1e-5, atol=1e-6)


def test_a_bigram_model() -> None:
    """With N = 1 the logits are a table over the current character alone, and there is no state."""
    network, params, ids, state = _problem(1)
    assert state.size == 0
    logits, _ = network.logits(params, ids, state, Workspace(np.float64))
    every = np.arange(K)[:, None]
    table, _ = network.logits(params, every, state[..., :1], Workspace(np.float64))
    np.testing.assert_allclose(logits, table[:, ids, 0], rtol=1e-12)


def test_multiplications() -> None:
    """What is looked up is not multiplied with."""
    for context in (1, 8):
        assert _network(context, 1).multiplications == K * H
        assert _network(context, 3).multiplications == 2 * H * H + K * H


def test_no_compiled_form() -> None:
    stack = _network(3).stack
    assert compile_stack(stack) is stack
    assert _network(3).compiled().stack == stack


@pytest.mark.parametrize(
    ("column", "sound"),
    [
        ([0, 0], True),
        ([1, K], True),
        ([1, K + 1], False),
        ([-1, 2], False),
        ([1.5, 2], False),
        ([3, 0], False),
        ([0, 3], False),
    ],
)
def test_which_numbers_are_a_state(column: list[float], sound: bool) -> None:
    """Characters of the alphabet, all of them or none."""
    stack = ContextStack(Feedforward, K, H, one_hot=True, context=3)
    state = np.ones(stack.state_shape(2), np.float32)
    state[0, 0, :, 1] = column
    assert stack.is_state(state) == sound
    assert ContextStack(Feedforward, K, H, one_hot=True).is_state(np.empty((1, 1, 0, 2)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cell": "lstm", "context": 3}, "context is for .* feedforward.; lstm carries a state"),
        ({"cell": "feedforward", "weight_drop": 0.1}, "feedforward has none; dropout drops"),
        ({"cell": "feedforward", "embedding_size": 4}, "in each place already"),
        ({"cell": "feedforward", "context": 0}, "context must be a whole number from 1 to 64"),
        ({"cell": "feedforward", "context": 65}, "context must be a whole number from 1 to 64"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelConfig(**settings)


def test_the_usual_context() -> None:
    """It is decided where nothing is said, so that a file tells it."""
    assert ModelConfig("feedforward").context == 3
    assert ModelConfig("gru").context is None


@pytest.mark.parametrize("kind", [np.int64, np.uint64])
@every_context
def test_texts_of_several_lengths(context: int, kind: type) -> None:
    """A text beside longer ones is the same as alone: its outputs, what stands before the next chunk, and all gradients."""
    network, params, ids, state = _problem(context)
    lengths: Ids = np.array([0, 2, T], kind)
    rng = np.random.default_rng(4)
    stack, workspace, gradients = network.stack, Workspace(np.float64), params.zeros()
    dh = rng.standard_normal((H, T, B))
    h, after = stack.forward(params, ids, state, workspace, lengths=lengths)
    h = h.copy()
    stack.backward(params, gradients, dh.copy(), np.zeros_like(state), workspace)

    alone = params.zeros()
    for text, length in enumerate(lengths.tolist()):
        if not length:
            np.testing.assert_array_equal(after[..., text], state[..., text])
            continue
        part = slice(length), slice(text, text + 1)
        expected, end = stack.forward(params, ids[part], state[..., part[1]], workspace)
        assert_close(h[(slice(None), *part)], expected)
        np.testing.assert_array_equal(after[..., part[1]], end)
        stack.backward(
            params, alone, dh[(slice(None), *part)].copy(), np.zeros_like(end), workspace
        )
    assert_close(gradients.flat, alone.flat)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (GRU, {"one_hot": True}),
        (Feedforward, {"one_hot": False}),
        (Feedforward, {"one_hot": True, "bidirectional": True}),
    ],
    ids=["recurrent", "dense", "both ways"],
)
def test_what_has_no_context(cell: type[Cell], options: dict[str, Any]) -> None:
    """It would read what is not there."""
    with pytest.raises(ValueError, match="a context is for"):
        ContextStack(cell, K, H, context=2, **options)
