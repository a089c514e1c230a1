"""How well labels part the vectors of a space, without a classifier: silhouettes, across patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from lookalike.asking.candidates import open_rows
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors

_BLOCK: Final = 512


def silhouettes(vectors: Vectors, members: Bools, patients: Sequence[str]) -> Floats:
    """The silhouette (n,) of each record by cosine distance d: (b - a) / max(a, b), with a the mean d to records of
    its own label and b the least mean d to those of another (Rousseeuw, J. Comput. Appl. Math. 20, 1987).

    members: (n, c) bool, one label each. Only records of other patients count, so that pictures of one patient, which
    are alike, make no cluster; nan where no other patient has the label, or another one.
    """
    opened, found = open_rows(patients), np.full(len(vectors), np.nan)
    weights = members.astype(np.float64)
    for start in range(0, len(vectors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        free = opened([(patient,) for patient in patients[rows]])
        distance = 1 - np.asarray(vectors[rows] @ vectors.T, np.float64)
        counts = free @ weights
        means = np.divide((distance * free) @ weights, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
        found[rows] = _of_means(means, members[rows])
    return found


def _of_means(means: Floats, own: Bools) -> Floats:
    """(q,) silhouettes from the mean distances (q, c) to each label's records."""
    within = np.where(own, means, 0).sum(axis=1)
    others = np.where(own | np.isnan(means), np.inf, means).min(axis=1, initial=np.inf)
    apart = others - within
    larger = np.maximum(within, others)
    return np.asarray(np.divide(apart, larger, out=np.full(len(own), np.nan), where=np.isfinite(larger) & (larger > 0)))
