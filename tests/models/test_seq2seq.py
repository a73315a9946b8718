"""From one text to another: PyTorch's numbers, gradients that are slopes, padding that changes nothing."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from forms import Form
from kinds import every_recurrent, named

from charrnn.config import ModelConfig, SearchConfig
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.network_for import network_for
from charrnn.models.rewriting import Rewriter
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.attention import Attention, Bridge
from charrnn.nn.lengths import inside
from charrnn.nn.loss import Objective, cross_entropy_, smooth_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary

CHARACTERS, SYMBOLS = 5, 3
SOURCES = ((0, 3, 1, 4), (2, 2), (1, 0, 4))
TARGETS = ((1, 0), (2,), (0, 0, 1, 2))


def _net(cell: str = "gru", size: int = 4, **settings: object) -> Seq2Seq:
    usual = {"hidden_size": size, "num_layers": 2, "dropout": 0.0}
    config = ModelConfig(task="seq2seq", **{**named(cell), **usual, **settings})
    net = network_for(config, CHARACTERS, SYMBOLS)
    assert isinstance(net, Seq2Seq)
    return net


def _numbers(net: Seq2Seq, seed: int = 7) -> Parameters:
    """As ``golden_seq2seq.py`` draws them."""
    rng = np.random.default_rng(seed)
    params = Parameters(net.parameter_shapes(), dtype=np.float64)
    for array in params.values():
        array[...] = 0.6 * rng.standard_normal(array.shape)
    return params


def _chunk(which: tuple[int, ...] = (0, 1, 2), *, more: int = 0) -> Chunk:
    """Some of the examples, with anything for padding, and ``more`` steps of it."""
    rng = np.random.default_rng(3)
    sources, targets = ([pairs[n] for n in which] for pairs in (SOURCES, TARGETS))
    lengths, ends = np.array([*map(len, sources)]), np.array([len(t) + 1 for t in targets])
    x = rng.integers(CHARACTERS, size=(lengths.max() + more, len(which)))
    y = rng.integers(SYMBOLS + 1, size=(ends.max() + more, len(which)))
    for column, (source, target) in enumerate(zip(sources, targets, strict=True)):
        x[: len(source), column] = source
        y[: len(target) + 1, column] = [*target, SYMBOLS]
    counted = inside(ends, len(y))
    return Chunk(x, y, np.ones(len(which), np.bool_), counted, lengths)


def _learn(
    net: Seq2Seq, params: Parameters, chunk: Chunk, smoothing: float = 0.0
) -> tuple[float, Parameters]:
    gradients, none = params.zeros(), net.zero_state(0, params.flat.dtype)
    workspace = Workspace(params.flat.dtype)
    loss, _ = net.loss_and_gradients(
        params, gradients, chunk, none, workspace, objective=Objective(smoothing)
    )
    return loss, gradients


def _smoothed(net: Seq2Seq, params: Parameters, chunk: Chunk, smoothing: float) -> float:
    """The loss whose gradient is followed, from the scores alone."""
    workspace = Workspace(params.flat.dtype)
    encoded = net.encode(params, chunk.inputs, chunk.known_lengths, workspace)
    logits = net.decode(params, net.before(chunk.targets), encoded, workspace)
    log_p = logits - np.log(np.exp(logits).sum(axis=0))
    own = np.take_along_axis(log_p, chunk.targets[None], axis=0)[0]
    each = -(1 - smoothing) * own - smoothing * log_p.mean(axis=0)
    return float(each[chunk.counted].sum())


@pytest.mark.parametrize("attention", ["general", "none"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_golden(cell: str, attention: str) -> None:
    """Loss and every gradient are PyTorch's (``golden_seq2seq.py``), of smoothed targets."""
    net = _net(cell, embedding_size=3, attention=attention)
    params = _numbers(net)
    _, gradients = _learn(net, params, _chunk(), smoothing=0.1)
    with np.load(Path(__file__).with_name("golden_seq2seq.npz")) as golden:
        name = f"{cell}-{attention}"
        wanted = float(golden[f"{name}/loss"])
        assert _smoothed(net, params, _chunk(), 0.1) == pytest.approx(wanted, rel=1e-12)
        for key, gradient in gradients.items():
            assert gradient.any(), key
            np.testing.assert_allclose(gradient, golden[f"{name}/{key}"], 1e-9, 1e-12, err_msg=key)


@pytest.mark.parametrize(
    ("embedding_size", "attention", "bidirectional", "smoothing"),
    [  # each two of the first three in all ways
        (0, "general", False, 0.2),
        (0, "none", True, 0.0),
        (3, "general", True, 0.0),
        (3, "none", False, 0.2),
    ],
)
@every_recurrent
def test_gradients(
    cell: str, embedding_size: int, attention: str, bidirectional: bool, smoothing: float
) -> None:
    """Along random directions of each array, of targets and sources of unequal length."""
    net = _net(
        cell, embedding_size=embedding_size, attention=attention, bidirectional=bidirectional
    )
    params, chunk, rng = _numbers(net), _chunk(), np.random.default_rng(1)
    loss, gradients = _learn(net, params, chunk, smoothing)
    assert loss == pytest.approx(_smoothed(net, params, chunk, 0.0), rel=1e-12)
    for name, gradient in gradients.items():
        direction, sides = rng.standard_normal(gradient.shape), []
        for sign in (1, -1):
            moved = params.copy()
            moved.add(name, sign * 1e-6 * direction)
            sides.append(_smoothed(net, moved, chunk, smoothing))
        slope = (sides[0] - sides[1]) / 2e-6
        assert (gradient * direction).sum() == pytest.approx(slope, rel=2e-5, abs=1e-7), name


@pytest.mark.parametrize("attention", ["general", "monotonic", "none"])
@every_recurrent
def test_padding_and_company_change_nothing(cell: str, attention: str) -> None:
    """The loss and the gradient of three examples are the sums of those of each by itself, however much padding there is."""
    net = _net(cell, attention=attention)
    params = _numbers(net)
    loss, gradients = _learn(net, params, _chunk())
    for more in (0, 3):
        each = [_learn(net, params, _chunk((n,), more=more)) for n in (2, 0, 1)]
        assert sum(one for one, _ in each) == pytest.approx(loss, rel=1e-12)
        total = sum(one.flat for _, one in each)
        np.testing.assert_allclose(total, gradients.flat, rtol=1e-9, atol=1e-12)


@every_recurrent
def test_in_each_form(cell: str, form: Form) -> None:
    """Compiled or not, to rounding."""
    net = _net(cell, 17)
    params = Parameters(net.parameter_shapes())
    params.flat[...] = 0.3 * _numbers(net).flat
    loss, gradients = _learn(net, params, _chunk())
    twin = net.compiled()
    twin.stack, twin.decoder = form(net.stack), form(net.decoder)
    other, others = _learn(twin, params, _chunk())
    assert other == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(others.flat, gradients.flat, rtol=1e-3, atol=2e-5)


def _by_all_walks(net: Seq2Seq, params: Parameters, chunk: Chunk, smoothing: float) -> float:
    """The loss whose gradient is followed: every walk through every source is taken by itself."""
    assert chunk.counted is not None
    workspace, total = Workspace(np.float64), 0.0
    encoded = net.encode(params, chunk.inputs, chunk.known_lengths, workspace)
    h = net.held(params, net.before(chunk.targets), encoded, workspace)
    walks = net.walks(params, h, encoded)
    for n, places in enumerate(chunk.known_lengths + 2):  # with the marks
        steps, likely = int(chunk.counted[:, n].sum()), 0.0
        for walk in itertools.product(range(places), repeat=steps):
            p, before = 1.0, 0
            for t, j in enumerate(walk):
                log_p = np.log(walks.p[n, t, j])
                wanted = (1 - smoothing) * log_p[chunk.targets[t, n]] + smoothing * log_p.mean()
                p *= walks.moves[n, t, before, j] * np.exp(wanted)
                before = j
            likely += p
        total -= math.log(likely)
    return total


@pytest.mark.parametrize(("bidirectional", "smoothing"), [(True, 0.0), (False, 0.2)])
@pytest.mark.parametrize(("cell", "embedding_size"), [("lstm", 3), ("gru", 0), ("rnn", 0)])
def test_monotonic_is_the_sum_of_all_walks(
    cell: str, embedding_size: int, bidirectional: bool, smoothing: float
) -> None:
    """The loss, what is told of each symbol, and the gradient by each array along random directions."""
    net = _net(
        cell, embedding_size=embedding_size, attention="monotonic", bidirectional=bidirectional
    )
    params, chunk, rng = _numbers(net), _chunk((1, 0)), np.random.default_rng(1)
    loss, gradients = _learn(net, params, chunk, smoothing)
    assert loss == pytest.approx(_by_all_walks(net, params, chunk, 0.0), rel=1e-10)
    told = net.nats(params, chunk, Workspace(np.float64)) * chunk.counted
    assert told.sum() == pytest.approx(loss, rel=1e-10)
    for name, gradient in gradients.items():
        direction, sides = rng.standard_normal(gradient.shape), []
        for sign in (1, -1):
            moved = params.copy()
            moved.add(name, sign * 1e-6 * direction)
            sides.append(_by_all_walks(net, moved, chunk, smoothing))
        slope = (sides[0] - sides[1]) / 2e-6
        assert gradient.any(), name
        assert (gradient * direction).sum() == pytest.approx(slope, rel=2e-5, abs=1e-7), name


def test_walks_go_forwards_alone() -> None:
    """Never back, never beyond the mark after a source; where a walk can be, its moves are all there are."""
    net = _net("gru", attention="monotonic")
    params, chunk = _numbers(net), _chunk()
    workspace = Workspace(np.float64)
    encoded = net.encode(params, chunk.inputs, chunk.known_lengths, workspace)
    moves = net.walks(params, net.held(params, chunk.targets, encoded, workspace), encoded).moves
    for n, places in enumerate(chunk.known_lengths + 2):
        for i in range(moves.shape[2]):
            assert not moves[n, :, i, :i].any()
            assert not moves[n, :, :, places:].any()
            if i < places:
                np.testing.assert_allclose(moves[n, :, i].sum(axis=1), 1, rtol=1e-12)


def test_a_character_more_leaves_the_others_what_they_were() -> None:
    """The mark around sources is number 0, so that a wider alphabet moves none of its columns."""
    config = ModelConfig(task="seq2seq", cell="gru", hidden_size=4, attention="monotonic")
    model = CharacterModel.fresh(config, Vocabulary("abc"), np.random.default_rng(0), Labels("xy"))
    wider = model.extended_to(Vocabulary("abcd"), np.random.default_rng(1))
    search = SearchConfig(top=3)
    for one, other in zip(
        *(Rewriter([m], search=search)(["abc", "ca"]) for m in (model, wider)), strict=True
    ):
        assert [each.symbols for each in one] == [each.symbols for each in other]
        np.testing.assert_allclose(
            [each.nats for each in one], [each.nats for each in other], rtol=1e-5
        )


def test_what_is_dropped() -> None:
    """The same seed drops the same; slopes are those of what was not dropped."""
    net = _net("lstm", dropout=0.5, weight_drop=0.3)
    params, chunk = _numbers(net), _chunk()
    none, direction = net.zero_state(0, np.float64), np.random.default_rng(1).standard_normal

    def loss_of(numbers: Parameters) -> tuple[float, Parameters]:
        gradients, rng = numbers.zeros(), np.random.default_rng(5)
        workspace = Workspace(np.float64)
        loss, _ = net.loss_and_gradients(numbers, gradients, chunk, none, workspace, rng=rng)
        return loss, gradients

    loss, gradients = loss_of(params)
    assert loss == loss_of(params)[0] != _learn(net, params, chunk)[0]
    d, sides = direction(params.flat.shape), []
    for sign in (1, -1):
        moved = params.copy()
        moved.flat[...] += sign * 1e-6 * d
        sides.append(loss_of(moved)[0])
    assert gradients.flat @ d == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5)


def test_the_decoder_looks_back() -> None:
    """With attention a source's characters matter where the ends say nothing of them; without it they do not."""
    for attention, matters in (("general", True), ("none", False)):
        net = _net("gru", attention=attention, bidirectional=False)
        params = _numbers(net)
        for name in params:
            if name.startswith("bridge"):
                params[name][...] = 0
        chunk = _chunk()
        turned = replace(chunk, inputs=(chunk.inputs + 1) % CHARACTERS)
        differ = _learn(net, params, chunk)[0] != _learn(net, params, turned)[0]
        assert differ == matters


# ------------------------------------------------------------------------------------------- parts


def _attend(own: dict[str, Array], h: Array, memory: Array, length: int) -> tuple[Array, Array]:
    """Of one text, in loops: ``h`` ``(H, S)`` becomes ``(S, H)``, and the weights ``(S, T)``."""
    found, weights = [], []
    for t in range(h.shape[1]):
        e = np.array([h[:, t] @ own["W"] @ memory[:, j] for j in range(length)])
        a = np.exp(e) / np.exp(e).sum()
        c = sum(a[j] * memory[:, j] for j in range(length))
        found.append(np.tanh(own["C"] @ np.concatenate([c, h[:, t]]) + own["b"]))
        weights.append(a)
    return np.array(found), np.array(weights)


def test_attention_by_its_equations() -> None:
    rng, part = np.random.default_rng(2), Attention(3, 4)
    params = Parameters(part.parameter_shapes(), dtype=np.float64)
    params.flat[...] = rng.standard_normal(params.flat.shape)
    h, memory = rng.standard_normal((3, 5, 2)), rng.standard_normal((4, 6, 2))
    lengths, workspace = np.array([6, 2]), Workspace(np.float64)
    o = part.forward(params, h, part.look(params, memory, lengths), workspace)
    for column, length in enumerate(lengths.tolist()):
        found, weights = _attend(part.own(params), h[..., column], memory[..., column], length)
        np.testing.assert_allclose(o[..., column].T, found, rtol=1e-12)
        np.testing.assert_allclose(part.weights(workspace)[column, :, :length], weights, rtol=1e-12)
        assert not part.weights(workspace)[column, :, length:].any()


def test_large_scores_do_not_overflow() -> None:
    part = Attention(2, 2)
    params = Parameters(part.parameter_shapes())
    params.flat[...] = 1e3
    h = np.full((2, 1, 1), 1e3, np.float32)
    memory = np.array([[[1], [2]], [[1], [2]]], np.float32)
    workspace = Workspace()
    part.forward(params, h, part.look(params, memory, np.array([2])), workspace)
    np.testing.assert_array_equal(part.weights(workspace)[0, 0], [0, 1])


def test_the_bridge_is_affine() -> None:
    """Each level and state has a map of its own, of what both directions of that level ended with."""
    rng, part = np.random.default_rng(2), Bridge(2, 2, 6, 3)
    params = Parameters(part.parameter_shapes(), dtype=np.float64)
    params.flat[...] = rng.standard_normal(params.flat.shape)
    ends = rng.standard_normal((2, 2, 6, 4))
    start = part.forward(params, ends, Workspace(np.float64))
    for level, state in np.ndindex(2, 2):
        W, b = params[f"bridge/{level}/{state}/W"], params[f"bridge/{level}/{state}/b"]
        np.testing.assert_allclose(start[level, state], W @ ends[level, state] + b[:, None])


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_smoothing(share: float) -> None:
    """The gradient is p minus what is wanted: a share of it is spread over all symbols."""
    logits = np.random.default_rng(0).standard_normal((4, 3))
    p, targets = np.exp(logits) / np.exp(logits).sum(axis=0), np.array([2, 0, 3])
    wanted = np.full((4, 3), share / 4)
    wanted[targets, range(3)] += 1 - share
    cross_entropy_(logits, targets)
    smooth_(logits, targets, share)
    np.testing.assert_allclose(logits, p - wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"task": "seq2seq", "cell": "feedforward"}, "needs a cell with a state"),
        ({"attention": "none"}, "attention is for seq2seq, not for lm"),
        (
            {"task": "seq2seq", "attention": "all"},
            "attention must be one of general, monotonic, none",
        ),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ModelConfig(**settings)  # type: ignore[arg-type]
    assert ModelConfig(task="seq2seq").attention == "general"
    assert ModelConfig(task="seq2seq").bidirectional
