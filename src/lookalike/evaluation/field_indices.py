"""The indices of the confound audit, of many shufflings of a field's values at once: their null distributions.

Everything that does not hang on the values is made once: tables of labels, neighbours, inverted matrices. Codes are
(b, n): in each row the n records' values, as numbers below ``count``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.adapters.samples import patient_folds
from lookalike.asking.candidates import open_rows
from lookalike.evaluation.permutations import Codes
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors

_REGULARISED: Final = 0.1
_FOLDS: Final = 5
_FAR: Final = 128  # neighbours of a record that are looked through for those of each kind
_ROWS: Final = 512  # records whose distances are held at once
_TAU: Final = 0.2  # where all distances are 0; the library's

FieldIndex: TypeAlias = Callable[[Codes], Floats]


def tables(codes: Codes, count: int, members: Bools) -> Floats:
    """How many records of each class have each value: (b, count, classes)."""
    bearing = members.astype(np.float32)
    found: Floats = np.stack([(codes == value).astype(np.float32) @ bearing for value in range(count)], 1).astype(float)
    return found


def separability(codes: Codes, count: int, members: Bools) -> Floats:
    """(1 + TV) / 2 of each class: (b, classes), the balanced accuracy of the best rule on the value alone."""
    inside, every = tables(codes, count, members), tables(codes, count, np.ones((codes.shape[1], 1), bool))
    outside = every - inside
    shares = inside / inside.sum(axis=1, keepdims=True) - outside / outside.sum(axis=1, keepdims=True)
    found: Floats = (1 + np.abs(shares).sum(axis=1) / 2) / 2
    return found


def cramers_v(codes: Codes, count: int, patterns: Bools) -> Floats:
    """Cramer's V with bias correction (Bergsma, J. Korean Stat. Soc. 42, 2013): (b,), 0 = independent, 1 = one tells
    the other. patterns (n, c): one column of each row is true.
    """
    table = tables(codes, count, patterns)
    n = float(codes.shape[1])
    expected = table.sum(axis=2, keepdims=True) * table.sum(axis=1, keepdims=True) / n
    chi = np.divide((table - expected) ** 2, expected, out=np.zeros_like(table), where=expected > 0).sum(axis=(1, 2))
    r, c = ((table.sum(axis=axis) > 0).sum(axis=1).astype(float) for axis in (2, 1))
    excess = np.maximum(0.0, chi / n - (r - 1) * (c - 1) / (n - 1))
    room = np.minimum(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    found: Floats = np.sqrt(np.divide(excess, room, out=np.zeros_like(excess), where=room > 1e-9)).clip(0, 1)
    return found


def teller(vectors: Vectors, patients: Codes, count: int, seed: int) -> Callable[[Codes], Bools]:
    """Which records' values are told right from the vectors: (b, n) codes -> (b, n).

    Ridge regression on the values' indicators, each scaled to a gap of 1 between its value's mean and the others', so
    that frequent values have no advantage; over folds of whole patients, which do not hang on the values.
    """
    folds = patient_folds(patients, _FOLDS, seed)
    parts = [_fold(vectors.astype(np.float64), folds == fold) for fold in range(int(folds.max()) + 1)]

    def right(codes: Codes) -> Bools:
        found = np.zeros(codes.shape, bool)
        for part in parts:
            found[:, part.held_out] = _told(part, codes, count)
        return found

    return right


@dataclass(frozen=True, slots=True, eq=False)
class _Fold:
    """known (m, dim), asked (q, dim): centred on the known; inverse (dim, dim): of their regularised covariance."""

    held_out: Bools
    known: NDArray[np.float32]
    asked: NDArray[np.float32]
    inverse: NDArray[np.float32]


def _fold(vectors: NDArray[np.float64], held_out: Bools) -> _Fold:
    centre = vectors[~held_out].mean(axis=0)
    known, asked = vectors[~held_out] - centre, vectors[held_out] - centre
    inverse = np.linalg.inv(known.T @ known + _REGULARISED * np.eye(vectors.shape[1]))
    return _Fold(held_out, *(each.astype(np.float32) for each in (known, asked, inverse)))


def _told(part: _Fold, codes: Codes, count: int) -> Bools:
    """Of the held-out records, whose value has the highest score: (b, q)."""
    learnt = codes[:, ~part.held_out]
    scores = np.full((count, len(codes), len(part.asked)), -np.inf, np.float32)
    sizes = np.stack([(learnt == value).sum(axis=1) for value in range(count)]).astype(np.float32)
    sums = np.stack([(learnt == value).astype(np.float32) @ part.known for value in range(count)])
    means = sums / np.maximum(sizes, 1)[:, :, None]
    there = (sizes > 0).astype(np.float32)[:, :, None]
    centre = (means * there).sum(axis=0) / there.sum(axis=0)
    others = (centre * there.sum(axis=0) - means) / np.maximum(there.sum(axis=0) - 1, 1)
    for value in range(count):
        weights = sums[value] @ part.inverse
        gap = np.maximum((weights * (means[value] - others[value])).sum(axis=1), 1e-12)
        raw = weights @ part.asked.T - (weights * centre).sum(axis=1)[:, None]
        scores[value] = np.where(sizes[value][:, None] > 0, raw / gap[:, None], -np.inf)
    found: Bools = scores.argmax(axis=0) == codes[:, part.held_out]
    return found


def balanced(right: Bools, codes: Codes, count: int) -> Floats:
    """Balanced accuracy: the mean over the values of the share told right, (b,)."""
    shares = []
    for value in range(count):
        bearing = codes == value
        with np.errstate(invalid="ignore"):
            shares.append((right & bearing).sum(axis=1) / bearing.sum(axis=1))
    found: Floats = np.nanmean(shares, axis=0)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Of each record the records of other patients, nearest first: rows (n, k), -1 where there are no more;
    distances (n, k): 1 - cosine; same_label (n, k).
    """

    rows: Codes
    distances: Floats
    same_label: Bools

    @property
    def there(self) -> Bools:
        """Which places are taken."""
        return self.rows >= 0


def neighbours_of(vectors: Vectors, labels: Codes, patients: Codes) -> Neighbours:
    """The neighbours that the robustness indices look at."""
    depth = min(_FAR, len(vectors))
    rows, distances = np.full((len(vectors), depth), -1), np.full((len(vectors), depth), np.inf)
    for block, away in _distances(vectors, patients):
        order = np.argpartition(away, depth - 1, axis=1)[:, :depth]
        order = np.take_along_axis(order, np.argsort(np.take_along_axis(away, order, 1), 1, kind="stable"), 1)
        distances[block] = np.take_along_axis(away, order, axis=1)
        rows[block] = np.where(np.isfinite(distances[block]), order, -1)
    return Neighbours(rows, distances, labels[rows] == labels[:, None])


def _distances(vectors: Vectors, patients: Codes) -> Iterator[tuple[slice, Floats]]:
    """1 - cosine of a block of records to all, infinite to those of their own patient."""
    names = [str(patient) for patient in patients]
    open_, asking = open_rows(names), [(name,) for name in names]
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    for first in range(0, len(unit), _ROWS):
        block = slice(first, first + _ROWS)
        yield block, np.where(open_(asking[block]), np.maximum(1 - unit[block] @ unit.T, 0), np.inf)


def margins_of(vectors: Vectors, labels: Codes, codes: Codes, patients: Codes, m: int) -> Floats:
    """CRoMa's margin of each record (n,): (d_value - d_label) / (d_value + d_label), mean distances of the m nearest
    of the same value and another label, and of the same label and another value; nan where there are fewer.
    """
    found = np.empty(len(vectors))
    for block, away in _distances(vectors, patients):
        same_label, same_value = (each[block, None] == each[None] for each in (labels, codes))
        kinds = (same_label & ~same_value, ~same_label & same_value)
        near = [np.partition(np.where(kind, away, np.inf), m - 1, axis=1)[:, :m].mean(axis=1) for kind in kinds]
        with np.errstate(invalid="ignore"):
            found[block] = (near[1] - near[0]) / (near[1] + near[0])
    return found


def typical_distance(near: Neighbours, codes: Codes, k: int) -> float:
    """The distance that MaRI's weights decay with: the median of the k neighbours of one kind or the other."""
    typed = near.there[:, :k] & (near.same_label[:, :k] != (codes[near.rows[:, :k]] == codes[:, None]))
    tau = float(np.median(near.distances[:, :k][typed])) if typed.any() else 0.0
    return tau or _TAU


def robustness_index(near: Neighbours, k: int, tau: float | None = None) -> FieldIndex:
    """RI at depth k: of neighbours of the same label or the same value, but not both, the share with the same label.
    tau: MaRI, whose neighbours weigh exp(-distance / tau).
    """
    rows, same_label, there = near.rows[:, :k], near.same_label[:, :k], near.there[:, :k]
    weights = there.astype(float) if tau is None else np.where(there, np.exp(-near.distances[:, :k] / tau), 0.0)

    def index(codes: Codes) -> Floats:
        found = np.full(len(codes), 0.5)
        for i, row in enumerate(codes):
            typed = same_label != (row[rows] == row[:, None])
            total = weights[typed].sum()
            if total > 0:
                found[i] = weights[typed & same_label].sum() / total
        return found

    return index


def robustness_margin(near: Neighbours, m: int) -> FieldIndex:
    """CRoMa: the median margin (``margins_of``) of the records that have m of each kind among the neighbours."""
    distances = np.where(near.there, near.distances, 0.0)

    def index(codes: Codes) -> Floats:
        found = np.zeros(len(codes))
        for i, row in enumerate(codes):
            same_value = row[near.rows] == row[:, None]
            means = []
            for kind in (near.same_label & ~same_value, ~near.same_label & same_value):
                first = kind & near.there
                first &= first.cumsum(axis=1) <= m
                means.append(np.where(first.sum(axis=1) == m, (distances * first).sum(axis=1), np.nan) / m)
            with np.errstate(invalid="ignore"):
                margins = (means[1] - means[0]) / (means[1] + means[0])
            known = margins[np.isfinite(margins)]
            found[i] = np.median(known) if len(known) else 0.0
        return found

    return index
