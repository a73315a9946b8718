"""Texts for labels: the gradient of what a text begins with, and that nothing else differs from a language model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from forms import Form
from hypothesis import given
from hypothesis import strategies as st
from kinds import configured, every_recurrent

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.models.conditional import Conditional
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.examples import Examples

K, LABELS, T, B = 5, 3, 6, 4
LINES = [f"{label}\t{label * n}b" for label in "xyz" for n in range(1, 8)]


def _random(network: Conditional) -> Parameters:
    params = Parameters(network.parameter_shapes(), dtype=np.float64)
    params.flat[...] = 0.6 * np.random.default_rng(1).standard_normal(params.flat.shape)
    return params


def _chunk(fresh: list[bool]) -> Chunk:
    rng = np.random.default_rng(2)
    ids, targets = rng.integers(K, size=(2, T, B))
    labels = np.array([0, 2, 2, 1])
    return Chunk(ids, targets, np.array(fresh), labels=labels)


@every_recurrent
@pytest.mark.parametrize("fresh", [[True] * B, [True, False, True, False], [False] * B])
def test_gradient_of_the_beginning(cell: str, fresh: list[bool], form: Form) -> None:
    """By finite differences; of texts that go on there is none, and their state comes from before."""
    network = Conditional(configured(cell, 3, 2, dropout=0.0, task="conditional"), K, LABELS)
    params, chunk = _random(network), _chunk(fresh)
    state = 0.5 * np.random.default_rng(3).standard_normal(network.stack.state_shape(B))
    quick = replace_stack(network, form)

    def loss(gradients: Parameters) -> float:
        total, _ = quick.loss_and_gradients(
            params, gradients, chunk, state, Workspace(np.float64), scale=0.7
        )
        return 0.7 * total

    gradients = params.zeros()
    loss(gradients)
    E, dE, small = params["begin/E"], gradients["begin/E"], 1e-6
    for place in np.ndindex(E.shape):
        kept, sides = E[place], []
        for way in (small, -small):
            E[place] = kept + way
            sides.append(loss(params.zeros()))
        E[place] = kept
        assert dE[place] == pytest.approx((sides[0] - sides[1]) / (2 * small), abs=1e-7)
    begun = {*np.array([0, 2, 2, 1])[np.array(fresh)].tolist()}
    moved = {column for column in range(LABELS) if dE[:, column].any()}
    # Of units that are shut from the first step on nothing goes back.
    assert moved == begun or (cell == "rnn-relu" and moved <= begun)


def replace_stack(network: Conditional, form: Form) -> Conditional:
    """The network with a form of its stack."""
    from copy import copy

    quick = copy(network)
    quick.stack = form(network.stack)
    return quick


@every_recurrent
def test_else_it_is_a_language_model(cell: str) -> None:
    """With the state that a label sets, loss, gradient and next state are a language model's."""
    config = configured(cell, 3, 2, dropout=0.0, task="conditional")
    network, plain = Conditional(config, K, LABELS), LanguageModel(configured(cell, 3, 2), K)
    params, chunk = _random(network), _chunk([True] * B)
    shared = Parameters(plain.parameter_shapes(), params.flat[: -params["begin/E"].size].copy())
    assert chunk.labels is not None
    state = params["begin/E"][:, chunk.labels].reshape(network.stack.state_shape(B))
    found = []
    for net, own, one, before in (
        (network, params, chunk, np.full_like(state, np.nan)),
        (plain, shared, replace(chunk, fresh=np.zeros(B, np.bool_)), state),
    ):
        gradients = own.zeros()
        loss, after = net.loss_and_gradients(own, gradients, one, before, Workspace(np.float64))
        found.append((loss, after, gradients.flat[: shared.flat.size]))
    for own, other in zip(*found, strict=True):
        np.testing.assert_array_equal(own, other)


@given(st.lists(st.floats(0, 3), min_size=LABELS, max_size=LABELS).filter(lambda w: sum(w) > 0.1))
def test_a_mixture_is_the_mean(shares: list[float]) -> None:
    """Of the labels' vectors, for each text alike."""
    model = _model()
    mixed = model.writing(dict(zip("xyz", shares, strict=True)))
    E = model.parameters["begin/E"]
    weights = np.array(shares) / sum(shares)
    begin = mixed.network.begin(mixed.parameters, 2)
    expected: Array = (E @ weights.astype(np.float32)).reshape(*begin.shape[:-1], 1)
    np.testing.assert_allclose(begin, np.broadcast_to(expected, begin.shape), rtol=1e-5, atol=1e-6)


def _model() -> charrnn.CharacterModel:
    examples = Examples.from_lines(LINES, "conditional")
    config = ModelConfig("gru", 6, 1, task="conditional")
    rng = np.random.default_rng(0)
    return charrnn.CharacterModel.fresh(config, examples.vocabulary, rng, examples.labels)


def test_nothing_begins_without_a_label() -> None:
    model = _model()
    with pytest.raises(InputError, match="none is chosen"):
        model.network.begin(model.parameters, 1)
    for shares in ({}, {"x": 0.0}, {"x": -1.0}, {"x": float("nan")}, {"w": 1.0}):
        with pytest.raises(InputError):
            model.writing(shares)


def test_a_chosen_label_is_another_model() -> None:
    """Models that write alike are equal, and others are not."""
    model = _model()
    assert model.writing({"x": 2}) == model.writing({"x": 1})
    assert model.writing({"x": 1}) != model.writing({"y": 1})
    assert model.writing({"x": 1}) != model


def test_examples_lie_as_records() -> None:
    """Each text stands between two line feeds, also an empty one, and its end is predicted."""
    examples = Examples.from_lines(["x\tab", "y\t", "x\tb"], "conditional")
    text = examples.vocabulary.decode(examples.ids[:-1])
    assert text == "\nab\n\nb\n"
    assert examples.spans.length.tolist() == [3, 1, 2]
    starts = examples.spans.first.tolist()
    assert [text[s] for s in starts] == ["\n"] * 3
    assert [examples.labels.names[n] for n in examples.answers] == ["x", "y", "x"]


def test_texts_in_several_chunks() -> None:
    """Cut into chunks a text is learnt as in one, up to where gradients are cut: the losses of a pass are the same."""
    from charrnn.nn.parallel import Shards
    from charrnn.training.division import divide
    from charrnn.training.evaluation import evaluate

    examples = Examples.from_lines([f"{a}\t{a * 40}b" for a in "xyz"] * 9, "conditional")
    config = ModelConfig("gru", 6, 1, task="conditional")
    rng = np.random.default_rng(0)
    model = charrnn.CharacterModel.fresh(config, examples.vocabulary, rng, examples.labels)
    found = []
    for length in (7, 100):
        division = divide(
            examples, charrnn.TrainingConfig(seq_length=length, batch_size=4, val_fraction=0.0)
        )
        found.append(evaluate(model.network, model.parameters, division.training, Shards(2)))
    assert found[0] == pytest.approx(found[1], rel=1e-5)
