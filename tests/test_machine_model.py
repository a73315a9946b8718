"""``benchmarks/machines.py``: what its model of a cost must say where the answer is known."""

from __future__ import annotations

import importlib
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from charrnn.config import ModelConfig
from charrnn.models.character_model import CharacterModel
from charrnn.text.vocabulary import Vocabulary

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).resolve().parents[1] / "benchmarks")
    machines: Any = importlib.import_module("machines")

MODEL = ModelConfig(hidden_size=512, num_layers=2)
NET = machines.Net.of(MODEL, 100)
NODE = machines.Node(threads=2, flops=2e11, memory=2e10)
LINK = machines.Link(bandwidth=1.25e9, latency=30e-6)
LENGTH, STREAMS = 100, 64
RANKS = tuple(1 << k for k in range(9))


def _step(ranks: int, streams: float = STREAMS, link: Any = LINK, **settings: Any) -> Any:
    return machines.step(NET, NODE, link, ranks, streams, LENGTH, **settings)


def test_net() -> None:
    """Parameters are those of the model itself; what lies below the highest layer is one square of four gates."""
    vocabulary = Vocabulary("".join(map(chr, range(100, 200))))
    model = CharacterModel.fresh(MODEL, vocabulary, np.random.default_rng(0))
    assert NET.parameters == model.parameters.flat.size
    assert NET.bytes == model.parameters.flat.nbytes
    assert NET.weights == 3 * 4 * 512**2 + 100 * 512
    assert NET.lower == 4 * 512**2
    assert machines.Net.of(ModelConfig(num_layers=1), 100).lower == 0


def test_one_rank_tells_nobody() -> None:
    one = _step(1)
    assert (one.communication, one.hidden) == (0, 0)
    assert one.seconds == one.compute + one.update
    assert machines.allreduce_seconds(NET.bytes, 1, LINK, NODE.memory) == 0


def test_arithmetic() -> None:
    """Six operations for each weight and character, and what each thread has to do however few there are."""
    busy = STREAMS + NODE.beside * NODE.threads
    assert _step(1).compute == pytest.approx(6 * NET.weights * busy * LENGTH / NODE.flops)
    assert _step(1, busy + STREAMS).compute == pytest.approx(2 * _step(1).compute)
    assert _step(1, 0).compute > 0


@pytest.mark.parametrize("ranks", RANKS)
def test_a_network_that_costs_nothing(ranks: int) -> None:
    """Efficiency is 1, whether the batch grows or is divided, unless adding up takes time or few streams are slow."""
    node, link = machines.Node(threads=1, flops=1e11, beside=0), machines.Link()
    for share in (1.0, 1 / ranks):
        alone = machines.step(NET, node, link, 1, 512, LENGTH)
        several = machines.step(NET, node, link, ranks, 512 * share, LENGTH)
        assert machines.efficiency(alone, several, share=share) == pytest.approx(1)


def test_two_ranks_exchange_one_gradient() -> None:
    """Half of it to be added up, the other half when it is: each way, in two messages."""
    link = machines.Link(bandwidth=1e9)
    assert machines.allreduce_seconds(NET.bytes, 2, link) == pytest.approx(NET.bytes / 1e9)
    assert machines.allreduce_seconds(0, 2, LINK) == pytest.approx(2 * LINK.latency)
    assert machines.allreduce_seconds(8.0, 2, machines.Link(), memory=1.0) == 3 * 8 / 2


def test_more_nodes_cost_more() -> None:
    """A step takes longer with each node more, and its efficiency falls, but bytes never reach twice the gradient."""
    steps = [_step(ranks) for ranks in RANKS]
    for fewer, more in pairwise(steps):
        assert fewer.seconds < more.seconds
        assert fewer.overlapped <= more.overlapped
        assert machines.efficiency(steps[0], fewer) > machines.efficiency(steps[0], more)
    divided = [machines.efficiency(_step(1, 2048), _step(r, 2048 / r), share=1 / r) for r in RANKS]
    assert all(fewer > more for fewer, more in pairwise(divided))
    at_once = machines.allreduce_seconds(NET.bytes, 1 << 20, machines.Link(LINK.bandwidth))
    assert at_once < 2 * NET.bytes / LINK.bandwidth


def test_hidden() -> None:
    """No more than there is of either, and only where ranks agree at each step."""
    several = _step(16)
    assert several.hidden == several.communication
    assert several.overlapped == several.seconds - several.hidden
    slow = _step(16, link=machines.Link(bandwidth=1e6))
    assert slow.hidden == pytest.approx(slow.compute * 2 / 3 * NET.lower / NET.weights)
    assert _step(16, every=4).hidden == 0


def test_agreeing_less_often() -> None:
    """Weights and three averages are four vectors, every so many steps."""
    link = machines.Link(LINK.bandwidth)
    often, seldom = _step(16, link=link), _step(16, link=link, every=16)
    assert seldom.communication == pytest.approx(often.communication * 4 / 16)
    assert (seldom.compute, seldom.update) == (often.compute, often.update)


def test_balance() -> None:
    """With as many characters the two take alike on many ranks; what is looked up, here a sixteenth, comes on top."""
    link = machines.Link(LINK.bandwidth)
    streams = machines.balance(NODE, link) / LENGTH
    node = machines.Node(1, NODE.flops, beside=0)
    many = machines.step(NET, node, link, 1 << 20, streams, LENGTH)
    ratio = many.communication / many.compute
    assert ratio == pytest.approx(NET.parameters / NET.weights, rel=1e-5)
    assert 1 < ratio < 1.07


def test_prediction_from_a_measured_step() -> None:
    """What is told of a measured step is what the whole model says of one that takes as long."""
    one = _step(1)
    for every in (1, 8):
        told = machines.predicted(one.seconds, NET.parameters, 4, LINK, NODE.memory, every)
        assert told.seconds == pytest.approx(_step(4, every=every).seconds)
    assert machines.predicted(0.5, NET.parameters, 1, LINK).seconds == 0.5


def test_how_much_sooner() -> None:
    """One rank is itself; far below the critical batch size it is their number, far beyond it they bring nothing more."""
    assert machines.sooner(1.0, 1, 64, 1000) == pytest.approx(1)
    assert machines.sooner(0.9, 8, 1, 1e9) == pytest.approx(0.9 * 8)
    assert machines.sooner(1.0, 1 << 30, 64, 128) == pytest.approx(1 + 128 / 64)


def test_best_batch() -> None:
    """None near it comes to a loss sooner."""
    threads, critical = 64, 110.0

    def speed(batch: float) -> float:
        return float(batch / (batch + machines.BESIDE * threads) / (1 + batch / critical))

    best = machines.best_batch(threads, critical)
    assert best == pytest.approx(106, abs=1)
    assert speed(best) > max(speed(0.9 * best), speed(1.1 * best))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("every", [1, 4])
def test_simulation_without_jitter(ranks: int, every: int) -> None:
    """Message by message it comes to the closed form."""
    one = _step(ranks, every=every)
    size = machines.agreed_bytes(NET, every)
    told = machines.simulated(one, size, ranks, LINK, 0.0, 8, NODE.memory, every)
    assert told == pytest.approx(one.seconds)


def test_simulation_with_jitter() -> None:
    """The slowest decides: as the closed form has it, more with more ranks, less where waiting is seldom."""
    one = machines.Step(1.0, 0.0, 0.0)

    def told(ranks: int, every: int = 1) -> float:
        slowed = machines.simulated(one, 0.0, ranks, machines.Link(), 0.05, 1024, every=every)
        assert slowed == pytest.approx(machines.waiting(0.05 / math.sqrt(every), ranks), abs=5e-3)
        return float(slowed)

    steps = [told(ranks) for ranks in RANKS]
    assert steps == sorted(steps)
    assert told(16, every=16) < told(16)
    with pytest.raises(ValueError, match="power of two"):
        machines.simulated(one, 0.0, 3, machines.Link(), 0.05, 1)
