"""``charrnn score``: how unexpected text is to a model; only figures on standard output."""

from __future__ import annotations

import sys
from functools import partial

import typer

from charrnn.cli.adapting import RATE, adapting
from charrnn.cli.arguments import checkpoints, divided, one_text
from charrnn.cli.labels import writing
from charrnn.cli.settings import of_unknown, panel
from charrnn.config import ADAPT_RATE
from charrnn.errors import InputError
from charrnn.words import counted, rejoined

EPILOG = (
    "Bits per character are -log2 of the probability that the model gives each character after all "
    "before it, on average; perplexity is 2 to that power. The first one follows a line feed, as in a "
    "text without a prime; sample and inspect --next read a prime after nothing, and agree with score where it is "
    r"given as --prime '\nOnce'. The end of a line is a character of that line. For the strangest line: "
    "charrnn score model.npz poems.txt --per-line | sort -rn | head -n 1. "
    "For the language of a text: charrnn score english.npz german.npz letter.txt --best"
)

of_figures, of_text = panel("Figures"), panel("Text")


def score(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz]... [FILE]",
        help="Who reads, and what: UTF-8 text or, for a model of bytes, anything; - is standard input. "
        "After -- there are no models.",
        show_default="the newest model in checkpoints/, and standard input",
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
    best: bool = of_figures(
        False, "With several models: the name of the one that predicts best, instead of figures."
    ),
    as_json: bool = of_figures(False, "JSON objects instead of columns.", "--json"),
    independent_lines: bool = of_text(
        False,
        "Read each line as if it were the first one, not after the lines before it; many "
        "times as fast. A model of records always does.",
        "--independent-lines",
    ),
    exact: bool = of_text(
        False,
        "Read a file as one stream, as what comes through a pipe is read; without it, in segments side by side, "
        "each after the 400 characters before it: many times as fast, with the same four digits of the total.",
        "--exact",
    ),
    adapt: bool = of_text(
        False,
        "Go on learning from the text while it is read: each 20 characters are scored first and then learnt from, for "
        "all that follow; of records each one. In one stream, so it takes several times as long. The model's file stays as it is.",
        "--adapt",
    ),
    adapt_rate: float | None = of_text(None, RATE, metavar="NUMBER", shown=f"{ADAPT_RATE:g}"),
    label: str | None = of_text(
        None, "With a model of --task conditional: what the text is to be of.", metavar="NAME"
    ),
    unknown: str = of_text(
        "error",
        "Characters that the model does not know: error, skip (they do not count), or "
        "replace (by a similar one).",
        **of_unknown,
    ),
) -> None:
    """Tell how well models predict text: bits per character, a tab, perplexity.

    With several models each has a column of bits per character.
    """
    models, rest = divided(arguments)
    # Before a model is looked for, which a wrong name may have meant.
    text = one_text(rest, models, "the text to score")
    if per_line and per_char:
        raise InputError("--per-line and --per-char do not go together; choose one")
    if per_char and len(models) > 1:
        raise InputError("--per-char is for one model: they need not know the same characters")
    rate = adapting(
        adapt_rate,
        ADAPT_RATE,
        {
            "--independent-lines reads each line as if it were the first one, and --adapt learns from those before it; "
            "leave one out": independent_lines
        },
        adapt=adapt,
    )
    if best and len(models) < 2:
        raise InputError("--best chooses among several models; name them first")

    from charrnn.cli.display import scoring_bar
    from charrnn.cli.figures import Form
    from charrnn.cli.scored import as_lines, as_one, require_any
    from charrnn.cli.terminal import Writer, put_json, tell, tell_of_compiling
    from charrnn.text.source import STANDARD_INPUT, Source

    found = checkpoints(models, rest=rest, use="score")
    names = [rejoined(str(path)) for path, _ in found]
    if as_json and len(set(names)) < len(names):
        raise InputError(
            f"{max(names, key=names.count)}: is named twice, and JSON has its name once"
        )
    source = Source(text or STANDARD_INPUT)
    # What comes as it comes is read so; its length is not known either.
    size = None if exact or adapt or source.name == STANDARD_INPUT else source.size_at_hand()
    mix = None if label is None else {label: 1.0}
    writers = [writing(checkpoint.model, mix) for _, checkpoint in found]
    readers = [
        # However the text comes: what is learnt must not depend on it, and is a matter of every bit.
        model.to_learn(tell_of_compiling) if adapt else model.to_read(size or 0, tell_of_compiling)
        for model in writers
    ]
    kind = readers[0].vocabulary.config
    form = Form(names, kind.encoding, best)
    rows_of = form.lines if per_line else form.characters if per_char else form.total
    apart = independent_lines or (kind.records and not adapt)
    read = as_lines if apart else partial(as_one, exact=size is None, rate=rate)
    writer = Writer(kind.encoding)
    empty = 0  # lines
    with scoring_bar(source, kind.encoding, alone=rows_of == form.total) as watched:
        for rows in rows_of(require_any(watched(read(readers, source, unknown)), source)):
            for values, columns in rows:
                empty += values.get("characters") == 0
                if as_json:
                    put_json(values)
                else:
                    writer.put(f"{columns}\n")
            sys.stdout.flush()  # who watches a growing log waits for this line
    if empty:
        tell(f"{source}: {counted(empty, 'line')} with nothing to score")
