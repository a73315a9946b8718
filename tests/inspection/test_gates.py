"""What is told of the gates: against each gate computed step by step, and known memories."""

from __future__ import annotations

import numpy as np
import pytest
from kinds import KINDS, class_of, configured

from charrnn.config import TextConfig
from charrnn.errors import CheckpointError, InputError
from charrnn.inspection.gates import gate_activity
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary

GATED = [name for name in KINDS if class_of(name).gates]
TEXT = "abcd efg\nbad\n\ngab fed\n" * 3


def _model(cell: str, *, records: bool = False, embedding_size: int = 0) -> CharacterModel:
    config = configured(cell, 5, 2, embedding_size)
    vocabulary = Vocabulary.of(TEXT, TextConfig(normalize="none", records=records))
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(3))
    model.parameters.flat[...] *= 3  # so that gates saturate
    return model


def _sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def _gates(model: CharacterModel, text: str) -> Array:
    """``(T, L, G, H)``, by the equations, one character after the other."""
    params = {name: array.astype(np.float64) for name, array in model.parameters.items()}
    lstm, H = model.config.cell == "lstm", model.config.hidden_size
    h, c, steps = np.zeros((2, H)), np.zeros((2, H)), list[list[tuple[Array, ...]]]()
    for symbol in model.vocabulary.encode("\n" + text)[:-1]:
        x = params["E"][:, symbol] if "E" in params else np.eye(len(model.vocabulary))[symbol]
        gates = list[tuple[Array, ...]]()
        for layer in (0, 1):
            U, W, b = (params[f"layer{layer}/{name}"] for name in "UWb")
            if lstm:
                *sigmoids, g = (U @ x + W @ h[layer] + b).reshape(4, H)
                i, f, o = map(_sigmoid, sigmoids)
                c[layer] = f * c[layer] + i * np.tanh(g)
                h[layer] = o * np.tanh(c[layer])
                gates.append((i, f, o))
            else:
                z, Wh = (U @ x + b).reshape(3, H), (W @ h[layer]).reshape(3, H)
                r, u = _sigmoid(z[0] + Wh[0]), _sigmoid(z[1] + Wh[1])
                n = np.tanh(z[2] + r * (Wh[2] + params[f"layer{layer}/d"]))
                h[layer] = (1 - u) * n + u * h[layer]
                gates.append((r, u))
            x = h[layer]
        steps.append(gates)
    return np.array(steps)


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize(("cell", "embedding_size"), [("lstm", 0), ("gru", 3)])
def test_equals_the_equations(cell: str, embedding_size: int, records: bool) -> None:
    model = _model(cell, records=records, embedding_size=embedding_size)
    found = gate_activity(model, TEXT)
    lines = [line + "\n" for line in TEXT.split("\n") if line]
    gates = np.concatenate([_gates(model, line) for line in (lines if records else [TEXT])])
    assert found.names == class_of(cell).gates
    assert found.steps == len(gates)
    np.testing.assert_allclose(found.mean, gates.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.left, (gates < 0.1).mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.right, (gates > 0.9).mean(axis=0), atol=1e-12)
    assert found.left.any()
    assert found.right.any()
    kept = np.exp(
        np.log(np.maximum(gates[:, :, 1], 1.2e-7)).mean(axis=0)
    )  # forget and update are the second ones
    np.testing.assert_allclose(found.memory, -1 / np.log(kept), rtol=1e-3)


@pytest.mark.parametrize("cell", GATED)
def test_a_known_memory(cell: str) -> None:
    """A gate that always stands at exp(-1/20) remembers for 20 steps; one at 1, for ever; at 0, never."""
    model = _model(cell)
    model.parameters.flat[...] = 0
    keep = np.exp(-1 / 20)
    bias = model.parameters["layer1/b"].reshape(-1, 5)[1]
    bias[...] = np.log(keep / (1 - keep))
    bias[3:] = 200, -200
    memory = gate_activity(model, TEXT).memory[1]
    np.testing.assert_allclose(memory[:3], 20, rtol=1e-4)
    assert memory[3] == np.inf
    assert memory[4] < 0.1


def test_a_long_text_is_read_in_parts() -> None:
    """Each character counts once, whatever the columns."""
    model = _model("lstm")
    model.parameters.flat[...] /= 6
    found = gate_activity(model, TEXT * 40)
    assert found.steps == len(TEXT * 40)
    np.testing.assert_allclose(found.mean, gate_activity(model, TEXT * 10).mean, atol=1e-3)


def test_errors() -> None:
    for cell in ("rnn", "rnn-relu"):
        with pytest.raises(InputError, match=f"{cell} cells has no gates"):
            gate_activity(_model(cell), TEXT)
    for text, records in (("", False), ("\n\n", True)):
        with pytest.raises(InputError, match="no text"):
            gate_activity(_model("gru", records=records), text)
    overflowing = _model("lstm")
    overflowing.parameters.flat[...] *= 1e38
    with pytest.raises(CheckpointError, match="overflow"):
        gate_activity(overflowing, TEXT)
