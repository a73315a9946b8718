"""A run in words: what is trained, what happens to it, and what has come of it."""

from __future__ import annotations

from pathlib import Path

from charrnn.config import ANNEALING
from charrnn.nn.loss import bits
from charrnn.training.fit import going_on, judge
from charrnn.training.reports import Cooldown, Recovery
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training
from charrnn.words import counted, duration, listed, quoted


def run_facts(training: Training, path: Path) -> dict[str, str]:
    """Corpus and model, before training."""
    config, model = training.config, training.network.config
    corpus, unit = training.corpus, training.corpus.vocabulary.config.unit
    tail = training.corpus_info.characters - training.corpus_info.train_characters
    inputs = f"embedding of {model.embedding_size}" if model.embedding_size else "one-hot"
    facts = {
        "corpus": listed(corpus.sources),
        "text": f"{len(corpus):,} {unit}s ({tail:,} of them for validation), "
        f"{len(corpus.vocabulary)} different",
        "model": f"{model.cell}, {model.num_layers} × {model.hidden_size} units, {inputs}, "
        f"{model.dropped}: {training.model().parameters.flat.size:,} parameters",
        "training": f"{counted(training.total_steps, 'step')}, "
        f"{training.steps_per_epoch:,} an epoch, "
        f"{config.batch_size} × {config.seq_length} {unit}s each; {config.optimizer}, "
        f"rate {config.learning_rate:g} ({config.schedule}), seed {config.seed}, "
        f"{counted(config.threads, 'thread')}, steps by {'Numba' if training.compiled else 'NumPy'}",
        "checkpoint": str(path),
    }
    if training.step:
        facts["resumed at"] = f"step {training.step:,} of {training.total_steps:,}"
    return facts


def notices(training: Training) -> list[str]:
    return [*training.corpus.notices, *training.notices]


def losses(evaluation: Evaluation, symbol: str) -> str:
    words = f"train {evaluation.train_loss:.4f}"
    loss = evaluation.validation_loss
    return words if loss is None else f"{words}  val {loss:.4f} ({bits(loss):.3f} bits/{symbol})"


def shown_bytes(text: str) -> str:
    """Bytes as text, with nothing in it that a terminal could take for a command."""
    text = text.encode("latin-1").decode(errors="replace")
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


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


def closing_lines(training: Training, path: Path, interrupted: bool) -> list[str]:
    """The result, and the command to try next."""
    loss = training.validation_loss
    done = f"step {training.step:,} of {training.total_steps:,}"
    if interrupted:
        first = f"interrupted at {done}; saved"
    elif training.stopped_early:
        vain = "over-fitted" if training.config.schedule in ANNEALING else "without a new best"
        first = f"stopped early at {done}: {training.config.patience} evaluations {vain}"
    else:
        first = f"finished: {done}"
    lines = [f"{first} in {duration(training.seconds)} of training"]
    if loss is not None:
        best = next(entry for entry in training.history if entry.validation_loss == loss)
        symbol = training.corpus.vocabulary.config.symbol
        lines.append(
            f"best validation loss {loss:.4f} nats/{symbol} ({bits(loss):.3f} bits/{symbol}), "
            f"after {best.epoch:.2f} epochs"
        )
    fit = judge(training.history, training.network.config, training.config)
    lines.append(f"fit:    {fit}")
    if interrupted or fit.longer:
        words = going_on(str(path), training.corpus.sources, fit.longer)
        lines.append(f"go on:  {' '.join(map(quoted, words))}")
    lines.append(f"write:  charrnn sample {quoted(path)} --temp 0.8")
    return lines
