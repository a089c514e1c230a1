"""Leakage audit: patients, files and near-duplicates on both sides of a split, which would inflate a score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lookalike.asking.candidates import open_rows
from lookalike.asking.patients import PatientCount, count_patients
from lookalike.evaluation.labelled import Labelled, Queries
from lookalike.evaluation.near_duplicates import AGREES, NearDuplicate, kinds_in_words

_CHUNK: Final = 1024
_NOT_COMPARED: Final = "No pictures are there to compare: whether a query has a near-duplicate cannot be said."


@dataclass(frozen=True, slots=True)
class LeakageAudit:
    """Counts of queries, over all splits. same_patient: the query's patient has other images in the gallery, which are
    left out before ranking. same_bytes: the gallery holds the query's file under another patient than the one that
    file or table names; the records of both are left out. near_duplicates: the gallery holds a copy of the query that
    may answer it: of another patient, or of one that nobody named. duplicate_kinds: these by what was done to the
    copy. threshold: the least correlation of the details of a query and its copy. records: queries and gallery
    together; unknown: those whose patient is not known, of whom nothing can be said.
    """

    queries: int
    same_patient: int
    same_bytes: int
    near_duplicates: int
    threshold: float
    sentence: str
    records: int = 0
    unknown: int = 0
    duplicate_kinds: dict[str, int] = field(default_factory=dict)


def audit_leakage(
    sides: Iterable[tuple[Queries, Labelled]], duplicates: Sequence[NearDuplicate] | None, *, named_alike: bool = True
) -> LeakageAudit:
    """Audit pairs of (queries, gallery). duplicates: the near-duplicates among all of them, None if no
    pictures were there to compare. A query that is itself a
    gallery row (leave one patient out) does not count as its own duplicate. named_alike: whether a patient has one name
    on both sides; two galleries have names of their own.
    """
    queries = patients = files = 0
    copied: dict[str, NearDuplicate] = {}
    groups: dict[str, str] = {}
    for asking, gallery in sides:
        for side in (gallery, asking.data):
            groups.update(zip(side.ids, side.patients, strict=True))
        opened, named = open_rows(gallery.patients), [[patient] for patient in asking.data.patients]
        asking_ids, ids = np.array(asking.data.ids), np.array(gallery.ids)
        copied |= _copied(asking, gallery, duplicates or ())
        for i in range(0, len(named), _CHUNK):
            rows = slice(i, i + _CHUNK)
            itself = asking_ids[rows, None] == ids[None, :]
            others = opened(asking.patients[rows])
            queries += len(itself)
            patients += int((~others & ~itself).any(axis=1).sum())
            files += int((itself & opened(named[rows])).any(axis=1).sum())
    known = count_patients(list(groups.values()), list(groups))
    shared = _shared(queries, patients, files, known) if named_alike else [*_between(queries, files)]
    near = _NOT_COMPARED if duplicates is None else _near(queries, list(copied.values()))
    sentence = " ".join([*shared, near])
    kinds = dict(Counter(str(each.kind) for each in copied.values()).most_common())
    counts = (queries, patients, files, len(copied))
    return LeakageAudit(*counts, AGREES, sentence, known.records, known.unknown, kinds)


def _copied(asking: Queries, gallery: Labelled, duplicates: Sequence[NearDuplicate]) -> dict[str, NearDuplicate]:
    """The best copy of each query that a gallery holds and that may answer, by the query's id."""
    groups = dict(zip(asking.data.ids, asking.patients, strict=True))
    owners = dict(zip(gallery.ids, gallery.patients, strict=True))
    best: dict[str, NearDuplicate] = {}
    for each in sorted(duplicates, key=lambda pair: pair.score):
        for query, other in ((each.first, each.second), (each.second, each.first)):
            if query in groups and other in owners and owners[other] not in groups[query]:
                best[query] = each
    return best


def _shared(queries: int, patients: int, files: int, known: PatientCount) -> list[str]:
    """Which patients and files are on both sides."""
    parts = [known.sentence] if known.sentence else []
    if patients:
        parts.append(
            f"{patients} of {queries} queries have other images of their patient in the gallery; these were "
            "left out before ranking."
        )
    if files:
        parts.append(f"{files} queries are in the gallery byte for byte under another patient, who was left out too.")
    return parts or ["No patient is on both sides of the split."]


def _between(queries: int, files: int) -> Iterator[str]:
    """What can be said of patients and files of two galleries."""
    yield (
        "Whether a patient is on both sides cannot be said, since each gallery names patients in its own way; pictures "
        "that both hold are recognised."
    )
    if files:
        yield f"{files} of {queries} queries are in the gallery byte for byte; their patients there were left out."


def _near(queries: int, copied: Sequence[NearDuplicate]) -> str:
    """Which near-duplicates are on both sides."""
    if not copied:
        return "No near-duplicate of a query was found among those that may answer it."
    known = all(each.same_patient is False for each in copied)
    whose = "of another patient" if known else "that nobody says is of the same patient"
    kinds = kinds_in_words(Counter(each.kind for each in copied))
    return (
        f"{len(copied)} of {queries} queries have a near-duplicate {whose} ({kinds}): look at them, "
        "lookalike audit duplicates lists those of a gallery."
    )
