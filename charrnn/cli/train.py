"""``charrnn train``: reports on standard error, the checkpoint's path on standard output."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Container
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from charrnn.cli import terminal
from charrnn.cli.settings import either_way, one_of, panel, parse_columns, sets
from charrnn.cli.times import parse_minutes
from charrnn.config import (
    CONTEXT,
    MINUTES,
    SYMBOLS,
    ModelConfig,
    TextConfig,
    TrainingConfig,
)
from charrnn.errors import DivergenceError, InputError
from charrnn.signals import Held
from charrnn.tasks import READERS, TASKS
from charrnn.words import as_argument, printable, quoted

if TYPE_CHECKING:
    from charrnn.cli.display import Display
    from charrnn.cli.job import Pulse
    from charrnn.cli.log import RunLog
    from charrnn.cli.saving import Saver
    from charrnn.training.pace import Pace
    from charrnn.training.trainer import Training

EPILOG = (
    "Standard output carries only the checkpoint's path, so that this works: "
    "charrnn train corpus.txt | xargs charrnn sample"
)

CHOSEN = (
    *("cell", "hidden_size", "num_layers", "dropout", "weight_drop", "layer_norm"),
    *("ngrams", "lm_loss", "rare_labels"),
    *("batch_size", "learning_rate", "weight_decay", "ema", "schedule", "patience"),
)
"""Settings that a run of so many minutes chooses unless they are given."""

NEEDED = {
    "decay": ("schedule", "exponential"),
    "cooldown": ("schedule", "trapezoid"),
    "momentum": ("optimizer", "sgd"),
}
"""Settings that do something only where another one has a certain value."""

TEXT, TRAINING = "Text", "Training"
of_text, of_training, of_run = panel(TEXT), panel(TRAINING), panel("Run")
PANELS = {TEXT: TextConfig, "Model": ModelConfig, TRAINING: TrainingConfig}
ALIASES = {"hidden_size": "--rnn-size"}
OPEN = {
    "context": f"{CONTEXT}",
    "bidirectional": f"for {', '.join(READERS[:-1])} and {READERS[-1]}",
    "attention": "general, for seq2seq",
    "keep_best": "loss, or accuracy of labels, tags and targets",
    "epochs": "as many as there is time for",
    "steps": "as many as there is time for",
    "warmup": "100, or a tenth of a short run",
    "cooldown": "two fifths of all",
    "val_fraction": "0.1, a million characters, all of --val-file, or what --minutes leaves time for",
    "eval_every": "about an epoch, or a twentieth of --minutes",
    "threads": "one for each processor, and for 16 streams",
}
"""What a setting is where it is not given, if that follows from others."""

DEFAULTS = dict.fromkeys(CHOSEN, "chosen; {} with --epochs or --steps") | OPEN


@sets(PANELS, ALIASES, DEFAULTS)
def train(
    corpus: list[str] | None = typer.Argument(
        None,
        help="Text files in UTF-8, read one after the other; - is standard input. For other tasks than lm: a text, a TAB and its "
        "label, its tags or what is to be made of it on each line.",
        show_default="the Python language reference, or an example for the task",
    ),
    by_bytes: bool = of_text(
        False, "Learn bytes, of any file whatever, instead of characters.", "--bytes"
    ),
    columns: str | None = of_text(
        None,
        "Of a text and of its label, its tags or what is made of it, counted from 1, where a line has more or they stand the other way round; "
        "with --features a third number.",
        metavar="N,N",
        shown="1,2",
    ),
    source_symbols: str | None = of_text(
        None,
        "With seq2seq: of what the texts are made that are read, character or token (with blanks between, as phones have).",
        shown="what they look like",
        **one_of("--source-symbols", SYMBOLS),
    ),
    target_symbols: str | None = of_text(
        None,
        "The same of the texts that are written.",
        shown="what they look like",
        **one_of("--target-symbols", SYMBOLS),
    ),
    val_file: str | None = of_training(
        None,
        "Text to validate on; no part of the others is kept for it then.",
        metavar="FILE",
        shown=False,
    ),
    minutes: str | None = of_training(
        None,
        "How long to take in all, with --resume how much longer: minutes, or a time (90s, 10m, 1h). "
        "What is not set is chosen for that time and this machine.",
        shown=f"{MINUTES}, or what --epochs or --steps takes",
    ),
    output: str | None = of_run(
        None,
        "Checkpoint to write; a folder/ gets one with a fresh name.",
        "--output -o",
        metavar="PATH",
        shown="a fresh name in checkpoints/",
    ),
    resume: Path | None = of_run(None, "Go on with this run, in the same file."),
    init_from: Path | None = of_run(None, "Start a new run from this model's weights."),
    extend_vocab: bool = of_run(
        False, "With --init-from: add the characters that the model lacks.", "--extend-vocab"
    ),
    save_every: str = of_run(
        "60s", "Work that may be lost when the machine fails: a time (60s, 5m, 1h) or steps."
    ),
    cache_dir: Path | None = of_run(
        None,
        "Where a corpus too large for memory is kept, encoded.",
        shown="the user's cache folder",
    ),
    log: Path | None = of_run(
        None, "File that gets each report as a line of JSON, for plots of one's own.", shown=False
    ),
    sample_every: int = of_run(1, "Evaluations between samples; 0 shows none."),
    quiet: bool = of_run(False, "Report nothing but errors.", "--quiet -q"),
    **settings: Any,
) -> None:
    """Train a model on text, in a given time: to write, to find labels or tags, or to make other texts of texts."""
    began = time.monotonic() - terminal.LOADING_SECONDS
    from charrnn.cli.job import join

    world = join()  # first of all: who fails before is waited for
    given = either_way({name: value for name, value in settings.items() if value is not None})
    if by_bytes:
        if given.get("normalize") not in (None, "none"):
            raise InputError("--normalize is for characters; leave it out with --bytes")
        given.update(unit="byte", normalize="none")
    task = TASKS.get(given.get("task", ""))  # another name is refused with the other settings
    if task and task.aligned and given.get("normalize") == "nfc":
        raise InputError(
            "--normalize nfc is not for tags: they are of characters as written, and nothing is composed"
        )
    if sample_every < 0:
        raise InputError(f"--sample-every must be at least 0, not {sample_every}")
    if task and task.reads_whole and "seq_length" in given:
        raise InputError(f"--seq-length is not for {task.name}: its texts are read whole")
    if resume and (init_from or output):
        other = "--init-from" if init_from else "--output"
        raise InputError(f"--resume goes on in its own file; leave out {other}")
    if extend_vocab and not init_from:
        raise InputError("--extend-vocab goes with --init-from")
    for name in ("epochs", "steps"):
        if given.get(name) == 0:
            raise InputError(f"--{name} must be at least 1; --minutes says how long a run may take")

    from charrnn.cli.arguments import can_go_on, is_checkpoint
    from charrnn.cli.budgeted import repeating, resumed_for, timed_run
    from charrnn.cli.display import make_display, reading_bar
    from charrnn.cli.files import claim_new, claim_old
    from charrnn.cli.job import Pulse, in_turn, made_by_first, read_by_first
    from charrnn.cli.log import RunLog
    from charrnn.cli.saving import Saver, parse_interval
    from charrnn.cli.starting import Loader, compiled_ahead, fresh_start, resumed_start
    from charrnn.text.source import STANDARD_INPUT
    from charrnn.training.trainer import Training

    every = parse_interval(save_every)
    others = [f"--{name}" for name in ("epochs", "steps") if name in given]
    if minutes is not None and others:
        raise InputError(f"--minutes says how long a run is; leave it out with {others[0]}")
    if minutes is None and not (others or resume):
        minutes = str(MINUTES)
    seconds = None if minutes is None else parse_minutes(minutes)
    paths = corpus or []
    for name in [] if by_bytes else filter(is_checkpoint, paths):
        model = quoted(as_argument(name))
        onward = f"--resume {model} goes on with its run, " if can_go_on(name) else ""
        starts = f"--init-from {model} starts {'one' if onward else 'a run'} from it"
        raise InputError(f"{name}: is a model, not a text; {onward}{starts}")
    with terminal.telling_of_interruption() as telling, ExitStack() as stack:
        began, pulse = world.from_first(began), Pulse(world)
        if given.get("threads"):
            given["threads"] *= world.size
        with reading_bar(quiet=quiet or not world.is_first) as progress:
            load = Loader(
                parse_columns(columns), source_symbols, target_symbols, cache_dir, progress
            )
            if resume:
                with Held():
                    path = made_by_first(world, lambda: stack.enter_context(claim_old(resume)).path)
                saved, text, config = read_by_first(
                    world, cache_dir, lambda: resumed_start(load, paths, val_file, path, given)
                )
            else:
                start, text, config = read_by_first(
                    world,
                    cache_dir,
                    lambda: fresh_start(load, paths, val_file, init_from, extend_vocab, given),
                )
                with Held():
                    path = made_by_first(
                        world, lambda: stack.enter_context(claim_new(output, text.sources)).path
                    )
        pace, record, reasons = None, None, list[str]()
        if log:
            if str(log) == STANDARD_INPUT:
                raise InputError("--log names a file; standard output is for the checkpoint's path")
            if os.path.realpath(log) == os.path.realpath(path):
                raise InputError(f"{log}: is the checkpoint; choose another --log")
        if log and world.is_first:
            record = RunLog(log, resumed=bool(resume))
            stack.callback(record.close)
        chosen = given if seconds is not None and not resume else None
        to_compile = saved.model if resume else start
        silent = quiet or not world.is_first
        took = in_turn(world, lambda: compiled_ahead(to_compile, config, chosen, quiet=silent))
        began += float(world.numbers([took]).max())
        if resume:
            training = Training.resume(text, saved, config, world)
            del saved, to_compile  # the run has copies of all its arrays
            if seconds is not None:
                pace, reasons = resumed_for(training, began, seconds, given, pulse)
        elif seconds is not None:
            training, pace, reasons = timed_run(text, start, began, seconds, given, world, pulse)
        else:
            training = Training(text, start, config, world)
        timed = pace is not None
        display = make_display(training, path, quiet=quiet, sample_every=sample_every, timed=timed)
        stack.callback(display.close)
        saver = Saver(training, path, every, display.warn, pulse.now)
        display.note(_without_effect(given, training))
        if training.finished:
            longer = "--patience goes on"
            if not training.stopped_early:
                longer = "--steps or --epochs goes on, or --minutes"
            display.note([f"nothing is left to do; a larger {longer}"])
        if record:
            record.start(training, path, display.warn)
        telling.done = "nothing more was saved"
        _run(training, path, display, saver, pace, record, reasons, pulse)
    if pace and training.finished and not resume:
        display.note([f"repeat: {repeating(training, init_from, extend_vocab=extend_vocab)}"])


def _without_effect(given: Container[str], training: Training) -> list[str]:
    """What was asked for in vain, in words."""
    alone = "reduce_every" in given and training.world.size == 1
    return [
        f"--{name} does nothing without --{other} {value}"
        for name, (other, value) in NEEDED.items()
        if name in given and getattr(training.config, other) != value
    ] + [
        "--reduce-every does nothing without several processes: mpirun -n 2 charrnn train …"
    ] * alone


def _run(
    training: Training,
    path: Path,
    display: Display,
    saver: Saver,
    pace: Pace | None,
    record: RunLog | None,
    reasons: list[str],
    pulse: Pulse,
) -> None:
    """Train to the end or to an interruption, and save on the way."""
    from charrnn.cli.job import Balance, made_by_first

    world, ending = training.world, 0
    followers = [display.report, *([record.report] if record else [])]
    followers.append(Balance(training, display.warn).after)
    with terminal.interruptible() as interruption:
        if made_by_first(world, lambda: not path.exists()):
            saver.save()  # a folder that cannot be written should be known now
        display.start()
        display.note(reasons)
        try:
            for report in training:
                for follow in followers:
                    follow(report)
                ending = pulse.beat(interruption.number)
                if saver.after(report) and pace:
                    pulse.beat(0)  # what a run is kept to is the time with that of saving
                if pace:
                    pace.after(report)
                if ending:
                    break
        except DivergenceError as error:
            saver.save()
            if record:
                record.end("diverged")
            raise DivergenceError(f"{error} (the last good state is in {path})") from None
        saver.save()
        stopped = bool(ending) and not training.finished
        if record:
            ended = "stopped early" if training.stopped_early else "finished"
            record.end("interrupted" if stopped else ended)
    display.finish(interrupted=stopped)
    name = as_argument(path)
    if world.is_first:
        # For a pipe, also where its bytes are no text; a terminal need not see it act.
        print(printable(name) if sys.stdout.isatty() else name, flush=True)
    if stopped:
        raise typer.Exit(128 + ending)  # the shell's convention
