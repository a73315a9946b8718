"""``charrnn sample`` with models that go on with a prime: whose texts, after what, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from charrnn.cli.adapting import after_prime
from charrnn.cli.jsonl import Asking
from charrnn.cli.labels import Mix, told, writing
from charrnn.cli.prompts import (
    Refusal,
    Request,
    known_prime,
    read_prime,
    read_requests,
    typed,
    typed_config,
)
from charrnn.cli.sample_options import MAX_LENGTH, Options
from charrnn.cli.settings import option_names
from charrnn.cli.terminal import tell, tell_of_compiling
from charrnn.cli.writing import Json, Output, Plain, write_all, write_novel
from charrnn.config import SamplingConfig, seed_after
from charrnn.errors import InputError, UnknownCharacterError
from charrnn.models.character_model import CharacterModel
from charrnn.models.mixture import Mixture, Writable
from charrnn.text.source import Source, tidied
from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.novelty import Originals

OF_COMMAND = ("label", "label_mix")  # what lines of --jsonl may well have, and it is no setting


def write_texts(
    models: Sequence[CharacterModel],
    weights: Sequence[float],
    labels: Sequence[Mix],
    rate: float | None,
    asked: Options,
    lines: str | None,
    request: Request,
    who: str,
) -> None:
    """Write what goes on with each prime, or with one prime for each mix of labels.

    Args:
        weights: Of several models; none where all count the same.
        rate: At which models learn from the prime before, if they do.
        lines: A file that has a prime on each line.
        request: What is asked for first, but for the prime; strings in it are as they were typed.
        who: Whose texts they are, and of which seed.
    """
    if asked.source_texts:
        raise InputError("--source is for a model for seq2seq; these go on with a --prime")
    writers = [_writer(models, mix, weights) for mix in labels or (None,)]
    vocabulary = writers[0].vocabulary
    kind, count = vocabulary.config, asked.num_samples
    if asked.novel_only and not kind.records:
        raise InputError("--novel-only is for models of records; make one with train --records")
    separator = asked.separator
    if separator is None:
        separator = r"\n" if kind.records else r"\n---\n"
    between = typed(vocabulary, separator, "--separator")
    config = typed_config(vocabulary, request.config)
    _require_reachable(vocabulary, config)
    request = replace(request, config=config, given=told(labels[0] if labels else None))
    if lines:
        groups = _requests(Source(lines), vocabulary, request, asked)
    else:
        prime = _one_prime(vocabulary, asked)
        if rate is not None:
            learnt = after_prime(models, prime, rate, quiet=asked.quiet)
            mixed = isinstance(writers[0], Mixture)
            writers = [Mixture.of(learnt, weights) if mixed else learnt[0]]
        request = replace(request, prime=prime)
        groups = iter([request.times(count)])
    with ExitStack() as stack:
        originals = Originals(asked.novelty, kind, stack) if asked.novelty else None
        for name in originals.empty if originals else ():
            tell(f"notice: {Source(name)} is empty")
        if not asked.quiet:
            tell(who)
        if asked.as_json or asked.jsonl:
            output: Output = Json(kind, originals)
        else:
            output = Plain(kind, between, echo=asked.echo, originals=originals)
        on_start = None if asked.quiet else tell_of_compiling
        try:
            with np.errstate(all="ignore"):  # what overflows is an error of one line
                for number, writer in enumerate(writers):
                    if number:  # for another label, which goes on with the seeds
                        seed = seed_after(request.seed, count * asked.best_of)
                        request = replace(request, seed=seed, given=told(labels[number]))
                        groups = iter([request.times(count)])
                    if asked.novel_only:
                        write_novel(writer, request, count, asked.novel_only, output, on_start)
                    else:
                        write_all(writer, groups, output, on_start)
        except KeyboardInterrupt:
            output.close()  # the shell's next prompt begins a line
            raise


def _writer(
    models: Sequence[CharacterModel], mix: Mix | None, weights: Sequence[float]
) -> Writable:
    """Who writes for a mix of labels, if there is one."""
    each = [writing(model, mix) for model in models]
    return Mixture.of(each, weights) if len(each) > 1 or weights else each[0]


def _require_reachable(vocabulary: Vocabulary, config: SamplingConfig) -> None:
    """Raise an UnknownCharacterError if nothing ends a text but strings that are never written."""
    if config.stop and not (config.length or config.until_lines or vocabulary.config.records):
        unwritten = [vocabulary.unknown_in(string) for string in config.stop]
        if all(unwritten):
            raise UnknownCharacterError(unwritten[0], "; a text would never stop there")


def _requests(
    source: Source, vocabulary: Vocabulary, request: Request, asked: Options
) -> Iterator[Iterator[Request | Refusal]]:
    """What the lines of a source ask for."""
    asking = None
    if asked.jsonl:
        names = {name: own for name, own in option_names(Options).items() if own not in OF_COMMAND}
        most = asked.max_length or max(MAX_LENGTH, asked.length * asked.best_of)
        asking = Asking(vocabulary, request, names, most, lambda what: tell(f"{source}, {what}"))
    strict, count = asked.strict or not asked.jsonl, asked.num_samples
    return read_requests(source, vocabulary, request, count, asked.unknown, asking, strict=strict)


def _one_prime(vocabulary: Vocabulary, asked: Options) -> str:
    """The prime that was typed, or is all of a file."""
    if asked.prime_text:
        return read_prime(Source(asked.prime_text), vocabulary, asked.unknown)
    prime = tidied(typed(vocabulary, asked.prime, "--prime"), vocabulary.config)
    return known_prime(vocabulary, prime, asked.unknown, "--prime")
