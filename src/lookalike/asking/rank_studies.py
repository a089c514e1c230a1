"""Rank whole studies: study against study, kind of series by kind of series."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import Candidates
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked
from lookalike.asking.studies import Studies, every_study
from lookalike.gallery import Gallery
from lookalike.hits import StudyMatch
from lookalike.ranking import study_scores


def rank_studies(gallery: Gallery, query: Query, who: Candidates, k: int) -> list[Ranked]:
    """A ``Ranker`` of studies of which some record may answer, each with its record that is most similar. The score is
    the mean of ``ranking.study_scores``; ties: the study stored first. Raises DamagedFileError.
    """
    every = every_study(gallery)
    number_of = {kind: number for number, kind in enumerate(query.kinds)}
    their_kinds = np.array([number_of.get(kind, -1) for kind in every.kinds], np.int64)
    vectors = gallery.project(every.vectors, query.space)
    cosines = study_scores(query.vectors, np.arange(len(query.kinds)), vectors, their_kinds, every.starts)
    return list(islice(_ranked(gallery, query, who, every, cosines), k))


def _ranked(
    gallery: Gallery, query: Query, who: Candidates, every: Studies, cosines: NDArray[np.float64]
) -> Iterator[Ranked]:
    keys = np.array([key for some in every.records for key in some], np.int64)
    may = set(who.records(gallery, keys).tolist())
    scores = cosines.mean(axis=1)
    for study in np.argsort(-scores, kind="stable").tolist():
        there = [key for key in every.records[study] if key in may]
        found = gallery.store.records(there)
        if keys_there := [key for key in there if key in found]:
            pooled = gallery.project(np.stack([every.vectors_of[key] for key in keys_there]), query.space)
            nearest = keys_there[int((pooled @ query.vectors.T).max(axis=1).argmax())]
            kinds = dict(zip(query.kinds, cosines[study].tolist(), strict=True))
            match = StudyMatch(every.names[study], len(every.records[study]), kinds)
            yield Ranked(found[nearest], float(scores[study]), study=match)
