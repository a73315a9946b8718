"""The server itself: a socket, and uvicorn, until a signal ends it."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from charrnn.errors import InputError, ServingError
from charrnn.serving.app import Service
from charrnn.serving.refusing import NO_HTTP, crowded
from charrnn.serving.replies import BODY, refused
from charrnn.signals import HandledBy

CONNECTIONS = 500  # at once; more are turned away, before there are no more files to open
GRACE = 2  # seconds in which replies are to end, once the server is to end
LOOK_EVERY = 10  # seconds; a request has to come between two looks at a connection
LOOKS = 3  # at which a client may have taken nothing of what is sent


def listening(host: str, port: int) -> socket.socket:
    """A socket; port 0 is any that is free.

    Raises:
        InputError: There is no such address here, or somebody else has it.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        both = host == "::" and socket.has_dualstack_ipv6()  # as 0.0.0.0 has all that there is
        return socket.create_server((host, port), family=family, dualstack_ipv6=both)
    except (OSError, UnicodeError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise InputError(
                f"port {port} is taken; --port names another one, --port 0 takes one that is free"
            ) from None
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {host}, port {port}: {reason}") from None


def address(host: str, bound: socket.socket) -> str:
    """Where a browser finds it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    port = bound.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(service: Service, bound: socket.socket) -> None:
    """Answer requests until SIGINT, SIGTERM or SIGHUP comes, which is then passed on to whom it was for.

    Raises:
        ServingError: The engine has failed, so that no text is written any more: who watches the process may start another one.
    """
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)  # what matters is told by the app
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    server = _Server(service)
    with HandledBy(server.handle_exit):
        asyncio.run(server.serve([bound]))
    if server.ended_by is not None:
        signal.raise_signal(server.ended_by)
    if service.engine.failed:
        raise ServingError("the server has ended: it could write no more")


class _Server(uvicorn.Server):
    """Ends what is written before it waits for what is sent."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            uvicorn.Config(
                self._answer,
                interface="asgi3",
                http=_Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._service = service
        self.ended_by: int | None = None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the app answers; or, in the form of all errors, that it is no HTTP/1."""
        answer: ASGIApp = self._service.app
        if scope["type"] == "http" and not scope["http_version"].startswith("1."):
            answer = refused(NO_HTTP, close=True)  # h11 takes any digits
        await answer(scope, receive, send)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._service.engine.failed

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.ended_by = sig

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are looked after already."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.engine.close()
        await super().shutdown(sockets)


class _Lingering:
    """A transport that is closed in two steps where a client may still send: what comes unread would let its system drop the answer.

    Args:
        unread: Whether there may be more to come.

    Attributes:
        lingers: Nothing more is sent, and what comes is dropped until the client closes.
    """

    def __init__(self, transport: asyncio.Transport, unread: Callable[[], bool]) -> None:
        self._transport, self._unread, self.lingers = transport, unread, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing() or not self._unread():
            self._transport.close()
            return
        self.lingers = True
        self._transport.resume_reading()
        with suppress(OSError):  # the client has gone
            self._transport.write_eof()


class _Connection(H11Protocol):
    """A connection that is closed unless it goes on: each request has to come in time, what is sent has to be taken.

    What is only closed stays open for as long as there is something to send. What is no HTTP is refused as all else is, in JSON.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:  # those before it are answered
            self.app = refused(crowded(), close=True)
        self._lingering, self._dropped = _Lingering(transport, self._unread), 0
        self.transport = cast(asyncio.Transport, self._lingering)
        self._seen, self._still = self._progress(), 0
        self._next_look = self.loop.call_later(LOOK_EVERY, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._lingering.lingers:
            super().data_received(data)
            return
        self._dropped += len(data)
        if self._dropped > BODY:
            self.transport.abort()

    def shutdown(self) -> None:
        """The end of the server waits for nobody who is only to go."""
        super().shutdown()
        if self._lingering.lingers:
            self.transport.close()

    def _unread(self) -> bool:
        """Whether a request has not come to its end."""
        return self.conn.their_state in (h11.SEND_BODY, h11.ERROR)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's words)
        cycle, reply = self.cycle, refused(NO_HTTP, close=True)
        if cycle is None or cycle.response_complete or not cycle.response_started:
            headers = (*self.server_state.default_headers, *reply.raw_headers)
            lines = [b"HTTP/1.1 400 Bad Request", *(b"%b: %b" % header for header in headers)]
            self.transport.write(b"\r\n".join([*lines, b"", bytes(reply.body)]))
        if cycle:
            cycle.disconnected = True  # nothing of another reply comes after this one
        self.transport.close()

    def _progress(self) -> tuple[object, int]:
        """The last request, and how many bytes wait for the client; nothing happens as long as both are the same."""
        return self.cycle, self.transport.get_write_buffer_size()

    def _look(self) -> None:
        before, self._seen = self._seen, self._progress()
        self._still = self._still + 1 if self._seen == before else 0
        request, unsent = self._seen
        if unsent:
            given_up = self._still >= LOOKS
        else:  # a request that is not answered has its time from the app
            answered = request is None or self.cycle.response_complete or self._lingering.lingers
            given_up = answered and self._still > 0
        if given_up:
            self.transport.abort()
        else:
            self._next_look = self.loop.call_later(LOOK_EVERY, self._look)
