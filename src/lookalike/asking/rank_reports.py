"""Rank records by the words of their reports: the best cosine of a passage with the query's text, compared exactly."""

from __future__ import annotations

from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import Candidates
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked, records_there
from lookalike.gallery import Gallery
from lookalike.store.reports import StoredReports, every_report
from lookalike.types import BASE, Vectors

_ROWS: Final = 1 << 15  # passages compared at once

_State = tuple[int, int]
_KEPT: Final[WeakKeyDictionary[Gallery, tuple[_State, StoredReports]]] = WeakKeyDictionary()


def rank_reports(gallery: Gallery, query: Query, who: Candidates, k: int) -> list[Ranked]:
    """A ``Ranker`` of the records that have a report; ties: the record stored first. Raises DamagedFileError."""
    stored = _reports(gallery)
    if not len(stored.records):
        return []
    scores = report_scores(stored, query.vectors[:1])
    rows = np.flatnonzero(np.isin(stored.records, who.records(gallery, stored.records)))
    best = rows[np.argsort(-scores[rows], kind="stable")]
    score_of = dict(zip(stored.records[best].tolist(), scores[best].tolist(), strict=True))
    found = (Ranked(record, score_of[record.key]) for record in records_there(gallery, list(score_of)))
    return list(islice(found, k))


def report_scores(stored: StoredReports, query: Vectors) -> NDArray[np.float64]:
    """The cosine (n,) of each report's most similar passage with a query (1, dim)."""
    parts = [
        stored.passages[at : at + _ROWS].astype(np.float32) @ query[0] for at in range(0, len(stored.passages), _ROWS)
    ]
    best: NDArray[np.float64] = np.maximum.reduceat(np.concatenate(parts), stored.starts).astype(np.float64)
    return best


def _reports(gallery: Gallery) -> StoredReports:
    """The vectors of all reports, kept with the open gallery until a record changes."""
    state = gallery.space(BASE).version, gallery.store.edits()
    kept = _KEPT.get(gallery)
    if kept is None or kept[0] != state:
        _KEPT[gallery] = kept = state, every_report(gallery.store)
    return kept[1]
