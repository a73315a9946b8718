"""Whole texts in batches, and how much each label counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from charrnn.text.batches import PLACES, Batches, class_weights
from charrnn.text.chunks import Chunk
from charrnn.text.examples import Examples

Pairs = list[tuple[str, str]]
TAGS = str.maketrans("abcd", "XYXZ")  # so that what is out of step is seen
TAGGED = st.lists(st.text(st.sampled_from("abcd"), max_size=12), min_size=1, max_size=30).map(
    lambda texts: [(text, text.translate(TAGS)) for text in texts]
)
LABELLED = st.lists(
    st.tuples(st.text(st.sampled_from("abcd"), max_size=12), st.sampled_from("XYZ")),
    min_size=1,
    max_size=30,
)


def _examples(pairs: Pairs, task: str) -> Examples:
    """Those, and two more at the end, which make sure that there are all characters and labels."""
    more = [("abcd", "XYXZ")] * 2 if task == "tag" else [("abcd", "X"), ("", "Y"), ("d", "Z")]
    return Examples.from_lines([f"{text}\t{answer}" for text, answer in [*pairs, *more]], task)


def _first(count: int) -> NDArray[np.intp]:
    return np.arange(count)


def _read(batches: Batches, examples: Examples, number: int) -> list[list[tuple[str, str]]]:
    """The texts and answers of each batch of a pass; checks all else of them."""
    found = []
    names = examples.labels.names
    for index in range(number * len(batches), (number + 1) * len(batches)):
        chunk = batches.chunk(index)
        T, B = chunk.inputs.shape
        assert chunk.lengths is not None
        assert chunk.fresh.shape == (B,)
        assert chunk.fresh.all()  # each begins from the zero state
        assert max(1, chunk.lengths.max()) == T
        columns = list(zip(chunk.inputs.T, chunk.lengths.tolist(), strict=True))
        texts = [examples.vocabulary.decode(ids[:length]) for ids, length in columns]
        if examples.tagged:
            assert chunk.targets.shape == (T, B)
            assert chunk.counted is not None
            for counted, length in zip(chunk.counted.T, chunk.lengths, strict=True):
                assert counted.tolist() == [step < length for step in range(T)]
            each = [[*column] for column in chunk.targets.T]
            assert chunk.predictions == chunk.lengths.sum()
        else:
            assert chunk.targets.shape == (1, B)
            assert chunk.counted is None
            each = [[label] for label in chunk.targets[0]]
            assert chunk.predictions == B
        answers = [
            "".join(names[n] for n in (numbers[: len(text)] if examples.tagged else numbers))
            for text, numbers in zip(texts, each, strict=True)
        ]
        found.append(list(zip(texts, answers, strict=True)))
    return found


def _cut(pairs: Sequence[tuple[str, str]], places: int, task: str) -> list[tuple[str, str]]:
    """What is read of texts of which so many characters fit."""
    if task == "classify":
        return [(text[:places], label) for text, label in pairs]
    return [
        (text[at : at + places], tags[at : at + places])
        for text, tags in pairs
        for at in range(0, max(1, len(text)), places)
    ]


@given(
    st.one_of(
        st.tuples(st.just("classify"), LABELLED),
        st.tuples(st.just("tag"), TAGGED),
    ),
    st.data(),
    st.integers(1, 7),
    st.integers(1, 40),
    st.integers(0, 3),
)
def test_every_text_once(
    asked: tuple[str, Pairs], data: st.DataObject, batch_size: int, places: int, seed: int
) -> None:
    """A pass reads each text that was asked for once, with its answer; a long one up to what fits, or, with tags, all of it in pieces."""
    task, pairs = asked
    examples = _examples(pairs, task)
    which = data.draw(st.lists(st.sampled_from(range(len(pairs))), min_size=1, unique=True))
    chosen = [pairs[n] for n in which]
    expected = _cut(chosen, places, task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charrnn.text.batches.PLACES", places)
        batches = Batches(examples, np.array(which), batch_size, seed)
        assert batches.cut == sum(len(text) > places for text, _ in chosen)
        passes = [_read(batches, examples, number) for number in range(3)]
    for found in passes:
        assert Counter(pair for batch in found for pair in batch) == Counter(expected)
        for batch in found:
            longest = max(1, *(len(text) for text, _ in batch))
            assert len(batch) <= batch_size
            assert len(batch) * longest <= places
        lengths = [sorted(len(text) for text, _ in batch) for batch in found]
        lengths.sort()  # those of about one length stand side by side
        assert [*chain.from_iterable(lengths)] == sorted(len(text) for text, _ in expected)
        widest = [max(1, *each) for each in lengths]
        sizes = map(len, lengths)
        assert batches.places == sum(w * n for w, n in zip(widest, sizes, strict=True))
        assert batches.longest == max(widest)
        for full in lengths[1:]:  # only the batch of the shortest has room left
            assert len(full) == max(1, min(batch_size, places // max(1, *full)))
    assert batches.columns == batch_size
    assert batches.characters == sum(len(text) for text, _ in expected)
    wanted = batches.characters if task == "tag" else len(which)
    assert batches.predictions == wanted


def test_the_bound_of_a_batch() -> None:
    """It is what is kept of a text until the net goes back; texts of usual lengths make whole batches."""
    assert PLACES == 1 << 14
    pairs = [("a" * length, "X") for length in [30] * 64 + [PLACES // 2] * 2 + [PLACES + 7]]
    examples = _examples(pairs, "classify")
    batches = Batches(examples, _first(len(pairs)), 64, 0)
    shapes = sorted(batches.chunk(index).inputs.shape for index in range(len(batches)))
    assert shapes == [(30, 64), (PLACES // 2, 2), (PLACES, 1)]
    assert batches.cut == 1
    assert batches.longest == PLACES


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_a_text_that_just_fits(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not cut; one of a character more is."""
    monkeypatch.setattr("charrnn.text.batches.PLACES", 3)
    pairs = [("abc", "XYX" if task == "tag" else "X"), ("dbca", "ZYXX" if task == "tag" else "Y")]
    examples = _examples(pairs, task)
    assert Batches(examples, _first(1), 2, 0).cut == 0
    batches = Batches(examples, _first(2), 2, 0)
    assert batches.cut == 1
    found = {pair for batch in _read(batches, examples, 0) for pair in batch}
    pieces = {("dbc", "ZYX"), ("a", "X")} if task == "tag" else {("dbc", "Y")}
    assert found == {pairs[0], *pieces}


def _contents(chunk: Chunk) -> dict[str, Any]:
    return {name: None if a is None else a.tolist() for name, a in vars(chunk).items()}


def _many(task: str) -> Examples:
    """Texts of few lengths, of which many stand side by side."""
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice([*"abcd"], size=n % 5)) for n in range(90)]
    pairs = [
        (text, text.translate(TAGS) if task == "tag" else "XYZ"[n % 3])
        for n, text in enumerate(texts)
    ]
    return _examples(pairs, task)


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_the_order_of_passes(task: str) -> None:
    """It follows from the seed and the number of the pass alone: whoever asks, and whatever was asked for before."""
    examples = _many(task)
    weights = np.array([1, 2, 3], np.float32)
    one, same, other = (Batches(examples, _first(90), 7, seed, weights) for seed in (5, 5, 6))
    assert len(one) == len(same) == len(other) == 13
    chunks = [_contents(one.chunk(index)) for index in range(39)]
    for index in np.random.default_rng(0).permutation(39).tolist():
        assert _contents(same.chunk(index)) == chunks[index]
    assert [_contents(other.chunk(index)) for index in range(13)] != chunks[:13]
    passes = [chunks[:13], chunks[13:26], chunks[26:]]
    texts = [[str(chunk["inputs"]) for chunk in each] for each in passes]
    shapes = [[len(chunk["inputs"]) for chunk in each] for each in passes]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert shapes[first] != shapes[second]  # the batches come in another order
        assert {*texts[first]} != {*texts[second]}  # and have other texts in them
        assert sorted(shapes[first]) == sorted(shapes[second])


def test_threads_read_the_same() -> None:
    """Several that read two passes at once get what one alone gets."""
    examples = _many("classify")
    batches = Batches(examples, _first(90), 7, 5)
    alone = [_contents(batches.chunk(index)) for index in range(26)]
    indices = [n + 13 * (step % 2) for step in range(20) for n in range(13)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda index: _contents(batches.chunk(index)), indices))
    assert found == [alone[index] for index in indices]


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_some_columns(task: str) -> None:
    """They are those of the whole chunk, with all its steps; there may be none of a narrow one."""
    batches = Batches(_many(task), _first(88), 7, 0, np.array([1, 2, 3], np.float32))
    widths = set()
    for index in range(len(batches)):
        whole = batches.chunk(index)
        widths.add(whole.inputs.shape[1])
        for columns in (slice(0, 3), slice(3, 7), slice(5, 6)):
            part = batches.chunk(index, columns)
            assert _contents(part) == _contents(whole.part(columns))
            assert len(part.inputs) == len(whole.inputs)
    assert widths == {7, 4}


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_texts_without_characters(task: str) -> None:
    """They are read as one step that does not count."""
    pairs = [("", "" if task == "tag" else "XYZ"[n % 3]) for n in range(5)]
    more = [] if task == "tag" else pairs
    lines = [f"{text}\t{answer}" for text, answer in [*(more or [("ab", "XY")]), *pairs]]
    examples = Examples.from_lines(lines, task)
    which = np.arange(len(lines) - 5, len(lines))
    batches = Batches(examples, which, 4, 0)
    assert (batches.characters, batches.longest, batches.places) == (
        0,
        1,
        len(batches.chunk(0).fresh) + len(batches.chunk(1).fresh),
    )
    assert batches.predictions == (0 if task == "tag" else 5)
    for number in range(2):
        found = _read(batches, examples, number)
        assert sorted(len(batch) for batch in found) == [1, 4]
        assert Counter(pair for batch in found for pair in batch) == Counter(pairs)
    shapes = {batches.chunk(index).inputs.shape for index in range(2)}
    assert shapes == {(1, 1), (1, 4)}


def test_many_characters() -> None:
    """Numbers beyond a byte stay what they are, also beside a text without characters."""
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 400)))
    examples = Examples.from_lines([f"{text}\tX", "\tY"], "classify")
    batches = Batches(examples, _first(2), 2, 0)
    (found,) = _read(batches, examples, 0)
    assert Counter(found) == Counter([(text, "X"), ("", "Y")])


# ----------------------------------------------------------------------------------------- weights


@given(LABELLED, st.data())
def test_labels_count_alike(pairs: Pairs, data: st.DataObject) -> None:
    """All that occur count the same in all, and together as much as there are examples; others nothing."""
    examples = _examples(pairs, "classify")
    which = data.draw(st.lists(st.sampled_from(range(len(pairs))), min_size=1, unique=True))
    weights = class_weights(examples, np.array(which))
    assert weights.shape == (3,)
    assert weights.dtype == np.float32
    sums = Counter[str]()
    for number in which:
        sums[pairs[number][1]] += weights["XYZ".index(pairs[number][1])]
    for label, weight in zip("XYZ", weights, strict=True):
        assert sums[label] == pytest.approx(len(which) / len(sums) if weight else 0)
        assert (weight > 0) == (label in sums)


@given(TAGGED)
def test_tags_count_alike(pairs: Pairs) -> None:
    """Likewise of all characters of the texts that are learnt."""
    counts = Counter("".join(tags for _, tags in pairs))
    if not counts:
        return
    weights = class_weights(_examples(pairs, "tag"), _first(len(pairs)))
    expected = [counts.total() / (len(counts) * counts[tag]) if counts[tag] else 0 for tag in "XYZ"]
    assert weights.tolist() == pytest.approx(expected)


def test_tags_of_nothing() -> None:
    """Where no text that is learnt has a character nothing counts."""
    examples = Examples.from_lines(["\t", "ab\tXY"], "tag")
    assert class_weights(examples, _first(1)).tolist() == [0, 0]


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_weights_of_targets(task: str) -> None:
    """Each target has its label's; over a pass they come to as many as there are, and without weights there are none."""
    examples = _many(task)
    which = _first(90)
    assert Batches(examples, which, 7, 0).chunk(0).weights is None
    weights = class_weights(examples, which)
    assert len({*weights.tolist()}) > 1 or task == "classify"
    batches = Batches(examples, which, 7, 0, np.array([0.5, 1, 4], np.float32))
    balanced = Batches(examples, which, 7, 0, weights)
    total = 0.0
    for index in range(len(batches)):
        chunk, other = batches.chunk(index), balanced.chunk(index)
        assert chunk.weights is not None
        assert other.weights is not None
        assert chunk.weights.shape == chunk.targets.shape
        assert chunk.weights.dtype == np.float32
        assert chunk.weights.tolist() == [[[0.5, 1, 4][n] for n in row] for row in chunk.targets]
        counted = True if other.counted is None else other.counted
        total += float(other.weights.sum(where=counted))
    assert total == pytest.approx(balanced.predictions)
