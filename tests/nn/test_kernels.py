"""Compiled time steps: what the tests of the cells, which run through them as well, do not see."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from samples import make_text

import charrnn
from charrnn.config import CELLS
from charrnn.models.language_model import LanguageModel
from charrnn.nn import cell_class
from charrnn.training.trainer import Training

numba = pytest.importorskip("numba")

from charrnn.nn.compiled import kernels  # noqa: E402  (it needs Numba)

COMPILED = [name for name in CELLS if cell_class(name) in kernels.TWINS]


def test_which_have_a_twin() -> None:
    """The cells that had one still do; a further one may go without."""
    assert {"lstm", "gru", "rnn", "rnn-relu"} <= set(COMPILED)


CORPUS = charrnn.Corpus.from_text(make_text(60))


@numba.njit
def _tanh(x, out):  # type: ignore[no-untyped-def]
    for k in range(len(x)):
        out[k] = kernels._tanh(x[k])


def test_tanh_of_float32() -> None:
    """Every 64th float32 there is: within 5e-7 relative to tanh, odd, NaN where the argument is."""
    x = np.arange(0, 0x7F800001, 64, dtype=np.uint32).view(np.float32)  # from 0 to infinity
    out, mirrored = np.empty_like(x), np.empty_like(x)
    _tanh(x, out)
    _tanh(-x, mirrored)
    exact = np.tanh(x.astype(np.float64))
    normal = x > np.finfo(np.float32).tiny
    assert np.max(np.abs(out[normal] / exact[normal] - 1)) < 5e-7
    assert np.max(out[~normal]) <= np.finfo(np.float32).tiny
    np.testing.assert_array_equal(mirrored, -out)
    not_a_number = np.full(9, np.nan, np.float32)
    _tanh(not_a_number, not_a_number)
    assert np.all(np.isnan(not_a_number))


def test_tanh_of_float64() -> None:
    """In double precision it is the library's."""
    x = np.linspace(-20, 20, 1001)
    _tanh(x, out := np.empty_like(x))
    np.testing.assert_allclose(out, np.tanh(x), rtol=1e-15)


def _weights(cell: str, *, threads: int = 2) -> tuple[Training, charrnn.nn.parameters.Array]:
    """A few steps of training; shards of 17 and 18 streams leave odd ends of the vectors."""
    training = Training(
        CORPUS,
        charrnn.ModelConfig(cell, 13, 2, dropout=0.2),
        charrnn.TrainingConfig(seq_length=7, batch_size=35, epochs=9, threads=threads),
    )
    list(islice(training, 12))
    return training, training.current_model().parameters.flat


@pytest.mark.parametrize("cell", COMPILED)
def test_training_agrees_with_numpy(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights to rounding, and the same bits when it is done again."""
    training, compiled = _weights(cell)
    assert training.compiled
    np.testing.assert_array_equal(_weights(cell)[1], compiled)

    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")
    training, by_numpy = _weights(cell)
    assert not training.compiled
    np.testing.assert_allclose(compiled, by_numpy, rtol=0, atol=2e-4)


@pytest.mark.parametrize("cell", COMPILED)
def test_nothing_is_compiled_after_the_start(cell: str) -> None:
    """``compile_stack`` compiles what training calls: no first step that takes seconds."""
    LanguageModel(charrnn.ModelConfig(cell), 2).compiled()
    names = [name for name in vars(kernels) if name.startswith(cell.removesuffix("-relu"))]
    assert len(names) == 2
    before = {name: len(getattr(kernels, name).signatures) for name in names}
    assert all(before.values())
    _weights(cell)
    assert before == {name: len(getattr(kernels, name).signatures) for name in names}


def test_writing_does_not_load_numba(tmp_path: Path) -> None:
    """Only training pays for the import."""
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
    monkeypatch.delattr("charrnn.nn.compiled.kernels")
    monkeypatch.delitem(sys.modules, "charrnn.nn.compiled.kernels")
    monkeypatch.setitem(sys.modules, "numba", None)
    assert "steps by NumPy" in run("train", "corpus.txt", *options).err
