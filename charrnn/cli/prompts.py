"""What ``charrnn sample`` is asked for: one prime, or a stream of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from charrnn.config import SamplingConfig
from charrnn.errors import InputError
from charrnn.text.source import Source
from charrnn.text.vocabulary import VERBATIM, Vocabulary

MOST = 64  # texts that are written side by side
SETTINGS = (
    "temperature", "final_temperature", "length", "min_p", "dry", "dry_base", "dry_length", "best_of",
)  # fmt: skip
"""What an object of JSON may set, beside its prime and its seed."""

HELD = 1 << 22  # characters that texts may grow to while they wait for their turn to be shown


@dataclass(frozen=True)
class Request:
    """A text that is asked for."""

    prime: str
    seed: int
    config: SamplingConfig
    given: Mapping[str, Any] = field(default_factory=dict)  # the rest of an object of JSON

    def times(self, number: int) -> Iterator[Request]:
        """Asked for several times: each with the seed after those of the one before."""
        seeds = range(self.seed, self.seed + number * self.config.best_of, self.config.best_of)
        return (replace(self, seed=seed) for seed in seeds)


def require_end(config: SamplingConfig) -> None:
    """Raise an InputError if nothing ends a text that something has to come after."""
    if config.length is None and not config.stop and not config.until_lines:
        raise InputError(
            "length 0 is for one text that never ends; give a --length, --stop or --until-lines"
        )


def known_prime(vocabulary: Vocabulary, prime: str, unknown: str, where: str = "") -> str:
    """A prime in characters that a model knows, see :meth:`Vocabulary.known`.

    Raises:
        InputError: It is more than a line, and the model is one of records.
    """
    if vocabulary.config.records and "\n" in prime:
        raise InputError("a record is one line, and so is its prime")
    return vocabulary.known(prime, unknown, where)


def read_requests(
    source: Source,
    vocabulary: Vocabulary,
    default: Request,
    num_samples: int,
    unknown: str,
    *,
    jsonl: bool,
) -> Iterator[Iterator[Request]]:
    """A prompt a line, in groups: each of the lines that are there.

    Args:
        jsonl: Lines are JSON objects with ``prime`` and maybe ``seed`` and some of ``SETTINGS``.
        default: What a line does not say. Its seed is that of the first text; texts are counted.
        unknown: See :meth:`Vocabulary.known`.

    Raises:
        InputError: A line is not as it should be.
    """
    numbers, seed = count(1), default.seed

    def requests(lines: list[str]) -> Iterator[Request]:
        nonlocal seed
        for line in lines:
            number = next(numbers)
            if jsonl and not line.strip():
                continue
            request = replace(default, prime=line.removesuffix("\n"), seed=seed)
            try:
                if jsonl:
                    request = _from_json(line, request, vocabulary)
                request = replace(request, prime=known_prime(vocabulary, request.prime, unknown))
            except InputError as error:
                raise InputError(f"{source}, line {number}: {error}") from None
            seed += num_samples * request.config.best_of
            yield from request.times(num_samples)

    return map(requests, source.line_groups(VERBATIM if jsonl else vocabulary.config))


def _from_json(line: str, default: Request, vocabulary: Vocabulary) -> Request:
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not JSON: {error}") from None
    if not isinstance(given, dict) or not isinstance(given.get("prime"), str):
        raise InputError('must be an object with a string "prime"')
    seed = given.get("seed", default.seed)
    if type(seed) is not int or seed < 0:
        raise InputError(f"seed must be a whole number from 0, not {seed!r}")
    settings = {name: given[name] for name in SETTINGS if name in given}
    if settings.get("length") == 0:
        settings["length"] = None
    config = replace(default.config, **settings)
    if not vocabulary.config.records:
        require_end(config)
    try:
        prime = vocabulary.symbols(given["prime"])
    except UnicodeError:
        raise InputError("prime has half of a surrogate pair") from None
    return Request(prime, seed, config, given)


def in_batches(requests: Iterator[Request]) -> Iterator[list[Request]]:
    """As many as can be written side by side in bounded memory.

    Raises:
        InputError: As ``requests`` does, but after all that came before.
    """
    batch: list[Request] = []
    texts, held = 0, 0.0
    try:
        for request in requests:
            batch.append(request)
            config = request.config
            texts += config.best_of
            held += config.best_of * (HELD if config.length is None else config.length)
            if texts >= MOST or held >= HELD:
                yield batch
                batch, texts, held = [], 0, 0.0
    except InputError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
