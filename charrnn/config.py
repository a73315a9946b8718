"""What a model is, how text is read and written, how a run goes: frozen dataclasses, checked when made.

They are plain data (numbers and strings), so that a checkpoint can hold them as JSON.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from charrnn.errors import InputError
from charrnn.fields import Between, Checked, OneOf, declared
from charrnn.nn.cells import CELLS as CELLS
from charrnn.nn.cells import cell_class
from charrnn.tasks import TASKS, Task

if TYPE_CHECKING:
    from charrnn.nn.cells.cell import Cell

OPTIMIZERS = ("adamw", "adam", "rmsprop", "adagrad", "sgd")
SCHEDULES = ("cosine", "trapezoid", "exponential", "constant")
KEEPING = ("loss", "accuracy", "f1")
CLASS_WEIGHTS = ("none", "balanced")
ANNEALING = ("cosine", "trapezoid")
"""Schedules that end at zero, so that a model is at its best only at the end."""

MINUTES = 10  # that a new run takes where nothing says how long
ATTENTION = ("general", "monotonic", "none")
MOST_MONOTONIC = 200  # characters of a source that is looked at so
SYMBOLS = ("character", "token")
UNKNOWN = ("error", "skip", "replace")
"""What may become of characters that a model does not know."""

# Limits that no sensible run meets; they keep a typing error from asking for the whole memory.
MAX_HIDDEN_SIZE = 1 << 14
MAX_VOCABULARY = 0x110000
MAX_CONTEXT = 64
MAX_NGRAM = 8
MAX_LM_LOSS = 10
MAX_LABELS = 1 << 20
MAX_BEAM = 1000
BEAM = 5  # beginnings that are followed up when a text is made of another one
CONTEXT = 3  # characters that a net without memory reads at once, if nothing else is said

Size = Annotated[int, Between(1, 1 << 20)]
Steps = Annotated[int, Between(0, 1 << 40)]
Passes = Annotated[int, Between(0, 1 << 30)]
Share = Annotated[float, Between(0, 1, without=(1,))]
MOST_TAIL = 0.5  # of a text, the rest of which is learnt
SEEDS = 1 << 64
Seed = Annotated[int, Between(0, SEEDS - 1)]
Factor = Annotated[float, Between(0, 1, without=(0,))]
AdaptRate = Annotated[float, Between(0, 100)]
ADAPT_RATE, ADAPT_ONCE_RATE = 1.0, 0.5
"""How far a model that learns from what it reads goes with each step, see :mod:`charrnn.writing.adapting`: for as long as it reads, and
where it then stays as it has become. What is far enough to follow a text closely wears off when there is no text to follow."""


def only(config: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that are one configuration's."""
    return {name: given[name] for name in declared(config) if name in given}


def fresh_seed() -> int:
    """A seed where none is given, so that what is written is new each time; short enough to be typed again."""
    return secrets.randbits(32)


def require_seed(seed: int, name: str = "--seed") -> None:
    """Refuse a number that is no seed.

    Raises:
        InputError: It is none; the message calls it by its name.
    """
    if not 0 <= seed < SEEDS:
        raise InputError(f"{name} must be at least 0 and at most {SEEDS - 1}, not {seed}")


def seed_after(seed: int, number: int) -> int:
    """The seed so many further on; after the largest comes 0."""
    return (seed + number) % SEEDS


@dataclass(frozen=True)
class ModelConfig(Checked):
    """The shape of a model: *L* layers of *H* units, an embedding of width *D*.

    Args:
        task: ``lm`` is a language model, which predicts the next character; ``classify`` reads a text and finds a label
            for it, ``tag`` one for each of its characters; ``conditional`` writes a text for a label, ``seq2seq`` one for another text.
        cell: ``lstm``, ``gru`` (reset-after form), ``rnn`` (tanh) or ``rnn-relu``; ``feedforward`` is no recurrent net
            but one without memory, which predicts from the last characters alone.
        dropout: Between layers and before the softmax.
        weight_drop: Of what a layer reads from its own state, drawn for each chunk.
        layer_norm: Layer normalisation of each gate's sum, in a cell with a state (:mod:`charrnn.nn.normalization`).
        context: The characters that ``feedforward`` predicts from, the current one among them; None with another cell.
        bidirectional: Whether each text is also read from its end; None does so where whole texts are read, by a cell with a state.
        ngrams: A linear model of the n-grams of a text beside the net that reads it (:mod:`charrnn.nn.ngrams`).
        lm_loss: Weight of an auxiliary loss while labels or tags are learnt: what each character's next and previous ones are (:mod:`charrnn.nn.lm_loss`).
        attention: How what writes a text for another one looks back at that (Luong et al. 2015); ``none`` leaves it with what the
            encoder held at its end. None is ``general`` where there is something to look at.
    """

    task: Annotated[str, OneOf(tuple(TASKS)), "What is learnt"] = field(default="lm", kw_only=True)
    cell: Annotated[str, OneOf(CELLS), "Cell"] = "lstm"
    hidden_size: Annotated[int, Between(1, MAX_HIDDEN_SIZE), "Units in each layer."] = 256
    num_layers: Annotated[int, Between(1, 64), "Layers on top of each other."] = 2
    embedding_size: Annotated[
        int, Between(0, MAX_HIDDEN_SIZE), "Width of a learned embedding; 0 is one-hot."
    ] = 0
    dropout: Annotated[Share, "Share of each layer's output that is dropped."] = 0.2
    weight_drop: Annotated[Share, "Share of recurrent weights that is dropped."] = 0.0
    layer_norm: Annotated[bool, "Normalise what the gates are taken of."] = field(
        default=False, kw_only=True
    )
    context: (
        Annotated[
            int,
            Between(1, MAX_CONTEXT),
            "Characters that a net without memory predicts from, with --cell feedforward.",
        ]
        | None
    ) = None
    bidirectional: Annotated[bool, "Read each text from both ends."] | None = None
    ngrams: Annotated[
        int,
        Between(0, MAX_NGRAM),
        "With classify: also n-grams of so many characters at most, beside the net; 0 leaves them out.",
    ] = 0
    lm_loss: Annotated[
        float,
        Between(0, MAX_LM_LOSS),
        "With classify and tag: weight of an auxiliary language-model loss while it learns; 0 leaves it out.",
    ] = 0.0
    attention: (
        Annotated[str, OneOf(ATTENTION), "How seq2seq looks back at what it rewrites"] | None
    ) = None

    def __post_init__(self) -> None:
        super().__post_init__()
        learns = self.learns
        if self.bidirectional is None:
            object.__setattr__(self, "bidirectional", self.reads_whole and self.is_recurrent)
        elif self.bidirectional and not self.reads_whole:
            raise InputError(
                f"bidirectional is not for {self.task}, which predicts what comes next: who reads from the end has seen it"
            )
        if learns.for_labels and not self.is_recurrent:
            raise InputError(
                f"{self.task} needs a cell with a state, which a label sets, and {self.cell} has none"
            )
        if learns.rewrites and not self.is_recurrent:
            raise InputError(
                f"{self.task} needs a cell with a state, which goes from encoder to decoder, and {self.cell} has none"
            )
        if self.task != "classify" and self.ngrams:
            raise InputError(f"ngrams are for classify, not for {self.task}")
        if not learns.finds and self.lm_loss:
            raise InputError(f"lm-loss is for classify and tag, not for {self.task}")
        if not learns.rewrites and self.attention is not None:
            raise InputError(f"attention is for seq2seq, not for {self.task}")
        if learns.rewrites and self.attention is None:
            object.__setattr__(self, "attention", "general")
        if self.is_recurrent:
            if self.context is not None:
                raise InputError(
                    f"context is for a net without memory (--cell feedforward); {self.cell} carries a state instead"
                )
            return
        if self.weight_drop:
            raise InputError(
                f"weight-drop drops recurrent weights, and {self.cell} has none; dropout drops outputs"
            )
        if self.layer_norm:
            raise InputError(f"layer-norm is for a cell with a state, and {self.cell} has none")
        if self.bidirectional:
            raise InputError(f"bidirectional is for a cell with a state, and {self.cell} has none")
        if self.embedding_size:
            raise InputError(
                f"embedding-size is not for {self.cell}, which learns a vector for each character in each place already"
            )
        if self.context is None:
            object.__setattr__(self, "context", CONTEXT)

    @property
    def learns(self) -> Task:
        """What its task is: whether texts are read whole, what a loss is for, what labels are called (:class:`charrnn.tasks.Task`)."""
        return TASKS[self.task]

    @property
    def kind(self) -> type[Cell]:
        """The class of its cells."""
        return cell_class(self.cell, normalized=self.layer_norm)

    @property
    def is_recurrent(self) -> bool:
        """Whether a state is carried from step to step, by recurrent weights."""
        return cell_class(self.cell).recurrent

    @property
    def reads_whole(self) -> bool:
        """Whether its texts are read whole, each with an answer of its own."""
        return self.learns.reads_whole

    @property
    def per(self) -> str:
        """What a loss is for each of, in names of JSON: bytes are told as characters are."""
        return self.learns.per

    @property
    def inputs(self) -> str:
        """What a step reads, in words."""
        if self.context is not None:
            return f"context of {self.context}"
        return f"embedding of {self.embedding_size}" if self.embedding_size else "one-hot"

    @property
    def dropped(self) -> str:
        """What training drops, in words."""
        weights = f", {self.weight_drop:g} of recurrent weights" if self.weight_drop else ""
        return f"dropout {self.dropout:g}{weights}"


@dataclass(frozen=True)
class TextConfig(Checked):
    """What a model reads and writes: the same for its corpus, its primes and its samples.

    Args:
        unit: ``character`` (a Unicode code point of UTF-8 text) or ``byte`` (of any file whatever).
        normalize: ``nfc`` composes characters (Unicode's normalisation form C), so that what looks
            the same is the same; ``none`` leaves them. Bytes are never normalised.
        records: Whether each line is a text of its own, and its line feed the sign that it ends.
        tokens: Whether a text is made of tokens with blanks between, and not of characters.
        features: Whether beside a text stand features of what is to be made of it, see :mod:`charrnn.text.symbols`.
    """

    unit: Annotated[str, OneOf(("character", "byte"))] = "character"
    normalize: Annotated[str, OneOf(("nfc", "none")), "Unicode normalisation"] = "nfc"
    records: Annotated[bool, "Learn each line as a text of its own, and where it ends."] = False
    tokens: bool = False
    features: Annotated[
        bool,
        "With seq2seq: a third column has features of the target, such as V;PST.",
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unit == "byte":
            object.__setattr__(self, "normalize", "none")

    def __str__(self) -> str:
        form = "NFC" if self.normalize == "nfc" else "not normalised"
        units = "bytes" if self.unit == "byte" else f"{self.kind} ({form})"
        if self.features:
            units += " with features"
        return f"records of {units}" if self.records else units

    @property
    def kind(self) -> str:
        """What a text of Unicode is made of, in words."""
        return "tokens" if self.tokens else "characters"

    @property
    def has_words(self) -> bool:
        """Whether some symbols are no characters."""
        return self.tokens or self.features

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
class TrainingConfig(Checked):
    """How a model is trained. Fields say what they are for; here is what more is to be said.

    Args:
        seq_length: Steps of truncated back-propagation, *T*. Where texts are read whole it becomes the length of the longest one.
        batch_size: Streams of text, *B*; texts, where they are read whole, and fewer where they are long.
        epochs: 0 makes as many as give some 4,000 steps.
        steps: Of the whole run, instead of ``epochs``; 0 leaves it to them.
        schedule: ``cosine`` (to zero at the last step), ``trapezoid`` (constant, then linearly to
            zero), ``exponential`` or ``constant``.
        warmup: The rate rises linearly; None takes 100 steps, or a tenth of a shorter run.
        cooldown: The rate falls linearly; 0 takes two fifths of the run.
        rewarm: Step that the course of the rate, warm-up included, counts from. It is not 0 in a run
            that was made longer when its rate had begun to fall, see ``Plan.lengthen``.
        weight_decay: Of matrices alone; decoupled for ``adamw``, L2 else.
        ema: The averaged weights are then what is evaluated, kept and written with.
        clip: Of the gradient's global norm, or of each value, as ``clip_mode`` has it.
        val_fraction: None keeps a tenth of the text, but a million characters at most; of a file for validation it reads all. There 0 does so, too. More than half is only for such a file.
        eval_every: 0 evaluates at the end of each epoch, or at a more sensible interval where the
            text is very short or very long.
        patience: With a schedule that ends at zero only those evaluations count that over-fit:
            clearly worse than the best, at a lower training loss. ``trapezoid`` first lets its rate fall.
        keep_best: None takes the loss, or the accuracy where there are labels or tags.
        label_smoothing: Losses that are told are without it.
        rare_labels: Times the log of how frequent a label is among the examples, added to its score while it is learnt: what is learnt then favours
            frequent labels less (logit adjustment; Menon et al., arXiv 2007.07314).
        class_weights: ``balanced`` lets each example count inversely to how often its label occurs.
        threads: Of all ranks of a job together. 0 takes one for each processor, as long as each part stays wide enough.
        reduce_every: Of several ranks alone. More than 1 lets each learn by itself meanwhile (local SGD; Stich, arXiv
            1805.09767), for networks that take longer than a step: what is learnt then depends on how many there are.
    """

    seq_length: Annotated[Size, "Characters that gradients reach back over."] = 50
    batch_size: Annotated[Size, "Streams of text read side by side."] = 50
    epochs: Annotated[
        Passes,
        "Passes over the training text in all, also those before --resume; instead of --minutes.",
    ] = 0
    steps: Annotated[
        Steps, "Updates of the weights in all, also those before --resume; instead of --minutes."
    ] = 0
    optimizer: Annotated[str, OneOf(OPTIMIZERS), "Update rule"] = "adamw"
    learning_rate: Annotated[
        float, Between(0, 1e3, without=(0,)), "Largest step size of the schedule."
    ] = 5e-3
    schedule: Annotated[str, OneOf(SCHEDULES), "Course of the rate"] = "cosine"
    warmup: Annotated[Steps, "Steps over which the rate rises at first."] | None = None
    cooldown: Annotated[Steps, "Steps over which the rate falls, with --schedule trapezoid."] = 0
    rewarm: Steps = 0
    decay: Annotated[Factor, "Factor for each epoch, with --schedule exponential."] = 0.95
    momentum: Annotated[Share, "With --optimizer sgd."] = 0.9
    weight_decay: Annotated[float, Between(0, 1e3), "Pull of weights towards zero."] = 0.01
    ema: Annotated[
        Share, "Keep weights averaged over the last 1/(1-EMA) steps or so; 0 does not."
    ] = 0.99
    clip: Annotated[float, Between(0, 1e9), "Largest gradient; 0 does not clip."] = 1.0
    clip_mode: Annotated[str, OneOf(("norm", "value")), "What --clip limits"] = "norm"
    val_fraction: (
        Annotated[
            float,
            Between(0, 1),
            f"Part of each file to validate on, its tail, up to {MOST_TAIL}, or of --val-file, where 0 is all.",
        ]
        | None
    ) = None
    eval_every: Annotated[Steps, "Steps between evaluations."] = 0
    patience: Annotated[Passes, "Evaluations without a new best that end the run; 0 goes on."] = 10
    seed: Annotated[Seed, "Makes the same run again."] = 0
    keep_best: (
        Annotated[str, OneOf(KEEPING), "Which evaluation's weights are kept, the one of the best"]
        | None
    ) = None
    label_smoothing: Annotated[
        Share, "Share of what is wanted that goes to all symbols or labels alike."
    ] = 0.0
    rare_labels: Annotated[
        float, Between(0, 1), "How much rare labels are favoured, by their frequency: 0 does not."
    ] = 0.0
    class_weights: Annotated[
        str, OneOf(CLASS_WEIGHTS), "Whether rare labels count as much as frequent ones"
    ] = "none"
    threads: Annotated[
        int,
        Between(0, 1 << 16),
        "Threads, each with a part of the batch, under mpirun those of each process; results depend on it in the last bits.",
    ] = 0
    reduce_every: Annotated[
        int,
        Between(1, 1 << 20),
        "Under mpirun: steps that each process takes by itself before all become one again.",
    ] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs and self.steps:
            raise InputError("epochs and steps both say how long a run is; give one of them")


@dataclass(frozen=True)
class SamplingConfig(Checked):
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
        final_temperature: The temperature goes to it in equal steps, from the first character to the
            last of ``length``; None leaves it where it is.
        min_p: Choose among the characters that have at least this share of the likeliest one's
            probability, at the given temperature (min-p, Nguyen et al., arXiv 2407.01082).
        dry: How strongly loops are penalised, in nats: a character that would go on with a string which
            was written before loses ``dry * dry_base ** (n - dry_length)``, where ``n`` is
            the length of that string (DRY, see :mod:`charrnn.writing.repetition`); 0 does not.
        dry_base: By how much the penalty grows with each character of the string.
        dry_length: Strings that are shorter are not penalised.
        dry_breakers: Characters over which no string reaches, and which are not penalised.
        best_of: Write that many texts, and keep the one that is the least surprising to the model: of
            the fewest bits per character, as it predicts them before temperature and filters.
    """

    length: Annotated[int, Between(0, 1 << 60)] | None = 1000
    temperature: Annotated[float, Between(0)] = 1.0
    top_k: Annotated[int, Between(0, MAX_VOCABULARY)] = 0
    top_p: Factor = 1.0
    ban: str = ""
    stop: tuple[str, ...] = ()
    until_lines: Annotated[int, Between(0, 1 << 60)] = 0
    final_temperature: Annotated[float, Between(0)] | None = None
    min_p: Annotated[float, Between(0, 1)] = 0.0
    dry: Annotated[float, Between(0, 1e6)] = 0.0
    dry_base: Annotated[float, Between(1, 1e3)] = 1.15
    dry_length: Annotated[int, Between(1, 1 << 20)] = 16
    dry_breakers: str = ""
    best_of: Annotated[int, Between(1, 1000)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if "" in self.stop:
            raise InputError("stop must be a string of at least one character")
        if self.length is None and self.final_temperature is not None:
            raise InputError("a temperature that changes over a text needs its length; give one")

    @property
    def is_endless(self) -> bool:
        """Whether it is the best of texts that nothing ends, except a record's own end."""
        unbounded = self.length is None and not self.stop and not self.until_lines
        return self.best_of > 1 and unbounded


@dataclass(frozen=True)
class SearchConfig(Checked):
    """How the likeliest targets of a source are searched for.

    Args:
        beam: Beginnings that are followed up at each symbol, at least ``top``; 1 is greedy.
        top: How many of the best targets are kept.
        length_penalty: Targets are compared by the logs of their probabilities, divided by their numbers of symbols to this power.
    """

    beam: Annotated[int, Between(1, MAX_BEAM)] = BEAM
    top: Annotated[int, Between(1, MAX_BEAM)] = 1
    length_penalty: Annotated[float, Between(0, 10)] = 0.0
