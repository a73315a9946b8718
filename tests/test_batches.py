"""Streams and segments: every prediction once, and none of them out of order."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CELLS, ModelConfig
from charrnn.models.language_model import LanguageModel
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import (
    ALL,
    MIN_CHUNKS,
    Chunk,
    Chunks,
    Segments,
    Streams,
    default_epochs,
    default_eval_every,
    fit_sizes,
)
from charrnn.text.records import Records, Spans
from charrnn.training.evaluation import evaluate

LENGTHS = st.integers(2, 400)


@given(LENGTHS, st.integers(1, 40), st.integers(1, 60))
def test_streams(length: int, batch_size: int, seq_length: int) -> None:
    """Chunks go on where the one before ended, and all but the leftover is predicted just once."""
    batch_size = min(batch_size, length - 1)
    ids = np.arange(length)  # so that a number is its own place
    streams = Streams(ids, batch_size, seq_length)
    chunks = [streams.chunk(index) for index in range(len(streams))]
    lengths = [len(chunk.inputs) for chunk in chunks]
    assert max(lengths) <= seq_length
    assert max(lengths) - min(lengths) <= 1
    for index, chunk in enumerate(chunks):
        assert chunk.inputs.shape == chunk.targets.shape == (len(chunk.inputs), batch_size)
        assert chunk.inputs.flags.c_contiguous
        assert chunk.counted is None
        assert chunk.predictions == chunk.inputs.size
        assert chunk.fresh.shape == (batch_size,)
        assert (chunk.fresh == (index == 0)).all()
        np.testing.assert_array_equal(chunk.targets, chunk.inputs + 1)
    again = streams.chunk(len(streams))
    np.testing.assert_array_equal(again.inputs, chunks[0].inputs)

    per_stream = (length - 1) // batch_size
    read = np.concatenate([chunk.inputs for chunk in chunks])
    assert read.shape == (per_stream, batch_size)
    np.testing.assert_array_equal(np.diff(read, axis=0), 1)  # no step is left out between chunks
    np.testing.assert_array_equal(np.sort(read.ravel()), np.arange(batch_size * per_stream))
    assert streams.characters == read.size
    assert length - 1 - read.size < batch_size


def test_streams_need_text() -> None:
    with pytest.raises(ValueError, match="cannot fill 4 streams"):
        Streams(np.arange(4), 4, 10)


@given(LENGTHS, st.integers(1, 200), st.integers(1, 200))
def test_fit_sizes(length: int, batch_size: int, seq_length: int) -> None:
    """What is chosen fits, is never larger than asked, and is its own choice again."""
    batch, seq = fit_sizes(length, batch_size, seq_length)
    assert 1 <= batch <= batch_size
    assert 1 <= seq <= seq_length
    assert len(Streams(np.arange(length), batch, seq)) >= 1
    if batch > 1:
        assert seq == seq_length
        assert (length - 1) // batch >= MIN_CHUNKS * seq_length
    assert fit_sizes(length, batch, seq) == (batch, seq)


def test_fit_sizes_leaves_a_long_text_alone() -> None:
    assert fit_sizes(50 * 50 * MIN_CHUNKS + 1, 50, 50) == (50, 50)
    assert fit_sizes(50 * 50 * MIN_CHUNKS, 50, 50) == (49, 50)


def test_defaults() -> None:
    """Some 4,000 steps; an evaluation each epoch, unless it is very short, very long or costly."""
    assert [default_epochs(steps) for steps in (1, 3, 4000, 9999)] == [4000, 1334, 1, 1]
    assert [default_eval_every(steps, 1.0) for steps in (1, 30, 100, 1000)] == [100, 120, 100, 1000]
    assert default_eval_every(5000, 1.0) == 1000
    assert default_eval_every(5000, 200.0) == 2000
    assert default_eval_every(150, 60.0) == 600  # half of the text is for validation


@given(LENGTHS, st.integers(1, 12), st.integers(1, 9))
def test_segments_count_each_prediction_once(length: int, overlap: int, most: int) -> None:
    """The counted predictions are those of the text, each once, in segments that are read in order."""
    segments = Segments(np.arange(length), overlap=overlap, most=most, steps=7)
    whole = _whole(segments)
    np.testing.assert_array_equal(whole.targets, whole.inputs + 1)
    assert whole.counted is not None
    counted = whole.inputs[whole.counted]
    np.testing.assert_array_equal(np.sort(counted), np.arange(length - 1))
    assert segments.characters == whole.predictions == length - 1
    steps, count = whole.inputs.shape
    assert count == segments.columns == max(1, min(most, (length - 1) // (8 * overlap)))
    assert not whole.counted[: segments.overlap].any()
    for column in range(count):
        rows = np.flatnonzero(whole.counted[:, column])
        if rows.size:  # a text may end before its last segment
            start = segments.overlap if column == 0 else 0
            np.testing.assert_array_equal(np.diff(whole.inputs[start : rows[-1] + 1, column]), 1)
    if count == 1:
        assert segments.overlap == 0
        assert steps == length - 1


@given(LENGTHS, st.integers(1, 12), st.integers(1, 9))
def test_where_segments_start(length: int, overlap: int, most: int) -> None:
    """All from nothing; the first one again where its own text begins."""
    segments = Segments(np.arange(length), overlap=overlap, most=most, steps=5)
    step = 0
    for index in range(len(segments)):
        chunk = segments.chunk(index)
        assert 0 < len(chunk.inputs) <= 5
        expected = np.full(segments.columns, step == 0)
        expected[0] |= step == segments.overlap
        np.testing.assert_array_equal(chunk.fresh, expected)
        step += len(chunk.inputs)


def _whole(chunks: Chunks) -> Chunk:
    """All chunks as one."""
    parts = [chunks.chunk(index) for index in range(len(chunks))]
    return Chunk(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.targets for part in parts]),
        parts[0].fresh,
        np.concatenate([part.counted for part in parts if part.counted is not None]),
    )


def test_a_short_text_stays_in_one_piece() -> None:
    assert _whole(Segments(np.arange(3000))).inputs.shape == (2999, 1)
    assert _whole(Segments(np.arange(6401))).inputs.shape == (400 + 3200, 2)


@pytest.mark.parametrize("kind", [partial(Streams, batch_size=50, seq_length=50), Segments])
def test_only_a_chunk_is_read(kind: Callable[[Ids], Chunks]) -> None:
    """A text that is larger than memory: a terabyte of zeros, of which no page exists."""
    ids = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (1 << 40,), (0,))
    tracemalloc.start()
    chunks = kind(ids)
    chunk = chunks.chunk(len(chunks) // 2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0 < chunk.inputs.size <= 64 * 100
    assert chunks.characters >= len(ids) - 50
    assert peak < 1 << 20


@given(st.integers(50, 400), st.integers(0, 7), st.integers(0, 7))
def test_columns_of_a_chunk(length: int, start: int, stop: int) -> None:
    """Some columns are those of the whole chunk, for each kind of chunks."""
    rng = np.random.default_rng(length)
    ids, columns = rng.integers(4, size=length), slice(start, max(start, stop))
    kinds: tuple[Chunks, ...] = (
        Streams(ids, 7, 5),
        Segments(ids, overlap=2, most=7, steps=5),
        Records(ids, Spans.of(ids, 0), 7, 3, seed=1),
    )
    for chunks in kinds:
        for index in range(len(chunks)):
            whole, part = chunks.chunk(index), chunks.chunk(index, columns)
            for name, array in vars(whole).items():
                if array is None:
                    assert getattr(part, name) is None
                else:
                    np.testing.assert_array_equal(getattr(part, name), array[..., columns])


def test_a_shard_reads_its_own_columns() -> None:
    """An evaluation takes each character of the text from it once, however many threads there are."""
    network, params = _random_model("rnn")
    built: list[int] = []

    class Told(Segments):
        def chunk(self, index: int, columns: slice = ALL) -> Chunk:
            chunk = super().chunk(index, columns)
            built.append(chunk.inputs.size)
            return chunk

    text = Told(np.random.default_rng(3).integers(9, size=1500), overlap=40, most=5)
    evaluate(network, params, text, Shards(3))
    assert sum(built) == text.columns * (text.overlap + text.length)


def _random_model(cell: str) -> tuple[LanguageModel, Parameters]:
    network = LanguageModel(ModelConfig(cell=cell, hidden_size=8, dropout=0.5), 9)
    params = network.initialize(np.random.default_rng(1))
    params["V"][...] *= 4  # so that what the state holds matters for the loss
    return network, params


def _exact(network: LanguageModel, params: Parameters, ids: Ids) -> float:
    """Mean loss, one character after the other, in one stream from a zero state."""
    state, workspace, total = network.zero_state(1), Workspace(), 0.0
    for place in range(len(ids) - 1):
        logits, state = network.logits(params, ids[place : place + 1, None], state, workspace)
        total += float(cross_entropy_(logits[:, 0], ids[place + 1 : place + 2])[0])
    return total / (len(ids) - 1)


@pytest.mark.parametrize("cell", CELLS)
def test_evaluate_reads_from_left_to_right(cell: str) -> None:
    """A text in one piece has just the loss of reading it character by character."""
    network, params = _random_model(cell)
    ids = np.random.default_rng(2).integers(9, size=251)  # more than two blocks of steps
    expected = _exact(network, params, ids)
    found = evaluate(network, params, Segments(ids), Shards(1))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("shards", [1, 2, 7])
def test_evaluate_in_segments(cell: str, shards: int) -> None:
    """Reading the parts side by side, on any number of threads, agrees with reading it all."""
    network, params = _random_model(cell)
    ids = np.random.default_rng(3).integers(9, size=1500)
    segments = Segments(ids, overlap=40, most=5)
    assert segments.columns == 4
    found = evaluate(network, params, segments, Shards(shards))
    assert found == pytest.approx(_exact(network, params, ids), abs=1e-3)


def test_the_first_segment_starts_from_nothing() -> None:
    """Its overlap, which repeats the first character, leaves no trace in its score."""
    network, params = _random_model("lstm")
    ids = np.random.default_rng(4).integers(9, size=17)

    class First(Segments):
        """The score of the first segment alone."""

        def chunk(self, index: int, columns: slice = ALL) -> Chunk:
            chunk = super().chunk(index, columns)
            assert chunk.counted is not None
            return replace(chunk, counted=chunk.counted & (np.arange(2) == 0)[columns])

    segments = First(ids, overlap=1, most=2)
    segments.characters = 8
    assert _whole(segments).inputs.shape == (9, 2)
    expected = _exact(network, params, ids[:9])
    assert evaluate(network, params, segments, Shards(1)) == pytest.approx(expected, rel=1e-6)
