"""The auxiliary language-model loss: by its definition, its slopes, in both forms, and nowhere but where something is learnt."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answerers import (
    CHARACTERS,
    LABELS,
    LENGTHS,
    Kind,
    T,
    every_task,
    formed,
    random_chunk,
    random_net,
    random_numbers,
)
from conftest import Run
from forms import Form
from kinds import every_recurrent

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.models.network import Network
from charrnn.models.network_for import network_for
from charrnn.nn.lm_loss import neighbours
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.training.cost import Cost

WEIGHT, SCALE = 0.7, 0.37
every_way = pytest.mark.parametrize(
    "kind",
    [Kind("gru", True), Kind("lstm", False), Kind("rnn", True, 2), Kind("feedforward", False)],
    ids=str,
)
LINES = [f"{a}{b}{a}\t{'xy'[a == b]}" for a in "abcdef" for b in "abcdef"]


def _slow(net: Network, params: Parameters, chunk: Chunk) -> float:
    """The whole loss of texts by the definition, each read alone, without dropout, a place after the other."""
    total, tags, nothing = 0.0, net.config.task == "tag", np.zeros(1, np.intp)
    assert chunk.lengths is not None
    for column, length in enumerate(chunk.lengths.tolist()):
        ids, own = chunk.inputs[:length, column], Workspace(np.float64)
        x, lengths = (ids[:, None], None) if length else (nothing[:, None], nothing)
        zero = net.zero_state(1, np.float64)
        h, state = net.hidden(params, x, zero, own, net.dropout(None), lengths)
        scores = net.scores(params, h, state, own, lengths=lengths)
        if net.config.bidirectional:
            h = _lowest(net, params, x, lengths)
        for place in range(length if tags else 1):
            weight = 1.0 if chunk.weights is None else chunk.weights[place, column]
            total -= weight * _log_p(scores[:, place, 0])[chunk.targets[place, column]]
        nats, H = 0.0, net.config.hidden_size
        for place in range(length):
            after = 0 if place == length - 1 else ids[place + 1] + 1
            read = params["lm/V"] @ h[:H, place, 0] + params["lm/c"]
            nats -= _log_p(read)[after]
            if net.config.bidirectional:
                before = 0 if place == 0 else ids[place - 1] + 1
                read = params["lm/reverse/V"] @ h[H:, place, 0] + params["lm/reverse/c"]
                nats -= _log_p(read)[before]
        total += WEIGHT * nats / (1 if tags else max(1, length))
    return total


def _lowest(net: Network, params: Parameters, x: Array, lengths: Array | None) -> Array:
    """What the lowest level makes of each character: a net of it alone."""
    first = network_for(replace(net.config, num_layers=1), CHARACTERS, LABELS)
    dropout, zero = net.dropout(None), first.zero_state(1, np.float64)
    return first.hidden(params, x, zero, Workspace(np.float64), dropout, lengths)[0]


def _log_p(scores: Array) -> Array:
    return np.asarray(scores - np.log(np.exp(scores).sum()))


def _learnt(
    net: Network, params: Parameters, chunk: Chunk, seed: int | None = None
) -> tuple[float, Parameters]:
    gradients, none = params.zeros(), np.zeros(net.carried_shape(0))
    rng = None if seed is None else np.random.default_rng(seed)
    loss, _ = net.loss_and_gradients(
        params, gradients, chunk, none, Workspace(np.float64), scale=SCALE, rng=rng
    )
    return loss, gradients


@every_way
@every_task
def test_gradients(task: str, kind: Kind, form: Form) -> None:
    """Of each array along a random direction, of texts of several lengths, an empty one among them, whose answers count unequally."""
    net, params = random_net(kind.config(task, 3, lm_loss=WEIGHT))
    chunk, rng = random_chunk(task, weighted=True), np.random.default_rng(1)
    told, gradients = _learnt(formed(net, form), params, chunk)
    for name, gradient in gradients.items():
        direction, sides = rng.standard_normal(gradient.shape), []
        for sign in (1, -1):
            moved = params.copy()
            moved.add(name, sign * 1e-5 * direction)
            sides.append(SCALE * _slow(net, moved, chunk))
        slope = (sides[0] - sides[1]) / 2e-5
        assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-8), name
    plain, _ = random_net(replace(net.config, lm_loss=0.0))
    assert told == pytest.approx(_learnt(plain, _without(params, plain), chunk)[0], rel=1e-12)


def _without(params: Parameters, plain: Network) -> Parameters:
    """The numbers of all but the auxiliary readouts, which lie behind the others."""
    shapes = plain.parameter_shapes()
    assert list(params.shapes)[: len(shapes)] == list(shapes)
    size = Parameters(shapes).flat.size
    return Parameters(shapes, params.flat[:size].copy())


@every_recurrent
@every_task
def test_the_compiled_twin(task: str, cell: str) -> None:
    """It learns the same, also where something is dropped."""
    pytest.importorskip("numba")
    net, params = random_net(Kind(cell, True, 2).config(task, 4, dropout=0.3, lm_loss=WEIGHT))
    chunk = random_chunk(task, weighted=False)
    (loss, expected), (other, found) = (
        _learnt(one, params, chunk, seed=3) for one in (net, net.compiled())
    )
    assert other == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(found.flat, expected.flat, rtol=1e-9, atol=1e-12)


@every_task
def test_padding_and_company_count_nothing(task: str) -> None:
    """What stands in padding, how much of it there is, and what texts stand beside: their gradients add up."""
    net, params = random_net(Kind("gru", True).config(task, lm_loss=WEIGHT))
    chunk, together = random_chunk(task, weighted=False), params.zeros()
    assert chunk.lengths is not None
    for column in range(len(LENGTHS)):
        one = chunk.part(slice(column, column + 1))
        steps = max(1, LENGTHS[column]) if column % 2 else T
        beyond = np.arange(T)[:, None] >= LENGTHS[column]
        one = replace(one, inputs=np.where(beyond, 3 - one.inputs, one.inputs)[:steps])
        if task == "tag":
            assert one.counted is not None
            one = replace(one, targets=one.targets[:steps], counted=one.counted[:steps])
        together.flat += _learnt(net, params, one)[1].flat
    whole = _learnt(net, params, chunk)[1]
    np.testing.assert_allclose(whole.flat, together.flat, rtol=1e-10, atol=1e-13)
    nobody = chunk.part(slice(0, 0))
    assert not _learnt(net, params, nobody)[1].flat.any()


def test_neighbours() -> None:
    """Of ``abc``, ``b`` and nothing, each before padding: a text's end and its beginning are number 0."""
    ids = np.array([[0, 1, 3], [1, 3, 3], [2, 3, 3], [3, 3, 3]])
    after, before = neighbours(ids, np.array([3, 1, 0]))
    assert after[:3, 0].tolist() == [2, 3, 0]
    assert before[:3, 0].tolist() == [0, 1, 2]
    assert (after[0, 1], before[0, 1]) == (0, 0)


@every_way
@every_task
def test_answers_neither_use_nor_pay_for_it(task: str, kind: Kind) -> None:
    """Scores are those of the same net without it, whatever the auxiliary readouts are, of as many products."""
    net, params = random_net(kind.config(task, lm_loss=WEIGHT))
    plain, chunk = random_net(kind.config(task))[0], random_chunk(task, weighted=False)
    found = []
    for one, numbers in ((net, params), (plain, _without(params, plain))):
        zero = one.zero_state(len(LENGTHS), np.float64)
        own = Workspace(np.float64)
        scores, _ = one.logits(numbers, chunk.inputs, zero, own, None, chunk.lengths)
        found.append(scores.copy())
        for name in numbers:
            if name.startswith("lm/"):
                numbers[name][...] = np.nan
        again, _ = one.logits(numbers, chunk.inputs, zero, own, None, chunk.lengths)
        np.testing.assert_array_equal(again, scores)
    np.testing.assert_array_equal(found[0], found[1])
    assert net.multiplications == plain.multiplications == plain.learning_multiplications
    H = net.config.hidden_size * (2 if kind.bidirectional else 1)
    assert net.learning_multiplications == net.multiplications + (CHARACTERS + 1) * H
    costs = [Cost.of(one.config, CHARACTERS, LABELS) for one in (net, plain)]
    assert costs[0].weights == costs[1].weights == net.multiplications
    assert costs[0].operations > costs[1].operations


@pytest.mark.parametrize("task", ["lm", "conditional", "seq2seq"])
def test_it_is_for_labels_and_tags(task: str) -> None:
    with pytest.raises(InputError, match=f"lm-loss is for classify and tag, not for {task}"):
        ModelConfig(task=task, lm_loss=0.3)


def test_what_there_is_to_learn_is_learnt() -> None:
    """Texts that tell their next character: the readouts find out, and the loss that is told is the labels'."""
    examples = charrnn.Examples.from_lines(["abcabc\tx", "cbacba\ty"] * 40, "classify")
    config = ModelConfig(
        task="classify", cell="gru", hidden_size=8, num_layers=1, dropout=0.0, lm_loss=1.0
    )
    how = charrnn.TrainingConfig(steps=150, batch_size=16, learning_rate=0.02, val_fraction=0.1)
    training = charrnn.Training(examples, config, how)
    for _ in training:
        pass
    model = training.model()
    ids = model.vocabulary.encode("abcabc")[:, None]
    net, params, own = model.network, model.parameters, Workspace()
    h, _ = net.hidden(params, ids, net.zero_state(1), own, net.dropout(None), None)
    for rows, name, targets in zip(
        (slice(8), slice(8, 16)),
        ("lm/", "lm/reverse/"),
        neighbours(ids, np.array([6])),
        strict=True,
    ):
        scores = np.einsum("kh,ht->kt", params[f"{name}V"], h[rows, :, 0])
        scores += params[f"{name}c"][:, None]
        right = scores.argmax(axis=0) == targets[:, 0]
        assert right.mean() > 0.6  # how long a text is cannot be known from its middle
    assert training.history[-1].train_loss < 0.1


def test_saved_resumed_and_begun_with(run: Run, tmp_path: Path) -> None:
    """A checkpoint has the readouts, goes on with them, and starts runs of more characters, of other tasks, with and without them."""
    table, more = tmp_path / "a.tsv", tmp_path / "b.tsv"
    table.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    more.write_text("".join(f"{line}\n" for line in [*LINES, "zaz\tx", "aza\ty"]), encoding="utf-8")
    tiny = ("--hidden-size", 4, "--num-layers", 1, "-q")
    learn = ("train", table, "--task", "classify", *tiny, "--lm-loss", 0.3, "--warmup", 0)
    for name, epochs in (("whole", 4), ("half", 2)):
        assert (
            run(*learn, "--epochs", epochs, "--schedule", "constant", "-o", name + ".npz").code == 0
        )
    assert run("train", "--resume", "half.npz", "--epochs", 4, "-q").code == 0
    whole, resumed = (charrnn.load_checkpoint(f"{name}.npz").model for name in ("whole", "half"))
    np.testing.assert_array_equal(whole.parameters.flat, resumed.parameters.flat)
    assert whole.parameters["lm/reverse/V"].shape == (7, 4)
    outcome = run("inspect", "whole.npz", "--details")
    assert (outcome.code, "lm/reverse/V" in outcome.out) == (0, True)
    assert "lm/… is asked only while it learns" in " ".join(outcome.out.split())
    assert "lm-loss 0.3" in " ".join(run("inspect", "whole.npz").out.split())
    outcome = run("train", "--resume", "half.npz", "--lm-loss", 0.5, "-q")
    assert (outcome.code, "--lm-loss is 0.3 in that model" in outcome.err) == (2, True)

    begun = ("train", more, "--init-from", "whole.npz", "--extend-vocab", "--steps", 1, "-q")
    assert run(*begun, "--learning-rate", 1e-9, "-o", "begun.npz").code == 0
    extended = charrnn.load_checkpoint("begun.npz").model
    for name in ("lm/V", "lm/reverse/c"):  # the end's row is still the end's
        np.testing.assert_allclose(extended.parameters[name][:7], whole.parameters[name], atol=1e-6)
    assert run("predict", "begun.npz", more).code == 0
    assert run("evaluate", "begun.npz", more).code == 0

    tags = tmp_path / "t.tsv"
    tags.write_text("".join(f"{line.split()[0]}\txyx\n" for line in LINES), encoding="utf-8")
    other = ("train", tags, "--task", "tag", "--init-from", "whole.npz", "--epochs", 1, "-q")
    for weight, has in ((0, False), (0.5, True)):
        assert run(*other, "--lm-loss", weight, "-o", f"{weight}.npz").code == 0
        tagger = charrnn.load_checkpoint(f"{weight}.npz").model
        assert ("lm/V" in tagger.parameters) == has
        assert tagger.config.lm_loss == weight
    writes = ("train", table, "--task", "conditional", "--init-from", "whole.npz")
    assert run(*writes, "--epochs", 1, "-q", "-o", "writes.npz").code == 0


def test_a_fresh_net_begins_as_without_it() -> None:
    """The readouts are drawn last, so that runs with them and without them can be compared."""
    config = ModelConfig(task="tag", cell="gru", hidden_size=3)
    nets = [network_for(replace(config, lm_loss=weight), 5, 2) for weight in (0.0, 0.3)]
    plain, other = (net.initialize(np.random.default_rng(7)) for net in nets)
    np.testing.assert_array_equal(_without(other, nets[0]).flat, plain.flat)
    assert other["lm/V"].any()
    assert random_numbers(nets[1]).flat.size == plain.flat.size + 2 * (6 * 3 + 6)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_is_told_has_not_been_seen(bidirectional: bool, form: Form) -> None:
    """Where a character's neighbours are read from, both directions know only what they have read; of several levels that is so of one."""
    net, params = random_net(Kind("gru", bidirectional).config("tag", lm_loss=WEIGHT))
    net, place, H = formed(net, form), 3, net.config.hidden_size
    x, found = np.array([0, 1, 2, 3, 1, 0])[:, None], list[Array]()
    for other in (3, 2):
        x[place], own = other, Workspace(np.float64)
        net.hidden(params, x, net.zero_state(1, np.float64), own, net.dropout(None), None)
        found.append(own["causal"][:, :, 0].copy())
    directions = (slice(H), slice(place)), (slice(H, None), slice(place + 1, None))
    for rows, untouched in directions[: 1 + bidirectional]:
        np.testing.assert_array_equal(found[0][rows, untouched], found[1][rows, untouched])
        assert (found[0][rows, place] != found[1][rows, place]).any()
