"""Frames of vectors that an encoder made elsewhere: of unit length, or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator
from typing import Final

import numpy as np

from lookalike.readers.events import Finished, Frame
from lookalike.types import Displayed, Item, Refusal
from lookalike.voting import unit_rows

LENGTH_CHANGED: Final = "vector length"
"""The remark on a vector that had another length than 1."""
_LENGTH_OF_ONE: Final = 1e-3  # of rounding to half precision
_ROUNDED: Final = 1e-6  # to single precision


def frames_of_vectors(item: Item, known: Container[str]) -> Iterator[Frame | Finished | Refusal]:
    """A frame for each vector of an item, then Finished; a Refusal if one is not finite, or has no length. known: the
    SHA-256 of what is stored already.
    """
    identity = hashlib.sha256(f"{item.digest}:{item.name}".encode()).hexdigest()
    if identity in known:
        yield Finished(item.name, identity, known=True, file=item.name)
        return
    if item.vectors is None:
        return
    given = item.vectors()
    lengths = np.linalg.norm(given.vectors.astype(np.float64), axis=1)
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        yield Refusal(item.name, "no-direction")
        return
    remarks = (LENGTH_CHANGED,) if (abs(lengths - 1) > _LENGTH_OF_ONE).any() else ()
    # What is of length 1 as well as float32 can say it stays to the bit: vectors that were exported come back the same.
    exact = abs(lengths - 1)[:, None] < _ROUNDED
    vectors = np.where(exact, given.vectors, unit_rows(given.vectors)).astype(np.float32)
    for view, vector in zip(given.views, vectors, strict=True):
        yield Frame(
            source=item.name,
            sha256=identity,
            frame=0,
            frames=1,
            input=np.empty(0, np.uint8),
            thumbnail=b"",
            patient="",
            attributes={},
            shown=Displayed(0, 0),
            view=view,
            depth=given.depth,
            file=item.name,
            remarks=remarks,
            vector=vector,
        )
    yield Finished(item.name, identity, file=item.name)
