"""The best model for a text, a machine and a time: a few rules, and nothing that runs.

A character costs about six operations for each weight that it is multiplied with, so time and speed
give what can be afforded. It is best spent in equal parts on more weights and on more characters
(Hoffmann et al., arXiv 2203.15556): the model is the largest one whose every weight sees
``CHARACTERS_PER_WEIGHT`` characters, which makes the weights grow as the square root of the time.
What a text is too short for is not spent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.errors import InputError
from charrnn.models.network_for import network_for
from charrnn.nn.cells import cell_class
from charrnn.nn.ngrams import BUCKETS
from charrnn.text.chunks import READING_SHARE, fit_sizes
from charrnn.text.records import fit_batch
from charrnn.training.division import default_val_fraction

CHARACTERS_PER_WEIGHT = 12.0  # are read in a run that has the right size for its time
UNDROPPED_EPOCHS, MOST_WEIGHT_DROP = 1.0, 0.6
"""Of recurrent weights some are dropped, for each time more that a character is seen: against
over-fitting they do more than dropout, and need none beside them."""
FORGIVEN_EPOCHS, MOST_DROPOUT, DROPOUT_PER_EPOCH = 7.0, 0.5, 0.0165
"""A net without memory has none: of it outputs are dropped, from where it sees a character more often than that."""
NORMALIZED_EPOCHS = 20.0
"""Passes over a text, as they count for dropped weights, from which on a language model is not normalised any more."""
HIGHEST_RATE = 0.02
DECAY_STEPS, MOST_WEIGHT_DECAY = 900.0, 0.5
"""Over how many steps AdamW lets weights decay, 1 / (rate * weight decay) (Wang, Aitchison, arXiv 2405.13698), of a text that is read often: so
many, however large the model, the text and the run are, up to the most decay."""
FEW_EPOCHS, RAISED_RATE = 5.0, 1.5
"""What is read less often than this, as passes count for dropped weights, is over-fitted less: weights decay less, by the square of how
much less often, and normalised cells learn running text at a higher rate, up to so many times."""
TUNED_RATE, TUNED_EPOCHS, TUNED_DROPOUT, TUNED_DROPOUT_PER_EPOCH = 0.3, 5.0, 0.3, 0.075
"""Of a language model that goes on with another text: its rate, as a part of that of a new one which reads often, passes after which more
bring little, and what it drops, for each pass more: outputs, since without recurrent weights that it is used to it would first be worse."""
SEQ_LENGTH = 50
SMALLEST_BATCH, LARGEST_BATCH, ENOUGH_STEPS = 32, 64, 4000
"""Streams are few where steps are: a wide batch is quicker, but takes fewer steps."""
MOST_STREAMS = 256  # for the sake of many processors
SHORTEST_RUN = (
    200  # steps that a text gets at least, however short it is, unless its task asks for more
)
EVALUATIONS, FEWEST_EVALUATIONS, EVALUATION_SHARE = 20, 3, 0.08
"""How often a run is evaluated, unless that would take more than this part of its time."""
MOST_NGRAM_WEIGHTS = 1 << 23
"""Of n-grams beside a net: more labels than make so many of them are told apart by the net alone."""
PATIENCE = 4  # evaluations that are clearly over-fitted, until the rate falls
SIZES = (*range(16, 128, 16), *range(128, 512, 32), *range(512, 2049, 64))  # hidden ones


@dataclass(frozen=True)
class Rules:
    """What is another thing to learn, so that other choices are good.

    A text tells a language model something at each character, and a classifier one label: what that has to know is less, and is learnt
    by heart sooner.
    """

    weights_per_character: float = 20.0  # of a text at most: more only learn it by heart sooner
    most_epochs: float = 50.0  # after which more bring little, however much is dropped
    rate_times_hidden_size: float = 2.5
    """The best rate of Adam goes down as a layer gets wider (Yang et al., arXiv 2203.03466)."""
    weight_drop: float = 0.0165  # of recurrent weights, for each unit of pressure
    weight_drop_of_records: float = 0.0165  # the same, of a text of records
    dropout: float = 0.0  # of outputs, for each unit of pressure, beside recurrent weights
    usual: Mapping[str, Any] = field(default_factory=dict)  # settings of a model
    fewest_steps: int = SHORTEST_RUN  # that a text gets, however short it is
    least_hidden_size: int = SIZES[0]
    normalized_epochs: float = 0.0
    """Up to how many passes a cell's gates are normalised: much is learnt from the first few, more of it by heart from many."""
    ngrams: int = 0  # characters of the longest ones beside the net, where labels are not too many
    training: Mapping[str, Any] = field(default_factory=dict)  # settings of a run
    decays: bool = False
    """Whether a net with memory lets its weights decay, over ``DECAY_STEPS`` or more, so that fewer have to be dropped."""


RULES = {
    "lm": Rules(
        normalized_epochs=NORMALIZED_EPOCHS,
        weight_drop=0.0125,
        weight_drop_of_records=0.006,
        decays=True,
    ),
    "classify": Rules(
        weights_per_character=2.0,
        most_epochs=8.0,
        rate_times_hidden_size=0.5,
        dropout=0.05,
        usual={"cell": "gru", "num_layers": 1, "lm_loss": 0.5},
        ngrams=4,
        training={"rare_labels": 0.3},
    ),
    "tag": Rules(rate_times_hidden_size=1.25),
    "conditional": Rules(),
    "seq2seq": Rules(
        most_epochs=60.0,
        rate_times_hidden_size=0.3,
        fewest_steps=3000,  # some hundred pairs are learnt by going over them again and again
        least_hidden_size=64,
        dropout=0.05,
        usual={"num_layers": 1},
        training={"label_smoothing": 0.1},
    ),
}
"""Of each task."""


def with_usual(model: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a model, with what is always chosen for its task."""
    return {**RULES[model.get("task", ModelConfig.task)].usual, **model}


def staying(model: ModelConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a model to start from that are not to be chosen: of a language model all but what is dropped, which is of its training."""
    free = {"dropout", "weight_drop"} - given.keys() if model.task == "lm" else set()
    return {name: value for name, value in vars(model).items() if name not in free}


def may_normalize(model: Mapping[str, Any]) -> bool:
    """Whether it is to be chosen if the gates of such a model are normalised, by how often its text is read."""
    if "layer_norm" in model or not RULES[model.get("task", ModelConfig.task)].normalized_epochs:
        return False
    return cell_class(model.get("cell", ModelConfig.cell)).recurrent


@dataclass(frozen=True)
class Cost:
    """What a training step costs for each character."""

    operations: float
    """Multiplications and additions of the matrix products: two for each weight going forward, four
    going back. The first layer's input is looked up and costs none."""
    units: float  # numbers that a gate or the softmax is computed for
    aside: float = 0.0  # of the operations those that answer nothing

    @property
    def weights(self) -> float:
        """That a character is multiplied with on its way to an answer."""
        return (self.operations - self.aside) / 6

    @classmethod
    def of(cls, model: ModelConfig, vocabulary_size: int, labels: int = 0) -> Cost:
        """That of a model, which may choose among some labels."""
        network = network_for(model, vocabulary_size, labels)
        biases = [shape for shape in network.parameter_shapes().values() if len(shape) == 1]
        learnt, read = 6.0 * network.learning_multiplications, 6.0 * network.multiplications
        return cls(learnt, sum(size for (size,) in biases), learnt - read)


@dataclass(frozen=True)
class Speed:
    """How quickly a machine trains."""

    per_operation: float  # seconds, of the matrix products
    per_unit: float = 0.0  # seconds
    streams: int = SMALLEST_BATCH  # that keep all processors busy: a step of fewer takes as long
    filled: float = 1.0  # of a step's places hold characters; records leave some empty

    @classmethod
    def fit(cls, measured: Sequence[tuple[Cost, float]], streams: int, filled: float) -> Speed:
        """From costs and their seconds for a character: of two models, the larger one last, or of one."""
        if len(measured) == 1:
            ((cost, took),) = measured
            return cls(took / cost.operations, 0.0, streams, filled)
        costs = np.array([(cost.operations, cost.units) for cost, _ in measured])
        seconds = np.array([s for _, s in measured])
        per_operation, per_unit = np.linalg.solve(costs, seconds)
        if per_unit < 0:  # noise; then all is put down to the products, or nothing
            per_operation, per_unit = seconds[-1] / costs[-1, 0], 0.0
        elif per_operation <= 0:
            per_operation, per_unit = 0.0, seconds[-1] / costs[-1, 1]
        return cls(float(per_operation), float(per_unit), streams, filled)

    def seconds(self, cost: Cost) -> float:
        """Of training, for each character."""
        return self.per_operation * cost.operations + self.per_unit * cost.units


@dataclass(frozen=True)
class Choice:
    """A run that fits a budget."""

    model: ModelConfig
    training: TrainingConfig  # ``steps`` is an estimate, to be corrected as the run goes
    most_steps: int  # that the text is good for, however much time there is
    characters: float  # read in all
    epochs: float
    seconds_per_character: float  # of training


def choose(
    characters: int,
    vocabulary_size: int,
    speed: Speed,
    seconds: float,
    model: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    records: int = 0,
    validation: int = 0,
    labels: int = 0,
    *,
    tuned: bool = False,
) -> Choice:
    """The run that makes the best of a budget.

    Args:
        characters: Length of the text, without one for validation alone.
        speed: Of models that are normalised, where it is to be chosen whether this one is.
        seconds: The budget, evaluations included.
        model, training: Settings that are not to be chosen.
        records: How many there are in the text; 0 where it runs on.
        validation: Characters of a text for validation alone; 0 keeps a part of the text.
        labels: Among which a model chooses that is no language model.
        tuned: Whether the model has learnt another text before.

    Raises:
        InputError: A setting is out of its range.
    """
    rules = RULES[(model or {}).get("task", ModelConfig.task)]
    tuned = tuned and rules is RULES["lm"]
    if tuned:
        rules = replace(rules, most_epochs=TUNED_EPOCHS)
    kept, settings = with_usual(model or {}), dict(training or {})
    if may_normalize(kept):
        known = characters, vocabulary_size, speed, seconds
        for normalized in (True, False):
            asked = {**kept, "layer_norm": normalized}
            choice = choose(*known, asked, training, records, validation, labels, tuned=tuned)
            cost = Cost.of(choice.model, vocabulary_size, labels)
            if _pressure(choice.epochs, choice.characters, cost) < rules.normalized_epochs:
                break
        return choice
    if rules.ngrams and labels * BUCKETS <= MOST_NGRAM_WEIGHTS:
        kept.setdefault("ngrams", rules.ngrams)
    favouring = settings.get("class_weights", "none") != "none"  # already
    usual = {n: v for n, v in rules.training.items() if not (favouring and n == "rare_labels")}
    settings = {**usual, **settings}
    seconds *= 1 - EVALUATION_SHARE
    if "hidden_size" not in kept:
        kept["hidden_size"] = _largest(characters, vocabulary_size, labels, speed, seconds, kept)
    net = ModelConfig(**kept)
    cost = Cost.of(net, vocabulary_size, labels)
    affordable = seconds / speed.seconds(cost)

    fraction = 0.0 if validation else settings.get("val_fraction")
    if fraction is None:
        fraction = default_val_fraction(characters)
        longest = EVALUATION_SHARE * affordable / READING_SHARE / FEWEST_EVALUATIONS
        if (most := longest / max(1, characters)) < fraction:
            fraction = settings["val_fraction"] = _digits(most)
    learnt = max(2, round(characters * (1 - fraction)))
    validated = validation or fraction * characters

    wanted = min(affordable, rules.most_epochs * learnt)
    batch_size = settings.get("batch_size", _batch_size(wanted, speed))
    seq_length = settings.get("seq_length", SEQ_LENGTH)
    if records:
        batch_size = fit_batch(records - int(records * fraction), batch_size)
    else:
        batch_size, seq_length = fit_sizes(learnt, batch_size, seq_length)
    settings = {"batch_size": batch_size, "seq_length": seq_length, **settings}
    per_step = batch_size * seq_length * speed.filled
    most = max(rules.most_epochs * learnt, rules.fewest_steps * per_step)
    read = min(affordable, most)
    epochs, steps = read / learnt, max(1, round(read / per_step))
    if (cooldown := settings.get("cooldown", 0)) >= steps:
        raise InputError(f"cooldown {cooldown} is longer than the run, of some {steps} steps")

    pressure = _pressure(epochs, read, cost)
    often = min(1.0, pressure / FEW_EPOCHS)
    decoupled = settings.get("optimizer", TrainingConfig.optimizer) == "adamw"
    decays = rules.decays and decoupled and net.is_recurrent and not tuned
    rate = rules.rate_times_hidden_size / net.hidden_size
    if decays and net.layer_norm and not records:
        rate /= max(often, 1 / RAISED_RATE)
    rate = min(HIGHEST_RATE, rate) * (TUNED_RATE if tuned else 1.0)
    # A wide batch, for the sake of many processors, is less noisy: by the root of how much wider it is, for Adam
    # (Malladi et al., arXiv 2205.10287; docs/machines.md has what was measured).
    rate *= max(1.0, batch_size / LARGEST_BATCH) ** 0.5
    usual = {"learning_rate": _digits(rate), "schedule": "trapezoid", "patience": PATIENCE}
    settings = {**usual, **settings}
    if decays:
        decay = often**2 / (DECAY_STEPS * settings["learning_rate"])
        settings.setdefault("weight_decay", round(_digits(min(decay, MOST_WEIGHT_DECAY)), 4))
    if not settings.get("eval_every"):
        evaluation = READING_SHARE * validated / per_step
        settings["eval_every"] = math.ceil(max(steps / EVALUATIONS, evaluation / EVALUATION_SHARE))
    if not {"dropout", "weight_drop"} & set(kept):
        if tuned:
            kept["dropout"] = _share(epochs - 1, TUNED_DROPOUT, TUNED_DROPOUT_PER_EPOCH)
        else:
            each = rules.weight_drop_of_records if records else rules.weight_drop
            kept |= _dropped(net, vocabulary_size, pressure, learnt, each)
    kept.setdefault("dropout", 0.0)
    return Choice(
        ModelConfig(**kept),
        TrainingConfig(**{**settings, "steps": steps}),
        max(1, round(most / per_step)),
        read,
        epochs,
        speed.seconds(cost),
    )


def _largest(
    characters: int,
    vocabulary_size: int,
    labels: int,
    speed: Speed,
    seconds: float,
    kept: Mapping[str, Any],
) -> int:
    """The hidden size of the largest model that the text and the time are enough for."""
    rules = RULES[kept.get("task", ModelConfig.task)]
    best = rules.least_hidden_size
    for size in (size for size in SIZES if size > best):
        cost = Cost.of(ModelConfig(**{**kept, "hidden_size": size}), vocabulary_size, labels)
        enough_time = seconds / speed.seconds(cost) >= CHARACTERS_PER_WEIGHT * cost.weights
        if not enough_time or cost.weights > rules.weights_per_character * characters:
            break
        best = size
    return best


def fitting_size(model: ModelConfig, weights: float, read: float) -> int:
    """The hidden size of a model like this one that has the right size for the time that it took to read so much.

    A smaller one reads more meanwhile: both weights and what they read go by the square of the size.

    Args:
        weights: That a character is multiplied with in this one.
        read: Characters in all.
    """
    smallest = RULES[model.task].least_hidden_size
    right = model.hidden_size * (read / (CHARACTERS_PER_WEIGHT * weights)) ** 0.25
    return max((size for size in SIZES if smallest <= size <= right), default=smallest)


def _batch_size(read: float, speed: Speed) -> int:
    """A multiple of 16: narrow where a wider one would leave too few steps."""
    enough = 16 * round(read / (SEQ_LENGTH * speed.filled * ENOUGH_STEPS * 16))
    return max(speed.streams, min(enough, LARGEST_BATCH))


def _dropped(
    model: ModelConfig, vocabulary_size: int, pressure: float, learnt: int, each: float
) -> dict[str, float]:
    """What is dropped, and how much of it, in a run that learns so many characters under such a pressure.

    Args:
        each: Of recurrent weights, for each unit of pressure.
    """
    rules = RULES[model.task]
    if model.is_recurrent:
        dropped = {"weight_drop": _share(pressure - UNDROPPED_EPOCHS, MOST_WEIGHT_DROP, each)}
        if rules.dropout:
            dropped["dropout"] = _share(pressure, MOST_DROPOUT, rules.dropout)
        return dropped
    # Where there are fewer contexts than characters, each has several things after it: none is learnt by heart.
    if (model.context or 0) * math.log(vocabulary_size) < math.log(learnt):
        return {"dropout": 0.0}
    return {"dropout": _share(pressure - FORGIVEN_EPOCHS, MOST_DROPOUT, DROPOUT_PER_EPOCH)}


def _pressure(epochs: float, read: float, cost: Cost) -> float:
    """What makes a model over-fit: both how often it sees a character, and how much of the text it could hold.

    That is the geometric mean of how often it does and of how often it would in a run that has the right size for its time.

    Args:
        read: Characters in all.
    """
    return epochs * math.sqrt(CHARACTERS_PER_WEIGHT * cost.weights / max(1.0, read))


def _share(pressure: float, most: float, each: float) -> float:
    return min(most, round(20 * each * max(0.0, pressure)) / 20)


def _digits(value: float) -> float:
    """Two digits of a number: what is chosen should be easy to say."""
    return float(f"{value:.2g}")
