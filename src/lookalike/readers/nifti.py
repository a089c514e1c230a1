"""NIfTI files (.nii, .nii.gz) -> a volume Image each, of 4-D files several, by nibabel (the extra ``volumes``).

nibabel accepts affines that are not numbers, dimensions of zero and gzip streams with a wrong checksum;
these are refused here.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.planes import slices_first
from lookalike.readers.limits import MAX_FRAMES, check_volume
from lookalike.types import Image

_MAGIC: Final = (b"n+1\x00", b"n+2\x00", b"ni1\x00", b"ni2\x00")


class NiftiReader:
    """Reads NIfTI-1 and NIfTI-2."""

    def matches(self, file: Path) -> bool:
        """By the header's magic, inside gzip too."""
        if file.name.lower().endswith((".nii", ".nii.gz")):
            return True
        with file.open("rb") as opened:
            head = opened.read(352)
        return len(head) == 352 and (head[344:348] in _MAGIC or head[4:8] in _MAGIC)

    def read(self, files: Sequence[Path]) -> Iterator[Image]:
        """One Image a time point or channel; depth is the axis along which slices were taken (``slices_first``).

        Raises UnreadableImageError.
        """
        try:
            import nibabel
        except ImportError:
            raise UnreadableImageError("needs-volumes") from None
        _check_gzip(files[0])
        try:
            opened: Any = nibabel.load(files[0])
            shape = tuple(int(n) for n in opened.shape)
            affine = np.asarray(opened.affine, np.float64)
        except MemoryError:
            raise
        except Exception:  # nibabel raises many types on damaged headers
            raise UnreadableImageError("damaged-header") from None
        yield from _images(opened, shape, affine)


def _check_gzip(file: Path) -> None:
    """Read a gzip stream to its end once, so that a wrong checksum or a truncation is found."""
    with file.open("rb") as raw:
        if raw.read(2) != b"\x1f\x8b":
            return
    try:
        with gzip.open(file) as stream:
            while stream.read(1 << 20):
                pass
    except (OSError, EOFError, zlib.error):
        raise UnreadableImageError("damaged-pixels") from None


def _images(opened: Any, shape: tuple[int, ...], affine: NDArray[np.float64]) -> Iterator[Image]:
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) < 2:
        raise UnreadableImageError("unsupported-pixels")
    frames = math.prod(shape[3:])
    if min(shape) <= 0 or frames > MAX_FRAMES:
        raise UnreadableImageError("too-large" if frames > MAX_FRAMES else "unsupported-pixels")
    check_volume((*shape, 1)[:3])
    check_affine(affine)
    for frame in range(frames):
        volume = Image(
            pixels=_channels_last(_values(opened, shape, frame).transpose(2, 1, 0)),
            affine=affine[:, [2, 1, 0, 3]],
            frame=frame,
            frames=frames,
        )
        yield slices_first(volume, _slice_axis(opened, affine))


def _slice_axis(opened: Any, affine: NDArray[np.float64]) -> int | None:
    """The axis, of (k, j, i), along which slices were taken, if the header says so (dim_info).

    dcm2niix turns 3-D acquisitions to (right, front, head) and leaves dim_info as it was: there it says nothing.
    """
    try:
        named = opened.header.get_dim_info()[2]
    except (AttributeError, ValueError):  # Analyze has none
        return None
    turned = (np.argmax(np.abs(affine[:3, :3]), axis=0) == range(3)).all() and (np.diag(affine)[:3] > 0).all()
    return None if named is None or (named == 2 and turned) else 2 - int(named)


def _values(opened: Any, shape: tuple[int, ...], frame: int) -> NDArray[Any]:
    """(i, j, k) of one time point, the others left on disk."""
    try:
        if len(shape) <= 3:
            values = np.asanyarray(opened.dataobj)
        else:
            values = opened.dataobj[(..., *np.unravel_index(frame, shape[3:], order="F"))]
        found: NDArray[Any] = values.reshape((*shape, 1)[:3])
    except MemoryError:
        raise
    except Exception:  # damaged or shorter data
        raise UnreadableImageError("damaged-pixels") from None
    return found


def check_affine(affine: NDArray[np.float64]) -> None:
    """Raise UnreadableImageError unless every number is finite and the axes span a space."""
    if not np.isfinite(affine).all():
        raise UnreadableImageError("damaged-geometry")
    columns = affine[:3, :3]
    scale = math.prod(np.linalg.norm(columns, axis=0))
    if scale == 0 or abs(np.linalg.det(columns)) < 1e-3 * scale:
        raise UnreadableImageError("damaged-geometry")


def _channels_last(values: NDArray[Any]) -> NDArray[np.generic]:
    """Grey or RGB(A) voxels -> (depth, rows, columns, 1 or 3). Raises UnreadableImageError for others."""
    if values.dtype.names is not None:
        if values.dtype.names[:3] != ("R", "G", "B"):
            raise UnreadableImageError("unsupported-pixels")
        return np.stack([values[name] for name in "RGB"], axis=-1)
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 8:
        raise UnreadableImageError("unsupported-pixels")
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        raise UnreadableImageError("damaged-pixels")
    return values[..., None]
