"""How the command line meets the world outside: encodings, pipes and signals."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from charrnn.errors import InputError

if TYPE_CHECKING:
    from charrnn.text import Vocabulary


def speak_utf8() -> None:
    """UTF-8 with plain line feeds on both outputs, whatever the locale says."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            errors = "strict" if stream is sys.stdout else "backslashreplace"
            stream.reconfigure(encoding="utf-8", errors=errors, newline="\n")


def argument_symbols(vocabulary: Vocabulary, value: str, option: str) -> str:
    """An argument in a model's characters: its bytes are read, whatever the locale made of them.

    Raises:
        InputError: They are not UTF-8, and the model is one of text.
    """
    raw = os.fsencode(value) if os.name == "posix" else value.encode("utf-8", "surrogatepass")
    try:
        return vocabulary.symbols(raw)
    except UnicodeError:
        raise InputError(f"{option}: not UTF-8 text") from None


def silence_stdout() -> None:
    """After the reader of a pipe has gone: let nothing more be written, not even at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Interruption:
    """Which signal has asked the run to end; 0 while none has."""

    number = 0

    @property
    def exit_code(self) -> int:
        """By the shell's convention."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn the first Ctrl-C (or SIGTERM) into a request; the second one ends at once."""
    interruption = Interruption()
    signals = (signal.SIGINT, signal.SIGTERM)

    def handle(number: int, _frame: FrameType | None) -> None:
        if interruption.number:
            raise KeyboardInterrupt
        interruption.number = number

    before = [signal.signal(number, handle) for number in signals]
    try:
        yield interruption
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
