"""The server's addresses: completions, models, a page to play with, and whether it is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from charrnn.errors import CharrnnError
from charrnn.models.character_model import CharacterModel
from charrnn.serving.asking import Asked, Bounds, RequestReader
from charrnn.serving.completion import Completion
from charrnn.serving.engine import Engine, News, Order
from charrnn.serving.guard import Guard
from charrnn.serving.refusing import FAILED, RequestError, as_json
from charrnn.serving.replies import Events, Guarded, Json, Result, body_of, refusal, unless_gone
from charrnn.sharing.web.page import page
from charrnn.writing.likelihoods import Likelihoods, of_prime

PAGE_HEADERS = {
    # What the page itself says of scripts is stricter; this is what only a header can say.
    "Content-Security-Policy": "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Settings:
    """How a model is served.

    Attributes:
        waiting: Texts that may wait for their turn.
        created: When the model was made, in seconds since 1970.
        unknown: See :class:`charrnn.serving.asking.RequestReader`.
    """

    name: str
    bounds: Bounds
    waiting: int = 1000
    created: int = 0
    unknown: str = "error"


class Service:
    """A model that answers requests; ``app`` is what a server runs.

    Args:
        tell: Told in a line of what nobody foresaw.
        on_start: As for :class:`Engine`.
    """

    def __init__(
        self,
        model: CharacterModel,
        settings: Settings,
        guard: Guard,
        tell: Callable[[str], object] = lambda _: None,
        on_start: Callable[[], object] | None = None,
    ) -> None:
        self._model, self._settings, self._tell = model, settings, tell
        self._asking = RequestReader(model, settings.name, settings.bounds, settings.unknown)
        self.engine = Engine(
            model,
            self._deliver,
            texts=settings.bounds.texts,
            waiting=settings.waiting,
            tell=tell,
            on_start=on_start,
        )
        self._page: str | None = None
        self._reading = ThreadPoolExecutor(1, "reading")  # for what takes a while
        self.app = Starlette(
            routes=[
                Route("/", self._play),
                Route("/health", self._health),
                Route("/v1/models", self._models),
                Route("/v1/models/{name:path}", self._one_model),
                Route("/v1/completions", self._completions, methods=["POST"]),
            ],
            middleware=[Middleware(Guarded, guard=guard)],
            exception_handlers={
                RequestError: refusal,
                CharrnnError: refusal,
                HTTPException: _no_such,
                ClientDisconnect: _gone,
                Exception: self._unforeseen,
            },
            lifespan=self._living,
        )
        self.app.router.redirect_slashes = False  # where to would be told by the request

    @asynccontextmanager
    async def _living(self, _app: Starlette) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        self.engine.start()
        try:
            yield
        finally:
            self.engine.close()
            self._reading.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, news: Mapping[Order, list[News]]) -> None:
        def hand_out() -> None:
            for order, pieces in news.items():
                order.take(pieces)

        if news:  # at the very end there is none, and no loop
            self._loop.call_soon_threadsafe(hand_out)

    async def _completions(self, request: Request) -> Response:
        asked = self._asking.read(await body_of(request))
        known = {}
        if asked.echo and asked.logprobs is not None:
            known = await unless_gone(request.receive, self._known(asked))
        completion = Completion(asked, self._settings.name, known)
        if completion.is_written:
            self.engine.submit(completion.order)

        def withdraw() -> None:
            self.engine.withdraw(completion.order)

        if asked.stream:
            return Events(completion.events(self._tell), withdraw)
        try:
            return Json(await unless_gone(request.receive, completion.whole()))
        finally:
            withdraw()

    async def _known(self, asked: Asked) -> dict[str, Likelihoods]:
        """How likely the characters of prompts were; they are not read on where nobody waits, nor at the end of the server."""
        known, left = dict[str, Likelihoods](), Event()

        def unwanted() -> bool:
            return left.is_set() or self.engine.closed

        try:
            for prime in dict.fromkeys(text.prime for text in asked.texts):
                known[prime] = await self._aside(
                    of_prime, asked.model, prime, asked.logprobs, unwanted
                )
                self.engine.require_open()
        finally:
            left.set()
        return known

    async def _models(self, _request: Request) -> Response:
        return Json({"object": "list", "data": [self._described()]})

    async def _one_model(self, request: Request) -> Response:
        self._asking.require_model(request.path_params["name"])
        return Json(self._described())

    def _described(self) -> dict[str, Any]:
        name, created = self._settings.name, self._settings.created
        return {"id": name, "object": "model", "created": created, "owned_by": "charrnn"}

    async def _health(self, _request: Request) -> Response:
        self.engine.require_open()
        writing, waiting = self.engine.load
        return Json({"status": "ok", "writing": writing, "waiting": waiting})

    async def _play(self, _request: Request) -> Response:
        return HTMLResponse(await self._aside(self._made_page), headers=PAGE_HEADERS)

    def _made_page(self) -> str:
        if self._page is None:
            self._page = page(self._model, self._settings.name)
        return self._page

    async def _aside(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """What comes of work on a thread, one thing at a time; what nobody waits for any more is not begun."""
        return await self._loop.run_in_executor(self._reading, work, *arguments)

    async def _unforeseen(self, _request: Request, error: Exception) -> Response:
        self._tell(f"a request failed: {error!r}")
        return Json(as_json(FAILED), FAILED.status)


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        message = f"{request.url.path} is not for {request.method}"
    else:
        message = "there is nothing here; completions are at /v1/completions"
    return Json(as_json(RequestError(message, error.status_code)), error.status_code, error.headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)  # which nobody reads
