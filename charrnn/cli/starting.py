"""Where ``charrnn train`` starts from: nothing, a model's weights, or the point that a run has reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.text.corpus import Corpus
from charrnn.text.source import DEFAULT_SOURCE, STANDARD_INPUT
from charrnn.training.run import Checkpoint
from charrnn.training.trainer import Training

DROPPING = ("dropout", "weight_drop")
"""Settings of a model that concern its training alone."""


def fresh_start(
    load: Callable[..., Corpus],
    init_from: Path | None,
    extend_vocab: bool,
    text_settings: dict[str, Any],
    model_settings: dict[str, Any],
    training_settings: dict[str, Any],
) -> tuple[ModelConfig | CharacterModel, Corpus]:
    """What a new run starts from, nothing or a model's weights, and its corpus.

    Args:
        load: :func:`charrnn.text.corpus.load_corpus` of the corpus' files.
        init_from: A saved model; of its settings only what is dropped may be changed.
        extend_vocab: Widen it by the characters that it lacks.

    Raises:
        InputError: A setting is out of its range, or not that of the model; a file cannot be read.
        UnknownCharacterError: The corpus has characters that the model lacks.
    """
    config = TrainingConfig(**training_settings)
    if init_from is None:
        return ModelConfig(**model_settings), load(config=TextConfig(**text_settings))
    model = load_checkpoint(init_from).model
    dropping = {name: model_settings[name] for name in DROPPING if name in model_settings}
    model_config = replace(model.config, **dropping)
    text = model.vocabulary.config
    _refuse_changes(model_config, model_settings, text, text_settings, "--init-from")
    try:
        corpus = load(vocabulary=model.vocabulary, extend_vocabulary=extend_vocab)
    except UnknownCharacterError as error:
        raise UnknownCharacterError(
            error.characters, "; add them to the model with --extend-vocab"
        ) from None
    model = model.extended_to(corpus.vocabulary, np.random.default_rng(config.seed))
    network = LanguageModel(model_config, len(corpus.vocabulary))
    return CharacterModel(network, model.parameters, corpus.vocabulary), corpus


def resumed_run(
    load: Callable[..., Corpus],
    corpus_paths: list[Path],
    path: Path,
    text_settings: dict[str, Any],
    model_settings: dict[str, Any],
    training_settings: dict[str, Any],
) -> Training:
    """The run that a checkpoint holds, with what may be changed on the way.

    Raises:
        InputError: A setting cannot be changed, the text is another one, or a file cannot be read.
    """
    checkpoint = load_checkpoint(path, with_progress=True)
    vocabulary = checkpoint.model.vocabulary
    model, text = checkpoint.model.config, vocabulary.config
    _refuse_changes(model, model_settings, text, text_settings, "--resume")
    if not corpus_paths:
        corpus_paths = _recorded_corpus(checkpoint)
    try:
        corpus = load(corpus_paths, vocabulary=vocabulary)
    except UnknownCharacterError:
        corpus = None
    if corpus is None or corpus.sha256 != checkpoint.corpus.sha256:
        named = " ".join(map(str, corpus_paths)) or "the default corpus"
        if STANDARD_INPUT in map(str, corpus_paths):
            named = "standard input"
        raise InputError(
            f"{named}: not the text that {path} was trained on "
            f"({', '.join(checkpoint.corpus.sources)}, {checkpoint.corpus.characters:,} "
            f"{vocabulary.config.unit}s); to train on another text: --init-from {path}"
        )
    if "steps" in training_settings or "epochs" in training_settings:  # one takes the other's place
        training_settings = {"steps": 0, "epochs": 0, **training_settings}
    return Training.resume(corpus, checkpoint, replace(checkpoint.training, **training_settings))


def _recorded_corpus(checkpoint: Checkpoint) -> list[Path]:
    """The files that the run was started with."""
    sources = checkpoint.corpus.sources
    if STANDARD_INPUT in sources:
        raise InputError("this run read its corpus from standard input; give it again: - or a file")
    return [] if sources == (DEFAULT_SOURCE,) else [Path(source) for source in sources]


def _refuse_changes(
    model: ModelConfig,
    model_settings: Mapping[str, Any],
    text: TextConfig,
    text_settings: Mapping[str, Any],
    option: str,
) -> None:
    """Raise an InputError if settings would change a saved model, or how it reads text."""
    for name, value in model_settings.items():
        if (old := getattr(model, name)) != value:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is {old} in that model, and stays so with {option}")
    if (asked := replace(text, **text_settings)) != text:
        raise InputError(f"that model is one of {text}, not of {asked}, and stays so with {option}")
