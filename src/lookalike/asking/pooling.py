"""Pooling: one base vector a record, which maps, adapters, classifiers and evaluations work on."""

from __future__ import annotations

import numpy as np

from lookalike.gallery import Gallery
from lookalike.slices import pool, slice_weights
from lookalike.store import StoredVectors


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
