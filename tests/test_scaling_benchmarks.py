"""``benchmarks/batch_sizes.py`` and ``local_sgd.py``: what is measured there is what they say it is."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import make_text

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.text.corpus import Corpus

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).resolve().parents[1] / "benchmarks")
    batch_sizes: Any = importlib.import_module("batch_sizes")
    local_sgd: Any = importlib.import_module("local_sgd")

BATCHES = (16, 32, 64, 128, 256, 512)


@pytest.fixture
def corpus(monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """A short text, and models for it that are small."""
    for module in (batch_sizes, local_sgd):
        monkeypatch.setattr(module, "MODEL", ModelConfig(hidden_size=8, num_layers=1, dropout=0.0))
    return Corpus.from_text(make_text(300))


def test_all_is_the_same_in_characters(corpus: Corpus) -> None:
    """Steps, warm-up, evaluations and averaging go down as the batch goes up."""
    few, many = (batch_sizes.configuration(corpus, batch, 0.01, 160_000, 0) for batch in (2, 8))
    for name, part in (("steps", 4), ("warmup", 4), ("eval_every", 4)):
        assert getattr(few, name) == pytest.approx(part * getattr(many, name), rel=0.05)
    assert few.ema == pytest.approx(many.ema ** (1 / 4))
    with pytest.raises(SystemExit, match="cannot fill"):
        batch_sizes.configuration(corpus, 1024, 0.01, 160_000, 0)


@pytest.mark.parametrize("start", [-4, 0, 3, 9])
def test_climbing(start: int) -> None:
    """From either side to the best place, and no run that is not needed."""
    asked = set()

    def loss(place: int) -> float:
        asked.add(place)
        return abs(place - 3.1) if place < 8 else math.inf

    if start == 9:  # where all diverges there is no way down
        assert batch_sizes.climb(loss, start) == 9
        return
    assert batch_sizes.climb(loss, start) == 3
    assert {2, 3, 4} <= asked <= set(range(min(start, 2), max(start, 3) + 2))


def test_critical_batch() -> None:
    """It is found again in losses that were made by its law."""
    size, exponent, characters = 150.0, -0.1, 4_000_000

    def loss(batch: int, read: float) -> float:
        return 5 * float((read / (1 + batch / size)) ** exponent)

    lengths = {read: loss(16, read) for read in (500_000, 1_000_000, 2_000_000, characters)}
    fit = batch_sizes.Critical.fit(lengths, {b: loss(b, characters) for b in BATCHES}, characters)
    assert fit.size == pytest.approx(size, rel=0.02)
    assert fit.error < 1e-3


def test_beyond() -> None:
    """Between two batches in the log, from the largest that is good enough on."""
    losses = {16: 2.02, 32: 2.0, 64: 2.02, 128: 2.06}
    assert batch_sizes.beyond(losses, 0.02) == pytest.approx(64 * math.sqrt(2))
    assert batch_sizes.beyond(losses, 0.05) == math.inf


def _config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(
        batch_size=8, seq_length=10, steps=20, eval_every=20, warmup=2, threads=1, **settings
    )


def test_one_rank_is_training(corpus: Corpus) -> None:
    config = _config()
    assert local_sgd.loss_of(corpus, config, 1, 1) == batch_sizes.loss_of(corpus, config)


def test_averaging_at_each_step_is_one_gradient(corpus: Corpus) -> None:
    """Where an update is linear in the gradient; every few steps it is something else."""
    config = _config(optimizer="sgd", clip=0.0, learning_rate=10.0)
    whole = local_sgd.loss_of(corpus, config, 1, 1)
    assert local_sgd.loss_of(corpus, config, 2, 1) == pytest.approx(whole, rel=1e-5)
    assert local_sgd.loss_of(corpus, config, 2, 7) != pytest.approx(whole, rel=1e-4)
    wild = replace(config, learning_rate=1e3, warmup=0)
    assert not local_sgd.loss_of(corpus, wild, 2, 7) < whole


def test_ranks_agree_on_all() -> None:
    a, b = np.array([1.0, 2.0], np.float32), np.array([3.0, 6.0], np.float32)
    local_sgd.become_mean([a, b])
    assert a.tolist() == b.tolist() == [2.0, 4.0]
