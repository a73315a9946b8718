"""Where ``charrnn train`` starts from: nothing, a model's weights, or the point that a run has reached."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.text.corpus import Corpus
from charrnn.text.recorded import afar, could_be, sizes
from charrnn.text.source import DEFAULT_SOURCE, STANDARD_INPUT
from charrnn.training.run import Checkpoint
from charrnn.training.trainer import Training
from charrnn.words import listed, shortened

DROPPING = ("dropout", "weight_drop")  # what concerns the training of a model alone


def only(config: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that are one configuration's."""
    return {field.name: given[field.name] for field in fields(config) if field.name in given}


def fresh_start(
    load: Callable[..., Corpus],
    init_from: Path | None,
    extend_vocab: bool,
    given: Mapping[str, Any],
) -> tuple[ModelConfig | CharacterModel, Corpus]:
    """What a new run starts from, nothing or a model's weights, and its corpus.

    Args:
        init_from: A saved model; of its settings only what is dropped may be changed.
        extend_vocab: Widen it by the characters that it lacks.

    Raises:
        InputError: A setting is out of its range, or not that of the model; a file cannot be read.
        UnknownCharacterError: The corpus has characters that the model lacks.
    """
    config = TrainingConfig(**only(TrainingConfig, given))
    if init_from is None:
        model_config = ModelConfig(**only(ModelConfig, given))
        return model_config, load(config=TextConfig(**only(TextConfig, given)))
    model = load_checkpoint(init_from).model
    model_config = replace(model.config, **{n: given[n] for n in DROPPING if n in given})
    _refuse_changes(model_config, model.vocabulary.config, given, "--init-from")
    try:
        corpus = load(vocabulary=model.vocabulary, extend_vocabulary=extend_vocab)
    except UnknownCharacterError as error:
        advice = "; add them to the model with --extend-vocab"
        raise UnknownCharacterError(error.characters, advice) from None
    model = model.extended_to(corpus.vocabulary, np.random.default_rng(config.seed))
    network = LanguageModel(model_config, len(corpus.vocabulary))
    return CharacterModel(network, model.parameters, corpus.vocabulary), corpus


def resumed_run(
    load: Callable[..., Corpus], corpus_paths: list[Path], path: Path, given: Mapping[str, Any]
) -> Training:
    """The run that a checkpoint holds, with what may be changed on the way.

    Raises:
        InputError: A setting cannot be changed, the text is another one, or a file cannot be read.
    """
    checkpoint = load_checkpoint(path, with_progress=True)
    vocabulary = checkpoint.model.vocabulary
    _refuse_changes(checkpoint.model.config, vocabulary.config, given, "--resume")
    possible = True
    if not corpus_paths:
        corpus_paths, possible = _recorded_corpus(checkpoint)
    try:
        corpus = load(corpus_paths, vocabulary=vocabulary) if possible else None
    except UnknownCharacterError:
        corpus = None
    if corpus is None or corpus.sha256 != checkpoint.corpus.sha256:
        names = list(map(str, corpus_paths)) or ["the default corpus"]
        named = "standard input" if STANDARD_INPUT in names else listed(names, " ")
        raise InputError(
            f"{named}: not the text that {path} was trained on "
            f"({listed(checkpoint.corpus.sources)}, {checkpoint.corpus.characters:,} "
            f"{vocabulary.config.unit}s); to train on another text: --init-from {path}"
        )
    settings = only(TrainingConfig, given)
    if "steps" in settings or "epochs" in settings:  # one takes the other's place
        settings = {"steps": 0, "epochs": 0, **settings}
    return Training.resume(corpus, checkpoint, replace(checkpoint.training, **settings))


def _recorded_corpus(checkpoint: Checkpoint) -> tuple[list[Path], bool]:
    """The files that the run was started with, and whether they can still be its text.

    They need not be read for that: a stranger's checkpoint may name any file, of any size.
    """
    corpus, config = checkpoint.corpus, checkpoint.model.vocabulary.config
    if corpus.sources == (DEFAULT_SOURCE,):
        return [], True
    if STANDARD_INPUT in corpus.sources:
        raise InputError("this run read its corpus from standard input; give it again: - or a file")
    for source in corpus.sources:
        elsewhere = afar(source)
        if elsewhere or (os.path.exists(source) and not os.path.isfile(source)):  # noqa: PTH110, PTH113 (any name)
            what = "on another machine" if elsewhere else "no file"
            raise InputError(
                f"this run read its corpus from {shortened(source)}, which is {what}; "
                "give it again: - or a file"
            )
    paths, counts = [Path(source) for source in corpus.sources], sizes(corpus.sources)
    if counts is None:
        return paths, True  # reading them tells what is wrong
    # An empty file adds nothing, and one that only seems empty (in /proc) may never end.
    filled = [path for path, count in zip(paths, counts, strict=True) if count]
    return filled or paths, could_be(counts, corpus.characters, config)


def _refuse_changes(
    model: ModelConfig, text: TextConfig, given: Mapping[str, Any], option: str
) -> None:
    """Raise an InputError if settings would change a saved model, or how it reads text."""
    for name, value in only(ModelConfig, given).items():
        if (old := getattr(model, name)) != value:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is {old} in that model, and stays so with {option}")
    if (asked := replace(text, **only(TextConfig, given))) != text:
        raise InputError(f"that model is one of {text}, not of {asked}, and stays so with {option}")
