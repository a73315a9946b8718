"""By what a budget chooses: numbers that were measured (docs/measurements.md, docs/did-not-help.md), and what is other for each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from charrnn.config import ModelConfig
from charrnn.nn.cells import cell_class

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
AVERAGED = 0.1
"""Over what part of a run weights are averaged at most, the less the more often a text is read: from FEW_EPOCHS on over no more than --ema does."""
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
EVALUATIONS, FEWEST_EVALUATIONS, EVALUATION_SHARE = 20, 4, 0.08
"""How often a run is evaluated, unless that would take more than this part of its time; and as often as it takes to judge a run, for which less
of a long text is read each time."""
SPARE = 1.1  # times the steps that were planned: so many bring no further evaluation of a text for validation alone
ROUNDED = 0.15  # of an evaluation may be lacking where a part of a text is told in two digits
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
