"""Speed counts only if the answers are right: checked before any figure is printed."""

from __future__ import annotations

import numpy as np

from lookalike.gallery import Gallery
from lookalike.types import Keys, Vectors

QUERIES = 20
K = 5


def nearest(vectors: Vectors, keys: Keys, query: Vectors, k: int) -> list[int]:
    """The keys of the k nearest by brute force in float64, ties by ascending key."""
    scores = (vectors.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
    return [int(key) for key in keys[np.lexsort((keys, -scores))[:k]]]


def assert_whole(gallery: Gallery, count: int) -> None:
    """Every record is stored, has a unit vector, and the index finds what brute force finds."""
    stored = gallery.store.vectors()
    index = gallery.index()
    assert gallery.store.count() == len(stored.keys) == len(index) == count, "not every record was stored"
    assert np.allclose(np.linalg.norm(stored.vectors, axis=1), 1, atol=1e-5), "a vector has not unit length"
    rows = np.linspace(0, count - 1, QUERIES).astype(int)
    found, _scores = index.search(stored.vectors[rows], K)
    wanted = [nearest(stored.vectors, stored.keys, stored.vectors[row], K) for row in rows]
    hits = [len(set(a.tolist()) & set(b)) / K for a, b in zip(found, wanted, strict=True)]
    # Equal pictures tie in float32 and may take each other's place at the k-th rank.
    assert np.mean(hits) >= 0.99, f"recall {np.mean(hits):.3f}"
