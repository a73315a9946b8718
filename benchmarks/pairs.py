"""Learning and making texts of texts beside PyTorch, in one run: a table on standard output.

    .venv-bench/bin/python benchmarks/pairs.py

An epoch of random words and sounds in the same batches, with ``torch.nn``'s layers, packed sequences and the same attention on the other
side; monotonic attention has no peer there, and stands beside charrnn's own of the general kind. Contestants take turns; each ratio is the
median of the ratios of the turns.
"""

from __future__ import annotations

from contestants import REWRITTEN, THREADS
from measuring import Peak, Worker, geometric_mean, table, turns
from speed import machine

SHAPES = ((96, 1, 32), (128, 2, 32), (256, 1, 64))


def main() -> None:
    print(machine(Peak()), "\n", flush=True)
    for cell in ("lstm", "gru"):
        rows, ratios = [], []
        for shape in SHAPES:
            settings = {"cell": cell, "shape": list(shape)}
            with (
                Worker("charrnn pairs", **settings) as own,
                Worker("torch pairs", **settings) as other,
            ):
                (took, ratio), (torch, _) = turns(own, other)
            with (
                Worker("charrnn pairs", **settings, attention="monotonic") as walking,
                Worker("charrnn pairs", **settings) as own,
            ):
                (walks, slower), _ = turns(walking, own)
            ratios.append(ratio)
            size = ", ".join(map(str, shape))
            times = (f"{1000 * one:.0f}" for one in (took, torch))
            rows.append((size, *times, f"**{ratio:.2f}**", f"{1000 * walks:.0f}", f"{slower:.2f}"))
        header = (
            f"{cell.upper()}: H, L, B",
            *("charrnn + Numba, ms", "PyTorch, ms", "ratio"),
            *("monotonic, ms", "general / monotonic"),
        )
        print(table(header, rows))
        print(
            f"Geometric mean {geometric_mean(ratios):.2f}, smallest {min(ratios):.2f}.\n",
            flush=True,
        )
    rows = []
    for attention in ("general", "monotonic"):
        for cell in ("lstm", "gru"):
            shape = [128, 2]
            with Worker("charrnn rewriting", cell=cell, shape=shape, attention=attention) as own:
                took = own.seconds(4.0)
            rows.append((f"{cell.upper()} 128, 2, {attention}", f"{REWRITTEN / took:,.0f}"))
    print(table((f"predict --beam 5, {THREADS} processors", "words a second"), rows))


if __name__ == "__main__":
    main()
