"""Reading: chunk by chunk as in one go, side by side as one by one, and each from what stands before."""

from __future__ import annotations

import numpy as np
import pytest
from kinds import KINDS, configured

from charrnn.config import TextConfig
from charrnn.errors import CheckpointError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import STEPS, ChunkReader, read_prime, read_text, starts_in
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.vocabulary import Vocabulary

ALPHABET = "\n abc()"
RECORDS = TextConfig(records=True)


def _model(cell: str = "lstm", config: TextConfig | None = None) -> CharacterModel:
    vocabulary = Vocabulary(ALPHABET, config or TextConfig())
    return CharacterModel.fresh(configured(cell, 7, 2), vocabulary, np.random.default_rng(5))


def _logits(model: CharacterModel, text: str) -> Array:
    """``(K, T)`` after each character of a text, read in one go from the zero state."""
    ids, zero = model.vocabulary.encode(text)[:, None], model.network.zero_state(1)
    return model.network.logits(model.parameters, ids, zero, Workspace())[0][:, :, 0]


@pytest.mark.parametrize("cell", KINDS)
def test_chunks_are_the_whole(cell: str) -> None:
    """The state is carried from one to the next, but in a text that begins anew."""
    model, texts = _model(cell), ("abc(ab)c\n", "cab abc a")
    reader = ChunkReader(model.network, model.parameters, 2)
    ids = np.stack([model.vocabulary.encode(text) for text in texts], axis=1)
    reader.read(ids[:4])
    after = reader.read(ids[4:], fresh=np.array([False, True]))
    np.testing.assert_allclose(after[:, :, 0], _logits(model, texts[0])[:, 4:], atol=1e-6)
    np.testing.assert_allclose(after[:, :, 1], _logits(model, texts[1][4:]), atol=1e-6)


def test_nats() -> None:
    model, text = _model(), "ab(c) \nab"
    ids = model.vocabulary.encode(text)[:, None]
    reader = ChunkReader(model.network, model.parameters, 1)
    found = cross_entropy_(reader.read(ids[:-1]), ids[1:])
    p = np.exp(_logits(model, text[:-1]).astype(float))
    p /= p.sum(axis=0)
    np.testing.assert_allclose(found[:, 0], -np.log(p[ids[1:, 0], range(len(p[0]))]), rtol=1e-5)


def test_numbers_that_are_not_finite() -> None:
    """An error, a value where that is asked for, and nothing where they do not count."""
    model = _model("rnn-relu")
    model.parameters["layer1/U"][...] = 3e38
    ids = model.vocabulary.encode("abc" * 9)[:, None]
    reader = ChunkReader(model.network, model.parameters, 1)
    with pytest.raises(CheckpointError, match="overflow"):
        reader.read(ids)
    reader.read(ids, counted=np.zeros(ids.shape, np.bool_))
    values = ChunkReader(model.network, model.parameters, 1, checked=False)
    assert not np.isfinite(values.read(ids)).all()
    with pytest.raises(CheckpointError, match="overflow"):
        read_prime(model, "abc")
    assert not np.isfinite(read_prime(model, "abc", checked=False)[0]).all()


def test_a_prime_longer_than_a_chunk() -> None:
    model, prime = _model(), "ab (c)\n" * 90
    assert len(prime) > 2 * STEPS
    logits, state = read_prime(model, prime)
    np.testing.assert_allclose(logits[:, 0], _logits(model, prime)[:, -1], atol=1e-5)
    assert state.shape == model.network.zero_state(1).shape


def test_what_stands_before() -> None:
    """A record's end; else the prime alone, or a line feed, or the first character of all."""
    model, records = _model(), _model(config=RECORDS)
    assert (model.beginning(), model.beginning("ab")) == ("\n", "ab")
    assert (records.beginning(), records.beginning("ab")) == ("\n", "\nab")
    lineless = CharacterModel(model.network, model.parameters, Vocabulary("zyxabcd"))
    assert (lineless.beginning(), lineless.beginning("ab")) == ("z", "ab")


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("config", [TextConfig(), RECORDS])
@pytest.mark.parametrize("text", ["a", "\n", "ab\n\n\n(c)\nb", "abc (cab)\n" * 170 + "\nca"])
def test_each_place_is_predicted_once(text: str, config: TextConfig, most: int) -> None:
    """By the scores of all that was read before it: of the text, or of its record."""
    model = _model("gru", config)
    for layer in (0, 1):
        model.parameters[f"layer{layer}/W"][...] *= 0.1  # so that 100 characters are a long memory
    times, found = np.zeros(len(text), int), np.empty((len(ALPHABET), len(text)), np.float32)
    for passage in read_text(model, text, most=most):
        places = passage.places[passage.counted]
        times[places] += 1
        found[:, places] = passage.logits[:, passage.counted]
    assert (times == 1).all()
    parts = text.splitlines(keepends=True) if config.records else [text]
    expected = [_logits(model, "\n" + part[:-1]) for part in parts]
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-5)


def test_starts() -> None:
    ids = Vocabulary(ALPHABET).encode("\nab\n\nc\n")
    assert list(starts_in(_model(), ids)) == [0]
    assert list(starts_in(_model(config=RECORDS), ids)) == [0, 3, 4]


def test_unknown_characters() -> None:
    for read in (read_prime, lambda model, text: list(read_text(model, text))):
        with pytest.raises(UnknownCharacterError, match="'é'"):
            read(_model(), "é")


def test_models_compare_by_value() -> None:
    """Equal are those that predict alike, whoever made them."""
    model = _model()
    same = CharacterModel(
        _model().network, model.parameters.copy(), Vocabulary(ALPHABET, TextConfig())
    )
    assert model == same
    assert model != _model("gru")
    assert model != _model(config=RECORDS)
    same.parameters["c"][0] += 1
    assert model != same
    with pytest.raises(TypeError, match="unhashable"):
        hash(model)


def test_a_model_tells_what_it_is() -> None:
    assert repr(_model()) == "<CharacterModel: lstm, 2 x 7, 7 characters, 896 weights>"
