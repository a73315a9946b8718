"""A prompt: lines that are answered, and lines with a colon first that say how."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from charrnn.cli.terminal import Writer, tell
from charrnn.errors import CharrnnError, InputError
from charrnn.words import printable


class Party(Protocol):
    """Whoever answers at a prompt."""

    greeting: str

    @property
    def help(self) -> str:
        """What can be said, in lines."""

    @property
    def encoding(self) -> str:
        """Of what is answered."""

    def answer(self, line: str) -> Iterator[str]:
        """Pieces of an answer, each as soon as it is there; errors are told."""

    def obey(self, name: str, value: str) -> bool:
        """Do what is said after a colon; whether it is something that can be done. Errors are told."""


def converse(party: Party) -> None:
    """Read lines and answer them until they end."""
    if sys.stdin is None:  # it was closed
        return
    # Bytes that are no UTF-8 are told as any wrong text.
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    watched = sys.stdin.isatty()
    if watched:
        with suppress(ImportError):
            import readline  # noqa: F401 (lines can be edited, and called back)
        tell(f"{party.greeting}; :help tells more, Ctrl-D ends.")
    out = Writer(party.encoding)
    while True:
        try:
            line = input("> " if watched else "")
        except EOFError:
            if watched:
                print()
            return
        try:
            if line.startswith(":") and not line.startswith("::"):
                _obey(party, line[1:])
                continue
            for piece in party.answer(line.removeprefix(":")):
                out.put(piece)
                sys.stdout.flush()
        except CharrnnError as error:
            tell(f"charrnn: {error}")


def _obey(party: Party, said: str) -> None:
    name, _, value = said.strip().partition(" ")
    if name == "help":
        for line in party.help.splitlines():
            tell(line)
    elif not party.obey(name, value.strip()):
        raise InputError(f":{printable(name)} is nothing that is known; :help tells what is")


def number(name: str, value: str, kind: Callable[[str], float]) -> float:
    """What was said after ``:name``.

    Raises:
        InputError: It is no number.
    """
    try:
        return kind(value)
    except ValueError:
        example = "7" if kind is int else "0.7"
        raise InputError(
            f":{name} takes a number, as in :{name} {example}, not {value!r}"
        ) from None
