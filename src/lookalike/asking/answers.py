"""The answers to queries: ranked by the query's kind, fused for several queries, grouped by patient on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from lookalike.asking.candidates import Candidates, one_a_group
from lookalike.asking.query import Query
from lookalike.asking.rank_pictures import rank_pictures
from lookalike.asking.rank_regions import rank_regions
from lookalike.asking.rank_reports import rank_reports
from lookalike.asking.rank_studies import rank_studies
from lookalike.asking.rank_volumes import rank_volumes
from lookalike.asking.ranked import Ranked, Ranker
from lookalike.gallery import Gallery
from lookalike.ranking import reciprocal_rank_fusion
from lookalike.store.series_in_time import Unit, standings
from lookalike.types import Placed

_FUSED: Final = 100  # hits of each ranking that are fused


def answers(
    gallery: Gallery,
    queries: Sequence[Query],
    who: Candidates,
    k: int,
    *,
    rank: str = "auto",
    weights: str = "uniform",
    per: Unit | None = None,
) -> list[Ranked]:
    """The k best records; for several queries their rankings fused by reciprocal rank, with the fused scores, each
    ranking by its query's weight.

    rank, weights: of volumes (``rank_volumes``). per: one of each study, series or patient, the best of it, and k of
    these if there are as many. Raises what the rankers raise.
    """

    def ranked(depth: int) -> list[Ranked]:
        deep = depth if len(queries) == 1 else max(depth, _FUSED)
        found = [ranker_of(gallery, query, rank, weights)(gallery, query, who, deep) for query in queries]
        return found[0] if len(found) == 1 else _fused(queries, found, depth)

    def groups(some: Sequence[Ranked]) -> list[str]:
        found = standings(gallery.store, [one.record for one in some])
        return [found[one.record.key].unit(per) for one in some if per is not None]

    return ranked(k) if per is None else one_a_group(ranked, groups, k)


def ranker_of(gallery: Gallery, query: Query, rank: str = "auto", weights: str = "uniform") -> Ranker:
    """The ranker for a query: by studies, by its region, by reports, by the slices of volumes, or by one vector."""
    if query.kinds:
        return rank_studies
    if query.report:
        return rank_reports
    if query.region is not None:
        return rank_regions
    if len(query.vectors) > 1 or gallery.holds_volumes():
        return partial(rank_volumes, rank=rank, weights=weights)
    return rank_pictures


def _fused(queries: Sequence[Query], rankings: Sequence[Sequence[Ranked]], k: int) -> list[Ranked]:
    by_key: dict[int, Ranked] = {}
    placed: dict[int, list[Placed]] = {}
    for query, ranking in zip(queries, rankings, strict=True):
        for rank, hit in enumerate(ranking, 1):
            by_key[hit.record.key] = replace(hit, match=hit.match or by_key.get(hit.record.key, hit).match)
            placed.setdefault(hit.record.key, []).append(Placed(query.ranking, rank, hit.score))
    keys = [[hit.record.key for hit in ranking] for ranking in rankings]
    fused = reciprocal_rank_fusion(keys, weights=[query.weight for query in queries], limit=k)
    return [replace(by_key[key], score=score, placed=tuple(placed[key])) for key, score in fused]
