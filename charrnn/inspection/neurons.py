"""Units that follow something in the text (Karpathy, Johnson, Fei-Fei, arXiv 1506.02078).

A unit is named by its layer, its number and, in an LSTM, its cell: ``1:37`` is the output *h* of unit
37 in layer 1, ``1:37:c`` its cell *c*. Both count from 0, as the arrays do: row 37 of ``layer1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charrnn.errors import InputError
from charrnn.inspection.features import measure_features
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_text
from charrnn.nn.parallel import single_threaded_blas
from charrnn.nn.parameters import Array

STATES = "hc"  # what a cell's states are called


@dataclass(frozen=True)
class Unit:
    """One number of the recurrent state."""

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
        layers, states, size, _ = model.network.stack.state_shape(1)
        match = re.fullmatch(r"(\d+):(\d+)(?::([hc]))?", name, re.ASCII)
        unit = cls(int(match[1]), int(match[2]), STATES.index(match[3] or "h")) if match else None
        if unit is None or unit.layer >= layers or unit.number >= size or unit.state >= states:
            cell = ", and :c for its cell" if states > 1 else ""
            raise InputError(
                f"unit {name!r}: must be LAYER:NUMBER, from 0:0 to {layers - 1}:{size - 1}{cell}"
            )
        return unit


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
        values = np.moveaxis(self.correlations[feature], 1, 0)  # (states, L, H)
        state = np.abs(values).argmax(axis=0)
        values = np.take_along_axis(values, state[None], axis=0)[0]
        order = np.argsort(-np.abs(values), axis=None, kind="stable")[:count]
        places = zip(*np.unravel_index(order, values.shape), strict=True)
        return [
            (Unit(int(layer), int(number), int(state[layer, number])), float(values[layer, number]))
            for layer, number in places
        ]

    def ranked(self) -> list[int]:
        """The features, that with the closest unit first."""
        if not self.features:
            return []
        strength = np.abs(self.correlations).reshape(len(self.features), -1).max(axis=1)
        return [int(place) for place in np.argsort(-strength, kind="stable")]


def find_neurons(model: CharacterModel, text: str) -> Neurons:
    """Correlate every unit with every feature, over a text.

    Raises:
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    names, features = measure_features(text)
    shape = model.network.stack.state_shape(1)[:3]
    features = features - features.mean(axis=1, keepdims=True)
    products = np.zeros((len(names), int(np.prod(shape))))
    total, squares = np.zeros(products.shape[1]), np.zeros(products.shape[1])
    with single_threaded_blas():
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
    """``(N,)``: what a unit holds after each character of a text; errors as :func:`find_neurons`."""
    values = np.empty(len(text))
    with single_threaded_blas():
        for places, states in read_states(model, text, columns=1):
            values[places] = states[:, unit.layer, unit.state, unit.number]
    return values


def follows(text: str, values: Array) -> list[tuple[str, float]]:
    """The features of a text with their correlation with ``(N,)`` values, the closest first."""
    names, features = measure_features(text)
    if not names or np.ptp(values) == 0:
        return []
    correlations = np.corrcoef(np.vstack([values, features]))[0, 1:]
    found = zip(names, map(float, correlations), strict=True)
    return sorted(found, key=lambda pair: -abs(pair[1]))


def read_states(
    model: CharacterModel, text: str, columns: int = 16
) -> Iterator[tuple[NDArray[np.intp], Array]]:
    """Read a text and yield the state after each character, many at a time, in no order.

    Args:
        columns: Parts of a long text that are read side by side; see
            :func:`charrnn.models.reading.read_text`.

    Yields:
        ``(n,)`` places in the text, and ``(n, L, states, H)``.

    Raises:
        UnknownCharacterError: The text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    # What is predicted is the character after; so that the last one is read, it stands there twice.
    for passage in read_text(model, text + text[-1:], most=columns):
        read = passage.counted & (passage.places > 0)  # before it there is only the beginning
        if read.any():
            kept = model.network.stack.kept(passage.workspace)
            states = np.stack([cell.kept_states(own) for cell, own in kept], axis=2)
            yield passage.places[read] - 1, states[read]
