"""``charrnn export MODEL page.html``: the page computes what NumPy does, draws what a seed gives, and keeps to itself.

The scripts that compute run under Node.js, where that is installed; the page as a whole in a browser.
"""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from conftest import Node, Run
from pages import check, data_in, numbers, rgb
from playing import HOSTILE, VALUE, made_model, open_page, seq2seq_model
from samples import SHA256, USED

import charrnn
from charrnn.config import ATTENTION, CELLS, ModelConfig, SamplingConfig, TextConfig
from charrnn.drawing.colours import contrast
from charrnn.errors import InputError
from charrnn.models.answering import Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import read_prime
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.sharing.web.held import PRECISIONS, as_held
from charrnn.sharing.web.page import data_of, page
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.run import Checkpoint, CorpusInfo
from charrnn.writing.filters import Likeliest, MinP

DEMO = Path(__file__).parent.parent / "checkpoints" / "demo.npz"
SEEDS = (0, 1, 12345, (1 << 32) - 1, 1 << 32, (1 << 64) - 1)

MODELS: dict[str, CharacterModel] = {
    **{cell: made_model(cell) for cell in CELLS},
    **{f"{cell}-embedded": made_model(cell, embedding_size=3) for cell in ("lstm", "gru")},
    "one layer": made_model("gru", num_layers=1, hidden_size=5),
    "bigrams": made_model("feedforward", num_layers=1, context=1),
    "context": made_model("feedforward", num_layers=3, context=4),
    "bytes": made_model(characters=BYTES, text=TextConfig("byte")),
    "records": made_model("gru", text=TextConfig(records=True)),
    "conditional": made_model(
        text=TextConfig(records=True), labels=Labels(("x", HOSTILE[:-1])), task="conditional"
    ),
}
if "layer_norm" in ModelConfig.__dataclass_fields__:
    MODELS |= {
        f"{c}-normalised": made_model(c, layer_norm=True) for c in CELLS if c != "feedforward"
    }

_LABELS = Labels(("x", HOSTILE[:-1], "O"))
ANSWERING = {
    "classify": made_model(task="classify", labels=_LABELS),
    "classify-forwards": made_model("gru", task="classify", labels=_LABELS, bidirectional=False),
    "classify-context": made_model("feedforward", task="classify", labels=_LABELS, context=3),
    "classify-n-grams": made_model(
        "rnn", task="classify", labels=_LABELS, ngrams=3, embedding_size=3
    ),
    "classify-bytes": made_model(
        task="classify", labels=_LABELS, lm_loss=0.5, characters=BYTES, text=TextConfig("byte")
    ),
    "tag": made_model(task="tag", labels=_LABELS, num_layers=3),
    "tag-forwards": made_model(
        "gru", task="tag", labels=_LABELS, bidirectional=False, num_layers=1
    ),
}
every_answering = pytest.mark.parametrize("name", ANSWERING)

every_model = pytest.mark.parametrize("name", MODELS)


def _scores(model: CharacterModel, text: str, label: int | None = None) -> Array:
    """``(T, K)``, by the network as it learns."""
    ids = model.vocabulary.encode(text)[:, None]
    labels = None if label is None else np.array([label])
    state = model.network.begin(model.parameters, 1, labels)
    logits, _ = model.network.logits(model.parameters, ids, state, Workspace())
    return logits[:, :, 0].T.copy()


def _demo_text(length: int) -> str:
    """Of the part that the demo model was not taught by."""
    corpus = charrnn.load_corpus()
    return corpus.vocabulary.decode(corpus.ids[418_544 : 418_544 + length])


# ------------------------------------------------------------------------------------ the numbers


@every_model
def test_scores(name: str, node: Node) -> None:
    """Those of NumPy, after each character of a text."""
    model = MODELS[name]
    known = model.vocabulary.characters
    text = "".join(np.random.default_rng(1).choice([*known], 200))
    label = 1 if len(model.labels) else None
    given = {"data": data_of(model, "float32"), "label": label}
    if model.vocabulary.config.unit == "byte":
        text = "".join(np.random.default_rng(1).choice([*"abc é☃𝄞\n"], 200))
    found = node("opened(given.data).scores(given.text, given.label)", **given, text=text)
    made = np.array([[*each.values()] for each in found])
    np.testing.assert_allclose(made, _scores(model, model.vocabulary.read(text), label), 0, 1e-5)


def test_scores_of_a_long_text(node: Node) -> None:
    """Of 2,000 characters and the model that a clone has (10,000 were as near): no two numbers are further apart than 1e-4."""
    model, text = charrnn.load(DEMO), _demo_text(2_000)
    told = "Buffer.from(Float32Array.from(scores.flatMap((each) => [...each])).buffer).toString('base64')"
    found = node(
        f"((scores) => {told})(opened(given.data).scores(given.text))",
        data=data_of(model, "float32"),
        text=text,
    )
    made = np.frombuffer(base64.b64decode(found), "<f4").reshape(len(text), -1)
    assert np.abs(made - _scores(model, text)).max() < 1e-4


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["lstm-embedded", "conditional", "context"])
def test_precisions(name: str, precision: str, node: Node) -> None:
    """The page's numbers are exactly those that the precision is measured with; int8 is within half a step."""
    model = MODELS[name]
    held = as_held(model.parameters, precision)
    data = data_of(model, precision)
    found = node("given.arrays.map((each) => [...unpacked(each)])", arrays=data["model"]["arrays"])
    for part, array in zip(data["model"]["arrays"], found, strict=True):
        np.testing.assert_array_equal(np.float32(array), held[part["name"]].ravel())
    assert [each["name"] for each in data["model"]["arrays"]] == list(model.parameters)
    for key, array in model.parameters.items():
        row = np.abs(array).max(axis=-1, keepdims=True)
        step = {"float32": 0 * row, "half": row * 2**-11, "int8": row / 254 * 1.001}[precision]
        assert (np.abs(held[key] - array) <= step * (array.ndim > 1 or precision == "half")).all()


def test_what_a_precision_costs() -> None:
    """Next to nothing, of the model that a clone has."""
    model, text = charrnn.load(DEMO), _demo_text(3000)
    bits = [
        charrnn.score(
            replace(model, parameters=as_held(model.parameters, each)), text
        ).bits_per_char
        for each in PRECISIONS
    ]
    assert bits[1] == pytest.approx(bits[0], abs=1e-3) and bits[2] == pytest.approx(
        bits[0], abs=1e-2
    )
    assert bits[1] != bits[0] != bits[2]


def test_half(node: Node) -> None:
    """Each of the numbers that there are, and what is beyond them is the largest one."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(float)
    found = node("Array.from({length: 65536}, (_, bits) => String(fromHalf(bits)))")
    np.testing.assert_array_equal([float(each.replace("Infinity", "inf")) for each in found], every)
    model = made_model()
    model.parameters.flat[:2] = 1e6, -1e6
    assert as_held(model.parameters, "half").flat[:2].tolist() == [65504, -65504]


def test_rows_of_zeros() -> None:
    """They have no largest number to scale by."""
    model = made_model()
    model.parameters["V"][0] = 0
    held = as_held(model.parameters, "int8")
    assert np.isfinite(held.flat).all() and not held["V"][0].any()


# ------------------------------------------------------------------------------------ how it is drawn


def test_random_numbers(node: Node) -> None:
    """Bit for bit those of PCG64; exponential draws to rounding, also by the rare ways through the ziggurat."""
    draw = "(seed) => ((g) => Array.from({length: 50}, () => (g.draw(), [g.high, g.low])))(new Pcg64(seed))"
    found = node(f"given.seeds.map({draw})", seeds=[str(seed) for seed in SEEDS])
    for seed, drawn in zip(SEEDS, found, strict=True):
        raw = np.random.PCG64(seed).random_raw(50)
        assert [(high << 32) + low for high, low in drawn] == raw.tolist()
    many = 30_000
    exponential = (
        f"((g) => Array.from({{length: {many}}}, () => g.exponential()))(new Pcg64(given.seed))"
    )
    expected = np.random.default_rng(9).standard_exponential(many)
    assert (expected > 7.7).any(), "the tail is drawn in a way of its own"
    np.testing.assert_allclose(node(exponential, seed="9"), expected, 1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"top_k": 3},
        {"top_p": 0.5},
        {"top_p": 1e-9},
        {"min_p": 0.3},
        {"min_p": 1.0},
        {"top_k": 7, "top_p": 0.8, "min_p": 0.05},
        {"top_k": 5, "top_p": 0.9, "temperature": 0.0},
        {"min_p": 0.2, "temperature": 2.0},
        {"top_k": 100, "top_p": 0.999},
    ],
    ids=str,
)
def test_filters(settings: dict[str, Any], node: Node) -> None:
    """They leave what those of :mod:`charrnn.writing.filters` leave, ties too."""
    config = SamplingConfig(**settings)
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 2, (40, 12)).astype(np.float32)
    scores[::3] = np.round(scores[::3])  # with equal ones
    expected = scores.T.copy()
    vocabulary = Vocabulary("".join(map(chr, range(97, 109))))
    temperatures = np.full(40, config.temperature)
    for kind in (Likeliest, MinP):
        if kind.wanted(config):
            kind(vocabulary, [config] * 40, [""] * 40)(expected, temperatures)
    given = {
        "temperature": config.temperature,
        "topK": config.top_k,
        "topP": config.top_p,
        "minP": config.min_p,
    }
    kept = node(
        "given.scores.map((one) => [...filtered(Float32Array.from(one), given.settings)].map(Number.isFinite))",
        scores=scores.tolist(),
        settings=given,
    )
    np.testing.assert_array_equal(kept, np.isfinite(expected.T))


@every_model
def test_texts(name: str, node: Node) -> None:
    """A seed gives the text that it gives ``charrnn sample``, for each kind of model, with and without a prime."""
    model = MODELS[name]
    writer, label = (model, None) if not len(model.labels) else (model.writing({"x": 1.0}), 0)
    asked = [
        {"prime": prime, "seed": str(seed), "length": 60, "temperature": 0.7, **more}
        for prime in ("", "ab c")
        for seed in SEEDS
        for more in ({}, {"topK": 4}, {"minP": 0.1, "topP": 0.9})
    ]
    found = node(
        "((core) => given.asked.map((each) => core.sample({...each, label: given.label})))(opened(given.data))",
        data=data_of(model, "float32"),
        asked=asked,
        label=label,
    )
    names = {"topK": "top_k", "topP": "top_p", "minP": "min_p", "seed": "rng"}
    made = []
    for each in asked:
        options: dict[str, Any] = {names.get(key, key): value for key, value in each.items()}
        text = "".join(charrnn.generate(writer, **{**options, "rng": int(options["rng"])}))
        if model.vocabulary.config.unit == "byte":
            text = text.encode("latin-1").decode("utf-8", "replace")
        made.append(re.sub("\r\n?", "\n", text))
    same = sum(ours == theirs for ours, theirs in zip(found, made, strict=True))
    assert same >= 0.95 * len(asked)


def test_long_texts(node: Node) -> None:
    """Of the demo model nine of ten seeds give the same 300 characters."""
    model = charrnn.load(DEMO)
    ask = "{prime: 'The ', seed, length: 300, temperature: 0.8}"
    found = node(
        f"((core) => given.seeds.map((seed) => core.sample({ask})))(opened(given.data))",
        data=data_of(model, "float32"),
        seeds=list(range(10)),
    )
    made = [
        "".join(charrnn.generate(model, prime="The ", length=300, temperature=0.8, rng=seed))
        for seed in range(10)
    ]
    assert sum(ours == theirs for ours, theirs in zip(found, made, strict=True)) >= 9


@pytest.mark.parametrize("name", ["lstm", "records", "conditional", "context"])
def test_bits(name: str, node: Node) -> None:
    """What each character costs follows from the scores before it, also where a text is changed in the middle."""
    model = MODELS[name]
    text = "ab cé\n☃☃ abcab" * 12
    label = 0 if len(model.labels) else None
    writer = model.writing({"x": 1.0}) if len(model.labels) else model
    changed = text[:70] + "ddd" + text[75:]
    expression = (
        "((core) => { const reading = new Reading(core.model, core.alphabet); reading.label = given.label;"
        "return given.texts.map((text) => { reading.expect(text); reading.advance(); return reading.bits.slice(); });"
        "})(opened(given.data))"
    )
    texts = [text, changed, changed[:10], "", changed]
    data = data_of(model, "float32")
    for read, found in zip(
        texts, node(expression, data=data, label=label, texts=texts), strict=True
    ):
        expected = []
        line = 0
        for place, character in enumerate(read):
            logits, _ = read_prime(writer, read[line:place])
            nats = (
                np.logaddexp.reduce(logits[:, 0]) - logits[model.vocabulary.encode(character)[0], 0]
            )
            expected.append(nats / math.log(2))
            if character == "\n" and model.vocabulary.config.end:
                line = place + 1
        np.testing.assert_allclose(found, expected, 1e-4, 1e-4)


ABSURD = {
    "{length: -1}": "length must be a whole number from 0, not -1",
    "{length: '5'}": "length must be a whole number",
    "{length: 2.5}": "length must be a whole number",
    "{length: Infinity}": "length must be a whole number",
    "{temperature: NaN}": "temperature must be a number from 0, not NaN",
    "{temperature: 'hot'}": "temperature must be a number",
    "{temperature: -1}": "temperature must be a number",
    "{topK: 1.5}": "topK must be a whole number",
    "{topP: 0}": "topP must be a number from 5e-324 to 1, not 0",
    "{minP: 2}": "minP must be a number from 0 to 1, not 2",
    "{temp: 1}": "there is no temp; it is one of length, temperature, topK, topP, minP",
    "{__proto__: null, constructor: 1}": "there is no constructor",
    "{seed: -1}": "seed must be from 0",
    "{seed: 2 ** 64}": "seed must be from 0",
    "{prime: null}": "a text must be a string, not null",
    "{prime: 7}": "a text must be a string, not 7",
    "{label: 2}": "label must be a whole number from 0 to 1, not 2",
    "{label: 'x'}": "label must be a whole number",
}


def test_absurd_arguments(node: Node) -> None:
    """What is typed into a console is refused where it means nothing, and not written with."""
    data = data_of(MODELS["conditional"], "float32")
    tried = "((ask) => { try { return ask(); } catch (error) { return error.message; } })"
    asked = ", ".join(f"{tried}(() => core.sample({each}))" for each in ABSURD)
    found = node(f"((core) => [{asked}])(opened(given.data))", data=data)
    for told, said in zip(found, ABSURD.values(), strict=True):
        assert told.startswith(said)
    plain = data_of(MODELS["gru"], "float32")
    asked = "[() => core.bits(), () => core.sample({label: 0}), () => core.sample().length > 0]"
    found = node(f"((core) => {asked}.map({tried}))(opened(given.data))", data=plain)
    assert found == [
        "a text must be a string, not undefined",
        "the model writes for no labels",
        True,
    ]


def test_unknown_characters(node: Node) -> None:
    """A similar one stands in where there is one; what is composed is read as one; bytes know everything."""
    read = "given.signs.map((sign) => new Alphabet(given.alphabet).read(sign))"
    alphabet = data_of(made_model(characters="\n 'abeéss?".replace("ss", "s")), "float32")[
        "alphabet"
    ]
    characters = alphabet["characters"]
    signs = ["’", "à", "e\u0301", "B", "ß", "☃", "\u00a0", "é", "\u0301"]
    found = [
        "".join(characters[id] for id in ids) for ids in node(read, alphabet=alphabet, signs=signs)
    ]
    assert found == ["'", "a", "é", "b", "ss", "?", " ", "é", " "]
    cut = node("signs('ae\\u0301b\\ud834\\udd1e', 'nfc')")
    assert cut == ["a", "e\u0301", "b", "𝄞"]
    alphabet = data_of(MODELS["bytes"], "float32")["alphabet"]
    assert node(read, alphabet=alphabet, signs=["é", "\0"]) == [[0xC3, 0xA9], [0]]


@every_answering
def test_answers(name: str, node: Node) -> None:
    """The probabilities of labels and tags are those of ``charrnn predict``."""
    model = ANSWERING[name]
    texts = ["abc", "é☃𝄞dd", "a", "", "abcde " * 20]
    found = node(
        "((core) => given.texts.map((text) => core.answer(signs(text, 'nfc').flatMap((s) => core.alphabet.read(s)))"
        ".map((each) => typeof each === 'number' ? each : [...each])).map((each) => [...each]))(answering(given.data))",
        data=data_of(model, "float32"),
        texts=texts,
    )
    known = [model.vocabulary.read(text) for text in texts]
    for theirs, ours in zip(found, Answerer([model])(known), strict=True):
        np.testing.assert_allclose(np.ravel(theirs), ours.probabilities.ravel(), 1e-4, 1e-5)


# ------------------------------------------------------------------------------------ the page


EVERY = {
    **MODELS,
    **ANSWERING,
    **{f"seq2seq-{each}": seq2seq_model(attention=each, embedding_size=3) for each in ATTENTION},
}


@pytest.mark.parametrize("name", EVERY)
def test_every_page(name: str) -> None:
    """Sound, with all parameters, and the same each time; nothing of it is a text."""
    model = EVERY[name]
    whole = page(model, "m")
    root = check(whole)
    assert whole == page(model, "m")
    data = data_in(root)["playground"]
    shapes = {each["name"]: tuple(each["shape"]) for each in data["model"]["arrays"]}
    learnt_by = model.network.lm_loss.parameter_shapes() if model.network.lm_loss else {}
    assert {**shapes, **learnt_by} == model.parameters.shapes
    assert not {*shapes} & {*learnt_by}
    assert data["alphabet"]["characters"] == model.vocabulary.characters
    first = data["model"]["arrays"][0]
    np.testing.assert_array_equal(
        numbers(first["numbers"]), model.parameters.flat[: math.prod(first["shape"])]
    )


def test_hostile() -> None:
    """Whatever is in names, labels and the alphabet, it stays text, and turns no direction."""
    every = "".join(sorted({*HOSTILE, *"\n\0\u2028\u202e\ufffe\U000e0041x"}))
    model = made_model(
        characters=every,
        text=TextConfig(records=True, normalize="none"),
        labels=Labels(("</script>", "\"'&<!--")),
        task="conditional",
    )
    object.__setattr__(model.labels, "names", ("</script><b>\u202e", "\ud800\0"))
    whole = page(model, HOSTILE + "\0\ud800")
    root = check(whole)
    assert len([*root.all("script")]) == 2
    for character in "\0\u202e\ud800\u2028":
        assert character not in whole
    data = data_in(root)["playground"]
    assert data["alphabet"]["characters"] == every
    assert data["labels"] == ["</script><b>\\u202e", "\N{REPLACEMENT CHARACTER}\\u0000"]


def test_refused() -> None:
    """What the page cannot run is an error that says what holds it."""
    for model in (made_model(), seq2seq_model()):
        parameters = type(model.parameters)({**model.parameters.shapes, "x": (1,)})
        with pytest.raises(InputError, match=r"no place for the parameter x.*small\.npz"):
            page(replace(model, parameters=parameters), "m")


def test_on_the_command_line(run: Run, model: Path) -> None:
    """A file for each precision, each smaller than the one before; told as every export."""
    sizes = []
    for precision in PRECISIONS:
        outcome = run("export", model, f"{precision}.html", "--precision", precision)
        assert (outcome.code, outcome.out) == (0, f"{precision}.html\n")
        assert "without its training state" in outcome.err
        sizes.append(Path(f"{precision}.html").stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    charrnn.export_model(charrnn.load_checkpoint(model), "zebra.html", precision="int8")
    other = Path("zebra.html").read_text(encoding="utf-8").replace("zebra", "int8")
    assert other == Path("int8.html").read_text(encoding="utf-8")


def test_sizes() -> None:
    """Of the demo model."""
    model = charrnn.load(DEMO)
    sizes = [len(page(model, "demo", precision).encode()) for precision in PRECISIONS]
    assert sizes[0] < 1.5e6 and sizes[1] < 0.8e6 and sizes[2] < 0.5e6


# ------------------------------------------------------------------------------------ in a browser

GHOST = "document.getElementById('ghost').textContent"


def _set(browser: Browser, name: str, value: str) -> None:
    event = "new Event('input', {bubbles: true}), new Event('change', {bubbles: true})"
    browser.run(
        f"((e) => {{ e.value = {json.dumps(value)}; [{event}].forEach((x) => e.dispatchEvent(x)); }})"
        f"(document.getElementById({json.dumps(name)}))"
    )


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CharacterModel:
    monkeypatch.chdir(tmp_path)
    return charrnn.load(DEMO)


def test_in_a_browser(browser: Browser, demo: CharacterModel) -> None:
    """Type, take, write: it is the text of ``charrnn sample``; nothing is thrown, nothing asked of the network."""
    path = open_page(browser, demo)
    browser.type("The class statement ")
    whole = "".join(
        charrnn.generate(demo, prime="The class statement ", length=700, temperature=0.8, rng=1)
    )
    ghost = whole[:40].split("\n")[0]
    browser.wait(f"{GHOST} === {json.dumps(ghost)}")
    browser.press("Tab")
    assert browser.run(VALUE) == f"The class statement {ghost}"
    browser.wait(f"{GHOST}.length > 3")
    browser.press("ArrowRight", ctrl=True)
    taken = browser.run(VALUE).removeprefix("The class statement ")
    assert whole.startswith(taken) and ghost < taken
    browser.run("document.getElementById('write').click()")
    browser.wait(f"{VALUE}.length >= {20 + len(taken) + 300}")
    browser.wait("document.getElementById('write').textContent === 'Write 300 characters'")
    text = browser.run(VALUE)
    assert len(text) == len("The class statement " + taken) + 300
    assert text == f"The class statement {whole}"[: len(text)]
    browser.wait("document.getElementById('sum').textContent.includes('bits each')")

    # What is taken back is as it was; Escape lets Tab go on, so that no keyboard is caught.
    browser.run("document.getElementById('back').click()")
    assert browser.run(VALUE) == f"The class statement {taken}"
    browser.run("document.getElementById('text').focus()")
    browser.press("Escape")
    browser.wait(f"{GHOST} === ''")
    browser.press("Tab")
    assert browser.run("document.activeElement.id") != "text"

    # The likeliest next characters can be chosen; what is unknown is told.
    browser.wait("document.querySelector('#next button .share').textContent.endsWith('%')")
    first = browser.run("document.querySelector('#next b').textContent").replace("␣", " ")
    browser.run("document.querySelector('#next button').click()")
    assert browser.run(VALUE) == f"The class statement {taken}{first.replace('⏎', chr(10))}"
    browser.run("document.getElementById('text').focus()")
    browser.type("☃")
    browser.wait("!document.getElementById('unknown').hidden")
    assert "does not know ☃, and reads ? in its place" in browser.run(
        "document.getElementById('unknown').textContent"
    )
    assert browser.run("document.querySelectorAll('#written .unknown').length") == 1

    # A unit's colours, in words for who does not see them.
    _set(browser, "colour", "unit")
    _set(browser, "unit-layer", "1")
    _set(browser, "unit-number", "37")
    browser.wait("document.getElementById('told').textContent.includes('the unit holds')")
    assert browser.run(
        "document.querySelector('#written .u4, #written .u5, #written .u3') !== null"
    )
    browser.wait("document.getElementById('said').textContent.includes('bits each')")

    assert browser.run("document.title") == "demo: a charrnn model to play with"
    assert browser.errors == []
    assert browser.requests == [path.as_uri()]


def test_taking_back(browser: Browser, demo: CharacterModel) -> None:
    """What a button did can be taken back, with Ctrl+Z too; but not what was typed since."""
    open_page(browser, demo)
    browser.type("The ")
    back, told = "document.getElementById('back')", "document.getElementById('write').textContent"
    for written in (304, 4, 304):
        if written == 304:
            browser.run("document.getElementById('write').click()")
        else:
            browser.run("document.getElementById('text').focus()")
            browser.press("z", ctrl=True)
        browser.wait(f"{VALUE}.length === {written} && {told} === 'Write 300 characters'")
    browser.run("document.getElementById('text').focus()")
    browser.type("mine")
    browser.wait(f"{back}.disabled")
    browser.press("z", ctrl=True)  # which is the browser's to undo
    assert browser.run(VALUE).endswith("mine")
    browser.run("document.getElementById('clear').click()")
    browser.wait(f"{VALUE} === '' && !{back}.disabled")
    browser.run(f"{back}.click()")
    assert browser.run(VALUE).endswith("mine")
    assert browser.errors == []


def test_more_than_it_holds(browser: Browser, demo: CharacterModel) -> None:
    """A box that cuts what is put in says so."""
    open_page(browser, demo)
    full = "document.getElementById('full')"
    assert browser.run(f"{full}.hidden")
    assert browser.run("document.getElementById('text').maxLength") == 20_000
    browser.run("document.getElementById('text').maxLength = 1234")  # is drawn sooner
    browser.type("a b " * 400)
    browser.wait(f"!{full}.hidden")
    assert "it holds 1,234 characters" in browser.run(f"{full}.textContent")
    assert browser.run(f"{VALUE}.length") == 1234
    browser.run("document.getElementById('clear').click()")
    browser.wait(f"{full}.hidden")


def test_units(browser: Browser, demo: CharacterModel) -> None:
    """What a unit is told to hold is what it holds after the text, its cell too."""
    open_page(browser, demo)
    browser.type("The class")
    _set(browser, "colour", "unit")
    for name, value in (("unit-layer", "1"), ("unit-number", "9"), ("unit-part", "1")):
        _set(browser, name, value)
    _, state = read_prime(demo, "The class")
    told = "document.getElementById('told').textContent.split('unit holds ')[1]"
    browser.wait(f"Math.abs(parseFloat({told}) - {state[1, 1, 9, 0]}) < 0.006")


def test_quick_enough(browser: Browser, demo: CharacterModel) -> None:
    """It starts in less than a second, and writes 2,000 characters in each: the best of some, on a busy machine."""
    starts = []
    for _ in range(3):
        path = open_page(browser, demo)
        assert path.stat().st_size < 1.5e6
        starts.append(browser.run("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    assert min(starts) < 1000
    measure = (
        "(() => { const begun = performance.now(); charrnn.sample({prime: 'The ', length: 400});"
        " return 400 / (performance.now() - begun) * 1000; })()"
    )
    assert max(browser.run(measure) for _ in range(10)) > 2000


def test_same_texts_in_a_browser(browser: Browser, demo: CharacterModel) -> None:
    """Nine of ten seeds give the thousand characters of ``charrnn sample``."""
    open_page(browser, demo)
    same = 0
    for seed in range(10):
        made = "".join(charrnn.generate(demo, prime="A ", length=1000, temperature=1.0, rng=seed))
        same += browser.run(f"charrnn.sample({{prime: 'A ', seed: {seed}, length: 1000}})") == made
    assert same >= 9


def test_on_a_phone(browser: Browser, demo: CharacterModel) -> None:
    """No wider than its screen, in light and dark; the text in colours lies on the one that is typed."""
    path = open_page(browser, demo)
    measures = "['mirror', 'text'].map((name) => document.getElementById(name).scrollHeight)"
    for width, dark in ((390, True), (320, False), (1100, True)):
        browser.resize(width, 800)
        browser.emulate(dark=dark)
        browser.open(path)
        browser.run("document.getElementById('text').focus()")
        browser.type(
            "It is a truth universally acknowledged,\n\n\tthat " + "wideword" * 20 + "\n" * 20
        )
        browser.wait("document.querySelectorAll('#written span').length > 200")
        mirror, box = browser.run(measures)
        assert mirror == box
        assert browser.run("document.documentElement.scrollWidth <= innerWidth")
        # All that can be pressed is large enough for a finger, and has a name.
        small = "[...document.querySelectorAll('button')].filter((b) => !b.hidden && b.offsetHeight < 24).length"
        assert browser.run(small) == 0
    assert browser.errors == []


def test_from_right_to_left(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line runs in its own direction, in the box and below it."""
    monkeypatch.chdir(tmp_path)
    open_page(browser, made_model(characters="\n abcאבג"), "hebrew")
    browser.type("אבג\nabc")
    browser.wait("document.querySelectorAll('#written span').length === 7")
    middle = "(n) => ((r) => (r.left + r.right) / 2 / innerWidth)(document.getElementById('written').children[n].getBoundingClientRect())"
    first, last = browser.run(f"[0, 6].map({middle})")
    assert first > 0.5 > last
    styles = "['mirror', 'text'].map((name) => getComputedStyle(document.getElementById(name)).unicodeBidi)"
    assert browser.run(styles) == ["plaintext", "plaintext"]


def test_long_labels_on_a_phone(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave room for what is told of them."""
    monkeypatch.chdir(tmp_path)
    browser.resize(360, 800)
    labels = Labels(("long" * 30, "several words " * 10, "x"))
    open_page(browser, made_model(task="classify", labels=labels), "long")
    browser.type("ab")
    rows = "[...document.querySelectorAll('#answers td')]"
    browser.wait(f"{rows}.length === 3")
    assert browser.run(f"{rows}.every((td) => td.getBoundingClientRect().right <= innerWidth)")


def test_a_seed_that_is_none(browser: Browser, demo: CharacterModel) -> None:
    """It counts as it stood at first, as all that cannot be used."""
    open_page(browser, demo)
    browser.type("The ")
    browser.wait(f"{GHOST}.length > 20")
    usual = browser.run(GHOST)
    for seed, same in (("7", False), ("-5", True), ("8", False), ("", True)):
        _set(browser, "seed", seed)
        browser.wait(
            f"({GHOST} === {json.dumps(usual)}) === {json.dumps(same)} && {GHOST}.length > 20"
        )


def test_records_in_a_browser(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a label that is chosen; each record goes on with the seed after the one before it."""
    monkeypatch.chdir(tmp_path)
    model = MODELS["conditional"]
    open_page(browser, model, "records")
    assert browser.run("document.getElementById('label').options.length") == 2
    _set(browser, "label", "1")
    _set(browser, "temperature", "1")
    _set(browser, "seed", "5")
    writer = model.writing({model.labels.names[1]: 1.0})
    expected = "".join(
        f"{text}\n"
        for text, _ in zip(
            charrnn.generate_records(writer, rng=5, length=300), range(3), strict=False
        )
    )
    for lines in range(1, 4):
        browser.wait("document.getElementById('write').textContent === 'Write a line'")
        browser.run("document.getElementById('write').click()")
        browser.wait(f"{VALUE}.split('\\n').length === {lines + 1}")
    assert browser.run(VALUE) == expected
    assert browser.errors == []


def test_labels_in_a_browser(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the line where the cursor stands, in words and in a table."""
    monkeypatch.chdir(tmp_path)
    model = ANSWERING["classify-n-grams"]
    open_page(browser, model, "labels")
    browser.type("ab\ncde")
    (answer,) = Answerer([model])(["cde"])
    best = int(answer.probabilities.argmax())
    share = f"{100 * answer.probabilities[best]:.0f} %"
    told = "document.getElementById('told').textContent"
    browser.wait(
        f"{told} === {json.dumps(f'This line is {model.labels.names[best]}, with a probability of {share}.')}"
    )
    assert browser.run("document.querySelectorAll('#answers tbody tr').length") == 3
    browser.press("ArrowUp")
    (answer,) = Answerer([model])(["ab"])
    first = model.labels.names[int(answer.probabilities.argmax())]
    browser.wait(f"{told}.startsWith({json.dumps(f'This line is {first},')})")
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.errors == []


def test_tags_in_a_browser(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each character has the decoration of its tag, and the line is told in words."""
    monkeypatch.chdir(tmp_path)
    model = ANSWERING["tag"]
    open_page(browser, model, "tags")
    browser.type("ab☃cd\n\nedcba")
    browser.wait(
        "document.getElementById('told').textContent.startsWith('Before the cursor stands a: ')"
    )
    expected = []
    for line in ("ab☃cd", "", "edcba"):
        (answer,) = Answerer([model])([line])
        expected += [["tag0", "tag1", ""][tag] for tag in answer.best] + [""]
    classes = "[...document.querySelectorAll('#written span')].map((span) => span.className)"
    assert browser.run(classes) == expected[:-1]
    assert "The line: " in browser.run("document.getElementById('told').textContent")
    assert browser.errors == []


def test_hostile_in_a_browser(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing gets out of the data, and everything can still be written."""
    monkeypatch.chdir(tmp_path)
    every = "".join(sorted({*HOSTILE, *"\n\0\r\u2028\u202e\ufffex"}))
    model = made_model(characters=every, text=TextConfig(normalize="none"))
    Path("a.html").write_text(page(model, HOSTILE), encoding="utf-8")
    browser.open(Path("a.html"))
    assert browser.run("document.title").startswith("</script><script>document.title='owned'")
    browser.run("document.getElementById('write').click()")
    browser.wait(f"{VALUE}.length === 300")
    browser.wait("document.getElementById('write').textContent.startsWith('Write')")
    assert browser.run("document.querySelectorAll('script').length") == 2
    assert browser.errors == []


def test_numbers_that_overflow(browser: Browser, demo: CharacterModel) -> None:
    """They are told, and no text is made up."""
    demo.parameters["c"][...] = np.inf
    open_page(browser, demo)
    browser.wait("!document.getElementById('problem').hidden")
    assert "numbers overflow" in browser.run("document.getElementById('problem').textContent")
    assert browser.run(GHOST) == ""


def test_without_scripts(browser: Browser, demo: CharacterModel) -> None:
    """It says why nothing is there."""
    path = Path("a.html")
    path.write_text(page(demo, "demo"), encoding="utf-8")
    browser.emulate(scripts=False)
    browser.open(path)
    assert "scripts are switched off" in browser.run(
        "document.querySelector('noscript').textContent"
    )
    assert browser.run("document.getElementById('write-section').offsetHeight") == 0


@pytest.mark.parametrize("dark", [False, True])
def test_contrast(dark: bool) -> None:
    """What the page's own style adds: text on its colours, and borders (WCAG AA)."""
    from importlib.resources import files

    style = files("charrnn.sharing.web").joinpath("play.css").read_text(encoding="utf-8")
    own = re.findall(r"light-dark\((#\w{6}), (#\w{6})\)", style)
    shared = files("charrnn.drawing.page").joinpath("page.css").read_text(encoding="utf-8")
    palette = dict(re.findall(r"--(\w+): light-dark\(((?:#\w{6}(?:, )?){2})\)", shared))
    background = rgb(palette["page"].split(", ")[dark])
    for colours in own:
        assert contrast(rgb(colours[dark]), background) >= 3
    for name in ("ink", "muted", "accent"):
        assert contrast(rgb(palette[name].split(", ")[dark]), background) >= 4.5
    assert not re.search(r"#[0-9a-f]{3,6}\b(?![^(]*\))", style), "every colour is for both"


def test_checkpoint_of_a_model_without_history(tmp_path: Path) -> None:
    """A page needs nothing of the run."""
    checkpoint = Checkpoint(made_model(), USED, CorpusInfo((HOSTILE,), 9, 9, SHA256))
    charrnn.export_model(checkpoint, tmp_path / "a.html")
    assert HOSTILE not in (tmp_path / "a.html").read_text(encoding="utf-8")
