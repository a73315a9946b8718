"""Models of every kind that can be exported, with the same numbers on every machine; and texts for them.

For test_exporting.py, and for golden_elsewhere.py, which shows them to PyTorch and ONNX Runtime.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from charrnn.config import ModelConfig, TextConfig
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.vocabulary import BYTES, Vocabulary

CELLS = ("lstm", "gru", "rnn", "rnn-relu")
T, B = 6, 3
LENGTHS = np.array((4, 6, 1))
"""Of the texts that are read whole."""

KINDS: Mapping[str, Mapping[str, Any]] = {
    "one-hot": {"num_layers": 1},
    "embedded": {"num_layers": 2, "embedding_size": 3},
    "conditional": {"num_layers": 2, "task": "conditional"},
    "classify": {"num_layers": 2, "task": "classify", "embedding_size": 3, "lm_loss": 0.5},
    "classify-forwards": {"num_layers": 1, "task": "classify", "bidirectional": False},
    "tag": {"num_layers": 2, "task": "tag"},
}
CASES = {
    f"{cell}-{kind}": {"cell": cell, **shape} for cell in CELLS for kind, shape in KINDS.items()
}


def model_of_case(name: str) -> CharacterModel:
    """A model whose numbers are fractions that float32 holds exactly, so that no machine has others."""
    config = ModelConfig(hidden_size=4, dropout=0.1, **CASES[name])
    learns = config.learns
    text = TextConfig(records=learns.for_labels, normalize="none")
    names = ("x", "y", "z") if learns.label else ()
    labels = Labels(names) if names else NO_LABELS
    return numbered(config, Vocabulary("\n abcÅ☃", text), labels)


def byte_model() -> CharacterModel:
    config = ModelConfig(hidden_size=3, num_layers=1)
    return numbered(config, Vocabulary(BYTES, TextConfig(unit="byte")))


def numbered(
    config: ModelConfig, vocabulary: Vocabulary, labels: Labels = NO_LABELS
) -> CharacterModel:
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(0), labels)
    places = np.arange(model.parameters.flat.size)
    model.parameters.flat[...] = (places * 7919 % 997 - 498) / 512
    return model


class Read(NamedTuple):
    """What a model makes of texts, in PyTorch's shapes: logits ``(T, B, K)``, of labels ``(B, K)``, and states ``(states, L, B, H)``."""

    logits: Array
    before: Array
    after: Array


def texts(model: CharacterModel) -> Array:
    """``(T, B)``, ids."""
    return np.arange(T * B).reshape(T, B) ** 2 % len(model.vocabulary)


def ours(model: CharacterModel) -> Read:
    """What charrnn makes of the texts, from a state that is not zero where one goes in."""
    network, params = model.network, model.parameters
    whole = network.reads_whole
    before = network.zero_state(B)
    if not whole:
        before[...] = (np.arange(before.size).reshape(before.shape) * 31 % 17 - 8) / 16
    if len(model.labels) and not whole:
        before = network.begin(params, B, np.array((2, 0, 1)))
    lengths = LENGTHS if whole else None
    logits, after = network.logits(params, texts(model), before, Workspace(), lengths=lengths)
    scores = np.ascontiguousarray(logits.transpose(1, 2, 0))
    if network.config.learns.one_each and whole:
        scores = scores[0]
    elif whole:
        scores[np.arange(T)[:, None] >= LENGTHS] = 0
    return Read(scores, before.transpose(1, 0, 3, 2), after.transpose(1, 0, 3, 2))


def digest(tensors: Mapping[str, Array]) -> str:
    """Of names, shapes and numbers."""
    found = hashlib.sha256()
    for name, tensor in tensors.items():
        found.update(f"{name}{tensor.shape}".encode())
        found.update(np.ascontiguousarray(tensor, "<f4").tobytes())
    return found.hexdigest()
