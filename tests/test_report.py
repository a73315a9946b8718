"""``charrnn inspect --html``: one page that is sound, says what the views say, and keeps to itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from conftest import Run
from figures import CHARACTERS, blocks
from kinds import RECURRENT
from pages import Element, Parser, check, data_in, numbers, rgb
from playing import made_model, seq2seq_model
from samples import SHA256, USED

import charrnn
from charrnn.config import CELLS, ModelConfig, TextConfig
from charrnn.drawing import figure
from charrnn.drawing.colours import contrast
from charrnn.drawing.figure import (
    Block,
    Distributions,
    Figure,
    Heading,
    Panels,
    Passage,
    Symbols,
    Words,
)
from charrnn.drawing.page import Section, render
from charrnn.drawing.page.markup import Markup, clean, data_block, element
from charrnn.drawing.page.svg import Axis, draw_panel
from charrnn.drawing.signs import shown
from charrnn.files.checkpoint import load_checkpoint, save_checkpoint
from charrnn.inspection import VIEWS
from charrnn.inspection.look import Look, Subject
from charrnn.inspection.report import LEFT_OUT, page, without_text
from charrnn.models.character_model import CharacterModel
from charrnn.nn.cells import cell_class
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import BYTES, VERBATIM, Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation
from charrnn.words import size

KINDS = (*CELLS, "bytes", "records")
TEXT = "abc\ndefé <fed>\nabcde\nf <é> e\n"
HOSTILE = "</script><script>document.title='owned'</script><!--\"'&\x07\u202e\udc80"


@pytest.fixture(autouse=True)
def _short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charrnn.inspection.look.OWN", 30)
    monkeypatch.setattr("charrnn.inspection.flow.SHORT_WARM_UP", 5)
    monkeypatch.setattr("charrnn.inspection.flow.CELLS", ("gru",))


def _saved(kind: str, path: Path | None = None, characters: str = "\n abcdefé<>") -> Path:
    """A small model that has learnt nothing, in a file."""
    path = path or Path(f"{kind}.npz")
    text = TextConfig("byte") if kind == "bytes" else TextConfig(records=kind == "records")
    if kind == "bytes":
        characters = BYTES
    config = ModelConfig(kind if kind in CELLS else "lstm", 4, 2, 3 if kind == "records" else 0)
    model = CharacterModel.fresh(config, Vocabulary(characters, text), np.random.default_rng(2))
    corpus = CorpusInfo((HOSTILE,), 9, 9, SHA256)
    history = tuple(
        Evaluation(
            step=n, epoch=n / 2, train_loss=2 / n, validation_loss=3 / n, rate=0.1, seconds=float(n)
        )
        for n in (1, 2, 3)
    )
    save_checkpoint(Checkpoint(model, USED, corpus, history=history), path)
    return path


def _page(path: Path, on: str | None = None) -> str:
    return page(Look((Subject(path, load_checkpoint(path)),), on=on))


def _json(run: Run, *arguments: object) -> Any:
    outcome = run("inspect", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


@pytest.mark.parametrize("kind", KINDS)
def test_every_model(kind: str) -> None:
    """A sound page with every view; a sentence where a view does not apply; the same file again."""
    path = _saved(kind)
    whole = _page(path)
    root = check(whole)
    (title,) = [each for each in root.all("title") if each.text.startswith(path.name)]
    assert title.text == f"{path.name}: inside a charrnn model"
    sections = {each.attributes["id"]: each for each in root.all("section")}
    assert list(sections) == [view.file for view in VIEWS if view.section and "lm" in view.tasks]
    without = [name for name, each in sections.items() if "nothing to see" in each.text]
    ungated = kind in CELLS and not cell_class(kind).gates
    assert without == ["gates"] * ungated + ["gradients"] * (kind == "feedforward") + ["ngrams"]
    if ungated:
        assert f"a model of {kind} cells has no gates" in sections["gates"].text
    assert "its corpus is not at hand; --counts FILE names" in sections["ngrams"].text
    told = [each.text for each in sections["card"].all("dt")]
    assert told[-2:] == ["write", "go on"]  # to look on is what the page is for
    for name in {"card", "gates", "gradients", "weights", "embedding"} - set(without):
        assert next(sections[name].all("svg"), None), name
    if kind == "lstm":
        assert _page(path) == whole


def test_the_same_as_the_views(run: Run) -> None:
    """What the page shows and hands to its script is what each view's JSON has."""
    path = _saved("gru")
    root = check(_page(path, TEXT))
    data = data_in(root)

    told = _json(run, path, "--text", TEXT)
    noted = {key: numbers(each) for key, each in data["passages"]["surprise"]["guesses"].items()}
    assert noted["bits"] / 100 == pytest.approx(told["bits"], abs=0.006)
    assert noted["entropy"] / 100 == pytest.approx(told["entropy"], abs=0.006)
    text = root.by_id("surprise-text")
    levels = [each.attributes["class"] for each in text.all("span")]
    assert levels == [f"s{min(int(bits), 8)}" for bits in told["bits"]]
    assert text.text == TEXT.replace("\n", "⏎\n")
    guesses = noted["symbols"].reshape(len(TEXT), -1)
    chances = noted["chances"].reshape(guesses.shape) / 65535
    for place in told["most_surprising"]:
        expected = place["guesses"][: guesses.shape[1]]
        names = [data["names"][number] for number in guesses[place["at"] - 1]]
        assert names == [
            {" ": "␣", "\n": "⏎"}.get(guess["character"], guess["character"]) for guess in expected
        ]
        assert chances[place["at"] - 1] == pytest.approx(
            [guess["probability"] for guess in expected], abs=1e-4
        )

    told = _json(run, path, "--next", "", "--temp", 1)
    following = data["distributions"]["following"]["distributions"][0]
    weights = np.sort(np.exp(numbers(following["scores"]).astype(float)))[::-1]
    assert weights / weights.sum() == pytest.approx(told["probabilities"][0], rel=1e-5)

    best = _json(run, path, "--neurons", "--on", TEXT)["features"][0]
    unit = data["passages"]["unit"]["colourings"][0]
    assert unit["name"] == best["units"][0]["unit"]
    assert unit["label"].startswith(
        f"{unit['name']} ({best['feature']}, r {best['units'][0]['r']:+.2f}"
    )
    held = _json(run, path, "--unit", unit["name"], "--on", TEXT)["values"]
    values = unit["low"] + numbers(unit["values"]) / 255 * (unit["high"] - unit["low"])
    assert values == pytest.approx(held, abs=(unit["high"] - unit["low"]) / 500)


def test_figures_are_the_views(run: Run) -> None:
    """Points and curves lie where the JSON of the views says."""
    path = _saved("gru")
    root = check(_page(path, TEXT))
    told = _json(run, path, "--gates", "--on", TEXT)
    dots = next(_lines(_svg(root, "gate-1-0"), "dots"))
    expected = [
        (160 * x, 160 * (1 - y))
        for x, y in zip(told["right"][1][0], told["left"][1][0], strict=True)
    ]
    assert len(dots) == len(set(expected))
    assert np.array(dots) == pytest.approx(np.array(sorted(set(expected))), abs=0.06)

    told = _json(run, path, "--gradients", "--on", TEXT)["gradients"]
    curves = list(_lines(_svg(root, "gradients"), "line"))[: len(told)]
    shares = [np.array(flow["rms"]) / flow["rms"][0] for flow in told]
    low = np.floor(np.log10(max(1e-8, min(s[s > 0].min() for s in shares))))
    high = np.log10(2 * max(s.max() for s in shares))
    for curve, share in zip(curves, shares, strict=True):
        heights = (1 - (np.log10(share[: len(curve)]) - low) / (high - low)) * 300
        assert np.array(curve)[:, 1] == pytest.approx(heights, abs=0.06)

    told = _json(run, path, "--weights")
    curves = list(_lines(_svg(root, "singular-0"), "line"))
    for curve, recurrence in zip(curves, told["recurrences"], strict=False):
        top = 1.05 * max(r["singular_values"][0] for r in told["recurrences"])
        heights = (1 - np.array(recurrence["singular_values"]) / top) * 200
        assert np.array(curve)[:, 1] == pytest.approx(heights, abs=0.06)
    for number, spread in enumerate(told["spreads"]):
        bars = list(_svg(root, f"spread-{number}").all("rect"))
        counts = [count for count in spread["counts"] if count]
        heights = [float(e.attributes["height"] or 0) for e in bars]
        assert heights == pytest.approx([70 * c / max(counts) for c in counts], abs=0.06)

    told = _json(run, path, "--embedding", "--on", TEXT)
    words = [e for e in _svg(root, "map-read").all("text") if "word" in str(e.attributes["class"])]
    assert len(words) == len(told["characters"])
    across = [float(word.attributes["x"] or 0) for word in words]
    places = np.array(told["read"]["places"])[:, 0]
    assert np.corrcoef(across, places)[0, 1] > 0.999999


def _svg(root: Element, name: str) -> Element:
    (found,) = [e for e in root.all("svg") if e.attributes["aria-labelledby"] == f"{name}-title"]
    return found


def _lines(svg: Element, kind: str) -> Iterator[list[tuple[float, float]]]:
    """The points of each path of a kind, without the legend's."""
    plane = next(each for each in svg.children if isinstance(each, Element) and each.name == "g")
    for path in plane.all("path"):
        if kind in str(path.attributes["class"]).split():
            pairs = re.findall(r"[ML](\S+?) ([\d.]+)", path.attributes["d"] or "")
            yield [(float(x), float(y)) for x, y in pairs]


def test_hostile_names() -> None:
    """A file, a corpus and a vocabulary that would be markup, end a script, or turn the text round."""
    characters = "\n<>&\"'/\x07\u2028\u202e\ufffe`scriptab-!"
    path = _saved("lstm", Path(HOSTILE.replace("/", "") + ".npz"), characters)
    whole = _page(path, "</script><!--\x07\u2028\u202e\ufffe--><script>\"'&\n" * 3)
    root = check(whole)
    assert not re.search("[\x00-\x08\x0b-\x1f\u2028\u202e\ufffe\ud800-\udfff]", whole)
    assert clean(HOSTILE) in root.by_id("card").text
    assert clean(path.name) in next(root.all("h1")).text
    assert len(list(root.all("script"))) == 2
    names = data_in(root)["names"]
    assert {"<", "&", "U+0007", "U+2028", "U+202E"} <= set(names)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_every_block(encoding: str) -> None:
    """Hostile strings in all places of all blocks are text on the page, and safe to look at."""
    for block in blocks():
        if isinstance(block, Panels):  # pictures of a page have names of their own
            block = replace(block, panels=list({each.name: each for each in block.panels}.values()))
        whole = _page_of(block, encoding=encoding)
        root = check(whole)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff\U000e0041]", whole)
        assert not list(root.by_id("all").all("red"))


def _page_of(*found: Block, encoding: str = "utf-8") -> str:
    return render("x", "y", [Section("all", "z", Figure("", found, {}, encoding=encoding))])


def test_without_text() -> None:
    """What quotes the text goes, with a heading below which nothing is left; single characters stay."""
    kept = Words(("after ", Symbols("e", alone=True)))
    both = Figure("", [Heading("a"), Words(Symbols("a bc")), Heading("b"), kept, *blocks()], {})
    found = without_text(both)
    assert isinstance(found, Figure)
    assert found.blocks[:2] == [Heading("b"), kept]
    assert found.blocks[-1] == Words("The text is left out (--no-text).")
    assert not [each for each in found.blocks if isinstance(each, Passage | Distributions)]
    text = "".join(map(shown, CHARACTERS))
    assert [text in Parser(_page_of(*each.blocks)).root.text for each in (both, found)] == [
        True,
        False,
    ]
    quoted = Figure("", [Words("of the text:"), Words(Symbols("a bc"))], {})
    assert without_text(quoted) == LEFT_OUT
    nothing = Figure("", [kept], {})
    assert without_text(nothing) is nothing


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("character", ["z", "\n"], ids=["z", "line feed"])
def test_a_model_of_one_character(run: Run, cell: str, character: str) -> None:
    """Nothing surprises it and there is nothing to learn, which is no reason to fail."""
    path = _saved(cell, characters=character)
    Path("text.txt").write_text(40 * character, encoding="utf-8")
    reading = ("--on", "text.txt", "--counts", "text.txt", "--html", "page.html")
    outcome = run("inspect", path, *reading)
    assert outcome.code == 0, outcome.err
    root = check(Path("page.html").read_text(encoding="utf-8"))
    nothing = "all gradients are zero" if cell in RECURRENT else "a net without memory"
    assert nothing in root.by_id("gradients").text
    assert "two different characters" in root.by_id("embedding").text
    assert "needs 0.000 bits/char more than 1-grams" in root.by_id("ngrams").text
    assert len(list(root.by_id("surprise-text").all("span"))) == 40


def test_the_command(run: Run) -> None:
    """It writes the file, says so on standard error, and nothing else."""
    path = _saved("gru")
    outcome = run("inspect", path, "--on", TEXT, "--html", "page.html")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "html: page.html\n")
    assert Path("page.html").read_text(encoding="utf-8") == _page(path, TEXT)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--json",), "--html is a file with all views; leave --json, --png and --svg out"),
        (("--svg", "x.svg"), "--html is a file with all views; leave --json, --png and --svg out"),
        (("--html", "lstm.npz"), "--html lstm.npz: names the file to write, as in"),
        (("--gates",), "--gates and --html are two views; ask for one"),
        (("lstm.npz",), "one checkpoint at a time; several side by side: --compare"),
        (("--temp", "1"), "--temp goes with --next"),
        (("--on", "xyz"), "the text given: not in the model's vocabulary"),
        (("--on", "no such.txt"), "the text given: not in the model's vocabulary"),
        (("--unknown", "drop"), "--unknown must be error, skip or replace, not 'drop'"),
        (("--counts", "no such.txt"), "no such.txt: "),
    ],
)
def test_asked_wrongly(run: Run, arguments: tuple[str, ...], message: str) -> None:
    path = _saved("lstm")
    outcome = run("inspect", path, "--html", "page.html", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith(f"charrnn: {message}")
    assert not Path("page.html").exists()


def test_a_text_too_short_for_some_views() -> None:
    root = check(_page(_saved("lstm"), "a"))
    assert "two different characters" in root.by_id("embedding").text
    assert "nothing in it varies" in root.by_id("neurons").text


def test_a_large_model_reads_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charrnn.inspection.report.MODERATE", 1)
    monkeypatch.setattr("charrnn.inspection.surprise.FEWEST", 20)
    root = check(_page(_saved("lstm"), TEXT))
    assert len(list(root.by_id("surprise-text").all("span"))) == 20


def test_markup() -> None:
    """Escaped unless it is markup; JSON that ends no script."""
    assert element("p", "<a>", class_='"', data_x=1.26, hidden=True, id=None) == (
        '<p class="&quot;" data-x="1.3" hidden>&lt;a&gt;</p>'
    )
    assert element("p", Markup("<b>"), "&") == "<p><b>&amp;</p>"
    block = data_block("d", {"x": HOSTILE})
    assert block.isascii()
    assert block.count("<") == 2
    assert json.loads(block[block.index(">") + 1 : block.rindex("<")]) == {"x": HOSTILE}


def test_axis() -> None:
    axis = Axis(0.01, 100, log=True)
    assert [axis.share(value) for value in (0, 0.01, 1, 100, 1000)] == [0, 0, 0.5, 1, 1]
    assert axis.ticks(300) == {0.01: "0.01", 0.1: "0.1", 1: "1", 10: "10", 100: "100"}
    assert Axis(2, 2).share(2) == 0.5
    assert Axis.of(figure.Axis(), [1, 3, float("nan")], room=0) == Axis(1, 3)


def test_a_line_is_broken_where_there_is_no_number() -> None:
    line = figure.Line("a", range(4), [0, 1, float("nan"), 1])
    axes = figure.Axis(), figure.Axis(low=0, high=1)
    svg = draw_panel(figure.Chart("x", "y", *axes, "z", [line]), "utf-8", alone=False)
    assert 'd="M0 200L100 0M300 0"' in svg


@pytest.mark.parametrize("bare", [False, True])
def test_a_bare_axis_has_no_numbers(bare: bool) -> None:
    """Neither of the two; a plane with no numbers has no lines to them."""
    places = [figure.Place(Symbols("a"), n, n, 0, "told") for n in range(2)]
    axis = figure.Axis(bare=bare)
    svg = draw_panel(figure.Map("x", "y", axis, axis, "z", places), "utf-8", alone=True)
    numbers = re.findall(r'class="(grid|middle|end)"', svg)
    assert set(numbers) == (set() if bare else {"grid", "middle", "end"})


STYLE = files("charrnn.drawing.page").joinpath("page.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(dark: bool) -> None:
    """Text of 4.5 and more on every background that it has, lines and their words on the page (WCAG AA)."""
    # A colour stands on a line that begins with its name or its class.
    found = re.findall(r"(?m)^\W*([\w-]+).*: light-dark\((#\w{6}), (#\w{6})\)", STYLE)
    palette = {name: rgb(colours[dark]) for name, *colours in found}
    (selectors,) = re.findall(r"(.*) \{ color: var\(--ink-on-strong\)", STYLE)
    strong = set(re.findall(r"\w\d", selectors))
    assert len(palette) == 27
    assert strong == {"s6", "s7", "s8", "u0", "u8"}
    for name, colour in palette.items():
        if re.fullmatch(r"l\d|ink|muted|accent", name):
            assert contrast(colour, palette["page"]) >= 4.5, name
        elif re.fullmatch(r"[su]\d", name):
            ink = palette["ink-on-strong" if name in strong else "ink"]
            assert contrast(ink, colour) >= 4.5, name
    # More surprise stands out more, for those too who see no colour.
    scale = [contrast(palette[f"s{level}"], palette["page"]) for level in range(1, 9)]
    assert scale == sorted(scale)


def test_in_a_browser(run: Run, browser: Browser) -> None:
    """Every control does what it says; nothing is thrown, and nothing is asked of the network."""
    path = _saved("lstm", Path(HOSTILE.replace("/", "") + ".npz"), "\n abcdefé<>")
    Path("page.html").write_text(_page(path, TEXT), encoding="utf-8")
    passages = data_in(check(_page(path, TEXT)))["passages"]
    units = passages["unit"]["colourings"]
    browser.emulate()
    browser.open(Path("page.html"))
    assert browser.run("document.title").startswith("<script><script>document")
    assert browser.run("document.querySelectorAll('.controls:not([hidden])').length") == 4

    bits = numbers(passages["surprise"]["guesses"]["bits"]) / 100
    told = "document.getElementById('surprise-told').textContent"
    assert f"character 1 is a: {bits[0]:.2f} bits" in browser.run(told)
    browser.run("document.getElementById('surprise-text').focus()")
    browser.press("ArrowRight")
    assert f"character 2 is b: {bits[1]:.2f} bits" in browser.run(told)
    browser.press("ArrowDown")
    assert "character 6 is e" in browser.run(told)
    browser.press("ArrowUp")
    assert "character 2 is b" in browser.run(told)
    box = browser.run(
        "(({x, y}) => [x, y])(document.getElementById('surprise-text').children[2]"
        ".getBoundingClientRect())"
    )
    browser.run(f"scrollBy(0, {box[1]} - 200)")
    browser.hover(box[0] + 2, 200 + 5)
    assert "character 3 is c" in browser.run(told)
    browser.run(
        "(slider => { slider.value = 5; slider.dispatchEvent(new Event('input')) })"
        "(document.getElementById('surprise-place'))"
    )
    assert "character 5 is d" in browser.run(told)
    spoken = browser.run("document.getElementById('surprise-place').ariaValueText")
    assert spoken.startswith("character 5 is d")

    # A unit of the table recolours the text, and going back gives what was drawn without a script.
    classes = "[...document.getElementById('unit-text').children].map(c => c.classList[0]).join()"
    choose = (
        "(choice => { choice.value = %d; choice.dispatchEvent(new Event('change')) })"
        "(document.getElementById('unit-choice'))"
    )
    first = browser.run(classes)
    picked = next(unit for unit in units if unit["values"] != units[0]["values"])
    browser.run(f"document.querySelector('[data-pick=\"{picked['name']}\"] button').click()")
    assert browser.run(classes) != first
    for name in ("name", "told"):
        shown = browser.run(f"document.getElementById('unit-{name}').textContent")
        assert picked["name"] in shown
    legend = "document.getElementById('unit-legend').textContent"
    assert browser.run(legend) == "".join(words for _, words in picked["legend"])
    browser.run(choose % 0)
    assert browser.run(classes) == first
    buttons = "[...document.querySelectorAll('button')].map(b => b.textContent)"
    assert set(browser.run(buttons)) <= {unit["name"] for unit in units}

    warm = (
        "(slider => { slider.value = %s; slider.dispatchEvent(new Event('input')) })"
        "(document.getElementById('following-temperature'))"
    )
    rows = "[...document.querySelectorAll('#following-table tr')].map(row => row.textContent)"
    for temperature in ("0.5", "1.5", "0"):
        expected = _json(run, path, "--next", "", "--temp", temperature)
        browser.run(warm % temperature)
        shown = browser.run("document.getElementById('following-told').textContent")
        assert shown == f"{float(temperature):.2f}: {expected['entropy'][0]:.2f} bits"
        share = expected["probabilities"][0][0]
        assert f"{100 * share:.{0 if share >= 0.1 else 1}f} %" in browser.run(rows)[0]

    page_colour = "getComputedStyle(document.body).backgroundColor"
    assert browser.run(page_colour) == "rgb(255, 255, 255)"
    browser.emulate(dark=True)
    assert browser.run(page_colour) == "rgb(20, 23, 26)"
    browser.run("document.getElementById('theme-light').click()")
    assert browser.run(page_colour) == "rgb(255, 255, 255)"
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.pdf().startswith(b"%PDF")
    assert browser.errors == []
    assert browser.requests == [Path("page.html").resolve().as_uri()]

    browser.emulate(scripts=False)
    browser.open(Path("page.html"))
    assert browser.run("document.querySelectorAll('.controls:not([hidden])').length") == 0
    assert browser.run("document.querySelectorAll('svg').length") > 10
    assert browser.run(classes) == first


def test_colourings_of_several_scales(browser: Browser) -> None:
    """One that is chosen has its own scale and legend; the script colours as the page is drawn."""
    (block,) = [each for each in blocks() if isinstance(each, Passage) and len(each.colourings) > 1]
    held, amounts = block.colourings[:2]
    block = replace(block, colourings=[replace(held, name="held"), replace(amounts, name="1:2")])
    drawn = {}
    for colourings in (block.colourings, block.colourings[::-1]):
        root = Parser(_page_of(replace(block, colourings=colourings))).root
        spans = [each.attributes["class"] for each in root.by_id("unit-text").all("span")]
        drawn[colourings[0].name] = [spans, root.by_id("unit-legend").text]
    Path("page.html").write_text(_page_of(block), encoding="utf-8")
    browser.open(Path("page.html"))
    for number, name in ((1, "1:2"), (0, "held")):
        browser.run(
            f"(choice => {{ choice.value = {number}; choice.dispatchEvent(new Event('change')) }})"
            "(document.getElementById('unit-choice'))"
        )
        spans = browser.run(
            "[...document.getElementById('unit-text').children].map(c => c.classList[0])"
        )
        legend = browser.run("document.getElementById('unit-legend').textContent")
        assert [spans, legend] == drawn[name]
    assert browser.errors == []


@pytest.mark.parametrize("kind", ["lstm", "bytes", "seq2seq", "classify", "tag"])
def test_with_a_playground(run: Run, kind: str) -> None:
    """A report may hold what runs the model: still one policy, one script, one block of data; its size is told."""
    path = _saved(kind) if kind in KINDS else Path("made.npz")
    if kind not in KINDS:
        labels = Labels("xyz")
        made = (
            seq2seq_model()
            if kind == "seq2seq"
            else made_model(task=kind, labels=labels, text=VERBATIM)
        )
        save_checkpoint(Checkpoint(made, USED, CorpusInfo(("x",), 9, 9, SHA256)), path)
    outcome = run("inspect", path, "--html", "with.html", "--playground")
    assert outcome.code == 0, outcome.err
    whole = Path("with.html").read_text(encoding="utf-8")
    assert f"html: with.html ({size(len(whole.encode()))}, with the model)" in outcome.err
    root, model = check(whole), load_checkpoint(path).model
    held = data_in(root)["playground"]["model"]["arrays"]
    assert {each["name"]: tuple(each["shape"]) for each in held} == model.parameters.shapes
    section = f"{'write' if model.config.learns.writes else 'read'}-section"
    assert [each for each in root.all("a") if each.attributes.get("href") == f"#{section}"]
    assert root.by_id(section)
    alone = run("inspect", path, "--html", "without.html")
    assert "(" not in alone.err.splitlines()[-1]
    assert "playground" not in Path("without.html").read_text(encoding="utf-8")


def test_playground_without_a_page(run: Run) -> None:
    """It is a part of one."""
    outcome = run("inspect", _saved("lstm"), "--playground")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "charrnn: --playground goes with --html\n"


def test_playground_of_a_report_in_a_browser(run: Run, browser: Browser) -> None:
    """Both parts live side by side."""
    path = _saved("lstm")
    assert run("inspect", path, "--html", "page.html", "--playground", "--on", TEXT).code == 0
    browser.open(Path("page.html"))
    assert browser.run("document.querySelectorAll('.scripted:not([hidden])').length") == 4
    # What the playground has no use for stays hidden, whatever the report shows.
    assert browser.run("document.getElementById('label-row').hidden")
    assert browser.run("document.getElementById('unit-row').hidden")
    browser.run("document.getElementById('surprise-text').focus()")
    browser.press("ArrowRight")
    told = "document.getElementById('surprise-told').textContent"
    assert "character 2 is b" in browser.run(told)
    browser.run("document.getElementById('text').focus()")
    browser.type("abc")
    model = load_checkpoint(path).model
    ahead = "".join(charrnn.generate(model, prime="abc", length=40, temperature=0.8, rng=1))
    ghost = ahead[0] + ahead[1:].split("\n")[0]
    browser.wait("document.getElementById('sum').textContent.startsWith('3 characters')")
    assert browser.run("document.getElementById('ghost').textContent") == ghost
    browser.press("Tab")
    assert browser.run("document.getElementById('text').value") == f"abc{ghost}"
    assert "character 2 is b" in browser.run(told)
    assert browser.errors == []
