"""What is seen inside models with labels and tags: padding and company change nothing, and gradients are slopes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from answerers import (
    CHARACTERS,
    ONE_HOT,
    Kind,
    every_task,
    random_model,
    random_net,
)
from kinds import RECURRENT
from numpy.typing import NDArray

from charrnn.config import ModelConfig, TextConfig
from charrnn.errors import CheckpointError, InputError, UnknownCharacterError
from charrnn.inspection.carried import carried_gradients
from charrnn.inspection.embedding import character_map, label_map
from charrnn.inspection.flow import fresh_flows, gradient_flow, state_gradients
from charrnn.inspection.gates import gate_activity
from charrnn.inspection.neurons import Unit, activation, find_neurons, follows, read_states
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.cells import cell_class
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary

Carried = dict[tuple[int, int], Array]
"""What is added to what a layer carries away from a step of its reading."""

RECURRENT_KINDS = [kind for kind in ONE_HOT if kind.cell in RECURRENT]
RECURRENT_KINDS += [Kind("gru", ways, 3) for ways in (False, True)]
every_recurrent_kind = pytest.mark.parametrize("kind", RECURRENT_KINDS, ids=str)
LINES = ["abca", "d", "cabdabc", "", "bbbb"]
TEXT = "\n".join(LINES) + "\n"
GATED = [name for name in RECURRENT if cell_class(name).keeps]


def _config(task: str, kind: Kind) -> ModelConfig:
    config: ModelConfig = kind.config(task)
    return config


# --------------------------------------------------------------------------------------- gradients


def _loss(
    net: Network,
    params: Parameters,
    ids: NDArray[np.intp],
    target: int,
    at: int | None,
    added: Carried,
) -> float:
    """Of one text: each layer takes one step after the other, and what is carried between two may have something added."""
    stack, T = net.stack, len(ids)
    x = ids[:, None]
    if net.embedding:
        x = net.embedding.forward(params, x, Workspace(np.float64))
    after: list[Array] = []
    for rows in stack.levels:
        made = []
        for row in rows:
            turn = -1 if row != rows[0] else 1
            layer, h = stack.layers[row], []
            read = x[..., ::turn, :]
            state = np.zeros(stack.state_shape(1)[1:]) + added.get((row, -1), 0)
            for t in range(T):
                now = np.ascontiguousarray(read[..., t : t + 1, :])
                one, state = layer.forward(params, now, state, Workspace(np.float64))
                h.append(one[:, 0].copy())
                state = state + added.get((row, t), 0)
            after.append(state)
            made.append(np.stack(h, axis=1)[:, ::turn])
        x = np.concatenate(made)
    ends = np.concatenate([after[row][0] for row in stack.levels[-1]])
    read = ends if at is None else x[:, at]
    logits = params["V"] @ read + params["c"][:, None]
    return float(cross_entropy_(logits, np.array([target]))[0])


@every_recurrent_kind
@every_task
def test_carried_gradients_are_slopes(task: str, kind: Kind) -> None:
    """Along random directions of what any layer carries from a step to its next, of texts of unequal length side by side, with two levels."""
    net, params = random_net(_config(task, kind))
    rng = np.random.default_rng(5)
    lengths = np.array([4, 2, 1])
    ids, targets = rng.integers(CHARACTERS, size=(4, 3)), rng.integers(3, size=3)
    at = None if task == "classify" else np.array([2, 1, 0])
    found = carried_gradients(net, params, ids, lengths, targets, at)
    rows, top = range(len(net.stack.layers)), net.stack.levels[-1]
    assert found.shape == (5, *net.stack.state_shape(3))
    step = 1e-5
    for column, length in enumerate(lengths.tolist()):
        for row in rows:
            reads_backwards = bool(kind.bidirectional and row % 2)
            place = None if at is None else int(at[column])
            end = (
                length - 1 if place is None else (length - 1 - place if reads_backwards else place)
            )
            for k in range(5):
                got = found[k, row, ..., column]
                if k > end + 1:
                    assert np.isnan(got).all()
                    continue
                if not k:
                    assert row in top or not got.any()
                    if task == "tag":  # what is read there is an output, which is not carried
                        assert got[1:].any() == 0
                        continue
                direction, sides = rng.standard_normal(got.shape), []
                for sign in (1, -1):
                    added = {(row, end - k): sign * step * direction[..., None]}
                    text, target = ids[:length, column], int(targets[column])
                    sides.append(_loss(net, params, text, target, place, added))
                slope = (sides[0] - sides[1]) / (2 * step)
                assert (got * direction).sum() == pytest.approx(slope, rel=1e-5, abs=1e-8), (k, row)


@pytest.mark.parametrize("cell", RECURRENT)
def test_read_forwards_it_is_the_chain_of_states(cell: str) -> None:
    """What goes from step to step is all that the loss depends on there, as in a language model with the same numbers."""
    kind = Kind(cell, bidirectional=False)
    tagger, params = random_net(_config("tag", kind))
    ids, target = np.array([[0], [2], [1], [3]]), np.array([2])
    whole = carried_gradients(tagger, params, ids, np.array([4]), target, np.array([3]))
    zero = tagger.zero_state(1, np.float64)
    writer, numbers = random_net(ModelConfig(cell, 2, 2, 0, 0.0))  # of four characters
    for name, array in numbers.items():
        if name in ("V", "c"):
            array[:3], array[3:] = params[name], 0
        else:
            array[...] = params[name]
    numbers["c"][3] = -1e4  # the fourth is never expected
    chain = list(state_gradients(writer, numbers, ids, target, zero))
    np.testing.assert_allclose(whole, chain, rtol=1e-9, atol=1e-14)


@every_recurrent_kind
@every_task
def test_flow_of_lines(task: str, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text by itself, in the order of the lines; a bound on memory changes nothing."""
    model = random_model(_config(task, kind))
    answers = (
        ["x", "y", "z", "x", "y"] if task == "classify" else ["xyzx", "y", "zzzxyxy", "", "xxxx"]
    )
    flow = gradient_flow(model, TEXT, answers, losses=100)
    each = [
        gradient_flow(model, line, [answer], losses=100)
        for line, answer in zip(LINES, answers, strict=True)
        if line
    ]
    assert flow.norms.shape[1] == (4 if task == "classify" else 16)
    column = 0
    for one in each:
        steps, count = one.norms.shape
        np.testing.assert_allclose(
            flow.norms[:steps, column : column + count], one.norms, rtol=1e-9
        )
        assert np.isnan(flow.norms[steps:, column : column + count]).all()
        column += count
    assert (flow.norms[0] > 0).all()
    monkeypatch.setattr("charrnn.inspection.flow.MEMORY", 1)
    again = gradient_flow(model, TEXT, answers, losses=100)
    np.testing.assert_allclose(again.norms, flow.norms, rtol=1e-9)
    assert gradient_flow(model, TEXT, answers, steps=2).norms.shape[0] == 3


@every_task
def test_without_answers_they_are_the_model_s_own(task: str) -> None:
    model = random_model(_config(task, Kind("gru", bidirectional=True)))
    (own,) = _answers(model, ["cabdabc"])
    given = gradient_flow(model, "cabdabc", [own])
    np.testing.assert_array_equal(gradient_flow(model, "cabdabc").norms, given.norms)
    other = ("x" if own[0] != "x" else "y") + own[1:]
    assert not np.allclose(gradient_flow(model, "cabdabc", [other]).norms[0], given.norms[0])


def _answers(model: CharacterModel, lines: Sequence[str]) -> list[str]:
    import charrnn

    return [answer.label for answer in charrnn.predict(model, lines)]


def test_fresh_nets_beside_it() -> None:
    """They have the same labels, and as many directions."""
    model = random_model(_config("classify", Kind("lstm", bidirectional=True)))
    flows = dict(fresh_flows(model, TEXT, ["x", "y", "z", "x", "y"], rng=1))
    assert list(flows) == RECURRENT
    assert all(flow.parts.shape[:2] == (8, 4) for flow in flows.values())


def test_texts_for_labels() -> None:
    """The gradient goes back to what the text's own label sets, and no further."""
    config = ModelConfig("gru", 4, 2, task="conditional")
    vocabulary = Vocabulary("\nabcd", TextConfig(records=True))
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(2), Labels("xy"))
    model.parameters["begin/E"][...] *= 30
    flow = gradient_flow(model, "abc\nd\n", ["y", "x"], losses=100)
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    begin = model.network.begin(params, 1, np.array([1]))
    ids = model.vocabulary.encode("\nabc\n")[:, None].astype(np.intp)
    whole = state_gradients(model.network, params, ids[:-1], ids[-1], begin)
    norms = [float(np.linalg.norm(gradient)) for gradient in whole]
    # Of six predictions, in order; the fourth is that of the first text's end.
    np.testing.assert_allclose(flow.norms[:5, 1], norms[: len(flow.norms)], rtol=1e-9)
    with pytest.raises(InputError, match="say which one each line has"):
        gradient_flow(model, "abc\n")
    with pytest.raises(InputError, match="the model knows no such label"):
        gradient_flow(model, "abc\n", ["z"])


@every_task
def test_nothing_to_go_back_through(task: str) -> None:
    model = random_model(_config(task, Kind("gru", bidirectional=True)))
    for text in ("", "\n\n"):
        with pytest.raises(InputError, match="no text"):
            gradient_flow(model, text)
        with pytest.raises(InputError, match="no text"):
            gate_activity(model, text)
    with pytest.raises(UnknownCharacterError):
        gradient_flow(model, "abX")
    model.parameters["c"][...] = 3e38, -3e38, 0
    with pytest.raises(CheckpointError, match="overflow"):
        gate_activity(model, "abc")


# ------------------------------------------------------------------------------- gates and states


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", GATED)
@every_task
def test_gates_are_those_of_each_line(task: str, cell: str, bidirectional: bool) -> None:
    model = random_model(_config(task, Kind(cell, bidirectional)))
    found = gate_activity(model, TEXT)
    assert found.layers == (("0", "0r", "1", "1r") if bidirectional else ("0", "1"))
    lines = [line for line in LINES if line]
    each = [gate_activity(model, line) for line in lines]
    lengths = np.array([len(line) for line in lines])
    assert found.steps == lengths.sum()
    for name in ("left", "right", "mean"):
        mean = np.average([getattr(one, name) for one in each], axis=0, weights=lengths)
        np.testing.assert_allclose(getattr(found, name), mean, atol=1e-6)
    rates = np.average([1 / one.memory for one in each], axis=0, weights=lengths)
    np.testing.assert_allclose(1 / found.memory, rates, rtol=1e-4)


@every_task
def test_who_reads_backwards_holds_what_a_turned_text_gives(task: str) -> None:
    """Of one level: with the numbers of both directions exchanged, and the text turned around."""
    kind = Kind("lstm", bidirectional=True)
    model, turned = (random_model(kind.config(task, num_layers=1)) for _ in range(2))
    for name in "UWb":
        turned.parameters[f"layer0/{name}"][...] = model.parameters[f"layer0/reverse/{name}"]
    text = "cabdabc"
    for state in (0, 1):
        for number in (0, 1):
            unit = Unit(0, number, state, backwards=True)
            forwards = activation(turned, text[::-1], Unit(0, number, state))
            np.testing.assert_allclose(activation(model, text, unit), forwards[::-1], atol=1e-6)


@every_task
def test_states_in_company(task: str) -> None:
    """Each character is read once, whatever stands beside its text; line ends are not read, and hold nothing."""
    model = random_model(_config(task, Kind("lstm", bidirectional=True)))
    found = dict[int, list[Array]]()
    for columns in (1, 3):
        for places, states in read_states(model, TEXT, columns):
            for place, state in zip(places.tolist(), states, strict=True):
                assert TEXT[place] != "\n"
                found.setdefault(place, []).append(state)
    assert sorted(found) == [n for n, c in enumerate(TEXT) if c != "\n"]
    for one, other in found.values():
        np.testing.assert_allclose(one, other, atol=1e-6)
    values = activation(model, TEXT, Unit(1, 1, 0, backwards=True))
    assert [n for n, value in enumerate(values) if not value] == [
        n for n, c in enumerate(TEXT) if c == "\n"
    ]


@every_task
def test_a_unit_that_follows_the_answer(task: str) -> None:
    """The correlation is that of what is held at each character with what it, or its text, is."""
    model = random_model(_config(task, Kind("gru", bidirectional=True)))
    answers = (
        ["x", "y", "z", "x", "y"] if task == "classify" else ["xyzx", "y", "zzzxyxy", "", "xxxx"]
    )
    neurons = find_neurons(model, TEXT, answers)
    kind = "label" if task == "classify" else "tag"
    tags = [
        tag
        for line, answer in zip(LINES, answers, strict=True)
        for tag in (answer if task == "tag" else answer * len(line))
    ]
    read = [n for n, c in enumerate(TEXT) if c != "\n"]
    for name in "xyz":
        feature = neurons.features.index(f"{kind} {name}")
        for unit in (Unit(0, 1), Unit(1, 0, backwards=True)):
            values = activation(model, TEXT, unit)
            expected = np.corrcoef(values[read], [tag == name for tag in tags])[0, 1]
            r = neurons.correlations[feature, unit.row(model), 0, unit.number]
            assert r == pytest.approx(expected, abs=1e-5)
            told = dict(follows(model, TEXT, values, answers))
            assert told[f"{kind} {name}"] == pytest.approx(expected, abs=1e-5)
    assert not any("label" in name or "tag " in name for name in find_neurons(model, TEXT).features)
    assert {unit.backwards for unit, _ in neurons.best(0, 4)} <= {False, True}


def test_names_of_units() -> None:
    """``0r`` is the layer that reads backwards, where there is one."""
    both = random_model(_config("tag", Kind("lstm", bidirectional=True)))
    assert Unit.parse("1r:0:c", both) == Unit(1, 0, 1, backwards=True)
    assert str(Unit(1, 0, 1, backwards=True)) == "1r:0:c"
    assert [Unit(1, 0).row(both), Unit(1, 0, 0, backwards=True).row(both)] == [2, 3]
    with pytest.raises(InputError, match="0r:0 for one that reads backwards, and :c"):
        Unit.parse("2:0", both)
    with pytest.raises(InputError, match=r"from 0:0 to 1:1$"):
        Unit.parse("0r:1", random_model(_config("tag", Kind("gru", bidirectional=False))))


def test_units_of_texts_for_labels() -> None:
    """They hold what follows from the label of their own text, and may follow it."""
    config = ModelConfig("gru", 4, 1, task="conditional")
    vocabulary = Vocabulary("\nabcd", TextConfig(records=True))
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(2), Labels("xy"))
    model.parameters["begin/E"][...] *= 30
    values = activation(model, "abc\ndab\n", Unit(0, 1), ["y", "x"])
    for part, label in ((slice(0, 3), "y"), (slice(4, 7), "x")):  # a line feed begins the next one
        alone = activation(model.writing({label: 1}), "abc\ndab\n"[part], Unit(0, 1))
        np.testing.assert_allclose(values[part], alone, atol=1e-6)
    assert "label x" in find_neurons(model, "abc\ndab\n", ["y", "x"]).features
    written = gate_activity(model, "abc\ndab\n", ["y", "x"]).mean
    each = [
        gate_activity(model.writing({n: 1}), t).mean for n, t in (("y", "abc\n"), ("x", "dab\n"))
    ]
    np.testing.assert_allclose(written, np.mean(each, axis=0), atol=1e-6)
    with pytest.raises(InputError, match="none is chosen"):
        gate_activity(model, "abc\n")


# ----------------------------------------------------------------------------------- what is alike


@every_task
def test_labels_that_are_alike(task: str) -> None:
    """By their rows of V; of characters that are only read there is no second map."""
    model = random_model(_config(task, Kind("gru", bidirectional=True)))
    rows = model.parameters["V"]
    rows[...] = 0
    rows[:, 1] = 1, -2, 1  # x, y, z
    found = label_map(model)
    assert found
    assert (found.names, found.known.array) == (("x", "y", "z"), "V")
    np.testing.assert_allclose(found.known.cosines[0], [1, -1, 1], atol=1e-6)
    answers = ["zzy"] if task == "tag" else ["z", "z", "y"]
    frequent = label_map(model, answers, most=2)
    assert frequent
    assert frequent.names == ("z", "y")
    characters = character_map(model, TEXT)
    assert characters.predicted is None
    assert characters.characters[0] == "b"
    assert "\n" not in characters.characters


def test_labels_that_texts_begin_with() -> None:
    config = ModelConfig("gru", 4, 2, task="conditional")
    vocabulary = Vocabulary("\nabcd", TextConfig(records=True))
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(2), Labels("xyz"))
    columns = model.parameters["begin/E"]
    columns[...] = 0
    columns[3] = 2, -1, -1
    found = label_map(model)
    assert found
    assert found.known.array == "begin/E"
    np.testing.assert_allclose(found.known.cosines[1], [-1, 1, 1], atol=1e-6)
    assert character_map(model, "abc\nabd\n").predicted
    assert label_map(random_lm()) is None


def random_lm() -> CharacterModel:
    return CharacterModel.fresh(
        ModelConfig("gru", 4, 1), Vocabulary("abcd"), np.random.default_rng(2)
    )
