"""Writing: the draws follow the model's own distribution, and a prime is read as it stands."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from functools import partial
from itertools import chain, islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import KINDS, every_model, named
from threadpoolctl import threadpool_info, threadpool_limits

from charrnn.config import ModelConfig, SamplingConfig
from charrnn.errors import CheckpointError, InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.models.reading import ChunkReader
from charrnn.models.stepper import Stepper
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.batch import generate_batch
from charrnn.writing.choosing import GumbelNoise, Temperatures, choose
from charrnn.writing.ending import Ending
from charrnn.writing.sampling import generate
from charrnn.writing.writer import FILTERS, Piece, Prompt

LOGITS = np.array([0.5, -1.0, 2.0, 1.9, -30.0], np.float32)


def _model(
    cell: str = "lstm", characters: str = "\n abcdefg", embedding_size: int = 0
) -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    config = ModelConfig(**named(cell), hidden_size=10, embedding_size=embedding_size, dropout=0.5)
    model = CharacterModel.fresh(config, Vocabulary(characters), np.random.default_rng(5))
    model.parameters["V"][...] *= 9
    _multiply(model, 3)
    return model


def _multiply(model: CharacterModel, factor: float) -> None:
    """Let what is read matter more."""
    for name in model.network.stack.layers[0].input_shapes():
        model.parameters[f"layer0/{name}"][...] *= factor


def _write(model: CharacterModel, seed: int = 0, **options: object) -> str:
    return "".join(generate(model, rng=seed, **options))  # type: ignore[arg-type]


def _write_all(model: CharacterModel, prompts: list[Prompt]) -> list[str]:
    """The texts of a batch."""
    texts = [""] * len(prompts)
    for piece in generate_batch(model, prompts):
        texts[piece.number] += piece.text
    return texts


def _nats(model: CharacterModel, prime: str, text: str) -> Array:
    """How unexpected the characters of a text are to a model that has read its prime."""
    ids = model.vocabulary.encode(model.beginning(prime) + text).astype(np.intp)[:, None]
    reader = ChunkReader(model.network, model.parameters, 1)
    return cross_entropy_(reader.read(ids[:-1]), ids[1:])[-len(text) :, 0]


def _noise(seeds: Iterable[int], size: int, temperature: float) -> GumbelNoise:
    rngs = [np.random.default_rng(seed) for seed in seeds]
    return GumbelNoise(
        rngs, size, Temperatures([SamplingConfig(temperature=temperature)] * len(rngs))
    )


def _frequencies(logits: Array, temperature: float, draws: int = 20_000) -> Array:
    """How often each character is chosen, drawn by ten generators side by side."""
    noise = _noise(range(10), len(logits), temperature)
    chosen = [choose(logits[:, None], noise.row()) for _ in range(draws // 10)]
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
    noise = _noise([0, 1], 50, 3.0)
    assert noise.row().dtype == np.float32
    draws = np.stack([noise.row() for _ in range(2000)]).astype(float)
    assert draws.shape == (2000, 50, 2)
    assert draws.mean() == pytest.approx(3 * 0.5772156649, abs=0.05)
    assert draws.var() == pytest.approx(9 * math.pi**2 / 6, rel=0.02)
    assert np.corrcoef(draws[..., 0].ravel(), draws[..., 1].ravel())[0, 1] == pytest.approx(
        0, abs=0.02
    )


def test_noise_of_a_text_is_its_own() -> None:
    """It does not depend on how many other texts are written beside it."""
    alone = _noise([4], 7, 0.5)
    beside = _noise([9, 4, 8], 7, 0.5)
    for _ in range(3000):
        np.testing.assert_array_equal(alone.row()[:, 0], beside.row()[:, 1])
    for columns, place in ([1, 2], 0), ([0], 0):
        beside.keep(np.array(columns))  # in the middle of what was drawn ahead
        for _ in range(10):
            np.testing.assert_array_equal(alone.row()[:, 0], beside.row()[:, place])
    for _ in range(3000):
        np.testing.assert_array_equal(alone.row()[:, 0], beside.row()[:, 0])


def test_noise_of_many_texts() -> None:
    """However large a row is, and whatever ended before the first draw, it is each text's own."""
    alone, beside = _noise([4], 5000, 0.5), _noise(range(9), 5000, 0.5)
    beside.keep(np.array([2, 4]))
    for _ in range(3):
        np.testing.assert_array_equal(alone.row()[:, 0], beside.row()[:, 1])


@pytest.mark.parametrize("temperature", [0.0, 5e-324, 1e-5])
def test_cold_is_the_likeliest(temperature: float) -> None:
    """However small the lead; the first of equals at temperature 0."""
    assert _frequencies(LOGITS, temperature, 200)[2] == 1
    assert _frequencies(np.array([1.0, 3.0, 3.0], np.float32), 0.0, 200)[1] == 1


@pytest.mark.parametrize("temperature", [10**30, 10**400], ids=["large", "beyond"])
def test_a_whole_number_may_be_hot(temperature: int) -> None:
    """However large: no array takes it."""
    hottest = _write(_model(), temperature=1e300, length=20)
    assert _write(_model(), temperature=temperature, length=20) == hottest
    assert _write(_model(), final_temperature=temperature, temperature=1e300, length=20) == hottest


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
    noise = _noise([seed], len(logits), temperature).row()
    (chosen,) = choose(np.array(logits, np.float32)[:, None], noise)
    assert 0 <= chosen < len(logits)
    lead = max(logits) - logits[chosen]
    assert lead <= 50 * temperature + 1e-5 * max(map(abs, logits))  # exp(-50) never happens


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 1e300])
def test_impossible_characters_are_never_chosen(temperature: float) -> None:
    """A logit of minus infinity is a probability of zero."""
    logits = np.array([-np.inf, 1.0, -np.inf, 1.0, -np.inf], np.float32)
    assert _frequencies(logits, temperature, 2000)[[1, 3]].sum() == 1


@pytest.mark.parametrize("cell", KINDS)
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


@pytest.mark.parametrize("batch", [1, 3])
@every_model
def test_steps_equal_the_chunk(cell: str, batch: int, embedding_size: int) -> None:
    """Read at once, in blocks, or step by step after a part: the same scores and the same state.

    In float64: a BLAS may round products of other widths in other ways, and with such large weights a small change of the state
    becomes hundreds of times as large in the scores of a normalised LSTM. In float32 these are 3e-5 off what they are in float64,
    however they are read, so two ways of reading may differ by twice that; here they differ by 2e-14.
    """
    model = _model(cell, embedding_size=embedding_size)
    params = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    ids = np.random.default_rng(8).integers(len(model.vocabulary), size=(200, batch))
    zero = model.network.zero_state(batch, np.float64)
    whole, state = model.network.logits(params, ids, zero, Workspace(np.float64))
    assert whole.dtype == np.float64
    reader = ChunkReader(model.network, params, batch)
    reader.read(ids[:60])
    in_blocks = reader.read(ids[60:])
    close = partial(np.testing.assert_allclose, rtol=1e-10, atol=1e-10)
    close(in_blocks, whole[:, 60:])
    close(reader.state, state)
    stepper = Stepper(model.network, params, zero)
    for place in range(len(ids)):
        close(stepper.step(ids[place]), whole[:, place])
    close(stepper.state, state)


def test_stepper_leaves_the_state_it_was_given() -> None:
    model = _model()
    state = model.network.zero_state(1)
    Stepper(model.network, model.parameters, state).step(np.array([2]))
    assert not state.any()


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("cell", KINDS)
def test_batch_writes_what_each_would_write_alone(cell: str, count: int) -> None:
    """Primes of any length, seeds, lengths, temperatures, on threads where there are many texts."""
    model = _model(cell)
    primes = ["abc", "", "gg\nfedd", "a" * 9] * 10
    configs = [
        SamplingConfig(
            3 * n + 1, 1 + n / 40, top_k=3 * (n % 3), ban="b" * (n % 2), min_p=0.1 * (n % 4),
            final_temperature=0.5 if n % 5 == 1 else None, dry=n % 7, dry_length=2,
        )
        for n in range(count)
    ]  # fmt: skip
    prompts = [Prompt(primes[n], n, configs[n]) for n in range(count)]
    alone = [_write(model, n, prime=primes[n], **vars(config)) for n, config in enumerate(configs)]
    assert _write_all(model, prompts) == alone
    assert len(set(alone)) > count // 2


def test_writers_on_threads_write_what_each_would_write_alone() -> None:
    """As behind a web server: each thread has a text of its own, of one model."""
    model = _model()
    alone = [_write(model, seed, length=100) for seed in range(16)]
    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda seed: _write(model, seed, length=100), range(16)))
    assert found == alone


@pytest.mark.parametrize("count", [1, 16, 40])
def test_products_are_held_to_one_thread(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """For those of a step, the library's own threads only wait for each other."""
    seen: set[int] = set()

    def choose_seeing(*args: Any) -> Any:
        libraries = threadpool_info()
        seen.update(each["num_threads"] for each in libraries if each["user_api"] == "blas")
        return choose(*args)

    monkeypatch.setattr("charrnn.writing.writer.choose", choose_seeing)
    with threadpool_limits(limits=2, user_api="blas"):
        list(generate_batch(_model(), [Prompt("", n, SamplingConfig(16)) for n in range(count)]))
    assert seen <= {1}  # a library that cannot be asked is none of them


def test_batches_of_nothing() -> None:
    """No text at all, and texts of no characters."""
    assert list(generate_batch(_model(), [])) == []
    empty = [Prompt("a", 0, SamplingConfig(0))] * 3
    assert list(generate_batch(_model(), empty)) == []


def test_nats_are_those_of_the_model() -> None:
    """What a piece tells is -log p of its characters, whatever chose them."""
    model = _model()
    config = SamplingConfig(37, 0.5, top_k=4, ban="a")
    pieces = list(generate_batch(model, [Prompt("cde", 1, config)] * 2, scored=True))
    for index in (0, 1):
        text = "".join(piece.text for piece in pieces if piece.number == index)
        nats = sum(piece.nats for piece in pieces if piece.number == index)
        assert len(text) == 37
        assert nats == pytest.approx(float(_nats(model, "cde", text).sum()), rel=1e-4)
    assert all(piece.nats == 0 for piece in generate_batch(model, [Prompt("cde", 1, config)]))


def test_last_pieces() -> None:
    """Each text has just one last piece, after which nothing comes."""
    prompts = [Prompt("", n, SamplingConfig(length)) for n, length in enumerate((3, 16, 40))]
    ended: set[int] = set()
    for piece in generate_batch(_model(), prompts):
        assert isinstance(piece, Piece)
        assert piece.number not in ended
        if piece.last:
            ended.add(piece.number)
    assert ended == {0, 1, 2}


def test_defaults_of_generate() -> None:
    """They are those of a configuration that is left as it is."""
    told = inspect.signature(generate).parameters
    defaults = {field.name: field.default for field in fields(SamplingConfig)}
    assert {name: told[name].default for name in defaults} == defaults


# --------------------------------------------------------------------------------------- filters

LOGIT_LISTS = st.lists(st.integers(-40, 40).map(lambda n: n / 4), min_size=1, max_size=12)


def _filtered(logits: list[float], config: SamplingConfig, prime: str = "") -> Array:
    """What one text's filters make of logits; ``a`` is the first character."""
    vocabulary = Vocabulary("".join(chr(97 + n) for n in range(len(logits))))
    column = np.array(logits, np.float32)[:, None]
    for kind in FILTERS:
        if kind.wanted(config):
            kind(vocabulary, [config], [prime])(column, Temperatures([config]).at(0, 1)[0])
    return column[:, 0]


@given(LOGIT_LISTS, st.integers(1, 14), st.floats(0.01, 1), st.floats(0, 5))
def test_filter_keeps_the_likeliest(
    logits: list[float], top_k: int, top_p: float, temperature: float
) -> None:
    """Just those characters are left that the definition, spelled out slowly, leaves."""
    left = _filtered(
        logits, SamplingConfig(top_k=top_k, top_p=top_p, ban="b", temperature=temperature)
        if len(logits) > 1 else SamplingConfig(top_k=top_k, top_p=top_p, temperature=temperature)
    )  # fmt: skip
    places = [n for n in range(len(logits)) if n != 1]
    places = sorted(places, key=lambda n: -logits[n])[:top_k]
    colds = [(logits[n] - logits[places[0]]) / max(temperature, 1e-30) for n in places]
    weights = [math.exp(max(cold, -1e4)) for cold in colds]
    kept = [
        n for rank, n in enumerate(places)
        if rank == 0 or top_p == 1 or sum(weights[:rank]) < top_p * sum(weights) * (1 + 1e-9)
    ]  # fmt: skip
    surely = [
        n for rank, n in enumerate(places)
        if rank == 0 or top_p == 1 or sum(weights[:rank]) < top_p * sum(weights) * (1 - 1e-9)
    ]  # fmt: skip
    found = set(np.flatnonzero(np.isfinite(left)))
    assert set(surely) <= found <= set(kept)
    assert all(left[n] == np.float32(logits[n]) for n in found)


@given(LOGIT_LISTS, st.floats(0.001, 1), st.floats(0, 5), st.integers(0, 5))
def test_min_p_keeps_what_is_likely_enough(
    logits: list[float], min_p: float, temperature: float, top_k: int
) -> None:
    """By the definition: what has at least that share of the largest probability at the temperature."""
    config = SamplingConfig(min_p=min_p, temperature=temperature, top_k=top_k)
    left = np.isfinite(_filtered(logits, config))
    among = np.isfinite(_filtered(logits, SamplingConfig(top_k=top_k)))
    tempered = (np.array(logits) - max(logits)) / max(temperature, 1e-30)
    probabilities = np.exp(np.maximum(tempered, -700))
    probabilities /= probabilities.sum()
    surely = probabilities >= min_p * probabilities.max() * (1 + 1e-9)
    maybe = probabilities >= min_p * probabilities.max() * (1 - 1e-9)
    assert (left <= (maybe & among)).all()
    assert (left >= ((surely | (tempered == 0)) & among)).all()


def test_filters_together_are_exact() -> None:
    """Many draws through all filters at a temperature, beside the distribution worked out by hand."""
    config = SamplingConfig(temperature=1.5, ban="e", top_k=3, top_p=0.95, min_p=0.3)
    p = np.array([4.0, 3.6, 2.5, 2.4, 9.0, -1.0]) / 1.5  # a b c d e f
    p = np.exp(p)
    p[4] = 0  # banned
    p[[3, 5]] = 0  # not among the three likeliest
    p /= p.sum()  # 0.46, 0.35, 0.17: the third is within 0.95, since it begins at 0.81
    p[p < 0.3 * p.max()] = 0  # and stays, with 0.37 of the largest
    assert (p > 0).tolist() == [True, True, True, False, False, False]
    left = _filtered([4.0, 3.6, 2.5, 2.4, 9.0, -1.0], config)
    found = _frequencies(left, 1.5)
    assert (abs(found - p) <= 5 * np.sqrt(p * (1 - p) / 20_000) + 1e-9).all()
    stricter = _filtered([4.0, 3.6, 2.5, 2.4, 9.0, -1.0], replace(config, min_p=0.4))
    np.testing.assert_array_equal(np.isfinite(stricter), [True, True, False, False, False, False])


@given(LOGIT_LISTS, st.floats(0, 1e30))
def test_filters_that_cut_nothing(logits: list[float], temperature: float) -> None:
    """A top_k of all characters and a top_p of 1 leave the logits as they are, bit for bit."""
    config = SamplingConfig(top_k=len(logits), top_p=1.0, ban="Z", temperature=temperature)
    np.testing.assert_array_equal(_filtered(logits, config), np.array(logits, np.float32))


def test_filters_cut_nothing_by_rounding() -> None:
    """What ``top_k`` leaves is left by a ``top_p`` of 1, however unlikely it is."""
    left = _filtered([0, -50, -60, -70], SamplingConfig(top_k=3, top_p=1.0))
    np.testing.assert_array_equal(left, [0, -50, -60, -np.inf])


def test_filter_of_extremes() -> None:
    """Logits as far apart as can be and a boundless temperature are cut without a warning."""
    left = _filtered([3e38, -3e38, -3e38], SamplingConfig(top_p=0.9))
    np.testing.assert_array_equal(np.isfinite(left), [True, False, False])
    hottest = SamplingConfig(ban="b", top_p=0.5, temperature=math.inf)
    np.testing.assert_array_equal(
        np.isfinite(_filtered([4, 3, 2, 1, 0], hottest)), [True, False, True, False, False]
    )


def test_filter_of_equals() -> None:
    """The first ones are left, of however many."""
    for config in (SamplingConfig(top_k=7), SamplingConfig(top_p=0.0333)):
        assert np.flatnonzero(np.isfinite(_filtered([0] * 200, config))).tolist() == [*range(7)]


def test_filter_of_the_cold() -> None:
    """A nucleus is of the probabilities at the temperature, however small a lead it makes sure of."""
    for temperature, left in [(1e-1, 2), (1e-5, 1), (1e-9, 1), (0.0, 1)]:
        config = SamplingConfig(top_p=0.9, temperature=temperature)
        assert np.isfinite(_filtered([0, -1e-4], config)).sum() == left


def test_no_filter_unless_asked_for() -> None:
    """What is not needed takes no time."""
    assert not any(kind.wanted(SamplingConfig(temperature=0.5)) for kind in FILTERS)
    assert any(kind.wanted(SamplingConfig(top_k=1)) for kind in FILTERS)


@settings(max_examples=25)
@given(st.sampled_from(["", "a", "abc", "\n defg"]), st.floats(0, 1e9), st.integers(0, 99))
def test_banned_characters_are_never_written(ban: str, temperature: float, seed: int) -> None:
    text = _write(_model(), seed, length=60, ban=ban, temperature=temperature)
    assert len(text) == 60
    assert not set(text) & set(ban)


@settings(max_examples=25)
@given(st.text("\n abcdefg", max_size=5), st.floats(0, 1e9), st.integers(0, 99))
def test_top_1_is_greedy(prime: str, temperature: float, seed: int) -> None:
    """However hot, one candidate leaves no choice; and so does a very small nucleus."""
    model = _model()
    greedy = _write(model, prime=prime, length=30, temperature=0)
    assert _write(model, seed, prime=prime, length=30, temperature=temperature, top_k=1) == greedy
    assert (
        _write(model, seed, prime=prime, length=30, temperature=temperature, top_p=1e-9) == greedy
    )


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.text("\n abcdefg", max_size=5), st.integers(0, 9)), max_size=4),
    st.integers(0, 9),
    st.integers(0, 5),
)
def test_same_seed_same_text_in_any_batch(
    others: list[tuple[str, int]], seed: int, top_k: int
) -> None:
    """Who else is written beside a text is nothing to it."""
    model, config = _model(), SamplingConfig(50, 0.9, top_k=top_k)
    prompts = [Prompt(prime, other, SamplingConfig(7 * other)) for prime, other in others]
    place = seed % (len(prompts) + 1)
    prompts.insert(place, Prompt("abc", seed, config))
    alone = _write(model, seed, prime="abc", length=50, temperature=0.9, top_k=top_k)
    assert _write_all(model, prompts)[place] == alone


class _Large(str):
    """Characters that nobody looks through again for each one of an alphabet and a text."""

    __slots__ = ()

    def __contains__(self, _character: object) -> bool:
        pytest.fail("looked through for one character")


@pytest.mark.parametrize("name", ["ban", "dry_breakers"])
def test_characters_are_looked_up(name: str) -> None:
    """However many a request names, a text begins as soon as another one."""
    named: dict[str, Any] = {name: "xab"}
    plain = SamplingConfig(30, dry=1.0, dry_length=2, **named)
    named[name] = _Large("xab")
    large = replace(plain, **named)
    found = [_write_all(_model(), [Prompt("cde", 3, config)]) for config in (plain, large)]
    assert found[0] == found[1]


def test_everything_banned() -> None:
    with pytest.raises(InputError, match="ban leaves no character"):
        generate(_model(), ban="\n abcdefg")
    with pytest.raises(InputError, match="ban leaves no character"):  # to one of them
        generate_batch(_model(), [Prompt(), Prompt(config=SamplingConfig(ban="\n abcdefg"))])


# ---------------------------------------------------------------------- temperatures and candidates


@given(st.floats(0, 100), st.one_of(st.none(), st.floats(0, 100)), st.integers(1, 300))
def test_temperature_goes_over_a_text(first: float, last: float | None, length: int) -> None:
    """In equal steps from the first character to the last one, where two are given."""
    found = Temperatures([SamplingConfig(length, first, final_temperature=last)]).at(0, length + 5)
    assert found[0, 0] == first
    if last is None:
        assert (found == first).all()
    elif length > 1:
        expected = [first + (last - first) * n / (length - 1) for n in range(length)]
        np.testing.assert_allclose(found[:length, 0], expected, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found[length:], last, atol=1e-9)
        assert (found >= 0).all()


def test_each_character_is_drawn_at_its_temperature() -> None:
    """The scores are the same at each place, so the frequencies there tell the temperature."""
    model = _model(characters="abcde")
    for name in model.parameters:
        model.parameters[name][...] = 0
    model.parameters["c"][...] = LOGITS[:, None].reshape(model.parameters["c"].shape)
    config = SamplingConfig(3, 3.0, final_temperature=0.2)
    prompts = [Prompt("", seed, config) for seed in range(4000)]
    texts = _write_all(model, prompts)
    for place, temperature in enumerate((3.0, 1.6, 0.2)):
        p = np.exp((LOGITS.astype(float) - 2) / temperature)
        p /= p.sum()
        found = np.array([sum(text[place] == c for text in texts) for c in "abcde"]) / len(texts)
        assert (abs(found - p) <= 5 * np.sqrt(p * (1 - p) / len(texts)) + 1e-3).all()


def test_falling_to_zero_is_greedy_at_the_end() -> None:
    """The filters follow the temperature too."""
    model = _model()
    config = SamplingConfig(1000, 2.0, final_temperature=0, min_p=0.2, top_p=0.9)
    (text,) = _write_all(model, [Prompt("", 1, config)])
    ids = model.vocabulary.encode("\n" + text).astype(np.intp)[:, None]
    scores = ChunkReader(model.network, model.parameters, 1).read(ids[:-1])[:, :, 0]
    likeliest = scores.argmax(axis=0) == ids[1:, 0]
    assert likeliest[-20:].mean() > 0.9
    assert likeliest[:100].mean() < 0.8


def test_changing_temperature_needs_a_length() -> None:
    with pytest.raises(InputError, match="needs its length"):
        generate(_model(), length=None, temperature=1.2, final_temperature=0.5)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 99))
def test_best_of_is_the_least_surprising(counts: list[int], seed: int) -> None:
    """Of the texts that the seeds give alone, the one that is scored best; told with its seed."""
    model = _model()
    configs = [SamplingConfig(30, 1.5, stop=("a",), best_of=count) for count in counts]
    prompts = [Prompt("abc"[:n], seed + 7 * n, config) for n, config in enumerate(configs)]
    found: dict[int, list[Piece]] = {}
    for piece in generate_batch(model, prompts):
        found.setdefault(piece.number, []).append(piece)
    assert sorted(found) == list(range(len(counts)))
    for number, pieces in found.items():
        prompt, text = prompts[number], "".join(piece.text for piece in pieces)
        seeds = range(seed + 7 * number, seed + 7 * number + counts[number])
        texts = [
            _write(model, each, prime=prompt.prime, length=30, temperature=1.5, stop=["a"])
            for each in seeds
        ]
        costs = [_nats(model, prompt.prime, each).mean() for each in texts]
        assert costs[texts.index(text)] == pytest.approx(min(costs), rel=1e-3)
        assert texts[pieces[-1].candidate] == text
        assert [piece.last for piece in pieces][-1:] == [True]
        assert sum(piece.last for piece in pieces) == 1


def test_best_of_without_a_seed() -> None:
    """A generator gives each candidate one, so its state tells the text."""
    model = _model()

    def write() -> str:
        rng = np.random.default_rng(3)
        return "".join(generate(model, length=40, best_of=4, rng=rng))

    text = write()
    assert write() == text
    assert len("".join(generate(model, length=40, best_of=4))) == 40


def test_the_best_of_endless_texts() -> None:
    """It would never be known: an error at once. A record ends by itself."""
    with pytest.raises(InputError, match="is known when they end"):
        next(iter(generate(_model(), length=None, best_of=3, rng=1)))
    assert next(iter(generate(_model(), length=None, best_of=3, until_lines=1, rng=1)))


# ------------------------------------------------------------------------------------------ ends


@given(
    st.text("ab\n", max_size=40),
    st.lists(st.text("ab\n", min_size=1, max_size=3), max_size=3).map(tuple),
    st.one_of(st.none(), st.integers(0, 40)),
    st.integers(0, 4),
    st.integers(1, 7),
)
def test_ending(
    text: str, stop: tuple[str, ...], length: int | None, lines: int, size: int
) -> None:
    """In pieces of any size, a text ends where the first of its ends is."""
    ending, kept = Ending(SamplingConfig(length, stop=stop, until_lines=lines)), ""
    for start in range(0, len(text), size):
        if ending.reached:
            break
        kept += ending.cut(text[start : start + size])
    prefixes = (text[:end] for end in range(len(text) + 1))
    expected = next(
        (
            prefix for prefix in prefixes
            if len(prefix) == length or (stop and prefix.endswith(stop))
            or (lines and prefix.count("\n") == lines)
        ),
        None,
    )  # fmt: skip
    assert kept == (text if expected is None else expected)
    assert ending.reached == (expected is not None)


def test_stop_and_lines() -> None:
    """The text up to and with the stop string, or with the last line's end; else its whole length."""
    model = _model()
    text = _write(model, length=400)
    stop = text[150:153]
    end = text.index(stop) + 3
    assert _write(model, length=400, stop=[stop, "zzz"]) == text[:end]
    assert _write(model, length=400, stop=stop) == text[:end]
    assert _write(model, length=400, stop=["zzz"]) == text
    three = "".join(text.splitlines(keepends=True)[:3])
    assert _write(model, length=None, until_lines=3) == three
    assert _write(model, length=5, until_lines=3) == text[:5]


def test_without_end() -> None:
    """A length of None goes on; what has been written is as ever."""
    endless = generate(_model(), length=None, rng=2)
    assert "".join(islice(chain.from_iterable(endless), 3000)) == _write(_model(), 2, length=3000)


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": "1"},
        {"length": -1},
        {"length": 1.5},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"stop": [""]},
        {"until_lines": -1},
        {"final_temperature": -1},
        {"min_p": -0.1},
        {"min_p": 1.1},
        {"dry": -1},
        {"dry": math.inf},
        {"dry_base": 0.9},
        {"dry_length": 0},
        {"best_of": 0},
        {"best_of": 1001},
    ],
)
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    """Refused at the call, before the first character is asked for."""
    (name,) = wrong
    with pytest.raises(InputError, match=f"^{name.replace('_', '-')} must be "):
        generate(_model(), **wrong)


def test_unknown_prime() -> None:
    with pytest.raises(UnknownCharacterError, match="'é'") as caught:
        generate(_model(), prime="abécé")
    assert caught.value.characters == "é"


@pytest.mark.usefixtures("either_way")
def test_saturated_units_are_silent() -> None:
    """A gate may overflow to infinity on its way to 0 or 1; that is nobody's concern."""
    model = _model()
    model.parameters["layer0/b"][...] = -1e3
    assert len(_write(model, length=40)) == 40


def test_overflow_is_an_error() -> None:
    """Weights whose products are not finite are told of, at once or some characters later."""
    model = _model("rnn-relu")
    model.parameters["layer1/W"][...] = 3e19
    model.parameters["layer1/U"][...] = 1
    with pytest.raises(CheckpointError, match="overflow"):
        _write(model, length=200)
    with pytest.raises(CheckpointError, match="overflow"):
        list(generate_batch(model, [Prompt("a", 1), Prompt("b", 2)]))


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("cell", KINDS)
def test_writing_warns_of_nothing(cell: str) -> None:
    """Gates that are shut as far as can be overflow in an exp, which is as it should be."""
    model = _model(cell)
    _multiply(model, 1e3)
    with np.errstate(all="raise", under="ignore"):
        assert len(_write(model, length=20)) == 20


def test_models_compare_by_value() -> None:
    """By their shape, numbers and alphabet."""
    model, other = _model(), _model()
    assert model == other
    other.parameters["c"][0] += 1
    assert model != other
    assert model != replace(model, vocabulary=Vocabulary("\n abcdefh"))
    assert model.network != LanguageModel(replace(model.config, dropout=0.1), 9)
    assert model.network == model.network.compiled()
