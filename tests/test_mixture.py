"""Several models that write together: their probabilities are averaged, however different their alphabets are."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.config import ModelConfig, SamplingConfig, TextConfig
from charrnn.errors import CheckpointError, InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.models.mixture import Mixture, continued
from charrnn.models.reading import ChunkReader
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import VERBATIM, Vocabulary
from charrnn.writing.batch import generate_batch
from charrnn.writing.sampling import generate, generate_records
from charrnn.writing.writer import Prompt

RECORDS = TextConfig(normalize="none", records=True)


def _model(
    characters: str, seed: int = 0, cell: str = "lstm", config: TextConfig = VERBATIM
) -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    vocabulary = Vocabulary(characters, config)
    shape = ModelConfig(cell, hidden_size=8 + seed)
    model = CharacterModel.fresh(shape, vocabulary, np.random.default_rng(seed))
    model.parameters["V"][...] *= 9
    model.parameters["layer0/U"][...] *= 3
    return model


ONE, OTHER = _model("\n abcé"), _model("\n bdÀ‘", 1, "gru")
BOTH = Mixture.of([ONE, OTHER], (0.7, 0.3))


def _probabilities(mixture: Mixture, text: str, prime: str) -> Array:
    """Of each joined character, after a prime and what was written: by the definition, in float64."""
    joined: Array = np.zeros(len(mixture.vocabulary))
    for model, weight in zip(mixture.models, mixture.weights, strict=True):
        own = model.vocabulary
        read = model.beginning(own.known(prime, "replace")) + own.known(text, "replace")
        reader = ChunkReader(model.network, model.parameters, 1)
        logits = reader.read(own.encode(read)[:, None])[:, -1, 0].astype(float)
        p = np.exp(logits - logits.max())
        for character, share in zip(own.characters, p / p.sum(), strict=True):
            joined[mixture.vocabulary.characters.index(character)] += weight * share
    return joined


def _write(model: CharacterModel | Mixture, seed: int = 0, **options: object) -> str:
    return "".join(generate(model, rng=seed, **options))  # type: ignore[arg-type]


def test_joined_vocabulary() -> None:
    assert BOTH.vocabulary.characters == "\n abcédÀ‘"
    assert BOTH.weights == pytest.approx((0.7, 0.3))
    assert Mixture.of([ONE, OTHER], (7, 3)).weights == pytest.approx(BOTH.weights)
    assert Mixture.of([ONE, OTHER, ONE]).weights == (1 / 3,) * 3


@settings(max_examples=50)
@given(
    st.text(BOTH.vocabulary.characters, max_size=6),
    st.text(BOTH.vocabulary.characters, max_size=12),
)
def test_probabilities_are_averaged(prime: str, text: str) -> None:
    """Each model reads what stands in for characters that it lacks, in the prime and after it."""
    texts = continued(BOTH, [prime])
    for end in range(len(text) + 1):
        if end:
            texts.step(BOTH.vocabulary.encode(text[end - 1]))
        expected = _probabilities(BOTH, text[:end], prime)
        np.testing.assert_allclose(np.exp(texts.logits[:, 0]), expected, rtol=2e-3, atol=1e-6)


@pytest.mark.parametrize("stand_ins", [{"é": "ccc", "À": "", "‘": "ab"}, dict.fromkeys("éÀ‘d", "")])
def test_stand_ins_of_any_length(
    stand_ins: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several characters, or none, are read for one by some texts of a batch, and not by others."""

    def known(self: Vocabulary, text: str, *_: object, **__: object) -> str:
        found = (c if c in self else stand_ins.get(c, "b") for c in text)
        return "".join(c for part in found for c in part if c in self)

    monkeypatch.setattr(Vocabulary, "known", known)
    primes, written = ["é", "", "ab"], ["éddÀab", "abbéÀ‘", "‘‘‘é a"]
    texts = continued(BOTH, primes)
    for place in range(6):
        texts.step(BOTH.vocabulary.encode("".join(text[place] for text in written)))
        for column, (prime, text) in enumerate(zip(primes, written, strict=True)):
            expected = _probabilities(BOTH, text[: place + 1], prime)
            found = np.exp(texts.logits[:, column])
            np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-6)


def test_draws_follow_the_average() -> None:
    """First characters of many texts, and what follows the first, filtered and at a temperature."""
    config = SamplingConfig(1, 1.3, ban="\n", min_p=0.05)
    count = 5000
    prompts = [Prompt("aé", seed, config) for seed in range(count)]
    drawn = "".join(piece.text for piece in generate_batch(BOTH, prompts))
    p = _probabilities(BOTH, "", "aé")
    p[BOTH.vocabulary.characters.index("\n")] = 0
    p **= 1 / 1.3
    p[p < 0.05 * p.max()] = 0
    p /= p.sum()
    found = np.array([drawn.count(c) for c in BOTH.vocabulary.characters]) / count
    assert (abs(found - p) <= 5 * np.sqrt(p * (1 - p) / count) + 1e-9).all()


def test_batch_writes_what_each_would_write_alone() -> None:
    """With all that can be asked for, on threads; a seed gives its text again."""
    configs = [
        SamplingConfig(5 * n + 1, 0.5 + n / 40, top_k=4 * (n % 2), min_p=0.02 * (n % 3),
                       dry=float(n % 2), best_of=1 + n % 2)
        for n in range(40)
    ]  # fmt: skip
    prompts = [Prompt(["", "aé", "‘d b"][n % 3], n, config) for n, config in enumerate(configs)]
    texts = [""] * len(prompts)
    for piece in generate_batch(BOTH, prompts):
        texts[piece.number] += piece.text
    for text, prompt in zip(texts, prompts, strict=True):
        assert text == "".join(piece.text for piece in generate_batch(BOTH, [prompt]))


def test_one_model_alone() -> None:
    """A model mixed with itself is that model, and one with hardly any weight has no say."""
    alone = _write(ONE, 3, length=200)
    assert _write(Mixture.of([ONE]), 3, length=200) == alone
    assert _write(Mixture.of([ONE, ONE], (0.2, 0.8)), 3, length=200) == alone
    twin = _model("\n abcé", 4)
    assert _write(Mixture.of([ONE, twin], (1, 1e-9)), 3, length=200) == alone
    assert _write(Mixture.of([ONE, twin]), 3, length=200) != alone


def test_nats_are_those_of_the_mixture() -> None:
    config = SamplingConfig(20, 0.5, top_k=3)
    (prompt,) = [Prompt("ab", 2, config)]
    pieces = list(generate_batch(BOTH, [prompt], scored=True))
    text = "".join(piece.text for piece in pieces)
    expected = sum(
        -math.log(_probabilities(BOTH, text[:end], "ab")[BOTH.vocabulary.characters.index(c)])
        for end, c in enumerate(text)
    )
    assert sum(piece.nats for piece in pieces) == pytest.approx(expected, rel=1e-3)


def test_records() -> None:
    """Models of records write records together; a kind alone does not mix with another."""
    one, other = (_model(c, n, config=RECORDS) for n, c in enumerate(("\nab", "\nbcd")))
    both = Mixture.of([one, other])
    records = list(islice(generate_records(both, prime="b", length=30, rng=0), 30))
    assert all(record.startswith("b") and "\n" not in record for record in records)
    assert set("abcd") <= set("".join(records))
    again = "b" + _write(both, 7, prime="b", length=30)
    assert records[7] == again
    with pytest.raises(InputError, match="cannot write together"):
        Mixture.of([one, ONE])


def test_kinds_that_do_not_mix() -> None:
    named = {"byte": TextConfig("byte"), "nfc": TextConfig()}
    of_bytes = _model("".join(map(chr, range(256))), config=named["byte"])
    for other in (of_bytes, _model("ab", config=named["nfc"])):
        with pytest.raises(InputError, match="cannot write together"):
            Mixture.of([ONE, other])


@pytest.mark.parametrize(
    "weights", [(1,), (1, 1, 1), (0, 1), (-1, 2), (math.nan, 1), (math.inf, 1)]
)
def test_wrong_weights(weights: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="positive numbers, one for each"):
        Mixture.of([ONE, OTHER], weights)


def test_weights_that_are_far_apart() -> None:
    """As far as numbers go; beyond that one model would have none at all."""
    least = Mixture.of([ONE, OTHER], (1e-300, 1))
    assert _write(least, temperature=0, length=30) == _write(OTHER, temperature=0, length=30)
    with pytest.raises(InputError, match=r"^weights are too far apart: beside 1e\+10, 1e-320 is"):
        Mixture.of([ONE, OTHER], (1e-320, 1e10))
    assert Mixture.of([ONE, OTHER], (1e308, 1e308)) == Mixture.of([ONE, OTHER])


def test_models_from_anything() -> None:
    assert Mixture.of(iter([ONE, OTHER]), iter([1, 3])) == Mixture.of([ONE, OTHER], [1, 3])
    with pytest.raises(InputError, match="needs a model"):
        Mixture.of([])


def test_errors() -> None:
    """Of what none of the models knows, and of a model whose numbers overflow."""
    with pytest.raises(UnknownCharacterError, match="'z'"):
        generate(BOTH, prime="abz")
    assert _write(BOTH, prime="éÀ", length=5)
    broken = _model("\n abcé", cell="rnn-relu")
    broken.parameters["layer1/W"][...] = 3e19
    broken.parameters["layer1/U"][...] = 1
    with pytest.raises(CheckpointError, match="overflow"):
        _write(Mixture.of([ONE, broken]), length=200)
