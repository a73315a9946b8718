"""A text as chunks that are read side by side, to watch a model at it."""

from __future__ import annotations

from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.text.chunks import Chunks, Segments
from charrnn.text.records import Records, Spans
from charrnn.writing.sampling import line_start

COLUMNS, STEPS, OVERLAP = 64, 100, 100


def chunks_of(model: CharacterModel, text: str) -> Chunks:
    """The text as in training: from a line's start on; records each from the zero state.

    Raises:
        InputError: There is no text, or no record in it.
        UnknownCharacterError: It has a character that the model does not know.
    """
    end = model.vocabulary.config.end
    if not text.strip(end) if end else not text:
        raise InputError("there is no text to read")
    if not end:
        ids = model.vocabulary.encode(line_start(model) + text)
        return Segments(ids, overlap=OVERLAP, most=COLUMNS, steps=STEPS)
    ids = model.vocabulary.encode(end + text.removesuffix(end) + end)
    spans = Spans.of(ids, int(model.vocabulary.encode(end)[0]))
    return Records(ids, spans, min(COLUMNS, len(spans)), STEPS, seed=0)
