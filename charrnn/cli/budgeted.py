"""Training for a time: what is chosen, in words, and the command that makes the same run again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from charrnn.cli.job import Pulse
from charrnn.cli.starting import BESIDE, DROPPING
from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.models.character_model import CharacterModel
from charrnn.nn.world import World
from charrnn.tasks import Task
from charrnn.text.corpus import Corpus
from charrnn.text.embedded import STEMS
from charrnn.text.examples import Examples
from charrnn.training.commentary import about, reasons, who
from charrnn.training.division import kept_fraction
from charrnn.training.pace import AIM, Pace, chosen_run, extend_here
from charrnn.training.trainer import Training
from charrnn.words import as_argument, counted, duration, quoted


def timed_run(
    corpus: Corpus | Examples,
    start: ModelConfig | CharacterModel,
    began: float,
    seconds: float,
    given: Mapping[str, Any],
    world: World,
    pulse: Pulse,
) -> tuple[Training, Pace, list[str]]:
    """A run that is chosen for a budget, what keeps it to that, and what was chosen and why, in lines.

    Args:
        start: A model to start from; a configuration says nothing that is not ``given``.
        began: When the budget began, on the monotonic clock.
        given: What the user has set.
    """
    deadline, clock = began + AIM * seconds, world.agreed(time.monotonic)
    training, choice = chosen_run(corpus, start, deadline, given, clock, world)
    pulse.beat(0)
    pace = Pace(training, choice, deadline, pulse.now)
    return training, pace, reasons(training, choice, seconds)


def resumed_for(
    training: Training, began: float, seconds: float, given: Mapping[str, Any], pulse: Pulse
) -> tuple[Pace, list[str]]:
    """What keeps a resumed run to so much more time, and what that means, in lines.

    Args:
        began: When that time began, on the monotonic clock.
        given: What the user has set.
    """
    deadline, step = began + AIM * seconds, training.step
    clock = training.world.agreed(time.monotonic)
    choice = extend_here(training, deadline, given.get("cooldown", 0), clock)
    pulse.beat(0)
    unit = training.corpus.vocabulary.config.unit
    reason = (
        f"budget: {duration(seconds)} more; {who(training.world)} it at "
        f"{1 / choice.seconds_per_character:,.0f} {unit}s a second: some "
        f"{counted(training.total_steps - step, 'step')} more, "
        f"in which each {unit} is seen {about(choice.epochs)} times"
    )
    return Pace(training, choice, deadline, pulse.now), [reason]


def repeating(training: Training, init_from: Path | None, *, extend_vocab: bool) -> str:
    """The command that makes the same run again, without a clock."""
    flags = _text_flags(training.corpus.vocabulary.config, training.network.config.learns)
    configs: list[ModelConfig | TrainingConfig] = [training.config]
    model = training.network.config
    if init_from:
        flags += ["--init-from", quoted(as_argument(init_from))] + ["--extend-vocab"] * extend_vocab
        flags += [word for name in DROPPING for word in _flag(name, getattr(model, name))]
        if model.task != "lm":  # perhaps it was another one's
            flags += _flag("task", model.task)
            told = [name for name in BESIDE if getattr(model, name)]
            flags += [word for name in told for word in _flag(name, getattr(model, name))]
        if model.bidirectional != ModelConfig(model.cell, task=model.task).bidirectional:
            flags += _flag("bidirectional", model.bidirectional)
    else:
        configs.append(model)
    if model.learns.rewrites:
        kind = "token" if training.corpus.vocabulary.config.tokens else "character"
        flags += _flag("source_symbols", kind)
        flags += _flag("target_symbols", "token" if training.corpus.labels.between else "character")
    if training.corpus.columns:
        flags += _flag("columns", ",".join(map(str, training.corpus.columns)))
    usual: dict[str, Any] = {"val_fraction": kept_fraction(training.corpus, TrainingConfig())}
    fresh = ModelConfig(model.cell, task=model.task)
    usual |= {"bidirectional": fresh.bidirectional, "attention": fresh.attention}
    if model.reads_whole:
        usual["seq_length"] = training.config.seq_length  # that of the longest text
    ranks = training.world.size
    for config in configs:
        for field in fields(config):
            value = getattr(config, field.name)
            if field.name == "threads":
                value //= ranks  # on each
            if value not in (field.default, usual.get(field.name)):
                flags += _flag(field.name, value)
    return f"{launcher(training.world)}charrnn train {_corpus(training.corpus)}{' '.join(flags)}"


def _corpus(corpus: Corpus | Examples) -> str:
    """As arguments of ``charrnn train``, each with a space after it."""
    *learnt, last = (quoted(as_argument(source)) for source in corpus.sources)
    words = [*learnt, "--val-file", last] if corpus.val_file else [*learnt, last]
    if corpus.sources[0] in STEMS:
        del words[0]
    return "".join(f"{word} " for word in words)


def _flag(name: str, value: object) -> list[str]:
    option = name.replace("_", "-")
    if isinstance(value, bool):
        return [f"--{'' if value else 'no-'}{option}"]
    return [f"--{option}", str(value)]


def _text_flags(config: TextConfig, task: Task) -> list[str]:
    usual = TextConfig.normalize, "none" if task.aligned else ""
    flags = ["--records"] * (config.records and not task.pair) + ["--features"] * config.features
    if config.unit == "byte":
        return ["--bytes", *flags]
    return flags if config.normalize in usual else ["--normalize", "none", *flags]


def launcher(world: World) -> str:
    """What stands before a command that is to have as many ranks."""
    return f"mpirun -n {world.size} " if world.size > 1 else ""
