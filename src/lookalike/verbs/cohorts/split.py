"""split_cohort: train, val and test, with no patient and no near-duplicate on two sides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters import Criterion
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.patients import count_patients
from lookalike.errors import UsageError
from lookalike.evaluation.grouped_split import joined_groups, stratified_parts
from lookalike.evaluation.labelled import chosen_criterion, every_record
from lookalike.evaluation.near_duplicates import NearDuplicate, duplicates_within
from lookalike.gallery import Gallery
from lookalike.progress import Progress, followed_by
from lookalike.store.cohorts import cohort_members, put_split, stored_cohort
from lookalike.types import Record
from lookalike.verbs.cohorts.cohorts import PARTS, CohortInfo, cohort_info

SIZES: Final = (0.7, 0.15, 0.15)
_MOST_VALUES: Final = 200
_NONE: Final = "(none)"


@dataclass(frozen=True, slots=True)
class SplitPart:
    """part: train, val or test. asked, got: its share of the records. records, patients: how many, each record of
    nobody known counted as one patient.
    """

    part: str
    asked: float
    got: float
    records: int
    patients: int


@dataclass(frozen=True, slots=True)
class SplitValue:
    """A value of the field that the parts are to be alike in. share: of the cohort's records; parts: of each part's."""

    value: str
    records: int
    share: float
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CohortSplit:
    """groups: that were placed whole: patients, joined where they share a near-duplicate. largest: the records of the
    largest one. duplicates: pairs of near-duplicates; of_others: of them between two patients, or of nobody known.
    compared: the records that have a picture to compare. patients_across, duplicates_across: that are on two sides,
    counted after all. error: the largest difference between a share in a part and in the cohort, over all values.
    """

    cohort: CohortInfo
    field: str
    seed: int
    parts: tuple[SplitPart, ...]
    values: tuple[SplitValue, ...]
    groups: int
    largest: int
    duplicates: int
    of_others: int
    compared: int
    patients_across: int
    duplicates_across: int
    error: float
    notes: tuple[str, ...]


@of_one_encoder
def split_cohort(
    gallery: Gallery,
    name: str,
    *,
    sizes: Sequence[float] = SIZES,
    field: str = "label",
    seed: int = 0,
    progress: Progress | None = None,
) -> CohortSplit:
    """Divide a cohort into train, val and test, and keep that with it. A patient is of one part, and so are records
    that are near-duplicates (``audit_duplicates``), whosever they are: groups are placed whole, so that small cohorts
    may get other sizes than were asked for.

    sizes: the shares of train, val and test; one may be 0. field: what the parts are to be alike in, "label" or an
    attribute. seed: of the order in which groups that are alike are placed. The same files with the same labels and
    patients give the same parts, in another gallery of the same encoder too. progress: called with how much is done, of
    how much.

    Raises UsageError (sizes, no such field, one of too many values), NotFoundError, DamagedFileError.
    """
    _check_sizes(sizes)
    stored = stored_cohort(gallery.store, name)
    records = {each.id: each for each in gallery.store.records().values()}
    saved = [each.id for each in cohort_members(gallery.store, stored.number)]
    members = [records[id] for id in saved if id in records]  # records may be removed meanwhile
    if not members:
        raise UsageError("the cohort has no members")
    ids = [each.id for each in members]
    values = _values(gallery, members, field)
    with followed_by(progress):
        pairs, compared = _near_duplicates(gallery, members)
    groups = joined_groups(ids, [each.patient for each in members], [(each.first, each.second) for each in pairs])
    parts = stratified_parts(ids, groups, values, sizes, seed)
    told = json.dumps({"sizes": list(sizes), "field": field, "seed": seed})
    put = put_split(gallery.store, name, told, {id: PARTS[part] for id, part in zip(ids, parts.tolist(), strict=True)})
    table = _table(values, parts, sizes)
    return CohortSplit(
        cohort_info(gallery, put),
        field,
        seed,
        _parts(members, parts, sizes),
        table,
        len(set(groups.tolist())),
        max(Counter(groups.tolist()).values()),
        len(pairs),
        sum(not each.same_patient for each in pairs),
        compared,
        _across([each.patient for each in members], parts),
        _pairs_across(ids, parts, pairs),
        max(abs(share - each.share) for each in table for share in each.parts.values()),
        _notes(members, compared),
    )


def _check_sizes(sizes: Sequence[float]) -> None:
    if len(sizes) != len(PARTS) or min(sizes) < 0 or abs(sum(sizes) - 1) > 1e-6 or max(sizes) >= 1:
        raise UsageError(f"sizes are the shares of {', '.join(PARTS)}, one in all, got {', '.join(map(str, sizes))}")


def _values(gallery: Gallery, members: Sequence[Record], field: str) -> list[tuple[str, ...]]:
    criterion = chosen_criterion(gallery, field, ()) if field != "label" else Criterion()
    values = [criterion.of(each) or (_NONE,) for each in members]
    if (count := len({each for of in values for each in of})) > _MOST_VALUES:
        raise UsageError(f"{field!r} has {count} values here; parts are made alike in one of at most {_MOST_VALUES}")
    return values


def _near_duplicates(gallery: Gallery, members: Sequence[Record]) -> tuple[Sequence[NearDuplicate], int]:
    """Those among some records, whatever the order in which they were indexed; and how many were compared."""
    data = every_record(gallery)
    row = {id: number for number, id in enumerate(data.ids)}
    own = data.take(np.array([row[each.id] for each in members if each.id in row], np.int64))
    return duplicates_within(gallery, own) or (), len(gallery.store.thumbnails([each.key for each in members]))


def _parts(members: Sequence[Record], parts: NDArray[np.int64], sizes: Sequence[float]) -> tuple[SplitPart, ...]:
    found = []
    for number, part in enumerate(PARTS):
        own = [each for each, of in zip(members, parts.tolist(), strict=True) if of == number]
        patients = len({each.patient for each in own})
        found.append(SplitPart(part, sizes[number], len(own) / len(members), len(own), patients))
    return tuple(found)


def _table(values: Sequence[Sequence[str]], parts: NDArray[np.int64], sizes: Sequence[float]) -> tuple[SplitValue, ...]:
    """The shares of each value, the most frequent first; of parts that are empty none."""
    every = Counter(each for of in values for each in of)
    sides = {
        part: [of for of, at in zip(values, parts.tolist(), strict=True) if at == number]
        for number, part in enumerate(PARTS)
        if sizes[number]
    }
    return tuple(
        SplitValue(value, count, count / len(values), {name: _share(value, own) for name, own in sides.items() if own})
        for value, count in sorted(every.items(), key=lambda each: (-each[1], each[0]))
    )


def _share(value: str, own: Sequence[Sequence[str]]) -> float:
    return sum(value in of for of in own) / len(own)


def _across(patients: Sequence[str], parts: NDArray[np.int64]) -> int:
    """How many patients are in several parts."""
    sides: dict[str, set[int]] = {}
    for patient, part in zip(patients, parts.tolist(), strict=True):
        sides.setdefault(patient, set()).add(part)
    return sum(len(each) > 1 for each in sides.values())


def _pairs_across(ids: Sequence[str], parts: NDArray[np.int64], pairs: Sequence[NearDuplicate]) -> int:
    side = dict(zip(ids, parts.tolist(), strict=True))
    return sum(side[each.first] != side[each.second] for each in pairs)


def _notes(members: Sequence[Record], compared: int) -> tuple[str, ...]:
    told = count_patients([each.patient for each in members], [each.id for each in members]).sentence
    lacking = len(members) - compared
    return tuple(filter(None, [told, f"{lacking} records have no picture to compare with others" if lacking else ""]))
