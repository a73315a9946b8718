"""``charrnn inspect``: windows into a model, one at a time."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from charrnn.cli.settings import check_unknown
from charrnn.errors import InputError

if TYPE_CHECKING:
    from charrnn.cli.views import View

EPILOG = 'For a pipe: charrnn inspect --json | python -c "import json, sys; …"'

VIEWS, REFINEMENTS, OUTPUT = "Views (one at a time)", "With a view", "Output"


@dataclass(frozen=True)
class _Option:
    """A view's option: what it was set to, the view's file, and what else can be said with it."""

    flag: str
    value: Any
    file: str
    refinements: dict[str, Any] = field(default_factory=dict)


def inspect(
    checkpoints: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CHECKPOINT",
            help="What to look into; several with --compare or --gradients.",
            show_default="the newest model in checkpoints/",
        ),
    ] = None,
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            rich_help_panel=VIEWS,
            help="Tables: each array, the corpus, the configuration, the history.",
        ),
    ] = False,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            rich_help_panel=VIEWS,
            help="A text (a file, - for standard input, or the text itself), coloured by how much "
            "each character surprises the model.",
        ),
    ] = None,
    prime: Annotated[
        str | None,
        typer.Option(
            "--next",
            metavar="PRIME",
            rich_help_panel=VIEWS,
            help="What could follow this beginning, as bars, at several temperatures.",
        ),
    ] = None,
    neurons: Annotated[
        bool,
        typer.Option(
            "--neurons",
            rich_help_panel=VIEWS,
            help="Units that follow something in the text: quotes, brackets, words, lines …",
        ),
    ] = False,
    unit: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER:NUMBER",
            rich_help_panel=VIEWS,
            help="A text coloured by what one unit holds, as --neurons names it: 1:37 or, for an "
            "LSTM's cell, 1:37:c.",
        ),
    ] = None,
    gates: Annotated[
        bool,
        typer.Option(
            "--gates",
            rich_help_panel=VIEWS,
            help="How often the gates are shut and open, and how long the units remember.",
        ),
    ] = False,
    gradients: Annotated[
        bool,
        typer.Option(
            "--gradients",
            rich_help_panel=VIEWS,
            help="How far back a loss reaches, beside fresh cells of each kind: vanishing and "
            "exploding gradients. Takes several checkpoints, too.",
        ),
    ] = False,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights",
            rich_help_panel=VIEWS,
            help="What the recurrent matrices stretch, how weights are spread, the last update.",
        ),
    ] = False,
    embedding: Annotated[
        bool,
        typer.Option(
            "--embedding",
            rich_help_panel=VIEWS,
            help="Characters that the model treats alike: maps, and each one's neighbours.",
        ),
    ] = False,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            rich_help_panel=VIEWS,
            help="Several checkpoints side by side: what was different, and the curves in one "
            "chart.",
        ),
    ] = False,
    at: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=REFINEMENTS,
            help="With --text: what the model expected in place of its Nth character.",
        ),
    ] = None,
    temp: Annotated[
        list[float] | None,
        typer.Option(
            metavar="FLOAT",
            rich_help_panel=REFINEMENTS,
            help="With --next: a temperature; may be given several times.",
            show_default="0.5, 1 and 1.5",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="TEXT",
            rich_help_panel=REFINEMENTS,
            help="With --neurons, --unit, --gates, --gradients, --embedding and --html: the text to "
            "read (a file, - or the text itself).",
            show_default="the beginning of what the model learnt from, if the file is there and "
            "unchanged, or else what it writes",
        ),
    ] = None,
    unknown: Annotated[
        str | None,
        typer.Option(
            callback=check_unknown,
            help="Characters that the model does not know: error, skip, or replace (by a similar one).",
            rich_help_panel=REFINEMENTS,
            show_default="error",
        ),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=OUTPUT,
            help="A picture of the view, instead of tables; needs the extra named plot.",
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=OUTPUT, help="The same as an SVG file."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=OUTPUT,
            help="All views as one page for a browser, which needs no other file and no network.",
        ),
    ] = None,
    no_text: Annotated[
        bool,
        typer.Option(
            "--no-text",
            rich_help_panel=OUTPUT,
            help="With --html: a page without the text that was read, to be shared where the text is not.",
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", rich_help_panel=OUTPUT, help="One JSON object, for any view."),
    ] = False,
) -> None:
    """Look into a model: what it is and learnt, what surprises it, what its units do."""
    options = [
        _Option("--details", details, "details"),
        _Option("--text", text, "surprise", {"at": at, "unknown": unknown}),
        _Option("--next", prime, "following", {"temp": temp, "unknown": unknown}),
        _Option("--neurons", neurons, "neurons", {"on": on, "unknown": unknown}),
        _Option("--unit", unit, "unit", {"on": on, "unknown": unknown}),
        _Option("--gates", gates, "gates", {"on": on, "unknown": unknown}),
        _Option("--gradients", gradients, "gradients", {"on": on, "unknown": unknown}),
        _Option("--weights", weights, "weights"),
        _Option("--embedding", embedding, "embedding", {"on": on, "unknown": unknown}),
        _Option("--compare", compare, "comparison"),
        # The page begins with the card, and has every view.
        _Option("--html", html, "card", {"on": on, "unknown": unknown, "no_text": no_text}),
    ]
    option = _chosen(options)
    if html and (as_json or png or svg):
        raise InputError("--html is a file with all views; leave --json, --png and --svg out")
    if html and html.suffix == ".npz":  # the checkpoint, if the file to write was forgotten
        raise InputError(f"--html {html}: names the page to write, as in --html report.html")
    for path in filter(None, (html, png, svg)):
        if path.is_dir() or not path.parent.is_dir():
            what = "is a folder" if path.is_dir() else "its folder does not exist"
            raise InputError(f"{path}: {what}; name a file to write")

    from charrnn.cli.files import newest_checkpoint
    from charrnn.cli.terminal import put_json, silence_stdout
    from charrnn.cli.views import Subject, only
    from charrnn.drawing.terminal.screen import Screen
    from charrnn.files.checkpoint import load_checkpoint

    view: View = import_module(f"charrnn.cli.views.{option.file}")
    pictures = [(kind, file) for kind, file in (("png", png), ("svg", svg)) if file]
    if pictures:
        from charrnn.cli.plots import drawing, save

        draw = drawing(option.file)  # says before the work what cannot be drawn
    paths = checkpoints or [newest_checkpoint()]
    subjects = [Subject(path, load_checkpoint(path)) for path in paths]
    if html:
        from charrnn.cli.report import write

        write(html, only(subjects), on, unknown, with_text=not no_text)
        print(f"html: {html}", file=sys.stderr)
        return
    found = view.measure(subjects, option.value, **option.refinements)
    for kind, file in pictures:
        save(draw, found, file, kind)
        print(f"{kind}: {file}", file=sys.stderr)
    try:
        if as_json:
            names = [subject.name for subject in subjects]
            told = {"checkpoints": names} if len(names) > 1 else {"checkpoint": names[0]}
            put_json({**told, **view.as_json(found)})
        elif not pictures:
            view.draw(found, Screen.standard())
    except BrokenPipeError:
        silence_stdout()


def _chosen(options: list[_Option]) -> _Option:
    """The one view that was asked for; the card if none was.

    Raises:
        InputError: There are two, or one with what belongs to another.
    """
    asked = [option for option in options if _given(option.value)]
    if len(asked) > 1:
        raise InputError(f"{asked[0].flag} and {asked[1].flag} are two views; ask for one")
    chosen = asked[0] if asked else _Option("", None, "card")
    for option in options:
        for name, value in option.refinements.items():
            if _given(value) and name not in chosen.refinements:
                flags = [other.flag for other in options if name in other.refinements]
                raise InputError(f"--{name.replace('_', '-')} goes with {', '.join(flags)}")
    return chosen


def _given(value: Any) -> bool:
    return value is not None and value is not False and value != []
