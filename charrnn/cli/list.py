"""``charrnn list``: the models that are here."""

from __future__ import annotations

from pathlib import Path

import typer

from charrnn.cli.settings import panel
from charrnn.words import counted

EPILOG = (
    "For example, of those that read characters the best so far: "
    """charrnn list --json | jq -r '[.models[] | select(.unit == "character" and .bits_per_char)] | min_by(.bits_per_char).checkpoint'"""
)

of_output = panel("Output")


def list_models(
    places: list[Path] | None = typer.Argument(
        None, metavar="PLACE", help="Folders and checkpoints.", show_default="checkpoints/"
    ),
    as_json: bool = of_output(
        False, "One JSON object, with an object in models for each.", "--json"
    ),
) -> None:
    """List models, the newest first: text, loss, size, age, and whether they can be resumed."""
    import time

    from charrnn.cli.files import FOLDER, checkpoints_in, passed_over
    from charrnn.cli.terminal import put_json, tell
    from charrnn.inspection.listing import list_figure, listed

    found = [path for place in places or [FOLDER] for path in checkpoints_in(place)]
    found.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    if empty := sum(map(passed_over, places or [FOLDER])):
        tell(
            f"passed over: {counted(empty, '.npz file')} with nothing in {'it' if empty == 1 else 'them'}"
        )
    figure = list_figure(listed(path, time.time()) for path in found)
    if as_json:
        from charrnn.drawing.data import as_json as told

        put_json(told(figure))
    elif not found:
        tell("no checkpoint here; make one: charrnn train corpus.txt")
    else:
        from charrnn.drawing.terminal import draw
        from charrnn.drawing.terminal.screen import Screen

        draw(figure, Screen.standard())
