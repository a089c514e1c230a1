from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels import apply_rescale, apply_voi_lut

from lookalike.errors import UsageError
from lookalike.sources.collections.synthetic import write_collection
from lookalike.sources.collections.thorax import FINDINGS, draw_thorax

SEED, COUNT = 3, 30
Plane = NDArray[np.float32]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_collection(tmp_path_factory.mktemp("synthetic"), count=COUNT, seed=SEED).parent


@pytest.fixture(scope="module")
def rows(collection: Path) -> list[dict[str, str]]:
    with (collection / "labels.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def pairs() -> dict[str, list[tuple[Plane, Plane]]]:
    """For each finding: (without, with) of eight patients."""
    seeds = range(100, 108)
    healthy = [draw_thorax("no_finding", seed, 256) for seed in seeds]
    return {
        finding: [(plain, draw_thorax(finding, seed, 256)) for plain, seed in zip(healthy, seeds, strict=True)]
        for finding in FINDINGS
    }


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _stored(path: Path) -> NDArray[np.int64]:
    """Stored values as they look: dense tissue high."""
    ds = pydicom.dcmread(path)
    values = ds.pixel_array.astype(np.int64)
    return 4095 - values if ds.PhotometricInterpretation == "MONOCHROME1" else values


def _drawn(row: dict[str, str]) -> Plane:
    exposure = int(Path(row["file"]).stem[-1]) - 1
    return draw_thorax(row["label"], SEED * 100_000 + int(row["patient_id"].removeprefix("SYN-")), exposure=exposure)


def _cardiothoracic_ratio(picture: Plane) -> float:
    """Distance between the inner edges of the lungs over that between the outer ones, above the diaphragm."""
    size = len(picture)
    ratios = []
    for y in np.linspace(0.56, 0.68, 7):
        profile = picture[int(y * size) : int(y * size) + 4].mean(axis=0)
        air, soft = (profile[size // 8 : -size // 8].min(), np.median(profile[int(0.46 * size) : int(0.54 * size)]))
        dark = np.flatnonzero(profile < (air + soft) / 2)
        dark = dark[(dark > 0.08 * size) & (dark < 0.92 * size)]
        right, left = dark[dark < size / 2], dark[dark > size / 2]
        if len(right) and len(left):
            ratios.append((left.min() - right.max()) / (left.max() - right.min()))
    return float(max(ratios))


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    first, again, other = (
        _digests(write_collection(tmp_path / name, count=6, seed=seed).parent)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert len(first) == 7
    assert first == again
    assert first.keys() == other.keys()
    assert not {first[name] for name in first if name.endswith(".dcm")} & set(other.values())


def test_no_two_files_are_alike(collection: Path) -> None:
    assert len(set(_digests(collection).values())) == COUNT + 1


@pytest.mark.parametrize("count", [1, 7])
def test_classes_are_balanced_for_any_count(tmp_path: Path, count: int) -> None:
    with write_collection(tmp_path, count=count).open(newline="") as stream:
        sizes = Counter(row["label"] for row in csv.DictReader(stream))
    assert sum(sizes.values()) == count
    assert {sizes[finding] for finding in FINDINGS} <= {count // 5, -(-count // 5)}


def test_balanced_and_grouped_by_patient(rows: list[dict[str, str]]) -> None:
    assert Counter(row["label"] for row in rows) == dict.fromkeys(FINDINGS, COUNT // 5)
    patients = defaultdict(list)
    for row in rows:
        patients[row["patient_id"]].append(row)
    assert Counter(len(films) for films in patients.values()) == {1: 20, 2: 5}
    for films in patients.values():
        assert len({(film["label"], film["sex"], film["age"]) for film in films}) == 1
    assert len({films[0]["label"] for films in patients.values() if len(films) == 2}) == len(FINDINGS)


def test_labels_name_exactly_the_files_and_agree_with_their_headers(
    collection: Path, rows: list[dict[str, str]]
) -> None:
    assert list(rows[0]) == ["file", "label", "patient_id", "sex", "age", "view"]
    assert sorted(row["file"] for row in rows) == sorted(f"images/{p.name}" for p in collection.glob("images/*"))
    for row in rows:
        ds = pydicom.dcmread(collection / row["file"], stop_before_pixels=True)
        assert (ds.PatientID, ds.PatientSex, ds.ViewPosition) == (row["patient_id"], row["sex"], row["view"])
        assert ds.PatientAge == f"{int(row['age']):03d}Y"


def test_headers_are_valid_and_say_synthetic(collection: Path, rows: list[dict[str, str]]) -> None:
    instances = set()
    for row in rows:
        with pydicom.config.disable_value_validation():
            ds = pydicom.dcmread(collection / row["file"])
        pydicom.dataset.validate_file_meta(ds.file_meta, enforce_standard=True)
        assert ds.preamble == bytes(128)
        assert ds.file_meta.MediaStorageSOPClassUID == ds.SOPClassUID
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
        assert ds.SOPClassUID.name.startswith({"CR": "Computed", "DX": "Digital X-Ray"}[ds.Modality])
        assert all(value.is_valid for value in (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID))
        assert (ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation) == (16, 12, 11, 0)
        assert str(ds.PatientName).startswith("Synthetic^")
        assert "SYNTHETIC" in ds.SeriesDescription
        assert "SYNTHETIC" in ds.ImageComments
        instances.add(ds.SOPInstanceUID)
    assert len(instances) == COUNT


def test_header_values_pass_the_strict_validator(collection: Path, rows: list[dict[str, str]]) -> None:
    mode = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    try:
        for row in rows:
            assert len(list(pydicom.dcmread(collection / row["file"]).iterall())) > 30
    finally:
        pydicom.config.settings.reading_validation_mode = mode


def test_header_does_not_tell_the_finding(collection: Path, rows: list[dict[str, str]]) -> None:
    for row in rows:
        ds = pydicom.dcmread(collection / row["file"], stop_before_pixels=True)
        text = f"{ds} {row['file']}".lower().replace(" ", "_")
        assert not [finding for finding in FINDINGS if finding in text]


def test_collection_holds_the_odd_kinds(collection: Path, rows: list[dict[str, str]]) -> None:
    headers = [pydicom.dcmread(collection / row["file"], stop_before_pixels=True) for row in rows]
    assert Counter(ds.PhotometricInterpretation for ds in headers)["MONOCHROME1"] == COUNT // 10
    names = {ds.file_meta.TransferSyntaxUID.name for ds in headers}
    assert names == {"Explicit VR Little Endian", "Implicit VR Little Endian", "RLE Lossless"}
    assert {ds.Modality for ds in headers} == {"CR", "DX"}
    assert {"WindowCenter" in ds for ds in headers} == {True, False}
    assert len({(float(ds.RescaleSlope), float(ds.RescaleIntercept)) for ds in headers}) > 1


def test_stored_values_are_the_drawn_picture(collection: Path, rows: list[dict[str, str]]) -> None:
    for row in rows:
        difference = _stored(collection / row["file"]) / 4095 - _drawn(row)
        assert np.abs(difference).max() <= 0.5 / 4095 + 1e-6


def test_rescaled_and_windowed_values_still_show_the_picture(collection: Path, rows: list[dict[str, str]]) -> None:
    for row in rows:
        ds = pydicom.dcmread(collection / row["file"])
        shown = apply_voi_lut(apply_rescale(ds.pixel_array, ds), ds).astype(np.float64)
        sign = -1 if ds.PhotometricInterpretation == "MONOCHROME1" else 1
        assert sign * np.corrcoef(shown.ravel(), _stored(collection / row["file"]).ravel())[0, 1] > 0.99


@pytest.mark.parametrize("finding", FINDINGS)
def test_draw_gives_a_picture_in_range(finding: str) -> None:
    picture = draw_thorax(finding, 11, 320)
    assert picture.shape == (320, 320)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert np.percentile(picture, 95) - np.percentile(picture, 5) > 0.5


def test_size_changes_only_the_resolution() -> None:
    def small(picture: Plane) -> NDArray[np.float32]:
        return np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.BOX))

    assert (
        np.corrcoef(small(draw_thorax("device", 5, 512)).ravel(), small(draw_thorax("device", 5, 256)).ravel())[0, 1]
        > 0.99
    )


def test_another_exposure_is_another_picture_of_the_same_patient() -> None:
    first, second, stranger = (
        draw_thorax("device", 5, 256),
        draw_thorax("device", 5, 256, exposure=1),
        draw_thorax("device", 6, 256),
    )
    assert np.abs(first - second).mean() > 0.01
    assert not np.array_equal(first, stranger)
    np.testing.assert_array_equal(first, draw_thorax("device", 5, 256))


def test_cardiomegaly_widens_the_heart(pairs: dict[str, list[tuple[Plane, Plane]]]) -> None:
    for plain, enlarged in pairs["cardiomegaly"]:
        normal, wide = _cardiothoracic_ratio(plain), _cardiothoracic_ratio(enlarged)
        assert normal < 0.525 < wide, (normal, wide)
        assert wide - normal > 0.1
    for finding in ("device", "atelectasis"):
        assert all(_cardiothoracic_ratio(picture) < 0.525 for _, picture in pairs[finding])


def test_effusion_fills_one_costophrenic_angle(pairs: dict[str, list[tuple[Plane, Plane]]]) -> None:
    for plain, fluid in pairs["effusion"]:
        added = fluid - plain
        right, left = added[160:200, 25:75].mean(), added[160:200, -75:-25].mean()
        assert max(right, left) > 0.1, (right, left)
        assert abs(min(right, left)) < 0.01
        assert np.abs(added[:64]).max() < 0.01


def test_effusion_climbs_the_chest_wall(pairs: dict[str, list[tuple[Plane, Plane]]]) -> None:
    for plain, fluid in pairs["effusion"]:
        wet = fluid - plain > 0.1
        columns = np.flatnonzero(wet.any(axis=0))
        top = wet.argmax(axis=0)[columns]
        if columns.mean() < 128:
            top = top[::-1]
        third = len(top) // 3
        assert top[-third:].min() < np.median(top[third:-third]) - 8


def test_device_is_metal_below_the_clavicle_with_leads_to_the_heart(
    pairs: dict[str, list[tuple[Plane, Plane]]],
) -> None:
    for plain, metal in pairs["device"]:
        added = metal - plain
        assert added.min() > -0.01
        box = added > 0.1
        assert 0.004 < box[40:128].mean() < 0.06
        assert np.percentile(metal[box], 75) > 0.85
        leads = box[128:]
        assert 0 < leads.sum() < 400
        assert np.abs(np.flatnonzero(leads.any(axis=0)).mean() - 128) < 40


def test_atelectasis_is_a_thin_band_above_the_diaphragm(pairs: dict[str, list[tuple[Plane, Plane]]]) -> None:
    for plain, band in pairs["atelectasis"]:
        dense = band - plain > 0.08
        height, width = np.flatnonzero(dense.any(axis=1)), np.flatnonzero(dense.any(axis=0))
        assert height.min() > 100
        assert height.max() < 205
        assert len(width) > 16
        assert np.median(dense.sum(axis=0)[width]) <= 16


def test_no_finding_is_the_picture_without_any(pairs: dict[str, list[tuple[Plane, Plane]]]) -> None:
    assert all(np.array_equal(plain, again) for plain, again in pairs["no_finding"])


@pytest.mark.parametrize(("finding", "seed", "size"), [("pneumonia", 0, 512), ("device", -1, 512), ("device", 0, 16)])
def test_draw_refuses_what_it_cannot_draw(finding: str, seed: int, size: int) -> None:
    with pytest.raises(UsageError):
        draw_thorax(finding, seed, size)


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-5, 0), (5, -1)])
def test_write_collection_refuses_bad_numbers(tmp_path: Path, count: int, seed: int) -> None:
    with pytest.raises(UsageError):
        write_collection(tmp_path / "out", count=count, seed=seed)
    assert not (tmp_path / "out").exists()
