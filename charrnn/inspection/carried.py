"""The gradient of an answer's loss by what each layer carries from one step of a whole text to its next.

A layer that is read in both directions, or by a level that is, is no chain of states: what it made of a character reaches the loss by
way of the level above as well. What goes from a step to the next is one way among those, and back-propagation through time knows
the gradient by it: it is what each step hands to the one before. So each step is taken as a chunk of its own here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charrnn.models.classifier import Classifier
from charrnn.models.network import Network
from charrnn.models.reading import require_finite
from charrnn.nn.functions import Ids
from charrnn.nn.lengths import Lengths, Places, reversing
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.stack import Stack
from charrnn.nn.workspace import Scratch, Workspace


def carried_gradients(
    network: Network,
    params: Parameters,
    ids: Ids,
    lengths: Lengths,
    targets: Ids | None = None,
    at: Places | None = None,
) -> Array:
    """The gradient of each text's loss, from where a layer is read for the answer back to before its first step.

    Args:
        ids: ``(T, B)``, texts of ``(B,)`` ``lengths``, from 1 on.
        targets: ``(B,)``, their labels or tags; what the net answers, without it.
        at: ``(B,)``, the characters whose tags are meant, where there are tags.

    Returns:
        ``(T+1, L, states, H, B)`` for *k* = 0 … T: by what a layer carries away from the k-th step before that at which it is read, in the
        direction in which it reads; at k = 0 by what is read there. NaN where a text does not go so far back.

    Raises:
        CheckpointError: The model's numbers overflow.
    """
    stack, B = network.stack, ids.shape[1]
    x: Array | Ids = ids
    if network.embedding:
        x = network.embedding.forward(params, ids, Workspace(params.flat.dtype))
    run = _Run(stack, params, x, lengths)
    columns, top = np.arange(B), list(stack.levels[-1])
    if at is None:
        read = np.concatenate([run.after[row][0] for row in top])
    else:
        read = run.h[:, at, columns]
    readout = Workspace(params.flat.dtype)
    scores = network.readout.forward(params, np.ascontiguousarray(read[:, None]), readout)[:, 0]
    if isinstance(network, Classifier) and network.ngrams:
        scores += network.ngrams.forward(params, ids, lengths, Workspace(params.flat.dtype))
    require_finite(scores)
    cross_entropy_(scores, scores.argmax(axis=0) if targets is None else targets)  # now gradients
    d_read = network.readout.backward(params, params.zeros(), scores[:, None], readout)[:, 0]
    return run.back(d_read, at)


class _Run:
    """Some texts, read step by step in each layer; and the way back.

    Attributes:
        h: ``(H, T, B)``, or ``(2H, T, B)``, what the top level made of each character.
        after: Of each layer the state after each text, ``(states, H, B)``.
    """

    def __init__(self, stack: Stack, params: Parameters, x: Array | Ids, lengths: Lengths) -> None:
        *_, self._T, self._B = x.shape
        self._stack, self._params, self._lengths = stack, params, lengths
        self._places = reversing(lengths, self._T, self._B)
        self._steps: list[list[Workspace]] = []  # of each layer
        self.after: list[Array] = []
        for rows in stack.levels:
            x = np.concatenate([self._read(row, x, backwards=row != rows[0]) for row in rows])
        self.h = np.asarray(x)

    def _read(self, row: int, x: Array | Ids, *, backwards: bool) -> Array:
        """What a layer makes of each character."""
        layer, dtype = self._stack.layers[row], self._params.flat.dtype
        x = self._turned(x) if backwards else x
        state = np.zeros(self._stack.state_shape(self._B)[1:], dtype)
        h = np.empty((layer.cell.hidden_size, self._T, self._B), dtype)
        after, scratch, steps = state.copy(), Scratch(dtype), []
        for t in range(self._T):
            steps.append(Workspace(dtype, scratch=scratch))
            now = np.ascontiguousarray(x[..., t : t + 1, :])
            with np.errstate(all="ignore"):
                one, state = layer.forward(self._params, now, state, steps[-1])
            h[:, t] = one[:, 0]
            ended = self._lengths == t + 1
            after[..., ended] = state[..., ended]
        self._steps.append(steps)
        self.after.append(after)
        return self._turned(h) if backwards else h

    def _turned(self, x: Array | Ids) -> Array:
        """Each text from its last character to its first."""
        flat = x.reshape(*x.shape[:-2], -1)
        return np.ascontiguousarray(flat[..., self._places].reshape(x.shape))

    def back(self, d_read: Array, at: Places | None) -> Array:
        """See :func:`carried_gradients`.

        Args:
            d_read: ``(H, B)``, or ``(2H, B)``, the gradient by what the answer is read from.
        """
        stack = self._stack
        layers, states, H, B = stack.state_shape(self._B)
        found = np.full((self._T + 1, layers, states, H, B), np.nan)
        down = np.zeros((stack.output_size, self._T, B), self._params.flat.dtype)
        if at is not None:
            down[:, at, np.arange(B)] = d_read
        for level, rows in reversed(list(enumerate(stack.levels))):
            below = np.zeros((stack.layers[rows[0]].input_size, self._T, B), down.dtype)
            for number, row in enumerate(rows):
                part = slice(number * H, (number + 1) * H)
                backwards = row != rows[0]
                dh = self._turned(down[part]) if backwards else down[part]
                end = self._lengths - 1
                if at is not None:
                    end = end - at if backwards else at
                top = level == len(stack.levels) - 1
                read = d_read[part] if top else np.zeros((H, B))
                dx = self._back(row, dh, read, end, found[:, row], ends=at is None)
                if dx is not None:
                    below += self._turned(dx) if backwards else dx
            down = below
        return found

    def _back(
        self,
        row: int,
        dh: Array,
        read: Array,
        end: NDArray[np.integer],
        found: Array,
        *,
        ends: bool,
    ) -> Array | None:
        """Back through one layer; returns the gradient by a dense input.

        Args:
            dh: ``(H, T, B)``, by what it made of each step, as the level above has it.
            read: ``(H, B)``, by what is read of it for the answer.
            end: ``(B,)``, the steps where that is.
            found: ``(T+1, states, H, B)``, filled in.
            ends: Whether it is the state that is read, which comes in where the text ends.
        """
        layer, unused = self._stack.layers[row], self._params.zeros()
        dstate = np.zeros(found.shape[1:], dh.dtype)
        dx = None if layer.one_hot else np.empty((layer.input_size, *dh.shape[1:]), dh.dtype)
        for t in reversed(range(self._T)):
            here, before = end == t, end > t
            if ends:
                dstate[0][:, here] += read[:, here]
            found[0][:, :, here] = 0
            found[0][0][:, here] = read[:, here]
            found[end[before] - t, :, :, before] = dstate[..., before].transpose(2, 0, 1)
            now = np.ascontiguousarray(dh[:, t : t + 1])
            with np.errstate(all="ignore"):
                given, dstate = layer.backward(
                    self._params, unused, now, dstate, self._steps[row][t]
                )
            if dx is not None and given is not None:
                dx[:, t] = given[:, 0]
        columns = np.arange(len(end))
        found[end + 1, :, :, columns] = dstate.transpose(2, 0, 1)
        return dx
