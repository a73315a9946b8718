"""The addresses of a server, asked without a socket."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from queue import Queue
from typing import Any

import numpy as np
import pytest
from served import (
    Served,
    _by_numpy,  # noqa: F401 (each test has it)
    byte_model,
    labelled_model,
    record_model,
    serving,
    text_model,
)

from charrnn.models.character_model import CharacterModel
from charrnn.serving import app, replies
from charrnn.serving.asking import Bounds
from charrnn.serving.guard import Guard
from charrnn.serving.telling import Telling
from charrnn.sharing.web.page import page
from charrnn.writing.sampling import generate
from charrnn.writing.scoring import Scorer

MODEL = text_model()


def _with(
    use: Callable[[Served], Awaitable[Any]], model: CharacterModel = MODEL, **settings: Any
) -> Any:
    """What comes of using a service."""

    async def run() -> Any:
        async with serving(model, **settings) as served:
            return await asyncio.wait_for(use(served), 20)

    return asyncio.run(run())


def _choices(events: list[Any], count: int) -> list[str]:
    """The texts of a stream, of which each event has one choice."""
    texts = [""] * count
    for event in events:
        for choice in event["choices"]:
            texts[choice["index"]] += choice["text"]
    return texts


def test_a_completion_is_the_text_of_sample() -> None:
    """In one piece and as a stream; prompts and texts in order, and a prompt before its text where that is asked for."""

    async def use(served: Served) -> None:
        asked = {"prompt": ["fed", "a"], "n": 2, "seed": 3, "max_tokens": 40, "temperature": 0.7}
        whole, stream = await asyncio.gather(
            served.ask(asked={**asked, "logprobs": 2}),
            served.ask(
                asked={
                    **asked,
                    "logprobs": 2,
                    "stream": True,
                    "stream_options": {"include_usage": True},
                }
            ),
        )
        found = whole.json
        texts = [
            "".join(generate(MODEL, prime=prime, rng=seed, length=40, temperature=0.7))
            for prime, seed in zip(("fed", "fed", "a", "a"), range(3, 7), strict=True)
        ]
        assert [choice["text"] for choice in found["choices"]] == texts
        assert [choice["index"] for choice in found["choices"]] == [0, 1, 2, 3]
        assert [choice["seed"] for choice in found["choices"]] == [3, 4, 5, 6]
        assert {choice["finish_reason"] for choice in found["choices"]} == {"length"}
        usage = {"prompt_tokens": 4, "completion_tokens": 160, "total_tokens": 164}
        assert found["usage"] == usage
        assert (found["object"], found["model"]) == ("text_completion", "tiny")
        *events, last = stream.events
        assert _choices(events, 4) == texts
        assert all(len(event["choices"]) == 1 and event["usage"] is None for event in events)
        assert (last["choices"], last["usage"]) == ([], usage)
        assert stream.headers["content-type"].startswith("text/event-stream")
        for number, choice in enumerate(found["choices"]):
            mine = [e["choices"][0] for e in events if e["choices"][0]["index"] == number]
            told = {
                name: [value for part in mine for value in part["logprobs"][name]]
                for name in choice["logprobs"]
            }
            # Who else was written beside a text decides the last bits of its scores.
            scores = told.pop("token_logprobs"), told.pop("top_logprobs")
            once = choice["logprobs"]
            assert scores[0] == pytest.approx(once.pop("token_logprobs"), rel=1e-4, abs=1e-5)
            best = [pytest.approx(each, rel=1e-4, abs=1e-5) for each in once.pop("top_logprobs")]
            assert scores[1] == best
            assert told == once
            assert [part["finish_reason"] for part in mine] == [None] * (len(mine) - 1) + ["length"]
        assert await served.text(**{**asked, "prompt": "fed"}, echo=True) == f"fed{texts[0]}"

    _with(use)


def test_logprobs_are_the_scores() -> None:
    """Of what is written, and of a prompt that is told, too; nothing predicts its first character."""

    async def use(served: Served) -> None:
        asked = {"prompt": "\nfeed", "seed": 1, "max_tokens": 20, "logprobs": 1}
        choice = (await served.ask(asked={**asked, "echo": True})).json["choices"][0]
        told, text = choice["logprobs"], choice["text"]
        assert told["tokens"] == [*text]
        assert told["token_logprobs"][0] is told["top_logprobs"][0] is None
        scores = Scorer(MODEL).read(MODEL.vocabulary.encode(text[1:]))
        np.testing.assert_allclose(told["token_logprobs"][1:], -scores, rtol=1e-4, atol=1e-5)
        best = [max(others.values()) for others in told["top_logprobs"][1:]]
        assert (np.array(best) >= np.array(told["token_logprobs"][1:])).all()
        only = {**asked, "max_tokens": 0, "echo": True}
        reply = await served.ask(asked=only)
        assert reply.json["choices"][0]["text"] == "\nfeed"
        assert reply.json["choices"][0]["finish_reason"] == "length"
        assert len(reply.json["choices"][0]["logprobs"]["tokens"]) == 5
        assert await served.text(max_tokens=0) == ""

    _with(use)


def test_other_kinds_of_models() -> None:
    async def of_bytes(served: Served) -> None:
        asked = {"prompt": "é€", "seed": 2, "max_tokens": 60, "temperature": 1.5, "echo": True}
        stream = (await served.ask(asked={**asked, "stream": True})).events
        (text,) = _choices(stream, 1)
        raw = "".join(generate(byte_model(), prime="é€", rng=2, length=60, temperature=1.5))
        assert text == "é€" + raw.encode("latin-1").decode("utf-8", "replace")
        assert text == await served.text(**asked)

    async def of_records(served: Served) -> None:
        reply = await served.ask(asked={"seed": 1, "max_tokens": 5000})
        (choice,) = reply.json["choices"]
        assert choice["text"] == "".join(generate(record_model(), rng=1, length=5000))
        assert choice["finish_reason"] == "stop"
        assert reply.json["usage"]["completion_tokens"] == len(choice["text"]) + 1

    async def for_labels(served: Served) -> None:
        model = labelled_model()
        for name in model.labels.names:
            expected = "".join(generate(model.writing({name: 1.0}), rng=1, length=30))
            assert await served.text(label=name, seed=1, max_tokens=30) == expected

    _with(of_bytes, byte_model())
    _with(of_records, record_model())
    _with(for_labels, labelled_model())


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_frees_the_row(stream: bool) -> None:
    async def use(served: Served) -> None:
        await served.ask(asked={"max_tokens": 10_000, "stream": stream}, leave_after=2 * stream)
        assert served.service.engine.load == (0, 0)

    _with(use)


@pytest.mark.parametrize("kind", ["http.response.start", "http.response.body"])
def test_a_client_that_takes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left after a while, and its texts are withdrawn; also one that does not even take the head of the reply."""
    monkeypatch.setattr(replies, "IN_TIME", 0.05)
    ended = []

    async def data() -> AsyncGenerator[list[Any], None]:
        yield ["a"]

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message["type"] == kind:
            await asyncio.Event().wait()

    events = replies.Events(data(), lambda: ended.append(True))
    asyncio.run(asyncio.wait_for(events({}, receive, send), 20))
    assert ended == [True]


def test_too_much() -> None:
    async def use(served: Served) -> None:
        said = await served.ask(asked={}, headers={"content-length": "99999999"})
        sent = await served.ask(parts=[b" " * 600_000] * 2)
        strange = await served.ask(asked={}, headers={"content-length": "-1"})
        for reply in (said, sent, strange):  # the rest is not waited for
            assert (reply.status, reply.headers["connection"]) == (413, "close")
        endless = asyncio.create_task(served.ask(asked={"n": 2, "max_tokens": 10_000}))
        while served.service.engine.load != (2, 0):
            await asyncio.sleep(0.001)
        busy = await served.ask(asked={"n": 2})
        assert busy.status == 429
        assert busy.headers["retry-after"] == "1"
        assert busy.json["error"]["code"] == "busy"
        assert (await served.ask(asked={"max_tokens": 5})).status == 200
        endless.cancel()

    _with(use, bounds=Bounds(texts=3), waiting=0)


def test_errors_have_the_form_of_the_protocol() -> None:
    async def use(served: Served) -> None:
        reply = await served.ask(asked={"prompt": "x"})
        assert reply.status == 422
        error = reply.json["error"]
        assert (error["type"], error["param"]) == ("invalid_request_error", "prompt")
        assert (await served.ask(asked={"model": "other"})).status == 404
        for path, method, status in (
            ("/nothing", "GET", 404),
            ("/v1/completions", "GET", 405),
            ("/v1/models/other", "GET", 404),
            ("/v1/models/", "GET", 404),
            ("/../../etc/passwd", "GET", 404),
            ("/v1/models/../../../etc/passwd", "GET", 404),
            ("/", "POST", 405),
        ):
            reply = await served.ask(path, method=method)
            assert (reply.status, path) == (status, path)
            assert set(reply.json["error"]) == {"message", "type", "param", "code"}

    _with(use)


def test_models_and_health() -> None:
    async def use(served: Served) -> None:
        one = {"id": "tiny", "object": "model", "created": 5, "owned_by": "charrnn"}
        assert (await served.ask("/v1/models")).json == {"object": "list", "data": [one]}
        assert (await served.ask("/v1/models/tiny")).json == one
        assert (await served.ask("/health")).json == {"status": "ok", "writing": 0, "waiting": 0}

    _with(use, created=5)


def test_the_page_to_play_with() -> None:
    async def use(served: Served) -> None:
        for _ in range(2):
            reply = await served.ask("/")
            assert reply.body.decode() == page(MODEL, "tiny")
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["content-type"] == "text/html; charset=utf-8"

    _with(use)


def test_what_nobody_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client hears that it failed, and nothing of how; the operator is told in a line."""
    told: list[str] = []

    async def use(served: Served) -> None:
        monkeypatch.setattr(served.service._asking, "read", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await served.ask(asked={})
        assert told == ["a request failed: ZeroDivisionError('division by zero')"]
        told.clear()
        monkeypatch.undo()
        monkeypatch.setattr(Telling, "add", lambda *_: 1 / 0)
        reply = await served.ask(asked={"stream": True})
        assert b'"message":"the server failed"' in reply.body
        assert b"ZeroDivision" not in reply.body

    _with(use, tell=told.append)
    assert told == ["a request failed: ZeroDivisionError('division by zero')"]


def test_who_leaves_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a prompt whose characters were to be told of; what waited for it is not begun. So does the end of the server."""
    begun, ended = Queue[str](), Queue[str]()

    def read(_model: object, prime: str, _best: int, unwanted: Callable[[], bool]) -> Any:
        begun.put(prime)
        while not unwanted():
            time.sleep(0.001)
        ended.put(prime)

    async def use(served: Served) -> None:
        monkeypatch.setattr(app, "of_prime", read)
        asked = {"echo": True, "logprobs": 1}
        first = asyncio.create_task(served.ask(asked={**asked, "prompt": "a"}))
        await asyncio.to_thread(begun.get, timeout=20)
        await served.ask(asked={**asked, "prompt": "b"}, leave_after=0)
        first.cancel()
        await asyncio.to_thread(ended.get, timeout=20)
        assert (await served.ask("/")).status == 200  # on the same thread
        assert begun.empty()
        assert served.service.engine.load == (0, 0)
        last = asyncio.create_task(served.ask(asked={**asked, "prompt": "c", "max_tokens": 0}))
        await asyncio.to_thread(begun.get, timeout=20)
        served.service.engine.close()
        assert (await last).status == 503

    _with(use)


@pytest.mark.parametrize(
    ("host", "headers", "status"),
    [
        ("127.0.0.1", {"host": "localhost"}, 200),
        ("127.0.0.1", {"host": "LOCALHOST.:9"}, 200),
        ("127.0.0.1", {"host": "[::1]:8000"}, 200),
        ("127.0.0.1", {"host": "proxy.example:443"}, 200),
        ("127.0.0.1", {"host": "evil.example"}, 421),
        ("127.0.0.1", {"host": "localhost.evil.example"}, 421),
        ("127.0.0.1", {"host": "192.168.0.7"}, 421),
        ("127.0.0.1", {"host": ""}, 421),
        ("127.0.0.1", {"host": "[::1"}, 421),
        ("127.0.0.1", {"host": "evil.example@localhost"}, 421),
        ("127.0.0.1", {"host": "[::1]evil.example"}, 421),
        ("127.0.0.1", {"host": "localhost:8000.evil.example"}, 421),
        ("127.0.0.1", {"host": "localhost#evil.example"}, 421),
        ("0.0.0.0", {"host": "192.168.0.7:8000"}, 200),
        ("0.0.0.0", {"host": "evil.example"}, 421),
        ("127.0.0.1", {"origin": "http://localhost:8000"}, 200),
        ("127.0.0.1", {"origin": "http://localhost:9000"}, 403),
        ("127.0.0.1", {"origin": "https://evil.example"}, 403),
        ("127.0.0.1", {"origin": "null"}, 403),
        ("127.0.0.1", {"origin": "http://[::1"}, 403),
    ],
)  # fmt: skip
def test_who_may_ask(host: str, headers: dict[str, str], status: int) -> None:
    async def use(served: Served) -> None:
        reply = await served.ask("/health", headers=headers)
        assert reply.status == status
        if status != 200:
            assert reply.json["error"]["code"] in ("unknown_host", "foreign_origin")

    _with(use, guard=Guard(host, ["proxy.example"]))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("Bearer secret", 200),
        ("bearer secret", 200),
        ("Basic " + base64.b64encode(b"me:secret").decode(), 200),
        ("Basic " + base64.b64encode(b"secret:me").decode(), 401),
        ("Basic secret!", 401),
        ("Bearer secre", 401),
        ("Bearer sécret", 401),
        ("secret", 401),
        ("", 401),
    ],
)
def test_a_key(sent: str, status: int) -> None:
    """Programs send it, browsers ask for it; nothing but whether it is well is told without it."""

    async def use(served: Served) -> None:
        for path, scheme in (
            ("/v1/models", "Bearer"),
            ("/", 'Basic realm="charrnn"'),
            ("/x", "Bearer"),
        ):
            reply = await served.ask(path, headers={"authorization": sent})
            assert reply.status == (404 if (path, status) == ("/x", 200) else status)
            assert reply.headers.get("www-authenticate") == (scheme if status == 401 else None)
        assert (await served.ask("/health")).status == 200

    _with(use, guard=Guard("127.0.0.1", key="secret"))


def test_the_end_of_the_server() -> None:
    """A stream that is written ends with an error; a request that comes later gets one."""

    async def use(served: Served) -> None:
        asked = {"max_tokens": 10_000, "stream": True}
        stream = asyncio.create_task(served.ask(asked=asked))
        while served.service.engine.load != (1, 0):
            await asyncio.sleep(0.001)
        served.service.engine.close()
        last = (await stream).body.decode().split("\n\n")[-2]
        assert '"code":"shutting_down"' in last
        assert (await served.ask(asked={})).status == 503

    _with(use)


def test_a_hundred_at_once() -> None:
    """Each gets its own text."""

    async def use(served: Served) -> None:
        texts = await asyncio.gather(*(served.text(seed=n, max_tokens=20) for n in range(100)))
        assert texts == ["".join(generate(MODEL, rng=seed, length=20)) for seed in range(100)]

    _with(use)
