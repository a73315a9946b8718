"""Download one well-known corpus and verify it.

    charrnn train $(python data/fetch.py tinyshakespeare)

Standard output carries the path of the file and nothing else. The file appears under its name only
when it is whole and right, and a file that is already there is never overwritten. Exit codes: 0 the
file is there, 1 the download failed, 2 it cannot be done as asked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import http.client
import os
import signal
import ssl
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

FOLDER = Path(__file__).resolve().parent
CHUNK = 1 << 18  # bytes read at a time
MAX_BYTES = 64 << 20  # the most that is downloaded where the size is not known beforehand
TIMEOUT = 30.0  # seconds of silence after which a server counts as gone


@dataclass(frozen=True)
class Corpus:
    """A text and what is known about it; ``None`` where nobody vouches for the fact.

    ``size`` (bytes) and ``sha256`` describe the text. Where ``url`` leads to a zip archive,
    ``member`` names the text inside.
    """

    title: str
    url: str
    size: int | None = None
    sha256: str | None = None
    member: str | None = None


def gutenberg(number: int, title: str) -> Corpus:
    """Return a Project Gutenberg book. They are revised from time to time: nothing is pinned."""
    return Corpus(title, f"https://www.gutenberg.org/cache/epub/{number}/pg{number}.txt")


CORPORA = {
    "tinyshakespeare": Corpus(
        "40,000 lines of Shakespeare's plays, the example of char-rnn",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        size=1_115_394,
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "names": Corpus(
        "32,033 first names, one a line, the example of makemore",
        "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt",
        size=228_145,
    ),
    "alice": gutenberg(11, "Lewis Carroll, Alice's Adventures in Wonderland"),
    "pride-and-prejudice": gutenberg(1342, "Jane Austen, Pride and Prejudice"),
    "sherlock-holmes": gutenberg(1661, "Arthur Conan Doyle, The Adventures of Sherlock Holmes"),
    "moby-dick": gutenberg(2701, "Herman Melville, Moby-Dick"),
    "war-and-peace": gutenberg(2600, "Leo Tolstoy, War and Peace, in English"),
    "text8": Corpus(
        "English Wikipedia of 2006, reduced to a-z and spaces",
        "http://mattmahoney.net/dc/text8.zip",
        size=100_000_000,
        sha256="6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7",
        member="text8",
    ),
    "enwik8": Corpus(
        "English Wikipedia of 2006, the first 10^8 bytes of its XML",
        "http://mattmahoney.net/dc/enwik8.zip",
        size=100_000_000,
        sha256="2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8",
        member="enwik8",
    ),
}


class FetchError(Exception):
    """One line for the user: what is wrong, what to do."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def find(name: str) -> Corpus:
    """Return the corpus called ``name``; if there is none, say which there are."""
    if name in CORPORA:
        return CORPORA[name]
    close = difflib.get_close_matches(name.lower(), CORPORA, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise FetchError(f"unknown corpus {name!r}; {hint}known: {', '.join(CORPORA)}", 2)


def show(progress: str) -> None:
    """Draw the progress line, on a terminal only; the next line to be printed replaces it."""
    if sys.stderr.isatty():
        print(f"\r{progress:<70}\r", end="", file=sys.stderr, flush=True)


def download(url: str, advice: str) -> Iterator[bytes]:
    """Yield what ``url`` leads to in chunks; whatever goes wrong becomes a `FetchError`."""
    host = url.partition("//")[2].partition("/")[0]
    answered, received, total = False, 0, 0
    try:
        if not host or not url.startswith(("http://", "https://")):
            raise ValueError("http://HOST/... or https://HOST/... is needed")
        request = urllib.request.Request(url, headers={"User-Agent": "charrnn-fetch"})
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            answered = True
            if response.headers.get_content_type() == "text/html":
                raise FetchError(f"{host} sent a web page (a login page?), not a text; {advice}")
            total = getattr(response, "length", None) or 0
            while chunk := response.read(CHUNK):
                received += len(chunk)
                show(f"{received:,}{f' of {total:,}' if total else ''} bytes from {host}")
                yield chunk
        if received < max(total, 1):
            raise ConnectionError(f"of {total:,}" if total else "nothing came")
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"{host} answered {error.code} {error.reason}; {advice}") from error
    except (ValueError, http.client.InvalidURL) as error:
        raise FetchError(f"not a usable address: {url} ({error})", 2) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        if isinstance(reason, ssl.SSLCertVerificationError):
            what = f"cannot verify the certificate of {host}"
        elif answered:
            what = f"{host} broke off after {received:,} bytes"
        else:
            what = f"no network: cannot reach {host}"
        raise FetchError(f"{what} ({why}); try again, or {advice}") from error
    finally:
        show("")


def copy(chunks: Iterable[bytes], file: BinaryIO, limit: int = sys.maxsize) -> tuple[int, str]:
    """Write ``chunks`` to ``file``; return their size and their SHA-256."""
    size, digest = 0, hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise FetchError(f"the wrong file, larger than {limit:,} bytes; name another --url")
        digest.update(chunk)
        file.write(chunk)
    return size, digest.hexdigest()


def unzip(archive: BinaryIO, member: str) -> Iterator[bytes]:
    """Yield the text inside a zip archive in chunks."""
    try:
        with zipfile.ZipFile(archive) as bundle, bundle.open(member) as text:
            while chunk := text.read(CHUNK):
                yield chunk
    except Exception as error:  # a damaged archive makes zipfile raise a dozen kinds
        raise FetchError(f"not a sound zip archive of {member!r}; name another --url") from error


def verify(name: str, size: int, digest: str, complaint: str, exit_code: int) -> str:
    """Say how far a file is known to be right; raise ``complaint`` if it is known to be wrong."""
    corpus = CORPORA[name]
    if size != (corpus.size or size):
        difference = f"{size:,} bytes instead of {corpus.size:,}"
    elif digest != (corpus.sha256 or digest):
        difference = f"SHA-256 {digest} instead of {corpus.sha256}"
    elif corpus.sha256:
        return f"{size:,} bytes, SHA-256 verified"
    else:
        return f"no checksum is known for {name}; its SHA-256 is {digest} (note it down)"
    raise FetchError(f"{complaint} ({difference})", exit_code)


def verify_existing(name: str, target: Path) -> str:
    """Say that the file that is there is right, or raise; it is never overwritten."""
    if not target.is_file():
        raise FetchError(f"{target} is not a file; name one with --output", 2)
    with target.open("rb") as file, open(os.devnull, "wb") as nowhere:
        size, digest = copy(iter(lambda: file.read(CHUNK), b""), nowhere)
    complaint = f"{target} is there and is not {name}; move it away, or name another --output"
    return f"already there: {verify(name, size, digest, complaint, exit_code=2)}"


def fetch(name: str, target: Path, url: str | None = None) -> str:
    """Put a corpus at ``target`` unless it is there already; return one line for the user."""
    corpus = find(name)
    if target.exists():
        return verify_existing(name, target)
    url = url or corpus.url
    unpack = " and unpack it" if corpus.member else ""
    advice = f"download {url} by hand{unpack} to {target}, or name a mirror with --url"
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        part = Path(folder, "part")
        with part.open("wb") as file, Path(folder, "zip").open("w+b") as archive:
            chunks = download(url, advice)
            if corpus.member:
                copy(chunks, archive, MAX_BYTES)
                chunks = unzip(archive, corpus.member)
            size, digest = copy(chunks, file, corpus.size or MAX_BYTES)
        verdict = verify(name, size, digest, f"{url} is not {name}; nothing was kept; {advice}", 1)
        if target.exists():  # it appeared in the meantime
            return verify_existing(name, target)
        part.replace(target)
    return f"downloaded: {verdict}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Download one well-known corpus and verify it.")
    parser.add_argument("name", metavar="NAME", nargs="?", help="which corpus, see --list")
    where = "where to put it, NAME.txt next to this script by default"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help=where)
    parser.add_argument("--url", help="another address; the checksum has to match all the same")
    parser.add_argument("--list", action="store_true", help="list the corpora and exit")
    args = parser.parse_args(argv)
    if args.list:
        print("\n".join(f"{name:<20} {corpus.title}" for name, corpus in CORPORA.items()))
        return 0
    if args.name is None:
        parser.error("which corpus? see --list")
    target = args.output or FOLDER / f"{args.name}.txt"
    try:
        if target.is_relative_to(Path.cwd()):
            target = target.relative_to(Path.cwd())
        print(fetch(args.name, target, args.url), file=sys.stderr)
        print(target)
        return 0
    except KeyboardInterrupt:
        return 130
    except FetchError as error:
        message, exit_code = str(error), error.exit_code
    except OSError as error:
        message, exit_code = f"{target}: {error.strerror or error}", 1
    print("error:", " ".join(message.splitlines()), file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # clean up first
    sys.exit(main())
