"""A real client, OpenAI's own, talks to a real server."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from served import (
    BOUNDS,
    _by_numpy,  # noqa: F401 (each test has it)
    text_model,
)

from charrnn.errors import CharrnnError
from charrnn.serving import app, server
from charrnn.serving.app import Service, Settings
from charrnn.serving.guard import Guard
from charrnn.writing.sampling import generate
from charrnn.writing.writer import Writer

if TYPE_CHECKING:
    import openai
else:
    openai = pytest.importorskip("openai")

MODEL = text_model()


@contextmanager
def _listening(key: str = "") -> Iterator[tuple[Service, str]]:
    """A server on a thread, and its address."""
    service = Service(MODEL, Settings("tiny", BOUNDS, waiting=0), Guard("127.0.0.1", key=key))
    bound = server.listening("127.0.0.1", 0)
    running = server._Server(service)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve([bound])))
    thread.start()
    try:
        yield service, server.address("127.0.0.1", bound)
    finally:
        running.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[openai.OpenAI]:
    monkeypatch.setattr(os, "environ", {**os.environ, "NO_PROXY": "127.0.0.1"})
    with (
        _listening("secret") as (_, address),
        openai.OpenAI(base_url=f"{address}v1", api_key="secret", max_retries=0) as found,
    ):
        yield found


def _connected(address: str) -> socket.socket:
    port = int(address.rsplit(":", 1)[1].strip("/"))
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def _text(seed: int, length: int = 60, prime: str = "fed") -> str:
    return "".join(generate(MODEL, prime=prime, rng=seed, length=length))


def test_the_official_client(client: openai.OpenAI) -> None:
    """Completions, several at once, streams, logprobs, models; and its own exceptions."""
    assert [model.id for model in client.models.list()] == ["tiny"]
    assert client.models.retrieve("tiny").owned_by == "charrnn"
    answer = client.completions.create(
        model="tiny", prompt="fed", max_tokens=60, n=2, seed=4, logprobs=2
    )
    assert [choice.text for choice in answer.choices] == [_text(4), _text(5)]
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 120
    told = answer.choices[1].logprobs
    assert told is not None
    assert told.tokens == [*_text(5)]
    assert told.top_logprobs is not None
    assert all(len(best) in (2, 3) for best in told.top_logprobs)

    stream = client.completions.create(
        model="tiny", prompt="fed", max_tokens=60, seed=4, stop=["aX", _text(4)[30:34]], stream=True
    )
    parts = [part.choices[0] for part in stream]
    expected = _text(4)[: _text(4).index(_text(4)[30:34])]
    assert "".join(part.text for part in parts) == expected
    assert parts[-1].finish_reason == "stop"

    with pytest.raises(openai.UnprocessableEntityError, match="vocabulary") as refused:
        client.completions.create(model="tiny", prompt="x")
    assert refused.value.param == "prompt"
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="other", prompt="a")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.RateLimitError):
        for _ in range(2):  # none may wait, and one alone takes all that there is
            client.completions.create(
                model="tiny", prompt="", n=BOUNDS.texts, max_tokens=10_000, stream=True
            )


def test_who_hangs_up_frees_the_row() -> None:
    """A socket that is closed in the middle of a stream ends the writing; a silent one does not last."""
    with _listening() as (service, address):
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port)) as caller:
            body = b'{"stream":true,"max_tokens":10000}'
            caller.sendall(
                b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            assert caller.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(500):
            if service.engine.load == (0, 0):
                break
            time.sleep(0.01)
        assert service.engine.load == (0, 0)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n",
    ],
)
def test_who_begins_a_request_has_to_end_it(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """Also the second one of a connection, and a body that nobody reads."""
    monkeypatch.setattr(server, "LOOK_EVERY", 0.1)
    with _listening() as (_, address), _connected(address) as caller:
        caller.sendall(sent)
        assert caller.recv(1000).startswith(b"HTTP/1.1 ")
        caller.settimeout(3)
        caller.sendall(b"G")
        while caller.recv(1000):
            pass


@pytest.mark.parametrize("close", [False, True])
def test_who_takes_nothing_is_left(monkeypatch: pytest.MonkeyPatch, *, close: bool) -> None:
    """Of a reply that has been handed over as a whole; also on a connection that is about to close."""
    monkeypatch.setattr(server, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(app, "page", lambda *_: "x" * 20_000_000)
    with _listening() as (_, address), _connected(address) as caller:
        head = b"Connection: close\r\n" if close else b""
        caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % head)
        assert caller.recv(1000).startswith(b"HTTP/1.1 200")
        time.sleep(0.6)
        taken = 0
        with suppress(ConnectionError):
            while more := len(caller.recv(1 << 20)):
                taken += more
        assert taken < 20_000_000


def test_who_takes_it_slowly_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY", 0.05)
    monkeypatch.setattr(app, "page", lambda *_: "x" * 20_000_000)
    with _listening() as (_, address), _connected(address) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        taken = 0
        while more := len(caller.recv(1 << 20)):
            taken += more
            time.sleep(0.02)
        assert taken > 20_000_000


def _read_all(caller: socket.socket) -> bytes:
    return b"".join(iter(lambda: caller.recv(1 << 16), b""))


SOUND = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz"


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00",  # of TLS
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        SOUND.replace(b"1.1", b"0.9"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: %b" % (b"a" * 100_000),
        SOUND + b"what?\r\n\r\n",
        BODY + b"\r\n",
    ],
    ids=[
        "tls",
        "no version",
        "no host",
        "9.9",
        "0.9",
        "2.0",
        "a long head",
        "the second one",
        "a body",
    ],
)
def test_what_is_no_http_is_refused_as_all_else_is(sent: bytes) -> None:
    with _listening() as (_, address):
        with _connected(address) as caller:
            caller.sendall(sent)
            reply = _read_all(caller)
        if sent.startswith(SOUND):
            assert reply.startswith(b"HTTP/1.1 200")
            reply = reply[reply.index(b"HTTP/1.1 400") :]
        head, _, body = reply.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"\r\ncontent-type: application/json" in head
        assert b"\r\nconnection: close" in head.lower()
        error = json.loads(body)["error"]
        assert (error["type"], error["code"]) == ("invalid_request_error", None)
        assert "is not HTTP" in error["message"]


def _send_on(caller: socket.socket, sent: bytes, more: int) -> bytes:
    """What a client reads that goes on sending after it was answered, as one does that is in the middle of it."""
    caller.sendall(sent)
    select.select([caller], [], [], 10)
    for _ in range(more // 1000):
        caller.sendall(b"a" * 1000)
    caller.shutdown(socket.SHUT_WR)
    return _read_all(caller)


POST = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: "


@pytest.mark.parametrize(
    ("sent", "most", "status"),
    [
        (b"GET /%b" % (b"a" * 20_000), 500, 400),
        (b"GET / HTTP/1.1\r\nX: %b" % (b"a" * 20_000), 500, 400),
        (POST + b"2000000\r\n\r\n", 500, 413),
        (POST + b"200000\r\n\r\n", 0, 503),
        (BODY + b"\r\n", 500, 400),
    ],
    ids=["a long line", "a long head", "too much", "too many", "a body"],
)
def test_who_is_refused_while_it_sends_can_read_why(
    sent: bytes, most: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it sends is taken: closed with something unread, a connection is reset, and what was not read yet is lost."""
    monkeypatch.setattr(server, "CONNECTIONS", most)
    with _listening() as (_, address), _connected(address) as caller:
        head, _, body = _send_on(caller, sent, 200_000).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "sent",
    [b"GET /%b" % (b"a" * 20_000), POST + b"200000000\r\n\r\n%b" % (b"a" * 100_000)],
    ids=["a line", "a body"],
)
def test_who_is_refused_and_sends_without_end_is_left(sent: bytes) -> None:
    with (
        _listening() as (_, address),
        _connected(address) as caller,
        pytest.raises(ConnectionError),
    ):
        _send_on(caller, sent, 20_000_000)


@pytest.mark.parametrize(
    "sent", [b"GET /%b" % (b"a" * 20_000), BODY + b"\r\n"], ids=["a line", "a body"]
)
def test_who_is_refused_and_stays_is_left(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY", 0.1)
    with _listening() as (_, address), _connected(address) as caller:
        caller.sendall(sent)
        assert _read_all(caller).startswith(b"HTTP/1.1 400")
        time.sleep(0.5)
        with pytest.raises(ConnectionError):
            for _ in range(10):
                caller.sendall(b"a")
                time.sleep(0.05)


@pytest.mark.parametrize(
    "sent", [BODY + b"\r\n", POST.replace(b"close", b"x") + b"2000000\r\n\r\n"]
)
def test_the_end_of_the_server_waits_for_nobody_who_was_refused(sent: bytes) -> None:
    with _listening() as (_, address):
        caller = _connected(address)
        caller.sendall(sent)
        assert caller.recv(1000).startswith(b"HTTP/1.1 4")
        began = time.monotonic()
    with caller:
        assert time.monotonic() - began < server.GRACE


def test_too_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told so as of any error, and closed; once there are fewer, all are answered again."""
    monkeypatch.setattr(server, "CONNECTIONS", 1)
    with _listening() as (_, address):
        with _connected(address) as first, _connected(address) as caller:
            caller.sendall(SOUND)
            head, _, body = _read_all(caller).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503")
            assert json.loads(body)["error"]["code"] == "busy"
            first.sendall(SOUND)  # who was there before is answered
            assert first.recv(100).startswith(b"HTTP/1.1 200")
        for _ in range(100):
            with _connected(address) as caller:
                caller.sendall(SOUND)
                if caller.recv(100).startswith(b"HTTP/1.1 200"):
                    break
            time.sleep(0.05)
        else:
            raise AssertionError


def test_without_its_engine_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that could write no more would refuse all for ever, and nobody would start another one."""

    def fail(*_: object) -> None:
        raise SystemExit(3)

    service = Service(MODEL, Settings("tiny", BOUNDS), Guard("127.0.0.1"))
    monkeypatch.setattr(Writer, "write", fail)
    found = list[BaseException]()

    def run(bound: socket.socket) -> None:
        try:
            server.serve(service, bound)
        except BaseException as error:
            found.append(error)

    with server.listening("127.0.0.1", 0) as bound:
        address = server.address("127.0.0.1", bound)
        thread = threading.Thread(target=run, args=(bound,))
        thread.start()
        with _connected(address) as caller:
            asked = b"Host: localhost\r\nContent-Length: 2\r\n\r\n{}"
            caller.sendall(b"POST /v1/completions HTTP/1.1\r\n%b" % asked)
            assert caller.recv(1000).startswith(b"HTTP/1.1 503")
        thread.join(10)
        assert not thread.is_alive()
    assert [str(error) for error in found] == ["the server has ended: it could write no more"]
    assert isinstance(found[0], CharrnnError)


def test_all_addresses_of_both_kinds() -> None:
    try:
        bound = server.listening("::", 0)
    except CharrnnError:
        pytest.skip("there is no IPv6 here")
    with bound:
        port = bound.getsockname()[1]
        assert server.address("::", bound) == f"http://[::1]:{port}/"
        for host in ("::1", "127.0.0.1") if socket.has_dualstack_ipv6() else ("::1",):
            socket.create_connection((host, port)).close()


def test_who_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOOK_EVERY", 0.1)
    with _listening() as (_, address):
        port = int(address.rsplit(":", 1)[1].strip("/"))
        with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
            caller.sendall(b"GET / HTTP/1.1\r\n")
            assert caller.recv(100) == b""
