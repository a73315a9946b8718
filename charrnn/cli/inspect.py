"""``charrnn inspect``: what a checkpoint is and how it came to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EPILOG = 'For a pipe: charrnn inspect --json | python -c "import json, sys; …"'


def inspect(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help="What to look into.", show_default="the newest model in checkpoints/"),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", rich_help_panel="Output", help="One JSON object instead of tables."),
    ] = False,
) -> None:
    """Show a model's architecture, its training, and how well it learnt."""
    from charrnn.checkpoint import load_checkpoint
    from charrnn.cli.files import newest_checkpoint
    from charrnn.cli.terminal import silence_stdout
    from charrnn.inspection import summarize

    path = checkpoint or newest_checkpoint()
    summary = {"checkpoint": str(path), **summarize(load_checkpoint(path))}
    try:
        if as_json:
            print(json.dumps(summary, ensure_ascii=False, indent=2), flush=True)
        else:
            from charrnn.cli.tables import show_summary

            show_summary(summary)
    except BrokenPipeError:
        silence_stdout()
