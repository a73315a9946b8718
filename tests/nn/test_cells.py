"""The registry of cells, and what a cell says of itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from kinds import KINDS, class_of
from stack_problem import random_parameters

from charrnn.nn import LSTM, RNN, Layer, Parameters, Stack, Workspace, cell_class, compile_stack
from charrnn.nn.cells.cell import Cell

every_cell = pytest.mark.parametrize("cell", [class_of(name) for name in KINDS])


def test_unknown_cell() -> None:
    """It is an error, which names those that there are; never another cell."""
    with pytest.raises(
        ValueError, match="no cell 'lsmt'; there are lstm, gru, rnn, rnn-relu, feedforward"
    ):
        cell_class("lsmt")


def test_names_are_known_without_numpy() -> None:
    """``--help`` shows them."""
    code = "import sys, charrnn.nn; assert charrnn.nn.CELLS; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_exports() -> None:
    """Every name is there; another one is an error."""
    import charrnn.nn

    assert sorted(charrnn.nn.__all__) == sorted(set(dir(charrnn.nn)))
    assert all(getattr(charrnn.nn, name) is not None for name in charrnn.nn.__all__)
    with pytest.raises(AttributeError):
        charrnn.nn.Lstm  # noqa: B018


@every_cell
def test_gates_are_the_first_rows(cell: type[Cell]) -> None:
    """That is where views look for them; what keeps is one of them; *h* is the first state."""
    assert cell.gates == cell.rows[: len(cell.gates)]
    assert (cell.keeps is None) == (not cell.gates)
    assert cell.keeps is None or cell.keeps in cell.gates
    assert cell.states[0] == "h"
    shapes = cell(5).parameter_shapes()
    assert shapes.get("W") == ((5 * len(cell.rows), 5) if cell.recurrent else None)


@pytest.mark.parametrize("cell", [cell for cell in map(class_of, KINDS) if cell.keeps])
def test_what_keeps_keeps(cell: type[Cell]) -> None:
    """With that gate open, and nothing written, a unit's memory stays as it is."""
    assert cell.keeps is not None
    layer = Layer(cell(3), 2, "layer", one_hot=False)
    params = Parameters(layer.parameter_shapes(), dtype=np.float64)
    bias = params["layer/b"].reshape(len(cell.rows), 3)
    bias[...] = -50
    bias[cell.rows.index(cell.keeps)] = 50
    rng = np.random.default_rng(0)
    state = rng.standard_normal((len(cell.states), 3, 4))
    _, final = layer.forward(params, rng.standard_normal((2, 6, 4)), state, Workspace(np.float64))
    np.testing.assert_allclose(final[-1], state[-1])  # the LSTM's c, the GRU's h


@every_cell
def test_stepper_takes_the_steps_of_forward(cell: type[Cell]) -> None:
    """The same bits as the chunk's, from the same sums."""
    one, T, B = cell(4), 5, 3
    rows = 4 * len(cell.rows)
    shapes = {**one.parameter_shapes(), "b": (rows,)}  # which a normalised cell adds itself
    params = random_parameters(shapes, np.random.default_rng(0), np.float32)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((rows, T, B)).astype(np.float32)
    state = rng.standard_normal((len(cell.states), 4, B)).astype(np.float32)
    workspace = Workspace()
    with workspace.scratch:
        h, final = one.forward(params, z, state, workspace)
    z_t, Wh = np.empty((rows, B), np.float32), np.empty((rows, B), np.float32)
    step = one.stepper(params, z_t, Wh, state)
    for t in range(T):
        z_t[...] = z[:, t]
        if cell.recurrent:
            np.matmul(params["W"], state[0], out=Wh)
        step()
        np.testing.assert_array_equal(state[0], h[:, t])
    np.testing.assert_array_equal(state, final)


def test_defaults_of_a_stack() -> None:
    """One layer, of a dense input, that has its name to itself."""
    (layer,) = Stack(LSTM, 2, 3).layers
    assert (layer.name, layer.input_size, layer.one_hot) == ("layer0", 2, False)


class Echo(RNN):
    """A cell that nobody has compiled, and that keeps things under the names of others."""

    def forward(self, params, z, state, workspace):  # type: ignore[no-untyped-def]
        for name in ("x", "mask", "kept", "W_mask", "W_kept", "dx", "ids", "logits", "dh"):
            workspace.array(name, *z.shape).fill(np.nan)
        return super().forward(params, z, state, workspace)

    def backward(self, params, gradients, dz, dh, dstate, workspace):  # type: ignore[no-untyped-def]
        workspace.scratch.array(*dz.shape).fill(np.nan)
        return super().backward(params, gradients, dz, dh, dstate, workspace)


def test_no_compiled_form() -> None:
    """Then the reference is what there is; of a cell that has one, the other way round."""
    own = Stack(Echo, 2, 3)
    assert compile_stack(own) is own
    pytest.importorskip("numba")
    known = Stack(LSTM, 2, 3)
    assert compile_stack(known) is not known
