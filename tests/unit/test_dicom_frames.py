"""Colour, frames and compressed pixels of DICOM, against arrays."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset

from dicom_planes import COLOUR, FRAMES, RAMP, SIGNED, Written, plane
from dicoms import compressed, data_set, item, save
from lookalike.errors import UnreadableImageError
from lookalike.readers import dicom_frames, read

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
