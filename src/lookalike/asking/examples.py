"""Relevance feedback: move a query towards positive examples and away from negative ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.query import Query, pooled_records
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.types import Record, Vectors

TOWARDS: Final = 0.75
AWAY: Final = 0.15


def moved_by_examples(
    gallery: Gallery, queries: Sequence[Query], positive: Sequence[str], negative: Sequence[str]
) -> tuple[list[Query], list[Record]]:
    """The queries moved towards and away from records, each in its space; and the negative records, which are no hits.
    Words to be found in reports are not moved.

    Raises NotFoundError (unknown id), UsageError (too many, or nothing to move), DamagedFileError.
    """
    if not positive and not negative:
        return list(queries), []
    if all(query.report for query in queries):
        raise UsageError("examples move a picture or a text, and words to be found in reports are neither")
    towards, (disliked, away) = pooled_records(gallery, positive)[1], pooled_records(gallery, negative)
    moved = [
        query
        if query.report
        else replace(
            query,
            base=refined(query.base, towards, away),
            vectors=refined(query.vectors, *(gallery.project(each, query.space) for each in (towards, away))),
        )
        for query in queries
    ]
    return moved, disliked


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
