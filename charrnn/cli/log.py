"""``--log``: what a run tells, as lines of JSON for one's own plots; docs/training.md says what is in them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from charrnn.errors import InputError
from charrnn.nn.loss import bits, known_bits
from charrnn.training.reports import Cooldown, Recovery, Report, Step
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training
from charrnn.version import __version__

BEGINNING = b'{"event":'  # of each line
BLOCK = 1 << 16  # bytes that are looked through at once


class RunLog:
    """A file that gets a line for each report, whole and at once: a run that is killed leaves whole lines.

    Args:
        path: A new file, or one that an earlier part of the run has begun.
        resumed: Whether it may go on with such a file.

    Raises:
        InputError: The file holds something else, or cannot be written.
    """

    def __init__(self, path: Path, *, resumed: bool) -> None:
        self._path, self._resumed = path, resumed
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if resumed and path.is_file() and path.stat().st_size:
                _end_at_a_line(path)
            # Of two new runs that want it at once one gets it; a pipe or a device is nobody's.
            mode = "ab" if resumed or (path.exists() and not path.is_file()) else "xb"
            self._file: Any = open(path, mode, buffering=0)  # noqa: SIM115 (closed by close)
        except FileExistsError:
            raise InputError(f"{path}: exists already; choose another --log") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: cannot be written: {reason}; choose another --log") from None

    def start(self, training: Training, checkpoint: Path, warn: Callable[[str], None]) -> None:
        """Say what is trained, and how.

        Args:
            warn: Told once of a line that cannot be written; none follows, and the run goes on.
        """
        self._training, self._warn = training, warn
        self._add(
            "resume" if self._resumed else "start",
            charrnn=__version__,
            checkpoint=str(checkpoint),
            total_steps=training.total_steps,
            steps_per_epoch=training.steps_per_epoch,
            parameters=training.model().parameters.flat.size,
            vocabulary_size=len(training.corpus.vocabulary),
            corpus=asdict(training.corpus_info),
            text=asdict(training.corpus.vocabulary.config),
            model=asdict(training.network.config),
            training=asdict(training.config),
        )

    def report(self, report: Report) -> None:
        """Add what has just happened."""
        symbol = self._training.network.config.per
        if isinstance(report, Step):
            self._add(
                "step",
                **{f"bits_per_{symbol}": bits(report.loss)},
                rate=report.rate,
                gradient_norm=report.gradient_norm,
                characters=report.characters,
            )
        elif isinstance(report, Evaluation):
            self._add("evaluation", **report.in_bits(symbol))
        elif isinstance(report, Recovery):
            self._add(
                "recovery",
                failed_at=report.step,
                rate_scale=report.rate_scale,
                attempt=report.attempt,
            )
        elif isinstance(report, Cooldown):
            self._add("cooldown", total_steps=report.total_steps)

    def end(self, reason: str) -> None:
        """Say why the run has ended: finished, stopped early, interrupted or diverged."""
        training = self._training
        symbol = training.network.config.per
        self._add(
            "end",
            reason=reason,
            total_steps=training.total_steps,
            **{f"best_bits_per_{symbol}": known_bits(training.validation_loss)},
        )

    def close(self) -> None:
        self._file.close()

    def _add(self, event: str, **values: Any) -> None:
        if self._file.closed:
            return
        training = self._training
        place = {
            "event": event,
            "step": training.step,
            "epoch": training.step / training.steps_per_epoch,
            "seconds": training.seconds,
        }
        line = json.dumps(_sound({**place, **values}), allow_nan=False)
        try:
            self._file.write(f"{line}\n".encode())
        except OSError as error:
            self._file.close()
            self._warn(f"{self._path}: no more is logged: {error.strerror or error}")


def _sound(value: Any) -> Any:
    """A value as JSON can hold it: numbers that are not finite are null."""
    if isinstance(value, Mapping):
        return {key: _sound(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_sound(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _end_at_a_line(path: Path) -> None:
    """Cut off a line of a log that was not written to its end.

    Raises:
        InputError: The file is no log.
    """
    with open(path, "r+b") as file:
        if not _is_log(file):
            raise InputError(f"{path}: is not the log of a run; choose another --log")
        place = file.seek(0, os.SEEK_END)
        while place:
            start = max(0, place - BLOCK)
            file.seek(start)
            if (found := file.read(place - start).rfind(b"\n")) >= 0:
                file.truncate(start + found + 1)
                return
            place = start


def _is_log(file: BinaryIO) -> bool:
    """Whether it has a first line that is one of a log, which may be long: it names all files of a corpus."""
    if file.read(len(BEGINNING)) != BEGINNING:  # else a large file of something else would be read
        return False
    line = BEGINNING + file.readline()
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line)["event"], str)
    except (ValueError, KeyError, RecursionError):
        return False
