"""The flat vector and its views."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from unittest import mock

import numpy as np
import pytest

from charrnn.nn.parameters import Parameters

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


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda params: pickle.loads(pickle.dumps(params)), copy.copy]
)
def test_parameters_stay_whole(duplicate: Callable[[Parameters], Parameters]) -> None:
    """A copy's arrays are views of the copy's own vector: what is written to one is in the other."""
    params = Parameters(SHAPES, np.arange(16.0))
    other = duplicate(params)
    assert other == params
    other["layer0/b"][...] = -1
    other.flat[-1] = -2
    assert other.flat[6:10].tolist() == [-1] * 4
    assert other["V"].ravel()[-1] == -2
    assert (other == params) == np.shares_memory(other.flat, params.flat)


def test_parameters_compare_by_value() -> None:
    """By names, shapes and numbers; the names' order is that of the vector."""
    params = Parameters(SHAPES, np.arange(16.0))
    assert params == params.copy()
    assert params != params.zeros()
    assert params != Parameters(dict(reversed(SHAPES.items())), params.flat)
    assert params != Parameters({**SHAPES, "V": (2, 3)}, params.flat)
    assert params != dict(params)
    assert params == mock.ANY  # what is no parameters may know better
