"""What a view is given to look at, and what it says is to be seen."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from samples import SHA256, USED

from charrnn.config import ModelConfig, TextConfig
from charrnn.drawing.figure import Chart, Figure, Panels
from charrnn.inspection import VIEWS
from charrnn.inspection.look import Look, Subject, Watched
from charrnn.models.character_model import CharacterModel
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo

TEXT = "abc def\nfed cab\n" * 20


def _look(cell: str = "gru", *, on: str | None = TEXT) -> Look:
    """At a small model that has learnt nothing."""
    vocabulary = Vocabulary("\n abcdef", TextConfig())
    model = CharacterModel.fresh(ModelConfig(cell, 5, 2), vocabulary, np.random.default_rng(4))
    checkpoint = Checkpoint(model, USED, CorpusInfo(("none.txt",), 9, 9, SHA256))
    return Look((Subject(Path("m.npz"), checkpoint),), on=on)


def _figure(file: str, look: Look) -> Figure:
    (view,) = (view for view in VIEWS if view.file == file)
    return view.figure(look)


def test_a_text_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All views of a page share standard input, which can be read but once."""
    monkeypatch.setattr("sys.stdin", type("", (), {"buffer": BytesIO(TEXT.encode())}))
    look = _look(on="-")
    assert look.watched(30) == Watched(TEXT[:30], "the first 30 characters of standard input")
    assert look.watched(1000) == Watched(TEXT, "standard input")


def test_own_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the corpus is not at hand it is what the model writes, the same each time, and says so."""
    monkeypatch.setattr("charrnn.inspection.look.OWN", 50)
    own = _look(on=None).watched(1000)
    text = own.text
    assert own.source == (
        "a text that the model wrote itself (its corpus is not at hand; --on names another)"
    )
    assert len(text) == 50
    assert _look(on=None).watched(20).text == text[:20]


def test_curves_stay_on_their_chart() -> None:
    """Of gradients that vanish, explode, or are the same everywhere."""
    figure = _figure("gradients", _look("rnn"))
    (chart,) = (block for block in figure.blocks if isinstance(block, Chart))
    assert (chart.y.low, chart.y.high) != (None, None)
    for line in chart.lines:
        assert line.strong == (line.band is not None) == (line is chart.lines[0])
        assert len(line.x) == len(line.y)
        assert min(line.y) >= (chart.y.low or 0) > 0
        assert max(line.y) <= (chart.y.high or 0)
        low, high = line.band or (line.y, line.y)
        assert np.less_equal(low, high).all()


def test_names_of_pictures() -> None:
    """Each is the only one of its name in a figure, and says in words what is to be seen."""
    for file in ("gates", "gradients", "weights"):
        blocks = _figure(file, _look("lstm")).blocks
        alone = [block for block in blocks if isinstance(block, Chart)]
        inside = [one for block in blocks if isinstance(block, Panels) for one in block.panels]
        names = [one.name for one in (*alone, *inside)]
        assert names
        assert len(names) == len(set(names))
        assert all(len(str(one.description)) > 20 for one in (*alone, *inside))


def test_a_long_text_is_no_name() -> None:
    """Of a text beyond what a name of a file can be, nobody asks whether there is such a file."""
    for text in ("abc def " * 50, "abc " * 2000, "a" * 5000):
        assert _look(on=text).watched(10_000) == Watched(text, "the text given")
