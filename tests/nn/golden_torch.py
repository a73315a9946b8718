"""Make ``golden_torch.npz``: what PyTorch computes, forward and back, in float64.

Run by hand, where PyTorch is installed: ``python tests/nn/golden_torch.py``. Neither the package
nor its tests need PyTorch; ``test_golden.py`` reads the numbers. They are kept in PyTorch's own
names and layouts, so that the whole translation is in the test.
"""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

PATH = Path(__file__).with_name("golden_torch.npz")

T, B, L = 6, 3, 2
LENGTHS = (4, 6, 1)
INPUT_SIZE, HIDDEN_SIZE, EMBEDDING_SIZE, VOCABULARY_SIZE = 5, 4, 3, 7

MODULES = {
    "lstm": lambda size, **options: nn.LSTM(size, HIDDEN_SIZE, L, **options),
    "gru": lambda size, **options: nn.GRU(size, HIDDEN_SIZE, L, **options),
    "rnn": lambda size, **options: nn.RNN(size, HIDDEN_SIZE, L, nonlinearity="tanh", **options),
    "rnn-relu": lambda size, **options: nn.RNN(
        size, HIDDEN_SIZE, L, nonlinearity="relu", **options
    ),
}


def random_weights(module: nn.Module) -> None:
    """Larger than PyTorch's own start, so that the gates are well away from one half."""
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.6)


def random_state(cell: str, directions: int = 1) -> tuple[Tensor, ...]:
    """(h, c) of an LSTM, (h,) of the others; each ``(L, B, H)``, or ``(2L, B, H)``."""
    count, shape = 2 if cell == "lstm" else 1, (L * directions, B, HIDDEN_SIZE)
    return tuple(torch.randn(*shape, requires_grad=True) for _ in range(count))


def run(
    cell: str,
    module: nn.Module,
    x: Tensor,
    state: tuple[Tensor, ...],
    lengths: tuple[int, ...] | None = None,
) -> tuple[Tensor, ...]:
    """The outputs ``(T, B, H)``, then the parts of the final state; of texts of these lengths, packed."""
    given = x
    if lengths:
        given = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    out, final = module(given, state if cell == "lstm" else state[0])
    if lengths:
        out, _ = nn.utils.rnn.pad_packed_sequence(out)
    return (out, *final) if cell == "lstm" else (out, final)


class Normalized(nn.Module):
    """Two layers with ``nn.LayerNorm`` of each gate's sum, from PyTorch's parts; gates in the order of the package."""

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.cell, self.gates = cell, {"lstm": 4, "gru": 3}.get(cell, 1)
        H = HIDDEN_SIZE
        for layer in range(L):
            size = H if layer else INPUT_SIZE
            self.add_module(f"U{layer}", nn.Linear(size, self.gates * H, bias=False))
            self.add_module(f"W{layer}", nn.Linear(H, self.gates * H, bias=False))
            norms = [nn.LayerNorm(H) for _ in range(self.gates)]
            self.add_module(f"norms{layer}", nn.ModuleList(norms))
            if cell == "gru":
                self.register_parameter(f"d{layer}", nn.Parameter(torch.zeros(H)))

    def forward(
        self, x: Tensor, state: tuple[Tensor, ...] | Tensor
    ) -> tuple[Tensor, tuple[Tensor, ...] | Tensor]:
        """As ``nn.LSTM`` has it: ``x`` ``(T, B, in)``, states ``(L, B, H)``."""
        parts = state if isinstance(state, tuple) else (state,)
        finals = []
        for layer in range(L):
            held, outputs = tuple(part[layer] for part in parts), []
            for x_t in x:
                held = self.step(layer, x_t, held)
                outputs.append(held[0])
            x = torch.stack(outputs)
            finals.append(held)
        final = tuple(torch.stack(part) for part in zip(*finals, strict=True))
        return x, final if isinstance(state, tuple) else final[0]

    def step(self, layer: int, x: Tensor, held: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        module, h = self.get_submodule, held[0]
        by_input = module(f"U{layer}")(x).chunk(self.gates, dim=1)
        by_state = module(f"W{layer}")(h).chunk(self.gates, dim=1)
        norms = [module(f"norms{layer}.{gate}") for gate in range(self.gates)]
        sums = [
            norm(one + other) for norm, one, other in zip(norms, by_input, by_state, strict=True)
        ]
        if self.cell == "lstm":
            i, f, o, g = (*map(torch.sigmoid, sums[:3]), torch.tanh(sums[3]))
            c = f * held[1] + i * g
            return o * torch.tanh(c), c
        if self.cell == "gru":
            r, u = torch.sigmoid(sums[0]), torch.sigmoid(sums[1])
            recalled = by_state[2] + self.get_parameter(f"d{layer}")
            n = torch.tanh(norms[2](by_input[2] + r * recalled))
            return ((1 - u) * n + u * h,)
        return ((torch.relu if self.cell == "rnn-relu" else torch.tanh)(sums[0]),)


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {f"grad/{name}": weight.grad for name, weight in module.named_parameters()}


def recurrent(
    cell: str, lengths: tuple[int, ...] | None = None, *, normalized: bool = False
) -> dict[str, Tensor]:
    """A loss of random weight on each output and on each number of the final state.

    Texts of several lengths are read in both directions.
    """
    module = MODULES[cell](INPUT_SIZE, bidirectional=bool(lengths))
    if normalized:
        module = Normalized(cell)
    random_weights(module)
    x = torch.randn(T, B, INPUT_SIZE, requires_grad=True)
    state = random_state(cell, 2 if lengths else 1)

    outputs = run(cell, module, x, state, lengths)
    weights = tuple(torch.randn(part.shape) for part in outputs)
    sum((part * weight).sum() for part, weight in zip(outputs, weights, strict=True)).backward()

    return {
        **dict(module.named_parameters()),
        "x": x,
        "state": torch.stack(state),
        "out": outputs[0],
        "final": torch.stack(outputs[1:]),
        "dout": weights[0],
        "dfinal": torch.stack(weights[1:]),
        **gradients(module),
        "grad/x": x.grad,
        "grad/state": torch.stack([part.grad for part in state]),
    }


def language_model(cell: str, *, embedded: bool) -> dict[str, Tensor]:
    """Embedding or one-hot, recurrent layers, linear layer, summed cross-entropy."""
    size = EMBEDDING_SIZE if embedded else VOCABULARY_SIZE
    model = nn.ModuleDict(
        {"recurrent": MODULES[cell](size), "linear": nn.Linear(HIDDEN_SIZE, VOCABULARY_SIZE)}
    )
    if embedded:
        model["embedding"] = nn.Embedding(VOCABULARY_SIZE, EMBEDDING_SIZE)
    random_weights(model)
    ids, targets = torch.randint(VOCABULARY_SIZE, (2, T, B))
    state = random_state(cell)

    x = (
        model["embedding"](ids)
        if embedded
        else nn.functional.one_hot(ids, VOCABULARY_SIZE).to(torch.float64)
    )
    out, *final = run(cell, model["recurrent"], x, state)
    logits = model["linear"](out)
    nll = nn.functional.cross_entropy(
        logits.reshape(T * B, -1), targets.reshape(-1), reduction="none"
    )
    nll.sum().backward()

    return {
        **dict(model.named_parameters()),
        "ids": ids.to(torch.uint8),
        "targets": targets.to(torch.uint8),
        "state": torch.stack(state),
        "final": torch.stack(final),
        "logits": logits,
        "nll": nll.reshape(T, B),
        **gradients(model),
    }


def main() -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(10)
    cases = {cell: recurrent(cell) for cell in MODULES}
    cases["model-one-hot"] = language_model("lstm", embedded=False)
    cases["model-embedded"] = language_model("gru", embedded=True)
    cases |= {f"both-{cell}": recurrent(cell, LENGTHS) for cell in MODULES}
    cases |= {f"normalized-{cell}": recurrent(cell, normalized=True) for cell in MODULES}
    np.savez(
        PATH,
        **{
            f"{case}/{name}": tensor.detach().numpy()
            for case, tensors in cases.items()
            for name, tensor in tensors.items()
        },
    )


if __name__ == "__main__":
    main()
