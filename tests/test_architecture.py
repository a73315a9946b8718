"""The floors of docs/architecture.md: imports go down or sideways, never in a circle."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "charrnn"
ROOMS = (
    *("errors", "version", "fields", "words", "signals", "tasks", "launcher"),
    *("nn", "config", "text", "models", "training", "writing", "files"),
    *("drawing", "inspection", "sharing", "notebook", "serving", "cli"),
    *("__init__", "__main__"),
)
SERVERS = (
    *("charrnn.serving.app", "charrnn.serving.replies", "charrnn.serving.server"),
    "charrnn.cli.serve",  # which asks whether they are there
)
FILES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def _floor(module: str) -> int:
    return ROOMS.index([*module.split("."), "__init__"][1])


def _imports(module: str, *, inside_functions: bool = True) -> set[str]:
    """Every module that a file imports."""
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if inside_functions else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in FILES else str(node.module))
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def _own(imports: set[str]) -> set[str]:
    return {name for name in imports if name.split(".")[0] == "charrnn"}


@pytest.mark.parametrize("module", FILES)
def test_imports_go_down(module: str) -> None:
    """No file imports from a higher floor."""
    for imported in _own(_imports(module)):
        assert _floor(imported) <= _floor(module), f"{module} imports {imported}"


def test_no_circles() -> None:
    """Loading any module never leads back to itself."""
    graph = {
        module: {
            name if name in FILES else f"{name}.__init__"
            for name in _own(_imports(module, inside_functions=False))
        }
        for module in FILES
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for name in graph[module]:
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
    assert done == set(FILES)


@pytest.mark.parametrize("module", FILES)
def test_who_draws(module: str) -> None:
    """Only the command line prints; rich, tqdm, matplotlib, Numba and servers are each known in one place."""
    roots = {name.split(".")[0] for name in _imports(module)}
    if not module.startswith(("charrnn.cli.display", "charrnn.drawing.terminal")):
        assert "rich" not in roots
    if module != "charrnn.cli.display":
        assert "tqdm" not in roots
    if module != "charrnn.drawing.picture":
        assert "matplotlib" not in roots
    if not module.startswith("charrnn.nn.compiled."):
        assert "numba" not in roots
    if module != "charrnn.nn.mpi":
        assert "mpi4py" not in roots
    if module not in SERVERS:
        assert not roots & {"starlette", "uvicorn"}
    if not module.startswith("charrnn.cli"):
        assert "typer" not in roots
        calls = (
            n for n in ast.walk(ast.parse(FILES[module].read_text())) if isinstance(n, ast.Call)
        )
        assert not any(isinstance(c.func, ast.Name) and c.func.id == "print" for c in calls)
    assert not roots & {"torch", "safetensors", "onnx", "onnxruntime", "scipy", "pickle"}


def _asked_for(module: str) -> set[str]:
    """What a file needs of other packages than Python's own."""
    roots = {name.split(".")[0] for name in _imports(module)}
    return roots - sys.stdlib_module_names - {"charrnn"}


def test_every_package_is_declared() -> None:
    """What the program imports is what an installation brings, not what comes along with tools of development."""
    project = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    declared = {
        name
        for block in re.findall(
            r"^(?:dependencies|fast|plot|mpi|serve) = \[(.*?)\]", project, re.M | re.S
        )
        for name in re.findall(r'"(\w+)', block)
    }
    assert "numpy" in declared
    # llvmlite is Numba's own other half, and h11 that of uvicorn.
    assert set().union(*map(_asked_for, FILES)) <= {*declared, "llvmlite", "h11"}


@pytest.mark.parametrize("module", [name for name in FILES if "inspection" in name])
def test_views_do_not_draw(module: str) -> None:
    """They say what is to be seen; of how it is drawn only the assembly of the page knows one function."""
    drawers = {name for name in _imports(module) if name.startswith("charrnn.drawing")}
    page = {"charrnn.drawing.page"} if module == "charrnn.inspection.report" else set()
    assert drawers <= {"charrnn.drawing.figure"} | page


@pytest.mark.parametrize("module", [name for name in FILES if "drawing" in name])
def test_drawers_know_no_models(module: str) -> None:
    """A figure is all that they are given."""
    known = {name.split(".")[1] for name in _own(_imports(module))}
    assert known <= {"drawing", "errors", "nn", "version", "words"}


@pytest.mark.parametrize("command", [[], ["inspect"]])
def test_help_is_quick(command: list[str]) -> None:
    """It needs neither NumPy nor what draws, though the options of inspect are made from the views."""
    program = """
import sys
from charrnn.cli import run
run([*sys.argv[1:], "--help"])
print([name for name in ("numpy", "matplotlib", "charrnn.drawing") if name in sys.modules])
"""
    told = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=True
    )
    assert "Usage" in told.stdout
    assert told.stdout.splitlines()[-1] == "[]"
