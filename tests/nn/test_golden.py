"""Outputs and gradients equal PyTorch's, number for number (``golden_torch.py`` made the file)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from forms import Form
from kinds import NORMALIZED, RECURRENT, class_of
from samples import chunk_of
from stack_problem import StackProblem

from charrnn.config import ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn.cells import cell_class
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace

Tensors = Mapping[str, Array]

LENGTHS = (4, 6, 1)  # of the texts that are read in both directions, as in golden_torch.py


class Precision(NamedTuple):
    dtype: type[np.floating]
    rtol: float
    atol: float

    def assert_close(self, actual: Array, golden: Array, name: str) -> None:
        assert actual.dtype == self.dtype, f"{name} is {actual.dtype}"
        assert np.any(golden), f"{name}: nothing but zeros checks nothing"
        np.testing.assert_allclose(actual, golden, self.rtol, self.atol, err_msg=name)


PRECISIONS = [
    pytest.param(Precision(np.float64, 1e-10, 1e-12), id="float64"),
    pytest.param(Precision(np.float32, 1e-5, 1e-5), id="float32"),
]


@pytest.fixture(scope="module")
def golden() -> Tensors:
    with np.load(Path(__file__).with_name("golden_torch.npz")) as file:
        return dict(file)


def below(tensors: Tensors, prefix: str) -> Tensors:
    """The tensors whose names start with ``prefix``, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


# PyTorch's layout into ours.


def our_gate_order(cell: str, tensor: Array) -> Array:
    """PyTorch stacks the LSTM's gates as i, f, g, o and the GRU's as r, z, n (our r, u, n)."""
    gates = np.split(tensor, len(cell_class(cell).rows))
    if cell == "lstm":
        i, f, g, o = gates
        gates = [i, f, o, g]
    return np.concatenate(gates)


def our_layers(
    cell: str, tensors: Tensors, *, gradients: bool = False, both: bool = False
) -> dict[str, Array]:
    """Weights of the recurrent layers, of both directions perhaps, or their gradients, by our names.

    PyTorch has a bias for the input and one for the state. They only ever occur as a sum, our b,
    whose gradient either of them has; but not for the GRU's candidate, where the second is our d.
    """
    ours = {}
    theirs = {f"layer{index}": f"l{index}" for index in range(2)}
    if both:
        theirs |= {f"{our}/reverse": f"{their}_reverse" for our, their in theirs.items()}
    for our, their in theirs.items():
        U, W, b_ih, b_hh = (
            our_gate_order(cell, tensors[f"{name}_{their}"])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        b = b_ih.copy() if gradients else b_ih + b_hh
        if cell == "gru":
            H = W.shape[1]
            b[2 * H :] = b_ih[2 * H :]
            ours[f"{our}/d"] = b_hh[2 * H :]
        ours |= {f"{our}/U": U, f"{our}/W": W, f"{our}/b": b}
    return ours


def our_normalized_layers(tensors: Tensors) -> dict[str, Array]:
    """The same of the layers that ``golden_torch.py`` makes of ``nn.LayerNorm``, in our order of gates."""
    ours = {}
    for index in range(2):
        norms = below(tensors, f"norms{index}.")
        gates = range(len(norms) // 2)
        for name, their in (("gain", "weight"), ("b", "bias")):
            ours[f"layer{index}/{name}"] = np.concatenate([norms[f"{n}.{their}"] for n in gates])
        for name in ("U", "W"):
            ours[f"layer{index}/{name}"] = tensors[f"{name}{index}.weight"]
        if f"d{index}" in tensors:
            ours[f"layer{index}/d"] = tensors[f"d{index}"]
    return ours


def our_model(cell: str, tensors: Tensors, *, gradients: bool = False) -> dict[str, Array]:
    """The same for the language model."""
    ours = our_layers(cell, below(tensors, "recurrent."), gradients=gradients)
    ours |= {"V": tensors["linear.weight"], "c": tensors["linear.bias"]}
    if "embedding.weight" in tensors:
        ours["E"] = tensors["embedding.weight"].T
    return ours


def our_sequence(tensor: Array) -> Array:
    """``(T, B, features)`` to ``(features, T, B)``."""
    return np.transpose(tensor, (2, 0, 1))


def our_state(tensor: Array) -> Array:
    """``(states, L, B, H)`` to ``(L, states, H, B)``."""
    return np.transpose(tensor, (1, 0, 3, 2))


def filled(shapes: Mapping[str, tuple[int, ...]], values: Tensors, dtype: type) -> Parameters:
    assert set(shapes) == set(values)
    params = Parameters(shapes, dtype=dtype)
    for name, array in params.items():
        array[...] = values[name].reshape(shapes[name])
    return params


# The comparison.


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("cell", "both"),
    [(name, both) for name in RECURRENT for both in (False, True)]
    + [(name, False) for name in NORMALIZED],
)
def test_recurrent_layers(
    golden: Tensors, cell: str, both: bool, precision: Precision, every_form: Form
) -> None:
    """``nn.LSTM``, ``nn.GRU`` and ``nn.RNN``, two layers: outputs, final state, every gradient.

    In both directions it is of texts of several lengths, which PyTorch packs. What is normalised is made of ``nn.LayerNorm``.
    """
    normalized = cell in NORMALIZED
    tensors = below(golden, f"both-{cell}/" if both else f"{cell}/")
    sequences = {name: our_sequence(tensors[name]) for name in ("x", "dout", "out", "grad/x")}
    states = {name: our_state(tensors[name]) for name in ("state", "dfinal", "final", "grad/state")}
    input_size, hidden_size = sequences["x"].shape[0], states["state"].shape[2]
    stack = every_form(Stack(class_of(cell), input_size, hidden_size, 2, bidirectional=both))
    dtype = precision.dtype

    result = StackProblem(
        stack,
        filled(
            stack.parameter_shapes(),
            our_normalized_layers(tensors) if normalized else our_layers(cell, tensors, both=both),
            dtype,
        ),
        x=sequences["x"].astype(dtype),
        state=states["state"].astype(dtype),
        dh=sequences["dout"].astype(dtype),
        dstate=states["dfinal"].astype(dtype),
        lengths=np.array(LENGTHS) if both else None,
    ).run()

    precision.assert_close(result.h, sequences["out"], "h")
    precision.assert_close(result.final, states["final"], "final state")
    assert result.dx is not None
    precision.assert_close(result.dx, sequences["grad/x"], "dx")
    precision.assert_close(result.dstate, states["grad/state"], "dstate")
    theirs = below(tensors, "grad/")
    expected = (
        our_normalized_layers(theirs)
        if normalized
        else our_layers(cell, theirs, gradients=True, both=both)
    )
    assert set(expected) == set(result.gradients)
    for name, gradient in result.gradients.items():
        precision.assert_close(gradient, expected[name], f"d{name}")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("case", "cell"), [("model-one-hot", "lstm"), ("model-embedded", "gru")], ids=str
)
def test_language_model(
    golden: Tensors, case: str, cell: str, precision: Precision, every_form: Form
) -> None:
    """Embedding or one-hot, linear layer, cross-entropy: logits, losses and every gradient."""
    tensors = below(golden, f"{case}/")
    values = our_model(cell, tensors)
    vocabulary_size, hidden_size = values["V"].shape
    embedding_size = len(values["E"]) if "E" in values else 0
    model = every_form(
        LanguageModel(ModelConfig(cell, hidden_size, 2, embedding_size), vocabulary_size)
    )
    params = filled(model.parameter_shapes(), values, precision.dtype)
    ids, targets = tensors["ids"], tensors["targets"]
    state = our_state(tensors["state"]).astype(precision.dtype)
    workspace = Workspace(precision.dtype)

    logits, final = model.logits(params, ids, state, workspace)
    precision.assert_close(logits, our_sequence(tensors["logits"]), "logits")
    precision.assert_close(final, our_state(tensors["final"]), "final state")
    nll = cross_entropy_(logits, targets)
    precision.assert_close(nll, tensors["nll"], "nll")

    gradients = params.zeros()
    total, _ = model.loss_and_gradients(params, gradients, chunk_of(ids, targets), state, workspace)
    assert total == pytest.approx(tensors["nll"].sum(), rel=precision.rtol)
    expected = our_model(cell, below(tensors, "grad/"), gradients=True)
    assert set(expected) == set(gradients)
    for name, gradient in gradients.items():
        precision.assert_close(gradient, expected[name], f"d{name}")
