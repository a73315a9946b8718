"""The text that a model learnt from, if it is at hand and proves to be that text.

A checkpoint may come from a stranger, and its sources may name any file of the one who looks into it; what
a view shows may be sent on. So nothing of a file is used before all sources together have the recorded hash.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path, PureWindowsPath

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text.corpus import Scan
from charrnn.text.source import DEFAULT_SOURCE, STANDARD_INPUT, Reader, default_text
from charrnn.training.run import Checkpoint, CorpusInfo

MOST_BYTES = 256 << 20  # that are read to see whether they are the text
MOST_SOURCES, LONGEST_NAME = 1000, 4096
ON_WINDOWS = os.name == "nt"
BYTE_ORDER_MARK = 3  # bytes
WIDEST = 12  # bytes that became one character: at most four of three bytes, composed


class NotAtHandError(Exception):
    """Why the text cannot be used, in words that follow "its corpus"."""


def learnt_text(checkpoint: Checkpoint, most: int) -> str:
    """The head of the text, ``most`` characters and one more if there are so many.

    Raises:
        NotAtHandError: It is not where it was, is another text, or is too large to be checked.
    """
    vocabulary, corpus = checkpoint.model.vocabulary, checkpoint.corpus
    config = vocabulary.config
    try:
        if corpus.sources == (DEFAULT_SOURCE,):
            # It is nobody's secret, and another Python may have another version of it.
            text = vocabulary.known(vocabulary.symbols(default_text()), "skip")
        else:
            text = _proved(corpus, config, most + 1 + len(config.end)).removeprefix(config.end)
    except InputError:
        raise NotAtHandError("is not at hand") from None
    if not text or vocabulary.unknown_in(text):
        raise NotAtHandError("has changed")
    return text[: most + 1]


def _proved(corpus: CorpusInfo, config: TextConfig, most: int) -> str:
    """The head of what the sources hold, if all of it has the recorded hash; errors as above."""
    sizes = _sizes(corpus.sources)
    size = sum(sizes)
    if size > MOST_BYTES:
        raise NotAtHandError("is too large to be checked")
    added = len(config.end) * (1 + len(sizes))  # ends of records, of which files may have none
    slack = BYTE_ORDER_MARK * len(sizes)
    least, largest = max(1, corpus.characters - added), WIDEST * corpus.characters + slack
    if not least <= size <= largest:
        raise NotAtHandError("has changed")
    head = ""

    def pieces() -> Iterator[str]:
        nonlocal head
        length = 0
        for piece in reader.pieces():
            length += len(piece)
            if length > corpus.characters:
                raise NotAtHandError("has changed")
            head += piece[: most - len(head)]
            yield piece

    # An empty file adds nothing, and one that only seems empty (in /proc) may never end.
    names = [name for name, size in zip(corpus.sources, sizes, strict=True) if size]
    with ExitStack() as stack:
        reader = Reader(names, config, stack)
        try:
            proved = Scan(pieces(), config.encoding).sha256 == corpus.sha256
        except InputError:  # it is there, but not UTF-8
            proved = False
    if not proved:
        raise NotAtHandError("has changed")
    return head


def _sizes(names: tuple[str, ...]) -> list[int]:
    """Bytes of each file. Nothing is opened, and nobody asked who may answer over a network.

    Raises:
        NotAtHandError: One is no regular file: it may never end, wait for ever, or do something.
    """
    sensible = len(names) <= MOST_SOURCES and all(len(name) <= LONGEST_NAME for name in names)
    # To ask for such a path sends the user's name and a proof of the password to its host.
    afar = ON_WINDOWS and any(PureWindowsPath(n).drive.startswith("\\\\") for n in names)
    # A Reader takes it for standard input, whatever is called so.
    if sensible and not afar and STANDARD_INPUT not in names:
        # Out of reach, too long for a name, or with a zero byte.
        with suppress(OSError, ValueError):
            paths = list(map(Path, names))
            if all(path.is_file() for path in paths):
                return [path.stat().st_size for path in paths]
    raise NotAtHandError("is not at hand")
