"""``charrnn inspect``: windows into a model, one at a time. Its options are made from the registry of views."""

from __future__ import annotations

import inspect as signatures
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from charrnn.cli.settings import of_unknown, panel
from charrnn.errors import InputError
from charrnn.inspection import VIEWS, View
from charrnn.words import printable

if TYPE_CHECKING:
    from charrnn.drawing.figure import Figure

EPILOG = "For example: charrnn inspect model.npz --text 'Where does this surprise it?'"

of_views, of_output = panel("Views (one at a time)"), panel("Output")
of_refinements = panel("With a view")

Option = tuple[Any, Any]
"""Its type, and what Typer makes of its default."""

CARD = VIEWS[0]
PAGE = View("card", "--html", takes=("on", "counts", "unknown", "no_text"))
"""The page begins with the card, and has every view."""


def _refinements() -> dict[str, Option]:
    """What goes with some of the views, and how it is asked for."""

    def option(name: str, help: str, **more: Any) -> Any:
        flags = [view.flag for view in (*VIEWS, PAGE) if name in view.takes]
        these = f"{', '.join(flags[:-1])}{' and ' * (len(flags) > 1)}{flags[-1]}"
        return of_refinements(None, f"With {these}: {help}", f"--{name}", **more)

    text = str | None
    return {
        "at": (
            int | None,
            option("at", "what the model expected in place of its Nth character.", metavar="N"),
        ),
        "temp": (
            list[float] | None,
            option(
                "temp",
                "a temperature; may be given several times.",
                metavar="FLOAT",
                shown="0.5, 1 and 1.5",
            ),
        ),
        "on": (
            text,
            option(
                "on",
                "the text to read (a file, - or the text itself).",
                metavar="TEXT",
                shown="the beginning of what the model learnt from, if the file is there and "
                "unchanged, or else what it writes",
            ),
        ),
        "counts": (
            text,
            option(
                "counts",
                "the text whose n-grams are counted.",
                metavar="FILE",
                shown="the part that the model was trained on",
            ),
        ),
        "unknown": (
            text,
            of_refinements(
                None,
                "Characters that the model does not know: error, skip, or replace (by a similar one).",
                shown="error",
                **of_unknown,
            ),
        ),
    }


def _outputs() -> dict[str, Option]:
    """Where a view goes, if not to the terminal."""
    path = Path | None
    picture = "A picture of the view, instead of tables; needs the extra named plot."
    page = "All views as one page for a browser, which needs no other file and no network."
    without = (
        "With --html: a page without the text that was read, to be shared where the text is not."
    )
    return {
        "png": (path, of_output(None, picture, metavar="FILE")),
        "svg": (path, of_output(None, "The same as an SVG file.", metavar="FILE")),
        "html": (path, of_output(None, page, metavar="FILE")),
        "no_text": (bool, of_output(False, without, "--no-text")),
        "as_json": (bool, of_output(False, "One JSON object, for any view.", "--json")),
    }


def _checkpoints() -> Option:
    flags = [view.flag for view in VIEWS if view.several]
    argument = typer.Argument(
        None,
        metavar="CHECKPOINT",
        help=f"What to look into; several with {' or '.join(reversed(flags))}.",
        show_default="the newest model in checkpoints/",
    )
    return list[Path] | None, argument


def _option_of(view: View) -> Option:
    if view.metavar:
        return str | None, of_views(None, view.help, view.flag, metavar=view.metavar)
    return bool, of_views(False, view.help, view.flag)


def inspect(**given: Any) -> None:
    """Look into a model: what it is and learnt, what surprises it, what its units do."""
    view = _chosen(given)
    html, files = given["html"], {kind: given[kind] for kind in ("png", "svg") if given[kind]}
    if html and (given["as_json"] or files):
        raise InputError("--html is a file with all views; leave --json, --png and --svg out")
    for kind, path in ({"html": html} if html else files).items():
        if path.suffix == ".npz":  # the checkpoint, if the file to write was forgotten
            raise InputError(
                f"--{kind} {path}: names the file to write, as in --{kind} report.{kind}"
            )
        if path.is_dir() or not path.parent.is_dir():
            what = "is a folder" if path.is_dir() else "its folder does not exist"
            raise InputError(f"{path}: {what}; name a file to write")

    from charrnn.cli.files import newest_checkpoint
    from charrnn.files.checkpoint import load_checkpoint
    from charrnn.inspection.look import Look, Subject

    if files:
        # Before the work: it may say that there is no matplotlib.
        from charrnn.drawing.picture import save
    paths = given["checkpoints"] or [newest_checkpoint()]
    refined: dict[str, Any] = {
        name: given[name] if _anything(given[name]) else None for name in _refinements()
    }
    look = Look(
        tuple(Subject(path, load_checkpoint(path)) for path in paths),
        given.get(view.file),
        **refined,
    )
    if html:
        from charrnn.inspection.report import page

        with _telling(look.notices):
            made = page(look, with_text=not given["no_text"])
        html.write_bytes(made.encode())
        print(f"html: {html}", file=sys.stderr)
        return
    with _telling(look.notices):
        figure = view.figure(look)
    for kind, file in files.items():
        save(figure, file, kind)
        print(f"{kind}: {file}", file=sys.stderr)
    _show(figure, look.names, as_json=given["as_json"], quiet=bool(files))


@contextmanager
def _telling(notices: list[str]) -> Iterator[None]:
    """Tell what was noticed, also where it led to an error."""
    try:
        yield
    finally:
        for notice in notices:
            print(printable(notice), file=sys.stderr)


def _show(figure: Figure, names: list[str], *, as_json: bool, quiet: bool) -> None:
    from charrnn.cli.terminal import put_json, silence_stdout

    try:
        if as_json:
            from charrnn.drawing.data import as_json as told

            which = {"checkpoints": names} if len(names) > 1 else {"checkpoint": names[0]}
            put_json({**which, **told(figure)})
        elif not quiet:
            from charrnn.drawing.terminal import draw
            from charrnn.drawing.terminal.screen import Screen

            draw(figure, Screen.standard())
    except BrokenPipeError:
        silence_stdout()


def _chosen(given: dict[str, Any]) -> View:
    """The one view that was asked for; the card if none was.

    Raises:
        InputError: There are two, or one with what belongs to another.
    """
    views = [view for view in VIEWS if view.flag]
    asked = [view for view in views if _anything(given[view.file])]
    asked += [PAGE] if given["html"] else []
    if len(asked) > 1:
        raise InputError(f"{asked[0].flag} and {asked[1].flag} are two views; ask for one")
    chosen = asked[0] if asked else CARD
    for name in (*_refinements(), "no_text"):
        if _anything(given[name]) and name not in chosen.takes:
            flags = [view.flag for view in (*views, PAGE) if name in view.takes]
            raise InputError(f"--{name.replace('_', '-')} goes with {', '.join(flags)}")
    return chosen


def _anything(value: Any) -> bool:
    return value is not None and value is not False and value != []


def _parameters() -> list[signatures.Parameter]:
    """What Typer reads: an option for each view, then what goes with them."""
    options = {
        "checkpoints": _checkpoints(),
        **{view.file: _option_of(view) for view in VIEWS if view.flag},
        **_refinements(),
        **_outputs(),
    }
    keyword = signatures.Parameter.KEYWORD_ONLY
    return [
        signatures.Parameter(name, keyword, default=default, annotation=kind)
        for name, (kind, default) in options.items()
    ]


inspect.__signature__ = signatures.Signature(_parameters())  # type: ignore[attr-defined]
inspect.__annotations__ = {p.name: p.annotation for p in _parameters()}
