"""What every reader promises, run over every one that is declared as an entry point."""

from __future__ import annotations

import gzip
import io
import math
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import PIL.Image
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom import uid

from dicoms import compressed, data_set, item, lut_item, save
from lookalike.errors import UnreadableImageError
from lookalike.pixels import prepare
from lookalike.plugins import load_plugins
from lookalike.readers import Reader, dicom, dicom_frames, raster, read
from lookalike.readers.kept import KEPT
from lookalike.types import Image, Preprocessing

READERS: dict[str, type] = load_plugins("lookalike.readers")
# SimpleITK and FAISS cannot live in one process (both are wrapped by SWIG and take each other's types), so
# ItkReader reads in a process of its own here, as every reader does in earnest.
IN_PROCESS = sorted(READERS.keys() - {"itk"})
SUFFIXES = {"nifti": [".nii", ".nii.gz"], "itk": [".nrrd"]}
RAMP = np.arange(20 * 24, dtype=np.uint16).reshape(20, 24) * 8
COLOUR = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)

# Bytes that begin like something.
MAGIC = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"II*\x00",
    b"MM\x00*",
    b"BM",
    b"\xff\x4f\xff\x51",
    b"\x00\x00\x00\x0cjP  ",
    b"\0" * 128 + b"DICM",
    b"\x08\x00\x05\x00CS\x0a\x00",
    b"\x08\x00\x00\x00\x04\0\0\0",
    b"\x02\x00\x10\x00UI\x14\x00",
    b"\x00\x08\x00\x05CS\x00\x0a",
]


def pillow(pixels: np.ndarray, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()


def tiff_pages() -> bytes:
    out = io.BytesIO()
    pages = [PIL.Image.fromarray(RAMP), PIL.Image.fromarray(RAMP[::-1].copy())]
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    return out.getvalue()


def dicom_bytes(folder: Path, kind: str) -> bytes:
    ds = data_set(RAMP, Modality="CR", WindowCenter="500", WindowWidth="900", PatientAge="050Y", PatientID="x")
    if kind == "frames":
        ds = data_set(np.stack([RAMP, RAMP[::-1]]))
        ds.PerFrameFunctionalGroupsSequence = [
            item(FrameVOILUTSequence=[item(WindowCenter="9", WindowWidth="90")]),
            item(),
        ]
    elif kind == "tables":
        ds.ModalityLUTSequence = [lut_item(0, list(range(300)), 16)]
        ds.VOILUTSequence = [lut_item(0, list(range(256)), 8, words=True)]
    elif kind == "colour":
        ds = data_set(COLOUR)
    elif kind == "rle":
        plain = b"".join(bytes([23]) + row.tobytes() for row in COLOUR[..., 0])
        segment = b"\x01\0\0\0" + b"\x40\0\0\0" + b"\0" * 56 + plain
        ds = compressed(data_set(COLOUR[..., 0].copy()), uid.RLELossless, [segment])
    elif kind == "jpeg":
        ds = compressed(data_set(COLOUR[..., 0].copy()), uid.JPEGBaseline8Bit, [pillow(COLOUR[..., 0], "JPEG")])
    return save(ds, folder / f"{kind}.dcm").read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def nifti_bytes(shape: tuple[int, ...]) -> bytes:
    voxels = np.arange(math.prod(shape), dtype=np.int16).reshape(shape)
    return bytes(nibabel.Nifti1Image(voxels, np.diag([2.0, 2.0, 3.0, 1.0])).to_bytes())


def nrrd_bytes() -> bytes:
    head = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 24 20 4\n"
        "space directions: (2,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\n"
        "encoding: raw\nspace origin: (0,0,0)\n\n"
    )
    return head.encode() + np.arange(24 * 20 * 4, dtype="<i2").tobytes()


@pytest.fixture(scope="module")
def valid(folder: Path) -> dict[str, list[bytes]]:
    """Small good files of each of our readers."""
    return {
        "nifti": [nifti_bytes((24, 20, 4)), gzip.compress(nifti_bytes((24, 20, 4)), mtime=0)],
        "itk": [nrrd_bytes()],
        "dicom": [dicom_bytes(folder, k) for k in ("plain", "frames", "tables", "colour", "rle", "jpeg")],
        "raster": [
            pillow(RAMP, "PNG"),
            pillow(COLOUR, "PNG"),
            pillow(COLOUR, "JPEG"),
            pillow(COLOUR, "BMP"),
            pillow(COLOUR[..., 0], "TIFF", compression="tiff_lzw"),
            tiff_pages(),
        ],
    }


@pytest.fixture(params=sorted(READERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=IN_PROCESS)
def reading(request: pytest.FixtureRequest) -> str:
    """The name of a reader that may read in this process."""
    return str(request.param)


def suffix(name: str, data: bytes) -> str:
    """What a file of this kind must be called; DICOM and pictures are known by their bytes."""
    plain, *packed = SUFFIXES.get(name, [""])
    return packed[0] if packed and data[:2] == b"\x1f\x8b" else plain


def check(image: Image) -> None:
    """The shape, dtype and units that the protocol promises."""
    depth, rows, columns, channels = image.pixels.shape
    assert depth > 0
    assert rows > 0
    assert columns > 0
    assert channels in (1, 3)
    assert image.pixels.dtype.kind in "iufb"
    assert 0 <= image.frame < image.frames
    if image.window is not None:
        center, width = image.window
        assert np.isfinite([center, width]).all()
        assert width > 0
    if image.voi_lut is not None:
        assert image.voi_lut.table.dtype == np.float32
        assert len(image.voi_lut.table) > 0
        assert image.voi_lut.table.min() >= 0
        assert image.voi_lut.table.max() <= 1
    if image.spacing is not None:
        assert len(image.spacing) == 3
    if depth > 1:
        assert image.affine is not None
    if image.affine is not None:
        assert image.affine.shape == (4, 4)
        assert image.affine.dtype == np.float64
        assert np.isfinite(image.affine).all()
        assert abs(np.linalg.det(image.affine)) > 0
    for keyword, value in image.attributes.items():
        assert keyword in KEPT
        assert isinstance(value, float) or (value.isprintable() and 0 < len(value) <= 64)


def read_all(reader: Reader, path: Path) -> list[Image]:
    """Every image of a file, checked, also by what is done next; what cannot be read is refused, no more."""
    images = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for image in reader.read([path]):
                check(image)
                if len(image.pixels) == 1:
                    prepare(image, Preprocessing(size=(8, 8)))
                images.append(image)
        except UnreadableImageError:
            pass
    return images


def test_ours_are_declared() -> None:
    assert READERS["dicom"] is dicom.DicomReader
    assert READERS["raster"] is raster.RasterReader


@given(st.binary(max_size=400), st.sampled_from(MAGIC), st.sampled_from(["x", "x.dcm", "x.png", "x.nii.gz"]))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150, deadline=None
)
def test_matches_never_raises(name: str, folder: Path, tail: bytes, head: bytes, file: str) -> None:
    path = folder / file
    path.write_bytes(head + tail)
    assert READERS[name]().matches(path) in (True, False)


def test_matches_knows_its_own(name: str, folder: Path, valid: dict[str, list[bytes]]) -> None:
    for owner, files in valid.items():
        for data in files:
            path = folder / f"known{suffix(owner, data)}"
            path.write_bytes(data)
            assert READERS[name]().matches(path) == (owner == name)


def test_matches_decodes_nothing(
    name: str, folder: Path, valid: dict[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_decoding(*_: object, **__: object) -> None:
        raise AssertionError("matches() must not decode")

    monkeypatch.setattr(PIL.Image, "open", no_decoding)
    monkeypatch.setattr("pydicom.dcmread", no_decoding)
    monkeypatch.setattr(dicom_frames, "iter_pixels", no_decoding)
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    monkeypatch.setattr(nibabel, "load", no_decoding)
    for data in valid[name]:
        path = folder / f"head{suffix(name, data)}"
        path.write_bytes(data)
        assert READERS[name]().matches(path)
        # The head decides: the pixels may be missing altogether.
        path.write_bytes(data[:200])
        assert READERS[name]().matches(path)


def test_good_files_are_read(reading: str, folder: Path, valid: dict[str, list[bytes]]) -> None:
    counts = []
    for data in valid[reading]:
        path = folder / f"good{suffix(reading, data)}"
        path.write_bytes(data)
        images = read_all(READERS[reading](), path)
        assert [image.frame for image in images] == list(range(images[0].frames))
        assert all(image.pixels.shape[1:3] == (20, 24) for image in images)
        counts.append(len(images))
    assert counts == {"dicom": [1, 2, 1, 1, 1, 1], "raster": [1, 1, 1, 1, 1, 2], "nifti": [1, 1]}[reading]


Mutation = Callable[[bytes], bytes]


@st.composite
def mutations(draw: st.DrawFn) -> Mutation:
    """Flip, overwrite, cut or repeat a few stretches, anywhere but rather in the head."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "cut", "insert", "truncate"]),
                st.one_of(st.floats(0, 1), st.floats(0, 0.1)),
                st.binary(min_size=1, max_size=4),
            ),
            min_size=1,
            max_size=5,
        )
    )

    def mutate(data: bytes) -> bytes:
        for kind, where, junk in steps:
            at = int(where * len(data))
            if kind == "set":
                data = data[:at] + junk + data[at + len(junk) :]
            elif kind == "cut":
                data = data[:at] + data[at + len(junk) :]
            elif kind == "insert":
                data = data[:at] + junk + data[at:]
            else:
                data = data[: max(1, at)]
        return data

    return mutate


@given(st.data(), mutations())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=250, deadline=None
)
def test_damaged_files_are_read_or_refused(
    reading: str, folder: Path, valid: dict[str, list[bytes]], data: st.DataObject, mutate: Mutation
) -> None:
    whole = data.draw(st.sampled_from(valid[reading]))
    path = folder / f"damaged{suffix(reading, whole)}"
    path.write_bytes(mutate(whole))
    read_all(READERS[reading](), path)


def test_damaged_files_in_a_process_of_their_own(folder: Path, valid: dict[str, list[bytes]]) -> None:
    """The same for the reader that cannot be run here: good files first, then 150 damaged ones."""
    chance = random.Random(0)
    (whole,) = valid["itk"]
    for number in range(151):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4) if number else 0):
            data[chance.randrange(min(len(data), chance.choice([250, len(data)])))] = chance.randrange(256)
        cut = chance.randrange(len(data)) if number and chance.random() < 0.2 else len(data)
        (folder / f"itk{number:03}.nrrd").write_bytes(data[:cut])
    program = (
        "import sys; from pathlib import Path; from test_reader_contract import READERS, read_all\n"
        "for path in sys.argv[1:]: print(len(read_all(READERS['itk'](), Path(path))))"
    )
    paths = sorted(str(path) for path in folder.glob("itk*.nrrd"))
    here = Path(__file__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (here.parent, here.parents[1])))}
    done = subprocess.run(
        [sys.executable, "-c", program, *paths], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counts = [int(line) for line in done.stdout.split()]
    assert len(counts) == 151
    assert counts[0] == 1
    assert 0 < sum(counts) < 151


@given(st.binary(max_size=600), st.sampled_from(MAGIC), st.sampled_from(["x", "x.dcm", "x.png"]))
@example(b"", b"", "x.dcm")
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150, deadline=None
)
def test_any_bytes_through_the_front_door(folder: Path, tail: bytes, head: bytes, file: str) -> None:
    """``readers.read`` chooses the reader; whatever the file holds, it is read or refused."""
    path = folder / file
    path.write_bytes(head + tail)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            images = list(read([path]))
        except UnreadableImageError:
            return
    for image in images:
        check(image)
