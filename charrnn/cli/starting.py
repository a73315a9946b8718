"""Where ``charrnn train`` starts from: nothing, a model's weights, or the point that a run has reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from charrnn.cli.terminal import tell_of_compiling
from charrnn.config import ModelConfig, TextConfig, TrainingConfig, only
from charrnn.errors import InputError, UnknownCharacterError, UnknownLabelError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.tasks import TASKS, those
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.embedded import STEMS
from charrnn.text.examples import Examples, load_examples, usual_config
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.recorded import afar, could_be, sizes
from charrnn.text.source import STANDARD_INPUT, OnRead, Paths, in_words, is_passing
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.division import require_learnt
from charrnn.training.learner import compile_ahead
from charrnn.training.pace import compile_chosen
from charrnn.training.requirements import require_progress
from charrnn.training.run import Checkpoint, CorpusInfo
from charrnn.words import as_argument, listed, quoted, shortened

DROPPING = ("dropout", "weight_drop")  # what concerns the training of a model alone
BESIDE = ("ngrams", "lm_loss")  # what stands beside a net for the sake of one task


Data = Corpus | Examples


@dataclass(frozen=True)
class Loader:
    """Reads what a task is learnt from.

    Args:
        columns: Of a text and of its answer, where they are said.
        source_symbols, target_symbols: Of what sources and targets are made, where it is said.
        cache_folder: Where a large text is kept, encoded.
    """

    columns: tuple[int, ...] = ()
    source_symbols: str | None = None
    target_symbols: str | None = None
    cache_folder: Path | None = None
    progress: OnRead | None = None

    def __call__(self, task: str, paths: Paths, *, labels: Labels = NO_LABELS, **how: Any) -> Data:
        """A corpus, or examples; errors as those of :func:`load_corpus` and :func:`load_examples`."""
        symbols = {"source_symbols": self.source_symbols, "target_symbols": self.target_symbols}
        if TASKS[task].rewrites:
            how |= symbols
        for name, given in symbols.items():
            if given and not TASKS[task].rewrites:
                raise InputError(f"--{name.replace('_', '-')} is for seq2seq")
        if not TASKS[task].pair:
            if self.columns:
                raise InputError(
                    "--columns are of a table of examples: of labels or tags, see --task"
                )
            return load_corpus(paths, cache_folder=self.cache_folder, progress=self.progress, **how)
        columns = self.columns or None
        return load_examples(
            paths, task, columns=columns, labels=labels, progress=self.progress, **how
        )


def fresh_start(
    load: Loader,
    paths: list[str],
    val_file: str | None,
    init_from: Path | None,
    extend_vocab: bool,
    given: Mapping[str, Any],
) -> tuple[ModelConfig | CharacterModel, Data, TrainingConfig]:
    """What a new run starts from, nothing or a model's weights, what it learns from, and its settings.

    Args:
        init_from: A saved model; of its settings only what is dropped may be changed, or its task.
        extend_vocab: Widen it by the characters that it lacks.

    Raises:
        InputError: A setting is out of its range, or not that of the model; a file cannot be read.
        UnknownCharacterError: The corpus has characters that the model lacks.
    """
    config = TrainingConfig(**only(TrainingConfig, given))
    require_learnt(config, val_file=val_file is not None)  # before a long text is read
    if init_from is None:
        model_config = ModelConfig(**only(ModelConfig, given))
        text_config = TextConfig(**only(TextConfig, given))
        text = load(model_config.task, paths, val_file=val_file, config=text_config)
        return model_config, text, config
    model = load_checkpoint(init_from).model
    if given.get("task", model.config.task) != model.config.task:
        return *_other_task(load, paths, val_file, model, given), config
    model_config = replace(model.config, **{n: given[n] for n in DROPPING if n in given})
    _refuse_changes(model_config, model.vocabulary.config, given, "--init-from")
    try:
        corpus = load(
            model.config.task,
            paths,
            val_file=val_file,
            vocabulary=model.vocabulary,
            labels=model.labels,
            extend_vocabulary=extend_vocab,
        )
    except UnknownCharacterError as error:
        advice = "; add them to the model with --extend-vocab"
        raise UnknownCharacterError(error.characters, advice) from None
    model = model.extended_to(corpus.vocabulary, np.random.default_rng(config.seed))
    return model.dropping(model_config), corpus, config


def _other_task(
    load: Loader,
    paths: list[str],
    val_file: str | None,
    model: CharacterModel,
    given: Mapping[str, Any],
) -> tuple[CharacterModel, Data]:
    """A model for another task, which begins with what fits of this one: what it has learnt of characters and of how they follow each other."""
    if {given["task"], model.config.task} & {*those(lambda task: task.rewrites)}:
        raise InputError(
            f"a model for {given['task']} cannot start from one for {model.config.task}: what has an encoder and a decoder starts from its like"
        )
    if given["task"] == "lm":
        raise InputError(
            f"a language model cannot start from a model for {model.config.task}; the other way round it can"
        )
    free = (*DROPPING, *BESIDE, "bidirectional", "task")
    changed = {name: given[name] for name in free if name in given}
    config = replace(
        model.config, **{"bidirectional": None, "ngrams": 0, "lm_loss": 0.0, **changed}
    )
    shape = {name: value for name, value in given.items() if name not in changed}
    reads = replace(model.vocabulary.config, records=False)
    _refuse_changes(config, reads, shape, "--init-from")
    reads = usual_config(config.task, reads)
    known = model.vocabulary.characters
    vocabulary = Vocabulary(known + reads.end * (reads.end not in known), reads)
    data = load(
        config.task, paths, val_file=val_file, vocabulary=vocabulary, extend_vocabulary=True
    )
    rng = np.random.default_rng(given.get("seed", TrainingConfig.seed))
    fresh = CharacterModel.fresh(config, data.vocabulary, rng, data.labels)
    fresh.take_over(model)
    return fresh, data


def compiled_ahead(
    start: ModelConfig | CharacterModel,
    config: TrainingConfig,
    given: Mapping[str, Any] | None,
    *,
    quiet: bool,
) -> float:
    """Compile a run's steps before anything is measured, and say so; the seconds that it took.

    Args:
        given: What the user has set, where the rest is to be chosen.
    """

    def tell() -> None:
        if not quiet:
            tell_of_compiling()

    if given is not None:
        return compile_chosen(start, given, tell)
    model = start.config if isinstance(start, CharacterModel) else start
    return compile_ahead(model, config, tell)


def resumed_start(
    load: Loader,
    corpus_paths: list[str],
    val_file: str | None,
    path: Path,
    given: Mapping[str, Any],
) -> tuple[Checkpoint, Data, TrainingConfig]:
    """The run that a checkpoint holds, its text, and its settings with those that may be changed on the way.

    Args:
        corpus_paths, val_file: Where its text is now, if it is not where it was.

    Raises:
        InputError: A setting cannot be changed, the text is another one, or a file cannot be read.
    """
    checkpoint = load_checkpoint(path, with_progress=True)
    require_progress(checkpoint)  # before its text is asked for
    vocabulary = checkpoint.model.vocabulary
    _refuse_changes(checkpoint.model.config, vocabulary.config, given, "--resume")
    corpus_paths, val_file = _texts(checkpoint, path, corpus_paths, val_file)
    task, labels = checkpoint.model.config.task, checkpoint.model.labels
    if not load.columns:
        load = replace(load, columns=checkpoint.corpus.columns)
    try:
        corpus = load(
            task,
            corpus_paths,
            val_file=val_file,
            vocabulary=vocabulary,
            labels=labels,
            extend_vocabulary=True,  # it is named by its length where it is another text
        )
    except UnknownLabelError as error:
        raise InputError(f"{error}; so it is not the text that {path} was trained on") from None
    if corpus.sha256 != checkpoint.corpus.sha256:
        raise InputError(_another_text(corpus, checkpoint.corpus, path))
    settings = only(TrainingConfig, given)
    if "steps" in settings or "epochs" in settings:  # one takes the other's place
        settings = {"steps": 0, "epochs": 0, **settings}
    return checkpoint, corpus, replace(checkpoint.training, **settings)


def _another_text(corpus: Data, recorded: CorpusInfo, path: Path) -> str:
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
        default = names[0] in STEMS
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
    if counts is None or not recorded or checkpoint.model.config.learns.pair:
        return recorded  # of a table not all is text, and its first wrong line tells
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
