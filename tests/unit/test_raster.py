"""PNG, JPEG, TIFF and BMP files: every depth and mode, pages, orientation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.pixels import display, prepare
from lookalike.readers import read
from lookalike.types import Image, Preprocessing

GREY = np.random.default_rng(0).integers(0, 256, (14, 18), dtype=np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (14, 18), dtype=np.uint16)
COLOUR = np.random.default_rng(2).integers(0, 256, (14, 18, 3), dtype=np.uint8)


def through(pixels: NDArray[Any] | PIL.Image.Image, path: Path, **options: Any) -> list[Image]:
    picture = pixels if isinstance(pixels, PIL.Image.Image) else PIL.Image.fromarray(pixels)
    picture.save(path, **options)
    return list(read([path]))


def plane(image: Image) -> NDArray[Any]:
    return image.pixels[0, ..., 0] if image.pixels.shape[-1] == 1 else image.pixels[0]


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
@pytest.mark.parametrize("pixels", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_files_keep_their_values(tmp_path: Path, suffix: str, pixels: NDArray[Any]) -> None:
    (image,) = through(pixels, tmp_path / f"x.{suffix}")
    assert np.array_equal(plane(image), pixels)
    assert (image.frame, image.frames, image.patient, dict(image.attributes)) == (0, 1, "", {})


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, suffix: str) -> None:
    (image,) = through(DEEP, tmp_path / f"x.{suffix}")
    assert np.array_equal(plane(image), DEEP)


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_wide_tiff_values_stay(tmp_path: Path, dtype: type) -> None:
    values = (DEEP.astype(np.int64) * 3 - 70_000).astype(dtype)
    (image,) = through(values, tmp_path / "x.tif")
    assert np.array_equal(plane(image), values)


def test_jpeg(tmp_path: Path) -> None:
    flat = np.full((16, 16), 90, np.uint8)
    (image,) = through(flat, tmp_path / "x.jpg", quality=95)
    assert image.pixels.shape == (1, 16, 16, 1)
    assert np.abs(plane(image).astype(int) - 90).max() <= 1


def test_jpeg_2000(tmp_path: Path) -> None:
    (image,) = through(GREY, tmp_path / "x.jp2")
    assert np.array_equal(plane(image), GREY)


def test_one_bit(tmp_path: Path) -> None:
    (image,) = through(PIL.Image.fromarray(GREY > 127), tmp_path / "x.png")
    assert np.array_equal(plane(image) > 0, GREY > 127)
    assert image.pixels.shape[-1] == 1


def test_transparency_is_left_out(tmp_path: Path) -> None:
    grey = PIL.Image.merge("LA", [PIL.Image.fromarray(GREY), PIL.Image.new("L", (18, 14), 7)])
    (image,) = through(grey, tmp_path / "la.png")
    assert np.array_equal(plane(image), GREY)
    colour = PIL.Image.fromarray(np.dstack([COLOUR, np.full((14, 18), 7, np.uint8)]))
    (image,) = through(colour, tmp_path / "rgba.png")
    assert np.array_equal(plane(image), COLOUR)


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    paletted = PIL.Image.fromarray(GREY // 64)
    paletted.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    (image,) = through(paletted, tmp_path / "x.png")
    table = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90], [100, 110, 120]])
    assert np.array_equal(plane(image), table[GREY // 64])


def test_tiff_pages_are_pictures(tmp_path: Path) -> None:
    pages = [PIL.Image.fromarray(DEEP), PIL.Image.fromarray(GREY), PIL.Image.fromarray(COLOUR)]
    images = through(pages[0], tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    assert [(image.frame, image.frames) for image in images] == [(0, 3), (1, 3), (2, 3)]
    for image, wanted in zip(images, (DEEP, GREY, COLOUR), strict=True):
        assert np.array_equal(plane(image), wanted)


def test_an_animation_is_its_first_picture(tmp_path: Path) -> None:
    rest = [PIL.Image.fromarray(GREY[::-1].copy())]
    (image,) = through(PIL.Image.fromarray(GREY), tmp_path / "x.png", save_all=True, append_images=rest)
    assert np.array_equal(plane(image), GREY)


@pytest.mark.parametrize("suffix", ["jpg", "tif", "png"])
def test_the_orientation_is_applied(tmp_path: Path, suffix: str) -> None:
    """Orientation 6: turned by 90 degrees when the picture was taken."""
    wide = np.zeros((16, 32), np.uint8)
    wide[:, :16] = 200
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    (image,) = through(wide, tmp_path / f"x.{suffix}", exif=exif)
    assert image.pixels.shape == (1, 32, 16, 1)
    assert plane(image)[4, 8] > 190
    assert plane(image)[28, 8] < 10


def white_is_zero(tiff: Path) -> None:
    """Set PhotometricInterpretation (262) to 0 in a little-endian TIFF of one page."""
    data = bytearray(tiff.read_bytes())
    at = data.index(b"\x06\x01\x03\x00\x01\x00\x00\x00\x01\x00")
    data[at + 8] = 0
    tiff.write_bytes(data)


@pytest.mark.parametrize("pixels", [GREY, DEEP], ids=["8 bit", "16 bit"])
def test_white_is_zero_looks_like_its_negative(tmp_path: Path, pixels: NDArray[Any]) -> None:
    path = tmp_path / "x.tif"
    PIL.Image.fromarray(pixels).save(path)
    white_is_zero(path)
    (image,) = read([path])
    top = np.iinfo(pixels.dtype).max
    negative = Image(pixels=(top - pixels)[None, ..., None])
    recipe = Preprocessing(size=(14, 18))
    difference = prepare(image, recipe).astype(int) - prepare(negative, recipe)
    assert np.abs(difference).max() <= 1
    assert np.corrcoef(display(image).ravel(), pixels.ravel())[0, 1] == pytest.approx(-1)


def test_the_same_picture_gives_the_same_input_in_every_lossless_format(tmp_path: Path) -> None:
    inputs = [
        prepare(through(pixels, tmp_path / f"x.{suffix}")[0], Preprocessing(size=(20, 20)))
        for pixels, suffix in [(GREY, "png"), (GREY, "tif"), (GREY, "bmp"), (GREY.astype(np.uint16) * 16, "png")]
    ]
    for other in inputs[1:]:
        assert np.abs(inputs[0].astype(int) - other).max() <= 1


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "damaged-header"),
        ("x.bin", b"just text", "not-an-image"),
        ("x.nii.gz", b"\x1f\x8b\x08\x00", "damaged-pixels"),
        ("x.nrrd", b"NRRD0004", "damaged-header"),
        ("x.png", b"", "empty-file"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableImageError) as caught:
        list(read([tmp_path / name]))
    assert caught.value.reason == reason


def test_a_cut_picture_is_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(DEEP).save(tmp_path / "x.png")
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        list(read([tmp_path / "x.png"]))


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    """A PNG header may promise 65,535 x 65,535 in a few bytes."""
    PIL.Image.fromarray(GREY).save(tmp_path / "x.png")
    data = bytearray((tmp_path / "x.png").read_bytes())
    data[16:24] = b"\x00\x00\xff\xff" * 2
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(UnreadableImageError) as caught:
        list(read([tmp_path / "x.png"]))
    assert caught.value.reason in ("too-large", "damaged-header")  # Pillow may check the header's sum first


def test_a_path_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImageError, match="not-readable"):
        list(read([tmp_path / "missing.png"]))
