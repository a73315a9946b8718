"""Writing: characters drawn one after the other from the model's own predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from charrnn.config import SamplingConfig, Seed, seed_after
from charrnn.errors import InputError
from charrnn.fields import checks
from charrnn.models.mixture import Writable
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Prompt

RECORDS = 64  # records that are written side by side at most


@checks
def generate(
    model: Writable,
    *,
    prime: str = "",
    length: int | None = 1000,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    ban: str = "",
    stop: Sequence[str] = (),
    until_lines: int = 0,
    final_temperature: float | None = None,
    min_p: float = 0.0,
    dry: float = 0.0,
    dry_base: float = 1.15,
    dry_length: int = 16,
    dry_breakers: str = "",
    best_of: int = 1,
    unknown: str = "error",
    rng: np.random.Generator | Seed | None = None,
) -> Iterator[str]:
    """Continue ``prime``, some characters at a time; a record up to its end, which is not yielded.

    Args:
        prime: Text that comes before, read as a file is: of a model of bytes it is the bytes of its UTF-8,
            else it gets LF as line ends and is composed. It is not part of what is yielded, and is read
            after nothing; one that begins with a line feed is gone on with as :func:`charrnn.score` expects. Without
            a prime the model starts as at the beginning of a line.
        unknown: What becomes of its characters that the model does not know: ``error``, ``skip`` or
            ``replace`` (by a similar one).
        rng: A generator, or a seed for one.
        length: Most characters to write; None is without end, 0 is none.

    The other arguments are those of :class:`charrnn.config.SamplingConfig`. A model of bytes writes a
    character of U+0000 to U+00FF for each: ``text.encode("latin-1")`` has them.

    Raises:
        InputError: A value is out of its range, or ``ban`` leaves nothing to write.
        UnknownCharacterError: ``prime`` has a character that the model does not know.
        CheckpointError: The model's numbers overflow, on the way.
    """
    stop = (stop,) if isinstance(stop, str) else tuple(stop)
    config = SamplingConfig(
        length, temperature, top_k, top_p, ban, stop, until_lines, final_temperature, min_p,
        dry, dry_base, dry_length, dry_breakers, best_of,
    )  # fmt: skip
    config = _read(model.vocabulary, config)
    prime = model.vocabulary.known(model.vocabulary.read(prime), unknown)
    pieces = generate_batch(model, [Prompt(prime, rng, config)])
    end = model.vocabulary.config.end
    if end and end in prime:
        raise InputError("a record is one line, and so is its prime")
    texts = (text for piece in pieces if (text := piece.text.removesuffix(end)))
    if not model.vocabulary.words:
        return texts
    return (model.vocabulary.shown("".join(whole)) for whole in [texts])  # with blanks between


@checks
def generate_records(
    model: Writable,
    *,
    prime: str = "",
    length: int | None = 1000,
    temperature: float = 1.0,
    config: SamplingConfig | None = None,
    rng: Seed | None = None,
) -> Iterator[str]:
    """Records of a model that was trained on records, or versions of a source, one after the other, without end.

    The first one comes alone; then more and more are written side by side.

    Args:
        prime: How each record begins.
        length: Most characters to write after it; a record that is longer is cut.
        config: All that there is to say, instead of ``length`` and ``temperature``.
        rng: A seed; each record has the one after that of the record before, each candidate for ``best_of``.

    Raises:
        InputError: The model is not one of records, or the prime has several lines; and as :func:`generate`.
    """
    config = _read(model.vocabulary, config or SamplingConfig(length, temperature))
    return write_records(model, model.vocabulary.read(prime), config, rng)


def write_records(
    model: Writable,
    prime: str,
    config: SamplingConfig,
    rng: Seed | None,
    on_start: Callable[[], object] | None = None,
) -> Iterator[str]:
    """As :func:`generate_records`, of what has been read; ``on_start`` as for :func:`generate_batch`."""
    end = model.vocabulary.config.end
    if not end:
        raise InputError("the model was not trained on records")
    if end in prime:
        raise InputError("a record is one line, and so is its prime")
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if rng is None else rng
    count = 1
    while True:
        later = range(0, count * config.best_of, config.best_of)
        prompts = [Prompt(prime, seed_after(seed, number), config) for number in later]
        records = [prime] * count
        for piece in generate_batch(model, prompts, on_start=on_start):
            records[piece.number] += piece.text
        yield from (model.vocabulary.shown(record.removesuffix(end)) for record in records)
        seed, count = seed_after(seed, later.stop), min(2 * count, RECORDS)


def _read(vocabulary: Vocabulary, config: SamplingConfig) -> SamplingConfig:
    """The same, its strings in characters of the model's kind."""
    try:
        ban, breakers, *stop = map(
            vocabulary.symbols, (config.ban, config.dry_breakers, *config.stop)
        )
    except UnicodeError:
        raise InputError("ban, stop and dry_breakers must be valid Unicode") from None
    return replace(config, ban=ban, dry_breakers=breakers, stop=tuple(stop))
