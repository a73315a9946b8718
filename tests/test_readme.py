"""The README's commands are run, and what it shows of their output is what they print.

Blocks marked ``console`` are shell sessions; ``…`` at a line's end stands for the rest of the output.
The block marked ``python`` is run, but for a shorter time. Options, defaults and commands are compared too.
"""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import fields
from itertools import count
from pathlib import Path

import pytest
from samples import RULES

import charrnn
import charrnn.inspection
import charrnn.nn
from charrnn.config import ModelConfig, TrainingConfig
from charrnn.files.checkpoint import save_checkpoint
from charrnn.inspection import VIEWS
from charrnn.text.corpus import Corpus
from charrnn.training.trainer import Training

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HABITS = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("sampling.md", "training.md", "pipelines.md")
}
FOLDERS = ("docs", "benchmarks")
SHOWN = README + "".join(PAGES.values())
SESSIONS = re.findall(r"```console\n\$ (.*?)\n(.*?)```", SHOWN, re.DOTALL)


ENGLISH = (
    "Where is the old book? It is on the table in the house.\n"
    "The child has seen the water, and the man came back with the bread.\n"
    "What do you want to know? This is a good day to write a letter.\n"
)
GERMAN = (
    "Wo ist die alte Karte? Sie liegt auf dem Tisch in dem Haus.\n"
    "Das Kind hat das Wasser gesehen, und der Mann kam mit dem Brot wieder.\n"
    "Was willst du wissen? Heute ist ein guter Tag, um einen Brief zu schreiben.\n"
)


@pytest.fixture(scope="module")
def languages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model for each of two languages, which have learnt a little."""
    folder = tmp_path_factory.mktemp("languages")
    for name, text in (("english", ENGLISH), ("german", GERMAN)):
        corpus = Corpus.from_text(text * 10)
        config = TrainingConfig(epochs=60, val_fraction=0, batch_size=8, threads=1, patience=0)
        training = Training(corpus, ModelConfig(hidden_size=32, num_layers=1), config)
        assert sum(1 for _ in training) > 100
        save_checkpoint(training.checkpoint(), folder / f"{name}.npz")
    return folder


@pytest.fixture
def folder(tmp_path: Path, languages: Path) -> Path:
    """A folder as the README's reader has it: a corpus, the demo model, two models of languages."""
    shutil.copytree(languages, tmp_path, dirs_exist_ok=True)
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(ROOT / "checkpoints" / "demo.npz", tmp_path / "checkpoints")
    lines = (f"The {n}th line of a corpus is much like the line before it.\n" for n in range(300))
    (tmp_path / "corpus.txt").write_text("".join(lines), encoding="utf-8")
    # The newest model is another one, as it is after a `train`: what is shown names its own.
    shutil.copy(languages / "german.npz", tmp_path / "checkpoints" / "later.npz")
    return tmp_path


def _run(command: list[str], folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.skipif(os.name != "posix", reason="the sessions are for a POSIX shell")
@pytest.mark.parametrize(("command", "shown"), SESSIONS, ids=[c for c, _ in SESSIONS])
def test_session(command: str, shown: str, folder: Path) -> None:
    """A shell session prints what the README shows."""
    assert _run(["bash", "-c", command], folder).rstrip("\n") == shown.rstrip("\n")


def test_sessions_are_found() -> None:
    """The pattern above still finds what it is meant to find."""
    assert len(SESSIONS) == SHOWN.count("```console") >= 12


def test_python_example(folder: Path) -> None:
    """The notebook example runs, tells how it goes, writes, and scores."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert "minutes=0.1," in example
    shorter = example.replace("minutes=0.1,", "minutes=0.04,")
    printed = _run([sys.executable, "-c", shorter], folder)
    assert re.search(
        r"^chosen: .*\n(.*\n)*step .* train .* val .* bits/char$", printed, re.MULTILINE
    )
    assert len(printed.splitlines()) < 60
    assert 0 < float(printed.splitlines()[-1]) < 8
    assert (folder / "model.npz").exists()


def test_table_of_defaults() -> None:
    """The table of options names each setting, with its default."""
    rows = dict(
        re.findall(r"^\| `(--[a-z-]+)`[^|]*\| `?([^|`]*)`? \|", PAGES["training.md"], re.MULTILINE)
    )
    for field in (*fields(ModelConfig), *fields(TrainingConfig)):
        if field.name == "rewarm":  # which no option sets
            continue
        told = rows[f"--{field.name.replace('_', '-')}"].strip()
        if field.name in RULES:
            assert not field.default and told  # which means the rule that the table states
        elif isinstance(field.default, str):
            assert told == field.default
        elif isinstance(field.default, bool):
            assert told == ("yes" if field.default else "no")
        else:
            assert float(told) == field.default


def _options() -> dict[str, set[str]]:
    """Those of each command, as the reference has them, which is made of the program."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    commands = {}
    for section in page.split("\n## charrnn ")[1:]:
        heads = " ".join(re.findall(r"^- (`-[^:*]*)", section, re.MULTILINE))
        commands[section.split("\n")[0]] = set(re.findall(r"--[a-z-]+", heads))
    return commands


def test_table_of_options() -> None:
    """It has each option of ``charrnn train``, but for those that only decline another one."""
    options = _options()["train"]
    assert len(options) > 50
    first_cells = re.findall(r"^\| (`-[^|]*) \|", PAGES["training.md"], re.MULTILINE)
    told = set(re.findall(r"`(--[a-z-]+)`", " ".join(first_cells)))
    declining = {f"--no-{option[2:]}" for option in told}
    assert told <= options <= told | declining


def test_commands_have_the_options_that_documents_give_them() -> None:
    """Also where they are not run; and what is said to be like another program's option is one of some command."""
    commands, found = _options(), 0
    command = re.compile(rf"charrnn ({'|'.join(commands)})\b([^|;#`\n]*)")
    for path in sorted({*ROOT.glob("*.md"), *ROOT.glob("*/*.md")} - {ROOT / "docs" / "cli.md"}):
        for name, arguments in command.findall(path.read_text(encoding="utf-8")):
            options = set(re.findall(r"(?<!\S)--[a-z-]+", arguments))
            assert options <= commands[name] | {"--help"}, f"{path}: charrnn {name}{arguments}"
            found += len(options)
    assert found > 400
    page = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
    last_cells = re.findall(r"\| ([^|\n]*) \|$", page, re.MULTILINE)
    options = set(re.findall(r"(?<=[` ])--[a-z-]+", " ".join(last_cells)))
    assert len(options) > 30
    assert options <= set.union(*commands.values())


def _anchors(page: str) -> set[str]:
    """What links to a page's headings say after the ``#``, as GitHub makes it."""
    anchors, fenced = set[str](), re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", fenced.sub("", page), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        further = (f"{words}-{n}" for n in count(1))
        anchors.add(words if words not in anchors else next(a for a in further if a not in anchors))
    return anchors


@pytest.mark.parametrize(
    "page",
    [
        *(
            "README.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
            "data/README.md",
            "checkpoints/README.md",
        ),
        *(f"{folder}/{page.name}" for folder in FOLDERS for page in (ROOT / folder).glob("*.md")),
    ],
)
def test_links(page: str) -> None:
    """Every link to a file, a folder or a heading of this repository leads there."""
    path = ROOT / page
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^()\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        found = (path.parent / name).resolve() if name else path
        assert found.is_relative_to(ROOT.resolve()), target
        assert found.exists(), target
        if anchor:
            assert anchor in _anchors(found.read_text(encoding="utf-8")), target


def test_targets() -> None:
    """CONTRIBUTING.md tells what each target of the Makefile is for, and names no other."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert set(re.findall(r"\bmake ([a-z-]+)", HABITS)) == set(targets.split())


def test_places() -> None:
    """Every file and folder that CONTRIBUTING.md names is there, rooms in the package."""
    places = re.findall(r"`([\w.-]+/[\w/.-]*)`|\]\(([\w/.-]+)\)|python (tests/\S+\.py)", HABITS)
    named = {"".join(place) for place in places if not place[0].startswith(".venv")}
    assert len(named) > 20
    for place in named:
        assert (ROOT / place).exists() or (ROOT / "charrnn" / place).is_dir(), place


@pytest.mark.parametrize("page", ["cli.md", "charrnn.1"])
def test_reference(page: str) -> None:
    """docs/cli.md and the manual page are what ``make docs`` makes of the program."""
    made = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))["PAGES"][page]()
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == made


def test_api() -> None:
    """docs/api.md is what ``make docs`` makes of the docstrings, and nothing exported lacks one."""
    made = runpy.run_path(str(ROOT / "docs" / "make_api.py"))["reference"]()
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == made
    for module in (charrnn, charrnn.inspection, charrnn.nn):
        for name in module.__all__:
            assert getattr(module, name).__doc__, f"{module.__name__}.{name}"


def test_windows() -> None:
    """docs/inspect.md shows what the program shows, as far as that is the same for every Python."""
    script = runpy.run_path(str(ROOT / "docs" / "make_inspect.py"))
    told = (ROOT / "docs" / "inspect.md").read_text(encoding="utf-8")
    sessions = list(script["SESSION"].finditer(told))
    assert told.count("```console") == len(sessions)
    assert all(view.flag in told for view in VIEWS)
    with script["at_home"]():
        for session in sessions:
            command = session["command"]
            assert script["varies"](command) or script["answer"](command) == session["answer"]


def test_pictures_show_the_command_above_them() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "make_inspect.py"))
    told = (ROOT / "docs" / "inspect.md").read_text(encoding="utf-8")
    drawn = {found["file"]: found for found in script["COLOURED"].finditer(told)}
    assert set(drawn) == {"inspect-text.svg", "inspect-unit.svg"}
    for file, found in drawn.items():
        assert f" --{file[8:12]} " in found["command"]
        picture = (ROOT / "docs" / file).read_text(encoding="utf-8")
        assert "&#160;".join(found["answer"].splitlines()[0].split()[-2:]) in picture


def test_a_view_that_nobody_has_written_of() -> None:
    """It gets a section with its help and its answer."""
    script = runpy.run_path(str(ROOT / "docs" / "make_inspect.py"))
    with script["at_home"]():
        whole = script["page"](
            "--" + "--".join(view.flag for view in VIEWS if view.file != "weights")
        )
    assert "## Its weights\n\n`--weights`: What the recurrent matrices stretch" in whole
    assert "$ charrnn inspect checkpoints/demo.npz --weights\nThe recurrent matrix W" in whole
