"""Texts made of other texts: the likeliest target of each source, found by beam search, side by side on all processors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SearchConfig
from charrnn.models.character_model import CharacterModel
from charrnn.models.decoding import Decoding, known_source, shared_symbols
from charrnn.models.reading import batches, require_finite
from charrnn.models.retracing import Retraced, in_parts
from charrnn.nn.parallel import Shards, available_processors, single_threaded_blas
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.text.labels import Labels

PLAIN = SearchConfig()
TOGETHER = 64  # sources that are read side by side, at most
SPARED = 0.2  # of them: when so many are settled, the others go on without them
MOST_ALIGNED = 1 << 20  # numbers of an alignment that is told
PER_CHARACTER, SPARE = 3, 20
"""A target ends after so many symbols for each character of its source, and some more, at the latest: no search runs for ever."""


def longest_target(source: str) -> int:
    """Symbols that a target has at most."""
    return PER_CHARACTER * len(source) + SPARE


@dataclass(frozen=True)
class Rewriting:
    """A target, and how likely it is.

    Attributes:
        symbols: Their numbers.
        nats: Minus the log of its probability, its end included.
        ended: Whether it did end; else it is as long as a target can be, and the end is not in ``nats``.
    """

    symbols: tuple[int, ...]
    nats: float
    ended: bool = True


class Rewriter:
    """Makes other texts of texts.

    Args:
        models: Of several, the mean of their probabilities is taken at each symbol.
        characters: How many will be read, if that is known: to be compiled for many.
        threads: To be used; 0 takes one for each processor.
        search: How targets are searched for, and how many are kept.

    Raises:
        InputError: A model makes no texts of others, or they are not made of the same symbols.
    """

    def __init__(
        self,
        models: Sequence[CharacterModel],
        characters: int = 0,
        threads: int = 0,
        search: SearchConfig = PLAIN,
    ) -> None:
        self._places = shared_symbols(models)
        self.labels: Labels = models[0].labels
        self.search = search
        self._models = [model.to_read(characters) for model in models]
        self._shards = Shards(threads or available_processors())

    def known(self, text: str, unknown: str, where: str = "", line: int = 0) -> str:
        """A source in characters that each model knows, its symbols too, see :meth:`Vocabulary.known`, also for errors."""
        return known_source(self._models, text, unknown, where, line)

    def lacks(self, text: str) -> bool:
        """Whether some of a text as it was given is not known to some model."""
        return any(model.vocabulary.lacks(text) for model in self._models)

    def __call__(self, texts: Sequence[str]) -> list[list[Rewriting]]:
        """The best targets that were found for each source, the best first; none for a source without characters.

        Args:
            texts: In characters that each model knows.

        Raises:
            CheckpointError: A model's numbers overflow.
        """
        found: list[list[Rewriting]] = [[] for _ in texts]
        lengths = np.array([len(text) for text in texts])
        read = np.flatnonzero(lengths)
        together = batches(lengths[read], TOGETHER)

        def work(shard: int, _columns: slice, workspace: Workspace) -> None:
            for batch in together[shard :: self._shards.count]:
                numbers = read[batch].tolist()
                sources = [texts[n] for n in numbers]
                search = _Search(self._models, self._places, sources, self.search)
                for number, finished in zip(numbers, search.run(workspace), strict=True):
                    found[number] = finished[: self.search.top]

        with single_threaded_blas(), np.errstate(all="ignore"):
            self._shards.map(work, self._shards.count)
        return found

    def alignments(
        self, texts: Sequence[str], targets: Sequence[Sequence[int]]
    ) -> Iterator[Array | None]:
        """The :func:`alignment` of each text, which has a character at least, with a target of it, in order.

        There is none of several models, or of more than ``MOST_ALIGNED`` numbers. They are read side by side, and some at a time, as they
        are asked for: those of many long texts would fill the memory.
        """
        both = list(zip(texts, targets, strict=True))
        small = [len(text) * (len(target) + 1) <= MOST_ALIGNED for text, target in both]
        kept = [pair for pair, one in zip(both, small, strict=True) if one]
        found = self._aligned([text for text, _ in kept], [target for _, target in kept])
        return (next(found) if one else None for one in small)

    def _aligned(
        self, texts: Sequence[str], targets: Sequence[Sequence[int]]
    ) -> Iterator[Array | None]:
        if len(self._models) > 1:
            yield from [None] * len(texts)
            return
        (model,), parts = self._models, in_parts(texts, targets)

        def work(_shard: int, columns: slice, workspace: Workspace) -> list[Array | None]:
            return [
                weights
                for part in some[columns]
                for weights in Retraced(model, texts[part], targets[part], workspace).alignments()
            ]

        while some := list(islice(parts, self._shards.count)):
            with single_threaded_blas():
                found = self._shards.map(work, len(some))
            yield from chain.from_iterable(found)

    def text(self, rewriting: Rewriting) -> str:
        """A target as it would stand in a file."""
        return self.labels.joined(rewriting.symbols)


class _Search:
    """Beam search for some sources; a column for each beginning of each: the first ones of all sources, then the second ones …"""

    def __init__(
        self,
        models: Sequence[CharacterModel],
        places: Sequence[NDArray[np.intp]],
        texts: Sequence[str],
        how: SearchConfig,
    ) -> None:
        self._models, self._places, self._texts = models, places, texts
        self._width, self._top = max(how.beam, how.top), how.top
        self._penalty = how.length_penalty
        self._most = np.array([longest_target(text) for text in texts])

    def run(self, workspace: Workspace) -> list[list[Rewriting]]:
        """For each source the targets that were found, the best first."""
        N, B, end = self._width, len(self._texts), len(self._models[0].labels)
        writers = [
            Decoding(model, self._texts, N, workspace.child(str(n)))
            for n, model in enumerate(self._models)
        ]
        sources = np.arange(B)  # that are still searched for
        scores = np.full((N, B), -np.inf)
        scores[0] = 0
        ids = np.full((N, B), end)
        steps: list[_Step] = []
        finished: list[list[Rewriting]] = [[] for _ in range(B)]
        for step in range(int(self._most.max())):
            p = self._probabilities(writers, ids)  # (K+1, N, B)
            underway = np.isfinite(scores)
            require_finite(p[:, underway])
            p[:, ~underway] = 1  # of what has ended, or never began
            likely = np.log(p)
            flat = (likely + scores).reshape(-1, len(sources))
            chosen = np.argpartition(-flat, min(N, len(flat)) - 1, axis=0)[:N]
            values = np.take_along_axis(flat, chosen, axis=0)
            order = np.argsort(-values, axis=0, kind="stable")
            chosen, values = (np.take_along_axis(x, order, axis=0) for x in (chosen, values))
            ids, origin = chosen // N, chosen % N
            steps.append(_Step(ids, origin, sources))
            last = self._most[sources] == step + 1
            ends = ((ids == end) | last) & np.isfinite(values)
            for n, column in zip(*np.nonzero(ends), strict=True):
                number = sources[column]
                written = _written(steps, n, number, end)
                ended = bool(ids[n, column] == end)
                finished[number].append(Rewriting(written, float(-values[n, column]), ended))
            scores = np.where(ends, -np.inf, values)
            settled = self._settled(sources, finished, scores)
            scores[:, settled] = -np.inf
            if settled.all():
                break
            for writer in writers:
                writer.go_on(origin)
            if settled.sum() >= SPARED * len(sources):
                sources, scores, ids = sources[~settled], scores[:, ~settled], ids[:, ~settled]
                writers = [writer.kept(sources=np.flatnonzero(~settled)) for writer in writers]
        return [sorted(each, key=lambda one: (not one.ended, self._cost(one))) for each in finished]

    def _cost(self, one: Rewriting) -> float:
        return float(one.nats / max(1, len(one.symbols)) ** self._penalty)

    def _settled(
        self, sources: NDArray[np.intp], finished: Sequence[list[Rewriting]], scores: Array
    ) -> NDArray[np.bool_]:
        """``(B,)``: where nothing that is underway can become one of the best that are asked for."""
        best = -scores.max(axis=0) / self._most[sources] ** self._penalty
        settled: NDArray[np.bool_] = np.isinf(best)
        for column, number in enumerate(sources):
            ended = [self._cost(one) for one in finished[number] if one.ended]
            if len(ended) >= self._top and not settled[column]:
                settled[column] = best[column] >= sorted(ended)[self._top - 1]
        return settled

    def _probabilities(self, writers: Sequence[Decoding], ids: NDArray[np.intp]) -> Array:
        """``(K+1, N, B)``, of what follows, in the first model's symbols; the mean of all models."""
        total: Array | float = 0.0
        for writer, places in zip(writers, self._places, strict=True):
            total = total + writer.step(places[ids])[places]
        return np.asarray(total / len(writers))


class _Step(NamedTuple):
    """What was chosen in a step: symbols ``(N, B)``, which beginning each goes on from, and of which sources, ``(B,)`` in order."""

    symbols: NDArray[np.intp]
    origin: NDArray[np.intp]
    sources: NDArray[np.intp]


def _written(steps: Sequence[_Step], n: int, source: int, end: int) -> tuple[int, ...]:
    """What was written on the way to a beginning."""
    found = list[int]()
    for symbols, origin, sources in reversed(steps):
        column = int(np.searchsorted(sources, source))
        found.append(int(symbols[n, column]))
        n = origin[n, column]
    return tuple(symbol for symbol in reversed(found) if symbol != end)
