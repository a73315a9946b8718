"""DRY: the penalty is the one of its definition, and what would repeat itself for ever no longer does."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn.config import SamplingConfig
from charrnn.files.checkpoint import load_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing import repetition
from charrnn.writing.batch import generate_batch
from charrnn.writing.repetition import Dry
from charrnn.writing.sampling import generate
from charrnn.writing.scoring import score_texts
from charrnn.writing.writer import Prompt

LETTERS = "ab.c"


@pytest.fixture(scope="module")
def demo() -> CharacterModel:
    """A trained model, which with temperature 0 says the same for ever."""
    return load_checkpoint(Path(__file__).parents[1] / "checkpoints/demo.npz").model


def _slowly(text: str, config: SamplingConfig, window: int = 10**6) -> dict[str, float]:
    """The penalty of each character after a text, by the definition."""
    penalties: dict[str, float] = {}
    for place in range(max(0, len(text) - window), len(text)):
        length = 0
        while (
            length < place
            and text[place - 1 - length] == text[len(text) - 1 - length]
            and text[place - 1 - length] not in config.dry_breakers
        ):
            length += 1
        if length >= config.dry_length and text[place] not in config.dry_breakers:
            penalty = config.dry * config.dry_base ** (length - config.dry_length)
            penalties[text[place]] = max(penalties.get(text[place], 0), penalty)
    return penalties


def _penalties(dry: Dry, column: int = 0) -> Array:
    """What a filter takes from each character."""
    logits = np.zeros((len(LETTERS), len(dry._runs)), np.float32)
    dry(logits, np.ones(len(dry._runs)))
    return -logits[:, column]


CONFIGS = st.builds(
    SamplingConfig,
    dry=st.floats(0.1, 10),
    dry_base=st.floats(1, 3),
    dry_length=st.integers(1, 5),
    dry_breakers=st.sampled_from(["", ".", "a.", "z"]),
)
TEXTS = st.text(LETTERS, max_size=40)


@given(TEXTS, TEXTS, CONFIGS)
def test_penalty_is_that_of_the_definition(prime: str, text: str, config: SamplingConfig) -> None:
    """After a prime, and after each character that is written."""
    vocabulary = Vocabulary(LETTERS)
    dry = Dry(vocabulary, [config], [prime])
    for end in range(len(text) + 1):
        if end:
            dry.read(vocabulary.encode(text[end - 1]))
        expected = _slowly(prime + text[:end], config)
        np.testing.assert_allclose(
            _penalties(dry), [expected.get(c, 0) for c in LETTERS], rtol=1e-5
        )


@given(st.lists(st.tuples(TEXTS, CONFIGS), min_size=2, max_size=5), TEXTS)
def test_each_text_has_its_own(asked: list[tuple[str, SamplingConfig]], text: str) -> None:
    """Whatever the others' primes and settings are, and when some of them have ended."""
    vocabulary = Vocabulary(LETTERS)
    primes, configs = [prime for prime, _ in asked], [config for _, config in asked]
    dry = Dry(vocabulary, configs, primes)
    for column in range(len(asked)):
        expected = _slowly(primes[column], configs[column])
        found = _penalties(dry, column)
        np.testing.assert_allclose(found, [expected.get(c, 0) for c in LETTERS], rtol=1e-5)
    dry.keep(np.array([len(asked) - 1]))
    for character in text:
        dry.read(vocabulary.encode(character))
    expected = _slowly(primes[-1] + text, configs[-1])
    np.testing.assert_allclose(_penalties(dry), [expected.get(c, 0) for c in LETTERS], rtol=1e-5)


def test_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is farther back is forgotten, however long the text becomes."""
    monkeypatch.setattr(repetition, "WINDOW", 8)
    vocabulary, config = Vocabulary(LETTERS), SamplingConfig(dry=1, dry_base=2, dry_length=1)
    text = "".join(np.random.default_rng(1).choice(list(LETTERS), 200))
    dry = Dry(vocabulary, [config], [text[:50]])
    for end in range(51, len(text) + 1):
        dry.read(vocabulary.encode(text[end - 1]))
        expected = _slowly(text[:end], config, window=8)
        np.testing.assert_allclose(
            _penalties(dry), [expected.get(c, 0) for c in LETTERS], rtol=1e-5
        )


def test_endless_repetition_is_a_finite_penalty() -> None:
    """A vocabulary of one character has no other to go to."""
    vocabulary = Vocabulary("a")
    dry = Dry(vocabulary, [SamplingConfig(dry=1e6, dry_base=1e3)], ["a" * 5000])
    logits = np.zeros((1, 1), np.float32)
    dry(logits, np.ones(1))
    assert np.isfinite(logits).all()
    assert logits[0, 0] < -1e29


def _longest_repetition(text: str) -> int:
    """The length of the longest string that a text has twice."""
    order = sorted(text[start:] for start in range(len(text)))
    longest = 0
    for one, other in pairwise(order):
        while longest < len(one) and one[: longest + 1] == other[: longest + 1]:
            longest += 1
    return longest


@pytest.mark.parametrize("prime", ["", "The ", "If "])
def test_greedy_text_does_not_loop(demo: CharacterModel, prime: str) -> None:
    """At temperature 0 all but the beginning is one loop; with DRY the text goes on, as fluently."""
    loop, text = (
        "".join(generate(demo, prime=prime, length=3000, temperature=0, dry=dry))
        for dry in (0.0, 0.8)
    )
    assert _longest_repetition(loop) > 2000
    assert _longest_repetition(text) < 60
    (nats,) = score_texts(demo, [prime + text])
    assert nats.mean() < 0.8


def test_batch_writes_what_each_would_write_alone(demo: CharacterModel) -> None:
    """Texts that end at different times, some of which may repeat themselves."""
    configs = [SamplingConfig(40 * (n + 1), n / 9, dry=0.8 * (n % 2)) for n in range(9)]
    prompts = [Prompt("The "[: n % 5], n, config) for n, config in enumerate(configs)]
    texts = [""] * len(prompts)
    for piece in generate_batch(demo, prompts):
        texts[piece.number] += piece.text
    for text, prompt in zip(texts, prompts, strict=True):
        assert text == "".join(piece.text for piece in generate_batch(demo, [prompt]))
