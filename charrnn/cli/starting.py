"""Where ``charrnn train`` starts from: nothing, a model's weights, or the point that a run has reached."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.cli.terminal import tell_of_compiling
from charrnn.config import ModelConfig, TextConfig, TrainingConfig, only
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.text.corpus import Corpus
from charrnn.text.recorded import afar, could_be, sizes
from charrnn.text.source import DEFAULT_SOURCE, STANDARD_INPUT, in_words, is_passing
from charrnn.training.learner import compile_ahead
from charrnn.training.run import Checkpoint, CorpusInfo
from charrnn.words import as_argument, listed, quoted, shortened

DROPPING = ("dropout", "weight_drop")  # what concerns the training of a model alone


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


def compiled_ahead(
    start: ModelConfig | CharacterModel, config: TrainingConfig, *, quiet: bool
) -> float:
    """Compile a run's steps before anything is measured, and say so; the seconds that it took."""
    model = start.config if isinstance(start, CharacterModel) else start
    return compile_ahead(model, config, lambda: None if quiet else tell_of_compiling())


def resumed_start(
    load: Callable[..., Corpus],
    corpus_paths: list[str],
    val_file: str | None,
    path: Path,
    given: Mapping[str, Any],
) -> tuple[Checkpoint, Corpus, TrainingConfig]:
    """The run that a checkpoint holds, its text, and its settings with those that may be changed on the way.

    Args:
        corpus_paths, val_file: Where its text is now, if it is not where it was.

    Raises:
        InputError: A setting cannot be changed, the text is another one, or a file cannot be read.
    """
    checkpoint = load_checkpoint(path, with_progress=True)
    vocabulary = checkpoint.model.vocabulary
    _refuse_changes(checkpoint.model.config, vocabulary.config, given, "--resume")
    corpus_paths, val_file = _texts(checkpoint, path, corpus_paths, val_file)
    corpus = load(
        corpus_paths,
        val_file=val_file,
        vocabulary=vocabulary,
        extend_vocabulary=True,  # it is named by its length where it is another text
    )
    if corpus.sha256 != checkpoint.corpus.sha256:
        raise InputError(_another_text(corpus, checkpoint.corpus, path))
    settings = only(TrainingConfig, given)
    if "steps" in settings or "epochs" in settings:  # one takes the other's place
        settings = {"steps": 0, "epochs": 0, **settings}
    return checkpoint, corpus, replace(checkpoint.training, **settings)


def _another_text(corpus: Corpus, recorded: CorpusInfo, path: Path) -> str:
    """What is wrong with a text that is not that of a run."""
    then, now = f"{recorded.characters:,}", f"{len(corpus):,}"
    units = f"{corpus.vocabulary.config.unit}s"
    if corpus.sources == recorded.sources and STANDARD_INPUT not in corpus.sources:
        difference = f": it has changed since ({then} {units} then, {now} now)"
    else:
        difference = f" ({listed(recorded.sources)}, {then} {units}; here are {now})"
    return (
        f"{in_words(corpus.sources)}: not the text that {path} was trained on{difference}; "
        f"to train on another text: --init-from {path}"
    )


def _texts(
    checkpoint: Checkpoint, path: Path, corpus_paths: list[str], val_file: str | None
) -> tuple[list[str], str | None]:
    """The files that a run learns from and the one that it is validated on: those it was started with,
    unless others are named."""
    sources, apart = checkpoint.corpus.sources, checkpoint.corpus.val_file
    if val_file and not apart:
        raise InputError("this run is not validated on a file of its own; leave out --val-file")
    if apart and not val_file:
        val_file = _recorded(sources[-1], path, "--val-file FILE", "the text to validate on")
    if not corpus_paths:
        names = sources[:-1] if apart else sources
        default = names == (DEFAULT_SOURCE,)
        corpus_paths = [] if default else [_recorded(name, path, "- or a file") for name in names]
        return _possible(checkpoint, path, corpus_paths), val_file
    return corpus_paths, val_file


def _possible(checkpoint: Checkpoint, path: Path, recorded: list[str]) -> list[str]:
    """Files that may be a run's text, by their sizes: a stranger's checkpoint may name any, of any size.

    An empty one adds nothing; and one that only seems empty may never end.

    Raises:
        InputError: Their sizes tell that they are another text.
    """
    corpus, config = checkpoint.corpus, checkpoint.model.vocabulary.config
    counts = sizes(recorded)
    if counts is None or not recorded:
        return recorded
    characters = sum(corpus.parts[:-1]) if corpus.val_file else corpus.characters
    if not could_be(counts, characters, config):
        raise InputError(
            f"{listed(recorded)}: not the text that {path} was trained on: it has changed since "
            f"({characters:,} {config.unit}s then, {sum(counts):,} bytes now); "
            f"to train on another text: --init-from {path}"
        )
    return [name for name, count in zip(recorded, counts, strict=True) if count]


def _recorded(source: str, path: Path, again: str, what: str = "its corpus") -> str:
    """The file that was read from this source, if it was one and is there.

    Args:
        path: The run's checkpoint.
        again: How another one is named.
        what: What was read from it, in words.
    """
    if source == STANDARD_INPUT:
        raise InputError(f"this run read {what} from standard input; give it again: {again}")
    if afar(source):
        raise InputError(
            f"this run read {what} from {shortened(source)}, which is on another machine; "
            f"give it again: {again}"
        )
    is_file = os.path.isfile(source)  # noqa: PTH113 (any name)
    if is_passing(source) or (os.path.exists(source) and not is_file):  # noqa: PTH110
        raise InputError(
            f"this run read {what} from {shortened(source)}, which is no file; give it again: {again}"
        )
    if not is_file:
        option = again if again.startswith("--") else "FILE"
        raise InputError(
            f"{shortened(source)}: no such file; the run was started with it: name where it is now "
            f"(charrnn train {option} --resume {quoted(as_argument(path))})"
        )
    return source


def _refuse_changes(
    model: ModelConfig, text: TextConfig, given: Mapping[str, Any], option: str
) -> None:
    """Raise an InputError if settings would change a saved model, or how it reads text."""
    for name, value in only(ModelConfig, given).items():
        if (old := getattr(model, name)) != value:
            flag, is_so = f"--{name.replace('_', '-')}", "not set" if old is None else f"{old}"
            raise InputError(f"{flag} is {is_so} in that model, and stays so with {option}")
    if (asked := replace(text, **only(TextConfig, given))) != text:
        raise InputError(f"that model is one of {text}, not of {asked}, and stays so with {option}")
