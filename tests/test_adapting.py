"""Models that go on learning from what they read: dynamic evaluation, for scores and before writing on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from forms import Form
from kinds import configured, every_model

import charrnn
from charrnn.config import ModelConfig, TextConfig
from charrnn.errors import CheckpointError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing import adapting
from charrnn.writing.adapting import (
    CHUNK,
    DAMPING,
    DECAY,
    LARGEST,
    RATE_TIMES_HIDDEN_SIZE,
    Adapter,
    after_reading,
)
from charrnn.writing.scoring import Scorer, score_texts

ALPHABET = "\nabcdefgh"
QUICK = 2.0  # a rate for little text


def _model(
    cell: str = "lstm", embedding_size: int = 0, *, records: bool = False, seed: int = 0
) -> CharacterModel:
    config = configured(cell, 16, embedding_size=embedding_size)
    vocabulary = Vocabulary(ALPHABET, TextConfig(records=records))
    return CharacterModel.fresh(config, vocabulary, np.random.default_rng(seed))


def _ids(length: int, seed: int = 1) -> Ids:
    return np.random.default_rng(seed).integers(1, len(ALPHABET), length)


@pytest.fixture(autouse=True)
def _few_own_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients are measured on fewer texts, which is quicker."""
    monkeypatch.setattr(adapting, "OWN_CHARACTERS", 400)
    monkeypatch.setattr(adapting, "OWN_RECORDS", 40)


# ------------------------------------------------------------------------------------- equations


def _slowly(model: CharacterModel, ids: Ids, rate: float, root: Array) -> tuple[Array, Array]:
    """The nats and the final weights by the equations, for each chunk, with the network's own loss and gradient."""
    network, params = model.network, model.parameters.copy()
    origin, theta = model.parameters.flat, params.flat
    state, mean = network.begin(params, 1), root.mean()
    read = np.concatenate([model.vocabulary.encode(model.beginning()), ids])[:, None]
    nats: list[Array] = []
    for start in range(0, len(ids) // CHUNK * CHUNK, CHUNK):
        inputs, targets = read[start : start + CHUNK], read[start + 1 : start + CHUNK + 1]
        logits, _ = network.logits(params, inputs, state, Workspace())
        scores = logits[:, :, 0].astype(np.float64)
        chosen = scores[targets[:, 0], np.arange(CHUNK)]
        nats.append(np.log(np.exp(scores).sum(axis=0)) - chosen)
        gradients = params.zeros()
        chunk = Chunk(inputs, targets, np.zeros(1, np.bool_))
        _, state = network.loss_and_gradients(
            params, gradients, chunk, state, Workspace(), scale=1 / CHUNK
        )
        u = gradients.flat / (root + DAMPING * mean)
        u *= min(1, LARGEST / np.sqrt(np.mean(u * u)))
        theta[...] = theta - rate * u + np.minimum(DECAY * root / mean, 1) * (origin - theta)
    return np.concatenate(nats), theta


@every_model
def test_the_equations(cell: str, embedding_size: int, form: Form) -> None:
    """Both forms of every model, over some chunks."""
    model = _model(cell, embedding_size)
    model = replace(model, network=form(model.network))  # type: ignore[type-var]
    ids = _ids(8 * CHUNK)
    adapter = Adapter(model, 1.5)
    nats, theta = _slowly(
        model, ids, 1.5 * RATE_TIMES_HIDDEN_SIZE / 16, adapting._typical_gradient(model)
    )
    np.testing.assert_allclose(adapter.read(ids), nats, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(adapter.model.parameters.flat, theta, atol=2e-3)
    assert abs(theta - model.parameters.flat).max() > 0.05


def test_gradients_are_measured_on_what_the_model_writes_itself() -> None:
    """Each time the same, of a magnitude for each weight; nothing for one that has no say."""
    model = _model()
    root = adapting._typical_gradient(model)
    assert root.shape == model.parameters.flat.shape
    assert (root >= 0).all()
    assert np.array_equal(root, adapting._typical_gradient(model))
    silent = _model()
    silent.parameters["V"][...] = 0
    views = adapting._typical_gradient(silent)
    assert views.any()
    assert not views[: silent.parameters["layer0/U"].size].any()


# ------------------------------------------------------------------------------- what it may know


def test_a_chunk_is_scored_before_it_is_learnt() -> None:
    """What comes later in a text, its own chunk too, has no part in a character's bits."""
    model, ids = _model(), _ids(5 * CHUNK)
    plain, whole = Scorer(model).read(ids), Adapter(model).read(ids)
    np.testing.assert_allclose(whole[:CHUNK], plain[:CHUNK], atol=1e-5)
    assert abs(whole[CHUNK:] - plain[CHUNK:]).max() > 1e-3
    for place in (0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 7):
        other = ids.copy()
        other[place:] = ids[::-1][place:]
        other[place] = ids[place] % 8 + 1
        found = Adapter(model).read(other)
        assert np.array_equal(found[:place], whole[:place])


def test_a_repetition_is_cheap_the_second_time_only() -> None:
    """Nonsense that is planted twice in a text: a model that learns expects it then, and another one does not."""
    model = charrnn.load(Path(__file__).parents[1] / "checkpoints" / "demo.npz")
    nonsense = "Qwzk vorpal xjumble, Qwzk brillig xjumble; the slithy Qwzk toves gimble.\n" * 2
    plain_text = "An expression is evaluated from left to right, as it stands.\n" * 3
    first = len(plain_text)
    second = 2 * first + len(nonsense)
    ids = model.vocabulary.encode((plain_text + nonsense) * 2)
    found, plain = Adapter(model).read(ids), Scorer(model).read(ids)

    def mean(nats: Array, start: int) -> float:
        return float(nats[start : start + len(nonsense)].mean())

    assert mean(plain, second) > mean(plain, first) - 0.2
    assert mean(found, first) > mean(found, second) + 1
    np.testing.assert_allclose(found[:CHUNK], plain[:CHUNK], atol=1e-5)


def test_without_a_rate_nothing_is_learnt() -> None:
    """Bit for bit what one reads in as many steps at once, and the plain scores to rounding."""
    model, ids = _model(), _ids(300)
    adapter = Adapter(model, 0.0)
    found = adapter.read(ids)
    assert adapter.model == model
    np.testing.assert_allclose(found, Scorer(model).read(ids), atol=1e-5)
    scorer = Scorer(model)
    pieces = [scorer.read(ids[start : start + CHUNK]) for start in range(0, len(ids), CHUNK)]
    assert np.array_equal(found, np.concatenate(pieces))


def test_the_model_stays_as_it_is() -> None:
    model = _model()
    before = model.parameters.copy()
    adapter = Adapter(model)
    adapter.read(_ids(100))
    assert model.parameters == before
    first = adapter.model
    assert first != model
    adapter.read(_ids(100))
    assert adapter.model != first


@pytest.mark.parametrize("records", [False, True])
def test_pieces_do_not_matter(form: Form, *, records: bool) -> None:
    """What is learnt is the same to the last bit, however the text comes; the scores are to rounding."""
    model = _model(records=records)
    model = replace(model, network=form(model.network))  # type: ignore[type-var]
    ids = np.random.default_rng(3).integers(0, len(ALPHABET), 500)
    whole, pieces = Adapter(model), Adapter(model)
    nats = whole.read(ids)
    cuts = np.random.default_rng(4).integers(0, 500, 90)
    found = np.concatenate([pieces.read(piece) for piece in np.split(ids, np.sort(cuts))])
    np.testing.assert_allclose(found, nats, atol=1e-4)
    assert whole.model == pieces.model
    assert np.array_equal(Adapter(model).read(ids), nats)


def test_the_rest_is_learnt_at_the_end() -> None:
    """A text shorter than a chunk is no text to learn nothing from."""
    model = _model()
    assert after_reading(model, ["abc"], 1.0) != model
    assert after_reading(model, [], 1.0) == model
    assert after_reading(model, ["abc", "", "def"], 1.0) == after_reading(model, ["abcdef"], 1.0)


def test_records_begin_anew_and_are_learnt_one_after_the_other() -> None:
    model = _model(records=True)
    texts = ["abc\n", "hgfedcba\n", "\n", "abc\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"]
    alone = score_texts(model, texts)
    adapter = Adapter(model, QUICK)
    found = [adapter.read(model.vocabulary.encode(text)) for text in texts]
    np.testing.assert_allclose(found[0], alone[0], atol=1e-5)
    assert abs(found[1] - alone[1]).max() > 1e-3
    assert found[3].mean() < alone[3].mean()
    still = Adapter(model, 0.0)
    for text, nats in zip(texts, alone, strict=True):
        np.testing.assert_allclose(still.read(model.vocabulary.encode(text)), nats, atol=1e-4)


def test_for_a_label() -> None:
    """A record begins with its label, and what labels begin with is not learnt."""
    labels, vocabulary = Labels(("x", "y")), Vocabulary(ALPHABET, TextConfig(records=True))
    config = ModelConfig("gru", 8, task="conditional")
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(0), labels)
    model.parameters["begin/E"][...] *= 10
    one, other = model.writing({"x": 1.0}), model.writing({"y": 1.0})
    text = "abc\nabd\n"
    ids = vocabulary.encode(text)
    for writer in (one, other):
        adapter = Adapter(writer)
        np.testing.assert_allclose(
            adapter.read(ids)[:4], score_texts(writer, ["abc\n"])[0], atol=1e-5
        )
        learnt = adapter.model.parameters
        assert np.array_equal(learnt["begin/E"], model.parameters["begin/E"])
        assert not np.array_equal(learnt["V"], model.parameters["V"])
    assert abs(Adapter(one).read(ids) - Adapter(other).read(ids)).max() > 1e-3
    with pytest.raises(InputError, match="none is chosen"):
        Adapter(model)


# -------------------------------------------------------------------------------- hostile numbers


def test_overflow_leads_back_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that are too large for any weight to stay finite: each chunk is read by the model as it came."""
    model, ids = _model("rnn-relu"), _ids(200)
    monkeypatch.setattr(adapting, "LARGEST", 1e38)
    adapter = Adapter(model, 100.0)
    adapter._measure[...] = np.float32(1e38)
    nats = adapter.read(ids)
    assert np.isfinite(nats).all()
    np.testing.assert_allclose(nats[:CHUNK], Scorer(model).read(ids)[:CHUNK], atol=1e-4)
    assert np.isfinite(adapter.model.parameters.flat).all()


def test_finite_weights_that_overflow_in_use() -> None:
    """What can no longer be read with is read with the model as it came."""
    model, ids = _model("rnn-relu"), _ids(100)
    adapter = Adapter(model)
    adapter.read(ids[: CHUNK + 3])
    adapter._params["layer1/W"][...] = 3e19
    adapter._params["layer1/U"][...] = 1
    nats = adapter.read(ids[CHUNK + 3 :])
    assert np.isfinite(nats).all()
    assert adapter.model.parameters["layer1/W"].max() < 10


def test_a_model_that_overflows_itself() -> None:
    model = _model("rnn-relu")
    model.parameters["layer1/W"][...] = 3e19
    model.parameters["layer1/U"][...] = 1
    with pytest.raises(CheckpointError, match="overflow"):
        Adapter(model).read(_ids(100))
    with pytest.raises(CheckpointError, match="overflow"):
        Adapter(model, 0.0).read(_ids(100))


def test_whole_texts_only() -> None:
    labels = Labels(("x", "y"))
    config = ModelConfig("gru", 8, num_layers=1, task="classify")
    model = CharacterModel.fresh(config, Vocabulary(ALPHABET), np.random.default_rng(0), labels)
    with pytest.raises(InputError, match="reads whole texts"):
        charrnn.adapted(model, "abc")


@pytest.mark.parametrize("kind", ["noise", "switching", "constant"])
def test_nothing_leads_it_astray(kind: str) -> None:
    """Text that no model expects becomes cheaper, not dearer."""
    model, rng = _model(), np.random.default_rng(5)
    for array in model.parameters.values():
        array *= 3  # as sure as one that has learnt
    ids = {
        "noise": _ids(1500),
        "switching": np.repeat(rng.integers(0, len(ALPHABET), 10), 150),
        "constant": np.full(1500, 3),
    }[kind]
    assert Adapter(model).read(ids).mean() < Scorer(model).read(ids).mean()


# ------------------------------------------------------------------------------------ from Python


def test_score() -> None:
    model, text = _model(), "abcdefgh" * 20
    found = charrnn.score(model, text, adapt=True)
    assert found.text == text
    nats = Adapter(model.to_learn()).read(model.vocabulary.encode(text))
    np.testing.assert_allclose(found.bits * np.log(2), nats, atol=1e-5)
    assert found.bits_per_char < charrnn.score(model, text).bits_per_char
    further = charrnn.score(model, text, adapt=True, adapt_rate=QUICK)
    assert further.bits_per_char < found.bits_per_char
    records = charrnn.score(_model(records=True), "abc\nabc\nab", adapt=True)
    assert records.text == "abc\nabc\nab"
    with pytest.raises(InputError, match="adapt_rate must be at least 0"):
        charrnn.score(model, text, adapt=True, adapt_rate=-1)


def test_adapted() -> None:
    """A model that has read a text expects it, and writes as another one does."""
    model, text = _model(), "abcdefgh" * 100
    learnt = charrnn.adapted(model, text, rate=QUICK)
    assert charrnn.score(learnt, text).bits_per_char < charrnn.score(model, text).bits_per_char - 1
    assert learnt == charrnn.adapted(model, text, rate=QUICK)
    assert charrnn.adapted(model, text, rate=0) == model
    written = "".join(charrnn.generate(learnt, prime=text, length=8, temperature=0))
    assert written == "abcdefgh"
    with pytest.raises(charrnn.CharrnnError, match="'z'"):
        charrnn.adapted(model, "abz")
    assert charrnn.adapted(model, "abz", unknown="skip") == charrnn.adapted(model, "ab")


# ------------------------------------------------------------------------------ on the command line


def test_score_command(piped: Any, run: Run, model: Path) -> None:
    """From a file, a pipe, by lines and characters: the same figures, and the checkpoint stays as it was."""
    bytes_before = model.read_bytes()
    text = "It was the best.\nNobody expects.\n" * 20 + "Line 3"
    Path("text.txt").write_text(text, encoding="utf-8")
    loaded = charrnn.load(model)
    bits = charrnn.score(loaded, text, adapt=True).bits
    total = f"{bits.mean():.4f}\t{2 ** bits.mean():.4f}\n"
    assert run("score", model, "text.txt", "--adapt").out == total
    assert run("score", model, "text.txt", "--adapt", "--exact").out == total
    assert piped(text, "score", model, "--adapt").out == total
    assert run("score", model, "text.txt").out > total
    rows = run("score", model, "text.txt", "--adapt", "--per-char", "--json").out.splitlines()
    assert [json.loads(row)["bits"] for row in rows] == pytest.approx(list(bits), abs=1e-4)
    rows = run("score", model, "text.txt", "--adapt", "--per-line").out.splitlines()
    assert float(rows[0].split("\t")[0]) == pytest.approx(bits[:17].mean(), abs=1e-4)
    assert float(rows[-3].split("\t")[0]) < float(rows[0].split("\t")[0])
    plain = run("score", model, "text.txt", "--exact").out
    assert run("score", model, "text.txt", "--adapt", "--adapt-rate", 0).out == plain
    assert model.read_bytes() == bytes_before


def test_several_models(run: Run, model: Path) -> None:
    """Each learns by itself."""
    Path("b.npz").write_bytes(model.read_bytes())
    Path("text.txt").write_text("It was the best.\n" * 20, encoding="utf-8")
    alone = run("score", model, "text.txt", "--adapt").out.split("\t")[0]
    assert run("score", model, "b.npz", "text.txt", "--adapt").out == f"{alone}\t{alone}\n"


def test_records_on_the_command_line(run: Run, trained: Any) -> None:
    records = trained("anna\nbob\nclara\n" * 20, "--records")
    Path("names.txt").write_text("anna\nanna\nanna\nbob\n" * 30, encoding="utf-8")
    plain = run("score", records, "names.txt", "--per-line").out.splitlines()
    found = run("score", records, "names.txt", "--per-line", "--adapt").out.splitlines()
    assert [row.split("\t")[1] for row in found] == [row.split("\t")[1] for row in plain]
    assert found[0] == plain[0]
    assert float(found[-3].split("\t")[0]) < float(plain[-3].split("\t")[0])
    told = run("sample", records, "--adapt", "--prime", "a")
    assert told.code == 2
    assert "models of running text" in told.err


def test_sample_command(piped: Any, run: Run, model: Path) -> None:
    """It goes on with what it has learnt from, one text or several, and several models learn each by itself."""
    prime = "Nobody Nobody Nobody " * 12
    Path("prime.txt").write_text(prime, encoding="utf-8")
    options = ("--length", 40, "--seed", 1, "--quiet", "--no-echo", "--adapt-rate", QUICK)
    told = run("sample", model, "--adapt", "--prime", prime, *options)
    assert told.code == 0, told.err
    learnt = charrnn.adapted(charrnn.load(model), prime, rate=QUICK)
    wanted = "".join(charrnn.generate(learnt, prime=prime, length=40, rng=1))
    assert told.out == wanted
    assert run("sample", model, "--adapt", "--prime-text", "prime.txt", *options).out == wanted
    assert piped(prime, "sample", model, "--adapt", "--prime-text", "-", *options).out == wanted
    assert run("sample", model, "--prime", prime, *options[:-2]).out != wanted
    both = run("sample", model, "--adapt", "--prime", prime, "--num-samples", 2, "--json", *options)
    first, second = map(json.loads, both.out.splitlines())
    assert first["text"] == wanted != second["text"]
    several = run("sample", model, model, "--adapt", "--prime", prime, *options)
    assert several.code == 0
    assert len(several.out) == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("score", "--adapt-rate", 0.1, "corpus.txt"), "--adapt-rate goes with --adapt"),
        (("score", "--adapt", "--adapt-rate", "nan", "corpus.txt"), "must be at least 0"),
        (("score", "--adapt", "--adapt-rate", 101, "corpus.txt"), "at most 100"),
        (("score", "--adapt", "--independent-lines", "corpus.txt"), "leave one out"),
        (("sample", "--adapt"), "give --prime-text FILE, or a --prime"),
        (("sample", "--adapt", "-"), "leave out prompts"),
        (("sample", "--adapt", "--prime-file", "corpus.txt"), "leave out prompts"),
        (("sample", "--adapt", "--jsonl", "corpus.txt"), "leave out prompts"),
        (("sample", "--adapt-rate", 0.1), "--adapt-rate goes with --adapt"),
        (("sample", "--adapt", "--adapt-rate", -1, "--prime", "a"), "must be at least 0"),
    ],
)
@pytest.mark.usefixtures("model")
def test_what_makes_no_sense(run: Run, arguments: tuple[object, ...], message: str) -> None:
    told = run(*arguments)
    assert (told.code, told.out) == (2, "")
    assert message in told.err
    assert told.err.count("\n") == 1


def test_other_tasks(run: Run, trained: Any) -> None:
    """What reads whole texts neither scores nor writes on."""
    classify = trained("one\tx\ntwo\ty\n" * 20, "--task", "classify")
    assert run("score", classify, "corpus.txt", "--adapt").code == 2
    assert run("sample", classify, "--adapt", "--prime", "a").code == 2
    rewrite = trained("one\ttwo\ntwo\tone\n" * 20, "--task", "seq2seq")
    told = run("sample", rewrite, "--adapt", "--source", "one")
    assert told.code == 2
    assert "--adapt is not for a model for seq2seq" in told.err
