"""The compiled stack: what the tests of the cells, which run through them as well, do not see."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from forms import as_compiled, without_numba
from kinds import KINDS, class_of, named
from samples import make_text
from stack_problem import assert_same, random_problem

import charrnn
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.training.learner import compile_ahead
from charrnn.training.trainer import Training

numba = pytest.importorskip("numba")

from charrnn.nn.compiled import products, vectors  # noqa: E402  (it needs Numba)
from charrnn.nn.compiled.activations import lstm_gates, sigmoids, tanh  # noqa: E402
from charrnn.nn.compiled.stack import RECURRENCES  # noqa: E402
from charrnn.nn.compiled.vectors import BYTES, load, store, width  # noqa: E402

COMPILED = [name for name in KINDS if class_of(name) in RECURRENCES]


def test_which_have_a_twin() -> None:
    """The cells that had one still do; a further one may go without."""
    assert {"lstm", "gru", "rnn", "rnn-relu"} <= set(COMPILED)


CORPUS = charrnn.Corpus.from_text(make_text(60))


@numba.njit
def _tanh(x, out):  # type: ignore[no-untyped-def]
    for k in range(0, x.shape[1], width(x)):
        store(out, 0, k, tanh(load(x, 0, k)))


@numba.njit
def _gates(x, out):  # type: ignore[no-untyped-def]
    """An LSTM's gates of four rows, then the sigmoids of the first two."""
    for k in range(0, x.shape[1], width(x)):
        i, f, o, g = (
            load(x, 0, k),
            load(x, 1, k),
            load(x, 2, k),
            load(x, 3, k),
        )
        for row, gate in enumerate(lstm_gates(i, f, o, g)):
            store(out, row, k, gate)
        for row, gate in enumerate(sigmoids(i, f), 4):
            store(out, row, k, gate)


def _of_tanh(x: Array) -> Array:
    out: Array = np.empty_like(x)
    _tanh(x[None], out[None])
    return out


def test_tanh_of_float32() -> None:
    """Every 257th float32 there is: within 5e-7 relative to tanh, odd, NaN where the argument is."""
    # From 0 to infinity; the step is odd, so that all last bits come.
    x = np.arange(0, 0x7F800000, 257, dtype=np.uint32).view(np.float32)
    x = np.concatenate([x, np.full(16 - len(x) % 16, np.inf, np.float32)])
    out = _of_tanh(x)
    exact = np.tanh(x.astype(np.float64))
    normal = x > np.finfo(np.float32).tiny
    assert np.max(np.abs(out[normal] / exact[normal] - 1)) < 5e-7
    assert np.max(out[~normal]) <= np.finfo(np.float32).tiny
    np.testing.assert_array_equal(_of_tanh(-x), -out)
    assert np.all(np.isnan(_of_tanh(np.full(16, np.nan, np.float32))))


def test_tanh_of_float64() -> None:
    """In double precision it is the library's."""
    x = np.linspace(-20, 20, 1024)
    np.testing.assert_allclose(_of_tanh(x), np.tanh(x), rtol=1e-15)


@pytest.mark.parametrize(("dtype", "error"), [(np.float32, 3e-7), (np.float64, 1e-15)])
def test_gates(dtype: type, error: float) -> None:
    """One division serves several: no digit of any is lost, however large the others."""
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((4, 4096)) * rng.choice([1e-3, 1, 10, 1e6], (4, 4096))).astype(dtype)
    out: Array = np.empty((6, 4096), dtype)
    _gates(x, out)
    with np.errstate(over="ignore"):
        sigmoids = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(out[:3], sigmoids[:3], rtol=0, atol=error)
    np.testing.assert_allclose(out[4:], sigmoids[:2], rtol=0, atol=error)
    np.testing.assert_allclose(out[3], np.tanh(x[3].astype(np.float64)), rtol=2 * error)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("add", [False, True], ids=["set", "added"])
@pytest.mark.parametrize("vectors", [1, 2, 3, 4])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6, 7, 14])
def test_product_sums_in_order(rows: int, vectors: int, add: bool, dtype: type) -> None:
    """A number is the same, whatever else is computed beside it: how rows are split changes no bit."""
    rng, K = np.random.default_rng(rows), 37
    columns = vectors * (BYTES // np.dtype(dtype).itemsize) - 1
    A: Array = rng.standard_normal((rows, K)).astype(dtype)
    M: Array = rng.standard_normal((K, columns)).astype(dtype)
    padded = columns + 1
    P: Array = np.empty((1, K * padded), dtype)
    C: Array = np.full((rows, padded), 3, dtype)
    products.pack_columns(M, K, K, P)
    _product(A, P, C, padded, add)
    np.testing.assert_allclose(C[:, :columns], A @ M + 3 * add, atol=1e-5)
    np.testing.assert_array_equal(C[:, columns:], 3 * add)
    for row in range(rows):
        alone: Array = np.full((1, padded), 3, dtype)
        _product(A[row : row + 1], P, alone, padded, add)
        np.testing.assert_array_equal(alone[0], C[row])


@numba.njit
def _product(A, P, C, filled, add):  # type: ignore[no-untyped-def]
    (rows, K), V = A.shape, width(A)
    for left in range(0, filled, 4 * V):
        vectors = min(4, (filled - left) // V)
        products.panel_product(vectors, A, 0, rows, P, left * K, 0, C, 0, left, V, K, add)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("one_hot", [True, False], ids=["one-hot", "dense"])
@pytest.mark.parametrize(
    ("hidden_size", "batch"), [(1, 1), (15, 7), (16, 6), (17, 5), (64, 13), (100, 2), (130, 3)]
)
@pytest.mark.parametrize("cell", COMPILED)
def test_any_size_agrees_with_numpy(
    cell: str, hidden_size: int, batch: int, one_hot: bool, dtype: type
) -> None:
    """Sizes that fill vectors and tiles, and such that leave some over."""
    reference = random_problem(
        cell, hidden_size=hidden_size, batch=batch, one_hot=one_hot, rate=0.3, weight_rate=0.3
    )
    scale = hidden_size**-0.5  # else the larger ones are all saturated
    reference.params.flat[...] *= scale
    problem = reference.as_type(dtype)
    error, expected = 1e-10 if dtype is np.float64 else 1e-4, reference.run()
    for problem_of in (problem, replace(problem, stack=as_compiled(problem.stack))):
        assert_same(problem_of.run(), expected, partial(assert_close, error=error))


def assert_close(actual: Array, expected: Array, *, error: float, **_: object) -> None:
    # One unit that is normalised is always 0, and so are its gradients.
    largest = np.abs(expected).max() or 1
    np.testing.assert_allclose(actual, expected, rtol=0, atol=error * largest)


def _weights(cell: str, *, threads: int = 2) -> tuple[Training, charrnn.nn.parameters.Array]:
    """A few steps of training; shards of 17 and 18 streams leave odd ends of the vectors."""
    training = Training(
        CORPUS,
        charrnn.ModelConfig(**named(cell), hidden_size=13, num_layers=2, dropout=0.2),
        charrnn.TrainingConfig(seq_length=7, batch_size=35, epochs=9, threads=threads),
    )
    list(islice(training, 12))
    return training, training.current_model().parameters.flat


@pytest.mark.parametrize("cell", COMPILED)
def test_training_agrees_with_numpy(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights to rounding, and the same bits when it is done again."""
    training, compiled = _weights(cell)
    assert training.form == f"numba ({BYTES}-byte vectors)"
    np.testing.assert_array_equal(_weights(cell)[1], compiled)

    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")
    training, by_numpy = _weights(cell)
    assert training.form == "numpy"
    np.testing.assert_allclose(compiled, by_numpy, rtol=0, atol=2e-4)


@pytest.mark.parametrize("cell", COMPILED)
def test_nothing_is_compiled_after_the_start(cell: str) -> None:
    """``compile_ahead`` compiles what training calls: no first step that takes seconds."""
    compile_ahead(charrnn.ModelConfig(**named(cell)), charrnn.TrainingConfig())
    before = [len(kernel.signatures) for kernel in vectors.COMPILED]
    _weights(cell)
    assert before == [len(kernel.signatures) for kernel in vectors.COMPILED]


def test_constants_in_calls_are_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No function is compiled anew for one of them."""
    monkeypatch.setattr(vectors, "COMPILED", [])

    @partial(vectors.compiled, kept=False)
    def called(k: int, negative: bool) -> int:
        return -k if negative else k

    @partial(vectors.compiled, kept=False)
    def calling(k: int) -> int:
        found: int = called(4, False) + called(k, negative=True) + called(k, k > 3)
        return found

    assert calling(3) == 4
    assert len(called.signatures) == 1


def test_names_of_kernels_differ() -> None:
    """Numba links what is on disk by them: of two with one name, from two processes, one would be taken for the other.

    They also tell what is in all files of the folder, of which Numba itself looks at one only.
    """
    names = [
        (kernel.py_func.__module__, kernel.py_func.__qualname__) for kernel in vectors.COMPILED
    ]
    assert len(set(names)) == len(names) > 20
    assert len({name.rsplit("_", 1)[1] for _, name in names}) == 1


def test_writing_does_not_load_numba(tmp_path: Path) -> None:
    """Training pays for the import, and who writes much at once."""
    path = tmp_path / "model.npz"
    charrnn.save_checkpoint(_weights("lstm")[0].checkpoint(), path)
    code = (
        "import sys; from charrnn.cli import run;"
        f"assert run(['sample', {str(path)!r}, '--length', '9', '--prime', 'It']) == 0;"
        f"assert run(['inspect', {str(path)!r}]) == 0; sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_train_says_who_takes_the_steps(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does without Numba where it cannot be imported."""
    options = ("--hidden-size", "4", "--seq-length", "20", "--batch-size", "2", "--epochs", "1")
    assert "steps by Numba" in run("train", "corpus.txt", *options).err
    without_numba(monkeypatch)
    assert "steps by NumPy" in run("train", "corpus.txt", *options).err


def test_one_type_of_numbers() -> None:
    """Kernels trust their arrays: what does not fit is an error before it reaches one."""
    problem = random_problem("lstm", form=as_compiled).as_type(np.float32)
    with pytest.raises(TypeError, match="one type"):
        problem.forward(Workspace(np.float64))
    with pytest.raises(TypeError, match="one type"):
        replace(problem, state=problem.state.astype(np.float64)).forward(Workspace())
    with pytest.raises(TypeError, match="C-contiguous"):
        _tanh(np.ones((16, 16), np.float32).T, np.ones((16, 16), np.float32))


@pytest.mark.parametrize("cell", COMPILED)
def test_ids_out_of_range(cell: str) -> None:
    """They are taken as the nearest one, as in the reference: no memory of others is read or written."""
    problem = random_problem(cell, one_hot=True, form=as_compiled)
    bounds = replace(problem, x=problem.x * 0 + 2)
    assert_same(replace(problem, x=problem.x * 0 + 200).run(), bounds.run())
