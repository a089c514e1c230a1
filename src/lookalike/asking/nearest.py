"""The nearest vectors that may answer, whatever index is asked."""

from __future__ import annotations

import numpy as np

from lookalike.asking.candidates import Candidates
from lookalike.errors import EngineError
from lookalike.gallery import Gallery
from lookalike.indexes import FilteringIndex
from lookalike.types import Keys, Scores, Vectors


def nearest_open(gallery: Gallery, space: str, queries: Vectors, k: int, who: Candidates) -> tuple[Keys, Scores]:
    """Vector keys and cosines (q, n), best first, of the k nearest for each query (q, dim) that may answer; -1 and -inf
    in the places of others, n is k or more.

    An engine takes the rule itself; another index is asked for as many more as may not answer.
    """
    index = gallery.index(space)
    if isinstance(index, FilteringIndex):
        try:
            return index.search(queries, min(k, index.deepest), who.rule)
        except EngineError as error:
            gallery.engine.leave(error)
            return nearest_open(gallery, space, queries, k, who)
    keys, scores = index.search(queries, min(len(index), k + len(who.closed)), who.among)
    hit = who.open(keys)
    hit &= np.cumsum(hit, axis=1) <= k  # a patient with many slices must not displace the hits of others
    return np.where(hit, keys, -1), np.where(hit, scores, np.float32(-np.inf))


def few_open(gallery: Gallery, space: str, who: Candidates, most: int) -> Keys | None:
    """The vectors that a filter allows and that may answer, if it allows no more than ``most``; None where there is no
    filter, or it allows more.
    """
    if who.filtered is None:
        return None
    index, rule = gallery.index(space), who.rule
    if isinstance(index, FilteringIndex) and not isinstance(rule, np.ndarray) and rule is not None:
        try:
            return index.few(rule, most)
        except EngineError as error:
            gallery.engine.leave(error)
    keys = who.filtered.keys
    return keys[who.open(keys)] if len(keys) <= most else None
