"""``charrnn export`` of a model for seq2seq: the page finds what ``charrnn predict`` finds, and shows what was looked at."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from conftest import Node
from playing import HOSTILE, open_page, seq2seq_model

from charrnn.config import ATTENTION, SearchConfig, TextConfig
from charrnn.models.character_model import CharacterModel
from charrnn.models.retracing import alignment
from charrnn.models.rewriting import Rewriter
from charrnn.sharing.web.page import data_of
from charrnn.text.labels import Labels

SHAPES: dict[str, dict[str, Any]] = {
    "lstm": {},
    "gru": {"bidirectional": False, "num_layers": 1},
    "rnn": {"layer_norm": True},
    "rnn-relu": {"embedding_size": 3},
    "lstm-normalised": {"layer_norm": True, "embedding_size": 3, "num_layers": 1},
    "gru-normalised": {"layer_norm": True},
}
TEXTS = ("abc", "é☃𝄞dd", "a", "", "abcde " * 5)
SEARCHES = (
    SearchConfig(top=5),
    SearchConfig(beam=1),
    SearchConfig(beam=3, top=2, length_penalty=1.5),
)
OPENED = "rewriting(given.data, given.data.labels)"


def _model(name: str, attention: str) -> CharacterModel:
    return seq2seq_model(name.removesuffix("-normalised"), attention=attention, **SHAPES[name])


def _how(search: SearchConfig) -> dict[str, float]:
    return {"beam": search.beam, "top": search.top, "lengthPenalty": search.length_penalty}


def test_absurd_searches(node: Node) -> None:
    asked = ("{beam: 0}", "{top: NaN}", "{beam: 1e9}", "{lengthPenalty: -1}", "{length_penalty: 1}")
    tried = "((ask) => { try { return ask(); } catch (error) { return error.message; } })"
    calls = ", ".join(f"{tried}(() => core.rewrite('ab', {each}))" for each in asked)
    data = data_of(_model(next(iter(SHAPES)), ATTENTION[0]), "float32")
    found = node(f"((core) => [{calls}])({OPENED})", data=data)
    for told, name in zip(found, ("beam", "top", "beam", "lengthPenalty"), strict=False):
        assert told.startswith(f"{name} must be a ")
    assert found[-1] == "there is no length_penalty; it is one of beam, top, lengthPenalty"


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("attention", ATTENTION)
def test_rewriting(name: str, attention: str, node: Node) -> None:
    """The same targets, as likely, in the same order; and each looks where it looks."""
    model = _model(name, attention)
    data, searches = data_of(model, "float32"), [_how(each) for each in SEARCHES]
    ask = "given.searches.map((how) => given.texts.map((text) => core.rewrite(text, how)))"
    found = node(f"((core) => {ask})({OPENED})", data=data, texts=TEXTS, searches=searches)
    ended = set()
    for search, theirs in zip(SEARCHES, found, strict=True):
        for ours, made in zip(Rewriter([model], search=search)(TEXTS), theirs, strict=True):
            assert [[*one.symbols] for one in ours] == [one["symbols"] for one in made]
            bits = [one.nats / math.log(2) for one in ours]
            np.testing.assert_allclose([one["bits"] for one in made], bits, 0, 1e-4)
            assert [one.ended for one in ours] == [one["ended"] for one in made]
            ended |= {one.ended for one in ours}
    assert True in ended
    targets = [[0, 1, 2], [], [3, 3, 1, 0, 4, 5]]
    ask = "((rows) => rows && rows.map((row) => [...row]))(core.align(given.texts[n], each))"
    found = node(
        f"((core) => given.targets.map((each, n) => {ask}))({OPENED})",
        data=data,
        texts=TEXTS,
        targets=targets,
    )
    for text, target, rows in zip(TEXTS, targets, found, strict=False):
        expected = alignment(model, text, target)
        assert (rows is None) == (expected is None) == (attention == "none")
        if expected is not None:
            np.testing.assert_allclose(rows, expected, 0, 1e-4)


@pytest.mark.parametrize("precision", ["half", "int8"])
def test_precisions(precision: str, node: Node) -> None:
    """A page that keeps fewer bits still rewrites."""
    data = data_of(seq2seq_model(attention="monotonic"), precision)
    (best,) = node(f"{OPENED}.rewrite('abc')", data=data)
    assert math.isfinite(best["bits"])


WORDS = ("AH", "B", "\tV", "\tPST", "\tCase=Nom", "\tNOM(1,SG)", "\tA=1,2")


@pytest.mark.parametrize("kind", ["tokens", "features", "both"])
def test_symbols(kind: str, node: Node) -> None:
    """Tokens and features are read as those of a file are, in whatever way they are written."""
    tokens, features = kind != "features", kind != "tokens"
    text = TextConfig(records=False, tokens=tokens, features=features)
    words = [word for word in WORDS if (features if word.startswith("\t") else tokens)]
    model = seq2seq_model(text=text, words=words, symbols=Labels(("AH", "é", "<b>"), " "))
    sources = ["AH B", " B\u00a0  AH ", "AH XX e\u0301", "abcé\U000f0000", ""]
    cells = [
        "V;PST",
        "V,PST",
        "V PST|NOM(1,SG)",
        "Case=Nom,A=1,2",
        "A=1,2",
        ";;",
        "W",
        "(V;PST",
        "",
    ]
    lines = [f"{s}\t{c}" for s in sources for c in cells] if features else sources
    found = node(
        f"((core) => given.lines.map((line) => core.alphabet.ids(line)))({OPENED})",
        data=data_of(model, "float32"),
        lines=lines,
    )
    vocabulary = model.vocabulary
    for line, ids in zip(lines, found, strict=True):
        read = vocabulary.known(vocabulary.read(line), "replace")
        assert ids == vocabulary.encode(read).tolist(), line
    cut = node(
        f"((core) => given.lines.map((line) => core.alphabet.signs(line).join('')))({OPENED})",
        data=data_of(model, "float32"),
        lines=lines,
    )
    assert cut == lines
    ((best, *_),) = Rewriter([model])([vocabulary.known(lines[0], "replace")])
    (made,) = node(f"{OPENED}.rewrite(given.line)", data=data_of(model, "float32"), line=lines[0])
    assert made["output"] == model.labels.joined(best.symbols)


# ------------------------------------------------------------------------------------ in a browser


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _told(name: str) -> str:
    return f"document.getElementById('{name}').textContent"


@pytest.mark.parametrize("attention", ["general", "monotonic"])
def test_in_a_browser(browser: Browser, attention: str) -> None:
    """Each line is rewritten; of that of the cursor the best are told, and what was looked at is a table with words."""
    symbols = Labels((HOSTILE[:-1], "é", "x"), " ")
    model = seq2seq_model(attention=attention, symbols=symbols, num_layers=1)
    path = open_page(browser, model, "rewrite")
    browser.type("abc\n\nab☂")
    known = [model.vocabulary.known(line, "replace") for line in ("abc", "ab☂")]
    first, second = Rewriter([model], search=SearchConfig(top=5))(known)
    made = "\n".join(
        [model.labels.joined(first[0].symbols), "", model.labels.joined(second[0].symbols)]
    )
    browser.wait(f"document.getElementById('made').value === {json.dumps(made)}")
    browser.wait(f"{_told('told')}.startsWith('This line becomes ')")
    outputs = browser.run(
        "[...document.querySelectorAll('#answers tbody th')].map((e) => e.textContent)"
    )
    assert [one.removesuffix(" (without an end)") for one in outputs] == [
        model.labels.joined(one.symbols) or "(nothing)" for one in second
    ]
    assert browser.run(f"{_told('unknown')}.startsWith('The model does not know ☂, and reads ')")
    rows = "[...document.querySelectorAll('#looked tbody tr')].map((row) => [...row.querySelectorAll('td')].map((e) => Number(e.textContent)))"
    expected = alignment(model, known[1], second[0].symbols)
    assert expected is not None
    np.testing.assert_allclose(browser.run(rows), 100 * expected, 0, 0.51)
    heads = browser.run("document.querySelectorAll('#looked th[scope]').length")
    assert heads == sum(expected.shape)
    assert browser.run(f"{_told('looked-told')}.startsWith('Each symbol looked most at: ')")
    assert browser.run("document.querySelectorAll('script').length") == 2
    browser.press("ArrowUp")
    browser.wait(f"{_told('told')} === 'Nothing stands in this line yet.'")
    assert browser.run("document.querySelectorAll('#answers tr, #looked tr').length") == 0

    # Greedily, as it is asked for; what cannot be is as it stood at first.
    browser.press("ArrowUp")
    (greedy,), (five, *_) = (
        Rewriter([model], search=each)(known[:1])[0]
        for each in (SearchConfig(beam=1), SearchConfig(top=5))
    )
    for beam, best in ((1, greedy), (0, five)):
        for name, value in (("beam", beam), ("top", 1)):
            browser.run(
                f"((e) => {{ e.value = '{value}'; e.dispatchEvent(new Event('input')); }})(document.getElementById('{name}'))"
            )
        words = model.labels.joined(best.symbols)
        browser.wait(
            f"document.getElementById('made').value.startsWith({json.dumps(words)} + String.fromCharCode(10))"
        )
    assert browser.errors == []
    assert browser.requests == [path.as_uri()]


def test_features_in_a_browser(browser: Browser) -> None:
    """Those of a field are read with each line that has none; a line with too many TABs is told."""
    text = TextConfig(features=True)
    model = seq2seq_model(text=text, words=("\tV", "\tPST"), attention="none")
    open_page(browser, model, "features")
    browser.run("document.getElementById('features').value = 'V;PST'")
    browser.type("ab\nab\tV;XX\na\tb\tc")
    browser.wait(f"{_told('told')} === 'A line is a source, a TAB and its features.'")
    lines = [model.vocabulary.known(line, "replace") for line in ("ab\tV;PST", "ab\tV")]
    made = [model.labels.joined(best.symbols) for best, *_ in Rewriter([model])(lines)]
    browser.wait(
        f"document.getElementById('made').value === {json.dumps(chr(10).join([*made, '']))}"
    )
    assert "does not know XX, and reads nothing in its place" in browser.run(_told("unknown"))
    browser.press("ArrowUp")
    browser.wait(f"{_told('looked-told')}.startsWith('The model has no attention')")
    assert browser.errors == []


def test_on_a_phone(browser: Browser) -> None:
    """No wider than its screen."""
    browser.resize(360, 800)
    browser.emulate(dark=True)
    model = seq2seq_model(text=TextConfig(features=True), words=("\tV",))
    open_page(browser, model, "phone")
    browser.type("abc" * 7)
    browser.wait("document.querySelectorAll('#looked td').length > 20")
    assert browser.run("document.documentElement.scrollWidth <= 360")
    assert browser.errors == []
