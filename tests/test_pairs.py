"""Texts made of other texts, from the table to the answer: lines, figures, runs, commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Once, Run
from hypothesis import given
from hypothesis import strategies as st

import charrnn
from charrnn.errors import InputError
from charrnn.text.batches import Batches
from charrnn.text.embedded import dates
from charrnn.text.examples import Examples, load_examples
from charrnn.training.figures import Counting, edit_distance, in_words
from charrnn.training.monotony import monotony
from charrnn.training.trainer import Training

WORDS = [f"{a}{b}{c}" for a in "abcd" for b in "xyz" for c in "mnop"]
TURNED = "".join(f"{word}\t{word[::-1]}\n" for word in WORDS)
"""Each word from its end: at once, for a net that looks back."""
SPELT = "".join(f"{word}\t{' '.join(word.upper())}\n" for word in WORDS)
"""Targets of tokens."""
SMALL = ("--task", "seq2seq", "--hidden-size", 16, "--num-layers", 1, "--batch-size", 8)
QUICK = (*SMALL, "--learning-rate", 0.02, "--dropout", 0, "--steps", 150, "-q")


@pytest.fixture
def tables(run: Run) -> Run:
    """A folder with tables to learn from."""
    Path("turned.tsv").write_text(TURNED, encoding="utf-8")
    Path("spelt.tsv").write_text(SPELT, encoding="utf-8")
    return run


@pytest.fixture
def turner(tables: Run, once: Once) -> Path:
    return once(tables, "turner.npz", "turned.tsv", *QUICK)


# ------------------------------------------------------------------------------------------- lines


def _read(lines: list[str], **how: Any) -> Examples:
    return Examples.from_lines(lines, "seq2seq", **how)


def test_targets_as_numbers() -> None:
    """Each with its end, which is the number after all symbols; what is beyond it counts nothing."""
    examples = _read(["ab\tyx", "c\tx", "abc\txxyy"])
    assert (examples.labels.names, examples.labels.between) == (("x", "y"), "")
    chunk = Batches(examples, np.arange(3), 4, 0).chunk(0)
    assert chunk.counted is not None
    found = {
        examples.vocabulary.decode(chunk.inputs[:length, n]): chunk.targets[
            chunk.counted[:, n], n
        ].tolist()
        for n, length in enumerate(chunk.known_lengths)
    }
    assert found == {"ab": [1, 0, 2], "c": [0, 2], "abc": [0, 0, 1, 1, 2]}
    assert chunk.predictions == 10
    assert Batches(examples, np.arange(3), 4, 0).predictions == 10


@pytest.mark.parametrize(
    ("targets", "symbols", "between"),
    [
        (["k a t", "d ɔ g", "tʃ ɜː tʃ"], None, " "),
        (["cats", "dogs", "the church"], None, ""),
        (["the cats sat", "dogs have dined"], None, ""),
        (["k a t", "d ɔ g"], "character", ""),
        (["walked", "went"], "token", " "),
    ],
)
def test_what_targets_are_made_of(targets: list[str], symbols: str | None, between: str) -> None:
    """Tokens with blanks between where there are many blanks, which is told; or what is asked for."""
    examples = _read([f"a\t{target}" for target in targets], target_symbols=symbols)
    assert examples.labels.between == between
    told = any("--target-symbols" in notice for notice in examples.notices)
    assert told == (symbols is None and between == " ")
    names = {symbol for t in targets for symbol in (t.split() if between else t)}
    assert {*examples.labels.names} == names


def test_blanks_between_tokens_are_no_tokens() -> None:
    examples = _read(["a\tk  a t ", "b\tt"])
    assert examples.labels.names == ("a", "k", "t")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("abc", "line 2: has no TAB; a line is a source, a TAB and its target"),
        ("abc\t", "line 2: has no target"),
        ("\tabc", "line 2: has no source"),
        ("abc\tx\u001bb", "line 2: the target has"),
        ("a\tb\tc", "line 2: has 3 columns"),
    ],
)
def test_lines_that_are_no_pairs(line: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        _read(["a\tb", line])


def test_both_sides_are_composed() -> None:
    (names, characters) = (
        (e.labels.names, e.vocabulary.characters) for e in [_read(["e\u0301\tu\u0308", "b\tc"])]
    ).__next__()
    assert (names, characters) == (("c", "ü"), "bé")


def test_dates() -> None:
    """Each target is the day that its source says, the same ones each time, and each way of writing occurs."""
    lines = dates().splitlines()
    assert lines == dates().splitlines()
    assert len({line.split("\t")[0] for line in lines}) > 0.95 * len(lines)
    by_source = dict(line.split("\t") for line in lines)
    assert all(len(target) == 10 for target in by_source.values())
    for source, target in by_source.items():
        year, _month, day = target.split("-")
        assert year in source
        assert str(int(day)) in source
    for part in ("the ", ", ", ".", "day, ", "nd ", "rd ", "th "):
        assert any(part in source for source in by_source)
    assert load_examples((), "seq2seq").labels.names == tuple("-0123456789")


# ----------------------------------------------------------------------------------------- figures


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_edit_distance(a: str, b: str, c: str) -> None:
    """A distance: of equals 0, the same both ways, no way round is shorter; by definition, one step at a time."""

    def slow(x: str, y: str) -> int:
        if not x or not y:
            return len(x) + len(y)
        change = slow(x[1:], y[1:]) + (x[0] != y[0])
        return min(change, slow(x[1:], y) + 1, slow(x, y[1:]) + 1)

    assert edit_distance(a, b) == slow(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_the_nearest_of_several_right_ones_counts() -> None:
    """And parts that are counted apart and then added are as the whole."""
    counting, sum_of_all = Counting(), Counting()
    for right, found in ((["abc", "xy"], "xyz"), (["abc"], "abc"), (["ab"], "")):
        part = Counting()
        for each in (counting, part):
            each.rewritten(right, found)
        sum_of_all.add(part)
    figures = counting.result()
    assert sum_of_all.result() == figures
    assert (figures.texts, figures.texts_right) == (3, 1)
    assert (figures.edits, figures.symbols) == (1 + 0 + 2, 2 + 3 + 2)
    assert (figures.accuracy, figures.f1) == (1 / 3, None)
    assert figures.edits_per_symbol == 3 / 7
    assert in_words(figures) == "0.3333 right, 0.4286 edits for each symbol"


# -------------------------------------------------------------------------------------------- runs


@pytest.mark.parametrize("task", ["classify", "tag", "conditional", "seq2seq"])
def test_every_moment_of_a_task_can_be_saved(task: str, tmp_path: Path) -> None:
    """Also between evaluations, and where targets are longer than what they are made of."""
    labels = {"tag": ("abc",), "seq2seq": ("word" * 6, "words")}.get(task, ("a", "b"))
    pairs = [("abc", labels[n % len(labels)]) for n in range(60)]
    lines = ["\t".join(reversed(pair) if task == "conditional" else pair) for pair in pairs]
    examples = Examples.from_lines(lines, task)
    model = charrnn.ModelConfig(task=task, hidden_size=4, num_layers=1, cell="gru")
    config = charrnn.TrainingConfig(steps=7, batch_size=8, eval_every=5, threads=1)
    training, path = Training(examples, model, config), tmp_path / "run.npz"
    for _ in training:
        charrnn.save_checkpoint(training.checkpoint(), path)
        loaded = charrnn.load_checkpoint(path, with_progress=True)
        assert Training.resume(examples, loaded).step == training.step


def test_it_learns_to_turn_words_round(tables: Run, turner: Path) -> None:
    """Also those that it has not seen; most of all by what it looks at, the last character first."""
    outcome = tables("evaluate", turner, "turned.tsv", "--json")
    told = json.loads(outcome.out)
    assert told["answers"] == 48
    assert told["accuracy"] > 0.9
    assert told["edits"] <= 6
    figures = charrnn.load_checkpoint(turner).figures
    assert figures is not None
    assert figures.texts == 5
    seen = json.loads(tables("inspect", turner, "--attention", "bzo", "--json").out)
    assert seen["target"] == "ozb"
    assert len(seen["weights"]) == len(seen["symbols"]) + 1 == 4
    np.testing.assert_allclose(np.sum(seen["weights"], axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("attention", ["general", "monotonic", "none"])
def test_resumed_equals_uninterrupted(tables: Run, attention: str) -> None:
    """Bit for bit, without the file, the task or the symbols being named again."""
    steady = ("--schedule", "constant", "--warmup", 5, "--eval-every", 10)
    settings = (*SMALL, "--attention", attention, "--label-smoothing", 0.1, *steady, "-q")
    assert tables("train", "spelt.tsv", *settings, "--steps", 40, "-o", "whole.npz").code == 0
    assert tables("train", "spelt.tsv", *settings, "--steps", 20, "-o", "half.npz").code == 0
    before = charrnn.load("half.npz")
    assert tables("train", "--resume", "half.npz", "--steps", 40, "-q").code == 0
    assert charrnn.load("half.npz") == charrnn.load("whole.npz") != before
    assert charrnn.load("half.npz").config.attention == attention


def test_the_printed_command_repeats_the_run(tables: Run) -> None:
    once = ("--eval-every", 100_000)  # else a run that is late may leave evaluations out
    outcome = tables(
        "train", "spelt.tsv", "--task", "seq2seq", "--minutes", "2s", *once, "-o", "a.npz"
    )
    assert outcome.code == 0, outcome.err
    assert "tokens with blanks between" in outcome.err
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("repeat:")]
    words = line.removeprefix("repeat: charrnn ").split()
    assert "--target-symbols token" in line
    assert "--attention monotonic" in line
    assert tables(*words, "-q", "-o", "b.npz").code == 0
    assert charrnn.load("a.npz") == charrnn.load("b.npz")


def test_targets_that_are_never_written_are_told(tables: Run) -> None:
    Path("long.tsv").write_text("a\tbcd\n" * 9 + f"b\t{'c' * 24}\n", encoding="utf-8")
    outcome = tables("train", "long.tsv", *QUICK[:-1], "-o", "l.npz")
    assert "1 target of more than 3 symbols for each character of the source, and 20" in outcome.err


def test_a_source_has_all_of_its_targets(tables: Run) -> None:
    """While a run is judged, too: what equals one of them is right, as in ``evaluate``."""
    examples = _read(["ab\tx", "c\ty", "ab\tyy", "d\tx"])
    found = Batches(examples, np.arange(4), 4, 0).sources(9)
    told = [(examples.vocabulary.decode(s), [t.tolist() for t in ts]) for s, ts in found]
    assert told == [("ab", [[0], [1, 1]]), ("c", [[1]]), ("d", [[0]])]
    assert len(Batches(examples, np.arange(4), 4, 0).sources(2)) == 2
    Path("two.tsv").write_text("a\tx\na\ty\nb\tx\nb\ty\n" * 4, encoding="utf-8")
    how = ("--val-file", "two.tsv", "--steps", 60, "-q", "-o", "two.npz")
    assert tables("train", "two.tsv", *SMALL, "--learning-rate", 0.02, *how).code == 0
    checkpoint = charrnn.load_checkpoint("two.npz")
    assert checkpoint.figures is not None
    assert (checkpoint.figures.texts, checkpoint.figures.texts_right) == (2, 2)


def test_a_table_that_has_changed(tables: Run, turner: Path) -> None:
    Path("turned.tsv").write_text(TURNED + "ab\tQ\n", encoding="utf-8")
    refused = tables("train", "--resume", turner, "--steps", 200)
    assert refused.code == 2
    said = "turned.tsv: symbols of targets that the model does not have: Q; so it is not the text that turner.npz"
    assert said in refused.err


def test_a_long_target_stands_alone() -> None:
    """A pair takes as much room as the longer of its two texts."""
    long = f"a\t{'x' * (1 << 14)}"
    examples = _read(["ab\txy"] * 63 + [long])
    batches = Batches(examples, np.arange(64), 64, 0)
    shapes = sorted(batches.chunk(n).targets.shape for n in range(len(batches)))
    assert shapes == [(3, 63), ((1 << 14) + 1, 1)]


def test_different_sources_stay_different(tables: Run, turner: Path) -> None:
    """Also where they look the same to the model."""
    Path("odd.tsv").write_text("ééaxm\tmxa\nüüaxm\tqqq\n", encoding="utf-8")
    told = json.loads(tables("evaluate", turner, "odd.tsv", "--unknown", "skip", "--json").out)
    assert (told["answers"], told["accuracy"]) == (2, 0.5)


@pytest.mark.parametrize(("table", "chosen"), [(SPELT, "monotonic"), (TURNED, "general")])
def test_how_it_looks_is_chosen_by_the_table(tables: Run, table: str, chosen: str) -> None:
    """From left to right, if targets follow their sources so, and if these are short; the long ones are refused that."""
    Path("t.tsv").write_text(table, encoding="utf-8")
    command = ("train", "t.tsv", "--task", "seq2seq", "--minutes", "1s", "-o", "t.npz")
    outcome = tables(*command)
    assert f"attention {chosen}, " in outcome.err
    assert charrnn.load("t.npz").config.attention == chosen
    with Path("t.tsv").open("a", encoding="utf-8") as file:
        file.write("a" * 201 + "\tA\n")
    outcome = tables("train", "t.tsv", *QUICK, "--attention", "monotonic")
    assert "for sources of at most 200 characters, and one has 201" in outcome.err
    assert tables(*command[:-1], "u.npz", "-q").code == 0
    assert charrnn.load("u.npz").config.attention == "general"


def test_monotony() -> None:
    """About 1 of a text for itself, -1 of one turned round, about nothing where chance has it."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.permutation([*"abcdefgh"])[:6]) for _ in range(200)]
    shuffled = [f"{word}\t{''.join(rng.permutation([*word]))}" for word in words]
    assert monotony(_read([f"{word}\t{word.upper()}" for word in words])) > 0.98
    assert monotony(_read([f"{word}\t{word[::-1]}" for word in words])) < -0.98
    assert abs(monotony(_read(shuffled))) < 0.15
    assert monotony(_read(["a\tb", "c\td"])) == 0
    assert monotony(_read(["aa\tbb", "aa\tbb"])) == 0


def test_going_on_from_a_model(tables: Run, turner: Path) -> None:
    """Of its like, with further characters; not of another kind, nor another kind of it."""
    more = TURNED + "qxm\tmxq\n" * 5
    Path("more.tsv").write_text(more.replace("mxq", "mxa"), encoding="utf-8")
    options = ("--init-from", turner, "--steps", 5, "-q")
    outcome = tables("train", "more.tsv", *options, "-o", "b.npz")
    assert (outcome.code, "--extend-vocab" in outcome.err) == (2, True)
    assert tables("train", "more.tsv", *options, "--extend-vocab", "-o", "b.npz").code == 0
    assert "q" in charrnn.load("b.npz").vocabulary
    Path("other.tsv").write_text("abx\tQ\nabx\ta\n" * 9, encoding="utf-8")
    outcome = tables("train", "other.tsv", *options)
    assert "symbols of targets that the model does not have: Q" in outcome.err
    outcome = tables("train", "first.tsv", *options, "--task", "classify")
    assert (outcome.code, "cannot start from" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bytes",), "--bytes is not for seq2seq"),
        (("--cell", "feedforward"), "seq2seq needs a cell with a state"),
        (("--keep-best", "f1"), "keep-best f1 is for labels and tags"),
        (("--class-weights", "balanced"), "class-weights are for labels and tags"),
        (("--target-symbols", "word"), "--target-symbols must be character or token"),
        (("--attention", "all"), "attention must be one of general, monotonic, none"),
        (("--seq-length", 9), "--seq-length is not for seq2seq"),
    ],
)
def test_settings_that_do_not_fit(tables: Run, options: tuple[object, ...], said: str) -> None:
    outcome = tables("train", "turned.tsv", *QUICK, *options)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert said in outcome.err
    for task in ("lm", "classify"):
        outcome = tables("train", "turned.tsv", "--task", task, "--target-symbols", "token")
        assert "--target-symbols is for seq2seq" in outcome.err


# ---------------------------------------------------------------------------------------- commands


def test_predict(tables: Run, turner: Path) -> None:
    """A line for each line, in order, of nothing nothing; the best with their bits; objects with the alignment."""
    Path("words.txt").write_text("axm\n\nbzo\n", encoding="utf-8")
    plain = tables("predict", turner, "words.txt")
    assert (plain.code, plain.out) == (0, "mxa\n\nozb\n")
    assert tables("predict", turner, "words.txt", "--beam", 1).out == plain.out
    best = tables("predict", turner, "words.txt", "--top", 3).out.splitlines()
    cells = best[0].split("\t")
    assert cells[1] == "mxa"
    figures = [float(cell) for cell in cells[::2]]
    assert len(cells) == 6
    assert figures == sorted(figures)
    assert best[1] == ""
    objects = [
        json.loads(line)
        for line in tables("predict", turner, "words.txt", "--json").out.splitlines()
    ]
    assert objects[0]["output"] == "mxa"
    assert np.shape(objects[0]["alignment"]) == (4, 3)
    assert objects[1] == {"text": "", "output": None, "bits": None}
    assert (objects[2]["output"], np.shape(objects[2]["alignment"])) == ("ozb", (4, 3))
    asked = '{"text": "axm", "id": 7}\n{"txt": 1}\n'
    Path("asked.jsonl").write_text(asked, encoding="utf-8")
    outcome = tables("predict", turner, "asked.jsonl", "--jsonl", "--top", 2)
    first, second = map(json.loads, outcome.out.splitlines())
    assert (outcome.code, first["id"], first["output"], len(first["top"])) == (1, 7, "mxa", 2)
    assert second["line"] == 2
    twice = tables("predict", turner, turner, "words.txt", "--json").out.splitlines()
    assert json.loads(twice[0])["output"] == "mxa"
    assert "alignment" not in json.loads(twice[0])


def test_evaluate(tables: Run, turner: Path) -> None:
    """Any of a source's targets is right; --top tells whether one is among the best."""
    Path("test.tsv").write_text("axm\tmxa\naxm\tqqq\nbzo\tozz\n", encoding="utf-8")
    told = json.loads(tables("evaluate", turner, "test.tsv", "--json", "--top", 2).out)
    assert told["among"] == {"best": 2, "right": 1}
    told = json.loads(tables("evaluate", turner, "test.tsv", "--json", "--top", 40).out)
    assert (told["answers"], told["accuracy"], told["edits"], told["symbols"]) == (2, 0.5, 1, 6)
    assert told["among"]["best"] == 40
    assert told["among"]["right"] >= 1
    words = tables("evaluate", turner, "test.tsv").out
    assert "0.5000 (50 % wrong)" in words
    assert "1 of 6 symbols" in words


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("predict", "--spans"), "--spans is for tags; this model makes other texts"),
        (
            ("predict", "--threshold", "0.5"),
            "--threshold is for labels; this model makes other texts",
        ),
        (("predict", "--vectors"), "--vectors is for labels or tags"),
        (("predict", "--beam", "0"), "--beam is a number from 1 to 1000"),
        (
            ("predict", "--top", "6", "--beam", "5"),
            "--top 6 is more than are followed up; --beam 6",
        ),
        (("predict", "--top", "100000"), "--top is a number up to 1000, not 100,000"),
        (("predict", "--top", "0"), "--top must be at least 1, not 0"),
        (("predict", "--length-penalty", "-1"), "--length-penalty is a number from 0 to 10"),
        (("evaluate", "--top", "0"), "--top must be at least 1, not 0"),
        (("evaluate", "--top", "6", "--beam", "5"), "--top 6 is more than are followed up"),
        (
            ("evaluate", "--confusions", "10"),
            "--confusions is for labels or tags; this model makes",
        ),
        (("evaluate", "--confusions", "-1"), "--confusions must be at least 0, not -1"),
        (("sample",), "name one with --source"),
        (("score",), "try charrnn evaluate turner.npz"),
        (("inspect", "--gates"), "--gates is not for a model of the task seq2seq"),
        (("inspect", "--attention", "\n"), "the text given: is empty"),
        (
            ("inspect", "--attention", "axm\nbzo"),
            "the text given: has several lines; --attention shows",
        ),
    ],
)
def test_asked_wrongly(tables: Run, turner: Path, command: tuple[str, ...], said: str) -> None:
    verb, *options = command
    file = ("turned.tsv",) if verb in ("predict", "evaluate") else ()
    outcome = tables(verb, turner, *file, *options)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1), outcome.err
    assert said in outcome.err


def test_looking_inside(tables: Run, turner: Path) -> None:
    card = tables("inspect", turner).out
    for words in (
        "attention general",
        "symbols",
        "charrnn predict turner.npz",
        "edits for each symbol",
    ):
        assert words in card
    assert "right" in tables("inspect", turner, "--answers").out
    seen = tables("inspect", turner, "--attention", "axm").out
    for words in ("What each symbol looked at", "How sharp that is", "(end)", "looked at"):
        assert words in seen
    for view in ("--details", "--weights"):
        assert tables("inspect", turner, view).code == 0
    assert tables("inspect", turner, "--html", "page.html").code == 0
    assert tables("train", "turned.tsv", *QUICK, "--attention", "none", "-o", "none.npz").code == 0
    assert "has no attention" in tables("inspect", "none.npz", "--attention", "axm").out
    assert "% right" in tables("list", ".").out


def test_from_python(tables: Run, turner: Path) -> None:
    model = charrnn.load(turner)
    ((best, second),) = charrnn.rewrite(model, ["axm"], top=2)
    assert best.text == "mxa"
    assert 0 <= best.bits < second.bits
    assert charrnn.rewrite([model, model], [""]) == [[]]
    with pytest.raises(InputError, match="a list of texts"):
        charrnn.rewrite(model, "axm")
    with pytest.raises(InputError, match="a model for seq2seq finds no labels"):
        charrnn.predict(model, ["axm"])
    with pytest.raises(InputError, match="beam must be"):
        charrnn.rewrite(model, ["axm"], beam=0)
    examples = Examples.from_lines(TURNED.splitlines(), "seq2seq")
    training = charrnn.train(examples, steps=3, hidden_size=4)
    assert training.model().config.task == "seq2seq"
    assert tables("predict", turner, "turned.tsv", "--unknown", "skip").code == 0
