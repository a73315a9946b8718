"""The part of a run that learns: from a chunk to its gradient, and from that to new weights.

All that changes is in a :class:`charrnn.training.run.Progress`, so that a learner can go back to the
last good one when its loss or its weights are not finite.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np

from charrnn.config import ModelConfig, TrainingConfig
from charrnn.models.network import Network
from charrnn.nn.compiled import compile_stack
from charrnn.nn.loss import PLAIN, Objective
from charrnn.nn.parallel import Shards
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Workspace
from charrnn.text.chunks import Chunk, Extent
from charrnn.training.optimizer import Optimizer, compiled_blocks
from charrnn.training.run import Progress, where_it_stands


def compile_ahead(
    model: ModelConfig,
    config: TrainingConfig,
    on_start: Callable[[], object] | None = None,
    *,
    either: bool = False,
) -> float:
    """Compile what the steps of a run call, before they are needed.

    Loading Numba is part of that where it compiles: from a disk that has not been read yet it takes seconds, too.

    Args:
        either: Normalised or not, since either may be chosen.
        on_start: Called where something really is to be compiled, not found on disk, before the first such.

    Returns:
        The seconds that all of it took; 0 where nothing was to be compiled.
    """
    began, compiling = time.monotonic(), False

    def starting() -> None:
        nonlocal compiling
        if not compiling and on_start:
            on_start()
        compiling = True

    others = [replace(model, layer_norm=not model.layer_norm)] if either else []
    for one in (model, *others):
        compile_stack(Stack(one.kind, 1, 1), starting)
    compiled_blocks(config, starting)
    return time.monotonic() - began if compiling else 0.0


class Learner:
    """Takes steps, each in two halves: :meth:`look` at a chunk, then :meth:`move`.

    Args:
        progress: Where to start; it is worked on in place. ``kept`` is a view of its weights to keep.
    """

    def __init__(
        self,
        network: Network,
        progress: Progress,
        config: TrainingConfig,
        shards: Shards,
        objective: Objective = PLAIN,
    ) -> None:
        self.progress = progress
        self._network, self._shards = network, shards
        self._params = Parameters(network.parameter_shapes(), progress.weights)
        self.kept = Parameters(self._params.shapes, progress.kept)
        self._parts = np.zeros((len(shards.own), progress.weights.size), progress.weights.dtype)
        self._gradients = [Parameters(self._params.shapes, part) for part in self._parts]
        self._norm, self._objective = 0.0, objective
        self._optimizer = Optimizer(config, progress.slots, blocks=compiled_blocks(config))
        self._rngs = [np.random.Generator(np.random.PCG64()) for _ in progress.generators]
        self._good = progress.copy()
        self.go_back()

    def look(self, chunk: Chunk, extent: Extent, *, apart: bool = False) -> tuple[float, float]:
        """A chunk's summed loss in nats, and the norm of the gradient of its mean, before it is clipped.

        The recurrent state goes on, the weights stay.

        Args:
            chunk: This rank's columns of it.
            extent: How large it is with those of all ranks.
            apart: Take only this rank's columns into loss and gradient.
        """
        state, shards = self.progress.state, self._shards
        batch, predictions = extent
        first = shards.columns(batch).start
        if apart:
            predictions = max(1, chunk.predictions)

        def work(index: int, columns: slice, workspace: Workspace) -> float:
            gradients = self._gradients[index - shards.own.start]
            gradients.flat.fill(0)
            loss, state[..., columns] = self._network.loss_and_gradients(
                self._params,
                gradients,
                chunk.part(slice(columns.start - first, columns.stop - first)),
                state[..., columns],
                workspace,
                scale=1 / predictions,
                rng=self._rngs[index],
                objective=self._objective,
            )
            return loss

        losses = shards.map_own(work, batch)
        if not apart:
            losses = shards.world.numbers(losses).ravel().tolist()
        self._norm = self._optimizer.gather(self._parts, shards, apart=apart)
        return sum(losses), self._norm

    def meet(self) -> None:
        """After steps that each rank took apart, let all have the mean of their weights and of their optimisers' averages.

        Local SGD (Stich, arXiv 1805.09767), whose momentum is averaged, too (Yu, Jin, Yang, arXiv 1905.03817).
        """
        world = self._shards.world
        for vector in (self.progress.weights, *self.progress.slots.values()):
            world.add_up(vector.reshape(1, -1))
            vector /= world.size

    def move(self, rate: float) -> None:
        """Update the weights by the gradient of the last chunk, clipped."""
        gradient = self._gradients[0]
        self._optimizer.step(self._params, gradient, rate, self._shards, self._norm)

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return bool(np.isfinite(self._params.flat).all())

    def here(self) -> Progress:
        """Where the run stands; the arrays that only :meth:`move` changes are those in use."""
        states = [where_it_stands(rng) for rng in self._rngs]
        return replace(self.progress, state=self.progress.state.copy(), generators=states)

    def hold(self, here: Progress) -> None:
        """Go back to here from now on; what it shares with the learner is copied."""
        self._good.become(here)

    def go_back(self) -> None:
        """Stand where the last good state was, in the same arrays."""
        self.progress.become(self._good)
        for rng, state in zip(self._rngs, self.progress.generators, strict=True):
            rng.bit_generator.state = cast(dict[str, Any], state)
        self._optimizer.steps = self.progress.step

    def sound(self) -> Progress:
        """A snapshot of where the run stands, or the last good one if the weights just blew up.

        Of states and generators those of this rank's columns are right; see :meth:`gathered`.
        """
        return (self.here() if self.is_finite() else self._good).copy()

    def sound_weights(self) -> Array:
        """A copy of the weights to keep, of where :meth:`sound` would stand."""
        return (self.progress if self.is_finite() else self._good).kept.copy()

    def gathered(self, progress: Progress) -> Progress:
        """A snapshot, which on the first rank gets what the others have of it. All ranks have to call it."""
        shards = self._shards
        columns, own = shards.columns(progress.state.shape[-1]), shards.own
        mine = columns, progress.state[..., columns], own, progress.generators[own.start : own.stop]
        for columns, state, own, generators in shards.world.to_first(mine):
            progress.state[..., columns] = state
            progress.generators[own.start : own.stop] = generators
        return progress
