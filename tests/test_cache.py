"""Large corpora: encoded on disk, found again by content, whole whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from conftest import Run
from samples import make_text

import charrnn
from charrnn.cli.display import reading_bar
from charrnn.config import TextConfig
from charrnn.errors import CacheError, InputError
from charrnn.text import cache
from charrnn.text.corpus import Scan

TEXT = make_text(300)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A text that counts as large, read in many blocks."""
    monkeypatch.setattr("charrnn.text.corpus.IN_MEMORY", 1000)
    monkeypatch.setattr("charrnn.text.source.BLOCK", 777)
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def _load(path: Path, folder: Path, **options: object) -> charrnn.Corpus:
    return charrnn.load_corpus([path], cache_folder=folder, **options)  # type: ignore[arg-type]


def _kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _mapped(array: np.ndarray) -> bool:
    return isinstance(array.base, np.memmap)


def test_the_same_corpus(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On disk or in memory, a text has the same numbers, hash and vocabulary."""
    large = _load(corpus, tmp_path / "cache")
    assert _mapped(large.ids)
    assert not large.ids.flags.writeable
    monkeypatch.setattr("charrnn.text.corpus.IN_MEMORY", 1 << 20)
    small = _load(corpus, tmp_path / "unused")
    assert not _mapped(small.ids)
    assert not (tmp_path / "unused").exists()
    np.testing.assert_array_equal(large.ids, small.ids)
    assert large.ids.dtype == small.ids.dtype == np.uint8
    assert large.vocabulary.decode(large.ids) == TEXT
    for name in ("vocabulary", "sources", "sha256", "notices"):
        assert getattr(large, name) == getattr(small, name)


def test_the_same_run(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training from disk takes the very same steps, and evaluates to the same loss."""
    runs = []
    for limit in (1000, 1 << 20):
        monkeypatch.setattr("charrnn.text.corpus.IN_MEMORY", limit)
        training = charrnn.Training(
            _load(corpus, tmp_path / "cache"),
            charrnn.ModelConfig(hidden_size=8),
            charrnn.TrainingConfig(epochs=1, batch_size=4, threads=2),
        )
        assert _mapped(training.corpus.ids) == (limit == 1000)
        runs.append(list(training))
    assert [getattr(report, "loss", None) for report in runs[0]] == [
        getattr(report, "loss", None) for report in runs[1]
    ]
    assert isinstance(runs[0][-1], charrnn.Evaluation)
    assert isinstance(runs[1][-1], charrnn.Evaluation)
    assert runs[0][-1].validation_loss == runs[1][-1].validation_loss is not None


def test_found_again(corpus: Path, tmp_path: Path) -> None:
    """The same content is encoded once, under whatever name and time stamp."""
    folder = tmp_path / "cache"
    first = _load(corpus, folder)
    (file,) = _kept(folder)
    before = file.stat().st_mtime_ns
    other = tmp_path / "copy.txt"
    other.write_bytes(corpus.read_bytes())
    with mock.patch("charrnn.text.cache.store", side_effect=AssertionError("stored again")):
        second = _load(other, folder)
    np.testing.assert_array_equal(first.ids, second.ids)
    assert [path.stat().st_mtime_ns for path in _kept(folder)] == [before]


def test_never_stale(corpus: Path, tmp_path: Path) -> None:
    """A changed text, vocabulary or way of reading has numbers of its own, whatever the clock says."""
    folder = tmp_path / "cache"
    stamp = corpus.stat()
    _load(corpus, folder)
    changed = TEXT.replace("best", "tseb")
    corpus.write_text(changed, encoding="utf-8")
    os.utime(corpus, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert corpus.stat().st_size == stamp.st_size
    second = _load(corpus, folder)
    assert second.vocabulary.decode(second.ids) == changed
    wider = second.vocabulary.extended_by("☃")
    reordered = charrnn.Vocabulary(wider.characters[::-1], wider.config)
    third = _load(corpus, folder, vocabulary=reordered)
    assert third.vocabulary.decode(third.ids) == changed
    by_bytes = _load(corpus, folder, config=TextConfig(unit="byte"))
    assert by_bytes.ids.tobytes() == changed.encode()
    assert len(_kept(folder)) == 4


def test_wide_numbers(tmp_path: Path, corpus: Path) -> None:
    """More than 256 characters take two bytes each, on disk too."""
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 2000))) * 2
    corpus.write_text(text, encoding="utf-8")
    found = _load(corpus, tmp_path / "cache")
    assert found.ids.dtype == np.uint16
    assert found.vocabulary.decode(found.ids) == text
    assert _kept(tmp_path / "cache")[0].stat().st_size == 2 * len(text)


def test_cut_off_file(corpus: Path, tmp_path: Path) -> None:
    """A file of the wrong size is not believed but made again."""
    folder = tmp_path / "cache"
    _load(corpus, folder)
    (file,) = _kept(folder)
    file.write_bytes(file.read_bytes()[:-1])
    found = _load(corpus, folder)
    assert found.vocabulary.decode(found.ids) == TEXT


def test_interrupted(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, a full disk or a text that changes leaves nothing behind."""
    folder = tmp_path / "cache"
    for error, raised in (
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "No space left on device"), CacheError),
    ):
        with (
            mock.patch("charrnn.text.cache.os.fsync", side_effect=error),
            pytest.raises(raised) as caught,
        ):
            _load(corpus, folder)
        assert _kept(folder) == []
    assert "No space left on device" in str(caught.value)
    assert "--cache-dir" in str(caught.value)

    class Other(Scan):
        def __init__(self, pieces: Iterable[str], encoding: str) -> None:
            super().__init__(pieces, encoding)
            self.sha256 = "0" * 64

    monkeypatch.setattr("charrnn.text.corpus.Scan", Other)
    with pytest.raises(InputError, match="changed while being read"):
        _load(corpus, folder)
    assert _kept(folder) == []


def test_two_runs_at_once(corpus: Path, tmp_path: Path) -> None:
    """Processes that encode the same text at the same moment all get it whole."""
    code = (
        "import sys, charrnn, charrnn.text.corpus as text\n"
        "text.IN_MEMORY = 1000\n"
        "from pathlib import Path\n"
        "sys.stdin.readline()\n"
        "corpus = text.load_corpus([sys.argv[1]], cache_folder=Path(sys.argv[2]))\n"
        "sys.stdout.buffer.write(corpus.vocabulary.decode(corpus.ids).encode())"
    )
    command = [sys.executable, "-c", code, str(corpus), str(tmp_path / "cache")]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)
    ]
    for run in runs:
        assert run.stdin is not None
        run.stdin.write(b"\n")
        run.stdin.flush()
    for run in runs:
        out, _ = run.communicate(timeout=60)
        assert out.decode() == TEXT
    assert len(_kept(tmp_path / "cache")) == 1


def test_another_run_was_first(corpus: Path, tmp_path: Path) -> None:
    """Where a file in use cannot be replaced (on Windows), the one that is there will do."""
    folder = tmp_path / "cache"
    intact = cache.store

    def store(*arguments: object) -> None:
        intact(*arguments)  # type: ignore[arg-type]
        with mock.patch(
            "charrnn.text.cache.Path.replace", side_effect=PermissionError(13, "in use")
        ):
            intact(arguments[0], arguments[1], [])  # type: ignore[arg-type]

    with mock.patch("charrnn.text.cache.store", store):
        found = _load(corpus, folder)
    assert found.vocabulary.decode(found.ids) == TEXT
    assert len(_kept(folder)) == 1


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each system's own place, and a temporary one for a user without a home."""
    monkeypatch.setattr("charrnn.text.cache.Path.home", lambda: tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    for platform, place in (
        ("linux", ".cache"),
        ("darwin", "Library/Caches"),
        ("win32", "AppData/Local"),
    ):
        monkeypatch.setattr("charrnn.text.cache.sys.platform", platform)
        assert cache.default_folder() == tmp_path / place / "charrnn"
    monkeypatch.setattr("charrnn.text.cache.sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache.default_folder() == tmp_path / "x" / "charrnn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("charrnn.text.cache.Path.home", mock.Mock(side_effect=RuntimeError))
    monkeypatch.setattr("charrnn.text.cache.tempfile.gettempdir", lambda: "temporary")
    assert cache.default_folder() == Path("temporary") / ".cache" / "charrnn"


class Terminal(io.StringIO):
    """What was drawn, by somebody who thinks that a person is looking."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "shown"),
    [(Terminal(), False, True), (Terminal(), True, False), (io.StringIO(), False, False)],
)
def test_bar(
    stream: io.StringIO,
    quiet: bool,
    shown: bool,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a terminal both passes are shown to their end; elsewhere, or when quiet, nothing."""
    monkeypatch.setattr("charrnn.cli.display.READING_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr", stream)
    counts: list[int] = []
    with reading_bar(quiet=quiet) as progress:

        def counted(count: int, total: int) -> None:
            assert total == 2 * len(TEXT.encode())
            counts.append(count)
            if progress is not None:
                progress(count, total)

        _load(corpus, tmp_path / "cache", progress=counted)
    assert sum(counts) == 2 * len(TEXT.encode())
    assert ("reading" in stream.getvalue()) == shown
    assert bool(stream.getvalue()) == shown


def test_leftovers(corpus: Path, tmp_path: Path) -> None:
    """What a killed run left is cleared away after a day; what another run is writing is not."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("old.part", "new.part"):
        (folder / name).touch()
    os.utime(folder / "old.part", (1, 1))
    _load(corpus, folder)
    assert [path.name for path in _kept(folder) if path.suffix != ".ids"] == ["new.part"]


def test_command_line(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """--cache-dir says where; standard input goes the same way; a folder that is none is one line."""
    monkeypatch.setattr("charrnn.text.corpus.IN_MEMORY", 1000)
    options = ("--hidden-size", 4, "--epochs", 1, "-q", "--cache-dir")
    outcome = run("train", "corpus.txt", *options, "a cache/ü")
    assert outcome.code == 0, outcome.err
    assert len(_kept(tmp_path / "a cache" / "ü")) == 1
    resumed = run(
        "train", "--resume", outcome.out.strip(), "--epochs", 2, "--cache-dir", "a cache/ü"
    )
    assert resumed.code == 0
    assert len(_kept(tmp_path / "a cache" / "ü")) == 1
    refused = run("train", "corpus.txt", *options, "corpus.txt")
    assert refused.code == 1
    assert len(refused.err.splitlines()) == 1
    assert "choose another folder with --cache-dir" in refused.err
    assert not list(tmp_path.glob("checkpoints/corpus-2*"))


# --------------------------------------------------------------------------- damage and strangers


def _file(folder: Path) -> Path:
    (file,) = folder.glob("*.ids")
    return file


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("where", [slice(None), slice(7, 8)])
def test_damaged_content(corpus: Path, tmp_path: Path, value: int, where: slice) -> None:
    """What is not what was written is noticed, and made again."""
    folder = tmp_path / "cache"
    intact = _load(corpus, folder).ids.copy()
    file = _file(folder)
    data = np.fromfile(file, np.uint8)
    data[where] = value
    file.write_bytes(data.tobytes())
    np.testing.assert_array_equal(_load(corpus, folder).ids, intact)
    np.testing.assert_array_equal(np.fromfile(_file(folder), np.uint8), intact)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_only_one_s_own_file(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else can write to it, and one that somebody else could have written is not read."""
    folder = tmp_path / "cache"
    _load(corpus, folder)
    file = _file(folder)
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    data = file.read_bytes()
    poison = bytes(len(data))
    planted = folder / f"{file.stem.partition('-')[0]}-{hashlib.sha256(poison).hexdigest()}.ids"
    for mode in (0o620, 0o602, 0o666):
        planted.write_bytes(poison)
        planted.chmod(mode)
        file.unlink(missing_ok=True)
        found = _load(corpus, folder)
        assert found.vocabulary.decode(found.ids) == TEXT
        assert not planted.exists()
    file.unlink()
    (tmp_path / "elsewhere").write_bytes(poison)
    planted.symlink_to(tmp_path / "elsewhere")
    assert _load(corpus, folder).vocabulary.decode(_load(corpus, folder).ids) == TEXT
    file.unlink()
    planted.unlink()
    os.mkfifo(planted)
    assert _load(corpus, folder).vocabulary.decode(_load(corpus, folder).ids) == TEXT
    planted.unlink(missing_ok=True)
    file.unlink()
    planted.write_bytes(poison)
    planted.chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setattr("charrnn.text.cache.os.geteuid", lambda: 12345)
        assert cache.stored(folder, planted.stem.partition("-")[0], np.uint8, len(poison)) is None


CUTTING = """
import sys
from pathlib import Path
import charrnn.text.corpus
import charrnn.training.trainer
from charrnn.cli import main
charrnn.text.corpus.IN_MEMORY = 1000
step = charrnn.training.trainer.Training._step
def cutting(training, *arguments):
    if training.step == 3:
        (file,) = Path("cache").glob("*.ids")
        with file.open("r+b") as opened:
            {harm}
    return step(training, *arguments)
charrnn.training.trainer.Training._step = cutting
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody write to it meanwhile")
@pytest.mark.usefixtures("run", "by_numpy")
@pytest.mark.parametrize("harm", ["opened.truncate(0)", "opened.write(b'\\xff' * 3000)"])
def test_changed_during_a_run(harm: str) -> None:
    """One line, where the process would be killed or train on what is no text; its saves stay."""
    Path("corpus.txt").write_text(TEXT * 9, encoding="utf-8")
    options = ("--hidden-size", "4", "--steps", "9", "-q", "-o", "a.npz", "--cache-dir", "cache")
    done = subprocess.run(
        [sys.executable, "-c", CUTTING.format(harm=harm), "train", "corpus.txt", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert "was changed while it was in use" in line
    charrnn.load_checkpoint("a.npz", with_progress=True)
