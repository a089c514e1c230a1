"""How far readers agree beyond chance: Cohen's kappa of two, Fleiss' of more, with intervals.

kappa = (observed - expected) / (1 - expected). Cohen, Educational and Psychological Measurement 20, 1960: expected is
the chance that both say the same if each keeps to how often it says what. Fleiss, Psychological Bulletin 76, 1971: each
says it as often as all do together. Intervals: percentiles over patients drawn anew, as of every other figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.evaluation.scores import number_of
from lookalike.metrics import Floats

_SAMPLES: Final = 1000
_BOUNDS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Kappa:
    """agreed: the share of records of which the readers said the same; of Fleiss the share of pairs of readers. kappa:
    None where all said one thing, so that chance explains everything. low, high: its 95 % interval; None of fewer than
    two patients, or where it is None in every draw.
    """

    agreed: float
    kappa: float | None
    low: float | None
    high: float | None


def cohen_kappa(first: NDArray[np.int64], second: NDArray[np.int64], patients: NDArray[np.int64], seed: int) -> Kappa:
    """Of two readers. first, second: (n,) what each said of n records, as numbers from 0. patients: (n,) whose they
    are. seed: of the draws.
    """
    count = int(max(first.max(), second.max())) + 1
    observed = np.asarray(first == second, np.float64)
    return _kappa(observed, np.eye(count)[first], np.eye(count)[second], patients, seed)


def fleiss_kappa(said: NDArray[np.int64], patients: NDArray[np.int64], seed: int) -> Kappa:
    """Of all readers of the same records. said: (n, readers >= 2) what each said, as numbers from 0."""
    readers = said.shape[1]
    counts = np.eye(int(said.max()) + 1)[said].sum(axis=1)  # (n, values)
    observed = ((counts**2).sum(axis=1) - readers) / (readers * (readers - 1))
    return _kappa(observed, counts / readers, counts / readers, patients, seed)


def _kappa(observed: Floats, first: Floats, second: Floats, patients: NDArray[np.int64], seed: int) -> Kappa:
    """observed: (n,) agreement on each record. first, second: (n, values) what is said, as shares."""
    codes = metrics.numbered(patients)
    groups, parts = int(codes.max()) + 1, np.column_stack([np.ones(len(observed)), observed, first, second])
    sums = np.zeros((groups, parts.shape[1]))
    np.add.at(sums, codes, parts)
    weights = metrics.resample_weights(np.random.default_rng(seed), groups, _SAMPLES)
    drawn = _beyond_chance(np.asarray(weights @ sums, np.float64), first.shape[1])
    kappa = float(_beyond_chance(sums.sum(axis=0)[None], first.shape[1])[0])
    known = np.isfinite(drawn)
    low, high = np.quantile(drawn[known], _BOUNDS) if groups > 1 and known.any() else (np.nan, np.nan)
    return Kappa(float(observed.mean()), number_of(kappa), number_of(low), number_of(high))


def _beyond_chance(sums: Floats, values: int) -> Floats:
    """kappa (s,) of sums (s, 2 + 2 values): records, agreement, what each side says; nan where chance is certain."""
    means = sums[:, 1:] / sums[:, :1]
    expected = (means[:, 1 : 1 + values] * means[:, 1 + values :]).sum(axis=1)
    left = 1 - expected
    certain = left < 1e-12
    return np.asarray(np.where(certain, np.nan, (means[:, 0] - expected) / np.where(certain, 1, left)))
