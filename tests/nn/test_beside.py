"""n-grams beside a net: against a slow oracle, slopes, and a signal that only they can see at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from answerers import CHARACTERS, LABELS, LENGTHS, Kind, random_chunk, random_model, random_numbers

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.models.answering import Answerer
from charrnn.models.network_for import network_for
from charrnn.nn import ngrams
from charrnn.nn.dropout import Dropout
from charrnn.nn.loss import Objective, cross_entropy_
from charrnn.nn.ngrams import BUCKETS, Ngrams
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace

MASK = (1 << 64) - 1


def _columns(text: list[int], longest: int) -> Iterator[int]:
    """Of each n-gram of a marked text, by the definition: the number of its column."""
    marked = [1, *(number + 3 for number in text), 2]
    for n in range(1, longest + 1):
        for start in range(len(marked) - n + 1):
            number = 0
            for symbol in marked[start : start + n]:
                number = ((number + 1) * 0x100000001B3 + symbol) & MASK
            yield ((number * 0x9E3779B97F4A7C15) & MASK) >> (64 - BUCKETS.bit_length() + 1)


def _part(longest: int, seed: int = 0) -> tuple[Ngrams, Parameters]:
    part = Ngrams(LABELS, longest)
    params = Parameters(part.parameter_shapes(), dtype=np.float64)
    params.flat[...] = np.random.default_rng(seed).standard_normal(params.flat.shape)
    return part, params


@pytest.mark.parametrize("longest", [1, 3, 5])
def test_scores_are_sums_over_the_n_grams(longest: int) -> None:
    """Of texts of several lengths, an empty one too, whatever stands in their padding."""
    (part, params), chunk = _part(longest), random_chunk("classify", weighted=False)
    B = params["ngrams/B"]
    scores = part.forward(params, chunk.inputs, chunk.known_lengths, Workspace(np.float64))
    for column, length in enumerate(LENGTHS):
        text = chunk.inputs[:length, column].tolist()
        expected = sum((B[:, number] for number in _columns(text, longest)), np.zeros(LABELS))
        np.testing.assert_allclose(scores[:, column], expected, rtol=1e-12)
        found = [*_columns(text, longest)]
        assert len(found) == sum(max(0, length + 2 - n + 1) for n in range(1, longest + 1))


def test_a_long_text_is_looked_up_a_part_at_a_time() -> None:
    """Of each of its characters far less is held than the scores of its n-grams for each label, which are 320 bytes here."""
    labels, T, rng = 20, 1 << 18, np.random.default_rng(0)
    part = Ngrams(labels, 4)
    params = Parameters(part.parameter_shapes())
    params.flat[...] = rng.standard_normal(params.flat.shape)
    ids, lengths = rng.integers(3, size=(T, 1)), np.array([T - 5])
    tracemalloc.start()
    try:
        scores = part.forward(params, ids, lengths, Workspace())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 120 * T
    buckets, there = part.buckets(ids, lengths)
    counts = np.bincount(buckets[there], minlength=BUCKETS)
    expected = params["ngrams/B"].astype(np.float64) @ counts
    np.testing.assert_allclose(scores[:, 0], expected, rtol=1e-3, atol=1e-3 * expected.max())


def test_columns_stay_what_they_are() -> None:
    """A saved model has them: other ones would make another model of it."""
    part, _ = _part(3)
    buckets, there = part.buckets(np.array([[0], [7]]), np.array([2]))
    assert buckets[there].tolist() == [*_columns([0, 7], 3)]
    assert BUCKETS == 65536
    assert buckets[there][:4].tolist() == [49399, 64870, 20714, 24366]
    assert 1 << ngrams._BITS == BUCKETS


def test_few_share_a_column() -> None:
    """Of ten thousand different n-grams about as many as chance has it."""
    rng, part = np.random.default_rng(0), Ngrams(1, 4)
    ids = rng.integers(40, size=(2600, 1))
    buckets, there = part.buckets(ids, np.array([2600]))
    step = np.arange(2600 + 2)
    marked = np.concatenate([[-2], ids[:, 0], [-1]])
    names = [tuple(marked[end - n + 1 : end + 1]) for n in range(1, 5) for end in step]
    first = {
        name: bucket
        for name, bucket, yes in zip(names, buckets[:, 0], there[:, 0], strict=True)
        if yes
    }
    chance = BUCKETS * (1 - (1 - 1 / BUCKETS) ** len(first))
    assert len(set(first.values())) == pytest.approx(chance, rel=0.02)


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_gradients(rate: float) -> None:
    """Of a whole classifier, along random directions, by the n-grams and by the net; also of what was not dropped."""
    config = ModelConfig(
        task="classify", cell="gru", hidden_size=3, num_layers=1, dropout=rate, ngrams=3
    )
    net = network_for(config, CHARACTERS, LABELS)
    params, chunk = random_numbers(net), random_chunk("classify", weighted=True)
    offsets = np.array([-0.5, 0.3, 0.1])
    none = net.zero_state(0, np.float64)

    def learn(numbers: Parameters) -> Parameters:
        gradients, workspace = numbers.zeros(), Workspace(np.float64)
        net.loss_and_gradients(
            numbers,
            gradients,
            chunk,
            none,
            workspace,
            rng=np.random.default_rng(3),
            objective=Objective(0.1, offsets),
        )
        return gradients

    def followed(numbers: Parameters) -> float:
        workspace, rng = Workspace(np.float64), np.random.default_rng(3)
        zero = net.zero_state(len(LENGTHS), np.float64)
        scores, _ = net.logits(numbers, chunk.inputs, zero, workspace, rng, chunk.lengths)
        scores = scores[:, 0] + offsets[:, None]
        log_p = scores - np.log(np.exp(scores).sum(axis=0))
        own = np.take_along_axis(log_p, chunk.targets, axis=0)[0]
        assert chunk.weights is not None
        return float(((-0.9 * own - 0.1 * log_p.mean(axis=0)) * chunk.weights[0]).sum())

    gradients, rng = learn(params), np.random.default_rng(1)
    for name, gradient in gradients.items():
        direction, sides = rng.standard_normal(gradient.shape), []
        for sign in (1, -1):
            moved = params.copy()
            moved.add(name, sign * 1e-6 * direction)
            sides.append(followed(moved))
        slope = (sides[0] - sides[1]) / 2e-6
        assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-5, abs=1e-7), name


def test_the_loss_that_is_told_is_the_plain_one() -> None:
    logits = np.random.default_rng(0).standard_normal((3, 4))
    targets = np.array([0, 2, 1, 1])
    plain = cross_entropy_(logits.copy(), targets)
    for objective in (Objective(), Objective(0.2), Objective(0.0, np.array([1.0, 0, -1]))):
        np.testing.assert_allclose(objective.loss_(logits.copy(), targets), plain, rtol=1e-12)


def test_dropped_n_grams_are_made_up_for() -> None:
    """On average the scores are the same."""
    part, params = _part(2)
    ids, lengths = np.array([[0], [1], [2]]), np.array([3])
    whole = part.forward(params, ids, lengths, Workspace(np.float64))
    each = [
        part.forward(
            params, ids, lengths, Workspace(np.float64), Dropout(np.random.default_rng(n), 0.5)
        )
        for n in range(4000)
    ]
    np.testing.assert_allclose(np.mean(each, axis=0), whole, atol=0.3)
    assert not np.allclose(each[0], whole)


@pytest.mark.parametrize(
    "kind", [Kind("gru", bidirectional=True), Kind("feedforward", bidirectional=False)], ids=str
)
def test_company_and_length_change_no_answer(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor that a text is read in chunks."""
    model = random_model(kind.config("classify", num_layers=1, ngrams=3), "xyz")
    texts = ["abc", "", "dabcab", "c" * 30, "abcd" * 20]
    together = Answerer([model])(texts)
    for text, answer in zip(texts, together, strict=True):
        (alone,) = Answerer([model])([text])
        np.testing.assert_allclose(alone.probabilities, answer.probabilities, atol=1e-5)
    for module in ("answering", "reading"):
        monkeypatch.setattr(f"charrnn.models.{module}.PLACES", 8)
    monkeypatch.setattr("charrnn.models.answering.STEPS", 7)
    for text, answer in zip(texts, together, strict=True):
        (chunked,) = Answerer([model])([text])
        np.testing.assert_allclose(chunked.probabilities, answer.probabilities, atol=1e-5)


def test_n_grams_in_the_middle_are_seen_at_once() -> None:
    """Whether a text has ``xy`` somewhere: with a net that hardly learns, by its n-grams."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice([*"abxy"], size=12)) for _ in range(400)]
    examples = charrnn.Examples.from_lines([f"{t}\t{'xy' in t}" for t in texts], "classify")
    right = []
    for longest in (0, 2):
        config = ModelConfig(
            task="classify", cell="rnn", hidden_size=2, num_layers=1, ngrams=longest
        )
        how = charrnn.TrainingConfig(steps=200, batch_size=32, learning_rate=0.02, patience=0)
        training = charrnn.Training(examples, config, how)
        for _ in training:
            pass
        assert training.figures is not None
        right.append(training.figures.accuracy)
    assert right[1] > 0.9 > right[0]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"task": "tag", "ngrams": 2}, "ngrams are for classify, not for tag"),
        ({"task": "classify", "ngrams": 9}, "ngrams must be a whole number from 0 to 8"),
    ],
)
def test_settings_that_do_not_fit(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        ModelConfig(**settings)  # type: ignore[arg-type]


def test_rare_labels_are_favoured() -> None:
    """What nothing tells apart is answered as the frequencies have it, less so the more rare labels are favoured."""
    lines = [*["aa\tx"] * 300, *["aa\ty"] * 100]
    share: list[Array] = []
    for tau in (0.0, 0.5, 1.0):
        examples = charrnn.Examples.from_lines(lines, "classify")
        config = ModelConfig(task="classify", cell="rnn", hidden_size=2, num_layers=1, dropout=0.0)
        how = charrnn.TrainingConfig(
            steps=300, batch_size=40, learning_rate=0.02, rare_labels=tau, val_fraction=0.0
        )
        training = charrnn.Training(examples, config, how)
        for _ in training:
            pass
        (answer,) = charrnn.predict(training.model(), ["aa"])
        share.append(answer.probabilities)
    odds = [p[0] / p[1] for p in share]
    np.testing.assert_allclose(odds, [3, 3**0.5, 1], rtol=0.15)
