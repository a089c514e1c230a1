"""encoders list, pull, verify, export: the functions behind the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import tiny_checkpoints as tiny
from lookalike import encoders
from lookalike.encoders.catalogue.golden import golden_picture
from lookalike.encoders.runtimes.agreement import compare
from lookalike.errors import UsageError
from lookalike.verbs.encoders import export_encoder, list_encoders, verify_encoder, verify_encoders


def test_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    tiny.dinov2(tmp_path / "dinov2-b")
    listed = {item.name: item for item in list_encoders()}
    assert list(listed) == encoders.names()
    assert {name for name, item in listed.items() if item.here} >= {"lite0-inner", "lite0-last", "dinov2-b"}
    assert not listed["rad-dino"].here
    assert (listed["dinov2-b"].dim, listed["dinov2-b"].input) == (32, "32 x 32")
    assert (listed["lite0-inner"].size, listed["lite0-inner"].speed) == ("tiny", "very fast")
    assert (listed["sam-b"].size, listed["sam-b"].speed) == ("base", "very slow")
    assert listed["biomedclip"].text
    assert "mimic-cxr" in listed["rad-dino"].trained_on
    assert all(item.license and item.checkpoint for item in listed.values())
    assert listed["dinov3-b"].gated
    assert not listed["dinov2-b"].gated


def test_verify_names_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verify_encoder("lite0-inner").sound
    golden = (0.5,) * 8
    monkeypatch.setattr("lookalike.encoders.catalogue.verify.GOLDEN", {"lite0-inner": golden})
    verified = verify_encoder("lite0-inner")
    assert not verified.sound
    assert [promise.name for promise in verified.promises if promise.kept is False] == ["golden vector"]


def test_verify_all_says_sound_broken_or_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name, family in {"vit-b16": tiny.CATALOGUE["vit-b16"], "dinov2-b": tiny.dinov2, "swin-b": tiny.swin}.items():
        family(tmp_path / name)
    (tmp_path / "dinov2-b" / "preprocessor_config.json").write_text("{")
    (tmp_path / "swin-b" / "model.safetensors").write_bytes(b"no weights")
    monkeypatch.setattr("lookalike.encoders.catalogue.verify.GOLDEN", {"lite0-inner": (0.5,) * 8})
    checked = {item.name: item for item in verify_encoders()}
    assert list(checked) == list(encoders.descriptions())
    states = {name: checked[name].state for name in ("vit-b16", "dinov2-b", "swin-b", "lite0-inner", "lite0-last")}
    assert states == {
        "vit-b16": "sound",
        "dinov2-b": "broken",
        "swin-b": "broken",
        "lite0-inner": "broken",
        "lite0-last": "sound",
    }
    assert checked["lite0-inner"].detail == "golden vector"
    assert "preprocessor_config.json" in checked["dinov2-b"].detail
    assert checked["rad-dino"].state == "needs"
    assert "lookalike encoders pull rad-dino" in checked["rad-dino"].detail
    assert all("\n" not in item.detail for item in checked.values())


def test_verify_notices_training_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    tiny.vit(tmp_path / "vit-b16")
    monkeypatch.setattr(torch.nn.Module, "eval", lambda self: self.train(True))
    verified = verify_encoder("vit-b16")
    assert "eval mode" in [promise.name for promise in verified.promises if promise.kept is False]


def test_verify_compares_the_published_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    for name, family in {"sam-b": tiny.sam, "clip-b32": tiny.clip}.items():
        family(tmp_path / name)
        promises = {promise.name: promise for promise in verify_encoder(name).promises}
        assert promises["published preprocessing"].kept is True
        assert promises["texts independent of the batch"].kept if name == "clip-b32" else True


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, object]]]:
    """A network of matrix products and one of convolutions, written as ONNX, plain and in 8 bits."""
    root = tmp_path_factory.mktemp("exported")
    pictures = root / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        coarse = PIL.Image.fromarray(rng.integers(0, 256, (5, 5, 3)).astype(np.uint8))
        coarse.resize((48, 48)).save(pictures / f"{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOKALIKE_MODELS", str(root))
        results = {}
        for name, family in {"dinov2-s": tiny.dinov2, "resnet50": tiny.resnet}.items():
            family(root / name)
            results[name] = export_encoder(name, root, int8=True, pictures=[pictures])
        yield root, results


@pytest.mark.parametrize("name", ["dinov2-s", "resnet50"])
def test_export_gives_the_same_vectors(exported: tuple, name: str) -> None:
    root, results = exported
    result = results[name]
    torch_vector = encoders.load(name).encode_images([golden_picture()])
    onnx = encoders.load(f"{name}-onnx")
    np.testing.assert_allclose(onnx.encode_images([golden_picture()]), torch_vector, atol=1e-5)
    assert isinstance(onnx, encoders.PatchEncoder)
    assert onnx.spec.preprocessing == encoders.describe(name).preprocessing
    assert onnx.spec.trained_on == encoders.describe(name).trained_on
    assert (result.quality.pictures, result.quality.overlap["@5"]) == (24, 1.0)
    assert result.quality.least_cosine > 0.99999
    assert result.torch_ms > 0
    assert result.onnx_ratio == pytest.approx(result.torch_ms / result.onnx_ms, abs=0.006)
    assert sorted(p.name for p in (root / f"{name}-onnx").iterdir()) == ["model.json", "model.onnx"]


@pytest.mark.parametrize("name", ["dinov2-s", "resnet50"])
def test_int8_is_measured_and_says_so(exported: tuple, name: str) -> None:
    root, results = exported
    quality = results[name].int8_quality
    assert 0.9 < quality.mean_cosine < 1
    assert quality.least_cosine <= quality.mean_cosine
    assert set(quality.overlap) == {"@1", "@5", "@10"}
    assert results[name].int8_bytes < results[name].bytes
    encoder = encoders.load(f"{name}-int8")
    assert f"int8: cosine {quality.mean_cosine:.4f}" in encoder.spec.note
    exact = encoders.load(name).encode_images([golden_picture()])
    assert 0.9 < (encoder.encode_images([golden_picture()]) @ exact.T).item() < 1
    said = json.loads((root / f"{name}-int8" / "model.json").read_text())
    assert said["quantisation"]["pictures"] == 24
    assert verify_encoder(f"{name}-int8").sound


def test_int8_that_changes_the_order_of_hits_is_said(exported: tuple) -> None:
    _, results = exported
    result = results["dinov2-s"]
    below, enough = (
        replace(result, int8_quality=replace(result.int8_quality, overlap={"@10": kept})) for kept in (0.979, 0.98)
    )
    assert "keeps 0.979 of the ten nearest" in below.int8_note
    assert "Take dinov2-s-onnx" in below.int8_note
    assert (enough.int8_note, replace(result, int8_quality=None).int8_note) == ("", "")


def test_export_of_what_cannot_be_exported(exported: tuple) -> None:
    root, _ = exported
    with pytest.raises(UsageError, match="does not run in torch"):
        export_encoder("lite0-inner", root)
    with pytest.raises(UsageError, match="at least 20 pictures"):
        export_encoder("dinov2-s", root, int8=True)
    with pytest.raises(UsageError, match="no picture can be read"):
        export_encoder("dinov2-s", root, pictures=[root / "dinov2-s"])


def test_compare_against_the_definition() -> None:
    rng = np.random.default_rng(1)
    exact, other = (
        v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 30, 8)).astype(np.float32)
    )
    quality = compare(exact, other)
    cosines = [float(a @ b) for a, b in zip(exact, other, strict=True)]
    assert quality.mean_cosine == pytest.approx(np.mean(cosines), abs=1e-5)
    assert quality.least_cosine == pytest.approx(min(cosines), abs=1e-5)
    for k in (1, 5, 10):
        shares = []
        for i in range(30):
            near = [sorted((j for j in range(30) if j != i), key=lambda j: -(v[i] @ v[j]))[:k] for v in (exact, other)]
            shares.append(len(set(near[0]) & set(near[1])) / k)
        assert quality.overlap[f"@{k}"] == pytest.approx(np.mean(shares), abs=1e-4)
    assert compare(exact, exact).overlap == {"@1": 1, "@5": 1, "@10": 1}
