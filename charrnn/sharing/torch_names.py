"""A model's numbers as PyTorch names and orders them, and back, to the last bit.

``recurrent.…`` are those of ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN``, whose gates are i f g o and r z n. Its equations are those
of :mod:`charrnn.nn.cells`: z is the update gate u, which keeps, h = (1 - z) ∘ n + z ∘ h', and the GRU's second bias
is inside the reset gate. ``linear.…`` are those of ``nn.Linear``, and ``embedding.weight`` is that of ``nn.Embedding``. Where
characters are one-hot there is none, and ``weight_ih_l0`` has a column for each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from charrnn.errors import CheckpointError
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.parameters import Array, Parameters
from charrnn.sharing.parts import Direction, Parts, in_order, taken_apart
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.vocabulary import Vocabulary

ORDERS = {
    "lstm": ("input", "forget", "candidate", "output"),
    "gru": ("reset", "update", "candidate"),
}
"""PyTorch's orders of gates; a plain RNN has none."""


def to_torch(parts: Parts) -> dict[str, Array]:
    """Each tensor by its name, as a ``state_dict`` has them.

    PyTorch has two biases, which only ever occur as a sum but for the GRU's candidate: the first one is b, and the second one
    zero but for d.
    """
    rows, order = _orders(parts)
    found = {} if parts.E is None else {"embedding.weight": parts.E.T}
    for ending, own in _directions(parts):
        second = np.zeros_like(own.b)
        if own.d is not None:
            second[-len(own.d) :] = own.d
        found[f"recurrent.weight_ih_{ending}"] = in_order(own.U, rows, order)
        found[f"recurrent.weight_hh_{ending}"] = in_order(own.W, rows, order)
        found[f"recurrent.bias_ih_{ending}"] = in_order(own.b, rows, order)
        found[f"recurrent.bias_hh_{ending}"] = in_order(second, rows, order)
    found |= {"linear.weight": parts.V, "linear.bias": parts.c}
    if parts.begin is not None:
        found |= {f"begin.{name}": state for name, state in _beginnings(parts).items()}
    return found


def model_of(
    tensors: Mapping[str, Array],
    network: Network,
    vocabulary: Vocabulary,
    labels: Labels = NO_LABELS,
) -> CharacterModel:
    """The model that has these tensors.

    Raises:
        InputError: It is one that PyTorch's modules cannot hold.
        CheckpointError: A tensor is missing, of another shape, or unknown.
    """
    shapes = network.parameter_shapes()
    needed, there = sum(map(math.prod, shapes.values())), sum(t.size for t in tensors.values())
    if needed > there:  # which is known before there is room for them
        raise CheckpointError(f"has {there:,} numbers, fewer than such a model, {needed:,}")
    params = Parameters(shapes)
    _fill(taken_apart(network, params, "a .safetensors file"), tensors)
    return CharacterModel(network, params, vocabulary, labels)


def _fill(parts: Parts, tensors: Mapping[str, Array]) -> None:
    """Write tensors into a model's parts."""
    rows, order = _orders(parts)
    left = dict(tensors)

    def take(name: str, like: Array) -> Array:
        if name not in left:
            raise CheckpointError(f"tensor {name!r} is missing")
        tensor = left.pop(name)
        if tensor.shape != like.shape:
            raise CheckpointError(f"tensor {name!r} has the shape {tensor.shape}, not {like.shape}")
        return tensor

    if parts.E is not None:
        parts.E.T[...] = take("embedding.weight", parts.E.T)
    for ending, own in _directions(parts):
        own.U[...] = in_order(take(f"recurrent.weight_ih_{ending}", own.U), order, rows)
        own.W[...] = in_order(take(f"recurrent.weight_hh_{ending}", own.W), order, rows)
        first = in_order(take(f"recurrent.bias_ih_{ending}", own.b), order, rows)
        second = in_order(take(f"recurrent.bias_hh_{ending}", own.b), order, rows)
        if own.d is not None:
            own.d[...] = second[-len(own.d) :]
            second[-len(own.d) :] = 0
        # A zero is not added: it would make another zero of -0.0.
        own.b[...] = np.where(second == 0, first, first + second)
    parts.V[...] = take("linear.weight", parts.V)
    parts.c[...] = take("linear.bias", parts.c)
    if parts.begin is not None:
        for name, state in _beginnings(parts).items():
            state[...] = take(f"begin.{name}", state)
    if left:
        raise CheckpointError(f"tensor {min(left)[:100]!r} has no place in the model")


def _orders(parts: Parts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ours, and PyTorch's."""
    rows = parts.cell.rows
    return rows, ORDERS.get(parts.name, rows)


def _directions(parts: Parts) -> Iterator[tuple[str, Direction]]:
    """What the names of each one's tensors end with."""
    for level, directions in enumerate(parts.levels):
        for reverse, own in enumerate(directions):
            yield f"l{level}{'_reverse' * reverse}", own


def _beginnings(parts: Parts) -> dict[str, Array]:
    """``(L, labels, H)``, views: ``h0`` and, of an LSTM, ``c0``, of which ``[:, numbers]`` are states for PyTorch."""
    assert parts.begin is not None
    states = parts.begin.transpose(1, 0, 3, 2)
    return {f"{name}0": state for name, state in zip(parts.cell.states, states, strict=True)}
