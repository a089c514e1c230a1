"""The DICOM reader, on files written here: every element that changes what is seen, and what is kept."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset

from dicoms import big_endian, compressed, data_set, item, lut_item, save
from lookalike.errors import UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.pixels import display
from lookalike.readers import dicom_frames, read, series_of
from lookalike.types import Image
from lookalike.verbs.index import index

RAMP = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 20  # 0 to 3820: twelve bits
SIGNED = (RAMP.astype(np.int16) - 2000).astype(np.int16)
COLOUR = np.random.default_rng(5).integers(0, 256, (12, 16, 3), dtype=np.uint8)
FRAMES = np.stack([RAMP, RAMP[::-1], RAMP.T.reshape(12, 16)])


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., list[Image]]:
    """Write a data set and read it back."""

    def through(ds: Dataset, **options: Any) -> list[Image]:
        return list(read([save(ds, tmp_path / "image.dcm", **options)]))

    return through


Written = Callable[..., list[Image]]


def plane(image: Image) -> NDArray[Any]:
    assert image.pixels.shape[0] == 1
    return image.pixels[0, ..., 0] if image.pixels.shape[-1] == 1 else image.pixels[0]


def shown(image: Image) -> NDArray[Any]:
    return display(image)[..., 0]


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


# Colour


def test_rgb_by_pixel_and_by_plane(written: Written) -> None:
    (by_pixel,) = written(data_set(COLOUR))
    ds = data_set(COLOUR, PlanarConfiguration=1)
    ds.PixelData = COLOUR.transpose(2, 0, 1).tobytes()
    (by_plane,) = written(ds)
    assert np.array_equal(plane(by_pixel), COLOUR)
    assert np.array_equal(plane(by_plane), COLOUR)


def test_ybr_full_becomes_rgb(written: Written) -> None:
    """PS3.3 C.7.6.3.1.2."""
    red, green, blue = (COLOUR[..., i].astype(float) for i in range(3))
    ybr = np.stack(
        [
            0.299 * red + 0.587 * green + 0.114 * blue,
            -0.1687 * red - 0.3313 * green + 0.5 * blue + 128,
            0.5 * red - 0.4187 * green - 0.0813 * blue + 128,
        ],
        axis=-1,
    )
    ds = data_set(np.clip(np.rint(ybr), 0, 255).astype(np.uint8), PhotometricInterpretation="YBR_FULL")
    (image,) = written(ds)
    assert np.abs(plane(image).astype(int) - COLOUR).max() <= 2


def palette(stored: NDArray[Any], tables: NDArray[Any], first: int, bits: int) -> Dataset:
    ds = data_set(stored, PhotometricInterpretation="PALETTE COLOR")
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [len(table) % 0x10000, first, bits])
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", table.tobytes())
    return ds


@pytest.mark.parametrize(
    ("stored", "entries", "bits"),
    [(RAMP.astype(np.uint8), 256, 16), (RAMP.astype(np.uint8), 256, 8), (RAMP, 4096, 16), (RAMP, 4096, 8)],
)
def test_palette_colour(written: Written, stored: NDArray[Any], entries: int, bits: int) -> None:
    dtype = "<u2" if bits == 16 else "u1"
    tables = np.random.default_rng(1).integers(0, 2**bits, (3, entries)).astype(dtype)
    (image,) = written(palette(stored, tables, 0, bits))
    wanted = [[[int(table[v]) for table in tables] for v in row] for row in stored]
    assert plane(image).tolist() == wanted
    assert not image.inverted
    assert image.window is None


def test_palette_takes_its_end_entries_outside(written: Written) -> None:
    tables = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], "<u2")
    (image,) = written(palette(np.array([[0, 99], [100, 101], [102, 200]], np.uint8), tables, 100, 16))
    first, middle, last = [10, 40, 70], [20, 50, 80], [30, 60, 90]
    assert plane(image).tolist() == [[first, first], [first, middle], [last, last]]


# Frames


def test_frames_have_their_own_window_and_rescale(written: Written) -> None:
    ds = data_set(FRAMES, WindowCenter="1", WindowWidth="2", RescaleSlope="9", RescaleIntercept="9")
    ds.PerFrameFunctionalGroupsSequence = [
        item(
            FrameVOILUTSequence=[item(WindowCenter=str(100 + i), WindowWidth="50", VOILUTFunction="SIGMOID")],
            PixelValueTransformationSequence=[item(RescaleSlope="2", RescaleIntercept=str(-i))],
        )
        for i in range(3)
    ]
    images = written(ds)
    assert [(i.frame, i.frames, i.window, i.window_function) for i in images] == [
        (n, 3, (100.0 + n, 50.0), "SIGMOID") for n in range(3)
    ]
    for number, image in enumerate(images):
        np.testing.assert_array_equal(plane(image), FRAMES[number] * 2.0 - number)


def test_shared_groups_stand_for_frames_that_say_nothing(written: Written) -> None:
    ds = data_set(FRAMES)
    ds.SharedFunctionalGroupsSequence = [
        item(
            FrameVOILUTSequence=[item(WindowCenter="7", WindowWidth="70")],
            PixelValueTransformationSequence=[item(RescaleSlope="1", RescaleIntercept="-5")],
        )
    ]
    own = item(FrameVOILUTSequence=[item(WindowCenter="8", WindowWidth="80")])
    ds.PerFrameFunctionalGroupsSequence = [own, item(), item()]
    images = written(ds)
    assert [image.window for image in images] == [(8.0, 80.0), (7.0, 70.0), (7.0, 70.0)]
    np.testing.assert_array_equal(plane(images[2]), FRAMES[2] - 5.0)


@pytest.mark.parametrize(
    ("syntax", "preamble"),
    [
        (uid.ExplicitVRLittleEndian, True),
        (uid.ExplicitVRLittleEndian, False),
        (uid.DeflatedExplicitVRLittleEndian, True),
    ],
)
def test_a_large_file_is_read_by_frame_with_the_same_result(
    written: Written, monkeypatch: pytest.MonkeyPatch, syntax: uid.UID, preamble: bool
) -> None:
    monkeypatch.setattr(dicom_frames, "_IN_MEMORY", 0)
    ds = data_set(FRAMES, WindowCenter="1", WindowWidth="2")
    ds.file_meta.TransferSyntaxUID = syntax
    images = written(ds, preamble=preamble)
    assert [image.window for image in images] == [(1.0, 2.0)] * 3
    assert np.array_equal(np.stack([plane(image) for image in images]), FRAMES)


def test_an_empty_transfer_syntax_is_what_the_parser_saw(tmp_path: Path) -> None:
    path = save(data_set(RAMP), tmp_path / "x")
    named = b"UI\x14\x001.2.840.10008.1.2.1\0"
    data = path.read_bytes()
    assert data.count(named) == 1
    path.write_bytes(data.replace(named, b"UI\x14\0" + b"\0" * 20))
    (image,) = read([path])
    assert np.array_equal(plane(image), RAMP)


def test_more_frames_than_the_header_says_are_not_read(written: Written) -> None:
    encoded = [imagecodecs.jpegls_encode(frame) for frame in FRAMES]
    images = written(compressed(data_set(RAMP), uid.JPEGLSLossless, encoded))
    assert [(image.frame, image.frames) for image in images] == [(0, 1)]


def test_fewer_frames_than_the_header_says_are_a_refusal(tmp_path: Path) -> None:
    encoded = [imagecodecs.jpegls_encode(frame) for frame in FRAMES]
    ds = compressed(data_set(FRAMES, NumberOfFrames=5), uid.JPEGLSLossless, encoded)
    images = read([save(ds, tmp_path / "short")])
    assert np.array_equal(plane(next(images)), FRAMES[0])
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        list(images)


# Compressed


def rle_frame(pixels: NDArray[Any]) -> bytes:
    """RLE (PS3.5 annex G) with literal runs only: a segment a byte of a sample, the high byte first."""
    planes = pixels.reshape(*pixels.shape, 1) if pixels.ndim == 2 else pixels
    samples = [
        np.ascontiguousarray(planes[..., i]).astype(pixels.dtype.newbyteorder(">")) for i in range(planes.shape[-1])
    ]
    segments = []
    for sample in samples:
        by_byte = sample.view(np.uint8).reshape(-1, sample.dtype.itemsize)
        for byte in range(sample.dtype.itemsize):
            raw = by_byte[:, byte].tobytes()
            runs = [bytes([len(raw[i : i + 128]) - 1]) + raw[i : i + 128] for i in range(0, len(raw), 128)]
            segment = b"".join(runs)
            segments.append(segment + b"\0" * (len(segment) % 2))
    starts = [64 + sum(len(s) for s in segments[:i]) for i in range(len(segments))]
    return struct.pack("<16I", len(segments), *starts, *[0] * (15 - len(segments))) + b"".join(segments)


def jpeg_2000(pixels: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k", mct=False))


LOSSLESS: dict[str, tuple[uid.UID, Callable[[NDArray[Any]], bytes]]] = {
    "RLE": (uid.RLELossless, rle_frame),
    "JPEG-LS": (uid.JPEGLSLossless, imagecodecs.jpegls_encode),
    "JPEG 2000": (uid.JPEG2000Lossless, jpeg_2000),
    "JPEG lossless": (uid.JPEGLosslessSV1, imagecodecs.ljpeg_encode),
    "HTJ2K": (uid.HTJ2KLossless, lambda pixels: imagecodecs.htj2k_encode(pixels, reversible=True)),
}


@pytest.mark.parametrize("codec", LOSSLESS)
@pytest.mark.parametrize("pixels", [RAMP, RAMP.astype(np.uint8)], ids=["16 bit", "8 bit"])
def test_lossless_grey(written: Written, codec: str, pixels: NDArray[Any]) -> None:
    syntax, encode = LOSSLESS[codec]
    ds = data_set(pixels, RescaleSlope="2", RescaleIntercept="-7")
    (image,) = written(compressed(ds, syntax, [encode(pixels)]))
    np.testing.assert_array_equal(plane(image), pixels * 2.0 - 7)


@pytest.mark.parametrize("codec", ["RLE", "JPEG-LS", "JPEG 2000"])
def test_lossless_colour(written: Written, codec: str) -> None:
    syntax, encode = LOSSLESS[codec]
    (image,) = written(compressed(data_set(COLOUR), syntax, [encode(COLOUR)]))
    assert np.array_equal(plane(image), COLOUR)


@pytest.mark.parametrize("codec", LOSSLESS)
def test_lossless_frames(written: Written, codec: str) -> None:
    syntax, encode = LOSSLESS[codec]
    images = written(compressed(data_set(FRAMES), syntax, [encode(np.ascontiguousarray(f)) for f in FRAMES]))
    assert np.array_equal(np.stack([plane(image) for image in images]), FRAMES)


@pytest.mark.parametrize(("codec", "bits"), [("RLE", 12), ("JPEG-LS", 16), ("JPEG lossless", 12)])
def test_signed_pixels_in_codecs_without_a_sign(written: Written, codec: str, bits: int) -> None:
    """The codec sees unsigned bits; the sign is the data set's to know."""
    syntax, encode = LOSSLESS[codec]
    ds = data_set(SIGNED, signed=True, stored=bits)
    (image,) = written(compressed(ds, syntax, [encode(SIGNED.view(np.uint16) & ((1 << bits) - 1))]))
    assert np.array_equal(plane(image), SIGNED)


def test_signed_jpeg_2000(written: Written) -> None:
    (image,) = written(compressed(data_set(SIGNED, signed=True), uid.JPEG2000Lossless, [jpeg_2000(SIGNED)]))
    assert np.array_equal(plane(image), SIGNED)


def test_jpeg_baseline_colour_becomes_rgb(written: Written) -> None:
    smooth = np.zeros((16, 16, 3), np.uint8)
    smooth[..., 0], smooth[:8, :, 1] = 200, 90
    ds = data_set(smooth, PhotometricInterpretation="YBR_FULL_422")
    (image,) = written(compressed(ds, uid.JPEGBaseline8Bit, [imagecodecs.jpeg8_encode(smooth, level=98)]))
    assert np.abs(plane(image).astype(int) - smooth)[[0, 1, 14, 15]].max() <= 6


def test_an_unknown_transfer_syntax_is_named(tmp_path: Path) -> None:
    ds = compressed(data_set(RAMP), uid.MPEG2MPML, [b"\0" * 64])
    with pytest.raises(UnreadableImageError, match="unsupported-transfer-syntax"):
        list(read([save(ds, tmp_path / "video")]))


# What is refused


def refusal(ds: Dataset, path: Path) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        list(read([save(ds, path)]))
    return caught.value.reason


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({"Rows": 0}, "unsupported-pixels"),
        ({"Columns": 0}, "unsupported-pixels"),
        ({"SamplesPerPixel": 2}, "unsupported-pixels"),
        ({"SamplesPerPixel": 4}, "unsupported-pixels"),
        ({"Rows": 65535, "Columns": 65535}, "too-large"),
        ({"NumberOfFrames": 10_000_000}, "too-large"),
        ({"Rows": 13}, "damaged-pixels"),
        ({"NumberOfFrames": 2}, "damaged-pixels"),
    ],
)
def test_refusals_name_their_reason(tmp_path: Path, elements: dict[str, int], reason: str) -> None:
    assert refusal(data_set(RAMP, **elements), tmp_path / "x") == reason


def test_without_pixels_or_size(tmp_path: Path) -> None:
    ds = data_set(RAMP)
    del ds.Rows
    assert refusal(ds, tmp_path / "no-rows") == "damaged-header"
    del ds.PixelData
    assert refusal(ds, tmp_path / "no-pixels") == "no-pixel-data"


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    with pytest.raises(UnreadableImageError, match="empty-file"):
        list(read([tmp_path / "empty.dcm"]))


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = save(data_set(RAMP), tmp_path / "cut")
    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        list(read([path]))


# What is kept


def test_kept_attributes(written: Written) -> None:
    ds = data_set(
        RAMP,
        Modality="DX",
        BodyPartExamined="CHEST",
        ViewPosition="PA",
        PatientSex="F",
        PatientAge="045Y",
        Manufacturer="Siemens HealthCare GmbH",
        ManufacturerModelName="Biograph40_mCT 4R",
        Laterality="L",
        PixelSpacing=["0.2", "0.3"],
        SliceThickness="4",
        PatientID=" p-7 ",
    )
    (image,) = written(ds)
    assert image.attributes == {
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientSex": "F",
        "PatientAge": 45.0,
        "Manufacturer": "SIEMENS",
        "ManufacturerModelName": "Biograph",
        "Laterality": "L",
        "PhotometricInterpretation": "MONOCHROME2",
    }
    assert image.modality == "DX"
    assert image.spacing == (4.0, 0.2, 0.3)
    assert image.patient == "p-7"


@pytest.mark.parametrize(
    ("age", "years"), [("045Y", 45.0), ("018M", 1.5), ("026W", 0.5), ("073D", 0.2), ("000D", 0.0), ("100Y", 90.0)]
)
def test_ages_are_years(written: Written, age: str, years: float) -> None:
    (image,) = written(data_set(RAMP, PatientAge=age))
    assert image.attributes["PatientAge"] == pytest.approx(years, abs=0.005)


@pytest.mark.parametrize("age", ["45", "Y", "04YY", "-45Y", "", "old"])
def test_ages_that_are_none_are_left_out(written: Written, age: str) -> None:
    ds = data_set(RAMP)
    ds.add_new("PatientAge", "AS", b"")
    ds["PatientAge"]._value = age
    (image,) = written(ds)
    assert "PatientAge" not in image.attributes


def test_text_in_other_alphabets(written: Written) -> None:
    ds = data_set(RAMP, SpecificCharacterSet="ISO_IR 100", PatientID="Grünwald-7")
    assert written(ds)[0].patient == "Grünwald-7"
    ds = data_set(RAMP, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientID="島津-7")
    assert written(ds)[0].patient == "島津-7"


@pytest.mark.parametrize(
    ("keyword", "vr", "value"),
    [
        ("WindowCenter", "DS", b"about half"),
        ("RescaleSlope", "DS", b"--1--"),
        ("PixelSpacing", "DS", b"0.2\\wide"),
        ("PatientAge", "AS", b"\xff\xfe"),
        ("PatientID", "LO", b"\xff\xfe"),
        ("Modality", "CS", b"\x80\x81"),
        ("DistanceSourceToPatient", "DS", b"far away"),
        ("SeriesNumber", "IS", b"1.5"),
        ("StudyDate", "DA", b"yesterday"),
    ],
)
def test_one_bad_element_does_not_spoil_the_picture(tmp_path: Path, keyword: str, vr: str, value: bytes) -> None:
    """Values that their VR forbids are common; the pixels are none the worse for it."""
    tag = pydicom.datadict.tag_for_keyword(keyword)
    assert tag is not None
    ds = data_set(RAMP)
    value += b" " * (len(value) % 2)
    element = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value
    ds.add_new(tag, "LO", "@@@@")
    path = save(ds, tmp_path / "bad.dcm")
    placeholder = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, b"LO", 4) + b"@@@@"
    data = path.read_bytes()
    assert data.count(placeholder) == 1
    path.write_bytes(data.replace(placeholder, element))
    (image,) = read([path])
    assert np.array_equal(plane(image), RAMP)


SECRETS = {
    "PatientName": "Quuxley^Zebediah",
    "PatientBirthDate": "19470229",
    "PatientID": "MRN-0815-4711",
    "OtherPatientIDs": "ALT-99-77-55",
    "PatientAddress": "Wumpus Lane 3",
    "PatientTelephoneNumbers": "555-0199-88",
    "AccessionNumber": "ACC-20260229",
    "StudyDate": "20260229",
    "SeriesDate": "20260229",
    "ContentDate": "20260229",
    "AcquisitionDateTime": "20260229123456",
    "StudyTime": "123456.789",
    "StudyID": "STUDY-31337",
    "StudyInstanceUID": "1.2.826.0.1.99.1",
    "SeriesInstanceUID": "1.2.826.0.1.99.2",
    "SOPInstanceUID": "1.2.826.0.1.99.3",
    "FrameOfReferenceUID": "1.2.826.0.1.99.4",
    "InstitutionName": "Hospital Of Gondor",
    "InstitutionAddress": "Minas Tirith 1",
    "InstitutionalDepartmentName": "Dept. Of Shadows",
    "ReferringPhysicianName": "Strangelove^Doctor",
    "PerformingPhysicianName": "Moreau^Doctor",
    "OperatorsName": "Igor^Assistant",
    "StationName": "STATION-42X",
    "StudyDescription": "secret study words",
    "SeriesDescription": "secret series words",
    "PatientComments": "prefers not to say",
    "ImageComments": "seen by accident",
    "ProtocolName": "secret protocol",
    "DeviceSerialNumber": "SERIAL-55555",
    "RequestingPhysician": "Jekyll^Henry",
    "PatientWeight": "81.25",
}


def test_no_name_date_or_uid_is_ever_kept(tmp_path: Path, make_gallery: Callable[..., Gallery]) -> None:
    """Neither in the database nor in its log, an index, or anything else in the gallery's folder."""
    folder = tmp_path / "scans"
    folder.mkdir()
    ds = data_set(np.kron(RAMP, np.ones((4, 4), np.uint16)), Modality="DX", Manufacturer="Kept GmbH", ViewPosition="PA")
    for keyword, value in SECRETS.items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.RequestAttributesSequence = [item(RequestedProcedureDescription="sequence secret")]
    ds.add_new(0x00091001, "LO", "private secret")
    save(ds, folder / "a.dcm")
    gallery = make_gallery()
    assert index(gallery, [folder]).added == 1
    (record,) = gallery.store.records().values()
    assert record.attributes["Manufacturer"] == "other"
    assert record.attributes["ViewPosition"] == "PA"
    files = [path for path in gallery.folder.rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in files)
    assert b"ViewPosition" in everything
    words = [part for value in SECRETS.values() for part in str(value).split("^")]
    for word in [*words, "Kept GmbH", "sequence secret", "private secret"]:
        assert word.encode() not in everything, word
        assert word.encode("utf-16-le") not in everything, word
    assert not any(word in path.name for path in files for word in words)


def test_a_patient_of_an_unknown_kind_is_no_patient(tmp_path: Path) -> None:
    """Found by ``make fuzz``: pydicom converts an element when it is asked for, and raises NotImplementedError."""
    place = {"ImagePositionPatient": [0, 0, 0], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1]}
    file = save(data_set(RAMP, PatientID="P", Modality="CT", **place), tmp_path / "image.dcm")
    file.write_bytes(file.read_bytes().replace(b"\x10\x00\x20\x00LO", b"\x10\x00\x20\x00LM"))
    assert series_of(file) is None
    assert [image.patient for image in read([file])] == [""]


def test_what_a_library_raises_is_a_named_refusal(tmp_path: Path) -> None:
    """Found by ``make fuzz``: nibabel seeks to a place before the file's beginning."""
    head = struct.pack(">7ih3f9f3f", 1, -4, 2, 1, 1, 0, 0, 1, *[1.0] * 15).ljust(284, b"\0")
    (tmp_path / "x.mgh").write_bytes(head + bytes(8))
    with pytest.raises(UnreadableImageError):
        list(read([tmp_path / "x.mgh"]))
