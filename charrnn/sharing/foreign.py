"""Language models of other programs: what a file of PyTorch's tensors tells by their names and shapes, and what has to be said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.errors import CheckpointError, InputError
from charrnn.models.network_for import network_for
from charrnn.nn.cells import cell_class
from charrnn.nn.parameters import Array
from charrnn.sharing.torch_names import model_of
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo
from charrnn.words import counted, listed

NAMES = re.compile(r"(.*?)((?:weight|bias)_[ih]h_l([0-9]{1,3})(_reverse)?)", re.DOTALL)
GATES = {4: "lstm", 3: "gru", 1: "rnn"}
"""Blocks of H rows of a cell's weights, by which it is known."""

NOT_TRAINED_HERE = TrainingConfig(steps=1, warmup=0, val_fraction=0.0, eval_every=1, threads=1)
"""A checkpoint has the settings of its run. Nobody knows them: these are the usual ones, of the shortest run."""


@dataclass(frozen=True)
class Strange:
    """What is said of a model that does not tell it itself.

    Attributes:
        vocabulary: Its characters, in the order of their numbers.
        by_bytes: That they are the 256 bytes.
        relu: That a plain RNN has ReLU instead of tanh, which no name or shape tells.
    """

    vocabulary: str | None = None
    by_bytes: bool = False
    relu: bool = False


def foreign_checkpoint(
    tensors: Mapping[str, Array], metadata: Mapping[str, str], name: str, strange: Strange
) -> Checkpoint:
    """A checkpoint of a model that was learnt elsewhere; of its run it says nothing.

    Args:
        metadata: In which the vocabulary may be.
        name: Of its file.

    Raises:
        InputError: What is said of it does not fit, or is missing.
        CheckpointError: The tensors are no such model.
    """
    named = _by_our_names(tensors)
    characters = BYTES if strange.by_bytes else strange.vocabulary or metadata.get("vocabulary")
    if not characters:
        raise InputError(
            "does not tell its characters; name a file of them, in the order of their numbers, with --vocabulary, or add --bytes"
        )
    config = _config(named, relu=strange.relu)
    by_bytes = characters == BYTES and (strange.by_bytes or metadata.get("unit") == "byte")
    kind = TextConfig(unit="byte" if by_bytes else "character", normalize="none")
    vocabulary = Vocabulary(_as_many(characters, len(named["linear.weight"])), kind)
    model = model_of(named, network_for(config, len(vocabulary), 0), vocabulary)
    nothing = CorpusInfo((f"unknown (imported from {name})",), 0, 0, hashlib.sha256().hexdigest())
    return Checkpoint(model, NOT_TRAINED_HERE, nothing)


def _as_many(characters: str, known: int) -> str:
    """The characters of a model that knows so many; an editor may have ended them with a line feed."""
    if len(characters) == known + 1 and characters.endswith("\n"):
        return characters[:-1]
    if len(characters) != known:
        raise InputError(
            f"scores {counted(known, 'character')}, and the vocabulary has {len(characters):,}"
        )
    return characters


def _by_our_names(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The same tensors as :mod:`charrnn.sharing.torch_names` calls them, whatever their modules were called.

    The linear layer is the module with a weight and a bias, the embedding the one without. Where the recurrent layers
    have no biases, these are 0.
    """
    found, modules = dict[str, Array](), dict[str, dict[str, Array]]()
    recurrent = set[str]()
    for name, tensor in tensors.items():
        if match := NAMES.fullmatch(name):
            recurrent.add(match[1])
            found[f"recurrent.{match[2]}"] = tensor
        else:
            module, _, kind = name.rpartition(".")
            modules.setdefault(module, {})[kind] = tensor
    if not recurrent:
        raise CheckpointError("has no recurrent layer: no tensor is called weight_ih_l0")
    if len(recurrent) > 1:
        raise CheckpointError(
            f"has recurrent layers of two modules: {listed(sorted(map(repr, recurrent)))}"
        )
    if any(name.endswith("_reverse") for name in found):
        raise CheckpointError("reads from both ends, which no language model does")
    for module, own in modules.items():
        ours = {("bias", "weight"): "linear", ("weight",): "embedding"}.get(tuple(sorted(own)), "")
        if not ours or f"{ours}.weight" in found or own["weight"].ndim != 2:
            raise CheckpointError(
                f"the module {module[:100]!r} is neither an embedding nor a linear layer, or there are two"
            )
        found |= {f"{ours}.{name}": tensor for name, tensor in own.items()}
    if "linear.weight" not in found:
        raise CheckpointError("has no linear layer: no module has a weight and a bias")
    if not any(".bias_" in name for name in found):
        for name in [name for name in found if ".weight_" in name]:
            zeros = np.zeros(found[name].shape[:1], np.float32)
            found[name.replace(".weight_", ".bias_")] = zeros
    return found


def _config(named: Mapping[str, Array], *, relu: bool) -> ModelConfig:
    """The shape of a model of these tensors; nothing is known of its dropout.

    Raises:
        InputError: A size is out of its limits.
        CheckpointError: It is no cell that is known.
    """
    W = named.get("recurrent.weight_hh_l0")
    if W is None or W.ndim != 2 or not W.size or len(W) % W.shape[1]:
        raise CheckpointError("has no recurrent weights that fit: weight_hh_l0")
    cell = GATES.get(len(W) // W.shape[1])
    if cell is None:
        raise CheckpointError(
            "is neither an LSTM nor a GRU nor an RNN, by the rows of weight_hh_l0"
        )
    if relu and cell != "rnn":
        raise InputError(f"is of {cell_class(cell).title}s, which have no other nonlinearity")
    layers = 1 + max(int(match[3]) for name in named if (match := NAMES.fullmatch(name)))
    embedding = named.get("embedding.weight")
    return ModelConfig(
        cell="rnn-relu" if relu else cell,
        hidden_size=W.shape[1],
        num_layers=layers,
        embedding_size=0 if embedding is None else embedding.shape[1],
        dropout=0.0,
    )
