"""N-grams: against a slow form of the equation, on planted texts, and beside a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples import USED

from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.drawing.figure import Figure, Symbols
from charrnn.errors import InputError
from charrnn.inspection import ngrams
from charrnn.inspection.look import Look, Subject
from charrnn.inspection.ngrams import NGrams, model_costs, view
from charrnn.inspection.report import without_text
from charrnn.inspection.surprise import read_surprise
from charrnn.models.character_model import CharacterModel
from charrnn.text.corpus import Corpus
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.division import divide
from charrnn.training.run import Checkpoint, CorpusInfo

Gram = tuple[int, ...]


# ------------------------------------------------------------------------------------ the equation


def _slowly(ids: list[int], symbols: int, end: int, orders: int) -> Callable[[Gram], float]:
    """The probability of the last symbol of a gram, by the equation as it is written."""
    counts = [
        Counter(
            gram
            for i in range(n - 1, len(ids))
            if end not in (gram := tuple(ids[i - n + 1 : i + 1]))[1:-1]
        )
        for n in range(1, orders + 1)
    ]

    def before(gram: Gram) -> int:
        if len(gram) > 1 and gram[0] == end:
            return counts[len(gram) - 1][gram]
        return sum(longer[1:] == gram for longer in counts[len(gram)])

    tables = [{gram: before(gram) for gram in counts[n]} for n in range(orders - 1)]
    tables.append({})

    def discounts(table: dict[Gram, int]) -> list[float]:
        n = [sum(count == k for count in table.values()) for k in range(5)]
        if not all(n[1:]):
            return [0, 0.5, 1, 1.5]
        y = n[1] / (n[1] + 2 * n[2])
        found = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
        return [0, *found] if all(0 < d <= k + 1 for k, d in enumerate(found)) else [0, 0.5, 1, 1.5]

    def probability(gram: Gram, table: dict[Gram, int] | None = None) -> float:
        if not gram:
            return 1 / symbols
        lower = probability(gram[1:], tables[len(gram) - 2] if len(gram) > 1 else {})
        table = counts[len(gram) - 1] if table is None else table
        after = [count for other, count in table.items() if other[:-1] == gram[:-1]]
        if not sum(after):
            return lower
        d = discounts(table)
        own = table.get(gram, 0)
        spared = sum(d[min(count, 3)] for count in after)
        return (own - d[min(own, 3)] + spared * lower) / sum(after)

    def last(gram: Gram) -> float:
        """Of any length: contexts that are cut short go by the table of lower orders."""
        return probability(gram, None if len(gram) == orders else tables[len(gram) - 1])

    return last


@given(
    st.lists(st.integers(0, 2), min_size=4, max_size=60),
    st.lists(st.integers(0, 3), min_size=2, max_size=8),
    st.sampled_from([-1, 0]),
)
@example([0, 0, 0, 0], [0, 1], 0)  # no two symbols of one text in a row
@settings(max_examples=60, deadline=None)
def test_equation(ids: list[int], text: list[int], end: int) -> None:
    """Symbol 3 is never counted; with an end, no context reaches beyond it."""
    orders = 3
    costs = NGrams(np.array(ids), 4, end, orders).costs(np.array(text))
    for place in range(1, len(text)):
        start = max([0, *(n for n in range(place) if text[n] == end)])
        for order in range(1, orders + 1):
            gram = tuple(text[max(start, place - order + 1) : place + 1])
            slow = _slowly(ids, 4, end, order if len(gram) == order else orders)(gram)
            assert costs[order - 1, place - 1] == pytest.approx(-np.log2(slow)), (order, place)


def test_sum_is_one() -> None:
    """Over all symbols, after contexts that were counted and others; none has no chance at all."""
    rng = np.random.default_rng(3)
    ids = np.cumsum(rng.integers(0, 3, 3000)) % 9  # of ten symbols one never comes
    found = NGrams(ids, 10)
    for context in (ids[:1], ids[40:46], np.array([9, 9, 9]), np.array([3, 9]), ids[-9:]):
        for order in range(1, ngrams.ORDERS + 1):
            following = found.following(context, order)
            assert following.sum() == pytest.approx(1)
            assert following.min() > 0
    costs = found.costs(ids[40:47])
    for order in range(1, ngrams.ORDERS + 1):
        expected = -np.log2(found.following(ids[40:46], order)[ids[46]])
        assert costs[order - 1, -1] == pytest.approx(expected)


def test_order_of_a_chain() -> None:
    """A source whose next symbol depends on two before it is predicted best by 3-grams, almost to its entropy."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(5, 0.3), (5, 5))
    drawn, ids, cost = rng.random(40_000), [0, 0], 0.0
    for number, share in enumerate(drawn):
        p = chances[ids[-2], ids[-1]]
        ids.append(min(int(np.searchsorted(np.cumsum(p), share)), 4))
        if number >= 30_000:
            cost -= np.log2(p[ids[-1]])
    counted, scored = np.array(ids[:30_002]), np.array(ids[30_000:])
    means = NGrams(counted, 5).costs(scored)[:, 1:].mean(axis=1)
    assert means.argmin() == 2
    assert means[2] == pytest.approx(cost / 10_000, rel=0.01)
    assert means[1] > means[2] + 0.1


# ------------------------------------------------------------------------------------- beside a model

OPENERS, CLOSERS, FILLERS = "ABCD", "abcd", "xyz"
FAR = 20  # characters between an opener and what names it


def _far(lines: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    openers = rng.integers(0, 4, lines)
    fillers = rng.integers(0, 3, (lines, FAR))
    return "".join(
        f"{OPENERS[n]}{''.join(FILLERS[f] for f in row)}){CLOSERS[n]}\n"
        for n, row in zip(openers, fillers, strict=True)
    )


def _remembering() -> CharacterModel:
    """An LSTM whose cell n is set by the nth opener alone, and shown after the bracket alone."""
    vocabulary = Vocabulary("".join(sorted("\n)" + OPENERS + CLOSERS + FILLERS)))
    config = ModelConfig("lstm", hidden_size=4, num_layers=1)
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(0))
    params = model.parameters
    for name in params:
        params[name][...] = 0
    i, f, o, g = (slice(4 * n, 4 * n + 4) for n in range(4))
    opened = [vocabulary.characters.index(c) for c in OPENERS]
    closed = [vocabulary.characters.index(c) for c in CLOSERS]
    params["layer0/b"][i], params["layer0/b"][f], params["layer0/b"][o] = -50, 50, -50
    params["layer0/U"][i, opened] = 100
    params["layer0/U"][f, opened] = -100
    params["layer0/U"][g, opened] = 9 * np.eye(4)
    params["layer0/U"][o, vocabulary.characters.index(")")] = 100
    params["V"][closed] = 40 * np.eye(4)
    params["c"][closed] = -10
    return model


def _checkpoint(model: CharacterModel, text: str, path: Path, val_fraction: float = 0.2) -> Subject:
    """As if it had learnt a text that is in a file."""
    path.write_bytes(text.encode(model.vocabulary.config.encoding))
    corpus = Corpus.from_text(text, vocabulary=model.vocabulary)
    info = CorpusInfo((str(path),), len(corpus), 0, corpus.sha256)
    return Subject(path, Checkpoint(model, replace(USED, val_fraction=val_fraction), info))


def test_long_memory(tmp_path: Path) -> None:
    """What n-grams cannot see from where they stand is where the model gains most."""
    subject = _checkpoint(_remembering(), _far(400, 1), tmp_path / "far.txt")
    found = view(Look((subject,))).data
    text = _far(400, 1)[-int(400 * (FAR + 4) * 0.2) :]
    assert found["characters"] == len(text)
    assert found["counted"] == 400 * (FAR + 4) - len(text)
    assert len(found["places"]) == ngrams.PLACES
    for place in found["places"]:
        closer = place.character.text
        assert closer in CLOSERS
        assert text[place.at - 1] == closer
        assert place.model_bits < 0.1 < 1.5 < place.ngram_bits
        assert place.model_guesses[0].character.text == closer
        assert place.before.text.rpartition("\n")[2][0] == closer.upper()


def test_costs_of_the_model() -> None:
    """A long text in windows costs what it does in one piece; a record what it does alone."""
    model, text = _remembering(), _far(300, 2)
    whole = read_surprise(model, text).bits
    np.testing.assert_allclose(model_costs(model, text), whole, rtol=1e-3, atol=1e-3)
    records = replace(
        model, vocabulary=Vocabulary(model.vocabulary.characters, TextConfig(records=True))
    )
    text = _far(50, 3) + "Ax"
    np.testing.assert_allclose(
        model_costs(records, text), read_surprise(records, text).bits, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("records", [False, True])
def test_division_is_that_of_training(records: bool) -> None:
    """The n-grams see what the model was trained on, and the rest is scored."""
    rng = np.random.default_rng(1)
    lines = ["".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(200)]
    corpus = Corpus.from_text("\n".join(lines), config=TextConfig(records=records))
    config = TrainingConfig(val_fraction=0.25, seed=7, batch_size=4, seq_length=5)
    training, validation = ngrams._divided(corpus, config)
    division = divide(corpus, config)
    if not records:
        text = corpus.vocabulary.decode(corpus.ids)
        assert corpus.vocabulary.decode(training) + validation == text
        assert len(training) == division.train_characters
        return
    assert division.validation is not None
    for chunks, part in (
        (division.training, corpus.vocabulary.decode(training)[1:]),
        (division.validation, validation),
    ):
        read = [
            corpus.vocabulary.decode(chunk.targets[:, column][counted[:, column]])
            for chunk in map(chunks.chunk, range(len(chunks)))
            if (counted := chunk.counted) is not None
            for column in range(chunks.columns)
        ]
        assert Counter("".join(read)) == Counter(part)
        assert part.count("\n") == "".join(read).count("\n")
    assert set(training.tolist()) <= set(range(len(corpus.vocabulary)))
    every = Counter(corpus.vocabulary.decode(training).split("\n") + validation.split("\n"))
    assert every - Counter([""] * 9) == Counter(line for line in lines if line)


def test_what_may_be_counted(tmp_path: Path) -> None:
    """Only the text that was learnt is opened by itself; another one has to be named."""
    text, path = _far(100, 5), tmp_path / "far.txt"
    subject = _checkpoint(_remembering(), text, path)
    own = view(Look((subject,))).data
    moved = tmp_path / "moved.txt"
    path.rename(moved)
    with pytest.raises(InputError, match="not at hand; --counts FILE"):
        view(Look((subject,)))
    path.write_text(_far(100, 6), encoding="utf-8")
    with pytest.raises(InputError, match="has changed; --counts FILE"):
        view(Look((subject,)))
    named = view(Look((subject,), counts=str(moved))).data
    assert named["bits"] == own["bits"]
    assert "kept for validation" in named["source"]
    assert "is not counted" in view(Look((subject,), counts=str(path))).data["source"]
    other = view(Look((subject,), counts=str(moved), on="Axxyzz)a\n")).data
    assert other["characters"] == 9
    with pytest.raises(InputError, match="no such file"):
        view(Look((subject,), counts=str(tmp_path / "none.txt")))
    (tmp_path / "odd.txt").write_text(_far(9, 1) + "?", encoding="utf-8")
    with pytest.raises(InputError, match='unknown="skip"'):
        view(Look((subject,), counts=str(tmp_path / "odd.txt")))
    assert view(Look((subject,), counts=str(tmp_path / "odd.txt"), unknown="skip")).data["counted"]


def test_nothing_kept_for_validation(tmp_path: Path) -> None:
    subject = _checkpoint(_remembering(), _far(20, 5), tmp_path / "far.txt", 0.0)
    with pytest.raises(InputError, match="nothing was kept for validation; --on"):
        view(Look((subject,)))
    assert view(Look((subject,), on="xyz")).data["characters"] == 3


def test_page_without_the_text(tmp_path: Path) -> None:
    """Of a text that is not to be shown there are figures, but no places."""
    subject = _checkpoint(_remembering(), _far(100, 5), tmp_path / "far.txt")
    figure = view(Look((subject,)))
    left = without_text(figure)
    assert isinstance(left, Figure)
    assert figure.blocks[:4] == left.blocks[:4]
    assert "Symbols" in repr(figure.blocks)
    assert "Symbols" not in repr(left.blocks)


@pytest.mark.parametrize("kind", [TextConfig(unit="byte"), TextConfig(records=True)])
def test_bytes_and_records(tmp_path: Path, kind: TextConfig) -> None:
    """All is in bits for what the model reads one by one."""
    text = _far(60, 4)
    vocabulary = Vocabulary(BYTES if kind.unit == "byte" else "".join(sorted(set(text))), kind)
    model = CharacterModel.fresh(
        ModelConfig("gru", 4, num_layers=1), vocabulary, np.random.default_rng(1)
    )
    subject = _checkpoint(model, text, tmp_path / "far.txt")
    found = view(Look((subject,))).data
    assert found["orders"] == [1, 2, 3, 4, 5, 6]
    assert np.isfinite(found["bits"]).all()
    assert found["model_bits"] == pytest.approx(np.log2(len(vocabulary)), rel=0.2)
    if kind.records:  # drawn, so each has a filler of its own, and nothing but the bracket to learn
        assert found["characters"] == 12 * (FAR + 4)
    assert all(isinstance(place.character, Symbols) for place in found["places"])
