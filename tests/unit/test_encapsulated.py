"""What pydicom's own decoders read whole is read: bytes after the picture, fragments, offset tables that are missing
or wrong, odd lengths. The values must be those that were stored.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import Dataset

from dicoms import data_set, save
from lookalike.readers.dicom_frames import read_dicom_frames

pytestmark = pytest.mark.filterwarnings("ignore:.*(padding|frames):UserWarning")  # as pydicom says of such files

Encode = Callable[[NDArray[np.generic]], bytes]

Y, X = np.mgrid[:37, :41]
DEEP = ((X * 7 + Y * 13) % 4096).astype(np.uint16)
FLAT = (DEEP % 256).astype(np.uint8)


def rle(picture: NDArray[np.generic]) -> bytes:
    """Literal runs only (PS3.5 annex G): a header of 16 words, then a segment for each byte, the high one first."""
    planes = np.atleast_3d(picture)
    data = planes.astype(planes.dtype.newbyteorder(">")).view(np.uint8).reshape(-1, planes.shape[-1] * planes.itemsize)
    segments = [_literals(column.tobytes()) for column in data.T]
    offsets = np.cumsum([64, *map(len, segments)])[:-1]
    return struct.pack("<16I", len(segments), *offsets, *[0] * (15 - len(segments))) + b"".join(segments)


def _literals(data: bytes) -> bytes:
    runs = (data[i : i + 128] for i in range(0, len(data), 128))
    encoded = b"".join(bytes([len(run) - 1]) + run for run in runs)
    return encoded + b"\0" * (len(encoded) % 2)


ENCODERS: dict[str, tuple[str, NDArray[np.generic], Encode]] = {
    "rle, 16 bits": (uid.RLELossless, DEEP, rle),
    "rle, 8 bits": (uid.RLELossless, FLAT, rle),
    "rle, colours": (uid.RLELossless, np.dstack([FLAT, FLAT[::-1], FLAT[:, ::-1]]), rle),
    "jpeg-ls": (uid.JPEGLSLossless, DEEP, lambda picture: bytes(imagecodecs.jpegls_encode(picture))),
    "jpeg lossless": (
        uid.JPEGLosslessSV1,
        DEEP,
        lambda picture: bytes(imagecodecs.ljpeg_encode(picture, bitspersample=16)),
    ),
    "jpeg 2000": (
        uid.JPEG2000Lossless,
        DEEP,
        lambda picture: bytes(imagecodecs.jpeg2k_encode(picture, level=0, codecformat="J2K", reversible=True)),
    ),
}


def encapsulated(fragments: Sequence[bytes], table: bytes = b"") -> bytes:
    """PS3.5 annex A.4, with the fragments as they are, of odd lengths too."""
    items = (b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in (table, *fragments))
    return b"".join(items) + b"\xfe\xff\xdd\xe0\0\0\0\0"


def data_set_of(name: str, data: bytes, frames: int = 1) -> Dataset:
    syntax, picture, _ = ENCODERS[name]
    ds = data_set(picture)
    if frames > 1:
        ds.NumberOfFrames = frames
    ds.file_meta.TransferSyntaxUID = syntax
    ds.add_new("PixelData", "OB", data)
    ds["PixelData"].is_undefined_length = True
    return ds


def values(path: Path) -> list[NDArray[np.generic]]:
    return [np.squeeze(image.pixels) for image in read_dicom_frames(path)]


@pytest.mark.parametrize("name", ENCODERS)
def test_one_picture_however_it_is_wrapped(name: str, tmp_path: Path) -> None:
    _, picture, encode = ENCODERS[name]
    data = encode(picture)
    third = len(data) // 3 & ~1
    ways = {
        f"{n} bytes of {fill:02x} behind": encapsulated([data + bytes([fill]) * n])
        for n in (1, 2, 3, 10, 64)
        for fill in (0, 255)
    }
    ways |= {
        "fragments": encapsulated([data[:third], data[third : 2 * third], data[2 * third :]]),
        "fragments with a table": encapsulated([data[:third], data[third:]], struct.pack("<I", 0)),
        "a wrong table": encapsulated([data], struct.pack("<I", 77)),
        "an empty fragment": encapsulated([data, b""]),
        "more pictures than the header says": encapsulated([data, data]),
    }
    for way, wrapped in ways.items():
        found = values(save(data_set_of(name, wrapped), tmp_path / "x.dcm"))
        assert len(found) == 1, way
        np.testing.assert_array_equal(found[0], picture, err_msg=way)


@pytest.mark.parametrize("name", ENCODERS)
def test_several_pictures_however_they_are_wrapped(name: str, tmp_path: Path) -> None:
    _, picture, encode = ENCODERS[name]
    pictures = [picture, picture[::-1].copy(), picture[:, ::-1].copy()]
    each = [encode(one) for one in pictures]
    each = [data + b"\0" * (len(data) % 2) for data in each]
    halves = [part for data in each for part in (data[:100], data[100:])]
    starts = np.cumsum([0, *(len(data) + 16 for data in each)])[:-1]
    ways = {
        "no table": encapsulated(each),
        "bytes behind each": encapsulated([data + b"\0" * 4 for data in each]),
        "two fragments each": encapsulated(halves, struct.pack("<3I", *starts)),
    }
    for way, wrapped in ways.items():
        found = values(save(data_set_of(name, wrapped, 3), tmp_path / "x.dcm"))
        np.testing.assert_array_equal(found, pictures, err_msg=way)


def test_bytes_behind_a_picture_that_is_not_compressed(tmp_path: Path) -> None:
    stacks = {
        "deep": DEEP,
        "flat": FLAT,
        "frames": np.stack([DEEP, DEEP[::-1]]),
        "colours": ENCODERS["rle, colours"][1],
    }
    for name, stored in stacks.items():
        for behind in (b"\0", b"\0\0", b"\7" * 99, stored.tobytes()):
            ds = data_set(stored)
            ds.PixelData += behind + b"\0" * ((len(ds.PixelData) + len(behind)) % 2)
            np.testing.assert_array_equal(
                np.squeeze(values(save(ds, tmp_path / "x.dcm"))), stored, err_msg=f"{name}, {len(behind)}"
            )


def test_an_odd_length_and_bytes_after_the_last_element(tmp_path: Path) -> None:
    path = save(data_set(FLAT), tmp_path / "x.dcm")
    raw, size = path.read_bytes(), FLAT.size
    at = raw.rindex(struct.pack("<I", size + 1))
    for spoiled in (raw[:at] + struct.pack("<I", size) + raw[at + 4 : at + 4 + size], raw + b"\0" * 64):
        path.write_bytes(spoiled)
        np.testing.assert_array_equal(values(path)[0], FLAT)
