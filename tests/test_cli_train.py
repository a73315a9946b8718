"""``charrnn train``: what it prints where, what it saves, and how it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from samples import TINY
from talking import CHARRNN

import charrnn

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell or signals")


def _meta(run: Run, path: object) -> dict[str, Any]:
    outcome = run("inspect", path, "--json")
    assert outcome.code == 0
    values: dict[str, Any] = json.loads(outcome.out)
    return values


# ---------------------------------------------------------------------------------------- train


def test_train_prints_the_path_alone(run: Run) -> None:
    """Standard output carries the path; reports are plain lines on standard error."""
    outcome = run("train", "corpus.txt", *TINY[:-1], 1)
    assert outcome.out == f"{Path('checkpoints/corpus.npz')}\n"
    lines = outcome.err.splitlines()
    assert any(line.startswith("text: ") and "for validation" in line for line in lines)
    assert any("bits/char" in line and "chars/s" in line and " left" in line for line in lines)
    (sample,) = [line for line in lines if line.startswith("sample: ")]
    assert len(json.loads(sample.removeprefix("sample: "))) == 160
    assert lines[-1].startswith("write:  charrnn sample ")


@pytest.mark.parametrize(
    ("option", "value", "needed"),
    [
        ("--decay", 0.9, ("--schedule", "exponential")),
        ("--cooldown", 2, ("--schedule", "trapezoid")),
        ("--momentum", 0.5, ("--optimizer", "sgd")),
    ],
)
def test_an_option_without_effect_is_told(
    run: Run, option: str, value: float, needed: tuple[str, str]
) -> None:
    """A setting that another one switches off is not ignored silently."""
    told = f"{option} does nothing without {' '.join(needed)}"
    command = ("train", "corpus.txt", "--hidden-size", 8, "--steps", 4, option, value)
    assert told in run(*command).err.splitlines()
    assert told not in run(*command, *needed).err


def test_fresh_names(run: Run) -> None:
    """A further run never touches an earlier one's file."""
    paths = [run("train", "corpus.txt", *TINY, "--quiet").out.strip() for _ in range(3)]
    assert [Path(path).name for path in paths] == ["corpus.npz", "corpus-2.npz", "corpus-3.npz"]


def test_quiet(run: Run) -> None:
    """Not a word on standard error."""
    assert run("train", "corpus.txt", *TINY, "--quiet").err == ""


def test_settings_reach_the_checkpoint(run: Run) -> None:
    """Each option sets the field of its name."""
    options = {
        "cell": "gru",
        "num_layers": 1,
        "embedding_size": 5,
        "dropout": 0.1,
        "weight_drop": 0.2,
        "seq_length": 20,
        "batch_size": 4,
        "optimizer": "rmsprop",
        "learning_rate": 0.003,
        "schedule": "exponential",
        "warmup": 7,
        "decay": 0.9,
        "momentum": 0.8,
        "ema": 0.5,
        "weight_decay": 0.02,
        "clip": 3.0,
        "clip_mode": "value",
        "val_fraction": 0.2,
        "eval_every": 9,
        "patience": 4,
        "seed": 5,
        "threads": 2,
        "epochs": 2,
        "cooldown": 3,
    }
    flags = [x for name, value in options.items() for x in (f"--{name.replace('_', '-')}", value)]
    outcome = run("train", "corpus.txt", "--rnn-size", 6, *flags, "-q", "-o", "deep/er/a.npz")
    assert outcome.code == 0, outcome.err
    config = _meta(run, "deep/er/a.npz")["config"]
    assert {**config["model"], **config["training"]} == {
        **{"hidden_size": 6, "context": None, "steps": 0, "rewarm": 0},
        **{
            "task": "lm",
            "bidirectional": False,
            "attention": None,
            "ngrams": 0,
            "lm_loss": 0.0,
            "layer_norm": False,
            "keep_best": None,
            "class_weights": "none",
            "label_smoothing": 0.0,
            "rare_labels": 0.0,
            "reduce_every": 1,
        },
        **options,
    }


def test_several_files_and_standard_input(run: Run) -> None:
    """Files in turn are one text, the same as their concatenation in a pipe."""
    Path("b.txt").write_text("Another file, read after the first one.\n" * 9, encoding="utf-8")
    run("train", "corpus.txt", "b.txt", *TINY, "-q", "-o", "two.npz")
    both = Path("corpus.txt").read_bytes() + Path("b.txt").read_bytes()
    piped = subprocess.run(
        [*CHARRNN, "train", "-", *map(str, TINY), "-q"], input=both, capture_output=True, check=True
    )
    assert piped.stdout.decode().strip() == str(Path("checkpoints/stdin.npz"))
    one, other = _meta(run, "two.npz"), _meta(run, "checkpoints/stdin.npz")
    assert one["corpus"]["sha256"] == other["corpus"]["sha256"]
    # Each file is divided where it is known that there are two.
    assert (len(one["corpus"]["parts"]), other["corpus"]["parts"]) == (2, [])


@posix
def test_interrupted_and_resumed_equals_uninterrupted(run: Run) -> None:
    """Ctrl-C saves and tells how to go on; doing so gives the same file, bit for bit."""
    options = ["--hidden-size", "16", "--epochs", "20", "--batch-size", "4", "--seed", "3"]
    command = [*CHARRNN, "train", "corpus.txt", *options, "--sample-every", "0"]
    subprocess.run([*command, "-o", "whole.npz", "-q"], check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "-o", "cut.npz"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not Path("cut.npz").exists() or not Path("cut.npz").stat().st_size:
        assert process.poll() is None
        time.sleep(0.01)  # until the first evaluation has been saved
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == "cut.npz\n"
    assert "go on:  charrnn train --resume cut.npz" in err
    at = charrnn.load_checkpoint("cut.npz", with_progress=True).progress
    assert at is not None
    assert at.step > 0
    resumed = run("train", "corpus.txt", "--resume", "cut.npz", "-q")
    assert (resumed.code, resumed.out) == (0, "cut.npz\n")
    with np.load("whole.npz") as whole, np.load("cut.npz") as cut:
        assert whole.files == cut.files
        for name in set(whole.files) - {"meta"}:
            np.testing.assert_array_equal(whole[name], cut[name])


def test_resume_finds_its_corpus_and_extends(run: Run, model: Path) -> None:
    """Without a corpus the recorded file is read; more epochs go on with a finished run."""
    before = _meta(run, model)["history"]
    assert run("train", "--resume", model, "--epochs", 2, "-q").code == 0
    after = _meta(run, model)["history"]
    assert after[: len(before)] == before
    assert after[-1]["step"] == 2 * before[-1]["step"]


def test_resume_refuses(run: Run, model: Path) -> None:
    """Another text, another shape, or a second start are told apart from going on."""
    Path("other.txt").write_text("Quite another text. " * 20, encoding="utf-8")
    for arguments, said in (
        (("other.txt", "--resume", model), f"--init-from {model}"),
        (("corpus.txt", "--resume", model, "--hidden-size", 9), "--hidden-size is 8"),
        (("corpus.txt", "--resume", model, "--batch-size", 1), "batch-size is"),
        (("corpus.txt", "--resume", model, "--init-from", model), "leave out --init-from"),
        (("corpus.txt", "--resume", model, "-o", "x.npz"), "leave out --output"),
    ):
        outcome = run("train", *arguments)
        assert outcome.code == 2
        assert said in outcome.err


def test_init_from(run: Run, model: Path) -> None:
    """A new text is learnt on top of a model; what it lacks is named, or added."""
    Path("new.txt").write_text("It was ☃ and more ☃ than before.\n" * 20, encoding="utf-8")
    refused = run("train", "new.txt", "--init-from", model, *TINY[2:])
    assert refused.code == 2
    assert "'☃' (U+2603)" in refused.err
    assert "--extend-vocab" in refused.err
    extended = run("train", "new.txt", "--init-from", model, "--extend-vocab", *TINY[2:], "-q")
    assert extended.code == 0
    old, new = _meta(run, model), _meta(run, extended.out.strip())
    assert new["vocabulary"] == old["vocabulary"] + "☃"
    assert new["config"]["model"] == old["config"]["model"]
    dropping = ("--dropout", 0.4, "--weight-drop", 0.1)
    assert run("train", "corpus.txt", "--init-from", model, *dropping, *TINY[2:], "-q").code == 0


@pytest.mark.parametrize("where", ["cli.starting.load_corpus", "training.pace.choose_here"])
def test_interrupted_at_once(run: Run, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Ctrl-C before there is a run, while the text is read or the machine is measured, says that there is none."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"charrnn.{where}", interrupted)
    outcome = run("train", "corpus.txt")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "charrnn: interrupted; nothing was trained, nothing was saved\n"
    assert not list(Path().glob("checkpoints/*"))


def test_an_underfitted_run_says_how_to_go_on(run: Run) -> None:
    """The command that it prints makes the run twice as long."""
    options = ("--hidden-size", 8, "--steps", 40, "--eval-every", 5, "--sample-every", 0)
    outcome = run("train", "corpus.txt", *options, "-o", "short.npz")
    assert "fit:    under-fitted" in outcome.err
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("go on:")]
    program, *words = line.removeprefix("go on:").split()
    assert (program, words[-2:]) == ("charrnn", ["--steps", "80"])
    assert run(*words, "-q").code == 0
    assert _meta(run, Path("short.npz"))["history"][-1]["step"] == 80


@pytest.mark.parametrize("option", ["--epochs", "--steps"])
def test_no_length(run: Run, option: str) -> None:
    """A run of no steps is not one of some other length."""
    outcome = run("train", "corpus.txt", option, 0)
    assert outcome.code == 2
    assert f"{option} must be at least 1; --minutes says" in outcome.err


def test_no_pace_is_told_before_a_step(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was left just before an evaluation begins with that: hours of nothing are not left."""

    def interrupted(*_: object) -> Any:
        raise KeyboardInterrupt

    flags = ("--hidden-size", 4, "--steps", 4, "--eval-every", 2, "--save-every", 1, "-o", "m.npz")
    with monkeypatch.context() as patch:
        patch.setattr("charrnn.training.trainer.validate", interrupted)
        assert run("train", "corpus.txt", *flags).code == 130
    told = run("train", "--resume", "m.npz")
    assert told.code == 0
    first, second = (line for line in told.err.splitlines() if line.startswith("step "))
    assert first.endswith("bits/char")
    assert second.endswith(" left")


def test_a_name_that_is_no_model_s(run: Run, model: Path) -> None:
    """It was meant for one, perhaps: what it was taken for is said, before all else."""
    taken = {"sample": "a file of prompts", "score": "the text to score"}
    for command, use in taken.items():
        refused = run(command, "absent")
        told = (
            f"charrnn: absent: no such file; without .npz it is taken for {use}, not for a model\n"
        )
        assert (refused.code, refused.err) == (2, told)
        assert run(command, model, "absent").err.endswith("charrnn: absent: no such file\n")
    model.unlink()
    Path("german.txt").write_text("alt")
    for command in taken:
        refused = run(command, "german.txt")
        assert refused.err.endswith("charrnn train corpus.txt; german.txt is none\n")


@pytest.mark.parametrize("option", ["--html", "--svg", "--png"])
def test_a_full_disk_names_the_file(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """It also leaves what was there before, and nothing else."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    if option != "--html":
        pytest.importorskip("matplotlib")
    assert run("inspect", model, option, "out.file").code == 0
    before, files = Path("out.file").read_bytes(), set(Path().iterdir())
    monkeypatch.setattr("charrnn.files.whole.os.fsync", full)
    refused = run("inspect", model, option, "out.file")
    assert refused.code == 1
    told = "charrnn: out.file: cannot be written: No space left on device"
    assert refused.err.splitlines()[-1] == told
    assert (Path("out.file").read_bytes(), set(Path().iterdir())) == (before, files)


@posix
def test_a_page_goes_into_a_device(run: Run, model: Path) -> None:
    """What holds nothing cannot lose it."""
    assert run("inspect", model, "--html", os.devnull).code == 0
    assert Path(os.devnull).is_char_device()


def test_the_name_of_a_text_is_no_run_to_go_on_with(run: Run, model: Path) -> None:
    Path("german.txt").write_text("alt")
    refused = run("train", "corpus.txt", "-o", "german.txt")
    assert (refused.code, refused.err) == (
        2,
        "charrnn: german.txt: exists already; choose another --output\n",
    )
    assert "--resume" in run("train", "corpus.txt", "-o", model).err


def test_nothing_left_to_do(run: Run, model: Path) -> None:
    """A finished run that is resumed says that it is, and how to go on."""
    outcome = run("train", "corpus.txt", "--resume", model)
    assert outcome.code == 0
    assert (
        "nothing is left to do; a larger --steps or --epochs goes on, or --minutes" in outcome.err
    )


def test_stopped_early_goes_on_with_patience(run: Run) -> None:
    """What --steps could not do, a larger --patience does."""
    options = ("--schedule", "constant", "--learning-rate", 0.5, "--eval-every", 1, "--patience", 1)
    model = run("train", "corpus.txt", *TINY[:2], "--steps", 60, *options).out.strip()
    stopped = _meta(run, model)["history"][-1]["step"]
    assert stopped < 60
    card = run("inspect", model).out
    assert f"charrnn train --resume {model} --patience 2" in card
    told = "nothing is left to do; a larger --patience goes on"
    assert told in run("train", "corpus.txt", "--resume", model, "--steps", 90).err
    assert told not in run("train", "corpus.txt", "--resume", model, "--patience", 50).err
    assert _meta(run, model)["history"][-1]["step"] > stopped


def test_unwritable_stop(run: Run, model: Path) -> None:
    """A string that the model cannot write would never end a text."""
    outcome = run("sample", model, "--length", 0, "--stop", "\u65e5")
    assert outcome.code == 2
    assert "a text would never stop there" in outcome.err


@pytest.mark.parametrize("option", ["--html", "--png", "--svg"])
@pytest.mark.usefixtures("model")
def test_no_place_for_a_picture(run: Run, option: str) -> None:
    """It is said before the work."""
    assert "its folder does not exist; name a file" in run("inspect", option, "no/such.x").err
    assert ": is a folder; name a file" in run("inspect", option, ".").err


@pytest.mark.usefixtures("model")
def test_a_name_that_is_no_file(run: Run) -> None:
    """A mistyped name is read as the text that it is, but not in silence."""
    outcome = run("inspect", "--text", "wa.s")
    assert "wa.s: no such file; read as a text" in outcome.err
    assert run("inspect", "--text", ".").code == 2


def test_divergence(run: Run) -> None:
    """A hopeless rate ends in advice, exit code 1, and a file that can be read."""
    outcome = run(
        "train", "corpus.txt", "--epochs", 30, "--cell", "rnn-relu", "--optimizer", "sgd",
        "--learning-rate", 1000, "--clip", 0, "-o", "d.npz", "-q",
    )  # fmt: skip
    assert outcome.code == 1
    (line,) = outcome.err.splitlines()
    assert "--learning-rate" in line
    assert "d.npz" in line
    assert np.isfinite(charrnn.load_checkpoint("d.npz").model.parameters.flat).all()


def test_resume_keeps_the_order_of_the_vocabulary(run: Run, model: Path) -> None:
    """Added characters stand at the end, where the text's own order would not have them."""
    Path("new.txt").write_text("It was 'so' and more so than before.\n" * 20, encoding="utf-8")
    options = ["new.txt", "--init-from", model, "--extend-vocab", "-q"]
    options += ["--schedule", "constant", "--warmup", 0]
    started = run("train", *options, "--epochs", 1).out.strip()
    vocabulary = _meta(run, started)["vocabulary"]
    assert vocabulary != "".join(sorted(vocabulary))
    assert run("train", "--resume", started, "--epochs", 2, "-q").code == 0
    whole = run("train", *options, "--epochs", 2).out.strip()
    one, other = (charrnn.load_checkpoint(path, with_progress=True) for path in (started, whole))
    assert one.progress is not None
    assert other.progress is not None
    np.testing.assert_array_equal(one.progress.weights, other.progress.weights)
    assert one.model.vocabulary == other.model.vocabulary


# ----------------------------------------------------------------------------------------- bytes


@pytest.fixture
def byte_model(run: Run) -> Path:
    """A model of a file that no encoding fits."""
    content = bytes(np.random.default_rng(0).integers(256, size=3000, dtype=np.uint8))
    Path("noise.bin").write_bytes(content)
    outcome = run("train", "noise.bin", "--bytes", *TINY, "-q")
    assert outcome.code == 0, outcome.err
    return Path(outcome.out.strip())


def test_bytes(run: Run, byte_model: Path) -> None:
    """Raw bytes come out, a prime's UTF-8 first, whatever the locale; inspect shows the kind."""
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [*CHARRNN, "sample", str(byte_model), "-n", "300", "--seed", "1", "--prime"]
    done = subprocess.run([*command, "☃"], env=environment, capture_output=True, check=True)
    assert done.stdout.startswith("☃".encode())
    assert len(done.stdout) == 303
    with pytest.raises(UnicodeDecodeError):
        done.stdout.decode()
    values = _meta(run, byte_model)
    text = {"unit": "byte", "normalize": "none", "records": False}
    assert values["config"]["text"] == {**text, "tokens": False, "features": False}
    assert values["vocabulary_size"] == 256
    assert values["corpus"]["characters"] == 3000
    card = run("inspect", byte_model).out
    assert "3,000 bytes" in card
    assert "bits/byte" in card
    assert "bits/byte" in card


@posix
def test_byte_prime(run: Run, byte_model: Path) -> None:
    """On a POSIX system a prime may be any bytes but NUL."""
    assert run("inspect", byte_model).code == 0
    command = [*map(os.fsencode, CHARRNN), b"sample", b"-q", b"-n", b"1", b"--prime", b"\xff\xfe"]
    assert subprocess.run(command, capture_output=True, check=True).stdout[:-1] == b"\xff\xfe"


def test_bytes_are_kept(run: Run, byte_model: Path, model: Path) -> None:
    """Going on and starting from a model keep its kind; another one is refused by name."""
    resumed = run("train", "--resume", byte_model, "--bytes", "--epochs", 2)
    assert resumed.code == 0
    assert "bits/byte" in resumed.err
    assert "char" not in resumed.err.replace("charrnn", "")
    started = run("train", "corpus.txt", "--init-from", byte_model, *TINY[2:], "-q").out.strip()
    assert _meta(run, started)["config"]["text"]["unit"] == "byte"
    assert _meta(run, started)["vocabulary_size"] == 256
    for option in ("--resume", "--init-from"):
        outcome = run("train", "corpus.txt", option, model, "--bytes")
        assert (outcome.code, outcome.out) == (2, "")
        assert f"characters (NFC), not of bytes, and stays so with {option}" in outcome.err


def test_normalize(run: Run) -> None:
    """Composed by default, told, and the same for a prime; --normalize none leaves all as it is."""
    Path("nfd.txt").write_text("e\u0301te\u0301 et hiver\n" * 30, encoding="utf-8")
    outcome = run("train", "nfd.txt", *TINY)
    assert "notice: characters were composed" in outcome.err
    path = outcome.out.strip()
    assert "é" in _meta(run, path)["vocabulary"]
    assert run("sample", path, "--prime", "e\u0301t", "-n", 1).out[:-1] == "ét"
    assert "characters (NFC)" in run("inspect", path).out
    path = run("train", "nfd.txt", *TINY, "--normalize", "none", "-q").out.strip()
    assert "\u0301" in _meta(run, path)["vocabulary"]
    assert run("sample", path, "--prime", "e\u0301t", "-n", 1).out[:-1] == "e\u0301t"
    assert run("train", "--resume", path, "--epochs", 2, "-q").code == 0
