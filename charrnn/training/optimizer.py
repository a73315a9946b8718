"""From gradients to new parameters: clipping, optimisers, averaged weights.

All work on flat vectors, in blocks that stay in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from charrnn.config import TrainingConfig
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace

BLOCK = 1 << 14  # numbers updated at a time: a few such blocks of float32 fit into the L2 cache

ADAM_BETA1, ADAM_BETA2 = 0.9, 0.99  # not 0.999: these runs have only thousands of steps
RMSPROP_DECAY = 0.95
EPSILON = 1e-8
AVERAGE = "average"


def clip_(gradient: Array, limit: float, mode: str) -> float:
    """Clip in place; returns the norm before clipping, which is not finite if the gradient is not.

    Args:
        limit: Largest norm (Pascanu, Mikolov, Bengio, arXiv 1211.5063) or value; 0 clips nothing.
    """
    norm = math.sqrt(float(np.dot(gradient, gradient)))
    if limit and mode == "value":
        np.clip(gradient, -limit, limit, out=gradient)
    elif limit and norm > limit:
        gradient *= limit / norm
    return norm


def slot_names(config: TrainingConfig) -> tuple[str, ...]:
    """Names of the running averages that a configuration's optimiser keeps."""
    names, _ = _RULES[config.optimizer]
    return (*names, AVERAGE) if config.ema else names


def fresh_slots(config: TrainingConfig, weights: Array) -> dict[str, Array]:
    """The running averages before the first step, each a flat vector like the weights.

    One of the weights themselves, ``average``, is among them where the configuration asks for it.
    """
    slots = {name: np.zeros_like(weights) for name in slot_names(config)}
    if config.ema:
        slots[AVERAGE] = weights.copy()
    return slots


class Optimizer:
    """An update rule over running averages that are somebody else's.

    Args:
        slots: The running averages, as :func:`fresh_slots` makes them; changed in place.
        steps: Updates made so far.
    """

    def __init__(self, config: TrainingConfig, slots: dict[str, Array], steps: int = 0) -> None:
        self.config, self.slots, self.steps = config, slots, steps
        _, self._update = _RULES[config.optimizer]

    def step(self, params: Parameters, gradients: Parameters, rate: float, shards: Shards) -> None:
        """Update ``params`` in place, on the threads of ``shards``. ``gradients`` may be changed.

        The averaged weights (Polyak, Juditsky 1992) are exponential, over some 1 / (1 - ema) steps;
        at first over fewer, so that where the weights started is soon forgotten.
        """
        decay = min(self.config.ema, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        self._decay(params, gradients, rate)
        slots = dict(self.slots)
        average = slots.pop(AVERAGE, None)
        starts = range(0, params.flat.size, BLOCK)

        def update(_index: int, part: slice, workspace: Workspace) -> None:
            scratch = workspace.array("optimizer", 2, BLOCK)
            for start in starts[part]:
                block = slice(start, start + BLOCK)
                w, g = params.flat[block], gradients.flat[block]
                s, d = scratch[:, : w.size]
                self._update(self, w, g, rate, *(slot[block] for slot in slots.values()), s, d)
                if average is not None:
                    a = average[block]
                    a += np.multiply(np.subtract(w, a, out=s), 1 - decay, out=s)

        shards.map(update, len(starts))

    def _decay(self, params: Parameters, gradients: Parameters, rate: float) -> None:
        """Weight decay of the matrices: decoupled for AdamW (arXiv 1711.05101), else as L2."""
        decay = self.config.weight_decay
        if not decay:
            return
        for name, w in params.items():
            if w.ndim < 2:
                continue  # biases are left alone
            if self.config.optimizer == "adamw":
                w *= 1 - rate * decay
            else:
                gradients.add(name, decay * w)

    def _adam(
        self, w: Array, g: Array, rate: float, m: Array, v: Array, s: Array, d: Array
    ) -> None:
        """Kingma, Ba, arXiv 1412.6980, algorithm 1, with both bias corrections in the step size."""
        m += np.multiply(np.subtract(g, m, out=s), 1 - ADAM_BETA1, out=s)
        v *= ADAM_BETA2
        v += np.multiply(np.multiply(g, g, out=s), 1 - ADAM_BETA2, out=s)
        correction1 = 1 - ADAM_BETA1**self.steps
        correction2 = 1 - ADAM_BETA2**self.steps
        np.sqrt(v, out=d)
        d *= correction2**-0.5
        d += EPSILON
        np.divide(m, d, out=s)
        s *= rate / correction1
        w -= s

    def _rmsprop(self, w: Array, g: Array, rate: float, v: Array, s: Array, d: Array) -> None:
        """Tieleman, Hinton, Coursera lecture 6.5, 2012."""
        v *= RMSPROP_DECAY
        v += np.multiply(np.multiply(g, g, out=s), 1 - RMSPROP_DECAY, out=s)
        self._scaled_step(w, g, rate, v, s, d)

    def _adagrad(self, w: Array, g: Array, rate: float, v: Array, s: Array, d: Array) -> None:
        """Duchi, Hazan, Singer, JMLR 2011."""
        v += np.multiply(g, g, out=s)
        self._scaled_step(w, g, rate, v, s, d)

    @staticmethod
    def _scaled_step(w: Array, g: Array, rate: float, v: Array, s: Array, d: Array) -> None:
        np.sqrt(v, out=d)
        d += EPSILON
        np.divide(g, d, out=s)
        s *= rate
        w -= s

    def _sgd(self, w: Array, g: Array, rate: float, m: Array, s: Array, _d: Array) -> None:
        """Gradient descent with momentum (Polyak 1964): the velocity adds up past gradients."""
        m *= self.config.momentum
        m += g
        w -= np.multiply(m, rate, out=s)


_RULES: dict[str, tuple[tuple[str, ...], Callable[..., None]]] = {
    "adamw": (("m", "v"), Optimizer._adam),
    "adam": (("m", "v"), Optimizer._adam),
    "rmsprop": (("v",), Optimizer._rmsprop),
    "adagrad": (("v",), Optimizer._adagrad),
    "sgd": (("m",), Optimizer._sgd),
}


def last_direction(config: TrainingConfig, slots: Mapping[str, Array], steps: int) -> Array | None:
    """The last update by the rate it was made with, from the averages that it left.

    Weight decay is not in it. None where the averages do not tell: RMSprop and Adagrad keep the
    gradient's size alone.

    Args:
        steps: Updates made, at least one.
    """
    if config.optimizer == "sgd":
        return slots["m"]
    if "m" not in slots:
        return None
    m, v = slots["m"] / (1 - ADAM_BETA1**steps), slots["v"] / (1 - ADAM_BETA2**steps)
    direction: Array = m / (np.sqrt(v) + EPSILON)
    return direction
