"""The vector of a picture that shows nothing, to tell slices that show something from those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from lookalike.asking.kept import finite, kept_fields
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.types import Vectors

_KEPT: Final[WeakKeyDictionary[Gallery, tuple[Mapping[str, str], Vectors | None]]] = WeakKeyDictionary()


def blank_vector(gallery: Gallery, space: str) -> Vectors | None:
    """The vector (dim,) of a black picture in a space; None where the encoder takes no pictures, or is not to be had.

    Encoded once an encoder of a gallery, and kept beside its indexes.
    """
    encoder, kept = gallery.identity, _KEPT.get(gallery)
    if kept is None or kept[0] != encoder:
        kept = _KEPT[gallery] = encoder, _encoded(gallery)
    base = kept[1]
    return None if base is None else gallery.project(base, space)[0]


def _encoded(gallery: Gallery) -> Vectors | None:
    if gallery.spec.ndim != 2:
        return None
    black = np.zeros((1, *gallery.spec.preprocessing.size, 3), np.uint8)
    try:
        return kept_fields(
            gallery.folder / "indexes" / "base.blank.json",
            gallery.spec.identity,
            lambda: {"vector": gallery.encoder.encode_inputs(black)[0].tolist()},
            lambda fields: finite(fields["vector"], np.float32).reshape(1, gallery.spec.dim),
            keep=gallery.store.writable,
        )
    except LookalikeError:  # a record that asks needs no encoder
        return None
