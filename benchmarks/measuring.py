"""What the benchmarks measure with: contestants in processes of their own that take turns, and the machine's peak."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TURNS = 3
SECONDS = 1.0


def environment(*, avx2: bool = False) -> dict[str, str]:
    """This process's environment without what would choose another BLAS kernel than a user's.

    Args:
        avx2: Hold all libraries to AVX2, where the processor has more.
    """
    unwanted = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    own = {name: value for name, value in os.environ.items() if name not in unwanted}
    return own | _held_to_avx2() if avx2 else own


def has_avx512() -> bool:
    from llvmlite.binding import get_host_cpu_features

    return bool(get_host_cpu_features().get("avx512f"))


def _held_to_avx2() -> dict[str, str]:
    """For LLVM, OpenBLAS, NumPy's functions, and PyTorch with its oneDNN and MKL."""
    from llvmlite.binding import get_host_cpu_features

    wider = ("avx512", "avx10", "evex")
    features = (
        f"{'+' if has and not name.startswith(wider) else '-'}{name}"
        for name, has in get_host_cpu_features().items()
    )
    return {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": ",".join(features),
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }


class Worker:
    """A process with one contestant; use it as a context manager."""

    def __init__(
        self, contestant: str, kernels: str = "compiled", *, avx2: bool = False, **arguments: Any
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(avx2=avx2) | {"CHARRNN_KERNELS": kernels},
        )
        self._ask({"make": contestant, "arguments": arguments})

    def __enter__(self) -> Worker:  # noqa: PYI034 (typing.Self is younger than Python 3.10)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, command: dict[str, Any]) -> Any:
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def seconds(self, seconds: float = SECONDS) -> float:
        """Median time of a call, over about so many seconds."""
        return statistics.median(self._ask({"seconds": seconds}))

    def describe(self) -> dict[str, Any]:
        return self._ask({"describe": True})


class Peak:
    """The best rates of this run in FLOP/s: of large products, and of multiply-adds in registers."""

    size, operations = 2048, 1e10

    def __init__(self) -> None:
        self.product = self.registers = 0.0
        with Worker("matrix product", size=self.size) as worker:
            self.libraries = worker.describe()["libraries"]
        self.measure()

    def measure(self) -> None:
        with Worker("matrix product", size=self.size) as worker:
            self.product = max(self.product, 2 * self.size**3 / worker.seconds(1.0))
        with Worker("multiply-adds", operations=self.operations) as worker:
            self.registers = max(self.registers, self.operations / worker.seconds(1.0))

    @property
    def best(self) -> float:
        return max(self.product, self.registers)

    @property
    def blas(self) -> str:
        """The library that made the products, and its kernel."""
        own = next((lib for lib in self.libraries if lib["user_api"] == "blas"), {})
        return f"{own.get('internal_api')} {own.get('version')}, kernel {own.get('architecture')}"


def turns(*workers: Worker, seconds: float = SECONDS) -> list[tuple[float, float]]:
    """For each contestant its median time, and the median over the turns of how many times faster
    it is than the last one.
    """
    rounds = [[worker.seconds(seconds) for worker in workers] for _ in range(TURNS)]
    return [
        (
            statistics.median(own),
            statistics.median(times[-1] / t for t, times in zip(own, rounds, strict=True)),
        )
        for own in zip(*rounds, strict=True)
    ]


def geometric_mean(ratios: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, ratios)))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def processor() -> str:
    """The name of this machine's, where it is known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # another system
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def commit() -> str:
    """What of charrnn is measured; that its figures have just been written changes nothing."""
    git = partial(subprocess.run, cwd=HERE.parent, capture_output=True, text=True, check=False)
    changed = git(["git", "diff", "--quiet", "HEAD", "--", "charrnn"]).returncode
    return git(["git", "describe", "--always"]).stdout.strip() + ("-dirty" if changed else "")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
