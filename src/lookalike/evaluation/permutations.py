"""Null distributions by permutation: what an index would be if a field had nothing to do with the pictures.

The field's values are exchanged between patients, whole patients at a time: records of one patient are no independent
witnesses. A patient whose records have several values gives all of them, in any order, as one pattern.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.int64]
Shuffles: TypeAlias = Callable[[int], Codes]
"""Called with how many are wanted: (b, n) codes of the values, shuffled."""

MOST: Final = 999  # permutations
_ENOUGH: Final = 10  # of them beyond the index: it is within its null, and more would say nothing new (Besag 1991)
_BLOCK: Final = 111  # permutations at once: a ninth of the most


@dataclass(frozen=True, slots=True)
class PermutationNull:
    """p: how often the index is as extreme, or more so, while patients' values are exchanged at random (one-sided).
    low, high: the middle 95 % of the index then. permutations: how many were drawn.
    """

    p: float
    low: float
    high: float
    permutations: int


def shuffles(codes: Codes, patients: Codes, strata: Codes, seed: int) -> tuple[Shuffles, float]:
    """Shuffled codes (n,), and the natural logarithm of how many different arrangements of patients there are.

    patients, strata (n,): numbers; values are exchanged between patients of one stratum only (that of a patient's
    first record). Patients of different sizes may exchange: a longer one repeats what it gets.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(patients, kind="stable")  # records by patient
    _, starts, sizes = np.unique(patients[order], return_index=True, return_counts=True)
    within = np.arange(len(codes)) - np.repeat(starts, sizes)
    owner, of_patient = np.repeat(np.arange(len(sizes)), sizes), strata[order][starts]
    home = np.argsort(of_patient, kind="stable")  # patients by stratum
    mixed = bool((codes[order] != np.repeat(codes[order][starts], sizes)).any())

    def shuffled(count: int) -> Codes:
        found = np.empty((count, len(codes)), np.int64)
        for row in found:
            given, pattern = np.empty(len(sizes), np.int64), codes[order]
            given[home] = np.lexsort((rng.random(len(sizes)), of_patient))
            if mixed:
                pattern = pattern[np.lexsort((rng.random(len(codes)), owner))]
            giver = given[owner]
            row[order] = pattern[starts[giver] + within % sizes[giver]]
        return found

    return shuffled, _arrangements(codes[order][starts], of_patient) if not mixed else math.inf


def _arrangements(values: Codes, strata: Codes) -> float:
    """The logarithm of how many ways there are to deal values to patients within their strata."""
    total = 0.0
    for stratum in np.unique(strata):
        _, counts = np.unique(values[strata == stratum], return_counts=True)
        total += math.lgamma(counts.sum() + 1) - sum(math.lgamma(count + 1) for count in counts.tolist())
    return total


def permutation_null(
    observed: float,
    statistic: Callable[[Codes], NDArray[np.float64]],
    shuffled: tuple[Shuffles, float],
    *,
    most: int = MOST,
    less: bool = False,
) -> PermutationNull:
    """The null of an index that is ``observed``. statistic: (b, n) codes -> (b,). less: small values are extreme.

    With few permutations beyond the index its p is that of a Pearson type III distribution of their mean, variance
    and skewness (Winkler et al., NeuroImage 141, 2016), no smaller than one in all arrangements that there are.
    """
    draw, arrangements = shuffled
    sign = -1.0 if less else 1.0
    values, beyond = np.empty(0), 0
    while len(values) < most and (beyond < _ENOUGH or len(values) < 2 * _BLOCK):
        values = np.append(values, statistic(draw(min(_BLOCK, most - len(values)))))
        beyond = int((sign * values >= sign * observed - 1e-12).sum())
    p = (beyond + 1) / (len(values) + 1)
    if beyond < _ENOUGH:
        p = min(p, max(tail(sign * observed, sign * values), math.exp(-min(arrangements, 700.0))))
    low, high = np.quantile(values, [0.025, 0.975])
    return PermutationNull(float(p), round(float(low), 6), round(float(high), 6), len(values))


def tail(observed: float, values: NDArray[np.float64]) -> float:
    """P(X >= observed) of the Pearson type III distribution with the values' first three moments."""
    from scipy.special import gammainc, gammaincc, ndtr

    centre, spread = float(values.mean()), float(values.std())
    if spread < 1e-12:
        return 1.0
    skewness = float(((values - centre) ** 3).mean() / spread**3)
    away = (observed - centre) / spread
    if abs(skewness) < 1e-3:
        return float(ndtr(-away))
    side = gammaincc if skewness > 0 else gammainc
    return float(side(4 / skewness**2, max(0.0, (away + 2 / skewness) * 2 / skewness)))


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """p values adjusted for their number (Holm, Scand. J. Statist. 6, 1979), in the same order."""
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
