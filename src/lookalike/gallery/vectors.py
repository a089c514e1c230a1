"""A gallery's vectors as one array, for one's own mathematics."""

from __future__ import annotations

from typing import NamedTuple

from lookalike.types import Keys, Vectors


class GalleryVectors(NamedTuple):
    """ids: the record of each row. slices (n,): its slice in a volume, from 0; 0 for pictures. vectors (n, dim)
    float32, of length 1: their products are cosines.
    """

    ids: tuple[str, ...]
    slices: Keys
    vectors: Vectors
