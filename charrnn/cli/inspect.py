"""``charrnn inspect``: windows into a model, one at a time, with an option for each of the registered views."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from charrnn.cli.overwriting import require_place
from charrnn.cli.settings import of_unknown, panel, takes
from charrnn.cli.terminal import tell
from charrnn.errors import InputError
from charrnn.inspection import VIEWS, View
from charrnn.words import size

if TYPE_CHECKING:
    from charrnn.drawing.page.document import Inset

EPILOG = "For example: charrnn inspect model.npz --text 'Where does this surprise it?'"

VIEWING = "Views (one at a time)"
of_views, of_output = panel(VIEWING), panel("Output")
of_refinements = panel("With a view")

CARD = VIEWS[0]
PAGE = View("card", "--html", takes=("on", "counts", "unknown", "no_text", "playground"))
"""The page begins with the card, and has every view."""


def _option(view: View) -> tuple[Any, Any]:
    if view.metavar:
        return str | None, of_views(None, view.help, view.flag, metavar=view.metavar)
    return bool, of_views(False, view.help, view.flag)


def _with(name: str) -> str:
    """How the help of what refines some of the views begins."""
    *flags, last = (view.flag for view in (*VIEWS, PAGE) if name in view.takes)
    return f"With {', '.join(flags)}{' and ' * bool(flags)}{last}:"


@takes({view.file: _option(view) for view in VIEWS if view.flag}, [VIEWING])
def inspect(
    checkpoints: list[Path] | None = typer.Argument(
        None,
        metavar="CHECKPOINT",
        help="What to look into; several with "
        f"{' or '.join(view.flag for view in reversed(VIEWS) if view.several)}.",
        show_default="the newest model in checkpoints/",
    ),
    at: int | None = of_refinements(
        None, f"{_with('at')} what the model expected in place of its Nth character.", metavar="N"
    ),
    temp: list[float] | None = of_refinements(
        None,
        f"{_with('temp')} a temperature; may be given several times.",
        metavar="FLOAT",
        shown="0.5, 1 and 1.5",
    ),
    on: str | None = of_refinements(
        None,
        f"{_with('on')} the text to read (a file, - or the text itself); with labels or tags examples, or texts alone, a line each.",
        metavar="TEXT",
        shown="the beginning of what the model learnt from, or some of its examples, if the file is there and unchanged, "
        "or else what it writes",
    ),
    counts: str | None = of_refinements(
        None,
        f"{_with('counts')} the text whose n-grams are counted.",
        metavar="FILE",
        shown="the part that the model was trained on",
    ),
    unknown: str | None = of_refinements(
        None,
        "Characters that the model does not know: error, skip, or replace (by a similar one).",
        shown="error",
        **of_unknown,
    ),
    png: Path | None = of_output(
        None,
        "A picture of the view, instead of tables; needs the extra named plot.",
        metavar="FILE",
    ),
    svg: Path | None = of_output(None, "The same as an SVG file.", metavar="FILE"),
    html: Path | None = of_output(
        None,
        "All views as one page for a browser, which needs no other file and no network.",
        metavar="FILE",
    ),
    no_text: bool = of_output(
        False,
        "With --html: a page without the text that was read, to be shared where the text is not.",
        "--no-text",
    ),
    playground: bool = of_output(
        False,
        "With --html: also what charrnn export makes a page of, to type and let the model go on or answer. The page then holds the model's numbers.",
        "--playground",
    ),
    as_json: bool = of_output(False, "One JSON object, for any view.", "--json"),
    **views: Any,
) -> None:
    """Look into a model: what it is and learnt, what surprises it, what its units do."""
    refined = {"at": at, "temp": temp or None, "on": on, "counts": counts, "unknown": unknown}
    asked = [view for view in VIEWS if views.get(view.file) not in (None, False)]
    of_page = {"no_text": no_text or None, "playground": playground or None}
    view = _chosen(asked + [PAGE] * bool(html), {**refined, **of_page})
    files = {kind: path for kind, path in (("png", png), ("svg", svg)) if path}
    if html and (as_json or files):
        raise InputError("--html is a file with all views; leave --json, --png and --svg out")
    places = {"html": html} if html else files
    for kind, place in places.items():
        require_place(place, (), kind=kind)  # before a model is looked for

    from charrnn.cli.arguments import checkpoints as read_checkpoints
    from charrnn.files.whole import write_bytes
    from charrnn.inspection.look import Look, Subject

    if files:
        # Before the work: it may say that there is no matplotlib.
        from charrnn.drawing.picture import render
    # Not told which one: each view begins with its name.
    found = read_checkpoints(checkpoints or [], quiet=True, tasks=())
    subjects = tuple(Subject(*one) for one in found)
    settings: dict[str, Any] = refined
    look = Look(subjects, views.get(view.file), **settings)
    read = [value for value in (look.value, on, counts) if isinstance(value, str)]
    learnt = [name for subject in subjects for name in subject.checkpoint.corpus.sources]
    for kind, place in places.items():
        require_place(place, [*(path for path, _ in found), *read, *learnt], kind=kind)
    try:
        if html:
            from charrnn.inspection.report import page

            also: list[Inset] = []
            if playground:
                from charrnn.sharing.web.page import playground as run_in_a_page

                also = [run_in_a_page(look.subject.checkpoint.model)]
            written = page(look, with_text=not no_text, also=also).encode()
            write_bytes(html, written)
        else:
            figure = view.figure(look)
    finally:  # also where what was noticed led to an error
        for notice in look.notices:
            tell(notice)
    if html:
        held = f" ({size(len(written))}, with the model)" if playground else ""
        tell(f"html: {html}{held}")
        return
    for kind, path in files.items():
        write_bytes(path, render(figure, kind))
        tell(f"{kind}: {path}")
    if as_json:
        from charrnn.cli.terminal import put_json
        from charrnn.drawing.data import as_json as told

        names = look.names
        which = {"checkpoints": names} if len(names) > 1 else {"checkpoint": names[0]}
        put_json({**which, **told(figure)})
    elif not files:
        from charrnn.drawing.terminal import draw
        from charrnn.drawing.terminal.screen import Screen

        draw(figure, Screen.standard())


def _chosen(asked: list[View], refined: Mapping[str, Any]) -> View:
    """The one view that was asked for; the card if none was.

    Raises:
        InputError: There are two, or one with what belongs to another.
    """
    if len(asked) > 1:
        raise InputError(f"{asked[0].flag} and {asked[1].flag} are two views; ask for one")
    chosen = asked[0] if asked else CARD
    for name, value in refined.items():
        if value is not None and name not in chosen.takes:
            flags = [view.flag for view in (*VIEWS, PAGE) if name in view.takes]
            raise InputError(f"--{name.replace('_', '-')} goes with {', '.join(flags)}")
    return chosen
