"""Formats by their content: volumes in two files, gzip whatever the name, pictures, and what is known but not read."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from conftest import texture
from lookalike.errors import REASONS, UnreadableImageError
from lookalike.gallery import Gallery
from lookalike.readers import format_of, kind_of_file, named_as_volume, read
from lookalike.readers.events import Finished, Frame
from lookalike.readers.labelmaps import is_label_map
from lookalike.readers.pairs import files_of
from lookalike.readers.pool import ReaderPool
from lookalike.sources.files import FileSource, walk
from lookalike.sources.masks import is_mask
from lookalike.sources.reading import list_items
from lookalike.types import Image, Preprocessing, Refusal, VolumeRecipe
from lookalike.verbs.index import index
from lookalike.verbs.search import search

nibabel = pytest.importorskip("nibabel", reason="the extra 'volumes' is not installed")

MakeGallery = Callable[..., Gallery]
AFFINE = np.diag([-2.0, 2.0, 3.0, 1.0])
HEAD = np.stack([texture(n)[:32, :40].astype(np.int16) * 3 for n in range(6)], axis=-1).transpose(1, 0, 2)
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 40 32 6\n"
    "ElementSpacing = 2 2 3\nElementType = MET_SHORT\nElementDataFile = {}\n"
)
NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 40 32 6\n"
    "space directions: (2,0,0) (0,2,0) (0,0,3)\nkinds: domain domain domain\nendian: little\nencoding: raw\n"
    "space origin: (0,0,0)\n{}"
)


def raw(values: np.ndarray = HEAD) -> bytes:
    return values.astype("<i2").tobytes(order="F")


def pair(folder: Path, form: str = "Nifti1Pair", stem: str = "head") -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    nibabel.save(getattr(nibabel, form)(HEAD, AFFINE), folder / f"{stem}.img")
    return folder / f"{stem}.hdr", folder / f"{stem}.img"


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def one(*files: Path) -> Image:
    (image,) = read(files)
    return image


@pytest.fixture
def single(tmp_path: Path) -> Path:
    nibabel.save(nibabel.Nifti1Image(HEAD, AFFINE), tmp_path / "head.nii")
    return tmp_path / "head.nii"


def test_a_volume_in_two_files_is_the_volume_in_one(single: Path, tmp_path: Path) -> None:
    truth = one(single)
    packed = tmp_path / "packed"
    for file in pair(tmp_path / "nifti"):
        write(packed / f"{file.name}.gz", gzip.compress(file.read_bytes()))
    upper = [write(tmp_path / "upper" / file.name.upper(), file.read_bytes()) for file in pair(tmp_path / "nifti")]
    pairs = [
        pair(tmp_path / "nifti"),
        pair(tmp_path / "two", "Nifti2Pair"),
        (packed / "head.hdr.gz", packed / "head.img.gz"),
    ]
    for header, data in [*pairs, tuple(upper)]:
        assert files_of(header) == files_of(data) == (header, data)
        image = one(header, data)
        np.testing.assert_array_equal(image.pixels, truth.pixels)
        np.testing.assert_allclose(image.affine, truth.affine)
    old = pair(tmp_path / "analyze", "AnalyzeImage")
    np.testing.assert_array_equal(np.sort(one(*old).pixels, axis=None), np.sort(truth.pixels, axis=None))
    nibabel.save(nibabel.MGHImage(HEAD.astype("i4"), AFFINE), tmp_path / "orig.mgz")
    np.testing.assert_array_equal(one(tmp_path / "orig.mgz").pixels, truth.pixels)


def test_gzip_is_told_by_content(single: Path, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.nii.gz", single.read_bytes())
    zipped = write(tmp_path / "zipped.nii", gzip.compress(single.read_bytes()))
    nameless = write(tmp_path / "nameless", gzip.compress(single.read_bytes()))
    nibabel.save(nibabel.MGHImage(HEAD.astype("i4"), AFFINE), tmp_path / "plain.mgh")
    unnamed = write(tmp_path / "plain.mgz", (tmp_path / "plain.mgh").read_bytes())
    for file in (plain, zipped, nameless, unnamed):
        np.testing.assert_array_equal(one(file).pixels, one(single).pixels)
    damaged = bytearray(zipped.read_bytes())
    damaged[-6] ^= 1
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        one(write(tmp_path / "checksum.nii", damaged))


@pytest.mark.parametrize(("slope", "inter", "dtype"), [
    (1, -1024, "i2"), (1, -1024, "u2"), (2, 0, "u1"), (1, 40000, "i2"), (1, -1e7, "u2"), (0.5, 3, "i2"), (1, 7, "i4"),
    (1, 0, "f8"), (0.25, 1, "f4"), (3, 0, "i4"), (0, 5, "i2"), (1e-3, 0, "u4"), (1, 0, "i8"), (-1, 5, "i2"),
    (1, 0, ">i2"),
])  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_scaled_voxels_are_those_of_nibabel(
    slope: float, inter: float, dtype: str, packed: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 200, (7, 5, 9)).astype(dtype)
    values[3, 2, 8] = 250  # in the last slab
    image = nibabel.Nifti1Image(values, AFFINE, dtype=dtype)
    image.header.set_data_dtype(dtype)
    header = image.header.copy()
    header["scl_slope"], header["scl_inter"], header["vox_offset"], header["magic"] = slope, inter, 352, b"n+1"
    data = header.binaryblock + bytes(4) + values.tobytes(order="F")
    file = write(tmp_path / "x.nii", gzip.compress(data) if packed else data)
    found = one(file).pixels[..., 0]
    wanted = nibabel.Nifti1Image.from_bytes(data).get_fdata().transpose(2, 1, 0)
    np.testing.assert_allclose(np.sort(found, axis=None), np.sort(wanted, axis=None), rtol=1e-6, atol=1e-4)
    assert found.dtype.itemsize <= 4 or dtype == "i8"
    if dtype in ("i2", "u2") and (slope, inter) == (1, -1024):
        assert found.dtype == np.int16


def test_meta_and_nrrd_headers_with_data_beside_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    write(folder / "a.raw", raw())
    for name, text in {"a.mhd": META.format("a.raw"), "b.nhdr": NRRD.format("data file: a.raw\n"),
                       "c.mha": META.format("a.raw"), "d.nrrd": NRRD.format("DATA FILE: a.raw\n")}.items():  # fmt: skip
        write(folder / name, text)
    write(folder / "e.mha", META.format("LOCAL").encode() + raw())
    write(folder / "f.nrrd", NRRD.format("\n").encode() + raw())
    secret = write(tmp_path / "secret.raw", raw(HEAD[::-1]))
    for name, text in {"up.mhd": META.format("../secret.raw"), "away.nhdr": NRRD.format(f"data file: {secret}\n"),
                       "list.mhd": META.format("LIST\na.raw"), "many.mhd": META.format("a%03d.raw 1 6 1"),
                       "none.mhd": META.replace("ElementDataFile = {}\n", ""), "gone.mhd": META.format("gone.raw"),
                       }.items():  # fmt: skip
        write(folder / name, text)
    with ReaderPool(Preprocessing(), workers=1) as pool:
        events = {
            event.source: event for event in pool.read([item for _, item in list_items([FileSource(folder)]).items])
        }
        frames = {e.source: e.input for e in pool.read([folder / "a.mhd", folder / "e.mha"]) if isinstance(e, Frame)}
    ended = {Path(name).name: getattr(event, "reason", "read") for name, event in events.items()}
    assert ended == {
        **dict.fromkeys(("a.mhd", "b.nhdr", "c.mha", "d.nrrd", "e.mha", "f.nrrd"), "read"),
        **dict.fromkeys(("up.mhd", "away.nhdr", "list.mhd", "many.mhd"), "points-elsewhere"),
        **dict.fromkeys(("none.mhd", "gone.mhd"), "incomplete-pair"),
    }  # fmt: skip
    np.testing.assert_array_equal(*frames.values())
    apart = list_items([FileSource(folder)]).apart
    assert [(Path(each.source).name, each.kind) for each in apart] == [("a.raw", "data of a header")]


def test_a_pair_is_one_record_that_depends_on_both_files(
    make_gallery: MakeGallery, single: Path, tmp_path: Path
) -> None:
    header, data = pair(tmp_path / "scans")
    gallery = make_gallery()
    result = index(gallery, [tmp_path / "scans"])
    assert (result.added, result.refused, result.kinds) == (1, (), {"data of a header": 1})
    for query in (single, header, data):
        (hit,) = search(gallery, query, same_patient=True).hits
        assert (hit.source, round(hit.score, 3)) == (str(header), 1)
    assert index(gallery, [data]).skipped == index(gallery, [header]).skipped == 1
    write(data, raw(HEAD[:, ::-1]))  # the header stays
    assert index(gallery, [tmp_path / "scans"]).added == 1
    for half, other in ((header, data), (data, header)):
        alone = write(tmp_path / "alone" / half.name, half.read_bytes())
        assert [each.reason for each in index(gallery, [alone]).refused] == ["incomplete-pair"], other
        alone.unlink()


def test_a_list_axis_is_no_colour(tmp_path: Path) -> None:
    """What 3D Slicer saves as a sequence: three times of a volume are not red, green and blue."""
    times = np.stack([HEAD, HEAD[::-1], HEAD[:, ::-1]])
    text = NRRD.format("\n").replace("dimension: 3", "dimension: 4").replace("sizes: 40", "sizes: 3 40")
    text = text.replace("directions: (", "directions: none (").replace("kinds: ", "kinds: list ")
    file = write(tmp_path / "x.seq.nrrd", text.encode() + raw(times))
    with ReaderPool(Preprocessing(), workers=1) as pool:
        assert [getattr(event, "reason", "") for event in pool.read([file])] == ["four-dimensional"]
    with ReaderPool(Preprocessing(), workers=1, volumes=VolumeRecipe(four_d="split", slices="middle:1")) as pool:
        frames = [event for event in pool.read([file]) if isinstance(event, Frame)]
    assert [(frame.frame, frame.frames) for frame in frames] == [(0, 3), (1, 3), (2, 3)]
    assert not np.array_equal(frames[0].input, frames[1].input)


def test_labels_are_told_by_what_the_header_says(single: Path, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image((HEAD > 200).astype("u1"), AFFINE)
    image.header.set_intent("label", (), "tumour")
    four = nibabel.Nifti2Image(np.zeros((4, 4, 4, 2), "u1"), AFFINE)
    four.header.set_intent("label")
    for name, each in {"a.nii": image, "b.nii.gz": image, "c.nii": four}.items():
        nibabel.save(each, tmp_path / name)
        assert kind_of_file(tmp_path / name) == "mask"
    segments = NRRD.format("Segment0_ID:=Segment_1\nSegment0_Name:=liver\n\n").encode() + raw()
    assert kind_of_file(write(tmp_path / "renamed.nrrd", segments)) == "mask"
    assert kind_of_file(write(tmp_path / "image.nrrd", NRRD.format("\n").encode() + raw())) == ""
    assert kind_of_file(single) == ""


def test_a_label_map_is_told_by_its_values_beside_its_image(make_gallery: MakeGallery, tmp_path: Path) -> None:
    """Names say nothing here: only few whole numbers in regions, at the places of an image of more, make a mask."""

    def save(name: str, values: np.ndarray, affine: np.ndarray = AFFINE) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / name)

    regions = np.zeros(HEAD.shape, np.uint8)
    regions[5:15, 6:20], regions[20:30, 6:20] = 1, 7
    noise = np.random.default_rng(0).integers(0, 3, HEAD.shape).astype("u1") * (HEAD > 50)
    save("same/scan.nii.gz", HEAD)
    save("same/organs.nii.gz", regions)
    save("same/floats.nii", regions.astype("f4"))
    save("same/nothing.nii", np.zeros_like(regions))
    save("same/few.nii", noise)  # few levels, but no regions: a coarse image
    save("same/shifted.nii", regions, AFFINE + np.diag([0, 0, 5, 0]))
    save("set/images_all/c1.nii", HEAD)
    save("set/drawn/c1.nii", regions)
    save("case/scan.nii", HEAD)
    save("case/drawn/one.nii", regions)
    save("alone/organs.nii", np.roll(regions, 5, 1))
    save("alone/other.nii", np.roll(regions, 3, 0))
    gallery = make_gallery()
    result = index(gallery, [tmp_path])
    apart = sorted(str(Path(each.source).relative_to(tmp_path)) for each in result.set_apart)
    assert apart == [
        "case/drawn/one.nii",
        "same/floats.nii",
        "same/nothing.nii",
        "same/organs.nii.gz",
        "set/drawn/c1.nii",
    ]
    assert (result.kinds, result.refused) == ({"mask": 5}, ())
    # The image may be known already.
    save("same/later.nii", np.roll(regions, 2, 1))
    again = index(gallery, [tmp_path])
    assert (again.added, again.kinds) == (0, {"mask": 6})


def test_real_masks_and_images_are_told_apart_by_their_values(shared_data: Path) -> None:
    files = [path for path in walk([shared_data / "volumes" / "mr_brain_hippocampus_msd"]) if named_as_volume(path)][
        ::9
    ]
    judged = {path: is_label_map(one(path).pixels) for path in files}
    assert len(files) > 8
    assert judged == {path: is_mask(path) for path in files}


def test_pictures_of_other_programs_are_read(tmp_path: Path) -> None:
    grey = texture(3)
    picture = PIL.Image.fromarray(grey)
    for name in ("a.gif", "b.webp", "c.pgm", "d.ppm"):
        options = {"lossless": True} if name == "b.webp" else {}
        (picture.convert("RGB") if name == "d.ppm" else picture).save(tmp_path / name, **options)
        shown = one(tmp_path / name).pixels[0].astype(np.int16)
        assert np.abs(shown - grey[..., None]).max() <= 1, name
    deep = write(tmp_path / "deep.pgm", b"P5\n# made\n40 32\n65535\n" + HEAD[..., 0].T.astype(">u2").tobytes())
    np.testing.assert_array_equal(one(deep).pixels[0, ..., 0], HEAD[..., 0].T)
    picture.save(tmp_path / "cine.gif", save_all=True, append_images=[PIL.Image.fromarray(texture(4))])
    assert [(image.frame, image.frames) for image in read([tmp_path / "cine.gif"])] == [(0, 2), (1, 2)]
    assert format_of(write(tmp_path / "note.txt", "P2 is the second patient")) == ""


def test_what_is_known_and_not_read_has_a_true_reason(tmp_path: Path, make_gallery: MakeGallery) -> None:
    inside = io.BytesIO()
    with zipfile.ZipFile(inside, "w") as archive:
        archive.writestr("x.txt", "x")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x"))
    files = {
        "a.zip": (inside.getvalue(), "archive"), "b.tar": (tar.getvalue(), "archive"),
        "c.tar.gz": (gzip.compress(tar.getvalue()), "archive"), "d.bz2": (bz2.compress(b"x"), "archive"),
        "e.mnc": (b"CDF\x01" + bytes(40), "other-format"), "f.mnc": (b"\x89HDF\r\n\x1a\n" + bytes(9), "other-format"),
        "g.par": (b"# === DATA DESCRIPTION FILE ====", "other-format"), "h.rec": (bytes(99), "other-format"),
        "i.mrc": (bytes(208) + b"MAP " + bytes(99), "other-format"), "j.heic": (b"\0\0\0\x18ftypheic", "other-format"),
        "k.img": (bytes(999), "incomplete-pair"), "l.hdr": (b"ENVI\nsamples = 4", "other-format"),
        "m.bin": (b"\x07odd", "not-an-image"), "n.npy": (b"\x93NUMPY\x01\0", "other-format"),
    }  # fmt: skip
    for name, (data, _reason) in files.items():
        write(tmp_path / "in" / name, data)
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nothing.png")
    result = index(make_gallery(), [tmp_path / "in"])
    told = {Path(each.source).name: (each.reason, each.detail) for each in result.refused}
    assert {name: reason for name, (reason, _) in told.items()} == {
        **{name: reason for name, (_, reason) in files.items()},
        "gone.png": "broken-link",
    }
    assert "dcm2niix" in told["g.par"][1]
    assert all("install" not in f"{REASONS[reason]} {detail}" for reason, detail in told.values())


@pytest.mark.slow
def test_a_large_scaled_ct_is_read_within_the_limit_of_memory(tmp_path: Path) -> None:
    """512 x 512 x 2,048 int16 with an intercept, 1 GiB: as dcm2niix writes a CT, and as large as any is read."""
    header = nibabel.Nifti1Header()
    header.set_data_dtype("i2")
    header.set_data_shape((512, 512, 2048))
    header.set_sform(np.diag([-0.7, -0.7, 0.6, 1]), 1)
    header["scl_slope"], header["scl_inter"], header["vox_offset"], header["magic"] = 1, -1024, 352, b"n+1"
    plane = np.kron(texture(0)[:32, :32], np.ones((16, 16))).astype("<i2") * 8
    with (tmp_path / "ct.nii").open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        for number in range(2048):
            file.write((plane + number % 200).tobytes())
    with ReaderPool(Preprocessing(), workers=1, volumes=VolumeRecipe(slices="middle:3")) as pool:
        events = list(pool.read([tmp_path / "ct.nii"]))
    assert [event for event in events if isinstance(event, Refusal)] == []
    assert isinstance(events[-1], Finished)
    assert len(events) == 4
