"""docs/building.md: its model is built, trained and writes, and its cell's gradient is right."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "building.md").read_text(encoding="utf-8")


def test_every_line_runs() -> None:
    """What the page claims stands in its code as assertions."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == PAGE.count("```") / 2 >= 5
    code = "\n".join(blocks)
    assert code.count("assert ") >= 4
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0
