"""Prepare an Image for an encoder: as a picture, as the slices of a volume, or as a whole volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lookalike.pixels import model_input, picture, thumbnail
from lookalike.slices import cut, volume_input
from lookalike.types import Image, Preprocessing, VolumeRecipe


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """input: (rows, columns, 3) uint8, or (depth, rows, columns) uint16 of a whole volume. thumbnail: a JPEG.
    shown: (rows, columns) of the picture before it was fitted to the encoder. view: the slice's number of ``depth``.
    """

    input: NDArray[Any]
    thumbnail: bytes
    shown: tuple[int, int]
    view: int = 0
    depth: int = 1


def prepared_views(image: Image, recipe: Preprocessing, volumes: VolumeRecipe) -> Iterator[Prepared]:
    """A picture as one view; a volume as its slices, or as one view for an encoder of whole volumes (the thumbnail is
    then the middle slice). Raises UnreadableImageError.
    """
    if recipe.volume is not None:
        whole = volume_input(image, recipe)
        _, _, shown = next(cut(image, VolumeRecipe(slices="middle:1")))
        yield Prepared(whole, thumbnail(shown), (shown.height, shown.width))
    elif len(image.pixels) > 1:
        for number, count, shown in cut(image, volumes):
            yield Prepared(model_input(shown, recipe), thumbnail(shown), (shown.height, shown.width), number, count)
    else:
        shown = picture(image, recipe.percentiles)
        yield Prepared(model_input(shown, recipe), thumbnail(shown), (shown.height, shown.width))
