"""``charrnn serve`` as a command: what it refuses, and a real process from its start to Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from conftest import Run, Trained
from served import _by_numpy  # noqa: F401 (each test has it)
from talking import CHARRNN

OPEN = build_opener(ProxyHandler({})).open


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--port", 65536), "--port must be at least 0 and at most 65535, not 65536"),
        (("--max-length", 0), "--max-length must be at least 1"),
        (("--max-texts", 0), "--max-texts must be at least 1"),
        (("--max-waiting", -1), "--max-waiting must be at least 0"),
        (("--unknown", "leave"), "--unknown must be error, skip or replace"),
        (("--host", "no.such.host.invalid"), "cannot listen on no.such.host.invalid, port 0"),
        (("--host", ""), "one is empty"),
        (("m.npz", "n.npz"), "name one model to serve"),
    ],
)
def test_asked_wrongly(run: Run, model: Path, options: tuple[object, ...], told: str) -> None:
    outcome = run("serve", *(() if "m.npz" in options else (model,)), "--port", 0, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_key_that_is_none(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARRNN_API_KEY", "")
    assert "CHARRNN_API_KEY is empty" in run("serve", model).err


def test_a_port_that_is_taken(run: Run, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        outcome = run("serve", model, "--port", other.getsockname()[1])
    assert outcome.code == 2
    assert "is taken; --port names another one" in outcome.err


def test_models_that_do_not_write(run: Run, trained: Trained) -> None:
    labels = trained("ab\tx\nba\ty\n" * 20, "--task", "classify")
    outcome = run("serve", labels)
    assert outcome.code == 2
    assert "is a model for classify, which serve cannot use" in outcome.err


def test_without_the_extra(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    outcome = run("serve", model)
    assert outcome.code == 2
    wanted = "charrnn: a server needs Starlette and uvicorn: pip install starlette uvicorn\n"
    assert outcome.err == wanted


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it(model: Path, number: signal.Signals, code: int) -> None:
    """Also in the middle of a stream, which ends with an error that says so; nothing else is told."""
    process = subprocess.Popen(
        [*CHARRNN, "serve", str(model), "--port", "0", "--name", "mine", "--max-length", "1000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        asked = json.dumps({"model": "mine", "max_tokens": 1_000_000, "stream": True}).encode()
        with OPEN(Request(f"{address}v1/completions", asked), timeout=20) as reply:
            assert reply.readline().startswith(b"data: {")
            process.send_signal(number)
            assert b'"code":"shutting_down"' in reply.read()
        assert process.wait(10) == code
        assert process.stderr.read() == f"serving mine at {address}; Ctrl-C ends\n"
        assert process.stdout.read() == ""
