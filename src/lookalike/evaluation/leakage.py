"""audit: what crosses the line between queries and gallery, and would flatter a score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.types import Vectors

NEAR_DUPLICATE: Final = 0.995  # cosine in the base space
_CHUNK: Final = 1024


@dataclass(frozen=True, slots=True)
class LeakageAudit:
    """Counts of queries, over every split. same_patient: whose patient has other images in the gallery,
    which are left out before ranking. same_bytes: whose very file is in the gallery as a record of its
    own. near_duplicates: with a gallery image of another patient at a cosine of at least ``threshold``.
    """

    queries: int
    same_patient: int
    same_bytes: int
    near_duplicates: int
    threshold: float
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One side of a split: base vectors (n, dim), patient groups and record ids."""

    vectors: Vectors
    patients: NDArray[np.str_]
    ids: NDArray[np.str_]


def audit_leakage(splits: Iterable[tuple[Side, Side]]) -> LeakageAudit:
    """Audit pairs of (queries, gallery). A query that is itself a gallery row (leave one patient out)
    does not count as its own duplicate.
    """
    queries = patients = files = near = 0
    for asked, gallery in splits:
        for i in range(0, len(asked.ids), _CHUNK):
            rows = slice(i, i + _CHUNK)
            itself = asked.ids[rows, None] == gallery.ids[None, :]
            own = asked.patients[rows, None] == gallery.patients[None, :]
            alike = asked.vectors[rows] @ gallery.vectors.T >= NEAR_DUPLICATE
            queries += len(itself)
            patients += int((own & ~itself).any(axis=1).sum())
            files += int((itself & ~own).any(axis=1).sum())
            near += int((alike & ~own).any(axis=1).sum())
    return LeakageAudit(queries, patients, files, near, NEAR_DUPLICATE, _sentence(queries, patients, files, near))


def _sentence(queries: int, patients: int, files: int, near: int) -> str:
    split = "No patient is on both sides of the split."
    if patients:
        split = (
            f"{patients} of {queries} queries have other images of their patient in the gallery; these were "
            "left out before ranking."
        )
    if files:
        split += f" {files} queries are in the gallery byte for byte under another patient: the score is flattered."
    if near:
        return f"{split} {near} of {queries} queries have a near-duplicate of another patient: look at them."
    return f"{split} No near-duplicate of another patient was found."
