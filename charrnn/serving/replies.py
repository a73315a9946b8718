"""Requests read within bounds, and replies: JSON, events, refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from charrnn.errors import CharrnnError
from charrnn.serving.guard import Guard
from charrnn.serving.refusing import RequestError, as_json

BODY = 1 << 20  # bytes of a request
IN_TIME = 30.0  # seconds: in so many a request has to come, and a client has to take what is sent
UNREAD = (408, 413)  # statuses of requests that are refused while they come

Result = TypeVar("Result")


class Json(Response):
    """A reply in JSON."""

    media_type = "application/json"

    def __init__(
        self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        nosniff = {"X-Content-Type-Options": "nosniff"}
        super().__init__(encoded(content), status_code, {**nosniff, **(headers or {})})


class Events(Response):
    """Server-sent events, as they come; where the client goes, ``data`` is closed at once.

    Args:
        data: Of events; some that come at once are sent at once.
        ended: Called when no more is sent, also where the client went before anything was.
    """

    media_type = "text/event-stream"

    def __init__(
        self, data: AsyncGenerator[list[Any], None], ended: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._data, self._ended = data, ended

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with suppress(ClientDisconnect):
                await unless_gone(receive, self._send_all(send))
        finally:  # to close a generator that has not begun would run nothing of it
            self._ended()

    async def _send_all(self, send: Send) -> None:
        mine = asyncio.current_task()
        assert mine is not None

        async def sent(message: dict[str, Any]) -> None:
            late = asyncio.get_running_loop().call_later(IN_TIME, mine.cancel)
            await send(message)
            late.cancel()

        await sent({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._data):
            async for some in self._data:
                lines = (one.encode() if isinstance(one, str) else encoded(one) for one in some)
                body = b"".join(b"data: %b\n\n" % line for line in lines)
                await sent({"type": "http.response.body", "body": body, "more_body": True})
        await sent({"type": "http.response.body", "body": b"", "more_body": False})


class Guarded:
    """Lets through what a guard has nothing against."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = {
                name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
            }
            try:
                self._guard.check(scope["path"], headers)
            except RequestError as error:
                await refused(error, browser=scope["path"] == "/")(scope, receive, send)
                return
        await self._app(scope, receive, send)


def encoded(content: Any) -> bytes:
    """JSON in ASCII, which no half of a surrogate pair can spoil."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


async def refusal(_request: Request, error: Exception) -> Response:
    """The reply to a request that cannot be answered."""
    assert isinstance(error, CharrnnError)
    return refused(error)


def refused(error: CharrnnError, *, browser: bool = False, close: bool = False) -> Response:
    """The same; a ``browser`` that has no key asks for it as for a password.

    A connection may be closed, and is where a body is left unread: else all of it would be taken, for the sake of a next request.
    """
    status = error.status if isinstance(error, RequestError) else 500
    scheme = 'Basic realm="charrnn"' if browser else "Bearer"
    more = {401: {"WWW-Authenticate": scheme}, 429: {"Retry-After": "1"}}
    headers = {
        **more.get(status, {}),
        **({"Connection": "close"} if close or status in UNREAD else {}),
    }
    return Json(as_json(error), status, headers)


async def body_of(request: Request) -> bytes:
    """All that a client sends.

    Raises:
        RequestError: It is too much, or takes too long.
        ClientDisconnect: The client has gone.
    """
    too_much = RequestError(f"a request has at most {BODY:,} bytes", 413)
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said[:20]) > BODY:
        raise too_much

    async def read() -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > BODY:
                raise too_much
        return b"".join(parts)

    try:
        return await asyncio.wait_for(read(), IN_TIME)
    except (TimeoutError, asyncio.TimeoutError):
        raise RequestError("the request did not come to its end in time", 408) from None


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, Result]) -> Result:
    """What comes of ``work``, which is cancelled when the client goes.

    Raises:
        ClientDisconnect: The client has gone.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() or working.cancelled():  # which is too late for what was sent
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
