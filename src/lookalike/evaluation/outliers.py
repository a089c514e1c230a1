"""Records far from a reference set, such as the normal ones: a list, farthest first.

The distance of a record is 1 - the mean cosine with the nearest reference records of other patients. The reference
records have distances of their own by the same rule, each from the others: where a record lies among these says how
unusual it is, and what is beyond 95 % of them is an outlier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import calibration
from lookalike.asking.candidates import candidates, open_rows
from lookalike.asking.pooling import pooled_vectors
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.scores import number_of
from lookalike.evaluation.tables import render
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.metrics import Bools, Floats, numbered, resample_weights
from lookalike.text import DISCLAIMER
from lookalike.types import Record, Vectors
from lookalike.voting import nearest_rows

_FEWEST_PATIENTS: Final = 10
_RESAMPLES: Final = 1000
_USUAL: Final = 0.95  # of the reference records are no outliers


@dataclass(frozen=True, slots=True)
class Outlier:
    """distance: 0 to 2. percentile: the percentage of the reference records that are nearer to the others of them."""

    id: str
    source: str
    labels: tuple[str, ...]
    distance: float
    percentile: float


@dataclass(frozen=True, slots=True)
class KnownOutliers:
    """Of the records that were compared those that are known to be outliers: how many are, how many are not. auc: how
    often one that is lies farther than one that is not; interval: its 95 % interval, patients drawn at random, None
    with fewer than ten patients, of whom it would say too little.
    """

    outliers: int
    others: int
    auc: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class OutlierAudit:
    """reference: how many records it has. records: how many others were compared. limit: the distance that 95 % of the
    reference records stay below; beyond: how many others lie above it, by_chance: how many would if they were like the
    reference. auc: how often one of the others is farther than one of the reference. outliers: the farthest first.
    known: how well distances tell the records that are known to be outliers, None if none were named.
    """

    reference: int
    records: int
    limit: float | None
    beyond: int
    by_chance: float
    auc: float | None
    outliers: tuple[Outlier, ...]
    notes: tuple[str, ...]
    known: KnownOutliers | None = None

    def __str__(self) -> str:
        rows = [["distance", "percentile", "labels", "record", "source"]]
        rows += [
            [f"{o.distance:.3f}", f"{o.percentile:.1f}", "|".join(o.labels), o.id, o.source] for o in self.outliers
        ]
        return render("Farthest from the reference", rows, "text") + "\n" + paragraphs(self.notes)


def outliers_of(
    gallery: Gallery,
    reference: str | Filter,
    where: str | Filter | None,
    space: str,
    neighbours: int,
    limit: int,
    truth: str | Filter | None,
    seed: int,
) -> OutlierAudit:
    """Compare the records that a filter allows, or all others, with those of the reference. Raises UsageError: either
    of them is empty, a filter that cannot be read.
    """
    if neighbours < 1 or limit < 1:
        raise UsageError(f"neighbours and limit must be at least 1, got {neighbours} and {limit}")
    stored, records = pooled_vectors(gallery), gallery.store.records()
    vectors, every = gallery.project(stored.vectors, space), [records[int(key)] for key in stored.records]
    known = _rows(gallery, reference, stored.records)
    others = np.setdiff1d(_rows(gallery, where, stored.records), known)
    if len(known) < 2 or not len(others):
        raise UsageError(
            f"the reference has {len(known)} records and {len(others)} others are there to be compared with it; "
            "it takes two and one"
        )
    own, found = (_distances(vectors, every, rows, known, neighbours) for rows in (known, others))
    compared = [every[row] for row in others]
    audit = _audit(compared, found, own[np.isfinite(own)], limit)
    if truth is None:
        return audit
    scored = np.isfinite(found)
    member = np.isin(others, _rows(gallery, truth, stored.records))[scored]
    patients = [record.patient for record, there in zip(compared, scored, strict=True) if there]
    told = _known(found[scored], member, patients, seed)
    return replace(audit, known=told, notes=(_of_known(told), *audit.notes))


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


def _of_known(known: KnownOutliers) -> str:
    if known.auc is None:
        return f"Known outliers: {known.outliers} of the compared records, {known.others} not; no curve without both."
    between = "too few patients for an interval"
    if known.interval is not None:
        between = f"95 % {known.interval[0]:.3f} to {known.interval[1]:.3f}, patients drawn at random"
    return (
        f"Known outliers: {known.outliers} of the compared records, {known.others} not; one of the first lies farther "
        f"than one of the others in {known.auc:.3f} of the pairs (area under the ROC curve; {between})."
    )


def _rows(gallery: Gallery, where: str | Filter | None, keys: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(np.isin(keys, candidates(gallery, where=where).records(gallery, keys)))


def _distances(
    vectors: Vectors, every: Sequence[Record], rows: NDArray[np.int64], known: NDArray[np.int64], neighbours: int
) -> Floats:
    """(rows,) distances from the reference; nan where nobody of another patient is in it."""
    opened = open_rows([every[row].patient for row in known])
    asking = [(every[row].patient,) for row in rows]
    cosines = nearest_rows(vectors[rows], vectors[known], neighbours, allowed=lambda block: opened(asking[block]))[1]
    there = np.isfinite(cosines)
    total, count = np.where(there, cosines, 0).sum(axis=1), there.sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(rows), np.nan), where=count > 0)
    return 1 - mean


def _audit(records: Sequence[Record], found: Floats, own: Floats, limit: int) -> OutlierAudit:
    scored = np.flatnonzero(np.isfinite(found))
    beyond = float(np.quantile(own, _USUAL)) if len(own) else np.nan
    farthest = scored[np.argsort(-found[scored], kind="stable")]
    listed = tuple(_outlier(records[row], float(found[row]), own) for row in farthest[:limit])
    both = np.concatenate([found[scored], own])
    is_other = np.arange(len(both)) < len(scored)
    return OutlierAudit(
        reference=len(own),
        records=len(scored),
        limit=number_of(beyond),
        beyond=int((found[scored] > beyond).sum()),
        by_chance=round((1 - _USUAL) * len(scored), 1),
        auc=calibration.auc(both, is_other, np.zeros(len(both), np.int64)) if len(own) else None,
        outliers=listed,
        notes=(
            "Distance: 1 - the mean cosine with the nearest reference records of other patients. Percentile: of the "
            "reference records, the share that is nearer to the others of them.",
            *([] if len(scored) == len(records) else [f"{len(records) - len(scored)} records could not be compared."]),
            DISCLAIMER,
        ),
    )


def _outlier(record: Record, distance: float, own: Floats) -> Outlier:
    percentile = 100 * float((own < distance).mean()) if len(own) else 100.0
    return Outlier(record.id, record.source, record.labels, round(distance, 6), round(percentile, 2))
