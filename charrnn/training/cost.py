"""What learning from a character costs, and how quickly a machine does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charrnn.config import ModelConfig
from charrnn.models.network_for import network_for
from charrnn.training.rules import SMALLEST_BATCH


@dataclass(frozen=True)
class Cost:
    """What a training step costs for each character."""

    operations: float
    """Multiplications and additions of the matrix products: two for each weight going forward, four
    going back. The first layer's input is looked up and costs none."""
    units: float  # numbers that a gate or the softmax is computed for
    aside: float = 0.0  # of the operations those that answer nothing

    @property
    def weights(self) -> float:
        """That a character is multiplied with on its way to an answer."""
        return (self.operations - self.aside) / 6

    @classmethod
    def of(cls, model: ModelConfig, vocabulary_size: int, labels: int = 0) -> Cost:
        """That of a model, which may choose among some labels."""
        network = network_for(model, vocabulary_size, labels)
        biases = [shape for shape in network.parameter_shapes().values() if len(shape) == 1]
        learnt, read = 6.0 * network.learning_multiplications, 6.0 * network.multiplications
        return cls(learnt, sum(size for (size,) in biases), learnt - read)


@dataclass(frozen=True)
class Speed:
    """How quickly a machine trains."""

    per_operation: float  # seconds, of the matrix products
    per_unit: float = 0.0  # seconds
    streams: int = SMALLEST_BATCH  # that keep all processors busy: a step of fewer takes as long
    filled: float = 1.0  # of a step's places hold characters; records leave some empty

    @classmethod
    def fit(cls, measured: Sequence[tuple[Cost, float]], streams: int, filled: float) -> Speed:
        """From costs and their seconds for a character: of two models, the larger one last, or of one."""
        if len(measured) == 1:
            ((cost, took),) = measured
            return cls(took / cost.operations, 0.0, streams, filled)
        costs = np.array([(cost.operations, cost.units) for cost, _ in measured])
        seconds = np.array([s for _, s in measured])
        per_operation, per_unit = np.linalg.solve(costs, seconds)
        if per_unit < 0:  # noise; then all is put down to the products, or nothing
            per_operation, per_unit = seconds[-1] / costs[-1, 0], 0.0
        elif per_operation <= 0:
            per_operation, per_unit = 0.0, seconds[-1] / costs[-1, 1]
        return cls(float(per_operation), float(per_unit), streams, filled)

    def seconds(self, cost: Cost) -> float:
        """Of training, for each character."""
        return self.per_operation * cost.operations + self.per_unit * cost.units
