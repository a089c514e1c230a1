"""Sets of labels for a coverage that is asked for, with the coverage that was seen on the gallery's own records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lookalike import conformal, metrics, voting
from lookalike.errors import UsageError
from lookalike.evaluation.trained_classifier import NEAR, Trained
from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors

_STRATA: Final = (0.05, 0.2, 0.5)  # shares of the calibration records that lie farther away
_SAMPLES: Final = 500


@dataclass(frozen=True, slots=True)
class LabelSet:
    """labels: those that are not ruled out, the most probable first; it is always among them. coverage: as asked for:
    the share of new patients' records whose label is in their set. seen: that share among the gallery's own records,
    each by classifiers, a calibration and a set of other patients, with its 95 % interval; size: how many labels their
    sets hold on average. records, patients: that the sets are calibrated on. by_label: whether each label is judged by
    its own records, so that the coverage holds for each. widened: because the queries are unlike the gallery, or this
    one is.
    """

    labels: tuple[str, ...]
    coverage: float
    seen: float
    interval: tuple[float, float]
    size: float
    records: int
    patients: int
    by_label: bool
    widened: bool


def checked_coverage(coverage: float | None) -> float | None:
    """A coverage, or none. Raises UsageError."""
    if coverage is not None and not 0 < coverage < 1:
        raise UsageError(
            f"set is the share of sets that hold the label, above 0 and below 1, such as .9; got {coverage}"
        )
    return coverage


def why_no_set(trained: Trained, coverage: float) -> str:
    """Why there is no set of labels; "" if there is one."""
    if trained.data.multi_label:
        return "No set of labels: it speaks of one label a record, and records bear several."
    if trained.held is None:
        return "No set of labels: it needs probabilities that are calibrated on other patients' records."
    known, needed = len(np.unique(trained.held.patients)), conformal.fewest_patients(coverage)
    if known < needed:
        return f"No set of labels: {100 * coverage:g} % needs labelled records of {needed} patients, here are {known}."
    return ""


def conformal_sets(trained: Trained, queries: Vectors, coverage: float, *, shifted: bool = False) -> Bools:
    """The labels (q, c) in the set of each query (q, dim).

    shifted: the queries were found to be unlike the gallery. A label's p value is then the greater one of two: that by
    all calibration records, and that by weights that give them the queries' distances from their neighbours.
    """
    assert trained.held is not None
    held, p = trained.held, trained.calibration.probabilities(trained.fitted.logits(queries))
    conditional = conformal.by_label(held, coverage)
    values = conformal.p_values(p, held, conditional=conditional)
    if shifted:
        ratio = _likelihood(trained, queries)
        values = np.maximum(values, conformal.p_values(p, held, conditional=conditional, likelihood=ratio))
    return conformal.sets_of(p, values, coverage)


def _likelihood(trained: Trained, queries: Vectors) -> tuple[Floats, Floats]:
    """How much likelier calibration records and queries are among the queries than in the gallery, by strata of their
    mean cosine with their nearest records.
    """
    assert trained.judged is not None
    data = trained.data
    near = voting.mean_cosine(voting.nearest_within(data.vectors, NEAR, trained.judged, data.among))
    edges = np.quantile(near, _STRATA)
    strata = [np.searchsorted(edges, each, "right") for each in (near, trained.closeness(queries))]
    ours, theirs = (np.bincount(each, minlength=len(edges) + 1) for each in strata)
    shares = ours / ours.sum()
    ratio = (theirs + shares) / (theirs.sum() + 1) / np.maximum(shares, 1 / len(near))
    return ratio[strata[0]], ratio[strata[1]]


def label_set(
    trained: Trained, query: Vectors, coverage: float, seed: int, *, shifted: bool, outside: bool
) -> LabelSet:
    """The set of one query (1, dim). outside: it lies farther away than what can be judged, so nothing is ruled out."""
    assert trained.held is not None
    held, classes = trained.held, trained.data.classes
    inside = conformal_sets(trained, query, coverage, shifted=shifted)[0] | outside
    order = np.argsort(-trained.calibration.probabilities(trained.fitted.logits(query))[0], kind="stable")
    seen = conformal.sets_seen(held, coverage)
    covered = seen[np.arange(len(seen)), held.truth].astype(np.float64)
    low, high = metrics.bootstrap_interval(covered, held.patients, samples=_SAMPLES, seed=seed)
    return LabelSet(
        labels=tuple(classes[i] for i in order if inside[i]),
        coverage=coverage,
        seen=float(covered.mean()),
        interval=(float(low), float(high)),
        size=float(seen.sum(axis=1).mean()),
        records=len(seen),
        patients=len(np.unique(held.patients)),
        by_label=conformal.by_label(held, coverage),
        widened=shifted or outside,
    )
