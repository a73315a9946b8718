"""What is chosen for a budget: it grows with it, keeps what is set, and fits any text."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from charrnn.config import CELLS, ModelConfig, TrainingConfig
from charrnn.text.chunks import READING_SHARE
from charrnn.training.budget import Choice, choose
from charrnn.training.cost import Cost, Speed
from charrnn.training.rules import (
    AVERAGED,
    CHARACTERS_PER_WEIGHT,
    DECAY_STEPS,
    EVALUATION_SHARE,
    FEW_EPOCHS,
    FEWEST_EVALUATIONS,
    HIGHEST_RATE,
    MOST_WEIGHT_DECAY,
    MOST_WEIGHT_DROP,
    NORMALIZED_EPOCHS,
    RAISED_RATE,
    RULES,
    TUNED_DROPOUT,
    staying,
)

SHAKESPEARE = 1_115_394, 65
LAPTOP = Speed(per_operation=1 / 300e9)
BUDGETS = (0, 1, 10, 30, 82, 300, 600, 1800, 7200, 86400)


def _chosen(characters: int, seconds: float, speed: Speed = LAPTOP, **settings: Any) -> Choice:
    return choose(characters, 65, speed, seconds, **settings)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_cost(num_layers: int) -> None:
    """Six operations for each weight of a product; the first layer's input is looked up."""
    H, K = 24, 65
    weights = (2 * num_layers - 1) * 4 * H * H + K * H
    cost = Cost.of(ModelConfig(hidden_size=H, num_layers=num_layers), K)
    assert cost == Cost(operations=6 * weights, units=num_layers * 4 * H + K)
    D = 8
    embedded = Cost.of(ModelConfig(hidden_size=H, num_layers=num_layers, embedding_size=D), K)
    assert embedded.operations == 6 * (weights + 4 * H * D)


def test_speed_of_two_sizes() -> None:
    """What products and what gates take is found from two sizes, and holds for a third."""
    costs = [Cost.of(ModelConfig(hidden_size=size), 65) for size in (128, 256, 384)]
    true = Speed(2e-12, 3e-9)
    found = Speed.fit([(cost, true.seconds(cost)) for cost in costs[:2]], 48, 0.9)
    assert found.seconds(costs[2]) == pytest.approx(true.seconds(costs[2]))
    one = Speed.fit([(costs[0], 1e-5)], 48, 0.9)
    assert (found.streams, found.filled, one.streams, one.filled) == (48, 0.9, 48, 0.9)
    assert one.seconds(costs[0]) == pytest.approx(1e-5)


def test_the_rate_of_wide_batches() -> None:
    """Where there are many processors batches are wide, and the rate higher by the root of that."""
    narrow, wide = (
        _chosen(10**7, 600, Speed(1 / 300e9, streams=streams), model={"hidden_size": 256})
        for streams in (64, 256)
    )
    assert (narrow.training.batch_size, wide.training.batch_size) == (64, 256)
    ratio = wide.training.learning_rate / narrow.training.learning_rate
    assert ratio == pytest.approx(2, rel=0.05)


def test_weights_decay_over_as_many_steps() -> None:
    """Whatever the size and the rate; not where another optimiser has another meaning of it, nor of another task."""
    for seconds in (82, 600, 1800):
        config = _chosen(SHAKESPEARE[0], seconds).training
        assert 1 / (config.learning_rate * config.weight_decay) == pytest.approx(DECAY_STEPS, 0.05)
    given = _chosen(SHAKESPEARE[0], 82, training={"learning_rate": 0.013}).training
    assert given.weight_decay == 0.085  # 1 / (900 * 0.013) = 0.08547, rounded once
    slow = _chosen(SHAKESPEARE[0], 82, training={"learning_rate": 1e-6}).training
    assert slow.weight_decay == MOST_WEIGHT_DECAY
    usual = TrainingConfig().weight_decay
    assert (
        _chosen(SHAKESPEARE[0], 82, training={"optimizer": "adam"}).training.weight_decay == usual
    )
    assert _chosen(SHAKESPEARE[0], 82, training={"weight_decay": 0.0}).training.weight_decay == 0
    assert _chosen(SHAKESPEARE[0], 82, model={"task": "tag"}).training.weight_decay == usual
    assert _chosen(SHAKESPEARE[0], 82, tuned=True).training.weight_decay == usual
    without_memory = {"cell": "feedforward"}
    assert _chosen(SHAKESPEARE[0], 82, model=without_memory).training.weight_decay == usual


HALF = FEW_EPOCHS / 2


def _read(passes: float, **settings: Any) -> TrainingConfig:
    """Settings of a run of the right size for its time, which makes passes count as they are."""
    model = {"hidden_size": 256, **settings.pop("model", {})}
    cost = Cost.of(ModelConfig(**model), 65)
    read = CHARACTERS_PER_WEIGHT * cost.weights
    seconds = read * LAPTOP.seconds(cost) / (1 - EVALUATION_SHARE)
    characters = round(read / passes)
    return _chosen(characters, seconds, model=model, validation=1000, **settings).training


def test_what_is_read_less_often_decays_less() -> None:
    """By the square of how often, up to where it decays over ``DECAY_STEPS``; of very long texts not at all."""
    for passes, share in ((0.001, 0), (HALF / 2, 1 / 16), (HALF, 1 / 4), (2 * HALF, 1), (15, 1)):
        config = _read(passes)
        decay = config.weight_decay * config.learning_rate * DECAY_STEPS
        assert decay == pytest.approx(share, rel=0.06)


def test_what_is_read_less_often_is_averaged_over_more_steps() -> None:
    """Up to a tenth of a run, of running text; what is read often over as many as usual."""
    for passes, part in ((0.001, 1), (HALF / 2, 3 / 4), (HALF, 1 / 2)):
        config = _read(passes)
        assert (1 - config.ema) * AVERAGED * part * config.steps == pytest.approx(1, 0.06)
    usual = TrainingConfig().ema
    assert {_read(passes).ema for passes in (2 * HALF, 15)} == {usual}
    assert _chosen(SHAKESPEARE[0], 2).training.ema == usual  # a short run
    assert _read(0.5, records=1000).ema == _read(0.5, tuned=True).ema == usual
    assert _read(0.5, training={"ema": 0.5}).ema == 0.5


def test_what_is_read_less_often_is_learnt_at_a_higher_rate() -> None:
    """By normalised cells, a new model, running text and AdamW."""
    usual = _read(15).learning_rate
    for passes, times in ((2 * HALF, 1), (1.6 * HALF, 1.25), (HALF, RAISED_RATE), (1, RAISED_RATE)):
        rate = _read(passes, model={"layer_norm": True}).learning_rate
        assert rate == pytest.approx(times * usual, rel=0.04)
    small = {"hidden_size": 128, "layer_norm": True}
    assert _read(1, model=small).learning_rate == HIGHEST_RATE
    for same in (
        {"model": {"layer_norm": False}},
        {"model": {"task": "tag", "layer_norm": True}},
        {"model": {"layer_norm": True}, "tuned": True},
        {"model": {"layer_norm": True}, "records": 1000},
        {"model": {"layer_norm": True}, "training": {"optimizer": "rmsprop"}},
    ):
        assert _read(1, **same).learning_rate == _read(15, **same).learning_rate


def test_fewer_weights_are_dropped_of_records() -> None:
    """Than of as much running text, read as often."""
    running, records = (_chosen(200_000, 300, records=n).model.weight_drop for n in (0, 25_000))
    assert 0 < records < running


@pytest.mark.parametrize("seconds", [(1e-5, 1e-3), (1e-5, 1.01e-5)])
def test_speed_in_noise(seconds: tuple[float, float]) -> None:
    """Times that no machine can have still give a speed: that of the larger size."""
    costs = [Cost.of(ModelConfig(hidden_size=size), 65) for size in (128, 256)]
    found = Speed.fit(list(zip(costs, seconds, strict=True)), 48, 0.9)
    assert min(found.per_operation, found.per_unit) == 0
    assert found.seconds(costs[1]) == pytest.approx(seconds[1])


@pytest.mark.parametrize("characters", [1000, 10_000, 100_000, SHAKESPEARE[0], 10**7, 10**9])
def test_more_time_is_a_larger_model(characters: int) -> None:
    """Neither the model nor what it reads ever shrinks with the budget, nor with the speed."""
    for choices in (
        [_chosen(characters, seconds) for seconds in BUDGETS],
        [_chosen(characters, 82, Speed(1 / rate, 1e-9)) for rate in (1e9, 1e10, 1e11, 1e12)],
    ):
        for one, more in pairwise(choices):
            assert more.model.hidden_size >= one.model.hidden_size
            assert more.characters >= one.characters
    hour, second = (_chosen(characters, seconds).model.hidden_size for seconds in (3600, 1))
    assert hour > second or characters <= 10_000  # for which a second is enough


@pytest.mark.parametrize("seconds", BUDGETS)
@pytest.mark.parametrize("vocabulary_size", [2, 65, 5000])
@pytest.mark.parametrize("characters", [16, 1000, SHAKESPEARE[0], 10**9])
def test_every_choice_fits(characters: int, vocabulary_size: int, seconds: float) -> None:
    """It takes no more than its time, has steps to take, and warms up within them."""
    for cell in CELLS:
        speed = Speed(1 / 50e9, 1e-9)
        choice = choose(characters, vocabulary_size, speed, seconds, {"cell": cell})
        training = choice.training
        assert choice.characters * choice.seconds_per_character <= seconds
        assert 1 <= training.steps <= choice.most_steps
        assert training.batch_size * training.seq_length <= max(2, characters)
        assert 0 <= choice.model.weight_drop <= MOST_WEIGHT_DROP
        read = training.steps * training.batch_size * training.seq_length
        assert read == pytest.approx(choice.characters, rel=0.5, abs=1600)


def test_what_was_learnt_about_shakespeare() -> None:
    """Sizes that have proved themselves on a machine of 300 GFLOP/s."""
    short, middle, long = (_chosen(SHAKESPEARE[0], seconds) for seconds in (82, 600, 1800))
    assert 192 <= short.model.hidden_size <= 288
    assert 352 <= middle.model.hidden_size <= 448
    assert 448 <= long.model.hidden_size <= 576
    assert 3 <= short.epochs <= 10
    assert short.model.weight_drop < middle.model.weight_drop <= long.model.weight_drop
    assert short.training.learning_rate > long.training.learning_rate
    for choice in (short, middle, long):
        weights = Cost.of(choice.model, 65).operations / 6
        assert 1 <= choice.characters / (CHARACTERS_PER_WEIGHT * weights) < 1.6  # sizes are coarse
        assert choice.training.val_fraction is None  # the usual tenth


def test_what_is_read_a_few_times_is_normalised() -> None:
    """Of a language model's, unless it is said; by how often it is read, not by how long it takes."""
    for characters in (10**4, 10**6, 10**8):
        for seconds in BUDGETS:
            choice = _chosen(characters, seconds)
            weights = Cost.of(choice.model, 65).weights
            right = CHARACTERS_PER_WEIGHT * weights / max(1.0, choice.characters)
            assert choice.model.layer_norm == (choice.epochs * right**0.5 < NORMALIZED_EPOCHS)
            for normalized in (True, False):
                asked = _chosen(characters, seconds, model={"layer_norm": normalized})
                assert asked.model.layer_norm == normalized
            assert not _chosen(characters, seconds, model={"cell": "feedforward"}).model.layer_norm
            assert not _chosen(
                characters, seconds, model={"task": "tag"}, labels=5
            ).model.layer_norm
    assert _chosen(10**8, 600).model.layer_norm
    large = _chosen(10**5, 100, model={"hidden_size": 1024})  # which soon knows a text by heart
    assert (large.epochs < NORMALIZED_EPOCHS, large.model.layer_norm) == (True, False)
    assert not _chosen(10**4, 600).model.layer_norm


def test_many_processors() -> None:
    """They are kept busy, however short the run; a set batch stays."""
    many = replace(LAPTOP, streams=128)
    assert _chosen(SHAKESPEARE[0], 30).training.batch_size == 32
    assert _chosen(SHAKESPEARE[0], 30, many).training.batch_size == 128
    assert _chosen(SHAKESPEARE[0], 30, many, training={"batch_size": 9}).training.batch_size == 9
    assert _chosen(SHAKESPEARE[0], 3600).training.batch_size == 64


def test_records() -> None:
    """Where steps are half empty, it takes twice as many to read as much."""
    full, half = (
        _chosen(10**6, 82, replace(LAPTOP, filled=filled), training={"batch_size": 32})
        for filled in (1, 0.5)
    )
    assert half.training.steps == pytest.approx(2 * full.training.steps, abs=1)
    assert half.most_steps == pytest.approx(2 * full.most_steps, abs=1)


@pytest.mark.parametrize(("streams", "batch_size"), [(32, 32), (64, 33)])
def test_few_records(streams: int, batch_size: int) -> None:
    """A column is a record, so there may be as many as there are records, not as the text is long."""
    speed = replace(LAPTOP, filled=0.14, streams=streams)
    choice = _chosen(2100, 60, speed, records=300)
    assert choice.training.batch_size == batch_size  # of 270, each eight times at least
    set_by_hand = _chosen(2100, 60, speed, records=300, training={"batch_size": 7})
    assert set_by_hand.training.batch_size == 7


def test_steps_of_short_records() -> None:
    """Steps that hold few characters are many, so that a batch may be wide."""
    full, short = (
        _chosen(182_000, 82, replace(LAPTOP, filled=filled), records=25_626) for filled in (1, 0.15)
    )
    assert (full.training.batch_size, short.training.batch_size) == (48, 64)


def test_a_short_text() -> None:
    """It gets a small model that drops much, and ends long before a large budget."""
    choice = _chosen(10_000, 3600)
    assert Cost.of(choice.model, 65).operations / 6 <= RULES["lm"].weights_per_character * 10_000
    assert choice.model.weight_drop == MOST_WEIGHT_DROP
    assert choice.training.steps == choice.most_steps
    assert choice.characters * choice.seconds_per_character < 360


def test_a_long_text() -> None:
    """Read less than once, it needs to drop nothing, and no long evaluations, but so many that its run can be judged."""
    choice = _chosen(100_000_000, 82)
    assert choice.epochs < 1
    assert choice.model.weight_drop == 0
    assert choice.training.steps < choice.most_steps
    assert choice.training.val_fraction is not None
    assert choice.short_tail == choice.training.val_fraction
    assert choice.training.val_fraction * 100_000_000 < choice.characters / 10
    for steps in (0.95 * choice.training.steps, choice.training.steps):
        assert -(-round(steps) // choice.training.eval_every) >= FEWEST_EVALUATIONS
    assert choice.model.hidden_size >= _chosen(1_000_000, 82).model.hidden_size


@pytest.mark.parametrize("seconds", [10, 82, 600])
@pytest.mark.parametrize("validation", [10_000, 300_000, 1_000_000, 30_000_000])
def test_a_long_text_for_validation(validation: int, seconds: float) -> None:
    """Evaluations keep to their share of the time, as they do without one: what there is no time for is not read."""
    choice = _chosen(SHAKESPEARE[0], seconds, validation=validation)
    config = choice.training
    read = validation * (config.val_fraction or 1.0)
    took = READING_SHARE * read * choice.seconds_per_character
    count = -(-round(1.05 * config.steps) // config.eval_every)
    assert count >= FEWEST_EVALUATIONS
    # Counts are whole, and fractions have two digits.
    assert count * took < 1.05 * EVALUATION_SHARE * seconds
    given = _chosen(SHAKESPEARE[0], seconds, validation=validation, training={"val_fraction": 0.0})
    assert (given.training.val_fraction, given.short_tail) == (0, None)
    assert (config.val_fraction is None) == (
        FEWEST_EVALUATIONS * READING_SHARE * validation * choice.seconds_per_character
        < EVALUATION_SHARE * (1 - EVALUATION_SHARE) * seconds
    )


def test_of_a_text_for_validation_more_than_half() -> None:
    """Where there is time for most of it: nothing of it is learnt, so that no half is to be left."""
    longest = 30_000_000 * (
        _chosen(SHAKESPEARE[0], 82, validation=30_000_000).training.val_fraction or 0
    )
    most = _chosen(SHAKESPEARE[0], 82, validation=round(longest / 0.8)).training.val_fraction
    assert most == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize(
    "kept",
    [
        {"hidden_size": 40},
        {"num_layers": 1},
        {"cell": "gru"},
        {"dropout": 0.35},
        {"weight_drop": 0.1},
    ],
    ids=str,
)
def test_a_set_model_is_kept(kept: dict[str, Any]) -> None:
    """What the user says about the model is taken, and the rest chosen around it."""
    choice = _chosen(SHAKESPEARE[0], 82, model=kept)
    assert kept.items() <= vars(choice.model).items()
    assert choice.characters * choice.seconds_per_character <= 82


def test_set_training_is_kept() -> None:
    """Likewise about how it is trained; of the steps only the number is left to choose."""
    kept = {
        "seq_length": 64,
        "batch_size": 7,
        "learning_rate": 0.02,
        "schedule": "cosine",
        "warmup": 3,
        "val_fraction": 0.25,
        "eval_every": 11,
        "seed": 5,
    }
    choice = _chosen(SHAKESPEARE[0], 82, training=kept)
    assert kept.items() <= vars(choice.training).items()
    assert choice.training.steps == pytest.approx(choice.characters / (7 * 64), abs=1)


def test_an_auxiliary_loss_is_chosen_for_labels() -> None:
    """Unless another one is given, and not for tags; it costs time, and lets the net be as large as without it."""

    def chosen(task: str, **more: Any) -> Choice:
        return _chosen(100_000, 600, model={"task": task, **more}, labels=18, records=12_000)

    usual, without = chosen("classify"), chosen("classify", lm_loss=0.0)
    assert (usual.model.lm_loss, without.model.lm_loss) == (0.5, 0)
    assert replace(usual.model, lm_loss=0.0) == without.model
    assert usual.seconds_per_character > without.seconds_per_character
    assert chosen("tag").model.lm_loss == 0


def test_a_model_that_knows_another_text() -> None:
    """It is as large as it is, learns at a lower rate and for fewer passes, and what is dropped is chosen for this text."""
    model = ModelConfig(hidden_size=384, dropout=0.2, layer_norm=True)
    for seconds in (5, 30, 3600):
        stays = staying(model, {})
        new, tuned = (_chosen(50_000, seconds, model=stays, tuned=tuned) for tuned in (False, True))
        assert tuned.training.learning_rate < 0.7 * new.training.learning_rate
        assert tuned.epochs <= new.epochs
        assert replace(tuned.model, dropout=0.2) == model  # with nothing else dropped
        assert (tuned.model.dropout > 0) == (tuned.epochs > 1.5)
    assert tuned.epochs < 0.5 * new.epochs
    assert tuned.model.dropout == TUNED_DROPOUT
    given = _chosen(50_000, 30, model=staying(replace(model, dropout=0.1), {"dropout": 0.1}))
    assert (given.model.dropout, given.model.weight_drop) == (0.1, 0)


def test_a_model_for_labels_is_trained_again_as_it_was() -> None:
    """Of other tasks it is not known what is better."""
    model = ModelConfig(task="classify", cell="gru", hidden_size=64, num_layers=1, dropout=0.4)
    assert staying(model, {}) == vars(model)
    new, tuned = (_chosen(50_000, 30, model=vars(model), tuned=tuned) for tuned in (False, True))
    assert new == tuned


def test_the_documented_rules_are_the_rules() -> None:
    """Of each task a row of the table in docs/training.md."""
    path = Path(__file__).parents[1] / "docs" / "training.md"
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "at most | " in line]
    assert len(lines) == len(RULES)
    for (task, rules), line in zip(RULES.items(), lines, strict=True):
        name, net, weights, passes, rate, besides = map(str.strip, line.split("|")[1:-1])
        assert name == f"`{task}`"
        assert weights == f"{rules.weights_per_character:g} at most"
        assert passes == f"{rules.most_epochs:g} at most"
        assert rate == f"{rules.rate_times_hidden_size:g}"
        assert ("one layer" in net) == (rules.usual.get("num_layers") == 1)
        assert ("GRU" in net) == (rules.usual.get("cell") == "gru")
        assert ("64 units" in net) == (rules.least_hidden_size == 64)
        assert ("outputs are dropped" in besides) == bool(rules.dropout)
        assert ("--layer-norm" in besides) == bool(rules.normalized_epochs)
        assert ("--weight-decay" in besides) == rules.decays
        also = {**rules.usual, **rules.training, "ngrams": rules.ngrams}
        for setting in ("lm_loss", "rare_labels", "label_smoothing", "ngrams"):
            told = f"`--{setting.replace('_', '-')} {also.get(setting, 0):g}`"
            assert (told in besides) == bool(also.get(setting)), told
