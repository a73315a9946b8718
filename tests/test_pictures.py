"""``charrnn inspect --png`` and ``--svg``: pictures that say what they show, the same every time."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from samples import SHA256, USED

from charrnn.config import ModelConfig, TextConfig
from charrnn.files.checkpoint import save_checkpoint
from charrnn.models.character_model import CharacterModel
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation

pytest.importorskip("matplotlib")
posix = pytest.mark.skipif(os.name != "posix", reason="names of files are bytes on POSIX")

TEXT = "It was the best of lines, $x_1$ <&> it was.\n"
VIEWS: dict[str, tuple[object, ...]] = {
    "card": (),
    "gates": ("--gates",),
    "gradients": ("--gradients",),
    "weights": ("--weights",),
    "embedding": ("--embedding",),
    "surprise": ("--text", TEXT),
    "following": ("--next", "It <$x$", "--temp", "0.5", "--temp", "1"),
    "neurons": ("--neurons",),
    "unit": ("--unit", "0:1", "--on", TEXT),
    "comparison": ("model.npz", "--compare"),
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def model(run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: ARG001
    """A checkpoint of a text with characters that mean something to SVG and to matplotlib."""
    monkeypatch.setattr("charrnn.inspection.flow.SHORT_WARM_UP", 5)
    Path("text.txt").write_text(TEXT, encoding="utf-8")
    return _saved(Path("model.npz"), Vocabulary.of(TEXT, TextConfig()))


def _saved(path: Path, vocabulary: Vocabulary) -> Path:
    config = ModelConfig(hidden_size=4, num_layers=1)
    model = CharacterModel.fresh(config, vocabulary, np.random.default_rng(2))
    history = tuple(Evaluation(round(n), n, 3 / n, 3.5 / n, 0.01, n) for n in (1.0, 2.0))
    corpus = CorpusInfo(("text.txt",), len(TEXT), len(TEXT), SHA256)
    save_checkpoint(Checkpoint(model, USED, corpus, history, 1.75), path)
    return path


@pytest.mark.parametrize("view", VIEWS)
def test_every_view(run: Run, model: Path, view: str) -> None:
    """An SVG that is XML, whose title and description are read out."""
    outcome = run("inspect", model, *VIEWS[view], "--svg", "one.svg")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "svg: one.svg\n")
    root = ET.fromstring(Path("one.svg").read_bytes())
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert description is not None
    assert len(description.text or "") > 60
    assert len(list(root.iter(f"{SVG}path"))) > 3


def test_both_kinds_and_json(run: Run, model: Path) -> None:
    """And the same SVG file again."""
    outcome = run("inspect", model, "--next", "It", "--png", "a.png", "--svg", "a.svg", "--json")
    assert outcome.code == 0
    assert outcome.out.startswith("{")
    assert outcome.err == "png: a.png\nsvg: a.svg\n"
    assert run("inspect", model, "--next", "It", "--svg", "b.svg").code == 0
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert b"What could follow" in Path("a.png").read_bytes()


def test_bytes(run: Run) -> None:
    """What is no character is drawn as its number."""
    _saved(Path("bytes.npz"), Vocabulary(BYTES, TextConfig("byte")))
    outcome = run("inspect", "bytes.npz", "--embedding", "--on", "aé", "--svg", "b.svg")
    assert (outcome.code, outcome.err) == (0, "svg: b.svg\n")
    assert "c3h" in Path("b.svg").read_text(encoding="utf-8")


@posix
def test_any_name(run: Run) -> None:
    """A file's name may be no text at all, or look like a formula."""
    path = Path(os.fsdecode(b"$x_\xff$ <&>.npz"))
    _saved(path, Vocabulary.of(TEXT, TextConfig()))
    for view in ((), ("--gradients", "--on", "It was")):
        outcome = run("inspect", path, *view, "--svg", "n.svg")
        assert (outcome.code, outcome.err) == (0, "svg: n.svg\n")
        assert "$x_\ufffd$ &lt;&amp;&gt;" in Path("n.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_checkpoint_is_no_picture(run: Run, model: Path, kind: str) -> None:
    """Where the file to write was forgotten, the model's name stands in its place."""
    before = model.read_bytes()
    outcome = run("inspect", "--gates", f"--{kind}", model, model)
    said = f"charrnn: --{kind} {model}: names the file to write, as in --{kind} report.{kind}\n"
    assert (outcome.code, outcome.err) == (2, said)
    assert model.read_bytes() == before


def test_without_matplotlib(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says how to get it, before any work."""
    monkeypatch.delitem(sys.modules, "charrnn.drawing.picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("inspect", model, "--gates", "--png", "a.png")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "charrnn: pictures need matplotlib: pip install matplotlib\n"
    assert not Path("a.png").exists()


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("no picture of this view", ("--details", "--svg", "a.svg")),
        ("no/such/a.svg: its folder does not exist", ("--next", "It", "--svg", "no/such/a.svg")),
    ],
)
def test_bad_input(run: Run, model: Path, said: str, arguments: tuple[object, ...]) -> None:
    outcome = run("inspect", model, *arguments)
    assert outcome.code in (1, 2)
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
