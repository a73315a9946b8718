"""Memory and time that it takes to start on a large text: python benchmarks/large_corpus.py 10 100 1000

For each size in megabytes a text is generated, read without a cached copy, and one step is trained;
then it is read again. Each run is a process of its own, whose largest resident memory is shown.
"""

from __future__ import annotations

import argparse
import json
import random
import resource  # not on Windows
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SENTENCES = (
    "It was the best of lines, it was the worst of lines.\n",
    "Nobody expects sentence {} to differ much, but it does!\n",
    "Ångström wrote naïve code; so did we, “{}” times.\n",
)


def generate(path: Path, megabytes: int) -> None:
    """Write a text of so many million bytes, in ASCII and beyond."""
    rng = random.Random(0)
    left = megabytes * 1_000_000
    with path.open("wb") as file:
        while left > 0:
            page = "".join(rng.choice(SENTENCES).format(rng.randrange(10**6)) for _ in range(2000))
            left -= file.write(page.encode()[:left].decode(errors="ignore").encode() or b".")


def measure(path: Path, folder: Path) -> None:
    """Read a text and train one step; print what it took as JSON."""
    started = time.perf_counter()
    from charrnn.text.corpus import load_corpus
    from charrnn.training.reports import Step
    from charrnn.training.trainer import Training

    imported = time.perf_counter()
    corpus = load_corpus([path], cache_folder=folder)
    read = time.perf_counter()
    step = next(iter(Training(corpus)))
    assert isinstance(step, Step)
    unit = 1 if sys.platform == "darwin" else 1024
    figures = {
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
        "read": read - imported,
        "first step": time.perf_counter() - started,
    }
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megabytes", nargs="*", type=int, default=[10, 100])
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
        return
    print("   text  copy      peak   over first      read     speed  first step")
    first = None
    for megabytes in arguments.megabytes:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "text.txt"
            generate(path, megabytes)
            for copy in ("none", "kept"):
                command = [sys.executable, __file__, "--measure", str(path), name]
                done = subprocess.run(command, check=True, capture_output=True)
                figures = json.loads(done.stdout)
                peak, read = figures["peak"], figures["read"]
                first = first or peak
                print(
                    f"{megabytes:4d} MB  {copy}  {peak:5.0f} MB  {peak - first:+8.0f} MB  "
                    f"{read:6.2f} s  {megabytes / read:4.0f} MB/s  {figures['first step']:8.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
