"""Checkpoints: one self-contained ``.npz`` file with the model, its story, and how to go on.

Named arrays (``model/layer0/W`` …) that ``numpy.load(file, allow_pickle=False)`` opens, and one array
``meta`` that holds a JSON text as bytes: configuration, vocabulary, history, versions. Reading checks
all of it; see :mod:`charrnn.files.npz` for how the arrays are guarded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import numpy as np

from charrnn.config import MAX_LABELS, ModelConfig, TextConfig, TrainingConfig
from charrnn.errors import CheckpointError
from charrnn.fields import Amount, Between, Length, OneOf, check, checks
from charrnn.files.codec import Older, arrays_of, entries, from_json, parse, to_json
from charrnn.files.npz import ArrayFile, one_line, write_arrays
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.models.network_for import network_for
from charrnn.nn.parameters import Array, Parameters
from charrnn.text.labels import LONGEST, Labels
from charrnn.text.symbols import MOST_WORDS
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.figures import Figures
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation, Origin, Progress
from charrnn.version import __version__

SUFFIX = ".npz"
FORMAT = 11
"""Version of the format that this code writes, and the newest that it reads."""

Format = Annotated[int, Between(1, (1 << 60) - 1)]


Version = Annotated[str, Length(1, 100)]


class WrittenBy(TypedDict):
    """Who wrote a file."""

    charrnn: Version
    numpy: Version


@dataclass(frozen=True)
class Meta:
    """All of a file that is not an array."""

    format: Format
    versions: WrittenBy
    model: ModelConfig
    text: TextConfig
    training: TrainingConfig
    vocabulary: str
    words: Annotated[tuple[Annotated[str, Length(1, LONGEST)], ...], Length(0, MOST_WORDS)]
    labels: Annotated[tuple[Annotated[str, Length(1, LONGEST)], ...], Length(0, MAX_LABELS)]
    between: Annotated[str, OneOf(("", " "))]
    corpus: CorpusInfo
    history: tuple[Evaluation, ...]
    validation_loss: Amount | None
    form: Annotated[str, Length(0, 100)]
    figures: Figures | None
    origin: Origin
    progress: Any

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Meta:
        """That of a checkpoint."""
        model = checkpoint.model
        return cls(
            FORMAT,
            {"charrnn": __version__, "numpy": np.__version__},
            model.config,
            model.vocabulary.config,
            checkpoint.training,
            model.vocabulary.characters,
            model.vocabulary.words,
            model.labels.names,
            model.labels.between,
            checkpoint.corpus,
            checkpoint.history,
            checkpoint.validation_loss,
            checkpoint.form,
            checkpoint.figures,
            checkpoint.origin,
            to_json(checkpoint.progress),
        )

    def as_text(self) -> str:
        """It as JSON."""
        return json.dumps(to_json(self), allow_nan=False)

    def outline(self) -> tuple[Network, Vocabulary, Labels]:
        """The model without its numbers."""
        vocabulary = Vocabulary(self.vocabulary, self.text, self.words)
        labels = Labels(self.labels, self.between)
        return network_for(self.model, len(vocabulary), len(labels)), vocabulary, labels

    def checkpoint(self, model: CharacterModel, progress: Progress | None = None) -> Checkpoint:
        """The checkpoint that it is of, with the numbers that it is without."""
        return Checkpoint(
            model,
            self.training,
            self.corpus,
            self.history,
            self.validation_loss,
            progress,
            resumable=self.progress is not None,
            form=self.form,
            figures=self.figures,
            origin=self.origin,
        )


BROUGHT: dict[int, dict[type, dict[str, Any]]] = {
    2: {Meta: {"text": {"unit": "character", "normalize": "none", "records": False}}},
    3: {
        ModelConfig: {"weight_drop": 0.0},
        TrainingConfig: {"steps": 0, "cooldown": 0, "ema": 0.0},
    },
    4: {
        CorpusInfo: {"parts": [], "val_file": False},
        Evaluation: {"file_losses": []},
        TrainingConfig: {"rewarm": 0},
    },
    5: {Meta: {"form": ""}},
    6: {ModelConfig: {"context": None}},
    7: {
        ModelConfig: {"task": "lm", "bidirectional": False},
        TrainingConfig: {"keep_best": None, "class_weights": "none"},
        Evaluation: {"accuracy": None, "f1": None},
        CorpusInfo: {"columns": []},
        Meta: {"labels": [], "between": "", "figures": None},
    },
    8: {
        ModelConfig: {"attention": None, "ngrams": 0},
        TrainingConfig: {"label_smoothing": 0.0, "rare_labels": 0.0},
        Figures: {"edits": 0, "symbols": 0},
    },
    9: {
        ModelConfig: {"lm_loss": 0.0},
        TextConfig: {"tokens": False, "features": False},
        Meta: {"words": []},
    },
    10: {ModelConfig: {"layer_norm": False}, TrainingConfig: {"reduce_every": 1}},
    11: {Meta: {"origin": {"tuned": False, "most_steps": 0}}},
}
"""Entries that a format brought, each with the value that means what was done before."""


@checks
def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a checkpoint, so that at every moment the old file or the new one is there, whole.

    Raises:
        CheckpointError: The disk is full, the folder cannot be written, or what is there is read-only or no file.
    """
    model, progress = checkpoint.model, checkpoint.progress
    arrays = {f"model/{name}": array for name, array in model.parameters.items()}
    if progress is not None:
        arrays |= {f"progress/{name}": array for name, array in arrays_of(progress).items()}
    text = Meta.of(checkpoint).as_text()
    write_arrays(path, {"meta": np.frombuffer(text.encode(), np.uint8), **arrays})


@checks
def load_checkpoint(path: str | Path, *, with_progress: bool = False) -> Checkpoint:
    """Read a checkpoint.

    Args:
        with_progress: Also read what resuming needs, up to four times as much as the model.

    Raises:
        InputError: There is no such file.
        CheckpointError: The file is not a checkpoint, damaged, or of a newer charrnn.
    """
    try:
        with ArrayFile(path) as file:
            return _checkpoint(file, with_progress)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _checkpoint(file: ArrayFile, with_progress: bool) -> Checkpoint:
    if "meta" not in file:
        raise CheckpointError("not a charrnn checkpoint (it has no entry 'meta')")
    try:
        return _read(file, with_progress)
    except (CheckpointError, MemoryError):  # a file is not damaged for being large
        raise
    except Exception as error:  # JSON of any shape raises errors of any kind
        raise CheckpointError(f"damaged: {one_line(error)}") from None


def read_meta(text: bytes | str) -> tuple[Meta, Older]:
    """What :meth:`Meta.as_text` made, in this format or an older one, and what becomes of entries of that.

    Raises:
        CheckpointError: It is of a newer format.
        Exception: It is damaged: whatever JSON of another shape leads to.
    """
    values = parse(text)
    check("format", Format, values["format"])
    if values["format"] > FORMAT:
        raise CheckpointError(
            f"written by a newer charrnn (format {values['format']}; this one, {__version__}, "
            f"reads up to {FORMAT}); it takes a newer one to read it"
        )

    def older(kind: type, entries: Mapping[str, Any]) -> Mapping[str, Any]:
        for number, brought in BROUGHT.items():
            if values["format"] < number:
                entries = {**brought.get(kind, {}), **entries}
        return entries

    return from_json(Meta, values, older), older


def _read(file: ArrayFile, with_progress: bool) -> Checkpoint:
    meta, older = read_meta(file.read("meta", None, np.uint8).tobytes())
    network, vocabulary, labels = meta.outline()
    shapes = network.parameter_shapes()
    of_run = Progress.array_shapes(network, meta.training) if meta.progress is not None else {}
    file.require({"meta", *_names("model", shapes), *_names("progress", of_run)})
    weights = [_finite(file, f"model/{name}", shape).ravel() for name, shape in shapes.items()]
    progress = None
    if meta.progress is not None:
        numbers = entries(Progress, meta.progress, older)  # right, also where nobody asks for them
        if with_progress:
            progress = Progress(**numbers, **_arrays(file, "progress", of_run))
    parameters = Parameters(shapes, np.concatenate(weights))
    return meta.checkpoint(CharacterModel(network, parameters, vocabulary, labels), progress)


def _names(name: str, shapes: Mapping[str, Any]) -> Iterator[str]:
    """The names of a record's arrays."""
    for key, shape in shapes.items():
        below = isinstance(shape, Mapping)
        yield from _names(f"{name}/{key}", shape) if below else [f"{name}/{key}"]


def _arrays(file: ArrayFile, name: str, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a record, each of the shape that it should have."""
    return {
        key: _arrays(file, f"{name}/{key}", shape)
        if isinstance(shape, Mapping)
        else _finite(file, f"{name}/{key}", shape)
        for key, shape in shapes.items()
    }


def _finite(file: ArrayFile, name: str, shape: tuple[int, ...]) -> Array:
    array = file.read(name, shape)
    if not np.isfinite(array).all():
        raise ValueError(f"not all numbers of {name} are finite")
    return array
