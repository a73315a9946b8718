"""Texts on standard output: one after the other in order, though they are written side by side."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from charrnn.cli.copies import as_fields, in_words
from charrnn.cli.prompts import Request, in_batches
from charrnn.cli.terminal import in_json, put, put_json
from charrnn.config import TextConfig
from charrnn.models.character_model import CharacterModel
from charrnn.nn.loss import bits
from charrnn.writing.batch import Piece, Prompt, generate_batch
from charrnn.writing.novelty import Originals

FLUSH_SECONDS = 0.05


class Output(Protocol):
    """Shows texts, one after the other."""

    scored: bool
    """Whether it tells how unexpected a text is."""

    def begin(self, request: Request) -> None: ...
    def add(self, piece: Piece) -> None: ...
    def close(self) -> None: ...


def write_all(model: CharacterModel, groups: Iterable[Iterator[Request]], output: Output) -> None:
    """Write what is asked for, a group after the other, each in batches."""
    for batch in (batch for group in groups for batch in in_batches(group)):
        prompts = [Prompt(request.prime, request.seed, request.config) for request in batch]
        begun = -1
        for piece in _in_order(generate_batch(model, prompts, scored=output.scored), len(batch)):
            if piece.number != begun:
                begun = piece.number
                output.begin(batch[begun])
            output.add(piece)
    output.close()


def _in_order(pieces: Iterable[Piece], texts: int) -> Iterator[Piece]:
    """All of the first text as it comes, then the second one, and so on."""
    waiting: list[deque[Piece]] = [deque() for _ in range(texts)]
    turn = 0
    for piece in pieces:
        waiting[piece.number].append(piece)
        while turn < texts and waiting[turn]:
            shown = waiting[turn].popleft()
            yield shown
            turn += shown.last


class Plain:
    """The texts themselves, with a separator between them, or in place of each record's end.

    Args:
        config: What the texts are.
        echo: Show the prime as well.
        originals: Tell on standard error what a text copies of these.
    """

    scored = False

    def __init__(
        self, config: TextConfig, separator: str, *, echo: bool, originals: Originals | None = None
    ) -> None:
        self._config, self._encoding, self._end = config, config.encoding, config.end
        self._separator, self._echo = separator, echo
        self._originals = originals
        self._between = self._last = ""
        self._flushed = 0.0

    def begin(self, request: Request) -> None:
        self._seed, self._text = request.seed, list[str]()
        self._put(self._between)
        self._between = "" if self._end else self._separator
        if self._echo:
            self._put(request.prime)

    def add(self, piece: Piece) -> None:
        self._put(piece.text.removesuffix(self._end))
        if piece.last and self._end:
            self._put(self._separator)
        now = time.monotonic()
        if piece.last or now - self._flushed > FLUSH_SECONDS:
            sys.stdout.flush()
            self._flushed = now
        if self._originals is not None:
            self._text.append(piece.text)
            if piece.last:
                self.close()
                novelty = self._originals.compare("".join(self._text).removesuffix(self._end))
                print(in_words(novelty, self._config, self._seed), file=sys.stderr)

    def close(self) -> None:
        if sys.stdout.isatty() and not self._last.endswith("\n"):
            self._put("\n")  # for the shell's next prompt; a pipe gets just the text
        sys.stdout.flush()

    def _put(self, text: str) -> None:
        put(text, self._encoding)
        self._last = text or self._last


class Json:
    """A JSON object a line for each text; a record's end counts, but is not shown.

    Args:
        config: What the texts are.
        originals: Tell what a text copies of these.
    """

    scored = True

    def __init__(self, config: TextConfig, originals: Originals | None = None) -> None:
        self._config, self._encoding, self._end = config, config.encoding, config.end
        self._originals = originals

    def begin(self, request: Request) -> None:
        self._request, self._text, self._nats = request, list[str](), 0.0

    def add(self, piece: Piece) -> None:
        self._text.append(piece.text)
        self._nats += piece.nats
        if piece.last:
            text = "".join(self._text)
            shown = text.removesuffix(self._end)
            values = {
                **self._request.given,
                "prime": in_json(self._request.prime, self._encoding),
                "text": in_json(shown, self._encoding),
                "seed": self._request.seed,
                "bits_per_char": round(bits(self._nats) / len(text), 6),
            }
            if self._originals is not None:
                values["novelty"] = as_fields(self._originals.compare(shown), self._config)
            put_json(values)
            sys.stdout.flush()

    def close(self) -> None:
        pass
