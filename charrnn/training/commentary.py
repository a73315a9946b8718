"""What a run says while it goes, in words: what was chosen for it, where it is, how well it does, what it does now."""

from __future__ import annotations

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.nn.loss import bits
from charrnn.nn.world import World
from charrnn.training.budget import Choice
from charrnn.training.cost import Cost
from charrnn.training.reports import Cooldown, Recovery, Report, Step
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training
from charrnn.words import counted, decimals, duration, of_which, rounded, shortened


def reasons(training: Training, choice: Choice, seconds: float) -> list[str]:
    """What was chosen for a time, and why."""
    config, vocabulary = training.config, training.corpus.vocabulary
    cost = Cost.of(choice.model, len(vocabulary), len(training.labels))
    characters = f"{vocabulary.config.unit}s"
    model = choice.model
    units = f"{model.num_layers} × {model.hidden_size} {model.cell} units{directions(model)}"
    rare = [f"rare labels {config.rare_labels:g}"] if config.rare_labels else []
    enough = "more would bring little to so short a text"
    if training.origin.tuned:
        enough = "which mostly is enough for a model that knows something"
    early = f"; {enough}, and the run ends before its time"
    last = training.corpus.sources[-1] if training.corpus.val_file else "the text"
    short = f"; there is time to validate on {of_which(choice.short_tail, shortened(last))}"
    return [
        f"budget: {duration(seconds)}; {who(training.world)} {units} at {1 / choice.seconds_per_character:,.0f} "
        f"{characters} a second ({cost.operations / choice.seconds_per_character / 1e9:.3g} GFLOP/s)",
        f"chosen: {', '.join([units, *beside_units(model), *rare, model.dropped])}, rate {config.learning_rate:g}, some "
        f"{counted(config.steps, 'step')} of {batch_in_words(config, choice.model, characters)}",
        f"reason: each weight sees {about(choice.characters / cost.weights)} "
        f"{characters}, each {vocabulary.config.unit} is seen {about(choice.epochs)} times"
        + (early if config.steps == choice.most_steps else "")
        + (short if choice.short_tail else ""),
    ]


def directions(model: ModelConfig) -> str:
    """How a net reads, where that is not from left to right alone."""
    return " in both directions" if model.bidirectional else ""


def beside_units(model: ModelConfig) -> list[str]:
    """What a net has beside its cells."""
    told = {
        f"attention {model.attention}": model.attention,
        "layer normalisation": model.layer_norm,
        f"n-grams up to {model.ngrams}": model.ngrams,
        f"auxiliary loss {model.lm_loss:g}": model.lm_loss,
    }
    return [words for words, there in told.items() if there]


def who(world: World) -> str:
    """Who trains, in words, with the verb."""
    return "this machine trains" if world.size == 1 else f"{world.size} ranks together train"


def batch_in_words(config: TrainingConfig, model: ModelConfig, units: str) -> str:
    """What a step reads."""
    if model.reads_whole:
        return f"{counted(config.batch_size, 'text')}, of {config.seq_length} {units} at most"
    return f"{config.batch_size} × {config.seq_length} {units}"


def about(number: float) -> str:
    """To two digits, but never with an exponent of ten."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def line_of(report: Report, training: Training) -> str:
    """A report of a run as a line; of a step, of which there are thousands, nothing."""
    if isinstance(report, Step):
        return ""
    if isinstance(report, Evaluation):
        return f"{place(training)}  {losses(report, training.symbol)}"
    return turn(report)


def place(training: Training) -> str:
    """Where a run is."""
    step, steps = training.step, training.total_steps
    epoch, epochs = (n / training.steps_per_epoch for n in (step, steps))
    return f"step {step}/{steps}  epoch {epoch:.2f}/{rounded(epochs)}"


def losses(evaluation: Evaluation, symbol: str) -> str:
    """Of what was learnt and of what is validated on, in bits."""
    words, loss = f"train {decimals(bits(evaluation.train_loss), 4)}", evaluation.validation_loss
    told = f"{words if loss is None else f'{words}  val {decimals(bits(loss), 4)}'} bits/{symbol}"
    if evaluation.accuracy is None:
        return told
    if evaluation.f1 is None:
        return f"{told}  right {evaluation.accuracy:.4f}"
    return f"{told}  accuracy {evaluation.accuracy:.4f}  F1 {evaluation.f1:.4f}"


def turn(report: Recovery | Cooldown) -> str:
    """What the run does now."""
    if isinstance(report, Recovery):
        return (
            f"the loss was not finite at step {report.step}: back to step {report.resumed_at}, "
            f"at {report.rate_scale:g} of the rate (attempt {report.attempt})"
        )
    return (
        f"over-fitting: the validation loss rises; from step {report.step:,} on the rate falls, "
        f"and the run ends at step {report.total_steps:,}"
    )
