"""Thousands of damaged and malicious checkpoints: loaded right, or refused in one line.

Each row of the tables below is one way to do harm; each is tried with many seeds. A file that is
accepted has to be a checkpoint with which everything works, and no file may take much memory or time.
"""

from __future__ import annotations

import io
import json
import sys
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import make_text

import charrnn
from charrnn.errors import CharrnnError, CheckpointError
from charrnn.files.npz import write_arrays
from charrnn.inspection import summarize

ROUNDS = 50
"""Files for each way of doing harm."""

MAX_BYTES, MAX_SECONDS = 200_000_000, 2.0

Rng = np.random.Generator
Arrays = dict[str, Any]

CORPUS = charrnn.Corpus.from_text(make_text(20))


@dataclass(frozen=True)
class Sound:
    """The sound checkpoint that harm is done to: its bytes, its arrays, its JSON text."""

    whole: bytes
    arrays: Arrays
    meta: dict[str, Any]
    folder: Path

    def with_arrays(self, **arrays: Any) -> bytes:
        """A file with right checksums and these arrays."""
        path = self.folder / "written.npz"
        write_arrays(path, {name: array for name, array in arrays.items() if array is not None})
        return path.read_bytes()

    def with_array(self, name: str, array: Any) -> bytes:
        return self.with_arrays(**{**self.arrays, name: array})

    def with_text(self, text: bytes) -> bytes:
        """A file with right checksums and this JSON text."""
        return self.with_array("meta", np.frombuffer(text, np.uint8))

    def with_meta(self, meta: Any) -> bytes:
        return self.with_text(json.dumps(meta).encode("utf-8", "surrogatepass"))

    def with_members(self, members: dict[str, bytes], **options: Any) -> bytes:
        """A zip archive of these members, whatever they hold."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", **options) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return buffer.getvalue()

    @property
    def members(self) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.whole)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """A checkpoint with everything in it, made small."""
    training = charrnn.Training(
        CORPUS,
        charrnn.ModelConfig(hidden_size=3, num_layers=1, embedding_size=2),
        charrnn.TrainingConfig(epochs=2, batch_size=2, seq_length=20, threads=2, eval_every=5),
    )
    assert not training.notices
    for _ in training:
        if training.step == 12:
            break
    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "sound.npz"
    charrnn.save_checkpoint(training.checkpoint(), path)
    with np.load(path) as file:
        arrays = dict(file)
    return Sound(path.read_bytes(), arrays, json.loads(arrays["meta"].tobytes()), folder)


# ---------------------------------------------------------------------------- damage to the bytes


def _some_slice(rng: Rng, size: int) -> slice:
    start = int(rng.integers(size))
    return slice(start, min(size, start + int(rng.integers(1, 200))))


def _truncated(sound: Sound, rng: Rng) -> bytes:
    return sound.whole[: rng.integers(len(sound.whole))]


def _without_beginning(sound: Sound, rng: Rng) -> bytes:
    return sound.whole[rng.integers(1, len(sound.whole)) :]


def _flipped(sound: Sound, rng: Rng) -> bytes:
    data = bytearray(sound.whole)
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    return bytes(data)


def _flipped_directory(sound: Sound, rng: Rng) -> bytes:
    """Bits flipped where the archive keeps names, sizes, checksums and places."""
    data = bytearray(sound.whole)
    start = data.index(b"PK\x01\x02")
    for _ in range(rng.integers(1, 4)):
        data[rng.integers(start, len(data))] ^= 1 << rng.integers(8)
    return bytes(data)


def _overwritten(sound: Sound, rng: Rng) -> bytes:
    data = bytearray(sound.whole)
    where = _some_slice(rng, len(data))
    data[where] = rng.bytes(where.stop - where.start)
    return bytes(data)


def _blanked(sound: Sound, rng: Rng) -> bytes:
    data = bytearray(sound.whole)
    where = _some_slice(rng, len(data))
    data[where] = bytes(where.stop - where.start)
    return bytes(data)


def _cut_out(sound: Sound, rng: Rng) -> bytes:
    data = bytearray(sound.whole)
    del data[_some_slice(rng, len(data))]
    return bytes(data)


def _repeated(sound: Sound, rng: Rng) -> bytes:
    where = _some_slice(rng, len(sound.whole))
    return sound.whole[: where.stop] + sound.whole[where.start :]


def _extended(sound: Sound, rng: Rng) -> bytes:
    return sound.whole + rng.bytes(int(rng.integers(1, 2000)))


def _noise(_sound: Sound, rng: Rng) -> bytes:
    return b"PK\x03\x04" * int(rng.integers(2)) + rng.bytes(int(rng.integers(3000)))


# -------------------------------------------------------------------- other arrays, sound archive


def _some_name(sound: Sound, rng: Rng) -> str:
    return str(rng.choice(list(sound.arrays)))


def _swapped(sound: Sound, rng: Rng) -> bytes:
    one, two = rng.choice(list(sound.arrays), 2, replace=False)
    return sound.with_arrays(
        **{**sound.arrays, one: sound.arrays[two], two: sound.arrays[one]},
    )


def _renamed(sound: Sound, rng: Rng) -> bytes:
    name = _some_name(sound, rng)
    other = str(rng.choice([name.upper(), f"/{name}", f"../{name}", f"{name}.npy", "x" * 60_000]))
    return sound.with_arrays(**{**sound.arrays, name: None, other: sound.arrays[name]})


def _dropped(sound: Sound, rng: Rng) -> bytes:
    return sound.with_array(_some_name(sound, rng), None)


def _reshaped(sound: Sound, rng: Rng) -> bytes:
    name = _some_name(sound, rng)
    array = sound.arrays[name]
    shapes = [array.ravel(), array[None], array[..., None], array.T.copy(), array[:0], array[1:]]
    return sound.with_array(name, shapes[rng.integers(len(shapes))])


def _enlarged(sound: Sound, rng: Rng) -> bytes:
    name = _some_name(sound, rng)
    return sound.with_array(name, np.repeat(sound.arrays[name], rng.integers(2, 40), axis=0))


def _retyped(sound: Sound, rng: Rng) -> bytes:
    name = _some_name(sound, rng)
    kinds = ["f2", "f8", ">f4", "i1", "i4", "u8", "c8", "?", "S3", "U2", "V4", "M8[s]"]
    kind = rng.choice(kinds)
    array = sound.arrays[name]
    size = array.size * array.dtype.itemsize // np.dtype(kind).itemsize
    data = array.tobytes()[: size * np.dtype(kind).itemsize]
    return sound.with_array(name, np.frombuffer(data, kind))


def _not_finite(sound: Sound, rng: Rng) -> bytes:
    name = str(rng.choice([name for name in sound.arrays if name != "meta"]))
    array = sound.arrays[name].copy()
    array.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf])
    return sound.with_array(name, array)


def _extreme(sound: Sound, rng: Rng) -> bytes:
    """Finite numbers, but none that training leads to."""
    name = str(rng.choice([name for name in sound.arrays if name != "meta"]))
    array = sound.arrays[name].copy()
    array.flat[rng.integers(array.size)] = rng.choice([3e38, -3e38, 1e-45, 1e20])
    return sound.with_array(name, array)


# -------------------------------------------------------------------------- other headers of arrays


def _header(fields: dict[str, Any], version: int = 1) -> bytes:
    text = repr(fields).encode() + b"\n"
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


def _other_header(sound: Sound, rng: Rng) -> bytes:
    """Sizes beyond measure, wrong signs and types, other versions, Fortran order."""
    huge = int(rng.choice([-1, 0, 10**9, 2**31, 2**40, 2**62, 2**63 - 1]))
    fields: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": (huge,)}
    changes: list[dict[str, Any]] = [
        {},
        {"descr": "|u1"},
        {"shape": (huge, huge)},
        {"shape": (10**400,)},
        {"shape": "abc"},
        {"shape": (1.5,)},
        {"shape": (True,) * 70},
        {"descr": "|O"},
        {"descr": [("a", "<f4", (huge,))]},
        {"descr": f"|V{huge}"},
        {"descr": 7},
        {"fortran_order": True},
        {"fortran_order": "no"},
        {"more": 1},
    ]
    fields.update(changes[rng.integers(len(changes))])
    name = f"{_some_name(sound, rng)}.npy"
    header = _header(fields, version=int(rng.integers(1, 4)))
    return sound.with_members({**sound.members, name: header + sound.members[name][128:]})


def _senseless_header(sound: Sound, rng: Rng) -> bytes:
    name = f"{_some_name(sound, rng)}.npy"
    texts = [b"", b"(" * 3000, b"{" * 300, b"9" * 4000, b"__import__('os').abort()", b"\0" * 64]
    text = texts[rng.integers(len(texts))]
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    return sound.with_members({**sound.members, name: header + sound.members[name][128:]})


# ------------------------------------------------------------------------------ other JSON, in place


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (container, key) of the JSON."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _changed(sound: Sound, rng: Rng, change: Callable[[Any, Any], None]) -> bytes:
    meta = json.loads(json.dumps(sound.meta))
    places = list(_places(meta))
    change(*places[rng.integers(len(places))])
    return sound.with_meta(meta)


WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1, 3, 2**31, 2**63, 10**300, 10**4000, 1.5, -0.5, 1e308, 5e-324, "", "lstm",
    "\ud800", "\0", "x" * 10_000, [], {}, [[]], [None] * 9, {"": {}}, [{"step": 1}], [[[[[[1]]]]]],
)  # fmt: skip


def _other_value(sound: Sound, rng: Rng) -> bytes:
    wrong = WRONG[rng.integers(len(WRONG))]
    if isinstance(wrong, int) and wrong > 1e299:  # json.dumps() refuses what a file can hold
        marked = _changed(sound, rng, lambda where, key: where.__setitem__(key, "HUGE"))
        with np.load(io.BytesIO(marked)) as file:
            text = file["meta"].tobytes()
        digits = b"9" * (300 if wrong < 10**301 else 40_000)
        return sound.with_text(text.replace(b'"HUGE"', digits))
    return _changed(sound, rng, lambda where, key: where.__setitem__(key, wrong))


def _other_number(sound: Sound, rng: Rng) -> bytes:
    """A number of the right type, but another one."""

    def change(where: Any, key: Any) -> None:
        if type(where[key]) in (int, float):
            where[key] = type(where[key])(where[key] * rng.choice([0, 2, 3, 10, 1e6]) + 1)

    return _changed(sound, rng, change)


def _missing_value(sound: Sound, rng: Rng) -> bytes:
    return _changed(sound, rng, lambda where, key: where.pop(key))


def _further_value(sound: Sound, rng: Rng) -> bytes:
    def change(where: Any, key: Any) -> None:
        if isinstance(where, dict):
            where[f"{key} "] = where[key]
        else:
            where.append(where[key])

    return _changed(sound, rng, change)


def _exchanged_values(sound: Sound, rng: Rng) -> bytes:
    meta = json.loads(json.dumps(sound.meta))
    places = list(_places(meta))
    (one, key), (two, other) = (places[n] for n in rng.choice(len(places), 2, replace=False))
    one[key], two[other] = two[other], json.loads(json.dumps(one[key]))
    try:
        return sound.with_meta(meta)
    except ValueError:  # put into itself
        return sound.whole


def _misfit(sound: Sound, rng: Rng) -> bytes:
    """All in itself right, but not what a run on this text can have saved."""
    meta = json.loads(json.dumps(sound.meta))
    training, generators = meta["training"], meta["progress"]["generators"]
    training["batch_size"] = int(rng.choice([2, 40, 2000]))
    training["seq_length"] = int(rng.choice([20, 4000]))
    training["threads"] = int(rng.choice([2, 9]))
    meta["progress"]["generators"] = (generators * 5)[: training["threads"]]
    state = sound.arrays["progress/state"][..., :1].repeat(training["batch_size"], axis=-1)
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    return sound.with_arrays(**{**sound.arrays, "meta": text, "progress/state": state})


def _damaged_text(sound: Sound, rng: Rng) -> bytes:
    """JSON with a changed, missing or further character, and a right checksum."""
    text = bytearray(sound.arrays["meta"].tobytes())
    place = int(rng.integers(len(text)))
    text[place : place + int(rng.integers(2))] = rng.bytes(int(rng.integers(2)))
    return sound.with_text(bytes(text))


def _other_text(sound: Sound, rng: Rng) -> bytes:
    """Nesting, size, and everything else that JSON should not be."""
    texts = [
        b"", b"null", b"[]", b"{}", b"0", b'"meta"', b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"\0" * 99,
        b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900, b"9" * 1_000_000,
        b"-" * 1000, b"1e999999", b"[" + b"{}," * 100_000 + b"{}]", b'{"format": NaN}',
        b'{"format": 1e400}', b'{"format": 1}', b'{"format": 99}', b'{"format": 1' + b"0" * 9999 + b"}",
        b'{"format": 1, "format": 2}', b'"' + b"\\ud83d" * 10_000 + b'"',
    ]  # fmt: skip
    return sound.with_text(texts[rng.integers(len(texts))])


# ------------------------------------------------------------------------------ other archives

OPENED = "a pickle was opened"


class Trap:
    """Raises when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.exit, (OPENED,))


def _pickled(sound: Sound, rng: Rng) -> bytes:
    data = io.BytesIO()
    np.save(data, np.array([Trap()], dtype=object), allow_pickle=True)
    trap = data.getvalue()
    name = f"{_some_name(sound, rng)}.npy"
    kinds = [trap, trap[trap.index(b"\n") + 1 :], sound.members[name][:128] + trap]
    return sound.with_members({**sound.members, name: kinds[rng.integers(len(kinds))]})


def _nested(sound: Sound, rng: Rng) -> bytes:
    """An archive in an archive, as a member or in place of all of them."""
    name = f"{_some_name(sound, rng)}.npy"
    inner = {**sound.members, name: sound.whole}
    for _ in range(rng.integers(4)):
        inner = {"meta.npy": sound.with_members(inner), name: sound.whole}
    return sound.with_members(inner)


BOMB = bytes(1_000_000)


def _bomb(sound: Sound, rng: Rng) -> bytes:
    """A small file that would unpack to a large one."""
    kind = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA][rng.integers(3)]
    name = f"{_some_name(sound, rng)}.npy"
    size = int(rng.integers(1000, len(BOMB)))
    header = _header({"descr": "|u1", "fortran_order": False, "shape": (size,)})
    return sound.with_members(
        {**sound.members, name: header + BOMB[:size]}, compression=kind, compresslevel=1
    )


def _lying_sizes(sound: Sound, rng: Rng) -> bytes:
    """A directory whose sizes, places, flags or methods are not those of the members."""
    data = bytearray(sound.whole)
    entries = [n for n in range(len(data)) if data.startswith(b"PK\x01\x02", n)]
    entry = entries[rng.integers(len(entries))]
    field, size = [(8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (42, 4)][
        rng.integers(8)
    ]
    numbers = [0, 1, 8, 255, 65_535, 2**31, 2**32 - 1, int(rng.integers(len(data)))]
    number = numbers[rng.integers(len(numbers))] % 256**size
    data[entry + field : entry + field + size] = number.to_bytes(size, "little")
    return bytes(data)


def _overlapping(sound: Sound, rng: Rng) -> bytes:
    """Many entries of the directory that share the bytes of one member."""
    data = sound.whole
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    first = data[start : data.index(b"PK\x01\x02", start + 4)]
    name = first[46 : 46 + int.from_bytes(first[28:30], "little")]
    count = int(rng.integers(2, 400))
    copies = b"".join(
        first.replace(name, f"{n:0{len(name)}}".encode()[: len(name)]) for n in range(count)
    )
    directory = data[start:end] + copies
    total = (data.count(b"PK\x01\x02") + count).to_bytes(2, "little")
    return (
        data[:start]
        + directory
        + data[end : end + 8]
        + total * 2
        + len(directory).to_bytes(4, "little")
        + data[end + 16 :]
    )


def _doubled(sound: Sound, rng: Rng) -> bytes:
    name = f"{_some_name(sound, rng)}.npy"
    buffer = io.BytesIO(sound.whole)
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")  # "Duplicate name": just so
        archive.writestr(name, sound.members[f"{_some_name(sound, rng)}.npy"])
    return buffer.getvalue()


HARM: tuple[Callable[[Sound, Rng], bytes], ...] = (
    _truncated, _without_beginning, _flipped, _flipped_directory, _overwritten, _blanked, _cut_out,
    _repeated, _extended, _noise,
    _swapped, _renamed, _dropped, _reshaped, _enlarged, _retyped, _not_finite, _extreme,
    _other_header, _senseless_header,
    _other_value, _other_number, _missing_value, _further_value, _exchanged_values, _misfit, _damaged_text,
    _other_text, _other_text, _other_value, _other_value, _other_number, _other_number,
    _pickled, _nested, _bomb, _lying_sizes, _lying_sizes, _lying_sizes, _overlapping, _doubled,
    _other_header, _other_header,
)  # fmt: skip
# Those with the most ways in them are there more than once.
"""Every way of doing harm."""


def test_number_of_files() -> None:
    """As many as were promised."""
    assert len(HARM) * ROUNDS >= 2000


def _assert_works(checkpoint: charrnn.Checkpoint, path: Path) -> None:
    """What was accepted is a checkpoint: it writes, can be looked into, gone on with, and saved."""
    summary = json.dumps(summarize(checkpoint), allow_nan=False, ensure_ascii=False)
    summary.encode("utf-8", "surrogateescape")  # as standard output does
    try:
        with np.errstate(all="ignore"):
            assert len("".join(charrnn.generate(checkpoint.model, length=5, rng=0))) == 5
        training = charrnn.Training.resume(CORPUS, checkpoint)
        for _, _report in zip(range(2), training, strict=False):
            pass
    except CharrnnError as error:
        assert "\n" not in str(error)  # say, for another corpus
    else:
        charrnn.save_checkpoint(training.checkpoint(), path)
        charrnn.load_checkpoint(path, with_progress=True)


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """Let the system refuse this process any further memory than that."""
    if sys.platform == "linux":
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    else:
        yield


def _load(path: Path) -> charrnn.Checkpoint | None:
    """Load a file, or see it refused in one line; either way with little time and memory."""
    started = time.perf_counter()
    try:
        with _at_most(MAX_BYTES):
            return charrnn.load_checkpoint(path, with_progress=True)
    except CheckpointError as error:
        assert str(error).startswith(f"{path}: ")
        assert "\n" not in str(error)
        return None
    finally:
        assert time.perf_counter() - started < MAX_SECONDS


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
def test_memory_is_limited() -> None:
    """What is asked for beyond the limit is not given, so that the tests below would notice."""
    with _at_most(MAX_BYTES):
        np.ones(MAX_BYTES // 16)
        with pytest.raises(MemoryError):
            np.ones(MAX_BYTES // 4)


@pytest.mark.parametrize("number", range(len(HARM)), ids=[harm.__name__[1:] for harm in HARM])
def test_harm(number: int, sound: Sound, tmp_path: Path) -> None:
    """Each file is refused in one line, or everything works."""
    path = tmp_path / "hostile.npz"
    for seed in range(ROUNDS):
        path.write_bytes(HARM[number](sound, np.random.default_rng([number, seed])))
        try:
            checkpoint = _load(path)
            if checkpoint is not None:
                _assert_works(checkpoint, path)
        except Exception as error:
            error.args = (f"seed {seed}: {error}",)
            raise


def test_commands(sound: Sound, run: Run) -> None:
    """The command line says one line about a file that it refuses, and its exit code is 1."""
    Path("corpus.txt").write_text(make_text(20), encoding="utf-8")
    refused = 0
    for number, harm in enumerate(dict.fromkeys(HARM)):
        Path("hostile.npz").write_bytes(harm(sound, np.random.default_rng([number, ROUNDS])))
        try:
            charrnn.load_checkpoint("hostile.npz", with_progress=True)
        except CheckpointError as error:
            refused += 1
            outcome = run("train", "corpus.txt", "--resume", "hostile.npz", "-q")
            assert (outcome.code, outcome.out) == (1, "")
            assert outcome.err == f"charrnn: {error}\n"
        for command, *options in (("sample", "-n", 5), ("inspect", "--json")):
            outcome = run(command, "hostile.npz", *options)
            assert outcome.code in (0, 1)
            assert bool(outcome.out) == (outcome.code == 0)
            if outcome.code:
                (line,) = outcome.err.splitlines()
                assert line.startswith("charrnn: hostile.npz: ")
    assert refused > 15
