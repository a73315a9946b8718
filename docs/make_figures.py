"""Draws the pictures of the documentation from the demo model: ``make docs``.

Each is what the command beside it in the text draws. The same model, text and matplotlib give the same file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from charrnn.cli import run

DOCS = Path(__file__).parent
DEMO = DOCS.parent / "checkpoints" / "demo.npz"
VIEWS = ("gradients", "gates", "embedding")


def main() -> int:
    """Draw all of them; returns an exit code."""
    for view in VIEWS:
        target = DOCS / "images" / f"{view}.svg"
        target.parent.mkdir(exist_ok=True)
        if code := run(["inspect", str(DEMO), f"--{view}", "--svg", str(target)]):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
