"""Writing: the draws follow the model's own distribution, and a prime is read as it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CELLS, ModelConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.sampling import PRIME_STEPS, Reader, choose, generate
from charrnn.text import Vocabulary

LOGITS = np.array([0.5, -1.0, 2.0, 1.9, -30.0], np.float32)


def _model(cell: str = "lstm", characters: str = "\n abcdefg") -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    config = ModelConfig(cell=cell, hidden_size=10, dropout=0.5)
    model = CharacterModel.fresh(config, Vocabulary(characters), np.random.default_rng(5))
    model.parameters["V"][...] *= 9
    model.parameters["layer0/U"][...] *= 3
    return model


def _write(model: CharacterModel, seed: int = 0, **options: object) -> str:
    return "".join(generate(model, rng=seed, **options))  # type: ignore[arg-type]


def _softmax(scores: Sequence[float]) -> list[float]:
    weights = [math.exp(score) for score in scores]
    return [weight / sum(weights) for weight in weights]


def _frequencies(logits: Array, temperature: float, draws: int = 20_000) -> Array:
    rng = np.random.default_rng(7)
    chosen = [choose(logits, temperature, rng.random()) for _ in range(draws)]
    return np.bincount(chosen, minlength=len(logits)) / draws


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_draws_follow_the_softmax(temperature: float) -> None:
    """Frequencies of many draws are the probabilities, within five standard deviations."""
    expected = np.array(_softmax([float(logit) / temperature for logit in LOGITS]))
    deviation = np.sqrt(expected * (1 - expected) / 20_000)
    found = _frequencies(LOGITS, temperature)
    assert (abs(found - expected) <= 5 * deviation + 1e-4).all()


def test_draws_split_the_unit_interval() -> None:
    """Each character has an interval of its own, in order, as wide as its probability."""
    edges = np.cumsum(_softmax([float(logit) for logit in LOGITS]))[:3]
    for index, edge in enumerate(edges):
        assert choose(LOGITS, 1.0, edge - 1e-6) == index
        assert choose(LOGITS, 1.0, edge + 1e-6) == index + 1
    assert choose(LOGITS, 1.0, 0.0) == 0


def test_temperature_limits() -> None:
    """Cold is the likeliest, however small the lead; infinitely hot is uniform."""
    for draw in (0.0, 0.5, math.nextafter(1, 0)):
        assert choose(LOGITS, 0.0, draw) == 2
        assert choose(LOGITS, 1e-4, draw) == 2
        assert choose(LOGITS, 5e-324, draw) == 2  # the smallest number there is
        assert choose(LOGITS, math.inf, draw) == int(draw * 5)
    np.testing.assert_allclose(_frequencies(LOGITS, 1e9), 0.2, atol=0.015)


def test_greedy_takes_the_first_of_equals() -> None:
    assert choose(np.array([1.0, 3.0, 3.0]), 0.0, 0.99) == 1


@given(
    st.lists(st.floats(-(2.0**127), 2.0**127, width=32), min_size=1, max_size=6),
    st.one_of(st.just(math.inf), st.floats(0, 1e300)),
    st.floats(0, 1, exclude_max=True),
)
def test_any_logits_choose_something(logits: list[float], temperature: float, draw: float) -> None:
    """No temperature, draw or logit leads outside the vocabulary, or to what cannot be."""
    chosen = choose(np.array(logits, np.float32), temperature, draw)
    assert 0 <= chosen < len(logits)
    if temperature < math.inf:
        lead = max(logits) - logits[chosen]
        assert lead <= 800 * temperature  # exp(-800) is zero


@pytest.mark.parametrize("draw", [0.0, 1e-300, 0.25, 0.5, math.nextafter(0.5, 0), 0.75])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 3.0])
def test_impossible_characters_are_never_chosen(draw: float, temperature: float) -> None:
    """A logit of minus infinity is a probability of zero, also at the edges of the draw."""
    logits = np.array([-np.inf, 1.0, -np.inf, 1.0, -np.inf], np.float32)
    assert choose(logits, temperature, draw) in (1, 3)
    assert choose(logits, temperature, math.nextafter(1, 0)) in (1, 3)


def test_logits_are_left_alone() -> None:
    """Choosing works on a copy."""
    logits = LOGITS.copy()
    choose(logits, 0.7, 0.5)
    np.testing.assert_array_equal(logits, LOGITS)


@pytest.mark.parametrize("cell", CELLS)
def test_greedy_text_is_the_argmax_of_the_whole(cell: str) -> None:
    """Each character is the likeliest after all that was read, computed in one go from the start."""
    model, written = _model(cell), set()
    for prime in ("abc def", "gg", "\n", "fed cba"):
        text = _write(model, prime=prime, length=25, temperature=0)
        ids = model.vocabulary.encode(prime + text).astype(np.intp)[:, None]
        zero = model.network.zero_state(1)
        logits, _ = model.network.logits(model.parameters, ids, zero, Workspace())
        likeliest = logits[:, len(prime) - 1 : -1, 0].argmax(axis=0)
        assert model.vocabulary.decode(likeliest) == text
        written |= set(text)
    assert len(written) > 1


@pytest.mark.parametrize("cell", CELLS)
def test_prime_in_parts(cell: str) -> None:
    """Read at once, in blocks, or one by one: the same scores for what comes next."""
    model = _model(cell)
    ids = np.random.default_rng(8).integers(len(model.vocabulary), size=2 * PRIME_STEPS + 7)
    together = Reader(model).read(ids).copy()
    reader, one_by_one = Reader(model), Reader(model)
    reader.read(ids[:100])
    np.testing.assert_allclose(reader.read(ids[100:]), together, rtol=1e-4, atol=1e-5)
    for place in range(len(ids)):
        last = one_by_one.read(ids[place : place + 1])
    np.testing.assert_allclose(last, together, rtol=1e-4, atol=1e-5)
    assert not np.allclose(Reader(model).read(ids[:1]), together, atol=1e-2)


def test_same_seed_same_text() -> None:
    """A seed, or a generator with that seed, gives the same text; another seed another one."""
    model = _model()
    text = _write(model, 3, length=80)
    assert _write(model, 3, length=80) == text
    assert "".join(generate(model, length=80, rng=np.random.default_rng(3))) == text
    assert _write(model, 4, length=80) != text
    assert _write(model, 3, length=30) == text[:30]


def test_length() -> None:
    """Just as many characters as asked, each of the vocabulary, and none for 0."""
    model = _model()
    for length in (0, 1, 17):
        text = _write(model, length=length)
        assert len(text) == length
        assert set(text) <= set(model.vocabulary.characters)


def test_without_a_prime() -> None:
    """A text begins like a line, or with the first character where there are no lines."""
    model = _model()
    assert _write(model, length=40) == _write(model, prime="\n", length=40)
    assert _write(model, length=40) != _write(model, prime="a", length=40)
    lineless = _model(characters="xyz")
    assert _write(lineless, length=40) == _write(lineless, prime="x", length=40)


@pytest.mark.parametrize("temperature", [-0.1, math.nan, -math.inf])
def test_wrong_temperature(temperature: float) -> None:
    """Refused at the call, before the first character is asked for."""
    with pytest.raises(InputError, match="temperature must be at least 0"):
        generate(_model(), temperature=temperature)


def test_wrong_length_and_prime() -> None:
    with pytest.raises(InputError, match="length must be at least 0, not -1"):
        generate(_model(), length=-1)
    with pytest.raises(UnknownCharacterError, match="'é'") as caught:
        generate(_model(), prime="abécé")
    assert caught.value.characters == "é"
