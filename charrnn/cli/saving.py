"""When a run is saved, and what happens when that fails."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from charrnn.cli.times import parse_time
from charrnn.errors import CheckpointError, InputError
from charrnn.files.checkpoint import save_checkpoint
from charrnn.training.reports import Report
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training


@dataclass(frozen=True)
class Interval:
    """A time or a number of steps, whichever is over first."""

    seconds: float = math.inf
    steps: float = math.inf


def parse_interval(text: str) -> Interval:
    """Read ``60s``, ``5m``, ``1h`` or a number of steps.

    Raises:
        InputError: It is neither, or zero.
    """
    if seconds := parse_time(text):
        return Interval(seconds=seconds)
    if re.fullmatch(r"\d+", text, re.ASCII) and float(text):
        return Interval(steps=float(text))
    raise InputError(
        f"--save-every must be a time such as 60s, 5m or 1h, or a number of steps, not {text!r}"
    )


class Saver:
    """Writes a run's checkpoint at each evaluation, and as often as ``every`` asks for.

    Of several ranks all save at once: the first one writes what all have.

    Args:
        warn: Told of a save that failed; the run goes on.
        clock: In seconds, one that tells all ranks the same.
    """

    def __init__(
        self,
        training: Training,
        path: Path,
        every: Interval,
        warn: Callable[[str], None],
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._training, self._path, self._every, self._warn = training, path, every, warn
        self._held = self._tried = training.step
        self._clock = clock or (lambda: time.monotonic())
        self._time = self._clock()

    def save(self) -> None:
        """Save now.

        Raises:
            CheckpointError: It cannot be written, on each rank. The file is still the one before.
        """
        # What counts is the age of the state in the file, not of the file.
        self._tried, self._time = self._training.step, self._clock()
        world, failure = self._training.world, ""
        try:
            checkpoint = self._training.checkpoint()
            if world.is_first:
                save_checkpoint(checkpoint, self._path)
        except CheckpointError as error:
            held = f"; it still holds step {self._held:,}" if self._path.exists() else ""
            failure = f"{error}{held}"
        if failure := world.from_first(failure):
            raise CheckpointError(failure)
        self._held = self._tried

    def after(self, report: Report) -> bool:
        """Save if it is time to, and say whether; a failure is told, and no reason to end the run."""
        late = self._clock() - self._time >= self._every.seconds
        far = self._training.step - self._tried >= self._every.steps
        if not (late or far or isinstance(report, Evaluation)):
            return False
        try:
            self.save()
        except CheckpointError as error:
            self._warn(f"{error}; the run goes on, and the next save will try again")
        return True
