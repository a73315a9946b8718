"""Make ``golden_seq2seq.npz``: what PyTorch computes of an encoder, attention and a decoder, forward and back, in float64.

Run by hand, where PyTorch is installed: ``python tests/models/golden_seq2seq.py``. ``test_seq2seq.py`` reads the numbers. The net is
built of ``torch.nn``'s layers, packed sequences and its cross-entropy; only the names and shapes of parameters are charrnn's.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from charrnn.config import ModelConfig
from charrnn.models.network_for import network_for

PATH = Path(__file__).with_name("golden_seq2seq.npz")
CHARACTERS, SYMBOLS, HIDDEN, LEVELS, SMOOTHING = 5, 3, 4, 2, 0.1
SOURCES = ((0, 3, 1, 4), (2, 2), (1, 0, 4))
TARGETS = ((1, 0), (2,), (0, 0, 1, 2))


def numbers(cell: str, attention: str) -> dict[str, Tensor]:
    """Drawn from a seed, in charrnn's names and shapes."""
    config = ModelConfig(
        task="seq2seq",
        cell=cell,
        hidden_size=HIDDEN,
        num_layers=LEVELS,
        embedding_size=3,
        attention=attention,
    )
    rng = np.random.default_rng(7)
    shapes = network_for(config, CHARACTERS, SYMBOLS).parameter_shapes()
    return {
        name: torch.tensor(0.6 * rng.standard_normal(shape), requires_grad=True)
        for name, shape in shapes.items()
    }


def layer(cell: str, own: dict[str, Tensor], prefix: str) -> tuple[Tensor, ...]:
    """Its weights as torch.nn has them: i f g o of an LSTM, r z n of a GRU."""
    U, W, b = (own[f"{prefix}/{name}"] for name in "UWb")
    if cell == "lstm":
        order = torch.cat([torch.arange(0, 2), torch.tensor([3, 2])])
        U, W, b = (x.reshape(4, HIDDEN, *x.shape[1:])[order].reshape(x.shape) for x in (U, W, b))
        return U, W, b, torch.zeros_like(b)
    zeros = torch.zeros(2 * HIDDEN, dtype=b.dtype)
    return U, W, b, torch.cat([zeros, own[f"{prefix}/d"]])


def weights(
    cell: str, own: dict[str, Tensor], name: str, directions: list[str]
) -> dict[str, Tensor]:
    found = dict[str, Tensor]()
    for level in range(LEVELS):
        for direction in directions:
            end = "_reverse" if direction else ""
            each = layer(cell, own, f"{name}/layer{level}{direction}")
            kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            found |= {f"{kind}_l{level}{end}": x for kind, x in zip(kinds, each, strict=True)}
    return found


def loss(cell: str, attention: str, own: dict[str, Tensor]) -> Tensor:
    """The summed, smoothed one of all targets with their ends."""
    kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
    encoder = kind(3, HIDDEN, LEVELS, bidirectional=True, dtype=torch.float64)
    decoder = kind(3, HIDDEN, LEVELS, dtype=torch.float64)
    lengths = [len(source) for source in SOURCES]
    x = nn.utils.rnn.pad_sequence([torch.tensor(s) for s in SOURCES])
    packed = pack_padded_sequence(own["encoder/E"].T[x], lengths, enforce_sorted=False)
    of_encoder = weights(cell, own, "encoder", ["", "/reverse"])
    memory, after = functional_call(encoder, of_encoder, (packed,))
    memory, _ = pad_packed_sequence(memory)  # (T, B, 2H)
    states = after if cell == "lstm" else (after,)
    start = []
    for number, state in enumerate(states):
        ends = state.reshape(LEVELS, 2, len(SOURCES), HIDDEN)
        ends = torch.cat([ends[:, 0], ends[:, 1]], dim=-1)
        maps = [
            (own[f"bridge/{level}/{number}/W"], own[f"bridge/{level}/{number}/b"])
            for level in range(LEVELS)
        ]
        start.append(torch.stack([e @ W.T + b for e, (W, b) in zip(ends, maps, strict=True)]))
    total = torch.zeros((), dtype=torch.float64)
    of_decoder = weights(cell, own, "decoder", [""])
    entropy = nn.CrossEntropyLoss(label_smoothing=SMOOTHING, reduction="sum")
    for number, target in enumerate(TARGETS):
        written = own["decoder/E"].T[torch.tensor([SYMBOLS, *target])][:, None]
        state = tuple(s[:, number : number + 1].contiguous() for s in start)
        h, _ = functional_call(
            decoder, of_decoder, (written, state if cell == "lstm" else state[0])
        )
        h = h[:, 0]
        if attention == "general":
            m = memory[: lengths[number], number]
            a = torch.softmax(h @ own["attention/W"] @ m.T, dim=-1)
            h = torch.tanh(
                torch.cat([a @ m, h], dim=-1) @ own["attention/C"].T + own["attention/b"]
            )
        total = total + entropy(h @ own["V"].T + own["c"], torch.tensor([*target, SYMBOLS]))
    return total


def main() -> None:
    """Compute, and keep."""
    kept: dict[str, np.ndarray] = {}
    for cell in ("lstm", "gru"):
        for attention in ("general", "none"):
            own = numbers(cell, attention)
            total = loss(cell, attention, own)
            total.backward()
            name = f"{cell}-{attention}"
            kept[f"{name}/loss"] = total.detach().numpy()
            for key, tensor in own.items():
                assert tensor.grad is not None
                kept[f"{name}/{key}"] = tensor.grad.numpy()
    np.savez_compressed(PATH, allow_pickle=False, **kept)
    print(f"{PATH}: {PATH.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
