"""Galleries whose vectors are given, not encoded: for tests against brute force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lookalike.gallery import Gallery
from lookalike.store import Batch, NewRecord


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


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
                f"{i}.png",
                f"{i:064x}",
                0,
                patients[i],
                labels[i] if labels else (),
                attributes[i] if attributes else {},
                rows,
                b"",
                views[i] if views else tuple(range(len(rows))),
            )
        )
    batch.studies.update({f"{i:064x}": study for i, study in enumerate(studies)})
    gallery.store.write(batch)
    by_source = {record.source: record.id for record in gallery.store.records().values()}
    return [by_source[f"{i}.png"] for i in range(len(vectors))]
