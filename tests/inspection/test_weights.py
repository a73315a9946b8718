"""What is told of the weights: known matrices, and the optimiser's own last step."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from kinds import class_of, configured, every_recurrent
from samples import SHA256, USED

from charrnn.config import OPTIMIZERS
from charrnn.errors import InputError
from charrnn.inspection.weights import last_updates, recurrences, spreads
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Parameters
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.optimizer import Optimizer, fresh_slots
from charrnn.training.run import Checkpoint, CorpusInfo, Evaluation, Progress


def _model(cell: str = "lstm") -> CharacterModel:
    config = configured(cell, 6, 2)
    return CharacterModel.fresh(config, Vocabulary("abc"), np.random.default_rng(4))


@every_recurrent
def test_orthogonal_matrices(cell: str) -> None:
    """As they are at the start: all singular values are 1, and all eigenvalues lie on the circle."""
    model = _model(cell)
    found = recurrences(model.network, model.parameters)
    assert [(r.layer, r.gate) for r in found] == [
        (n, row) for n in (0, 1) for row in class_of(cell).rows
    ]
    for recurrence in found:
        np.testing.assert_allclose(recurrence.singular_values, 1, rtol=1e-5)
        assert recurrence.spectral_radius == pytest.approx(1, rel=1e-5)


def test_each_block_is_its_gate() -> None:
    """A shear stretches, though its eigenvalues are all the same."""
    model = _model("gru")
    block = model.parameters["layer1/W"].reshape(3, 6, 6)[1]
    block[...] = 0.5 * np.eye(6)
    block[0, 5] = 3
    found = recurrences(model.network, model.parameters)
    (changed,) = [recurrence for recurrence in found if recurrence.spectral_radius < 0.9]
    assert (changed.layer, changed.gate) == (1, "update")
    assert changed.spectral_radius == pytest.approx(0.5)
    two = np.array([[0.5, 3], [0, 0.5]])
    np.testing.assert_allclose(changed.singular_values[[0, -1]], np.linalg.svd(two)[1], rtol=1e-6)


def test_spreads() -> None:
    params = _model().parameters
    params["c"][...] = -2, 0, 1
    (found,) = [spread for spread in spreads(params) if spread.name == "c"]
    assert found.mean == pytest.approx(-1 / 3)
    assert found.largest == 2
    assert found.deviation == pytest.approx(np.std([-2, 0, 1]))
    middle = len(found.counts) // 2
    assert np.flatnonzero(found.counts).tolist() == [0, middle, 15]
    params["c"][...] = 0
    assert spreads(params)[-1].counts[middle] == 3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_last_update_is_what_the_optimizer_did(optimizer: str) -> None:
    config = dataclasses.replace(USED, optimizer=optimizer, weight_decay=0)
    model, rate = _model(), 0.01
    rule = Optimizer(config, fresh_slots(config, model.parameters.flat))
    rng = np.random.default_rng(5)
    for _ in range(3):
        before = model.parameters.copy()
        gradients = Parameters(before.shapes, rng.standard_normal(before.flat.shape))
        rule.step(model.parameters, gradients, rate, Shards(1))
    checkpoint = Checkpoint(
        model,
        config,
        CorpusInfo(("text",), 9, 9, SHA256),
        (Evaluation(3, 1.0, 1.0, None, rate, 0.0),),
        progress=Progress(
            model.parameters.flat,
            model.network.zero_state(1),
            rule.slots,
            Progress.fresh(model, config, [rng]).generators,
            step=3,
            evaluated_at=3,
        ),
    )
    if optimizer in ("rmsprop", "adagrad"):
        with pytest.raises(InputError, match=f"{optimizer} keeps no direction"):
            last_updates(checkpoint)
        return
    for update in last_updates(checkpoint):
        moved = np.square(model.parameters[update.name] - before[update.name]).mean() ** 0.5
        size = np.square(model.parameters[update.name]).mean() ** 0.5
        assert update.step == pytest.approx(moved / size, rel=1e-3)
        assert update.direction == pytest.approx(moved / rate, rel=1e-3)


def test_no_update_is_known() -> None:
    model = _model()
    checkpoint = Checkpoint(model, USED, CorpusInfo(("text",), 9, 9, SHA256))
    with pytest.raises(InputError, match="no optimiser state"):
        last_updates(checkpoint)
    progress = Progress.fresh(model, USED, [np.random.default_rng(0)])
    with pytest.raises(InputError, match="there was no step"):
        last_updates(dataclasses.replace(checkpoint, progress=progress))
