"""Do two groups of vectors come from one distribution? A two-sample test by the maximum mean discrepancy.

The statistic is the unbiased estimate of the squared discrepancy (Gretton et al., JMLR 13, 2012) with a Gaussian kernel
whose width is the median distance; its null is of permutations that exchange whole patients, as in ``shift``. It sees
what moves all pictures a little, such as another grey scale, of which the distance to the nearest one says little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import metrics
from lookalike.evaluation.permutations import Codes, permutation_null, shuffles
from lookalike.evaluation.shift import drawn_patients
from lookalike.metrics import Floats
from lookalike.types import Vectors

_MOST: Final = 1000  # records of a group that are compared, whole patients at random


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """squared: the estimate of the squared discrepancy, about 0 where the groups are alike. p: how often it is as
    large, or larger, while whole patients change sides. first, second: how many records were compared.
    """

    squared: float
    p: float
    first: int
    second: int


def discrepancy_test(
    first: Vectors, owners: Sequence[str], second: Vectors, others: Sequence[str], seed: int
) -> Discrepancy | None:
    """Compare vectors (n, dim) of patients with others (m, dim). None with fewer than two patients on a side."""
    if min(len(set(owners)), len(set(others))) < 2:
        return None
    some, more = drawn_patients(owners, _MOST, seed), drawn_patients(others, _MOST, seed)
    vectors = np.concatenate([first[some], second[more]])
    patients = metrics.numbered([*(owners[i] for i in some), *(others[i] for i in more)])
    codes = np.repeat([0, 1], [len(some), len(more)])
    squared = _SquaredDiscrepancy(vectors)
    observed = float(squared(codes[None])[0])
    p = permutation_null(observed, squared, shuffles(codes, patients, np.zeros_like(codes), seed)).p
    return Discrepancy(round(observed, 8), round(p, 6), len(some), len(more))


class _SquaredDiscrepancy:
    """(b, n) codes, 1 for the second group -> (b,) squared discrepancies."""

    def __init__(self, vectors: Vectors) -> None:
        apart = np.maximum(2 - 2 * (vectors @ vectors.T).astype(np.float64), 0)
        width = max(float(np.median(apart[np.triu_indices(len(apart), 1)])), 1e-12)
        self.kernel = np.exp(-apart / width)
        np.fill_diagonal(self.kernel, 0)

    def __call__(self, codes: Codes) -> Floats:
        second = codes.astype(np.float64)
        count = second.sum(axis=1)
        rest = codes.shape[1] - count
        rows = second @ self.kernel
        within = (rows * second).sum(axis=1)
        across = rows.sum(axis=1) - within
        others = self.kernel.sum() - 2 * across - within
        pairs = [np.maximum(each, 1) for each in (count * (count - 1), rest * (rest - 1), count * rest)]
        return np.asarray(within / pairs[0] + others / pairs[1] - 2 * across / pairs[2])
