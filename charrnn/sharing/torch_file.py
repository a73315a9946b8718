"""A model for PyTorch: its numbers by PyTorch's names in a safetensors file, all else in its metadata; and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from charrnn.errors import CheckpointError, InputError
from charrnn.files.checkpoint import Meta, read_meta
from charrnn.files.npz import one_line
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.sharing.foreign import Strange, foreign_checkpoint
from charrnn.sharing.parts import taken_apart
from charrnn.sharing.safetensors import read_tensors, write_tensors
from charrnn.sharing.torch_names import model_of, to_torch
from charrnn.training.run import Checkpoint

OWN = "charrnn"
"""The metadata of which a checkpoint is made again, as ``meta`` of one has it."""


def write_torch(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a model for PyTorch; errors as :func:`taken_apart` and :func:`write_tensors`."""
    model = checkpoint.model
    tensors = to_torch(taken_apart(model.network, model.parameters, "a .safetensors file"))
    config = replace(model.config, lm_loss=0.0)  # what it learnt by is left out
    meta = replace(Meta.of(checkpoint), model=config, progress=None)
    # So libraries know PyTorch's tensors from those of others.
    metadata = {"format": "pt", **described(model), OWN: meta.as_text()}
    write_tensors(path, tensors, metadata)


def described(model: CharacterModel) -> dict[str, str]:
    """What who runs a model elsewhere has to know, in strings."""
    labels = {"labels": json.dumps(model.labels.names, ensure_ascii=False)}
    return {
        "task": model.config.task,
        "cell": model.config.cell,
        "unit": model.vocabulary.config.unit,
        "vocabulary": model.vocabulary.characters,
        **(labels if len(model.labels) else {}),
    }


def read_torch(path: str | Path, strange: Strange) -> Checkpoint:
    """A model that :func:`write_torch` wrote, or another program.

    Args:
        strange: What is known of it where it does not tell itself.

    Raises:
        InputError: There is no such file, or what is said does not fit it.
        CheckpointError: It is damaged, or holds something else.
    """
    tensors, metadata = read_tensors(path)
    told = metadata.get(OWN)
    if told is not None and strange != Strange():
        raise InputError(f"{path}: tells itself what it is; leave the options that say so out")
    try:
        if told is None:
            return foreign_checkpoint(tensors, metadata, Path(path).name, strange)
        return _own(tensors, told)
    except MemoryError:
        raise
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except InputError as error:
        if told is None:
            raise InputError(f"{path}: {error}") from None
        raise CheckpointError(f"{path}: damaged: {one_line(error)}") from None
    except Exception as error:  # JSON of any shape raises errors of any kind
        raise CheckpointError(f"{path}: damaged: {one_line(error)}") from None


def _own(tensors: Mapping[str, Array], text: str) -> Checkpoint:
    meta, _ = read_meta(text)
    if meta.progress is not None:
        raise CheckpointError("damaged: it says where a run stands, which only a .npz can hold")
    return meta.checkpoint(model_of(tensors, *meta.outline()))
