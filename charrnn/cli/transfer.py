"""Taking a saved model along: into a resumed run, or as the start of a new one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.config import ModelConfig, TextConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.text.corpus import Corpus

DROPPING = ("dropout", "weight_drop")
"""Settings of a model that concern its training alone."""


def refuse_changes(config: ModelConfig, settings: Mapping[str, Any], option: str) -> None:
    """Raise an InputError if ``settings`` would change a saved model."""
    for name, value in settings.items():
        if (old := getattr(config, name)) != value:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is {old} in that model, and stays so with {option}")


def refuse_other_text(config: TextConfig, settings: Mapping[str, Any], option: str) -> None:
    """Raise an InputError if ``settings`` would change how a saved model reads text."""
    if (asked := replace(config, **settings)) != config:
        raise InputError(
            f"that model is one of {config}, not of {asked}, and stays so with {option}"
        )


def adapted_model(
    path: Path,
    load: Callable[..., Corpus],
    text_settings: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    extend_vocab: bool,
    seed: int,
) -> tuple[CharacterModel, Corpus]:
    """A saved model and a corpus in its vocabulary.

    Args:
        load: :func:`charrnn.text.corpus.load_corpus` of the corpus' files.
        text_settings: How to read the corpus, as far as it was asked for: the model's own way.
        settings: Model settings that were asked for; only what is dropped may differ from the model's.
        extend_vocab: Widen the model by the characters that it lacks.
        seed: Draws the weights of new characters.

    Raises:
        UnknownCharacterError: The corpus has characters that the model lacks.
    """
    model = load_checkpoint(path).model
    dropping = {name: settings[name] for name in DROPPING if name in settings}
    config = replace(model.config, **dropping)
    refuse_changes(config, settings, "--init-from")
    refuse_other_text(model.vocabulary.config, text_settings, "--init-from")
    try:
        corpus = load(vocabulary=model.vocabulary, extend_vocabulary=extend_vocab)
    except UnknownCharacterError as error:
        raise UnknownCharacterError(
            error.characters, "; add them to the model with --extend-vocab"
        ) from None
    model = model.extended_to(corpus.vocabulary, np.random.default_rng(seed))
    network = LanguageModel(config, len(corpus.vocabulary))
    return CharacterModel(network, model.parameters, corpus.vocabulary), corpus
