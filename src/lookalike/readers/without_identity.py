"""A file as those may have it who may not know whose it is: its pixels and its geometry, in a file made anew.

DICOM becomes DICOM (``dicom_without_identity``), a volume NIfTI, a picture PNG, or TIFF where PNG has no room for it:
several pages, values that are no whole numbers of 16 bits. Runs only in a decoding process.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.readers import format_of, named_as_volume, read
from lookalike.readers.burned_in import cleaned_image
from lookalike.readers.deidentified_header import Deidentification
from lookalike.readers.dicom_without_identity import dicom_without_identity
from lookalike.readers.limits import MOST_BYTES_SENT
from lookalike.types import Image

_MOST_VOXELS: Final = 512 << 20  # bytes of a volume's values before they are packed
_SLAB: Final = 16 << 20  # bytes packed at once
_RGB: Final = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


def without_identity(files: Sequence[Path], options: Deidentification) -> tuple[str, bytes]:
    """The suffix and the content of a file without identity. files: one, or a header and its data.

    Raises UnreadableImageError, "too-large" beyond ``MOST_BYTES_SENT``, "burned-in-text" where that is refused.
    """
    if format_of(files[0]) == "dicom":
        return ".dcm", _bounded(dicom_without_identity(files[0], options, MOST_BYTES_SENT))
    images = (cleaned_image(image, options.burned_in) for image in read(files))
    first = next(images, None)
    if first is None:
        raise UnreadableImageError("no-pixel-data")
    if len(first.pixels) > 1 or named_as_volume(files[0]):
        return ".nii.gz", _nifti(first, images)
    suffix, data = _picture(list(_planes(chain([first], images))))
    return suffix, _bounded(data)


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_BYTES_SENT:
        raise UnreadableImageError("too-large")
    return data


def _nifti(first: Image, others: Iterator[Image]) -> bytes:
    """NIfTI-1, packed: the volumes of a file along the fourth axis, without a word."""
    dtype = _nifti_dtype(first)
    if first.pixels.size * dtype.itemsize * first.frames > _MOST_VOXELS:
        raise UnreadableImageError("too-large")
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # 31: as gzip does
    packed = [packer.compress(_nifti_header(first, dtype))]
    size = len(packed[0])
    for slab in chain.from_iterable(_slabs(image, dtype) for image in chain([first], others)):
        packed.append(packer.compress(slab))
        if (size := size + len(packed[-1])) > MOST_BYTES_SENT:
            raise UnreadableImageError("too-large")
    return b"".join([*packed, packer.flush()])


def _nifti_dtype(image: Image) -> np.dtype[Any]:
    dtype = image.pixels.dtype
    if image.pixels.shape[-1] == 3:
        if dtype != np.uint8:
            raise UnreadableImageError("unsupported-pixels")
        return _RGB
    wide = dtype.kind in "iu" and dtype.itemsize == 8
    return np.dtype(np.float64) if wide else dtype.newbyteorder("<")


def _nifti_header(image: Image, dtype: np.dtype[Any]) -> bytes:
    """The header and its extension flag, which says that there is none."""
    import nibabel

    make: Any = nibabel.Nifti1Header
    header = make()
    header.set_data_dtype(dtype)
    header.set_data_shape((*image.pixels.shape[2::-1], image.frames)[: 4 if image.frames > 1 else 3])
    affine = np.diag([*(image.spacing or (1, 1, 1)), 1.0]) if image.affine is None else image.affine
    header.set_sform(affine[:, [2, 1, 0, 3]], code="unknown" if image.affine is None else "scanner")
    header.set_xyzt_units("mm")
    header["pixdim"][1:4] = np.linalg.norm(affine[:3, 2::-1], axis=0)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return bytes(header.binaryblock) + bytes(4)


def _slabs(image: Image, dtype: np.dtype[Any]) -> Iterator[bytes]:
    """The values of a volume as NIfTI orders them: along columns, rows, depth."""
    step = max(1, _SLAB // max(1, image.pixels[0].size * image.pixels.dtype.itemsize))
    for start in range(0, len(image.pixels), step):
        some = image.pixels[start : start + step]
        yield np.ascontiguousarray(some).tobytes() if dtype == _RGB else some[..., 0].astype(dtype).tobytes()


def _planes(images: Iterator[Image]) -> Iterator[PIL.Image.Image]:
    size = 0
    for image in images:
        plane = _drawable(_bright(image.pixels[0], inverted=image.inverted))
        if (size := size + plane.nbytes) > MOST_BYTES_SENT:
            raise UnreadableImageError("too-large")
        yield PIL.Image.fromarray(plane)


def _bright(values: NDArray[Any], *, inverted: bool) -> NDArray[Any]:
    """Values with the high ones bright, in their own range where they are whole numbers."""
    if not inverted:
        return values
    return np.iinfo(values.dtype).max - values if values.dtype.kind == "u" else -values


def _drawable(values: NDArray[Any]) -> NDArray[Any]:
    """uint8, uint16 where values are whole and fit, or float32; (rows, columns) or (rows, columns, 3) uint8."""
    if values.shape[-1] == 3:
        if values.dtype != np.uint8:
            raise UnreadableImageError("unsupported-pixels")
        return np.ascontiguousarray(values)
    grey = np.ascontiguousarray(values[..., 0])
    if grey.dtype == np.uint8:
        return grey
    fits = grey.dtype.kind in "iu" and grey.min() >= 0 and grey.max() <= 0xFFFF
    return grey.astype(np.uint16 if fits else np.float32)


def _picture(planes: list[PIL.Image.Image]) -> tuple[str, bytes]:
    out = io.BytesIO()
    if len(planes) > 1 or planes[0].mode == "F":
        planes[0].save(out, "TIFF", save_all=True, append_images=planes[1:])
        return ".tif", out.getvalue()
    planes[0].save(out, "PNG", compress_level=1)
    return ".png", out.getvalue()
