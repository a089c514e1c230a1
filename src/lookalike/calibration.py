"""Calibration of probabilities, thresholds on them, and measures of calibration.

Pure functions. Logits (n, c) float64 as in `voting`; members (n, c) bool: the true labels of each row.
Everything here is fitted on out-of-fold logits: those of rows that their classifier has not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.metrics import Bools, Floats

Floating = TypeVar("Floating", bound=np.floating)
Finding: TypeAlias = Literal["positive", "possible", "negative"]

SENSITIVITY: Final = 0.9
FEWEST: Final = 10  # rows with a label, and rows without, that are needed to set its thresholds
BIAS_PENALTY: Final = 5.0
_STEPS: Final = 100
_RIDGE, _TINY = 1e-9, 1e-9  # of the Newton steps


def softmax(logits: NDArray[Floating]) -> NDArray[Floating]:
    """exp(z_c) / sum exp(z) over the last axis, in the precision of the logits."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def sigmoid(logits: NDArray[Floating]) -> NDArray[Floating]:
    """1 / (1 + exp(-z)), written with tanh, which does not overflow, in the precision of the logits."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """slope, bias (c,): p = softmax(slope * logit + bias), or with several labels sigmoid of the same.

    Where labels exclude each other they share one slope, the inverse temperature. Slopes are never negative.
    """

    multi_label: bool
    slope: Floats
    bias: Floats

    def probabilities(self, logits: Floats) -> Floats:
        """(n, c) logits -> (n, c) probabilities; rows sum to 1 unless multi_label."""
        scaled = self.slope * logits + self.bias
        return sigmoid(scaled) if self.multi_label else softmax(scaled)


def uncalibrated(labels: int, *, multi_label: bool) -> Calibration:
    """The calibration that leaves logits as they are."""
    return Calibration(multi_label, np.ones(labels), np.zeros(labels))


def calibrate(logits: Floats, members: Bools, *, multi_label: bool) -> Calibration:
    """Temperature and bias; with several labels Platt scaling of each."""
    if not multi_label:
        slope, bias = temperature_and_bias(logits, members)
        return Calibration(False, np.full(len(bias), slope), bias)
    pairs = np.array([platt(z, y) for z, y in zip(logits.T, members.T, strict=True)])
    return Calibration(True, pairs[:, 0], pairs[:, 1])


def temperature_and_bias(logits: Floats, members: Bools) -> tuple[float, Floats]:
    """The slope s and the biases b (c,) that minimise, summed over rows, the cross-entropy of softmax(s z + b) with
    the label, plus 5 sum b^2.

    The bias corrects a method's preference for some labels (that of a hub, of a centroid in the middle); the penalty
    keeps it near 0 where there are few rows. The targets are n/(n+1) for the label and 1/(n+1) distributed like the
    labels, as if one more row had been seen, so that few rows give no certainty. If the slope would be negative the
    logits are noise: it becomes 0. Source: bias-corrected temperature scaling, Alexandari et al.,
    ICML 2020, after Guo et al., ICML 2017; penalty and targets are ours.
    """
    count, labels = members.shape
    shares = (members.sum(axis=0) + 0.5) / (count + 0.5 * labels)
    target = (count * members + shares) / (count + 1)
    unit = float(logits.std()) or 1.0
    z = (logits - logits.max(axis=1, keepdims=True)) / unit

    def derivatives(w: Floats) -> tuple[float, Floats, Floats]:
        scaled, bias = w[0] * z + w[1:], w[1:]
        p = softmax(scaled)
        top = scaled.max(axis=1)
        loss = (np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - (target * scaled).sum(axis=1)).sum()
        gradient = np.r_[((p - target) * z).sum(), (p - target).sum(axis=0) + 2 * BIAS_PENALTY * bias]
        off = p * (z - (p * z).sum(axis=1, keepdims=True))
        hessian = np.empty((len(w), len(w)))
        hessian[0, 0], hessian[0, 1:] = (off * z).sum(), off.sum(axis=0)
        hessian[1:, 0], hessian[1:, 1:] = hessian[0, 1:], np.diag(p.sum(axis=0) + 2 * BIAS_PENALTY) - p.T @ p
        return float(loss + BIAS_PENALTY * (bias**2).sum()), gradient, hessian

    w = _minimise(np.zeros(labels + 1), derivatives)
    if w[0] <= 0:
        z = np.zeros_like(z)
        w = _minimise(np.zeros(labels + 1), derivatives)
    return float(w[0] / unit), w[1:]


def platt(logits: Floats, member: Bools) -> tuple[float, float]:
    """Slope and bias of p = sigmoid(slope * logit + bias), by maximum likelihood; logits, member (n,).

    The targets are Platt's (n+ + 1) / (n+ + 2) and 1 / (n- + 2) instead of 1 and 0, so that few rows give no
    certainty. If the slope would be negative the logits are noise: it becomes 0, and p the label's share.
    Source: Platt, Probabilistic outputs for support vector machines, 1999; Lin, Lin and Weng, Machine Learning
    68(3), 2007.
    """
    positives = int(member.sum())
    target = np.where(member, (positives + 1) / (positives + 2), 1 / (len(member) - positives + 2))
    prior = float(np.log(target.mean() / (1 - target.mean())))
    centre, unit = float(logits.mean()), float(logits.std())
    if unit == 0:
        return 0.0, prior
    rows = np.stack([(logits - centre) / unit, np.ones(len(logits))], axis=1)

    def derivatives(w: Floats) -> tuple[float, Floats, Floats]:
        z = rows @ w
        p = sigmoid(z)
        loss = float((np.logaddexp(0, z) - target * z).sum())
        return loss, rows.T @ (p - target), (rows * (p * (1 - p))[:, None]).T @ rows

    slope, bias = _minimise(np.array([0.0, prior]), derivatives)
    return (float(slope / unit), float(bias - slope * centre / unit)) if slope > 0 else (0.0, prior)


def _minimise(start: Floats, derivatives: Callable[[Floats], tuple[float, Floats, Floats]]) -> Floats:
    """Newton steps, halved until the loss falls, for a convex loss. derivatives: loss, gradient, hessian."""
    w = start
    for _ in range(_STEPS):
        loss, gradient, hessian = derivatives(w)
        step = np.linalg.solve(hessian + _RIDGE * np.eye(len(w)), gradient)
        while derivatives(w - step)[0] > loss and np.abs(step).max() > _TINY:
            step = step / 2
        w = w - step
        if np.abs(step).max() <= _TINY:
            break
    return w


# --- thresholds -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds on one label's probability. youden: the greatest sensitivity + specificity - 1. sensitive: the
    highest that still finds 90 % of the rows with the label."""

    youden: float
    sensitive: float

    def finding(self, probability: float) -> Finding:
        """At or above both: positive. Below both: negative. Between: possible."""
        passed = (probability >= self.youden) + (probability >= self.sensitive)
        names: tuple[Finding, ...] = ("negative", "possible", "positive")
        return names[passed]


def thresholds(probabilities: Floats, member: Bools, sensitivity: float = SENSITIVITY) -> Thresholds | None:
    """Both thresholds of one label, from probabilities (n,) and which rows have it (n,) bool.

    A row is found if its probability is at or above the threshold; candidates are the probabilities that occur,
    and of equally good ones the lowest, the more sensitive, is taken. None where fewer than ten rows have the label,
    or fewer than ten lack it (90 % of nine is all of them), or where no threshold beats chance.
    Source: Youden, Index for rating diagnostic tests, Cancer 3(1), 1950.
    """
    if min(member.sum(), (~member).sum()) < FEWEST:
        return None
    candidates = np.unique(probabilities)
    found, alarms = (_at_or_above(probabilities[rows], candidates) for rows in (member, ~member))
    if (found - alarms).max() <= 0:
        return None
    enough = candidates[found >= sensitivity]
    return Thresholds(float(candidates[np.argmax(found - alarms)]), float(enough[-1]))


def _at_or_above(values: Floats, candidates: Floats) -> Floats:
    return np.asarray(1 - np.searchsorted(np.sort(values), candidates, "left") / len(values))


# --- how good they are ------------------------------------------------------------------------------------------


def confidences(probabilities: Floats, members: Bools, *, multi_label: bool) -> tuple[Floats, Bools]:
    """The probability of each row's most probable label and whether it is right; with several labels of every label."""
    if multi_label:
        return probabilities.ravel(), members.ravel()
    rows, best = np.arange(len(probabilities)), probabilities.argmax(axis=1)
    return probabilities[rows, best], members[rows, best]


def expected_calibration_error(confidence: Floats, right: Bools, bins: int = 10) -> float:
    """ECE: over bins of equal width, the mean of |share right - mean confidence|, weighted by the rows in them.

    confidence, right: (m,). Source: Naeini et al., AAAI 2015; Guo et al., ICML 2017.
    """
    return float(_ece(confidence, right[None, :].astype(np.float64), bins)[0])


def calibration_floor(confidence: Floats, bins: int = 10, *, draws: int = 200, seed: int = 0) -> float:
    """The ECE to expect of perfectly calibrated confidences (m,): what chance alone gives.

    The mean over simulated outcomes, each right with the probability of its confidence.
    """
    outcomes = np.random.default_rng(seed).random((draws, len(confidence))) < confidence
    return float(_ece(confidence, outcomes.astype(np.float64), bins).mean())


def weighted_calibration_error(confidence: Floats, right: Bools, weights: Floats, bins: int = 10) -> Floats:
    """The ECE (w,) of the rows with each of some weights (w, m)."""
    return np.asarray(np.abs((weights * (right - confidence)) @ _bins(confidence, bins)).sum(1) / weights.sum(axis=1))


def _ece(confidence: Floats, right: Floats, bins: int) -> Floats:
    """One ECE for each row of right (draws, m)."""
    return np.asarray(np.abs((right - confidence) @ _bins(confidence, bins)).sum(axis=1) / len(confidence))


def _bins(confidence: Floats, bins: int) -> Bools:
    """(m, bins): the bin of each row."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return np.asarray(place[:, None] == np.arange(bins))


def brier(probabilities: Floats, members: Bools) -> float:
    """Mean over rows of the sum over labels of (p - y)^2. Source: Brier, Monthly Weather Review 78(1), 1950."""
    return float(((probabilities - members) ** 2).sum(axis=1).mean())


def auc(scores: Floats, member: Bools, folds: NDArray[np.int64]) -> float | None:
    """The share of pairs, one row with the label and one without, that the scores put in order; ties count half.

    Only rows of one fold are compared: classifiers of different folds have different scales. None if there is no
    pair. scores, member, folds: (n,).
    """
    ordered, pairs = 0.0, 0
    for fold in np.unique(folds):
        rows = folds == fold
        with_, without = scores[rows & member], np.sort(scores[rows & ~member])
        below = np.searchsorted(without, with_, "left") + np.searchsorted(without, with_, "right")
        ordered, pairs = ordered + below.sum() / 2, pairs + len(with_) * len(without)
    return float(ordered / pairs) if pairs else None
