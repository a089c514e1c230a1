"""Galleries whose vectors are given, not encoded: for tests against brute force."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def sha256_of(number: int) -> str:
    """The digest of the file of a record that ``fill`` stores: like true ones, none lies in another with what stands
    beside it in a row (63 zeros and a 3 lie in 64 zeros and a patient group that begins with 3).
    """
    return hashlib.sha256(str(number).encode()).hexdigest()


def fill(
    gallery: Gallery,
    vectors: Sequence[NDArray[np.floating]],
    patients: Sequence[str],
    labels: Sequence[tuple[str, ...]] = (),
    attributes: Sequence[Mapping[str, str | float]] = (),
    views: Sequence[tuple[int, ...]] = (),
    studies: Sequence[str] = (),
) -> list[str]:
    """Store a record for each of the vectors, (dim,) of a picture or (slices, dim) of a volume, of any length.

    Returns the ids, in order.
    """
    batch = Batch()
    for i, given in enumerate(vectors):
        rows = unit(np.atleast_2d(given))
        batch.records.append(
            NewRecord(
                f"filled:{i}.png",
                sha256_of(i),
                0,
                patients[i],
                labels[i] if labels else (),
                attributes[i] if attributes else {},
                rows,
                b"",
                views[i] if views else tuple(range(len(rows))),
            )
        )
    batch.studies.update({sha256_of(i): study for i, study in enumerate(studies)})
    gallery.store.write(batch)
    by_source = {record.source: record.id for record in gallery.store.records().values()}
    return [by_source[f"filled:{i}.png"] for i in range(len(vectors))]
