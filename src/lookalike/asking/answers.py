"""The answers to queries: ranked by the query's kind, fused for several queries, grouped by patient on request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lookalike.asking.candidates import Candidates, candidates, one_a_group
from lookalike.asking.query import Query
from lookalike.asking.rank_pictures import rank_pictures
from lookalike.asking.rank_regions import rank_regions
from lookalike.asking.rank_reports import rank_reports
from lookalike.asking.rank_studies import rank_studies
from lookalike.asking.rank_volumes import rank_volumes
from lookalike.asking.ranked import Ranked, Ranker
from lookalike.gallery import Gallery
from lookalike.hits import Placed
from lookalike.ranking import FUSED_DEPTH, reciprocal_rank_fusion
from lookalike.store.series_in_time import Unit, standings


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
        deep = depth if len(queries) == 1 else max(depth, FUSED_DEPTH)
        found = [ranker_of(gallery, query, rank, weights)(gallery, query, who, deep) for query in queries]
        return found[0] if len(found) == 1 else _fused(queries, found, depth)

    def groups(some: Sequence[Ranked]) -> list[str]:
        found = standings(gallery.store, [one.record for one in some])
        return [found[one.record.key].unit(per) for one in some if per is not None]

    return ranked(k) if per is None else one_a_group(ranked, groups, k)


def ranker_of(gallery: Gallery, query: Query, rank: str = "auto", weights: str = "uniform") -> Ranker:
    """The ranker for a query: by another gallery, by studies, a region, reports, slices of volumes, or one vector."""
    if query.beside is not None:
        return partial(_rank_beside, query.beside)
    if query.kinds:
        return rank_studies
    if query.report:
        return rank_reports
    if query.region is not None:
        return rank_regions
    if len(query.vectors) > 1 or gallery.holds_volumes():
        return partial(rank_volumes, rank=rank, weights=weights)
    return rank_pictures


def _rank_beside(other: Gallery, gallery: Gallery, query: Query, who: Candidates, k: int) -> list[Ranked]:
    """The gallery's records in the order in which another gallery of the same files has them; who of them may answer
    is for the first to say.
    """
    asked, depth = replace(query, beside=None), k
    while True:
        found = ranker_of(other, asked)(other, asked, candidates(other), depth)
        here = {hit.record.id: gallery.store.find(hit.record.id) for hit in found}
        may = set(who.few_records(gallery, [record.key for record in here.values() if record is not None]).tolist())
        kept = [
            replace(hit, record=record, match=None)
            for hit in found
            if (record := here[hit.record.id]) is not None and record.key in may
        ]
        if len(kept) >= k or len(found) < depth:
            return kept[:k]
        depth *= 4


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
