"""Learning and finding labels and tags beside PyTorch, in one run: a table on standard output.

    .venv-bench/bin/python benchmarks/answers.py

An epoch of random texts in the same batches, with ``torch.nn``'s bidirectional layers and packed sequences on the other side. Contestants take
turns; each ratio is the median of the ratios of the turns.
"""

from __future__ import annotations

from contestants import PREDICTED, THREADS
from measuring import Peak, Worker, geometric_mean, table, turns
from speed import machine

SHAPES = (
    ("classify", (128, 1, 64)),
    ("classify", (128, 2, 64)),
    ("tag", (128, 1, 32)),
    ("tag", (128, 2, 32)),
)


def main() -> None:
    print(machine(Peak()), "\n", flush=True)
    for cell in ("lstm", "gru"):
        rows, ratios = [], []
        for task, shape in SHAPES:
            settings = {"cell": cell, "shape": list(shape), "task": task}
            with (
                Worker("charrnn answers", **settings) as own,
                Worker("torch answers", **settings) as other,
            ):
                (took, ratio), (torch, _) = turns(own, other)
            ratios.append(ratio)
            size = ", ".join(map(str, shape))
            rows.append(
                (f"{task} {size}", f"{1000 * took:.0f}", f"{1000 * torch:.0f}", f"**{ratio:.2f}**")
            )
        header = (f"{cell.upper()}: H, L, B", "charrnn + Numba, ms", "PyTorch, ms", "ratio")
        print(table(header, rows))
        print(
            f"Geometric mean {geometric_mean(ratios):.2f}, smallest {min(ratios):.2f}.\n",
            flush=True,
        )
    rows = []
    for cell in ("lstm", "gru"):
        for shape in ((128, 1), (128, 2)):
            with Worker("charrnn predicting", cell=cell, shape=list(shape)) as own:
                took = own.seconds(3.0)
            rows.append((f"{cell.upper()} {shape[0]}, {shape[1]}", f"{PREDICTED / took:,.0f}"))
    print(table((f"predict, {THREADS} processors", "texts a second"), rows))


if __name__ == "__main__":
    main()
