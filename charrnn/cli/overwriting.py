"""Where what is made of models goes: never over a file that somebody would miss."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from charrnn.errors import InputError
from charrnn.text.recorded import afar

BEGINNINGS = {
    "html": rb'<!doctype html>.{,999}<meta name="generator" content="charrnn ',
    "png": rb"\x89PNG\r\n\x1a\n",
    "svg": rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg\b",
}
LOOKED_AT = 1 << 12  # bytes


def require_place(
    path: Path, kept: Iterable[str | Path], *, kind: str = "", overwrite: bool = False
) -> None:
    """See to it that a file may be written to a path.

    Args:
        kept: Files that are read for it, or that a model learnt from, which it never replaces.
        kind: A page (``html``) or a picture (``png``, ``svg``) replaces a file that begins as a page of charrnn's or such a
            picture does; its name says nothing. Without one nothing is replaced but by ``overwrite``.
        overwrite: Whether any file but those that are kept may be replaced.

    Raises:
        InputError: It may not, or cannot.
    """
    example = f", as in --{kind} report.{kind}" if kind else ""
    if kind and path.suffix == ".npz":  # the checkpoint, if the file to write was forgotten
        raise InputError(f"--{kind} {path}: names the file to write{example}")
    if os.path.isdir(path) or not os.path.isdir(path.parent):  # noqa: PTH112 (any name)
        what = "is a folder" if os.path.isdir(path) else "its folder does not exist"  # noqa: PTH112
        raise InputError(f"{path}: {what}; name a file to write")
    if os.path.isfile(path) and any(_is_same(path, name) for name in kept):  # noqa: PTH113
        learnt = ", or was learnt" if kind else ""
        raise InputError(f"{path}: is read here{learnt}; name another file{example}")
    if overwrite:
        return
    if kind:
        _require_kind(kind, path, example)
    elif os.path.lexists(path):
        raise InputError(f"{path}: exists already; choose another name, or add --overwrite")


def _require_kind(kind: str, path: Path, example: str) -> None:
    """Raise an InputError if there is a file that does not begin as such a one does."""
    if not os.path.isfile(path):  # noqa: PTH113 (any name)
        return
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
    if head and not re.match(BEGINNINGS[kind], head, re.DOTALL):
        what = {"html": "a page of charrnn's", "png": "a PNG", "svg": "an SVG"}[kind]
        raise InputError(f"{path}: exists, and is not {what}; name another file{example}")


def _is_same(path: Path, name: str | Path) -> bool:
    """Whether it is the same file, be it by a link; of a name on another machine its letters tell."""
    if afar(str(name)):
        return os.path.normcase(os.path.abspath(path)) == os.path.normcase(name)  # noqa: PTH100
    with suppress(OSError, ValueError):  # it is not there, or no name
        return path.samefile(name)
    return False
