"""The server itself: a socket, and uvicorn, until a signal ends it."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from charrnn.errors import InputError
from charrnn.serving.app import Service
from charrnn.signals import HandledBy

CONNECTIONS = 500  # at once; more are turned away, before there are no more files to open
GRACE = 2  # seconds in which replies are to end, once the server is to end
PATIENCE = 10  # seconds in which a connection has to begin with a request


def listening(host: str, port: int) -> socket.socket:
    """A socket; port 0 is any that is free.

    Raises:
        InputError: There is no such address here, or somebody else has it.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise InputError(
                f"port {port} is taken; --port names another one, --port 0 takes one that is free"
            ) from None
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen on {host}, port {port}: {reason}") from None


def address(host: str, bound: socket.socket) -> str:
    """Where a browser finds it."""
    if host in ("", "0.0.0.0", "::"):
        host = "127.0.0.1"
    port = bound.getsockname()[1]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def serve(service: Service, bound: socket.socket) -> None:
    """Answer requests until SIGINT, SIGTERM or SIGHUP comes, which is then passed on to whom it was for."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)  # what matters is told by the app
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    server = _Server(service)
    with HandledBy(server.handle_exit):
        asyncio.run(server.serve([bound]))
    if server.ended_by is not None:
        signal.raise_signal(server.ended_by)


class _Server(uvicorn.Server):
    """Ends what is written before it waits for what is sent."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            uvicorn.Config(
                service.app,
                http=_Impatient,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=CONNECTIONS,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._service = service
        self.ended_by: int | None = None

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


class _Impatient(H11Protocol):
    """A connection that is closed unless a request comes in time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(PATIENCE, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is None:
            with suppress(Exception):
                self.transport.close()
