"""Writing: characters drawn one after the other from the model's own predictions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from charrnn.errors import CheckpointError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.stepper import Stepper
from charrnn.nn.functions import Ids
from charrnn.nn.parameters import Array
from charrnn.nn.workspace import Workspace
from charrnn.parallel import Shards, default_shards, single_threaded_blas, warm_up

PRIME_STEPS = 256  # characters of a prime that are read at once; bounds the memory
BATCH_STEPS = 16  # characters that a thread writes in each of its texts before it reports
RECORDS = 64  # records that are written side by side at most
CHECK_STEPS = 64  # between looks for numbers that are not finite
HOTTEST = 1e30  # hotter makes no difference, but could overflow


def generate(
    model: CharacterModel,
    *,
    prime: str = "",
    length: int = 1000,
    temperature: float = 1.0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[str]:
    """Continue ``prime``, character by character.

    Args:
        model: Who writes.
        prime: Text that comes before; it is not part of what is yielded. Without one the model
            starts as at the beginning of a line.
        length: Characters to write.
        temperature: Logits are divided by it: below 1 the model is more cautious, above 1 more
            daring; 0 always takes the likeliest character.
        rng: A generator, or a seed for one.

    Raises:
        InputError: ``length`` or ``temperature`` is negative or not a number.
        UnknownCharacterError: ``prime`` has a character that the model does not know.
        CheckpointError: The model's numbers overflow, on the way.
    """
    ids = _start(model, [prime], length, temperature)
    characters = model.vocabulary.characters
    writer = Writer(model, ids, temperature, [np.random.default_rng(rng)])
    return (characters[writer.next()[0]] for _ in range(length))


def generate_batch(
    model: CharacterModel,
    primes: Sequence[str],
    *,
    length: int = 1000,
    temperature: float = 1.0,
    rngs: Sequence[np.random.Generator | int | None],
) -> Iterator[str]:
    """Continue several primes side by side, many times as fast as one after the other.

    Each text is the one that :func:`generate` writes with the same prime and generator, up to the
    rounding of the scores.

    Args:
        primes: All of the same length.
        rngs: A generator or seed for each.

    Yields:
        A string with the next character of each text.

    Raises:
        InputError: As :func:`generate`; or the primes are none, or differ in length.
        UnknownCharacterError: A prime has a character that the model does not know.
        CheckpointError: The model's numbers overflow, on the way.
    """
    if not primes or len({len(prime) for prime in primes}) > 1:
        raise InputError("a batch needs at least one prime, and all of the same length")
    ids = _start(model, primes, length, temperature)
    generators = [np.random.default_rng(rng) for rng in rngs]
    return _generate_batch(model, ids, length, temperature, generators)


def _generate_batch(
    model: CharacterModel,
    ids: Ids,
    length: int,
    temperature: float,
    rngs: Sequence[np.random.Generator],
) -> Iterator[str]:
    texts = len(rngs)
    shards = Shards(default_shards(texts))
    writers: dict[int, Writer] = {}

    def write(index: int, part: slice, _workspace: Workspace) -> list[Ids]:
        if index not in writers:
            warm_up()
            writers[index] = Writer(model, ids[:, part], temperature, rngs[part])
        return [writers[index].next() for _ in range(steps)]

    for start in range(0, length, BATCH_STEPS):
        steps = min(BATCH_STEPS, length - start)
        with single_threaded_blas():
            parts = shards.map(write, texts)
        for chosen in zip(*parts, strict=True):
            yield model.vocabulary.decode(np.concatenate(chosen))


def generate_records(
    model: CharacterModel,
    *,
    prime: str = "",
    length: int = 1000,
    temperature: float = 1.0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[str]:
    """Records of a model that was trained on records, one after the other, without end.

    The first one comes alone; then more and more are written side by side.

    Args:
        prime: How each record begins.
        length: Most characters to write after it; a record that is longer is cut.

    Raises:
        InputError: The model is not one of records, or as :func:`generate`.
        UnknownCharacterError: As :func:`generate`.
        CheckpointError: As :func:`generate`.
    """
    end = model.vocabulary.config.end
    if not end:
        raise InputError("the model was not trained on records")
    first = np.random.default_rng(rng)
    rngs = [first]
    while True:
        primes = [end + prime] * len(rngs)
        steps = generate_batch(model, primes, length=length, temperature=temperature, rngs=rngs)
        yield from (prime + record for record in _until(end, steps, len(rngs)))
        rngs = first.spawn(min(2 * len(rngs), RECORDS))


def _until(end: str, steps: Iterator[str], texts: int) -> list[str]:
    """Each text of a batch up to its end; the batch is written until all have ended."""
    records, unended = [""] * texts, set(range(texts))
    for characters in steps:
        unended -= {number for number in unended if characters[number] == end}
        if not unended:
            break
        for number in unended:
            records[number] += characters[number]
    return records


class Writer:
    """Writes ``B`` texts side by side, one character of each at a time.

    A character is drawn from softmax(logits / temperature) as the largest of logits + temperature
    times Gumbel noise (Gumbel 1954; Maddison, Tarlow, Minka, arXiv 1411.0030): two passes over the
    logits, no exponential, and at temperature 0 just the largest.

    Args:
        ids: ``(T, B)``, what is read first; at least one character of each text.
        temperature: At least 0.
        rngs: A random generator for each text.
    """

    def __init__(
        self,
        model: CharacterModel,
        ids: Ids,
        temperature: float,
        rngs: Sequence[np.random.Generator],
    ) -> None:
        self._logits, state = read(model, ids)
        self._stepper = Stepper(model.network, model.parameters, state)
        self._noise = gumbel_noise(rngs, len(model.vocabulary), temperature)
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
        self._chosen = choose(self._logits, next(self._noise))
        return self._chosen


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


def choose(logits: Array, noise: Array) -> Ids:
    """The character of each text whose score with its noise is the largest.

    Args:
        logits: ``(K, B)``.
        noise: ``(K, B)``, of :func:`gumbel_noise`.

    Returns:
        ``(B,)``
    """
    chosen: Ids = np.add(logits, noise).argmax(axis=0)
    return chosen


def gumbel_noise(
    rngs: Sequence[np.random.Generator], vocabulary_size: int, temperature: float
) -> Iterator[Array]:
    """Endless float32 noise ``(K, B)``: -log of an exponential draw, times the temperature.

    Each column comes from its own generator, in an order that nothing else has a part in.
    """
    shape = max(1, 8192 // (vocabulary_size * len(rngs))), vocabulary_size
    scale = min(temperature, HOTTEST)
    while True:
        draws = np.stack([rng.standard_exponential(shape) for rng in rngs], axis=-1)
        yield from (-scale * np.log(draws)).astype(np.float32)


def _start(model: CharacterModel, primes: Sequence[str], length: int, temperature: float) -> Ids:
    """What is read first, ``(T, B)``, when all that was asked for makes sense."""
    if length < 0:
        raise InputError(f"length must be at least 0, not {length}")
    if not temperature >= 0:
        raise InputError(f"temperature must be at least 0, not {temperature:g}")
    ids = [model.vocabulary.encode(prime or _line_start(model)) for prime in primes]
    return np.stack(ids, axis=1).astype(np.intp)


def _line_start(model: CharacterModel) -> str:
    """What an unprimed text is taken to follow."""
    characters = model.vocabulary.characters
    return "\n" if "\n" in model.vocabulary else characters[0]
