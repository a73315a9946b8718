"""Checkpoints: what is saved comes back, nothing is lost on the way, and no file is trusted."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import make_text

import charrnn
from charrnn.errors import CheckpointError, InputError
from charrnn.files.checkpoint import FORMAT
from charrnn.files.npz import write_arrays
from charrnn.text.vocabulary import VERBATIM
from charrnn.training.trainer import Training


@pytest.fixture(scope="module")
def training() -> Training:
    """A short run with a history."""
    run = Training(
        charrnn.Corpus.from_text(make_text(20)),
        charrnn.ModelConfig(hidden_size=5, num_layers=1),
        charrnn.TrainingConfig(epochs=2, batch_size=3, seq_length=20, threads=2, eval_every=5),
    )
    for _ in run:
        pass
    return run


@pytest.fixture
def path(training: Training, tmp_path: Path) -> Path:
    """Its checkpoint."""
    charrnn.save_checkpoint(training.checkpoint(), tmp_path / "run.npz")
    return tmp_path / "run.npz"


def test_round_trip(training: Training, path: Path) -> None:
    """Everything comes back as it was."""
    saved, loaded = training.checkpoint(), charrnn.load_checkpoint(path, with_progress=True)
    assert loaded.model.config == saved.model.config
    assert loaded.model.vocabulary == saved.model.vocabulary
    np.testing.assert_array_equal(loaded.model.parameters.flat, saved.model.parameters.flat)
    for name in ("training", "corpus", "history", "validation_loss", "resumable"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert loaded.progress is not None
    assert saved.progress is not None
    for name, value in vars(saved.progress).items():
        np.testing.assert_equal(getattr(loaded.progress, name), value)


def test_numpy_opens_it(training: Training, path: Path) -> None:
    """The arrays are plain NumPy ones, under the parameters' names."""
    with np.load(path, allow_pickle=False) as arrays:
        for name, array in training.model().parameters.items():
            np.testing.assert_array_equal(arrays[f"model/{name}"], array)
        assert json.loads(arrays["meta"].tobytes())["format"] == FORMAT


def test_same_run_same_bytes(training: Training, path: Path) -> None:
    """Two saves of one state are the same file."""
    before = path.read_bytes()
    charrnn.save_checkpoint(training.checkpoint(), path)
    assert path.read_bytes() == before


def test_without_progress(training: Training, tmp_path: Path) -> None:
    """A checkpoint for writing only is small, and says that it cannot be resumed."""
    small = tmp_path / "small.npz"
    charrnn.save_checkpoint(training.checkpoint(with_progress=False), small)
    loaded = charrnn.load_checkpoint(small, with_progress=True)
    assert loaded.progress is None
    assert not loaded.resumable


def test_failed_save_loses_nothing(
    training: Training, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk leaves the old file whole, and no other."""
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("charrnn.files.whole.os.fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        charrnn.save_checkpoint(training.checkpoint(), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def _assert_refused(path: Path) -> str:
    """The file is refused in one line that begins with its path."""
    with pytest.raises(CheckpointError) as caught:
        charrnn.load_checkpoint(path, with_progress=True)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_missing_and_directory(tmp_path: Path) -> None:
    """A name that is no file is the user's mistake."""
    for wrong in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(InputError, match=str(wrong.name)):
            charrnn.load_checkpoint(wrong)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not even opened: a pipe would be waited for, and a device may have no end."""
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr("builtins.open", None)
    for name in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(CheckpointError, match=f"{name}: not a charrnn checkpoint .*pipe or"):
            charrnn.load_checkpoint(name)


def test_foreign_files(tmp_path: Path) -> None:
    """Empty, text, other archives, pickles and compressed arrays are refused."""
    file = tmp_path / "x.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, meta=np.zeros(1 << 20, np.uint8))
    pickled = io.BytesIO()
    np.savez(pickled, meta=np.array([{"a": 1}], dtype=object))
    foreign = io.BytesIO()
    np.savez(foreign, weights=np.zeros(3))
    for content in (b"", b"no archive", buffer.getvalue(), pickled.getvalue(), foreign.getvalue()):
        file.write_bytes(content)
        _assert_refused(file)


def test_cut_off_files(path: Path) -> None:
    """A file that ends too early is refused, wherever it ends."""
    whole = path.read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:size])
        _assert_refused(path)


def test_flipped_bits(training: Training, path: Path) -> None:
    """A changed bit is noticed or makes no difference; it never does anything else."""
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(changed)
        try:
            loaded = charrnn.load_checkpoint(path, with_progress=True)
        except CheckpointError:
            refused += 1
            continue
        np.testing.assert_array_equal(
            loaded.model.parameters.flat, training.model().parameters.flat
        )
    assert refused > 200


Arrays = dict[str, Any]


def _meta(change: Callable[[Any], object]) -> Callable[[Arrays], None]:
    def apply(arrays: Arrays) -> None:
        meta = json.loads(arrays["meta"].tobytes())
        change(meta)
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), np.uint8)

    return apply


def _raw_meta(text: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update(meta=np.frombuffer(text.encode(), np.uint8))


def _reencoded(encoding: str) -> Callable[[Arrays], None]:
    def apply(arrays: Arrays) -> None:
        text = arrays["meta"].tobytes().decode().encode(encoding)
        arrays["meta"] = np.frombuffer(text, np.uint8)

    return apply


def _evaluation(index: int, **changes: Any) -> Callable[[Arrays], None]:
    return _meta(lambda meta: meta["history"][index].update(changes))


def _generator(change: Callable[[Any], None]) -> Callable[[Arrays], None]:
    return _meta(lambda meta: change(meta["progress"]["generators"][0]))


def _at(**changes: Any) -> Callable[[Arrays], None]:
    """Another place of the run."""
    return _meta(lambda meta: meta["progress"].update(changes))


HARM: dict[str, Callable[[Arrays], None]] = {
    "newer": _meta(lambda m: m.update(format=99)),
    "format of a wrong type": _meta(lambda m: m.update(format="1")),
    "no vocabulary": _meta(lambda m: m.pop("vocabulary")),
    "longer vocabulary": _meta(lambda m: m.update(vocabulary=m["vocabulary"] + "☃")),
    "doubled character": _meta(lambda m: m.update(vocabulary="aa")),
    "surrogate": _meta(lambda m: m.update(vocabulary=m["vocabulary"][:-1] + "\ud800")),
    "huge layer": _meta(lambda m: m["model"].update(hidden_size=16384, num_layers=64)),
    "number beyond floats": _meta(lambda m: m["model"].update(dropout=10**400)),
    "unknown normalisation": _meta(lambda m: m["text"].update(normalize="nfkd")),
    "bytes that are not": _meta(lambda m: m["text"].update(unit="byte")),
    "unknown setting": _meta(lambda m: m["training"].update(x=1)),
    "history of a wrong type": _meta(lambda m: m.update(history=[1])),
    "corpus of a wrong type": _meta(lambda m: m.update(corpus=None)),
    "loss of a wrong type": _meta(lambda m: m.update(validation_loss="low")),
    "negative loss": _meta(lambda m: m.update(validation_loss=-0.5)),
    "source of half a character": _meta(lambda m: m["corpus"].update(sources=["a\ud800"])),
    "step of a wrong type": _meta(lambda m: m["progress"].update(step=1.5)),
    "negative step": _meta(lambda m: m["progress"].update(step=-1)),
    "too few generators": _meta(lambda m: m["progress"]["generators"].pop()),
    "damaged generator": _meta(lambda m: m["progress"]["generators"][0].update(state=3)),
    "another generator": _meta(lambda m: m["progress"]["generators"][0].update(bit_generator="MT")),
    "number of a generator that is none": _generator(lambda g: g["state"].update(inc=1.5)),
    "generator beyond its bits": _generator(lambda g: g.update(uinteger=1 << 32)),
    "further entry of a generator": _generator(lambda g: g.update(x=1)),
    "format before the first": _meta(lambda m: m.update(format=0)),
    "further entry": _meta(lambda m: m.update(x=1)),
    "further entry of an evaluation": _evaluation(0, x=1),
    "history that is no list": _meta(lambda m: m.update(history={})),
    "empty words for a history": _meta(lambda m: m.update(history="")),
    "whole number of a truth": _meta(lambda m: m["text"].update(records=1)),
    "no steps between evaluations": _meta(lambda m: m["training"].update(eval_every=0)),
    "no threads": _meta(
        lambda m: (m["training"].update(threads=0), m["progress"]["generators"].clear())
    ),
    "learnt from more than there is": _meta(lambda m: m["corpus"].update(train_characters=1 << 59)),
    # No run comes to these:
    "no history": _meta(lambda m: m.update(history=[])),
    "history ahead of its step": _evaluation(-1, step=1 << 59, epoch=1e15),
    "evaluation that is not in the history": _meta(lambda m: m["history"].pop()),
    "evaluation of step 0": _evaluation(0, step=0),
    "evaluations of one step": _evaluation(1, step=5),
    "epoch of another length": _evaluation(-1, epoch=1e9),
    "time that goes back": _evaluation(0, seconds=1e9),
    "evaluation without a loss": _evaluation(0, validation_loss=None),
    "better evaluation than the best": _evaluation(0, validation_loss=0.0),
    "another best": _at(best_loss=0.5),
    "no best": _at(best_loss=None),
    "other kept weights than the best": _meta(lambda m: m.update(validation_loss=9.0)),
    "step before the last evaluation": _at(step=1),
    "step that read nothing": _at(step=1000),
    "other last evaluation": _at(evaluated_at=5),
    "more evaluations in vain than there are": _at(stale_evaluations=9),
    "rate that was never halved so": _at(rate_scale=0.3),
    "rate of nothing": _at(rate_scale=0.0),
    "rate that was not halved": _at(recoveries=1),
    "loss of no step": _at(loss_sum=1.0),
    "characters of no step": _at(loss_count=9),
    "time of no step": _at(seconds=1e9),
    "negative square": lambda a: a.update({"progress/slots/v": a["progress/slots/v"] - 1}),
    "no JSON": _raw_meta("{"),
    "JSON in UTF-16": _reencoded("utf-16"),
    "JSON with a byte order mark": _reencoded("utf-8-sig"),
    "entry there twice": _raw_meta('{"format": 3, "format": 3}'),
    "JSON of a wrong type": _raw_meta("[]"),
    "not a number": _raw_meta('{"format": NaN}'),
    "deep JSON": _raw_meta("[" * 200_000),
    "missing array": lambda arrays: arrays.pop("model/V"),
    "wrong shape": lambda arrays: arrays.update({"model/V": arrays["model/V"].T.copy()}),
    "wrong type": lambda arrays: arrays.update({"model/V": arrays["model/V"].astype("f8")}),
    "NaN weights": lambda arrays: arrays.update({"model/c": arrays["model/c"] * np.nan}),
    "infinite state": lambda a: a.update({"progress/state": a["progress/state"] + np.inf}),
    "missing optimiser": lambda arrays: arrays.pop("progress/slots/m"),
}


@pytest.mark.parametrize("harm", HARM)
def test_harmed_files(harm: str, path: Path) -> None:
    """Whatever is wrong inside is refused with a reason."""
    with np.load(path) as file:
        arrays = dict(file)
    HARM[harm](arrays)
    write_arrays(path, arrays)
    message = _assert_refused(path)
    if harm == "newer":
        assert "a newer one" in message


def test_huge_declared_shape(path: Path) -> None:
    """A header that promises terabytes does not make the reader ask for them."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 45,)}
    )
    members["meta.npy"] = header.getvalue() + b"{}"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert "size does not fit" in _assert_refused(path)


def test_failure_in_mid_write(
    training: Training, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up among the arrays leaves the old file whole, and no other."""
    before, intact, written = path.read_bytes(), np.lib.format.write_array, 0

    def full(*args: Any, **kwargs: Any) -> None:
        nonlocal written
        written += 1
        if written == 3:
            raise OSError(28, "No space left on device")
        intact(*args, **kwargs)

    monkeypatch.setattr("charrnn.files.npz.np.lib.format.write_array", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        charrnn.save_checkpoint(training.checkpoint(), path)
    assert written == 3
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def _fields(meta: Any, where: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path to every entry of the JSON text that has to be of one type."""
    found = []
    for name, value in meta.items():
        if name == "versions":
            continue  # told, not read
        found.append((*where, name))
        if isinstance(value, dict):
            found += _fields(value, (*where, name))
    return found


def test_wrong_types_everywhere(path: Path) -> None:
    """Each entry is refused when it is of a type that it never has, or is not there at all."""
    with np.load(path) as file:
        arrays = dict(file)
    fields = _fields(json.loads(arrays["meta"].tobytes()))
    assert len(fields) > 40
    wrongs: tuple[Any, ...] = ([{}], True, None)
    for field in fields:
        for wrong in wrongs:
            if wrong is None and field[-1] in (
                "validation_loss",
                "best_loss",
                "progress",
                "context",
                "bidirectional",
                "attention",
                "keep_best",
                "figures",
                "accuracy",
                "f1",
            ):
                continue  # which None is no error for
            if wrong is True and field[-1] in ("records", "bidirectional", "tuned"):
                continue  # which are true or false
            meta = json.loads(arrays["meta"].tobytes())
            entry = meta
            for name in field[:-1]:
                entry = entry[name]
            entry[field[-1]] = wrong
            text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
            write_arrays(path, {**arrays, "meta": text})
            _assert_refused(path)


def test_how_text_is_read(training: Training, path: Path) -> None:
    """It is kept with the model; a file of before it was is one of text as it stood."""
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(arrays["meta"].tobytes())
    meta["text"]["records"] = True
    _meta(lambda m: m.update(text=meta["text"]))(arrays)
    write_arrays(path, arrays)
    loaded = charrnn.load_checkpoint(path).model.vocabulary
    assert loaded.config == charrnn.TextConfig(normalize="none", records=True)
    assert loaded != training.corpus.vocabulary
    _meta(lambda m: m.pop("text"))(arrays)
    write_arrays(path, arrays)
    _assert_refused(path)
    _meta(lambda m: m.update(format=1))(arrays)
    write_arrays(path, arrays)
    assert charrnn.load_checkpoint(path).model.vocabulary.config == VERBATIM


def test_doubled_member(path: Path) -> None:
    """Two arrays of one name are ambiguous, so neither is believed."""
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("meta.npy", archive.read("meta.npy"))
    _assert_refused(path)
