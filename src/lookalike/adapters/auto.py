"""The kind that chooses itself: the simplest one that is not surely worse than the best, on patients left out.

The kinds are trained on patient-disjoint folds, and each left-out record asks the others in the new space: macro P@5.
The choice follows the one-standard-error rule (Breiman et al., Classification and Regression Trees, 1984): of all kinds
within one standard error of the best, the simplest. The error is that of the difference between the two on the same
queries, resampled by patient. What is chosen is trained anew on all records.

This is one training like any other: whoever measures an adapter of this kind on folds lets it choose anew in each, so
that no record that judges the choice has had a part in it (nested folds).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from lookalike import metrics, voting
from lookalike.adapters.adapter import Adapter, AdapterNetwork, transform
from lookalike.adapters.lda import train_lda
from lookalike.adapters.linear import train_linear
from lookalike.adapters.mlp import train_mlp
from lookalike.adapters.samples import Samples, stratified_folds, whole_patients
from lookalike.adapters.svm import train_svm
from lookalike.errors import MissingExtraError, UsageError
from lookalike.learning_curves import TrainingPoint, curves_followed, curves_followed_by
from lookalike.metrics import Floats
from lookalike.progress import tracked

BY_SIMPLICITY: Final = {"linear": train_linear, "lda": train_lda, "svm": train_svm, "mlp": train_mlp}
"""The kinds to choose from, the simplest first: a weight a component and class; the same, and one covariance of all
components; margins on a thousand features; sixteen networks of two layers.
"""
DEPTH: Final = 5
_FOLDS: Final = 3
_MOST: Final = 600  # records that choose, whole patients; what is chosen is trained on all
_RESAMPLES: Final = 500
_ONE_ERROR: Final = 0.6827  # the share of a normal distribution within one standard error


@dataclass(frozen=True, slots=True)
class KindScore:
    """Macro P@5 of a kind on left-out patients with its 95 % interval by patient, and how far it lies behind the best
    kind, with one standard error on either side.
    """

    precision: float
    interval: tuple[float, float]
    behind: tuple[float, float, float]


def train_auto(data: Samples, seed: int) -> tuple[AdapterNetwork, dict[str, Any]]:
    """The network of the kind that was chosen, with its notes, its name (``chosen``) and the scores of all (``tried``).

    A kind whose package is missing is left out (``missing``). Where there are too few patients for folds the simplest
    is taken. Raises UsageError if none can be trained.
    """
    values, asked, missing = _compared(data, seed)
    scores = _scores(values, asked, seed) if values else {}
    chosen = chosen_of(scores)
    network, notes = BY_SIMPLICITY[chosen](data, seed)
    tried = {
        kind: {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(score).items()}
        for kind, score in scores.items()
    }
    return network, {**notes, "chosen": chosen, "tried": tried, "missing": missing}


def chosen_of(scores: Mapping[str, KindScore]) -> str:
    """The simplest kind within one standard error of the best; the simplest of all where none was tried."""
    within = [kind for kind in BY_SIMPLICITY if kind in scores and scores[kind].behind[2] >= 0]
    return within[0] if within else next(iter(BY_SIMPLICITY))


def _compared(data: Samples, seed: int) -> tuple[dict[str, Floats], Samples, list[str]]:
    """The P@5 (q,) of all folds' queries by kind, these queries, and the kinds that could not be tried."""
    sample, missing, parts, asked = data.take(whole_patients(data.groups, _MOST, seed)), [], [], []
    folds = stratified_folds(sample, _FOLDS, seed)
    for fold in tracked(range(int(folds.max()) + 1)):
        with suppress(UsageError):  # a fold whose other records bear too few labels
            known, found = sample.learnable(folds != fold), {}
            for kind in [kind for kind in BY_SIMPLICITY if kind not in missing]:
                try:
                    found[kind] = _precision(kind, known, sample.take(folds == fold), seed)
                except MissingExtraError:
                    missing.append(kind)
            parts.append(found)
            _tell(parts)
            asked.append(np.flatnonzero(folds == fold))
    tried = [kind for kind in BY_SIMPLICITY if parts and kind not in missing]
    values = {kind: np.concatenate([found[kind] for found in parts]) for kind in tried}
    return values, sample.take(np.concatenate([np.empty(0, np.int64), *asked])), missing


def _tell(parts: Sequence[Mapping[str, Floats]]) -> None:
    """Tell who follows the curves what each kind has reached on the queries of the folds so far."""
    if (tell := curves_followed()) is not None:
        for kind in parts[-1]:
            values = np.concatenate([found[kind] for found in parts if kind in found])
            tell(TrainingPoint(f"mean P@{DEPTH}", kind, len(parts), float(np.nanmean(values))))


def _precision(kind: str, known: Samples, queries: Samples, seed: int) -> Floats:
    """P@5 (q,) of queries that ask other records in the space that these have made."""
    with curves_followed_by(None):
        network, _ = BY_SIMPLICITY[kind](known, seed)
    adapter = Adapter(kind, known.classes, known.multi_label, {}, {}, network)
    rows, _ = voting.nearest_rows(transform(adapter, queries.vectors), transform(adapter, known.vectors), DEPTH)
    borne = [[name in row for name in queries.classes] for row in map(set, known.labels)]
    shared = metrics.any_overlap(queries.targets > 0, borne)
    hits = np.take_along_axis(shared, rows, axis=1) & (rows >= 0)
    return metrics.precision_at(hits, shared.sum(axis=1), DEPTH)


def _scores(values: Mapping[str, Floats], asked: Samples, seed: int) -> dict[str, KindScore]:
    labels = asked.targets > 0
    macro = {kind: float(metrics.macro(each, labels)) for kind, each in values.items()}
    best = max(macro, key=lambda kind: macro[kind])

    def bounds(each: Floats, level: float) -> tuple[float, float]:
        low, high = metrics.bootstrap_interval(
            each, asked.groups, "macro", labels, samples=_RESAMPLES, seed=seed, level=level
        )
        return round(float(low), 6), round(float(high), 6)

    return {
        kind: KindScore(
            round(macro[kind], 6),
            bounds(each, 0.95),
            (round(macro[kind] - macro[best], 6), *bounds(each - values[best], _ONE_ERROR)),
        )
        for kind, each in values.items()
    }
