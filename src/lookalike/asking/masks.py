"""Segmentation masks: read in the decoding processes, sliced and oriented like the images."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError, UsageError
from lookalike.gallery import Gallery
from lookalike.grey import MASK
from lookalike.readers.events import Frame
from lookalike.readers.pool import ReaderPool
from lookalike.text import absolute, file_name
from lookalike.types import Preprocessing, Refusal

_SIDE: Final = 256
_AS_IT_IS: Final = Preprocessing((_SIDE, _SIDE), percentiles=(0.0, 100.0), resample="box")


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """views: slice number -> (256, 256) bool over the displayed slice, for slices where the mask marks something.
    depth: how many slices there are; 1: a picture. shape: (rows, columns) of the mask's own pictures.
    """

    views: dict[int, NDArray[np.bool_]]
    depth: int
    shape: tuple[int, int]


ReadMask: TypeAlias = Callable[[str | os.PathLike[str], str], Mask]


@contextmanager
def mask_reader(gallery: Gallery) -> Iterator[ReadMask]:
    """A function that reads a mask's file as ``read_mask`` does, cut along the plane of the image that it lies over
    ("": the gallery's own), every slice.
    """
    recipe, pools = replace(gallery.volume_recipe, slices="all", window=MASK, burned_in="keep"), dict[str, ReaderPool]()
    with ExitStack() as opened:

        def read(path: str | os.PathLike[str], plane: str) -> Mask:
            if plane not in pools:
                cut = replace(recipe, plane=plane or recipe.plane)  # type: ignore[arg-type]
                pools[plane] = opened.enter_context(ReaderPool(_AS_IT_IS, volumes=cut, workers=1))
            return read_mask(pools[plane], path)

        yield read


def read_mask(readers: ReaderPool, path: str | os.PathLike[str]) -> Mask:
    """Read a mask's file. Raises UnreadableImageError, UsageError if it marks nothing."""
    views: dict[int, NDArray[np.bool_]] = {}
    depth, shape = 1, (1, 1)
    for event in readers.read([absolute(path)]):
        if isinstance(event, Refusal):
            raise UnreadableImageError(event.reason)
        if isinstance(event, Frame) and event.frame == 0:
            depth, shape = event.depth, event.shown[:2]
            if (marked := _marked(event)).any():
                views[event.view] = marked
    if not views:
        raise UsageError(f"the mask {file_name(path)!r} marks nothing; values above 0 are the region")
    return Mask(views, depth, shape)


def _marked(frame: Frame) -> NDArray[np.bool_]:
    """The pixels at least half covered; or those covered at all, where the structure is smaller than that."""
    white = frame.input[..., 0]
    half: NDArray[np.bool_] = white >= 128
    return half if half.any() else white > 0


def mask_over(gallery: Gallery, mask: Any, plane: str = "") -> Mask:
    """A mask given as a file or as an array (rows, columns) over one picture. plane: in which the query is cut."""
    if isinstance(mask, np.ndarray):
        if mask.ndim != 2 or not (mask > 0).any():
            raise UsageError(
                f"a mask is an array (rows, columns), above 0 in the region; got one of shape {mask.shape}"
            )
        return Mask({0: mask > 0}, 1, (mask.shape[0], mask.shape[1]))
    if not isinstance(mask, str | os.PathLike):
        raise UsageError(f"a mask is a file or a NumPy array, got {type(mask).__name__}")
    if not os.path.isfile(absolute(mask)):  # noqa: PTH113 - False for any impossible name
        raise UsageError(f"no such file: {absolute(mask)}; give a mask's file")
    with mask_reader(gallery) as read:
        return read(mask, plane)
