"""``charrnn export``: a model for elsewhere, or for a friend."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from charrnn.cli.arguments import checkpoints, is_checkpoint, require_names
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
    _require_place(output, models, overwrite=overwrite)
    ((path, checkpoint),) = checkpoints(models, tasks=(), use="export")
    _require_place(output, [path], overwrite=overwrite)
    before = path.stat().st_size
    with claim(output):
        write(checkpoint, output)
    print(output)
    without = ", without its training state" if checkpoint.resumable else ""
    tell(f"{output}: {size(output.stat().st_size)}{without}; {path}: {size(before)}")
    if checkpoint.model.config.lm_loss and output.suffix != ".npz":
        tell("left out: what it learnt from beside its answers (--lm-loss), which they do not need")


def _require_place(output: Path, models: list[Path], *, overwrite: bool) -> None:
    """See to it that a file may be written.

    Raises:
        InputError: It is the model, or there already and not to be replaced; or its folder is not there.
    """
    if output.is_dir() or not output.parent.is_dir():
        what = "is a folder" if output.is_dir() else "its folder does not exist"
        raise InputError(f"{output}: {what}; name a file to write")
    if any(output.exists() and model.exists() and output.samefile(model) for model in models):
        raise InputError(f"{output}: is the model itself; name another file to write")
    if os.path.lexists(output) and not overwrite:
        after = "" if models else "name the file to write after it, "
        raise InputError(
            f"{output}: exists already; {after}choose another name, or add --overwrite"
        )
