"""A run's data: what it was made of, its evaluations, and where it stands. How it is kept in a file is
:mod:`charrnn.files.checkpoint`'s business.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from charrnn.config import TrainingConfig
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array


@dataclass(frozen=True)
class Evaluation:
    """One line of a run's history. Losses are in nats for each character (or byte).

    ``train_loss`` is the mean over the steps since the evaluation before; ``validation_loss`` is
    None where nothing was kept for validation, and that of the averaged weights where there are any.
    ``seconds`` is the time trained so far.
    """

    step: int
    epoch: float
    train_loss: float
    validation_loss: float | None
    rate: float
    seconds: float


@dataclass(frozen=True)
class CorpusInfo:
    """What a model learnt from."""

    sources: tuple[str, ...]
    characters: int
    train_characters: int
    sha256: str


@dataclass
class Progress:
    """Where a run stands: with the corpus and the configuration, all that the next step depends on.

    Arrays: ``weights`` and each of ``slots`` are flat parameter vectors, ``state`` is the recurrent
    state ``(L, states, H, B)``. ``generators`` are the states of the shards' random generators.
    ``loss_sum`` nats over ``loss_count`` characters have been seen since the last evaluation.
    """

    weights: Array
    slots: dict[str, Array]
    state: Array
    generators: list[dict[str, Any]]
    step: int = 0
    evaluated_at: int = 0
    best_loss: float | None = None
    stale_evaluations: int = 0
    rate_scale: float = 1.0
    recoveries: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    seconds: float = 0.0

    def copy(self) -> Progress:
        """A snapshot that later steps do not change."""
        values = dict(vars(self))
        values["weights"] = self.weights.copy()
        values["slots"] = {name: slot.copy() for name, slot in self.slots.items()}
        values["state"] = self.state.copy()
        values["generators"] = json.loads(json.dumps(self.generators))
        return Progress(**values)

    def become(self, other: Progress) -> None:
        """Take over all of ``other``, its numbers into the arrays that are already here."""
        own = self.weights, self.state, self.slots
        vars(self).update(vars(other))
        self.weights, self.state, self.slots = own
        self.weights[...] = other.weights
        self.state[...] = other.state
        for name, slot in self.slots.items():
            slot[...] = other.slots[name]


@dataclass(frozen=True)
class Checkpoint:
    """A model as it was kept, and the run that made it.

    Attributes:
        model: The kept weights: those of the best evaluation.
        training: The run's configuration.
        corpus: What it was trained on.
        history: Its evaluations.
        validation_loss: That of the kept weights, nats for each character.
        progress: What it takes to go on with the run; None if it was not saved or not read.
        resumable: Whether the file has what it takes to go on.
    """

    model: CharacterModel
    training: TrainingConfig
    corpus: CorpusInfo
    history: tuple[Evaluation, ...] = ()
    validation_loss: float | None = None
    progress: Progress | None = field(default=None, repr=False)
    resumable: bool = False
