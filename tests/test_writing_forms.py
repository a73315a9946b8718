"""Steps of texts side by side, compiled: what the reference says, whoever asks; and who takes them when."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kinds import KINDS, class_of, configured, named

from charrnn.config import ModelConfig, SamplingConfig
from charrnn.models import stepper
from charrnn.models.character_model import CharacterModel
from charrnn.models.language_model import LanguageModel
from charrnn.models.mixture import Mixture, Writable, continued
from charrnn.models.stepper import WORTH_LOADING, Stepper, form
from charrnn.nn.cells.rnn import RNN
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Prompt

pytest.importorskip("numba")

from charrnn.nn.compiled.stepper import STEPS, CompiledStepper

COMPILED = [name for name in KINDS if class_of(name) in STEPS]


def test_which_have_a_compiled_step() -> None:
    assert {"lstm", "gru", "rnn", "rnn-relu"} <= set(COMPILED)


def _network(
    cell: str, hidden_size: int = 10, layers: int = 2, embedding_size: int = 0
) -> LanguageModel:
    return LanguageModel(configured(cell, hidden_size, layers, embedding_size), 37)


@pytest.mark.parametrize(
    ("embedding_size", "layers", "hidden_size", "batch"),  # each two of them in all ways
    [
        (5 * ((row - column) % 3 == 1), 1 + 2 * ((row + column) % 2), hidden_size, batch)
        for row, hidden_size in enumerate((3, 16, 100))
        for column, batch in enumerate((1, 7, 64))
    ],
)
@pytest.mark.parametrize("cell", COMPILED)
def test_steps_equal_the_chunk(
    cell: str, embedding_size: int, layers: int, hidden_size: int, batch: int
) -> None:
    """Scores and state are those of the model, from any state; so they are when some texts have gone."""
    network, rng = _network(cell, hidden_size, layers, embedding_size), np.random.default_rng(7)
    params = network.initialize(rng)
    params.flat[...] += rng.normal(size=params.flat.size).astype(np.float32) / 10  # biases, too
    state = rng.normal(size=network.stack.state_shape(batch)).astype(np.float32)
    given, ids = state.copy(), rng.integers(network.vocabulary_size, size=(9, batch))
    steps = form([network], 2, np.inf)(network, params, state)
    assert isinstance(steps, CompiledStepper)
    for row in ids:
        logits, state = network.logits(params, row[None], state, Workspace())
        np.testing.assert_allclose(steps.step(row), logits[:, 0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(steps.state, state, rtol=1e-3, atol=1e-4)
    left = np.flatnonzero(rng.random(batch) < 0.5)
    alone = steps.going_on(steps.state[..., left])
    np.testing.assert_array_equal(alone.state, steps.state[..., left])
    np.testing.assert_array_equal(alone.step(ids[0][left]), steps.step(ids[0])[:, left])
    assert not np.array_equal(given, steps.state)


def test_the_state_is_copied() -> None:
    network = _network("lstm")
    state = network.zero_state(2)
    params = network.initialize(np.random.default_rng(1))
    form([network], 2, np.inf)(network, params, state).step(np.array([2, 3]))
    assert not state.any()


def test_who_takes_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """By sizes alone: several texts, and work that is worth loading it. One that declines has NumPy."""
    network = _network("lstm")
    enough = WORTH_LOADING / network.multiplications + 1
    assert form([network], 1, np.inf) is Stepper
    assert form([network], 64, enough / 2) is Stepper
    assert form([network], 2, enough) is not Stepper
    assert form([network, network], 2, enough / 2) is not Stepper  # a mixture multiplies twice

    def kind(network: LanguageModel) -> type:
        params = network.initialize(np.random.default_rng(1))
        return type(form([network], 2, np.inf)(network, params, network.zero_state(2)))

    class Own(RNN):
        """A cell that nobody has compiled."""

    own = _network("rnn")
    own.stack = type(own.stack)(Own, 37, 10, 2, one_hot=True)
    assert kind(network) is CompiledStepper
    assert kind(own) is Stepper
    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")
    assert kind(network) is Stepper
    monkeypatch.delenv("CHARRNN_KERNELS")
    monkeypatch.setattr(
        "charrnn.nn.compiled._failure", None
    )  # a failure is remembered; here it is forgotten
    # What fails makes a process forget what is on disk, which here would be the compiled code of all other tests.
    monkeypatch.setattr("charrnn.nn.compiled.compiling.COMPILED", [])
    monkeypatch.delitem(sys.modules, "charrnn.nn.compiled.stepper")
    monkeypatch.setitem(sys.modules, "charrnn.nn.compiled.stepper", None)
    assert kind(network) is Stepper


def test_few_characters_do_not_load_numba() -> None:
    """Neither one text of any length, nor several short ones."""
    code = """
import sys
from itertools import islice
import numpy as np, charrnn
from charrnn.config import SamplingConfig
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Prompt
model = charrnn.CharacterModel.fresh(
    charrnn.ModelConfig(), charrnn.Vocabulary("ab"), np.random.default_rng(1)
)
list(islice(generate_batch(model, [Prompt("a", 0, SamplingConfig(None))]), 3))
list(generate_batch(model, [Prompt("a", seed, SamplingConfig(20)) for seed in range(40)]))
sys.exit("numba" in sys.modules or "charrnn.nn.compiled.steps" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent).returncode == 0


def _model(cell: str, characters: str = "\n abcdefg", seed: int = 5) -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    config = ModelConfig(**named(cell), hidden_size=10 + seed, dropout=0.5)
    model = CharacterModel.fresh(config, Vocabulary(characters), np.random.default_rng(seed))
    model.parameters["V"][...] *= 9
    model.parameters["layer0/U"][...] *= 3
    return model


WRITERS: dict[str, Writable] = {
    **{cell: _model(cell) for cell in COMPILED},
    "mixture": Mixture.of([_model("lstm"), _model("gru", "\n acdhé", 6)], (0.6, 0.4)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_both_forms_write_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for: filters, lengths, candidates, on threads, told with nats."""
    prompts = [
        Prompt("abc"[: n % 4], n, SamplingConfig(
            3 * n + 1, 1 + n / 40, top_k=3 * (n % 3), ban="b" * (n % 2), min_p=0.1 * (n % 4), stop=("ea",),
            final_temperature=0.5 if n % 5 == 1 else None, dry=n % 7, dry_length=2, best_of=1 + n % 2,
        ))
        for n in range(40)
    ]  # fmt: skip

    def written() -> tuple[dict[int, str], dict[int, float]]:
        texts, nats = dict.fromkeys(range(40), ""), dict.fromkeys(range(40), 0.0)
        for piece in generate_batch(WRITERS[name], prompts, scored=True):
            texts[piece.number] += piece.text
            nats[piece.number] += piece.nats
        return texts, nats

    begun: list[int] = []
    begin = CompiledStepper._begin

    def told(self: CompiledStepper, state: Array) -> None:
        begun.append(state.shape[-1])
        begin(self, state)

    monkeypatch.setattr(CompiledStepper, "_begin", told)
    texts, nats = written()
    assert not begun
    monkeypatch.setattr(stepper, "WORTH_LOADING", 0)
    compiled, their_nats = written()
    assert begun
    assert compiled == texts
    assert list(their_nats.values()) == pytest.approx(list(nats.values()), rel=1e-3, abs=1e-3)


def test_a_mixture_reads_with_some_texts_only() -> None:
    """Where one of its models knows the characters of some of them only."""
    mixture = WRITERS["mixture"]
    begin = form(mixture.networks, 2, np.inf)
    quick, plain = continued(mixture, ["a", "b", "é"], begin), continued(mixture, ["a", "b", "é"])
    for characters in ("ahb", "éeg", "ccc"):
        ids = mixture.vocabulary.encode(characters).astype(np.intp)
        quick.step(ids)
        plain.step(ids)
        np.testing.assert_allclose(quick.logits, plain.logits, rtol=1e-4, atol=1e-4)
