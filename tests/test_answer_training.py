"""Training on texts with answers: what is learnt, what is kept, what goes on, and what comes of the answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from answerers import alone, every_task
from samples import make_text

import charrnn
from charrnn.config import CELLS, KEEPING, ModelConfig, TrainingConfig
from charrnn.errors import InputError
from charrnn.models.answering import Answerer
from charrnn.models.character_model import CharacterModel
from charrnn.models.network import Network
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.text.batches import Batches
from charrnn.text.examples import Examples, load_examples
from charrnn.text.tagging import Scheme
from charrnn.training.evaluation import grade
from charrnn.training.figures import Figures
from charrnn.training.reports import Recovery, Step
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training

Task = Literal["classify", "tag"]

TINY = TrainingConfig(
    epochs=0, steps=24, batch_size=8, warmup=2, eval_every=6, val_fraction=0.2, threads=1
)


def _texts(count: int, low: int, high: int, alphabet: str, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(low, high + 1, count)
    return ["".join(rng.choice(list(alphabet), size=size)) for size in sizes]


def _classified(
    count: int = 120, label: Callable[[str], str] = lambda text: text[0], seed: int = 0
) -> Examples:
    """Texts of 2 to 9 characters, by default with the first one as their label."""
    lines = [f"{text}\t{label(text)}" for text in _texts(count, 2, 9, "abc", seed)]
    return Examples.from_lines(lines, "classify")


def _tagged(count: int = 120, shortest: int = 1) -> Examples:
    """Each character is in a span with those that are like it."""
    texts = _texts(count, shortest, 9, "abc")
    return Examples.from_lines([f"{text}\t{text.upper()}" for text in texts], "tag")


def _examples(task: str) -> Examples:
    return _classified() if task == "classify" else _tagged()


def _config(task: str, cell: str = "gru", **more: Any) -> ModelConfig:
    return ModelConfig(
        task=task, cell=cell, **{"hidden_size": 5, "num_layers": 1, "dropout": 0.0, **more}
    )


def _finish(training: Training) -> Training:
    for _ in training:
        pass
    return training


def _figures(training: Training) -> Figures:
    figures = training.figures
    assert figures is not None
    return figures


# What is learnt.


@pytest.mark.parametrize("cell", CELLS)
@every_task
def test_losses_fall(task: str, cell: str) -> None:
    """From a guess to much less, in training as on what is kept for validation."""
    config = replace(TINY, steps=60, eval_every=15, learning_rate=0.03, ema=0.0)
    more = {"context": 9} if cell == "feedforward" else {}
    training = Training(_examples(task), _config(task, cell, hidden_size=8, **more), config)
    steps = [report.loss for report in training if isinstance(report, Step)]
    assert steps[0] == pytest.approx(np.log(3), rel=0.35)
    assert np.mean(steps[-8:]) < 0.6 * np.mean(steps[:4])
    first, *_, last = (entry.validation_loss for entry in training.history)
    assert first is not None
    assert last is not None
    assert last < 0.8 * first


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
def test_a_label_that_one_end_tells(place: int) -> None:
    """What only the first character of texts of many lengths tells is found, and what only the last does."""
    rng = np.random.default_rng(1)
    texts = _texts(500, 6, 16, "abcd", seed=int(rng.integers(9)))
    lines = [f"{text}\t{'left' if text[place] in 'ab' else 'right'}" for text in texts]
    examples = Examples.from_lines(lines, "classify")
    config = replace(TINY, steps=150, batch_size=32, eval_every=50, learning_rate=0.03)
    training = _finish(Training(examples, _config("classify", hidden_size=8), config))
    assert _figures(training).accuracy > 0.95


@pytest.mark.parametrize("ways", [True, False], ids=["both-ways", "forwards"])
def test_a_tag_that_the_next_character_tells(ways: bool) -> None:
    """Who reads from both ends finds it, who reads forwards cannot."""
    texts = _texts(300, 5, 14, "ab")
    lines = [f"{text}\t{text[1:].upper()}A" for text in texts]
    examples = Examples.from_lines(lines, "tag")
    config = replace(TINY, steps=100, batch_size=32, eval_every=50, learning_rate=0.03)
    model = _config("tag", hidden_size=6, bidirectional=ways)
    accuracy = _figures(_finish(Training(examples, model, config))).accuracy
    assert accuracy > 0.95 if ways else accuracy < 0.75


@every_task
def test_class_weights(task: str) -> None:
    """Where texts tell nothing, a label is as likely as it is frequent, or balanced as any other."""
    rare = [number % 10 == 0 for number in range(200)]
    lines = [f"a\t{'y' if each else 'x'}" for each in rare]
    examples, found, losses = Examples.from_lines(lines, task), list[float](), list[float]()
    for kind in ("none", "balanced"):
        config = replace(
            TINY, steps=120, eval_every=60, learning_rate=0.02, class_weights=kind, batch_size=40
        )
        training = Training(examples, _config(task), config)
        losses.append(next(r.loss for r in training if isinstance(r, Step)))
        _finish(training)
        (answer,) = Answerer([training.current_model()])(["a"])
        found.append(float(answer.probabilities.reshape(-1)[1]))
    assert found == pytest.approx([0.1, 0.5], abs=0.07)
    assert losses[0] == losses[1]  # which are told as they are


# What comes of the answers.


def _spans(tags: list[str], iob: bool) -> set[tuple[int, int, str]]:
    """By a plain loop: runs of equal tags, or from each B on as long as it goes on with I."""
    found, start = set[tuple[int, int, str]](), 0
    for place in range(1, len(tags) + 1):
        if place < len(tags):
            last, tag = tags[place - 1], tags[place]
            same = (last == tag) if not iob else (tag == "I" and last != "O") or last == tag == "O"
            if same:
                continue
        if not iob or tags[start] != "O":
            found.add((start, place, "span" if iob else tags[start]))
        start = place
    return found


def _graded_slowly(
    examples: Examples, network: Network, params: Parameters, *, iob: bool = False
) -> Figures:
    """Text by text."""
    counts, nats, right = Counter[tuple[int, int]](), list[float](), 0
    spans, names = np.zeros(3, int), examples.labels.names
    for number in range(len(examples.spans)):
        first, length = examples.spans.first[number], examples.spans.length[number]
        found = alone(network, params, examples.ids[first : first + length]).scores
        found = np.atleast_2d(found)[: length if examples.tagged else 1]
        wanted = examples.answers[number : number + 1]
        if examples.tagged:
            wanted = examples.answers[first : first + length]
        best = [int(np.argmax(row)) for row in found]
        for scores, a, b in zip(found.astype(float), wanted, best, strict=True):
            counts[int(a), b] += 1
            nats.append(float(np.log(np.exp(scores).sum()) - scores[a]))
        if examples.tagged:
            right += best == list(wanted)
            one, other = (_spans([names[n] for n in tags], iob) for tags in (wanted, best))
            spans += len(one), len(other), len(one & other)
    return Figures(
        tuple((a, b, n) for (a, b), n in sorted(counts.items())),
        float(np.mean(nats)),
        len(examples.spans) if examples.tagged else 0,
        right,
        tuple(spans.tolist()),
    )


def _iob() -> Examples:
    rng = np.random.default_rng(3)
    texts = _texts(60, 0, 9, "abc", seed=3)
    lines = [f"{text}\t{''.join(rng.choice(list('BIO'), size=len(text)))}" for text in texts]
    return Examples.from_lines(lines, "tag")


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("kind", ["classify", "tag", "iob"])
@pytest.mark.parametrize("cell", ["lstm", "feedforward"])
def test_grade(kind: str, cell: str, shards: int) -> None:
    """What answers are right, text by text, however they are batched and on how many threads."""
    made = {"classify": _classified, "tag": lambda: _tagged(shortest=0), "iob": _iob}
    examples = made[kind]()
    task = "classify" if kind == "classify" else "tag"
    rng = np.random.default_rng(0)
    model = CharacterModel.fresh(_config(task, cell), examples.vocabulary, rng, examples.labels)
    params = model.parameters
    params.flat[...] = 0.8 * rng.standard_normal(params.flat.shape)
    expected = _graded_slowly(examples, model.network, params, iob=kind == "iob")
    assert len({b for _, b, _ in expected.counts}) > 1
    assert 0 < expected.accuracy < 1
    batches = Batches(examples, np.arange(len(examples.spans)), 7, 0)
    assert len(batches) > 5
    scheme = None if task == "classify" else Scheme(examples.labels.names)
    loss, found = grade(model.network, params, batches, Shards(shards), scheme)
    assert loss == found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert replace(found, loss=None) == replace(expected, loss=None)
    if scheme:
        assert 0 < expected.texts_right < expected.texts
        assert 0 < expected.spans[2] < expected.spans[0]


def test_what_a_run_tells_of_its_answers() -> None:
    """The figures are those of the examples that were kept for validation, by the kept weights."""
    examples = _classified()
    training = _finish(Training(examples, _config("classify"), TINY))
    _, kept = examples.split(0.2, TINY.seed)
    model, batches = training.model(), Batches(examples, kept, 16, 5)
    _, found = grade(model.network, model.parameters, batches, Shards(1), None)
    figures = _figures(training)
    assert found.counts == figures.counts
    assert figures.loss == pytest.approx(found.loss, rel=1e-5)
    assert figures.answers == len(kept)
    assert training.validation_loss == figures.loss


# What is kept.


def _noisy(task: str, seed: int) -> Examples:
    """Answers that are not to be learnt from texts alone, and one of which is rare."""
    texts, rng = _texts(90, 2, 7, "abcd", seed), np.random.default_rng(seed)

    def answer(character: str) -> str:
        return character if rng.random() < 0.6 else "d" if rng.random() < 0.9 else "e"

    ends = 1 if task == "classify" else None
    lines = [f"{text}\t{''.join(map(answer, text[:ends]))}" for text in texts]
    return Examples.from_lines(lines, task)


@pytest.mark.parametrize("keep", [*KEEPING, None])
@every_task
def test_keep_best(task: str, keep: str | None, tmp_path: Path) -> None:
    """The weights of the evaluation that was best by that figure, the surest of equals, in the file too."""
    examples = _noisy(task, 9)
    config = replace(
        TINY, steps=78, eval_every=3, learning_rate=0.08, ema=0.0, patience=0, keep_best=keep
    )
    training = Training(examples, replace(_config(task), hidden_size=8), config)
    weights = {
        report.step: training.current_model().parameters.flat.copy()
        for report in training
        if isinstance(report, Evaluation)
    }
    losses, accuracies, f1s = zip(
        *((e.validation_loss, e.accuracy, e.f1) for e in training.history), strict=True
    )
    places = range(len(losses))
    best = {
        "loss": losses.index(min(losses)),
        "accuracy": min(places, key=lambda at: (-accuracies[at], losses[at])),
        "f1": min(places, key=lambda at: (-f1s[at], losses[at])),
    }
    assert len({*best.values()}) == 3  # or it would not matter which
    assert len({*accuracies}) < len(accuracies)
    entry = training.history[best[keep or "accuracy"]]
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
    loaded = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
    for checkpoint in (training.checkpoint(), loaded):
        flat = checkpoint.model.parameters.flat
        np.testing.assert_array_equal(flat, weights[entry.step])
        assert checkpoint.figures is not None
        assert checkpoint.figures.accuracy == entry.accuracy
        assert checkpoint.figures.f1 == entry.f1
        assert checkpoint.figures.loss == entry.validation_loss == checkpoint.validation_loss
    assert loaded.figures == training.figures
    assert loaded.history == tuple(training.history)


def test_the_surest_of_equals_is_kept() -> None:
    """Of evaluations that are all right, that of the lowest loss, not the first."""
    training = _finish(Training(_classified(), _config("classify"), replace(TINY, steps=400)))
    right = [e.validation_loss or 0.0 for e in training.history if e.accuracy == 1]
    assert right
    assert min(right) < right[0] / 2
    assert training.validation_loss == min(right)
    assert training.checkpoint().validation_loss == min(right)


@pytest.mark.parametrize("other", [*KEEPING, None])
def test_what_is_kept_stays(other: str | None) -> None:
    """A run cannot be told to keep other weights on the way; that the default is not said is no change."""
    config = replace(TINY, keep_best="accuracy")
    examples = _classified()
    training = Training(examples, _config("classify"), config)
    list(islice(training, 20))
    changed = replace(training.config, keep_best=other)
    if other in (None, "accuracy"):
        _finish(Training.resume(examples, training.checkpoint(), changed)).checkpoint()
    else:
        with pytest.raises(InputError, match="kept by their accuracy"):
            Training.resume(examples, training.checkpoint(), changed)


def test_without_validation(tmp_path: Path) -> None:
    """There are no figures then, and the last weights are kept."""
    for task in ("classify", "tag"):
        training = _finish(
            Training(_examples(task), _config(task), replace(TINY, val_fraction=0.0))
        )
        assert training.figures is None
        assert training.validation_loss is None
        assert {(e.validation_loss, e.accuracy, e.f1) for e in training.history} == {(None,) * 3}
        assert training.model() == training.current_model()
        charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
        assert charrnn.load_checkpoint(tmp_path / "run.npz").figures is None


# What goes on.


def _assert_same(one: Training, other: Training) -> None:
    for first, second in (
        (one.current_model(), other.current_model()),
        (one.model(), other.model()),
    ):
        np.testing.assert_array_equal(first.parameters.flat, second.parameters.flat)
        assert first.labels == second.labels
    a, b = one.checkpoint().progress, other.checkpoint().progress
    assert a is not None
    assert b is not None
    assert replace(a, seconds=0.0) == replace(b, seconds=0.0)
    stories = [[replace(e, seconds=0.0) for e in each.history] for each in (one, other)]
    assert stories[0] == stories[1]
    assert one.figures == other.figures
    assert one.validation_loss == other.validation_loss


@pytest.mark.parametrize("saved", [True, False], ids=["saved", "held"])
@pytest.mark.parametrize(
    ("task", "cell", "more"),
    [
        ("classify", "lstm", {"dropout": 0.3, "num_layers": 2}),
        ("classify", "feedforward", {"dropout": 0.3}),
        ("tag", "gru", {"embedding_size": 3, "weight_drop": 0.3}),
    ],
    ids=["classify", "without memory", "tag"],
)
def test_resume_is_exact(
    task: str, cell: str, more: dict[str, Any], saved: bool, tmp_path: Path
) -> None:
    """Left in mid-epoch, before and after an evaluation, a run takes the very same steps, with masks and class weights."""
    examples, model = _examples(task), _config(task, cell, **more)
    config = replace(TINY, threads=2, ema=0.9, class_weights="balanced", learning_rate=0.03)
    whole = _finish(Training(examples, model, config))
    assert 0 < whole.steps_per_epoch < whole.total_steps
    for reports in (6, 7, 16):
        left = Training(examples, model, config)
        list(islice(left, reports))
        checkpoint = left.checkpoint()
        if saved:
            charrnn.save_checkpoint(checkpoint, tmp_path / "run.npz")
            checkpoint = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
        resumed = Training.resume(examples, checkpoint)
        assert resumed.figures == left.figures
        assert (resumed.figures is None) == (reports < 7)
        _assert_same(_finish(resumed), whole)


@every_task
def test_shards_agree_to_rounding(task: str) -> None:
    """However a batch is split, the steps are the same but for rounding."""
    losses = []
    for threads in (1, 2, 3):
        config = replace(TINY, threads=threads, batch_size=9, class_weights="balanced")
        training = Training(_examples(task), _config(task), config)
        assert training.config.threads == threads
        losses.append([report.loss for report in training if isinstance(report, Step)])
    assert len(losses[0]) == TINY.steps
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    np.testing.assert_allclose(losses[2], losses[0], rtol=1e-4)


@pytest.mark.parametrize("cell", CELLS)
@every_task
def test_a_batch_of_fewer_texts_than_shards(task: str, cell: str) -> None:
    """What is left over when batches are filled may be one text: some shards have nothing to do then."""
    texts = _texts(25, 1, 5, "ab")
    answer = (lambda text: text[-1]) if task == "classify" else str.upper
    lines = [f"{text}\t{answer(text)}" for text in texts]
    config = replace(TINY, steps=12, batch_size=3, threads=3, val_fraction=0.0)
    examples = Examples.from_lines(lines, task)
    batches = Batches(examples, np.arange(25), 3, 0)
    assert min(len(batches.chunk(index).fresh) for index in range(len(batches))) == 1
    training = _finish(Training(examples, _config(task, cell), config))
    assert training.config.threads == 3
    assert training.step == 12


@every_task
def test_recovery_from_broken_weights(task: str) -> None:
    """Where an evaluation meets numbers that are none, a run goes back, as one on running text does."""
    training = Training(_examples(task), _config(task), TINY)
    reports = iter(training)
    list(islice(reports, TINY.eval_every))
    training._progress.weights[...] = np.nan
    training._learner.kept.flat[...] = np.nan
    recovery = next(reports)
    assert isinstance(recovery, Recovery)
    assert not training.history


def test_grade_of_broken_weights() -> None:
    """The loss is not finite, as whoever trains expects it."""
    examples = _classified(20)
    rng = np.random.default_rng(0)
    model = CharacterModel.fresh(_config("classify"), examples.vocabulary, rng, examples.labels)
    model.parameters.flat[...] = np.nan
    loss, figures = grade(
        model.network, model.parameters, Batches(examples, np.arange(20), 8, 0), Shards(1), None
    )
    assert loss is not None
    assert not np.isfinite(loss)
    assert figures.loss is None


# Unusual examples.


def test_a_class_that_validation_never_sees(tmp_path: Path) -> None:
    """Its only example is learnt from; the figures are of the others."""
    rare = _classified(80, lambda text: text[0])
    lines = [f"{text}\t{text[0]}" for text in _texts(80, 2, 9, "abc")] + ["abcabc\trare"]
    examples = Examples.from_lines(lines, "classify")
    assert len(examples.labels) == len(rare.labels) + 1
    config = replace(TINY, class_weights="balanced")
    training = _finish(Training(examples, _config("classify"), config))
    figures, number = _figures(training), examples.labels.number("rare")
    assert number not in {a for a, _, _ in figures.counts}
    assert figures.answers == len(examples.split(0.2, 0)[1])
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
    assert charrnn.load_checkpoint(tmp_path / "run.npz").figures == figures


@pytest.mark.parametrize("kind", ["none", "balanced"])
def test_a_class_that_training_never_sees(kind: str, tmp_path: Path) -> None:
    """A file for validation may have one more: it is a label, and its examples are answered wrongly."""
    (tmp_path / "train.tsv").write_text("".join(f"{t}\t{t[0]}\n" for t in _texts(60, 2, 6, "ab")))
    (tmp_path / "val.tsv").write_text("ab\ta\nba\tb\nab\tnew\nbb\tnew\n")
    examples = load_examples(tmp_path / "train.tsv", "classify", val_file=tmp_path / "val.tsv")
    config = replace(TINY, val_fraction=None, class_weights=kind, learning_rate=0.03)
    training = _finish(Training(examples, _config("classify"), config))
    figures, number = _figures(training), examples.labels.number("new")
    assert figures.answers == 4
    assert sum(n for a, _, n in figures.counts if a == number) == 2
    assert figures.accuracy == 0.5
    assert training.checkpoint().validation_loss is not None


def test_ten_thousand_classes() -> None:
    """They take some memory, and the loss of a guess is that of ten thousand; it falls."""
    rng = np.random.default_rng(0)
    lines = [
        f"{''.join(rng.choice(list('abcdefgh'), size=5))}\t{number % 10_000}"
        for number in range(20_000)
    ]
    examples = Examples.from_lines(lines, "classify")
    assert len(examples.labels) == 10_000
    config = replace(TINY, steps=4, eval_every=4, val_fraction=0.02, class_weights="balanced")
    training = Training(examples, _config("classify", hidden_size=3), config)
    losses = [report.loss for report in training if isinstance(report, Step)]
    assert losses[0] == pytest.approx(np.log(10_000), rel=0.1)
    figures = _figures(training)
    assert figures.answers == len(examples.split(0.02, 0)[1]) > 100
    assert training.checkpoint().figures == figures


def test_batches_of_empty_texts() -> None:
    """Texts without characters have no tags to learn: a step of nothing else is none that fails."""
    texts = _texts(40, 1, 5, "ab")
    lines = [f"{text}\t{text.upper()}" for text in texts] + ["\t"] * 40
    training = Training(
        Examples.from_lines(lines, "tag"), _config("tag"), replace(TINY, val_fraction=0.0)
    )
    for _ in training:
        training.checkpoint()
    assert training.step == TINY.steps


def test_validation_on_empty_texts(tmp_path: Path) -> None:
    """Which have no tag: nothing is validated on, and the run can be saved."""
    (tmp_path / "train.tsv").write_text("".join(f"{t}\t{t}\n" for t in _texts(60, 2, 6, "ab")))
    (tmp_path / "val.tsv").write_text("\t\n\t\n")
    examples = load_examples(tmp_path / "train.tsv", "tag", val_file=tmp_path / "val.tsv")
    training = _finish(Training(examples, _config("tag"), replace(TINY, val_fraction=None)))
    assert (training.figures, training.validation_loss) == (None, None)
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
    loaded = charrnn.load_checkpoint(tmp_path / "run.npz")
    assert loaded.history == tuple(training.history)
    assert [entry.accuracy for entry in loaded.history] == [None] * len(training.history)


# What does not fit.


def test_wrong_pairs() -> None:
    """A text, a model and settings are of one task."""
    corpus = charrnn.Corpus.from_text(make_text(20))
    for text, task, found in (
        (_tagged(), "classify", "tag"),
        (_classified(), "tag", "classify"),
        (corpus, "classify", "lm"),
        (corpus, "tag", "lm"),
        (_classified(), "lm", "classify"),
        (_tagged(), "lm", "tag"),
    ):
        with pytest.raises(
            InputError, match=f"the model is one for {task}, the text one for {found}"
        ):
            Training(text, _config(task), TINY)


def test_other_labels() -> None:
    """A model is trained further on its own labels alone."""
    model = Training(_classified(), _config("classify"), TINY).model()
    other = _classified(label=lambda text: text[0].upper())
    assert other.vocabulary == model.vocabulary
    with pytest.raises(InputError, match="labels are not those of the examples"):
        Training(other, model, TINY)


def test_settings_that_a_language_model_has_not() -> None:
    """It has no answers that could be right, nor labels that could be rare."""
    corpus, model = charrnn.Corpus.from_text(make_text(20)), ModelConfig(hidden_size=4)
    for keep in ("accuracy", "f1"):
        with pytest.raises(InputError, match=f"keep-best {keep} is for labels and tags"):
            Training(corpus, model, replace(TINY, keep_best=keep))
    with pytest.raises(InputError, match="class-weights are for labels and tags"):
        Training(corpus, model, replace(TINY, class_weights="balanced"))
    assert Training(corpus, model, replace(TINY, keep_best="loss")).keeps == "loss"


def test_other_examples_are_refused() -> None:
    """A run goes on with the examples that it began with."""
    training = Training(_classified(), _config("classify"), TINY)
    with pytest.raises(InputError, match="not the one that this run was trained on"):
        Training.resume(_classified(seed=1), training.checkpoint())
