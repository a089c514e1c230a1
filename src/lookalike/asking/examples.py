"""Thumbs up, thumbs down: move a query towards some records and away from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.slices import pool, slice_weights
from lookalike.types import Record, Vectors

TOWARDS: Final = 0.75
AWAY: Final = 0.15
_MOST: Final = 1000


def examples(gallery: Gallery, ids: Sequence[str]) -> tuple[list[Record], Vectors]:
    """Records by id and their base vectors (n, dim), of a volume the mean of its slices.

    Raises NotFoundError (unknown id), UsageError (more than a thousand), DamagedFileError.
    """
    if len(ids) > _MOST:
        raise UsageError(f"at most {_MOST} records may be given as examples, got {len(ids)}")
    records = [gallery.store.record(identity) for identity in dict.fromkeys(ids)]
    vectors = gallery.store.vectors_of_each(record.key for record in records)
    pooled = [pool(vectors[r.key], slice_weights("uniform", np.zeros(len(vectors[r.key])))) for r in records]
    return records, np.concatenate([*pooled, np.empty((0, gallery.spec.dim), np.float32)])


def refined(vectors: Vectors, positive: Vectors, negative: Vectors) -> Vectors:
    """Each row q of (n, dim) as q + 0.75 mean(positive) - 0.15 mean(negative), at unit length.

    Source: Rocchio, "Relevance feedback in information retrieval", 1971, with the weights of Manning, Raghavan
    and Schuetze, "Introduction to Information Retrieval", 2008, section 9.1.1.
    """
    moved = vectors + TOWARDS * _mean(positive) - AWAY * _mean(negative)
    norm = np.linalg.norm(moved, axis=1, keepdims=True)
    result: Vectors = np.where(norm > 1e-6, moved / np.maximum(norm, 1e-6), vectors).astype(np.float32)
    return result


def _mean(vectors: Vectors) -> NDArray[np.float32] | float:
    return vectors.mean(axis=0) if len(vectors) else 0.0
