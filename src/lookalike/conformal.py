"""Conformal prediction sets: the labels that records with known labels do not rule out, for a coverage that is asked
for.

Pure functions. The score of a label for a row is 1 - its probability (LAC: Sadinle, Lei and Wasserman, JASA 114, 2019).
A label's p value for a query is the weight of the calibration records whose own label scores as high or higher, the
query itself counted; the set holds the labels whose p value is above 1 - coverage. Calibration records are judged by
classifiers that have not seen their patients (cross-conformal: Vovk, Ann. Math. Artif. Intell. 74, 2015). Records of
one patient are no independent witnesses: each patient has one vote, divided among its records (Dunn, Wasserman and
Ramdas, JASA 118, 2023).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.metrics import Bools, Floats

_ROUNDING: Final = 1e-9
_A_LABEL: Final = 2  # times as many patients as a set needs: a label that has them is judged by its own records


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Calibration records, judged out of fold. p (n, c): calibrated on the other folds. truth (n,): the number of the
    label. patients, folds (n,): numbers.
    """

    p: Floats
    truth: NDArray[np.int64]
    patients: NDArray[np.int64]
    folds: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64] | Bools) -> HeldOut:
        """Some of the records."""
        return HeldOut(self.p[rows], self.truth[rows], self.patients[rows], self.folds[rows])

    @property
    def scores(self) -> Floats:
        """1 - the probability of each record's own label, (n,)."""
        return np.asarray(1 - self.p[np.arange(len(self.p)), self.truth])


def fewest_patients(coverage: float) -> int:
    """How many patients a coverage needs: with fewer no label can ever be ruled out."""
    return math.ceil(1 / (1 - coverage) - _ROUNDING) - 1


def by_label(held: HeldOut, coverage: float) -> bool:
    """Whether every label has patients enough to be judged by its own records (class-conditional: Vovk, 2012)."""
    enough = _A_LABEL * fewest_patients(coverage)
    return all(len(np.unique(held.patients[held.truth == label])) >= enough for label in range(held.p.shape[1]))


def patient_votes(patients: NDArray[np.int64]) -> Floats:
    """One vote a patient, divided among its records, (n,)."""
    _, place, counts = np.unique(patients, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[place])


def p_values(p: Floats, held: HeldOut, *, conditional: bool, likelihood: tuple[Floats, Floats] | None = None) -> Floats:
    """The p value (q, c) of each label for queries whose probabilities are p (q, c).

    conditional: a label is judged by its own records. likelihood: how much likelier calibration records (n,) and
    queries (q,) are among the queries than in the gallery (Tibshirani, Barber, Candes and Ramdas, NeurIPS 2019); 1
    without.
    """
    of_held, of_queries = likelihood or (np.ones(len(held.p)), np.ones(len(p)))
    scores, found = held.scores, np.empty(p.shape)
    for label in range(p.shape[1]):
        rows = np.flatnonzero(held.truth == label) if conditional else np.arange(len(held.p))
        votes = patient_votes(held.patients[rows]) * of_held[rows]
        order = np.argsort(scores[rows], kind="stable")
        above = np.append(np.cumsum(votes[order][::-1])[::-1], 0.0)
        place = np.searchsorted(scores[rows][order], 1 - p[:, label] - _ROUNDING, "left")
        found[:, label] = (above[place] + of_queries) / (votes.sum() + of_queries)
    return found


def sets_of(p: Floats, values: Floats, coverage: float) -> Bools:
    """The labels (q, c) in each query's set: those not ruled out, and always the most probable one."""
    inside: Bools = values > 1 - coverage + _ROUNDING
    inside[np.arange(len(p)), p.argmax(axis=1)] = True
    return inside


def sets_seen(held: HeldOut, coverage: float) -> Bools:
    """The sets (n, c) that the calibration records get, each from the other folds' records."""
    conditional, inside = by_label(held, coverage), np.empty(held.p.shape, np.bool_)
    for fold in np.unique(held.folds):
        rows = held.folds == fold
        values = p_values(held.p[rows], held.take(~rows), conditional=conditional)
        inside[rows] = sets_of(held.p[rows], values, coverage)
    return inside
