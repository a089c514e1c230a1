"""Queries that a tuned encoder has learnt from are not asked: their scores would be flattered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lookalike import encoders
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.splits import Split, Splits


def untouched_splits(encoder: str, data: Labelled, splits: Splits) -> Splits:
    """The splits without the queries that an encoder was tuned on, or others of their patients; said in the rule.

    They may still answer. Where nothing else is left to ask, everything is asked, and the rule says what that is worth.
    """
    seen = _learnt(encoder, data)
    asked, flattered = (sum(int(of[part.queries].sum()) for part in splits.parts) for of in (np.ones_like(seen), seen))
    parts = splits.parts
    if flattered < asked:
        kept = (Split(part.queries[~seen[part.queries]], part.gallery) for part in parts)
        parts = tuple(part for part in kept if len(part.queries))
    return replace(splits, parts=parts, rule=splits.rule + _told(encoder, flattered, asked))


def untouched_queries(encoder: str, queries: Queries) -> tuple[Queries, str]:
    """``untouched_splits`` for queries from outside, and what is to be said of it."""
    seen = _learnt(encoder, queries.data)
    told = _told(encoder, int(seen.sum()), len(seen))
    rows = np.flatnonzero(~seen)
    if len(rows) in (0, len(seen)):
        return queries, told
    return queries.take(rows), told


def _told(encoder: str, flattered: int, asked: int) -> str:
    if not flattered:
        return ""
    what = "every score is flattered" if flattered == asked else "not asked"
    return f"; {encoder} was tuned on {flattered} of {asked} queries or their patients: {what}"


def _learnt(encoder: str, data: Labelled) -> NDArray[np.bool_]:
    """Which records an encoder has learnt from, or from their patients."""
    seen = np.zeros(len(data.ids), np.bool_)
    for learnt in encoders.learnt_by(encoder):
        seen |= learnt.includes(data.ids) | learnt.includes(data.patients)
    return seen
