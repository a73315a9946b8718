"""A run in words: what is trained, what happens to it, and what has come of it."""

from __future__ import annotations

from pathlib import Path

from charrnn.cli.budgeted import launcher
from charrnn.config import ANNEALING
from charrnn.nn.loss import bits
from charrnn.tasks import TASKS
from charrnn.text.corpus import Corpus
from charrnn.text.examples import Examples
from charrnn.training.commentary import batch_in_words, beside_units, directions
from charrnn.training.evaluation import best_evaluation, file_losses
from charrnn.training.figures import confused, in_words
from charrnn.training.fit import fit_of
from charrnn.training.remedies import going_on
from charrnn.training.trainer import Training
from charrnn.words import (
    as_argument,
    counted,
    decimals,
    duration,
    listed,
    of_which,
    quoted,
    shortened,
)


def run_facts(training: Training, path: Path, *, timed: bool) -> dict[str, str]:
    """Corpus and model, before training.

    Args:
        timed: Whether it is a clock that ends the run, so that its steps are an estimate.
    """
    config, model = training.config, training.network.config
    corpus, unit = training.corpus, training.corpus.vocabulary.config.unit
    learnt, apart = list(corpus.sources), ""
    if corpus.val_file:
        apart = f"; validated on {of_which(config.val_fraction, shortened(learnt.pop()))}"
    units = f"{model.num_layers} × {model.hidden_size} units{directions(model)}"
    parts = [model.cell, units, model.inputs, *beside_units(model), model.dropped]
    facts = {
        "corpus": f"{listed(learnt)}{apart}",
        **_examples(corpus),
        "text": f"{len(corpus):,} {unit}s ({training.validated:,} of them for validation), "
        f"{len(corpus.vocabulary)} different",
        "model": f"{', '.join(parts)}: {training.model().parameters.flat.size:,} parameters",
        "training": f"{'some ' * timed}{counted(training.total_steps, 'step')}, "
        f"{training.steps_per_epoch:,} an epoch, "
        f"{batch_in_words(config, model, f'{unit}s')} each; {config.optimizer}, "
        f"rate {config.learning_rate:g} ({config.schedule}), seed {config.seed}, "
        f"{_workers(training)}, steps by {'Numba' if training.compiled else 'NumPy'}",
        "checkpoint": str(path),
    }
    if training.step:
        facts["resumed at"] = f"step {training.step:,} of {training.total_steps:,}"
    return facts


def _workers(training: Training) -> str:
    ranks, threads = training.world.size, training.config.threads
    if ranks == 1:
        return counted(threads, "thread")
    apart = training.config.reduce_every
    meeting = f" that meet every {apart} steps" if apart > 1 else ""
    return f"{ranks} ranks of {counted(threads // ranks, 'thread')}{meeting}"


def _examples(corpus: Corpus | Examples) -> dict[str, str]:
    if isinstance(corpus, Corpus):
        return {}
    kind = TASKS[corpus.task].labels
    different = "different " if corpus.tagged else ""  # each is there many times
    return {"examples": f"{len(corpus.spans):,}, of {len(corpus.labels):,} {different}{kind}"}


def notices(training: Training) -> list[str]:
    return [*training.corpus.notices, *training.notices]


def closing_lines(training: Training, path: Path, interrupted: bool) -> list[str]:
    """The result, and the command to try next."""
    loss = training.validation_loss
    done = f"step {training.step:,} of {training.total_steps:,}"
    if interrupted:
        first = f"interrupted at {done}"
    elif training.stopped_early:
        vain = "over-fitted" if training.config.schedule in ANNEALING else "without a new best"
        first = f"stopped early at {done}: {training.config.patience} evaluations {vain}"
    else:
        first = f"finished: {done}"
    saved = "; saved" if interrupted else ""
    lines = [f"{first} in {duration(training.seconds)} of training{saved}"]
    best = best_evaluation(training.history, training.keeps)
    if loss is not None and best is not None:
        if training.figures is None:
            first = f"best validation loss {decimals(bits(loss), 4)} bits/{training.symbol}"
        else:
            first = f"{in_words(training.figures)}, loss {decimals(bits(loss), 4)} bits/{training.symbol}"
        lines.append(f"{first}, after {best.epoch:.2f} epochs")
        if training.figures and (wrong := confused(training.figures, training.labels)):
            lines.append(f"wrong:  {wrong}")
        if each := file_losses(training.corpus_info, best):
            lines.append(f"files:  {each}")
    fit = fit_of(training.checkpoint(with_progress=False), resumable=True)  # as it is saved
    lines.append(f"fit:    {fit}")
    name = as_argument(path)
    if interrupted or fit.longer:
        words = going_on(name, training.corpus_info, fit.longer)
        lines.append(f"go on:  {launcher(training.world)}{' '.join(map(quoted, words))}")
    if training.network.config.learns.for_labels:
        label = quoted(training.labels.names[0])
        lines.append(f"write:  charrnn sample {quoted(name)} --label {label}")
    elif training.network.config.reads_whole:
        lines.append(f"answer: charrnn predict {quoted(name)} FILE")
    else:
        lines.append(f"write:  charrnn sample {quoted(name)} --temp 0.8")
    return lines
