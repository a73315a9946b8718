"""``charrnn sample`` with models for seq2seq: several versions of what each source is made into."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from charrnn.cli.prompts import Request, typed_config
from charrnn.cli.sample_options import Options
from charrnn.cli.terminal import Writer, put_json, tell
from charrnn.cli.writing import Output, write_all
from charrnn.config import TextConfig, seed_after
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.decoding import known_source, shared_symbols
from charrnn.models.rewriting import longest_target
from charrnn.models.versions import Versions, shares, target_vocabulary
from charrnn.nn.loss import bits
from charrnn.text.lines import without_end
from charrnn.text.source import Source
from charrnn.text.vocabulary import Vocabulary
from charrnn.words import counted, in_json, unescaped
from charrnn.writing.writer import Piece


def write_versions(
    models: Sequence[CharacterModel],
    weights: Sequence[float],
    asked: Options,
    lines: str | None,
    request: Request,
    who: str,
) -> None:
    """Write so many versions of each source as are asked for, one source after the other.

    Args:
        weights: As for :meth:`Versions.of`, whose errors these are but for sources without characters.
        lines: A file that has a source on each line.
        request: Strings in it are as they were typed.
        who: Whose versions they are, and of which seed.
    """
    texts, count, unknown = asked.source_texts, asked.num_samples, asked.unknown
    vocabulary = _require_sources(models, asked, there=bool(texts or lines))
    config = typed_config(vocabulary, request.config)
    between = unescaped(r"\n" if asked.separator is None else asked.separator)
    output = JsonVersions(vocabulary) if asked.as_json else PlainVersions(vocabulary, between)
    if not asked.quiet:
        tell(who)
    sources = (
        iter([("--source", unescaped(text)) for text in texts])
        if texts
        else _read_sources(Source(lines or "-"), models[0].vocabulary.config)
    )
    seed, replaced, proportions = request.seed, 0, shares(weights, len(models))
    for where, source in sources:
        raw = models[0].vocabulary.read(source)
        replaced += any(model.vocabulary.lacks(raw) for model in models)
        read = known_source(models, raw, unknown, where)
        # No text runs for ever, whatever its length may be.
        length = min(config.length or math.inf, longest_target(read))
        first = Request("", seed, replace(config, length=int(length)), {"source": source})
        if read:
            made = Versions(tuple(models), read, proportions, vocabulary)
            write_all(made, iter([first.times(count)]), output)
        else:
            for one in first.times(count):
                output.nothing(one)
        seed = seed_after(seed, count * config.best_of)
    if replaced:
        tell(
            f"{counted(replaced, 'source')} with characters or symbols that the model does not know ({unknown})"
        )


def _read_sources(source: Source, config: TextConfig) -> Iterator[tuple[str, str]]:
    """The lines of a file, each after what it is in words."""
    number = 0
    for group in source.line_groups(config):
        for line in group:
            number += 1
            yield f"{source}, line {number}", without_end(line, config)


def _require_sources(
    models: Sequence[CharacterModel], asked: Options, *, there: bool
) -> Vocabulary:
    """The symbols that these models write together.

    Args:
        there: Whether there is something to make texts of.

    Raises:
        InputError: There is none, something is asked for that these models do not do, or they do not fit together.
    """
    shared_symbols(models)
    for_others = {
        **{"prime": asked.prime, "prime-text": asked.prime_text, "label": asked.label},
        **{"label-mix": asked.label_mix, "jsonl": asked.jsonl, "novel-only": asked.novel_only},
        **{"novelty": asked.novelty, "no-echo": not asked.echo, "until-lines": asked.until_lines},
        "adapt": asked.adapt,
    }
    for name, given in for_others.items():
        if given:
            raise InputError(
                f"--{name} is not for a model for seq2seq, which is asked by --source, or by the lines of a file"
            )
    if not there:
        raise InputError(
            "a model for seq2seq makes another text of a text: name one with --source, or a file of some, a line each"
        )
    return target_vocabulary(models[0].labels)


class PlainVersions(Output):
    """A line for each, as targets stand in a file."""

    def __init__(self, vocabulary: Vocabulary, separator: str) -> None:
        super().__init__(vocabulary.config, None)
        self._vocabulary, self._separator, self._writer = vocabulary, separator, Writer("utf-8")

    def add(self, piece: Piece) -> None:
        super().add(piece)
        if piece.last:
            self._writer.put(self._target() + self._separator)
            sys.stdout.flush()

    def nothing(self, _request: Request) -> None:
        """Of a source without characters nothing is made."""
        self._writer.put(self._separator)
        sys.stdout.flush()

    def _target(self) -> str:
        return self._vocabulary.shown("".join(self._text).removesuffix(self._end))


class JsonVersions(PlainVersions):
    """An object for each; the end counts as a symbol, but is not shown."""

    scored = True

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary, "")

    def add(self, piece: Piece) -> None:
        Output.add(self, piece)
        if piece.last:
            each = round(bits(self._nats) / len("".join(self._text)), 6)
            _tell(self._request, self._target(), self._seed, each)

    def nothing(self, request: Request) -> None:
        _tell(request, None, request.seed, None)


def _tell(request: Request, text: str | None, seed: int, each: float | None) -> None:
    source = in_json(str(request.given["source"]), "utf-8")
    put_json({"source": source, "text": text, "seed": seed, "bits_per_symbol": each})
    sys.stdout.flush()
