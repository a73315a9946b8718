"""``charrnn export``: a model for elsewhere, or for a friend."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from charrnn.cli.arguments import checkpoints, is_checkpoint, require_names
from charrnn.cli.overwriting import require_place
from charrnn.cli.settings import panel
from charrnn.errors import InputError
from charrnn.words import as_argument, quoted, size

EPILOG = (
    "For example: charrnn export model.npz small.npz writes the model without what it takes to go on with its run; "
    "charrnn export model.npz model.safetensors writes it for PyTorch, and charrnn export model.npz model.onnx for ONNX Runtime. "
    "charrnn export model.npz page.html writes a page that runs it in a browser, with no network. "
    "docs/sharing.md shows how each is loaded. The way back: charrnn import model.safetensors"
)

of_output = panel("Output")


def export(
    arguments: list[str] | None = typer.Argument(
        None,
        metavar="[MODEL.npz] FILE",
        help="The model, and the file to write. Its ending says what it is: .npz, .safetensors, .onnx or .html.",
        show_default="the newest model in checkpoints/",
    ),
    precision: str = of_output(
        "float32",
        "With .html: how its numbers are kept, float32, half (half the size) or int8 (a quarter, and slightly less exact).",
    ),
    overwrite: bool = of_output(False, "Replace a file that is there.", "--overwrite"),
) -> None:
    """Write a model for a friend, for PyTorch, for ONNX Runtime, or as a page that runs it."""
    names = arguments or []
    require_names(names)
    if len(names) not in (1, 2):
        given = (
            "and nothing else"
            if names
            else "such as small.npz, model.safetensors, model.onnx or page.html"
        )
        raise InputError(f"name a model and the file to write, {given}")
    output, models = Path(names[-1]), list(map(Path, names[:-1]))
    if not models and is_checkpoint(names[0]):  # the file to write was forgotten
        model = quoted(as_argument(output))
        raise InputError(
            f"{output}: is a model; name the file to write after it: charrnn export {model} small.npz"
        )

    from charrnn.cli.files import claim
    from charrnn.cli.terminal import tell
    from charrnn.sharing.formats import writer_for

    write = writer_for(output, precision)
    if not models and not overwrite and os.path.lexists(output):  # perhaps a model, damaged
        raise InputError(f"{output}: exists already; to export it, name the file to write after it")
    require_place(output, models, overwrite=overwrite)
    ((path, checkpoint),) = checkpoints(models, tasks=(), use="export")
    require_place(output, [path], overwrite=overwrite)
    before = path.stat().st_size
    with claim(output):
        write(checkpoint, output)
    print(output)
    without = ", without its training state" if checkpoint.resumable else ""
    tell(f"{output}: {size(output.stat().st_size)}{without}; {path}: {size(before)}")
    if checkpoint.model.config.lm_loss and output.suffix != ".npz":
        tell("left out: what it learnt from beside its answers (--lm-loss), which they do not need")
