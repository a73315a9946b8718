"""Training on several ranks, which here are threads: the same result, the same decisions, the same errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from ranks import on_ranks
from samples import content, make_text

import charrnn
from charrnn.cli.job import COMPARED, Balance, Pulse, in_turn, made_by_first, read_by_first
from charrnn.config import ModelConfig, TextConfig, TrainingConfig
from charrnn.errors import DivergenceError, InputError, RankError
from charrnn.nn.parallel import Shards
from charrnn.nn.world import World
from charrnn.text import cache
from charrnn.text.batches import Batches
from charrnn.text.chunks import Chunks, Segments, Streams, Watched
from charrnn.text.corpus import Corpus, load_corpus
from charrnn.text.examples import Examples
from charrnn.text.records import Records, Spans
from charrnn.training import alike
from charrnn.training.learner import Learner
from charrnn.training.pace import choose_here
from charrnn.training.reports import Recovery, Step
from charrnn.training.run import Evaluation
from charrnn.training.trainer import Training

TEXT = make_text(60)
RUN = TrainingConfig(
    steps=14, batch_size=8, seq_length=12, warmup=2, eval_every=5, learning_rate=0.02, threads=2
)
NET: dict[str, Any] = {"hidden_size": 7, "num_layers": 2, "dropout": 0.2, "weight_drop": 0.1}


def _data(kind: str) -> Corpus | Examples:
    lines = [line for line in TEXT.splitlines() if line][:70]
    if kind == "lm":
        corpus = Corpus.from_text(TEXT)
        return replace(corpus, parts=(len(corpus) // 2, len(corpus) - len(corpus) // 2))
    if kind == "records":
        return Corpus.from_text(TEXT, config=TextConfig(records=True))
    answers: dict[str, Callable[[str], str]] = {
        "classify": lambda line: line[0],
        "tag": lambda line: "".join("01"[c.isalpha()] for c in line),
        "seq2seq": lambda line: line[:6][::-1],
        "conditional": lambda line: line[0],
    }
    return Examples.from_lines([f"{line}\t{answers[kind](line)}" for line in lines], kind)


KINDS = ("lm", "records", "classify", "tag", "conditional", "seq2seq")


def _model(kind: str) -> ModelConfig:
    return ModelConfig(**NET, task="lm" if kind == "records" else kind)


def _save(training: Training, path: Path) -> None:
    checkpoint = training.checkpoint()
    if training.world.is_first:
        charrnn.save_checkpoint(checkpoint, path)


def _run(
    data: Corpus | Examples,
    config: TrainingConfig,
    path: Path,
    ranks: int = 1,
    *,
    kind: str = "lm",
    steps: int = 10**9,
    resumed: Path | None = None,
) -> list[list[Any]]:
    """Train to the end, or for some steps, and save; what each rank was told."""

    def work(world: World) -> list[Any]:
        if resumed:
            saved = charrnn.load_checkpoint(resumed, with_progress=True)
            config_now = replace(saved.training, threads=config.threads)
            training = Training.resume(data, saved, config_now, world)
        else:
            training = Training(data, _model(kind), config, world)
        reports = list[Any](training.notices)
        for report in training:
            reports.append(report)
            if isinstance(report, Step) and training.step >= steps:
                break
        _save(training, path)
        return reports

    return on_ranks(ranks, work)


def _untimed(reports: list[Any]) -> list[Any]:
    return [replace(r, seconds=0.0) if isinstance(r, Evaluation) else r for r in reports]


@pytest.mark.parametrize("kind", KINDS)
def test_ranks_are_threads_to_the_last_bit(kind: str, tmp_path: Path) -> None:
    """Weights, states, generators, evaluations: the file does not tell where its parts were computed."""
    data, one, two = _data(kind), tmp_path / "one.npz", tmp_path / "two.npz"
    (alone,) = _run(data, RUN, one, kind=kind)
    each = _run(data, RUN, two, 2, kind=kind)
    assert content(one) == content(two)
    for reports in each:
        assert _untimed(reports) == _untimed(alone)


@pytest.mark.parametrize(("ranks", "parts"), [(4, 4), (2, 4), (3, 3), (2, 6)])
def test_any_number_of_them(ranks: int, parts: int, tmp_path: Path) -> None:
    """Powers of two and others."""
    data, config = _data("lm"), replace(RUN, threads=parts)
    _run(data, config, tmp_path / "one.npz")
    _run(data, config, tmp_path / "more.npz", ranks)
    assert content(tmp_path / "one.npz") == content(tmp_path / "more.npz")


@pytest.mark.parametrize("first", [1, 2, 4])
@pytest.mark.parametrize("then", [1, 2, 4])
def test_other_ranks_go_on_exactly(first: int, then: int, tmp_path: Path) -> None:
    """As long as there are as many parts in all."""
    data, config = _data("records"), replace(RUN, threads=4)
    _run(data, config, tmp_path / "whole.npz")
    half = tmp_path / "half.npz"
    _run(data, config, half, first, steps=7)
    _run(data, config, tmp_path / "again.npz", then, resumed=half)
    assert content(tmp_path / "whole.npz") == content(tmp_path / "again.npz")


@pytest.mark.parametrize(
    ("ranks", "threads", "parts"), [(1, 3, 3), (4, 2, 4), (3, 2, 3), (2, 6, 6)]
)
def test_other_parts_go_on_and_say_so(ranks: int, threads: int, parts: int, tmp_path: Path) -> None:
    """With new generators, the same each time."""
    data, half = _data("lm"), tmp_path / "half.npz"
    _run(data, RUN, half, steps=7)
    config = replace(RUN, threads=threads)
    ends = []
    for name in ("a.npz", "b.npz"):
        each = _run(data, config, tmp_path / name, ranks, resumed=half)
        for reports in each:
            notes = [note for note in reports if isinstance(note, str)]
            told = [
                note for note in notes if "share" not in note
            ]  # as few processors as there may be
            assert told == [
                f"batches are computed in {parts} parts now, and were in 2: the run goes on, but not bit for bit as it would have"
            ]
        ends.append(content(tmp_path / name))
    assert ends[0] == ends[1]
    assert ends[0]["training"]["threads"] == parts
    assert ends[0]["history"][-1]["step"] == 14


# What is read.


class _Watching:
    """Numbers that know which of them were asked for."""

    def __init__(self, ids: NDArray[Any]) -> None:
        self.ids, self.asked = ids, set[int]()

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, places: Any) -> Any:
        self.asked.update(np.asarray(places).ravel().tolist())
        return self.ids[places]


def test_a_rank_reads_its_columns_alone() -> None:
    """Of a text on disk nothing else is fetched."""
    ids = _Watching(np.arange(1001) % 7)
    streams = Streams(ids, 8, 10)
    streams.chunk(3, slice(2, 4))
    assert min(ids.asked) >= 2 * 125
    assert max(ids.asked) <= 4 * 125


def _chunks() -> dict[str, Chunks]:
    ids = np.tile(np.arange(7), 300)
    spans = Spans.after_another(np.random.default_rng(0).integers(2, 40, 50).tolist())
    examples = {kind: _data(kind) for kind in ("classify", "tag", "seq2seq")}
    batches = {
        kind: Batches(data, np.arange(len(data.spans)), 8, 0)
        for kind, data in examples.items()
        if isinstance(data, Examples)
    }
    streams = Streams(ids, 6, 11)
    return {
        "streams": streams,
        "watched": Watched(streams, lambda: None),
        "segments": Segments(ids, overlap=20),
        "records": Records(ids, spans, 7, 9, 0),
        **batches,
    }


@pytest.mark.parametrize("kind", _chunks())
def test_what_a_chunk_holds_is_known_before_it_is_read(kind: str) -> None:
    """Its columns and its predictions, also of a further pass; and some columns are those of the whole."""
    chunks = _chunks()[kind]
    for index in range(2 * len(chunks) + 1):
        whole = chunks.chunk(index)
        assert chunks.extent(index) == (len(whole.fresh), whole.predictions)
        columns = slice(1, 1 + len(whole.fresh) // 2)
        some, same = chunks.chunk(index, columns), whole.part(columns)
        for name, array in vars(same).items():
            np.testing.assert_array_equal(getattr(some, name), array)


def test_too_narrow_batches() -> None:
    """More ranks than columns: nothing to do for some."""

    def work(world: World) -> str:
        with pytest.raises(InputError) as error:
            Training(_data("lm"), _model("lm"), replace(RUN, batch_size=3), world)
        return str(error.value)

    (told,) = {*on_ranks(4, work)}
    assert told.endswith(
        "make batches of 3 streams (--batch-size), which 4 ranks cannot share; start 3 at most"
    )


# Apart.


def test_ranks_that_learn_apart_meet(tmp_path: Path) -> None:
    """Every so many steps, and before each evaluation; from there on they are one again."""
    config = replace(RUN, steps=23, reduce_every=4, eval_every=10, batch_size=8)
    each = _run(_data("lm"), config, tmp_path / "m.npz", 2)
    assert _untimed(each[0]) == [
        replace(other, gradient_norm=own.gradient_norm) if isinstance(own, Step) else other
        for own, other in zip(_untimed(each[0]), _untimed(each[1]), strict=True)
    ]
    steps = [report for report in each[0] if isinstance(report, Step)]
    assert [step.step for step in steps] == [4, 8, 10, 12, 16, 20, 23]
    assert sum(step.characters for step in steps) == pytest.approx(23 * 8 * 12, rel=0.05)
    losses = [step.loss for step in steps]
    assert losses[-1] < losses[0]
    # Each rank's gradient is of its columns, and steps are others than those made together.
    _run(_data("lm"), replace(config, reduce_every=1), tmp_path / "one.npz", 2)
    assert content(tmp_path / "m.npz")["arrays"] != content(tmp_path / "one.npz")["arrays"]


def test_what_is_learnt_apart_is_a_mean() -> None:
    """Of weights and of the optimiser's averages: by hand, each half of the columns goes its own way from the same start."""
    plain = ModelConfig(hidden_size=6, num_layers=1, dropout=0.0)
    config = replace(RUN, steps=5, eval_every=100, ema=0.9)

    def apart(world: World) -> dict[str, NDArray[Any]]:
        training = Training(_data("lm"), plain, replace(config, reduce_every=3), world)
        assert next(iter(training)).step == 3
        return {"weights": training._progress.weights, **training._progress.slots}

    found = on_ranks(2, apart)
    ways = []
    for rank in range(2):
        training = Training(_data("lm"), plain, config)
        text, columns = training._division.training, slice(4 * rank, 4 * rank + 4)
        progress = training._progress.copy()
        progress.state = progress.state[..., columns].copy()
        progress = progress.respawned(1, 0)
        learner = Learner(training.network.compiled(), progress, training.config, Shards(1))
        for step in range(3):
            chunk = text.chunk(step, columns)
            learner.look(chunk, chunk.extent)
            learner.move(training._rate(step))
        ways.append({"weights": progress.weights, **progress.slots})
    assert found[0].keys() == {"weights", "m", "v", "average"}
    for name, vector in found[0].items():
        np.testing.assert_array_equal(vector, found[1][name])
        np.testing.assert_array_equal(vector, (ways[0][name] + ways[1][name]) / 2)
        assert not np.array_equal(ways[0][name], ways[1][name])


def test_a_wrong_step_apart_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that was not finite in the middle, on one rank alone, takes all back when they meet."""
    look = Learner.look

    def odd(self: Learner, *arguments: Any, **named: Any) -> tuple[float, float]:
        loss, norm = look(self, *arguments, **named)
        broken = self.progress.step == 1 and self._shards.world.rank == 1
        return (np.nan if broken else loss), norm

    monkeypatch.setattr(Learner, "look", odd)

    def work(world: World) -> list[Any]:
        config = replace(RUN, reduce_every=4, eval_every=100)
        training = Training(_data("lm"), _model("lm"), config, world)
        reports = iter(training)
        return [next(reports), training.step]

    first, second = on_ranks(2, work)
    assert first == second == [Recovery(4, 0, 0.5, 1), 0]


@pytest.mark.parametrize("reduce_every", [1, 3])
def test_all_go_back_at_once(reduce_every: int) -> None:
    """A loss that is not finite on one rank is one for all, and so is giving up."""

    def work(world: World) -> list[Any]:
        config = replace(RUN, reduce_every=reduce_every, steps=9, eval_every=100, threads=2)
        training = Training(_data("lm"), _model("lm"), config, world)
        found = list[Any]()
        with pytest.raises(DivergenceError):
            for report in training:
                found.append(report)
                if world.rank == 1 or reduce_every == 1:  # if weights differ, where it shows
                    training._progress.weights[:] = np.nan
        return [r for r in found if isinstance(r, Recovery)]

    first, second = on_ranks(2, work)
    assert first == second
    assert [recovery.attempt for recovery in first] == [1, 2, 3]


# What would go wrong unseen.


@pytest.mark.parametrize("vector", ["weights", "m", "v", "average"])
def test_weights_that_differ_are_noticed(vector: str) -> None:
    """At the next evaluation, however little; averages, too, which are what is kept."""

    def work(world: World) -> str:
        training = Training(_data("lm"), _model("lm"), RUN, world)
        with pytest.raises(RankError) as error:
            for report in training:
                if isinstance(report, Step) and report.step == 4 and world.rank == 1:
                    progress = training._progress
                    {"weights": progress.weights, **progress.slots}[vector][3] *= 1 + 2e-7
        return str(error.value)

    (told,) = {*on_ranks(2, work)}
    assert told.startswith(
        "at step 5 rank 1 (machine-1) has come to other weights than rank 0 (machine-0)"
    )


def test_texts_that_differ_are_noticed() -> None:
    """Before anything is learnt from them."""

    def work(world: World) -> str:
        text = TEXT if world.is_first else TEXT.replace("naïve", "naive!")
        corpus = Corpus.from_text(text, vocabulary=Corpus.from_text(TEXT).vocabulary)
        with pytest.raises(InputError, match="the ranks differ in their texts") as error:
            Training(corpus, _model("lm"), RUN, world)
        return str(error.value)

    (told,) = {*on_ranks(2, work)}
    assert told.endswith("copy the same files to all machines")


class _OfThread:
    """Words that a rank's thread may have others of."""

    def __init__(self, words: str) -> None:
        self.words, self.own = words, threading.local()

    def __str__(self) -> str:
        return str(getattr(self.own, "words", self.words))


@pytest.mark.parametrize("what", ["versions", "form", "processors", "results"])
def test_programs_that_differ_are_noticed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions, who computes, processors, and what their libraries make of the same numbers."""
    version, machine = _OfThread("1.0"), _OfThread("x86_64")
    monkeypatch.setattr(alike, "__version__", version)
    monkeypatch.setattr("charrnn.training.alike.platform.machine", lambda: str(machine))
    intact = np.exp

    def exp(x: Any) -> Any:
        odd = getattr(version.own, "odd", False) and what == "results"
        return np.nextafter(intact(x), np.float32(0)) if odd else intact(x)

    monkeypatch.setattr("charrnn.training.alike.np.exp", exp)

    def work(world: World) -> str:
        version.own.odd = odd = world.rank == 1
        if odd and what == "versions":
            version.own.words = "2.0"
        if odd and what == "processors":
            machine.own.words = "aarch64"
        form = "numpy" if odd and what == "form" else "numba"
        with pytest.raises(InputError) as error:
            alike.require_alike(world, form, _data("lm"))
        return str(error.value)

    (told,) = {*on_ranks(2, work)}
    words = {"versions": "their versions", "form": "how they compute"}
    assert f"the ranks differ in {words.get(what, 'their processors')}: " in told


def test_programs_that_are_alike() -> None:
    """Pass, each time; what is tried out is the same each time."""
    on_ranks(2, lambda world: alike.require_alike(world, "numpy", _data("lm")))
    assert alike._trial() == alike._trial()


def test_crowded_processors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each machine once; ranks on others have their own."""
    monkeypatch.setattr("charrnn.nn.parallel.available_processors", lambda: 2)

    def work(world: World, threads: int) -> list[str]:
        world.place = "ab"[world.rank // 2]
        config = replace(RUN, threads=threads)
        return Training(_data("lm"), _model("lm"), config, world).notices

    assert on_ranks(4, lambda world: work(world, 4)) == [[]] * 4
    for told in on_ranks(4, lambda world: work(world, 8)):
        assert told == [
            f"2 ranks with 2 threads each share 2 processors of {place} and get in each other's way; start fewer there, or take fewer --threads"
            for place in "ab"
        ]


def test_processors_without_work_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a job, where batches are narrow and threads were not asked for."""
    monkeypatch.setattr("charrnn.nn.parallel.available_processors", lambda: 8)

    def work(world: World, threads: int = 0) -> list[str]:
        config = replace(RUN, threads=threads, batch_size=32, seq_length=4)
        return Training(_data("lm"), _model("lm"), config, world).notices

    for (told,) in on_ranks(2, work):
        assert (
            told
            == "each rank takes 1 of the 8 processors that it has: batches of 32 streams are wide enough for no more (16 each); --threads or --batch-size takes more"
        )
    assert on_ranks(2, lambda world: work(world, threads=2)) == [[], []]


def test_very_many_parts_of_a_process_alone_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of many machines that one goes on with."""
    monkeypatch.setattr(alike, "available_processors", lambda: 1)
    assert Training(_data("lm"), _model("lm"), replace(RUN, threads=4)).notices == []
    (told,) = Training(_data("lm"), _model("lm"), replace(RUN, threads=5)).notices
    assert told.startswith("batches are computed in 5 parts, on as many threads, for which 1 proc")


# What the command line does with them.


def test_a_signal_of_one_is_one_of_all() -> None:
    """And the time is the first one's."""

    def work(world: World) -> tuple[list[int], float, float]:
        pulse = Pulse(world)
        beats = [pulse.beat(15 if world.rank == 2 and n == 1 else 0) for n in range(2)]
        return beats, pulse.now(), pulse.now()

    found = on_ranks(3, work)
    assert [beats for beats, *_ in found] == [[0, 15]] * 3
    assert len({time for _, *times in found for time in times}) == 1


@pytest.mark.parametrize("ratio", [1.2, 3.0])
def test_ranks_of_other_speed_are_told(ratio: float) -> None:
    """Once: who it is, and how slow, by what its steps take without waiting; a step or two tell nothing."""

    def work(world: World) -> list[str]:
        told = list[str]()
        training = Training(_data("lm"), _model("lm"), replace(RUN, steps=2 * COMPARED), world)
        balance = Balance(training, told.append)
        for n, report in enumerate(training):
            training.busy = 100.0 if n < 3 else ratio if world.rank == 1 else 1.0
            balance.after(report)
        return told

    for told in on_ranks(2, work):
        wanted = ["notice: rank 1 (machine-1) takes 3.0 times as long "] * (ratio > 2)
        assert [line[:51] for line in told] == wanted


def test_what_a_rank_waits_is_not_its_own_time() -> None:
    """Who is slow is told by what it does, not by when all are done."""

    def work(world: World) -> float:
        training = Training(_data("lm"), _model("lm"), RUN, world)
        look = training._learner.look

        def slow(*arguments: Any, **named: Any) -> tuple[float, float]:
            time.sleep(0.1 * world.rank)
            return look(*arguments, **named)

        training._learner.look = slow  # type: ignore[method-assign]
        reports = iter(training)
        next(reports)
        next(reports)
        return training.busy

    first, second = on_ranks(2, work)
    assert second - first > 0.05


def test_the_first_makes_and_all_have() -> None:
    """What is made once; and what each makes, those of one machine after its first."""
    made = list[int]()

    def make() -> int:
        made.append(0)
        return 7

    assert on_ranks(3, lambda world: made_by_first(world, make)) == [7] * 3
    assert made == [0]
    order = list[int]()

    def each(world: World) -> None:
        world.place = "ab"[world.rank // 2]
        in_turn(world, lambda: order.append(world.rank))

    on_ranks(4, each)
    assert {*order[:2]} == {0, 2}
    assert {*order[2:]} == {1, 3}


@pytest.mark.parametrize("shared", [True, False], ids=["one disk", "each its own"])
def test_a_large_text_is_opened_by_each(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the file that the first one made, or one of its own where that is out of reach; then all learn from it."""
    monkeypatch.setattr("charrnn.text.corpus.IN_MEMORY", 100)
    path = tmp_path / "large.txt"
    path.write_text(TEXT, encoding="utf-8")
    written = list[Path]()
    store = cache.store

    def noted(folder: Path, key: str, parts: Any) -> None:
        written.append(folder)
        store(folder, key, parts)

    monkeypatch.setattr(cache, "store", noted)

    def work(world: World) -> tuple[bool, Any]:
        folder = tmp_path / ("cache" if shared else f"cache-{world.rank}")
        read = lambda: (0, load_corpus([path], cache_folder=folder), RUN)  # noqa: E731
        start, text, config = read_by_first(world, folder, read)
        assert isinstance(text, Corpus)
        assert (start, config) == (0, RUN)
        training = Training(text, _model("lm"), RUN, world)
        for _ in training:
            pass
        return text.stored is not None, training._progress.weights.tobytes()

    first, second = on_ranks(2, work)
    assert first == second
    assert first[0]
    assert len(written) == (1 if shared else 2)


def test_another_large_text_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same name on another machine."""
    monkeypatch.setattr("charrnn.text.corpus.IN_MEMORY", 100)
    path = tmp_path / "large.txt"
    path.write_text(TEXT, encoding="utf-8")

    def work(world: World) -> None:
        folder = tmp_path / f"cache-{world.rank}"

        def read() -> tuple[int, Corpus, TrainingConfig]:
            corpus = load_corpus([path], cache_folder=folder)
            path.write_text(TEXT.replace("best", "test"), encoding="utf-8")
            return 0, corpus, RUN

        read_by_first(world, folder, read)

    with pytest.raises(RankError, match="not the text that rank 0 has"):
        on_ranks(2, work)


def test_a_budget_is_one_for_all() -> None:
    """Measured together, by the first one's clock: each chooses the same."""
    corpus = Corpus.from_text(make_text(400))

    def work(world: World) -> Any:
        clock = world.agreed(time.monotonic)
        return choose_here(corpus, clock() + 2.0, {}, {"threads": 2}, clock, world)

    first, second = on_ranks(2, work)
    assert first == second
    assert first.training.threads == 2
