"""A text as a client is told it: without the string that ended it, and in whole characters."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from itertools import chain
from typing import Any

from charrnn.text.vocabulary import Vocabulary
from charrnn.writing.likelihoods import Likelihoods
from charrnn.writing.writer import Piece, Prompt


class Telling:
    """One text of an answer, as it comes.

    What could be the beginning of a string that ends it waits until that is known, and so does a character of
    UTF-8 until it is whole, in a model of bytes; bytes that are no UTF-8 become U+FFFD.

    Args:
        index: Its place in the answer.
        prompt: What it was asked for with.

    Attributes:
        written: Characters of it, with what ended it.
        finish: Why it has ended: ``stop`` or ``length``; None as long as it has not.
    """

    def __init__(self, vocabulary: Vocabulary, index: int, prompt: Prompt) -> None:
        self._vocabulary, self._index, self._prompt = vocabulary, index, prompt
        self._bytes = vocabulary.config.unit == "byte"
        end, config = vocabulary.config.end, prompt.config
        self._stops = (*config.stop, end) if end else config.stop
        self._lines = config.until_lines
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""
        self._likely: Likelihoods | None = None  # of what waits
        self._told = 0  # characters of the text
        self.written, self.finish = 0, None if config.length else "length"

    def begin(self, likely: Likelihoods | None, *, echo: bool) -> dict[str, Any]:
        """What comes before what is written: nothing, or the prompt, with how likely its characters were."""
        return self._part(self._prompt.prime if echo else "", likely)

    def add(self, piece: Piece) -> dict[str, Any]:
        """What may be told now, as a choice of the protocol."""
        text = self._waiting + piece.text
        self.written += len(piece.text)
        self._lines -= piece.text.count("\n")
        likely = piece.likely
        if likely and self._likely:
            likely = self._likely.and_then(likely)
        if piece.last:
            ends = [stop for stop in self._stops if text.endswith(stop)]
            counted = bool(self._prompt.config.until_lines) and self._lines <= 0
            self.finish = "stop" if ends or counted else "length"
            keep = len(text) - max(map(len, ends), default=0)
        else:
            keep = len(text) - _beginning(text, self._stops)
        self._waiting = text[keep:]
        if likely:
            self._likely = likely.after(keep)
        return self._part(text[:keep], likely and likely.cut(keep))

    def _part(self, symbols: str, likely: Likelihoods | None) -> dict[str, Any]:
        """Some symbols in a row as a choice; nothing is known of the first ones, where there are fewer likelihoods."""
        before, offsets, text = self._told, list[int](), symbols
        if self._bytes:
            shown = []
            for symbol in symbols:
                offsets.append(self._told)
                shown.append(self._decoder.decode(symbol.encode("latin-1")))
                self._told += len(shown[-1])
            text = "".join(shown)
        if self.finish is not None:
            text += self._decoder.decode(b"", final=True)
        self._told = before + len(text)
        if not self._bytes:
            offsets = list(range(before, self._told))
        told = likely and self._logprobs(symbols, offsets, likely)
        return {
            "text": text,
            "index": self._index,
            "logprobs": told,
            "finish_reason": self.finish,
            "seed": self._prompt.rng,
        }

    def _logprobs(
        self, symbols: str, offsets: list[int], likely: Likelihoods
    ) -> dict[str, list[Any]]:
        tokens = list(map(self._token, symbols))
        unknown = [None] * (len(tokens) - len(likely.own))
        own, best = likely.own.tolist(), list[dict[str, float]]()
        for ids, scores in zip(likely.ids, likely.best.tolist(), strict=True):
            names = map(self._token, self._vocabulary.decode(ids))
            best.append(dict(zip(names, scores, strict=True)))
        for token, score, others in zip(tokens[len(unknown) :], own, best, strict=True):
            others[token] = score
        return {
            "tokens": tokens,
            "token_logprobs": [*unknown, *own],
            "top_logprobs": [*unknown, *best],
            "text_offset": offsets,
        }

    def _token(self, symbol: str) -> str:
        """A character as the protocol has it: a byte that is none by itself in its own way."""
        return rf"bytes:\x{ord(symbol):02x}" if self._bytes and ord(symbol) > 127 else symbol


def together(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Parts of one choice in a row, as one."""
    told = [part["logprobs"] for part in parts if part["logprobs"]]
    names = told[0] if told else ()
    values = {name: [*chain.from_iterable(one[name] for one in told)] for name in names}
    text = "".join(part["text"] for part in parts)
    return {**parts[-1], "text": text, "logprobs": values or None}


def _beginning(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of a text could be the beginning of one of these strings."""
    longest = max(map(len, stops), default=1) - 1
    lengths = range(min(longest, len(text)), 0, -1)
    return next((n for n in lengths if any(s.startswith(text[-n:]) for s in stops)), 0)
