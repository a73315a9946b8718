"""Training for a time: what is chosen, in words, and the command that makes the same run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from charrnn.cli.starting import DROPPING
from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.models.character_model import CharacterModel
from charrnn.text.corpus import Corpus
from charrnn.text.default import DEFAULT_SOURCE
from charrnn.training.budget import Choice, Cost
from charrnn.training.division import default_val_fraction
from charrnn.training.pace import AIM, Pace, choose_here
from charrnn.training.trainer import Training
from charrnn.words import counted, duration, quoted


class Timed:
    """A run that is chosen for a budget and keeps to it.

    Args:
        start: A model to start from; of a configuration only ``model_settings`` are kept.
        began: When the budget began, on the monotonic clock.
        seconds: The budget.
        model_settings: What the user has set.
        training_settings: Likewise.

    Attributes:
        training: The run.
        pace: What is to be shown its reports.
        reasons: What was chosen and why, in lines.
    """

    def __init__(
        self,
        corpus: Corpus,
        start: ModelConfig | CharacterModel,
        began: float,
        seconds: float,
        model_settings: Mapping[str, Any],
        training_settings: Mapping[str, Any],
    ) -> None:
        deadline = began + AIM * seconds
        if isinstance(start, CharacterModel):
            model_settings = vars(start.config)
        choice = choose_here(corpus, deadline, model_settings, training_settings)
        model = start if isinstance(start, CharacterModel) else choice.model
        self.training = Training(corpus, model, choice.training)
        self.pace = Pace(self.training, choice, deadline)
        self.reasons = _reasons(self.training, choice, seconds)

    def repeating(self, init_from: Path | None, *, extend_vocab: bool) -> str:
        """The command that makes the same run again, without a clock."""
        flags = _text_flags(self.training.corpus.vocabulary.config)
        configs: list[ModelConfig | TrainingConfig] = [self.training.config]
        if init_from:
            flags += ["--init-from", quoted(init_from)] + ["--extend-vocab"] * extend_vocab
            model = self.training.network.config
            flags += [word for name in DROPPING for word in _flag(name, getattr(model, name))]
        else:
            configs.append(self.training.network.config)
        usual = {"val_fraction": default_val_fraction(len(self.training.corpus))}
        for config in configs:
            for field in fields(config):
                value = getattr(config, field.name)
                if value not in (field.default, usual.get(field.name)):
                    flags += _flag(field.name, value)
        return f"charrnn train {_corpus(self.training.corpus.sources)}{' '.join(flags)}"


def _corpus(sources: Sequence[str]) -> str:
    """As arguments of ``charrnn train``, each with a space after it."""
    return "" if tuple(sources) == (DEFAULT_SOURCE,) else "".join(f"{quoted(s)} " for s in sources)


def _flag(name: str, value: object) -> list[str]:
    return [f"--{name.replace('_', '-')}", str(value)]


def _text_flags(config: TextConfig) -> list[str]:
    flags = ["--records"] if config.records else []
    if config.unit == "byte":
        return ["--bytes", *flags]
    return flags if config.normalize == TextConfig.normalize else ["--normalize", "none", *flags]


def _about(number: float) -> str:
    """To two digits, but never with an exponent of ten."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _reasons(training: Training, choice: Choice, seconds: float) -> list[str]:
    config, vocabulary = training.config, training.corpus.vocabulary
    cost = Cost.of(choice.model, len(vocabulary))
    characters = f"{vocabulary.config.unit}s"
    units = f"{choice.model.num_layers} × {choice.model.hidden_size} {choice.model.cell} units"
    early = "; more would bring little to so short a text, and the run ends before its time"
    return [
        f"budget: {duration(seconds)}; this machine trains {units} at {1 / choice.seconds_per_character:,.0f} "
        f"{characters} a second ({cost.operations / choice.seconds_per_character / 1e9:.3g} GFLOP/s)",
        f"chosen: {units}, {choice.model.dropped}, rate {config.learning_rate:g}, some "
        f"{counted(config.steps, 'step')} of {config.batch_size} × {config.seq_length} {characters}",
        f"reason: each weight sees {_about(6 * choice.characters / cost.operations)} "
        f"{characters}, each character is seen {_about(choice.epochs)} times"
        + (early if config.steps == choice.most_steps else ""),
    ]
