"""The promise of docs/checkpoint-format.md: old checkpoints live on, and every entry is described."""

from __future__ import annotations

import hashlib
import json
import re
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from kinds import KINDS, class_of, named

import charrnn
from charrnn.config import OPTIMIZERS
from charrnn.files.checkpoint import FORMAT

ROOT = Path(__file__).parent.parent
GOLDEN_FOLDER = ROOT / "tests" / "golden"
CORPUS = GOLDEN_FOLDER / "corpus.txt"
DOCUMENT = (ROOT / "docs" / "checkpoint-format.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Golden:
    """What ``tests/golden/make_checkpoint.py`` saved, and what it printed."""

    sha256: str
    cell: str
    text_config: charrnn.TextConfig
    step: int
    validation_loss: float
    text: str


GOLDEN = {
    1: Golden(
        "7a4d4a1f3b4d801cd8c2b4d5d5d4f7f13358c8203a824caccfedac101c30455f",
        "gru",
        charrnn.TextConfig(normalize="none"),
        300,
        0.08767284134118718,
        "said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\n"
        "The sun was low, the sea was calm,\nand nobody sai",
    ),
    2: Golden(
        "62d968425cb601053cd6e293ad6a37f8cc82cece95e5a736c7122e1ea85cd63f",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.08635221425849464,
        "said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\n"
        "The sun was low, the sea was calm,\nand nobody sai",
    ),
    3: Golden(
        "c3e1a8796549fa06a304de69d4ad5b24c6f9a543a6fe31181c857d2d090986cd",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.07371975163808994,
        "sea was calm,\nand nobody said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\nThe sun was low, the sea",
    ),
    4: Golden(
        "fd57ced773d275089beab59f8fc3aabe078fe8b947e9d7ad978f82dbb4c78111",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.199068788970141,
        "sea was calm,\nand nobody said a word.\nA café on the sun was low, the sea was calm,\nand nobody said a word.\nA café on the",
    ),
    5: Golden(
        "2983af711f89c7748eff1ab83ffe27b414b83d0364e18465a0b3db68ef17eb03",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.19907059336358027,
        "sea was calm,\nand nobody said a word.\nA café on the sun was low, the sea was calm,\nand nobody said a word.\nA café on the",
    ),
    6: Golden(
        "9424fc26efc7151c85b0e7783f7e27b85c48f02359a4a9ce28fab61e17194c5d",
        "feedforward",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.1941139762157675,
        "sea was low, the sea was low, the sea was low, the sea was low, the sea was low, the sea was low, the sea was low, the s",
    ),
    7: Golden(
        "bd3045a96eda08d0f6b0be3b7c0cad4ef748289b3ed8d531a2810a3b96a5b485",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.2431783877514504,
        "sun was low, the sea was calm,\nand nobody said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\nThe sun",
    ),
    8: Golden(
        "1a0495fca2e00c82cbf762c6fd1bdf0f257e2eff177a018be4f5039d5cde3e4d",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.24317836007355031,
        "sun was low, the sea was calm,\nand nobody said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\nThe sun",
    ),
    9: Golden(
        "ea916cd22e82b92fdcad5c63da7ef3c45880204870e2fdb76102c9e0e79d4209",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.24317836007355031,
        "sun was low, the sea was calm,\nand nobody said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\nThe sun",
    ),
    10: Golden(  # the first that is normalised
        "73368e304219db4e5165cecfe618395293c36afb1500ea78aebb07879547b1f0",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.19260847490608088,
        "sun was low, the sea was calm,\nand nobody said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\nThe sun",
    ),
    11: Golden(
        "3e1edacd218515035460155eebe9a4e3a0bb14bbbe923167f15bf776b957c202",
        "gru",
        charrnn.TextConfig(normalize="nfc"),
        300,
        0.19260847490608088,
        "sun was low, the sea was calm,\nand nobody said a word.\nA café on the corner — closed —\nwas all we saw or heard.\n\nThe sun",
    ),
}
TAGS = {
    7: "2893ecc21731251e65469ab8064361aaad01726d430b083fea0fb94ca70a0107",
    8: "6a056150536c8eb59f868e5feeab15e84b7bcea18ffdf2ac6f6a2c870917469f",
    9: "2bbf2ee3f5fbc7cd73a3382687cf059824a69eaed8b211f08ca9d85aca393328",
    10: "e35fb01b85451d770dd2ab0ba89fa0f3f3b8ac315aca7a4843ae6eee80ee9898",
    11: "75280c82869d2c2a8dc4e8541f39e2dac8645800f88407017eb8d0c5f6e7e5bd",
}
"""Of each format from the first that knew tags, a model that tells vowels."""
TURNED = {
    8: "0c9724bd9eb87de54ec41cfdd363e48220116227cf4191dbbbd9d54f13e314f9",
    9: "1ee4a232893b3b96f1818269bf270e0f05d32d9364e262d52c2d2902698993d6",
    10: "55e1e14b594d496b4f60aad9abe620b933479268d1ad96fdb312e590d98dbb85",
    11: "6dec86c4aa2d58b3e12be846aa9ecffb6e457bb6bcbe3e36c0cbb0317ec2021a",
}
"""Of each format from the first that knew targets, a model that turns words round."""


def test_each_format_has_a_golden_checkpoint() -> None:
    """A new format comes with a file of its own, and no old one is ever made anew."""
    assert set(GOLDEN) == set(range(1, FORMAT + 1))
    for number, golden in GOLDEN.items():
        data = (GOLDEN_FOLDER / f"format-{number}.npz").read_bytes()
        assert hashlib.sha256(data).hexdigest() == golden.sha256
        assert len(data) < 60_000
    assert max(TAGS) == max(TURNED) == FORMAT


@pytest.mark.parametrize("number", GOLDEN)
def test_old_checkpoint_is_read(number: int) -> None:
    """All that was saved is there."""
    golden = GOLDEN[number]
    checkpoint = charrnn.load_checkpoint(GOLDEN_FOLDER / f"format-{number}.npz", with_progress=True)
    assert checkpoint.model.config.cell == golden.cell
    assert checkpoint.model.vocabulary.config == golden.text_config
    assert checkpoint.validation_loss == golden.validation_loss
    assert min(entry.validation_loss or 9 for entry in checkpoint.history) == golden.validation_loss
    assert checkpoint.progress is not None
    assert checkpoint.progress.step == golden.step
    corpus = CORPUS.read_text(encoding="utf-8")
    assert checkpoint.corpus.sha256 == hashlib.sha256(corpus.encode()).hexdigest()


@pytest.mark.parametrize("number", GOLDEN)
def test_old_checkpoint_writes(number: int, run: Run) -> None:
    """It writes the very text that it wrote when it was made."""
    path = GOLDEN_FOLDER / f"format-{number}.npz"
    outcome = run("sample", path, "--prime", "The ", "-n", 120, "--temp", 0, "--no-echo", "-q")
    assert (outcome.code, outcome.out) == (0, GOLDEN[number].text)


@pytest.mark.parametrize("number", GOLDEN)
def test_old_checkpoint_is_resumed(number: int, run: Run, tmp_path: Path) -> None:
    """Its run goes on from where it was, to a better end."""
    golden, path = GOLDEN[number], tmp_path / "old.npz"
    path.write_bytes((GOLDEN_FOLDER / f"format-{number}.npz").read_bytes())
    outcome = run("train", CORPUS, "--resume", path, "--steps", golden.step + 100, "-q")
    assert outcome.code == 0, outcome.err
    checkpoint = charrnn.load_checkpoint(path, with_progress=True)
    further = [entry for entry in checkpoint.history if entry.step > golden.step]
    assert len(further) == 2
    assert all(entry.train_loss < 0.3 for entry in further)  # a run from nothing starts above 3
    assert checkpoint.validation_loss is not None
    assert checkpoint.validation_loss < golden.validation_loss


@pytest.mark.parametrize("number", TAGS)
def test_old_tags(number: int, run: Run, tmp_path: Path) -> None:
    """A model of tags answers as it did, and its run goes on."""
    data = (GOLDEN_FOLDER / f"format-{number}-tag.npz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == TAGS[number]
    path, text = tmp_path / "old.npz", CORPUS.read_text(encoding="utf-8")
    path.write_bytes(data)
    (before,) = charrnn.predict(charrnn.load(path), ["The sun was low"])
    assert before.label == "--v--v---v---v-"
    vowels = "aeiouAEIOU"
    lines = (
        f"{line}\t{''.join('v' if c in vowels else '-' for c in line)}\n"
        for line in text.splitlines()
        if line
    )
    table = tmp_path / "tags.tsv"
    table.write_text("".join(lines), encoding="utf-8")
    outcome = run("train", table, "--resume", path, "--steps", 400, "-q")
    assert outcome.code == 0, outcome.err
    checkpoint = charrnn.load_checkpoint(path)
    assert checkpoint.history[-1].step == 400
    assert checkpoint.figures is not None
    assert checkpoint.figures.accuracy == 1


@pytest.mark.parametrize("number", TURNED)
def test_old_targets(number: int, run: Run, tmp_path: Path) -> None:
    """A model of targets makes what it made, and its run goes on."""
    data = (GOLDEN_FOLDER / f"format-{number}-seq2seq.npz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == TURNED[number]
    path = tmp_path / "old.npz"
    path.write_bytes(data)
    found = charrnn.rewrite(charrnn.load(path), ["corner", "sun"])
    assert [best.text for best, *_ in found] == ["renroc", "nus"]
    assert [best.bits for best, *_ in found] == pytest.approx([4.9016, 1.3601], abs=0.01)
    made = runpy.run_path(str(GOLDEN_FOLDER / "make_checkpoint.py"))
    table = tmp_path / "words.tsv"
    lines = made["turned"](CORPUS.read_text(encoding="utf-8"))
    table.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    outcome = run("train", table, "--resume", path, "--steps", 400, "-q")
    assert outcome.code == 0, outcome.err
    checkpoint = charrnn.load_checkpoint(path)
    assert checkpoint.history[-1].step == 400
    assert checkpoint.figures is not None
    assert checkpoint.figures.symbols > 0


def test_newer_format_is_refused_first(tmp_path: Path) -> None:
    """By its number alone, whatever else a newer version may have changed."""
    meta = json.dumps({"format": FORMAT + 1, "vocabulary": {"of": "another kind"}})
    path = tmp_path / "new.npz"
    np.savez(path, meta=np.frombuffer(meta.encode(), np.uint8))
    with pytest.raises(charrnn.CharrnnError, match=rf"newer charrnn \(format {FORMAT + 1};"):
        charrnn.load_checkpoint(path)


# ---------------------------------------------------------------------------------- the document


def _names(meta: Any) -> set[str]:
    """Each name in the JSON."""
    if isinstance(meta, list):
        return set().union(*map(_names, meta))
    if isinstance(meta, dict):
        return set(meta).union(*map(_names, meta.values()))
    return set()


@pytest.mark.parametrize("cell", KINDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_entry_is_described(cell: str, optimizer: str, tmp_path: Path) -> None:
    """Names, types and shapes are those that the document gives."""
    recurrent = class_of(cell).recurrent
    training = charrnn.Training(
        charrnn.Corpus.from_text("abcdefgh" * 99),
        charrnn.ModelConfig(**named(cell), hidden_size=3, embedding_size=2 if recurrent else 0),
        charrnn.TrainingConfig(
            batch_size=2, seq_length=9, epochs=1, eval_every=1, optimizer=optimizer, ema=0.9
        ),
    )
    next(iter(training))
    path = tmp_path / "a.npz"
    charrnn.save_checkpoint(training.checkpoint(), path)
    rows = {
        name: (dtype.replace("\\", ""), shape)
        for name, dtype, shape in re.findall(
            r"^\| `([\w/…]+)` \| `([^`]+)` \| ([^|]+) \|", DOCUMENT, re.MULTILINE
        )
    }
    (slots,) = re.findall(r"^\| `progress/slots/….*", DOCUMENT, re.MULTILINE)
    gates, states = {"lstm": (4, 2), "gru": (3, 1)}.get(named(cell)["cell"], (1, 1))
    size = training.model().parameters.flat.size
    sizes = {
        "K": 8,
        "O": 8,
        "R": 3,
        "H": 3,
        "D": 2,
        "L": 2,
        "B": 2,
        "P": size,
        "G·H": 3 * gates,
        "1 or 2": states,
        "1": 1,
        "C-1": 2,
    }
    with np.load(path) as file:
        meta = json.loads(file["meta"].tobytes())
        for name in set(file.files) - {"meta"}:
            if name.startswith("progress/slots/"):
                dtype, shape = rows["progress/slots/…"]
                assert f"`{Path(name).name}`" in slots
            else:
                dtype, shape = rows[
                    re.sub(r"layer\d+(?!/Uk)", "layerN", re.sub(r"U\d", "Uk", name))
                ]
                shape = shape.split("; feedforward ")[-1 if not recurrent else 0]
            sizes["in"] = 2 if name.startswith("model/layer0") else 3
            assert file[name].dtype.str == dtype
            assert file[name].shape == tuple(sizes[part.strip("*")] for part in shape.split(", "))
    assert meta["format"] == FORMAT
    assert f"Format **{FORMAT}**" in DOCUMENT
    for name in _names(meta):
        assert f"`{name}`" in DOCUMENT, name
