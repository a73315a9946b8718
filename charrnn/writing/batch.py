"""A batch of texts: on threads where there are many, and of several candidates the best one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from io import StringIO

import numpy as np

from charrnn.config import seed_after
from charrnn.errors import InputError
from charrnn.models.mixture import Writable
from charrnn.models.stepper import form
from charrnn.nn.parallel import Shards, default_shards, single_threaded_blas
from charrnn.nn.workspace import Workspace
from charrnn.writing.writer import Piece, Prompt, Writer


def generate_batch(
    model: Writable,
    prompts: Sequence[Prompt],
    *,
    scored: bool = False,
    on_start: Callable[[], object] | None = None,
) -> Iterator[Piece]:
    """Write several texts side by side, many times as fast as one after the other.

    Each text is the one that its prompt gives alone, up to the rounding of the scores; the others
    have no part in it. A model of records writes one record for each, up to its end. Where a
    prompt asks for the best of several, there is one piece of it, when all of them have ended.

    Args:
        scored: Tell how unexpected the characters are.
        on_start: As for :func:`charrnn.nn.compiled.compile_stepper`.

    Returns:
        Pieces of all texts in turn, until the last one has ended.

    Raises:
        InputError: ``ban`` leaves nothing to write, or the best of texts that never end is asked for.
        UnknownCharacterError: A prime has a character that the model does not know.
        CheckpointError: On the way: the model's numbers overflow.
    """
    counts = [prompt.config.best_of for prompt in prompts]
    if max(counts, default=1) == 1:
        return _written(model, prompts, on_start, scored=scored)
    if not model.vocabulary.config.end and any(prompt.config.is_endless for prompt in prompts):
        raise InputError(
            "the best of several texts is known when they end: give a length, stop or until_lines"
        )
    candidates = [candidate for prompt in prompts for candidate in _candidates(prompt)]
    return _best(_written(model, candidates, on_start, scored=True), counts)


def _written(
    model: Writable,
    prompts: Sequence[Prompt],
    on_start: Callable[[], object] | None,
    *,
    scored: bool,
) -> Iterator[Piece]:
    """The pieces of all texts, written on as many threads as are worth it."""
    if not prompts:
        return iter(())

    def begin(_index: int, columns: slice, _workspace: Workspace) -> Writer:
        numbers = range(len(prompts))[columns]
        return Writer(model, numbers, prompts[columns], scored=scored, begin=stepper)

    def write(index: int, _columns: slice, _workspace: Workspace) -> list[Piece]:
        return writers[index].write()

    def written() -> Iterator[Piece]:
        while any(writer.going_on for writer in writers):
            with single_threaded_blas():
                found = shards.map(write, len(writers))
            for pieces in found:
                yield from pieces

    lengths = [prompt.config.length for prompt in prompts]
    characters = sum(math.inf if length is None else length for length in lengths)
    stepper = form(model.networks, len(prompts), characters, on_start)
    shards = Shards(default_shards(len(prompts)))
    # A single shard, too: for products as small as a step's, the library's threads only wait for each other.
    with single_threaded_blas():
        writers = shards.map(begin, len(prompts))
    return written()


def _candidates(prompt: Prompt) -> list[Prompt]:
    """A prompt for each of ``best_of`` texts: with a seed each has the one after that of the one before."""
    count, rng = prompt.config.best_of, prompt.rng
    if rng is None or count == 1:
        return [prompt] * count
    if isinstance(rng, np.random.Generator):
        return [replace(prompt, rng=int(seed)) for seed in rng.integers(1 << 62, size=count)]
    return [replace(prompt, rng=seed_after(rng, number)) for number in range(count)]


def _best(pieces: Iterable[Piece], counts: Sequence[int]) -> Iterator[Piece]:
    """Of the candidates of each text, ``counts`` of them, the one with the fewest nats a character."""
    owners = [(text, number) for text, count in enumerate(counts) for number in range(count)]
    texts, nats = [StringIO() for _ in owners], [0.0] * len(owners)
    left, best = list(counts), dict[int, Piece]()
    for number, written, cost, last, *_ in pieces:
        text, candidate = owners[number]
        if counts[text] == 1:
            yield Piece(text, written, cost, last)
            continue
        texts[number].write(written)
        nats[number] += cost
        if last:
            found = Piece(text, texts[number].getvalue(), nats[number], last, candidate)
            texts[number].close()
            best[text] = min(found, best.get(text, found), key=_surprise)
            left[text] -= 1
            if not left[text]:
                yield best.pop(text)


def _surprise(text: Piece) -> tuple[float, int]:
    """Nats for a character; of equal ones the first counts as the better."""
    return text.nats / len(text.text), text.candidate
