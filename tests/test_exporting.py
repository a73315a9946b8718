"""Models for elsewhere: each number where PyTorch and ONNX Runtime expect it, back to the last bit, and no trust in files."""

from __future__ import annotations

import hashlib
import json
import math
import re
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Once, Run
from elsewhere import CASES, byte_model, digest, model_of_case, numbered, ours
from samples import SHA256, TINY, USED, content

import charrnn
from charrnn.config import ModelConfig
from charrnn.errors import CharrnnError, CheckpointError, InputError
from charrnn.models.character_model import CharacterModel
from charrnn.nn.parameters import Array, Parameters
from charrnn.nn.workspace import Workspace
from charrnn.sharing.formats import WRITERS
from charrnn.sharing.onnx_file import graph
from charrnn.sharing.parts import taken_apart
from charrnn.sharing.safetensors import MOST_HEADER, read_tensors, write_tensors
from charrnn.sharing.torch_names import to_torch
from charrnn.text.labels import Labels
from charrnn.training.run import Checkpoint, CorpusInfo

HERE = Path(__file__).parent
SHARING = (HERE.parent / "docs" / "sharing.md").read_text(encoding="utf-8")

every_case = pytest.mark.parametrize("case", CASES)


@pytest.fixture(scope="module")
def golden() -> Mapping[str, Array]:
    with np.load(HERE / "golden_elsewhere.npz") as file:
        return dict(file)


def checkpoint_of(model: CharacterModel) -> Checkpoint:
    return Checkpoint(model, USED, CorpusInfo(("a.txt",), 9, 8, SHA256))


def tensors_of(model: CharacterModel) -> dict[str, Array]:
    return to_torch(taken_apart(model.network, model.parameters, "a file"))


# ------------------------------------------------------------- what PyTorch and ONNX Runtime compute


@every_case
def test_pytorch(case: str, golden: Mapping[str, Array], tmp_path: Path) -> None:
    """Its modules, given these very tensors by these names, come to the same scores and states."""
    model = model_of_case(case)
    tensors = tensors_of(model)
    assert digest(dict(sorted(tensors.items()))) == str(golden[f"{case}/tensors"])
    made = ours(model)
    np.testing.assert_allclose(made.logits, golden[f"{case}/logits"], 1e-5, 1e-5)
    np.testing.assert_allclose(made.after, golden[f"{case}/final"], 1e-5, 1e-5)
    charrnn.export_model(checkpoint_of(model), tmp_path / "a.safetensors")
    read, _ = read_tensors(tmp_path / "a.safetensors")
    assert list(read) == list(tensors)
    assert digest(read) == digest(tensors)


@every_case
def test_onnx_runtime(case: str, golden: Mapping[str, Array]) -> None:
    """It, given this very graph, likewise."""
    model = model_of_case(case)
    made = graph(model.network, model.parameters)
    assert hashlib.sha256(made).hexdigest() == str(golden[f"{case}/graph"])
    own = ours(model)
    np.testing.assert_allclose(own.logits, golden[f"{case}/onnx-logits"], 1e-5, 1e-5)
    if not model.network.reads_whole:
        np.testing.assert_allclose(own.after, golden[f"{case}/onnx-final"], 1e-5, 1e-5)


@pytest.mark.parametrize("keeps", [True, False])
def test_update_gate(keeps: bool) -> None:
    """PyTorch's z is the middle third, and where it is open a unit keeps what it held: h = (1 - z) n + z h'."""
    model = numbered(ModelConfig(cell="gru", hidden_size=2, num_layers=1), charrnn.Vocabulary("ab"))
    H = 2
    model.parameters["layer0/b"][H : 2 * H] = 50 if keeps else -50
    bias = tensors_of(model)["recurrent.bias_ih_l0"]
    assert (abs(bias[H : 2 * H]) == 50).all()
    before = np.full((1, 1, H, 1), 0.75, np.float32)
    ids = np.zeros((1, 1), np.intp)
    _, after = model.network.logits(model.parameters, ids, before, Workspace())
    assert (abs(after - before) < 1e-6).all() == keeps


def test_orders_of_gates() -> None:
    """The LSTM's i f o g becomes i f g o."""
    model = numbered(ModelConfig(hidden_size=1, num_layers=1), charrnn.Vocabulary("ab"))
    model.parameters["layer0/b"][...] = 1, 2, 3, 4
    assert tensors_of(model)["recurrent.bias_ih_l0"].tolist() == [1, 2, 4, 3]


# --------------------------------------------------------------------------------- there and back


@every_case
def test_round_trip(case: str, tmp_path: Path) -> None:
    """All numbers that answers need come back, and what they mean."""
    model, path = model_of_case(case), tmp_path / "a.safetensors"
    charrnn.export_model(checkpoint_of(model), path)
    back = charrnn.import_model(path)
    for name, array in back.model.parameters.items():
        assert array.tobytes() == model.parameters[name].tobytes(), name
    lost = model.parameters.keys() - back.model.parameters.keys()
    assert all(name.startswith("lm/") for name in lost) and bool(lost) == bool(model.config.lm_loss)
    assert back.model.config == replace(model.config, lm_loss=0.0)
    assert (back.model.vocabulary, back.model.labels) == (model.vocabulary, model.labels)
    assert (back.corpus, back.training, back.resumable) == (
        checkpoint_of(model).corpus,
        USED,
        False,
    )
    np.testing.assert_array_equal(ours(back.model).logits, ours(model).logits)


def test_bytes_and_signs_of_zero(tmp_path: Path) -> None:
    """A model of bytes; and -0.0 stays what it is, though two biases are added."""
    model, path = byte_model(), tmp_path / "a.safetensors"
    model.parameters["layer0/b"][:3] = -0.0, 0.0, 1.5
    charrnn.export_model(checkpoint_of(model), path)
    back = charrnn.import_model(path)
    assert back.model.parameters.flat.tobytes() == model.parameters.flat.tobytes()
    assert back.model == model


def test_taught_more_elsewhere(tmp_path: Path) -> None:
    """With the metadata that it had a model is what it was, with other numbers; PyTorch learns both biases."""
    model, path = model_of_case("gru-tag"), tmp_path / "a.safetensors"
    charrnn.export_model(checkpoint_of(model), path)
    tensors, metadata = read_tensors(path)
    for tensor in tensors.values():
        tensor += 0.25
    write_tensors(path, dict(sorted(tensors.items())), metadata)
    more = charrnn.import_model(path).model
    assert (more.config, more.labels) == (model.config, model.labels)
    H = model.config.hidden_size
    for layer in model.network.stack.layers:
        old, new = layer.own(model.parameters), layer.own(more.parameters)
        np.testing.assert_array_equal(new["W"], old["W"] + np.float32(0.25))
        np.testing.assert_array_equal(new["d"], old["d"] + np.float32(0.25))
        np.testing.assert_array_equal(new["b"][2 * H :], old["b"][2 * H :] + np.float32(0.25))
        np.testing.assert_array_equal(new["b"][: 2 * H], old["b"][: 2 * H] + np.float32(0.5))


def test_of_a_run(tmp_path: Path) -> None:
    """What is being trained can be exported where it stands, in whatever form it is computed."""
    corpus = charrnn.Corpus.from_text("the cat sat on the mat\n" * 40)
    training = charrnn.Training(corpus, charrnn.ModelConfig(hidden_size=4, num_layers=1))
    next(iter(training))
    for suffix in WRITERS:
        charrnn.export_model(training.checkpoint(), tmp_path / f"a{suffix}")
    assert charrnn.import_model(tmp_path / "a.safetensors").model == training.model()
    assert not charrnn.load_checkpoint(tmp_path / "a.npz", with_progress=True).resumable


@pytest.mark.parametrize("suffix", WRITERS)
def test_same_bytes(suffix: str, tmp_path: Path) -> None:
    """The same model is the same file, and nothing else is left in the folder."""
    checkpoint = checkpoint_of(model_of_case("lstm-embedded"))
    folders = tmp_path / "x", tmp_path / "y"
    a, b = (folder / f"a{suffix}" for folder in folders)  # a page has its file's name in it
    for folder in folders:
        folder.mkdir()
    for path in (a, b, a):
        charrnn.export_model(checkpoint, path)
    assert a.read_bytes() == b.read_bytes()
    assert [*folders[0].iterdir(), *folders[1].iterdir()] == [a, b]


def test_layout(tmp_path: Path) -> None:
    """Eight bytes, a header that ends at a multiple of eight, the tensors without gaps."""
    model, path = model_of_case("gru-embedded"), tmp_path / "a.safetensors"
    charrnn.export_model(checkpoint_of(model), path)
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    assert length % 8 == 0
    told = header.pop("__metadata__")
    assert told["vocabulary"] == model.vocabulary.characters
    assert (told["format"], told["task"], told["cell"]) == ("pt", "lm", "gru")
    end = 0
    for name, tensor in tensors_of(model).items():
        begin, end = end, end + tensor.nbytes
        assert header[name] == {
            "dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]
        }  # fmt: skip
        data = whole[8 + length + begin : 8 + length + end]
        assert data == np.ascontiguousarray(tensor, "<f4").tobytes()
    assert len(whole) == 8 + length + end


# ---------------------------------------------------------------------------- what has no place


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"cell": "feedforward"}, "--cell feedforward"),
        ({"task": "seq2seq"}, "an encoder with a decoder"),
        ({"task": "classify", "ngrams": 2}, "--ngrams 0"),
        ({"layer_norm": True}, "--no-layer-norm"),
    ],
)
def test_no_place(suffix: str, shape: dict[str, Any], said: str, tmp_path: Path) -> None:
    """It is said, with the format that has one, and there is no file."""
    labels = Labels(("x", "y")) if "task" in shape else None
    config = ModelConfig(hidden_size=2, num_layers=1, **shape)
    model = numbered(config, charrnn.Vocabulary("ab"), *([labels] if labels else []))
    with pytest.raises(
        InputError, match=rf"a {suffix} file has no place for .*{said}.*a \.npz and a page"
    ):
        charrnn.export_model(checkpoint_of(model), tmp_path / f"a{suffix}")
    charrnn.export_model(checkpoint_of(model), tmp_path / "a.npz")
    assert charrnn.load(tmp_path / "a.npz") == model
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_a_parameter_that_nobody_knows(suffix: str, tmp_path: Path) -> None:
    """It is never dropped."""
    model = model_of_case("lstm-one-hot")
    shapes = {**model.network.parameter_shapes(), "layer0/gain": (4,)}
    more = replace(model, parameters=Parameters(shapes))
    with pytest.raises(InputError, match="the parameter layer0/gain"):
        charrnn.export_model(checkpoint_of(more), tmp_path / f"a{suffix}")


# --------------------------------------------------------------------------- files of other programs


VOCABULARY = "\n abcde"


@pytest.mark.parametrize(
    ("kind", "exact"), [("float32", 1e-5), ("bfloat16", 1e-5), ("float16", 1e-5)]
)
def test_theirs(kind: str, exact: float, golden: Mapping[str, Array], tmp_path: Path) -> None:
    """A file that the library of the format wrote of a module with names of its own."""
    path = tmp_path / "theirs.safetensors"
    path.write_bytes(golden[f"foreign-{kind}/file"].tobytes())
    model = charrnn.import_model(path, vocabulary=VOCABULARY).model
    ids = np.arange(18).reshape(6, 3) % 7
    logits, _ = model.network.logits(
        model.parameters, ids, model.network.zero_state(3), Workspace()
    )
    golden_logits = golden[f"foreign-{kind}/logits"]
    np.testing.assert_allclose(logits.transpose(1, 2, 0), golden_logits, exact, exact)


def strangers(**changes: Array | None) -> dict[str, Array]:
    """A model of other names: a one-hot RNN of two units and four characters."""
    rng = np.random.default_rng(1)
    shapes = {
        "net.rnn.weight_ih_l0": (2, 4), "net.rnn.weight_hh_l0": (2, 2), "net.rnn.bias_ih_l0": (2,),
        "net.rnn.bias_hh_l0": (2,), "out.weight": (4, 2), "out.bias": (4,),
    }  # fmt: skip
    found: dict[str, Any] = {name: rng.standard_normal(s, np.float32) for name, s in shapes.items()}
    found |= {name.replace("__", "."): array for name, array in changes.items()}
    return {name: array for name, array in found.items() if array is not None}


def test_biases(tmp_path: Path) -> None:
    """Two become one, and none is 0; tanh and ReLU only who wrote it can tell apart."""
    path, tensors = tmp_path / "a.safetensors", strangers()
    write_tensors(path, tensors, {"vocabulary": "abcd"})
    model = charrnn.import_model(path).model
    both = tensors["net.rnn.bias_ih_l0"] + tensors["net.rnn.bias_hh_l0"]
    np.testing.assert_array_equal(model.parameters["layer0/b"], both)
    assert model.config.cell == "rnn"
    assert charrnn.import_model(path, relu=True).model.config.cell == "rnn-relu"
    bare = {name: array for name, array in tensors.items() if "bias_" not in name}
    write_tensors(path, bare, {})
    model = charrnn.import_model(path, vocabulary="abcd\n").model  # an editor's end of the line
    assert model.vocabulary.characters == "abcd"
    assert not model.parameters["layer0/b"].any()


STRANGE: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"vocabulary": None}, "does not tell its characters"),
    ({}, {"vocabulary": "abc"}, "scores 4 characters, and the vocabulary has 3"),
    ({}, {"vocabulary": "abca"}, "each just once"),
    ({}, {"by_bytes": True}, "the vocabulary has 256"),
    ({"out__weight": None, "out__bias": None}, {}, "no linear layer"),
    ({"out__bias": None}, {}, "no linear layer"),
    ({"more__weight": np.ones((4, 2)), "more__bias": np.ones(4)}, {}, "'more' is neither"),
    ({"norm__gain": np.ones(2)}, {}, "'norm' is neither"),
    ({"norm__weight": np.ones(2)}, {}, "'norm' is neither"),
    ({"other__weight_hh_l0": np.ones((2, 2))}, {}, "two modules"),
    ({"net__rnn__weight_hh_l0_reverse": np.ones((2, 2))}, {}, "reads from both ends"),
    ({"net__rnn__weight_hh_l0": np.ones((3, 2))}, {}, "no recurrent weights that fit"),
    ({"net__rnn__weight_hh_l0": np.ones((4, 2))}, {}, "neither an LSTM nor a GRU"),
    ({"net__rnn__weight_hh_l0": np.ones((0, 0))}, {}, "no recurrent weights that fit"),
    ({"net__rnn__weight_hh_l0": None}, {}, "no recurrent weights that fit"),
    ({"net__rnn__weight_ih_l0": None}, {}, "fewer than such a model, 26"),
    ({"net__rnn__weight_ih_l0": np.ones((2, 5))}, {}, r"has the shape \(2, 5\), not \(2, 4\)"),
    ({"net__rnn__bias_ih_l0": None}, {}, "is missing"),
    ({"net__rnn__weight_ih_l7": np.ones((2, 2))}, {}, "fewer than such a model, 96"),
    ({"net__rnn__weight_ih_l999": np.ones((2, 2))}, {}, "num-layers"),
    ({"emb__weight": np.ones((4, 0))}, {}, "has no place in the model"),
    ({"emb__weight": np.ones((9, 4))}, {}, r"has the shape \(9, 4\), not \(4, 4\)"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "options", "said"), STRANGE, ids=[case[2] for case in STRANGE])
def test_strange(
    changes: dict[str, Any], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    """What is no language model of PyTorch's, or is told wrongly, is refused in a line that names the file."""
    path = tmp_path / "a.safetensors"
    write_tensors(path, strangers(**changes), {})
    if "by_bytes" not in options:
        options = {"vocabulary": "abcd", **options}
    with pytest.raises(CharrnnError, match=said) as caught:
        charrnn.import_model(path, **options)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_exact_numbers_of_other_types(tmp_path: Path) -> None:
    """float64 is rounded, half precision exact."""
    for kind, numbers, wanted in (
        ("F64", np.array([1 / 3, -2.5], "<f8").tobytes(), np.array([1 / 3, -2.5], np.float32)),
        ("F16", np.array([0.1, -2.5], "<f2").tobytes(), np.array([0.1, -2.5], np.float16)),
        ("BF16", b"\x80\x3f\x20\xc0", [1, -2.5]),
    ):
        path = _written(tmp_path, {"a": {"dtype": kind, "shape": [2], "data_offsets": [0, len(numbers)]}}, numbers)  # fmt: skip
        tensors, _ = read_tensors(path)
        assert tensors["a"].dtype == np.float32
        assert tensors["a"].tolist() == np.asarray(wanted, np.float32).tolist()


# ------------------------------------------------------------------------------------ hostile files


def _written(folder: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def _one(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}


EIGHT = bytes(8)
HOSTILE: dict[str, tuple[Any, bytes, int | None]] = {
    "nothing": (b"", b"", None),
    "a header without end": (b"{}", b"", 1 << 63),
    "a long header": (b"{}", b"", MOST_HEADER + 1),
    "longer than the file": (b"{}", b"", 3),
    "no JSON": (b"\x80\x02}q", b"", None),
    "half of it": (b'{"a', b"", None),
    "deep": (b"[" * 100_000, b"", None),
    "deep in an object": (b'{"a":' * 100_000, b"", None),
    "a list": ([], b"", None),
    "a number": (7, b"", None),
    "twice": (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT, None),
    "NaN": (b'{"__metadata__":NaN}', b"", None),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", None),
    "metadata in a list": ({"__metadata__": []}, b"", None),
    "not UTF-8": (b'{"\xff":1}', b"", None),
    "a tensor of nothing": ({"a": {}}, b"", None),
    "a tensor that is none": ({"a": 1}, b"", None),
    "more than it should": (_one(strides=[1]), EIGHT, None),
    "whole numbers": (_one(dtype="I64", shape=[1]), EIGHT, None),
    "another type": (_one(dtype=["F32"]), EIGHT, None),
    "a shape without end": (_one(shape=[1 << 62, 1 << 62]), EIGHT, None),
    "a shape that is large": (_one(shape=[1 << 40], data_offsets=[0, 1 << 42]), EIGHT, None),
    "a negative shape": (_one(shape=[-1, -2]), EIGHT, None),
    "a shape of truths": (_one(shape=[True, 2]), EIGHT, None),
    "a shape of fractions": (_one(shape=[2.0]), EIGHT, None),
    "many dimensions": (_one(shape=[1] * 99 + [2]), EIGHT, None),
    "offsets that are three": (_one(data_offsets=[0, 8, 8]), EIGHT, None),
    "offsets turned round": (_one(data_offsets=[8, 0]), EIGHT, None),
    "offsets beyond the file": (_one(data_offsets=[8, 16]), EIGHT, None),
    "a gap before": (_one(data_offsets=[8, 16]), 2 * EIGHT, None),
    "something behind": (_one(), EIGHT + b"hello", None),
    "cut off": (_one(), bytes(7), None),
    "overlapping": ({**_one(), "b": _one(data_offsets=[4, 12])["a"]}, EIGHT + bytes(4), None),
    "the same place": ({**_one(), "b": _one()["a"]}, EIGHT, None),
    "not a number": (_one(), struct.pack("<ff", math.nan, 0), None),
    "infinite": (_one(), struct.pack("<ff", 0, -math.inf), None),
    "too large for float32": (_one(dtype="F64", shape=[1]), struct.pack("<d", 1e300), None),
    "no tensors": ({}, b"", None),
    "many tensors": ({f"{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(1001)}, b"", None),
    "no model": (_one(), EIGHT, None),
    "metadata alone": ({"__metadata__": {"charrnn": "{}"}}, b"", None),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str, tmp_path: Path, run: Run) -> None:
    """Each is refused in one line, and nothing is written."""
    path = _written(tmp_path, *HOSTILE[name])
    outcome = run("import", path, "--vocabulary", "corpus.txt", "-o", "made.npz")
    assert (outcome.code, outcome.out) in ((1, ""), (2, ""))
    (line,) = outcome.err.splitlines()
    assert line.startswith(f"charrnn: {path}: ")
    assert len(line) < 700
    assert not Path("made.npz").exists()


def _with_meta(path: Path, change: Any) -> None:
    """Let the JSON in a file's metadata be another one."""
    tensors, metadata = read_tensors(path)
    meta = json.loads(metadata["charrnn"])
    change(meta)
    write_tensors(path, tensors, {**metadata, "charrnn": json.dumps(meta)})


CHANGES: dict[str, Any] = {
    "newer": lambda meta: meta.update(format=99),
    "no format": lambda meta: meta.pop("format"),
    "larger": lambda meta: meta["model"].update(hidden_size=1 << 14, num_layers=64),
    "out of limits": lambda meta: meta["model"].update(hidden_size=1 << 40),
    "another cell": lambda meta: meta["model"].update(cell="gru"),
    "no memory": lambda meta: meta["model"].update(cell="feedforward", context=2, embedding_size=0),
    "another task": lambda meta: meta["model"].update(task="tag", bidirectional=False),
    "n-grams": lambda meta: meta["model"].update(task="classify", bidirectional=False, ngrams=3),
    "labels": lambda meta: meta.update(labels=["a"]),
    "a character more": lambda meta: meta.update(vocabulary="xyz" + meta["vocabulary"]),
    "a character twice": lambda meta: meta.update(vocabulary="aa"),
    "a run": lambda meta: meta.update(progress={"step": 1}),
    "no settings": lambda meta: meta["training"].update(eval_every=0),
    "a source without end": lambda meta: meta["corpus"].update(sources=["x" * 40_000]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_hostile_metadata(name: str, tmp_path: Path) -> None:
    """What contradicts the tensors, or itself, is refused before there is room for a model."""
    path = tmp_path / "a.safetensors"
    charrnn.export_model(checkpoint_of(model_of_case("lstm-embedded")), path)
    _with_meta(path, CHANGES[name])
    with pytest.raises(CheckpointError) as caught:
        charrnn.import_model(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_damaged(tmp_path: Path) -> None:
    """Bytes that were changed or cut off: read as a model, or refused in one line."""
    path = tmp_path / "a.safetensors"
    charrnn.export_model(checkpoint_of(model_of_case("lstm-one-hot")), path)
    sound, rng = path.read_bytes(), np.random.default_rng(3)
    refused = 0
    for number in range(400):
        data = bytearray(sound)
        if number % 4 == 0:
            data = data[: rng.integers(len(data))]
        else:
            for _ in range(rng.integers(1, 4)):
                data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            assert charrnn.import_model(path).model.parameters.flat.size
        except CharrnnError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 100 < refused < 400


# --------------------------------------------------------------------------------- the command line


def test_small(run: Run, model: Path) -> None:
    """A checkpoint without its run: it writes the same, and says how much is gone."""
    outcome = run("export", model, "small.npz")
    assert (outcome.code, outcome.out) == (0, "small.npz\n")
    assert re.fullmatch(
        rf"small\.npz: [\d.]+ kB, without its training state; {re.escape(str(model))}: [\d.]+ kB\n",
        outcome.err,
    )
    small = Path("small.npz").stat().st_size
    assert small < 0.7 * model.stat().st_size
    old, new = content(model), content("small.npz")
    assert new["progress"] is None and new["history"] == old["history"]
    writing = ("--seed", 4, "-n", 50, "-q")
    assert run("sample", "small.npz", *writing).out == run("sample", model, *writing).out
    refused = run("train", "--resume", "small.npz")
    assert refused.code == 2 and "from its weights with --init-from" in refused.err


def test_there_and_back(run: Run, model: Path) -> None:
    """Without a model it is the newest one; what comes back is what was sent, in every entry."""
    told = run("export", "a.safetensors")
    assert (told.code, told.out) == (0, "a.safetensors\n")
    assert told.err.startswith(f"model: {model}\n")
    told = run("import", "a.safetensors")
    assert (told.code, told.out) == (0, "checkpoints/a.npz\n".replace("/", str(Path("/"))))
    assert "charrnn inspect" in told.err
    run("export", model, "small.npz")
    assert Path("checkpoints/a.npz").read_bytes() == Path("small.npz").read_bytes()
    assert run("import", "a.safetensors").out == f"{Path('checkpoints/a-2.npz')}\n"
    Path("checkpoints/a.npz").write_bytes(b"another")
    for place in ((), ("-o", "checkpoints/")):  # it might be a model that was trained
        told = run("import", "a.safetensors", "--overwrite", *place)
        assert (told.code, told.out) == (2, "")
        assert "takes --output FILE" in told.err
        assert Path("checkpoints/a.npz").read_bytes() == b"another"
    told = run("import", "a.safetensors", "--overwrite", "-o", "checkpoints/a.npz")
    assert (told.code, told.out) == (0, f"{Path('checkpoints/a.npz')}\n")
    assert Path("checkpoints/a.npz").read_bytes() == Path("small.npz").read_bytes()
    assert run("import", "a.safetensors", "--overwrite", "-o", "b/new.npz").code == 0


def test_a_friend_of_pytorch(run: Run, golden: Mapping[str, Array]) -> None:
    """A model that was learnt elsewhere does what others do, and tells that nothing is known of its run."""
    Path("theirs.safetensors").write_bytes(golden["foreign-float32/file"].tobytes())
    Path("characters.txt").write_text(VOCABULARY, encoding="utf-8", newline="\n")
    command = ("import", "theirs.safetensors", "--vocabulary", "characters.txt")
    outcome = run(*command, "-o", "theirs.npz")
    assert (outcome.code, outcome.out) == (0, "theirs.npz\n")
    card = run("inspect", "theirs.npz").out
    assert "unknown (imported from theirs.safetensors); 7 different characters" in card
    assert "nothing is known of it" in card
    shown = run("inspect", "theirs.npz", "--html", "report.html")  # all views
    assert shown.code == 0, shown.err
    assert len(run("sample", "theirs.npz", "-n", 20, "-q").out) >= 20
    Path("text.txt").write_text("abc de\n" * 200, encoding="utf-8")
    scored = run("score", "theirs.npz", "text.txt")
    assert scored.code == 0 and 0 < float(scored.out.split()[0]) < 20
    assert "theirs.npz" in run("list", ".").out
    refused = run("train", "--resume", "theirs.npz")
    assert refused.code == 2 and len(refused.err.splitlines()) == 1
    learnt = run("train", "text.txt", "--init-from", "theirs.npz", "--epochs", 1, "-q")
    assert learnt.code == 0, learnt.err
    # The way back is open to it, too.
    assert run("export", "theirs.npz", "again.safetensors").code == 0
    assert run("import", "again.safetensors", "-o", "again.npz").code == 0
    assert Path("again.npz").read_bytes() == Path("theirs.npz").read_bytes()


def test_left_out(run: Run, once: Once) -> None:
    """What a model only learnt by is not in the file, which is said; answers are the same."""
    Path("names.tsv").write_text("anna\tx\nbert\ty\n" * 30, encoding="utf-8")
    once(run, "l.npz", "names.tsv", "--task", "classify", "--lm-loss", 0.5, *TINY)
    outcome = run("export", "l.npz", "l.safetensors")
    assert outcome.code == 0
    assert "left out" in outcome.err and "--lm-loss" in outcome.err
    assert run("import", "l.safetensors", "-o", "back.npz").code == 0
    Path("who.txt").write_text("anna\nberta\n", encoding="utf-8")
    asked = ("who.txt", "--top", 2)
    assert run("predict", "back.npz", *asked).out == run("predict", "l.npz", *asked).out
    assert run("evaluate", "back.npz", "names.tsv").code == 0
    assert "left out" not in run("export", "l.npz", "l2.npz").err


def test_advice_for_a_model_without_its_run(run: Run) -> None:
    """It cannot be resumed, so nothing tells to do that, also where the run that made it was too short."""
    Path("words.txt").write_text("the cat sat on the mat\n" * 300, encoding="utf-8")
    flags = ("--steps", 40, "--eval-every", 5, "--schedule", "constant", "--learning-rate", 0.002)
    assert run("train", "words.txt", *TINY[:2], *flags, "-o", "run.npz", "-q").code == 0
    assert run("export", "run.npz", "a.safetensors").code == 0
    assert run("import", "a.safetensors", "-o", "alone.npz").code == 0
    again = ("train", "words.txt", "-o")
    for name, resumable in (("run.npz", True), ("alone.npz", False)):
        shown = run("inspect", name).out
        fit = json.loads(run("inspect", name, "--json").out)["fit"]
        assert fit["verdict"] == "under-fitted"
        assert fit["longer"] == ({"steps": 80} if resumable else {})
        first = "--steps 80" if resumable else "a new run from it with --init-from"
        assert fit["advice"][0] == first
        told = shown, run(*again, name).err, run("train", name).err
        assert ["--resume" in one for one in told] == [resumable] * 3
        assert "--init-from" in told[2]
    Path("words.txt").unlink()
    refused = run("train", "--resume", "alone.npz", "--steps", 80)
    assert (refused.code, "start a new run from its weights with --init-from" in refused.err) == (
        2,
        True,
    )


BAD: list[tuple[int, str, tuple[str, ...]]] = [
    (2, "name a model and the file to write, such as", ("export",)),
    (2, "and nothing else", ("export", "a.npz", "b.npz", "c.npz")),
    (2, "the name of a file is empty", ("export", "")),
    (
        2,
        "follows from the name's ending: .npz, .safetensors, .onnx or .html",
        ("export", "{}", "a.pt"),
    ),
    (2, "follows from the name's ending", ("export", "{}", "a")),
    (2, "name the file to write after it", ("export", "{}")),
    (
        2,
        "--precision is one of float32, half, int8, not 4",
        ("export", "{}", "a.html", "--precision", "4"),
    ),
    (
        2,
        "is for a page (.html); a.onnx has float32",
        ("export", "{}", "a.onnx", "--precision", "half"),
    ),
    (2, "is read here; name another file", ("export", "{}", "{}", "--overwrite")),
    (2, "exists already; choose another name, or add --overwrite", ("export", "{}", "taken.onnx")),
    (2, "exists already; to export it, name the file to write after it", ("export", "taken.onnx")),
    (2, "is a folder", ("export", "{}", "folder.npz", "--overwrite")),
    (2, "its folder does not exist", ("export", "{}", "missing/a.npz")),
    (2, "missing.npz: no such checkpoint", ("export", "missing.npz", "a.npz")),
    (1, "not a charrnn checkpoint", ("export", "corpus.txt", "a.npz")),
    (2, "name the file to read", ("import",)),
    (2, "the name of a file is empty", ("import", "")),
    (2, "ends in .safetensors", ("import", "corpus.txt")),
    (2, "is taken as it is", ("import", "{}")),
    (2, "cannot be read back", ("import", "taken.onnx")),
    (2, "may run code", ("import", "a.pt")),
    (2, "a.safetensors: no such file", ("import", "a.safetensors")),
    (2, "is no file", ("import", "folder.safetensors")),
    (2, "two ways to say one thing", ("import", "a.safetensors", "--vocabulary", "v", "--bytes")),
    (2, "v.txt: no such file", ("import", "a.safetensors", "--vocabulary", "v.txt")),
    (2, "latin1.txt: not UTF-8", ("import", "a.safetensors", "--vocabulary", "latin1.txt")),
    (2, "tells itself what it is", ("import", "sound.safetensors", "--bytes")),
    (
        2,
        "exists already; choose another --output, or add --overwrite",
        ("import", "sound.safetensors", "-o", "{}"),
    ),
    (
        2,
        "sound.safetensors: is read here",
        ("import", "sound.safetensors", "-o", "sound.safetensors", "--overwrite"),
    ),
    (
        2,
        "is a folder; name a file to write",
        ("import", "sound.safetensors", "-o", "folder.npz", "--overwrite"),
    ),
    (
        1,
        "cannot be written",
        ("import", "sound.safetensors", "-o", "a" * 300, "--overwrite"),
    ),
]


@pytest.mark.parametrize(("code", "said", "arguments"), BAD, ids=[" ".join(c[2]) for c in BAD])
def test_bad_input(run: Run, model: Path, code: int, said: str, arguments: tuple[str, ...]) -> None:
    """One line, the right exit code, and every file as it was."""
    Path("taken.onnx").write_text("something")
    Path("latin1.txt").write_bytes(b"\xe9")
    Path("folder.npz").mkdir()
    Path("folder.safetensors").mkdir()
    charrnn.export_model(charrnn.load_checkpoint(model), "sound.safetensors")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    outcome = run(*(argument.replace("{}", str(model)) for argument in arguments))
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    (line,) = outcome.err.splitlines()
    assert line.startswith("charrnn: ") and said in line
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_a_forgotten_file_is_no_model_s_end(run: Run, model: Path) -> None:
    """The one name there is is the model, and not where the newest one goes; and what was exported is no text."""
    before = model.read_bytes()
    for options in ((), ("--overwrite",)):
        refused = run("export", model, *options)
        assert refused.code == 2
        assert "is a model; name the file to write after it" in refused.err
    assert model.read_bytes() == before
    assert run("export", model, "x.safetensors").code == 0
    for verb in ("sample", "score", "export"):
        refused = run(verb, "x.safetensors", *["y.npz"] * (verb == "export"))
        assert refused.code == 2
        assert len(refused.err.splitlines()) == 1
        assert "is an exported model; charrnn import makes a checkpoint" in refused.err


def test_overwrite(run: Run, model: Path) -> None:
    """What is there is replaced where that is asked for, and stays where it cannot be."""
    taken = Path("taken.onnx")
    taken.write_text("something")
    assert run("export", model, taken, "--overwrite").code == 0
    assert taken.stat().st_size > 1000
    sound = taken.read_bytes()
    taken.chmod(0o400)
    refused = run("export", model, taken, "--overwrite")
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert "read-only" in refused.err
    assert taken.read_bytes() == sound


def test_full_disk(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of a file that could not be written whole."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("charrnn.files.whole.os.fsync", full)
    for name in ("a.npz", "a.safetensors", "a.onnx"):
        outcome = run("export", model, name)
        assert (outcome.code, outcome.out) == (1, "")
        assert f"{name}: cannot be written: No space left on device" in outcome.err
    assert not [path for path in Path().iterdir() if "a." in path.name]


# -------------------------------------------------------- where PyTorch and ONNX Runtime are installed


@pytest.fixture
def shown(run: Run, model: Path) -> Array:  # noqa: ARG001
    """Files as docs/sharing.md has them, and what charrnn makes of the text in its examples."""
    text = "\nThe"
    Path("the.txt").write_text("The cat sat on the mat.\n" * 60, encoding="utf-8")
    assert run("train", "the.txt", *TINY, "-q", "-o", "model.npz").code == 0
    for name in ("model.safetensors", "model.onnx"):
        assert run("export", "model.npz", name).code == 0
    own = charrnn.load("model.npz")
    ids = own.vocabulary.encode(text)[:, None]
    state = own.network.zero_state(1)
    logits, _ = own.network.logits(own.parameters, ids, state, Workspace())
    return np.ascontiguousarray(logits.transpose(1, 2, 0))


@pytest.mark.parametrize(
    "packages", [("torch", "safetensors"), ("onnxruntime",)], ids=lambda names: names[0]
)
def test_lines_of_the_page(packages: tuple[str, ...], shown: Array) -> None:
    """They run as they stand, and give the same logits."""
    for package in packages:
        pytest.importorskip(package, reason=f"{package} is not installed")
    blocks = re.findall(r"```python\n(.*?)```", SHARING, re.DOTALL)
    (lines,) = (block for block in blocks if f"import {packages[0]}\n" in block)
    assert len(lines.splitlines()) < 17
    found: dict[str, Any] = {}
    exec(lines, found)
    np.testing.assert_allclose(np.asarray(found["logits"]), shown, 1e-4, 1e-5)


@every_case
def test_checked_by_onnx(case: str, tmp_path: Path) -> None:
    """The file is a model as ONNX defines one, types and shapes included."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    path = tmp_path / "a.onnx"
    charrnn.export_model(checkpoint_of(model_of_case(case)), path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
