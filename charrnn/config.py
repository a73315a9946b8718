"""What a model is, how text is read and written, how a run goes: frozen dataclasses, checked when made.

They are plain data (numbers and strings), so that a checkpoint can hold them as JSON.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from charrnn.errors import InputError
from charrnn.nn.cells import CELLS as CELLS

OPTIMIZERS = ("adamw", "adam", "rmsprop", "adagrad", "sgd")
SCHEDULES = ("cosine", "trapezoid", "exponential", "constant")
ANNEALING = ("cosine", "trapezoid")
"""Schedules that end at zero, so that a model is at its best only at the end."""

CLIP_MODES = ("norm", "value")
UNITS = ("character", "byte")
NORMALIZATIONS = ("nfc", "none")

# Limits that no sensible run meets; they keep a typing error from asking for the whole memory.
MAX_HIDDEN_SIZE = 1 << 14
MAX_LAYERS = 64
MAX_VOCABULARY = 0x110000


@dataclass(frozen=True)
class ModelConfig:
    """The shape of a character language model.

    Args:
        cell: ``lstm``, ``gru`` (reset-after form), ``rnn`` (tanh) or ``rnn-relu``.
        hidden_size: Units in each layer, *H*.
        num_layers: Recurrent layers stacked on each other, *L*.
        embedding_size: Width of a learned character embedding; 0 feeds one-hot characters.
        dropout: Chance that a layer's output is dropped, between layers and before the softmax.
        weight_drop: Chance that a weight from a layer's own state is dropped, drawn for each chunk.

    Raises:
        InputError: A value is out of its range.
    """

    cell: str = "lstm"
    hidden_size: int = 256
    num_layers: int = 2
    embedding_size: int = 0
    dropout: float = 0.2
    weight_drop: float = 0.0

    def __post_init__(self) -> None:
        _one_of("cell", self.cell, CELLS)
        _whole("hidden-size", self.hidden_size, 1, MAX_HIDDEN_SIZE)
        _whole("num-layers", self.num_layers, 1, MAX_LAYERS)
        _whole("embedding-size", self.embedding_size, 0, MAX_HIDDEN_SIZE)
        _real("dropout", self.dropout, 0.0, 1.0, below_top=True)
        _real("weight-drop", self.weight_drop, 0.0, 1.0, below_top=True)

    @property
    def dropped(self) -> str:
        """What training drops, in words."""
        weights = f", {self.weight_drop:g} of recurrent weights" if self.weight_drop else ""
        return f"dropout {self.dropout:g}{weights}"


@dataclass(frozen=True)
class TextConfig:
    """What a model reads and writes: the same for its corpus, its primes and its samples.

    Args:
        unit: ``character`` (a Unicode code point of UTF-8 text) or ``byte`` (of any file whatever).
        normalize: ``nfc`` composes characters (Unicode's normalisation form C), so that what looks
            the same is the same; ``none`` leaves them. Bytes are never normalised.
        records: Whether each line is a text of its own, and its line feed the sign that it ends.

    Raises:
        InputError: A value is out of its range.
    """

    unit: str = "character"
    normalize: str = "nfc"
    records: bool = False

    def __post_init__(self) -> None:
        _one_of("unit", self.unit, UNITS)
        _one_of("normalize", self.normalize, NORMALIZATIONS)
        if not isinstance(self.records, bool):
            raise InputError(f"records must be true or false, not {self.records!r}")
        if self.unit == "byte":
            object.__setattr__(self, "normalize", "none")

    def __str__(self) -> str:
        form = "NFC" if self.normalize == "nfc" else "not normalised"
        units = "bytes" if self.unit == "byte" else f"characters ({form})"
        return f"records of {units}" if self.records else units

    @property
    def symbol(self) -> str:
        """What a loss is for each of, in short."""
        return "byte" if self.unit == "byte" else "char"

    @property
    def encoding(self) -> str:
        """How the text's bytes become a ``str`` and back: Latin-1 has a character for each byte."""
        return "latin-1" if self.unit == "byte" else "utf-8"

    @property
    def end(self) -> str:
        """The character that ends a record; empty where the text runs on."""
        return "\n" if self.records else ""


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained.

    Args:
        seq_length: Characters that truncated back-propagation sees at once, *T*.
        batch_size: Streams of text read side by side, *B*.
        epochs: Passes over the training text; 0 makes as many as give some 4,000 steps.
        steps: Updates of the whole run, instead of ``epochs``; 0 leaves it to them.
        optimizer: ``adamw``, ``adam``, ``rmsprop``, ``adagrad`` or ``sgd``.
        learning_rate: Peak step size.
        schedule: ``cosine`` (to zero at the last step), ``trapezoid`` (constant, then linearly to
            zero), ``exponential`` or ``constant``.
        warmup: Steps over which the rate rises linearly to ``learning_rate``; None takes 100, or a
            tenth of a shorter run.
        cooldown: Steps at the end over which the rate of ``trapezoid`` falls; 0 takes two fifths.
        decay: Factor on the rate for each epoch of the ``exponential`` schedule.
        momentum: Momentum of ``sgd``.
        weight_decay: Pull of the weight matrices towards zero (decoupled for ``adamw``, L2 else).
        ema: Decay of a running average of the weights, which is then what is evaluated, kept and
            written with; 0 keeps none.
        clip: Largest gradient: its global norm, or each value; 0 switches clipping off.
        clip_mode: ``norm`` or ``value``.
        val_fraction: Tail of the text kept for validation; None keeps a tenth of it, but at most
            some million characters.
        eval_every: Steps between evaluations; 0 evaluates at the end of each epoch, or at a more
            sensible interval where the text is very short or very long.
        patience: Evaluations without a new best before the run stops; 0 never stops early. With a
            schedule that ends at zero only those count that over-fit: clearly worse than the best,
            at a lower training loss. ``trapezoid`` first lets its rate fall.
        seed: Seed of every random draw.
        threads: Parts into which a batch is split, one thread each; 0 takes one for each processor,
            as long as each part stays wide enough. The last bits of a result depend on it.

    Raises:
        InputError: A value is out of its range.
    """

    seq_length: int = 50
    batch_size: int = 50
    epochs: int = 0
    steps: int = 0
    optimizer: str = "adamw"
    learning_rate: float = 5e-3
    schedule: str = "cosine"
    warmup: int | None = None
    cooldown: int = 0
    decay: float = 0.95
    momentum: float = 0.9
    weight_decay: float = 0.01
    ema: float = 0.99
    clip: float = 1.0
    clip_mode: str = "norm"
    val_fraction: float | None = None
    eval_every: int = 0
    patience: int = 10
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        _whole("seq-length", self.seq_length, 1, 1 << 20)
        _whole("batch-size", self.batch_size, 1, 1 << 20)
        _whole("epochs", self.epochs, 0, 1 << 30)
        _whole("steps", self.steps, 0, 1 << 40)
        if self.epochs and self.steps:
            raise InputError("epochs and steps both say how long a run is; give one of them")
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _real("learning-rate", self.learning_rate, 0.0, 1e3, above_bottom=True)
        _one_of("schedule", self.schedule, SCHEDULES)
        if self.warmup is not None:
            _whole("warmup", self.warmup, 0, 1 << 40)
        _whole("cooldown", self.cooldown, 0, 1 << 40)
        _real("decay", self.decay, 0.0, 1.0, above_bottom=True)
        _real("momentum", self.momentum, 0.0, 1.0, below_top=True)
        _real("weight-decay", self.weight_decay, 0.0, 1e3)
        _real("ema", self.ema, 0.0, 1.0, below_top=True)
        _real("clip", self.clip, 0.0, 1e9)
        _one_of("clip-mode", self.clip_mode, CLIP_MODES)
        if self.val_fraction is not None:
            _real("val-fraction", self.val_fraction, 0.0, 0.5)
        _whole("eval-every", self.eval_every, 0, 1 << 40)
        _whole("patience", self.patience, 0, 1 << 30)
        _whole("seed", self.seed, 0, (1 << 64) - 1)
        _whole("threads", self.threads, 0, 1024)


@dataclass(frozen=True)
class SamplingConfig:
    """How a text is written.

    Args:
        length: Characters to write at most; None writes without end.
        temperature: Logits are divided by it: below 1 the model is more cautious, above 1 more
            daring; 0 always takes the likeliest character.
        top_k: Choose among that many likeliest characters; 0 among all.
        top_p: Choose among the likeliest characters that together have this probability, at the
            given temperature (nucleus sampling, Holtzman et al., arXiv 1904.09751).
        ban: Characters that are never written.
        stop: The text ends right after the first of these strings; it is a part of the text.
        until_lines: The text ends after that many line feeds; 0 does not count them.

    Raises:
        InputError: A value is out of its range.
    """

    length: int | None = 1000
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    ban: str = ""
    stop: tuple[str, ...] = ()
    until_lines: int = 0

    def __post_init__(self) -> None:
        if self.length is not None:
            _whole("length", self.length, 0, 1 << 60)
        number = isinstance(self.temperature, (int, float))
        if not number or isinstance(self.temperature, bool) or not self.temperature >= 0:
            raise InputError(f"temperature must be at least 0, not {self.temperature!r}")
        _whole("top-k", self.top_k, 0, MAX_VOCABULARY)
        _real("top-p", self.top_p, 0.0, 1.0, above_bottom=True)
        if "" in self.stop:
            raise InputError("stop must be a string of at least one character")
        _whole("until-lines", self.until_lines, 0, 1 << 60)


Config = TypeVar("Config", ModelConfig, TextConfig, TrainingConfig)


def from_dict(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """Build a configuration from parsed JSON; unknown and missing names are refused.

    Raises:
        InputError: A name is unknown or missing, or a value is of the wrong type or out of range.
    """
    names = {field.name for field in dataclasses.fields(kind)}
    if set(values) != names:
        wrong = ", ".join(sorted(map(str, names ^ set(values))))
        raise InputError(f"configuration has unknown or missing entries: {wrong}")
    return kind(**values)


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{name} must be a whole number from {low} to {high}, not {value!r}")


def _real(
    name: str,
    value: Any,
    low: float,
    high: float,
    *,
    above_bottom: bool = False,
    below_top: bool = False,
) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    inside = number and low <= value <= high  # which no NaN is
    if not inside or (above_bottom and value == low) or (below_top and value == high):
        bottom = f"above {low:g}" if above_bottom else f"at least {low:g}"
        top = f"below {high:g}" if below_top else f"at most {high:g}"
        raise InputError(f"{name} must be {bottom} and {top}, not {value!r}")
