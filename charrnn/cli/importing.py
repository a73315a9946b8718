"""``charrnn import``: a model that was exported, or one of PyTorch's, as a checkpoint."""

from __future__ import annotations

from pathlib import Path

import typer

from charrnn.cli.arguments import require_names
from charrnn.cli.settings import panel
from charrnn.config import MAX_VOCABULARY
from charrnn.errors import InputError
from charrnn.words import as_argument, quoted, size

EPILOG = (
    "For example: charrnn import model.safetensors -o model.npz. A language model that PyTorch learnt (nn.LSTM, nn.GRU or nn.RNN, "
    "below it perhaps nn.Embedding, above it nn.Linear): charrnn import theirs.safetensors --vocabulary characters.txt"
)

ENDING = ".safetensors"
INSTEAD = {
    ".npz": "is taken as it is by all commands; what is read here ends in .safetensors",
    ".onnx": "a graph cannot be read back; export the model to .safetensors, or .npz",
    **dict.fromkeys(
        (".pt", ".pth", ".bin", ".ckpt"),
        "may run code when it is read; in PyTorch write safetensors.torch.save_file(model.state_dict(), 'model.safetensors')",
    ),
}
"""What to do with files of other formats."""

of_model, of_output = panel("Model"), panel("Output")


def import_model(
    file: str | None = typer.Argument(
        None, metavar="FILE", help="What to read: a name that ends in .safetensors."
    ),
    vocabulary: Path | None = of_model(
        None,
        "A text file with the model's characters in the order of their numbers, and nothing between them.",
        "--vocabulary",
        False,
        metavar="FILE",
    ),
    by_bytes: bool = of_model(False, "Its characters are the 256 bytes.", "--bytes"),
    relu: bool = of_model(
        False,
        "It is a plain RNN with ReLU, which its file does not tell from one with tanh.",
        "--relu",
    ),
    output: str | None = of_output(
        None, "The checkpoint to write.", "--output -o", "checkpoints/FILE.npz", metavar="FILE"
    ),
    overwrite: bool = of_output(
        False, "Replace the file of --output, if it is there.", "--overwrite"
    ),
) -> None:
    """Make a checkpoint of a model that was exported as .safetensors, or that PyTorch learnt."""
    if file is None:
        raise InputError("name the file to read, such as model.safetensors")
    require_names([file, output])
    if not file.endswith(ENDING):
        advice = INSTEAD.get(Path(file).suffix, "what is read is a name that ends in .safetensors")
        raise InputError(f"{file}: {advice}")
    if vocabulary is not None and by_bytes:
        raise InputError("--vocabulary and --bytes are two ways to say one thing; choose one")
    characters = None if vocabulary is None else _characters(vocabulary)

    from charrnn.cli.files import claim_any, claim_new
    from charrnn.cli.terminal import tell
    from charrnn.files.checkpoint import save_checkpoint
    from charrnn.sharing.formats import import_model as read

    checkpoint = read(file, vocabulary=characters, by_bytes=by_bytes, relu=relu)
    if overwrite:
        claimed = claim_any(output, [file, *([vocabulary] if vocabulary else [])])
    else:
        claimed = claim_new(output, [file], of_run=False)
    with claimed as claim:
        save_checkpoint(checkpoint, claim.path)
    print(claim.path)
    told = quoted(as_argument(claim.path))
    tell(f"{claim.path}: {size(claim.path.stat().st_size)}; what it is: charrnn inspect {told}")


def _characters(path: Path) -> str:
    """The characters of a vocabulary, as they stand in a file.

    Raises:
        InputError: It is no file, has far more than there can be, or is not UTF-8.
    """
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; --vocabulary names one with the model's characters"
        )
    with path.open("rb") as file:
        data = file.read(4 * MAX_VOCABULARY + 1)
    if len(data) > 4 * MAX_VOCABULARY:
        raise InputError(f"{path}: has more characters than there are; is it a text?")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text") from None
