"""Pooling: one base vector a record, which maps, adapters, classifiers and evaluations work on."""

from __future__ import annotations

import numpy as np

from lookalike.adapters.attention import pool_by_attention
from lookalike.adapters.layers import Layer
from lookalike.gallery import Gallery
from lookalike.slices import pool, slice_weights
from lookalike.store import BASE, StoredVectors
from lookalike.types import Vectors


def pooled_vectors(
    gallery: Gallery,
    weights: str = "uniform",
    how: str = "mean",
    *,
    space: str = BASE,
    stored: StoredVectors | None = None,
) -> StoredVectors:
    """A picture's own base vector, and a volume's slices as one (``slices.pool``, ``slice_weights``); by the attention
    of the space's adapter, if it has one and the mean is asked for. stored: the gallery's vectors, if they have been
    read.

    Raises UsageError (weights), DamagedFileError.
    """
    stored = gallery.store.vectors() if stored is None else stored
    owners, starts = np.unique(stored.records, return_index=True)
    if len(owners) == len(stored.records):
        return stored
    order = np.lexsort((stored.views, stored.records))
    depths = {key: record.attributes.get("slices", 1) for key, record in gallery.store.records(owners).items()}
    rows, vectors = np.split(order, np.searchsorted(stored.records[order], owners)[1:]), []
    attention = attention_of(gallery, space) if how == "mean" else ()
    for owner, views in zip(owners, rows, strict=True):
        last = max(float(depths[int(owner)]) - 1, 1.0)
        shares = slice_weights(weights, stored.views[views] / last)
        slices = stored.vectors[views]
        vectors.append(pool_by_attention(attention, slices, shares) if attention else pool(slices, shares, how))
    none = np.zeros(len(owners), np.int64)
    return StoredVectors(stored.keys[starts], owners, none, np.concatenate(vectors), none)


def attention_of(gallery: Gallery, space: str) -> tuple[Layer, ...]:
    """What weighs the slices of volumes in a space; () where they weigh alike. Raises NotFoundError."""
    adapter = gallery.adapter(space)
    return () if adapter is None else adapter.network.attention


def record_slices(stored: StoredVectors) -> tuple[Vectors, ...]:
    """The vectors (n_i, dim) of each record's slices, records by ascending key; () if no record has several."""
    owners = np.unique(stored.records)
    if len(owners) == len(stored.records):
        return ()
    order = np.lexsort((stored.views, stored.records))
    ends = np.append(np.searchsorted(stored.records[order], owners)[1:], len(order))
    in_order = bool((order == np.arange(len(order))).all())  # then no vector need be copied
    vectors = stored.vectors if in_order else stored.vectors[order]
    return tuple(vectors[start:end] for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True))
