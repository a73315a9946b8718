"""docs/tasks.md: every command and every line of Python on the page runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")


def test_every_command_runs(tmp_path: Path) -> None:
    """In order, in one shell; each answers something, and nothing is wrong."""
    commands = re.findall(r"^\$ (.*)", PAGE, re.MULTILINE)
    assert len(commands) >= 12
    program = f'charrnn() {{ "{sys.executable}" -m charrnn "$@"; }}'
    for command in commands:
        done = subprocess.run(
            ["bash", "-ec", f"set -o pipefail; {program}; {command}"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, (command, done.stderr)
        answered = done.stdout or "> test.tsv" in command
        assert answered, command


def test_every_line_of_python_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert "predict" in code
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "option", ["--top", "--threshold", "--spans", "--vectors", "--json", "--jsonl"]
)
def test_every_option_is_told(option: str) -> None:
    assert f"| `{option}" in PAGE
