"""``charrnn play``: a model to play with, in a browser or at a prompt."""

from __future__ import annotations

import os
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from charrnn.cli.arguments import checkpoints, divided
from charrnn.cli.settings import panel
from charrnn.config import SamplingConfig, fresh_seed, require_seed
from charrnn.errors import InputError

if TYPE_CHECKING:
    from charrnn.training.run import Checkpoint

EPILOG = (
    "For example: charrnn play model.npz opens a page that runs the model and asks no network for anything; charrnn export model.npz page.html "
    "writes the same page to a place of your choice. In a terminal: charrnn play --terminal, then a text, an empty line to go on, :help for more."
)

LENGTH, TEMPERATURE = 300, 0.8  # unless it is said

of_place, of_choice = panel("Where"), panel("At the prompt")


def play(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]",
        help="The model to play with.",
        show_default="the newest model in checkpoints/",
    ),
    in_terminal: bool = of_place(
        False,
        "Stay in the terminal, at a prompt; so it is where there is no browser.",
        "--terminal",
    ),
    label: str | None = of_choice(
        None, "With a model of --task conditional: what to write for.", metavar="NAME"
    ),
    temperature: float | None = of_choice(
        None,
        "Below 1 more cautious, above 1 more daring.",
        "--temp --temperature -t",
        shown=str(TEMPERATURE),
    ),
    length: int | None = of_choice(
        None, "Characters to write at a time.", "--length -n", shown=str(LENGTH)
    ),
    seed: int | None = of_choice(
        None, "Makes the same text again.", shown="a new one, told on standard error"
    ),
) -> None:
    """Play with a model: type, and it goes on or answers, in a browser or at a prompt."""
    models, rest = divided(arguments)
    if rest or len(models) > 1:
        raise InputError("name one model to play with, and nothing else")
    if length is not None and length < 1:
        raise InputError(f"--length must be at least 1, not {length}")
    if seed is not None:
        require_seed(seed)
    config = SamplingConfig(
        length=LENGTH if length is None else length,
        temperature=TEMPERATURE if temperature is None else temperature,
    )
    chosen = {
        "--label": label,
        "--temp": temperature,
        "--length": length,
        "--seed": seed,
    }
    given = [option for option, value in chosen.items() if value is not None]

    from charrnn.cli.terminal import tell

    browser = None if in_terminal else _browser()
    ((path, checkpoint),) = checkpoints(models, tasks=(), use="play")
    if browser is not None and _shown(checkpoint, path, browser):
        if given:
            tell(f"the page has settings of its own: {', '.join(given)} is for --terminal")
        return
    if not in_terminal:
        tell("there is no browser here; it goes on at a prompt")
    if checkpoint.model.config.learns.writes:
        _talk(checkpoint, config, label, seed)
    else:
        from charrnn.cli.conversing import converse
        from charrnn.cli.interview import Interview

        if given:
            task = checkpoint.model.config.task
            raise InputError(
                f"{given[0]} is for a model that writes, and this one is of --task {task}"
            )
        converse(Interview(checkpoint.model))


def _browser() -> webbrowser.BaseBrowser | None:
    """The one that would show a page, if there is a screen for it."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    if sys.platform not in ("win32", "darwin") and not any(map(os.environ.get, screens)):
        return None  # what is found then draws in the terminal
    try:
        return webbrowser.get()
    except webbrowser.Error:
        return None


def _shown(checkpoint: Checkpoint, path: Path, browser: webbrowser.BaseBrowser) -> bool:
    """Write the page to a place of its own, and open it. It stays there: who knows how long it is looked at."""
    from charrnn.sharing.web.page import write_page

    page = Path(tempfile.mkdtemp(prefix="charrnn-")) / f"{path.stem}.html"
    write_page(checkpoint, page)
    print(page)
    return browser.open(page.as_uri())


def _talk(
    checkpoint: Checkpoint, config: SamplingConfig, label: str | None, seed: int | None
) -> None:
    from charrnn.cli.conversing import converse
    from charrnn.cli.labels import writing
    from charrnn.cli.talk import Talk
    from charrnn.cli.terminal import tell

    # Whether there is such a label, and one is named where there has to be.
    writing(checkpoint.model, None if label is None else {label: 1.0})
    if seed is None:
        seed = fresh_seed()
        tell(f"seed {seed}")
    converse(Talk(checkpoint.model, config, seed, label))
