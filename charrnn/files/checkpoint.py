"""Checkpoints: one self-contained ``.npz`` file with the model, its story, and how to go on.

Named arrays (``model/layer0/W`` …) that ``numpy.load(file, allow_pickle=False)`` opens, and one array
``meta`` that holds a JSON text as bytes: configuration, vocabulary, history, versions. Reading checks
all of it; see :mod:`charrnn.files.npz` for how the arrays are guarded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np

from charrnn.config import Config, ModelConfig, TextConfig, TrainingConfig, from_dict
from charrnn.errors import CheckpointError
from charrnn.files.npz import ArrayFile, one_line, write_arrays
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.nn.parameters import Array, Parameters
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.optimizer import slot_names
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation, Progress
from charrnn.version import __version__

SUFFIX = ".npz"
FORMAT = 3
"""Version of the format that this code writes, and the newest that it reads."""

BROUGHT: dict[int, dict[type, dict[str, Any]]] = {
    2: {TextConfig: {"unit": "character", "normalize": "none", "records": False}},
    3: {
        ModelConfig: {"weight_drop": 0.0},
        TrainingConfig: {"steps": 0, "cooldown": 0, "ema": 0.0},
    },
}
"""Settings that a format brought, each with the value that means what was done before."""


def save_checkpoint(checkpoint: Checkpoint, path: str | Path) -> None:
    """Write a checkpoint, so that at every moment the old file or the new one is there, whole.

    Raises:
        CheckpointError: The disk is full, or the folder cannot be written.
    """
    meta: dict[str, Any] = {
        "format": FORMAT,
        "versions": {"charrnn": __version__, "numpy": np.__version__},
        "model": asdict(checkpoint.model.config),
        "text": asdict(checkpoint.model.vocabulary.config),
        "training": asdict(checkpoint.training),
        "vocabulary": checkpoint.model.vocabulary.characters,
        "corpus": asdict(checkpoint.corpus),
        "history": [asdict(evaluation) for evaluation in checkpoint.history],
        "validation_loss": checkpoint.validation_loss,
        "progress": None,
    }
    arrays = {f"model/{name}": array for name, array in checkpoint.model.parameters.items()}
    if checkpoint.progress is not None:
        progress = dict(vars(checkpoint.progress))
        arrays["progress/weights"] = progress.pop("weights")
        arrays["progress/state"] = progress.pop("state")
        for name, slot in progress.pop("slots").items():
            arrays[f"progress/slots/{name}"] = slot
        meta["progress"] = progress
    text = json.dumps(meta, allow_nan=False)
    write_arrays(path, {"meta": np.frombuffer(text.encode(), np.uint8), **arrays})


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
        meta = json.loads(file.read("meta", None, np.uint8).tobytes(), parse_constant=_refuse)
        if _count(meta["format"]) > FORMAT:
            raise CheckpointError(
                f"written by a newer charrnn (format {meta['format']}; this one, {__version__}, "
                f"reads up to {FORMAT}); upgrade it: pip install -U charrnn"
            )
        text = _config(TextConfig, meta.get("text", {}), meta["format"])
        vocabulary = Vocabulary(_typed(meta["vocabulary"], str), text)
        training = _config(TrainingConfig, meta["training"], meta["format"])
        _number(training.val_fraction)  # as they were used: nothing is left to choose
        _number(training.warmup)
        model = _config(ModelConfig, meta["model"], meta["format"])
        network = LanguageModel(model, len(vocabulary))
        params = _parameters(file, network)
        progress = None
        if with_progress and meta["progress"] is not None:
            progress = _progress(file, meta["progress"], network, training)
        return Checkpoint(
            CharacterModel(network, params, vocabulary),
            training,
            _corpus_info(meta["corpus"]),
            _history(meta["history"]),
            _optional_number(meta["validation_loss"]),
            progress,
            resumable=meta["progress"] is not None,
        )
    except (CheckpointError, MemoryError):  # a file is not damaged for being large
        raise
    except Exception as error:  # JSON of any shape raises errors of any kind
        raise CheckpointError(f"damaged: {one_line(error)}") from None


def _config(kind: type[Config], values: Mapping[str, Any], format_number: int) -> Config:
    """A configuration, whatever the format that it was saved in."""
    for number, settings in BROUGHT.items():
        if format_number < number:
            values = {**settings.get(kind, {}), **values}
    return from_dict(kind, values)


def _parameters(file: ArrayFile, network: LanguageModel) -> Parameters:
    shapes = network.parameter_shapes()
    arrays = [file.read(f"model/{name}", shape) for name, shape in shapes.items()]
    params = Parameters(shapes, np.concatenate([array.ravel() for array in arrays]))
    _check_finite(params.flat)
    return params


def _progress(
    file: ArrayFile,
    values: Mapping[str, Any],
    network: LanguageModel,
    training: TrainingConfig,
) -> Progress:
    generators = [dict(state) for state in _typed(values["generators"], list)]
    if len(generators) != training.threads:
        raise ValueError("there must be a random generator for each thread")
    for state in generators:
        np.random.PCG64().state = cast(Any, state)  # raises if it is not one
    size = (sum(math.prod(shape) for shape in network.parameter_shapes().values()),)
    state_shape = network.stack.state_shape(training.batch_size)
    progress = Progress(
        weights=file.read("progress/weights", size),
        slots={name: file.read(f"progress/slots/{name}", size) for name in slot_names(training)},
        state=file.read("progress/state", state_shape),
        generators=generators,
        step=_count(values["step"]),
        evaluated_at=_count(values["evaluated_at"]),
        best_loss=_optional_number(values["best_loss"]),
        stale_evaluations=_count(values["stale_evaluations"]),
        rate_scale=_number(values["rate_scale"]),
        recoveries=_count(values["recoveries"]),
        loss_sum=_number(values["loss_sum"]),
        loss_count=_count(values["loss_count"]),
        seconds=_number(values["seconds"]),
    )
    _check_finite(progress.weights, progress.state, *progress.slots.values())
    return progress


def _check_finite(*arrays: Array) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("not all of its numbers are finite")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"a {kind.__name__} was expected")
    return value


def _number(value: Any) -> float:
    """A loss, a rate or a time; so large at most that sums of them do not overflow."""
    if type(value) not in (int, float) or not 0 <= value <= 1e300:
        raise TypeError("a number was expected")
    return float(value)


def _text(value: Any) -> str:
    """Text that can be printed; a path may have bytes that are not UTF-8."""
    text: str = _typed(value, str)
    text.encode("utf-8", "surrogateescape")
    return text


def _optional_number(value: Any) -> float | None:
    return None if value is None else _number(value)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 60:
        raise TypeError("a count was expected")
    return value


def _corpus_info(values: Mapping[str, Any]) -> CorpusInfo:
    return CorpusInfo(
        tuple(_text(source) for source in _typed(values["sources"], list)),
        _count(values["characters"]),
        _count(values["train_characters"]),
        _text(values["sha256"]),
    )


def _history(values: Any) -> tuple[Evaluation, ...]:
    history = tuple(_evaluation(entry) for entry in values)
    if history and not (history[0].step and history[0].epoch):
        raise ValueError("an evaluation before the first step")
    if any(b.step <= a.step or b.epoch <= a.epoch for a, b in pairwise(history)):
        raise ValueError("its evaluations are not in order")
    return history


def _evaluation(values: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        _count(values["step"]),
        _number(values["epoch"]),
        _number(values["train_loss"]),
        _optional_number(values["validation_loss"]),
        _number(values["rate"]),
        _number(values["seconds"]),
    )
