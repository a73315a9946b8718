"""Tells whether the program still does what it did: ``python tests/compare_versions.py COMMIT``.

One battery of commands is run by COMMIT's code and by that of the working tree, and what they wrote
(both outputs, exit codes, files, each array of a checkpoint) is compared bit for bit. It is for
changes that should change nothing, from one file to a whole redesign: it knows the command line and
the checkpoint files alone, so that any two versions can be compared. Models to sample from and to
look into are trained by COMMIT, which should thus be the older one: a new version reads old files.

Left out is what differs from run to run of one version: times, and what depends on them, as
``--minutes`` does. It needs POSIX signals, and takes some minutes, with ``--quick`` one.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
SIDES = ("base", "work")
FOREIGN = "PYTHON CHARRNN NUMBA XDG_ LC_ TERM COLORTERM FORCE_COLOR NO_COLOR"
"""Beginnings of the names in the environment that would change what is written."""

STUCK_AFTER = 120
"""Seconds after which a command is ended."""

TINY = "--hidden-size 12 --seq-length 16 --batch-size 9"
LOGGED = f"{TINY} --steps 40 --eval-every 10"
SHORT = f"{LOGGED} -q"
CELLS = ("lstm", "gru", "rnn", "rnn-relu")
CORPORA = {"text": "text.txt", "records": "records.txt --records", "bytes": "bytes.bin --bytes"}
DROPPED = "--embedding-size 5 --dropout 0.1 --weight-drop 0.3"
SHAPES = ("--dropout 0.2", "--dropout 0 --weight-drop 0.2", DROPPED)
MODELS = {
    "lstm": "text.txt",
    "gru": "text.txt --cell gru",
    "rnn": "text.txt --cell rnn",
    "relu": "text.txt --cell rnn-relu --num-layers 3",
    "embedding": "text.txt --embedding-size 6 --weight-drop 0.2",
    "records": "records.txt --records --cell gru",
    "bytes": "bytes.bin --bytes --num-layers 1",
}
"""Models that sample, score and inspect work with, by the options that they are trained with."""

TERMINAL = {"LANG": "C.UTF-8", "COLUMNS": "80", "LINES": "25"}
NUMPY = {"CHARRNN_KERNELS": "numpy"}


@dataclass(frozen=True)
class Item:
    """A command to compare: ``charrnn`` and its arguments as in a shell, with a file as its input.

    One that is ``cut`` writes whole.npz; then cut.npz, interrupted on the way, and goes on with it.
    """

    name: str
    command: str
    stdin: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


# -------------------------------------------------------------------------------------- the battery

TRAIN = """
    --optimizer adamw; --optimizer adam --weight-decay 0.3; --optimizer rmsprop; --optimizer adagrad;
    --optimizer sgd --momentum 0.5 --learning-rate 0.5; --schedule cosine; --schedule trapezoid;
    --schedule trapezoid --cooldown 9 --warmup 7; --schedule constant; --clip 0; --clip 0.1; --ema 0;
    --schedule exponential --decay 0.5; --clip-mode value --clip 0.01; --seed 7; --val-fraction 0;
    --patience 1 --schedule constant --learning-rate 3 --ema 0; --batch-size 900 --seq-length 900;
    --learning-rate 900 --optimizer sgd --clip 0 --ema 0 --cell rnn-relu; --normalize none;
    records.txt; --init-from lstm.npz; strange.txt --init-from lstm.npz --extend-vocab
"""
SAMPLE = r"""
    -p 'the red '; -p 'the red ' --no-echo; --temp 0; --num-samples 5; --until-lines 3 -n 0; -n 1;
    --num-samples 3 --json -p one; --num-samples 3 --separator '\n==\n'; --stop the --stop '.\n';
    --ban 'e\n'; --prime-file prompts.txt --json; --novelty text.txt --novelty records.txt;
    --novelty text.txt --json; -p 'the ☃ one' --unknown skip; -p 'thé one' --unknown replace
"""
SCORE = """
    ; --per-line; --per-char; --independent-lines; --independent-lines --per-line;
    --independent-lines --per-char; --unknown skip; --unknown replace --per-char
"""
VIEWS = """
    ; --details; --text passage.txt; --text passage.txt --at 9; --next 'the '; --neurons;
    --unit 1:3 --on passage.txt; --gates; --gradients; --weights; --embedding
"""
REFINED = """
    --neurons --on passage.txt; --gates --on 'the red'; --gradients --on passage.txt; --unit 0:5:c;
    --embedding --on passage.txt; --next 'the ' --temp 0.2 --temp 2; --text thé --unknown replace;
    --text 'the ☃' --unknown skip; --text -; --html page.html --on passage.txt
"""
MISTAKES = """
    ; --version; write lstm.npz; sample --tmp 1; sample --temp; sample; sample none.npz; train none.txt;
    inspect strange.npz; inspect half.npz; train empty.txt --steps 2; train short.txt --steps 2;
    train bytes.bin --steps 2; train lines.txt --records --steps 2; train text.txt --cell lsmt;
    train text.txt --steps 3 --epochs 2; train text.txt --steps 3 --minutes 2; train --dropout 1;
    train text.txt --save-every 5d; train text.txt --schedule trapezoid --cooldown 9 --steps 2;
    train text.txt --steps 2 -o lstm.npz; train records.txt --resume lstm.npz --steps 99;
    train text.txt --resume lstm.npz --hidden-size 9; train text.txt --resume lstm.npz --seed 9;
    train text.txt --resume lstm.npz; train strange.txt --init-from lstm.npz --steps 2;
    sample lstm.npz --seed 1 -p ☃; sample lstm.npz --top-p 0; score lstm.npz bytes.bin;
    sample lstm.npz --jsonl --prime-file text.txt --seed 1; score lstm.npz strange.txt;
    inspect lstm.npz --gates --weights; inspect lstm.npz --unit 9:9; inspect lstm.npz --at 9;
    inspect lstm.npz --text the --at 9; inspect lstm.npz --compare; inspect --html a.html --json
"""


def each(table: str) -> Iterator[tuple[str, str]]:
    """The entries of a table, each with a name."""
    for entry in map(str.strip, table.split(";")):
        yield re.sub(r"[^\w.]+", "-", entry).strip("-") or "plain", entry


def items() -> Iterator[Item]:
    """The whole battery."""
    yield from weights()
    for name, option in each(TRAIN):
        corpus = "" if option.startswith("strange.txt") else "text.txt"
        command = f"train {corpus} {SHORT} {option} -o new.npz"
        yield Item(f"train/{name}", command, environment=NUMPY)
    yield Item("train/longer", "train text.txt --resume lstm.npz --steps 60 -q")
    yield Item("train/epochs", f"train text.txt {TINY} --epochs 2 -q")
    yield Item("train/stdin", f"train - {SHORT}", "text.txt")
    yield Item("train/default-corpus", f"train {TINY} --steps 3 --val-fraction 0.01 -q")
    for kind, corpus in CORPORA.items():
        yield Item(f"train/log/{kind}", f"train {corpus} {LOGGED} --decay 1")
    yield from sampling()
    for model, (name, form) in itertools.product(MODELS, each(SCORE)):
        text = "strange.txt" if "--unknown" in form else "passage.txt"
        yield Item(f"score/{name}/{model}", f"score {model}.npz {text} {form}")
        if model in ("lstm", "records", "bytes"):
            yield Item(f"score/{name}/{model}/json", f"score {model}.npz - {form} --json", text)
    yield from inspecting()
    commands = "", "train", "sample", "score", "inspect"
    for command, columns in itertools.product(commands, (80, 40)):
        name = f"help/{command or 'charrnn'}/{columns}"
        yield Item(name, f"{command} --help", environment={"COLUMNS": str(columns)})
    for name, command in each(MISTAKES):
        yield Item(f"mistakes/{name}", command)


def weights() -> Iterator[Item]:
    """Weights after some steps: all cells, kinds of text, kernels, and numbers of threads."""
    for i, cell in enumerate(CELLS):
        for j, (kind, corpus) in enumerate(CORPORA.items()):
            for kernels, threads in itertools.product(("numpy", "numba"), (1, 2, 3)):
                shape = f"--cell {cell} {SHAPES[(i + j + threads) % 3]} --threads {threads}"
                yield Item(
                    f"weights/{cell}/{kind}/{kernels}/threads{threads}",
                    f"train {corpus} {shape} {SHORT}",
                    environment={"CHARRNN_KERNELS": kernels},
                    cut=kernels == "numpy" or threads == 2,
                )


def sampling() -> Iterator[Item]:
    """Texts of twenty seeds and several models, and every option once."""
    choices = ("", "--temp 0.6", "--top-k 5", "--top-p 0.8", "--temp 1.4 --top-k 9 --top-p 0.9")
    for model, seed in itertools.product(("lstm", "gru", "records", "bytes"), range(20)):
        command = f"sample {model}.npz --seed {seed} -n 300 {choices[seed // 4]}"
        yield Item(f"sample/{model}/seed{seed}", command)
    for model, (name, option) in itertools.product(("embedding", "records", "bytes"), each(SAMPLE)):
        yield Item(f"sample/{model}/{name}", f"sample {model}.npz --seed 3 -n 200 {option}")
    for model in MODELS:
        command = f"sample {model}.npz --seed 5 -n 80 -"
        yield Item(f"sample/{model}/stdin", f"{command} --num-samples 2", "prompts.txt")
        yield Item(f"sample/{model}/jsonl", f"{command} --jsonl", "prompts.jsonl")
    novel = "sample records.npz --seed 2 --num-samples 9 --novel-only records.txt"
    yield Item("sample/records/novel-only", novel)


def inspecting() -> Iterator[Item]:
    """Every view of every model, as JSON and as text in several kinds of terminals; files."""
    forms: dict[str, dict[str, str]] = {"json": {}, "plain": {}, "narrow": {"COLUMNS": "40"}}
    forms["colour"] = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    shown = {"json": list(MODELS), "plain": ["lstm", "rnn", "records", "bytes"]}
    three = "lstm.npz gru.npz embedding.npz"
    for form, environment in forms.items():
        last = "--json" if form == "json" else ""
        models = shown.get(form, ["lstm", "records"])
        subjects = [(f"{v}/{m}", f"{m}.npz {o}") for v, o in each(VIEWS) for m in models]
        subjects += [(f"{v}/three", f"{three} --{v}") for v in ("compare", "gradients")]
        for name, command in subjects:
            yield Item(f"inspect/{name}/{form}", f"inspect {command} {last}", "", environment)
    for view, option in each(VIEWS):
        yield Item(f"inspect/{view}/svg", f"inspect lstm.npz {option} --svg a.svg")
    yield Item("inspect/compare/svg", f"inspect {three} --compare --svg a.svg")
    for name, option in each(REFINED):
        yield Item(f"inspect/refined/{name}", f"inspect lstm.npz {option}", "passage.txt")
    for model in MODELS:
        yield Item(f"inspect/html/{model}", f"inspect {model}.npz --html page.html")


# ---------------------------------------------------------------------------------------- both sides


def write_inputs(folder: Path) -> None:
    """Small files to read, always the same."""
    folder.mkdir(parents=True)
    rng = random.Random(0)
    words = 'the a one red house garden reads (maybe) "so it is" naïve Ångström 12 345 and, so.'
    lines = [" ".join(rng.choices(words.split(" "), k=rng.randint(2, 12))) for _ in range(200)]
    text = "".join(f"{line}\n" for line in lines)
    (folder / "bytes.bin").write_bytes(text.encode() + rng.randbytes(1500) + text[:999].encode())
    contents = {
        "text.txt": text,
        "records.txt": "".join(f"{line[:20]}\n" for line in reversed(lines)),
        "passage.txt": "the red house (naïve)\n\none garden reads 12 Ångström and, so.\nso it is",
        "strange.txt": "the red ☃ reads\nthé 7th garden\n" * 40,
        "prompts.txt": "the red\n\none garden\n",
        "prompts.jsonl": '{"prime": "the", "seed": 4, "id": 1}\n{"prime": "a ", "length": 9}\n',
    }
    contents |= {"empty.txt": "", "short.txt": "so", "lines.txt": "\n\n\n", "strange.npz": "no zip"}
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")


class Side:
    """One of the two versions, and a folder for all that it writes: one below it for each item."""

    def __init__(self, code: Path, folder: Path, inputs: Path) -> None:
        self._folder, self._inputs = folder, inputs
        self.cut: list[bool] = []  # whether a run was interrupted, or had already ended
        home = folder / "home"
        home.mkdir(parents=True)
        self._environment = {
            k: v for k, v in os.environ.items() if not k.startswith((*FOREIGN.split(),))
        }
        self._environment |= {"PYTHONPATH": str(code), "HOME": str(home), **TERMINAL}
        # Compiled code is kept by the name of one file, and would outlive changes in others.
        self._environment |= {"NUMBA_CACHE_DIR": str(home / "numba")}
        command = [sys.executable, "-c", "import charrnn; print(charrnn.__file__)"]
        out = subprocess.check_output(command, cwd=home, env=self._environment, text=True)
        if code not in Path(out.strip()).parents:
            sys.exit(f"{out.strip()} would be compared, not what is in {code}")

    def run(self, item: Item) -> Path:
        """Run an item; returns the folder with what it wrote, its outputs and its exit code."""
        folder = self._folder / item.name
        shutil.copytree(self._inputs, folder)
        arguments = shlex.split(item.command)
        if item.cut:
            self._call(folder, item, [*arguments, "-o", "cut.npz"], cut=True)
            self._call(folder, item, [*arguments, "-o", "whole.npz"])
            arguments = [*arguments[:2], "--resume", "cut.npz", "-q"]
        self._call(folder, item, arguments)
        for file in self._inputs.iterdir():
            if (copy := folder / file.name).read_bytes() == file.read_bytes():
                copy.unlink()
        return folder

    def _call(self, folder: Path, item: Item, arguments: list[str], *, cut: bool = False) -> None:
        stdin = (folder / item.stdin).read_bytes() if item.stdin else b""
        process = subprocess.Popen(
            [sys.executable, "-m", "charrnn", *arguments],
            cwd=folder,
            env={**self._environment, **item.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if cut:  # when is left to chance: the end is to be the same
            wait_for_saves(process, folder / "cut.npz", random.randint(1, 4))
            process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(stdin, STUCK_AFTER)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
        if cut and process.returncode in (0, 130):
            self.cut.append(process.returncode == 130)
            return
        if arguments[:1] == ["train"]:
            err = re.sub(rb"[\d,]+ (chars|bytes)/s|\b\d+:\d\d(:\d\d)?\b", b"...", err)
        for name, content in (("stdout", out), ("stderr", err)):
            with (folder / name).open("ab") as file:
                file.write(content)
        with (folder / "exit-code").open("a") as codes:
            codes.write(f"{process.returncode}\n")


def wait_for_saves(process: subprocess.Popen[bytes], path: Path, saves: int) -> None:
    """Until a file has been written so many times, or the process is at its end."""
    seen = set[int]()
    while process.poll() is None and len(seen) < saves:
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.001)


# ---------------------------------------------------------------------------------------- comparison


def compare(base: Path, work: Path, notes: set[str]) -> str:
    """Where two folders of one item differ first, in words; empty if they do not."""
    files = [{str(p.relative_to(side)) for p in side.rglob("*")} for side in (base, work)]
    for name in sorted(files[0] | files[1]):
        if not all(name in side for side in files):
            return f"{name} only in {SIDES[name in files[1]]}"
        if (base / name).is_file() and (found := compare_files(base / name, work / name, notes)):
            return f"{name}: {found}"
    if "cut.npz" in files[0]:
        for side, folder in zip(SIDES, (base, work), strict=True):
            if found := compare_files(folder / "whole.npz", folder / "cut.npz", notes):
                return f"{side}: a resumed run ends elsewhere: {found}"
    return ""


def compare_files(one: Path, other: Path, notes: set[str]) -> str:
    """Where two files differ first."""
    if one.suffix == ".npz":
        return compare_checkpoints(one, other, notes)
    lines = (path.read_bytes().splitlines(keepends=True) for path in (one, other))
    for number, (a, b) in enumerate(itertools.zip_longest(*lines, fillvalue=b""), 1):
        if a != b:
            first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
            at = max(0, first - 20)
            return f"line {number}, byte {at}: {a[at : at + 50]!r} | {b[at : at + 50]!r}"
    return ""


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All that a checkpoint holds."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def compare_checkpoints(one: Path, other: Path, notes: set[str]) -> str:
    """Where two checkpoints differ first, but for times and versions."""
    ours, theirs = read_arrays(one), read_arrays(other)
    metas = [json.loads(arrays.pop("meta").tobytes()) for arrays in (ours, theirs)]
    if list(ours) != list(theirs):
        return f"arrays {list(ours)} | {list(theirs)}"
    for name, a in ours.items():
        b = theirs[name]
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return f"{name}: {a.dtype}{a.shape} | {b.dtype}{b.shape}"
        if a.tobytes() != b.tobytes():
            bits = f"u{a.itemsize}"
            places = np.flatnonzero(a.ravel().view(bits) != b.ravel().view(bits))
            at = places[0]
            return f"{name}: {len(places)} of {a.size} numbers, [{at}] {a.flat[at]} | {b.flat[at]}"
    return compare_meta(metas[0], metas[1], "meta", notes)


def compare_meta(one: Any, other: Any, name: str, notes: set[str]) -> str:
    """Where two values from JSON differ first; notes entries that one of them has alone."""
    if isinstance(one, dict) and isinstance(other, dict):
        alone = one.keys() ^ other.keys()
        notes |= {f"{name}.{key} only in {SIDES[key in other]}" for key in alone}
        for key in one.keys() & other.keys() - {"seconds", "versions"}:
            if name == "meta" and key == "format" and one[key] != other[key]:
                notes.add(f"format {one[key]} | {other[key]}")
            elif found := compare_meta(one[key], other[key], f"{name}.{key}", notes):
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            if found := compare_meta(a, b, f"{name}[{i}]", notes):
                return found
        return ""
    return "" if repr(one) == repr(other) else f"{name}: {one!r:.60} | {other!r:.60}"


def main() -> int:
    """Run the battery; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit", help="what the working tree is compared with")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="such as 'inspect/*/json'")
    parser.add_argument("--quick", action="store_true", help="a fifth of the items")
    parser.add_argument("--keep", metavar="DIR", type=Path, help="keep all outputs, for diff -r")
    options = parser.parse_args()
    chosen = [item for item in items() if fnmatch(item.name, options.only)]
    chosen = chosen[:: 5 if options.quick else 1]
    if options.keep and options.keep.exists():
        parser.error(f"{options.keep} exists already")
    archive = subprocess.check_output(
        ["git", "-C", ROOT, "archive", "--format=zip", options.commit]
    )
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:
        code, folder = Path(temporary).resolve() / "code", options.keep or Path(temporary)
        zipfile.ZipFile(io.BytesIO(archive)).extractall(code)
        inputs = folder.resolve() / "inputs"
        write_inputs(inputs)
        base = Side(code, inputs.parent / "base", inputs)
        work = Side(ROOT, inputs.parent / "work", inputs)
        train = [Item(f"models/{m}", f"train {o} {SHORT} -o {m}.npz") for m, o in MODELS.items()]
        for made in [*map(base.run, train)]:
            shutil.copy(made / f"{made.name}.npz", inputs)
        whole = (inputs / "lstm.npz").read_bytes()
        (inputs / "half.npz").write_bytes(whole[: len(whole) // 2])
        different = 0
        for item in chosen:
            notes: set[str] = set()
            running = [pool.submit(side.run, item) for side in (base, work)]
            found = compare(running[0].result(), running[1].result(), notes)
            different += bool(found)
            note = f" ({', '.join(sorted(notes))})" if notes else ""
            print(f"{item.name}: {f'DIFFERS: {found}' if found else 'same'}{note}", flush=True)
    if cuts := base.cut + work.cut:
        print(f"{sum(cuts)} of {len(cuts)} runs to interrupt were interrupted on their way")
    print(f"{different} of {len(chosen)} items differ")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
