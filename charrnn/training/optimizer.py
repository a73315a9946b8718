"""From gradients to new parameters: their sum and its norm, clipping, optimisers, averaged weights.

All work on flat vectors, in two passes: :meth:`Optimizer.gather` and :meth:`Optimizer.step`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np

from charrnn.config import TrainingConfig
from charrnn.nn.blocks import BLOCK, Blocks, Change
from charrnn.nn.compiled import compile_blocks
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace

ADAM_BETA1, ADAM_BETA2 = 0.9, 0.99  # not 0.999: these runs have only thousands of steps
RMSPROP_DECAY = 0.95
EPSILON = 1e-8
AVERAGE = "average"


def slot_names(config: TrainingConfig) -> tuple[str, ...]:
    """Names of the running averages that a configuration's optimiser keeps."""
    names = _RULES[config.optimizer].slots
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
        blocks: Who does the work: NumPy, or what :func:`compiled_blocks` returns.
    """

    def __init__(
        self,
        config: TrainingConfig,
        slots: dict[str, Array],
        steps: int = 0,
        blocks: Blocks | None = None,
    ) -> None:
        self.config, self.slots, self.steps = config, slots, steps
        self._blocks = blocks or Blocks()

    def gather(self, parts: Array, shards: Shards, *, apart: bool = False) -> float:
        """Add up the parts of a gradient, on the threads of ``shards``, as :func:`charrnn.nn.blocks.tree` has it.

        Args:
            parts: ``(parts, size)``, those of this rank; the sum is row 0 in the end, the others are used up.
            apart: Leave out what other ranks have.

        Returns:
            The sum's norm, which is not finite if the sum is not.
        """
        world = shards.world
        if world.size == 1 or apart:
            return self._sum(parts, shards)
        if (
            len(parts) & (len(parts) - 1) == 0
        ):  # a branch of the tree, which is summed quickest here
            self._sum(parts, shards)
            parts = parts[:1]
        world.add_up(parts)
        return self._sum(parts[:1], shards)

    def _sum(self, parts: Array, shards: Shards) -> float:
        """The same of some parts alone."""
        starts = range(0, parts.shape[1], BLOCK)
        squares = np.zeros(len(starts))  # of each block, so that who computed which changes no bit

        def gather(mine: slice, _workspace: Workspace) -> None:
            for at in range(len(starts))[mine]:
                block = slice(starts[at], min(starts[at] + BLOCK, parts.shape[1]))
                squares[at] = self._blocks.sum_parts(parts, block)

        shards.share(gather, len(starts))
        return math.sqrt(squares.sum())

    def step(
        self,
        params: Parameters,
        gradients: Parameters,
        rate: float,
        shards: Shards,
        norm: float | None = None,
    ) -> None:
        """Update ``params`` in place, on the threads of ``shards``.

        The averaged weights (Polyak, Juditsky 1992) are exponential, over some 1 / (1 - ema) steps;
        at first over fewer, so that where the weights started is soon forgotten.

        Args:
            norm: The gradient's, which is then clipped as the configuration says; without it, it is not.
        """
        rule = _RULES[self.config.optimizer]
        vectors, matrices = (self._change(rate, norm, decays=decays) for decays in (False, True))
        self.steps += 1
        numbers = rule.numbers(self.config, rate, self.steps)
        update = getattr(self._blocks, rule.update)
        slots, average = [self.slots[name] for name in rule.slots], self.slots.get(AVERAGE)
        pieces = _pieces(tuple(params.shapes.values()))

        def move(mine: slice, workspace: Workspace) -> None:
            for piece, decays in pieces[mine]:
                update(
                    params.flat[piece],
                    gradients.flat[piece],
                    [slot[piece] for slot in slots],
                    None if average is None else average[piece],
                    matrices if decays else vectors,
                    numbers,
                    workspace,
                )

        shards.share(move, len(pieces))

    def _change(self, rate: float, norm: float | None, *, decays: bool) -> Change:
        """What happens to a piece beside the rule.

        Clipping limits the norm (Pascanu, Mikolov, Bengio, arXiv 1211.5063) or each value. Weight decay is decoupled
        for AdamW (arXiv 1711.05101), else L2.
        """
        config = self.config
        decay = config.weight_decay if decays else 0.0
        decoupled = config.optimizer == "adamw"
        factor, limit = 1.0, math.inf
        if norm is not None and config.clip:
            if config.clip_mode == "value":
                limit = config.clip
            elif norm > config.clip:
                factor = config.clip / norm
        return Change(
            factor,
            limit,
            pull=0.0 if decoupled else decay,
            keep=1 - rate * decay if decoupled else 1.0,
            share=1 - min(config.ema, (1 + self.steps) / (10 + self.steps)),
        )


def compiled_blocks(config: TrainingConfig, on_start: Callable[[], object] | None = None) -> Blocks:
    """Who does a run's work on blocks, compiled where that can be, see :func:`charrnn.nn.compiled.compile_blocks`."""

    def try_out(blocks: Blocks) -> None:
        one, shards = Parameters({"W": (1, 1)}), Shards(1)
        optimizer = Optimizer(config, fresh_slots(config, one.flat), blocks=blocks)
        norm = optimizer.gather(one.zeros().flat.reshape(1, 1), shards)
        optimizer.step(one, one.zeros(), 0.0, shards, norm)

    return compile_blocks(Blocks(), try_out, on_start)


@lru_cache(8)
def _pieces(shapes: tuple[tuple[int, ...], ...]) -> list[tuple[slice, bool]]:
    """A flat vector in pieces of a block at most, and whether each is of matrices: biases do not decay."""
    pieces, start = list[tuple[slice, bool]](), 0
    for is_matrix, alike in groupby(shapes, key=lambda shape: len(shape) > 1):
        stop = start + sum(map(math.prod, alike))
        lefts = range(start, stop, BLOCK)
        pieces += [(slice(left, min(left + BLOCK, stop)), is_matrix) for left in lefts]
        start = stop
    return pieces


def _adam(_config: TrainingConfig, rate: float, steps: int) -> tuple[float, ...]:
    """Kingma, Ba, arXiv 1412.6980, algorithm 1, with both bias corrections in the step size."""
    correction1, correction2 = 1 - ADAM_BETA1**steps, 1 - ADAM_BETA2**steps
    gains = 1 - ADAM_BETA1, ADAM_BETA2, 1 - ADAM_BETA2
    return (*gains, correction2**-0.5, EPSILON, rate / correction1)


def _rmsprop(_config: TrainingConfig, rate: float, _steps: int) -> tuple[float, ...]:
    """Tieleman, Hinton, Coursera lecture 6.5, 2012."""
    return RMSPROP_DECAY, 1 - RMSPROP_DECAY, EPSILON, rate


def _adagrad(_config: TrainingConfig, rate: float, _steps: int) -> tuple[float, ...]:
    """Duchi, Hazan, Singer, JMLR 2011."""
    return 1.0, 1.0, EPSILON, rate


def _sgd(config: TrainingConfig, rate: float, _steps: int) -> tuple[float, ...]:
    """Gradient descent with momentum (Polyak 1964): the velocity adds up past gradients."""
    return config.momentum, rate


class _Rule(NamedTuple):
    """The method of :class:`Blocks` that updates, the running averages that it keeps, its numbers for a step."""

    update: str
    slots: tuple[str, ...]
    numbers: Callable[[TrainingConfig, float, int], tuple[float, ...]]


_RULES = {
    "adamw": _Rule("adam", ("m", "v"), _adam),
    "adam": _Rule("adam", ("m", "v"), _adam),
    "rmsprop": _Rule("scaled", ("v",), _rmsprop),
    "adagrad": _Rule("scaled", ("v",), _adagrad),
    "sgd": _Rule("momentum", ("m",), _sgd),
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
