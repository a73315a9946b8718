"""Whether targets follow their sources from left to right, as sounds follow letters, or not, as dates do that are turned round."""

from __future__ import annotations

import numpy as np

from charrnn.config import MOST_MONOTONIC
from charrnn.nn.parameters import Array
from charrnn.text.examples import Examples

ENOUGH = 0.35
"""Words and their sounds have 0.78 to 0.92 in eleven languages, verbs and their forms in five 0.50 to 0.68; words with their first letter moved to
the end 0.15, sorted letters 0.01, dates as ISO 8601 turns them round -0.49, words from their end -0.84."""
PAIRS, ROUNDS = 500, 5  # that are looked at; of the EM algorithm


def attention_for(examples: Examples) -> str:
    """How what writes these targets had better look at their sources."""
    if int(examples.spans.length.max()) > MOST_MONOTONIC:
        return "general"
    return "monotonic" if monotony(examples) > ENOUGH else "general"


def monotony(examples: Examples) -> float:
    """Correlation of where in its target a symbol stands with where in the source that is which it is made of: 1 from left to right, -1 backwards.

    What it is made of tells the first model of Brown et al. (1993), which knows nothing of places: of each symbol and character how likely one is
    made of the other, by the EM algorithm. Targets and sources of one symbol tell nothing; of nothing else the answer is 0.
    """
    assert examples.targets is not None
    count = len(examples.spans)
    which = np.unique(np.linspace(0, count - 1, min(PAIRS, count)).round().astype(np.intp))
    pairs, features = [], examples.vocabulary.feature_numbers  # which stand nowhere in a source
    for n in which.tolist():
        first, length = examples.spans.first[n], examples.spans.length[n]
        start, size = examples.targets.first[n], examples.targets.length[n]
        source = examples.ids[first : first + length].astype(np.intp)
        source = source[~np.isin(source, features)]
        if len(source) > 1 and size > 1:
            pairs.append((source, examples.answers[start : start + size].astype(np.intp)))
    table = np.ones((len(examples.vocabulary), len(examples.labels)))
    for _ in range(ROUNDS):
        counts = np.zeros_like(table)
        for source, target in pairs:
            np.add.at(counts, np.ix_(source, target), _made_of(table, source, target))
        table = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-12)
    stands: list[Array] = []
    comes: list[Array] = []
    for source, target in pairs:
        places = np.arange(len(source)) / (len(source) - 1)
        comes.append(places @ _made_of(table, source, target))
        stands.append(np.arange(len(target)) / (len(target) - 1))
    if not pairs:
        return 0.0
    both = np.concatenate(stands), np.concatenate(comes)
    if min(np.ptp(both[0]), np.ptp(both[1])) == 0:
        return 0.0
    return float(np.corrcoef(*both)[0, 1])


def _made_of(table: Array, source: Array, target: Array) -> Array:
    """``(T, S)``: how likely each symbol is made of each character of its source."""
    p = table[np.ix_(source, target)]
    return np.asarray(p / np.maximum(p.sum(axis=0), 1e-12))
