"""Labels, tags and texts for labels on the command line: ``train --task``, ``predict``, ``evaluate``, ``sample --label``."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Once, Run
from talking import CHARRNN

import charrnn

SMALL = ("--hidden-size", 8, "--num-layers", 1, "--batch-size", 8, "--learning-rate", 0.02)
QUICK = (*SMALL, "--steps", 60, "-q")
WORDS = [f"{a}{b}{c}" for a in "abcd" for b in "xyz" for c in "mnop"]
FIRST = "".join(f"{word}\t{word[0].upper()}\n" for word in WORDS)
"""Words labelled by their first letter."""
VOWELS = "".join(f"{w}\t{''.join('v' if c in 'ax' else '-' for c in w)}\n" for w in WORDS)
"""Tags of single characters."""
NAMED = "".join(f"{w}\t{' '.join('B-V' if c in 'ax' else 'O' for c in w)}\n" for w in WORDS)
"""Tags with names."""


@pytest.fixture
def tables(run: Run) -> Run:
    """A folder with tables to learn from."""
    for name, text in (("first", FIRST), ("vowels", VOWELS), ("named", NAMED)):
        Path(f"{name}.tsv").write_text(text, encoding="utf-8")
    return run


@pytest.fixture
def classifier(tables: Run, once: Once) -> Path:
    return once(tables, "first.npz", "first.tsv", "--task", "classify", *QUICK)


@pytest.fixture
def tagger(tables: Run, once: Once) -> Path:
    return once(tables, "vowels.npz", "vowels.tsv", "--task", "tag", *QUICK)


@pytest.fixture
def writer(tables: Run, once: Once) -> Path:
    options = ("--task", "conditional", "--columns", "2,1", *QUICK, "--steps", 300)
    return once(tables, "writer.npz", "first.tsv", *options)


# ------------------------------------------------------------------------------------------ learning


def test_a_run_tells_of_its_answers(tables: Run) -> None:
    """Examples, labels, accuracy and F1 stand in what a run says, and what to do with the model."""
    outcome = tables("train", "first.tsv", "--task", "classify", *QUICK[:-1], "-o", "a.npz")
    assert outcome.code == 0
    assert outcome.out == "a.npz\n"
    for words in (
        "examples: 48, of 4 labels",
        "1 × 8 units in both directions",
        "bits/text  accuracy ",
        "macro-F1",
        "answer: charrnn predict a.npz FILE",
    ):
        assert words in outcome.err


@pytest.mark.parametrize("task", ["classify", "tag", "conditional"])
def test_resumed_equals_uninterrupted(tables: Run, task: str) -> None:
    """Bit for bit, without the files, the task or the columns being named again."""
    table = "vowels.tsv" if task == "tag" else "first.tsv"
    columns = ("--columns", "2,1") if task == "conditional" else ()
    steady = ("--schedule", "constant", "--warmup", 5, "--eval-every", 10)
    common = (table, "--task", task, *columns, *SMALL, *steady, "-q")
    assert tables("train", *common, "--steps", 40, "-o", "whole.npz").code == 0
    assert tables("train", *common, "--steps", 20, "-o", "half.npz").code == 0
    before = charrnn.load("half.npz")
    assert tables("train", "--resume", "half.npz", "--steps", 40, "-q").code == 0
    assert charrnn.load("half.npz") == charrnn.load("whole.npz") != before


def test_ngrams_are_on_the_card(tables: Run) -> None:
    """And a run that was asked for steps tells of no epochs."""
    options = ("--task", "classify", *SMALL, "--ngrams", 2, "--steps", 3, "-q", "-o", "a.npz")
    assert tables("train", "first.tsv", *options).code == 0
    assert "n-grams of up to 2" in " ".join(tables("inspect", "a.npz").out.split())
    details = tables("inspect", "a.npz", "--details").out
    assert re.search(r"\bsteps\W+3\b", details) and not re.search(r"\bepochs +│", details)


def test_the_printed_command_repeats_the_run(tables: Run) -> None:
    """With a budget everything that it chose stands in the last line, and makes the same model."""
    once = ("--eval-every", 100_000)  # else a run that is late may leave evaluations out
    outcome = tables(
        "train", "first.tsv", "--task", "classify", "--minutes", "2s", *once, "-o", "a.npz"
    )
    assert outcome.code == 0, outcome.err
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("repeat:")]
    words = line.removeprefix("repeat: charrnn ").split()
    assert {"--task", "classify", "--cell", "gru"} <= {*words}
    assert "--seq-length" not in words
    assert tables(*words, "-q", "-o", "b.npz").code == 0
    assert charrnn.load("a.npz") == charrnn.load("b.npz")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--seq-length", 9, "--task", "classify"),
            "--seq-length is not for classify: its texts are read whole",
        ),
        (("--records", "--task", "classify"), "--records is for a language model"),
        (("--bytes", "--task", "tag"), "--bytes is not for tags"),
        (("--normalize", "nfc", "--task", "tag"), "nothing is composed"),
        (("--bidirectional",), "bidirectional is not for lm, which predicts what comes next"),
        (("--bidirectional", "--task", "conditional"), "bidirectional is not for conditional"),
        (("--bidirectional", "--no-bidirectional", "--task", "tag"), "are contraries"),
        (("--bidirectional", "--cell", "feedforward", "--task", "tag"), "feedforward has none"),
        (("--cell", "feedforward", "--task", "conditional"), "needs a cell with a state"),
        (("--keep-best", "f1"), "keep-best f1 is for labels and tags"),
        (("--class-weights", "balanced"), "class-weights are for labels and tags"),
        (("--columns", "2,1"), "--columns are of a table of examples"),
        (("--columns", "2", "--task", "classify"), "--columns is two numbers"),
        (("--columns", "0,1", "--task", "classify"), "--columns is two numbers"),
        (("--columns", "1,1", "--task", "classify"), "two different numbers"),
        (("--columns", "1,3", "--task", "classify"), "first.tsv, line 1: has 2 columns, and not 3"),
        (("--task", "tag"), "first.tsv, line 1: 1 tag"),
        (("--task", "sing"), "task must be one of lm, classify, tag, conditional"),
    ],
)
def test_what_cannot_be_learnt(tables: Run, options: tuple[Any, ...], said: str) -> None:
    """One line says what is wrong, and nothing is made."""
    outcome = tables("train", "first.tsv", *options, "--steps", 5)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(Path().glob("checkpoints/*"))


def test_no_bidirectional(tables: Run) -> None:
    """It has no arrays that read from the end."""
    options = ("--task", "classify", "--no-bidirectional", *QUICK)
    assert tables("train", "first.tsv", *options, "-o", "a.npz").code == 0
    names = list(charrnn.load("a.npz").parameters)
    assert not [name for name in names if "reverse" in name]


@pytest.mark.parametrize("task", ["classify", "tag", "conditional"])
def test_a_language_model_starts_another_task(tables: Run, task: str) -> None:
    """What it knows of characters and of how they follow each other is where the new model begins."""
    small = ("--hidden-size", 8, "--num-layers", 1, "--steps", 20, "-q")
    assert tables("train", "corpus.txt", *small, "-o", "lm.npz").code == 0
    table = "vowels.tsv" if task == "tag" else "first.tsv"
    columns = ("--columns", "2,1") if task == "conditional" else ()
    options = (
        "--task",
        task,
        *columns,
        "--init-from",
        "lm.npz",
        "--steps",
        1,
        "--learning-rate",
        1e-9,
    )
    outcome = tables("train", table, *options, "-q", "-o", "a.npz")
    assert outcome.code == 0, outcome.err
    before, after = charrnn.load("lm.npz"), charrnn.load("a.npz")
    assert after.config.task == task
    W = before.parameters["layer0/W"]
    assert abs(after.parameters["layer0/W"] - W).max() < 1e-6
    U = before.parameters["layer0/U"]
    assert abs(after.parameters["layer0/U"][:, : U.shape[1]] - U).max() < 1e-6
    back = tables("train", "corpus.txt", "--task", "lm", "--init-from", "a.npz", "--steps", 1)
    assert back.code == (0 if task == "lm" else 2)


# ------------------------------------------------------------------------------------------ answering


def test_a_label_for_each_line(classifier: Path, piped: Any) -> None:
    """In order, one line each, also for an empty one and one with unknown characters."""
    outcome = piped("axm\ndzp\n\nбxm\ncyn\n", "predict", classifier)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 5
    assert (lines[0], lines[1], lines[4]) == ("A", "D", "C")
    assert (
        "standard input: 1 line with characters that the model does not know (replace)"
        in outcome.err
    )


def test_forms_of_answers(classifier: Path, piped: Any) -> None:
    """Pairs, objects, thresholds and vectors tell the same."""
    (line,) = piped("axm\n", "predict", classifier, "--top", 3).out.splitlines()
    cells = line.split("\t")
    shares = list(map(float, cells[::2]))
    assert cells[1] == "A"
    assert shares == sorted(shares, reverse=True)
    assert len({*cells[1::2]}) == 3
    told = json.loads(piped("axm\n", "predict", classifier, "--json", "--top", 3).out)
    assert (told["text"], told["label"], len(told["top"])) == ("axm", "A", 3)
    assert told["probability"] == pytest.approx(shares[0], abs=1e-4)
    assert piped("axm\n", "predict", classifier, "--threshold", 1).out == "\n"
    assert (
        json.loads(piped("axm\n", "predict", classifier, "--threshold", 1, "--json").out)["label"]
        is None
    )
    vector = piped("axm\n", "predict", classifier, "--vectors").out.split("\t")
    assert len(list(map(float, vector))) == 16


def test_objects_in_and_out(classifier: Path, piped: Any) -> None:
    """Other keys come back; what is wrong with a line is its answer."""
    lines = '{"text": "axm", "id": 7}\n{"id": 8}\nnonsense\n\n{"text": "dzp"}\n'
    outcome = piped(lines, "predict", classifier, "--jsonl")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert [one.get("label") for one in found] == ["A", None, None, "D"]
    assert found[0]["id"] == 7
    assert (found[1]["id"], found[1]["line"]) == (8, 2)
    assert 'a string "text"' in found[1]["error"]
    assert "not JSON" in found[2]["error"]
    assert outcome.code == 1
    told = json.loads(piped("[]\n", "predict", classifier, "--jsonl").out)
    assert 'a string "text"' in told["error"]


def test_answers_come_line_by_line(classifier: Path) -> None:
    """Who writes a line gets its answer before writing the next."""
    command = [*CHARRNN, "predict", str(classifier)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for word, label in (("axm", b"A\n"), ("dzp", b"D\n")):
            process.stdin.write(f"{word}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline() == label
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"axm\ndzp\n\xe9\naxm\n", "line 3: not UTF-8"),
        ("axm\ndzp\nбxm\n".encode(), "line 3: not in the model's vocabulary"),
    ],
)
def test_what_came_before_a_bad_line_is_answered(
    classifier: Path, piped: Any, text: bytes, said: str
) -> None:
    outcome = piped(text, "predict", classifier, "--unknown", "error")
    assert (outcome.code, outcome.out) == (2, "A\nD\n")
    assert said in outcome.err


def test_a_long_line(classifier: Path, tagger: Path, piped: Any) -> None:
    """It is read in chunks, and has as many tags as characters."""
    text = "axmbzp" * 5000
    assert piped(f"{text}\n", "predict", classifier).out.strip() in {*"ABCD"}
    tags = piped(f"{text}\n", "predict", tagger).out.strip()
    assert tags.startswith("vv")
    assert (len(tags), {*tags}) == (30_000, {"v", "-"})


def test_what_may_be_a_mistake_is_told(tables: Run) -> None:
    """Columns that were mixed up, and labels that differ in blanks."""
    outcome = tables("train", "first.tsv", "--task", "conditional", *QUICK[:-1], "-o", "a.npz")
    assert "notice: 48 labels in " in outcome.err
    assert "--columns 2,1" in outcome.err
    Path("blanks.tsv").write_text(FIRST + "axm\tA \n", encoding="utf-8")
    outcome = tables("train", "blanks.tsv", "--task", "classify", *QUICK[:-1], "-o", "b.npz")
    assert "notice: the labels 'A' and 'A ' differ in blanks alone" in outcome.err


def test_several_models_answer_together(tables: Run, classifier: Path, piped: Any) -> None:
    """The mean of their probabilities; with others' labels it is an error."""
    options = ("--task", "classify", *QUICK, "--seed", 5)
    assert tables("train", "first.tsv", *options, "-o", "second.npz").code == 0

    def top(*models: Any) -> dict[str, float]:
        told = json.loads(piped("axm\n", "predict", *models, "--json", "--top", 4).out)
        return {one["label"]: one["probability"] for one in told["top"]}

    one, other, both = top(classifier), top("second.npz"), top(classifier, "second.npz")
    for label, share in both.items():
        assert share == pytest.approx((one[label] + other[label]) / 2, abs=2e-6)
    Path("two.tsv").write_text(FIRST.replace("\tD", "\tE"), encoding="utf-8")
    assert tables("train", "two.tsv", *options, "-o", "third.npz").code == 0
    outcome = piped("axm\n", "predict", classifier, "third.npz")
    assert (outcome.code, "with the same labels" in outcome.err) == (2, True)


def test_tags(tagger: Path, piped: Any) -> None:
    """As many as characters, as in the training file; spans are runs."""
    outcome = piped("axm\nbzp\n\n", "predict", tagger)
    assert outcome.out == "vv-\n---\n\n"
    assert piped("axm\n", "predict", tagger, "--spans").out == "v\tax\t-\tm\n"
    told = json.loads(piped("axm\n", "predict", tagger, "--spans", "--json").out)
    assert told["spans"][0] == {"start": 0, "stop": 2, "tag": "v", "text": "ax"}
    assert json.loads(piped("axm\n", "predict", tagger, "--json").out)["tags"] == ["v", "v", "-"]
    unknown = piped("aßm\nae\u0301m\n", "predict", tagger).out.splitlines()
    assert list(map(len, unknown)) == [3, 4]


def test_tags_with_names(tables: Run, piped: Any) -> None:
    """They come out with blanks between them; of B-names spans have the names."""
    assert tables("train", "named.tsv", "--task", "tag", *QUICK, "-o", "named.npz").code == 0
    assert piped("bxm\n", "predict", "named.npz").out == "O B-V O\n"
    assert json.loads(piped("axm\n", "predict", "named.npz", "--spans", "--json").out)["spans"] == [
        {"start": 0, "stop": 1, "tag": "V", "text": "a"},
        {"start": 1, "stop": 2, "tag": "V", "text": "x"},
    ]


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("first.npz", ("--spans",), "--spans is for tags"),
        ("vowels.npz", ("--top", 2), "--top is for labels"),
        ("vowels.npz", ("--threshold", 0.5), "--threshold is for labels"),
        ("vowels.npz", ("--unknown", "skip"), "--unknown skip is not for tags"),
        ("first.npz", ("--vectors", "--top", 2), "--vectors are instead of an answer"),
        ("first.npz", ("--top", -1), "--top must be at least 1"),
        ("first.npz", ("--top", 0), "--top must be at least 1, not 0"),
        ("first.npz", ("--beam", 2), "--beam is for a model for seq2seq; this model finds labels"),
        ("vowels.npz", ("--length-penalty", 0), "--length-penalty is for a model for seq2seq"),
        ("first.npz", ("--threshold", 2), "--threshold is a probability"),
        ("first.npz", ("--unknown", "error"), "line 2: not in the model's vocabulary"),
        ("vowels.npz", ("--unknown", "error"), "; add --unknown replace"),
    ],
)
def test_what_cannot_be_answered(
    classifier: Path, tagger: Path, piped: Any, model: str, options: tuple[Any, ...], said: str
) -> None:
    assert classifier != tagger
    outcome = piped("axm\nбxm\n", "predict", model, *options)
    assert outcome.code == 2
    assert said in outcome.err.splitlines()[-1]


def test_the_right_verb(tables: Run, classifier: Path, writer: Path, model: Path) -> None:
    """A model of another task is answered with it; without a name each takes the newest that it can use."""
    for verb, path, right in (
        ("sample", classifier, "predict"),
        ("score", classifier, "evaluate"),
        ("predict", model, "sample"),
        ("evaluate", model, "score"),
        ("predict", writer, "sample"),
    ):
        outcome = tables(verb, path)
        assert outcome.code == 2
        assert outcome.err.endswith(f"try charrnn {right} {path}\n")
    outcome = tables("predict", "first.tsv")
    assert "no model for classify, tag or seq2seq in checkpoints" in outcome.err
    classifier.rename("checkpoints/new.npz")
    assert tables("predict", "first.tsv").code == 0
    assert tables("sample", "-n", 5).err.startswith(f"{model}: seed ")


# ------------------------------------------------------------------------------------------ grading


def test_evaluate(tables: Run, classifier: Path) -> None:
    """Figures, a row for each label, confusions; of a label that nobody knows it says so."""
    Path("test.tsv").write_text("axm\tA\nbxm\tB\ncxm\tA\ndxm\tZ\n", encoding="utf-8")
    outcome = tables("evaluate", classifier, "test.tsv", "--json")
    told = json.loads(outcome.out)
    assert (told["answers"], told["accuracy"]) == (4, 0.5)
    assert "1 answer that the model does not know" in outcome.err
    rows = {row["label"]: row for row in told["labels"]}
    assert rows["A"] == {
        "label": "A",
        "precision": 1,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }
    assert rows["Z"]["f1"] == 0
    assert {"label": "A", "answer": "C", "times": 1} in told["confusions"]
    words = tables("evaluate", classifier, "test.tsv").out
    assert "macro" in words
    assert "Most frequent wrong answers" in words


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--top", 2), "--top is for a model for seq2seq; this model finds "),
        (("--beam", 2), "--beam is for a model for seq2seq; this model finds "),
        (("--length-penalty", 0), "--length-penalty is for a model for seq2seq"),
        (("--top", 0), "--top must be at least 1, not 0"),
        (("--confusions", -1), "--confusions must be at least 0, not -1"),
    ],
)
def test_what_cannot_be_evaluated(
    tables: Run, classifier: Path, options: tuple[Any, ...], said: str
) -> None:
    outcome = tables("evaluate", classifier, "first.tsv", *options)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert said in outcome.err


def test_how_many_confusions(tables: Run, classifier: Path) -> None:
    """Ten, if nothing is said; or as many as are asked for, also none."""
    wrong = "".join(f"{c}xm\t{label}\n" for c in "abcd" for label in "VWXYZ")
    Path("wrong.tsv").write_text(wrong, encoding="utf-8")
    for options, told in (((), 10), (("--confusions", 3), 3), (("--confusions", 0), 0)):
        outcome = tables("evaluate", classifier, "wrong.tsv", "--json", *options)
        assert len(json.loads(outcome.out)["confusions"]) == told


def test_evaluate_tags(tables: Run, tagger: Path) -> None:
    told = json.loads(tables("evaluate", tagger, "vowels.tsv", "--json").out)
    assert told["accuracy"] == told["text_accuracy"] == told["spans"]["f1"] == 1
    assert told["texts"] == 48
    assert "spans" in tables("evaluate", tagger, "vowels.tsv").out


def test_evaluate_reads_the_columns_of_training(tables: Run) -> None:
    """They are kept in the checkpoint, and can be said anew."""
    turned = "".join("\t".join(reversed(line.split("\t"))) + "\n" for line in FIRST.splitlines())
    Path("turned.tsv").write_text(turned, encoding="utf-8")
    options = ("--task", "classify", "--columns", "2,1", *QUICK, "-o", "a.npz")
    assert tables("train", "turned.tsv", *options).code == 0
    assert json.loads(tables("evaluate", "a.npz", "turned.tsv", "--json").out)["accuracy"] > 0.9
    told = tables("evaluate", "a.npz", "first.tsv", "--columns", "1,2", "--json").out
    assert json.loads(told)["accuracy"] > 0.9
    assert json.loads(tables("evaluate", "a.npz", "first.tsv", "--json").out)["accuracy"] == 0


def test_looking_inside(tables: Run, classifier: Path, tagger: Path, writer: Path) -> None:
    """Card, answers, text, page and what the units do, of models with labels and tags; other views say that they are for others."""
    for path in (classifier, tagger, writer):
        for view in (
            ("--neurons",),
            ("--unit", "0:1"),
            ("--gates",),
            ("--gradients",),
            ("--embedding",),
        ):
            outcome = tables("inspect", path, *view, "--json")
            assert (outcome.code, outcome.err) == (0, "")
            told = json.loads(outcome.out)
            assert told["source"] == ("vowels.tsv" if path is tagger else "first.tsv")
            assert tables("inspect", path, *view).code == 0
            if view == ("--neurons",):
                followed = {one["feature"] for one in told["features"]}
                assert ("tag v" if path is tagger else "label A") in followed
            if view == ("--embedding",):
                assert {*told["labels"]["names"]} == ({"v", "-"} if path is tagger else {*"ABCD"})
        assert tables("inspect", path, "--html", f"{path}.html").code == 0
    for path in (classifier, tagger):
        card = tables("inspect", path).out
        assert "accuracy" in card
        assert "charrnn predict" in card
        assert "Confusions" in tables("inspect", path, "--answers").out
        told = json.loads(tables("inspect", path, "--answers", "--json").out)
        assert 0 <= told["accuracy"] <= 1
        assert tables("inspect", path, "--text", "axm").code == 0
        page = Path(f"{path}.html").read_text(encoding="utf-8")
        assert "How right it is" in page
        assert "What its units do" in page
        assert "tables quote" not in page
        outcome = tables("inspect", path, "--ngrams")
        assert (outcome.code, "--ngrams is not for a model of the task" in outcome.err) == (2, True)
        assert tables("inspect", path, "--details").code == 0
    assert "charrnn sample writer.npz --label A" in tables("inspect", writer).out
    assert tables("inspect", classifier, writer, "--compare").code == 2
    told = json.loads(tables("inspect", classifier, "--text", "axm", "--json").out)
    assert told["label"] == "A"
    assert len(told["course"]) == 4
    assert max(range(3), key=told["occlusion"].__getitem__) == 0
    listed = tables("list", ".").out
    assert "% right" in listed


def test_what_a_model_is_watched_on(
    tables: Run, classifier: Path, tagger: Path, writer: Path
) -> None:
    """Examples, or texts alone, from a file, a pipe or as they are typed; what is wrong with them is told."""
    Path("more.tsv").write_text("bax\tB\n\tA\naxxx\tA\n", encoding="utf-8")
    Path("texts.txt").write_text("bax\naxxx\n", encoding="utf-8")
    for on, labels in (("more.tsv", True), ("texts.txt", False), ("bax\naxxx", False)):
        told = json.loads(tables("inspect", classifier, "--unit", "0r:1", "--on", on, "--json").out)
        assert sorted(told["text"].splitlines()) == ["axxx", "bax"]
        assert len(told["values"]) == len(told["text"])
        followed = {one["feature"] for one in told["follows"]}
        assert ("label A" in followed) == labels
        assert tables("inspect", classifier, "--gradients", "--on", on).code == 0
    for path, on, said in (
        (classifier, "bax\tZ", "the text given, line 1: Z: the model knows no such label"),
        (classifier, "baq", "line 1: not in the model's vocabulary: 'q'"),
        (tagger, "bax\tvv", "the text given, line 1: 2 tags of one character each, for 3"),
        (writer, "bax", "the text given, line 1: has 1 column, and not 2"),
        (classifier, "\n", "holds no text"),
        (classifier, "", "holds no text"),
    ):
        for view in ("--gates", "--neurons", "--gradients", "--embedding"):
            outcome = tables("inspect", path, view, "--on", on)
            assert outcome.code == 2
            assert said in outcome.err
            assert outcome.err.count("\n") == 1
    outcome = tables("inspect", tagger, "--gates", "--on", "baq", "--unknown", "replace")
    assert outcome.code == 0
    Path("first.tsv").write_text("bax\tB\n" * 48, encoding="utf-8")
    outcome = tables("inspect", classifier, "--gates")
    said = "what it learnt from has changed; --on names examples, or texts alone"
    assert (outcome.code, said in outcome.err) == (2, True)
    assert tables("inspect", classifier, "--html", "page.html").code == 0
    assert said in Path("page.html").read_text(encoding="utf-8")


# ------------------------------------------------------------------------------- texts for labels


def test_texts_for_labels(tables: Run, writer: Path) -> None:
    """Each begins as its label has it; several labels write in turn, and a seed makes the same texts again."""
    one = tables("sample", writer, "--label", "B", "--num-samples", 20, "--seed", 1, "--temp", 0.5)
    assert one.code == 0
    assert {line[0] for line in one.out.splitlines()} == {"b"}
    both = tables(
        "sample",
        writer,
        "--label",
        "B",
        "--label",
        "C",
        "--num-samples",
        20,
        "--seed",
        1,
        "--temp",
        0.5,
    ).out.splitlines()
    assert both[:20] == one.out.splitlines()
    assert {line[0] for line in both[20:]} == {"c"}
    told = tables("sample", writer, "--label", "B", "--label", "C", "--json", "--seed", 1).out
    found = [json.loads(line) for line in told.splitlines()]
    assert [(each["label"], each["seed"]) for each in found] == [("B", 1), ("C", 2)]


def test_a_mixture_of_labels(tables: Run, writer: Path) -> None:
    """All of one label is that label; half of two is something else."""
    alone = tables("sample", writer, "--label", "B", "--num-samples", 9, "--seed", 1).out
    mixed = ("sample", writer, "--num-samples", 9, "--seed", 1, "--label-mix")
    assert tables(*mixed, "B=1").out == alone
    assert tables(*mixed, "B=0.5,C=0").out == alone
    assert tables(*mixed, "B=0.5,C=0.5").out != alone


def test_a_text_is_less_unexpected_for_its_label(writer: Path, piped: Any) -> None:
    bits: Callable[[str], float] = lambda label: float(  # noqa: E731
        piped("bxm\n", "score", writer, "--label", label).out.split()[0]
    )
    assert bits("B") < bits("C") - 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "the model writes for a label; name one with --label: A, B, C, D"),
        (("--label", "b"), "b: the model knows no such label; did you mean B?"),
        (("--label", "B", "--label-mix", "B=1"), "choose one"),
        (("--label-mix", "B"), "--label-mix is labels with shares"),
        (("--label-mix", "B=1,B=2"), "B is there twice"),
        (("--label-mix", "B=0"), "not all of them are 0"),
        (("--label-mix", "B=-1"), "at least 0"),
        (("--label", "A", "--label", "B", "-"), "prompts are read once"),
    ],
)
def test_wrong_labels(writer: Path, piped: Any, options: tuple[str, ...], said: str) -> None:
    outcome = piped("", "sample", writer, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_labels_of_a_model_without(tables: Run, model: Path) -> None:
    outcome = tables("sample", model, "--label", "B")
    assert (outcome.code, "writes for no labels" in outcome.err) == (2, True)


def test_who_answers_does_not_write(classifier: Path, tagger: Path) -> None:
    """From Python, too, it is an error of one line."""
    for path in (classifier, tagger):
        model = charrnn.load(path)
        for attempt in (
            lambda model=model: next(charrnn.generate(model)),
            lambda model=model: charrnn.score(model, "axm"),
            lambda model=model: charrnn.score_all(model, ["axm"]),
        ):
            with pytest.raises(charrnn.CharrnnError, match="neither writes nor scores"):
                attempt()


def test_python(writer: Path, classifier: Path) -> None:
    """What the commands do, as functions."""
    model = charrnn.load(writer)
    with pytest.raises(charrnn.CharrnnError, match="none is chosen"):
        next(charrnn.generate_records(model))
    texts = charrnn.generate_records(model.writing({"B": 1}), temperature=0.5, rng=1)
    assert {next(texts)[0] for _ in range(9)} == {"b"}
    assert (
        charrnn.score(model.writing({"B": 1}), "bxm").bits_per_char
        < charrnn.score(model.writing({"C": 1}), "bxm").bits_per_char
    )
    (found,) = charrnn.predict(charrnn.load(classifier), ["axm"])
    assert (found.label, found.text, found.labels) == ("A", "axm", ("A", "B", "C", "D"))
    assert found.probability == found.probabilities.max()
    with pytest.raises(charrnn.CharrnnError, match="a list of texts"):
        charrnn.predict(charrnn.load(classifier), "axm")
