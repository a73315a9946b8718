"""Who may ask: a request's Host, its Origin, and a key, looked at before anything else of it.

A page from elsewhere can let a browser send requests to this machine. By its Origin it is known, and a name of its own that it lets
point here (DNS rebinding) by the Host that the browser then sends.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

from charrnn.serving.refusing import RequestError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
OPEN = "/health"  # what needs no key
HOST = re.compile(r"(\[[^][]+\]|[^][:/?#@\s]+)(?::[0-9]*)?")  # a name or an address, and a port


class Guard:
    """Decides by the headers of a request.

    Args:
        host: What the server listens on.
        allowed: Further names that it may be asked by.
        key: Without one everybody may ask.
    """

    def __init__(self, host: str, allowed: Iterable[str] = (), key: str = "") -> None:
        self._names = {name.lower().rstrip(".") for name in (*LOOPBACK, host, *allowed)}
        # No page can let an address point elsewhere, only a name.
        self._any_address = host not in LOOPBACK
        self._key = key.encode()

    def check(self, path: str, headers: dict[str, str]) -> None:
        """Raise a RequestError unless the request may be answered; names of headers are in lower case."""
        host = headers.get("host", "")
        if not self._known(host):
            raise RequestError(
                f"the server is not called {host!r}; --allow-host lets it be",
                421,
                code="unknown_host",
            )
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host.lower():
            raise RequestError(
                f"a page of {origin!r} may not ask this server", 403, code="foreign_origin"
            )
        if self._key and path != OPEN and not self._has_key(headers.get("authorization", "")):
            raise RequestError("the key is missing or wrong", 401, code="invalid_api_key")

    def _known(self, host: str) -> bool:
        if not (found := HOST.fullmatch(host)):
            return False
        name = found[1].strip("[]").lower()
        return name.rstrip(".") in self._names or (self._any_address and _is_address(name))

    def _has_key(self, authorization: str) -> bool:
        """Whether it is there, as a client of the protocol sends it, or as a browser does, for a password."""
        scheme, _, given = authorization.partition(" ")
        sent = given.strip().encode("latin-1", "replace")
        if scheme.lower() == "basic":
            try:
                sent = base64.b64decode(sent, validate=True).partition(b":")[2]
            except binascii.Error:
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(sent, self._key)


def _netloc(origin: str) -> str:
    """Host and port of an origin."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
