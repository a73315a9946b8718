"""The model without memory from the command line on: what it can learn, and all that is done with a model."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, Trained
from samples import make_text

import charrnn
from charrnn.errors import CheckpointError
from charrnn.files.npz import write_arrays
from charrnn.inspection.neurons import Unit, activation, find_neurons
from charrnn.models.character_model import CharacterModel
from charrnn.models.continuing import OneModel
from charrnn.models.reading import read_prime
from charrnn.nn.loss import bits
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.budget import choose
from charrnn.training.cost import Speed
from charrnn.training.fit import judge
from charrnn.training.pace import choose_here
from charrnn.training.trainer import Training

CELL = ("--cell", "feedforward")
NAMES = "anna\nbob\nhannah\notto\nada\nlili\nmim\n" * 30

every_context = pytest.mark.parametrize("context", [1, 3, 8])


def _chains(back: int, length: int = 6000) -> str:
    """A text in which each character is the one so far back nine times out of ten, and what is between tells nothing."""
    rng = np.random.default_rng(back)
    ids = rng.integers(4, size=length)
    same = rng.random(length) < 0.9
    for place in range(back, length):
        if same[place]:
            ids[place] = ids[place - back]
    return "".join("abcd"[number] for number in ids)


@pytest.mark.parametrize("context", [1, 2, 3, 4])
def test_what_it_cannot_see_it_cannot_learn(context: int) -> None:
    """A signal three characters before the next one (k = 2) takes a context of three; without, there is a guess of four."""
    training = Training(
        charrnn.Corpus.from_text(_chains(3)),
        charrnn.ModelConfig("feedforward", 16, 1, dropout=0.0, context=context),
        charrnn.TrainingConfig(steps=200, batch_size=20, seq_length=20, learning_rate=0.03),
    )
    for _ in training:
        pass
    assert training.validation_loss is not None
    loss = bits(training.validation_loss)
    assert loss < 0.8 if context >= 3 else loss > 1.95


@every_context
@pytest.mark.parametrize("records", [False, True])
def test_resume_is_exact(context: int, records: bool, tmp_path: Path) -> None:
    """The characters before are in the checkpoint."""
    text = NAMES if records else make_text(20)
    corpus = charrnn.Corpus.from_text(text, config=charrnn.TextConfig(records=records))
    model = charrnn.ModelConfig("feedforward", 6, 2, dropout=0.3, context=context)
    config = charrnn.TrainingConfig(epochs=2, batch_size=4, seq_length=7, threads=2, eval_every=50)
    whole, left = Training(corpus, model, config), Training(corpus, model, config)
    for _ in whole:
        pass
    for number in (3, 40):
        list(islice(left, number))
        charrnn.save_checkpoint(left.checkpoint(), tmp_path / "run.npz")
        saved = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
        left = Training.resume(corpus, saved)
    for _ in left:
        pass
    one, other = whole.checkpoint().progress, left.checkpoint().progress
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.state, other.state)


# ------------------------------------------------------------------------------- the command line


@every_context
def test_commands(run: Run, trained: Trained, context: int) -> None:
    """It trains, goes on, writes from any prime, scores the same in pieces as a whole."""
    path = trained(make_text(20), *CELL, "--context", str(context))
    Path("m.npz").write_bytes(path.read_bytes())
    learnt = path.with_name("learnt.txt")
    assert run("train", "--resume", "m.npz", "--steps", 25, "-q", learnt).code == 0
    texts = [run("sample", "m.npz", "--prime", p, "-n", 30, "-q").out for p in ("", "It was the b")]
    assert [len(text) for text in texts] == [30, 42]
    written = [
        json.loads(line)["text"]
        for seed, count in ((5, 3), (5, 1), (6, 1), (7, 1))
        for line in run(
            "sample", "m.npz", "-n", 20, "--num-samples", count, "--seed", seed, "--json", "-q"
        ).out.splitlines()
    ]
    assert written[:3] == written[3:]
    Path("text.txt").write_text(make_text(3), encoding="utf-8")
    quick, exact = (
        json.loads(run("score", "m.npz", "text.txt", *more, "--json").out)["bits_per_char"]
        for more in ((), ("--exact",))
    )
    assert quick == pytest.approx(exact, rel=1e-6)


def test_names(run: Run) -> None:
    """Records are apart: each begins after an end, whatever stood before it."""
    Path("names.txt").write_text(NAMES, encoding="utf-8")
    size = ("--hidden-size", 32, "--epochs", 40, "--dropout", 0)
    outcome = run("train", "names.txt", *CELL, "--context", 8, "--records", *size, "-q")
    path = outcome.out.strip()
    written = run("sample", path, "--num-samples", 8, "--temp", 0.2, "-q").out.splitlines()
    assert len(written) == 8
    assert set(written) <= set(NAMES.split())

    def cost(text: str) -> float:
        return float(charrnn.score(charrnn.load(path), text).bits.sum())

    assert cost("ada\notto\n") == pytest.approx(cost("ada\n") + cost("otto\n"), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--context", 3), "context is for a net without memory (--cell feedforward); lstm carries a state instead"),
        ((*CELL, "--context", 0), "context must be a whole number from 1 to 64, not 0"),
        ((*CELL, "--weight-drop", 0.2), "weight-drop drops recurrent weights, and feedforward has none; dropout drops outputs"),
        ((*CELL, "--embedding-size", 8), "embedding-size is not for feedforward, which learns a vector for each character in each place already"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(run: Run, options: tuple[object, ...], message: str) -> None:
    """One line, with a budget and without, and no file."""
    for length in ((), ("--epochs", 1)):
        outcome = run("train", "corpus.txt", *options, *length, "-o", "m.npz")
        assert (outcome.code, outcome.out, outcome.err) == (2, "", f"charrnn: {message}\n")
    assert not Path("m.npz").exists()


def test_what_a_model_keeps(run: Run, trained: Trained) -> None:
    """Its context stays when it is gone on with; one that has none says so."""
    path = trained(make_text(20), *CELL, "--context", "2")
    learnt = path.with_name("learnt.txt")
    outcome = run("train", learnt, "--init-from", path, "--context", 5, "--epochs", 1)
    assert outcome.err == "charrnn: --context is 2 in that model, and stays so with --init-from\n"
    outcome = run(
        "train", learnt, "--init-from", trained(make_text(20)), "--context", 5, "--epochs", 1
    )
    assert (
        outcome.err
        == "charrnn: --context is not set in that model, and stays so with --init-from\n"
    )
    outcome = run("train", learnt, "--init-from", path, "--steps", 3, "-o", "on.npz", "-q")
    assert outcome.code == 0, outcome.err
    assert charrnn.load_checkpoint("on.npz").model.config.context == 2


def test_texts_that_stand_still() -> None:
    """Of texts side by side one may read on while another one waits, as in a mixture."""
    config = charrnn.ModelConfig("feedforward", 5, 2, context=4)
    model = CharacterModel.fresh(config, Vocabulary("\n abc"), np.random.default_rng(3))
    both = OneModel(model, ["ab", "c"])
    both.step_some(np.array([3, 4]), np.array([False, True]))
    both.step(np.array([1, 2]))
    for column, text in enumerate(["ab ", "cca"]):
        logits, state = read_prime(model, text)
        np.testing.assert_allclose(both.logits[:, [column]], logits, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(both._stepper.state[..., [column]], state)


def test_from_python() -> None:
    corpus = charrnn.Corpus.from_text(make_text(20))
    training = charrnn.train(corpus, cell="feedforward", context=2, hidden_size=8, steps=5)
    assert repr(training.model()).startswith("<CharacterModel: feedforward, 2 x 8, ")
    assert len("".join(charrnn.generate(training.model(), length=20, rng=1))) == 20
    with pytest.raises(charrnn.CharrnnError, match="lstm carries a state instead"):
        charrnn.train(corpus, context=2, steps=5)


# ----------------------------------------------------------------------------------- looking inside


@pytest.mark.parametrize("num_layers", [1, 2])
@every_context
def test_views(run: Run, trained: Trained, context: int, num_layers: int) -> None:
    """Each works, or says in one line why not."""
    layers = ("--num-layers", str(num_layers))
    path = trained(make_text(20), *CELL, "--context", str(context), *layers)
    for view in (
        "--details",
        "--neurons",
        "--unit 0:7",
        "--weights",
        "--embedding",
        "--next x",
        "--text was",
        "--ngrams",
        "",
    ):
        outcome = run("inspect", path, *view.split())
        assert (outcome.code, outcome.err) == (0, ""), view
    outcome = run("inspect", path, "--gates")
    assert (
        outcome.err
        == "charrnn: a model of feedforward cells has no gates; those of gru and lstm have\n"
    )
    outcome = run("inspect", path, "--gradients")
    sees = f"{context} character{'s' * (context > 1)} and nothing before"
    assert (
        f"no gradient goes back through time in a net without memory: it predicts from {sees}"
        in outcome.err
    )
    card = run("inspect", path).out
    assert f"feedforward (tanh) · {num_layers} layer" in card
    assert f"context of {context}" in card
    weights = json.loads(run("inspect", path, "--weights", "--json").out)
    assert weights["recurrences"] == []
    names = [one["name"] for one in weights["spreads"]]
    assert names[:context] == [f"layer0/U{place}" for place in range(context)]


# They take the most time of all views: each context and each number of layers is there, but not both in all ways.
@pytest.mark.parametrize(("context", "num_layers"), [(1, 2), (3, 1), (8, 2)])
def test_page_and_pictures(run: Run, trained: Trained, context: int, num_layers: int) -> None:
    """The page has all views."""
    layers = ("--num-layers", str(num_layers))
    path = trained(make_text(20), *CELL, "--context", str(context), *layers)
    assert run("inspect", path, "--html", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("There is nothing to see here") == 2
    for kind in ("svg", "png"):
        pytest.importorskip("matplotlib")
        assert run("inspect", path, "--weights", f"--{kind}", f"w.{kind}").code == 0


def test_beside_one_with_memory(run: Run, trained: Trained) -> None:
    """The table tells cell and context; of gradients the one that has none is named."""
    text = make_text(20)
    paths = [trained(text, *CELL, "--context", "2"), trained(text)]
    rows = json.loads(run("inspect", *paths, "--compare", "--json").out)["differences"]
    del rows["corpus"]  # the same text, in a folder of its own
    assert rows == {"cell": ["feedforward", "lstm"], "context": [2, None]}
    assert "context" in (out := run("inspect", *paths, "--compare").out)
    assert "none" in out
    outcome = run("inspect", *paths[::-1], "--gradients")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"charrnn: {paths[0]}: no gradient goes back")


def test_units_are_those_of_its_layers() -> None:
    """The top ones give the logits; one that reads the current character alone follows it exactly."""
    config = charrnn.ModelConfig("feedforward", 5, 2, context=3)
    model = CharacterModel.fresh(config, Vocabulary("\n abc"), np.random.default_rng(3))
    for place in (1, 2):
        model.parameters[f"layer0/U{place}"][2] = 0
    model.parameters["layer0/U0"][2] = [0, 1, 0, 0, 0]  # the space
    text = "ab c\nb a cc abc"
    neurons = find_neurons(model, text)
    assert neurons.correlations.shape[1:] == (2, 1, 5)
    feature = neurons.features.index("space")
    assert neurons.correlations[feature, 0, 0, 2] == pytest.approx(1)
    expected = np.tanh([float(character == " ") for character in text])
    np.testing.assert_allclose(activation(model, text, Unit(0, 2)), expected, rtol=1e-6)


# --------------------------------------------------------------------------------------- a budget


def test_what_a_budget_drops() -> None:
    """Outputs, since there are no recurrent weights; the more, the more often a text is read."""
    speed = Speed(1 / 300e9, 1e-10)

    def chosen(characters: int, **settings: Any) -> charrnn.ModelConfig:
        kept = {"cell": "feedforward", "context": 8, **settings}
        model = choose(characters, 65, speed, 600, kept).model
        assert kept.items() <= vars(model).items()
        assert model.weight_drop == 0
        return model

    dropped = [chosen(characters).dropout for characters in (10**8, 10**6, 50_000)]
    assert dropped[0] == 0
    assert dropped == sorted(dropped)
    assert dropped[1] < dropped[2] <= 0.5
    assert chosen(50_000, dropout=0.1).dropout == 0.1
    # Of two characters each context has come many times: what follows it cannot be learnt by heart.
    assert chosen(50_000, context=2).dropout == 0


def test_a_budget_measures_its_own_steps() -> None:
    corpus = charrnn.Corpus.from_text(make_text(60))
    kept = {"cell": "feedforward", "context": 2}
    choice = choose_here(corpus, 5.0, kept, {}, clock=lambda: 0.0)
    assert kept.items() <= vars(choice.model).items()
    assert choice.seconds_per_character > 0


def test_a_verdict_advises_dropout() -> None:
    """Never what does not exist."""
    training = Training(
        charrnn.Corpus.from_text(_chains(3, 1500)),
        charrnn.ModelConfig("feedforward", 48, 2, dropout=0.0, context=8),
        charrnn.TrainingConfig(
            epochs=60, batch_size=8, seq_length=20, learning_rate=0.02, eval_every=20, patience=0
        ),
    )
    for _ in training:
        pass
    fit = judge(training.history, training.network.config, training.config)
    assert any("--dropout" in advice for advice in fit.advice), fit
    assert "--weight-drop" not in str(fit)


# ----------------------------------------------------------------------------------------- hostile


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    training = Training(
        charrnn.Corpus.from_text(make_text(20)),
        charrnn.ModelConfig("feedforward", 4, 1, context=3),
        charrnn.TrainingConfig(epochs=1, batch_size=4, seq_length=9),
    )
    list(islice(training, 5))
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
    return tmp_path / "run.npz"


def _change(path: Path, settings: dict[str, Any], **changed: Any) -> None:
    """Write it anew with another configuration and other arrays; None leaves one out."""
    with np.load(path) as file:
        arrays = {**dict(file), **changed}
    meta = json.loads(arrays["meta"].tobytes())
    meta["model"] |= settings
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    write_arrays(path, {name: array for name, array in arrays.items() if array is not None})


@pytest.mark.parametrize("value", [-1.0, 0.5, 0.0, 1e9, 3e38, 49.0])
def test_a_state_that_is_none(saved: Path, value: float) -> None:
    """An id beyond the alphabet, between two, or missing beside others."""
    with np.load(saved) as file:
        state = file["progress/state"].copy()
    assert state.min() > 0
    state[0, 0, 1, 2] = value
    _change(saved, {}, **{"progress/state": state})
    with pytest.raises(CheckpointError, match="its state is none of such a model"):
        charrnn.load_checkpoint(saved, with_progress=True)
    assert charrnn.load_checkpoint(saved).resumable  # to write with, nobody needs it


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"context": 2}, "array 'model/layer0/U2' has no place in it"),
        ({"context": 4}, "array 'model/layer0/U3' is missing"),
        ({"context": 65}, "context must be a whole number from 1 to 64"),
        ({"context": "3"}, "context must be a whole number"),
        ({"cell": "rnn"}, "lstm|rnn carries a state"),
        ({"cell": "rnn", "context": None}, "array 'model/layer0/U' is missing"),
        ({"embedding_size": 2}, "embedding-size is not for feedforward"),
        ({"weight_drop": 0.5}, "weight-drop drops recurrent weights"),
    ],
)
def test_a_configuration_that_contradicts_the_arrays(
    saved: Path, settings: dict[str, Any], message: str
) -> None:
    _change(saved, settings)
    with pytest.raises(CheckpointError, match=message):
        charrnn.load_checkpoint(saved)


def test_a_state_of_another_context(saved: Path) -> None:
    with np.load(saved) as file:
        state = file["progress/state"]
    _change(saved, {}, **{"progress/state": state[:, :, :1]})
    with pytest.raises(CheckpointError, match="progress/state"):
        charrnn.load_checkpoint(saved, with_progress=True)


def test_more_characters() -> None:
    """A table gets columns, and says of the old ones what it said."""
    config = charrnn.ModelConfig("feedforward", 5, 2, context=3)
    model = CharacterModel.fresh(config, Vocabulary("\n abc"), np.random.default_rng(3))
    wider = model.extended_to(Vocabulary("\n abcé"), np.random.default_rng(0))
    for place in range(3):
        name = f"layer0/U{place}"
        np.testing.assert_array_equal(wider.parameters[name][:, :5], model.parameters[name])
    assert replace(wider.config, dropout=0.1).context == 3
