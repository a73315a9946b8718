"""Texts that join a batch and leave it, and how likely what they are made of was."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charrnn.config import ModelConfig, SamplingConfig
from charrnn.models.character_model import CharacterModel
from charrnn.models.mixture import Mixture, Writable
from charrnn.models.stepper import form
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.batch import generate_batch
from charrnn.writing.likelihoods import of_prime
from charrnn.writing.scoring import Scorer
from charrnn.writing.writer import Prompt, Writer

CONFIGS = (
    SamplingConfig(length=70),
    SamplingConfig(length=40, temperature=0.7, top_k=3, stop=("ga",)),
    SamplingConfig(length=90, temperature=1.5, final_temperature=0.2),
    SamplingConfig(length=50, temperature=0.0, dry=2.0, dry_length=2),
    SamplingConfig(length=30, top_p=0.8, ban="b"),
    SamplingConfig(length=60, min_p=0.2, until_lines=3),
)
PROMPTS = [Prompt("fed"[: n % 4], n, config) for n, config in enumerate(CONFIGS * 2)]


def _model(cell: str) -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    config = ModelConfig(cell=cell, hidden_size=10, num_layers=1)
    model = CharacterModel.fresh(config, Vocabulary("\n abcdefg"), np.random.default_rng(5))
    model.parameters["V"][...] *= 9
    for name in model.network.stack.layers[0].input_shapes():
        model.parameters[f"layer0/{name}"][...] *= 3
    return model


MODELS: dict[str, Writable] = {
    **{cell: _model(cell) for cell in ("gru", "feedforward")},
    "mixture": Mixture.of([_model("gru"), _model("lstm")]),
}


@cache
def _alone(name: str) -> list[str]:
    """The texts that a model's prompts give, each by itself."""
    batches = (generate_batch(MODELS[name], [prompt]) for prompt in PROMPTS)
    return ["".join(piece.text for piece in pieces) for pieces in batches]


@pytest.mark.parametrize("compiled", [False, True])
@given(data=st.data())
@settings(max_examples=10)
def test_texts_join_and_leave(compiled: bool, data: st.DataObject) -> None:
    """Whenever it joins, whoever else comes and goes: a text is the one that its prompt gives alone."""
    name = data.draw(st.sampled_from(sorted(MODELS)))
    model, waiting = MODELS[name], list(range(len(PROMPTS)))
    begin = form(model.networks, 2, np.inf if compiled else 0)
    writer = Writer(model, [waiting.pop(0)], PROMPTS[:1], scored=False, begin=begin)
    found, left = [""] * len(PROMPTS), set[int]()
    while waiting or writer.going_on:
        if waiting and (not writer.going_on or data.draw(st.booleans())):
            group = [waiting.pop(0) for _ in range(data.draw(st.integers(1, len(waiting))))]
            prompts = [PROMPTS[number] for number in group]
            further = Writer(model, group, prompts, scored=False, begin=begin)
            writer = writer.joined_by(further)
        if data.draw(st.integers(0, 3)) == 0:
            gone = data.draw(st.integers(0, len(PROMPTS) - 1))
            left |= {gone} - {*waiting}
            writer.keep_only({*range(len(PROMPTS))} - left)
        for piece in writer.write():
            assert piece.number not in left
            found[piece.number] += piece.text
    for number, text in enumerate(_alone(name)):
        assert text.startswith(found[number]) if number in left else text == found[number]


def test_what_is_told_is_the_score() -> None:
    """How likely characters were is what scoring them finds, whatever filters and temperature made of it."""
    model = _model("lstm")
    config = SamplingConfig(length=40, temperature=0.6, top_k=4)
    writer = Writer(model, [0], [Prompt("", 3, config, alternatives=2)], scored=True)
    (piece,) = writer.write()
    writer = writer.joined_by(Writer(model, [1], [Prompt("g", 4, config)], scored=True))
    ours, theirs = writer.write()
    assert piece.likely and ours.likely and not theirs.likely
    own = np.concatenate([piece.likely.own, ours.likely.own])
    scores = Scorer(model).read(model.vocabulary.encode(piece.text + ours.text))
    np.testing.assert_allclose(-own, scores, rtol=1e-4, atol=1e-5)
    assert -own.sum() == pytest.approx(piece.nats + ours.nats, rel=1e-4)
    assert ours.likely.ids.shape == ours.likely.best.shape == (16, 2)
    assert (ours.likely.best[:, 0] >= ours.likely.own).all()
    assert (ours.likely.best[:, 0] > ours.likely.best[:, 1]).all()


@pytest.mark.parametrize("length", [1, 2, 700])
def test_what_is_told_of_a_prime(length: int) -> None:
    """Nothing predicts its first character; the others are as likely as scoring finds them."""
    model = _model("lstm")
    prime = "\n" + "abc fed g" * length
    told = of_prime(model, prime, 1)
    scores = Scorer(model).read(model.vocabulary.encode(prime[1:]))
    np.testing.assert_allclose(-told.own, scores, rtol=1e-4, atol=1e-5)
    assert told.ids.shape == (len(prime) - 1, 1)
    assert len(of_prime(model, "", 1).own) == len(of_prime(model, "a", 1).own) == 0
