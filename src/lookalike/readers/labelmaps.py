"""Label maps told by their values, where no name and no header says so, beside the image that they mark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.readers import read
from lookalike.readers.pairs import files_of
from lookalike.types import Image

_MOST: Final = 256  # labels of one map; whole-body segmentations have about 120
_HIGHEST: Final = 1 << 15  # FreeSurfer's numbers reach 14,175
_CONSTANT: Final = 0.8  # of neighbours that are marked, how many bear the same label at least


def marks_an_image(volume: Image, beside: Sequence[Path]) -> bool:
    """Whether a volume is the label map of one of the files beside it: few levels (``is_label_map``) at the same places
    as an image of more.
    """
    return volume.affine is not None and is_label_map(volume.pixels) and any(_is_image(file, volume) for file in beside)


def is_label_map(pixels: NDArray[Any]) -> bool:
    """Whether voxels (depth, rows, columns, channels) are labels: a few small whole numbers from 0 on, 0 the commonest,
    in regions of one value. A map in which nothing is marked is one too.
    """
    if pixels.shape[-1] != 1 or not _are_labels(pixels[len(pixels) // 2]):
        return False
    counts, same, pairs = np.zeros(_HIGHEST, np.int64), 0, 0
    for plane in pixels[..., 0]:
        if not _are_labels(plane):
            return False
        labels = plane.astype(np.int64)
        counts += np.bincount(labels.ravel(), minlength=_HIGHEST)
        marked = (labels[:, 1:] > 0) & (labels[:, :-1] > 0)
        pairs += int(np.count_nonzero(marked))
        same += int(np.count_nonzero(marked & (labels[:, 1:] == labels[:, :-1])))
    return bool(np.count_nonzero(counts) <= _MOST and counts.argmax() == 0 and same >= _CONSTANT * pairs)


def _are_labels(plane: NDArray[Any]) -> bool:
    low, high = plane.min(), plane.max()
    if not 0 <= low <= high < _HIGHEST:  # NaN too
        return False
    return plane.dtype.kind in "iu" or bool((plane == np.rint(plane)).all())


def _is_image(file: Path, marked: Image) -> bool:
    """Whether a file holds a volume at the same places that is no label map itself."""
    try:
        volume = next(read(files_of(file)), None)
    except (OSError, MemoryError, UnreadableImageError):
        return False
    if volume is None or volume.affine is None or marked.affine is None:
        return False
    same = volume.pixels.shape[:3] == marked.pixels.shape[:3] and np.allclose(volume.affine, marked.affine, atol=1e-2)
    return same and not is_label_map(volume.pixels)
