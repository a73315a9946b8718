"""Softmax and its negative log-likelihood, with the gradient, in one pass over the logits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from charrnn.nn.functions import Ids, columns
from charrnn.nn.parameters import Array

Number = TypeVar("Number", float, Array)


def softmax_(logits: Array) -> Array:
    """Turn ``(K, N)`` logits into probabilities, in place.

    Shifted by each column's largest logit, so that nothing overflows.

    Returns:
        ``(N,)``: log Σ exp of each column's shifted logits; -log of its largest probability.
    """
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    total = logits.sum(axis=0)
    logits /= total
    log_total: Array = np.log(total)
    return log_total


def log_softmax(logits: Array) -> Array:
    """Log of the probabilities that ``(K, N)`` logits stand for, each column's by itself; a new array."""
    scores: Array = logits - logits.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores


def cross_entropy_(logits: Array, targets: Ids) -> Array:
    """Negative log-likelihood of each target; ``logits`` become its gradient, in place.

    With p = softmax(o), the loss is -log p[target] = log Σ exp(o) - o[target], and its gradient by o
    is p minus the one-hot target.

    Args:
        logits: ``(K, …)``, contiguous; overwritten with the gradient of the *sum* of the losses.
        targets: ``(…)``.

    Returns:
        ``(…)``, in nats.
    """
    scores, own = columns(logits), (targets.ravel(), np.arange(targets.size))
    below_top = scores.max(axis=0) - scores[own]
    log_total = softmax_(scores)
    scores[own] -= 1
    nll: Array = (log_total + below_top).reshape(targets.shape)
    return nll


def bits(nats: Number) -> Number:
    """Bits, from nats; of one number or an array."""
    return nats / math.log(2)


def perplexity(per_symbol: float) -> float:
    """2 to the power of bits ``per_symbol``: how many equally likely ones would be as hard to tell. Infinite beyond what a number holds."""
    try:
        return math.pow(2, per_symbol)
    except OverflowError:
        return math.inf


def known_bits(nats: float | None) -> float | None:
    """Bits of a loss, where there is one."""
    return None if nats is None else bits(nats)


@dataclass(frozen=True, eq=False)
class Objective:
    """What is learnt, other than to make what is wanted likely; losses that are told are without it.

    Attributes:
        smoothing: Of what is wanted a share that goes to all symbols alike, see :func:`smooth_`.
        offsets: ``(K,)``, added to the scores while it is learnt: with a share of the logs of how frequent each label is, the net itself favours
            frequent ones less (Menon et al., arXiv 2007.07314).
    """

    smoothing: float = 0.0
    offsets: Array | None = None

    def loss_(self, logits: Array, targets: Ids) -> Array:
        """As :func:`cross_entropy_`: the loss, without all this, and in place of the logits the gradient, with it."""
        if self.offsets is None:
            nll = cross_entropy_(logits, targets)
        else:
            nll = cross_entropy_(logits.copy(), targets)
            logits += self.offsets.astype(logits.dtype).reshape(-1, *[1] * (logits.ndim - 1))
            cross_entropy_(logits, targets)
        smooth_(logits, targets, self.smoothing)
        return nll


PLAIN = Objective()


def smooth_(gradient: Array, targets: Ids, share: float) -> None:
    """Make of the gradient of a cross-entropy that of a smoothed one, in place (Szegedy et al., arXiv 1512.00567, section 7).

    Of what is wanted a share then goes to all symbols alike.

    Args:
        gradient: ``(K, …)``, as :func:`cross_entropy_` leaves it.
    """
    if share:
        d, K = columns(gradient), len(gradient)
        d -= share / K
        d[targets.ravel(), np.arange(targets.size)] += share
