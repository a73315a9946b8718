"""How the command line meets the world outside: encodings, pipes and signals."""

from __future__ import annotations

import codecs
import io
import json
import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from charrnn.launcher import announced
from charrnn.signals import HandledBy
from charrnn.words import printable

if TYPE_CHECKING:
    from charrnn.nn.world import World

MOMENT = 1.0  # seconds
PASSED_ON = 2.0  # seconds in which a launcher passes on a signal, on a busy machine, too
LOADING_SECONDS = 0.0  # that the program took before its command began, where that is known
job: World | None = None  # the ranks that this process is one of, once it has joined them


class _Undisturbed(io.FileIO):
    """A stream whose reader may go: what can no longer be written is dropped, and the work goes on."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def open_streams() -> None:
    """Let neither a closed output nor a lost reader of standard error disturb a run."""
    # A closed stream is None in Python, and print(file=None) would write to standard output.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (open as long as the process)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    else:
        raw = _Undisturbed(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = io.TextIOWrapper(io.BufferedWriter(raw), line_buffering=True)


def speak_utf8() -> None:
    """UTF-8 with plain line feeds on both outputs, whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path's bytes that are not UTF-8 go out as they came in.
            errors = "surrogateescape" if stream is sys.stdout else "backslashreplace"
            stream.reconfigure(encoding="utf-8", errors=errors, newline="\n")


def ignore_no_size() -> None:
    """Let a size of 0, as containers and CI jobs copy it from where there is no terminal, say nothing."""
    for name in ("COLUMNS", "LINES"):
        said = os.environ.get(name, "1")
        if not (said.isascii() and said.isdigit() and int(said)):
            del os.environ[name]


def columns() -> int:
    """The width of the terminal, as rich finds it."""
    if said := os.environ.get("COLUMNS"):
        return int(said)
    for descriptor in range(3):
        with suppress(OSError):
            if found := os.get_terminal_size(descriptor).columns:
                return found
    return 80


def tell(message: str) -> None:
    """A line on standard error."""
    print(printable(message), file=sys.stderr, flush=True)


def tell_failure(message: str) -> None:
    """Say why nothing comes of it: of the ranks of a job one does, the first one where that has failed, too."""
    _, rank, local = announced()
    if rank == 0 or (job and job.is_first):
        tell(f"charrnn: {message}")
    elif job or rank != local:
        time.sleep(MOMENT)  # in which the first one has ended the job, if it has failed
        tell(f"charrnn: rank {rank} on {job.place if job else platform.node()}: {message}")
    # Else what is wrong before they have met: for all on the first one's machine alike.


def tell_of_compiling() -> None:
    """Where it is about to begin: it takes some seconds, and the next time none."""
    tell("compiling the steps for this processor, once")


class Writer:
    """Standard output for a model's text: a pipe gets it as it is, a terminal nothing that would act on it."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self._encoding, self._watched = encoding, sys.stdout.isatty()
        self._decoder = codecs.getincrementaldecoder("utf-8")(
            "replace"
        )  # bytes may come one by one

    def put(self, text: str) -> None:
        data = text.encode(self._encoding, "backslashreplace")
        if self._watched:
            data = printable(self._decoder.decode(data), keep="\n\t").encode()
        sys.stdout.buffer.write(data)


def put_json(values: Mapping[str, Any]) -> None:
    """Write a line of JSON to standard output; numbers that are not finite are null."""
    try:
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(values), ensure_ascii=False)
    # What only JSON can hold, half of a surrogate pair, goes out as JSON's escape for it.
    Writer().put(f"{text}\n")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def silence_stdout() -> None:
    """After standard output has failed: let nothing more be written, not even at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Interruption:
    """Which signal has asked the run to end; 0 while none has."""

    number = 0


class Telling:
    """What an interruption leaves, in words."""

    done = "nothing was trained, nothing was saved"


@contextmanager
def telling_of_interruption() -> Iterator[Telling]:
    """Say so where Ctrl-C ends a command at once."""
    telling = Telling()
    try:
        yield telling
    except KeyboardInterrupt:
        tell_failure(f"interrupted; {telling.done}")
        raise


class Ending:
    """A handler of signals that ends what is done: it raises KeyboardInterrupt. ``number`` is 0 before.

    Not again within a moment: the cleaning up that follows is not to be interrupted. But later, should
    the first one have got lost.
    """

    def __init__(self) -> None:
        self.number = 0
        self._raised = -math.inf

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - self._raised > MOMENT:
            self.number, self._raised = number, time.monotonic()
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into a request; the second one ends at once.

    What comes to a rank of a job comes twice, from its launcher, too: there the second one is one that comes later.
    """
    interruption, end, came = Interruption(), Ending(), -math.inf

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal came
        if job and time.monotonic() - came < PASSED_ON:
            return
        came = time.monotonic()
        if interruption.number:
            outer = handled.before[number]
            (outer if isinstance(outer, Ending) else end)(number, frame)
        interruption.number = number

    with HandledBy(handle) as handled:
        yield interruption
