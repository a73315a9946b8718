"""The one grammar of the commands that take models: ``charrnn VERB [MODEL.npz…] [FILE|-]``."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from typer import TyperException

from charrnn.cli.terminal import tell
from charrnn.errors import CharrnnError, CheckpointError, InputError
from charrnn.tasks import TASKS, WRITERS
from charrnn.words import as_argument, quoted

if TYPE_CHECKING:
    from charrnn.training.run import Checkpoint

EXPORTED = {
    ".safetensors": "charrnn import makes a checkpoint of it again",
    ".onnx": "it is for ONNX Runtime, and none of it can be made a checkpoint again",
}
"""Files of models that are for elsewhere, and what to do with them here."""

AFTER_DASHES = 0
"""How many of the command's arguments stand after a ``--``; they are never models."""


def note_dashes(arguments: Sequence[str], parse: Callable[[list[str]], object]) -> None:
    """Remember where ``--`` stands, which the parser takes away; as the value of an option it is that.

    Args:
        parse: The parser, which refuses an option that lacks its value.
    """
    global AFTER_DASHES
    AFTER_DASHES = 0
    for number in (n for n, argument in enumerate(arguments) if argument == "--"):
        with suppress(TyperException):
            parse(list(arguments[:number]))
            AFTER_DASHES = len(arguments) - number - 1
            return


def dash_advice(arguments: Iterable[str]) -> str:
    """What to write for a file that was taken for an option; nothing where there is none."""
    for name in arguments:
        if name.startswith("-") and os.path.isfile(name):  # noqa: PTH113 (any name)
            return f"; for the file of that name write {quoted(as_argument(name))}, or -- before it"
    return ""


def divided(arguments: Sequence[str] | None) -> tuple[list[Path], list[str]]:
    """The models that are named first, and what follows them.

    A model is a name that ends in ``.npz``, or a file that is a checkpoint whatever its name is.

    Raises:
        InputError: A name is empty.
    """
    names = list(arguments or ())
    require_names(names)
    number = 0
    while number < len(names) - AFTER_DASHES and _is_model(names[number]):
        number += 1
    for name in names[number : len(names) - AFTER_DASHES]:
        _refuse_exported(name)
    return list(map(Path, names[:number])), names[number:]


def _refuse_exported(name: str) -> None:
    """Raise an InputError if a file is one of a model that is for elsewhere."""
    if name.endswith(tuple(EXPORTED)) and os.path.isfile(name):  # noqa: PTH113 (any name)
        raise InputError(f"{name}: is an exported model; {EXPORTED[Path(name).suffix]}")


def require_names(names: Iterable[str | None]) -> None:
    """Raise an InputError if a name is empty: to take it for none would read something else."""
    if "" in names:
        raise InputError("the name of a file is empty; is it a variable that is not set?")


def one_text(rest: Sequence[str], models: Sequence[Path], use: str) -> str | None:
    """The text that follows the models, if there is one.

    Args:
        models: Those that are named; without one, it may have been meant for one itself.
        use: What it is, in words.

    Raises:
        InputError: There are several, a model stands behind it, or neither a model nor such a file.
    """
    if len(rest) > 1:
        first, second = rest[:2]
        if _is_model(second):
            raise InputError(f"{second}: models are named first, then {first}")
        raise InputError(f"{first} and {second}: one text at a time (cat them together)")
    for name in rest:
        if not models and name != "-" and _is_absent(name):
            raise InputError(
                f"{name}: no such file; without .npz it is taken for {use}, not for a model"
            )
    return rest[0] if rest else None


def checkpoints(
    models: Sequence[Path],
    *,
    quiet: bool = False,
    rest: Sequence[str] = (),
    tasks: Sequence[str] = WRITERS,
    use: str = "",
) -> list[tuple[Path, Checkpoint]]:
    """Those that were named, or else the newest one in ``checkpoints/`` that can be read and used.

    Args:
        quiet: Do not tell, on standard error, which one was taken.
        rest: What else was named, perhaps for a model.
        tasks: What models are for that the command can use; none in particular where that is nothing.
        use: The command.

    Raises:
        InputError: There is none, or it is for another task.
        CheckpointError: One cannot be read.
    """
    from charrnn.files.checkpoint import load_checkpoint

    def usable(checkpoint: Checkpoint) -> bool:
        return not tasks or checkpoint.model.config.task in tasks

    if models:
        for path in models:
            _refuse_exported(str(path))
        found = [(path, load_checkpoint(path)) for path in models]
        for path, checkpoint in found:
            if not usable(checkpoint):
                raise InputError(_other_verb(path, checkpoint.model.config.task, use))
        return found
    from charrnn.cli.files import newest_checkpoints

    try:
        newest, *older = newest_checkpoints()
    except InputError as error:
        raise InputError(f"{error}{f'; {rest[0]} is none' if rest else ''}") from None
    others = 0
    for path in (newest, *older):
        with suppress(CheckpointError):
            checkpoint = load_checkpoint(path)
            if not usable(checkpoint):
                others += 1
                continue
            if not quiet:
                tell(f"model: {path}")
            return [(path, checkpoint)]
    if others:
        kind = f"{', '.join(tasks[:-1])} or {tasks[-1]}" if len(tasks) > 1 else tasks[0]
        make = "" if tasks[0] == "lm" else f" --task {tasks[0]}"
        raise InputError(
            f"no model for {kind} in {newest.parent}{os.sep}; name one, or make one: charrnn train{make} FILE"
        )
    return [(newest, load_checkpoint(newest))]


def _other_verb(path: Path, task: str, use: str) -> str:
    """What is wrong with a model of another task."""
    if TASKS[task].reads_whole:
        right = "evaluate" if use == "score" else "predict"
    else:
        right = "score" if use == "evaluate" else "sample"
    model = quoted(as_argument(path))
    return f"{path}: is a model for {task}, which {use} cannot use; try charrnn {right} {model}"


def _is_absent(name: str) -> bool:
    """Whether there is no file of that name; a name that none can have is no matter here."""
    try:
        os.stat(name)  # noqa: PTH116 (any name)
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        pass
    return False


def _is_model(name: str) -> bool:
    return name.endswith(".npz") or is_checkpoint(name)


def is_checkpoint(name: str) -> bool:
    """Whether there is a file of that name that has what a checkpoint has, whatever its name is."""
    if not os.path.isfile(name):  # noqa: PTH113 (any name); to look into a pipe takes from it
        return False
    try:
        with zipfile.ZipFile(name) as archive:
            return "meta.npy" in archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def can_go_on(name: str) -> bool:
    """Whether a file is a checkpoint that can be read, and has what it takes to go on with its run."""
    from charrnn.files.checkpoint import load_checkpoint

    try:
        return is_checkpoint(name) and load_checkpoint(name).resumable
    except CharrnnError:
        return False
