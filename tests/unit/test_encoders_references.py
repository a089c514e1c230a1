"""Encoders that are named by where they lie, ensembles, and the authors' formats through the catalogue."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
from onnx import TensorProto, helper, numpy_helper
from test_encoders_original import AUTHORS, checkpoint

from lookalike import encoders
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.encoders.catalogue.models import CATALOGUE
from lookalike.encoders.catalogue.verify import verify
from lookalike.errors import DamagedFileError, UsageError
from lookalike.pixels import model_input, picture, prepare
from lookalike.readers.events import Frame
from lookalike.readers.pool import ReaderPool
from lookalike.types import Preprocessing

DESCRIPTION = {
    "dim": 6,
    "preprocessing": {"size": [4, 6], "mean": [10, 20, 30], "std": [2, 4, 8]},
    "output": "seen",
    "pooling": "mean",
    "license": "MIT",
    "trained_on": ["imagenet-1k"],
}


def graph(path: Path, *, external: bool = False) -> np.ndarray:
    """A graph of one 1 x 1 convolution, (n, 3, rows, columns) -> "seen" (n, 6, rows, columns); its weights."""
    weights = np.random.default_rng(0).normal(size=(6, 3, 1, 1)).astype(np.float32)
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", ["pixels", "weights"], ["seen"])],
            "tiny",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 4, 6])],
            [helper.make_tensor_value_info("seen", TensorProto.FLOAT, ["n", 6, 4, 6])],
            [numpy_helper.from_array(weights, "weights")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, path, save_as_external_data=external, location=path.name + ".data", size_threshold=0)
    return weights[:, :, 0, 0]


def described(folder: Path, **changes: object) -> Path:
    path = folder / "tiny.onnx"
    graph(path)
    said = {key: value for key, value in {**DESCRIPTION, **changes}.items() if value is not None}
    path.with_suffix(".json").write_text(json.dumps(said))
    return path


def by_hand(weights: np.ndarray) -> np.ndarray:
    recipe = Preprocessing.from_fields(DESCRIPTION["preprocessing"])
    pixels = (prepare(golden_picture(), recipe).astype(np.float64) - recipe.mean) / recipe.std
    vector = pixels.mean((0, 1)) @ weights.T
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("external", [False, True])
def test_any_onnx_file_with_its_description(tmp_path: Path, external: bool) -> None:
    path = described(tmp_path)
    weights = graph(path, external=external)
    encoder = encoders.load(str(path))
    np.testing.assert_allclose(encoder.encode_images([golden_picture()])[0], by_hand(weights), atol=1e-5)
    assert (encoder.spec.license, encoder.spec.trained_on) == ("MIT", frozenset({"imagenet-1k"}))
    assert encoder.spec.name == str(path)
    assert verify(str(path)).sound
    if external:  # other weights are another revision, also where they lie beside the graph
        beside = path.with_name(path.name + ".data")
        beside.write_bytes(beside.read_bytes()[::-1])
        assert encoders.describe(str(path)).revision != encoder.spec.revision


def test_by_its_name_under_the_folder_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours").mkdir()
    described(tmp_path / "ours").rename(tmp_path / "ours" / "model.onnx")
    (tmp_path / "ours" / "tiny.json").rename(tmp_path / "ours" / "model.json")
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    assert encoders.load("ours").spec.name == "ours"


def test_a_published_processor_will_do(tmp_path: Path) -> None:
    path = described(tmp_path, preprocessing=None)
    with pytest.raises(UsageError, match="names no preprocessing"):
        encoders.describe(str(path))
    published = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 4, "width": 6},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(published))
    assert encoders.describe(str(path)).preprocessing == Preprocessing(size=(4, 6), mean=(127.5,) * 3, std=(127.5,) * 3)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dim": None}, "at least"),
        ({"dim": "many"}, "at least"),
        ({"output": "sen"}, "Did you mean 'seen'"),
        ({"pooling": "max"}, "none, cls, mean"),
        ({"batch": 0}, "above 0"),
        ({"poolings": "cls"}, "Did you mean 'pooling'"),
        ({"preprocessing": {"sise": [4, 6]}}, "Did you mean 'size'"),
    ],
)
def test_descriptions_that_do_not_say_enough(tmp_path: Path, changes: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        encoders.load(str(described(tmp_path, **changes)))


def test_onnx_files_that_are_none(tmp_path: Path) -> None:
    path = described(tmp_path)
    path.with_suffix(".json").rename(tmp_path / "kept")
    with pytest.raises(UsageError, match=r"needs its description tiny\.json"):
        encoders.load(str(path))
    (tmp_path / "kept").rename(path.with_suffix(".json"))
    path.write_bytes(b"no graph")
    with pytest.raises(DamagedFileError, match="cannot be loaded by onnxruntime"):
        encoders.load(str(path))
    with pytest.raises(UsageError, match="there is no file"):
        encoders.load(str(tmp_path / "gone.onnx"))


def test_a_wrong_dim_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="gives 6 numbers a picture, its description says 5"):
        encoders.load(str(described(tmp_path, dim=5))).encode_images([golden_picture()])


def test_an_ensemble_is_its_members_side_by_side(tmp_path: Path) -> None:
    """Also through the processes that decode, each member with its own preprocessing."""
    path = described(tmp_path)
    name = f"lite0-inner+0.5*lite2-inner+2*{path}"
    ensemble = encoders.load(name)
    members = [encoders.load(member) for member in ("lite0-inner", "lite2-inner", str(path))]
    drawn = golden_picture()
    parts = [w * m.encode_images([drawn])[0] for w, m in zip((1, 0.5, 2), members, strict=True)]
    expected = np.concatenate(parts) / np.linalg.norm(np.concatenate(parts))
    np.testing.assert_allclose(ensemble.encode_images([drawn])[0], expected, atol=1e-6)

    file = tmp_path / "picture.png"
    PIL.Image.fromarray(drawn.pixels[0, ..., 0]).save(file)
    with ReaderPool(ensemble.spec.preprocessing, workers=1) as pool:
        frame = next(event for event in pool.read([file]) if isinstance(event, Frame))
    np.testing.assert_allclose(ensemble.encode_inputs(frame.input[None])[0], expected, atol=1e-6)


def test_an_ensemble_s_cosine_is_the_weighted_mean(tmp_path: Path) -> None:
    flipped = dataclasses.replace(golden_picture(), pixels=golden_picture().pixels[:, ::-1])
    pair = [golden_picture(), flipped]
    cosines = [np.prod(encoders.load(n).encode_images(pair), axis=0).sum() for n in ("lite0-inner", "lite0-last")]
    together = np.prod(encoders.load("lite0-inner+0.5*lite0-last").encode_images(pair), axis=0).sum()
    assert together == pytest.approx((cosines[0] + 0.25 * cosines[1]) / 1.25, abs=1e-5)


def test_what_an_ensemble_says_of_itself() -> None:
    spec = encoders.describe("lite0-inner+clip-b32")
    assert spec.dim == 384 + 512
    assert spec.trained_on == {"imagenet-1k", "webimagetext"}
    assert not spec.text
    assert spec.preprocessing.size == (448, 224)
    assert encoders.describe("clip-b32+biomedclip").text
    other = encoders.describe("lite0-inner+2*clip-b32")
    assert other.revision != spec.revision
    assert other.name == "lite0-inner+2*clip-b32"


@pytest.mark.parametrize("name", ["lite0-inner+", "+lite0-inner", "lite0-inner+0*lite0-last"])
def test_ensembles_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="is no ensemble"):
        encoders.load(name)


def test_an_unknown_member_is_named() -> None:
    with pytest.raises(UsageError, match="Did you mean 'lite0-last'"):
        encoders.load("lite0-inner+lite0-lst")


def test_the_hash_of_what_was_stored_before_stays() -> None:
    """Fields that were added later leave no trace where they say nothing."""
    said = json.loads(Preprocessing().to_json())
    assert set(said) == {"size", "resize", "shortest_edge", "resample", "percentiles", "mean", "std"}
    assert encoders.describe("lite0-inner").preprocessing.hash == "fb25c50bf631b88a"
    for recipe in (
        Preprocessing(),
        encoders.describe("sam-b").preprocessing,
        encoders.describe("sam-b+medclip").preprocessing,
    ):
        assert Preprocessing.from_fields(json.loads(recipe.to_json())) == recipe


def test_medclip_pads_to_a_square_before_it_resizes() -> None:
    recipe = CATALOGUE["medclip"].spec.preprocessing
    shown = picture(golden_picture(), (1.0, 99.0))
    square = PIL.Image.new("L", (320, 320))
    square.paste(shown, (0, 40))
    expected = square.resize((224, 224), PIL.Image.Resampling.BICUBIC)
    assert np.array_equal(model_input(shown, recipe)[..., 0], np.asarray(expected))
    small = shown.resize((100, 60))  # not enlarged, as the authors' processor
    assert not model_input(small, recipe)[:50].any()


ORIGINALS = {
    "medsam": ("medsam_vit_b.pth", 16),
    "radimagenet": ("ResNet50.pt", 2048),
    "biomedclip": ("open_clip_pytorch_model.bin", 32),
    "medclip": ("pytorch_model.bin", 32),
    "prov-gigapath": ("pytorch_model.bin", 128),
    "medimageinsight": ("2024.09.27/vision_model/medimageinsigt-v1.0.0.pt", 48),
}

AUTHORS_NAMES = {"prov-gigapath": "gigapath"}


@pytest.mark.parametrize("name", ORIGINALS)
def test_authors_formats_load_by_their_catalogue_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the files lie, what encodes text, and the promises; the vectors: test_encoders_original."""
    file, dim = ORIGINALS[name]
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match=file.replace(".", r"\.")):
        encoders.load(name)
    target = tmp_path / name / file
    target.parent.mkdir(parents=True)
    checkpoint(AUTHORS_NAMES.get(name, name), target.parent).rename(target)
    if name == "medimageinsight":
        words = ["<|startoftext|>", "<|endoftext|>", *"abcdefghilnorstx-", *(f"{letter}</w>" for letter in "aft-yes")]
        place = tmp_path / name / "2024.09.27" / "language_model" / "clip_tokenizer_4.16.2"
        place.mkdir(parents=True)
        (place / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
        (place / "merges.txt").write_text("#version: 0.2\n")
    tiny = dataclasses.replace(
        CATALOGUE[name], dim=dim, preprocessing=dataclasses.replace(CATALOGUE[name].preprocessing, size=(64, 64))
    )
    monkeypatch.setattr("lookalike.encoders.catalogue.models.CATALOGUE", {**CATALOGUE, name: tiny})
    verified = verify(name)
    assert verified.sound, verified.promises
    encoder = encoders.load(name)
    has_text = "texts" in AUTHORS[AUTHORS_NAMES.get(name, name)]
    assert isinstance(encoder, encoders.TextEncoder) == encoder.spec.text == has_text
    for path in (tmp_path / name).rglob("*"):
        if path.name in ("vocab.txt", "vocab.json"):
            path.unlink()
    assert not isinstance(encoders.load(name), encoders.TextEncoder)
    assert not encoders.describe(name).text


def test_one_encoder_by_several_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gallery is opened again by any way to write the encoder that made it."""
    from lookalike.gallery import open_gallery

    path = described(tmp_path)
    monkeypatch.chdir(tmp_path)
    open_gallery(tmp_path / "g", create=True, encoder="./tiny.onnx").close()
    for name in ("./tiny.onnx", "tiny.onnx", str(path), None):
        open_gallery(tmp_path / "g", encoder=name).close()
    for other in ("lite0-inner", "lite0-inner+tiny.onnx"):
        with pytest.raises(UsageError, match="was made with the encoder"):
            open_gallery(tmp_path / "g", encoder=other)
