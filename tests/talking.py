"""Real processes to talk to, and what they answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

CHARRNN = [sys.executable, "-m", "charrnn"]


def objects(text: str) -> list[dict[str, Any]]:
    """Those of lines of JSON."""
    return [json.loads(line) for line in text.splitlines()]


@contextmanager
def conversation(*arguments: str) -> Iterator[tuple[Callable[[str], None], Callable[[], str]]]:
    """A running command: say something to it, and read a line of its answer."""
    pipe = subprocess.PIPE
    with subprocess.Popen([*CHARRNN, *arguments], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def say(text: str) -> None:
            print(text, end="", file=process.stdin, flush=True)

        yield say, process.stdout.readline
        process.stdin.close()
        assert process.wait(timeout=30) == 0
