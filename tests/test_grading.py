"""How right answers are: figures that follow from counts, and a model's answers to a file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from spans import spans_of

from charrnn.config import ModelConfig, TextConfig
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.models.answering import Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.text.labels import Labels
from charrnn.text.tagging import Scheme
from charrnn.text.vocabulary import BYTES, Vocabulary
from charrnn.training.answers import Graded, graded
from charrnn.training.figures import Confusion, Counting, Figures, confused, in_words

ANSWERS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=40)
IOB = ("B-PER", "I-PER", "B-LOC", "I-LOC", "O")
MARKED, PLAIN = ("B", "I", "."), ("U", "x", ".")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _ids(numbers: Sequence[int]) -> NDArray[np.intp]:
    return np.array(numbers, np.intp)


def _counted(pairs: Sequence[tuple[int, int]]) -> Figures:
    counting = Counting()
    counting.labels(_ids([a for a, _ in pairs]), _ids([b for _, b in pairs]))
    return counting.result()


def _one_label(pairs: Sequence[tuple[int, int]], label: int) -> tuple[float, float, float, int]:
    """Precision, recall, F1 and support, as they are defined."""
    true = sum(a == label and b == label for a, b in pairs)
    false = sum(a != label and b == label for a, b in pairs)
    missed = sum(a == label and b != label for a, b in pairs)
    precision = true / (true + false) if true + false else 0.0
    recall = true / (true + missed) if true + missed else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return precision, recall, f1, true + missed


# ------------------------------------------------------------------------------------------ labels


@given(ANSWERS)
def test_figures_of_labels(pairs: list[tuple[int, int]]) -> None:
    """They are as they are defined, one label after the other; those that neither occur nor are answered have none."""
    figures = _counted(pairs)
    assert figures.answers == len(pairs)
    labels = sorted({label for pair in pairs for label in pair})
    rows = [(label, *_one_label(pairs, label)) for label in labels]
    assert [row.label for row in figures.rows] == labels
    assert [row.support for row in figures.rows] == [row[4] for row in rows]
    for found, row in zip(figures.rows, rows, strict=True):
        assert found[1:4] == pytest.approx(row[1:4])
    count = max(1, len(pairs))
    assert figures.accuracy == pytest.approx(sum(a == b for a, b in pairs) / count)
    assert figures.macro_f1 == pytest.approx(sum(row[3] for row in rows) / max(1, len(rows)))
    assert figures.weighted_f1 == pytest.approx(sum(row[3] * row[4] for row in rows) / count)
    assert figures.f1 == figures.macro_f1
    assert figures.loss is None
    assert (figures.texts, figures.texts_right, figures.spans) == (0, 0, (0, 0, 0))


def test_figures_in_numbers() -> None:
    """By hand: three of five are right."""
    figures = _counted([(0, 0), (0, 0), (0, 1), (1, 1), (2, 1)])
    assert figures.counts == ((0, 0, 2), (0, 1, 1), (1, 1, 1), (2, 1, 1))
    assert [tuple(row) for row in figures.rows] == [
        (0, 1.0, pytest.approx(2 / 3), pytest.approx(0.8), 3),
        (1, pytest.approx(1 / 3), 1.0, pytest.approx(0.5), 1),
        (2, 0.0, 0.0, 0.0, 1),
    ]
    assert figures.accuracy == pytest.approx(0.6)
    assert figures.macro_f1 == pytest.approx(1.3 / 3)
    assert figures.weighted_f1 == pytest.approx(2.9 / 5)
    assert in_words(figures) == "accuracy 0.6000, macro-F1 0.4333, weighted F1 0.5800"


def test_figures_of_nothing() -> None:
    """No answers are none right."""
    figures = Figures(())
    assert figures.rows == []
    assert figures.confusions(3) == []
    numbers = (figures.accuracy, figures.macro_f1, figures.weighted_f1, figures.span_f1)
    assert (*numbers, figures.text_accuracy, figures.f1) == (0.0,) * 6


def test_figures_are_checked() -> None:
    """A file may hold others."""
    for wrong in [(0, 0, -1)], [(0, 0)], [(0, 0, 1.5)]:
        with pytest.raises(InputError, match="counts"):
            Figures(tuple(wrong))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="loss"):
        Figures((), -1.0)
    with pytest.raises(InputError, match="spans"):
        Figures((), spans=(1, 2))


@given(st.lists(ANSWERS, max_size=5))
def test_counting_in_parts(parts: list[list[tuple[int, int]]]) -> None:
    """Parts that are counted one after the other, or apart and then added, are as the whole."""
    one, sum_of_all = Counting(), Counting()
    for number, part in enumerate(parts):
        wanted, answered = (_ids([pair[side] for pair in part]) for side in (0, 1))
        other = Counting()
        for counting in (one, other):
            counting.labels(wanted, answered)
            counting.losses(0.5 * number, len(part))
        sum_of_all.add(other)
    whole = [pair for part in parts for pair in part]
    assert one.result().counts == sum_of_all.result().counts == _counted(whole).counts
    nats = sum(0.5 * number for number in range(len(parts)))
    for counting in (one, sum_of_all):
        loss = counting.result().loss
        assert loss == (pytest.approx(nats / len(whole)) if whole else None)


@given(ANSWERS, st.integers(0, 6))
def test_confusions(pairs: list[tuple[int, int]], most: int) -> None:
    """Wrong answers by how often they were given, the most frequent first, at most so many."""
    times = Counter((a, b) for a, b in pairs if a != b)
    found = _counted(pairs).confusions(most)
    assert [n for _, _, n in found] == sorted(times.values(), reverse=True)[:most]
    assert len(found) == len({(a, b) for a, b, _ in found})
    assert all(times[a, b] == n for a, b, n in found)


def test_confusions_in_words() -> None:
    """Long names are shortened; nothing where all is right."""
    figures = _counted([(0, 1)] * 2 + [(1, 0)] + [(2, 0)] * 3 + [(2, 1)] + [(0, 0)] * 9)
    assert figures.confusions(2) == [Confusion(2, 0, 3), Confusion(0, 1, 2)]
    long = "x" * 30 + "y" * 30
    labels = Labels(["ham", "eggs", long])
    told = f"{'x' * 20}…{'y' * 20} taken for ham 3 times, ham taken for eggs 2 times"
    assert confused(figures, labels, 2) == told
    assert confused(figures, labels) == f"{told}, eggs taken for ham 1 time"
    assert confused(_counted([(0, 0), (1, 1)]), labels) == ""


# -------------------------------------------------------------------------------------------- tags


def _tagged_texts(names: Sequence[str]) -> st.SearchStrategy[tuple[Sequence[str], list[Any]]]:
    tag = st.integers(0, len(names) - 1)
    text = st.lists(st.tuples(tag, tag | st.none()), max_size=10).map(
        lambda line: [(a, a if b is None else b) for a, b in line]  # many are right
    )
    return st.tuples(st.just(names), st.lists(text, min_size=1, max_size=6))


@given(st.sampled_from([IOB, MARKED, PLAIN]).flatmap(_tagged_texts), st.integers(1, 6))
def test_figures_of_tags(
    named: tuple[Sequence[str], list[list[tuple[int, int]]]], together: int
) -> None:
    """Spans are right that begin and end where they should, and are of the right kind; texts, of which each tag is right."""
    names, texts = named
    counting = Counting(Scheme(names))
    parts = Counting(Scheme(names))
    for start in range(0, len(texts), together):
        part = texts[start : start + together]
        sides = [[_ids([pair[side] for pair in text]) for text in part] for side in (0, 1)]
        counting.tags(*sides)
        other = Counting(Scheme(names))
        other.tags(*sides)
        parts.add(other)
    figures = counting.result()
    assert parts.result() == figures

    wanted, answered, right = 0, 0, 0
    for text in texts:
        spans = [
            spans_of([names[pair[side]] for pair in text], iob=names is not PLAIN)
            for side in (0, 1)
        ]
        wanted, answered = wanted + len(spans[0]), answered + len(spans[1])
        right += len(spans[0] & spans[1])
    assert figures.spans == (wanted, answered, right)
    precision, recall = right / max(1, answered), right / max(1, wanted)
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    assert figures.span_f1 == pytest.approx(f1)
    assert figures.f1 == figures.span_f1
    assert figures.texts == len(texts)
    all_right = sum(all(a == b for a, b in text) for text in texts)
    assert figures.texts_right == all_right
    assert figures.text_accuracy == pytest.approx(all_right / len(texts))
    pairs = [pair for text in texts for pair in text]
    assert figures.counts == _counted(pairs).counts


def test_tags_in_words() -> None:
    """By hand: of three spans two are found, and one that is none."""
    counting = Counting(Scheme(IOB))
    counting.tags([_ids([0, 1, 4, 2]), _ids([4, 0])], [_ids([0, 1, 4, 0]), _ids([4, 0])])
    figures = counting.result()
    assert figures.spans == (3, 3, 2)
    words = "accuracy 0.8333 of tags, 0.5000 of texts, F1 of spans 0.6667"
    assert in_words(figures) == words
    assert Counting(Scheme(IOB)).result() == Figures(())


# ------------------------------------------------------------------------------------------ graded


def _model(
    task: str,
    characters: str = "abcs!",
    labels: Sequence[str] = ("X", "Y"),
    config: TextConfig | None = None,
    seed: int = 0,
) -> CharacterModel:
    """One that has learnt nothing, and whose answers differ."""
    vocabulary = Vocabulary(
        characters, config or TextConfig(normalize="nfc" if task == "classify" else "none")
    )
    between = " " if any(len(name) > 1 for name in labels) and task == "tag" else ""
    shape = ModelConfig(task=task, hidden_size=5, num_layers=1)
    model = CharacterModel.fresh(
        shape, vocabulary, np.random.default_rng(seed), Labels(labels, between)
    )
    model.parameters.flat[...] *= 6
    return model


def _grade(model: CharacterModel, data: str | bytes, **how: Any) -> Graded:
    Path("f.tsv").write_bytes(data.encode() if isinstance(data, str) else data)
    return graded(Answerer([model]), [model], "f.tsv", **how)


@pytest.mark.parametrize("together", [1, 3, 1000])
def test_graded_labels(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer is the likeliest one, its loss that of the right one; labels that no model knows are wrong, and have no loss."""
    monkeypatch.setattr("charrnn.training.answers.AT_ONCE", together)
    model, rng = _model("classify", labels=["Y", "X", "Z"]), np.random.default_rng(1)
    texts = ["".join(rng.choice([*"abcs"], size=n % 6)) for n in range(40)]
    labels = [str(rng.choice(["X", "Y", "Z", "W", "V"])) for _ in texts]
    found = _grade(model, "".join(f"{t}\t{a}\n" for t, a in zip(texts, labels, strict=True)))
    assert found.names == ("Y", "X", "Z", "V", "W")
    counts, nats = Counter[tuple[int, int]](), []
    answerer = Answerer([model])
    for text, label in zip(texts, labels, strict=True):
        (answer,) = answerer([text])
        counts[found.names.index(label), int(answer.probabilities.argmax())] += 1
        if label in model.labels:
            nats.append(-math.log(answer.probabilities[found.names.index(label)]))
    assert found.figures.counts == tuple((a, b, n) for (a, b), n in sorted(counts.items()))
    assert found.figures.loss == pytest.approx(np.mean(nats), rel=1e-5)
    assert found.unknown == len(texts) - len(nats) > 0
    assert len({b for _, b in counts}) > 1
    assert found.figures.texts == 0


@pytest.mark.parametrize("together", [1, 3, 1000])
@pytest.mark.parametrize("names", [("B-a", "I-a", "O"), ("X", "Y", "Z")])
def test_graded_tags(together: int, names: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise of each character; spans and texts are counted."""
    monkeypatch.setattr("charrnn.training.answers.AT_ONCE", together)
    model, rng = _model("tag", labels=names), np.random.default_rng(1)
    others = [*names, "B-b" if names[0] == "B-a" else "W"]
    texts = ["".join(rng.choice([*"abcs"], size=n % 6)) for n in range(40)]
    tags = [[str(rng.choice(others)) for _ in text] for text in texts]
    lines = (
        f"{text}\t{model.labels.between.join(each)}\n"
        for text, each in zip(texts, tags, strict=True)
    )
    found = _grade(model, "".join(lines))
    assert found.names == tuple(others)
    counts, nats, spans, right = Counter[tuple[int, int]](), [], [0, 0, 0], 0
    answerer = Answerer([model])
    for text, each in zip(texts, tags, strict=True):
        (answer,) = answerer([text])
        best = [others[number] for number in answer.best]
        right += best == each
        two = [spans_of(one, iob=names[0] == "B-a") for one in (each, best)]
        spans = [n + len(one) for n, one in zip(spans, (*two, two[0] & two[1]), strict=True)]
        for tag, b, p in zip(each, best, answer.probabilities, strict=True):
            counts[others.index(tag), others.index(b)] += 1
            if tag in model.labels:
                nats.append(-math.log(p[others.index(tag)]))
    assert found.figures.counts == tuple((a, b, n) for (a, b), n in sorted(counts.items()))
    assert found.figures.loss == pytest.approx(np.mean(nats), rel=1e-5)
    assert found.unknown == sum(map(len, texts)) - len(nats) > 0
    assert found.figures.spans == tuple(spans)
    assert (found.figures.texts, found.figures.texts_right) == (40, right)
    assert right >= 6  # those without characters


def test_graded_labels_of_which_none_is_known() -> None:
    """There is no loss, and nothing is right."""
    found = _grade(_model("classify"), "a\tV\nb\tW\n")
    assert (found.figures.loss, found.figures.accuracy, found.unknown) == (None, 0.0, 2)


def test_graded_certain_mistakes() -> None:
    """A mistake of which a model was certain costs much, and not all."""
    model = _model("classify")
    model.parameters["c"][...] = [0, 1000]
    found = _grade(model, "a\tX\n")
    assert found.figures.counts == ((0, 1, 1),)
    assert found.figures.loss is not None
    assert 80 < found.figures.loss < 1000


def test_graded_by_several() -> None:
    """Numbers are the first model's; what one of them lacks is replaced for all."""
    one, two = _model("classify"), _model("classify", "abs", ["Y", "X"], seed=1)
    Path("f.tsv").write_text("ab\tX\n\tY\ns\tY\n")
    found = graded(answerer := Answerer([one, two]), [one, two], "f.tsv")
    assert found.names == ("X", "Y")
    expected = Counter(
        (label, int(answerer([text])[0].best)) for text, label in (("ab", 0), ("", 1), ("s", 1))
    )
    assert found.figures.counts == tuple((a, b, n) for (a, b), n in sorted(expected.items()))


def test_graded_texts_are_read_as_the_model_does() -> None:
    """Composed, or as they are, or as bytes; labels are never changed."""
    composing = _model("classify", "\xe9b", ["e\u0301", "\xe9"])
    found = _grade(
        composing, b"\xef\xbb\xbfe\xcc\x81\te\xcc\x81\r\nb\t\xc3\xa9\r\n", unknown="error"
    )
    assert (found.unknown, found.figures.answers) == (0, 2)
    assert {label for label, _, _ in found.figures.counts} == {0, 1}
    tagging = _model("tag", "e\u0301b")
    found = _grade(tagging, "e\u0301\tXY\nb\tX\n", unknown="error")
    assert (found.unknown, found.figures.answers) == (0, 3)
    of_bytes = _model("classify", BYTES, ["\u0436", "y"], TextConfig(unit="byte"))
    found = _grade(of_bytes, b"\xff\xe9\t\xd0\xb6\r\n\xc3\xa9\ty\r\n")
    assert (found.unknown, found.figures.answers) == (0, 2)


def test_graded_columns() -> None:
    """Where text and answer stand is said, or as usual; fastText's lines are read, too."""
    model = _model("classify")
    usual = _grade(model, "a\tX\nbs\tY\n")
    assert _grade(model, "1\tX\ta\n2\tY\tbs\n", columns=(3, 2)) == usual
    assert _grade(model, "__label__X a\n__label__Y bs\n") == usual
    assert _grade(model, "a\tX\nbs\tY\n", columns=()) == usual


def test_graded_characters_that_are_not_known() -> None:
    """They are replaced, left out, or an error that says where."""
    model = _model("classify")
    text = "ab\tX\na\u2026\xdf\tY\n"
    skipped, replaced = _grade(model, text, unknown="skip"), _grade(model, "a\xdf\tX\n")
    assert (skipped.replaced, replaced.replaced) == (1, 1)
    assert replace(skipped, replaced=0) == _grade(model, "ab\tX\na\tY\n")
    assert replace(replaced, replaced=0) == _grade(model, "ass\tX\n")
    with pytest.raises(UnknownCharacterError) as error:
        _grade(model, text, unknown="error")
    assert error.value.characters == "\u2026\xdf"
    assert str(error.value).startswith("f.tsv, line 2: ")


@pytest.mark.parametrize("character", ["\xdf", "\u0301", "\u2260", "\u200d"])
def test_graded_tags_of_characters_that_are_not_known(character: str) -> None:
    """Each character has one tag, whatever stands in for it."""
    found = _grade(_model("tag"), f"a{character}b\tXYX\nab\tXY\n")
    assert found.figures.answers == 5
    assert found.figures.texts == 2


def test_tags_of_nothing_are_not_skipped() -> None:
    """A tag whose character is left out is none that could be graded; predict says so, too."""
    with pytest.raises(InputError, match="skip"):
        _grade(_model("tag"), "a\u0436b\tXYX\nab\tXY\n", unknown="skip")


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_graded_empty_texts(task: str) -> None:
    """They have a label, or no tags; a file may have no others."""
    found = _grade(_model(task), "\tX\n\tY\n" if task == "classify" else "\t\n\t\n")
    if task == "classify":
        assert found.figures.answers == 2
        assert found.figures.loss is not None
    else:
        assert found.figures == Figures((), None, 2, 2)


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        ("classify", "", r"^f\.tsv: holds no example$"),
        ("tag", "", r"^f\.tsv: holds no example$"),
        ("classify", "a\tX\nb\n", r"^f\.tsv, line 2: has no TAB; a line is a text, a TAB and its label$"),
        ("tag", "a\tX\nbb\tX\n", r"^f\.tsv, line 2: 1 tags of one character each, for 2 characters: 'bb'$"),
        ("classify", b"a\tX\n\xff\tX\n", r"^f\.tsv: not UTF-8 at byte 4 \(line 2\)"),
    ],
)  # fmt: skip
def test_graded_files_that_are_wrong(task: str, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _grade(_model(task), text)


def test_graded_files_that_are_none() -> None:
    model = _model("classify")
    with pytest.raises(InputError, match=r"^missing: no such file$"):
        graded(Answerer([model]), [model], "missing")
    with pytest.raises(InputError, match=r"^columns are two different numbers"):
        _grade(model, "a\tX\n", columns=(1, 1))
