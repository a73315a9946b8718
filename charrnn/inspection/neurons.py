"""Units that follow something in the text (Karpathy, Johnson, Fei-Fei, arXiv 1506.02078).

A unit is named by its layer, its number and, in an LSTM, its cell: ``1:37`` is the output *h* of unit
37 in layer 1, ``1:37:c`` its cell *c*. Both count from 0, as the arrays do: row 37 of ``layer1``. ``1r:37`` is
of the layer that reads backwards, ``layer1/reverse``.

Of a model with labels or tags a unit may follow one of them, too: what it holds when it has read a character is then
compared with what that character, or the text, is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from charrnn.drawing import figure as fig
from charrnn.errors import InputError
from charrnn.inspection.features import measure_features
from charrnn.inspection.look import Look, Watched
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import lines_of, read_text
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array
from charrnn.words import as_argument, decimals, quoted

STATES = "hc"  # what a cell's states are called
MOST, ON_PAGE, FEWEST = 20_000, 3000, 1000  # characters that are read, that a page shows; at least
TOLD, LISTED, FOLLOWERS = 5, 3, 2  # of each feature in the data, in the table, to colour by
LABELS = 12  # of the most frequent ones units are looked for that follow them
EXCERPT = 80  # characters of the text where a feature comes and goes most
VARIES_NOT = "the text is too short: nothing in it varies"


@dataclass(frozen=True)
class Unit:
    """One number of what the layers hold; ``layer`` is a level, on which one may read ``backwards``."""

    layer: int
    number: int
    state: int = 0
    backwards: bool = False

    def __str__(self) -> str:
        layer = f"{self.layer}{'r' * self.backwards}"
        return f"{layer}:{self.number}" + f":{STATES[self.state]}" * (self.state > 0)

    def row(self, model: CharacterModel) -> int:
        """That of its layer in a state of the stack."""
        return model.network.stack.levels[self.layer][self.backwards]

    @classmethod
    def parse(cls, name: str, model: CharacterModel) -> Unit:
        """The unit that a name means.

        Raises:
            InputError: It is no name, or the model has no such unit.
        """
        _, states, size = _shape(model)
        layers, both = model.config.num_layers, model.network.stack.bidirectional
        match = re.fullmatch(r"(\d+)(r?):(\d+)(?::([hc]))?", name, re.ASCII)
        if match:
            state = STATES.index(match[4] or "h")
            unit = cls(int(match[1]), int(match[3]), state, bool(match[2]))
            there = unit.layer < layers and unit.number < size and unit.state < states
            if there and both >= unit.backwards:
                return unit
        more = ", 0r:0 for one that reads backwards" * both
        more += ", and :c for its cell" * (states > 1)
        raise InputError(
            f"unit {name!r}: must be LAYER:NUMBER, from 0:0 to {layers - 1}:{size - 1}{more}"
        )


Best = Mapping[str, Sequence[tuple[Unit, float]]]
"""Of each feature the units that follow it most closely, with their r."""


@dataclass(frozen=True)
class Neurons:
    """How well each unit follows each feature of a text.

    Attributes:
        features: Their names, F of them: those that vary in the text.
        correlations: ``(F, L, states, H)``, Pearson's r; 0 for a unit that never changes.
        directions: Of two each second one of *L* layers reads backwards.
    """

    features: tuple[str, ...]
    correlations: Array
    directions: int = 1

    def best(self, feature: int, count: int = 3) -> list[tuple[Unit, float]]:
        """The units that follow a feature most closely, with their r; a cell or its h, not both."""
        every = self.correlations[feature]  # (L, states, H)
        state = np.abs(every).argmax(axis=1)
        values = np.take_along_axis(every, state[:, None], axis=1)[:, 0]
        order = np.argsort(-np.abs(values), axis=None, kind="stable")[:count]
        places = zip(*np.unravel_index(order, values.shape), strict=True)
        found = []
        for row, number in places:
            level, backwards = divmod(int(row), self.directions)
            unit = Unit(level, int(number), int(state[row, number]), bool(backwards))
            found.append((unit, float(values[row, number])))
        return found

    def ranked(self) -> list[int]:
        """The features, that with the closest unit first."""
        strength = np.abs(self.correlations).max(axis=(1, 2, 3))
        return [int(place) for place in np.argsort(-strength, kind="stable")]


@single_threaded_blas()
def find_neurons(model: CharacterModel, text: str, answers: Sequence[str] | None = None) -> Neurons:
    """Correlate every unit with every feature, over a text; arguments and errors as those of :func:`read_states`.

    With the answers of a model with labels or tags the most frequent of these are features, too.
    """
    names, features = _measured(model, text, answers)
    shape, read = _shape(model), _is_read(model, text)
    count = np.count_nonzero(read)
    features = features - features.mean(axis=1, keepdims=True, where=read)
    products = np.zeros((len(names), int(np.prod(shape))))
    total, squares = np.zeros(products.shape[1]), np.zeros(products.shape[1])
    for places, states in read_states(model, text, answers=answers):
        states = states.reshape(len(places), -1).astype(np.float64)
        products += features[:, places] @ states
        total += states.sum(axis=0)
        squares += (states**2).sum(axis=0)
    variance = squares / count - (total / count) ** 2
    # What is left of a constant by rounding is no variance.
    variance[variance <= 1e-12 * squares / count] = np.inf
    spread = np.sqrt((features**2).mean(axis=1, where=read))[:, None] * np.sqrt(variance)
    correlations = np.clip(products / count / spread, -1, 1).reshape(len(names), *shape)
    return Neurons(names, correlations, len(model.network.stack.levels[0]))


def activation(
    model: CharacterModel, text: str, unit: Unit, answers: Sequence[str] | None = None
) -> Array:
    """``(N,)``: what a unit holds when it has read each character of a text; 0, as at a text's beginning, at the ends of lines that are read apart.

    Arguments and errors are those of :func:`read_states`.
    """
    return _activations(model, text, [unit], 1, answers)[0]


@single_threaded_blas()
def _activations(
    model: CharacterModel,
    text: str,
    units: Collection[Unit],
    columns: int = 16,
    answers: Sequence[str] | None = None,
) -> list[Array]:
    each = ((u.row(model), u.state, u.number) for u in units)
    rows, states, numbers = zip(*each, strict=True)
    values = np.zeros((len(units), len(text)))
    for places, found in read_states(model, text, columns, answers):
        values[:, places] = found[:, rows, states, numbers].T
    return list(values)


def follows(
    model: CharacterModel, text: str, values: Array, answers: Sequence[str] | None = None
) -> list[tuple[str, float]]:
    """The features of a text, as :func:`find_neurons` has them, with their correlation with ``(N,)`` values, the closest first."""
    names, features = _measured(model, text, answers)
    read = _is_read(model, text)
    if not names or np.ptp(values[read]) == 0:
        return []
    correlations = np.corrcoef(np.vstack([values, features])[:, read])[0, 1:]
    found = zip(names, map(float, correlations), strict=True)
    return sorted(found, key=lambda pair: -abs(pair[1]))


def _is_read(model: CharacterModel, text: str) -> NDArray[np.bool_]:
    """``(N,)``: which characters are read; between whole texts there is a line feed that is none of theirs."""
    every = np.ones(len(text), np.bool_)
    return every & [c != "\n" for c in text] if model.config.reads_whole else every


def _measured(
    model: CharacterModel, text: str, answers: Sequence[str] | None
) -> tuple[tuple[str, ...], Array]:
    """The names of what varies in a text where it is read, and ``(F, N)`` numbers."""
    names, features = measure_features(text)
    if answers is not None:
        task = model.config.learns
        written: list[str | None] = []
        for (_, line), answer in zip(lines_of(text), answers, strict=True):
            tags = model.labels.divided(answer) if task.aligned else [answer] * len(line)
            written += [*tags, None]  # its end is none of it
        counts = Counter(tag for tag in written if tag is not None).most_common(LABELS)
        own = [np.array([tag == one for tag in written][: len(text)], float) for one, _ in counts]
        names += tuple(f"{task.label} {one}" for one, _ in counts)
        features = np.vstack([features, *own])
    if names:
        varies = np.ptp(features[:, _is_read(model, text)], axis=1) > 0
        names = tuple(name for name, yes in zip(names, varies, strict=True) if yes)
        features = features[varies]
    return names, features


def _shape(model: CharacterModel) -> tuple[int, int, int]:
    """``(L, states, H)``, of what the layers hold."""
    stack = model.network.stack
    return len(stack.layers), len(stack.cell.states), stack.hidden_size


def read_states(
    model: CharacterModel,
    text: str,
    columns: int = 16,
    answers: Sequence[str] | None = None,
) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Read a text and yield what the layers hold when they have read each character, many at a time, in no order.

    Args:
        text: To a model with labels or tags each of its lines is a text.
        columns: Parts of a long text that are read side by side; see
            :func:`charrnn.models.reading.read_text`, also for errors.
        answers: The label or tags of each line, where they are known.

    Yields:
        ``(n,)`` places in the text, and ``(n, L, states, H)``.
    """
    stack = model.network.stack
    if model.config.reads_whole:
        for passage in read_text(model, text, most=columns):
            states = stack.kept_states(passage.workspace)
            yield passage.places[passage.counted], states[passage.counted]
        return
    # What is predicted is the character after; so that the last one is read, it stands there twice.
    if answers is not None:
        answers = [*answers, answers[-1]]  # of a record without a character
    for passage in read_text(model, text + text[-1:], most=columns, answers=answers):
        read = passage.counted & (passage.places > 0)  # before it there is only the beginning
        if read.any():
            yield passage.places[read] - 1, stack.kept_states(passage.workspace)[read]


# ----------------------------------------------------------------------------------- what is to be seen


def view(look: Look) -> fig.Figure:
    """For each feature of the text the units that follow it, and some of them at work."""
    model, page = look.subject.checkpoint.model, look.value is None
    backwards = ", 1r:37 who reads backwards" * model.network.stack.bidirectional
    kind = model.vocabulary.config
    watched = look.watched(look.scaled(MOST, FEWEST))
    text, source = watched.text, watched.source
    neurons = find_neurons(model, text, watched.answers)
    best = {neurons.features[number]: neurons.best(number, TOLD) for number in neurons.ranked()}
    table = _table(best)
    blocks: list[fig.Block] = [fig.Words(f"{VARIES_NOT.capitalize()}.")]
    if best:
        shown = watched.head(look.scaled(ON_PAGE, FEWEST)) if page else watched
        first = next(iter(best.values()))[0][0]
        command = f"charrnn inspect {quoted(as_argument(look.subject.path))} --unit {first}"
        blocks = [
            fig.Words(
                "r is 1 or −1 where a unit's state follows a feature of the text exactly and 0 where it does not; "
                f"1:37 is the output h of unit 37 in layer 1, 1:37:c an LSTM's cell{backwards}. A high r is no proof that the "
                "model uses the unit so."
            ),
            table,
            fig.Heading("One unit at work", on=fig.PAGE),
            fig.Passage("unit", shown.text, _at_work(model, shown, best, page), kind.unit),
            fig.Commands([("look", command)], on=fig.TERMINAL),
        ]
    told = "; ".join(
        f"{feature}: unit {unit}, r {decimals(r, 2, '+')}"
        for feature, ((unit, r), *_) in best.items()
    )
    features = [
        {"feature": feature, "units": [{"unit": str(u), "r": r} for u, r in units]}
        for feature, units in best.items()
    ]
    return fig.Figure(
        "The unit that follows each feature most closely",
        [fig.Words(fig.Strong(f"read: {source}")), *blocks],
        {"source": source, "characters": _is_read(model, text).sum(), "features": features},
        f"Bars of |r|, the correlation of a feature of the text and a unit's state. {told}.",
        [table] if best else [],
        no_picture=VARIES_NOT,
    )


def _table(best: Best) -> fig.Table:
    rows: list[list[fig.Cell]] = []
    for feature, ((unit, r), *others) in best.items():
        listed = (
            (fig.Pick(str(unit)), f" {decimals(r, 2, '+')}") for unit, r in others[: LISTED - 1]
        )
        bar = fig.Bar(abs(r), decimals(r, 2, "+"), r < 0)
        rows.append([feature, fig.Pick(str(unit)), bar, fig.joined(listed, "  ")])
    columns = [fig.Column("feature"), *(fig.Column(name, whole=True) for name in ("unit", "r"))]
    return fig.Table([*columns, fig.Column("next best", whole=True, spare=True)], rows)


def _at_work(
    model: CharacterModel, watched: Watched, best: Best, page: bool
) -> list[fig.Colouring]:
    """What the units hold that follow a feature most closely: first the best one of each, then the others.

    A page tells all that a unit follows; else it is the feature of its excerpt.
    """
    features: dict[Unit, list[tuple[str, float]]] = {}
    for rank in range(FOLLOWERS):
        for feature, units in best.items():
            for unit, r in units[rank : rank + 1]:
                features.setdefault(unit, []).append((feature, r))
    text, answers = watched.text, watched.answers
    measured = dict(zip(*_measured(model, text, answers), strict=True))
    constant, found = np.zeros(len(text)), list[fig.Colouring]()
    held = _activations(model, text, features, answers=answers)
    for (unit, follow), values in zip(features.items(), held, strict=True):
        told = "; ".join(
            f"{name}, r {decimals(r, 2, '+')}" for name, r in (follow if page else follow[:1])
        )
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
