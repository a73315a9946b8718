"""Answers to texts: in order, however texts are batched or cut; of several models; and long texts, chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from answerers import (
    CHARACTERS,
    Kind,
    asked_alone,
    every_cell_and_way,
    every_kind,
    every_task,
    random_model,
)
from forms import Form
from kinds import KINDS, class_of

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, InputError, UnknownCharacterError
from charrnn.models import answering, reading
from charrnn.models.answering import Answer, Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.nn.context import ContextStack
from charrnn.nn.long import forward_in_chunks
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary

# Long texts, chunk by chunk.

LONG = 11


def _stack(cell: str, *, one_hot: bool, bidirectional: bool) -> Stack:
    sizes = class_of(cell), CHARACTERS, 3, 2
    return Stack(*sizes, one_hot=one_hot, bidirectional=bidirectional)


def _assert_as_whole(stack: Stack, form: Form, steps: int, batch: int) -> None:
    """Also on a workspace that has just read padded texts, and again."""
    rng = np.random.default_rng(3)
    params = Parameters(stack.parameter_shapes(), dtype=np.float64)
    params.flat[...] = 0.6 * rng.standard_normal(params.flat.shape)
    x: Array = rng.integers(CHARACTERS, size=(LONG, batch))
    if not stack.one_hot:
        x = rng.standard_normal((CHARACTERS, LONG, batch))
    zero = np.zeros(stack.state_shape(batch))
    h, state = stack.forward(params, x, zero, Workspace(np.float64))
    expected = h.copy(), state.copy()
    formed, workspace = form(stack), Workspace(np.float64)
    formed.forward(params, x, zero, workspace, lengths=np.arange(batch) + 2)
    for _ in range(2):
        found = forward_in_chunks(formed, params, x, steps, workspace)
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
    assert not zero.any()


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forwards", "both-ways"])
@pytest.mark.parametrize("one_hot", [True, False], ids=["one-hot", "dense"])
@pytest.mark.parametrize("cell", KINDS)
def test_chunks_are_the_whole(cell: str, one_hot: bool, bidirectional: bool, form: Form) -> None:
    """What the stack makes of each character, and the states after it, whatever the size of a chunk."""
    stack = _stack(cell, one_hot=one_hot, bidirectional=bidirectional)
    for steps, batch in ((1, 1), (4, 3), (LONG - 1, 1), (LONG, 2), (LONG + 5, 1)):
        _assert_as_whole(stack, form, steps, batch)


@pytest.mark.parametrize("context", [1, 2, 4])
@pytest.mark.parametrize("steps", [1, 2, 5, LONG + 1])
def test_chunks_of_a_net_without_memory(context: int, steps: int, form: Form) -> None:
    """The characters before a chunk are its state."""
    sizes = class_of("feedforward"), CHARACTERS, 3, 2
    _assert_as_whole(ContextStack(*sizes, one_hot=True, context=context), form, steps, 2)


def test_chunks_of_the_backward_direction_come_last_first() -> None:
    """In the wrong order, or from the zero state each, another thing would come out: the chunks matter."""
    stack = _stack("gru", one_hot=True, bidirectional=True)
    params = Parameters(stack.parameter_shapes(), dtype=np.float64)
    params.flat[...] = np.random.default_rng(1).standard_normal(params.flat.shape)
    x = np.random.default_rng(2).integers(CHARACTERS, size=(LONG, 1))
    h, _ = forward_in_chunks(stack, params, x, 4, Workspace(np.float64))
    apart = [
        forward_in_chunks(stack, params, x[start : start + 4], 4, Workspace(np.float64))[0]
        for start in range(0, LONG, 4)
    ]
    assert np.abs(np.concatenate(apart, axis=1) - h).max() > 1e-3


# Answers.


def _texts(lengths: Sequence[int], seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("abcd"), size=length)) for length in lengths]


def _assert_as_alone(answers: Sequence[Answer], model: CharacterModel, texts: list[str]) -> None:
    assert len(answers) == len(texts)
    for answer, text in zip(answers, texts, strict=True):
        expected = asked_alone(model, text)
        assert answer.probabilities.shape == expected.probabilities.shape
        np.testing.assert_allclose(answer.probabilities, expected.probabilities, 1e-4, 1e-6)
        np.testing.assert_allclose(answer.vector, expected.ends, 1e-4, 1e-6)


@every_kind
@every_task
def test_answers_come_in_order(task: str, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of texts of any length, short ones side by side, and long ones in chunks, each is what it is alone."""
    monkeypatch.setattr(answering, "TOGETHER", 5)
    for module in (answering, reading):
        monkeypatch.setattr(module, "PLACES", 24)
    monkeypatch.setattr(answering, "STEPS", 7)
    model = random_model(kind.config(task, 3))
    lengths = [*np.random.default_rng(4).integers(0, 12, 12).tolist(), 24, 25, 0, 33, 1]
    texts = _texts(lengths)
    answerer = Answerer([model])
    assert answerer.labels == model.labels
    assert answerer.tags == (task == "tag")
    _assert_as_alone(answerer(texts), model, texts)
    _assert_as_alone(answerer(texts[::-1]), model, texts[::-1])  # on workspaces that were in use


@pytest.mark.parametrize("size", [1, 3, 300])
def test_all_texts_are_answered(size: int) -> None:
    """Fewer than there are processors, and more than stand side by side."""
    model = random_model(Kind("gru", True).config("classify"))
    texts = _texts(np.random.default_rng(5).integers(0, 9, size).tolist())
    _assert_as_alone(Answerer([model])(texts), model, texts)


@every_task
def test_a_long_text_is_read_in_chunks(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of PLACES characters is not, one of a character more is: both with the same answer as the whole."""
    model = random_model(Kind("lstm", True).config(task, 3))
    calls = list[int]()
    intact = forward_in_chunks

    def seen(stack: Stack, params: Parameters, x: Array, steps: int, w: Workspace) -> object:
        calls.append(x.shape[-2])
        return intact(stack, params, x, steps, w)

    monkeypatch.setattr(answering, "forward_in_chunks", seen)
    texts = _texts([20, 21])
    whole = Answerer([model])(texts)
    assert not calls
    for module in (answering, reading):
        monkeypatch.setattr(module, "PLACES", 20)
    monkeypatch.setattr(answering, "STEPS", 6)
    cut = Answerer([model])(texts)
    assert calls == [21]
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(other.probabilities, one.probabilities, 1e-5, 1e-7)
        np.testing.assert_allclose(other.vector, one.vector, 1e-5, 1e-7)


@every_task
def test_a_very_long_text(task: str) -> None:
    """A hundred thousand characters: as in one go."""
    model = random_model(Kind("rnn", True).config(task, 3, 1))
    (text,) = texts = _texts([100_000])
    (answer,) = Answerer([model])(texts)
    shape = (3,) if task == "classify" else (100_000, 3)
    assert answer.probabilities.shape == shape
    np.testing.assert_allclose(answer.probabilities.sum(axis=-1), 1, rtol=1e-5)
    # What is near the ends does not follow from what is far away, so that the middle need not be read again.
    head, tail = (asked_alone(model, part) for part in (text[:400], text[-400:]))
    np.testing.assert_allclose(answer.vector[:3], tail.ends[:3], atol=1e-5)
    np.testing.assert_allclose(answer.vector[3:], head.ends[3:], atol=1e-5)
    if task == "tag":
        for place in (0, 2048, 16_384, 51_200, 99_999 - 100):
            start = max(0, place - 200)
            near = asked_alone(model, text[start : place + 200]).probabilities[place - start]
            np.testing.assert_allclose(answer.probabilities[place], near, atol=1e-5)


@every_cell_and_way
def test_an_empty_text(kind: Kind) -> None:
    """It has the label that the readout's bias is for, and no tags; alone and beside others."""
    for task in ("classify", "tag"):
        model = random_model(kind.config(task))
        answerer = Answerer([model])
        for texts in ([""], ["abc", "", "d"]):
            answer = answerer(texts)[texts.index("")]
            assert not answer.vector.any()
            if task == "tag":
                assert answer.probabilities.shape == (0, 3)
                assert answer.best.shape == (0,)
            else:
                e = np.exp(model.parameters["c"].astype(float))
                np.testing.assert_allclose(answer.probabilities, e / e.sum(), rtol=1e-5)


@every_task
def test_no_texts(task: str) -> None:
    """No answers, of one model and of two."""
    models = [random_model(Kind("gru", True).config(task), seed=seed) for seed in (0, 1)]
    assert Answerer(models[:1])([]) == []
    assert Answerer(models)([]) == []


def test_best() -> None:
    """The number of the likeliest label, or one for each character."""
    p = np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]])
    assert Answer(p[0], np.zeros(1)).best == 1
    assert Answer(p, np.zeros(1)).best.tolist() == [1, 0]


@every_task
def test_the_vector(task: str) -> None:
    """The top layer's h after the last character, and of the backward direction before the first."""
    model, H = random_model(Kind("lstm", True).config(task, 3)), 3
    (answer,) = Answerer([model])(["abcab"])
    ids, params = model.vocabulary.encode("abcab")[:, None], model.parameters
    stack = model.network.stack
    h, _ = stack.forward(params, ids, model.network.zero_state(1), Workspace())
    expected = np.concatenate([h[:H, -1, 0], h[H:, 0, 0]])
    np.testing.assert_allclose(answer.vector, expected, atol=1e-6)


# Several models.


@every_task
def test_several_models(task: str) -> None:
    """The mean of their probabilities, and their vectors one after the other; they may be of any shape."""
    kinds = Kind("gru", True), Kind("lstm", False, 2), Kind("feedforward", False)
    models = [
        random_model(kind.config(task, size), seed=size) for size, kind in enumerate(kinds, 2)
    ]
    texts = _texts([4, 0, 9, 1])
    each = [Answerer([model])(texts) for model in models]
    for found, *apart in zip(Answerer(models)(texts), *each, strict=True):
        mean = np.mean([answer.probabilities for answer in apart], axis=0)
        np.testing.assert_allclose(found.probabilities, mean, rtol=1e-6)
        vectors = np.concatenate([answer.vector for answer in apart])
        np.testing.assert_array_equal(found.vector, vectors)


def _reordered(model: CharacterModel, labels: list[int], characters: list[int]) -> CharacterModel:
    """The same model with its labels and its characters numbered in another way."""
    params = model.parameters.copy()
    network = model.network
    for name in network.readout.parameter_shapes():
        params[name][...] = model.parameters[name][labels]
    read = network.read_by
    names = [read, "layer0/reverse/U"] if network.embedding is None else [read]
    for name in names:
        params[name][...] = model.parameters[name][:, characters]
    known = model.vocabulary.characters
    return CharacterModel(
        network,
        params,
        Vocabulary("".join(known[number] for number in characters)),
        Labels([model.labels.names[number] for number in labels]),
    )


@pytest.mark.parametrize("embedding_size", [0, 2])
@every_task
def test_labels_in_another_order(task: str, embedding_size: int) -> None:
    """What the first model's labels are numbers of holds; equal models of any order answer as one does."""
    model = random_model(Kind("gru", True, embedding_size).config(task))
    other = _reordered(model, [2, 0, 1], [3, 1, 0, 2])
    texts = _texts([4, 0, 9, 1])
    one = Answerer([model])(texts)
    both, swapped = Answerer([model, other]), Answerer([other, model])
    assert both.labels == model.labels
    assert swapped.labels == other.labels
    for a, b, c in zip(one, both(texts), swapped(texts), strict=True):
        np.testing.assert_allclose(b.probabilities, a.probabilities, rtol=1e-5)
        np.testing.assert_allclose(c.probabilities, a.probabilities[..., [2, 0, 1]], rtol=1e-5)
        assert a.probabilities.size == 0 or np.ptp(a.probabilities, axis=-1).min() > 1e-3


# What cannot be asked.


def test_a_language_model_has_no_labels() -> None:
    labelled = random_model(Kind("gru", True).config("classify"))
    config = ModelConfig(hidden_size=2)
    model = CharacterModel.fresh(config, Vocabulary("abcd"), np.random.default_rng(0))
    for models in ([model], [labelled, model], [model, labelled]):
        with pytest.raises(InputError, match="a model for lm finds no labels"):
            Answerer(models)


@pytest.mark.parametrize(
    "other",
    [
        random_model(Kind("gru", True).config("tag")),
        random_model(Kind("gru", True).config("classify"), "xyw"),
        random_model(Kind("gru", True).config("classify"), "xy"),
        random_model(Kind("gru", True).config("classify"), "xyzw"),
    ],
    ids=["another task", "another label", "a label less", "a label more"],
)
def test_models_that_do_not_answer_together(other: CharacterModel) -> None:
    model = random_model(Kind("gru", True).config("classify"))
    for models in ([model, other], [other, model], [model, model, other]):
        with pytest.raises(InputError, match="for the same task, with the same labels"):
            Answerer(models)


def test_an_unknown_character() -> None:
    with pytest.raises(UnknownCharacterError):
        Answerer([random_model(Kind("gru", True).config("tag"))])(["ab", "a?"])


@pytest.mark.parametrize("places", [1 << 14, 2], ids=["short", "long"])
@every_cell_and_way
@every_task
def test_overflow(task: str, kind: Kind, places: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where weights are so large that a sum is no number: an error, not an answer."""
    for module in (answering, reading):
        monkeypatch.setattr(module, "PLACES", places)
    sound, model = random_model(kind.config(task, 4)), random_model(kind.config(task, 4))
    net, text, workspace = model.network, "abcdabcd", Workspace()
    ids = model.vocabulary.encode(text)[:, None]
    net.logits(model.parameters, ids, net.zero_state(1), workspace)
    read = workspace.child("readout")["h"][:, -1, 0]  # of a tag, at the last place
    assert np.abs(read).sum() > 0.5
    model.parameters["V"][...] = np.where(read < 0, -1e38, 1e38)
    model.parameters["c"][...] = 3e38
    assert Answerer([sound])([text])
    for models, texts in (([model], ["ab", text]), ([sound, model], [text])):
        with pytest.raises(CheckpointError, match="overflow"):
            Answerer(models)(texts)


@every_task
def test_layers_that_overflow(task: str) -> None:
    """What they hold is no number any more."""
    model = random_model(Kind("rnn-relu", True).config(task))
    model.parameters.flat[...] = 1e38
    with pytest.raises(CheckpointError, match="overflow"):
        Answerer([model])(["abcd"])


@pytest.mark.parametrize("ways", [False, True], ids=["forwards", "both-ways"])
@every_task
def test_padding_may_overflow(task: str, ways: bool) -> None:
    """It is what nobody looks at: a text is answered whatever a net makes of what follows it."""
    model = random_model(Kind("rnn-relu", ways).config(task, 1, 1))
    for name, array in model.parameters.items():
        if name.endswith("/W"):
            array[...] = (
                1e4  # an a, which is padding, is a 1 that grows with each step; a b is nothing
            )
        elif name.endswith("/U"):
            array[...] = [[1, -1e9, -1e9, -1e9]]
        elif name.endswith("/b"):
            array[...] = 0
    texts = ["a", "b" * 40, "ab"]
    together, expected = Answerer([model])(texts), list[Answer]()
    for text in texts:
        expected += Answerer([model])([text])
    for one, other in zip(together, expected, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-5)
        np.testing.assert_allclose(one.vector, other.vector, rtol=1e-5)
    with pytest.raises(CheckpointError, match="overflow"):
        Answerer([model])(["a" * 40])
