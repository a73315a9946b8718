"""Where pages and pictures go: never over a file that somebody would miss."""

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


def require_place(kind: str, path: Path, kept: Iterable[str | Path]) -> None:
    """See to it that a page (``html``) or picture (``png``, ``svg``) may be written to a path.

    A file that is there has to begin as a page of charrnn's or a picture does; its name says nothing.

    Args:
        kept: Files that are read for it, or that a model learnt from, which it never replaces.

    Raises:
        InputError: It may not, or cannot.
    """
    example = f"--{kind} report.{kind}"
    if path.suffix == ".npz":  # the checkpoint, if the file to write was forgotten
        raise InputError(f"--{kind} {path}: names the file to write, as in {example}")
    if path.is_dir() or not path.parent.is_dir():
        what = "is a folder" if path.is_dir() else "its folder does not exist"
        raise InputError(f"{path}: {what}; name a file to write")
    if not path.is_file():
        return
    if any(_is_same(path, name) for name in kept):
        raise InputError(f"{path}: is read here, or was learnt; name another file, as in {example}")
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
    if head and not re.match(BEGINNINGS[kind], head, re.DOTALL):
        what = {"html": "a page of charrnn's", "png": "a PNG", "svg": "an SVG"}[kind]
        raise InputError(f"{path}: exists, and is not {what}; name another file, as in {example}")


def _is_same(path: Path, name: str | Path) -> bool:
    """Whether it is the same file, be it by a link; of a name on another machine its letters tell."""
    if afar(str(name)):
        return os.path.normcase(os.path.abspath(path)) == os.path.normcase(name)  # noqa: PTH100
    with suppress(OSError, ValueError):  # it is not there, or no name
        return path.samefile(name)
    return False
