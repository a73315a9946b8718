"""A model that is served without a socket, and asked as a server would ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from charrnn.config import ModelConfig, TextConfig
from charrnn.models.character_model import CharacterModel
from charrnn.serving.app import Service, Settings
from charrnn.serving.asking import Bounds
from charrnn.serving.guard import Guard
from charrnn.text.labels import NO_LABELS, Labels
from charrnn.text.vocabulary import BYTES, VERBATIM, Vocabulary

COMPLETIONS = "/v1/completions"
BOUNDS = Bounds()


@pytest.fixture(autouse=True)
def _by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading Numba would take longer than all tests of the server; those of the steps have it."""
    monkeypatch.setenv("CHARRNN_KERNELS", "numpy")


def random_model(
    config: TextConfig = VERBATIM, characters: str = "\n abcdefg", labels: Labels = NO_LABELS
) -> CharacterModel:
    """Random weights, large enough that what is read matters for what follows."""
    shape = ModelConfig("gru", 10, 1, task="conditional" if labels else "lm")
    vocabulary = Vocabulary(characters, config)
    model = CharacterModel.fresh(shape, vocabulary, np.random.default_rng(5), labels)
    model.parameters["V"][...] *= 9
    model.parameters["layer0/U"][...] *= 3
    if labels:
        model.parameters["begin/E"][:, 1] += 1
    return model


def text_model() -> CharacterModel:
    return random_model()


def byte_model() -> CharacterModel:
    """One that likes the bytes of some characters beyond ASCII."""
    model = random_model(TextConfig(unit="byte"), BYTES)
    model.parameters["c"][list("aé€\n".encode())] += 12
    return model


def record_model() -> CharacterModel:
    return random_model(TextConfig(records=True, normalize="none"))


def growing_model() -> CharacterModel:
    """One whose state is ten times as large after each *a*, as nothing keeps that of a linear rectifier small."""
    vocabulary = Vocabulary("\n abcdefg", VERBATIM)
    shape = ModelConfig("rnn-relu", 4, 1)
    model = CharacterModel.fresh(shape, vocabulary, np.random.default_rng(5))
    for array in model.parameters.values():
        array[...] = np.random.default_rng(6).uniform(0, 0.1, array.shape)
    model.parameters["layer0/W"][...] = np.diag([10.0, 0, 0, 0])
    model.parameters["layer0/U"][0] = -1e30
    model.parameters["layer0/U"][0, vocabulary.encode("a")] = 1
    return model


def labelled_model() -> CharacterModel:
    return random_model(
        TextConfig(records=True, normalize="none"), labels=Labels(["German", "Italian"])
    )


@dataclass
class Reply:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """Those of a stream, which has to have come to its end."""
        *lines, done, last = self.body.decode().split("\n\n")
        assert done == "data: [DONE]"
        assert not last
        return [json.loads(line.removeprefix("data: ")) for line in lines]


class Served:
    """A running service."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def ask(
        self,
        path: str = COMPLETIONS,
        asked: Any = None,
        *,
        method: str = "",
        headers: dict[str, str] | None = None,
        leave_after: int = 1 << 60,
        parts: Iterable[bytes] = (),
    ) -> Reply:
        """Send a request, as a client that leaves after so many parts of the reply."""
        sent = [*parts] or [b"" if asked is None else json.dumps(asked).encode()]
        reply, left = Reply(), asyncio.Event()
        inbox = [
            {"type": "http.request", "body": part, "more_body": n < len(sent)}
            for n, part in enumerate(sent, 1)
        ]
        if not leave_after:
            left.set()

        async def receive() -> dict[str, Any]:
            if inbox:
                return inbox.pop(0)
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                pairs = ((name.decode(), value.decode()) for name, value in message["headers"])
                reply.headers.update(pairs)
                return
            reply.parts.append(message["body"])
            if len(reply.parts) >= leave_after or not message.get("more_body"):
                left.set()

        said = {"host": "localhost:8000", **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method or ("GET" if asked is None and not parts else "POST"),
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "scheme": "http",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in said.items()],
        }
        await self.service.app(scope, receive, send)
        return reply

    async def text(self, **asked: Any) -> str:
        """The first text of an answer."""
        reply = await self.ask(asked=asked)
        assert reply.status == 200, reply.body
        return str(reply.json["choices"][0]["text"])


@asynccontextmanager
async def serving(
    model: CharacterModel,
    bounds: Bounds = BOUNDS,
    guard: Guard | None = None,
    tell: Callable[[str], object] = print,
    **settings: Any,
) -> AsyncIterator[Served]:
    """A service, from its start to its end."""
    own = Settings("tiny", bounds, **settings)
    service = Service(model, own, guard or Guard("127.0.0.1"), tell)
    async with service.app.router.lifespan_context(service.app):
        yield Served(service)
