"""Nets that answer: their gradients, what padding is to them, and where a label is read from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from answerers import (
    CHARACTERS,
    EMBEDDED,
    LABELS,
    LENGTHS,
    ONE_HOT,
    Kind,
    T,
    alone,
    every_cell_and_way,
    every_kind,
    every_task,
    formed,
    random_chunk,
    random_net,
)
from forms import Form
from kinds import every_recurrent

from charrnn.config import CELLS, ModelConfig
from charrnn.models.classifier import Classifier
from charrnn.models.language_model import LanguageModel
from charrnn.models.network import Network
from charrnn.models.network_for import network_for
from charrnn.models.tagger import Tagger
from charrnn.nn.dropout import NO_DROPOUT
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk

STEP, TOLERANCE = 1e-5, 1e-7
MOST = 4  # numbers of an array that are moved

# Gradients.


def _weighted_loss(net: Network, params: Parameters, chunk: Chunk, workspace: Workspace) -> Array:
    """Of each prediction, times its weight, from the scores alone; nothing for padding."""
    zero = net.zero_state(len(chunk.fresh), np.float64)
    scores, _ = net.logits(
        params, chunk.inputs, zero, workspace, np.random.default_rng(3), chunk.lengths
    )
    right = np.take_along_axis(scores, chunk.targets[None], axis=0)[0]
    nats: Array = np.log(np.exp(scores).sum(axis=0)) - right
    if chunk.weights is not None:
        nats = nats * chunk.weights
    return nats if chunk.counted is None else np.where(chunk.counted, nats, 0)


def _assert_gradients(gradients: Parameters, params: Parameters, loss: Callable[[], float]) -> None:
    """Each number of a small array, and many of a large one, against central differences, relative to the largest."""
    rng = np.random.default_rng(9)
    for name, array in params.items():
        some = rng.permutation(array.size)[:MOST]
        places = np.append(some, np.abs(gradients[name]).argmax())
        expected = np.empty(len(places))
        for number, place in enumerate(places):
            value = array.flat[place]
            array.flat[place] = value + STEP
            above = loss()
            array.flat[place] = value - STEP
            expected[number] = (above - loss()) / (2 * STEP)
            array.flat[place] = value
        largest = np.abs(expected).max()
        assert largest > 1e-3, f"{name}: too small a gradient to check anything"
        error = np.abs(gradients[name].flat[places] - expected).max() / largest
        assert error < TOLERANCE, f"{name}: relative error {error:.1e}"


def _check(net: Network, params: Parameters, chunk: Chunk) -> None:
    workspace, scratch, scale = Workspace(np.float64), Workspace(np.float64), 0.37
    before = np.random.default_rng(2).standard_normal(params.flat.shape)
    gradients = Parameters(params.shapes, before.copy())
    net.loss_and_gradients(
        params,
        gradients,
        chunk,
        np.zeros(net.carried_shape(len(LENGTHS))),
        workspace,
        scale=scale,
        rng=np.random.default_rng(3),
    )
    gradients.flat -= before
    _assert_gradients(
        gradients, params, lambda: scale * float(_weighted_loss(net, params, chunk, scratch).sum())
    )


@pytest.mark.parametrize("kind", ONE_HOT, ids=str)
@every_task
def test_gradients(task: str, kind: Kind, form: Form) -> None:
    """Of texts of several lengths, an empty one among them, whose predictions count unequally."""
    net, params = random_net(kind.config(task))
    _check(formed(net, form), params, random_chunk(task, weighted=True))


@pytest.mark.parametrize("kind", [*EMBEDDED, Kind("feedforward", False)], ids=str)
@every_task
def test_gradients_of_what_drops(task: str, kind: Kind, form: Form) -> None:
    """With an embedding, where there can be one, and with masks of outputs, ends and weights."""
    recurrent = kind.cell != "feedforward"
    config = kind.config(task, 4, dropout=0.3, weight_drop=0.3 if recurrent else 0.0)
    net, params = random_net(config, seed=4)
    _check(formed(net, form), params, random_chunk(task, weighted=False, seed=1))


@every_cell_and_way
@every_task
def test_what_a_chunk_returns(task: str, kind: Kind, form: Form) -> None:
    """The loss is neither scaled nor weighted; no state goes on, and what was given is not looked at."""
    net, params = random_net(kind.config(task))
    net, chunk = formed(net, form), random_chunk(task, weighted=True)
    assert net.reads_whole
    state = np.full(net.carried_shape(len(LENGTHS)), np.nan)
    assert state.size == 0
    workspace = Workspace(np.float64)
    loss, after = net.loss_and_gradients(params, params.zeros(), chunk, state, workspace, scale=0.5)
    assert after is state
    plain = Chunk(chunk.inputs, chunk.targets, chunk.fresh, chunk.counted, chunk.lengths)
    expected = _weighted_loss(net, params, plain, Workspace(np.float64)).sum()
    assert loss == pytest.approx(expected, rel=1e-12)


@every_cell_and_way
@every_task
def test_columns_add_up(task: str, kind: Kind, form: Form) -> None:
    """Parts of a chunk have together its loss and its gradient, as shards have."""
    net, params = random_net(kind.config(task))
    net, chunk = formed(net, form), random_chunk(task, weighted=True)

    def learn(columns: slice, gradients: Parameters) -> float:
        state = np.zeros(net.carried_shape(0))
        part = chunk.part(columns)
        return net.loss_and_gradients(params, gradients, part, state, Workspace(np.float64))[0]

    whole, parts = params.zeros(), params.zeros()
    loss = learn(slice(None), whole)
    assert learn(slice(0, 2), parts) + learn(slice(2, None), parts) == pytest.approx(loss)
    np.testing.assert_allclose(parts.flat, whole.flat, rtol=1e-10, atol=1e-13)


@every_cell_and_way
@every_task
def test_no_columns(task: str, kind: Kind, form: Form) -> None:
    """A shard of a batch that has fewer texts than shards learns nothing, and is no error."""
    net, params = random_net(kind.config(task))
    net, gradients = formed(net, form), params.zeros()
    part = random_chunk(task, weighted=True).part(slice(0, 0))
    state = np.zeros(net.carried_shape(0))
    loss, _ = net.loss_and_gradients(params, gradients, part, state, Workspace(np.float64))
    assert loss == 0
    assert not gradients.flat.any()


# What padding is.


@every_kind
@every_task
def test_each_text_by_itself(task: str, kind: Kind, form: Form) -> None:
    """Its scores are the same alone, beside others in any order, and with more padding of another kind."""
    net, params = random_net(kind.config(task))
    net, rng = formed(net, form), np.random.default_rng(5)
    texts = [rng.integers(CHARACTERS, size=length) for length in LENGTHS]
    expected, workspace = [alone(net, params, ids) for ids in texts], Workspace(np.float64)
    for order, steps in (([0, 1, 2, 3, 4], T), ([4, 2, 0, 3, 1, 1], T + 3), ([3, 2], 1), ([2], 2)):
        x = rng.integers(CHARACTERS, size=(steps, len(order)))
        for column, text in enumerate(order):
            x[: LENGTHS[text], column] = texts[text]
        lengths = np.array([LENGTHS[text] for text in order])
        zero = net.zero_state(len(order), np.float64)
        scores, state = net.logits(params, x, zero, workspace, None, lengths)
        assert scores.shape == (LABELS, 1 if task == "classify" else steps, len(order))
        h, _ = net.hidden(params, x, zero, Workspace(np.float64), NO_DROPOUT, lengths)
        ends = net.ends(h, state, lengths)
        for column, text in enumerate(order):
            read = scores[:, 0, column]
            if task == "tag":
                read = scores[:, : LENGTHS[text], column].T
            np.testing.assert_allclose(read, expected[text].scores, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(ends[:, column], expected[text].ends, rtol=1e-10, atol=1e-12)


@every_cell_and_way
def test_the_label_of_an_empty_text(kind: Kind, form: Form) -> None:
    """It follows from the readout's bias alone: nothing has been read."""
    net, params = random_net(kind.config("classify"))
    found = alone(formed(net, form), params, np.empty(0, np.intp))
    np.testing.assert_array_equal(found.scores, params["c"])


# Where a label is read.


@every_recurrent
@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_ends(cell: str, num_layers: int, form: Form) -> None:
    """They are the top layer's outputs, forwards at the last place and backwards at the first."""
    net, params = random_net(Kind(cell, True).config("classify", 3, num_layers))
    net, chunk, H = formed(net, form), random_chunk("classify", weighted=False), 3
    zero = net.zero_state(len(LENGTHS), np.float64)
    h, state = net.hidden(
        params, chunk.inputs, zero, Workspace(np.float64), NO_DROPOUT, chunk.lengths
    )
    ends = net.ends(h, state, np.array(LENGTHS))
    for column, length in enumerate(LENGTHS):
        if length:
            np.testing.assert_array_equal(ends[:H, column], h[:H, length - 1, column])
            np.testing.assert_array_equal(ends[H:, column], h[H:, 0, column])
        else:
            assert not ends[:, column].any()


@every_recurrent
def test_outputs_at_the_last_place_are_blind(cell: str, form: Form) -> None:
    """There the backward direction has not seen the first character; where it ends it has.

    So they are no ends: with the forward half of the readout taken away, a label that the first character tells
    could not be found from them.
    """
    H = 3
    net, params = random_net(Kind(cell, True).config("classify", H, 1), seed=1)
    net = formed(net, form)
    params["V"][:, :H] = 0
    one = np.random.default_rng(7).integers(CHARACTERS, size=(6, 4))
    other = one.copy()
    other[0] = (one[0] + 1) % CHARACTERS
    lengths, texts = np.array([6, 2, 5, 3]), np.arange(4)
    zero, at_ends, at_last = net.zero_state(4, np.float64), list[Array](), list[Array]()
    for ids in (one, other):
        workspace = Workspace(np.float64)
        h, _ = net.hidden(params, ids, zero, workspace, NO_DROPOUT, lengths)
        at_last.append(params["V"] @ h[:, lengths - 1, texts])
        scores, _ = net.logits(params, ids, zero, Workspace(np.float64), None, lengths)
        at_ends.append(scores[:, 0].copy())
    np.testing.assert_array_equal(at_last[0], at_last[1])
    if cell.endswith("rnn-relu"):  # some units may rest in one text
        assert (np.abs(at_ends[0] - at_ends[1]).max(axis=0) > 1e-6).any()
    else:
        assert (np.abs(at_ends[0] - at_ends[1]).max(axis=0) > 1e-6).all()


def test_a_net_without_memory_reads_its_last_characters() -> None:
    """A label follows from the last N of them, a tag from the N up to its own."""
    for context in (1, 2, 4):
        config = ModelConfig(task="classify", cell="feedforward", hidden_size=3, context=context)
        net, params = random_net(config)
        tail = np.array([3, 0, 2, 1])[-context:]
        found = [
            alone(net, params, np.append(np.array(head, np.intp), tail)).scores
            for head in ([1, 2, 3], [0, 0, 0, 0, 1], [2])
        ]
        np.testing.assert_allclose(found[1], found[0], rtol=1e-12)
        np.testing.assert_allclose(found[2], found[0], rtol=1e-12)
        other = alone(net, params, np.append([1, 2, 3], (tail + 1) % CHARACTERS)).scores
        assert np.abs(other - found[0]).max() > 1e-3


@pytest.mark.parametrize("kind", [*ONE_HOT], ids=str)
@every_task
def test_what_is_read_is_dropped_once(task: str, kind: Kind, form: Form) -> None:
    """Half of the readout's input, the other half doubled; nothing without a generator."""
    net, params = random_net(kind.config(task, 5, 1, dropout=0.5), seed=2)
    net, chunk = formed(net, form), random_chunk(task, weighted=False)
    read = list[Array]()
    for rng in (None, np.random.default_rng(0), None):
        workspace, zero = Workspace(np.float64), net.zero_state(len(LENGTHS), np.float64)
        net.logits(params, chunk.inputs, zero, workspace, rng, chunk.lengths)
        read.append(workspace.child("readout")["h"].copy())
    whole, dropped, again = read
    np.testing.assert_array_equal(again, whole)
    some = np.abs(whole) > 1e-9
    shares = (dropped[some] / whole[some]).round(9)
    assert {*shares.tolist()} == {0.0, 2.0}


# What a network is.


@pytest.mark.parametrize(
    ("task", "kind"), [("lm", LanguageModel), ("classify", Classifier), ("tag", Tagger)]
)
@pytest.mark.parametrize("cell", CELLS)
def test_network_for(task: str, kind: type[Network], cell: str) -> None:
    """The network of each task; both ways where it may look ahead, and with as many outputs as there are labels."""
    config = ModelConfig(task=task, cell=cell, hidden_size=6, num_layers=1)
    net = network_for(config, CHARACTERS, LABELS)
    assert type(net) is kind
    both = task != "lm" and cell != "feedforward"
    width, outputs = (12 if both else 6), (CHARACTERS if task == "lm" else LABELS)
    assert net.outputs == outputs
    assert net.parameter_shapes()["V"] == (outputs, width)
    assert any("reverse" in name for name in net.parameter_shapes()) == both
    assert net.reads_whole == (task != "lm")
    params = net.initialize(np.random.default_rng(0))
    assert params.shapes == net.parameter_shapes()
    assert params.flat.dtype == np.float32
    assert params[net.predicted_by].shape == (outputs, width)
    assert params[net.read_by].shape[-1] == CHARACTERS


def test_what_networks_are_equal() -> None:
    """Those of one configuration, as many characters and as many outputs; a compiled twin is equal too."""
    config = ModelConfig(task="tag", hidden_size=4)
    net = network_for(config, 5, 3)
    assert net == network_for(config, 5, 3) == net.compiled()
    assert net != network_for(config, 5, 4)
    assert net != network_for(config, 6, 3)
    assert net != network_for(ModelConfig(task="classify", hidden_size=4), 5, 3)
    assert net != "a net"


@every_recurrent
@every_task
def test_the_compiled_twin(task: str, cell: str) -> None:
    """What :meth:`Network.compiled` gives has the same loss and gradients, and leaves the net as it is."""
    pytest.importorskip("numba")
    net, params = random_net(Kind(cell, True, 2).config(task))
    chunk, stack = random_chunk(task, weighted=True), net.stack
    twin, found = net.compiled(), list[tuple[float, Parameters]]()
    assert net.stack is stack
    assert type(twin) is type(net)
    assert type(twin.stack) is not type(stack)
    for one in (net, twin):
        gradients, state = params.zeros(), np.zeros(net.carried_shape(0))
        loss, _ = one.loss_and_gradients(params, gradients, chunk, state, Workspace(np.float64))
        found.append((loss, gradients))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-12)
    np.testing.assert_allclose(found[1][1].flat, found[0][1].flat, rtol=1e-9, atol=1e-12)
