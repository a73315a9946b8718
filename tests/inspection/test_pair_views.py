"""What is seen of a model for seq2seq: how far back its last symbol reaches, and what it expected."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from samples import SHA256, USED

import charrnn
from charrnn.config import ModelConfig
from charrnn.files.checkpoint import save_checkpoint
from charrnn.inspection.attention import read_alignment
from charrnn.inspection.expecting import read_expected
from charrnn.inspection.reaching import rms, source_gradients
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import side_by_side
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.parameters import Parameters
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo

SOURCES, TARGETS = ["abcdef", "fc", "e"], [[0, 1, 1, 2], [2, 0], [1]]
"""No character twice in a source: what a column of the embedding does to the loss is what that character does."""


def _model(attention: str, cell: str = "lstm", bidirectional: bool = True) -> CharacterModel:
    config = ModelConfig(
        cell, 5, 2, 3, 0.0, task="seq2seq", attention=attention, bidirectional=bidirectional
    )
    rng = np.random.default_rng(1)
    model = CharacterModel.fresh(config, Vocabulary("abcdef"), rng, Labels(("x", "y", "z")))
    model.parameters.flat += rng.normal(0, 0.4, model.parameters.flat.shape).astype(np.float32)
    return model


def _loss_of_last(model: CharacterModel, params: Parameters, number: int) -> float:
    network = model.network
    assert isinstance(network, Seq2Seq)
    ids, lengths = side_by_side([model.vocabulary.encode(SOURCES[number])])
    targets = np.array(TARGETS[number])[:, None]
    counted = np.ones(targets.shape, np.bool_)
    chunk = Chunk(ids.astype(np.intp), targets, np.ones(1, np.bool_), counted, lengths)
    return float(network.nats(params, chunk, Workspace(np.float64))[-1, 0])


@pytest.mark.parametrize("attention", ["general", "monotonic", "none"])
@pytest.mark.parametrize(("cell", "bidirectional"), [("lstm", True), ("gru", False)])
def test_gradients_equal_differences(attention: str, cell: str, bidirectional: bool) -> None:
    model, step = _model(attention, cell, bidirectional), 1e-6
    reach = source_gradients(model, SOURCES, TARGETS)
    wide = Parameters(model.parameters.shapes, model.parameters.flat.astype(np.float64))
    E, first = wide["encoder/E"], int(attention == "monotonic")
    for number, source in enumerate(SOURCES):
        for place, character in enumerate(source):
            column = model.vocabulary.characters.index(character) + first
            slopes = []
            for row in range(3):
                kept = E[row, column]
                each = []
                for moved in (kept + step, kept - step):
                    E[row, column] = moved
                    each.append(_loss_of_last(model, wide, number))
                E[row, column] = kept
                slopes.append((each[0] - each[1]) / (2 * step))
            norm = float(np.linalg.norm(slopes))
            assert reach.whole[number][place] == pytest.approx(norm, rel=1e-5, abs=1e-9)


def test_without_attention_all_comes_through_the_states() -> None:
    alone, both = _model("none"), _model("general")
    reach = source_gradients(alone, SOURCES, TARGETS)
    for whole, states in zip(reach.whole, reach.states, strict=True):
        assert whole == pytest.approx(states, rel=1e-9)
    reach = source_gradients(both, SOURCES, TARGETS)
    assert not np.allclose(reach.whole[0], reach.states[0], rtol=0.01)


def test_attention_is_a_short_way() -> None:
    """Of a long source nothing is left at its first character where all came through the states of a plain net, and much where it was looked at."""
    model = _model("general", "rnn", bidirectional=False)
    for name, array in model.parameters.items():
        if name.endswith("/W") and "layer" in name:
            array *= 0.5
    reach = source_gradients(model, ["abcdef" * 10], [[0, 1] * 10])
    whole, states = reach.first
    assert states[0] < 1e-6 * whole[0]


def test_looking_at_the_one_character_there_is_is_sharp() -> None:
    """To 0 bits, which has no minus."""
    entropy = read_alignment(_model("general"), "a").entropy
    assert not entropy.any()
    assert not np.signbit(entropy).any()


def test_who_walks_may_stand_at_a_mark(run: Run) -> None:
    """Where a symbol is made there, that is told, and no character that has next to nothing."""
    model = _model("monotonic")
    model.parameters["attention/u"][...] = [-30, -30, -30, -30, 30]  # goes to the end at once
    found = read_alignment(model, "abc")
    assert found.weights is not None
    assert found.marks is not None
    assert found.places.shape == (len(found.symbols) + 1, 5)
    assert found.places.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert found.places[-1].argmax() == 4
    save_checkpoint(Checkpoint(model, USED, CorpusInfo(("t.tsv",), 0, 0, SHA256)), "m.npz")
    told = json.loads(run("inspect", "m.npz", "--attention", "abc", "--json").out)
    np.testing.assert_allclose(told["marks"], found.marks, atol=1e-6)
    shown = run("inspect", "m.npz", "--attention", "abc").out
    assert re.search(r"\(end\) +\d\.\d\d  \(end\) 100 %", shown)


def test_expected_as_it_is_likely() -> None:
    model = _model("general")
    found = read_expected(model, "abc", ["x", "z"])
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert found.bits[1] == pytest.approx(-np.log2(found.probabilities[1, 2]), abs=1e-9)
    assert found.bits[2] == pytest.approx(-np.log2(found.probabilities[2, 3]), abs=1e-9)


def test_in_the_shell(run: Run) -> None:
    words = [a + b + c for a in "abc" for b in "abc" for c in "abc"]
    Path("pairs.tsv").write_text("".join(f"{w}\t{w[::-1].upper()}\n" for w in words))
    how = (
        "--hidden-size",
        12,
        "--num-layers",
        1,
        "--batch-size",
        4,
        "--steps",
        150,
        "-q",
        "--learning-rate",
        0.02,
    )
    for attention in ("general", "none"):
        more = ("--attention", attention, "-o", f"{attention}.npz")
        assert run("train", "pairs.tsv", "--task", "seq2seq", *how, *more).code == 0
    shown = run("inspect", "general.npz", "none.npz", "--gradients")
    assert shown.code == 0
    assert "general, through the states alone" in shown.out
    assert "none, no attention" in shown.out
    told = json.loads(run("inspect", "none.npz", "--gradients", "--json").out)
    one, fresh = told["models"]
    assert fresh["name"] == "fresh"
    assert one["first"] == pytest.approx(one["first_through_states"])
    assert rms(one["by_place"][:1]) == pytest.approx(one["first"])
    alone = json.loads(run("inspect", "general.npz", "--gradients", "--on", "abc", "--json").out)
    assert len(alone["models"][0]["by_place"]) == 3
    given = json.loads(run("inspect", "general.npz", "--text", "abc\tCBB", "--json").out)
    assert (given["source"], given["target"], len(given["bits"])) == ("abc", "CBB", 4)
    own = json.loads(run("inspect", "general.npz", "--text", "abc", "--json").out)
    assert own["target"] == own["made"]
    wrong = run("inspect", "general.npz", "--text", "abc\tQ")
    assert (wrong.code, "Q" in wrong.err) == (2, True)
    several = run("inspect", "general.npz", "--on", "abc\nbca", "--gradients")
    assert several.code == 0
    for view, text, said in (
        ("--text", "abc\nbca", "has several lines"),
        ("--text", "a" * 300 + "\tC", "with a target it is 200 at most"),
        ("--text", "a\t" + "C" * 300, "a target of 300 symbols; 200 is the most"),
        ("--text", "a\tq", "q: the model knows no such symbol"),
        ("--text", "QQ", "not in the model's vocabulary"),
        ("--attention", "", "is empty"),
    ):
        refused = run("inspect", "general.npz", view, text)
        assert (refused.code, said in refused.err) == (2, True), refused.err
    skipped = run("inspect", "general.npz", "--text", "QQ", "--unknown", "skip")
    assert (skipped.code, "the text given: is empty" in skipped.err) == (2, True)


def test_models_side_by_side_share_their_symbols(run: Run) -> None:
    """Else what one reads as A another would read as B."""
    tables = {"one": "AA BB\taa bb\nCC AA\tcc aa\n", "other": "BB CC\tbb cc\nCC DD\tcc dd\n"}
    for name, table in tables.items():
        Path(f"{name}.tsv").write_text(table * 4, encoding="utf-8")
        how = ("--task", "seq2seq", "--hidden-size", 4, "--num-layers", 1, "--steps", 3, "-q")
        symbols = ("--source-symbols", "token", "--target-symbols", "token")
        assert run("train", f"{name}.tsv", *how, *symbols, "-o", f"{name}.npz").code == 0
    Path("text.txt").write_text("some text\n" * 200)
    small = ("--hidden-size", 4, "--num-layers", 1, "--seq-length", 10, "--batch-size", 4)
    assert run("train", "text.txt", *small, "--steps", 2, "-q", "-o", "lm.npz").code == 0
    refused = run("inspect", "one.npz", "other.npz", "--gradients")
    assert "models that read and write the same symbols" in refused.err
    for pair in (("lm.npz", "one.npz"), ("one.npz", "lm.npz")):
        mixed = run("inspect", *pair, "--gradients")
        assert "models for lm and seq2seq; side by side are those of one task" in mixed.err
    found = read_expected(charrnn.load("one.npz"), "CC AA", ["cc"])
    assert len(found.bits) == 2
    assert read_alignment(charrnn.load("one.npz"), "CC AA").weights is not None
    unknown = run("evaluate", "one.npz", "other.tsv")
    assert "4 targets with symbols that the model does not know, counted as wrong\n" in unknown.err
