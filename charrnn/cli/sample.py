"""``charrnn sample``: only the text on standard output, as it comes."""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.errors import InputError, SamplingError, UnknownCharacterError

if TYPE_CHECKING:
    from charrnn.models.character_model import CharacterModel

EPILOG = "Standard output carries the text alone; the seed goes to standard error."
FLUSH_SECONDS = 0.05
TRIES = 100  # records that are written for a novel one, on average, before it is given up


def sample(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="Whose text to write.", show_default="the newest model in checkpoints/"
        ),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option(
            "--temp",
            "--temperature",
            "-t",
            help="Below 1 more cautious, above 1 more daring; 0 always takes the likeliest.",
        ),
    ] = 1.0,
    length: Annotated[
        int,
        typer.Option(
            "--length",
            "-n",
            help="Characters to write after the prime; the most, if the model knows where a record ends.",
        ),
    ] = 500,
    prime: Annotated[
        str, typer.Option("--prime", "--primetext", "-p", help="Text to continue.")
    ] = "",
    unknown: Annotated[
        str,
        typer.Option(
            help="Characters of the prime that the model does not know: error, skip, or "
            "replace (by a similar one)."
        ),
    ] = "error",
    seed: Annotated[
        int | None,
        typer.Option(
            help="Makes the same text again.", show_default="a new one, told on standard error"
        ),
    ] = None,
    num_samples: Annotated[int, typer.Option(help="Texts to write.")] = 1,
    separator: Annotated[
        str | None,
        typer.Option(
            help=r"What stands between texts, or after each record (\n, \t and \0 are understood).",
            show_default=r"\n---\n, or \n for records",
        ),
    ] = None,
    novel_only: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            help="Write only records that are not in this file, until it is enough.",
        ),
    ] = None,
    echo: Annotated[
        bool, typer.Option("--echo/--no-echo", help="Write the prime before its continuation.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not tell the seed.")] = False,
) -> None:
    """Write text with a trained model."""
    if unknown not in ("error", "skip", "replace"):
        raise InputError(f"--unknown must be error, skip or replace, not {unknown!r}")
    if num_samples < 1:
        raise InputError(f"--num-samples must be at least 1, not {num_samples}")
    if length < 0:
        raise InputError(f"--length must be at least 0, not {length}")
    if not temperature >= 0:
        raise InputError(f"--temp must be at least 0, not {temperature:g}")
    if seed is not None and seed < 0:
        raise InputError(f"--seed must be at least 0, not {seed}")

    import numpy as np

    from charrnn.checkpoint import load_checkpoint
    from charrnn.cli.files import newest_checkpoint
    from charrnn.cli.terminal import argument_symbols, silence_stdout

    path = checkpoint or newest_checkpoint()
    model = load_checkpoint(path).model
    prime = _known_prime(model, argument_symbols(model.vocabulary, prime, "--prime"), unknown)
    if model.vocabulary.config.records and "\n" in prime:
        raise InputError("--prime: a record is one line")
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    if not quiet:
        print(f"{path}: seed {seed}", file=sys.stderr)
    records = model.vocabulary.config.records
    if novel_only and not records:
        raise InputError("--novel-only is for models of records; make one with train --records")
    if separator is None:
        separator = r"\n" if records else r"\n---\n"
    between = argument_symbols(model.vocabulary, separator, "--separator")
    for escape, character in ((r"\n", "\n"), (r"\t", "\t"), (r"\0", "\0")):
        between = between.replace(escape, character)
    try:
        with np.errstate(all="ignore"):  # what overflows is an error of one line
            if records:
                _write_records(
                    model, prime, echo, length, temperature, seed, num_samples, between, novel_only
                )
            else:
                _write(model, prime, echo, length, temperature, seed, num_samples, between)
    except BrokenPipeError:
        silence_stdout()  # the reader has seen enough


def _known_prime(model: CharacterModel, prime: str, unknown: str) -> str:
    """The prime in characters that the model knows.

    Raises:
        UnknownCharacterError: It has others, and ``unknown`` is ``error``.
    """
    if unknown != "error":
        return model.vocabulary.resolve(prime, unknown)
    if characters := model.vocabulary.unknown_in(prime):
        raise UnknownCharacterError(
            characters, "; leave it out of --prime, or add --unknown skip or --unknown replace"
        )
    return prime


def _write(
    model: CharacterModel,
    prime: str,
    echo: bool,
    length: int,
    temperature: float,
    seed: int,
    num_samples: int,
    separator: str,
) -> None:
    import numpy as np

    from charrnn.sampling import generate

    # A byte may be but a part of a UTF-8 character, so that bytes go below the text layer.
    encoding = model.vocabulary.config.encoding

    def write(text: str) -> None:
        sys.stdout.buffer.write(text.encode(encoding))

    # One text draws from the seed itself, further ones from its children.
    first = np.random.default_rng(seed)
    rngs = [first, *first.spawn(num_samples - 1)]
    last = ""
    for number, rng in enumerate(rngs):
        if number:
            write(separator)
        if echo:
            write(prime)
            last = prime[-1:]
        flushed = 0.0
        for character in generate(
            model, prime=prime, length=length, temperature=temperature, rng=rng
        ):
            write(character)
            last = character
            if (now := time.monotonic()) - flushed > FLUSH_SECONDS:
                sys.stdout.flush()
                flushed = now
    if sys.stdout.isatty() and last != "\n":
        write("\n")  # for the shell's next prompt; a pipe gets just the text
    sys.stdout.flush()


def _write_records(
    model: CharacterModel,
    prime: str,
    echo: bool,
    length: int,
    temperature: float,
    seed: int,
    num_samples: int,
    separator: str,
    novel_only: Path | None,
) -> None:
    """Whole records, each with the separator at its end."""
    from charrnn.sampling import generate_records
    from charrnn.text import load_records

    config = model.vocabulary.config
    known = load_records(novel_only, config) if novel_only else frozenset()
    most = TRIES * max(10, num_samples) if novel_only else num_samples
    written = 0
    records = generate_records(model, prime=prime, length=length, temperature=temperature, rng=seed)
    for record in islice(records, most):
        if record not in known:
            text = (record if echo else record[len(prime) :]) + separator
            sys.stdout.buffer.write(text.encode(config.encoding))
            sys.stdout.flush()
            written += 1
            if written == num_samples:
                return
    raise SamplingError(
        f"only {written} of {num_samples} records in {most:,} tries are not in {novel_only}; "
        "a higher --temp writes more that is new"
    )
