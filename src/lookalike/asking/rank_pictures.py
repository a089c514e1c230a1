"""Rank records that have one vector each: pictures, and volumes that an encoder takes whole."""

from __future__ import annotations

import numpy as np

from lookalike.asking.candidates import Candidates
from lookalike.asking.nearest import nearest_open
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked, check_removed
from lookalike.gallery import Gallery


def rank_pictures(gallery: Gallery, query: Query, who: Candidates, k: int) -> list[Ranked]:
    """A ``Ranker`` by the cosine with the query's first vector; ties: the vector stored first.

    Raises UsageError (the space), DamagedFileError.
    """
    version, wanted = gallery.space(query.space).version, k
    while True:
        keys, scores = nearest_open(gallery, query.space, query.vectors[:1], wanted, who)
        places = np.flatnonzero(keys[0] != -1)
        records = gallery.store.owners(keys[0][places])
        found = [
            Ranked(record, float(score))
            for record, score in zip(records, scores[0][places], strict=True)
            if record is not None
        ]
        if len(found) < len(places):
            check_removed(gallery, version)
        if len(found) >= k or len(places) < wanted:
            return found[:k]
        wanted *= 2  # some have been removed since the index was built: look for more
