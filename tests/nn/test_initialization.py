"""Where learning starts from."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from kinds import KINDS, configured, every_model, named

from charrnn.config import ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import orthogonal_blocks, scaled_uniform

K = 6

every_cell = pytest.mark.parametrize("cell", KINDS)


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


@every_model
def test_initial_parameters(cell: str, embedding_size: int) -> None:
    """W orthogonal by gate, U and V scaled, the forget gate open, all other biases zero."""
    H, N = 16, 3
    model = LanguageModel(configured(cell, H, 2, embedding_size), 60)
    params = model.initialize(np.random.default_rng(0))
    assert params.flat.dtype == np.float32
    assert np.all(np.isfinite(params.flat))

    fan_in = {"layer0/U": embedding_size or 1, "layer1/U": H, "V": H}  # one-hot: a single one
    fan_in |= {f"layer0/U{place}": N for place in range(N)}  # or one in each place
    for name, array in params.items():
        kind = name.rpartition("/")[2]
        if kind.startswith(("U", "V")):
            largest = np.abs(array).max() * np.sqrt(fan_in[name])
            assert 0.95 < largest < 1 + 1e-6, name
        elif kind == "W":
            for block in array.reshape(-1, H, H):
                np.testing.assert_allclose(block.T @ block, np.eye(H), atol=1e-5)
        elif kind == "E":
            assert 0.9 < array.std() < 1.1
        elif kind == "gain":
            np.testing.assert_array_equal(array, 1)
        else:
            bias = array.copy()
            if cell.endswith("lstm") and kind == "b":
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


@every_model
def test_every_number_is_set(cell: str, embedding_size: int) -> None:
    """Whatever lay in the vector before: a model can be started anew in its place."""
    model = LanguageModel(configured(cell, 4, 2, embedding_size), K)
    fresh = model.initialize(np.random.default_rng(0))
    again, rng = fresh.zeros(), np.random.default_rng(0)
    again.flat[...] = np.nan
    for part in model._parts:
        part.initialize(again, rng)
    np.testing.assert_array_equal(again.flat, fresh.flat)


@every_cell
def test_zero_state(cell: str) -> None:
    """One row of states for each layer, two for the LSTM; the characters before, where there is no memory."""
    model = LanguageModel(configured(cell, 4, 3), K)
    state = model.zero_state(5)
    shapes = {"lstm": (3, 2, 4, 5), "feedforward": (1, 1, 2, 5)}
    shape = shapes.get(named(cell)["cell"], (3, 1, 4, 5))
    assert state.shape == shape
    assert state.dtype == np.float32
    assert not state.any()
