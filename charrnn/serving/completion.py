"""What one request is answered with: its choices, whole or as the events of a stream."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from charrnn.errors import CharrnnError
from charrnn.serving.asking import Asked
from charrnn.serving.engine import News, Order
from charrnn.serving.refusing import FAILED, as_json
from charrnn.serving.telling import Telling, together
from charrnn.writing.likelihoods import Likelihoods
from charrnn.writing.writer import Piece

Choice = dict[str, Any]


class Completion:
    """The texts that a request asks for, as they come from an engine.

    Args:
        name: The model's.
        known: How likely the characters of prompts were, where that is to be told.

    Attributes:
        order: What the engine is to write.
        is_written: Whether it is to write anything: who asks for no characters may have the prompt again.
    """

    def __init__(self, asked: Asked, name: str, known: Mapping[str, Likelihoods]) -> None:
        self._asked = asked
        self._inbox = asyncio.Queue[Sequence[News]]()
        self.order = Order(asked.model, asked.texts, self._inbox.put_nowait)
        self.is_written = bool(asked.texts[0].config.length)
        self._head = {
            "id": f"cmpl-{uuid4().hex}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": name,
        }
        self._tellings = [
            Telling(asked.model.vocabulary, index, text) for index, text in enumerate(asked.texts)
        ]
        self._first = list[Choice]()
        if asked.echo or not self.is_written:
            self._first = [
                telling.begin(known.get(text.prime), echo=asked.echo)
                for telling, text in zip(self._tellings, asked.texts, strict=True)
            ]

    async def whole(self) -> dict[str, Any]:
        """The answer, once all of it is written.

        Raises:
            CharrnnError: It cannot be.
        """
        found: list[list[Choice]] = [[] for _ in self._tellings]
        async with aclosing(self._parts()) as parts:
            async for some in parts:
                for part in some:
                    found[part["index"]].append(part)
        return {**self._head, "choices": list(map(together, found)), "usage": self._usage()}

    async def events(self, tell: Callable[[str], object]) -> AsyncGenerator[list[Any], None]:
        """The data of a stream's events; of choices that come at once one each, as clients look at the first one alone.

        Args:
            tell: Told in a line of what nobody foresaw.
        """
        more = {"usage": None} if self._asked.include_usage else {}
        try:
            async with aclosing(self._parts()) as parts:
                async for some in parts:
                    yield [{**self._head, "choices": [part], **more} for part in some]
        except Exception as error:  # the reply has begun: it is told in its place
            if not isinstance(error, CharrnnError):
                tell(f"a request failed: {error!r}")
                error = FAILED
            yield [as_json(error)]
            return
        if self._asked.include_usage:
            yield [{**self._head, "choices": [], "usage": self._usage()}]
        yield ["[DONE]"]

    async def _parts(self) -> AsyncGenerator[list[Choice], None]:
        """Parts of the choices, as they come.

        Raises:
            CharrnnError: There will be no more.
        """
        if self._first:
            yield self._first
        while any(telling.finish is None for telling in self._tellings):
            news = [*await self._inbox.get()]
            while not self._inbox.empty():  # who is slow gets more at a time
                news += self._inbox.get_nowait()
            found = defaultdict[int, list[Choice]](list)
            for piece in news:
                if not isinstance(piece, Piece):
                    raise piece
                found[piece.number].append(self._tellings[piece.number].add(piece))
            parts = [together(some) for some in found.values()]
            if told := [part for part in parts if part["text"] or part["finish_reason"]]:
                yield told

    def _usage(self) -> dict[str, int]:
        prompt = self._asked.prompt_tokens
        written = sum(telling.written for telling in self._tellings)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
        }
