"""``charrnn evaluate``: how right a model's labels or tags are; only figures on standard output."""

from __future__ import annotations

import typer

from charrnn.cli.arguments import checkpoints, divided, one_text
from charrnn.cli.settings import of_unknown, panel, parse_columns
from charrnn.config import READING_TASKS
from charrnn.errors import InputError

EPILOG = (
    "Precision of a label is which part of its answers is right, recall which part of its examples was found, F1 their harmonic mean; "
    "macro-F1 is the mean over labels, weighted F1 over examples. Spans of tags are right where both ends and the kind are. "
    "Keep a file for this that nothing was chosen by."
)

of_figures, of_text = panel("Figures"), panel("Text")


def evaluate(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]... [FILE]",
        help="Who answers, and to what: examples as for train; - is standard input. Several models answer together: the mean of their "
        "probabilities counts. After -- there are no models.",
        show_default="the newest model for classify or tag in checkpoints/, and standard input",
    ),
    as_json: bool = of_figures(False, "One JSON object.", "--json"),
    confusions: int = of_figures(10, "How many of the most frequent wrong answers are told."),
    columns: str | None = of_text(
        None,
        "Of a text and of its label or tags, counted from 1.",
        metavar="N,N",
        shown="as in training",
    ),
    unknown: str = of_text(
        "replace",
        "Characters that the model does not know: replace (by a similar one), skip, or error.",
        **of_unknown,
    ),
) -> None:
    """Tell how right labels or tags are: accuracy, loss, F1, a row for each label, the confusions that cost most."""
    models, rest = divided(arguments)
    text = one_text(rest, models, "the examples to answer to")
    if confusions < 0:
        raise InputError(f"--confusions must be at least 0, not {confusions}")
    asked = parse_columns(columns)

    from charrnn.cli.terminal import put_json, tell
    from charrnn.drawing.terminal import draw
    from charrnn.drawing.terminal.screen import Screen
    from charrnn.inspection.graded import as_values, graded_figure
    from charrnn.models.answering import Answerer
    from charrnn.text.source import STANDARD_INPUT, Source
    from charrnn.training.answers import graded
    from charrnn.words import counted, rejoined

    found = checkpoints(models, rest=rest, tasks=READING_TASKS, use="evaluate")
    readers = [checkpoint.model for _, checkpoint in found]
    source = Source(text or STANDARD_INPUT)
    answerer = Answerer(readers, source.size_at_hand() or 0)
    recorded = found[0][1].corpus.columns
    result = graded(answerer, readers, source.name, asked or recorded, unknown)
    if result.unknown:
        tell(
            f"{source}: {counted(result.unknown, 'answer')} that the model does not know, counted as wrong, and not in the loss"
        )
    names = [rejoined(str(path)) for path, _ in found]
    if as_json:
        put_json(
            {"models": names, **as_values(result.figures, result.names, answerer.tags, confusions)}
        )
    else:
        draw(graded_figure(result.figures, result.names, confusions), Screen.standard())
