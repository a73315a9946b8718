"""Make ``golden_elsewhere.npz``: what PyTorch and ONNX Runtime compute with exported models.

Run by hand, where both and the package safetensors are installed: ``PYTHONPATH=. python tests/golden_elsewhere.py``. Neither the package nor its
tests need them: test_exporting.py compares the numbers with charrnn's, and what is exported with what they were given, by
its hash. Who changes what is written to a file has to show it to them anew.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from elsewhere import CASES, LENGTHS, digest, model_of_case, ours, texts
from safetensors import safe_open
from safetensors.torch import load_file, save
from samples import SHA256, USED
from torch import Tensor, nn

from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array
from charrnn.sharing.formats import export_model
from charrnn.sharing.onnx_file import graph
from charrnn.training.run import Checkpoint, CorpusInfo

PATH = Path(__file__).with_name("golden_elsewhere.npz")

MODULES = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN, "rnn-relu": nn.RNN}


def by_torch(model: CharacterModel, path: Path) -> tuple[Tensor, Tensor]:
    """Logits and final states, by modules into which the file's tensors are loaded by their names."""
    config, given = model.config, load_file(path)
    with safe_open(path, "pt") as file:
        assert file.metadata()["vocabulary"] == model.vocabulary.characters
    K, both = len(model.vocabulary), bool(config.bidirectional)
    width = config.embedding_size or K
    options = {"nonlinearity": "relu"} if config.cell == "rnn-relu" else {}
    parts = {
        "recurrent": MODULES[config.cell](
            width, config.hidden_size, config.num_layers, bidirectional=both, **options
        ),
        "linear": nn.Linear(config.hidden_size * (1 + both), model.network.outputs),
    }
    if config.embedding_size:
        parts["embedding"] = nn.Embedding(K, width)
    begins = {name: given.pop(name) for name in [*given] if name.startswith("begin.")}
    net = nn.ModuleDict(parts)
    net.load_state_dict(given)
    ids = torch.tensor(texts(model).astype(np.int64))
    x = net["embedding"](ids) if config.embedding_size else nn.functional.one_hot(ids, K).float()
    if model.network.reads_whole:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
        out, final = net["recurrent"](packed)
        out, _ = nn.utils.rnn.pad_packed_sequence(out)
    else:
        states = tuple(torch.tensor(np.ascontiguousarray(s)) for s in ours(model).before)
        if begins:
            states = tuple(state[:, torch.tensor((2, 0, 1))] for state in begins.values())
        out, final = net["recurrent"](x, states if config.cell == "lstm" else states[0])
    final = torch.stack(final) if config.cell == "lstm" else final[None]
    if config.task == "classify":
        top = final[0][-(1 + both) :]
        return net["linear"](top.transpose(0, 1).flatten(1)), final
    logits = net["linear"](out)
    if config.task == "tag":
        logits[torch.arange(len(ids))[:, None] >= torch.tensor(LENGTHS)] = 0
    return logits, final


def by_onnx(model: CharacterModel, path: Path) -> tuple[Array, Array]:
    """Logits and final states of the graph; of whole texts no states."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["vocabulary"] == model.vocabulary.characters
    feeds: dict[str, Array] = {"ids": texts(model).astype(np.int64)}
    if model.network.reads_whole:
        feeds["lengths"] = LENGTHS.astype(np.int32)
        (logits,) = session.run(["logits"], feeds)
        if model.config.task == "tag":
            logits[np.arange(len(logits))[:, None] >= LENGTHS] = 0
        return logits, np.zeros(0, np.float32)
    names = model.network.stack.cell.states
    feeds |= {f"{name}0": state for name, state in zip(names, ours(model).before, strict=True)}
    if model.config.task == "conditional":
        begins = session.run([f"begin_{name}0" for name in names], feeds)
        feeds |= {f"{n}0": begin[:, [2, 0, 1]] for n, begin in zip(names, begins, strict=True)}
    logits, *after = session.run(["logits", *(f"{name}n" for name in names)], feeds)
    return logits, np.stack(after)


class Theirs(nn.Module):
    """A language model as others write it, with names of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(7, 3)
        self.gru = nn.GRU(3, 5, num_layers=2)
        self.fc = nn.Linear(5, 7)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.gru(self.emb(ids))[0])
        return logits


def foreign() -> dict[str, Any]:
    """Files of such a model, in full and in half precision, and what it makes of some ids."""
    torch.manual_seed(1)
    net, ids = Theirs(), torch.arange(18).reshape(6, 3) % 7
    found: dict[str, Any] = {}
    for kind in (torch.float32, torch.bfloat16, torch.float16):
        net = net.to(kind)
        name = f"foreign-{kind}".replace("torch.", "")
        found[f"{name}/file"] = np.frombuffer(save(net.state_dict()), np.uint8)
        net = net.float()
        found[f"{name}/logits"] = net(ids).numpy()
    return found


def main() -> None:
    with torch.no_grad():
        found = foreign()
    worst = 0.0
    for case in CASES:
        model = model_of_case(case)
        checkpoint = Checkpoint(model, USED, CorpusInfo(("none",), 0, 0, SHA256))
        with tempfile.TemporaryDirectory() as folder, torch.no_grad():
            path = Path(folder, "a.safetensors")
            export_model(checkpoint, path)
            logits, final = by_torch(model, path)
            tensors = {name: tensor.numpy() for name, tensor in load_file(path).items()}
            export_model(checkpoint, path.with_suffix(".onnx"))
            onnx_logits, onnx_final = by_onnx(model, path.with_suffix(".onnx"))
        own = ours(model)
        compared = [
            (own.logits, logits.numpy()),
            (own.after, final.numpy()),
            (own.logits, onnx_logits),
        ]
        if onnx_final.size:
            compared.append((own.after, onnx_final))
        worst = max(worst, *(float(np.abs(a - b).max()) for a, b in compared))
        found |= {
            f"{case}/logits": logits.numpy(),
            f"{case}/final": final.numpy(),
            f"{case}/onnx-logits": onnx_logits,
            f"{case}/onnx-final": onnx_final,
            f"{case}/tensors": np.array(digest(dict(sorted(tensors.items())))),
            f"{case}/graph": np.array(
                hashlib.sha256(graph(model.network, model.parameters)).hexdigest()
            ),
        }
        print(f"{case}: largest difference so far {worst:.2e}")
    np.savez(PATH, **found)


if __name__ == "__main__":
    main()
