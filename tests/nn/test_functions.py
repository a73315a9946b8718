"""Element-wise functions, sums and the loss, out to the largest numbers."""

from __future__ import annotations

import math
from math import prod

import numpy as np
import pytest

from charrnn.config import CELLS
from charrnn.nn import functions
from charrnn.nn.cells import cell_class
from charrnn.nn.functions import blocks, columns, gates_, gather_columns, sigmoid_
from charrnn.nn.loss import cross_entropy_, perplexity, softmax_
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace

K = 6


@pytest.mark.parametrize(
    ("kernel", "quick"),
    [("X86_V4", True), ("AVX512_SKX", True), ("X86_V3", False), ("AVX2 FMA3", False), (None, True)],
)
def test_tanh_is_quick(kernel: str | None, quick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It follows from the kernel that NumPy takes on this processor, where NumPy tells it."""
    introspect = pytest.importorskip("numpy.lib.introspect")
    loops = {"ff": {"current": kernel, "available": "AVX2 X86_V3"}} if kernel else {}
    told = {("^tanh$", "float32"): {"tanh": loops}}
    monkeypatch.setattr(introspect, "opt_func_info", lambda *asked: told[asked])
    assert functions._tanh_is_quick() == quick


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

    with np.errstate(over="raise", invalid="raise", divide="raise"):
        sigmoid_(in_place := x.copy())
        gates_(gates := np.tile(x, (3, 1)), 2)
    expected_gates = np.stack((sigmoid, sigmoid, tanh_x))
    for found, expected in [(in_place, sigmoid), (gates, expected_gates)]:
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=0, atol=rounding)
    assert in_place[-1] == 0.5
    assert gates[-1, -1] == 0


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("cell", CELLS)
def test_small_numbers_keep_their_digits(cell: str) -> None:
    """A unit that hardly moves does so to some ulps, in the first step and while writing."""
    x = np.geomspace(1e-30, 1, 500, dtype=np.float32)
    x = np.concatenate((-x, x))
    gates_(gates := np.tile(x, (4, 1)), 3)
    np.testing.assert_allclose(gates[3], np.tanh(x.astype(float)), rtol=5e-7)

    one = cell_class(cell)(1)
    rows = len(one.rows)
    names = {**one.parameter_shapes(), "b": (rows,)}
    params = Parameters(names)
    z = np.zeros((rows, 1, len(x)), np.float32)
    z[-1] = x  # the candidate's, or the only row
    state = np.zeros((len(one.states), 1, len(x)), np.float32)
    with (workspace := Workspace()).scratch:
        h, _ = one.forward(params, z, state, workspace)
    again = Parameters(names, dtype=np.float64)
    with (workspace := Workspace(np.float64)).scratch:
        exact, _ = one.forward(again, z.astype(float), state.astype(float), workspace)
    np.testing.assert_allclose(h, exact, rtol=2e-6)
    one.stepper(params, z[:, 0], np.zeros_like(z[:, 0]), state)()
    np.testing.assert_allclose(state[0], exact[:, 0], rtol=2e-6)


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


def test_perplexity() -> None:
    """As large as a number may be, then infinite; that of nothing is none."""
    assert [perplexity(n) for n in (0.0, 1.5, 1023.0)] == [1, 2 * math.sqrt(2), 2.0**1023]
    assert [perplexity(n) for n in (1024.0, 2e9, math.inf)] == [math.inf] * 3
    with np.errstate(over="raise"):
        assert perplexity(np.float64(2000)) == math.inf
    assert math.isnan(perplexity(math.nan))


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
