"""Nets that answer, with everything about them random, and texts of several lengths to ask them about."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from forms import Form
from kinds import RECURRENT, named
from numpy.typing import DTypeLike, NDArray

from charrnn.config import CELLS, ModelConfig
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.models.network_for import network_for
from charrnn.nn.dropout import NO_DROPOUT
from charrnn.nn.lengths import inside
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary

CHARACTERS, LABELS = 4, 3
T, LENGTHS = 4, (2, 4, 0, 1, 3)

every_task = pytest.mark.parametrize("task", ["classify", "tag"])


class Kind(NamedTuple):
    """A cell, whether it reads both ways, and the width of the embedding, if any."""

    cell: str
    bidirectional: bool
    embedding_size: int = 0

    def __str__(self) -> str:
        ways, read = "both-ways" * self.bidirectional, "embedded" * bool(self.embedding_size)
        return "-".join(part for part in (self.cell, ways, read) if part)

    def config(self, task: str, hidden_size: int = 2, num_layers: int = 2, **more: Any) -> Any:
        return ModelConfig(
            task=task,
            **named(self.cell),
            hidden_size=hidden_size,
            num_layers=num_layers,
            embedding_size=self.embedding_size,
            bidirectional=self.bidirectional,
            **{"dropout": 0.0, **more},
        )


ONE_HOT = [
    Kind(cell, ways) for cell in CELLS for ways in (False, True) if cell in RECURRENT or not ways
]
EMBEDDED = [kind._replace(embedding_size=2) for kind in ONE_HOT if kind.cell in RECURRENT]

every_kind = pytest.mark.parametrize("kind", [*ONE_HOT, *EMBEDDED], ids=str)
every_cell_and_way = pytest.mark.parametrize("kind", ONE_HOT, ids=str)


def random_numbers(net: Network, seed: int = 0, dtype: DTypeLike = np.float64) -> Parameters:
    """Every number drawn, the biases too: zeros would hide what they multiply."""
    params = Parameters(net.parameter_shapes(), dtype=dtype)
    params.flat[...] = 0.6 * np.random.default_rng(seed).standard_normal(params.flat.shape)
    return params


def random_net(config: ModelConfig, seed: int = 0) -> tuple[Network, Parameters]:
    net = network_for(config, CHARACTERS, LABELS)
    return net, random_numbers(net, seed)


def formed(net: Network, form: Form) -> Network:
    """The same net with its stack in the form that is under test."""
    twin = copy.copy(net)
    twin.stack = form(net.stack)
    return twin


def random_chunk(task: str, *, weighted: bool, seed: int = 0) -> Chunk:
    """Texts of LENGTHS, with anything for padding; the full one has each character."""
    rng = np.random.default_rng(seed)
    B, lengths = len(LENGTHS), np.array(LENGTHS)
    inputs = rng.integers(CHARACTERS, size=(T, B))
    inputs[:, LENGTHS.index(T)] = rng.permutation(CHARACTERS)
    shape = (1, B) if task == "classify" else (T, B)
    return Chunk(
        inputs,
        rng.integers(LABELS, size=shape),
        np.ones(B, np.bool_),
        None if task == "classify" else inside(lengths, T),
        lengths,
        rng.uniform(0.2, 3, shape).astype(np.float32) if weighted else None,
    )


def random_model(
    config: ModelConfig,
    names: Sequence[str] = "xyz",
    characters: str = "abcd",
    seed: int = 0,
) -> CharacterModel:
    """One of random weights, in float32 as models are."""
    labels = Labels(names)
    net = network_for(config, len(characters), len(labels))
    return CharacterModel(
        net, random_numbers(net, seed, np.float32), Vocabulary(characters), labels
    )


@dataclass(frozen=True)
class Alone:
    """What a text gets that is read by itself, in one go: scores ``(T, K)``, or ``(K,)`` of a label, and the ends."""

    scores: Array
    ends: Array

    @property
    def probabilities(self) -> Array:
        e = np.exp(self.scores - self.scores.max(axis=-1, keepdims=True))
        p: Array = e / e.sum(axis=-1, keepdims=True)
        return p


def alone(net: Network, params: Parameters, ids: NDArray[np.integer[Any]]) -> Alone:
    """Of one text without padding, but an empty one, which cannot be without."""
    length, dtype = len(ids), params.flat.dtype
    x = ids[:, None] if length else np.zeros((1, 1), np.intp)
    lengths = None if length else np.zeros(1, np.intp)
    zero = net.zero_state(1, dtype)
    scores, state = net.logits(params, x, zero, Workspace(dtype), None, lengths)
    h, _ = net.hidden(params, x, zero, Workspace(dtype), NO_DROPOUT, lengths)
    ends = net.ends(h, state, np.array([length]))
    read = scores[:, 0, 0] if net.config.task == "classify" else scores[:, :length, 0].T
    return Alone(read.copy(), ends[:, 0].copy())


def asked_alone(model: CharacterModel, text: str) -> Alone:
    """The same of a model, in float64."""
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    return alone(model.network, params, model.vocabulary.encode(text))
