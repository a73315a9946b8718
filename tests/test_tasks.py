"""docs/tasks.md: every command and every line of Python on the page runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")


def test_every_command_runs(piped: Any) -> None:
    """In order; each answers something, and nothing is wrong. Runs of many epochs are over after one."""
    commands = re.findall(r"^\$ (.*)", re.sub(r"--epochs \d+", "--epochs 1", PAGE), re.MULTILINE)
    assert len(commands) >= 15
    for command in commands:
        before, found, ours = command.rpartition("charrnn ")
        if not found:
            subprocess.run(["bash", "-ec", command], check=True)
            continue
        given = b""
        if before:
            assert before.endswith(" | ")
            shell = ["bash", "-ec", before.removesuffix(" | ")]
            given = subprocess.run(shell, capture_output=True, check=True).stdout
        outcome = piped(given, *shlex.split(ours))
        assert outcome.code == 0, (command, outcome.err)
        assert outcome.out, command


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
