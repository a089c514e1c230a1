"""How well an adapter's own head names labels, on records of patients that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import adapters, calibration, metrics
from lookalike.adapters import Adapter
from lookalike.evaluation.labelled import Labelled
from lookalike.evaluation.scores import Interval, number_of
from lookalike.evaluation.splits import Split
from lookalike.metrics import Bools, Floats

_RESAMPLES: Final = 200


@dataclass(frozen=True, slots=True)
class HeadScore:
    """A figure with its 95 % interval, resampled by patient."""

    value: float | None
    interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class _Predicted:
    """p, members (q, c): the probabilities and the true labels. patients, folds (q,): numbers."""

    p: Floats
    members: Bools
    patients: NDArray[np.int64]
    folds: NDArray[np.int64]
    multi_label: bool


def head_scores(data: Labelled, parts: Sequence[Split], fitted: Sequence[Adapter], seed: int) -> dict[str, HeadScore]:
    """Figures of adapters, each on the queries of its part, which it has not been trained on; macro over the labels.

    auc: one against the rest, over the pairs within a fold. balanced_accuracy: the mean sensitivity, with several
    labels a record the mean of sensitivity and specificity. precision, recall, f1: of the most probable label, with
    several of each at or above one half. ece: expected calibration error. brier.
    """
    found = _predicted(data, parts, fitted)
    times = metrics.resample_weights(np.random.default_rng(seed), int(found.patients.max()) + 1, _RESAMPLES)
    weights = np.concatenate([np.ones((1, len(found.p))), times[:, found.patients]])
    scores = {**_named_rightly(found, weights), **_calibrated(found, weights), "auc": _auc(found, weights)}
    return {name: _with_interval(values) for name, values in sorted(scores.items())}


def _with_interval(values: Floats) -> HeadScore:
    """values: of all records, then of each resample."""
    drawn = values[1:][~np.isnan(values[1:])]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (np.nan, np.nan)
    return HeadScore(number_of(values[0]), (number_of(low), number_of(high)))


def _predicted(data: Labelled, parts: Sequence[Split], fitted: Sequence[Adapter]) -> _Predicted:
    classes = tuple(sorted({label for labels in data.labels for label in labels}))
    members, patients = metrics.membership(data.labels, classes), metrics.numbered(data.patients)
    p = np.zeros(members.shape)
    for part, adapter in zip(parts, fitted, strict=True):
        known = np.array([classes.index(name) for name in adapter.classes])  # another label has no probability
        asked = data.take(part.queries)
        p[np.ix_(part.queries, known)] = adapters.predict(adapter, asked.vectors, asked.slices)
    rows = np.concatenate([part.queries for part in parts])
    folds = np.repeat(np.arange(len(parts)), [len(part.queries) for part in parts])
    return _Predicted(p[rows], members[rows], patients[rows], folds, bool((members.sum(1) > 1).any()))


def _named_rightly(found: _Predicted, weights: Floats) -> dict[str, Floats]:
    """weights (w, q) of the records -> each figure (w,)."""
    named = found.p >= 0.5 if found.multi_label else found.p == found.p.max(axis=1, keepdims=True)
    right, borne, told = (weights @ each.astype(np.float64) for each in (named & found.members, found.members, named))
    lacked = weights @ (~found.members).astype(np.float64)
    there = borne > 0
    recall, precision = _ratio(right, borne), _ratio(right, told)
    spared = 1 - _ratio(told - right, lacked)
    return {
        "balanced_accuracy": _over((recall + spared) / 2 if found.multi_label else recall, there),
        "precision": _over(precision, there),
        "recall": _over(recall, there),
        "f1": _over(_ratio(2 * right, borne + told), there),
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Zero where there is nothing to divide by: a label that is never named has no precision."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _over(values: Floats, there: Bools) -> Floats:
    """The mean (w,) over the labels that some record bears."""
    return np.asarray(np.where(there, values, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1))


def _calibrated(found: _Predicted, weights: Floats) -> dict[str, Floats]:
    confidence, right = calibration.confidences(found.p, found.members, multi_label=found.multi_label)
    each = np.repeat(weights, len(confidence) // len(found.p), axis=1)
    apart = ((found.p - found.members) ** 2).sum(axis=1)
    return {
        "ece": np.asarray(calibration.weighted_calibration_error(confidence, right, each)),
        "brier": weights @ apart / weights.sum(axis=1),
    }


def _auc(found: _Predicted, weights: Floats) -> Floats:
    """The mean over the labels of the share of pairs within a fold that are in order; nan where there is no pair."""
    areas = []
    for column, member in enumerate(found.members.T):
        ordered, pairs = np.zeros(len(weights)), np.zeros(len(weights))
        for fold in np.unique(found.folds):
            with_, without = (np.flatnonzero((found.folds == fold) & side) for side in (member, ~member))
            above = found.p[with_, None, column] - found.p[None, without, column]
            ordered += ((weights[:, with_] @ ((np.sign(above) + 1) / 2)) * weights[:, without]).sum(axis=1)
            pairs += weights[:, with_].sum(axis=1) * weights[:, without].sum(axis=1)
        areas.append(np.divide(ordered, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))
    return np.array([np.mean(row[~np.isnan(row)]) if not np.isnan(row).all() else np.nan for row in np.array(areas).T])
