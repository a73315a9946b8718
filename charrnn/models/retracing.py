"""Targets that are known, read once more: what each symbol looked at, and what else was expected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from charrnn.models.character_model import CharacterModel
from charrnn.models.reading import require_finite, side_by_side
from charrnn.models.seq2seq import Seq2Seq
from charrnn.nn.loss import softmax_
from charrnn.nn.monotonic import Walks, forwards, of_symbols, posteriors
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.batches import PLACES


def in_parts(texts: Sequence[str], targets: Sequence[Sequence[int]]) -> Iterator[slice]:
    """Texts one after the other that have ``PLACES`` weights together at most, or one by itself."""
    start, S, T = 0, 0, 0
    for stop, (text, target) in enumerate(zip(texts, targets, strict=True)):
        S, T = max(S, len(target) + 1), max(T, len(text))
        if stop > start and (stop + 1 - start) * S * T > PLACES:
            yield slice(start, stop)
            start, S, T = stop, len(target) + 1, len(text)
    if start < len(texts):
        yield slice(start, len(texts))


def alignment(model: CharacterModel, source: str, symbols: Sequence[int]) -> Array | None:
    """``(S, T)``: how much each symbol of a target, its end at last, looked at each character of its source; None without attention.

    Of a model that walks it is how likely it was there, given the whole target; at the marks around a source it may be as well.
    """
    with np.errstate(all="ignore"):
        found = Retraced(model, [source], [symbols]).alignments()[0]
    return None if found is None else require_finite(found)


def walked(model: CharacterModel, source: str, symbols: Sequence[int]) -> Array:
    """``(S, T+2)``: the same of a model that walks, with the marks before and after the source; each row adds up to 1."""
    with np.errstate(all="ignore"):
        return require_finite(Retraced(model, [source], [symbols]).walked()[0])


def expected(model: CharacterModel, source: str, symbols: Sequence[int]) -> Array:
    """``(S, K+1)``: the probabilities of what could stand at each place of a target, the end the last of them."""
    with np.errstate(all="ignore"):
        return require_finite(Retraced(model, [source], [symbols]).probabilities())


class Retraced:
    """Targets that are known, with their ends, read once more, side by side."""

    def __init__(
        self,
        model: CharacterModel,
        sources: Sequence[str],
        targets: Sequence[Sequence[int]],
        workspace: Workspace | None = None,
    ) -> None:
        network, self._params = model.network, model.parameters
        assert isinstance(network, Seq2Seq)
        self._network, self._workspace = network, workspace or Workspace(self._params.flat.dtype)
        x, self._lengths = side_by_side([model.vocabulary.encode(source) for source in sources])
        self._encoded = network.encode(self._params, x, self._lengths, self._workspace)
        ended = [np.array([*symbols, network.end]) for symbols in targets]
        self._targets, self._ends = side_by_side(ended)
        before = network.before(self._targets)
        self._h = network.held(self._params, before, self._encoded, self._workspace)

    def _walks(self) -> tuple[Walks, Array]:
        """All walks, and ``(B, S, T)``, the probability of the target's symbol at each place of each step."""
        walks = self._network.walks(self._params, self._h, self._encoded)
        return walks, of_symbols(walks.p, self._targets)

    def alignments(self) -> list[Array | None]:
        """``(S, T)`` of each pair; None without attention."""
        attention, looked = self._network.attention, self._encoded.looked
        if self._network.monotonic:
            return [each[:, 1:-1] for each in self.walked()]
        if attention and looked:
            own = self._workspace.child("attention")
            attention.forward(self._params, self._h, looked, own)
            weights = attention.weights(own)
        else:
            return [None] * len(self._ends)
        sizes = zip(self._ends, self._lengths, strict=True)
        return [each[:S, :T] for each, (S, T) in zip(weights, sizes, strict=True)]

    def walked(self) -> list[Array]:
        """``(S, T+2)`` of each pair, of a model that walks: the marks around a source are places, too."""
        walks, written = self._walks()
        alpha, likely = forwards(walks.moves, written, self._ends)
        weights = posteriors(walks.moves, written, self._ends, alpha, likely).sum(axis=2)
        sizes = zip(self._ends, self._lengths, strict=True)
        return [each[:S, : T + 2] for each, (S, T) in zip(weights, sizes, strict=True)]

    def probabilities(self) -> Array:
        """``(S, K+1)``, of the one pair that there is."""
        if self._network.monotonic:
            walks, written = self._walks()
            alpha, _ = forwards(walks.moves, written, self._ends)
            there = (alpha[0, :-1, None] @ walks.moves[0])[:, 0]  # (S, T)
            return np.asarray((there[:, None] @ walks.p[0])[:, 0].astype(np.float64))
        logits = self._network.read_out(self._params, self._h, self._encoded, self._workspace)
        softmax_(logits[:, :, 0])
        return np.asarray(logits[:, :, 0].T.astype(np.float64))
