"""``--text`` of a model with labels or tags: how its answer comes about as the text is read, and which characters carry it.

A character's share in a label's score is told in two ways: by gradient times input, a first-order guess at what the score would lose without
it (Simonyan et al., arXiv 1312.6034; Shrikumar et al., arXiv 1605.01713), and by occlusion, reading the text without that character, which is
what it does lose (Zeiler, Fergus, arXiv 1311.2901).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.look import Look
from charrnn.models.answering import Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.words import counted, decimals, percent

MOST = 500  # characters of a text with a label, which is read as often as it has characters
LONGEST = 5000  # of one with tags, which is read once
CURVES, LISTED = 4, 8  # labels whose probabilities are drawn, and characters that are listed
NEAR = 8  # characters beside one that is listed
SURE = 0.5  # probability of another tag that is drawn as the most there is


@dataclass(frozen=True, eq=False)
class Carrying:
    """How a label came about, of a text of N characters and K labels.

    Attributes:
        label: Number of the likeliest one.
        course: ``(N + 1, K)``, the probabilities after each beginning of the text, that without a character first.
        gradient: ``(N,)``, gradient times input of the label's score, in nats; None of a net without memory.
        occlusion: ``(N,)``, what the label's log-probability loses without the character, in nats.
    """

    label: int
    course: Array
    gradient: Array | None
    occlusion: Array

    @property
    def agreement(self) -> float:
        """Correlation of the two; NaN where there is none."""
        if self.gradient is None or len(self.occlusion) < 3:
            return float("nan")
        with np.errstate(all="ignore"):
            return float(np.corrcoef(self.gradient, self.occlusion)[0, 1])


def read_carrying(model: CharacterModel, text: str) -> Carrying:
    """Watch a model with labels read a text.

    Raises:
        CheckpointError: The model's numbers overflow.
        UnknownCharacterError: The text has a character that the model does not know.
    """
    answerer = Answerer([model])
    beginnings = [text[:place] for place in range(len(text) + 1)]
    without = [text[:place] + text[place + 1 :] for place in range(len(text))]
    answers = answerer([*beginnings, *without])
    course = np.stack([answer.probabilities for answer in answers[: len(beginnings)]])
    label = int(course[-1].argmax())
    tiny = np.finfo(course.dtype).tiny
    left = np.array([answer.probabilities[label] for answer in answers[len(beginnings) :]])
    occlusion = np.log(max(course[-1, label], tiny)) - np.log(np.maximum(left, tiny))
    gradient = None
    if model.config.is_recurrent and text:
        gradient = gradient_times_input(model, text, label)
    return Carrying(label, course, gradient, occlusion.astype(np.float64))


def gradient_times_input(model: CharacterModel, text: str, label: int) -> Array:
    """``(N,)``: of each character, how much its input adds to a label's score, to first order; in float64.

    The score is that above the mean of all labels'. One-hot characters are read as the dense vectors that they stand for.
    """
    network = model.network
    ids = model.vocabulary.encode(text).astype(np.intp)[:, None]
    params = model.parameters
    wide = type(params)(params.shapes, params.flat.astype(np.float64))
    config, inputs = model.config, len(model.vocabulary)
    if network.embedding is None:
        x = np.zeros((inputs, *ids.shape))
        x[ids[:, 0], np.arange(len(ids)), 0] = 1
    else:
        x = wide[network.read_by][:, ids]
    stack = Stack(
        network.stack.cell,
        len(x),
        config.hidden_size,
        config.num_layers,
        bidirectional=bool(config.bidirectional),
    )
    workspace = Workspace(np.float64)
    zero = np.zeros(stack.state_shape(1))
    h, state = stack.forward(wide, x, zero, workspace)
    V = wide[network.predicted_by]
    d_ends = V[label] - V.mean(axis=0)
    top, dstate = list(stack.levels[-1]), np.zeros_like(state)
    dstate[top, 0, :, 0] = d_ends.reshape(len(top), -1)
    dx, _ = stack.backward(wide, wide.zeros(), np.zeros_like(h), dstate, workspace)
    assert dx is not None
    return np.asarray((dx * x).sum(axis=0)[:, 0])


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """A text with what carries its label, or with its tags.

    Raises:
        InputError: No text was named, or it is empty.
    """
    model = look.subject.checkpoint.model
    if look.value is None:
        raise InputError("a text shows it: charrnn inspect … --text TEXT")
    if look.at is not None:
        raise InputError("--at is for what a language model expected at a place")
    text, source = look.read(look.value, "--text")
    if model.config.learns.aligned:
        return _tagged(model, *look.head(text, source, LONGEST))
    return _carried(model, *look.head(text, source, MOST))


def _carried(model: CharacterModel, text: str, source: str) -> fig.Figure:
    found, names = read_carrying(model, text), model.labels.names
    order = np.argsort(-found.course.max(axis=0), kind="stable")[:CURVES].tolist()
    if found.label not in order:
        order[-1] = found.label
    places = list(range(len(text) + 1))
    lines = [
        fig.Line(names[k], places, found.course[:, k].tolist(), strong=k == found.label)
        for k in order
    ]
    name, unit = names[found.label], model.vocabulary.config.unit
    p = float(found.course[-1, found.label])
    chart = fig.Chart(
        "course",
        "Probabilities as the text is read",
        fig.Axis(f"{unit}s read"),
        fig.Axis("probability", low=0, high=1),
        f"The probabilities of the likeliest labels after each beginning of the text; at its end {name} has {percent(p)}.",
        lines,
    )
    kinds = [("occlusion", found.occlusion)]
    if found.gradient is not None:
        kinds.append(("gradient × input", found.gradient))
    passage = fig.Passage("carrying", text, [_colouring(*kind) for kind in kinds], unit)
    lead = (fig.Strong(source), f": {name}, with a probability of {percent(p)}")
    agreement = found.agreement
    told = f"Orange {unit}s speak for the label, blue ones against it, in nats."
    if np.isfinite(agreement):
        told += (
            f" Gradient × input and occlusion agree with a correlation of {decimals(agreement, 2)}."
        )
    if model.config.ngrams:
        told += f" What the n-grams beside the net say is in what is lost without a {unit}; gradient × input is the net's alone."
    data = {
        "source": source,
        "text": fig.Symbols(text),
        "label": name,
        "probability": p,
        "labels": list(names),
        "course": found.course,
        "occlusion": found.occlusion,
        "gradient_times_input": found.gradient,
        "agreement": agreement,
    }
    blocks: list[fig.Block] = [
        fig.Words(lead),
        passage,
        fig.Words(told),
        _strongest(text, found),
        chart,
    ]
    return fig.Figure(f"What makes it {name}", blocks, data, chart.description, [passage, chart])


def _colouring(name: str, values: Array) -> fig.Colouring:
    most = float(np.abs(values).max()) or 1.0
    return fig.Colouring(name, values, -most, most, signed=True, unit="nats:")


def _strongest(text: str, found: Carrying) -> fig.Table:
    """The characters without which the label would lose most."""
    rows: list[Sequence[fig.Cell]] = []
    for place in np.argsort(-np.abs(found.occlusion), kind="stable")[:LISTED].tolist():
        before = fig.Symbols(text[max(0, place - NEAR) : place])
        here = fig.Symbols(text[place], amount=1.0)
        after = fig.Symbols(text[place + 1 : place + 1 + NEAR])
        guess = "" if found.gradient is None else decimals(found.gradient[place], 3, "+")
        rows.append(
            (
                f"{place + 1:,}",
                decimals(found.occlusion[place], 3, "+"),
                guess,
                (before, here, after),
            )
        )
    heads = fig.figures("at", "without it", "gradient × input")
    return fig.Table([*heads, fig.Column("in", whole=True)], rows)


def _tagged(model: CharacterModel, text: str, source: str) -> fig.Figure:
    (answer,) = Answerer([model])([text])
    names, unit = model.labels.names, model.vocabulary.config.unit
    p = answer.probabilities.astype(np.float64)
    best: NDArray[np.intp] = answer.best
    doubt = 1 - p.max(axis=1)
    colouring = fig.Colouring("doubt", doubt, 0, SURE, unit="probability of other tags:")
    tags = model.labels.joined(best.tolist())
    rows: list[Sequence[fig.Cell]] = []
    for place in np.argsort(-doubt, kind="stable")[:LISTED].tolist():
        order = np.argsort(-p[place], kind="stable")[:CURVES].tolist()
        near = (
            fig.Symbols(text[max(0, place - NEAR) : place]),
            fig.Symbols(text[place], amount=1.0),
            fig.Symbols(text[place + 1 : place + 1 + NEAR]),
        )
        likely = fig.joined(
            ((fig.Symbols(names[k], alone=True), f" {percent(p[place, k])}") for k in order), "  "
        )
        rows.append((f"{place + 1:,}", near, likely))
    table = fig.Table(
        [*fig.figures("at"), fig.Column("least certain", whole=True), fig.Column("tags")], rows
    )
    passage = fig.Passage("tags", text, [colouring], unit)
    blocks: list[fig.Block] = [
        fig.Words((fig.Strong(source), f": {counted(len(text), unit)}")),
        passage,
        fig.Words(fig.Symbols(tags)),
        table,
    ]
    data = {
        "source": source,
        "text": fig.Symbols(text),
        "tags": [names[k] for k in best],
        "probabilities": p,
    }
    told = f"A text, each {unit} with a bar of how probable other tags than its own are."
    return fig.Figure("Tags and doubts", blocks, data, told, [passage])
