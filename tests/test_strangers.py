"""What a stranger may hand over or plant: checkpoints that are not quite such."""

from __future__ import annotations

import copy
import io
import json
import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import make_text

import charrnn
from charrnn.errors import CheckpointError
from charrnn.files.npz import write_arrays

CORPUS = charrnn.Corpus.from_text(make_text(20))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A checkpoint in the middle of a run."""
    training = charrnn.Training(
        CORPUS,
        charrnn.ModelConfig(hidden_size=3, num_layers=1),
        charrnn.TrainingConfig(epochs=2, batch_size=2, seq_length=20, threads=2, eval_every=5),
    )
    for _ in training:
        if training.step == 12:
            break
    path = tmp_path_factory.mktemp("sound") / "sound.npz"
    charrnn.save_checkpoint(training.checkpoint(), path)
    return path.read_bytes()


@pytest.fixture
def path(sound: bytes, tmp_path: Path) -> Path:
    """A copy to do harm to."""
    (tmp_path / "a.npz").write_bytes(sound)
    return tmp_path / "a.npz"


def _refused(path: Path) -> str:
    """What is said of a file, whether its run is asked for or not; no warning beside it."""
    said = []
    for with_progress in (False, True):
        with warnings.catch_warnings(), pytest.raises(CheckpointError) as caught:
            warnings.simplefilter("error")
            charrnn.load_checkpoint(path, with_progress=with_progress)
        said.append(str(caught.value).removeprefix(f"{path}: "))
    assert len(said[0]) < 400
    assert "\n" not in said[0]
    assert said[0] == said[1]
    return said[0]


def _with_text(path: Path, text: bytes) -> Path:
    with np.load(path) as file:
        arrays = {**file, "meta": np.frombuffer(text, np.uint8)}
    write_arrays(path, arrays)
    return path


def _meta(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return dict(json.loads(file["meta"].tobytes()))


def _with_entry(path: Path, *where_and_value: Any) -> Path:
    *where, last, value = where_and_value
    meta = entry = copy.deepcopy(_meta(path))
    for key in where:
        entry = entry[key]
    entry[last] = value
    return _with_text(path, json.dumps(meta).encode())


ENTRIES: tuple[tuple[Any, ...], ...] = (
    ("format", 0), ("format", 3.0), ("format", True),
    ("history", {}), ("history", ""),
    ("versions", 5), ("versions", {}), ("versions", "charrnn", 1), ("versions", "numpy", "9" * 101),
    ("versions", "python", "3"), ("versions", "numpy", ""),
    ("training", "eval_every", 0), ("training", "threads", 0), ("training", "epochs", 0),
    ("training", "val_fraction", None), ("training", "warmup", None), ("training", "rewarm", 100_000),
    ("progress", ""), ("progress", False), ("progress", []), ("progress", {}), ("progress", "step", 1.0),
    ("progress", "generators", {}), ("progress", "generators", 0, "uinteger", 1.5),
    ("progress", "generators", 0, "uinteger", 1.0), ("progress", "generators", 0, "has_uint32", True),
    ("progress", "generators", 0, "state", "inc", 1.5), ("progress", "generators", 0, "state", "state", "1"),
    ("progress", "generators", 0, "bit_generator", "MT19937"),
    ("corpus", "sources", []), ("corpus", "sources", "text"),
    ("corpus", "sources", ["x" * 3_000_000]), ("corpus", "sources", [7]),
    ("corpus", "sha256", "G" * 64), ("corpus", "sha256", ""), ("corpus", "sources", [""]), ("corpus", "sha256", "0" * 3_000_000),
    ("model", "cell", "x" * 3_000_000), ("x" * 3_000_000, 1), ("text", "unit", ["byte"]),
)  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: str(entry)[:50])
def test_entries(entry: tuple[Any, ...], path: Path) -> None:
    """Each is refused, be it of the model or of the run, whether the run is asked for or not."""
    _refused(_with_entry(path, *entry))


def test_finished_model(path: Path) -> None:
    """One without a run has no array of one."""
    meta = {**_meta(path), "progress": None}
    assert "has no place" in _refused(_with_text(path, json.dumps(meta).encode()))
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("progress/")}
    write_arrays(path, arrays)
    assert not charrnn.load_checkpoint(path, with_progress=True).resumable
    for setting in (
        "eval_every",
        "threads",
        "epochs",
    ):  # of what it was made, be there a run or none
        _refused(_with_entry(path, "training", setting, 0))


TEXTS: dict[str, Callable[[str], bytes]] = {
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "a mark": lambda text: text.encode("utf-8-sig"),
    "the same twice": lambda text: b'{"format":3,' + text[1:].encode(),
    "the same twice, below": lambda text: text.replace('"H', '"H":1,"H', 1).encode(),
    "NaN": lambda text: text.replace('"rate_scale": 1.0', '"rate_scale": NaN').encode(),
    "Infinity": lambda text: text.replace('"rate_scale": 1.0', '"rate_scale": Infinity').encode(),
    "1e999": lambda text: text.replace('"rate_scale": 1.0', '"rate_scale": 1e999').encode(),
    "1e999 where nothing is read": lambda text: text.replace('"charrnn": "', '"charrnn": 1e999, "": "', 1).encode(),
    "something behind": lambda text: text.encode() + b"{}",
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str, path: Path) -> None:
    """JSON in UTF-8 without a mark, each entry once, numbers that are some."""
    text = json.dumps(_meta(path)).replace(
        '"hidden_size"', '"H"' if "below" in name else '"hidden_size"'
    )
    assert TEXTS[name](text) != text.encode()
    _refused(_with_text(path, TEXTS[name](text)))


def _archive(members: dict[str, bytes], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _members(whole: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _in_between(whole: bytes) -> bytes:
    """Bytes between the arrays and the directory, which says where it is."""
    start = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    place = struct.pack("<I", start + 5)
    return whole[:start] + b"hello" + whole[start : end + 16] + place + whole[end + 20 :]


def _commented(whole: bytes) -> bytes:
    return whole[:-2] + b"\x05\x00hello"


ARCHIVES: dict[str, Callable[[bytes], bytes]] = {
    "before": lambda whole: b"#!/bin/sh\n" + whole,
    "an archive before": lambda whole: whole + whole,
    "in between": _in_between,
    "behind": lambda whole: whole + b"hello",
    "a comment": _commented,
    "another array": lambda whole: _archive({**_members(whole), "b.npy": _members(whole)["model/c.npy"]}),
    "another file": lambda whole: _archive({**_members(whole), "setup.py": b"import os"}),
    "a folder": lambda whole: _archive({**_members(whole), "model/": b""}),
    "one of its run missing": lambda whole: _archive(
        {name: data for name, data in _members(whole).items() if name != "progress/weights.npy"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives(name: str, path: Path, sound: bytes) -> None:
    """The file is its arrays and their directory, and nothing else."""
    path.write_bytes(ARCHIVES[name](sound))
    _refused(path)


HEADERS: dict[str, Callable[[str], str]] = {
    "Python 2": lambda text: text.replace(",)", "L,)"),
    "a line of Python": lambda text: text.replace("(", "(0 or ", 1),
    "another order": lambda text: text.replace(", }", "}").replace("{", "{'shape': (1,), "),
    "big-endian": lambda text: text.replace("<f4", ">f4"),
    "Fortran": lambda text: text.replace("False", "True"),
    "of objects": lambda text: text.replace("<f4", "|O"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str, path: Path, sound: bytes) -> None:
    """A header that NumPy does not write is not interpreted, and never warned of."""
    members = _members(sound)
    array = members["model/c.npy"]
    text = HEADERS[name](array[10:128].decode().rstrip()).encode()
    assert text != array[10:128].rstrip()
    members["model/c.npy"] = array[:8] + struct.pack("<H", len(text)) + text + array[128:]
    path.write_bytes(_archive(members))
    assert "model/c" in _refused(path)


# ------------------------------------------------------------------------------- sources of a text


def _learnt_from(path: Path, sources: list[str], characters: int | None = None) -> Path:
    corpus = {**_meta(path)["corpus"], "sources": sources}
    if characters is not None:
        corpus["characters"] = characters
    return _with_entry(path, "corpus", corpus)


def test_nothing_endless_is_read(path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run opens no device, no pipe, and no file that cannot be its text by its size."""
    large, small = Path("large.bin"), Path("small.txt")
    with large.open("wb") as file:
        file.truncate(1 << 34)
    small.write_text("short", encoding="utf-8")
    Path("empty.txt").touch()
    unfit = [["large.bin"], ["small.txt"], ["empty.txt"], ["small.txt", "large.bin"]]
    devices = ["/dev/zero", "/dev/stdin", "."]
    if os.name == "posix":
        os.mkfifo("pipe")
        unfit += [["pipe"], ["small.txt", "pipe"], *([name] for name in devices)]
    monkeypatch.setattr("charrnn.text.source.Source._read", pytest.fail)
    for sources in unfit:
        refused = run("train", "--resume", _learnt_from(path, sources))
        assert (refused.code, refused.out) == (2, ""), refused.err
        assert len(refused.err.splitlines()) == 1
        assert "not the text that" in refused.err or "give it again" in refused.err


def test_resumed_beside_an_empty_file(path: Path, run: Run) -> None:
    """It adds nothing, and what only seems empty is not read."""
    Path("text.txt").write_text(make_text(20), encoding="utf-8")
    Path("empty.txt").touch()
    outcome = run("train", "--resume", _learnt_from(path, ["empty.txt", "text.txt"]), "-q")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize(
    "sources",
    [
        ["y" * 32_000],
        ["y " * 16_000],
        [f"/home/somebody/a folder/text{n}.txt" for n in range(9999)],
    ],
    ids=["one word", "many words", "many files"],
)
def test_names_without_end(sources: list[str], path: Path, run: Run) -> None:
    """What is shown of them is short, whatever shows it."""
    _learnt_from(path, sources)
    for view in ((), ("--details",), ("--compare", path), ("--neurons",), ("--unit", "0:0")):
        outcome = run("inspect", path, *view)
        assert outcome.code == 0, outcome.err
        assert len(outcome.out) < 20_000
    refused = run("train", "--resume", path)
    assert refused.code == 2
    assert len(refused.err) < 1000


@pytest.mark.parametrize("given", [b"", b"short", b"\n" * 99])
def test_empty_standard_input(given: bytes, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called by its name."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given)))
    refused = run("train", "-", "--records")
    assert refused.code == 2
    assert refused.err.startswith("charrnn: standard input: ")
