"""Means over queries and over classes, with 95 % intervals resampled by patient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike import metrics
from lookalike.evaluation.experiment import Askers
from lookalike.evaluation.measures import PerQuery
from lookalike.evaluation.tables import cell

Figures: TypeAlias = dict[str, float | None]  # "P@1" -> value; None where no query could be scored
Interval: TypeAlias = tuple[float | None, float | None]
Mean: TypeAlias = Literal["micro", "macro"]

FEW: Final = 20
"""Patients; of fewer an interval is likely too narrow."""


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """Precision at each k of one space. intervals: 95 %, by the same keys as the figures."""

    micro: Figures
    macro: Figures
    per_class: dict[str, Figures]
    micro_intervals: dict[str, Interval]
    macro_intervals: dict[str, Interval]
    per_class_intervals: dict[str, dict[str, Interval]]


@dataclass(frozen=True, slots=True)
class Scoring:
    """ks: the depths, ascending. samples, seed: of the bootstrap."""

    ks: tuple[int, ...]
    samples: int
    seed: int


def scores_of(per_query: PerQuery, names: Sequence[str], askers: Askers, scoring: Scoring) -> ScoreSummary:
    """Micro, macro and per-class means with their intervals. per_query (q, names); or (q, c, names) of each label
    alone, where each pair of query and label counts as a query.
    """
    if per_query.ndim == 3:
        per_query, askers = _pairs(per_query, askers)

    def interval(statistic: metrics.Statistic) -> NDArray[np.float64]:
        return _interval(per_query, statistic, askers, scoring)

    classes = askers.classes
    by_class, class_interval = metrics.per_class(per_query, askers.labels), interval("per_class")
    return ScoreSummary(
        micro=_figures(names, metrics.micro(per_query)),
        macro=_figures(names, metrics.macro(per_query, askers.labels)),
        per_class={c: _figures(names, by_class[i]) for i, c in enumerate(classes)},
        micro_intervals=_intervals(names, interval("micro")),
        macro_intervals=_intervals(names, interval("macro")),
        per_class_intervals={c: _intervals(names, class_interval[:, i]) for i, c in enumerate(classes)},
    )


def _pairs(per_query: PerQuery, askers: Askers) -> tuple[PerQuery, Askers]:
    """(q, c, names) -> (pairs, names) of queries and their labels, with the queries of the pairs."""
    count, queries = len(askers.classes), len(per_query)
    values = per_query.reshape(-1, per_query.shape[2])
    borne = ~np.isnan(values).all(axis=1)
    labels, patients = np.tile(np.eye(count, dtype=bool), (queries, 1)), np.repeat(askers.patients, count)
    return values[borne], Askers(labels[borne], askers.classes, patients[borne], ())


def gain_of(
    difference: PerQuery, names: Sequence[str], askers: Askers, scoring: Scoring, mean: Mean = "macro"
) -> dict[str, tuple[float | None, float | None, float | None]]:
    """The mean of the differences (q, names), with its interval."""
    middle = metrics.micro(difference) if mean == "micro" else metrics.macro(difference, askers.labels)
    low, high = _interval(difference, mean, askers, scoring)
    return {name: (number_of(middle[i]), number_of(low[i]), number_of(high[i])) for i, name in enumerate(names)}


def narrow_note(patients: int, classes: Iterable[int] = (), unit: str = "patient") -> str:
    """That intervals are likely too narrow, in a line: all of them where patients are few, or those of classes; ""
    where they are not. classes: the patients of each. unit: what resamples draw.

    Of simulated patients whose queries agree, 95 % intervals of 5 to 15 hold the truth in 81 to 92 % of cases, from
    ``FEW`` on in 90 to 96 %, where the mean is .5 or .8 (``python -m benchmarks few_patients``); near 1, in fewer.
    """
    if patients < FEW:
        return f"{patients} {unit}s are few: intervals of fewer than {FEW} are likely too narrow."
    counts = list(classes)
    if small := sum(count < FEW for count in counts):
        return f"Intervals of classes with fewer than {FEW} {unit}s ({small} of {len(counts)}) are likely too narrow."
    return ""


def chance_of(per_query: PerQuery, askers: Askers) -> Figures:
    """The mean precision (q,) of a random order, micro and macro."""
    return {"macro": number_of(metrics.macro(per_query, askers.labels)), "micro": number_of(metrics.micro(per_query))}


def mean_rows(name: str, scores: ScoreSummary, chance: Figures, *about: str) -> list[list[str]]:
    """A row of cells for each mean: what it is, what else is to be said, the figures with intervals, chance."""
    return [
        [f"{name}, {mean}", *about, *(cell(figures[each], bounds[each]) for each in figures), cell(chance[mean])]
        for mean, figures, bounds in (
            ("macro", scores.macro, scores.macro_intervals),
            ("micro", scores.micro, scores.micro_intervals),
        )
    ]


def _interval(
    per_query: PerQuery, statistic: metrics.Statistic, askers: Askers, scoring: Scoring
) -> NDArray[np.float64]:
    return metrics.bootstrap_interval(
        per_query,
        metrics.numbered(askers.patients),
        statistic,
        labels=askers.labels,
        samples=scoring.samples,
        seed=scoring.seed,
    )


def number_of(value: Any) -> float | None:
    """A figure rounded to six places; None for nan."""
    return None if math.isnan(value) else round(float(value), 6)


def _figures(names: Sequence[str], values: NDArray[np.float64]) -> Figures:
    return {name: number_of(value) for name, value in zip(names, values, strict=True)}


def _intervals(names: Sequence[str], bounds: NDArray[np.float64]) -> dict[str, Interval]:
    return {name: (number_of(bounds[0][i]), number_of(bounds[1][i])) for i, name in enumerate(names)}
