"""Which n-grams a text has, beside what a net makes of it: a linear model, whose scores are added to the net's.

    s = Σ_g B[:, g]    over all n-grams g of ^text$, from single characters to ``longest`` of them

What a short text is, its n-grams often tell already, and a net that reads it learns them slowly; a linear model of them is quick and strong
(Joulin et al., arXiv 1607.01759, fastText). Columns are found by hashing, so that no list of n-grams need be kept
(Weinberger et al., arXiv 0902.2206); two n-grams may share one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from charrnn.nn.dropout import NO_DROPOUT, Dropout
from charrnn.nn.functions import Ids, add_columns, gather_columns
from charrnn.nn.lengths import Lengths
from charrnn.nn.parameters import Array, Parameters, Part
from charrnn.nn.workspace import Workspace

BUCKETS = 1 << 16  # columns; part of what a saved model means, and so are the numbers below
_BITS, _BASE, _MIX = 16, np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)
_BEGINS, _ENDS, _FIRST = 1, 2, 3  # what stands before a text, after it, and for the character 0
LOOKED_UP = (
    1 << 22
)  # scores that are held at once: of up to 64 labels those of a whole batch, else a part


class Ngrams(Part):
    """The n-grams of texts, ``(T, B)`` ids, become scores ``(K, B)``.

    Args:
        outputs: *K*.
        longest: Characters of the longest n-grams.
    """

    multiplications = 0  # looked up

    def __init__(self, outputs: int, longest: int, prefix: str = "ngrams/") -> None:
        super().__init__(prefix, {"B": (outputs, BUCKETS)})
        self.longest = longest

    def initialize(self, params: Parameters, rng: np.random.Generator) -> None:  # noqa: ARG002
        self.own(params)["B"][...] = 0  # an n-gram that was never seen says nothing

    def forward(
        self,
        params: Parameters,
        ids: Ids,
        lengths: Lengths,
        workspace: Workspace,
        dropout: Dropout = NO_DROPOUT,
    ) -> Array:
        """Args:
        lengths: ``(B,)``, of the texts.
        dropout: Each n-gram is dropped, or not, in each place by itself.
        """
        B = self.own(params)["B"]
        buckets, there = self.buckets(ids, lengths)
        weights = dropout.drop(there.astype(B.dtype), workspace)
        workspace.remember(buckets=buckets, weights=weights)
        scores = np.zeros((len(B), len(lengths)), B.dtype)
        length = max(1, LOOKED_UP // scores.size)
        for start in range(0, len(buckets), length):
            now = slice(start, start + length)
            each = workspace.array("each", len(B), *buckets[now].shape)
            gather_columns(B, buckets[now], out=each)
            scores += np.einsum("kgb,gb->kb", each, weights[now])
        return scores

    def backward(
        self,
        params: Parameters,  # noqa: ARG002
        gradients: Parameters,
        dscores: Array,
        workspace: Workspace,
    ) -> None:
        """Adds to the gradient of B; ids have none."""
        buckets = workspace["buckets"]
        each = workspace.array("each", len(dscores), *buckets.shape)
        np.multiply(dscores[:, None], workspace["weights"], out=each)
        add_columns(self.own(gradients)["B"], each, buckets, workspace.scratch)

    def buckets(self, ids: Ids, lengths: Lengths) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
        """``(G, B)``: the columns of all places where an n-gram could end, the shortest ones first; and where one does, within ``^text$``."""
        T, count = ids.shape
        step = np.arange(T + 2)[:, None]
        marked = np.zeros((T + 2, count), np.uint64)
        marked[0] = _BEGINS
        marked[1:-1] = ids.astype(np.uint64) + np.uint64(_FIRST)
        marked[np.minimum(lengths, T) + 1, np.arange(count)] = _ENDS
        inside = step < lengths + 2
        hashed, found, there = np.zeros_like(marked), [], []
        for n in range(1, self.longest + 1):
            shifted = np.zeros_like(hashed)
            shifted[1:] = hashed[:-1]  # of the n-1 characters before
            hashed = (shifted + np.uint64(1)) * _BASE + marked
            found.append((hashed * _MIX >> np.uint64(64 - _BITS)).astype(np.uint16))
            there.append(inside & (step >= n - 1))
        return np.concatenate(found), np.concatenate(there)
