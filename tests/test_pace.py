"""On time, by a clock that the tests turn; and the same run again by its steps alone."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import content, make_text

import charrnn
from charrnn.errors import InputError
from charrnn.text.chunks import Chunk
from charrnn.text.examples import Examples
from charrnn.training import evaluation, pace
from charrnn.training.budget import Choice, choose
from charrnn.training.cost import Cost, Speed
from charrnn.training.division import COOLDOWN, divide
from charrnn.training.evaluation import OVERFITTED, is_overfitted
from charrnn.training.pace import AIM, Pace
from charrnn.training.reports import Cooldown, Recovery, Report, Step
from charrnn.training.rules import HIGHEST_RATE, TUNED_DROPOUT
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training

CORPUS = charrnn.Corpus.from_text(make_text(60))
SIZES = {"batch_size": 4, "seq_length": 10, "threads": 1, "warmup": 5, "patience": 0}
BUDGET = 100.0
STEP, EVALUATION = 0.5, 1.5
"""Seconds that the machine of these tests takes."""

Course = Callable[[float], float]


class Clock:
    """Time that goes by with each report, as ``course`` of the time so far has it."""

    def __init__(self, course: Course = lambda _: 1.0) -> None:
        self.now, self._course = 0.0, course

    def __call__(self) -> float:
        return self.now

    def after(self, report: Report) -> None:
        usual = STEP if isinstance(report, Step) else EVALUATION
        self.now += usual * self._course(self.now)


def _choice(**settings: Any) -> Choice:
    """A small model for the budget, on a machine that was measured rightly."""
    settings = {**SIZES, **settings}
    shape: dict[str, Any] = {"hidden_size": 4, "num_layers": 1}
    cost = Cost.of(charrnn.ModelConfig(**shape), len(CORPUS.vocabulary))
    speed = Speed(STEP / 40 / cost.operations)
    choice = choose(len(CORPUS), len(CORPUS.vocabulary), speed, BUDGET, shape, settings)
    return replace(choice, most_steps=1_000_000)


def _paced(run: Training, choice: Choice, clock: Clock) -> Iterator[tuple[float, Report]]:
    keeper = Pace(run, choice, AIM * BUDGET, clock)
    for report in run:
        clock.after(report)
        keeper.after(report)
        yield clock.now, report


def _end(course: Course, **settings: Any) -> tuple[float, Training]:
    """When a run ends on a machine of such a course, and the run."""
    choice, clock = _choice(**settings), Clock(course)
    run = Training(CORPUS, choice.model, choice.training)
    *_, (now, last) = _paced(run, choice, clock)
    assert isinstance(last, Evaluation)
    assert last.step == run.total_steps
    return now, run


COURSES: dict[str, Course] = {
    "steady": lambda _: 1.0,
    "measured too high": lambda _: 2.0,
    "measured too low": lambda _: 0.5,
    "throttled at once": lambda now: 1.0 if now < 10 else 1.5,
    "busy for a while": lambda now: 3.0 if 20 < now < 35 else 1.0,
    "jitter": lambda now: 0.5 + (now * 7.3) % 1.0,
    "a little slower at the end": lambda now: 1.0 if now < 65 else 1.1,
}


@pytest.mark.parametrize("schedule", ["trapezoid", "constant"])
@pytest.mark.parametrize("course", COURSES)
def test_on_time(course: str, schedule: str) -> None:
    """Within five per cent of the budget, whatever the machine does until the rate falls."""
    end, run = _end(COURSES[course], schedule=schedule)
    assert 0.95 * BUDGET <= end <= 1.05 * BUDGET
    if schedule == "trapezoid":
        assert run.config.cooldown == pytest.approx(COOLDOWN * run.total_steps, rel=0.25)
        assert run.history[-1].rate < run.config.learning_rate / run.config.cooldown


def test_evaluations_are_skipped_where_time_is_short() -> None:
    """A machine that slows down in the fall makes up for it, but the last one is made."""
    end, run = _end(lambda now: 1.0 if now < 65 else 1.4, eval_every=6)
    assert run.history[-1].step == run.total_steps
    steps = [entry.step for entry in run.history]
    assert max(b - a for a, b in pairwise(steps)) > 2 * run.config.eval_every
    assert end <= 1.05 * BUDGET


@pytest.mark.parametrize("times", [1, 2, 4])
def test_long_evaluations(times: int) -> None:
    """Each is counted once: none of the time that a text for validation takes is kept free beside it."""
    took, steps = 12.0, (BUDGET - 12.0 * times) / STEP
    choice, clock = _choice(eval_every=round(steps / times) + 1), Clock()
    run = Training(CORPUS, choice.model, choice.training)
    keeper = Pace(run, choice, AIM * BUDGET, clock)
    keeper._evaluation = took  # as it is known of the text, and of the machine
    for report in run:
        clock.now += took if isinstance(report, Evaluation) else STEP
        keeper.after(report)
    assert len(run.history) == times
    assert 0.95 * BUDGET <= clock.now <= BUDGET


@pytest.mark.parametrize("asked", [30, 60, 150])
def test_a_set_fall_is_kept(asked: int) -> None:
    """``--cooldown`` says how many steps it has, as long as there is time for so many."""
    end, run = _end(lambda _: 2.0, cooldown=asked)
    assert run.config.cooldown == min(asked, run.total_steps - 1)
    assert 0.95 * BUDGET <= end <= 1.05 * BUDGET


def test_a_fall_longer_than_the_budget() -> None:
    """It is refused before it is begun."""
    with pytest.raises(InputError, match="cooldown 5000 is longer than the run, of some"):
        _choice(cooldown=5000)


def test_cosine_is_left_alone() -> None:
    """Its every rate depends on the number of steps, which stays as it was planned."""
    choice = _choice(schedule="cosine")
    _, run = _end(lambda _: 0.5, schedule="cosine")
    assert run.total_steps == choice.training.steps


def test_a_short_text_ends_early() -> None:
    """However much time is left, no more steps are taken than help."""
    choice, clock = replace(_choice(), most_steps=40), Clock()
    run = Training(CORPUS, choice.model, choice.training)
    *_, (now, _) = _paced(run, choice, clock)
    assert run.total_steps == 40
    assert now < BUDGET / 2
    assert run.config.cooldown == COOLDOWN * 40


def _assert_same(one: Training, other: Training) -> None:
    np.testing.assert_array_equal(
        one.current_model().parameters.flat, other.current_model().parameters.flat
    )
    np.testing.assert_array_equal(one.model().parameters.flat, other.model().parameters.flat)
    assert [entry.validation_loss for entry in one.history] == [
        entry.validation_loss for entry in other.history
    ]


def _finish(run: Training) -> Training:
    for _ in run:
        pass
    return run


def test_the_same_run_without_a_clock() -> None:
    """The steps and the fall that the clock came to give the same weights, bit for bit."""
    _, timed = _end(COURSES["throttled at once"])
    assert timed.total_steps != _choice().training.steps
    again = Training(CORPUS, timed.network.config, timed.config)
    _assert_same(_finish(again), timed)


@pytest.mark.parametrize("left_at", [30.0, 80.0])
def test_resumed_in_the_middle(left_at: float, tmp_path: Path) -> None:
    """Before the fall or in it, a resumed run takes the steps that were planned when it was left."""
    choice = _choice()
    run = Training(CORPUS, choice.model, choice.training)
    for now, _ in _paced(run, choice, Clock(COURSES["throttled at once"])):
        if now > left_at:
            break
    assert run.plan.is_falling_at(run.step) == (left_at > 60)
    charrnn.save_checkpoint(run.checkpoint(), tmp_path / "run.npz")
    loaded = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
    resumed = _finish(Training.resume(CORPUS, loaded))
    whole = _finish(Training(CORPUS, run.network.config, run.config))
    assert whole.total_steps == run.total_steps
    _assert_same(resumed, whole)


# ---------------------------------------------------------------------------------- over-fitting


def _losses(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """Let evaluations find these validation losses, then the last of them for ever."""
    found = iter(losses)
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: next(found, losses[-1]))


def _evaluated(schedule: str, **settings: Any) -> Training:
    config = charrnn.TrainingConfig(
        **{**SIZES, "schedule": schedule, "steps": 100, "eval_every": 5, "patience": 3, **settings}
    )
    return Training(CORPUS, charrnn.ModelConfig(hidden_size=4, num_layers=1), config)


@pytest.mark.parametrize("schedule", charrnn.config.SCHEDULES)
def test_a_standstill_is_no_over_fitting(schedule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate that will fall to zero brings a loss down that stands still; another one does not."""
    _losses(monkeypatch, [2.0, 2.0 * (OVERFITTED - 0.001)])
    run = _finish(_evaluated(schedule))
    anneals = schedule in ("cosine", "trapezoid")
    assert run.stopped_early != anneals
    assert run.step == (100 if anneals else 20)


def test_over_fitting_ends_a_cosine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is clearly worse, again and again, will not come back."""
    _losses(monkeypatch, [2.0, 2.0 * (OVERFITTED + 0.001)])
    run = _finish(_evaluated("cosine"))
    assert run.stopped_early
    assert run.step == 20


def test_over_fitting_lets_a_trapezoid_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate falls at once, for its usual part of the run; then it ends if that does not help."""
    losses = [2.0, 2.5, 2.5, 2.5, 1.9]
    _losses(monkeypatch, losses)
    run = _evaluated("trapezoid")
    for report in run:
        if isinstance(report, Cooldown):
            break
        assert not run.finished
        assert not run.stopped_early
    assert report == Cooldown(20, 34)
    progress = run.checkpoint().progress
    assert progress is not None
    assert progress.stale_evaluations == 0  # patience begins anew
    _finish(run)
    assert (run.step, run.stopped_early, run.validation_loss) == (34, False, 1.9)
    _losses(monkeypatch, losses)
    again = _finish(Training(CORPUS, run.network.config, run.config))
    _assert_same(again, run)

    _losses(monkeypatch, [2.5, 2.4, 2.3, 2.2, 2.1, 2.0, 2.5])
    in_vain = _finish(_evaluated("trapezoid"))
    assert in_vain.stopped_early
    assert in_vain.step < in_vain.total_steps < 100
    assert in_vain.validation_loss == 2.0


def test_the_fall_survives_a_resume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run saved just when its rate was to fall lets it fall when it is resumed."""
    losses = [2.0, 2.5, 2.5, 2.5, 1.9]
    _losses(monkeypatch, losses)
    whole = _finish(_evaluated("trapezoid"))
    _losses(monkeypatch, losses)
    run = _evaluated("trapezoid")
    for report in run:
        if isinstance(report, Evaluation) and report.step == 20:
            break
    charrnn.save_checkpoint(run.checkpoint(), tmp_path / "run.npz")
    _losses(monkeypatch, losses[-1:])
    loaded = charrnn.load_checkpoint(tmp_path / "run.npz", with_progress=True)
    resumed = Training.resume(CORPUS, loaded)
    assert next(iter(resumed)) == Cooldown(20, 34)
    _assert_same(_finish(resumed), whole)


def test_the_fall_survives_a_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is not finite takes a run back to where its rate began to fall, not to its end."""
    _losses(monkeypatch, [2.0, 2.5, 2.5, 2.5, 1.9])
    run, recovered = _evaluated("trapezoid"), list[int]()
    for report in run:
        if isinstance(report, Step) and report.step == 23 and not recovered:
            run._progress.weights[:] = np.nan
        elif isinstance(report, Recovery):
            recovered.append(report.resumed_at)
    assert recovered == [20]
    assert (run.step, run.stopped_early, run.validation_loss) == (34, False, 1.9)


def test_noise_is_no_over_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worse validation loss counts only where the training loss is lower than at the best."""
    _losses(monkeypatch, [2.0, 2.5])
    run = _evaluated("cosine", steps=5)
    _finish(run)
    (best,) = run.history
    for change, over in ((0.1, False), (-0.1, True)):
        later = replace(best, validation_loss=2.5, train_loss=best.train_loss + change)
        assert is_overfitted(later, run.history) == over
    assert not is_overfitted(replace(best, validation_loss=2.01, train_loss=0.5), [best])
    perfect = replace(best, validation_loss=0.0)  # nothing is worse than none
    assert is_overfitted(replace(best, validation_loss=0.1, train_loss=0.5), [perfect])
    unknown = replace(best, validation_loss=None)
    assert not is_overfitted(replace(unknown, train_loss=0.5), [unknown])


def test_validation_is_bounded() -> None:
    """A long text keeps about a million characters for it, and whoever asks for more gets more."""
    ids = np.zeros(30_000_000, np.uint8)
    corpus = charrnn.Corpus(ids, charrnn.Vocabulary("ab"), ("long",), "")
    validation = divide(corpus, charrnn.TrainingConfig()).validation
    assert validation is not None
    assert validation.characters == pytest.approx(1_000_000, abs=2)
    asked = divide(corpus, charrnn.TrainingConfig(val_fraction=0.1))
    assert asked.validation is not None
    assert asked.validation.characters == 2_999_999


@pytest.mark.parametrize("asked", [{}, {"dropout": 0.3}])
def test_measured_is_what_will_run(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, float]
) -> None:
    """A machine is measured with the dropout of the run; its masks take time."""
    measured: list[charrnn.ModelConfig] = []

    def measure(_: charrnn.Corpus, model: charrnn.ModelConfig, *__: Any) -> tuple[float, float]:
        measured.append(model)
        return 1e-6 * model.hidden_size, 1.0

    monkeypatch.setattr(pace, "_measure", measure)
    choice = pace.choose_here(CORPUS, 60.0, asked, SIZES, lambda: 0.0)
    assert (
        {model.dropout for model in measured} == {choice.model.dropout} == {asked.get("dropout", 0)}
    )


@pytest.mark.parametrize(
    "asked", [{}, {"layer_norm": True}, {"layer_norm": False}, {"cell": "gru"}]
)
@pytest.mark.parametrize("budget", [1.0, 1e4])
def test_measured_is_the_form_that_will_run(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any], budget: float
) -> None:
    """Normalised or not: what was chosen for one speed is measured at its own, once more if it must be, and no more."""
    measured: list[charrnn.ModelConfig] = []

    def measure(_: charrnn.Corpus, model: charrnn.ModelConfig, *__: Any) -> tuple[float, float]:
        measured.append(model)
        return (1e-5 if model.layer_norm else 0.8e-5) * model.hidden_size, 1.0

    monkeypatch.setattr(pace, "_measure", measure)
    choice = pace.choose_here(CORPUS, budget, asked, SIZES, lambda: 0.0)
    last = measured[-1]
    assert last.layer_norm == choice.model.layer_norm
    each = 1e-5 if last.layer_norm else 0.8e-5
    assert choice.seconds_per_character == pytest.approx(each * choice.model.hidden_size, rel=0.1)
    if "layer_norm" in asked:
        assert {model.layer_norm for model in measured} == {asked["layer_norm"]}
    else:
        assert choice.model.layer_norm == (budget < 2)
        assert len({model.layer_norm for model in measured}) == 1 + (budget > 2)


def test_small_models_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a step takes in any case is not taken for something that shrinks with the model."""
    measured: list[int] = []

    def measure(_: charrnn.Corpus, model: charrnn.ModelConfig, *__: Any) -> tuple[float, float]:
        measured.append(model.hidden_size)
        return 1e-5 + 1e-11 * model.hidden_size**2, 1.0

    monkeypatch.setattr(pace, "_measure", measure)
    corpus = charrnn.Corpus.from_text(CORPUS.vocabulary.decode(CORPUS.ids[:200]))
    choice = pace.choose_here(corpus, 60.0, {}, {}, lambda: 0.0)
    assert 4 * choice.model.hidden_size < min(pace.MEASURED_SIZES)
    assert measured[-1] == choice.model.hidden_size
    assert choice.seconds_per_character == pytest.approx(1e-5, rel=0.01)


class Machine:
    """Stands in for what a step computes: it takes a time for each place of a chunk, filled or not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, per_place: float) -> None:
        self.now, self._per_place = 0.0, per_place
        monkeypatch.setattr(
            "charrnn.training.learner.Learner.look", lambda _, chunk, *__, **___: self.look(chunk)
        )
        monkeypatch.setattr("charrnn.training.learner.Learner.move", lambda *_: None)
        monkeypatch.setattr("time.perf_counter", lambda: self.now)

    def look(self, chunk: Chunk) -> tuple[float, float]:
        self.now += self._per_place * chunk.targets.size
        return float(chunk.predictions), 1.0


def _records() -> charrnn.Corpus:
    """Most are short, some long, so that few steps say little of all."""
    lengths = np.random.default_rng(0).lognormal(1.5, 1.0, 3000).astype(int) + 1
    lines = "\n".join("ab" * (length // 2) + "c" * (length % 2) for length in lengths)
    return charrnn.Corpus.from_text(lines, config=charrnn.TextConfig(records=True))


def test_what_records_leave_empty_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few steps are measured: the time for a character, and how many there are in a step."""
    corpus, machine = _records(), Machine(monkeypatch, 1e-3)
    sizes: dict[str, Any] = {"batch_size": 16, "seq_length": 20}
    model = charrnn.ModelConfig(hidden_size=4, num_layers=1)
    everything = charrnn.TrainingConfig(**sizes, steps=1, val_fraction=0.0)
    chunks = divide(corpus, everything).training
    one_pass = [chunks.chunk(n) for n in range(len(chunks))]
    for limit in (0.0, 1.0):
        per_character, filled = pace._measure(corpus, model, sizes, limit)
        computed = 1e-3 * sum(chunk.targets.size for chunk in one_pass)
        assert per_character == pytest.approx(computed / chunks.characters, rel=1e-6)
        assert filled == pytest.approx(chunks.characters / (len(chunks) * 16 * 20), rel=1e-6)
    assert machine.now < 6.0


def test_targets_that_are_longer_than_sources_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes what its targets take; of a character of a source it is the more, the fewer there are."""
    Machine(monkeypatch, 1e-3)
    lines = [f"{'ab'[n % 2]}{'cd'[n // 2 % 2]}\t{'word' * (5 + n % 7)}" for n in range(200)]
    examples = Examples.from_lines(lines, "seq2seq")
    model = charrnn.ModelConfig(task="seq2seq", hidden_size=4, num_layers=1)
    sizes = {"batch_size": 16, "seq_length": 50}
    everything = charrnn.TrainingConfig(**sizes, steps=1, val_fraction=0.0)  # type: ignore[arg-type]
    chunks = divide(examples, everything).training
    computed = 1e-3 * sum(chunks.chunk(n).targets.size for n in range(len(chunks)))
    per_character, _ = pace._measure(examples, model, sizes, 0.5)
    assert per_character == pytest.approx(computed / chunks.characters, rel=0.05)


@pytest.mark.parametrize("records", [True, False])
def test_how_often_the_text_is_seen_is_told_rightly(
    records: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that stays as it was measured, the passes that are told are those that are made."""
    machine = Machine(monkeypatch, 2e-4)
    corpus = _records() if records else charrnn.Corpus.from_text(make_text(600))
    shape, settings = {"hidden_size": 16, "num_layers": 1}, {"threads": 1}
    deadline = 60.0
    choice = pace.choose_here(corpus, deadline, shape, settings, lambda: machine.now)
    run = Training(corpus, choice.model, choice.training)
    assert run.total_steps / run.steps_per_epoch == pytest.approx(choice.epochs, rel=0.03)
    keeper = Pace(run, choice, deadline, lambda: machine.now)
    for report in run:
        keeper.after(report)
    assert run.step / run.steps_per_epoch == pytest.approx(choice.epochs, rel=0.1)


# ------------------------------------------------------------------------------ the command line


@pytest.mark.parametrize("asked", [("--layer-norm",), ("--no-layer-norm",), ()])
def test_minutes(run: Run, asked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what it chose and why, keeps what was set, and ends with a command for the same."""
    monkeypatch.setattr(pace, "MEASURING_SECONDS", 0.01)
    monkeypatch.setattr(pace, "MEASURED_SIZES", (8, 16))
    flags = ("--minutes", 0.02, "--seed", 3, "--sample-every", 0)
    outcome = run("train", "corpus.txt", *flags, *asked, "--num-layers", 1, "-o", "a.npz")
    assert outcome.code == 0, outcome.err
    lines = outcome.err.splitlines()
    for name in ("budget", "chosen", "reason"):
        assert [line for line in lines if line.startswith(f"{name}: ")]
    (repeat,) = [line for line in lines if line.startswith("repeat: ")]
    program, *words = shlex.split(repeat.removeprefix("repeat: "))
    assert program == "charrnn"
    for name in ("--steps", "--cooldown", "--threads", "--eval-every"):
        assert name in words
    assert "--cell" not in words  # an LSTM is the default
    normalized = content("a.npz")["model"]["layer_norm"]
    assert normalized == ("--layer-norm" in asked if asked else normalized)
    assert ("--layer-norm" in words) == normalized
    assert words[words.index("--seed") + 1] == "3"
    assert words[words.index("--num-layers") + 1] == "1"
    assert run(*words, "-o", "b.npz", "-q").code == 0
    one, other = content("a.npz"), content("b.npz")
    assert one["training"] == other["training"]
    for name in ("progress/weights", "progress/slots/m"):
        assert one["arrays"][name] == other["arrays"][name]


def test_minutes_from_a_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model to start from stays as it is; only how it is trained is chosen, what is dropped with it unless it is given."""
    monkeypatch.setattr(pace, "MEASURING_SECONDS", 0.01)
    tiny = ("--hidden-size", 8, "--num-layers", 1, "--dropout", 0.35, "--sample-every", 0)
    made = run("train", "corpus.txt", "--bytes", *tiny, "--steps", 3, "-o", "a.npz", "-q")
    assert made.code == 0
    flags = ("--init-from", "a.npz", "--minutes", 0.01, "--schedule", "constant")
    outcome = run("train", "corpus.txt", *flags, "-o", "b.npz")
    assert outcome.code == 0, outcome.err
    old, new = (charrnn.load_checkpoint(name) for name in ("a.npz", "b.npz"))
    drops: dict[str, Any] = {n: getattr(new.model.config, n) for n in ("dropout", "weight_drop")}
    assert drops["weight_drop"] == 0 <= drops["dropout"] <= TUNED_DROPOUT < 0.35
    assert new.model.config == replace(old.model.config, **drops)
    assert new.training.learning_rate < 0.5 * HIGHEST_RATE
    assert run("train", "corpus.txt", *flags, "--dropout", 0.35, "-o", "c.npz", "-q").code == 0
    assert charrnn.load_checkpoint("c.npz").model.config == old.model.config
    (repeat,) = [line for line in outcome.err.splitlines() if line.startswith("repeat: ")]
    assert "--bytes --init-from a.npz" in repeat
    assert "--hidden-size" not in repeat


def test_steps_and_epochs_replace_each_other(run: Run) -> None:
    """A run of so many steps can be resumed for more of them, or for epochs, and back."""
    tiny = ("--hidden-size", 4, "--num-layers", 1, "-q")
    assert run("train", "corpus.txt", *tiny, "--steps", 5, "-o", "a.npz").code == 0
    for option, value, steps in (("--steps", 7, 7), ("--epochs", 2, None), ("--steps", 60, 60)):
        assert run("train", "--resume", "a.npz", option, value, "-q").code == 0
        loaded = charrnn.load_checkpoint("a.npz", with_progress=True)
        assert loaded.progress is not None
        assert steps in (None, loaded.progress.step)
        assert (loaded.training.steps or loaded.training.epochs) == value
