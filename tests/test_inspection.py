"""What the views measure: against the definition, slowly, and on models that were built by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kinds import KINDS, configured, every_recurrent

from charrnn.config import TextConfig
from charrnn.errors import CheckpointError, InputError, UnknownCharacterError
from charrnn.inspection.features import FEATURES, measure_features
from charrnn.inspection.following import read_following
from charrnn.inspection.neurons import Unit, activation, find_neurons, follows, read_states
from charrnn.inspection.surprise import read_surprise
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.models.stepper import Stepper
from charrnn.nn.parameters import Array
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.scoring import score_texts

ALPHABET = "\n abc()"
RECORDS = TextConfig(records=True)


def _model(cell: str = "lstm", config: TextConfig | None = None, size: int = 10) -> CharacterModel:
    vocabulary = Vocabulary(ALPHABET, config or TextConfig())
    model = CharacterModel.fresh(configured(cell, size), vocabulary, np.random.default_rng(5))
    model.parameters["V"][...] *= 9
    return model


def _overflowing() -> CharacterModel:
    model = _model("rnn-relu")
    model.parameters["layer1/W"][...] = 3e19
    model.parameters["layer1/U"][...] = 1
    return model


# --------------------------------------------------------------------------------------- surprise


@pytest.mark.parametrize("cell", KINDS)
def test_surprise_is_the_score(cell: str) -> None:
    """Beyond the length of a chunk too."""
    text = "abc (ab)\n" * 60
    (nats,) = score_texts(_model(cell), [text])
    surprise = read_surprise(_model(cell), text)
    np.testing.assert_allclose(surprise.bits * np.log(2), nats, rtol=1e-4, atol=1e-5)
    assert surprise.bits_per_char == pytest.approx(nats.mean() / np.log(2), rel=1e-6)


def test_surprise_of_records() -> None:
    """Each line is read as if it were the first, as by ``charrnn score``; the last one may be open."""
    model = _model(config=RECORDS)
    lines = ["abc\n", "\n", "(a)\n", "cab"]
    nats = np.concatenate(score_texts(model, lines))
    surprise = read_surprise(model, "".join(lines))
    np.testing.assert_allclose(surprise.bits * np.log(2), nats, rtol=1e-4, atol=1e-5)


def test_guesses() -> None:
    """The likeliest characters with their probabilities, and how much surprise was to be expected."""
    model, text = _model(), "ab(c)\n"
    surprise = read_surprise(model, text, guesses=3)
    for place in range(1, len(text)):
        logits = read_prime(model, "\n" + text[:place])[0][:, 0].astype(float)
        p = np.exp(logits) / np.exp(logits).sum()
        best = np.argsort(-p)[:3]
        assert surprise.guesses[place] == "".join(ALPHABET[n] for n in best)
        np.testing.assert_allclose(surprise.probabilities[place], p[best], rtol=1e-4)
        assert surprise.entropy[place] == pytest.approx(-(p * np.log2(p)).sum(), rel=1e-4)
    assert list(surprise.most_surprising(2)) == list(np.argsort(-surprise.bits)[:2])
    assert len(read_surprise(model, text, guesses=50).guesses[0]) == len(ALPHABET)


# ---------------------------------------------------------------------------------- what comes next


@pytest.mark.parametrize("config", [TextConfig(), RECORDS])
def test_following_is_softmax(config: TextConfig) -> None:
    """softmax(logits / temperature) of what the sampler draws from."""
    model = _model(config=config)
    following = read_following(model, "ab", (0.5, 1.0, 2.0))
    logits = read_prime(model, "ab")[0][:, 0].astype(float)
    for temperature, found in zip(following.temperatures, following.probabilities, strict=True):
        weights = np.exp(logits / temperature)
        np.testing.assert_allclose(found, weights / weights.sum(), rtol=1e-6)
    flat = -(following.probabilities * np.log2(following.probabilities)).sum(axis=1)
    np.testing.assert_allclose(following.entropy, flat)
    assert (np.diff(following.entropy) > 0).all()


def test_following_at_the_extremes() -> None:
    coldest, hottest = read_following(_model(), "", (0.0, 1e300)).probabilities
    assert sorted(coldest) == [0] * (len(ALPHABET) - 1) + [1]
    np.testing.assert_allclose(hottest, 1 / len(ALPHABET))
    assert read_following(_model(), "", (0.0,)).entropy == [0]


# -------------------------------------------------------------------------------------------- units


def _planted(depth: float = 0.5) -> CharacterModel:
    """An LSTM in which cell 3 of layer 0 is ``depth`` times the number of open brackets."""
    model, unit, size = _model(), 3, 10
    params = model.parameters
    gates = {name: unit + place * size for place, name in enumerate("ifog")}
    for row in gates.values():
        params["layer0/U"][row] = params["layer0/W"][row] = 0
    params["layer0/b"][[gates["i"], gates["f"], gates["o"]]] = 50  # all gates open
    params["layer0/b"][gates["g"]] = 0
    for character, step in (("(", depth), (")", -depth)):
        params["layer0/U"][gates["g"], ALPHABET.index(character)] = np.arctanh(step)
    return model


BRACKETS = "a (b (c) a) c\nb ((a) b)\n" * 40


def test_planted_unit_is_found() -> None:
    """In a text that is read in one piece, with a correlation of one."""
    text = BRACKETS[:100]
    neurons = find_neurons(_planted(), text)
    feature = neurons.features.index("depth of brackets")
    (unit, r), *_ = neurons.best(feature)
    assert str(unit) == "0:3:c"
    assert r == pytest.approx(1, abs=1e-6)
    assert neurons.ranked()[0] == feature
    depth = np.array(
        [text[: n + 1].count("(") - text[: n + 1].count(")") for n in range(len(text))]
    )
    np.testing.assert_allclose(activation(_planted(), text, unit), depth / 2, atol=1e-6)
    closest, r = follows(_planted(), text, depth / 2)[0]
    assert closest == "depth of brackets"
    assert r == pytest.approx(1)


def test_planted_unit_is_found_in_parts() -> None:
    """Parts begin with a wrong count, so that r is less; it is the largest nevertheless."""
    neurons = find_neurons(_planted(), BRACKETS * 2)
    (unit, r), *_ = neurons.best(neurons.features.index("depth of brackets"))
    assert str(unit) == "0:3:c"
    assert 0.7 < r < 0.999


@pytest.mark.parametrize("config", [TextConfig(), RECORDS])
@every_recurrent
def test_states_are_the_steppers(cell: str, config: TextConfig) -> None:
    """Each character's state is that after reading it, from a line feed on; a record's is its own."""
    model, text = _model(cell, config), "ab (c)\nb\n\nca"
    expected = np.empty((len(text), 2, 2 if cell.endswith("lstm") else 1, 10), np.float32)
    stepper = Stepper(model.network, model.parameters, model.network.zero_state(1))
    for place, character in enumerate("\n" + text):
        if config.records and character == "\n":
            stepper.state[...] = 0
        stepper.step(model.vocabulary.encode(character))
        if place:
            expected[place - 1] = stepper.state[..., 0]
    found = np.full_like(expected, np.nan)
    for places, states in read_states(model, text):
        found[places] = states
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_parts_cover_a_text() -> None:
    """Each place once, whatever the length; the states are those of one piece, but for warming up."""
    model = _model("rnn")  # which forgets quickly
    for length in (1, 99, 1700, 2500):
        text = (BRACKETS * 3)[:length]
        places = np.concatenate([places for places, _ in read_states(model, text, columns=3)])
        assert sorted(places) == list(range(length))
    model.parameters["layer0/W"][...] *= 0.2
    model.parameters["layer1/W"][...] *= 0.2
    whole = activation(model, text, Unit(1, 4))
    for places, states in read_states(model, text, columns=3):
        np.testing.assert_allclose(states[:, 1, 0, 4], whole[places], atol=1e-4)


def test_correlations_are_pearsons() -> None:
    """Against NumPy's, unit by unit; one that never moves follows nothing."""
    model, text = _model("gru"), BRACKETS[:300]
    for name in ("U", "W", "b"):
        model.parameters[f"layer0/{name}"].reshape(3, 10, -1)[:, 7] = 0
    names, features = measure_features(text)
    neurons = find_neurons(model, text)
    assert neurons.features == names
    for unit in (Unit(0, 0), Unit(1, 4)):
        values = activation(model, text, unit)
        for feature, row in enumerate(features):
            expected = np.corrcoef(values, row)[0, 1]
            found = neurons.correlations[feature, unit.layer, 0, unit.number]
            assert found == pytest.approx(expected, abs=1e-5)
    assert not neurons.correlations[:, 0, 0, 7].any()


def test_unit_names() -> None:
    model = _model()
    for name in ("0:0", "1:9", "1:9:c"):
        assert str(Unit.parse(name, model)) == name
    assert Unit.parse("0:4:h", model) == Unit(0, 4)
    for name in ("2:0", "0:10", "", "3", "0:-1", "a:b", "0:1:x", "0:1 "):
        with pytest.raises(InputError, match="0:0 to 1:9, and :c"):
            Unit.parse(name, model)
    with pytest.raises(InputError, match=r"0:0 to 1:9$"):
        Unit.parse("0:0:c", _model("gru"))


# ----------------------------------------------------------------------------------------- features


def _feature(name: str, text: str) -> Array:
    return FEATURES[name](text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("in quotes", 'a "b" c', "0011000"),
        ("in quotes", "“b” «c»", "1100110"),
        ("in quotes", '"a\nb\n\nc', "111110" + "0"),
        ("in brackets", "(a[b])c", "1111100"),
        ("depth of brackets", "(a[b])c", "1122100"),
        ("depth of brackets", ")(\n\nb", "01100"),
        ("in a tag", "<b>a < c\n<i", "11000000011"),
        ("in a comment", "a # b\nc", "0011100"),
        ("in a comment", "//a\nhttp://b", "011" + "0" * 9),
        ("in a comment", "a/*b*/c", "0011110"),
        ("place in the line", "ab\nc", "1201"),
        ("indentation", "  a b\n\tc", "12222044"),
        ("in the indentation", "  a b\n\tc", "11000010"),
        ("place in the sentence", "ab. c", "12012"),
        ("in a word", "a_1 b", "11101"),
        ("place in the word", "a_1 b", "12301"),
        ("in a capitalised word", "Ab aB", "11000"),
        ("last letter of a word", "ab c.d", "010100"),
        ("last of a line", "ab\nc\n", "01010"),
        ("after a capital", "ABc", "011"),
        ("capital", "aB1", "010"),
        ("digit", "aB1", "001"),
        ("vowel", "bEa", "011"),
        ("space", "a b", "010"),
        ("line feed", "a\nb", "010"),
        ("punctuation", "a,_ -", "01001"),
    ],
)
def test_features(name: str, text: str, expected: str) -> None:
    assert "".join(f"{value:.0f}" for value in _feature(name, text)) == expected


@settings(max_examples=50)
@given(st.text("a B1\"'(]<>#/*\n\t.é", min_size=1, max_size=30), st.text('a\n."(', max_size=5))
def test_features_look_back(text: str, more: str) -> None:
    """What comes later changes nothing, but for what foresees one character; nor does the length."""
    for name, measure in FEATURES.items():
        values = measure(text)
        assert values.shape == (len(text),)
        ahead = name.startswith("last ") or name == "in a tag"
        kept = max(0, len(text) - ahead)
        np.testing.assert_array_equal(measure(text + more)[:kept], values[:kept])


# ------------------------------------------------------------------------------------------- errors


def test_errors() -> None:
    for read in (read_surprise, read_following, find_neurons):
        with pytest.raises(UnknownCharacterError, match="'é'"):
            read(_model(), "é")
        with pytest.raises(CheckpointError, match="overflow"):
            read(_overflowing(), "abc" * 100)
    for temperature in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="temperature must be 0 or more"):
            read_following(_model(), "a", (temperature,))
