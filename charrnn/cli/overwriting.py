"""Where pages and pictures go: never over a file that somebody would miss."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from charrnn.errors import InputError

SUFFIXES = {"html": (".html", ".htm"), "png": (".png",), "svg": (".svg",)}
BEGINNINGS = {
    "html": rb"\s*<(!doctype html|html)\b",
    "png": rb"\x89PNG\r\n\x1a\n",
    "svg": rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg\b",
}
ARCHIVE = b"PK\x03\x04"  # what a checkpoint begins with
LOOKED_AT = 1 << 12  # bytes


def require_place(kind: str, path: Path, kept: Iterable[str | Path]) -> None:
    """See to it that a page (``html``) or picture (``png``, ``svg``) may be written to a path.

    A file that is there has to be of that kind, by its name (that of the file itself, not of a link to it) or by
    its beginning.

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
    if _place(path) in map(_place, kept):
        raise InputError(f"{path}: is read here, or was learnt; name another file, as in {example}")
    with path.open("rb") as file:
        head = file.read(LOOKED_AT)
    its_own = re.match(BEGINNINGS[kind], head, re.IGNORECASE | re.DOTALL) is not None
    named = path.resolve().suffix.lower() in SUFFIXES[kind] and not head.startswith(ARCHIVE)
    if head and not (its_own or named):
        what = {"html": "a page", "png": "a PNG", "svg": "an SVG"}[kind]
        raise InputError(f"{path}: exists, and is not {what}; name another file, as in {example}")


def _place(path: str | Path) -> str:
    """A full path by its letters alone: a stranger's checkpoint may name any host as its source."""
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100
