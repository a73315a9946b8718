"""``charrnn sample``: only the text on standard output, as it comes."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from charrnn.cli.adapting import RATE, adapting, after_prime
from charrnn.cli.arguments import checkpoints, divided, one_text, require_names
from charrnn.cli.labels import Mix, mixes, told, writing
from charrnn.cli.settings import numbers, of_unknown, option_names, panel
from charrnn.config import ADAPT_ONCE_RATE, SEEDS, SamplingConfig, seed_after
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.tasks import REWRITERS, WRITERS
from charrnn.words import unescaped

if TYPE_CHECKING:
    from charrnn.models.mixture import Writable
    from charrnn.text.vocabulary import Vocabulary

EPILOG = (
    "Standard output carries the text alone; the seed goes to standard error. On a terminal what could act on it is shown "
    r"as \u001b; a pipe gets it as it is. "
    "For example: charrnn sample model.npz --temp 0.8 --prime 'Once upon a time'"
)
OF_COMMAND = ("label", "label_mix")  # what lines of --jsonl may well have, and it is no setting
MAX_LENGTH = 100_000  # characters that a line of --jsonl may ask for, where nothing else is said


of_text, of_choice = panel("Text"), panel("Choice of characters")
of_prompts, of_output = panel("Several texts"), panel("Output")


def sample(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]... [FILE]",
        help="Whose text to write; several write together, see --weights. What follows is a file of "
        "prompts, one a line, as with --prime-file; - is standard input.",
        show_default="the newest model in checkpoints/",
    ),
    prime: str = of_text("", "Text to continue.", "--prime --primetext -p"),
    prime_text: str | None = of_text(
        None,
        "Continue all of this file, with its line ends and of any length; - is standard input.",
        metavar="FILE",
    ),
    adapt: bool = of_text(
        False,
        "Learn from the text of --prime-text, or from the prime, before going on with it; what is written is not learnt "
        "from, and the model's file stays as it is.",
        "--adapt",
    ),
    adapt_rate: float | None = of_text(None, RATE, metavar="NUMBER", shown=f"{ADAPT_ONCE_RATE:g}"),
    source_texts: list[str] | None = of_text(
        None,
        "With a model of --task seq2seq: a text that others are made of; repeated, of each. A FILE, or -, has one on each line.",
        "--source",
        metavar="TEXT",
    ),
    label: list[str] | None = of_text(
        None,
        "With a model of --task conditional: what to write for; repeated, texts for each.",
        metavar="NAME",
    ),
    label_mix: str | None = of_text(
        None,
        "The same for a mixture of labels, as in A=0.7,B=0.3.",
        metavar="MIX",
    ),
    unknown: str = of_text(
        "error",
        "Characters of the prime, or of a source, that the model does not know: error, skip, or "
        "replace (by a similar one).",
        **of_unknown,
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
        1,
        "Texts to write for each prompt, in one batch; each has the seed after the one before, or after "
        "the --best-of seeds of that.",
    ),
    best_of: int = of_prompts(
        1,
        "Of so many texts, write the one that surprises the model least: the fewest bits a character, "
        "as it predicts them before temperature and filters. Its seed gives it again alone.",
    ),
    prime_file: str | None = of_prompts(
        None,
        "Read prompts from a file, one a line, and continue each of them; - is standard input.",
        metavar="FILE",
    ),
    separator: str | None = of_prompts(
        None,
        "What stands between texts, or after each record.",
        shown=r"\n---\n, or \n for records",
    ),
    novel_only: str | None = of_prompts(
        None,
        "Write only records that are not in this file, each once, until it is enough; of one prime, and not as JSON.",
        metavar="CORPUS",
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
        "As --json, and prompts are JSON objects too: prime, and maybe seed, temperature, "
        "length and other settings; whatever else they have is passed on. A line that is wrong gets "
        'an object with "error", and the exit code is then 1.',
        "--jsonl",
    ),
    strict: bool = of_output(
        False, "With --jsonl: end at the first line that is wrong.", "--strict"
    ),
    max_length: int | None = of_output(
        None,
        "With --jsonl: longest text that a line may ask for, with best_of all of them together.",
        shown=f"{MAX_LENGTH:,}, or --length times --best-of where that is more",
    ),
    novelty: list[str] | None = of_output(
        None,
        "Tell on standard error, or with --json, how much of what was written stands word "
        "for word in this file. May be repeated.",
        metavar="CORPUS",
    ),
    quiet: bool = of_output(False, "Do not tell the seed.", "--quiet -q"),
) -> None:
    r"""Write text with a trained model.

    In --prime, --source, --stop, --ban, --dry-breakers and --separator, \n is a line feed, \t a tab, \0 a zero byte, \\ a backslash.
    Any other backslash stands for itself; prompts that are read are taken as they are.
    """
    models, rest = divided(arguments)
    require_names([prime_file, prime_text, novel_only, *(novelty or ())])
    source = one_text(rest, models, "a file of prompts") or prime_file
    if rest and prime_file:
        raise InputError(f"prompts come from {rest[0]} or from --prime-file, not from both")
    temperatures = numbers("--temp", temperature, ":")
    if len(temperatures) > 2:
        raise InputError(f"--temp is one number, or two as in 1.2:0.5, not {temperature}")
    shares = () if weights is None else numbers("--weights", weights, ",")
    asked = mixes(label or [], label_mix)
    if "" in (source_texts or ()):
        raise InputError("--source: there is no text to make another one of")
    if source and source_texts:
        raise InputError(f"sources come from {source} or from --source, not from both")
    if len(asked) > 1 and source:
        raise InputError("prompts are read once: give one --label, or a --label-mix")
    if num_samples < 1:
        raise InputError(f"--num-samples must be at least 1, not {num_samples}")
    if seed is not None and not 0 <= seed < SEEDS:
        raise InputError(f"--seed must be at least 0 and at most {SEEDS - 1}, not {seed}")
    if source and (prime or prime_text):
        option = "--prime" if prime else "--prime-text"
        raise InputError(f"{option} is for one prompt; leave it out where prompts are read")
    if prime and prime_text:
        raise InputError("the prime is either --prime or the text of --prime-text; leave one out")
    rate = adapting(
        adapt_rate,
        ADAPT_ONCE_RATE,
        {
            "--adapt learns from one text and goes on with it; leave out prompts": source,
            "--adapt learns from the text that it goes on with: give --prime-text FILE, or a --prime": not (
                prime or prime_text or source_texts
            ),
        },
        adapt=adapt,
    )
    if jsonl and not source:
        raise InputError("--jsonl needs prompts: - or --prime-file; for output alone use --json")
    if not jsonl and (strict or max_length is not None):
        raise InputError(f"{'--strict' if strict else '--max-length'} goes with --jsonl")
    if max_length is not None and max_length < 1:
        raise InputError(f"--max-length must be at least 1, not {max_length}")
    if novel_only and (source or as_json):
        raise InputError(
            "--novel-only writes plain records of one prime; leave out prompts and --json"
        )
    reading = [source, prime_text, novel_only, *(novelty or ())]
    if reading.count("-") > 1:
        what = "prompts" if source == "-" else "prime" if prime_text == "-" else "known records"
        option = "--novelty" if "-" in (novelty or ()) else "--novel-only"
        raise InputError(f"standard input holds the {what}; {option} needs a file")
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

    from charrnn.cli.jsonl import Asking
    from charrnn.cli.prompts import Request, known_prime, read_prime, read_requests, require_end
    from charrnn.cli.terminal import tell, tell_of_compiling
    from charrnn.cli.versions import (
        JsonVersions,
        PlainVersions,
        read_sources,
        require_sources,
        write_versions,
    )
    from charrnn.cli.writing import Json, Output, Plain, write_all, write_novel
    from charrnn.models.mixture import Mixture
    from charrnn.text.source import Source, tidied
    from charrnn.writing.novelty import Originals

    if (source and not jsonl) or num_samples > 1 or as_json or novelty or novel_only or best_of > 1:
        require_end(config)
    # Those that rewrite are taken where they are meant.
    tasks = REWRITERS if source_texts else WRITERS
    tasks = (*WRITERS, *REWRITERS) if models else tasks
    found = checkpoints(models, quiet=True, rest=rest, tasks=tasks, use="sample")
    if seed is None:
        seed = int(np.random.SeedSequence().generate_state(1)[0])
    who = f"{' + '.join(str(path) for path, _ in found)}: seed {seed}"
    if any(checkpoint.model.config.learns.rewrites for _, checkpoint in found):
        options: dict[str, object] = {
            **{"prime": prime, "prime-text": prime_text, "label": label, "label-mix": label_mix},
            **{"jsonl": jsonl, "novel-only": novel_only, "novelty": novelty, "no-echo": not echo},
            **{"until-lines": until_lines, "adapt": adapt},
        }
        rewriters = [checkpoint.model for _, checkpoint in found]
        there = bool(source_texts or source)
        vocabulary = require_sources(rewriters, options, there=there)
        config = _typed_config(vocabulary, config)
        between = unescaped(r"\n" if separator is None else separator)
        if not quiet:
            tell(who)
        write_versions(
            rewriters,
            [("--source", unescaped(text)) for text in source_texts]
            if source_texts
            else read_sources(Source(source or "-"), rewriters[0].vocabulary.config),
            Request("", seed, config),
            num_samples,
            JsonVersions(vocabulary) if as_json else PlainVersions(vocabulary, between),
            weights=shares,
            unknown=unknown,
        )
        return
    if source_texts:
        raise InputError("--source is for a model for seq2seq; these go on with a --prime")
    writers: list[Writable] = []
    each_mix: list[Mix | None] = [*asked] or [None]
    for mix in each_mix:
        each = [writing(checkpoint.model, mix) for _, checkpoint in found]
        writers.append(Mixture.of(each, shares) if len(each) > 1 or shares else each[0])
    model = writers[0]
    kind = model.vocabulary.config
    if novel_only and not kind.records:
        raise InputError("--novel-only is for models of records; make one with train --records")
    if separator is None:
        separator = r"\n" if kind.records else r"\n---\n"
    between = _typed(model.vocabulary, separator, "--separator")
    config = _typed_config(model.vocabulary, config)
    ends = config.stop
    if ends and not (length or until_lines or kind.records):
        unwritten = [model.vocabulary.unknown_in(string) for string in ends]
        if all(unwritten):
            raise UnknownCharacterError(unwritten[0], "; a text would never stop there")
    request = Request("", seed, config, told(asked[0] if asked else None))

    if source:
        asking = None
        prompts_source = Source(source)
        if jsonl:
            most = max_length or max(MAX_LENGTH, length * best_of)
            asking = Asking(
                model.vocabulary,
                request,
                {name: own for name, own in option_names(sample).items() if own not in OF_COMMAND},
                most,
                lambda what: tell(f"{prompts_source}, {what}"),
            )
        groups = read_requests(
            prompts_source,
            model.vocabulary,
            request,
            num_samples,
            unknown,
            asking,
            strict=strict or not jsonl,
        )
    else:
        if prime_text:
            prime = read_prime(Source(prime_text), model.vocabulary, unknown)
        else:
            typed = tidied(_typed(model.vocabulary, prime, "--prime"), kind)
            prime = known_prime(model.vocabulary, typed, unknown, "--prime")
        if rate is not None:
            learnt = after_prime([one.model for _, one in found], prime, rate, quiet=quiet)
            writers = [Mixture.of(learnt, shares) if isinstance(model, Mixture) else learnt[0]]
        request = replace(request, prime=prime)
        groups = iter([request.times(num_samples)])
    further = seed
    with ExitStack() as stack:
        originals = Originals(novelty, kind, stack) if novelty else None
        for name in originals.empty if originals else ():
            tell(f"notice: {Source(name)} is empty")
        if not quiet:
            tell(who)
        if as_json or jsonl:
            output: Output = Json(kind, originals)
        else:
            output = Plain(kind, between, echo=echo, originals=originals)
        on_start = None if quiet else tell_of_compiling
        try:
            with np.errstate(all="ignore"):  # what overflows is an error of one line
                for number, model in enumerate(writers):
                    if number:  # for another label, which goes on with the seeds
                        further = seed_after(further, num_samples * best_of)
                        request = replace(request, seed=further, given=told(asked[number]))
                        groups = iter([request.times(num_samples)])
                    if novel_only:
                        write_novel(model, request, num_samples, novel_only, output, on_start)
                    else:
                        write_all(model, groups, output, on_start)
        except KeyboardInterrupt:
            output.close()  # the shell's next prompt begins a line
            raise


def _typed(vocabulary: Vocabulary, value: str, option: str) -> str:
    return vocabulary.spelled(unescaped(vocabulary.argument(value, option)), where=option)


def _typed_config(vocabulary: Vocabulary, config: SamplingConfig) -> SamplingConfig:
    """The same settings, with strings in the characters of what is written."""
    return replace(
        config,
        ban=_typed(vocabulary, config.ban, "--ban"),
        stop=tuple(_typed(vocabulary, string, "--stop") for string in config.stop),
        dry_breakers=_typed(vocabulary, config.dry_breakers, "--dry-breakers"),
    )
