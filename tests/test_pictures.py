"""``charrnn inspect --png`` and ``--svg``: pictures that say what they show, the same every time."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from conftest import Run

pytest.importorskip("matplotlib")

TEXT = "It was the best of lines, $x_1$ <&> it was.\n"
VIEWS: dict[str, tuple[object, ...]] = {
    "card": (),
    "gates": ("--gates",),
    "gradients": ("--gradients",),
    "weights": ("--weights",),
    "embedding": ("--embedding",),
    "surprise": ("--text", TEXT * 3),
    "following": ("--next", "It <$x$", "--temp", "0.5", "--temp", "1"),
    "neurons": ("--neurons",),
    "comparison": ("model.npz", "--compare"),
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def model(run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of a text with characters that mean something to SVG and to matplotlib."""
    monkeypatch.setattr("charrnn.inspection.gradients.WARM_UP", 5)
    monkeypatch.setattr("charrnn.inspection.gradients.STEPS", 10)
    Path("text.txt").write_text(TEXT * 30, encoding="utf-8")
    options = ("--hidden-size", 4, "--epochs", 2, "--eval-every", 5, "--quiet")
    assert run("train", "text.txt", *options, "-o", "model.npz").code == 0
    return Path("model.npz")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view(run: Run, model: Path, view: str) -> None:
    """An SVG that is XML, whose title and description are read out; again, it is the same file."""
    files = []
    for name in ("one.svg", "other.svg"):
        outcome = run("inspect", model, *VIEWS[view], "--svg", name)
        assert outcome.code == 0, outcome.err
        assert outcome.out == ""
        assert outcome.err == f"svg: {name}\n"
        files.append(Path(name).read_bytes())
    assert files[0] == files[1]
    root = ET.fromstring(files[0])
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text
    assert description is not None
    assert len(description.text or "") > 60
    assert len(list(root.iter(f"{SVG}path"))) > 3


def test_both_kinds_and_json(run: Run, model: Path) -> None:
    outcome = run("inspect", model, "--weights", "--png", "a.png", "--svg", "a.svg", "--json")
    assert outcome.code == 0
    assert outcome.out.startswith("{")
    assert outcome.err == "png: a.png\nsvg: a.svg\n"
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert b"Singular values" in Path("a.png").read_bytes()


def test_bytes(run: Run) -> None:
    """What is no character is drawn as its number."""
    Path("bytes.bin").write_bytes(bytes(range(256)) * 8)
    options = ("--bytes", "--hidden-size", 4, "--epochs", 1, "--quiet")
    assert run("train", "bytes.bin", *options, "-o", "bytes.npz").code == 0
    for view in ("embedding", "surprise"):
        value = ("bytes.bin",) if view == "surprise" else ()
        outcome = run("inspect", "bytes.npz", VIEWS[view][0], *value, "--svg", "b.svg")
        assert outcome.code == 0, outcome.err
        assert "ffh" in Path("b.svg").read_text(encoding="utf-8")


def test_without_matplotlib(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says how to get it, before any work."""
    for name in [name for name in sys.modules if name.startswith("charrnn.cli.plots")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    outcome = run("inspect", model, "--gates", "--png", "a.png")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "charrnn: pictures need matplotlib: pip install 'charrnn[plot]'\n"
    assert not Path("a.png").exists()


@pytest.mark.parametrize(
    ("said", "arguments"),
    [
        ("no picture of this view", ("--details", "--svg", "a.svg")),
        ("no/such/a.svg: No such file", ("--weights", "--svg", "no/such/a.svg")),
    ],
)
def test_bad_input(run: Run, model: Path, said: str, arguments: tuple[object, ...]) -> None:
    outcome = run("inspect", model, *arguments)
    assert outcome.code in (1, 2)
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
