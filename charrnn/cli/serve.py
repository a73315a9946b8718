"""``charrnn serve``: a model as a server, for programs and for browsers."""

from __future__ import annotations

import os

import typer

from charrnn.cli.arguments import checkpoints, divided
from charrnn.cli.settings import of_unknown, panel
from charrnn.errors import InputError

EPILOG = (
    "Standard output gets the address alone. Programs find what OpenAI's client calls completions, at /v1; a browser finds a page to play with, at /. "
    "With CHARRNN_API_KEY in the environment, who asks has to know that key. "
    "For example: charrnn serve model.npz --port 8000"
)
MOST_TEXTS = 4096

of_place, of_bounds, of_text = panel("Where"), panel("Bounds"), panel("Text")


def serve(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]",
        help="Whose texts to serve.",
        show_default="the newest model in checkpoints/",
    ),
    host: str = of_place(
        "127.0.0.1",
        "Address to listen on; the default is for this machine alone, 0.0.0.0 is for its network, too.",
    ),
    port: int = of_place(8000, "Port to listen on; 0 takes one that is free."),
    allow_host: list[str] | None = of_place(
        None,
        "A further name that the server may be asked by, as behind a proxy. May be repeated.",
        metavar="NAME",
    ),
    name: str | None = of_place(
        None, "What requests call the model.", shown="its file's name, without .npz"
    ),
    max_length: int = of_bounds(
        10_000, "Characters that a text may have, and so many that the prompts of a request may."
    ),
    max_texts: int = of_bounds(128, "Texts that are written at once."),
    max_waiting: int = of_bounds(
        1000, "Texts that may wait for their turn; who asks for more is told to come back."
    ),
    unknown: str = of_text(
        "error",
        "Characters of a prompt that the model does not know, where a request says nothing of it: error, skip, or "
        "replace (by a similar one).",
        **of_unknown,
    ),
) -> None:
    """Serve a model on this machine, by OpenAI's protocol for completions.

    Texts that are asked for at once are written as one batch, each as charrnn sample writes it with the same seed.
    """
    models, rest = divided(arguments)
    if rest or len(models) > 1:
        raise InputError("name one model to serve, and nothing else")
    if not 0 <= port < 1 << 16:
        raise InputError(f"--port must be at least 0 and at most 65535, not {port}")
    if not host or "" in (allow_host or ()):
        raise InputError("--host and --allow-host name hosts; one is empty")
    for option, value, low, high in (
        ("--max-length", max_length, 1, 1 << 20),
        ("--max-texts", max_texts, 1, MOST_TEXTS),
        ("--max-waiting", max_waiting, 0, 1 << 20),
    ):
        if not low <= value <= high:
            raise InputError(f"{option} must be at least {low} and at most {high}, not {value}")
    key = os.environ.get("CHARRNN_API_KEY")
    if key is not None and (not key or key.strip() != key or not key.isprintable()):
        raise InputError(
            "CHARRNN_API_KEY is empty, or has blanks at its ends; unset it, or set a key"
        )

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise InputError(
            "a server needs Starlette and uvicorn: pip install starlette uvicorn"
        ) from None

    from charrnn.cli.terminal import tell, tell_of_compiling
    from charrnn.serving.app import Service, Settings
    from charrnn.serving.asking import Bounds
    from charrnn.serving.guard import Guard
    from charrnn.serving.server import address, listening
    from charrnn.serving.server import serve as serve_until_ended

    ((path, checkpoint),) = checkpoints(models, use="serve")
    settings = Settings(
        path.stem if name is None else name,
        Bounds(max_length, max_texts),
        max_waiting,
        int(path.stat().st_mtime),
        unknown,
    )
    with listening(host, port) as bound:
        guard = Guard(host, allow_host or (), key or "")
        service = Service(checkpoint.model, settings, guard, tell, tell_of_compiling)
        where = address(host, bound)
        tell(f"serving {settings.name} at {where}; Ctrl-C ends")
        print(where, flush=True)
        serve_until_ended(service, bound)
