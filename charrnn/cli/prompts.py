"""What ``charrnn sample`` is asked for: one prime, or a stream of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from charrnn.config import SamplingConfig, seed_after
from charrnn.errors import InputError
from charrnn.text.source import Source
from charrnn.text.vocabulary import VERBATIM, Vocabulary
from charrnn.words import unescaped

if TYPE_CHECKING:
    from charrnn.cli.jsonl import Asking

MOST = 64  # texts that are written side by side
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
        later = range(0, number * self.config.best_of, self.config.best_of)
        return (replace(self, seed=seed_after(self.seed, n)) for n in later)


@dataclass(frozen=True)
class Refusal:
    """A line that asks for what cannot be.

    Attributes:
        line: Its number, from 1.
        reason: What is wrong, in words.
        given: The object of JSON, as far as it is one.
    """

    line: int
    reason: str
    given: Mapping[str, Any]


def require_end(config: SamplingConfig) -> None:
    """Raise an InputError if nothing ends a text that something has to come after."""
    if config.length is None and not config.stop and not config.until_lines:
        raise InputError(
            "length 0 is for one text that never ends; give a --length, --stop or --until-lines"
        )


def typed(vocabulary: Vocabulary, value: str, option: str) -> str:
    """What an option was given, in the characters of what is written."""
    return vocabulary.spelled(unescaped(vocabulary.argument(value, option)), where=option)


def typed_config(vocabulary: Vocabulary, config: SamplingConfig) -> SamplingConfig:
    """The same settings, with strings in the characters of what is written."""
    return replace(
        config,
        ban=typed(vocabulary, config.ban, "--ban"),
        stop=tuple(typed(vocabulary, string, "--stop") for string in config.stop),
        dry_breakers=typed(vocabulary, config.dry_breakers, "--dry-breakers"),
    )


def known_prime(
    vocabulary: Vocabulary, prime: str, unknown: str, where: str = "", line: int = 0
) -> str:
    """A prime in characters that a model knows, see :meth:`Vocabulary.known`.

    Raises:
        InputError: It is more than a line, and the model is one of records.
    """
    if vocabulary.config.records and "\n" in prime:
        raise InputError("a record is one line, and so is its prime")
    return vocabulary.known(prime, unknown, where, line)


def read_prime(source: Source, vocabulary: Vocabulary, unknown: str) -> str:
    """A prime that is all of a text, with its line ends.

    Raises:
        InputError: The text cannot be read, is empty, or is more than a record.
    """
    text = "".join(source.pieces(vocabulary.config))
    if not text:
        raise InputError(f"{source}: is empty; without a prime leave --prime-text out")
    return known_prime(vocabulary, text, unknown, str(source), 1)


def read_requests(
    source: Source,
    vocabulary: Vocabulary,
    default: Request,
    num_samples: int,
    unknown: str,
    asking: Asking | None = None,
    *,
    strict: bool = True,
) -> Iterator[Iterator[Request | Refusal]]:
    """A prompt a line, in groups: each of the lines that are there.

    Args:
        default: What a line does not say. Its seed is that of the first text; texts are counted.
        unknown: See :meth:`Vocabulary.known`.
        asking: Lines are objects of JSON, which it reads.
        strict: What is wrong with a line is an error, and not a refusal of that line.

    Raises:
        InputError: A line is not as it should be.
    """
    numbers, seed = count(1), default.seed

    def requests(lines: list[str]) -> Iterator[Request | Refusal]:
        nonlocal seed
        for line in lines:
            number = next(numbers)
            if asking and not line.strip():
                continue
            request, given = replace(default, seed=seed), dict[str, Any]()
            try:
                if asking:
                    given = asking.parse(line)
                    request = asking.request(given, seed, number)
                else:
                    request = replace(request, prime=line.removesuffix("\n"))
                where = "its prime" if "\n" in request.prime else ""
                prime = known_prime(vocabulary, request.prime, unknown, where)
                request = replace(request, prime=prime)
            except InputError as error:
                if strict:
                    raise InputError(f"{source}, line {number}: {error}") from None
                seed = seed_after(seed, num_samples * default.config.best_of)
                yield Refusal(number, str(error), given)
            else:
                seed = seed_after(seed, num_samples * request.config.best_of)
                yield from request.times(num_samples)

    if asking:  # one line may be in another encoding, or none
        return map(requests, source.line_groups(VERBATIM, errors="surrogateescape"))
    return map(requests, source.line_groups(vocabulary.config))


def in_batches(requests: Iterator[Request | Refusal]) -> Iterator[list[Request] | Refusal]:
    """As many as can be written side by side in bounded memory; refusals in their places.

    Raises:
        InputError: As ``requests`` does, but after all that came before.
    """
    batch: list[Request] = []
    texts, held = 0, 0.0
    try:
        for request in requests:
            if isinstance(request, Refusal):
                if batch:
                    yield batch
                    batch, texts, held = [], 0, 0.0
                yield request
                continue
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
