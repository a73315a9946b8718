"""``charrnn sample``: only the text on standard output, as it comes."""

from __future__ import annotations

from collections.abc import Sequence

from charrnn.cli.adapting import adapting
from charrnn.cli.arguments import checkpoints, divided, one_text, require_names
from charrnn.cli.labels import Mix, mixes
from charrnn.cli.sample_options import Options
from charrnn.cli.settings import numbers, taking
from charrnn.config import ADAPT_ONCE_RATE, SamplingConfig, fresh_seed, require_seed
from charrnn.errors import InputError
from charrnn.tasks import REWRITERS, WRITERS

EPILOG = (
    "Standard output carries the text alone; the seed goes to standard error. On a terminal what could act on it is shown "
    r"as \u001b; a pipe gets it as it is. "
    "For example: charrnn sample model.npz --temp 0.8 --prime 'Once upon a time'"
)


@taking(Options)
def sample(asked: Options) -> None:
    r"""Write text with a trained model.

    In --prime, --source, --stop, --ban, --dry-breakers and --separator, \n is a line feed, \t a tab, \0 a zero byte, \\ a backslash.
    Any other backslash stands for itself; prompts that are read are taken as they are.
    """
    models, rest = divided(asked.arguments)
    require_names([asked.prime_file, asked.prime_text, asked.novel_only, *(asked.novelty or ())])
    source = one_text(rest, models, "a file of prompts") or asked.prime_file
    if rest and asked.prime_file:
        raise InputError(f"prompts come from {source} or from --prime-file, not from both")
    temperatures = numbers("--temp", asked.temperature, ":")
    if len(temperatures) > 2:
        raise InputError(f"--temp is one number, or two as in 1.2:0.5, not {asked.temperature}")
    weights = () if asked.weights is None else numbers("--weights", asked.weights, ",")
    labels = mixes(asked.label or [], asked.label_mix)
    rate = _checked_rate(asked, source, labels)
    config = _config(asked, temperatures)

    from charrnn.cli.continuations import write_texts
    from charrnn.cli.prompts import Request, require_end
    from charrnn.cli.versions import write_versions

    several = asked.num_samples > 1 or asked.best_of > 1 or (source and not asked.jsonl)
    if several or asked.as_json or asked.novelty or asked.novel_only:
        require_end(config)
    # Those that rewrite are taken where they are meant.
    tasks = REWRITERS if asked.source_texts else WRITERS
    tasks = (*WRITERS, *REWRITERS) if models else tasks
    found = checkpoints(models, quiet=True, rest=rest, tasks=tasks, use="sample")
    seed = asked.seed
    if seed is None:
        seed = fresh_seed()
    who = f"{' + '.join(str(path) for path, _ in found)}: seed {seed}"
    writers, request = [checkpoint.model for _, checkpoint in found], Request("", seed, config)
    if any(model.config.learns.rewrites for model in writers):
        write_versions(writers, weights, asked, source, request, who)
    else:
        write_texts(writers, weights, labels, rate, asked, source, request, who)


def _checked_rate(asked: Options, source: str | None, labels: Sequence[Mix]) -> float | None:
    """See to it that options fit together; the rate at which models go on learning, if they do.

    Raises:
        InputError: Options contradict each other, or are out of their limits.
    """
    sources, count, seed = asked.source_texts or (), asked.num_samples, asked.seed
    prime, prime_text = asked.prime, asked.prime_text
    if seed is not None:
        require_seed(seed)
    one = "--prime" if prime else "--prime-text"
    _refuse(
        ("" in sources, "--source: there is no text to make another one of"),
        (source and sources, f"sources come from {source} or from --source, not from both"),
        (source and labels[1:], "prompts are read once: give one --label, or a --label-mix"),
        (count < 1, f"--num-samples must be at least 1, not {count}"),
        (
            source and (prime or prime_text),
            f"{one} is for one prompt; leave it out where prompts are read",
        ),
        (
            prime and prime_text,
            "the prime is either --prime or the text of --prime-text; leave one out",
        ),
    )
    others = {
        "--adapt learns from one text and goes on with it; leave out prompts": source,
        "--adapt learns from the text that it goes on with: give --prime-text FILE, or a --prime": not (
            prime or prime_text or sources
        ),
    }
    rate = adapting(asked.adapt_rate, ADAPT_ONCE_RATE, others, adapt=asked.adapt)
    most, of_lines = asked.max_length, "--strict" if asked.strict else "--max-length"
    known = [asked.novel_only, *(asked.novelty or ())]
    what = "prompts" if source == "-" else "prime" if prime_text == "-" else "known records"
    option = "--novelty" if "-" in known[1:] else "--novel-only"
    _refuse(
        (
            asked.jsonl and not source,
            "--jsonl needs prompts: - or --prime-file; for output alone use --json",
        ),
        (
            not asked.jsonl and (asked.strict or most is not None),
            f"{of_lines} goes with --jsonl",
        ),
        (most is not None and most < 1, f"--max-length must be at least 1, not {most}"),
        (
            asked.novel_only and (source or asked.as_json),
            "--novel-only writes plain records of one prime; leave out prompts and --json",
        ),
        (
            [source, prime_text, *known].count("-") > 1,
            f"standard input holds the {what}; {option} needs a file",
        ),
    )
    return rate


def _refuse(*contradictions: tuple[object, str]) -> None:
    """Raise an InputError with the words of the first contradiction that is found."""
    for found, words in contradictions:
        if found:
            raise InputError(words)


def _config(asked: Options, temperatures: Sequence[float]) -> SamplingConfig:
    """How texts are written, with strings as they were typed."""
    return SamplingConfig(
        length=asked.length or None,
        temperature=temperatures[0],
        top_k=asked.top_k,
        top_p=asked.top_p,
        ban=asked.ban,
        stop=tuple(asked.stop or ()),
        until_lines=asked.until_lines,
        final_temperature=temperatures[1] if len(temperatures) > 1 else None,
        min_p=asked.min_p,
        dry=asked.dry,
        dry_base=asked.dry_base,
        dry_length=asked.dry_length,
        dry_breakers=asked.dry_breakers,
        best_of=asked.best_of,
    )
