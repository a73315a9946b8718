"""``charrnn train``: reports on standard error, the checkpoint's path on standard output."""

from __future__ import annotations

import time
from collections.abc import Container
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli import terminal
from charrnn.config import (
    CELLS,
    CLIP_MODES,
    NORMALIZATIONS,
    OPTIMIZERS,
    SCHEDULES,
    ModelConfig,
    TextConfig,
    TrainingConfig,
)
from charrnn.errors import DivergenceError, InputError

if TYPE_CHECKING:
    from charrnn.cli.budgeted import Timed
    from charrnn.cli.display import Display
    from charrnn.cli.saving import Saver
    from charrnn.training.trainer import Training

EPILOG = (
    "Standard output carries only the checkpoint's path, so that this works: "
    "charrnn train corpus.txt | xargs charrnn sample"
)

MINUTES, MOST_MINUTES = 10, 1_000_000
CHOSEN = (
    *("hidden_size", "dropout", "weight_drop", "batch_size", "learning_rate"),
    *("schedule", "patience"),
)
"""Settings that a run of so many minutes chooses unless they are given."""

NEEDED = {
    "decay": ("schedule", "exponential"),
    "cooldown": ("schedule", "trapezoid"),
    "momentum": ("optimizer", "sgd"),
}
"""Settings that do something only where another one has a certain value."""

TEXT, MODEL, TRAINING, RUN = "Text", "Model", "Training", "Run"


def _setting(*flags: str, help: str, panel: str, default: str | None = None) -> Any:
    """An option that sets a field of a configuration; None where it is not given."""
    name = flags[0].removeprefix("--").replace("-", "_")
    for config in (TextConfig, ModelConfig, TrainingConfig):
        for field in fields(config):
            if field.name == name and default is None:
                default = str(field.default)
                if name in CHOSEN:
                    default = f"chosen; {default} with --epochs or --steps"
    return typer.Option(*flags, help=help, rich_help_panel=panel, show_default=default or False)


def _choices(names: tuple[str, ...]) -> str:
    return f"one of {', '.join(names)}."


def train(
    corpus: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Text files in UTF-8, read one after the other; - is standard input.",
            show_default="the Python language reference",
        ),
    ] = None,
    by_bytes: Annotated[
        bool,
        typer.Option(
            "--bytes",
            rich_help_panel=TEXT,
            help="Learn bytes, of any file whatever, instead of characters.",
        ),
    ] = False,
    records: Annotated[
        bool | None,
        typer.Option(
            "--records",
            rich_help_panel=TEXT,
            help="Learn each line as a text of its own, and where it ends.",
        ),
    ] = None,
    normalize: Annotated[
        str | None,
        _setting(
            "--normalize",
            panel=TEXT,
            help=f"Unicode normalisation, {_choices(NORMALIZATIONS)}",
        ),
    ] = None,
    cell: Annotated[
        str | None, _setting("--cell", panel=MODEL, help=f"Recurrent cell, {_choices(CELLS)}")
    ] = None,
    hidden_size: Annotated[
        int | None,
        _setting("--hidden-size", "--rnn-size", panel=MODEL, help="Units in each layer."),
    ] = None,
    num_layers: Annotated[
        int | None, _setting("--num-layers", panel=MODEL, help="Layers on top of each other.")
    ] = None,
    embedding_size: Annotated[
        int | None,
        _setting(
            "--embedding-size", panel=MODEL, help="Width of a learned embedding; 0 is one-hot."
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        _setting("--dropout", panel=MODEL, help="Share of each layer's output that is dropped."),
    ] = None,
    weight_drop: Annotated[
        float | None,
        _setting("--weight-drop", panel=MODEL, help="Share of recurrent weights that is dropped."),
    ] = None,
    seq_length: Annotated[
        int | None,
        _setting("--seq-length", panel=TRAINING, help="Characters that gradients reach back over."),
    ] = None,
    batch_size: Annotated[
        int | None,
        _setting("--batch-size", panel=TRAINING, help="Streams of text read side by side."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=TRAINING,
            help="How long to take in all. What is not set is chosen for that time and this machine.",
            show_default=f"{MINUTES}, or what --epochs or --steps takes",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        _setting(
            "--epochs",
            panel=TRAINING,
            default="as many as there is time for",
            help="Passes over the training text, instead of --minutes.",
        ),
    ] = None,
    steps: Annotated[
        int | None,
        _setting(
            "--steps",
            panel=TRAINING,
            default="as many as there is time for",
            help="Updates of the weights, instead of --minutes.",
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        _setting("--optimizer", panel=TRAINING, help=f"Update rule, {_choices(OPTIMIZERS)}"),
    ] = None,
    learning_rate: Annotated[
        float | None,
        _setting("--learning-rate", panel=TRAINING, help="Largest step size of the schedule."),
    ] = None,
    schedule: Annotated[
        str | None,
        _setting("--schedule", panel=TRAINING, help=f"Course of the rate, {_choices(SCHEDULES)}"),
    ] = None,
    warmup: Annotated[
        int | None,
        _setting(
            "--warmup",
            panel=TRAINING,
            default="100, or a tenth of a short run",
            help="Steps over which the rate rises at first.",
        ),
    ] = None,
    cooldown: Annotated[
        int | None,
        _setting(
            "--cooldown",
            panel=TRAINING,
            default="two fifths of all",
            help="Steps over which the rate falls, with --schedule trapezoid.",
        ),
    ] = None,
    decay: Annotated[
        float | None,
        _setting(
            "--decay", panel=TRAINING, help="Factor for each epoch, with --schedule exponential."
        ),
    ] = None,
    momentum: Annotated[
        float | None, _setting("--momentum", panel=TRAINING, help="With --optimizer sgd.")
    ] = None,
    weight_decay: Annotated[
        float | None,
        _setting("--weight-decay", panel=TRAINING, help="Pull of weights towards zero."),
    ] = None,
    ema: Annotated[
        float | None,
        _setting(
            "--ema",
            panel=TRAINING,
            help="Keep weights averaged over the last 1/(1-EMA) steps or so; 0 does not.",
        ),
    ] = None,
    clip: Annotated[
        float | None,
        _setting("--clip", panel=TRAINING, help="Largest gradient; 0 does not clip."),
    ] = None,
    clip_mode: Annotated[
        str | None,
        _setting("--clip-mode", panel=TRAINING, help=f"What --clip limits, {_choices(CLIP_MODES)}"),
    ] = None,
    val_fraction: Annotated[
        float | None,
        _setting(
            "--val-fraction",
            panel=TRAINING,
            default="0.1, a million characters, or what --minutes leaves time for",
            help="Tail of the text to validate on.",
        ),
    ] = None,
    eval_every: Annotated[
        int | None,
        _setting(
            "--eval-every",
            panel=TRAINING,
            default="about an epoch, or a twentieth of --minutes",
            help="Steps between evaluations.",
        ),
    ] = None,
    patience: Annotated[
        int | None,
        _setting(
            "--patience",
            panel=TRAINING,
            help="Evaluations without a new best that end the run; 0 goes on.",
        ),
    ] = None,
    seed: Annotated[
        int | None, _setting("--seed", panel=TRAINING, help="Makes the same run again.")
    ] = None,
    threads: Annotated[
        int | None,
        _setting(
            "--threads",
            panel=TRAINING,
            default="as many as there are processors",
            help="Parts of a batch computed side by side; results depend on it in the last bits.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            rich_help_panel=RUN,
            help="Checkpoint to write.",
            show_default="a fresh name in checkpoints/",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(rich_help_panel=RUN, help="Go on with this run, in the same file."),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(rich_help_panel=RUN, help="Start a new run from this model's weights."),
    ] = None,
    extend_vocab: Annotated[
        bool,
        typer.Option(
            "--extend-vocab",
            rich_help_panel=RUN,
            help="With --init-from: add the characters that the model lacks.",
        ),
    ] = False,
    save_every: Annotated[
        str,
        typer.Option(
            rich_help_panel=RUN,
            help="Work that may be lost when the machine fails: a time (60s, 5m, 1h) or steps.",
        ),
    ] = "60s",
    cache_dir: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=RUN,
            help="Where a corpus too large for memory is kept, encoded.",
            show_default="the user's cache folder",
        ),
    ] = None,
    sample_every: Annotated[
        int, typer.Option(rich_help_panel=RUN, help="Evaluations between samples; 0 shows none.")
    ] = 1,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", rich_help_panel=RUN, help="Report nothing but errors.")
    ] = False,
) -> None:
    """Train a model on text, in a given time."""
    began = time.monotonic() - terminal.LOADING_SECONDS
    given = {name: value for name, value in locals().items() if value is not None}
    if by_bytes:
        if normalize not in (None, "none"):
            raise InputError("--normalize is for characters; leave it out with --bytes")
        given.update(unit="byte", normalize="none")
    text_settings = _only(TextConfig, given)
    model_settings = _only(ModelConfig, given)
    training_settings = _only(TrainingConfig, given)
    if sample_every < 0:
        raise InputError(f"--sample-every must be at least 0, not {sample_every}")
    if resume and (init_from or output):
        other = "--init-from" if init_from else "--output"
        raise InputError(f"--resume goes on in its own file; leave out {other}")
    if extend_vocab and not init_from:
        raise InputError("--extend-vocab goes with --init-from")
    for name in ("epochs", "steps"):
        if given.get(name) == 0:
            raise InputError(f"--{name} must be at least 1; --minutes says how long a run may take")

    from charrnn.cli.budgeted import Timed
    from charrnn.cli.display import make_display, reading_bar
    from charrnn.cli.files import claim_new, claim_old
    from charrnn.cli.saving import Saver, parse_interval
    from charrnn.cli.starting import fresh_start, resumed_run
    from charrnn.text.corpus import load_corpus
    from charrnn.training.trainer import Training

    every = parse_interval(save_every)
    seconds = _seconds(minutes, given)
    settings = text_settings, model_settings, training_settings
    paths = corpus or []
    with terminal.telling_of_interruption(), ExitStack() as stack:
        with reading_bar(quiet=quiet) as progress:
            load = partial(load_corpus, cache_folder=cache_dir, progress=progress)
            if resume:
                path = stack.enter_context(claim_old(resume)).path
                training = resumed_run(load, paths, path, *settings)
            else:
                load = partial(load, paths)
                start, text = fresh_start(load, init_from, extend_vocab, *settings)
                path = stack.enter_context(claim_new(output, text.sources)).path
        timed = None
        if seconds is not None:
            timed = Timed(text, start, began, seconds, model_settings, training_settings)
            training = timed.training
        elif not resume:
            training = Training(text, start, TrainingConfig(**training_settings))
        display = make_display(training, path, quiet=quiet, sample_every=sample_every)
        stack.callback(display.close)
        display.note(_without_effect(training_settings, training.config))
        if training.finished:
            longer = "--patience" if training.stopped_early else "--steps or --epochs"
            display.note([f"nothing is left to do; a larger {longer} goes on"])
        _run(training, path, display, Saver(training, path, every, display.warn), timed)
    if timed and training.finished:
        display.note([f"repeat: {timed.repeating(init_from, extend_vocab=extend_vocab)}"])


def _only(config: type, values: dict[str, Any]) -> dict[str, Any]:
    return {f.name: values[f.name] for f in fields(config) if f.name in values}


def _without_effect(given: Container[str], config: TrainingConfig) -> list[str]:
    """What was asked for in vain, in words."""
    return [
        f"--{name} does nothing without --{other} {value}"
        for name, (other, value) in NEEDED.items()
        if name in given and getattr(config, other) != value
    ]


def _seconds(minutes: float | None, given: Container[str]) -> float | None:
    """How long a run may take; None where something else says it."""
    others = [f"--{name}" for name in ("epochs", "steps", "resume") if name in given]
    if minutes is None:
        return None if others else 60 * MINUTES
    if others:
        raise InputError(f"--minutes says how long a new run is; leave it out with {others[0]}")
    if not 0 < minutes <= MOST_MINUTES:
        raise InputError(f"--minutes must be above 0 and at most {MOST_MINUTES}, not {minutes:g}")
    return 60 * minutes


def _run(
    training: Training, path: Path, display: Display, saver: Saver, timed: Timed | None
) -> None:
    """Train to the end or to an interruption, and save on the way."""
    from charrnn.cli.terminal import interruptible

    with interruptible() as interruption:
        if not path.exists():
            saver.save()  # a folder that cannot be written should be known now
        display.start()
        if timed:
            display.note(timed.reasons)
        try:
            for report in training:
                display.report(report)
                saver.after(report)
                if timed:
                    timed.pace.after(report)
                if interruption.number:
                    break
        except DivergenceError as error:
            saver.save()
            raise DivergenceError(f"{error} (the last good state is in {path})") from None
        saver.save()
    stopped = bool(interruption.number) and not training.finished
    display.finish(interrupted=stopped)
    print(path, flush=True)
    if stopped:
        raise typer.Exit(interruption.exit_code)
