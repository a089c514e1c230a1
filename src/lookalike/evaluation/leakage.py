"""Leakage audit: patients, files and near-duplicates on both sides of a split, which would inflate a score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike.asking.candidates import open_rows
from lookalike.asking.patients import PatientCount, count_patients
from lookalike.evaluation.labelled import Labelled, Queries

NEAR_DUPLICATE: Final = 0.995  # cosine in the base space
_CHUNK: Final = 1024


@dataclass(frozen=True, slots=True)
class LeakageAudit:
    """Counts of queries, over all splits. same_patient: the query's patient has other images in the gallery, which are
    left out before ranking. same_bytes: the gallery holds the query's file under another patient than the one that
    file or table names; the records of both are left out. near_duplicates: a gallery image of another patient has a
    cosine of at least ``threshold``. records: queries and gallery together; unknown: those whose patient is not known,
    of whom nothing can be said.
    """

    queries: int
    same_patient: int
    same_bytes: int
    near_duplicates: int
    threshold: float
    records: int
    unknown: int
    sentence: str


def audit_leakage(sides: Iterable[tuple[Queries, Labelled]]) -> LeakageAudit:
    """Audit pairs of (queries, gallery), by their base vectors. A query that is itself a gallery row (leave one
    patient out) does not count as its own duplicate.
    """
    queries = patients = files = near = 0
    groups: dict[str, str] = {}
    for asking, gallery in sides:
        for side in (gallery, asking.data):
            groups.update(zip(side.ids, side.patients, strict=True))
        opened, named = open_rows(gallery.patients), [[patient] for patient in asking.data.patients]
        asking_ids, ids = np.array(asking.data.ids), np.array(gallery.ids)
        for i in range(0, len(named), _CHUNK):
            rows = slice(i, i + _CHUNK)
            itself = asking_ids[rows, None] == ids[None, :]
            others = opened(asking.patients[rows])
            alike = asking.data.vectors[rows] @ gallery.vectors.T >= NEAR_DUPLICATE
            queries += len(itself)
            patients += int((~others & ~itself).any(axis=1).sum())
            files += int((itself & opened(named[rows])).any(axis=1).sum())
            near += int((alike & others).any(axis=1).sum())
    known = count_patients(list(groups.values()), list(groups))
    sentence = _sentence(queries, patients, files, near, known)
    return LeakageAudit(queries, patients, files, near, NEAR_DUPLICATE, known.records, known.unknown, sentence)


def _sentence(queries: int, patients: int, files: int, near: int, known: PatientCount) -> str:
    parts = [known.sentence] if known.unknown else []
    if patients:
        parts.append(
            f"{patients} of {queries} queries have other images of their patient in the gallery; these were "
            "left out before ranking."
        )
    if files:
        parts.append(f"{files} queries are in the gallery byte for byte under another patient, who was left out too.")
    if near:
        parts.append(f"{near} of {queries} queries have a near-duplicate of another patient: look at them.")
    else:
        parts.append("No near-duplicate of another patient was found.")
    if not (patients or files or known.unknown):
        parts.insert(0, "No patient is on both sides of the split.")
    return " ".join(parts)
