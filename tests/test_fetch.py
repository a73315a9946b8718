"""``data/fetch.py`` against a server on this machine: what it prints, returns and leaves on disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.util
import io
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "data" / "fetch.py"
TEXT = b"It was the best of times, it was the worst of times.\n" * 20_000  # several chunks
OTHER = TEXT.replace(b"best", b"rest")

Respond = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each path with what ``routes`` has for it, and counts the requests."""

    def __init__(self) -> None:
        self.routes: dict[str, Respond] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                if self.path in outer.routes:
                    outer.routes[self.path](self)
                else:
                    self.send_error(404)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.block_on_close = False
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        poll = {"poll_interval": 0.01}
        threading.Thread(target=self.http.serve_forever, kwargs=poll, daemon=True).start()


def respond(body: bytes, length: int | None = None, content_type: str = "text/plain") -> Respond:
    """Send ``body``, announced as ``length`` bytes (the truth by default, nothing if negative)."""

    def handler(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", content_type)
        announced = len(body) if length is None else length
        if announced >= 0:
            request.send_header("Content-Length", str(announced))
        request.end_headers()
        with contextlib.suppress(ConnectionError):  # the client may have had enough
            request.wfile.write(body)

    return handler


def zipped(text: bytes, member: str = "prose") -> bytes:
    """Return a zip archive of one text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(member, text)
    return buffer.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def fetch(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script as a module, with corpora of the test server: plain, unverified and zipped."""
    monkeypatch.setenv("no_proxy", "*")
    specification = importlib.util.spec_from_file_location("fetch_script", SCRIPT)
    assert specification is not None and specification.loader is not None
    module: Any = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "fetch_script", module)
    specification.loader.exec_module(module)
    sha256 = hashlib.sha256(TEXT).hexdigest()
    module.CORPORA = {
        "prose": module.Corpus("prose", f"{server.url}/prose", len(TEXT), sha256),
        "unverified": module.Corpus("no checksum", f"{server.url}/prose"),
        "packed": module.Corpus("zipped", f"{server.url}/zip", len(TEXT), sha256, "prose"),
    }
    server.routes["/prose"] = respond(TEXT)
    server.routes["/zip"] = respond(zipped(TEXT), content_type="application/zip")
    yield module


@pytest.fixture
def run(
    fetch: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run the command line on ``tmp_path/text.txt``; return exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        exit_code: int = fetch.main([*arguments, "--output", str(tmp_path / "text.txt")])
        return (exit_code, *capsys.readouterr())

    return run


def files(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


def one_error(err: str) -> str:
    """Check that exactly one line was printed, an error, and return it."""
    assert err.count("\n") == 1 and err.startswith("error: "), err
    assert "Traceback" not in err
    return err


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Run = Callable[..., tuple[int, str, str]]

# What goes well.


@pytest.mark.parametrize("name", ["prose", "packed"])
def test_downloads_and_verifies(run: Run, tmp_path: Path, name: str) -> None:
    target = tmp_path / "text.txt"
    code, out, err = run(name)
    assert (code, out) == (0, f"{target}\n")
    assert err == f"downloaded: {len(TEXT):,} bytes, SHA-256 verified\n"
    assert target.read_bytes() == TEXT
    assert files(tmp_path) == ["text.txt"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits of POSIX")
def test_file_has_ordinary_permissions(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    run("prose")
    assert (tmp_path / "text.txt").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_without_checksum_the_digest_is_told(run: Run, tmp_path: Path) -> None:
    digest = hashlib.sha256(TEXT).hexdigest()
    told = f"no checksum is known for unverified; its SHA-256 is {digest} (note it down)\n"
    code, out, err = run("unverified")
    assert (code, err) == (0, f"downloaded: {told}")
    code, again, err = run("unverified")
    assert (code, again, err) == (0, out, f"already there: {told}")
    assert (tmp_path / "text.txt").read_bytes() == TEXT
    assert files(tmp_path) == ["text.txt"]


def test_existing_right_file_is_kept(run: Run, server: Server, tmp_path: Path) -> None:
    target = tmp_path / "text.txt"
    target.write_bytes(TEXT)
    before = target.stat()
    code, out, err = run("prose")
    assert (code, out) == (0, f"{target}\n")
    assert err == f"already there: {len(TEXT):,} bytes, SHA-256 verified\n"
    assert server.requests == []
    assert target.stat() == before


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_follows_redirects(run: Run, server: Server, tmp_path: Path, status: int) -> None:
    def redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Location", "/prose")
        request.send_header("Content-Length", "0")
        request.end_headers()

    if status == 308 and sys.version_info < (3, 11):
        pytest.skip("urllib follows 308 since Python 3.11")
    server.routes["/moved"] = redirect
    code, out, _ = run("prose", "--url", f"{server.url}/moved")
    assert (code, out) == (0, f"{tmp_path / 'text.txt'}\n")
    assert server.requests == ["/moved", "/prose"]
    assert (tmp_path / "text.txt").read_bytes() == TEXT


def test_default_target_is_beside_the_script(
    fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Path(fetch.__file__).parent == fetch.FOLDER
    (tmp_path / "data").mkdir()
    monkeypatch.setattr(fetch, "FOLDER", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    assert fetch.main(["prose"]) == 0
    assert capsys.readouterr().out == f"{Path('data', 'prose.txt')}\n"
    assert (tmp_path / "data" / "prose.txt").read_bytes() == TEXT


def test_progress_only_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, out, err = run("prose")
    assert code == 0 and out.count("\n") == 1
    assert f"\r{len(TEXT):,} of {len(TEXT):,} bytes from 127.0.0.1" in err
    last = err.split("\r")[-1]
    assert last == f"downloaded: {len(TEXT):,} bytes, SHA-256 verified\n"


def test_list(fetch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch.main(["--list"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == list(fetch.CORPORA)
    assert err == ""


# What goes wrong: one line, an exit code, nothing left behind.


@pytest.mark.parametrize(
    ("name", "route", "body", "message"),
    [
        ("prose", "/prose", OTHER, f"SHA-256 {hashlib.sha256(OTHER).hexdigest()} instead of"),
        ("prose", "/prose", TEXT[:-1], f"{len(TEXT) - 1:,} bytes instead of {len(TEXT):,}"),
        ("prose", "/prose", TEXT + b"!", f"larger than {len(TEXT):,} bytes"),
        ("packed", "/zip", zipped(OTHER), "instead of"),
        ("packed", "/zip", zipped(TEXT + b"!"), f"larger than {len(TEXT):,} bytes"),
        ("packed", "/zip", zipped(TEXT, "verse"), "not a sound zip archive of 'prose'"),
        ("packed", "/zip", zipped(TEXT)[:-100], "not a sound zip archive of 'prose'"),
        ("packed", "/zip", b"PK" + zipped(TEXT)[99:], "not a sound zip archive of 'prose'"),
        ("packed", "/zip", TEXT, "not a sound zip archive of 'prose'"),
        ("unverified", "/prose", b"", "broke off after 0 bytes (nothing came)"),
    ],
)
def test_wrong_content_leaves_nothing(
    run: Run, server: Server, tmp_path: Path, name: str, route: str, body: bytes, message: str
) -> None:
    server.routes[route] = respond(body)
    code, out, err = run(name)
    assert (code, out) == (1, "")
    assert message in one_error(err)
    assert "--url" in err
    assert files(tmp_path) == []


def test_wrong_checksum_says_what_to_do(run: Run, server: Server, tmp_path: Path) -> None:
    server.routes["/mirror"] = respond(OTHER)
    code, _, err = run("prose", "--url", f"{server.url}/mirror")
    assert code == 1
    assert f"{server.url}/mirror is not prose; nothing was kept; download" in one_error(err)
    assert f"by hand to {tmp_path / 'text.txt'}" in err


@pytest.mark.parametrize("sent", [0, 100, 600_000])
def test_truncated_body(run: Run, server: Server, tmp_path: Path, sent: int) -> None:
    server.routes["/prose"] = respond(TEXT[:sent], length=len(TEXT))
    code, out, err = run("prose")
    assert (code, out) == (1, "")
    assert re.search(r"127\.0\.0\.1:\d+ broke off after [\d,]+ bytes .*try again", one_error(err))
    assert files(tmp_path) == []


def test_truncated_chunked_body(run: Run, server: Server, tmp_path: Path) -> None:
    def chunked(request: BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"%x\r\n" % len(TEXT) + TEXT[:600_000])

    server.routes["/prose"] = chunked
    code, out, err = run("prose")
    assert (code, out) == (1, "")
    assert "broke off after 524,288 bytes" in one_error(err)
    assert files(tmp_path) == []


def test_endless_body_is_cut_off(
    run: Run, fetch: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        respond(b"", length=-1)(request)
        with contextlib.suppress(ConnectionError):
            while True:
                request.wfile.write(TEXT)

    server.routes["/prose"] = server.routes["/zip"] = endless
    monkeypatch.setattr(fetch, "MAX_BYTES", 3_000_000)
    for name, limit in [("prose", len(TEXT)), ("unverified", 3_000_000), ("packed", 3_000_000)]:
        code, out, err = run(name)
        assert (code, out) == (1, "")
        assert f"larger than {limit:,} bytes" in one_error(err)
        assert files(tmp_path) == []


def test_web_page_is_not_a_text(run: Run, server: Server, tmp_path: Path) -> None:
    server.routes["/prose"] = respond(b"<html>Log in", content_type="text/html; charset=utf-8")
    code, out, err = run("unverified")
    assert (code, out) == (1, "")
    assert "sent a web page" in one_error(err)
    assert files(tmp_path) == []


def test_http_errors(run: Run, server: Server, tmp_path: Path) -> None:
    server.routes["/down"] = lambda request: request.send_error(503)
    for path, answer in [("/missing", "404 Not Found"), ("/down", "503 Service Unavailable")]:
        code, out, err = run("prose", "--url", server.url + path)
        assert (code, out) == (1, "")
        assert f"127.0.0.1:{server.http.server_port} answered {answer}; " in one_error(err)
        assert files(tmp_path) == []


def test_redirect_loop(run: Run, server: Server, tmp_path: Path) -> None:
    def loop(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "/loop")
        request.end_headers()

    server.routes["/loop"] = loop
    code, _, err = run("prose", "--url", f"{server.url}/loop")
    assert code == 1
    assert "answered 302" in one_error(err)
    assert files(tmp_path) == []


def test_connection_refused(run: Run, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/text"
    code, out, err = run("prose", "--url", url)
    assert (code, out) == (1, "")
    assert one_error(err).startswith(f"error: no network: cannot reach {url[7:-5]} (")
    assert f"download {url} by hand to {tmp_path / 'text.txt'}, or name a mirror" in err
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (socket.gaierror(-2, "Name or service not known"), "no network: cannot reach example.org"),
        (TimeoutError("timed out"), "no network: cannot reach example.org (timed out)"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "(Network is unreachable)"),
        (ssl.SSLCertVerificationError(1, "bad"), "cannot verify the certificate of example.org"),
    ],
)
def test_offline(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, message: str
) -> None:
    def urlopen(*_: object, **__: object) -> None:
        raise urllib.error.URLError(error)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    code, out, err = run("packed", "--url", "https://example.org/prose.zip")
    assert (code, out) == (1, "")
    assert message in one_error(err)
    assert f"by hand and unpack it to {tmp_path / 'text.txt'}" in err
    assert files(tmp_path) == []


def test_silent_server(
    run: Run, fetch: Any, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.2)
    over = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        over.wait(5)

    server.routes["/prose"] = wait
    code, out, err = run("prose")
    over.set()
    assert (code, out) == (1, "")
    assert "(timed out)" in one_error(err)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "url", ["text.txt", "file:///etc/hosts", "http://", "http://[", "http://127.0.0.1:port/"]
)
def test_unusable_address(run: Run, tmp_path: Path, url: str) -> None:
    code, out, err = run("prose", "--url", url)
    assert (code, out) == (2, "")
    assert f"not a usable address: {url} (" in one_error(err)
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [OTHER, b"", TEXT + b"!"])
def test_existing_different_file_is_not_overwritten(
    run: Run, server: Server, tmp_path: Path, content: bytes
) -> None:
    target = tmp_path / "text.txt"
    target.write_bytes(content)
    code, out, err = run("prose")
    assert (code, out) == (2, "")
    assert f"{target} is there and is not prose; move it away" in one_error(err)
    assert server.requests == []
    assert target.read_bytes() == content
    assert files(tmp_path) == ["text.txt"]


@pytest.mark.parametrize(("content", "expected"), [(TEXT, 0), (OTHER, 2)])
def test_file_that_appears_meanwhile_is_not_overwritten(
    run: Run, server: Server, tmp_path: Path, content: bytes, expected: int
) -> None:
    def respond_late(request: BaseHTTPRequestHandler) -> None:
        (tmp_path / "text.txt").write_bytes(content)
        respond(TEXT)(request)

    server.routes["/prose"] = respond_late
    code, _, err = run("prose")
    assert code == expected
    assert err.startswith("already there: " if expected == 0 else "error: ")
    assert (tmp_path / "text.txt").read_bytes() == content
    assert files(tmp_path) == ["text.txt"]


def test_target_that_is_a_folder(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.txt").mkdir()
    code, out, err = run("prose")
    assert (code, out) == (2, "")
    assert "text.txt is not a file" in one_error(err)
    assert files(tmp_path) == ["text.txt"]


def test_target_in_a_missing_folder(
    fetch: Any, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "missing" / "text.txt"
    assert fetch.main(["prose", "-o", str(target)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert one_error(err).startswith(f"error: {target}: ")
    assert server.requests == []
    assert files(tmp_path) == []


def test_full_disk(run: Run, fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "copy", copy)
    code, out, err = run("prose")
    assert (code, out) == (1, "")
    assert one_error(err) == f"error: {tmp_path / 'text.txt'}: No space left on device\n"
    assert files(tmp_path) == []


def test_unknown_name(run: Run, tmp_path: Path) -> None:
    code, out, err = run("Pross")
    assert (code, out) == (2, "")
    expected = "unknown corpus 'Pross'; did you mean 'prose'? known: prose, unverified, packed"
    assert one_error(err) == f"error: {expected}\n"
    code, _, err = run("zzz")
    assert code == 2
    assert one_error(err) == "error: unknown corpus 'zzz'; known: prose, unverified, packed\n"
    assert files(tmp_path) == []


def test_no_name(fetch: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        fetch.main([])
    assert caught.value.code == 2
    assert "which corpus? see --list" in capsys.readouterr().err


def test_interrupt(run: Run, fetch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[bytes]:
        yield TEXT
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "download", interrupted)
    assert run("prose") == (130, "", "")
    assert files(tmp_path) == []


# The real script, in a process of its own.


def process(*arguments: str) -> subprocess.Popen[str]:
    """Start the script."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "no_proxy": "*"},
    )


def test_process_prints_the_path_alone(server: Server, tmp_path: Path) -> None:
    server.routes["/book"] = respond(TEXT)
    target = tmp_path / "alice.txt"
    with process("alice", "--url", f"{server.url}/book", "-o", str(target)) as child:
        out, err = child.communicate(timeout=10)
    assert (child.returncode, out) == (0, f"{target}\n")
    assert "no checksum is known for alice" in err and err.count("\n") == 1
    assert target.read_bytes() == TEXT


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_process_cleans_up_on_a_signal(
    server: Server, tmp_path: Path, number: signal.Signals, expected: int
) -> None:
    over = threading.Event()

    def stall(request: BaseHTTPRequestHandler) -> None:
        respond(TEXT[:600_000], length=10_000_000)(request)
        over.wait(5)

    server.routes["/book"] = stall
    with process("alice", "--url", f"{server.url}/book", "-o", str(tmp_path / "a.txt")) as child:
        deadline = time.monotonic() + 5
        while not list(tmp_path.glob(".a.txt.*/part")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        child.send_signal(number)
        out, err = child.communicate(timeout=10)
    over.set()
    assert (child.returncode, out, err) == (expected, "", "")
    assert files(tmp_path) == []


# The facts.


@pytest.fixture(scope="module")
def corpora() -> dict[str, Any]:
    """The table of the script as it is shipped."""
    specification = importlib.util.spec_from_file_location("fetch_shipped", SCRIPT)
    assert specification is not None and specification.loader is not None
    module: ModuleType = importlib.util.module_from_spec(specification)
    sys.modules["fetch_shipped"] = module
    specification.loader.exec_module(module)
    table: dict[str, Any] = module.CORPORA
    return table


def test_table_is_well_formed(corpora: dict[str, Any]) -> None:
    for name, corpus in corpora.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert re.fullmatch(r"https?://\S+", corpus.url)
        assert corpus.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", corpus.sha256)
        assert corpus.sha256 is None or corpus.size, "a verified text has a known size"
        assert corpus.url.endswith(".zip") == (corpus.member is not None)


def test_readme_tells_the_same_facts(corpora: dict[str, Any]) -> None:
    readme = (SCRIPT.parent / "README.md").read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `([a-z0-9-]+)` \|.*$", readme, re.M)}
    assert list(rows) == list(corpora)
    for name, corpus in corpora.items():
        assert corpus.url in rows[name]
        assert (f"{corpus.size:,}" if corpus.size else "not published") in rows[name]
        assert (corpus.sha256 or "none") in rows[name]
