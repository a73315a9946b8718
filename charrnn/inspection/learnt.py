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


def _proved(corpus: CorpusInfo, config: TextConfig, most: int) -> str:
    """The head of what the sources hold, if all of it has the recorded hash; errors as above."""
    # A Reader takes it for standard input, whatever is called so.
    strange = len(corpus.sources) > MOST_SOURCES or STANDARD_INPUT in corpus.sources
    counts = None if strange else sizes(corpus.sources)
    if counts is None:
        raise NotAtHandError("is not at hand")
    if sum(counts) > MOST_BYTES:
        raise NotAtHandError("is too large to be checked")
    if not could_be(counts, corpus.characters, config):
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
    names = [name for name, count in zip(corpus.sources, counts, strict=True) if count]
    with ExitStack() as stack:
        reader = Reader(names, config, stack)
        try:
            proved = Scan(pieces(), config.encoding).sha256 == corpus.sha256
        except InputError:  # it is there, but not UTF-8
            proved = False
    if not proved:
        raise NotAtHandError("has changed")
    return head
