"""The DICOM reader, on files written here: stored values, and every element that changes what is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset

from dicom_planes import RAMP, SIGNED, Written, plane, shown
from dicoms import big_endian, data_set, item, lut_item

# Stored values


@pytest.mark.parametrize(("pixels", "signed"), [(RAMP, False), (SIGNED, True), (RAMP.astype(np.uint8), False)])
def test_stored_values_without_anything_else(written: Written, pixels: NDArray[Any], signed: bool) -> None:
    (image,) = written(data_set(pixels, signed=signed))
    assert np.array_equal(plane(image), pixels)
    assert (image.frame, image.frames, image.window, image.voi_lut) == (0, 1, None, None)
    assert not image.inverted


def test_only_the_bits_stored_count(written: Written) -> None:
    """Twelve bits in sixteen: older files keep overlays in the upper four (PS3.5 8.1.1)."""
    overlaid = RAMP | 0xF000
    (image,) = written(data_set(overlaid, stored=12))
    assert np.array_equal(plane(image), RAMP)


def test_the_sign_of_twelve_bits_is_extended(written: Written) -> None:
    (image,) = written(data_set((SIGNED.view(np.uint16) & 0x0FFF), signed=True, stored=12))
    assert np.array_equal(plane(image), SIGNED)


@pytest.mark.parametrize("syntax", [uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian])
def test_other_little_endian_syntaxes(written: Written, syntax: uid.UID) -> None:
    ds = data_set(RAMP)
    ds.file_meta.TransferSyntaxUID = syntax
    (image,) = written(ds)
    assert np.array_equal(plane(image), RAMP)


def test_big_endian(written: Written) -> None:
    (image,) = written(big_endian(data_set(RAMP)))
    assert np.array_equal(plane(image), RAMP)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_without_preamble_and_meta_information(written: Written, syntax: uid.UID) -> None:
    ds = data_set(RAMP)
    if syntax == uid.ExplicitVRBigEndian:
        big_endian(ds)
    ds.file_meta.TransferSyntaxUID = syntax
    (image,) = written(ds, preamble=False)
    assert np.array_equal(plane(image), RAMP)


def test_one_bit(written: Written) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (12, 16), dtype=np.uint8)
    ds = data_set(bits)
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit = 0
    ds.PixelData = np.packbits(bits, bitorder="little").tobytes()
    (image,) = written(ds)
    assert np.array_equal(plane(image), bits)


@pytest.mark.parametrize(
    ("keyword", "vr", "dtype"), [("FloatPixelData", "OF", "<f4"), ("DoubleFloatPixelData", "OD", "<f8")]
)
def test_float_pixels(written: Written, keyword: str, vr: str, dtype: str) -> None:
    values = np.linspace(-1.5, 2.5, 12 * 16).reshape(12, 16).astype(dtype)
    ds = data_set(RAMP)
    del ds.PixelData
    ds.BitsAllocated = values.dtype.itemsize * 8
    for name in ("BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, name)
    ds.add_new(keyword, vr, values.tobytes())
    (image,) = written(ds)
    assert np.array_equal(plane(image), values)


# Modality: PS3.3 C.11.1


def test_rescale(written: Written) -> None:
    (image,) = written(data_set(RAMP, RescaleSlope="0.5", RescaleIntercept="-1024"))
    np.testing.assert_array_equal(plane(image), RAMP * 0.5 - 1024)


@pytest.mark.parametrize("elements", [{"RescaleIntercept": "-1024"}, {"RescaleSlope": "0", "RescaleIntercept": "5"}])
def test_a_rescale_that_says_nothing_is_passed_over(written: Written, elements: dict[str, str]) -> None:
    (image,) = written(data_set(RAMP, **elements))
    assert np.array_equal(plane(image), RAMP)


@pytest.mark.parametrize("words", [False, True], ids=["US", "OW"])
def test_modality_lut_goes_before_rescale(written: Written, words: bool) -> None:
    table = [65535 - 3 * i for i in range(2000)]
    ds = data_set(RAMP, RescaleSlope="7", RescaleIntercept="1")
    ds.ModalityLUTSequence = [lut_item(1000, table, 16, words=words)]
    (image,) = written(ds)
    wanted = [[table[min(max(int(v) - 1000, 0), 1999)] for v in row] for row in RAMP]
    assert plane(image).tolist() == wanted


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_modality_lut_of_the_whole_signed_range(written: Written) -> None:
    """65,536 entries are written as 0; differences of 16-bit values do not fit 16 bits."""
    stored = np.array([[-32768, -1], [0, 32767]], np.int16)
    ds = data_set(stored, signed=True)
    ds.ModalityLUTSequence = [lut_item(-32768, list(range(65536)), 16)]
    (image,) = written(ds)
    assert plane(image).tolist() == [[0, 32767], [32768, 65535]]


# VOI: PS3.3 C.11.2


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_the_first_of_several_windows(written: Written, function: str | None) -> None:
    ds = data_set(RAMP, WindowCenter=["100", "40"], WindowWidth=["400.5", "80"])
    if function:
        ds.VOILUTFunction = function
    (image,) = written(ds)
    assert image.window == (100, 400.5)
    assert image.window_function == (function or "LINEAR")


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": "100"},
        {"WindowWidth": "100"},
        {"WindowCenter": "100", "WindowWidth": "0"},
        {"WindowCenter": "100", "WindowWidth": "-5"},
        {"WindowCenter": None, "WindowWidth": None},
    ],
)
def test_a_window_that_cannot_be_used_is_none(written: Written, elements: dict[str, Any]) -> None:
    (image,) = written(data_set(RAMP, **elements))
    assert image.window is None


@pytest.mark.parametrize("words", [False, True], ids=["US", "OW"])
def test_voi_lut_of_signed_pixels(written: Written, words: bool) -> None:
    table = [min(4095, i * i // 100) for i in range(1000)]
    ds = data_set(SIGNED, signed=True, WindowCenter="1", WindowWidth="2")
    ds.VOILUTSequence = [lut_item(-500, table, 12, words=words)]
    (image,) = written(ds)
    wanted = [[table[min(max(int(v) + 500, 0), 999)] / 4095 for v in row] for row in SIGNED]
    np.testing.assert_allclose(shown(image), wanted, atol=1e-6)


def test_a_negative_first_value_may_be_written_unsigned(written: Written) -> None:
    ds = data_set(SIGNED, signed=True)
    lut = lut_item(-500, list(range(1000)), 12)
    lut.add_new("LUTDescriptor", "US", [1000, 0x10000 - 500, 12])
    ds.VOILUTSequence = [lut]
    (image,) = written(ds)
    np.testing.assert_allclose(shown(image), np.clip(SIGNED + 500.0, 0, 999) / 4095, atol=1e-6)


def test_voi_lut_in_big_endian_words(written: Written) -> None:
    ds = big_endian(data_set(RAMP))
    ds.VOILUTSequence = [lut_item(0, list(range(4096)), 12, words=True, order=">")]
    (image,) = written(ds)
    np.testing.assert_allclose(shown(image), RAMP / 4095, atol=1e-6)


def test_voi_lut_of_packed_bytes(written: Written) -> None:
    ds = data_set(RAMP.astype(np.uint8))
    packed = item(LUTDescriptor=[256, 0, 8])
    packed.add_new("LUTData", "OW", bytes(range(255, -1, -1)))
    ds.VOILUTSequence = [packed]
    (image,) = written(ds)
    np.testing.assert_allclose(shown(image), (255 - RAMP.astype(np.uint8)) / 255.0, atol=1e-6)


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize("items", [[], [Dataset()]], ids=["no item", "empty item"])
def test_an_empty_lut_sequence_is_passed_over(written: Written, keyword: str, items: list[Dataset]) -> None:
    (image,) = written(data_set(RAMP, **{keyword: items}))
    assert np.array_equal(plane(image), RAMP)
    assert image.voi_lut is None


def test_monochrome1_is_inverted_after_the_window(written: Written) -> None:
    ds = data_set(RAMP, WindowCenter="500", WindowWidth="400")
    (plain,) = written(ds)
    ds.PhotometricInterpretation = "MONOCHROME1"
    (inverted,) = written(ds)
    assert inverted.inverted
    assert np.array_equal(plane(inverted), RAMP)
    np.testing.assert_array_equal(shown(inverted), -shown(plain))
