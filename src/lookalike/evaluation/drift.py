"""Drift: do pictures, labels or what is recorded differ between two parts of a gallery, such as two sites or two times?

The pictures are compared by ``shift_test`` and ``discrepancy_test``, a share by its difference. In all of these whole
patients change sides in the permutations, since records of one patient are no independent witnesses; p values of the
two, and those of shares, are adjusted for their number (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.candidates import candidates
from lookalike.asking.pooling import pooled_vectors
from lookalike.columns import paragraphs
from lookalike.errors import UsageError
from lookalike.evaluation.discrepancy import Discrepancy, discrepancy_test
from lookalike.evaluation.permutations import MOST, holm, shuffles
from lookalike.evaluation.recorded_fields import LABEL, recorded_fields
from lookalike.evaluation.shift import ALPHA, Shift, shift_test
from lookalike.evaluation.tables import render
from lookalike.filters import Filter
from lookalike.gallery import Gallery
from lookalike.metrics import numbered
from lookalike.text import DISCLAIMER
from lookalike.types import Record

_ROWS: Final = 20  # of a table on a terminal


@dataclass(frozen=True, slots=True)
class ChangedShare:
    """A label, or a recorded value: its share of the records before and after; p: two-sided, by patient, adjusted."""

    field: str
    value: str
    before: float
    after: float
    p: float


@dataclass(frozen=True, slots=True)
class DriftAudit:
    """before, after: how many records. pictures: whether those after lie farther from those before than these from one
    another; distribution: whether the two are of one distribution; None with fewer than two patients on a side. differ:
    whether either says so (p below .05, adjusted for there being two). shares: the surest change first.
    """

    before: int
    after: int
    pictures: Shift | None
    shares: tuple[ChangedShare, ...]
    notes: tuple[str, ...]
    distribution: Discrepancy | None = None
    differ: bool = False

    def __str__(self) -> str:
        rows = [["field", "value", "before", "after", "p"]]
        rows += [
            [each.field, each.value, f"{each.before:.3f}", f"{each.after:.3f}", f"{each.p:.3f}"]
            for each in self.shares[:_ROWS]
        ]
        table = [render("Shares of the records", rows, "text")] if self.shares else []
        return "\n".join([*table, paragraphs(self.notes)])


def drift_of(gallery: Gallery, before: str | Filter, after: str | Filter, seed: int) -> DriftAudit:
    """Compare the records of two filters. Raises UsageError: one finds none, a record is in both, a bad filter."""
    stored, records = pooled_vectors(gallery), gallery.store.records()
    first, second = (
        np.flatnonzero(np.isin(stored.records, candidates(gallery, where=each).records(gallery, stored.records)))
        for each in (before, after)
    )
    if not len(first) or not len(second) or len(np.intersect1d(first, second)):
        both = len(np.intersect1d(first, second))
        raise UsageError(
            f"{len(first)} records before, {len(second)} after, {both} in both; each side takes some, and none in both"
        )
    rows = np.concatenate([first, second])
    every = [records[int(key)] for key in stored.records[rows]]
    patients, split = [record.patient for record in every], len(first)
    vectors = stored.vectors[rows]
    asking = [(patient,) for patient in patients[split:]]
    pictures = shift_test(vectors[split:], asking, patients[split:], vectors[:split], patients[:split], seed)
    distribution = discrepancy_test(vectors[:split], patients[:split], vectors[split:], patients[split:], seed)
    tested = [each.p for each in (pictures, distribution) if each is not None]
    differ = bool(tested) and float(holm(np.array(tested)).min()) < ALPHA
    shares = _shares(every, numbered(patients), split, gallery.store.field_names(), seed)
    notes = _notes(pictures, distribution, shares, differ=differ)
    return DriftAudit(split, len(second), pictures, shares, notes, distribution, differ)


def _shares(
    records: Sequence[Record], patients: NDArray[np.int64], split: int, names: Sequence[str], seed: int
) -> tuple[ChangedShare, ...]:
    members = {
        (LABEL, label): [label in r.labels for r in records] for label in sorted({x for r in records for x in r.labels})
    }
    for each in recorded_fields(records, names)[0]:
        members |= {(each.name, value): [other == value for other in each.values] for value in each.sizes}
    if not members:
        return ()
    table = np.array(list(members.values()), np.float64).T
    codes = (np.arange(len(records)) >= split).astype(np.int64)
    draw, _ = shuffles(codes, patients, np.zeros_like(codes), seed)
    observed = _differences(codes[None], table)[0]
    beyond = (np.abs(_differences(draw(MOST), table)) >= np.abs(observed) - 1e-12).sum(axis=0)
    adjusted = holm((beyond + 1) / (MOST + 1))
    before, after = table[:split].mean(axis=0), table[split:].mean(axis=0)
    found = [
        ChangedShare(field, value, round(float(one), 4), round(float(two), 4), round(float(p), 4))
        for (field, value), one, two, p in zip(members, before, after, adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (each.p, -abs(each.after - each.before))))


def _differences(codes: NDArray[np.int64], table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(b, v): the share after less the share before, for codes (b, n) and members (n, v)."""
    after = codes @ table / np.maximum(codes.sum(axis=1), 1)[:, None]
    before = (1 - codes) @ table / np.maximum((1 - codes).sum(axis=1), 1)[:, None]
    return np.asarray(after - before)


def _notes(
    pictures: Shift | None, distribution: Discrepancy | None, shares: Sequence[ChangedShare], *, differ: bool
) -> tuple[str, ...]:
    changed = sum(each.p < ALPHA for each in shares)
    told = "The pictures were not compared: it takes two patients on each side."
    if pictures is not None and distribution is not None:
        found = "differ from" if differ else "do not differ from"
        told = (
            f"The pictures after {found} those before: distance to the nearest, effect {pictures.effect:.2f} (0.50: "
            f"none), p {pictures.p:.3f}; squared mean discrepancy {distribution.squared:.4f} (0: none), p "
            f"{distribution.p:.3f}; whole patients exchanged, differ: either p below {ALPHA:g}, adjusted for two."
        )
    return (
        told,
        f"{changed} of {len(shares)} shares changed (p below {ALPHA:g}, adjusted for their number).",
        DISCLAIMER,
    )
