"""``--layer-norm``: what normalisation is for, and that a run, a checkpoint and the views know of it.

Its equations are tested with those of the cells: by PyTorch's numbers, by the oracle, by finite differences and in all forms.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from forms import Form
from kinds import NORMALIZED
from samples import TINY, content
from stack_problem import random_problem

import charrnn
from charrnn.errors import InputError
from charrnn.nn.normalization import EPSILON, Normalization

H, B = 7, 3


def test_what_comes_out() -> None:
    """Of each gate and text: mean b and deviation γ, where these are the same for all units; whatever came in."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(3 * H, B)) * rng.uniform(0.1, 9, size=(3 * H, 1)) + 5
    gain, bias = np.repeat([2.0, 3.0, 4.0], H), np.repeat([-1.0, 0.0, 1.0], H)
    normalize = Normalization({"gain": gain, "b": bias}, H)
    p = a.copy()
    normalize(p, 0)
    gates = p.reshape(3, H, B)
    np.testing.assert_allclose(gates.mean(axis=1), [[-1] * B, [0] * B, [1] * B], atol=1e-12)
    np.testing.assert_allclose(gates.std(axis=1), [[2] * B, [3] * B, [4] * B], rtol=EPSILON)
    one = a[H : 2 * H].copy()
    normalize(one, 1)
    np.testing.assert_array_equal(one, p[H : 2 * H])


@pytest.mark.parametrize("cell", [cell for cell in NORMALIZED if "gru" not in cell])
def test_how_large_weights_are_does_not_matter(cell: str, every_form: Form) -> None:
    """Nor a number that is added to all sums of a gate. (In a GRU the reset gate multiplies a part of a sum.)"""
    problem = random_problem(cell, hidden_size=20, form=every_form)
    before, _ = problem.forward(problem.workspace())
    before = before.copy()
    for name, array in problem.params.items():
        if name.endswith(("/U", "/W")):
            array *= 8
            array += 0.5
    after, _ = problem.forward(problem.workspace())
    np.testing.assert_allclose(after, before, atol=2e-4)


def test_who_has_none() -> None:
    """A net without memory, in a line."""
    with pytest.raises(
        InputError, match="layer-norm is for a cell with a state, and feedforward has none"
    ):
        charrnn.ModelConfig(cell="feedforward", layer_norm=True)


def test_a_run_from_the_command_line(run: Run) -> None:
    """Refused without a state; resumed bit for bit; gone on from, with more characters; never changed on the way."""
    refused = run("train", "corpus.txt", "--cell", "feedforward", "--layer-norm", "--epochs", 1)
    words = "charrnn: layer-norm is for a cell with a state, and feedforward has none\n"
    assert (refused.code, refused.err) == (2, words)
    steps = ("--hidden-size", 8, "--weight-drop", 0.2, "--sample-every", 0, "--threads", 1)
    constant = ("--schedule", "constant", "--warmup", 0, "--eval-every", 3, "-q")
    options = ("train", "corpus.txt", "--layer-norm", *steps, *constant)
    assert run(*options, "--steps", 12, "-o", "whole.npz").code == 0
    assert run(*options, "--steps", 7, "-o", "half.npz").code == 0
    assert run("train", "--resume", "half.npz", "--steps", 12, "-q").code == 0
    whole, half = content("whole.npz"), content("half.npz")
    assert whole["model"]["layer_norm"] is True
    assert whole["arrays"] == half["arrays"]

    changed = run("train", "--resume", "half.npz", "--no-layer-norm", "--steps", 14)
    said = "--layer-norm is True in that model, and stays so with --resume"
    assert (changed.code, said in changed.err) == (2, True)
    other = Path("other.txt")
    other.write_text("Ω and what is known: it was the best of lines.\n" * 40, encoding="utf-8")
    onward = ("train", other, "--init-from", "whole.npz", "--epochs", 1, "--sample-every", 0, "-q")
    assert run(*onward, "--extend-vocab", "-o", "onward.npz").code == 0
    model = charrnn.load("onward.npz")
    assert model.config.layer_norm
    assert "Ω" in model.vocabulary.characters
    assert run("train", other, *TINY, "-q", "-o", "plain.npz").code == 0
    asked = ("--init-from", "plain.npz", "--layer-norm", "--epochs", 1)
    said = "--layer-norm is False in that model, and stays so with --init-from"
    assert said in run("train", other, *asked).err


@pytest.mark.parametrize("cell", ["lstm", "rnn"])  # what a budget chooses, and one without gates
def test_a_model_is_of_use(cell: str, run: Run) -> None:
    """It writes, says how likely a text is, and is looked at."""
    train = ("train", "corpus.txt", "--cell", cell, "--layer-norm", *TINY, "-q", "-o", "a.npz")
    assert run(*train).code == 0
    texts = [run("sample", "a.npz", "--seed", 1, "-n", 30, "-q", *more) for more in ((), ())]
    assert texts[0].code == 0
    assert texts[0].out == texts[1].out
    assert run("score", "a.npz", "corpus.txt").code == 0
    assert "layer-normalised" in " ".join(run("inspect", "a.npz").out.split())
    for view in ("--details", "--weights", "--gradients", "--neurons", "--embedding"):
        seen = run("inspect", "a.npz", view)
        assert (seen.code, seen.err.count("Traceback")) == (0, 0), view
    gates = run("inspect", "a.npz", "--gates")
    assert gates.code == (0 if cell in ("lstm", "gru") else 2)
    assert "gain" in run("inspect", "a.npz", "--details").out
