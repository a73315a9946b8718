"""A run as it is drawn: the only code beside ``drawing.terminal`` that touches rich, and the only one with tqdm."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.text import Text
from tqdm import tqdm

from charrnn.cli import narration
from charrnn.cli.scored import Span
from charrnn.cli.terminal import tell
from charrnn.drawing.figure import Facts
from charrnn.drawing.terminal.screen import Screen
from charrnn.drawing.terminal.table import draw_facts
from charrnn.nn.loss import bits
from charrnn.text.source import STANDARD_INPUT, OnRead, Source
from charrnn.training.commentary import line_of, losses, place, turn
from charrnn.training.reports import Cooldown, Recovery, Report, Step
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training
from charrnn.words import decimals, duration, printable
from charrnn.writing.sampling import generate, generate_records

READING_SECONDS = 1.0  # before a bar is shown for reading a corpus
COMMAND = re.compile(r"[a-z ]+: +charrnn ")
LEARNT_AT_ONCE = 500  # characters, before a bar moves
PLAIN_SECONDS = 30.0  # between lines where there is no evaluation to report


def _bar(**settings: Any) -> tqdm[Any]:
    return tqdm(unit_scale=True, dynamic_ncols=True, leave=False, file=sys.stderr, **settings)


@contextmanager
def reading_bar(*, quiet: bool) -> Iterator[OnRead | None]:
    """A bar for a corpus that takes a while to read, on a terminal."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    with _bar(desc="reading", unit="B", delay=READING_SECONDS) as bar:

        def advance(count: int, total: int) -> None:
            bar.total = total
            bar.update(count)

        yield advance


@contextmanager
def scoring_bar(
    source: Source, encoding: str, *, alone: bool
) -> Iterator[Callable[[Iterable[Span]], Iterable[Span]]]:
    """A bar for a text that takes a while to score, on a terminal; and a word where one is waited for.

    Args:
        alone: Nothing is written before the end; where figures go to the terminal themselves, no bar does.
    """
    if source.name == STANDARD_INPUT and sys.stdin is not None and sys.stdin.isatty():
        end = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
        tell(f"type or paste a text; {end} ends it")
    busy = not alone and sys.stdout.isatty()
    if busy or sys.stderr is None or not sys.stderr.isatty():
        yield lambda spans: spans
        return
    with _bar(desc="scoring", unit="B", delay=READING_SECONDS, total=source.size_at_hand()) as bar:

        def watched(spans: Iterable[Span]) -> Iterator[Span]:
            for span in spans:
                bar.update(len(span.text.encode(encoding)))
                yield span

        yield watched


@contextmanager
def learning_bar(characters: int, *, quiet: bool) -> Iterator[Callable[[str], Iterable[str]]]:
    """A bar for texts that are learnt from before anything is written; what it yields cuts a text into pieces."""
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield lambda text: [text]
        return
    with _bar(desc="learning", unit="char", delay=READING_SECONDS, total=characters) as bar:

        def watched(text: str) -> Iterator[str]:
            for start in range(0, len(text), LEARNT_AT_ONCE):
                piece = text[start : start + LEARNT_AT_ONCE]
                yield piece
                bar.update(len(piece))

        yield watched


class Display:
    """What the train command needs of a display; this one tells nothing but warnings."""

    def start(self) -> None: ...
    def report(self, report: Report) -> None: ...
    def note(self, lines: Iterable[str]) -> None: ...
    def finish(self, *, interrupted: bool) -> None: ...
    def close(self) -> None: ...

    def warn(self, message: str) -> None:
        tell(f"charrnn: {message}")


class Silence(Display):
    """Of the ranks of a job all but the first: they say nothing."""

    def warn(self, message: str) -> None: ...


class Lines(Display):
    """Plain lines, one for each evaluation, for a log or a pipe."""

    def __init__(self, training: Training, path: Path, *, sample_every: int, timed: bool) -> None:
        self.training, self.path, self.sample_every = training, path, sample_every
        self._facts = narration.run_facts(training, path, timed=timed)
        self.symbol, self.unit = training.symbol, training.corpus.vocabulary.config.symbol
        self._evaluations = 0
        self._started = self._printed = time.monotonic()
        self._read_before = training.characters_read

    def _say(self, text: str) -> None:
        self._printed = time.monotonic()
        tell(text)

    def start(self) -> None:
        for key, value in self._facts.items():
            self._say(f"{key}: {value}")
        for notice in narration.notices(self.training):
            self._say(f"notice: {notice}")

    def report(self, report: Report) -> None:
        if isinstance(report, Evaluation):
            self._say(f"{line_of(report, self.training)}{self._pace()}")
            if text := self._sample_if_due():
                self._say(f"sample: {json.dumps(text, ensure_ascii=False)}")
        elif isinstance(report, Recovery):
            self.warn(turn(report))
        elif isinstance(report, Cooldown):
            self._say(turn(report))
        elif time.monotonic() - self._printed > PLAIN_SECONDS:
            self._say(
                f"{place(self.training)}  loss {decimals(bits(report.loss), 4)} bits/{self.symbol}{self._pace()}"
            )

    def note(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._say(line)

    def finish(self, *, interrupted: bool) -> None:
        self.note(narration.closing_lines(self.training, self.path, interrupted))

    def _sample_if_due(self) -> str:
        """A sample, or nothing where it is not time for one."""
        self._evaluations += 1
        if not self.sample_every or self._evaluations % self.sample_every:
            return ""
        if self.training.network.config.reads_whole:
            return ""
        model = self.training.current_model()
        settings: Any = {"length": 160, "temperature": 0.8, "rng": self.training.step}
        if model.config.learns.for_labels:  # each time for another label
            names = model.labels.names
            name = names[(self._evaluations - 1) % len(names)]
            model = model.writing({name: 1.0})
            return "\n".join([f"{name}:", *islice(generate_records(model, **settings), 5)])
        if model.vocabulary.config.records:
            text = "\n".join(islice(generate_records(model, **settings), 5))
        else:
            text = "".join(generate(model, **settings))
        return text.encode(model.vocabulary.config.encoding).decode(errors="replace")

    def _pace(self) -> str:
        """How quickly it goes, and until when; nothing before a first step, which tells."""
        training = self.training
        elapsed = time.monotonic() - self._started
        if (read := training.characters_read - self._read_before) <= 0:
            return ""
        left = (training.total_characters - training.characters_read) * elapsed / read
        return f"  {read / max(elapsed, 1e-9):,.0f} {self.unit}s/s  {duration(left)} left"


class Bars(Lines):
    """A progress bar, with tables around it and samples above it."""

    def __init__(self, training: Training, path: Path, *, sample_every: int, timed: bool) -> None:
        super().__init__(training, path, sample_every=sample_every, timed=timed)
        self.console = Console(stderr=True, highlight=False)
        self._bar: tqdm[Any] | None = None
        self._loss, self._validation = 0.0, ""

    def start(self) -> None:
        facts = Facts(list(self._facts.items()))
        self._print(*draw_facts(Screen(self.console, colour=True, unicode=True), facts))
        for notice in narration.notices(self.training):
            self.warn(f"notice: {notice}")
        if self.training.history:
            self._remember(self.training.history[-1])
        total, read = self.training.total_characters, self.training.characters_read
        self._bar = _bar(total=total, initial=read, unit=self.unit)

    def report(self, report: Report) -> None:
        assert self._bar is not None
        if isinstance(report, Step):
            # A mean over some hundred steps reads better than the jitter of each.
            weight = 0.01 if self._loss else 1.0
            self._loss += weight * (bits(report.loss) - self._loss)
            postfix = f"loss {decimals(self._loss, 3)}{self._validation} bits/{self.symbol}"
            self._bar.set_postfix_str(postfix, refresh=False)
            self._bar.total = self.training.total_characters
            self._bar.update(self.training.characters_read - self._bar.n)
        elif isinstance(report, Evaluation):
            self._remember(report)
            told = losses(report, self.symbol)
            line = Text(f"epoch {report.epoch:6.2f}  ", style="bold")
            self._print(line.append(told, style="not bold"))
            if text := self._sample_if_due():
                shown = Text(printable(text.strip("\n"), keep="\n\t"))
                self._print(Panel(shown, title="so far", style="dim"))
        else:
            self.warn(turn(report))
            self._bar.n = self.training.characters_read

    def warn(self, message: str) -> None:
        self._print(Text(printable(message), style="yellow"))

    def note(self, lines: Iterable[str]) -> None:
        for line in lines:
            # What is to be copied is not broken.
            self._print(Text(printable(line)), soft_wrap=bool(COMMAND.match(line)))

    def finish(self, *, interrupted: bool) -> None:
        self.close()
        first, *rest = narration.closing_lines(self.training, self.path, interrupted)
        self._print(Text(first, style="bold"))
        self.note(rest)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _print(self, *what: RenderableType, **settings: Any) -> None:
        with tqdm.external_write_mode(file=sys.stderr):
            self.console.print(*what, sep="\n", **settings)

    def _remember(self, evaluation: Evaluation) -> None:
        if evaluation.validation_loss is not None:
            self._validation = f" · val {decimals(bits(evaluation.validation_loss), 3)}"


def make_display(
    training: Training, path: Path, *, quiet: bool, sample_every: int, timed: bool
) -> Display:
    """Bars and tables on a terminal, lines elsewhere, nothing but warnings when ``quiet``; of a job's ranks on the first one.

    Args:
        sample_every: Evaluations between samples; 0 for none.
        timed: Whether it is a clock that ends the run.
    """
    if not training.world.is_first:
        return Silence()
    if quiet:
        return Display()
    if sys.stderr is not None and sys.stderr.isatty():
        return Bars(training, path, sample_every=sample_every, timed=timed)
    return Lines(training, path, sample_every=sample_every, timed=timed)
