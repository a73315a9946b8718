"""``charrnn sample``: only the text on standard output, as it comes."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from charrnn.cli.settings import check_unknown, numbers, panel
from charrnn.config import SamplingConfig
from charrnn.errors import InputError, UnknownCharacterError

if TYPE_CHECKING:
    from charrnn.models.mixture import Writable

EPILOG = "Standard output carries the text alone; the seed goes to standard error."

of_text, of_choice = panel("Text"), panel("Choice of characters")
of_prompts, of_output = panel("Several texts"), panel("Output")


def sample(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="MODEL | -",
        help="Whose text to write; several write together, see --weights. A - at the end, or alone, "
        "reads prompts from standard input, one a line, and continues each of them.",
        show_default="the newest model in checkpoints/",
    ),
    prime: str = of_text("", "Text to continue.", "--prime --primetext -p"),
    unknown: str = of_text(
        "error",
        "Characters of the prime that the model does not know: error, skip, or "
        "replace (by a similar one).",
        callback=check_unknown,
    ),
    length: int = of_text(
        500,
        "Characters to write after the prime, at most; with 0 only --stop, --until-lines, "
        "a record's end, a closed pipe or Ctrl-C end a text.",
        "--length -n",
    ),
    stop: list[str] | None = of_text(
        None,
        "End right after this string, which is still written. May be repeated.",
        metavar="STRING",
    ),
    until_lines: int = of_text(0, "End after that many lines; 0 does not count."),
    temperature: str = of_choice(
        "1.0",
        "Below 1 more cautious, above 1 more daring; 0 always takes the likeliest. 1.2:0.5 goes from "
        "1.2 to 0.5 over the --length of a text.",
        "--temp --temperature -t",
        metavar="NUMBER",
    ),
    top_k: int = of_choice(0, "Choose among the k likeliest; 0 among all."),
    top_p: float = of_choice(
        1.0, "Choose among the likeliest that together have this probability."
    ),
    min_p: float = of_choice(
        0.0,
        "Choose among those with at least this share of the likeliest one's probability, as it is at "
        "the temperature (min-p, arXiv 2407.01082).",
    ),
    ban: str = of_choice("", "Characters that are never written.", metavar="CHARS"),
    dry: float = of_choice(
        0.0,
        "Against loops, also with --temp 0: penalty in nats for going on with a repeated string of "
        "--dry-length (DRY by p-e-w); 0.8 is a good one, 0 is none.",
    ),
    dry_base: float = of_choice(
        1.15, "By how much the penalty grows with each further character of the string."
    ),
    dry_length: int = of_choice(16, "Shorter strings may be repeated freely."),
    dry_breakers: str = of_choice(
        "", "Characters that end such a string, and may be repeated freely.", metavar="CHARS"
    ),
    weights: str | None = of_choice(
        None,
        "Of several models, in proportion: their probabilities are averaged at each character.",
        metavar="NUMBERS",
        shown="all the same",
    ),
    seed: int | None = of_choice(
        None, "Makes the same text again.", shown="a new one, told on standard error"
    ),
    num_samples: int = of_prompts(
        1, "Texts to write for each prompt, in one batch; each has the seed after the one before."
    ),
    best_of: int = of_prompts(
        1,
        "Of so many texts, write the one that surprises the model least: the fewest bits a character, "
        "as it predicts them before temperature and filters. Its seed gives it again alone.",
    ),
    prime_file: Path | None = of_prompts(
        None, "Read prompts from a file, one a line, and continue each of them.", metavar="FILE"
    ),
    separator: str | None = of_prompts(
        None,
        "What stands between texts, or after each record.",
        shown=r"\n---\n, or \n for records",
    ),
    novel_only: Path | None = of_prompts(
        None, "Write only records that are not in this file, until it is enough.", metavar="CORPUS"
    ),
    echo: bool = of_output(True, "Write the prime before its continuation.", "--echo/--no-echo"),
    as_json: bool = of_output(
        False,
        "A JSON object a line for each text: prime, text (what follows it), seed, "
        "bits_per_char (mean surprise of the model at the text).",
        "--json",
    ),
    jsonl: bool = of_output(
        False,
        "As --json, and prompts are JSON objects too: prime, and maybe seed, length and other "
        "settings, such as temperature or best_of; whatever else they have is passed on.",
        "--jsonl",
    ),
    novelty: list[Path] | None = of_output(
        None,
        "Tell on standard error, or with --json, how much of what was written stands word "
        "for word in this file. May be repeated.",
        metavar="CORPUS",
    ),
    quiet: bool = of_output(False, "Do not tell the seed.", "--quiet -q"),
) -> None:
    r"""Write text with a trained model.

    In --stop, --ban, --dry-breakers and --separator, \n is a line feed, \t a tab and \0 a zero byte.
    """
    paths, source = _sources(arguments or [], prime_file)
    temperatures = numbers("--temp", temperature, ":")
    if len(temperatures) > 2:
        raise InputError(f"--temp is one number, or two as in 1.2:0.5, not {temperature}")
    shares = () if weights is None else numbers("--weights", weights, ",")
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
        length=length or None,
        temperature=temperatures[0],
        top_k=top_k,
        top_p=top_p,
        ban=ban,
        stop=tuple(stop or ()),
        until_lines=until_lines,
        final_temperature=temperatures[1] if len(temperatures) > 1 else None,
        min_p=min_p,
        dry=dry,
        dry_base=dry_base,
        dry_length=dry_length,
        dry_breakers=dry_breakers,
        best_of=best_of,
    )

    import numpy as np

    from charrnn.cli.files import newest_checkpoint
    from charrnn.cli.prompts import Request, known_prime, read_requests, require_end
    from charrnn.cli.writing import Json, Output, Plain, write_all, write_novel
    from charrnn.files.checkpoint import load_checkpoint
    from charrnn.models.mixture import Mixture
    from charrnn.text.source import Source
    from charrnn.writing.novelty import Originals

    if (source and not jsonl) or num_samples > 1 or as_json or novelty or best_of > 1:
        require_end(config)
    paths = paths or [newest_checkpoint()]
    models = [load_checkpoint(path).model for path in paths]
    model: Writable = models[0]
    if len(models) > 1 or shares:
        model = Mixture.of(models, shares)
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
    breakers = _unescaped(model, dry_breakers, "--dry-breakers")
    ban = _unescaped(model, ban, "--ban")
    config = replace(config, ban=ban, stop=tuple(ends), dry_breakers=breakers)
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    request = Request("", seed, config)

    if source:
        groups = read_requests(
            Source(source), model.vocabulary, request, num_samples, unknown, jsonl=jsonl
        )
    else:
        prime = model.vocabulary.argument(prime, "--prime")
        prime = known_prime(model.vocabulary, prime, unknown, "--prime")
        request = replace(request, prime=prime)
        groups = iter([request.times(num_samples)])
    with ExitStack() as stack:
        originals = Originals(list(map(str, novelty)), kind, stack) if novelty else None
        if not quiet:
            print(f"{' + '.join(map(str, paths))}: seed {seed}", file=sys.stderr)
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
        except KeyboardInterrupt:
            output.close()  # the shell's next prompt begins a line
            raise


def _sources(arguments: list[str], prime_file: Path | None) -> tuple[list[Path], str | None]:
    """The models, and where prompts are read from; none where that was not said."""
    paths = [Path(argument) for argument in arguments]
    source = str(prime_file) if prime_file else None
    if arguments[-1:] == ["-"]:
        if source:
            raise InputError(
                "prompts come from standard input (-) or from --prime-file, not from both"
            )
        source = arguments[-1]
        paths.pop()
    if Path("-") in paths:
        raise InputError("a - stands after the models, for prompts on standard input")
    for path in paths[1:]:
        if path.suffix != ".npz":
            raise InputError(
                f"{path}: only further models (.npz) and - can stand there; "
                "a file of prompts goes with --prime-file"
            )
    return paths, source


def _unescaped(model: Writable, value: str, option: str) -> str:
    value = model.vocabulary.argument(value, option)
    for escape, character in ((r"\n", "\n"), (r"\t", "\t"), (r"\0", "\0")):
        value = value.replace(escape, character)
    return value
