"""Real DICOM files that are odd, rare or broken: what can be decoded is, and the rest has a reason."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lookalike.errors import REASONS
from lookalike.gallery import Gallery, open_gallery
from lookalike.readers.dicom_frames import read_dicom_frames
from lookalike.verbs.index import IndexResult, index

# What the tool that wrote the manifest could not decode, and lookalike can: JPEG Extended with 12 bits, and
# data sets that do not name their transfer syntax.
DECODED_BESIDES = {
    "2a6a2f_RG3_JPLY",
    "b3f426_MR3_JPLY",
    "4d9104_JPEG-lossy.dcm",
    "ace87c_CR-MONO1-10-chest",
    "85dde7_PrivateMDNTags.dcm",
    "488494_OT-PAL-8-face.dcm",
}


# Enhanced CT: the frames name their places, and make one volume.
VOLUMES = {"ae5703_mf.dcm", "df42d7_mf.dcm"}


@pytest.fixture(scope="module")
def manifest(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "odd-dicom" / "manifest.csv").open(newline="") as table:
        return list(csv.DictReader(table))


@pytest.fixture(scope="module")
def indexed(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gallery, IndexResult]]:
    with open_gallery(tmp_path_factory.mktemp("odd") / "gallery", create=True) as gallery:
        yield gallery, index(gallery, [shared_data / "odd-dicom" / "files"])


def decodes(row: dict[str, str]) -> bool:
    return row["decode"].startswith("ok")


def frame_count(row: dict[str, str]) -> int:
    many = row["frames"].isdigit() and Path(row["file"]).name not in VOLUMES
    return int(row["frames"]) if many else 1


def test_every_file_that_decodes_becomes_its_records_and_every_other_one_is_refused(
    shared_data: Path, manifest: list[dict[str, str]], indexed: tuple[Gallery, IndexResult]
) -> None:
    gallery, result = indexed
    root = shared_data / "odd-dicom"
    frames = Counter(record.source for record in gallery.store.records().values())
    refused = {refusal.source: refusal.reason for refusal in result.refused}
    assert result.files == len(manifest) == 177
    apart = {each.source for each in result.set_apart}
    for row in manifest:
        source = str(root / row["file"])
        if source in apart:
            assert source not in refused.keys() | frames.keys(), row["file"]
        elif decodes(row) or Path(source).name in DECODED_BESIDES:
            assert source not in refused, (row["file"], refused.get(source))
            assert frames[source] == frame_count(row), row["file"]
        else:
            # Frames before the one that is broken are kept.
            assert frames[source] < frame_count(row), row["file"]
            assert refused[source] in REASONS, row["file"]
    assert sum(map(decodes, manifest)) == 121
    # 13 of those that decode are no images: segmentations and doses.
    assert len(refused) == 177 - (121 - 13) - len(DECODED_BESIDES) - len(apart)


def test_what_is_no_image_is_counted_by_its_kind(indexed: tuple[Gallery, IndexResult]) -> None:
    assert indexed[1].kinds == {
        "SEG": 11, "RTDOSE": 7, "SR": 4, "RTPLAN": 3, "DOC": 2, "PR": 2, "annotation": 1, "DICOMDIR": 1, "RTSTRUCT": 1,
        "value mapping": 1, "waveform": 1,
    }  # fmt: skip


def test_reasons_say_what_the_matter_is(
    shared_data: Path, manifest: list[dict[str, str]], indexed: tuple[Gallery, IndexResult]
) -> None:
    root = shared_data / "odd-dicom"
    refused = {refusal.source: refusal.reason for refusal in indexed[1].refused}
    looked_at: Counter[str] = Counter()
    for row in manifest:
        reason = refused.get(str(root / row["file"]))
        if reason is None:
            continue
        if row["has_pixels"] != "1" and row["parse"] == "ok":
            cut, away = "too_short" in row["file"], "GH626" in row["file"]  # its pixels are to be fetched from a URL
            wanted = "damaged-header" if cut else "points-elsewhere" if away else "no-pixel-data"
            assert reason == wanted, row["file"]
            looked_at[reason] += 1
        if row["decode"].startswith("NotImplementedError"):
            assert reason == "unsupported-transfer-syntax", row["file"]
            looked_at[reason] += 1
        if "oob-monochrome" in row["file"]:
            assert reason == "too-large", row["file"]
            looked_at[reason] += 1
    expected = {
        "no-pixel-data": 16,
        "points-elsewhere": 1,
        "damaged-header": 1,
        "unsupported-transfer-syntax": 2,
        "too-large": 2,
    }
    assert looked_at == expected


def expected_range(row: dict[str, str], ds: pydicom.Dataset) -> tuple[float, float] | None:
    """The manifest's stored values after the rescale; None where they are not comparable."""
    colours = row["photometric"] == "PALETTE COLOR"
    if colours or "ModalityLUTSequence" in ds:
        return None
    slope = float(ds.get("RescaleSlope", 1)) if row["samples"] == "1" else 1.0
    intercept = float(ds.get("RescaleIntercept", 0)) if row["samples"] == "1" else 0.0
    return float(row["pix_min"]) * slope + intercept, float(row["pix_max"]) * slope + intercept


def test_pixel_values_agree_with_another_decoder(shared_data: Path, manifest: list[dict[str, str]]) -> None:
    compared = 0
    for row in filter(decodes, manifest):
        source = shared_data / "odd-dicom" / row["file"]
        ds = pydicom.dcmread(source, force=True, stop_before_pixels=True)
        expected = expected_range(row, ds)
        if expected is None:
            continue
        images = [image.pixels for image in read_dicom_frames(source)]
        found = min(float(np.nanmin(p)) for p in images), max(float(np.nanmax(p)) for p in images)
        if any(np.isnan(p).any() for p in images):  # padding has no value here, the other decoder gives its number
            assert ds.get("PixelPaddingValue") is not None
            found = (min(found[0], expected[0]), found[1])
        # Two JPEG decoders may round a sample differently; float32 holds a hundredth of a step.
        rounding = 1.0 if "JPEG" in row["transfer_syntax"] and "Lossless" not in row["transfer_syntax"] else 0.0
        slope = abs(float(ds.get("RescaleSlope", 1) or 1))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=(rounding + 0.01) * slope, err_msg=row["file"])
        compared += 1
    assert compared == 111
