"""Why a request gets no text, as a client is told."""

from __future__ import annotations

from typing import Any

from charrnn.errors import CharrnnError, InputError
from charrnn.words import shortened

MOST = 400  # characters of a message, which may quote what was sent


class RequestError(InputError):
    """What was asked for cannot be done.

    Attributes:
        status: Of HTTP.
        param: The field that is wrong.
        code: For programs.
    """

    def __init__(
        self, message: str, status: int = 422, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(shortened(message, MOST))
        self.status, self.param, self.code = status, param, code


def as_json(error: CharrnnError) -> dict[str, Any]:
    """An error in the form of OpenAI's."""
    refused = error if isinstance(error, RequestError) else RequestError(str(error), 500)
    kind = "invalid_request_error" if refused.status < 500 else "server_error"
    told = {"message": str(refused), "type": kind, "param": refused.param, "code": refused.code}
    return {"error": told}


def busy() -> RequestError:
    """More is asked for than may wait."""
    told = "the server is busy: more texts wait than --max-waiting allows; try again in a moment"
    return RequestError(told, 429, code="busy")


def crowded() -> RequestError:
    """There are more connections than may be."""
    return RequestError(
        "the server has too many connections; try again in a moment", 503, code="busy"
    )


def ending() -> RequestError:
    """No text is written to its end any more."""
    return RequestError("the server is shutting down", 503, code="shutting_down")


FAILED = RequestError("the server failed", 500)
NO_HTTP = RequestError("the request is not HTTP, or not sound", 400)
