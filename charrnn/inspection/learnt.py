"""The text that a model learnt from, if it is at hand and proves to be that text.

A checkpoint may come from a stranger, and its sources may name any file of the one who looks into it; what
a view shows may be sent on. So nothing of a file is used before all sources together have the recorded hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from charrnn.config import TextConfig
from charrnn.errors import InputError
from charrnn.text.corpus import Scan
from charrnn.text.embedded import DEFAULT_SOURCE, default_text
from charrnn.text.recorded import could_be, sizes
from charrnn.text.source import STANDARD_INPUT, Reader
from charrnn.training.run import Checkpoint, CorpusInfo

MOST_BYTES = 256 << 20  # that are read to see whether they are the text
MOST_SOURCES = 1000


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


def at_hand(corpus: CorpusInfo) -> list[tuple[str, int]]:
    """The files that a checkpoint names as what it learnt from, with their sizes in bytes; none has been opened.

    Raises:
        NotAtHandError: There is one that is no file, or they are too large to be checked.
    """
    # A Reader takes it for standard input, whatever is called so.
    strange = len(corpus.sources) > MOST_SOURCES or STANDARD_INPUT in corpus.sources
    counts = None if strange else sizes(corpus.sources)
    if counts is None:
        raise NotAtHandError("is not at hand")
    if sum(counts) > MOST_BYTES:
        raise NotAtHandError("is too large to be checked")
    return [*zip(corpus.sources, counts, strict=True)]


def with_text(sources: list[tuple[str, int]]) -> list[str]:
    """The names of those that are to be read: an empty one adds nothing, and one that only seems empty (in /proc) may never end."""
    return [name for name, count in sources if count]


def _proved(corpus: CorpusInfo, config: TextConfig, most: int) -> str:
    """The head of what the sources hold, if all of it has the recorded hash; errors as above."""
    sources = at_hand(corpus)
    if not could_be([count for _, count in sources], corpus.characters, config):
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

    with ExitStack() as stack:
        reader = Reader(with_text(sources), config, stack)
        try:
            proved = Scan(pieces(), config.encoding).sha256 == corpus.sha256
        except InputError:  # it is there, but not UTF-8
            proved = False
    if not proved:
        raise NotAtHandError("has changed")
    return head
