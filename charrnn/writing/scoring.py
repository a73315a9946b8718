"""How unexpected given text is to a model, character by character.

The first character is predicted from what an unprimed text is taken to follow when it is written
(:meth:`~charrnn.models.character_model.CharacterModel.beginning`), read from the zero state. From there
on each is predicted from all before it: by a :class:`Scorer` exactly; by a :class:`SegmentScorer` from all
before it in its segment and in as much before that as matters. The probability is the model's own, at temperature 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import STEPS, ChunkReader, read_places
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, default_shards, single_threaded_blas, warm_up
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import WARM_UP, Chunks, Segments
from charrnn.text.records import Records, Spans

MOST = 64  # texts that are read side by side, at most
LINE_STEPS = 100  # of a text that is read at once beside others


class Scorer:
    """Reads a text piece by piece, from its beginning, in one stream."""

    def __init__(self, model: CharacterModel) -> None:
        warm_up()
        self._reader = ChunkReader(model.network, model.parameters, 1)
        self._before = model.vocabulary.encode(model.beginning())

    def read(self, ids: Ids) -> Array:
        """How unexpected the next ``(N,)`` ids are: -log of their probabilities, float64.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        nats = np.empty(ids.shape)
        read = np.concatenate([self._before, ids])
        for start in range(0, len(ids), STEPS):
            part = slice(start, start + STEPS)
            logits = self._reader.read(read[:-1][part, None])
            nats[part] = cross_entropy_(logits, ids[part, None])[:, 0]
        self._before = read[-1:]
        return nats


class SegmentScorer:
    """The same of long pieces, each in segments side by side (:class:`~charrnn.text.chunks.Segments`), on threads.

    Each segment but a text's first one is read from ``WARM_UP`` characters before its start. Segments are many times as
    long as that, so that short pieces have few, and pieces should be long.
    """

    def __init__(self, model: CharacterModel) -> None:
        self._model = model
        self._shards = Shards(default_shards(MOST))
        self._before = model.vocabulary.encode(model.beginning())

    def read(self, ids: Ids) -> Array:
        """As :meth:`Scorer.read`."""
        read = np.concatenate([self._before, ids])
        segments = Segments(np.arange(len(read)), most=MOST)
        nats = _nats(self._model, read, segments, self._shards)[len(self._before) - 1 :]
        self._before = read[-1 - WARM_UP :]
        return nats


def score_texts(
    model: CharacterModel, texts: Sequence[str], shards: Shards | None = None
) -> list[Array]:
    """Score texts that have nothing to do with each other, each from its beginning.

    Texts of about the same length are read side by side, as records are, on threads where there are many.

    Args:
        shards: Threads and their memory, for who calls this again and again.

    Returns:
        For each text how unexpected its characters are, in nats, ``(len(text),)``.

    Raises:
        UnknownCharacterError: A text has a character that the model does not know.
        CheckpointError: The model's numbers overflow.
    """
    before = model.beginning()
    ids = model.vocabulary.encode("".join(f"{before}{text}" for text in texts))
    length = np.array([len(text) for text in texts], np.intp)
    first = np.cumsum(length + len(before)) - length - 1
    spans = Spans(first, length)[np.flatnonzero(length)]
    nats = np.empty(0)
    if len(spans):
        columns = min(MOST, len(spans))
        chunks = Records(np.arange(len(ids)), spans, columns, LINE_STEPS, seed=0)
        nats = _nats(model, ids, chunks, shards or Shards(default_shards(columns)))
    return [nats[start : start + n] for start, n in zip(first, length, strict=True)]


def _nats(model: CharacterModel, ids: Ids, chunks: Chunks, shards: Shards) -> Array:
    """How unexpected it is what follows each place that ``chunks`` of places in a text count, ``(N,)``.

    Args:
        ids: The text, ``(N + 1,)``.
    """
    nats, following = np.empty(len(ids) - 1), ids[1:]

    def score(_index: int, columns: slice, workspace: Workspace) -> None:
        for passage in read_places(model, ids, chunks, columns, workspace):
            found = cross_entropy_(passage.logits, following[passage.places])
            nats[passage.places[passage.counted]] = found[passage.counted]

    with single_threaded_blas():
        shards.map(score, chunks.columns)
    return nats
