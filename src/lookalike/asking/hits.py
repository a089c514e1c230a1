"""Ranked records as hits: how near they are, of which study and series, on which day, and how many they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lookalike.asking.background import Judgement
from lookalike.asking.candidates import Candidates
from lookalike.asking.links import links_of
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked
from lookalike.gallery import Gallery
from lookalike.hits import Hit, StudyHits
from lookalike.store.series_in_time import Standing, Unit, first_days, members, standings


def hits_of(
    gallery: Gallery,
    best: Sequence[Ranked],
    judgement: Judgement | None,
    query: Query,
    who: Candidates,
    per: Unit | None,
) -> Iterator[Hit]:
    """The hits of a search, best first. who: may answer it. per: of what they are one each. Raises DamagedFileError."""
    where = standings(gallery.store, [one.record for one in best])
    others = {} if per is None else _others(gallery, where, who, per)
    links = links_of(gallery, where)
    for rank, one in enumerate(best, 1):
        yield _hit(
            one,
            rank,
            judgement,
            query,
            where[one.record.key],
            others.get(one.record.key),
            links.get(one.record.key, {}),
        )


def _hit(
    ranked: Ranked,
    rank: int,
    judgement: Judgement | None,
    query: Query,
    where: Standing,
    others: int | None,
    links: Mapping[str, str],
) -> Hit:
    record, percentile, nearness = ranked.record, None, None
    if judgement is not None:
        percentile = judgement.background.percentile(ranked.score)
        if len(query.vectors) == 1 or rank == 1:
            near = ranked.score if len(query.vectors) == 1 else judgement.kept
            nearness = judgement.background.nearness(near)
    return Hit(
        rank,
        ranked.score,
        record.id,
        record.source,
        record.labels,
        record.attributes,
        ranked.match,
        ranked.region,
        percentile=percentile,
        patient=record.patient,
        depth=record.depth,
        nearness=nearness,
        placed=ranked.placed,
        study=ranked.study,
        study_id=where.study,
        series_id=where.series,
        day=where.day,
        others=others,
        links=links,
    )


def _others(gallery: Gallery, where: Mapping[int, Standing], who: Candidates, per: Unit) -> dict[int, int]:
    """How many more records of its study, series or patient may answer, for each record."""
    units = {key: each.unit(per) for key, each in where.items()}
    found = members(gallery.store, per, set(units.values()))
    may = set(who.few_records(gallery, [key for some in found.values() for key in some]).tolist())
    return {key: len(may.intersection(found.get(unit, ())) - {key}) for key, unit in units.items()}


def by_study(hits: Iterable[Hit]) -> tuple[StudyHits, ...]:
    """The hits of each study together, in the order of the best."""
    found: dict[str, list[Hit]] = {}
    for hit in hits:
        found.setdefault(hit.study_id, []).append(hit)
    return tuple(
        StudyHits(study, some[0].patient, some[0].day, tuple(hit.rank for hit in some)) for study, some in found.items()
    )


def query_day(gallery: Gallery, query: Query) -> int | None:
    """The day of a query since its patient's first study in the gallery, below 0 where it is earlier; None where it is
    not known. Raises DamagedFileError.
    """
    known = {patient: time.day for patient, time in query.times.items() if time.day is not None}
    first = first_days(gallery.store, known)
    return next((day - first[patient] for patient, day in sorted(known.items()) if patient in first), None)
