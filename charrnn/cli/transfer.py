"""Taking a saved model along: into a resumed run, or as the start of a new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.checkpoint import load_checkpoint
from charrnn.config import ModelConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.text import Corpus, load_corpus


def refuse_changes(config: ModelConfig, settings: Mapping[str, Any], option: str) -> None:
    """Raise an InputError if ``settings`` would change a saved model."""
    for name, value in settings.items():
        if (old := getattr(config, name)) != value:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(f"{flag} is {old} in that model, and stays so with {option}")


def adapted_model(
    path: Path,
    corpus_paths: Sequence[Path],
    settings: Mapping[str, Any],
    *,
    extend_vocab: bool,
    seed: int,
) -> tuple[CharacterModel, Corpus]:
    """A saved model and a corpus in its vocabulary.

    Args:
        settings: Model settings that were asked for; only dropout may differ from the model's.
        extend_vocab: Widen the model by the characters that it lacks.
        seed: Draws the weights of new characters.

    Raises:
        UnknownCharacterError: The corpus has characters that the model lacks.
    """
    model = load_checkpoint(path).model
    config = replace(model.config, dropout=settings.get("dropout", model.config.dropout))
    refuse_changes(config, settings, "--init-from")
    try:
        corpus = load_corpus(
            corpus_paths, vocabulary=model.vocabulary, extend_vocabulary=extend_vocab
        )
    except UnknownCharacterError as error:
        raise UnknownCharacterError(
            error.characters, "; add them to the model with --extend-vocab"
        ) from None
    model = model.extended_to(corpus.vocabulary, np.random.default_rng(seed))
    network = LanguageModel(config, len(corpus.vocabulary))
    return CharacterModel(network, model.parameters, corpus.vocabulary), corpus
