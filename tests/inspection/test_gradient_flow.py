"""The gradient of a loss by an earlier state: against finite differences, and the chain of all steps."""

from __future__ import annotations

import numpy as np
import pytest
from kinds import RECURRENT, configured, every_recurrent

from charrnn.config import ModelConfig, TextConfig
from charrnn.errors import CheckpointError, InputError
from charrnn.inspection.flow import (
    GradientFlow,
    fresh_flows,
    gradient_flow,
    state_gradients,
)
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.models.network import Network
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.vocabulary import Vocabulary

K, T, B = 7, 4, 2
TEXT = "\nabcd efg\nbad\n\ngab fed" * 4


def _model(cell: str = "lstm", *, records: bool = False) -> CharacterModel:
    vocabulary = Vocabulary.of(TEXT, TextConfig(normalize="none", records=records))
    return CharacterModel.fresh(configured(cell, 6), vocabulary, np.random.default_rng(3))


def _random(network: Network, rng: np.random.Generator) -> Parameters:
    params = Parameters(network.parameter_shapes(), dtype=np.float64)
    params.flat[...] = 0.5 * rng.standard_normal(params.flat.shape)
    return params


def _loss(network: LanguageModel, params: Parameters, ids: Ids, target: int, state: Array) -> float:
    """Of the last step, from one column's state before ``ids``; of the state alone without any."""
    if len(ids):
        _, state = network.logits(params, ids, state, Workspace(np.float64))
    logits = params["V"] @ state[-1, 0] + params["c"][:, None]
    return float(cross_entropy_(logits, np.array([target]))[0])


@pytest.mark.parametrize("embedding_size", [0, 3])
@every_recurrent
def test_equals_finite_differences(cell: str, embedding_size: int) -> None:
    """By every number of the state, for every k, in float64, from a state that is not zero."""
    rng = np.random.default_rng(1)
    network = LanguageModel(configured(cell, 4, 2, embedding_size), K)
    params = _random(network, rng)
    ids, targets = rng.integers(K, size=(T, B)), rng.integers(K, size=B)
    states = [rng.standard_normal(network.stack.state_shape(B))]
    for symbols in ids:
        _, after = network.logits(params, symbols[None], states[-1], Workspace(np.float64))
        states.append(after)
    found = list(state_gradients(network, params, ids, targets, states[0]))
    assert len(found) == T + 1
    step = 1e-6
    for k, gradient in enumerate(found):
        for place in np.ndindex(gradient.shape):
            column = slice(place[-1], place[-1] + 1)
            sides = []
            for sign in (1, -1):
                state = states[T - k].copy()
                state[place] += sign * step
                rest = ids[T - k :, column]
                sides.append(
                    _loss(network, params, rest, int(targets[place[-1]]), state[..., column])
                )
            slope = (sides[0] - sides[1]) / (2 * step)
            assert gradient[place] == pytest.approx(slope, rel=1e-5, abs=1e-8), (k, place)


@pytest.mark.parametrize("records", [False, True])
def test_windows_are_the_whole(records: bool) -> None:
    """Each column is what the text, or the record, gives read from its beginning; NaN before that."""
    model, steps = _model(records=records), 9
    flow = gradient_flow(model, TEXT[1:], steps=steps, losses=11)
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    ids = model.vocabulary.encode(TEXT).astype(np.intp)
    ends = np.linspace(steps - 1, len(ids) - 2, 11).round().astype(int)
    assert flow.norms.shape == (steps + 1, 11)
    for column, end in enumerate(ends):
        begin = TEXT.rindex("\n", 0, end + 1) if records else 0
        read, zero = ids[begin : end + 1, None], model.network.zero_state(1, np.float64)
        whole = state_gradients(model.network, params, read, ids[end + 1 : end + 2], zero)
        norms = [np.linalg.norm(gradient) for gradient in whole][: steps + 1]
        np.testing.assert_allclose(flow.norms[: len(norms), column], norms, rtol=1e-10)
        assert np.isnan(flow.norms[len(norms) :, column]).all()
    assert records == bool(np.isnan(flow.norms).any())
    if not records:
        np.testing.assert_allclose(np.sqrt(np.square(flow.parts).sum(axis=(1, 2))), flow.rms)


def test_one_column_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little memory changes nothing."""
    before = gradient_flow(_model(), TEXT, steps=20, losses=4)
    monkeypatch.setattr("charrnn.inspection.flow.MEMORY", 1)
    np.testing.assert_allclose(
        gradient_flow(_model(), TEXT, steps=20, losses=4).norms, before.norms, rtol=1e-12
    )


def test_figures_of_a_known_decay() -> None:
    """A gradient that is halved at each step falls below a hundredth after seven of them."""
    norms = 3 * 0.5 ** np.arange(11)[:, None] * np.ones(4)
    flow = GradientFlow(norms, norms[..., None])
    assert flow.memory == 7
    assert flow.factor == pytest.approx(0.5)
    assert GradientFlow(norms[:7], norms[:7]).memory is None  # 1/64 is the last that was measured
    assert GradientFlow(np.ones((5, 2)), norms).memory is None


def test_an_exploding_gradient() -> None:
    """In a linear regime the factor is that of the recurrence: here twice a rotation."""
    model = _model("rnn-relu")
    model.parameters["layer0/W"][...] = 2 * np.eye(6)
    model.parameters["layer1/W"][...] = 0
    model.parameters["layer1/U"][...] = np.eye(6)
    for layer in (0, 1):
        model.parameters[f"layer{layer}/b"][...] = 1  # keeps every unit open
    model.parameters["layer0/U"][...] = 0
    flow = gradient_flow(model, TEXT, steps=30)
    assert flow.factor == pytest.approx(2)
    assert flow.memory is None


def test_fresh_models_of_each_cell() -> None:
    flows = dict(fresh_flows(_model("gru"), TEXT, steps=20, losses=4, rng=1))
    assert list(flows) == RECURRENT
    assert flows["lstm"].parts.shape == (21, 2, 2)
    again = dict(fresh_flows(_model("lstm"), TEXT, steps=20, losses=4, rng=1))
    assert all(np.array_equal(flows[cell].norms, again[cell].norms) for cell in RECURRENT)


def test_errors() -> None:
    with pytest.raises(InputError, match="no text"):
        gradient_flow(_model(), "")
    with pytest.raises(
        InputError, match="without memory: it predicts from 3 characters and nothing"
    ):
        gradient_flow(_model("feedforward"), TEXT)
    model = _model("rnn-relu")
    model.parameters["layer1/W"][...] = 1e30
    model.parameters["layer1/b"][...] = 1
    with pytest.raises(CheckpointError, match="overflow"):
        gradient_flow(model, TEXT * 3)


def test_a_single_character() -> None:
    assert gradient_flow(_model(), "a").norms.shape == (2, 1)


def test_without_any_loss() -> None:
    """A model of a single character is always right: there is no gradient to vanish."""
    model = CharacterModel.fresh(ModelConfig("gru", 3), Vocabulary("a"), np.random.default_rng(0))
    flow = gradient_flow(model, "aaaa")
    assert not flow.rms.any()
    assert flow.memory == 1
    assert np.isnan(flow.factor)


def test_ids_may_be_small_integers() -> None:
    network = _model().network
    params = _random(network, np.random.default_rng(0))
    ids: Ids = np.zeros((3, 1), np.uint8)
    zero = network.zero_state(1, np.float64)
    assert len(list(state_gradients(network, params, ids, ids[0], zero, steps=2))) == 3
