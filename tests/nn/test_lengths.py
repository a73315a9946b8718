"""Texts of several lengths in one chunk, and both directions: padding changes nothing, and the ends are where they should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from forms import Form, make_form
from kinds import KINDS
from stack_problem import StackProblem, assert_same, random_parameters, random_problem

from charrnn.nn.cells import cell_class
from charrnn.nn.functions import Ids
from charrnn.nn.lengths import inside, last_steps, reversing
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.readout import Readout
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace

T = 5
LENGTHS = (3, T, 0, 1, 4)

every_cell = pytest.mark.parametrize("cell", KINDS)
both_ways = pytest.mark.parametrize("bidirectional", [False, True], ids=["forwards", "both-ways"])
every_input = pytest.mark.parametrize("one_hot", [True, False], ids=["one-hot", "dense"])


def padded_problem(
    cell: str, form: Form, *, bidirectional: bool, one_hot: bool = False
) -> StackProblem:
    return random_problem(
        cell,
        length=T,
        lengths=LENGTHS,
        one_hot=one_hot,
        bidirectional=bidirectional,
        seed=KINDS.index(cell),
        form=form,
    )


def at(problem: StackProblem, columns: list[int], steps: int = T) -> StackProblem:
    """The same of some texts, in this order."""
    assert problem.lengths is not None
    return replace(
        problem,
        x=problem.x[..., :steps, columns],
        dh=problem.dh[..., :steps, columns],
        state=problem.state[..., columns],
        dstate=problem.dstate[..., columns],
        lengths=problem.lengths[columns],
    )


def test_places_reversed() -> None:
    """By hand: two texts of two and three characters, and an empty one; twice, and all is as it was."""
    text = np.array([["a", "d", "-"], ["b", "e", "-"], ["-", "f", "-"]])
    places = reversing(np.array([2, 3, 0]), 3, 3)
    turned = text.ravel()[places]
    assert ["".join(column) for column in turned.reshape(3, 3).T] == ["ba-", "fed", "---"]
    np.testing.assert_array_equal(turned[places], text.ravel())
    whole = text.ravel()[reversing(None, 3, 3)].reshape(3, 3)
    np.testing.assert_array_equal(whole, text[::-1])


def test_last_steps() -> None:
    """Which texts end after which step, but for the chunk's last one and those that do not begin."""
    found = last_steps(np.array([2, 5, 0, 2, 1]), 5)
    assert {step: texts.tolist() for step, texts in found.items()} == {0: [4], 1: [0, 3]}


@both_ways
@every_cell
def test_lengths_of_all_steps(cell: str, bidirectional: bool, form: Form) -> None:
    """They are as good as none, bit for bit."""
    problem = random_problem(cell, length=T, bidirectional=bidirectional, form=form)
    whole = replace(problem, lengths=np.full(problem.state.shape[-1], T))
    assert_same(whole.run(), problem.run(), lambda a, b, **_: np.testing.assert_array_equal(a, b))


@every_input
@both_ways
@every_cell
def test_padding_changes_nothing(cell: str, bidirectional: bool, one_hot: bool, form: Form) -> None:
    """Neither what stands there, nor what gradient is given for it."""
    problem = padded_problem(cell, form, bidirectional=bidirectional, one_hot=one_hot)
    expected, rng = problem.run(), np.random.default_rng(7)
    padding = ~inside(np.array(LENGTHS), T)
    other = problem.x[..., ::-1].copy() if one_hot else rng.standard_normal(problem.x.shape)
    x, dh = np.where(padding, other, problem.x), problem.dh + padding
    assert (x != problem.x).any()
    assert_same(replace(problem, x=x, dh=dh).run(), expected)


@both_ways
@every_cell
def test_each_text_by_itself(cell: str, bidirectional: bool, form: Form) -> None:
    """A text is the same alone, without padding, and beside any others in any order."""
    problem = padded_problem(cell, form, bidirectional=bidirectional)
    together, gradients = problem.run(), problem.params.zeros()
    for text, length in enumerate(LENGTHS):
        if not length:  # a chunk has one step at least
            np.testing.assert_array_equal(together.final[..., text], problem.state[..., text])
            np.testing.assert_array_equal(together.dstate[..., text], problem.dstate[..., text])
            continue
        alone = replace(at(problem, [text], length), lengths=None).run()
        for name in ("h", "final", "dx", "dstate"):
            expected, found = getattr(alone, name), getattr(together, name)[..., [text]]
            if name in ("h", "dx"):
                found = found[:, :length]
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=name)
        gradients.flat += alone.gradients.flat
    np.testing.assert_allclose(together.gradients.flat, gradients.flat, rtol=1e-10, atol=1e-12)

    order = [4, 0, 2, 1, 3]
    shuffled = at(problem, order).run()
    np.testing.assert_allclose(shuffled.final, together.final[..., order], rtol=1e-10)
    np.testing.assert_allclose(shuffled.dstate, together.dstate[..., order], rtol=1e-10)
    np.testing.assert_allclose(
        shuffled.gradients.flat, together.gradients.flat, rtol=1e-10, atol=1e-12
    )


@every_cell
def test_chunks_of_padded_texts(cell: str, form: Form) -> None:
    """Forwards a chunk's state goes on in the next one, also of texts that have ended."""
    problem, cut = padded_problem(cell, form, bidirectional=False), 2
    expected, state = problem.run(), problem.state
    for steps in (slice(0, cut), slice(cut, T)):
        size = len(range(*steps.indices(T)))
        lengths = np.clip(np.array(LENGTHS) - steps.start, 0, size)
        part = replace(
            problem, x=problem.x[:, steps], dh=problem.dh[:, steps], state=state, lengths=lengths
        )
        result = part.run()
        np.testing.assert_allclose(result.h, expected.h[:, steps], rtol=1e-10, atol=1e-12)
        state = result.final
    np.testing.assert_allclose(state, expected.final, rtol=1e-10, atol=1e-12)


@every_cell
def test_gradients_lie_in_memory_as_they_will(cell: str, form: Form) -> None:
    """Texts first, say: what comes back does not depend on it."""
    problem = random_problem(cell, hidden_size=16, num_layers=3, form=form)
    expected = problem.run()
    workspace, gradients = problem.workspace(), problem.params.zeros()
    problem.forward(workspace)
    for axes in ((2, 1, 0), (1, 2, 0), (0, 2, 1)):
        dh = problem.dh.transpose(axes).copy().transpose(np.argsort(axes))
        gradients.flat.fill(0)
        problem.forward(workspace)
        problem.stack.backward(problem.params, gradients, dh, problem.dstate.copy(), workspace)
        np.testing.assert_allclose(gradients.flat, expected.gradients.flat, 1e-10, 1e-12)


@pytest.mark.parametrize(
    "lengths",
    [[1, 2], [1, 2, 6], [1, -1, 2], [1.0, 2.0, 3.0]],
    ids=["few", "long", "below 0", "float"],
)
def test_what_are_no_lengths(lengths: list[float], form: Form) -> None:
    """They would read what is not there, or nothing."""
    problem = random_problem("gru", length=T, form=form)
    with pytest.raises(ValueError, match="3 integers from 0 to 5"):
        replace(problem, lengths=np.array(lengths)).forward(problem.workspace())


def test_no_steps_in_two_directions() -> None:
    """What comes next is not known yet."""
    problem = random_problem("lstm", input_size=4, bidirectional=True, one_hot=True)
    with pytest.raises(ValueError, match="looks ahead"):
        problem.stack.stepper(problem.params, problem.state)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64, np.uint64])
def test_lengths_of_any_integers(kind: type, form: Form) -> None:
    """Also such as do not hold the number of a place."""
    steps = np.random.default_rng(2).integers(0, 10, 60)
    problem = random_problem("lstm", length=9, lengths=steps.tolist(), form=form)
    narrow = replace(problem, lengths=steps.astype(kind))
    assert_same(narrow.run(), problem.run())


@pytest.mark.parametrize("size", [1, 8, 16, 21])
@every_input
@every_cell
def test_the_forms_agree(cell: str, one_hot: bool, size: int) -> None:
    """Whether or not vectors are filled, in all that comes back; with dropping, too."""
    problem = random_problem(
        cell,
        hidden_size=size,
        length=T,
        lengths=LENGTHS,
        one_hot=one_hot,
        rate=0.3,
        weight_rate=0.3,
        bidirectional=True,
    )
    twin = replace(problem, stack=make_form("compiled")(problem.stack))
    assert_same(twin.run(), problem.run())


# What the ends see.


class EndsClassifier:
    """Two classes, from a row of numbers for each text: what a label is read from is given."""

    def __init__(self, form: Form, rng: np.random.Generator) -> None:
        self.stack = form(Stack(cell_class("gru"), 6, 8, one_hot=True, bidirectional=True))
        self.readout = Readout(16, 2)
        shapes = {**self.stack.parameter_shapes(), **self.readout.parameter_shapes()}
        self.params = Parameters(shapes)
        self.stack.initialize(self.params, rng)
        self.readout.initialize(self.params, rng)

    def learn(self, ids: Ids, lengths: Ids, labels: Ids, *, of_ends: bool, rate: float) -> float:
        """A step of plain gradient descent; returns the share of right answers before it.

        Args:
            of_ends: Whether the label is read from where both directions end, or else, which is wrong, from the
                top layer's outputs at each text's last place.
        """
        workspace, count, H = Workspace(), len(labels), self.stack.hidden_size
        texts, gradients = np.arange(count), self.params.zeros()
        state = np.zeros(self.stack.state_shape(count), np.float32)
        h, final = self.stack.forward(self.params, ids, state, workspace, lengths=lengths)
        if of_ends:
            read = final[:, 0].reshape(2 * H, 1, count)
        else:
            read = h[:, lengths - 1, texts][:, None]
        scores = self.readout.forward(self.params, read, workspace.child("readout"))
        right = float(np.mean(scores[:, 0].argmax(axis=0) == labels))
        cross_entropy_(scores, labels[None])
        scores /= count
        d = self.readout.backward(self.params, gradients, scores, workspace.child("readout"))
        dh: Array = np.zeros(h.shape, np.float32)
        dstate = np.zeros_like(state)
        if of_ends:
            dstate[:, 0] = d.reshape(2, H, count)
        else:
            dh[:, lengths - 1, texts] = d[:, 0]
        self.stack.backward(self.params, gradients, dh, dstate, workspace)
        self.params.flat[...] -= rate * gradients.flat
        return right


@pytest.mark.parametrize(
    ("place", "of_ends", "found"),
    [("first", True, True), ("last", True, True), ("first", False, False)],
    ids=["the first character", "the last character", "outputs at the last place"],
)
def test_planted_signals(place: str, of_ends: bool, found: bool, form: Form) -> None:
    """The backward direction tells what stands at the beginning of a long text, the other one what stands at its end.

    The outputs at the last place are no such pair: there the backward direction has seen one character. So they do not
    find in time what was so far away.
    """
    rng = np.random.default_rng(3)
    net, right = EndsClassifier(form, rng), 0.0
    for _ in range(150):
        lengths = rng.integers(15, 31, 32)
        ids = rng.integers(2, 6, (30, 32))
        labels = rng.integers(2, size=32)
        ids[0 if place == "first" else lengths - 1, np.arange(32)] = labels
        right = 0.9 * right + 0.1 * net.learn(ids, lengths, labels, of_ends=of_ends, rate=1.0)
    assert right > 0.95 if found else right < 0.75


def test_a_direction_has_its_own_weights() -> None:
    """What each makes of a text is its own half of the output, and of the state."""
    problem = random_problem("lstm", num_layers=1, bidirectional=True)
    names = [layer.name for layer in problem.stack.layers]
    assert names == ["layer0", "layer0/reverse"]
    plain = problem.run()
    params = random_parameters(problem.params.shapes, np.random.default_rng(5))
    for name in params:
        if name.startswith("layer0/reverse/"):
            params[name][...] = problem.params[name]
    other, H = replace(problem, params=params).run(), problem.stack.hidden_size
    np.testing.assert_array_equal(other.h[H:], plain.h[H:])
    np.testing.assert_array_equal(other.final[1], plain.final[1])
    assert np.abs(other.h[:H] - plain.h[:H]).max() > 1e-3
