"""``charrnn sample``: only the text on standard output, as it comes."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from charrnn.cli.unknown import unknown_option
from charrnn.config import SamplingConfig
from charrnn.errors import InputError, UnknownCharacterError

if TYPE_CHECKING:
    from charrnn.models.character_model import CharacterModel

EPILOG = "Standard output carries the text alone; the seed goes to standard error."

TEXT, CHOICE, PROMPTS, OUTPUT = "Text", "Choice of characters", "Several texts", "Output"


def sample(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(
            help="Whose text to write.", show_default="the newest model in checkpoints/"
        ),
    ] = None,
    prompts: Annotated[
        str | None,
        typer.Argument(
            metavar="-",
            help="A - here, or alone, reads prompts from standard input, one a line, and continues "
            "each of them.",
            show_default=False,
        ),
    ] = None,
    prime: Annotated[
        str,
        typer.Option(
            "--prime", "--primetext", "-p", rich_help_panel=TEXT, help="Text to continue."
        ),
    ] = "",
    unknown: Annotated[
        str,
        unknown_option(
            "Characters of the prime that the model does not know: error, skip, or "
            "replace (by a similar one).",
            TEXT,
        ),
    ] = "error",
    length: Annotated[
        int,
        typer.Option(
            "--length",
            "-n",
            rich_help_panel=TEXT,
            help="Characters to write after the prime, at most; with 0 only --stop, --until-lines, "
            "a record's end, a closed pipe or Ctrl-C end a text.",
        ),
    ] = 500,
    stop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRING",
            rich_help_panel=TEXT,
            help="End right after this string, which is still written. May be repeated.",
        ),
    ] = None,
    until_lines: Annotated[
        int, typer.Option(rich_help_panel=TEXT, help="End after that many lines; 0 does not count.")
    ] = 0,
    temperature: Annotated[
        float,
        typer.Option(
            "--temp",
            "--temperature",
            "-t",
            rich_help_panel=CHOICE,
            help="Below 1 more cautious, above 1 more daring; 0 always takes the likeliest.",
        ),
    ] = 1.0,
    top_k: Annotated[
        int,
        typer.Option(rich_help_panel=CHOICE, help="Choose among the k likeliest; 0 among all."),
    ] = 0,
    top_p: Annotated[
        float,
        typer.Option(
            rich_help_panel=CHOICE,
            help="Choose among the likeliest that together have this probability.",
        ),
    ] = 1.0,
    ban: Annotated[
        str,
        typer.Option(
            metavar="CHARS", rich_help_panel=CHOICE, help="Characters that are never written."
        ),
    ] = "",
    seed: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=CHOICE,
            help="Makes the same text again.",
            show_default="a new one, told on standard error",
        ),
    ] = None,
    num_samples: Annotated[
        int,
        typer.Option(
            rich_help_panel=PROMPTS,
            help="Texts to write for each prompt, in one batch; each has the seed after the one "
            "before.",
        ),
    ] = 1,
    prime_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=PROMPTS,
            help="Read prompts from a file, one a line, and continue each of them.",
        ),
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=PROMPTS,
            help="What stands between texts, or after each record.",
            show_default=r"\n---\n, or \n for records",
        ),
    ] = None,
    novel_only: Annotated[
        Path | None,
        typer.Option(
            metavar="CORPUS",
            rich_help_panel=PROMPTS,
            help="Write only records that are not in this file, until it is enough.",
        ),
    ] = None,
    echo: Annotated[
        bool,
        typer.Option(
            "--echo/--no-echo",
            rich_help_panel=OUTPUT,
            help="Write the prime before its continuation.",
        ),
    ] = True,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            rich_help_panel=OUTPUT,
            help="A JSON object a line for each text: prime, text (what follows it), seed, "
            "bits_per_char (mean surprise of the model at the text).",
        ),
    ] = False,
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl",
            rich_help_panel=OUTPUT,
            help="As --json, and prompts are JSON objects too: prime, and maybe seed, temperature, "
            "length; whatever else they have is passed on.",
        ),
    ] = False,
    novelty: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CORPUS",
            rich_help_panel=OUTPUT,
            help="Tell on standard error, or with --json, how much of what was written stands word "
            "for word in this file. May be repeated.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", rich_help_panel=OUTPUT, help="Do not tell the seed.")
    ] = False,
) -> None:
    r"""Write text with a trained model.

    In --stop, --ban and --separator, \n is a line feed, \t a tab and \0 a zero byte.
    """
    checkpoint, source = _sources(checkpoint, prompts, prime_file)
    if num_samples < 1:
        raise InputError(f"--num-samples must be at least 1, not {num_samples}")
    if seed is not None and seed < 0:
        raise InputError(f"--seed must be at least 0, not {seed}")
    if source and prime:
        raise InputError("--prime is for one prompt; leave it out where prompts are read")
    if jsonl and not source:
        raise InputError("--jsonl needs prompts: - or --prime-file; for output alone use --json")
    if novel_only and (source or as_json):
        raise InputError(
            "--novel-only writes plain records of one prime; leave out prompts and --json"
        )
    if source == "-" and Path("-") in (novelty or ()):
        raise InputError("standard input holds the prompts; --novelty needs a file")
    config = SamplingConfig(
        length or None, temperature, top_k, top_p, ban, tuple(stop or ()), until_lines
    )

    import numpy as np

    from charrnn.cli.files import newest_checkpoint
    from charrnn.cli.prompts import Request, known_prime, read_requests, require_end
    from charrnn.cli.records import write_novel
    from charrnn.cli.terminal import silence_stdout
    from charrnn.cli.writing import Json, Output, Plain, write_all
    from charrnn.files.checkpoint import load_checkpoint
    from charrnn.text.source import Source
    from charrnn.writing.novelty import Originals

    if (source and not jsonl) or num_samples > 1 or as_json or novelty:
        require_end(config)
    path = checkpoint or newest_checkpoint()
    model = load_checkpoint(path).model
    kind = model.vocabulary.config
    if novel_only and not kind.records:
        raise InputError("--novel-only is for models of records; make one with train --records")
    if separator is None:
        separator = r"\n" if kind.records else r"\n---\n"
    between = _unescaped(model, separator, "--separator")
    ends = [_unescaped(model, string, "--stop") for string in config.stop]
    if ends and not (length or until_lines or kind.records):
        unwritten = [model.vocabulary.unknown_in(string) for string in ends]
        if all(unwritten):
            raise UnknownCharacterError(unwritten[0], "; a text would never stop there")
    config = replace(config, ban=_unescaped(model, ban, "--ban"), stop=tuple(ends))
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    request = Request("", seed, config)

    if source:
        groups = read_requests(
            Source(source),
            model.vocabulary,
            jsonl=jsonl,
            default=request,
            num_samples=num_samples,
            unknown=unknown,
        )
    else:
        prime = model.vocabulary.argument(prime, "--prime")
        prime = known_prime(model.vocabulary, prime, unknown, "--prime")
        request = replace(request, prime=prime)
        groups = iter([request.times(num_samples)])
    with ExitStack() as stack:
        originals = Originals(list(map(str, novelty)), kind, stack) if novelty else None
        if not quiet:
            print(f"{path}: seed {seed}", file=sys.stderr)
        if as_json or jsonl:
            output: Output = Json(kind, originals)
        else:
            output = Plain(kind, between, echo=echo, originals=originals)
        try:
            with np.errstate(all="ignore"):  # what overflows is an error of one line
                if novel_only:
                    write_novel(model, request, num_samples, novel_only, output)
                else:
                    write_all(model, groups, output)
        except BrokenPipeError:
            silence_stdout()  # the reader has seen enough


def _sources(
    checkpoint: Path | None, prompts: str | None, prime_file: Path | None
) -> tuple[Path | None, str | None]:
    """The checkpoint, and where prompts are read from; None where that was not said.

    Raises:
        InputError: Too much was said.
    """
    if checkpoint == Path("-") and prompts is None:
        checkpoint, prompts = None, "-"
    if prompts not in (None, "-"):
        raise InputError(
            f"{prompts}: only - can stand there, for prompts on standard input; "
            "a file of prompts goes with --prime-file"
        )
    if prompts and prime_file:
        raise InputError("prompts come from standard input (-) or from --prime-file, not from both")
    return checkpoint, prompts or (str(prime_file) if prime_file else None)


def _unescaped(model: CharacterModel, value: str, option: str) -> str:
    value = model.vocabulary.argument(value, option)
    for escape, character in ((r"\n", "\n"), (r"\t", "\t"), (r"\0", "\0")):
        value = value.replace(escape, character)
    return value
