"""docs/building.md and docs/shapes.md: nets are built from the parts, and learn what the pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("page", "claims"), [("building.md", 4), ("shapes.md", 5)])
def test_every_line_runs(page: str, claims: int) -> None:
    """What a page claims stands in its code as assertions."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 5
    code = "\n".join(blocks)
    assert code.count("assert ") >= claims
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0
