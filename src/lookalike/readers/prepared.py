"""Prepare an Image for an encoder: as a picture, as the slices of a volume, or as a whole volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lookalike.grey import with_window_of_file
from lookalike.pixels import fitted, picture, thumbnail
from lookalike.planes import plane_of
from lookalike.readers.burned_in import cleaned_image
from lookalike.slices import cut, volume_input
from lookalike.types import Displayed, Image, Preprocessing, VolumeRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """input: (rows, columns, 3) uint8, or (depth, rows, columns) uint16 of a whole volume. thumbnail: a JPEG.
    shown: the picture before it was fitted to the encoder. view: the slice's number of ``depth``.
    plane: axial, coronal or sagittal, in which it was cut; "" for a picture.
    """

    input: NDArray[Any]
    thumbnail: bytes
    shown: Displayed
    view: int = 0
    depth: int = 1
    plane: str = ""


def prepared_views(image: Image, recipe: Preprocessing, volumes: VolumeRecipe) -> Iterator[Prepared]:
    """A picture as one view; a volume, or a slice of one, as its slices, or as one view for an encoder of whole volumes
    (the thumbnail is then the middle slice). Raises UnreadableImageError, "burned-in-text" where that is refused.
    """
    image = cleaned_image(image, volumes.burned_in)
    if recipe.volume is not None:
        whole = volume_input(image, recipe)
        _, _, shown = next(cut(image, VolumeRecipe(slices="middle:1")))
        yield Prepared(whole, thumbnail(shown), Displayed(shown.height, shown.width))
    elif is_cut(image, volumes):
        plane = plane_of(image, volumes.plane)
        for number, count, shown in cut(image, volumes):
            ready, seen = fitted(shown, recipe)
            yield Prepared(ready, thumbnail(shown), seen, number, count, plane)
    else:
        shown = picture(with_window_of_file(image, volumes.window), recipe.percentiles)
        ready, seen = fitted(shown, recipe)
        yield Prepared(ready, thumbnail(shown), seen)


def is_cut(image: Image, volumes: VolumeRecipe) -> bool:
    """Whether an image is shown as slices: a volume, and a single slice that names its place in the patient."""
    return len(image.pixels) > 1 or (image.affine is not None and volumes.lone == "slice")
