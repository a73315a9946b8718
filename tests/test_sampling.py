"""Writing: the draws follow the model's own distribution, and a prime is read as it stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import CELLS, ModelConfig
from charrnn.errors import CheckpointError, InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.models.stepper import Stepper
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.sampling import (
    BATCH_STEPS,
    PRIME_STEPS,
    choose,
    generate,
    generate_batch,
    gumbel_noise,
    read,
)
from charrnn.text import Vocabulary

LOGITS = np.array([0.5, -1.0, 2.0, 1.9, -30.0], np.float32)


def _model(
    cell: str = "lstm", characters: str = "\n abcdefg", embedding_size: int = 0
) -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    config = ModelConfig(cell, hidden_size=10, embedding_size=embedding_size, dropout=0.5)
    model = CharacterModel.fresh(config, Vocabulary(characters), np.random.default_rng(5))
    model.parameters["V"][...] *= 9
    model.parameters["layer0/U"][...] *= 3
    return model


def _write(model: CharacterModel, seed: int = 0, **options: object) -> str:
    return "".join(generate(model, rng=seed, **options))  # type: ignore[arg-type]


def _frequencies(logits: Array, temperature: float, draws: int = 20_000) -> Array:
    """How often each character is chosen, drawn by ten generators side by side."""
    noise = gumbel_noise(
        [np.random.default_rng(seed) for seed in range(10)], len(logits), temperature
    )
    chosen = [choose(logits[:, None], next(noise)) for _ in range(draws // 10)]
    return np.bincount(np.concatenate(chosen), minlength=len(logits)) / draws


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_draws_follow_the_softmax(temperature: float) -> None:
    """Frequencies of many draws are the probabilities, within five standard deviations."""
    expected = np.exp(LOGITS.astype(float) / temperature)
    expected /= expected.sum()
    deviation = np.sqrt(expected * (1 - expected) / 20_000)
    found = _frequencies(LOGITS, temperature)
    assert (abs(found - expected) <= 5 * deviation + 1e-4).all()


def test_noise_is_gumbel() -> None:
    """Mean and variance of the distribution are γ and π²/6, times the temperature and its square."""
    noise = gumbel_noise([np.random.default_rng(0), np.random.default_rng(1)], 50, 3.0)
    draws = np.stack([next(noise) for _ in range(2000)]).astype(float)
    assert draws.shape == (2000, 50, 2)
    assert draws.mean() == pytest.approx(3 * 0.5772156649, abs=0.05)
    assert draws.var() == pytest.approx(9 * math.pi**2 / 6, rel=0.02)
    assert np.corrcoef(draws[..., 0].ravel(), draws[..., 1].ravel())[0, 1] == pytest.approx(
        0, abs=0.02
    )


def test_noise_of_a_text_is_its_own() -> None:
    """It does not depend on how many other texts are written beside it."""
    alone = gumbel_noise([np.random.default_rng(4)], 7, 0.5)
    beside = gumbel_noise([np.random.default_rng(seed) for seed in (9, 4, 8)], 7, 0.5)
    for _ in range(3000):
        np.testing.assert_array_equal(next(alone)[:, 0], next(beside)[:, 1])


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-5])
def test_cold_is_the_likeliest(temperature: float) -> None:
    """However small the lead; the first of equals at temperature 0."""
    assert _frequencies(LOGITS, temperature, 200)[2] == 1
    assert _frequencies(np.array([1.0, 3.0, 3.0], np.float32), 0.0, 200)[1] == 1


@pytest.mark.parametrize("temperature", [1e9, 1e300, math.inf])
def test_hot_is_uniform(temperature: float) -> None:
    np.testing.assert_allclose(_frequencies(LOGITS, temperature), 0.2, atol=0.015)


@given(
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=6),
    st.floats(0, 100),
    st.integers(0, 1000),
)
def test_any_logits_choose_something(logits: list[float], temperature: float, seed: int) -> None:
    """No temperature, draw or logit leads outside the vocabulary, or to what cannot be."""
    noise = next(gumbel_noise([np.random.default_rng(seed)], len(logits), temperature))
    (chosen,) = choose(np.array(logits, np.float32)[:, None], noise)
    assert 0 <= chosen < len(logits)
    lead = max(logits) - logits[chosen]
    assert lead <= 50 * temperature + 1e-5 * max(map(abs, logits))  # exp(-50) never happens


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 1e300])
def test_impossible_characters_are_never_chosen(temperature: float) -> None:
    """A logit of minus infinity is a probability of zero."""
    logits = np.array([-np.inf, 1.0, -np.inf, 1.0, -np.inf], np.float32)
    assert _frequencies(logits, temperature, 2000)[[1, 3]].sum() == 1


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


@pytest.mark.parametrize("embedding_size", [0, 4])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_steps_equal_the_chunk(cell: str, batch: int, embedding_size: int) -> None:
    """Read at once, in blocks, or step by step after a part: the same scores and the same state."""
    model = _model(cell, embedding_size=embedding_size)
    ids = np.random.default_rng(8).integers(
        len(model.vocabulary), size=(2 * PRIME_STEPS + 7, batch)
    )
    zero = model.network.zero_state(batch)
    whole, state = model.network.logits(model.parameters, ids, zero, Workspace())
    in_blocks, state_of_blocks = read(model, ids)
    np.testing.assert_allclose(in_blocks, whole[:, -1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(state_of_blocks, state, rtol=1e-4, atol=1e-5)
    stepper = Stepper(model.network, model.parameters, read(model, ids[:100])[1])
    for place in range(100, len(ids)):
        stepped = stepper.step(ids[place])
        np.testing.assert_allclose(stepped, whole[:, place], rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(stepper.state, state, rtol=1e-4, atol=1e-5)
    assert not np.allclose(read(model, ids[:1])[0], in_blocks, atol=1e-2)


def test_stepper_leaves_the_state_it_was_given() -> None:
    model = _model()
    state = model.network.zero_state(1)
    Stepper(model.network, model.parameters, state).step(np.array([2]))
    assert not state.any()


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("cell", CELLS)
def test_batch_writes_what_each_would_write_alone(cell: str, count: int) -> None:
    """Different primes and seeds, side by side and on threads where there are many."""
    model, length = _model(cell), 2 * BATCH_STEPS + 3
    primes = ["abc", "gg\n", "fed"] * 14
    steps = generate_batch(model, primes[:count], length=length, rngs=range(count))
    alone = [_write(model, seed, prime=primes[seed], length=length) for seed in range(count)]
    assert ["".join(text) for text in zip(*steps, strict=True)] == alone
    assert len(set(alone)) > count // 2


def test_empty_batch_of_text() -> None:
    assert list(generate_batch(_model(), ["a"] * 3, length=0, rngs=range(3))) == []


@pytest.mark.parametrize("primes", [[], ["ab", "a"]])
def test_wrong_batch(primes: list[str]) -> None:
    with pytest.raises(InputError, match="all of the same length"):
        generate_batch(_model(), primes, rngs=range(len(primes)))


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


def test_overflow_is_an_error() -> None:
    """Weights whose products are not finite are told of, at once or some characters later."""
    model = _model("rnn-relu")
    model.parameters["layer1/W"][...] = 3e19
    model.parameters["layer1/U"][...] = 1
    with np.errstate(all="ignore"), pytest.raises(CheckpointError, match="overflow"):
        _write(model, length=200)
    with pytest.raises(CheckpointError, match="overflow"):
        list(generate_batch(model, ["a", "b"], length=200, rngs=[1, 2]))
