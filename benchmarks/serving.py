"""How quick `charrnn serve` is with many clients at once: a table on standard output.

    python benchmarks/serving.py [MODEL.npz]     # on a quiet machine, a minute or two

Each client asks for a stream of 500 characters, all at the same moment, over a connection of its own, from another process than
the server's. Beside it, in the same run: a server that writes one text at a time, and the same texts by `generate_batch`, without a
server, so that it can be seen what the protocol costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from measuring import TURNS, commit, environment, processor, say, table

CLIENTS = (1, 10, 100)
LENGTH = 500
PROMPT = "The "
IN_PROCESS = """
import sys, time
from charrnn.config import SamplingConfig
from charrnn.files.checkpoint import load_checkpoint
from charrnn.writing.batch import generate_batch
from charrnn.writing.writer import Prompt

path, count, length, prompt, turns = sys.argv[1:]
model, config = load_checkpoint(path).model, SamplingConfig(length=int(length))
for turn in range(int(turns) + 1):  # the first one compiles
    began = time.perf_counter()
    prompts = [Prompt(prompt, seed, config) for seed in range(int(count))]
    for _ in generate_batch(model, prompts): pass
    if turn:
        print(time.perf_counter() - began)
"""


@contextmanager
def serving(model: str, *options: str) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its host and port."""
    command = [sys.executable, "-m", "charrnn", "serve", model, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            found = urlsplit(process.stdout.readline().strip())
            yield found.hostname, found.port
        finally:
            process.terminate()


async def _client(host: str, port: int, seed: int, began: float) -> tuple[float, float]:
    """Seconds to the first characters, and to the end."""
    asked = {"prompt": PROMPT, "max_tokens": LENGTH, "seed": seed, "stream": True}
    body = json.dumps(asked).encode()
    reader, writer = await asyncio.open_connection(host, port)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await reader.readuntil(b"data: ")
    first = time.perf_counter() - began
    await reader.readuntil(b"data: [DONE]")
    total = time.perf_counter() - began
    writer.close()
    return first, total


async def _all_at_once(host: str, port: int, clients: int, turn: int) -> list[tuple[float, float]]:
    began = time.perf_counter()
    seeds = range(turn * clients, (turn + 1) * clients)
    return await asyncio.gather(*(_client(host, port, seed, began) for seed in seeds))


def measured(model: str, clients: int, *options: str) -> list[str]:
    """A row of the table."""
    with serving(model, *options) as (host, port):
        asyncio.run(_all_at_once(host, port, 2, 0))
        turns = [asyncio.run(_all_at_once(host, port, clients, turn)) for turn in range(TURNS)]
    rate = statistics.median(clients * LENGTH / max(total for _, total in turn) for turn in turns)
    found = [f"{rate:,.0f}"]
    for times in zip(*(one for turn in turns for one in turn), strict=True):
        ordered = sorted(times)
        found += [
            f"{1000 * ordered[int(share * (len(ordered) - 1))]:,.0f}" for share in (0.5, 0.95)
        ]
    return found


def without_server(model: str, texts: int) -> str:
    """Characters a second of the same texts in one batch."""
    arguments = [model, str(texts), str(LENGTH), PROMPT, str(TURNS)]
    told = subprocess.run(
        [sys.executable, "-c", IN_PROCESS, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    return f"{texts * LENGTH / statistics.median(map(float, told.stdout.split())):,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    demo = Path(__file__).parent.parent / "checkpoints" / "demo.npz"
    parser.add_argument("model", nargs="?", default=str(demo))
    model = parser.parse_args().model
    header = ("", "characters a second", "first ms, p50", "p95", "all ms, p50", "p95")
    rows = []
    for clients in CLIENTS:
        name = f"{clients} client{'s' * (clients > 1)}"
        say(name)
        rows.append([f"{name}, one batch", *measured(model, clients)])
        rows.append([f"{name}, a text at a time", *measured(model, clients, "--max-texts", "1")])
        rows.append(
            [f"{clients} text{'s' * (clients > 1)}, no server", without_server(model, clients)]
            + [""] * 4
        )
    print(
        f"{processor()}, Python {platform.python_version()}, charrnn {commit()}, {Path(model).name}, {LENGTH} characters a text\n"
    )
    print(table(header, rows))


if __name__ == "__main__":
    main()
