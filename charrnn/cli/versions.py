"""``charrnn sample`` with models for seq2seq: several versions of what each source is made into."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charrnn.cli.prompts import Request
from charrnn.cli.terminal import Writer, put_json
from charrnn.cli.writing import Output, write_all
from charrnn.config import seed_after
from charrnn.errors import InputError
from charrnn.models.character_model import CharacterModel
from charrnn.models.decoding import shared_symbols
from charrnn.models.versions import Versions, target_vocabulary
from charrnn.nn.loss import bits
from charrnn.text.lines import without_end
from charrnn.text.source import Source
from charrnn.text.vocabulary import Vocabulary
from charrnn.words import in_json
from charrnn.writing.writer import Piece


@dataclass(frozen=True)
class RewritingModels:
    """Models that write together, and how a source is read."""

    models: Sequence[CharacterModel]
    weights: Sequence[float]
    unknown: str

    @property
    def vocabulary(self) -> Vocabulary:
        """The symbols that are written."""
        return target_vocabulary(self.models[0].labels)

    def require_sources(self, there: object, options: Mapping[str, object]) -> None:
        """Raise an InputError if there is no source, or something is asked for that these models do not do."""
        shared_symbols(self.models)
        for name, given in options.items():
            if given:
                raise InputError(
                    f"--{name} is not for a model for seq2seq, which is asked by --source, or by the lines of a file"
                )
        if not there:
            raise InputError(
                "a model for seq2seq makes another text of a text: name one with --source, or a file of some, a line each"
            )

    def read(self, source: Source) -> Iterator[tuple[str, str]]:
        """The lines of a file, each after what it is in words."""
        number, config = 0, self.models[0].vocabulary.config
        for group in source.line_groups(config):
            for line in group:
                number += 1
                yield f"{source}, line {number}", without_end(line, config)

    def output(self, separator: str, *, as_json: bool) -> Output:
        """What shows what is written."""
        vocabulary = self.vocabulary
        return JsonVersions(vocabulary) if as_json else PlainVersions(vocabulary, separator)

    def write(
        self, sources: Iterable[tuple[str, str]], request: Request, count: int, output: Output
    ) -> None:
        """Write ``count`` versions of each source; errors as those of :meth:`Versions.of`."""
        seed = request.seed
        for where, source in sources:
            made = Versions.of(
                self.models, source, weights=self.weights, unknown=self.unknown, where=where
            )
            asked = Request("", seed, request.config, {"source": source})
            write_all(made, iter([asked.times(count)]), output)
            seed = seed_after(seed, count * request.config.best_of)


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
            values: dict[str, Any] = {
                "source": in_json(str(self._request.given["source"]), "utf-8"),
                "text": self._target(),
                "seed": self._seed,
                "bits_per_symbol": round(bits(self._nats) / len("".join(self._text)), 6),
            }
            put_json(values)
            sys.stdout.flush()
