"""Search for the likeliest target: against all there are, against the greedy loop, alone and in company."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from charrnn.config import ModelConfig, SearchConfig
from charrnn.errors import CheckpointError, InputError
from charrnn.models import retracing, rewriting
from charrnn.models.character_model import CharacterModel
from charrnn.models.decoding import Decoding
from charrnn.models.reading import side_by_side
from charrnn.models.retracing import Retraced, alignment, expected
from charrnn.models.rewriting import Rewriter, Rewriting
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk
from charrnn.text.labels import Labels
from charrnn.text.vocabulary import Vocabulary

SOURCES = ["abca", "b", "cc", "bacabc"]


def _model(
    seed: int = 0, names: str = "xy", cell: str = "gru", attention: str = "general", **more: object
) -> CharacterModel:
    """One of random numbers, large enough for clear preferences."""
    config = ModelConfig(
        task="seq2seq",
        cell=cell,
        hidden_size=5,
        num_layers=2,
        attention=attention,
        **more,  # type: ignore[arg-type]
    )
    rng = np.random.default_rng(seed)
    model = CharacterModel.fresh(config, Vocabulary("abc"), rng, Labels(names))
    model.parameters.flat[...] = 0.8 * rng.standard_normal(model.parameters.flat.size)
    return model


def _nats(
    model: CharacterModel, source: str, target: tuple[int, ...], *, ends: bool = True
) -> float:
    """Minus the log-probability of a target, by teacher forcing."""
    net, workspace = model.network, Workspace()
    assert isinstance(net, Seq2Seq)
    x, lengths = side_by_side([model.vocabulary.encode(source)])
    symbols = np.array([*target, *([net.end] if ends else [])])[:, None]
    if not len(symbols):
        return 0.0
    counted = np.ones(symbols.shape, np.bool_)
    chunk = Chunk(x.astype(np.intp), symbols, np.ones(1, np.bool_), counted, lengths)
    return float(net.nats(model.parameters, chunk, workspace).sum(dtype=np.float64))


def _rewritten(
    model: CharacterModel, sources: list[str], beam: int, top: int = 1
) -> list[list[Rewriting]]:
    return Rewriter([model], search=SearchConfig(beam, top))(sources)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Targets of four symbols at most."""
    monkeypatch.setattr(rewriting, "PER_CHARACTER", 0)
    monkeypatch.setattr(rewriting, "SPARE", 4)
    return 4


@pytest.mark.parametrize("penalty", [0.0, 0.7])
@pytest.mark.parametrize("attention", ["general", "monotonic", "none"])
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_beam_that_is_wide_enough_finds_the_best(
    cell: str, attention: str, penalty: float, short: int
) -> None:
    """Of all targets there are, in order, with their probabilities; what is as long as can be needs no end."""
    model = _model(3, cell=cell, attention=attention)

    def cost(one: Rewriting) -> float:
        return float(one.nats / max(1, len(one.symbols)) ** penalty)

    for source in SOURCES:
        every = [
            Rewriting(target, _nats(model, source, target, ends=length < short))
            for length in range(short + 1)
            for target in itertools.product((0, 1), repeat=length)
        ]
        every.sort(key=lambda one: (len(one.symbols) == short, cost(one)))
        search = SearchConfig(beam=100, top=6, length_penalty=penalty)
        (found,) = Rewriter([model], search=search)([source])
        assert [one.symbols for one in found] == [one.symbols for one in every[:6]]
        np.testing.assert_allclose(
            [one.nats for one in found], [one.nats for one in every[:6]], rtol=1e-4
        )


both_ways = pytest.mark.parametrize("attention", ["general", "monotonic"])


@both_ways
@pytest.mark.parametrize("seed", range(3))
def test_a_beam_of_one_is_greedy(seed: int, attention: str) -> None:
    """The likeliest symbol at each step, until the end is that."""
    model = _model(seed, "xyz", attention=attention)
    for source, found in zip(SOURCES, _rewritten(model, SOURCES, beam=1), strict=True):
        target: tuple[int, ...] = ()
        most = rewriting.PER_CHARACTER * len(source) + rewriting.SPARE
        while len(target) < most:
            p = expected(model, source, target)[-1]
            if p.argmax() == len(model.labels):
                break
            target += (int(p.argmax()),)
        (only,) = found
        assert only.symbols == target
        assert only.nats == pytest.approx(
            _nats(model, source, target, ends=len(target) < most), rel=1e-4
        )


def _plain_search(
    model: CharacterModel, source: str, width: int, penalty: float
) -> list[tuple[int, ...]]:
    """All targets that a beam finds that is never given up: one beginning after the other, with the probabilities of teacher forcing."""
    most = rewriting.PER_CHARACTER * len(source) + rewriting.SPARE
    beam: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    finished: list[tuple[float, tuple[int, ...]]] = []
    end = len(model.labels)
    for _ in range(most):
        further = []
        for nats, target in beam:
            p = expected(model, source, target)[-1]
            further += [(nats - math.log(p[k]), target, k) for k in range(end + 1)]
        further = sorted(further)[:width]
        finished += [(nats / max(1, len(t)) ** penalty, t) for nats, t, k in further if k == end]
        beam = [(nats, (*target, k)) for nats, target, k in further if k != end]
    return [target for _, target in sorted(finished)]


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.5])
@pytest.mark.parametrize("width", [2, 3])
def test_a_search_that_is_given_up_finds_as_much(
    width: int, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends where nothing that is underway could become one of the best, and not before."""
    monkeypatch.setattr(rewriting, "PER_CHARACTER", 1)
    monkeypatch.setattr(rewriting, "SPARE", 8)
    for seed in range(4):
        model = _model(seed, "xyz", attention="none")
        model.parameters["c"][-1] += 1  # so that targets end
        for source in ("abca", "b"):
            slow = _plain_search(model, source, width, penalty)
            for top in range(1, width + 1):
                search = SearchConfig(width, top, penalty)
                (found,) = Rewriter([model], search=search)([source])
                ended = [one.symbols for one in found if one.ended]
                assert ended == slow[: len(found)], (seed, source)


def test_who_overflows_disturbs_nobody() -> None:
    """What goes on beside a source that has ended may overflow: that is no answer of anyone."""
    model = _model(cell="rnn-relu", attention="none")
    for name in model.parameters:
        if name.startswith("decoder") and name.endswith("W"):
            model.parameters[name][...] = 4 * np.eye(5)
    model.parameters["c"][-1] = 1e30  # each ends at once
    texts = ["ab", "abc" * 40]
    alone = [Rewriter([model])([text])[0][0].symbols for text in texts]
    assert [one[0].symbols for one in Rewriter([model])(texts)] == alone == [(), ()]


def test_a_search_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a step or two, where the likeliest target is found at once and nothing else comes near it, however long the source is."""
    model, steps = _model(1), list[int]()
    model.parameters["V"][...], model.parameters["c"][...] = 0, (0, 0, 6)
    step = Decoding.step

    def counted(self: Decoding, ids: NDArray[np.intp]) -> Array:
        steps.append(1)
        return step(self, ids)

    monkeypatch.setattr(Decoding, "step", counted)
    (found,) = _rewritten(model, ["abc" * 50], beam=5)
    assert found[0].symbols == ()
    assert len(steps) <= 2


def test_no_search_runs_for_ever() -> None:
    """A model that never ends a target is stopped, after so many symbols as its source allows."""
    model = _model()
    model.parameters["V"][-1] = 0
    model.parameters["c"][-1] = -1e4
    for source, found in zip(SOURCES, _rewritten(model, SOURCES, beam=2), strict=True):
        assert len(found[0].symbols) == rewriting.PER_CHARACTER * len(source) + rewriting.SPARE
        assert not found[0].ended


@both_ways
def test_alone_and_in_company(attention: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who stands beside a source nor how many there are changes what is made of it; without characters it is nothing."""
    model = _model(1, "xyz", attention=attention)
    many = [*SOURCES, "", *reversed(SOURCES)] * 20
    rewriter = Rewriter([model], search=SearchConfig(top=3))
    alone = {source: rewriter([source])[0] for source in ("", *SOURCES)}
    assert alone[""] == []
    monkeypatch.setattr(rewriting, "TOGETHER", 7)
    for source, found in zip(many, rewriter(many), strict=True):
        assert [one.symbols for one in found] == [one.symbols for one in alone[source]]
        np.testing.assert_allclose(
            [one.nats for one in found], [one.nats for one in alone[source]], rtol=1e-4
        )
    assert rewriter([]) == []


def test_the_best_come_first() -> None:
    found = _rewritten(_model(2, "xyz"), SOURCES, beam=3, top=5)
    for each in found:
        assert len(each) == 5
        assert len({one.symbols for one in each}) == 5
        assert [one.nats for one in each] == sorted(one.nats for one in each)


def test_several_models_write_together(short: int) -> None:
    """The mean of their probabilities counts, at each symbol, whatever the order of their symbols."""
    one, other = _model(1, "xy"), _model(5, "yx", attention="monotonic")
    for source in SOURCES:
        ((best, *_),) = Rewriter([one, other], search=SearchConfig(beam=50))([source])
        own = [0 if n else 1 for n in best.symbols]  # the same names, in the other's numbers
        p, q = expected(one, source, best.symbols), expected(other, source, own)[:, [1, 0, 2]]
        mean, numbers = (p + q) / 2, [*best.symbols, 2][: len(best.symbols) + 1]
        steps = min(len(numbers), short)
        nats = -sum(math.log(mean[place, numbers[place]]) for place in range(steps))
        assert best.nats == pytest.approx(nats, rel=1e-4)
    with pytest.raises(InputError, match="write the same symbols"):
        Rewriter([one, _model(1, "xyz")])
    lm = CharacterModel.fresh(ModelConfig("gru", 4), Vocabulary("abc"), np.random.default_rng(0))
    with pytest.raises(InputError, match="a model for lm makes no text of another one"):
        Rewriter([lm])


def test_alignment() -> None:
    """A row for each symbol and the end, each adding up to one."""
    model = _model(1)
    weights = alignment(model, "abca", (0, 1, 1))
    assert weights is not None
    assert weights.shape == (4, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert alignment(_model(attention="none"), "abca", (0,)) is None
    for one in (model, _model(2, attention="monotonic")):
        probabilities = expected(one, "abca", (0, 1, 1))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        nats = -np.log(probabilities[range(4), [0, 1, 1, 2]]).sum()
        assert nats == pytest.approx(_nats(one, "abca", (0, 1, 1)), rel=1e-5)
    walked = alignment(one, "abca", (0, 1, 1))
    assert walked is not None
    assert walked.shape == (4, 4)
    assert (walked.sum(axis=1) <= 1 + 1e-5).all()  # the rest is at the marks
    assert walked.min() >= 0


@pytest.mark.parametrize("places", [1, 60, 1 << 14])
@pytest.mark.parametrize("attention", ["general", "monotonic"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_alignments_side_by_side(
    cell: str, attention: str, places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of many are those of each alone, up to rounding, in order, whatever their lengths and however many are read at once."""
    monkeypatch.setattr(retracing, "PLACES", places)
    model = _model(1, cell=cell, attention=attention)
    pairs = [
        (source, target) for source in SOURCES for target in ((), (0,), (0, 1, 1), (1,) * 9)
    ] * 2
    texts, targets = [source for source, _ in pairs], [target for _, target in pairs]
    together = list(Rewriter([model]).alignments(texts, targets))
    assert len(together) == len(pairs)
    for (source, target), weights in zip(pairs, together, strict=True):
        alone = alignment(model, source, target)
        assert weights is not None
        assert alone is not None
        assert weights.shape == (len(target) + 1, len(source))
        np.testing.assert_allclose(weights, alone, atol=1e-6)


def test_where_there_are_no_alignments() -> None:
    """Without attention, of several models, of nothing."""
    bare, model = _model(attention="none"), _model()
    assert list(Rewriter([bare]).alignments(SOURCES, [(0,)] * 4)) == [None] * 4
    assert list(Rewriter([model, model]).alignments(SOURCES, [(0,)] * 4)) == [None] * 4
    assert list(Rewriter([model]).alignments([], [])) == []


def test_alignments_are_read_as_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some at a time, so that those of many long texts need not be held at once."""
    monkeypatch.setattr(retracing, "PLACES", 1)
    read: list[int] = []
    again = Retraced.alignments

    def counted(self: Retraced) -> list[Array | None]:
        read.append(1)
        return again(self)

    monkeypatch.setattr(Retraced, "alignments", counted)
    found = Rewriter([_model()], threads=2).alignments(SOURCES, [(0,)] * 4)
    next(found)
    assert len(read) == 2


def test_overflow_is_told() -> None:
    model = _model()
    model.parameters["c"][0] = np.inf
    with pytest.raises(CheckpointError, match="overflow"):
        Rewriter([model])(["abc"])
