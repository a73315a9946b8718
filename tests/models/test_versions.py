"""Targets that are drawn: what the model expects, at each symbol, whoever is beside them."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from numpy.typing import NDArray

import charrnn
from charrnn.config import ModelConfig, SamplingConfig, SearchConfig
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.retracing import expected
from charrnn.models.rewriting import Rewriter
from charrnn.models.versions import OneSource, Versions
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Prompt


def _model(attention: str, seed: int = 0, between: str = "") -> CharacterModel:
    config = ModelConfig(
        "lstm", 6, 2, 0, 0.0, task="seq2seq", attention=attention, bidirectional=True
    )
    names = ("aa", "bb", "cc") if between else ("x", "y", "z")
    model = CharacterModel.fresh(
        config, Vocabulary("abc"), np.random.default_rng(seed), Labels(names, between)
    )
    rng = np.random.default_rng(seed)
    model.parameters.flat += rng.normal(0, 0.5, model.parameters.flat.shape).astype(np.float32)
    return model


def _symbols(count: int, seed: int = 3) -> NDArray[np.intp]:
    return np.random.default_rng(seed).integers(3, size=(5, count))


@pytest.mark.parametrize("attention", ["general", "monotonic", "none"])
def test_each_version_is_expected_alike(attention: str) -> None:
    """Step by step, side by side, and after some have ended, as read once more when all is written."""
    model, written = _model(attention), _symbols(4)
    continuation = OneSource(Versions.of(model, "abcab"), 4)
    columns = np.arange(4)
    for step in range(6):
        for column, logits in zip(columns, continuation.logits.T, strict=True):
            whole = expected(model, "abcab", written[:, column].tolist())
            assert np.exp(logits) == pytest.approx(whole[step], abs=1e-5)
        if step == 2:
            columns = columns[[0, 3]]
            continuation.keep(np.array([0, 3]))
        if step < 5:
            continuation.step(written[step, columns])


def test_several_models_have_the_weighted_mean() -> None:
    models, written = [_model("general", seed) for seed in (1, 2)], _symbols(1)
    continuation = OneSource(Versions.of(models, "ab", weights=(3, 1)), 1)
    for symbol in written[:, 0]:
        continuation.step(np.array([symbol]))
    each = [expected(model, "ab", written[:, 0].tolist())[-1] for model in models]
    assert np.exp(continuation.logits[:, 0]) == pytest.approx(np.average(each, 0, (3, 1)), abs=1e-5)


def _texts(versions: Versions, count: int, **settings: Any) -> list[str]:
    config = SamplingConfig(length=20, **settings)
    texts = [""] * count
    for piece in generate_batch(versions, [Prompt("", n, config) for n in range(count)]):
        texts[piece.number] += piece.text
    return texts


@pytest.mark.parametrize("attention", ["general", "monotonic"])
def test_the_likeliest_is_the_greedy_one(attention: str) -> None:
    model = _model(attention, 4)
    (best,) = Rewriter([model], search=SearchConfig(beam=1))(["abc"])
    (text,) = _texts(Versions.of(model, "abc"), 1, temperature=0)
    assert text.removesuffix("\n")[:20] == "".join("xyz"[n] for n in best[0].symbols)[:20]


def test_they_are_as_frequent_as_they_are_likely() -> None:
    versions = Versions.of(_model("monotonic", 5), "cab")
    first = [text[0] for text in _texts(versions, 600)]
    p = np.exp(OneSource(versions, 1).logits[:, 0])
    counts = [first.count(symbol) for symbol in "xyz\n"]
    chi2 = sum((n - 600 * q) ** 2 / (600 * q) for n, q in zip(counts, p, strict=True))
    assert chi2 < 16.3  # one in a thousand with three degrees of freedom


def test_tokens_are_shown_with_blanks() -> None:
    versions = Versions.of(_model("general", 6, " "), "cab")
    texts = [text.removesuffix("\n") for text in _texts(versions, 9)]
    names = {chr(0xF0000 + n): name for n, name in enumerate(("aa", "bb", "cc"))}
    shown = [" ".join(names[symbol] for symbol in text) for text in texts]
    assert max(map(len, texts)) > 1
    assert [*islice(charrnn.generate_records(versions, length=20, rng=0), 9)] == shown
    assert "".join(charrnn.generate(versions, length=20, rng=0)) == shown[0]


def test_no_source() -> None:
    with pytest.raises(InputError, match="has no prime"):
        charrnn.generate(Versions.of(_model("general"), "a"), prime="x")
    with pytest.raises(InputError, match="there is no text"):
        Versions.of(_model("general"), "")
    with pytest.raises(InputError, match="positive numbers"):
        Versions.of(_model("general"), "a", weights=(0,))


def test_in_the_shell(run: Run, piped: Any) -> None:
    charrnn_model = _model("general", 7)
    words = [a + b for a in "abc" for b in "abc"]
    Path("pairs.tsv").write_text("".join(f"{w}\t{w[::-1].upper()}\n" for w in words))
    how = ("--hidden-size", 24, "--num-layers", 1, "--batch-size", 4, "--learning-rate", 0.02)
    more = ("--dropout", 0, "--steps", 120, "--val-fraction", 0, "-q", "-o", "pairs.npz")
    assert run("train", "pairs.tsv", "--task", "seq2seq", *how, *more).code == 0
    ask = ("sample", "pairs.npz", "--source", "ab", "--seed", 3)
    three = run(*ask, "--num-samples", 3, "--temp", 2)
    assert (three.code, len(three.out.splitlines())) == (0, 3)
    assert three.err == "pairs.npz: seed 3\n"
    assert run(*ask, "--num-samples", 3, "--temp", 2).out == three.out
    told = [json.loads(line) for line in run(*ask, "--temp", 0, "--json").out.splitlines()]
    assert [(one["source"], one["text"], one["seed"]) for one in told] == [("ab", "BA", 3)]
    assert 0 < told[0]["bits_per_symbol"] < 1
    each = piped("ab\ncc\n", "sample", "pairs.npz", "-", "--temp", 0, "--num-samples", 2, "-q")
    assert each.out == "BA\nBA\nCC\nCC\n"
    endless = run(*ask, "--length", 0, "--temp", 5)
    assert (endless.code, len(endless.out) <= 3 * 2 + 20 + 1) == (0, True)
    banned = run(*ask, "--temp", 0, "--ban", "B", "-q")
    assert (banned.code, len(banned.out) > 1, "B" in banned.out) == (0, True, False)
    gaps = piped("ab\n\ncc\n", "sample", "pairs.npz", "-", "--temp", 0, "-q", "--separator", "|")
    assert gaps.out == "BA||CC|"
    told = piped("\n", "sample", "pairs.npz", "-", "--json", "-q").out
    assert json.loads(told)["text"] is None
    assert run(*ask, "--temp", 0, "--separator", "", "-q").out == "BA"
    assert charrnn.Versions.of(charrnn_model, "ab").source == "ab"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name one with --source, or a file of some, a line each"),
        (("--prime", "a"), "--prime is not for a model for seq2seq"),
        (("--source", ""), "--source: there is no text to make another one of"),
        (("--source", "a", "--novelty", "x"), "--novelty is not for a model for seq2seq"),
        (("--source", "a", "--no-echo"), "--no-echo is not for a model for seq2seq"),
        (("--source", "ä", "--unknown", "error"), "not in the model's vocabulary"),
        (("x.txt", "--source", "a"), "sources come from x.txt or from --source, not from both"),
        (("--source", "a", "--weights", "1,2"), "weights must be positive numbers, one for each"),
    ],
)
def test_asked_wrongly(run: Run, options: tuple[str, ...], said: str) -> None:
    Path("x.txt").write_text("a\n")
    path = Path("fresh.npz")
    training = charrnn.Training(
        charrnn.Examples.from_lines(["a\tx", "b\ty"], "seq2seq"),
        ModelConfig("gru", 4, 1, task="seq2seq"),
        charrnn.TrainingConfig(steps=1, val_fraction=0),
    )
    for _ in training:
        pass
    charrnn.save_checkpoint(training.checkpoint(), path)
    refused = run("sample", path, *options)
    assert refused.code == 2
    assert said in refused.err
