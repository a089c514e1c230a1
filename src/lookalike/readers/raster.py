"""PNG, JPEG, TIFF, BMP and JPEG 2000 files -> Images, a multi-page TIFF one Image a page."""

from __future__ import annotations

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
_FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP", "JPEG2000")
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
)


class RasterReader:
    """Reads the formats that Pillow decodes and that pictures are exported as."""

    def matches(self, file: Path) -> bool:
        """Whether the file begins with one of the formats' magic numbers."""
        with file.open("rb") as opened:
            return opened.read(16).startswith(_MAGIC)

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
        # Only TIFF pages are pictures of their own; PNG and JPEG may carry animations or previews.
        frames = getattr(opened, "n_frames", 1) if opened.format == "TIFF" else 1
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
