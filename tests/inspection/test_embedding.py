"""Which characters are alike: known vectors, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.errors import InputError
from charrnn.inspection.embedding import character_map
from charrnn.models.character_model import CharacterModel
from charrnn.text.vocabulary import Vocabulary

TEXT = "aaaaabbbbcccddx"


def _model(embedding_size: int = 0) -> CharacterModel:
    config = ModelConfig("gru", 5, 1, embedding_size)
    return CharacterModel.fresh(config, Vocabulary("abcdxyz"), np.random.default_rng(4))


@pytest.mark.parametrize("embedding_size", [0, 3])
def test_frequent_characters(embedding_size: int) -> None:
    found = character_map(_model(embedding_size), TEXT, most=4)
    assert found.characters == "abcd"
    assert found.counts.tolist() == [5, 4, 3, 2]
    assert found.predicted
    assert (found.read.array, found.predicted.array) == (
        "E" if embedding_size else "layer0/U",
        "V",
    )


def test_alike_and_opposite() -> None:
    """Vectors of one direction are alike whatever their length, others are not."""
    model = _model()
    rows = model.parameters["V"]
    rows[:4] = 0
    rows[:4, 1] = 3, 1, -2, -2  # a, b, c, d
    found = character_map(model, TEXT, most=4).predicted
    assert found
    np.testing.assert_allclose(found.cosines[0], [1, 1, -1, -1], atol=1e-6)
    assert found.nearest(0, 1).tolist() == [1]
    assert found.nearest(3, 2).tolist() == [2, 0]
    np.testing.assert_allclose(found.explained, [1, 0], atol=1e-6)
    np.testing.assert_allclose(found.places[:, 0], [1, 1, -1, -1], atol=1e-6)


@pytest.mark.parametrize("embedding_size", [0, 3])
def test_what_changes_no_probability_does_not_matter(embedding_size: int) -> None:
    """The same added to all vectors is a bias."""
    model = _model(embedding_size)
    before = character_map(model, TEXT)
    name = "E" if embedding_size else "layer0/U"
    model.parameters[name][...] += np.arange(len(model.parameters[name]))[:, None]
    model.parameters["V"][...] += np.arange(5)
    after = character_map(model, TEXT)
    assert before.predicted
    assert after.predicted
    for one, other in ((before.read, after.read), (before.predicted, after.predicted)):
        np.testing.assert_allclose(one.cosines, other.cosines, atol=1e-4)
        np.testing.assert_allclose(one.explained, other.explained, atol=1e-4)


def test_the_plane_holds_most_of_the_variance() -> None:
    """No axis through the directions holds more than the first one."""
    found = character_map(_model(), TEXT).read
    cosines = found.cosines
    centred = cosines - cosines.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    best = np.linalg.eigvalsh(centred)[::-1]
    np.testing.assert_allclose(np.square(found.places).sum(axis=0), best[:2], atol=1e-6)
    np.testing.assert_allclose(found.explained, best[:2] / best.sum(), atol=1e-6)


def test_one_character_is_like_none() -> None:
    with pytest.raises(InputError, match="two different characters"):
        character_map(_model(), "aaa")
    assert character_map(_model(), "ab").read.places.shape == (2, 2)
