"""Where checkpoints lie: names for new ones, and the newest of those that are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from charrnn.checkpoint import SUFFIX
from charrnn.errors import CheckpointError, InputError
from charrnn.reading import DEFAULT_SOURCE, STANDARD_INPUT

FOLDER = Path("checkpoints")


def newest_checkpoint(folder: Path = FOLDER) -> Path:
    """The checkpoint that was written last.

    Raises:
        InputError: There is none.
    """
    found = [path for path in folder.glob(f"*{SUFFIX}") if path.is_file() and path.stat().st_size]
    if not found:
        raise InputError(
            f"no checkpoint in {folder}{os.sep}; name one, or make one: charrnn train corpus.txt"
        )
    return max(found, key=lambda path: path.stat().st_mtime_ns)


def reserve(path: Path | None, sources: Sequence[str]) -> Path:
    """Make an empty file for a new run, so that no other run takes the name.

    Args:
        path: What the user asked for; by default a fresh name in ``checkpoints/`` after the corpus.

    Raises:
        InputError: The file exists already.
        CheckpointError: The folder cannot be written.
    """
    for candidate in [path] if path else _names(sources):
        try:
            candidate.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(candidate, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            if path and candidate.exists():
                raise InputError(
                    f"{path}: exists already; choose another --output, or go on with that run: "
                    f"charrnn train … --resume {path}"
                ) from None
            if path:
                raise CheckpointError(f"{path.parent}: is not a folder") from None
            continue
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(f"{candidate}: cannot be written: {reason}") from None
        return candidate
    raise AssertionError("names never run out")


def release(path: Path) -> None:
    """Give back a reserved name to which nothing was written."""
    if path.exists() and not path.stat().st_size:
        path.unlink()


def _names(sources: Sequence[str]) -> Iterator[Path]:
    if sources[0] == DEFAULT_SOURCE:
        stem = "python-reference"
    elif sources[0] == STANDARD_INPUT:
        stem = "stdin"
    else:
        # Letters of any language stay; what a shell or another system would stumble over goes.
        stem = re.sub(r"[^\w.]+", "-", Path(sources[0]).stem).strip("-.") or "text"
    number = 0
    while True:
        number += 1
        yield FOLDER / (f"{stem}{SUFFIX}" if number == 1 else f"{stem}-{number}{SUFFIX}")
