"""One base vector a record: what maps, adapters, classifiers and evaluations work on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.slices import pool, slice_weights
from lookalike.store import StoredVectors
from lookalike.types import Record, Vectors

_MOST: Final = 1000  # records that are named by their ids


def pooled_vectors(gallery: Gallery, weights: str = "uniform", how: str = "mean") -> StoredVectors:
    """A picture's own vector, and a volume's slices as one (``slices.pool``, ``slice_weights``).

    Raises UsageError (weights), DamagedFileError.
    """
    stored = gallery.store.vectors()
    owners, starts = np.unique(stored.records, return_index=True)
    if len(owners) == len(stored.records):
        return stored
    order = np.lexsort((stored.views, stored.records))
    depths = {key: record.attributes.get("slices", 1) for key, record in gallery.store.records(owners).items()}
    rows, vectors = np.split(order, np.searchsorted(stored.records[order], owners)[1:]), []
    for owner, views in zip(owners, rows, strict=True):
        last = max(float(depths[int(owner)]) - 1, 1.0)
        shares = slice_weights(weights, stored.views[views] / last)
        vectors.append(pool(stored.vectors[views], shares, how))
    return StoredVectors(stored.keys[starts], owners, np.zeros(len(owners), np.int64), np.concatenate(vectors))


def pooled_records(gallery: Gallery, ids: Sequence[str]) -> tuple[list[Record], Vectors]:
    """Records by id and their base vectors (n, dim), of a volume the mean of its slices.

    Raises NotFoundError (unknown id), UsageError (more than a thousand), DamagedFileError.
    """
    if len(ids) > _MOST:
        raise UsageError(f"at most {_MOST} records may be given as examples, got {len(ids)}")
    records = [gallery.store.record(identity) for identity in dict.fromkeys(ids)]
    vectors = gallery.store.vectors_of_each(record.key for record in records)
    pooled = [pool(vectors[r.key], slice_weights("uniform", np.zeros(len(vectors[r.key])))) for r in records]
    return records, np.concatenate([*pooled, np.empty((0, gallery.spec.dim), np.float32)])
