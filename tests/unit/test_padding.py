"""Padding (DICOM PS3.3 C.7.5.1.1.2) has no part in any statistic and is shown as background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from conftest import texture
from dicoms import data_set, item, lut_item, save
from lookalike.grey import grey_map, is_hounsfield
from lookalike.pixels import picture
from lookalike.readers import read
from lookalike.readers.dicom_frames import read_dicom_frames
from lookalike.slices import cut
from lookalike.types import Image, VolumeRecipe

SIDE = 40
AROUND = np.add.outer((np.arange(SIDE) - 20) ** 2, (np.arange(SIDE) - 20) ** 2) > 250  # outside the round field of view


def body() -> NDArray[np.int64]:
    return 900 + 4 * texture(5, SIDE).astype(np.int64)


def decoded(path: Path, stored: NDArray[Any], *, signed: bool = False, **elements: Any) -> Image:
    (image,) = read_dicom_frames(save(data_set(stored, signed=signed, **elements), path))
    return image


def expected_grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """By the percentiles of what lies inside alone; outside black."""
    low, high = np.percentile(values[~AROUND].astype(np.float64), (1, 99))
    shown = np.clip((values.astype(np.float32) - low) * (255 / (high - low)) + 0.5, 0, 255).astype(np.uint8)
    return np.where(AROUND, 0, shown)


# name -> (padding, dtype, elements); the padding lies below, above and within the values.
KINDS: dict[str, tuple[int, type, dict[str, Any]]] = {
    "below": (0, np.uint16, {"PixelPaddingValue": 0}),
    "above": (65535, np.uint16, {"PixelPaddingValue": 65535}),
    "signed": (-2000, np.int16, {"PixelPaddingValue": -2000}),
    "rescaled": (-2000, np.int16, {"PixelPaddingValue": -2000, "RescaleSlope": 2, "RescaleIntercept": -1024}),
    "a range": (65000, np.uint16, {"PixelPaddingValue": 64000, "PixelPaddingRangeLimit": 65535}),
    "a range, backwards": (-1990, np.int16, {"PixelPaddingValue": -1980, "PixelPaddingRangeLimit": -2000}),
}


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture(kind: str, inverted: bool, tmp_path: Path) -> None:
    padding, dtype, elements = KINDS[kind]
    stored = np.where(AROUND, padding, body()).astype(dtype)
    if inverted:
        elements = {**elements, "PhotometricInterpretation": "MONOCHROME1"}
    image = decoded(tmp_path / "x.dcm", stored, signed=dtype is np.int16, **elements)
    np.testing.assert_array_equal(np.isnan(image.pixels[0, ..., 0]), AROUND)
    shown = np.asarray(picture(image, (1, 99))).astype(int)
    assert np.abs(shown - expected_grey(-body() if inverted else body())).max() <= 1


@pytest.mark.parametrize("vr", ["US", "SS"])
def test_the_sign_is_that_of_the_pixels_whatever_the_element_is(vr: str, tmp_path: Path) -> None:
    ds = data_set(np.where(AROUND, -2000, body()).astype(np.int16), signed=True)
    ds.add_new(0x00280120, vr, 63536 if vr == "US" else -2000)
    (image,) = read_dicom_frames(save(ds, tmp_path / "x.dcm"))
    np.testing.assert_array_equal(np.isnan(image.pixels[0, ..., 0]), AROUND)
    (image,) = read_dicom_frames(save(ds, tmp_path / "bare.dcm", preamble=False))
    np.testing.assert_array_equal(np.isnan(image.pixels[0, ..., 0]), AROUND)


def test_without_the_bits_that_are_not_stored(tmp_path: Path) -> None:
    values = np.where(AROUND, -2000, body() // 2).astype(np.int16)
    ds = data_set(values, signed=True, stored=12, PixelPaddingValue=-2000)
    (image,) = read_dicom_frames(save(ds, tmp_path / "x.dcm"))
    np.testing.assert_array_equal(np.isnan(image.pixels[0, ..., 0]), AROUND)


def test_floats_have_elements_of_their_own(tmp_path: Path) -> None:
    for bits, keyword in ((32, "Float"), (64, "DoubleFloat")):
        ds = data_set(np.zeros((SIDE, SIDE), np.uint16))
        del ds.PixelData
        values = np.where(AROUND, -1e4, body() / 7).astype(f"<f{bits // 8}")
        ds.BitsAllocated = ds.BitsStored = bits
        setattr(ds, f"{keyword}PixelData", values.tobytes())
        setattr(ds, f"{keyword}PixelPaddingValue", -1e4)
        (image,) = read_dicom_frames(save(ds, tmp_path / f"{keyword}.dcm"))
        np.testing.assert_array_equal(np.isnan(image.pixels[0, ..., 0]), AROUND)


def test_with_a_modality_lut_a_voi_lut_and_a_window(tmp_path: Path) -> None:
    stored = np.where(AROUND, 4095, body() // 4).astype(np.uint16)
    table = [(7 * n) % 4096 for n in range(1024)]
    ways: list[dict[str, Any]] = [
        {"ModalityLUTSequence": [lut_item(0, table, 12)]},
        {"VOILUTSequence": [lut_item(200, [100 + n // 2 for n in range(300)], 8)]},
        {"WindowCenter": 350, "WindowWidth": 400},
        {"WindowCenter": 350, "WindowWidth": 400, "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": 9e5, "WindowWidth": 1},  # it would give everything one value: no window
    ]
    for inverted in (False, True):
        for way in ways:
            if inverted:
                way["PhotometricInterpretation"] = "MONOCHROME1"
            shown = np.asarray(picture(decoded(tmp_path / "x.dcm", stored, PixelPaddingValue=4095, **way), (0, 100)))
            inside = np.asarray(picture(decoded(tmp_path / "y.dcm", stored[10:30, 10:30], **way), (0, 100)))
            assert not shown[AROUND].any(), way
            assert inside.max() == shown.max() == 255, way


def test_without_padding_nothing_changes(tmp_path: Path) -> None:
    """An integer picture stays one, for the quick path; so does one that is nothing but padding."""
    stored = body().astype(np.uint16)
    assert decoded(tmp_path / "x.dcm", stored, PixelPaddingValue=0).pixels.dtype == np.uint16
    assert decoded(tmp_path / "y.dcm", np.full((9, 9), 7, np.uint16), PixelPaddingValue=7).pixels.dtype == np.uint16
    colours = decoded(tmp_path / "z.dcm", np.zeros((9, 9, 3), np.uint8), PixelPaddingValue=0)
    assert colours.pixels.dtype == np.uint8


def test_an_element_that_holds_no_number_is_passed_over(tmp_path: Path) -> None:
    ds = data_set(body().astype(np.uint16))
    ds.add_new(0x00280120, "US", [0, 900, 1200])
    (image,) = read_dicom_frames(save(ds, tmp_path / "x.dcm"))
    assert image.pixels.dtype == np.uint16


def slices(padding: int | None, *, modality: str, around: int) -> list[Dataset]:
    made = []
    for n in range(4):
        values = np.where(AROUND, around, body() + n)
        ds = data_set(values.astype(np.int16), signed=True, Modality=modality, PixelSpacing=[1, 1])
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 3 * n]
        ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.9", f"1.2.9.{n}"
        if padding is not None:
            ds.PixelPaddingValue = padding
        made.append(ds)
    return made


@pytest.mark.parametrize("padding", [-32768, 32767])
def test_volumes_of_slices(padding: int, tmp_path: Path) -> None:
    files = [save(ds, tmp_path / f"{n}.dcm") for n, ds in enumerate(slices(padding, modality="MR", around=padding))]
    (volume,) = read(files)
    inside = np.concatenate([(body() + n)[~AROUND] for n in range(4)])
    assert grey_map(volume).ranges[0] == pytest.approx(np.percentile(inside[inside > inside.min()], (1, 99)))
    for _, _, shown in cut(volume, VolumeRecipe()):
        assert not np.asarray(shown)[AROUND].any()
        assert np.asarray(shown).max() == 255


def test_frames_of_one_file(tmp_path: Path) -> None:
    ds = data_set(np.where(AROUND, 9, np.stack([body(), body() + 5])).astype(np.uint16), PixelPaddingValue=9)
    ds.SharedFunctionalGroupsSequence = [item()]
    for image in read_dicom_frames(save(ds, tmp_path / "x.dcm")):
        np.testing.assert_array_equal(np.isnan(image.pixels[0, ..., 0]), AROUND)


def test_padding_is_no_air(tmp_path: Path) -> None:
    """A CT's padding below -200 does not make Hounsfield units of what is inside, unless the file says so."""
    stored = np.where(AROUND, -2000, body() // 40).astype(np.int16)
    for elements, expected in (
        ({}, False),
        ({"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "HU"}, True),
        ({"RescaleSlope": 1, "RescaleIntercept": -1024}, True),
        ({"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "US", "PixelPaddingValue": 0}, True),
    ):
        image = decoded(
            tmp_path / "x.dcm", stored, signed=True, **{"Modality": "CT", "PixelPaddingValue": -2000, **elements}
        )
        assert is_hounsfield(image) is expected, elements
