"""What is built to be installed: the name it has, what is in it, and that it runs by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAME = "charrnn_cli"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source distribution, and a wheel made of that."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run([*build, "--target", "sdist"], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    subprocess.run([sys.executable, "-m", "tarfile", "-e", str(sdist), str(folder)], check=True)
    source = folder / sdist.name.removesuffix(".tar.gz")
    subprocess.run([*build, "--target", "wheel"], cwd=source, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """The wheel as an installer lays it out, in a folder of its own."""
    (wheel,) = built.glob("*.whl")
    folder = built / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_everything_is_in_it(installed: Path) -> None:
    """Each file of the package that is under version control, and the manual page."""
    package = {
        path.relative_to(ROOT)
        for path in (ROOT / "charrnn").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path.suffix for path in package} >= {".py", ".html", ".css", ".js", ".typed"}
    for path in package:
        assert (installed / path).read_bytes() == (ROOT / path).read_bytes(), path
    (manual,) = installed.glob("*.data/data/share/man/man1/charrnn.1")
    assert manual.read_bytes() == (ROOT / "docs" / "charrnn.1").read_bytes()


def test_nothing_else_is_in_it(installed: Path) -> None:
    """No tests, no models, no folder that other packages might have as well."""
    (metadata,) = installed.glob(f"{NAME}-*.dist-info")
    assert {path.name for path in installed.iterdir()} == {
        *("charrnn", metadata.name),
        metadata.name.replace(".dist-info", ".data"),
    }


def test_name(installed: Path) -> None:
    """The distribution has a name of its own; command and import are ``charrnn``."""
    (folder,) = installed.glob("*.dist-info")
    distribution = PathDistribution(folder)
    assert distribution.name == "charrnn-cli"
    (command,) = distribution.entry_points
    assert (command.name, command.value) == ("charrnn", "charrnn.__main__:main")


def test_it_runs(installed: Path, tmp_path: Path) -> None:
    """Away from the sources: a model is trained, written with, looked into, and drawn on a page."""
    (tmp_path / "a.txt").write_text("the cat sat on the mat\n" * 40)
    # What is compiled would be compiled anew for this folder alone.
    settings = os.environ | {"PYTHONPATH": str(installed), "CHARRNN_KERNELS": "numpy"}
    settings.pop("PYTHONSAFEPATH", None)

    def charrnn(*arguments: str) -> str:
        call = [sys.executable, "-m", "charrnn", *arguments]
        done = subprocess.run(call, cwd=tmp_path, env=settings, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = [sys.executable, "-c", "import charrnn; print(charrnn.__file__)"]
    loaded = subprocess.run(where, cwd=tmp_path, env=settings, capture_output=True, text=True)
    assert Path(loaded.stdout.strip()).is_relative_to(installed)
    assert charrnn("train", "a.txt", "--hidden-size", "8", "--steps", "3", "-q", "-o", "m.npz")
    assert len(charrnn("sample", "m.npz", "--length", "20", "-q")) in (
        20,
        21,
    )  # with its line's end
    charrnn("inspect", "m.npz", "--html", "page.html")
    assert "<script" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_nobody_is_sent_to_a_strangers_package() -> None:
    """``charrnn`` on the package index is another project's, and ``charrnn-cli`` is not there yet: nothing advises to install them."""
    places = [
        *ROOT.glob("*.md"),
        *ROOT.glob("Makefile"),
        *(
            path
            for folder in ("charrnn", "docs", "benchmarks", "data", "checkpoints", ".github")
            for path in (ROOT / folder).rglob("*")
            if path.suffix in (".py", ".md", ".yml", ".1", ".html")
        ),
    ]
    assert len(places) > 100
    wrong = re.compile(
        r"charrnn(-cli)?\[|(?:pip|pipx|uv)\b[^\n`]*\binstall(?:\s+|\b[^\n`]*[ \t])charrnn(-cli)?(?![-/\w])"
    )
    found = {
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in places
        for match in wrong.finditer(path.read_text(encoding="utf-8"))
    }
    assert not found
