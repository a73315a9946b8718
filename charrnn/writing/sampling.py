"""Writing: characters drawn one after the other from the model's own predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charrnn.config import SamplingConfig
from charrnn.errors import CheckpointError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.stepper import Stepper
from charrnn.nn.functions import Ids
from charrnn.nn.loss import cross_entropy_
from charrnn.nn.parallel import Shards, default_shards, single_threaded_blas, warm_up
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.writing.choosing import Filter, GumbelNoise, choose

PRIME_STEPS = 256  # characters of a prime that are read at once; bounds the memory
BATCH_STEPS = 16  # characters that a thread writes in each of its texts before it reports
RECORDS = 64  # records that are written side by side at most
CHECK_STEPS = 64  # between looks for numbers that are not finite


def generate(
    model: CharacterModel,
    *,
    prime: str = "",
    length: int | None = 1000,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    ban: str = "",
    stop: Sequence[str] = (),
    until_lines: int = 0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[str]:
    """Continue ``prime``, character by character.

    Args:
        model: Who writes.
        prime: Text that comes before; it is not part of what is yielded. Without one the model
            starts as at the beginning of a line.
        rng: A generator, or a seed for one.

    The other arguments are those of :class:`charrnn.config.SamplingConfig`.

    Raises:
        InputError: A value is out of its range, or ``ban`` leaves nothing to write.
        UnknownCharacterError: ``prime`` has a character that the model does not know.
        CheckpointError: The model's numbers overflow, on the way.
    """
    stop = (stop,) if isinstance(stop, str) else tuple(stop)
    config = SamplingConfig(length, temperature, top_k, top_p, ban, stop, until_lines)
    writer = Writer(model, [Prompt(prime, rng, config)])
    characters = model.vocabulary.characters
    times = repeat(None) if length is None else repeat(None, length)
    text = (characters[writer.next()[0]] for _ in times)
    return _ended(text, Ending(config)) if stop or until_lines else text


def _ended(text: Iterator[str], ending: Ending) -> Iterator[str]:
    for character in text:
        yield ending.cut(character)
        if ending.reached:
            return


@dataclass(frozen=True)
class Prompt:
    """What a text is asked for with.

    Attributes:
        prime: Text to continue.
        rng: A generator, or a seed for one.
        config: How to write.
    """

    prime: str = ""
    rng: np.random.Generator | int | None = None
    config: SamplingConfig = field(default=SamplingConfig())


class Piece(NamedTuple):
    """Some more of a text.

    Attributes:
        number: Which text of the batch, from 0.
        text: Its next characters.
        nats: How unexpected they are to the model, in sum: -log of their probability as it was
            before temperature and filters; 0 if that was not asked for.
        last: Whether the text ends here.
    """

    number: int
    text: str
    nats: float
    last: bool


def generate_batch(
    model: CharacterModel, prompts: Sequence[Prompt], *, scored: bool = False
) -> Iterator[Piece]:
    """Write several texts side by side, many times as fast as one after the other.

    Each text is the one that :func:`generate` writes with the same prime, generator and settings,
    up to the rounding of the scores; the others have no part in it.

    Args:
        prompts: One for each text.
        scored: Tell how unexpected the characters are.

    Yields:
        Pieces of all texts in turn, until the last one has ended.

    Raises:
        InputError, UnknownCharacterError, CheckpointError: As :func:`generate`.
    """
    texts = [_Text(number, prompt) for number, prompt in enumerate(prompts)]
    shards = Shards(default_shards(len(texts)))
    parts: list[_Part | None] = [None] * shards.count

    def write(index: int, columns: slice, _workspace: Workspace) -> list[Piece]:
        part = parts[index]
        if part is None:
            warm_up()
            part = parts[index] = _Part(model, texts[columns], scored)
        return part.write()

    while texts and not all(text.ending.reached for text in texts):
        with single_threaded_blas():
            pieces = shards.map(write, len(texts))
        for part in pieces:
            yield from part


class _Text:
    """One text of a batch."""

    def __init__(self, number: int, prompt: Prompt) -> None:
        self.number, self.prompt, self.ending = number, prompt, Ending(prompt.config)


class _Part:
    """The texts of a batch that one thread writes."""

    def __init__(self, model: CharacterModel, texts: Sequence[_Text], scored: bool) -> None:
        self._vocabulary, self._texts, self._scored = model.vocabulary, texts, scored
        self._writer = Writer(model, [text.prompt for text in texts])

    def write(self) -> list[Piece]:
        """The next characters of the texts that have not ended."""
        going_on = [c for c, text in enumerate(self._texts) if not text.ending.reached]
        if not going_on:
            return []
        if 2 * len(going_on) <= len(self._texts):
            self._texts = [self._texts[column] for column in going_on]
            self._writer.keep(np.array(going_on))
        steps, nats = [], np.zeros((BATCH_STEPS, len(self._texts)))
        for step in range(BATCH_STEPS):
            steps.append(self._writer.next())
            if self._scored:
                nats[step] = self._writer.nats()
        pieces = []
        for text, ids, costs in zip(self._texts, np.stack(steps, axis=1), nats.T, strict=True):
            if not text.ending.reached:
                written = text.ending.cut(self._vocabulary.decode(ids))
                cost = float(costs[: len(written)].sum())
                pieces.append(Piece(text.number, written, cost, text.ending.reached))
        return pieces


class Ending:
    """Finds where a text ends, as it comes.

    Attributes:
        reached: Whether that has been found.
    """

    def __init__(self, config: SamplingConfig) -> None:
        self._left = math.inf if config.length is None else config.length
        self._lines = config.until_lines or math.inf
        self._stop, self._before = config.stop, ""
        self.reached = self._left == 0

    def cut(self, piece: str) -> str:
        """What of the next characters is still a part of the text."""
        end = min(self._left, len(piece), _after_lines(piece, self._lines))
        seen = self._before + piece
        for stop in self._stop:
            place = seen.find(stop)
            if place >= 0:
                end = min(end, place + len(stop) - len(self._before))
        kept = piece[: int(end)]
        self._left -= len(kept)
        self._lines -= kept.count("\n")
        self.reached = len(kept) < len(piece) or not self._left or not self._lines
        if self._stop:
            self.reached |= (self._before + kept).endswith(self._stop)
            longest = max(map(len, self._stop))
            self._before = (self._before + kept)[-longest:]
        return kept


def _after_lines(piece: str, lines: float) -> float:
    """The place after that many line feeds."""
    place = 0
    while lines >= 1:
        place = piece.find("\n", place) + 1
        if not place:
            return math.inf
        lines -= 1
    return place


def generate_records(
    model: CharacterModel,
    *,
    prime: str = "",
    length: int | None = 1000,
    temperature: float = 1.0,
    config: SamplingConfig | None = None,
    rng: int | None = None,
) -> Iterator[str]:
    """Records of a model that was trained on records, one after the other, without end.

    The first one comes alone; then more and more are written side by side.

    Args:
        prime: How each record begins.
        length: Most characters to write after it; a record that is longer is cut.
        temperature: See :class:`charrnn.config.SamplingConfig`.
        config: All that there is to say, instead of ``length`` and ``temperature``.
        rng: A seed; each record has the one after that of the record before.

    Raises:
        InputError: The model is not one of records, or as :func:`generate`.
        UnknownCharacterError: As :func:`generate`.
        CheckpointError: As :func:`generate`.
    """
    end = model.vocabulary.config.end
    if not end:
        raise InputError("the model was not trained on records")
    config = config or SamplingConfig(length, temperature)
    config = replace(config, stop=(*config.stop, end))
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if rng is None else rng
    count = 1
    while True:
        prompts = [Prompt(end + prime, seed + number, config) for number in range(count)]
        records = [prime] * count
        for piece in generate_batch(model, prompts):
            records[piece.number] += piece.text
        yield from (record.removesuffix(end) for record in records)
        seed, count = seed + count, min(2 * count, RECORDS)


class Writer:
    """Writes ``B`` texts side by side, one character of each at a time.

    Args:
        prompts: One for each text. Lengths and other ends are not for the writer, who writes on.

    Raises:
        InputError: All characters are banned.
        UnknownCharacterError: A prime has a character that the model does not know.
    """

    def __init__(self, model: CharacterModel, prompts: Sequence[Prompt]) -> None:
        configs = [prompt.config for prompt in prompts]
        rngs = [np.random.default_rng(prompt.rng) for prompt in prompts]
        self._model = model
        self._cut = Filter.of(model.vocabulary, configs)
        self._noise = GumbelNoise(
            rngs, len(model.vocabulary), [config.temperature for config in configs]
        )
        self._logits, state = read_primes(model, [prompt.prime for prompt in prompts])
        self._stepper = Stepper(model.network, model.parameters, state)
        self._chosen: Ids | None = None
        self._written = 0

    def next(self) -> Ids:
        """The next character of each text, ``(B,)``.

        Raises:
            CheckpointError: The model's numbers overflow.
        """
        if self._chosen is not None:
            self._logits = self._stepper.step(self._chosen)
        if self._written % CHECK_STEPS == 0 and not np.isfinite(self._logits).all():
            raise CheckpointError("the model cannot be written with: its numbers overflow")
        self._written += 1
        logits = self._logits if self._cut is None else self._cut(self._logits)
        self._chosen = choose(logits, next(self._noise.rows))
        return self._chosen

    def nats(self) -> Array:
        """How unexpected each of the characters just written is to the model, ``(B,)``."""
        assert self._chosen is not None  # something has been written
        return cross_entropy_(self._logits.copy(), self._chosen)

    def keep(self, columns: NDArray[np.intp]) -> None:
        """Go on with some of the texts only."""
        state = self._stepper.state[..., columns]
        self._stepper = Stepper(self._model.network, self._model.parameters, state)
        self._noise.keep(columns)
        if self._cut is not None:
            self._cut.keep(columns)
        if self._chosen is not None:
            self._chosen = self._chosen[columns]
        self._logits = self._logits[:, columns]


def read_primes(model: CharacterModel, primes: Sequence[str]) -> tuple[Array, Array]:
    """Read the beginning of each text; they may differ in length, and equal ones are read once.

    Returns:
        ``(K, B)``, the logits of what could follow, and the state ``(L, states, H, B)``.

    Raises:
        UnknownCharacterError: A prime has a character that the model does not know.
    """
    found: dict[str, tuple[Array, Array]] = {}
    for prime in primes:
        if prime not in found:
            ids = model.vocabulary.encode(prime or line_start(model)).astype(np.intp)
            logits, state = read(model, ids[:, None])
            found[prime] = logits.copy(), state
    all_logits = [found[prime][0] for prime in primes]
    states = [found[prime][1] for prime in primes]
    return np.concatenate(all_logits, axis=-1), np.concatenate(states, axis=-1)


def read(model: CharacterModel, ids: Ids) -> tuple[Array, Array]:
    """Read texts from their beginning.

    Args:
        ids: ``(T, B)``, at least one character of each.

    Returns:
        ``(K, B)``, the logits of what could follow, and the state ``(L, states, H, B)``.
    """
    state = model.network.zero_state(ids.shape[1])
    workspace = Workspace()
    with np.errstate(all="ignore"):  # a writer looks for numbers that are not finite
        for start in range(0, len(ids), PRIME_STEPS):
            part = ids[start : start + PRIME_STEPS]
            logits, state = model.network.logits(model.parameters, part, state, workspace)
    return logits[:, -1], state


def line_start(model: CharacterModel) -> str:
    """What an unprimed text is taken to follow."""
    characters = model.vocabulary.characters
    return "\n" if "\n" in model.vocabulary else characters[0]
