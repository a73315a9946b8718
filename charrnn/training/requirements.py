"""What data, a model, settings and a saved run must have in common before there is a run."""

from __future__ import annotations

from dataclasses import replace

from charrnn.config import MOST_MONOTONIC, TrainingConfig
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.training.division import divide
from charrnn.training.plan import Plan
from charrnn.training.run import Checkpoint, keeping

FIXED = ("batch_size", "seq_length", "val_fraction", "optimizer", "ema", "seed")
"""What a run is made of, and cannot change when it is resumed."""


def require_same_run(
    corpus: Corpus | Examples, checkpoint: Checkpoint, config: TrainingConfig | None
) -> tuple[Corpus | Examples, TrainingConfig]:
    """See that a saved run can go on with this text and these settings, by default its own.

    Returns:
        The text divided as it was, and the settings, with as long a fall of the rate as a shorter run has.

    Raises:
        InputError: It cannot.
    """
    require_progress(checkpoint)
    if corpus.sha256 != checkpoint.corpus.sha256:
        raise InputError("the corpus is not the one that this run was trained on")
    if corpus.vocabulary != checkpoint.model.vocabulary:
        raise InputError("the corpus is not in the vocabulary of this run")
    divided = checkpoint.corpus  # of another number of files, perhaps
    if isinstance(corpus, Corpus):
        corpus = replace(corpus, parts=divided.parts, val_file=divided.val_file)
    elif (corpus.parts, corpus.val_file) != (divided.parts, divided.val_file):
        raise InputError(
            "the examples are not divided as those of this run were, into some to train on and some to validate on (val_file)"
        )
    config = config or checkpoint.training
    for name in FIXED:
        if (old := getattr(checkpoint.training, name)) != getattr(config, name):
            raise InputError(
                f"{name.replace('_', '-')} is {old} in this run and cannot change when it is "
                "resumed; start a new run from its weights with --init-from"
            )
    if keeping(checkpoint.model.config, config) != (
        kept := keeping(checkpoint.model.config, checkpoint.training)
    ):
        raise InputError(
            f"the weights of this run are kept by their {kept} (--keep-best), and that cannot change"
        )
    return corpus, _asked(corpus, checkpoint, config)


def require_progress(checkpoint: Checkpoint) -> None:
    """Raise an InputError if a checkpoint has not what it takes to go on with its run."""
    if checkpoint.progress is None:
        raise InputError(
            "this checkpoint holds a finished model only, without training state; "
            "start a new run from its weights with --init-from"
        )


def require_task(corpus: Corpus | Examples, model: CharacterModel, config: TrainingConfig) -> None:
    """Raise an InputError unless data, model and settings are of one task."""
    task, found = model.config.task, "lm"
    if isinstance(corpus, Examples):
        found = corpus.task
    if found != task:
        raise InputError(f"the model is one for {task}, the text one for {found}")
    if corpus.labels != model.labels:
        raise InputError("the model's labels are not those of the examples")
    learns = model.config.learns
    if not learns.reads_whole and config.keep_best not in (None, "loss"):
        raise InputError(
            f"keep-best {config.keep_best} is for labels and tags; a language model has a loss alone"
        )
    if learns.rewrites and config.keep_best == "f1":
        raise InputError("keep-best f1 is for labels and tags; of a target there is none")
    if model.config.attention == "monotonic" and isinstance(corpus, Examples):
        longest = int(corpus.spans.length.max())
        if longest > MOST_MONOTONIC:
            raise InputError(
                f"attention monotonic is for sources of at most {MOST_MONOTONIC} characters, and one has {longest:,}; take attention general"
            )
    if not learns.finds and config.class_weights != "none":
        raise InputError("class-weights are for labels and tags that are found")
    if not learns.finds and config.rare_labels:
        raise InputError("rare-labels are for labels and tags that are found")


def _asked(
    corpus: Corpus | Examples, checkpoint: Checkpoint, config: TrainingConfig
) -> TrainingConfig:
    """A changed configuration; an InputError if a run has gone further than it has it go."""
    assert checkpoint.progress is not None
    done = checkpoint.progress.step
    if (config.steps, config.epochs) == (checkpoint.training.steps, checkpoint.training.epochs):
        return config
    steps_per_epoch = len(divide(corpus, checkpoint.training).training)
    asked = config.steps or config.epochs * steps_per_epoch
    if 0 < asked < done:
        name, most = "steps", f"{done:,}"
        if not config.steps:
            name, most = "epochs", f"{done / steps_per_epoch:.6g}"
        raise InputError(
            f"{done:,} steps are done; --{name} counts from the run's beginning: more than {most} go on"
        )
    return Plan(checkpoint.training, steps_per_epoch).shortened(config)
