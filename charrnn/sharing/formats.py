"""The formats, by the endings of files' names: a further one is a function that writes it, and a line of ``WRITERS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from charrnn.errors import InputError
from charrnn.fields import checks
from charrnn.files.checkpoint import save_checkpoint
from charrnn.sharing.foreign import Strange
from charrnn.sharing.onnx_file import write_onnx
from charrnn.sharing.torch_file import read_torch, write_torch
from charrnn.sharing.web.held import check_precision
from charrnn.sharing.web.page import write_page
from charrnn.training.run import Checkpoint

Write = Callable[[Checkpoint, Path], None]


def write_small(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint without what it takes to go on with its run."""
    save_checkpoint(replace(checkpoint, progress=None, resumable=False), path)


WRITERS: Mapping[str, Write] = {
    ".npz": write_small,
    ".safetensors": write_torch,
    ".onnx": write_onnx,
    ".html": write_page,
}


def writer_for(path: str | Path, precision: str = "float32") -> Write:
    """What writes a file of such a name.

    Args:
        precision: How numbers are kept, one of :data:`charrnn.sharing.web.held.PRECISIONS`; only a page has others than float32.

    Raises:
        InputError: Its ending is that of no format, or the precision none that it has.
    """
    check_precision(precision)
    found = WRITERS.get(Path(path).suffix)
    if found is None:
        *some, last = WRITERS
        raise InputError(
            f"{path}: what is written follows from the name's ending: {', '.join(some)} or {last}"
        )
    if precision == "float32":
        return found
    if found is not write_page:
        raise InputError(f"--precision {precision} is for a page (.html); {path} has float32")
    return partial(write_page, precision=precision)


@checks
def export_model(checkpoint: Checkpoint, path: str | Path, precision: str = "float32") -> None:
    """Write a model for elsewhere, as ``charrnn export`` does; a file of that name is replaced.

    Args:
        path: Its ending says in which format: ``.npz`` (a checkpoint without training state), ``.safetensors`` (for PyTorch), ``.onnx`` or ``.html`` (a page that runs it).
        precision: Of a page: ``float32``, ``half`` or ``int8``.

    Raises:
        InputError: The format cannot hold such a model.
        CheckpointError: The file cannot be written.
    """
    writer_for(path, precision)(checkpoint, Path(path))


@checks
def import_model(
    path: str | Path, *, vocabulary: str | None = None, by_bytes: bool = False, relu: bool = False
) -> Checkpoint:
    """Read a model from a safetensors file, as ``charrnn import`` does: one that was exported, or a language model of PyTorch's.

    Args:
        vocabulary: The characters in the order of their numbers, where the file does not tell them.
        by_bytes: Its characters are the 256 bytes.
        relu: It is a plain RNN with ReLU instead of tanh.

    Returns:
        A checkpoint without training state, to be saved; of a run elsewhere it knows nothing.

    Raises:
        InputError: There is no such file, or the vocabulary does not fit it.
        CheckpointError: It is damaged, or holds something else.
    """
    return read_torch(path, Strange(vocabulary, by_bytes, relu))
