"""``charrnn score``: how unexpected text is to a model; only figures on standard output."""

from __future__ import annotations

import sys

import typer

from charrnn.cli.settings import check_unknown, panel
from charrnn.errors import InputError
from charrnn.words import counted, printable

EPILOG = (
    "Bits per character are -log2 of the probability that the model gives each character after all "
    "before it, on average; perplexity is 2 to that power. The first one follows a line feed, as in "
    "charrnn sample. The end of a line is a character of that line."
)

of_figures, of_text = panel("Figures"), panel("Text")


def score(
    checkpoint: str | None = typer.Argument(
        None,
        help="Who reads. A name that ends in .npz is taken for it.",
        show_default="the newest model in checkpoints/",
    ),
    text: str | None = typer.Argument(
        None,
        metavar="FILE",
        help="Text to score, UTF-8 or, for a model of bytes, anything; - is standard input.",
        show_default="standard input",
    ),
    per_line: bool = of_figures(
        False,
        "A line of output for each line: its bits per character, a tab, the line.",
        "--per-line",
    ),
    per_char: bool = of_figures(
        False,
        r"A line for each character: its bits, a tab, the character (or \n, \t, \r, \\).",
        "--per-char",
    ),
    as_json: bool = of_figures(False, "JSON objects instead of columns.", "--json"),
    independent_lines: bool = of_text(
        False,
        "Read each line as if it were the first one, not after the lines before it; many "
        "times as fast. A model of records always does.",
        "--independent-lines",
    ),
    unknown: str = of_text(
        "error",
        "Characters that the model does not know: error, skip (they do not count), or "
        "replace (by a similar one).",
        callback=check_unknown,
    ),
) -> None:
    """Tell how well a model predicts text: bits per character, a tab, perplexity."""
    if per_line and per_char:
        raise InputError("--per-line and --per-char do not go together; choose one")
    if text is None and checkpoint is not None and not checkpoint.endswith(".npz"):
        checkpoint, text = None, checkpoint

    from charrnn.cli import figures
    from charrnn.cli.files import newest_checkpoint
    from charrnn.cli.scored import as_lines, as_one, require_any
    from charrnn.cli.terminal import put, put_json
    from charrnn.files.checkpoint import load_checkpoint
    from charrnn.text.source import STANDARD_INPUT, Source

    model = load_checkpoint(checkpoint or newest_checkpoint()).model
    form = figures.lines if per_line else figures.characters if per_char else figures.total
    text_config = model.vocabulary.config
    read = as_lines if independent_lines or text_config.records else as_one
    source = Source(text or STANDARD_INPUT)
    empty = 0  # lines
    spans = require_any(read(model, source, unknown), source)
    for rows in form(spans, text_config.encoding):
        for values, columns in rows:
            empty += values.get("characters") == 0
            if as_json:
                put_json(values)
            else:
                put(f"{columns}\n", text_config.encoding)
        sys.stdout.flush()  # who watches a growing log waits for this line
    if empty:
        told = f"{source}: {counted(empty, 'line')} with nothing to score"
        print(printable(told), file=sys.stderr)
