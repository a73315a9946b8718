"""Units that follow something in the text (Karpathy, Johnson, Fei-Fei, arXiv 1506.02078).

A unit is named by its layer, its number and, in an LSTM, its cell: ``1:37`` is the output *h* of unit
37 in layer 1, ``1:37:c`` its cell *c*. Both count from 0, as the arrays do: row 37 of ``layer1``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.features import measure_features
from charrnn.inspection.look import Look
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array
from charrnn.words import as_argument, quoted

STATES = "hc"  # what a cell's states are called
MOST, ON_PAGE, FEWEST = 20_000, 3000, 1000  # characters that are read, that a page shows; at least
TOLD, LISTED, FOLLOWERS = 5, 3, 2  # of each feature in the data, in the table, to colour by
EXCERPT = 80  # characters of the text where a feature comes and goes most
VARIES_NOT = "the text is too short: nothing in it varies"


@dataclass(frozen=True)
class Unit:
    """One number of what the layers hold."""

    layer: int
    number: int
    state: int = 0

    def __str__(self) -> str:
        return f"{self.layer}:{self.number}" + f":{STATES[self.state]}" * (self.state > 0)

    @classmethod
    def parse(cls, name: str, model: CharacterModel) -> Unit:
        """The unit that a name means.

        Raises:
            InputError: It is no name, or the model has no such unit.
        """
        layers, states, size = _shape(model)
        match = re.fullmatch(r"(\d+):(\d+)(?::([hc]))?", name, re.ASCII)
        unit = cls(int(match[1]), int(match[2]), STATES.index(match[3] or "h")) if match else None
        if unit is None or unit.layer >= layers or unit.number >= size or unit.state >= states:
            cell = ", and :c for its cell" if states > 1 else ""
            raise InputError(
                f"unit {name!r}: must be LAYER:NUMBER, from 0:0 to {layers - 1}:{size - 1}{cell}"
            )
        return unit


Best = Mapping[str, Sequence[tuple[Unit, float]]]
"""Of each feature the units that follow it most closely, with their r."""


@dataclass(frozen=True)
class Neurons:
    """How well each unit follows each feature of a text.

    Attributes:
        features: Their names, F of them: those that vary in the text.
        correlations: ``(F, L, states, H)``, Pearson's r; 0 for a unit that never changes.
    """

    features: tuple[str, ...]
    correlations: Array

    def best(self, feature: int, count: int = 3) -> list[tuple[Unit, float]]:
        """The units that follow a feature most closely, with their r; a cell or its h, not both."""
        every = self.correlations[feature]  # (L, states, H)
        state = np.abs(every).argmax(axis=1)
        values = np.take_along_axis(every, state[:, None], axis=1)[:, 0]
        order = np.argsort(-np.abs(values), axis=None, kind="stable")[:count]
        places = zip(*np.unravel_index(order, values.shape), strict=True)
        return [
            (Unit(int(layer), int(number), int(state[layer, number])), float(values[layer, number]))
            for layer, number in places
        ]

    def ranked(self) -> list[int]:
        """The features, that with the closest unit first."""
        strength = np.abs(self.correlations).max(axis=(1, 2, 3))
        return [int(place) for place in np.argsort(-strength, kind="stable")]


@single_threaded_blas()
def find_neurons(model: CharacterModel, text: str) -> Neurons:
    """Correlate every unit with every feature, over a text; errors as :func:`read_states`."""
    names, features = measure_features(text)
    shape = _shape(model)
    features = features - features.mean(axis=1, keepdims=True)
    products = np.zeros((len(names), int(np.prod(shape))))
    total, squares = np.zeros(products.shape[1]), np.zeros(products.shape[1])
    for places, states in read_states(model, text):
        states = states.reshape(len(places), -1).astype(np.float64)
        products += features[:, places] @ states
        total += states.sum(axis=0)
        squares += (states**2).sum(axis=0)
    variance = squares / len(text) - (total / len(text)) ** 2
    # What is left of a constant by rounding is no variance.
    variance[variance <= 1e-12 * squares / len(text)] = np.inf
    spread = np.sqrt((features**2).mean(axis=1))[:, None] * np.sqrt(variance)
    correlations = products / len(text) / spread
    return Neurons(names, np.clip(correlations, -1, 1).reshape(len(names), *shape))


def activation(model: CharacterModel, text: str, unit: Unit) -> Array:
    """``(N,)``: what a unit holds after each character of a text; errors as :func:`read_states`."""
    return _activations(model, text, [unit], columns=1)[0]


@single_threaded_blas()
def _activations(
    model: CharacterModel, text: str, units: Collection[Unit], columns: int = 16
) -> list[Array]:
    layers, states, numbers = zip(*((u.layer, u.state, u.number) for u in units), strict=True)
    values = np.empty((len(units), len(text)))
    for places, found in read_states(model, text, columns):
        values[:, places] = found[:, layers, states, numbers].T
    return list(values)


def follows(text: str, values: Array) -> list[tuple[str, float]]:
    """The features of a text with their correlation with ``(N,)`` values, the closest first."""
    names, features = measure_features(text)
    if not names or np.ptp(values) == 0:
        return []
    correlations = np.corrcoef(np.vstack([values, features]))[0, 1:]
    found = zip(names, map(float, correlations), strict=True)
    return sorted(found, key=lambda pair: -abs(pair[1]))


def _shape(model: CharacterModel) -> tuple[int, int, int]:
    """``(L, states, H)``, of what the layers hold."""
    stack = model.network.stack
    return stack.num_layers, len(stack.cell.states), stack.hidden_size


def read_states(
    model: CharacterModel, text: str, columns: int = 16
) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Read a text and yield the state after each character, many at a time, in no order.

    Args:
        columns: Parts of a long text that are read side by side; see
            :func:`charrnn.models.reading.read_text`, also for errors.

    Yields:
        ``(n,)`` places in the text, and ``(n, L, states, H)``.
    """
    # What is predicted is the character after; so that the last one is read, it stands there twice.
    for passage in read_text(model, text + text[-1:], most=columns):
        read = passage.counted & (passage.places > 0)  # before it there is only the beginning
        if read.any():
            kept = model.network.stack.kept(passage.workspace)
            states = np.stack([cell.kept_states(own) for cell, own in kept], axis=2)
            yield passage.places[read] - 1, states[read]


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """For each feature of the text the units that follow it, and some of them at work."""
    model, page = look.subject.checkpoint.model, look.value is None
    kind = model.vocabulary.config
    text, source = look.text(look.scaled(MOST, FEWEST))
    neurons = find_neurons(model, text)
    best = {neurons.features[number]: neurons.best(number, TOLD) for number in neurons.ranked()}
    table = _table(best)
    blocks: list[fig.Block] = [fig.Words(f"{VARIES_NOT.capitalize()}.")]
    if best:
        shown = text[: look.scaled(ON_PAGE, FEWEST)] if page else text
        first = next(iter(best.values()))[0][0]
        command = f"charrnn inspect {quoted(as_argument(look.subject.path))} --unit {first}"
        blocks = [
            fig.Words(
                "r is 1 or −1 where a unit's state follows a feature of the text exactly and 0 where it does not; "
                "1:37 is the output h of unit 37 in layer 1, 1:37:c an LSTM's cell. A high r is no proof that the "
                "model uses the unit so."
            ),
            table,
            fig.Heading("One unit at work", on=fig.PAGE),
            fig.Passage("unit", shown, _at_work(model, shown, best, page), kind.unit),
            fig.Commands([("look", command)], on=fig.TERMINAL),
        ]
    told = "; ".join(
        f"{feature}: unit {unit}, r {r:+.2f}" for feature, ((unit, r), *_) in best.items()
    )
    features = [
        {"feature": feature, "units": [{"unit": str(u), "r": r} for u, r in units]}
        for feature, units in best.items()
    ]
    return fig.Figure(
        "The unit that follows each feature most closely",
        [fig.Words(fig.Strong(f"read: {source}")), *blocks],
        {"source": source, "characters": len(text), "features": features},
        f"Bars of |r|, the correlation of a feature of the text and a unit's state. {told}.",
        [table] if best else [],
        no_picture=VARIES_NOT,
    )


def _table(best: Best) -> fig.Table:
    rows: list[list[fig.Cell]] = []
    for feature, ((unit, r), *others) in best.items():
        listed = ((fig.Pick(str(unit)), f" {r:+.2f}") for unit, r in others[: LISTED - 1])
        bar = fig.Bar(abs(r), f"{r:+.2f}", r < 0)
        rows.append([feature, fig.Pick(str(unit)), bar, fig.joined(listed, "  ")])
    columns = [fig.Column("feature"), *(fig.Column(name, whole=True) for name in ("unit", "r"))]
    return fig.Table([*columns, fig.Column("next best", whole=True, spare=True)], rows)


def _at_work(model: CharacterModel, text: str, best: Best, page: bool) -> list[fig.Colouring]:
    """What the units hold that follow a feature most closely: first the best one of each, then the others.

    A page tells all that a unit follows; else it is the feature of its excerpt.
    """
    features: dict[Unit, list[tuple[str, float]]] = {}
    for rank in range(FOLLOWERS):
        for feature, units in best.items():
            for unit, r in units[rank : rank + 1]:
                features.setdefault(unit, []).append((feature, r))
    measured = dict(zip(*measure_features(text), strict=True))
    constant, found = np.zeros(len(text)), list[fig.Colouring]()
    for (unit, follow), values in zip(
        features.items(), _activations(model, text, features), strict=True
    ):
        told = "; ".join(f"{name}, r {r:+.2f}" for name, r in (follow if page else follow[:1]))
        excerpt = _liveliest(measured.get(follow[0][0], constant))
        found.append(colouring(unit, values, told, excerpt))
    return found


def colouring(
    unit: Unit, values: Array, told: str = "", excerpt: slice = slice(None)
) -> fig.Colouring:
    """By what a unit holds: the scale is that of all values but the very rare ones."""
    low, high = (float(edge) for edge in np.quantile(values, (0.01, 0.99)))
    if low == high:
        low, high = low - 1, high + 1
    return fig.Colouring(str(unit), values, low, high, True, "holds", told, excerpt)


def _liveliest(values: Array) -> slice:
    if len(values) <= EXCERPT:
        return slice(None)
    variance = sliding_window_view(values, EXCERPT).var(axis=1)
    start = int(np.argmax(variance))
    return slice(start, start + EXCERPT)
