"""Texts on standard output: one after the other in order, though they are written side by side."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from charrnn.cli.copies import as_fields, in_words
from charrnn.cli.jsonl import passed_on
from charrnn.cli.prompts import Refusal, Request, in_batches
from charrnn.cli.terminal import Writer, put_json, tell
from charrnn.config import TextConfig, seed_after
from charrnn.errors import InputError, SamplingError
from charrnn.models.mixture import Writable
from charrnn.nn.loss import bits
from charrnn.text.corpus import load_records
from charrnn.text.source import Source
from charrnn.words import counted, in_json, printable
from charrnn.writing.batch import generate_batch
from charrnn.writing.novelty import Originals
from charrnn.writing.sampling import write_records
from charrnn.writing.writer import Piece, Prompt

TRIES = 100  # records that are written for a novel one, on average, before it is given up


class Output:
    """Shows texts, one after the other, and tells what they copy of ``originals``."""

    scored = False  # whether it tells how unexpected a text is

    def __init__(self, config: TextConfig, originals: Originals | None) -> None:
        self._config, self._encoding, self._end = config, config.encoding, config.end
        self._originals = originals

    def begin(self, request: Request) -> None:
        self._request, self._text, self._nats = request, list[str](), 0.0
        self._seed = request.seed

    def add(self, piece: Piece) -> None:
        self._text.append(piece.text)
        self._nats += piece.nats
        self._seed = seed_after(self._request.seed, piece.candidate)

    def refuse(self, refusal: Refusal) -> None:
        """Tell why a line has no text."""
        raise InputError(f"line {refusal.line}: {refusal.reason}")

    def close(self) -> None:
        sys.stdout.flush()


def write_all(
    model: Writable,
    groups: Iterable[Iterator[Request | Refusal]],
    output: Output,
    on_start: Callable[[], object] | None = None,
) -> None:
    """Write what is asked for, a group after the other, each in batches.

    Args:
        on_start: As for :func:`generate_batch`.

    Raises:
        SamplingError: When all is written: not every line could be answered.
    """
    refused, first = 0, ""
    for batch in (batch for group in groups for batch in in_batches(group)):
        if isinstance(batch, Refusal):
            output.refuse(batch)
            refused, first = refused + 1, first or f"line {batch.line}: {batch.reason}"
            continue
        prompts = [Prompt(request.prime, request.seed, request.config) for request in batch]
        begun = -1
        pieces = generate_batch(model, prompts, scored=output.scored, on_start=on_start)
        for piece in _in_order(pieces, len(batch)):
            if piece.number != begun:
                begun = piece.number
                output.begin(batch[begun])
            output.add(piece)
    output.close()
    if refused:
        raise SamplingError(f"{counted(refused, 'line')} got an error for an answer; first {first}")


def write_novel(
    model: Writable,
    request: Request,
    count: int,
    corpus: str,
    output: Output,
    on_start: Callable[[], object] | None = None,
) -> None:
    """Write that many different records, each as it is asked for, that are not in a corpus.

    Args:
        on_start: As for :func:`generate_batch`.

    Raises:
        InputError: The corpus cannot be read.
        SamplingError: They do not come.
    """
    known = load_records(corpus, model.vocabulary.config)
    if known == {""}:
        print(printable(f"notice: {Source(corpus)} is empty"), file=sys.stderr)
    most, written = TRIES * max(10, count), set[str]()
    records = write_records(model, request.prime, request.config, request.seed, on_start)
    equal = ""
    for number, record in enumerate(islice(records, most)):
        if record in written:
            equal = " (equal ones count once)"
        elif record not in known:
            seed = seed_after(request.seed, number * request.config.best_of)
            output.begin(replace(request, seed=seed))
            output.add(Piece(0, record.removeprefix(request.prime), nats=0.0, last=True))
            written.add(record)
            if len(written) == count:
                return output.close()
    output.close()
    raise SamplingError(
        f"only {len(written)} of {count} records in {most:,} tries are not in {corpus}{equal}; "
        "a higher --temp writes more that is new"
    )


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


class Plain(Output):
    """The texts themselves, with a separator between them, or in place of each record's end.

    What they copy is told on standard error. With ``echo`` the prime is shown as well.
    """

    def __init__(
        self, config: TextConfig, separator: str, *, echo: bool, originals: Originals | None = None
    ) -> None:
        super().__init__(config, originals)
        self._separator, self._echo, self._writer = separator, echo, Writer(config.encoding)
        self._between = self._last = ""
        self._flushed = 0.0

    def begin(self, request: Request) -> None:
        super().begin(request)
        self._put(self._between)
        self._between = "" if self._end else self._separator
        if self._echo:
            self._put(request.prime)

    def add(self, piece: Piece) -> None:
        self._put(piece.text.removesuffix(self._end))
        if piece.last and self._end:
            self._put(self._separator)
        now = time.monotonic()
        if piece.last or now - self._flushed > 0.05:
            sys.stdout.flush()
            self._flushed = now
        if self._originals is not None:  # else the text may be endless
            super().add(piece)
            if piece.last:
                self.close()
                text = "".join(self._text).removesuffix(self._end)
                novelty = self._originals.compare(text, self._request.prime)
                tell(in_words(novelty, self._config, self._seed))

    def close(self) -> None:
        if sys.stdout.isatty() and not self._last.endswith("\n"):
            self._put("\n")  # for the shell's next prompt; a pipe gets just the text
        super().close()

    def _put(self, text: str) -> None:
        self._writer.put(text)
        self._last = text or self._last


class Json(Output):
    """A JSON object a line for each text; a record's end counts, but is not shown."""

    scored = True

    def refuse(self, refusal: Refusal) -> None:
        given = passed_on(refusal.given, "line")
        put_json({**given, "error": refusal.reason, "line": refusal.line})
        sys.stdout.flush()

    def add(self, piece: Piece) -> None:
        super().add(piece)
        if piece.last:
            text = "".join(self._text)
            shown = text.removesuffix(self._end)
            values = {
                **passed_on(self._request.given),
                "prime": in_json(self._request.prime, self._encoding),
                "text": in_json(shown, self._encoding),
                "seed": self._seed,
                "bits_per_char": round(bits(self._nats) / len(text), 6),
            }
            if self._originals is not None:
                novelty = self._originals.compare(shown, self._request.prime)
                values["novelty"] = as_fields(novelty, self._config)
            put_json(values)
            sys.stdout.flush()
