"""The commands as functions."""

from __future__ import annotations

import html
import json
import pkgutil
import re
import signal
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

import charrnn
from charrnn import CharrnnError, Evaluation, Step
from charrnn.inspection import VIEWS
from charrnn.notebook import Seen
from charrnn.words import in_json

TEXT = "the cat sat on the mat; the dog sat on the log\n" * 60


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("notebook") / "corpus.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def checkpoint(corpus: Path) -> Path:
    training = charrnn.train(corpus, hidden_size=16, num_layers=1, batch_size=8, steps=40)
    path = corpus.with_name("model.npz")
    charrnn.save_checkpoint(training.checkpoint(), path)
    return path


def test_train_is_the_command(run: Run, corpus: Path, tmp_path: Path) -> None:
    """The same settings give the same weights, bit for bit."""
    settings: dict[str, Any] = {
        "hidden_size": 8,
        "cell": "gru",
        "batch_size": 4,
        "seed": 3,
        "steps": 12,
    }
    options = [part for k, v in settings.items() for part in (f"--{k.replace('_', '-')}", str(v))]
    assert run("train", corpus, *options, "-q", "-o", tmp_path / "m.npz").code == 0
    training = charrnn.train(str(corpus), **settings)
    assert training.finished
    assert training.model() == charrnn.load(tmp_path / "m.npz")


@pytest.mark.parametrize("form", [str, Path, lambda path: [path], lambda path: [str(path)]])
def test_one_path_or_several(corpus: Path, form: Any) -> None:
    """A string is a path, not a list of its characters."""
    assert charrnn.load_corpus(form(corpus)).sources == (str(corpus),)
    assert len(charrnn.load_corpus([corpus, corpus])) == 2 * len(TEXT)


def test_train_for_a_time(corpus: Path) -> None:
    """Without a length the rest is chosen, and reports come as they are made."""
    reports: list[Any] = []
    training = charrnn.train(corpus, minutes=0.05, num_layers=1, on_report=reports.append)
    assert training.finished
    assert training.config.schedule == "trapezoid"
    assert {Step, Evaluation} <= set(map(type, reports))
    assert training.config.steps == sum(isinstance(report, Step) for report in reports)


def test_train_tells_what_the_command_tells(run: Run, corpus: Path, tmp_path: Path) -> None:
    """A line for each evaluation, in bits, and none for the hundreds of steps between; of a budget what was chosen."""
    settings: dict[str, Any] = {"hidden_size": 8, "batch_size": 4, "steps": 30, "eval_every": 10}
    lines: list[str] = []
    training = charrnn.train(corpus, **settings, tell=lines.append)
    options = [part for k, v in settings.items() for part in (f"--{k.replace('_', '-')}", str(v))]
    told = run("train", corpus, *options, "--sample-every", 0, "-o", tmp_path / "m.npz").err
    assert len(lines) == len(training.history) == 3
    for line in lines:
        assert re.fullmatch(r"step \d+/30  epoch .*  train [\d.]+  val [\d.]+ bits/char", line)
        assert f"\n{line}  " in told
    lines.clear()
    training = charrnn.train(corpus, minutes=0.03, num_layers=1, tell=lines.append)
    assert [line.split(":")[0] for line in lines[:3]] == ["budget", "chosen", "reason"]
    assert len(lines) >= 3 + len(training.history)
    assert len(lines) < 40


def test_train_is_interrupted(corpus: Path) -> None:
    """What has been learnt is given back, and goes on to what it would have become."""
    config: dict[str, Any] = {"hidden_size": 8, "batch_size": 4, "steps": 30, "dropout": 0.0}

    def interrupt(report: object) -> None:
        if isinstance(report, Step) and report.step == 11:
            raise KeyboardInterrupt

    training = charrnn.train(corpus, **config, on_report=interrupt)
    assert training.step == 11
    list(training)
    assert training.model() == charrnn.train(corpus, **config).model()


@pytest.mark.parametrize(
    ("function", "call"),
    [
        ("training.learner.Learner.look", 7),
        ("training.learner.Learner.move", 7),
        ("training.learner.Learner.hold", 3),  # after an evaluation
        ("training.optimizer.Optimizer.step", 12),
        ("training.evaluation.evaluate", 2),
        ("training.learner.Learner.is_finite", 2),  # in an evaluation
        ("training.plan.Plan.fall_from", 1),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_an_interruption_at_any_place_leaves_a_sound_run(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    call: int,
    early: bool,
) -> None:
    """Ctrl-C in the middle of a step or an evaluation: the run goes on to what it would have become."""
    config: dict[str, Any] = {
        "hidden_size": 8,
        "batch_size": 4,
        "steps": 40,
        "eval_every": 5,
        "weight_drop": 0.2,
        "threads": 2,
        "learning_rate": 3.0,  # not every evaluation is the best
        "schedule": "trapezoid",
        "patience": 1,
    }
    monkeypatch.setattr("charrnn.training.trainer.is_overfitted", lambda *_: True)
    whole = charrnn.train(corpus, **config).checkpoint()
    intact, calls = pkgutil.resolve_name(f"charrnn.{function}"), count(1)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        now = next(calls) == call
        if now and early:
            signal.raise_signal(signal.SIGINT)
        result = intact(*arguments, **named)
        if now and not early:
            signal.raise_signal(signal.SIGINT)
        return result

    monkeypatch.setattr(f"charrnn.{function}", interrupted)
    training = charrnn.train(corpus, **config)
    assert not training.finished
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "cut.npz")
    saved = charrnn.load_checkpoint(tmp_path / "cut.npz", with_progress=True)
    for run in (charrnn.Training.resume(charrnn.load_corpus(corpus), saved), training):
        list(run)
        found = run.checkpoint()
        assert found.model == whole.model
        assert found.progress is not None
        assert whole.progress is not None
        np.testing.assert_array_equal(found.progress.state, whole.progress.state)
        for name, slot in whole.progress.slots.items():
            np.testing.assert_array_equal(found.progress.slots[name], slot)
        assert found.progress.generators == whole.progress.generators
        told = [[replace(entry, seconds=0) for entry in one.history] for one in (found, whole)]
        assert told[0] == told[1]


TEXTS = {
    "café\r\nau lait\n": "composed, and Windows' line ends",
    "cafe\u0301 au\rlait\r": "to be composed, and a Macintosh's line ends",
    "\ufeffau lait\n\ncafé": "a mark",
}


@pytest.mark.parametrize("options", [[], ["--bytes"], ["--records"], ["--normalize", "none"]])
def test_a_text_is_read_as_a_file_is(run: Run, options: list[str]) -> None:
    """By score, generate and inspect: bytes, line ends, composed characters, records."""
    Path("corpus.txt").write_text("café au lait\n" + "cafe\u0301 ole\n" * 20, encoding="utf-8")
    trained = run(
        "train", "corpus.txt", *options, "--hidden-size", 4, "--steps", 3, "-o", "m.npz", "-q"
    )
    assert trained.code == 0, trained.err
    model = charrnn.load("m.npz")
    for text in TEXTS:
        Path("text.txt").write_text(text, encoding="utf-8", newline="")
        lines = run("score", "m.npz", "text.txt", "--per-char", "--json").out.splitlines()
        told = [json.loads(line) for line in lines]
        score = charrnn.score(model, text)
        assert len(score.text) == len(told)
        np.testing.assert_allclose(score.bits, [each["bits"] for each in told], atol=1e-4)
        (alone,) = charrnn.score_all(model, [text])
        np.testing.assert_array_equal(alone.bits, score.bits)
        if "--records" in options:
            continue
        written = "".join(charrnn.generate(model, prime=text, length=9, rng=1, stop="é", ban="é"))
        Path("lines.jsonl").write_text(json.dumps({"prime": text}))
        told = ["--length", 9, "--seed", 1, "--stop", "é", "--ban", "é", "-q"]
        for prime in (
            ["--json", "--prime-text", "text.txt"],
            ["--json", "--prime", text],
            ["--jsonl", "--prime-file", "lines.jsonl"],
        ):
            answer = json.loads(run("sample", "m.npz", *prime, *told).out)
            assert answer["text"] == in_json(written, model.vocabulary.config.encoding)
        seen, of_file = (charrnn.inspect("m.npz", "text", t).data for t in (text, "text.txt"))
        assert {**seen, "source": ""} == {**of_file, "source": ""}


def test_a_prime_after_a_line_feed_is_read_as_score_reads(run: Run, checkpoint: Path) -> None:
    """And one without it is not: the help of score says so."""
    for prime, alike in ((r"\nthe ", True), ("the ", False)):
        asked = ["--prime", prime, "--temp", 0, "--length", 1, "--json", "-q"]
        answer = json.loads(run("sample", checkpoint, *asked).out)
        following = charrnn.score(charrnn.load(checkpoint), f"the {answer['text']}").bits[-1]
        assert bool(abs(answer["bits_per_char"] - following) < 1e-4) is alike


def test_a_text_that_no_file_can_hold(checkpoint: Path) -> None:
    """Half of a surrogate pair, whatever becomes of unknown characters; a string is no list of texts."""
    model = charrnn.load(checkpoint)
    for unknown in ("error", "skip", "replace"):
        with pytest.raises(CharrnnError, match="not valid Unicode"):
            charrnn.score(model, "the \ud800", unknown=unknown)
        with pytest.raises(CharrnnError, match="not valid Unicode"):
            charrnn.generate(model, prime="the \udc80", unknown=unknown)
    with pytest.raises(CharrnnError, match="valid Unicode"):
        charrnn.generate(model, stop="\ud800")
    for view in ("text", "next"):
        with pytest.raises(CharrnnError, match="not UTF-8 text"):
            charrnn.inspect(checkpoint, view, "\ud800")
    with pytest.raises(CharrnnError, match="takes a list of texts; for one there is score"):
        charrnn.score_all(model, "the cat")


def test_runs_and_texts_can_be_compared(corpus: Path, checkpoint: Path) -> None:
    """Equal are those with the same in them, arrays included."""
    one, same = (charrnn.load_checkpoint(checkpoint, with_progress=True) for _ in range(2))
    assert one == same
    assert one != charrnn.load_checkpoint(checkpoint)
    assert one.progress is not None
    assert one.progress != ()
    for name, array in (("weights", one.progress.weights), *one.progress.slots.items()):
        before, array[-1] = array[-1], 7
        assert one != same, name
        array[-1] = before
    assert one == same
    lacking = replace(one.progress, slots={})
    assert lacking != one.progress
    assert one.progress != lacking
    text, again = charrnn.load_corpus(corpus), charrnn.load_corpus(corpus)
    assert text == again
    assert hash(text) == hash(again)
    assert text != charrnn.Corpus.from_text(TEXT + "\n", sources=text.sources)
    assert text != charrnn.load_corpus([corpus, corpus])


def test_train_from_a_model(corpus: Path, checkpoint: Path) -> None:
    """It goes on from the weights, in the model's alphabet."""
    start = charrnn.load(checkpoint)
    training = charrnn.train(corpus, start=start, steps=1, learning_rate=1e-6, ema=0.0)
    assert training.corpus.vocabulary == start.vocabulary
    np.testing.assert_allclose(
        training.current_model().parameters.flat, start.parameters.flat, atol=1e-5
    )
    read = charrnn.Corpus.from_text(TEXT)
    assert charrnn.train(read, steps=1, hidden_size=4).corpus is read


def test_numbers_of_numpy(corpus: Path, tmp_path: Path) -> None:
    """They are taken as Python's, and a checkpoint with them can be saved."""
    training = charrnn.train(
        corpus,
        hidden_size=np.int64(4),
        dropout=np.float32(0.25),
        steps=np.int32(2),
        learning_rate=np.float64(0.01),
    )
    config = training.network.config
    assert (config.hidden_size, config.dropout) == (4, 0.25)
    assert type(config.hidden_size) is int
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "m.npz")
    assert charrnn.load_checkpoint(tmp_path / "m.npz").training == training.config
    assert len("".join(charrnn.generate(training.model(), length=np.int64(7), rng=0))) == 7  # type: ignore[arg-type]


def test_score_is_the_command(run: Run, checkpoint: Path) -> None:
    model, text = charrnn.load(checkpoint), "the cat sat on the dog\n"
    Path("text.txt").write_text(text)
    scored = charrnn.score(model, text)
    told = json.loads(run("score", checkpoint, "text.txt", "--json").out)
    assert scored.bits_per_char == pytest.approx(told["bits_per_char"], abs=1e-4)
    assert scored.perplexity == pytest.approx(2**scored.bits_per_char)
    assert scored.bits.shape == (len(text),)
    cat, dog = charrnn.score_all(model, ["the cat", "the dog"])
    np.testing.assert_allclose(cat.bits[:4], scored.bits[:4], rtol=1e-5)
    np.testing.assert_allclose(dog.bits, charrnn.score(model, "the dog").bits, rtol=1e-5)


def test_a_score_tells_what_it_is_of() -> None:
    for unit, told in (("character", "3 characters"), ("byte", "4 bytes")):
        corpus = charrnn.Corpus.from_text(
            "né à la mer\n" * 20, config=charrnn.TextConfig(unit=unit)
        )
        model = charrnn.CharacterModel.fresh(
            charrnn.ModelConfig(hidden_size=4), corpus.vocabulary, np.random.default_rng(1)
        )
        for scored in (charrnn.score(model, "né "), *charrnn.score_all(model, ["né "])):
            assert repr(scored).startswith(f"<Score: {told}, ")
            assert repr(scored).endswith(f" bits/{'byte' if unit == 'byte' else 'char'}>")


def test_score_of_unknown_characters(run: Run, checkpoint: Path) -> None:
    """What can be done about them is told as who asks can do it: an argument, or an option."""
    model = charrnn.load(checkpoint)
    ways = re.escape('add unknown="skip" or unknown="replace"')
    for call in (
        lambda: charrnn.score(model, "the Q cat"),
        lambda: charrnn.generate(model, prime="the Q cat"),
        lambda: charrnn.inspect(checkpoint, "text", "the Q cat"),
    ):
        with pytest.raises(charrnn.CharrnnError, match=f"'Q'.*; {ways}$"):
            call()
    refused = run("sample", checkpoint, "--prime", "the Q cat")
    assert refused.err.endswith("; add --unknown skip or --unknown replace\n")
    with pytest.raises(charrnn.CharrnnError, match=ways):
        charrnn.score(model, "the Q cat")
    assert charrnn.score(model, "the Q cat", unknown="skip").text == "the  cat"
    assert "nan" in repr(charrnn.score(model, "Q", unknown="skip"))


def test_inspect_is_the_command(run: Run, checkpoint: Path) -> None:
    """Each view: the same data as with ``--json``, plain text, and a page in a frame."""
    for view in VIEWS:
        if view.flag == "--compare" or "lm" not in view.tasks:
            continue
        value = {"--text": "the cat", "--next": "the ", "--unit": "0:3"}.get(view.flag)
        option = [view.flag] * bool(view.flag) + [value] * bool(value)
        told = json.loads(run("inspect", checkpoint, *option, "--json").out)
        seen = charrnn.inspect(checkpoint, view.flag.removeprefix("--") or view.file, value)
        assert told == {"checkpoint": str(checkpoint), **json.loads(json.dumps(seen.data))}
        assert len(str(seen).splitlines()) >= 2
        (page,) = re.findall(r'srcdoc="([^"]*)"', seen._repr_html_())
        assert html.unescape(page).lstrip().startswith("<!doctype html>")


def test_inspect_several(checkpoint: Path) -> None:
    seen = charrnn.inspect([checkpoint, checkpoint], "compare")
    assert isinstance(seen, Seen)
    assert len(seen.data["parameters"]) == 2


def test_options_of_a_view(checkpoint: Path, tmp_path: Path) -> None:
    """One temperature is as good as a list of one, and a path as good as its name."""
    one, several = (charrnn.inspect(checkpoint, "next", "the", temp=t) for t in (0.7, [0.7]))
    assert repr(one) == repr(several)
    path = tmp_path / "text.txt"
    path.write_text("the cat\n" * 9, encoding="utf-8")
    by_path, by_name = (charrnn.inspect(checkpoint, "gates", on=on) for on in (path, str(path)))
    assert repr(by_path) == repr(by_name)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c, _: charrnn.train(c, hiden_size=3, steps=1), "did you mean hidden_size?"),
        (lambda c, _: charrnn.train(c, minutes=1, steps=3), "give one of them"),
        (lambda c, _: charrnn.train(c, minutes=0), "minutes must be above 0"),
        (
            lambda c, m: charrnn.train(c, start=charrnn.load(m), cell="gru"),
            "cell: a model to start",
        ),
        (lambda c, _: charrnn.train(charrnn.load_corpus(c), records=True), "records: a corpus"),
        (lambda _, m: charrnn.score(charrnn.Mixture.of([charrnn.load(m)] * 2), "a"), "one model"),
        (lambda _, m: charrnn.inspect(m, "gate"), "gate: no such view"),
        (lambda _, m: charrnn.inspect(m, "text"), "text needs a value"),
        (lambda _, m: charrnn.inspect(m, "gates", "x"), "gates takes no value"),
        (lambda _, m: charrnn.inspect(m, "gates", at=3), "gates takes on, unknown, not at"),
        (lambda *_: charrnn.inspect([], "gates"), "no checkpoint to look into"),
        (lambda _, m: charrnn.score(charrnn.load(m), "cat", unknown="drop"), "not 'drop'"),
        (lambda _, m: charrnn.generate(charrnn.load(m), unknown="drop"), "not 'drop'"),
    ],
)
def test_bad_calls(corpus: Path, checkpoint: Path, call: Any, said: str) -> None:
    with pytest.raises(CharrnnError, match=re.escape(said)):
        call(corpus, checkpoint)


api: Any = charrnn  # as it is to those without mypy
LAST = (1 << 64) - 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda c, _: api.train(c, minutes="1"), "minutes must be above 0 and at most 1e+06, not '1'"),
        (lambda c, _: api.train(c, minutes=float("nan")), "minutes must be above 0"),
        (lambda c, m: api.train(c, start=m), "start must be a CharacterModel, not "),
        (lambda c, _: api.train(c, steps=1, tell=3), "tell must be a Callable, not 3"),
        (lambda c, _: api.train(c, steps=1, on_report=3), "on_report must be a Callable, not 3"),
        (lambda c, _: api.train(c, steps="1"), "steps must be a whole number"),
        (lambda *_: api.train(7), "corpus must be a Corpus, an Examples, text, a PathLike or a list, not 7"),
        (lambda *_: api.load(None), "path must be text or a PathLike, not None"),
        (lambda *_: api.load_corpus([3]), "paths must be text or a PathLike, not 3"),
        (lambda *_: api.Corpus.from_text(b"abc" * 9), "text must be text, not b'abc"),
        (lambda c, _: api.Training(c), "corpus must be a Corpus or an Examples, not "),
        (lambda _, m: api.generate(m), "model must be a CharacterModel, a Mixture or a Versions, not "),
        (lambda _, m: api.generate(api.load(m), prime=None), "prime must be text, not None"),
        (lambda _, m: api.generate(api.load(m), rng=-1), f"rng must be a whole number from 0 to {LAST}, not -1"),
        (lambda _, m: api.generate(api.load(m), rng="1"), "rng must be a Generator or a whole number, not '1'"),
        (lambda _, m: api.generate(api.load(m), length="9"), "length must be a whole number"),
        (lambda _, m: api.generate(api.load(m), stop=None), "stop must be a list, not None"),
        (lambda _, m: api.generate(api.load(m), stop=[1]), "stop must be text, not 1"),
        (lambda _, m: api.generate_records(api.load(m), rng=-1), "rng must be a whole number"),
        (lambda _, m: api.score(api.load(m), None), "text must be text, not None"),
        (lambda _, m: api.score_all(api.load(m), ["a", 1]), "texts must be text, not 1"),
        (lambda _, m: api.Mixture.of([api.load(m)] * 2, [1, "1"]), "weights must be a number, not '1'"),
        (lambda _, m: api.Mixture.of([m]), "models must be a CharacterModel, not "),
        (lambda _, m: api.inspect(m, 3), "view must be text, not 3"),
        (lambda _, m: api.inspect(m, "next", "a", temp="0.7"), "temp must be a number, not '0.7'"),
        (lambda _, m: api.inspect(m, "next", "a", temp=[1, None]), "temp must be a number, not None"),
        (lambda _, m: api.inspect(m, "text", "a", at="2"), "at must be a whole number, not '2'"),
        (lambda _, m: api.inspect(m, "gates", on=3), "on must be text, not 3"),
        (lambda _, m: api.inspect(m, "ngrams", counts=[]), "counts must be text, not []"),
        (lambda _, m: api.inspect(m, "text", "a", unknown=0), "unknown must be text, not 0"),
        (lambda *_: api.save_checkpoint(None, "a.npz"), "checkpoint must be a Checkpoint, not None"),
        (lambda *_: api.summarize({}), "checkpoint must be a Checkpoint, not {}"),
    ],
)  # fmt: skip
def test_arguments_of_another_kind(corpus: Path, checkpoint: Path, call: Any, said: str) -> None:
    """Each is refused where it is given, by its name."""
    with pytest.raises(CharrnnError, match=re.escape(said)):
        call(corpus, checkpoint)


def test_arguments_that_numpy_makes(checkpoint: Path) -> None:
    """Its numbers are numbers."""
    model = api.load(checkpoint)
    mixture = api.Mixture.of([model, model], np.array([1, 3], np.float32))
    assert mixture.weights == (0.25, 0.75)
    texts = [
        "".join(api.generate(mixture, length=np.int64(5), temperature=np.float32(1), rng=rng))
        for rng in (np.uint8(3), 3, np.random.default_rng(3))
    ]
    assert len(set(texts)) == 1


def test_reprs_are_short(corpus: Path, checkpoint: Path) -> None:
    """What a prompt shows is a line, not an array."""
    training = charrnn.train(corpus, hidden_size=4, steps=2)
    saved = charrnn.load_checkpoint(checkpoint)
    for thing in (training, training.corpus, saved, saved.model, saved.model.vocabulary):
        assert re.fullmatch(rf"<{type(thing).__name__}: .{{5,250}}>", repr(thing))
