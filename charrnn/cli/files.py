"""Where checkpoints lie: names for new ones, and the newest of those that are there."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from charrnn.cli.arguments import can_go_on
from charrnn.cli.overwriting import require_place
from charrnn.errors import CheckpointError, InputError
from charrnn.files.checkpoint import SUFFIX
from charrnn.files.whole import beside, replaceable, temporaries
from charrnn.signals import Held
from charrnn.text.embedded import STEMS
from charrnn.text.source import STANDARD_INPUT

if sys.platform != "win32":
    import fcntl

FOLDER = Path("checkpoints")


def checkpoints_in(place: Path) -> list[Path]:
    """Those of a folder, but for hidden files and names that are only claimed yet; or the file itself.

    Raises:
        InputError: It is not there.
    """
    if place.is_file():
        return [place]
    if place != FOLDER and not place.is_dir():
        raise InputError(f"{place}: no such folder or checkpoint")
    return [path for path in _in_folder(place) if path.is_file() and path.stat().st_size]


def passed_over(place: Path) -> int:
    """How many names of a folder are not among its checkpoints: empty files, folders, links to nothing."""
    return 0 if place.is_file() else len(_in_folder(place)) - len(checkpoints_in(place))


def _in_folder(place: Path) -> list[Path]:
    return [path for path in place.glob(f"*{SUFFIX}") if not path.name.startswith(".")]


def newest_checkpoints(folder: Path = FOLDER) -> list[Path]:
    """Checkpoints, the one that was written last first.

    Raises:
        InputError: There is none.
    """
    found = checkpoints_in(folder)
    if not found:
        raise InputError(
            f"no checkpoint in {folder}{os.sep}; name one, or make one: charrnn train corpus.txt"
        )
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


class Claim:
    """The right to write a checkpoint, which one run has at a time; use it as a context manager.

    It is a lock on a hidden file beside the checkpoint. The system opens the lock however a run
    ends, so that one killed with ``kill -9`` is in nobody's way.

    Raises:
        BlockingIOError: Another run has it.
        OSError: The folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        target = Path(os.path.realpath(path))
        self._file = target.with_name(f"{beside(target)}lock")
        self._descriptor = _lock(self._file)
        for left_by_a_killed_run in temporaries(path):
            with suppress(OSError):  # a folder, or another user's
                left_by_a_killed_run.unlink()

    def __enter__(self) -> Claim:  # noqa: PYI034 (typing.Self is younger than Python 3.10)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the right back."""
        with Held():
            with suppress(OSError):  # the folder may have gone meanwhile
                self._file.unlink()
            os.close(self._descriptor)


def _lock(path: Path) -> int:
    """Make a file and lock it; returns its descriptor."""
    if sys.platform == "win32":
        # The file goes when its owner ends; until then it is in the way of a second one.
        try:
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY)
        except FileExistsError:
            raise BlockingIOError from None
    while True:
        if path.is_symlink():  # whoever put it there, what it leads to is not ours
            raise OSError(errno.ELOOP, f"{path} is a link; remove it")
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError:
            return descriptor  # a file system without locks
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # its last owner has just removed it


def claim_new(output: str | Path | None, sources: Sequence[str], *, of_run: bool = True) -> Claim:
    """Claim the name of a checkpoint that is not there yet.

    Args:
        output: What the user asked for: a file, or a folder with a slash at its end, which gets a fresh name
            after the corpus. By default that is ``checkpoints/``.
        of_run: Whether a run is to be saved there, and might go on with one that is there; else ``--overwrite`` is advised.

    Raises:
        InputError: The file exists already.
        CheckpointError: The folder cannot be written.
    """
    advice = "; choose another place with --output" if output is None else ""
    is_folder = _is_folder(output)
    path = FOLDER if output is None else Path(output)
    for candidate in _names(path, sources) if is_folder else [path]:
        try:
            candidate.parent.mkdir(parents=True, exist_ok=True)
            claim = Claim(candidate)
            if not os.path.lexists(candidate):
                return claim
            claim.release()
        except BlockingIOError:
            pass  # another run has it
        except FileExistsError:
            raise CheckpointError(f"{candidate.parent}: is not a folder{advice}") from None
        except (OSError, ValueError) as error:
            raise _unwritable(candidate, error, advice) from None
        if is_folder:
            continue
        if path.is_dir():
            example = path / "a.npz"
            raise InputError(f"{path}: is a directory; --output names a file, such as {example}")
        onward = "" if of_run else ", or add --overwrite"
        if of_run and can_go_on(str(path)):
            onward = f", or go on with that run: charrnn train … --resume {path}"
        raise InputError(f"{path}: exists already; choose another --output{onward}")
    raise AssertionError("names never run out")


def claim_any(output: str | None, kept: Sequence[str | Path]) -> Claim:
    """Claim the name of a checkpoint, be it there or not.

    Args:
        output: A file; a name that is found for it might be that of another model.
        kept: Files that it must not be.

    Raises:
        InputError: It is none, or a folder, or one of those, or a run is writing to it.
        CheckpointError: It, or the folder that it is to be in, cannot be written.
    """
    if output is None or _is_folder(output):
        raise InputError("--overwrite takes --output FILE, which says what is to be replaced")
    path = Path(output)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error, "") from None
    require_place(path, kept, overwrite=True)
    return claim(path)


def _is_folder(output: str | Path | None) -> bool:
    """Whether it is one that a fresh name is to be found in."""
    return output is None or str(output).endswith(tuple(f"{os.sep}{os.altsep or ''}"))


def claim_old(path: Path) -> Claim:
    """Claim a checkpoint to go on with.

    Raises:
        InputError: There is no such file, or another run is writing to it.
        CheckpointError: The folder or the file cannot be written.
    """
    if not path.exists():
        raise InputError(f"{path}: no such checkpoint")
    return claim(path)


def claim(path: Path) -> Claim:
    """Claim a file to write, be it there or not; errors as those of :func:`claim_old`."""
    replaceable(path)
    try:
        return Claim(path)
    except BlockingIOError:
        raise InputError(f"{path}: another run is writing to it; stop that one first") from None
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: Exception, advice: str = "") -> CheckpointError:
    reason = getattr(error, "strerror", None) or error
    return CheckpointError(f"{path}: cannot be written: {reason}{advice}")


def _names(folder: Path, sources: Sequence[str]) -> Iterator[Path]:
    if sources[0] in STEMS:
        stem = STEMS[sources[0]]
    elif sources[0] == STANDARD_INPUT:
        stem = "stdin"
    else:
        # Letters of any language stay; what a shell or another system would stumble over goes.
        # Its length leaves room for the name of a temporary file, in four bytes a character.
        stem = re.sub(r"[^\w.]+", "-", Path(sources[0]).stem).strip("-.")[:50] or "text"
    yield folder / f"{stem}{SUFFIX}"
    for number in count(2):
        yield folder / f"{stem}-{number}{SUFFIX}"
