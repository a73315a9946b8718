"""Scoring: the figures are the model's own probabilities, however the text is cut or batched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import KINDS, named

from charrnn.config import ModelConfig
from charrnn.errors import CheckpointError, UnknownCharacterError
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import WORTH_LOADING, CharacterModel
from charrnn.models.reading import STEPS, read_prime
from charrnn.models.stepper import Stepper
from charrnn.nn.loss import bits
from charrnn.nn.parameters import Array
from charrnn.text.embedded import default_text
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.scoring import Scorer, SegmentScorer, score_texts

ALPHABET = "\n abcdefg"


def _model(cell: str = "lstm", characters: str = ALPHABET) -> CharacterModel:
    config = ModelConfig(**named(cell), hidden_size=10)
    model = CharacterModel.fresh(config, Vocabulary(characters), np.random.default_rng(5))
    model.parameters["V"][...] *= 9
    return model


def _slowly(model: CharacterModel, text: str) -> Array:
    """Nats by the definition: a line feed first, then each character from the sampler's scores."""
    logits, state = read_prime(model, "")
    stepper, nats = Stepper(model.network, model.parameters, state), []
    for number in model.vocabulary.encode(text):
        scores = logits[:, 0].astype(np.float64)
        nats.append(np.log(np.exp(scores).sum()) - scores[number])
        logits = stepper.step(np.array([number]))
    return np.array(nats)


def test_bits() -> None:
    """A choice between eight that are alike is three of them."""
    assert bits(np.log(8)) == pytest.approx(3)


@pytest.mark.parametrize("cell", KINDS)
def test_nats_follow_the_definition(cell: str) -> None:
    model = _model(cell)
    text = "abc\ndefg gfe\n\ndcba" * 20
    assert len(text) > STEPS
    (found,) = score_texts(model, [text])
    np.testing.assert_allclose(found, _slowly(model, text), rtol=1e-4, atol=1e-4)


@settings(max_examples=30)
@given(st.text(ALPHABET, max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_pieces_are_the_whole(text: str, cuts: list[int]) -> None:
    """State and last character are carried over any cut, empty pieces too."""
    model, places = _model(), sorted(min(cut, len(text)) for cut in cuts)
    scorer = Scorer(model)
    pieces = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    found = [scorer.read(model.vocabulary.encode(piece)) for piece in pieces]
    np.testing.assert_allclose(np.concatenate(found), _slowly(model, text), rtol=1e-4, atol=1e-4)


@settings(max_examples=20)
@given(st.lists(st.text(ALPHABET, max_size=12), max_size=150))
def test_texts_are_scored_as_if_alone(texts: list[str]) -> None:
    """In the order given, however many are read side by side."""
    model = _model()
    found = score_texts(model, texts)
    assert [len(nats) for nats in found] == list(map(len, texts))
    for nats, text in zip(found, texts, strict=True):
        np.testing.assert_allclose(nats, _slowly(model, text), rtol=1e-4, atol=1e-4)


def test_memory_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread has a workspace, in which it reads one group of texts after the other."""
    monkeypatch.setattr("charrnn.models.reading.Workspace", None)
    assert len(score_texts(_model(), ["abc", "d\n"] * 100)) == 200


def test_errors() -> None:
    with pytest.raises(UnknownCharacterError, match="'é'"):
        score_texts(_model(), ["abc", "é"])
    model = _model("rnn-relu")
    model.parameters["layer1/W"][...] = 3e19
    model.parameters["layer1/U"][...] = 1
    with pytest.raises(CheckpointError, match="overflow"):
        score_texts(model, ["abc" * 100])


def test_without_line_feed() -> None:
    """Where a model knows no lines, its first character comes first, as for the sampler."""
    model = _model(characters="xyz")
    np.testing.assert_allclose(
        score_texts(model, ["zyx"])[0], _slowly(model, "zyx"), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_segments_side_by_side(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Piece by piece as in one stream, empty and short pieces too, on however many threads."""
    monkeypatch.setattr("charrnn.writing.scoring.default_shards", lambda _columns: 3)
    model = _model(cell)
    ids = np.random.default_rng(1).integers(len(ALPHABET), size=30_000)
    exact, scorer = Scorer(model).read(ids), SegmentScorer(model)
    pieces = np.split(ids, [0, 20_000, 20_001, 20_300])
    found = np.concatenate([scorer.read(piece) for piece in pieces])
    np.testing.assert_allclose(found, exact, atol=1e-4)
    assert found.mean() == pytest.approx(exact.mean(), abs=1e-6)
    assert not len(SegmentScorer(model).read(ids[:0]))


def test_the_demo_in_segments() -> None:
    """A model that has learnt long memory gives the same four digits."""
    model = load_checkpoint(Path(__file__).parents[1] / "checkpoints" / "demo.npz").model
    text = model.vocabulary.known(default_text()[:40_000], "skip")
    ids = model.vocabulary.encode(text)
    exact, found = Scorer(model).read(ids), SegmentScorer(model).read(ids)
    np.testing.assert_allclose(found, exact, atol=1e-3)
    assert found.mean() == pytest.approx(exact.mean(), abs=1e-5)


def test_the_quick_twin_is_loaded_where_it_pays() -> None:
    """By sizes alone."""
    model = _model()
    assert model.to_read(1000) is model
    enough = WORTH_LOADING / model.network.multiplications
    assert model.to_read(int(enough) + 1) == model
    assert model.to_read(int(enough) + 1) is not model
