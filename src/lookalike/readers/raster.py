"""PNG, JPEG, TIFF, BMP, JPEG 2000, GIF, WebP and PNM files -> Images, one a page of a TIFF or moment of a GIF."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.readers.limits import check_size
from lookalike.types import Image

_PHOTOMETRIC: Final = 262  # TIFF 6.0, PhotometricInterpretation
_FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP", "JPEG2000", "GIF", "WEBP", "PPM")
_OF_FRAMES: Final = ("TIFF", "GIF", "WEBP")
_MAGIC: Final = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"II*\x00",
    b"MM\x00*",
    b"II+\x00",
    b"MM\x00+",
    b"BM",
    b"\x00\x00\x00\x0cjP  ",
    b"\xff\x4f\xff\x51",
    b"GIF87a",
    b"GIF89a",
)
_LATER: Final = re.compile(rb"RIFF....WEBP|P[1-6][ \t\r\n]+[\d#]", re.DOTALL)  # WebP; PNM: PBM, PGM, PPM


class RasterReader:
    """Reads the formats that Pillow decodes and that pictures are exported as."""

    def matches(self, file: Path) -> bool:
        """Whether the file begins with one of the formats' magic numbers."""
        with file.open("rb") as opened:
            head = opened.read(16)
        return head.startswith(_MAGIC) or _LATER.match(head) is not None

    def read(self, files: Sequence[Path]) -> Iterator[Image]:
        """Each page as an Image. Raises UnreadableImageError."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield from _pages(files[0])
        except (MemoryError, UnreadableImageError):
            raise
        except PIL.UnidentifiedImageError:
            raise UnreadableImageError("damaged-header") from None
        except Exception:
            raise UnreadableImageError("damaged-pixels") from None


def _pages(path: Path) -> Iterator[Image]:
    PIL.Image.MAX_IMAGE_PIXELS = None  # our own limit is checked for every page
    # From an open file: given a path, Pillow 13 memory-maps an uncompressed TIFF and gets rotated ones wrong.
    with path.open("rb") as file, PIL.Image.open(file, formats=_FORMATS) as opened:
        # Pages and moments are pictures of their own; what else a PNG or JPEG carries are previews.
        frames = getattr(opened, "n_frames", 1) if opened.format in _OF_FRAMES else 1
        for number in range(frames):
            if number:
                opened.seek(number)
            check_size(opened.height, opened.width, 3 if len(opened.getbands()) > 1 else 1, frames)
            inverted = _white_is_zero(opened)
            yield Image(pixels=_pixels(opened)[None], inverted=inverted, frame=number, frames=frames)


def _white_is_zero(opened: PIL.Image.Image) -> bool:
    """Whether a TIFF has 0 for white and Pillow, which inverts only 1 to 8 bits, leaves it so."""
    deep = opened.mode.startswith(("I", "F"))
    return deep and opened.format == "TIFF" and getattr(opened, "tag_v2", {}).get(_PHOTOMETRIC) == 0


def _pixels(opened: PIL.Image.Image) -> NDArray[np.generic]:
    """(rows, columns, channels): grey of any depth as it is, everything else as RGB."""
    upright = PIL.ImageOps.exif_transpose(opened)
    if upright.mode == "1":
        upright = upright.convert("L")
    if upright.mode == "LA":
        upright = upright.getchannel("L")
    if upright.mode == "L" or upright.mode.startswith(("I", "F")):
        return np.asarray(upright)[..., None]
    return np.asarray(upright.convert("RGB"))
