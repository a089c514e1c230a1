"""Records, or studies, far from a reference set, such as the normal ones: a list, farthest first.

The distance of a record is 1 - the mean cosine with the nearest reference records of other patients, that of a study
the mean of its records'. What is of the reference has distances of its own by the same rule, each from the others:
where a record lies among these says how unusual it is, and what is beyond 95 % of them is an outlier. The reference may
be of another gallery of the same encoder, whose patients are known to be the same only by pictures that are in both.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import calibration
from lookalike.asking.candidates import candidates, open_rows
from lookalike.asking.pooling import pooled_vectors
from lookalike.errors import UsageError
from lookalike.evaluation.cross_domain import opened_beside
from lookalike.evaluation.outlier_report import KnownOutliers, Outlier, OutlierAudit, OutlierUnit
from lookalike.evaluation.scores import number_of
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.metrics import Bools, Floats, numbered, resample_weights
from lookalike.store.cohorts import cohort_members, stored_cohort
from lookalike.store.studies import studies_of
from lookalike.text import DISCLAIMER
from lookalike.types import Keys, Record, Vectors
from lookalike.voting import nearest_rows

_FEWEST_PATIENTS: Final = 10
_RESAMPLES: Final = 1000
_USUAL: Final = 0.95  # of the reference are no outliers
_TWO_GALLERIES: Final = (
    "The reference is another gallery: a patient of both is known as such only where both have the same picture."
)


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Some records of a gallery. keys (n,), vectors (n, dim): as the space has them. patients: of each all that it may
    not be compared with. studies: of each its study.
    """

    keys: Keys
    vectors: Vectors
    records: Sequence[Record]
    patients: Sequence[frozenset[str]]
    studies: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class _Units:
    """Records or studies with a distance. farthest: of each the record that lies farthest; members: its rows."""

    distances: Floats
    farthest: Sequence[Record]
    members: Sequence[NDArray[np.int64]]
    studies: Sequence[str]


def outliers_of(
    gallery: Gallery,
    reference: str | Filter | None,
    where: str | Filter | None,
    space: str,
    neighbours: int,
    limit: int,
    truth: str | Filter | None,
    seed: int,
    per: OutlierUnit,
    reference_gallery: str | os.PathLike[str] | None,
    reference_cohort: str | None,
) -> OutlierAudit:
    """Compare the records that a filter allows, or all others, with those of the reference. Raises UsageError: either
    of them is empty, a filter that cannot be read; NotFoundError: no such cohort; GalleryError, ManifestMismatchError:
    the gallery of the reference.
    """
    if neighbours < 1 or limit < 1:
        raise UsageError(f"neighbours and limit must be at least 1, got {neighbours} and {limit}")
    if reference is None and reference_gallery is None and reference_cohort is None:
        raise UsageError(
            "name a reference: a filter such as label=normal, a cohort, another gallery, or of these several"
        )
    if per not in ("record", "study"):
        raise UsageError(f"outliers are listed per record or per study, got {per!r}")
    known, others = _sides(gallery, reference, where, space, reference_gallery, reference_cohort)
    if len(known.keys) < 2 or not len(others.keys):
        raise UsageError(
            f"the reference has {len(known.keys)} records and {len(others.keys)} others are there to be compared with "
            "it; it takes two and one"
        )
    own, found = (_units(side, _distances(side, known, neighbours), per) for side in (known, others))
    audit = _audit(found, own, limit, per, len(others.keys), elsewhere=reference_gallery is not None)
    if truth is None:
        return audit
    true = np.isin(others.keys, candidates(gallery, where=truth).records(gallery, np.sort(others.keys)))
    member = np.array([true[rows].any() for rows in found.members], np.bool_)
    told = _known(found.distances, member, [record.patient for record in found.farthest], seed)
    return replace(audit, known=told, notes=(told.sentence(per), *audit.notes))


def _sides(
    gallery: Gallery,
    reference: str | Filter | None,
    where: str | Filter | None,
    space: str,
    reference_gallery: str | os.PathLike[str] | None,
    reference_cohort: str | None,
) -> tuple[_Side, _Side]:
    """The reference, and what is compared with it."""
    if reference_gallery is None:
        known = _side(gallery, reference, gallery, space, cohort=reference_cohort)
        return known, _side(gallery, where, gallery, space, without=known.keys)
    with opened_beside(gallery, reference_gallery, "the reference gallery") as other:
        known = _side(other, reference, gallery, space, cohort=reference_cohort)
        owners = {record.id: record.patient for record in other.store.records().values()}
    return known, _with_patients_of(_side(gallery, where, gallery, space), gallery.store.records().values(), owners)


def _side(
    gallery: Gallery,
    where: str | Filter | None,
    asked: Gallery,
    space: str,
    without: Keys | None = None,
    cohort: str | None = None,
) -> _Side:
    """The records that a filter allows. asked: the gallery whose space it is. without: the keys of those left out.
    cohort: those of it alone.
    """
    stored, records, studies = pooled_vectors(gallery), gallery.store.records(), studies_of(gallery.store)
    keys = candidates(gallery, where=where).records(gallery, np.sort(stored.records))
    rows = np.flatnonzero(np.isin(stored.records, keys if without is None else np.setdiff1d(keys, without)))
    if cohort is not None:
        members = {each.id for each in cohort_members(gallery.store, stored_cohort(gallery.store, cohort).number)}
        rows = np.array([row for row in rows if records[int(stored.records[row])].id in members], np.int64)
    some = [records[int(key)] for key in stored.records[rows]]
    return _Side(
        stored.records[rows],
        asked.project(stored.vectors[rows], space),
        some,
        [frozenset({record.patient}) for record in some],
        [studies.get(record.key, record.id) for record in some],
    )


def _with_patients_of(side: _Side, records: Iterable[Record], owners: Mapping[str, str]) -> _Side:
    """A side whose patients are those of another gallery, too, where the two have a picture of them in common. records:
    of the side's gallery; owners: the other's patients by record.
    """
    same: dict[str, set[str]] = {}
    for record in records:
        same.setdefault(record.patient, {record.patient}).update(filter(None, [owners.get(record.id)]))
    return replace(side, patients=[frozenset(same[record.patient]) for record in side.records])


def _distances(side: _Side, known: _Side, neighbours: int) -> Floats:
    """(n,) distances of a side from the reference; nan where nobody of another patient is in it."""
    opened = open_rows([record.patient for record in known.records])
    cosines = nearest_rows(side.vectors, known.vectors, neighbours, allowed=lambda block: opened(side.patients[block]))[
        1
    ]
    there = np.isfinite(cosines)
    total, count = np.where(there, cosines, 0).sum(axis=1), there.sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(side.keys), np.nan), where=count > 0)
    return 1 - mean


def _units(side: _Side, distances: Floats, per: OutlierUnit) -> _Units:
    """What has a distance: the records one by one, or their studies, whose distance is the mean."""
    scored = np.flatnonzero(np.isfinite(distances))
    names = np.array(side.studies)[scored] if per == "study" else scored
    order, starts = np.argsort(names, kind="stable"), np.unique(np.sort(names), return_index=True)[1]
    groups = np.split(scored[order], starts[1:]) if len(scored) else []
    far = [int(rows[distances[rows].argmax()]) for rows in groups]
    means = np.array([distances[rows].mean() for rows in groups], np.float64)
    return _Units(means, [side.records[row] for row in far], groups, [side.studies[row] for row in far])


def _known(found: Floats, member: Bools, patients: Sequence[str], seed: int) -> KnownOutliers:
    """How well distances (n,) tell members; the interval is of a thousand resamples of patients."""
    area = calibration.auc(found, member, np.zeros(len(found), np.int64))
    counts = int(member.sum()), int((~member).sum())
    codes = numbered(patients)
    groups = int(codes.max()) + 1 if len(codes) else 0
    if area is None or groups < _FEWEST_PATIENTS:
        return KnownOutliers(*counts, None if area is None else round(area, 4), None)
    above = np.sign(found[member][:, None] - found[~member][None]) / 2 + 0.5
    weights = resample_weights(np.random.default_rng(seed), groups, _RESAMPLES)[:, codes]
    with_, without = weights[:, member].astype(np.float64), weights[:, ~member].astype(np.float64)
    pairs = with_.sum(axis=1) * without.sum(axis=1)
    ordered = ((with_ @ above) * without).sum(axis=1)
    low, high = np.quantile(ordered[pairs > 0] / pairs[pairs > 0], [0.025, 0.975])
    return KnownOutliers(*counts, round(area, 4), (round(float(low), 4), round(float(high), 4)))


def _audit(found: _Units, own: _Units, limit: int, per: OutlierUnit, compared: int, *, elsewhere: bool) -> OutlierAudit:
    beyond = float(np.quantile(own.distances, _USUAL)) if len(own.distances) else np.nan
    both = np.concatenate([found.distances, own.distances])
    is_other = np.arange(len(both)) < len(found.distances)
    farthest = np.argsort(-found.distances, kind="stable")[:limit].tolist()
    left_out = compared - sum(map(len, found.members))
    return OutlierAudit(
        reference=len(own.distances),
        records=len(found.distances),
        limit=number_of(beyond),
        beyond=int((found.distances > beyond).sum()),
        by_chance=round((1 - _USUAL) * len(found.distances), 1),
        auc=calibration.auc(both, is_other, np.zeros(len(both), np.int64)) if len(own.distances) else None,
        outliers=tuple(_outlier(found, unit, own.distances, per) for unit in farthest),
        notes=(
            "Distance: 1 - the mean cosine with the nearest reference records of other patients"
            f"{', of a study the mean of its records' if per == 'study' else ''}. Percentile: of the reference, the "
            "share that is nearer to the others of it.",
            *([] if not left_out else [f"{left_out} records could not be compared."]),
            *([_TWO_GALLERIES] if elsewhere else []),
            DISCLAIMER,
        ),
        per=per,
    )


def _outlier(found: _Units, unit: int, own: Floats, per: OutlierUnit) -> Outlier:
    record, distance = found.farthest[unit], float(found.distances[unit])
    percentile = round(100 * float((own < distance).mean()) if len(own) else 100.0, 2)
    study = found.studies[unit] if per == "study" else ""
    count = len(found.members[unit])
    return Outlier(record.id, record.source, record.labels, round(distance, 6), percentile, study, count)
