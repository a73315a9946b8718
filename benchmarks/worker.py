"""A process that times contestants on command, so that several can take turns.

Reads JSON lines: ``{"make": NAME, "arguments": {...}}``, then any number of ``{"seconds": S}``, each
of which calls the contestant for about so long and answers with the seconds of each call, and
``{"describe": true}``. Answers are JSON lines too.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

from contestants import CONTESTANTS, Call


class Timed:
    """A contestant under the clock.

    Short calls are timed in groups, so that the clock costs nothing.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        for _ in range(2):  # the first one takes memory and warms up
            start = time.perf_counter()
            call()
        self._group = max(1, round(0.02 / max(time.perf_counter() - start, 1e-9)))

    def run(self, seconds: float) -> list[float]:
        """Seconds of each call, for about so long."""
        times = []
        end = time.perf_counter() + seconds
        while not times or time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(self._group):
                self._call()
            times.append((time.perf_counter() - start) / self._group)
        return times


def describe() -> dict[str, Any]:
    """Memory, and the libraries that this process has loaded."""
    import threadpoolctl

    return {
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * (1 if sys.platform == "darwin" else 1024),
        "libraries": threadpoolctl.threadpool_info(),
        "versions": {
            name: sys.modules[name].__version__
            for name in ("charrnn", "numpy", "torch")
            if name in sys.modules
        },
    }


def main() -> None:
    """Serve until standard input ends."""
    contestant: Timed | None = None
    for line in sys.stdin:
        command = json.loads(line)
        answer: Any = None
        if "make" in command:
            if command["make"].startswith("charrnn"):  # as charrnn's command line does
                os.environ["OPENBLAS_NUM_THREADS"] = "1"
            contestant = Timed(CONTESTANTS[command["make"]](**command["arguments"]))
        elif "seconds" in command:
            assert contestant is not None
            answer = contestant.run(command["seconds"])
        else:
            answer = describe()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
